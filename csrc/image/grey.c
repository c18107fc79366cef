/* grey.c -- Pillow's grey value of an RGB pixel: (19595 R + 38470 G + 7471 B + 32768) >> 16. */
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

int pc_image_grey_mean(pc_image a, const pc_lut *l)
{
    uint64_t sum = 0;
    if (a.c == 3) {
        /* The three products of the grey value, per byte; the half for rounding stands in the first. */
        uint32_t r[256], g[256], b[256];
        for (int v = 0; v < 256; v++) {
            r[v] = 19595u * l->t[0][v] + 0x8000u;
            g[v] = 38470u * l->t[l->n == 1 ? 0 : 1][v];
            b[v] = 7471u * l->t[l->n == 1 ? 0 : 2][v];
        }
        for (int y = 0; y < a.h; y++) {
            const uint8_t *s = a.px + y * a.sy;
            for (int x = 0; x < a.w; x++, s += a.sx) sum += (r[s[0]] + g[s[1]] + b[s[2]]) >> 16;
        }
    } else {
        for (int y = 0; y < a.h; y++) {
            const uint8_t *s = a.px + y * a.sy;
            for (int x = 0; x < a.w; x++, s += a.sx) sum += l->t[0][s[0]];
        }
    }
    double count = (double)a.h * a.w;
    return count > 0 ? (int)((double)sum / count + 0.5) : 0;
}
