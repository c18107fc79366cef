/* node.h -- one recorded operation. For autograd alone. */
#ifndef PC_NODE_H
#define PC_NODE_H
#include "autograd.h"

/* Where a gradient goes: to an output of another node, or into a leaf's .grad; neither: nowhere. */
typedef struct pc_edge {
    pc_node *node;   /* owned */
    int slot;
    pc_tensor *leaf; /* owned */
} pc_edge;

struct pc_hook {
    pc_hook *next;
    int64_t id;
    bool after_accumulate;
    pc_hook_fn call;
    void (*release)(void *ctx);
    void *ctx;
};

/* What a node knows of one of its outputs. */
typedef struct pc_node_output {
    pc_hook *hooks;      /* owned */
    pc_tensor *retained; /* borrowed: the tensor that keeps its gradient; it takes itself out when it dies */
} pc_node_output;

/* The place of a view within its base, for writes through views. */
typedef struct pc_slice {
    pc_tensor *base, *view; /* owned shapes */
    pc_node *inner;         /* owned: the in-place operation on the view; NULL: the view itself is the operation */
} pc_slice;

struct pc_node {
    _Atomic int64_t refs;
    uint64_t sequence;       /* grows with time: an operation comes after those whose results it reads */
    pc_call call;            /* in and out are aliases; see op.h */
    pc_edge *edges;          /* call.nin of them */
    pc_node_output *outputs; /* call.nout of them */
    pc_slice *slice;         /* owned, mostly NULL */
    bool has_saved, freed;   /* keeps values for backward; has given them away */
    pc_node *next_dead;
};

/* Give the saved values back; the edges stay. */
void pc_node_free_saved(pc_node *n);
/* May backward run? No, if saved values were given away or have changed. */
pc_status pc_node_check(const pc_node *n);
/* Run backward of n, or of the slice it describes. gin has call.nin places. relu_apart: a ReLU that n has folded is
   left to its own node. relu_after: gout is the gradient of a ReLU of n's output. Changes nothing in n: threads may
   share it. */
pc_status pc_node_backward(const pc_node *n, bool relu_apart, bool relu_after, pc_tensor *const *gout, pc_tensor **gin);

#endif
