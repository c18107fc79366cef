/* image.inc.c -- loops over rows of interleaved bytes with Pillow's rounding, and that of torch on Tensors of bytes. */

#define WEIGHT_BITS 22 /* behind the point of a resampling weight */
#define HUE_BLOCK 64   /* pixels whose values are worked on side by side */

ALWAYS_INLINE vf vf_of_u8(const uint8_t *p) { return __builtin_convertvector(vi_load_u8(p), vf); }

/* Pillow's blend of bytes given as floats: the product is rounded, then the sum; then cut off. */
ALWAYS_INLINE vi blend_bytes(vf degenerate, vf v, vf factor)
{
    vf r = degenerate + factor * (v - degenerate);
    r = vf_relu(r);
    r = vf_blend(vf_gt(r, vf_set(255.0f)), vf_set(255.0f), r);
    return __builtin_convertvector(r, vi);
}

static inline uint8_t blend_byte(int degenerate, int v, float factor)
{
    float r = (float)degenerate + factor * (float)(v - degenerate);
    return (uint8_t)(r <= 0.0f ? 0.0f : r >= 255.0f ? 255.0f : r);
}

/* ---- sharpness --------------------------------------------------------------------------------------- */

ALWAYS_INLINE vf three_bytes(const uint8_t *p, int64_t c, vf side, vf middle)
{
    return vf_of_u8(p - c) * side + vf_of_u8(p) * middle + vf_of_u8(p + c) * side;
}

static inline float three_bytes_1(const uint8_t *p, int64_t c, float side, float middle)
{
    return (float)p[-c] * side + (float)p[0] * middle + (float)p[c] * side;
}

/* One row between two others: n bytes, c a pixel. Weights 1 and 5 of 13, summed in Pillow's order. */
static void u8_sharpen(const uint8_t *restrict up, const uint8_t *restrict mid, const uint8_t *restrict down, int64_t c,
                       int64_t n, float factor, uint8_t *restrict dst)
{
    const float side = 1.0f / 13.0f, middle = 5.0f / 13.0f;
    const vf v_side = vf_set(side), v_middle = vf_set(middle), f = vf_set(factor);
    int64_t i = c < n ? c : n, end = n - c;
    memcpy(dst, mid, (size_t)i);
    for (; i + VL <= end; i += VL) {
        vf s = vf_set(0.5f);
        s += three_bytes(down + i, c, v_side, v_side);
        s += three_bytes(mid + i, c, v_side, v_middle);
        s += three_bytes(up + i, c, v_side, v_side);
        s = vf_blend(vf_gt(s, vf_set(255.0f)), vf_set(255.0f), s);
        vf smooth = __builtin_convertvector(__builtin_convertvector(s, vi), vf);
        vi_store_u8(dst + i, blend_bytes(smooth, vf_of_u8(mid + i), f));
    }
    for (; i < end; i++) {
        float s = 0.5f;
        s += three_bytes_1(down + i, c, side, side);
        s += three_bytes_1(mid + i, c, side, middle);
        s += three_bytes_1(up + i, c, side, side);
        dst[i] = blend_byte((int)(s > 255.0f ? 255.0f : s), mid[i], factor);
    }
    for (; i < n; i++) dst[i] = mid[i];
}

/* ---- saturation -------------------------------------------------------------------------------------- */

static void u8_saturate(const uint8_t *restrict src, int64_t pixels, float factor, uint8_t *restrict dst)
{
    const vf f = vf_set(factor);
    for (int64_t done = 0; done < pixels; done += HUE_BLOCK, src += 3 * HUE_BLOCK, dst += 3 * HUE_BLOCK) {
        int m = pixels - done < HUE_BLOCK ? (int)(pixels - done) : HUE_BLOCK, i = 0;
        uint8_t grey[3 * HUE_BLOCK];
        for (int k = 0; k < m; k++) {
            uint32_t g = (19595u * src[3 * k] + 38470u * src[3 * k + 1] + 7471u * src[3 * k + 2] + 0x8000u) >> 16;
            grey[3 * k] = grey[3 * k + 1] = grey[3 * k + 2] = (uint8_t)g;
        }
        for (; i + VL <= 3 * m; i += VL) vi_store_u8(dst + i, blend_bytes(vf_of_u8(grey + i), vf_of_u8(src + i), f));
        for (; i < 3 * m; i++) dst[i] = blend_byte(grey[i], src[i], factor);
    }
}

/* ---- hue --------------------------------------------------------------------------------------------- */

/* C's round() of a value in [0, 255]. */
static inline int32_t half_up(double v)
{
    int32_t i = (int32_t)v;
    return i + (v - i >= 0.5);
}

/* RGB to HSV bytes, the hue shifted, and back. Pillow adds 2.0 + rc - bc and the like in double and rounds the sum;
   one of the two fractions is exactly 1 there, so that one float operation rounds the same number. */
static void u8_hue(const uint8_t *restrict src, int64_t pixels, int shift, uint8_t *restrict dst)
{
    for (int64_t done = 0; done < pixels; done += HUE_BLOCK, src += 3 * HUE_BLOCK, dst += 3 * HUE_BLOCK) {
        const int m = pixels - done < HUE_BLOCK ? (int)(pixels - done) : HUE_BLOCK;
        int32_t r[HUE_BLOCK] = { 0 }, g[HUE_BLOCK] = { 0 }, b[HUE_BLOCK] = { 0 }, v[HUE_BLOCK], s[HUE_BLOCK],
                h[HUE_BLOCK];
        float turn[HUE_BLOCK], share[HUE_BLOCK];
        for (int k = 0; k < m; k++) {
            r[k] = src[3 * k];
            g[k] = src[3 * k + 1];
            b[k] = src[3 * k + 2];
        }
        for (int k = 0; k < HUE_BLOCK; k++) {
            int32_t hi = r[k] > g[k] ? r[k] : g[k], lo = r[k] < g[k] ? r[k] : g[k];
            hi = hi > b[k] ? hi : b[k];
            lo = lo < b[k] ? lo : b[k];
            float range = (float)(hi - lo + (hi == lo));
            float rc = (float)(hi - r[k]) / range, gc = (float)(hi - g[k]) / range, bc = (float)(hi - b[k]) / range;
            float of_g = r[k] == lo ? 3.0f - bc : 1.0f + rc, of_b = g[k] == lo ? 5.0f - rc : 3.0f + gc;
            turn[k] = r[k] == hi ? bc - gc : g[k] == hi ? of_g : of_b;
            share[k] = hi == lo ? 0.0f : range / (float)(hi + (hi == 0));
            v[k] = hi;
        }
        for (int k = 0; k < HUE_BLOCK; k++) {
            double t = turn[k] / 6.0 + 1.0; /* in [5/6, 2): fmod(t, 1) is a subtraction, exact */
            float part = (float)(t >= 1.0 ? t - 1.0 : t);
            h[k] = ((int32_t)(part * 255.0) + shift) & 255;
            s[k] = (int32_t)(share[k] * 255.0);
        }
        for (int k = 0; k < HUE_BLOCK; k++) {
            double x = h[k] * 6.0 / 255.0, value = v[k];
            int32_t sector = (int32_t)x;
            float f = (float)(x - sector), fs = (float)(s[k] / 255.0), fsf = fs * f;
            int32_t p = half_up(value * (1.0 - fs)), q = half_up(value * (1.0 - fsf));
            int32_t t = half_up(value * (1.0 - fs * (1.0 - f))), w = v[k];
            /* All bits set where it holds; grey pixels have p == q == t == w. */
            int32_t in0 = -(sector == 0) | -(sector == 6), in1 = -(sector == 1), in2 = -(sector == 2);
            int32_t in3 = -(sector == 3), in4 = -(sector == 4), in5 = -(sector == 5);
            r[k] = (w & (in0 | in5)) | (q & in1) | (p & (in2 | in3)) | (t & in4);
            g[k] = (t & in0) | (w & (in1 | in2)) | (q & in3) | (p & (in4 | in5));
            b[k] = (p & (in0 | in1)) | (t & in2) | (w & (in3 | in4)) | (q & in5);
        }
        for (int k = 0; k < m; k++) {
            dst[3 * k] = (uint8_t)r[k];
            dst[3 * k + 1] = (uint8_t)g[k];
            dst[3 * k + 2] = (uint8_t)b[k];
        }
    }
}

/* ---- torchvision's colours on Tensors of bytes ------------------------------------------------------- */

/* A block of up to HUE_BLOCK pixels, a channel an array; what is missing is black. */
typedef struct planes {
    int32_t r[HUE_BLOCK], g[HUE_BLOCK], b[HUE_BLOCK];
} planes;

ALWAYS_INLINE void take_planes(planes *p, const uint8_t *src, int m)
{
    for (int k = 0; k < m; k++) {
        p->r[k] = src[3 * k];
        p->g[k] = src[3 * k + 1];
        p->b[k] = src[3 * k + 2];
    }
    for (int k = m; k < HUE_BLOCK; k++) p->r[k] = p->g[k] = p->b[k] = 0;
}

ALWAYS_INLINE void put_planes(const planes *p, uint8_t *dst, int m)
{
    for (int k = 0; k < m; k++) {
        dst[3 * k] = (uint8_t)p->r[k];
        dst[3 * k + 1] = (uint8_t)p->g[k];
        dst[3 * k + 2] = (uint8_t)p->b[k];
    }
}

static inline int32_t whole_grey(int32_t r, int32_t g, int32_t b)
{
    return (int32_t)fmaf((float)b, 0.114f, fmaf((float)g, 0.587f, (float)r * 0.2989f));
}

static inline int32_t cut_byte(float v)
{
    v = v < 0.0f ? 0.0f : v;
    return (int32_t)(v > 255.0f ? 255.0f : v);
}

static inline float cut_unit(float v)
{
    v = v < 0.0f ? 0.0f : v;
    return v > 1.0f ? 1.0f : v;
}

static void u8_tensor_grey(const uint8_t *restrict src, int64_t pixels, uint8_t *restrict dst)
{
    for (int64_t done = 0; done < pixels; done += HUE_BLOCK, src += 3 * HUE_BLOCK, dst += HUE_BLOCK) {
        const int m = pixels - done < HUE_BLOCK ? (int)(pixels - done) : HUE_BLOCK;
        planes p;
        take_planes(&p, src, m);
        for (int k = 0; k < HUE_BLOCK; k++) p.r[k] = whole_grey(p.r[k], p.g[k], p.b[k]);
        for (int k = 0; k < m; k++) dst[k] = (uint8_t)p.r[k];
    }
}

static void u8_tensor_saturate(const uint8_t *restrict src, int64_t pixels, double factor, uint8_t *restrict dst)
{
    const float f = (float)factor, rest = (float)(1.0 - factor);
    for (int64_t done = 0; done < pixels; done += HUE_BLOCK, src += 3 * HUE_BLOCK, dst += 3 * HUE_BLOCK) {
        const int m = pixels - done < HUE_BLOCK ? (int)(pixels - done) : HUE_BLOCK;
        planes p;
        take_planes(&p, src, m);
        for (int k = 0; k < HUE_BLOCK; k++) {
            float grey = (float)whole_grey(p.r[k], p.g[k], p.b[k]);
            p.r[k] = cut_byte(fmaf(grey, rest, (float)p.r[k] * f));
            p.g[k] = cut_byte(fmaf(grey, rest, (float)p.g[k] * f));
            p.b[k] = cut_byte(fmaf(grey, rest, (float)p.b[k] * f));
        }
        put_planes(&p, dst, m);
    }
}

/* RGB to HSV in floats from 0 to 1, the hue shifted, and back. */
static void u8_tensor_hue(const uint8_t *restrict src, int64_t pixels, double factor, uint8_t *restrict dst)
{
    const float unit = 1.0f / 255.0f, sixth = 1.0f / 6.0f, range = 255.999f, shift = (float)factor;
    for (int64_t done = 0; done < pixels; done += HUE_BLOCK, src += 3 * HUE_BLOCK, dst += 3 * HUE_BLOCK) {
        const int m = pixels - done < HUE_BLOCK ? (int)(pixels - done) : HUE_BLOCK;
        planes p;
        take_planes(&p, src, m);
        for (int k = 0; k < HUE_BLOCK; k++) {
            float r = (float)p.r[k] * unit, g = (float)p.g[k] * unit, b = (float)p.b[k] * unit;
            float hi = r > g ? r : g, lo = r < g ? r : g;
            hi = hi > b ? hi : b;
            lo = lo < b ? lo : b;
            float span = hi - lo, divisor = hi == lo ? 1.0f : span, s = span / (hi == lo ? 1.0f : hi);
            float rc = (hi - r) / divisor, gc = (hi - g) / divisor, bc = (hi - b) / divisor;
            float of_g = rc + 2.0f - bc, of_b = gc + 4.0f - rc;
            float h = r == hi ? bc - gc : g == hi ? of_g : of_b;
            h = h * sixth + 1.0f; /* in [5/6, 2): fmod(h, 1) is a subtraction, exact */
            h = (h >= 1.0f ? h - 1.0f : h) + shift;
            h = h >= 1.0f ? h - 1.0f : h < 0.0f ? h + 1.0f : h;
            float h6 = h * 6.0f;
            int32_t sector = (int32_t)h6;
            float f = h6 - (float)sector, sf = s * f, less = 1.0f - s;
            int32_t w = (int32_t)(hi * range), x = (int32_t)(cut_unit(less * hi) * range);
            int32_t q = (int32_t)(cut_unit((1.0f - sf) * hi) * range);
            int32_t t = (int32_t)(cut_unit((sf + less) * hi) * range);
            int32_t in0 = -(sector == 0) | -(sector == 6), in1 = -(sector == 1), in2 = -(sector == 2);
            int32_t in3 = -(sector == 3), in4 = -(sector == 4), in5 = -(sector == 5);
            p.r[k] = (w & (in0 | in5)) | (q & in1) | (x & (in2 | in3)) | (t & in4);
            p.g[k] = (t & in0) | (w & (in1 | in2)) | (q & in3) | (x & (in4 | in5));
            p.b[k] = (x & (in0 | in1)) | (t & in2) | (w & (in3 | in4)) | (q & in5);
        }
        put_planes(&p, dst, m);
    }
}

/* ---- resampling -------------------------------------------------------------------------------------- */

static inline uint8_t clip_sum(int32_t v)
{
    v >>= WEIGHT_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

ALWAYS_INLINE vi clip_sums(vi v)
{
    v >>= WEIGHT_BITS;
    v &= ~(v >> 31);                            /* below 0 */
    return (v | (vi)((vi_set(255) - v) >> 31)) & 255; /* above 255 */
}

/* n bytes: sums over `taps` rows that are `stride` bytes apart. */
static void u8_resample_column(const uint8_t *restrict src, int64_t stride, const int32_t *weight, int taps, int64_t n,
                               uint8_t *restrict dst)
{
    const vi half = vi_set(1 << (WEIGHT_BITS - 1));
    int64_t i = 0;
    for (; i + 4 * VL <= n; i += 4 * VL) {
        vi a0 = half, a1 = half, a2 = half, a3 = half;
        const uint8_t *s = src + i;
        for (int k = 0; k < taps; k++, s += stride) {
            vi w = vi_set(weight[k]);
            a0 += vi_load_u8(s) * w;
            a1 += vi_load_u8(s + VL) * w;
            a2 += vi_load_u8(s + 2 * VL) * w;
            a3 += vi_load_u8(s + 3 * VL) * w;
        }
        vi_store_u8(dst + i, clip_sums(a0));
        vi_store_u8(dst + i + VL, clip_sums(a1));
        vi_store_u8(dst + i + 2 * VL, clip_sums(a2));
        vi_store_u8(dst + i + 3 * VL, clip_sums(a3));
    }
    for (; i < n; i++) {
        int32_t sum = 1 << (WEIGHT_BITS - 1);
        for (int k = 0; k < taps; k++) sum += src[i + k * stride] * weight[k];
        dst[i] = clip_sum(sum);
    }
}

typedef int32_t v4i __attribute__((vector_size(16)));

/* A pixel of three bytes in four lanes; the fourth byte is read where there is one. */
ALWAYS_INLINE v4i load_pixel(const uint8_t *p)
{
    int32_t word;
    memcpy(&word, p, 4);
    __m128i bytes = _mm_cvtsi32_si128(word);
#if defined(__SSE4_1__)
    return (v4i)_mm_cvtepu8_epi32(bytes);
#else
    const __m128i zero = _mm_setzero_si128();
    return (v4i)_mm_unpacklo_epi16(_mm_unpacklo_epi8(bytes, zero), zero);
#endif
}

ALWAYS_INLINE void store_pixel(uint8_t *p, v4i sum)
{
    __m128i v = _mm_srai_epi32((__m128i)sum, WEIGHT_BITS);
    v = _mm_packs_epi32(v, v);
    int32_t word = _mm_cvtsi128_si32(_mm_packus_epi16(v, v));
    memcpy(p, &word, 2);
    p[2] = (uint8_t)(word >> 16);
}

#define ROWS 4 /* worked on together: weights and jumps are shared */

ALWAYS_INLINE void resample_rgb(const uint8_t *restrict src, int64_t stride, int in, const int32_t *first,
                                const int32_t *weight, int taps, int n, uint8_t *restrict dst, const int rows)
{
    for (int i = 0; i < n; i++, weight += taps, dst += 3) {
        const uint8_t *s = src + 3 * (int64_t)first[i];
        int last = first[i] + taps == in, whole = taps - last; /* behind the row's end nothing may be read */
        v4i sum[ROWS];
        for (int r = 0; r < rows; r++) sum[r] = (v4i){ 0 } + (1 << (WEIGHT_BITS - 1));
        for (int k = 0; k < whole; k++, s += 3)
            for (int r = 0; r < rows; r++) sum[r] += load_pixel(s + r * stride) * weight[k];
        for (int r = 0; r < rows; r++) {
            if (last) sum[r] += (v4i){ s[r * stride], s[r * stride + 1], s[r * stride + 2], 0 } * weight[whole];
            store_pixel(dst + (int64_t)r * 3 * n, sum[r]);
        }
    }
}

/* `rows` rows of `in` pixels, c bytes each, side by side, become rows of n pixels, one after the other: pixel i is a
   sum over `taps` pixels from first[i] on, with the weights at i * taps. */
static void u8_resample_rows(const uint8_t *restrict src, int64_t stride, int64_t rows, int in, int c,
                             const int32_t *first, const int32_t *weight, int taps, int n, uint8_t *restrict dst)
{
    int64_t y = 0;
    for (; c == 3 && y + ROWS <= rows; y += ROWS)
        resample_rgb(src + y * stride, stride, in, first, weight, taps, n, dst + y * 3 * n, ROWS);
    for (; c == 3 && y < rows; y++)
        resample_rgb(src + y * stride, stride, in, first, weight, taps, n, dst + y * 3 * n, 1);
    for (; y < rows; y++)
        for (int i = 0; i < n; i++) {
            const uint8_t *s = src + y * stride + (int64_t)first[i] * c;
            const int32_t *w = weight + (int64_t)i * taps;
            for (int ch = 0; ch < c; ch++) {
                int32_t sum = 1 << (WEIGHT_BITS - 1);
                for (int k = 0; k < taps; k++) sum += s[(int64_t)k * c + ch] * w[k];
                dst[(y * n + i) * c + ch] = clip_sum(sum);
            }
        }
}
