/* reduce.c -- sums, means, counts, norms and variances over dimensions, and what all reductions share. */
#include "fold.h"
#include "copy.h"
#include <math.h>
#include <string.h>

/* ---- calls ------------------------------------------------------------------------------------- */

/* What backward needs to know of the dimensions, beside the arguments. */
#define MASK (PC_MAX_PARAMS - 1)
#define KEEPDIM (PC_MAX_PARAMS - 2)

void pc_remember_reduction(pc_call *c, uint32_t mask, bool keepdim)
{
    c->v[MASK] = (pc_value){ .kind = PC_INT, .i = mask };
    c->v[KEEPDIM] = (pc_value){ .kind = PC_BOOLEAN, .i = keepdim };
}
void pc_reduces_all(pc_call *c) { pc_remember_reduction(c, (1u << c->in[0]->ndim) - 1, false); }
uint32_t pc_reduced_mask(const pc_call *c) { return (uint32_t)c->v[MASK].i; }

pc_status pc_one_dim_mask(const pc_value *dim, int ndim, uint32_t *mask)
{
    int d = 0;
    pc_status status = PC_OK;
    *mask = (1u << ndim) - 1;
    if (dim->kind == PC_NONE) return PC_OK;
    status = pc_wrap_dim(dim->i, ndim, &d);
    *mask = ndim > 0 ? 1u << d : 0;
    return status;
}

int64_t pc_reduced_count(const pc_tensor *t, uint32_t mask)
{
    int64_t n = 1;
    for (int d = 0; d < t->ndim; d++)
        if (mask >> d & 1) n *= t->shape[d];
    return n;
}

pc_status pc_reduce_to(pc_call *c, pc_reduction *p, pc_tensor *t, uint32_t mask, bool keepdim, pc_dtype dtype)
{
    pc_status status = PC_OK;
    int64_t shape[PC_MAX_DIMS];
    int n = pc_kept_shape(t, mask, keepdim, shape);
    pc_remember_reduction(c, mask, keepdim);
    PC_TRY(pc_tensor_new(dtype, n, shape, &c->out[0]));
    p->values = c->out[0];
    PC_TRY(pc_reduce(p, t, mask));
done:
    return status;
}

pc_tensor pc_spread(const pc_call *c, const pc_tensor *t)
{
    pc_tensor w = pc_window(t);
    uint32_t mask = pc_reduced_mask(c);
    if (c->v[KEEPDIM].i) return w;
    w.ndim = c->in[0]->ndim;
    for (int d = 0, k = 0; d < w.ndim; d++) {
        bool gone = mask >> d & 1;
        w.shape[d] = gone ? 1 : t->shape[k];
        w.stride[d] = gone ? 0 : t->stride[k++];
    }
    return w;
}

pc_status pc_like_input(const pc_call *c, pc_dtype dtype, pc_tensor **out)
{
    int64_t stride[PC_MAX_DIMS];
    pc_dense_strides(c->in[0], stride);
    return pc_tensor_new_strided(dtype, c->in[0]->ndim, c->in[0]->shape, stride, out);
}

/* ---- element-by-element work of the gradients: a is in[0], b and c are of the result's shape --- */

PC_ROWS3(from_norm2, c == 0 ? 0 : a * (b / c))
PC_ROWS3(from_norm1, PC_SIGN(a) * b)
PC_ROWS3(from_normp, a == 0 || c == 0 ? 0 : PC_SIGN(a) * pow(fabs(a), p - 1) * (b / pow(c, p - 1)))
PC_ROWS3(from_logsumexp, b * exp(a - c))
PC_ROWS3(from_variance, (a - c) * b)
PC_ROWS3(of_variance, b * (2 / p))
PC_ROWS3(of_deviation, a == 0 ? 0 : b / (a * p))
pc_status pc_run3(pc_row_fn f32, pc_row_fn f64, double arg, pc_tensor *o, pc_tensor *a, pc_tensor *b, pc_tensor *c)
{
    pc_loop l;
    pc_row_args args = { .f = { arg } };
    pc_tensor *t[4] = { o, a, b, c };
    pc_loop_plan(&l, 4, t);
    return pc_loop_run(&l, PC_GRAIN / 4, o->dtype == PC_F32 ? f32 : f64, &args);
}

pc_status pc_in_full_precision(pc_call *c, pc_tensor *gout, pc_tensor **gin, pc_grad_fn fn)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *g = NULL, *y = NULL, *wide = NULL, gw, yw;
    pc_dtype dtype = c->in[0]->dtype, work = pc_work_dtype(dtype);

    PC_TRY(c->in[0]->storage == NULL || dtype == work ? pc_tensor_alias(c->in[0], &x) : pc_cast(c->in[0], work, &x));
    PC_TRY(gout->dtype == work ? pc_tensor_alias(gout, &g) : pc_cast(gout, work, &g));
    if (c->out[0]->storage != NULL)
        PC_TRY(c->out[0]->dtype == work ? pc_tensor_alias(c->out[0], &y) : pc_cast(c->out[0], work, &y));
    gw = pc_spread(c, g);
    if (y != NULL) yw = pc_spread(c, y);
    PC_TRY(pc_like_input(c, work, dtype == work ? gin : &wide));
    PC_TRY(fn(c, x, &gw, y != NULL ? &yw : NULL, dtype == work ? gin : &wide));
    if (dtype != work) PC_TRY(pc_cast(wide, dtype, gin));
done:
    pc_release(x);
    pc_release(g);
    pc_release(y);
    pc_release(wide);
    return status;
}

pc_dtype pc_sum_dtype(const pc_value *asked, pc_dtype d)
{
    if (asked->kind == PC_DTYPE) return (pc_dtype)asked->i;
    return pc_dtype_is_float(d) ? d : PC_I64;
}

pc_status pc_for_dtype(pc_tensor *t, pc_dtype to, pc_tensor **out)
{
    bool narrowing = to == PC_BOOL ? t->dtype != PC_BOOL : pc_dtype_is_float(t->dtype) && !pc_dtype_is_float(to);
    if (narrowing) return pc_cast(t, to, out);
    *out = pc_retain(t);
    return PC_OK;
}

pc_status pc_reduce_as(pc_call *c, pc_measure what, uint32_t mask, bool keepdim, pc_dtype dtype)
{
    pc_status status = PC_OK;
    pc_tensor *t = NULL;
    pc_reduction p = { .what = what };
    PC_TRY(pc_for_dtype(c->in[0], dtype, &t));
    PC_TRY(pc_reduce_to(c, &p, t, mask, keepdim, dtype));
done:
    pc_release(t);
    return status;
}

/* ---- sum, mean --------------------------------------------------------------------------------- */

static pc_status sum_forward(pc_call *c)
{
    return pc_reduce_as(c, PC_SUM, (1u << c->in[0]->ndim) - 1, false, pc_sum_dtype(&c->v[0], c->in[0]->dtype));
}
static pc_status sum_dim_forward(pc_call *c)
{
    uint32_t mask;
    pc_status status = pc_wrap_dims(&c->v[0], c->in[0]->ndim, &mask);
    if (status != PC_OK) return status;
    return pc_reduce_as(c, PC_SUM, mask, c->v[1].i, pc_sum_dtype(&c->v[2], c->in[0]->dtype));
}

static pc_status sum_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor w = pc_spread(c, gout[0]);
    PC_TRY(pc_like_input(c, c->in[0]->dtype, &gin[0]));
    PC_TRY(pc_copy(gin[0], &w));
done:
    return status;
}

static pc_status mean_dtype(const pc_value *asked, pc_dtype d, pc_dtype *out)
{
    pc_status status = PC_OK;
    bool given = asked->kind == PC_DTYPE;
    *out = given ? (pc_dtype)asked->i : d;
    PC_CHECK(pc_dtype_is_float(*out), PC_ESHAPE,
             "mean(): could not infer output dtype. %s dtype must be either a floating point or complex dtype. Got: %s",
             given ? "Optional" : "Input", pc_dtype_type_name(*out));
done:
    return status;
}

static pc_status mean_forward(pc_call *c)
{
    pc_dtype dtype;
    pc_status status = mean_dtype(&c->v[0], c->in[0]->dtype, &dtype);
    return status == PC_OK ? pc_reduce_as(c, PC_MEAN, (1u << c->in[0]->ndim) - 1, false, dtype) : status;
}
static pc_status mean_dim_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_dtype dtype;
    uint32_t mask;
    PC_TRY(mean_dtype(&c->v[2], c->in[0]->dtype, &dtype));
    PC_TRY(pc_wrap_dims(&c->v[0], c->in[0]->ndim, &mask));
    PC_TRY(pc_reduce_as(c, PC_MEAN, mask, c->v[1].i, dtype));
done:
    return status;
}

static pc_status mean_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *part = NULL, *g = NULL, w;
    pc_dtype work = pc_work_dtype(gout[0]->dtype);
    double n = (double)pc_reduced_count(c->in[0], pc_reduced_mask(c));

    PC_TRY(gout[0]->dtype == work ? pc_tensor_alias(gout[0], &g) : pc_cast(gout[0], work, &g));
    PC_TRY(pc_tensor_new(work, g->ndim, g->shape, &part));
    PC_TRY(PC_RUN3(of_variance, 2 * n, part, g, g, g));
    w = pc_spread(c, part);
    PC_TRY(pc_like_input(c, c->in[0]->dtype, &gin[0]));
    PC_TRY(pc_copy(gin[0], &w));
done:
    pc_release(part);
    pc_release(g);
    return status;
}

/* ---- counts and truth -------------------------------------------------------------------------- */

static pc_status truth(pc_call *c, pc_measure what, uint32_t mask, bool keepdim)
{
    pc_reduction p = { .what = what };
    return pc_reduce_to(c, &p, c->in[0], mask, keepdim, c->in[0]->dtype == PC_U8 ? PC_U8 : PC_BOOL);
}
#define TRUTH(name, what)                                                                          \
    static pc_status name##_forward(pc_call *c) { return truth(c, what, (1u << c->in[0]->ndim) - 1, false); } \
    static pc_status name##_dim_forward(pc_call *c)                                                \
    {                                                                                              \
        uint32_t mask;                                                                             \
        pc_status status = pc_wrap_dims(&c->v[0], c->in[0]->ndim, &mask);                          \
        return status == PC_OK ? truth(c, what, mask, c->v[1].i) : status;                         \
    }
TRUTH(any, PC_ANY)
TRUTH(all, PC_ALL)

static pc_status count_nonzero_forward(pc_call *c)
{
    pc_reduction p = { .what = PC_NONZERO };
    uint32_t mask;
    pc_status status = pc_wrap_dims(&c->v[0], c->in[0]->ndim, &mask);
    return status == PC_OK ? pc_reduce_to(c, &p, c->in[0], mask, false, PC_I64) : status;
}

/* ---- norms ------------------------------------------------------------------------------------- */

static pc_measure norm_of(const pc_call *c, double *p)
{
    const pc_value *v = &c->v[0];
    *p = v->kind == PC_NONE ? 2 : v->kind == PC_FLOAT ? v->f : (double)v->i;
    if (*p == 2) return PC_NORM2;
    if (*p == 1) return PC_NORM1;
    if (*p == 0) return PC_NORM0;
    return isinf(*p) ? (*p > 0 ? PC_NORM_INF : PC_NORM_NEG_INF) : PC_NORMP;
}

static pc_status norm_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *t = NULL;
    pc_reduction p = { 0 };
    uint32_t mask;
    pc_dtype dtype = c->v[3].kind == PC_DTYPE ? (pc_dtype)c->v[3].i : c->in[0]->dtype;

    p.what = norm_of(c, &p.p);
    PC_CHECK(pc_dtype_is_float(c->in[0]->dtype), PC_ESHAPE,
             "linalg.vector_norm: Expected a floating point or complex tensor as input. Got %s",
             pc_dtype_type_name(c->in[0]->dtype));
    PC_CHECK(pc_dtype_is_float(dtype), PC_ESHAPE,
             "linalg.vector_norm: dtype should be floating point or complex. Got %s", pc_dtype_type_name(dtype));
    PC_TRY(pc_wrap_dims(&c->v[1], c->in[0]->ndim, &mask));
    if (p.what == PC_NORM_INF || p.what == PC_NORM_NEG_INF || p.p < 0) {
        bool named = c->v[1].kind == PC_INTS && c->v[1].ints.n > 0;
        PC_CHECK(named || c->in[0]->numel > 0, PC_ESHAPE,
                 "linalg.vector_norm cannot compute the %s norm on an empty tensor because the operation does not "
                 "have an identity",
                 p.what == PC_NORM_INF       ? "inf"
                 : p.what == PC_NORM_NEG_INF ? "-inf"
                                          : "negative");
        for (int d = 0; d < c->in[0]->ndim; d++)
            PC_CHECK(!(mask >> d & 1) || c->in[0]->shape[d] > 0, PC_ESHAPE,
                     "linalg.vector_norm cannot compute the %s norm on the dimension %d because this dimension is "
                     "empty and the operation does not have an identity",
                     p.what == PC_NORM_INF       ? "inf"
                     : p.what == PC_NORM_NEG_INF ? "-inf"
                                              : "negative",
                     d);
    }
    PC_TRY(dtype < c->in[0]->dtype ? pc_cast(c->in[0], dtype, &t) : pc_tensor_alias(c->in[0], &t));
    PC_TRY(pc_reduce_to(c, &p, t, mask, c->v[2].i, dtype));
done:
    pc_release(t);
    return status;
}

static pc_status norm_grad(pc_call *c, pc_tensor *x, pc_tensor *g, pc_tensor *y, pc_tensor **gin)
{
    double p;
    switch (norm_of(c, &p)) {
    case PC_NORM2: return PC_RUN3(from_norm2, p, *gin, x, g, y);
    case PC_NORM1: return PC_RUN3(from_norm1, p, *gin, x, g, y);
    case PC_NORMP: return PC_RUN3(from_normp, p, *gin, x, g, y);
    default: return pc_shared_by_ties(c, x, g, y, gin, PC_BY_MAGNITUDE);
    }
}
static pc_status norm_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    double p;
    if (norm_of(c, &p) == PC_NORM0) return PC_OK; /* a count has no slope */
    return pc_in_full_precision(c, gout[0], &gin[0], norm_grad);
}

/* ---- variance ---------------------------------------------------------------------------------- */

static pc_status variance(pc_call *c, pc_measure what, uint32_t mask, double correction, bool keepdim,
                          pc_tensor **means)
{
    pc_status status = PC_OK;
    pc_reduction p = { .what = what, .correction = correction };
    int64_t shape[PC_MAX_DIMS];
    int n = pc_kept_shape(c->in[0], mask, keepdim, shape);
    pc_dtype dtype = c->in[0]->dtype;

    pc_remember_reduction(c, mask, keepdim);
    c->v[PC_MAX_PARAMS - 3] =
        (pc_value){ .kind = PC_FLOAT, .f = (double)pc_reduced_count(c->in[0], mask) - correction };
    if (means != &c->aux[0] || c->grad) PC_TRY(pc_tensor_new(dtype, n, shape, means));
    p.means = *means;
    PC_TRY(pc_tensor_new(dtype, n, shape, &c->out[0]));
    p.values = c->out[0];
    PC_TRY(pc_reduce(&p, c->in[0], mask));
done:
    return status;
}

static pc_status variance_of(pc_call *c, pc_tensor **means)
{
    pc_status status = PC_OK;
    pc_measure what = c->op->schema[0] == 'v' ? PC_VAR : PC_STD;
    const char *overload = strchr(c->op->schema, '.');
    uint32_t mask = (1u << c->in[0]->ndim) - 1;

    PC_CHECK(pc_dtype_is_float(c->in[0]->dtype), PC_ESHAPE, "%s only support floating point and complex dtypes",
             means == &c->aux[0] ? "std and var" : pc_op_name(c->op));
    if (overload == NULL || overload > strchr(c->op->schema, '(')) { /* (unbiased) */
        PC_TRY(variance(c, what, mask, (double)c->v[0].i, false, means));
        goto done;
    }
    PC_TRY(pc_wrap_dims(&c->v[0], c->in[0]->ndim, &mask));
    if (overload[1] == 'd') { /* (dim, unbiased, keepdim) */
        PC_TRY(variance(c, what, mask, (double)c->v[1].i, c->v[2].i, means));
    } else { /* (dim, correction, keepdim) */
        const pc_value *v = &c->v[1];
        double correction = v->kind == PC_NONE ? 1 : v->kind == PC_FLOAT ? v->f : (double)v->i;
        PC_TRY(variance(c, what, mask, correction, c->v[2].i, means));
    }
done:
    return status;
}

static pc_status variance_forward(pc_call *c) { return variance_of(c, &c->aux[0]); }
static pc_status variance_mean_forward(pc_call *c) { return variance_of(c, &c->out[1]); }

static pc_status variance_grad(pc_call *c, pc_tensor *x, pc_tensor *g, pc_tensor *y, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *mean = c->aux[0] != NULL ? c->aux[0] : c->out[1], *wide = NULL, *part = NULL, w;
    double freedom = c->v[PC_MAX_PARAMS - 3].f;

    if (freedom < 0) freedom = 0;
    PC_TRY(mean->dtype == x->dtype ? pc_tensor_alias(mean, &wide) : pc_cast(mean, x->dtype, &wide));
    w = pc_spread(c, wide);
    PC_TRY(pc_tensor_new(x->dtype, g->ndim, g->shape, &part));
    PC_TRY(c->op->schema[0] == 'v' ? PC_RUN3(of_variance, freedom, part, g, g, g)
                                   : PC_RUN3(of_deviation, freedom, part, y, g, g));
    PC_TRY(PC_RUN3(from_variance, 0, *gin, x, part, &w));
done:
    pc_release(wide);
    pc_release(part);
    return status;
}

static pc_status variance_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return pc_in_full_precision(c, gout[0], &gin[0], variance_grad);
}

static pc_status variance_mean_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *second = NULL;
    if (gout[0] != NULL) PC_TRY(pc_in_full_precision(c, gout[0], &gin[0], variance_grad));
    if (gout[1] != NULL) {
        PC_TRY(mean_backward(c, &gout[1], gin[0] != NULL ? &second : &gin[0]));
        if (second != NULL) PC_TRY(pc_accumulate(gin[0], second));
    }
done:
    pc_release(second);
    return status;
}

/* ---- logsumexp --------------------------------------------------------------------------------- */

static pc_status logsumexp_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *t = NULL;
    pc_reduction p = { .what = PC_LOGSUMEXP };
    pc_dtype dtype = pc_dtype_is_float(c->in[0]->dtype) ? c->in[0]->dtype : PC_F32;
    uint32_t mask;

    PC_TRY(pc_wrap_dims(&c->v[0], c->in[0]->ndim, &mask));
    PC_TRY(dtype != c->in[0]->dtype ? pc_cast(c->in[0], dtype, &t) : pc_tensor_alias(c->in[0], &t));
    PC_TRY(pc_reduce_to(c, &p, t, mask, c->v[1].i, dtype));
done:
    pc_release(t);
    return status;
}

static pc_status logsumexp_grad(pc_call *c, pc_tensor *x, pc_tensor *g, pc_tensor *y, pc_tensor **gin)
{
    return PC_RUN3(from_logsumexp, 0, *gin, x, g, y);
}
static pc_status logsumexp_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return pc_in_full_precision(c, gout[0], &gin[0], logsumexp_grad);
}

/* ---- rows -------------------------------------------------------------------------------------- */

#define BOTH (PC_FUNCTION | PC_METHOD)
#define SAVE_BOTH (PC_SAVE_IN0 | PC_SAVE_OUT0)
#define VARIANCE_ROWS(name, FORWARD, BACKWARD, SAVE, RETURNS, doc) \
    { name "(Tensor self, bool unbiased=True) -> " RETURNS, FORWARD, BACKWARD, BOTH | SAVE, doc " of all elements." }, \
        { name ".dim(Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False) -> " RETURNS, FORWARD, BACKWARD, \
          BOTH | SAVE, doc " over dimensions." }, \
        { name ".correction(Tensor self, int[]? dim=None, *, Scalar? correction=None, bool keepdim=False) " \
               "-> " RETURNS, \
          FORWARD, BACKWARD, BOTH | SAVE, doc " with N - correction in the denominator." }

static const pc_op ops[] = {
    { "sum(Tensor self, *, ScalarType? dtype=None) -> Tensor", sum_forward, sum_backward, BOTH,
      "The sum of all elements.\n"
      "dtype: Of the result and of the sum; integers and bools become int64 by default." },
    { "sum.dim(Tensor self, int[]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", sum_dim_forward,
      sum_backward, BOTH, "The sum over dimensions.\n"
      "dim: Dimensions, counted from the end if negative; None: all. NumPy's ``axis=`` is understood, too.\n"
      "dtype: Of the result and of the sum." },
    { "mean(Tensor self, *, ScalarType? dtype=None) -> Tensor", mean_forward, mean_backward, BOTH,
      "The mean of all elements." },
    { "mean.dim(Tensor self, int[]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", mean_dim_forward,
      mean_backward, BOTH, "The mean over dimensions.\n"
      "dim: Dimensions, counted from the end if negative; None: all. NumPy's ``axis=`` is understood, too." },
    { "any(Tensor self) -> Tensor", any_forward, NULL, BOTH | PC_NOGRAD, "Is any element true?" },
    { "any.dims(Tensor self, int[]? dim, bool keepdim=False) -> Tensor", any_dim_forward, NULL, BOTH | PC_NOGRAD,
      "Is any element along dimensions true?" },
    { "all(Tensor self) -> Tensor", all_forward, NULL, BOTH | PC_NOGRAD, "Are all elements true?" },
    { "all.dims(Tensor self, int[]? dim, bool keepdim=False) -> Tensor", all_dim_forward, NULL, BOTH | PC_NOGRAD,
      "Are all elements along dimensions true?" },
    { "count_nonzero(Tensor self, int[]? dim=None) -> Tensor", count_nonzero_forward, NULL, BOTH | PC_NOGRAD,
      "The number of elements that are not zero." },
    { "norm(Tensor self, Scalar? p=2, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
      norm_forward, norm_backward, BOTH | SAVE_BOTH, "The p-norm of elements as a vector.\n"
      "p: The power; infinities stand for the largest and the smallest magnitude." },
    VARIANCE_ROWS("var", variance_forward, variance_backward, PC_SAVE_IN0, "Tensor", "The variance"),
    VARIANCE_ROWS("std", variance_forward, variance_backward, SAVE_BOTH, "Tensor", "The standard deviation"),
    VARIANCE_ROWS("var_mean", variance_mean_forward, variance_mean_backward, SAVE_BOTH | PC_SAVE_OUT1, "Tensor[]",
                  "The variance and the mean"),
    VARIANCE_ROWS("std_mean", variance_mean_forward, variance_mean_backward, SAVE_BOTH | PC_SAVE_OUT1, "Tensor[]",
                  "The standard deviation and the mean"),
    { "logsumexp(Tensor self, int[] dim, bool keepdim=False) -> Tensor", logsumexp_forward, logsumexp_backward,
      BOTH | SAVE_BOTH, "log(sum(exp(x))) over dimensions, without overflow." },
};
PC_FAMILY(reduce, ops);
