/* winograd.inc.c -- the transforms of Winograd's F(4x4, 3x3) and F(2x2, 3x3), vectorised over channels.
   Interpolation points of F(4x4): 0, 2/3, -2/3, 3/2, -3/2 and infinity. Their product is 1 in pairs, so they cost no
   more than the usual 0, 1, -1, 2, -2, and the transforms' entries are small: the error is that of a plain sum. */
#include "winograd.h"

#define WA (2.0f / 3)
#define WB 1.5f
#define WA2 (4.0f / 9)
#define WB2 2.25f
#define WNA (1 / (2 * WA2 * (WA2 - WB2))) /* 1 / product of the distances of 2/3 to the other points */
#define WNB (1 / (2 * WB2 * (WB2 - WA2)))

/* One dimension each: n values, `from` apart, to n values, `to` apart. */

/* Input: m + 2 values to m + 2. */
ALWAYS_INLINE void winograd_input_line(const int m, const vf *d, const int from, vf *o, const int to)
{
    const vf d0 = d[0], d1 = d[from], d2 = d[2 * from], d3 = d[3 * from];
    if (m == 2) {
        o[0] = d0 - d2;
        o[to] = d1 + d2;
        o[2 * to] = d2 - d1;
        o[3 * to] = d1 - d3;
        return;
    }
    const vf d4 = d[4 * from], d5 = d[5 * from];
    const vf a0 = vf_fma(vf_set(-WB2), d2, d4), a1 = vf_fma(vf_set(-WB2), d1, d3);
    const vf b0 = vf_fma(vf_set(-WA2), d2, d4), b1 = vf_fma(vf_set(-WA2), d1, d3);
    o[0] = vf_fma(vf_set(-(WA2 + WB2)), d2, d0 + d4);
    o[to] = vf_fma(vf_set(WA), a1, a0);
    o[2 * to] = vf_fma(vf_set(-WA), a1, a0);
    o[3 * to] = vf_fma(vf_set(WB), b1, b0);
    o[4 * to] = vf_fma(vf_set(-WB), b1, b0);
    o[5 * to] = vf_fma(vf_set(-(WA2 + WB2)), d3, d1 + d5);
}

/* Products: m + 2 values to m outputs. */
ALWAYS_INLINE void winograd_output_line(const int m, const vf *p, const int from, vf *o, const int to)
{
    const vf a = p[from] + p[2 * from], b = p[from] - p[2 * from];
    if (m == 2) {
        o[0] = p[0] + a;
        o[to] = b - p[3 * from];
        return;
    }
    const vf c = p[3 * from] + p[4 * from], d = p[3 * from] - p[4 * from];
    o[0] = p[0] + a + c;
    o[to] = vf_fma(vf_set(WA), b, vf_set(WB) * d);
    o[2 * to] = vf_fma(vf_set(WA2), a, vf_set(WB2) * c);
    o[3 * to] = vf_fma(vf_set(WA * WA2), b, vf_fma(vf_set(WB * WB2), d, p[5 * from]));
}

/* The transpose of the former: the gradient of m outputs to m + 2 values. */
ALWAYS_INLINE void winograd_gradient_line(const int m, const vf *g, const int from, vf *o, const int to)
{
    const vf g0 = g[0], g1 = g[from];
    o[0] = g0;
    if (m == 2) {
        o[to] = g0 + g1;
        o[2 * to] = g0 - g1;
        o[3 * to] = -g1;
        return;
    }
    const vf g2 = g[2 * from], g3 = g[3 * from];
    const vf a0 = vf_fma(vf_set(WA2), g2, g0), a1 = vf_fma(vf_set(WA2), g3, g1);
    const vf b0 = vf_fma(vf_set(WB2), g2, g0), b1 = vf_fma(vf_set(WB2), g3, g1);
    o[to] = vf_fma(vf_set(WA), a1, a0);
    o[2 * to] = vf_fma(vf_set(-WA), a1, a0);
    o[3 * to] = vf_fma(vf_set(WB), b1, b0);
    o[4 * to] = vf_fma(vf_set(-WB), b1, b0);
    o[5 * to] = g3;
}

/* Filter: 3 values to m + 2. */
ALWAYS_INLINE void winograd_weight_line(const int m, const vf *w, const int from, vf *o, const int to)
{
    const vf w0 = w[0], w1 = w[from], w2 = w[2 * from];
    o[0] = w0;
    o[(m + 1) * to] = w2;
    if (m == 2) {
        const vf even = (w0 + w2) * vf_set(0.5f), odd = w1 * vf_set(0.5f);
        o[to] = even + odd;
        o[2 * to] = even - odd;
        return;
    }
    const vf a0 = vf_fma(vf_set(WA2), w2, w0) * vf_set(WNA), a1 = w1 * vf_set(WNA * WA);
    const vf b0 = vf_fma(vf_set(WB2), w2, w0) * vf_set(WNB), b1 = w1 * vf_set(WNB * WB);
    o[to] = a0 + a1;
    o[2 * to] = a0 - a1;
    o[3 * to] = b0 + b1;
    o[4 * to] = b0 - b1;
}

/* The transpose of the former: m + 2 values to the gradient of 3. */
ALWAYS_INLINE void winograd_filter_line(const int m, const vf *u, const int from, vf *o, const int to)
{
    const vf a = u[from] + u[2 * from], b = u[from] - u[2 * from];
    if (m == 2) {
        o[0] = vf_fma(vf_set(0.5f), a, u[0]);
        o[to] = b * vf_set(0.5f);
        o[2 * to] = vf_fma(vf_set(0.5f), a, u[3 * from]);
        return;
    }
    const vf c = u[3 * from] + u[4 * from], d = u[3 * from] - u[4 * from];
    o[0] = vf_fma(vf_set(WNA), a, vf_fma(vf_set(WNB), c, u[0]));
    o[to] = vf_fma(vf_set(WNA * WA), b, vf_set(WNB * WB) * d);
    o[2 * to] = vf_fma(vf_set(WNA * WA2), a, vf_fma(vf_set(WNB * WB2), c, u[5 * from]));
}

/* What a tile reads at each of edge x edge pixels: the pixel, or `zeros`. */
ALWAYS_INLINE void winograd_pixels(const pc_winograd_tile *t, const int edge, const float *zeros, const float **at)
{
    for (int i = 0; i < edge; i++) {
        const bool row = i >= t->r0 && i < t->r1;
        const float *p = t->p + i * t->row;
        for (int j = 0; j < edge; j++) at[i * edge + j] = row && j >= t->s0 && j < t->s1 ? p + j * t->pixel : zeros;
    }
}

ALWAYS_INLINE void winograd_input(const pc_winograd_tile *t, const float *zeros, const int m, const bool relu)
{
    const int edge = m + 2, n = t->channels < VL ? (int)t->channels : VL;
    const float *at[36];
    winograd_pixels(t, edge, zeros, at);
    for (int64_t k = 0; k < t->channels; k = next_channels(k, t->channels)) {
        vf half[36];
#pragma GCC unroll 6
        for (int j = 0; j < edge; j++) {
            vf column[6];
#pragma GCC unroll 6
            for (int i = 0; i < edge; i++) {
                vf x = load_channels(at[i * edge + j] + k, n);
                column[i] = relu ? vf_relu(x) : x;
            }
            winograd_input_line(m, column, 1, half + j, edge);
        }
#pragma GCC unroll 6
        for (int i = 0; i < edge; i++) {
            vf row[6];
            winograd_input_line(m, half + i * edge, 1, row, 1);
#pragma GCC unroll 6
            for (int j = 0; j < edge; j++) vf_store(t->t + (i * edge + j) * t->step + k, row[j]);
        }
    }
}

/* Rows of channels are written in whole vectors. */
static void f32_winograd_input(const pc_winograd_tile *t, const float *zeros, bool relu)
{
    if (t->m == 4) {
        if (relu) winograd_input(t, zeros, 4, true);
        else winograd_input(t, zeros, 4, false);
    } else if (relu) winograd_input(t, zeros, 2, true);
    else winograd_input(t, zeros, 2, false);
}

ALWAYS_INLINE void winograd_output(const pc_winograd_tile *t, const float *bias, const int m)
{
    const int edge = m + 2;
    const bool whole = t->r1 == m && t->s1 == m;
    for (int64_t k = 0; k < t->channels; k += VL) {
        const int n = t->channels - k < VL ? (int)(t->channels - k) : VL;
        const vf b = bias != NULL ? load_channels(bias + k, n) : (vf){ 0 };
        vf half[24];
#pragma GCC unroll 6
        for (int j = 0; j < edge; j++) {
            vf column[6];
#pragma GCC unroll 6
            for (int i = 0; i < edge; i++) column[i] = vf_load(t->t + (i * edge + j) * t->step + k);
            winograd_output_line(m, column, 1, half + j, edge);
        }
#pragma GCC unroll 4
        for (int i = 0; i < m; i++) {
            vf row[4];
            winograd_output_line(m, half + i * edge, 1, row, 1);
            if (i >= t->r1) continue;
            float *to = t->p + i * t->row + k;
            if (whole && n == VL) {
#pragma GCC unroll 4
                for (int j = 0; j < m; j++) vf_store(to + j * t->pixel, row[j] + b);
            } else {
#pragma GCC unroll 4
                for (int j = 0; j < m; j++)
                    if (j < t->s1) store_channels(to + j * t->pixel, row[j] + b, n);
            }
        }
    }
}

/* Rows of products are read in whole vectors. */
static void f32_winograd_output(const pc_winograd_tile *t, const float *bias)
{
    if (t->m == 4) winograd_output(t, bias, 4);
    else winograd_output(t, bias, 2);
}

ALWAYS_INLINE void winograd_gradient(const pc_winograd_tile *t, const float *zeros, float *sums, const int m)
{
    const int edge = m + 2;
    const float *at[16];
    winograd_pixels(t, m, zeros, at);
    for (int64_t k = 0; k < t->channels; k += VL) {
        const int n = t->channels - k < VL ? (int)(t->channels - k) : VL;
        vf half[24], sum = { 0 };
#pragma GCC unroll 4
        for (int j = 0; j < m; j++) {
            vf column[4];
#pragma GCC unroll 4
            for (int i = 0; i < m; i++) column[i] = load_channels(at[i * m + j] + k, n);
            sum += m == 4 ? column[0] + column[1] + (column[2] + column[3]) : column[0] + column[1];
            winograd_gradient_line(m, column, 1, half + j, m);
        }
#pragma GCC unroll 6
        for (int i = 0; i < edge; i++) {
            vf row[6];
            winograd_gradient_line(m, half + i * m, 1, row, 1);
#pragma GCC unroll 6
            for (int j = 0; j < edge; j++) vf_store(t->t + (i * edge + j) * t->step + k, row[j]);
        }
        vf_store(sums + k, vf_load(sums + k) + sum);
    }
}

/* The gradient of a tile of outputs; sums of its pixels are added to `sums`. Both are written in whole vectors. */
static void f32_winograd_gradient(const pc_winograd_tile *t, const float *zeros, float *sums)
{
    if (t->m == 4) winograd_gradient(t, zeros, sums, 4);
    else winograd_gradient(t, zeros, sums, 2);
}

/* Lanes and inner channels whose filters are brought side by side at a time. */
#define GROUP 16

/* taps[9 * c + j][lane] = tap j of the filter of a lane and an inner channel: n lanes, the others 0, of `count`
   channels. Filters stand by lanes as weights do, or by channels and turned round for the input's gradient. */
static void gather_filters(const pc_winograd_filter *f, const float *w, int64_t n, int64_t count, float *taps)
{
    if (n < GROUP) memset(taps, 0, (size_t)(9 * count * GROUP) * sizeof *taps);
    if (f->step == 9 && f->row == 3 && f->column == 1) {
        f32_planes_to_pixels(taps, GROUP, w, f->lane, n, 9 * count);
        return;
    }
    const bool turned = n == GROUP && f->lane == 9 && f->step > 0 && f->row == -3 && f->column == -1;
    for (int64_t c = 0; c < count; c++, w += f->step, taps += 9 * GROUP) {
        if (turned && c + 1 < count) { /* reads 7 floats beyond the last lane's filter: there is a next channel */
            uint32_t rows[GROUP][GROUP];
            u32_transpose16(rows[0], GROUP, (const uint32_t *)w - 8, 9);
            for (int j = 0; j < 9; j++) memcpy(taps + j * GROUP, rows[8 - j], sizeof rows[0]);
            continue;
        }
        for (int64_t lane = 0; lane < n; lane++)
#pragma GCC unroll 9
            for (int j = 0; j < 9; j++)
                taps[j * GROUP + lane] = w[lane * f->lane + j / 3 * f->row + j % 3 * f->column];
    }
}

/* VL lanes of one channel. */
ALWAYS_INLINE void winograd_weight(const float *taps, float *u, int64_t position, const int m)
{
    const int edge = m + 2;
    vf v[9], half[18];
#pragma GCC unroll 9
    for (int j = 0; j < 9; j++) v[j] = vf_load(taps + j * GROUP);
#pragma GCC unroll 3
    for (int j = 0; j < 3; j++) winograd_weight_line(m, v + j, 3, half + j, 3);
#pragma GCC unroll 6
    for (int i = 0; i < edge; i++) {
        vf row[6];
        winograd_weight_line(m, half + 3 * i, 1, row, 1);
#pragma GCC unroll 6
        for (int j = 0; j < edge; j++) vf_store(u + (i * edge + j) * position, row[j]);
    }
}

/* u = the transformed filters. */
static void f32_winograd_weight(const pc_winograd_filter *f)
{
    for (int64_t k = 0; k < f->stored; k += GROUP) {
        const int64_t left = f->lanes - k, n = left < 0 ? 0 : left < GROUP ? left : GROUP;
        for (int64_t c0 = 0; c0 < f->count; c0 += GROUP) {
            const int64_t count = f->count - c0 < GROUP ? f->count - c0 : GROUP;
            float taps[GROUP * 9 * GROUP];
            gather_filters(f, f->w + k * f->lane + c0 * f->step, n, count, taps);
            for (int64_t c = 0; c < count; c++)
                for (int64_t j = 0; j < GROUP && k + j < f->stored; j += VL) {
                    float *u = f->u + (c0 + c) * f->stored + k + j;
                    if (f->m == 4) winograd_weight(taps + 9 * c * GROUP + j, u, f->position, 4);
                    else winograd_weight(taps + 9 * c * GROUP + j, u, f->position, 2);
                }
        }
    }
}

/* VL lanes of one channel. */
ALWAYS_INLINE void winograd_filter(float *taps, const float *u, int64_t position, const int m)
{
    const int edge = m + 2;
    vf half[18], row[3];
#pragma GCC unroll 6
    for (int j = 0; j < edge; j++) {
        vf column[6];
#pragma GCC unroll 6
        for (int i = 0; i < edge; i++) column[i] = vf_load(u + (i * edge + j) * position);
        winograd_filter_line(m, column, 1, half + j, edge);
    }
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) {
        winograd_filter_line(m, half + i * edge, 1, row, 1);
#pragma GCC unroll 3
        for (int j = 0; j < 3; j++) vf_store(taps + (3 * i + j) * GROUP, row[j]);
    }
}

/* gw = the filters' gradient, from that of the transformed ones in u; filters stand as weights do. */
static void f32_winograd_filter(const pc_winograd_filter *f, float *gw)
{
    for (int64_t k = 0; k < f->lanes; k += GROUP) {
        const int64_t n = f->lanes - k < GROUP ? f->lanes - k : GROUP;
        for (int64_t c0 = 0; c0 < f->count; c0 += GROUP) {
            const int64_t count = f->count - c0 < GROUP ? f->count - c0 : GROUP;
            float taps[GROUP * 9 * GROUP];
            for (int64_t c = 0; c < count; c++)
                for (int64_t j = 0; j < n; j += VL) {
                    const float *u = f->u + (c0 + c) * f->stored + k + j;
                    if (f->m == 4) winograd_filter(taps + 9 * c * GROUP + j, u, f->position, 4);
                    else winograd_filter(taps + 9 * c * GROUP + j, u, f->position, 2);
                }
            f32_pixels_to_planes(gw + k * f->lane + 9 * c0, f->lane, taps, GROUP, n, 9 * count);
        }
    }
}
