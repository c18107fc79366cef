/* build.c -- graphs in the making: their tables grow, then what is of no use is dropped. */
#include "graph.h"
#include "../core/alloc.h"
#include "../ops/copy.h"
#include <stdio.h>
#include <string.h>

/* Far beyond any network, far below what would fill the memory. */
#define MOST ((int32_t)1 << 22)

enum { ROOM_FRAMES, ROOM_NODES, ROOM_VARS, ROOM_CONSTANTS };

/* ---- memory -------------------------------------------------------------------------------------- */

pc_status pc_graph_new(pc_graph **out)
{
    pc_graph *g = pc_calloc(1, sizeof *g);
    if (g == NULL) return pc_fail(PC_ENOMEM, "out of memory for a graph");
    g->frame = -1;
    *out = g;
    return PC_OK;
}

void pc_graph_free(pc_graph *g)
{
    if (g == NULL) return;
    for (int32_t k = 0; k < g->nconstants; k++) pc_release(g->constants[k]);
    pc_free(g->constants);
    pc_free(g->frames);
    pc_free(g->nodes);
    pc_free(g->vars);
    pc_arena_free(&g->arena);
    pc_free(g);
}

pc_status pc_graph_alloc(pc_graph *g, int64_t bytes, void *out)
{
    void *p = pc_arena_alloc(&g->arena, bytes);
    if (p == NULL) return pc_fail(PC_ENOMEM, "out of memory for a graph");
    memset(p, 0, (size_t)bytes);
    memcpy(out, &p, sizeof p); /* of whatever type it points to */
    return PC_OK;
}

pc_status pc_graph_text(pc_graph *g, const char *text, int64_t n, const char **out)
{
    char *copy = NULL;
    pc_status status = pc_graph_alloc(g, n + 1, &copy);
    if (status != PC_OK) return status;
    memcpy(copy, text, (size_t)n);
    *out = copy;
    return PC_OK;
}

/* One more element of an array of n; *array may move. */
static pc_status grow(pc_graph *g, int which, void *array, int32_t n, size_t size)
{
    if (n < g->room[which]) return PC_OK;
    int32_t room = n > 0 ? 2 * n : 64;
    if (n >= MOST) return pc_fail(PC_EFORMAT, "a graph of more than %d parts", (int)MOST);
    void *old, *fresh = pc_calloc((size_t)room, size);
    if (fresh == NULL) return pc_fail(PC_ENOMEM, "out of memory for a graph");
    memcpy(&old, array, sizeof old); /* a pointer of whatever type */
    if (n > 0) memcpy(fresh, old, (size_t)n * size);
    pc_free(old);
    memcpy(array, &fresh, sizeof fresh);
    g->room[which] = room;
    return PC_OK;
}

/* ---- parts --------------------------------------------------------------------------------------- */

pc_status pc_graph_add_var(pc_graph *g, pc_var_type type, pc_var_source source, int32_t index, int32_t *out)
{
    pc_status status = grow(g, ROOM_VARS, &g->vars, g->nvars, sizeof *g->vars);
    if (status != PC_OK) return status;
    g->vars[g->nvars] = (pc_var){ .type = (uint8_t)type, .source = (uint8_t)source, .index = index, .last_use = -1 };
    *out = g->nvars++;
    return PC_OK;
}

pc_status pc_graph_set_modules(pc_graph *g, int32_t n, pc_module *modules, int32_t ntensors)
{
    pc_status status = PC_OK;
    PC_TRY(pc_graph_alloc(g, ntensors * (int64_t)sizeof *g->tensor_vars, &g->tensor_vars));
    for (int32_t k = 0; k < ntensors; k++)
        PC_TRY(pc_graph_add_var(g, PC_VAR_TENSOR, PC_FROM_MODULE, k, &g->tensor_vars[k]));
    g->nmodules = n;
    g->modules = modules;
    g->ntensors = ntensors;
done:
    return status;
}

pc_status pc_graph_set_inputs(pc_graph *g, int32_t n, const char *const *names)
{
    pc_status status = PC_OK;
    PC_TRY(pc_graph_alloc(g, n * (int64_t)sizeof *g->inputs, &g->inputs));
    PC_TRY(pc_graph_alloc(g, n * (int64_t)sizeof *g->input_names, &g->input_names));
    for (int32_t k = 0; k < n; k++) {
        PC_TRY(pc_graph_text(g, names[k], (int64_t)strlen(names[k]), &g->input_names[k]));
        PC_TRY(pc_graph_add_var(g, PC_VAR_TENSOR, PC_FROM_INPUT, k, &g->inputs[k]));
    }
    g->ninputs = n;
done:
    return status;
}

pc_status pc_graph_add_constant(pc_graph *g, const pc_tensor *t, int32_t *var)
{
    pc_status status = PC_OK;
    pc_tensor *alias = NULL, *copy = NULL;
    PC_TRY(grow(g, ROOM_CONSTANTS, &g->constants, g->nconstants, sizeof *g->constants));
    PC_TRY(pc_tensor_alias(t, &alias));
    PC_TRY(pc_tensor_settle(alias));
    PC_TRY(pc_clone(alias, &copy));
    PC_TRY(pc_graph_add_var(g, PC_VAR_TENSOR, PC_FROM_CONSTANT, g->nconstants, var));
    g->constants[g->nconstants++] = copy;
    copy = NULL;
done:
    pc_release(alias);
    pc_release(copy);
    return status;
}

pc_status pc_graph_add_node(pc_graph *g, pc_node_kind kind, int32_t nargs, int32_t nout, pc_var_type type,
                            pc_graph_node **out)
{
    pc_status status = PC_OK;
    PC_TRY(grow(g, ROOM_NODES, &g->nodes, g->nnodes, sizeof *g->nodes));
    pc_graph_node *n = &g->nodes[g->nnodes];
    *n = (pc_graph_node){ .kind = (uint8_t)kind, .nargs = nargs, .nout = nout, .whole = true };
    PC_TRY(pc_graph_alloc(g, nargs * (int64_t)sizeof *n->args, &n->args));
    PC_TRY(pc_graph_alloc(g, nout * (int64_t)sizeof *n->out, &n->out));
    for (int32_t k = 0; k < nout; k++) PC_TRY(pc_graph_add_var(g, type, PC_FROM_NODE, g->nnodes, &n->out[k]));
    g->nnodes++;
    *out = n;
done:
    return status;
}

pc_status pc_graph_enter(pc_graph *g, int32_t module)
{
    pc_status status = grow(g, ROOM_FRAMES, &g->frames, g->nframes, sizeof *g->frames);
    if (status != PC_OK) return status;
    g->frames[g->nframes] = (pc_frame){ .module = module, .parent = g->frame, .first = g->nnodes, .end = -1 };
    g->frame = g->nframes++;
    return PC_OK;
}

void pc_graph_leave(pc_graph *g)
{
    g->frames[g->frame].end = g->nnodes;
    g->frame = g->frames[g->frame].parent;
}

/* ---- the end ------------------------------------------------------------------------------------- */

static void use(pc_graph *g, const pc_arg *a, int32_t by)
{
    if (a->kind == PC_ARG_VAR && by > g->vars[a->i].last_use) g->vars[a->i].last_use = by;
    for (int32_t k = 0; pc_arg_has_items(a) && k < a->n; k++) use(g, &a->items[k], by);
}

static bool is_needed(const pc_graph *g, const pc_graph_node *n)
{
    if (n->kind == PC_NODE_OP && (n->inplace || (n->op->flags & PC_WRITES))) return true;
    for (int32_t k = 0; k < n->nout; k++)
        if (n->out[k] >= 0 && g->vars[n->out[k]].last_use >= 0) return true;
    return false;
}

pc_status pc_graph_finish(pc_graph *g, pc_arg output)
{
    pc_status status = PC_OK;
    int32_t *moved = pc_calloc((size_t)g->nnodes + 1, sizeof *moved), kept = 0;
    PC_CHECK(moved != NULL, PC_ENOMEM, "out of memory for a graph");
    while (g->frame >= 0) pc_graph_leave(g);
    g->output = output;
    use(g, &output, PC_ALWAYS);
    for (int32_t k = g->nnodes - 1; k >= 0; k--) {
        moved[k] = is_needed(g, &g->nodes[k]);
        for (int32_t j = 0; moved[k] && j < g->nodes[k].nargs; j++) use(g, &g->nodes[k].args[j], k);
    }
    for (int32_t k = 0; k <= g->nnodes; k++) { /* from here on: where node k goes to */
        bool keep = k < g->nnodes && moved[k];
        moved[k] = kept;
        if (!keep) continue;
        g->nodes[kept] = g->nodes[k];
        for (int32_t j = 0; j < g->nodes[k].nout; j++)
            if (g->nodes[k].out[j] >= 0) g->vars[g->nodes[k].out[j]].index = kept;
        kept++;
    }
    for (int32_t k = 0; k < g->nvars; k++)
        if (g->vars[k].last_use >= 0 && g->vars[k].last_use != PC_ALWAYS)
            g->vars[k].last_use = moved[g->vars[k].last_use];
    for (int32_t k = 0; k < g->nframes; k++) {
        g->frames[k].first = moved[g->frames[k].first];
        g->frames[k].end = moved[g->frames[k].end];
    }
    g->nnodes = kept;
done:
    pc_free(moved);
    return status;
}

/* ---- parts of a graph ------------------------------------------------------------------------------ */

/* What is used in the part and neither made there nor a module's or constant becomes an input. */
static pc_status find_inputs(pc_graph *part, const pc_arg *a, int32_t *inputs)
{
    pc_status status = PC_OK;
    if (a->kind == PC_ARG_VAR) {
        pc_var *v = &part->vars[a->i];
        if (v->source == PC_FROM_NODE && v->index < 0) {
            PC_CHECK(v->type == PC_VAR_TENSOR, PC_ESHAPE,
                     "this part of the model is called with a size, not with tensors alone: "
                     "call the whole");
            inputs[part->ninputs] = (int32_t)a->i;
            *v = (pc_var){ .source = PC_FROM_INPUT, .index = part->ninputs++, .last_use = -1 };
        }
    }
    for (int32_t k = 0; pc_arg_has_items(a) && k < a->n; k++) PC_TRY(find_inputs(part, &a->items[k], inputs));
done:
    return status;
}

/* Own arrays of what changes: variables and nodes, with places outside of [first, end) as -1. */
static pc_status copy_range(const pc_graph *g, const pc_frame *f, pc_graph *part)
{
    pc_status status = PC_OK;
    part->nnodes = f->end - f->first;
    part->nodes = pc_calloc((size_t)part->nnodes + 1, sizeof *part->nodes);
    part->vars = pc_calloc((size_t)g->nvars + 1, sizeof *part->vars);
    part->frames = pc_calloc(1, sizeof *part->frames);
    part->constants = pc_calloc((size_t)g->nconstants + 1, sizeof *part->constants);
    PC_CHECK(part->nodes != NULL && part->vars != NULL && part->frames != NULL && part->constants != NULL, PC_ENOMEM,
             "out of memory for a graph");
    memcpy(part->nodes, &g->nodes[f->first], (size_t)part->nnodes * sizeof *part->nodes);
    memcpy(part->vars, g->vars, (size_t)g->nvars * sizeof *part->vars);
    part->nvars = g->nvars;
    for (int32_t k = 0; k < g->nvars; k++) {
        pc_var *v = &part->vars[k];
        bool inside = v->source == PC_FROM_NODE && v->index >= f->first && v->index < f->end;
        v->last_use = -1;
        if (inside) v->index -= f->first;
        else if (v->source == PC_FROM_INPUT || v->source == PC_FROM_NODE) v->source = PC_FROM_NODE, v->index = -1;
    }
    for (; part->nconstants < g->nconstants; part->nconstants++)
        part->constants[part->nconstants] = pc_retain(g->constants[part->nconstants]);
    part->modules = g->modules;
    part->nmodules = g->nmodules;
    part->tensor_vars = g->tensor_vars;
    part->ntensors = g->ntensors;
    part->nframes = 1;
    part->frames[0] = (pc_frame){ .module = f->module, .parent = -1, .first = 0, .end = part->nnodes };
done:
    return status;
}

pc_status pc_graph_part(const pc_graph *g, int32_t module, pc_graph **out)
{
    pc_status status = PC_OK;
    pc_graph *part = NULL;
    const pc_frame *f = NULL;
    pc_arg output = { .kind = PC_ARG_TUPLE };
    for (int32_t k = g->nframes - 1; k >= 0; k--)
        if (g->frames[k].module == module && g->frames[k].end > g->frames[k].first) f = &g->frames[k];
    PC_CHECK(f != NULL, PC_ESHAPE, "this part of the model was not called in the trace, or did nothing");
    PC_TRY(pc_graph_new(&part));
    PC_TRY(copy_range(g, f, part));
    PC_TRY(pc_graph_alloc(part, g->nvars * (int64_t)sizeof *part->inputs, &part->inputs));
    for (int32_t k = 0; k < part->nnodes; k++)
        for (int32_t j = 0; j < part->nodes[k].nargs; j++)
            PC_TRY(find_inputs(part, &part->nodes[k].args[j], part->inputs));
    PC_TRY(pc_graph_alloc(part, part->ninputs * (int64_t)sizeof *part->input_names, &part->input_names));
    for (int32_t k = 0; k < part->ninputs; k++) {
        char name[24];
        int n = snprintf(name, sizeof name, k == 0 ? "input" : "input_%d", (int)k + 1);
        PC_TRY(pc_graph_text(part, name, n, &part->input_names[k]));
    }
    PC_TRY(pc_graph_alloc(part, g->nvars * (int64_t)sizeof *output.items, &output.items));
    for (int32_t k = 0; k < part->nnodes; k++)
        for (int32_t j = 0; j < part->nodes[k].nout; j++) {
            int32_t var = part->nodes[k].out[j];
            if (var >= 0 && g->vars[var].last_use >= f->end) output.items[output.n++] = pc_arg_var(var);
        }
    PC_TRY(pc_graph_finish(part, output.n == 1 ? output.items[0] : output));
    *out = part;
    part = NULL;
done:
    pc_graph_free(part);
    return status;
}
