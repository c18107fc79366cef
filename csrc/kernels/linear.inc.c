/* linear.inc.c -- dot products, for inputs of few rows: bound by reading the weights once. */

static float f32_dot(const float *a, const float *b, int64_t n)
{
    vf acc[4] = { { 0 } };
    int64_t i = 0;
    for (; i + 4 * VL <= n; i += 4 * VL)
        for (int j = 0; j < 4; j++) acc[j] = vf_fma(vf_load(a + i + j * VL), vf_load(b + i + j * VL), acc[j]);
    for (; i + VL <= n; i += VL) acc[0] = vf_fma(vf_load(a + i), vf_load(b + i), acc[0]);
    vf sum = (acc[0] + acc[1]) + (acc[2] + acc[3]);
    float total = 0;
    for (int j = 0; j < VL; j++) total += sum[j];
    for (; i < n; i++) total += a[i] * b[i];
    return total;
}
