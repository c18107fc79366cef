/* enhance.c -- grey images, saturation and sharpness: blends of an image with one made from it. */
#include "image.h"

static inline int grey(const uint8_t *s)
{
    return (int)((19595u * s[0] + 38470u * s[1] + 7471u * s[2] + 0x8000u) >> 16);
}

void pc_image_grey(pc_image a, int c, uint8_t *dst)
{
    for (int y = 0; y < a.h; y++) {
        const uint8_t *s = a.px + y * a.sy;
        for (int x = 0; x < a.w; x++, s += a.sx, dst += c) {
            uint8_t v = (uint8_t)(a.c == 3 ? grey(s) : s[0]);
            for (int k = 0; k < c; k++) dst[k] = v;
        }
    }
}

/* Pillow's blend: float32, the product rounded before the sum. f == 0 and 1 come out as copies by the same formula,
   and clipping changes nothing where 0 <= f <= 1. */
static inline uint8_t blend(int degenerate, int v, float f)
{
    float r = (float)degenerate + f * (float)(v - degenerate);
    return (uint8_t)(r <= 0.0f ? 0.0f : r >= 255.0f ? 255.0f : r);
}

void pc_image_saturation(pc_image a, double factor, uint8_t *dst)
{
    if (a.c != 3) {
        pc_image_copy(a, dst);
        return;
    }
    float f = (float)factor;
    for (int y = 0; y < a.h; y++) {
        const uint8_t *s = a.px + y * a.sy;
        for (int x = 0; x < a.w; x++, s += a.sx, dst += 3) {
            int g = grey(s);
            dst[0] = blend(g, s[0], f);
            dst[1] = blend(g, s[1], f);
            dst[2] = blend(g, s[2], f);
        }
    }
}

/* 3x3, weights 1 and 5 of 13, summed in Pillow's order: the row below first, each row by itself. */
static inline uint8_t smooth(const uint8_t *up, const uint8_t *mid, const uint8_t *down, int64_t sx)
{
    const float k1 = 1.0f / 13.0f, k5 = 5.0f / 13.0f;
    float s = 0.5f;
    s += (float)down[-sx] * k1 + (float)down[0] * k1 + (float)down[sx] * k1;
    s += (float)mid[-sx] * k1 + (float)mid[0] * k5 + (float)mid[sx] * k1;
    s += (float)up[-sx] * k1 + (float)up[0] * k1 + (float)up[sx] * k1;
    return (uint8_t)(s > 255.0f ? 255.0f : s);
}

void pc_image_sharpness(pc_image a, double factor, uint8_t *dst)
{
    float f = (float)factor;
    for (int y = 0; y < a.h; y++) {
        const uint8_t *mid = a.px + y * a.sy, *up = mid - a.sy, *down = mid + a.sy;
        int inner = y > 0 && y < a.h - 1;
        for (int x = 0; x < a.w; x++, dst += a.c) {
            int64_t o = x * a.sx;
            for (int k = 0; k < a.c; k++, o++)
                dst[k] = inner && x > 0 && x < a.w - 1 ? blend(smooth(up + o, mid + o, down + o, a.sx), mid[o], f)
                                                       : mid[o];
        }
    }
}
