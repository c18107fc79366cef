/* gather.c -- gather, scatter and their like: each line along a dimension by its own indices. */
#include "index.h"
#include "copy.h"
#include "shape.h"
#include <inttypes.h>
#include <string.h>

pc_status pc_scatter(pc_tensor *dst, int dim, const pc_tensor *index, const pc_tensor *src, bool add)
{
    pc_status status = PC_OK;
    pc_tensor *whole = NULL, at = pc_raised(index), to = pc_raised(dst), values = pc_raised(src), *own = NULL;
    bool plain = index->dtype == PC_I64;

    if (index->numel == 0) goto done;
    if (!plain) {
        PC_TRY(pc_cast((pc_tensor *)index, PC_I64, &whole));
        at = pc_raised(whole);
    }
    for (int d = 0; d < at.ndim; d++) values.shape[d] = at.shape[d];
    values.numel = at.numel;
    if (src->dtype != dst->dtype) {
        PC_TRY(pc_cast(&values, dst->dtype, &own));
        values = pc_window(own);
    }
    pc_stand_still(&to, dim, &at);
    PC_TRY(pc_put_at(&to, &at, &values, pc_step_along(dst, dim), add));
done:
    pc_release(whole);
    pc_release(own);
    return status;
}

static pc_status gather_into(pc_tensor *out, const pc_tensor *self, int dim, pc_tensor *index)
{
    pc_tensor from = pc_raised(self), at = pc_raised(index), to = pc_raised(out);
    pc_stand_still(&from, dim, &at);
    return pc_take_at(&to, &at, &from, pc_step_along(self, dim));
}

/* gather(self, dim, index) */
static pc_status gather_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *self = c->in[0], *index = NULL, *given = c->in[1];
    char a[200], b[200];
    int d;

    PC_TRY(pc_wrap_dim(c->v[0].i, self->ndim, &d));
    PC_CHECK(given->dtype == PC_I64 || given->dtype == PC_I32, PC_ESHAPE,
             "gather(): Expected dtype int32/int64 for index");
    PC_TRY(pc_tensor_new(self->dtype, given->ndim, given->shape, &c->out[0]));
    if (given->numel == 0) goto done;
    PC_CHECK(pc_ndim_of(given) == pc_ndim_of(self), PC_ESHAPE,
             "Index tensor must have the same number of dimensions as input tensor");
    for (int k = 0; k < pc_ndim_of(self); k++)
        PC_CHECK(k == d || pc_size_along(given, k) <= pc_size_along(self, k), PC_ESHAPE,
                 "Size does not match at dimension %d expected index %s to be no larger than self %s apart from "
                 "dimension %d",
                 k, pc_shape_text(given, a), pc_shape_text(self, b), d);
    PC_TRY(pc_as_index(given, &index));
    PC_TRY(pc_check_index(index, 0, pc_size_along(self, d), d, PC_ESHAPE));
    PC_TRY(gather_into(c->out[0], self, d, index));
done:
    pc_release(index);
    return status;
}

static pc_status gather_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    int d;
    PC_TRY(pc_wrap_dim(c->v[0].i, c->in[0]->ndim, &d));
    PC_TRY(pc_zeros_like(c->in[0], &gin[0]));
    PC_TRY(pc_scatter(gin[0], d, c->in[1], gout[0], true));
done:
    return status;
}

/* scatter and scatter_add with a source or, where src is NULL, a number. */
static pc_status scatter(pc_call *c, pc_tensor *src, pc_value number, bool add)
{
    pc_status status = PC_OK;
    pc_tensor *self = c->in[0], *given = c->in[1], *index = NULL, *one = NULL, values;
    char a[200], b[200], s[200];
    int d;

    PC_TRY(pc_wrap_dim(c->v[0].i, self->ndim, &d));
    PC_CHECK(given->dtype == PC_I64 || given->dtype == PC_I32, PC_ESHAPE, "%s(): Expected dtype int32/int64 for index",
             pc_op_name(c->op));
    PC_CHECK(src == NULL || src->dtype == self->dtype, PC_ESHAPE, "%s(): Expected self.dtype to be equal to src.dtype",
             pc_op_name(c->op));
    PC_TRY(pc_start_from_self(c));
    if (given->numel == 0) goto done;
    PC_CHECK(pc_ndim_of(given) == pc_ndim_of(self), PC_ESHAPE,
             "Index tensor must have the same number of dimensions as self tensor");
    PC_CHECK(src == NULL || pc_ndim_of(given) == pc_ndim_of(src), PC_ESHAPE,
             "Index tensor must have the same number of dimensions as src tensor");
    for (int k = 0; k < pc_ndim_of(self); k++) {
        const int64_t size = pc_size_along(given, k);
        bool fits = (k == d || size <= pc_size_along(self, k)) && (src == NULL || size <= pc_size_along(src, k));
        PC_CHECK(fits || src == NULL, PC_ESHAPE,
                 "Expected index %s to be no larger than self %s apart from dimension %d and to be no larger size "
                 "than src %s",
                 pc_shape_text(given, a), pc_shape_text(self, b), d, pc_shape_text(src, s));
        PC_CHECK(fits, PC_ESHAPE, "Expected index %s to be no larger than self %s apart from dimension %d",
                 pc_shape_text(given, a), pc_shape_text(self, b), d);
    }
    PC_TRY(pc_as_index(given, &index));
    PC_TRY(pc_check_index(index, 0, pc_size_along(self, d), d, PC_ESHAPE));
    if (src == NULL) {
        PC_TRY(pc_tensor_new(self->dtype, 0, NULL, &one));
        PC_TRY(pc_fill(one, number));
        values = pc_window(one);
        values.ndim = pc_ndim_of(given);
        for (int k = 0; k < values.ndim; k++) values.stride[k] = 0;
    } else {
        values = pc_raised(src);
    }
    PC_TRY(pc_scatter(c->out[0], d, index, &values, add));
done:
    pc_release(index);
    pc_release(one);
    return status;
}

static pc_status scatter_src_forward(pc_call *c) { return scatter(c, c->in[2], (pc_value){ 0 }, false); }
static pc_status scatter_value_forward(pc_call *c) { return scatter(c, NULL, c->v[1], false); }
static pc_status scatter_add_forward(pc_call *c) { return scatter(c, c->in[2], (pc_value){ 0 }, true); }

pc_status pc_zeroed_along(pc_tensor *g, int d, const pc_tensor *index, pc_tensor **out)
{
    pc_status status = PC_OK;
    double nothing = 0;
    pc_tensor *one = NULL, values;

    PC_TRY(pc_cast(g, g->dtype, out));
    PC_TRY(pc_tensor_new(g->dtype, 0, NULL, &one));
    memcpy(pc_data(one), &nothing, (size_t)pc_dtype_size(g->dtype));
    values = pc_window(one);
    values.ndim = pc_ndim_of(index);
    for (int k = 0; k < values.ndim; k++) values.shape[k] = pc_size_along(index, k), values.stride[k] = 0;
    PC_TRY(pc_scatter(*out, d, index, &values, false));
done:
    pc_release(one);
    return status;
}

/* The gradient of a source: gathered where it was scattered. */
static pc_status gathered(const pc_call *c, pc_tensor *g, int d, const pc_tensor *src, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *index = NULL, w;
    bool whole = pc_same_shape(c->in[1], src);

    PC_TRY(pc_as_index(c->in[1], &index));
    if (whole) PC_TRY(pc_tensor_new(src->dtype, src->ndim, src->shape, gin));
    else PC_TRY(pc_zeros_like(src, gin));
    w = pc_raised(*gin);
    if (index->numel == 0) goto done;
    for (int k = 0; k < w.ndim; k++) w.shape[k] = pc_size_along(index, k);
    w.numel = index->numel;
    PC_TRY(gather_into(&w, g, d, index));
done:
    pc_release(index);
    return status;
}

static pc_status scatter_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    int d;
    PC_TRY(pc_wrap_dim(c->v[0].i, c->in[0]->ndim, &d));
    if (c->need[0]) PC_TRY(pc_zeroed_along(gout[0], d, c->in[1], &gin[0]));
    if (c->nin > 2 && c->need[2]) PC_TRY(gathered(c, gout[0], d, c->in[2], &gin[2]));
done:
    return status;
}
static pc_status scatter_add_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    int d;
    PC_TRY(pc_wrap_dim(c->v[0].i, c->in[0]->ndim, &d));
    if (c->need[0]) gin[0] = pc_retain(gout[0]);
    if (c->need[2]) PC_TRY(gathered(c, gout[0], d, c->in[2], &gin[2]));
done:
    return status;
}

/* take_along_dim(self, indices, dim=None): gather with broadcasting. */
static pc_status along_windows(const pc_call *c, const pc_tensor *self, pc_tensor *index, int *d, pc_tensor *from,
                               pc_tensor *at)
{
    pc_status status = PC_OK;
    *from = pc_window(self);
    *at = pc_raised(index);
    *d = 0;
    if (c->v[0].kind == PC_NONE) {
        from->ndim = at->ndim = 1;
        from->shape[0] = self->numel;
        from->stride[0] = 1;
        at->shape[0] = index->numel;
        at->stride[0] = 1;
    }
    if (from->ndim == 0) *from = pc_raised(self);
    if (c->v[0].kind != PC_NONE) PC_TRY(pc_wrap_dim(c->v[0].i, from->ndim, d));
    PC_CHECK(from->ndim == at->ndim, PC_ESHAPE,
             "torch.take_along_dim(): input and indices should have the same number of dimensions, but got %d "
             "dimensions for input, and %d dimensions for indices",
             from->ndim, at->ndim);
    for (int k = 0; k < from->ndim; k++) {
        if (k == *d) continue;
        PC_CHECK(from->shape[k] == at->shape[k] || from->shape[k] == 1 || at->shape[k] == 1, PC_ESHAPE,
                 "The size of tensor a (%" PRId64 ") must match the size of tensor b (%" PRId64 ") at non-singleton "
                 "dimension %d",
                 from->shape[k], at->shape[k], k);
        if (from->shape[k] != 1 && at->shape[k] == 1) at->shape[k] = from->shape[k], at->stride[k] = 0;
        if (from->shape[k] == 1) from->shape[k] = at->shape[k], from->stride[k] = 0;
    }
    at->numel = 1;
    for (int k = 0; k < at->ndim; k++) at->numel *= at->shape[k];
done:
    return status;
}

static pc_status take_along_dim_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *self = NULL, *index = NULL, from, at;
    int d;

    PC_CHECK(c->in[1]->dtype == PC_I64, PC_ESHAPE, "torch.take_along_dim(): dtype of indices should be Long but got %s",
             pc_dtype_type_name(c->in[1]->dtype));
    PC_TRY(pc_contiguous(c->in[0], &self));
    PC_TRY(pc_as_index(c->in[1], &index));
    PC_TRY(along_windows(c, self, index, &d, &from, &at));
    PC_TRY(pc_check_index(index, 0, from.shape[d], d, PC_ESHAPE));
    PC_TRY(pc_tensor_new(self->dtype, at.ndim, at.shape, &c->out[0]));
    from.stride[d] = 0;
    memcpy(from.shape, at.shape, sizeof from.shape);
    PC_TRY(pc_take_at(c->out[0], &at, &from, c->v[0].kind == PC_NONE || self->ndim == 0 ? 1 : self->stride[d]));
    c->aux[0] = pc_retain(index);
done:
    pc_release(self);
    pc_release(index);
    return status;
}

static pc_status take_along_dim_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *whole = NULL, from, at;
    int64_t step;
    int d;

    PC_TRY(pc_tensor_new(gout[0]->dtype, c->in[0]->ndim, c->in[0]->shape, &whole));
    PC_TRY(pc_fill(whole, (pc_value){ .kind = PC_INT }));
    PC_TRY(along_windows(c, whole, c->aux[0], &d, &from, &at));
    step = c->v[0].kind == PC_NONE || whole->ndim == 0 ? 1 : whole->stride[d];
    from.stride[d] = 0; /* a dimension of one that was broadcast stands still, too: its gradients add up */
    memcpy(from.shape, at.shape, sizeof from.shape);
    from.numel = at.numel;
    PC_TRY(pc_put_at(&from, &at, gout[0], step, true));
    gin[0] = whole;
    whole = NULL;
done:
    pc_release(whole);
    return status;
}

#define BOTH (PC_FUNCTION | PC_METHOD)

static const pc_op ops[] = {
    { "gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor", gather_forward,
      gather_backward, BOTH | PC_SAVE_IN1, "Elements of each line along a dimension, by its own indices.\n"
      "index: Of int64, with as many dimensions as the input.\n"
      "sparse_grad: Accepted and ignored.\n"
      "returns: Of the index's shape." },
    { "take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor", take_along_dim_forward,
      take_along_dim_backward, BOTH, "Elements of each line along a dimension, by indices that are broadcast.\n"
      "indices: Of int64; broadcast with the input but for `dim`." },
    { "scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor", scatter_src_forward, scatter_backward,
      BOTH | PC_INPLACE | PC_SAVE_IN1, "self, with src written where index points along a dimension.\n"
      "index: Of int64, with as many dimensions as the input.\n"
      "src: At least of the index's shape.\n"
      "note: Of several writes to one place the last counts." },
    { "scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor", scatter_value_forward,
      scatter_backward, BOTH | PC_INPLACE | PC_SAVE_IN1,
      "self, with a number written where index points along a dimension.\n"
      "value: A number to write, instead of `src`." },
    { "scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor", scatter_add_forward,
      scatter_add_backward, BOTH | PC_INPLACE | PC_SAVE_IN1,
      "self, with src added where index points along a dimension.\n"
      "index: Of int64, with as many dimensions as the input.\n"
      "src: At least of the index's shape." },
};
PC_FAMILY(gather, ops);
