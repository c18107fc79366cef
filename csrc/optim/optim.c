/* optim.c -- one optimizer step over a list of parameters. */
#include "optim.h"
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../kernels/kernels.h"
#include "../ops/copy.h"
#include <math.h>
#include <string.h>

/* Elements of a chunk: Adam moves 28 bytes an element, so some 60 us from memory. */
#define CHUNK 16384

/* A parameter with everything it needs lying in memory as one run, in the same order. */
typedef struct prepared {
    pc_tensor *t[5];      /* param, grad, a, b, c: owned; the originals, or contiguous copies */
    pc_optim_run run;     /* of the whole parameter */
    int64_t first_chunk;
} prepared;

typedef struct job {
    const prepared *items;
    int64_t count;
    const pc_optim_rule *rule;
    void (*kernel[2])(const pc_optim_run *, const pc_optim_rule *); /* float32, float64 */
} job;

static pc_status run_chunks(void *ctx, int64_t begin, int64_t end)
{
    const job *j = ctx;
    int64_t low = 0, high = j->count;
    while (high - low > 1) { /* the item that holds chunk `begin` */
        int64_t middle = (low + high) / 2;
        if (j->items[middle].first_chunk <= begin) low = middle;
        else high = middle;
    }
    for (int64_t chunk = begin; chunk < end; chunk++) {
        while (low + 1 < j->count && j->items[low + 1].first_chunk <= chunk) low++;
        const prepared *item = &j->items[low];
        pc_optim_run run = item->run;
        int64_t at = (chunk - item->first_chunk) * CHUNK, bytes = at * pc_dtype_size(item->t[0]->dtype);
        run.n = run.n - at < CHUNK ? run.n - at : CHUNK;
        run.param = (char *)run.param + bytes;
        run.grad = (const char *)run.grad + bytes;
        if (run.a != NULL) run.a = (char *)run.a + bytes;
        if (run.b != NULL) run.b = (char *)run.b + bytes;
        if (run.c != NULL) run.c = (char *)run.c + bytes;
        j->kernel[item->t[0]->dtype == PC_F64](&run, j->rule);
    }
    return PC_OK;
}

static pc_status prepare(const pc_optim_item *item, prepared *p)
{
    pc_status status = PC_OK;
    pc_tensor *all[5] = { item->param, item->grad, item->a, item->b, item->c };
    char ta[200], tb[200];
    PC_CHECK(all[0]->dtype == PC_F32 || all[0]->dtype == PC_F64, PC_ESHAPE,
             "optimizer: parameters must be float32 or float64, got %s", pc_dtype_name(all[0]->dtype));
    bool same_order = pc_is_dense(all[0]);
    for (int k = 1; k < 5; k++) {
        if (all[k] == NULL) continue;
        PC_CHECK(pc_same_shape(all[0], all[k]) && all[k]->dtype == all[0]->dtype, PC_ESHAPE,
                 "optimizer: the %s of a parameter of shape %s and dtype %s has shape %s and dtype %s",
                 k == 1 ? "gradient" : "state", pc_shape_text(all[0], ta), pc_dtype_name(all[0]->dtype),
                 pc_shape_text(all[k], tb), pc_dtype_name(all[k]->dtype));
        for (int d = 0; d < all[0]->ndim; d++)
            same_order = same_order && (all[0]->shape[d] == 1 || all[0]->stride[d] == all[k]->stride[d]);
    }
    for (int k = 0; k < 5; k++) {
        if (all[k] == NULL) continue;
        if (k != 1) PC_TRY(pc_tensor_begin_write(all[k]));
        if (same_order) {
            PC_TRY(pc_tensor_settle(all[k]));
            p->t[k] = pc_retain(all[k]);
        } else {
            PC_TRY(pc_contiguous(all[k], &p->t[k]));
        }
    }
    p->run = (pc_optim_run){ .param = pc_data(p->t[0]), .grad = pc_data(p->t[1]), .n = all[0]->numel, .first = item->first };
    if (p->t[2] != NULL) p->run.a = pc_data(p->t[2]);
    if (p->t[3] != NULL) p->run.b = pc_data(p->t[3]);
    if (p->t[4] != NULL) p->run.c = pc_data(p->t[4]);
done:
    return status;
}

/* The number of the step, after advancing the counter: torch keeps it as a float32 tensor. */
static pc_status advance(pc_tensor *steps, double *out)
{
    pc_status status = PC_OK;
    PC_CHECK(steps->numel == 1 && (steps->dtype == PC_F32 || steps->dtype == PC_F64), PC_ESHAPE,
             "optimizer: `step` must be a float tensor of one element");
    PC_TRY(pc_tensor_begin_write(steps));
    if (steps->dtype == PC_F32) *out = pc_f32(steps)[0] += 1;
    else *out = ((double *)pc_data(steps))[0] += 1;
done:
    return status;
}

pc_status pc_optim_step(pc_optimizer kind, const pc_optim_rule *rule, int64_t count, const pc_optim_item *items)
{
    pc_status status = PC_OK;
    int64_t chunks = 0;
    prepared *p = pc_calloc((size_t)count + 1, sizeof *p);
    PC_CHECK(p != NULL, PC_ENOMEM, "out of memory for an optimizer step");
    for (int64_t k = 0; k < count; k++) {
        PC_TRY(prepare(&items[k], &p[k]));
        p[k].first_chunk = chunks;
        chunks += (items[k].param->numel + CHUNK - 1) / CHUNK;
    }
    for (int64_t k = 0; k < count && kind == PC_ADAM; k++) {
        double t = 0;
        PC_TRY(advance(items[k].steps, &t));
        p[k].run.step_size = rule->lr / (1 - pow(rule->beta1, t));
        p[k].run.root = sqrt(1 - pow(rule->beta2, t));
    }
    job j = { p, count, rule, { NULL } };
    switch (kind) {
    case PC_SGD: j.kernel[0] = pc_k->f32_sgd, j.kernel[1] = pc_k->f64_sgd; break;
    case PC_ADAM: j.kernel[0] = pc_k->f32_adam, j.kernel[1] = pc_k->f64_adam; break;
    case PC_RMSPROP: j.kernel[0] = pc_k->f32_rmsprop, j.kernel[1] = pc_k->f64_rmsprop; break;
    }
    PC_TRY(pc_parallel_for(chunks, 1, run_chunks, &j));
    for (int64_t k = 0; k < count; k++) {
        pc_tensor *all[5] = { items[k].param, NULL, items[k].a, items[k].b, items[k].c };
        for (int s = 0; s < 5; s++)
            if (all[s] != NULL && p[k].t[s] != all[s]) PC_TRY(pc_copy(all[s], p[k].t[s]));
    }
done:
    for (int64_t k = 0; k < count && p != NULL; k++)
        for (int s = 0; s < 5; s++) pc_release(p[k].t[s]);
    pc_free(p);
    return status;
}
