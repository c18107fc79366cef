/* rng.h -- PyTorch's CPU generator: mt19937 with its state blob, 32- and 64-bit draws, cached normals. */
#ifndef PC_RNG_H
#define PC_RNG_H
#include "parallel.h"
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PC_RNG_STATE_BYTES 5056

typedef struct pc_generator {
    pthread_mutex_t lock;      /* held while one call draws, but for pc_generator_poll */
    uint64_t seed;
    uint32_t mt[624];
    int left;
    uint32_t next;
    bool has_normal;           /* a cached double normal */
    double normal;
} pc_generator;

void pc_generator_init(pc_generator *g, uint64_t seed);
void pc_generator_seed(pc_generator *g, uint64_t seed);            /* caches emptied */
void pc_generator_get_state(pc_generator *g, uint8_t state[PC_RNG_STATE_BYTES]);
pc_status pc_generator_set_state(pc_generator *g, const uint8_t *state, size_t bytes);
uint64_t pc_seed_from_system(void);
/* The default generator: seeded from the system at first use. */
pc_generator *pc_default_generator(void);

/* Between the chunks of a long draw, the lock held: pc_poll(), for which the lock is let go, because the embedder's
   check may wait for a thread that waits for the lock, or draw. Other threads may draw in between. */
pc_status pc_generator_poll(pc_generator *g);
/* In a loop over k. */
static inline pc_status pc_generator_poll_at(pc_generator *g, int64_t k)
{
    return k % PC_POLL_EVERY == PC_POLL_EVERY - 1 ? pc_generator_poll(g) : PC_OK;
}

/* Raw draws. The caller holds g->lock. */
uint32_t pc_draw32(pc_generator *g);
uint64_t pc_draw64(pc_generator *g);
/* What n calls of pc_draw32 return, several times faster. */
void pc_draw32_many(pc_generator *g, uint32_t *out, int64_t n);
/* A multiple of 2^-53 in [0, 1). */
double pc_draw_u53(pc_generator *g);
/* An integer in [0, range), range > 0: 64 bits are drawn from this range on. */
#define PC_WIDE_RANGE (1 << 28)
uint64_t pc_draw_below(pc_generator *g, uint64_t range);
/* A permutation of 0 .. n - 1; fails when interrupted. */
pc_status pc_draw_permutation(pc_generator *g, int64_t *order, int64_t n);
/* Standard normals in pairs: the second of a pair is kept by the generator. */
double pc_draw_normal(pc_generator *g);

#endif
