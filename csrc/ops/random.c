/* random.c -- random numbers as PyTorch draws them on the CPU: serially, in memory order, whatever the threads. */
#include "random.h"
#include "../core/alloc.h"
#include "../kernels/half.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define U24 0x1p-24f
#define MASK24 0xffffffu
#define U53 0x1p-53
#define MASK53 ((UINT64_C(1) << 53) - 1)
#define BLOCK 16            /* of the vectorised normal fill */
#define WIDE_RANGE (1 << 28) /* randint takes 64-bit draws from here on */

pc_generator *pc_generator_of(const pc_value *v)
{
    return v->kind == PC_GENERATOR ? v->generator : pc_default_generator();
}

static float draw_u24(pc_generator *g) { return (float)(pc_draw32(g) & MASK24) * U24; }
static double draw_u53(pc_generator *g) { return (double)(pc_draw64(g) & MASK53) * U53; }

void pc_draw_bernoulli(pc_generator *g, double p, uint8_t *out, int64_t n)
{
    pthread_mutex_lock(&g->lock);
    for (int64_t k = 0; k < n; k++) out[k] = draw_u53(g) < p;
    pthread_mutex_unlock(&g->lock);
}

/* ---- one fill: values in memory order --------------------------------------------------------------- */

typedef struct fill fill;
typedef void (*fill_fn)(const fill *f, pc_generator *g, void *data, int64_t n);
struct fill {
    fill_fn run;
    pc_dtype dtype;
    double a, b;        /* the distribution's parameters */
    int64_t low, range; /* of integers; range 0: all that the dtype holds */
    bool blocks;        /* the tensor is contiguous: normals may be made in blocks */
};

static void store(pc_dtype d, void *data, int64_t k, double v)
{
    switch (d) {
    case PC_BOOL: ((uint8_t *)data)[k] = v != 0; break;
    case PC_U8: ((uint8_t *)data)[k] = (uint8_t)v; break;
    case PC_I8: ((int8_t *)data)[k] = (int8_t)v; break;
    case PC_I16: ((int16_t *)data)[k] = (int16_t)v; break;
    case PC_I32: ((int32_t *)data)[k] = (int32_t)v; break;
    case PC_I64: ((int64_t *)data)[k] = (int64_t)v; break;
    case PC_F16: ((uint16_t *)data)[k] = pc_f32_to_f16((float)v); break;
    case PC_BF16: ((uint16_t *)data)[k] = pc_f32_to_bf16((float)v); break;
    case PC_F32: ((float *)data)[k] = (float)v; break;
    case PC_F64: ((double *)data)[k] = v; break;
    case PC_DTYPE_COUNT: break;
    }
}

static void fill_uniform(const fill *f, pc_generator *g, void *data, int64_t n)
{
    if (f->dtype == PC_F64) {
        double *x = data;
        for (int64_t k = 0; k < n; k++) {
            x[k] = fma(draw_u53(g), f->b - f->a, f->a);
            if (x[k] == f->b) x[k] = f->a;
        }
        return;
    }
    float *x = data;
    for (int64_t k = 0; k < n; k++) x[k] = draw_u24(g);
    pc_k->f32_uniform_range(x, n, (float)f->a, (float)f->b);
}

static void normal_block_f64(double *x, double mean, double std)
{
    for (int k = 0; k < BLOCK / 2; k++) {
        double radius = sqrt(-2.0 * log(1.0 - x[k])), theta = 2.0 * M_PI * x[k + BLOCK / 2];
        x[k] = fma(radius * cos(theta), std, mean);
        x[k + BLOCK / 2] = fma(radius * sin(theta), std, mean);
    }
}

/* From 16 elements on: uniforms for all, transformed by blocks; a rest is covered by drawing the last block anew. */
static void fill_normal(const fill *f, pc_generator *g, void *data, int64_t n)
{
    int64_t whole = n / BLOCK * BLOCK, last = n - BLOCK;
    if (n < BLOCK || !f->blocks) {
        for (int64_t k = 0; k < n; k++) {
            double z = pc_draw_normal(g);
            if (f->dtype == PC_F64) ((double *)data)[k] = fma(z, f->b, f->a);
            else ((float *)data)[k] = (float)fma(z, f->b, f->a);
        }
    } else if (f->dtype == PC_F64) {
        double *x = data;
        for (int64_t k = 0; k < n; k++) x[k] = draw_u53(g);
        for (int64_t k = 0; k < whole; k += BLOCK) normal_block_f64(x + k, f->a, f->b);
        if (whole == n) return;
        for (int64_t k = last; k < n; k++) x[k] = draw_u53(g);
        normal_block_f64(x + last, f->a, f->b);
    } else {
        float *x = data;
        for (int64_t k = 0; k < n; k++) x[k] = draw_u24(g);
        pc_k->f32_normal_blocks(x, whole / BLOCK, (float)f->a, (float)f->b);
        if (whole == n) return;
        for (int64_t k = last; k < n; k++) x[k] = draw_u24(g);
        pc_k->f32_normal_blocks(x + last, 1, (float)f->a, (float)f->b);
    }
}

static void fill_integers(const fill *f, pc_generator *g, void *data, int64_t n)
{
    uint64_t range = (uint64_t)f->range;
    for (int64_t k = 0; k < n; k++) {
        int64_t v;
        if (range == 0) {
            switch (f->dtype) {
            case PC_I64: v = (int64_t)(pc_draw64(g) & INT64_MAX); break;
            case PC_F64: v = (int64_t)(pc_draw64(g) % ((UINT64_C(1) << 53) + 1)); break;
            case PC_F32: v = pc_draw32(g) % ((1 << 24) + 1); break;
            case PC_F16: v = pc_draw32(g) % ((1 << 11) + 1); break;
            case PC_BF16: v = pc_draw32(g) % ((1 << 8) + 1); break;
            case PC_BOOL: v = pc_draw32(g) & 1; break;
            default: /* 0 up to the dtype's largest value */
                v = (int64_t)(pc_draw32(g) % ((UINT64_C(1) << (8 * pc_dtype_size(f->dtype) - (f->dtype != PC_U8)))));
            }
        } else {
            v = (int64_t)(range >= WIDE_RANGE ? pc_draw64(g) % range : pc_draw32(g) % range) + f->low;
        }
        if (f->dtype == PC_I64) ((int64_t *)data)[k] = v;
        else store(f->dtype, data, k, (double)v);
    }
}

static void fill_bernoulli(const fill *f, pc_generator *g, void *data, int64_t n)
{
    for (int64_t k = 0; k < n; k++) store(f->dtype, data, k, draw_u53(g) < f->a);
}

static void fill_exponential(const fill *f, pc_generator *g, void *data, int64_t n)
{
    for (int64_t k = 0; k < n; k++) store(f->dtype, data, k, -1.0 / f->a * log1p(-draw_u53(g)));
}

/* Fill t: its memory as it lies if it is dense, otherwise in logical order through a copy. */
static pc_status fill_tensor(fill f, const pc_value *generator, pc_tensor *t)
{
    pc_status status = PC_OK;
    pc_generator *g = pc_generator_of(generator);
    pc_tensor *dense = NULL;
    f.dtype = t->dtype;
    f.blocks = pc_is_contiguous(t);
    if (!pc_is_dense(t)) PC_TRY(pc_tensor_new(t->dtype, t->ndim, t->shape, &dense));
    pthread_mutex_lock(&g->lock);
    f.run(&f, g, pc_data(dense != NULL ? dense : t), t->numel);
    pthread_mutex_unlock(&g->lock);
    if (dense != NULL) PC_TRY(pc_copy(t, dense));
done:
    pc_release(dense);
    return status;
}

static pc_dtype dtype_or(const pc_value *v, pc_dtype otherwise)
{
    return v->kind == PC_DTYPE ? (pc_dtype)v->i : otherwise;
}

static pc_status need_float(const char *name, pc_dtype d)
{
    if (d == PC_F32 || d == PC_F64) return PC_OK;
    return pc_fail(PC_ENOTIMPL, "\"%s\" not implemented for '%s': use float32 or float64", name, pc_dtype_type_name(d));
}

/* ---- new tensors ------------------------------------------------------------------------------------ */

static pc_status new_filled(pc_call *c, fill f, const pc_value *generator, pc_dtype d, int ndim, const int64_t *shape)
{
    pc_status status = PC_OK;
    pc_tensor *out;
    PC_TRY(pc_out(c, 0, d, ndim, shape, &out));
    PC_TRY(fill_tensor(f, generator, out));
done:
    return status;
}

static pc_status new_like(pc_call *c, fill f, const pc_value *generator, pc_dtype d)
{
    pc_status status = PC_OK;
    const pc_tensor *t = c->in[0];
    if (pc_is_dense(t)) PC_TRY(pc_tensor_new_strided(d, t->ndim, t->shape, t->stride, &c->out[0]));
    else PC_TRY(pc_tensor_new(d, t->ndim, t->shape, &c->out[0]));
    PC_TRY(fill_tensor(f, generator, c->out[0]));
done:
    return status;
}

static const fill uniform01 = { .run = fill_uniform, .b = 1 }, normal01 = { .run = fill_normal, .b = 1 };

static pc_status rand_forward(pc_call *c)
{
    pc_dtype d = dtype_or(&c->v[2], PC_F32);
    pc_status status = need_float("rand", d);
    return status == PC_OK ? new_filled(c, uniform01, &c->v[1], d, c->v[0].ints.n, c->v[0].ints.v) : status;
}
static pc_status randn_forward(pc_call *c)
{
    pc_dtype d = dtype_or(&c->v[2], PC_F32);
    pc_status status = need_float("normal_kernel_cpu", d);
    return status == PC_OK ? new_filled(c, normal01, &c->v[1], d, c->v[0].ints.n, c->v[0].ints.v) : status;
}
static pc_status rand_like_forward(pc_call *c)
{
    pc_dtype d = dtype_or(&c->v[1], c->in[0]->dtype);
    pc_status status = need_float("rand_like", d);
    return status == PC_OK ? new_like(c, uniform01, &c->v[0], d) : status;
}
static pc_status randn_like_forward(pc_call *c)
{
    pc_dtype d = dtype_or(&c->v[1], c->in[0]->dtype);
    pc_status status = need_float("normal_kernel_cpu", d);
    return status == PC_OK ? new_like(c, normal01, &c->v[0], d) : status;
}

static pc_status integers(int64_t low, int64_t high, fill *f)
{
    if (low >= high)
        return pc_fail(PC_ESHAPE, "random_ expects 'from' to be less than 'to', but got from=%" PRId64 " >= to=%" PRId64,
                       low, high);
    *f = (fill){ .run = fill_integers, .low = low, .range = (int64_t)((uint64_t)high - (uint64_t)low) };
    return PC_OK;
}
static pc_status randint_between(pc_call *c, int64_t low, int64_t high, const pc_value *size)
{
    fill f;
    pc_status status = integers(low, high, &f);
    if (status != PC_OK) return status;
    return new_filled(c, f, size + 1, dtype_or(size + 2, PC_I64), size->ints.n, size->ints.v);
}
static pc_status randint_forward(pc_call *c) { return randint_between(c, 0, c->v[0].i, &c->v[1]); }
static pc_status randint_low_forward(pc_call *c) { return randint_between(c, c->v[0].i, c->v[1].i, &c->v[2]); }
static pc_status randint_like_forward(pc_call *c)
{
    fill f;
    pc_status status = integers(0, c->v[0].i, &f);
    return status == PC_OK ? new_like(c, f, &c->v[1], dtype_or(&c->v[2], c->in[0]->dtype)) : status;
}
static pc_status randint_like_low_forward(pc_call *c)
{
    fill f;
    pc_status status = integers(c->v[0].i, c->v[1].i, &f);
    return status == PC_OK ? new_like(c, f, &c->v[2], dtype_or(&c->v[3], c->in[0]->dtype)) : status;
}

static pc_status randperm_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int64_t n = c->v[0].i;
    pc_dtype d = dtype_or(&c->v[2], PC_I64);
    pc_generator *g = pc_generator_of(&c->v[1]);
    pc_tensor *order = NULL;
    PC_CHECK(n >= 0, PC_ESHAPE, "n must be non-negative, got %" PRId64, n);
    PC_TRY(pc_tensor_new(PC_I64, 1, &n, &order));
    int64_t *r = pc_data(order);
    pthread_mutex_lock(&g->lock);
    if (n < UINT32_MAX / 20) {
        for (int64_t i = 0; i < n; i++) r[i] = i;
        for (int64_t i = 0; i < n - 1; i++) {
            int64_t z = (int64_t)(pc_draw32(g) % (uint64_t)(n - i)), t = r[i];
            r[i] = r[i + z];
            r[i + z] = t;
        }
    } else {
        for (int64_t i = 0; i < n; i++) {
            int64_t z = (int64_t)(pc_draw64(g) % (uint64_t)(i + 1));
            r[i] = r[z];
            r[z] = i;
        }
    }
    pthread_mutex_unlock(&g->lock);
    if (d == PC_I64) {
        c->out[0] = order;
        order = NULL;
    } else {
        PC_TRY(pc_cast(order, d, &c->out[0]));
    }
done:
    pc_release(order);
    return status;
}

/* ---- normal(mean, std) with tensors: f32(z * std) + mean ----------------------------------------------- */

static pc_status check_std(double std)
{
    if (std >= 0) return PC_OK;
    return pc_fail(PC_ESHAPE, "normal expects std >= 0.0, but found std %g", std);
}
static pc_status normal_size_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_dtype d = dtype_or(&c->v[4], PC_F32);
    PC_TRY(check_std(c->v[1].f));
    PC_TRY(need_float("normal_kernel_cpu", d));
    PC_TRY(new_filled(c, (fill){ .run = fill_normal, .a = c->v[0].f, .b = c->v[1].f }, &c->v[3], d, c->v[2].ints.n,
                      c->v[2].ints.v));
done:
    return status;
}

static pc_status combine(pc_call *c, pc_tensor *mean, double mean_value, pc_tensor *std, double std_value,
                         const pc_value *generator)
{
    pc_status status = PC_OK;
    pc_tensor *shape = mean != NULL ? mean : std, *out, *m = NULL, *s = NULL;
    PC_TRY(need_float("normal_kernel_cpu", shape->dtype));
    PC_CHECK(mean == NULL || std == NULL || pc_same_shape(mean, std), PC_ESHAPE,
             "normal: mean and std must have the same shape");
    PC_TRY(new_filled(c, normal01, generator, shape->dtype, shape->ndim, shape->shape));
    out = c->out[0];
    if (mean != NULL) PC_TRY(pc_contiguous(mean, &m));
    if (std != NULL) PC_TRY(pc_contiguous(std, &s));
    for (int64_t k = 0; k < out->numel; k++) {
        if (out->dtype == PC_F32) {
            float z = pc_f32(out)[k] * (s != NULL ? pc_f32(s)[k] : (float)std_value);
            pc_f32(out)[k] = z + (m != NULL ? pc_f32(m)[k] : (float)mean_value);
        } else {
            double *x = pc_data(out), z = x[k] * (s != NULL ? ((double *)pc_data(s))[k] : std_value);
            x[k] = z + (m != NULL ? ((double *)pc_data(m))[k] : mean_value);
        }
    }
done:
    pc_release(m);
    pc_release(s);
    return status;
}
static pc_status normal_tensors_forward(pc_call *c) { return combine(c, c->in[0], 0, c->in[1], 0, &c->v[0]); }
static pc_status normal_mean_forward(pc_call *c)
{
    pc_status status = check_std(c->v[0].f);
    return status == PC_OK ? combine(c, c->in[0], 0, NULL, c->v[0].f, &c->v[1]) : status;
}
static pc_status normal_std_forward(pc_call *c) { return combine(c, NULL, c->v[0].f, c->in[0], 0, &c->v[1]); }

/* ---- in place ------------------------------------------------------------------------------------------ */

static pc_status fill_self(pc_call *c, fill f, const pc_value *generator)
{
    pc_status status = fill_tensor(f, generator, c->in[0]);
    if (status == PC_OK) c->out[0] = pc_retain(c->in[0]);
    return status;
}

static pc_status uniform_forward(pc_call *c)
{
    pc_status status = PC_OK;
    double from = c->v[0].f, to = c->v[1].f;
    PC_CHECK(from <= to, PC_ESHAPE, "uniform_ expects to return a [from, to) range, but found from=%g > to=%g", from, to);
    PC_TRY(need_float("check_uniform_bounds", c->in[0]->dtype));
    PC_TRY(fill_self(c, (fill){ .run = fill_uniform, .a = from, .b = to }, &c->v[2]));
done:
    return status;
}
static pc_status normal_forward(pc_call *c)
{
    pc_status status = PC_OK;
    PC_TRY(check_std(c->v[1].f));
    PC_TRY(need_float("normal_kernel_cpu", c->in[0]->dtype));
    PC_TRY(fill_self(c, (fill){ .run = fill_normal, .a = c->v[0].f, .b = c->v[1].f }, &c->v[2]));
done:
    return status;
}
static pc_status random_forward(pc_call *c) { return fill_self(c, (fill){ .run = fill_integers }, &c->v[0]); }
static pc_status random_to_forward(pc_call *c)
{
    fill f;
    pc_status status = integers(0, c->v[0].i, &f);
    return status == PC_OK ? fill_self(c, f, &c->v[1]) : status;
}
static pc_status random_from_forward(pc_call *c)
{
    fill f;
    pc_status status = integers(c->v[0].i, c->v[1].i, &f);
    return status == PC_OK ? fill_self(c, f, &c->v[2]) : status;
}
static pc_status bernoulli_inplace_forward(pc_call *c)
{
    pc_status status = PC_OK;
    double p = c->v[0].f;
    PC_CHECK(p >= 0 && p <= 1, PC_ESHAPE, "bernoulli_ expects p to be in [0, 1], but got p=%g", p);
    PC_TRY(fill_self(c, (fill){ .run = fill_bernoulli, .a = p }, &c->v[1]));
done:
    return status;
}
static pc_status exponential_forward(pc_call *c)
{
    pc_status status = PC_OK;
    PC_CHECK(c->v[0].f > 0, PC_ESHAPE, "exponential_ expects lambda > 0.0, but found lambda=%g", c->v[0].f);
    PC_TRY(need_float("exponential_", c->in[0]->dtype));
    PC_TRY(fill_self(c, (fill){ .run = fill_exponential, .a = c->v[0].f }, &c->v[1]));
done:
    return status;
}

/* ---- bernoulli, multinomial ---------------------------------------------------------------------------- */

/* Into out (any dtype): one draw an element, compared in the dtype of the probabilities. */
static pc_status draw_probabilities(pc_tensor *p, pc_generator *g, pc_tensor *out)
{
    pc_status status = PC_OK;
    pc_tensor *plain = NULL, *result = NULL;
    bool wide = p->dtype == PC_F64;
    PC_TRY(need_float("bernoulli_tensor_cpu_p_", p->dtype));
    PC_TRY(pc_contiguous(p, &plain));
    const float *narrow = pc_data(plain);
    const double *exact = pc_data(plain);
    for (int64_t k = 0; k < p->numel; k++) {
        double v = wide ? exact[k] : (double)narrow[k];
        PC_CHECK(v >= 0 && v <= 1, PC_ESHAPE, "Expected p_in >= 0 && p_in <= 1 to be true, but got p_in=%g", v);
    }
    PC_TRY(pc_tensor_new(out->dtype, p->ndim, p->shape, &result));
    pthread_mutex_lock(&g->lock);
    for (int64_t k = 0; k < p->numel; k++)
        store(out->dtype, pc_data(result), k, wide ? draw_u53(g) < exact[k] : draw_u24(g) < narrow[k]);
    pthread_mutex_unlock(&g->lock);
    PC_TRY(pc_copy(out, result));
done:
    pc_release(plain);
    pc_release(result);
    return status;
}
static pc_status bernoulli_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *p = c->in[0];
    PC_TRY(pc_tensor_new(p->dtype, p->ndim, p->shape, &c->out[0]));
    PC_TRY(draw_probabilities(p, pc_generator_of(&c->v[0]), c->out[0]));
done:
    return status;
}
static pc_status bernoulli_p_forward(pc_call *c)
{
    pc_status status = PC_OK;
    double p = c->v[0].f;
    PC_CHECK(p >= 0 && p <= 1, PC_ESHAPE, "bernoulli_ expects p to be in [0, 1], but got p=%g", p);
    PC_TRY(new_like(c, (fill){ .run = fill_bernoulli, .a = p }, &c->v[1], c->in[0]->dtype));
done:
    return status;
}
static pc_status bernoulli_tensor_inplace_forward(pc_call *c)
{
    pc_status status = PC_OK;
    PC_CHECK(pc_same_shape(c->in[0], c->in[1]), PC_ESHAPE, "bernoulli_: p must have the tensor's shape");
    PC_TRY(draw_probabilities(c->in[1], pc_generator_of(&c->v[0]), c->in[0]));
    c->out[0] = pc_retain(c->in[0]);
done:
    return status;
}

/* The weights of one row as doubles that hold values of their own dtype. */
static double round_to(pc_dtype d, double v) { return d == PC_F32 ? (double)(float)v : v; }

static void sample_with_replacement(pc_generator *g, pc_dtype d, double *cumulative, int64_t n, int64_t samples,
                                    int64_t *out)
{
    double total = 0;
    for (int64_t k = 0; k < n; k++) cumulative[k] = total = round_to(d, total + cumulative[k]);
    for (int64_t k = 0; k < n; k++) cumulative[k] = round_to(d, cumulative[k] / total);
    cumulative[n - 1] = 1;
    for (int64_t j = 0; j < samples; j++) {
        double u = draw_u53(g);
        int64_t low = 0, high = n;
        while (high > low) {
            int64_t middle = low + (high - low) / 2;
            if (cumulative[middle] < u) low = middle + 1;
            else high = middle;
        }
        out[j] = low;
    }
}

/* The keys w / q, q exponential, of all rows are drawn first; the largest `samples` of a row are its sample. */
static void take_largest(const double *key, int64_t n, int64_t samples, uint8_t *taken, int64_t *out)
{
    memset(taken, 0, (size_t)n);
    for (int64_t j = 0; j < samples; j++) {
        int64_t best = -1;
        for (int64_t k = 0; k < n; k++)
            if (!taken[k] && (best < 0 || key[k] > key[best])) best = k;
        taken[best] = 1;
        out[j] = best;
    }
}

typedef struct keyed {
    double key;
    int64_t index;
} keyed;

static void sift(keyed *heap, int64_t at, int64_t n)
{
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && heap[child + 1].key > heap[child].key) child++;
        if (heap[at].key >= heap[child].key) return;
        keyed t = heap[at];
        heap[at] = heap[child];
        heap[child] = t;
    }
}

/* The same by a heap, for long rows. */
static void take_largest_heap(const double *key, int64_t n, int64_t samples, keyed *heap, int64_t *out)
{
    for (int64_t k = 0; k < n; k++) heap[k] = (keyed){ key[k], k };
    for (int64_t k = n / 2 - 1; k >= 0; k--) sift(heap, k, n);
    for (int64_t j = 0; j < samples; j++) {
        out[j] = heap[0].index;
        heap[0] = heap[--n];
        sift(heap, 0, n);
    }
}

static pc_status multinomial_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *w = NULL, *out;
    double *row = NULL;
    void *scratch = NULL;
    const pc_tensor *in = c->in[0];
    int64_t samples = c->v[0].i;
    bool replacement = c->v[1].i != 0;
    pc_generator *g = pc_generator_of(&c->v[2]);
    PC_CHECK(in->ndim == 1 || in->ndim == 2, PC_ESHAPE, "prob_dist must be 1 or 2 dim");
    PC_TRY(need_float("multinomial", in->dtype));
    int64_t n = in->shape[in->ndim - 1], rows = in->ndim == 2 ? in->shape[0] : 1;
    PC_CHECK(samples > 0, PC_ESHAPE, "cannot sample n_sample <= 0 samples");
    PC_CHECK(replacement || samples <= n, PC_ESHAPE,
             "cannot sample n_sample > prob_dist.size(-1) samples without replacement");
    PC_TRY(pc_contiguous(c->in[0], &w));
    PC_TRY(pc_out(c, 0, PC_I64, in->ndim, in->ndim == 2 ? (int64_t[]){ rows, samples } : (int64_t[]){ samples }, &out));
    row = pc_calloc((size_t)(rows * n), sizeof *row);
    scratch = pc_calloc((size_t)n, sizeof(keyed));
    PC_CHECK(row != NULL && scratch != NULL, PC_ENOMEM, "out of memory for multinomial");
    for (int64_t k = 0; k < rows * n; k++)
        row[k] = w->dtype == PC_F32 ? (double)pc_f32(w)[k] : ((const double *)pc_data(w))[k];
    for (int64_t r = 0; r < rows; r++) {
        double total = 0;
        for (int64_t k = 0; k < n; k++) {
            double v = row[r * n + k];
            PC_CHECK(v >= 0 && isfinite(v), PC_ESHAPE,
                     "probability tensor contains either `inf`, `nan` or element < 0");
            total += v;
        }
        PC_CHECK(total > 0, PC_ESHAPE, "invalid multinomial distribution (sum of probabilities <= 0)");
    }
    pthread_mutex_lock(&g->lock);
    if (!replacement)
        for (int64_t k = 0; k < rows * n; k++)
            row[k] = round_to(w->dtype, row[k] / round_to(w->dtype, -log1p(-draw_u53(g))));
    for (int64_t r = 0; r < rows; r++) {
        int64_t *to = (int64_t *)pc_data(out) + r * samples;
        if (replacement) sample_with_replacement(g, w->dtype, row + r * n, n, samples, to);
        else if (samples < 8) take_largest(row + r * n, n, samples, scratch, to);
        else take_largest_heap(row + r * n, n, samples, scratch, to);
    }
    pthread_mutex_unlock(&g->lock);
done:
    pc_free(row);
    pc_free(scratch);
    pc_release(w);
    return status;
}

#define NEW (PC_FUNCTION | PC_NOGRAD | PC_FACTORY)
#define SELF (PC_METHOD | PC_NOGRAD | PC_WRITES)
static const pc_op table[] = {
    { "rand(int[] size, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor", rand_forward, NULL, NEW,
      "Uniform numbers in [0, 1)." },
    { "randn(int[] size, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor", randn_forward, NULL, NEW,
      "Standard normal numbers." },
    { "randint.low(int low, int high, int[] size, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor",
      randint_low_forward, NULL, NEW, "Integers in [low, high), as int64 unless dtype is given." },
    { "randint(int high, int[] size, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor", randint_forward,
      NULL, NEW, "Integers in [0, high), as int64 unless dtype is given." },
    { "randperm(int n, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor", randperm_forward, NULL, NEW,
      "A random permutation of the integers 0 to n - 1." },
    { "rand_like(Tensor self, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor", rand_like_forward, NULL,
      NEW, "Uniform numbers in [0, 1), in the shape of the input." },
    { "randn_like(Tensor self, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor", randn_like_forward, NULL,
      NEW, "Standard normal numbers, in the shape of the input." },
    { "randint_like.low(Tensor self, int low, int high, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor",
      randint_like_low_forward, NULL, NEW, "Integers in [low, high), in the shape of the input." },
    { "randint_like(Tensor self, int high, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor",
      randint_like_forward, NULL, NEW, "Integers in [0, high), in the shape of the input." },
    { "normal.tensors(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor", normal_tensors_forward, NULL,
      PC_FUNCTION | PC_NOGRAD, "Normal numbers with the given means and standard deviations." },
    { "normal.mean(Tensor mean, float std=1.0, *, Generator? generator=None) -> Tensor", normal_mean_forward, NULL,
      PC_FUNCTION | PC_NOGRAD, "Normal numbers with the given means." },
    { "normal.std(float mean, Tensor std, *, Generator? generator=None) -> Tensor", normal_std_forward, NULL,
      PC_FUNCTION | PC_NOGRAD, "Normal numbers with the given standard deviations." },
    { "normal.size(float mean, float std, int[] size, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor",
      normal_size_forward, NULL, NEW, "Normal numbers of the given shape." },
    { "bernoulli(Tensor self, *, Generator? generator=None) -> Tensor", bernoulli_forward, NULL,
      PC_FUNCTION | PC_METHOD | PC_NOGRAD, "1 with the probability that the input gives, otherwise 0." },
    { "bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor", bernoulli_p_forward, NULL,
      PC_FUNCTION | PC_METHOD | PC_NOGRAD, "1 with probability p, otherwise 0, in the shape of the input." },
    { "multinomial(Tensor self, int num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor",
      multinomial_forward, NULL, PC_FUNCTION | PC_METHOD | PC_NOGRAD,
      "Indices drawn with the probabilities that each row's weights give." },
    { "uniform_(Tensor self, float from=0, float to=1, *, Generator? generator=None) -> Tensor", uniform_forward, NULL,
      SELF, "Fill with uniform numbers in [from, to)." },
    { "normal_(Tensor self, float mean=0, float std=1, *, Generator? generator=None) -> Tensor", normal_forward, NULL,
      SELF, "Fill with normal numbers." },
    { "random_.from(Tensor self, int from, int to, *, Generator? generator=None) -> Tensor", random_from_forward, NULL,
      SELF, "Fill with integers in [from, to)." },
    { "random_.to(Tensor self, int to, *, Generator? generator=None) -> Tensor", random_to_forward, NULL, SELF,
      "Fill with integers in [0, to)." },
    { "random_(Tensor self, *, Generator? generator=None) -> Tensor", random_forward, NULL, SELF,
      "Fill with the integers that the dtype represents exactly." },
    { "bernoulli_.tensor(Tensor self, Tensor p, *, Generator? generator=None) -> Tensor",
      bernoulli_tensor_inplace_forward, NULL, SELF, "Fill with 1 with the given probabilities, otherwise 0." },
    { "bernoulli_(Tensor self, float p=0.5, *, Generator? generator=None) -> Tensor", bernoulli_inplace_forward, NULL,
      SELF, "Fill with 1 with probability p, otherwise 0." },
    { "exponential_(Tensor self, float lambd=1, *, Generator? generator=None) -> Tensor", exponential_forward, NULL, SELF,
      "Fill with exponential numbers." },
};
PC_FAMILY(random, table);
