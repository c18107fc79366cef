/* rows.h -- loops over a run of elements of any strides: what element-by-element operators are made of. A row is
   written once, as an expression. */
#ifndef PC_ROWS_H
#define PC_ROWS_H
#include <stdint.h>

/* The other arguments of an operator; their meaning is the row's. */
typedef struct pc_row_args {
    double f[4];
    int64_t i[4];
} pc_row_args;

/* n elements; operand k starts at data[k] and advances by stride[k] bytes; operand 0 is written, and may be any of
   the others too. */
#define PC_ROW_PARAMS (const pc_row_args *args, int64_t n, char *const *data, const int64_t *stride)
typedef void(*pc_row_fn) PC_ROW_PARAMS;

/* The result may be an operand: elements do not depend on each other all the same. */
#define PC_IVDEP _Pragma("GCC ivdep")

/* PC_PLAINn(name, TO, TA, .., PRE, EXPR) defines the row `name` of n operands: TO is the result's C type, TA, TB, ..
   those of the operands a, b, ..; PRE are statements (which may read args), EXPR is the value.
   PC_ROWn is the same with loops of their own for contiguous operands and repeated numbers, which vectorise. */
#define PC_STRIDED1(TO, TA, EXPR)                                                                  \
    for (int64_t i = 0; i < n; i++, o += so, pa += sa) {                                           \
        TA a = *(const TA *)pa;                                                                    \
        *(TO *)o = (TO)(EXPR);                                                                     \
    }
#define PC_STRIDED2(TO, TA, TB, EXPR)                                                              \
    for (int64_t i = 0; i < n; i++, o += so, pa += sa, pb += sb) {                                 \
        TA a = *(const TA *)pa;                                                                    \
        TB b = *(const TB *)pb;                                                                    \
        *(TO *)o = (TO)(EXPR);                                                                     \
    }
#define PC_STRIDED3(TO, TA, TB, TC, EXPR)                                                          \
    for (int64_t i = 0; i < n; i++, o += so, pa += sa, pb += sb, pc += sc) {                       \
        TA a = *(const TA *)pa;                                                                    \
        TB b = *(const TB *)pb;                                                                    \
        TC c = *(const TC *)pc;                                                                    \
        *(TO *)o = (TO)(EXPR);                                                                     \
    }
#define PC_HEAD1(PRE)                                                                              \
    char *o = data[0];                                                                             \
    const char *pa = data[1];                                                                      \
    int64_t so = stride[0], sa = stride[1];                                                        \
    (void)args;                                                                                    \
    PRE;
#define PC_HEAD2(PRE)                                                                              \
    const char *pb = data[2];                                                                      \
    int64_t sb = stride[2];                                                                        \
    PC_HEAD1(PRE)
#define PC_HEAD3(PRE)                                                                              \
    const char *pc = data[3];                                                                      \
    int64_t sc = stride[3];                                                                        \
    PC_HEAD2(PRE)

#define PC_PLAIN1(name, TO, TA, PRE, EXPR)                                                         \
    static void name PC_ROW_PARAMS                                                                 \
    {                                                                                              \
        PC_HEAD1(PRE)                                                                              \
        PC_STRIDED1(TO, TA, EXPR)                                                                  \
    }
#define PC_PLAIN2(name, TO, TA, TB, PRE, EXPR)                                                     \
    static void name PC_ROW_PARAMS                                                                 \
    {                                                                                              \
        PC_HEAD2(PRE)                                                                              \
        PC_STRIDED2(TO, TA, TB, EXPR)                                                              \
    }
#define PC_PLAIN3(name, TO, TA, TB, TC, PRE, EXPR)                                                 \
    static void name PC_ROW_PARAMS                                                                 \
    {                                                                                              \
        PC_HEAD3(PRE)                                                                              \
        PC_STRIDED3(TO, TA, TB, TC, EXPR)                                                          \
    }

#define PC_ROW1(name, TO, TA, PRE, EXPR)                                                           \
    static void name PC_ROW_PARAMS                                                                 \
    {                                                                                              \
        PC_HEAD1(PRE)                                                                              \
        if (so == (int64_t)sizeof(TO) && sa == (int64_t)sizeof(TA)) {                              \
            PC_IVDEP                                                                               \
            for (int64_t i = 0; i < n; i++) {                                                      \
                TA a = ((const TA *)pa)[i];                                                        \
                ((TO *)o)[i] = (TO)(EXPR);                                                         \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
        PC_STRIDED1(TO, TA, EXPR)                                                                  \
    }
#define PC_ROW2(name, TO, TA, TB, PRE, EXPR)                                                       \
    static void name PC_ROW_PARAMS                                                                 \
    {                                                                                              \
        PC_HEAD2(PRE)                                                                              \
        if (so == (int64_t)sizeof(TO)) {                                                           \
            if (sa == (int64_t)sizeof(TA) && sb == (int64_t)sizeof(TB)) {                          \
                PC_IVDEP                                                                           \
                for (int64_t i = 0; i < n; i++) {                                                  \
                    TA a = ((const TA *)pa)[i];                                                    \
                    TB b = ((const TB *)pb)[i];                                                    \
                    ((TO *)o)[i] = (TO)(EXPR);                                                     \
                }                                                                                  \
                return;                                                                            \
            }                                                                                      \
            if (sa == (int64_t)sizeof(TA) && sb == 0) {                                            \
                const TB b = *(const TB *)pb;                                                      \
                PC_IVDEP                                                                           \
                for (int64_t i = 0; i < n; i++) {                                                  \
                    TA a = ((const TA *)pa)[i];                                                    \
                    ((TO *)o)[i] = (TO)(EXPR);                                                     \
                }                                                                                  \
                return;                                                                            \
            }                                                                                      \
            if (sa == 0 && sb == (int64_t)sizeof(TB)) {                                            \
                const TA a = *(const TA *)pa;                                                      \
                PC_IVDEP                                                                           \
                for (int64_t i = 0; i < n; i++) {                                                  \
                    TB b = ((const TB *)pb)[i];                                                    \
                    ((TO *)o)[i] = (TO)(EXPR);                                                     \
                }                                                                                  \
                return;                                                                            \
            }                                                                                      \
        }                                                                                          \
        PC_STRIDED2(TO, TA, TB, EXPR)                                                              \
    }
/* Of three operands any may be a number: it is repeated in a buffer, which leaves one loop to vectorise. */
#define PC_REPEAT(T, p, s)                                                                         \
    T repeated_##p[256];                                                                           \
    if (s == 0)                                                                                    \
        for (int64_t i = 0; i < (n < 256 ? n : 256); i++) repeated_##p[i] = *(const T *)p;
#define PC_ROW3(name, TO, TA, TB, TC, PRE, EXPR)                                                   \
    static void name PC_ROW_PARAMS                                                                 \
    {                                                                                              \
        PC_HEAD3(PRE)                                                                              \
        if (so == (int64_t)sizeof(TO) && (sa == 0 || sa == (int64_t)sizeof(TA))                    \
            && (sb == 0 || sb == (int64_t)sizeof(TB)) && (sc == 0 || sc == (int64_t)sizeof(TC))) { \
            PC_REPEAT(TA, pa, sa)                                                                  \
            PC_REPEAT(TB, pb, sb)                                                                  \
            PC_REPEAT(TC, pc, sc)                                                                  \
            for (int64_t at = 0; at < n; at += 256) {                                              \
                int64_t m = n - at < 256 ? n - at : 256;                                           \
                TO *to = (TO *)o + at;                                                             \
                const TA *qa = sa != 0 ? (const TA *)pa + at : repeated_pa;                        \
                const TB *qb = sb != 0 ? (const TB *)pb + at : repeated_pb;                        \
                const TC *qc = sc != 0 ? (const TC *)pc + at : repeated_pc;                        \
                PC_IVDEP                                                                           \
                for (int64_t i = 0; i < m; i++) {                                                  \
                    TA a = qa[i];                                                                  \
                    TB b = qb[i];                                                                  \
                    TC c = qc[i];                                                                  \
                    to[i] = (TO)(EXPR);                                                            \
                }                                                                                  \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
        PC_STRIDED3(TO, TA, TB, TC, EXPR)                                                          \
    }

#endif
