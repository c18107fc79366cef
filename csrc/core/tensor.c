/* tensor.c -- tensors and views: making, sharing, questions about shapes and strides. */
#include "tensor.h"
#include "alloc.h"
#include "storage.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void (*graph_release)(pc_tensor *t);

static _Atomic int default_dtype = PC_F32;

pc_dtype pc_default_dtype(void)
{
    return (pc_dtype)atomic_load_explicit(&default_dtype, memory_order_relaxed);
}
void pc_set_default_dtype(pc_dtype d)
{
    atomic_store_explicit(&default_dtype, d, memory_order_relaxed);
}

const char *pc_dtype_name(pc_dtype d)
{
    static const char *names[PC_DTYPE_COUNT] = { "bool", "uint8", "int8", "int16", "int32", "int64",
                                                 "float16", "bfloat16", "float32", "float64" };
    return names[d];
}

const char *pc_dtype_type_name(pc_dtype d)
{
    static const char *names[PC_DTYPE_COUNT] = { "Bool", "Byte", "Char", "Short", "Int", "Long",
                                                 "Half", "BFloat16", "Float", "Double" };
    return names[d];
}

void pc_set_graph_release(void (*release)(pc_tensor *t))
{
    graph_release = release;
}

/* ---- making ------------------------------------------------------------------------------------- */

/* Elements of a shape; PC_ESHAPE on negative sizes, and where sizes other than 0 overflow: strides and offsets would,
 * too. */
static pc_status count_elements(pc_dtype dtype, int ndim, const int64_t *shape, int64_t *numel)
{
    pc_status status = PC_OK;
    int64_t n = 1, bytes;
    bool empty = false, overflow = false;
    char text[200];
    *numel = 0;
    PC_CHECK(ndim <= PC_MAX_DIMS, PC_ESHAPE, "tensors have at most %d dimensions here, got %d", PC_MAX_DIMS, ndim);
    for (int d = 0; d < ndim; d++) {
        PC_CHECK(shape[d] >= 0, PC_ESHAPE, "Trying to create tensor with negative dimension %" PRId64 ": %s", shape[d],
                 pc_ints_text(ndim, shape, text));
        if (shape[d] == 0) empty = true;
        else if (__builtin_mul_overflow(n, shape[d], &n)) overflow = true;
    }
    overflow = overflow || __builtin_mul_overflow(n, pc_dtype_size(dtype), &bytes);
    if (empty) n = 0;
    PC_CHECK(!overflow, PC_ESHAPE, "Storage size calculation overflowed with sizes=%s",
             pc_ints_text(ndim, shape, text));
    *numel = n;
done:
    return status;
}

void pc_contiguous_strides(int ndim, const int64_t *shape, int64_t *stride)
{
    int64_t step = 1;
    for (int d = ndim - 1; d >= 0; d--) {
        stride[d] = step;
        step *= shape[d] > 1 ? shape[d] : 1;
    }
}

/* A tensor struct without storage. */
static pc_status tensor_new(pc_dtype dtype, int ndim, const int64_t *shape, const int64_t *stride, int64_t numel,
                            pc_tensor **out)
{
    pc_tensor *t = pc_alloc(sizeof *t);
    if (t == NULL) return pc_fail(PC_ENOMEM, "out of memory for a tensor");
    memset(t, 0, sizeof *t);
    atomic_init(&t->refs, 1);
    t->dtype = dtype;
    t->ndim = ndim;
    t->numel = numel;
    for (int d = 0; d < ndim; d++) t->shape[d] = shape[d];
    if (stride != NULL)
        for (int d = 0; d < ndim; d++) t->stride[d] = stride[d];
    else pc_contiguous_strides(ndim, shape, t->stride);
    *out = t;
    return PC_OK;
}

/* Attach fresh memory of `bytes` to t. */
static pc_status attach_memory(pc_tensor *t, int64_t bytes)
{
    void *data = pc_alloc((size_t)bytes);
    if (data == NULL) {
        char text[200];
        return pc_fail(PC_ENOMEM,
                       "can't allocate memory: you tried to allocate %" PRId64 " bytes for a %s tensor of size %s",
                       bytes, pc_dtype_name(t->dtype), pc_shape_text(t, text));
    }
    pc_status status = pc_storage_new(bytes, data, &t->storage);
    if (status != PC_OK) pc_free(data);
    return status;
}

pc_status pc_tensor_new_strided(pc_dtype dtype, int ndim, const int64_t *shape, const int64_t *stride, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *t = NULL;
    int64_t numel;
    PC_TRY(count_elements(dtype, ndim, shape, &numel));
    PC_TRY(tensor_new(dtype, ndim, shape, stride, numel, &t));
    PC_TRY(attach_memory(t, numel * pc_dtype_size(dtype)));
    *out = t;
    t = NULL;
done:
    pc_release(t);
    return status;
}

pc_status pc_tensor_new(pc_dtype dtype, int ndim, const int64_t *shape, pc_tensor **out)
{
    return pc_tensor_new_strided(dtype, ndim, shape, NULL, out);
}

pc_status pc_tensor_new_private(int64_t n, int64_t c, int64_t h, int64_t w, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *t = NULL;
    PC_TRY(pc_tensor_new(PC_F32, 4, (int64_t[]){ n, c, h, w }, &t));
    pc_storage *s = t->storage;
    atomic_store_explicit(&s->nhwc, atomic_load_explicit(&s->data, memory_order_relaxed), memory_order_relaxed);
    atomic_store_explicit(&s->data, NULL, memory_order_relaxed);
    s->n = n, s->c = c, s->h = h, s->w = w;
    *out = t;
done:
    return status;
}

pc_status pc_tensor_from_memory(pc_dtype dtype, int ndim, const int64_t *shape, const int64_t *stride, void *data,
                                bool readonly, void (*release)(void *), void *owner, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *t = NULL;
    int64_t numel;
    PC_TRY(count_elements(dtype, ndim, shape, &numel));
    PC_TRY(tensor_new(dtype, ndim, shape, stride, numel, &t));
    int64_t last = 0;
    for (int d = 0; d < ndim; d++) last += (shape[d] - 1) * t->stride[d];
    PC_TRY(pc_storage_new(numel > 0 ? (last + 1) * pc_dtype_size(dtype) : 0, data, &t->storage));
    t->storage->foreign = true;
    t->storage->readonly = readonly;
    t->storage->release = release;
    t->storage->owner = owner;
    release = NULL;
    *out = t;
    t = NULL;
done:
    if (release != NULL) release(owner);
    pc_release(t);
    return status;
}

/* ---- sharing ------------------------------------------------------------------------------------ */

static pc_status share(const pc_tensor *t, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset,
                       pc_tensor **out)
{
    int64_t numel = 1;
    if (ndim > PC_MAX_DIMS)
        return pc_fail(PC_ESHAPE, "tensors have at most %d dimensions here, got %d", PC_MAX_DIMS, ndim);
    for (int d = 0; d < ndim; d++) numel *= shape[d];
    pc_status status = tensor_new(t->dtype, ndim, shape, stride, numel, out);
    if (status != PC_OK) return status;
    (*out)->offset = offset;
    (*out)->untracked = t->untracked;
    (*out)->storage = t->storage;
    if (t->storage != NULL) {
        atomic_fetch_add_explicit(&t->storage->refs, 1, memory_order_relaxed);
        (*out)->saved_version = atomic_load_explicit(&t->storage->version, memory_order_relaxed);
    }
    return PC_OK;
}

pc_status pc_tensor_view(pc_tensor *t, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset,
                         pc_tensor **out)
{
    pc_status status = share(t, ndim, shape, stride, offset, out);
    if (status != PC_OK) return status;
    (*out)->base = pc_retain(t->base != NULL ? t->base : t);
    (*out)->base_history = (*out)->base->history;
    return PC_OK;
}

pc_status pc_tensor_alias(const pc_tensor *t, pc_tensor **out)
{
    return share(t, t->ndim, t->shape, t->stride, t->offset, out);
}

pc_status pc_tensor_shape_only(const pc_tensor *t, pc_tensor **out)
{
    return tensor_new(t->dtype, t->ndim, t->shape, t->stride, t->numel, out);
}

void pc_release(pc_tensor *t)
{
    if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1) return;
    if (graph_release != NULL && (t->producer != NULL || t->hooks != NULL)) graph_release(t);
    pc_release(t->base);
    pc_release(t->grad);
    pc_tensor_drop_storage(t);
    pc_free(t);
}

void pc_tensor_mark_saved(pc_tensor *t)
{
    atomic_fetch_add_explicit(&t->storage->saved, 1, memory_order_relaxed);
    t->saved = true;
}

void pc_tensor_drop_storage(pc_tensor *t)
{
    pc_storage_release_as(t->storage, t->saved);
    t->storage = NULL;
    t->saved = false;
}

/* ---- questions ---------------------------------------------------------------------------------- */

/* Are the strides those of a dense tensor whose dimensions, fastest last, are order[0..ndim)? */
static bool strides_follow(const pc_tensor *t, const int *order)
{
    int64_t step = 1;
    if (t->numel == 0) return true;
    for (int k = t->ndim - 1; k >= 0; k--) {
        int d = order[k];
        if (t->shape[d] == 1) continue;
        if (t->stride[d] != step) return false;
        step *= t->shape[d];
    }
    return true;
}

bool pc_is_contiguous(const pc_tensor *t)
{
    static const int order[PC_MAX_DIMS] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    return strides_follow(t, order);
}

bool pc_is_channels_last(const pc_tensor *t)
{
    static const int order[4] = { 0, 2, 3, 1 };
    return t->ndim == 4 && strides_follow(t, order);
}

bool pc_is_dense(const pc_tensor *t)
{
    int order[PC_MAX_DIMS];
    for (int d = 0; d < t->ndim; d++) {
        int k = d;
        for (; k > 0 && t->stride[order[k - 1]] < t->stride[d]; k--) order[k] = order[k - 1];
        order[k] = d;
    }
    return strides_follow(t, order);
}

bool pc_same_shape(const pc_tensor *a, const pc_tensor *b)
{
    if (a->ndim != b->ndim) return false;
    for (int d = 0; d < a->ndim; d++)
        if (a->shape[d] != b->shape[d]) return false;
    return true;
}

char *pc_ints_text(int n, const int64_t *v, char *buf)
{
    int at = snprintf(buf, 200, "[");
    for (int k = 0; k < n && at < 170; k++)
        at += snprintf(buf + at, (size_t)(200 - at), "%s%" PRId64, k > 0 ? ", " : "", v[k]);
    snprintf(buf + at, (size_t)(200 - at), "]");
    return buf;
}

char *pc_shape_text(const pc_tensor *t, char *buf)
{
    return pc_ints_text(t->ndim, t->shape, buf);
}
