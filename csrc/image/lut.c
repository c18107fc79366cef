/* lut.c -- operations whose result depends on the byte alone, as tables that compose, and the histograms that some
   of them are made from. */
#include "image.h"
#include <math.h>
#include <string.h>

void pc_lut_identity(pc_lut *l)
{
    l->n = 1;
    for (int v = 0; v < 256; v++) l->t[0][v] = (uint8_t)v;
}

void pc_lut_then(pc_lut *l, const pc_lut *next)
{
    int n = l->n > next->n ? l->n : next->n;
    for (int k = n - 1; k >= 0; k--) { /* downwards: table 0 may be the source of all */
        const uint8_t *first = l->t[l->n == 1 ? 0 : k], *second = next->t[next->n == 1 ? 0 : k];
        for (int v = 0; v < 256; v++) l->t[k][v] = second[first[v]];
    }
    l->n = n;
}

void pc_lut_apply(const pc_lut *l, pc_image a, uint8_t *dst)
{
    const uint8_t *t0 = l->t[0], *t1 = l->n == 1 ? t0 : l->t[1], *t2 = l->n == 1 ? t0 : l->t[2];
    for (int y = 0; y < a.h; y++) {
        const uint8_t *s = a.px + y * a.sy;
        if (a.c == 3) {
            for (int x = 0; x < a.w; x++, s += a.sx, dst += 3) {
                dst[0] = t0[s[0]];
                dst[1] = t1[s[1]];
                dst[2] = t2[s[2]];
            }
        } else {
            for (int x = 0; x < a.w; x++, s += a.sx) *dst++ = t0[s[0]];
        }
    }
}

void pc_lut_blend(uint8_t t[256], int constant, double factor)
{
    float f = (float)factor, d = (float)constant;
    for (int v = 0; v < 256; v++) {
        float r = d + f * (float)(v - constant);
        r = r <= 0.0f ? 0.0f : r >= 255.0f ? 255.0f : r;
        t[v] = (uint8_t)r;
    }
}

void pc_lut_mix(uint8_t t[256], float constant, double factor)
{
    float f = (float)factor, rest = (float)(1.0 - factor);
    for (int v = 0; v < 256; v++) {
        float r = fmaf(constant, rest, (float)v * f);
        t[v] = (uint8_t)(r < 0.0f ? 0.0f : r > 255.0f ? 255.0f : r);
    }
}

void pc_lut_posterize(uint8_t t[256], int bits)
{
    int mask = ~((1 << (8 - bits)) - 1) & 255;
    for (int v = 0; v < 256; v++) t[v] = (uint8_t)(v & mask);
}

void pc_lut_solarize(uint8_t t[256], double threshold)
{
    for (int v = 0; v < 256; v++) t[v] = (uint8_t)(v < threshold ? v : 255 - v);
}

void pc_lut_invert(uint8_t t[256])
{
    for (int v = 0; v < 256; v++) t[v] = (uint8_t)(255 - v);
}

void pc_lut_gamma(uint8_t t[256], double gamma, double gain)
{
    for (int v = 0; v < 256; v++) {
        double r = (255 + 1 - 1e-3) * gain * pow(v / 255.0, gamma);
        t[v] = (uint8_t)(r > 0.0 ? r < 255.0 ? (int)r : 255 : 0);
    }
}

static void histograms(pc_image a, const pc_lut *l, uint64_t h[3][256])
{
    uint64_t raw[3][256] = { { 0 } };
    for (int y = 0; y < a.h; y++) {
        const uint8_t *s = a.px + y * a.sy;
        for (int x = 0; x < a.w; x++, s += a.sx)
            for (int k = 0; k < a.c; k++) raw[k][s[k]]++;
    }
    memset(h, 0, sizeof raw);
    for (int k = 0; k < a.c; k++)
        for (int v = 0; v < 256; v++) h[k][l->t[l->n == 1 ? 0 : k][v]] += raw[k][v];
}

void pc_lut_autocontrast(pc_image a, const pc_lut *l, pc_lut *out)
{
    uint64_t h[3][256];
    histograms(a, l, h);
    out->n = a.c;
    for (int k = 0; k < a.c; k++) {
        int lo = 0, hi = 255;
        while (lo < 255 && h[k][lo] == 0) lo++;
        while (hi > 0 && h[k][hi] == 0) hi--;
        double scale = hi > lo ? 255.0 / (hi - lo) : 1.0, offset = hi > lo ? -lo * scale : 0.0;
        for (int v = 0; v < 256; v++) {
            int r = (int)(v * scale + offset);
            out->t[k][v] = (uint8_t)(r < 0 ? 0 : r > 255 ? 255 : r);
        }
    }
}

void pc_lut_equalize(pc_image a, const pc_lut *l, pc_lut *out)
{
    uint64_t h[3][256];
    histograms(a, l, h);
    out->n = a.c;
    for (int k = 0; k < a.c; k++) {
        uint64_t total = 0, last = 0;
        int levels = 0;
        for (int v = 0; v < 256; v++) {
            if (h[k][v] == 0) continue;
            last = h[k][v];
            total += last;
            levels++;
        }
        uint64_t step = levels > 1 ? (total - last) / 255 : 0, n = step / 2;
        for (int v = 0; v < 256; v++) {
            uint64_t r = step > 0 ? n / step : (uint64_t)v;
            out->t[k][v] = (uint8_t)(r > 255 ? 255 : r);
            n += h[k][v];
        }
    }
}
