/* upsample.c -- resizing [N, C, H, W] up and down. Every mode is a table of taps for each axis: which elements of the
   input an element of the output adds up, and with what weights. The rows are combined first, in loops along W, then
   the columns. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "copy.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef enum mode { NEAREST, NEAREST_EXACT, BILINEAR, BICUBIC, BILINEAR_AA, BICUBIC_AA } mode;

/* Multiplications that a chunk does: some 30 us. */
#define CHUNK_TERMS (1 << 16)

typedef struct axis {
    int64_t in, out;
    int64_t taps;    /* of each output element */
    int64_t *index;  /* [out, taps] */
    double *weight;  /* [out, taps] */
} axis;

typedef struct sides {
    axis rows, columns;
} sides;

/* ---- tables ------------------------------------------------------------------------------------- */

/* Positions are computed in the width that torch computes them in: they decide which element is the nearest. */
static double narrow(double v, bool single)
{
    return single ? (double)(float)v : v;
}

static double scale_of(const axis *a, const pc_value *given, bool align, bool single)
{
    if (align) return a->out > 1 ? narrow((double)(a->in - 1) / (double)(a->out - 1), single) : 0;
    if (given->kind == PC_FLOAT && given->f > 0) return narrow(1.0 / given->f, single);
    return single ? (double)((float)a->in / (float)a->out) : (double)a->in / (double)a->out;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* Keys' cubic, which is 1 at 0 and 0 at 1 and 2. */
static double cubic(double x, double a)
{
    x = fabs(x);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static void fill_nearest(axis *a, const pc_value *given, bool exact)
{
    const float scale = (float)scale_of(a, given, false, true);
    for (int64_t o = 0; o < a->out; o++) {
        int64_t i = (int64_t)floorf(exact ? ((float)o + 0.5f) * scale : (float)o * scale);
        if (!exact && a->in == a->out) i = o;
        if (!exact && a->out == 2 * a->in) i = o / 2;
        a->index[o] = clamp(i, 0, a->in - 1);
        a->weight[o] = 1;
    }
}

static void fill_linear(axis *a, const pc_value *given, bool align, bool single)
{
    const double scale = scale_of(a, given, align, single);
    for (int64_t o = 0; o < a->out; o++) {
        double at = align ? narrow(scale * (double)o, single)
                          : narrow(narrow(scale * narrow((double)o + 0.5, single), single) - 0.5, single);
        if (at < 0) at = 0;
        const int64_t i = clamp((int64_t)at, 0, a->in - 1);
        const double t = fmin(fmax(narrow(at - (double)i, single), 0), 1);
        a->index[2 * o] = i;
        a->index[2 * o + 1] = i + (i < a->in - 1);
        a->weight[2 * o] = narrow(1 - t, single);
        a->weight[2 * o + 1] = t;
    }
}

static void fill_cubic(axis *a, const pc_value *given, bool align, bool single)
{
    const double scale = scale_of(a, given, align, single);
    for (int64_t o = 0; o < a->out; o++) {
        const double at = align ? narrow(scale * (double)o, single)
                                : narrow(narrow(scale * narrow((double)o + 0.5, single), single) - 0.5, single);
        const double first = floor(at), t = at - first;
        for (int k = 0; k < 4; k++) {
            a->index[4 * o + k] = clamp((int64_t)first - 1 + k, 0, a->in - 1);
            a->weight[4 * o + k] = narrow(cubic(t + 1 - k, -0.75), single);
        }
    }
}

/* Pillow's way: the filter grows with the step, so that every element of the input counts. */
static double half_width(const axis *a, const pc_value *given, bool align, bool single, bool is_cubic)
{
    return (is_cubic ? 2 : 1) * fmax(scale_of(a, given, align, single), 1);
}
static void fill_smooth(axis *a, const pc_value *given, bool align, bool single, bool is_cubic)
{
    const double scale = scale_of(a, given, align, single), reach = half_width(a, given, align, single, is_cubic);
    const double shrink = scale >= 1 ? 1 / scale : 1;
    for (int64_t o = 0; o < a->out; o++) {
        const double center = scale * ((double)o + 0.5); /* torch's, whatever align is */
        const int64_t first = clamp((int64_t)(center - reach + 0.5), 0, a->in);
        const int64_t end = clamp((int64_t)(center + reach + 0.5), first, a->in);
        double sum = 0;
        for (int64_t k = 0; k < a->taps; k++) {
            double x = ((double)(first + k) - center + 0.5) * shrink, w = 0;
            if (first + k < end) w = is_cubic ? cubic(x, -0.5) : fmax(1 - fabs(x), 0);
            a->index[o * a->taps + k] = clamp(first + k, 0, a->in - 1);
            a->weight[o * a->taps + k] = w;
            sum += w;
        }
        for (int64_t k = 0; k < a->taps && sum != 0; k++)
            a->weight[o * a->taps + k] = narrow(a->weight[o * a->taps + k] / sum, single);
    }
}

static pc_status make_axis(axis *a, mode m, const pc_value *given, bool align, bool single)
{
    pc_status status = PC_OK;
    const bool smooth = m >= BILINEAR_AA, is_cubic = m == BICUBIC || m == BICUBIC_AA;
    a->taps = m <= NEAREST_EXACT ? 1 : is_cubic ? 4 : 2;
    if (smooth) a->taps = 2 * (int64_t)ceil(half_width(a, given, align, single, is_cubic)) + 1;
    PC_CHECK(a->taps < (INT64_C(1) << 40) / a->out, PC_EVALUE, "a scale of %g is too large",
             (double)a->in / (double)a->out);
    a->index = pc_alloc((size_t)(a->out * a->taps) * sizeof *a->index);
    a->weight = pc_alloc((size_t)(a->out * a->taps) * sizeof *a->weight);
    PC_CHECK(a->index != NULL && a->weight != NULL, PC_ENOMEM, "out of memory for a table of %" PRId64 " positions",
             a->out);
    if (m <= NEAREST_EXACT) fill_nearest(a, given, m == NEAREST_EXACT);
    else if (smooth) fill_smooth(a, given, align, single, is_cubic);
    else if (is_cubic) fill_cubic(a, given, align, single);
    else fill_linear(a, given, align, single);
done:
    return status;
}

static void clear(sides *s)
{
    pc_free(s->rows.index);
    pc_free(s->rows.weight);
    pc_free(s->columns.index);
    pc_free(s->columns.weight);
}

static pc_status make_sides(const pc_call *c, mode m, sides *s)
{
    pc_status status = PC_OK;
    const pc_tensor *x = c->in[0];
    const bool aligns = m > NEAREST_EXACT, align = aligns && c->v[1].i != 0;
    char text[200];
    PC_CHECK(x->ndim == 4, PC_ESHAPE, "It is expected input_size equals to 4, but got size %d", x->ndim);
    s->rows = (axis){ .in = x->shape[2], .out = c->v[0].ints.v[0] };
    s->columns = (axis){ .in = x->shape[3], .out = c->v[0].ints.v[1] };
    PC_CHECK(s->rows.in > 0 && s->columns.in > 0 && s->rows.out > 0 && s->columns.out > 0, PC_ESHAPE,
             "Input and output sizes should "
             "be greater than 0, but got input (H: %" PRId64 ", W: %" PRId64 ") output (H: %" PRId64 ", W: %" PRId64
             ")",
             s->rows.in, s->columns.in, s->rows.out, s->columns.out);
    PC_CHECK(x->shape[1] > 0, PC_ESHAPE, "Non-empty 4D data tensor expected but got a tensor with sizes %s",
             pc_shape_text(x, text));
    PC_CHECK(x->dtype == PC_F32 || x->dtype == PC_F64 || (x->dtype == PC_U8 && m >= BILINEAR_AA), PC_ESHAPE,
             "\"compute_indices_weights\" not implemented for '%s'", pc_dtype_type_name(x->dtype));
    PC_TRY(make_axis(&s->rows, m, &c->v[1 + aligns], align, x->dtype == PC_F32));
    PC_TRY(make_axis(&s->columns, m, &c->v[2 + aligns], align, x->dtype == PC_F32));
done:
    return status;
}

/* ---- planes ------------------------------------------------------------------------------------- */

typedef struct job {
    const sides *s;
    const void *src;
    void *dst;
} job;

#define DEFINE_PLANES(T)                                                                                           \
    static void T##_combine(const sides *s, const T *restrict x, T *restrict y, T *restrict row)                   \
    {                                                                                                              \
        const axis *r = &s->rows, *c = &s->columns;                                                                \
        for (int64_t o = 0; o < r->out; o++, y += c->out) {                                                        \
            for (int64_t k = 0; k < r->taps; k++) {                                                                \
                const T w = (T)r->weight[o * r->taps + k], *restrict from = x + r->index[o * r->taps + k] * c->in; \
                if (k == 0) for (int64_t i = 0; i < c->in; i++) row[i] = w * from[i];                              \
                else for (int64_t i = 0; i < c->in; i++) row[i] += w * from[i];                                    \
            }                                                                                                      \
            for (int64_t j = 0; j < c->out; j++) {                                                                 \
                T sum = 0;                                                                                         \
                for (int64_t k = j * c->taps; k < (j + 1) * c->taps; k++) sum += (T)c->weight[k] * row[c->index[k]]; \
                y[j] = sum;                                                                                        \
            }                                                                                                      \
        }                                                                                                          \
    }                                                                                                              \
    /* The other way: what each element of y is due goes to those of x that it read. */                            \
    static void T##_distribute(const sides *s, const T *restrict gy, T *restrict gx, T *restrict row)              \
    {                                                                                                              \
        const axis *r = &s->rows, *c = &s->columns;                                                                \
        memset(gx, 0, (size_t)(r->in * c->in) * sizeof *gx);                                                       \
        for (int64_t o = 0; o < r->out; o++, gy += c->out) {                                                       \
            memset(row, 0, (size_t)c->in * sizeof *row);                                                           \
            for (int64_t j = 0; j < c->out; j++)                                                                   \
                for (int64_t k = j * c->taps; k < (j + 1) * c->taps; k++) row[c->index[k]] += (T)c->weight[k] * gy[j]; \
            for (int64_t k = 0; k < r->taps; k++) {                                                                \
                const T w = (T)r->weight[o * r->taps + k];                                                         \
                T *restrict to = gx + r->index[o * r->taps + k] * c->in;                                           \
                for (int64_t i = 0; i < c->in; i++) to[i] += w * row[i];                                           \
            }                                                                                                      \
        }                                                                                                          \
    }                                                                                                              \
    static pc_status T##_planes(const job *j, int64_t begin, int64_t end, bool forward)                            \
    {                                                                                                              \
        pc_status status = PC_OK;                                                                                  \
        const int64_t in = j->s->rows.in * j->s->columns.in, out = j->s->rows.out * j->s->columns.out;             \
        T *row = pc_alloc((size_t)j->s->columns.in * sizeof *row);                                                 \
        PC_CHECK(row != NULL, PC_ENOMEM, "out of memory for a row of %" PRId64, j->s->columns.in);                 \
        for (int64_t p = begin; p < end; p++) {                                                                    \
            PC_TRY(pc_poll());                                                                                     \
            if (forward) T##_combine(j->s, (const T *)j->src + p * in, (T *)j->dst + p * out, row);                \
            else T##_distribute(j->s, (const T *)j->src + p * out, (T *)j->dst + p * in, row);                     \
        }                                                                                                          \
    done:                                                                                                          \
        pc_free(row);                                                                                              \
        return status;                                                                                             \
    }                                                                                                              \
    static pc_status T##_forward(void *ctx, int64_t begin, int64_t end) { return T##_planes(ctx, begin, end, true); } \
    static pc_status T##_backward(void *ctx, int64_t begin, int64_t end) { return T##_planes(ctx, begin, end, false); }
DEFINE_PLANES(float)
DEFINE_PLANES(double)

/* ---- planes of bytes ---------------------------------------------------------------------------- */

/* Weights as torch and Pillow-SIMD have them: 16 bits, with as many behind the point as the largest allows. */
static pc_status short_weights(const axis *a, int16_t **out, int *precision)
{
    pc_status status = PC_OK;
    const int64_t n = a->out * a->taps;
    double largest = 0;
    for (int64_t k = 0; k < n; k++) largest = fmax(largest, a->weight[k]);
    for (*precision = 0; *precision < 22; ++*precision)
        if ((int)(0.5 + largest * (double)(1 << (*precision + 1))) >= 1 << 15) break;
    *out = pc_alloc((size_t)n * sizeof **out);
    PC_CHECK(*out != NULL, PC_ENOMEM, "out of memory for %" PRId64 " weights", n);
    for (int64_t k = 0; k < n; k++) {
        const double v = a->weight[k] * (double)(1 << *precision);
        (*out)[k] = (int16_t)(v < 0 ? v - 0.5 : v + 0.5);
    }
done:
    return status;
}

typedef struct byte_job {
    const sides *s;
    const uint8_t *src;
    uint8_t *dst;
    int16_t *rows, *columns; /* weights */
    int row_bits, column_bits;
} byte_job;

static uint8_t byte_of(int32_t sum, int bits)
{
    sum >>= bits;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* Columns first and rounded, then rows; a side that keeps its length is left alone. */
static pc_status byte_planes(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    const byte_job *j = ctx;
    const axis *r = &j->s->rows, *c = &j->s->columns;
    uint8_t *between = pc_alloc((size_t)(r->in * c->out));
    int32_t *sums = pc_alloc((size_t)c->out * sizeof *sums);
    PC_CHECK(between != NULL && sums != NULL, PC_ENOMEM, "out of memory for %" PRId64 " pixels", r->in * c->out);
    for (int64_t p = begin; p < end; p++) {
        const uint8_t *x = j->src + p * r->in * c->in, *rows = between;
        uint8_t *y = j->dst + p * r->out * c->out;
        PC_TRY(pc_poll());
        if (c->in == c->out) rows = x;
        else for (int64_t i = 0; i < r->in; i++)
            for (int64_t o = 0; o < c->out; o++) {
                int32_t sum = 1 << (j->column_bits - 1);
                for (int64_t k = o * c->taps; k < (o + 1) * c->taps; k++)
                    sum += j->columns[k] * x[i * c->in + c->index[k]];
                between[i * c->out + o] = byte_of(sum, j->column_bits);
            }
        if (r->in == r->out) {
            memcpy(y, rows, (size_t)(r->out * c->out));
            continue;
        }
        for (int64_t o = 0; o < r->out; o++) {
            for (int64_t i = 0; i < c->out; i++) sums[i] = 1 << (j->row_bits - 1);
            for (int64_t k = o * r->taps; k < (o + 1) * r->taps; k++) {
                const int32_t w = j->rows[k];
                const uint8_t *from = rows + r->index[k] * c->out;
                for (int64_t i = 0; i < c->out; i++) sums[i] += w * from[i];
            }
            for (int64_t i = 0; i < c->out; i++) y[o * c->out + i] = byte_of(sums[i], j->row_bits);
        }
    }
done:
    pc_free(between);
    pc_free(sums);
    return status;
}

static pc_status run_bytes(const sides *s, const pc_tensor *src, pc_tensor *dst)
{
    pc_status status = PC_OK;
    const axis *r = &s->rows, *c = &s->columns;
    const int64_t terms = c->out * (r->in * c->taps + r->out * r->taps);
    byte_job j = { .s = s, .src = pc_data(src), .dst = pc_data(dst) };
    PC_TRY(short_weights(r, &j.rows, &j.row_bits));
    PC_TRY(short_weights(c, &j.columns, &j.column_bits));
    PC_TRY(pc_parallel_for(src->shape[0] * src->shape[1], CHUNK_TERMS / (terms + 1) + 1, byte_planes, &j));
done:
    pc_free(j.rows);
    pc_free(j.columns);
    return status;
}

static pc_status run(const sides *s, const pc_tensor *src, pc_tensor *dst, bool forward)
{
    const axis *r = &s->rows, *c = &s->columns;
    const int64_t terms = r->out * (c->in * r->taps + c->out * c->taps);
    job j = { s, pc_data(src), pc_data(dst) };
    pc_range_fn fn = src->dtype == PC_F32 ? (forward ? float_forward : float_backward)
                     : forward            ? double_forward
                                          : double_backward;
    return pc_parallel_for(src->shape[0] * src->shape[1], CHUNK_TERMS / (terms + 1) + 1, fn, &j);
}

static pc_status upsample(pc_call *c, mode m)
{
    pc_status status = PC_OK;
    sides s = { 0 };
    pc_tensor *x = NULL, *y;
    PC_TRY(make_sides(c, m, &s));
    PC_TRY(pc_contiguous(c->in[0], &x));
    PC_TRY(pc_out(c, 0, x->dtype, 4, (int64_t[]){ x->shape[0], x->shape[1], s.rows.out, s.columns.out }, &y));
    PC_TRY(x->dtype == PC_U8 ? run_bytes(&s, x, y) : run(&s, x, y, true));
done:
    pc_release(x);
    clear(&s);
    return status;
}

static pc_status upsample_backward(pc_call *c, mode m, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    sides s = { 0 };
    pc_tensor *gy = NULL;
    PC_TRY(make_sides(c, m, &s));
    PC_TRY(pc_contiguous(gout[0], &gy));
    PC_TRY(pc_tensor_new(gy->dtype, 4, c->in[0]->shape, &gin[0]));
    PC_TRY(run(&s, gy, gin[0], false));
done:
    pc_release(gy);
    clear(&s);
    return status;
}

#define DEFINE_MODE(name, m)                                                                                       \
    static pc_status name##_forward(pc_call *c) { return upsample(c, m); }                                         \
    static pc_status name##_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)                          \
    {                                                                                                              \
        return upsample_backward(c, m, gout, gin);                                                                 \
    }
DEFINE_MODE(nearest, NEAREST)
DEFINE_MODE(nearest_exact, NEAREST_EXACT)
DEFINE_MODE(bilinear, BILINEAR)
DEFINE_MODE(bicubic, BICUBIC)
DEFINE_MODE(bilinear_aa, BILINEAR_AA)
DEFINE_MODE(bicubic_aa, BICUBIC_AA)

static const pc_op ops[] = {
    { "upsample_nearest2d(Tensor self, int[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor",
      nearest_forward, nearest_backward, PC_NN, "Resize images; the nearest pixel, rounded down." },
    { "_upsample_nearest_exact2d(Tensor self, int[2] output_size, float? scales_h=None, float? scales_w=None) -> "
      "Tensor",
      nearest_exact_forward, nearest_exact_backward, PC_NN,
      "Resize images; the nearest pixel, from the middle of each." },
    { "upsample_bilinear2d(Tensor self, int[2] output_size, bool align_corners, float? scales_h=None, float? "
      "scales_w=None) -> Tensor",
      bilinear_forward, bilinear_backward, PC_NN, "Resize images; linear between two pixels of each axis." },
    { "upsample_bicubic2d(Tensor self, int[2] output_size, bool align_corners, float? scales_h=None, float? "
      "scales_w=None) -> Tensor",
      bicubic_forward, bicubic_backward, PC_NN, "Resize images; a cubic through four pixels of each axis." },
    { "_upsample_bilinear2d_aa(Tensor self, int[2] output_size, bool align_corners, float? scales_h=None, float? "
      "scales_w=None) -> "
      "Tensor",
      bilinear_aa_forward, bilinear_aa_backward, PC_NN, "Resize images; linear, without aliasing where they shrink." },
    { "_upsample_bicubic2d_aa(Tensor self, int[2] output_size, bool align_corners, float? scales_h=None, float? "
      "scales_w=None) -> "
      "Tensor",
      bicubic_aa_forward, bicubic_aa_backward, PC_NN, "Resize images; cubic, without aliasing where they shrink." },
};
PC_FAMILY(upsample, ops);
