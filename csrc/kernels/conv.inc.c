/* conv.inc.c -- convolution: the product microkernel (broadcast a, multiply a vector of b, accumulators in registers),
   the loads that feed it, and depthwise filters. */

/* Rows of accumulators that the registers hold beside two vectors of b and one of a, and rows of a single vector: twice
   as many where these would be too few to keep the multipliers busy. */
#if VL == 16
#define TILE_ROWS 14
#define SINGLE_ROWS 14
#elif VL == 8
#define TILE_ROWS 6
#define SINGLE_ROWS 12
#else
#define TILE_ROWS 4
#define SINGLE_ROWS 8
#endif

static int64_t f32_tile_width(void) { return 2 * VL; }
static int64_t f32_tile_rows(void) { return TILE_ROWS; }

/* Done beside the sums, to hide how far memory is: lines of t->soon are fetched, its rows are copied, or b is. */
enum tile_extra { TILE_PLAIN, TILE_FETCH, TILE_COPY, TILE_KEEP };

/* Rows are addressed from one pointer for each four: base, base + ai, base + 2 ai (scaled index), base + 3 ai. */
ALWAYS_INLINE void tile_sums(const pc_tile *t, const float *a, const float *soon, vf (*acc)[2], const int rows,
                             const int vectors, const enum tile_extra extra)
{
    const int64_t ai = t->ai, ai3 = 3 * t->ai, a4 = t->a4, aq = t->aq, bq = t->bq, step = t->soon_step;
    float *keep = t->keep;
    for (int64_t u = 0; u < t->nu; u++) {
        for (int64_t v = 0; v < t->nv; v++) {
            const float *p0 = a + u * t->au + v * t->av, *p1 = p0 + a4, *p2 = p1 + a4, *p3 = p2 + a4;
            const float *b = t->b + u * t->bu + v * t->bv;
            for (int64_t q = t->n; q > 0; q--) {
                vf w[2];
                if (extra == TILE_FETCH) {
                    __builtin_prefetch(soon);
                    soon += step;
                }
                for (int j = 0; j < vectors; j++) w[j] = vf_load(b + j * VL);
                if (extra == TILE_KEEP) {
                    for (int j = 0; j < vectors; j++) vf_store(keep + j * VL, w[j]);
                    keep += vectors * VL;
                }
                if (extra == TILE_COPY) {
                    vf_store(keep, vf_load(soon));
                    keep += VL;
                    soon += VL;
                }
#pragma GCC unroll 16
                for (int i = 0; i < rows; i++) {
                    const float *p = i < 4 ? p0 : i < 8 ? p1 : i < 12 ? p2 : p3;
                    vf x = vf_set(i % 4 == 3 ? p[ai3] : p[(i % 4) * ai]);
                    for (int j = 0; j < vectors; j++) acc[i][j] = vf_fma(x, w[j], acc[i][j]);
                }
                p0 += aq;
                p1 += aq;
                p2 += aq;
                p3 += aq;
                b += bq;
            }
        }
    }
}

/* Steps are taken in VL runs: each of the first `rows` copies a row, a vector a step. */
ALWAYS_INLINE void tile_copying(const pc_tile *t, const float *a, const float *soon, vf (*acc)[2], const int rows)
{
    pc_tile run = *t;
    run.n = t->n / VL;
    for (int i = 0; i < VL; i++) {
        if (i < rows) tile_sums(&run, a, soon, acc, rows, 2, TILE_COPY);
        else tile_sums(&run, a, NULL, acc, rows, 2, TILE_PLAIN);
        a += run.n * t->aq;
        run.b += run.n * t->bq;
        soon += t->soon_i;
        run.keep += t->keep_i;
    }
}

ALWAYS_INLINE void tile_body(const pc_tile *t, const float *a, const float *soon, float *c, const int rows,
                             const int vectors, const bool copies)
{
    vf acc[SINGLE_ROWS][2];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) acc[i][j] = (vf){ 0 };
    if (t->fresh) {
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < vectors; j++) __builtin_prefetch(c + i / 4 * t->c4 + i % 4 * t->ci + j * VL, 1);
    }
    if (copies && soon != NULL) tile_copying(t, a, soon, acc, rows);
    else if (soon != NULL) tile_sums(t, a, soon, acc, rows, vectors, TILE_FETCH);
    else tile_sums(t, a, soon, acc, rows, vectors, copies ? TILE_KEEP : TILE_PLAIN);
    const int last = (int)(t->width - (vectors - 1) * VL); /* columns of the last vector */
    if (t->bias != NULL) {
        vf bias[2];
        for (int j = 0; j < vectors; j++) bias[j] = vf_load_n(t->bias + j * VL, j < vectors - 1 ? VL : last);
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < vectors; j++) acc[i][j] += bias[j];
    }
    if (t->accumulate) {
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            const float *d = c + i / 4 * t->c4 + i % 4 * t->ci;
            for (int j = 0; j < vectors; j++)
                acc[i][j] += last == VL || j < vectors - 1 ? vf_load(d + j * VL) : vf_load_n(d + j * VL, last);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        float *d = c + i / 4 * t->c4 + i % 4 * t->ci;
        for (int j = 0; j < vectors; j++) {
            if (last == VL || j < vectors - 1) vf_store(d + j * VL, acc[i][j]);
            else vf_store_n(d + j * VL, acc[i][j], last);
        }
    }
}

typedef void tile_fn(const pc_tile *t, const float *a, const float *soon, float *c);
#define TILE_OF(rows, name, vectors, copies)                                                                           \
    static __attribute__((noinline)) void tile_##rows##_##name(const pc_tile *t, const float *a, const float *soon,    \
                                                               float *c)                                               \
    {                                                                                                                  \
        tile_body(t, a, soon, c, rows, vectors, copies);                                                               \
    }
#define TILE(rows) TILE_OF(rows, half, 1, false) TILE_OF(rows, full, 2, false) TILE_OF(rows, copying, 2, true)
#define SINGLE(rows) TILE_OF(rows, half, 1, false)
TILE(1) TILE(2) TILE(3) TILE(4)
#if VL == 16
TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#elif VL == 8
TILE(5) TILE(6) SINGLE(7) SINGLE(8) SINGLE(9) SINGLE(10) SINGLE(11) SINGLE(12)
#else
SINGLE(5) SINGLE(6) SINGLE(7) SINGLE(8)
#endif
#undef TILE
#undef SINGLE
#undef TILE_OF

static tile_fn *const tiles[SINGLE_ROWS + 1][3] = {
    { NULL, NULL, NULL },
#define TILE(rows) { tile_##rows##_half, tile_##rows##_full, tile_##rows##_copying }
#define SINGLE(rows) { tile_##rows##_half, NULL, NULL }
    TILE(1), TILE(2), TILE(3), TILE(4),
#if VL == 16
    TILE(5), TILE(6), TILE(7), TILE(8), TILE(9), TILE(10), TILE(11), TILE(12), TILE(13), TILE(14),
#elif VL == 8
    TILE(5), TILE(6), SINGLE(7), SINGLE(8), SINGLE(9), SINGLE(10), SINGLE(11), SINGLE(12),
#else
    SINGLE(5), SINGLE(6), SINGLE(7), SINGLE(8),
#endif
#undef TILE
#undef SINGLE
};

/* Terms of a chain: the rounding of longer ones would grow beyond that of sums of such. */
#define CHAIN 256

/* Of `count` runs of `terms`, how many a part holds: parts of nearly equal length. */
static int64_t part_of(int64_t count, int64_t terms)
{
    const int64_t most = terms < CHAIN ? CHAIN / terms : 1, parts = (count + most - 1) / most;
    return (count + parts - 1) / parts;
}

static void f32_tile(const pc_tile *t)
{
    const int64_t terms = t->nu * t->nv * t->n;
    const bool fours = t->a4 != 4 * t->ai || t->c4 != 4 * t->ci; /* rows of four: tiles of whole rows */
    const bool single = t->width <= VL && t->keep == NULL;
    const int64_t unit = fours ? 4 : 1, most = (single ? SINGLE_ROWS : TILE_ROWS) / unit * unit;
    int64_t us = t->nu, vs = t->nv, qs = t->n;
    if (terms > CHAIN) us = part_of(us, vs * qs), vs = part_of(vs, qs), qs = part_of(qs, 1);
    const float *a = t->a, *soon = t->soon;
    float *c = t->c;
    pc_tile part = *t;
    const pc_tile *whole = t;
    /* Tiles of nearly equal height: 32 rows are 11 + 11 + 10, not 14 + 14 + 4. */
    for (int64_t left = t->m, rows; left > 0; left -= rows) {
        const int64_t count = (left + most - 1) / most;
        rows = (left / unit + count - 1) / count * unit;
        tile_fn *tile = tiles[rows][whole->keep != NULL ? 2 : t->width > VL];
        if (terms <= CHAIN) tile(whole, a, soon, c);
        else {
            part.bias = t->bias, part.accumulate = t->accumulate, part.fresh = t->fresh;
            const float *at = soon;
            for (int64_t u = 0; u < t->nu; u += us)
                for (int64_t v = 0; v < t->nv; v += vs)
                    for (int64_t q = 0; q < t->n; q += qs) {
                        part.nu = t->nu - u < us ? t->nu - u : us;
                        part.nv = t->nv - v < vs ? t->nv - v : vs;
                        part.n = t->n - q < qs ? t->n - q : qs;
                        part.b = t->b + u * t->bu + v * t->bv + q * t->bq;
                        tile(&part, a + u * t->au + v * t->av + q * t->aq, at, c);
                        if (at != NULL) at += part.nu * part.nv * part.n * t->soon_step;
                        part.bias = NULL, part.accumulate = true, part.fresh = false;
                    }
        }
        a += fours ? rows / 4 * t->a4 : rows * t->ai;
        c += fours ? rows / 4 * t->c4 : rows * t->ci;
        if (soon != NULL) soon += rows * t->soon_i;
        if (whole->keep != NULL) {
            if (soon != NULL) part.keep += rows * t->keep_i;
            else part.b = part.keep, part.bq = 2 * VL, part.keep = NULL;
            whole = &part;
        }
    }
}

/* ---- loads -------------------------------------------------------------------------------------- */

/* n pixels of c floats, `pitch` apart, from c planes. */
static void f32_planes_to_pixels(float *restrict dst, int64_t pitch, const float *restrict src, int64_t plane,
                                 int64_t c, int64_t n)
{
    int64_t k = 0;
    if (c == 3) { /* images: one pass for the three */
        const float *s1 = src + plane, *s2 = s1 + plane;
        for (int64_t i = 0; i < n; i++, dst += pitch) {
            dst[0] = src[i];
            dst[1] = s1[i];
            dst[2] = s2[i];
        }
        return;
    }
    for (; k + 16 <= c; k += 16) {
        int64_t i = 0;
        for (; i + 16 <= n; i += 16)
            u32_transpose16((uint32_t *)dst + i * pitch + k, pitch, (const uint32_t *)src + k * plane + i, plane);
        for (; i < n; i++)
            for (int j = 0; j < 16; j++) dst[i * pitch + k + j] = src[(k + j) * plane + i];
    }
    for (; k < c; k++)
        for (int64_t i = 0; i < n; i++) dst[i * pitch + k] = src[k * plane + i];
}

/* c planes from n pixels of c floats, `pitch` apart. */
static void f32_pixels_to_planes(float *restrict dst, int64_t plane, const float *restrict src, int64_t pitch,
                                 int64_t c, int64_t n)
{
    int64_t k = 0;
    for (; k + 16 <= c; k += 16) {
        int64_t i = 0;
        for (; i + 16 <= n; i += 16)
            u32_transpose16((uint32_t *)dst + k * plane + i, plane, (const uint32_t *)src + i * pitch + k, pitch);
        for (; i < n; i++)
            for (int j = 0; j < 16; j++) dst[(k + j) * plane + i] = src[i * pitch + k + j];
    }
    for (; k < c; k++)
        for (int64_t i = 0; i < n; i++) dst[k * plane + i] = src[i * pitch + k];
}

/* Channels of n pixels, `pitch` apart, one behind the other in rows of `lanes`, a multiple of VL: zeros behind them. */
static void f32_copy_panel(float *restrict dst, int64_t lanes, const float *restrict src, int64_t pitch,
                           int64_t channels, int64_t n)
{
    if (channels == lanes && lanes == 2 * VL) {
        for (int64_t i = 0; i < n; i++, dst += lanes, src += pitch) {
            const vf a = vf_load(src), b = vf_load(src + VL);
            vf_store(dst, a);
            vf_store(dst + VL, b);
        }
        return;
    }
    for (int64_t i = 0; i < n; i++, dst += lanes, src += pitch)
        for (int64_t k = 0; k < lanes; k += VL) {
            const int64_t left = channels - k < 0 ? 0 : channels - k;
            vf_store(dst + k, left >= VL ? vf_load(src + k) : vf_load_n(src + k, (int)left));
        }
}

/* ---- depthwise ---------------------------------------------------------------------------------- */

/* Filters of up to 3x3 on a full vector of channels, weights in registers. Where filters of three columns take steps of
   1 or 2 pixels, four outputs share their loads. The sum of an output runs over rows, then columns, from its bias on.
 */
ALWAYS_INLINE int64_t depthwise_fours(const pc_tile *t, int64_t k, const vf bias, const vf *w, const int rows,
                                      const int step)
{
    int64_t i = 0;
    for (; i + 4 <= t->m; i += 4) {
        vf acc[4] = { bias, bias, bias, bias };
#pragma GCC unroll 3
        for (int u = 0; u < rows; u++) {
            const float *a = t->a + i * t->ai + u * t->au + k;
            vf x[9];
#pragma GCC unroll 9
            for (int j = 0; j < 3 * step + 3; j++) x[j] = vf_load(a + j * t->av);
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++)
#pragma GCC unroll 3
                for (int v = 0; v < 3; v++) acc[j] = vf_fma(x[j * step + v], w[u * 3 + v], acc[j]);
        }
        for (int j = 0; j < 4; j++) vf_store(t->c + (i + j) * t->ci + k, acc[j]);
    }
    return i;
}

ALWAYS_INLINE void depthwise_few(const pc_tile *t, int64_t k, const vf bias, const int rows, const int columns)
{
    vf w[9];
    int64_t i = 0;
#pragma GCC unroll 9
    for (int j = 0; j < rows * columns; j++) w[j] = vf_load(t->b + j / columns * t->bu + j % columns * t->bv + k);
    if (columns == 3 && t->ai == t->av) i = depthwise_fours(t, k, bias, w, rows, 1);
    else if (columns == 3 && t->ai == 2 * t->av) i = depthwise_fours(t, k, bias, w, rows, 2);
    for (; i < t->m; i++) {
        const float *a = t->a + i * t->ai + k;
        vf acc = bias;
#pragma GCC unroll 9
        for (int j = 0; j < rows * columns; j++)
            acc = vf_fma(vf_load(a + j / columns * t->au + j % columns * t->av), w[j], acc);
        vf_store(t->c + i * t->ci + k, acc);
    }
}

ALWAYS_INLINE void depthwise_any(const pc_tile *t, int64_t k, const vf bias, const int n)
{
    for (int64_t i = 0; i < t->m; i++) {
        vf acc = bias;
        for (int64_t u = 0; u < t->nu; u++)
            for (int64_t v = 0; v < t->nv; v++)
                acc = vf_fma(load_channels(t->a + i * t->ai + u * t->au + v * t->av + k, n),
                             load_channels(t->b + u * t->bu + v * t->bv + k, n), acc);
        store_channels(t->c + i * t->ci + k, acc, n);
    }
}

/* c[i][k] = bias[k] + sum over u, v of a[i * ai + u * au + v * av + k] * b[u * bu + v * bv + k], any width. */
static void f32_depthwise(const pc_tile *t)
{
    const int n = t->width < VL ? (int)t->width : VL;
    const int64_t size = n == VL && t->nu <= 3 && t->nv <= 3 ? t->nu * 4 + t->nv : 0;
    for (int64_t k = 0; k < t->width; k = next_channels(k, t->width)) {
        const vf bias = t->bias == NULL ? (vf){ 0 } : load_channels(t->bias + k, n);
        switch (size) {
#define FEW(rows, columns)                                                                                             \
    case rows * 4 + columns: depthwise_few(t, k, bias, rows, columns); break;
            FEW(3, 3) FEW(3, 2) FEW(3, 1) FEW(2, 3) FEW(2, 2) FEW(2, 1) FEW(1, 3) FEW(1, 2) FEW(1, 1)
#undef FEW
        default: depthwise_any(t, k, bias, n);
        }
    }
}

/* ---- depthwise, input gradient for steps of 2 ---------------------------------------------------- */

/* n channels of a cell; whole: nothing of it lies outside of the image but, perhaps, a row. */
ALWAYS_INLINE void depthwise_cell(const pc_depthwise_cells *t, int64_t j, int64_t k, const int n, const vf *w,
                                  const vf bias, const bool whole)
{
    const int64_t x = 2 * j - t->pad + 1, from = j * t->width + k, to = x * t->width + k;
    const bool left = whole || (j >= 0 && j < t->ow), right = whole || j + 1 < t->ow;
    const bool first = whole || x >= 0, second = whole || x + 1 < t->w;
    const vf zero = { 0 };
    const vf a = t->g0 != NULL && left ? load_channels(t->g0 + from, n) : zero;
    const vf b = t->g0 != NULL && right ? load_channels(t->g0 + from + t->width, n) : zero;
    const vf c = t->g1 != NULL && left ? load_channels(t->g1 + from, n) : zero;
    const vf d = t->g1 != NULL && right ? load_channels(t->g1 + from + t->width, n) : zero;
    if (t->y0 != NULL) {
        float *y = t->y0 + to;
        if (first) store_channels(y, vf_fma(a, w[4], bias), n);
        if (second) store_channels(y + t->width, vf_fma(b, w[3], vf_fma(a, w[5], bias)), n);
    }
    if (t->y1 != NULL) {
        float *y = t->y1 + to;
        if (first) store_channels(y, vf_fma(c, w[1], vf_fma(a, w[7], bias)), n);
        if (second) {
            const vf sum = vf_fma(b, w[6], vf_fma(a, w[8], bias));
            store_channels(y + t->width, vf_fma(d, w[0], vf_fma(c, w[2], sum)), n);
        }
    }
}

static void f32_depthwise_cells(const pc_depthwise_cells *t)
{
    const int n = t->width < VL ? (int)t->width : VL;
    const int64_t end = (t->w + t->pad) / 2, lo = t->pad / 2; /* from lo to hi cells are whole */
    int64_t hi = (t->w + t->pad - 1) / 2;
    if (hi > t->ow - 1) hi = t->ow - 1;
    if (n < VL) hi = lo;
    for (int64_t k = 0; k < t->width; k = next_channels(k, t->width)) {
        const vf bias = t->bias == NULL ? (vf){ 0 } : load_channels(t->bias + k, n);
        vf w[9];
        int64_t j = (t->pad + 1) / 2 - 1;
        for (int i = 0; i < 9; i++) w[i] = load_channels(t->b + i * t->width + k, n);
        for (; j < lo && j < end; j++) depthwise_cell(t, j, k, n, w, bias, false);
        for (; j < hi; j++) depthwise_cell(t, j, k, VL, w, bias, true);
        for (; j < end; j++) depthwise_cell(t, j, k, n, w, bias, false);
    }
}

/* ---- depthwise, weight gradient ----------------------------------------------------------------- */

/* Of outputs o < count, which read at o * step + from: those within [0, size) are [*lo, *hi). */
ALWAYS_INLINE void reading(int64_t from, int64_t step, int64_t count, int64_t size, int64_t *lo, int64_t *hi)
{
    *lo = from < 0 ? (-from + step - 1) / step : 0;
    *hi = size > from ? (size - from - 1) / step + 1 : 0;
    if (*hi > count) *hi = count;
    if (*lo > *hi) *lo = *hi;
}

/* One output of a 3x3 filter, where taps may read padding. */
ALWAYS_INLINE void depthwise_sums_edge(vf *acc, const float *x, int64_t row, int64_t pixel, vf g, int64_t h, int64_t w,
                                       int64_t rows, int64_t columns)
{
#pragma GCC unroll 9
    for (int j = 0; j < 9; j++)
        if (h + j / 3 >= 0 && h + j / 3 < rows && w + j % 3 >= 0 && w + j % 3 < columns)
            acc[j] = vf_fma(vf_load(x + j / 3 * row + j % 3 * pixel), g, acc[j]);
}

/* 3x3 without dilation, a full vector of channels, steps of 1 or 2 columns. Two outputs share their loads. */
ALWAYS_INLINE void depthwise_sums_3x3(const pc_depthwise_sums *t, int64_t k, const int step)
{
    const int64_t row = t->x_row, pixel = t->x_pixel, ahead = t->ahead_x, ahead_g = t->ahead_g;
    int64_t lo, hi, lo2, hi2;
    vf acc[9];
    for (int j = 0; j < 9; j++) acc[j] = (vf){ 0 };
    reading(-t->pw, step, t->ow, t->w, &lo, &hi2);
    reading(2 - t->pw, step, t->ow, t->w, &lo2, &hi);
    if (hi < lo) hi = lo;
    for (int64_t u = t->first; u < t->last; u++) {
        const int64_t h = u * t->sh - t->ph;
        const float *x = t->x + h * row - t->pw * pixel + k, *g = t->g + u * t->g_row + k;
        const bool whole = h >= 0 && h + 3 <= t->h;
        int64_t v = 0;
        for (; v < (whole ? lo : t->ow); v++)
            depthwise_sums_edge(acc, x + v * step * pixel, row, pixel, vf_load(g + v * t->g_pixel), h, v * step - t->pw,
                                t->h, t->w);
        for (; v + 2 <= hi; v += 2) {
            const float *a = x + v * step * pixel, *b = g + v * t->g_pixel;
            vf g0 = vf_load(b), g1 = vf_load(b + t->g_pixel);
            __builtin_prefetch(b + ahead_g);
            __builtin_prefetch(b + ahead_g + t->g_pixel);
#pragma GCC unroll 3
            for (int r = 0; r < 3; r++) {
                vf z[5];
#pragma GCC unroll 5
                for (int j = 0; j < 3 + step; j++) z[j] = vf_load(a + r * row + j * pixel);
                if (r < step) {
#pragma GCC unroll 4
                    for (int j = 0; j < 2 * step; j++) __builtin_prefetch(a + r * row + j * pixel + ahead);
                }
#pragma GCC unroll 3
                for (int j = 0; j < 3; j++) acc[r * 3 + j] = vf_fma(z[j], g0, vf_fma(z[j + step], g1, acc[r * 3 + j]));
            }
        }
        for (; v < t->ow; v++)
            depthwise_sums_edge(acc, x + v * step * pixel, row, pixel, vf_load(g + v * t->g_pixel), h, v * step - t->pw,
                                t->h, t->w);
    }
    for (int j = 0; j < 9; j++) vf_store(t->c + j * t->width + k, vf_load(t->c + j * t->width + k) + acc[j]);
}

static void f32_depthwise_weight(const pc_depthwise_sums *t)
{
    const bool usual = t->r == 3 && t->s == 3 && t->dh == 1 && t->dw == 1;
    for (int64_t k = 0; k < t->width; k += VL) { /* not next_channels: what is added to must not be taken twice */
        const int n = t->width - k < VL ? (int)(t->width - k) : VL;
        if (usual && n == VL && t->sw == 1) {
            depthwise_sums_3x3(t, k, 1);
            continue;
        }
        if (usual && n == VL && t->sw == 2) {
            depthwise_sums_3x3(t, k, 2);
            continue;
        }
        for (int64_t i = 0; i < t->r * t->s; i++) {
            const int64_t down = i / t->s * t->dh - t->ph, right = i % t->s * t->dw - t->pw;
            float *c = t->c + i * t->width + k;
            vf acc = { 0 };
            int64_t u, u1, v0, v1;
            reading(down, t->sh, t->last, t->h, &u, &u1);
            reading(right, t->sw, t->ow, t->w, &v0, &v1);
            for (u = u > t->first ? u : t->first; u < u1; u++) {
                const float *x = t->x + (u * t->sh + down) * t->x_row + right * t->x_pixel + k;
                const float *g = t->g + u * t->g_row + k;
                for (int64_t v = v0; v < v1; v++) {
                    const vf z = load_channels(x + v * t->sw * t->x_pixel, n);
                    acc = vf_fma(z, load_channels(g + v * t->g_pixel, n), acc);
                }
            }
            store_channels(c, load_channels(c, n) + acc, n);
        }
    }
}
