/* comparison.c -- comparisons, logic, bits, closeness. */
#include "../kernels/kernels.h"
#include "copy.h"
#include "elementwise.h"
#include <math.h>
#include <string.h>

/* ---- element by element -------------------------------------------------------------------------- */

#define COMPARE(name, OP)                                                                          \
    PC_PLAIN2(name##_f64, uint8_t, double, double, , a OP b)                                       \
    PC_ROW2(name##_i64, uint8_t, int64_t, int64_t, , a OP b)                                       \
    PC_ROW2(name##_u8, uint8_t, uint8_t, uint8_t, , a OP b)                                        \
    static const pc_ew ew_##name = { #name "_cpu", PC_EW_BOOL | PC_EW_BYTES, PC_SLOT(f32_##name), NULL, name##_f64, \
                                     name##_i64, name##_u8 };                                      \
    static pc_status name##_forward(pc_call *c) { return pc_ew_forward(c, &ew_##name, NULL); }
COMPARE(eq, ==)
COMPARE(ne, !=)
COMPARE(lt, <)
COMPARE(le, <=)
COMPARE(gt, >)
COMPARE(ge, >=)

#define LOGIC(name, EXPR)                                                                          \
    PC_PLAIN2(name##_f32, uint8_t, float, float, , EXPR)                                           \
    PC_PLAIN2(name##_f64, uint8_t, double, double, , EXPR)                                         \
    PC_PLAIN2(name##_i64, uint8_t, int64_t, int64_t, , EXPR)                                       \
    PC_ROW2(name##_u8, uint8_t, uint8_t, uint8_t, , EXPR)                                          \
    static const pc_ew ew_##name = { #name "_cpu", PC_EW_BOOL | PC_EW_BYTES, 0, name##_f32, name##_f64, name##_i64, \
                                     name##_u8 };                                                  \
    static pc_status name##_forward(pc_call *c) { return pc_ew_forward(c, &ew_##name, NULL); }
LOGIC(logical_and, a != 0 && b != 0)
LOGIC(logical_or, a != 0 || b != 0)
LOGIC(logical_xor, (a != 0) != (b != 0))

#define BITS(name, OP)                                                                             \
    PC_PLAIN2(name##_i64, int64_t, int64_t, int64_t, , a OP b)                                     \
    PC_ROW2(name##_u8, uint8_t, uint8_t, uint8_t, , a OP b)                                        \
    static const pc_ew ew_##name = { #name "_cpu", PC_EW_BYTES, 0, NULL, NULL, name##_i64, name##_u8 }; \
    static pc_status name##_forward(pc_call *c) { return pc_ew_forward(c, &ew_##name, NULL); }
BITS(bitwise_and, &)
BITS(bitwise_or, |)
BITS(bitwise_xor, ^)

/* ---- closeness ----------------------------------------------------------------------------------- */

/* args: rtol, atol; i[0]: NaN equals NaN. */
#define CLOSE(T, ABS)                                                                              \
    a == b || (args->i[0] && a != a && b != b)                                                     \
        || (ABS(a - b) <= (T)args->f[1] + ABS((T)args->f[0] * b) && ABS(a - b) < (T)INFINITY)
PC_PLAIN2(isclose_f32, uint8_t, float, float, , CLOSE(float, fabsf))
PC_PLAIN2(isclose_f64, uint8_t, double, double, , CLOSE(double, fabs))
PC_PLAIN2(isclose_i64, uint8_t, int64_t, int64_t, ,
          a == b || fabs((double)a - (double)b) <= args->f[1] + fabs(args->f[0] * (double)b))
static const pc_ew ew_isclose = { "isclose", PC_EW_BOOL, 0, isclose_f32, isclose_f64, isclose_i64, NULL };

static pc_status close(pc_call *c, pc_tensor **out)
{
    pc_status status = PC_OK;
    const pc_tensor *a = c->in[0], *b = c->in[1];
    pc_row_args args = { .f = { c->v[0].f, c->v[1].f }, .i = { c->v[2].i } };
    PC_CHECK(a->dtype == b->dtype, PC_ESHAPE, "%s did not match %s", pc_dtype_type_name(a->dtype),
             pc_dtype_type_name(b->dtype));
    PC_CHECK(args.f[0] >= 0, PC_ESHAPE, "rtol must be greater than or equal to zero, but got %g", args.f[0]);
    PC_CHECK(args.f[1] >= 0, PC_ESHAPE, "atol must be greater than or equal to zero, but got %g", args.f[1]);
    PC_TRY(pc_elementwise(&ew_isclose, 2, c->in, &args, NULL, out));
done:
    return status;
}

/* A 0-dim bool. */
static pc_status truth(bool value, pc_tensor **out)
{
    pc_status status = pc_tensor_new(PC_BOOL, 0, NULL, out);
    if (status == PC_OK) *(uint8_t *)pc_data(*out) = value;
    return status;
}
/* Are all elements true? flags is fresh, so its elements fill its memory. */
static bool all_true(const pc_tensor *flags)
{
    return memchr(pc_data(flags), 0, (size_t)flags->numel) == NULL;
}

static pc_status isclose_forward(pc_call *c) { return close(c, &c->out[0]); }
static pc_status allclose_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *flags = NULL;
    PC_TRY(close(c, &flags));
    PC_TRY(truth(all_true(flags), &c->out[0]));
done:
    pc_release(flags);
    return status;
}
static pc_status equal_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *flags = NULL;
    if (!pc_same_shape(c->in[0], c->in[1])) return truth(false, &c->out[0]);
    PC_TRY(pc_elementwise(&ew_eq, 2, c->in, NULL, NULL, &flags));
    PC_TRY(truth(all_true(flags), &c->out[0]));
done:
    pc_release(flags);
    return status;
}

/* ---- rows ---------------------------------------------------------------------------------------- */

#define PLAIN (PC_FUNCTION | PC_METHOD | PC_PRIVATE | PC_NOGRAD)
#define ROW(name, of, doc)                                                                         \
    { #name "(Tensor self, Operand other) -> Tensor", of##_forward, NULL, PLAIN | PC_INPLACE, doc }
#define LOGIC_ROW(name, doc)                                                                       \
    { #name "(Tensor self, Tensor other) -> Tensor", name##_forward, NULL, PLAIN | PC_INPLACE, doc }
#define BITS_ROW(name, doc)                                                                        \
    { #name "(Operand self, Operand other) -> Tensor", name##_forward, NULL, PLAIN | PC_INPLACE, doc }

static const pc_op rows[] = {
    ROW(eq, eq, "self == other."),
    ROW(ne, ne, "self != other."),
    ROW(lt, lt, "self < other."),
    ROW(le, le, "self <= other."),
    ROW(gt, gt, "self > other."),
    ROW(ge, ge, "self >= other."),
    ROW(not_equal, ne, "self != other: another name of ne."),
    ROW(less, lt, "self < other: another name of lt."),
    ROW(less_equal, le, "self <= other: another name of le."),
    ROW(greater, gt, "self > other: another name of gt."),
    ROW(greater_equal, ge, "self >= other: another name of ge."),
    LOGIC_ROW(logical_and, "Are both elements other than 0?"),
    LOGIC_ROW(logical_or, "Is an element other than 0?"),
    LOGIC_ROW(logical_xor, "Is exactly one element other than 0?"),
    BITS_ROW(bitwise_and, "self & other, of integers or bools."),
    BITS_ROW(bitwise_or, "self | other, of integers or bools."),
    BITS_ROW(bitwise_xor, "self ^ other, of integers or bools."),
    { "isclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor",
      isclose_forward, NULL, PLAIN, "Is abs(self - other) <= atol + rtol * abs(other)?" },
    { "_allclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor",
      allclose_forward, NULL, PLAIN, "Are all elements close? A 0-dim bool." },
    { "_equal(Tensor self, Tensor other) -> Tensor", equal_forward, NULL, PLAIN,
      "Are shapes and all elements equal? A 0-dim bool." },
};
PC_FAMILY(comparison, rows);
