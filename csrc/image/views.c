/* views.c -- flips, quarter turns and windows of an image without touching a pixel. */
#include "image.h"

pc_image pc_image_dense(const uint8_t *px, int h, int w, int c)
{
    return (pc_image){ px, h, w, c, (int64_t)w * c, c };
}

pc_image pc_image_flip_x(pc_image a)
{
    if (a.w > 0) a.px += (a.w - 1) * a.sx;
    a.sx = -a.sx;
    return a;
}

pc_image pc_image_flip_y(pc_image a)
{
    if (a.h > 0) a.px += (a.h - 1) * a.sy;
    a.sy = -a.sy;
    return a;
}

static pc_image transpose(pc_image a)
{
    return (pc_image){ a.px, a.w, a.h, a.c, a.sx, a.sy };
}

pc_image pc_image_turn(pc_image a, int quarters)
{
    switch (quarters) {
    case 1: return pc_image_flip_y(transpose(a));
    case 2: return pc_image_flip_y(pc_image_flip_x(a));
    case 3: return pc_image_flip_x(transpose(a));
    default: return a;
    }
}

pc_image pc_image_window(pc_image a, int64_t top, int64_t left, int h, int w)
{
    a.px += top * a.sy + left * a.sx;
    a.h = h;
    a.w = w;
    return a;
}
