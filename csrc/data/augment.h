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

/* One step: a name of augment_steps.c's table and its numbers, in the order that the table states. */
typedef struct pc_step {
    const char *name;
    int n;
    const double *v;
} pc_step;

/* Copies the steps. PC_EVALUE for unknown names, wrong counts and numbers that are not finite or out of range. */
pc_status pc_pipeline_new(const pc_step *steps, int count, pc_pipeline **out);
void pc_pipeline_free(pc_pipeline *p); /* NULL is allowed */

/* Shape after the whole chain, for images of the given shape; PC_EVALUE if the chain refuses such images or if the
   shape depends on what is drawn.
   *is_float: the chain ends in float32 (ToTensor was among its steps), otherwise uint8. */
pc_status pc_pipeline_output(const pc_pipeline *p, pc_image_shape in, pc_image_shape *out, bool *is_float);

/* Bytes that hold the drawn parameters of one image. */
size_t pc_pipeline_plan_bytes(const pc_pipeline *p);
/* Draw one image's parameters from g (locked by the caller) into plan. */
pc_status pc_pipeline_draw(const pc_pipeline *p, pc_generator *g, pc_image_shape in, void *plan);
/* The same for an image of any number of channels that may be float already; such a plan is for reading alone. */
pc_status pc_pipeline_draw_for(const pc_pipeline *p, pc_generator *g, pc_image_shape in, bool is_float, void *plan);
/* Bytes of scratch that one call of apply needs, for chains that pc_pipeline_output accepts (0 for others). */
size_t pc_pipeline_scratch_bytes(const pc_pipeline *p, pc_image_shape in);
/* src: uint8 [h, w, c]. dst: float32 (or uint8) [c, h, w], or [h, w, c] where nhwc is true. */
pc_status pc_pipeline_apply(const pc_pipeline *p, const void *plan, pc_image_shape in, const uint8_t *src, void *dst,
                            bool nhwc, void *scratch);

/* ---- of one plan, also where the shape depends on the draws ---- */
void pc_plan_output(const void *plan, pc_image_shape *out, bool *is_float);
size_t pc_plan_scratch_bytes(const void *plan);
/* What was drawn: fixed steps, complete with fill and filter: a pipeline made of them does the same again (but for
   drawn noise). v has room for PC_PLAN_NUMBERS. */
#define PC_PLAN_NUMBERS 20
int pc_plan_count(const void *plan);
const char *pc_plan_step(const void *plan, int index, int *n, double *v);
/* The values that RandomErasing(value="random") drew for step index: [c, h, w] floats, or none (0). */
size_t pc_plan_noise_count(const void *plan, int index);
void pc_plan_noise(const void *plan, int index, float *dst);

#endif
