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
    static void S##_adam(const pc_optim_run *run, const pc_optim_rule *rule)                       \
    {                                                                                              \
        R *restrict p = run->param, *restrict m = run->a, *restrict v = run->b, *restrict top = run->c; \
        const R *restrict grad = run->grad;                                                        \
        R sign = rule->maximize ? -1 : 1, wd = (R)rule->weight_decay;                              \
        R shrink = (R)(1 - rule->lr * rule->weight_decay);                                         \
        R w = (R)(1 - rule->beta1), beta2 = (R)rule->beta2, new2 = (R)(1 - rule->beta2);           \
        R root = (R)run->root, eps = (R)rule->eps, step = (R)-run->step_size;                      \
        bool decay = rule->weight_decay != 0 && !rule->decoupled;                                  \
        bool decoupled = rule->weight_decay != 0 && rule->decoupled, near = w < (R)0.5;            \
        int64_t n = run->n;                                                                        \
        for (int64_t i = 0; i < n; i++) {                                                          \
            R g = sign * grad[i], x = p[i];                                                        \
            g = decay ? FMA(x, wd, g) : g;                                                         \
            x = decoupled ? x * shrink : x;                                                        \
            R d = g - m[i];                                                                        \
            R mean = near ? FMA(w, d, m[i]) : FMA(w - 1, d, g);                                    \
            R second = FMA(new2 * g, g, v[i] * beta2);                                             \
            m[i] = mean;                                                                           \
            v[i] = second;                                                                         \
            if (top != NULL) {                                                                     \
                second = top[i] > second ? top[i] : second;                                        \
                top[i] = second;                                                                   \
            }                                                                                      \
            R denominator = SQRT(second) / root + eps;                                             \
            p[i] = x + step * mean / denominator;                                                  \
        }                                                                                          \
    }                                                                                              \
    static void S##_rmsprop(const pc_optim_run *run, const pc_optim_rule *rule)                    \
    {                                                                                              \
        R *restrict p = run->param, *restrict v = run->a, *restrict mean = run->b, *restrict buf = run->c; \
        const R *restrict grad = run->grad;                                                        \
        R sign = rule->maximize ? -1 : 1, wd = (R)rule->weight_decay, alpha = (R)rule->alpha;      \
        R fresh = (R)(1 - rule->alpha), eps = (R)rule->eps, mu = (R)rule->momentum, lr = (R)-rule->lr; \
        bool decay = rule->weight_decay != 0, near = fresh < (R)0.5;                               \
        int64_t n = run->n;                                                                        \
        for (int64_t i = 0; i < n; i++) {                                                          \
            R g = sign * grad[i];                                                                  \
            g = decay ? FMA(p[i], wd, g) : g;                                                      \
            R second = FMA(fresh * g, g, v[i] * alpha), average;                                   \
            v[i] = second;                                                                         \
            if (mean != NULL) {                                                                    \
                R d = g - mean[i];                                                                 \
                mean[i] = near ? FMA(fresh, d, mean[i]) : FMA(fresh - 1, d, g);                    \
                average = SQRT(FMA(-mean[i], mean[i], second));                                    \
            } else {                                                                               \
                average = SQRT(second);                                                            \
            }                                                                                      \
            average = average + eps;                                                               \
            if (buf != NULL) {                                                                     \
                buf[i] = buf[i] * mu + g / average;                                                \
                p[i] = FMA(buf[i], lr, p[i]);                                                      \
            } else {                                                                               \
                p[i] = p[i] + lr * g / average;                                                    \
            }                                                                                      \
        }                                                                                          \
    }
OPTIM_BODIES(float, f32, fmaf, sqrtf)
OPTIM_BODIES(double, f64, fma, sqrt)
