/* activation.inc.c -- ReLU and its gradient over flat memory. */

/* max(0, x); NaN stays. dst may be src. */
static void f32_relu(float *dst, const float *src, int64_t n)
{
    int64_t i = 0;
    for (; i + VL <= n; i += VL) vf_store(dst + i, vf_relu(vf_load(src + i)));
    if (i < n) vf_store_n(dst + i, vf_relu(vf_load_n(src + i, (int)(n - i))), (int)(n - i));
}

/* gx = y <= 0 ? 0 : g, where y is ReLU's output or its input. */
static void f32_relu_backward(float *restrict gx, const float *restrict g, const float *restrict y, int64_t n)
{
    int64_t i = 0;
    for (; i + VL <= n; i += VL)
        vf_store(gx + i, vf_blend(vf_le(vf_load(y + i), (vf){ 0 }), (vf){ 0 }, vf_load(g + i)));
    if (i < n) {
        const int rest = (int)(n - i);
        vf_store_n(gx + i, vf_blend(vf_le(vf_load_n(y + i, rest), (vf){ 0 }), (vf){ 0 }, vf_load_n(g + i, rest)), rest);
    }
}
