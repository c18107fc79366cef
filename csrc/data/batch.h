/* batch.h -- a batch of an image data set in memory, augmented straight into its tensor. */
#ifndef PC_BATCH_H
#define PC_BATCH_H
#include "../core/rng.h"
#include "../core/tensor.h"
#include "augment.h"

/* Images [n, h, w, c] of one size with a label each. All borrowed. */
typedef struct pc_images {
    const uint8_t *pixels;
    const int64_t *labels;
    int64_t n;
    pc_image_shape shape;
} pc_images;

/* The images and labels at `indices`: draws come from g one image after the other, in order; the pixels are then worked
   on in parallel. p ends in float32; x is [count, C, H, W] (in private NHWC memory), y [count] int64. */
pc_status pc_batch_load(const pc_images *images, const pc_pipeline *p, pc_generator *g, const int64_t *indices,
                        int64_t count, pc_tensor **x, pc_tensor **y);

#endif
