/* engine.c -- the reverse pass: nodes in descending order of their sequence number, which is an order in which every
   node comes after all that read its results. State lives in the run, so threads may share a graph. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../ops/copy.h"
#include "node.h"
#include <string.h>

/* A node that has received a gradient. */
typedef struct pending {
    pc_node *node;     /* owned */
    bool relu_after;   /* the gradient is that of a ReLU of the output, whose node has been passed by */
    pc_tensor **gout;  /* owned; call.nout of them */
} pending;

typedef struct run {
    pending *items;      /* a max-heap by sequence */
    int64_t count, room;
    int64_t *table;      /* hash of node -> 1 + position in the heap; 0: free */
    int64_t slots;       /* a power of two */
    int n_inputs;        /* > 0: gradients of these are returned */
    pc_tensor *const *inputs;
    pc_node **input_nodes;
    pc_tensor **grads;
} run;

static int64_t slot_of(const run *r, const pc_node *n)
{
    uint64_t h = ((uint64_t)(uintptr_t)n >> 4) * 0x9E3779B97F4A7C15u;
    int64_t k = (int64_t)(h >> 20) & (r->slots - 1);
    while (r->table[k] != 0 && r->items[r->table[k] - 1].node != n) k = (k + 1) & (r->slots - 1);
    return k;
}

/* The table is rebuilt when an entry leaves, cheaply: by moving the cluster behind it. */
static void table_remove(run *r, int64_t k)
{
    r->table[k] = 0;
    for (int64_t j = (k + 1) & (r->slots - 1); r->table[j] != 0; j = (j + 1) & (r->slots - 1)) {
        int64_t at = r->table[j];
        r->table[j] = 0;
        r->table[slot_of(r, r->items[at - 1].node)] = at;
    }
}

static void swap(run *r, int64_t a, int64_t b)
{
    int64_t ka = slot_of(r, r->items[a].node), kb = slot_of(r, r->items[b].node);
    pending item = r->items[a];
    r->items[a] = r->items[b];
    r->items[b] = item;
    r->table[ka] = b + 1;
    r->table[kb] = a + 1;
}

static void sift_up(run *r, int64_t k)
{
    for (; k > 0 && r->items[(k - 1) / 2].node->sequence < r->items[k].node->sequence; k = (k - 1) / 2)
        swap(r, k, (k - 1) / 2);
}

static void sift_down(run *r)
{
    for (int64_t k = 0;;) {
        int64_t best = 2 * k + 1;
        if (best >= r->count) return;
        if (best + 1 < r->count && r->items[best + 1].node->sequence > r->items[best].node->sequence) best++;
        if (r->items[best].node->sequence <= r->items[k].node->sequence) return;
        swap(r, k, best);
        k = best;
    }
}

static pc_status grow(run *r)
{
    pc_status status = PC_OK;
    int64_t room = r->room > 0 ? 2 * r->room : 16;
    pending *items = pc_calloc((size_t)room, sizeof *items);
    int64_t *table = pc_calloc((size_t)room * 4, sizeof *table);
    PC_CHECK(items != NULL && table != NULL, PC_ENOMEM, "out of memory for the reverse pass");
    if (r->count > 0) memcpy(items, r->items, (size_t)r->count * sizeof *items);
    pc_free(r->items);
    pc_free(r->table);
    r->items = items;
    r->table = table;
    r->room = room;
    r->slots = room * 4;
    for (int64_t k = 0; k < r->count; k++) r->table[slot_of(r, items[k].node)] = k + 1;
    items = NULL;
    table = NULL;
done:
    pc_free(items);
    pc_free(table);
    return status;
}

/* Is t the only owner of its values, so that they may be added to? */
static bool exclusive(const pc_tensor *t)
{
    return atomic_load(&t->refs) == 1 && t->base == NULL && atomic_load(&t->storage->refs) == 1 && !t->storage->foreign
           && !atomic_load(&t->storage->linked);
}

static pc_status own_copy(const pc_tensor *g, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *copy = NULL;
    if (pc_is_dense(g)) return pc_clone(g, out); /* in the layout that its values stand in */
    PC_TRY(pc_tensor_new(g->dtype, g->ndim, g->shape, &copy));
    PC_TRY(pc_copy(copy, g));
    *out = copy;
    copy = NULL;
done:
    pc_release(copy);
    return status;
}

/* *slot += g; g stays the caller's. */
static pc_status add_to(pc_tensor **slot, pc_tensor *g)
{
    pc_status status = PC_OK;
    if (*slot == NULL) {
        *slot = pc_retain(g);
        return PC_OK;
    }
    if (!exclusive(*slot)) {
        pc_tensor *copy = NULL;
        PC_TRY(own_copy(*slot, &copy));
        pc_release(*slot);
        *slot = copy;
    }
    PC_TRY(pc_accumulate(*slot, g));
done:
    return status;
}

static pc_status send(run *r, pc_node *n, int slot, pc_tensor *g)
{
    pc_status status = PC_OK;
    if (r->slots == 0 || r->count + 1 > r->room) PC_TRY(grow(r));
    int64_t k = slot_of(r, n);
    if (r->table[k] == 0) {
        pc_tensor **gout = pc_calloc((size_t)n->call.nout, sizeof *gout);
        PC_CHECK(gout != NULL, PC_ENOMEM, "out of memory for the reverse pass");
        pc_node_retain(n);
        r->items[r->count] = (pending){ .node = n, .gout = gout };
        r->table[k] = ++r->count;
        PC_TRY(add_to(&gout[slot], g));
        sift_up(r, r->count - 1);
    } else {
        PC_TRY(add_to(&r->items[r->table[k] - 1].gout[slot], g));
    }
done:
    return status;
}

static pc_status run_hooks(pc_hook *h, bool after_accumulate, pc_tensor **g)
{
    pc_status status = PC_OK;
    while (h != NULL && status == PC_OK) {
        pc_hook *next = h->next;
        if (h->after_accumulate == after_accumulate) status = h->call(h->ctx, g);
        h = next;
    }
    return status;
}

static pc_status keep_grad(pc_tensor *t, pc_tensor *g)
{
    pc_status status = PC_OK;
    pc_tensor *copy = NULL;
    PC_TRY(own_copy(g, &copy));
    if (t->grad != NULL) PC_TRY(pc_accumulate(copy, t->grad));
    pc_release(t->grad);
    t->grad = copy;
    copy = NULL;
done:
    pc_release(copy);
    return status;
}

/* Into a leaf's .grad, or into what autograd.grad() returns. Takes g, which may be the only owner of its values. */
static pc_status into_leaf(run *r, pc_tensor *leaf, pc_tensor *g)
{
    pc_status status = PC_OK;
    PC_TRY(run_hooks(leaf->hooks, false, &g));
    if (r->n_inputs > 0) {
        for (int k = 0; k < r->n_inputs; k++)
            if (r->inputs[k] == leaf) PC_TRY(add_to(&r->grads[k], g));
        goto done;
    }
    if (leaf->grad == NULL) {
        bool fits = exclusive(g) && pc_is_contiguous(g) == pc_is_contiguous(leaf);
        if (fits) {
            leaf->grad = g;
            g = NULL;
        } else {
            PC_TRY(own_copy(g, &leaf->grad));
        }
    } else {
        PC_TRY(pc_tensor_begin_write(leaf->grad));
        PC_TRY(pc_accumulate(leaf->grad, g));
    }
    PC_TRY(run_hooks(leaf->hooks, true, &leaf));
done:
    pc_release(g);
    return status;
}

/* Does somebody want the gradient of this node's output itself? */
static bool is_watched(const run *r, const pc_node *n)
{
    if (n->outputs[0].hooks != NULL || n->outputs[0].retained != NULL) return true;
    for (int k = 0; k < r->n_inputs; k++)
        if (r->input_nodes[k] == n) return true;
    return false;
}

/* A ReLU need not run when the only operation that it read can apply the mask on its own way over the gradient: if it
   reads what it read forward. Writes through .data leave versions as they are. */
static bool may_pass_by(const run *r, const pc_node *n)
{
    const pc_node *from = n->edges[0].node;
    if (!(n->call.op->flags & PC_MASK) || from == NULL || !from->call.takes_relu || from->slice != NULL
        || atomic_load(&from->refs) != 1 || is_watched(r, from))
        return false;
    for (int k = 0; k < from->call.nin; k++) {
        const pc_tensor *t = from->call.in[k];
        if (t != NULL && t->storage != NULL && pc_tensor_writes(t) != t->saved_writes) return false;
    }
    return true;
}

/* Everything about one node whose gradients are complete. */
static pc_status process(run *r, pending *item, bool retain)
{
    pc_status status = PC_OK;
    pc_node *n = item->node;
    pc_call *c = &n->call;
    pc_tensor *inline_gin[8] = { NULL }, **gin = inline_gin, *g = NULL;
    bool folded = c->relu_folded, apart = false;
    for (int k = 0; k < c->nout; k++) {
        if (item->gout[k] == NULL) continue;
        PC_TRY(run_hooks(n->outputs[k].hooks, false, &item->gout[k]));
        if (n->outputs[k].retained != NULL) PC_TRY(keep_grad(n->outputs[k].retained, item->gout[k]));
        for (int j = 0; j < r->n_inputs; j++)
            if (r->input_nodes[j] == n && r->inputs[j]->producer_slot == k) PC_TRY(add_to(&r->grads[j], item->gout[k]));
        if (!(c->op->flags & PC_PRIVATE)) PC_TRY(pc_tensor_settle(item->gout[k]));
    }
    if (may_pass_by(r, n)) {
        pc_node *from = n->edges[0].node;
        PC_TRY(pc_node_check(n));
        PC_TRY(send(r, from, n->edges[0].slot, item->gout[0]));
        r->items[r->table[slot_of(r, from)] - 1].relu_after = true;
        if (!retain) pc_node_free_saved(n);
        goto done;
    }
    if (c->nin > 8) {
        gin = pc_calloc((size_t)c->nin, sizeof *gin);
        PC_CHECK(gin != NULL, PC_ENOMEM, "out of memory for the reverse pass");
    }
    /* A consumer that has folded a ReLU applies its mask and passes the node of relu by, unless it is watched. */
    pc_node *relu = folded ? n->edges[0].node : NULL;
    if (folded && (relu == NULL || is_watched(r, relu))) {
        apart = true;
        relu = NULL;
    }
    PC_TRY(pc_node_backward(n, apart, item->relu_after, item->gout, gin));
    if (!retain) pc_node_free_saved(n);
    for (int k = 0; k < c->nin; k++) {
        pc_edge *e = k == 0 && relu != NULL ? &relu->edges[0] : &n->edges[k];
        if (gin[k] == NULL) continue;
        g = gin[k];
        gin[k] = NULL;
        if (e->node != NULL) {
            PC_TRY(send(r, e->node, e->slot, g));
            pc_release(g);
        } else if (e->leaf != NULL) {
            pc_tensor *taken = g;
            g = NULL;
            PC_TRY(into_leaf(r, e->leaf, taken));
        } else {
            pc_release(g);
        }
        g = NULL;
    }
done:
    pc_release(g);
    for (int k = 0; k < c->nin && gin != NULL; k++) pc_release(gin[k]);
    if (gin != inline_gin) pc_free(gin);
    return status;
}

static void drop(pending *item)
{
    for (int k = 0; k < item->node->call.nout; k++) pc_release(item->gout[k]);
    pc_free(item->gout);
    pc_node_release(item->node);
}

static pc_status seed_of(pc_tensor *root, pc_tensor *seed, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *g = NULL;
    PC_CHECK(pc_requires_grad(root), PC_ESHAPE,
             "element 0 of tensors does not require grad and does not have a grad_fn. "
             "Was it computed under no_grad(), from a detach(), or from parameters that are all frozen?");
    if (seed != NULL) {
        char want[200], have[200];
        PC_CHECK(pc_same_shape(root, seed), PC_ESHAPE, "Mismatch in shape: grad_output[0] has a shape of %s and "
                 "output[0] has a shape of %s.", pc_shape_text(seed, have), pc_shape_text(root, want));
        if (seed->dtype == root->dtype) *out = pc_retain(seed);
        else PC_TRY(pc_cast(seed, root->dtype, out));
        return PC_OK;
    }
    if (root->numel != 1) {
        char have[200];
        return pc_fail(PC_ESHAPE,
                       "grad can be implicitly created only for scalar outputs. This one has shape %s: take its "
                       ".mean() or .sum(), or pass gradient=",
                       pc_shape_text(root, have));
    }
    PC_TRY(pc_tensor_new(root->dtype, root->ndim, root->shape, &g));
    PC_TRY(pc_fill(g, (pc_value){ .kind = PC_INT, .i = 1 }));
    *out = g;
    g = NULL;
done:
    pc_release(g);
    return status;
}

pc_status pc_backward(int n, pc_tensor *const *roots, pc_tensor *const *seeds, bool retain, int n_inputs,
                      pc_tensor *const *inputs, pc_tensor **grads)
{
    pc_status status = PC_OK;
    bool recording = pc_grad_enabled();
    run r = { .n_inputs = n_inputs, .inputs = inputs, .grads = grads };
    pc_tensor *g = NULL;
    pc_set_grad_enabled(false);
    for (int k = 0; k < n_inputs; k++) grads[k] = NULL;
    if (n_inputs > 0) {
        r.input_nodes = pc_calloc((size_t)n_inputs, sizeof *r.input_nodes);
        PC_CHECK(r.input_nodes != NULL, PC_ENOMEM, "out of memory for the reverse pass");
        for (int k = 0; k < n_inputs; k++) PC_TRY(pc_tensor_producer(inputs[k], &r.input_nodes[k]));
    }
    for (int k = 0; k < n; k++) {
        pc_node *producer = NULL;
        pc_set_grad_enabled(true); /* a view's producer may have to be renewed */
        status = pc_tensor_producer(roots[k], &producer);
        pc_set_grad_enabled(false);
        PC_TRY(status);
        PC_TRY(seed_of(roots[k], seeds != NULL ? seeds[k] : NULL, &g));
        if (producer != NULL) {
            PC_TRY(send(&r, producer, roots[k]->producer_slot, g));
            pc_release(g);
        } else {
            pc_tensor *taken = g;
            g = NULL;
            PC_TRY(into_leaf(&r, roots[k], taken));
        }
        g = NULL;
    }
    while (r.count > 0) {
        pending top = r.items[0];
        table_remove(&r, slot_of(&r, top.node));
        if (--r.count > 0) {
            int64_t k = slot_of(&r, r.items[r.count].node);
            r.items[0] = r.items[r.count];
            r.table[k] = 1;
            sift_down(&r);
        }
        status = process(&r, &top, retain);
        drop(&top);
        if (status == PC_OK) status = pc_poll();
        PC_TRY(status);
    }
done:
    pc_release(g);
    while (r.count > 0) drop(&r.items[--r.count]);
    pc_free(r.items);
    pc_free(r.table);
    pc_free(r.input_nodes);
    if (status != PC_OK)
        for (int k = 0; k < n_inputs; k++) {
            pc_release(grads[k]);
            grads[k] = NULL;
        }
    pc_set_grad_enabled(recording);
    return status;
}
