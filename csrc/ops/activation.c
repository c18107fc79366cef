/* activation.c -- ReLU. On a private activation it is left pending for its consumer: see core/tensor.h. */
#include "../core/parallel.h"
#include "../kernels/half.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include "elementwise.h"
#include "nhwc.h"

/* ---- rows of elements --------------------------------------------------------------------------- */

/* y = x <= 0 ? 0 : x, which keeps NaN. */
#define RELU_ROW(name, S)                                                                                              \
    static void name(const pc_row_args *args, int64_t n, char *const *data, const int64_t *stride)                             \
    {                                                                                                                  \
        char *y = data[0];                                                                                             \
        const char *x = data[1];                                                                                       \
        for (int64_t i = 0; i < n; i++, y += stride[0], x += stride[1]) {                                              \
            S v = *(const S *)x;                                                                                       \
            *(S *)y = v <= 0 ? 0 : v;                                                                                  \
        }                                                                                                              \
    }
RELU_ROW(relu_f64, double)
RELU_ROW(relu_i64, int64_t)
RELU_ROW(relu_i32, int32_t)
RELU_ROW(relu_i16, int16_t)
RELU_ROW(relu_i8, int8_t)
RELU_ROW(relu_u8, uint8_t)

static void relu_f32(const pc_row_args *args, int64_t n, char *const *data, const int64_t *stride)
{
    if (stride[0] == sizeof(float) && stride[1] == sizeof(float)) {
        pc_k->f32_relu((float *)data[0], (const float *)data[1], n);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        float v = *(const float *)(data[1] + i * stride[1]);
        *(float *)(data[0] + i * stride[0]) = v < 0 ? 0 : v;
    }
}

/* Both 16-bit formats: negative unless NaN, whose exponent bits are all set and whose fraction is not zero. */
static void relu_half(uint16_t infinity, int64_t n, char *const *data, const int64_t *stride)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t v = *(const uint16_t *)(data[1] + i * stride[1]);
        bool negative = v & 0x8000 && (v & 0x7fff) <= infinity;
        *(uint16_t *)(data[0] + i * stride[0]) = negative ? 0 : v;
    }
}
static void relu_f16(const pc_row_args *args, int64_t n, char *const *data, const int64_t *stride)
{
    relu_half(0x7c00, n, data, stride);
}
static void relu_bf16(const pc_row_args *args, int64_t n, char *const *data, const int64_t *stride)
{
    relu_half(0x7f80, n, data, stride);
}

static void backward_f32(const pc_row_args *args, int64_t n, char *const *data, const int64_t *stride)
{
    if (stride[0] == sizeof(float) && stride[1] == sizeof(float) && stride[2] == sizeof(float)) {
        pc_k->f32_relu_backward((float *)data[0], (const float *)data[1], (const float *)data[2], n);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        float y = *(const float *)(data[2] + i * stride[2]), g = *(const float *)(data[1] + i * stride[1]);
        *(float *)(data[0] + i * stride[0]) = y <= 0 ? 0 : g;
    }
}
static void backward_f64(const pc_row_args *args, int64_t n, char *const *data, const int64_t *stride)
{
    for (int64_t i = 0; i < n; i++) {
        double y = *(const double *)(data[2] + i * stride[2]), g = *(const double *)(data[1] + i * stride[1]);
        *(double *)(data[0] + i * stride[0]) = y <= 0 ? 0 : g;
    }
}
/* y is ReLU's output: positive, zero or NaN. */
static void backward_half(const pc_row_args *args, int64_t n, char *const *data, const int64_t *stride)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t y = *(const uint16_t *)(data[2] + i * stride[2]), g = *(const uint16_t *)(data[1] + i * stride[1]);
        *(uint16_t *)(data[0] + i * stride[0]) = (y & 0x7fff) == 0 ? 0 : g;
    }
}

/* ---- flat runs of private memory ---------------------------------------------------------------- */

typedef struct flat {
    float *to;
    const float *g, *x;
} flat;

static pc_status relu_run(void *ctx, int64_t begin, int64_t end)
{
    const flat *f = ctx;
    pc_k->f32_relu(f->to + begin, f->x + begin, end - begin);
    return PC_OK;
}
static pc_status backward_run(void *ctx, int64_t begin, int64_t end)
{
    const flat *f = ctx;
    pc_k->f32_relu_backward(f->to + begin, f->g + begin, f->x + begin, end - begin);
    return PC_OK;
}

/* ---- the operator ------------------------------------------------------------------------------- */

/* A new tensor of t's shape; its memory in t's order if t is dense. */
static pc_status new_like(const pc_tensor *t, pc_tensor **out)
{
    int64_t stride[PC_MAX_DIMS];
    pc_dense_strides(t, stride);
    return pc_tensor_new_strided(t->dtype, t->ndim, t->shape, stride, out);
}

/* In place on private values that no other tensor shows: x goes over to a storage on which ReLU is pending. */
static pc_status become_pending(pc_tensor *x, bool *done)
{
    pc_status status = PC_OK;
    pc_storage *s = x->storage;
    pc_tensor *t = NULL;
    *done = false;
    if (s->data != NULL || atomic_load(&s->refs) != 1) return PC_OK;
    PC_TRY(pc_tensor_pending_relu(x, &t));
    if (t == NULL) return PC_OK;
    x->storage = t->storage;
    t->storage = s;
    atomic_store(&x->storage->version, atomic_load(&s->version));
    pc_release(t);
    *done = true;
done:
    return status;
}

static pc_status relu_forward(pc_call *c)
{
    static const pc_row_fn row[PC_DTYPE_COUNT] = { NULL, relu_u8, relu_i8, relu_i16, relu_i32, relu_i64, relu_f16,
                                                   relu_bf16, relu_f32, relu_f64 };
    pc_status status = PC_OK;
    pc_tensor *x = c->in[0], *y;
    bool done;
    pc_loop loop;
    PC_CHECK(x->dtype != PC_BOOL, PC_ENOTIMPL, "Boolean inputs not supported for relu");
    if (c->inplace) {
        PC_TRY(pc_out(c, 0, x->dtype, x->ndim, x->shape, &y));
        PC_TRY(become_pending(x, &done));
        if (done) return PC_OK;
    } else {
        PC_TRY(pc_tensor_pending_relu(x, &c->out[0]));
        if (c->out[0] != NULL) return PC_OK;
    }
    /* private: to be written in place, or read lazily by somebody else already */
    const float *values = pc_tensor_nhwc(x, &status);
    PC_TRY(status);
    if (values != NULL && (!c->inplace || x->storage->data == NULL)) {
        if (!c->inplace) PC_TRY(pc_tensor_new_private(x->shape[0], x->shape[1], x->shape[2], x->shape[3], &c->out[0]));
        flat f = { .to = pc_tensor_nhwc_new(c->out[0]), .x = values };
        PC_TRY(pc_parallel_for(x->numel, PC_GRAIN, relu_run, &f));
        return PC_OK;
    }
    if (!c->inplace) {
        PC_TRY(new_like(x, &c->out[0]));
        y = c->out[0];
    }
    PC_TRY(pc_tensor_settle(x));
    pc_loop_plan(&loop, 2, (pc_tensor *[]){ y, x });
    PC_TRY(pc_loop_run(&loop, PC_GRAIN, row[x->dtype], NULL));
done:
    return status;
}

static pc_status relu_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *y = c->out[0], *g = gout[0];
    pc_nhwc image = { 0 }, grad = { 0 };
    pc_loop loop;
    if (g == NULL || !c->need[0]) return PC_OK;
    if (y->dtype == PC_F32 && y->ndim == 4 && (pc_is_contiguous(y) || pc_is_channels_last(y))) {
        PC_TRY(pc_nhwc_open(y, &image)); /* a ReLU still pending has the sign of what it reads */
        if (image.pixels) {
            float *to;
            PC_TRY(pc_nhwc_open(g, &grad));
            PC_TRY(pc_nhwc_gather(&grad));
            PC_TRY(pc_nhwc_new(pc_wants_channels_last(y), image.n, image.c, image.h, image.w, &gin[0], &to));
            flat f = { to, grad.p, image.p };
            PC_TRY(pc_parallel_for(y->numel, PC_GRAIN, backward_run, &f));
            goto done;
        }
    }
    PC_TRY(pc_tensor_settle(y));
    PC_TRY(pc_tensor_settle(g));
    PC_TRY(new_like(y, &gin[0]));
    pc_loop_plan(&loop, 3, (pc_tensor *[]){ gin[0], g, y });
    PC_TRY(pc_loop_run(&loop, PC_GRAIN, y->dtype == PC_F32 ? backward_f32 : y->dtype == PC_F64 ? backward_f64 : backward_half,
                       NULL));
done:
    pc_nhwc_close(&image);
    pc_nhwc_close(&grad);
    return status;
}

static const pc_op rows[] = {
    { "relu(Tensor input) -> Tensor", relu_forward, relu_backward,
      PC_FUNCTION | PC_METHOD | PC_NN | PC_INPLACE | PC_PRIVATE | PC_PRIVATE_WRITE |
      PC_SAVE_OUT0, "max(0, x), element by element." },
};
PC_FAMILY(activation, rows);
