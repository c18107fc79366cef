/* blas.c -- the one place that calls BLIS. */
#include "blas.h"
#include "../core/cpu.h"
#include "../core/parallel.h"
#include <blis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Multiply-adds of a task: some 40 us on one core, well above a hand-over. */
#define TASK_WORK 2e6
#define MOST_TASKS 16
/* Multiple of every kernel's register block, so that splitting costs no edge work. */
#define STEP 48

static const char *arch_name = "unknown";

/* BLIS reads BLIS_ARCH_TYPE once, when it starts; a value of the user's could end the process, so ours stands there
   for that moment. */
pc_status pc_blas_init(int isa)
{
    const pc_cpu *cpu = pc_cpu_info();
    arch_t arch = BLIS_ARCH_GENERIC;
    if (isa >= PC_ISA_V3) arch = cpu->amd ? BLIS_ARCH_ZEN3 : BLIS_ARCH_HASWELL;
    /* With 512-bit units of full width (Intel's servers, Zen 5) skx is the faster one; Zen 4 halves them. */
    if (isa >= PC_ISA_V4 && (!cpu->amd || cpu->family >= 0x1a)) arch = BLIS_ARCH_SKX;
    char value[16], *before = getenv("BLIS_ARCH_TYPE"), *saved = before != NULL ? strdup(before) : NULL;
    if (before != NULL && saved == NULL) return pc_fail(PC_ENOMEM, "out of memory while BLIS starts");
    snprintf(value, sizeof value, "%d", (int)arch);
    setenv("BLIS_ARCH_TYPE", value, 1);
    bli_init();
    arch_name = bli_arch_string(bli_arch_query_id());
    if (saved != NULL) setenv("BLIS_ARCH_TYPE", saved, 1);
    else unsetenv("BLIS_ARCH_TYPE");
    free(saved);
    return PC_OK;
}

const char *pc_blas_version(void) { return bli_info_get_version_str(); }
const char *pc_blas_arch(void) { return arch_name; }

typedef struct product {
    bool wide, by_rows;
    int64_t m, n, k;
    double alpha, beta;
    pc_matrix a, b;
    char *c;
    int64_t rs, cs;
} product;

/* Rows (or columns) [begin, end) of c. */
static pc_status part(void *ctx, int64_t begin, int64_t end)
{
    const product *p = ctx;
    int64_t item = p->wide ? 8 : 4, m = p->by_rows ? end - begin : p->m, n = p->by_rows ? p->n : end - begin;
    char *a = (char *)p->a.data + (p->by_rows ? begin * p->a.rs * item : 0);
    char *b = (char *)p->b.data + (p->by_rows ? 0 : begin * p->b.cs * item);
    char *c = p->c + begin * (p->by_rows ? p->rs : p->cs) * item;
    rntm_t rntm = BLIS_RNTM_INITIALIZER;
    bli_rntm_set_num_threads(1, &rntm);
    /* The small-matrix kernels of 0.9 read a few elements past their operands. */
    if (p->a.foreign || p->b.foreign) bli_rntm_disable_l3_sup(&rntm);
    if (p->wide) {
        double alpha = p->alpha, beta = p->beta;
        bli_dgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, m, n, p->k, &alpha, (double *)a, p->a.rs, p->a.cs, (double *)b,
                     p->b.rs, p->b.cs, &beta, (double *)c, p->rs, p->cs, NULL, &rntm);
    } else {
        float alpha = (float)p->alpha, beta = (float)p->beta;
        bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, m, n, p->k, &alpha, (float *)a, p->a.rs, p->a.cs, (float *)b,
                     p->b.rs, p->b.cs, &beta, (float *)c, p->rs, p->cs, NULL, &rntm);
    }
    return PC_OK;
}

pc_status pc_gemm(bool wide, int64_t m, int64_t n, int64_t k, double alpha, pc_matrix a, pc_matrix b, double beta,
                  void *c, int64_t rs, int64_t cs)
{
    product p = { wide, m >= n, m, n, k, alpha, beta, a, b, c, rs, cs };
    double work = (double)m * (double)n * (double)k / TASK_WORK;
    int64_t longest = p.by_rows ? m : n, tasks = work > MOST_TASKS ? MOST_TASKS : work < 2 ? 1 : (int64_t)work;
    if (m == 0 || n == 0) return PC_OK;
    int64_t grain = ((longest + tasks - 1) / tasks + STEP - 1) / STEP * STEP;
    return pc_parallel_for(longest, tasks == 1 ? longest : grain, part, &p);
}
