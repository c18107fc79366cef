/* batch_norm.c -- batch normalisation: each channel by its own statistics. */
#include "norm.h"
#include "../core/alloc.h"
#include "copy.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { BN_TRAINING = 0, BN_MOMENTUM, BN_EPS };

static pc_status check_batch_norm(const pc_call *c)
{
    static const char *names[] = { NULL, "running_mean", "running_var", "weight", "bias" };
    pc_status status = PC_OK;
    const pc_tensor *x = c->in[0];
    const bool training = c->v[BN_TRAINING].i;
    char shape[200];
    int64_t channels = x->ndim > 1 ? x->shape[1] : 0, values = 1;
    for (int d = 0; d < x->ndim; d++)
        if (d != 1) values *= x->shape[d];
    PC_CHECK(!training || values != 1 || x->ndim < 2, PC_EVALUE,
             "Expected more than 1 value per channel when training, got input size torch.Size(%s). A batch of one "
             "cannot be normalised: use drop_last=True in the loader, or eval()",
             pc_shape_text(x, shape));
    PC_CHECK(c->v[BN_EPS].f >= 0, PC_EVALUE, "batch_norm eps must be non-negative, but got %.*f",
             c->v[BN_EPS].f == floor(c->v[BN_EPS].f) ? 1 : 6, c->v[BN_EPS].f);
    PC_CHECK((c->in[1] == NULL) == (c->in[2] == NULL) || !training, PC_EVALUE,
             "running_mean and running_var must either both be None or neither be None");
    for (int k = 1; k < 5; k++) {
        PC_CHECK(c->in[k] != NULL || k > 2 || training, PC_ESHAPE, "%s must be defined in evaluation mode", names[k]);
        PC_CHECK(c->in[k] == NULL || c->in[k]->numel == channels, PC_ESHAPE,
                 "%s should contain %" PRId64 " elements not %" PRId64, names[k], channels, c->in[k]->numel);
    }
    PC_CHECK(x->ndim >= 2, PC_ESHAPE, "batch_norm: expected an input [batch, channels, ...], got shape %s",
             pc_shape_text(x, shape));
    PC_TRY(pc_check_norm_dtypes("batch_norm", x, 4, c->in + 1));
done:
    return status;
}

/* running = (1 - momentum) * running + momentum * value */
static pc_status update_running(pc_tensor *running, const double *value, double momentum, double *scratch)
{
    pc_status status = PC_OK;
    pc_tensor *t = NULL;
    if (running == NULL) return PC_OK;
    PC_TRY(pc_read_vector(running, running->numel, 0, scratch));
    for (int64_t k = 0; k < running->numel; k++) scratch[k] = momentum * value[k] + (1 - momentum) * scratch[k];
    PC_TRY(pc_vector_tensor(scratch, running, &t));
    PC_TRY(pc_tensor_begin_write(running));
    PC_TRY(pc_copy(running, t));
done:
    pc_release(t);
    return status;
}

static pc_status batch_norm_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *x = c->in[0];
    const bool training = c->v[BN_TRAINING].i;
    const double momentum = c->v[BN_MOMENTUM].f, eps = c->v[BN_EPS].f;
    pc_activation a = { 0 };
    double *memory = NULL;
    void *y;
    PC_TRY(check_batch_norm(c));
    if (!c->need[3] && !(training && c->need[0])) c->save &= ~(uint32_t)PC_SAVE_IN0;
    if (!c->need[0] && !training) c->save &= ~(uint32_t)PC_SAVE_IN3;

    const int64_t n = x->shape[1], values = x->numel / pc_most(n, 1);
    memory = pc_alloc((size_t)(6 * n) * sizeof *memory);
    PC_CHECK(memory != NULL, PC_ENOMEM, "out of memory for the statistics of a normalisation");
    double *mean = memory, *inverse = mean + n, *scale = inverse + n, *shift = scale + n, *m2 = shift + n,
           *scratch = m2 + n;
    PC_TRY(pc_activation_open(x, true, &a));
    PC_TRY(pc_activation_new(x, &a, &c->out[0], &y));
    if (training && x->numel > 0) {
        PC_TRY(pc_channel_moments(&a.f, a.p, mean, m2));
        for (int64_t k = 0; k < n; k++) inverse[k] = 1 / sqrt(m2[k] / (double)values + eps);
        c->takes_relu = c->grad && x->dtype == PC_F32 && (c->save & PC_SAVE_IN0) && !pc_tensor_is_exposed(x);
    } else {
        PC_TRY(pc_read_vector(c->in[1], n, 0, mean));
        PC_TRY(pc_read_vector(c->in[2], n, 1, inverse));
        for (int64_t k = 0; k < n; k++) inverse[k] = 1 / sqrt(inverse[k] + eps);
    }
    PC_TRY(pc_read_vector(c->in[3], n, 1, scale));
    PC_TRY(pc_read_vector(c->in[4], n, 0, shift));
    if (c->grad) { /* mean, inverse, bias: running statistics may be other ones by then */
        PC_TRY(pc_tensor_new(PC_F64, 2, (int64_t[]){ 3, n }, &c->aux[0]));
        memcpy(pc_data(c->aux[0]), mean, (size_t)(2 * n) * sizeof *mean);
        memcpy((double *)pc_data(c->aux[0]) + 2 * n, shift, (size_t)n * sizeof *shift);
    }
    for (int64_t k = 0; k < n; k++) scale[k] *= inverse[k];
    PC_TRY(pc_apply_channels(&a.f, NULL, a.p, y, &(pc_coefficients){ .scale = scale, .mean = mean, .shift = shift }));
    PC_TRY(pc_become(&c->out[0], x->dtype));
    if (c->grad && c->save & PC_SAVE_IN0) pc_tensor_is_affine(c->out[0], x, scale, mean, shift);
    if (training && x->numel > 0) {
        for (int64_t k = 0; k < n; k++) m2[k] /= (double)(values - 1);
        PC_TRY(update_running(c->in[1], mean, momentum, scratch));
        PC_TRY(update_running(c->in[2], m2, momentum, scratch));
    }
done:
    pc_activation_close(&a);
    pc_free(memory);
    return status;
}

static pc_status batch_norm_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *x = c->in[0];
    const bool training = c->v[BN_TRAINING].i, statistics = training && c->in[0]->numel > 0,
               need_x = c->need[3] || (training && c->need[0]);
    const bool any = c->need[0] || c->need[3] || c->need[4];
    const int64_t n = x->shape[1], values = x->numel / pc_most(n, 1);
    pc_activation a = { 0 }, g = { 0 };
    pc_coefficients by = { 0 };
    double *memory = NULL;
    void *gx;
    if (gout[0] == NULL || !any) return PC_OK;
    memory = pc_calloc((size_t)(6 * n), sizeof *memory);
    PC_CHECK(memory != NULL, PC_ENOMEM, "out of memory for the statistics of a normalisation");
    double *mean = memory, *inverse = mean + n, *scale = inverse + n, *sum = scale + n, *dot = sum + n,
           *slope = dot + n;
    if (need_x) {
        PC_TRY(pc_activation_open(x, true, &a));
        PC_TRY(pc_activation_open_like(gout[0], &a, &g));
    } else { /* the gradient alone decides the layout */
        PC_TRY(pc_activation_open(gout[0], true, &g));
    }
    memcpy(mean, pc_data(c->aux[0]), (size_t)(2 * n) * sizeof *mean);
    PC_TRY(pc_read_vector(c->in[3] != NULL && c->in[3]->storage != NULL ? c->in[3] : NULL, n, 1, scale));
    for (int64_t k = 0; k < n; k++) scale[k] *= inverse[k];
    by = (pc_coefficients){ .scale = scale, .mean = mean, .slope = slope, .shift = sum,
                            .bias = c->relu_after ? (double *)pc_data(c->aux[0]) + 2 * n : NULL };
    if (x->numel > 0 && (need_x || c->need[4])) PC_TRY(pc_channel_sums(&g.f, g.p, need_x ? a.p : g.p, &by, sum, dot));
    if (c->need[4]) PC_TRY(pc_vector_gradient(sum, c->in[4], &gin[4]));
    if (c->need[3]) {
        for (int64_t k = 0; k < n; k++) slope[k] = dot[k] * inverse[k];
        PC_TRY(pc_vector_gradient(slope, c->in[3], &gin[3]));
    }
    if (c->need[0]) {
        for (int64_t k = 0; k < n; k++) {
            slope[k] = statistics ? -dot[k] * inverse[k] * inverse[k] / (double)values * scale[k] : 0;
            sum[k] = statistics ? -sum[k] / (double)values * scale[k] : 0;
        }
        PC_TRY(pc_activation_new(x, need_x ? &a : &g, &gin[0], &gx));
        if (!training) by.mean = slope; /* slope and sum are 0: scale alone counts */
        PC_TRY(pc_apply_channels(&g.f, training ? g.p : NULL, training ? a.p : g.p, gx, &by));
        PC_TRY(pc_become(&gin[0], x->dtype));
    }
done:
    pc_activation_close(&a);
    pc_activation_close(&g);
    pc_free(memory);
    return status;
}

static const pc_op rows[] = {
    { "batch_norm(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight=None, Tensor? bias=None, "
      "bool training=False, float momentum=0.1, float eps=1e-05) -> Tensor",
      batch_norm_forward, batch_norm_backward,
      PC_NN | PC_PRIVATE | PC_SAVE_IN0 | PC_SAVE_IN3,
      "Each channel minus its mean, divided by its deviation, times weight plus bias." },
};
PC_FAMILY(batch_norm, rows);
