/* matmul.c -- products of matrices, vectors and batches of them; the same plus a scaled tensor. */
#include "../kernels/kernels.h"
#include "copy.h"
#include "elementwise.h"
#include "product.h"
#include <inttypes.h>
#include <string.h>

/* How torch.matmul reads two shapes: a vector is a row on the left and a column on the right, batch dimensions are
   broadcast. */
typedef struct shapes {
    int nbatch;
    int64_t batch[PC_MAX_DIMS];
    int64_t m, n, k;
    bool row, column; /* a, b is a vector */
} shapes;

static int batch_dims(const pc_tensor *t) { return t->ndim > 2 ? t->ndim - 2 : 0; }

static pc_status read_shapes(const pc_tensor *a, const pc_tensor *b, shapes *s)
{
    pc_status status = PC_OK;
    const int na = batch_dims(a), nb = batch_dims(b);
    *s = (shapes){ .nbatch = na > nb ? na : nb, .row = a->ndim == 1, .column = b->ndim == 1 };
    s->m = s->row ? 1 : a->shape[a->ndim - 2];
    s->k = a->shape[a->ndim - 1];
    s->n = s->column ? 1 : b->shape[b->ndim - 1];
    for (int d = 0; d < s->nbatch; d++) {
        const int da = d - (s->nbatch - na), db = d - (s->nbatch - nb);
        const int64_t x = da >= 0 ? a->shape[da] : 1, y = db >= 0 ? b->shape[db] : 1;
        PC_CHECK(x == y || x == 1 || y == 1, PC_ESHAPE,
                 "The size of tensor a (%" PRId64 ") must match the size of tensor b (%" PRId64
                 ") at non-singleton dimension %d",
                 x, y, d);
        s->batch[d] = x == 1 ? y : x;
    }
done:
    return status;
}

/* Rows and columns of t, where it has both, or the one that it has; and its steps from one of the batch to the next. */
static pc_matrix place(const shapes *s, const pc_tensor *t, bool has_rows, bool has_columns, int64_t *step)
{
    const int own = t->ndim - has_rows - has_columns;
    pc_matrix m = { pc_data(t), has_rows ? t->stride[own] : 0, has_columns ? t->stride[t->ndim - 1] : 0 };
    for (int d = 0; d < s->nbatch; d++) {
        const int at = d - (s->nbatch - own);
        step[d] = at < 0 || t->shape[at] == 1 ? 0 : t->stride[at];
    }
    return m;
}
static pc_matrix transposed(pc_matrix m) { return (pc_matrix){ m.data, m.cs, m.rs }; }

static pc_product new_product(const shapes *s, pc_dtype dtype, int64_t m, int64_t n, int64_t k, double alpha,
                              double beta)
{
    pc_product p = { .dtype = dtype, .m = m, .n = n, .k = k, .alpha = alpha, .beta = beta, .nbatch = s->nbatch };
    memcpy(p.batch, s->batch, sizeof p.batch);
    return p;
}

/* c = alpha * a b + beta * c */
static pc_status multiply(const shapes *s, double alpha, const pc_tensor *a, const pc_tensor *b, double beta,
                          pc_tensor *c)
{
    pc_product p = new_product(s, c->dtype == PC_BOOL ? PC_U8 : c->dtype, s->m, s->n, s->k, alpha, beta);
    p.a = place(s, a, !s->row, true, p.sa);
    p.b = place(s, b, true, !s->column, p.sb);
    pc_matrix to = place(s, c, !s->row, !s->column, p.sc);
    p.c = (void *)to.data, p.rs = to.rs, p.cs = to.cs;
    return pc_product_run(&p);
}
/* ga = alpha * g b', summed over what a was broadcast to */
static pc_status gradient_a(const shapes *s, double alpha, const pc_tensor *g, const pc_tensor *b, pc_tensor *ga)
{
    pc_product p = new_product(s, ga->dtype, s->m, s->k, s->n, alpha, 0);
    p.a = place(s, g, !s->row, !s->column, p.sa);
    p.b = transposed(place(s, b, true, !s->column, p.sb));
    pc_matrix to = place(s, ga, !s->row, true, p.sc);
    p.c = (void *)to.data, p.rs = to.rs, p.cs = to.cs;
    return pc_product_run(&p);
}
/* gb = alpha * a' g */
static pc_status gradient_b(const shapes *s, double alpha, const pc_tensor *g, const pc_tensor *a, pc_tensor *gb)
{
    pc_product p = new_product(s, gb->dtype, s->k, s->n, s->m, alpha, 0);
    p.a = transposed(place(s, a, !s->row, true, p.sa));
    p.b = place(s, g, !s->row, !s->column, p.sb);
    pc_matrix to = place(s, gb, true, !s->column, p.sc);
    p.c = (void *)to.data, p.rs = to.rs, p.cs = to.cs;
    return pc_product_run(&p);
}

/* ---- halves are computed in float32 ------------------------------------------------------------------ */

static pc_dtype full_dtype(pc_dtype d) { return d == PC_F16 || d == PC_BF16 ? PC_F32 : d; }
static pc_status widen(pc_tensor *t, pc_dtype dtype, pc_tensor **out)
{
    if (t->dtype != dtype) return pc_cast(t, dtype, out);
    *out = pc_retain(t);
    return PC_OK;
}
static pc_status narrow(pc_tensor **t, pc_dtype dtype)
{
    pc_tensor *cast = NULL;
    if ((*t)->dtype == dtype) return PC_OK;
    pc_status status = pc_cast(*t, dtype, &cast);
    pc_release(*t);
    *t = cast;
    return status;
}

static void trim_saved(pc_call *c, int a, int b)
{
    if (!c->need[b]) c->save &= ~(uint32_t)(PC_SAVE_IN0 << a);
    if (!c->need[a]) c->save &= ~(uint32_t)(PC_SAVE_IN0 << b);
}

/* ---- plain products ----------------------------------------------------------------------------------- */

static int result_shape(const shapes *s, int64_t *shape)
{
    int ndim = s->nbatch;
    memcpy(shape, s->batch, (size_t)ndim * sizeof *shape);
    if (!s->row) shape[ndim++] = s->m;
    if (!s->column) shape[ndim++] = s->n;
    return ndim;
}

/* out[0] = in[0] in[1], checked already. */
static pc_status product_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *a = NULL, *b = NULL;
    const pc_dtype full = full_dtype(c->in[0]->dtype);
    int64_t shape[PC_MAX_DIMS];
    shapes s;
    trim_saved(c, 0, 1);
    PC_TRY(read_shapes(c->in[0], c->in[1], &s));
    PC_TRY(widen(c->in[0], full, &a));
    PC_TRY(widen(c->in[1], full, &b));
    PC_TRY(pc_tensor_new(full, result_shape(&s, shape), shape, &c->out[0]));
    PC_TRY(multiply(&s, 1, a, b, 0, c->out[0]));
    PC_TRY(narrow(&c->out[0], c->in[0]->dtype));
done:
    pc_release(a);
    pc_release(b);
    return status;
}

/* Gradients of the operands in[at] and in[at + 1], each in its own dtype. */
static pc_status operand_gradients(pc_call *c, int at, double alpha, pc_tensor *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *a = NULL, *b = NULL, *g = NULL, *in_a = c->in[at], *in_b = c->in[at + 1];
    const pc_dtype full = full_dtype(gout->dtype);
    shapes s;
    PC_TRY(read_shapes(in_a, in_b, &s));
    PC_TRY(widen(gout, full, &g));
    if (c->need[at]) {
        PC_TRY(widen(in_b, full, &b));
        PC_TRY(pc_tensor_new(full, in_a->ndim, in_a->shape, &gin[at]));
        PC_TRY(gradient_a(&s, alpha, g, b, gin[at]));
        PC_TRY(narrow(&gin[at], in_a->dtype));
    }
    if (c->need[at + 1]) {
        PC_TRY(widen(in_a, full, &a));
        PC_TRY(pc_tensor_new(full, in_b->ndim, in_b->shape, &gin[at + 1]));
        PC_TRY(gradient_b(&s, alpha, g, a, gin[at + 1]));
        PC_TRY(narrow(&gin[at + 1], in_b->dtype));
    }
done:
    pc_release(a);
    pc_release(b);
    pc_release(g);
    return status;
}
static pc_status product_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return operand_gradients(c, 0, 1, gout[0], gin);
}

/* ---- checks, in torch's words --------------------------------------------------------------------------- */

static const char *c_name(pc_dtype d)
{
    static const char *const names[PC_DTYPE_COUNT] = { "bool",  "unsigned char", "signed char", "short int",
                                                       "int",   "long int",      "c10::Half",   "c10::BFloat16",
                                                       "float", "double" };
    return names[d];
}
static pc_status refuse_bool(const char *kernel, const pc_tensor *t)
{
    if (t->dtype != PC_BOOL) return PC_OK;
    return pc_fail(PC_ENOTIMPL, "\"%s\" not implemented for 'Bool'", kernel);
}
static pc_status check_matrices(const pc_tensor *a, const pc_tensor *b)
{
    const int64_t m = a->ndim == 1 ? 1 : a->shape[a->ndim - 2];
    int64_t rows = m;
    for (int d = 0; d < a->ndim - 2; d++) rows *= a->shape[d];
    if (a->shape[a->ndim - 1] == b->shape[b->ndim - 2]) return PC_OK;
    return pc_fail(PC_ESHAPE,
                   "mat1 and mat2 shapes cannot be multiplied (%" PRId64 "x%" PRId64 " and %" PRId64 "x%" PRId64 ")",
                   rows, a->shape[a->ndim - 1], b->shape[b->ndim - 2], b->shape[b->ndim - 1]);
}
static pc_status check_same_type(const pc_tensor *a, const pc_tensor *b)
{
    if (a->dtype == b->dtype) return PC_OK;
    return pc_fail(PC_ESHAPE, "expected m1 and m2 to have the same dtype, but got: %s != %s", c_name(a->dtype),
                   c_name(b->dtype));
}

static pc_status check_mm(const pc_tensor *a, const pc_tensor *b)
{
    pc_status status = PC_OK;
    PC_TRY(check_matrices(a, b));
    PC_TRY(check_same_type(a, b));
    PC_TRY(refuse_bool("addmm_impl_cpu_", a));
done:
    return status;
}
static pc_status check_dot(const pc_tensor *a, const pc_tensor *b)
{
    pc_status status = PC_OK;
    char x[200], y[200];
    PC_CHECK(a->dtype == b->dtype, PC_ESHAPE, "dot : expected both vectors to have same dtype, but found %s and %s",
             pc_dtype_type_name(a->dtype), pc_dtype_type_name(b->dtype));
    PC_CHECK(a->numel == b->numel, PC_ESHAPE,
             "inconsistent tensor size, expected tensor %s and src %s to have the same number "
             "of elements, but got %" PRId64 " and %" PRId64 " elements respectively",
             pc_shape_text(a, x), pc_shape_text(b, y), a->numel, b->numel);
    PC_TRY(refuse_bool("dot", a));
done:
    return status;
}
/* self NULL: a result of the right size is made. */
static pc_status check_mv(const pc_tensor *self, const pc_tensor *a, const pc_tensor *b)
{
    pc_status status = PC_OK;
    int64_t rows = 1;
    const int64_t k = a->shape[a->ndim - 1];
    for (int d = 0; d < a->ndim - 1; d++) rows *= a->shape[d];
    const int64_t size = self == NULL ? rows : self->numel;
    PC_CHECK(k == b->shape[0] && (size == rows || size == 1), PC_ESHAPE,
             "size mismatch, got input (%" PRId64 "), mat (%" PRId64 "x%" PRId64 "), vec (%" PRId64 ")", size, rows, k,
             b->shape[0]);
    const pc_dtype d = self == NULL ? b->dtype : self->dtype;
    PC_CHECK(a->dtype == b->dtype && d == a->dtype, PC_ESHAPE,
             "addmv input tensors must have the same dtype, but got %s, %s, and %s",
             pc_dtype_type_name(d), pc_dtype_type_name(a->dtype), pc_dtype_type_name(b->dtype));
    PC_TRY(refuse_bool("addmv_impl_cpu", a));
done:
    return status;
}
/* The last two dimensions, as batches are multiplied: for a vector a, as if it were a row. */
static pc_status check_batches(const pc_tensor *a, const pc_tensor *b)
{
    pc_status status = PC_OK;
    shapes s;
    PC_TRY(read_shapes(a, b, &s));
    int64_t count = 1;
    for (int d = 0; d < s.nbatch; d++) count *= s.batch[d];
    PC_CHECK(s.k == b->shape[b->ndim - 2], PC_ESHAPE,
             "Expected size for first two dimensions of batch2 tensor to be: [%" PRId64 ", %" PRId64
             "] but got: [%" PRId64 ", %" PRId64 "].",
             count, s.k, count, b->shape[b->ndim - 2]);
    PC_CHECK(a->dtype == b->dtype, PC_ESHAPE, "expected scalar type %s but found %s", pc_dtype_type_name(a->dtype),
             pc_dtype_type_name(b->dtype));
    PC_TRY(refuse_bool("bmm", a));
done:
    return status;
}

/* ---- the operators ---------------------------------------------------------------------------------------- */

static pc_status matmul_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *a = c->in[0], *b = c->in[1];
    PC_CHECK(a->ndim > 0 && b->ndim > 0, PC_ESHAPE,
             "both arguments to matmul need to be at least 1D, but they are %dD and %dD", a->ndim, b->ndim);
    if (a->ndim == 1 && b->ndim == 1) PC_TRY(check_dot(a, b));
    else if (b->ndim == 1) PC_TRY(check_mv(NULL, a, b));
    else if (b->ndim == 2) PC_TRY(check_mm(a, b));
    else PC_TRY(check_batches(a, b));
    PC_TRY(product_forward(c));
done:
    return status;
}

static pc_status mm_forward(pc_call *c)
{
    pc_status status = PC_OK;
    PC_CHECK(c->in[0]->ndim == 2, PC_ESHAPE, "self must be a matrix");
    PC_CHECK(c->in[1]->ndim == 2, PC_ESHAPE, "mat2 must be a matrix");
    PC_TRY(check_mm(c->in[0], c->in[1]));
    PC_TRY(product_forward(c));
done:
    return status;
}

/* Two 3-D tensors of one batch size. */
static pc_status check_bmm(const pc_tensor *a, const pc_tensor *b)
{
    pc_status status = PC_OK;
    PC_CHECK(a->ndim == 3, PC_ESHAPE, "batch1 must be a 3D tensor");
    PC_CHECK(b->ndim == 3, PC_ESHAPE, "batch2 must be a 3D tensor");
    PC_CHECK(a->shape[0] == b->shape[0] && a->shape[2] == b->shape[1], PC_ESHAPE,
             "Expected size for first two dimensions of batch2 tensor to be: [%" PRId64 ", %" PRId64
             "] but got: [%" PRId64 ", %" PRId64 "].",
             a->shape[0], a->shape[2], b->shape[0], b->shape[1]);
done:
    return status;
}
static pc_status bmm_forward(pc_call *c)
{
    pc_status status = PC_OK;
    PC_TRY(check_bmm(c->in[0], c->in[1]));
    PC_TRY(check_batches(c->in[0], c->in[1]));
    PC_TRY(product_forward(c));
done:
    return status;
}
static pc_status check_mv_dims(int self, const pc_tensor *a, const pc_tensor *b)
{
    if (self <= 1 && a->ndim == 2 && b->ndim == 1) return PC_OK;
    return pc_fail(PC_ESHAPE, "vector + matrix @ vector expected, got %d, %d, %d", self, a->ndim, b->ndim);
}
static pc_status mv_forward(pc_call *c)
{
    pc_status status = PC_OK;
    PC_TRY(check_mv_dims(1, c->in[0], c->in[1]));
    PC_TRY(check_mv(NULL, c->in[0], c->in[1]));
    PC_TRY(product_forward(c));
done:
    return status;
}
static pc_status dot_forward(pc_call *c)
{
    pc_status status = PC_OK;
    PC_CHECK(c->in[0]->ndim == 1 && c->in[1]->ndim == 1, PC_ESHAPE, "1D tensors expected, but got %dD and %dD tensors",
             c->in[0]->ndim, c->in[1]->ndim);
    PC_TRY(check_dot(c->in[0], c->in[1]));
    PC_TRY(product_forward(c));
done:
    return status;
}

/* A column times a row: a product with k = 1. */
static const shapes *outer_shapes(const pc_call *c, shapes *s)
{
    *s = (shapes){ .m = c->in[0]->numel, .n = c->in[1]->numel, .k = 1 };
    return s;
}
static pc_status as_matrix(pc_tensor *t, pc_dtype dtype, int64_t rows, int64_t columns, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *full = NULL;
    PC_TRY(widen(t, dtype, &full));
    const int64_t step = full->ndim > 0 ? full->stride[0] : 1;
    PC_TRY(pc_tensor_view(full, 2, (int64_t[]){ rows, columns }, (int64_t[]){ step, step }, full->offset, out));
done:
    pc_release(full);
    return status;
}
static pc_status outer_forward(pc_call *c)
{
    static const char *const names[] = { "self", "vec2" };
    pc_status status = PC_OK;
    pc_tensor *a = NULL, *b = NULL;
    shapes s;
    for (int k = 0; k < 2; k++)
        PC_CHECK(c->in[k]->ndim == 1, PC_ESHAPE, "outer: Expected 1-D argument %s, but got %d-D", names[k],
                 c->in[k]->ndim);
    const pc_dtype dtype = pc_promote(c->in[0]->dtype, c->in[1]->dtype), full = full_dtype(dtype);
    trim_saved(c, 0, 1);
    outer_shapes(c, &s);
    PC_TRY(as_matrix(c->in[0], full, s.m, 1, &a));
    PC_TRY(as_matrix(c->in[1], full, 1, s.n, &b));
    PC_TRY(pc_tensor_new(full, 2, (int64_t[]){ s.m, s.n }, &c->out[0]));
    PC_TRY(multiply(&s, 1, a, b, 0, c->out[0]));
    PC_TRY(narrow(&c->out[0], dtype));
done:
    pc_release(a);
    pc_release(b);
    return status;
}
static pc_status outer_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *g = NULL, *other = NULL, *to = NULL;
    const pc_dtype full = full_dtype(gout[0]->dtype);
    shapes s;
    outer_shapes(c, &s);
    PC_TRY(widen(gout[0], full, &g));
    for (int k = 0; k < 2; k++) {
        if (!c->need[k]) continue;
        PC_TRY(as_matrix(c->in[1 - k], full, k == 0 ? 1 : s.m, k == 0 ? s.n : 1, &other));
        PC_TRY(pc_tensor_new(full, 1, c->in[k]->shape, &gin[k]));
        PC_TRY(as_matrix(gin[k], full, k == 0 ? s.m : 1, k == 0 ? 1 : s.n, &to));
        PC_TRY(k == 0 ? gradient_a(&s, 1, g, other, to) : gradient_b(&s, 1, g, other, to));
        PC_TRY(narrow(&gin[k], c->in[k]->dtype));
        pc_release(other);
        pc_release(to);
        other = to = NULL;
    }
done:
    pc_release(g);
    pc_release(other);
    pc_release(to);
    return status;
}

/* ---- beta * in[0] + alpha * in[1] in[2] ------------------------------------------------------------------- */

static pc_status check_expand(const pc_tensor *t, int ndim, const int64_t *shape)
{
    pc_status status = PC_OK;
    pc_tensor wanted = { .ndim = ndim };
    char have[200], want[200];
    memcpy(wanted.shape, shape, (size_t)ndim * sizeof *shape);
    PC_CHECK(t->ndim <= ndim, PC_ESHAPE,
             "expand(torch.%sTensor{%s}, size=%s): the number of sizes provided (%d) must be greater "
             "or equal to the number of dimensions in the tensor (%d)",
             pc_dtype_type_name(t->dtype), pc_shape_text(t, have), pc_shape_text(&wanted, want), ndim, t->ndim);
    for (int d = ndim - 1; d >= ndim - t->ndim; d--) {
        const int64_t own = t->shape[d - (ndim - t->ndim)];
        PC_CHECK(own == shape[d] || own == 1, PC_ESHAPE,
                 "The expanded size of the tensor (%" PRId64 ") must match the existing size "
                 "(%" PRId64 ") at non-singleton dimension %d.  Target sizes: %s.  Tensor sizes: %s",
                 shape[d], own, d, pc_shape_text(&wanted, want), pc_shape_text(t, have));
    }
done:
    return status;
}

/* Checked but for the shape of in[0]. */
static pc_status add_product_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *a = NULL, *b = NULL, *sum = NULL, *in = c->in[0];
    const pc_dtype full = full_dtype(in->dtype);
    const double beta = pc_value_f64(c->v[0]), alpha = pc_value_f64(c->v[1]);
    int64_t shape[PC_MAX_DIMS];
    char have[200], want[200];
    shapes s;
    trim_saved(c, 1, 2);
    PC_TRY(read_shapes(c->in[1], c->in[2], &s));
    const int ndim = result_shape(&s, shape);
    if (c->inplace) {
        pc_tensor wanted = { .ndim = ndim };
        memcpy(wanted.shape, shape, (size_t)ndim * sizeof *shape);
        PC_CHECK(pc_same_shape(in, &wanted), PC_ESHAPE,
                 "Bad in-place call: input tensor size %s and output tensor size %s should match",
                 pc_shape_text(in, have), pc_shape_text(&wanted, want));
    }
    PC_TRY(check_expand(in, ndim, shape));
    PC_TRY(widen(c->in[1], full, &a));
    PC_TRY(widen(c->in[2], full, &b));
    PC_TRY(pc_tensor_new(full, ndim, shape, &sum));
    if (beta != 0) PC_TRY(pc_copy(sum, in));
    PC_TRY(multiply(&s, alpha, a, b, beta, sum));
    if (c->inplace) { /* the operands may be views of in[0] */
        c->out[0] = pc_retain(in);
        PC_TRY(pc_copy(in, sum));
    } else {
        c->out[0] = sum;
        sum = NULL;
        PC_TRY(narrow(&c->out[0], in->dtype));
    }
done:
    pc_release(a);
    pc_release(b);
    pc_release(sum);
    return status;
}

PC_PLAIN1(scale_f64, double, double, double s = args->f[0], a * s)
static const pc_ew scale = { "mul_cpu", 0, PC_SLOT(f32_scale), NULL, scale_f64, NULL, NULL };

static pc_status add_product_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    const double beta = pc_value_f64(c->v[0]), alpha = pc_value_f64(c->v[1]);
    pc_tensor *sum = NULL;
    PC_TRY(operand_gradients(c, 1, alpha, gout[0], gin));
    if (!c->need[0]) goto done;
    PC_TRY(pc_sum_to(gout[0], c->in[0], &sum));
    if (beta == 1) {
        gin[0] = sum;
        sum = NULL;
    } else {
        PC_TRY(pc_elementwise(&scale, 1, &sum, &(pc_row_args){ .f = { beta } }, NULL, &gin[0]));
    }
done:
    pc_release(sum);
    return status;
}

static pc_status addmm_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *in = c->in[0], *a = c->in[1], *b = c->in[2];
    PC_CHECK(a->ndim == 2, PC_ESHAPE, "mat1 must be a matrix, got %d-D tensor", a->ndim);
    PC_CHECK(b->ndim == 2, PC_ESHAPE, "mat2 must be a matrix, got %d-D tensor", b->ndim);
    PC_TRY(check_matrices(a, b));
    PC_CHECK(in->dtype == b->dtype, PC_ESHAPE, "self and mat2 must have the same dtype, but got %s and %s",
             pc_dtype_type_name(in->dtype), pc_dtype_type_name(b->dtype));
    PC_CHECK(a->dtype == b->dtype, PC_ESHAPE, "mat1 and mat2 must have the same dtype, but got %s and %s",
             pc_dtype_type_name(a->dtype), pc_dtype_type_name(b->dtype));
    PC_TRY(refuse_bool("addmm_impl_cpu_", a));
    PC_TRY(add_product_forward(c));
done:
    return status;
}
static pc_status addmv_forward(pc_call *c)
{
    pc_status status = PC_OK;
    PC_TRY(check_mv_dims(c->in[0]->ndim, c->in[1], c->in[2]));
    PC_TRY(check_mv(c->in[0], c->in[1], c->in[2]));
    PC_TRY(add_product_forward(c));
done:
    return status;
}
static pc_status baddbmm_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *in = c->in[0], *a = c->in[1], *b = c->in[2];
    PC_TRY(check_bmm(a, b));
    PC_CHECK(in->dtype == a->dtype && a->dtype == b->dtype, PC_ESHAPE,
             "Input dtypes must be the same, got: input %s, batch1: %s, batch2: %s", c_name(in->dtype),
             c_name(a->dtype), c_name(b->dtype));
    PC_TRY(refuse_bool("baddbmm", a));
    PC_TRY(add_product_forward(c));
done:
    return status;
}

#define PRODUCT (PC_FUNCTION | PC_METHOD | PC_SAVE_IN0 | PC_SAVE_IN1)
#define ADDED (PC_FUNCTION | PC_METHOD | PC_INPLACE | PC_SAVE_IN1 | PC_SAVE_IN2)
static const pc_op rows[] = {
    { "matmul(Tensor self, Tensor other) -> Tensor", matmul_forward, product_backward, PRODUCT,
      "Product of matrices, vectors, or batches of them with broadcasting.\n"
      "self: A vector, a matrix, or a batch of matrices.\n"
      "other: Likewise; its last dimension but one is as long as the input's last.\n"
      "returns: A scalar, vector, matrix or batch of matrices; dimensions before the last two are broadcast.\n"
      "note: float32 products are summed in float32, in another order than torch's: results agree to rounding." },
    { "mm(Tensor self, Tensor mat2) -> Tensor", mm_forward, product_backward, PRODUCT, "Product of two matrices.\n"
      "self: Of shape [n, m].\n"
      "mat2: Of shape [m, p].\n"
      "returns: Of shape [n, p]." },
    { "bmm(Tensor self, Tensor mat2) -> Tensor", bmm_forward, product_backward, PRODUCT,
      "Products of two batches of matrices, [b, n, m] by [b, m, p].\n"
      "self: Of shape [b, n, m].\n"
      "mat2: Of shape [b, m, p].\n"
      "returns: Of shape [b, n, p]." },
    { "mv(Tensor self, Tensor vec) -> Tensor", mv_forward, product_backward, PRODUCT,
      "Product of a matrix and a vector.\n"
      "self: Of shape [n, m].\n"
      "vec: Of shape [m].\n"
      "returns: Of shape [n]." },
    { "dot(Tensor self, Tensor tensor) -> Tensor", dot_forward, product_backward, PRODUCT,
      "Dot product of two vectors.\n"
      "self: Of shape [n].\n"
      "tensor: Of shape [n].\n"
      "returns: A scalar." },
    { "vdot(Tensor self, Tensor other) -> Tensor", dot_forward, product_backward, PRODUCT,
      "Dot product of two vectors.\n"
      "self: Of shape [n].\n"
      "other: Of shape [n].\n"
      "returns: A scalar." },
    { "outer(Tensor self, Tensor vec2) -> Tensor", outer_forward, outer_backward, PRODUCT,
      "All products of an element of one vector and one of the other.\n"
      "self: Of shape [n].\n"
      "vec2: Of shape [m].\n"
      "returns: Of shape [n, m]." },
    { "ger(Tensor self, Tensor vec2) -> Tensor", outer_forward, outer_backward, PRODUCT, "Another name of outer().\n"
      "self: Of shape [n].\n"
      "vec2: Of shape [m].\n"
      "returns: Of shape [n, m]." },
    { "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor", addmm_forward,
      add_product_backward, ADDED, "beta times the input plus alpha times the product of two matrices.\n"
      "self: Broadcast to [n, p].\n"
      "mat1: Of shape [n, m].\n"
      "mat2: Of shape [m, p].\n"
      "alpha: Factor of the product.\n"
      "returns: Of shape [n, p]." },
    { "addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor", addmv_forward,
      add_product_backward, ADDED, "beta times the input plus alpha times the product of a matrix and a vector.\n"
      "self: Broadcast to [n].\n"
      "mat: Of shape [n, m].\n"
      "vec: Of shape [m].\n"
      "alpha: Factor of the product.\n"
      "returns: Of shape [n]." },
    { "baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor", baddbmm_forward,
      add_product_backward, ADDED, "beta times the input plus alpha times the products of two batches of matrices.\n"
      "self: Broadcast to [b, n, p].\n"
      "batch1: Of shape [b, n, m].\n"
      "batch2: Of shape [b, m, p].\n"
      "alpha: Factor of the products.\n"
      "returns: Of shape [b, n, p]." },
};
PC_FAMILY(matmul, rows);
