/* half.h -- float16 and bfloat16 as bits, to and from float32 with round to nearest even. */
#ifndef PC_HALF_H
#define PC_HALF_H
#include <stdint.h>
#include <string.h>

static inline float pc_bits_to_f32(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
static inline uint32_t pc_f32_to_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static inline float pc_bf16_to_f32(uint16_t h) { return pc_bits_to_f32((uint32_t)h << 16); }
static inline uint16_t pc_f32_to_bf16(float f)
{
    uint32_t u = pc_f32_to_bits(f);
    if (f != f) return 0x7fc0;
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static inline float pc_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = (uint32_t)(h & 0x7fff) << 13;
    if (rest >= 0x0f800000u) return pc_bits_to_f32(sign | (rest + 0x70000000u)); /* infinity, NaN */
    /* The multiplication moves the exponent's bias from 15 to 127 and normalises subnormals. */
    return pc_bits_to_f32(sign | pc_f32_to_bits(pc_bits_to_f32(rest) * 0x1p112f));
}
static inline uint16_t pc_f32_to_f16(float f)
{
    uint32_t u = pc_f32_to_bits(f), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
    if (a >= 0x47800000u) return (uint16_t)(sign | (a > 0x7f800000u ? 0x7e00 : 0x7c00));
    if (a < 0x38800000u) /* subnormal: let the addition round at the last bit of a half */
        return (uint16_t)(sign | (pc_f32_to_bits(pc_bits_to_f32(a) + 0.5f) - 0x3f000000u));
    return (uint16_t)(sign | ((a + 0xc8000fffu + (a >> 13 & 1)) >> 13));
}

#endif
