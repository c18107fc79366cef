/* vec_math.h -- exponentials and their kin on float vectors: errors of one or two units in the last place, exact
   limits, NaN in, NaN out. */
#ifndef PC_VEC_MATH_H
#define PC_VEC_MATH_H
#include "vec.h"
#include <math.h>

ALWAYS_INLINE vf vf_abs(vf x) { return (vf)((vi)x & 0x7fffffff); }
/* |magnitude| with the sign of s. */
ALWAYS_INLINE vf vf_copysign(vf magnitude, vf s)
{
    const vi sign = (vi){ 0 } + INT32_MIN;
    return (vf)(((vi)magnitude & ~sign) | ((vi)s & sign));
}
/* The smaller and the larger; b where either is NaN. */
ALWAYS_INLINE vf vf_min(vf a, vf b)
{
#if defined(__AVX512F__)
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return (vf)_mm_min_ps((__m128)a, (__m128)b);
#endif
}
ALWAYS_INLINE vf vf_max(vf a, vf b)
{
#if defined(__AVX512F__)
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return (vf)_mm_max_ps((__m128)a, (__m128)b);
#endif
}
/* 2 to the power n, for -126 <= n <= 127; anything for others. */
ALWAYS_INLINE vf vf_pow2(vi n)
{
    typedef uint32_t vu __attribute__((vector_size(VL * 4))); /* n is INT32_MIN where it comes from NaN */
    return (vf)(((vu)n + 127) << 23);
}

/* x = k ln 2 + r with |r| <= ln 2 / 2 and k an integer, for |x| below some thousands. */
ALWAYS_INLINE vf vf_reduce_exp(vf x, vf *k)
{
    *k = (x * 1.44269504f + 12582912.0f) - 12582912.0f; /* rounds to an integer */
    return vf_fma(*k, vf_set(2.12194440e-4f), vf_fma(*k, vf_set(-0.693359375f), x));
}
/* exp(r) - 1 for |r| <= ln 2 / 2. */
ALWAYS_INLINE vf vf_expm1_core(vf r)
{
    vf p = vf_fma(vf_set(1.9875691500e-4f), r, vf_set(1.3981999507e-3f));
    p = vf_fma(p, r, vf_set(8.3334519073e-3f));
    p = vf_fma(p, r, vf_set(4.1665795894e-2f));
    p = vf_fma(p, r, vf_set(1.6666665459e-1f));
    p = vf_fma(p, r, vf_set(5.0000001201e-1f));
    return vf_fma(p, r * r, r);
}

ALWAYS_INLINE vf vf_exp(vf x)
{
    vf k, r = vf_reduce_exp(vf_max(vf_set(-104.0f), vf_min(vf_set(89.0f), x)), &k), y = vf_expm1_core(r) + 1.0f;
#if defined(__AVX512F__)
    return (vf)_mm512_scalef_ps((__m512)y, (__m512)k);
#else
    /* In two steps, so that the second one overflows or rounds to a subnormal as it should. */
    vi n = __builtin_convertvector(k, vi), half = n >> 1;
    return y * vf_pow2(half) * vf_pow2(n - half);
#endif
}

ALWAYS_INLINE vf vf_expm1(vf x)
{
    vf k, r = vf_reduce_exp(vf_max(vf_set(-20.0f), vf_min(vf_set(89.0f), x)), &k);
    vf s = vf_pow2(__builtin_convertvector(k - 1.0f, vi)); /* half the power: twice the sum overflows where it should */
    vf y = 2.0f * vf_fma(vf_expm1_core(r), s, s - 0.5f);
    return vf_blend(vf_gt(vf_abs(x), vf_set(0.0f)), y, x); /* keeps -0, and NaN */
}

ALWAYS_INLINE vf vf_log(vf x)
{
    vm small = vf_gt(vf_set(0x1p-126f), x);
    vf scaled = vf_blend(small, x * 0x1p23f, x), zero = vf_set(0.0f);
    vi bits = (vi)scaled, e = ((bits >> 23) & 0xff) - vi_blend(small, vi_set(126 + 23), vi_set(126));
    vf m = (vf)((bits & 0x007fffff) | 0x3f000000); /* [0.5, 1) */
    vm low = vf_gt(vf_set(0.707106781f), m);
    vf k = __builtin_convertvector(e - vi_blend(low, vi_set(1), vi_set(0)), vf);
    vf f = m - 1.0f + vf_blend(low, m, zero), z = f * f;
    vf p = vf_fma(vf_set(7.0376836292e-2f), f, vf_set(-1.1514610310e-1f));
    p = vf_fma(p, f, vf_set(1.1676998740e-1f));
    p = vf_fma(p, f, vf_set(-1.2420140846e-1f));
    p = vf_fma(p, f, vf_set(1.4249322787e-1f));
    p = vf_fma(p, f, vf_set(-1.6668057665e-1f));
    p = vf_fma(p, f, vf_set(2.0000714765e-1f));
    p = vf_fma(p, f, vf_set(-2.4999993993e-1f));
    p = vf_fma(p, f, vf_set(3.3333331174e-1f));
    vf y = vf_fma(p, f * z, k * -2.12194440e-4f);
    y = f + vf_fma(z, vf_set(-0.5f), y);
    y = vf_fma(k, vf_set(0.693359375f), y);
    y = vf_blend(vf_gt(vf_set(INFINITY), x), y, x); /* infinity and NaN */
    y = vf_blend(vf_gt(x, zero), y, vf_blend(vf_gt(zero, x), vf_set(NAN), y));
    return vf_blend(vf_equal(x, zero), vf_set(-INFINITY), y);
}

/* log(1 + x): the correction factor x / ((1 + x) - 1) undoes the rounding of the sum. */
ALWAYS_INLINE vf vf_log1p(vf x)
{
    vf u = 1.0f + x, d = u - 1.0f, y = vf_log(u) * (x / d);
    y = vf_blend(vf_equal(u, vf_set(0.0f)), vf_set(-INFINITY), y);
    return vf_blend(vf_equal(d, vf_set(0.0f)), x, vf_blend(vf_equal(x, vf_set(INFINITY)), x, y));
}

/* sin(x + quarter * pi / 2) for |x| <= 8192, where products and sums are fused. */
ALWAYS_INLINE vf vf_sin_quarter(vf x, int quarter)
{
    vf k = (x * 0.636619772f + 12582912.0f) - 12582912.0f;
    vi n = __builtin_convertvector(k, vi) + quarter;
    vf r = vf_fma(k, vf_set(-0x1.921fb6p+0f), x); /* pi / 2 in three parts */
    r = vf_fma(k, vf_set(0x1.777a5cp-25f), r);
    r = vf_fma(k, vf_set(0x1.ee59dap-50f), r);
    vf z = r * r;
    vf s = vf_fma(vf_set(-1.9515295891e-4f), z, vf_set(8.3321608736e-3f));
    s = vf_fma(vf_fma(s, z, vf_set(-1.6666654611e-1f)), z * r, r);
    vf c = vf_fma(vf_set(2.443315711809948e-5f), z, vf_set(-1.388731625493765e-3f));
    c = vf_fma(vf_fma(c, z, vf_set(4.166664568298827e-2f)), z * z, vf_fma(z, vf_set(-0.5f), vf_set(1.0f)));
    vf y = vf_blend(vi_eq(n & 1, vi_set(0)), s, c);
    return (vf)((vi)y ^ ((n & 2) << 30));
}
/* y, but by the C library what vf_sin_quarter cannot reduce (or is no number). Apart: it would take the registers that
   others need. */
__attribute__((noinline)) static vf vf_sin_of_large(vf x, int quarter, vf y)
{
    for (int k = 0; k < VL; k++)
        if (VL == 4 || !(fabsf(x[k]) <= 8192.0f)) y[k] = quarter ? cosf(x[k]) : sinf(x[k]);
    return y;
}
ALWAYS_INLINE vf vf_sin_or_cos(vf x, int quarter)
{
    vf y = { 0 };
#if defined(__FMA__)
    vm small = vf_le(vf_abs(x), vf_set(8192.0f));
    y = vf_sin_quarter(vf_blend(small, x, vf_set(0.0f)), quarter);
    if (vm_all(small)) return y;
#endif
    return vf_sin_of_large(x, quarter, y);
}
ALWAYS_INLINE vf vf_sin(vf x) { return vf_sin_or_cos(x, 0); }
ALWAYS_INLINE vf vf_cos(vf x) { return vf_sin_or_cos(x, 1); }

ALWAYS_INLINE vf vf_sigmoid(vf x) { return 1.0f / (1.0f + vf_exp(-x)); }

ALWAYS_INLINE vf vf_tanh(vf x)
{
    vf a = vf_abs(x), z = x * x;
    vf p = vf_fma(vf_set(-5.70498872745e-3f), z, vf_set(2.06390887954e-2f));
    p = vf_fma(p, z, vf_set(-5.37397155531e-2f));
    p = vf_fma(p, z, vf_set(1.33314422036e-1f));
    p = vf_fma(p, z, vf_set(-3.33332819422e-1f));
    vf small = vf_fma(p * z, x, x), large = 1.0f - 2.0f / (vf_exp(a + a) + 1.0f);
    vf y = vf_copysign(vf_blend(vf_gt(vf_set(0.625f), a), small, large), x);
    return vf_blend(vf_is_nan(x), x, y);
}

ALWAYS_INLINE vf vf_erf(vf x)
{
    vf t = vf_abs(x), s = x * x;
    vf u = vf_fma(vf_set(-3.88396438e-3f), t, vf_set(2.42546219e-2f));
    vf r = vf_fma(vf_fma(vf_set(-1.72853470e-5f), t, vf_set(3.83197126e-4f)), s, u);
    r = vf_fma(r, t, vf_set(-1.06777877e-1f));
    r = vf_fma(r, t, vf_set(-6.34846687e-1f));
    r = vf_fma(r, t, vf_set(-1.28717512e-1f));
    r = vf_fma(r, t, -t);
    vf large = vf_copysign(1.0f - vf_exp(r), x);
    large = vf_blend(vf_gt(vf_set(4.0f), t), large, vf_copysign(vf_set(1.0f), x));
    vf p = vf_fma(vf_set(-5.96761703e-4f), s, vf_set(4.99119423e-3f));
    p = vf_fma(p, s, vf_set(-2.67681349e-2f));
    p = vf_fma(p, s, vf_set(1.12819925e-1f));
    p = vf_fma(p, s, vf_set(-3.76125336e-1f));
    p = vf_fma(p, s, vf_set(1.28379166e-1f));
    vf small = vf_fma(p, x, x);
    return vf_blend(vf_gt(t, vf_set(0.927734375f)), large, vf_blend(vf_is_nan(x), x, small));
}

/* The error function to some 3e-7, at half the price: what is left of 1 - erf(x) for large x is noise. */
ALWAYS_INLINE vf vf_erf_fast(vf x)
{
    const float end = 3.92f; /* where erf(x) rounds to 1 */
    vf c = vf_max(vf_set(-end), vf_min(vf_set(end), x)), z = c * c;
    vf p = vf_fma(vf_set(0x1.132880p-19f), z, vf_set(0x1.2ab8b6p-12f));
    p = vf_fma(p, z, vf_set(0x1.ed9164p-9f));
    p = vf_fma(p, z, vf_set(0x1.b01e24p-5f));
    p = vf_fma(p, z, vf_set(0x1.85f3e8p-3f));
    p = vf_fma(p, z, vf_set(0x1.20dd74p+0f));
    vf q = vf_fma(vf_set(0x1.3f8964p-15f), z, vf_set(0x1.30c094p-10f));
    q = vf_fma(q, z, vf_set(0x1.ea8304p-7f));
    q = vf_fma(q, z, vf_set(0x1.d36426p-4f));
    q = vf_fma(q, z, vf_set(0x1.011022p-1f));
    q = vf_fma(q, z, vf_set(1.0f));
    vf y = c * p / q;
    return vf_blend(vf_gt(vf_set(end), vf_abs(x)), vf_max(vf_set(-1.0f), vf_min(vf_set(1.0f), y)),
                    vf_blend(vf_is_nan(x), x, vf_copysign(vf_set(1.0f), x)));
}

#endif
