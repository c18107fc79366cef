/* augment_rows.c -- image steps that run row by row through the kernels. */
#include "../kernels/kernels.h"
#include "augment_steps.h"
#include <string.h>

#define CHUNK 256 /* pixels whose grey is held at a time */

static size_t aligned(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

void sharpen_rows(pc_image a, double factor, uint8_t *dst)
{
    int64_t n = (int64_t)a.w * a.c;
    for (int y = 0; y < a.h; y++, dst += n) {
        const uint8_t *mid = a.px + y * a.sy;
        if (y == 0 || y == a.h - 1)
            memcpy(dst, mid, (size_t)n);
        else
            pc_k->u8_sharpen(mid - a.sy, mid, mid + a.sy, a.c, n, (float)factor, dst);
    }
}

void saturate_rows(pc_image a, double factor, uint8_t *dst)
{
    for (int y = 0; y < a.h; y++, dst += (int64_t)a.w * 3) pc_k->u8_saturate(a.px + y * a.sy, a.w, (float)factor, dst);
}

void hue_rows(pc_image a, int shift, uint8_t *dst)
{
    for (int y = 0; y < a.h; y++, dst += (int64_t)a.w * 3) pc_k->u8_hue(a.px + y * a.sy, a.w, shift, dst);
}

void tensor_saturate_rows(pc_image a, double factor, uint8_t *dst)
{
    for (int y = 0; y < a.h; y++, dst += (int64_t)a.w * 3)
        pc_k->u8_tensor_saturate(a.px + y * a.sy, a.w, factor, dst);
}

void tensor_hue_rows(pc_image a, double factor, uint8_t *dst)
{
    for (int y = 0; y < a.h; y++, dst += (int64_t)a.w * 3) pc_k->u8_tensor_hue(a.px + y * a.sy, a.w, factor, dst);
}

void tensor_grey_rows(pc_image a, int c, uint8_t *dst)
{
    for (int y = 0; y < a.h; y++, dst += (int64_t)a.w * c) {
        pc_k->u8_tensor_grey(a.px + y * a.sy, a.w, dst);
        for (int x = a.w - 1; c == 3 && x >= 0; x--) dst[3 * x] = dst[3 * x + 1] = dst[3 * x + 2] = dst[x];
    }
}

float tensor_grey_mean(pc_image a)
{
    uint64_t sum = 0;
    for (int y = 0; y < a.h; y++)
        for (int x = 0; x < a.w; x += CHUNK) {
            const uint8_t *row = a.px + y * a.sy + (int64_t)x * a.c;
            int n = a.w - x < CHUNK ? a.w - x : CHUNK;
            uint8_t grey[CHUNK];
            if (a.c == 3) {
                pc_k->u8_tensor_grey(row, n, grey);
                row = grey;
            }
            for (int k = 0; k < n; k++) sum += row[k];
        }
    return (float)sum / (float)((int64_t)a.h * a.w);
}

size_t resize_work(int h, int w, int c, int oh, int ow, pc_filter filter)
{
    if (filter == PC_NEAREST) return 0;
    size_t wide = (size_t)h * ow, tall = (size_t)oh * w;
    return aligned(pc_axis_bytes(w, ow, filter)) + aligned(pc_axis_bytes(h, oh, filter)) +
           aligned((wide > tall ? wide : tall) * (size_t)c);
}

static void rows_pass(pc_image a, const pc_axis *ax, uint8_t *dst)
{
    pc_k->u8_resample_rows(a.px, a.sy, a.h, a.w, a.c, ax->first, ax->weight, ax->taps, ax->n, dst);
}

static void columns_pass(pc_image a, const pc_axis *ax, uint8_t *dst)
{
    int64_t n = (int64_t)a.w * a.c;
    for (int i = 0; i < ax->n; i++, dst += n)
        pc_k->u8_resample_column(a.px + ax->first[i] * a.sy, a.sy, ax->weight + (int64_t)i * ax->taps, ax->taps, n,
                                 dst);
}

void resize_rows(pc_image a, int oh, int ow, pc_filter filter, uint8_t *dst, void *work)
{
    pc_axis across, down;
    uint8_t *next = work;
    if (a.w != ow) pc_axis_init(&across, a.w, ow, filter, next);
    next += aligned(pc_axis_bytes(a.w, ow, filter));
    if (a.h != oh) pc_axis_init(&down, a.h, oh, filter, next);
    next += aligned(pc_axis_bytes(a.h, oh, filter));
    if (pc_resize_vertical_first(a.h, a.w, oh, ow, filter)) {
        columns_pass(a, &down, a.w == ow ? dst : next);
        if (a.w != ow) rows_pass(pc_image_dense(next, oh, a.w, a.c), &across, dst);
    } else {
        rows_pass(a, &across, a.h == oh ? dst : next);
        if (a.h != oh) columns_pass(pc_image_dense(next, a.h, ow, a.c), &down, dst);
    }
}
