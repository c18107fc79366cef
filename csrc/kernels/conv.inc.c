/* conv.inc.c -- convolution: the product microkernel (broadcast a, multiply a vector of b, accumulators in registers),
   the loads that feed it, and depthwise filters. */

/* Rows of accumulators that the registers hold beside two vectors of b and one of a. */
#if VL == 16
#define TILE_ROWS 14
#elif VL == 8
#define TILE_ROWS 6
#else
#define TILE_ROWS 4
#endif

static int64_t f32_tile_width(void) { return 2 * VL; }

/* Rows are addressed from one pointer for each four: base, base + ai, base + 2 ai (scaled index), base + 3 ai. */
ALWAYS_INLINE void tile_body(const pc_tile *t, const float *a, float *c, const int rows, const int vectors)
{
    vf acc[TILE_ROWS][2];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) acc[i][j] = (vf){ 0 };
    const int64_t ai = t->ai, ai3 = 3 * t->ai, a4 = t->a4, aq = t->aq, bq = t->bq;
    for (int64_t u = 0; u < t->nu; u++) {
        for (int64_t v = 0; v < t->nv; v++) {
            const float *p0 = a + u * t->au + v * t->av, *p1 = p0 + a4, *p2 = p1 + a4, *p3 = p2 + a4;
            const float *b = t->b + u * t->bu + v * t->bv;
            for (int64_t q = t->n; q > 0; q--) {
                vf w[2];
                for (int j = 0; j < vectors; j++) w[j] = vf_load(b + j * VL);
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

typedef void (*tile_fn)(const pc_tile *t, const float *a, float *c);
#define TILE(rows)                                                                                                     \
    static __attribute__((noinline)) void tile_##rows##_1(const pc_tile *t, const float *a, float *c)                  \
    {                                                                                                                  \
        tile_body(t, a, c, rows, 1);                                                                                   \
    }                                                                                                                  \
    static __attribute__((noinline)) void tile_##rows##_2(const pc_tile *t, const float *a, float *c)                  \
    {                                                                                                                  \
        tile_body(t, a, c, rows, 2);                                                                                   \
    }
TILE(1) TILE(2) TILE(3) TILE(4)
#if TILE_ROWS > 4
TILE(5) TILE(6)
#endif
#if TILE_ROWS > 6
TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#endif
#undef TILE

static const tile_fn tiles[TILE_ROWS + 1][2] = {
    { NULL, NULL },
#define TILE(rows) { tile_##rows##_1, tile_##rows##_2 }
    TILE(1), TILE(2), TILE(3), TILE(4),
#if TILE_ROWS > 4
    TILE(5), TILE(6),
#endif
#if TILE_ROWS > 6
    TILE(7), TILE(8), TILE(9), TILE(10), TILE(11), TILE(12), TILE(13), TILE(14),
#endif
#undef TILE
};

static void f32_tile(const pc_tile *t)
{
    const int vectors = t->width > VL;
    const float *a = t->a;
    float *c = t->c;
    if (t->a4 != 4 * t->ai || t->c4 != 4 * t->ci) { /* rows of four: tiles of whole rows */
        for (int64_t left = t->m; left > 0;) {
            int64_t most = TILE_ROWS / 4 * 4;
            int64_t count = (left + most - 1) / most, rows = (left / 4 + count - 1) / count * 4;
            tiles[rows][vectors](t, a, c);
            a += rows / 4 * t->a4;
            c += rows / 4 * t->c4;
            left -= rows;
        }
        return;
    }
    /* Tiles of nearly equal height: 32 rows are 11 + 11 + 10, not 14 + 14 + 4. */
    for (int64_t left = t->m; left > 0;) {
        int64_t count = (left + TILE_ROWS - 1) / TILE_ROWS, rows = (left + count - 1) / count;
        tiles[rows][vectors](t, a, c);
        a += rows * t->ai;
        c += rows * t->ci;
        left -= rows;
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

/* ---- depthwise ---------------------------------------------------------------------------------- */

/* c[i][k] = bias[k] + sum over u, v of a[i * ai + u * au + v * av + k] * b[u * bu + v * bv + k], any width. */
static void f32_depthwise(const pc_tile *t)
{
    const int n = t->width < VL ? (int)t->width : VL;
    for (int64_t k = 0; k < t->width; k = next_channels(k, t->width)) {
        const vf bias = t->bias == NULL ? (vf){ 0 } : load_channels(t->bias + k, n);
        int64_t i = 0;
        for (; i + 4 <= t->m; i += 4) {
            vf acc[4] = { bias, bias, bias, bias };
            for (int64_t u = 0; u < t->nu; u++)
                for (int64_t v = 0; v < t->nv; v++) {
                    const float *a = t->a + i * t->ai + u * t->au + v * t->av + k;
                    vf w = load_channels(t->b + u * t->bu + v * t->bv + k, n);
                    for (int j = 0; j < 4; j++) acc[j] = vf_fma(load_channels(a + j * t->ai, n), w, acc[j]);
                }
            for (int j = 0; j < 4; j++) store_channels(t->c + (i + j) * t->ci + k, acc[j], n);
        }
        for (; i < t->m; i++) {
            vf acc = bias;
            for (int64_t u = 0; u < t->nu; u++)
                for (int64_t v = 0; v < t->nv; v++)
                    acc = vf_fma(load_channels(t->a + i * t->ai + u * t->au + v * t->av + k, n),
                                 load_channels(t->b + u * t->bu + v * t->bv + k, n), acc);
            store_channels(t->c + i * t->ci + k, acc, n);
        }
    }
}

/* c[i][k] += sum over u, v of a[i / taps * ai + i % taps * aq + u * au + v * av + k] * b[u * bu + v * bv + k]
   for the m = rows * taps taps of a filter, n = taps; (u, v) are rows and pixels. */
static void f32_depthwise_weight(const pc_tile *t)
{
    const int n = t->width < VL ? (int)t->width : VL;
    for (int64_t i = 0; i < t->m; i++) {
        const float *from = t->a + i / t->n * t->ai + i % t->n * t->aq;
        /* Not next_channels: sums that are added to must not be taken twice. */
        for (int64_t k = 0; k < t->width; k += VL) {
            const int lanes = t->width - k < n ? (int)(t->width - k) : n;
            vf acc[4] = { 0 };
            for (int64_t u = 0; u < t->nu; u++) {
                const float *a = from + u * t->au + k, *b = t->b + u * t->bu + k;
                int64_t v = 0;
                for (; v + 4 <= t->nv; v += 4)
                    for (int j = 0; j < 4; j++)
                        acc[j] = vf_fma(load_channels(a + (v + j) * t->av, lanes),
                                        load_channels(b + (v + j) * t->bv, lanes), acc[j]);
                for (; v < t->nv; v++)
                    acc[0] = vf_fma(load_channels(a + v * t->av, lanes), load_channels(b + v * t->bv, lanes), acc[0]);
            }
            float *c = t->c + i * t->ci + k;
            vf sum = (acc[0] + acc[1]) + (acc[2] + acc[3]);
            store_channels(c, load_channels(c, lanes) + sum, lanes);
        }
    }
}
