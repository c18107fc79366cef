/* index_select.c -- elements of a dimension by a vector of indices, read and written. */
#include "index.h"
#include "copy.h"
#include "shape.h"
#include <inttypes.h>
#include <string.h>

/* The vector as an index for every line of t along d; *index is owned. */
static pc_status vector_index(pc_tensor *given, const pc_tensor *t, int d, pc_tensor **index, pc_tensor *at)
{
    pc_status status = pc_as_index(given, index);
    if (status != PC_OK) return status;
    *at = pc_window(*index);
    at->ndim = pc_ndim_of(t);
    for (int k = 0; k < at->ndim; k++) {
        at->shape[k] = k == d ? (*index)->numel : pc_size_along(t, k);
        at->stride[k] = k == d;
    }
    at->numel = 1;
    for (int k = 0; k < at->ndim; k++) at->numel *= at->shape[k];
    return PC_OK;
}

static pc_status index_select_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *self = c->in[0], *given = c->in[1], *index = NULL, at, from, to;
    int64_t shape[PC_MAX_DIMS];
    int d;

    PC_TRY(pc_wrap_dim(c->v[0].i, self->ndim, &d));
    PC_CHECK(given->ndim <= 1, PC_EINDEX, "index_select(): Index is supposed to be a vector");
    PC_CHECK(given->dtype == PC_I64 || given->dtype == PC_I32, PC_ESHAPE,
             "index_select(): Expected dtype int32 or int64 for index");
    PC_CHECK(self->ndim > 0 || given->numel == 1, PC_ESHAPE,
             "index_select(): Index to scalar can have only 1 value, got %" PRId64 " value(s)", given->numel);
    memcpy(shape, self->shape, sizeof shape);
    if (self->ndim > 0) shape[d] = given->numel;
    PC_TRY(pc_tensor_new(self->dtype, self->ndim, shape, &c->out[0]));
    PC_TRY(vector_index(given, self, d, &index, &at));
    PC_CHECK(pc_index_outside(index, 0, pc_size_along(self, d)) == NULL, PC_EINDEX, "index out of range in self");
    from = pc_raised(self);
    to = pc_raised(c->out[0]);
    pc_stand_still(&from, d, &at);
    PC_TRY(pc_take_at(&to, &at, &from, pc_step_along(self, d)));
done:
    pc_release(index);
    return status;
}

static pc_status index_select_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *index = NULL, at;
    int d;
    PC_TRY(pc_wrap_dim(c->v[0].i, c->in[0]->ndim, &d));
    PC_TRY(pc_zeros_like(c->in[0], &gin[0]));
    PC_TRY(vector_index(c->in[1], gin[0], d, &index, &at));
    PC_TRY(pc_scatter(gin[0], d, &at, gout[0], true));
done:
    pc_release(index);
    return status;
}

/* repeat_interleave: element k of a dimension counts[k] times, or all `times` times. The index that does it goes to
   aux[0]; without a dimension self is a vector. */
static pc_status repeat_elements(pc_call *c, const pc_tensor *counts, int64_t times, const pc_value *dim)
{
    pc_status status = PC_OK;
    pc_tensor *self = NULL, *whole = NULL, at, from, to;
    int64_t n, total = 0, work = 0, shape[PC_MAX_DIMS], *v;
    int d = 0;

    if (dim->kind == PC_NONE) PC_TRY(pc_reshaped(c->in[0], 1, &c->in[0]->numel, &self));
    else self = pc_retain(c->in[0]);
    if (dim->kind != PC_NONE) PC_TRY(pc_wrap_dim(dim->i, self->ndim, &d));
    n = pc_size_along(self, d);
    if (counts != NULL) {
        PC_CHECK(counts->ndim <= 1, PC_ESHAPE, "repeats must be 0-dim or 1-dim tensor");
        PC_CHECK(counts->dtype == PC_I64 || counts->dtype == PC_I32, PC_ENOTIMPL,
                 "\"repeat_interleave_cpu\" not implemented for '%s'", pc_dtype_type_name(counts->dtype));
        PC_CHECK(counts->numel == n || counts->numel == 1, PC_ESHAPE,
                 "repeats must have the same size as input along dim, but got repeats.size(0) = %" PRId64
                 " and input.size(%d) = %" PRId64, counts->numel, d, n);
        PC_TRY(pc_as_index((pc_tensor *)counts, &whole));
        for (int64_t k = 0; k < n; k++) {
            int64_t count = ((int64_t *)pc_data(whole))[counts->numel == 1 ? 0 : k];
            PC_CHECK(count >= 0, PC_ESHAPE, "repeats can not be negative");
            PC_CHECK(count <= INT64_MAX / 8 - total, PC_ESHAPE, "Storage size calculation overflowed");
            total += count;
            PC_TRY(pc_poll_at(k));
        }
    } else {
        PC_CHECK(times >= 0, PC_ESHAPE, "Repeats must be non-negative");
        PC_CHECK(n == 0 || times <= INT64_MAX / 8 / n, PC_ESHAPE, "Storage size calculation overflowed");
        total = n * times;
    }
    PC_TRY(pc_tensor_new(PC_I64, 1, &total, &c->aux[0]));
    v = pc_data(c->aux[0]);
    for (int64_t k = 0; k < n; k++) {
        int64_t count = whole == NULL ? times : ((int64_t *)pc_data(whole))[counts->numel == 1 ? 0 : k];
        for (int64_t j = 0; j < count; j++) {
            *v++ = k;
            PC_TRY(pc_poll_after(&work, 1));
        }
    }
    memcpy(shape, self->shape, sizeof shape);
    if (self->ndim > 0) shape[d] = total;
    else shape[0] = total;
    PC_TRY(pc_tensor_new(self->dtype, pc_ndim_of(self), shape, &c->out[0]));
    from = pc_raised(self);
    to = pc_raised(c->out[0]);
    at = pc_window(c->aux[0]);
    at.ndim = to.ndim;
    for (int k = 0; k < to.ndim; k++) at.shape[k] = to.shape[k], at.stride[k] = k == d;
    at.numel = to.numel;
    pc_stand_still(&from, d, &at);
    PC_TRY(pc_take_at(&to, &at, &from, pc_step_along(self, d)));
done:
    pc_release(self);
    pc_release(whole);
    return status;
}
static pc_status repeat_interleave_forward(pc_call *c)
{
    return repeat_elements(c, NULL, c->v[0].i, &c->v[1]);
}
static pc_status repeat_interleave_tensor_forward(pc_call *c)
{
    return repeat_elements(c, c->in[1], 0, &c->v[0]);
}

static pc_status repeat_back(pc_call *c, pc_tensor *g, const pc_value *dim, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor to, at;
    int d = 0;

    PC_TRY(pc_tensor_new(g->dtype, c->in[0]->ndim, c->in[0]->shape, gin));
    PC_TRY(pc_fill(*gin, (pc_value){ .kind = PC_INT }));
    to = pc_raised(*gin);
    if (dim->kind == PC_NONE) to.ndim = 1, to.shape[0] = to.numel, to.stride[0] = 1;
    else PC_TRY(pc_wrap_dim(dim->i, to.ndim, &d));
    at = pc_window(c->aux[0]);
    at.ndim = to.ndim;
    for (int k = 0; k < to.ndim; k++) at.shape[k] = k == d ? c->aux[0]->numel : to.shape[k], at.stride[k] = k == d;
    at.numel = g->numel;
    PC_TRY(pc_scatter(&to, d, &at, g, true));
done:
    return status;
}
static pc_status repeat_interleave_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return repeat_back(c, gout[0], &c->v[1], &gin[0]);
}
static pc_status repeat_interleave_tensor_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return repeat_back(c, gout[0], &c->v[0], &gin[0]);
}

static pc_status index_fill_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *self = c->in[0], *index = NULL, *one = NULL, at, values;
    int d;

    PC_TRY(pc_wrap_dim(c->v[0].i, self->ndim, &d));
    PC_CHECK(c->in[1]->dtype == PC_I64, PC_EINDEX, "index_fill_(): Expected dtype int64 for index.");
    PC_CHECK(c->in[1]->ndim <= 1, PC_ESHAPE, "Index has to be a vector/scalar");
    PC_TRY(vector_index(c->in[1], self, d, &index, &at));
    PC_TRY(pc_check_index(index, -pc_size_along(self, d), pc_size_along(self, d), d, PC_EINDEX));
    PC_TRY(pc_start_from_self(c));
    PC_TRY(pc_tensor_new(self->dtype, 0, NULL, &one));
    PC_TRY(pc_fill(one, c->v[1]));
    values = pc_window(one);
    values.ndim = at.ndim;
    for (int k = 0; k < at.ndim; k++) values.stride[k] = 0;
    PC_TRY(pc_tensor_new(PC_I64, 1, &index->numel, &c->aux[0]));
    for (int64_t i = 0; i < index->numel; i++) {
        int64_t v = ((int64_t *)pc_data(index))[i];
        ((int64_t *)pc_data(c->aux[0]))[i] = v < 0 ? v + pc_size_along(self, d) : v;
    }
    at.storage = c->aux[0]->storage;
    at.offset = 0;
    PC_TRY(pc_scatter(c->out[0], d, &at, &values, false));
done:
    pc_release(index);
    pc_release(one);
    return status;
}

static pc_status index_fill_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *index = NULL, at;
    int d;
    PC_TRY(pc_wrap_dim(c->v[0].i, c->in[0]->ndim, &d));
    PC_TRY(vector_index(c->aux[0], gout[0], d, &index, &at));
    PC_TRY(pc_zeroed_along(gout[0], d, &at, &gin[0]));
done:
    pc_release(index);
    return status;
}

/* t * factor, in t's dtype. */
static pc_status scaled_by(pc_tensor *t, pc_value factor, pc_tensor **out)
{
    pc_status status = PC_OK;
    bool whole = !pc_dtype_is_float(t->dtype);
    double f = factor.kind == PC_FLOAT ? factor.f : (double)factor.i;
    uint64_t k = (uint64_t)(factor.kind == PC_FLOAT ? (int64_t)factor.f : factor.i);
    pc_tensor *wide = NULL;

    PC_TRY(pc_tensor_new(whole ? PC_I64 : PC_F64, t->ndim, t->shape, &wide));
    PC_TRY(pc_copy(wide, t));
    for (int64_t i = 0; i < wide->numel; i++) {
        if (whole) ((uint64_t *)pc_data(wide))[i] *= k;
        else ((double *)pc_data(wide))[i] *= f;
    }
    PC_TRY(pc_cast(wide, t->dtype, out));
done:
    pc_release(wide);
    return status;
}

static pc_status index_add_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *self = c->in[0], *source = c->in[2], *index = NULL, *scaled = NULL, at;
    double alpha = c->v[1].kind == PC_FLOAT ? c->v[1].f : (double)c->v[1].i;
    char a[200], b[200];
    bool same;
    int d;

    PC_TRY(pc_wrap_dim(c->v[0].i, self->ndim, &d));
    PC_CHECK(c->in[1]->ndim <= 1, PC_EINDEX, "index_add_(): Index is supposed to be a vector");
    PC_CHECK(c->in[1]->dtype == PC_I64 || c->in[1]->dtype == PC_I32, PC_ESHAPE,
             "index_add_(): Expected dtype int32/int64 for index");
    PC_CHECK(self->dtype == source->dtype, PC_ESHAPE,
             "index_add_(): self (%s) and source (%s) must have the same scalar type", pc_dtype_type_name(self->dtype),
             pc_dtype_type_name(source->dtype));
    PC_CHECK(c->in[1]->numel == pc_size_along(source, d), PC_ESHAPE,
             "index_add_(): Number of indices (%" PRId64 ") should be equal to source.size(dim): (%" PRId64 "), for "
             "dim: %d",
             c->in[1]->numel, pc_size_along(source, d), d);
    same = pc_ndim_of(self) == pc_ndim_of(source);
    for (int k = 0; same && k < self->ndim; k++) same = k == d || self->shape[k] == source->shape[k];
    PC_CHECK(same, PC_ESHAPE,
             "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
             "%s source.shape = %s",
             pc_shape_text(self, a), pc_shape_text(source, b));
    PC_TRY(vector_index(c->in[1], self, d, &index, &at));
    PC_TRY(pc_check_index(index, 0, pc_size_along(self, d), d, PC_ESHAPE));
    PC_TRY(pc_start_from_self(c));
    if (alpha != 1) PC_TRY(scaled_by(source, c->v[1], &scaled));
    PC_TRY(pc_scatter(c->out[0], d, &at, scaled != NULL ? scaled : source, true));
done:
    pc_release(index);
    pc_release(scaled);
    return status;
}

/* The gradient of a source that a vector of indices has placed. */
static pc_status selected(const pc_call *c, pc_tensor *g, int d, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *index = NULL, at, from, to;
    PC_TRY(pc_tensor_new(g->dtype, c->in[2]->ndim, c->in[2]->shape, gin));
    PC_TRY(vector_index(c->in[1], g, d, &index, &at));
    from = pc_raised(g);
    to = pc_raised(*gin);
    pc_stand_still(&from, d, &at);
    PC_TRY(pc_take_at(&to, &at, &from, pc_step_along(g, d)));
done:
    pc_release(index);
    return status;
}

static pc_status index_add_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    double alpha = c->v[1].kind == PC_FLOAT ? c->v[1].f : (double)c->v[1].i;
    pc_tensor *part = NULL;
    int d;
    PC_TRY(pc_wrap_dim(c->v[0].i, c->in[0]->ndim, &d));
    if (c->need[0]) gin[0] = pc_retain(gout[0]);
    if (c->need[2]) {
        PC_TRY(selected(c, gout[0], d, alpha == 1 ? &gin[2] : &part));
        if (alpha != 1) PC_TRY(scaled_by(part, c->v[1], &gin[2]));
    }
done:
    pc_release(part);
    return status;
}

static pc_status index_copy_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *self = c->in[0], *source = c->in[2], *index = NULL, at;
    char a[200], b[200];
    bool same;
    int d;

    PC_TRY(pc_wrap_dim(c->v[0].i, self->ndim, &d));
    PC_CHECK(c->in[1]->ndim <= 1, PC_EINDEX, "index_copy_(): Index should have dimension 1 or 0 (got %d)",
             c->in[1]->ndim);
    PC_CHECK(c->in[1]->dtype == PC_I64, PC_ESHAPE, "index_copy_(): Expected a long tensor for index, but got %s",
             pc_dtype_type_name(c->in[1]->dtype));
    PC_CHECK(self->dtype == source->dtype, PC_ESHAPE,
             "index_copy_(): self and source expected to have the same dtype, but got (self) %s and (source) %s",
             pc_dtype_type_name(self->dtype), pc_dtype_type_name(source->dtype));
    same = pc_ndim_of(self) == pc_ndim_of(source);
    for (int k = 0; same && k < self->ndim; k++) same = k == d || self->shape[k] == source->shape[k];
    PC_CHECK(same, PC_ESHAPE,
             "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: %s at "
             "dimension %d and source slice shape: %s at dimension 0.",
             pc_shape_text(self, a), d, pc_shape_text(source, b));
    PC_CHECK(c->in[1]->numel == pc_size_along(source, d), PC_EINDEX,
             "index_copy_(): Number of indices (%" PRId64 ") should be equal to source.size(dim) (%" PRId64 ")",
             c->in[1]->numel, pc_size_along(source, d));
    PC_TRY(vector_index(c->in[1], self, d, &index, &at));
    const int64_t *bad = pc_index_outside(index, 0, pc_size_along(self, d));
    PC_CHECK(bad == NULL, PC_EINDEX,
             "index_copy_(): index %" PRId64 " is out of bounds for dimension %d with size %" PRId64, *bad, d,
             pc_size_along(self, d));
    PC_TRY(pc_start_from_self(c));
    PC_TRY(pc_scatter(c->out[0], d, &at, source, false));
done:
    pc_release(index);
    return status;
}

static pc_status index_copy_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *index = NULL, at;
    int d;
    PC_TRY(pc_wrap_dim(c->v[0].i, c->in[0]->ndim, &d));
    if (c->need[0]) {
        PC_TRY(vector_index(c->in[1], gout[0], d, &index, &at));
        PC_TRY(pc_zeroed_along(gout[0], d, &at, &gin[0]));
    }
    if (c->need[2]) PC_TRY(selected(c, gout[0], d, &gin[2]));
done:
    pc_release(index);
    return status;
}

#define BOTH (PC_FUNCTION | PC_METHOD)

static const pc_op ops[] = {
    { "index_select(Tensor self, int dim, Tensor index) -> Tensor", index_select_forward, index_select_backward,
      BOTH | PC_SAVE_IN1, "Elements of a dimension, by a vector of indices.\n"
      "index: Of int64 or int32, shape [n]." },
    { "index_fill(Tensor self, int dim, Tensor index, Scalar value) -> Tensor", index_fill_forward, index_fill_backward,
      BOTH | PC_INPLACE, "self, with a number in the elements of a dimension that a vector of indices names.\n"
      "index: Of int64, shape [n].\n"
      "value: A number to write." },
    { "index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor", index_add_forward,
      index_add_backward, BOTH | PC_INPLACE | PC_SAVE_IN1,
      "self, with source added to the elements of a dimension that a vector of indices names.\n"
      "index: Of int64, shape [n].\n"
      "source: What is added, with n elements along `dim`.\n"
      "alpha: Factor of `source`." },
    { "index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor", index_copy_forward,
      index_copy_backward, BOTH | PC_INPLACE | PC_SAVE_IN1,
      "self, with source in the elements of a dimension that a vector of indices names.\n"
      "index: Of int64, shape [n].\n"
      "source: What is written, with n elements along `dim`." },
    { "repeat_interleave.tensor(Tensor self, Tensor repeats, int? dim=None, *, int? output_size=None) -> Tensor",
      repeat_interleave_tensor_forward, repeat_interleave_tensor_backward, BOTH,
      "Each element of a dimension (of all, without one) as often as a vector says.\n"
      "repeats: How often: one number for all, or a vector.\n"
      "output_size: Length of the result, if it is known." },
    { "repeat_interleave(Tensor self, int repeats, int? dim=None, *, int? output_size=None) -> Tensor",
      repeat_interleave_forward, repeat_interleave_backward, BOTH,
      "Each element of a dimension (of all, without one) several times." },
};
PC_FAMILY(index_select, ops);
