/* softmax.inc.c -- exponentials relative to the largest element, which cannot overflow, and their sums. */

/* v with its elements from n on set to 0. */
ALWAYS_INLINE vf first_of(vf v, int n)
{
    vi lane;
    for (int i = 0; i < VL; i++) lane[i] = i;
    return (vf)((vi)v & (lane < vi_set(n)));
}

/* Terms that are added up in float before they go into a double. */
#define SUM_BLOCK (64 * VL)

static double f32_exp_row(float *p, const float *x, int64_t n, float *top)
{
    float most = -INFINITY;
    int64_t i = 0;
    if (n >= VL) {
        vf m = vf_load(x + n - VL); /* the last vector overlaps */
        for (; i + VL <= n; i += VL) m = vf_max(vf_load(x + i), m);
        for (int k = 0; k < VL; k++) most = m[k] > most ? m[k] : most;
    } else {
        for (; i < n; i++) most = x[i] > most ? x[i] : most;
    }
    *top = most;
    double total = 0;
    for (i = 0; i < n;) {
        const int64_t end = n - i < SUM_BLOCK ? n : i + SUM_BLOCK;
        vf sum = { 0 };
        for (; i + VL <= end; i += VL) {
            vf e = vf_exp(vf_load(x + i) - most);
            if (p != NULL) vf_store(p + i, e);
            sum += e;
        }
        if (i < end) {
            const int m = (int)(end - i);
            vf e = first_of(vf_exp(vf_load_n(x + i, m) - most), m);
            if (p != NULL) vf_store_n(p + i, e, m);
            sum += e;
            i = end;
        }
        total += sum_of(sum);
    }
    return total;
}

/* The same of columns: element (k, j) stands at k * stride + j. */
static void f32_exp_columns(float *p, const float *x, int64_t n, int64_t stride, int64_t width, float *top, float *sum)
{
    for (int64_t j = 0; j < width; j += VL) {
        const int m = width - j < VL ? (int)(width - j) : VL;
        vf most = vf_set(-INFINITY), total = { 0 };
        for (int64_t k = 0; k < n; k++) most = vf_max(load_channels(x + k * stride + j, m), most);
        for (int64_t k = 0; k < n; k++) {
            vf e = vf_exp(load_channels(x + k * stride + j, m) - most);
            if (p != NULL) store_channels(p + k * stride + j, e, m);
            total += e;
        }
        store_channels(top + j, most, m);
        store_channels(sum + j, total, m);
    }
}
