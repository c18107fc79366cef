/* matmul.c -- products of matrices, vectors and batches of them. */
#include "../blas/blas.h"
#include "copy.h"
#include <inttypes.h>
#include <string.h>

/* A tensor as a batch of matrices: batch dimensions by stride (0 where it is broadcast), then rows and columns. */
typedef struct batch {
    pc_tensor *t; /* contiguous, owned */
    int64_t rows, cols, rs, cs;
    int64_t stride[PC_MAX_DIMS];
} batch;

/* How torch.matmul reads two shapes: vectors become a row or a column, batch dimensions are broadcast. */
typedef struct plan {
    int nbatch;
    int64_t shape[PC_MAX_DIMS]; /* of the batch dimensions */
    int64_t count, m, n, k;
    bool drop_m, drop_n;        /* a was a vector, b was one */
} plan;

static pc_status plan_product(const char *name, const pc_tensor *a, const pc_tensor *b, plan *p)
{
    pc_status status = PC_OK;
    char ta[200], tb[200];
    int na = a->ndim > 2 ? a->ndim - 2 : 0, nb = b->ndim > 2 ? b->ndim - 2 : 0;
    *p = (plan){ .count = 1, .drop_m = a->ndim == 1, .drop_n = b->ndim == 1 };
    PC_CHECK(a->ndim > 0 && b->ndim > 0, PC_ESHAPE,
             "both arguments to %s need to be at least 1D, but they are %dD and %dD", name, a->ndim, b->ndim);
    PC_CHECK(a->dtype == b->dtype, PC_ESHAPE, "expected m1 and m2 to have the same dtype, but got: %s != %s",
             pc_dtype_type_name(a->dtype), pc_dtype_type_name(b->dtype));
    p->m = p->drop_m ? 1 : a->shape[a->ndim - 2];
    p->k = a->shape[a->ndim - 1];
    p->n = p->drop_n ? 1 : b->shape[b->ndim - 1];
    int64_t kb = b->shape[p->drop_n ? 0 : b->ndim - 2];
    PC_CHECK(a->ndim != 1 || b->ndim != 1 || p->k == kb, PC_ESHAPE, "inconsistent tensor size, expected tensor %s and src %s "
             "to have the same number of elements, but got %" PRId64 " and %" PRId64 " elements respectively",
             pc_shape_text(a, ta), pc_shape_text(b, tb), p->k, kb);
    PC_CHECK(a->ndim <= 2 && b->ndim <= 2 ? p->k == kb : true, PC_ESHAPE,
             "mat1 and mat2 shapes cannot be multiplied (%" PRId64 "x%" PRId64 " and %" PRId64 "x%" PRId64 ")", p->m, p->k,
             kb, p->n);
    PC_CHECK(p->k == kb, PC_ESHAPE, "Expected size for first two dimensions of batch2 tensor to be compatible: shapes %s and "
             "%s cannot be multiplied", pc_shape_text(a, ta), pc_shape_text(b, tb));
    p->nbatch = na > nb ? na : nb;
    for (int d = 0; d < p->nbatch; d++) {
        int da = d - (p->nbatch - na), db = d - (p->nbatch - nb);
        int64_t sa = da >= 0 ? a->shape[da] : 1, sb = db >= 0 ? b->shape[db] : 1;
        PC_CHECK(sa == sb || sa == 1 || sb == 1, PC_ESHAPE, "The size of tensor a (%" PRId64 ") must match the size of tensor "
                 "b (%" PRId64 ") at non-singleton dimension %d", sa, sb, d);
        p->shape[d] = sa == 1 ? sb : sa;
        p->count *= p->shape[d];
    }
done:
    return status;
}

/* t's matrices within the plan's batch; transposed: rows and columns exchanged. */
static pc_status view_batch(const plan *p, pc_tensor *t, int64_t rows, int64_t cols, bool transposed, batch *out)
{
    pc_status status = PC_OK;
    int own = t->ndim > 2 ? t->ndim - 2 : 0;
    PC_TRY(pc_contiguous(t, &out->t));
    out->rows = transposed ? cols : rows;
    out->cols = transposed ? rows : cols;
    out->rs = transposed ? 1 : cols;
    out->cs = transposed ? cols : 1;
    int64_t step = rows * cols;
    for (int d = p->nbatch - 1; d >= 0; d--) {
        int at = d - (p->nbatch - own);
        int64_t size = at >= 0 ? t->shape[at] : 1;
        out->stride[d] = size == 1 ? 0 : step;
        step *= size;
    }
done:
    return status;
}

/* Offset of matrix number i of the batch. */
static int64_t offset_of(const plan *p, const batch *b, int64_t i)
{
    int64_t offset = 0;
    for (int d = p->nbatch - 1; d >= 0; d--) {
        offset += i % p->shape[d] * b->stride[d];
        i /= p->shape[d];
    }
    return offset;
}

/* Integers wrap as in torch; every integer type is a window of int64. */
static void integer_product(const batch *a, const int64_t *x, const batch *b, const int64_t *y, int64_t *z)
{
    for (int64_t i = 0; i < a->rows; i++)
        for (int64_t j = 0; j < b->cols; j++) {
            uint64_t sum = 0;
            for (int64_t q = 0; q < a->cols; q++)
                sum += (uint64_t)x[i * a->rs + q * a->cs] * (uint64_t)y[q * b->rs + j * b->cs];
            z[i * b->cols + j] += (int64_t)sum;
        }
}

/* c += a b over the whole batch, in order; c's matrices may be shared by several of the batch's. */
static pc_status multiply(const plan *p, const batch *a, const batch *b, const batch *c)
{
    pc_status status = PC_OK;
    pc_dtype d = c->t->dtype;
    int64_t item = pc_dtype_size(d), count = p->count;
    bool folded = p->nbatch > 0 && a->cs == 1 && c->cs == 1; /* one matrix b for all: rows of the batch are just rows */
    for (int k = 0; k < p->nbatch; k++) folded = folded && b->stride[k] == 0 && (p->shape[k] == 1 || (a->stride[k] && c->stride[k]));
    int64_t rows = a->rows;
    if (folded) {
        rows *= count;
        count = count > 0 ? 1 : 0;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t oa = offset_of(p, a, i), ob = offset_of(p, b, i), oc = offset_of(p, c, i);
        if (!pc_dtype_is_float(d)) {
            integer_product(a, (int64_t *)pc_data(a->t) + oa, b, (int64_t *)pc_data(b->t) + ob, (int64_t *)pc_data(c->t) + oc);
            continue;
        }
        pc_matrix x = { (char *)pc_data(a->t) + oa * item, a->rs, a->cs };
        pc_matrix y = { (char *)pc_data(b->t) + ob * item, b->rs, b->cs };
        PC_TRY(pc_gemm(d == PC_F64, rows, b->cols, a->cols, 1, x, y, 1, (char *)pc_data(c->t) + oc * item, c->rs, c->cs));
    }
done:
    return status;
}

/* out (new, zeroed first) = a b; integers are computed as int64 and converted. */
static pc_status product(const plan *p, pc_tensor *a, bool ta, pc_tensor *b, bool tb, int64_t arows, int64_t acols,
                         int64_t brows, int64_t bcols, pc_tensor *out, int64_t orows, int64_t ocols)
{
    pc_status status = PC_OK;
    batch x = { 0 }, y = { 0 }, z = { 0 };
    pc_tensor *wide[3] = { NULL };
    if (!pc_dtype_is_float(out->dtype)) {
        PC_TRY(pc_cast(a, PC_I64, &wide[0]));
        PC_TRY(pc_cast(b, PC_I64, &wide[1]));
        PC_TRY(pc_tensor_new(PC_I64, out->ndim, out->shape, &wide[2]));
    } else {
        wide[0] = pc_retain(a), wide[1] = pc_retain(b), wide[2] = pc_retain(out);
    }
    PC_TRY(pc_fill(wide[2], (pc_value){ .kind = PC_INT, .i = 0 }));
    PC_TRY(view_batch(p, wide[0], arows, acols, ta, &x));
    PC_TRY(view_batch(p, wide[1], brows, bcols, tb, &y));
    PC_TRY(view_batch(p, wide[2], orows, ocols, false, &z));
    PC_TRY(multiply(p, &x, &y, &z));
    if (wide[2] != out) PC_TRY(pc_copy(out, wide[2]));
done:
    pc_release(x.t);
    pc_release(y.t);
    pc_release(z.t);
    for (int k = 0; k < 3; k++) pc_release(wide[k]);
    return status;
}

static pc_status check_supported(const pc_tensor *t)
{
    if (t->dtype != PC_F16 && t->dtype != PC_BF16 && t->dtype != PC_BOOL) return PC_OK;
    return pc_fail(PC_ESHAPE, "\"addmm_impl_cpu_\" not implemented for '%s'", pc_dtype_type_name(t->dtype));
}

static pc_status matmul_forward(pc_call *c)
{
    pc_status status = PC_OK;
    plan p;
    pc_tensor *a = c->in[0], *b = c->in[1], *out;
    int64_t shape[PC_MAX_DIMS + 2];
    PC_TRY(check_supported(a));
    PC_TRY(plan_product("matmul", a, b, &p));
    int ndim = p.nbatch;
    memcpy(shape, p.shape, sizeof p.shape);
    if (!p.drop_m) shape[ndim++] = p.m;
    if (!p.drop_n) shape[ndim++] = p.n;
    if (!c->need[1]) c->save &= ~PC_SAVE_IN0;
    if (!c->need[0]) c->save &= ~PC_SAVE_IN1;
    PC_TRY(pc_out(c, 0, a->dtype, ndim, shape, &out));
    /* the batch view needs its matrix dimensions: for a result without them there is no batch, or one of vectors */
    pc_tensor full = *out;
    full.ndim = p.nbatch + 2;
    memcpy(full.shape, p.shape, sizeof p.shape);
    full.shape[p.nbatch] = p.m;
    full.shape[p.nbatch + 1] = p.n;
    pc_contiguous_strides(full.ndim, full.shape, full.stride);
    pc_tensor *view = NULL;
    PC_TRY(pc_tensor_view(out, full.ndim, full.shape, full.stride, 0, &view));
    status = product(&p, a, false, b, false, p.m, p.k, p.k, p.n, view, p.m, p.n);
    pc_release(view);
done:
    return status;
}

static pc_status matmul_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    plan p;
    pc_tensor *g = NULL, *plain = NULL;
    int64_t shape[PC_MAX_DIMS + 2], stride[PC_MAX_DIMS + 2];
    PC_TRY(plan_product("matmul", c->in[0], c->in[1], &p));
    memcpy(shape, p.shape, sizeof p.shape);
    shape[p.nbatch] = p.m;
    shape[p.nbatch + 1] = p.n;
    PC_TRY(pc_contiguous(gout[0], &plain));
    pc_contiguous_strides(p.nbatch + 2, shape, stride);
    PC_TRY(pc_tensor_view(plain, p.nbatch + 2, shape, stride, plain->offset, &g));
    if (c->need[0]) {
        PC_TRY(pc_tensor_new(c->in[0]->dtype, c->in[0]->ndim, c->in[0]->shape, &gin[0]));
        PC_TRY(product(&p, g, false, c->in[1], true, p.m, p.n, p.k, p.n, gin[0], p.m, p.k));
    }
    if (c->need[1]) {
        PC_TRY(pc_tensor_new(c->in[1]->dtype, c->in[1]->ndim, c->in[1]->shape, &gin[1]));
        PC_TRY(product(&p, c->in[0], true, g, false, p.m, p.k, p.m, p.n, gin[1], p.k, p.n));
    }
done:
    pc_release(g);
    pc_release(plain);
    return status;
}

/* mm, bmm, mv and dot are matmul for one kind of shapes each. */
static pc_status need_dims(pc_call *c, const char *name, int a, int b)
{
    if (c->in[0]->ndim == a && c->in[1]->ndim == b) return PC_OK;
    return pc_fail(PC_ESHAPE, "%s: expected tensors with %d and %d dimensions, got %d and %d", name, a, b, c->in[0]->ndim,
                   c->in[1]->ndim);
}
static pc_status mm_forward(pc_call *c)
{
    pc_status status = need_dims(c, "mm", 2, 2);
    return status == PC_OK ? matmul_forward(c) : status;
}
static pc_status bmm_forward(pc_call *c)
{
    pc_status status = need_dims(c, "bmm", 3, 3);
    if (status == PC_OK && c->in[0]->shape[0] != c->in[1]->shape[0])
        status = pc_fail(PC_ESHAPE, "Expected size for first two dimensions of batch2 tensor to be: [%" PRId64 ", %" PRId64
                         "] but got: [%" PRId64 ", %" PRId64 "].", c->in[0]->shape[0], c->in[0]->shape[2],
                         c->in[1]->shape[0], c->in[1]->shape[1]);
    return status == PC_OK ? matmul_forward(c) : status;
}
static pc_status mv_forward(pc_call *c)
{
    pc_status status = need_dims(c, "mv", 2, 1);
    return status == PC_OK ? matmul_forward(c) : status;
}
static pc_status dot_forward(pc_call *c)
{
    if (c->in[0]->ndim != 1 || c->in[1]->ndim != 1)
        return pc_fail(PC_ESHAPE, "1D tensors expected, but got %dD and %dD tensors", c->in[0]->ndim, c->in[1]->ndim);
    return matmul_forward(c);
}

/* ---- addmm: beta * input + alpha * a b ------------------------------------------------------------------ */

static pc_status addmm_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *a = c->in[1], *b = c->in[2], *x = NULL, *y = NULL, *out;
    double beta = c->v[0].kind == PC_FLOAT ? c->v[0].f : (double)c->v[0].i;
    double alpha = c->v[1].kind == PC_FLOAT ? c->v[1].f : (double)c->v[1].i;
    PC_CHECK(a->ndim == 2 && b->ndim == 2, PC_ESHAPE, "addmm: expected matrices, got tensors with %d and %d dimensions",
             a->ndim, b->ndim);
    PC_CHECK(a->shape[1] == b->shape[0], PC_ESHAPE, "mat1 and mat2 shapes cannot be multiplied (%" PRId64 "x%" PRId64
             " and %" PRId64 "x%" PRId64 ")", a->shape[0], a->shape[1], b->shape[0], b->shape[1]);
    PC_CHECK(a->dtype == b->dtype && c->in[0]->dtype == a->dtype && (a->dtype == PC_F32 || a->dtype == PC_F64), PC_ESHAPE,
             "addmm: expected float32 or float64 tensors of one dtype, got %s, %s and %s", pc_dtype_name(c->in[0]->dtype),
             pc_dtype_name(a->dtype), pc_dtype_name(b->dtype));
    PC_TRY(pc_contiguous(a, &x));
    PC_TRY(pc_contiguous(b, &y));
    PC_TRY(pc_out(c, 0, a->dtype, 2, (int64_t[]){ a->shape[0], b->shape[1] }, &out));
    if (out != c->in[0] && beta != 0) PC_TRY(pc_copy(out, c->in[0]));
    PC_TRY(pc_gemm(a->dtype == PC_F64, a->shape[0], b->shape[1], a->shape[1], alpha,
                   (pc_matrix){ pc_data(x), a->shape[1], 1 },
                   (pc_matrix){ pc_data(y), b->shape[1], 1 }, beta, pc_data(out), out->stride[0],
                   out->stride[1]));
done:
    pc_release(x);
    pc_release(y);
    return status;
}

/* out = factor * op(a) op(b) for matrices. */
static pc_status scaled(double factor, pc_tensor *a, bool ta, pc_tensor *b, bool tb, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *y = NULL, *z = NULL;
    PC_TRY(pc_contiguous(a, &x));
    PC_TRY(pc_contiguous(b, &y));
    int64_t m = a->shape[ta ? 1 : 0], k = a->shape[ta ? 0 : 1], n = b->shape[tb ? 0 : 1];
    PC_TRY(pc_tensor_new(a->dtype, 2, (int64_t[]){ m, n }, &z));
    PC_TRY(pc_gemm(a->dtype == PC_F64, m, n, k, factor,
                   (pc_matrix){ pc_data(x), ta ? 1 : k, ta ? m : 1 },
                   (pc_matrix){ pc_data(y), tb ? 1 : n, tb ? k : 1 }, 0, pc_data(z), n, 1));
    *out = z;
    z = NULL;
done:
    pc_release(x);
    pc_release(y);
    pc_release(z);
    return status;
}

static pc_status addmm_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    double beta = c->v[0].kind == PC_FLOAT ? c->v[0].f : (double)c->v[0].i;
    double alpha = c->v[1].kind == PC_FLOAT ? c->v[1].f : (double)c->v[1].i;
    pc_tensor *g = NULL, *ones = NULL, *t = NULL;
    if (c->need[1]) PC_TRY(scaled(alpha, gout[0], false, c->in[2], true, &gin[1]));
    if (c->need[2]) PC_TRY(scaled(alpha, c->in[1], true, gout[0], false, &gin[2]));
    if (c->need[0]) {
        const pc_tensor *in = c->in[0];
        int64_t m = gout[0]->shape[0], n = gout[0]->shape[1];
        bool rows = in->ndim < 2 || in->shape[0] == 1 ? m != 1 : false, cols = in->ndim < 1 || in->shape[in->ndim - 1] == 1 ? n != 1 : false;
        t = pc_retain(gout[0]);
        /* sums over broadcast dimensions are products with ones */
        if (rows) {
            PC_TRY(pc_tensor_new(in->dtype, 2, (int64_t[]){ 1, m }, &ones));
            PC_TRY(pc_fill(ones, (pc_value){ .kind = PC_INT, .i = 1 }));
            PC_TRY(scaled(1, ones, false, t, false, &g));
            pc_release(t);
            t = g;
            g = NULL;
            pc_release(ones);
            ones = NULL;
        }
        if (cols) {
            PC_TRY(pc_tensor_new(in->dtype, 2, (int64_t[]){ n, 1 }, &ones));
            PC_TRY(pc_fill(ones, (pc_value){ .kind = PC_INT, .i = 1 }));
            PC_TRY(scaled(1, t, false, ones, false, &g));
            pc_release(t);
            t = g;
            g = NULL;
        }
        PC_TRY(pc_tensor_new(in->dtype, 2, t->shape, &g));
        PC_TRY(pc_copy(g, t));
        for (int64_t k = 0; k < g->numel; k++) {
            if (g->dtype == PC_F64) ((double *)pc_data(g))[k] *= beta;
            else pc_f32(g)[k] *= (float)beta;
        }
        int64_t stride[PC_MAX_DIMS];
        pc_contiguous_strides(in->ndim, in->shape, stride);
        PC_TRY(pc_tensor_view(g, in->ndim, in->shape, stride, 0, &gin[0]));
    }
done:
    pc_release(g);
    pc_release(ones);
    pc_release(t);
    return status;
}

#define BOTH (PC_FUNCTION | PC_METHOD | PC_SAVE_IN0 | PC_SAVE_IN1)
static const pc_op table[] = {
    { "matmul(Tensor self, Tensor other) -> Tensor", matmul_forward, matmul_backward, BOTH,
      "Product of matrices, vectors, or batches of them with broadcasting." },
    { "mm(Tensor self, Tensor mat2) -> Tensor", mm_forward, matmul_backward, BOTH, "Product of two matrices." },
    { "bmm(Tensor self, Tensor mat2) -> Tensor", bmm_forward, matmul_backward, BOTH,
      "Products of two batches of matrices, [b, n, m] by [b, m, p]." },
    { "mv(Tensor self, Tensor vec) -> Tensor", mv_forward, matmul_backward, BOTH, "Product of a matrix and a vector." },
    { "dot(Tensor self, Tensor tensor) -> Tensor", dot_forward, matmul_backward, BOTH, "Dot product of two vectors." },
    { "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor", addmm_forward,
      addmm_backward, PC_FUNCTION | PC_METHOD | PC_INPLACE | PC_SAVE_IN1 | PC_SAVE_IN2,
      "beta times the input plus alpha times the product of two matrices." },
};
PC_FAMILY(matmul, table);
