/* sampler.h -- orders in which a data set is read, as streams of indices. Every draw is torch's, at torch's moment. */
#ifndef PC_SAMPLER_H
#define PC_SAMPLER_H
#include "../core/rng.h"
#include "../core/status.h"

typedef enum pc_order {
    PC_ORDER_SEQUENTIAL,  /* 0, 1, .. n - 1 */
    PC_ORDER_PERMUTATION, /* one permutation of them */
    PC_ORDER_SHUFFLED,    /* num_samples of them, by permutations; after whole ones, torch draws one more at the end */
    PC_ORDER_REPLACEMENT  /* num_samples of them, each drawn by itself, 32 at a time */
} pc_order;

typedef struct pc_sampler {
    pc_order order;
    int64_t n, num_samples;
    pc_generator *g;       /* borrowed; NULL: `own`, seeded from the default generator by the first draw */
    pc_generator own;
    bool started, ended;
    int64_t given;         /* indices handed out */
    int64_t *block;        /* drawn ahead: [at, size) are still to come */
    int64_t at, size;
} pc_sampler;

/* n, num_samples > 0, but for a sequential order or a permutation, whose n may be 0. g outlives the sampler. */
pc_status pc_sampler_init(pc_sampler *s, pc_order order, int64_t n, int64_t num_samples, pc_generator *g);
void pc_sampler_clear(pc_sampler *s);
/* The next indices, at most max of them. *count < max only at the end of the stream. */
pc_status pc_sampler_take(pc_sampler *s, int64_t max, int64_t *out, int64_t *count);

#endif
