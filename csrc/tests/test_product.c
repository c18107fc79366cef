/* test_product.c -- products of any shape and strides against plain loops; under ASan also: nothing else is read. */
#include "../ops/product.h"
#include "../core/alloc.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static uint32_t state = 7;
static int draw(int n)
{
    state = state * 1664525u + 1013904223u;
    return (int)((state >> 8) % (uint32_t)n);
}
static int64_t size_of(int most) { return draw(4) == 0 ? draw(3) + 1 : draw(most) + 1; }

/* A batch of matrices in a block that is no larger than it must be. far: rows or columns share lines of a cache. */
typedef struct operand {
    pc_matrix m;
    float *data;
    int64_t count, step[2];
} operand;

static operand make(int64_t outer, int64_t inner, int64_t rows, int64_t cols, bool far)
{
    operand o = { 0 };
    const bool by_columns = draw(3) == 0;
    const int64_t length = by_columns ? rows : cols, near = draw(3) == 0 ? draw(3) : 0;
    const int64_t gap = far ? 1023 - (length + 1023) % 1024 : near,
                  each = (rows + (by_columns ? gap : 0)) * (cols + (by_columns ? 0 : gap));
    o.m.rs = by_columns ? 1 : cols + gap;
    o.m.cs = by_columns ? rows + gap : 1;
    o.step[1] = inner == 0 ? 0 : each;
    o.step[0] = outer == 0 ? 0 : each * (inner == 0 ? 1 : inner);
    o.count = (outer > 1 ? outer - 1 : 0) * o.step[0] + (inner > 1 ? inner - 1 : 0) * o.step[1] + (rows - 1) * o.m.rs
              + (cols - 1) * o.m.cs + 1;
    o.data = pc_alloc((size_t)o.count * sizeof *o.data);
    for (int64_t i = 0; i < o.count; i++) o.data[i] = (float)(draw(2001) - 1000) / 1000;
    o.m.data = o.data;
    return o;
}

static void check(int64_t m, int64_t n, int64_t k, bool far)
{
    const int64_t outer = draw(3) == 0 ? draw(3) + 1 : 1, inner = draw(3) == 0 ? draw(4) + 1 : 1;
    /* 0: the operand, or the sum, is one for all of the batch */
    operand a = make(draw(3) ? outer : 0, draw(3) ? inner : 0, m, k, far),
            b = make(draw(3) ? outer : 0, draw(3) ? inner : 0, k, n, far);
    operand c = make(draw(3) ? outer : 0, draw(3) ? inner : 0, m, n, far);
    pc_product p = { .dtype = PC_F32,
                     .m = m,
                     .n = n,
                     .k = k,
                     .a = a.m,
                     .b = b.m,
                     .c = c.data,
                     .rs = c.m.rs,
                     .cs = c.m.cs,
                     .alpha = draw(4) ? 1 : 0.5,
                     .beta = (double[]){ 0, 1, 0.5 }[draw(3)],
                     .nbatch = 2,
                     .batch = { outer, inner } };
    memcpy(p.sa, a.step, sizeof a.step);
    memcpy(p.sb, b.step, sizeof b.step);
    memcpy(p.sc, c.step, sizeof c.step);
    double *want = pc_alloc((size_t)c.count * sizeof *want), *size = pc_alloc((size_t)c.count * sizeof *size);
    const double alpha = p.alpha, beta = p.beta;
    for (int64_t i = 0; i < c.count; i++) want[i] = c.data[i], size[i] = 1;
    for (int64_t s = 0; s < outer; s++)
        for (int64_t t = 0; t < inner; t++)
            for (int64_t i = 0; i < m; i++)
                for (int64_t j = 0; j < n; j++) {
                    const int64_t at = s * c.step[0] + t * c.step[1] + i * c.m.rs + j * c.m.cs;
                    const bool first = (s == 0 || c.step[0] != 0) && (t == 0 || c.step[1] != 0);
                    double sum = 0;
                    for (int64_t q = 0; q < k; q++) {
                        double term = (double)a.data[s * a.step[0] + t * a.step[1] + i * a.m.rs + q * a.m.cs]
                                      * b.data[s * b.step[0] + t * b.step[1] + q * b.m.rs + j * b.m.cs];
                        sum += term;
                        size[at] += fabs(term);
                    }
                    want[at] = alpha * sum + (first ? beta : 1) * want[at];
                }
    if (p.beta == 0)
        for (int64_t s = 0; s < outer; s++)
            for (int64_t t = 0; t < inner; t++)
                for (int64_t i = 0; i < m; i++)
                    for (int64_t j = 0; j < n; j++)
                        c.data[s * c.step[0] + t * c.step[1] + i * c.m.rs + j * c.m.cs] = NAN;
    assert(pc_product_run(&p) == PC_OK);
    for (int64_t i = 0; i < c.count; i++) assert(fabs(c.data[i] - want[i]) <= 2e-6 * size[i]);
    pc_free(a.data);
    pc_free(b.data);
    pc_free(c.data);
    pc_free(want);
    pc_free(size);
}

int main(void)
{
    static const char *const isas[] = { "base", "v3", "v4" };
    assert(pc_init() == PC_OK);
    for (int isa = 0; isa < 3; isa++) {
        if (pc_use_isa(isas[isa]) != PC_OK) continue;
        for (int round = 0; round < 600; round++) {
            const int most = round % 50 == 0 ? 700 : round % 10 == 0 ? 150 : 40;
            check(size_of(most), size_of(most), size_of(most), round % 3 == 0);
        }
        for (int round = 0; round < 20; round++) check(20 + draw(100), 20 + draw(100), 500 + draw(600), true);
        for (int round = 0; round < 8; round++) check(1100, 30, 1100, true); /* panels in rounds */
        puts(isas[isa]);
    }
    assert(pc_alloc_stats().live_blocks == 0);
    return 0;
}
