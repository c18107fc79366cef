/* reduce.h -- reductions for other operators. */
#ifndef PC_REDUCE_H
#define PC_REDUCE_H
#include "op.h"

/* Sum of t over the dimensions in mask, in t's dtype if that is a float, else int64. Any strides. */
pc_status pc_sum_dims(const pc_tensor *t, uint32_t mask, bool keepdim, pc_tensor **out);

#endif
