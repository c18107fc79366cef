/* shape.h -- what operators on extents and strides share: dimension numbers, texts for messages, borrowed windows
   onto a tensor's values. */
#ifndef PC_SHAPE_H
#define PC_SHAPE_H
#include "op.h"

/* dim counted from the end where negative; PC_EINDEX in torch's words if there is no such dimension. A tensor of
   no dimensions answers to 0 and -1. */
pc_status pc_wrap_dim(int64_t dim, int ndim, int *out);
/* Bits of the dimensions in a PC_INTS value; PC_ESHAPE on repetitions. */
pc_status pc_wrap_list(const pc_value *dims, int ndim, uint32_t *mask);
/* The same, where None and an empty list stand for all dimensions. */
pc_status pc_wrap_dims(const pc_value *dims, int ndim, uint32_t *mask);
/* PC_ESHAPE unless all are within 2^31: so that products and sums of windows, steps, paddings and extents stay within
 * 64 bits. */
pc_status pc_check_extents(int n, const int64_t *v);
/* PC_ESHAPE if tensors cannot have so many dimensions. */
pc_status pc_check_ndim(int ndim);
/* a * b, wrapping: for strides of a shape that only making the tensor checks. */
static inline int64_t pc_times(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }
static inline int64_t pc_product(int n, const int64_t *v)
{
    int64_t p = 1;
    for (int k = 0; k < n; k++) p *= v[k];
    return p;
}

/* Strides of shape over t's elements in order, without a copy; false if there are none. */
bool pc_view_strides(const pc_tensor *t, int ndim, const int64_t *shape, int64_t *stride);
/* t's elements in order as another shape of as many: sharing t's storage where strides allow it, otherwise copied.
   The result is no view for autograd: it serves gradients and work inside an operator. */
pc_status pc_reshaped(pc_tensor *t, int ndim, const int64_t *shape, pc_tensor **out);
/* The same values under another geometry, as an alias in pc_tensor_alias's sense. */
pc_status pc_restrided(const pc_tensor *t, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset,
                       pc_tensor **out);

/* A struct that borrows t's storage, to be narrowed by assignment and handed to pc_copy and its like. Not counted:
   never retained, released or returned. */
static inline pc_tensor pc_window(const pc_tensor *t) { return *t; }
/* Elements [start, start + length * step) of dimension d. */
static inline void pc_window_narrow(pc_tensor *w, int d, int64_t start, int64_t length, int64_t step)
{
    w->numel = w->shape[d] > 0 ? w->numel / w->shape[d] * length : 0;
    w->offset += start * w->stride[d];
    w->shape[d] = length;
    w->stride[d] *= step;
}
/* Element index of dimension d, which vanishes. */
static inline void pc_window_select(pc_tensor *w, int d, int64_t index)
{
    pc_window_narrow(w, d, index, 1, 1);
    for (w->ndim--; d < w->ndim; d++) w->shape[d] = w->shape[d + 1], w->stride[d] = w->stride[d + 1];
}
/* A dimension of one element, in front of dimension d. */
static inline void pc_window_insert(pc_tensor *w, int d)
{
    for (int k = w->ndim; k > d; k--) w->shape[k] = w->shape[k - 1], w->stride[k] = w->stride[k - 1];
    w->shape[d] = 1;
    w->stride[d] = 0;
    w->ndim++;
}
/* Dimensions a and b change places. */
static inline void pc_window_transpose(pc_tensor *w, int a, int b)
{
    int64_t shape = w->shape[a], stride = w->stride[a];
    w->shape[a] = w->shape[b], w->stride[a] = w->stride[b];
    w->shape[b] = shape, w->stride[b] = stride;
}

#endif
