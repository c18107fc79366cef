/* crc32.c -- eight table lookups for eight bytes, or carry-less multiplication of 64 bytes where the processor has it.
 */
#include "crc32.h"
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

static uint32_t table[8][256], castagnoli[256];
static bool has_clmul;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init(void)
{
    for (uint32_t k = 0; k < 256; k++) {
        uint32_t c = k, d = k;
        for (int bit = 0; bit < 8; bit++) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
        for (int bit = 0; bit < 8; bit++) d = d & 1 ? 0x82F63B78u ^ (d >> 1) : d >> 1;
        table[0][k] = c;
        castagnoli[k] = d;
    }
    for (int t = 1; t < 8; t++)
        for (int k = 0; k < 256; k++) table[t][k] = table[0][table[t - 1][k] & 255] ^ (table[t - 1][k] >> 8);
#if defined(__x86_64__)
    has_clmul = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
#endif
}

static uint32_t crc_tables(uint32_t c, const uint8_t *p, size_t n)
{
    for (; n >= 8; p += 8, n -= 8) {
        uint32_t a, b;
        memcpy(&a, p, 4);
        memcpy(&b, p + 4, 4);
        a ^= c;
        c = table[7][a & 255] ^ table[6][a >> 8 & 255] ^ table[5][a >> 16 & 255] ^ table[4][a >> 24]
            ^ table[3][b & 255] ^ table[2][b >> 8 & 255] ^ table[1][b >> 16 & 255] ^ table[0][b >> 24];
    }
    for (; n > 0; p++, n--) c = table[0][(c ^ *p) & 255] ^ (c >> 8);
    return c;
}

#if defined(__x86_64__)
__attribute__((target("pclmul,sse4.1"))) static inline __m128i fold(__m128i x, __m128i k, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(x, k, 0x00), high = _mm_clmulepi64_si128(x, k, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* Folds four lanes of 16 bytes over 64 bytes at a time (Gopal et al., "Fast CRC Computation Using PCLMULQDQ", 2009;
   the constants are x^(512+32), x^(512-32), x^(128+32), x^(128-32) mod P, reflected). What is left, 16 bytes, has the
   remainder of the whole and goes through the tables. n >= 64. */
__attribute__((target("pclmul,sse4.1"))) static uint32_t crc_clmul(uint32_t c, const uint8_t *p, size_t n)
{
    const __m128i k512 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4), k128 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
    const __m128i *v = (const __m128i *)p;
    __m128i a = _mm_xor_si128(_mm_loadu_si128(v), _mm_cvtsi32_si128((int)c)), b = _mm_loadu_si128(v + 1);
    __m128i d = _mm_loadu_si128(v + 2), e = _mm_loadu_si128(v + 3);
    for (p += 64, n -= 64; n >= 64; p += 64, n -= 64) {
        v = (const __m128i *)p;
        a = fold(a, k512, _mm_loadu_si128(v));
        b = fold(b, k512, _mm_loadu_si128(v + 1));
        d = fold(d, k512, _mm_loadu_si128(v + 2));
        e = fold(e, k512, _mm_loadu_si128(v + 3));
    }
    a = fold(a, k128, b);
    a = fold(a, k128, d);
    a = fold(a, k128, e);
    uint8_t rest[16];
    _mm_storeu_si128((__m128i *)rest, a);
    return crc_tables(crc_tables(0, rest, 16), p, n);
}
#endif

uint32_t pc_crc32(uint32_t crc, const void *p, size_t n)
{
    pthread_once(&once, init);
#if defined(__x86_64__)
    if (has_clmul && n >= 64) return ~crc_clmul(~crc, p, n);
#endif
    return ~crc_tables(~crc, p, n);
}

uint32_t pc_crc32c(const void *p, size_t n)
{
    uint32_t c = ~(uint32_t)0;
    pthread_once(&once, init);
    for (const uint8_t *q = p; n > 0; q++, n--) c = castagnoli[(c ^ *q) & 255] ^ (c >> 8);
    return ~c;
}
