/* recipe.c -- values that need not be kept: storages know how they were made, give their memory back, get it again. */
#include "recipe.h"
#include "alloc.h"
#include "parallel.h"
#include "storage.h"
#include <string.h>

#define BLOCK 4096     /* floats in which a step is computed: it stays in the cache for the next one */
#define MOST_STEPS 4   /* from a result to values that stand somewhere: it is computed from all of them each time */

static pc_recipe_kernels kernels;
static pc_recipe *discarded;

void pc_set_recipe_kernels(const pc_recipe_kernels *k) { kernels = *k; }

static float *nhwc_of(const pc_storage *s) { return atomic_load_explicit(&s->nhwc, memory_order_relaxed); }

/* ---- computing again ---------------------------------------------------------------------------- */

static void compute(const pc_recipe *r, int64_t begin, int64_t n, float *to);

/* Pixels [begin, begin + n) of s: where they stand, or computed into `to`. */
static const float *pixels_of(const pc_storage *s, int64_t begin, int64_t n, float *to)
{
    if (nhwc_of(s) != NULL) return nhwc_of(s) + begin * s->c;
    if (s->recipe != NULL) compute(s->recipe, begin, n, to);
    else kernels.relu(to, pixels_of(s->relu_of, begin, n, to), n * s->c);
    return to;
}

static const float *operand_of(const pc_operand *o, int64_t begin, int64_t n, float *to)
{
    float memory[BLOCK];
    const float *v = pixels_of(o->of, begin, n, o->affine != NULL ? memory : to);
    if (o->affine != NULL) {
        kernels.affine(to, v, n, o->of->c, o->affine->values);
        v = to;
    }
    if (o->relu) {
        kernels.relu(to, v, n * o->of->c);
        v = to;
    }
    return v;
}

static void compute(const pc_recipe *r, int64_t begin, int64_t n, float *to)
{
    float memory[BLOCK];
    const int64_t count = n * r->result->c;
    const float *v = operand_of(&r->operand[0], begin, n, to);
    if (v != to) memcpy(to, v, (size_t)count * sizeof *to);
    if (r->operand[1].of != NULL) kernels.accumulate(to, operand_of(&r->operand[1], begin, n, memory), count);
    if (r->relu) kernels.relu(to, to, count);
}

typedef struct job {
    const pc_recipe *recipe;
    float *to;
    int64_t pixels, block; /* of them */
} job;

static pc_status compute_blocks(void *ctx, int64_t begin, int64_t end)
{
    const job *j = ctx;
    for (int64_t k = begin; k < end; k++) {
        int64_t first = k * j->block, n = j->pixels - first < j->block ? j->pixels - first : j->block;
        compute(j->recipe, first, n, j->to + first * j->recipe->result->c);
    }
    return PC_OK;
}

pc_status pc_recipe_restore(pc_storage *s)
{
    pc_status status = PC_OK;
    if (s->recipe == NULL || !s->recipe->in_use) return PC_OK;
    job j = { s->recipe, pc_alloc((size_t)s->bytes), s->n * s->h * s->w, BLOCK / s->c };
    PC_CHECK(j.to != NULL, PC_ENOMEM, "can't allocate memory: you tried to allocate %lld bytes for an activation that "
             "backward needs again", (long long)s->bytes);
    PC_TRY(pc_parallel_for((j.pixels + j.block - 1) / j.block, 8, compute_blocks, &j));
    atomic_store_explicit(&s->nhwc, j.to, memory_order_release);
    j.to = NULL;
    pc_recipe_discard(s); /* whoever reads now must find the memory where it is */
done:
    pc_free(j.to);
    return status;
}

/* ---- making and forgetting ---------------------------------------------------------------------- */

static void release_affine(pc_affine *a)
{
    if (a != NULL && --a->refs == 0) pc_free(a);
}

static int depth_of(const pc_storage *s)
{
    if (s->recipe != NULL) return s->recipe->depth;
    return nhwc_of(s) == NULL && s->relu_of != NULL ? depth_of(s->relu_of) : 0;
}

bool pc_recipe_operand(const pc_storage *s, const pc_storage *result, pc_operand *o)
{
    const pc_recipe *r = s->recipe;
    if (r != NULL && r->operand[1].of == NULL && (!r->stale || s == result)) {
        *o = r->operand[0];
        o->relu = o->relu || r->relu;
        if (o->affine != NULL) o->affine->refs++;
        return true;
    }
    *o = (pc_operand){ .of = (pc_storage *)s };
    return s != result && !s->exposed && !s->foreign;
}

void pc_recipe_drop_operand(pc_operand *o) { release_affine(o->affine); }

void pc_recipe_set(pc_storage *s, const pc_operand *a, const pc_operand *b, bool relu)
{
    int depth = depth_of(a->of);
    if (b != NULL && depth_of(b->of) > depth) depth = depth_of(b->of);
    pc_recipe *r = depth < MOST_STEPS && !s->exposed && s->c <= BLOCK && s->bytes > 0 ? pc_calloc(1, sizeof *r) : NULL;
    if (r == NULL) {
        release_affine(a->affine);
        if (b != NULL) release_affine(b->affine);
    } else {
        *r = (pc_recipe){ .result = s, .operand = { *a }, .relu = relu, .depth = depth + 1 };
        if (b != NULL) r->operand[1] = *b;
    }
    pc_recipe_discard(s);
    s->recipe = r;
    for (int k = 0; k < 2 && r != NULL && r->operand[k].of != NULL; k++) {
        pc_operand *o = &r->operand[k];
        o->recipe = r;
        o->next = o->of->readers;
        o->of->readers = o;
        atomic_store_explicit(&o->of->linked, true, memory_order_relaxed);
        atomic_store_explicit(&s->linked, true, memory_order_relaxed);
    }
}

void pc_recipe_follow(pc_storage *s, pc_storage *from, bool take)
{
    pc_recipe *r = from->recipe;
    if (r == NULL || r->stale) return;
    pc_operand o[2] = { r->operand[0], r->operand[1] };
    for (int k = 0; k < 2; k++)
        if (o[k].affine != NULL) o[k].affine->refs++;
    if (take) pc_recipe_discard(from);
    pc_recipe_set(s, &o[0], o[1].of != NULL ? &o[1] : NULL, true);
}

static void leave_readers(pc_operand *o)
{
    pc_operand **at = &o->of->readers;
    while (*at != o) at = &(*at)->next;
    *at = o->next;
}

void pc_recipe_discard(pc_storage *s)
{
    pc_recipe *r = s->recipe;
    if (r == NULL) return;
    s->recipe = NULL;
    for (int k = 0; k < 2 && r->operand[k].of != NULL; k++) {
        leave_readers(&r->operand[k]);
        release_affine(r->operand[k].affine);
    }
    r->next = discarded;
    discarded = r;
}

pc_status pc_recipe_forget_readers(pc_storage *s)
{
    while (s->readers != NULL) {
        pc_storage *reader = s->readers->recipe->result;
        pc_status status = pc_recipe_restore(reader);
        if (status != PC_OK) return status;
        pc_recipe_discard(reader);
    }
    return PC_OK;
}

void pc_recipe_unlink(pc_storage *s)
{
    pc_recipe_discard(s);
    while (s->readers != NULL) pc_recipe_discard(s->readers->recipe->result); /* those in use would own s */
}

pc_recipe *pc_recipe_discarded(void)
{
    pc_recipe *r = discarded;
    discarded = NULL;
    return r;
}

void pc_recipe_free(pc_recipe *r)
{
    while (r != NULL) {
        pc_recipe *next = r->next;
        for (int k = 0; k < 2 && r->in_use; k++) pc_storage_release_as(r->operand[k].of, true);
        pc_free(r);
        r = next;
    }
}

/* ---- giving memory back ------------------------------------------------------------------------- */

static int64_t saved_in(const pc_storage *s) { return atomic_load_explicit(&s->saved, memory_order_relaxed); }

/* Does memory become free by it? Not if what the values are made of would be kept for that alone. Operators that do not
   know private layouts count on finding `data` in backward when they have had it in forward. */
static bool is_worth_dropping(const pc_storage *s)
{
    const pc_recipe *r = s->recipe;
    if (r == NULL || r->in_use || r->stale || s->exposed || nhwc_of(s) == NULL) return false;
    if (atomic_load_explicit(&s->data, memory_order_relaxed) != NULL) return false;
    for (int k = 0; k < 2 && r->operand[k].of != NULL; k++)
        if (saved_in(r->operand[k].of) == 0) return false;
    return true;
}

void pc_recipe_release(pc_storage *s)
{
    if (atomic_load_explicit(&s->refs, memory_order_relaxed) != saved_in(s)) return;
    if (s->relu_of != NULL && !s->quiet) { /* its reference to what it reads is a saved one from now on */
        s->quiet = true;
        atomic_fetch_add_explicit(&s->relu_of->saved, 1, memory_order_relaxed);
        pc_recipe_release(s->relu_of);
    }
    if (!is_worth_dropping(s)) return;
    pc_recipe *r = s->recipe;
    r->in_use = true;
    for (int k = 0; k < 2 && r->operand[k].of != NULL; k++) {
        atomic_fetch_add_explicit(&r->operand[k].of->refs, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&r->operand[k].of->saved, 1, memory_order_relaxed);
    }
    pc_free(atomic_exchange_explicit(&s->nhwc, NULL, memory_order_relaxed));
}
