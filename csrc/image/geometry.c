/* geometry.c -- copies, crops and pads. */
#include "image.h"
#include <string.h>

static void copy_row(const uint8_t *restrict src, int64_t sx, int64_t n, int c, uint8_t *restrict dst)
{
    if (sx == c) {
        memcpy(dst, src, (size_t)n * c);
    } else if (c == 3) {
        for (int64_t x = 0; x < n; x++, src += sx, dst += 3) {
            dst[0] = src[0];
            dst[1] = src[1];
            dst[2] = src[2];
        }
    } else if (c == 1) {
        for (int64_t x = 0; x < n; x++) dst[x] = src[x * sx];
    } else {
        for (int64_t x = 0; x < n; x++, src += sx, dst += c)
            for (int k = 0; k < c; k++) dst[k] = src[k];
    }
}

static void fill_pixels(uint8_t *dst, int64_t n, int c, const uint8_t *fill)
{
    int same = 1;
    for (int k = 1; k < c; k++) same &= fill[k] == fill[0];
    if (same) {
        memset(dst, fill[0], (size_t)n * c);
        return;
    }
    for (int64_t x = 0; x < n; x++, dst += c)
        for (int k = 0; k < c; k++) dst[k] = fill[k];
}

void pc_image_copy(pc_image a, uint8_t *dst)
{
    int64_t row = (int64_t)a.w * a.c;
    if (a.sx == a.c && a.sy == row) {
        memcpy(dst, a.px, (size_t)(a.h * row));
        return;
    }
    for (int y = 0; y < a.h; y++) copy_row(a.px + y * a.sy, a.sx, a.w, a.c, dst + y * row);
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* The h x w window at (top, left); fill outside. */
static void window_or_fill(pc_image a, int64_t top, int64_t left, int h, int w, const uint8_t *fill, uint8_t *dst)
{
    int64_t row = (int64_t)w * a.c;
    int64_t x0 = clamp(-left, 0, w), x1 = clamp(a.w - left, x0, w);
    for (int y = 0; y < h; y++, dst += row) {
        int64_t sy = top + y;
        if (sy < 0 || sy >= a.h || x0 == x1) {
            fill_pixels(dst, w, a.c, fill);
            continue;
        }
        fill_pixels(dst, x0, a.c, fill);
        copy_row(a.px + sy * a.sy + (left + x0) * a.sx, a.sx, x1 - x0, a.c, dst + x0 * a.c);
        fill_pixels(dst + x1 * a.c, w - x1, a.c, fill);
    }
}

void pc_image_crop(pc_image a, int64_t top, int64_t left, int h, int w, uint8_t *dst)
{
    static const uint8_t zero[4];
    window_or_fill(a, top, left, h, w, zero, dst);
}

/* Where index i of a padded axis reads, n being the axis's length (NumPy's pad). */
static int64_t reflect(int64_t i, int64_t n, pc_pad_mode mode)
{
    if (mode == PC_PAD_EDGE || n == 1) return clamp(i, 0, n - 1);
    int64_t period = mode == PC_PAD_REFLECT ? 2 * (n - 1) : 2 * n;
    i %= period;
    if (i < 0) i += period;
    if (i < n) return i;
    return mode == PC_PAD_REFLECT ? period - i : period - 1 - i;
}

void pc_image_pad(pc_image a, int left, int top, int right, int bottom, pc_pad_mode mode, const uint8_t *fill,
                  uint8_t *dst)
{
    int h = a.h + top + bottom, w = a.w + left + right;
    if (mode == PC_PAD_CONSTANT) {
        window_or_fill(a, -(int64_t)top, -(int64_t)left, h, w, fill, dst);
        return;
    }
    /* Negative sides cut first: what is mirrored is the image that remains. */
    int cut_left = left < 0 ? -left : 0, cut_top = top < 0 ? -top : 0;
    int cut_right = right < 0 ? -right : 0, cut_bottom = bottom < 0 ? -bottom : 0;
    a = pc_image_window(a, cut_top, cut_left, a.h - cut_top - cut_bottom, a.w - cut_left - cut_right);
    left += cut_left;
    top += cut_top;
    int64_t row = (int64_t)w * a.c;
    for (int y = 0; y < h; y++, dst += row) {
        const uint8_t *src = a.px + reflect(y - top, a.h, mode) * a.sy;
        for (int x = 0; x < left; x++) copy_row(src + reflect(x - left, a.w, mode) * a.sx, a.sx, 1, a.c, dst + x * a.c);
        copy_row(src, a.sx, a.w, a.c, dst + left * a.c);
        for (int x = left + a.w; x < w; x++)
            copy_row(src + reflect(x - left, a.w, mode) * a.sx, a.sx, 1, a.c, dst + x * a.c);
    }
}
