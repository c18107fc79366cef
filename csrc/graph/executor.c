/* executor.c -- a graph run node by node; every tensor is released after its last use. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../ops/copy.h"
#include "../ops/schema.h"
#include "graph.h"
#include <string.h>

#define INLINE_TENSORS 16

typedef struct run {
    const pc_graph *g;
    pc_result *results;
    pc_tensor *inline_in[INLINE_TENSORS], **in; /* of the node at hand */
    int nin;
    pc_tensor *numbers[INLINE_TENSORS];         /* made for numbers where a tensor may stand; owned */
    int nnumbers;
    pc_value v[PC_MAX_PARAMS];
} run;

/* ---- arguments ----------------------------------------------------------------------------------- */

/* The number that an argument is, or holds. */
static pc_value number_of(const run *r, const pc_arg *a)
{
    switch (a->kind) {
    case PC_ARG_VAR: return r->results[a->i].number;
    case PC_ARG_BOOL: return (pc_value){ .kind = PC_BOOLEAN, .i = a->i };
    case PC_ARG_INT: return (pc_value){ .kind = PC_INT, .i = a->i };
    case PC_ARG_FLOAT: return (pc_value){ .kind = PC_FLOAT, .f = a->f };
    case PC_ARG_DTYPE: return (pc_value){ .kind = PC_DTYPE, .i = a->i };
    default: return (pc_value){ .kind = PC_NONE };
    }
}

static pc_status number_tensor(pc_value v, bool weak, pc_tensor **out)
{
    pc_dtype d = v.kind == PC_FLOAT ? PC_F64 : v.kind == PC_INT ? PC_I64 : PC_BOOL;
    pc_status status = pc_tensor_new(d, 0, NULL, out);
    if (status != PC_OK) return status;
    (*out)->is_number = weak;
    if (d == PC_F64) *(double *)pc_data(*out) = v.f;
    else if (d == PC_I64) *(int64_t *)pc_data(*out) = v.i;
    else *(uint8_t *)pc_data(*out) = v.i != 0;
    return PC_OK;
}

static bool is_tensor(const run *r, const pc_arg *a)
{
    return a->kind == PC_ARG_VAR && r->g->vars[a->i].type == PC_VAR_TENSOR;
}

static pc_status tensor_argument(run *r, const pc_arg *a, pc_tensor **out)
{
    *out = NULL;
    if (is_tensor(r, a)) *out = r->results[a->i].t;
    else if (a->kind != PC_ARG_NONE) {
        if (r->nnumbers == INLINE_TENSORS) return pc_fail(PC_ESHAPE, "too many numbers in a call");
        pc_status status = number_tensor(number_of(r, a), true, out);
        if (status != PC_OK) return status;
        r->numbers[r->nnumbers++] = *out;
    }
    return PC_OK;
}

static pc_status list_argument(run *r, const pc_arg *a)
{
    if (a->n > INLINE_TENSORS) {
        r->in = pc_calloc((size_t)a->n, sizeof *r->in);
        if (r->in == NULL) return pc_fail(PC_ENOMEM, "out of memory for the arguments of an operator");
    }
    r->nin = a->n;
    for (int32_t k = 0; k < a->n; k++) {
        pc_status status = tensor_argument(r, &a->items[k], &r->in[k]);
        if (status != PC_OK) return status;
    }
    return PC_OK;
}

static pc_value value_argument(const run *r, const pc_param *p, const pc_arg *a)
{
    pc_value v = { .kind = PC_INTS };
    if (p->type != PC_T_INTS || a->kind != PC_ARG_LIST) {
        v = number_of(r, a);
        if (p->type == PC_T_FLOAT && v.kind == PC_INT) v = (pc_value){ .kind = PC_FLOAT, .f = (double)v.i };
        return v;
    }
    v.ints.n = a->n;
    for (int32_t k = 0; k < a->n; k++) v.ints.v[k] = number_of(r, &a->items[k]).i;
    return v;
}

static pc_status prepare(run *r, const pc_graph_node *n)
{
    pc_status status = PC_OK;
    const pc_schema *s = pc_schema_of(n->op);
    r->nin = s->list ? 0 : s->ntensors;
    for (int k = 0; k < s->nparams; k++) {
        const pc_param *p = &s->params[k];
        if (p->type == PC_T_TENSORS) PC_TRY(list_argument(r, &n->args[k]));
        else if (p->type == PC_T_TENSOR || p->type == PC_T_OPERAND)
            PC_TRY(tensor_argument(r, &n->args[k], &r->in[p->slot]));
        else r->v[p->slot] = value_argument(r, p, &n->args[k]);
    }
done:
    return status;
}

/* ---- nodes --------------------------------------------------------------------------------------- */

/* As many results as a list of them may have: no view of an input has more parts. */
static int most_results(const run *r, const pc_schema *s)
{
    int64_t most = r->nin > 2 ? r->nin : 2;
    if (s->nreturns > 0) return s->nreturns;
    for (int k = 0; k < r->nin; k++)
        for (int d = 0; r->in[k] != NULL && d < r->in[k]->ndim; d++)
            if (r->in[k]->shape[d] > most) most = r->in[k]->shape[d];
    for (int k = 0; k < s->nvalues; k++)
        if (r->v[k].kind == PC_INT && r->v[k].i > most && r->v[k].i < 1 << 20) most = r->v[k].i;
    return most < 1 << 24 ? (int)most + PC_MAX_DIMS : 1 << 24;
}

static pc_status run_op(run *r, const pc_graph_node *n)
{
    pc_status status = PC_OK;
    pc_tensor *inline_out[INLINE_TENSORS], **out = inline_out;
    int given = 0;
    r->in = r->inline_in;
    r->nnumbers = 0;
    PC_TRY(prepare(r, n));
    if (n->old_division && !pc_dtype_is_float(r->in[0]->dtype) && !pc_dtype_is_float(r->in[1]->dtype))
        r->v[0] = (pc_value){ .kind = PC_INT, .i = 1 }; /* rounding_mode="trunc" */
    int room = most_results(r, pc_schema_of(n->op));
    if (room > INLINE_TENSORS) {
        out = pc_calloc((size_t)room, sizeof *out);
        PC_CHECK(out != NULL, PC_ENOMEM, "out of memory for the results of an operator");
    }
    PC_TRY(pc_op_apply(n->op, r->nin, r->in, r->v, n->inplace || (n->op->flags & PC_WRITES), room, out, &given));
    for (int k = 0; k < given; k++) {
        if (k < n->nout && n->out[k] >= 0) r->results[n->out[k]].t = out[k];
        else pc_release(out[k]);
    }
    PC_CHECK(given == n->nout || (!n->whole && given > n->nout), PC_ESHAPE,
             "%s gives %d tensors here, and %d where the model was "
             "traced",
             pc_schema_of(n->op)->name, given, n->nout);
done:
    for (int k = 0; k < r->nnumbers; k++) pc_release(r->numbers[k]);
    if (r->in != r->inline_in) pc_free(r->in);
    if (out != inline_out) pc_free(out);
    return status;
}

static pc_status run_size(run *r, const pc_graph_node *n)
{
    const pc_tensor *t = r->results[n->args[0].i].t;
    int64_t d = number_of(r, &n->args[1]).i;
    if (d < -t->ndim || d >= t->ndim)
        return pc_fail(PC_EINDEX, "Dimension out of range (expected to be in range of [%d, %d], but got %lld)",
                       -t->ndim, t->ndim - 1, (long long)d);
    r->results[n->out[0]].number = (pc_value){ .kind = PC_INT, .i = t->shape[d < 0 ? d + t->ndim : d] };
    return PC_OK;
}

static pc_status run_arithmetic(run *r, const pc_graph_node *n)
{
    pc_status status = PC_OK;
    int64_t a = number_of(r, &n->args[0]).i, b = n->nargs > 1 ? number_of(r, &n->args[1]).i : 0, c = 0;
    bool over = false;
    switch (n->arithmetic) {
    case PC_ADD: over = __builtin_add_overflow(a, b, &c); break;
    case PC_SUBTRACT: over = __builtin_sub_overflow(a, b, &c); break;
    case PC_MULTIPLY: over = __builtin_mul_overflow(a, b, &c); break;
    case PC_NEGATE: over = __builtin_sub_overflow((int64_t)0, a, &c); break;
    default:
        PC_CHECK(b != 0, PC_ESHAPE, "integer division or modulo by zero");
        over = a == INT64_MIN && b == -1;
        if (over) break;
        int64_t quotient = a / b - (a % b != 0 && (a < 0) != (b < 0));
        c = n->arithmetic == PC_FLOOR_DIVIDE ? quotient : a - quotient * b;
    }
    PC_CHECK(!over, PC_ESHAPE, "a size is beyond 64 bits");
    r->results[n->out[0]].number = (pc_value){ .kind = PC_INT, .i = c };
done:
    return status;
}

static pc_status run_to_number(run *r, const pc_graph_node *n)
{
    pc_status status = PC_OK;
    pc_tensor *t = r->results[n->args[0].i].t, *wide = NULL;
    pc_var_type type = r->g->vars[n->out[0]].type;
    PC_CHECK(t->numel == 1, PC_ESHAPE, "a Tensor with %lld elements cannot be converted to Scalar",
             (long long)t->numel);
    PC_TRY(pc_tensor_settle(t));
    PC_TRY(pc_cast(t, type == PC_VAR_FLOAT ? PC_F64 : type == PC_VAR_INT ? PC_I64 : PC_BOOL, &wide));
    PC_TRY(pc_tensor_settle(wide));
    pc_value *v = &r->results[n->out[0]].number;
    if (type == PC_VAR_FLOAT) *v = (pc_value){ .kind = PC_FLOAT, .f = *(double *)pc_data(wide) };
    else if (type == PC_VAR_INT) *v = (pc_value){ .kind = PC_INT, .i = *(int64_t *)pc_data(wide) };
    else *v = (pc_value){ .kind = PC_BOOLEAN, .i = *(uint8_t *)pc_data(wide) };
done:
    pc_release(wide);
    return status;
}

static pc_status run_node(run *r, const pc_graph_node *n)
{
    switch (n->kind) {
    case PC_NODE_OP: return run_op(r, n);
    case PC_NODE_SIZE: return run_size(r, n);
    case PC_NODE_ARITHMETIC: return run_arithmetic(r, n);
    case PC_NODE_TO_TENSOR: return number_tensor(number_of(r, &n->args[0]), false, &r->results[n->out[0]].t);
    default: return run_to_number(r, n);
    }
}

/* ---- the whole ----------------------------------------------------------------------------------- */

static void release(run *r, int32_t var)
{
    pc_release(r->results[var].t);
    r->results[var].t = NULL;
}

static void release_used(run *r, const pc_arg *a, int32_t by)
{
    if (a->kind == PC_ARG_VAR && r->g->vars[a->i].last_use == by) release(r, (int32_t)a->i);
    for (int32_t k = 0; pc_arg_has_items(a) && k < a->n; k++) release_used(r, &a->items[k], by);
}

pc_status pc_graph_run(const pc_graph *g, pc_tensor *const *inputs, pc_tensor *const *tensors, pc_result *results)
{
    pc_status status = PC_OK;
    run r = { .g = g, .results = results };
    for (int32_t k = 0; k < g->nvars; k++) {
        const pc_var *v = &g->vars[k];
        if (v->last_use < 0) continue;
        if (v->source == PC_FROM_INPUT) results[k].t = pc_retain(inputs[v->index]);
        if (v->source == PC_FROM_MODULE) results[k].t = pc_retain(tensors[v->index]);
        if (v->source == PC_FROM_CONSTANT) results[k].t = pc_retain(g->constants[v->index]);
    }
    for (int32_t k = 0; k < g->nnodes; k++) {
        const pc_graph_node *n = &g->nodes[k];
        PC_TRY(run_node(&r, n));
        for (int32_t j = 0; j < n->nargs; j++) release_used(&r, &n->args[j], k);
        for (int32_t j = 0; j < n->nout; j++)
            if (n->out[j] >= 0 && g->vars[n->out[j]].last_use < 0) release(&r, n->out[j]);
        PC_TRY(pc_poll());
    }
done:
    if (status != PC_OK) pc_results_free(g, results);
    return status;
}

void pc_results_free(const pc_graph *g, pc_result *results)
{
    for (int32_t k = 0; k < g->nvars; k++) {
        pc_release(results[k].t);
        results[k].t = NULL;
    }
}
