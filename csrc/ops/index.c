/* index.c -- t[i, j, mask, ...] read and written, and elements by their number. */
#include "index.h"
#include "../core/parallel.h"
#include "copy.h"
#include "elementwise.h"
#include "shape.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- t[i, j, mask, ...] ------------------------------------------------------------------------ */

/* What an index expression picks: for every place of the indices' common shape, an offset; in front of it and behind it
   the dimensions that are not indexed. */
typedef struct spot {
    uint32_t indexed;              /* dimensions of self that indices have consumed */
    int at;                        /* how many of the others come before the indices' dimensions in the result */
    int ndim;                      /* of the indices' common shape */
    int64_t shape[PC_MAX_DIMS];
    pc_tensor *offsets;            /* owned, of that shape */
} spot;

/* Dimensions that an index consumes. */
static int span(const pc_tensor *index)
{
    return index->dtype == PC_BOOL || index->dtype == PC_U8 ? index->ndim : 1;
}
static bool is_mask(const pc_tensor *index) { return index->dtype == PC_BOOL || index->dtype == PC_U8; }

/* o += (wrapped index) * stride */
static void add_index PC_ROW_PARAMS
{
    for (int64_t i = 0; i < n; i++) {
        int64_t v = *(const int64_t *)(data[1] + i * stride[1]);
        *(uint64_t *)(data[0] + i * stride[0]) += (uint64_t)(v < 0 ? v + args->i[0] : v) * (uint64_t)args->i[1];
    }
}

static pc_status check_indices(const pc_tensor *self, int n, pc_tensor *const *index)
{
    pc_status status = PC_OK;
    int dim = 0;
    char a[200], b[200];

    for (int k = 0; k < n; k++) {
        const pc_tensor *t = index[k];
        if (t == NULL) {
            dim++;
            continue;
        }
        PC_CHECK(t->dtype == PC_I64 || t->dtype == PC_I32 || is_mask(t), PC_EINDEX,
                 "tensors used as indices must be long, int, byte or bool tensors");
        for (int d = 0; is_mask(t) && d < t->ndim; d++)
            PC_CHECK(dim + d < self->ndim && t->shape[d] == self->shape[dim + d], PC_EINDEX,
                     "The shape of the mask %s at index %d does not match the shape of the indexed tensor %s at index "
                     "%d",
                     pc_shape_text(t, a), d, pc_shape_text(self, b), dim + d);
        dim += span(t);
    }
    PC_CHECK(dim <= self->ndim, PC_EINDEX, "too many indices for tensor of dimension %d", self->ndim);
done:
    return status;
}

/* The common shape of indices that have been turned into offsets or int64 vectors. */
static pc_status common_shape(int n, pc_tensor *const *index, spot *s)
{
    pc_status status = PC_OK;
    char text[8 * 60] = "";
    size_t used = 0;
    bool fits = true;

    s->ndim = 0;
    for (int k = 0; k < n; k++)
        if (index[k] != NULL && index[k]->ndim > s->ndim) s->ndim = index[k]->ndim;
    for (int d = 0; d < s->ndim; d++) s->shape[d] = 1;
    for (int k = 0; k < n; k++) {
        if (index[k] == NULL) continue;
        for (int d = 0; d < index[k]->ndim; d++) {
            int64_t *size = &s->shape[s->ndim - index[k]->ndim + d], x = index[k]->shape[d];
            fits = fits && (x == *size || x == 1 || *size == 1);
            if (x != 1) *size = x;
        }
    }
    if (fits) return PC_OK;
    for (int k = 0; k < n; k++) {
        char shape[200];
        if (index[k] == NULL) continue;
        pc_shape_text(index[k], shape);
        if (used + strlen(shape) + 3 >= sizeof text) break;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? ", " : "", shape);
    }
    PC_CHECK(false, PC_EINDEX, "shape mismatch: indexing tensors could not be broadcast together with shapes %s", text);
done:
    return status;
}

/* Find what index picks of a tensor like self that has the given strides. */
static pc_status locate(const pc_tensor *self, const int64_t *stride, int n, pc_tensor *const *index, spot *s)
{
    pc_status status = PC_OK;
    pc_tensor *flat[PC_MAX_DIMS] = { NULL }; /* per index: int64 indices, or offsets of a mask */
    int dim = 0, first = -1, last = -1, before = 0;
    bool together = true;

    memset(s, 0, sizeof *s);
    PC_CHECK(n <= PC_MAX_DIMS, PC_EINDEX, "too many indices for tensor of dimension %d", self->ndim);
    PC_TRY(check_indices(self, n, index));
    for (int k = 0; k < n; k++) {
        pc_tensor *mask = NULL;
        if (index[k] == NULL) {
            dim++;
            continue;
        }
        if (first < 0) first = k, before = dim;
        else if (last != k - 1) together = false;
        last = k;
        if (is_mask(index[k])) {
            PC_TRY(pc_truth_of(index[k], &mask));
            status = pc_true_offsets(mask, stride + dim, &flat[k]);
            pc_release(mask);
            PC_TRY(status);
        } else {
            PC_TRY(pc_as_index(index[k], &flat[k]));
        }
        for (int d = 0; d < span(index[k]); d++) s->indexed |= 1u << (dim + d);
        dim += span(index[k]);
    }
    s->at = together ? before : 0;
    PC_TRY(common_shape(n, flat, s));
    PC_TRY(pc_tensor_new(PC_I64, s->ndim, s->shape, &s->offsets));
    PC_TRY(pc_zero_bytes(pc_data(s->offsets), s->offsets->numel * (int64_t)sizeof(int64_t)));
    dim = 0;
    for (int k = 0; k < n; k++) {
        pc_row_args args = { .i = { 0, 1 } };
        pc_tensor *t[2] = { s->offsets, flat[k] };
        pc_loop l;
        if (index[k] == NULL) {
            dim++;
            continue;
        }
        if (!is_mask(index[k])) {
            /* nothing is read where the result is empty for another reason: torch does not look then either */
            if (s->offsets->numel > 0 && self->numel > 0)
                PC_TRY(pc_check_index(flat[k], -self->shape[dim], self->shape[dim], dim, PC_EINDEX));
            else if (self->shape[dim] == 0 && s->offsets->numel > 0)
                PC_TRY(pc_check_index(flat[k], 0, 0, dim, PC_EINDEX));
            args.i[0] = self->shape[dim];
            args.i[1] = stride[dim];
        }
        pc_loop_plan(&l, 2, t);
        PC_TRY(pc_loop_run(&l, PC_GRAIN, add_index, &args));
        dim += span(index[k]);
    }
done:
    for (int k = 0; k < n && k < PC_MAX_DIMS; k++) pc_release(flat[k]);
    if (status != PC_OK) {
        pc_release(s->offsets);
        s->offsets = NULL;
    }
    return status;
}

/* w: t under the result's shape, standing still along the indices' dimensions; at: the offsets under that shape. */
static pc_status spot_windows(const spot *s, const pc_tensor *t, pc_tensor *w, pc_tensor *at)
{
    pc_status status = PC_OK;
    int n = 0, seen = 0;

    *w = pc_window(t);
    *at = pc_window(s->offsets);
    PC_CHECK(t->ndim - __builtin_popcount(s->indexed) + s->ndim <= PC_MAX_DIMS, PC_ESHAPE,
             "tensors have at most %d dimensions here, got %d", PC_MAX_DIMS,
             t->ndim - __builtin_popcount(s->indexed) + s->ndim);
    for (int d = 0; d <= t->ndim; d++) {
        if (d < t->ndim && (s->indexed >> d & 1)) continue;
        if (seen++ == s->at)
            for (int k = 0; k < s->ndim; k++, n++) {
                w->shape[n] = at->shape[n] = s->shape[k];
                w->stride[n] = 0;
                at->stride[n] = s->offsets->stride[k];
            }
        if (d == t->ndim) break;
        w->shape[n] = at->shape[n] = t->shape[d];
        w->stride[n] = t->stride[d];
        at->stride[n] = 0;
        n++;
    }
    w->ndim = at->ndim = n;
    w->numel = 1;
    for (int d = 0; d < n; d++) w->numel *= w->shape[d];
    at->numel = w->numel;
done:
    return status;
}

/* For backward: the spot in a contiguous tensor like self, its offsets in aux[0], the rest in v. */
#define SPOT_DIMS (PC_MAX_PARAMS - 1)
#define SPOT_AT (PC_MAX_PARAMS - 2)
static pc_status remember(pc_call *c, const pc_tensor *self, int n, pc_tensor *const *index, const spot *s)
{
    pc_status status = PC_OK;
    int64_t stride[PC_MAX_DIMS];
    spot again = { 0 };

    c->v[SPOT_DIMS] = (pc_value){ .kind = PC_INT, .i = s->indexed };
    c->v[SPOT_AT] = (pc_value){ .kind = PC_INT, .i = s->at };
    if (pc_is_contiguous(self)) {
        c->aux[0] = pc_retain(s->offsets);
        goto done;
    }
    pc_contiguous_strides(self->ndim, self->shape, stride);
    PC_TRY(locate(self, stride, n, index, &again));
    c->aux[0] = again.offsets;
done:
    return status;
}
static spot recall(const pc_call *c)
{
    spot s = { .indexed = (uint32_t)c->v[SPOT_DIMS].i, .at = (int)c->v[SPOT_AT].i, .ndim = c->aux[0]->ndim,
               .offsets = c->aux[0] };
    memcpy(s.shape, c->aux[0]->shape, sizeof s.shape);
    return s;
}

static pc_status index_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *self = c->in[0], w, at;
    spot s = { 0 };

    PC_TRY(locate(self, self->stride, c->nin - 1, c->in + 1, &s));
    PC_TRY(spot_windows(&s, self, &w, &at));
    PC_TRY(pc_tensor_new(self->dtype, w.ndim, w.shape, &c->out[0]));
    PC_TRY(pc_take_at(c->out[0], &at, &w, 1));
    if (c->grad) PC_TRY(remember(c, self, c->nin - 1, c->in + 1, &s));
done:
    pc_release(s.offsets);
    return status;
}

static pc_status index_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    spot s = recall(c);
    pc_tensor w, at;

    PC_TRY(pc_tensor_new(gout[0]->dtype, c->in[0]->ndim, c->in[0]->shape, &gin[0]));
    PC_TRY(pc_fill(gin[0], (pc_value){ .kind = PC_INT }));
    PC_TRY(spot_windows(&s, gin[0], &w, &at));
    PC_TRY(pc_put_at(&w, &at, gout[0], 1, true));
done:
    return status;
}

/* in: self, values, indices */
static pc_status index_put_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *self = c->in[0], *values = c->in[1], *own = NULL, *out, w, at;
    char a[200], b[200];
    spot s = { 0 };
    bool fits;

    PC_CHECK(values->is_number || values->dtype == self->dtype, PC_ESHAPE,
             "Index put requires the source and destination dtypes match, got %s for the destination and %s for the "
             "source.",
             pc_dtype_type_name(self->dtype), pc_dtype_type_name(values->dtype));
    PC_TRY(locate(self, self->stride, c->nin - 2, c->in + 2, &s));
    PC_TRY(spot_windows(&s, self, &w, &at));
    fits = values->ndim <= w.ndim;
    for (int d = 0; fits && d < values->ndim; d++)
        fits = values->shape[d] == 1 || values->shape[d] == w.shape[w.ndim - values->ndim + d];
    PC_CHECK(fits, PC_ESHAPE,
             "shape mismatch: value tensor of shape %s cannot be broadcast to indexing result of shape %s",
             pc_shape_text(values, a), pc_shape_text(&w, b));
    PC_TRY(pc_out(c, 0, self->dtype, self->ndim, self->shape, &out));
    if (values->dtype != self->dtype || values->storage == self->storage) { /* not to read what has been written */
        PC_TRY(pc_cast(values, self->dtype, &own));
        values = own;
    }
    if (w.numel > 0) PC_TRY(pc_put_at(&w, &at, values, 1, c->v[0].i));
    if (c->grad) PC_TRY(remember(c, self, c->nin - 2, c->in + 2, &s));
done:
    pc_release(s.offsets);
    pc_release(own);
    return status;
}

static pc_status index_put_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    spot s = recall(c);
    pc_tensor *g = NULL, *part = NULL, *zero = NULL, w, at;

    PC_TRY(pc_tensor_new(gout[0]->dtype, gout[0]->ndim, gout[0]->shape, &g));
    PC_TRY(pc_copy(g, gout[0]));
    PC_TRY(spot_windows(&s, g, &w, &at));
    if (c->need[1]) {
        PC_TRY(pc_tensor_new(g->dtype, w.ndim, w.shape, &part));
        PC_TRY(pc_take_at(part, &at, &w, 1));
        PC_TRY(pc_sum_to(part, c->in[1], &gin[1]));
    }
    if (c->need[0]) {
        if (!c->v[0].i && w.numel > 0) {
            PC_TRY(pc_tensor_new(g->dtype, 0, NULL, &zero));
            PC_TRY(pc_fill(zero, (pc_value){ .kind = PC_INT }));
            PC_TRY(pc_put_at(&w, &at, zero, 1, false));
        }
        gin[0] = pc_retain(g);
    }
done:
    pc_release(g);
    pc_release(part);
    pc_release(zero);
    return status;
}

/* ---- take: by the number of the element -------------------------------------------------------- */

static pc_status take_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *self = NULL, *index = NULL, from;
    const int64_t *bad;
    int64_t n = c->in[0]->numel;

    PC_CHECK(c->in[1]->dtype == PC_I64, PC_ESHAPE, "take(): Expected a long tensor for index, but got %s",
             pc_dtype_type_name(c->in[1]->dtype));
    PC_CHECK(n > 0 || c->in[1]->numel == 0, PC_EINDEX, "take(): tried to take from an empty tensor");
    PC_TRY(pc_contiguous(c->in[0], &self));
    PC_TRY(pc_as_index(c->in[1], &index));
    bad = pc_index_outside(index, -n, n);
    PC_CHECK(bad == NULL, PC_EINDEX,
             "out of range: tried to access index %" PRId64 " on a tensor of %" PRId64 " elements.", *bad, n);
    PC_TRY(pc_tensor_new(PC_I64, index->ndim, index->shape, &c->aux[0]));
    for (int64_t i = 0; i < index->numel; i++) {
        int64_t v = ((int64_t *)pc_data(index))[i];
        ((int64_t *)pc_data(c->aux[0]))[i] = v < 0 ? v + n : v;
        PC_TRY(pc_poll_at(i));
    }
    PC_TRY(pc_tensor_new(self->dtype, index->ndim, index->shape, &c->out[0]));
    from = pc_window(self);
    from.ndim = index->ndim;
    for (int d = 0; d < index->ndim; d++) from.shape[d] = index->shape[d], from.stride[d] = 0;
    from.numel = index->numel;
    PC_TRY(pc_take_at(c->out[0], c->aux[0], &from, 1));
done:
    pc_release(self);
    pc_release(index);
    return status;
}

static pc_status take_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor to;
    PC_TRY(pc_tensor_new(gout[0]->dtype, c->in[0]->ndim, c->in[0]->shape, &gin[0]));
    PC_TRY(pc_fill(gin[0], (pc_value){ .kind = PC_INT }));
    to = pc_window(gin[0]);
    to.ndim = gout[0]->ndim;
    for (int d = 0; d < to.ndim; d++) to.shape[d] = gout[0]->shape[d], to.stride[d] = 0;
    to.numel = gout[0]->numel;
    PC_TRY(pc_put_at(&to, c->aux[0], gout[0], 1, true));
done:
    return status;
}

#define BOTH (PC_FUNCTION | PC_METHOD)

static const pc_op ops[] = {
    { "_index(Tensor?[] tensors) -> Tensor", index_forward, index_backward, 0,
      "Elements that index tensors and masks pick: what t[i, j] runs. None stands for a whole dimension." },
    { "_index_put_(Tensor?[] tensors, bool accumulate=False) -> Tensor", index_put_forward, index_put_backward,
      PC_WRITES, "Values written where index tensors and masks point: what t[i, j] = values runs." },
    { "take(Tensor self, Tensor index) -> Tensor", take_forward, take_backward, BOTH,
      "Elements by their number in the flattened tensor.\n"
      "returns: Of the index's shape." },
};
PC_FAMILY(index, ops);
