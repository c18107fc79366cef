/* pad.c -- padding by constants, reflection, replication and wrapping; pixel shuffling. */
#include "shape.h"
#include "../core/parallel.h"
#include "copy.h"
#include "elementwise.h"
#include <inttypes.h>
#include <string.h>

/* ---- padding by a constant --------------------------------------------------------------------- */

/* The parts of a (the unpadded) and b (the padded) that hold the same elements. */
static void overlap(const pc_value *pad, pc_tensor *a, pc_tensor *b)
{
    for (int k = 0; k < pad->ints.n / 2; k++) {
        int d = a->ndim - 1 - k;
        int64_t before = pad->ints.v[2 * k], after = pad->ints.v[2 * k + 1];
        int64_t skip = before < 0 ? -before : 0, cut = after < 0 ? -after : 0, n = a->shape[d] - skip - cut;
        pc_window_narrow(a, d, skip, n, 1);
        pc_window_narrow(b, d, before > 0 ? before : 0, n, 1);
    }
}

static pc_status pad_constant_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *self = c->in[0];
    const pc_value *pad = &c->v[0];
    int64_t shape[PC_MAX_DIMS];
    pc_tensor from, to;
    int n = pad->ints.n;

    PC_CHECK(n % 2 == 0, PC_ESHAPE, "Length of pad must be even but instead it equals %d", n);
    PC_CHECK(n / 2 <= self->ndim, PC_ESHAPE,
             "Length of pad should be no more than twice the number of dimensions of the input. Pad length is %d "
             "while the input has %d dimensions.",
             n, self->ndim);
    memcpy(shape, self->shape, sizeof shape);
    PC_TRY(pc_check_extents(n, pad->ints.v));
    for (int k = 0; k < n / 2; k++) {
        int d = self->ndim - 1 - k;
        int64_t before = pad->ints.v[2 * k], after = pad->ints.v[2 * k + 1];
        int64_t left = self->shape[d] + (before < 0 ? before : 0) + (after < 0 ? after : 0);
        shape[d] = self->shape[d] + before + after;
        PC_CHECK(left >= 0, PC_ESHAPE,
                 "narrow(): length must be non-negative. The padding takes more from dimension %d than its %" PRId64
                 " elements.",
                 d, self->shape[d]);
        PC_CHECK(shape[d] >= 0, PC_ESHAPE,
                 "The input size %" PRId64 ", plus negative padding %" PRId64 " and %" PRId64 " resulted in a "
                 "negative output size, which is invalid. Check dimension %d of your input.",
                 self->shape[d], before, after, d);
    }
    if (pc_is_channels_last(self) && !pc_is_contiguous(self)) {
        int64_t stride[4] = { pc_times(pc_times(shape[1], shape[2]), shape[3]), 1, pc_times(shape[1], shape[3]),
                              shape[1] };
        PC_TRY(pc_tensor_new_strided(self->dtype, 4, shape, stride, &c->out[0]));
    } else {
        PC_TRY(pc_tensor_new(self->dtype, self->ndim, shape, &c->out[0]));
    }
    PC_TRY(pc_fill(c->out[0], c->v[1]));
    from = pc_window(self);
    to = pc_window(c->out[0]);
    overlap(pad, &from, &to);
    PC_TRY(pc_copy(&to, &from));
done:
    return status;
}

static pc_status pad_constant_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor from = pc_window(gout[0]), to;
    bool cropped = false;

    for (int k = 0; k < c->v[0].ints.n; k++) cropped = cropped || c->v[0].ints.v[k] < 0;
    if (cropped) PC_TRY(pc_zeros_like(c->in[0], &gin[0]));
    else PC_TRY(pc_tensor_new(c->in[0]->dtype, c->in[0]->ndim, c->in[0]->shape, &gin[0]));
    to = pc_window(gin[0]);
    overlap(&c->v[0], &to, &from);
    PC_TRY(pc_copy(&to, &from));
done:
    return status;
}

/* ---- padding by reflection, replication, wrapping ---------------------------------------------- */

/* Which element stands at place i (negative or beyond) under the mode. low and high: what cropping leaves; it is this
   part that wraps. */
enum { REFLECT, REPLICATE, CIRCULAR };
static int64_t source_of(int mode, int64_t i, int64_t size, int64_t low, int64_t high)
{
    if (mode == REFLECT) return i < 0 ? -i : i >= size ? 2 * size - 2 - i : i;
    if (mode == REPLICATE) return i < 0 ? 0 : i >= size ? size - 1 : i;
    return i < low ? i + (high - low) : i >= high ? i - (high - low) : i;
}

/* The last three dimensions, those before as one number of volumes. Both sides contiguous. */
typedef struct padding {
    const char *src;
    char *dst;
    int64_t volumes, in[3], out[3], before[3], low[3], high[3], size;
    int mode;
    bool add; /* backward: src is the padded side, dst the other, which is added to */
    pc_dtype dtype;
} padding;

static void pad_row(const padding *p, const char *src, char *dst)
{
    int64_t n = p->in[2], m = p->out[2], before = p->before[2], size = p->size;
    int64_t skip = before < 0 ? -before : 0, first = before > 0 ? before : 0, inner = n - skip;
    if (first > m) first = m;
    if (inner > m - first) inner = m - first;
    if (inner < 0) skip = inner = 0; /* all is cropped: replicas alone */
    for (int64_t i = 0; i < first; i++)
        memcpy(dst + i * size, src + source_of(p->mode, i - before, n, p->low[2], p->high[2]) * size, (size_t)size);
    memcpy(dst + first * size, src + skip * size, (size_t)(inner * size));
    for (int64_t i = first + inner; i < m; i++)
        memcpy(dst + i * size, src + source_of(p->mode, i - before, n, p->low[2], p->high[2]) * size, (size_t)size);
}

static void unpad_row(const padding *p, const char *src, char *dst)
{
    for (int64_t i = 0; i < p->out[2]; i++) {
        int64_t to = source_of(p->mode, i - p->before[2], p->in[2], p->low[2], p->high[2]);
        if (p->dtype == PC_F32) ((float *)dst)[to] += ((const float *)src)[i];
        else ((double *)dst)[to] += ((const double *)src)[i];
    }
}

static pc_status pad_volumes(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    const padding *p = ctx;
    int64_t work = 0, inside = p->in[0] * p->in[1] * p->in[2], outside = p->out[0] * p->out[1] * p->out[2];
    for (int64_t v = begin; v < end; v++)
        for (int64_t z = 0; z < p->out[0]; z++)
            for (int64_t y = 0; y < p->out[1]; y++) {
                int64_t fz = source_of(p->mode, z - p->before[0], p->in[0], p->low[0], p->high[0]);
                int64_t fy = source_of(p->mode, y - p->before[1], p->in[1], p->low[1], p->high[1]);
                int64_t in = (v * inside + (fz * p->in[1] + fy) * p->in[2]) * p->size;
                int64_t out = (v * outside + (z * p->out[1] + y) * p->out[2]) * p->size;
                if (p->add) unpad_row(p, p->src + out, p->dst + in);
                else pad_row(p, p->src + in, p->dst + out);
                PC_TRY(pc_poll_after(&work, p->out[2]));
            }
done:
    return status;
}

static void plan_padding(padding *p, const pc_value *pad, const pc_tensor *in, const pc_tensor *out)
{
    int spatial = pad->ints.n / 2;
    p->volumes = 1;
    for (int k = 0; k < 3; k++) p->in[k] = p->out[k] = p->high[k] = 1, p->before[k] = p->low[k] = 0;
    for (int d = 0; d < in->ndim; d++) {
        int k = d - in->ndim + 3;
        if (in->ndim - d > spatial) {
            p->volumes *= in->shape[d];
            continue;
        }
        p->in[k] = in->shape[d];
        p->out[k] = out->shape[d];
        int64_t before = pad->ints.v[2 * (in->ndim - 1 - d)], after = pad->ints.v[2 * (in->ndim - 1 - d) + 1];
        p->before[k] = before;
        p->low[k] = before < 0 ? -before : 0;
        p->high[k] = after < 0 ? p->in[k] + after : p->in[k];
    }
    p->dtype = in->dtype;
    p->size = pc_dtype_size(in->dtype);
}

static pc_status run_padding(padding *p)
{
    int64_t volume = p->out[0] * p->out[1] * p->out[2];
    if (volume == 0) return PC_OK;
    return pc_parallel_for(p->volumes, PC_GRAIN / volume + 1, pad_volumes, p);
}

static pc_status pad_by(pc_call *c, int mode, int spatial)
{
    pc_status status = PC_OK;
    pc_tensor *self = c->in[0], *dense = NULL;
    const int64_t *pad = c->v[0].ints.v;
    padding p = { .mode = mode };
    int64_t shape[PC_MAX_DIMS];
    bool empty = false;
    char text[200];
    int n = c->v[0].ints.n;

    PC_CHECK(n == 2 * spatial, PC_ESHAPE, "padding size is expected to be %d, but got: %d", 2 * spatial, n);
    PC_CHECK(self->ndim == spatial + 1 || self->ndim == spatial + 2, PC_ESHAPE,
             "Expected %dD or %dD (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
             "input, but got: %s",
             spatial + 1, spatial + 2, pc_shape_text(self, text));
    for (int d = self->ndim - spatial - 1; d < self->ndim; d++) empty = empty || self->shape[d] == 0;
    PC_CHECK(!empty, PC_ESHAPE,
             "Expected %dD or %dD (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
             "input, but got: %s",
             spatial + 1, spatial + 2, pc_shape_text(self, text));
    memcpy(shape, self->shape, sizeof shape);
    PC_TRY(pc_check_extents(n, pad));
    for (int k = 0; k < spatial; k++) {
        int d = self->ndim - 1 - k;
        int64_t size = self->shape[d], before = pad[2 * k], after = pad[2 * k + 1];
        int64_t left = size + (before < 0 ? before : 0) + (after < 0 ? after : 0); /* of what wraps */
        PC_CHECK(mode != REFLECT || (before < size && after < size), PC_ESHAPE,
                 "Argument #%d: Padding size should be less than the corresponding input dimension, but got: padding "
                 "(%" PRId64 ", %" PRId64 ") at dimension %d of input %s", 4 + 2 * k, before, after, d,
                 pc_shape_text(self, text));
        PC_CHECK(mode != CIRCULAR || (before <= left && after <= left && left > 0), PC_ESHAPE,
                 "Padding value causes wrapping around more than once.");
        shape[d] = size + before + after;
        PC_CHECK(shape[d] >= 1, PC_ESHAPE,
                 "input (%" PRId64 ") is too small for padding (%" PRId64 ", %" PRId64 "): the output would have size "
                 "%" PRId64 " in dimension %d",
                 size, before, after, shape[d], d);
    }
    PC_TRY(pc_contiguous(self, &dense));
    PC_TRY(pc_tensor_new(self->dtype, self->ndim, shape, &c->out[0]));
    plan_padding(&p, &c->v[0], self, c->out[0]);
    p.src = pc_data(dense);
    p.dst = pc_data(c->out[0]);
    PC_TRY(run_padding(&p));
done:
    pc_release(dense);
    return status;
}

static pc_status unpad(pc_call *c, pc_tensor *gout, pc_tensor **gin, int mode)
{
    pc_status status = PC_OK;
    pc_tensor *dense = NULL;
    padding p = { .mode = mode, .add = true };

    PC_CHECK(gout->dtype == PC_F32 || gout->dtype == PC_F64, PC_ENOTIMPL,
             "the gradient of this padding is computed in float32 and float64 only, not %s",
             pc_dtype_name(gout->dtype));
    PC_TRY(pc_contiguous(gout, &dense));
    PC_TRY(pc_tensor_new(gout->dtype, c->in[0]->ndim, c->in[0]->shape, gin));
    PC_TRY(pc_fill(*gin, (pc_value){ .kind = PC_INT }));
    plan_padding(&p, &c->v[0], c->in[0], gout);
    p.src = pc_data(dense);
    p.dst = pc_data(*gin);
    PC_TRY(run_padding(&p));
done:
    pc_release(dense);
    return status;
}

#define PAD(name, mode)                                                                            \
    static pc_status name##1_forward(pc_call *c) { return pad_by(c, mode, 1); }                    \
    static pc_status name##2_forward(pc_call *c) { return pad_by(c, mode, 2); }                    \
    static pc_status name##3_forward(pc_call *c) { return pad_by(c, mode, 3); }                    \
    static pc_status name##_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)          \
    {                                                                                              \
        return unpad(c, gout[0], &gin[0], mode);                                                   \
    }
PAD(reflect, REFLECT)
PAD(replicate, REPLICATE)
PAD(circular, CIRCULAR)

static pc_status circular_forward(pc_call *c)
{
    switch (c->v[0].ints.n) {
    case 2: return circular1_forward(c);
    case 4: return circular2_forward(c);
    default: return circular3_forward(c);
    }
}

/* ---- pixel_shuffle ----------------------------------------------------------------------------- */

/* out[.., C, H * r, W * r] <-> in[.., C * r * r, H, W]; both contiguous. Which way is a matter of who is copied. */
static pc_status shuffle_windows(const pc_tensor *wide, const pc_tensor *deep, int64_t r, pc_tensor *w, pc_tensor *d)
{
    pc_status status = PC_OK;
    int n = deep->ndim;
    int64_t batch = pc_product(n - 3, deep->shape), c = deep->shape[n - 3] / (r * r), h = deep->shape[n - 2],
            x = deep->shape[n - 1], area = h * x;
    *w = pc_window(wide);
    *d = pc_window(deep);
    w->ndim = d->ndim = 6;
    int64_t shape[6] = { batch, c, h, r, x, r };
    int64_t of_wide[6] = { c * r * r * area, r * r * area, r * x * r, x * r, r, 1 };
    int64_t of_deep[6] = { c * r * r * area, r * r * area, x, r * area, 1, area };
    memcpy(w->shape, shape, sizeof shape);
    memcpy(d->shape, shape, sizeof shape);
    memcpy(w->stride, of_wide, sizeof shape);
    memcpy(d->stride, of_deep, sizeof shape);
    return status;
}

static pc_status shuffle(pc_tensor *t, int64_t r, bool to_wide, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *dense = NULL, *result = NULL, w, d;
    int64_t shape[PC_MAX_DIMS];
    int n = t->ndim;

    memcpy(shape, t->shape, sizeof shape);
    shape[n - 3] = to_wide ? shape[n - 3] / (r * r) : shape[n - 3] * r * r;
    for (int k = n - 2; k < n; k++) shape[k] = to_wide ? shape[k] * r : shape[k] / r;
    PC_TRY(pc_contiguous(t, &dense));
    PC_TRY(pc_tensor_new(t->dtype, n, shape, &result));
    shuffle_windows(to_wide ? result : dense, to_wide ? dense : result, r, &w, &d);
    PC_TRY(to_wide ? pc_copy(&w, &d) : pc_copy(&d, &w));
    *out = result;
    result = NULL;
done:
    pc_release(dense);
    pc_release(result);
    return status;
}

static pc_status pixel_shuffle_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *t = c->in[0];
    int64_t r = c->v[0].i;
    PC_CHECK(t->ndim >= 3, PC_ESHAPE,
             "pixel_shuffle expects input to have at least 3 dimensions, but got input with %d dimension(s)",
             t->ndim);
    PC_CHECK(r > 0 && r < 1 << 15, PC_ESHAPE, "pixel_shuffle expects a positive upscale_factor, but got %" PRId64, r);
    PC_CHECK(t->shape[t->ndim - 3] % (r * r) == 0, PC_ESHAPE,
             "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
             "but input.size(-3)=%" PRId64 " is not divisible by %" PRId64,
             t->shape[t->ndim - 3], r * r);
    PC_TRY(shuffle(c->in[0], r, true, &c->out[0]));
done:
    return status;
}
static pc_status pixel_shuffle_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return shuffle(gout[0], c->v[0].i, false, &gin[0]);
}

static pc_status pixel_unshuffle_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *t = c->in[0];
    int64_t r = c->v[0].i;
    PC_CHECK(t->ndim >= 3, PC_ESHAPE,
             "pixel_unshuffle expects input to have at least 3 dimensions, but got input with %d dimension(s)",
             t->ndim);
    PC_CHECK(r > 0 && r < 1 << 15, PC_ESHAPE, "pixel_unshuffle expects a positive downscale_factor, but got %" PRId64,
             r);
    PC_CHECK(t->shape[t->ndim - 2] % r == 0, PC_ESHAPE,
             "pixel_unshuffle expects height to be divisible by downscale_factor, but input.size(-2)=%" PRId64 " is "
             "not divisible by %" PRId64, t->shape[t->ndim - 2], r);
    PC_CHECK(t->shape[t->ndim - 1] % r == 0, PC_ESHAPE,
             "pixel_unshuffle expects width to be divisible by downscale_factor, but input.size(-1)=%" PRId64 " is "
             "not divisible by %" PRId64, t->shape[t->ndim - 1], r);
    PC_TRY(shuffle(c->in[0], r, false, &c->out[0]));
done:
    return status;
}
static pc_status pixel_unshuffle_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return shuffle(gout[0], c->v[0].i, true, &gin[0]);
}

/* ---- rows -------------------------------------------------------------------------------------- */

static const pc_op ops[] = {
    { "constant_pad_nd(Tensor self, int[] pad, Scalar value=0) -> Tensor", pad_constant_forward, pad_constant_backward,
      PC_FUNCTION, "Padded by a constant: (before, after) of the last dimension, of the one before it, ...\n"
      "pad: Two amounts for each dimension; negative ones cut.\n"
      "value: Of what is added." },
    { "reflection_pad1d(Tensor self, int[2] padding) -> Tensor", reflect1_forward, reflect_backward, PC_NN,
      "The last dimension padded by its reflection." },
    { "reflection_pad2d(Tensor self, int[4] padding) -> Tensor", reflect2_forward, reflect_backward, PC_NN,
      "The last two dimensions padded by their reflection." },
    { "reflection_pad3d(Tensor self, int[6] padding) -> Tensor", reflect3_forward, reflect_backward, PC_NN,
      "The last three dimensions padded by their reflection." },
    { "replication_pad1d(Tensor self, int[2] padding) -> Tensor", replicate1_forward, replicate_backward, PC_NN,
      "The last dimension padded by its edges." },
    { "replication_pad2d(Tensor self, int[4] padding) -> Tensor", replicate2_forward, replicate_backward, PC_NN,
      "The last two dimensions padded by their edges." },
    { "replication_pad3d(Tensor self, int[6] padding) -> Tensor", replicate3_forward, replicate_backward, PC_NN,
      "The last three dimensions padded by their edges." },
    { "_pad_circular(Tensor self, int[] pad) -> Tensor", circular_forward, circular_backward, PC_NN,
      "The last dimensions padded by their other ends." },
    { "pixel_shuffle(Tensor self, int upscale_factor) -> Tensor", pixel_shuffle_forward, pixel_shuffle_backward,
      PC_FUNCTION | PC_NN, "Channels rearranged into a finer image.\n"
      "upscale_factor: By how much the image grows." },
    { "pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor", pixel_unshuffle_forward, pixel_unshuffle_backward,
      PC_FUNCTION | PC_NN, "A finer image rearranged into channels.\n"
      "downscale_factor: By how much the image shrinks." },
};
PC_FAMILY(pad, ops);
