/* scan.c -- products over a dimension, running sums and running products: work along lines of elements. */
#include "fold.h"
#include "../core/parallel.h"
#include "copy.h"

#define SEGMENT 32768 /* elements of a task, about */

/* Lines of n elements `inner` apart: outer times inner of them. */
typedef struct lines {
    int64_t outer, n, inner;
    void *dst;
    const void *x, *g;
    bool reverse;      /* of running sums */
    bool all_products; /* of gradients: of running products, not of the last one alone */
} lines;

static lines lines_along(const pc_tensor *t, int d)
{
    lines l = { .outer = 1, .n = t->ndim > 0 ? t->shape[d] : 1, .inner = 1 };
    for (int k = 0; k < d; k++) l.outer *= t->shape[k];
    for (int k = d + 1; k < t->ndim; k++) l.inner *= t->shape[k];
    return l;
}

static pc_status run_lines(lines *l, pc_range_fn fn)
{
    if (l->outer * l->n * l->inner == 0) return PC_OK;
    return pc_parallel_for(l->outer * l->inner, SEGMENT / l->n + 1, fn, l);
}

/* ---- products ---------------------------------------------------------------------------------- */

static pc_status prod_forward(pc_call *c)
{
    return pc_reduce_as(c, PC_PROD, (1u << c->in[0]->ndim) - 1, false, pc_sum_dtype(&c->v[0], c->in[0]->dtype));
}
static pc_status prod_dim_forward(pc_call *c)
{
    uint32_t mask;
    pc_status status = pc_one_dim_mask(&c->v[0], c->in[0]->ndim, &mask);
    if (status != PC_OK) return status;
    return pc_reduce_as(c, PC_PROD, mask, c->v[1].i, pc_sum_dtype(&c->v[2], c->in[0]->dtype));
}

/* The gradient of products, without a division: what stands before an element times a recurrence from behind it. */
#define PRODUCTS_BACK(T)                                                                           \
    static pc_status products_back_##T(void *ctx, int64_t begin, int64_t end)                      \
    {                                                                                              \
        pc_status status = PC_OK;                                                                  \
        const lines *l = ctx;                                                                      \
        for (int64_t k = begin; k < end; k++) {                                                    \
            int64_t at = k / l->inner * l->n * l->inner + k % l->inner;                            \
            const T *x = (const T *)l->x + at, *g = (const T *)l->g + (l->all_products ? at : k);  \
            T *dst = (T *)l->dst + at;                                                             \
            double behind = 0, before = 1;                                                         \
            for (int64_t i = l->n - 1; i >= 0; i--) {                                              \
                if (i + 1 < l->n) behind *= x[(i + 1) * l->inner];                                 \
                if (l->all_products) behind += g[i * l->inner];                                    \
                else if (i + 1 == l->n) behind = *g;                                               \
                dst[i * l->inner] = (T)behind;                                                     \
                PC_TRY(pc_poll_at(i));                                                             \
            }                                                                                      \
            for (int64_t i = 0; i < l->n; i++) {                                                   \
                dst[i * l->inner] = (T)(dst[i * l->inner] * before);                               \
                before *= x[i * l->inner];                                                         \
                PC_TRY(pc_poll_at(i));                                                             \
            }                                                                                      \
        }                                                                                          \
    done:                                                                                          \
        return status;                                                                             \
    }
PRODUCTS_BACK(float)
PRODUCTS_BACK(double)

/* Along the lines of in[0]; gout has a value for each of them, or for each element if there are all products. */
static pc_status products_backward(pc_call *c, const pc_tensor *gout, lines l, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *g = NULL;
    const pc_tensor *self = c->in[0];
    pc_dtype work = pc_work_dtype(self->dtype);

    PC_TRY(pc_tensor_new(work, self->ndim, self->shape, &x));
    PC_TRY(pc_copy(x, self));
    PC_TRY(pc_tensor_new(work, gout->ndim, gout->shape, &g));
    PC_TRY(pc_copy(g, gout));
    PC_TRY(pc_tensor_new(work, self->ndim, self->shape, &gin[0]));
    l.x = pc_data(x);
    l.g = pc_data(g);
    l.dst = pc_data(gin[0]);
    PC_TRY(run_lines(&l, work == PC_F32 ? products_back_float : products_back_double));
    PC_TRY(pc_become(&gin[0], self->dtype));
done:
    pc_release(x);
    pc_release(g);
    return status;
}

static pc_status prod_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    const pc_tensor *x = c->in[0];
    uint32_t mask = pc_reduced_mask(c);
    bool one_dim = mask != 0 && (mask & (mask - 1)) == 0;
    lines l = one_dim ? lines_along(x, __builtin_ctz(mask)) : (lines){ .outer = 1, .n = x->numel, .inner = 1 };
    return products_backward(c, gout[0], l, gin);
}

/* ---- running sums and products ----------------------------------------------------------------- */

/* In place over dst, a block of neighbouring lines at a time. */
#define SCAN(name, T, A, FIRST, OP)                                                                \
    static pc_status name(void *ctx, int64_t begin, int64_t end)                                   \
    {                                                                                              \
        pc_status status = PC_OK;                                                                  \
        const lines *l = ctx;                                                                      \
        int64_t work = 0;                                                                          \
        for (int64_t k = begin; k < end;) {                                                        \
            int64_t j = k % l->inner, width = l->inner - j;                                        \
            A acc[64];                                                                             \
            T *x = (T *)l->dst + k / l->inner * l->n * l->inner + j;                               \
            if (width > end - k) width = end - k;                                                  \
            if (width > 64) width = 64;                                                            \
            for (int64_t i = 0; i < width; i++) acc[i] = FIRST;                                    \
            for (int64_t r = 0; r < l->n; r++) {                                                   \
                T *row = x + (l->reverse ? l->n - 1 - r : r) * l->inner;                           \
                for (int64_t i = 0; i < width; i++) row[i] = (T)(acc[i] OP (A)row[i]);             \
                PC_TRY(pc_poll_after(&work, width));                                               \
            }                                                                                      \
            k += width;                                                                            \
        }                                                                                          \
    done:                                                                                          \
        return status;                                                                             \
    }
SCAN(scan_sum_f32, float, double, 0, +=)
SCAN(scan_sum_f64, double, double, 0, +=)
SCAN(scan_sum_i64, int64_t, uint64_t, 0, +=)
SCAN(scan_prod_f32, float, double, 1, *=)
SCAN(scan_prod_f64, double, double, 1, *=)
SCAN(scan_prod_i64, int64_t, uint64_t, 1, *=)

static pc_status scan(pc_tensor *t, int64_t dim, pc_dtype dtype, bool product, bool reverse, pc_tensor **out)
{
    static const pc_range_fn loops[2][3] = { { scan_sum_f32, scan_sum_f64, scan_sum_i64 },
                                             { scan_prod_f32, scan_prod_f64, scan_prod_i64 } };
    pc_status status = PC_OK;
    pc_tensor *work = NULL, *source = NULL;
    pc_dtype wide = !pc_dtype_is_float(dtype) ? PC_I64 : pc_work_dtype(dtype);
    lines l;
    int d;

    PC_TRY(pc_wrap_dim(dim, t->ndim, &d));
    PC_TRY(pc_for_dtype(t, dtype, &source));
    PC_TRY(pc_tensor_new(wide, t->ndim, t->shape, &work));
    PC_TRY(pc_copy(work, source));
    l = lines_along(work, d);
    l.dst = pc_data(work);
    l.reverse = reverse;
    PC_TRY(run_lines(&l, loops[product][wide == PC_F32 ? 0 : wide == PC_F64 ? 1 : 2]));
    if (wide == dtype) *out = pc_retain(work);
    else PC_TRY(pc_cast(work, dtype, out));
done:
    pc_release(work);
    pc_release(source);
    return status;
}

static pc_status cumsum_forward(pc_call *c)
{
    return scan(c->in[0], c->v[0].i, pc_sum_dtype(&c->v[1], c->in[0]->dtype), false, false, &c->out[0]);
}
static pc_status cumsum_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return scan(gout[0], c->v[0].i, c->in[0]->dtype, false, true, &gin[0]);
}
static pc_status cumprod_forward(pc_call *c)
{
    return scan(c->in[0], c->v[0].i, pc_sum_dtype(&c->v[1], c->in[0]->dtype), true, false, &c->out[0]);
}

/* Element i is in all products from the i-th on. */
static pc_status cumprod_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    int d;
    pc_status status = pc_wrap_dim(c->v[0].i, c->in[0]->ndim, &d);
    if (status != PC_OK) return status;
    lines l = lines_along(c->in[0], d);
    l.all_products = true;
    return products_backward(c, gout[0], l, gin);
}

/* ---- rows -------------------------------------------------------------------------------------- */

#define BOTH (PC_FUNCTION | PC_METHOD)

static const pc_op ops[] = {
    { "prod(Tensor self, *, ScalarType? dtype=None) -> Tensor", prod_forward, prod_backward, BOTH | PC_SAVE_IN0,
      "The product of all elements.\n"
      "dtype: Of the result and of the product; integers and bools become int64 by default." },
    { "prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", prod_dim_forward,
      prod_backward, BOTH | PC_SAVE_IN0, "The product over a dimension." },
    { "cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", cumsum_forward, cumsum_backward, BOTH,
      "The running sum along a dimension." },
    { "cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", cumprod_forward, cumprod_backward,
      BOTH | PC_SAVE_IN0, "The running product along a dimension." },
};
PC_FAMILY(scan, ops);
