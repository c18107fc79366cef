/* activation.c -- ReLU. On a private activation it is left pending for its consumer: see core/tensor.h. */
#include "../core/parallel.h"
#include "../kernels/kernels.h"
#include "elementwise.h"
#include "nhwc.h"

/* ---- rows of elements --------------------------------------------------------------------------- */

static void relu_f32 PC_ROW_PARAMS
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
/* NaN stays. */
PC_PLAIN1(relu_f64, double, double, , a < 0 ? 0 : a)
PC_PLAIN1(relu_i64, int64_t, int64_t, , a < 0 ? 0 : a)

/* The gradient and ReLU's output. */
static void relu_backward_f32 PC_ROW_PARAMS
{
    if (stride[0] == sizeof(float) && stride[1] == sizeof(float) && stride[2] == sizeof(float)) {
        pc_k->f32_relu_backward((float *)data[0], (const float *)data[1], (const float *)data[2], n);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        float g = *(const float *)(data[1] + i * stride[1]), y = *(const float *)(data[2] + i * stride[2]);
        *(float *)(data[0] + i * stride[0]) = y <= 0 ? 0 : g;
    }
}
PC_PLAIN2(relu_backward_f64, double, double, double, , b <= 0 ? 0 : a)

static const pc_ew ew_relu = { "relu", 0, 0, relu_f32, relu_f64, relu_i64, NULL };
static const pc_ew ew_relu_backward = { "threshold_backward", 0, 0, relu_backward_f32, relu_backward_f64, NULL, NULL };

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

/* In place on private values that no other tensor shows: x goes over to a storage on which ReLU is pending. */
static pc_status become_pending(pc_tensor *x, bool *done)
{
    pc_status status = PC_OK;
    pc_storage *s = x->storage;
    pc_tensor *t = NULL;
    *done = false;
    if (atomic_load(&s->refs) != 1) return PC_OK;
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
    pc_status status = PC_OK;
    pc_tensor *x = c->in[0];
    bool done = false;
    PC_CHECK(x->dtype != PC_BOOL, PC_ENOTIMPL, "Boolean inputs not supported for relu");
    if (!c->inplace) {
        PC_TRY(pc_tensor_pending_relu(x, &c->out[0]));
        if (c->out[0] != NULL) return PC_OK;
    } else if (x->storage->data == NULL) {
        PC_TRY(become_pending(x, &done));
        if (!done) { /* private values that others see too */
            const float *values = pc_tensor_nhwc(x, &status);
            PC_TRY(status);
            flat f = { .to = (float *)values, .x = values };
            PC_TRY(pc_parallel_for(x->numel, PC_GRAIN, relu_run, &f));
            pc_tensor_is_relu(x);
        }
        c->out[0] = pc_retain(x);
        return PC_OK;
    }
    PC_TRY(pc_ew_forward(c, &ew_relu, NULL));
done:
    return status;
}

static pc_status relu_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *y = c->out[0], *g = gout[0];
    pc_nhwc image = { 0 }, grad = { 0 };
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
    PC_TRY(pc_elementwise(&ew_relu_backward, 2, (pc_tensor *[]){ g, y }, NULL, NULL, &gin[0]));
done:
    pc_nhwc_close(&image);
    pc_nhwc_close(&grad);
    return status;
}

static const pc_op rows[] = {
    { "relu(Tensor input) -> Tensor", relu_forward, relu_backward,
      PC_FUNCTION | PC_METHOD | PC_NN | PC_INPLACE | PC_PRIVATE | PC_PRIVATE_WRITE | PC_MASK | PC_SAVE_OUT0,
      "max(0, x), element by element.\n"
      "note: The gradient at 0 is 0." },
};
PC_FAMILY(activation, rows);
