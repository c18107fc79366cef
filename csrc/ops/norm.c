/* norm.c -- batch, layer and group normalisation. Statistics are gathered in chunks of fixed size and put together in
   double, in order: they do not depend on the number of threads. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include "elementwise.h"
#include "nhwc.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Values in a chunk: 128 KiB, read twice from the second-level cache. */
#define CHUNK 32768

/* Where the channels of an activation stand: rows, [n * s][c], or planes, [n][c][s]. */
typedef struct field {
    bool wide; /* float64; otherwise float32 */
    bool rows;
    int64_t n, c, s;
} field;

static int64_t item_of(const field *f) { return f->wide ? 8 : 4; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- the kernels for float64 --------------------------------------------------------------------- */

static void f64_moments_rows(const double *x, int64_t n, int64_t c, double *mean, double *m2)
{
    for (int64_t k = 0; k < c; k++) mean[k] = m2[k] = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < c; k++) mean[k] += x[i * c + k];
    for (int64_t k = 0; k < c; k++) mean[k] /= (double)n;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < c; k++) m2[k] += (x[i * c + k] - mean[k]) * (x[i * c + k] - mean[k]);
}
static void f64_moments_run(const double *x, int64_t n, double *mean, double *m2)
{
    double total = 0, square = 0;
    for (int64_t i = 0; i < n; i++) total += x[i];
    total /= (double)n;
    for (int64_t i = 0; i < n; i++) square += (x[i] - total) * (x[i] - total);
    *mean = total;
    *m2 = square;
}
static void f64_affine_rows(double *y, const double *x, int64_t n, int64_t c, const double *coefficients)
{
    const double *scale = coefficients, *mean = scale + c, *shift = mean + c;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < c; k++) y[i * c + k] = (x[i * c + k] - mean[k]) * scale[k] + shift[k];
}
static void f64_affine_run(double *y, const double *x, int64_t n, double scale, double mean, double shift)
{
    for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mean) * scale + shift;
}
static void f64_norm_sums_rows(const double *g, const double *x, int64_t n, int64_t c, const double *mean, double *sum,
                               double *dot)
{
    for (int64_t k = 0; k < c; k++) sum[k] = dot[k] = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < c; k++) {
            sum[k] += g[i * c + k];
            dot[k] += g[i * c + k] * (x[i * c + k] - mean[k]);
        }
}
static void f64_norm_sums_run(const double *g, const double *x, int64_t n, double mean, double *sum, double *dot)
{
    *sum = *dot = 0;
    for (int64_t i = 0; i < n; i++) {
        *sum += g[i];
        *dot += g[i] * (x[i] - mean);
    }
}
static void f64_norm_grad_rows(double *gx, const double *g, const double *x, int64_t n, int64_t c,
                               const double *coefficients)
{
    const double *scale = coefficients, *mean = scale + c, *slope = mean + c, *shift = slope + c;
    for (int64_t i = 0; i < n * c; i++) {
        int64_t k = i % c;
        gx[i] = g[i] * scale[k] + (x[i] - mean[k]) * slope[k] + shift[k];
    }
}
static void f64_norm_grad_run(double *gx, const double *g, const double *x, int64_t n, double scale, double mean,
                              double slope, double shift)
{
    for (int64_t i = 0; i < n; i++) gx[i] = g[i] * scale + (x[i] - mean) * slope + shift;
}

/* ---- passes over a field -------------------------------------------------------------------------- */

/* One pass: which of the members are used depends on the task. Planes have statistics by plane, [n][c]. */
typedef struct pass {
    field f;
    const char *x, *g;
    char *y;
    char *parts;                /* of rows: two vectors of c values for each chunk */
    const void *coefficients;   /* of rows, c of each: those of the kernel, in the field's type */
    double *first, *second;     /* of planes: results by plane */
    const double *scale, *mean, *slope, *shift;     /* of planes: coefficients */
    int64_t grain;
} pass;

static int64_t grain_of(const field *f) { return most(1, CHUNK / most(1, f->rows ? f->c : f->s)); }

static pc_status moments_task(void *ctx, int64_t begin, int64_t end)
{
    const pass *p = ctx;
    const int64_t c = p->f.c, s = p->f.s;
    if (!p->f.rows) {
        for (int64_t i = begin; i < end; i++) {
            if (p->f.wide) f64_moments_run((const double *)p->x + i * s, s, &p->first[i], &p->second[i]);
            else pc_k->f32_moments_run((const float *)p->x + i * s, s, &p->first[i], &p->second[i]);
        }
        return PC_OK;
    }
    char *part = p->parts + begin / p->grain * 2 * c * item_of(&p->f);
    if (p->f.wide)
        f64_moments_rows((const double *)p->x + begin * c, end - begin, c, (double *)part, (double *)part + c);
    else
        pc_k->f32_moments_rows((const float *)p->x + begin * c, end - begin, c, (float *)part, (float *)part + c);
    return PC_OK;
}

/* Sums of g and of g * (x - mean); the mean is the first of the coefficients. */
static pc_status sums_task(void *ctx, int64_t begin, int64_t end)
{
    const pass *p = ctx;
    const int64_t c = p->f.c, s = p->f.s;
    if (!p->f.rows) {
        for (int64_t i = begin; i < end; i++) {
            if (p->f.wide)
                f64_norm_sums_run((const double *)p->g + i * s, (const double *)p->x + i * s, s, p->mean[i],
                                  &p->first[i], &p->second[i]);
            else
                pc_k->f32_norm_sums_run((const float *)p->g + i * s, (const float *)p->x + i * s, s, (float)p->mean[i],
                                        &p->first[i], &p->second[i]);
        }
        return PC_OK;
    }
    char *part = p->parts + begin / p->grain * 2 * c * item_of(&p->f);
    if (p->f.wide)
        f64_norm_sums_rows((const double *)p->g + begin * c, (const double *)p->x + begin * c, end - begin, c,
                           p->coefficients, (double *)part, (double *)part + c);
    else
        pc_k->f32_norm_sums_rows((const float *)p->g + begin * c, (const float *)p->x + begin * c, end - begin, c,
                                 p->coefficients, (float *)part, (float *)part + c);
    return PC_OK;
}

static pc_status affine_task(void *ctx, int64_t begin, int64_t end)
{
    const pass *p = ctx;
    const int64_t c = p->f.c, s = p->f.s;
    if (p->f.rows && p->f.wide) {
        f64_affine_rows((double *)p->y + begin * c, (const double *)p->x + begin * c, end - begin, c, p->coefficients);
    } else if (p->f.rows) {
        pc_k->f32_affine_rows((float *)p->y + begin * c, (const float *)p->x + begin * c, end - begin, c,
                              p->coefficients);
    } else {
        for (int64_t i = begin; i < end; i++) {
            if (p->f.wide)
                f64_affine_run((double *)p->y + i * s, (const double *)p->x + i * s, s, p->scale[i], p->mean[i],
                               p->shift[i]);
            else
                pc_k->f32_affine_run((float *)p->y + i * s, (const float *)p->x + i * s, s, (float)p->scale[i],
                                     (float)p->mean[i], (float)p->shift[i]);
        }
    }
    return PC_OK;
}

static pc_status grad_task(void *ctx, int64_t begin, int64_t end)
{
    const pass *p = ctx;
    const int64_t c = p->f.c, s = p->f.s;
    if (p->f.rows && p->f.wide) {
        f64_norm_grad_rows((double *)p->y + begin * c, (const double *)p->g + begin * c,
                           (const double *)p->x + begin * c, end - begin, c, p->coefficients);
    } else if (p->f.rows) {
        pc_k->f32_norm_grad_rows((float *)p->y + begin * c, (const float *)p->g + begin * c,
                                 (const float *)p->x + begin * c, end - begin, c, p->coefficients);
    } else {
        for (int64_t i = begin; i < end; i++) {
            if (p->f.wide)
                f64_norm_grad_run((double *)p->y + i * s, (const double *)p->g + i * s, (const double *)p->x + i * s, s,
                                  p->scale[i], p->mean[i], p->slope[i], p->shift[i]);
            else
                pc_k->f32_norm_grad_run((float *)p->y + i * s, (const float *)p->g + i * s, (const float *)p->x + i * s,
                                        s, (float)p->scale[i], (float)p->mean[i], (float)p->slope[i],
                                        (float)p->shift[i]);
        }
    }
    return PC_OK;
}

/* c vectors of coefficients, in double, as the kernels of rows take them: count vectors, one behind the other. */
static void *as_item(const field *f, int count, const double *const *vectors, void *to)
{
    for (int v = 0; v < count; v++)
        for (int64_t k = 0; k < f->c; k++) {
            if (f->wide) ((double *)to)[v * f->c + k] = vectors[v][k];
            else ((float *)to)[v * f->c + k] = (float)vectors[v][k];
        }
    return to;
}

/* Results of a pass by channel: partial ones of rows or planes, put together. The caller frees *parts. */
static pc_status run_statistics(pass *p, pc_range_fn task, char **parts)
{
    pc_status status = PC_OK;
    const field *f = &p->f;
    p->grain = grain_of(f);
    int64_t count = f->rows ? f->n * f->s : f->n * f->c;
    int64_t bytes =
        f->rows ? (count + p->grain - 1) / p->grain * 2 * f->c * item_of(f) : 2 * count * (int64_t)sizeof(double);
    *parts = pc_alloc((size_t)bytes);
    PC_CHECK(*parts != NULL, PC_ENOMEM, "out of memory for the statistics of a normalisation");
    p->parts = *parts;
    p->first = (double *)*parts;
    p->second = p->first + count;
    PC_TRY(pc_parallel_for(count, p->grain, task, p));
done:
    return status;
}

/* Element (chunk, k) of the partial results: `which` of the two, and over how many values it was taken. */
static double part_at(const pass *p, int64_t chunk, int64_t k, int which, double *values)
{
    const field *f = &p->f;
    if (!f->rows) {
        *values = (double)f->s;
        return (which == 0 ? p->first : p->second)[chunk * f->c + k];
    }
    int64_t at = (chunk * 2 + which) * f->c + k;
    *values = (double)least(p->grain, f->n * f->s - chunk * p->grain);
    return f->wide ? ((const double *)p->parts)[at] : (double)((const float *)p->parts)[at];
}
static int64_t parts_of(const pass *p) { return p->f.rows ? (p->f.n * p->f.s + p->grain - 1) / p->grain : p->f.n; }

/* Mean and sum of squared differences from it, by channel. */
static pc_status channel_moments(const field *f, const void *x, double *mean, double *m2)
{
    pc_status status = PC_OK;
    char *parts = NULL;
    pass p = { .f = *f, .x = x };
    double total = (double)(f->n * f->s), values;
    PC_TRY(run_statistics(&p, moments_task, &parts));
    for (int64_t k = 0; k < f->c; k++) mean[k] = m2[k] = 0;
    for (int64_t i = 0; i < parts_of(&p); i++)
        for (int64_t k = 0; k < f->c; k++) {
            double part = part_at(&p, i, k, 0, &values);
            mean[k] += part * values;
        }
    for (int64_t k = 0; k < f->c; k++) mean[k] /= total;
    for (int64_t i = 0; i < parts_of(&p); i++)
        for (int64_t k = 0; k < f->c; k++) {
            double d = part_at(&p, i, k, 0, &values) - mean[k];
            m2[k] += part_at(&p, i, k, 1, &values) + d * d * values;
        }
done:
    pc_free(parts);
    return status;
}

/* Sums of g and of g * (x - mean), by channel. */
static pc_status channel_sums(const field *f, const void *g, const void *x, const double *mean, double *sum,
                              double *dot)
{
    pc_status status = PC_OK;
    char *parts = NULL;
    double *means = NULL, values;
    pass p = { .f = *f, .x = x, .g = g };
    means = pc_alloc((size_t)((f->rows ? 1 : f->n) * f->c) * sizeof *means);
    PC_CHECK(means != NULL, PC_ENOMEM, "out of memory for the statistics of a normalisation");
    if (f->rows) p.coefficients = as_item(f, 1, &mean, means);
    else
        for (int64_t i = 0; i < f->n; i++) memcpy(means + i * f->c, mean, (size_t)f->c * sizeof *mean);
    p.mean = means;
    PC_TRY(run_statistics(&p, sums_task, &parts));
    for (int64_t k = 0; k < f->c; k++) sum[k] = dot[k] = 0;
    for (int64_t i = 0; i < parts_of(&p); i++)
        for (int64_t k = 0; k < f->c; k++) {
            sum[k] += part_at(&p, i, k, 0, &values);
            dot[k] += part_at(&p, i, k, 1, &values);
        }
done:
    pc_free(parts);
    pc_free(means);
    return status;
}

/* y = (x - mean) * scale + shift, or with g: y = g * scale + (x - mean) * slope + shift; coefficients by channel. */
static pc_status apply_channels(const field *f, const void *g, const void *x, void *y, const double *scale,
                                const double *mean, const double *slope, const double *shift)
{
    pc_status status = PC_OK;
    pass p = { .f = *f, .x = x, .g = g, .y = y };
    const double *vectors[4] = { scale, mean, shift };
    const int count = g != NULL ? 4 : 3;
    const int64_t repeat = f->rows ? 1 : f->n;
    double *memory = pc_alloc((size_t)(4 * repeat * f->c) * sizeof *memory);
    PC_CHECK(memory != NULL, PC_ENOMEM, "out of memory for the coefficients of a normalisation");
    if (g != NULL) {
        vectors[2] = slope;
        vectors[3] = shift;
    }
    if (f->rows) {
        p.coefficients = as_item(f, count, vectors, memory);
    } else {
        for (int v = 0; v < count; v++)
            for (int64_t i = 0; i < repeat; i++)
                memcpy(memory + (v * repeat + i) * f->c, vectors[v], (size_t)f->c * sizeof *memory);
        p.scale = memory;
        p.mean = memory + repeat * f->c;
        p.slope = memory + 2 * repeat * f->c;
        p.shift = memory + (count - 1) * repeat * f->c;
    }
    PC_TRY(pc_parallel_for(f->rows ? f->n * f->s : f->n * f->c, grain_of(f), g != NULL ? grad_task : affine_task, &p));
done:
    pc_free(memory);
    return status;
}

/* ---- tensors as fields ------------------------------------------------------------------------------ */

/* A tensor [n, c, ...] opened where it stands, or as a copy. */
typedef struct activation {
    field f;
    const void *p;
    pc_nhwc image;
    pc_tensor *held; /* owned */
} activation;

static void close_activation(activation *a)
{
    pc_nhwc_close(&a->image);
    pc_release(a->held);
    a->held = NULL;
}

/* images: a float32 image keeps its layout. Otherwise, and for other shapes, the values are contiguous. */
static pc_status open_activation(pc_tensor *t, bool images, activation *a)
{
    pc_status status = PC_OK;
    pc_tensor *full = NULL;
    *a = (activation){ .f = { .wide = t->dtype == PC_F64, .n = t->shape[0], .c = t->shape[1], .s = 1 } };
    for (int d = 2; d < t->ndim; d++) a->f.s *= t->shape[d];
    if (images && t->ndim == 4 && t->dtype == PC_F32) {
        PC_TRY(pc_nhwc_open(t, &a->image));
        if (a->image.relu) PC_TRY(pc_nhwc_gather(&a->image));
        a->p = a->image.p;
        a->f.rows = a->image.pixels;
        goto done;
    }
    PC_TRY(pc_tensor_settle(t));
    if (t->dtype == PC_F16 || t->dtype == PC_BF16) PC_TRY(pc_cast(t, PC_F32, &full));
    PC_TRY(pc_contiguous(full != NULL ? full : t, &a->held));
    a->p = pc_data(a->held);
    a->f.rows = a->f.s == 1;
done:
    pc_release(full);
    return status;
}

/* A gradient in the layout of x. */
static pc_status open_like(pc_tensor *t, const activation *x, activation *a)
{
    pc_status status = PC_OK;
    if (x->image.p == NULL || !x->image.pixels) {
        PC_TRY(open_activation(t, false, a));
        a->f.rows = x->f.rows;
        goto done;
    }
    PC_TRY(open_activation(t, true, a));
    PC_TRY(pc_nhwc_gather(&a->image));
    a->p = a->image.p;
    a->f.rows = true;
done:
    return status;
}

/* Memory for results that belong to tensor t, in the layout of x; finish() makes the tensor of it. */
static pc_status new_like(const pc_tensor *t, const activation *x, pc_tensor **out, void **p)
{
    pc_status status = PC_OK;
    pc_dtype d = t->dtype == PC_F64 ? PC_F64 : PC_F32;
    if (x->image.p != NULL && x->image.pixels) {
        float *to;
        PC_TRY(pc_nhwc_new(pc_wants_channels_last(t), t->shape[0], t->shape[1], t->shape[2], t->shape[3], out, &to));
        *p = to;
    } else {
        PC_TRY(pc_tensor_new(d, t->ndim, t->shape, out));
        *p = pc_data(*out);
    }
done:
    return status;
}
static pc_status finish(pc_tensor **t, pc_dtype dtype)
{
    pc_tensor *cast = NULL;
    if ((*t)->dtype == dtype) return PC_OK;
    pc_status status = pc_cast(*t, dtype, &cast);
    pc_release(*t);
    *t = cast;
    return status;
}

/* n numbers of t, or `otherwise` where there is no t. */
static pc_status read_vector(pc_tensor *t, int64_t n, double otherwise, double *to)
{
    pc_status status = PC_OK;
    pc_tensor *plain = NULL;
    if (t == NULL) {
        for (int64_t k = 0; k < n; k++) to[k] = otherwise;
        return PC_OK;
    }
    PC_TRY(pc_tensor_settle(t));
    PC_TRY(pc_contiguous(t, &plain));
    pc_convert_row(t->dtype, PC_F64)(NULL, n, (char *const[]){ (char *)to, pc_data(plain) },
                                     (int64_t[]){ sizeof *to, pc_dtype_size(t->dtype) });
done:
    pc_release(plain);
    return status;
}
/* The numbers as a float64 tensor of like's shape. */
static pc_status vector_tensor(const double *from, const pc_tensor *like, pc_tensor **out)
{
    pc_status status = pc_tensor_new(PC_F64, like->ndim, like->shape, out);
    if (status == PC_OK) memcpy(pc_data(*out), from, (size_t)like->numel * sizeof *from);
    return status;
}
static pc_status vector_gradient(const double *from, const pc_tensor *like, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *t = NULL;
    PC_TRY(vector_tensor(from, like, &t));
    PC_TRY(pc_cast(t, like->dtype, out));
done:
    pc_release(t);
    return status;
}

static bool is_half(pc_dtype d) { return d == PC_F16 || d == PC_BF16; }

/* Parameters have the input's dtype; those of a half may be float32. */
static pc_status check_dtypes(const char *kernel, const pc_tensor *x, int n, pc_tensor *const *parameters)
{
    pc_status status = PC_OK;
    PC_CHECK(pc_dtype_is_float(x->dtype), PC_ENOTIMPL, "\"%s\" not implemented for '%s'", kernel,
             pc_dtype_type_name(x->dtype));
    for (int k = 0; k < n; k++)
        PC_CHECK(parameters[k] == NULL || parameters[k]->dtype == x->dtype
                     || (is_half(x->dtype) && parameters[k]->dtype == PC_F32),
                 PC_ESHAPE,
                 x->dtype == PC_F32 ? "mixed dtype (CPU): expect parameter to have scalar type of Float (got %s)"
                                    : "mixed dtype (CPU): all inputs must share same datatype. (got %s and %s)",
                 pc_dtype_type_name(parameters[k]->dtype), pc_dtype_type_name(x->dtype));
done:
    return status;
}

/* ---- batch norm -------------------------------------------------------------------------------------- */

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
    PC_TRY(check_dtypes("batch_norm", x, 4, c->in + 1));
done:
    return status;
}

/* running = (1 - momentum) * running + momentum * value */
static pc_status update_running(pc_tensor *running, const double *value, double momentum, double *scratch)
{
    pc_status status = PC_OK;
    pc_tensor *t = NULL;
    if (running == NULL) return PC_OK;
    PC_TRY(read_vector(running, running->numel, 0, scratch));
    for (int64_t k = 0; k < running->numel; k++) scratch[k] = momentum * value[k] + (1 - momentum) * scratch[k];
    PC_TRY(vector_tensor(scratch, running, &t));
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
    activation a = { 0 };
    double *memory = NULL;
    void *y;
    PC_TRY(check_batch_norm(c));
    if (!c->need[3] && !(training && c->need[0])) c->save &= ~(uint32_t)PC_SAVE_IN0;
    if (training || !c->need[3]) c->save &= ~(uint32_t)PC_SAVE_IN1;
    if (training) c->save &= ~(uint32_t)PC_SAVE_IN2;
    if (!c->need[0]) c->save &= ~(uint32_t)PC_SAVE_IN3;

    const int64_t n = x->shape[1], values = x->numel / most(n, 1);
    memory = pc_alloc((size_t)(6 * n) * sizeof *memory);
    PC_CHECK(memory != NULL, PC_ENOMEM, "out of memory for the statistics of a normalisation");
    double *mean = memory, *inverse = mean + n, *scale = inverse + n, *shift = scale + n, *m2 = shift + n,
           *scratch = m2 + n;
    PC_TRY(open_activation(x, true, &a));
    PC_TRY(new_like(x, &a, &c->out[0], &y));
    if (training && x->numel > 0) {
        PC_TRY(channel_moments(&a.f, a.p, mean, m2));
        for (int64_t k = 0; k < n; k++) inverse[k] = 1 / sqrt(m2[k] / (double)values + eps);
        if (c->grad) {
            PC_TRY(pc_tensor_new(PC_F64, 2, (int64_t[]){ 2, n }, &c->aux[0]));
            memcpy(pc_data(c->aux[0]), mean, (size_t)(2 * n) * sizeof *mean);
        }
    } else {
        PC_TRY(read_vector(c->in[1], n, 0, mean));
        PC_TRY(read_vector(c->in[2], n, 1, inverse));
        for (int64_t k = 0; k < n; k++) inverse[k] = 1 / sqrt(inverse[k] + eps);
    }
    PC_TRY(read_vector(c->in[3], n, 1, scale));
    PC_TRY(read_vector(c->in[4], n, 0, shift));
    for (int64_t k = 0; k < n; k++) scale[k] *= inverse[k];
    PC_TRY(apply_channels(&a.f, NULL, a.p, y, scale, mean, NULL, shift));
    PC_TRY(finish(&c->out[0], x->dtype));
    if (training && x->numel > 0) {
        for (int64_t k = 0; k < n; k++) m2[k] /= (double)(values - 1);
        PC_TRY(update_running(c->in[1], mean, momentum, scratch));
        PC_TRY(update_running(c->in[2], m2, momentum, scratch));
    }
done:
    close_activation(&a);
    pc_free(memory);
    return status;
}

static pc_status batch_norm_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *x = c->in[0];
    const bool training = c->v[BN_TRAINING].i, statistics = c->aux[0] != NULL,
               need_x = c->need[3] || (training && c->need[0]);
    const bool any = c->need[0] || c->need[3] || c->need[4];
    const int64_t n = x->shape[1], values = x->numel / most(n, 1);
    activation a = { 0 }, g = { 0 };
    double *memory = NULL;
    void *gx;
    if (gout[0] == NULL || !any) return PC_OK;
    memory = pc_calloc((size_t)(6 * n), sizeof *memory);
    PC_CHECK(memory != NULL, PC_ENOMEM, "out of memory for the statistics of a normalisation");
    double *mean = memory, *inverse = mean + n, *scale = inverse + n, *sum = scale + n, *dot = sum + n,
           *slope = dot + n;
    if (need_x) {
        PC_TRY(open_activation(x, true, &a));
        PC_TRY(open_like(gout[0], &a, &g));
    } else { /* the gradient alone decides the layout */
        PC_TRY(open_activation(gout[0], true, &g));
    }
    if (statistics) memcpy(mean, pc_data(c->aux[0]), (size_t)(2 * n) * sizeof *mean);
    else if (c->in[2] != NULL && c->in[2]->storage != NULL) {
        if (c->need[3]) PC_TRY(read_vector(c->in[1], n, 0, mean));
        PC_TRY(read_vector(c->in[2], n, 1, inverse));
        for (int64_t k = 0; k < n; k++) inverse[k] = 1 / sqrt(inverse[k] + c->v[BN_EPS].f);
    }
    if (x->numel > 0 && (need_x || c->need[4])) PC_TRY(channel_sums(&g.f, g.p, need_x ? a.p : g.p, mean, sum, dot));
    if (c->need[4]) PC_TRY(vector_gradient(sum, c->in[4], &gin[4]));
    if (c->need[3]) {
        for (int64_t k = 0; k < n; k++) slope[k] = dot[k] * inverse[k];
        PC_TRY(vector_gradient(slope, c->in[3], &gin[3]));
    }
    if (c->need[0]) {
        PC_TRY(read_vector(c->in[3], n, 1, scale));
        for (int64_t k = 0; k < n; k++) {
            scale[k] *= inverse[k];
            slope[k] = statistics ? -dot[k] * inverse[k] * inverse[k] / (double)values * scale[k] : 0;
            sum[k] = statistics ? -sum[k] / (double)values * scale[k] : 0;
        }
        PC_TRY(new_like(x, need_x ? &a : &g, &gin[0], &gx));
        if (training) PC_TRY(apply_channels(&g.f, g.p, a.p, gx, scale, mean, slope, sum));
        else PC_TRY(apply_channels(&g.f, NULL, g.p, gx, scale, slope, NULL, sum)); /* slope and sum are 0 */
        PC_TRY(finish(&gin[0], x->dtype));
    }
done:
    close_activation(&a);
    close_activation(&g);
    pc_free(memory);
    return status;
}

/* ---- layer norm -------------------------------------------------------------------------------------- */

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
            f64_moments_run(x, n, &p->mean[i], &m2);
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
    PC_TRY(check_dtypes("LayerNormKernelImpl", x, 2, c->in + 1));
done:
    return status;
}

/* t in full precision and contiguous; NULL stays NULL. */
static pc_status in_full(pc_tensor *t, pc_dtype dtype, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *full = NULL;
    if (t == NULL) return PC_OK;
    if (t->dtype != dtype) PC_TRY(pc_cast(t, dtype, &full));
    PC_TRY(pc_contiguous(full != NULL ? full : t, out));
done:
    pc_release(full);
    return status;
}

static pc_status layer_norm_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *w = NULL, *b = NULL, *in = c->in[0];
    const pc_dtype full = in->dtype == PC_F64 ? PC_F64 : PC_F32;
    int64_t samples, n;
    PC_TRY(check_layer_norm(c, &samples, &n));
    if (!c->need[0] && !c->need[1]) c->save &= ~(uint32_t)PC_SAVE_IN0;
    if (!c->need[0]) c->save &= ~(uint32_t)PC_SAVE_IN1;
    PC_TRY(in_full(in, full, &x));
    PC_TRY(in_full(c->in[1], full, &w));
    PC_TRY(in_full(c->in[2], full, &b));
    PC_TRY(pc_tensor_new(full, in->ndim, in->shape, &c->out[0]));
    PC_TRY(pc_tensor_new(PC_F64, 2, (int64_t[]){ 2, samples }, &c->aux[0]));
    layers p = { .wide = full == PC_F64, .n = n, .x = pc_data(x), .y = pc_data(c->out[0]), .eps = c->v[1].f,
                 .w = w != NULL ? pc_data(w) : NULL, .b = b != NULL ? pc_data(b) : NULL, .mean = pc_data(c->aux[0]) };
    p.scale = p.mean + samples;
    if (in->numel > 0) PC_TRY(pc_parallel_for(samples, most(1, CHUNK / n), layer_task, &p));
    PC_TRY(finish(&c->out[0], in->dtype));
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
    PC_TRY(vector_gradient(sums, like, out));
done:
    pc_free(sums);
    return status;
}

static pc_status layer_norm_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *w = NULL, *g = NULL, *in = c->in[0];
    const pc_dtype full = in->dtype == PC_F64 ? PC_F64 : PC_F32;
    const bool wide = full == PC_F64, statistics = c->need[0] || c->need[1];
    char *gw = NULL, *gb = NULL;
    int64_t samples, n;
    PC_TRY(check_layer_norm(c, &samples, &n));
    const int64_t grain = most(1, most(CHUNK / most(n, 1), (samples + 63) / 64)),
                  chunks = (samples + grain - 1) / grain;
    PC_TRY(in_full(gout[0], full, &g));
    if (statistics) PC_TRY(in_full(in, full, &x));
    if (c->need[0]) {
        PC_TRY(in_full(c->in[1], full, &w));
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
    if (gin[0] != NULL) PC_TRY(finish(&gin[0], in->dtype));
done:
    pc_release(x);
    pc_release(w);
    pc_release(g);
    pc_free(gw);
    pc_free(gb);
    return status;
}

/* ---- group norm -------------------------------------------------------------------------------------- */

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
    PC_TRY(check_dtypes("GroupNormKernelImpl", x, 2, c->in + 1));
done:
    return status;
}

/* The values in t's own order of memory where that is channels_last. */
static pc_status restore_layout(const pc_tensor *like, pc_tensor **t)
{
    pc_status status = PC_OK;
    pc_tensor *last = NULL;
    float *p;
    if (!pc_wants_channels_last(like) || like->dtype != PC_F32) return PC_OK;
    PC_TRY(pc_nhwc_new(true, like->shape[0], like->shape[1], like->shape[2], like->shape[3], &last, &p));
    PC_TRY(pc_copy(last, *t));
    pc_release(*t);
    *t = last;
    last = NULL;
done:
    pc_release(last);
    return status;
}

static pc_status group_norm_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *x = c->in[0];
    activation a = { 0 };
    double *memory = NULL;
    char *parts = NULL;
    void *y;
    PC_TRY(check_group_norm(c));
    if (!c->need[0] && !c->need[1]) c->save &= ~(uint32_t)PC_SAVE_IN0;
    if (!c->need[0]) c->save &= ~(uint32_t)PC_SAVE_IN1;
    const int64_t groups = c->v[0].i, channels = x->shape[1], each = channels / groups, n = x->shape[0];
    PC_TRY(open_activation(x, false, &a));
    a.f.rows = false;
    PC_TRY(new_like(x, &a, &c->out[0], &y));
    PC_TRY(pc_tensor_new(PC_F64, 2, (int64_t[]){ 2, n * groups }, &c->aux[0])); /* means, then inverse deviations */
    memory = pc_alloc((size_t)(2 * channels + 3 * n * channels) * sizeof *memory);
    PC_CHECK(memory != NULL, PC_ENOMEM, "out of memory for the statistics of a normalisation");
    double *w = memory, *b = w + channels, *scale = b + channels, *shift = scale + n * channels,
           *means = shift + n * channels;
    double *mean = pc_data(c->aux[0]), *inverse = mean + n * groups;
    PC_TRY(read_vector(c->in[1], channels, 1, w));
    PC_TRY(read_vector(c->in[2], channels, 0, b));
    pass p = { .f = { a.f.wide, false, n, groups, each * a.f.s }, .x = a.p }; /* a group is one run */
    if (x->numel > 0) {
        PC_TRY(run_statistics(&p, moments_task, &parts));
        for (int64_t i = 0; i < n * groups; i++) {
            mean[i] = p.first[i];
            inverse[i] = 1 / sqrt(p.second[i] / (double)p.f.s + c->v[1].f);
        }
        for (int64_t i = 0; i < n * channels; i++) {
            scale[i] = w[i % channels] * inverse[i / each];
            means[i] = mean[i / each];
            shift[i] = b[i % channels];
        }
        pass q = { .f = a.f, .x = a.p, .y = y, .scale = scale, .mean = means, .shift = shift };
        PC_TRY(pc_parallel_for(n * channels, grain_of(&a.f), affine_task, &q));
    }
    PC_TRY(finish(&c->out[0], x->dtype));
    PC_TRY(restore_layout(x, &c->out[0]));
done:
    close_activation(&a);
    pc_free(memory);
    pc_free(parts);
    return status;
}

static pc_status group_norm_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *x = c->in[0];
    activation a = { 0 }, g = { 0 };
    double *memory = NULL;
    char *parts = NULL;
    void *gx;
    const int64_t groups = c->v[0].i, channels = x->shape[1], each = channels / groups, n = x->shape[0],
                  planes = n * channels;
    const double *mean = pc_data(c->aux[0]), *inverse = mean + n * groups;
    PC_TRY(open_activation(gout[0], false, &g));
    g.f.rows = false;
    if (c->need[0] || c->need[1]) PC_TRY(open_activation(x, false, &a));
    memory = pc_calloc((size_t)(3 * channels + 4 * planes), sizeof *memory);
    PC_CHECK(memory != NULL, PC_ENOMEM, "out of memory for the statistics of a normalisation");
    double *w = memory, *gw = w + channels, *gb = gw + channels, *means = gb + channels, *scale = means + planes;
    double *slope = scale + planes, *shift = slope + planes;
    PC_TRY(read_vector(c->need[0] ? c->in[1] : NULL, channels, 1, w));
    for (int64_t i = 0; i < planes; i++) means[i] = mean[i / each];
    pass p = { .f = g.f, .x = a.p != NULL ? a.p : g.p, .g = g.p, .mean = means };
    if (x->numel > 0) {
        PC_TRY(run_statistics(&p, sums_task, &parts));
        for (int64_t i = 0; i < planes; i++) {
            gw[i % channels] += p.second[i] * inverse[i / each];
            gb[i % channels] += p.first[i];
        }
    }
    if (c->need[1]) PC_TRY(vector_gradient(gw, c->in[1], &gin[1]));
    if (c->need[2]) PC_TRY(vector_gradient(gb, c->in[2], &gin[2]));
    if (c->need[0]) {
        PC_TRY(new_like(x, &a, &gin[0], &gx));
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
        pass q = {
            .f = g.f, .x = a.p, .g = g.p, .y = gx, .scale = scale, .mean = means, .slope = slope, .shift = shift
        };
        PC_TRY(pc_parallel_for(planes, grain_of(&g.f), grad_task, &q));
        PC_TRY(finish(&gin[0], x->dtype));
        PC_TRY(restore_layout(x, &gin[0]));
    }
done:
    close_activation(&a);
    close_activation(&g);
    pc_free(memory);
    pc_free(parts);
    return status;
}

static const pc_op rows[] = {
    { "batch_norm(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight=None, Tensor? bias=None, "
      "bool training=False, float momentum=0.1, float eps=1e-05) -> Tensor",
      batch_norm_forward, batch_norm_backward,
      PC_NN | PC_PRIVATE | PC_SAVE_IN0 | PC_SAVE_IN1 | PC_SAVE_IN2 | PC_SAVE_IN3,
      "Each channel minus its mean, divided by its deviation, times weight plus bias." },
    { "layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05) -> "
      "Tensor",
      layer_norm_forward, layer_norm_backward, PC_FUNCTION | PC_NN | PC_SAVE_IN0 | PC_SAVE_IN1,
      "Normalisation over the last dimensions." },
    { "group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05) -> Tensor",
      group_norm_forward, group_norm_backward, PC_FUNCTION | PC_NN | PC_SAVE_IN0 | PC_SAVE_IN1,
      "Normalisation over groups of channels." },
};
PC_FAMILY(norm, rows);
