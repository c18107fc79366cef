/* pool.inc.c -- pooling over [h, w, c] images, vectorised over channels. */
#include "pool.h"

ALWAYS_INLINE vf load_channels(const float *p, int n) { return n == VL ? vf_load(p) : vf_load_n(p, n); }
ALWAYS_INLINE void store_channels(float *p, vf v, int n)
{
    if (n == VL) vf_store(p, v);
    else vf_store_n(p, v, n);
}
ALWAYS_INLINE vi load_codes(const uint8_t *p, int n) { return n == VL ? vi_load_u8(p) : vi_load_u8_n(p, n); }
ALWAYS_INLINE void store_codes(uint8_t *p, vi v, int n)
{
    if (n == VL) vi_store_u8(p, v);
    else vi_store_u8_n(p, v, n);
}
/* Channels are taken VL at a time. A last vector that would be short starts earlier and does some channels twice;
   only images of fewer than VL channels have short ones. */
ALWAYS_INLINE int64_t next_channels(int64_t k, int64_t c)
{
    return k + VL < c && k + 2 * VL > c ? c - VL : k + VL;
}

/* As torch: the first maximum wins, and a NaN beats whatever came before it. */
#define TAKE(value, index)                                                                                             \
    do {                                                                                                               \
        vf v_ = (value);                                                                                               \
        vm m_ = vf_gt(v_, best) | vf_is_nan(v_);                                                                       \
        best = vf_blend(m_, v_, best);                                                                                \
        code = vi_blend(m_, vi_set((int32_t)(index)), code);                                                          \
    } while (0)

/* Rows [row0, row1) of y. code may be NULL. */
static void f32_max_pool(const pc_pool *p, const float *restrict x, float *restrict y, uint8_t *restrict codes,
                         int64_t row0, int64_t row1)
{
    const int64_t c = p->c, w = p->w, xs = p->dw * c, xr = p->dh * w * c;
    const int n = c < VL ? (int)c : VL;
    for (int64_t oh = row0; oh < row1; oh++) {
        int64_t h0 = oh * p->sh - p->ph, r0 = h0 < 0 ? (-h0 + p->dh - 1) / p->dh : 0;
        int64_t r1 = h0 + (p->kh - 1) * p->dh < p->h ? p->kh : (p->h - h0 + p->dh - 1) / p->dh;
        for (int64_t ow = 0; ow < p->ow; ow++) {
            int64_t w0 = ow * p->sw - p->pw, s0 = w0 < 0 ? (-w0 + p->dw - 1) / p->dw : 0;
            int64_t s1 = w0 + (p->kw - 1) * p->dw < w ? p->kw : (w - w0 + p->dw - 1) / p->dw;
            const float *at = x + (h0 * w + w0) * c;
            float *out = y + (oh * p->ow + ow) * c;
            uint8_t *note = codes == NULL ? NULL : codes + (oh * p->ow + ow) * c;
            if (r0 >= r1 || s0 >= s1) { /* dilation may step over a small image: as torch, and no gradient */
                for (int64_t k = 0; k < c; k++) out[k] = -INFINITY;
                if (note != NULL) memset(note, 0, (size_t)c);
                continue;
            }
            const bool two = p->kh == 2 && p->kw == 2 && r0 == 0 && r1 == 2 && s0 == 0 && s1 == 2;
            for (int64_t k = 0; k < c; k = next_channels(k, c)) {
                vf best;
                vi code;
                if (two) {
                    best = load_channels(at + k, n);
                    code = vi_set(0);
                    TAKE(load_channels(at + xs + k, n), 1);
                    TAKE(load_channels(at + xr + k, n), 2);
                    TAKE(load_channels(at + xr + xs + k, n), 3);
                } else {
                    best = load_channels(at + r0 * xr + s0 * xs + k, n);
                    code = vi_set((int32_t)(r0 * p->kw + s0));
                    for (int64_t r = r0; r < r1; r++)
                        for (int64_t s = s0; s < s1; s++)
                            TAKE(load_channels(at + r * xr + s * xs + k, n), r * p->kw + s);
                }
                if (p->relu) {
                    vm killed = vf_le(best, (vf){ 0 });
                    best = vf_blend(killed, (vf){ 0 }, best);
                    code = vi_blend(killed, vi_set(PC_POOL_KILLED), code);
                }
                store_channels(out + k, best, n);
                if (note != NULL) store_codes(note + k, code, n);
            }
        }
    }
}
#undef TAKE

/* Windows that tile the image: every position is written from its one window. */
static void max_pool_tiles_backward(const pc_pool *p, const float *restrict g, const uint8_t *restrict codes,
                                    float *restrict gx, int64_t row0, int64_t row1)
{
    const int64_t c = p->c, w = p->w;
    const int n = c < VL ? (int)c : VL;
    for (int64_t h = row0; h < row1;) {
        int64_t oh = h / p->kh;
        if (oh >= p->oh) {
            memset(gx + h * w * c, 0, (size_t)((row1 - h) * w * c) * sizeof *gx);
            return;
        }
        int64_t rows = row1 - h < p->kh ? row1 - h : p->kh; /* ceil_mode: a last window may be cut */
        for (int64_t ow = 0; ow < p->ow; ow++) {
            int64_t cols = w - ow * p->kw < p->kw ? w - ow * p->kw : p->kw;
            const float *grad = g + (oh * p->ow + ow) * c;
            const uint8_t *note = codes + (oh * p->ow + ow) * c;
            float *at = gx + (h * w + ow * p->kw) * c;
            for (int64_t k = 0; k < c; k = next_channels(k, c)) {
                vf v = load_channels(grad + k, n);
                vi code = load_codes(note + k, n);
                for (int64_t r = 0; r < rows; r++)
                    for (int64_t s = 0; s < cols; s++) {
                        vm here = vi_eq(code, vi_set((int32_t)(r * p->kw + s)));
                        store_channels(at + (r * w + s) * c + k, vf_blend(here, v, (vf){ 0 }), n);
                    }
            }
        }
        int64_t done = p->ow * p->kw;
        for (int64_t r = 0; r < rows && done < w; r++)
            memset(gx + ((h + r) * w + done) * c, 0, (size_t)((w - done) * c) * sizeof *gx);
        h += rows;
    }
}

/* Rows [row0, row1) of gx; row0 is a multiple of the stride. Windows may overlap: every position gathers from those
   that hold it, in order. */
static void f32_max_pool_backward(const pc_pool *p, const float *restrict g, const uint8_t *restrict codes,
                                  float *restrict gx, int64_t row0, int64_t row1)
{
    const int64_t c = p->c, dh = p->dh, dw = p->dw;
    const int n = c < VL ? (int)c : VL;
    if (p->kh == p->sh && p->kw == p->sw && p->ph == 0 && p->pw == 0 && dh == 1 && dw == 1) {
        max_pool_tiles_backward(p, g, codes, gx, row0, row1);
        return;
    }
    for (int64_t h = row0; h < row1; h++) {
        int64_t ah = h + p->ph, eh = (p->kh - 1) * dh; /* output oh covers ah - eh <= oh * sh <= ah */
        int64_t o0 = ah > eh ? (ah - eh + p->sh - 1) / p->sh : 0, o1 = ah / p->sh < p->oh ? ah / p->sh + 1 : p->oh;
        int64_t q0 = 0, q1 = 0; /* likewise along the row */
        for (int64_t w = 0; w < p->w; w++) {
            int64_t aw = w + p->pw, ew = (p->kw - 1) * dw;
            while (q0 * p->sw < aw - ew) q0++;
            while (q1 < p->ow && q1 * p->sw <= aw) q1++;
            for (int64_t k = 0; k < c; k = next_channels(k, c)) {
                vf sum = { 0 };
                for (int64_t oh = o0; oh < o1; oh++) {
                    int64_t dy = ah - oh * p->sh;
                    if (dh != 1 && dy % dh != 0) continue;
                    for (int64_t ow = q0; ow < q1; ow++) {
                        int64_t dx = aw - ow * p->sw;
                        if (dw != 1 && dx % dw != 0) continue;
                        int64_t at = (oh * p->ow + ow) * c + k, index = dy / dh * p->kw + dx / dw;
                        vm here = vi_eq(load_codes(codes + at, n), vi_set((int32_t)index));
                        sum += vf_blend(here, load_channels(g + at, n), (vf){ 0 });
                    }
                }
                store_channels(gx + (h * p->w + w) * c + k, sum, n);
            }
        }
    }
}

/* The mean of rows x cols pixels at x, for some vectors of channels: whole cache lines in a row. */
ALWAYS_INLINE void window_average(const pc_pool *p, const float *x, int64_t rows, int64_t cols, vf divisor, float *y,
                                  const int vectors, const int n)
{
    vf sum[4] = { { 0 } };
    for (int64_t h = 0; h < rows; h++)
        for (int64_t w = 0; w < cols; w++)
            for (int j = 0; j < vectors; j++) {
                vf v = load_channels(x + (h * p->w + w) * p->c + j * VL, n);
                sum[j] += p->relu ? vf_relu(v) : v;
            }
    for (int j = 0; j < vectors; j++) store_channels(y + j * VL, sum[j] / divisor, n);
}

/* Rows [row0, row1) of y. */
static void f32_avg_pool(const pc_pool *p, const float *restrict x, float *restrict y, int64_t row0, int64_t row1)
{
    const int64_t c = p->c;
    const int n = c < VL ? (int)c : VL;
    for (int64_t oh = row0; oh < row1; oh++) {
        int64_t h0, h1, dh = pc_pool_window(p, true, oh, &h0, &h1);
        for (int64_t ow = 0; ow < p->ow; ow++) {
            int64_t w0, w1, dw = pc_pool_window(p, false, ow, &w0, &w1);
            const vf divisor = vf_set((float)(p->divisor != 0 ? p->divisor : dh * dw));
            const float *at = x + (h0 * p->w + w0) * c;
            float *to = y + (oh * p->ow + ow) * c;
            int64_t k = 0;
            for (; k + 4 * VL <= c; k += 4 * VL) window_average(p, at + k, h1 - h0, w1 - w0, divisor, to + k, 4, VL);
            if (k > 0 && k < c && k + VL > c) k = c - VL; /* no short vector: some channels twice */
            for (; k < c; k = next_channels(k, c)) window_average(p, at + k, h1 - h0, w1 - w0, divisor, to + k, 1, n);
        }
    }
}

/* Rows [row0, row1) of g, divided as their windows say. */
static void f32_avg_pool_shares(const pc_pool *p, const float *restrict g, float *restrict share, int64_t row0,
                                int64_t row1)
{
    const int64_t c = p->c;
    const int n = c < VL ? (int)c : VL;
    int64_t lo, hi;
    for (int64_t oh = row0; oh < row1; oh++) {
        int64_t dh = pc_pool_window(p, true, oh, &lo, &hi);
        for (int64_t ow = 0; ow < p->ow; ow++) {
            int64_t dw = pc_pool_window(p, false, ow, &lo, &hi), at = (oh * p->ow + ow) * c;
            const vf divisor = vf_set((float)(p->divisor != 0 ? p->divisor : dh * dw));
            for (int64_t k = 0; k < c; k = next_channels(k, c))
                store_channels(share + at + k, load_channels(g + at + k, n) / divisor, n);
        }
    }
}

/* Rows [row0, row1) of gx: every position gathers from the windows that hold it, in order. */
static void f32_avg_pool_backward(const pc_pool *p, const float *restrict share, float *restrict gx, int64_t row0,
                                  int64_t row1)
{
    const int64_t c = p->c;
    const int n = c < VL ? (int)c : VL;
    int64_t o0 = 0, o1 = 0, lo, hi;
    for (int64_t h = row0; h < row1; h++) {
        while (o0 < p->oh && (pc_pool_window(p, true, o0, &lo, &hi), hi <= h)) o0++;
        while (o1 < p->oh && (pc_pool_window(p, true, o1, &lo, &hi), lo <= h)) o1++;
        int64_t q0 = 0, q1 = 0;
        for (int64_t w = 0; w < p->w; w++) {
            while (q0 < p->ow && (pc_pool_window(p, false, q0, &lo, &hi), hi <= w)) q0++;
            while (q1 < p->ow && (pc_pool_window(p, false, q1, &lo, &hi), lo <= w)) q1++;
            for (int64_t k = 0; k < c; k = next_channels(k, c)) {
                vf sum = { 0 };
                for (int64_t oh = o0; oh < o1; oh++)
                    for (int64_t ow = q0; ow < q1; ow++) sum += load_channels(share + (oh * p->ow + ow) * c + k, n);
                store_channels(gx + (h * p->w + w) * c + k, sum, n);
            }
        }
    }
}
