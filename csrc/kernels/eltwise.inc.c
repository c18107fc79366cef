/* eltwise.inc.c -- kernels of copies and of operators that treat each element by itself. */

static void f32_accumulate(float *dst, const float *src, int64_t n)
{
    int64_t i = 0;
    for (; i + VL <= n; i += VL) vf_store(dst + i, vf_load(dst + i) + vf_load(src + i));
    for (; i < n; i++) dst[i] += src[i];
}

/* Four by four blocks by unpacking: 32 vector instructions would do for AVX-512, but stores bound the tile anyway. */
static void u32_transpose16(uint32_t *dst, int64_t ldd, const uint32_t *src, int64_t lds)
{
    for (int j = 0; j < 16; j += 4) {
        for (int i = 0; i < 16; i += 4) {
            const uint32_t *s = src + i * lds + j;
            uint32_t *d = dst + j * ldd + i;
            __m128 r0 = _mm_loadu_ps((const float *)s), r1 = _mm_loadu_ps((const float *)(s + lds));
            __m128 r2 = _mm_loadu_ps((const float *)(s + 2 * lds)), r3 = _mm_loadu_ps((const float *)(s + 3 * lds));
            _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
            _mm_storeu_ps((float *)d, r0);
            _mm_storeu_ps((float *)(d + ldd), r1);
            _mm_storeu_ps((float *)(d + 2 * ldd), r2);
            _mm_storeu_ps((float *)(d + 3 * ldd), r3);
        }
    }
}
