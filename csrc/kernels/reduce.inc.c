/* reduce.inc.c -- folds: sums in double precision, products, extremes and where they stand, variances. */

#define HALF (VL / 2)
typedef double vd __attribute__((vector_size(VL * 4)));
typedef int64_t vl __attribute__((vector_size(VL * 4)));
typedef uint64_t vul __attribute__((vector_size(VL * 4)));
typedef uint8_t vu8 __attribute__((vector_size(VL * 4)));
typedef int8_t vi8 __attribute__((vector_size(VL * 4)));
typedef float vh __attribute__((vector_size(VL * 2)));       /* as many as a vd holds */
typedef uint8_t vhu8 __attribute__((vector_size(VL / 2)));

#define LOADER(name, T, RAW, ACC)                                                                  \
    ALWAYS_INLINE ACC name(const T *p)                                                             \
    {                                                                                              \
        RAW v;                                                                                     \
        memcpy(&v, p, sizeof v);                                                                   \
        return __builtin_convertvector(v, ACC);                                                    \
    }
LOADER(load_f32, float, vh, vd)
LOADER(load_f64, double, vd, vd)
LOADER(load_i64, int64_t, vl, vul)
LOADER(load_u8, uint8_t, vhu8, vul)
ALWAYS_INLINE vd vd_abs(vd v) { return (vd)((vl)v & INT64_MAX); }

/* ---- sums: VF and SF give what a vector and a scalar add --------------------------------------- */

#define SUM_FOLD(name, T, A, VA, LOAD, VF, SF)                                                     \
    static void name##_row(const void *xv, int64_t n, int64_t first, double p, void *a, void *b)   \
    {                                                                                              \
        const T *x = xv;                                                                           \
        VA s0 = { 0 }, s1 = { 0 }, s2 = { 0 }, s3 = { 0 };                                         \
        A s = 0;                                                                                   \
        int64_t i = 0;                                                                             \
        for (; i + 4 * HALF <= n; i += 4 * HALF) {                                                 \
            VA v0 = LOAD(x + i), v1 = LOAD(x + i + HALF), v2 = LOAD(x + i + 2 * HALF), v3 = LOAD(x + i + 3 * HALF); \
            s0 += VF(v0), s1 += VF(v1), s2 += VF(v2), s3 += VF(v3);                                \
        }                                                                                          \
        for (; i + HALF <= n; i += HALF) {                                                         \
            VA v = LOAD(x + i);                                                                    \
            s0 += VF(v);                                                                           \
        }                                                                                          \
        s0 = (s0 + s1) + (s2 + s3);                                                                \
        for (int l = 0; l < HALF; l++) s += s0[l];                                                 \
        for (; i < n; i++) s += SF((A)x[i]);                                                       \
        *(A *)a += s;                                                                              \
    }                                                                                              \
    static void name##_col(const void *xv, int64_t ld, int64_t rows, int64_t n, int64_t first, double p, void *av, \
                           void *b)                                                                \
    {                                                                                              \
        const T *x = xv;                                                                           \
        A *a = av;                                                                                 \
        int64_t r = 0;                                                                             \
        for (; r + 4 <= rows; r += 4, x += 4 * ld) {                                               \
            const T *x1 = x + ld, *x2 = x1 + ld, *x3 = x2 + ld;                                    \
            for (int64_t j = 0; j < n; j++)                                                        \
                a[j] += (SF((A)x[j]) + SF((A)x1[j])) + (SF((A)x2[j]) + SF((A)x3[j]));              \
        }                                                                                          \
        for (; r < rows; r++, x += ld)                                                             \
            for (int64_t j = 0; j < n; j++) a[j] += SF((A)x[j]);                                   \
    }
#define SELF(v) (v)
#define SQUARED(v) ((v) * (v))
#define NONZERO_V(v) ((vul)((v) != 0) & 1)
#define NONZERO(v) ((uint64_t)((v) != 0))
#define SUM_FOLDS(t, T, A, VA, LOAD) SUM_FOLD(sum_##t, T, A, VA, LOAD, SELF, SELF)
SUM_FOLDS(f32, float, double, vd, load_f32)
SUM_FOLDS(f64, double, double, vd, load_f64)
SUM_FOLDS(i64, int64_t, uint64_t, vul, load_i64)
SUM_FOLDS(u8, uint8_t, uint64_t, vul, load_u8)
SUM_FOLD(abs_f32, float, double, vd, load_f32, vd_abs, fabs)
SUM_FOLD(abs_f64, double, double, vd, load_f64, vd_abs, fabs)
SUM_FOLD(square_f32, float, double, vd, load_f32, SQUARED, SQUARED)
SUM_FOLD(square_f64, double, double, vd, load_f64, SQUARED, SQUARED)
SUM_FOLD(nonzero_i64, int64_t, uint64_t, vul, load_i64, NONZERO_V, NONZERO)
SUM_FOLD(nonzero_u8, uint8_t, uint64_t, vul, load_u8, NONZERO_V, NONZERO)

/* Loops that are no hot path: one expression per element, rows and columns alike. */
#define PLAIN_FOLD(name, T, A, STEP)                                                               \
    static void name##_row(const void *xv, int64_t n, int64_t first, double p, void *av, void *b)  \
    {                                                                                              \
        A a = *(A *)av;                                                                            \
        for (int64_t i = 0; i < n; i++) {                                                          \
            T x = ((const T *)xv)[i];                                                              \
            STEP;                                                                                  \
        }                                                                                          \
        *(A *)av = a;                                                                              \
    }                                                                                              \
    static void name##_col(const void *xv, int64_t ld, int64_t rows, int64_t n, int64_t first, double p, void *av, \
                           void *b)                                                                \
    {                                                                                              \
        for (int64_t r = 0; r < rows; r++)                                                         \
            for (int64_t j = 0; j < n; j++) {                                                      \
                T x = ((const T *)xv)[r * ld + j];                                                 \
                A a = ((A *)av)[j];                                                                \
                STEP;                                                                              \
                ((A *)av)[j] = a;                                                                  \
            }                                                                                      \
    }
PLAIN_FOLD(prod_f32, float, double, a *= (double)x)
PLAIN_FOLD(prod_f64, double, double, a *= x)
PLAIN_FOLD(prod_i64, int64_t, uint64_t, a *= (uint64_t)x)
PLAIN_FOLD(prod_u8, uint8_t, uint64_t, a *= (uint64_t)x)
PLAIN_FOLD(power_f32, float, double, a += pow(fabs((double)x), p))
PLAIN_FOLD(power_f64, double, double, a += pow(fabs(x), p))
PLAIN_FOLD(nonzero_f32, float, uint64_t, a += x != 0)
PLAIN_FOLD(nonzero_f64, double, uint64_t, a += x != 0)

/* ---- extremes ---------------------------------------------------------------------------------- */

#define SELECT(V, M, mask, yes, no) ((V)(((mask) & (M)(yes)) | (~(mask) & (M)(no))))

/* NAME_run: the extreme of n > 0 elements, NaN if there is one. V holds N elements, M is its mask. */
#define EXTREME_RUN(name, T, V, M, N, OP, VF, SF)                                                  \
    static T name##_run(const T *x, int64_t n)                                                     \
    {                                                                                              \
        T best = SF(x[0]);                                                                         \
        if (n < N) {                                                                               \
            for (int64_t i = 1; i < n; i++) {                                                      \
                T y = SF(x[i]);                                                                    \
                if (y OP best || y != y) best = y;                                                 \
            }                                                                                      \
            return best;                                                                           \
        }                                                                                          \
        V v, y;                                                                                    \
        memcpy(&v, x, sizeof v);                                                                   \
        v = VF(v);                                                                                 \
        M nan = (M)(v != v);                                                                       \
        for (int64_t i = N; i < n; i += N) {                                                       \
            memcpy(&y, x + (i + N <= n ? i : n - N), sizeof y); /* the last one may overlap */     \
            y = VF(y);                                                                             \
            nan |= (M)(y != y);                                                                    \
            v = SELECT(V, M, (M)(y OP v), y, v);                                                   \
        }                                                                                          \
        best = v[0];                                                                               \
        for (int l = 0; l < N; l++) {                                                              \
            if (nan[l]) {                                                                          \
                for (int64_t i = 0; i < n; i++)                                                    \
                    if (x[i] != x[i]) return x[i];                                                 \
            }                                                                                      \
            if (v[l] OP best) best = v[l];                                                         \
        }                                                                                          \
        return best;                                                                               \
    }
#define EXTREME_FOLD(name, T, A, V, M, N, OP, VF, SF)                                              \
    EXTREME_RUN(name, T, V, M, N, OP, VF, SF)                                                      \
    static void name##_row(const void *x, int64_t n, int64_t first, double p, void *a, void *b)    \
    {                                                                                              \
        A y = name##_run(x, n), *best = a;                                                         \
        if (first == 0 || y OP *best || y != y) *best = y;                                         \
    }                                                                                              \
    static void name##_col(const void *xv, int64_t ld, int64_t rows, int64_t n, int64_t first, double p, void *av, \
                           void *b)                                                                \
    {                                                                                              \
        const T *x = xv;                                                                           \
        A *a = av;                                                                                 \
        if (first == 0) {                                                                          \
            for (int64_t j = 0; j < n; j++) a[j] = SF(x[j]);                                       \
            rows--, x += ld;                                                                       \
        }                                                                                          \
        for (int64_t r = 0; r < rows; r++, x += ld)                                                \
            for (int64_t j = 0; j < n; j++) {                                                      \
                A y = SF(x[j]), old = a[j];                                                        \
                a[j] = (y OP old) | (y != y) ? y : old;                                            \
            }                                                                                      \
    }
/* The same with the position: blocks by their extremes, then a search in the block that has it. */
#define ARG_BLOCK 1024
#define ARG_FOLD(name, run, T, A, OP)                                                              \
    static void name##_row(const void *xv, int64_t n, int64_t first, double p, void *a, void *b)   \
    {                                                                                              \
        const T *x = xv;                                                                           \
        A best = *(A *)a;                                                                          \
        int64_t at = -1, i;                                                                        \
        for (i = 0; i < n; i += ARG_BLOCK) {                                                       \
            A y = run(x + i, n - i < ARG_BLOCK ? n - i : ARG_BLOCK);                               \
            if ((first == 0 && i == 0) || y OP best || (y != y && best == best)) best = y, at = i; \
        }                                                                                          \
        if (at < 0) return;                                                                        \
        if (best == best)                                                                          \
            while (x[at] != best) at++;                                                            \
        else                                                                                       \
            while (x[at] == x[at]) at++;                                                           \
        *(A *)a = best;                                                                            \
        *(int64_t *)b = first + at;                                                                \
    }                                                                                              \
    static void name##_col(const void *xv, int64_t ld, int64_t rows, int64_t n, int64_t first, double p, void *av, \
                           void *bv)                                                               \
    {                                                                                              \
        const T *x = xv;                                                                           \
        A *a = av;                                                                                 \
        int64_t *b = bv;                                                                           \
        if (first == 0) {                                                                          \
            for (int64_t j = 0; j < n; j++) a[j] = x[j], b[j] = 0;                                 \
            rows--, x += ld, first = 1;                                                            \
        }                                                                                          \
        for (int64_t r = 0; r < rows; r++, x += ld)                                                \
            for (int64_t j = 0; j < n; j++) {                                                      \
                A y = x[j], old = a[j];                                                            \
                int64_t was = b[j];                                                                \
                int better = (y OP old) | ((y != y) & (old == old));                               \
                a[j] = better ? y : old;                                                           \
                b[j] = better ? first + r : was;                                                   \
            }                                                                                      \
    }
#define EXTREMES(t, T, A, V, M, N)                                                                 \
    EXTREME_FOLD(max_##t, T, A, V, M, N, >, SELF, SELF)                                            \
    EXTREME_FOLD(min_##t, T, A, V, M, N, <, SELF, SELF)                                            \
    ARG_FOLD(argmax_##t, max_##t##_run, T, A, >)                                                   \
    ARG_FOLD(argmin_##t, min_##t##_run, T, A, <)
EXTREMES(f32, float, double, vf, vi, VL)
EXTREMES(f64, double, double, vd, vl, HALF)
EXTREMES(i64, int64_t, int64_t, vl, vl, HALF)
EXTREMES(u8, uint8_t, int64_t, vu8, vi8, VL * 4)
EXTREME_FOLD(maxabs_f32, float, double, vf, vi, VL, >, vf_abs, fabsf)
EXTREME_FOLD(minabs_f32, float, double, vf, vi, VL, <, vf_abs, fabsf)
EXTREME_FOLD(maxabs_f64, double, double, vd, vl, HALF, >, vd_abs, fabs)
EXTREME_FOLD(minabs_f64, double, double, vd, vl, HALF, <, vd_abs, fabs)

/* ---- variance ---------------------------------------------------------------------------------- */

/* Blocks by their own mean, joined as Chan, Golub and LeVeque do; columns by Welford's recurrence. */
#define VAR_BLOCK 1024
#define VAR_FOLD(t, T, LOAD)                                                                       \
    static void var_##t##_row(const void *xv, int64_t n, int64_t first, double p, void *a, void *b) \
    {                                                                                              \
        const T *x = xv;                                                                           \
        double mean = first > 0 ? *(double *)a : 0, m2 = first > 0 ? *(double *)b : 0;             \
        for (int64_t i = 0; i < n; i += VAR_BLOCK) {                                               \
            int64_t k = n - i < VAR_BLOCK ? n - i : VAR_BLOCK, j = 0;                              \
            double sum = 0, of_block, squares = 0, delta, before = (double)(first + i);            \
            vd s0 = { 0 }, s1 = { 0 };                                                             \
            sum_##t##_row(x + i, k, 0, 0, &sum, b);                                                \
            of_block = sum / (double)k;                                                            \
            for (; j + 2 * HALF <= k; j += 2 * HALF) {                                             \
                vd d0 = LOAD(x + i + j) - of_block, d1 = LOAD(x + i + j + HALF) - of_block;        \
                s0 += d0 * d0, s1 += d1 * d1;                                                      \
            }                                                                                      \
            s0 += s1;                                                                              \
            for (int l = 0; l < HALF; l++) squares += s0[l];                                       \
            for (; j < k; j++) squares += ((double)x[i + j] - of_block) * ((double)x[i + j] - of_block); \
            delta = of_block - mean;                                                               \
            mean += before > 0 ? delta * ((double)k / (before + (double)k)) : delta;               \
            m2 += squares + delta * delta * (before * (double)k / (before + (double)k));           \
        }                                                                                          \
        *(double *)a = mean;                                                                       \
        *(double *)b = m2;                                                                         \
    }                                                                                              \
    static void var_##t##_col(const void *xv, int64_t ld, int64_t rows, int64_t n, int64_t first, double p, void *av, \
                              void *bv)                                                            \
    {                                                                                              \
        const T *x = xv;                                                                           \
        double *a = av, *b = bv;                                                                   \
        if (first == 0)                                                                            \
            for (int64_t j = 0; j < n; j++) a[j] = b[j] = 0;                                       \
        for (int64_t r = 0; r < rows; r++, x += ld) {                                              \
            double k = (double)(first + r + 1);                                                    \
            for (int64_t j = 0; j < n; j++) {                                                      \
                double y = x[j], d = y - a[j], mean = a[j] + d / k;                                \
                b[j] += d * (y - mean);                                                            \
                a[j] = mean;                                                                       \
            }                                                                                      \
        }                                                                                          \
    }
VAR_FOLD(f32, float, load_f32)
VAR_FOLD(f64, double, load_f64)

/* ---- log of a sum of exponentials -------------------------------------------------------------- */

static double exp_sum_f32(const float *x, int64_t n, float m)
{
    double s = 0;
    for (int64_t i = 0; i < n; i += 64 * VL) {
        vf sum = { 0 };
        int64_t end = n - i < 64 * VL ? n : i + 64 * VL, j = i;
        for (; j + VL <= end; j += VL) sum += vf_exp(vf_load(x + j) - m);
        if (j < end) {
            vf e = vf_exp(vf_load_n(x + j, (int)(end - j)) - m);
            for (int l = 0; l < end - j; l++) s += (double)e[l];
        }
        for (int l = 0; l < VL; l++) s += (double)sum[l];
    }
    return s;
}
static double exp_sum_f64(const double *x, int64_t n, double m)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++) s += exp(x[i] - m);
    return s;
}

/* a: the maximum so far, b: the sum of exp(x - a). Infinite maxima have no finite sum: 0 until the end looks at a. */
ALWAYS_INLINE void join_exp(double m, double s, double *a, double *b)
{
    if (m > *a || m != m) {
        *b = *a == -INFINITY || m == INFINITY ? s : *b * exp(*a - m) + s;
        *a = m;
    } else if (*a < INFINITY && m > -INFINITY) {
        *b += s * exp(m - *a);
    }
}
#define LSE_FOLD(t, T)                                                                             \
    static void lse_##t##_row(const void *x, int64_t n, int64_t first, double p, void *a, void *b) \
    {                                                                                              \
        T m = max_##t##_run(x, n);                                                                 \
        if (first == 0) *(double *)a = -INFINITY, *(double *)b = 0;                                \
        join_exp(m, m > -INFINITY && m < INFINITY ? exp_sum_##t(x, n, m) : 0, a, b);               \
    }                                                                                              \
    static void lse_##t##_col(const void *xv, int64_t ld, int64_t rows, int64_t n, int64_t first, double p, void *av, \
                              void *bv)                                                            \
    {                                                                                              \
        const T *x = xv;                                                                           \
        double *a = av, *b = bv;                                                                   \
        if (first == 0)                                                                            \
            for (int64_t j = 0; j < n; j++) a[j] = -INFINITY, b[j] = 0;                            \
        for (int64_t r = 0; r < rows; r++, x += ld)                                                \
            for (int64_t j = 0; j < n; j++) join_exp(x[j], 1, &a[j], &b[j]);                       \
    }
LSE_FOLD(f32, float)
LSE_FOLD(f64, double)

/* ---- the table --------------------------------------------------------------------------------- */

#define FOLDER(name) { name##_row, name##_col }
#define FLOATS(name) { [PC_FOLD_F32] = FOLDER(name##_f32), [PC_FOLD_F64] = FOLDER(name##_f64) }
#define ALL_TYPES(name)                                                                            \
    { [PC_FOLD_F32] = FOLDER(name##_f32), [PC_FOLD_F64] = FOLDER(name##_f64), [PC_FOLD_I64] = FOLDER(name##_i64),   \
      [PC_FOLD_U8] = FOLDER(name##_u8) }
static const pc_folder folders[PC_FOLD_COUNT][PC_FOLD_TYPES] = {
    [PC_FOLD_SUM] = ALL_TYPES(sum),       [PC_FOLD_PROD] = ALL_TYPES(prod),     [PC_FOLD_NONZERO] = ALL_TYPES(nonzero),
    [PC_FOLD_MAX] = ALL_TYPES(max),       [PC_FOLD_MIN] = ALL_TYPES(min),       [PC_FOLD_ARGMAX] = ALL_TYPES(argmax),
    [PC_FOLD_ARGMIN] = ALL_TYPES(argmin), [PC_FOLD_ABS] = FLOATS(abs),          [PC_FOLD_SQUARE] = FLOATS(square),
    [PC_FOLD_POWER] = FLOATS(power),      [PC_FOLD_MAXABS] = FLOATS(maxabs),    [PC_FOLD_MINABS] = FLOATS(minabs),
    [PC_FOLD_VAR] = FLOATS(var),          [PC_FOLD_LOGSUMEXP] = FLOATS(lse),
};
static pc_folder folder(pc_fold fold, pc_fold_type type) { return folders[fold][type]; }
