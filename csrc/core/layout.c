/* layout.c -- re-laying activations out, strip by strip so that both sides stay within a few cache lines. */
#include "layout.h"
#include "parallel.h"

#define STRIP_FLOATS (1 << 15) /* half of a level 2 cache for both sides */
#define RELU_GRAIN (1 << 16)

static void planes_from_pixels(float *restrict dst, int64_t plane, const float *restrict src, int64_t pitch, int64_t c,
                               int64_t n)
{
    for (int64_t k = 0; k < c; k++)
        for (int64_t i = 0; i < n; i++) dst[k * plane + i] = src[i * pitch + k];
}

static pc_planes_fn to_planes = planes_from_pixels;

void pc_set_layout_kernel(pc_planes_fn fn) { to_planes = fn; }

typedef struct strips {
    const float *src;
    float *dst;
    int64_t c, area, pixels, across; /* pixels of a strip, strips of an image */
} strips;

static pc_status transpose_strips(void *ctx, int64_t begin, int64_t end)
{
    const strips *p = ctx;
    for (int64_t k = begin; k < end; k++) {
        int64_t at = k / p->across * p->c * p->area, first = k % p->across * p->pixels;
        int64_t n = p->area - first < p->pixels ? p->area - first : p->pixels;
        to_planes(p->dst + at + first, p->area, p->src + at + first * p->c, p->c, p->c, n);
    }
    return PC_OK;
}

pc_status pc_layout_nhwc_to_nchw(const float *src, float *dst, int64_t n, int64_t c, int64_t h, int64_t w)
{
    strips p = { src, dst, c, h * w, 16, 1 };
    if (n * c * p.area == 0) return PC_OK;
    while (p.pixels * c < STRIP_FLOATS) p.pixels *= 2;
    p.across = (p.area + p.pixels - 1) / p.pixels;
    return pc_parallel_for(n * p.across, STRIP_FLOATS / (c * (p.area < p.pixels ? p.area : p.pixels)) + 1,
                           transpose_strips, &p);
}

typedef struct flat {
    const float *src;
    float *dst;
} flat;

static pc_status relu_range(void *ctx, int64_t begin, int64_t end)
{
    const flat *p = ctx;
    const float *src = p->src;
    float *dst = p->dst;
    for (int64_t i = begin; i < end; i++) dst[i] = src[i] < 0 ? 0 : src[i];
    return PC_OK;
}

pc_status pc_layout_relu(const float *src, float *dst, int64_t n)
{
    return pc_parallel_for(n, RELU_GRAIN, relu_range, &(flat){ src, dst });
}
