/* dropout.c -- dropout of elements and of whole channels. Hinton et al., arXiv:1207.0580. */
#include "../core/parallel.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include "random.h"
#include <string.h>

#define GRAIN 65536

/* noise as torch computes it: the mask divided by 1 - p, in the tensor's dtype. */
static double scale_of(pc_dtype d, double p)
{
    if (p == 1) return 0;
    return d == PC_F64 ? 1.0 / (1.0 - p) : (double)(1.0f / (float)(1.0 - p));
}

/* y = x * noise, noise being scale where the mask is 1 and 0 elsewhere. */
typedef struct product {
    const void *x;
    void *y;
    const uint8_t *mask;
    double scale;
    bool wide;
} product;

static pc_status multiply(void *ctx, int64_t begin, int64_t end)
{
    const product *p = ctx;
    if (p->wide) {
        const double *x = p->x;
        double *y = p->y;
        for (int64_t k = begin; k < end; k++) y[k] = x[k] * (p->mask[k] ? p->scale : 0.0);
    } else {
        pc_k->f32_mask((const float *)p->x + begin, p->mask + begin, (float)p->scale, end - begin,
                       (float *)p->y + begin);
    }
    return PC_OK;
}

/* All three in one order of memory; y may be x. */
static pc_status apply(const pc_tensor *x, const pc_tensor *mask, double p, pc_tensor *y)
{
    product job = { pc_data(x), pc_data(y), pc_data(mask), scale_of(x->dtype, p), x->dtype == PC_F64 };
    return pc_parallel_for(x->numel, GRAIN, multiply, &job);
}

static pc_status draw_mask(double p, int64_t n, pc_tensor **out)
{
    pc_status status = PC_OK;
    PC_TRY(pc_tensor_new(PC_U8, 1, &n, out));
    if (p == 1) memset(pc_data(*out), 0, (size_t)n);
    else PC_TRY(pc_draw_bernoulli(pc_default_generator(), 1.0 - p, pc_data(*out), n));
done:
    return status;
}

/* t itself if it is dense, otherwise a dense copy in the order of its memory. */
static pc_status dense(pc_tensor *t, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *copy = NULL;
    if (pc_is_dense(t)) {
        *out = pc_retain(t);
        return PC_OK;
    }
    PC_TRY(pc_new_in_order(t, t->dtype, &copy));
    PC_TRY(pc_copy(copy, t));
    *out = copy;
    copy = NULL;
done:
    pc_release(copy);
    return status;
}

static pc_status drop_elements(pc_call *c, double p)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *y = NULL, *in = c->in[0];
    PC_TRY(dense(in, &x));
    PC_TRY(draw_mask(p, in->numel, &c->aux[0]));
    if (c->inplace) { /* x is a copy if the memory of the tensor has gaps */
        PC_TRY(apply(x, c->aux[0], p, x));
        if (x != in) PC_TRY(pc_copy(in, x));
        c->out[0] = pc_retain(in);
    } else {
        PC_TRY(pc_tensor_new_strided(x->dtype, x->ndim, x->shape, x->stride, &y));
        PC_TRY(apply(x, c->aux[0], p, y));
        c->out[0] = y;
        y = NULL;
    }
done:
    pc_release(x);
    pc_release(y);
    return status;
}

/* *out = t * noise, outside the graph; in place if into is t. */
static pc_status times(pc_tensor *t, pc_tensor *noise, bool inplace, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *alias = NULL;
    int nout;
    PC_TRY(pc_tensor_alias(t, &alias));
    PC_TRY(pc_op_apply(pc_op_find("mul"), 2, (pc_tensor *[]){ alias, noise }, NULL, inplace, 1, out, &nout));
done:
    pc_release(alias);
    return status;
}

/* The noise is a tensor [N, C, 1, ..] of its own. */
static pc_status drop_channels(pc_call *c, double p)
{
    pc_status status = PC_OK;
    pc_tensor *mask = NULL, *written = NULL, *in = c->in[0];
    int64_t shape[PC_MAX_DIMS];
    PC_CHECK(in->ndim >= 2, PC_ESHAPE, "Feature dropout requires at least 2 dimensions in the input");
    for (int k = 0; k < in->ndim; k++) shape[k] = k < 2 ? in->shape[k] : 1;
    PC_TRY(draw_mask(p, shape[0] * shape[1], &mask));
    PC_TRY(pc_tensor_new(in->dtype, in->ndim, shape, &c->aux[0]));
    for (int64_t k = 0; k < mask->numel; k++) {
        double noise = ((const uint8_t *)pc_data(mask))[k] ? scale_of(in->dtype, p) : 0;
        if (in->dtype == PC_F64) ((double *)pc_data(c->aux[0]))[k] = noise;
        else pc_f32(c->aux[0])[k] = (float)noise;
    }
    if (c->inplace) {
        PC_TRY(times(in, c->aux[0], true, &written));
        c->out[0] = pc_retain(in);
    } else {
        PC_TRY(times(in, c->aux[0], false, &c->out[0]));
    }
done:
    pc_release(mask);
    pc_release(written);
    return status;
}

static pc_status drop(pc_call *c, pc_status (*run)(pc_call *c, double p))
{
    pc_status status = PC_OK;
    pc_tensor *in = c->in[0];
    double p = c->v[0].f;
    PC_CHECK(p >= 0 && p <= 1, PC_ESHAPE, "dropout probability has to be between 0 and 1, but got %g", p);
    if (p == 0 || c->v[1].i == 0 || in->numel == 0) { /* the input itself, with its own history */
        c->grad = false;
        c->out[0] = pc_retain(in);
        return PC_OK;
    }
    PC_CHECK(pc_dtype_is_float(in->dtype), PC_ESHAPE, "result type Float can't be cast to the desired output type %s",
             pc_dtype_type_name(in->dtype));
    PC_TRY(pc_need_float("dropout", in->dtype));
    PC_TRY(run(c, p));
done:
    return status;
}
static pc_status dropout_forward(pc_call *c) { return drop(c, drop_elements); }
static pc_status feature_dropout_forward(pc_call *c) { return drop(c, drop_channels); }

static pc_status dropout_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *g = NULL, *gx = NULL, *out = c->out[0];
    if (pc_is_dense(out) && memcmp(out->stride, gout[0]->stride, sizeof out->stride) == 0) {
        g = pc_retain(gout[0]);
    } else { /* bring the gradient into the order of the mask */
        PC_TRY(pc_new_in_order(out, out->dtype, &g));
        PC_TRY(pc_copy(g, gout[0]));
    }
    PC_TRY(pc_tensor_new_strided(g->dtype, g->ndim, g->shape, g->stride, &gx));
    PC_TRY(apply(g, c->aux[0], c->v[0].f, gx));
    gin[0] = gx;
    gx = NULL;
done:
    pc_release(g);
    pc_release(gx);
    return status;
}
static pc_status feature_dropout_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return times(gout[0], c->aux[0], false, &gin[0]);
}

static const pc_op table[] = {
    { "dropout(Tensor input, float p, bool train) -> Tensor", dropout_forward, dropout_backward,
      PC_FUNCTION | PC_INPLACE,
      "Zero each element with probability p and divide the others by 1 - p, if train.\n"
      "p: Probability of a zero." },
    { "feature_dropout(Tensor input, float p, bool train) -> Tensor", feature_dropout_forward, feature_dropout_backward,
      PC_FUNCTION | PC_INPLACE, "Zero each channel with probability p and divide the others by 1 - p, if train.\n"
      "p: Probability that a channel is zeroed." },
};
PC_FAMILY(dropout, table);
