/* blas.h -- matrix products by BLIS's microkernels, split into tasks for the thread pool by shape alone. */
#ifndef PC_BLAS_H
#define PC_BLAS_H
#include "../core/status.h"
#include <stdbool.h>
#include <stdint.h>

/* Which of BLIS's kernels the processor is best served with, isa being the limit (as in core/cpu.h); BLIS itself would
   fall back to slow code on processors newer than itself. Before the first product, by pc_init, and again when the
   instruction set is changed, while no product is under way. */
pc_status pc_blas_init(int isa);
/* "0.9.0" and "zen3": for show_config. */
const char *pc_blas_version(void);
const char *pc_blas_arch(void);

/* A matrix of float32 or float64: element (i, j) stands at i * rs + j * cs. Nothing else is read. */
typedef struct pc_matrix {
    const void *data;
    int64_t rs, cs;
} pc_matrix;

/* c = alpha * a * b + beta * c, with a m x k, b k x n, c m x n; wide: float64. beta == 0 overwrites c, NaN included.
   The result does not depend on the number of threads. Fails with PC_ENOMEM alone: BLIS itself allocates nothing. */
pc_status pc_gemm(bool wide, int64_t m, int64_t n, int64_t k, double alpha, pc_matrix a, pc_matrix b, double beta,
                  void *c, int64_t rs, int64_t cs);

#endif
