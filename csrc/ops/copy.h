/* copy.h -- moving values between tensors: what every operator and the engine need. */
#ifndef PC_COPY_H
#define PC_COPY_H
#include "op.h"

/* dst = src, broadcast to dst's shape and converted to its dtype. Any strides. src is settled first; dst is
   written without a version check (callers that expose dst use pc_tensor_begin_write). */
pc_status pc_copy(pc_tensor *dst, const pc_tensor *src);
/* t, retained, if it is contiguous and settled; otherwise a contiguous copy. */
pc_status pc_contiguous(pc_tensor *t, pc_tensor **out);
/* A new tensor of the given dtype with t's values: dense inputs keep their strides (torch's preserve_format). */
pc_status pc_cast(pc_tensor *t, pc_dtype dtype, pc_tensor **out);
/* The dtype that values of dtype d are computed in. */
static inline pc_dtype pc_work_dtype(pc_dtype d) { return d == PC_F64 ? PC_F64 : PC_F32; }
/* t in the given dtype, contiguous and settled: itself, retained, where it is so. NULL stays NULL. */
pc_status pc_contiguous_as(pc_tensor *t, pc_dtype dtype, pc_tensor **out);
/* *t becomes a tensor of the given dtype. */
pc_status pc_become(pc_tensor **t, pc_dtype dtype);
/* The same dtype, values that stand in private memory alone in private memory of their own. */
pc_status pc_clone(const pc_tensor *t, pc_tensor **out);
/* Every element = value (PC_INT, PC_FLOAT or PC_BOOLEAN), converted. */
pc_status pc_fill(pc_tensor *t, pc_value value);
pc_status pc_zeros_like(const pc_tensor *t, pc_tensor **out);
/* dst += src: same shape and float dtype; keeps private layouts when both have them. */
pc_status pc_accumulate(pc_tensor *dst, const pc_tensor *src);

/* May two elements of w be one? Exact for what slicing, expanding and unfolding make. */
bool pc_may_overlap(const pc_tensor *w);
/* dst += src (NULL: ones) element after element, where elements of dst may coincide; same shape, float32 or float64. */
pc_status pc_add_overlapping(const pc_tensor *dst, pc_tensor *src);

#endif
