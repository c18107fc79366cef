/* view.c -- the same elements under another shape or order of dimensions, sharing memory. */
#include "view.h"
#include "../core/parallel.h"
#include "copy.h"
#include "elementwise.h"
#include "reduce.h"
#include "shape.h"
#include <inttypes.h>
#include <string.h>

pc_status pc_emit_view(pc_call *c, int k, const pc_tensor *w)
{
    pc_status status = pc_poll_at(k);
    return status != PC_OK ? status : pc_tensor_view(c->in[0], w->ndim, w->shape, w->stride, w->offset, &c->out[k]);
}

pc_status pc_expect(pc_call *c, int64_t n)
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

pc_status pc_windows_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin, pc_place_fn place)
{
    pc_status status = PC_OK;
    int64_t covered = 0, start = 0;

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
        pc_tensor w = pc_window(gin[0]);
        PC_TRY(pc_poll_at(k));
        place(c, k, &start, &w);
        if (gout[k] != NULL) PC_TRY(pc_copy(&w, gout[k]));
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

/* in[0] with sizes of which one may be -1. */
static pc_status resized(pc_call *c, int n, const int64_t *sizes, bool copy_allowed)
{
    pc_status status = PC_OK;
    int64_t shape[PC_MAX_DIMS];
    PC_TRY(infer_size(c->in[0]->numel, n, sizes, shape));
    PC_TRY(to_shape(c, n, shape, copy_allowed));
done:
    return status;
}

static pc_status view_forward(pc_call *c) { return resized(c, c->v[0].ints.n, c->v[0].ints.v, false); }
static pc_status reshape_forward(pc_call *c) { return resized(c, c->v[0].ints.n, c->v[0].ints.v, true); }
static pc_status view_as_forward(pc_call *c) { return resized(c, c->in[1]->ndim, c->in[1]->shape, false); }

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
    if (self->ndim > 0 && first == last) { /* nothing to do: the tensor itself */
        c->out[0] = pc_retain(c->in[0]);
        goto done;
    }
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
    return pc_emit_view(c, 0, &w);
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
    PC_TRY(pc_emit_view(c, 0, &w));
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
    PC_TRY(pc_emit_view(c, 0, &w));
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
    PC_TRY(pc_emit_view(c, 0, &w));
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
    PC_TRY(pc_emit_view(c, 0, &w));
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
    PC_TRY(pc_emit_view(c, 0, &w));
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
    PC_TRY(pc_emit_view(c, 0, &w));
done:
    return status;
}

static pc_status expand_as_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor w = pc_window(c->in[0]);
    PC_TRY(expand(&w, c->in[1]->ndim, c->in[1]->shape));
    PC_TRY(pc_emit_view(c, 0, &w));
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
    PC_TRY(pc_expect(c, c->nin));
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
    PC_TRY(pc_expect(c, c->nin));
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

static pc_status detach_forward(pc_call *c)
{
    return pc_tensor_alias(c->in[0], &c->out[0]);
}

/* ---- rows -------------------------------------------------------------------------------------- */

#define BOTH (PC_FUNCTION | PC_METHOD)

static const pc_op ops[] = {
    { "view(Tensor self, int[] size) -> Tensor", view_forward, reshape_backward, PC_METHOD | PC_VIEW,
      "The same elements in another shape, sharing memory.\n"
      "size: Of the result; -1 stands for what is left.\n"
      "returns: A view; shapes that the strides do not allow are refused: use reshape." },
    { "reshape(Tensor self, int[] shape) -> Tensor", reshape_forward, reshape_backward, BOTH | PC_VIEW,
      "The same elements in another shape; shares memory where it can." },
    { "view_as(Tensor self, Tensor other) -> Tensor", view_as_forward, reshape_backward, PC_METHOD | PC_VIEW,
      "self.view(other.size()).\n"
      "other: Whose shape it is." },
    { "reshape_as(Tensor self, Tensor other) -> Tensor", reshape_as_forward, reshape_backward, PC_METHOD | PC_VIEW,
      "self.reshape(other.size()).\n"
      "other: Whose shape it is." },
    { "flatten(Tensor self, int start_dim=0, int end_dim=-1) -> Tensor", flatten_forward, reshape_backward,
      BOTH | PC_VIEW, "Dimensions start_dim to end_dim as one." },
    { "ravel(Tensor self) -> Tensor", ravel_forward, reshape_backward, BOTH | PC_VIEW, "All dimensions as one." },
    { "unflatten(Tensor self, int dim, int[] sizes) -> Tensor", unflatten_forward, reshape_backward, BOTH | PC_VIEW,
      "Dimension dim as several.\n"
      "sizes: What the dimension becomes; -1 stands for what is left." },
    { "squeeze(Tensor self) -> Tensor", squeeze_forward, reshape_backward, BOTH | PC_VIEW,
      "Without the dimensions of size 1." },
    { "squeeze.dims(Tensor self, int[] dim) -> Tensor", squeeze_dims_forward, reshape_backward, BOTH | PC_VIEW,
      "Without those of the named dimensions that have size 1.\n"
      "dim: All of size 1 by default." },
    { "unsqueeze(Tensor self, int dim) -> Tensor", unsqueeze_forward, reshape_backward, BOTH | PC_VIEW,
      "With a dimension of size 1 inserted at dim.\n"
      "dim: Where the new dimension stands; counted from the end if negative." },
    { "transpose(Tensor self, int dim0, int dim1) -> Tensor", transpose_forward, transpose_backward, BOTH | PC_VIEW,
      "Two dimensions swapped." },
    { "swapaxes(Tensor self, int axis0, int axis1) -> Tensor", transpose_forward, transpose_backward, BOTH | PC_VIEW,
      "Two dimensions swapped: transpose under NumPy's name." },
    { "swapdims(Tensor self, int dim0, int dim1) -> Tensor", transpose_forward, transpose_backward, BOTH | PC_VIEW,
      "Two dimensions swapped: transpose under another name." },
    { "t(Tensor self) -> Tensor", t_forward, t_backward, BOTH | PC_VIEW, "The transposed matrix." },
    { "permute(Tensor self, int[] dims) -> Tensor", permute_forward, permute_backward, BOTH | PC_VIEW,
      "Dimensions in another order.\n"
      "dims: The old dimensions in their new order." },
    { "movedim(Tensor self, int[] source, int[] destination) -> Tensor", movedim_forward, movedim_backward,
      BOTH | PC_VIEW, "Dimensions moved to other positions; the rest keep their order.\n"
      "source: Where they stand.\n"
      "destination: Where they go." },
    { "moveaxis(Tensor self, int[] source, int[] destination) -> Tensor", movedim_forward, movedim_backward,
      BOTH | PC_VIEW, "movedim under NumPy's name.\n"
      "source: Where they stand.\n"
      "destination: Where they go." },
    { "expand(Tensor self, int[] size) -> Tensor", expand_forward, expand_backward, PC_METHOD | PC_VIEW,
      "Dimensions of size 1 read as larger ones, without a copy.\n"
      "size: Of the result; -1 keeps a dimension." },
    { "expand_as(Tensor self, Tensor other) -> Tensor", expand_as_forward, expand_backward, PC_METHOD | PC_VIEW,
      "self.expand(other.size()).\n"
      "other: Whose shape it is." },
    { "broadcast_to(Tensor self, int[] size) -> Tensor", expand_forward, expand_backward, BOTH | PC_VIEW,
      "expand as a function.\n"
      "size: Of the result; -1 keeps a dimension." },
    { "_broadcast_tensors(Tensor[] tensors) -> Tensor[]", broadcast_tensors_forward, broadcast_tensors_backward,
      PC_FUNCTION | PC_VIEW, "All tensors expanded to their common shape." },
    { "_meshgrid(Tensor[] tensors, bool xy=False) -> Tensor[]", meshgrid_forward, meshgrid_backward,
      PC_FUNCTION | PC_VIEW, "Grids of coordinates from vectors." },
    { "detach(Tensor self) -> Tensor", detach_forward, NULL, BOTH | PC_VIEW | PC_NOGRAD,
      "The same values, outside the graph." },
};
PC_FAMILY(view, ops);
