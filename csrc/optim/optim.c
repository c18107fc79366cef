/* optim.c -- one optimizer step over a list of parameters. */
#include "optim.h"
#include "runs.h"
#include "../core/alloc.h"
#include "../kernels/kernels.h"
#include "../ops/copy.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A parameter with everything it needs lying in memory as one run, in the same order. */
typedef struct prepared {
    pc_tensor *t[5];  /* param, grad, state: owned; the originals, or contiguous copies */
    pc_optim_run run; /* of the whole parameter */
    const pc_optim_rule *rule;
    void (*kernel)(const pc_optim_run *, const pc_optim_rule *);
} prepared;

static void run_chunk(void *ctx, int64_t item, int64_t at, int64_t n, int64_t chunk)
{
    const prepared *p = (const prepared *)ctx + item;
    int64_t bytes = at * pc_dtype_size(p->t[0]->dtype);
    pc_optim_run run = p->run;
    run.n = n;
    run.param = (char *)run.param + bytes;
    run.grad = (const char *)run.grad + bytes;
    if (run.a != NULL) run.a = (char *)run.a + bytes;
    if (run.b != NULL) run.b = (char *)run.b + bytes;
    if (run.c != NULL) run.c = (char *)run.c + bytes;
    p->kernel(&run, p->rule);
}

static pc_status prepare_number(pc_tensor *t, bool needed, const char *name)
{
    if (t == NULL) return needed ? pc_fail(PC_EVALUE, "optimizer: `%s` of a parameter is missing", name) : PC_OK;
    if (t->numel == 1 && (t->dtype == PC_F32 || t->dtype == PC_F64)) return pc_tensor_begin_write(t);
    return pc_fail(PC_ESHAPE, "optimizer: `%s` must be a float tensor of one element", name);
}

static void (*kernel_of(pc_optimizer kind, bool wide))(const pc_optim_run *, const pc_optim_rule *)
{
#define KERNELS(K, name) case K: return wide ? pc_k->f64_##name : pc_k->f32_##name
    switch (kind) {
    KERNELS(PC_SGD, sgd);
    KERNELS(PC_ADAM, adam);
    KERNELS(PC_RMSPROP, rmsprop);
    KERNELS(PC_ADAGRAD, adagrad);
    KERNELS(PC_ADADELTA, adadelta);
    KERNELS(PC_ADAMAX, adamax);
    KERNELS(PC_NADAM, nadam);
    KERNELS(PC_RADAM, radam);
    case PC_OPTIMIZER_COUNT: break;
    }
#undef KERNELS
    return NULL;
}

static pc_status prepare(const pc_optim_item *item, prepared *p)
{
    static const int needed[PC_OPTIMIZER_COUNT] = { 0, 2, 1, 1, 2, 2, 2, 2 }; /* states */
    pc_status status = PC_OK;
    pc_tensor *all[5] = { item->param, item->grad, item->state[0], item->state[1], item->state[2] };
    char ta[200], tb[200];
    for (int k = 0; k < needed[item->kind]; k++)
        PC_CHECK(item->state[k] != NULL, PC_EVALUE, "optimizer: a state of a parameter is missing");
    PC_CHECK(all[0]->dtype == PC_F32 || all[0]->dtype == PC_F64, PC_ESHAPE,
             "optimizer: parameters must be float32 or float64, got %s", pc_dtype_name(all[0]->dtype));
    PC_TRY(prepare_number(item->steps, item->kind != PC_SGD, "step"));
    PC_TRY(prepare_number(item->product, item->kind == PC_NADAM, "mu_product"));
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
    p->rule = item->rule;
    p->kernel = kernel_of(item->kind, all[0]->dtype == PC_F64);
    p->run =
        (pc_optim_run){ .param = pc_data(p->t[0]), .grad = pc_data(p->t[1]), .n = all[0]->numel, .first = item->first };
    if (p->t[2] != NULL) p->run.a = pc_data(p->t[2]);
    if (p->t[3] != NULL) p->run.b = pc_data(p->t[3]);
    if (p->t[4] != NULL) p->run.c = pc_data(p->t[4]);
done:
    return status;
}

static double number(const pc_tensor *t) { return t->dtype == PC_F32 ? (double)pc_f32(t)[0] : *(double *)pc_data(t); }

/* The counters and what depends on them. torch keeps them in float32 tensors and computes with doubles. */
static void advance(const pc_optim_item *item, pc_optim_run *run)
{
    const pc_optim_rule *r = item->rule;
    if (item->steps == NULL) return;
    if (item->steps->dtype == PC_F32) pc_f32(item->steps)[0] += 1;
    else *(double *)pc_data(item->steps) += 1;
    double t = number(item->steps), c1 = 1 - pow(r->beta1, t), c2 = 1 - pow(r->beta2, t);
    switch (item->kind) {
    case PC_ADAM:
        run->step = r->lr / c1;
        run->root = pow(c2, 0.5);
        break;
    case PC_ADAGRAD: run->step = r->lr / (1 + (t - 1) * r->decay); break;
    case PC_ADAMAX: run->step = r->lr / c1; break;
    case PC_NADAM: {
        double mu = r->beta1 * (1. - 0.5 * pow(0.96, t * r->decay));
        double next = r->beta1 * (1. - 0.5 * pow(0.96, (t + 1) * r->decay));
        if (item->product->dtype == PC_F32) pc_f32(item->product)[0] *= (float)mu;
        else *(double *)pc_data(item->product) *= mu;
        double product = number(item->product);
        run->step = r->lr * next / (1. - product * next);
        run->step2 = r->lr * (1. - mu) / (1. - product);
        run->root = c2;
        break;
    }
    case PC_RADAM: {
        double limit = 2 / (1 - r->beta2) - 1, rho = limit - 2 * t * pow(r->beta2, t) / c2;
        run->step = c1;
        run->root = pow(c2, 0.5);
        if (rho > 5.0) run->step2 = pow((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho), 0.5);
        break;
    }
    default: break;
    }
}

static pc_status step_items(int64_t count, const pc_optim_item *items)
{
    pc_status status = PC_OK;
    pc_runs runs = { 0 };
    prepared *p = pc_calloc((size_t)count + 1, sizeof *p);
    PC_CHECK(p != NULL, PC_ENOMEM, "out of memory for an optimizer step");
    PC_TRY(pc_runs_open(&runs, count));
    for (int64_t k = 0; k < count; k++) {
        PC_TRY(prepare(&items[k], &p[k]));
        runs.numel[k] = items[k].param->numel;
    }
    PC_TRY(pc_poll());
    pc_poll_hold();
    for (int64_t k = 0; k < count; k++) advance(&items[k], &p[k].run);
    status = pc_runs_each(&runs, run_chunk, p);
    for (int64_t k = 0; k < count; k++) {
        pc_tensor *all[5] = { items[k].param, NULL, items[k].state[0], items[k].state[1], items[k].state[2] };
        for (int s = 0; s < 5 && status == PC_OK; s++)
            if (all[s] != NULL && p[k].t[s] != all[s]) status = pc_copy(all[s], p[k].t[s]);
    }
    pc_poll_resume();
done:
    for (int64_t k = 0; k < count && p != NULL; k++) {
        for (int s = 0; s < 5; s++) pc_release(p[k].t[s]);
        pc_tensor_end_write(items[k].param, true);
    }
    pc_runs_close(&runs);
    pc_free(p);
    return status;
}

typedef struct span { uintptr_t begin, end; } span;

static int by_begin(const void *a, const void *b)
{
    const span *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* Sets *yes if two of the parameters share memory, or are one, listed twice. */
static pc_status any_overlap(int64_t count, const pc_optim_item *items, bool *yes)
{
    pc_status status = PC_OK;
    span *spans = pc_alloc((size_t)(count + 1) * sizeof *spans);
    PC_CHECK(spans != NULL, PC_ENOMEM, "out of memory for an optimizer step");
    for (int64_t k = 0; k < count; k++) {
        const pc_tensor *t = items[k].param;
        int64_t last = 0;
        PC_TRY(pc_tensor_settle(t));
        for (int d = 0; d < t->ndim; d++) last += (t->shape[d] - 1) * t->stride[d];
        spans[k].begin = (uintptr_t)pc_data(t);
        spans[k].end = spans[k].begin + (t->numel > 0 ? (uintptr_t)((last + 1) * pc_dtype_size(t->dtype)) : 0);
    }
    qsort(spans, (size_t)count, sizeof *spans, by_begin);
    for (int64_t k = 1; k < count; k++) *yes = *yes || spans[k].begin < spans[k - 1].end;
done:
    pc_free(spans);
    return status;
}

pc_status pc_optim_step(int64_t count, const pc_optim_item *items)
{
    pc_status status = PC_OK;
    bool overlap = false;
    PC_TRY(any_overlap(count, items, &overlap));
    if (!overlap) return step_items(count, items);
    PC_TRY(pc_poll());
    pc_poll_hold();
    for (int64_t k = 0; k < count && status == PC_OK; k++) status = step_items(1, &items[k]);
    pc_poll_resume();
done:
    return status;
}
