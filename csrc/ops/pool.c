/* pool.c -- max and average pooling. float32 is pooled as pixels, vectorised over channels; other dtypes, maxima with
   indices and windows too large for a byte by plain loops over planes. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include "nhwc.h"
#include "shape.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Elements of a window that a byte can number, beside PC_POOL_KILLED. */
#define CODES 254
/* Floats that a chunk reads or writes: some 5 us. A small image is cut too: its parts stay with the threads that made
   them. */
#define CHUNK_FLOATS (1 << 14)

typedef struct pool_call {
    pc_pool p;
    int64_t n;
    bool batched;
    int spatial;
    const char *name; /* without its dimensions: "max_pool" */
} pool_call;

/* ---- arguments ---------------------------------------------------------------------------------- */

static pc_status check_pair(const pc_value *v, const pool_call *f, const char *what, const char *wanted)
{
    if (v->kind == PC_NONE) return PC_OK;
    if (v->ints.n == 1 || v->ints.n == f->spatial) return pc_check_extents(v->ints.n, v->ints.v);
    return pc_fail(PC_ESHAPE, "%s%dd: %s must %s%s", f->name, f->spatial, what, wanted,
                   f->spatial == 2 ? " a single int, or a tuple of two ints" : " a single int");
}

static void read_pair(const pc_value *v, int spatial, int64_t along, int64_t *h, int64_t *w)
{
    *w = v->ints.v[v->ints.n - 1];
    *h = spatial == 1 ? along : v->ints.v[0];
}

/* What torch says of max_pool1d alone. */
static pc_status check_max_pool1d(const pc_value *kernel, const pc_value *stride, const pc_value *padding,
                                  const pc_value *dilation)
{
    pc_status status = PC_OK;
    const int64_t k = kernel->ints.v[0], pad = padding->ints.v[0];
    bool given = stride->kind != PC_NONE && stride->ints.n > 0;
    PC_CHECK(kernel->ints.n == 1, PC_ESHAPE,
             "max_pool1d() kernel_size must be an int, list of ints or tuple of ints of size 1 "
             "but got size %d",
             kernel->ints.n);
    PC_CHECK(!given || stride->ints.n == 1, PC_ESHAPE,
             "max_pool1d() stride must be None, an int, list of ints, or tuple of ints "
             "of size 1 but got size %d",
             stride->ints.n);
    PC_CHECK(k > 0, PC_ESHAPE, "max_pool1d() kernel_size must be greater than zero, but got %" PRId64, k);
    PC_CHECK(!given || stride->ints.v[0] > 0, PC_ESHAPE,
             "max_pool1d() stride must be greater than zero, but got %" PRId64, stride->ints.v[0]);
    PC_CHECK(pad >= 0, PC_ESHAPE, "max_pool1d() padding must be non-negative, but got %" PRId64, pad);
    PC_CHECK(pad <= k / 2, PC_ESHAPE,
             "max_pool1d() padding should be at most half of kernel size, but got padding=%" PRId64
             " and kernel_size=%" PRId64,
             pad, k);
    PC_CHECK(dilation->ints.v[0] > 0, PC_ESHAPE, "max_pool1d() dilation must be greater than zero, but got %" PRId64,
             dilation->ints.v[0]);
done:
    return status;
}

static pc_status axis_outputs(int64_t size, int64_t k, int64_t stride, int64_t pad, int64_t dilation, bool ceil_mode,
                              int64_t *out)
{
    pc_status status = PC_OK;
    PC_CHECK(stride != 0, PC_ESHAPE, "stride should not be zero");
    PC_CHECK(pad >= 0, PC_ESHAPE, "pad must be non-negative, but got pad: %" PRId64, pad);
    PC_CHECK(pad <= ((k - 1) * dilation + 1) / 2 || k <= 0, PC_ESHAPE,
             "pad should be at most half of effective kernel size, "
             "but got pad=%" PRId64 ", kernel_size=%" PRId64 " and dilation=%" PRId64,
             pad, k, dilation);
    int64_t room = size + 2 * pad - dilation * (k - 1) - 1 + (ceil_mode ? stride - 1 : 0);
    int64_t n = room / stride - (room % stride != 0 && (room < 0) != (stride < 0)) + 1; /* rounded down */
    if (ceil_mode && (n - 1) * stride >= size + pad) n--; /* the last window would start in the padding */
    *out = n;
done:
    return status;
}

static pc_status read_shape(const pc_tensor *x, pool_call *f)
{
    pc_status status = PC_OK;
    char text[200];
    bool max = f->name[0] == 'm';
    if (f->spatial == 2) {
        PC_CHECK(!max || x->ndim == 3 || x->ndim == 4, PC_ESHAPE,
                 "non-empty 3D or 4D (batch mode) tensor expected for input");
        PC_CHECK(x->ndim >= 3, PC_EINDEX,
                 "Dimension out of range (expected to be in range of [-%d, %d], but got -3): %s2d "
                 "pools 3D (unbatched) or 4D (batched) input",
                 x->ndim, x->ndim - 1, f->name);
    } else {
        PC_CHECK(!max || x->ndim == 2 || x->ndim == 3, PC_ESHAPE,
                 "max_pool1d: Expected 2D or 3D (batch mode) tensor with "
                 "optional 0 dim batch size for input, but got:%s",
                 pc_shape_text(x, text));
        PC_CHECK(x->ndim == 2 || x->ndim == 3, PC_ESHAPE,
                 "Expected 2 to 3 dimensions, but got %d-dimensional tensor for "
                 "argument #1 'self' (while checking arguments for %s1d)",
                 x->ndim, f->name);
    }
    bool right = x->ndim == f->spatial + 1 || x->ndim == f->spatial + 2, filled = true;
    for (int d = x->ndim == f->spatial + 2; d < x->ndim && right; d++) filled = filled && x->shape[d] > 0;
    PC_CHECK(right && filled, PC_ESHAPE,
             "Expected %dD or %dD (batch mode) tensor with optional 0 dim batch size for input, "
             "but got:%s",
             f->spatial + 1, f->spatial + 2, pc_shape_text(x, text));
    f->batched = x->ndim == f->spatial + 2;
    f->n = f->batched ? x->shape[0] : 1;
    f->p.c = x->shape[f->batched];
    f->p.h = f->spatial == 2 ? x->shape[f->batched + 1] : 1;
    f->p.w = x->shape[x->ndim - 1];
done:
    return status;
}

/* dilation is NULL for averages. */
static pc_status read_windows(const pc_tensor *x, const pc_value *kernel, const pc_value *stride,
                              const pc_value *padding, const pc_value *dilation, bool ceil_mode, pool_call *f)
{
    pc_status status = PC_OK;
    const pc_value one = { .kind = PC_INTS, .ints = { 1, { 1 } } };
    pc_pool *p = &f->p;
    if (dilation == NULL) dilation = &one;
    PC_TRY(pc_check_extents(x->ndim, x->shape));
    if (f->spatial == 1 && f->name[0] == 'm') PC_TRY(check_max_pool1d(kernel, stride, padding, dilation));
    PC_TRY(check_pair(kernel, f, "kernel_size", "either be"));
    if (stride->kind == PC_NONE || stride->ints.n == 0) stride = kernel;
    PC_TRY(check_pair(stride, f, "stride", "either be omitted,"));
    PC_TRY(check_pair(padding, f, "padding", "either be"));
    PC_TRY(check_pair(dilation, f, "dilation", "be either"));
    read_pair(kernel, f->spatial, 1, &p->kh, &p->kw);
    read_pair(stride, f->spatial, 1, &p->sh, &p->sw);
    read_pair(padding, f->spatial, 0, &p->ph, &p->pw);
    read_pair(dilation, f->spatial, 1, &p->dh, &p->dw);
    PC_TRY(read_shape(x, f));
    PC_TRY(axis_outputs(p->h, p->kh, p->sh, p->ph, p->dh, ceil_mode, &p->oh));
    PC_TRY(axis_outputs(p->w, p->kw, p->sw, p->pw, p->dw, ceil_mode, &p->ow));
    PC_CHECK(p->kh > 0 && p->kw > 0, PC_ESHAPE,
             "kernel size should be greater than zero, but got kH: %" PRId64 " kW: %" PRId64, p->kh, p->kw);
    PC_CHECK(p->sh > 0 && p->sw > 0, PC_ESHAPE,
             "stride should be greater than zero, but got dH: %" PRId64 " dW: %" PRId64, p->sh, p->sw);
    PC_CHECK(p->dh > 0 && p->dw > 0, PC_ESHAPE, "dilation should be greater than zero, but got dilationH: %" PRId64
             " dilationW: %" PRId64, p->dh, p->dw);
    PC_CHECK(p->ph <= p->kh / 2 && p->pw <= p->kw / 2, PC_ESHAPE,
             "pad should be smaller than or equal to half of kernel size, "
             "but got padW = %" PRId64 ", padH = %" PRId64 ", kW = %" PRId64 ", kH = %" PRId64,
             p->pw, p->ph, p->kw, p->kh);
    PC_CHECK(p->ow > 0 || f->spatial == 2 || f->name[0] != 'm', PC_ESHAPE,
             "max_pool1d() Invalid computed output size: %" PRId64, p->ow);
    PC_CHECK(p->oh > 0 && p->ow > 0, PC_ESHAPE,
             "Given input size: (%" PRId64 "x%" PRId64 "x%" PRId64 "). Calculated output "
             "size: (%" PRId64 "x%" PRId64 "x%" PRId64 "). Output size is too small",
             p->c, p->h, p->w, p->c, p->oh > 0 ? p->oh : 0, p->ow > 0 ? p->ow : 0);
done:
    return status;
}

static pc_status read_adaptive(const pc_tensor *x, const pc_value *size, pool_call *f)
{
    pc_status status = PC_OK;
    char text[200];
    pc_pool *p = &f->p;
    p->adaptive = true;
    p->sh = p->sw = p->dh = p->dw = 1;
    PC_CHECK(size->ints.n == 1 || size->ints.n == f->spatial, PC_ESHAPE, "%s%dd: output_size must be %d", f->name,
             f->spatial, f->spatial);
    read_pair(size, f->spatial, 1, &p->oh, &p->ow);
    PC_CHECK(x->ndim >= f->spatial + 1, PC_EVALUE, "Input dimension should be at least %d", f->spatial + 1);
    if (f->name[9] == 'm') {
        pc_tensor wanted = *x;
        wanted.shape[x->ndim - 2] = p->oh;
        wanted.shape[x->ndim - 1] = p->ow;
        PC_CHECK(p->oh >= 0 && p->ow >= 0, PC_ESHAPE, "Trying to create tensor with negative dimension %" PRId64 ": %s",
                 p->oh < 0 ? p->oh : p->ow, pc_shape_text(&wanted, text));
    }
    PC_CHECK(p->oh >= 0 && p->ow >= 0, PC_ESHAPE,
             "%s2d: elements of output_size must be greater than or equal to 0 but "
             "received {%" PRId64 ", %" PRId64 "}",
             f->name, p->oh, p->ow);
    PC_CHECK(x->ndim <= f->spatial + 2, PC_ESHAPE, "%s%dd(): Expected %dD or %dD tensor, but got %s", f->name,
             f->spatial, f->spatial + 1, f->spatial + 2, pc_shape_text(x, text));
    for (int d = x->ndim - f->spatial; d < x->ndim; d++)
        PC_CHECK(x->shape[d] > 0, PC_ESHAPE,
                 "%s%dd(): Expected input to have non-zero size for non-batch dimensions, but "
                 "input has sizes %s with dimension %d being empty",
                 f->name, f->spatial, pc_shape_text(x, text), d);
    f->batched = x->ndim == f->spatial + 2;
    f->n = f->batched ? x->shape[0] : 1;
    p->c = x->shape[f->batched];
    p->h = f->spatial == 2 ? x->shape[f->batched + 1] : 1;
    p->w = x->shape[x->ndim - 1];
done:
    return status;
}

/* t, 4-D and of dtype work. */
static pc_status operand(pc_tensor *t, const pool_call *f, pc_dtype work, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *cast = NULL;
    if (t->dtype != work) PC_TRY(pc_cast(t, work, &cast));
    PC_TRY(pc_nhwc_expand(cast != NULL ? cast : t, f->batched, f->spatial, out));
done:
    pc_release(cast);
    return status;
}

static pc_status result(pc_tensor **t, const pool_call *f, pc_dtype dtype)
{
    pc_status status = PC_OK;
    pc_tensor *cast = NULL;
    PC_TRY(pc_nhwc_squeeze(*t, f->batched, f->spatial));
    if ((*t)->dtype != dtype) {
        PC_TRY(pc_cast(*t, dtype, &cast));
        pc_release(*t);
        *t = cast;
    }
done:
    return status;
}

/* Do results have channels_last strides? */
static bool last(const pc_call *c, const pool_call *f)
{
    return f->spatial == 2 && f->batched && pc_wants_channels_last(c->in[0]);
}

/* ---- float32, as pixels ------------------------------------------------------------------------- */

typedef struct pixel_job {
    const pc_pool *p;
    const float *in; /* forward: x; backward: the output's gradient */
    float *out;
    uint8_t *codes;  /* max pooling, or NULL */
    bool max;
    int64_t units, rows; /* of an image; a unit is so many rows of what is written */
} pixel_job;

static pc_status forward_rows(void *ctx, int64_t begin, int64_t end)
{
    const pixel_job *j = ctx;
    const pc_pool *p = j->p;
    const int64_t in = p->h * p->w * p->c, out = p->oh * p->ow * p->c;
    while (begin < end) {
        int64_t n = begin / p->oh, row0 = begin % p->oh, row1 = row0 + end - begin < p->oh ? row0 + end - begin : p->oh;
        if (j->max)
            pc_k->f32_max_pool(p, j->in + n * in, j->out + n * out, j->codes != NULL ? j->codes + n * out : NULL, row0,
                               row1);
        else pc_k->f32_avg_pool(p, j->in + n * in, j->out + n * out, row0, row1);
        begin += row1 - row0;
    }
    return PC_OK;
}

static pc_status share_rows(void *ctx, int64_t begin, int64_t end)
{
    const pixel_job *j = ctx;
    const pc_pool *p = j->p;
    const int64_t size = p->oh * p->ow * p->c;
    while (begin < end) {
        int64_t n = begin / p->oh, row0 = begin % p->oh, row1 = row0 + end - begin < p->oh ? row0 + end - begin : p->oh;
        pc_k->f32_avg_pool_shares(p, j->in + n * size, j->out + n * size, row0, row1);
        begin += row1 - row0;
    }
    return PC_OK;
}

static pc_status backward_rows(void *ctx, int64_t begin, int64_t end)
{
    const pixel_job *j = ctx;
    const pc_pool *p = j->p;
    const int64_t in = p->oh * p->ow * p->c, out = p->h * p->w * p->c;
    while (begin < end) {
        int64_t n = begin / j->units, unit0 = begin % j->units;
        int64_t unit1 = unit0 + end - begin < j->units ? unit0 + end - begin : j->units;
        int64_t row0 = unit0 * j->rows, row1 = unit1 * j->rows < p->h ? unit1 * j->rows : p->h;
        if (j->max) pc_k->f32_max_pool_backward(p, j->in + n * in, j->codes + n * in, j->out + n * out, row0, row1);
        else pc_k->f32_avg_pool_backward(p, j->in + n * in, j->out + n * out, row0, row1);
        begin += unit1 - unit0;
    }
    return PC_OK;
}

static int64_t chunk(int64_t floats)
{
    return floats >= CHUNK_FLOATS ? 1 : CHUNK_FLOATS / (floats > 0 ? floats : 1);
}

static pc_status pixels_forward(pc_call *c, pool_call *f, bool max)
{
    pc_status status = PC_OK;
    pc_pool *p = &f->p;
    pc_tensor *x = NULL, *y = NULL;
    pc_nhwc image = { 0 };
    pixel_job j = { .p = p, .max = max };
    PC_TRY(operand(c->in[0], f, PC_F32, &x));
    PC_TRY(pc_nhwc_open(x, &image));
    p->relu = image.relu; /* the loops take it upon themselves */
    if (!image.pixels) PC_TRY(pc_nhwc_gather(&image));
    PC_TRY(pc_nhwc_new(last(c, f), f->n, p->c, p->oh, p->ow, &y, &j.out));
    if (max && c->grad) {
        PC_TRY(pc_tensor_new(PC_U8, 4, (int64_t[]){ f->n, p->oh, p->ow, p->c }, &c->aux[0]));
        j.codes = pc_data(c->aux[0]);
    }
    j.in = image.p;
    if (y->numel > 0)
        PC_TRY(pc_parallel_for(f->n * p->oh, chunk(p->w * p->c * (p->adaptive ? p->h / p->oh + 1 : p->kh)),
                               forward_rows, &j));
    c->relu_folded = max && image.relu;
    PC_TRY(result(&y, f, c->in[0]->dtype));
    c->out[0] = y;
    y = NULL;
done:
    pc_nhwc_close(&image);
    pc_release(x);
    pc_release(y);
    return status;
}

/* The gradient of ReLU's output is wanted itself: a window of nothing but zeros has its maximum at its first element.
 */
static void revive(const pc_pool *p, int64_t n, uint8_t *codes)
{
    for (int64_t i = 0; i < n * p->oh * p->ow; i++) {
        int64_t h0 = i / p->ow % p->oh * p->sh - p->ph, w0 = i % p->ow * p->sw - p->pw;
        int64_t r = h0 < 0 ? (-h0 + p->dh - 1) / p->dh : 0, s = w0 < 0 ? (-w0 + p->dw - 1) / p->dw : 0;
        for (int64_t k = 0; k < p->c; k++)
            if (codes[i * p->c + k] == PC_POOL_KILLED) codes[i * p->c + k] = (uint8_t)(r * p->kw + s);
    }
}

static pc_status pixels_backward(pc_call *c, const pool_call *f, bool max, pc_tensor *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    const pc_pool *p = &f->p;
    pc_tensor *g = NULL;
    pc_nhwc grad = { 0 };
    uint8_t *codes = NULL;
    float *shares = NULL;
    pixel_job j = { .p = p, .max = max, .rows = p->sh, .units = (p->h + p->sh - 1) / p->sh };
    PC_TRY(operand(gout, f, PC_F32, &g));
    PC_TRY(pc_nhwc_open(g, &grad));
    PC_TRY(pc_nhwc_gather(&grad));
    PC_TRY(pc_nhwc_new(last(c, f), f->n, p->c, p->h, p->w, gin, &j.out));
    j.in = grad.p;
    if (max) {
        size_t count = (size_t)c->aux[0]->numel;
        j.codes = pc_data(c->aux[0]);
        if (!c->relu_folded && memchr(j.codes, PC_POOL_KILLED, count) != NULL) {
            codes = pc_alloc(count);
            PC_CHECK(codes != NULL, PC_ENOMEM, "out of memory for the gradient of max_pool");
            memcpy(codes, j.codes, count);
            revive(p, f->n, codes);
            j.codes = codes;
        }
    } else {
        shares = pc_alloc((size_t)gout->numel * sizeof *shares);
        PC_CHECK(shares != NULL, PC_ENOMEM, "out of memory for the gradient of avg_pool");
        pixel_job divide = { .p = p, .in = grad.p, .out = shares };
        if (gout->numel > 0) PC_TRY(pc_parallel_for(f->n * p->oh, chunk(p->ow * p->c), share_rows, &divide));
        j.in = shares;
    }
    PC_TRY(pc_parallel_for(f->n * j.units, chunk(j.rows * p->w * p->c), backward_rows, &j));
    PC_TRY(result(gin, f, c->in[0]->dtype));
done:
    pc_nhwc_close(&grad);
    pc_release(g);
    pc_free(codes);
    pc_free(shares);
    return status;
}

/* ---- plain loops over planes -------------------------------------------------------------------- */

typedef struct plane_job {
    const pc_pool *p;
    const void *in;
    void *out;
    int64_t *index; /* max pooling: of the maximum in its plane */
} plane_job;

/* As torch: the first maximum in row-major order, the last NaN; where a dilated window misses the image, -infinity
   (LOWEST) and an index that backward skips. */
#define MAX_PLANES(name, T, LOWEST)                                                                                    \
    static pc_status name(void *ctx, int64_t begin, int64_t end)                                                       \
    {                                                                                                                  \
        const plane_job *j = ctx;                                                                                      \
        const pc_pool *p = j->p;                                                                                       \
        pc_status status = PC_OK;                                                                                      \
        int64_t work = 0;                                                                                              \
        for (int64_t i = begin; i < end; i++) {                                                                        \
            const T *x = (const T *)j->in + i * p->h * p->w;                                                           \
            T *y = (T *)j->out + i * p->oh * p->ow;                                                                    \
            for (int64_t o = 0; o < p->oh * p->ow; o++) {                                                              \
                int64_t h0, h1, w0, w1;                                                                                \
                max_window(p, true, o / p->ow, &h0, &h1);                                                              \
                max_window(p, false, o % p->ow, &w0, &w1);                                                             \
                T best = LOWEST;                                                                                       \
                int64_t at = h0 < h1 && w0 < w1 ? h0 * p->w + w0 : -1;                                                 \
                for (int64_t h = h0; h < h1; h += p->dh) {                                                             \
                    for (int64_t w = w0; w < w1; w += p->dw) {                                                         \
                        T v = x[h * p->w + w];                                                                         \
                        if (v > best || v != v) best = v, at = h * p->w + w;                                           \
                    }                                                                                                  \
                    PC_TRY(pc_poll_after(&work, w1 - w0));                                                             \
                }                                                                                                      \
                y[o] = best;                                                                                           \
                if (j->index != NULL) j->index[i * p->oh * p->ow + o] = at;                                            \
            }                                                                                                          \
        }                                                                                                              \
    done:                                                                                                              \
        return status;                                                                                                 \
    }

static void max_window(const pc_pool *p, bool rows, int64_t o, int64_t *lo, int64_t *hi)
{
    if (p->adaptive) {
        pc_pool_window(p, rows, o, lo, hi);
        return;
    }
    int64_t size = rows ? p->h : p->w, step = rows ? p->dh : p->dw;
    *lo = o * (rows ? p->sh : p->sw) - (rows ? p->ph : p->pw);
    int64_t to = *lo + ((rows ? p->kh : p->kw) - 1) * step + 1;
    *hi = to < size ? to : size;
    while (*lo < 0) *lo += step;
}

MAX_PLANES(max_f32, float, -INFINITY)
MAX_PLANES(max_f64, double, -INFINITY)
MAX_PLANES(max_i64, int64_t, INT64_MIN)
MAX_PLANES(max_i32, int32_t, INT32_MIN)
MAX_PLANES(max_i16, int16_t, INT16_MIN)
MAX_PLANES(max_i8, int8_t, INT8_MIN)
MAX_PLANES(max_u8, uint8_t, 0)

#define MAX_PLANES_BACKWARD(name, T)                                                                                   \
    static pc_status name(void *ctx, int64_t begin, int64_t end)                                                       \
    {                                                                                                                  \
        const plane_job *j = ctx;                                                                                      \
        pc_status status = PC_OK;                                                                                      \
        const int64_t in = j->p->oh * j->p->ow, out = j->p->h * j->p->w;                                               \
        for (int64_t i = begin; i < end; i++) {                                                                        \
            const T *g = (const T *)j->in + i * in;                                                                    \
            T *gx = (T *)j->out + i * out;                                                                             \
            memset(gx, 0, (size_t)out * sizeof *gx);                                                                   \
            for (int64_t o = 0; o < in; o++) {                                                                         \
                if (j->index[i * in + o] >= 0) gx[j->index[i * in + o]] += g[o];                                       \
                PC_TRY(pc_poll_at(o));                                                                                 \
            }                                                                                                          \
        }                                                                                                              \
    done:                                                                                                              \
        return status;                                                                                                 \
    }
MAX_PLANES_BACKWARD(max_backward_f32, float)
MAX_PLANES_BACKWARD(max_backward_f64, double)

/* Integers wrap: SUM is what they are summed in. */
static double ratio_double(double a, double b) { return a / b; }
static int64_t ratio_int64_t(uint64_t a, int64_t b) { return b == -1 ? (int64_t)(0 - a) : (int64_t)a / b; }

#define AVG_PLANES(name, T, SUM)                                                                                       \
    static pc_status name(void *ctx, int64_t begin, int64_t end)                                                       \
    {                                                                                                                  \
        const plane_job *j = ctx;                                                                                      \
        const pc_pool *p = j->p;                                                                                       \
        pc_status status = PC_OK;                                                                                      \
        int64_t work = 0;                                                                                              \
        for (int64_t i = begin; i < end; i++) {                                                                        \
            const T *x = (const T *)j->in + i * p->h * p->w;                                                           \
            T *y = (T *)j->out + i * p->oh * p->ow;                                                                    \
            for (int64_t o = 0; o < p->oh * p->ow; o++) {                                                              \
                int64_t h0, h1, w0, w1, dh = pc_pool_window(p, true, o / p->ow, &h0, &h1);                             \
                int64_t dw = pc_pool_window(p, false, o % p->ow, &w0, &w1);                                            \
                SUM sum = 0;                                                                                           \
                for (int64_t h = h0; h < h1; h++) {                                                                    \
                    for (int64_t w = w0; w < w1; w++) sum += (SUM)x[h * p->w + w];                                     \
                    PC_TRY(pc_poll_after(&work, w1 - w0));                                                             \
                }                                                                                                      \
                y[o] = ratio_##T(sum, (T)(p->divisor != 0 ? p->divisor : dh * dw));                                    \
            }                                                                                                          \
        }                                                                                                              \
    done:                                                                                                              \
        return status;                                                                                                 \
    }
AVG_PLANES(avg_f64, double, double)
AVG_PLANES(avg_i64, int64_t, uint64_t)

static pc_status avg_backward_f64(void *ctx, int64_t begin, int64_t end)
{
    const plane_job *j = ctx;
    const pc_pool *p = j->p;
    pc_status status = PC_OK;
    int64_t work = 0;
    for (int64_t i = begin; i < end; i++) {
        const double *g = (const double *)j->in + i * p->oh * p->ow;
        double *gx = (double *)j->out + i * p->h * p->w;
        memset(gx, 0, (size_t)(p->h * p->w) * sizeof *gx);
        for (int64_t o = 0; o < p->oh * p->ow; o++) {
            int64_t h0, h1, w0, w1, dh = pc_pool_window(p, true, o / p->ow, &h0, &h1);
            int64_t dw = pc_pool_window(p, false, o % p->ow, &w0, &w1);
            double share = g[o] / (double)(p->divisor != 0 ? p->divisor : dh * dw);
            for (int64_t h = h0; h < h1; h++) {
                for (int64_t w = w0; w < w1; w++) gx[h * p->w + w] += share;
                PC_TRY(pc_poll_after(&work, w1 - w0));
            }
        }
    }
done:
    return status;
}

/* y, and index too if it is not NULL: [n, c, oh, ow]. */
static pc_status planes_forward(pc_call *c, const pool_call *f, pc_range_fn fn, pc_dtype work, pc_tensor **index)
{
    pc_status status = PC_OK;
    const pc_pool *p = &f->p;
    const int64_t shape[4] = { f->n, p->c, p->oh, p->ow };
    pc_tensor *x = NULL, *plain = NULL, *y = NULL;
    PC_TRY(operand(c->in[0], f, work, &x));
    PC_TRY(pc_contiguous(x, &plain));
    PC_TRY(pc_tensor_new(work, 4, shape, &y));
    if (index != NULL) PC_TRY(pc_tensor_new(PC_I64, 4, shape, index));
    plane_job j = { p, pc_data(plain), pc_data(y), index != NULL ? pc_data(*index) : NULL };
    PC_TRY(pc_parallel_for(f->n * p->c, chunk(p->h * p->w), fn, &j));
    if (last(c, f)) PC_TRY(pc_nhwc_restride(&y));
    PC_TRY(result(&y, f, c->in[0]->dtype));
    c->out[0] = y;
    y = NULL;
done:
    pc_release(x);
    pc_release(plain);
    pc_release(y);
    return status;
}

static pc_status planes_backward(pc_call *c, const pool_call *f, pc_range_fn fn, pc_dtype work, pc_tensor *index,
                                 pc_tensor *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    const pc_pool *p = &f->p;
    pc_tensor *g = NULL, *plain = NULL, *plain_index = NULL;
    PC_TRY(operand(gout, f, work, &g));
    PC_TRY(pc_contiguous(g, &plain));
    if (index != NULL) PC_TRY(pc_contiguous(index, &plain_index));
    PC_TRY(pc_tensor_new(work, 4, (int64_t[]){ f->n, p->c, p->h, p->w }, gin));
    plane_job j = { p, pc_data(plain), pc_data(*gin), index != NULL ? pc_data(plain_index) : NULL };
    PC_TRY(pc_parallel_for(f->n * p->c, chunk(p->h * p->w), fn, &j));
    if (last(c, f)) PC_TRY(pc_nhwc_restride(gin));
    PC_TRY(result(gin, f, c->in[0]->dtype));
done:
    pc_release(g);
    pc_release(plain);
    pc_release(plain_index);
    return status;
}

/* ---- max ---------------------------------------------------------------------------------------- */

static pc_status read_max(const pc_call *c, int spatial, pool_call *f)
{
    *f = (pool_call){ .spatial = spatial, .name = "max_pool" };
    return read_windows(c->in[0], &c->v[0], &c->v[1], &c->v[2], &c->v[3], c->v[4].i, f);
}

static pc_status max_planes(pc_call *c, const pool_call *f, pc_tensor **index)
{
    static const pc_range_fn fn[PC_DTYPE_COUNT] = { NULL, max_u8, max_i8, max_i16, max_i32, max_i64, max_f32, max_f32,
                                                    max_f32, max_f64 };
    pc_dtype dtype = c->in[0]->dtype, work = dtype == PC_F16 || dtype == PC_BF16 ? PC_F32 : dtype;
    return planes_forward(c, f, fn[dtype], work, index);
}

/* Indices that are a result, in its shape and order. */
static pc_status finish_index(pc_call *c, const pool_call *f)
{
    pc_status status = PC_OK;
    if (last(c, f)) PC_TRY(pc_nhwc_restride(&c->out[1]));
    PC_TRY(pc_nhwc_squeeze(c->out[1], f->batched, f->spatial));
done:
    return status;
}

static pc_status max_planes_backward(pc_call *c, const pool_call *f, pc_tensor *index, pc_tensor *gout, pc_tensor **gin)
{
    bool wide = c->in[0]->dtype == PC_F64;
    return planes_backward(c, f, wide ? max_backward_f64 : max_backward_f32, wide ? PC_F64 : PC_F32, index, gout, gin);
}

/* Float32 that a byte can tell the maximum of. */
static bool in_bytes(const pc_call *c, const pool_call *f)
{
    pc_dtype d = c->in[0]->dtype;
    return (d == PC_F32 || d == PC_F16 || d == PC_BF16) && f->p.kh <= CODES && f->p.kw <= CODES
           && f->p.kh * f->p.kw <= CODES;
}

static pc_status max_forward(pc_call *c, int spatial)
{
    pc_status status = PC_OK;
    pool_call f;
    PC_TRY(read_max(c, spatial, &f));
    PC_CHECK(c->in[0]->dtype != PC_BOOL, PC_ENOTIMPL, "\"max_pool%dd\" not implemented for 'Bool'", spatial);
    if (in_bytes(c, &f)) PC_TRY(pixels_forward(c, &f, true));
    else PC_TRY(max_planes(c, &f, c->grad ? &c->aux[0] : NULL));
done:
    return status;
}

static pc_status max_backward(pc_call *c, int spatial, pc_tensor *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pool_call f;
    if (gout == NULL || !c->need[0]) return PC_OK;
    PC_TRY(read_max(c, spatial, &f));
    if (in_bytes(c, &f)) PC_TRY(pixels_backward(c, &f, true, gout, gin));
    else PC_TRY(max_planes_backward(c, &f, c->aux[0], gout, gin));
done:
    return status;
}

static pc_status max_pool2d_forward(pc_call *c) { return max_forward(c, 2); }
static pc_status max_pool1d_forward(pc_call *c) { return max_forward(c, 1); }
static pc_status max_pool2d_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return max_backward(c, 2, gout[0], gin);
}
static pc_status max_pool1d_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return max_backward(c, 1, gout[0], gin);
}

static pc_status with_indices_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pool_call f;
    PC_TRY(read_max(c, 2, &f));
    PC_CHECK(c->in[0]->dtype != PC_BOOL, PC_ENOTIMPL, "\"max_pool2d\" not implemented for 'Bool'");
    PC_TRY(max_planes(c, &f, &c->out[1]));
    PC_TRY(finish_index(c, &f));
done:
    return status;
}
static pc_status with_indices_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pool_call f;
    if (gout[0] == NULL || !c->need[0]) return PC_OK;
    pc_status status = read_max(c, 2, &f);
    return status != PC_OK ? status : max_planes_backward(c, &f, c->out[1], gout[0], gin);
}

static pc_status read_adaptive_max(const pc_call *c, pool_call *f)
{
    *f = (pool_call){ .spatial = 2, .name = "adaptive_max_pool" };
    return read_adaptive(c->in[0], &c->v[0], f);
}
static pc_status adaptive_max_forward(pc_call *c, pc_tensor **index)
{
    pc_status status = PC_OK;
    pool_call f;
    PC_TRY(read_adaptive_max(c, &f));
    PC_CHECK(pc_dtype_is_float(c->in[0]->dtype), PC_ENOTIMPL, "\"adaptive_max_pool2d\" not implemented for '%s'",
             pc_dtype_type_name(c->in[0]->dtype));
    PC_TRY(max_planes(c, &f, index));
    if (index == &c->out[1]) PC_TRY(finish_index(c, &f));
done:
    return status;
}
static pc_status adaptive_max_backward(pc_call *c, pc_tensor *index, pc_tensor *gout, pc_tensor **gin)
{
    pool_call f;
    if (gout == NULL || !c->need[0]) return PC_OK;
    pc_status status = read_adaptive_max(c, &f);
    return status != PC_OK ? status : max_planes_backward(c, &f, index, gout, gin);
}
static pc_status adaptive_max_pool2d_forward(pc_call *c)
{
    return adaptive_max_forward(c, c->grad ? &c->aux[0] : NULL);
}
static pc_status adaptive_max_pool2d_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return adaptive_max_backward(c, c->aux[0], gout[0], gin);
}
static pc_status adaptive_with_indices_forward(pc_call *c) { return adaptive_max_forward(c, &c->out[1]); }
static pc_status adaptive_with_indices_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return adaptive_max_backward(c, c->out[1], gout[0], gin);
}

/* ---- average ------------------------------------------------------------------------------------ */

/* avg_pool: kernel, stride, padding, ceil_mode, count_include_pad, (2d:) divisor. adaptive: output size. */
static pc_status read_avg(const pc_call *c, int spatial, bool adaptive, pool_call *f)
{
    pc_status status = PC_OK;
    *f = (pool_call){ .spatial = spatial, .name = adaptive ? "adaptive_avg_pool" : "avg_pool" };
    if (adaptive) return read_adaptive(c->in[0], &c->v[0], f);
    PC_TRY(read_windows(c->in[0], &c->v[0], &c->v[1], &c->v[2], NULL, c->v[3].i, f));
    f->p.include_pad = c->v[4].i;
    if (spatial == 2 && c->v[5].kind != PC_NONE) {
        f->p.divisor = c->v[5].i;
        PC_CHECK(f->p.divisor != 0, PC_ESHAPE, "divisor must be not zero");
    }
done:
    return status;
}

static pc_status avg_forward(pc_call *c, int spatial, bool adaptive)
{
    pc_status status = PC_OK;
    pool_call f;
    pc_dtype dtype = c->in[0]->dtype;
    PC_TRY(read_avg(c, spatial, adaptive, &f));
    PC_CHECK(pc_dtype_is_float(dtype) || (dtype == PC_I64 && !adaptive), PC_ENOTIMPL,
             "\"%s%dd\" not implemented for '%s'", f.name, 2, pc_dtype_type_name(dtype));
    if (dtype == PC_F64 || dtype == PC_I64)
        PC_TRY(planes_forward(c, &f, dtype == PC_F64 ? avg_f64 : avg_i64, dtype, NULL));
    else PC_TRY(pixels_forward(c, &f, false));
done:
    return status;
}

static pc_status avg_backward(pc_call *c, int spatial, bool adaptive, pc_tensor *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pool_call f;
    if (gout == NULL || !c->need[0]) return PC_OK;
    PC_TRY(read_avg(c, spatial, adaptive, &f));
    if (c->in[0]->dtype == PC_F64) PC_TRY(planes_backward(c, &f, avg_backward_f64, PC_F64, NULL, gout, gin));
    else PC_TRY(pixels_backward(c, &f, false, gout, gin));
done:
    return status;
}

static pc_status avg_pool2d_forward(pc_call *c) { return avg_forward(c, 2, false); }
static pc_status avg_pool1d_forward(pc_call *c) { return avg_forward(c, 1, false); }
static pc_status adaptive_avg_pool2d_forward(pc_call *c) { return avg_forward(c, 2, true); }
static pc_status adaptive_avg_pool1d_forward(pc_call *c) { return avg_forward(c, 1, true); }
static pc_status avg_pool2d_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return avg_backward(c, 2, false, gout[0], gin);
}
static pc_status avg_pool1d_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return avg_backward(c, 1, false, gout[0], gin);
}
static pc_status adaptive_avg_pool2d_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return avg_backward(c, 2, true, gout[0], gin);
}
static pc_status adaptive_avg_pool1d_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return avg_backward(c, 1, true, gout[0], gin);
}

/* ---- rows --------------------------------------------------------------------------------------- */

static const pc_op rows[] = {
    { "max_pool2d(Tensor input, int[2] kernel_size, int[2]? stride=None, int[2] padding=0, int[2] dilation=1, "
      "bool ceil_mode=False) -> Tensor",
      max_pool2d_forward, max_pool2d_backward, PC_FUNCTION | PC_NN | PC_PRIVATE, "The largest value of each window.\n"
      "input: Of shape [N, C, H, W] or [C, H, W].\n"
      "padding: Added on both sides, never the maximum; at most half of the window." },
    { "max_pool1d(Tensor input, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, int[1] dilation=1, "
      "bool ceil_mode=False) -> Tensor",
      max_pool1d_forward, max_pool1d_backward, PC_FUNCTION | PC_NN | PC_PRIVATE, "The largest value of each window.\n"
      "input: Of shape [N, C, L] or [C, L].\n"
      "padding: Added on both sides, never the maximum; at most half of the window." },
    { "max_pool2d_with_indices(Tensor input, int[2] kernel_size, int[2]? stride=None, int[2] padding=0, "
      "int[2] dilation=1, bool ceil_mode=False) -> (Tensor values, Tensor indices)",
      with_indices_forward, with_indices_backward, PC_NN | PC_PRIVATE | PC_SAVE_OUT1,
      "The largest value of each window, and where in its plane it stands." },
    { "adaptive_max_pool2d(Tensor input, int[2] output_size) -> Tensor", adaptive_max_pool2d_forward,
      adaptive_max_pool2d_backward, PC_NN | PC_PRIVATE, "Max pooling to a given size." },
    { "adaptive_max_pool2d_with_indices(Tensor input, int[2] output_size) -> (Tensor values, Tensor indices)",
      adaptive_with_indices_forward, adaptive_with_indices_backward, PC_NN | PC_PRIVATE | PC_SAVE_OUT1,
      "Max pooling to a given size, and where in its plane each maximum stands." },
    { "avg_pool2d(Tensor input, int[2] kernel_size, int[2]? stride=None, int[2] padding=0, bool ceil_mode=False, "
      "bool count_include_pad=True, int? divisor_override=None) -> Tensor",
      avg_pool2d_forward, avg_pool2d_backward, PC_NN | PC_PRIVATE, "The mean of each window." },
    { "avg_pool1d(Tensor input, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, bool ceil_mode=False, "
      "bool count_include_pad=True) -> Tensor",
      avg_pool1d_forward, avg_pool1d_backward, PC_FUNCTION | PC_NN | PC_PRIVATE, "The mean of each window.\n"
      "input: Of shape [N, C, L] or [C, L].\n"
      "padding: Added on both sides; at most half of the window." },
    { "adaptive_avg_pool2d(Tensor input, int[2] output_size) -> Tensor", adaptive_avg_pool2d_forward,
      adaptive_avg_pool2d_backward, PC_NN | PC_PRIVATE, "Average pooling to a given size." },
    { "adaptive_avg_pool1d(Tensor input, int[1] output_size) -> Tensor", adaptive_avg_pool1d_forward,
      adaptive_avg_pool1d_backward, PC_FUNCTION | PC_NN | PC_PRIVATE, "Average pooling to a given size.\n"
      "input: Of shape [N, C, L] or [C, L].\n"
      "output_size: Length of the result." },
};
PC_FAMILY(pool, rows);
