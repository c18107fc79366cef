/* sampler.c -- streams of indices. Blocks are drawn when the first index of them is asked for. */
#include "sampler.h"
#include "../core/alloc.h"
#include <inttypes.h>
#include <string.h>

#define REPLACEMENT_BLOCK 32

pc_status pc_sampler_init(pc_sampler *s, pc_order order, int64_t n, int64_t num_samples, pc_generator *g)
{
    pc_status status = PC_OK;
    bool single = order == PC_ORDER_SEQUENTIAL || order == PC_ORDER_PERMUTATION;
    memset(s, 0, sizeof *s);
    PC_CHECK(n > 0 || (single && n == 0), PC_EVALUE, "cannot draw samples of a data set of length %" PRId64, n);
    PC_CHECK(single || num_samples > 0, PC_EVALUE,
             "num_samples should be a positive integer value, but got num_samples=%" PRId64, num_samples);
    s->order = order;
    s->n = n;
    s->num_samples = single ? n : num_samples;
    s->g = g;
done:
    return status;
}

void pc_sampler_clear(pc_sampler *s)
{
    pc_free(s->block);
    s->block = NULL;
    s->ended = true;
}

static void start(pc_sampler *s)
{
    s->started = true;
    if (s->g != NULL) return;
    pc_generator *parent = pc_default_generator();
    pthread_mutex_lock(&parent->lock);
    uint64_t seed = pc_draw64(parent) & INT64_MAX;
    pthread_mutex_unlock(&parent->lock);
    pc_generator_init(&s->own, seed);
    s->g = &s->own;
}

/* The block that follows what has been given; an empty one ends the stream. */
static pc_status refill(pc_sampler *s)
{
    pc_status status = PC_OK;
    int64_t rest = s->num_samples - s->given;
    int64_t room = s->order == PC_ORDER_REPLACEMENT ? REPLACEMENT_BLOCK : s->n;
    if (!s->started) start(s);
    if (s->block == NULL) {
        s->block = pc_calloc((size_t)room + 1, sizeof *s->block);
        PC_CHECK(s->block != NULL, PC_ENOMEM, "out of memory for the order of %" PRId64 " samples", s->n);
    }
    s->at = 0;
    s->size = 0;
    if (rest == 0 && (s->order != PC_ORDER_SHUFFLED || s->num_samples % s->n != 0)) return PC_OK;
    if (rest < room) room = rest;
    pthread_mutex_lock(&s->g->lock);
    if (s->order == PC_ORDER_REPLACEMENT)
        for (int64_t k = 0; k < room; k++) s->block[k] = (int64_t)pc_draw_below(s->g, (uint64_t)s->n);
    else status = pc_draw_permutation(s->g, s->block, s->n);
    pthread_mutex_unlock(&s->g->lock);
    if (status == PC_OK) s->size = room;
done:
    return status;
}

pc_status pc_sampler_take(pc_sampler *s, int64_t max, int64_t *out, int64_t *count)
{
    pc_status status = PC_OK;
    int64_t k = 0;
    if (s->order == PC_ORDER_SEQUENTIAL) {
        while (k < max && s->given < s->n) out[k++] = s->given++;
    } else {
        while (k < max && !s->ended) {
            if (s->at == s->size) PC_TRY(refill(s));
            int64_t m = s->size - s->at < max - k ? s->size - s->at : max - k;
            memcpy(out + k, s->block + s->at, (size_t)m * sizeof *out);
            s->at += m;
            s->given += m;
            k += m;
            if (m == 0) s->ended = true;
        }
    }
    *count = k;
done:
    return status;
}
