/* group_norm.c -- normalisation over groups of channels, sample by sample. */
#include "norm.h"
#include "../core/alloc.h"
#include "copy.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

static pc_status check_group_norm(const pc_call *c)
{
    static const char *names[] = { NULL, "weight", "bias" };
    pc_status status = PC_OK;
    const pc_tensor *x = c->in[0];
    const int64_t groups = c->v[0].i;
    char shape[200], other[200];
    PC_CHECK(x->ndim >= 2, PC_ESHAPE, "Expected at least 2 dimensions for input tensor but received %d", x->ndim);
    PC_CHECK(groups > 0, PC_ESHAPE, "Expected num groups to be greater than 0, got %" PRId64, groups);
    PC_CHECK(x->shape[1] % groups == 0, PC_ESHAPE,
             "Expected number of channels in input to be divisible by num_groups, but got input of shape %s and "
             "num_groups=%" PRId64,
             pc_shape_text(x, shape), groups);
    int64_t area = 1;
    for (int d = 2; d < x->ndim; d++) area *= x->shape[d];
    PC_CHECK(x->shape[0] * x->shape[1] / groups * area != 1, PC_EVALUE,
             "Expected more than 1 value per channel when training, got input size %s", pc_shape_text(x, shape));
    for (int k = 1; k < 3; k++) {
        const pc_tensor *t = c->in[k];
        PC_CHECK(t == NULL || (t->ndim == 1 && t->shape[0] == x->shape[1]), PC_ESHAPE,
                 "Expected %s to be a vector of size equal to the number of channels in input, but got %s of shape %s "
                 "and input of shape %s",
                 names[k], names[k], pc_shape_text(t, other), pc_shape_text(x, shape));
    }
    PC_CHECK(area > 0, PC_ESHAPE, "Expected HxW to be greater than 0, got 0");
    PC_TRY(pc_check_norm_dtypes("GroupNormKernelImpl", x, 2, c->in + 1));
done:
    return status;
}

/* The values in the order of memory of `like`, where that is channels_last. */
static pc_status restore_layout(const pc_tensor *like, pc_tensor **t)
{
    return pc_wants_channels_last(like) && like->dtype == PC_F32 ? pc_nhwc_restride(t) : PC_OK;
}

static pc_status group_norm_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *x = c->in[0];
    pc_activation a = { 0 };
    double *memory = NULL;
    char *parts = NULL;
    void *y;
    PC_TRY(check_group_norm(c));
    if (!c->need[0] && !c->need[1]) c->save &= ~(uint32_t)PC_SAVE_IN0;
    if (!c->need[0]) c->save &= ~(uint32_t)PC_SAVE_IN1;
    const int64_t groups = c->v[0].i, channels = x->shape[1], each = channels / groups, n = x->shape[0];
    PC_TRY(pc_activation_open(x, false, &a));
    a.f.rows = false;
    PC_TRY(pc_activation_new(x, &a, &c->out[0], &y));
    PC_TRY(pc_tensor_new(PC_F64, 2, (int64_t[]){ 2, n * groups }, &c->aux[0])); /* means, then inverse deviations */
    memory = pc_alloc((size_t)(2 * channels + 3 * n * channels) * sizeof *memory);
    PC_CHECK(memory != NULL, PC_ENOMEM, "out of memory for the statistics of a normalisation");
    double *w = memory, *b = w + channels, *scale = b + channels, *shift = scale + n * channels,
           *means = shift + n * channels;
    double *mean = pc_data(c->aux[0]), *inverse = mean + n * groups;
    PC_TRY(pc_read_vector(c->in[1], channels, 1, w));
    PC_TRY(pc_read_vector(c->in[2], channels, 0, b));
    pc_pass p = { .f = { a.f.wide, false, n, groups, each * a.f.s }, .x = a.p }; /* a group is one run */
    if (x->numel > 0) {
        PC_TRY(pc_field_statistics(&p, pc_moments_task, &parts));
        for (int64_t i = 0; i < n * groups; i++) {
            mean[i] = p.first[i];
            inverse[i] = 1 / sqrt(p.second[i] / (double)p.f.s + c->v[1].f);
        }
        for (int64_t i = 0; i < n * channels; i++) {
            scale[i] = w[i % channels] * inverse[i / each];
            means[i] = mean[i / each];
            shift[i] = b[i % channels];
        }
        pc_pass q = { .f = a.f, .x = a.p, .y = y, .scale = scale, .mean = means, .shift = shift };
        PC_TRY(pc_parallel_for(n * channels, pc_field_grain(&a.f), pc_affine_task, &q));
    }
    PC_TRY(pc_become(&c->out[0], x->dtype));
    PC_TRY(restore_layout(x, &c->out[0]));
done:
    pc_activation_close(&a);
    pc_free(memory);
    pc_free(parts);
    return status;
}

static pc_status group_norm_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *x = c->in[0];
    pc_activation a = { 0 }, g = { 0 };
    double *memory = NULL;
    char *parts = NULL;
    void *gx;
    const int64_t groups = c->v[0].i, channels = x->shape[1], each = channels / groups, n = x->shape[0],
                  planes = n * channels;
    const double *mean = pc_data(c->aux[0]), *inverse = mean + n * groups;
    PC_TRY(pc_activation_open(gout[0], false, &g));
    g.f.rows = false;
    if (c->need[0] || c->need[1]) PC_TRY(pc_activation_open(x, false, &a));
    memory = pc_calloc((size_t)(3 * channels + 4 * planes), sizeof *memory);
    PC_CHECK(memory != NULL, PC_ENOMEM, "out of memory for the statistics of a normalisation");
    double *w = memory, *gw = w + channels, *gb = gw + channels, *means = gb + channels, *scale = means + planes;
    double *slope = scale + planes, *shift = slope + planes;
    PC_TRY(pc_read_vector(c->need[0] ? c->in[1] : NULL, channels, 1, w));
    for (int64_t i = 0; i < planes; i++) means[i] = mean[i / each];
    pc_pass p = { .f = g.f, .x = a.p != NULL ? a.p : g.p, .g = g.p, .mean = means };
    if (x->numel > 0) {
        PC_TRY(pc_field_statistics(&p, pc_sums_task, &parts));
        for (int64_t i = 0; i < planes; i++) {
            gw[i % channels] += p.second[i] * inverse[i / each];
            gb[i % channels] += p.first[i];
        }
    }
    if (c->need[1]) PC_TRY(pc_vector_gradient(gw, c->in[1], &gin[1]));
    if (c->need[2]) PC_TRY(pc_vector_gradient(gb, c->in[2], &gin[2]));
    if (c->need[0]) {
        PC_TRY(pc_activation_new(x, &a, &gin[0], &gx));
        for (int64_t i = 0; i < n * groups && x->numel > 0; i++) {
            const double values = (double)(each * g.f.s);
            double sum = 0, dot = 0;
            for (int64_t k = i * each; k < (i + 1) * each; k++) {
                sum += w[k % channels] * p.first[k];
                dot += w[k % channels] * p.second[k];
            }
            for (int64_t k = i * each; k < (i + 1) * each; k++) {
                scale[k] = w[k % channels] * inverse[i];
                slope[k] = -dot * inverse[i] * inverse[i] * inverse[i] / values;
                shift[k] = -sum * inverse[i] / values;
            }
        }
        pc_pass q = {
            .f = g.f, .x = a.p, .g = g.p, .y = gx, .scale = scale, .mean = means, .slope = slope, .shift = shift
        };
        PC_TRY(pc_parallel_for(planes, pc_field_grain(&g.f), pc_grad_task, &q));
        PC_TRY(pc_become(&gin[0], x->dtype));
        PC_TRY(restore_layout(x, &gin[0]));
    }
done:
    pc_activation_close(&a);
    pc_activation_close(&g);
    pc_free(memory);
    pc_free(parts);
    return status;
}

static const pc_op rows[] = {
    { "group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05) -> Tensor",
      group_norm_forward, group_norm_backward, PC_FUNCTION | PC_NN | PC_SAVE_IN0 | PC_SAVE_IN1,
      "Normalisation over groups of channels." },
};
PC_FAMILY(group_norm, rows);
