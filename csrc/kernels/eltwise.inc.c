/* eltwise.inc.c -- kernels of copies and of operators that treat each element by itself. */

static void f32_accumulate(float *dst, const float *src, int64_t n)
{
    int64_t i = 0;
    for (; i + VL <= n; i += VL) vf_store(dst + i, vf_load(dst + i) + vf_load(src + i));
    for (; i < n; i++) dst[i] += src[i];
}

/* Runs of 16 vectors are summed in float (an error of some 1e-7), those sums in double. */
static double f32_total(const float *x, int64_t n)
{
    double total = 0;
    int64_t i = 0;
    for (; i + 16 * VL <= n; i += 16 * VL) {
        vf a = vf_load(x + i), b = vf_load(x + i + VL);
        for (int k = 2; k < 16; k += 2) {
            a += vf_load(x + i + k * VL);
            b += vf_load(x + i + (k + 1) * VL);
        }
        a += b;
        for (int k = 0; k < VL; k++) total += a[k];
    }
    for (; i < n; i++) total += x[i];
    return total;
}

/* Rows r and r + s exchange blocks of s columns, for every second s of them: VL's powers of two together transpose. */
ALWAYS_INLINE void exchange(vi *v, const int s)
{
#pragma GCC unroll 16
    for (int r = 0; r < VL; r++) {
        vi a, b, upper, lower;
        if (r & s) continue;
        for (int l = 0; l < VL; l++) upper[l] = l & s ? (l ^ s) + VL : l, lower[l] = l & s ? l + VL : l ^ s;
        a = v[r], b = v[r + s];
        v[r] = __builtin_shuffle(a, b, upper);
        v[r + s] = __builtin_shuffle(a, b, lower);
    }
}
static void u32_transpose16(uint32_t *dst, int64_t ldd, const uint32_t *src, int64_t lds)
{
    for (int j = 0; j < 16; j += VL)
        for (int i = 0; i < 16; i += VL) {
            vi v[VL];
#pragma GCC unroll 16
            for (int r = 0; r < VL; r++) memcpy(&v[r], src + (i + r) * lds + j, sizeof v[r]);
            if (VL > 8) exchange(v, 8 % VL);
            if (VL > 4) exchange(v, 4 % VL);
            exchange(v, 2);
            exchange(v, 1);
#pragma GCC unroll 16
            for (int r = 0; r < VL; r++) memcpy(dst + (j + r) * ldd + i, &v[r], sizeof v[r]);
        }
}

/* ---- conversions ---------------------------------------------------------------------------------- */

PC_PLAIN1(f16_from_f32_strided, uint16_t, float, , pc_f32_to_f16(a))
PC_PLAIN1(f32_from_f16_strided, float, uint16_t, , pc_f16_to_f32(a))

static void f16_from_f32 PC_ROW_PARAMS
{
    int64_t i = 0;
#if defined(__F16C__)
    if (stride[0] == 2 && stride[1] == 4)
        for (; i + 8 <= n; i += 8) {
            __m256 x = _mm256_loadu_ps((const float *)(data[1] + 4 * i));
            _mm_storeu_si128((__m128i *)(data[0] + 2 * i), _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
        }
#endif
    f16_from_f32_strided(args, n - i, (char *const[]){ data[0] + i * stride[0], data[1] + i * stride[1] }, stride);
}
static void f32_from_f16 PC_ROW_PARAMS
{
    int64_t i = 0;
#if defined(__F16C__)
    if (stride[0] == 4 && stride[1] == 2)
        for (; i + 8 <= n; i += 8)
            _mm256_storeu_ps((float *)(data[0] + 4 * i),
                             _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(data[1] + 2 * i))));
#endif
    f32_from_f16_strided(args, n - i, (char *const[]){ data[0] + i * stride[0], data[1] + i * stride[1] }, stride);
}

/* ---- rows that the compiler vectorises ----------------------------------------------------------- */

#define F32_1(name, EXPR) PC_ROW1(f32_##name, float, float, , EXPR)
#define F32_2(name, PRE, EXPR) PC_ROW2(f32_##name, float, float, float, PRE, EXPR)
#define F32_3(name, PRE, EXPR) PC_ROW3(f32_##name, float, float, float, float, PRE, EXPR)

F32_2(add, , a + b)
F32_2(add_scaled, float s = (float)args->f[0], fmaf(b, s, a)) /* one rounding, as torch */
F32_2(sub, , a - b)
F32_2(mul, , a * b)
F32_2(div, , a / b)
F32_2(number_div, , a * (1.0f / b))
/* A NaN in either operand is the result. */
F32_2(maximum, , a > b || a != a ? a : b)
F32_2(minimum, , a < b || a != a ? a : b)
F32_3(lerp, , fabsf(c) < 0.5f ? a + c * (b - a) : b - (b - a) * (1.0f - c))
F32_3(addcmul, float s = (float)args->f[0], a + s * b * c)
F32_3(addcdiv, float s = (float)args->f[0], a + s * b / c)
PC_ROW3(f32_where, float, uint8_t, float, float, , a ? b : c)
PC_ROW3(f32_masked_fill, float, float, uint8_t, float, , b ? c : a)
PC_ROW2(f32_masked_keep, float, uint8_t, float, , a ? b : 0.0f)
PC_ROW2(f32_masked_drop, float, uint8_t, float, , a ? 0.0f : b)
/* min(max(a, b), c), NaN if any of them is. */
static inline float clamp_one(float a, float b, float c)
{
    float low = a < b || b != b ? b : a;
    return low > c || c != c ? c : low;
}
F32_3(clamp, , clamp_one(a, b, c))
/* The same where neither bound is NaN. */
PC_ROW1(f32_clamp_range, float, float, float low = (float)args->f[0]; float high = (float)args->f[1],
        (a < low ? low : a) > high ? high : a < low ? low : a)

PC_ROW1(f32_scale, float, float, float s = (float)args->f[0], a * s)
F32_1(neg, -a)
F32_1(abs, fabsf(a))
F32_1(sqrt, sqrtf(a))
F32_1(rsqrt, 1.0f / sqrtf(a))
F32_1(square, a * a)
F32_1(cube, a * a * a)
F32_1(reciprocal, 1.0f / a)
F32_1(floor, floorf(a))
F32_1(ceil, ceilf(a))
F32_1(round, rintf(a))
F32_1(trunc, truncf(a))

F32_2(tanh_backward, , a * (1.0f - b * b))
F32_2(sigmoid_backward, , a * (1.0f - b) * b)
F32_1(hardswish, a * clamp_one(a + 3.0f, 0.0f, 6.0f) / 6.0f)
F32_2(hardswish_backward, , b <= -3.0f ? 0.0f : b < 3.0f ? a * (b / 3.0f + 0.5f) : a)
F32_1(hardsigmoid, clamp_one(a + 3.0f, 0.0f, 6.0f) / 6.0f)
F32_2(hardsigmoid_backward, , b > -3.0f && b < 3.0f ? a * (1.0f / 6.0f) : 0.0f)
PC_ROW2(f32_hardtanh_backward, float, float, float, float low = (float)args->f[0]; float high = (float)args->f[1],
        b <= low || b >= high ? 0.0f : a)
PC_ROW1(f32_leaky_relu, float, float, float slope = (float)args->f[0], a > 0.0f ? a : a * slope)
F32_2(leaky_relu_backward, float slope = (float)args->f[0], b > 0.0f ? a : a * slope)
PC_ROW1(f32_threshold, float, float, float limit = (float)args->f[0]; float value = (float)args->f[1],
        a <= limit ? value : a)
F32_2(threshold_backward, float limit = (float)args->f[0], b <= limit ? 0.0f : a)

#define COMPARE(name, OP) PC_ROW2(f32_##name, uint8_t, float, float, , a OP b)
COMPARE(eq, ==)
COMPARE(ne, !=)
COMPARE(lt, <)
COMPARE(le, <=)
COMPARE(gt, >)
COMPARE(ge, >=)

/* ---- rows of vector functions -------------------------------------------------------------------- */

/* m elements of an operand, m <= VL. */
ALWAYS_INLINE vf take(const char *p, int64_t stride, int m)
{
    vf v = { 0 };
    if (stride == 4) return m == VL ? vf_load((const float *)p) : vf_load_n((const float *)p, m);
    for (int k = 0; k < m; k++) v[k] = *(const float *)(p + k * stride);
    return v;
}
ALWAYS_INLINE void put(char *p, int64_t stride, vf v, int m)
{
    if (stride == 4 && m == VL) vf_store((float *)p, v);
    else if (stride == 4) vf_store_n((float *)p, v, m);
    else
        for (int k = 0; k < m; k++) *(float *)(p + k * stride) = v[k];
}
#define VECTOR_1(name, PRE, EXPR)                                                                  \
    static void f32_##name PC_ROW_PARAMS                                                           \
    {                                                                                              \
        PC_HEAD1(PRE)                                                                              \
        for (int64_t i = 0; i < n; i += VL, o += VL * so, pa += VL * sa) {                         \
            int m = n - i < VL ? (int)(n - i) : VL;                                                \
            vf a = take(pa, sa, m);                                                                \
            put(o, so, EXPR, m);                                                                   \
        }                                                                                          \
    }
#define VECTOR_2(name, PRE, EXPR)                                                                  \
    static void f32_##name PC_ROW_PARAMS                                                           \
    {                                                                                              \
        PC_HEAD2(PRE)                                                                              \
        for (int64_t i = 0; i < n; i += VL, o += VL * so, pa += VL * sa, pb += VL * sb) {          \
            int m = n - i < VL ? (int)(n - i) : VL;                                                \
            vf a = take(pa, sa, m), b = take(pb, sb, m);                                           \
            put(o, so, EXPR, m);                                                                   \
        }                                                                                          \
    }

VECTOR_1(exp, , vf_exp(a))
VECTOR_1(log, , vf_log(a))
VECTOR_1(log1p, , vf_log1p(a))
VECTOR_1(expm1, , vf_expm1(a))
VECTOR_1(tanh, , vf_tanh(a))
VECTOR_1(sigmoid, , vf_sigmoid(a))
VECTOR_1(erf, , vf_erf(a))
VECTOR_1(sin, , vf_sin(a))
VECTOR_1(cos, , vf_cos(a))
VECTOR_2(sin_backward, , a * vf_cos(b))
VECTOR_2(cos_backward, , a * -vf_sin(b))

/* args: the factors of exp(x) - 1, of positive x, and of x within the exponential. */
#define ELU_ARGS float alpha = (float)args->f[0]; float scale = (float)args->f[1]; float inner = (float)args->f[2]
VECTOR_1(elu, ELU_ARGS, vf_blend(vf_gt(a, vf_set(0.0f)), a * scale, vf_expm1(a * inner) * alpha))
VECTOR_2(elu_backward, ELU_ARGS, vf_blend(vf_le(b, vf_set(0.0f)), a * (inner * alpha) * vf_exp(b * inner), a * scale))

#define SQRT_HALF 0.707106781186547524f
ALWAYS_INLINE vf normal_cdf(vf x) { return 0.5f * (1.0f + vf_erf_fast(x * SQRT_HALF)); }
VECTOR_1(gelu, , a * normal_cdf(a))
VECTOR_2(gelu_backward, , a * (normal_cdf(b) + b * vf_exp(b * b * -0.5f) * 0.398942280401432678f))
#define GELU_BETA 0.797884560802865356f /* sqrt(2 / pi) */
ALWAYS_INLINE vf gelu_inner(vf x) { return vf_tanh(GELU_BETA * (x + 0.044715f * (x * x * x))); }
ALWAYS_INLINE vf gelu_tanh_slope(vf x)
{
    vf t = gelu_inner(x), s = GELU_BETA * (1.0f + 3.0f * 0.044715f * (x * x));
    return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * s;
}
VECTOR_1(gelu_tanh, , 0.5f * a * (1.0f + gelu_inner(a)))
VECTOR_2(gelu_tanh_backward, , a * gelu_tanh_slope(b))

ALWAYS_INLINE vf silu_slope(vf x)
{
    vf s = vf_sigmoid(x);
    return s * (1.0f + x * (1.0f - s));
}
VECTOR_1(silu, , a / (1.0f + vf_exp(-a)))
VECTOR_2(silu_backward, , a * silu_slope(b))

/* tanh(log(1 + e^x)) is n / (n + 2) with n = e^x (e^x + 2); 1 where the square would overflow. */
ALWAYS_INLINE vf tanh_softplus(vf x, vf *e)
{
    *e = vf_exp(vf_min(vf_set(20.0f), x));
    vf n = *e * (*e + 2.0f);
    return n / (n + 2.0f);
}
ALWAYS_INLINE vf mish_slope(vf x)
{
    vf e, t = tanh_softplus(x, &e);
    return t + x * (e / (1.0f + e)) * (1.0f - t * t);
}
ALWAYS_INLINE vf mish_of(vf x)
{
    vf e;
    return x * tanh_softplus(x, &e);
}
VECTOR_1(mish, , mish_of(a))
VECTOR_2(mish_backward, , a * mish_slope(b))

#define SOFTPLUS_ARGS float beta = (float)args->f[0]; float limit = (float)args->f[1]
VECTOR_1(softplus, SOFTPLUS_ARGS, vf_blend(vf_gt(a * beta, vf_set(limit)), a, vf_log1p(vf_exp(a * beta)) / beta))
VECTOR_2(softplus_backward, SOFTPLUS_ARGS, vf_blend(vf_gt(b * beta, vf_set(limit)), a, a * vf_sigmoid(b * beta)))

VECTOR_1(logsigmoid, , vf_min(vf_set(0.0f), a) - vf_log1p(vf_exp(-vf_abs(a))))
VECTOR_2(logsigmoid_backward, , a * vf_sigmoid(-b))
