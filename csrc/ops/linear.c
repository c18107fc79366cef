/* linear.c -- fully connected layers: y = x w^T + b. */
#include "../blas/blas.h"
#include "../core/parallel.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include <inttypes.h>
#include <string.h>

/* Rows of w that one task multiplies with a single x: 256 KiB of 4 K columns, some 20 us. */
#define MATVEC_GRAIN 16
/* Below this many rows of x, w is read once by dot products; above, BLIS packs it. */
#define MATVEC_ROWS 4

static pc_matrix matrix(const pc_tensor *t, int64_t rs, int64_t cs)
{
    return (pc_matrix){ pc_data(t), rs, cs };
}

typedef struct matvec {
    const float *x, *w, *b;
    float *y;
    int64_t m, n, k;
} matvec;

static pc_status matvec_rows(void *ctx, int64_t begin, int64_t end)
{
    const matvec *p = ctx;
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = begin; j < end; j++)
            p->y[i * p->n + j] = pc_k->f32_dot(p->x + i * p->k, p->w + j * p->k, p->k) + (p->b != NULL ? p->b[j] : 0);
    return PC_OK;
}

static void repeat_row(void *y, const void *row, int64_t rows, size_t bytes)
{
    for (int64_t i = 0; i < rows; i++) memcpy((char *)y + (size_t)i * bytes, row, bytes);
}

static pc_status linear_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *in = c->in[0], *weight = c->in[1], *bias = c->in[2], *x = NULL, *w = NULL, *b = NULL, *y;
    int64_t shape[PC_MAX_DIMS];
    PC_CHECK(weight->ndim == 2, PC_ESHAPE, "linear: weight must be a matrix [out_features, in_features], got %d dimensions",
             weight->ndim);
    int64_t n = weight->shape[0], k = weight->shape[1];
    PC_CHECK(in->ndim > 0, PC_ESHAPE, "linear(): input must have at least one dimension, of size in_features=%" PRId64, k);
    int64_t last = in->shape[in->ndim - 1], m = 1;
    for (int d = 0; d < in->ndim - 1; d++) m *= shape[d] = in->shape[d];
    PC_CHECK(last == k, PC_ESHAPE,
             "mat1 and mat2 shapes cannot be multiplied (%" PRId64 "x%" PRId64 " and %" PRId64 "x%" PRId64
             "): the layer has in_features=%" PRId64 ", its input has %" PRId64 " features", m, last, k, n, k, last);
    PC_CHECK(in->dtype == weight->dtype && (bias == NULL || bias->dtype == weight->dtype), PC_ESHAPE,
             "mat1 and mat2 must have the same dtype, but got %s and %s. Convert the input with .%s()",
             pc_dtype_type_name(in->dtype), pc_dtype_type_name(weight->dtype), weight->dtype == PC_F64 ? "double" : "float");
    PC_CHECK(in->dtype == PC_F32 || in->dtype == PC_F64, PC_ESHAPE, "\"addmm_impl_cpu_\" not implemented for '%s'",
             pc_dtype_type_name(in->dtype));
    PC_CHECK(bias == NULL || (bias->ndim == 1 && bias->shape[0] == n), PC_ESHAPE,
             "linear: bias must have out_features=%" PRId64 " elements", n);
    if (!c->need[1]) c->save &= ~PC_SAVE_IN0;
    if (!c->need[0]) c->save &= ~PC_SAVE_IN1;
    bool wide = in->dtype == PC_F64;
    shape[in->ndim - 1] = n;
    PC_TRY(pc_contiguous(in, &x));
    PC_TRY(pc_contiguous(weight, &w));
    if (bias != NULL) PC_TRY(pc_contiguous(bias, &b));
    PC_TRY(pc_out(c, 0, in->dtype, in->ndim, shape, &y));
    if (!wide && m < MATVEC_ROWS) {
        matvec job = { pc_f32(x), pc_f32(w), b != NULL ? pc_f32(b) : NULL, pc_f32(y), m, n, k };
        PC_TRY(pc_parallel_for(n, MATVEC_GRAIN, matvec_rows, &job));
    } else {
        if (b != NULL) repeat_row(pc_data(y), pc_data(b), m, (size_t)(n * pc_dtype_size(y->dtype)));
        PC_TRY(pc_gemm(wide, m, n, k, 1, matrix(x, k, 1), matrix(w, 1, k), b != NULL, pc_data(y), n, 1));
    }
done:
    pc_release(x);
    pc_release(w);
    pc_release(b);
    return status;
}

/* Sums of the columns of g [m, n]. */
static void column_sums(const pc_tensor *g, int64_t m, int64_t n, pc_tensor *out)
{
    if (g->dtype == PC_F64) {
        double *y = pc_data(out);
        const double *x = pc_data(g);
        memset(y, 0, (size_t)n * sizeof *y);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) y[j] += x[i * n + j];
    } else {
        float *y = pc_f32(out);
        memset(y, 0, (size_t)n * sizeof *y);
        for (int64_t i = 0; i < m; i++) pc_k->f32_accumulate(y, pc_f32(g) + i * n, n);
    }
}

static pc_status linear_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *g = NULL, *x = NULL, *w = NULL;
    const pc_tensor *in = c->in[0];
    int64_t n = c->in[1]->shape[0], k = c->in[1]->shape[1], m = 1;
    bool wide = in->dtype == PC_F64;
    for (int d = 0; d < in->ndim - 1; d++) m *= in->shape[d];
    PC_TRY(pc_contiguous(gout[0], &g));
    if (c->need[0]) {
        PC_TRY(pc_contiguous(c->in[1], &w));
        PC_TRY(pc_tensor_new(in->dtype, in->ndim, in->shape, &gin[0]));
        PC_TRY(pc_gemm(wide, m, k, n, 1, matrix(g, n, 1), matrix(w, k, 1), 0, pc_data(gin[0]), k, 1));
    }
    if (c->need[1]) {
        PC_TRY(pc_contiguous(c->in[0], &x));
        PC_TRY(pc_tensor_new(in->dtype, 2, c->in[1]->shape, &gin[1]));
        PC_TRY(pc_gemm(wide, n, k, m, 1, matrix(g, 1, n), matrix(x, k, 1), 0, pc_data(gin[1]), k, 1));
    }
    if (c->nin > 2 && c->need[2]) {
        PC_TRY(pc_tensor_new(in->dtype, 1, &n, &gin[2]));
        column_sums(g, m, n, gin[2]);
    }
done:
    pc_release(g);
    pc_release(x);
    pc_release(w);
    return status;
}

static const pc_op table[] = {
    { "linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", linear_forward, linear_backward,
      PC_NN | PC_SAVE_IN0 | PC_SAVE_IN1, "input times the transposed weight [out_features, in_features], plus bias." },
};
PC_FAMILY(linear, table);
