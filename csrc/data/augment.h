/* augment.h -- a chain of image transforms compiled once, drawn image by image, applied in parallel.

   Drawing is sequential and cheap and keeps torchvision's order of draws; applying touches no generator. */
#ifndef PC_AUGMENT_H
#define PC_AUGMENT_H
#include "../core/rng.h"
#include "../core/status.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct pc_pipeline pc_pipeline;

typedef struct pc_image_shape {
    int h, w, c;
} pc_image_shape;

void pc_pipeline_retain(pc_pipeline *p);
void pc_pipeline_release(pc_pipeline *p);

/* Shape after the whole chain, for images of the given shape; PC_EVALUE if the chain refuses such images.
   *is_float: the chain ends in float32 (ToTensor was among its steps), otherwise uint8. */
pc_status pc_pipeline_output(const pc_pipeline *p, pc_image_shape in, pc_image_shape *out, bool *is_float);

/* Bytes that hold the drawn parameters of one image. */
size_t pc_pipeline_plan_bytes(const pc_pipeline *p);
/* Draw one image's parameters from g (locked by the caller) into plan. */
pc_status pc_pipeline_draw(const pc_pipeline *p, pc_generator *g, pc_image_shape in, void *plan);
/* Bytes of scratch that one call of apply needs. */
size_t pc_pipeline_scratch_bytes(const pc_pipeline *p, pc_image_shape in);
/* src: uint8 [h, w, c]. dst: float32 (or uint8) [c, h, w], or [h, w, c] where nhwc is true. */
pc_status pc_pipeline_apply(const pc_pipeline *p, const void *plan, pc_image_shape in, const uint8_t *src, void *dst,
                            bool nhwc, void *scratch);

#endif
