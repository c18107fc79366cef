/* graph.h -- a computation written down: rows of the operator table with their arguments, in the order of their calls,
   and the modules whose tensors and calls they are. What jit, export and files share.

   Nodes stand in one list. A frame is one call of a module: a range of nodes, nested as the calls were. Tensors of
   modules are no part of a graph; whoever runs or writes it gives them, by number. */
#ifndef PC_GRAPH_H
#define PC_GRAPH_H
#include "../io/pickle.h"
#include "../ops/op.h"

/* ---- arguments ----------------------------------------------------------------------------------- */

typedef enum pc_arg_kind {
    PC_ARG_NONE, PC_ARG_BOOL, PC_ARG_INT, PC_ARG_FLOAT, PC_ARG_STR, PC_ARG_DTYPE,
    PC_ARG_VAR,                            /* i: a variable's number */
    PC_ARG_LIST, PC_ARG_TUPLE, PC_ARG_DICT /* items; of a dict: key, value, key, ... */
} pc_arg_kind;

typedef struct pc_arg {
    uint8_t kind;
    int32_t n;               /* items, or bytes of a terminated STR */
    union {
        int64_t i;           /* BOOL, INT, DTYPE, VAR */
        double f;
        const char *text;
        struct pc_arg *items;
    };
} pc_arg;

/* ---- variables ----------------------------------------------------------------------------------- */

typedef enum pc_var_type { PC_VAR_TENSOR, PC_VAR_INT, PC_VAR_FLOAT, PC_VAR_BOOL } pc_var_type;
typedef enum pc_var_source { PC_FROM_INPUT, PC_FROM_MODULE, PC_FROM_CONSTANT, PC_FROM_NODE } pc_var_source;

typedef struct pc_var {
    uint8_t type, source;
    int32_t index;           /* of the input, tensor of a module, constant, node */
    int32_t last_use;        /* the last node that reads it; PC_ALWAYS: the output does; -1: nobody */
} pc_var;
#define PC_ALWAYS INT32_MAX

/* ---- nodes --------------------------------------------------------------------------------------- */

typedef enum pc_node_kind {
    PC_NODE_OP,              /* a row; args as in its schema */
    PC_NODE_SIZE,            /* (tensor, dimension) -> int */
    PC_NODE_ARITHMETIC,      /* op(number, number) -> number */
    PC_NODE_TO_TENSOR,       /* number -> tensor without dimensions */
    PC_NODE_TO_NUMBER        /* tensor without dimensions -> number of the variable's type */
} pc_node_kind;

/* Of PC_NODE_ARITHMETIC, Python's: PC_FLOOR_DIVIDE rounds down, PC_MODULO has the sign of the divisor. */
typedef enum pc_arithmetic { PC_ADD, PC_SUBTRACT, PC_MULTIPLY, PC_FLOOR_DIVIDE, PC_MODULO, PC_NEGATE } pc_arithmetic;

typedef struct pc_graph_node {
    uint8_t kind;
    bool inplace;            /* of OP */
    bool old_division;       /* of div in files before version 4: of integers it gives an integer, rounded to zero */
    bool whole;              /* of OP with a list of results: out has all of them, otherwise the first ones */
    uint8_t arithmetic;
    const pc_op *op;
    int32_t nargs, nout;
    pc_arg *args;
    int32_t *out;            /* variables; -1: nobody needs this result */
} pc_graph_node;

/* ---- modules ------------------------------------------------------------------------------------- */

typedef struct pc_attribute {
    const char *name;
    int32_t tensor;          /* several attributes may be one tensor */
    bool parameter;          /* otherwise a buffer */
} pc_attribute;

typedef struct pc_child {
    const char *name;
    int32_t module;          /* several children may be one module; none is its own ancestor */
} pc_child;

typedef struct pc_module {
    const char *type;        /* "__torch__.torch.nn.modules.conv.Conv2d" */
    int32_t nattributes, nchildren;
    pc_attribute *attributes;
    pc_child *children;
} pc_module;

typedef struct pc_frame {
    int32_t module, parent, first, end; /* nodes first..end-1 */
} pc_frame;

typedef struct pc_graph {
    pc_arena arena;          /* owns all that is no array below */
    pc_module *modules;      /* the first is the root */
    pc_frame *frames;        /* the first is the call of the root; a caller stands before those whom it calls */
    pc_graph_node *nodes;
    pc_var *vars;
    pc_tensor **constants;   /* owned */
    int32_t nmodules, nframes, nnodes, nvars, nconstants, ninputs, ntensors;
    int32_t *inputs;         /* variables */
    const char **input_names;
    int32_t *tensor_vars;    /* variable of each tensor of the modules */
    pc_arg output;
    int32_t room[5];         /* of the arrays that grow */
    int32_t frame;           /* while it is made: the innermost call */
} pc_graph;

/* ---- making (build.c) ------------------------------------------------------------------------------ */

pc_status pc_graph_new(pc_graph **out);
void pc_graph_free(pc_graph *g);
/* Zeroed memory that lives as long as the graph. */
pc_status pc_graph_alloc(pc_graph *g, int64_t bytes, void *out);
pc_status pc_graph_text(pc_graph *g, const char *text, int64_t n, const char **out);
/* Takes over a table of modules, made with pc_graph_alloc, whose attributes number tensors from 0 on. */
pc_status pc_graph_set_modules(pc_graph *g, int32_t n, pc_module *modules, int32_t ntensors);
pc_status pc_graph_set_inputs(pc_graph *g, int32_t n, const char *const *names);
pc_status pc_graph_add_var(pc_graph *g, pc_var_type type, pc_var_source source, int32_t index, int32_t *out);
/* A copy of t's values. */
pc_status pc_graph_add_constant(pc_graph *g, const pc_tensor *t, int32_t *var);
/* With room for its arguments and results; the results are new variables of a type. */
pc_status pc_graph_add_node(pc_graph *g, pc_node_kind kind, int32_t nargs, int32_t nout, pc_var_type type,
                            pc_graph_node **out);
/* Calls of modules: nested. */
pc_status pc_graph_enter(pc_graph *g, int32_t module);
void pc_graph_leave(pc_graph *g);
/* The end: drops what neither leads to the output nor writes to a tensor, notes last uses. */
pc_status pc_graph_finish(pc_graph *g, pc_arg output);

/* The first call of a module as a graph of its own, which shares memory with g: g must outlive it. Its inputs are what
   comes into the call, its output what goes out; its modules and their tensors are those of g. */
pc_status pc_graph_part(const pc_graph *g, int32_t module, pc_graph **out);

static inline pc_arg pc_arg_int(int64_t i) { return (pc_arg){ .kind = PC_ARG_INT, .i = i }; }
static inline pc_arg pc_arg_var(int32_t v) { return (pc_arg){ .kind = PC_ARG_VAR, .i = v }; }
static inline bool pc_arg_has_items(const pc_arg *a) { return a->kind >= PC_ARG_LIST; }

/* ---- running (executor.c) -------------------------------------------------------------------------- */

/* What a variable holds; a number where the variable is one. */
typedef struct pc_result {
    pc_tensor *t;            /* owned */
    pc_value number;
} pc_result;

/* inputs and tensors: as many as the graph has. results, as many as it has variables and zeroed, holds what the output
   needs afterwards, or nothing after a failure; pc_results_free releases it. Recorded for gradients as any call. */
pc_status pc_graph_run(const pc_graph *g, pc_tensor *const *inputs, pc_tensor *const *tensors, pc_result *results);
void pc_results_free(const pc_graph *g, pc_result *results);

#endif
