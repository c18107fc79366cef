/* norm.inc.c -- means, variances and what normalisation does with them. "rows": n pixels of c channels, statistics by
   channel; "run": n values of one channel. Sums of a call are in float, so calls take a few thousand values of a
   channel at most; runs of any length are cut here. */

/* Rows are taken by strips of up to four vectors of channels, whose sums stay in registers while the rows pass by. */
#define STRIP 4

/* Meanwhile the strip beside it is fetched, or the first one of as many rows below: so far ahead of strip k. Small
   pieces of long rows are nothing that processors fetch by themselves. */
ALWAYS_INLINE int64_t strip_ahead(int64_t k, int64_t n, int64_t c)
{
    return c < 256 ? 0 : k + 2 * STRIP * VL <= c ? STRIP * VL : n * c - k;
}
ALWAYS_INLINE void fetch_strip(const float *p, const int vectors)
{
    for (int j = 0; j < vectors; j += 16 / VL) __builtin_prefetch(p + j * VL); /* lines of 16 */
}

/* Of each channel: the mean, and the sum of squared differences from it. The first pass's mean carries the rounding of
   a long sum; the sum of differences from it, which should be 0, puts that right. */
ALWAYS_INLINE void moments_strip(const float *x, int64_t n, int64_t c, int64_t ahead, float *mean, float *m2,
                                 const int vectors, const int last)
{
    vf a[STRIP] = { { 0 } }, b[STRIP] = { { 0 } }, rest[STRIP] = { { 0 } }, middle[STRIP];
    const float *p = x;
    int64_t i = 0;
    for (; i + 2 <= n; i += 2, p += 2 * c) {
        fetch_strip(p + ahead, vectors);
        fetch_strip(p + ahead + c, vectors);
        for (int j = 0; j < vectors; j++) {
            a[j] += load_channels(p + j * VL, last);
            b[j] += load_channels(p + c + j * VL, last);
        }
    }
    for (int j = 0; j < vectors; j++) {
        if (i < n) a[j] += load_channels(p + j * VL, last);
        middle[j] = (a[j] + b[j]) / (float)n;
        a[j] = b[j] = (vf){ 0 };
    }
    p = x;
    for (i = 0; i + 2 <= n; i += 2, p += 2 * c)
        for (int j = 0; j < vectors; j++) {
            vf u = load_channels(p + j * VL, last) - middle[j], v = load_channels(p + c + j * VL, last) - middle[j];
            rest[j] += u + v;
            a[j] = vf_fma(u, u, a[j]);
            b[j] = vf_fma(v, v, b[j]);
        }
    for (int j = 0; j < vectors; j++) {
        if (i < n) {
            vf u = load_channels(p + j * VL, last) - middle[j];
            rest[j] += u;
            a[j] = vf_fma(u, u, a[j]);
        }
        vf shift = rest[j] / (float)n;
        store_channels(mean + j * VL, middle[j] + shift, last);
        store_channels(m2 + j * VL, a[j] + b[j] - shift * rest[j], last);
    }
}
static void f32_moments_rows(const float *x, int64_t n, int64_t c, float *mean, float *m2)
{
    int64_t k = 0;
    for (; k + STRIP * VL <= c; k += STRIP * VL)
        moments_strip(x + k, n, c, strip_ahead(k, n, c), mean + k, m2 + k, STRIP, VL);
    for (; k + VL <= c; k += VL) moments_strip(x + k, n, c, VL, mean + k, m2 + k, 1, VL);
    if (k < c) moments_strip(x + k, n, c, 0, mean + k, m2 + k, 1, (int)(c - k));
}

ALWAYS_INLINE float sum_of(vf v)
{
    float total = 0;
    for (int j = 0; j < VL; j++) total += v[j];
    return total;
}

#define RUN_BLOCK 2048

static void f32_moments_run(const float *x, int64_t n, double *mean, double *m2)
{
    double middle = 0, square = 0;
    for (int64_t at = 0; at < n; at += RUN_BLOCK) {
        const float *p = x + at;
        const int64_t m = n - at < RUN_BLOCK ? n - at : RUN_BLOCK;
        vf a = { 0 }, b = { 0 };
        int64_t i = 0;
        for (; i + 2 * VL <= m; i += 2 * VL) {
            a += vf_load(p + i);
            b += vf_load(p + i + VL);
        }
        for (; i < m; i += VL) a += load_channels(p + i, m - i < VL ? (int)(m - i) : VL);
        const float part = sum_of(a + b) / (float)m;
        const vf mid = vf_set(part);
        vf r = { 0 };
        a = b = (vf){ 0 };
        for (i = 0; i + 2 * VL <= m; i += 2 * VL) {
            vf u = vf_load(p + i) - mid, v = vf_load(p + i + VL) - mid;
            r += u + v;
            a = vf_fma(u, u, a);
            b = vf_fma(v, v, b);
        }
        double rest = 0, squares = sum_of(a + b);
        for (; i < m; i++) {
            double u = p[i] - part;
            rest += u;
            squares += u * u;
        }
        rest += sum_of(r);
        /* two samples' moments together (Chan) */
        double own = part + rest / (double)m, d = own - middle, all = (double)(at + m);
        middle += d * ((double)m / all);
        square += squares - rest * rest / (double)m + d * d * ((double)at * (double)m / all);
    }
    *mean = middle;
    *m2 = square;
}

/* Floats ahead that a map of whole rows fetches: processors by themselves fetch no further than the end of a page. */
#define AHEAD 512

/* y = (x - mean) * scale + shift; the coefficients of rows: c of each, in the order scale, mean, shift. */
static void f32_affine_rows(float *y, const float *x, int64_t n, int64_t c, const float *coefficients)
{
    const float *scale = coefficients, *mean = scale + c, *shift = mean + c;
    const int m = c < VL ? (int)c : VL;
    for (int64_t i = 0; i < n; i++, x += c, y += c)
        for (int64_t k = 0; k < c; k = next_channels(k, c)) {
            __builtin_prefetch(x + k + AHEAD);
            vf d = load_channels(x + k, m) - load_channels(mean + k, m);
            store_channels(y + k, vf_fma(d, load_channels(scale + k, m), load_channels(shift + k, m)), m);
        }
}
static void f32_affine_run(float *y, const float *x, int64_t n, float scale, float mean, float shift)
{
    const vf a = vf_set(scale), b = vf_set(shift);
    int64_t i = 0;
    for (; i + VL <= n; i += VL) vf_store(y + i, vf_fma(vf_load(x + i) - mean, a, b));
    if (i < n) vf_store_n(y + i, vf_fma(vf_load_n(x + i, (int)(n - i)) - mean, a, b), (int)(n - i));
}

/* Gradients through a ReLU that follows: g counts where (x - mean) * scale + bias, computed as f32_affine_* did, is
   positive (or NaN). */
ALWAYS_INLINE vf through_relu(vf g, vf d, vf scale, vf bias)
{
    return vf_blend(vf_le(vf_fma(d, scale, bias), (vf){ 0 }), (vf){ 0 }, g);
}

/* Of each channel: the sums of g and of g * (x - mean). */
ALWAYS_INLINE void sums_strip(const float *g, const float *x, int64_t n, int64_t c, int64_t ahead, const float *mean,
                              const bool relu, float *sum, float *dot, const int vectors, const int last)
{
    vf s[STRIP] = { { 0 } }, d[STRIP] = { { 0 } }, middle[STRIP], scale[STRIP], bias[STRIP];
    for (int j = 0; j < vectors; j++) {
        middle[j] = load_channels(mean + j * VL, last);
        if (relu) scale[j] = load_channels(mean + c + j * VL, last);
        if (relu) bias[j] = load_channels(mean + 2 * c + j * VL, last);
    }
    for (int64_t i = 0; i < n; i++, g += c, x += c) {
        fetch_strip(g + ahead, vectors);
        fetch_strip(x + ahead, vectors);
        for (int j = 0; j < vectors; j++) {
            vf v = load_channels(g + j * VL, last), u = load_channels(x + j * VL, last) - middle[j];
            if (relu) v = through_relu(v, u, scale[j], bias[j]);
            s[j] += v;
            d[j] = vf_fma(v, u, d[j]);
        }
    }
    for (int j = 0; j < vectors; j++) {
        store_channels(sum + j * VL, s[j], last);
        store_channels(dot + j * VL, d[j], last);
    }
}
ALWAYS_INLINE void sums_rows(const float *g, const float *x, int64_t n, int64_t c, const float *mean, const bool relu,
                             float *sum, float *dot)
{
    int64_t k = 0;
    for (; k + STRIP * VL <= c; k += STRIP * VL)
        sums_strip(g + k, x + k, n, c, strip_ahead(k, n, c), mean + k, relu, sum + k, dot + k, STRIP, VL);
    for (; k + VL <= c; k += VL) sums_strip(g + k, x + k, n, c, VL, mean + k, relu, sum + k, dot + k, 1, VL);
    if (k < c) sums_strip(g + k, x + k, n, c, 0, mean + k, relu, sum + k, dot + k, 1, (int)(c - k));
}
static void f32_norm_sums_rows(const float *g, const float *x, int64_t n, int64_t c, const float *coefficients,
                               bool relu, float *sum, float *dot)
{
    if (relu) sums_rows(g, x, n, c, coefficients, true, sum, dot);
    else sums_rows(g, x, n, c, coefficients, false, sum, dot);
}
ALWAYS_INLINE void sums_run(const float *g, const float *x, int64_t n, float mean, const bool relu, float scale,
                            float bias, double *sum, double *dot)
{
    double total = 0, product = 0;
    for (int64_t at = 0; at < n; at += RUN_BLOCK) {
        const int64_t end = n - at < RUN_BLOCK ? n : at + RUN_BLOCK;
        vf s = { 0 }, d = { 0 };
        int64_t i = at;
        for (; i + VL <= end; i += VL) {
            vf v = vf_load(g + i), u = vf_load(x + i) - mean;
            if (relu) v = through_relu(v, u, vf_set(scale), vf_set(bias));
            s += v;
            d = vf_fma(v, u, d);
        }
        for (; i < end; i++) {
            float v = g[i], u = x[i] - mean;
            if (relu) v = through_relu(vf_set(v), vf_set(u), vf_set(scale), vf_set(bias))[0];
            total += v;
            product += (double)v * u;
        }
        total += sum_of(s);
        product += sum_of(d);
    }
    *sum = total;
    *dot = product;
}
static void f32_norm_sums_run(const float *g, const float *x, int64_t n, float mean, const float *relu, double *sum,
                              double *dot)
{
    if (relu != NULL) sums_run(g, x, n, mean, true, relu[0], relu[1], sum, dot);
    else sums_run(g, x, n, mean, false, 0, 0, sum, dot);
}

/* gx = g * scale + (x - mean) * slope + shift. */
ALWAYS_INLINE void grad_rows(float *gx, const float *g, const float *x, int64_t n, int64_t c, const float *coefficients,
                             const bool relu)
{
    const float *scale = coefficients, *mean = scale + c, *slope = mean + c, *shift = slope + c, *bias = shift + c;
    const int m = c < VL ? (int)c : VL;
    for (int64_t i = 0; i < n; i++, x += c, g += c, gx += c)
        for (int64_t k = 0; k < c; k = next_channels(k, c)) {
            vf d = load_channels(x + k, m) - load_channels(mean + k, m), u = load_channels(g + k, m);
            vf a = load_channels(scale + k, m);
            if (relu) u = through_relu(u, d, a, load_channels(bias + k, m));
            vf v = vf_fma(d, load_channels(slope + k, m), load_channels(shift + k, m));
            store_channels(gx + k, vf_fma(u, a, v), m);
        }
}
static void f32_norm_grad_rows(float *gx, const float *g, const float *x, int64_t n, int64_t c,
                               const float *coefficients, bool relu)
{
    if (relu) grad_rows(gx, g, x, n, c, coefficients, true);
    else grad_rows(gx, g, x, n, c, coefficients, false);
}
static void f32_norm_grad_run(float *gx, const float *g, const float *x, int64_t n, float scale, float mean,
                              float slope, float shift, const float *bias)
{
    for (int64_t i = 0; i < n; i += VL) {
        const int m = n - i < VL ? (int)(n - i) : VL;
        vf d = load_channels(x + i, m) - mean, u = load_channels(g + i, m);
        if (bias != NULL) u = through_relu(u, d, vf_set(scale), vf_set(*bias));
        store_channels(gx + i, vf_fma(u, vf_set(scale), vf_fma(d, vf_set(slope), vf_set(shift))), m);
    }
}

/* y = (x - mean) * scale * w + b, with w and b by element, or NULL. */
static void f32_layer_norm(float *y, const float *x, int64_t n, const float *w, const float *b, float mean, float scale)
{
    for (int64_t i = 0; i < n; i += VL) {
        const int m = n - i < VL ? (int)(n - i) : VL;
        vf v = (load_channels(x + i, m) - mean) * scale;
        vf t = b != NULL ? load_channels(b + i, m) : (vf){ 0 };
        store_channels(y + i, w != NULL ? vf_fma(v, load_channels(w + i, m), t) : v + t, m);
    }
}
/* gx from g, x and w; where they are not NULL, gw += g * (x - mean) * scale and gb += g. */
static void f32_layer_norm_grad(float *gx, const float *g, const float *x, int64_t n, const float *w, float mean,
                                float scale, float *gw, float *gb)
{
    vf sum = { 0 }, dot = { 0 };
    for (int64_t i = 0; i < n; i += VL) {
        const int m = n - i < VL ? (int)(n - i) : VL;
        vf v = load_channels(g + i, m), d = (load_channels(x + i, m) - mean) * scale;
        if (gw != NULL) store_channels(gw + i, vf_fma(v, d, load_channels(gw + i, m)), m);
        if (gb != NULL) store_channels(gb + i, v + load_channels(gb + i, m), m);
        if (w != NULL) v *= load_channels(w + i, m);
        sum += v; /* missing elements of g are 0 */
        dot = vf_fma(v, d, dot);
    }
    if (gx == NULL) return;
    const float shift = sum_of(sum) / (float)n, slope = sum_of(dot) / (float)n;
    for (int64_t i = 0; i < n; i += VL) {
        const int m = n - i < VL ? (int)(n - i) : VL;
        vf v = load_channels(g + i, m), d = (load_channels(x + i, m) - mean) * scale;
        if (w != NULL) v *= load_channels(w + i, m);
        store_channels(gx + i, vf_fma(d, vf_set(-slope), v - shift) * scale, m);
    }
}
