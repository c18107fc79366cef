/* index.c -- choosing elements by index tensors and masks, and writing to chosen places.

   Reads and writes go through one table of offsets, in elements, from where the dimensions that are not indexed put
   them. Where indices repeat, writes happen in order: results do not depend on the number of threads. */
#include "index.h"
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../kernels/half.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include "elementwise.h"
#include "reduce.h"
#include "shape.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- index tensors ----------------------------------------------------------------------------- */

/* Contiguous int64 of an index tensor. */
static pc_status as_index(pc_tensor *t, pc_tensor **out)
{
    return t->dtype == PC_I64 ? pc_contiguous(t, out) : pc_cast(t, PC_I64, out);
}

/* The first index outside [low, size), or NULL. index is contiguous. */
static const int64_t *outside(const pc_tensor *index, int64_t low, int64_t size)
{
    const int64_t *v = pc_data(index);
    int64_t bad = 0;
    for (int64_t i = 0; i < index->numel; i++) bad |= v[i] < low || v[i] >= size;
    for (int64_t i = 0; bad && i < index->numel; i++)
        if (v[i] < low || v[i] >= size) return &v[i];
    return NULL;
}

static pc_status check_range(const pc_tensor *index, int64_t low, int64_t size, int dim, pc_status code)
{
    const int64_t *bad = outside(index, low, size);
    if (bad == NULL) return PC_OK;
    if (size == 0) return pc_fail(code, "index is out of bounds for dimension with size 0");
    return pc_fail(code, "index %" PRId64 " is out of bounds for dimension %d with size %" PRId64, *bad, dim, size);
}

/* ---- reading at offsets ------------------------------------------------------------------------ */

/* data: destination, offsets (int64, in units of args->i[0] bytes), where offset 0 is. */
#define TAKE_ROW(T)                                                                                \
    static void take_##T PC_ROW_PARAMS                                                             \
    {                                                                                              \
        char *o = data[0];                                                                         \
        const char *at = data[1], *from = data[2];                                                 \
        int64_t so = stride[0], sa = stride[1], sf = stride[2], unit = args->i[0];                 \
        if (sa == 0) {                                                                             \
            from += *(const int64_t *)at * unit;                                                   \
            if (so == (int64_t)sizeof(T) && sf == (int64_t)sizeof(T)) memcpy(o, from, (size_t)n * sizeof(T)); \
            else                                                                                   \
                for (int64_t i = 0; i < n; i++) *(T *)(o + i * so) = *(const T *)(from + i * sf);  \
            return;                                                                                \
        }                                                                                          \
        for (int64_t i = 0; i < n; i++, o += so, at += sa, from += sf)                             \
            *(T *)o = *(const T *)(from + *(const int64_t *)at * unit);                            \
    }
TAKE_ROW(uint8_t)
TAKE_ROW(uint16_t)
TAKE_ROW(uint32_t)
TAKE_ROW(uint64_t)

/* Writing: data: where offset 0 is, offsets, values. */
#define PUT_ROW(T)                                                                                 \
    static void put_##T PC_ROW_PARAMS                                                              \
    {                                                                                              \
        char *to = data[0];                                                                        \
        const char *at = data[1], *v = data[2];                                                    \
        int64_t st = stride[0], sa = stride[1], sv = stride[2], unit = args->i[0];                 \
        for (int64_t i = 0; i < n; i++, to += st, at += sa, v += sv)                               \
            *(T *)(to + *(const int64_t *)at * unit) = *(const T *)v;                              \
    }
PUT_ROW(uint8_t)
PUT_ROW(uint16_t)
PUT_ROW(uint32_t)
PUT_ROW(uint64_t)

#define ADD_ROW(name, T, SUM)                                                                      \
    static void name PC_ROW_PARAMS                                                                 \
    {                                                                                              \
        char *to = data[0];                                                                        \
        const char *at = data[1], *v = data[2];                                                    \
        int64_t st = stride[0], sa = stride[1], sv = stride[2], unit = args->i[0];                 \
        for (int64_t i = 0; i < n; i++, to += st, at += sa, v += sv) {                             \
            T *dst = (T *)(to + *(const int64_t *)at * unit), a = *dst, b = *(const T *)v;         \
            *dst = (T)(SUM);                                                                       \
        }                                                                                          \
    }
ADD_ROW(add_bool, uint8_t, a || b)
ADD_ROW(add_u8, uint8_t, a + b)
ADD_ROW(add_i16, uint16_t, a + b)
ADD_ROW(add_i32, uint32_t, a + b)
ADD_ROW(add_i64, uint64_t, a + b)
ADD_ROW(add_f16, uint16_t, pc_f32_to_f16(pc_f16_to_f32(a) + pc_f16_to_f32(b)))
ADD_ROW(add_bf16, uint16_t, pc_f32_to_bf16(pc_bf16_to_f32(a) + pc_bf16_to_f32(b)))
ADD_ROW(add_f64, double, a + b)
static void add_f32 PC_ROW_PARAMS
{
    if (stride[1] == 0 && stride[0] == 4 && stride[2] == 4) {
        pc_k->f32_accumulate((float *)(data[0] + *(const int64_t *)data[1] * args->i[0]), (const float *)data[2], n);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t at = *(const int64_t *)(data[1] + i * stride[1]) * args->i[0];
        *(float *)(data[0] + i * stride[0] + at) += *(const float *)(data[2] + i * stride[2]);
    }
}

static pc_row_fn put_row(pc_dtype d, bool add)
{
    static const pc_row_fn adds[PC_DTYPE_COUNT] = { add_bool, add_u8, add_u8, add_i16, add_i32,
                                                    add_i64,  add_f16, add_bf16, add_f32, add_f64 };
    if (add) return adds[d];
    switch (pc_dtype_size(d)) {
    case 1: return put_uint8_t;
    case 2: return put_uint16_t;
    case 4: return put_uint32_t;
    default: return put_uint64_t;
    }
}
static pc_row_fn take_row(pc_dtype d)
{
    switch (pc_dtype_size(d)) {
    case 1: return take_uint8_t;
    case 2: return take_uint16_t;
    case 4: return take_uint32_t;
    default: return take_uint64_t;
    }
}

/* out = from[offsets], all windows of one shape; offsets count `step` elements each. */
static pc_status take(pc_tensor *out, pc_tensor *offsets, pc_tensor *from, int64_t step)
{
    pc_loop l;
    pc_row_args args = { .i = { step * pc_dtype_size(from->dtype) } };
    pc_tensor *t[3] = { out, offsets, from };
    pc_loop_plan(&l, 3, t);
    return pc_loop_run(&l, PC_GRAIN / 4, take_row(from->dtype), &args);
}

/* to[offsets] = values, or +=. In one thread, so that the last of equal offsets wins and sums have one order. */
static pc_status put(pc_tensor *to, pc_tensor *offsets, pc_tensor *values, int64_t step, bool add)
{
    pc_loop l;
    pc_row_args args = { .i = { step * pc_dtype_size(to->dtype) } };
    pc_tensor *t[3] = { to, offsets, values };
    pc_loop_plan(&l, 3, t);
    return pc_loop_run_in_order(&l, put_row(to->dtype, add), &args);
}

/* ---- along one dimension: gather, scatter ------------------------------------------------------ */

/* w as it is indexed along d: as large as index, standing still in d. */
static void stand_still(pc_tensor *w, int d, const pc_tensor *index)
{
    if (w->ndim == 0) w->ndim = 1, w->shape[0] = 1, w->stride[0] = 1;
    w->ndim = index->ndim;
    for (int k = 0; k < index->ndim; k++) w->shape[k] = index->shape[k];
    w->stride[d] = 0;
    w->numel = index->numel;
}

/* The distance of neighbours along d. */
static int64_t step_along(const pc_tensor *t, int d) { return t->ndim > 0 ? t->stride[d] : 1; }
static int64_t size_along(const pc_tensor *t, int d) { return t->ndim > 0 ? t->shape[d] : 1; }

/* A window that has one dimension at least. */
static pc_tensor raised(const pc_tensor *t)
{
    pc_tensor w = pc_window(t);
    if (w.ndim == 0) w.ndim = 1, w.shape[0] = 1, w.stride[0] = 1;
    return w;
}

pc_status pc_scatter(pc_tensor *dst, int dim, const pc_tensor *index, const pc_tensor *src, bool add)
{
    pc_status status = PC_OK;
    pc_tensor *whole = NULL, at = raised(index), to = raised(dst), values = raised(src), *own = NULL;
    bool plain = index->dtype == PC_I64;

    if (index->numel == 0) goto done;
    if (!plain) {
        PC_TRY(pc_cast((pc_tensor *)index, PC_I64, &whole));
        at = raised(whole);
    }
    for (int d = 0; d < at.ndim; d++) values.shape[d] = at.shape[d];
    values.numel = at.numel;
    if (src->dtype != dst->dtype) {
        PC_TRY(pc_cast(&values, dst->dtype, &own));
        values = pc_window(own);
    }
    stand_still(&to, dim, &at);
    PC_TRY(put(&to, &at, &values, step_along(dst, dim), add));
done:
    pc_release(whole);
    pc_release(own);
    return status;
}

static pc_status gather_into(pc_tensor *out, const pc_tensor *self, int dim, pc_tensor *index)
{
    pc_tensor from = raised(self), at = raised(index), to = raised(out);
    stand_still(&from, dim, &at);
    return take(&to, &at, &from, step_along(self, dim));
}

static const char *name_of(const pc_call *c)
{
    static _Thread_local char name[32];
    size_t n = strcspn(c->op->schema, ".(");
    if (n >= sizeof name) n = sizeof name - 1;
    memcpy(name, c->op->schema, n);
    name[n] = 0;
    return name;
}

/* Extents without dimension 0 count as one dimension of one element. */
static int ndim_of(const pc_tensor *t) { return t->ndim > 0 ? t->ndim : 1; }
static int64_t extent(const pc_tensor *t, int d) { return t->ndim > 0 ? t->shape[d] : 1; }

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
    PC_CHECK(ndim_of(given) == ndim_of(self), PC_ESHAPE,
             "Index tensor must have the same number of dimensions as input tensor");
    for (int k = 0; k < ndim_of(self); k++)
        PC_CHECK(k == d || extent(given, k) <= extent(self, k), PC_ESHAPE,
                 "Size does not match at dimension %d expected index %s to be no larger than self %s apart from "
                 "dimension %d",
                 k, pc_shape_text(given, a), pc_shape_text(self, b), d);
    PC_TRY(as_index(given, &index));
    PC_TRY(check_range(index, 0, size_along(self, d), d, PC_ESHAPE));
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

/* out[0]: in[0] itself for an in-place call, otherwise a copy of it. */
static pc_status start_from_self(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *out;
    if (c->inplace) {
        PC_TRY(pc_out(c, 0, c->in[0]->dtype, c->in[0]->ndim, c->in[0]->shape, &out));
        goto done;
    }
    PC_TRY(pc_cast(c->in[0], c->in[0]->dtype, &c->out[0]));
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
             name_of(c));
    PC_CHECK(src == NULL || src->dtype == self->dtype, PC_ESHAPE, "%s(): Expected self.dtype to be equal to src.dtype",
             name_of(c));
    PC_TRY(start_from_self(c));
    if (given->numel == 0) goto done;
    PC_CHECK(ndim_of(given) == ndim_of(self), PC_ESHAPE,
             "Index tensor must have the same number of dimensions as self tensor");
    PC_CHECK(src == NULL || ndim_of(given) == ndim_of(src), PC_ESHAPE,
             "Index tensor must have the same number of dimensions as src tensor");
    for (int k = 0; k < ndim_of(self); k++) {
        bool fits =
            (k == d || extent(given, k) <= extent(self, k)) && (src == NULL || extent(given, k) <= extent(src, k));
        PC_CHECK(fits || src == NULL, PC_ESHAPE,
                 "Expected index %s to be no larger than self %s apart from dimension %d and to be no larger size "
                 "than src %s",
                 pc_shape_text(given, a), pc_shape_text(self, b), d, pc_shape_text(src, s));
        PC_CHECK(fits, PC_ESHAPE, "Expected index %s to be no larger than self %s apart from dimension %d",
                 pc_shape_text(given, a), pc_shape_text(self, b), d);
    }
    PC_TRY(as_index(given, &index));
    PC_TRY(check_range(index, 0, size_along(self, d), d, PC_ESHAPE));
    if (src == NULL) {
        PC_TRY(pc_tensor_new(self->dtype, 0, NULL, &one));
        PC_TRY(pc_fill(one, number));
        values = pc_window(one);
        values.ndim = ndim_of(given);
        for (int k = 0; k < values.ndim; k++) values.stride[k] = 0;
    } else {
        values = raised(src);
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

/* g with zeros where index says. */
static pc_status zeroed_along(pc_tensor *g, int d, const pc_tensor *index, pc_tensor **out)
{
    pc_status status = PC_OK;
    double nothing = 0;
    pc_tensor *one = NULL, values;

    PC_TRY(pc_cast(g, g->dtype, out));
    PC_TRY(pc_tensor_new(g->dtype, 0, NULL, &one));
    memcpy(pc_data(one), &nothing, (size_t)pc_dtype_size(g->dtype));
    values = pc_window(one);
    values.ndim = ndim_of(index);
    for (int k = 0; k < values.ndim; k++) values.shape[k] = extent(index, k), values.stride[k] = 0;
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

    PC_TRY(as_index(c->in[1], &index));
    if (whole) PC_TRY(pc_tensor_new(src->dtype, src->ndim, src->shape, gin));
    else PC_TRY(pc_zeros_like(src, gin));
    w = raised(*gin);
    if (index->numel == 0) goto done;
    for (int k = 0; k < w.ndim; k++) w.shape[k] = extent(index, k);
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
    if (c->need[0]) PC_TRY(zeroed_along(gout[0], d, c->in[1], &gin[0]));
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
    *at = raised(index);
    *d = 0;
    if (c->v[0].kind == PC_NONE) {
        from->ndim = at->ndim = 1;
        from->shape[0] = self->numel;
        from->stride[0] = 1;
        at->shape[0] = index->numel;
        at->stride[0] = 1;
    }
    if (from->ndim == 0) *from = raised(self);
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
    PC_TRY(as_index(c->in[1], &index));
    PC_TRY(along_windows(c, self, index, &d, &from, &at));
    PC_TRY(check_range(index, 0, from.shape[d], d, PC_ESHAPE));
    PC_TRY(pc_tensor_new(self->dtype, at.ndim, at.shape, &c->out[0]));
    from.stride[d] = 0;
    memcpy(from.shape, at.shape, sizeof from.shape);
    PC_TRY(take(c->out[0], &at, &from, c->v[0].kind == PC_NONE || self->ndim == 0 ? 1 : self->stride[d]));
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
    PC_TRY(put(&from, &at, gout[0], step, true));
    gin[0] = whole;
    whole = NULL;
done:
    pc_release(whole);
    return status;
}

/* ---- along one dimension with a vector of indices ---------------------------------------------- */

/* The vector as an index for every line of t along d; *index is owned. */
static pc_status vector_index(pc_tensor *given, const pc_tensor *t, int d, pc_tensor **index, pc_tensor *at)
{
    pc_status status = as_index(given, index);
    if (status != PC_OK) return status;
    *at = pc_window(*index);
    at->ndim = ndim_of(t);
    for (int k = 0; k < at->ndim; k++) {
        at->shape[k] = k == d ? (*index)->numel : extent(t, k);
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
    PC_CHECK(outside(index, 0, size_along(self, d)) == NULL, PC_EINDEX, "index out of range in self");
    from = raised(self);
    to = raised(c->out[0]);
    stand_still(&from, d, &at);
    PC_TRY(take(&to, &at, &from, step_along(self, d)));
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
    int64_t n, total = 0, shape[PC_MAX_DIMS], *v;
    int d = 0;

    if (dim->kind == PC_NONE) PC_TRY(pc_reshaped(c->in[0], 1, &c->in[0]->numel, &self));
    else self = pc_retain(c->in[0]);
    if (dim->kind != PC_NONE) PC_TRY(pc_wrap_dim(dim->i, self->ndim, &d));
    n = size_along(self, d);
    if (counts != NULL) {
        PC_CHECK(counts->ndim <= 1, PC_ESHAPE, "repeats must be 0-dim or 1-dim tensor");
        PC_CHECK(counts->dtype == PC_I64 || counts->dtype == PC_I32, PC_ENOTIMPL,
                 "\"repeat_interleave_cpu\" not implemented for '%s'", pc_dtype_type_name(counts->dtype));
        PC_CHECK(counts->numel == n || counts->numel == 1, PC_ESHAPE,
                 "repeats must have the same size as input along dim, but got repeats.size(0) = %" PRId64
                 " and input.size(%d) = %" PRId64, counts->numel, d, n);
        PC_TRY(as_index((pc_tensor *)counts, &whole));
        for (int64_t k = 0; k < n; k++) {
            int64_t count = ((int64_t *)pc_data(whole))[counts->numel == 1 ? 0 : k];
            PC_CHECK(count >= 0, PC_ESHAPE, "repeats can not be negative");
            PC_CHECK(count <= INT64_MAX / 8 - total, PC_ESHAPE, "Storage size calculation overflowed");
            total += count;
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
        for (int64_t j = 0; j < count; j++) *v++ = k;
    }
    memcpy(shape, self->shape, sizeof shape);
    if (self->ndim > 0) shape[d] = total;
    else shape[0] = total;
    PC_TRY(pc_tensor_new(self->dtype, ndim_of(self), shape, &c->out[0]));
    from = raised(self);
    to = raised(c->out[0]);
    at = pc_window(c->aux[0]);
    at.ndim = to.ndim;
    for (int k = 0; k < to.ndim; k++) at.shape[k] = to.shape[k], at.stride[k] = k == d;
    at.numel = to.numel;
    stand_still(&from, d, &at);
    PC_TRY(take(&to, &at, &from, step_along(self, d)));
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
    to = raised(*gin);
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
    PC_TRY(check_range(index, -size_along(self, d), size_along(self, d), d, PC_EINDEX));
    PC_TRY(start_from_self(c));
    PC_TRY(pc_tensor_new(self->dtype, 0, NULL, &one));
    PC_TRY(pc_fill(one, c->v[1]));
    values = pc_window(one);
    values.ndim = at.ndim;
    for (int k = 0; k < at.ndim; k++) values.stride[k] = 0;
    PC_TRY(pc_tensor_new(PC_I64, 1, &index->numel, &c->aux[0]));
    for (int64_t i = 0; i < index->numel; i++) {
        int64_t v = ((int64_t *)pc_data(index))[i];
        ((int64_t *)pc_data(c->aux[0]))[i] = v < 0 ? v + size_along(self, d) : v;
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
    PC_TRY(zeroed_along(gout[0], d, &at, &gin[0]));
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
    PC_CHECK(c->in[1]->numel == size_along(source, d), PC_ESHAPE,
             "index_add_(): Number of indices (%" PRId64 ") should be equal to source.size(dim): (%" PRId64 "), for "
             "dim: %d",
             c->in[1]->numel, size_along(source, d), d);
    same = ndim_of(self) == ndim_of(source);
    for (int k = 0; same && k < self->ndim; k++) same = k == d || self->shape[k] == source->shape[k];
    PC_CHECK(same, PC_ESHAPE,
             "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
             "%s source.shape = %s",
             pc_shape_text(self, a), pc_shape_text(source, b));
    PC_TRY(vector_index(c->in[1], self, d, &index, &at));
    PC_TRY(check_range(index, 0, size_along(self, d), d, PC_ESHAPE));
    PC_TRY(start_from_self(c));
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
    from = raised(g);
    to = raised(*gin);
    stand_still(&from, d, &at);
    PC_TRY(take(&to, &at, &from, step_along(g, d)));
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
    same = ndim_of(self) == ndim_of(source);
    for (int k = 0; same && k < self->ndim; k++) same = k == d || self->shape[k] == source->shape[k];
    PC_CHECK(same, PC_ESHAPE,
             "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: %s at "
             "dimension %d and source slice shape: %s at dimension 0.",
             pc_shape_text(self, a), d, pc_shape_text(source, b));
    PC_CHECK(c->in[1]->numel == size_along(source, d), PC_EINDEX,
             "index_copy_(): Number of indices (%" PRId64 ") should be equal to source.size(dim) (%" PRId64 ")",
             c->in[1]->numel, size_along(source, d));
    PC_TRY(vector_index(c->in[1], self, d, &index, &at));
    const int64_t *bad = outside(index, 0, size_along(self, d));
    PC_CHECK(bad == NULL, PC_EINDEX,
             "index_copy_(): index %" PRId64 " is out of bounds for dimension %d with size %" PRId64, *bad, d,
             size_along(self, d));
    PC_TRY(start_from_self(c));
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
        PC_TRY(zeroed_along(gout[0], d, &at, &gin[0]));
    }
    if (c->need[2]) PC_TRY(selected(c, gout[0], d, &gin[2]));
done:
    pc_release(index);
    return status;
}

/* ---- masks ------------------------------------------------------------------------------------- */

/* How many elements of a contiguous bool tensor are true. */
static int64_t count_true(const pc_tensor *mask)
{
    const uint8_t *m = pc_data(mask);
    int64_t n = 0;
    for (int64_t i = 0; i < mask->numel; i++) n += m[i] != 0;
    return n;
}

/* Offsets, under these strides, of the places where a contiguous bool mask is true: a new vector. */
static pc_status true_offsets(const pc_tensor *mask, const int64_t *stride, pc_tensor **out)
{
    pc_status status = PC_OK;
    const uint8_t *m = pc_data(mask);
    int64_t n = count_true(mask), index[PC_MAX_DIMS] = { 0 }, at = 0, *dst;
    int last = mask->ndim - 1;
    pc_tensor *result = NULL;

    PC_TRY(pc_tensor_new(PC_I64, 1, &n, &result));
    dst = pc_data(result);
    if (n == 0) goto found;
    if (last < 0) {
        dst[0] = 0;
        goto found;
    }
    for (int64_t row = 0; row < mask->numel; row += mask->shape[last], m += mask->shape[last]) {
        for (int64_t i = 0; i < mask->shape[last]; i++)
            if (m[i]) *dst++ = at + i * stride[last];
        for (int k = last - 1; k >= 0; k--) {
            at += stride[k];
            if (++index[k] < mask->shape[k]) break;
            at -= index[k] * stride[k];
            index[k] = 0;
        }
    }
found:
    *out = result;
    result = NULL;
done:
    pc_release(result);
    return status;
}

/* A contiguous bool tensor that says where t is not zero. */
static pc_status truth_of(pc_tensor *t, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *result = NULL;
    if (t->dtype == PC_BOOL) return pc_contiguous(t, out);
    PC_TRY(pc_tensor_new(PC_BOOL, t->ndim, t->shape, &result));
    PC_TRY(pc_copy(result, t));
    *out = result;
    result = NULL;
done:
    pc_release(result);
    return status;
}

/* Coordinates of the true elements: column d of [n, ndim], at step elements from row to row. */
static void coordinates(const pc_tensor *mask, int64_t **column, int64_t step)
{
    const uint8_t *m = pc_data(mask);
    int64_t index[PC_MAX_DIMS] = { 0 };
    for (int64_t i = 0; i < mask->numel; i++) {
        if (m[i])
            for (int d = 0; d < mask->ndim; d++) {
                *column[d] = index[d];
                column[d] += step;
            }
        for (int k = mask->ndim - 1; k >= 0; k--) {
            if (++index[k] < mask->shape[k]) break;
            index[k] = 0;
        }
    }
}

static pc_status nonzero_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *mask = NULL;
    int64_t shape[2], *column[PC_MAX_DIMS];

    PC_TRY(truth_of(c->in[0], &mask));
    shape[0] = count_true(mask);
    shape[1] = mask->ndim;
    PC_TRY(pc_tensor_new(PC_I64, 2, shape, &c->out[0]));
    for (int d = 0; d < mask->ndim; d++) column[d] = (int64_t *)pc_data(c->out[0]) + d;
    coordinates(mask, column, mask->ndim);
done:
    pc_release(mask);
    return status;
}

static pc_status nonzero_tuple_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *mask = NULL, *vector = NULL;
    int64_t n, *column[PC_MAX_DIMS], one = 1;

    PC_TRY(truth_of(c->in[0], &mask));
    if (mask->ndim == 0) {
        PC_TRY(pc_reshaped(mask, 1, &one, &vector));
        pc_release(mask);
        mask = vector;
    }
    n = count_true(mask);
    for (int d = 0; d < mask->ndim; d++) {
        PC_TRY(pc_tensor_new(PC_I64, 1, &n, &c->out[d]));
        column[d] = pc_data(c->out[d]);
    }
    coordinates(mask, column, 1);
done:
    pc_release(mask);
    return status;
}

/* The common shape of self and mask; windows w and m onto them in that shape. */
static pc_status broadcast_pair(const pc_tensor *self, const pc_tensor *mask, pc_tensor *w, pc_tensor *m)
{
    pc_status status = PC_OK;
    int n = self->ndim > mask->ndim ? self->ndim : mask->ndim;

    *w = pc_window(self);
    *m = pc_window(mask);
    w->ndim = m->ndim = n;
    w->numel = 1;
    for (int d = n - 1; d >= 0; d--) {
        int a = d - (n - self->ndim), b = d - (n - mask->ndim);
        int64_t x = a >= 0 ? self->shape[a] : 1, y = b >= 0 ? mask->shape[b] : 1, size = x == 1 ? y : x;
        PC_CHECK(x == y || x == 1 || y == 1, PC_ESHAPE,
                 "The size of tensor a (%" PRId64 ") must match the size of tensor b (%" PRId64 ") at non-singleton "
                 "dimension %d",
                 y, x, d);
        w->stride[d] = x == size && a >= 0 ? self->stride[a] : 0;
        m->stride[d] = y == size && b >= 0 ? mask->stride[b] : 0;
        w->shape[d] = m->shape[d] = size;
        w->numel *= size;
    }
    m->numel = w->numel;
done:
    return status;
}

static pc_status masked_select_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *mask = NULL, *offsets = NULL, w, m;

    PC_CHECK(c->in[1]->dtype == PC_BOOL, PC_ESHAPE, "masked_select: expected BoolTensor for mask");
    PC_TRY(broadcast_pair(c->in[0], c->in[1], &w, &m));
    PC_TRY(pc_contiguous(&m, &mask));
    PC_TRY(true_offsets(mask, w.stride, &offsets));
    PC_TRY(pc_tensor_new(w.dtype, 1, offsets->shape, &c->out[0]));
    w.ndim = 1;
    w.shape[0] = w.numel = offsets->numel;
    w.stride[0] = 0;
    PC_TRY(take(c->out[0], offsets, &w, 1));
done:
    if (mask != &m) pc_release(mask);
    pc_release(offsets);
    return status;
}

static pc_status masked_select_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *mask = NULL, *offsets = NULL, *whole = NULL, w, m, to;

    PC_TRY(broadcast_pair(c->in[0], c->in[1], &w, &m));
    PC_TRY(pc_tensor_new(w.dtype, w.ndim, w.shape, &whole));
    PC_TRY(pc_fill(whole, (pc_value){ .kind = PC_INT }));
    PC_TRY(pc_contiguous(&m, &mask));
    PC_TRY(true_offsets(mask, whole->stride, &offsets));
    to = pc_window(whole);
    to.ndim = 1;
    to.shape[0] = to.numel = offsets->numel;
    to.stride[0] = 0;
    PC_TRY(put(&to, offsets, gout[0], 1, false));
    PC_TRY(pc_sum_to(whole, c->in[0], &gin[0]));
done:
    if (mask != &m) pc_release(mask);
    pc_release(offsets);
    pc_release(whole);
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
    PC_TRY(as_index(c->in[1], &index));
    bad = outside(index, -n, n);
    PC_CHECK(bad == NULL, PC_EINDEX,
             "out of range: tried to access index %" PRId64 " on a tensor of %" PRId64 " elements.", *bad, n);
    PC_TRY(pc_tensor_new(PC_I64, index->ndim, index->shape, &c->aux[0]));
    for (int64_t i = 0; i < index->numel; i++) {
        int64_t v = ((int64_t *)pc_data(index))[i];
        ((int64_t *)pc_data(c->aux[0]))[i] = v < 0 ? v + n : v;
    }
    PC_TRY(pc_tensor_new(self->dtype, index->ndim, index->shape, &c->out[0]));
    from = pc_window(self);
    from.ndim = index->ndim;
    for (int d = 0; d < index->ndim; d++) from.shape[d] = index->shape[d], from.stride[d] = 0;
    from.numel = index->numel;
    PC_TRY(take(c->out[0], c->aux[0], &from, 1));
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
    PC_TRY(put(&to, c->aux[0], gout[0], 1, true));
done:
    return status;
}

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
            PC_TRY(truth_of(index[k], &mask));
            status = true_offsets(mask, stride + dim, &flat[k]);
            pc_release(mask);
            PC_TRY(status);
        } else {
            PC_TRY(as_index(index[k], &flat[k]));
        }
        for (int d = 0; d < span(index[k]); d++) s->indexed |= 1u << (dim + d);
        dim += span(index[k]);
    }
    s->at = together ? before : 0;
    PC_TRY(common_shape(n, flat, s));
    PC_TRY(pc_tensor_new(PC_I64, s->ndim, s->shape, &s->offsets));
    memset(pc_data(s->offsets), 0, (size_t)s->offsets->numel * sizeof(int64_t));
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
                PC_TRY(check_range(flat[k], -self->shape[dim], self->shape[dim], dim, PC_EINDEX));
            else if (self->shape[dim] == 0 && s->offsets->numel > 0)
                PC_TRY(check_range(flat[k], 0, 0, dim, PC_EINDEX));
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
    PC_TRY(take(c->out[0], &at, &w, 1));
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
    PC_TRY(put(&w, &at, gout[0], 1, true));
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
    if (w.numel > 0) PC_TRY(put(&w, &at, values, 1, c->v[0].i));
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
        PC_TRY(take(part, &at, &w, 1));
        PC_TRY(pc_sum_to(part, c->in[1], &gin[1]));
    }
    if (c->need[0]) {
        if (!c->v[0].i && w.numel > 0) {
            PC_TRY(pc_tensor_new(g->dtype, 0, NULL, &zero));
            PC_TRY(pc_fill(zero, (pc_value){ .kind = PC_INT }));
            PC_TRY(put(&w, &at, zero, 1, false));
        }
        gin[0] = pc_retain(g);
    }
done:
    pc_release(g);
    pc_release(part);
    pc_release(zero);
    return status;
}

/* ---- rows -------------------------------------------------------------------------------------- */

#define BOTH (PC_FUNCTION | PC_METHOD)

static const pc_op ops[] = {
    { "_index(Tensor[] tensors) -> Tensor", index_forward, index_backward, 0,
      "Elements that index tensors and masks pick: what t[i, j] runs. None stands for a whole dimension." },
    { "_index_put_(Tensor[] tensors, bool accumulate=False) -> Tensor", index_put_forward, index_put_backward,
      PC_WRITES, "Values written where index tensors and masks point: what t[i, j] = values runs." },
    { "index_select(Tensor self, int dim, Tensor index) -> Tensor", index_select_forward, index_select_backward,
      BOTH | PC_SAVE_IN1, "Elements of a dimension, by a vector of indices." },
    { "gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor", gather_forward,
      gather_backward, BOTH | PC_SAVE_IN1, "Elements of each line along a dimension, by its own indices." },
    { "take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor", take_along_dim_forward,
      take_along_dim_backward, BOTH, "Elements of each line along a dimension, by indices that are broadcast." },
    { "take(Tensor self, Tensor index) -> Tensor", take_forward, take_backward, BOTH,
      "Elements by their number in the flattened tensor." },
    { "scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor", scatter_src_forward, scatter_backward,
      BOTH | PC_INPLACE | PC_SAVE_IN1, "self, with src written where index points along a dimension." },
    { "scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor", scatter_value_forward,
      scatter_backward, BOTH | PC_INPLACE | PC_SAVE_IN1,
      "self, with a number written where index points along a dimension." },
    { "scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor", scatter_add_forward,
      scatter_add_backward, BOTH | PC_INPLACE | PC_SAVE_IN1,
      "self, with src added where index points along a dimension." },
    { "index_fill(Tensor self, int dim, Tensor index, Scalar value) -> Tensor", index_fill_forward, index_fill_backward,
      BOTH | PC_INPLACE, "self, with a number in the elements of a dimension that a vector of indices names." },
    { "index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor", index_add_forward,
      index_add_backward, BOTH | PC_INPLACE | PC_SAVE_IN1,
      "self, with source added to the elements of a dimension that a vector of indices names." },
    { "index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor", index_copy_forward,
      index_copy_backward, BOTH | PC_INPLACE | PC_SAVE_IN1,
      "self, with source in the elements of a dimension that a vector of indices names." },
    { "repeat_interleave.tensor(Tensor self, Tensor repeats, int? dim=None, *, int? output_size=None) -> Tensor",
      repeat_interleave_tensor_forward, repeat_interleave_tensor_backward, BOTH,
      "Each element of a dimension (of all, without one) as often as a vector says." },
    { "repeat_interleave(Tensor self, int repeats, int? dim=None, *, int? output_size=None) -> Tensor",
      repeat_interleave_forward, repeat_interleave_backward, BOTH,
      "Each element of a dimension (of all, without one) several times." },
    { "masked_select(Tensor self, Tensor mask) -> Tensor", masked_select_forward, masked_select_backward,
      BOTH | PC_SAVE_IN1, "The elements where mask is true, as a vector." },
    { "nonzero(Tensor self) -> Tensor", nonzero_forward, NULL, BOTH | PC_NOGRAD,
      "Indices of the elements that are not zero, one row each." },
    { "nonzero.numpy(Tensor self, *, bool as_tuple) -> Tensor[]", nonzero_tuple_forward, NULL, BOTH | PC_NOGRAD,
      "Indices of the elements that are not zero, one vector per dimension." },
    { "where.condition(Tensor condition) -> Tensor[]", nonzero_tuple_forward, NULL, PC_FUNCTION | PC_NOGRAD,
      "Indices of the elements that are true, one vector per dimension." },
};
PC_FAMILY(index, ops);
