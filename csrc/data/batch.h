/* batch.h -- batches of a data set in memory, made straight into their tensors. */
#ifndef PC_BATCH_H
#define PC_BATCH_H
#include "../core/rng.h"
#include "../core/tensor.h"
#include "augment.h"
#include <stdatomic.h>

/* A data set in memory: images [n, h, w, c] of one size with a label each, under a pipeline that ends in tensors; or
   (pixels is NULL) tensors whose first extent is n, contiguous and settled. All borrowed. */
typedef struct pc_source {
    int64_t n;
    const uint8_t *pixels;
    const int64_t *labels;
    pc_image_shape shape;
    const pc_pipeline *pipeline;
    int ntensors;
    pc_tensor *const *tensors;
    const int64_t *positions; /* index k stands for positions[k], k < npositions; NULL: for itself */
    int64_t npositions;
} pc_source;

/* Images and labels, or as many as there are tensors. */
static inline int pc_source_outputs(const pc_source *s) { return s->pixels != NULL ? 2 : s->ntensors; }

/* The samples at `indices` (negative ones count from the end) into out[0 .. pc_source_outputs). Draws come from g one
   image after the other, in order; the pixels are then worked on: in parallel if `parallel`, else in this thread.
   Images are [count, C, H, W], float32 ones in private NHWC memory. Gives up with PC_EINTERRUPT once *stop is set. */
pc_status pc_batch_load(const pc_source *s, pc_generator *g, const int64_t *indices, int64_t count, bool parallel,
                        const _Atomic bool *stop, pc_tensor **out);

#endif
