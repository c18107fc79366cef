/* elementwise.c -- planning and running loops over tensors of any strides. */
#include "elementwise.h"
#include "../core/parallel.h"
#include <string.h>

/* ---- order of dimensions ------------------------------------------------------------------------ */

/* torch's order: 1 when dimension a of memory order should come after b, -1 before, 0 undecided. */
static int compare_dims(int nops, const int64_t stride[][PC_MAX_DIMS], const int64_t *shape, int a, int b)
{
    for (int k = 0; k < nops; k++) {
        int64_t sa = stride[k][a], sb = stride[k][b];
        if (sa == 0 || sb == 0) continue;
        if (sa != sb) return sa < sb ? -1 : 1;
        if (shape[a] > shape[b]) return 1;
    }
    return 0;
}

/* perm: dimensions from the innermost outwards, by an insertion sort that keeps undecided neighbours in place. */
static void order_dims(int nops, const int64_t stride[][PC_MAX_DIMS], int ndim, const int64_t *shape, int *perm)
{
    for (int i = 0; i < ndim; i++) perm[i] = ndim - 1 - i;
    for (int i = 1; i < ndim; i++) {
        int at = i;
        for (int j = i - 1; j >= 0; j--) {
            int order = compare_dims(nops, stride, shape, perm[j], perm[at]);
            if (order < 0) break;
            if (order > 0) {
                int swap = perm[j];
                perm[j] = perm[at];
                perm[at] = swap;
                at = j;
            }
        }
    }
}

void pc_dense_strides(const pc_tensor *t, int64_t *stride)
{
    int perm[PC_MAX_DIMS];
    int64_t step = 1;
    if (pc_is_dense(t)) {
        memcpy(stride, t->stride, sizeof t->stride);
        return;
    }
    order_dims(1, (const int64_t(*)[PC_MAX_DIMS])t->stride, t->ndim, t->shape, perm);
    for (int i = 0; i < t->ndim; i++) {
        stride[perm[i]] = step;
        if (t->shape[perm[i]] > 1) step *= t->shape[perm[i]];
    }
}

/* ---- loops -------------------------------------------------------------------------------------- */

/* Drop dimensions of one element and merge neighbours that are one run in every operand. */
static void coalesce(pc_loop *l)
{
    int last = -1;
    for (int i = 0; i < l->ndim; i++) {
        bool merge = last >= 0;
        if (l->shape[i] == 1) continue;
        for (int k = 0; k < l->nops && merge; k++) merge = l->stride[k][i] == l->stride[k][last] * l->shape[last];
        if (merge) {
            l->shape[last] *= l->shape[i];
            continue;
        }
        last++;
        l->shape[last] = l->shape[i];
        for (int k = 0; k < l->nops; k++) l->stride[k][last] = l->stride[k][i];
    }
    l->ndim = last + 1;
}

void pc_loop_plan(pc_loop *l, int nops, pc_tensor *const *t)
{
    const pc_tensor *dst = t[0];
    int64_t stride[PC_LOOP_MAX][PC_MAX_DIMS];
    int perm[PC_MAX_DIMS];
    bool flat = true;

    l->nops = nops;
    l->numel = dst->numel;
    for (int k = 0; k < nops; k++) {
        l->data[k] = t[k] != NULL ? pc_data(t[k]) : NULL;
        flat = flat && (t[k] == NULL || t[k]->numel == 1 || (t[k]->numel == dst->numel && pc_is_contiguous(t[k])));
    }
    if (flat) { /* each operand is one run or one element; equal counts mean equal extents up to ones */
        l->ndim = 1;
        l->shape[0] = dst->numel;
        for (int k = 0; k < nops; k++)
            l->stride[k][0] = t[k] == NULL || (t[k]->numel == 1 && dst->numel != 1) ? 0 : pc_dtype_size(t[k]->dtype);
        return;
    }
    for (int k = 0; k < nops; k++) {
        int lead = dst->ndim - (t[k] != NULL ? t[k]->ndim : 0);
        for (int i = 0; i < dst->ndim; i++) {
            int j = i - lead;
            bool spread = t[k] == NULL || j < 0 || (t[k]->shape[j] == 1 && dst->shape[i] != 1);
            stride[k][i] = spread ? 0 : t[k]->stride[j] * pc_dtype_size(t[k]->dtype);
        }
    }
    order_dims(nops, (const int64_t(*)[PC_MAX_DIMS])stride, dst->ndim, dst->shape, perm);
    l->ndim = dst->ndim;
    for (int i = 0; i < dst->ndim; i++) {
        l->shape[i] = dst->shape[perm[i]];
        for (int k = 0; k < nops; k++) l->stride[k][i] = stride[k][perm[i]];
    }
    coalesce(l);
}

typedef struct loop_job {
    const pc_loop *l;
    pc_row_fn row;
    const pc_row_args *args;
} loop_job;

/* Elements [begin, end) of the walk, in rows of the innermost dimension. */
static pc_status run_range(void *ctx, int64_t begin, int64_t end)
{
    const loop_job *job = ctx;
    const pc_loop *l = job->l;
    int64_t index[PC_MAX_DIMS] = { 0 }, inner[PC_LOOP_MAX] = { 0 }, left = end - begin;
    char *data[PC_LOOP_MAX] = { 0 }, *row[PC_LOOP_MAX];

    for (int k = 0; k < l->nops; k++) {
        data[k] = l->data[k];
        inner[k] = l->ndim > 0 ? l->stride[k][0] : 0;
    }
    for (int i = 0; i < l->ndim && begin > 0; i++) {
        index[i] = begin % l->shape[i];
        begin /= l->shape[i];
        for (int k = 0; k < l->nops; k++) data[k] += index[i] * l->stride[k][i];
    }
    while (left > 0) {
        int64_t n = l->ndim > 0 ? l->shape[0] - index[0] : 1;
        if (n > left) n = left;
        memcpy(row, data, sizeof row);
        job->row(job->args, n, row, inner);
        left -= n;
        if (left == 0) break;
        for (int k = 0; k < l->nops; k++) data[k] -= index[0] * inner[k];
        index[0] = 0;
        for (int i = 1; i < l->ndim; i++) {
            for (int k = 0; k < l->nops; k++) data[k] += l->stride[k][i];
            if (++index[i] < l->shape[i]) break;
            for (int k = 0; k < l->nops; k++) data[k] -= index[i] * l->stride[k][i];
            index[i] = 0;
        }
    }
    return PC_OK;
}

pc_status pc_loop_run(const pc_loop *l, int64_t grain, pc_row_fn row, const pc_row_args *args)
{
    loop_job job = { l, row, args };
    if (l->numel == 0) return PC_OK;
    if (l->numel > grain) return pc_parallel_for(l->numel, grain, run_range, &job);
    if (l->ndim <= 1) {
        int64_t stride[PC_LOOP_MAX];
        for (int k = 0; k < l->nops; k++) stride[k] = l->ndim == 1 ? l->stride[k][0] : 0;
        row(args, l->numel, l->data, stride);
        return PC_OK;
    }
    return run_range(&job, 0, l->numel);
}
