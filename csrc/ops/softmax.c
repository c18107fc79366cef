/* softmax.c -- softmax and its logarithm along a dimension. */
#include "../core/parallel.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include "shape.h"
#include <math.h>
#include <string.h>

/* Elements of a task: an exponential takes some nanoseconds. */
#define TASK_ELEMENTS 16384
/* Columns that are taken together. */
#define STRIP 64

/* Tensors viewed as [outer, n, inner]; sums run along n. Forward reads x, backward y (the result) and g. */
typedef struct lines {
    const void *x, *y, *g;
    void *out;
    int64_t n, inner;
    bool log;
} lines;

static void forward_row(const lines *p, const float *x, float *out)
{
    float top;
    double sum = pc_k->f32_exp_row(p->log ? NULL : out, x, p->n, &top);
    if (p->log) pc_k->f32_affine_run(out, x, p->n, 1, top, (float)-log(sum));
    else pc_k->f32_affine_run(out, out, p->n, (float)(1 / sum), 0, 0);
}

static void forward_columns(const lines *p, const float *restrict x, float *restrict out, int64_t width)
{
    float top[STRIP], sum[STRIP];
    const int64_t n = p->n, step = p->inner;
    pc_k->f32_exp_columns(p->log ? NULL : out, x, n, step, width, top, sum);
    for (int64_t j = 0; j < width; j++) sum[j] = p->log ? logf(sum[j]) : 1 / sum[j];
    for (int64_t k = 0; k < n; k++)
        for (int64_t j = 0; j < width; j++)
            out[k * step + j] = p->log ? x[k * step + j] - top[j] - sum[j] : out[k * step + j] * sum[j];
}

/* softmax: y * (g - sum of g * y); its logarithm: g - exp(y) * sum of g */
static void backward_row(const lines *p, const float *restrict y, const float *restrict g, float *restrict out)
{
    double sum, dot;
    pc_k->f32_norm_sums_run(g, y, p->n, 0, NULL, &sum, &dot);
    const float s = (float)(p->log ? sum : dot);
    if (p->log)
        pc_k->f32_exp(NULL, p->n, (char *const[]){ (char *)out, (char *)y }, (int64_t[]){ sizeof *out, sizeof *y });
    for (int64_t k = 0; k < p->n; k++) out[k] = p->log ? g[k] - out[k] * s : y[k] * (g[k] - s);
}

static void backward_columns(const lines *p, const float *restrict y, const float *restrict g, float *restrict out,
                             int64_t width)
{
    double sum[STRIP] = { 0 };
    const int64_t n = p->n, step = p->inner;
    for (int64_t k = 0; k < n; k++) {
        for (int64_t j = 0; j < width; j++) {
            const int64_t at = k * step + j;
            sum[j] += p->log ? (double)g[at] : (double)g[at] * y[at];
        }
        if (p->log)
            pc_k->f32_exp(NULL, width, (char *const[]){ (char *)(out + k * step), (char *)(y + k * step) },
                          (int64_t[]){ sizeof *out, sizeof *y });
    }
    for (int64_t k = 0; k < n; k++)
        for (int64_t j = 0; j < width; j++) {
            const int64_t at = k * step + j;
            out[at] = p->log ? g[at] - out[at] * (float)sum[j] : y[at] * (g[at] - (float)sum[j]);
        }
}

/* Lines [begin, end) of outer * inner ones; those that are neighbours go together. */
static pc_status run_f32(void *ctx, int64_t begin, int64_t end)
{
    const lines *p = ctx;
    for (int64_t i = begin, width; i < end; i += width) {
        const int64_t at = i % p->inner, first = i / p->inner * p->n * p->inner + at;
        const float *x = (const float *)p->x + first, *y = (const float *)p->y + first,
                    *g = (const float *)p->g + first;
        float *out = (float *)p->out + first;
        width = p->inner - at < STRIP ? p->inner - at : STRIP;
        if (width > end - i) width = end - i;
        if (p->inner == 1 && p->x != NULL) forward_row(p, x, out);
        else if (p->inner == 1) backward_row(p, y, g, out);
        else if (p->x != NULL) forward_columns(p, x, out, width);
        else backward_columns(p, y, g, out, width);
    }
    return PC_OK;
}

static void forward_f64(const lines *p, const double *x, double *out)
{
    const int64_t n = p->n, step = p->inner;
    double top = x[0], sum = 0;
    for (int64_t k = 1; k < n; k++) top = x[k * step] > top ? x[k * step] : top;
    for (int64_t k = 0; k < n; k++) {
        double e = exp(x[k * step] - top);
        sum += e;
        if (!p->log) out[k * step] = e;
    }
    const double shift = log(sum);
    for (int64_t k = 0; k < n; k++) out[k * step] = p->log ? x[k * step] - top - shift : out[k * step] / sum;
}

static void backward_f64(const lines *p, const double *y, const double *g, double *out)
{
    const int64_t n = p->n, step = p->inner;
    double s = 0;
    for (int64_t k = 0; k < n; k++) s += p->log ? g[k * step] : g[k * step] * y[k * step];
    for (int64_t k = 0; k < n; k++)
        out[k * step] = p->log ? g[k * step] - exp(y[k * step]) * s : y[k * step] * (g[k * step] - s);
}

static pc_status run_f64(void *ctx, int64_t begin, int64_t end)
{
    const lines *p = ctx;
    for (int64_t i = begin; i < end; i++) {
        const int64_t first = i / p->inner * p->n * p->inner + i % p->inner;
        double *out = (double *)p->out + first;
        if (p->x != NULL) forward_f64(p, (const double *)p->x + first, out);
        else backward_f64(p, (const double *)p->y + first, (const double *)p->g + first, out);
    }
    return PC_OK;
}

static pc_status run(lines *p, const pc_tensor *t, int dim)
{
    int64_t count = 1;
    p->n = t->ndim > 0 ? t->shape[dim] : 1;
    p->inner = 1;
    for (int d = dim + 1; d < t->ndim; d++) p->inner *= t->shape[d];
    for (int d = 0; d < t->ndim; d++)
        if (d != dim) count *= t->shape[d];
    if (t->numel == 0) return PC_OK;
    return pc_parallel_for(count, TASK_ELEMENTS / p->n + 1, t->dtype == PC_F64 ? run_f64 : run_f32, p);
}

static pc_status forward(pc_call *c, bool log)
{
    pc_status status = PC_OK;
    pc_tensor *in = c->in[0], *x = NULL;
    int dim = 0;
    const pc_dtype d = c->v[1].kind == PC_DTYPE ? (pc_dtype)c->v[1].i : in->dtype, full = pc_work_dtype(d);
    PC_TRY(pc_wrap_dim(c->v[0].i, in->ndim, &dim));
    PC_CHECK(pc_dtype_is_float(d), PC_ENOTIMPL,
             "\"%ssoftmax%s_kernel_impl\" not implemented for '%s'. Give dtype=, for instance "
             "torch.float32",
             log ? "log_" : "", dim >= in->ndim - 1 ? "_lastdim" : "", pc_dtype_type_name(d));
    PC_TRY(pc_contiguous_as(in, full, &x));
    PC_TRY(pc_tensor_new(full, in->ndim, in->shape, &c->out[0]));
    lines p = { .x = pc_data(x), .out = pc_data(c->out[0]), .log = log };
    PC_TRY(run(&p, x, dim));
    PC_TRY(pc_become(&c->out[0], d));
done:
    pc_release(x);
    return status;
}
static pc_status softmax_forward(pc_call *c) { return forward(c, false); }
static pc_status log_softmax_forward(pc_call *c) { return forward(c, true); }

static pc_status backward(pc_call *c, pc_tensor *gout, bool log, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *g = NULL, *y = NULL, *out = c->out[0];
    const pc_dtype full = pc_work_dtype(out->dtype);
    int dim = 0;
    PC_TRY(pc_wrap_dim(c->v[0].i, out->ndim, &dim));
    PC_TRY(pc_contiguous_as(gout, full, &g));
    PC_TRY(pc_contiguous_as(out, full, &y));
    PC_TRY(pc_tensor_new(full, out->ndim, out->shape, &gin[0]));
    lines p = { .y = pc_data(y), .g = pc_data(g), .out = pc_data(gin[0]), .log = log };
    PC_TRY(run(&p, y, dim));
    PC_TRY(pc_become(&gin[0], c->in[0]->dtype));
done:
    pc_release(g);
    pc_release(y);
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

static const pc_op rows[] = {
    { "softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", softmax_forward, softmax_backward,
      PC_FUNCTION | PC_METHOD | PC_SAVE_OUT0, "Exponentials along dim, divided by their sum.\n"
      "dim: Along which the results add up to 1.\n"
      "dtype: Convert the input to it first." },
    { "log_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", log_softmax_forward, log_softmax_backward,
      PC_FUNCTION | PC_METHOD | PC_SAVE_OUT0, "Logarithm of the softmax along dim.\n"
      "dim: Along which the exponentials of the results add up to 1.\n"
      "dtype: Convert the input to it first." },
};
PC_FAMILY(softmax, rows);
