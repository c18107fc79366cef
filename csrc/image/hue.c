/* hue.c -- RGB to HSV bytes and back, rounding where Pillow rounds. */
#include "image.h"

static uint8_t byte(double v)
{
    int i = (int)v;
    return (uint8_t)(i < 0 ? 0 : i > 255 ? 255 : i);
}

void pc_rgb_to_hsv(const uint8_t rgb[3], uint8_t hsv[3])
{
    int r = rgb[0], g = rgb[1], b = rgb[2];
    int hi = r > g ? (r > b ? r : b) : (g > b ? g : b), lo = r < g ? (r < b ? r : b) : (g < b ? g : b);
    hsv[2] = (uint8_t)hi;
    if (hi == lo) {
        hsv[0] = hsv[1] = 0;
        return;
    }
    float range = (float)(hi - lo), s = range / (float)hi;
    float rc = (float)(hi - r) / range, gc = (float)(hi - g) / range, bc = (float)(hi - b) / range, h;
    if (r == hi)
        h = bc - gc;
    else if (g == hi)
        h = (float)(2.0 + rc - bc);
    else
        h = (float)(4.0 + gc - rc);
    double turned = h / 6.0 + 1.0; /* in [5/6, 2): fmod(turned, 1) is a subtraction, exact */
    h = (float)(turned >= 1.0 ? turned - 1.0 : turned);
    hsv[0] = byte(h * 255.0);
    hsv[1] = byte(s * 255.0);
}

/* C's round() of a value in [0, 255]. The difference is exact; v + 0.5 would not be. */
static uint8_t half_up(double v)
{
    int i = (int)v;
    return (uint8_t)(i + (v - i >= 0.5));
}

void pc_hsv_to_rgb(const uint8_t hsv[3], uint8_t rgb[3])
{
    uint8_t h = hsv[0], s = hsv[1], v = hsv[2];
    if (s == 0) {
        rgb[0] = rgb[1] = rgb[2] = v;
        return;
    }
    double x = h * 6.0 / 255.0;
    int i = (int)x;
    float f = (float)(x - i), fs = (float)(s / 255.0);
    uint8_t p = half_up(v * (1.0 - fs)), q = half_up(v * (1.0 - fs * f)), t = half_up(v * (1.0 - fs * (1.0 - f)));
    switch (i % 6) {
    case 0: rgb[0] = v, rgb[1] = t, rgb[2] = p; break;
    case 1: rgb[0] = q, rgb[1] = v, rgb[2] = p; break;
    case 2: rgb[0] = p, rgb[1] = v, rgb[2] = t; break;
    case 3: rgb[0] = p, rgb[1] = q, rgb[2] = v; break;
    case 4: rgb[0] = t, rgb[1] = p, rgb[2] = v; break;
    default: rgb[0] = v, rgb[1] = p, rgb[2] = q; break;
    }
}

void pc_image_hue(pc_image a, uint8_t shift, uint8_t *dst)
{
    if (a.c != 3) {
        pc_image_copy(a, dst);
        return;
    }
    for (int y = 0; y < a.h; y++) {
        const uint8_t *s = a.px + y * a.sy;
        for (int x = 0; x < a.w; x++, s += a.sx, dst += 3) {
            uint8_t hsv[3];
            pc_rgb_to_hsv(s, hsv);
            hsv[0] = (uint8_t)(hsv[0] + shift);
            pc_hsv_to_rgb(hsv, dst);
        }
    }
}
