/* storage.c -- storages: their references, the two places where they keep their values, and how these come and go. */
#include "storage.h"
#include "alloc.h"
#include "layout.h"
#include "parallel.h"
#include "recipe.h"
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

/* Guards nhwc, stale_nhwc, relu_of, relu_reader, quiet, recipe, readers, exposed, writes and derived of every storage:
   touched once per operator, held briefly but for the computing itself, which happens once in a storage's life. */
static pthread_mutex_t layout_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void lock_layout(void)
{
    pc_poll_hold();
    pthread_mutex_lock(&layout_lock);
}
static void unlock_layout(void)
{
    pc_recipe *discarded = pc_recipe_discarded();
    pthread_mutex_unlock(&layout_lock);
    pc_poll_resume();
    pc_recipe_free(discarded);
}
static void register_fork_handlers(void) { pthread_atfork(lock_layout, unlock_layout, unlock_layout); }

/* ---- life --------------------------------------------------------------------------------------- */

pc_status pc_storage_new(int64_t bytes, void *data, pc_storage **out)
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

static bool is_linked(const pc_storage *s) { return atomic_load_explicit(&s->linked, memory_order_relaxed); }

void pc_storage_release_as(pc_storage *s, bool saved)
{
    while (s != NULL) {
        const bool linked = is_linked(s);
        if (linked) lock_layout();
        if (saved) atomic_fetch_sub_explicit(&s->saved, 1, memory_order_relaxed);
        const bool last = atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1;
        if (linked && !last && !saved) pc_recipe_release(s);
        if (linked) unlock_layout();
        if (!last) return;
        pc_storage *source = s->relu_of;
        if (is_linked(s)) {
            lock_layout();
            if (source != NULL && source->relu_reader == s) source->relu_reader = NULL;
            pc_recipe_unlink(s);
            unlock_layout();
        }
        saved = s->quiet;
        release_derived(s->derived);
        if (s->release != NULL) s->release(s->owner);
        else pc_free(atomic_load_explicit(&s->data, memory_order_relaxed));
        pc_free(atomic_load_explicit(&s->nhwc, memory_order_relaxed));
        pc_free(s->stale_nhwc);
        pc_free(s);
        s = source; /* a chain of ReLUs is released without recursion */
    }
}

void pc_storage_release(pc_storage *s) { pc_storage_release_as(s, false); }

/* ---- private values ----------------------------------------------------------------------------- */

/* Under the lock: give s its own nhwc if it is a pending ReLU. Nobody but s needs the source's memory when the
   source has no other owner: then it is computed in place and taken over. */
static pc_status resolve_relu(pc_storage *s)
{
    pc_status status = PC_OK;
    pc_storage *source = s->relu_of;
    if (source == NULL || source->relu_reader != s) return PC_OK; /* computed before, perhaps written to since */
    PC_TRY(pc_recipe_restore(source));
    float *from = atomic_load_explicit(&source->nhwc, memory_order_relaxed);
    bool alone = atomic_load_explicit(&source->refs, memory_order_acquire) == 1;
    int64_t count = s->n * s->c * s->h * s->w;
    if (alone) PC_TRY(pc_recipe_forget_readers(source));
    float *to = alone ? from : pc_alloc((size_t)count * sizeof(float));
    PC_CHECK(to != NULL, PC_ENOMEM, "out of memory for the output of relu");
    status = pc_layout_relu(from, to, count);
    if (status != PC_OK) {
        if (!alone) pc_free(to);
        goto done;
    }
    pc_recipe_follow(s, source, alone);
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
    PC_TRY(pc_recipe_restore(s));
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
    *status = pc_recipe_restore(s);
    if (*status == PC_OK && s->relu_of != NULL) *status = resolve_relu(s);
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
        *relu = values != NULL;
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
    PC_TRY(pc_tensor_shape_only(x, &t));
    PC_TRY(pc_storage_new(source->bytes, NULL, &s));
    s->n = source->n, s->c = source->c, s->h = source->h, s->w = source->w;
    lock_layout();
    bool possible = atomic_load_explicit(&source->nhwc, memory_order_relaxed) != NULL && source->relu_reader == NULL;
    if (possible) {
        source->relu_reader = s;
        s->relu_of = source;
        if (source->recipe != NULL) source->recipe->stale = false; /* not written to after all */
        atomic_store_explicit(&source->linked, true, memory_order_relaxed);
        atomic_store_explicit(&s->linked, true, memory_order_relaxed);
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

/* Under the lock: whoever would be computed from the values of s, which are about to change, is. */
static pc_status change(pc_storage *s)
{
    pc_status status = s->relu_reader != NULL ? resolve_relu(s->relu_reader) : PC_OK;
    return status == PC_OK ? pc_recipe_forget_readers(s) : status;
}

/* Under the lock: counts a write to s. Takes what was made of its values, which the caller gives back. */
static pc_derived *count_write(pc_storage *s)
{
    pc_derived *old = s->derived;
    s->derived = NULL;
    s->writes++;
    return old;
}

/* The values of s are about to change: `data` alone may hold them, and nothing may be kept that was made of them. */
static pc_status expose(pc_storage *s, bool for_good)
{
    pthread_once(&fork_once, register_fork_handlers);
    lock_layout();
    pc_status status = settle(s);
    if (status == PC_OK) status = change(s);
    if (status == PC_OK) pc_recipe_discard(s);
    float *nhwc = atomic_load_explicit(&s->nhwc, memory_order_relaxed);
    if (status == PC_OK && nhwc != NULL) {
        s->stale_nhwc = nhwc;
        atomic_store_explicit(&s->nhwc, NULL, memory_order_relaxed);
    }
    pc_derived *old = count_write(s);
    s->exposed = s->exposed || for_good;
    unlock_layout();
    release_derived(old);
    return status;
}

pc_status pc_tensor_expose(pc_tensor *t) { return expose(t->storage, true); }

uint32_t pc_tensor_writes(const pc_tensor *t)
{
    lock_layout();
    uint32_t writes = t->storage->writes;
    unlock_layout();
    return writes;
}

bool pc_tensor_is_exposed(const pc_tensor *t)
{
    lock_layout();
    bool exposed = t->storage->exposed || t->storage->foreign;
    unlock_layout();
    return exposed;
}

void pc_tensor_end_write(const pc_tensor *t, bool written)
{
    pc_storage *s = t->storage;
    if (!written && !t->untracked) atomic_fetch_sub_explicit(&s->version, 1, memory_order_relaxed);
    lock_layout();
    pc_derived *old = count_write(s);
    if (s->recipe != NULL && s->recipe->stale) pc_recipe_discard(s);
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
    if (status == PC_OK) status = change(s);
    if (status == PC_OK && s->recipe != NULL) s->recipe->stale = true;
    unlock_layout();
    if (status == PC_OK) new_version(t);
    return status;
}

/* ---- values that can be computed again ----------------------------------------------------------- */

/* Under the lock: t's private values, the whole of them and of y's extents, or NULL. */
static pc_storage *operand_for(const pc_tensor *y, const pc_tensor *t)
{
    pc_storage *s = t->storage;
    if (s == NULL || !is_whole(t) || !pc_same_shape(t, y)) return NULL;
    bool pending = s->relu_of != NULL && s->relu_of->relu_reader == s;
    return pending || atomic_load_explicit(&s->nhwc, memory_order_relaxed) != NULL ? s : NULL;
}

static bool has_private_memory(const pc_tensor *t)
{
    return atomic_load_explicit(&t->storage->nhwc, memory_order_relaxed) != NULL && t->numel > 0 && is_whole(t);
}

void pc_tensor_is_affine(const pc_tensor *y, const pc_tensor *x, const double *scale, const double *mean,
                         const double *shift)
{
    pc_operand o = { 0 };
    if (!has_private_memory(y)) return;
    const int64_t c = y->shape[1];
    pc_affine *a = pc_alloc(sizeof *a + (size_t)(3 * c) * sizeof *a->values);
    if (a == NULL) return;
    a->refs = 1;
    for (int64_t k = 0; k < c; k++) {
        a->values[k] = (float)scale[k];
        a->values[c + k] = (float)mean[k];
        a->values[2 * c + k] = (float)shift[k];
    }
    lock_layout();
    o.of = operand_for(y, x);
    if (o.of != NULL && o.of != y->storage && !o.of->exposed && !o.of->foreign) {
        o.affine = a;
        a = NULL;
        pc_recipe_set(y->storage, &o, NULL, false);
    }
    unlock_layout();
    pc_free(a);
}

void pc_tensor_is_sum(const pc_tensor *y, const pc_tensor *a, const pc_tensor *b)
{
    pc_operand o[2];
    if (!has_private_memory(y)) return;
    lock_layout();
    pc_storage *first = operand_for(y, a), *second = operand_for(y, b);
    if (first != NULL && second != NULL && pc_recipe_operand(first, y->storage, &o[0])) {
        if (pc_recipe_operand(second, y->storage, &o[1])) pc_recipe_set(y->storage, &o[0], &o[1], false);
        else pc_recipe_drop_operand(&o[0]);
    }
    unlock_layout();
}

void pc_tensor_is_relu(const pc_tensor *y)
{
    lock_layout();
    pc_recipe *r = y->storage->recipe;
    if (r != NULL) {
        r->relu = true;
        r->stale = false;
    }
    unlock_layout();
}

pc_status pc_tensor_keep(const pc_tensor *t)
{
    pc_storage *s = t->storage;
    if (!is_linked(s)) return PC_OK;
    lock_layout();
    pc_status status = pc_recipe_restore(s);
    if (status == PC_OK && s->relu_of != NULL) status = pc_recipe_restore(s->relu_of);
    if (status == PC_OK) {
        pc_recipe_discard(s);
        if (s->relu_of != NULL) pc_recipe_discard(s->relu_of);
    }
    unlock_layout();
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
    d->writes = pc_tensor_writes(t);
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
