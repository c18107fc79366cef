/* linear.inc.c -- products of matrices that are read where they stand. Where both rows of a and rows of b run along the
   sum, whole vectors of it are taken at a time and nothing is packed; a row of a single product reads b once. */

/* Accumulators are DOTS_ROWS x 4 vectors, beside 4 of b and one of a. */
#if VL == 16
#define DOTS_ROWS 6
#else
#define DOTS_ROWS 3
#endif

/* The sums of the elements of four vectors. */
ALWAYS_INLINE __m128 sums_of_four(vf a, vf b, vf c, vf d)
{
#if VL == 16
#define HALVES(v) _mm256_add_ps(_mm512_castps512_ps256((__m512)(v)), _mm512_extractf32x8_ps((__m512)(v), 1))
    __m256 h = _mm256_hadd_ps(_mm256_hadd_ps(HALVES(a), HALVES(b)), _mm256_hadd_ps(HALVES(c), HALVES(d)));
#undef HALVES
    return _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
#elif VL == 8
    __m256 h = _mm256_hadd_ps(_mm256_hadd_ps((__m256)a, (__m256)b), _mm256_hadd_ps((__m256)c, (__m256)d));
    return _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
#else
    __m128 p = (__m128)a, q = (__m128)b, r = (__m128)c, s = (__m128)d;
    _MM_TRANSPOSE4_PS(p, q, r, s);
    return _mm_add_ps(_mm_add_ps(p, q), _mm_add_ps(r, s));
#endif
}

/* columns: 1 to 4 of them count; the others repeat the last one. */
ALWAYS_INLINE void dots_tile(const pc_dots *t, const float *a, const float *b, float *c, int64_t columns,
                             const int rows)
{
    vf acc[DOTS_ROWS][4];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < 4; j++) acc[i][j] = (vf){ 0 };
    const float *b1 = columns > 1 ? b + t->b_row : b, *b2 = columns > 2 ? b1 + t->b_row : b1;
    const float *b3 = columns > 3 ? b2 + t->b_row : b2;
    int64_t q = 0;
    for (; q + VL <= t->k; q += VL) {
        vf x[DOTS_ROWS];
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) x[i] = vf_load(a + i * t->a_row + q);
#pragma GCC unroll 8
        for (int j = 0; j < 4; j++) {
            vf w = vf_load((j == 0 ? b : j == 1 ? b1 : j == 2 ? b2 : b3) + q);
            __asm__("" : "+x"(w)); /* load it once: as an operand of each multiplication it would be the bottleneck */
#pragma GCC unroll 8
            for (int i = 0; i < rows; i++) acc[i][j] = vf_fma(x[i], w, acc[i][j]);
        }
    }
    if (q < t->k) {
        const int n = (int)(t->k - q);
        const vf w[4] = { vf_load_n(b + q, n), vf_load_n(b1 + q, n), vf_load_n(b2 + q, n), vf_load_n(b3 + q, n) };
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            const vf x = vf_load_n(a + i * t->a_row + q, n);
            for (int j = 0; j < 4; j++) acc[i][j] = vf_fma(x, w[j], acc[i][j]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
        float four[4], *d = c + i * t->c_row;
        _mm_storeu_ps(four, sums_of_four(acc[i][0], acc[i][1], acc[i][2], acc[i][3]));
        for (int64_t j = 0; j < columns; j++)
            d[j * t->c_column] = t->accumulate ? d[j * t->c_column] + four[j] : four[j];
    }
}

#define DOTS(rows)                                                                                                     \
    static __attribute__((noinline)) void dots_##rows(const pc_dots *t, const float *a, const float *b, float *c,      \
                                                      int64_t columns)                                                 \
    {                                                                                                                  \
        dots_tile(t, a, b, c, columns, rows);                                                                          \
    }
DOTS(1) DOTS(2) DOTS(3)
#if DOTS_ROWS > 3
DOTS(4) DOTS(5) DOTS(6)
#endif
#undef DOTS

/* A single row is bound by reading b: eight columns at a time, four vectors of each. SSE2 lacks the registers. */
static __attribute__((noinline)) void dots_row(const pc_dots *t, const float *b, float *c)
{
    vf acc[8];
    for (int j = 0; j < 8; j++) acc[j] = (vf){ 0 };
    int64_t q = 0;
    for (; q + 4 * VL <= t->k; q += 4 * VL) {
        vf x[4];
#pragma GCC unroll 4
        for (int u = 0; u < 4; u++) x[u] = vf_load(t->a + q + u * VL);
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++)
#pragma GCC unroll 4
            for (int u = 0; u < 4; u++) acc[j] = vf_fma(x[u], vf_load(b + j * t->b_row + q + u * VL), acc[j]);
    }
    for (; q < t->k; q += VL) {
        const int n = t->k - q < VL ? (int)(t->k - q) : VL;
        const vf x = vf_load_n(t->a + q, n);
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) acc[j] = vf_fma(x, vf_load_n(b + j * t->b_row + q, n), acc[j]);
    }
    float sums[8];
    _mm_storeu_ps(sums, sums_of_four(acc[0], acc[1], acc[2], acc[3]));
    _mm_storeu_ps(sums + 4, sums_of_four(acc[4], acc[5], acc[6], acc[7]));
    for (int j = 0; j < 8; j++) {
        float *d = c + j * t->c_column;
        *d = t->accumulate ? *d + sums[j] : sums[j];
    }
}

static void f32_dots(const pc_dots *t)
{
    static void (*const body[DOTS_ROWS + 1])(const pc_dots *, const float *, const float *, float *, int64_t) = {
        NULL, dots_1, dots_2, dots_3,
#if DOTS_ROWS > 3
        dots_4, dots_5, dots_6,
#endif
    };
    int64_t j = 0;
    for (; VL > 4 && t->m == 1 && j + 8 <= t->n; j += 8) dots_row(t, t->b + j * t->b_row, t->c + j * t->c_column);
    for (; j < t->n; j += 4) {
        const float *a = t->a, *b = t->b + j * t->b_row;
        float *c = t->c + j * t->c_column;
        for (int64_t left = t->m; left > 0;) {
            int64_t tiles = (left + DOTS_ROWS - 1) / DOTS_ROWS, rows = (left + tiles - 1) / tiles;
            body[rows](t, a, b, c, t->n - j < 4 ? t->n - j : 4);
            a += rows * t->a_row;
            c += rows * t->c_row;
            left -= rows;
        }
    }
}

/* y (+)= sum over q < k of x[q * step] * b[q * b_row + j], for j < n. */
static void f32_row_product(const float *x, int64_t step, const float *b, int64_t b_row, int64_t k, int64_t n, float *y,
                            bool accumulate)
{
    int64_t j = 0;
    for (; j + 8 * VL <= n; j += 8 * VL) {
        vf acc[8];
        for (int v = 0; v < 8; v++) acc[v] = accumulate ? vf_load(y + j + v * VL) : (vf){ 0 };
        for (int64_t q = 0; q < k; q++) {
            const float *row = b + q * b_row + j;
            vf s = vf_set(x[q * step]);
            for (int v = 0; v < 8; v++) acc[v] = vf_fma(s, vf_load(row + v * VL), acc[v]);
        }
        for (int v = 0; v < 8; v++) vf_store(y + j + v * VL, acc[v]);
    }
    for (; j < n; j += VL) {
        const int m = n - j < VL ? (int)(n - j) : VL;
        vf even = accumulate ? vf_load_n(y + j, m) : (vf){ 0 }, odd = { 0 };
        int64_t q = 0;
        for (; q + 2 <= k; q += 2) {
            even = vf_fma(vf_set(x[q * step]), load_channels(b + q * b_row + j, m), even);
            odd = vf_fma(vf_set(x[(q + 1) * step]), load_channels(b + (q + 1) * b_row + j, m), odd);
        }
        if (q < k) even = vf_fma(vf_set(x[q * step]), load_channels(b + q * b_row + j, m), even);
        store_channels(y + j, even + odd, m);
    }
}
