/* alloc.h -- the one allocator: 64-byte aligned, cached by size class, counted, able to fail on demand. */
#ifndef PC_ALLOC_H
#define PC_ALLOC_H
#include <stddef.h>
#include <stdint.h>

/* Bytes beyond a block's end that may be read (never written): BLIS 0.9 reads past its operands. */
#define PC_ALLOC_TAIL 256

/* Undefined contents; NULL when memory is short (the caller reports PC_ENOMEM). Zero bytes give a valid block. */
void *pc_alloc(size_t bytes);
void pc_free(void *p);
/* Zeroed, and checked for overflow of count * size. */
void *pc_calloc(size_t count, size_t size);

typedef struct pc_mem_stats {
    int64_t live_blocks, live_bytes; /* handed out and not yet freed */
    int64_t peak_bytes;              /* the most that live_bytes has been since the cache was last given back */
    int64_t calls;                   /* pc_alloc calls so far */
    int64_t cached_bytes;            /* kept for reuse */
} pc_mem_stats;
pc_mem_stats pc_alloc_stats(void);
/* Give the cache back to the system. */
void pc_alloc_trim(void);
/* Test hook: of the calls that follow, number n (from 0) returns NULL; negative: none does. */
void pc_alloc_fail_after(int64_t n);

#endif
