/* graph_print.c -- a graph for the eye: a node a line, modules' tensors by their path. */
#include "../core/alloc.h"
#include "../ops/schema.h"
#include "aten.h"
#include "torchscript.h"

typedef struct printer {
    const pc_graph *g;
    pc_text *t;
    int32_t frame;
} printer;

static void put_var(printer *p, int32_t var)
{
    const pc_graph *g = p->g;
    if (g->vars[var].source == PC_FROM_INPUT) pc_text_add(p->t, "%%%s", g->input_names[g->vars[var].index]);
    else pc_text_add(p->t, "%%%d", (int)var);
}

static void put_arg(printer *p, const pc_arg *a)
{
    pc_text *t = p->t;
    switch (a->kind) {
    case PC_ARG_NONE: pc_text_add(t, "None"); break;
    case PC_ARG_BOOL: pc_text_add(t, a->i ? "True" : "False"); break;
    case PC_ARG_INT: pc_text_add(t, "%lld", (long long)a->i); break;
    case PC_ARG_FLOAT: pc_text_float(t, a->f); break;
    case PC_ARG_STR: pc_text_quoted(t, a->text); break;
    case PC_ARG_DTYPE: pc_text_add(t, "%s", pc_dtype_name((pc_dtype)a->i)); break;
    case PC_ARG_VAR: put_var(p, (int32_t)a->i); break;
    default:
        pc_text_add(t, a->kind == PC_ARG_LIST ? "[" : a->kind == PC_ARG_DICT ? "{" : "(");
        for (int32_t k = 0; k < a->n; k++) {
            if (k > 0) pc_text_add(t, a->kind == PC_ARG_DICT && k % 2 == 1 ? ": " : ", ");
            put_arg(p, &a->items[k]);
        }
        pc_text_add(t, a->kind == PC_ARG_LIST ? "]" : a->kind == PC_ARG_DICT ? "}" : ")");
    }
}

static const char *type_name(const pc_graph *g, int32_t var)
{
    static const char *const names[] = { "Tensor", "int", "float", "bool" };
    return names[g->vars[var].type];
}

/* "layer1.0.conv1" of a call, by the path of the first place where each module stands. */
static void put_scope(printer *p, int32_t frame)
{
    const pc_graph *g = p->g;
    if (frame <= 0) return;
    put_scope(p, g->frames[frame].parent);
    const pc_module *up = &g->modules[g->frames[g->frames[frame].parent].module];
    for (int32_t k = 0; k < up->nchildren; k++)
        if (up->children[k].module == g->frames[frame].module) {
            pc_text_add(p->t, g->frames[frame].parent > 0 ? ".%s" : "%s", up->children[k].name);
            return;
        }
    pc_text_add(p->t, "?");
}

static pc_status put_node(printer *p, int32_t k)
{
    static const char *const arithmetic[] = { "add", "sub", "mul", "floordiv", "remainder", "neg" };
    const pc_graph *g = p->g;
    const pc_graph_node *n = &g->nodes[k];
    pc_aten_call c;
    pc_text_add(p->t, "  ");
    for (int32_t j = 0; j < n->nout; j++) {
        if (j > 0) pc_text_add(p->t, ", ");
        if (n->out[j] < 0) pc_text_add(p->t, "_");
        else pc_text_add(p->t, "%%%d : %s", (int)n->out[j], type_name(g, n->out[j]));
    }
    if (n->kind == PC_NODE_OP) {
        pc_status status = pc_aten_write(g, n, &c);
        if (status != PC_OK) return status;
        pc_text_add(p->t, " = aten::%s(", c.name);
        for (int j = 0; j < c.n; j++) {
            if (j > 0) pc_text_add(p->t, ", ");
            if (c.args[j].keyword != NULL) pc_text_add(p->t, "%s=", c.args[j].keyword);
            put_arg(p, &c.args[j].value);
        }
    } else {
        if (n->kind == PC_NODE_TO_TENSOR) pc_text_add(p->t, " = prim::NumToTensor(");
        else pc_text_add(p->t, " = aten::%s(", n->kind == PC_NODE_SIZE ? "size" : n->kind == PC_NODE_ARITHMETIC
                                               ? arithmetic[n->arithmetic] : "Int");
        for (int32_t j = 0; j < n->nargs; j++) {
            if (j > 0) pc_text_add(p->t, ", ");
            put_arg(p, &n->args[j]);
        }
    }
    pc_text_add(p->t, ")");
    while (p->frame + 1 < g->nframes && g->frames[p->frame + 1].first <= k) p->frame++;
    int32_t inner = p->frame;
    while (inner > 0 && g->frames[inner].end <= k) inner = g->frames[inner].parent;
    if (inner > 0) {
        pc_text_add(p->t, " # ");
        put_scope(p, inner);
    }
    pc_text_add(p->t, "\n");
    return p->t->status;
}

static void put_tensor_lines(printer *p, int32_t module, pc_text *path, bool *done)
{
    const pc_module *m = &p->g->modules[module];
    int64_t n = path->n;
    for (int32_t k = 0; k < m->nattributes; k++) {
        int32_t tensor = m->attributes[k].tensor, var = p->g->tensor_vars[tensor];
        if (done[tensor] || p->g->vars[var].last_use < 0) continue;
        done[tensor] = true;
        pc_text_add(p->t, "  %%%d : Tensor = prim::GetAttr[name=\"%s%s\"](%%self)\n", (int)var, n > 0 ? path->p : "",
                    m->attributes[k].name);
    }
    for (int32_t k = 0; k < m->nchildren; k++) {
        pc_text_add(path, "%s.", m->children[k].name);
        put_tensor_lines(p, m->children[k].module, path, done);
        path->n = n;
        if (path->p != NULL) path->p[n] = 0;
    }
}

pc_status pc_graph_print(const pc_graph *g, pc_text *out)
{
    pc_status status = PC_OK;
    printer p = { .g = g, .t = out };
    pc_text path = { .status = PC_OK };
    bool *done = pc_calloc((size_t)g->ntensors + 1, sizeof *done);
    PC_CHECK(done != NULL, PC_ENOMEM, "out of memory for the text of a graph");
    pc_text_add(out, "graph(%%self : %s", g->modules[0].type);
    for (int32_t k = 0; k < g->ninputs; k++) pc_text_add(out, ",\n      %%%s : Tensor", g->input_names[k]);
    pc_text_add(out, "):\n");
    put_tensor_lines(&p, 0, &path, done);
    for (int32_t k = 0; k < g->nvars; k++)
        if (g->vars[k].source == PC_FROM_CONSTANT && g->vars[k].last_use >= 0)
            pc_text_add(out, "  %%%d : Tensor = prim::Constant[value={...}]()\n", (int)k);
    for (int32_t k = 0; k < g->nnodes; k++) PC_TRY(put_node(&p, k));
    pc_text_add(out, "  return (");
    put_arg(&p, &g->output);
    pc_text_add(out, ")\n");
    status = path.status != PC_OK ? path.status : out->status;
done:
    pc_text_free(&path);
    pc_free(done);
    return status;
}
