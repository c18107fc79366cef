/* random.c -- random numbers as PyTorch draws them on the CPU: serially, in memory order, whatever the threads. */
#include "random.h"
#include "../core/alloc.h"
#include "../kernels/half.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include "elementwise.h"
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define BLOCK 16             /* of the vectorised normal fill */
#define CHUNK 1024           /* elements drawn at a time: their draws stay in the first cache */
#define PIECE (128 * CHUNK)  /* elements between two looks at Ctrl-C */

pc_generator *pc_generator_of(const pc_value *v)
{
    return v->kind == PC_GENERATOR ? v->generator : pc_default_generator();
}

/* U53 < p, as integers: the smallest 53-bit number that is not below p. */
static uint64_t threshold(double p) { return (uint64_t)ceil(p * 0x1p53); }

static void draw_below(pc_generator *g, double p, uint8_t *out, int64_t n)
{
    uint32_t draws[2 * CHUNK];
    for (int64_t k = 0; k < n; k += CHUNK) {
        int64_t m = n - k < CHUNK ? n - k : CHUNK;
        pc_draw32_many(g, draws, 2 * m);
        pc_k->u8_below(draws, m, threshold(p), out + k);
    }
}

/* ---- one fill: values in memory order --------------------------------------------------------------- */

typedef struct fill fill;
typedef void (*fill_fn)(const fill *f, pc_generator *g, void *data, int64_t n);
struct fill {
    fill_fn run;
    pc_dtype dtype;
    double a, b;        /* the distribution's parameters */
    int64_t low;        /* of integers */
    uint64_t range;     /* 0: all that the dtype holds */
    bool full;          /* every 64-bit number, cast */
    bool blocks;        /* the tensor is contiguous: normals may be made in blocks */
};

void pc_store_integer(pc_dtype d, void *data, int64_t k, int64_t v)
{
    switch (d) {
    case PC_BOOL: ((uint8_t *)data)[k] = v != 0; break;
    case PC_U8: ((uint8_t *)data)[k] = (uint8_t)v; break;
    case PC_I8: ((int8_t *)data)[k] = (int8_t)v; break;
    case PC_I16: ((int16_t *)data)[k] = (int16_t)v; break;
    case PC_I32: ((int32_t *)data)[k] = (int32_t)v; break;
    case PC_I64: ((int64_t *)data)[k] = v; break;
    case PC_F16: ((uint16_t *)data)[k] = pc_f32_to_f16((float)v); break;
    case PC_BF16: ((uint16_t *)data)[k] = pc_f32_to_bf16((float)v); break;
    case PC_F32: ((float *)data)[k] = (float)v; break;
    case PC_F64: ((double *)data)[k] = (double)v; break;
    case PC_DTYPE_COUNT: break;
    }
}

/* Multiples of 2^-24 in [0, 1). */
static void units_f32(pc_generator *g, float *x, int64_t n)
{
    uint32_t draws[CHUNK];
    for (int64_t k = 0; k < n; k += CHUNK) {
        int64_t m = n - k < CHUNK ? n - k : CHUNK;
        pc_draw32_many(g, draws, m);
        for (int64_t i = 0; i < m; i++) x[k + i] = PC_UNIT_F32(draws[i]);
    }
}

static void fill_uniform(const fill *f, pc_generator *g, void *data, int64_t n)
{
    if (f->dtype == PC_F64) {
        double *x = data;
        for (int64_t k = 0; k < n; k++) {
            x[k] = fma(pc_draw_u53(g), f->b - f->a, f->a);
            if (x[k] == f->b) x[k] = f->a;
        }
        return;
    }
    for (float *x = data, *end = x + n; x < end; x += CHUNK) {
        int64_t m = end - x < CHUNK ? end - x : CHUNK;
        units_f32(g, x, m);
        pc_k->f32_uniform_range(x, m, (float)f->a, (float)f->b);
    }
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
        for (int64_t k = 0; k < n; k++) x[k] = pc_draw_u53(g);
        for (int64_t k = 0; k < whole; k += BLOCK) normal_block_f64(x + k, f->a, f->b);
        if (whole == n) return;
        for (int64_t k = last; k < n; k++) x[k] = pc_draw_u53(g);
        normal_block_f64(x + last, f->a, f->b);
    } else {
        float *x = data;
        for (int64_t k = 0; k < whole; k += CHUNK) {
            int64_t m = whole - k < CHUNK ? whole - k : CHUNK;
            units_f32(g, x + k, m);
            pc_k->f32_normal_blocks(x + k, m / BLOCK, (float)f->a, (float)f->b);
        }
        if (whole == n) return;
        units_f32(g, x + whole, n - whole);
        units_f32(g, x + last, BLOCK);
        pc_k->f32_normal_blocks(x + last, 1, (float)f->a, (float)f->b);
    }
}

/* What random_() without bounds draws: 0 up to the largest integer of the dtype, or that a float counts to. */
static int64_t draw_any(pc_generator *g, pc_dtype d)
{
    switch (d) {
    case PC_I64: return (int64_t)(pc_draw64(g) & INT64_MAX);
    case PC_F64: return (int64_t)(pc_draw64(g) % ((UINT64_C(1) << 53) + 1));
    case PC_F32: return pc_draw32(g) % ((1 << 24) + 1);
    case PC_F16: return pc_draw32(g) % ((1 << 11) + 1);
    case PC_BF16: return pc_draw32(g) % ((1 << 8) + 1);
    case PC_BOOL: return pc_draw32(g) & 1;
    default: return (int64_t)(pc_draw32(g) % (UINT64_C(1) << (8 * pc_dtype_size(d) - (d != PC_U8))));
    }
}

/* Integers of a range that one 32-bit draw serves. The remainder is two multiplications (Lemire et al.,
   arXiv:1902.01961). */
static void fill_small_range(const fill *f, pc_generator *g, void *data, int64_t n)
{
    uint32_t draws[CHUNK];
    uint64_t inverse = UINT64_MAX / f->range + 1; /* 0 for a range of 1: the remainder is 0 */
    for (int64_t k = 0; k < n; k += CHUNK) {
        int64_t m = n - k < CHUNK ? n - k : CHUNK;
        pc_draw32_many(g, draws, m);
        for (int64_t i = 0; i < m; i++) {
            int64_t v = (int64_t)((unsigned __int128)(inverse * draws[i]) * f->range >> 64) + f->low;
            if (f->dtype == PC_I64) ((int64_t *)data)[k + i] = v;
            else pc_store_integer(f->dtype, data, k + i, v);
        }
    }
}

static void fill_integers(const fill *f, pc_generator *g, void *data, int64_t n)
{
    if (f->range > 0 && f->range < PC_WIDE_RANGE) {
        fill_small_range(f, g, data, n);
        return;
    }
    for (int64_t k = 0; k < n; k++) {
        int64_t v = f->full         ? (int64_t)pc_draw64(g)
                    : f->range == 0 ? draw_any(g, f->dtype)
                                    : (int64_t)(pc_draw_below(g, f->range) + (uint64_t)f->low);
        pc_store_integer(f->dtype, data, k, v);
    }
}

static void fill_bernoulli(const fill *f, pc_generator *g, void *data, int64_t n)
{
    uint8_t hits[CHUNK];
    for (int64_t k = 0; k < n; k += CHUNK) {
        int64_t m = n - k < CHUNK ? n - k : CHUNK;
        draw_below(g, f->a, hits, m);
        for (int64_t i = 0; i < m; i++) pc_store_integer(f->dtype, data, k + i, hits[i]);
    }
}

static void fill_exponential(const fill *f, pc_generator *g, void *data, int64_t n)
{
    for (int64_t k = 0; k < n; k++) {
        double v = -1.0 / f->a * log1p(-pc_draw_u53(g));
        if (f->dtype == PC_F64) ((double *)data)[k] = v;
        else ((float *)data)[k] = (float)v;
    }
}

/* Fill n elements, piece by piece; the last piece is never too short for a block of normals. */
static pc_status fill_memory(const fill *f, pc_generator *g, char *data, int64_t size, int64_t n)
{
    pc_status status = PC_OK;
    pthread_mutex_lock(&g->lock);
    for (int64_t at = 0, m; at < n && status == PC_OK; at += m) {
        m = n - at < 2 * PIECE ? n - at : PIECE;
        f->run(f, g, data + at * size, m);
        status = pc_generator_poll(g);
    }
    pthread_mutex_unlock(&g->lock);
    return status;
}

static void fill_hits(const fill *f, pc_generator *g, void *data, int64_t n) { draw_below(g, f->a, data, n); }

pc_status pc_draw_bernoulli(pc_generator *g, double p, uint8_t *out, int64_t n)
{
    return fill_memory(&(fill){ .run = fill_hits, .a = p }, g, (char *)out, 1, n);
}

pc_status pc_new_in_order(const pc_tensor *t, pc_dtype d, pc_tensor **out)
{
    int64_t stride[PC_MAX_DIMS];
    pc_dense_strides(t, stride);
    return pc_tensor_new_strided(d, t->ndim, t->shape, stride, out);
}

/* Fill t in the order of its memory; where that has gaps, through a dense tensor. */
static pc_status fill_tensor(fill f, const pc_value *generator, pc_tensor *t)
{
    pc_status status = PC_OK;
    pc_generator *g = pc_generator_of(generator);
    pc_tensor *dense = NULL;
    f.dtype = t->dtype;
    f.blocks = pc_is_contiguous(t);
    if (!pc_is_dense(t)) PC_TRY(pc_new_in_order(t, t->dtype, &dense));
    PC_TRY(fill_memory(&f, g, pc_data(dense != NULL ? dense : t), pc_dtype_size(t->dtype), t->numel));
    if (dense != NULL) PC_TRY(pc_copy(t, dense));
done:
    pc_release(dense);
    return status;
}

static pc_dtype dtype_or(const pc_value *v, pc_dtype otherwise)
{
    return v->kind == PC_DTYPE ? (pc_dtype)v->i : otherwise;
}

pc_status pc_need_float(const char *name, pc_dtype d)
{
    if (d == PC_F32 || d == PC_F64) return PC_OK;
    return pc_fail(PC_ENOTIMPL, "\"%s\" not implemented for '%s': use float32 or float64", name, pc_dtype_type_name(d));
}
static const char UNIFORM[] = "check_uniform_bounds", NORMAL[] = "normal_kernel_cpu";

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
    PC_TRY(pc_new_in_order(c->in[0], d, &c->out[0]));
    PC_TRY(fill_tensor(f, generator, c->out[0]));
done:
    return status;
}

static const fill uniform01 = { .run = fill_uniform, .b = 1 }, normal01 = { .run = fill_normal, .b = 1 };

static pc_status rand_forward(pc_call *c)
{
    pc_dtype d = dtype_or(&c->v[2], pc_default_dtype());
    pc_status status = pc_need_float(UNIFORM, d);
    return status == PC_OK ? new_filled(c, uniform01, &c->v[1], d, c->v[0].ints.n, c->v[0].ints.v) : status;
}
static pc_status randn_forward(pc_call *c)
{
    pc_dtype d = dtype_or(&c->v[2], pc_default_dtype());
    pc_status status = pc_need_float(NORMAL, d);
    return status == PC_OK ? new_filled(c, normal01, &c->v[1], d, c->v[0].ints.n, c->v[0].ints.v) : status;
}
static pc_status rand_like_forward(pc_call *c)
{
    pc_dtype d = dtype_or(&c->v[1], c->in[0]->dtype);
    pc_status status = pc_need_float(UNIFORM, d);
    return status == PC_OK ? new_like(c, uniform01, &c->v[0], d) : status;
}
static pc_status randn_like_forward(pc_call *c)
{
    pc_dtype d = dtype_or(&c->v[1], c->in[0]->dtype);
    pc_status status = pc_need_float(NORMAL, d);
    return status == PC_OK ? new_like(c, normal01, &c->v[0], d) : status;
}

/* ---- integers -------------------------------------------------------------------------------------- */

/* A bound as the dtype can hold it: beyond its digits torch moves it by one step of the dtype. */
static int64_t through(pc_dtype d, int64_t v) { return d == PC_F32 ? (int64_t)(float)v : (int64_t)(double)v; }
static int64_t step_at(pc_dtype d, int64_t v)
{
    int n = 0, digits = d == PC_F32 ? 24 : 53;
    for (uint64_t size = v < 0 ? -(uint64_t)v : (uint64_t)v; size >>= 1;) n++;
    return INT64_C(1) << (n - digits + 1);
}
static int64_t lower_bound(pc_dtype d, int64_t from)
{
    int64_t next = from == INT64_MAX ? from : through(d, from + 1);
    return next < from ? next + step_at(d, from + 1) : from;
}
static int64_t upper_bound(pc_dtype d, int64_t to)
{
    int64_t last = to == INT64_MIN ? to : through(d, to - 1);
    return last >= to ? last - step_at(d, to - 1) : to;
}

static pc_status check_bound(const char *what, int64_t v, pc_dtype d)
{
    static const char *const name[PC_DTYPE_COUNT] = { [PC_BOOL] = "bool", [PC_U8] = "unsigned char",
        [PC_I8] = "signed char", [PC_I16] = "short int", [PC_I32] = "int", [PC_I64] = "long", [PC_F16] = "c10::Half" };
    int64_t low = 0, high = 1;
    if (d == PC_F16) high = 65504;
    else if (pc_dtype_is_float(d) || d == PC_I64) return PC_OK;
    else if (d != PC_BOOL) high = (INT64_C(1) << (8 * pc_dtype_size(d) - (d != PC_U8))) - 1;
    if (d == PC_F16) low = -high;
    else if (d != PC_BOOL && d != PC_U8) low = -high - 1;
    if (low <= v && v <= high) return PC_OK;
    return pc_fail(PC_ESHAPE, "%s is out of bounds for %s: %s holds %" PRId64 " to %" PRId64, what, name[d],
                   pc_dtype_name(d), low, high);
}

/* Integers in [low, high). */
static pc_status integers(int64_t low, int64_t high, pc_dtype d, fill *f)
{
    pc_status status = PC_OK;
    PC_CHECK(low < high, PC_ESHAPE,
             "random_ expects 'from' to be less than 'to', but got from=%" PRId64 " >= to=%" PRId64, low, high);
    if (d == PC_F32 || d == PC_F64) {
        low = lower_bound(d, low);
        high = upper_bound(d, high);
        PC_CHECK(low < high, PC_ESHAPE,
                 "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but "
                 "got from=%" PRId64 " >= to=%" PRId64,
                 low, high);
    }
    PC_TRY(check_bound("from", low, d));
    PC_TRY(check_bound("to - 1", high - 1, d));
    *f = (fill){ .run = fill_integers, .low = low, .range = (uint64_t)high - (uint64_t)low };
done:
    return status;
}

/* Integers from low up to the largest that the dtype counts to. */
static pc_status integers_from(int64_t low, pc_dtype d, fill *f)
{
    pc_status status = PC_OK;
    int64_t last = d == PC_F64    ? INT64_C(1) << 53
                   : d == PC_F32  ? 1 << 24
                   : d == PC_F16  ? 1 << 11
                   : d == PC_BF16 ? 1 << 8
                   : d == PC_BOOL ? 1
                                  : (int64_t)((UINT64_C(1) << (8 * pc_dtype_size(d) - (d != PC_U8))) - 1);
    *f = (fill){ .run = fill_integers, .full = low == INT64_MIN };
    if (f->full) goto done;
    if (d == PC_F32 || d == PC_F64) low = lower_bound(d, low);
    PC_CHECK(!pc_dtype_is_float(d) || low < last, PC_ESHAPE,
             "random_ expects 'from' casted to dtype to be less than or "
             "equal to 'to_inc' casted to dtype, but got from=%" PRId64 " > to_inc=%" PRId64,
             low, last);
    PC_TRY(check_bound("from", low, d));
    f->low = low;
    f->range = (uint64_t)last - (uint64_t)low + 1;
done:
    return status;
}

static pc_status randint_between(pc_call *c, int64_t low, int64_t high, const pc_value *size)
{
    fill f;
    pc_dtype d = dtype_or(size + 2, PC_I64);
    pc_status status = integers(low, high, d, &f);
    return status == PC_OK ? new_filled(c, f, size + 1, d, size->ints.n, size->ints.v) : status;
}
static pc_status randint_forward(pc_call *c) { return randint_between(c, 0, c->v[0].i, &c->v[1]); }
static pc_status randint_low_forward(pc_call *c) { return randint_between(c, c->v[0].i, c->v[1].i, &c->v[2]); }

static pc_status randint_like_between(pc_call *c, int64_t low, int64_t high, const pc_value *generator)
{
    fill f;
    pc_dtype d = dtype_or(generator + 1, c->in[0]->dtype);
    pc_status status = integers(low, high, d, &f);
    return status == PC_OK ? new_like(c, f, generator, d) : status;
}
static pc_status randint_like_forward(pc_call *c) { return randint_like_between(c, 0, c->v[0].i, &c->v[1]); }
static pc_status randint_like_low_forward(pc_call *c)
{
    return randint_like_between(c, c->v[0].i, c->v[1].i, &c->v[2]);
}

static pc_status randperm_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int64_t n = c->v[0].i;
    pc_dtype d = dtype_or(&c->v[2], PC_I64);
    pc_generator *g = pc_generator_of(&c->v[1]);
    pc_tensor *order = NULL;
    if (n > 0 && check_bound("n", n, d) != PC_OK)
        PC_CHECK(false, PC_ESHAPE, "value cannot be converted to type %s_t without overflow: randperm(%" PRId64 ")",
                 pc_dtype_name(d), n);
    PC_TRY(pc_tensor_new(PC_I64, 1, &n, &order));
    pthread_mutex_lock(&g->lock);
    status = pc_draw_permutation(g, pc_data(order), n);
    pthread_mutex_unlock(&g->lock);
    PC_TRY(status);
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

/* ---- in place ------------------------------------------------------------------------------------------ */

static pc_status fill_self(pc_call *c, fill f, const pc_value *generator)
{
    pc_status status = fill_tensor(f, generator, c->in[0]);
    if (status == PC_OK) c->out[0] = pc_retain(c->in[0]);
    return status;
}

static pc_status check_uniform_bounds(double from, double to, pc_dtype d)
{
    pc_status status = PC_OK;
    double most = d == PC_F64 ? DBL_MAX : FLT_MAX;
    const char *name = d == PC_F64 ? "double" : "float";
    PC_CHECK(fabs(from) <= most, PC_ESHAPE, "from is out of bounds for %s", name);
    PC_CHECK(fabs(to) <= most, PC_ESHAPE, "to is out of bounds for %s", name);
    PC_CHECK(from <= to, PC_ESHAPE, "uniform_ expects to return a [from, to) range, but found from=%g > to=%g", from,
             to);
    PC_CHECK(to - from <= most, PC_ESHAPE,
             "uniform_ expects to-from <= std::numeric_limits<%s>::max(), but found to=%g and "
             "from=%g which result in to-from to exceed the limit",
             pc_dtype_type_name(d), to, from);
done:
    return status;
}

static pc_status uniform_forward(pc_call *c)
{
    pc_status status = PC_OK;
    double from = c->v[0].f, to = c->v[1].f;
    PC_TRY(pc_need_float(UNIFORM, c->in[0]->dtype));
    PC_TRY(check_uniform_bounds(from, to, c->in[0]->dtype));
    PC_TRY(fill_self(c, (fill){ .run = fill_uniform, .a = from, .b = to }, &c->v[2]));
done:
    return status;
}

static pc_status check_std(double std)
{
    if (std >= 0) return PC_OK;
    return pc_fail(PC_ESHAPE, "normal expects std >= 0.0, but found std %g", std);
}
static pc_status normal_forward(pc_call *c)
{
    pc_status status = PC_OK;
    PC_TRY(check_std(c->v[1].f));
    if (c->in[0]->numel > 0) PC_TRY(pc_need_float(NORMAL, c->in[0]->dtype));
    PC_TRY(fill_self(c, (fill){ .run = fill_normal, .a = c->v[0].f, .b = c->v[1].f }, &c->v[2]));
done:
    return status;
}
static pc_status normal_size_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_dtype d = dtype_or(&c->v[4], pc_default_dtype());
    PC_TRY(check_std(c->v[1].f));
    PC_TRY(pc_need_float(NORMAL, d));
    PC_TRY(new_filled(c, (fill){ .run = fill_normal, .a = c->v[0].f, .b = c->v[1].f }, &c->v[3], d, c->v[2].ints.n,
                      c->v[2].ints.v));
done:
    return status;
}

static pc_status random_forward(pc_call *c) { return fill_self(c, (fill){ .run = fill_integers }, &c->v[0]); }
static pc_status random_to_forward(pc_call *c)
{
    fill f;
    pc_status status = integers(0, c->v[0].i, c->in[0]->dtype, &f);
    return status == PC_OK ? fill_self(c, f, &c->v[1]) : status;
}
static pc_status random_from_forward(pc_call *c)
{
    fill f;
    pc_dtype d = c->in[0]->dtype;
    pc_status status =
        c->v[1].kind == PC_NONE ? integers_from(c->v[0].i, d, &f) : integers(c->v[0].i, c->v[1].i, d, &f);
    return status == PC_OK ? fill_self(c, f, &c->v[2]) : status;
}

static pc_status check_p(double p)
{
    if (p >= 0 && p <= 1) return PC_OK;
    return pc_fail(PC_ESHAPE, "bernoulli_ expects p to be in [0, 1], but got p=%g", p);
}
static pc_status bernoulli_inplace_forward(pc_call *c)
{
    pc_status status = check_p(c->v[0].f);
    return status == PC_OK ? fill_self(c, (fill){ .run = fill_bernoulli, .a = c->v[0].f }, &c->v[1]) : status;
}
static pc_status bernoulli_p_forward(pc_call *c)
{
    const pc_tensor *t = c->in[0];
    pc_status status = check_p(c->v[0].f);
    if (status != PC_OK) return status;
    return new_filled(c, (fill){ .run = fill_bernoulli, .a = c->v[0].f }, &c->v[1], t->dtype, t->ndim, t->shape);
}

static pc_status exponential_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_dtype d = c->in[0]->dtype;
    PC_CHECK(c->v[0].f > 0, PC_ESHAPE, "exponential_ expects lambda > 0.0, but found lambda=%g", c->v[0].f);
    PC_CHECK(pc_dtype_is_float(d), PC_ESHAPE,
             "Exponential distribution is a continuous probability distribution. dtype must "
             "be a floating point but you specified %s",
             pc_dtype_type_name(d));
    PC_TRY(pc_need_float("exponential_kernel_cpu", d));
    PC_TRY(fill_self(c, (fill){ .run = fill_exponential, .a = c->v[0].f }, &c->v[1]));
done:
    return status;
}

#define NEW (PC_FUNCTION | PC_NOGRAD | PC_FACTORY)
#define SELF (PC_METHOD | PC_NOGRAD | PC_WRITES)
static const pc_op table[] = {
    { "rand(int[] size, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor", rand_forward, NULL, NEW,
      "Uniform numbers in [0, 1).\n"
      "note: The numbers are torch's bit for bit, for the same generator state." },
    { "randn(int[] size, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor", randn_forward, NULL, NEW,
      "Standard normal numbers.\n"
      "note: The numbers are torch's bit for bit, for the same generator state." },
    { "randint.low(int low, int high, int[] size, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor",
      randint_low_forward, NULL, NEW, "Integers in [low, high), as int64 unless dtype is given.\n"
      "note: The numbers are torch's bit for bit, for the same generator state." },
    { "randint(int high, int[] size, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor", randint_forward,
      NULL, NEW, "Integers in [0, high), as int64 unless dtype is given." },
    { "randperm(int n, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor", randperm_forward, NULL, NEW,
      "A random permutation of the integers 0 to n - 1.\n"
      "n: How many.\n"
      "note: The numbers are torch's bit for bit, for the same generator state." },
    { "rand_like(Tensor self, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor", rand_like_forward, NULL,
      NEW, "Uniform numbers in [0, 1), in the shape of the input." },
    { "randn_like(Tensor self, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor", randn_like_forward,
      NULL, NEW, "Standard normal numbers, in the shape of the input." },
    { "randint_like.low(Tensor self, int low, int high, *, Generator? generator=None, ScalarType? dtype=None) -> "
      "Tensor",
      randint_like_low_forward, NULL, NEW, "Integers in [low, high), in the shape of the input." },
    { "randint_like(Tensor self, int high, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor",
      randint_like_forward, NULL, NEW, "Integers in [0, high), in the shape of the input." },
    { "normal.size(float mean, float std, int[] size, *, Generator? generator=None, ScalarType? dtype=None) -> Tensor",
      normal_size_forward, NULL, NEW, "Normal numbers of the given shape." },
    { "bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor", bernoulli_p_forward, NULL,
      PC_FUNCTION | PC_METHOD | PC_NOGRAD, "1 with probability p, otherwise 0, in the shape of the input." },
    { "uniform_(Tensor self, float from=0, float to=1, *, Generator? generator=None) -> Tensor", uniform_forward, NULL,
      SELF, "Fill with uniform numbers in [from, to).\n"
      "from: Lower bound.\n"
      "to: Upper bound." },
    { "normal_(Tensor self, float mean=0, float std=1, *, Generator? generator=None) -> Tensor", normal_forward, NULL,
      SELF, "Fill with normal numbers." },
    { "random_.from(Tensor self, int from, int? to, *, Generator? generator=None) -> Tensor", random_from_forward, NULL,
      SELF, "Fill with integers in [from, to); to=None: up to the largest that the dtype counts to.\n"
      "from: The smallest.\n"
      "to: Above the largest." },
    { "random_.to(Tensor self, int to, *, Generator? generator=None) -> Tensor", random_to_forward, NULL, SELF,
      "Fill with integers in [0, to)." },
    { "random_(Tensor self, *, Generator? generator=None) -> Tensor", random_forward, NULL, SELF,
      "Fill with the integers that the dtype represents exactly." },
    { "bernoulli_(Tensor self, float p=0.5, *, Generator? generator=None) -> Tensor", bernoulli_inplace_forward, NULL,
      SELF, "Fill with 1 with probability p, otherwise 0." },
    { "exponential_(Tensor self, float lambd=1, *, Generator? generator=None) -> Tensor", exponential_forward, NULL,
      SELF,
      "Fill with exponential numbers.\n"
      "lambd: The rate: the reciprocal of the mean." },
};
PC_FAMILY(random, table);
