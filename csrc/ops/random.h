/* random.h -- filling tensors with PyTorch's random numbers, for the operators that draw. */
#ifndef PC_RANDOM_H
#define PC_RANDOM_H
#include "op.h"

/* The generator of an argument (PC_GENERATOR, or PC_NONE for the default one). */
pc_generator *pc_generator_of(const pc_value *v);
/* out[k] = 1 with probability p, otherwise 0: two 32-bit draws each. Takes the generator's lock. */
void pc_draw_bernoulli(pc_generator *g, double p, uint8_t *out, int64_t n);

#endif
