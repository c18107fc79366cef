/* graph.c -- recording: nodes, edges, hooks, writes in place, and writes through views. */
#include "../core/alloc.h"
#include "../ops/copy.h"
#include "node.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static _Thread_local bool grad_off;
static _Atomic uint64_t next_sequence;
static _Atomic int64_t next_hook_id;

bool pc_grad_enabled(void) { return !grad_off; }
void pc_set_grad_enabled(bool on) { grad_off = !on; }

/* ---- nodes -------------------------------------------------------------------------------------- */

static size_t aligned(size_t bytes) { return (bytes + 15) & ~(size_t)15; }

static pc_status node_new(const pc_call *c, pc_node **out)
{
    size_t nin = (size_t)c->nin, nout = (size_t)c->nout;
    size_t at_edges = aligned(sizeof(pc_node)), at_outputs = at_edges + aligned(nin * sizeof(pc_edge));
    size_t at_in = at_outputs + aligned(nout * sizeof(pc_node_output)), at_out = at_in + aligned(nin * sizeof(void *));
    size_t at_need = at_out + aligned(nout * sizeof(void *)), total = at_need + nin * sizeof(bool);
    char *block = pc_calloc(1, total);
    if (block == NULL) return pc_fail(PC_ENOMEM, "out of memory for the graph");
    pc_node *n = (pc_node *)block;
    atomic_init(&n->refs, 1);
    n->sequence = atomic_fetch_add_explicit(&next_sequence, 1, memory_order_relaxed) + 1;
    n->call = *c;
    n->edges = (pc_edge *)(block + at_edges);
    n->outputs = (pc_node_output *)(block + at_outputs);
    n->call.in = (pc_tensor **)(block + at_in);
    n->call.out = (pc_tensor **)(block + at_out);
    n->call.need = (bool *)(block + at_need);
    for (size_t k = 0; k < nin; k++) n->call.need[k] = c->need[k];
    memset(n->call.aux, 0, sizeof n->call.aux);
    n->call.user = NULL;
    *out = n;
    return PC_OK;
}

void pc_node_retain(pc_node *n)
{
    if (n != NULL) atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
}

static void hooks_free(pc_hook *h)
{
    while (h != NULL) {
        pc_hook *next = h->next;
        if (h->release != NULL) h->release(h->ctx);
        pc_free(h);
        h = next;
    }
}

/* Let go of an alias's values, keeping its shape: a second reverse pass may still want that. */
static void drop_values(pc_tensor **alias)
{
    pc_tensor *t = *alias, *shape = NULL;
    if (t == NULL || t->storage == NULL) return;
    if (atomic_load(&t->refs) == 1) {
        pc_tensor_drop_storage(t);
    } else if (pc_tensor_shape_only(t, &shape) == PC_OK) { /* backward has handed the alias itself on */
        pc_release(t);
        *alias = shape;
    }
}

void pc_node_free_saved(pc_node *n)
{
    pc_call *c = &n->call;
    if (n->slice != NULL && n->slice->inner != NULL) { /* a write through a view runs once */
        pc_node_free_saved(n->slice->inner);
        n->freed = true;
    }
    if (!n->has_saved) return;
    for (int k = 0; k < c->nin; k++) drop_values(&c->in[k]);
    for (int k = 0; k < c->nout; k++) drop_values(&c->out[k]);
    for (int k = 0; k < 3; k++) {
        pc_release(c->aux[k]);
        c->aux[k] = NULL;
    }
    n->freed = true;
}

/* A long graph dies without recursion: nodes whose count reaches zero while another is being freed wait in a list. */
void pc_node_release(pc_node *n)
{
    static _Thread_local pc_node *dead;
    static _Thread_local bool draining;
    if (n == NULL || atomic_fetch_sub_explicit(&n->refs, 1, memory_order_acq_rel) != 1) return;
    n->next_dead = dead;
    dead = n;
    if (draining) return;
    draining = true;
    while ((n = dead) != NULL) {
        dead = n->next_dead;
        for (int k = 0; k < n->call.nin; k++) {
            pc_release(n->call.in[k]);
            pc_node_release(n->edges[k].node);
            pc_release(n->edges[k].leaf);
        }
        for (int k = 0; k < n->call.nout; k++) {
            pc_release(n->call.out[k]);
            hooks_free(n->outputs[k].hooks);
        }
        for (int k = 0; k < 3; k++) pc_release(n->call.aux[k]);
        if (n->call.user != NULL) n->call.user_release(n->call.user);
        if (n->slice != NULL) {
            pc_release(n->slice->base);
            pc_release(n->slice->view);
            pc_node_release(n->slice->inner);
            pc_free(n->slice);
        }
        pc_free(n);
    }
    draining = false;
}

void pc_graph_release(pc_tensor *t)
{
    if (t->producer != NULL) {
        pc_node_output *o = &t->producer->outputs[t->producer_slot];
        if (o->retained == t) o->retained = NULL;
        pc_node_release(t->producer);
        t->producer = NULL;
    }
    hooks_free(t->hooks);
    t->hooks = NULL;
}

const char *pc_node_name(const pc_node *n)
{
    static _Thread_local char name[40];
    size_t length = strcspn(n->call.op->schema, ".(");
    snprintf(name, sizeof name, "%.*s%s", (int)length, n->call.op->schema, n->call.inplace ? "_" : "");
    return name;
}

int pc_node_inputs(const pc_node *n) { return n->call.nin; }
const pc_call *pc_node_call(const pc_node *n) { return &n->call; }

pc_node *pc_node_next(const pc_node *n, int k, pc_tensor **leaf)
{
    *leaf = n->edges[k].leaf;
    return n->edges[k].node;
}

/* "[torch.FloatTensor [3]] ... modified by an inplace operation" if a saved tensor has changed since. */
static pc_status check_versions(const pc_node *n)
{
    pc_status status = PC_OK;
    const pc_call *c = &n->call;
    for (int k = 0; k < c->nin + c->nout; k++) {
        const pc_tensor *t = k < c->nin ? c->in[k] : c->out[k - c->nin];
        if (t == NULL || t->storage == NULL) continue;
        uint32_t version = atomic_load_explicit(&t->storage->version, memory_order_relaxed);
        char shape[200];
        PC_CHECK(version == t->saved_version, PC_ESHAPE,
                 "one of the variables needed for gradient computation has been modified by an inplace operation: "
                 "[torch.%sTensor %s], which is %s %d of %s, is at version %" PRIu32 "; expected version %" PRIu32
                 " instead. Hint: clone() it before the write, or write out of place.",
                 pc_dtype_type_name(t->dtype), pc_shape_text(t, shape), k < c->nin ? "input" : "output",
                 k < c->nin ? k : k - c->nin, pc_node_name(n), version, t->saved_version);
    }
done:
    return status;
}

/* ---- recording ---------------------------------------------------------------------------------- */

static pc_status save(const pc_tensor *t, bool values, uint32_t version, pc_tensor **out)
{
    if (t == NULL) return PC_OK;
    pc_status status = values ? pc_tensor_alias(t, out) : pc_tensor_shape_only(t, out);
    if (status != PC_OK) return status;
    if (values) pc_tensor_mark_saved(*out);
    (*out)->saved_version = version;
    (*out)->is_number = t->is_number;
    return PC_OK;
}

static pc_status edge_to(pc_tensor *t, pc_edge *e)
{
    pc_node *producer = NULL;
    pc_status status = pc_tensor_producer(t, &producer);
    if (status != PC_OK) return status;
    if (producer != NULL) {
        pc_node_retain(producer);
        e->node = producer;
        e->slot = t->producer_slot;
    } else if (t->requires_grad) {
        e->leaf = pc_retain(t);
    }
    return PC_OK;
}

static void set_producer(pc_tensor *t, pc_node *n, int slot)
{
    pc_node *old = t->producer;
    if (t->retains_grad && old != NULL && old->outputs[t->producer_slot].retained == t) {
        old->outputs[t->producer_slot].retained = NULL;
        n->outputs[slot].retained = t;
    }
    pc_node_retain(n);
    t->producer = n;
    t->producer_slot = slot;
    pc_node_release(old);
}

/* ---- writes through views ----------------------------------------------------------------------- */

static pc_status slice_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin);
static const pc_op slice_row = { "as_strided(Tensor self) -> Tensor", NULL, slice_backward, 0, "A view of its base." };
static const pc_op copy_slice_row = { "copy_slices(Tensor self) -> Tensor", NULL, slice_backward, 0,
                                      "A write through a view of its base." };

static pc_status slice_new(const pc_op *row, pc_node *inner, const pc_tensor *base, const pc_tensor *view,
                           pc_node **out)
{
    pc_status status = PC_OK;
    bool need_base = true;
    pc_node *n = NULL;
    pc_call c = { .op = row, .nin = inner != NULL ? inner->call.nin : 1, .nout = 1,
                  .need = inner != NULL ? inner->call.need : &need_base, .grad = true };
    PC_TRY(node_new(&c, &n));
    n->call.need[0] = true;
    n->slice = pc_calloc(1, sizeof *n->slice);
    PC_CHECK(n->slice != NULL, PC_ENOMEM, "out of memory for the graph");
    PC_TRY(pc_tensor_shape_only(base, &n->slice->base));
    PC_TRY(pc_tensor_shape_only(view, &n->slice->view));
    n->slice->view->offset = view->offset - base->offset;
    n->slice->inner = inner;
    pc_node_retain(inner);
    *out = n;
    n = NULL;
done:
    pc_node_release(n);
    return status;
}

static pc_status slice_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    (void)c, (void)gout, (void)gin;
    return pc_fail(PC_EVALUE, "internal: a slice runs through pc_node_backward");
}

/* Memory for a tensor with the base's shape and strides, gaps included (an array's every other column has them). */
static pc_status new_like_base(const pc_tensor *base, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *memory = NULL, *view = NULL;
    int64_t span = base->numel > 0 ? 1 : 0;
    if (pc_is_dense(base)) return pc_tensor_new_strided(base->dtype, base->ndim, base->shape, base->stride, out);
    for (int d = 0; d < base->ndim && base->numel > 0; d++) span += (base->shape[d] - 1) * base->stride[d];
    PC_TRY(pc_tensor_new(base->dtype, 1, &span, &memory));
    PC_TRY(pc_tensor_view(memory, base->ndim, base->shape, base->stride, 0, &view));
    PC_TRY(pc_tensor_alias(view, out));
done:
    pc_release(view);
    pc_release(memory);
    return status;
}

/* The base's gradient is the output's; where the view lies, it is what the inner operation passes on. For a plain
   view it is zero but there. */
static pc_status slice_run(const pc_node *n, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    const pc_tensor *base = n->slice->base, *view = n->slice->view;
    pc_node *inner = n->slice->inner;
    pc_tensor *whole = NULL, *part = NULL, *g = NULL;
    PC_TRY(new_like_base(base, &whole));
    PC_TRY(pc_tensor_view(whole, view->ndim, view->shape, view->stride, view->offset, &part));
    if (inner == NULL) {
        PC_TRY(pc_fill(whole, (pc_value){ .kind = PC_INT, .i = 0 }));
        PC_TRY(pc_may_overlap(part) ? pc_add_overlapping(part, gout[0]) : pc_copy(part, gout[0]));
    } else {
        PC_TRY(pc_copy(whole, gout[0]));
        PC_TRY(pc_contiguous(part, &g));
        if (g == part || g->storage == part->storage) { /* the inner operation must not see what we write below */
            pc_release(g);
            g = NULL;
            PC_TRY(pc_tensor_new(part->dtype, part->ndim, part->shape, &g));
            PC_TRY(pc_copy(g, part));
        }
        PC_TRY(pc_node_backward(inner, false, false, &g, gin));
        if (gin[0] != NULL) PC_TRY(pc_copy(part, gin[0]));
        else PC_TRY(pc_fill(part, (pc_value){ .kind = PC_INT, .i = 0 }));
        pc_release(gin[0]);
    }
    gin[0] = whole;
    whole = NULL;
done:
    pc_release(g);
    pc_release(part);
    pc_release(whole);
    return status;
}

pc_status pc_node_check(const pc_node *n)
{
    pc_status status = PC_OK;
    PC_CHECK(!n->freed, PC_ESHAPE,
             "Trying to backward through the graph a second time (or directly access saved tensors after they have "
             "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
             "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if "
             "you need to access saved tensors after calling backward.");
    PC_TRY(check_versions(n));
done:
    return status;
}

pc_status pc_node_backward(const pc_node *n, bool relu_apart, bool relu_after, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_call c;
    PC_TRY(pc_node_check(n));
    if (n->slice != NULL) return slice_run(n, gout, gin);
    if (n->call.op->flags & PC_NOGRAD) goto done; /* written in place: nothing of what was there is left */
    PC_CHECK(n->call.op->backward != NULL, PC_ENOTIMPL, "derivative for %s is not implemented", pc_node_name(n));
    for (int k = 0; k < n->call.nin + n->call.nout; k++) {
        const pc_tensor *t = k < n->call.nin ? n->call.in[k] : n->call.out[k - n->call.nin];
        if (t != NULL && t->storage != NULL) PC_TRY(pc_tensor_keep(t));
    }
    c = n->call;
    c.relu_folded = c.relu_folded && !relu_apart;
    c.relu_after = relu_after;
    PC_TRY(c.op->backward(&c, gout, gin));
done:
    return status;
}

/* view, just written by inner, and its base: the base's new producer is the write, the view's a view of that. */
static pc_status rebase(pc_node *inner, pc_tensor *view)
{
    pc_status status = PC_OK;
    pc_tensor *base = view->base;
    pc_node *write = NULL, *again = NULL;
    PC_TRY(slice_new(&copy_slice_row, inner, base, view, &write));
    PC_TRY(edge_to(base, &write->edges[0]));
    for (int k = 1; k < inner->call.nin; k++) {
        write->edges[k] = inner->edges[k];
        pc_node_retain(write->edges[k].node);
        pc_retain(write->edges[k].leaf);
    }
    PC_TRY(slice_new(&slice_row, NULL, base, view, &again));
    set_producer(base, write, 0);
    base->history++;
    PC_TRY(edge_to(base, &again->edges[0]));
    set_producer(view, again, 0);
    view->base_history = base->history;
done:
    pc_node_release(write);
    pc_node_release(again);
    return status;
}

pc_status pc_tensor_producer(pc_tensor *t, pc_node **out)
{
    pc_status status = PC_OK;
    pc_node *again = NULL;
    if (t->base != NULL && t->base_history != t->base->history && pc_grad_enabled() && pc_requires_grad(t->base)) {
        PC_TRY(slice_new(&slice_row, NULL, t->base, t, &again));
        PC_TRY(edge_to(t->base, &again->edges[0]));
        set_producer(t, again, 0);
        t->base_history = t->base->history;
    }
    *out = t->producer;
done:
    pc_node_release(again);
    return status;
}

/* ---- record ------------------------------------------------------------------------------------- */

pc_status pc_record(pc_call *c, const uint32_t *versions)
{
    pc_status status = PC_OK;
    pc_node *n = NULL;
    PC_TRY(node_new(c, &n));
    for (int k = 0; k < c->nin; k++) {
        if (c->in[k] == NULL) continue;
        bool values = k < 8 && (c->save >> k & 1);
        /* what an in-place operation has overwritten can no longer be read: its version is the one before */
        bool overwritten = c->inplace && c->in[k]->storage == c->in[0]->storage;
        PC_TRY(save(c->in[k], values, versions[k] - overwritten, &n->call.in[k]));
        n->has_saved = n->has_saved || values;
        if (values && c->takes_relu) n->call.in[k]->saved_writes = pc_tensor_writes(c->in[k]);
        if (c->need[k]) PC_TRY(edge_to(c->in[k], &n->edges[k]));
    }
    for (int k = 0; k < c->nout; k++) {
        bool values = k < 2 && (c->save >> (8 + k) & 1);
        PC_TRY(pc_poll_at(k));
        PC_TRY(save(c->out[k], values, atomic_load(&c->out[k]->storage->version), &n->call.out[k]));
        n->has_saved = n->has_saved || values;
    }
    for (int k = 0; k < 3; k++) {
        n->call.aux[k] = c->aux[k];
        n->has_saved = n->has_saved || c->aux[k] != NULL;
        c->aux[k] = NULL;
    }
    n->call.user = c->user;
    c->user = NULL;
    if (c->inplace && c->out[0]->base != NULL) {
        PC_TRY(rebase(n, c->out[0]));
    } else {
        for (int k = 0; k < c->nout; k++)
            if (pc_dtype_is_float(c->out[k]->dtype)) set_producer(c->out[k], n, k);
        if (c->inplace) c->out[0]->history++;
    }
done:
    pc_node_release(n);
    return status;
}

/* ---- hooks -------------------------------------------------------------------------------------- */

pc_status pc_hook_add(pc_tensor *t, bool after_accumulate, pc_hook_fn call, void (*release)(void *), void *ctx,
                      int64_t *id)
{
    pc_status status = PC_OK;
    pc_node *producer = NULL;
    pc_hook *h = NULL, **at;
    PC_TRY(pc_tensor_producer(t, &producer));
    h = pc_calloc(1, sizeof *h);
    PC_CHECK(h != NULL, PC_ENOMEM, "out of memory for a hook");
    *h = (pc_hook){ NULL, atomic_fetch_add(&next_hook_id, 1), after_accumulate, call, release, ctx };
    *id = h->id;
    for (at = producer != NULL ? &producer->outputs[t->producer_slot].hooks : &t->hooks; *at != NULL;)
        at = &(*at)->next;
    *at = h;
done:
    return status;
}

void pc_hook_remove(pc_tensor *t, int64_t id)
{
    pc_hook **at = t->producer != NULL ? &t->producer->outputs[t->producer_slot].hooks : &t->hooks;
    for (; *at != NULL; at = &(*at)->next)
        if ((*at)->id == id) {
            pc_hook *h = *at;
            *at = h->next;
            h->next = NULL;
            hooks_free(h);
            return;
        }
}

pc_status pc_retain_grad(pc_tensor *t)
{
    pc_node *producer = NULL;
    pc_status status = pc_tensor_producer(t, &producer);
    if (status != PC_OK || producer == NULL) return status;
    t->retains_grad = true;
    producer->outputs[t->producer_slot].retained = t;
    return PC_OK;
}
