/* optim.inc.c -- optimizer steps over a run of elements, one pass over memory, in PyTorch's order of operations: which
   products are fused into sums and which are rounded first is part of the specification. R is the type, S its prefix,
   FMA, SQRT and ABS are libm's functions for it. */

/* A loop's flags are constants at each of its calls: every variant becomes a straight loop, which the compiler
   vectorises. */
#define OPTIM_FLAGS2(loop, a, b)                                                                   \
    do {                                                                                           \
        if (a) {                                                                                   \
            if (b) loop(run, rule, true, true);                                                    \
            else loop(run, rule, true, false);                                                     \
        } else {                                                                                   \
            if (b) loop(run, rule, false, true);                                                   \
            else loop(run, rule, false, false);                                                    \
        }                                                                                          \
    } while (0)

/* a / b for a >= 0 and a b that many a have in common, inverse = 1 / b: the units for divisions and roots limit Adam on
   AVX-512. Two corrections by the exact remainder give the rounded quotient (Markstein) while nothing overflows; Adam's
   b is from 1e-8 to 1, its a is a root. Infinities and NaN stay. */
#if defined(__AVX512F__)
#define OVER(R, FMA, LARGEST, a, b, inverse)                                                       \
    R q = a * inverse;                                                                             \
    q = FMA(FMA(-q, b, a), inverse, q);                                                            \
    q = FMA(FMA(-q, b, a), inverse, q);                                                            \
    return a <= LARGEST ? q : a
#else
#define OVER(R, FMA, LARGEST, a, b, inverse) return a / b
#endif

#define OPTIM_BODIES(R, S, FMA, SQRT, ABS, LARGEST)                                                \
    /* What all loops begin with: p, g, and the gradient with its sign and the L2 penalty. Without decay p must not  \
       enter the sum: it may be infinite. */                                                       \
    ALWAYS_INLINE R S##_decayed(R grad, R p, R sign, R wd, bool decay)                            \
    {                                                                                              \
        return decay ? FMA(p, wd, sign * grad) : sign * grad;                                      \
    }                                                                                              \
    /* a + w (b - a) as torch's lerp rounds it */                                                  \
    ALWAYS_INLINE R S##_toward(R a, R b, R w, bool near)                                             \
    {                                                                                              \
        return near ? FMA(w, b - a, a) : FMA(w - 1, b - a, b);                                     \
    }                                                                                              \
    /* NaN if one of them is */                                                                    \
    ALWAYS_INLINE R S##_nan_max(R a, R b) { return (b > a) | (b != b) ? b : a; }                    \
    ALWAYS_INLINE R S##_over(R a, R b, R inverse) { OVER(R, FMA, LARGEST, a, b, inverse); }         \
                                                                                                   \
    ALWAYS_INLINE void S##_sgd_loop(const pc_optim_run *run, const pc_optim_rule *rule, bool decay, bool nesterov, \
                                    int momentum)                                                  \
    {                                                                                              \
        R *restrict p = run->param, *restrict buf = run->a;                                        \
        const R *restrict grad = run->grad;                                                        \
        R sign = rule->maximize ? -1 : 1, wd = (R)rule->weight_decay, lr = (R)-rule->lr;           \
        R mu = (R)rule->momentum, take = (R)(1 - rule->dampening);                                 \
        for (int64_t i = 0, n = run->n; i < n; i++) {                                              \
            R g = S##_decayed(grad[i], p[i], sign, wd, decay);                                    \
            if (momentum) {                                                                        \
                R b = momentum == 1 ? g : FMA(g, take, buf[i] * mu);                               \
                buf[i] = b;                                                                        \
                g = nesterov ? FMA(b, mu, g) : b;                                                  \
            }                                                                                      \
            p[i] = FMA(g, lr, p[i]);                                                               \
        }                                                                                          \
    }                                                                                              \
    ALWAYS_INLINE void S##_sgd_plain(const pc_optim_run *run, const pc_optim_rule *rule, bool decay, bool nesterov) \
    {                                                                                              \
        S##_sgd_loop(run, rule, decay, nesterov, 0);                                               \
    }                                                                                              \
    ALWAYS_INLINE void S##_sgd_first(const pc_optim_run *run, const pc_optim_rule *rule, bool decay, bool nesterov) \
    {                                                                                              \
        S##_sgd_loop(run, rule, decay, nesterov, 1);                                               \
    }                                                                                              \
    ALWAYS_INLINE void S##_sgd_later(const pc_optim_run *run, const pc_optim_rule *rule, bool decay, bool nesterov) \
    {                                                                                              \
        S##_sgd_loop(run, rule, decay, nesterov, 2);                                               \
    }                                                                                              \
    static void S##_sgd(const pc_optim_run *run, const pc_optim_rule *rule)                        \
    {                                                                                              \
        bool decay = rule->weight_decay != 0, nesterov = rule->nesterov;                           \
        if (run->a == NULL) OPTIM_FLAGS2(S##_sgd_plain, decay, false);                             \
        else if (run->first) OPTIM_FLAGS2(S##_sgd_first, decay, nesterov);                         \
        else OPTIM_FLAGS2(S##_sgd_later, decay, nesterov);                                         \
    }                                                                                              \
                                                                                                   \
    ALWAYS_INLINE void S##_adam_loop(const pc_optim_run *run, const pc_optim_rule *rule, bool decay, bool largest, \
                                     bool near)                                                    \
    {                                                                                              \
        R *restrict p = run->param, *restrict m = run->a, *restrict v = run->b, *restrict top = run->c; \
        const R *restrict grad = run->grad;                                                        \
        R sign = rule->maximize ? -1 : 1, wd = (R)rule->weight_decay;                              \
        R shrink = rule->decoupled ? (R)(1 - rule->lr * rule->weight_decay) : 1; /* by 1: the same number */ \
        R w = (R)(1 - rule->beta1), beta2 = (R)rule->beta2, new2 = (R)(1 - rule->beta2);           \
        R root = (R)run->root, inverse = 1 / root, eps = (R)rule->eps, step = (R)-run->step;       \
        for (int64_t i = 0, n = run->n; i < n; i++) {                                              \
            R x = p[i], g = S##_decayed(grad[i], x, sign, wd, decay);                             \
            R mean = S##_toward(m[i], g, w, near), second = FMA(new2 * g, g, v[i] * beta2);          \
            x = x * shrink;                                                                        \
            m[i] = mean;                                                                           \
            v[i] = second;                                                                         \
            if (largest) second = top[i] = S##_nan_max(top[i], second);                             \
            p[i] = x + step * mean / (S##_over(SQRT(second), root, inverse) + eps);                \
        }                                                                                          \
    }                                                                                              \
    ALWAYS_INLINE void S##_adam_near(const pc_optim_run *run, const pc_optim_rule *rule, bool decay, bool largest) \
    {                                                                                              \
        S##_adam_loop(run, rule, decay, largest, true);                                            \
    }                                                                                              \
    ALWAYS_INLINE void S##_adam_far(const pc_optim_run *run, const pc_optim_rule *rule, bool decay, bool largest) \
    {                                                                                              \
        S##_adam_loop(run, rule, decay, largest, false);                                           \
    }                                                                                              \
    static void S##_adam(const pc_optim_run *run, const pc_optim_rule *rule)                       \
    {                                                                                              \
        bool decay = rule->weight_decay != 0 && !rule->decoupled;                                  \
        if ((R)(1 - rule->beta1) < (R)0.5) OPTIM_FLAGS2(S##_adam_near, decay, run->c != NULL);     \
        else OPTIM_FLAGS2(S##_adam_far, decay, run->c != NULL);                                    \
    }                                                                                              \
                                                                                                   \
    ALWAYS_INLINE void S##_rmsprop_loop(const pc_optim_run *run, const pc_optim_rule *rule, bool decay, bool centered, \
                                        bool momentum)                                             \
    {                                                                                              \
        R *restrict p = run->param, *restrict v = run->a, *restrict buf = run->b, *restrict mean = run->c; \
        const R *restrict grad = run->grad;                                                        \
        R sign = rule->maximize ? -1 : 1, wd = (R)rule->weight_decay, alpha = (R)rule->alpha;      \
        R fresh = (R)(1 - rule->alpha), eps = (R)rule->eps, mu = (R)rule->momentum, lr = (R)-rule->lr; \
        bool near = ABS(fresh) < (R)0.5;                                                           \
        for (int64_t i = 0, n = run->n; i < n; i++) {                                              \
            R g = S##_decayed(grad[i], p[i], sign, wd, decay);                                    \
            R second = FMA(fresh * g, g, v[i] * alpha), square = second;                           \
            v[i] = second;                                                                         \
            if (centered) {                                                                        \
                R average = S##_toward(mean[i], g, fresh, near);                                     \
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
    ALWAYS_INLINE void S##_rmsprop_plain(const pc_optim_run *run, const pc_optim_rule *rule,       \
                                         bool decay, bool momentum)                                \
    {                                                                                              \
        S##_rmsprop_loop(run, rule, decay, false, momentum);                                       \
    }                                                                                              \
    ALWAYS_INLINE void S##_rmsprop_centered(const pc_optim_run *run, const pc_optim_rule *rule,    \
                                            bool decay, bool momentum)                             \
    {                                                                                              \
        S##_rmsprop_loop(run, rule, decay, true, momentum);                                        \
    }                                                                                              \
    static void S##_rmsprop(const pc_optim_run *run, const pc_optim_rule *rule)                    \
    {                                                                                              \
        if (run->c == NULL) OPTIM_FLAGS2(S##_rmsprop_plain, rule->weight_decay != 0, run->b != NULL); \
        else OPTIM_FLAGS2(S##_rmsprop_centered, rule->weight_decay != 0, run->b != NULL);          \
    }                                                                                              \
                                                                                                   \
    static void S##_adagrad(const pc_optim_run *run, const pc_optim_rule *rule)                    \
    {                                                                                              \
        R *restrict p = run->param, *restrict sum = run->a;                                        \
        const R *restrict grad = run->grad;                                                        \
        R sign = rule->maximize ? -1 : 1, wd = (R)rule->weight_decay, eps = (R)rule->eps, step = (R)-run->step; \
        bool decay = rule->weight_decay != 0;                                                      \
        for (int64_t i = 0, n = run->n; i < n; i++) {                                              \
            R g = S##_decayed(grad[i], p[i], sign, wd, decay), s = FMA(g, g, sum[i]);             \
            sum[i] = s;                                                                            \
            p[i] = p[i] + step * g / (SQRT(s) + eps);                                              \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void S##_adadelta(const pc_optim_run *run, const pc_optim_rule *rule)                   \
    {                                                                                              \
        R *restrict p = run->param, *restrict v = run->a, *restrict acc = run->b;                  \
        const R *restrict grad = run->grad;                                                        \
        R sign = rule->maximize ? -1 : 1, wd = (R)rule->weight_decay, eps = (R)rule->eps, lr = (R)-rule->lr; \
        R rho = (R)rule->alpha, fresh = (R)(1 - rule->alpha);                                      \
        bool decay = rule->weight_decay != 0;                                                      \
        for (int64_t i = 0, n = run->n; i < n; i++) {                                              \
            R g = S##_decayed(grad[i], p[i], sign, wd, decay);                                    \
            R second = FMA(fresh * g, g, v[i] * rho);                                              \
            R delta = SQRT(acc[i] + eps) / SQRT(second + eps) * g;                                 \
            v[i] = second;                                                                         \
            acc[i] = FMA(fresh * delta, delta, acc[i] * rho);                                      \
            p[i] = FMA(delta, lr, p[i]);                                                           \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void S##_adamax(const pc_optim_run *run, const pc_optim_rule *rule)                     \
    {                                                                                              \
        R *restrict p = run->param, *restrict m = run->a, *restrict top = run->b;                  \
        const R *restrict grad = run->grad;                                                        \
        R sign = rule->maximize ? -1 : 1, wd = (R)rule->weight_decay, eps = (R)rule->eps, step = (R)-run->step; \
        R w = (R)(1 - rule->beta1), beta2 = (R)rule->beta2;                                        \
        bool decay = rule->weight_decay != 0, near = w < (R)0.5;                                   \
        for (int64_t i = 0, n = run->n; i < n; i++) {                                              \
            R g = S##_decayed(grad[i], p[i], sign, wd, decay), mean = S##_toward(m[i], g, w, near); \
            R t = S##_nan_max(top[i] * beta2, ABS(g) + eps);                                        \
            m[i] = mean;                                                                           \
            top[i] = t;                                                                            \
            p[i] = p[i] + step * mean / t;                                                         \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* NAdam; with `rectified` RAdam */                                                            \
    ALWAYS_INLINE void S##_nadam_loop(const pc_optim_run *run, const pc_optim_rule *rule, bool decay, bool rectified) \
    {                                                                                              \
        R *restrict p = run->param, *restrict m = run->a, *restrict v = run->b;                    \
        const R *restrict grad = run->grad;                                                        \
        R sign = rule->maximize ? -1 : 1, wd = (R)rule->weight_decay, eps = (R)rule->eps, lr = (R)rule->lr; \
        R shrink = rule->decoupled ? (R)(1 - rule->lr * rule->weight_decay) : 1;                   \
        R w = (R)(1 - rule->beta1), beta2 = (R)rule->beta2, new2 = (R)(1 - rule->beta2);           \
        R root = (R)run->root, step = (R)(rectified ? run->step : -run->step);                     \
        R step2 = (R)(rectified ? run->step2 : -run->step2);                                       \
        bool near = w < (R)0.5, adapt = run->step2 != 0;                                           \
        for (int64_t i = 0, n = run->n; i < n; i++) {                                              \
            R x = p[i], g = S##_decayed(grad[i], x, sign, wd, decay);                             \
            R mean = S##_toward(m[i], g, w, near), second = FMA(new2 * g, g, v[i] * beta2);          \
            x = x * shrink;                                                                        \
            m[i] = mean;                                                                           \
            v[i] = second;                                                                         \
            if (rectified) {                                                                       \
                R move = mean / step * lr;                                                         \
                x = x - (adapt ? move * (1 / (SQRT(second) + eps) * root) * step2 : move);         \
            } else {                                                                               \
                R d = SQRT(second / root) + eps;                                                   \
                x = x + step2 * g / d;                                                             \
                x = x + step * mean / d;                                                           \
            }                                                                                      \
            p[i] = x;                                                                              \
        }                                                                                          \
    }                                                                                              \
    static void S##_nadam(const pc_optim_run *run, const pc_optim_rule *rule)                      \
    {                                                                                              \
        OPTIM_FLAGS2(S##_nadam_loop, rule->weight_decay != 0 && !rule->decoupled, false);          \
    }                                                                                              \
    static void S##_radam(const pc_optim_run *run, const pc_optim_rule *rule)                      \
    {                                                                                              \
        OPTIM_FLAGS2(S##_nadam_loop, rule->weight_decay != 0 && !rule->decoupled, true);           \
    }                                                                                              \
                                                                                                   \
    /* Norms of gradients: kind 1 sums absolute values, 2 squares, 0 takes the largest absolute value. */ \
    static double S##_grad_norm(const void *from, int64_t n, int kind)                             \
    {                                                                                              \
        const R *g = from;                                                                         \
        double sum[8] = { 0 }, total = 0;                                                          \
        R top[16] = { 0 };                                                                         \
        int64_t i = 0;                                                                             \
        if (kind == 0) {                                                                           \
            for (; i + 16 <= n; i += 16)                                                           \
                for (int k = 0; k < 16; k++) top[k] = S##_nan_max(top[k], ABS(g[i + k]));           \
            for (; i < n; i++) top[0] = S##_nan_max(top[0], ABS(g[i]));                             \
            for (int k = 1; k < 16; k++) top[0] = S##_nan_max(top[0], top[k]);                      \
            return (double)top[0];                                                                 \
        }                                                                                          \
        if (kind == 1) {                                                                           \
            for (; i + 8 <= n; i += 8)                                                             \
                for (int k = 0; k < 8; k++) sum[k] += (double)ABS(g[i + k]);                       \
            for (; i < n; i++) sum[0] += (double)ABS(g[i]);                                        \
        } else {                                                                                   \
            for (; i + 8 <= n; i += 8)                                                             \
                for (int k = 0; k < 8; k++) sum[k] += (double)g[i + k] * (double)g[i + k];         \
            for (; i < n; i++) sum[0] += (double)g[i] * (double)g[i];                              \
        }                                                                                          \
        for (int k = 0; k < 8; k++) total += sum[k];                                               \
        return total;                                                                              \
    }                                                                                              \
    static void S##_grad_scale(void *to, int64_t n, double by)                                     \
    {                                                                                              \
        R *restrict g = to, scale = (R)by;                                                         \
        for (int64_t i = 0; i < n; i++) g[i] = g[i] * scale;                                       \
    }                                                                                              \
    static void S##_grad_clamp(void *to, int64_t n, double limit)                                  \
    {                                                                                              \
        R *restrict g = to, high = (R)limit, low = (R)-limit;                                      \
        for (int64_t i = 0; i < n; i++) {                                                          \
            R x = g[i] < low ? low : g[i];                                                         \
            g[i] = x > high ? high : x;                                                            \
        }                                                                                          \
    }
OPTIM_BODIES(float, f32, fmaf, sqrtf, fabsf, FLT_MAX)
OPTIM_BODIES(double, f64, fma, sqrt, fabs, DBL_MAX)
