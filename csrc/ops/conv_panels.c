/* conv_panels.c -- a convolution's weights as the product microkernel reads them, and its gradients as it makes them:
   panels of output channels, [row][column][inner channel][lane], from and to tensors of [lane][inner
   channel][row][column]. */
#include "../core/parallel.h"
#include "../kernels/kernels.h"
#include "conv.h"
#include <string.h>

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t pc_panel_group_floats(int64_t lanes, int64_t panels, int64_t width, int64_t depth)
{
    return panels == 0 ? 0 : ((panels - 1) * width + pc_panel_lanes(lanes, panels - 1, width)) * depth;
}

/* Sixteen lanes of a plain tensor, the last of which is `stored` floats before the next row of the panel. */
static void pack_sixteen(const float *w, int64_t lane_stride, int64_t inner, int64_t taps, float *to, int64_t stored)
{
    float block[16][16];
    for (int64_t at = 0; at < inner * taps; at += 16) {
        const int64_t n = least(16, inner * taps - at), from = least(at, inner * taps - 16);
        for (int i = 0; i < 16; i++) __builtin_prefetch(w + from + 64 + i * lane_stride); /* sixteen streams are many */
        pc_k->u32_transpose16((uint32_t *)block, 16, (const uint32_t *)w + from, lane_stride);
        for (int64_t i = 0, f = at; i < n; i++, f++)
            memcpy(to + (f % taps * inner + f / taps) * stored, block[f - from], sizeof block[0]);
    }
}

static void pack_lanes(const pc_panels *p, const float *w, int64_t lanes, float *to, int64_t stored)
{
    /* 16 channels at a time: their taps share cache lines */
    for (int64_t c0 = 0; c0 < p->inner; c0 += 16)
        for (int64_t row = 0; row < p->rows; row++)
            for (int64_t col = 0; col < p->cols; col++)
                for (int64_t c = c0; c < least(c0 + 16, p->inner); c++) {
                    const float *from = w + row * p->row_stride + col * p->col_stride + c * p->inner_stride;
                    float *at = to + ((row * p->cols + col) * p->inner + c) * stored;
                    for (int64_t lane = 0; lane < lanes; lane++) at[lane] = from[lane * p->lane_stride];
                }
}

static pc_status pack_panels(void *ctx, int64_t begin, int64_t end)
{
    const pc_panels *p = ctx;
    const int64_t taps = p->rows * p->cols, depth = taps * p->inner;
    const bool plain = p->inner_stride == taps && p->row_stride == p->cols && p->col_stride == 1 && depth >= 16;
    for (int64_t i = begin; i < end; i++) {
        int64_t g = i / p->panels, j = i % p->panels;
        int64_t stored = pc_panel_lanes(p->lanes, j, p->width), lanes = least(p->lanes - j * p->width, stored),
                done = 0;
        float *to = p->to + g * pc_panel_group_floats(p->lanes, p->panels, p->width, depth) + j * p->width * depth;
        const float *w = p->w + g * p->group_stride + j * p->width * p->lane_stride;
        for (; plain && done + 16 <= lanes; done += 16)
            pack_sixteen(w + done * p->lane_stride, p->lane_stride, p->inner, taps, to + done, stored);
        if (done < lanes) pack_lanes(p, w + done * p->lane_stride, lanes - done, to + done, stored);
        for (int64_t at = 0; at < depth && lanes < stored; at++)
            memset(to + at * stored + lanes, 0, (size_t)(stored - lanes) * sizeof *to);
    }
    return PC_OK;
}

pc_status pc_panels_pack(const pc_panels *p)
{
    const int64_t floats = p->rows * p->cols * p->inner * p->width;
    return pc_parallel_for(p->groups * p->panels, ((int64_t)1 << 16) / (floats + 1) + 1, pack_panels, (void *)p);
}

void pc_panel_unpack(const float *from, int64_t stored, int64_t lanes, int64_t inner, int64_t taps, float *to,
                     int64_t stride)
{
    const int64_t depth = inner * taps;
    int64_t lane = 0;
    for (; depth >= 16 && lane + 16 <= lanes; lane += 16)
        for (int64_t at = 0; at < depth; at += 16) {
            float block[16][16];
            const int64_t first = least(at, depth - 16);
            for (int64_t i = 0, f = first; i < 16; i++, f++)
                memcpy(block[i], from + (f % taps * inner + f / taps) * stored + lane, sizeof block[0]);
            pc_k->u32_transpose16((uint32_t *)to + lane * stride + first, stride, (const uint32_t *)block, 16);
        }
    for (; lane < lanes; lane++)
        for (int64_t v = 0; v < taps; v++)
            for (int64_t q = 0; q < inner; q++)
                to[lane * stride + q * taps + v] = from[(v * inner + q) * stored + lane];
}
