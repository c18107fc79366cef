/* shape.c -- joins, repetitions, reversals; what operators on extents and strides share. */
#include "shape.h"
#include "../core/alloc.h"
#include "copy.h"
#include "elementwise.h"
#include "nhwc.h"
#include "reduce.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- helpers ----------------------------------------------------------------------------------- */

pc_status pc_wrap_dim(int64_t dim, int ndim, int *out)
{
    int64_t n = ndim > 0 ? ndim : 1;
    *out = 0;
    if (dim < -n || dim >= n)
        return pc_fail(PC_EINDEX,
                       "Dimension out of range (expected to be in range of [%" PRId64 ", %" PRId64 "], but got %"
                       PRId64 ")",
                       -n, n - 1, dim);
    *out = (int)(dim < 0 ? dim + n : dim);
    return PC_OK;
}

pc_status pc_wrap_list(const pc_value *dims, int ndim, uint32_t *mask)
{
    pc_status status = PC_OK;
    *mask = 0;
    for (int k = 0; k < dims->ints.n; k++) {
        int d;
        PC_TRY(pc_wrap_dim(dims->ints.v[k], ndim, &d));
        PC_CHECK(!(*mask >> d & 1), PC_ESHAPE, "dim %d appears multiple times in the list of dims", d);
        *mask |= 1u << d;
    }
done:
    return status;
}

pc_status pc_wrap_dims(const pc_value *dims, int ndim, uint32_t *mask)
{
    if (dims->kind == PC_NONE || dims->ints.n == 0) {
        *mask = (1u << ndim) - 1;
        return PC_OK;
    }
    return pc_wrap_list(dims, ndim, mask);
}

bool pc_view_strides(const pc_tensor *t, int ndim, const int64_t *shape, int64_t *stride)
{
    int64_t base = 1, of_tensor = 1, of_view = 1;
    int v = ndim - 1;

    if (t->numel == 0 || t->ndim == 0) {
        bool same = t->ndim == ndim && memcmp(t->shape, shape, (size_t)ndim * sizeof *shape) == 0;
        if (same) memcpy(stride, t->stride, (size_t)ndim * sizeof *stride);
        else pc_contiguous_strides(ndim, shape, stride);
        return true;
    }
    /* runs of t's dimensions that are one run in memory, from the innermost, each cut up as shape wants */
    base = t->stride[t->ndim - 1];
    for (int d = t->ndim - 1; d >= 0; d--) {
        of_tensor *= t->shape[d];
        if (d > 0 && (t->shape[d - 1] == 1 || t->stride[d - 1] == of_tensor * base)) continue;
        while (v >= 0 && (of_view < of_tensor || shape[v] == 1)) {
            stride[v] = of_view * base;
            of_view *= shape[v--];
        }
        if (of_view != of_tensor) return false;
        if (d > 0) {
            base = t->stride[d - 1];
            of_tensor = of_view = 1;
        }
    }
    return v == -1;
}

pc_status pc_restrided(const pc_tensor *t, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset,
                       pc_tensor **out)
{
    pc_status status = pc_tensor_alias(t, out);
    if (status != PC_OK) return status;
    pc_tensor *r = *out;
    r->ndim = ndim;
    r->numel = pc_product(ndim, shape);
    r->offset = offset;
    for (int d = 0; d < ndim; d++) r->shape[d] = shape[d], r->stride[d] = stride[d];
    return PC_OK;
}

pc_status pc_reshaped(pc_tensor *t, int ndim, const int64_t *shape, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *dense = NULL;
    int64_t stride[PC_MAX_DIMS];

    if (!pc_view_strides(t, ndim, shape, stride)) {
        PC_TRY(pc_contiguous(t, &dense));
        t = dense;
        pc_contiguous_strides(ndim, shape, stride);
    }
    PC_TRY(pc_restrided(t, ndim, shape, stride, t->offset, out));
done:
    pc_release(dense);
    return status;
}

pc_status pc_check_extents(int n, const int64_t *v)
{
    for (int k = 0; k < n; k++)
        if (v[k] > INT32_MAX || v[k] < -INT32_MAX)
            return pc_fail(PC_ESHAPE,
                           "integer out of range: %" PRId64 " is too large for a window, a step, a padding or the "
                           "extent that they are applied to",
                           v[k]);
    return PC_OK;
}

pc_status pc_check_ndim(int ndim)
{
    if (ndim <= PC_MAX_DIMS) return PC_OK;
    return pc_fail(PC_ESHAPE, "tensors have at most %d dimensions here, got %d", PC_MAX_DIMS, ndim);
}

/* ---- cat, stack -------------------------------------------------------------------------------- */

/* The dimension of the join, for backward. */
#define JOIN_DIM (PC_MAX_PARAMS - 1)

/* Tensors of shape [0] join anything, as torch has it. */
static bool skipped(const pc_tensor *t)
{
    return t->ndim == 1 && t->shape[0] == 0;
}

static pc_status join(pc_call *c, int64_t dim, const char *name)
{
    pc_status status = PC_OK;
    const pc_tensor *first = NULL;
    pc_dtype dtype = PC_BOOL;
    int64_t shape[PC_MAX_DIMS], stride[PC_MAX_DIMS], total = 0, at = 0;
    bool channels_last = true;
    int d, ndim;

    PC_CHECK(c->nin > 0, PC_EVALUE, "torch.%s(): expected a non-empty list of Tensors", name);
    for (int k = 0; k < c->nin; k++) {
        const pc_tensor *t = c->in[k];
        PC_CHECK(t->ndim > 0, PC_ESHAPE, "zero-dimensional tensor (at position %d) cannot be concatenated", k);
        dtype = k == 0 ? t->dtype : pc_promote(dtype, t->dtype);
        if (first == NULL && !skipped(t)) first = t;
    }
    ndim = first != NULL ? first->ndim : 1;
    PC_TRY(pc_wrap_dim(dim, ndim, &d));
    for (int k = 0; k < c->nin; k++) {
        const pc_tensor *t = c->in[k];
        if (skipped(t)) continue;
        PC_CHECK(t->ndim == ndim, PC_ESHAPE, "Tensors must have same number of dimensions: got %d and %d", ndim,
                 t->ndim);
        for (int j = 0; j < ndim; j++)
            PC_CHECK(j == d || t->shape[j] == first->shape[j], PC_ESHAPE,
                     "Sizes of tensors must match except in dimension %d. Expected size %" PRId64 " but got size %"
                     PRId64 " for tensor number %d in the list.",
                     d, first->shape[j], t->shape[j], k);
        total += t->shape[d];
        channels_last = channels_last && pc_wants_channels_last(t);
    }
    if (first != NULL) memcpy(shape, first->shape, sizeof shape);
    shape[d] = total;
    pc_contiguous_strides(ndim, shape, stride);
    if (channels_last && first != NULL) {
        stride[1] = 1;
        stride[3] = shape[1];
        stride[2] = shape[3] * stride[3];
        stride[0] = shape[2] * stride[2];
    }
    PC_TRY(pc_tensor_new_strided(dtype, ndim, shape, stride, &c->out[0]));
    for (int k = 0; k < c->nin; k++) {
        pc_tensor w = pc_window(c->out[0]);
        if (skipped(c->in[k])) continue;
        pc_window_narrow(&w, d, at, c->in[k]->shape[d], 1);
        PC_TRY(pc_copy(&w, c->in[k]));
        at += c->in[k]->shape[d];
    }
    c->v[JOIN_DIM] = (pc_value){ .kind = PC_INT, .i = d };
done:
    return status;
}

static pc_status cat_forward(pc_call *c)
{
    return join(c, c->v[0].i, "cat");
}

static pc_status part_of(pc_tensor *g, const pc_tensor *w, pc_dtype dtype, pc_tensor **out)
{
    if (w->dtype == dtype) return pc_restrided(g, w->ndim, w->shape, w->stride, w->offset, out);
    return pc_cast((pc_tensor *)w, dtype, out);
}

static pc_status cat_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    int d = (int)c->v[JOIN_DIM].i;
    int64_t at = 0;
    for (int k = 0; k < c->nin; k++) {
        pc_tensor w = pc_window(gout[0]);
        if (skipped(c->in[k])) {
            if (c->need[k]) PC_TRY(pc_zeros_like(c->in[k], &gin[k]));
            continue;
        }
        if (c->need[k]) {
            pc_window_narrow(&w, d, at, c->in[k]->shape[d], 1);
            PC_TRY(part_of(gout[0], &w, c->in[k]->dtype, &gin[k]));
        }
        at += c->in[k]->shape[d];
    }
done:
    return status;
}

static pc_status stack_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *first;
    pc_dtype dtype;
    int64_t shape[PC_MAX_DIMS];
    int d;

    PC_CHECK(c->nin > 0, PC_ESHAPE, "stack expects a non-empty TensorList");
    first = c->in[0];
    dtype = first->dtype;
    PC_TRY(pc_wrap_dim(c->v[0].i, first->ndim + 1, &d));
    PC_TRY(pc_check_ndim(first->ndim + 1));
    for (int k = 1; k < c->nin; k++) {
        char a[200], b[200];
        PC_CHECK(pc_same_shape(c->in[k], first), PC_ESHAPE,
                 "stack expects each tensor to be equal size, but got %s at entry 0 and %s at entry %d",
                 pc_shape_text(first, a), pc_shape_text(c->in[k], b), k);
        dtype = pc_promote(dtype, c->in[k]->dtype);
    }
    memcpy(shape, first->shape, (size_t)d * sizeof *shape);
    shape[d] = c->nin;
    memcpy(shape + d + 1, first->shape + d, (size_t)(first->ndim - d) * sizeof *shape);
    PC_TRY(pc_tensor_new(dtype, first->ndim + 1, shape, &c->out[0]));
    for (int k = 0; k < c->nin; k++) {
        pc_tensor w = pc_window(c->out[0]);
        pc_window_select(&w, d, k);
        PC_TRY(pc_copy(&w, c->in[k]));
    }
    c->v[JOIN_DIM] = (pc_value){ .kind = PC_INT, .i = d };
done:
    return status;
}

static pc_status stack_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    for (int k = 0; k < c->nin; k++) {
        pc_tensor w = pc_window(gout[0]);
        if (!c->need[k]) continue;
        pc_window_select(&w, (int)c->v[JOIN_DIM].i, k);
        PC_TRY(part_of(gout[0], &w, c->in[k]->dtype, &gin[k]));
    }
done:
    return status;
}

/* hstack and vstack: cat of tensors that have been given the dimensions they lack. */
static pc_status stack_along(pc_call *c, int least, int64_t dim, const char *name)
{
    pc_status status = PC_OK;
    pc_tensor **given = c->in, **raised = NULL, *structs = NULL;

    PC_CHECK(c->nin > 0, PC_ESHAPE, "%s expects a non-empty TensorList", name);
    raised = pc_calloc((size_t)c->nin, sizeof *raised);
    structs = pc_calloc((size_t)c->nin, sizeof *structs);
    PC_CHECK(raised != NULL && structs != NULL, PC_ENOMEM, "out of memory for %s", name);
    for (int k = 0; k < c->nin; k++) {
        pc_tensor *w = raised[k] = &structs[k];
        *w = pc_window(given[k]);
        if (w->ndim == 0) w->shape[w->ndim] = 1, w->stride[w->ndim++] = 1;
        if (w->ndim < least) {
            w->shape[1] = w->shape[0], w->stride[1] = w->stride[0];
            w->shape[0] = 1, w->stride[0] = w->shape[1] * w->stride[1];
            w->ndim = 2;
        }
    }
    c->in = raised;
    if (dim == 1 && raised[0]->ndim == 1) dim = 0;
    status = join(c, dim, name);
done:
    c->in = given;
    pc_free(raised);
    pc_free(structs);
    return status;
}

static pc_status hstack_forward(pc_call *c)
{
    return stack_along(c, 1, 1, "hstack");
}

static pc_status vstack_forward(pc_call *c)
{
    return stack_along(c, 2, 0, "vstack");
}

static pc_status stack_along_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    int d = (int)c->v[JOIN_DIM].i;
    pc_tensor *part = NULL;
    int64_t at = 0;
    for (int k = 0; k < c->nin; k++) {
        const pc_tensor *t = c->in[k];
        pc_tensor w = pc_window(gout[0]);
        int lead = w.ndim - t->ndim; /* dimensions that t was given, at its front */
        int64_t length = d < lead || t->ndim == 0 ? 1 : t->shape[d - lead];
        if (t->ndim == 1 && t->shape[0] == 0 && lead == 0) continue;
        if (c->need[k]) {
            pc_window_narrow(&w, d, at, length, 1);
            PC_TRY(part_of(gout[0], &w, t->dtype, &part));
            PC_TRY(pc_reshaped(part, t->ndim, t->shape, &gin[k]));
            pc_release(part);
            part = NULL;
        }
        at += length;
    }
done:
    pc_release(part);
    return status;
}

/* ---- repeat ------------------------------------------------------------------------------------ */

/* times[d] copies of dimension d, for the last ndim of them; t has no more dimensions than there are. */
static pc_status repeat(const pc_tensor *t, int ndim, const int64_t *times, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *result = NULL, w, from, to;
    int64_t shape[PC_MAX_DIMS];
    int lead = ndim - t->ndim;

    for (int d = 0; d < ndim; d++) {
        int64_t size = d < lead ? 1 : t->shape[d - lead];
        PC_CHECK(!__builtin_mul_overflow(size, times[d], &shape[d]), PC_ESHAPE, "Storage size calculation overflowed");
    }
    PC_TRY(pc_tensor_new(t->dtype, ndim, shape, &result));
    if (result->numel > 0) {
        w = pc_window(result);
        for (int d = 0; d < ndim; d++) pc_window_narrow(&w, d, 0, d < lead ? 1 : t->shape[d - lead], 1);
        PC_TRY(pc_copy(&w, t));
        for (int d = ndim - 1; d >= 0; d--) { /* what stands there already, along one dimension after the other */
            int64_t step = w.shape[d] * w.stride[d];
            if (ndim < PC_MAX_DIMS) {
                from = to = w;
                to.ndim = ndim + 1;
                memmove(to.shape + 1, to.shape, (size_t)ndim * sizeof *shape);
                memmove(to.stride + 1, to.stride, (size_t)ndim * sizeof *shape);
                to.shape[0] = times[d] - 1;
                to.stride[0] = step;
                to.numel = w.numel * to.shape[0];
                to.offset += step;
                if (times[d] > 1) PC_TRY(pc_copy(&to, &from));
            } else {
                for (int64_t k = 1; k < times[d]; k++) {
                    to = w;
                    to.offset += k * step;
                    PC_TRY(pc_copy(&to, &w));
                }
            }
            w.numel *= times[d];
            w.shape[d] *= times[d];
        }
    }
    *out = result;
    result = NULL;
done:
    pc_release(result);
    return status;
}

/* Sum over the copies: one dimension after the other as [times, size]. */
static pc_status repeat_backward_sum(pc_tensor *g, int ndim, const int64_t *times, const pc_tensor *self,
                                     pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *sum = pc_retain(g), *split = NULL, *next = NULL;
    int lead = ndim - self->ndim;

    for (int d = 0; d < ndim; d++) {
        int64_t shape[PC_MAX_DIMS], stride[PC_MAX_DIMS];
        if (times[d] == 1) continue;
        PC_CHECK(ndim < PC_MAX_DIMS, PC_ENOTIMPL,
                 "the gradient of repeat needs a dimension more than the %d that tensors may have",
                 PC_MAX_DIMS);
        for (int k = 0; k <= ndim; k++) {
            int from = k <= d ? k : k - 1;
            shape[k] = sum->shape[from];
            stride[k] = sum->stride[from];
        }
        shape[d] = times[d];
        shape[d + 1] = d < lead ? 1 : self->shape[d - lead];
        stride[d] *= shape[d + 1];
        PC_TRY(pc_restrided(sum, ndim + 1, shape, stride, sum->offset, &split));
        PC_TRY(pc_sum_dims(split, 1u << d, false, &next));
        pc_release(split);
        pc_release(sum);
        split = NULL;
        sum = next;
        next = NULL;
    }
    PC_TRY(pc_reshaped(sum, self->ndim, self->shape, out));
done:
    pc_release(sum);
    pc_release(split);
    pc_release(next);
    return status;
}

static pc_status check_repeats(int n, const int64_t *times, const pc_tensor *self)
{
    pc_status status = PC_OK;
    int64_t shape[PC_MAX_DIMS];
    char text[200];
    for (int k = 0; k < n; k++) {
        int d = self->ndim - n + k;
        shape[k] = times[k] * (d < 0 ? 1 : self->shape[d]);
    }
    for (int k = 0; k < n; k++)
        PC_CHECK(times[k] >= 0, PC_ESHAPE, "Trying to create tensor with negative dimension %" PRId64 ": %s", shape[k],
                 pc_ints_text(n, shape, text));
done:
    return status;
}

static pc_status repeat_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int n = c->v[0].ints.n;
    PC_CHECK(n >= c->in[0]->ndim, PC_ESHAPE,
             "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor");
    PC_TRY(check_repeats(n, c->v[0].ints.v, c->in[0]));
    PC_TRY(repeat(c->in[0], n, c->v[0].ints.v, &c->out[0]));
done:
    return status;
}

static pc_status repeat_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return repeat_backward_sum(gout[0], c->v[0].ints.n, c->v[0].ints.v, c->in[0], &gin[0]);
}

/* repeat with ones for the dimensions that are not named; from then on it is repeat. */
static pc_status tile_forward(pc_call *c)
{
    int n = c->v[0].ints.n, ndim = c->in[0]->ndim > n ? c->in[0]->ndim : n;
    int64_t times[PC_MAX_DIMS];
    for (int d = 0; d < ndim; d++) times[d] = d < ndim - n ? 1 : c->v[0].ints.v[d - (ndim - n)];
    memcpy(c->v[0].ints.v, times, sizeof times);
    c->v[0].ints.n = ndim;
    return repeat_forward(c);
}

/* ---- flip, roll, rot90 ------------------------------------------------------------------------- */

static void reverse(pc_tensor *w, int d)
{
    if (w->shape[d] > 0) w->offset += (w->shape[d] - 1) * w->stride[d];
    w->stride[d] = -w->stride[d];
}

/* A dense copy of the window, whose strides may be negative. */
static pc_status copy_of(const pc_tensor *w, pc_tensor **out)
{
    pc_status status = pc_tensor_new(w->dtype, w->ndim, w->shape, out);
    return status == PC_OK ? pc_copy(*out, w) : status;
}

static pc_status flipped(const pc_tensor *t, uint32_t mask, pc_tensor **out)
{
    pc_tensor w = pc_window(t);
    int64_t stride[PC_MAX_DIMS];
    pc_dense_strides(t, stride);
    for (int d = 0; d < w.ndim; d++)
        if (mask >> d & 1) reverse(&w, d);
    pc_status status = pc_tensor_new_strided(t->dtype, t->ndim, t->shape, stride, out);
    return status == PC_OK ? pc_copy(*out, &w) : status;
}

static pc_status flip_forward(pc_call *c)
{
    uint32_t mask;
    pc_status status = pc_wrap_list(&c->v[0], c->in[0]->ndim, &mask);
    return status == PC_OK ? flipped(c->in[0], mask, &c->out[0]) : status;
}
static pc_status flip_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    uint32_t mask;
    pc_status status = pc_wrap_list(&c->v[0], c->in[0]->ndim, &mask);
    return status == PC_OK ? flipped(gout[0], mask, &gin[0]) : status;
}

static pc_status fliplr_forward(pc_call *c)
{
    if (c->in[0]->ndim < 2) return pc_fail(PC_ESHAPE, "Input must be >= 2-d.");
    return flipped(c->in[0], 2, &c->out[0]);
}
static pc_status fliplr_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    (void)c;
    return flipped(gout[0], 2, &gin[0]);
}
static pc_status flipud_forward(pc_call *c)
{
    if (c->in[0]->ndim < 1) return pc_fail(PC_ESHAPE, "Input must be >= 1-d.");
    return flipped(c->in[0], 1, &c->out[0]);
}
static pc_status flipud_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    (void)c;
    return flipped(gout[0], 1, &gin[0]);
}

/* Along one dimension: [rest | head] -> [head | rest], where head is the last `shift` elements. */
static pc_status rolled(const pc_tensor *t, int d, int64_t shift, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *result = NULL, from, to;
    int64_t size = t->shape[d], head = size > 0 ? shift % size : 0;

    if (head < 0) head += size;
    PC_TRY(pc_tensor_new(t->dtype, t->ndim, t->shape, &result));
    from = pc_window(t);
    to = pc_window(result);
    pc_window_narrow(&from, d, 0, size - head, 1);
    pc_window_narrow(&to, d, head, size - head, 1);
    PC_TRY(pc_copy(&to, &from));
    from = pc_window(t);
    to = pc_window(result);
    pc_window_narrow(&from, d, size - head, head, 1);
    pc_window_narrow(&to, d, 0, head, 1);
    PC_TRY(pc_copy(&to, &from));
    *out = result;
    result = NULL;
done:
    pc_release(result);
    return status;
}

static pc_status roll(pc_tensor *t, const pc_value *shifts, const pc_value *dims, int sign, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *now = pc_retain(t), *next = NULL;
    int n = shifts->ints.n, d;

    PC_CHECK(n > 0, PC_ESHAPE, "`shifts` required");
    if (dims->ints.n == 0 && n == 1) { /* in the order of elements */
        int64_t shape[1] = { t->numel };
        pc_release(now);
        now = NULL;
        PC_TRY(pc_reshaped(t, 1, shape, &now));
        PC_TRY(rolled(now, 0, sign * (t->numel > 0 ? shifts->ints.v[0] % t->numel : 0), &next));
        PC_TRY(pc_reshaped(next, t->ndim, t->shape, out));
        goto done;
    }
    PC_CHECK(n == dims->ints.n, PC_ESHAPE, "shifts and dimensions must align. shifts: %d, dims:%d", n, dims->ints.n);
    PC_CHECK(t->ndim > 0, PC_EINDEX, "Dimension specified as %" PRId64 " but tensor has no dimensions",
             dims->ints.v[0]);
    for (int k = 0; k < n; k++) {
        PC_TRY(pc_wrap_dim(dims->ints.v[k], t->ndim, &d));
        PC_TRY(rolled(now, d, sign * (t->shape[d] > 0 ? shifts->ints.v[k] % t->shape[d] : 0), &next));
        pc_release(now);
        now = next;
        next = NULL;
    }
    *out = now;
    now = NULL;
done:
    pc_release(now);
    pc_release(next);
    return status;
}

static pc_status roll_forward(pc_call *c)
{
    return roll(c->in[0], &c->v[0], &c->v[1], 1, &c->out[0]);
}
static pc_status roll_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return roll(gout[0], &c->v[0], &c->v[1], -1, &gin[0]);
}

static pc_status rotated(const pc_tensor *t, int64_t k, int a, int b, pc_tensor **out)
{
    pc_tensor w = pc_window(t);
    k = (k % 4 + 4) % 4;
    if (k == 1 || k == 2) reverse(&w, b);
    if (k == 2 || k == 3) reverse(&w, a);
    if (k & 1) pc_window_transpose(&w, a, b);
    return copy_of(&w, out);
}

static pc_status rot90_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int ndim = c->in[0]->ndim, a, b;
    int64_t *dims = c->v[1].ints.v;

    PC_CHECK(c->v[1].ints.n == 2, PC_ESHAPE, "expected total rotation dims == 2, but got dims = %d", c->v[1].ints.n);
    PC_CHECK(ndim >= 2, PC_ESHAPE, "expected total dims >= 2, but got total dims = %d", ndim);
    PC_TRY(pc_wrap_dim(dims[0], ndim, &a));
    PC_TRY(pc_wrap_dim(dims[1], ndim, &b));
    PC_CHECK(a != b, PC_ESHAPE,
             "expected rotation dims to be different, but got dim0 = %" PRId64 " and dim1 = %" PRId64, dims[0],
             dims[1]);
    dims[0] = a;
    dims[1] = b;
    PC_TRY(rotated(c->in[0], c->v[0].i, a, b, &c->out[0]));
done:
    return status;
}
static pc_status rot90_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return rotated(gout[0], -c->v[0].i % 4, (int)c->v[1].ints.v[0], (int)c->v[1].ints.v[1], &gin[0]);
}

/* ---- rows -------------------------------------------------------------------------------------- */

#define BOTH (PC_FUNCTION | PC_METHOD)

static const pc_op ops[] = {
    { "cat(Tensor[] tensors, int dim=0) -> Tensor", cat_forward, cat_backward, PC_FUNCTION,
      "Tensors joined along a dimension." },
    { "concat(Tensor[] tensors, int dim=0) -> Tensor", cat_forward, cat_backward, PC_FUNCTION,
      "Tensors joined along a dimension: cat under another name." },
    { "concatenate(Tensor[] tensors, int dim=0) -> Tensor", cat_forward, cat_backward, PC_FUNCTION,
      "Tensors joined along a dimension: cat under NumPy's name." },
    { "stack(Tensor[] tensors, int dim=0) -> Tensor", stack_forward, stack_backward, PC_FUNCTION,
      "Tensors of one shape joined along a new dimension.\n"
      "dim: Where the new dimension stands.\n"
      "tensors: Of one shape." },
    { "hstack(Tensor[] tensors) -> Tensor", hstack_forward, stack_along_backward, PC_FUNCTION,
      "Tensors joined column by column." },
    { "vstack(Tensor[] tensors) -> Tensor", vstack_forward, stack_along_backward, PC_FUNCTION,
      "Tensors joined row by row." },
    { "repeat(Tensor self, int[] repeats) -> Tensor", repeat_forward, repeat_backward, PC_METHOD,
      "Copies of self along its dimensions.\n"
      "repeats: How often, along each dimension." },
    { "tile(Tensor self, int[] dims) -> Tensor", tile_forward, repeat_backward, BOTH,
      "Copies of self along its last dimensions.\n"
      "dims: How often, along each of the last dimensions." },
    { "flip(Tensor self, int[] dims) -> Tensor", flip_forward, flip_backward, BOTH, "Dimensions in reverse.\n"
      "dims: Which ones." },
    { "fliplr(Tensor self) -> Tensor", fliplr_forward, fliplr_backward, BOTH, "Dimension 1 in reverse." },
    { "flipud(Tensor self) -> Tensor", flipud_forward, flipud_backward, BOTH, "Dimension 0 in reverse." },
    { "roll(Tensor self, int[] shifts, int[] dims=[]) -> Tensor", roll_forward, roll_backward, BOTH,
      "Elements shifted along dimensions, those pushed out coming in at the other end.\n"
      "shifts: By how much, along each of `dims`.\n"
      "dims: Which ones; the flattened tensor is shifted by default." },
    { "rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor", rot90_forward, rot90_backward, BOTH,
      "Rotated by quarter turns in the plane of two dimensions.\n"
      "k: How many quarter turns; negative ones go the other way.\n"
      "dims: The plane." },
};
PC_FAMILY(shape, ops);
