/* random.h -- drawing PyTorch's random numbers, for the operators that do. */
#ifndef PC_RANDOM_H
#define PC_RANDOM_H
#include "op.h"

/* A 32-bit draw as a multiple of 2^-24 in [0, 1). */
#define PC_UNIT_F32(draw) ((float)(int32_t)((draw) & 0xffffffu) * 0x1p-24f)

/* The generator of an argument (PC_GENERATOR, or PC_NONE for the default one). */
pc_generator *pc_generator_of(const pc_value *v);
/* out[k] = 1 with probability p, otherwise 0: two 32-bit draws each. Takes the generator's lock. */
pc_status pc_draw_bernoulli(pc_generator *g, double p, uint8_t *out, int64_t n);

/* A new dense tensor of t's shape whose memory runs in t's own order, which is the order of torch's loops. */
pc_status pc_new_in_order(const pc_tensor *t, pc_dtype d, pc_tensor **out);
/* data[k] = v, in that dtype. */
void pc_store_integer(pc_dtype d, void *data, int64_t k, int64_t v);
/* Fails unless d is float32 or float64; name is that of torch's kernel, for the message. */
pc_status pc_need_float(const char *name, pc_dtype d);

#endif
