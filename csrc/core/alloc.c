/* alloc.c -- a cache of freed blocks by size class in front of aligned_alloc. */
#include "alloc.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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
#define CLASSES (SMALL_CLASSES + 4 * 40)
#define HUGE_PAGE ((size_t)2 << 20)

/* A large block serves requests down to half its size when no other is free: networks shrink their images by steps,
   and each step would otherwise keep blocks of its own. */
#define LARGE ((size_t)1 << 20)
#define LARGER_CLASSES 4

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
} cache[CLASSES];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic int64_t live_blocks, live_bytes, calls, cached_bytes;
static _Atomic int64_t fail_countdown = -1;

static void unlock_all(void)
{
    for (int k = CLASSES - 1; k >= 0; k--) pthread_mutex_unlock(&cache[k].lock);
}
static void lock_all(void)
{
    for (int k = 0; k < CLASSES; k++) pthread_mutex_lock(&cache[k].lock);
}
static void init(void)
{
    for (int k = 0; k < CLASSES; k++) pthread_mutex_init(&cache[k].lock, NULL);
    pthread_atfork(lock_all, unlock_all, unlock_all); /* a child finds every list whole */
}

/* Classes: multiples of 64 up to 4 KiB, then four steps per doubling. */
static int class_of(size_t total, size_t *size)
{
    if (total <= SMALL_MAX) {
        *size = (total + SMALL_STEP - 1) / SMALL_STEP * SMALL_STEP;
        return (int)(*size / SMALL_STEP) - 1;
    }
    int octave = 63 - __builtin_clzll(total - 1); /* 2^octave < total <= 2^(octave + 1) */
    size_t step = (size_t)1 << (octave - 2);
    *size = (total + step - 1) / step * step;
    return SMALL_CLASSES + 4 * (octave - 12) + (int)((*size >> (octave - 2)) - 5);
}

static header *take_cached(int size_class)
{
    pthread_mutex_lock(&cache[size_class].lock);
    header *h = cache[size_class].first;
    if (h != NULL) cache[size_class].first = h->next;
    pthread_mutex_unlock(&cache[size_class].lock);
    if (h != NULL) atomic_fetch_sub_explicit(&cached_bytes, (int64_t)h->size, memory_order_relaxed);
    return h;
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
    header *h = take_cached(k);
    for (int j = 1; h == NULL && size >= LARGE && j <= LARGER_CLASSES; j++) h = take_cached(k + j);
    if (h == NULL) {
        size_t align = size >= 2 * HUGE_PAGE ? HUGE_PAGE : 64;
        size = (size + align - 1) / align * align;
        h = aligned_alloc(align, size);
        if (h == NULL) {
            pc_alloc_trim();
            h = aligned_alloc(align, size);
        }
        if (h == NULL) return NULL;
        if (align == HUGE_PAGE) madvise(h, size, MADV_HUGEPAGE);
        h->size_class = k;
        h->size = size;
    }
    h->bytes = bytes;
    atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&live_bytes, (int64_t)bytes, memory_order_relaxed);
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
    if (atomic_load_explicit(&cached_bytes, memory_order_relaxed) + (int64_t)size > CACHE_LIMIT) {
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
    return (pc_mem_stats){ atomic_load(&live_blocks), atomic_load(&live_bytes), atomic_load(&calls),
                           atomic_load(&cached_bytes) };
}

void pc_alloc_trim(void)
{
    for (int k = 0; k < CLASSES; k++) {
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
