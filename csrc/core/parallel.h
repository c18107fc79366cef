/* parallel.h -- the only owner of threads in a computation. */
#ifndef PC_PARALLEL_H
#define PC_PARALLEL_H
#include "status.h"
#include <stdbool.h>
#include <stdint.h>

typedef pc_status (*pc_range_fn)(void *ctx, int64_t begin, int64_t end);

/* Call fn over [0, n) in chunks [k * grain, (k + 1) * grain), on the pool's threads and the calling one.
   Chunks depend on n and grain alone, never on the number of threads: reduce per chunk, then over chunks in
   order, and results are the same for any number. A chunk should take 20 to 500 us. Nested calls run inline.
   Returns the first failure (its message is this thread's), or PC_EINTERRUPT after Ctrl-C. */
pc_status pc_parallel_for(int64_t n, int64_t grain, pc_range_fn fn, void *ctx);

/* Threads that a call may use, the caller included. Default: OMP_NUM_THREADS, else the CPUs this process may
   use (affinity, cgroup quota). */
int pc_num_threads(void);
pc_status pc_set_num_threads(int n);

/* Long loops call this now and then (it is cheap); PC_EINTERRUPT: stop. In a chunk of pc_parallel_for it also says that
   another chunk has failed. */
pc_status pc_poll(void);
/* In a loop over k; in one that does n elements at a time and counts them in *work. */
#define PC_POLL_EVERY 16384
static inline pc_status pc_poll_at(int64_t k) { return k % PC_POLL_EVERY == PC_POLL_EVERY - 1 ? pc_poll() : PC_OK; }
static inline pc_status pc_poll_after(int64_t *work, int64_t n)
{
    if ((*work += n) < PC_POLL_EVERY) return PC_OK;
    *work = 0;
    return pc_poll();
}
/* memcpy and memset to 0, of large memory. */
pc_status pc_copy_bytes(void *dst, const void *src, int64_t bytes);
pc_status pc_zero_bytes(void *dst, int64_t bytes);
/* Would pc_poll() look now? For code that has to let go of something first. */
bool pc_poll_due(void);
/* Between the two, this thread does not check: for code that holds a lock which the embedder's check could need. */
void pc_poll_hold(void);
void pc_poll_resume(void);
/* The embedder's check for Ctrl-C: nonzero means stop. Called at most every 10 ms, from calling threads only. */
void pc_set_interrupt_check(int (*check)(void));

#endif
