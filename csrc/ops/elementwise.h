/* elementwise.h -- the loop that element-by-element operators share: broadcasting, type promotion, the layout of
   results, coalesced strides, chunks for the thread pool, sums over broadcast dimensions. */
#ifndef PC_ELEMENTWISE_H
#define PC_ELEMENTWISE_H
#include "../kernels/rows.h"
#include "op.h"

#define PC_LOOP_MAX 5

/* Operands walked together; operand 0 is the destination. Dimension 0 is the innermost. */
typedef struct pc_loop {
    int nops, ndim;
    int64_t numel;
    int64_t shape[PC_MAX_DIMS];
    char *data[PC_LOOP_MAX];
    int64_t stride[PC_LOOP_MAX][PC_MAX_DIMS]; /* in bytes; 0 where the operand is broadcast */
} pc_loop;

/* Plan a loop over t[0]'s shape; the others are broadcast to it (they must fit). All are settled; a tensor may be
   NULL, with data set by the caller afterwards and stride 0. Dimensions are ordered by memory and merged. */
void pc_loop_plan(pc_loop *l, int nops, pc_tensor *const *t);
/* Run it, in chunks of about grain elements on the thread pool. */
pc_status pc_loop_run(const pc_loop *l, int64_t grain, pc_row_fn row, const pc_row_args *args);
/* Elements a chunk takes when an element costs about a nanosecond or less. */
#define PC_GRAIN 32768

/* Strides of a dense tensor of t's shape whose dimensions keep t's order in memory (torch's preserve_format). */
void pc_dense_strides(const pc_tensor *t, int64_t *stride);

#endif
