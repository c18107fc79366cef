/* batch.c -- draw, augment, normalise, store. */
#include "batch.h"
#include "../core/alloc.h"
#include "../core/parallel.h"
#include <inttypes.h>
#include <string.h>

/* Images of a task: one of 32 x 32 takes some 5 us. */
#define TASK_PIXELS 8192

typedef struct job {
    const pc_images *images;
    const pc_pipeline *p;
    const int64_t *indices;
    const char *plans;
    size_t plan_bytes, scratch_bytes;
    float *x;
    int64_t out_pixels, in_pixels;
} job;

static pc_status apply_range(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    const job *j = ctx;
    void *scratch = pc_alloc(j->scratch_bytes);
    PC_CHECK(scratch != NULL, PC_ENOMEM, "out of memory for augmentation");
    for (int64_t k = begin; k < end; k++)
        PC_TRY(pc_pipeline_apply(j->p, j->plans + (size_t)k * j->plan_bytes, j->images->shape,
                                 j->images->pixels + j->indices[k] * j->in_pixels, j->x + k * j->out_pixels, true, scratch));
done:
    pc_free(scratch);
    return status;
}

pc_status pc_batch_load(const pc_images *images, const pc_pipeline *p, pc_generator *g, const int64_t *indices,
                        int64_t count, pc_tensor **x, pc_tensor **y)
{
    pc_status status = PC_OK;
    pc_tensor *batch = NULL, *labels = NULL;
    char *plans = NULL;
    pc_image_shape in = images->shape, out;
    bool is_float;
    PC_TRY(pc_pipeline_output(p, in, &out, &is_float));
    PC_CHECK(is_float, PC_EVALUE, "the transform of a data set that is loaded in batches must end in float32");
    for (int64_t k = 0; k < count; k++)
        PC_CHECK(indices[k] >= 0 && indices[k] < images->n, PC_EINDEX,
                 "index %" PRId64 " is out of bounds for a data set of %" PRId64 " images", indices[k], images->n);
    PC_TRY(pc_tensor_new_private(count, out.c, out.h, out.w, &batch));
    PC_TRY(pc_tensor_new(PC_I64, 1, &count, &labels));
    size_t plan_bytes = pc_pipeline_plan_bytes(p);
    plans = pc_calloc((size_t)count + 1, plan_bytes);
    PC_CHECK(plans != NULL, PC_ENOMEM, "out of memory for augmentation");
    pthread_mutex_lock(&g->lock);
    for (int64_t k = 0; k < count && status == PC_OK; k++)
        status = pc_pipeline_draw(p, g, in, plans + (size_t)k * plan_bytes);
    pthread_mutex_unlock(&g->lock);
    PC_TRY(status);
    for (int64_t k = 0; k < count; k++) ((int64_t *)pc_data(labels))[k] = images->labels[indices[k]];
    job j = { images, p, indices, plans, plan_bytes, pc_pipeline_scratch_bytes(p, in), pc_tensor_nhwc_new(batch),
              (int64_t)out.h * out.w * out.c, (int64_t)in.h * in.w * in.c };
    PC_TRY(pc_parallel_for(count, TASK_PIXELS / ((int64_t)in.h * in.w + 1) + 1, apply_range, &j));
    *x = batch;
    *y = labels;
    batch = NULL;
    labels = NULL;
done:
    pc_release(batch);
    pc_release(labels);
    pc_free(plans);
    return status;
}
