/* tensor.c -- tensors, views, storages and the two places where a storage keeps its values. */
#include "tensor.h"
#include "alloc.h"
#include "layout.h"
#include "parallel.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Guards nhwc, stale_nhwc, relu_of, relu_reader, exposed, writes and derived of every storage: touched once per
   operator, held briefly but for the settling itself, which happens once in a storage's life. */
static pthread_mutex_t layout_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static void (*graph_release)(pc_tensor *t);

static void lock_layout(void)
{
    pc_poll_hold();
    pthread_mutex_lock(&layout_lock);
}
static void unlock_layout(void)
{
    pthread_mutex_unlock(&layout_lock);
    pc_poll_resume();
}
static void register_fork_handlers(void) { pthread_atfork(lock_layout, unlock_layout, unlock_layout); }

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

/* ---- storage ------------------------------------------------------------------------------------ */

static pc_status storage_new(int64_t bytes, void *data, pc_storage **out)
{
    pc_storage *s = pc_alloc(sizeof *s);
    if (s == NULL) return pc_fail(PC_ENOMEM, "out of memory for a tensor's storage");
    memset(s, 0, sizeof *s);
    atomic_init(&s->refs, 1);
    s->bytes = bytes;
    atomic_init(&s->data, data);
    *out = s;
    return PC_OK;
}

void pc_derived_release(pc_derived *d)
{
    if (d != NULL && atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) == 1) pc_free(d);
}

static void release_derived(pc_derived *d)
{
    while (d != NULL) {
        pc_derived *next = d->next;
        pc_derived_release(d);
        d = next;
    }
}

void pc_storage_release(pc_storage *s)
{
    while (s != NULL && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1) {
        pc_storage *source = s->relu_of;
        if (source != NULL) {
            lock_layout();
            if (source->relu_reader == s) source->relu_reader = NULL;
            unlock_layout();
        }
        release_derived(s->derived);
        if (s->release != NULL) s->release(s->owner);
        else pc_free(atomic_load_explicit(&s->data, memory_order_relaxed));
        pc_free(atomic_load_explicit(&s->nhwc, memory_order_relaxed));
        pc_free(s->stale_nhwc);
        pc_free(s);
        s = source; /* a chain of ReLUs is released without recursion */
    }
}

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
                 pc_sizes_text(ndim, shape, text));
        if (shape[d] == 0) empty = true;
        else if (__builtin_mul_overflow(n, shape[d], &n)) overflow = true;
    }
    overflow = overflow || __builtin_mul_overflow(n, pc_dtype_size(dtype), &bytes);
    if (empty) n = 0;
    PC_CHECK(!overflow, PC_ESHAPE, "Storage size calculation overflowed with sizes=%s",
             pc_sizes_text(ndim, shape, text));
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
    pc_status status = storage_new(bytes, data, &t->storage);
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
    PC_TRY(storage_new(numel > 0 ? (last + 1) * pc_dtype_size(dtype) : 0, data, &t->storage));
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
    pc_storage_release(t->storage);
    pc_free(t);
}

/* ---- private values ----------------------------------------------------------------------------- */

/* Under the lock: give s its own nhwc if it is a pending ReLU. Nobody but s needs the source's memory when the
   source has no other owner: then it is computed in place and taken over. */
static pc_status resolve_relu(pc_storage *s)
{
    pc_status status = PC_OK;
    pc_storage *source = s->relu_of;
    if (source == NULL || source->relu_reader != s) return PC_OK; /* computed before, perhaps written to since */
    float *from = atomic_load_explicit(&source->nhwc, memory_order_relaxed);
    bool alone = atomic_load_explicit(&source->refs, memory_order_acquire) == 1;
    int64_t count = s->n * s->c * s->h * s->w;
    float *to = alone ? from : pc_alloc((size_t)count * sizeof(float));
    PC_CHECK(to != NULL, PC_ENOMEM, "out of memory for the output of relu");
    status = pc_layout_relu(from, to, count);
    if (status != PC_OK) {
        if (!alone) pc_free(to);
        goto done;
    }
    if (alone) atomic_store_explicit(&source->nhwc, NULL, memory_order_relaxed);
    source->relu_reader = NULL;
    atomic_store_explicit(&s->nhwc, to, memory_order_release);
done:
    return status;
}

/* Under the lock. */
static pc_status settle(pc_storage *s)
{
    pc_status status = PC_OK;
    if (atomic_load_explicit(&s->data, memory_order_relaxed) != NULL) return PC_OK;
    PC_TRY(resolve_relu(s));
    void *data = pc_alloc((size_t)s->bytes);
    PC_CHECK(data != NULL, PC_ENOMEM, "can't allocate memory: you tried to allocate %" PRId64 " bytes", s->bytes);
    status = pc_layout_nhwc_to_nchw(atomic_load_explicit(&s->nhwc, memory_order_relaxed), data, s->n, s->c, s->h, s->w);
    if (status != PC_OK) {
        pc_free(data);
        goto done;
    }
    atomic_store_explicit(&s->data, data, memory_order_release);
done:
    return status;
}

pc_status pc_tensor_settle(const pc_tensor *t)
{
    if (atomic_load_explicit(&t->storage->data, memory_order_acquire) != NULL) return PC_OK;
    lock_layout();
    pc_status status = settle(t->storage);
    unlock_layout();
    return status;
}

/* Does t show the whole of its private values, in their own shape? */
static bool is_whole(const pc_tensor *t)
{
    const pc_storage *s = t->storage;
    int64_t stride[4];
    if (t->ndim != 4 || t->dtype != PC_F32 || t->offset != 0 || t->shape[0] != s->n || t->shape[1] != s->c
        || t->shape[2] != s->h || t->shape[3] != s->w)
        return false;
    pc_contiguous_strides(4, t->shape, stride);
    return memcmp(t->stride, stride, sizeof stride) == 0;
}

const float *pc_tensor_nhwc(const pc_tensor *t, pc_status *status)
{
    pc_storage *s = t->storage;
    const float *values = NULL;
    *status = PC_OK;
    if (s == NULL || !is_whole(t)) return NULL;
    lock_layout();
    if (s->relu_of != NULL) *status = resolve_relu(s);
    if (*status == PC_OK) values = atomic_load_explicit(&s->nhwc, memory_order_relaxed);
    unlock_layout();
    return values;
}

const float *pc_tensor_nhwc_pending(const pc_tensor *t, bool *relu)
{
    pc_storage *s = t->storage;
    *relu = false;
    if (s == NULL || !is_whole(t)) return NULL;
    lock_layout();
    const float *values = atomic_load_explicit(&s->nhwc, memory_order_relaxed);
    if (values == NULL && s->relu_of != NULL && s->relu_of->relu_reader == s) {
        values = atomic_load_explicit(&s->relu_of->nhwc, memory_order_relaxed);
        *relu = true;
    }
    unlock_layout();
    return values;
}

pc_status pc_tensor_pending_relu(const pc_tensor *x, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_storage *source = x->storage, *s = NULL;
    pc_tensor *t = NULL;
    *out = NULL;
    if (!is_whole(x)) return PC_OK;
    PC_TRY(tensor_new(PC_F32, 4, x->shape, NULL, x->numel, &t));
    PC_TRY(storage_new(source->bytes, NULL, &s));
    s->n = source->n, s->c = source->c, s->h = source->h, s->w = source->w;
    lock_layout();
    bool possible = atomic_load_explicit(&source->nhwc, memory_order_relaxed) != NULL && source->relu_reader == NULL;
    if (possible) {
        source->relu_reader = s;
        s->relu_of = source;
        atomic_fetch_add_explicit(&source->refs, 1, memory_order_relaxed);
    }
    unlock_layout();
    if (possible) {
        t->storage = s;
        *out = t;
        s = NULL;
        t = NULL;
    }
done:
    pc_release(t);
    pc_storage_release(s);
    return status;
}

/* The values of s are about to change: `data` alone may hold them, and nothing may be kept that was made of them. */
static pc_status expose(pc_storage *s, bool for_good)
{
    pthread_once(&fork_once, register_fork_handlers);
    lock_layout();
    pc_status status = settle(s);
    if (status == PC_OK && s->relu_reader != NULL) status = resolve_relu(s->relu_reader);
    float *nhwc = atomic_load_explicit(&s->nhwc, memory_order_relaxed);
    if (status == PC_OK && nhwc != NULL) {
        s->stale_nhwc = nhwc;
        atomic_store_explicit(&s->nhwc, NULL, memory_order_relaxed);
    }
    pc_derived *old = s->derived;
    s->derived = NULL;
    s->writes++;
    s->exposed = s->exposed || for_good;
    unlock_layout();
    release_derived(old);
    return status;
}

pc_status pc_tensor_expose(pc_tensor *t) { return expose(t->storage, true); }

void pc_tensor_end_write(const pc_tensor *t)
{
    pc_storage *s = t->storage;
    lock_layout();
    pc_derived *old = s->derived;
    s->derived = NULL;
    s->writes++;
    unlock_layout();
    release_derived(old);
}

static void new_version(pc_tensor *t)
{
    if (!t->untracked) atomic_fetch_add_explicit(&t->storage->version, 1, memory_order_relaxed);
}

pc_status pc_tensor_begin_fill(pc_tensor *t)
{
    pc_status status = PC_OK;
    PC_CHECK(!t->storage->readonly, PC_ESHAPE,
             "this tensor shares memory that is not writable (a read-only NumPy array?); use .clone() first");
    PC_TRY(expose(t->storage, false));
    new_version(t);
done:
    return status;
}

pc_status pc_tensor_begin_write(pc_tensor *t)
{
    pc_status status = PC_OK;
    for (int d = 0; d < t->ndim; d++)
        PC_CHECK(t->stride[d] != 0 || t->shape[d] <= 1 || t->numel == 0, PC_ESHAPE,
                 "unsupported operation: more than one element of the written-to tensor refers to a single memory "
                 "location. Please clone() the tensor before performing the operation.");
    PC_TRY(pc_tensor_begin_fill(t));
done:
    return status;
}

pc_status pc_tensor_begin_private_write(pc_tensor *t)
{
    pc_storage *s = t->storage;
    if (!is_whole(t) || atomic_load_explicit(&s->data, memory_order_acquire) != NULL) return pc_tensor_begin_write(t);
    lock_layout();
    pc_status status = resolve_relu(s);
    if (status == PC_OK && s->relu_reader != NULL) status = resolve_relu(s->relu_reader);
    unlock_layout();
    if (status == PC_OK) new_version(t);
    return status;
}

/* ---- what operators keep ------------------------------------------------------------------------ */

pc_derived *pc_derived_find(const pc_tensor *t, const int64_t *key)
{
    pc_storage *s = t->storage;
    lock_layout();
    pc_derived *d = s->derived;
    while (d != NULL && memcmp(d->key, key, sizeof d->key) != 0) d = d->next;
    if (d != NULL) atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    unlock_layout();
    return d;
}

pc_derived *pc_derived_new(const pc_tensor *t, const int64_t *key, int64_t floats)
{
    pc_derived *d = pc_alloc(sizeof *d + (size_t)floats * sizeof *d->values);
    if (d == NULL) return NULL;
    atomic_init(&d->refs, 1);
    d->next = NULL;
    memcpy(d->key, key, sizeof d->key);
    lock_layout();
    d->writes = t->storage->writes;
    unlock_layout();
    return d;
}

void pc_derived_keep(const pc_tensor *t, pc_derived *d)
{
    pc_storage *s = t->storage;
    lock_layout();
    bool stays = !s->exposed && !s->foreign && s->writes == d->writes;
    for (pc_derived *k = s->derived; k != NULL && stays; k = k->next)
        stays = memcmp(k->key, d->key, sizeof d->key) != 0; /* another thread was faster */
    if (stays) {
        atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
        d->next = s->derived;
        s->derived = d;
    }
    unlock_layout();
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

char *pc_sizes_text(int ndim, const int64_t *sizes, char *buf)
{
    int at = snprintf(buf, 200, "[");
    for (int d = 0; d < ndim; d++)
        at += snprintf(buf + at, (size_t)(200 - at), "%s%" PRId64, d > 0 ? ", " : "", sizes[d]);
    snprintf(buf + at, (size_t)(200 - at), "]");
    return buf;
}

char *pc_shape_text(const pc_tensor *t, char *buf)
{
    return pc_sizes_text(t->ndim, t->shape, buf);
}
