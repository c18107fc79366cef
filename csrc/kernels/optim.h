/* optim.h -- the numbers of one optimizer step, rounded to the parameters' type where torch rounds them. */
#ifndef PC_KERNEL_OPTIM_H
#define PC_KERNEL_OPTIM_H
#include <stdbool.h>
#include <stdint.h>

/* One run of elements; buffers that an optimizer does not use are NULL. */
typedef struct pc_optim_run {
    void *param;
    const void *grad;
    void *a, *b, *c; /* its state: momentum; first, second and largest second moments; ... */
    int64_t n;
    bool first;      /* no momentum yet: the buffer is written, not read */
    double step_size, root; /* Adam: lr / (1 - beta1^t), sqrt(1 - beta2^t) */
} pc_optim_run;

typedef struct pc_optim_rule {
    double lr, weight_decay, momentum, dampening, beta1, beta2, eps, alpha;
    bool nesterov, maximize, amsgrad, decoupled, centered;
} pc_optim_rule;

#endif
