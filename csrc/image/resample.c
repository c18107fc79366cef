/* resample.c -- antialiased resizing in two passes with integer weights, as Pillow's Resample.c. */
#include "image.h"
#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846
#define PRECISION 22 /* bits behind the point of a weight: 32 - 8 of the byte - 2 for sums beyond 1 */

static double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

static double triangle(double x)
{
    x = x < 0.0 ? -x : x;
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double hamming(double x)
{
    x = x < 0.0 ? -x : x;
    if (x == 0.0) return 1.0;
    if (x >= 1.0) return 0.0;
    x = x * PI;
    return sin(x) / x * (0.54f + 0.46f * cos(x));
}

static double keys(double x)
{
    const double a = -0.5;
    x = x < 0.0 ? -x : x;
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static double sinc(double x)
{
    if (x == 0.0) return 1.0;
    x = x * PI;
    return sin(x) / x;
}

static double lanczos(double x) { return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

static const struct {
    double (*at)(double x);
    double support;
} filters[PC_FILTER_COUNT] = {
    [PC_LANCZOS] = { lanczos, 3.0 }, [PC_BILINEAR] = { triangle, 1.0 }, [PC_BICUBIC] = { keys, 2.0 },
    [PC_BOX] = { box, 0.5 },         [PC_HAMMING] = { hamming, 1.0 },
};

/* One axis: output i is the sum over k < count[i] of weight[i * taps + k] * input[first[i] + k]. */
typedef struct axis {
    int n, taps;
    int32_t *first, *count, *weight;
} axis;

static double scale_of(int in, int out) { return (double)(float)in / out; }

static int taps_of(int in, int out, pc_filter filter)
{
    double scale = scale_of(in, out);
    return (int)ceil(filters[filter].support * (scale < 1.0 ? 1.0 : scale)) * 2 + 1;
}

static size_t round_up(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

static size_t axis_bytes(int in, int out, pc_filter filter)
{
    int taps = taps_of(in, out, filter);
    return round_up((size_t)out * (2 + (size_t)taps) * sizeof(int32_t)) + round_up((size_t)taps * sizeof(double));
}

/* Takes axis_bytes(in, out, filter) at *work and moves it on. */
static void axis_init(axis *ax, int in, int out, pc_filter filter, uint8_t **work)
{
    double scale = scale_of(in, out), stretch = scale < 1.0 ? 1.0 : scale;
    double support = filters[filter].support * stretch, inverse = 1.0 / stretch;
    ax->n = out;
    ax->taps = taps_of(in, out, filter);
    ax->first = (int32_t *)*work;
    ax->count = ax->first + out;
    ax->weight = ax->count + out;
    *work += round_up((size_t)out * (2 + (size_t)ax->taps) * sizeof(int32_t));
    double *w = (double *)*work;
    *work += round_up((size_t)ax->taps * sizeof(double));
    for (int i = 0; i < out; i++) {
        double center = (i + 0.5) * scale, sum = 0.0;
        int lo = (int)(center - support + 0.5), hi = (int)(center + support + 0.5);
        lo = lo < 0 ? 0 : lo;
        hi = hi > in ? in : hi;
        int n = hi - lo;
        for (int k = 0; k < n; k++) {
            w[k] = filters[filter].at((k + lo - center + 0.5) * inverse);
            sum += w[k];
        }
        int32_t *out_weight = ax->weight + (int64_t)i * ax->taps;
        for (int k = 0; k < n; k++) {
            double v = sum != 0.0 ? w[k] / sum : w[k];
            out_weight[k] = (int32_t)(v < 0 ? -0.5 + v * (1 << PRECISION) : 0.5 + v * (1 << PRECISION));
        }
        ax->first[i] = lo;
        ax->count[i] = n;
    }
}

static inline uint8_t clip8(int32_t v)
{
    v >>= PRECISION;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static inline void row_pass(const uint8_t *src, int64_t sx, int c, const axis *ax, uint8_t *restrict dst)
{
    for (int i = 0; i < ax->n; i++, dst += c) {
        const uint8_t *s = src + ax->first[i] * sx;
        const int32_t *w = ax->weight + (int64_t)i * ax->taps;
        int32_t sum[4] = { 1 << (PRECISION - 1), 1 << (PRECISION - 1), 1 << (PRECISION - 1), 1 << (PRECISION - 1) };
        for (int k = 0; k < ax->count[i]; k++, s += sx)
            for (int ch = 0; ch < c; ch++) sum[ch] += s[ch] * w[k];
        for (int ch = 0; ch < c; ch++) dst[ch] = clip8(sum[ch]);
    }
}

static void horizontal(pc_image a, const axis *ax, uint8_t *dst)
{
    for (int y = 0; y < a.h; y++, dst += (int64_t)ax->n * a.c) {
        if (a.c == 3)
            row_pass(a.px + y * a.sy, a.sx, 3, ax, dst);
        else if (a.c == 1)
            row_pass(a.px + y * a.sy, a.sx, 1, ax, dst);
        else
            row_pass(a.px + y * a.sy, a.sx, a.c, ax, dst);
    }
}

/* acc: a.w * a.c sums. a's pixels stand side by side. */
static void vertical(pc_image a, const axis *ax, uint8_t *dst, int32_t *restrict acc)
{
    int64_t n = (int64_t)a.w * a.c;
    for (int i = 0; i < ax->n; i++, dst += n) {
        const int32_t *w = ax->weight + (int64_t)i * ax->taps;
        for (int64_t x = 0; x < n; x++) acc[x] = 1 << (PRECISION - 1);
        for (int k = 0; k < ax->count[i]; k++) {
            const uint8_t *restrict s = a.px + (ax->first[i] + k) * a.sy;
            int32_t wk = w[k];
            for (int64_t x = 0; x < n; x++) acc[x] += s[x] * wk;
        }
        for (int64_t x = 0; x < n; x++) dst[x] = clip8(acc[x]);
    }
}

static int vertical_first(int h, int w, int oh, int ow)
{
    return oh < h && (int64_t)h - oh > 2 * ((int64_t)w - ow);
}

static size_t dense_bytes(int h, int w, int c) { return round_up((size_t)h * w * c); }

size_t pc_image_resize_work(int h, int w, int c, int oh, int ow, pc_filter filter)
{
    if (filter == PC_NEAREST) return 0;
    size_t widest = (size_t)(w > ow ? w : ow);
    size_t between = dense_bytes(h, ow, c) > dense_bytes(oh, w, c) ? dense_bytes(h, ow, c) : dense_bytes(oh, w, c);
    return axis_bytes(w, ow, filter) + axis_bytes(h, oh, filter) + between + round_up(widest * c * sizeof(int32_t)) +
           dense_bytes(h, w, c);
}

void pc_image_resize(pc_image a, int oh, int ow, pc_filter filter, uint8_t *dst, void *work)
{
    static const uint8_t nothing[4];
    if (a.h == oh && a.w == ow) {
        pc_image_copy(a, dst);
        return;
    }
    if (filter == PC_NEAREST) {
        double m[6] = { (double)(float)a.w / ow, 0, 0, 0, (double)(float)a.h / oh, 0 };
        pc_image_affine(a, m, PC_NEAREST, nothing, oh, ow, dst);
        return;
    }
    uint8_t *next = work;
    int rows_first = a.h != oh && (a.w == ow || vertical_first(a.h, a.w, oh, ow));
    if (rows_first && a.sx != a.c) { /* the vertical pass wants pixels side by side */
        pc_image_copy(a, next);
        a = pc_image_dense(next, a.h, a.w, a.c);
        next += dense_bytes(a.h, a.w, a.c);
    }
    int32_t *acc = (int32_t *)next;
    next += round_up((size_t)(a.w > ow ? a.w : ow) * a.c * sizeof(int32_t));
    axis down, across;
    if (a.h != oh) axis_init(&down, a.h, oh, filter, &next);
    if (a.w != ow) axis_init(&across, a.w, ow, filter, &next);
    if (a.w == ow) {
        vertical(a, &down, dst, acc);
    } else if (a.h == oh) {
        horizontal(a, &across, dst);
    } else if (rows_first) {
        vertical(a, &down, next, acc);
        horizontal(pc_image_dense(next, oh, a.w, a.c), &across, dst);
    } else {
        horizontal(a, &across, next);
        vertical(pc_image_dense(next, a.h, ow, a.c), &down, dst, acc);
    }
}

void pc_resize_shorter(int h, int w, int64_t size, int64_t max_size, int64_t *oh, int64_t *ow)
{
    int64_t shorter = h < w ? h : w, longer = h < w ? w : h;
    int64_t s = size, l = (int64_t)((double)(size * longer) / (double)shorter);
    if (max_size > 0 && l > max_size) {
        s = (int64_t)((double)(max_size * s) / (double)l);
        l = max_size;
    }
    *ow = w <= h ? s : l;
    *oh = w <= h ? l : s;
}
