/* apply.c -- one call of an operator: settle, forward, record. */
#include "../autograd/autograd.h"
#include "../core/alloc.h"
#include "schema.h"
#include <pthread.h>
#include <string.h>

#define INLINE_INPUTS 8

pc_status pc_out(pc_call *c, int k, pc_dtype dtype, int ndim, const int64_t *shape, pc_tensor **out)
{
    pc_status status = PC_OK;
    if (c->inplace && k == 0) {
        pc_tensor *self = c->in[0];
        bool same = self->ndim == ndim && memcmp(self->shape, shape, (size_t)ndim * sizeof *shape) == 0;
        if (!same) {
            pc_tensor wanted = { .ndim = ndim };
            char have[200], want[200];
            memcpy(wanted.shape, shape, (size_t)ndim * sizeof *shape);
            PC_CHECK(false, PC_ESHAPE, "output with shape %s doesn't match the broadcast shape %s",
                     pc_shape_text(self, have), pc_shape_text(&wanted, want));
        }
        PC_CHECK(dtype == self->dtype || (pc_dtype_is_float(self->dtype) && dtype != PC_BOOL)
                     || (!pc_dtype_is_float(dtype) && self->dtype != PC_BOOL),
                 PC_ESHAPE, "result type %s can't be cast to the desired output type %s", pc_dtype_type_name(dtype),
                 pc_dtype_type_name(self->dtype));
        c->out[0] = pc_retain(self);
    } else {
        PC_TRY(pc_tensor_new(dtype, ndim, shape, &c->out[k]));
    }
    *out = c->out[k];
done:
    return status;
}

const char *pc_op_name(const pc_op *op)
{
    static _Thread_local char name[40];
    size_t n = strcspn(op->schema, ".(");
    if (n >= sizeof name) n = sizeof name - 1;
    memcpy(name, op->schema, n);
    name[n] = 0;
    return name;
}

/* What torch refuses before an in-place write: a leaf that collects a gradient, or a view of one. */
static pc_status check_inplace(const pc_op *op, const pc_tensor *self)
{
    pc_status status = PC_OK;
    PC_CHECK(self != NULL && !self->is_number, PC_ETYPE, "%s_(): the first argument must be a Tensor",
             pc_op_name(op));
    if (pc_grad_enabled()) {
        bool leaf_base = self->base != NULL && self->base->producer == NULL;
        PC_CHECK(!leaf_base || !(self->base->requires_grad || pc_requires_grad(self)), PC_ESHAPE,
                 "a view of a leaf Variable that requires grad is being used in an in-place operation.");
        PC_CHECK(!self->requires_grad || self->producer != NULL, PC_ESHAPE,
                 "a leaf Variable that requires grad is being used in an in-place operation. Use torch.no_grad() "
                 "around the write, or write to .data");
    }
done:
    return status;
}

/* ---- recording ---------------------------------------------------------------------------------- */

_Atomic(pc_recorder *) pc_recorder_anywhere;
static _Atomic(pthread_t) recorded_thread;

pc_recorder *pc_recorder_here(void)
{
    pc_recorder *r = atomic_load_explicit(&pc_recorder_anywhere, memory_order_acquire);
    return r == NULL || !pthread_equal(recorded_thread, pthread_self()) ? NULL : r;
}

pc_status pc_recording_begin(pc_recorder *r)
{
    if (atomic_load(&pc_recorder_anywhere) != NULL)
        return pc_fail(PC_ESHAPE, "calls are being recorded already: one trace at a time");
    atomic_store(&recorded_thread, pthread_self());
    atomic_store(&pc_recorder_anywhere, r);
    return PC_OK;
}

void pc_recording_end(void)
{
    atomic_store(&pc_recorder_anywhere, NULL);
}

/* ---- calls -------------------------------------------------------------------------------------- */

pc_status pc_op_apply(const pc_op *op, int nin, pc_tensor **in, const pc_value *v, bool inplace, int max_out,
                      pc_tensor **out, int *nout)
{
    pc_status status = PC_OK;
    pc_recorder *watcher = NULL;
    bool need_inline[INLINE_INPUTS] = { false }, *need = need_inline;
    uint32_t version_inline[INLINE_INPUTS], *versions = version_inline;
    void *heap = NULL;
    bool writing = false, refused = true;
    pc_call c = { .op = op, .nin = nin, .nout = max_out, .in = in, .out = out, .inplace = inplace,
                  .save = op->flags & PC_SAVE_MASK };
    for (int k = 0; k < max_out; k++) out[k] = NULL;
    if (nin > INLINE_INPUTS) {
        heap = pc_calloc((size_t)nin, sizeof *need + sizeof *versions);
        PC_CHECK(heap != NULL, PC_ENOMEM, "out of memory for the arguments of an operator");
        versions = heap;
        need = (bool *)(versions + nin);
    }
    c.need = need;
    if (v != NULL) memcpy(c.v, v, (size_t)pc_schema_of(op)->nvalues * sizeof *v);
    if ((inplace || !(op->flags & PC_NOGRAD)) && pc_grad_enabled()) /* a constant written in place ends a graph */
        for (int k = 0; k < nin; k++)
            if (in[k] != NULL && pc_requires_grad(in[k]) && pc_dtype_is_float(in[k]->dtype)) c.grad = need[k] = true;
    if ((watcher = pc_recording()) != NULL)
        PC_TRY(watcher->before(watcher, op, nin, in, v, inplace));
    if (inplace) {
        PC_TRY(check_inplace(op, in[0]));
        PC_TRY(op->flags & PC_PRIVATE_WRITE ? pc_tensor_begin_private_write(in[0])
               : op->flags & PC_FILLS       ? pc_tensor_begin_fill(in[0])
                                            : pc_tensor_begin_write(in[0]));
        writing = true;
    }
    for (int k = 0; k < nin; k++) {
        if (in[k] == NULL) continue;
        if (!(op->flags & (PC_PRIVATE | PC_VIEW))) PC_TRY(pc_tensor_settle(in[k]));
        versions[k] = in[k]->storage->version;
    }
    status = op->forward(&c);
    refused = status == PC_ESHAPE || status == PC_ETYPE; /* what is checked before anything is written */
    PC_TRY(status);
    for (c.nout = 0; c.nout < max_out && out[c.nout] != NULL;) c.nout++;
    if (c.grad && (inplace || out[0] != in[0])) PC_TRY(pc_record(&c, versions)); /* an input itself has its history */
    *nout = c.nout;
done:
    if (watcher != NULL) {
        pc_status noted = watcher->after(watcher, status == PC_OK ? c.nout : -1, out);
        if (status == PC_OK) status = noted;
    }
    if (writing) pc_tensor_end_write(in[0], !refused);
    for (int k = 0; k < 3; k++) pc_release(c.aux[k]);
    if (status != PC_OK)
        for (int k = 0; k < max_out; k++) {
            pc_release(out[k]);
            out[k] = NULL;
        }
    pc_free(heap);
    return status;
}
