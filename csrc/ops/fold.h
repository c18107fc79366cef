/* fold.h -- what the families of reductions share: folding a tensor over dimensions, and their calls' bookkeeping. */
#ifndef PC_FOLD_H
#define PC_FOLD_H
#include "elementwise.h"
#include "reduce.h"
#include "shape.h"

typedef enum pc_measure {
    PC_SUM,
    PC_MEAN,
    PC_PROD,
    PC_NONZERO,
    PC_ANY,
    PC_ALL,
    PC_MAX,
    PC_MIN,
    PC_ARGMAX,
    PC_ARGMIN,
    PC_NORM0,
    PC_NORM1,
    PC_NORM2,
    PC_NORMP,
    PC_NORM_INF,
    PC_NORM_NEG_INF,
    PC_VAR,
    PC_STD,
    PC_LOGSUMEXP
} pc_measure;

typedef struct pc_reduction {
    pc_measure what;
    double p;                            /* of the norm */
    double correction;                   /* of the variance */
    pc_tensor *values, *indices, *means; /* of the kept shape, contiguous; NULL where not wanted */
} pc_reduction;

/* Fold t, which is settled, over the dimensions in mask. */
pc_status pc_reduce(const pc_reduction *of, const pc_tensor *t, uint32_t mask);
/* The shape that is left; returns its number of dimensions. */
int pc_kept_shape(const pc_tensor *t, uint32_t mask, bool keepdim, int64_t *shape);
/* Elements that make one result. */
int64_t pc_reduced_count(const pc_tensor *t, uint32_t mask);

/* What backward needs to know of the dimensions is kept with the arguments. */
void pc_remember_reduction(pc_call *c, uint32_t mask, bool keepdim);
uint32_t pc_reduced_mask(const pc_call *c);
/* The dimension that an optional argument names: all for None. */
pc_status pc_one_dim_mask(const pc_value *dim, int ndim, uint32_t *mask);

/* Fold in[0] (or t in its place) into out[0] of the given dtype. */
pc_status pc_reduce_to(pc_call *c, pc_reduction *of, pc_tensor *t, uint32_t mask, bool keepdim, pc_dtype dtype);
/* Fold in[0], converted where its dtype asks for it, into out[0]. */
pc_status pc_reduce_as(pc_call *c, pc_measure what, uint32_t mask, bool keepdim, pc_dtype dtype);
/* The dtype of a sum: what was asked for, the float that it is, or int64. */
pc_dtype pc_sum_dtype(const pc_value *asked, pc_dtype d);
/* t in a dtype that may be folded into `to`: floats meant to become integers are converted first. */
pc_status pc_for_dtype(pc_tensor *t, pc_dtype to, pc_tensor **out);

/* A window onto t, shaped like the result, with dimensions of size 1 where in[0] was reduced. */
pc_tensor pc_spread(const pc_call *c, const pc_tensor *t);
/* A tensor of in[0]'s shape and layout, undefined. */
pc_status pc_like_input(const pc_call *c, pc_dtype dtype, pc_tensor **out);
/* Gradients are computed in float32 or float64; float16 and bfloat16 take the way through float32. */
typedef pc_status (*pc_grad_fn)(pc_call *c, pc_tensor *x, pc_tensor *g, pc_tensor *y, pc_tensor **gin);
pc_status pc_in_full_precision(pc_call *c, pc_tensor *gout, pc_tensor **gin, pc_grad_fn fn);
/* The gradient of an extreme, shared evenly by all elements that equal it. What a NaN does is torch's, by operator. */
enum { PC_NAN_EQUALS_NONE, PC_NAN_EQUALS_NAN, PC_BY_MAGNITUDE };
pc_status pc_shared_by_ties(pc_call *c, pc_tensor *x, pc_tensor *g, pc_tensor *y, pc_tensor **gin, int kind);

/* Element-by-element work of the gradients: a is in[0], b and c are of the result's shape. */
#define PC_ROWS3(name, EXPR) \
    PC_ROW3(name##_f32, float, float, float, float, double p = args->f[0], ((void)p, (void)a, (void)b, (void)c, EXPR)) \
    PC_ROW3(name##_f64, double, double, double, double, double p = args->f[0], \
            ((void)p, (void)a, (void)b, (void)c, EXPR))
#define PC_SIGN(x) (((x) > 0) - ((x) < 0))
pc_status pc_run3(pc_row_fn f32, pc_row_fn f64, double arg, pc_tensor *o, pc_tensor *a, pc_tensor *b, pc_tensor *c);
#define PC_RUN3(name, arg, o, a, b, c) pc_run3(name##_f32, name##_f64, arg, o, a, b, c)

#endif
