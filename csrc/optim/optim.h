/* optim.h -- whole-model optimizer steps: all parameters in one call, chunks over all of them together. */
#ifndef PC_OPTIM_H
#define PC_OPTIM_H
#include "../core/tensor.h"
#include "../kernels/optim.h"

typedef enum pc_optimizer { PC_SGD, PC_ADAM, PC_RMSPROP } pc_optimizer;

/* What the step of one parameter reads and writes: same shape and dtype (float32 or float64) all. Unused ones NULL. */
typedef struct pc_optim_item {
    pc_tensor *param, *grad, *a, *b, *c;
    bool first;       /* SGD: the momentum buffer is new */
    pc_tensor *steps; /* Adam: 0-dim, counts this parameter's steps; advanced here */
} pc_optim_item;

/* On failure no parameter has been changed, but an interrupted step (PC_EINTERRUPT) may have changed some. */
pc_status pc_optim_step(pc_optimizer kind, const pc_optim_rule *rule, int64_t count, const pc_optim_item *items);

#endif
