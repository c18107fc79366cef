/* test_blas.c -- products of matrices: every kernel, all layouts, guard pages behind the operands, short memory. */
#include "../blas/blas.h"
#include "../core/alloc.h"
#include "../core/cpu.h"
#include "../core/parallel.h"
#include "../core/tensor.h"
#include "../ops/op.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint32_t state = 1;
static int draw(int n)
{
    state = state * 1664525u + 1013904223u;
    return (int)((state >> 8) % (uint32_t)n);
}

/* A block whose end is the end of the last page that may be touched. */
typedef struct guarded {
    char *map;
    size_t bytes;
} guarded;
static void *guard(guarded *g, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    g->bytes = (bytes / page + 2) * page;
    g->map = mmap(NULL, g->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(g->map != MAP_FAILED);
    assert(mprotect(g->map + g->bytes - page, page, PROT_NONE) == 0);
    return g->map + g->bytes - page - bytes;
}

static double get(const void *p, bool wide, int64_t i)
{
    return wide ? ((const double *)p)[i] : (double)((const float *)p)[i];
}
static void put(void *p, bool wide, int64_t i, double v)
{
    if (wide) ((double *)p)[i] = v;
    else ((float *)p)[i] = (float)v;
}

/* Strides of an r x c matrix: by rows, by columns, or spread. */
static int64_t layout(int kind, int64_t r, int64_t c, int64_t *rs, int64_t *cs)
{
    int64_t pad = kind >= 2 ? 3 : 0, step = kind == 4 ? 2 : 1;
    if (kind % 2 == 0) {
        *cs = step;
        *rs = c * step + pad;
    } else {
        *rs = step;
        *cs = r * step + pad;
    }
    return r == 0 || c == 0 ? 0 : (r - 1) * *rs + (c - 1) * *cs + 1;
}

static void check(bool wide, int64_t m, int64_t n, int64_t k, int ka, int kb, int kc, double alpha, double beta)
{
    size_t item = wide ? 8 : 4;
    guarded ga, gb, gc;
    pc_matrix a, b;
    int64_t rs, cs;
    int64_t na = layout(ka, m, k, &a.rs, &a.cs), nb = layout(kb, k, n, &b.rs, &b.cs), nc = layout(kc, m, n, &rs, &cs);
    void *pa = guard(&ga, (size_t)na * item), *pb = guard(&gb, (size_t)nb * item), *c = guard(&gc, (size_t)nc * item);
    double *before = malloc((size_t)(nc + 1) * sizeof *before);
    a.data = pa, b.data = pb;
    for (int64_t i = 0; i < na; i++) put(pa, wide, i, draw(2001) / 1000.0 - 1);
    for (int64_t i = 0; i < nb; i++) put(pb, wide, i, draw(2001) / 1000.0 - 1);
    for (int64_t i = 0; i < nc; i++)
        put(c, wide, i, before[i] = beta == 0 ? (double)NAN : (double)(float)(draw(2001) / 1000.0 - 1));
    assert(pc_gemm(wide, m, n, k, alpha, a, b, beta, c, rs, cs) == PC_OK);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0, size = 0;
            for (int64_t l = 0; l < k; l++) {
                double t = get(pa, wide, i * a.rs + l * a.cs) * get(pb, wide, l * b.rs + j * b.cs);
                sum += t;
                size += fabs(t);
            }
            double want = alpha * sum + (beta == 0 ? 0 : beta * before[i * rs + j * cs]);
            double error = fabs(get(c, wide, i * rs + j * cs) - want);
            assert(error <= (wide ? 1e-14 : 4e-6) * (size + 1));
        }
    munmap(ga.map, ga.bytes);
    munmap(gb.map, gb.bytes);
    munmap(gc.map, gc.bytes);
    free(before);
}

static void threads_do_not_matter(void)
{
    static const int64_t shapes[][3] = { { 300, 200, 700 }, { 5, 2000, 300 }, { 700, 33, 129 } };
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        int64_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
        float *a = malloc((size_t)(m * k) * 4), *b = malloc((size_t)(k * n) * 4), *c[3];
        for (int64_t i = 0; i < m * k; i++) a[i] = (float)draw(1000) / 500 - 1;
        for (int64_t i = 0; i < k * n; i++) b[i] = (float)draw(1000) / 500 - 1;
        for (int t = 0; t < 3; t++) {
            c[t] = malloc((size_t)(m * n) * 4);
            pc_set_num_threads(t + 1);
            assert(pc_gemm(false, m, n, k, 1, (pc_matrix){ a, k, 1 }, (pc_matrix){ b, n, 1 }, 0, c[t], n, 1) == PC_OK);
            assert(memcmp(c[0], c[t], (size_t)(m * n) * 4) == 0);
        }
        for (int t = 0; t < 3; t++) free(c[t]);
        free(a);
        free(b);
    }
    pc_set_num_threads(2);
}

int main(void)
{
    setenv("BLIS_ARCH_TYPE", "2", 1); /* would end the process in bli_init */
    assert(pc_init() == PC_OK);
    assert(strcmp(getenv("BLIS_ARCH_TYPE"), "2") == 0);
    pc_cpu *cpu = (pc_cpu *)pc_cpu_info(); /* of either vendor: the kernels run on both */
    for (int choice = 0; choice < 2 * PC_ISA_COUNT; choice++) {
        int isa = choice / 2;
        if (!pc_cpu_supports((pc_isa)isa)) continue;
        cpu->amd = choice % 2 != 0;
        assert(pc_blas_init(isa) == PC_OK);
        printf("%s: BLIS %s %s\n", pc_isa_name((pc_isa)isa), pc_blas_version(), pc_blas_arch());
        for (int round = 0; round < 400; round++) {
            int most = round % 20 == 0 ? 300 : round % 5 == 0 ? 100 : 20;
            check(draw(2), draw(most) + (draw(10) != 0), draw(most) + 1, draw(most) + (draw(10) != 0), draw(5), draw(5),
                  draw(5), draw(2) ? 1 : 0.5, (double[]){ 0, 1, 1.5 }[draw(3)]);
        }
        check(false, 20, 30, 2000, 0, 0, 0, 1, 0);
        check(true, 150, 170, 600, 0, 1, 0, 1, 1);
        threads_do_not_matter();
    }
    float one[4] = { 1, 1, 1, 1 }, c[4];
    pc_alloc_fail_after(0);
    assert(pc_gemm(false, 2, 2, 2, 1, (pc_matrix){ one, 2, 1 }, (pc_matrix){ one, 2, 1 }, 0, c, 2, 1) == PC_ENOMEM);
    pc_alloc_fail_after(-1);
    assert(pc_alloc_stats().live_blocks == 0);
    return 0;
}
