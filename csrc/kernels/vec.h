/* vec.h -- a float vector of the width of the instruction set being compiled for (GCC vector extensions, so one
   source serves SSE2, AVX2 and AVX-512), and the few operations that need an intrinsic. */
#ifndef PC_VEC_H
#define PC_VEC_H
#include <immintrin.h>
#include <stdbool.h>
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
/* a, in a register: without it a compiler short of registers may load a value again for each use. */
ALWAYS_INLINE vf vf_keep(vf a)
{
    __asm__("" : "+v"(a));
    return a;
}

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
#if !defined(__AVX512F__) && defined(__AVX2__)
static const int32_t vf_head[16] = { -1, -1, -1, -1, -1, -1, -1, -1 };
#endif
ALWAYS_INLINE vf vf_load_n(const float *p, int n)
{
#if defined(__AVX512F__)
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif defined(__AVX2__)
    return (vf)_mm256_maskload_ps(p, _mm256_loadu_si256((const __m256i *)(vf_head + 8 - n)));
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
#elif defined(__AVX2__)
    _mm256_maskstore_ps(p, _mm256_loadu_si256((const __m256i *)(vf_head + 8 - n)), (__m256)v);
#else
    for (int i = 0; i < n; i++) p[i] = v[i];
#endif
}

/* A truth value for each element: a mask register where there are some, all bits of an element elsewhere. */
#if defined(__AVX512F__)
typedef __mmask16 vm;
#else
typedef vi vm;
#endif
ALWAYS_INLINE vm vf_gt(vf a, vf b) /* false for NaN */
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ);
#else
    return a > b;
#endif
}
ALWAYS_INLINE vm vf_le(vf a, vf b) /* false for NaN */
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LE_OQ);
#else
    return a <= b;
#endif
}
ALWAYS_INLINE vm vf_equal(vf a, vf b)
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_EQ_OQ);
#else
    return a == b;
#endif
}
ALWAYS_INLINE vm vf_is_nan(vf a)
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)a, (__m512)a, _CMP_UNORD_Q);
#else
    return a != a;
#endif
}
ALWAYS_INLINE vm vi_eq(vi a, vi b)
{
#if defined(__AVX512F__)
    return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b);
#else
    return a == b;
#endif
}
ALWAYS_INLINE bool vm_all(vm m)
{
#if defined(__AVX512F__)
    return m == 0xffff;
#elif defined(__AVX2__)
    return _mm256_movemask_ps((__m256)m) == 0xff;
#else
    return _mm_movemask_ps((__m128)m) == 0xf;
#endif
}
/* m ? a : b */
ALWAYS_INLINE vf vf_blend(vm m, vf a, vf b)
{
#if defined(__AVX512F__)
    return (vf)_mm512_mask_blend_ps(m, (__m512)b, (__m512)a);
#elif defined(__AVX2__)
    return (vf)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)m);
#else
    return (vf)(((vi)a & m) | ((vi)b & ~m));
#endif
}
ALWAYS_INLINE vi vi_blend(vm m, vi a, vi b)
{
#if defined(__AVX512F__)
    return (vi)_mm512_mask_blend_epi32(m, (__m512i)b, (__m512i)a);
#elif defined(__AVX2__)
    return (vi)_mm256_blendv_epi8((__m256i)b, (__m256i)a, (__m256i)m);
#else
    return (a & m) | (b & ~m);
#endif
}
/* max(0, a); NaN stays. */
ALWAYS_INLINE vf vf_relu(vf a)
{
    const vf zero = { 0 }; /* the instruction gives its second operand where one is NaN */
#if defined(__AVX512F__)
    return (vf)_mm512_max_ps((__m512)zero, (__m512)a);
#elif defined(__AVX2__)
    return (vf)_mm256_max_ps((__m256)zero, (__m256)a);
#else
    return (vf)_mm_max_ps((__m128)zero, (__m128)a);
#endif
}
ALWAYS_INLINE vi vi_set(int32_t x) { return x - (vi){ 0 }; }

/* VL bytes, and the first n of them, to and from integers 0 .. 255. */
ALWAYS_INLINE vi vi_load_u8(const uint8_t *p)
{
#if defined(__AVX512F__)
    return (vi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
#elif defined(__AVX2__)
    return (vi)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
#else
    int32_t four;
    memcpy(&four, p, 4);
    __m128i b = _mm_unpacklo_epi8(_mm_cvtsi32_si128(four), _mm_setzero_si128());
    return (vi)_mm_unpacklo_epi16(b, _mm_setzero_si128());
#endif
}
ALWAYS_INLINE vi vi_load_u8_n(const uint8_t *p, int n)
{
    uint8_t head[VL] = { 0 };
    memcpy(head, p, (size_t)n);
    return vi_load_u8(head);
}
ALWAYS_INLINE void vi_store_u8(uint8_t *p, vi v)
{
#if defined(__AVX512F__)
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8((__m512i)v));
#elif defined(__AVX2__)
    __m128i w = _mm_packus_epi32(_mm256_castsi256_si128((__m256i)v), _mm256_extracti128_si256((__m256i)v, 1));
    _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(w, w));
#else
    __m128i w = _mm_packs_epi32((__m128i)v, (__m128i)v);
    int32_t four = _mm_cvtsi128_si32(_mm_packus_epi16(w, w));
    memcpy(p, &four, 4);
#endif
}
ALWAYS_INLINE void vi_store_u8_n(uint8_t *p, vi v, int n)
{
    uint8_t head[VL];
    vi_store_u8(head, v);
    memcpy(p, head, (size_t)n);
}

#endif
