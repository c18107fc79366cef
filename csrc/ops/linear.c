/* linear.c -- fully connected layers: y = x w' + b. */
#include "copy.h"
#include "elementwise.h"
#include "product.h"
#include <inttypes.h>
#include <string.h>

/* Integers are multiplied as integers. */
static pc_dtype full_dtype(pc_dtype d) { return d == PC_F16 || d == PC_BF16 ? PC_F32 : d; }

/* t as rows of `columns` elements, in dtype; a matrix keeps its strides. */
static pc_status as_rows(pc_tensor *t, pc_dtype dtype, int64_t rows, int64_t columns, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *full = NULL, *plain = NULL;
    if (t->dtype != dtype) PC_TRY(pc_cast(t, dtype, &full));
    else full = pc_retain(t);
    if (full->ndim == 2 && full->shape[0] == rows && full->shape[1] == columns) {
        *out = full;
        full = NULL;
        goto done;
    }
    PC_TRY(pc_contiguous(full, &plain));
    PC_TRY(pc_tensor_view(plain, 2, (int64_t[]){ rows, columns }, (int64_t[]){ columns, 1 }, plain->offset, out));
done:
    pc_release(full);
    pc_release(plain);
    return status;
}

static pc_matrix matrix(const pc_tensor *t, bool transposed)
{
    return (pc_matrix){ pc_data(t), t->stride[transposed], t->stride[!transposed] };
}

static pc_status multiply(int64_t m, int64_t n, int64_t k, pc_matrix a, pc_matrix b, double beta, pc_tensor *c)
{
    pc_product p = { .dtype = c->dtype, .m = m, .n = n, .k = k, .a = a, .b = b, .c = pc_data(c), .rs = n, .cs = 1,
                     .alpha = 1, .beta = beta };
    return pc_product_run(&p);
}

/* y = the bias in every row, where the shapes allow it. */
static pc_status spread_bias(pc_tensor *bias, int64_t rows, pc_tensor *y)
{
    pc_status status = PC_OK;
    const int64_t n = y->shape[y->ndim - 1], last = bias->ndim > 0 ? bias->shape[bias->ndim - 1] : 1;
    pc_tensor *both[2] = { y, bias };
    int64_t shape[PC_MAX_DIMS];
    int ndim;
    char have[200], want[200];
    PC_CHECK(bias->ndim > 1 || last == n || last == 1, PC_ESHAPE,
             "The expanded size of the tensor (%" PRId64 ") must match the existing size (%" PRId64 ") at "
             "non-singleton dimension 1.  Target sizes: [%" PRId64 ", %" PRId64 "].  Tensor sizes: %s. The bias needs "
             "one element for each of the out_features",
             n, last, rows, n, pc_shape_text(bias, have));
    PC_TRY(pc_broadcast(2, both, &ndim, shape));
    pc_tensor wanted = { .ndim = ndim };
    memcpy(wanted.shape, shape, (size_t)ndim * sizeof *shape);
    PC_CHECK(pc_same_shape(&wanted, y), PC_ESHAPE, "output with shape %s doesn't match the broadcast shape %s",
             pc_shape_text(y, have), pc_shape_text(&wanted, want));
    PC_TRY(pc_copy(y, bias));
done:
    return status;
}

static pc_status check(const pc_tensor *x, const pc_tensor *w, const pc_tensor *bias, int64_t rows)
{
    static const char *const names[PC_DTYPE_COUNT] = { "bool",  "unsigned char", "signed char", "short int",
                                                       "int",   "long int",      "c10::Half",   "c10::BFloat16",
                                                       "float", "double" };
    pc_status status = PC_OK;
    PC_CHECK(x->ndim > 0 && w->ndim > 0, PC_ESHAPE,
             "both arguments to linear need to be at least 1D, but they are %dD and %dD", x->ndim, w->ndim);
    PC_CHECK(w->ndim <= 2, PC_ESHAPE, "t() expects a tensor with <= 2 dimensions, but self is %dD", w->ndim);
    PC_CHECK(w->ndim == 2 || bias == NULL, PC_ESHAPE, "mat2 must be a matrix, got %d-D tensor", w->ndim);
    const int64_t k = x->shape[x->ndim - 1], n = w->shape[0];
    PC_CHECK(w->ndim == 2 || k == n, PC_ESHAPE,
             "size mismatch, got input (%" PRId64 "), mat (%" PRId64 "x%" PRId64 "), vec (%" PRId64 ")", rows, rows, k,
             n);
    PC_CHECK(w->ndim == 1 || k == w->shape[1], PC_ESHAPE,
             "mat1 and mat2 shapes cannot be multiplied (%" PRId64 "x%" PRId64 " and %" PRId64 "x%" PRId64
             "): the layer has in_features=%" PRId64 ", its input has %" PRId64 " features",
             rows, k, w->shape[1], n, w->shape[1], k);
    PC_CHECK(bias == NULL || bias->dtype == w->dtype, PC_ESHAPE,
             "self and mat2 must have the same dtype, but got %s and %s", pc_dtype_type_name(bias->dtype),
             pc_dtype_type_name(w->dtype));
    PC_CHECK(bias == NULL || x->dtype == w->dtype, PC_ESHAPE,
             "mat1 and mat2 must have the same dtype, but got %s and %s: convert the input, for instance with .%s()",
             pc_dtype_type_name(x->dtype), pc_dtype_type_name(w->dtype), w->dtype == PC_F64 ? "double" : "float");
    PC_CHECK(x->dtype == w->dtype, PC_ESHAPE, "expected m1 and m2 to have the same dtype, but got: %s != %s",
             names[x->dtype], names[w->dtype]);
    PC_CHECK(x->dtype != PC_BOOL, PC_ENOTIMPL, "\"addmm_impl_cpu_\" not implemented for 'Bool'");
done:
    return status;
}

static int64_t rows_of(const pc_tensor *x)
{
    int64_t rows = 1;
    for (int d = 0; d < x->ndim - 1; d++) rows *= x->shape[d];
    return rows;
}

static pc_status linear_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *in = c->in[0], *weight = c->in[1], *bias = c->in[2], *x = NULL, *w = NULL;
    const pc_dtype full = full_dtype(in->dtype);
    const int64_t m = rows_of(in);
    int64_t shape[PC_MAX_DIMS];
    PC_TRY(check(in, weight, bias, m));
    if (!c->need[1]) c->save &= ~(uint32_t)PC_SAVE_IN0;
    if (!c->need[0]) c->save &= ~(uint32_t)PC_SAVE_IN1;
    const int64_t k = in->shape[in->ndim - 1], n = weight->ndim == 2 ? weight->shape[0] : 1;
    memcpy(shape, in->shape, sizeof shape);
    shape[in->ndim - 1] = n;
    PC_TRY(as_rows(in, full, m, k, &x));
    PC_TRY(as_rows(weight, full, n, k, &w));
    PC_TRY(pc_tensor_new(full, in->ndim - (weight->ndim == 1), shape, &c->out[0]));
    if (bias != NULL) PC_TRY(spread_bias(bias, m, c->out[0]));
    PC_TRY(multiply(m, n, k, matrix(x, false), matrix(w, true), bias != NULL, c->out[0]));
    PC_TRY(pc_become(&c->out[0], in->dtype));
done:
    pc_release(x);
    pc_release(w);
    return status;
}

/* gin = the product, in like's dtype and shape. */
static pc_status gradient(int64_t m, int64_t n, int64_t k, pc_matrix a, pc_matrix b, const pc_tensor *like,
                          pc_tensor **gin)
{
    pc_status status = PC_OK;
    PC_TRY(pc_tensor_new(full_dtype(like->dtype), like->ndim, like->shape, gin));
    PC_TRY(multiply(m, n, k, a, b, 0, *gin));
    PC_TRY(pc_become(gin, like->dtype));
done:
    return status;
}

static pc_status linear_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *in = c->in[0], *weight = c->in[1], *g = NULL, *x = NULL, *w = NULL;
    const pc_dtype full = full_dtype(in->dtype);
    const int64_t m = rows_of(in), k = in->shape[in->ndim - 1], n = weight->ndim == 2 ? weight->shape[0] : 1;
    PC_TRY(as_rows(gout[0], full, m, n, &g));
    if (c->need[0]) {
        PC_TRY(as_rows(weight, full, n, k, &w));
        PC_TRY(gradient(m, k, n, matrix(g, false), matrix(w, false), in, &gin[0]));
    }
    if (c->need[1]) {
        PC_TRY(as_rows(in, full, m, k, &x));
        PC_TRY(gradient(n, k, m, matrix(g, true), matrix(x, false), weight, &gin[1]));
    }
    if (c->need[2]) PC_TRY(pc_sum_to(gout[0], c->in[2], &gin[2]));
done:
    pc_release(g);
    pc_release(x);
    pc_release(w);
    return status;
}

static const pc_op rows[] = {
    { "linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", linear_forward, linear_backward,
      PC_NN | PC_SAVE_IN0 | PC_SAVE_IN1, "input times the transposed weight [out_features, in_features], plus bias." },
};
PC_FAMILY(linear, rows);
