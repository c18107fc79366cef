/* arithmetic.c -- operators of two or three operands: sums, products, quotients, powers, bounds, selection. */
#include "../kernels/kernels.h"
#include "copy.h"
#include "elementwise.h"
#include <math.h>
#include <string.h>

/* Rows in float64 and int64 of an operator that is the same expression in both; integers wrap around. */
#define F64_2(name, EXPR) PC_PLAIN2(name##_f64, double, double, double, , EXPR)
#define I64_2(name, EXPR) PC_PLAIN2(name##_i64, int64_t, int64_t, int64_t, , EXPR)
#define U8_2(name, EXPR) PC_ROW2(name##_u8, uint8_t, uint8_t, uint8_t, , EXPR)
#define WRAP(a) ((uint64_t)(a))

/* ---- building blocks ----------------------------------------------------------------------------- */

F64_2(add, a + b)
I64_2(add, WRAP(a) + WRAP(b))
U8_2(add, a + b)
F64_2(sub, a - b)
I64_2(sub, WRAP(a) - WRAP(b))
U8_2(sub, a - b)
F64_2(mul, a * b)
I64_2(mul, WRAP(a) * WRAP(b))
U8_2(mul, a * b)
F64_2(div, a / b)
F64_2(number_div, a * (1 / b))
PC_PLAIN2(add_scaled_f64, double, double, double, double s = args->f[0], fma(b, s, a))
PC_PLAIN2(add_scaled_i64, int64_t, int64_t, int64_t, int64_t s = args->i[0], WRAP(a) + WRAP(b) * WRAP(s))
PC_PLAIN1(scale_f64, double, double, double s = args->f[0], a * s)
PC_PLAIN2(masked_keep_f64, double, uint8_t, double, , a ? b : 0.0)
PC_PLAIN2(masked_drop_f64, double, uint8_t, double, , a ? 0.0 : b)

static const pc_ew ew_add = { "add_stub", 0, PC_SLOT(f32_add), NULL, add_f64, add_i64, add_u8 };
static const pc_ew ew_add_scaled = { "add_stub", 0, PC_SLOT(f32_add_scaled), NULL, add_scaled_f64,
                                     add_scaled_i64, NULL };
static const pc_ew ew_sub = { "sub_stub", PC_EW_NO_BOOL, PC_SLOT(f32_sub), NULL, sub_f64, sub_i64, sub_u8 };
static const pc_ew ew_mul = { "mul_cpu", PC_EW_BYTES, PC_SLOT(f32_mul), NULL, mul_f64, mul_i64, mul_u8 };
static const pc_ew ew_div = { "div_cpu", PC_EW_FLOAT, PC_SLOT(f32_div), NULL, div_f64, NULL, NULL };
/* 2 / x, which Python makes x.__rtruediv__(2) and torch the reciprocal's double. */
static const pc_ew ew_number_div = { "div_cpu", PC_EW_FLOAT, PC_SLOT(f32_number_div), NULL, number_div_f64, NULL,
                                     NULL };
static const pc_ew ew_scale = { "mul_cpu", 0, PC_SLOT(f32_scale), NULL, scale_f64, NULL, NULL };
static const pc_ew ew_keep = { "where_cpu", PC_EW_MASK0, PC_SLOT(f32_masked_keep), NULL, masked_keep_f64, NULL, NULL };
static const pc_ew ew_drop = { "where_cpu", PC_EW_MASK0, PC_SLOT(f32_masked_drop), NULL, masked_drop_f64, NULL, NULL };

/* *gin = e(a, b [, c]), summed to the shape of like: the gradient of a broadcast operand. */
static pc_status gradient(const pc_ew *e, int n, pc_tensor *const *in, const pc_row_args *args, const pc_tensor *like,
                          pc_tensor **gin)
{
    pc_status status = pc_elementwise(e, n, in, args, NULL, gin);
    return status == PC_OK ? pc_sum_to_own(gin, like) : status;
}
#define OPERANDS(...) (sizeof((pc_tensor *[]){ __VA_ARGS__ }) / sizeof(pc_tensor *)), (pc_tensor *[]){ __VA_ARGS__ }

/* What only the gradient of the other operand reads need not be kept. */
static void save_crosswise(pc_call *c)
{
    if (!c->need[1]) c->save &= ~(uint32_t)PC_SAVE_IN0;
    if (!c->need[0]) c->save &= ~(uint32_t)PC_SAVE_IN1;
}

/* ---- add, sub, rsub ------------------------------------------------------------------------------ */

/* in[a] + sign * alpha * in[b], where alpha is the row's argument. */
static pc_status add_like(pc_call *c, int a, int b, int sign)
{
    pc_status status = PC_OK;
    pc_tensor *in[2] = { c->in[a], c->in[b] };
    pc_value alpha = c->v[0];
    pc_dtype common = pc_result_type(2, in);
    bool one = pc_value_f64(alpha) == 1.0;
    pc_row_args args = { .f = { sign * pc_value_f64(alpha) },
                         .i = { (int64_t)(WRAP(sign) * WRAP(pc_value_i64(alpha))) } };

    PC_CHECK(alpha.kind != PC_FLOAT || pc_dtype_is_float(common), PC_ESHAPE,
             "For integral input tensors, argument alpha must not be a floating point number.");
    PC_CHECK(alpha.kind != PC_BOOLEAN || common == PC_BOOL, PC_ESHAPE,
             "Boolean alpha only supported for Boolean results.");
    if (sign < 0) {
        bool both = in[0]->dtype == PC_BOOL && in[1]->dtype == PC_BOOL;
        PC_CHECK(!both, PC_ENOTIMPL, "Subtraction, the `-` operator, with two bool tensors is not supported. Use the "
                 "`^` or `logical_xor()` operator instead.");
        PC_CHECK(in[0]->dtype != PC_BOOL && in[1]->dtype != PC_BOOL, PC_ENOTIMPL, "Subtraction, the `-` operator, with "
                 "a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` "
                 "operator instead.");
    }
    PC_TRY(pc_elementwise(!one ? &ew_add_scaled : sign > 0 ? &ew_add : &ew_sub, 2, in, &args,
                          c->inplace ? c->in[0] : NULL, &c->out[0]));
    if (c->grad && one && sign > 0) pc_tensor_is_sum(c->out[0], in[0], in[1]);
done:
    return status;
}
static pc_status add_forward(pc_call *c) { return add_like(c, 0, 1, 1); }
static pc_status sub_forward(pc_call *c) { return add_like(c, 0, 1, -1); }
static pc_status rsub_forward(pc_call *c) { return add_like(c, 1, 0, -1); }

/* g * factor in the shape of like. */
static pc_status scaled_gradient(pc_tensor *g, double factor, const pc_tensor *like, pc_tensor **gin)
{
    if (factor == 1.0) return pc_sum_to(g, like, gin);
    return gradient(&ew_scale, OPERANDS(g), &(pc_row_args){ .f = { factor } }, like, gin);
}
static pc_status add_like_backward(pc_call *c, pc_tensor *g, double first, double second, pc_tensor **gin)
{
    pc_status status = PC_OK;
    if (c->need[0]) PC_TRY(scaled_gradient(g, first, c->in[0], &gin[0]));
    if (c->need[1]) PC_TRY(scaled_gradient(g, second, c->in[1], &gin[1]));
done:
    return status;
}
static pc_status add_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return add_like_backward(c, gout[0], 1.0, pc_value_f64(c->v[0]), gin);
}
static pc_status sub_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return add_like_backward(c, gout[0], 1.0, -pc_value_f64(c->v[0]), gin);
}
static pc_status rsub_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return add_like_backward(c, gout[0], -pc_value_f64(c->v[0]), 1.0, gin);
}

/* ---- mul, div ------------------------------------------------------------------------------------ */

static pc_status mul_forward(pc_call *c)
{
    save_crosswise(c);
    return pc_ew_forward(c, &ew_mul, NULL);
}
static pc_status mul_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    if (c->need[0]) PC_TRY(gradient(&ew_mul, OPERANDS(gout[0], c->in[1]), NULL, c->in[0], &gin[0]));
    if (c->need[1]) PC_TRY(gradient(&ew_mul, OPERANDS(gout[0], pc_ew_saved(c)), NULL, c->in[1], &gin[1]));
done:
    return status;
}

/* -g x / y^2 */
PC_PLAIN3(div_other_f32, float, float, float, float, , -a * ((b / c) / c))
PC_PLAIN3(div_other_f64, double, double, double, double, , -a * ((b / c) / c))
static const pc_ew ew_div_other = { "div_cpu", 0, 0, div_other_f32, div_other_f64, NULL, NULL };

static inline int64_t floor_div_i64(int64_t a, int64_t b)
{
    if (b == -1) return (int64_t)(0 - WRAP(a)); /* the smallest integer has no negative: it wraps */
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}
static inline double floor_div_f64(double a, double b)
{
    if (b == 0) return a / b;
    double rest = fmod(a, b), quotient = (a - rest) / b;
    if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
    if (quotient == 0) return copysign(0.0, a / b);
    double whole = floor(quotient);
    return quotient - whole > 0.5 ? whole + 1 : whole;
}
static inline float floor_div_f32(float a, float b)
{
    if (b == 0) return a / b;
    float rest = fmodf(a, b), quotient = (a - rest) / b;
    if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
    if (quotient == 0) return copysignf(0.0f, a / b);
    float whole = floorf(quotient);
    return quotient - whole > 0.5f ? whole + 1 : whole;
}
PC_PLAIN2(div_floor_f32, float, float, float, , floor_div_f32(a, b))
F64_2(div_floor, floor_div_f64(a, b))
I64_2(div_floor, floor_div_i64(a, b))
PC_PLAIN2(div_trunc_f32, float, float, float, , truncf(a / b))
F64_2(div_trunc, trunc(a / b))
I64_2(div_trunc, b == -1 ? (int64_t)(0 - WRAP(a)) : a / b)
static const pc_ew ew_div_floor = { "div_floor_cpu", PC_EW_NO_BOOL, 0, div_floor_f32, div_floor_f64, div_floor_i64,
                                    NULL };
static const pc_ew ew_div_trunc = { "div_trunc_cpu", PC_EW_NO_BOOL, 0, div_trunc_f32, div_trunc_f64, div_trunc_i64,
                                    NULL };

/* Integers cannot be divided by zero. */
static pc_status check_divisor(pc_tensor *const *in)
{
    pc_status status = PC_OK;
    pc_tensor *b = NULL;
    pc_dtype common = pc_result_type(2, in);
    if (common == PC_BOOL || pc_dtype_is_float(common)) goto done;
    PC_TRY(pc_cast(in[1], PC_I64, &b));
    for (int64_t i = 0; i < b->numel; i++)
        PC_CHECK(((const int64_t *)pc_data(b))[i] != 0, PC_ESHAPE, "ZeroDivisionError");
done:
    pc_release(b);
    return status;
}

enum { ROUND_NONE, ROUND_TRUNC, ROUND_FLOOR };

static pc_status divide(pc_call *c, int64_t rounding)
{
    pc_status status = PC_OK;
    PC_CHECK(rounding >= ROUND_NONE && rounding <= ROUND_FLOOR, PC_ESHAPE,
             "div expected rounding_mode to be one of None, 'trunc', or 'floor'");
    if (rounding == ROUND_NONE) {
        if (!c->need[1]) c->save &= ~(uint32_t)PC_SAVE_IN0;
        PC_TRY(pc_ew_forward(c, c->in[0]->is_number ? &ew_number_div : &ew_div, NULL));
    } else {
        c->save = 0;
        PC_TRY(check_divisor(c->in));
        PC_TRY(pc_ew_forward(c, rounding == ROUND_FLOOR ? &ew_div_floor : &ew_div_trunc, NULL));
    }
done:
    return status;
}
static pc_status div_forward(pc_call *c) { return divide(c, c->v[0].i); }
static pc_status true_divide_forward(pc_call *c) { return divide(c, ROUND_NONE); }
static pc_status floor_divide_forward(pc_call *c) { return divide(c, ROUND_FLOOR); }

static pc_status true_divide_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *g = gout[0];
    if (c->need[0]) PC_TRY(gradient(&ew_div, OPERANDS(g, c->in[1]), NULL, c->in[0], &gin[0]));
    if (c->need[1]) PC_TRY(gradient(&ew_div_other, OPERANDS(g, pc_ew_saved(c), c->in[1]), NULL, c->in[1], &gin[1]));
done:
    return status;
}
static pc_status div_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    if (c->v[0].i == ROUND_NONE) return true_divide_backward(c, gout, gin);
    for (int k = 0; k < 2 && status == PC_OK; k++) /* steps have no slope */
        if (c->need[k]) status = pc_zeros_like(c->in[k], &gin[k]);
    return status;
}

/* ---- remainder, fmod ----------------------------------------------------------------------------- */

static inline float remainder_f32(float a, float b)
{
    float rest = fmodf(a, b);
    return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
}
static inline double remainder_f64(double a, double b)
{
    double rest = fmod(a, b);
    return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
}
static inline int64_t fmod_i64(int64_t a, int64_t b) { return b == -1 ? 0 : a % b; }
static inline int64_t remainder_i64(int64_t a, int64_t b)
{
    int64_t rest = fmod_i64(a, b);
    return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
}
PC_PLAIN2(row_remainder_f32, float, float, float, , remainder_f32(a, b))
PC_PLAIN2(row_remainder_f64, double, double, double, , remainder_f64(a, b))
PC_PLAIN2(row_remainder_i64, int64_t, int64_t, int64_t, , remainder_i64(a, b))
PC_PLAIN2(row_fmod_f32, float, float, float, , fmodf(a, b))
PC_PLAIN2(row_fmod_f64, double, double, double, , fmod(a, b))
PC_PLAIN2(row_fmod_i64, int64_t, int64_t, int64_t, , fmod_i64(a, b))
static const pc_ew ew_remainder = { "remainder_cpu", PC_EW_NO_BOOL, 0, row_remainder_f32, row_remainder_f64,
                                    row_remainder_i64, NULL };
static const pc_ew ew_fmod = { "fmod_cpu", PC_EW_NO_BOOL, 0, row_fmod_f32, row_fmod_f64, row_fmod_i64, NULL };
/* -g times the rounded quotient */
PC_PLAIN3(minus_floor_f32, float, float, float, float, , -a * floor_div_f32(b, c))
PC_PLAIN3(minus_floor_f64, double, double, double, double, , -a * floor_div_f64(b, c))
PC_PLAIN3(minus_trunc_f32, float, float, float, float, , -a * truncf(b / c))
PC_PLAIN3(minus_trunc_f64, double, double, double, double, , -a * trunc(b / c))
static const pc_ew ew_minus_floor = { "remainder_cpu", 0, 0, minus_floor_f32, minus_floor_f64, NULL, NULL };
static const pc_ew ew_minus_trunc = { "fmod_cpu", 0, 0, minus_trunc_f32, minus_trunc_f64, NULL, NULL };

static pc_status rest_forward(pc_call *c, const pc_ew *e)
{
    pc_status status = PC_OK;
    if (!c->need[1]) c->save = 0;
    PC_TRY(check_divisor(c->in));
    PC_TRY(pc_ew_forward(c, e, NULL));
done:
    return status;
}
static pc_status rest_backward(pc_call *c, pc_tensor *g, const pc_ew *e, pc_tensor **gin)
{
    pc_status status = PC_OK;
    if (c->need[0]) PC_TRY(pc_sum_to(g, c->in[0], &gin[0]));
    if (c->need[1]) PC_TRY(gradient(e, OPERANDS(g, pc_ew_saved(c), c->in[1]), NULL, c->in[1], &gin[1]));
done:
    return status;
}
static pc_status remainder_forward(pc_call *c) { return rest_forward(c, &ew_remainder); }
static pc_status fmod_forward(pc_call *c) { return rest_forward(c, &ew_fmod); }
static pc_status remainder_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return rest_backward(c, gout[0], &ew_minus_floor, gin);
}
static pc_status fmod_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return rest_backward(c, gout[0], &ew_minus_trunc, gin);
}

/* ---- pow ----------------------------------------------------------------------------------------- */

static int64_t pow_i64(int64_t base, int64_t exponent)
{
    if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent & 1 ? -1 : 1) : 0;
    uint64_t result = 1, square = WRAP(base);
    for (; exponent != 0; exponent >>= 1, square *= square)
        if (exponent & 1) result *= square;
    return (int64_t)result;
}
PC_PLAIN2(row_pow_f32, float, float, float, , powf(a, b))
PC_PLAIN2(row_pow_f64, double, double, double, , pow(a, b))
PC_PLAIN2(row_pow_i64, int64_t, int64_t, int64_t, , pow_i64(a, b))
static const pc_ew ew_pow = { "pow", PC_EW_NO_BOOL | PC_EW_COSTLY, 0, row_pow_f32, row_pow_f64, row_pow_i64, NULL };
/* Exponents for which a simpler operation gives torch's value. */
PC_PLAIN1(square_f64, double, double, , a * a)
PC_PLAIN1(cube_f64, double, double, , a * a * a)
PC_PLAIN1(sqrt_f64, double, double, , sqrt(a))
PC_PLAIN1(rsqrt_f64, double, double, , 1.0 / sqrt(a))
PC_PLAIN1(reciprocal_f64, double, double, , 1.0 / a)
static const struct {
    double exponent;
    pc_ew e;
} simple_powers[] = {
    { 2.0, { "pow", 0, PC_SLOT(f32_square), NULL, square_f64, NULL, NULL } },
    { 3.0, { "pow", 0, PC_SLOT(f32_cube), NULL, cube_f64, NULL, NULL } },
    { 0.5, { "pow", 0, PC_SLOT(f32_sqrt), NULL, sqrt_f64, NULL, NULL } },
    { -0.5, { "pow", 0, PC_SLOT(f32_rsqrt), NULL, rsqrt_f64, NULL, NULL } },
    { -1.0, { "pow", 0, PC_SLOT(f32_reciprocal), NULL, reciprocal_f64, NULL, NULL } },
};
/* g e x^(e - 1), 0 where e is 0; g x^e log x, 0 where x is 0 and e is not negative. */
PC_PLAIN3(pow_base_f32, float, float, float, float, , c == 0 ? 0 : a * (c * powf(b, c - 1)))
PC_PLAIN3(pow_base_f64, double, double, double, double, , c == 0 ? 0 : a * (c * pow(b, c - 1)))
PC_PLAIN3(pow_exponent_f32, float, float, float, float, , b == 0 && c >= 0 ? 0 : a * (powf(b, c) * logf(b)))
PC_PLAIN3(pow_exponent_f64, double, double, double, double, , b == 0 && c >= 0 ? 0 : a * (pow(b, c) * log(b)))
PC_PLAIN2(pow_two_f32, float, float, float, , a * (2.0f * b))
PC_PLAIN2(pow_two_f64, double, double, double, , a * (2.0 * b))
static const pc_ew ew_pow_base = { "pow", PC_EW_COSTLY, 0, pow_base_f32, pow_base_f64, NULL, NULL };
static const pc_ew ew_pow_exponent = { "pow", PC_EW_COSTLY, 0, pow_exponent_f32, pow_exponent_f64, NULL, NULL };
static const pc_ew ew_pow_two = { "pow", 0, 0, pow_two_f32, pow_two_f64, NULL, NULL };

/* A Python number's value. */
static bool is_number(const pc_tensor *t, double *value)
{
    if (!t->is_number) return false;
    *value = pc_value_f64(pc_number(t));
    return true;
}
static pc_status pow_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *base = c->in[0], *exponent = c->in[1];
    pc_dtype common = pc_result_type(2, c->in);
    double number;
    if (!c->need[0] && !c->need[1]) c->save = 0;
    if (is_number(exponent, &number)) {
        PC_CHECK(number >= 0 || pc_dtype_is_float(common) || base->is_number, PC_ESHAPE,
                 "Integers to negative integer powers are not allowed.");
        if (number == 1.0 && common == base->dtype && !c->inplace) {
            PC_TRY(pc_cast(base, common, &c->out[0]));
            goto done;
        }
        if (common == base->dtype && pc_dtype_is_float(common))
            for (size_t k = 0; k < sizeof simple_powers / sizeof simple_powers[0]; k++)
                if (number == simple_powers[k].exponent) {
                    if (c->inplace && c->grad) PC_TRY(pc_clone(base, &c->aux[0]));
                    if (c->aux[0] != NULL) c->save &= ~(uint32_t)PC_SAVE_IN0;
                    PC_TRY(pc_elementwise(&simple_powers[k].e, 1, c->in, NULL, c->inplace ? base : NULL, &c->out[0]));
                    goto done;
                }
    }
    PC_TRY(pc_ew_forward(c, &ew_pow, NULL));
done:
    return status;
}
static pc_status pow_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *g = gout[0], *base = pc_ew_saved(c), *exponent = c->in[1];
    double number;
    if (c->need[0] && is_number(exponent, &number) && number == 2.0)
        PC_TRY(gradient(&ew_pow_two, OPERANDS(g, base), NULL, c->in[0], &gin[0]));
    else if (c->need[0])
        PC_TRY(gradient(&ew_pow_base, OPERANDS(g, base, exponent), NULL, c->in[0], &gin[0]));
    if (c->need[1]) PC_TRY(gradient(&ew_pow_exponent, OPERANDS(g, base, exponent), NULL, c->in[1], &gin[1]));
done:
    return status;
}

/* ---- maximum, minimum, clamp --------------------------------------------------------------------- */

F64_2(maximum, a > b || a != a ? a : b)
I64_2(maximum, a > b ? a : b)
U8_2(maximum, a > b ? a : b)
F64_2(minimum, a < b || a != a ? a : b)
I64_2(minimum, a < b ? a : b)
U8_2(minimum, a < b ? a : b)
PC_PLAIN2(fmax_f32, float, float, float, , fmaxf(a, b))
F64_2(fmax, fmax(a, b))
PC_PLAIN2(fmin_f32, float, float, float, , fminf(a, b))
F64_2(fmin, fmin(a, b))
static const pc_ew ew_maximum = { "maximum_cpu", PC_EW_BYTES, PC_SLOT(f32_maximum), NULL, maximum_f64, maximum_i64,
                                  maximum_u8 };
static const pc_ew ew_minimum = { "minimum_cpu", PC_EW_BYTES, PC_SLOT(f32_minimum), NULL, minimum_f64, minimum_i64,
                                  minimum_u8 };
static const pc_ew ew_fmax = { "fmax_cpu", 0, 0, fmax_f32, fmax_f64, maximum_i64, NULL };
static const pc_ew ew_fmin = { "fmin_cpu", 0, 0, fmin_f32, fmin_f64, minimum_i64, NULL };
/* The share of operand b in the larger (smaller) of b and c: ties are halved. */
PC_PLAIN3(larger_f32, float, float, float, float, , b == c ? a / 2 : b < c ? 0 : a)
PC_PLAIN3(larger_f64, double, double, double, double, , b == c ? a / 2 : b < c ? 0 : a)
PC_PLAIN3(smaller_f32, float, float, float, float, , b == c ? a / 2 : b > c ? 0 : a)
PC_PLAIN3(smaller_f64, double, double, double, double, , b == c ? a / 2 : b > c ? 0 : a)
static const pc_ew ew_larger = { "maximum_cpu", 0, 0, larger_f32, larger_f64, NULL, NULL };
static const pc_ew ew_smaller = { "minimum_cpu", 0, 0, smaller_f32, smaller_f64, NULL, NULL };

static pc_status maximum_forward(pc_call *c) { return pc_ew_forward(c, &ew_maximum, NULL); }
static pc_status minimum_forward(pc_call *c) { return pc_ew_forward(c, &ew_minimum, NULL); }
static pc_status fmax_forward(pc_call *c) { return pc_ew_forward(c, &ew_fmax, NULL); }
static pc_status fmin_forward(pc_call *c) { return pc_ew_forward(c, &ew_fmin, NULL); }
static pc_status extreme_backward(pc_call *c, pc_tensor *g, const pc_ew *share, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *a = pc_ew_saved(c), *b = c->in[1];
    if (c->need[0]) PC_TRY(gradient(share, OPERANDS(g, a, b), NULL, c->in[0], &gin[0]));
    if (c->need[1]) PC_TRY(gradient(share, OPERANDS(g, b, a), NULL, b, &gin[1]));
done:
    return status;
}
static pc_status maximum_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return extreme_backward(c, gout[0], &ew_larger, gin);
}
static pc_status minimum_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return extreme_backward(c, gout[0], &ew_smaller, gin);
}

static inline double clamp_one(double a, double b, double c)
{
    double low = a < b || b != b ? b : a;
    return low > c || c != c ? c : low;
}
PC_PLAIN3(clamp_f64, double, double, double, double, , clamp_one(a, b, c))
PC_PLAIN3(clamp_i64, int64_t, int64_t, int64_t, int64_t, , (a < b ? b : a) > c ? c : a < b ? b : a)
static const pc_ew ew_clamp = { "clamp_cpu", PC_EW_NO_BOOL, PC_SLOT(f32_clamp), NULL, clamp_f64, clamp_i64, NULL };

/* The same with two numbers, neither NaN, as arguments. */
PC_PLAIN1(clamp_range_f64, double, double, double low = args->f[0]; double high = args->f[1], clamp_one(a, low, high))
static const pc_ew ew_clamp_range = { "clamp_cpu", 0, PC_SLOT(f32_clamp_range), NULL, clamp_range_f64, NULL, NULL };

/* Numbers as bounds (NaN: there is none): the gradient passes strictly between them. */
#define BETWEEN(T)                                                                                 \
    T low = (T)args->f[0];                                                                         \
    T high = (T)args->f[1]
PC_PLAIN2(between_f32, float, float, float, BETWEEN(float),
          (b > low || low != low) && (b < high || high != high) && b == b ? a : 0)
PC_PLAIN2(between_f64, double, double, double, BETWEEN(double),
          (b > low || low != low) && (b < high || high != high) && b == b ? a : 0)
static const pc_ew ew_between = { "clamp_cpu", 0, 0, between_f32, between_f64, NULL, NULL };

/* Tensors as bounds: args->i[0] says whose share of g is wanted, 0 the value's, 1 the lower, 2 the upper bound's. */
static inline double clamp_share(int64_t whose, double g, double x, double low, double high)
{
    if (whose == 0) return x < low || x > high ? 0 : (x == low) != (x == high) ? g / 2 : g;
    if (low > high) return whose == 1 ? 0 : g;
    bool beyond = whose == 1 ? x < low : x > high, tie = low < high && (whose == 1 ? x == low : x == high);
    return !(low <= high) ? 0 : beyond ? g : tie ? g / 2 : 0;
}
#define SHARE_ROW(T, name)                                                                         \
    static void name PC_ROW_PARAMS                                                                 \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            T v[4];                                                                                \
            for (int k = 0; k < 4; k++) v[k] = *(const T *)(data[k + 1] + i * stride[k + 1]);      \
            *(T *)(data[0] + i * stride[0]) = (T)clamp_share(args->i[0], v[0], v[1], v[2], v[3]);  \
        }                                                                                          \
    }
SHARE_ROW(float, clamp_share_f32)
SHARE_ROW(double, clamp_share_f64)
static const pc_ew ew_clamp_share = { "clamp_cpu", 0, 0, clamp_share_f32, clamp_share_f64, NULL, NULL };

/* low, high: numbers of the operands in c->in, 0 where the operator has no such bound. */
static pc_status bound(pc_call *c, int low, int high)
{
    pc_status status = PC_OK;
    pc_tensor *in[3] = { c->in[0] };
    bool has_low = low > 0 && c->in[low] != NULL, has_high = high > 0 && c->in[high] != NULL;
    int n = 1;
    PC_CHECK(has_low || has_high, PC_ESHAPE, "torch.clamp: At least one of 'min' or 'max' must not be None");
    if (has_low) in[n++] = c->in[low];
    if (has_high) in[n++] = c->in[high];
    PC_CHECK(c->in[0]->dtype != PC_BOOL || pc_result_type(n, in) != PC_BOOL, PC_ENOTIMPL,
             "\"clamp_cpu\" not implemented for 'Bool'");
    if (c->inplace && c->grad) {
        PC_TRY(pc_clone(c->in[0], &c->aux[0]));
        c->save &= ~(uint32_t)PC_SAVE_IN0;
    }
    pc_row_args range;
    if (n == 3 && pc_dtype_is_float(in[0]->dtype) && is_number(in[1], &range.f[0])
        && is_number(in[2], &range.f[1]) && !isnan(range.f[0]) && !isnan(range.f[1])) {
        PC_TRY(pc_elementwise(&ew_clamp_range, 1, in, &range, c->inplace ? in[0] : NULL, &c->out[0]));
        goto done;
    }
    PC_TRY(pc_elementwise(n == 3 ? &ew_clamp : has_low ? &ew_maximum : &ew_minimum, n, in, NULL,
                          c->inplace ? c->in[0] : NULL, &c->out[0]));
done:
    return status;
}
static pc_status clamp_forward(pc_call *c) { return bound(c, 1, 2); }
static pc_status clamp_min_forward(pc_call *c) { return bound(c, 1, 0); }
static pc_status clamp_max_forward(pc_call *c) { return bound(c, 0, 1); }

static pc_status bound_backward(pc_call *c, pc_tensor *g, int low, int high, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *x = pc_ew_saved(c), *lo = low > 0 ? c->in[low] : NULL, *hi = high > 0 ? c->in[high] : NULL;
    pc_row_args args = { .f = { NAN, NAN } };
    if ((lo == NULL || is_number(lo, &args.f[0])) && (hi == NULL || is_number(hi, &args.f[1]))) {
        if (c->need[0]) PC_TRY(gradient(&ew_between, OPERANDS(g, x), &args, c->in[0], &gin[0]));
        goto done;
    }
    if (lo == NULL || hi == NULL) {
        const pc_ew *share = lo != NULL ? &ew_larger : &ew_smaller;
        pc_tensor *b = lo != NULL ? lo : hi;
        int at = lo != NULL ? low : high;
        if (c->need[0]) PC_TRY(gradient(share, OPERANDS(g, x, b), NULL, c->in[0], &gin[0]));
        if (c->need[at]) PC_TRY(gradient(share, OPERANDS(g, b, x), NULL, b, &gin[at]));
        goto done;
    }
    for (int k = 0; k < 3; k++) {
        args.i[0] = k;
        if (c->need[k]) PC_TRY(gradient(&ew_clamp_share, OPERANDS(g, x, lo, hi), &args, c->in[k], &gin[k]));
    }
done:
    return status;
}
static pc_status clamp_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return bound_backward(c, gout[0], 1, 2, gin);
}
static pc_status clamp_min_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return bound_backward(c, gout[0], 1, 0, gin);
}
static pc_status clamp_max_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return bound_backward(c, gout[0], 0, 1, gin);
}

/* ---- where, masked_fill -------------------------------------------------------------------------- */

PC_PLAIN3(where_f64, double, uint8_t, double, double, , a ? b : c)
PC_PLAIN3(where_i64, int64_t, uint8_t, int64_t, int64_t, , a ? b : c)
PC_ROW3(where_u8, uint8_t, uint8_t, uint8_t, uint8_t, , a ? b : c)
PC_ROW3(masked_fill_u8, uint8_t, uint8_t, uint8_t, uint8_t, , b ? c : a)
PC_PLAIN3(masked_fill_f64, double, double, uint8_t, double, , b ? c : a)
PC_PLAIN3(masked_fill_i64, int64_t, int64_t, uint8_t, int64_t, , b ? c : a)
static const pc_ew ew_where = { "where_cpu", PC_EW_MASK0 | PC_EW_BYTES, PC_SLOT(f32_where), NULL, where_f64, where_i64,
                                where_u8 };
static const pc_ew ew_masked_fill = { "masked_fill", PC_EW_MASK1 | PC_EW_OF_FIRST | PC_EW_BYTES,
                                      PC_SLOT(f32_masked_fill), NULL, masked_fill_f64, masked_fill_i64,
                                      masked_fill_u8 };

static pc_status where_forward(pc_call *c)
{
    pc_status status = PC_OK;
    PC_CHECK(c->in[0]->dtype == PC_BOOL || c->in[0]->dtype == PC_U8, PC_ESHAPE,
             "where expected condition to be a boolean tensor, but got a tensor with dtype %s",
             pc_dtype_type_name(c->in[0]->dtype));
    PC_TRY(pc_ew_forward(c, &ew_where, NULL));
done:
    return status;
}
static pc_status where_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    if (c->need[1]) PC_TRY(gradient(&ew_keep, OPERANDS(c->in[0], gout[0]), NULL, c->in[1], &gin[1]));
    if (c->need[2]) PC_TRY(gradient(&ew_drop, OPERANDS(c->in[0], gout[0]), NULL, c->in[2], &gin[2]));
done:
    return status;
}

static pc_status masked_fill_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *mask = c->in[1], *value = c->in[2];
    int64_t shape[PC_MAX_DIMS];
    int ndim;
    PC_CHECK(mask->dtype == PC_BOOL, PC_ESHAPE, "masked_fill_ only supports boolean masks, but got mask with dtype %s",
             pc_dtype_name(mask->dtype));
    PC_CHECK(value->ndim == 0, PC_ESHAPE, "masked_fill_ only supports a 0-dimensional value tensor, but got tensor "
             "with %d dimension(s).", value->ndim);
    if (value->is_number) PC_TRY(pc_check_fits(pc_number(value), c->in[0]->dtype));
    if (c->inplace) {
        PC_TRY(pc_ew_forward(c, &ew_masked_fill, NULL));
        goto done;
    }
    PC_TRY(pc_broadcast(2, c->in, &ndim, shape));
    PC_TRY(pc_tensor_new(c->in[0]->dtype, ndim, shape, &c->out[0])); /* contiguous, as in torch */
    PC_TRY(pc_elementwise_into(&ew_masked_fill, 3, c->in, NULL, c->out[0]));
done:
    return status;
}
static pc_status masked_fill_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    if (c->need[0]) PC_TRY(gradient(&ew_drop, OPERANDS(c->in[1], gout[0]), NULL, c->in[0], &gin[0]));
    if (c->need[2]) PC_TRY(gradient(&ew_keep, OPERANDS(c->in[1], gout[0]), NULL, c->in[2], &gin[2]));
done:
    return status;
}

/* ---- lerp, addcmul, addcdiv, atan2 --------------------------------------------------------------- */

PC_PLAIN3(lerp_f64, double, double, double, double, , fabs(c) < 0.5 ? a + c * (b - a) : b - (b - a) * (1 - c))
static const pc_ew ew_lerp = { "lerp_kernel_tensor", 0, PC_SLOT(f32_lerp), NULL, lerp_f64, NULL, NULL };
PC_PLAIN2(rest_of_f32, float, float, float, , a * (1 - b))
PC_PLAIN2(rest_of_f64, double, double, double, , a * (1 - b))
PC_PLAIN3(times_difference_f32, float, float, float, float, , a * (b - c))
PC_PLAIN3(times_difference_f64, double, double, double, double, , a * (b - c))
static const pc_ew ew_rest_of = { "lerp", 0, 0, rest_of_f32, rest_of_f64, NULL, NULL };
static const pc_ew ew_times_difference = { "lerp", 0, 0, times_difference_f32, times_difference_f64, NULL, NULL };

static const char *c_type_name(pc_dtype d)
{
    static const char *names[PC_DTYPE_COUNT] = { "bool", "unsigned char", "signed char", "short", "int", "long int",
                                                 "c10::Half", "c10::BFloat16", "float", "double" };
    return names[d];
}
static pc_status lerp_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_dtype own = c->in[0]->dtype;
    PC_CHECK(c->in[1]->dtype == own, PC_ESHAPE, "expected dtype %s for `end` but got dtype %s", c_type_name(own),
             c_type_name(c->in[1]->dtype));
    PC_CHECK(c->in[2]->is_number || c->in[2]->dtype == own, PC_ESHAPE,
             "expected dtype %s for `weight` but got dtype %s", c_type_name(own), c_type_name(c->in[2]->dtype));
    PC_CHECK(pc_dtype_is_float(own), PC_ENOTIMPL, "\"lerp_kernel_%s\" not implemented for '%s'",
             c->in[2]->is_number ? "scalar" : "tensor", pc_dtype_type_name(own));
    if (!c->need[2]) c->save &= ~(uint32_t)(PC_SAVE_IN0 | PC_SAVE_IN1);
    PC_TRY(pc_ew_forward(c, &ew_lerp, NULL));
done:
    return status;
}
static pc_status lerp_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *g = gout[0], *weight = c->in[2];
    if (c->need[0]) PC_TRY(gradient(&ew_rest_of, OPERANDS(g, weight), NULL, c->in[0], &gin[0]));
    if (c->need[1]) PC_TRY(gradient(&ew_mul, OPERANDS(g, weight), NULL, c->in[1], &gin[1]));
    if (c->need[2])
        PC_TRY(gradient(&ew_times_difference, OPERANDS(g, c->in[1], pc_ew_saved(c)), NULL, weight, &gin[2]));
done:
    return status;
}

PC_PLAIN3(addcmul_f64, double, double, double, double, double s = args->f[0], a + s * b * c)
PC_PLAIN3(addcmul_i64, int64_t, int64_t, int64_t, int64_t, int64_t s = args->i[0],
          WRAP(a) + WRAP(s) * WRAP(b) * WRAP(c))
PC_PLAIN3(addcdiv_f64, double, double, double, double, double s = args->f[0], a + s * b / c)
static const pc_ew ew_addcmul = { "addcmul_cpu_out", PC_EW_NO_BOOL, PC_SLOT(f32_addcmul), NULL, addcmul_f64,
                                  addcmul_i64, NULL };
static const pc_ew ew_addcdiv = { "addcdiv_cpu_out", 0, PC_SLOT(f32_addcdiv), NULL, addcdiv_f64, NULL, NULL };
PC_PLAIN2(scaled_product_f32, float, float, float, float s = (float)args->f[0], a * (b * s))
PC_PLAIN2(scaled_product_f64, double, double, double, double s = args->f[0], a * (b * s))
PC_PLAIN2(scaled_quotient_f32, float, float, float, float s = (float)args->f[0], a * (s / b))
PC_PLAIN2(scaled_quotient_f64, double, double, double, double s = args->f[0], a * (s / b))
PC_PLAIN3(scaled_divisor_f32, float, float, float, float, float s = (float)args->f[0], -a * (s * b / (c * c)))
PC_PLAIN3(scaled_divisor_f64, double, double, double, double, double s = args->f[0], -a * (s * b / (c * c)))
static const pc_ew ew_scaled_product = { "mul_cpu", 0, 0, scaled_product_f32, scaled_product_f64, NULL, NULL };
static const pc_ew ew_scaled_quotient = { "div_cpu", 0, 0, scaled_quotient_f32, scaled_quotient_f64, NULL, NULL };
static const pc_ew ew_scaled_divisor = { "div_cpu", 0, 0, scaled_divisor_f32, scaled_divisor_f64, NULL, NULL };

static pc_row_args value_args(const pc_call *c)
{
    return (pc_row_args){ .f = { pc_value_f64(c->v[0]) }, .i = { pc_value_i64(c->v[0]) } };
}
static pc_status addcmul_forward(pc_call *c)
{
    pc_row_args args = value_args(c);
    if (!c->need[1]) c->save &= ~(uint32_t)PC_SAVE_IN2;
    if (!c->need[2]) c->save &= ~(uint32_t)PC_SAVE_IN1;
    return pc_ew_forward(c, &ew_addcmul, &args);
}
static pc_status addcmul_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *g = gout[0];
    pc_row_args args = value_args(c);
    if (c->need[0]) PC_TRY(pc_sum_to(g, c->in[0], &gin[0]));
    if (c->need[1]) PC_TRY(gradient(&ew_scaled_product, OPERANDS(g, c->in[2]), &args, c->in[1], &gin[1]));
    if (c->need[2]) PC_TRY(gradient(&ew_scaled_product, OPERANDS(g, c->in[1]), &args, c->in[2], &gin[2]));
done:
    return status;
}
static pc_status addcdiv_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_row_args args = value_args(c);
    PC_CHECK(pc_dtype_is_float(c->in[1]->dtype) || pc_dtype_is_float(c->in[2]->dtype), PC_ESHAPE,
             "Integer division with addcdiv is no longer supported. Use (input + value * tensor1 / tensor2) for a true "
             "division, or (input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for an integer one.");
    if (!c->need[2]) c->save &= ~(uint32_t)PC_SAVE_IN1;
    PC_TRY(pc_ew_forward(c, &ew_addcdiv, &args));
done:
    return status;
}
static pc_status addcdiv_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *g = gout[0], *b = c->in[1], *d = c->in[2];
    pc_row_args args = value_args(c);
    if (c->need[0]) PC_TRY(pc_sum_to(g, c->in[0], &gin[0]));
    if (c->need[1]) PC_TRY(gradient(&ew_scaled_quotient, OPERANDS(g, d), &args, b, &gin[1]));
    if (c->need[2]) PC_TRY(gradient(&ew_scaled_divisor, OPERANDS(g, b, d), &args, d, &gin[2]));
done:
    return status;
}

PC_PLAIN2(row_atan2_f32, float, float, float, , atan2f(a, b))
PC_PLAIN2(row_atan2_f64, double, double, double, , atan2(a, b))
static const pc_ew ew_atan2 = { "atan2_cpu", PC_EW_FLOAT | PC_EW_COSTLY, 0, row_atan2_f32, row_atan2_f64, NULL, NULL };
PC_PLAIN3(atan2_self_f32, float, float, float, float, , a * c / (b * b + c * c))
PC_PLAIN3(atan2_self_f64, double, double, double, double, , a * c / (b * b + c * c))
PC_PLAIN3(atan2_other_f32, float, float, float, float, , a * -b / (b * b + c * c))
PC_PLAIN3(atan2_other_f64, double, double, double, double, , a * -b / (b * b + c * c))
static const pc_ew ew_atan2_self = { "atan2_cpu", 0, 0, atan2_self_f32, atan2_self_f64, NULL, NULL };
static const pc_ew ew_atan2_other = { "atan2_cpu", 0, 0, atan2_other_f32, atan2_other_f64, NULL, NULL };

static pc_status atan2_forward(pc_call *c) { return pc_ew_forward(c, &ew_atan2, NULL); }
static pc_status atan2_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *g = gout[0], *y = pc_ew_saved(c), *x = c->in[1];
    if (c->need[0]) PC_TRY(gradient(&ew_atan2_self, OPERANDS(g, y, x), NULL, c->in[0], &gin[0]));
    if (c->need[1]) PC_TRY(gradient(&ew_atan2_other, OPERANDS(g, y, x), NULL, x, &gin[1]));
done:
    return status;
}

/* ---- rows ---------------------------------------------------------------------------------------- */

#define BOTH (PC_FUNCTION | PC_METHOD | PC_PRIVATE)
#define PLAIN (BOTH | PC_INPLACE | PC_PRIVATE_WRITE)
#define IN01 (PC_SAVE_IN0 | PC_SAVE_IN1)

static const pc_op rows[] = {
    { "add(Operand self, Operand other, *, Scalar alpha=1) -> Tensor", add_forward, add_backward, PLAIN,
      "self + alpha * other.\n"
      "self: Broadcast with `other`." },
    { "sub(Operand self, Operand other, *, Scalar alpha=1) -> Tensor", sub_forward, sub_backward, PLAIN,
      "self - alpha * other." },
    { "subtract(Operand self, Operand other, *, Scalar alpha=1) -> Tensor", sub_forward, sub_backward, PLAIN,
      "self - alpha * other: another name of sub." },
    { "rsub(Tensor self, Operand other, *, Scalar alpha=1) -> Tensor", rsub_forward, rsub_backward,
      PC_FUNCTION | PC_PRIVATE, "other - alpha * self.\n"
      "other: What is subtracted from." },
    { "mul(Operand self, Operand other) -> Tensor", mul_forward, mul_backward, PLAIN | IN01, "self * other." },
    { "multiply(Operand self, Operand other) -> Tensor", mul_forward, mul_backward, PLAIN | IN01,
      "self * other: another name of mul." },
    { "div(Operand self, Operand other, *, int rounding_mode=0) -> Tensor", div_forward, div_backward, PLAIN | IN01,
      "self / other, rounded: 0 not at all, 1 towards zero, 2 down.\n"
      "rounding_mode: 0 not at all, 1 towards zero, 2 down." },
    { "divide(Operand self, Operand other, *, int rounding_mode=0) -> Tensor", div_forward, div_backward, PLAIN | IN01,
      "self / other: another name of div." },
    { "true_divide(Operand self, Operand other) -> Tensor", true_divide_forward, true_divide_backward, PLAIN | IN01,
      "self / other, never rounded." },
    { "floor_divide(Operand self, Operand other) -> Tensor", floor_divide_forward, NULL, PLAIN,
      "self / other, rounded down.\n"
      "note: Integers stay integers; division of an integer by 0 is refused." },
    { "remainder(Operand self, Operand other) -> Tensor", remainder_forward, remainder_backward, PLAIN | IN01,
      "The rest of self / other rounded down: Python's %, with the sign of other." },
    { "fmod(Tensor self, Operand other) -> Tensor", fmod_forward, fmod_backward, PLAIN | IN01,
      "The rest of self / other rounded towards zero: C's fmod, with the sign of self." },
    { "pow(Operand self, Operand exponent) -> Tensor", pow_forward, pow_backward, PLAIN | IN01,
      "self to the power of exponent.\n"
      "exponent: Broadcast with the input.\n"
      "note: Integers to the power of a negative integer are refused." },
    { "maximum(Tensor self, Tensor other) -> Tensor", maximum_forward, maximum_backward, BOTH | IN01,
      "The larger of two elements; NaN if either is." },
    { "minimum(Tensor self, Tensor other) -> Tensor", minimum_forward, minimum_backward, BOTH | IN01,
      "The smaller of two elements; NaN if either is." },
    { "fmax(Tensor self, Tensor other) -> Tensor", fmax_forward, maximum_backward, BOTH | IN01,
      "The larger of two elements; a NaN is passed over." },
    { "fmin(Tensor self, Tensor other) -> Tensor", fmin_forward, minimum_backward, BOTH | IN01,
      "The smaller of two elements; a NaN is passed over." },
    { "clamp(Tensor self, Operand? min=None, Operand? max=None) -> Tensor", clamp_forward, clamp_backward,
      PLAIN | IN01 | PC_SAVE_IN2, "Elements brought into [min, max]; max wins where min is larger.\n"
      "min: Lower bound; None: none.\n"
      "max: Upper bound; None: none." },
    { "clip(Tensor self, Operand? min=None, Operand? max=None) -> Tensor", clamp_forward, clamp_backward,
      PLAIN | IN01 | PC_SAVE_IN2, "Elements brought into [min, max]: another name of clamp.\n"
      "min: Lower bound; None: none.\n"
      "max: Upper bound; None: none." },
    { "clamp_min(Tensor self, Operand min) -> Tensor", clamp_min_forward, clamp_min_backward, PLAIN | IN01,
      "Elements brought to at least min." },
    { "clamp_max(Tensor self, Operand max) -> Tensor", clamp_max_forward, clamp_max_backward, PLAIN | IN01,
      "Elements brought to at most max." },
    { "where(Tensor condition, Operand input, Operand other) -> Tensor", where_forward, where_backward,
      PC_FUNCTION | PC_PRIVATE | PC_SAVE_IN0, "input where condition is true, other elsewhere.\n"
      "input: Taken where the condition is true.\n"
      "other: Taken elsewhere." },
    { "masked_fill(Tensor self, Tensor mask, Operand value) -> Tensor", masked_fill_forward, masked_fill_backward,
      PLAIN | PC_SAVE_IN1, "self with value where mask is true.\n"
      "value: A number, or a tensor of one element." },
    { "lerp(Tensor self, Tensor end, Operand weight) -> Tensor", lerp_forward, lerp_backward,
      PLAIN | IN01 | PC_SAVE_IN2, "self + weight * (end - self).\n"
      "end: Broadcast with the input.\n"
      "weight: 0 gives the input, 1 gives `end`." },
    { "addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor", addcmul_forward,
      addcmul_backward, PLAIN | PC_SAVE_IN1 | PC_SAVE_IN2, "self + value * tensor1 * tensor2.\n"
      "tensor1: Broadcast with the input.\n"
      "tensor2: Broadcast with the input.\n"
      "value: Factor of the product." },
    { "addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor", addcdiv_forward,
      addcdiv_backward, PLAIN | PC_SAVE_IN1 | PC_SAVE_IN2, "self + value * tensor1 / tensor2.\n"
      "tensor1: Broadcast with the input.\n"
      "tensor2: Broadcast with the input.\n"
      "value: Factor of the quotient." },
    { "atan2(Tensor self, Tensor other) -> Tensor", atan2_forward, atan2_backward, PLAIN | IN01,
      "The angle of the point (other, self).\n"
      "returns: In radians, from -pi to pi." },
};
PC_FAMILY(arithmetic, rows);
