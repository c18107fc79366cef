/* layout.h -- NHWC <-> NCHW and the pending ReLU, on raw memory. For core, and for whom gives it its kernel. */
#ifndef PC_LAYOUT_H
#define PC_LAYOUT_H
#include "status.h"
#include <stdint.h>

/* c planes from n pixels of c floats, `pitch` apart: a plain loop until ops, which may know kernels, gives a better
 * one. */
typedef void (*pc_planes_fn)(float *restrict dst, int64_t plane, const float *restrict src, int64_t pitch, int64_t c,
                             int64_t n);
void pc_set_layout_kernel(pc_planes_fn fn);

pc_status pc_layout_nhwc_to_nchw(const float *src, float *dst, int64_t n, int64_t c, int64_t h, int64_t w);
/* dst may be src. NaN stays NaN. */
pc_status pc_layout_relu(const float *src, float *dst, int64_t n);

#endif
