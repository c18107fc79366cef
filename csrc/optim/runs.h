/* runs.h -- many tensors as one sequence of chunks, so that small and large ones load the threads evenly. */
#ifndef PC_OPTIM_RUNS_H
#define PC_OPTIM_RUNS_H
#include "../core/parallel.h"

/* Elements of a chunk: Adam moves 28 bytes an element, so some 60 us from memory. */
#define PC_RUN_CHUNK 16384

/* Elements [at, at + n) of item `item`, which are chunk number `chunk`. */
typedef void (*pc_run_fn)(void *ctx, int64_t item, int64_t at, int64_t n, int64_t chunk);

static inline int64_t pc_run_chunks(int64_t numel) { return (numel + PC_RUN_CHUNK - 1) / PC_RUN_CHUNK; }

typedef struct pc_runs {
    int64_t count;
    int64_t *numel; /* of each item: the caller's to set */
    int64_t *first; /* the number of its first chunk */
} pc_runs;

/* Memory for `count` items; pc_runs_close frees it. */
pc_status pc_runs_open(pc_runs *r, int64_t count);
void pc_runs_close(pc_runs *r);
/* Call fn for each chunk of each item, in parallel. Fails when interrupted only. */
pc_status pc_runs_each(pc_runs *r, pc_run_fn fn, void *ctx);

#endif
