/* conv_plain.inc.c -- the loops of conv_plain.c for one element type: T, and NAME(x) to tell functions apart. */

typedef struct NAME(job) {
    const pc_conv *p;
    const T *x, *w, *b, *g;
    T *out;
} NAME(job);

/* Outputs [*lo, *hi) of an axis for which tap t reads inside the image; *at: what output *lo reads. */
static void NAME(span)(int64_t size, int64_t outputs, int64_t step, int64_t pad, int64_t tap, int64_t *lo, int64_t *hi,
                       int64_t *at)
{
    int64_t from = tap - pad;
    *lo = from < 0 ? (-from + step - 1) / step : 0;
    *hi = size > from ? (size - from - 1) / step + 1 : 0;
    if (*hi > outputs) *hi = outputs;
    *at = *lo * step + from;
}

/* Planes (n, k) of the output. */
static pc_status NAME(forward)(void *ctx, int64_t begin, int64_t end)
{
    const NAME(job) *j = ctx;
    const pc_conv *p = j->p;
    const int64_t cg = p->c / p->groups, kg = p->k / p->groups;
    for (int64_t i = begin; i < end; i++) {
        int64_t n = i / p->k, k = i % p->k, c0 = k / kg * cg;
        T *y = j->out + i * p->oh * p->ow;
        for (int64_t q = 0; q < p->oh * p->ow; q++) y[q] = j->b != NULL ? j->b[k] : 0;
        for (int64_t c = 0; c < cg; c++)
            for (int64_t r = 0; r < p->r; r++)
                for (int64_t s = 0; s < p->s; s++) {
                    T w = j->w[((k * cg + c) * p->r + r) * p->s + s];
                    int64_t h0, h1, h, w0, w1, at;
                    NAME(span)(p->h, p->oh, p->sh, p->ph, r * p->dh, &h0, &h1, &h);
                    NAME(span)(p->w, p->ow, p->sw, p->pw, s * p->dw, &w0, &w1, &at);
                    for (; h0 < h1; h0++, h += p->sh) {
                        const T *x = j->x + ((n * p->c + c0 + c) * p->h + h) * p->w + at;
                        for (int64_t o = w0; o < w1; o++) y[h0 * p->ow + o] += w * x[(o - w0) * p->sw];
                    }
                }
    }
    return PC_OK;
}

/* Planes (n, c) of the input's gradient. */
static pc_status NAME(input)(void *ctx, int64_t begin, int64_t end)
{
    const NAME(job) *j = ctx;
    const pc_conv *p = j->p;
    const int64_t cg = p->c / p->groups, kg = p->k / p->groups;
    for (int64_t i = begin; i < end; i++) {
        int64_t n = i / p->c, c = i % p->c, k0 = c / cg * kg;
        T *gx = j->out + i * p->h * p->w;
        for (int64_t q = 0; q < p->h * p->w; q++) gx[q] = j->b != NULL ? j->b[c] : 0;
        for (int64_t k = k0; k < k0 + kg; k++)
            for (int64_t r = 0; r < p->r; r++)
                for (int64_t s = 0; s < p->s; s++) {
                    T w = j->w[((k * cg + c % cg) * p->r + r) * p->s + s];
                    int64_t h0, h1, h, w0, w1, at;
                    NAME(span)(p->h, p->oh, p->sh, p->ph, r * p->dh, &h0, &h1, &h);
                    NAME(span)(p->w, p->ow, p->sw, p->pw, s * p->dw, &w0, &w1, &at);
                    for (; h0 < h1; h0++, h += p->sh) {
                        const T *g = j->g + ((n * p->k + k) * p->oh + h0) * p->ow;
                        for (int64_t o = w0; o < w1; o++) gx[h * p->w + at + (o - w0) * p->sw] += w * g[o];
                    }
                }
    }
    return PC_OK;
}
