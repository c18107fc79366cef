/* aten.h -- torch's names and argument orders for rows of the operator table, both ways. They differ in a few places.
 */
#ifndef PC_ATEN_H
#define PC_ATEN_H
#include "graph.h"

#define PC_MAX_ATEN_ARGS 24

/* torch.NAME(args..., keyword=...) */
typedef struct pc_aten_call {
    char name[64];
    int n;
    struct {
        const char *keyword; /* NULL: positional; these come first */
        pc_arg value;
        enum { PC_PLAIN, PC_INT_LIST, PC_OPTIONAL_TENSOR_LIST, PC_AS_TENSOR } type; /* lists may be empty or hold None;
                                                                           AS_TENSOR: a number where a tensor is due */
    } args[PC_MAX_ATEN_ARGS];
    int version;             /* of the file format that knows this call */
} pc_aten_call;

/* How a node of a row is written. PC_ENOTIMPL for what torch has no call for. */
pc_status pc_aten_write(const pc_graph *g, const pc_graph_node *n, pc_aten_call *out);
/* A node for a call that was read. PC_ENOTIMPL for what no row does, with its name. A call with a list of results gets
   none yet: see pc_aten_result. */
pc_status pc_aten_read(pc_graph *g, const pc_aten_call *call, pc_graph_node **out);
/* Does this node give a list of unknown length? */
bool pc_aten_gives_list(const pc_graph_node *n);

/* torch's number of a dtype. */
int pc_aten_dtype(pc_dtype d);

#endif
