/* heap.c -- large blocks. Networks shrink their images by steps: a block of one size has to serve two of half the size,
   and these it again. The ranges of memory are few, so they stand in one array, sorted by address. */
#include "heap.h"
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__) /* it knows of blocks that malloc gives */

void *pc_heap_take(size_t size) { return aligned_alloc(PC_PAGE, size); }
void pc_heap_give(void *block, size_t size, bool keep) { free(block); }
int64_t pc_heap_kept(void) { return 0; }
void pc_heap_trim(void) { }
void pc_heap_lock(void) { }
void pc_heap_unlock(void) { }

#else

#define HUGE_PAGE ((size_t)2 << 20)

typedef struct range {
    char *at;
    size_t size;
    bool taken;
} range;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static range *ranges;
static size_t count, room;
static _Atomic int64_t kept;

void pc_heap_lock(void) { pthread_mutex_lock(&lock); }
void pc_heap_unlock(void) { pthread_mutex_unlock(&lock); }

/* Room for one more, so that a block can be cut. */
static bool reserve(void)
{
    if (count + 2 <= room) return true;
    range *more = realloc(ranges, (2 * room + 64) * sizeof *more);
    if (more == NULL) return false;
    ranges = more;
    room = 2 * room + 64;
    return true;
}

static void insert(size_t k, range r)
{
    memmove(ranges + k + 1, ranges + k, (count - k) * sizeof *ranges);
    ranges[k] = r;
    count++;
}
static void erase(size_t k)
{
    count--;
    memmove(ranges + k, ranges + k + 1, (count - k) * sizeof *ranges);
}

/* The first range at or above an address. */
static size_t find(const char *at)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t k = (low + high) / 2;
        if (ranges[k].at < at) low = k + 1;
        else high = k;
    }
    return low;
}

/* Make one range of k and the next one if both are free and touch. */
static bool merge_next(size_t k)
{
    range *r = ranges + k;
    if (k + 1 >= count || r[0].taken || r[1].taken || r[0].at + r[0].size != r[1].at) return false;
    r[0].size += r[1].size;
    erase(k + 1);
    return true;
}
/* Where range k is after that. */
static size_t merge(size_t k)
{
    merge_next(k);
    return k > 0 && merge_next(k - 1) ? k - 1 : k;
}

/* Memory of whole huge pages, on their boundaries; at `wanted` if that is not NULL. */
static char *map(size_t size, char *wanted)
{
    size_t more = wanted != NULL ? 0 : HUGE_PAGE;
    char *p = mmap(wanted, size + more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    if (wanted != NULL && p != wanted) {
        munmap(p, size);
        return NULL;
    }
    if (more > 0) { /* what stands over is left at the top: the next mapping will come below */
        char *aligned = (char *)((uintptr_t)(p + more) & ~(uintptr_t)(HUGE_PAGE - 1));
        if (aligned > p) munmap(p, (size_t)(aligned - p));
        if (p + more > aligned) munmap(aligned + size, (size_t)(p + more - aligned));
        p = aligned;
    }
    madvise(p, size, MADV_HUGEPAGE);
    return p;
}

/* A new free range of at least `size`: what lacks to the lowest one, below it, or else all. count if there is none. */
static size_t more_memory(size_t size)
{
    char *p = NULL;
    size_t missing = size;
    if (count > 0 && !ranges[0].taken && ranges[0].size < size) {
        missing = (size - ranges[0].size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        p = map(missing, ranges[0].at - missing);
    }
    if (p == NULL) {
        missing = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        p = map(missing, NULL);
    }
    if (p == NULL) return count;
    size_t k = find(p);
    insert(k, (range){ p, missing, false });
    kept += (int64_t)missing;
    return merge(k);
}

/* The free range that `size` fits into best; count if there is none. */
static size_t smallest(size_t size)
{
    size_t best = count;
    for (size_t k = 0; k < count; k++) {
        if (ranges[k].taken || ranges[k].size < size) continue;
        if (best == count || ranges[k].size < ranges[best].size) best = k;
    }
    return best;
}

void *pc_heap_take(size_t size)
{
    char *p = NULL;
    pc_heap_lock();
    if (!reserve()) goto done;
    size_t best = smallest(size);
    if (best == count) best = more_memory(size);
    if (best == count) goto done;
    range *r = &ranges[best];
    p = r->at;
    r->taken = true;
    kept -= (int64_t)size;
    if (r->size > size) {
        insert(best + 1, (range){ p + size, r->size - size, false });
        ranges[best].size = size;
    }
done:
    pc_heap_unlock();
    return p;
}

void pc_heap_give(void *block, size_t size, bool keep)
{
    pc_heap_lock();
    size_t k = find(block);
    ranges[k].taken = false;
    if (keep) {
        kept += (int64_t)size;
        merge(k);
    } else {
        erase(k);
        munmap(block, size);
    }
    pc_heap_unlock();
}

int64_t pc_heap_kept(void) { return kept; }

void pc_heap_trim(void)
{
    size_t left = 0;
    pc_heap_lock();
    for (size_t k = 0; k < count; k++) {
        if (ranges[k].taken) ranges[left++] = ranges[k];
        else munmap(ranges[k].at, ranges[k].size);
    }
    count = left;
    kept = 0;
    pc_heap_unlock();
}

#endif
