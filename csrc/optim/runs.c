/* runs.c -- chunks over many tensors. */
#include "runs.h"
#include "../core/alloc.h"

typedef struct job {
    int64_t count;
    const int64_t *numel, *first; /* first[k]: number of the first chunk of item k */
    pc_run_fn fn;
    void *ctx;
} job;

static pc_status run_chunks(void *ctx, int64_t begin, int64_t end)
{
    const job *j = ctx;
    int64_t item = 0, high = j->count;
    while (high - item > 1) { /* the last item that begins at or before chunk `begin` */
        int64_t middle = (item + high) / 2;
        if (j->first[middle] <= begin) item = middle;
        else high = middle;
    }
    for (int64_t chunk = begin; chunk < end; chunk++) {
        while (item + 1 < j->count && j->first[item + 1] <= chunk) item++;
        int64_t at = (chunk - j->first[item]) * PC_RUN_CHUNK, left = j->numel[item] - at;
        j->fn(j->ctx, item, at, left < PC_RUN_CHUNK ? left : PC_RUN_CHUNK, chunk);
    }
    return PC_OK;
}

pc_status pc_for_runs(int64_t count, const int64_t *numel, pc_run_fn fn, void *ctx)
{
    pc_status status = PC_OK;
    int64_t chunks = 0, *first = pc_alloc((size_t)(count + 1) * sizeof *first);
    PC_CHECK(first != NULL, PC_ENOMEM, "out of memory for a list of %lld tensors", (long long)count);
    for (int64_t k = 0; k < count; k++) {
        first[k] = chunks;
        chunks += pc_run_chunks(numel[k]);
    }
    job j = { count, numel, first, fn, ctx };
    PC_TRY(pc_parallel_for(chunks, 1, run_chunks, &j));
done:
    pc_free(first);
    return status;
}
