/* heap.h -- large blocks of memory, cut from what the system has given and merged again. For alloc.c. */
#ifndef PC_HEAP_H
#define PC_HEAP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PC_PAGE ((size_t)4096)

/* size: a multiple of PC_PAGE. NULL when memory is short. */
void *pc_heap_take(size_t size);
/* keep: for reuse; otherwise the memory goes back to the system. */
void pc_heap_give(void *block, size_t size, bool keep);
int64_t pc_heap_kept(void); /* bytes */
/* What is kept goes back to the system. */
void pc_heap_trim(void);
/* Around fork. */
void pc_heap_lock(void);
void pc_heap_unlock(void);

#endif
