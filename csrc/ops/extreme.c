/* extreme.c -- the largest and smallest elements, and where they stand. */
#include "fold.h"
#include "copy.h"
#include "index.h"
#include <math.h>
#include <string.h>

/* ---- gradients: a is in[0], b and c are of the result's shape ----------------------------------- */

PC_ROWS3(to_equal, (a == c) * b)
PC_ROWS3(to_equal_or_nan, a == c || (a != a && c != c) ? b : 0)
PC_ROWS3(to_equal_abs, fabs(a) == c || (a != a && c != c) ? PC_SIGN(a) * b : 0)
PC_ROWS3(share, b / c)
#define ROWS_TIES(name, T, VALUE, NANS) PC_ROW2(name, uint8_t, T, T, , VALUE == b || (NANS && a != a && b != b))
ROWS_TIES(ties_f32, float, a, false)
ROWS_TIES(ties_f64, double, a, false)
ROWS_TIES(nan_ties_f32, float, a, true)
ROWS_TIES(nan_ties_f64, double, a, true)
ROWS_TIES(abs_ties_f32, float, fabsf(a), true)
ROWS_TIES(abs_ties_f64, double, fabs(a), true)

pc_status pc_shared_by_ties(pc_call *c, pc_tensor *x, pc_tensor *g, pc_tensor *y, pc_tensor **gin, int kind)
{
    static const pc_row_fn rows[][2] = { { ties_f32, ties_f64 }, { nan_ties_f32, nan_ties_f64 },
                                         { abs_ties_f32, abs_ties_f64 } };
    pc_status status = PC_OK;
    pc_tensor *ties = NULL, *count = NULL, *number = NULL, *part = NULL, *t[3];
    pc_loop l;

    PC_TRY(pc_like_input(c, PC_BOOL, &ties));
    t[0] = ties, t[1] = x, t[2] = y;
    pc_loop_plan(&l, 3, t);
    PC_TRY(pc_loop_run(&l, PC_GRAIN / 2, rows[kind][x->dtype == PC_F64], NULL));
    PC_TRY(pc_sum_dims(ties, pc_reduced_mask(c), true, &count));
    PC_TRY(pc_cast(count, x->dtype, &number));
    PC_TRY(pc_tensor_new(x->dtype, g->ndim, g->shape, &part));
    PC_TRY(PC_RUN3(share, 0, part, number, g, number));
    if (kind == PC_BY_MAGNITUDE) PC_TRY(PC_RUN3(to_equal_abs, 0, *gin, x, part, y));
    else if (kind == PC_NAN_EQUALS_NAN) PC_TRY(PC_RUN3(to_equal_or_nan, 0, *gin, x, part, y));
    else PC_TRY(PC_RUN3(to_equal, 0, *gin, x, part, y));
done:
    pc_release(ties);
    pc_release(count);
    pc_release(number);
    pc_release(part);
    return status;
}

/* ---- calls ------------------------------------------------------------------------------------- */

/* torch's errors for nothing to choose from. dims: whether dimensions were named. */
static pc_status check_nonempty(const pc_call *c, uint32_t mask, bool dims)
{
    pc_status status = PC_OK;
    const pc_tensor *t = c->in[0];
    bool arg = strncmp(c->op->schema, "arg", 3) == 0;
    PC_CHECK(dims || t->numel > 0, arg ? PC_EINDEX : PC_ESHAPE,
             arg ? "%s(): Expected reduction dim to be specified for input.numel() == 0."
                 : "%s(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
                   "with the 'dim' argument.",
             pc_op_name(c->op));
    for (int d = 0; d < t->ndim; d++)
        PC_CHECK(!(mask >> d & 1) || t->shape[d] > 0, PC_EINDEX,
                 "%s(): Expected reduction dim %d to have non-zero size.", pc_op_name(c->op), d);
done:
    return status;
}

static pc_status extreme(pc_call *c, pc_measure what, uint32_t mask, bool keepdim, bool dims)
{
    pc_reduction p = { .what = what };
    pc_status status = check_nonempty(c, mask, dims);
    return status == PC_OK ? pc_reduce_to(c, &p, c->in[0], mask, keepdim, c->in[0]->dtype) : status;
}

static pc_status extreme_index(pc_call *c, pc_measure what, uint32_t mask, bool keepdim, pc_tensor **values,
                               pc_tensor **indices)
{
    pc_status status = PC_OK;
    pc_reduction p = { .what = what };
    int64_t shape[PC_MAX_DIMS];
    int n = pc_kept_shape(c->in[0], mask, keepdim, shape);
    pc_remember_reduction(c, mask, keepdim);
    if (values != NULL) PC_TRY(pc_tensor_new(c->in[0]->dtype, n, shape, values));
    PC_TRY(pc_tensor_new(PC_I64, n, shape, indices));
    p.values = values != NULL ? *values : NULL;
    p.indices = *indices;
    PC_TRY(pc_reduce(&p, c->in[0], mask));
done:
    return status;
}

static pc_status arg_extreme(pc_call *c, pc_measure what)
{
    pc_status status = PC_OK;
    uint32_t mask;
    PC_CHECK(c->in[0]->dtype != PC_BOOL, PC_ESHAPE, "%s(): does not support bool input", pc_op_name(c->op));
    PC_TRY(pc_one_dim_mask(&c->v[0], c->in[0]->ndim, &mask));
    PC_TRY(check_nonempty(c, mask, c->v[0].kind != PC_NONE));
    PC_TRY(extreme_index(c, what, mask, c->v[1].i, NULL, &c->out[0]));
done:
    return status;
}

static pc_status extreme_dim(pc_call *c, pc_measure what)
{
    pc_status status = PC_OK;
    uint32_t mask;
    PC_TRY(pc_one_dim_mask(&c->v[0], c->in[0]->ndim, &mask));
    PC_TRY(check_nonempty(c, mask, true));
    PC_TRY(extreme_index(c, what, mask, c->v[1].i, &c->out[0], &c->out[1]));
done:
    return status;
}

static pc_status extreme_dims(pc_call *c, pc_measure what)
{
    uint32_t mask;
    pc_status status = pc_wrap_dims(&c->v[0], c->in[0]->ndim, &mask);
    return status == PC_OK ? extreme(c, what, mask, c->v[1].i, c->v[0].ints.n > 0) : status;
}

/* maximum and minimum under their other names. */
static pc_status elementwise_forward(pc_call *c)
{
    const pc_op *op = pc_op_find(c->op->schema[1] == 'a' ? "maximum" : "minimum");
    return op != NULL ? op->forward(c)
                      : pc_fail(PC_ENOTIMPL, "this build has no operator for %s of two tensors", pc_op_name(c->op));
}
static pc_status elementwise_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return pc_op_find(c->op->schema[1] == 'a' ? "maximum" : "minimum")->backward(c, gout, gin);
}

#define EXTREME(name, what, position)                                                                  \
    static pc_status name##_forward(pc_call *c) { return extreme(c, what, (1u << c->in[0]->ndim) - 1, false, false); } \
    static pc_status name##_dim_forward(pc_call *c) { return extreme_dim(c, position); }           \
    static pc_status a##name##_forward(pc_call *c) { return extreme_dims(c, what); }               \
    static pc_status arg##name##_forward(pc_call *c) { return arg_extreme(c, position); }
EXTREME(max, PC_MAX, PC_ARGMAX)
EXTREME(min, PC_MIN, PC_ARGMIN)

static pc_status nan_ties(pc_call *c, pc_tensor *x, pc_tensor *g, pc_tensor *y, pc_tensor **gin)
{
    return pc_shared_by_ties(c, x, g, y, gin, PC_NAN_EQUALS_NAN);
}
pc_status pc_extreme_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return pc_in_full_precision(c, gout[0], &gin[0], nan_ties);
}

static pc_status ties(pc_call *c, pc_tensor *x, pc_tensor *g, pc_tensor *y, pc_tensor **gin)
{
    return pc_shared_by_ties(c, x, g, y, gin, PC_NAN_EQUALS_NONE);
}
static pc_status extreme_dims_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return pc_in_full_precision(c, gout[0], &gin[0], ties);
}

static pc_status extreme_dim_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor g = pc_spread(c, gout[0]), index = pc_spread(c, c->out[1]);
    uint32_t mask = pc_reduced_mask(c);
    PC_TRY(pc_zeros_like(c->in[0], &gin[0]));
    PC_TRY(pc_scatter(gin[0], mask != 0 ? __builtin_ctz(mask) : 0, &index, &g, false));
done:
    return status;
}

static pc_status aminmax_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_reduction least = { .what = PC_MIN }, most = { .what = PC_MAX };
    int64_t shape[PC_MAX_DIMS];
    uint32_t mask;
    int n;

    PC_TRY(pc_one_dim_mask(&c->v[0], c->in[0]->ndim, &mask));
    PC_CHECK(c->v[0].kind == PC_NONE || pc_reduced_count(c->in[0], mask) > 0, PC_EINDEX,
             "aminmax: Expected reduction dim %d to have non-zero size.", __builtin_ctz(mask | 1u << 31));
    PC_CHECK(pc_reduced_count(c->in[0], mask) > 0, PC_ESHAPE,
             "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.");
    n = pc_kept_shape(c->in[0], mask, c->v[1].i, shape);
    pc_remember_reduction(c, mask, c->v[1].i);
    PC_TRY(pc_tensor_new(c->in[0]->dtype, n, shape, &c->out[0]));
    PC_TRY(pc_tensor_new(c->in[0]->dtype, n, shape, &c->out[1]));
    least.values = c->out[0];
    most.values = c->out[1];
    PC_TRY(pc_reduce(&least, c->in[0], mask));
    PC_TRY(pc_reduce(&most, c->in[0], mask));
done:
    return status;
}

static pc_status aminmax_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *least = c->out[0], *second = NULL;
    if (gout[0] != NULL) PC_TRY(pc_in_full_precision(c, gout[0], &gin[0], ties));
    if (gout[1] != NULL) {
        c->out[0] = c->out[1];
        status = pc_in_full_precision(c, gout[1], gin[0] != NULL ? &second : &gin[0], ties);
        c->out[0] = least;
        PC_TRY(status);
        if (second != NULL) PC_TRY(pc_accumulate(gin[0], second));
    }
done:
    pc_release(second);
    return status;
}

/* ---- rows -------------------------------------------------------------------------------------- */

#define BOTH (PC_FUNCTION | PC_METHOD)
#define SAVE_BOTH (PC_SAVE_IN0 | PC_SAVE_OUT0)

static const pc_op ops[] = {
    { "max(Tensor self) -> Tensor", max_forward, pc_extreme_backward, BOTH | SAVE_BOTH, "The largest element." },
    { "max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", max_dim_forward,
      extreme_dim_backward, BOTH | PC_SAVE_OUT1, "The largest elements along a dimension, and where they stand.\n"
      "note: Of equal elements the first counts. The gradient of the largest of all is shared among equal "
      "ones, as in torch." },
    { "max.other(Tensor self, Tensor other) -> Tensor", elementwise_forward, elementwise_backward,
      BOTH | PC_SAVE_IN0 | PC_SAVE_IN1, "The larger of two tensors, element by element: maximum.\n"
      "other: Compared with the input, element by element." },
    { "min(Tensor self) -> Tensor", min_forward, pc_extreme_backward, BOTH | SAVE_BOTH, "The smallest element." },
    { "min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", min_dim_forward,
      extreme_dim_backward, BOTH | PC_SAVE_OUT1, "The smallest elements along a dimension, and where they stand." },
    { "min.other(Tensor self, Tensor other) -> Tensor", elementwise_forward, elementwise_backward,
      BOTH | PC_SAVE_IN0 | PC_SAVE_IN1, "The smaller of two tensors, element by element: minimum.\n"
      "other: Compared with the input, element by element." },
    { "amax(Tensor self, int[] dim=[], bool keepdim=False) -> Tensor", amax_forward, extreme_dims_backward,
      BOTH | SAVE_BOTH, "The largest elements over dimensions; equal ones share the gradient." },
    { "amin(Tensor self, int[] dim=[], bool keepdim=False) -> Tensor", amin_forward, extreme_dims_backward,
      BOTH | SAVE_BOTH, "The smallest elements over dimensions; equal ones share the gradient." },
    { "aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)", aminmax_forward,
      aminmax_backward, BOTH | SAVE_BOTH | PC_SAVE_OUT1, "The smallest and the largest elements." },
    { "argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", argmax_forward, NULL, BOTH | PC_NOGRAD,
      "Where the largest element stands; the first of equal ones." },
    { "argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", argmin_forward, NULL, BOTH | PC_NOGRAD,
      "Where the smallest element stands; the first of equal ones." },
};
PC_FAMILY(extreme, ops);
