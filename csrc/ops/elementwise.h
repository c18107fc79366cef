/* elementwise.h -- the loop that element-by-element operators share: broadcasting, type promotion, the layout of
   results, coalesced strides, chunks for the thread pool, sums over broadcast dimensions. */
#ifndef PC_ELEMENTWISE_H
#define PC_ELEMENTWISE_H
#include "../kernels/rows.h"
#include "op.h"
#include <stddef.h>

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
/* Run it in this thread, in order: for destinations that may coincide. */
pc_status pc_loop_run_in_order(const pc_loop *l, pc_row_fn row, const pc_row_args *args);
/* Elements a chunk takes when an element costs about a nanosecond or less. */
#define PC_GRAIN 32768

/* Strides of a dense tensor of t's shape whose dimensions keep t's order in memory (torch's preserve_format). */
void pc_dense_strides(const pc_tensor *t, int64_t *stride);

/* ---- operators ----------------------------------------------------------------------------------- */

enum {
    PC_EW_FLOAT = 1 << 0,     /* integers are computed, and returned, in float32 */
    PC_EW_BOOL = 1 << 1,      /* the result is bool */
    PC_EW_MASK0 = 1 << 2,     /* operand 0 is bool by itself and has no part in promotion */
    PC_EW_MASK1 = 1 << 3,     /* operand 1 */
    PC_EW_OF_FIRST = 1 << 4,  /* computed in the dtype of operand 0, whatever the others are */
    PC_EW_NO_BOOL = 1 << 5,   /* refuses bool operands though it takes integers */
    PC_EW_BYTES = 1 << 6,     /* the row of bytes serves bools too */
    PC_EW_COSTLY = 1 << 7     /* an element takes many cycles: smaller chunks */
};

/* An operator as rows, by the dtype computed in: halves are computed in float32, integers and bools in int64 (their
   results wrap just the same) unless there is a row of bytes, converted block by block in the cache. */
typedef struct pc_ew {
    const char *name; /* how torch's messages call its kernel: "floor_cpu" */
    uint32_t rules;
    size_t f32;       /* PC_SLOT(kernel) of the float32 row, or 0 and: */
    pc_row_fn f32_row; /* one that is not worth a kernel per instruction set */
    pc_row_fn f64, i64; /* NULL where the operator does not take such dtypes */
    pc_row_fn u8;       /* of uint8, or NULL */
} pc_ew;
#define PC_SLOT(kernel) offsetof(pc_kernels, kernel)

/* *out = e of up to four operands, in any state (they are settled, or used in their private layout if all have one),
   with torch's broadcasting, promotion and memory format. into: NULL, or the tensor to write (in[0] as a rule), for
   which pc_tensor_begin_write has been called. args may be NULL if the rows read none. */
pc_status pc_elementwise(const pc_ew *e, int nin, pc_tensor *const *in, const pc_row_args *args, pc_tensor *into,
                         pc_tensor **out);
/* Fails as torch does if writing out would change elements of in that are still to be read. */
pc_status pc_check_overlap(const pc_tensor *out, const pc_tensor *in);
/* The same into a tensor that exists. */
pc_status pc_elementwise_into(const pc_ew *e, int nin, pc_tensor *const *in, const pc_row_args *args, pc_tensor *into);
/* Forward of a row: out[0] = e(in[0..]). What an in-place call overwrites and backward reads goes to aux[0]. */
pc_status pc_ew_forward(pc_call *c, const pc_ew *e, const pc_row_args *args);
/* in[0] as it was: backward's reading of the above. */
static inline pc_tensor *pc_ew_saved(const pc_call *c) { return c->aux[0] != NULL ? c->aux[0] : c->in[0]; }

pc_dtype pc_promote(pc_dtype a, pc_dtype b);
/* torch.result_type of operands, NULL ones left out. */
pc_dtype pc_result_type(int n, pc_tensor *const *t);
/* The shape that all operands broadcast to. */
pc_status pc_broadcast(int n, pc_tensor *const *t, int *ndim, int64_t *shape);

/* g summed over the dimensions that broadcasting added to `like`, in like's dtype: the gradient of an operand.
   Retains g where nothing is to be done. */
pc_status pc_sum_to(pc_tensor *g, const pc_tensor *like, pc_tensor **out);
/* The same, giving up the caller's *g, which becomes the result (NULL on failure). */
pc_status pc_sum_to_own(pc_tensor **g, const pc_tensor *like);
/* The first element of t (settled) as PC_FLOAT, PC_INT or PC_BOOLEAN. */
pc_value pc_number(const pc_tensor *t);
/* Fails, as torch does, if dtype cannot hold a number. */
pc_status pc_check_fits(pc_value v, pc_dtype dtype);
/* The row that converts: operand 0 of dtype `to`, operand 1 of dtype `from`. */
pc_row_fn pc_convert_row(pc_dtype from, pc_dtype to);
/* A number as a double, of a PC_INT, PC_FLOAT or PC_BOOLEAN. */
static inline double pc_value_f64(pc_value v) { return v.kind == PC_FLOAT ? v.f : (double)v.i; }
static inline int64_t pc_value_i64(pc_value v) { return v.kind == PC_FLOAT ? (int64_t)v.f : v.i; }

#endif
