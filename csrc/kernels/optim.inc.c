/* optim.inc.c -- optimizer steps over a run of elements, one pass over memory, in PyTorch's order of operations: which
   products are fused into sums and which are rounded first is part of the specification. R is the type, S its prefix,
   F(fn) the function of libm for it. */

#define OPTIM_BODIES(R, S, FMA, SQRT)                                                              \
    static void S##_sgd(const pc_optim_run *run, const pc_optim_rule *rule)                        \
    {                                                                                              \
        R *restrict p = run->param, *restrict buf = run->a;                                        \
        const R *restrict grad = run->grad;                                                        \
        R sign = rule->maximize ? -1 : 1, wd = (R)rule->weight_decay, lr = (R)-rule->lr;           \
        R mu = (R)rule->momentum, take = (R)(1 - rule->dampening);                                 \
        bool decay = rule->weight_decay != 0, nesterov = rule->nesterov;                           \
        int64_t n = run->n;                                                                        \
        if (buf == NULL) {                                                                         \
            for (int64_t i = 0; i < n; i++) {                                                      \
                R g = sign * grad[i];                                                              \
                g = decay ? FMA(p[i], wd, g) : g;                                                  \
                p[i] = FMA(g, lr, p[i]);                                                           \
            }                                                                                      \
        } else if (run->first) {                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                      \
                R g = sign * grad[i];                                                              \
                g = decay ? FMA(p[i], wd, g) : g;                                                  \
                buf[i] = g;                                                                        \
                g = nesterov ? FMA(g, mu, g) : g;                                                  \
                p[i] = FMA(g, lr, p[i]);                                                           \
            }                                                                                      \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                      \
                R g = sign * grad[i];                                                              \
                g = decay ? FMA(p[i], wd, g) : g;                                                  \
                R b = FMA(g, take, buf[i] * mu);                                                   \
                buf[i] = b;                                                                        \
                g = nesterov ? FMA(b, mu, g) : b;                                                  \
                p[i] = FMA(g, lr, p[i]);                                                           \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    /* The flags are constants at each call: every variant becomes a straight loop, which the compiler vectorises. */ \
    ALWAYS_INLINE void S##_adam_loop(const pc_optim_run *run, const pc_optim_rule *rule, bool near, bool largest) \
    {                                                                                              \
        R *restrict p = run->param, *restrict m = run->a, *restrict v = run->b, *restrict top = run->c; \
        const R *restrict grad = run->grad;                                                        \
        /* decay by 0 and shrinking by 1 change nothing: no branch is needed */                    \
        R sign = rule->maximize ? -1 : 1, wd = rule->decoupled ? 0 : (R)rule->weight_decay;        \
        R shrink = rule->decoupled ? (R)(1 - rule->lr * rule->weight_decay) : 1;                   \
        R w = (R)(1 - rule->beta1), beta2 = (R)rule->beta2, new2 = (R)(1 - rule->beta2);           \
        R root = (R)run->root, eps = (R)rule->eps, step = (R)-run->step_size;                      \
        int64_t n = run->n;                                                                        \
        for (int64_t i = 0; i < n; i++) {                                                          \
            R x = p[i], g = FMA(x, wd, sign * grad[i]);                                            \
            x = x * shrink;                                                                        \
            R d = g - m[i];                                                                        \
            R mean = near ? FMA(w, d, m[i]) : FMA(w - 1, d, g);                                    \
            R second = FMA(new2 * g, g, v[i] * beta2);                                             \
            m[i] = mean;                                                                           \
            v[i] = second;                                                                         \
            if (largest) second = top[i] = top[i] > second ? top[i] : second;                      \
            p[i] = x + step * mean / (SQRT(second) / root + eps);                                  \
        }                                                                                          \
    }                                                                                              \
    static void S##_adam(const pc_optim_run *run, const pc_optim_rule *rule)                       \
    {                                                                                              \
        bool near = (R)(1 - rule->beta1) < (R)0.5;                                                 \
        if (run->c != NULL) {                                                                      \
            if (near) S##_adam_loop(run, rule, true, true);                                        \
            else S##_adam_loop(run, rule, false, true);                                            \
        } else {                                                                                   \
            if (near) S##_adam_loop(run, rule, true, false);                                       \
            else S##_adam_loop(run, rule, false, false);                                           \
        }                                                                                          \
    }                                                                                              \
    ALWAYS_INLINE void S##_rmsprop_loop(const pc_optim_run *run, const pc_optim_rule *rule, bool near, bool centered, \
                                        bool momentum)                                             \
    {                                                                                              \
        R *restrict p = run->param, *restrict v = run->a, *restrict mean = run->b, *restrict buf = run->c; \
        const R *restrict grad = run->grad;                                                        \
        R sign = rule->maximize ? -1 : 1, wd = (R)rule->weight_decay, alpha = (R)rule->alpha;      \
        R fresh = (R)(1 - rule->alpha), eps = (R)rule->eps, mu = (R)rule->momentum, lr = (R)-rule->lr; \
        int64_t n = run->n;                                                                        \
        for (int64_t i = 0; i < n; i++) {                                                          \
            R g = FMA(p[i], wd, sign * grad[i]), second = FMA(fresh * g, g, v[i] * alpha), square = second; \
            v[i] = second;                                                                         \
            if (centered) {                                                                        \
                R d = g - mean[i], average = near ? FMA(fresh, d, mean[i]) : FMA(fresh - 1, d, g); \
                mean[i] = average;                                                                 \
                square = FMA(-average, average, second);                                           \
            }                                                                                      \
            R root = SQRT(square) + eps;                                                           \
            if (momentum) {                                                                        \
                R b = buf[i] * mu + g / root;                                                      \
                buf[i] = b;                                                                        \
                p[i] = FMA(b, lr, p[i]);                                                           \
            } else {                                                                               \
                p[i] = p[i] + lr * g / root;                                                       \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void S##_rmsprop(const pc_optim_run *run, const pc_optim_rule *rule)                    \
    {                                                                                              \
        bool near = (R)(1 - rule->alpha) < (R)0.5;                                                 \
        if (run->b == NULL && run->c == NULL) S##_rmsprop_loop(run, rule, true, false, false);     \
        else if (run->b == NULL) S##_rmsprop_loop(run, rule, true, false, true);                   \
        else if (run->c == NULL) S##_rmsprop_loop(run, rule, near, true, false);                   \
        else S##_rmsprop_loop(run, rule, near, true, true);                                        \
    }
OPTIM_BODIES(float, f32, fmaf, sqrtf)
OPTIM_BODIES(double, f64, fma, sqrt)
