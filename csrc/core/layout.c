/* layout.c -- re-laying activations out, tile by tile so that both sides stay within a few cache lines. */
#include "layout.h"
#include "parallel.h"

#define TILE 16
#define RELU_GRAIN (1 << 16)

typedef struct planes {
    const float *src;
    float *dst;
    int64_t c, area;
} planes;

static pc_status transpose_images(void *ctx, int64_t begin, int64_t end)
{
    const planes *p = ctx;
    for (int64_t n = begin; n < end; n++) {
        const float *src = p->src + n * p->c * p->area;
        float *dst = p->dst + n * p->c * p->area;
        for (int64_t c0 = 0; c0 < p->c; c0 += TILE) {
            int64_t c1 = c0 + TILE < p->c ? c0 + TILE : p->c;
            for (int64_t i0 = 0; i0 < p->area; i0 += TILE) {
                int64_t i1 = i0 + TILE < p->area ? i0 + TILE : p->area;
                for (int64_t c = c0; c < c1; c++)
                    for (int64_t i = i0; i < i1; i++) dst[c * p->area + i] = src[i * p->c + c];
            }
        }
    }
    return PC_OK;
}

pc_status pc_layout_nhwc_to_nchw(const float *src, float *dst, int64_t n, int64_t c, int64_t h, int64_t w)
{
    planes p = { src, dst, c, h * w };
    int64_t bytes = c * h * w * 8;
    return pc_parallel_for(n, bytes > 0 ? (1 << 20) / bytes + 1 : 1, transpose_images, &p);
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
