/* record.h -- a graph written while its computation runs, on one thread. */
#ifndef PC_RECORD_H
#define PC_RECORD_H
#include "graph.h"

typedef struct pc_trace pc_trace;

/* From now on, calls of operators become nodes of g, which has its modules and inputs: with these tensors, of which
   each may occur once. One trace at a time. */
pc_status pc_trace_begin(pc_graph *g, pc_tensor *const *tensors, pc_tensor *const *inputs, pc_trace **out);
/* The end, also after a failure; g stays the caller's. NULL is allowed. */
void pc_trace_end(pc_trace *t);
/* What this thread writes at the moment, or NULL. */
pc_trace *pc_trace_current(void);
pc_graph *pc_trace_graph(pc_trace *t);

/* The variable of a tensor; one that nobody has seen becomes a constant. */
pc_status pc_trace_var(pc_trace *t, pc_tensor *tensor, int32_t *var);
/* Is it an input, or made from one? false: a constant or a module's tensor. */
bool pc_trace_depends(const pc_trace *t, const pc_tensor *tensor);
/* The variable of a size; *var is -1 for tensors that are constant. */
pc_status pc_trace_size(pc_trace *t, pc_tensor *tensor, int d, int32_t *var);
pc_status pc_trace_arithmetic(pc_trace *t, pc_arithmetic how, pc_arg a, pc_arg b, int32_t *var);
/* In the next call, parameter `slot` (of the tensors or of the others) holds a variable: alone, or as item `index`. */
void pc_trace_note(pc_trace *t, bool tensor, int slot, int index, int32_t var);
void pc_trace_forget_notes(pc_trace *t);

#endif
