/* augment_noise.c -- RandomErasing(value="random"): the values' draws are passed over while drawing, and made again
   from the generator's saved state where they are wanted. */
#include "../kernels/kernels.h"
#include "augment_steps.h"
#include <string.h>

#define BLOCK 16 /* torch's normal fill: from so many elements on it works in blocks */

void save_and_skip_noise(pc_generator *g, int64_t n, snapshot *s)
{
    s->n = n;
    memcpy(s->mt, g->mt, sizeof s->mt);
    s->left = g->left;
    s->next = g->next;
    s->has_normal = g->has_normal;
    s->normal = g->normal;
    if (n < BLOCK) {
        for (int64_t k = 0; k < n; k++) pc_draw_normal(g);
    } else {
        int64_t draws = n % BLOCK == 0 ? n : n + BLOCK; /* an incomplete last block is drawn anew */
        for (int64_t k = 0; k < draws; k++) pc_draw32(g);
    }
}

static void uniforms(pc_generator *g, float *x, int64_t n)
{
    for (int64_t k = 0; k < n; k++) x[k] = (float)(pc_draw32(g) & 0xFFFFFF) * 0x1p-24f;
}

size_t pc_plan_noise_count(const void *given, int index)
{
    const drawn *d = &plan_entries(given)[index];
    return d->noise < 0 ? 0 : (size_t)plan_snapshots(given)[d->noise].n;
}

void pc_plan_noise(const void *given, int index, float *dst)
{
    const drawn *d = &plan_entries(given)[index];
    if (d->noise < 0) return;
    const snapshot *s = &plan_snapshots(given)[d->noise];
    pc_generator g; /* never locked: nobody else sees it */
    memcpy(g.mt, s->mt, sizeof g.mt);
    g.left = s->left;
    g.next = s->next;
    g.has_normal = s->has_normal;
    g.normal = s->normal;
    if (s->n < BLOCK) {
        for (int64_t k = 0; k < s->n; k++) dst[k] = (float)pc_draw_normal(&g);
        return;
    }
    uniforms(&g, dst, s->n);
    pc_k->f32_normal_blocks(dst, s->n / BLOCK, 0, 1);
    if (s->n % BLOCK == 0) return;
    uniforms(&g, dst + s->n - BLOCK, BLOCK);
    pc_k->f32_normal_blocks(dst + s->n - BLOCK, 1, 0, 1);
}
