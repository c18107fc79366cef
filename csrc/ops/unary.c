/* unary.c -- operators of one operand: elementary functions, rounding, tests, activations. */
#include "../kernels/kernels.h"
#include "copy.h"
#include "elementwise.h"
#include <float.h>
#include <math.h>
#include <string.h>

#define WRAP(a) ((uint64_t)(a))

/* One operand's operator: forward, and the gradient from (g, x) or (g, result), named a and b in its rows. */
typedef struct unary {
    pc_ew forward, backward;
} unary;

static pc_status forward(pc_call *c, const pc_ew *e, const pc_row_args *args) { return pc_ew_forward(c, e, args); }
/* The operand of the gradient is what the row saved. */
static pc_status backward(pc_call *c, const pc_ew *e, const pc_row_args *args, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_tensor *read = c->op->flags & PC_SAVE_OUT0 ? c->out[0] : pc_ew_saved(c);
    return pc_elementwise(e, 2, (pc_tensor *[]){ gout[0], read }, args, NULL, &gin[0]);
}
/* Steps have no slope. */
static pc_status no_slope(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return pc_zeros_like(c->in[0], &gin[0]);
}

/* NAME_forward and NAME_backward of a table entry; PRE sets `args` where there are arguments. */
#define CALLS(name, PRE)                                                                           \
    static pc_status name##_forward(pc_call *c)                                                    \
    {                                                                                              \
        PRE;                                                                                       \
        return forward(c, &name##_op.forward, args);                                               \
    }                                                                                              \
    static pc_status name##_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)          \
    {                                                                                              \
        PRE;                                                                                       \
        return backward(c, &name##_op.backward, args, gout, gin);                                  \
    }
#define NO_ARGS const pc_row_args *args = NULL
#define NUMBERS(n)                                                                                 \
    pc_row_args numbers = numbers_of(c, n);                                                        \
    const pc_row_args *args = &numbers

/* The operator's own arguments, n numbers. */
static pc_row_args numbers_of(const pc_call *c, int n)
{
    pc_row_args args = { .f = { 0 } };
    for (int k = 0; k < n; k++) args.f[k] = pc_value_f64(c->v[k]);
    return args;
}

/* ---- elementary functions ------------------------------------------------------------------------ */

/* FUNCTION(name, torch's name of its kernel, value in float32, in float64, gradient in float32, in float64);
   VECTOR_FUNCTION: the same where there is a kernel in float32. */
#define FUNCTION_OF(name, TORCH, SLOT, ROW, F64, G32, G64)                                         \
    PC_PLAIN1(name##_f64, double, double, , F64)                                                   \
    PC_PLAIN2(name##_g32, float, float, float, , G32)                                              \
    PC_PLAIN2(name##_g64, double, double, double, , G64)                                           \
    static const unary name##_op = {                                                               \
        { TORCH, PC_EW_FLOAT | PC_EW_COSTLY, SLOT, ROW, name##_f64, NULL, NULL },                        \
        { TORCH, PC_EW_COSTLY, 0, name##_g32, name##_g64, NULL, NULL },                                  \
    };                                                                                             \
    CALLS(name, NO_ARGS)
#define FUNCTION(name, TORCH, F32, F64, G32, G64)                                                  \
    PC_PLAIN1(name##_f32, float, float, , F32)                                                     \
    FUNCTION_OF(name, TORCH, 0, name##_f32, F64, G32, G64)
#define VECTOR_FUNCTION(name, TORCH, F64, G32, G64)                                                \
    FUNCTION_OF(name, TORCH, PC_SLOT(f32_##name), NULL, F64, G32, G64)

VECTOR_FUNCTION(exp, "exp_vml_cpu", exp(a), a * b, a * b)
FUNCTION(exp2, "exp2_cpu", exp2f(a), exp2(a), a * b * 0.693147180559945309f, a * b * 0.693147180559945309)
VECTOR_FUNCTION(expm1, "expm1_vml_cpu", expm1(a), a * (b + 1), a * (b + 1))
VECTOR_FUNCTION(log, "log_vml_cpu", log(a), a / b, a / b)
FUNCTION(log2, "log2_vml_cpu", log2f(a), log2(a), a / (b * 0.693147180559945309f), a / (b * 0.693147180559945309))
FUNCTION(log10, "log10_vml_cpu", log10f(a), log10(a), a / (b * 2.30258509299404568f),
         a / (b * 2.30258509299404568))
VECTOR_FUNCTION(log1p, "log1p_vml_cpu", log1p(a), a / (b + 1), a / (b + 1))
VECTOR_FUNCTION(sqrt, "sqrt_vml_cpu", sqrt(a), a / (2 * b), a / (2 * b))
VECTOR_FUNCTION(rsqrt, "rsqrt_vml_cpu", 1 / sqrt(a), -0.5f * a * (b * b * b),
         -0.5 * a * (b * b * b))
VECTOR_FUNCTION(reciprocal, "reciprocal_cpu", 1 / a, -a * (b * b), -a * (b * b))
FUNCTION(tan, "tan_vml_cpu", tanf(a), tan(a), a * (1 + b * b), a * (1 + b * b))
FUNCTION(asin, "asin_vml_cpu", asinf(a), asin(a), a * (1 / sqrtf(1 - b * b)), a * (1 / sqrt(1 - b * b)))
FUNCTION(acos, "acos_vml_cpu", acosf(a), acos(a), a * -(1 / sqrtf(1 - b * b)), a * -(1 / sqrt(1 - b * b)))
FUNCTION(atan, "atan_vml_cpu", atanf(a), atan(a), a / (b * b + 1), a / (b * b + 1))
FUNCTION(sinh, "sinh_vml_cpu", sinhf(a), sinh(a), a * coshf(b), a * cosh(b))
FUNCTION(cosh, "cosh_vml_cpu", coshf(a), cosh(a), a * sinhf(b), a * sinh(b))
VECTOR_FUNCTION(erf, "erf_vml_cpu", erf(a), 1.12837916709551257f * expf(-(b * b)) * a,
         1.12837916709551257 * exp(-(b * b)) * a)

FUNCTION(erfc, "erfc_vml_cpu", erfcf(a), erfc(a), -1.12837916709551257f * expf(-(b * b)) * a,
         -1.12837916709551257 * exp(-(b * b)) * a)

/* A rational guess, which two of Newton's steps make exact. */
static double erf_inverse(double y)
{
    const double size = fabs(y);
    double x;
    if (!(size < 1)) return size == 1 ? copysign(INFINITY, y) : NAN;
    if (size <= 0.7) {
        const double z = y * y;
        x = y * (((-0.140543331 * z + 0.914624893) * z - 1.645349621) * z + 0.886226899)
            / ((((0.012229801 * z - 0.329097515) * z + 1.442710462) * z - 2.118377725) * z + 1);
    } else {
        const double z = sqrt(-log((1 - size) / 2));
        x = copysign(((1.641345311 * z + 3.429567803) * z - 1.624906493) * z - 1.970840454, y)
            / ((1.637067800 * z + 3.543889200) * z + 1);
    }
    for (int k = 0; k < 2; k++) x -= (erf(x) - y) / (1.12837916709551257 * exp(-x * x));
    return x;
}
FUNCTION(erfinv, "erfinv_vml_cpu", (float)erf_inverse((double)a), erf_inverse(a),
         a * 0.886226925452758014f * expf(b * b), a * 0.886226925452758014 * exp(b * b))

/* A name, torch's name of its kernel, value and gradient in float64; kernels for both exist in float32. */
#define VECTOR_BOTH(name, TORCH, COST, F64, G64)                                                   \
    PC_PLAIN1(name##_f64, double, double, , F64)                                                   \
    PC_PLAIN2(name##_g64, double, double, double, , G64)                                           \
    static const unary name##_op = {                                                               \
        { TORCH, PC_EW_FLOAT | PC_EW_COSTLY, PC_SLOT(f32_##name), NULL, name##_f64, NULL, NULL },  \
        { TORCH, COST, PC_SLOT(f32_##name##_backward), NULL, name##_g64, NULL, NULL },             \
    };                                                                                             \
    CALLS(name, NO_ARGS)
VECTOR_BOTH(sin, "sin_vml_cpu", PC_EW_COSTLY, sin(a), a * cos(b))
VECTOR_BOTH(cos, "cos_vml_cpu", PC_EW_COSTLY, cos(a), a * -sin(b))
VECTOR_BOTH(sigmoid, "sigmoid_cpu", 0, 1 / (1 + exp(-a)), a * (1 - b) * b)
VECTOR_BOTH(tanh, "tanh_vml_cpu", 0, tanh(a), a * (1 - b * b))

/* ---- functions that keep integers integers ------------------------------------------------------- */

#define EXACT(name, TORCH, RULES, F64, I64, G32, G64)                                              \
    PC_PLAIN1(name##_f64, double, double, , F64)                                                   \
    PC_PLAIN1(name##_i64, int64_t, int64_t, , I64)                                                 \
    PC_PLAIN2(name##_g32, float, float, float, , G32)                                              \
    PC_PLAIN2(name##_g64, double, double, double, , G64)                                           \
    static const unary name##_op = {                                                               \
        { TORCH, RULES, PC_SLOT(f32_##name), NULL, name##_f64, name##_i64, NULL },                       \
        { TORCH, 0, 0, name##_g32, name##_g64, NULL, NULL },                                             \
    };

EXACT(abs, "abs_cpu", PC_EW_NO_BOOL, fabs(a), a < 0 ? 0 - WRAP(a) : WRAP(a),
      b > 0 ? a : b < 0 ? -a : 0, b > 0 ? a : b < 0 ? -a : 0)
CALLS(abs, NO_ARGS)
EXACT(square, "square", 0, a * a, WRAP(a) * WRAP(a), a * (2 * b), a * (2 * b))
/* As a power with an integer exponent: bools become integers. */
static pc_status square_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *counted = NULL;
    if (c->in[0]->dtype != PC_BOOL || c->inplace) return forward(c, &square_op.forward, NULL);
    PC_TRY(pc_cast(c->in[0], PC_I64, &counted));
    PC_TRY(pc_elementwise(&square_op.forward, 1, &counted, NULL, NULL, &c->out[0]));
done:
    pc_release(counted);
    return status;
}
static pc_status square_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return backward(c, &square_op.backward, NULL, gout, gin);
}

#define SIGN ((a > 0) - (a < 0))
PC_PLAIN1(sign_f32, float, float, , SIGN)
PC_PLAIN1(sign_f64, double, double, , SIGN)
PC_PLAIN1(sign_i64, int64_t, int64_t, , SIGN)
static const pc_ew ew_sign = { "sign_cpu", 0, 0, sign_f32, sign_f64, sign_i64, NULL };
static pc_status sign_forward(pc_call *c) { return forward(c, &ew_sign, NULL); }

PC_PLAIN1(neg_f64, double, double, , -a)
PC_PLAIN1(neg_i64, int64_t, int64_t, , 0 - WRAP(a))
static const pc_ew ew_neg = { "neg_cpu", PC_EW_NO_BOOL, PC_SLOT(f32_neg), NULL, neg_f64, neg_i64, NULL };
static pc_status neg_forward(pc_call *c)
{
    if (c->in[0]->dtype == PC_BOOL)
        return pc_fail(PC_ENOTIMPL, "Negation, the `-` operator, on a bool tensor is not supported. If you are trying "
                       "to invert a mask, use the `~` or `logical_not()` operator instead.");
    return forward(c, &ew_neg, NULL);
}
static pc_status neg_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return pc_elementwise(&ew_neg, 1, gout, NULL, NULL, &gin[0]);
}

/* Rounding: integers stay as they are. */
#define ROUNDING(name, KERNEL, F64)                                                                \
    PC_PLAIN1(name##_f64, double, double, , F64)                                                   \
    PC_PLAIN1(name##_i64, int64_t, int64_t, , a)                                                   \
    static const pc_ew ew_##name = { #name "_vml_cpu", PC_EW_NO_BOOL, KERNEL, NULL, name##_f64, name##_i64, NULL };
ROUNDING(floor, PC_SLOT(f32_floor), floor(a))
ROUNDING(ceil, PC_SLOT(f32_ceil), ceil(a))
ROUNDING(round, PC_SLOT(f32_round), rint(a))
ROUNDING(trunc, PC_SLOT(f32_trunc), trunc(a))
/* To decimals: args->f[0] is the power of ten, args->i[0] says that it divides. */
PC_PLAIN1(round_to_f32, float, float, float p = (float)args->f[0], args->i[0] ? rintf(a / p) * p : rintf(a * p) / p)
PC_PLAIN1(round_to_f64, double, double, double p = args->f[0], args->i[0] ? rint(a / p) * p : rint(a * p) / p)
static const pc_ew ew_round_to = { "round_vml_cpu", PC_EW_NO_BOOL, 0, round_to_f32, round_to_f64, NULL, NULL };
PC_PLAIN1(frac_f32, float, float, , a - truncf(a))
PC_PLAIN1(frac_f64, double, double, , a - trunc(a))
static const pc_ew ew_frac = { "frac_cpu", 0, 0, frac_f32, frac_f64, NULL, NULL };

static pc_status floor_forward(pc_call *c) { return forward(c, &ew_floor, NULL); }
static pc_status ceil_forward(pc_call *c) { return forward(c, &ew_ceil, NULL); }
static pc_status trunc_forward(pc_call *c) { return forward(c, &ew_trunc, NULL); }
static pc_status frac_forward(pc_call *c) { return forward(c, &ew_frac, NULL); }
static pc_status frac_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    gin[0] = pc_retain(gout[0]);
    return PC_OK;
}
static pc_status round_forward(pc_call *c)
{
    int64_t decimals = c->v[0].i;
    pc_row_args args = { .f = { pow(10.0, (double)(decimals < 0 ? -decimals : decimals)) }, .i = { decimals < 0 } };
    return forward(c, decimals == 0 ? &ew_round : &ew_round_to, &args);
}

/* ---- tests of single elements -------------------------------------------------------------------- */

#define TEST(name, F32, F64, I64)                                                                  \
    PC_ROW1(name##_f32, uint8_t, float, , F32)                                                     \
    PC_PLAIN1(name##_f64, uint8_t, double, , F64)                                                  \
    PC_PLAIN1(name##_i64, uint8_t, int64_t, , I64)                                                 \
    static const pc_ew ew_##name = { #name, PC_EW_BOOL, 0, name##_f32, name##_f64, name##_i64, NULL };   \
    static pc_status name##_forward(pc_call *c) { return forward(c, &ew_##name, NULL); }
TEST(isnan, a != a, a != a, a != a)
TEST(isinf, fabsf(a) > FLT_MAX, fabs(a) > DBL_MAX, a != a)
TEST(isfinite, fabsf(a) <= FLT_MAX, fabs(a) <= DBL_MAX, a == a)

#define IS_ZERO(name, KIND, T) KIND(logical_not_##name, uint8_t, T, , a == 0)
IS_ZERO(f32, PC_ROW1, float)
IS_ZERO(f64, PC_PLAIN1, double)
IS_ZERO(i64, PC_PLAIN1, int64_t)
IS_ZERO(u8, PC_ROW1, uint8_t)
static const pc_ew ew_logical_not = { "logical_not_cpu", PC_EW_BOOL | PC_EW_BYTES, 0, logical_not_f32, logical_not_f64,
                                      logical_not_i64, logical_not_u8 };
static pc_status logical_not_forward(pc_call *c) { return forward(c, &ew_logical_not, NULL); }

PC_PLAIN1(bitwise_not_i64, int64_t, int64_t, , ~a)
static const pc_ew ew_bitwise_not = { "bitwise_not_cpu", 0, 0, NULL, NULL, bitwise_not_i64, NULL };
static pc_status bitwise_not_forward(pc_call *c)
{
    return forward(c, c->in[0]->dtype == PC_BOOL ? &ew_logical_not : &ew_bitwise_not, NULL);
}

/* ---- activations --------------------------------------------------------------------------------- */

/* A name, torch's name of its kernel, the arguments, value and gradient in float64; kernels exist in float32. */
#define ACTIVATION(name, TORCH, PRE, F64, G64)                                                     \
    PC_PLAIN1(name##_f64, double, double, PRE, F64)                                                \
    PC_PLAIN2(name##_g64, double, double, double, PRE, G64)                                        \
    static const unary name##_op = {                                                               \
        { TORCH, PC_EW_COSTLY, PC_SLOT(f32_##name), NULL, name##_f64, NULL, NULL },                      \
        { TORCH, PC_EW_COSTLY, PC_SLOT(f32_##name##_backward), NULL, name##_g64, NULL, NULL },           \
    };

static double silu_slope(double x)
{
    double s = 1 / (1 + exp(-x));
    return s * (1 + x * (1 - s));
}
static double normal_cdf(double x) { return 0.5 * (1 + erf(x * 0.707106781186547524)); }
static double gelu_inner(double x) { return tanh(0.797884560802865356 * (x + 0.044715 * x * x * x)); }
static double gelu_tanh_slope(double x)
{
    double t = gelu_inner(x), s = 0.797884560802865356 * (1 + 3 * 0.044715 * x * x);
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * s;
}
static double mish_slope(double x)
{
    double t = tanh(x > 20 ? x : log1p(exp(x)));
    return t + x * (1 - t * t) / (1 + exp(-x));
}
static double six(double x) { return x < 0 ? 0 : x > 6 ? 6 : x; }

ACTIVATION(leaky_relu, "leaky_relu_cpu", double slope = args->f[0], a > 0 ? a : a * slope, b > 0 ? a : a * slope)
#define ELU_ARGS double alpha = args->f[0]; double scale = args->f[1]; double inner = args->f[2]
ACTIVATION(elu, "elu_cpu", ELU_ARGS, a <= 0 ? expm1(a * inner) * alpha : a * scale,
           b <= 0 ? a * inner * alpha * exp(b * inner) : a * scale)
ACTIVATION(gelu, "GeluKernelImpl", , a * normal_cdf(a),
           a * (normal_cdf(b) + b * exp(b * b * -0.5) * 0.398942280401432678))
ACTIVATION(gelu_tanh, "GeluKernelImpl", , 0.5 * a * (1 + gelu_inner(a)), a * gelu_tanh_slope(b))
ACTIVATION(silu, "silu_cpu", , a / (1 + exp(-a)), a * silu_slope(b))
ACTIVATION(mish, "mish_cpu", , a * tanh(a > 20 ? a : log1p(exp(a))), a * mish_slope(b))
#define SOFTPLUS_ARGS double beta = args->f[0]; double limit = args->f[1]
ACTIVATION(softplus, "softplus_cpu", SOFTPLUS_ARGS, a * beta > limit ? a : log1p(exp(a * beta)) / beta,
           b * beta > limit ? a : a / (1 + exp(-b * beta)))
ACTIVATION(logsigmoid, "log_sigmoid_cpu", , (a < 0 ? a : 0) - log1p(exp(-fabs(a))), a / (1 + exp(b)))
ACTIVATION(hardswish, "hardswish_cpu", , a * six(a + 3) / 6, b <= -3 ? 0 : b < 3 ? a * (b / 3 + 0.5) : a)
#define SIXTH ((double)(1.0f / 6.0f)) /* torch's, rounded to float */
ACTIVATION(hardsigmoid, "hardsigmoid_cpu", , six(a + 3) / 6, b > -3 && b < 3 ? a * SIXTH : 0)

CALLS(leaky_relu, NUMBERS(1))
CALLS(silu, NO_ARGS)
CALLS(mish, NO_ARGS)
/* Contiguous, as in torch. */
static pc_status logsigmoid_forward(pc_call *c)
{
    pc_status status = pc_tensor_new(c->in[0]->dtype, c->in[0]->ndim, c->in[0]->shape, &c->out[0]);
    return status == PC_OK ? pc_elementwise_into(&logsigmoid_op.forward, 1, c->in, NULL, c->out[0]) : status;
}
static pc_status logsigmoid_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return backward(c, &logsigmoid_op.backward, NULL, gout, gin);
}
CALLS(hardswish, NO_ARGS)
CALLS(hardsigmoid, NO_ARGS)
CALLS(softplus, NUMBERS(2))

/* elu, selu and celu differ in three factors: of exp(x) - 1, of positive x, of x within the exponential. */
#define SELU_SCALE 1.0507009873554804934193349852946
#define SELU_ALPHA 1.6732632423543772848170429916717
static pc_row_args elu_factors(const pc_call *c) { return (pc_row_args){ .f = { pc_value_f64(c->v[0]), 1, 1 } }; }
static pc_row_args selu_factors(const pc_call *c)
{
    return (pc_row_args){ .f = { SELU_ALPHA * SELU_SCALE, SELU_SCALE, 1 } };
}
static pc_row_args celu_factors(const pc_call *c)
{
    double alpha = pc_value_f64(c->v[0]);
    return (pc_row_args){ .f = { alpha, 1, 1 / alpha } };
}
#define ELU_KIND(name)                                                                             \
    static pc_status name##_forward(pc_call *c)                                                    \
    {                                                                                              \
        pc_row_args args = name##_factors(c);                                                      \
        if (args.f[0] == 0 && args.f[2] != 1) return pc_fail(PC_ESHAPE, "ZeroDivisionError: alpha cannot be 0"); \
        return forward(c, &elu_op.forward, &args);                                                 \
    }                                                                                              \
    static pc_status name##_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)          \
    {                                                                                              \
        pc_row_args args = name##_factors(c);                                                      \
        return backward(c, &elu_op.backward, &args, gout, gin);                                    \
    }
ELU_KIND(elu)
ELU_KIND(selu)
ELU_KIND(celu)

static const unary *gelu_of(const pc_call *c) { return c->v[0].i != 0 ? &gelu_tanh_op : &gelu_op; }
static pc_status gelu_forward(pc_call *c) { return forward(c, &gelu_of(c)->forward, NULL); }
static pc_status gelu_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return backward(c, &gelu_of(c)->backward, NULL, gout, gin);
}

/* hardtanh, relu6, threshold take integers too. */
#define LIMITS(T)                                                                                  \
    T low = (T)args->f[0];                                                                         \
    T high = (T)args->f[1]
PC_PLAIN1(hardtanh_f64, double, double, LIMITS(double), a < low ? low : a > high ? high : a)
PC_PLAIN1(hardtanh_i64, int64_t, int64_t, LIMITS(int64_t), a < low ? low : a > high ? high : a)
PC_PLAIN2(hardtanh_g64, double, double, double, LIMITS(double), b <= low || b >= high ? 0 : a)
static const unary hardtanh_op = {
    { "hardtanh_cpu", PC_EW_NO_BOOL, PC_SLOT(f32_clamp_range), NULL, hardtanh_f64, hardtanh_i64, NULL },
    { "hardtanh_cpu", 0, PC_SLOT(f32_hardtanh_backward), NULL, hardtanh_g64, NULL, NULL },
};
CALLS(hardtanh, NUMBERS(2))
static const pc_row_args relu6_args = { .f = { 0, 6 } };
static pc_status relu6_forward(pc_call *c) { return forward(c, &hardtanh_op.forward, &relu6_args); }
static pc_status relu6_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return backward(c, &hardtanh_op.backward, &relu6_args, gout, gin);
}
PC_PLAIN1(threshold_f64, double, double, LIMITS(double), a <= low ? high : a)
PC_PLAIN1(threshold_i64, int64_t, int64_t, LIMITS(int64_t), a <= low ? high : a)
PC_PLAIN2(threshold_g64, double, double, double, double low = args->f[0], b <= low ? 0 : a)
static const unary threshold_op = {
    { "threshold_cpu", PC_EW_NO_BOOL, PC_SLOT(f32_threshold), NULL, threshold_f64, threshold_i64, NULL },
    { "threshold_cpu", 0, PC_SLOT(f32_threshold_backward), NULL, threshold_g64, NULL, NULL },
};
CALLS(threshold, NUMBERS(2))

/* ---- prelu: one slope, or one a channel ---------------------------------------------------------- */

PC_PLAIN2(prelu_f32, float, float, float, , a > 0 ? a : a * b)
PC_PLAIN2(prelu_f64, double, double, double, , a > 0 ? a : a * b)
PC_PLAIN3(prelu_x_f32, float, float, float, float, , b > 0 ? a : a * c)
PC_PLAIN3(prelu_x_f64, double, double, double, double, , b > 0 ? a : a * c)
PC_PLAIN2(prelu_w_f32, float, float, float, , b > 0 ? 0 : a * b)
PC_PLAIN2(prelu_w_f64, double, double, double, , b > 0 ? 0 : a * b)
static const pc_ew ew_prelu = { "prelu_cpu", 0, 0, prelu_f32, prelu_f64, NULL, NULL };
static const pc_ew ew_prelu_x = { "prelu_cpu", 0, 0, prelu_x_f32, prelu_x_f64, NULL, NULL };
static const pc_ew ew_prelu_w = { "prelu_cpu", 0, 0, prelu_w_f32, prelu_w_f64, NULL, NULL };

/* The weights along dimension 1 of x. */
static pc_status weight_view(pc_tensor *x, pc_tensor *w, pc_tensor **out)
{
    int64_t shape[PC_MAX_DIMS], stride[PC_MAX_DIMS] = { 0 };
    int channel = x->ndim > 1 ? 1 : 0;
    for (int d = 0; d < x->ndim; d++) shape[d] = 1;
    if (w->numel > 1) {
        shape[channel] = w->numel;
        stride[channel] = w->stride[0];
    }
    return pc_tensor_view(w, x->ndim, shape, stride, w->offset, out);
}
static pc_status prelu_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *x = c->in[0], *w = c->in[1], *view = NULL;
    int64_t channels = x->ndim > 1 ? x->shape[1] : 1;
    PC_CHECK(w->ndim <= 1, PC_ESHAPE, "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = %d",
             w->ndim);
    PC_CHECK(w->numel == 1 || x->ndim > 0, PC_ESHAPE, "Not allow zero-dim input tensor.");
    PC_CHECK(w->numel == 1 || w->numel == channels, PC_ESHAPE, "Mismatch of parameter numbers and input channel size. "
             "Found parameter numbers = %lld and channel size = %lld.", (long long)w->numel, (long long)channels);
    PC_CHECK(w->dtype == x->dtype, PC_ESHAPE, "prelu: Type promoting not supported. Got %s and %s",
             pc_dtype_name(x->dtype), pc_dtype_name(w->dtype));
    PC_TRY(pc_tensor_settle(w));
    PC_TRY(weight_view(x, w, &view));
    PC_TRY(pc_elementwise(&ew_prelu, 2, (pc_tensor *[]){ x, view }, NULL, NULL, &c->out[0]));
done:
    pc_release(view);
    return status;
}
static pc_status prelu_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *g = gout[0], *x = c->in[0], *w = c->in[1], *view = NULL, *all = NULL, *sum = NULL;
    PC_TRY(weight_view(x, w, &view));
    if (c->need[0]) PC_TRY(pc_elementwise(&ew_prelu_x, 3, (pc_tensor *[]){ g, x, view }, NULL, NULL, &gin[0]));
    if (c->need[1]) {
        PC_TRY(pc_elementwise(&ew_prelu_w, 2, (pc_tensor *[]){ g, x }, NULL, NULL, &all));
        PC_TRY(pc_sum_to(all, view, &sum));
        PC_TRY(pc_tensor_new(w->dtype, w->ndim, w->shape, &gin[1]));
        PC_TRY(pc_tensor_settle(sum));
        memcpy(pc_data(gin[1]), pc_data(sum), (size_t)(w->numel * pc_dtype_size(w->dtype)));
    }
done:
    pc_release(view);
    pc_release(all);
    pc_release(sum);
    return status;
}

/* ---- rows ---------------------------------------------------------------------------------------- */

#define PLAIN (PC_FUNCTION | PC_METHOD | PC_PRIVATE | PC_INPLACE | PC_PRIVATE_WRITE)
#define NN (PC_NN | PC_PRIVATE | PC_INPLACE | PC_PRIVATE_WRITE)
#define TESTS (PC_FUNCTION | PC_METHOD | PC_PRIVATE | PC_NOGRAD)
#define IN0 PC_SAVE_IN0
#define OUT0 PC_SAVE_OUT0
#define ROW(name, extra, doc) { #name "(Tensor self) -> Tensor", name##_forward, name##_backward, PLAIN | extra, doc }
#define STEP(name, doc) { #name "(Tensor self) -> Tensor", name##_forward, no_slope, PLAIN, doc }
#define ALIAS(name, of, extra, doc)                                                                \
    { #name "(Tensor self) -> Tensor", of##_forward, of##_backward, PLAIN | extra, doc }

static const pc_op rows[] = {
    ROW(exp, OUT0, "e to the power of each element."),
    ROW(exp2, OUT0, "2 to the power of each element."),
    ROW(expm1, OUT0, "exp(x) - 1, exact for small x."),
    ROW(log, IN0, "Natural logarithm."),
    ROW(log2, IN0, "Logarithm to base 2."),
    ROW(log10, IN0, "Logarithm to base 10."),
    ROW(log1p, IN0, "log(1 + x), exact for small x."),
    ROW(sqrt, OUT0, "Square root."),
    ROW(rsqrt, OUT0, "1 / sqrt(x)."),
    ROW(square, IN0, "x * x."),
    ROW(reciprocal, OUT0, "1 / x."),
    ROW(sin, IN0, "Sine, of radians."),
    ROW(cos, IN0, "Cosine, of radians."),
    ROW(tan, OUT0, "Tangent, of radians."),
    ROW(erfc, IN0, "One minus the error function."),
    ROW(erfinv, OUT0, "Inverse of the error function."),
    ROW(asin, IN0, "Inverse sine."),
    ROW(acos, IN0, "Inverse cosine."),
    ROW(atan, IN0, "Inverse tangent."),
    ROW(sinh, IN0, "Hyperbolic sine."),
    ROW(cosh, IN0, "Hyperbolic cosine."),
    { "tanh(Tensor self) -> Tensor", tanh_forward, tanh_backward, PLAIN | PC_NN | OUT0, "Hyperbolic tangent." },
    { "sigmoid(Tensor self) -> Tensor", sigmoid_forward, sigmoid_backward, PLAIN | PC_NN | OUT0, "1 / (1 + exp(-x))." },
    ROW(erf, IN0, "The error function."),
    ROW(abs, IN0, "Absolute value."),
    ALIAS(absolute, abs, IN0, "Absolute value: another name of abs."),
    ROW(neg, 0, "-x."),
    ALIAS(negative, neg, 0, "-x: another name of neg."),
    STEP(sign, "-1, 0 or 1."),
    STEP(floor, "The largest integer that is not larger."),
    STEP(ceil, "The smallest integer that is not smaller."),
    { "round(Tensor self, *, int decimals=0) -> Tensor", round_forward, no_slope, PLAIN,
      "The nearest integer (or multiple of 10 to the power of -decimals), ties to even.\n"
      "decimals: Digits after the point; negative ones count before it." },
    STEP(trunc, "The integer part."),
    ALIAS(frac, frac, 0, "The part after the point, with the sign of x."),
    { "isnan(Tensor self) -> Tensor", isnan_forward, NULL, TESTS, "Is the element NaN?" },
    { "isinf(Tensor self) -> Tensor", isinf_forward, NULL, TESTS, "Is the element infinite?" },
    { "isfinite(Tensor self) -> Tensor", isfinite_forward, NULL, TESTS, "Is the element neither infinite nor NaN?" },
    { "logical_not(Tensor self) -> Tensor", logical_not_forward, NULL, TESTS | PC_INPLACE, "Is the element 0?" },
    { "bitwise_not(Tensor self) -> Tensor", bitwise_not_forward, NULL, TESTS | PC_INPLACE, "All bits turned." },
    { "leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor", leaky_relu_forward, leaky_relu_backward,
      NN | IN0, "x where it is positive, negative_slope * x elsewhere." },
    { "elu(Tensor self, Scalar alpha=1.0) -> Tensor", elu_forward, elu_backward, NN | IN0,
      "x where it is positive, alpha * (exp(x) - 1) elsewhere." },
    { "selu(Tensor self) -> Tensor", selu_forward, selu_backward, NN | PC_FUNCTION | IN0,
      "elu scaled so that activations normalise themselves." },
    { "celu(Tensor self, Scalar alpha=1.0) -> Tensor", celu_forward, celu_backward, NN | PC_FUNCTION | IN0,
      "x where it is positive, alpha * (exp(x / alpha) - 1) elsewhere." },
    { "gelu(Tensor self, *, int approximate=0) -> Tensor", gelu_forward, gelu_backward, PC_NN | PC_PRIVATE | IN0,
      "x times the normal distribution's Phi(x); approximate: 1 for the formula with tanh." },
    { "silu(Tensor self) -> Tensor", silu_forward, silu_backward, NN | IN0, "x * sigmoid(x)." },
    { "mish(Tensor self) -> Tensor", mish_forward, mish_backward, NN | IN0, "x * tanh(softplus(x))." },
    { "softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor", softplus_forward, softplus_backward,
      PC_NN | PC_PRIVATE | IN0, "log(1 + exp(beta * x)) / beta; x where beta * x is above threshold." },
    { "logsigmoid(Tensor self) -> Tensor", logsigmoid_forward, logsigmoid_backward, PC_NN | PC_PRIVATE | IN0,
      "log(sigmoid(x))." },
    { "hardswish(Tensor self) -> Tensor", hardswish_forward, hardswish_backward, NN | IN0, "x * hardsigmoid(x)." },
    { "hardsigmoid(Tensor self) -> Tensor", hardsigmoid_forward, hardsigmoid_backward, NN | IN0,
      "x / 6 + 1 / 2 brought into [0, 1]." },
    { "hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor", hardtanh_forward, hardtanh_backward,
      NN | IN0, "x brought into [min_val, max_val]." },
    { "relu6(Tensor self) -> Tensor", relu6_forward, relu6_backward, NN | IN0, "x brought into [0, 6]." },
    { "threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor", threshold_forward, threshold_backward,
      NN | PC_FUNCTION | IN0, "x where it is above threshold, value elsewhere.\n"
      "threshold: Bound above which the input is kept.\n"
      "value: What stands elsewhere." },
    { "prelu(Tensor self, Tensor weight) -> Tensor", prelu_forward, prelu_backward,
      PC_FUNCTION | PC_METHOD | PC_NN | PC_PRIVATE | IN0 | PC_SAVE_IN1,
      "x where it is positive, weight * x elsewhere; one weight, or one a channel.\n"
      "weight: Slopes where the input is negative: one, or one for each channel." },
};
PC_FAMILY(unary, rows);
