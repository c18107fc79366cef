/* reduce.h -- reductions for other operators. */
#ifndef PC_REDUCE_H
#define PC_REDUCE_H
#include "op.h"

/* Sum of t over the dimensions in mask, in t's dtype if that is a float, else int64. Any strides. */
pc_status pc_sum_dims(const pc_tensor *t, uint32_t mask, bool keepdim, pc_tensor **out);

/* For rows that choose one of all elements: after forward, pc_extreme_backward shares the gradient of out[0] evenly by
   the elements of in[0] that equal it. Both are saved. */
void pc_reduces_all(pc_call *c);
pc_status pc_extreme_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin);

#endif
