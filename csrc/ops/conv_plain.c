/* conv_plain.c -- convolution where float32's speed is not asked for: float64 and integers, by plain loops over planes.
 */
#include "../core/parallel.h"
#include "conv.h"

#define T double
#define NAME(x) f64_##x
#include "conv_plain.inc.c"
#undef T
#undef NAME
#define T uint64_t /* wraps as int64 does in torch */
#define NAME(x) i64_##x
#include "conv_plain.inc.c"
#undef T
#undef NAME

/* Filters (k, c) of the weights' gradient. */
static pc_status f64_weight(void *ctx, int64_t begin, int64_t end)
{
    const f64_job *j = ctx;
    const pc_conv *p = j->p;
    const int64_t cg = p->c / p->groups, kg = p->k / p->groups;
    for (int64_t i = begin; i < end; i++) {
        int64_t k = i / cg, c = k / kg * cg + i % cg;
        for (int64_t r = 0; r < p->r; r++)
            for (int64_t s = 0; s < p->s; s++) {
                int64_t h0, h1, h, w0, w1, at;
                double sum = 0;
                f64_span(p->h, p->oh, p->sh, p->ph, r * p->dh, &h0, &h1, &h);
                f64_span(p->w, p->ow, p->sw, p->pw, s * p->dw, &w0, &w1, &at);
                for (int64_t n = 0; n < p->n; n++)
                    for (int64_t o = h0; o < h1; o++) {
                        const double *x = j->x + ((n * p->c + c) * p->h + h + (o - h0) * p->sh) * p->w + at;
                        const double *g = j->g + ((n * p->k + k) * p->oh + o) * p->ow;
                        for (int64_t q = w0; q < w1; q++) sum += g[q] * x[(q - w0) * p->sw];
                    }
                j->out[(i * p->r + r) * p->s + s] = sum;
            }
    }
    return PC_OK;
}

/* Planes in a chunk, of `work` multiplications each: about a millisecond. */
static int64_t grain(int64_t work) { return work >= 1 << 20 ? 1 : (1 << 20) / (work + 1) + 1; }

pc_status pc_conv_plain_forward(const pc_conv *p, pc_dtype dtype, const void *x, const void *w, const void *b, void *y)
{
    int64_t step = grain(p->oh * p->ow * p->r * p->s * (p->c / p->groups));
    if (dtype == PC_F64)
        return pc_parallel_for(p->n * p->k, step, f64_forward, &(f64_job){ .p = p, .x = x, .w = w, .b = b, .out = y });
    return pc_parallel_for(p->n * p->k, step, i64_forward, &(i64_job){ .p = p, .x = x, .w = w, .b = b, .out = y });
}

pc_status pc_conv_plain_input(const pc_conv *p, pc_dtype dtype, const void *w, const void *b, const void *g, void *gx)
{
    int64_t step = grain(p->oh * p->ow * p->r * p->s * (p->k / p->groups));
    if (dtype == PC_F64)
        return pc_parallel_for(p->n * p->c, step, f64_input, &(f64_job){ .p = p, .w = w, .b = b, .g = g, .out = gx });
    return pc_parallel_for(p->n * p->c, step, i64_input, &(i64_job){ .p = p, .w = w, .b = b, .g = g, .out = gx });
}

pc_status pc_conv_plain_weight(const pc_conv *p, const double *x, const double *g, double *gw)
{
    int64_t step = grain(p->n * p->oh * p->ow * p->r * p->s);
    return pc_parallel_for(p->k * (p->c / p->groups), step, f64_weight,
                           &(f64_job){ .p = p, .x = x, .g = g, .out = gw });
}

void pc_conv_plain_bias(int64_t n, int64_t c, int64_t area, const double *g, double *gb)
{
    for (int64_t k = 0; k < c; k++) gb[k] = 0;
    for (int64_t i = 0; i < n * c; i++) {
        double sum = 0;
        for (int64_t q = 0; q < area; q++) sum += g[i * area + q];
        gb[i % c] += sum;
    }
}
