/* script_write.c -- a graph as TorchScript source: a class for each module, a method for each of its calls. */
#include "../core/alloc.h"
#include "../ops/schema.h"
#include "aten.h"
#include "torchscript.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct list {
    int32_t *p, n;           /* variables */
} list;

typedef struct writer {
    const pc_graph *g;
    pc_code *code;
    pc_arena arena;          /* of all arrays but methods and bodies */
    int32_t *first_child, *next; /* of frames: the calls in a call */
    int32_t *number;         /* of frames: which call of its module this is */
    bool *inlined;           /* of frames: the module cannot be reached from the caller's */
    list *inputs;            /* of frames: what comes from outside */
    int32_t *name;           /* of variables: in the method at hand, _N or input -1 - N; set if stamp says so */
    int32_t *stamp, now;
    int32_t *visited, visit; /* of modules */
    pc_text *methods;        /* of modules */
    uint64_t *hashes;        /* of classes, by file order: see share() */
    char **bodies;
    int32_t *body_module, nbodies, mangled;
} writer;

static pc_status new_zeros(writer *w, int64_t bytes, void *out)
{
    void *p = pc_arena_alloc(&w->arena, bytes);
    if (p == NULL) return pc_fail(PC_ENOMEM, "out of memory for the source of a graph");
    memset(p, 0, (size_t)bytes);
    memcpy(out, &p, sizeof p); /* of whatever type it points to */
    return PC_OK;
}

/* ---- names ----------------------------------------------------------------------------------------- */

static bool is_identifier(const char *s)
{
    static const char *const reserved[] = {
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
        "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda",
        "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield", "self", "torch", "ops",
        "CONSTANTS", "fork", "annotate", "unchecked_cast", "uninitialized", "inf", "nan", "infj", "nanj",
        "__torch__", "int", "float", "bool", "complex", "str", "getattr", "print", "device", "Tensor", "rpc_async",
        "range", "isinstance", "tuple", "list", "dict", "len", "hash", "min", "max", "abs", "all", "any", "divmod",
        "ord", "chr", "hex", "oct", "bin", "round", "sorted", "enumerate", "zip"
    };
    if (!isalpha((unsigned char)*s) && *s != '_') return false;
    for (const char *p = s; *p != 0; p++)
        if (!isalnum((unsigned char)*p) && *p != '_') return false;
    for (size_t k = 0; k < sizeof reserved / sizeof reserved[0]; k++)
        if (strcmp(reserved[k], s) == 0) return false;
    return true;
}

/* The path from one module down to another, as items of a list; false: there is none. */
static bool find_path(writer *w, int32_t from, int32_t to, const char **path, int32_t *n, int32_t room)
{
    if (from == to) return true;
    if (w->visited[from] == w->visit || *n == room) return false;
    w->visited[from] = w->visit;
    const pc_module *m = &w->g->modules[from];
    for (int32_t k = 0; k < m->nchildren; k++) {
        path[(*n)++] = m->children[k].name;
        if (find_path(w, m->children[k].module, to, path, n, room)) return true;
        (*n)--;
    }
    return false;
}

#define MOST_DEPTH 256

/* self.a.b of a module or, with name, of its attribute. */
static void put_path(pc_text *t, const char **path, int32_t n, const char *name)
{
    int32_t total = n + (name != NULL);
    for (int32_t k = total - 1; k >= 0; k--)
        if (!is_identifier(k < n ? path[k] : name)) pc_text_add(t, "getattr(");
    pc_text_add(t, "self");
    for (int32_t k = 0; k < total; k++) {
        const char *s = k < n ? path[k] : name;
        if (is_identifier(s)) pc_text_add(t, ".%s", s);
        else {
            pc_text_add(t, ", ");
            pc_text_quoted(t, s);
            pc_text_add(t, ")");
        }
    }
}

static bool put_module(writer *w, pc_text *t, int32_t from, int32_t to)
{
    const char *path[MOST_DEPTH];
    int32_t n = 0;
    w->visit++;
    if (!find_path(w, from, to, path, &n, MOST_DEPTH)) return false;
    if (t != NULL) put_path(t, path, n, NULL);
    return true;
}

/* A module's tensor as seen from a module, near ones first; t == NULL: can it be seen? */
static bool put_tensor(writer *w, pc_text *t, int32_t from, int32_t tensor)
{
    const pc_graph *g = w->g;
    for (int32_t step = 0; step <= g->nmodules; step++) {
        int32_t m = step == 0 ? from : step - 1;
        const char *path[MOST_DEPTH];
        int32_t n = 0;
        for (int32_t k = 0; k < g->modules[m].nattributes; k++) {
            if (g->modules[m].attributes[k].tensor != tensor) continue;
            w->visit++;
            if (!find_path(w, from, m, path, &n, MOST_DEPTH)) break;
            if (t != NULL) put_path(t, path, n, g->modules[m].attributes[k].name);
            return true;
        }
    }
    return false;
}

/* ---- what comes into a call, what goes out --------------------------------------------------------- */

static bool defined_in(const pc_graph *g, int32_t var, const pc_frame *f)
{
    return g->vars[var].source == PC_FROM_NODE && g->vars[var].index >= f->first && g->vars[var].index < f->end;
}

static bool is_output(const pc_graph *g, int32_t var, const pc_frame *f)
{
    return defined_in(g, var, f) && g->vars[var].last_use >= f->end;
}

/* The outputs of a call, one after the other; -1 behind the last. */
typedef struct cursor {
    int32_t node, out;
} cursor;

static int32_t next_output(const pc_graph *g, const pc_frame *f, cursor *at)
{
    for (; at->node < f->end; at->node++, at->out = 0)
        while (at->out < g->nodes[at->node].nout) {
            int32_t var = g->nodes[at->node].out[at->out++];
            if (var >= 0 && is_output(g, var, f)) return var;
        }
    return -1;
}

static int32_t count_outputs(const pc_graph *g, const pc_frame *f)
{
    int32_t n = 0;
    for (cursor at = { f->first, 0 }; next_output(g, f, &at) >= 0;) n++;
    return n;
}

static pc_status add_input(writer *w, int32_t frame, int32_t var)
{
    const pc_graph *g = w->g;
    const pc_frame *f = &g->frames[frame];
    list *in = &w->inputs[frame];
    if (w->stamp[var] == w->now || defined_in(g, var, f) || g->vars[var].source == PC_FROM_CONSTANT) return PC_OK;
    if (g->vars[var].source == PC_FROM_MODULE && put_tensor(w, NULL, f->module, g->vars[var].index)) return PC_OK;
    w->stamp[var] = w->now;
    if ((in->n & (in->n - 1)) == 0) { /* a power of two: full */
        int32_t *larger = NULL;
        pc_status status = new_zeros(w, 2 * (in->n + 1) * (int64_t)sizeof *larger, &larger);
        if (status != PC_OK) return status;
        if (in->n > 0) memcpy(larger, in->p, (size_t)in->n * sizeof *larger);
        in->p = larger;
    }
    in->p[in->n++] = var;
    return PC_OK;
}

static pc_status add_arg(writer *w, int32_t frame, const pc_arg *a)
{
    pc_status status = PC_OK;
    if (a->kind == PC_ARG_VAR) PC_TRY(add_input(w, frame, (int32_t)a->i));
    for (int32_t k = 0; pc_arg_has_items(a) && k < a->n; k++) PC_TRY(add_arg(w, frame, &a->items[k]));
done:
    return status;
}

/* Own nodes, and what calls need that have their inputs already; `in`: the frame itself or one inlined into it. */
static pc_status collect(writer *w, int32_t frame, int32_t in)
{
    pc_status status = PC_OK;
    const pc_graph *g = w->g;
    int32_t child = w->first_child[in];
    for (int32_t k = g->frames[in].first; k < g->frames[in].end;) {
        while (child >= 0 && g->frames[child].end <= k) child = w->next[child];
        if (child >= 0 && g->frames[child].first == k && g->frames[child].end > k) {
            if (w->inlined[child]) PC_TRY(collect(w, frame, child));
            else
                for (int32_t j = 0; j < w->inputs[child].n; j++) PC_TRY(add_input(w, frame, w->inputs[child].p[j]));
            k = g->frames[child].end;
            child = w->next[child];
            continue;
        }
        for (int32_t j = 0; j < g->nodes[k].nargs; j++) PC_TRY(add_arg(w, frame, &g->nodes[k].args[j]));
        k++;
    }
done:
    return status;
}

/* Callees stand behind their callers: from the last to the first. */
static pc_status analyse(writer *w)
{
    pc_status status = PC_OK;
    const pc_graph *g = w->g;
    int32_t *calls = NULL;
    PC_TRY(new_zeros(w, g->nmodules * (int64_t)sizeof *calls, &calls));
    for (int32_t k = 0; k < g->nframes; k++) {
        const pc_frame *f = &g->frames[k];
        w->first_child[k] = w->next[k] = -1;
        if (k > 0) w->inlined[k] = !put_module(w, NULL, g->frames[f->parent].module, f->module);
    }
    for (int32_t k = g->nframes - 1; k > 0; k--) {
        w->next[k] = w->first_child[g->frames[k].parent];
        w->first_child[g->frames[k].parent] = k;
    }
    for (int32_t k = 0; k < g->nframes; k++) /* a caller that is inlined itself sees with its own caller's eyes */
        if (k > 0 && !w->inlined[k] && w->inlined[g->frames[k].parent]) {
            int32_t up = g->frames[k].parent;
            while (w->inlined[up]) up = g->frames[up].parent;
            w->inlined[k] = !put_module(w, NULL, g->frames[up].module, g->frames[k].module);
        }
    for (int32_t k = 0; k < g->nframes; k++)
        if (g->frames[k].end > g->frames[k].first && !w->inlined[k]) w->number[k] = calls[g->frames[k].module]++;
    for (int32_t k = g->nframes - 1; k >= 0; k--) {
        w->now++;
        if (!w->inlined[k]) PC_TRY(collect(w, k, k));
    }
done:
    return status;
}

/* ---- statements ------------------------------------------------------------------------------------ */

static const char *type_name(const pc_graph *g, int32_t var)
{
    static const char *const names[] = { "Tensor", "int", "float", "bool" };
    return names[g->vars[var].type];
}

static void put_type(writer *w, pc_text *t, const pc_arg *a)
{
    switch (a->kind) {
    case PC_ARG_VAR: pc_text_add(t, "%s", type_name(w->g, (int32_t)a->i)); break;
    case PC_ARG_INT: pc_text_add(t, "int"); break;
    case PC_ARG_FLOAT: pc_text_add(t, "float"); break;
    case PC_ARG_BOOL: pc_text_add(t, "bool"); break;
    case PC_ARG_STR: pc_text_add(t, "str"); break;
    case PC_ARG_LIST:
        pc_text_add(t, "List[");
        if (a->n > 0) put_type(w, t, &a->items[0]);
        else pc_text_add(t, "Tensor");
        pc_text_add(t, "]");
        break;
    case PC_ARG_DICT:
        pc_text_add(t, "Dict[str, ");
        if (a->n > 0) put_type(w, t, &a->items[1]);
        else pc_text_add(t, "Tensor");
        pc_text_add(t, "]");
        break;
    case PC_ARG_TUPLE:
        pc_text_add(t, "Tuple[");
        for (int32_t k = 0; k < a->n; k++) {
            if (k > 0) pc_text_add(t, ", ");
            put_type(w, t, &a->items[k]);
        }
        pc_text_add(t, a->n > 0 ? "]" : "()]");
        break;
    default: pc_text_add(t, "NoneType");
    }
}

static void put_input_name(writer *w, pc_text *t, int32_t frame, int32_t k)
{
    const pc_graph *g = w->g;
    bool clash = false;
    if (frame > 0) {
        pc_text_add(t, w->inputs[frame].n > 1 ? "x%d" : "x", (int)k);
        return;
    }
    for (int32_t j = 0; j < k; j++) clash = clash || strcmp(g->input_names[j], g->input_names[k]) == 0;
    if (!clash && is_identifier(g->input_names[k]) && g->input_names[k][0] != '_')
        pc_text_add(t, "%s", g->input_names[k]);
    else pc_text_add(t, "argument_%d", (int)k + 1);
}

static void put_var(writer *w, pc_text *t, int32_t frame, int32_t var)
{
    const pc_var *v = &w->g->vars[var];
    if (w->stamp[var] == w->now) {
        if (w->name[var] >= 0) pc_text_add(t, "_%d", (int)w->name[var]);
        else put_input_name(w, t, frame, -1 - w->name[var]);
    } else if (v->source == PC_FROM_CONSTANT) {
        pc_text_add(t, "CONSTANTS.c%d", (int)v->index);
    } else if (v->source != PC_FROM_MODULE || !put_tensor(w, t, w->g->frames[frame].module, v->index)) {
        t->status = pc_fail(PC_ESHAPE, "the graph uses a value before it is computed");
    }
}

static void put_arg(writer *w, pc_text *t, int32_t frame, const pc_arg *a)
{
    static const char brackets[] = "[]()";
    switch (a->kind) {
    case PC_ARG_NONE: pc_text_add(t, "None"); break;
    case PC_ARG_BOOL: pc_text_add(t, a->i ? "True" : "False"); break;
    case PC_ARG_INT: pc_text_add(t, "%lld", (long long)a->i); break;
    case PC_ARG_FLOAT: pc_text_float(t, a->f); break;
    case PC_ARG_STR: pc_text_quoted(t, a->text); break;
    case PC_ARG_DTYPE: pc_text_add(t, "%d", pc_aten_dtype((pc_dtype)a->i)); break;
    case PC_ARG_VAR: put_var(w, t, frame, (int32_t)a->i); break;
    case PC_ARG_DICT:
        pc_text_add(t, "{");
        for (int32_t k = 0; k < a->n; k++) {
            put_arg(w, t, frame, &a->items[k]);
            if (k + 1 < a->n) pc_text_add(t, k % 2 == 0 ? ": " : ", ");
        }
        pc_text_add(t, "}");
        break;
    default: {
        const char *b = a->kind == PC_ARG_LIST ? brackets : brackets + 2;
        pc_text_add(t, "%c", b[0]);
        for (int32_t k = 0; k < a->n; k++) {
            if (k > 0) pc_text_add(t, ", ");
            put_arg(w, t, frame, &a->items[k]);
        }
        pc_text_add(t, a->kind == PC_ARG_TUPLE && a->n == 1 ? ",%c" : "%c", b[1]);
    }
    }
}

static void put_call(writer *w, pc_text *t, int32_t frame, const pc_aten_call *c)
{
    pc_text_add(t, "torch.%s(", c->name);
    for (int k = 0; k < c->n; k++) {
        const pc_arg *a = &c->args[k].value;
        if (k > 0) pc_text_add(t, ", ");
        if (c->args[k].keyword != NULL) pc_text_add(t, "%s=", c->args[k].keyword);
        bool typed = a->kind == PC_ARG_LIST
                     && (c->args[k].type == PC_OPTIONAL_TENSOR_LIST || (c->args[k].type == PC_INT_LIST && a->n == 0));
        if (typed) pc_text_add(t, "annotate(List[%s], ", c->args[k].type == PC_INT_LIST ? "int" : "Optional[Tensor]");
        if (c->args[k].type == PC_AS_TENSOR) pc_text_add(t, "ops.prim.NumToTensor(");
        put_arg(w, t, frame, a);
        if (typed || c->args[k].type == PC_AS_TENSOR) pc_text_add(t, ")");
    }
    pc_text_add(t, ")");
}

static void name_var(writer *w, int32_t var, int32_t name)
{
    w->name[var] = name;
    w->stamp[var] = w->now;
}

static pc_status put_op(writer *w, pc_text *t, int32_t frame, const pc_graph_node *n, int32_t *names)
{
    pc_aten_call c;
    pc_status status = pc_aten_write(w->g, n, &c);
    if (status != PC_OK) return status;
    if (c.version > w->code->version) w->code->version = c.version;
    bool list = pc_aten_gives_list(n), second = strcmp(c.name, "adaptive_max_pool2d") == 0 && n->nout == 1;
    int32_t from = -1;
    pc_text_add(t, "    ");
    if (list && !n->whole) pc_text_add(t, "_%d", (int)(from = (*names)++));
    for (int32_t k = 0; k < n->nout && from < 0; k++)
        pc_text_add(t, n->nout > 1 || list ? "_%d, " : "_%d", (int)(*names + k));
    if (second) pc_text_add(t, ", _%d, ", (int)*names + 1);
    pc_text_add(t, " = ");
    put_call(w, t, frame, &c);
    pc_text_add(t, "\n");
    for (int32_t k = 0; k < n->nout; k++) {
        if (n->out[k] >= 0) name_var(w, n->out[k], *names);
        if (from >= 0 && n->out[k] >= 0) pc_text_add(t, "    _%d = _%d[%d]\n", (int)*names, (int)from, (int)k);
        ++*names;
    }
    *names += second;
    return PC_OK;
}

static pc_status put_node(writer *w, pc_text *t, int32_t frame, const pc_graph_node *n, int32_t *names)
{
    static const char *const arithmetic[] = { "torch.add",      "torch.sub",       "torch.mul",
                                              "torch.floordiv", "torch.remainder", "torch.neg" };
    if (n->kind == PC_NODE_OP) return put_op(w, t, frame, n, names);
    const char *call = n->kind == PC_NODE_SIZE         ? "torch.size"
                       : n->kind == PC_NODE_ARITHMETIC ? arithmetic[n->arithmetic]
                       : n->kind == PC_NODE_TO_TENSOR  ? "ops.prim.NumToTensor"
                                                       : type_name(w->g, n->out[0]);
    pc_text_add(t, "    _%d = %s(", (int)*names, call);
    for (int32_t k = 0; k < n->nargs; k++) {
        if (k > 0) pc_text_add(t, ", ");
        put_arg(w, t, frame, &n->args[k]);
    }
    pc_text_add(t, ")\n");
    name_var(w, n->out[0], (*names)++);
    return PC_OK;
}

/* ---- methods --------------------------------------------------------------------------------------- */

static void put_method_name(const writer *w, pc_text *t, int32_t frame)
{
    pc_text_add(t, w->number[frame] > 0 ? "forward%d" : "forward", (int)w->number[frame]);
}

/* _0, _1, = (self.child).forward(x, ) */
static void put_frame_call(writer *w, pc_text *t, int32_t frame, int32_t callee, int32_t *names)
{
    const pc_graph *g = w->g;
    const pc_frame *f = &g->frames[callee];
    int32_t n = count_outputs(g, f), start = *names, var;
    pc_text_add(t, "    ");
    for (int32_t k = 0; k < n; k++) pc_text_add(t, n > 1 ? "_%d, " : "_%d", (int)(start + k));
    if (n == 0) pc_text_add(t, "_%d", (int)start);
    pc_text_add(t, " = (");
    put_module(w, t, g->frames[frame].module, f->module);
    pc_text_add(t, ").");
    put_method_name(w, t, callee);
    pc_text_add(t, "(");
    for (int32_t k = 0; k < w->inputs[callee].n; k++) {
        put_var(w, t, frame, w->inputs[callee].p[k]);
        pc_text_add(t, ", ");
    }
    pc_text_add(t, ")\n");
    for (cursor at = { f->first, 0 }; (var = next_output(g, f, &at)) >= 0;) name_var(w, var, (*names)++);
    *names += n == 0;
}

static pc_status put_body(writer *w, pc_text *t, int32_t frame, int32_t in, int32_t *names)
{
    pc_status status = PC_OK;
    const pc_graph *g = w->g;
    int32_t child = w->first_child[in];
    for (int32_t k = g->frames[in].first; k < g->frames[in].end;) {
        while (child >= 0 && g->frames[child].end <= k) child = w->next[child];
        if (child >= 0 && g->frames[child].first == k && g->frames[child].end > k) {
            if (w->inlined[child]) PC_TRY(put_body(w, t, frame, child, names));
            else put_frame_call(w, t, frame, child, names);
            k = g->frames[child].end;
            child = w->next[child];
            continue;
        }
        PC_TRY(put_node(w, t, frame, &g->nodes[k], names));
        k++;
    }
done:
    return status;
}

static void put_result(writer *w, pc_text *t, int32_t frame)
{
    const pc_graph *g = w->g;
    const pc_frame *f = &g->frames[frame];
    pc_text_add(t, "    return ");
    if (frame == 0) {
        put_arg(w, t, frame, &g->output);
    } else {
        int32_t n = count_outputs(g, f), count = 0, var;
        pc_text_add(t, n > 1 ? "(" : n == 0 ? "None" : "");
        for (cursor at = { f->first, 0 }; (var = next_output(g, f, &at)) >= 0;) {
            if (count++ > 0) pc_text_add(t, ", ");
            put_var(w, t, frame, var);
        }
        if (n > 1) pc_text_add(t, ")");
    }
    pc_text_add(t, "\n");
}

static void put_result_type(writer *w, pc_text *t, int32_t frame)
{
    const pc_graph *g = w->g;
    const pc_frame *f = &g->frames[frame];
    if (frame == 0) {
        put_type(w, t, &g->output);
        return;
    }
    int32_t n = count_outputs(g, f), count = 0, var;
    pc_text_add(t, n > 1 ? "Tuple[" : n == 0 ? "NoneType" : "");
    for (cursor at = { f->first, 0 }; (var = next_output(g, f, &at)) >= 0;)
        pc_text_add(t, count++ > 0 ? ", %s" : "%s", type_name(g, var));
    if (n > 1) pc_text_add(t, "]");
}

/* "\1" stands for the name of the class, which is not known before its text. */
static pc_status put_method(writer *w, int32_t frame)
{
    pc_status status = PC_OK;
    const pc_graph *g = w->g;
    pc_text *t = &w->methods[g->frames[frame].module];
    int32_t names = 0, n = frame == 0 ? g->ninputs : w->inputs[frame].n;
    w->now++;
    pc_text_add(t, "  def ");
    put_method_name(w, t, frame);
    pc_text_add(t, "(self: \1");
    for (int32_t k = 0; k < n; k++) {
        int32_t var = frame == 0 ? g->inputs[k] : w->inputs[frame].p[k];
        name_var(w, var, -1 - k);
        pc_text_add(t, ",\n    ");
        put_input_name(w, t, frame, k);
        pc_text_add(t, ": %s", type_name(g, var));
    }
    pc_text_add(t, ") -> ");
    put_result_type(w, t, frame);
    pc_text_add(t, ":\n");
    PC_TRY(put_body(w, t, frame, frame, &names));
    put_result(w, t, frame);
    status = t->status;
done:
    return status;
}

/* ---- classes --------------------------------------------------------------------------------------- */

static void put_names(pc_text *t, const pc_module *m, bool parameters)
{
    for (int32_t k = 0; k < m->nattributes; k++)
        if (m->attributes[k].parameter == parameters) {
            pc_text_quoted(t, m->attributes[k].name);
            pc_text_add(t, ", ");
        }
}

static void put_attribute(pc_text *t, const char *name, const char *type)
{
    if (is_identifier(name)) pc_text_add(t, "  %s : %s\n", name, type);
    else {
        pc_text_add(t, "  __annotations__[");
        pc_text_quoted(t, name);
        pc_text_add(t, "] = %s\n", type);
    }
}

static void put_class(writer *w, pc_text *t, int32_t module)
{
    const pc_module *m = &w->g->modules[module];
    pc_text_add(t, "  __parameters__ = [");
    put_names(t, m, true);
    pc_text_add(t, "]\n  __buffers__ = [");
    put_names(t, m, false);
    pc_text_add(t, "]\n");
    for (int32_t k = 0; k < m->nattributes; k++) put_attribute(t, m->attributes[k].name, "Tensor");
    pc_text_add(t, "  training : bool\n  _is_full_backward_hook : Optional[bool]\n");
    for (int32_t k = 0; k < m->nchildren; k++)
        put_attribute(t, m->children[k].name, w->code->types[m->children[k].module]);
    if (w->methods[module].n > 0) pc_text_put(t, w->methods[module].p, w->methods[module].n);
}

static uint64_t hash_of(const char *p)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *p != 0; p++) h = (h ^ (uint8_t)*p) * 0x100000001b3u;
    return h;
}

static char *copy_text(const char *p, int64_t n)
{
    char *copy = pc_alloc((size_t)n + 1);
    if (copy != NULL) memcpy(copy, p, (size_t)n), copy[n] = 0;
    return copy;
}

static bool type_taken(const writer *w, const char *type)
{
    for (int32_t k = 0; k < w->nbodies; k++)
        if (strcmp(w->code->types[w->body_module[k]], type) == 0) return true;
    return false;
}

static pc_status file_of(pc_code *c, const char *module, int64_t n, pc_text **out)
{
    for (int32_t k = 0; k < c->nfiles; k++)
        if (strncmp(c->files[k].module, module, (size_t)n) == 0 && c->files[k].module[n] == 0) {
            *out = &c->files[k].text;
            return PC_OK;
        }
    char *copy = copy_text(module, n);
    if (copy == NULL) return pc_fail(PC_ENOMEM, "out of memory for the source of a graph");
    c->files[c->nfiles] = (pc_code_file){ .module = copy };
    *out = &c->files[c->nfiles++].text;
    return PC_OK;
}

/* The type of a module: that of an earlier one with the same text, or a new class in its file. Children come first. */
static pc_status define(writer *w, int32_t module)
{
    pc_status status = PC_OK;
    pc_code *c = w->code;
    const pc_module *m = &w->g->modules[module];
    pc_text body = { .status = PC_OK }, type = { .status = PC_OK }, *file = NULL;
    if (c->types[module] != NULL) return PC_OK;
    for (int32_t k = 0; k < m->nchildren; k++) PC_TRY(define(w, m->children[k].module));
    put_class(w, &body, module);
    PC_TRY(body.status);
    uint64_t h = hash_of(body.p) ^ hash_of(m->type);
    for (int32_t k = 0; k < w->nbodies; k++)
        if (w->hashes[k] == h && strcmp(w->bodies[k], body.p) == 0
            && strcmp(w->g->modules[w->body_module[k]].type, m->type) == 0) {
            const char *same = c->types[w->body_module[k]];
            c->types[module] = copy_text(same, (int64_t)strlen(same));
            PC_CHECK(c->types[module] != NULL, PC_ENOMEM, "out of memory for the source of a graph");
            goto done;
        }
    const char *dot = strrchr(m->type, '.');
    pc_text_add(&type, "%s", m->type);
    while (type.status == PC_OK && type_taken(w, type.p)) {
        type.n = 0;
        pc_text_add(&type, "%.*s.___torch_mangle_%d%s", (int)(dot - m->type), m->type, (int)w->mangled++, dot);
    }
    PC_TRY(type.status);
    c->types[module] = type.p;
    type.p = NULL;
    w->hashes[w->nbodies] = h;
    const char *text = w->bodies[w->nbodies] = body.p; /* the list's from here on */
    body.p = NULL;
    w->body_module[w->nbodies++] = module;
    const char *full = c->types[module], *last = strrchr(full, '.');
    PC_TRY(file_of(c, full, last - full, &file));
    pc_text_add(file, "class %s(Module):\n", last + 1);
    for (const char *p = text, *end; *p != 0; p = end) {
        end = p + strcspn(p, "\1");
        pc_text_put(file, p, end - p);
        if (*end == '\1') pc_text_add(file, "%s", full), end++;
    }
    status = file->status;
done:
    pc_text_free(&body);
    pc_text_free(&type);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------------- */

static pc_status check_names(const pc_graph *g)
{
    pc_status status = PC_OK;
    for (int32_t k = 0; k < g->nmodules; k++) {
        const pc_module *m = &g->modules[k];
        PC_CHECK(strrchr(m->type, '.') != NULL, PC_EVALUE, "'%s' is no qualified name of a class", m->type);
        for (const char *p = m->type; *p != 0; p++)
            PC_CHECK(isalnum((unsigned char)*p) || *p == '_' || *p == '.', PC_EVALUE, "'%s' is no name of a class",
                     m->type);
    }
done:
    return status;
}

/* The root's method as torch shows it: without the indent of its class and the type of self. */
static pc_status keep_forward(writer *w)
{
    pc_text *t = &w->code->forward;
    for (const char *p = w->methods[w->g->frames[0].module].p, *end; p != NULL && *p != 0; p = end + (*end == '\n')) {
        end = p + strcspn(p, "\n");
        const char *type = memchr(p, '\1', (size_t)(end - p));
        p += 2;
        if (type != NULL) {
            pc_text_put(t, p, type - 2 - p); /* ": " */
            pc_text_put(t, type + 1, end - type - 1);
        } else {
            pc_text_put(t, p, end - p);
        }
        pc_text_put(t, "\n", 1);
    }
    return t->status;
}

pc_status pc_code_write(const pc_graph *g, pc_code *out)
{
    pc_status status = PC_OK;
    int64_t frames = g->nframes, vars = g->nvars, modules = g->nmodules, size = sizeof(int32_t);
    writer w = { .g = g, .code = out };
    *out = (pc_code){ .nmodules = g->nmodules, .version = 3 };
    PC_TRY(check_names(g));
    out->files = pc_calloc((size_t)modules, sizeof *out->files);
    out->types = pc_calloc((size_t)modules, sizeof *out->types);
    w.methods = pc_calloc((size_t)modules, sizeof *w.methods);
    w.bodies = pc_calloc((size_t)modules, sizeof *w.bodies);
    PC_CHECK(out->files != NULL && out->types != NULL && w.methods != NULL && w.bodies != NULL, PC_ENOMEM,
             "out of memory for the source of a graph");
    PC_TRY(new_zeros(&w, frames * size, &w.first_child));
    PC_TRY(new_zeros(&w, frames * size, &w.next));
    PC_TRY(new_zeros(&w, frames * size, &w.number));
    PC_TRY(new_zeros(&w, frames * (int64_t)sizeof *w.inlined, &w.inlined));
    PC_TRY(new_zeros(&w, frames * (int64_t)sizeof *w.inputs, &w.inputs));
    PC_TRY(new_zeros(&w, vars * size, &w.name));
    PC_TRY(new_zeros(&w, vars * size, &w.stamp));
    PC_TRY(new_zeros(&w, modules * size, &w.visited));
    PC_TRY(new_zeros(&w, modules * size, &w.body_module));
    PC_TRY(new_zeros(&w, modules * (int64_t)sizeof *w.hashes, &w.hashes));
    PC_TRY(analyse(&w));
    PC_TRY(put_method(&w, 0));
    PC_TRY(keep_forward(&w));
    for (int32_t k = 1; k < g->nframes; k++)
        if ( (g->frames[k].end > g->frames[k].first && !w.inlined[k])) PC_TRY(put_method(&w, k));
    for (int32_t k = 0; k < g->nmodules; k++) PC_TRY(define(&w, k));
done:
    for (int32_t k = 0; k < w.nbodies; k++) pc_free(w.bodies[k]);
    for (int32_t k = 0; w.methods != NULL && k < g->nmodules; k++) pc_text_free(&w.methods[k]);
    pc_free(w.methods);
    pc_free(w.bodies);
    pc_arena_free(&w.arena);
    if (status != PC_OK) pc_code_free(out);
    return status;
}

void pc_code_free(pc_code *c)
{
    for (int32_t k = 0; k < c->nfiles; k++) {
        pc_free(c->files[k].module);
        pc_text_free(&c->files[k].text);
    }
    for (int32_t k = 0; c->types != NULL && k < c->nmodules; k++) pc_free(c->types[k]);
    pc_free(c->files);
    pc_free(c->types);
    pc_text_free(&c->forward);
    *c = (pc_code){ .version = 3 };
}
