/* rows.h -- loops over a run of elements of any strides: what element-by-element operators are made of. A row is
   written once as an expression; contiguous operands and repeated scalars get loops of their own, which vectorise. */
#ifndef PC_ROWS_H
#define PC_ROWS_H
#include <stdint.h>

/* The other arguments of an operator, whose meaning is the row's. */
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

/* Define the row `name`: TO is the result's C type, TA, TB, TC those of the operands a, b, c; PRE are statements
   (which may read args), EXPR is the value. */
#define PC_ROW1(name, TO, TA, PRE, EXPR)                                                           \
    static void name PC_ROW_PARAMS                                                                 \
    {                                                                                              \
        char *o = data[0];                                                                         \
        const char *pa = data[1];                                                                  \
        int64_t so = stride[0], sa = stride[1];                                                    \
        (void)args;                                                                                \
        PRE;                                                                                       \
        if (so == (int64_t)sizeof(TO) && sa == (int64_t)sizeof(TA)) {                              \
            PC_IVDEP                                                                               \
            for (int64_t i = 0; i < n; i++) {                                                      \
                TA a = ((const TA *)pa)[i];                                                        \
                ((TO *)o)[i] = (TO)(EXPR);                                                         \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
        for (int64_t i = 0; i < n; i++, o += so, pa += sa) {                                       \
            TA a = *(const TA *)pa;                                                                \
            *(TO *)o = (TO)(EXPR);                                                                 \
        }                                                                                          \
    }
#define PC_ROW2(name, TO, TA, TB, PRE, EXPR)                                                       \
    static void name PC_ROW_PARAMS                                                                 \
    {                                                                                              \
        char *o = data[0];                                                                         \
        const char *pa = data[1], *pb = data[2];                                                   \
        int64_t so = stride[0], sa = stride[1], sb = stride[2];                                    \
        (void)args;                                                                                \
        PRE;                                                                                       \
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
        for (int64_t i = 0; i < n; i++, o += so, pa += sa, pb += sb) {                             \
            TA a = *(const TA *)pa;                                                                \
            TB b = *(const TB *)pb;                                                                \
            *(TO *)o = (TO)(EXPR);                                                                 \
        }                                                                                          \
    }
#define PC_ROW3(name, TO, TA, TB, TC, PRE, EXPR)                                                   \
    static void name PC_ROW_PARAMS                                                                 \
    {                                                                                              \
        char *o = data[0];                                                                         \
        const char *pa = data[1], *pb = data[2], *pc = data[3];                                    \
        int64_t so = stride[0], sa = stride[1], sb = stride[2], sc = stride[3];                    \
        (void)args;                                                                                \
        PRE;                                                                                       \
        if (so == (int64_t)sizeof(TO) && sa == (int64_t)sizeof(TA) && sb == (int64_t)sizeof(TB)    \
            && sc == (int64_t)sizeof(TC)) {                                                        \
            PC_IVDEP                                                                               \
            for (int64_t i = 0; i < n; i++) {                                                      \
                TA a = ((const TA *)pa)[i];                                                        \
                TB b = ((const TB *)pb)[i];                                                        \
                TC c = ((const TC *)pc)[i];                                                        \
                ((TO *)o)[i] = (TO)(EXPR);                                                         \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
        for (int64_t i = 0; i < n; i++, o += so, pa += sa, pb += sb, pc += sc) {                   \
            TA a = *(const TA *)pa;                                                                \
            TB b = *(const TB *)pb;                                                                \
            TC c = *(const TC *)pc;                                                                \
            *(TO *)o = (TO)(EXPR);                                                                 \
        }                                                                                          \
    }

#endif
