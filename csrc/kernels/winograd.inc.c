/* winograd.inc.c -- the transforms of Winograd's F(4x4, 3x3) and F(2x2, 3x3), and of his F(4, 2) for stride 2,
   vectorised over channels.
   Interpolation points of F(4x4): 0, 2/3, -2/3, 3/2, -3/2 and infinity. Their product is 1 in pairs, so they cost no
   more than the usual 0, 1, -1, 2, -2, and the transforms' entries are small: the error is that of a plain sum.
   Those of F(4, 2), 0, 1, -1/2, -2 and infinity, have the smallest error among simple fractions. */
#include "winograd.h"

#define WA (2.0f / 3)
#define WB 1.5f
#define WA2 (4.0f / 9)
#define WB2 2.25f
#define WNA (1 / (2 * WA2 * (WA2 - WB2))) /* 1 / product of the distances of 2/3 to the other points */
#define WNB (1 / (2 * WB2 * (WB2 - WA2)))

/* One dimension each: n values, `from` apart, to n values, `to` apart. */

/* Every pixel that the outer taps meet: 5 values to 5. */
ALWAYS_INLINE void outer_input_line(const vf *d, const int from, vf *o, const int to)
{
    const vf d0 = d[0], d1 = d[from], d2 = d[2 * from], d3 = d[3 * from], d4 = d[4 * from];
    o[0] = vf_fma(vf_set(1.5f), d1 - d2, d0 - d3);
    o[to] = vf_fma(vf_set(2.5f), d2, d1 + d3);
    o[2 * to] = vf_fma(vf_set(-2), d1, d2 + d3);
    o[3 * to] = vf_fma(vf_set(-0.5f), d1 + d2, d3);
    o[4 * to] = vf_fma(vf_set(1.5f), d3 - d2, d4 - d1);
}

/* Input: pixels to positions. */
ALWAYS_INLINE void winograd_input_line(const pc_winograd_form form, const vf *d, const int from, vf *o, const int to)
{
    if (form == PC_WINOGRAD_STRIDED || form == PC_WINOGRAD_SPREAD) {
        const bool strided = form == PC_WINOGRAD_STRIDED;
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) o[i * to] = d[(strided ? 2 * i + 1 : i) * from];
        outer_input_line(d, strided ? 2 * from : from, o + 4 * to, to);
        return;
    }
    const vf d0 = d[0], d1 = d[from], d2 = d[2 * from], d3 = d[3 * from];
    if (form == PC_WINOGRAD_2) {
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

/* Products to outputs. */
ALWAYS_INLINE void winograd_output_line(const pc_winograd_form form, const vf *p, const int from, vf *o, const int to)
{
    if (form == PC_WINOGRAD_STRIDED || form == PC_WINOGRAD_SPREAD) {
        const bool strided = form == PC_WINOGRAD_STRIDED;
        const vf *f = p + (strided ? 4 : 5) * from, p1 = f[0], p2 = f[from], p3 = f[2 * from];
        vf y[4] = { p1 + p2 + p3, vf_fma(vf_set(-0.5f), p2, vf_fma(vf_set(-2), p3, p1)),
                    vf_fma(vf_set(0.25f), p2, vf_fma(vf_set(4), p3, p1)),
                    vf_fma(vf_set(-0.125f), p2, vf_fma(vf_set(-8), p3, p1)) };
        if (strided) {
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) o[i * to] = y[i] + p[i * from];
            return;
        }
        y[0] += p[4 * from];
        y[3] += p[8 * from];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) o[2 * i * to] = p[i * from], o[(2 * i + 1) * to] = y[i];
        return;
    }
    const vf a = p[from] + p[2 * from], b = p[from] - p[2 * from];
    if (form == PC_WINOGRAD_2) {
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

/* The transpose of the former: the gradient of outputs to that of products; part 0 and 1: to the halves of it. */
ALWAYS_INLINE void winograd_gradient_half(const pc_winograd_form form, const int part, const vf *g, const int from,
                                          vf *o, const int to)
{
    const vf g0 = g[0], g1 = g[from];
    if (form == PC_WINOGRAD_2) {
        o[0] = part ? g0 - g1 : g0;
        o[to] = part ? -g1 : g0 + g1;
        return;
    }
    const vf g2 = g[2 * from], g3 = g[3 * from], square = vf_set(part ? WB2 : WA2), point = vf_set(part ? WB : WA);
    const vf even = vf_fma(square, g2, g0), odd = vf_fma(square, g3, g1);
    vf *pair = part ? o : o + to;
    pair[0] = vf_fma(point, odd, even);
    pair[to] = vf_fma(-point, odd, even);
    if (part) o[2 * to] = g3;
    else o[0] = g0;
}
ALWAYS_INLINE void winograd_gradient_line(const pc_winograd_form form, const vf *g, const int from, vf *o, const int to)
{
    if (form != PC_WINOGRAD_STRIDED) {
        winograd_gradient_half(form, 0, g, from, o, to);
        winograd_gradient_half(form, 1, g, from, o + pc_winograd_size[form].products / 2 * to, to);
        return;
    }
    const vf g0 = g[0], g1 = g[from], g2 = g[2 * from], g3 = g[3 * from];
    o[0] = g0;
    o[to] = g1;
    o[2 * to] = g2;
    o[3 * to] = g3;
    o[4 * to] = g0 + g1 + (g2 + g3);
    o[5 * to] = vf_fma(vf_set(-0.5f), vf_fma(vf_set(0.25f), g3, g1), vf_fma(vf_set(0.25f), g2, g0));
    o[6 * to] = vf_fma(vf_set(-2), vf_fma(vf_set(4), g3, g1), vf_fma(vf_set(4), g2, g0));
}

/* Filter: 3 taps to positions. */
ALWAYS_INLINE void winograd_weight_line(const pc_winograd_form form, const vf *w, const int from, vf *o, const int to)
{
    const vf w0 = w[0], w1 = w[from], w2 = w[2 * from];
    if (form == PC_WINOGRAD_STRIDED || form == PC_WINOGRAD_SPREAD) {
        o[0] = w1;
        o[to] = w0;
        o[2 * to] = (w0 + w2) * vf_set(1 / 4.5f);
        o[3 * to] = vf_fma(vf_set(-0.5f), w2, w0) * vf_set(1 / 1.125f);
        o[4 * to] = vf_fma(vf_set(-2), w2, w0) * vf_set(-1 / 9.0f);
        o[5 * to] = w2;
        return;
    }
    o[0] = w0;
    o[(form == PC_WINOGRAD_2 ? 3 : 5) * to] = w2;
    if (form == PC_WINOGRAD_2) {
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

/* The transpose of the former: positions to the gradient of 3 taps. */
ALWAYS_INLINE void winograd_filter_line(const pc_winograd_form form, const vf *u, const int from, vf *o, const int to)
{
    if (form == PC_WINOGRAD_STRIDED) {
        const vf a = u[2 * from] * vf_set(1 / 4.5f), b = u[3 * from] * vf_set(1 / 1.125f);
        const vf c = u[4 * from] * vf_set(-1 / 9.0f);
        o[0] = u[from] + (a + b + c);
        o[to] = u[0];
        o[2 * to] = vf_fma(vf_set(-0.5f), b, vf_fma(vf_set(-2), c, a)) + u[5 * from];
        return;
    }
    const vf a = u[from] + u[2 * from], b = u[from] - u[2 * from];
    if (form == PC_WINOGRAD_2) {
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

ALWAYS_INLINE void winograd_input(const pc_winograd_tile *t, const float *zeros, const pc_winograd_form form,
                                  const bool relu)
{
    const int edge = pc_winograd_size[form].pixels, made = pc_winograd_size[form].inputs;
    const int n = t->channels < VL ? (int)t->channels : VL;
    const float *at[81];
    winograd_pixels(t, edge, zeros, at);
    for (int64_t k = 0; k < t->channels; k = next_channels(k, t->channels)) {
        vf half[81];
#pragma GCC unroll 9
        for (int j = 0; j < edge; j++) {
            vf column[9];
#pragma GCC unroll 9
            for (int i = 0; i < edge; i++) {
                const float *from = at[i * edge + j] + k;
                __builtin_prefetch(from + t->soon);
                vf x = load_channels(from, n);
                column[i] = relu ? vf_relu(x) : x;
            }
            winograd_input_line(form, column, 1, half + j, edge);
        }
#pragma GCC unroll 9
        for (int i = 0; i < made; i++) {
            vf row[9];
            winograd_input_line(form, half + i * edge, 1, row, 1);
#pragma GCC unroll 9
            for (int j = 0; j < made; j++) vf_store(t->t + (i * made + j) * t->step + k, row[j]);
        }
    }
}

/* Rows of channels are written in whole vectors. */
static void f32_winograd_input(const pc_winograd_tile *t, const float *zeros, bool relu)
{
    if (t->form == PC_WINOGRAD_4) {
        if (relu) winograd_input(t, zeros, PC_WINOGRAD_4, true);
        else winograd_input(t, zeros, PC_WINOGRAD_4, false);
    } else if (t->form == PC_WINOGRAD_2) {
        if (relu) winograd_input(t, zeros, PC_WINOGRAD_2, true);
        else winograd_input(t, zeros, PC_WINOGRAD_2, false);
    } else if (t->form == PC_WINOGRAD_STRIDED) {
        if (relu) winograd_input(t, zeros, PC_WINOGRAD_STRIDED, true);
        else winograd_input(t, zeros, PC_WINOGRAD_STRIDED, false);
    } else if (relu) winograd_input(t, zeros, PC_WINOGRAD_SPREAD, true);
    else winograd_input(t, zeros, PC_WINOGRAD_SPREAD, false);
}

ALWAYS_INLINE void winograd_output(const pc_winograd_tile *t, const float *bias, const pc_winograd_form form)
{
    const int edge = pc_winograd_size[form].products, made = pc_winograd_size[form].outputs;
    const bool whole = t->r0 == 0 && t->r1 == made && t->s0 == 0 && t->s1 == made;
    for (int64_t k = 0; k < t->channels; k += VL) {
        const int n = t->channels - k < VL ? (int)(t->channels - k) : VL;
        const vf b = bias != NULL ? load_channels(bias + k, n) : (vf){ 0 };
        vf half[72];
#pragma GCC unroll 9
        for (int j = 0; j < edge; j++) {
            vf column[9];
#pragma GCC unroll 9
            for (int i = 0; i < edge; i++) column[i] = vf_load(t->t + (i * edge + j) * t->step + k);
            winograd_output_line(form, column, 1, half + j, edge);
        }
#pragma GCC unroll 8
        for (int i = 0; i < made; i++) {
            vf row[8];
            winograd_output_line(form, half + i * edge, 1, row, 1);
            if (i < t->r0 || i >= t->r1) continue;
            float *to = t->p + i * t->row + k;
            if (whole && n == VL) {
#pragma GCC unroll 8
                for (int j = 0; j < made; j++) __builtin_prefetch(to + j * t->pixel + t->soon, 1);
#pragma GCC unroll 8
                for (int j = 0; j < made; j++) vf_store(to + j * t->pixel, row[j] + b);
            } else {
#pragma GCC unroll 8
                for (int j = 0; j < made; j++)
                    if (j >= t->s0 && j < t->s1) store_channels(to + j * t->pixel, row[j] + b, n);
            }
        }
    }
}

/* Rows of products are read in whole vectors. */
static void f32_winograd_output(const pc_winograd_tile *t, const float *bias)
{
    if (t->form == PC_WINOGRAD_4) winograd_output(t, bias, PC_WINOGRAD_4);
    else if (t->form == PC_WINOGRAD_2) winograd_output(t, bias, PC_WINOGRAD_2);
    else if (t->form == PC_WINOGRAD_STRIDED) winograd_output(t, bias, PC_WINOGRAD_STRIDED);
    else winograd_output(t, bias, PC_WINOGRAD_SPREAD);
}

ALWAYS_INLINE void winograd_gradient(const pc_winograd_tile *t, const float *zeros, float *sums,
                                     const pc_winograd_form form)
{
    const int edge = pc_winograd_size[form].outputs, made = pc_winograd_size[form].products;
    const float *at[16];
    winograd_pixels(t, edge, zeros, at);
    for (int64_t k = 0; k < t->channels; k += VL) {
        const int n = t->channels - k < VL ? (int)(t->channels - k) : VL;
        vf half[28], sum = { 0 };
#pragma GCC unroll 4
        for (int j = 0; j < edge; j++) {
            vf column[4];
#pragma GCC unroll 4
            for (int i = 0; i < edge; i++) column[i] = load_channels(at[i * edge + j] + k, n);
            sum += edge == 4 ? column[0] + column[1] + (column[2] + column[3]) : column[0] + column[1];
            winograd_gradient_line(form, column, 1, half + j, edge);
        }
#pragma GCC unroll 7
        for (int i = 0; i < made; i++) {
            vf row[7];
            winograd_gradient_line(form, half + i * edge, 1, row, 1);
#pragma GCC unroll 7
            for (int j = 0; j < made; j++) vf_store(t->t + (i * made + j) * t->step + k, row[j]);
        }
        vf_store(sums + k, vf_load(sums + k) + sum);
    }
}

/* The gradient of a tile of outputs; sums of its pixels are added to `sums`. Both are written in whole vectors. */
static void f32_winograd_gradient(const pc_winograd_tile *t, const float *zeros, float *sums)
{
    if (t->form == PC_WINOGRAD_4) winograd_gradient(t, zeros, sums, PC_WINOGRAD_4);
    else if (t->form == PC_WINOGRAD_2) winograd_gradient(t, zeros, sums, PC_WINOGRAD_2);
    else winograd_gradient(t, zeros, sums, PC_WINOGRAD_STRIDED);
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
ALWAYS_INLINE void winograd_weight(const float *taps, float *u, int64_t position, const pc_winograd_form form)
{
    const int edge = pc_winograd_size[form].filters;
    vf v[9], half[18];
#pragma GCC unroll 9
    for (int j = 0; j < 9; j++) v[j] = vf_load(taps + j * GROUP);
#pragma GCC unroll 3
    for (int j = 0; j < 3; j++) winograd_weight_line(form, v + j, 3, half + j, 3);
#pragma GCC unroll 6
    for (int i = 0; i < edge; i++) {
        vf row[6];
        winograd_weight_line(form, half + 3 * i, 1, row, 1);
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
                    const float *from = taps + 9 * c * GROUP + j;
                    if (f->form == PC_WINOGRAD_4) winograd_weight(from, u, f->position, PC_WINOGRAD_4);
                    else if (f->form == PC_WINOGRAD_2) winograd_weight(from, u, f->position, PC_WINOGRAD_2);
                    else winograd_weight(from, u, f->position, PC_WINOGRAD_STRIDED);
                }
        }
    }
}

/* VL lanes of one channel. */
ALWAYS_INLINE void winograd_filter(float *taps, const float *u, int64_t position, const pc_winograd_form form)
{
    const int edge = pc_winograd_size[form].filters;
    vf half[18], row[3];
#pragma GCC unroll 6
    for (int j = 0; j < edge; j++) {
        vf column[6];
#pragma GCC unroll 6
        for (int i = 0; i < edge; i++) column[i] = vf_load(u + (i * edge + j) * position);
        winograd_filter_line(form, column, 1, half + j, edge);
    }
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) {
        winograd_filter_line(form, half + i * edge, 1, row, 1);
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
                    float *to = taps + 9 * c * GROUP + j;
                    if (f->form == PC_WINOGRAD_4) winograd_filter(to, u, f->position, PC_WINOGRAD_4);
                    else if (f->form == PC_WINOGRAD_2) winograd_filter(to, u, f->position, PC_WINOGRAD_2);
                    else winograd_filter(to, u, f->position, PC_WINOGRAD_STRIDED);
                }
            f32_pixels_to_planes(gw + k * f->lane + 9 * c0, f->lane, taps, GROUP, n, 9 * count);
        }
    }
}

/* ---- few channels ------------------------------------------------------------------------------- */

/* dst[j * pitch + i] = src[4 * i + j] for i < n, and on to whole vectors. */
static void f32_deal4(float *restrict dst, int64_t pitch, const float *restrict src, int64_t n)
{
    for (int64_t i = 0; i < n; i += VL, dst += VL, src += 4 * VL) {
        vi even, odd;
        for (int l = 0; l < VL; l++) even[l] = 2 * l, odd[l] = 2 * l + 1;
        const vf a = vf_load(src), b = vf_load(src + VL), c = vf_load(src + 2 * VL), d = vf_load(src + 3 * VL);
        const vf e = __builtin_shuffle(a, b, even), f = __builtin_shuffle(c, d, even);
        const vf g = __builtin_shuffle(a, b, odd), h = __builtin_shuffle(c, d, odd);
        vf_store(dst, __builtin_shuffle(e, f, even));
        vf_store(dst + pitch, __builtin_shuffle(g, h, even));
        vf_store(dst + 2 * pitch, __builtin_shuffle(e, f, odd));
        vf_store(dst + 3 * pitch, __builtin_shuffle(g, h, odd));
    }
}

/* v[position] = the transforms of n tiles, side by side: d has pixel (4 * t + j, i) at (4 * i + j) * pitch + t, j < 4.
   Whole vectors are written, and one float more is read. */
static void f32_strip_input(const float *d, int64_t pitch, int64_t n, float *v, int64_t position)
{
    for (int64_t k = 0; k < n; k += VL) {
        vf half[36];
#pragma GCC unroll 6
        for (int j = 0; j < 6; j++) {
            vf column[6];
#pragma GCC unroll 6
            for (int i = 0; i < 6; i++) column[i] = vf_load(d + (4 * i + j % 4) * pitch + k + j / 4);
            winograd_input_line(PC_WINOGRAD_4, column, 1, half + j, 6);
        }
#pragma GCC unroll 6
        for (int i = 0; i < 6; i++) {
            vf row[6];
            winograd_input_line(PC_WINOGRAD_4, half + i * 6, 1, row, 1);
#pragma GCC unroll 6
            for (int j = 0; j < 6; j++) vf_store(v + (i * 6 + j) * position + k, row[j]);
        }
    }
}

/* Tiles whose products the registers hold, six of a row for each. */
#define STRIP_TILES (VL == 16 ? 4 : 2)

/* Tiles from `first` on, VL filters or n of them from k on. */
ALWAYS_INLINE void strip_output(const pc_winograd_strip *s, const float *bias, int64_t first, int64_t k, const int n)
{
    const int64_t position = s->position, deep = s->channels * PC_WINOGRAD_PANEL;
    const float *u = s->u + k / PC_WINOGRAD_PANEL * 36 * deep + k % PC_WINOGRAD_PANEL;
    vf half[STRIP_TILES][24];
    for (int i = 0; i < 6; i++, u += 6 * deep) {
        const float *v0 = s->v + i * 6 * position + first, *v3 = v0 + 3 * position, *u0 = u, *u3 = u + 3 * deep;
        vf acc[STRIP_TILES][6];
#pragma GCC unroll 4
        for (int t = 0; t < STRIP_TILES; t++)
#pragma GCC unroll 6
            for (int j = 0; j < 6; j++) acc[t][j] = (vf){ 0 };
        for (int64_t c = s->channels; c > 0; c--) {
#pragma GCC unroll 6
            for (int j = 0; j < 6; j++) {
                const vf w = vf_keep(vf_load((j < 3 ? u0 : u3) + j % 3 * deep));
#pragma GCC unroll 4
                for (int t = 0; t < STRIP_TILES; t++)
                    acc[t][j] = vf_fma(vf_set((j < 3 ? v0 : v3)[j % 3 * position + t]), w, acc[t][j]);
            }
            v0 += s->channel;
            v3 += s->channel;
            u0 += PC_WINOGRAD_PANEL;
            u3 += PC_WINOGRAD_PANEL;
        }
#pragma GCC unroll 4
        for (int t = 0; t < STRIP_TILES; t++) winograd_output_line(PC_WINOGRAD_4, acc[t], 1, half[t] + i * 4, 1);
    }
    const vf b = bias != NULL ? load_channels(bias + k, n) : (vf){ 0 };
    for (int t = 0; t < STRIP_TILES && first + t < s->tiles; t++) {
        float *p = s->p + (first + t) * 4 * s->pixel + k;
        const int64_t columns = s->columns - (first + t) * 4;
        const bool whole = s->rows == 4 && columns >= 4 && n == VL;
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++, p += s->pixel) {
            vf column[4];
            winograd_output_line(PC_WINOGRAD_4, half[t] + j, 4, column, 1);
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                if (whole) vf_store(p + i * s->row, column[i] + b);
                else if (i < s->rows && j < columns) store_channels(p + i * s->row, column[i] + b, n);
            }
        }
    }
}

static void f32_strip_output(const pc_winograd_strip *s, const float *bias)
{
    for (int64_t first = 0; first < s->tiles; first += STRIP_TILES)
        for (int64_t k = 0; k < s->lanes; k += VL)
            strip_output(s, bias, first, k, s->lanes - k < VL ? (int)(s->lanes - k) : VL);
}

/* Tiles whose gradients are transformed before their products are summed: half of the positions at a time, which stay
   in a level 1 cache. */
#define GRADIENT_TILES 8

/* Of a tile, n of VL filters: half of the transform, `step` vectors apart. Returns the sum of the pixels. */
ALWAYS_INLINE vf strip_gradient(const float *p, int64_t row, int64_t pixel, int64_t rows, int64_t columns, const int n,
                                const int part, const bool whole, vf *to, const int step)
{
    vf half[12], sum = { 0 };
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        vf column[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            const float *at = p + i * row + j * pixel;
            if (whole) column[i] = vf_load(at);
            else column[i] = i < rows && j < columns ? load_channels(at, n) : (vf){ 0 };
        }
        sum += column[0] + column[1] + (column[2] + column[3]);
        winograd_gradient_half(PC_WINOGRAD_4, part, column, 1, half + j, 4);
    }
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) {
        vf line[6];
        winograd_gradient_line(PC_WINOGRAD_4, half + i * 4, 1, line, 1);
#pragma GCC unroll 6
        for (int j = 0; j < 6; j++) to[(i * 6 + j) * step] = line[j];
    }
    return sum;
}

/* GRADIENT_TILES tiles, or those that there are, from `first` on: n of VL filters from k on, half of the positions. */
ALWAYS_INLINE vf strip_products(const pc_winograd_strip *s, int64_t first, int64_t k, const int n, const int part)
{
    const int64_t deep = s->channels * PC_WINOGRAD_PANEL, left = s->tiles - first;
    const int count = left < GRADIENT_TILES ? (int)left : GRADIENT_TILES;
    vf g[18][GRADIENT_TILES], sum = { 0 };
    for (int t = 0; t < count; t++) {
        const float *p = s->p + (first + t) * 4 * s->pixel + k;
        const int64_t columns = s->columns - (first + t) * 4;
        if (s->rows == 4 && columns >= 4 && n == VL)
            sum += strip_gradient(p, s->row, s->pixel, 4, 4, VL, part, true, &g[0][t], GRADIENT_TILES);
        else sum += strip_gradient(p, s->row, s->pixel, s->rows, columns, n, part, false, &g[0][t], GRADIENT_TILES);
    }
    for (int t = count; t < GRADIENT_TILES; t++)
        for (int at = 0; at < 18; at++) g[at][t] = (vf){ 0 };
    float *u = s->u + k / PC_WINOGRAD_PANEL * 36 * deep + part * 18 * deep + k % PC_WINOGRAD_PANEL;
    for (int at = 0; at < 18; at++) {
        const float *v = s->v + (part * 18 + at) * s->position + first;
        vf w[GRADIENT_TILES];
#pragma GCC unroll 8
        for (int t = 0; t < GRADIENT_TILES; t++) w[t] = g[at][t];
        for (int64_t c = 0; c < s->channels; c++, v += s->channel, u += PC_WINOGRAD_PANEL) {
            vf acc = vf_set(v[0]) * w[0];
#pragma GCC unroll 8
            for (int t = 1; t < GRADIENT_TILES; t++) acc = vf_fma(vf_set(v[t]), w[t], acc);
            vf_store(u, vf_load(u) + acc);
        }
    }
    return sum;
}

/* u += the products of inputs and gradients, summed over the strip; sums += those of the gradients. Both are written in
   whole vectors. */
static void f32_strip_gradient(const pc_winograd_strip *s, float *sums)
{
    for (int64_t first = 0; first < s->tiles; first += GRADIENT_TILES)
        for (int64_t k = 0; k < s->lanes; k += VL) {
            const int n = s->lanes - k < VL ? (int)(s->lanes - k) : VL;
            vf_store(sums + k, vf_load(sums + k) + strip_products(s, first, k, n, 0));
            strip_products(s, first, k, n, 1);
        }
}
