/* layer_norm.c -- normalisation over the last dimensions, sample by sample. */
#include "norm.h"
#include "../core/alloc.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct layers {
    bool wide;
    int64_t n, grain;    /* values of a sample; samples of a chunk */
    const char *x, *g;
    char *y;
    const void *w, *b;   /* by element, or NULL */
    double *mean, *scale;
    double eps;
    char *gw, *gb;       /* n values for each chunk, zeroed; or NULL */
} layers;

static pc_status layer_task(void *ctx, int64_t begin, int64_t end)
{
    const layers *p = ctx;
    const int64_t n = p->n;
    for (int64_t i = begin; i < end; i++) {
        double m2;
        if (p->wide) {
            const double *x = (const double *)p->x + i * n, *w = p->w, *b = p->b;
            double *y = (double *)p->y + i * n;
            pc_f64_moments_run(x, n, &p->mean[i], &m2);
            p->scale[i] = 1 / sqrt(m2 / (double)n + p->eps);
            for (int64_t k = 0; k < n; k++)
                y[k] = (x[k] - p->mean[i]) * p->scale[i] * (w != NULL ? w[k] : 1) + (b != NULL ? b[k] : 0);
        } else {
            const float *x = (const float *)p->x + i * n;
            pc_k->f32_moments_run(x, n, &p->mean[i], &m2);
            p->scale[i] = 1 / sqrt(m2 / (double)n + p->eps);
            pc_k->f32_layer_norm((float *)p->y + i * n, x, n, p->w, p->b, (float)p->mean[i], (float)p->scale[i]);
        }
    }
    return PC_OK;
}

static pc_status layer_grad_task(void *ctx, int64_t begin, int64_t end)
{
    const layers *p = ctx;
    const int64_t n = p->n, chunk = begin / p->grain;
    for (int64_t i = begin; i < end; i++) {
        if (!p->wide) {
            pc_k->f32_layer_norm_grad(p->y != NULL ? (float *)p->y + i * n : NULL, (const float *)p->g + i * n,
                                      (const float *)p->x + i * n, n, p->w, (float)p->mean[i], (float)p->scale[i],
                                      p->gw != NULL ? (float *)p->gw + chunk * n : NULL,
                                      p->gb != NULL ? (float *)p->gb + chunk * n : NULL);
            continue;
        }
        const double *x = (const double *)p->x + i * n, *g = (const double *)p->g + i * n, *w = p->w;
        double sum = 0, dot = 0;
        for (int64_t k = 0; k < n; k++) {
            double d = (x[k] - p->mean[i]) * p->scale[i], v = g[k] * (w != NULL ? w[k] : 1);
            if (p->gw != NULL) ((double *)p->gw)[chunk * n + k] += g[k] * d;
            if (p->gb != NULL) ((double *)p->gb)[chunk * n + k] += g[k];
            sum += v;
            dot += v * d;
        }
        for (int64_t k = 0; k < n && p->y != NULL; k++) {
            double d = (x[k] - p->mean[i]) * p->scale[i], v = g[k] * (w != NULL ? w[k] : 1);
            ((double *)p->y)[i * n + k] = (v - sum / (double)n - d * dot / (double)n) * p->scale[i];
        }
    }
    return PC_OK;
}

static char *ints_text(const pc_value *v, char *buf, size_t size)
{
    size_t at = (size_t)snprintf(buf, size, "[");
    for (int d = 0; d < v->ints.n; d++)
        at += (size_t)snprintf(buf + at, size - at, "%s%" PRId64, d > 0 ? ", " : "", v->ints.v[d]);
    snprintf(buf + at, size - at, "]");
    return buf;
}

static pc_status check_layer_norm(const pc_call *c, int64_t *samples, int64_t *n)
{
    static const char *names[] = { NULL, "weight", "bias" };
    pc_status status = PC_OK;
    const pc_tensor *x = c->in[0];
    const int dims = c->v[0].ints.n;
    char shape[200], want[200], stars[208];
    bool fits = dims <= x->ndim;
    ints_text(&c->v[0], want, sizeof want);
    PC_CHECK(dims > 0, PC_ESHAPE,
             "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
             "element, but got normalized_shape = %s",
             want);
    for (int k = 1; k < 3; k++) {
        const pc_tensor *t = c->in[k];
        bool same =
            t == NULL || (t->ndim == dims && memcmp(t->shape, c->v[0].ints.v, (size_t)dims * sizeof *t->shape) == 0);
        PC_CHECK(same, PC_ESHAPE, "Expected %s to be of same shape as normalized_shape, but got %s of shape %s and "
                 "normalized_shape = %s", names[k], names[k], pc_shape_text(t, shape), want);
    }
    *samples = *n = 1;
    for (int d = 0; d < dims && fits; d++) {
        fits = x->shape[x->ndim - dims + d] == c->v[0].ints.v[d];
        *n *= c->v[0].ints.v[d];
    }
    snprintf(stars, sizeof stars, "[*, %s", want + 1);
    PC_CHECK(fits, PC_ESHAPE, "Given normalized_shape=%s, expected input with shape %s, but got input of size%s", want,
             stars, pc_shape_text(x, shape));
    for (int d = 0; d < x->ndim - dims; d++) *samples *= x->shape[d];
    PC_TRY(pc_check_norm_dtypes("LayerNormKernelImpl", x, 2, c->in + 1));
done:
    return status;
}

static pc_status layer_norm_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *w = NULL, *b = NULL, *in = c->in[0];
    const pc_dtype full = pc_work_dtype(in->dtype);
    int64_t samples, n;
    PC_TRY(check_layer_norm(c, &samples, &n));
    if (!c->need[0] && !c->need[1]) c->save &= ~(uint32_t)PC_SAVE_IN0;
    if (!c->need[0]) c->save &= ~(uint32_t)PC_SAVE_IN1;
    PC_TRY(pc_contiguous_as(in, full, &x));
    PC_TRY(pc_contiguous_as(c->in[1], full, &w));
    PC_TRY(pc_contiguous_as(c->in[2], full, &b));
    PC_TRY(pc_tensor_new(full, in->ndim, in->shape, &c->out[0]));
    PC_TRY(pc_tensor_new(PC_F64, 2, (int64_t[]){ 2, samples }, &c->aux[0]));
    layers p = { .wide = full == PC_F64, .n = n, .x = pc_data(x), .y = pc_data(c->out[0]), .eps = c->v[1].f,
                 .w = w != NULL ? pc_data(w) : NULL, .b = b != NULL ? pc_data(b) : NULL, .mean = pc_data(c->aux[0]) };
    p.scale = p.mean + samples;
    if (in->numel > 0) PC_TRY(pc_parallel_for(samples, pc_most(1, PC_NORM_CHUNK / n), layer_task, &p));
    PC_TRY(pc_become(&c->out[0], in->dtype));
done:
    pc_release(x);
    pc_release(w);
    pc_release(b);
    return status;
}

/* The sums over chunks of n values each, as a gradient of `like`. */
static pc_status sum_chunks(bool wide, const char *parts, int64_t chunks, int64_t n, const pc_tensor *like,
                            pc_tensor **out)
{
    pc_status status = PC_OK;
    double *sums = pc_calloc((size_t)n, sizeof *sums);
    PC_CHECK(sums != NULL, PC_ENOMEM, "out of memory for the gradient of a normalisation");
    for (int64_t i = 0; i < chunks; i++)
        for (int64_t k = 0; k < n; k++)
            sums[k] += wide ? ((const double *)parts)[i * n + k] : (double)((const float *)parts)[i * n + k];
    PC_TRY(pc_vector_gradient(sums, like, out));
done:
    pc_free(sums);
    return status;
}

static pc_status layer_norm_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *w = NULL, *g = NULL, *in = c->in[0];
    const pc_dtype full = pc_work_dtype(in->dtype);
    const bool wide = full == PC_F64, statistics = c->need[0] || c->need[1];
    char *gw = NULL, *gb = NULL;
    int64_t samples, n;
    PC_TRY(check_layer_norm(c, &samples, &n));
    const int64_t grain = pc_most(1, pc_most(PC_NORM_CHUNK / pc_most(n, 1), (samples + 63) / 64)),
                  chunks = (samples + grain - 1) / grain;
    PC_TRY(pc_contiguous_as(gout[0], full, &g));
    if (statistics) PC_TRY(pc_contiguous_as(in, full, &x));
    if (c->need[0]) {
        PC_TRY(pc_contiguous_as(c->in[1], full, &w));
        PC_TRY(pc_tensor_new(full, in->ndim, in->shape, &gin[0]));
    }
    if (c->need[1]) {
        gw = pc_calloc((size_t)(chunks * n), (size_t)pc_dtype_size(full));
        PC_CHECK(gw != NULL, PC_ENOMEM, "out of memory for the gradient of a normalisation");
    }
    if (c->need[2]) {
        gb = pc_calloc((size_t)(chunks * n), (size_t)pc_dtype_size(full));
        PC_CHECK(gb != NULL, PC_ENOMEM, "out of memory for the gradient of a normalisation");
    }
    layers p = { .wide = wide, .n = n, .grain = grain, .x = x != NULL ? pc_data(x) : pc_data(g), .g = pc_data(g),
                 .w = w != NULL ? pc_data(w) : NULL, .y = gin[0] != NULL ? pc_data(gin[0]) : NULL,
                 .mean = pc_data(c->aux[0]), .gw = gw, .gb = gb };
    p.scale = p.mean + samples;
    if (in->numel > 0) PC_TRY(pc_parallel_for(samples, grain, layer_grad_task, &p));
    if (gw != NULL) PC_TRY(sum_chunks(wide, gw, chunks, n, c->in[1], &gin[1]));
    if (gb != NULL) PC_TRY(sum_chunks(wide, gb, chunks, n, c->in[2], &gin[2]));
    if (gin[0] != NULL) PC_TRY(pc_become(&gin[0], in->dtype));
done:
    pc_release(x);
    pc_release(w);
    pc_release(g);
    pc_free(gw);
    pc_free(gb);
    return status;
}

static const pc_op rows[] = {
    { "layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05) -> "
      "Tensor",
      layer_norm_forward, layer_norm_backward, PC_FUNCTION | PC_NN | PC_SAVE_IN0 | PC_SAVE_IN1,
      "Normalisation over the last dimensions." },
};
PC_FAMILY(layer_norm, rows);
