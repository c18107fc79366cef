/* runs.c -- chunks over many tensors. */
#include "runs.h"
#include "../core/alloc.h"

typedef struct job {
    const pc_runs *runs;
    pc_run_fn fn;
    void *ctx;
} job;

static pc_status run_chunks(void *ctx, int64_t begin, int64_t end)
{
    const job *j = ctx;
    const pc_runs *r = j->runs;
    int64_t item = 0, high = r->count;
    while (high - item > 1) { /* the last item that begins at or before chunk `begin` */
        int64_t middle = (item + high) / 2;
        if (r->first[middle] <= begin) item = middle;
        else high = middle;
    }
    for (int64_t chunk = begin; chunk < end; chunk++) {
        while (item + 1 < r->count && r->first[item + 1] <= chunk) item++;
        int64_t at = (chunk - r->first[item]) * PC_RUN_CHUNK, left = r->numel[item] - at;
        j->fn(j->ctx, item, at, left < PC_RUN_CHUNK ? left : PC_RUN_CHUNK, chunk);
    }
    return PC_OK;
}

pc_status pc_runs_open(pc_runs *r, int64_t count)
{
    r->count = count;
    r->numel = pc_alloc((size_t)(2 * count + 1) * sizeof *r->numel);
    r->first = r->numel + count;
    return r->numel != NULL ? PC_OK : pc_fail(PC_ENOMEM, "out of memory for a list of %lld tensors", (long long)count);
}

void pc_runs_close(pc_runs *r)
{
    pc_free(r->numel);
    r->numel = NULL;
}

pc_status pc_runs_each(pc_runs *r, pc_run_fn fn, void *ctx)
{
    int64_t chunks = 0;
    for (int64_t k = 0; k < r->count; k++) {
        r->first[k] = chunks;
        chunks += pc_run_chunks(r->numel[k]);
    }
    return pc_parallel_for(chunks, 1, run_chunks, &(job){ r, fn, ctx });
}
