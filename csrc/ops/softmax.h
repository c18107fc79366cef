/* softmax.h -- for operators that build on it. */
#ifndef PC_SOFTMAX_H
#define PC_SOFTMAX_H
#include "op.h"

/* New contiguous tensor: the softmax of x (float32 or float64) along dim, or its logarithm. */
pc_status pc_softmax(pc_tensor *x, int dim, bool log, pc_tensor **out);

#endif
