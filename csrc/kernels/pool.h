/* pool.h -- the geometry that the pooling kernels share. */
#ifndef PC_POOL_H
#define PC_POOL_H
#include <stdbool.h>
#include <stdint.h>

/* A [h, w, c] image and its pooled [oh, ow, c] one. */
typedef struct pc_pool {
    int64_t c, h, w, oh, ow;
    int64_t kh, kw, sh, sw, ph, pw, dh, dw;
    bool relu;         /* forward: x is to be read as max(0, x) */
    bool adaptive;     /* average: windows are those of adaptive pooling; kh .. dw are not used */
    bool include_pad;  /* average: padding counts in the divisor */
    int64_t divisor;   /* average: given by the caller, or 0 */
} pc_pool;

/* What max pooling notes for an output that ReLU has cut to 0; other codes are r * kw + s of the maximum. */
#define PC_POOL_KILLED 255

/* Positions [*lo, *hi) that output o of an axis pools, and what the axis contributes to the average's divisor. */
static inline int64_t pc_pool_window(const pc_pool *p, bool rows, int64_t o, int64_t *lo, int64_t *hi)
{
    int64_t size = rows ? p->h : p->w, k = rows ? p->kh : p->kw, pad = rows ? p->ph : p->pw;
    if (p->adaptive) {
        int64_t outputs = rows ? p->oh : p->ow;
        *lo = o * size / outputs;
        *hi = ((o + 1) * size + outputs - 1) / outputs;
        return *hi - *lo;
    }
    int64_t from = o * (rows ? p->sh : p->sw) - pad, to = from + k < size + pad ? from + k : size + pad;
    *lo = from > 0 ? from : 0;
    *hi = to < size ? to : size;
    return p->include_pad ? to - from : *hi - *lo;
}

#endif
