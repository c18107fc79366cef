/* sort.c -- sorting along a dimension, and what a sorted line gives: the k largest, the k-th smallest, the median.
   NaN counts as larger than all; equal elements keep their order. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../kernels/half.h"
#include "copy.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TASK_ELEMENTS 8192
#define RUN 16384 /* entries that are sorted or merged between two checks for Ctrl-C */

typedef struct entry {
    double value;    /* of floats; exact for every float dtype */
    int64_t integer; /* of integers */
    int64_t index;
} entry;

static entry read(const pc_tensor *t, int64_t at, int64_t index)
{
    entry e = { 0, 0, index };
    const void *data = pc_data(t);
    switch (t->dtype) {
    case PC_BOOL:
    case PC_U8: e.integer = ((const uint8_t *)data)[at]; break;
    case PC_I8: e.integer = ((const int8_t *)data)[at]; break;
    case PC_I16: e.integer = ((const int16_t *)data)[at]; break;
    case PC_I32: e.integer = ((const int32_t *)data)[at]; break;
    case PC_I64: e.integer = ((const int64_t *)data)[at]; break;
    case PC_F16: e.value = (double)pc_f16_to_f32(((const uint16_t *)data)[at]); break;
    case PC_BF16: e.value = (double)pc_bf16_to_f32(((const uint16_t *)data)[at]); break;
    case PC_F32: e.value = (double)((const float *)data)[at]; break;
    case PC_F64: e.value = ((const double *)data)[at]; break;
    case PC_DTYPE_COUNT: break;
    }
    return e;
}

static int compare(const entry *a, const entry *b)
{
    bool an = isnan(a->value), bn = isnan(b->value);
    if (an || bn) return an - bn;
    if (a->value != b->value) return a->value < b->value ? -1 : 1;
    return a->integer < b->integer ? -1 : a->integer > b->integer;
}
static int ascending(const void *x, const void *y)
{
    const entry *a = x, *b = y;
    int c = compare(a, b);
    return c != 0 ? c : a->index < b->index ? -1 : 1;
}
static int descending(const void *x, const void *y)
{
    const entry *a = x, *b = y;
    int c = compare(b, a);
    return c != 0 ? c : a->index < b->index ? -1 : 1;
}

typedef int (*order)(const void *, const void *);

/* Memory for sorting n entries. */
static entry *entries(int64_t n)
{
    return n < (int64_t)1 << 40 ? pc_alloc((size_t)n * (n > RUN ? 2 : 1) * sizeof(entry)) : NULL;
}

static pc_status poll_at(int64_t k) { return k % RUN == RUN - 1 ? pc_poll() : PC_OK; }

/* Merge the sorted src[0, middle) and src[middle, n) into dst. */
static pc_status merge(entry *dst, const entry *src, int64_t middle, int64_t n, order before)
{
    for (int64_t k = 0, a = 0, b = middle; k < n; k++) {
        pc_status status = poll_at(k);
        if (status != PC_OK) return status;
        dst[k] = b == n || (a < middle && before(&src[a], &src[b]) < 0) ? src[a++] : src[b++];
    }
    return PC_OK;
}

/* Sort the first n of what entries(n) gave. */
static pc_status sort_entries(entry *all, int64_t n, order before)
{
    pc_status status = PC_OK;
    entry *from = all, *to = all + n;
    for (int64_t k = 0; k < n; k += RUN) {
        qsort(all + k, (size_t)(n - k < RUN ? n - k : RUN), sizeof *all, before);
        if (n > RUN) PC_TRY(pc_poll());
    }
    for (int64_t width = RUN; width < n; width *= 2) {
        for (int64_t k = 0; k < n; k += 2 * width) {
            int64_t left = n - k < 2 * width ? n - k : 2 * width;
            PC_TRY(merge(to + k, from + k, left < width ? left : width, left, before));
        }
        entry *merged = to;
        to = from;
        from = merged;
    }
    if (from != all) memcpy(all, from, (size_t)n * sizeof *all);
done:
    return status;
}

/* Sort every line of x along dim; of each sorted line, entries [from, from + count) go to values and indices. */
typedef struct lines {
    const pc_tensor *x; /* contiguous */
    pc_tensor *values, *indices;
    int64_t n, inner, from, count;
    bool descending;
} lines;

static pc_status sort_lines(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    const lines *l = ctx;
    int64_t item = pc_dtype_size(l->x->dtype);
    entry *line = entries(l->n);
    PC_CHECK(line != NULL, PC_ENOMEM, "out of memory for sorting");
    for (int64_t i = begin; i < end; i++) {
        int64_t in = i / l->inner * l->n * l->inner + i % l->inner, out = i / l->inner * l->count * l->inner + i % l->inner;
        for (int64_t k = 0; k < l->n; k++) {
            PC_TRY(poll_at(k));
            line[k] = read(l->x, in + k * l->inner, k);
        }
        PC_TRY(sort_entries(line, l->n, l->descending ? descending : ascending));
        for (int64_t k = 0; k < l->count; k++) {
            int64_t index = line[l->from + k].index, to = out + k * l->inner;
            PC_TRY(poll_at(k));
            ((int64_t *)pc_data(l->indices))[to] = index;
            if (l->values != NULL)
                memcpy((char *)pc_data(l->values) + to * item, (char *)pc_data(l->x) + (in + index * l->inner) * item,
                       (size_t)item);
        }
    }
done:
    pc_free(line);
    return status;
}

static pc_status wrap_dim(const pc_tensor *t, int64_t dim, int *out)
{
    int64_t n = t->ndim > 0 ? t->ndim : 1;
    if (dim < -n || dim >= n)
        return pc_fail(PC_EINDEX, "Dimension out of range (expected to be in range of [%" PRId64 ", %" PRId64 "], but got %"
                       PRId64 ")", -n, n - 1, dim);
    *out = (int)(dim < 0 ? dim + n : dim);
    return PC_OK;
}

/* out[0] = values, out[1] = indices (or out[0] = indices alone); the dimension is dropped, or has `count` entries. */
static pc_status select_sorted(pc_call *c, int dim, int64_t from, int64_t count, bool is_descending, bool drop, bool keepdim,
                               bool with_values)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *in = c->in[0];
    int64_t shape[PC_MAX_DIMS];
    int ndim = 0;
    lines l = { .n = in->ndim > 0 ? in->shape[dim] : 1, .inner = 1, .from = from, .count = count,
                .descending = is_descending };
    for (int d = 0; d < in->ndim; d++) {
        if (d == dim && drop && !keepdim) continue;
        shape[ndim++] = d != dim ? in->shape[d] : drop ? 1 : count;
    }
    for (int d = dim + 1; d < in->ndim; d++) l.inner *= in->shape[d];
    PC_TRY(pc_contiguous(in, &x));
    if (with_values) PC_TRY(pc_tensor_new(in->dtype, ndim, shape, &c->out[0]));
    PC_TRY(pc_tensor_new(PC_I64, ndim, shape, &c->out[with_values ? 1 : 0]));
    l.x = x;
    l.values = with_values ? c->out[0] : NULL;
    l.indices = c->out[with_values ? 1 : 0];
    int64_t outer = l.indices->numel > 0 && count > 0 ? l.indices->numel / count : 0;
    PC_TRY(pc_parallel_for(outer, TASK_ELEMENTS / (l.n + 1) + 1, sort_lines, &l));
done:
    pc_release(x);
    return status;
}

static pc_status sort_forward(pc_call *c)
{
    int dim = 0;
    pc_status status = wrap_dim(c->in[0], c->v[0].i, &dim);
    int64_t n = c->in[0]->ndim > 0 && status == PC_OK ? c->in[0]->shape[dim] : 1;
    return status == PC_OK ? select_sorted(c, dim, 0, n, c->v[1].i != 0, false, false, true) : status;
}
static pc_status argsort_forward(pc_call *c)
{
    int dim = 0;
    pc_status status = wrap_dim(c->in[0], c->v[0].i, &dim);
    int64_t n = c->in[0]->ndim > 0 && status == PC_OK ? c->in[0]->shape[dim] : 1;
    return status == PC_OK ? select_sorted(c, dim, 0, n, c->v[1].i != 0, false, false, false) : status;
}
static pc_status topk_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int dim = 0;
    int64_t k = c->v[0].i;
    PC_TRY(wrap_dim(c->in[0], c->v[1].i, &dim));
    int64_t n = c->in[0]->ndim > 0 ? c->in[0]->shape[dim] : 1;
    PC_CHECK(k >= 0 && k <= n, PC_ESHAPE, "selected index k out of range: k=%" PRId64 " of %" PRId64 " elements", k, n);
    PC_TRY(select_sorted(c, dim, 0, k, c->v[2].i != 0, false, false, true));
done:
    return status;
}
static pc_status kthvalue_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int dim = 0;
    int64_t k = c->v[0].i;
    PC_TRY(wrap_dim(c->in[0], c->v[1].i, &dim));
    int64_t n = c->in[0]->ndim > 0 ? c->in[0]->shape[dim] : 1;
    PC_CHECK(k >= 1 && k <= n, PC_ESHAPE, "kthvalue(): selected number k out of range for dimension %d", dim);
    PC_TRY(select_sorted(c, dim, k - 1, 1, false, true, c->v[2].i != 0, true));
done:
    return status;
}

/* The lower of two middles; a NaN, if there is one. */
static pc_status median_dim_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int dim = 0;
    const pc_tensor *x = c->in[0];
    PC_TRY(wrap_dim(x, c->v[0].i, &dim));
    int64_t n = x->ndim > 0 ? x->shape[dim] : 1;
    PC_CHECK(n > 0, PC_EINDEX, "median(): Expected reduction dim %d to have non-zero size.", dim);
    PC_TRY(select_sorted(c, dim, (n - 1) / 2, 1, false, true, c->v[1].i != 0, true));
    /* a line with a NaN has it at its end: take that instead */
    if (pc_dtype_is_float(x->dtype)) {
        pc_tensor *values = c->out[0], *indices = c->out[1];
        c->out[0] = c->out[1] = NULL;
        status = select_sorted(c, dim, n - 1, 1, false, true, c->v[1].i != 0, true);
        for (int64_t k = 0; status == PC_OK && k < values->numel; k++)
            if (isnan(read(c->out[0], k, 0).value)) {
                int64_t item = pc_dtype_size(values->dtype);
                memcpy((char *)pc_data(values) + k * item, (char *)pc_data(c->out[0]) + k * item, (size_t)item);
                ((int64_t *)pc_data(indices))[k] = ((int64_t *)pc_data(c->out[1]))[k];
            }
        pc_release(c->out[0]);
        pc_release(c->out[1]);
        c->out[0] = values;
        c->out[1] = indices;
        PC_TRY(status);
    }
done:
    return status;
}

/* Gradients return to where the values came from. */
static pc_status scatter(pc_call *c, pc_tensor *g, int dim, bool dropped, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *plain = NULL, *gx = NULL;
    const pc_tensor *in = c->in[0], *indices = c->out[1];
    int64_t n = in->ndim > 0 ? in->shape[dim] : 1, inner = 1, item = pc_dtype_size(in->dtype);
    for (int d = dim + 1; d < in->ndim; d++) inner *= in->shape[d];
    int64_t count = dropped || in->ndim == 0 ? 1 : indices->shape[dim];
    PC_TRY(pc_contiguous(g, &plain));
    PC_TRY(pc_tensor_new(in->dtype, in->ndim, in->shape, &gx));
    memset(pc_data(gx), 0, (size_t)(gx->numel * item));
    for (int64_t k = 0; k < indices->numel; k++) {
        int64_t outer = k / (count * inner), to = (outer * n + ((int64_t *)pc_data(indices))[k]) * inner + k % inner;
        memcpy((char *)pc_data(gx) + to * item, (char *)pc_data(plain) + k * item, (size_t)item);
    }
    gin[0] = gx;
    gx = NULL;
done:
    pc_release(plain);
    pc_release(gx);
    return status;
}
static pc_status first_dim_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    int dim = 0;
    pc_status status = wrap_dim(c->in[0], c->v[0].i, &dim);
    return status == PC_OK && gout[0] != NULL ? scatter(c, gout[0], dim, false, gin) : status;
}
static pc_status topk_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    int dim = 0;
    pc_status status = wrap_dim(c->in[0], c->v[1].i, &dim);
    return status == PC_OK && gout[0] != NULL ? scatter(c, gout[0], dim, false, gin) : status;
}
static pc_status kthvalue_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    int dim = 0;
    pc_status status = wrap_dim(c->in[0], c->v[1].i, &dim);
    return status == PC_OK && gout[0] != NULL ? scatter(c, gout[0], dim, true, gin) : status;
}
static pc_status median_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    int dim = 0;
    pc_status status = wrap_dim(c->in[0], c->v[0].i, &dim);
    return status == PC_OK && gout[0] != NULL ? scatter(c, gout[0], dim, true, gin) : status;
}

/* ---- unique ------------------------------------------------------------------------------------------- */

/* Sorted distinct values of the flattened input, with the position of each element among them. */
static pc_status unique_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL;
    entry *all = NULL;
    int64_t n = c->in[0]->numel, distinct = 0, item = pc_dtype_size(c->in[0]->dtype);
    PC_TRY(pc_contiguous(c->in[0], &x));
    all = entries(n);
    PC_CHECK(all != NULL, PC_ENOMEM, "out of memory for unique");
    for (int64_t k = 0; k < n; k++) {
        PC_TRY(poll_at(k));
        all[k] = read(x, k, k);
    }
    PC_TRY(sort_entries(all, n, ascending));
    /* NaNs are all different from each other */
    for (int64_t k = 0; k < n; k++) distinct += k == 0 || isnan(all[k].value) || compare(&all[k - 1], &all[k]) != 0;
    PC_TRY(pc_tensor_new(x->dtype, 1, &distinct, &c->out[0]));
    PC_TRY(pc_tensor_new(PC_I64, x->ndim, x->shape, &c->out[1]));
    int64_t at = -1;
    for (int64_t k = 0; k < n; k++) {
        PC_TRY(poll_at(k));
        if (k == 0 || isnan(all[k].value) || compare(&all[k - 1], &all[k]) != 0) {
            at++;
            memcpy((char *)pc_data(c->out[0]) + at * item, (char *)pc_data(x) + all[k].index * item, (size_t)item);
        }
        ((int64_t *)pc_data(c->out[1]))[all[k].index] = at;
    }
done:
    pc_free(all);
    pc_release(x);
    return status;
}

#define BOTH (PC_FUNCTION | PC_METHOD)
static const pc_op table[] = {
    { "sort(Tensor self, int dim=-1, bool descending=False, *, bool stable=True) -> (Tensor values, Tensor indices)",
      sort_forward, first_dim_backward, BOTH | PC_SAVE_OUT1, "Sorted along a dimension, with the positions before." },
    { "argsort(Tensor self, int dim=-1, bool descending=False, *, bool stable=True) -> Tensor", argsort_forward, NULL,
      BOTH | PC_NOGRAD, "Positions that sort along a dimension." },
    { "topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)",
      topk_forward, topk_backward, BOTH | PC_SAVE_OUT1, "The k largest (or smallest) along a dimension, in order." },
    { "kthvalue(Tensor self, int k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)", kthvalue_forward,
      kthvalue_backward, BOTH | PC_SAVE_OUT1, "The k-th smallest along a dimension." },
    { "median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", median_dim_forward,
      median_backward, BOTH | PC_SAVE_OUT1, "The median along a dimension: the lower one of two middles." },
    { "_unique(Tensor self) -> (Tensor values, Tensor inverse)", unique_forward, NULL, PC_FUNCTION | PC_NOGRAD,
      "Sorted distinct values, and where each element is among them." },
};
PC_FAMILY(sort, table);
