/* random.inc.c -- the Box-Muller transform that PyTorch's AVX2 build applies to blocks of 16 uniforms. The logarithm,
   sine and cosine are single-precision polynomials of the Cephes family; each operation and each fused multiply-add
   below is part of the specification, since results differ from libm's in many bits. */

#define HALF_BLOCK 8

static inline float random_log(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    float e = (float)((int32_t)(bits >> 23) - 126);
    bits = (bits & 0x007fffffu) | 0x3f000000u; /* [0.5, 1) */
    float m;
    memcpy(&m, &bits, 4);
    int small = m < 0.707106781186547524f;
    e = small ? e - 1.0f : e;
    float y = m - 1.0f;
    y = small ? y + m : y;
    float z = y * y, p = 7.0376836292e-2f;
    p = fmaf(p, y, -1.1514610310e-1f);
    p = fmaf(p, y, 1.1676998740e-1f);
    p = fmaf(p, y, -1.2420140846e-1f);
    p = fmaf(p, y, 1.4249322787e-1f);
    p = fmaf(p, y, -1.6668057665e-1f);
    p = fmaf(p, y, 2.0000714765e-1f);
    p = fmaf(p, y, -2.4999993993e-1f);
    p = fmaf(p, y, 3.3333331174e-1f);
    p = p * y;
    p = fmaf(p, z, e * -2.12194440e-4f);
    p = fmaf(-z, 0.5f, p);
    y = y + p;
    return fmaf(e, 0.693359375f, y);
}

static inline void random_sincos(float theta, float *sine, float *cosine)
{
    int32_t j = ((int32_t)(theta * 1.27323954473516f) + 1) & ~1;
    float q = (float)j;
    float a = fmaf(q, -0.78515625f, theta);
    a = fmaf(q, -2.4187564849853515625e-4f, a);
    a = fmaf(q, -3.77489497744594108e-8f, a);
    float z = a * a;
    float c = fmaf(fmaf(2.443315711809948e-5f, z, -1.388731625493765e-3f), z, 4.166664568298827e-2f);
    c = c * z;
    c = fmaf(c, z, -(0.5f * z));
    c = c + 1.0f;
    float s = fmaf(fmaf(-1.9515295891e-4f, z, 8.3321608736e-3f), z, -1.6666654611e-1f);
    s = s * z;
    s = fmaf(s, a, a);
    float sin_value = (j & 2) == 0 ? s : c, cos_value = (j & 2) == 0 ? c : s;
    *sine = (j & 4) != 0 ? -sin_value : sin_value;
    *cosine = ((j - 2) & 4) == 0 ? -cos_value : cos_value;
}

/* x[0..16 * blocks): uniforms in [0, 1) become normals with that mean and deviation. */
static void f32_normal_blocks(float *x, int64_t blocks, float mean, float std)
{
    for (int64_t b = 0; b < blocks; b++, x += 2 * HALF_BLOCK)
        for (int k = 0; k < HALF_BLOCK; k++) {
            float radius = sqrtf(-2.0f * random_log(1.0f - x[k])), sine, cosine;
            random_sincos(0x1.921fb6p+2f * x[k + HALF_BLOCK], &sine, &cosine);
            x[k] = fmaf(radius * cosine, std, mean);
            x[k + HALF_BLOCK] = fmaf(radius * sine, std, mean);
        }
}

/* x[k] in [0, 1) becomes from + x[k] * (to - from), one rounding; `to` itself is mapped to `from`. */
static void f32_uniform_range(float *x, int64_t n, float from, float to)
{
    float width = to - from;
    for (int64_t k = 0; k < n; k++) {
        float v = fmaf(x[k], width, from);
        x[k] = v == to ? from : v;
    }
}

/* out[k] = the 53-bit number of draws 2k (its high part) and 2k + 1 is below threshold. */
static void u8_below(const uint32_t *draws, int64_t n, uint64_t threshold, uint8_t *out)
{
    for (int64_t k = 0; k < n; k++) {
        uint64_t v = (uint64_t)(draws[2 * k] & 0x1fffff) << 32 | draws[2 * k + 1];
        out[k] = (int64_t)v < (int64_t)threshold;
    }
}

/* y = x * noise, noise being scale where the mask is 1 and 0 elsewhere; y may be x. */
static void f32_mask(const float *x, const uint8_t *mask, float scale, int64_t n, float *y)
{
#pragma GCC ivdep
    for (int64_t k = 0; k < n; k++) y[k] = x[k] * ((float)mask[k] * scale);
}
