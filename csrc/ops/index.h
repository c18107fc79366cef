/* index.h -- scattering for other operators: the gradients of those that choose elements. */
#ifndef PC_INDEX_H
#define PC_INDEX_H
#include "op.h"

/* dst[.., index, ..] = src (or += src), along dimension dim: index and src of one number of dimensions with dst (none
   counting as one), index no larger than src in any. All settled, dst without overlaps; the indices are
   trusted. */
pc_status pc_scatter(pc_tensor *dst, int dim, const pc_tensor *index, const pc_tensor *src, bool add);

#endif
