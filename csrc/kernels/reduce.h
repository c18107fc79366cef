/* reduce.h -- kernels of reductions: folds of a run of elements, or of rows of columns, into accumulators. */
#ifndef PC_REDUCE_KERNELS_H
#define PC_REDUCE_KERNELS_H
#include <stdint.h>

typedef enum pc_fold {
    PC_FOLD_SUM, PC_FOLD_PROD, PC_FOLD_NONZERO, PC_FOLD_MAX, PC_FOLD_MIN, PC_FOLD_ARGMAX, PC_FOLD_ARGMIN,
    /* of floats alone: */
    PC_FOLD_ABS, PC_FOLD_SQUARE, PC_FOLD_POWER, PC_FOLD_MAXABS, PC_FOLD_MINABS, PC_FOLD_VAR, PC_FOLD_LOGSUMEXP,
    PC_FOLD_COUNT
} pc_fold;

/* What elements are folded from; others are converted first. */
typedef enum pc_fold_type { PC_FOLD_F32, PC_FOLD_F64, PC_FOLD_I64, PC_FOLD_U8, PC_FOLD_TYPES } pc_fold_type;

/* Accumulators are doubles for floats and int64 for integers (modulo 2^64); arg* and nonzero keep int64:
   a: sum, product, count, extreme, mean, maximum      b: index of the extreme, sum of squared deviations, sum of exp
   first: elements that an accumulator holds already; 0 starts those of the extremes, of var and logsumexp, which need
   no initial value. Sums and counts start at 0, products at 1. Extremes: the first of equals, NaN before all. */
typedef void (*pc_fold_row)(const void *x, int64_t n, int64_t first, double p, void *a, void *b);
/* Rows of n elements, ld elements apart, each into its column's accumulator. */
typedef void (*pc_fold_col)(const void *x, int64_t ld, int64_t rows, int64_t n, int64_t first, double p, void *a,
                            void *b);

typedef struct pc_folder {
    pc_fold_row row;
    pc_fold_col col;
} pc_folder;

#endif
