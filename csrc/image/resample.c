/* resample.c -- the integer weights of antialiased resizing, as Pillow's Resample.c and torch make them. */
#include "image.h"
#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846
#define PRECISION 22 /* bits behind the point of a weight: 32, less 8 of the byte and 2 for sums beyond 1 */

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
    [PC_TORCH_BILINEAR] = { triangle, 1.0 }, [PC_TORCH_BICUBIC] = { keys, 2.0 },
};

static double scale_of(int in, int out) { return (double)(float)in / out; }

static int taps_of(int in, int out, pc_filter filter)
{
    double scale = scale_of(in, out);
    return (int)ceil(filters[filter].support * (scale < 1.0 ? 1.0 : scale)) * 2 + 1;
}

size_t pc_axis_bytes(int in, int out, pc_filter filter)
{
    int taps = taps_of(in, out, filter);
    return (size_t)taps * sizeof(double) + (size_t)out * (2 + (size_t)taps) * sizeof(int32_t);
}

/* Windows are cut at the borders, so they differ in length: all get the longest one, filled up with weights of 0. */
static void pad_windows(pc_axis *ax, int in, int longest, int32_t *first, const int32_t *count, int32_t *weight)
{
    for (int i = 0; i < ax->n; i++) { /* never ahead of what is still to be read: longest <= taps */
        const int32_t *from = weight + (int64_t)i * ax->taps;
        int32_t *to = weight + (int64_t)i * longest;
        int shift = first[i] + longest > in ? first[i] + longest - in : 0;
        memmove(to + shift, from, (size_t)count[i] * sizeof *to);
        memset(to, 0, (size_t)shift * sizeof *to);
        memset(to + shift + count[i], 0, (size_t)(longest - shift - count[i]) * sizeof *to);
        first[i] -= shift;
    }
    ax->taps = longest;
}

/* The window of output i and its weights: where it begins; how many in *count. */
static int window(int in, int out, pc_filter filter, int i, double *w, int *count)
{
    double scale = scale_of(in, out), stretch = scale < 1.0 ? 1.0 : scale;
    double support = filters[filter].support * stretch, inverse = 1.0 / stretch;
    double center = (i + 0.5) * scale, sum = 0.0;
    int lo = (int)(center - support + 0.5), hi = (int)(center + support + 0.5);
    lo = lo < 0 ? 0 : lo;
    hi = hi > in ? in : hi;
    for (int k = 0; k < hi - lo; k++) {
        w[k] = filters[filter].at((k + lo - center + 0.5) * inverse);
        sum += w[k];
    }
    for (int k = 0; k < hi - lo && sum != 0.0; k++) w[k] /= sum;
    *count = hi - lo;
    return lo;
}

/* Torch's weights have 16 bits, as many behind the point as the largest allows. */
static int torch_precision(int in, int out, pc_filter filter, double *w)
{
    double largest = 0;
    int count, bits = 0;
    for (int i = 0; i < out; i++) {
        window(in, out, filter, i, w, &count);
        for (int k = 0; k < count; k++) largest = fmax(largest, w[k]);
    }
    while (bits < PRECISION && (int)(0.5 + largest * (1 << (bits + 1))) < 1 << 15) bits++;
    return bits;
}

void pc_axis_init(pc_axis *ax, int in, int out, pc_filter filter, void *memory)
{
    int taps = taps_of(in, out, filter), longest = 0;
    double *w = memory;
    int32_t *first = (int32_t *)(w + taps), *count = first + out, *weight = count + out;
    int bits = filter < PC_TORCH_BILINEAR ? PRECISION : torch_precision(in, out, filter, w);
    *ax = (pc_axis){ out, taps, first, weight };
    for (int i = 0; i < out; i++) {
        first[i] = window(in, out, filter, i, w, &count[i]);
        for (int k = 0; k < count[i]; k++) {
            double v = w[k] * (1 << bits);
            weight[(int64_t)i * taps + k] = (int32_t)(v < 0 ? -0.5 + v : 0.5 + v) * (1 << (PRECISION - bits));
        }
        longest = longest < count[i] ? count[i] : longest;
    }
    pad_windows(ax, in, longest, first, count, weight);
}

int pc_resize_vertical_first(int h, int w, int oh, int ow, pc_filter filter)
{
    if (h == oh || w == ow) return w == ow;
    return filter < PC_TORCH_BILINEAR && oh < h && (int64_t)h - oh > 2 * ((int64_t)w - ow);
}

void pc_image_resize_nearest(pc_image a, int oh, int ow, uint8_t *dst)
{
    static const uint8_t nothing[4];
    double m[6] = { (double)(float)a.w / ow, 0, 0, 0, (double)(float)a.h / oh, 0 };
    pc_image_affine(a, m, PC_NEAREST, nothing, oh, ow, dst);
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
