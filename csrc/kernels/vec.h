/* vec.h -- a float vector of the width of the instruction set being compiled for (GCC vector extensions, so one
   source serves SSE2, AVX2 and AVX-512), and the few operations that need an intrinsic. */
#ifndef PC_VEC_H
#define PC_VEC_H
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define VL 16
#elif defined(__AVX2__)
#define VL 8
#else
#define VL 4
#endif

typedef float vf __attribute__((vector_size(VL * 4)));
typedef int32_t vi __attribute__((vector_size(VL * 4)));

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE vf vf_load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}
ALWAYS_INLINE void vf_store(float *p, vf v) { memcpy(p, &v, sizeof v); }
ALWAYS_INLINE vf vf_set(float x) { return x - (vf){ 0 }; }

/* a * b + c: one rounding where the instruction set has it, two on the base one (only for sums whose order is
   free; where a specification asks for one rounding, use fmaf). */
ALWAYS_INLINE vf vf_fma(vf a, vf b, vf c)
{
#if defined(__AVX512F__)
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}
/* The first n of VL elements (0 <= n <= VL); nothing beyond them is touched, missing ones read as 0. */
ALWAYS_INLINE vf vf_load_n(const float *p, int n)
{
#if defined(__AVX512F__)
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#else
    vf v = { 0 };
    for (int i = 0; i < n; i++) v[i] = p[i];
    return v;
#endif
}
ALWAYS_INLINE void vf_store_n(float *p, vf v, int n)
{
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#else
    for (int i = 0; i < n; i++) p[i] = v[i];
#endif
}

#endif
