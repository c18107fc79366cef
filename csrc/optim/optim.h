/* optim.h -- whole-model optimizer steps and gradient clipping: all tensors in one call, chunks over all of them. */
#ifndef PC_OPTIM_H
#define PC_OPTIM_H
#include "../core/tensor.h"
#include "../kernels/optim.h"

typedef enum pc_optimizer {
    PC_SGD, PC_ADAM, PC_RMSPROP, PC_ADAGRAD, PC_ADADELTA, PC_ADAMAX, PC_NADAM, PC_RADAM, PC_OPTIMIZER_COUNT
} pc_optimizer;

/* What the step of one parameter reads and writes: same shape and dtype (float32 or float64) all. Unused ones NULL. */
typedef struct pc_optim_item {
    pc_optimizer kind;
    const pc_optim_rule *rule;
    pc_tensor *param, *grad;
    pc_tensor *state[3]; /* SGD: momentum. Adam, NAdam, RAdam: first, second, largest second moments. RMSprop: second
                            moment, momentum, first moment. Adagrad: sum. Adadelta: second moment, that of the updates.
                            Adamax: first moment, infinity norm. */
    bool first;                /* SGD: the momentum buffer is new */
    pc_tensor *steps;          /* 0-dim, counts this parameter's steps; advanced here. SGD has none */
    pc_tensor *product;        /* NAdam: 0-dim, product of the momenta so far */
} pc_optim_item;

/* All or none: on failure nothing has been changed, and Ctrl-C is honoured before the first change alone. Parameters
   that share memory, though, are stepped one after the other, as torch does: there a later one may fail. */
pc_status pc_optim_step(int64_t count, const pc_optim_item *items);

/* The norm (p = 1, 2 or INFINITY) of the vector of the norms of float32 and float64 tensors, each rounded to its dtype.
 */
pc_status pc_total_norm(int64_t count, pc_tensor *const *tensors, double p, double *out);
/* In place: every element times `by`, or clamped to [-limit, limit]. */
pc_status pc_scale_all(int64_t count, pc_tensor *const *tensors, double by);
pc_status pc_clamp_all(int64_t count, pc_tensor *const *tensors, double limit);

#endif
