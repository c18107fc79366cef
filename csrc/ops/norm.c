/* norm.c -- what normalisations share: statistics and affine maps of channels, tensors opened as fields.
   Statistics are gathered in chunks of fixed size and put together in double, in order: they do not depend on the
   number of threads. */
#include "norm.h"
#include "../core/alloc.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include "elementwise.h"
#include <string.h>

static int64_t item_of(const pc_field *f) { return f->wide ? 8 : 4; }

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
void pc_f64_moments_run(const double *x, int64_t n, double *mean, double *m2)
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

int64_t pc_field_grain(const pc_field *f) { return pc_most(1, PC_NORM_CHUNK / pc_most(1, f->rows ? f->c : f->s)); }

pc_status pc_moments_task(void *ctx, int64_t begin, int64_t end)
{
    const pc_pass *p = ctx;
    const int64_t c = p->f.c, s = p->f.s;
    if (!p->f.rows) {
        for (int64_t i = begin; i < end; i++) {
            if (p->f.wide) pc_f64_moments_run((const double *)p->x + i * s, s, &p->first[i], &p->second[i]);
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

/* A ReLU after plane i. */
static const float *relu_of(const pc_pass *p, int64_t i, float *relu)
{
    if (p->bias == NULL) return NULL;
    relu[0] = (float)p->scale[i];
    relu[1] = (float)p->bias[i];
    return relu;
}

/* The mean is the first of the coefficients. */
pc_status pc_sums_task(void *ctx, int64_t begin, int64_t end)
{
    const pc_pass *p = ctx;
    const int64_t c = p->f.c, s = p->f.s;
    float relu[2];
    if (!p->f.rows) {
        for (int64_t i = begin; i < end; i++) {
            if (p->f.wide)
                f64_norm_sums_run((const double *)p->g + i * s, (const double *)p->x + i * s, s, p->mean[i],
                                  &p->first[i], &p->second[i]);
            else
                pc_k->f32_norm_sums_run((const float *)p->g + i * s, (const float *)p->x + i * s, s, (float)p->mean[i],
                                        relu_of(p, i, relu), &p->first[i], &p->second[i]);
        }
        return PC_OK;
    }
    char *part = p->parts + begin / p->grain * 2 * c * item_of(&p->f);
    if (p->f.wide)
        f64_norm_sums_rows((const double *)p->g + begin * c, (const double *)p->x + begin * c, end - begin, c,
                           p->coefficients, (double *)part, (double *)part + c);
    else
        pc_k->f32_norm_sums_rows((const float *)p->g + begin * c, (const float *)p->x + begin * c, end - begin, c,
                                 p->coefficients, p->bias != NULL, (float *)part, (float *)part + c);
    return PC_OK;
}

pc_status pc_affine_task(void *ctx, int64_t begin, int64_t end)
{
    const pc_pass *p = ctx;
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

pc_status pc_grad_task(void *ctx, int64_t begin, int64_t end)
{
    const pc_pass *p = ctx;
    const int64_t c = p->f.c, s = p->f.s;
    if (p->f.rows && p->f.wide) {
        f64_norm_grad_rows((double *)p->y + begin * c, (const double *)p->g + begin * c,
                           (const double *)p->x + begin * c, end - begin, c, p->coefficients);
    } else if (p->f.rows) {
        pc_k->f32_norm_grad_rows((float *)p->y + begin * c, (const float *)p->g + begin * c,
                                 (const float *)p->x + begin * c, end - begin, c, p->coefficients, p->bias != NULL);
    } else {
        for (int64_t i = begin; i < end; i++) {
            if (p->f.wide)
                f64_norm_grad_run((double *)p->y + i * s, (const double *)p->g + i * s, (const double *)p->x + i * s, s,
                                  p->scale[i], p->mean[i], p->slope[i], p->shift[i]);
            else {
                const float bias = p->bias != NULL ? (float)p->bias[i] : 0;
                pc_k->f32_norm_grad_run((float *)p->y + i * s, (const float *)p->g + i * s, (const float *)p->x + i * s,
                                        s, (float)p->scale[i], (float)p->mean[i], (float)p->slope[i],
                                        (float)p->shift[i], p->bias != NULL ? &bias : NULL);
            }
        }
    }
    return PC_OK;
}

/* Vectors of coefficients as the kernels take them: in rows one behind the other, in the field's type; in planes
   repeated for each sample, so that every plane has its own. `at` receives where each vector of planes begins. */
static pc_status lay_out(const pc_field *f, int count, const double *const *vectors, const double **at, void **memory)
{
    pc_status status = PC_OK;
    const int64_t repeat = f->rows ? 1 : f->n;
    double *to = pc_alloc((size_t)(count * repeat * f->c) * sizeof *to);
    PC_CHECK(to != NULL, PC_ENOMEM, "out of memory for the coefficients of a normalisation");
    *memory = to;
    for (int v = 0; v < count; v++) {
        at[v] = to + v * repeat * f->c;
        for (int64_t i = 0; i < repeat && !f->rows; i++)
            memcpy(to + (v * repeat + i) * f->c, vectors[v], (size_t)f->c * sizeof *to);
        for (int64_t k = 0; k < f->c && f->rows; k++) {
            if (f->wide) to[v * f->c + k] = vectors[v][k];
            else ((float *)to)[v * f->c + k] = (float)vectors[v][k];
        }
    }
done:
    return status;
}

pc_status pc_field_statistics(pc_pass *p, pc_range_fn task, char **parts)
{
    pc_status status = PC_OK;
    const pc_field *f = &p->f;
    p->grain = pc_field_grain(f);
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
static double part_at(const pc_pass *p, int64_t chunk, int64_t k, int which, double *values)
{
    const pc_field *f = &p->f;
    if (!f->rows) {
        *values = (double)f->s;
        return (which == 0 ? p->first : p->second)[chunk * f->c + k];
    }
    int64_t at = (chunk * 2 + which) * f->c + k;
    *values = (double)pc_least(p->grain, f->n * f->s - chunk * p->grain);
    return f->wide ? ((const double *)p->parts)[at] : (double)((const float *)p->parts)[at];
}
static int64_t parts_of(const pc_pass *p) { return p->f.rows ? (p->f.n * p->f.s + p->grain - 1) / p->grain : p->f.n; }

pc_status pc_channel_moments(const pc_field *f, const void *x, double *mean, double *m2)
{
    pc_status status = PC_OK;
    char *parts = NULL;
    pc_pass p = { .f = *f, .x = x };
    double total = (double)(f->n * f->s), values;
    PC_TRY(pc_field_statistics(&p, pc_moments_task, &parts));
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

pc_status pc_channel_sums(const pc_field *f, const void *g, const void *x, const pc_coefficients *by, double *sum,
                          double *dot)
{
    pc_status status = PC_OK;
    char *parts = NULL;
    void *memory = NULL;
    double values;
    const double *at[3] = { NULL };
    pc_pass p = { .f = *f, .x = x, .g = g };
    PC_TRY(lay_out(f, by->bias != NULL ? 3 : 1, (const double *[]){ by->mean, by->scale, by->bias }, at, &memory));
    p.coefficients = memory;
    p.mean = at[0];
    p.scale = at[1];
    p.bias = at[2];
    PC_TRY(pc_field_statistics(&p, pc_sums_task, &parts));
    for (int64_t k = 0; k < f->c; k++) sum[k] = dot[k] = 0;
    for (int64_t i = 0; i < parts_of(&p); i++)
        for (int64_t k = 0; k < f->c; k++) {
            sum[k] += part_at(&p, i, k, 0, &values);
            dot[k] += part_at(&p, i, k, 1, &values);
        }
done:
    pc_free(parts);
    pc_free(memory);
    return status;
}

pc_status pc_apply_channels(const pc_field *f, const void *g, const void *x, void *y, const pc_coefficients *by)
{
    pc_status status = PC_OK;
    pc_pass p = { .f = *f, .x = x, .g = g, .y = y };
    void *memory = NULL;
    const double *at[5] = { NULL };
    if (g != NULL) {
        PC_TRY(lay_out(f, by->bias != NULL ? 5 : 4,
                       (const double *[]){ by->scale, by->mean, by->slope, by->shift, by->bias }, at, &memory));
        p.slope = at[2];
        p.shift = at[3];
        p.bias = at[4];
    } else {
        PC_TRY(lay_out(f, 3, (const double *[]){ by->scale, by->mean, by->shift }, at, &memory));
        p.shift = at[2];
    }
    p.coefficients = memory;
    p.scale = at[0];
    p.mean = at[1];
    PC_TRY(pc_parallel_for(f->rows ? f->n * f->s : f->n * f->c, pc_field_grain(f),
                           g != NULL ? pc_grad_task : pc_affine_task, &p));
done:
    pc_free(memory);
    return status;
}

/* ---- tensors as fields ------------------------------------------------------------------------------ */

void pc_activation_close(pc_activation *a)
{
    pc_nhwc_close(&a->image);
    pc_release(a->held);
    a->held = NULL;
}

pc_status pc_activation_open(pc_tensor *t, bool images, pc_activation *a)
{
    pc_status status = PC_OK;
    pc_tensor *full = NULL;
    *a = (pc_activation){ .f = { .wide = t->dtype == PC_F64, .n = t->shape[0], .c = t->shape[1], .s = 1 } };
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

pc_status pc_activation_open_like(pc_tensor *t, const pc_activation *x, pc_activation *a)
{
    pc_status status = PC_OK;
    if (x->image.p == NULL || !x->image.pixels) {
        PC_TRY(pc_activation_open(t, false, a));
        a->f.rows = x->f.rows;
        goto done;
    }
    PC_TRY(pc_activation_open(t, true, a));
    PC_TRY(pc_nhwc_gather(&a->image));
    a->p = a->image.p;
    a->f.rows = true;
done:
    return status;
}

/* Memory for results that belong to tensor t, in the layout of x and the dtype that is computed in. */
pc_status pc_activation_new(const pc_tensor *t, const pc_activation *x, pc_tensor **out, void **p)
{
    pc_status status = PC_OK;
    pc_dtype d = pc_work_dtype(t->dtype);
    if (x->image.p != NULL && x->image.pixels) {
        float *to;
        bool last = !pc_is_contiguous(t) && (pc_is_channels_last(t) || pc_wants_channels_last(t));
        PC_TRY(pc_nhwc_new(last, t->shape[0], t->shape[1], t->shape[2], t->shape[3], out, &to));
        *p = to;
    } else {
        PC_TRY(pc_tensor_new(d, t->ndim, t->shape, out));
        *p = pc_data(*out);
    }
done:
    return status;
}
pc_status pc_read_vector(pc_tensor *t, int64_t n, double otherwise, double *to)
{
    pc_status status = PC_OK;
    pc_tensor *plain = NULL;
    if (n >= PC_POLL_EVERY) PC_TRY(pc_poll()); /* loops over channels do not look for themselves */
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
pc_status pc_vector_tensor(const double *from, const pc_tensor *like, pc_tensor **out)
{
    pc_status status = like->numel >= PC_POLL_EVERY ? pc_poll() : PC_OK;
    if (status == PC_OK) status = pc_tensor_new(PC_F64, like->ndim, like->shape, out);
    if (status == PC_OK) memcpy(pc_data(*out), from, (size_t)like->numel * sizeof *from);
    return status;
}
pc_status pc_vector_gradient(const double *from, const pc_tensor *like, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *t = NULL;
    PC_TRY(pc_vector_tensor(from, like, &t));
    PC_TRY(pc_cast(t, like->dtype, out));
done:
    pc_release(t);
    return status;
}

static bool is_half(pc_dtype d) { return d == PC_F16 || d == PC_BF16; }

pc_status pc_check_norm_dtypes(const char *kernel, const pc_tensor *x, int n, pc_tensor *const *parameters)
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

