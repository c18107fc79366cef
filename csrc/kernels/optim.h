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
    /* What depends on the number of the step t, with c1 = 1 - beta1^t and c2 = 1 - beta2^t:
       Adam    step = lr / c1, root = c2^.5
       Adagrad step = lr / (1 + (t - 1) lr_decay)
       Adamax  step = lr / c1
       NAdam   step = lr mu_next / (1 - product_next), step2 = lr (1 - mu) / (1 - product), root = c2
       RAdam   step = c1, root = c2^.5, step2 = the rectification, 0 while it is not defined */
    double step, step2, root;
} pc_optim_run;

typedef struct pc_optim_rule {
    double lr, weight_decay, momentum, dampening, beta1, beta2, eps, alpha, decay;
    bool nesterov, maximize, decoupled;
} pc_optim_rule;

#endif
