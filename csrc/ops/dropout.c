/* dropout.c -- dropout of elements and of whole channels. Hinton et al., arXiv:1207.0580. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "copy.h"
#include "random.h"
#include <string.h>

#define GRAIN 65536

/* y = x * noise, where noise is 0 or 1 / (1 - p); one mask byte covers `share` elements. */
typedef struct product {
    const void *x;
    void *y;
    const uint8_t *mask;
    double scale;
    int64_t share;
    bool wide;
} product;

static pc_status multiply(void *ctx, int64_t begin, int64_t end)
{
    const product *p = ctx;
    if (p->wide) {
        const double *x = p->x;
        double *y = p->y;
        for (int64_t k = begin; k < end; k++) y[k] = x[k] * (p->mask[k / p->share] ? p->scale : 0.0);
        return PC_OK;
    }
    const float *x = p->x;
    float *y = p->y, scale = (float)p->scale;
    if (p->share == 1)
        for (int64_t k = begin; k < end; k++) y[k] = x[k] * (p->mask[k] ? scale : 0.0f);
    else
        for (int64_t k = begin; k < end; k++) y[k] = x[k] * (p->mask[k / p->share] ? scale : 0.0f);
    return PC_OK;
}

/* noise as torch computes it: the mask divided by 1 - p, in the tensor's dtype. */
static double scale_of(pc_dtype d, double p)
{
    return d == PC_F64 ? 1.0 / (1.0 - p) : (double)(1.0f / (float)(1.0 - p));
}

static pc_status apply(const pc_tensor *x, pc_tensor *y, const pc_tensor *mask, double p)
{
    product job = { pc_data(x), pc_data(y), pc_data(mask), scale_of(x->dtype, p),
                    mask->numel > 0 ? x->numel / mask->numel : 1, x->dtype == PC_F64 };
    return pc_parallel_for(x->numel, GRAIN, multiply, &job);
}

/* The memory of t as one run: t itself if it is dense, otherwise a contiguous copy. */
static pc_status dense(pc_tensor *t, pc_tensor **out)
{
    if (!pc_is_dense(t)) return pc_contiguous(t, out);
    *out = pc_retain(t);
    return PC_OK;
}

static pc_status drop(pc_call *c, bool channels)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *y = NULL, *in = c->in[0];
    double p = c->v[0].f;
    int64_t n = in->numel;
    PC_CHECK(p >= 0 && p <= 1, PC_EVALUE, "dropout probability has to be between 0 and 1, but got %g", p);
    PC_CHECK(in->dtype == PC_F32 || in->dtype == PC_F64, PC_ESHAPE, "dropout: expected a float32 or float64 tensor, got %s",
             pc_dtype_name(in->dtype));
    if (channels) {
        PC_CHECK(in->ndim >= 2, PC_ESHAPE, "Feature dropout requires at least 2 dimensions in the input");
        n = in->shape[0] * in->shape[1];
        PC_TRY(pc_contiguous(in, &x));
    } else {
        PC_TRY(dense(in, &x));
    }
    if (in->numel == 0) n = 0;
    PC_TRY(pc_tensor_new(PC_U8, 1, &n, &c->aux[0]));
    if (p == 1) memset(pc_data(c->aux[0]), 0, (size_t)n);
    else pc_draw_bernoulli(pc_default_generator(), 1.0 - p, pc_data(c->aux[0]), n);
    if (c->inplace) y = pc_retain(in);
    else PC_TRY(pc_tensor_new_strided(x->dtype, x->ndim, x->shape, x->stride, &y));
    if (y == in && x != in) { /* in place, but not as one run */
        PC_TRY(apply(x, x, c->aux[0], p));
        PC_TRY(pc_copy(y, x));
    } else {
        PC_TRY(apply(x, y, c->aux[0], p));
    }
    c->out[0] = y;
    y = NULL;
done:
    pc_release(x);
    pc_release(y);
    return status;
}

/* Not training, or nothing to drop: the input itself, as a view. */
static pc_status identity(pc_call *c)
{
    if (c->inplace) {
        c->out[0] = pc_retain(c->in[0]);
        return PC_OK;
    }
    return pc_tensor_view(c->in[0], c->in[0]->ndim, c->in[0]->shape, c->in[0]->stride, c->in[0]->offset, &c->out[0]);
}
static pc_status dropout_forward(pc_call *c)
{
    return c->v[1].i == 0 || c->v[0].f == 0 ? identity(c) : drop(c, false);
}
static pc_status feature_dropout_forward(pc_call *c)
{
    return c->v[1].i == 0 || c->v[0].f == 0 ? identity(c) : drop(c, true);
}

static pc_status dropout_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *g = NULL, *gx = NULL;
    if (c->aux[0] == NULL) {
        gin[0] = pc_retain(gout[0]);
        return PC_OK;
    }
    const pc_tensor *out = c->out[0]; /* the mask follows the memory order of the output */
    bool as_output = pc_is_dense(out) && memcmp(out->stride, gout[0]->stride, sizeof out->stride) == 0;
    if (as_output) {
        g = pc_retain(gout[0]);
    } else {
        PC_TRY(pc_tensor_new_strided(out->dtype, out->ndim, out->shape, pc_is_dense(out) ? out->stride : NULL, &g));
        PC_TRY(pc_copy(g, gout[0]));
    }
    PC_TRY(pc_tensor_new_strided(g->dtype, g->ndim, g->shape, g->stride, &gx));
    PC_TRY(apply(g, gx, c->aux[0], c->v[0].f));
    gin[0] = gx;
    gx = NULL;
done:
    pc_release(g);
    pc_release(gx);
    return status;
}

static const pc_op table[] = {
    { "dropout(Tensor input, float p, bool train) -> Tensor", dropout_forward, dropout_backward, PC_FUNCTION | PC_INPLACE,
      "Zero each element with probability p and divide the others by 1 - p, if train." },
    { "feature_dropout(Tensor input, float p, bool train) -> Tensor", feature_dropout_forward, dropout_backward,
      PC_FUNCTION | PC_INPLACE, "Zero each channel with probability p and divide the others by 1 - p, if train." },
};
PC_FAMILY(dropout, table);
