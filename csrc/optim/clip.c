/* clip.c -- the norm of all gradients together, and bounding them. */
#include "optim.h"
#include "runs.h"
#include "../core/alloc.h"
#include "../kernels/kernels.h"
#include "../ops/copy.h"
#include <math.h>

typedef struct job {
    pc_tensor **t;   /* dense or contiguous, settled */
    double *partial; /* norm: of each chunk */
    int kind;
    double number;
} job;

static char *at_element(const pc_tensor *t, int64_t at) { return (char *)pc_data(t) + at * pc_dtype_size(t->dtype); }

static void norm_chunk(void *ctx, int64_t item, int64_t at, int64_t n, int64_t chunk)
{
    const job *j = ctx;
    const pc_tensor *t = j->t[item];
    j->partial[chunk] = (t->dtype == PC_F32 ? pc_k->f32_grad_norm : pc_k->f64_grad_norm)(at_element(t, at), n, j->kind);
}
static void scale_chunk(void *ctx, int64_t item, int64_t at, int64_t n, int64_t chunk)
{
    const job *j = ctx;
    const pc_tensor *t = j->t[item];
    (t->dtype == PC_F32 ? pc_k->f32_grad_scale : pc_k->f64_grad_scale)(at_element(t, at), n, j->number);
}
static void clamp_chunk(void *ctx, int64_t item, int64_t at, int64_t n, int64_t chunk)
{
    const job *j = ctx;
    const pc_tensor *t = j->t[item];
    (t->dtype == PC_F32 ? pc_k->f32_grad_clamp : pc_k->f64_grad_clamp)(at_element(t, at), n, j->number);
}

static pc_status for_all(int64_t count, pc_tensor *const *tensors, bool write, pc_run_fn fn, job *j)
{
    pc_status status = PC_OK;
    pc_runs runs = { 0 };
    bool held = false;
    j->t = pc_calloc((size_t)count + 1, sizeof *j->t);
    PC_CHECK(j->t != NULL, PC_ENOMEM, "out of memory for a list of %lld tensors", (long long)count);
    PC_TRY(pc_runs_open(&runs, count));
    for (int64_t k = 0; k < count; k++) {
        pc_tensor *t = tensors[k];
        PC_CHECK(t->dtype == PC_F32 || t->dtype == PC_F64, PC_ESHAPE, "gradients must be float32 or float64, got %s",
                 pc_dtype_name(t->dtype));
        runs.numel[k] = t->numel;
        if (write) PC_TRY(pc_tensor_begin_write(t));
        PC_TRY(pc_tensor_settle(t));
        if (pc_is_dense(t)) j->t[k] = pc_retain(t);
        else PC_TRY(pc_contiguous(t, &j->t[k]));
    }
    if (write) { /* all or none */
        PC_TRY(pc_poll());
        pc_poll_hold();
        held = true;
    }
    PC_TRY(pc_runs_each(&runs, fn, j));
    for (int64_t k = 0; k < count && write; k++)
        if (j->t[k] != tensors[k]) PC_TRY(pc_copy(tensors[k], j->t[k]));
done:
    for (int64_t k = 0; k < count && j->t != NULL; k++) pc_release(j->t[k]);
    pc_free(j->t);
    pc_runs_close(&runs);
    if (held) pc_poll_resume();
    return status;
}

/* The norm whose parts are given: sums of powers, or largest values. NaN stays. */
static double joined(const double *part, int64_t n, int kind, bool powers)
{
    double total = 0;
    for (int64_t k = 0; k < n; k++) {
        if (kind == 0) total = part[k] > total || isnan(part[k]) ? part[k] : total;
        else total += kind == 1 || powers ? part[k] : part[k] * part[k];
        if (isnan(total)) break;
    }
    return kind == 2 ? sqrt(total) : total;
}

pc_status pc_total_norm(int64_t count, pc_tensor *const *tensors, double p, double *out)
{
    pc_status status = PC_OK;
    job j = { .kind = isinf(p) ? 0 : (int)p };
    int64_t chunks = 0;
    double *norms = NULL;
    bool wide = false;
    PC_CHECK(p == 1 || p == 2 || p == INFINITY, PC_ENOTIMPL, "total norm: the order must be 1, 2 or inf, got %g", p);
    for (int64_t k = 0; k < count; k++) chunks += pc_run_chunks(tensors[k]->numel);
    j.partial = pc_alloc((size_t)(chunks + 1) * sizeof *j.partial);
    norms = pc_alloc((size_t)(count + 1) * sizeof *norms);
    PC_CHECK(j.partial != NULL && norms != NULL, PC_ENOMEM, "out of memory for norms");
    PC_TRY(for_all(count, tensors, false, norm_chunk, &j));
    for (int64_t k = 0, at = 0; k < count; k++) {
        int64_t n = pc_run_chunks(tensors[k]->numel);
        norms[k] = joined(j.partial + at, n, j.kind, true);
        if (tensors[k]->dtype == PC_F32) norms[k] = (double)(float)norms[k];
        else wide = true;
        at += n;
    }
    *out = joined(norms, count, j.kind, false);
    if (!wide) *out = (double)(float)*out;
done:
    pc_free(j.partial);
    pc_free(norms);
    return status;
}

pc_status pc_scale_all(int64_t count, pc_tensor *const *tensors, double by)
{
    job j = { .number = by };
    return for_all(count, tensors, true, scale_chunk, &j);
}

pc_status pc_clamp_all(int64_t count, pc_tensor *const *tensors, double limit)
{
    job j = { .number = limit };
    return for_all(count, tensors, true, clamp_chunk, &j);
}
