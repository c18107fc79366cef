/* nhwc.c -- private, channels_last and plain activations as one thing. */
#include "nhwc.h"
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include <string.h>

/* Floats that a chunk of a copy moves: some 50 us. */
#define COPY_GRAIN (1 << 17)

bool pc_wants_channels_last(const pc_tensor *t)
{
    static const int order[4] = { 1, 3, 2, 0 };
    int64_t least = 0;
    if (t->ndim != 4 || t->stride[1] == 0) return false;
    for (int k = 0; k < 4; k++) {
        const int d = order[k];
        if (t->shape[d] == 0 || t->stride[d] < least || (d == 0 && least == t->stride[1])) return false;
        least = t->stride[d] * (t->shape[d] > 1 ? t->shape[d] : 1);
    }
    return true;
}

pc_status pc_nhwc_open(pc_tensor *t, pc_nhwc *v)
{
    pc_status status = PC_OK;
    float *values;
    *v = (pc_nhwc){ .n = t->shape[0], .c = t->shape[1], .h = t->shape[2], .w = t->shape[3] };
    v->p = pc_tensor_nhwc_pending(t, &v->relu);
    if (v->p != NULL) {
        v->pixels = true;
        goto done;
    }
    PC_TRY(pc_tensor_settle(t));
    v->pixels = pc_is_channels_last(t);
    if (!v->pixels && !pc_is_contiguous(t)) {
        if (pc_wants_channels_last(t)) {
            PC_TRY(pc_nhwc_new(true, v->n, v->c, v->h, v->w, &v->held, &values));
            PC_TRY(pc_copy(v->held, t));
            v->pixels = true;
        } else {
            PC_TRY(pc_contiguous(t, &v->held));
        }
        t = v->held;
    }
    v->p = pc_f32(t);
done:
    return status;
}

typedef struct gather {
    const pc_nhwc *from;
    float *to;
    int64_t blocks, block; /* of an image: pixels in a block */
} gather;

static pc_status gather_blocks(void *ctx, int64_t begin, int64_t end)
{
    const gather *g = ctx;
    const pc_nhwc *v = g->from;
    const int64_t area = v->h * v->w;
    for (int64_t i = begin; i < end; i++) {
        int64_t n = i / g->blocks, at = i % g->blocks * g->block, count = area - at < g->block ? area - at : g->block;
        float *to = g->to + (n * area + at) * v->c;
        const float *from = v->p + n * area * v->c;
        if (!v->pixels) pc_k->f32_planes_to_pixels(to, v->c, from + at, area, v->c, count);
        else if (v->relu) pc_k->f32_relu(to, from + at * v->c, count * v->c);
        else memcpy(to, from + at * v->c, (size_t)(count * v->c) * sizeof *to);
    }
    return PC_OK;
}

pc_status pc_nhwc_gather(pc_nhwc *v)
{
    pc_status status = PC_OK;
    const int64_t area = v->h * v->w;
    float *to = NULL;
    if (v->pixels && !v->relu) return PC_OK;
    to = pc_alloc((size_t)(v->n * area * v->c) * sizeof *to);
    PC_CHECK(to != NULL, PC_ENOMEM, "out of memory for a copy of an activation");
    if (area > 0 && v->c > 0) {
        gather g = { v, to, 1, area };
        if (area * v->c > COPY_GRAIN) {
            g.block = COPY_GRAIN / v->c + 1;
            g.blocks = (area + g.block - 1) / g.block;
        }
        PC_TRY(pc_parallel_for(v->n * g.blocks, COPY_GRAIN / (g.block * v->c) + 1, gather_blocks, &g));
    }
    pc_free(v->memory);
    v->memory = to;
    to = NULL;
    v->p = v->memory;
    v->pixels = true;
    v->relu = false;
done:
    pc_free(to);
    return status;
}

void pc_nhwc_close(pc_nhwc *v)
{
    pc_release(v->held);
    pc_free(v->memory);
    *v = (pc_nhwc){ 0 };
}

/* Extents of 0 count as 1, as in torch. */
static void channels_last_strides(int64_t c, int64_t h, int64_t w, int64_t *stride)
{
    stride[1] = 1;
    stride[3] = c > 0 ? c : 1;
    stride[2] = stride[3] * (w > 0 ? w : 1);
    stride[0] = stride[2] * (h > 0 ? h : 1);
}

pc_status pc_nhwc_new(bool channels_last, int64_t n, int64_t c, int64_t h, int64_t w, pc_tensor **out, float **p)
{
    pc_status status = PC_OK;
    if (channels_last) {
        int64_t stride[4];
        channels_last_strides(c, h, w, stride);
        PC_TRY(pc_tensor_new_strided(PC_F32, 4, (int64_t[]){ n, c, h, w }, stride, out));
        *p = pc_f32(*out);
    } else {
        PC_TRY(pc_tensor_new_private(n, c, h, w, out));
        *p = pc_tensor_nhwc_new(*out);
    }
done:
    return status;
}

static void insert_dim(pc_tensor *t, int at)
{
    for (int d = t->ndim; d > at; d--) {
        t->shape[d] = t->shape[d - 1];
        t->stride[d] = t->stride[d - 1];
    }
    t->shape[at] = 1;
    t->stride[at] = at < t->ndim ? t->shape[at + 1] * t->stride[at + 1] : 1;
    t->ndim++;
}

pc_status pc_nhwc_expand(pc_tensor *t, bool batched, int spatial, pc_tensor **out)
{
    pc_status status = PC_OK;
    if (batched && spatial == 2) {
        *out = pc_retain(t);
        return PC_OK;
    }
    if (t->storage != NULL) {
        PC_TRY(pc_tensor_settle(t));
        PC_TRY(pc_tensor_alias(t, out));
    } else {
        PC_TRY(pc_tensor_shape_only(t, out));
    }
    if (spatial == 1) insert_dim(*out, (*out)->ndim - 1);
    if (!batched) insert_dim(*out, 0);
done:
    return status;
}

static void remove_dim(pc_tensor *t, int at)
{
    t->ndim--;
    for (int d = at; d < t->ndim; d++) {
        t->shape[d] = t->shape[d + 1];
        t->stride[d] = t->stride[d + 1];
    }
}

pc_status pc_nhwc_squeeze(pc_tensor *t, bool batched, int spatial)
{
    if (batched && spatial == 2) return PC_OK;
    pc_status status = pc_tensor_settle(t);
    if (spatial == 1) remove_dim(t, 2);
    if (!batched) remove_dim(t, 0);
    return status;
}

pc_status pc_nhwc_restride(pc_tensor **t)
{
    pc_status status = PC_OK;
    const int64_t *shape = (*t)->shape;
    pc_tensor *last = NULL;
    int64_t stride[4];
    channels_last_strides(shape[1], shape[2], shape[3], stride);
    PC_TRY(pc_tensor_new_strided((*t)->dtype, 4, shape, stride, &last));
    PC_TRY(pc_copy(last, *t));
    pc_release(*t);
    *t = last;
    last = NULL;
done:
    pc_release(last);
    return status;
}
