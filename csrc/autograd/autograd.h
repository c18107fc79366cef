/* autograd.h -- the recorded graph and its reverse pass. Knows operators only through their rows. */
#ifndef PC_AUTOGRAD_H
#define PC_AUTOGRAD_H
#include "../ops/op.h"

/* Is recording on in this thread? */
bool pc_grad_enabled(void);
void pc_set_grad_enabled(bool on);

/* Record c, whose forward has run: its outputs get a producer. versions[k]: in[k]'s version when forward read it.
   Takes c->aux and c->user. Called by pc_op_apply. */
pc_status pc_record(pc_call *c, const uint32_t *versions);
/* What a dying tensor owns of the graph. */
void pc_graph_release(pc_tensor *t);
/* Keep the gradient of t, which has a producer, in t->grad. */
pc_status pc_retain_grad(pc_tensor *t);

/* Gradients of roots (weighted by seeds; a NULL seed stands for 1 and needs a single element).
   n_inputs == 0: accumulate into the .grad of the leaves. Otherwise return the gradients of inputs in grads
   (owned by the caller; NULL where none arrived) and touch no .grad. The graph is freed unless retain. */
pc_status pc_backward(int n, pc_tensor *const *roots, pc_tensor *const *seeds, bool retain, int n_inputs,
                      pc_tensor *const *inputs, pc_tensor **grads);

/* Hooks on a tensor's gradient. call may replace *grad (owned); release(ctx) when the hook goes. Returns an id. */
typedef pc_status (*pc_hook_fn)(void *ctx, pc_tensor **grad);
pc_status pc_hook_add(pc_tensor *t, bool after_accumulate, pc_hook_fn call, void (*release)(void *), void *ctx,
                      int64_t *id);
void pc_hook_remove(pc_tensor *t, int64_t id);

void pc_node_retain(pc_node *n);
void pc_node_release(pc_node *n);
const char *pc_node_name(const pc_node *n); /* "conv2d" */
int pc_node_inputs(const pc_node *n);
const pc_call *pc_node_call(const pc_node *n); /* its tensors have shapes and dtypes, values only where saved */
/* Producer of input k (borrowed), or NULL with *leaf set (borrowed) if it is a leaf that wants a gradient. */
pc_node *pc_node_next(const pc_node *n, int k, pc_tensor **leaf);
/* The producer of t, renewed first if t is a view of something changed in place. */
pc_status pc_tensor_producer(pc_tensor *t, pc_node **out);

#endif
