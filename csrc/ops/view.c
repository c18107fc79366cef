/* view.c -- operators whose results share their input's memory. */
#include "shape.h"
#include "copy.h"
#include "elementwise.h"
#include "reduce.h"
#include <inttypes.h>
#include <string.h>

/* ---- helpers ----------------------------------------------------------------------------------- */

/* out[k] = the window w onto in[0]. */
static pc_status emit(pc_call *c, int k, const pc_tensor *w)
{
    return pc_tensor_view(c->in[0], w->ndim, w->shape, w->stride, w->offset, &c->out[k]);
}

/* Room for n results, and their number. */
static pc_status expect(pc_call *c, int64_t n)
{
    if (n > c->nout)
        return pc_fail(PC_ESHAPE, "the result would be %" PRId64 " tensors, more than the caller has room for", n);
    c->nout = (int)n;
    return PC_OK;
}

/* Gradient of a view that has all elements of its base in order. */
static pc_status reshape_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return pc_reshaped(gout[0], c->in[0]->ndim, c->in[0]->shape, &gin[0]);
}

/* Gradient of a window: zeros but there. place narrows w, a window onto a tensor of in[0]'s shape, to what out[k] is.
 */
typedef void (*place_fn)(const pc_call *c, int k, pc_tensor *w);
static pc_status windows_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin, place_fn place)
{
    pc_status status = PC_OK;
    int64_t covered = 0;

    for (int k = 0; k < c->nout; k++)
        if (gout[k] != NULL) covered += gout[k]->numel;
    if (covered == c->in[0]->numel) {
        int64_t stride[PC_MAX_DIMS];
        pc_dense_strides(c->in[0], stride);
        PC_TRY(pc_tensor_new_strided(c->in[0]->dtype, c->in[0]->ndim, c->in[0]->shape, stride, &gin[0]));
    } else {
        PC_TRY(pc_zeros_like(c->in[0], &gin[0]));
    }
    for (int k = 0; k < c->nout; k++) {
        if (gout[k] == NULL) continue;
        pc_tensor w = pc_window(gin[0]);
        place(c, k, &w);
        PC_TRY(pc_copy(&w, gout[k]));
    }
done:
    return status;
}

/* ---- view, reshape, flatten, unflatten --------------------------------------------------------- */

/* Fill in a -1; torch's errors where sizes do not multiply up to numel. */
static pc_status infer_size(int64_t numel, int n, const int64_t *asked, int64_t *shape)
{
    pc_status status = PC_OK;
    int unknown = -1;
    int64_t known = 1;
    bool overflow = false;
    char text[200];

    for (int d = 0; d < n; d++) {
        shape[d] = asked[d];
        if (asked[d] == -1) {
            PC_CHECK(unknown < 0, PC_ESHAPE, "only one dimension can be inferred");
            unknown = d;
        } else {
            PC_CHECK(asked[d] >= 0, PC_ESHAPE, "invalid shape dimension %" PRId64 " at index %d of shape %s", asked[d],
                     d, pc_ints_text(n, asked, text));
            overflow = overflow || __builtin_mul_overflow(known, asked[d], &known);
        }
    }
    PC_CHECK(unknown < 0 || known != 0 || numel != 0, PC_ESHAPE,
             "cannot reshape tensor of 0 elements into shape %s because the unspecified dimension size -1 can be any "
             "value and is ambiguous",
             pc_ints_text(n, asked, text));
    PC_CHECK(!overflow && (unknown < 0 ? known == numel : known > 0 && numel % known == 0), PC_ESHAPE,
             "shape '%s' is invalid for input of size %" PRId64, pc_ints_text(n, asked, text), numel);
    if (unknown >= 0) shape[unknown] = numel / known;
done:
    return status;
}

static pc_status to_shape(pc_call *c, int n, const int64_t *shape, bool copy_allowed)
{
    pc_status status = PC_OK;
    pc_tensor *self = c->in[0];
    int64_t stride[PC_MAX_DIMS];

    if (pc_view_strides(self, n, shape, stride)) {
        PC_TRY(pc_tensor_view(self, n, shape, stride, self->offset, &c->out[0]));
        goto done;
    }
    PC_CHECK(copy_allowed, PC_ESHAPE, "view size is not compatible with input tensor's size and stride (at least one "
             "dimension spans across two contiguous subspaces). Use .reshape(...) instead.");
    PC_TRY(pc_reshaped(self, n, shape, &c->out[0]));
done:
    return status;
}

static pc_status view_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int64_t shape[PC_MAX_DIMS];
    PC_TRY(infer_size(c->in[0]->numel, c->v[0].ints.n, c->v[0].ints.v, shape));
    PC_TRY(to_shape(c, c->v[0].ints.n, shape, false));
done:
    return status;
}

static pc_status reshape_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int64_t shape[PC_MAX_DIMS];
    PC_TRY(infer_size(c->in[0]->numel, c->v[0].ints.n, c->v[0].ints.v, shape));
    PC_TRY(to_shape(c, c->v[0].ints.n, shape, true));
done:
    return status;
}

static pc_status view_as_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int64_t shape[PC_MAX_DIMS];
    PC_TRY(infer_size(c->in[0]->numel, c->in[1]->ndim, c->in[1]->shape, shape));
    PC_TRY(to_shape(c, c->in[1]->ndim, shape, false));
done:
    return status;
}

static pc_status reshape_as_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int64_t shape[PC_MAX_DIMS];
    PC_TRY(infer_size(c->in[0]->numel, c->in[1]->ndim, c->in[1]->shape, shape));
    PC_TRY(to_shape(c, c->in[1]->ndim, shape, true));
done:
    return status;
}

static pc_status flatten_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *self = c->in[0];
    int64_t shape[PC_MAX_DIMS];
    int first, last, n = 0;

    PC_TRY(pc_wrap_dim(c->v[0].i, self->ndim, &first));
    PC_TRY(pc_wrap_dim(c->v[1].i, self->ndim, &last));
    PC_CHECK(first <= last, PC_ESHAPE, "flatten() has invalid args: start_dim cannot come after end_dim");
    if (self->ndim == 0) {
        shape[n++] = 1;
    } else {
        for (int d = 0; d < first; d++) shape[n++] = self->shape[d];
        shape[n++] = pc_product(last - first + 1, self->shape + first);
        for (int d = last + 1; d < self->ndim; d++) shape[n++] = self->shape[d];
    }
    PC_TRY(to_shape(c, n, shape, true));
done:
    return status;
}

static pc_status ravel_forward(pc_call *c)
{
    return to_shape(c, 1, &c->in[0]->numel, true);
}

static pc_status unflatten_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *self = c->in[0];
    int n = c->v[1].ints.n, d, unknown = -1;
    int64_t shape[PC_MAX_DIMS], known = 1, *sizes = c->v[1].ints.v;
    char text[200];

    PC_TRY(pc_wrap_dim(c->v[0].i, self->ndim, &d));
    PC_CHECK(n > 0, PC_ESHAPE, "unflatten: sizes must be non-empty");
    PC_CHECK(self->ndim > 0, PC_ESHAPE, "unflatten: a tensor of no dimensions has none to unflatten");
    PC_TRY(pc_check_ndim(self->ndim - 1 + n));
    for (int k = 0; k < n; k++) {
        if (sizes[k] != -1) {
            known *= sizes[k];
            continue;
        }
        PC_CHECK(unknown < 0, PC_ESHAPE, "unflatten: only one dimension can be inferred");
        unknown = k;
    }
    PC_CHECK(unknown < 0 ? known == self->shape[d] : known > 0 && self->shape[d] % known == 0, PC_ESHAPE,
             "unflatten: Provided sizes %s don't multiply up to the size of dim %d (%" PRId64 ") in the input tensor",
             pc_ints_text(n, sizes, text), d, self->shape[d]);
    memcpy(shape, self->shape, (size_t)d * sizeof *shape);
    memcpy(shape + d, sizes, (size_t)n * sizeof *shape);
    memcpy(shape + d + n, self->shape + d + 1, (size_t)(self->ndim - d - 1) * sizeof *shape);
    if (unknown >= 0) shape[d + unknown] = self->shape[d] / known;
    PC_TRY(to_shape(c, self->ndim - 1 + n, shape, false));
done:
    return status;
}

/* ---- squeeze, unsqueeze ------------------------------------------------------------------------ */

static pc_status squeeze_mask(pc_call *c, uint32_t mask)
{
    pc_tensor w = pc_window(c->in[0]);
    int n = 0;
    for (int d = 0; d < w.ndim; d++) {
        if ((mask >> d & 1) && w.shape[d] == 1) continue;
        w.shape[n] = w.shape[d];
        w.stride[n++] = w.stride[d];
    }
    w.ndim = n;
    return emit(c, 0, &w);
}

static pc_status squeeze_forward(pc_call *c)
{
    return squeeze_mask(c, ~0u);
}

static pc_status squeeze_dims_forward(pc_call *c)
{
    uint32_t mask;
    pc_status status = pc_wrap_list(&c->v[0], c->in[0]->ndim, &mask);
    return status == PC_OK ? squeeze_mask(c, mask) : status;
}

static pc_status unsqueeze_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor w = pc_window(c->in[0]);
    int d;

    PC_TRY(pc_wrap_dim(c->v[0].i, w.ndim + 1, &d));
    PC_TRY(pc_check_ndim(w.ndim + 1));
    for (int k = w.ndim; k > d; k--) w.shape[k] = w.shape[k - 1], w.stride[k] = w.stride[k - 1];
    w.stride[d] = d < w.ndim ? w.shape[d + 1] * w.stride[d + 1] : 1;
    w.shape[d] = 1;
    w.ndim++;
    PC_TRY(emit(c, 0, &w));
done:
    return status;
}

/* ---- transpose, permute, movedim --------------------------------------------------------------- */

/* w's dimension k becomes what was dimension order[k]. */
static void permute(pc_tensor *w, const int *order)
{
    int64_t shape[PC_MAX_DIMS], stride[PC_MAX_DIMS];
    memcpy(shape, w->shape, sizeof shape);
    memcpy(stride, w->stride, sizeof stride);
    for (int k = 0; k < w->ndim; k++) w->shape[k] = shape[order[k]], w->stride[k] = stride[order[k]];
}

static pc_status transpose_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor w = pc_window(c->in[0]);
    int a, b;
    PC_TRY(pc_wrap_dim(c->v[0].i, w.ndim, &a));
    PC_TRY(pc_wrap_dim(c->v[1].i, w.ndim, &b));
    if (w.ndim > 0) pc_window_transpose(&w, a, b);
    PC_TRY(emit(c, 0, &w));
done:
    return status;
}

static pc_status transpose_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_tensor w = pc_window(gout[0]);
    int a = 0, b = 0;
    pc_wrap_dim(c->v[0].i, w.ndim, &a);
    pc_wrap_dim(c->v[1].i, w.ndim, &b);
    if (w.ndim > 0) pc_window_transpose(&w, a, b);
    return pc_restrided(gout[0], w.ndim, w.shape, w.stride, w.offset, &gin[0]);
}

static pc_status t_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor w = pc_window(c->in[0]);
    PC_CHECK(w.ndim <= 2, PC_ESHAPE, "t() expects a tensor with <= 2 dimensions, but self is %dD", w.ndim);
    if (w.ndim == 2) pc_window_transpose(&w, 0, 1);
    PC_TRY(emit(c, 0, &w));
done:
    return status;
}

static pc_status t_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_tensor w = pc_window(gout[0]);
    (void)c;
    if (w.ndim == 2) pc_window_transpose(&w, 0, 1);
    return pc_restrided(gout[0], w.ndim, w.shape, w.stride, w.offset, &gin[0]);
}

static pc_status permute_order(const pc_value *dims, int ndim, int *order)
{
    pc_status status = PC_OK;
    uint32_t seen = 0;
    PC_CHECK(dims->ints.n == ndim, PC_ESHAPE,
             "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
             "ordering of dimensions i.e. input.dim() = %d is not equal to len(dims) = %d", ndim, dims->ints.n);
    for (int k = 0; k < ndim; k++) {
        PC_TRY(pc_wrap_dim(dims->ints.v[k], ndim, &order[k]));
        PC_CHECK(!(seen >> order[k] & 1), PC_ESHAPE, "permute(): duplicate dims are not allowed.");
        seen |= 1u << order[k];
    }
done:
    return status;
}

static pc_status permute_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor w = pc_window(c->in[0]);
    int order[PC_MAX_DIMS];
    PC_TRY(permute_order(&c->v[0], w.ndim, order));
    permute(&w, order);
    PC_TRY(emit(c, 0, &w));
done:
    return status;
}

static pc_status unpermuted(const pc_tensor *g, const int *order, pc_tensor **out)
{
    pc_tensor w = pc_window(g);
    int inverse[PC_MAX_DIMS];
    for (int k = 0; k < w.ndim; k++) inverse[order[k]] = k;
    permute(&w, inverse);
    return pc_restrided(g, w.ndim, w.shape, w.stride, w.offset, out);
}

static pc_status permute_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    int order[PC_MAX_DIMS];
    pc_status status = permute_order(&c->v[0], c->in[0]->ndim, order);
    return status == PC_OK ? unpermuted(gout[0], order, &gin[0]) : status;
}

static pc_status movedim_order(const pc_call *c, int *order)
{
    pc_status status = PC_OK;
    int ndim = c->in[0]->ndim, n = c->v[0].ints.n, d, at = 0;
    uint32_t from = 0, to = 0;
    char a[200], b[200];

    PC_CHECK(n == c->v[1].ints.n, PC_ESHAPE,
             "movedim: Invalid source or destination dims: source (%s dims) should contain the same number of dims as "
             "destination (%s dims)",
             pc_ints_text(n, c->v[0].ints.v, a), pc_ints_text(c->v[1].ints.n, c->v[1].ints.v, b));
    for (int k = 0; k < ndim; k++) order[k] = -1;
    for (int k = 0; k < n; k++) {
        PC_TRY(pc_wrap_dim(c->v[0].ints.v[k], ndim, &d));
        PC_CHECK(!(from >> d & 1), PC_ESHAPE, "movedim: repeated dim in `source` (%s)",
                 pc_ints_text(n, c->v[0].ints.v, a));
        from |= 1u << d;
        PC_TRY(pc_wrap_dim(c->v[1].ints.v[k], ndim, &at));
        PC_CHECK(!(to >> at & 1), PC_ESHAPE, "movedim: repeated dim in `destination` (%s)",
                 pc_ints_text(n, c->v[1].ints.v, b));
        to |= 1u << at;
        order[at] = d;
    }
    d = 0;
    for (int k = 0; k < ndim; k++) {
        if (order[k] >= 0) continue;
        while (from >> d & 1) d++;
        order[k] = d++;
    }
done:
    return status;
}

static pc_status movedim_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor w = pc_window(c->in[0]);
    int order[PC_MAX_DIMS + 1];
    PC_TRY(movedim_order(c, order));
    permute(&w, order);
    PC_TRY(emit(c, 0, &w));
done:
    return status;
}

static pc_status movedim_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    int order[PC_MAX_DIMS + 1];
    pc_status status = movedim_order(c, order);
    return status == PC_OK ? unpermuted(gout[0], order, &gin[0]) : status;
}

/* ---- expand ------------------------------------------------------------------------------------ */

static pc_status expand(pc_tensor *w, int n, const int64_t *sizes)
{
    pc_status status = PC_OK;
    pc_tensor from = *w;
    char want[200], have[200];
    int lead = n - from.ndim;

    PC_CHECK(lead >= 0, PC_ESHAPE,
             "expand(torch.%sTensor{%s}, size=%s): the number of sizes provided (%d) must be greater or equal to the "
             "number of dimensions in the tensor (%d)",
             pc_dtype_type_name(from.dtype), pc_shape_text(&from, have), pc_ints_text(n, sizes, want), n, from.ndim);
    for (int d = n - 1; d >= 0; d--) {
        int64_t size = sizes[d];
        if (d < lead) {
            PC_CHECK(size >= 0, PC_ESHAPE,
                     "The expanded size of the tensor (%" PRId64 ") isn't allowed in a leading, non-existing "
                     "dimension %d",
                     size, d);
            w->shape[d] = size;
            w->stride[d] = 0;
            continue;
        }
        int64_t old = from.shape[d - lead];
        if (size == -1) size = old;
        PC_CHECK(size == old || (old == 1 && size >= 0), PC_ESHAPE,
                 "The expanded size of the tensor (%" PRId64 ") must match the existing size (%" PRId64 ") at "
                 "non-singleton dimension %d.  Target sizes: %s.  Tensor sizes: %s", size, old, d,
                 pc_ints_text(n, sizes, want), pc_shape_text(&from, have));
        w->shape[d] = size;
        w->stride[d] = size == old ? from.stride[d - lead] : 0;
    }
    w->ndim = n;
done:
    return status;
}

static pc_status expand_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor w = pc_window(c->in[0]);
    PC_TRY(expand(&w, c->v[0].ints.n, c->v[0].ints.v));
    PC_TRY(emit(c, 0, &w));
done:
    return status;
}

static pc_status expand_as_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor w = pc_window(c->in[0]);
    PC_TRY(expand(&w, c->in[1]->ndim, c->in[1]->shape));
    PC_TRY(emit(c, 0, &w));
done:
    return status;
}

static pc_status expand_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return pc_sum_to(gout[0], c->in[0], &gin[0]);
}

static pc_status broadcast_tensors_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int64_t shape[PC_MAX_DIMS];
    int ndim;
    PC_TRY(expect(c, c->nin));
    PC_TRY(pc_broadcast(c->nin, c->in, &ndim, shape));
    for (int k = 0; k < c->nin; k++) {
        pc_tensor w = pc_window(c->in[k]);
        PC_TRY(expand(&w, ndim, shape));
        PC_TRY(pc_tensor_view(c->in[k], w.ndim, w.shape, w.stride, w.offset, &c->out[k]));
    }
done:
    return status;
}

static pc_status broadcast_tensors_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    for (int k = 0; k < c->nin; k++)
        if (c->need[k] && gout[k] != NULL) PC_TRY(pc_sum_to(gout[k], c->in[k], &gin[k]));
done:
    return status;
}

/* Vectors as the axes of a grid; v[0]: the first two axes swapped (indexing="xy"). */
static void meshgrid_shape(const pc_call *c, int64_t *shape)
{
    for (int k = 0; k < c->nin; k++) shape[k] = c->in[k]->numel;
    if (c->v[0].i && c->nin > 1) shape[0] = c->in[1]->numel, shape[1] = c->in[0]->numel;
}

static int meshgrid_axis(const pc_call *c, int k)
{
    return c->v[0].i && c->nin > 1 && k < 2 ? 1 - k : k;
}

static pc_status meshgrid_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int64_t shape[PC_MAX_DIMS];

    PC_CHECK(c->nin > 0, PC_ESHAPE, "meshgrid expects a non-empty TensorList");
    PC_TRY(pc_check_ndim(c->nin));
    PC_TRY(expect(c, c->nin));
    for (int k = 0; k < c->nin; k++) {
        char text[200];
        PC_CHECK(c->in[k]->ndim <= 1, PC_ESHAPE,
                 "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: a tensor of shape %s",
                 pc_shape_text(c->in[k], text));
        PC_CHECK(c->in[k]->dtype == c->in[0]->dtype, PC_ESHAPE,
                 "torch.meshgrid expects all tensors to have the same dtype");
    }
    meshgrid_shape(c, shape);
    for (int k = 0; k < c->nin; k++) {
        int64_t stride[PC_MAX_DIMS] = { 0 };
        stride[meshgrid_axis(c, k)] = c->in[k]->ndim > 0 ? c->in[k]->stride[0] : 1;
        PC_TRY(pc_tensor_view(c->in[k], c->nin, shape, stride, c->in[k]->offset, &c->out[k]));
    }
done:
    return status;
}

static pc_status meshgrid_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *sum = NULL;
    for (int k = 0; k < c->nin; k++) {
        if (!c->need[k] || gout[k] == NULL) continue;
        PC_TRY(pc_sum_dims(gout[k], ((1u << c->nin) - 1) & ~(1u << meshgrid_axis(c, k)), false, &sum));
        PC_TRY(pc_reshaped(sum, c->in[k]->ndim, c->in[k]->shape, &gin[k]));
        pc_release(sum);
        sum = NULL;
    }
done:
    pc_release(sum);
    return status;
}

/* ---- narrow, select, slice --------------------------------------------------------------------- */

static pc_status narrow_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor w = pc_window(c->in[0]);
    int64_t start = c->v[1].i, length = c->v[2].i, size;
    int d;

    PC_CHECK(w.ndim > 0, PC_ESHAPE, "narrow() cannot be applied to a 0-dim tensor.");
    PC_CHECK(length >= 0, PC_ESHAPE, "narrow(): length must be non-negative.");
    PC_TRY(pc_wrap_dim(c->v[0].i, w.ndim, &d));
    size = w.shape[d];
    PC_CHECK(start >= -size && start <= size, PC_EINDEX,
             "start out of range (expected to be in range of [%" PRId64 ", %" PRId64 "], but got %" PRId64 ")", -size,
             size, start);
    if (start < 0) start += size;
    PC_CHECK(start <= size - length, PC_ESHAPE,
             "start (%" PRId64 ") + length (%" PRId64 ") exceeds dimension size (%" PRId64 ").", start, length, size);
    c->v[0].i = d;
    c->v[1].i = start;
    pc_window_narrow(&w, d, start, length, 1);
    PC_TRY(emit(c, 0, &w));
done:
    return status;
}

static void place_narrow(const pc_call *c, int k, pc_tensor *w)
{
    (void)k;
    pc_window_narrow(w, (int)c->v[0].i, c->v[1].i, c->v[2].i, 1);
}
static pc_status narrow_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return windows_backward(c, gout, gin, place_narrow);
}

static pc_status select_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor w = pc_window(c->in[0]);
    int64_t index = c->v[1].i;
    char text[200];
    int d;

    PC_CHECK(w.ndim > 0, PC_EINDEX, "select() cannot be applied to a 0-dim tensor.");
    PC_TRY(pc_wrap_dim(c->v[0].i, w.ndim, &d));
    PC_CHECK(index >= -w.shape[d] && index < w.shape[d], PC_EINDEX,
             "select(): index %" PRId64 " out of range for tensor of size %s at dimension %d", index,
             pc_shape_text(&w, text), d);
    if (index < 0) index += w.shape[d];
    c->v[0].i = d;
    c->v[1].i = index;
    pc_window_select(&w, d, index);
    PC_TRY(emit(c, 0, &w));
done:
    return status;
}

static void place_select(const pc_call *c, int k, pc_tensor *w)
{
    (void)k;
    pc_window_select(w, (int)c->v[0].i, c->v[1].i);
}
static pc_status select_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return windows_backward(c, gout, gin, place_select);
}

/* Python's rules for bounds; step > 0. */
static pc_status slice_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor w = pc_window(c->in[0]);
    int64_t step = c->v[3].i, start = 0, end, length;
    int d;

    PC_CHECK(w.ndim > 0, PC_EINDEX, "slice() cannot be applied to a 0-dim tensor.");
    PC_CHECK(step > 0, PC_EVALUE, step == 0 ? "slice step cannot be zero" : "step must be greater than zero");
    PC_TRY(pc_wrap_dim(c->v[0].i, w.ndim, &d));
    end = w.shape[d];
    if (c->v[1].kind != PC_NONE) start = c->v[1].i < 0 ? c->v[1].i + w.shape[d] : c->v[1].i;
    if (c->v[2].kind != PC_NONE) end = c->v[2].i < 0 ? c->v[2].i + w.shape[d] : c->v[2].i;
    if (start < 0) start = 0;
    if (start > w.shape[d]) start = w.shape[d];
    if (end < start) end = start;
    if (end > w.shape[d]) end = w.shape[d];
    length = end > start ? (end - start - 1) / step + 1 : 0;
    c->v[0].i = d;
    c->v[1] = (pc_value){ .kind = PC_INT, .i = start };
    if (length <= 1) step = 1; /* no stride to multiply: it might overflow */
    c->v[3].i = step;
    pc_window_narrow(&w, d, start, length, step);
    PC_TRY(emit(c, 0, &w));
done:
    return status;
}

static void place_slice(const pc_call *c, int k, pc_tensor *w)
{
    int d = (int)c->v[0].i;
    pc_window_narrow(w, d, c->v[1].i, c->out[k]->shape[d], c->v[3].i);
}
static pc_status slice_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return windows_backward(c, gout, gin, place_slice);
}

/* ---- split, chunk, unbind ---------------------------------------------------------------------- */

/* Pieces along a dimension whose number stands in v[PIECE_DIM]; their lengths are the outputs' own. */
#define PIECE_DIM (PC_MAX_PARAMS - 1)
static void place_piece(const pc_call *c, int k, pc_tensor *w)
{
    int d = (int)c->v[PIECE_DIM].i;
    int64_t start = 0;
    if (c->op != NULL && c->out[k]->ndim < w->ndim) {
        pc_window_select(w, d, k);
        return;
    }
    for (int j = 0; j < k; j++) start += c->out[j]->shape[d];
    pc_window_narrow(w, d, start, c->out[k]->shape[d], 1);
}
static pc_status pieces_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return windows_backward(c, gout, gin, place_piece);
}

static pc_status piece(pc_call *c, int k, int d, int64_t start, int64_t length)
{
    pc_tensor w = pc_window(c->in[0]);
    pc_window_narrow(&w, d, start, length, 1);
    c->v[PIECE_DIM] = (pc_value){ .kind = PC_INT, .i = d };
    return emit(c, k, &w);
}

/* Pieces of `size`, the last one shorter. */
static pc_status cut(pc_call *c, int d, int64_t size)
{
    pc_status status = PC_OK;
    int64_t total = c->in[0]->shape[d], n = size > 0 && total > 0 ? (total - 1) / size + 1 : 1;
    PC_TRY(expect(c, n));
    for (int k = 0; k < n; k++) {
        int64_t start = k * size, left = total - start;
        PC_TRY(piece(c, k, d, start, left < size ? left : size));
    }
done:
    return status;
}

static pc_status split_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *self = c->in[0];
    int64_t size = c->v[0].i;
    int d;

    PC_CHECK(self->ndim > 0, PC_ESHAPE, "split expects at least a 1-dimensional tensor");
    PC_CHECK(size >= 0, PC_ESHAPE, "split expects split_size be non-negative, but got split_size=%" PRId64, size);
    PC_TRY(pc_wrap_dim(c->v[1].i, self->ndim, &d));
    PC_CHECK(size > 0 || self->shape[d] == 0, PC_ESHAPE,
             "split_size can only be 0 if dimension size is 0, but got dimension size of %" PRId64, self->shape[d]);
    PC_TRY(cut(c, d, size));
done:
    return status;
}

static pc_status split_sizes_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *self = c->in[0];
    int n = c->v[0].ints.n, d;
    int64_t *sizes = c->v[0].ints.v, start = 0, sum = 0;
    char text[200];

    PC_CHECK(self->ndim > 0, PC_ESHAPE, "split expects at least a 1-dimensional tensor");
    PC_TRY(pc_wrap_dim(c->v[1].i, self->ndim, &d));
    for (int k = 0; k < n; k++) {
        PC_CHECK(sizes[k] >= 0 && sizes[k] <= INT64_MAX - sum, PC_ESHAPE,
                 "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=%s",
                 pc_ints_text(n, sizes, text));
        sum += sizes[k];
    }
    PC_CHECK(sum == self->shape[d], PC_ESHAPE,
             "split_with_sizes expects split_sizes to sum exactly to %" PRId64 " (input tensor's size at dimension "
             "%d), but got split_sizes=%s",
             self->shape[d], d, pc_ints_text(n, sizes, text));
    PC_TRY(expect(c, n));
    for (int k = 0; k < n; k++) {
        PC_TRY(piece(c, k, d, start, sizes[k]));
        start += sizes[k];
    }
done:
    return status;
}

static pc_status chunk_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *self = c->in[0];
    int64_t chunks = c->v[0].i;
    int d;

    PC_CHECK(self->ndim > 0, PC_ESHAPE, "chunk expects at least a 1-dimensional tensor");
    PC_CHECK(chunks > 0, PC_ESHAPE, "chunk expects `chunks` to be greater than 0, got: %" PRId64, chunks);
    PC_TRY(pc_wrap_dim(c->v[1].i, self->ndim, &d));
    if (self->shape[d] == 0) {
        PC_TRY(expect(c, chunks));
        for (int k = 0; k < chunks; k++) PC_TRY(piece(c, k, d, 0, 0));
    } else {
        PC_TRY(cut(c, d, (self->shape[d] - 1) / chunks + 1));
    }
done:
    return status;
}

static pc_status tensor_split_dim(pc_call *c, int *d)
{
    if (c->in[0]->ndim == 0)
        return pc_fail(PC_ESHAPE, "tensor_split expected at least a 1-dimensional tensor, but got a tensor with "
                                  "0 dims");
    return pc_wrap_dim(c->v[1].i, c->in[0]->ndim, d);
}

static pc_status tensor_split_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int64_t n = c->v[0].i, total, start = 0;
    int d;
    PC_TRY(tensor_split_dim(c, &d));
    PC_CHECK(n > 0, PC_ESHAPE, "number of sections must be larger than 0, got %" PRId64, n);
    PC_TRY(expect(c, n));
    total = c->in[0]->shape[d];
    for (int k = 0; k < n; k++) {
        int64_t length = total / n + (k < total % n);
        PC_TRY(piece(c, k, d, start, length));
        start += length;
    }
done:
    return status;
}

static pc_status tensor_split_indices_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor w;
    int n = c->v[0].ints.n, d;
    int64_t total, start = 0;

    PC_TRY(tensor_split_dim(c, &d));
    PC_TRY(expect(c, n + 1));
    total = c->in[0]->shape[d];
    for (int k = 0; k <= n; k++) {
        int64_t end = k < n ? c->v[0].ints.v[k] : total, from = start;
        start = end; /* as slices do: counted from the end where negative, cut off at both ends */
        if (from < 0) from = from + total < 0 ? 0 : from + total;
        if (end < 0) end = end + total < 0 ? 0 : end + total;
        if (from > total) from = total;
        if (end > total) end = total;
        w = pc_window(c->in[0]);
        pc_window_narrow(&w, d, from, end > from ? end - from : 0, 1);
        PC_TRY(emit(c, k, &w));
    }
    c->v[PIECE_DIM] = (pc_value){ .kind = PC_INT, .i = d };
done:
    return status;
}

/* Pieces may overlap where the indices go backwards: added, not copied. */
static pc_status tensor_split_indices_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    int d = (int)c->v[PIECE_DIM].i;
    int64_t total = c->in[0]->shape[d], start = 0;

    PC_TRY(pc_zeros_like(c->in[0], &gin[0]));
    for (int k = 0; k < c->nout; k++) {
        pc_tensor w = pc_window(gin[0]);
        int64_t from = start < 0 ? (start + total < 0 ? 0 : start + total) : start > total ? total : start;
        if (k < c->v[0].ints.n) start = c->v[0].ints.v[k];
        if (gout[k] == NULL) continue;
        pc_window_narrow(&w, d, from, c->out[k]->shape[d], 1);
        PC_TRY(pc_accumulate(&w, gout[k]));
    }
done:
    return status;
}

static pc_status unbind_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *self = c->in[0];
    int d;

    PC_CHECK(self->ndim > 0, PC_EINDEX, "Dimension specified as 0 but tensor has no dimensions");
    PC_TRY(pc_wrap_dim(c->v[0].i, self->ndim, &d));
    PC_TRY(expect(c, self->shape[d]));
    for (int k = 0; k < self->shape[d]; k++) {
        pc_tensor w = pc_window(self);
        pc_window_select(&w, d, k);
        PC_TRY(emit(c, k, &w));
    }
    c->v[PIECE_DIM] = (pc_value){ .kind = PC_INT, .i = d };
done:
    return status;
}

/* ---- as_strided, diagonal, unfold -------------------------------------------------------------- */

#define SELF_OFFSET (PC_MAX_PARAMS - 1)
static pc_status as_strided_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *self = c->in[0];
    int n = c->v[0].ints.n;
    const int64_t *size = c->v[0].ints.v, *stride = c->v[1].ints.v;
    int64_t offset = c->v[2].kind == PC_NONE ? self->offset : c->v[2].i, last = 0, bytes;
    int64_t item = pc_dtype_size(self->dtype);
    bool empty = false, overflow = false;
    char a[200], b[200];

    PC_CHECK(n == c->v[1].ints.n, PC_ESHAPE, "mismatch in length of strides and shape");
    for (int d = 0; d < n; d++) {
        int64_t step;
        PC_CHECK(stride[d] >= 0, PC_ESHAPE,
                 "as_strided: Negative strides are not supported at the moment, got strides: %s",
                 pc_ints_text(n, stride, b));
        empty = empty || size[d] == 0;
        overflow = overflow || size[d] < 0 || __builtin_mul_overflow(size[d] - 1, stride[d], &step)
                   || (step > 0 && __builtin_add_overflow(last, step, &last));
    }
    PC_CHECK(!overflow, PC_ESHAPE, "Storage size calculation overflowed with sizes=%s and strides=%s",
             pc_ints_text(n, size, a), pc_ints_text(n, stride, b));
    PC_CHECK(offset >= 0, PC_ESHAPE, "Tensor: invalid storage offset %" PRId64, offset);
    if (!empty) {
        overflow = __builtin_add_overflow(offset, last, &bytes) || __builtin_add_overflow(bytes, 1, &bytes)
                   || __builtin_mul_overflow(bytes, item, &bytes);
        PC_CHECK(!overflow && bytes <= self->storage->bytes, PC_ESHAPE,
                 "setStorage: sizes %s, strides %s, storage offset %" PRId64 ", and itemsize %" PRId64 " requiring a "
                 "storage size of %" PRId64 " are out of bounds for storage of size %" PRId64,
                 pc_ints_text(n, size, a), pc_ints_text(n, stride, b), offset, item, bytes, self->storage->bytes);
    }
    c->v[SELF_OFFSET] = (pc_value){ .kind = PC_INT, .i = self->offset };
    PC_TRY(pc_tensor_view(self, n, size, stride, offset, &c->out[0]));
done:
    return status;
}

/* May two elements of w be one? Exact for what slicing, expanding and unfolding make. */
static bool may_overlap(const pc_tensor *w)
{
    int order[PC_MAX_DIMS], n = 0;
    int64_t reach = 0;
    if (w->numel == 0) return false;
    for (int d = 0; d < w->ndim; d++) {
        int k = n;
        if (w->shape[d] == 1) continue;
        for (; k > 0 && w->stride[order[k - 1]] > w->stride[d]; k--) order[k] = order[k - 1];
        order[k] = d;
        n++;
    }
    for (int k = 0; k < n; k++) {
        if (w->stride[order[k]] <= reach) return true;
        reach += (w->shape[order[k]] - 1) * w->stride[order[k]];
    }
    return false;
}

static int64_t reach_of(const pc_tensor *w)
{
    int64_t last = 0;
    for (int d = 0; d < w->ndim; d++) last += (w->shape[d] - 1) * w->stride[d];
    return w->numel > 0 ? w->offset + last + 1 : 0;
}

/* dst += src element after element, where elements of dst may coincide. src: same shape, contiguous, or NULL for ones.
 */
#define ADD_OVERLAPPING(T)                                                                         \
    static void add_overlapping_##T(const pc_tensor *dst, const T *src)                            \
    {                                                                                              \
        int64_t index[PC_MAX_DIMS] = { 0 };                                                        \
        T *d = pc_data(dst);                                                                       \
        for (int64_t i = 0; i < dst->numel; i++) {                                                 \
            *d += src != NULL ? src[i] : 1;                                                        \
            for (int k = dst->ndim - 1; k >= 0; k--) {                                             \
                d += dst->stride[k];                                                               \
                if (++index[k] < dst->shape[k]) break;                                             \
                d -= index[k] * dst->stride[k];                                                    \
                index[k] = 0;                                                                      \
            }                                                                                      \
        }                                                                                          \
    }
ADD_OVERLAPPING(float)
ADD_OVERLAPPING(double)

static pc_status add_overlapping(const pc_tensor *dst, pc_tensor *src)
{
    pc_status status = PC_OK;
    pc_tensor *dense = NULL;
    PC_CHECK(dst->dtype == PC_F32 || dst->dtype == PC_F64, PC_ENOTIMPL,
             "the gradient of overlapping views is computed in float32 and float64 only, not %s",
             pc_dtype_name(dst->dtype));
    if (src != NULL) PC_TRY(pc_contiguous(src, &dense));
    if (dst->dtype == PC_F32) add_overlapping_float(dst, dense != NULL ? pc_data(dense) : NULL);
    else add_overlapping_double(dst, dense != NULL ? pc_data(dense) : NULL);
done:
    pc_release(dense);
    return status;
}

#define DIVIDE(T)                                                                                  \
    static void divide_##T(T *x, const T *by, int64_t n)                                           \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            if (by[i] > 1) x[i] /= by[i];                                                          \
    }
DIVIDE(float)
DIVIDE(double)

/* The gradient is laid into an image of the storage as out lies in it, and read back as in[0] lies in it. Where
   elements of in[0] share a place they share its gradient evenly, as in torch. */
static pc_status as_strided_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *image = NULL, *count = NULL, from, to;
    int64_t offset = c->v[SELF_OFFSET].i, room, span;

    from = *c->in[0];
    from.offset = offset;
    to = *c->out[0];
    to.offset = c->v[2].kind == PC_NONE ? offset : c->v[2].i;
    room = reach_of(&from);
    span = reach_of(&to);
    if (span > room) room = span;
    PC_TRY(pc_tensor_new(from.dtype, 1, &room, &image));
    PC_TRY(pc_fill(image, (pc_value){ .kind = PC_INT }));
    from.storage = to.storage = image->storage;
    if (may_overlap(&to)) PC_TRY(add_overlapping(&to, gout[0]));
    else PC_TRY(pc_copy(&to, gout[0]));
    if (may_overlap(&from)) {
        pc_tensor places = from;
        PC_TRY(pc_tensor_new(from.dtype, 1, &room, &count));
        PC_TRY(pc_fill(count, (pc_value){ .kind = PC_INT }));
        places.storage = count->storage;
        PC_TRY(add_overlapping(&places, NULL));
        if (from.dtype == PC_F32) divide_float(pc_data(image), pc_data(count), room);
        else divide_double(pc_data(image), pc_data(count), room);
    }
    PC_TRY(pc_tensor_new(from.dtype, from.ndim, from.shape, &gin[0]));
    PC_TRY(pc_copy(gin[0], &from));
done:
    pc_release(image);
    pc_release(count);
    return status;
}

static void place_diagonal(const pc_call *c, int k, pc_tensor *w)
{
    int64_t offset = c->v[0].i, length, step;
    int a = (int)c->v[1].i, b = (int)c->v[2].i, n = 0;
    (void)k;
    int64_t rows = w->shape[a], columns = w->shape[b];
    if (offset >= 0) length = rows < columns - offset ? rows : columns - offset;
    else length = rows + offset < columns ? rows + offset : columns;
    if (length < 0) length = 0;
    if (length > 0) w->offset += offset >= 0 ? offset * w->stride[b] : -offset * w->stride[a];
    step = w->stride[a] + w->stride[b];
    for (int d = 0; d < w->ndim; d++) {
        if (d == a || d == b) continue;
        w->shape[n] = w->shape[d];
        w->stride[n++] = w->stride[d];
    }
    w->shape[n] = length;
    w->stride[n++] = step;
    w->ndim = n;
    w->numel = pc_product(n, w->shape);
}

static pc_status diagonal_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor w = pc_window(c->in[0]);
    int a, b;
    PC_TRY(pc_wrap_dim(c->v[1].i, w.ndim, &a));
    PC_TRY(pc_wrap_dim(c->v[2].i, w.ndim, &b));
    PC_CHECK(a != b, PC_ESHAPE, "diagonal dimensions cannot be identical %" PRId64 ", %" PRId64, c->v[1].i, c->v[2].i);
    c->v[1].i = a;
    c->v[2].i = b;
    place_diagonal(c, 0, &w);
    PC_TRY(emit(c, 0, &w));
done:
    return status;
}
static pc_status diagonal_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return windows_backward(c, gout, gin, place_diagonal);
}

static pc_status unfold_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor w = pc_window(c->in[0]);
    int64_t size = c->v[1].i, step = c->v[2].i, total;
    int d;

    PC_TRY(pc_wrap_dim(c->v[0].i, w.ndim, &d));
    PC_TRY(pc_check_ndim(w.ndim + 1));
    total = w.ndim > 0 ? w.shape[d] : 1;
    PC_CHECK(size >= 0, PC_ESHAPE, "size is %" PRId64 " but must be >= 0", size);
    PC_CHECK(size <= total, PC_ESHAPE, "maximum size for tensor at dimension %d is %" PRId64 " but size is %" PRId64, d,
             total, size);
    PC_CHECK(step > 0, PC_ESHAPE, "step is %" PRId64 " but must be > 0", step);
    c->v[0].i = d;
    w.shape[w.ndim] = size;
    w.stride[w.ndim] = w.ndim > 0 ? w.stride[d] : 1;
    if (w.ndim > 0) {
        w.shape[d] = (total - size) / step + 1;
        w.stride[d] *= w.shape[d] > 1 ? step : 1;
    }
    w.ndim++;
    PC_TRY(emit(c, 0, &w));
done:
    return status;
}

/* One element of all windows at a time: those do not overlap. */
static pc_status unfold_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    int d = (int)c->v[0].i, ndim = c->in[0]->ndim;

    if (ndim == 0) {
        PC_TRY(pc_zeros_like(c->in[0], &gin[0]));
        if (gout[0]->numel > 0)
            PC_TRY(pc_copy(gin[0], &(pc_tensor){ .dtype = gout[0]->dtype,
                                                 .numel = 1,
                                                 .offset = gout[0]->offset,
                                                 .storage = gout[0]->storage }));
        goto done;
    }
    PC_TRY(pc_zeros_like(c->in[0], &gin[0]));
    for (int64_t j = 0; j < c->v[1].i; j++) {
        pc_tensor w = pc_window(gin[0]), g = pc_window(gout[0]);
        pc_window_select(&g, ndim, j);
        pc_window_narrow(&w, d, j, g.shape[d], c->v[2].i);
        PC_TRY(pc_accumulate(&w, &g));
    }
done:
    return status;
}

static pc_status detach_forward(pc_call *c)
{
    return pc_tensor_alias(c->in[0], &c->out[0]);
}

/* ---- rows -------------------------------------------------------------------------------------- */

#define BOTH (PC_FUNCTION | PC_METHOD)

static const pc_op ops[] = {
    { "view(Tensor self, int[] size) -> Tensor", view_forward, reshape_backward, PC_METHOD | PC_VIEW,
      "The same elements in another shape, sharing memory." },
    { "reshape(Tensor self, int[] shape) -> Tensor", reshape_forward, reshape_backward, BOTH | PC_VIEW,
      "The same elements in another shape; shares memory where it can." },
    { "view_as(Tensor self, Tensor other) -> Tensor", view_as_forward, reshape_backward, PC_METHOD | PC_VIEW,
      "self.view(other.size())." },
    { "reshape_as(Tensor self, Tensor other) -> Tensor", reshape_as_forward, reshape_backward, PC_METHOD | PC_VIEW,
      "self.reshape(other.size())." },
    { "flatten(Tensor self, int start_dim=0, int end_dim=-1) -> Tensor", flatten_forward, reshape_backward,
      BOTH | PC_VIEW, "Dimensions start_dim to end_dim as one." },
    { "ravel(Tensor self) -> Tensor", ravel_forward, reshape_backward, BOTH | PC_VIEW, "All dimensions as one." },
    { "unflatten(Tensor self, int dim, int[] sizes) -> Tensor", unflatten_forward, reshape_backward, BOTH | PC_VIEW,
      "Dimension dim as several." },
    { "squeeze(Tensor self) -> Tensor", squeeze_forward, reshape_backward, BOTH | PC_VIEW,
      "Without the dimensions of size 1." },
    { "squeeze.dims(Tensor self, int[] dim) -> Tensor", squeeze_dims_forward, reshape_backward, BOTH | PC_VIEW,
      "Without those of the named dimensions that have size 1." },
    { "unsqueeze(Tensor self, int dim) -> Tensor", unsqueeze_forward, reshape_backward, BOTH | PC_VIEW,
      "With a dimension of size 1 inserted at dim." },
    { "transpose(Tensor self, int dim0, int dim1) -> Tensor", transpose_forward, transpose_backward, BOTH | PC_VIEW,
      "Two dimensions swapped." },
    { "swapaxes(Tensor self, int axis0, int axis1) -> Tensor", transpose_forward, transpose_backward, BOTH | PC_VIEW,
      "Two dimensions swapped: transpose under NumPy's name." },
    { "swapdims(Tensor self, int dim0, int dim1) -> Tensor", transpose_forward, transpose_backward, BOTH | PC_VIEW,
      "Two dimensions swapped: transpose under another name." },
    { "t(Tensor self) -> Tensor", t_forward, t_backward, BOTH | PC_VIEW, "The transposed matrix." },
    { "permute(Tensor self, int[] dims) -> Tensor", permute_forward, permute_backward, BOTH | PC_VIEW,
      "Dimensions in another order." },
    { "movedim(Tensor self, int[] source, int[] destination) -> Tensor", movedim_forward, movedim_backward,
      BOTH | PC_VIEW, "Dimensions moved to other positions; the rest keep their order." },
    { "moveaxis(Tensor self, int[] source, int[] destination) -> Tensor", movedim_forward, movedim_backward,
      BOTH | PC_VIEW, "movedim under NumPy's name." },
    { "expand(Tensor self, int[] size) -> Tensor", expand_forward, expand_backward, PC_METHOD | PC_VIEW,
      "Dimensions of size 1 read as larger ones, without a copy." },
    { "expand_as(Tensor self, Tensor other) -> Tensor", expand_as_forward, expand_backward, PC_METHOD | PC_VIEW,
      "self.expand(other.size())." },
    { "broadcast_to(Tensor self, int[] size) -> Tensor", expand_forward, expand_backward, BOTH | PC_VIEW,
      "expand as a function." },
    { "_broadcast_tensors(Tensor[] tensors) -> Tensor[]", broadcast_tensors_forward, broadcast_tensors_backward,
      PC_FUNCTION | PC_VIEW, "All tensors expanded to their common shape." },
    { "_meshgrid(Tensor[] tensors, bool xy=False) -> Tensor[]", meshgrid_forward, meshgrid_backward,
      PC_FUNCTION | PC_VIEW, "Grids of coordinates from vectors." },
    { "narrow(Tensor self, int dim, int start, int length) -> Tensor", narrow_forward, narrow_backward, BOTH | PC_VIEW,
      "Elements start to start + length of a dimension." },
    { "select(Tensor self, int dim, int index) -> Tensor", select_forward, select_backward, BOTH | PC_VIEW,
      "One element of a dimension, which vanishes." },
    { "slice(Tensor self, int dim, int? start=None, int? end=None, int step=1) -> Tensor", slice_forward,
      slice_backward, PC_VIEW, "Elements start:end:step of a dimension." },
    { "split(Tensor self, int split_size, int dim=0) -> Tensor[]", split_forward, pieces_backward, BOTH | PC_VIEW,
      "Pieces of one size along a dimension; the last may be smaller." },
    { "split.sizes(Tensor self, int[] split_size, int dim=0) -> Tensor[]", split_sizes_forward, pieces_backward,
      BOTH | PC_VIEW, "Pieces of the given sizes along a dimension." },
    { "split_with_sizes(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]", split_sizes_forward, pieces_backward,
      BOTH | PC_VIEW, "Pieces of the given sizes along a dimension." },
    { "chunk(Tensor self, int chunks, int dim=0) -> Tensor[]", chunk_forward, pieces_backward, BOTH | PC_VIEW,
      "At most that many pieces along a dimension." },
    { "tensor_split(Tensor self, int sections, int dim=0) -> Tensor[]", tensor_split_forward, pieces_backward,
      BOTH | PC_VIEW, "That many pieces along a dimension, sizes differing by one at most." },
    { "tensor_split.indices(Tensor self, int[] indices, int dim=0) -> Tensor[]", tensor_split_indices_forward,
      tensor_split_indices_backward, BOTH | PC_VIEW, "Pieces between the given indices of a dimension." },
    { "unbind(Tensor self, int dim=0) -> Tensor[]", unbind_forward, pieces_backward, BOTH | PC_VIEW,
      "All elements of a dimension." },
    { "as_strided(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor", as_strided_forward,
      as_strided_backward, BOTH | PC_VIEW, "self's storage under any shape and strides." },
    { "diagonal(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor", diagonal_forward, diagonal_backward,
      BOTH | PC_VIEW, "The diagonal of two dimensions, as the last dimension." },
    { "unfold(Tensor self, int dimension, int size, int step) -> Tensor", unfold_forward, unfold_backward,
      PC_METHOD | PC_VIEW, "All windows of a size along a dimension." },
    { "detach(Tensor self) -> Tensor", detach_forward, NULL, BOTH | PC_VIEW | PC_NOGRAD,
      "The same values, outside the graph." },
};
PC_FAMILY(view, ops);
