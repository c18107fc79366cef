/* alloc.c -- small blocks: a cache by size class in front of aligned_alloc; large ones: the heap; and the counting. */
#include "alloc.h"
#include "heap.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define CACHE_LIMIT 0 /* a cached block would hide its use after free */
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p))
/* Enough for the activations of a training step of the networks this library is for; beyond it blocks go back. */
#define CACHE_LIMIT ((int64_t)1 << 30)
#endif

#define SMALL_STEP 64
#define SMALL_MAX 4096
#define SMALL_CLASSES (SMALL_MAX / SMALL_STEP)
#define LARGE_CLASS (SMALL_CLASSES + 4 * 8)
#define LARGE ((size_t)1 << 20) /* from here on: 2^(12 + 8) */

typedef struct header {
    size_t bytes;        /* asked for */
    size_t size;         /* of the block, this header included */
    struct header *next; /* in a free list */
    int size_class;
    char pad[64 - 2 * sizeof(size_t) - sizeof(void *) - sizeof(int)];
} header;
_Static_assert(sizeof(header) == 64, "payload must stay 64-byte aligned");

static struct {
    pthread_mutex_t lock;
    header *first;
} cache[LARGE_CLASS];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic int64_t live_blocks, live_bytes, peak_bytes, calls, cached_bytes;
static _Atomic int64_t fail_countdown = -1;

static void unlock_all(void)
{
    pc_heap_unlock();
    for (int k = LARGE_CLASS - 1; k >= 0; k--) pthread_mutex_unlock(&cache[k].lock);
}
static void lock_all(void)
{
    for (int k = 0; k < LARGE_CLASS; k++) pthread_mutex_lock(&cache[k].lock);
    pc_heap_lock();
}
static void init(void)
{
    for (int k = 0; k < LARGE_CLASS; k++) pthread_mutex_init(&cache[k].lock, NULL);
    pthread_atfork(lock_all, unlock_all, unlock_all); /* a child finds every list whole */
}

/* Classes: multiples of 64 up to 4 KiB, then four steps per doubling; large blocks are of the last one. */
static int class_of(size_t total, size_t *size)
{
    if (total > LARGE) {
        *size = (total + PC_PAGE - 1) / PC_PAGE * PC_PAGE;
        return LARGE_CLASS;
    }
    if (total <= SMALL_MAX) {
        *size = (total + SMALL_STEP - 1) / SMALL_STEP * SMALL_STEP;
        return (int)(*size / SMALL_STEP) - 1;
    }
    int octave = 63 - __builtin_clzll(total - 1); /* 2^octave < total <= 2^(octave + 1) */
    size_t step = (size_t)1 << (octave - 2);
    *size = (total + step - 1) / step * step;
    return SMALL_CLASSES + 4 * (octave - 12) + (int)((*size >> (octave - 2)) - 5);
}

static header *take(int size_class, size_t size)
{
    if (size_class == LARGE_CLASS) return pc_heap_take(size);
    pthread_mutex_lock(&cache[size_class].lock);
    header *h = cache[size_class].first;
    if (h != NULL) cache[size_class].first = h->next;
    pthread_mutex_unlock(&cache[size_class].lock);
    if (h == NULL) return aligned_alloc(64, size);
    atomic_fetch_sub_explicit(&cached_bytes, (int64_t)size, memory_order_relaxed);
    return h;
}

static int64_t kept_bytes(void)
{
    return atomic_load_explicit(&cached_bytes, memory_order_relaxed) + pc_heap_kept();
}

void *pc_alloc(size_t bytes)
{
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) >= 0
        && atomic_fetch_sub(&fail_countdown, 1) == 0)
        return NULL;
    if (bytes > (size_t)1 << 46) return NULL;
    pthread_once(&once, init);
    size_t size;
    int k = class_of(sizeof(header) + bytes + PC_ALLOC_TAIL, &size);
    header *h = take(k, size);
    if (h == NULL) {
        pc_alloc_trim();
        h = take(k, size);
    }
    if (h == NULL) return NULL;
    h->size_class = k;
    h->size = size;
    h->bytes = bytes;
    atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
    int64_t live = atomic_fetch_add_explicit(&live_bytes, (int64_t)bytes, memory_order_relaxed) + (int64_t)bytes;
    int64_t peak = atomic_load_explicit(&peak_bytes, memory_order_relaxed);
    while (live > peak && !atomic_compare_exchange_weak_explicit(&peak_bytes, &peak, live, memory_order_relaxed,
                                                                 memory_order_relaxed)) { }
    ASAN_POISON_MEMORY_REGION((char *)(h + 1) + bytes, h->size - sizeof(header) - bytes);
    return h + 1;
}

void pc_free(void *p)
{
    if (p == NULL) return;
    header *h = (header *)p - 1;
    const size_t size = h->size;
    const int k = h->size_class;
    atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&live_bytes, (int64_t)h->bytes, memory_order_relaxed);
    ASAN_UNPOISON_MEMORY_REGION(h + 1, size - sizeof(header));
    const bool keep = kept_bytes() + (int64_t)size <= CACHE_LIMIT;
    if (k == LARGE_CLASS) {
        pc_heap_give(h, size, keep);
        return;
    }
    if (!keep) {
        free(h);
        return;
    }
    atomic_fetch_add_explicit(&cached_bytes, (int64_t)size, memory_order_relaxed);
    pthread_mutex_lock(&cache[k].lock);
    h->next = cache[k].first;
    cache[k].first = h;
    pthread_mutex_unlock(&cache[k].lock);
}

void *pc_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    void *p = pc_alloc(bytes);
    if (p != NULL) memset(p, 0, bytes);
    return p;
}

pc_mem_stats pc_alloc_stats(void)
{
    return (pc_mem_stats){ atomic_load(&live_blocks), atomic_load(&live_bytes), atomic_load(&peak_bytes),
                           atomic_load(&calls), kept_bytes() };
}

void pc_alloc_trim(void)
{
    pc_heap_trim();
    atomic_store(&peak_bytes, atomic_load(&live_bytes));
    for (int k = 0; k < LARGE_CLASS; k++) {
        pthread_mutex_lock(&cache[k].lock);
        header *h = cache[k].first;
        cache[k].first = NULL;
        pthread_mutex_unlock(&cache[k].lock);
        while (h != NULL) {
            header *next = h->next;
            atomic_fetch_sub_explicit(&cached_bytes, (int64_t)h->size, memory_order_relaxed);
            free(h);
            h = next;
        }
    }
}

void pc_alloc_fail_after(int64_t n)
{
    atomic_store(&fail_countdown, n);
}
