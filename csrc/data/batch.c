/* batch.c -- draw, augment, normalise, store; or gather rows. */
#include "batch.h"
#include "../core/alloc.h"
#include "../core/parallel.h"
#include <inttypes.h>
#include <string.h>

#define TASK_PIXELS 8192 /* of images of 32 x 32, one takes some 5 us */
#define TASK_BYTES 65536 /* of rows that are copied */

typedef struct job {
    const pc_source *s;
    const int64_t *at;  /* samples of the batch */
    const _Atomic bool *stop;
    /* images */
    const char *plans;
    size_t plan_bytes, scratch_bytes;
    char *x;
    bool nhwc;
    int64_t in_bytes, out_bytes;
    /* tensors */
    pc_tensor *const *out;
} job;

static pc_status stopped(const job *j)
{
    if (j->stop == NULL || !atomic_load_explicit(j->stop, memory_order_relaxed)) return PC_OK;
    return pc_fail(PC_EINTERRUPT, "the loader was closed");
}

static pc_status apply_range(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    const job *j = ctx;
    void *scratch = pc_alloc(j->scratch_bytes);
    PC_CHECK(scratch != NULL, PC_ENOMEM, "out of memory for augmentation");
    for (int64_t k = begin; k < end; k++) {
        PC_TRY(stopped(j));
        PC_TRY(pc_pipeline_apply(j->s->pipeline, j->plans + (size_t)k * j->plan_bytes, j->s->shape,
                                 j->s->pixels + j->at[k] * j->in_bytes, j->x + k * j->out_bytes, j->nhwc, scratch));
    }
done:
    pc_free(scratch);
    return status;
}

static pc_status copy_range(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    const job *j = ctx;
    for (int i = 0; i < j->s->ntensors; i++) {
        const pc_tensor *t = j->s->tensors[i];
        size_t row = (size_t)(t->numel / t->shape[0] * pc_dtype_size(t->dtype));
        for (int64_t k = begin; k < end; k++)
            memcpy((char *)pc_data(j->out[i]) + (size_t)k * row, (const char *)pc_data(t) + (size_t)j->at[k] * row,
                   row);
        PC_TRY(stopped(j));
    }
done:
    return status;
}

/* Positions in the arrays of the samples at `indices`. */
static pc_status locate(const pc_source *s, const int64_t *indices, int64_t count, int64_t *at)
{
    pc_status status = PC_OK;
    int64_t n = s->positions != NULL ? s->npositions : s->n;
    for (int64_t k = 0; k < count; k++) {
        int64_t i = indices[k] < 0 ? indices[k] + n : indices[k];
        PC_CHECK(i >= 0 && i < n, PC_EINDEX, "index %" PRId64 " is out of bounds for a data set of length %" PRId64,
                 indices[k], n);
        if (s->positions != NULL) {
            i = s->positions[i] < 0 ? s->positions[i] + s->n : s->positions[i];
            PC_CHECK(i >= 0 && i < s->n, PC_EINDEX,
                     "index %" PRId64 " of a subset is out of bounds for a data set of length %" PRId64,
                     s->positions[indices[k] < 0 ? indices[k] + n : indices[k]], s->n);
        }
        at[k] = i;
    }
done:
    return status;
}

static pc_status run(bool parallel, int64_t count, int64_t grain, pc_range_fn fn, job *j)
{
    if (parallel) return pc_parallel_for(count, grain, fn, j);
    return count > 0 ? fn(j, 0, count) : PC_OK;
}

static pc_status load_images(job *j, pc_generator *g, int64_t count, bool parallel, pc_tensor **out)
{
    pc_status status = PC_OK;
    const pc_source *s = j->s;
    pc_image_shape shape;
    bool is_float;
    char *plans = NULL;
    PC_TRY(pc_pipeline_output(s->pipeline, s->shape, &shape, &is_float));
    if (is_float) PC_TRY(pc_tensor_new_private(count, shape.c, shape.h, shape.w, &out[0]));
    else PC_TRY(pc_tensor_new(PC_U8, 4, (int64_t[]){ count, shape.c, shape.h, shape.w }, &out[0]));
    PC_TRY(pc_tensor_new(PC_I64, 1, &count, &out[1]));
    j->x = is_float ? (char *)pc_tensor_nhwc_new(out[0]) : pc_data(out[0]);
    j->nhwc = is_float;
    j->in_bytes = (int64_t)s->shape.h * s->shape.w * s->shape.c;
    j->out_bytes = (int64_t)shape.h * shape.w * shape.c * (is_float ? (int64_t)sizeof(float) : 1);
    j->plan_bytes = pc_pipeline_plan_bytes(s->pipeline);
    j->scratch_bytes = pc_pipeline_scratch_bytes(s->pipeline, s->shape);
    plans = pc_calloc((size_t)count + 1, j->plan_bytes);
    PC_CHECK(plans != NULL, PC_ENOMEM, "out of memory for the draws of %" PRId64 " images", count);
    pthread_mutex_lock(&g->lock);
    for (int64_t k = 0; k < count && status == PC_OK; k++)
        status = pc_pipeline_draw(s->pipeline, g, s->shape, plans + (size_t)k * j->plan_bytes);
    pthread_mutex_unlock(&g->lock);
    PC_TRY(status);
    j->plans = plans;
    for (int64_t k = 0; k < count; k++) ((int64_t *)pc_data(out[1]))[k] = s->labels[j->at[k]];
    PC_TRY(run(parallel, count, TASK_PIXELS / ((int64_t)s->shape.h * s->shape.w + 1) + 1, apply_range, j));
done:
    pc_free(plans);
    return status;
}

static pc_status gather_rows(job *j, int64_t count, bool parallel, pc_tensor **out)
{
    pc_status status = PC_OK;
    int64_t shape[PC_MAX_DIMS], bytes = 1;
    for (int i = 0; i < j->s->ntensors; i++) {
        const pc_tensor *t = j->s->tensors[i];
        memcpy(shape, t->shape, sizeof shape);
        shape[0] = count;
        PC_TRY(pc_tensor_new(t->dtype, t->ndim, shape, &out[i]));
        if (t->numel > 0) bytes += t->numel / t->shape[0] * pc_dtype_size(t->dtype);
    }
    j->out = out;
    if (j->s->n > 0) PC_TRY(run(parallel, count, TASK_BYTES / bytes + 1, copy_range, j));
done:
    return status;
}

pc_status pc_batch_load(const pc_source *s, pc_generator *g, const int64_t *indices, int64_t count, bool parallel,
                        const _Atomic bool *stop, pc_tensor **out)
{
    pc_status status = PC_OK;
    int64_t *at = NULL;
    job j = { .s = s, .stop = stop };
    for (int i = 0; i < pc_source_outputs(s); i++) out[i] = NULL;
    at = pc_calloc((size_t)count + 1, sizeof *at);
    PC_CHECK(at != NULL, PC_ENOMEM, "out of memory for a batch of %" PRId64 " samples", count);
    PC_TRY(locate(s, indices, count, at));
    j.at = at;
    PC_TRY(s->pixels != NULL ? load_images(&j, g, count, parallel, out) : gather_rows(&j, count, parallel, out));
done:
    pc_free(at);
    for (int i = 0; status != PC_OK && i < pc_source_outputs(s); i++) {
        pc_release(out[i]);
        out[i] = NULL;
    }
    return status;
}
