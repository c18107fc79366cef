/* strided.c -- windows by strides of their own: as_strided, diagonal, unfold. */
#include "view.h"
#include "copy.h"
#include "shape.h"
#include <inttypes.h>

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
    overflow = __builtin_add_overflow(offset, last, &bytes) || __builtin_add_overflow(bytes, 1, &bytes)
               || __builtin_mul_overflow(bytes, item, &bytes);
    PC_CHECK(!overflow && (empty || bytes <= self->storage->bytes), PC_ESHAPE,
             "setStorage: sizes %s, strides %s, storage offset %" PRId64 ", and itemsize %" PRId64 " requiring a "
             "storage size of %" PRId64 " are out of bounds for storage of size %" PRId64,
             pc_ints_text(n, size, a), pc_ints_text(n, stride, b), offset, item, bytes, self->storage->bytes);
    c->v[SELF_OFFSET] = (pc_value){ .kind = PC_INT, .i = self->offset };
    PC_TRY(pc_tensor_view(self, n, size, stride, offset, &c->out[0]));
done:
    return status;
}

static int64_t reach_of(const pc_tensor *w)
{
    int64_t last = 0;
    for (int d = 0; d < w->ndim; d++) last += (w->shape[d] - 1) * w->stride[d];
    return w->numel > 0 ? w->offset + last + 1 : 0;
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
    if (pc_may_overlap(&to)) PC_TRY(pc_add_overlapping(&to, gout[0]));
    else PC_TRY(pc_copy(&to, gout[0]));
    if (pc_may_overlap(&from)) {
        pc_tensor places = from;
        PC_TRY(pc_tensor_new(from.dtype, 1, &room, &count));
        PC_TRY(pc_fill(count, (pc_value){ .kind = PC_INT }));
        places.storage = count->storage;
        PC_TRY(pc_add_overlapping(&places, NULL));
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

static void place_diagonal(const pc_call *c, int k, int64_t *start, pc_tensor *w)
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
    place_diagonal(c, 0, NULL, &w);
    PC_TRY(pc_emit_view(c, 0, &w));
done:
    return status;
}
static pc_status diagonal_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return pc_windows_backward(c, gout, gin, place_diagonal);
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
    PC_TRY(pc_emit_view(c, 0, &w));
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

/* ---- rows -------------------------------------------------------------------------------------- */

#define BOTH (PC_FUNCTION | PC_METHOD)

static const pc_op ops[] = {
    { "as_strided(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor", as_strided_forward,
      as_strided_backward, BOTH | PC_VIEW, "self's storage under any shape and strides.\n"
      "stride: Elements from one to the next, of each dimension.\n"
      "storage_offset: Of the first element in the storage; the input's by default." },
    { "diagonal(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor", diagonal_forward, diagonal_backward,
      BOTH | PC_VIEW, "The diagonal of two dimensions, as the last dimension.\n"
      "offset: 0 is the main diagonal, positive ones lie above it." },
    { "unfold(Tensor self, int dimension, int size, int step) -> Tensor", unfold_forward, unfold_backward,
      PC_METHOD | PC_VIEW, "All windows of a size along a dimension.\n"
      "dimension: Counted from the end if negative.\n"
      "size: Of a window.\n"
      "step: From one window to the next." },
};
PC_FAMILY(strided, ops);
