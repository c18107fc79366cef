/* slice.c -- parts of a dimension: narrow, select, slice, split and their like. */
#include "view.h"
#include "copy.h"
#include "shape.h"
#include <inttypes.h>

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
    PC_TRY(pc_emit_view(c, 0, &w));
done:
    return status;
}

static void place_narrow(const pc_call *c, int k, int64_t *start, pc_tensor *w)
{
    (void)k;
    pc_window_narrow(w, (int)c->v[0].i, c->v[1].i, c->v[2].i, 1);
}
static pc_status narrow_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return pc_windows_backward(c, gout, gin, place_narrow);
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
    PC_TRY(pc_emit_view(c, 0, &w));
done:
    return status;
}

static void place_select(const pc_call *c, int k, int64_t *start, pc_tensor *w)
{
    (void)k;
    pc_window_select(w, (int)c->v[0].i, c->v[1].i);
}
static pc_status select_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return pc_windows_backward(c, gout, gin, place_select);
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
    if (length <= 1 && __builtin_mul_overflow(w.stride[d], step, &(int64_t){ 0 })) step = 1;
    c->v[3].i = step;
    pc_window_narrow(&w, d, start, length, step);
    PC_TRY(pc_emit_view(c, 0, &w));
done:
    return status;
}

static void place_slice(const pc_call *c, int k, int64_t *start, pc_tensor *w)
{
    int d = (int)c->v[0].i;
    pc_window_narrow(w, d, c->v[1].i, c->out[k]->shape[d], c->v[3].i);
}
static pc_status slice_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return pc_windows_backward(c, gout, gin, place_slice);
}

/* ---- split, chunk, unbind ---------------------------------------------------------------------- */

/* Pieces along a dimension whose number stands in v[PIECE_DIM]; their lengths are the outputs' own. */
#define PIECE_DIM (PC_MAX_PARAMS - 1)
static void place_piece(const pc_call *c, int k, int64_t *start, pc_tensor *w)
{
    int d = (int)c->v[PIECE_DIM].i;
    if (c->op != NULL && c->out[k]->ndim < w->ndim) {
        pc_window_select(w, d, k);
        return;
    }
    pc_window_narrow(w, d, *start, c->out[k]->shape[d], 1);
    *start += c->out[k]->shape[d];
}
static pc_status pieces_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return pc_windows_backward(c, gout, gin, place_piece);
}

static pc_status piece(pc_call *c, int k, int d, int64_t start, int64_t length)
{
    pc_tensor w = pc_window(c->in[0]);
    pc_window_narrow(&w, d, start, length, 1);
    c->v[PIECE_DIM] = (pc_value){ .kind = PC_INT, .i = d };
    return pc_emit_view(c, k, &w);
}

/* Pieces of `size`, the last one shorter. */
static pc_status cut(pc_call *c, int d, int64_t size)
{
    pc_status status = PC_OK;
    int64_t total = c->in[0]->shape[d], n = size > 0 && total > 0 ? (total - 1) / size + 1 : 1;
    PC_TRY(pc_expect(c, n));
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
    PC_TRY(pc_expect(c, n));
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
        PC_TRY(pc_expect(c, chunks));
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
    PC_TRY(pc_expect(c, n));
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
    PC_TRY(pc_expect(c, n + 1));
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
        PC_TRY(pc_emit_view(c, k, &w));
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
    PC_TRY(pc_expect(c, self->shape[d]));
    for (int k = 0; k < self->shape[d]; k++) {
        pc_tensor w = pc_window(self);
        pc_window_select(&w, d, k);
        PC_TRY(pc_emit_view(c, k, &w));
    }
    c->v[PIECE_DIM] = (pc_value){ .kind = PC_INT, .i = d };
done:
    return status;
}

/* ---- rows -------------------------------------------------------------------------------------- */

#define BOTH (PC_FUNCTION | PC_METHOD)

static const pc_op ops[] = {
    { "narrow(Tensor self, int dim, int start, int length) -> Tensor", narrow_forward, narrow_backward, BOTH | PC_VIEW,
      "Elements start to start + length of a dimension.\n"
      "start: The first element, counted from the end if negative.\n"
      "length: How many." },
    { "select(Tensor self, int dim, int index) -> Tensor", select_forward, select_backward, BOTH | PC_VIEW,
      "One element of a dimension, which vanishes.\n"
      "index: Which one, counted from the end if negative." },
    { "slice(Tensor self, int dim, int? start=None, int? end=None, int step=1) -> Tensor", slice_forward,
      slice_backward, PC_VIEW, "Elements start:end:step of a dimension." },
    { "split(Tensor self, int split_size, int dim=0) -> Tensor[]", split_forward, pieces_backward, BOTH | PC_VIEW,
      "Pieces of one size along a dimension; the last may be smaller.\n"
      "split_size: Of each piece, or a sequence of the sizes of all." },
    { "split.sizes(Tensor self, int[] split_size, int dim=0) -> Tensor[]", split_sizes_forward, pieces_backward,
      BOTH | PC_VIEW, "Pieces of the given sizes along a dimension." },
    { "split_with_sizes(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]", split_sizes_forward, pieces_backward,
      BOTH | PC_VIEW, "Pieces of the given sizes along a dimension.\n"
      "split_sizes: They add up to the length of the dimension." },
    { "chunk(Tensor self, int chunks, int dim=0) -> Tensor[]", chunk_forward, pieces_backward, BOTH | PC_VIEW,
      "At most that many pieces along a dimension.\n"
      "chunks: How many, at most." },
    { "tensor_split(Tensor self, int sections, int dim=0) -> Tensor[]", tensor_split_forward, pieces_backward,
      BOTH | PC_VIEW, "That many pieces along a dimension, sizes differing by one at most.\n"
      "sections: How many." },
    { "tensor_split.indices(Tensor self, int[] indices, int dim=0) -> Tensor[]", tensor_split_indices_forward,
      tensor_split_indices_backward, BOTH | PC_VIEW, "Pieces between the given indices of a dimension.\n"
      "indices: Where the pieces end, instead of `sections`." },
    { "unbind(Tensor self, int dim=0) -> Tensor[]", unbind_forward, pieces_backward, BOTH | PC_VIEW,
      "All elements of a dimension." },
};
PC_FAMILY(slice, ops);
