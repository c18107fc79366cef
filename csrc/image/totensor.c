/* totensor.c -- bytes to floats: ToTensor and Normalize as tables of 256 floats, which is exact. */
#include "image.h"

void pc_float_table(float t[256], pc_scaling scaling)
{
    for (int v = 0; v < 256; v++)
        t[v] = scaling == PC_DIVIDED ? (float)v / 255.0f : (float)v * (scaling == PC_MULTIPLIED ? 1.0f / 255.0f : 1.0f);
}

void pc_normalize_table(float t[256], float mean, float std)
{
    for (int v = 0; v < 256; v++) {
        float centered = t[v] - mean;
        t[v] = centered / std;
    }
}

static inline void lookup_row(const uint8_t *restrict s, int64_t sx, const float *restrict t, int64_t n,
                              float *restrict dst, int64_t dx)
{
    for (int64_t x = 0; x < n; x++) dst[x * dx] = t[s[x * sx]];
}

void pc_image_lookup(pc_image a, const float (*t)[256], int nt, float *dst, int64_t dc, int64_t dy, int64_t dx)
{
    for (int ch = 0; ch < a.c; ch++) {
        const float *table = t[nt == 1 ? 0 : ch];
        for (int y = 0; y < a.h; y++) {
            const uint8_t *s = a.px + y * a.sy + ch;
            float *d = dst + ch * dc + y * dy;
            if (dx == 1 && a.sx == 3)
                lookup_row(s, 3, table, a.w, d, 1);
            else
                lookup_row(s, a.sx, table, a.w, d, dx);
        }
    }
}
