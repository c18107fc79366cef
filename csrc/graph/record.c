/* record.c -- calls of operators become nodes. Tensors are told apart by their address, so all are kept until the end.
 */
#include "record.h"
#include "../core/alloc.h"
#include "../ops/copy.h"
#include "../ops/schema.h"
#include <string.h>

#define MOST_NOTES 64

typedef struct seen {
    pc_tensor *t;            /* owned; NULL: a free place */
    int32_t var;
} seen;

struct pc_trace {
    pc_recorder recorder;    /* first: it stands for the whole */
    pc_graph *g;
    seen *table;             /* by address; its size is a power of two */
    int64_t room, used;
    bool *depends;           /* of variables: on an input */
    int32_t depends_room;
    int depth;               /* calls within calls */
    int32_t node;            /* of the call at hand */
    int nnotes;
    struct { bool tensor; int slot, index; int32_t var; } notes[MOST_NOTES];
};

/* ---- which tensor is which variable ---------------------------------------------------------------- */

static seen *place(const pc_trace *t, const pc_tensor *tensor)
{
    uint64_t h = (uint64_t)(uintptr_t)tensor >> 4;
    h *= 0x9e3779b97f4a7c15u;
    int64_t k = (int64_t)(h >> 32) & (t->room - 1);
    while (t->table[k].t != NULL && t->table[k].t != tensor) k = (k + 1) & (t->room - 1);
    return &t->table[k];
}

static pc_status remember(pc_trace *t, pc_tensor *tensor, int32_t var)
{
    if (2 * t->used >= t->room) {
        int64_t room = t->room > 0 ? 2 * t->room : 1024, old_room = t->room;
        seen *old = t->table, *fresh = pc_calloc((size_t)room, sizeof *fresh);
        if (fresh == NULL) return pc_fail(PC_ENOMEM, "out of memory for a trace");
        t->table = fresh;
        t->room = room;
        for (int64_t k = 0; k < old_room; k++)
            if (old[k].t != NULL) *place(t, old[k].t) = old[k];
        pc_free(old);
    }
    seen *s = place(t, tensor);
    if (s->t == NULL) {
        s->t = pc_retain(tensor);
        t->used++;
    }
    s->var = var; /* a later one for a tensor that was written to */
    return PC_OK;
}

static pc_status set_depends(pc_trace *t, int32_t var, bool yes)
{
    if (var >= t->depends_room) {
        int32_t room = 2 * var + 64;
        bool *fresh = pc_calloc((size_t)room, sizeof *fresh);
        if (fresh == NULL) return pc_fail(PC_ENOMEM, "out of memory for a trace");
        if (t->depends_room > 0) memcpy(fresh, t->depends, (size_t)t->depends_room * sizeof *fresh);
        pc_free(t->depends);
        t->depends = fresh;
        t->depends_room = room;
    }
    t->depends[var] = yes;
    return PC_OK;
}

static bool same_view(const pc_tensor *a, const pc_tensor *b)
{
    return a->storage == b->storage && a->offset == b->offset && a->dtype == b->dtype && pc_same_shape(a, b)
           && memcmp(a->stride, b->stride, (size_t)a->ndim * sizeof *a->stride) == 0;
}

/* Of a tensor that no operator has made: t.data and the like are some other tensor's values. */
static bool find_twin(const pc_trace *t, const pc_tensor *tensor, int32_t *var)
{
    if (tensor->storage->refs < 2) return false;
    for (int64_t k = 0; k < t->room; k++)
        if (t->table[k].t != NULL && same_view(t->table[k].t, tensor)) {
            *var = t->table[k].var;
            return true;
        }
    return false;
}

pc_status pc_trace_var(pc_trace *t, pc_tensor *tensor, int32_t *var)
{
    pc_status status = PC_OK;
    const seen *s = t->room > 0 ? place(t, tensor) : NULL;
    if (s != NULL && s->t != NULL) {
        *var = s->var;
        return PC_OK;
    }
    if (t->room > 0 && find_twin(t, tensor, var)) {
        pc_graph_node *n;
        if (tensor->base != NULL) return remember(t, tensor, *var); /* a view of the whole, x[:] */
        int32_t of = *var;
        PC_TRY(pc_graph_add_node(t->g, PC_NODE_OP, 1, 1, PC_VAR_TENSOR, &n));
        n->op = pc_op_find("detach");
        n->args[0] = pc_arg_var(of);
        *var = n->out[0];
        PC_TRY(set_depends(t, *var, of < t->depends_room && t->depends[of]));
    } else {
        PC_CHECK(!pc_requires_grad(tensor), PC_ESHAPE,
                 "Cannot insert a Tensor that requires grad as a constant. Consider making it "
                 "a parameter or input, or detaching the gradient");
        PC_TRY(pc_graph_add_constant(t->g, tensor, var));
        PC_TRY(set_depends(t, *var, false));
    }
    PC_TRY(remember(t, tensor, *var));
done:
    return status;
}

bool pc_trace_depends(const pc_trace *t, const pc_tensor *tensor)
{
    const seen *s = place(t, tensor);
    return s->t != NULL && s->var < t->depends_room && t->depends[s->var];
}

/* ---- calls ----------------------------------------------------------------------------------------- */

static pc_arg number_arg(const pc_tensor *t)
{
    if (t->dtype == PC_F64) return (pc_arg){ .kind = PC_ARG_FLOAT, .f = *(const double *)pc_data(t) };
    if (t->dtype == PC_I64) return pc_arg_int(*(const int64_t *)pc_data(t));
    return (pc_arg){ .kind = PC_ARG_BOOL, .i = *(const uint8_t *)pc_data(t) };
}

static pc_status tensor_arg(pc_trace *t, pc_tensor *tensor, pc_arg *out)
{
    int32_t var;
    *out = (pc_arg){ .kind = PC_ARG_NONE };
    if (tensor == NULL) return PC_OK;
    if (tensor->is_number) {
        *out = number_arg(tensor);
        return PC_OK;
    }
    pc_status status = pc_trace_var(t, tensor, &var);
    if (status == PC_OK) *out = pc_arg_var(var);
    return status;
}

static pc_status value_arg(pc_trace *t, const pc_value *v, pc_arg *out)
{
    pc_status status = PC_OK;
    *out = (pc_arg){ .kind = PC_ARG_NONE };
    switch (v->kind) {
    case PC_NONE:
    case PC_GENERATOR: break;
    case PC_BOOLEAN: *out = (pc_arg){ .kind = PC_ARG_BOOL, .i = v->i }; break;
    case PC_INT: *out = pc_arg_int(v->i); break;
    case PC_DTYPE: *out = (pc_arg){ .kind = PC_ARG_DTYPE, .i = v->i }; break;
    case PC_FLOAT: *out = (pc_arg){ .kind = PC_ARG_FLOAT, .f = v->f }; break;
    case PC_INTS:
        *out = (pc_arg){ .kind = PC_ARG_LIST, .n = v->ints.n };
        PC_TRY(pc_graph_alloc(t->g, v->ints.n * (int64_t)sizeof *out->items, &out->items));
        for (int k = 0; k < v->ints.n; k++) out->items[k] = pc_arg_int(v->ints.v[k]);
    }
done:
    return status;
}

/* A number that is written at indices: torch wants a tensor of the same dtype. */
static pc_status cast_constant(pc_trace *t, pc_tensor *number, pc_dtype dtype, pc_arg *out)
{
    pc_status status = PC_OK;
    pc_tensor *cast = NULL;
    int32_t var;
    PC_TRY(pc_cast(number, dtype, &cast));
    PC_TRY(pc_graph_add_constant(t->g, cast, &var));
    PC_TRY(set_depends(t, var, false));
    *out = pc_arg_var(var);
done:
    pc_release(cast);
    return status;
}

/* A constant that is written to would keep the values of the call before: the graph writes to a copy of it. */
static pc_status copy_constant(pc_trace *t, pc_tensor *tensor)
{
    pc_status status = PC_OK;
    int32_t var;
    pc_graph_node *n;
    PC_TRY(pc_trace_var(t, tensor, &var));
    if (t->g->vars[var].source != PC_FROM_CONSTANT) return PC_OK;
    const pc_op *op = pc_op_find("clone");
    PC_TRY(pc_graph_add_node(t->g, PC_NODE_OP, 2, 1, PC_VAR_TENSOR, &n));
    n->op = op;
    n->args[0] = pc_arg_var(var);
    PC_TRY(set_depends(t, n->out[0], false));
    PC_TRY(remember(t, tensor, n->out[0]));
done:
    return status;
}

static void apply_notes(pc_trace *t, const pc_schema *s, pc_arg *args)
{
    for (int k = 0; k < t->nnotes; k++)
        for (int j = 0; j < s->nparams; j++) {
            const pc_param *p = &s->params[j];
            bool tensor = p->type == PC_T_OPERAND || p->type == PC_T_TENSOR || p->type == PC_T_TENSORS;
            if (tensor != t->notes[k].tensor || p->slot != t->notes[k].slot) continue;
            pc_arg var = pc_arg_var(t->notes[k].var);
            if (args[j].kind != PC_ARG_LIST) args[j] = var;
            else if (t->notes[k].index >= 0 && t->notes[k].index < args[j].n) args[j].items[t->notes[k].index] = var;
            else if (t->notes[k].index < 0) /* one number that stands for all */
                for (int32_t i = 0; i < args[j].n; i++) args[j].items[i] = var;
        }
}

static bool arg_depends(const pc_trace *t, const pc_arg *a)
{
    bool yes = a->kind == PC_ARG_VAR && a->i < t->depends_room && t->depends[a->i];
    for (int32_t k = 0; pc_arg_has_items(a) && k < a->n && !yes; k++) yes = arg_depends(t, &a->items[k]);
    return yes;
}

static pc_status before(pc_recorder *r, const pc_op *op, int nin, pc_tensor **in, const pc_value *v, bool inplace)
{
    pc_trace *t = (pc_trace *)r;
    pc_status status = PC_OK;
    const pc_schema *s = pc_schema_of(op);
    pc_arg args[PC_MAX_PARAMS];
    pc_graph_node *n;
    if (t->depth++ > 0) return PC_OK;
    t->node = -1;
    if (inplace && nin > 0 && in[0] != NULL && !in[0]->is_number) PC_TRY(copy_constant(t, in[0]));
    for (int k = 0; k < s->nparams; k++) {
        const pc_param *p = &s->params[k];
        static const pc_value none = { .kind = PC_NONE };
        if (p->type == PC_T_TENSORS) {
            args[k] = (pc_arg){ .kind = PC_ARG_LIST, .n = nin };
            PC_TRY(pc_graph_alloc(t->g, nin * (int64_t)sizeof *args[k].items, &args[k].items));
            for (int j = 0; j < nin; j++) {
                bool cast = in[j] != NULL && in[j]->is_number && inplace && in[0] != NULL;
                if (cast) PC_TRY(cast_constant(t, in[j], in[0]->dtype, &args[k].items[j]));
                else PC_TRY(tensor_arg(t, in[j], &args[k].items[j]));
            }
        } else if (p->type == PC_T_TENSOR || p->type == PC_T_OPERAND) {
            PC_TRY(tensor_arg(t, in[p->slot], &args[k]));
        } else {
            PC_TRY(value_arg(t, v != NULL ? &v[p->slot] : &none, &args[k]));
        }
    }
    apply_notes(t, s, args);
    PC_TRY(pc_graph_add_node(t->g, PC_NODE_OP, s->nparams, 0, PC_VAR_TENSOR, &n));
    n->op = op;
    n->inplace = inplace;
    memcpy(n->args, args, (size_t)s->nparams * sizeof *args);
    t->node = t->g->nnodes - 1;
done:
    t->nnotes = 0;
    return status;
}

static pc_status after(pc_recorder *r, int nout, pc_tensor **out)
{
    pc_trace *t = (pc_trace *)r;
    pc_status status = PC_OK;
    if (--t->depth > 0 || t->node < 0) return PC_OK;
    pc_graph_node *n = &t->g->nodes[t->node];
    bool depends = false;
    if (nout < 0) { /* it never happened */
        t->g->nnodes = t->node;
        return PC_OK;
    }
    for (int32_t k = 0; k < n->nargs; k++) depends = depends || arg_depends(t, &n->args[k]);
    PC_TRY(pc_graph_alloc(t->g, nout * (int64_t)sizeof *n->out, &n->out));
    n->nout = nout;
    for (int k = 0; k < nout; k++) {
        PC_TRY(pc_graph_add_var(t->g, PC_VAR_TENSOR, PC_FROM_NODE, t->node, &n->out[k]));
        PC_TRY(set_depends(t, n->out[k], depends || (n->inplace && pc_trace_depends(t, out[k]))));
        PC_TRY(remember(t, out[k], n->out[k]));
    }
done:
    return status;
}

/* ---- sizes ----------------------------------------------------------------------------------------- */

pc_status pc_trace_size(pc_trace *t, pc_tensor *tensor, int d, int32_t *var)
{
    pc_status status = PC_OK;
    pc_graph_node *n;
    int32_t of;
    *var = -1;
    PC_TRY(pc_trace_var(t, tensor, &of));
    if (!pc_trace_depends(t, tensor)) return PC_OK;
    PC_TRY(pc_graph_add_node(t->g, PC_NODE_SIZE, 2, 1, PC_VAR_INT, &n));
    n->args[0] = pc_arg_var(of);
    n->args[1] = pc_arg_int(d);
    *var = n->out[0];
    PC_TRY(set_depends(t, *var, true));
done:
    return status;
}

pc_status pc_trace_arithmetic(pc_trace *t, pc_arithmetic how, pc_arg a, pc_arg b, int32_t *var)
{
    pc_status status = PC_OK;
    pc_graph_node *n;
    PC_TRY(pc_graph_add_node(t->g, PC_NODE_ARITHMETIC, how == PC_NEGATE ? 1 : 2, 1, PC_VAR_INT, &n));
    n->arithmetic = (uint8_t)how;
    n->args[0] = a;
    if (how != PC_NEGATE) n->args[1] = b;
    *var = n->out[0];
    PC_TRY(set_depends(t, *var, true));
done:
    return status;
}

void pc_trace_note(pc_trace *t, bool tensor, int slot, int index, int32_t var)
{
    if (t->nnotes == MOST_NOTES) return;
    t->notes[t->nnotes].tensor = tensor;
    t->notes[t->nnotes].slot = slot;
    t->notes[t->nnotes].index = index;
    t->notes[t->nnotes++].var = var;
}

void pc_trace_forget_notes(pc_trace *t)
{
    t->nnotes = 0;
}

/* ---- begin and end --------------------------------------------------------------------------------- */

pc_status pc_trace_begin(pc_graph *g, pc_tensor *const *tensors, pc_tensor *const *inputs, pc_trace **out)
{
    pc_status status = PC_OK;
    pc_trace *t = pc_calloc(1, sizeof *t);
    PC_CHECK(t != NULL, PC_ENOMEM, "out of memory for a trace");
    t->recorder = (pc_recorder){ before, after };
    t->g = g;
    for (int32_t k = 0; k < g->ntensors; k++) {
        PC_TRY(remember(t, tensors[k], g->tensor_vars[k]));
        PC_TRY(set_depends(t, g->tensor_vars[k], false));
    }
    for (int32_t k = 0; k < g->ninputs; k++) {
        PC_TRY(remember(t, inputs[k], g->inputs[k]));
        PC_TRY(set_depends(t, g->inputs[k], true));
    }
    PC_TRY(pc_recording_begin(&t->recorder));
    *out = t;
    t = NULL;
done:
    if (t != NULL) {
        for (int64_t k = 0; k < t->room; k++) pc_release(t->table[k].t);
        pc_free(t->table);
        pc_free(t->depends);
        pc_free(t);
    }
    return status;
}

void pc_trace_end(pc_trace *t)
{
    if (t == NULL) return;
    pc_recording_end();
    for (int64_t k = 0; k < t->room; k++) pc_release(t->table[k].t);
    pc_free(t->table);
    pc_free(t->depends);
    pc_free(t);
}

pc_trace *pc_trace_current(void)
{
    return (pc_trace *)pc_recording();
}

pc_graph *pc_trace_graph(pc_trace *t)
{
    return t->g;
}
