/* rng.c -- mt19937 as PyTorch runs it on the CPU. Matsumoto and Nishimura, "Mersenne Twister", 1998. */
#include "rng.h"
#include <math.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define N 624
#define M 397

void pc_generator_seed(pc_generator *g, uint64_t seed)
{
    g->seed = seed;
    g->mt[0] = (uint32_t)seed;
    for (uint32_t j = 1; j < N; j++) g->mt[j] = 1812433253u * (g->mt[j - 1] ^ (g->mt[j - 1] >> 30)) + j;
    g->left = 1;
    g->next = 0;
    g->has_normal = false;
    g->normal = 0;
}

void pc_generator_init(pc_generator *g, uint64_t seed)
{
    pthread_mutex_init(&g->lock, NULL);
    pc_generator_seed(g, seed);
}

static uint32_t twist(uint32_t u, uint32_t v)
{
    return (((u & 0x80000000u) | (v & 0x7fffffffu)) >> 1) ^ (-(v & 1) & 0x9908b0dfu);
}

static void next_block(pc_generator *g)
{
    uint32_t *p = g->mt;
    for (int j = 0; j < N - M; j++) p[j] = p[j + M] ^ twist(p[j], p[j + 1]);
    for (int j = N - M; j < N - 1; j++) p[j] = p[j + M - N] ^ twist(p[j], p[j + 1]);
    p[N - 1] = p[M - 1] ^ twist(p[N - 1], p[0]);
    g->left = N;
    g->next = 0;
}

static inline uint32_t temper(uint32_t y)
{
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

uint32_t pc_draw32(pc_generator *g)
{
    if (--g->left == 0) next_block(g);
    return temper(g->mt[g->next++]);
}

/* `left` counts one more than the words that are left, except just after next_block. */
void pc_draw32_many(pc_generator *g, uint32_t *out, int64_t n)
{
    while (n > 0) {
        if (g->left == 1) {
            next_block(g);
            g->left = N + 1;
        }
        int take = n < g->left - 1 ? (int)n : g->left - 1;
        const uint32_t *p = g->mt + g->next;
        for (int k = 0; k < take; k++) out[k] = temper(p[k]);
        g->left -= take;
        g->next += (uint32_t)take;
        out += take;
        n -= take;
    }
}

uint64_t pc_draw64(pc_generator *g)
{
    uint64_t high = pc_draw32(g);
    return high << 32 | pc_draw32(g);
}

double pc_draw_u53(pc_generator *g)
{
    return (double)(pc_draw64(g) & ((UINT64_C(1) << 53) - 1)) * 0x1p-53;
}

uint64_t pc_draw_below(pc_generator *g, uint64_t range)
{
    return range < PC_WIDE_RANGE ? pc_draw32(g) % (uint32_t)range : pc_draw64(g) % range;
}

pc_status pc_generator_poll(pc_generator *g)
{
    if (!pc_poll_due()) return PC_OK;
    pthread_mutex_unlock(&g->lock);
    pc_status status = pc_poll();
    pthread_mutex_lock(&g->lock);
    return status;
}

pc_status pc_draw_permutation(pc_generator *g, int64_t *order, int64_t n)
{
    pc_status status = PC_OK;
    bool narrow = n < UINT32_MAX / 20;
    for (int64_t i = 0; i < n && narrow; i++) {
        order[i] = i;
        PC_TRY(pc_generator_poll_at(g, i));
    }
    for (int64_t i = 0; i < n; i++) {
        if (narrow && i < n - 1) {
            int64_t z = i + pc_draw32(g) % (uint32_t)(n - i), t = order[i];
            order[i] = order[z];
            order[z] = t;
        } else if (!narrow) {
            int64_t z = (int64_t)(pc_draw64(g) % (uint64_t)(i + 1));
            order[i] = order[z];
            order[z] = i;
        }
        PC_TRY(pc_generator_poll_at(g, i));
    }
done:
    return status;
}

double pc_draw_normal(pc_generator *g)
{
    if (g->has_normal) {
        g->has_normal = false;
        return g->normal;
    }
    double u1 = pc_draw_u53(g), u2 = pc_draw_u53(g), radius = sqrt(-2.0 * log1p(-u2)), theta = 2.0 * M_PI * u1;
    g->normal = radius * sin(theta);
    g->has_normal = true;
    return radius * cos(theta);
}

/* ---- state blob --------------------------------------------------------------------------------- */

enum { AT_SEED = 0, AT_LEFT = 8, AT_SEEDED = 12, AT_NEXT = 16, AT_WORDS = 24, AT_NORMAL = 5024, AT_HAS_NORMAL = 5040 };

void pc_generator_get_state(pc_generator *g, uint8_t state[PC_RNG_STATE_BYTES])
{
    int32_t one = 1, left = g->left;
    uint64_t next = g->next;
    memset(state, 0, PC_RNG_STATE_BYTES);
    memcpy(state + AT_SEED, &g->seed, 8);
    memcpy(state + AT_LEFT, &left, 4);
    memcpy(state + AT_SEEDED, &one, 4);
    memcpy(state + AT_NEXT, &next, 8);
    for (int j = 0; j < N; j++) memcpy(state + AT_WORDS + 8 * j, &(uint64_t){ g->mt[j] }, 8);
    if (g->has_normal) {
        memcpy(state + AT_NORMAL, &g->normal, 8);
        memcpy(state + AT_HAS_NORMAL, &one, 4);
    }
}

pc_status pc_generator_set_state(pc_generator *g, const uint8_t *state, size_t bytes)
{
    pc_status status = PC_OK;
    int32_t left, has_normal;
    uint64_t next, word;
    PC_CHECK(bytes == PC_RNG_STATE_BYTES, PC_ESHAPE, "RNG state is wrong size: expected %d bytes, got %zu",
             PC_RNG_STATE_BYTES, bytes);
    memcpy(&left, state + AT_LEFT, 4);
    memcpy(&next, state + AT_NEXT, 8);
    /* torch does not look at the sum, and would read beyond the words. */
    PC_CHECK(left > 0 && left <= N && next <= N && left + (int64_t)next <= N + 1, PC_ESHAPE, "Invalid mt19937 state");
    memcpy(&g->seed, state + AT_SEED, 8);
    g->left = left;
    g->next = (uint32_t)next;
    for (int j = 0; j < N; j++) {
        memcpy(&word, state + AT_WORDS + 8 * j, 8);
        g->mt[j] = (uint32_t)word;
    }
    memcpy(&has_normal, state + AT_HAS_NORMAL, 4);
    memcpy(&g->normal, state + AT_NORMAL, 8);
    g->has_normal = has_normal != 0;
done:
    return status;
}

/* ---- the default generator ---------------------------------------------------------------------- */

static pc_generator default_generator;
static pthread_once_t once = PTHREAD_ONCE_INIT;

uint64_t pc_seed_from_system(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) == sizeof seed) return seed;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000007u ^ (uint64_t)t.tv_nsec;
}

static void lock_default(void) { pthread_mutex_lock(&default_generator.lock); }
static void unlock_default(void) { pthread_mutex_unlock(&default_generator.lock); }

static void make_default(void)
{
    pc_generator_init(&default_generator, pc_seed_from_system());
    pthread_atfork(lock_default, unlock_default, unlock_default);
}

pc_generator *pc_default_generator(void)
{
    pthread_once(&once, make_default);
    return &default_generator;
}
