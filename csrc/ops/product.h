/* product.h -- products of matrices, of batches of them, and sums of products, by what suits their shapes. */
#ifndef PC_PRODUCT_H
#define PC_PRODUCT_H
#include "../blas/blas.h"
#include "op.h"

/* c = alpha * a b + beta * c for every index of the batch. Where c's batch stride is 0, the products are summed. */
typedef struct pc_product {
    pc_dtype dtype;       /* float32, float64, or an integer one, which wraps around */
    int64_t m, n, k;      /* a is m x k, b is k x n */
    pc_matrix a, b;       /* the first ones of the batch; strides in elements */
    void *c;
    int64_t rs, cs;       /* c's */
    double alpha, beta;   /* beta == 0: c need not be initialised */
    int nbatch;
    int64_t batch[PC_MAX_DIMS], sa[PC_MAX_DIMS], sb[PC_MAX_DIMS], sc[PC_MAX_DIMS];
} pc_product;

/* The result does not depend on the number of threads. */
pc_status pc_product_run(pc_product *p);

#endif
