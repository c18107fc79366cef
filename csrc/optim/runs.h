/* runs.h -- many tensors as one sequence of chunks, so that small and large ones load the threads evenly. */
#ifndef PC_OPTIM_RUNS_H
#define PC_OPTIM_RUNS_H
#include "../core/parallel.h"

/* Elements of a chunk: Adam moves 28 bytes an element, so some 60 us from memory. */
#define PC_RUN_CHUNK 16384

/* Elements [at, at + n) of item `item`, which are chunk number `chunk`. */
typedef void (*pc_run_fn)(void *ctx, int64_t item, int64_t at, int64_t n, int64_t chunk);

static inline int64_t pc_run_chunks(int64_t numel) { return (numel + PC_RUN_CHUNK - 1) / PC_RUN_CHUNK; }
/* Call fn for each chunk of `count` items of numel[k] elements, in parallel. */
pc_status pc_for_runs(int64_t count, const int64_t *numel, pc_run_fn fn, void *ctx);

#endif
