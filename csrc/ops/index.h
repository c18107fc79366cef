/* index.h -- what operators that choose elements share: index tensors, reading and writing at offsets, masks. */
#ifndef PC_INDEX_H
#define PC_INDEX_H
#include "op.h"

/* Contiguous int64 of an index tensor. */
pc_status pc_as_index(pc_tensor *t, pc_tensor **out);
/* The first index outside [low, size), or NULL. index is contiguous. */
const int64_t *pc_index_outside(const pc_tensor *index, int64_t low, int64_t size);
/* The error of the given code for it, where there is one. */
pc_status pc_check_index(const pc_tensor *index, int64_t low, int64_t size, int dim, pc_status code);

/* out = from[offsets], all windows of one shape; offsets count `step` elements each. */
pc_status pc_take_at(pc_tensor *out, pc_tensor *offsets, pc_tensor *from, int64_t step);
/* to[offsets] = values, or +=. In one thread, so that the last of equal offsets wins and sums have one order. */
pc_status pc_put_at(pc_tensor *to, pc_tensor *offsets, pc_tensor *values, int64_t step, bool add);

/* A tensor of no dimensions counts as one dimension of one element. */
static inline int pc_ndim_of(const pc_tensor *t) { return t->ndim > 0 ? t->ndim : 1; }
static inline int64_t pc_size_along(const pc_tensor *t, int d) { return t->ndim > 0 ? t->shape[d] : 1; }
/* The distance of neighbours along d. */
static inline int64_t pc_step_along(const pc_tensor *t, int d) { return t->ndim > 0 ? t->stride[d] : 1; }
/* A window that has one dimension at least. */
pc_tensor pc_raised(const pc_tensor *t);
/* w as it is indexed along d: as large as index, standing still in d. */
void pc_stand_still(pc_tensor *w, int d, const pc_tensor *index);

/* out[0]: in[0] itself for an in-place call, otherwise a copy of it. */
pc_status pc_start_from_self(pc_call *c);
/* dst[.., index, ..] = src (or += src), along dimension dim: index and src of one number of dimensions with dst (none
   counting as one), index no larger than src in any. All settled, dst without overlaps; the indices are
   trusted. */
pc_status pc_scatter(pc_tensor *dst, int dim, const pc_tensor *index, const pc_tensor *src, bool add);
/* g with zeros where index says. */
pc_status pc_zeroed_along(pc_tensor *g, int d, const pc_tensor *index, pc_tensor **out);

/* A contiguous bool tensor that says where t is not zero. */
pc_status pc_truth_of(pc_tensor *t, pc_tensor **out);
/* How many elements of a contiguous bool tensor are true, and what pc_true_coordinates reads of them. */
pc_status pc_true_ranks(const pc_tensor *mask, pc_tensor **ranks, int64_t *count);
/* Their coordinates: in dimension d from column[d] on, one every `step` elements. */
pc_status pc_true_coordinates(const pc_tensor *mask, const pc_tensor *ranks, int64_t *const *column, int64_t step);
/* Offsets, under these strides, of the places where a contiguous bool mask is true: a new vector. */
pc_status pc_true_offsets(const pc_tensor *mask, const int64_t *stride, pc_tensor **out);

#endif
