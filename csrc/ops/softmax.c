/* softmax.c -- softmax and its logarithm along a dimension. */
#include "../core/parallel.h"
#include "copy.h"
#include "softmax.h"
#include <inttypes.h>
#include <math.h>

/* Elements of a task: an exponential takes some 5 ns. */
#define TASK_ELEMENTS 16384

/* x viewed as [outer, n, inner]; the function runs along n. */
typedef struct lines {
    const void *x, *y, *g; /* input; or output and its gradient */
    void *out;
    int64_t n, inner;
    bool wide, log, backward;
} lines;

/* One body for both float types: R is the type of the elements, sums are in double. */
#define BODIES(R, EXP)                                                                             \
    static void forward_##R(const lines *p, int64_t first)                                         \
    {                                                                                              \
        const R *x = (const R *)p->x + first;                                                      \
        R *out = (R *)p->out + first;                                                              \
        int64_t n = p->n, step = p->inner;                                                         \
        R top = n > 0 ? x[0] : 0;                                                                  \
        for (int64_t k = 1; k < n; k++) top = x[k * step] > top ? x[k * step] : top;               \
        double sum = 0;                                                                            \
        for (int64_t k = 0; k < n; k++) {                                                          \
            R e = EXP(x[k * step] - top);                                                          \
            sum += e;                                                                              \
            if (!p->log) out[k * step] = e;                                                        \
        }                                                                                          \
        if (p->log) {                                                                              \
            R shift = (R)log(sum);                                                                 \
            for (int64_t k = 0; k < n; k++) out[k * step] = x[k * step] - top - shift;             \
        } else {                                                                                   \
            R scale = (R)(1 / sum);                                                                \
            for (int64_t k = 0; k < n; k++) out[k * step] *= scale;                                \
        }                                                                                          \
    }                                                                                              \
    static void backward_##R(const lines *p, int64_t first)                                        \
    {                                                                                              \
        const R *y = (const R *)p->y + first, *g = (const R *)p->g + first;                        \
        R *out = (R *)p->out + first;                                                              \
        int64_t n = p->n, step = p->inner;                                                         \
        double sum = 0;                                                                            \
        for (int64_t k = 0; k < n; k++) sum += p->log ? g[k * step] : (double)g[k * step] * y[k * step]; \
        R s = (R)sum;                                                                              \
        for (int64_t k = 0; k < n; k++)                                                            \
            out[k * step] = p->log ? g[k * step] - EXP(y[k * step]) * s : y[k * step] * (g[k * step] - s); \
    }
BODIES(float, expf)
BODIES(double, exp)

static pc_status run_lines(void *ctx, int64_t begin, int64_t end)
{
    const lines *p = ctx;
    for (int64_t i = begin; i < end; i++) {
        int64_t first = i / p->inner * p->n * p->inner + i % p->inner;
        if (p->backward && p->wide) backward_double(p, first);
        else if (p->backward) backward_float(p, first);
        else if (p->wide) forward_double(p, first);
        else forward_float(p, first);
    }
    return PC_OK;
}

static pc_status along(lines *p, const pc_tensor *t, int dim)
{
    int64_t count = 1;
    p->n = t->ndim > 0 ? t->shape[dim] : 1;
    p->inner = 1;
    for (int d = dim + 1; d < t->ndim; d++) p->inner *= t->shape[d];
    for (int d = 0; d < t->ndim; d++)
        if (d != dim) count *= t->shape[d];
    if (t->numel == 0) return PC_OK;
    p->wide = t->dtype == PC_F64;
    return pc_parallel_for(count, TASK_ELEMENTS / (p->n > 0 ? p->n : 1) + 1, run_lines, p);
}

static pc_status wrap_dim(const pc_tensor *t, int64_t dim, int *out)
{
    int64_t n = t->ndim > 0 ? t->ndim : 1;
    if (dim < -n || dim >= n)
        return pc_fail(PC_EINDEX, "Dimension out of range (expected to be in range of [%" PRId64 ", %" PRId64 "], but got %"
                       PRId64 ")", -n, n - 1, dim);
    *out = (int)(dim < 0 ? dim + n : dim);
    return PC_OK;
}

pc_status pc_softmax(pc_tensor *x, int dim, bool log, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *plain = NULL, *y = NULL;
    PC_TRY(pc_contiguous(x, &plain));
    PC_TRY(pc_tensor_new(x->dtype, x->ndim, x->shape, &y));
    lines p = { .x = pc_data(plain), .out = pc_data(y), .log = log };
    PC_TRY(along(&p, x, dim));
    *out = y;
    y = NULL;
done:
    pc_release(plain);
    pc_release(y);
    return status;
}

static pc_status forward(pc_call *c, bool log)
{
    pc_status status = PC_OK;
    int dim = 0;
    pc_tensor *x = NULL;
    pc_dtype d = c->v[1].kind == PC_DTYPE ? (pc_dtype)c->v[1].i : c->in[0]->dtype;
    PC_TRY(wrap_dim(c->in[0], c->v[0].i, &dim));
    PC_CHECK(d == PC_F32 || d == PC_F64, PC_ESHAPE, "\"%s\" not implemented for '%s'",
             log ? "log_softmax_lastdim_kernel_impl" : "softmax_lastdim_kernel_impl", pc_dtype_type_name(d));
    if (d == c->in[0]->dtype) x = pc_retain(c->in[0]);
    else PC_TRY(pc_cast(c->in[0], d, &x));
    PC_TRY(pc_softmax(x, dim, log, &c->out[0]));
done:
    pc_release(x);
    return status;
}
static pc_status softmax_forward(pc_call *c) { return forward(c, false); }
static pc_status log_softmax_forward(pc_call *c) { return forward(c, true); }

static pc_status backward(pc_call *c, pc_tensor *g, bool log, pc_tensor **gin)
{
    pc_status status = PC_OK;
    int dim = 0;
    pc_tensor *plain = NULL;
    PC_TRY(wrap_dim(c->out[0], c->v[0].i, &dim));
    PC_TRY(pc_contiguous(g, &plain));
    PC_TRY(pc_tensor_new(g->dtype, g->ndim, g->shape, &gin[0]));
    lines p = { .y = pc_data(c->out[0]), .g = pc_data(plain), .out = pc_data(gin[0]), .log = log, .backward = true };
    PC_TRY(along(&p, c->out[0], dim));
done:
    pc_release(plain);
    return status;
}
static pc_status softmax_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return backward(c, gout[0], false, gin);
}
static pc_status log_softmax_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return backward(c, gout[0], true, gin);
}

static const pc_op table[] = {
    { "softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", softmax_forward, softmax_backward,
      PC_FUNCTION | PC_METHOD | PC_SAVE_OUT0, "Exponentials along dim, divided by their sum." },
    { "log_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", log_softmax_forward, log_softmax_backward,
      PC_FUNCTION | PC_METHOD | PC_SAVE_OUT0, "Logarithm of the softmax along dim." },
};
PC_FAMILY(softmax, table);
