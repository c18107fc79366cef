/* script_follow.c -- a method's code followed statement by statement: operators become nodes, calls of other methods
   are followed in turn. Nothing is computed. */
#include "../core/alloc.h"
#include "aten.h"
#include "script_class.h"
#include <stdlib.h>
#include <string.h>

/* Bounds of what one file may ask for: levels of nesting in all, statements and expressions in all. */
#define MOST_LEVELS 1500
#define MOST_CALLS 200
#define MOST_STEPS ((int64_t)4 << 20)
#define MOST_ITEMS 4096

/* Kinds of values that are no arguments. */
enum { VALUE_MODULE = 64, VALUE_LIST /* i: a node whose results are a list of unknown length */ };

typedef struct binding {
    const pc_token *name;    /* NULL: a free place */
    int32_t call;
    pc_arg value;
} binding;

typedef struct follower {
    pc_script *s;
    const pc_script_modules *m;
    pc_graph *g;
    binding *table;          /* variables of all calls; its size is a power of two */
    int64_t room, used, steps;
    int32_t calls, call;     /* numbers of calls; the one at hand */
    int levels, depth;
} follower;

static pc_status expression(follower *f, const pc_token **t, pc_arg *out);

static pc_status step(follower *f)
{
    if (++f->steps > MOST_STEPS) return pc_fail(PC_EFORMAT, "the model's source does not come to an end");
    return PC_OK;
}

static pc_status sign(const pc_token **t, const char *text)
{
    if (!pc_token_is(*t, text)) return pc_script_refuse(*t, text);
    ++*t;
    return PC_OK;
}

/* ---- variables of the text ------------------------------------------------------------------------- */

static binding *place(follower *f, const pc_token *name, int32_t call)
{
    uint64_t h = 0xcbf29ce484222325u ^ (uint64_t)call * 0x9e3779b97f4a7c15u;
    for (int32_t k = 0; k < name->n; k++) h = (h ^ (uint8_t)name->p[k]) * 0x100000001b3u;
    int64_t at = (int64_t)(h >> 24) & (f->room - 1);
    for (;; at = (at + 1) & (f->room - 1)) {
        binding *b = &f->table[at];
        if (b->name == NULL
            || (b->call == call && b->name->n == name->n && memcmp(b->name->p, name->p, (size_t)name->n) == 0))
            return b;
    }
}

static pc_status bind(follower *f, const pc_token *name, pc_arg value)
{
    if (2 * f->used >= f->room) {
        int64_t room = f->room > 0 ? 2 * f->room : 1024, old_room = f->room;
        binding *old = f->table, *fresh = pc_calloc((size_t)room, sizeof *fresh);
        if (fresh == NULL) return pc_fail(PC_ENOMEM, "out of memory for the source of a model");
        f->table = fresh;
        f->room = room;
        for (int64_t k = 0; k < old_room; k++)
            if (old[k].name != NULL) *place(f, old[k].name, old[k].call) = old[k];
        pc_free(old);
    }
    binding *b = place(f, name, f->call);
    f->used += b->name == NULL;
    *b = (binding){ name, f->call, value };
    return PC_OK;
}

static const pc_arg *lookup(follower *f, const pc_token *name)
{
    const binding *b = f->room > 0 ? place(f, name, f->call) : NULL;
    return b != NULL && b->name != NULL ? &b->value : NULL;
}

/* ---- modules --------------------------------------------------------------------------------------- */

/* self.name: a child, a tensor, or another attribute that is a plain value. */
static pc_status attribute(follower *f, int32_t module, const char *name, pc_arg *out)
{
    pc_status status = PC_OK;
    const pc_module *m = &f->g->modules[module];
    for (int32_t k = 0; k < m->nchildren; k++)
        if (strcmp(m->children[k].name, name) == 0) {
            *out = (pc_arg){ .kind = VALUE_MODULE, .i = m->children[k].module };
            return PC_OK;
        }
    for (int32_t k = 0; k < m->nattributes; k++)
        if (strcmp(m->attributes[k].name, name) == 0) {
            *out = pc_arg_var(f->g->tensor_vars[m->attributes[k].tensor]);
            return PC_OK;
        }
    const pc_item *v = pc_item_get(f->m->states[module], name);
    PC_CHECK(v != NULL, PC_EFORMAT, "the model's source asks for an attribute '%.100s' that its module does not have",
             name);
    switch (v->kind) {
    case PC_ITEM_NONE: *out = (pc_arg){ .kind = PC_ARG_NONE }; break;
    case PC_ITEM_BOOL: *out = (pc_arg){ .kind = PC_ARG_BOOL, .i = v->i }; break;
    case PC_ITEM_INT: *out = pc_arg_int(v->i); break;
    case PC_ITEM_FLOAT: *out = (pc_arg){ .kind = PC_ARG_FLOAT, .f = v->d[0] }; break;
    default: PC_CHECK(false, PC_ENOTIMPL, "attribute '%.100s' is a %s: pycnn follows tensors and numbers", name,
                      pc_item_kind_name(v));
    }
done:
    return status;
}

static pc_status follow_method(follower *f, int32_t module, const pc_script_method *m, const pc_arg *args, int32_t n,
                               pc_arg *out);

static pc_status call_method(follower *f, int32_t module, const pc_token *name, const pc_arg *args, int32_t n,
                             pc_arg *out)
{
    const pc_script_class *c = f->m->classes[module];
    for (int32_t k = 0; k < c->nmethods; k++)
        if (c->methods[k].name->n == name->n && memcmp(c->methods[k].name->p, name->p, (size_t)name->n) == 0)
            return follow_method(f, module, &c->methods[k], args, n, out);
    return pc_fail(PC_EFORMAT, "line %d of the model's source calls a method %.*s that %.200s does not have",
                   (int)name->line, (int)(name->n < 100 ? name->n : 100), name->p, c->type);
}

/* ---- arguments ------------------------------------------------------------------------------------- */

/* Items up to a closing bracket, which is passed. keywords, if not NULL, gets the names before '='. */
static pc_status items(follower *f, const pc_token **t, const char *close, pc_arg **out, const pc_token ***keywords,
                       int32_t *n)
{
    pc_status status = PC_OK;
    int32_t room = 0;
    *n = 0;
    *out = NULL;
    while (!pc_token_is(*t, close)) {
        if (*n == room) {
            pc_arg *larger = NULL;
            const pc_token **names = NULL;
            PC_CHECK(room < MOST_ITEMS, PC_EFORMAT, "line %d of the model's source: a list of more than %d items",
                     (int)(*t)->line, MOST_ITEMS);
            room = room > 0 ? 2 * room : 4;
            PC_TRY(pc_graph_alloc(f->g, room * (int64_t)sizeof *larger, &larger));
            if (*n > 0) memcpy(larger, *out, (size_t)*n * sizeof *larger);
            *out = larger;
            if (keywords != NULL) {
                PC_TRY(pc_graph_alloc(f->g, room * (int64_t)sizeof *names, &names));
                if (*n > 0) memcpy(names, *keywords, (size_t)*n * sizeof *names);
                *keywords = names;
            }
        }
        if (keywords != NULL && (*t)->kind == PC_TOKEN_NAME && pc_token_is(*t + 1, "=")) {
            (*keywords)[*n] = *t;
            *t += 2;
        }
        PC_TRY(expression(f, t, &(*out)[*n]));
        ++*n;
        if (pc_token_is(*t, ",")) ++*t;
        else if (!pc_token_is(*t, close)) PC_TRY(pc_script_refuse(*t, "','"));
    }
    ++*t;
done:
    return status;
}

static bool is_number(const follower *f, const pc_arg *a, pc_var_type type)
{
    if (a->kind == PC_ARG_VAR) return f->g->vars[a->i].type == type;
    return a->kind == (type == PC_VAR_INT ? PC_ARG_INT : type == PC_VAR_FLOAT ? PC_ARG_FLOAT : PC_ARG_BOOL);
}

static bool is_tensor(const follower *f, const pc_arg *a)
{
    return a->kind == PC_ARG_VAR && f->g->vars[a->i].type == PC_VAR_TENSOR;
}

/* ---- operators ------------------------------------------------------------------------------------- */

static pc_status new_node(follower *f, pc_node_kind kind, const pc_arg *args, int32_t n, pc_var_type type, pc_arg *out)
{
    pc_graph_node *node;
    pc_status status = pc_graph_add_node(f->g, kind, n, 1, type, &node);
    if (status != PC_OK) return status;
    if (n > 0) memcpy(node->args, args, (size_t)n * sizeof *args);
    *out = pc_arg_var(node->out[0]);
    return PC_OK;
}

/* int(x) and the like. */
static pc_status convert(follower *f, const pc_arg *a, int32_t n, pc_var_type type, pc_arg *out)
{
    pc_status status = PC_OK;
    PC_CHECK(n == 1, PC_EFORMAT, "the model's source converts %d values at once", (int)n);
    if (is_tensor(f, a)) {
        const pc_var *v = &f->g->vars[a->i];
        const pc_graph_node *from = v->source == PC_FROM_NODE ? &f->g->nodes[v->index] : NULL;
        if (from != NULL && from->kind == PC_NODE_TO_TENSOR && is_number(f, &from->args[0], type)) *out = from->args[0];
        else PC_TRY(new_node(f, PC_NODE_TO_NUMBER, a, 1, type, out));
    } else if (is_number(f, a, type)) {
        *out = *a;
    } else {
        PC_CHECK(false, PC_ENOTIMPL,
                 "the model's source converts a number to another kind, which pycnn does not follow");
    }
done:
    return status;
}

static pc_status result_of(follower *f, int32_t node, pc_arg *out)
{
    pc_status status = PC_OK;
    const pc_graph_node *n = &f->g->nodes[node];
    if (pc_aten_gives_list(n)) {
        *out = (pc_arg){ .kind = VALUE_LIST, .i = node };
    } else if (n->nout == 1) {
        *out = pc_arg_var(n->out[0]);
    } else {
        *out = (pc_arg){ .kind = PC_ARG_TUPLE, .n = n->nout };
        PC_TRY(pc_graph_alloc(f->g, n->nout * (int64_t)sizeof *out->items, &out->items));
        for (int32_t k = 0; k < n->nout; k++) out->items[k] = pc_arg_var(f->g->nodes[node].out[k]);
    }
done:
    return status;
}

static bool has_no_argument(const pc_arg *a)
{
    if (a->kind >= VALUE_MODULE) return true;
    for (int32_t k = 0; pc_arg_has_items(a) && k < a->n; k++)
        if (has_no_argument(&a->items[k])) return true;
    return false;
}

/* torch.NAME(...) where all is about numbers, or sizes. *known: it was such a call. */
static pc_status number_call(follower *f, const char *name, const pc_arg *args, int32_t n, bool *known, pc_arg *out)
{
    static const struct {
        const char *name;
        pc_arithmetic how;
    } arithmetic[] = { { "add", PC_ADD },
                       { "sub", PC_SUBTRACT },
                       { "mul", PC_MULTIPLY },
                       { "floordiv", PC_FLOOR_DIVIDE },
                       { "floor_divide", PC_FLOOR_DIVIDE },
                       { "remainder", PC_MODULO },
                       { "neg", PC_NEGATE } };
    static const struct {
        const char *name;
        pc_var_type type;
    } conversions[] = { { "Int", PC_VAR_INT }, { "Float", PC_VAR_FLOAT }, { "Bool", PC_VAR_BOOL },
                        { "IntImplicit", PC_VAR_INT }, { "FloatImplicit", PC_VAR_FLOAT } };
    *known = true;
    if (strcmp(name, "size") == 0 && n == 2 && is_tensor(f, &args[0]) && is_number(f, &args[1], PC_VAR_INT))
        return new_node(f, PC_NODE_SIZE, args, 2, PC_VAR_INT, out);
    for (size_t k = 0; k < sizeof conversions / sizeof conversions[0]; k++)
        if (strcmp(name, conversions[k].name) == 0) return convert(f, args, n, conversions[k].type, out);
    for (size_t k = 0; k < sizeof arithmetic / sizeof arithmetic[0]; k++) {
        int32_t operands = arithmetic[k].how == PC_NEGATE ? 1 : 2;
        if (strcmp(name, arithmetic[k].name) != 0 || n != operands) continue;
        if (!is_number(f, &args[0], PC_VAR_INT) || (n == 2 && !is_number(f, &args[1], PC_VAR_INT))) continue;
        pc_status status = new_node(f, PC_NODE_ARITHMETIC, args, operands, PC_VAR_INT, out);
        if (status == PC_OK) f->g->nodes[f->g->nnodes - 1].arithmetic = (uint8_t)arithmetic[k].how;
        return status;
    }
    *known = false;
    return PC_OK;
}

/* From behind "torch": .conv2d(x, ...) */
static pc_status torch_call(follower *f, const pc_token **t, pc_arg *out)
{
    pc_status status = PC_OK;
    pc_aten_call *c;
    pc_arg *args;
    const pc_token **keywords = NULL;
    int32_t n;
    bool known;
    PC_TRY(sign(t, "."));
    const pc_token *name = (*t)++;
    if (name->kind != PC_TOKEN_NAME) PC_TRY(pc_script_refuse(name, "a name"));
    PC_TRY(pc_graph_alloc(f->g, sizeof *c, &c));
    PC_CHECK(name->n < (int32_t)sizeof c->name && pc_token_is(*t, "("), PC_ENOTIMPL,
             "line %d of the model's source: torch.%.*s is nothing that pycnn has", (int)name->line,
             (int)(name->n < 100 ? name->n : 100), name->p);
    memcpy(c->name, name->p, (size_t)name->n);
    ++*t;
    PC_TRY(items(f, t, ")", &args, &keywords, &n));
    if (strcmp(c->name, "device") == 0) { /* whichever it is: all is done on the CPU */
        *out = (pc_arg){ .kind = PC_ARG_STR, .n = 3, .text = "cpu" };
        return PC_OK;
    }
    PC_TRY(number_call(f, c->name, args, n, &known, out));
    if (known) return PC_OK;
    PC_CHECK(n <= PC_MAX_ATEN_ARGS, PC_ENOTIMPL, "the model calls torch.%s with %d arguments", c->name, (int)n);
    for (int32_t k = 0; k < n; k++) {
        PC_CHECK(!has_no_argument(&args[k]), PC_ENOTIMPL, "the model calls torch.%s with a list of unknown length",
                 c->name);
        PC_CHECK(keywords[k] != NULL || k == 0 || keywords[k - 1] == NULL, PC_EFORMAT,
                 "line %d of the model's source: a positional argument behind a keyword", (int)name->line);
        c->args[k].value = args[k];
        if (keywords[k] != NULL) PC_TRY(pc_token_text(&f->g->arena, keywords[k], &c->args[k].keyword));
    }
    c->n = n;
    pc_graph_node *node;
    PC_TRY(pc_aten_read(f->g, c, &node));
    node->old_division = f->s->version < 4 && n == 2 && (strcmp(c->name, "div") == 0 || strcmp(c->name, "div_") == 0);
    PC_TRY(result_of(f, f->g->nnodes - 1, out));
done:
    return status;
}

/* From behind "ops": .prim.NumToTensor(x) */
static pc_status ops_call(follower *f, const pc_token **t, pc_arg *out)
{
    pc_status status = PC_OK;
    pc_arg *args;
    int32_t n;
    PC_TRY(sign(t, "."));
    const pc_token *space = (*t)++;
    PC_TRY(sign(t, "."));
    const pc_token *name = (*t)++;
    PC_CHECK(pc_token_is(space, "prim") && pc_token_is(name, "NumToTensor"), PC_ENOTIMPL,
             "the model calls ops.%.*s.%.*s, which pycnn does not have", (int)(space->n < 60 ? space->n : 60), space->p,
             (int)(name->n < 60 ? name->n : 60), name->p);
    PC_TRY(sign(t, "("));
    PC_TRY(items(f, t, ")", &args, NULL, &n));
    PC_CHECK(n == 1, PC_EFORMAT, "line %d of the model's source: NumToTensor of %d values", (int)name->line, (int)n);
    if (is_tensor(f, &args[0])) *out = args[0];
    else {
        PC_CHECK(is_number(f, args, PC_VAR_INT) || is_number(f, args, PC_VAR_FLOAT) || is_number(f, args, PC_VAR_BOOL),
                 PC_EFORMAT, "line %d of the model's source: NumToTensor of what is no number", (int)name->line);
        PC_TRY(new_node(f, PC_NODE_TO_TENSOR, args, 1, PC_VAR_TENSOR, out));
    }
done:
    return status;
}

/* ---- expressions ----------------------------------------------------------------------------------- */

static pc_status number(const pc_token *t, pc_arg *out)
{
    char buf[64];
    char *end;
    if (t->n >= (int32_t)sizeof buf) return pc_script_refuse(t, "a number");
    memcpy(buf, t->p, (size_t)t->n);
    buf[t->n] = 0;
    if (t->kind == PC_TOKEN_INT) {
        unsigned long long v = 0;
        for (int32_t k = 0; k < t->n; k++)
            if (__builtin_mul_overflow(v, 10ull, &v)
                || __builtin_add_overflow(v, (unsigned long long)(t->p[k] - '0'), &v) || v > INT64_MAX)
                return pc_script_refuse(t, "a number of 64 bits");
        *out = pc_arg_int((int64_t)v);
        return PC_OK;
    }
    *out = (pc_arg){ .kind = PC_ARG_FLOAT, .f = strtod(buf, &end) };
    return *end == 0 ? PC_OK : pc_script_refuse(t, "a number");
}

static pc_status constant(follower *f, const pc_token **t, pc_arg *out)
{
    pc_status status = PC_OK;
    int64_t k = 0;
    PC_TRY(sign(t, "."));
    const pc_token *name = (*t)++;
    bool good = name->kind == PC_TOKEN_NAME && name->n >= 2 && name->n < 10 && name->p[0] == 'c';
    for (int32_t j = 1; good && j < name->n; j++) {
        good = name->p[j] >= '0' && name->p[j] <= '9';
        k = k * 10 + name->p[j] - '0';
    }
    if (!good || k >= f->m->nconstants) PC_TRY(pc_script_refuse(name, "a constant of the archive"));
    *out = pc_arg_var(f->m->constants[k]);
done:
    return status;
}

/* annotate(TYPE, x), unchecked_cast(TYPE, x), getattr(x, "name"), int(x), ... : *known, or any other name. */
static pc_status builtin(follower *f, const pc_token *name, const pc_token **t, bool *known, pc_arg *out)
{
    static const struct {
        const char *name;
        pc_var_type type;
    } conversions[] = { { "int", PC_VAR_INT }, { "float", PC_VAR_FLOAT }, { "bool", PC_VAR_BOOL } };
    pc_status status = PC_OK;
    pc_arg *args;
    int32_t n;
    *known = true;
    if (pc_token_is(name, "annotate") || pc_token_is(name, "unchecked_cast")) {
        PC_TRY(sign(t, "("));
        PC_TRY(pc_script_type(&f->s->arena, t, NULL));
        PC_TRY(sign(t, ","));
        PC_TRY(expression(f, t, out));
        PC_TRY(sign(t, ")"));
        return PC_OK;
    }
    if (pc_token_is(name, "getattr")) {
        const char *text;
        PC_TRY(sign(t, "("));
        PC_TRY(expression(f, t, out));
        PC_TRY(sign(t, ","));
        if ((*t)->kind != PC_TOKEN_TEXT || out->kind != VALUE_MODULE) PC_TRY(pc_script_refuse(*t, "a name in quotes"));
        PC_TRY(pc_token_text(&f->g->arena, (*t)++, &text));
        PC_TRY(sign(t, ")"));
        return attribute(f, (int32_t)out->i, text, out);
    }
    for (int k = 0; k < 3; k++)
        if (pc_token_is(name, conversions[k].name)) {
            PC_TRY(sign(t, "("));
            PC_TRY(items(f, t, ")", &args, NULL, &n));
            return convert(f, args, n, conversions[k].type, out);
        }
    *known = false;
done:
    return status;
}

static pc_status named(follower *f, const pc_token **t, pc_arg *out)
{
    const pc_token *name = (*t)++;
    const pc_arg *v = lookup(f, name);
    bool known = false;
    if (v != NULL) {
        *out = *v;
        return PC_OK;
    }
    if (pc_token_is(name, "torch")) return torch_call(f, t, out);
    if (pc_token_is(name, "ops")) return ops_call(f, t, out);
    if (pc_token_is(name, "CONSTANTS")) return constant(f, t, out);
    *out = (pc_arg){ .kind = PC_ARG_NONE };
    if (pc_token_is(name, "None")) return PC_OK;
    if (pc_token_is(name, "True") || pc_token_is(name, "False")) {
        *out = (pc_arg){ .kind = PC_ARG_BOOL, .i = name->p[0] == 'T' };
        return PC_OK;
    }
    if (pc_token_is(name, "inf") || pc_token_is(name, "nan")) {
        *out = (pc_arg){ .kind = PC_ARG_FLOAT, .f = name->p[0] == 'i' ? __builtin_inf() : __builtin_nan("") };
        return PC_OK;
    }
    pc_status status = builtin(f, name, t, &known, out);
    if (status != PC_OK || known) return status;
    if (pc_token_is(*t, "(") || pc_token_is(*t, "."))
        return pc_fail(PC_ENOTIMPL, "line %d of the model's source calls %.*s, which pycnn does not follow",
                       (int)name->line, (int)(name->n < 100 ? name->n : 100), name->p);
    return pc_script_refuse(name, "a name that has a value");
}

static pc_status collection(follower *f, const pc_token **t, pc_arg *out)
{
    pc_status status = PC_OK;
    const pc_token *open = (*t)++;
    bool list = pc_token_is(open, "[");
    int32_t n;
    pc_arg *v;
    PC_TRY(items(f, t, list ? "]" : ")", &v, NULL, &n));
    bool single = !list && n == 1 && !pc_token_is(*t - 2, ","); /* (x) */
    *out = single ? v[0] : (pc_arg){ .kind = list ? PC_ARG_LIST : PC_ARG_TUPLE, .n = n, .items = v };
done:
    return status;
}

/* {"a": x, ...} */
static pc_status dict(follower *f, const pc_token **t, pc_arg *out)
{
    pc_status status = PC_OK;
    pc_arg *v;
    int32_t n = 0;
    PC_TRY(pc_graph_alloc(f->g, 2 * 64 * (int64_t)sizeof *v, &v));
    ++*t;
    while (!pc_token_is(*t, "}")) {
        PC_CHECK(n < 2 * 64, PC_ENOTIMPL, "line %d of the model's source: a dict of more than 64 items",
                 (int)(*t)->line);
        PC_TRY(expression(f, t, &v[n]));
        if (v[n].kind != PC_ARG_STR) PC_TRY(pc_script_refuse(*t, "a key that is a string"));
        PC_TRY(sign(t, ":"));
        PC_TRY(expression(f, t, &v[n + 1]));
        n += 2;
        if (pc_token_is(*t, ",")) ++*t;
        else if (!pc_token_is(*t, "}")) PC_TRY(pc_script_refuse(*t, "','"));
    }
    ++*t;
    *out = (pc_arg){ .kind = PC_ARG_DICT, .n = n, .items = v };
done:
    return status;
}

static pc_status primary(follower *f, const pc_token **t, pc_arg *out)
{
    pc_status status = PC_OK;
    switch ((*t)->kind) {
    case PC_TOKEN_NAME: return named(f, t, out);
    case PC_TOKEN_INT:
    case PC_TOKEN_FLOAT: return number((*t)++, out);
    case PC_TOKEN_TEXT: {
        const char *text;
        PC_TRY(pc_token_text(&f->g->arena, (*t)++, &text));
        *out = (pc_arg){ .kind = PC_ARG_STR, .n = (int32_t)strlen(text), .text = text };
        return PC_OK;
    }
    default: break;
    }
    if (pc_token_is(*t, "[") || pc_token_is(*t, "(")) return collection(f, t, out);
    if (pc_token_is(*t, "{")) return dict(f, t, out);
    return pc_script_refuse(*t, "a value");
done:
    return status;
}

/* x[k] of a list or tuple. */
static pc_status item(follower *f, const pc_token *at, const pc_arg *of, const pc_arg *index, pc_arg *out)
{
    pc_status status = PC_OK;
    if (index->kind == PC_ARG_STR && of->kind == PC_ARG_DICT) {
        for (int32_t k = 0; k < of->n; k += 2)
            if (strcmp(of->items[k].text, index->text) == 0) {
                *out = of->items[k + 1];
                return PC_OK;
            }
        return pc_script_refuse(at, "a key of the dict");
    }
    if (index->kind != PC_ARG_INT || index->i < 0 || index->i >= MOST_ITEMS)
        return pc_script_refuse(at, "the number of an item");
    int32_t k = (int32_t)index->i;
    if (of->kind == VALUE_LIST) {
        int32_t node = (int32_t)of->i, old = f->g->nodes[node].nout;
        if (k >= old) {
            int32_t *wider = NULL;
            PC_TRY(pc_graph_alloc(f->g, (k + 1) * (int64_t)sizeof *wider, &wider));
            for (int32_t j = 0; j <= k; j++) wider[j] = j < old ? f->g->nodes[node].out[j] : -1;
            f->g->nodes[node].out = wider;
            f->g->nodes[node].nout = k + 1;
        }
        int32_t *var = &f->g->nodes[node].out[k];
        if (*var < 0) PC_TRY(pc_graph_add_var(f->g, PC_VAR_TENSOR, PC_FROM_NODE, node, var));
        *out = pc_arg_var(*var);
        return PC_OK;
    }
    if ((of->kind != PC_ARG_LIST && of->kind != PC_ARG_TUPLE) || k >= of->n)
        return pc_script_refuse(at, "an item of a list");
    *out = of->items[k];
done:
    return status;
}

static pc_status expression_within(follower *f, const pc_token **t, pc_arg *out)
{
    pc_status status = PC_OK;
    if (pc_token_is(*t, "-")) {
        const pc_token *at = (*t)++;
        PC_TRY(expression(f, t, out));
        if (out->kind == PC_ARG_INT) out->i = -out->i;
        else if (out->kind == PC_ARG_FLOAT) out->f = -out->f;
        else PC_TRY(pc_script_refuse(at, "a number behind '-'"));
        return PC_OK;
    }
    PC_TRY(primary(f, t, out));
    for (;;) {
        if (pc_token_is(*t, ".") && out->kind == VALUE_MODULE) {
            const char *text;
            const pc_token *name = ++*t;
            if (name->kind != PC_TOKEN_NAME) PC_TRY(pc_script_refuse(name, "a name"));
            ++*t;
            if (pc_token_is(*t, "(")) {
                pc_arg *args;
                int32_t n, module = (int32_t)out->i;
                ++*t;
                PC_TRY(items(f, t, ")", &args, NULL, &n));
                PC_TRY(call_method(f, module, name, args, n, out));
            } else {
                PC_TRY(pc_token_text(&f->g->arena, name, &text));
                PC_TRY(attribute(f, (int32_t)out->i, text, out));
            }
        } else if (pc_token_is(*t, "[")) {
            pc_arg of = *out, index;
            const pc_token *at = ++*t;
            PC_TRY(expression(f, t, &index));
            PC_TRY(sign(t, "]"));
            PC_TRY(item(f, at, &of, &index, out));
        } else {
            break;
        }
    }
done:
    return status;
}

static pc_status expression(follower *f, const pc_token **t, pc_arg *out)
{
    pc_status status = step(f);
    if (status != PC_OK) return status;
    if (++f->levels > MOST_LEVELS)
        return pc_fail(PC_EFORMAT, "line %d of the model's source: expressions nested too deep", (int)(*t)->line);
    status = expression_within(f, t, out);
    f->levels--;
    return status;
}

/* ---- statements ------------------------------------------------------------------------------------ */

/* The parts of a value for n names. */
static pc_status unpack(follower *f, const pc_token *at, const pc_arg *v, const pc_token *const *names, int32_t n)
{
    pc_status status = PC_OK;
    if (v->kind == VALUE_LIST) {
        int32_t node = (int32_t)v->i;
        for (int32_t k = n - 1; k >= 0; k--) { /* from the last on: the list is made once */
            pc_arg index = pc_arg_int(k), one;
            PC_TRY(item(f, at, v, &index, &one));
            PC_TRY(bind(f, names[k], one));
        }
        f->g->nodes[node].whole = f->g->nodes[node].nout == n;
        return PC_OK;
    }
    PC_CHECK((v->kind == PC_ARG_TUPLE || v->kind == PC_ARG_LIST) && v->n == n, PC_EFORMAT,
             "line %d of the model's source: %d names for another number of values", (int)at->line, (int)n);
    for (int32_t k = 0; k < n; k++) PC_TRY(bind(f, names[k], v->items[k]));
done:
    return status;
}

static bool is_control_flow(const pc_token *t)
{
    static const char *const words[] = { "if",     "for", "while", "else",     "elif",  "with", "raise",
                                         "assert", "try", "del",   "continue", "break", "yield" };
    for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
        if (pc_token_is(t, words[k])) return true;
    return false;
}

/* x = ..., a, b, = ..., or an expression alone. */
static pc_status statement(follower *f, const pc_token **t)
{
    pc_status status = PC_OK;
    const pc_token *names[64], *at = *t, *look = *t;
    pc_arg v;
    int32_t n = 0;
    bool several = false;
    PC_TRY(step(f));
    PC_CHECK(!is_control_flow(at), PC_ENOTIMPL,
             "line %d of the model's source has a branch or a loop ('%.*s'): pycnn loads traced "
             "models; in torch, export it with torch.jit.trace",
             (int)at->line, (int)at->n, at->p);
    while (look->kind == PC_TOKEN_NAME && n < 64) {
        names[n++] = look++;
        if (!pc_token_is(look, ",")) break;
        several = true;
        look++;
    }
    if (n == 1 && !several && pc_token_is(look, ":") && look[1].kind == PC_TOKEN_NAME) {
        look++;
        PC_TRY(pc_script_type(&f->s->arena, &look, NULL));
    }
    bool assigns = n > 0 && pc_token_is(look, "=");
    if (assigns) *t = look + 1;
    PC_TRY(expression(f, t, &v));
    if ((*t)->kind != PC_TOKEN_LINE) PC_TRY(pc_script_refuse(*t, "the end of the line"));
    ++*t;
    if (assigns && several) PC_TRY(unpack(f, at, &v, names, n));
    else if (assigns) PC_TRY(bind(f, names[0], v));
done:
    return status;
}

static pc_status follow_body(follower *f, const pc_script_method *m, pc_arg *out)
{
    pc_status status = PC_OK;
    const pc_token *t = m->body;
    *out = (pc_arg){ .kind = PC_ARG_NONE };
    while (t->kind != PC_TOKEN_END && t->indent == m->indent) {
        if (pc_token_is(t, "return")) {
            t++;
            if (t->kind != PC_TOKEN_LINE) PC_TRY(expression(f, &t, out));
            if (t->kind != PC_TOKEN_LINE) PC_TRY(pc_script_refuse(t, "the end of the line"));
            return PC_OK;
        }
        if (pc_token_is(t, "pass")) {
            t += 2;
            continue;
        }
        PC_TRY(statement(f, &t));
    }
    PC_CHECK(t->kind == PC_TOKEN_END || t->indent < m->indent, PC_EFORMAT,
             "line %d of the model's source is indented too far", (int)t->line);
done:
    return status;
}

static pc_status follow_method(follower *f, int32_t module, const pc_script_method *m, const pc_arg *args, int32_t n,
                               pc_arg *out)
{
    static const pc_token self = { .kind = PC_TOKEN_NAME, .p = "self", .n = 4 };
    pc_status status = PC_OK;
    int32_t caller = f->call;
    PC_CHECK(n == m->nparams, PC_EFORMAT, "line %d of the model's source takes %d arguments, and is given %d",
             (int)m->name->line, (int)m->nparams, (int)n);
    PC_CHECK(++f->depth <= MOST_CALLS, PC_EFORMAT, "the model's source calls methods nested too deep");
    f->call = ++f->calls;
    PC_TRY(pc_graph_enter(f->g, module));
    PC_TRY(bind(f, &self, (pc_arg){ .kind = VALUE_MODULE, .i = module }));
    for (int32_t k = 0; k < n; k++) PC_TRY(bind(f, m->params[k], args[k]));
    PC_TRY(follow_body(f, m, out));
    pc_graph_leave(f->g);
    f->call = caller;
    f->depth--;
done:
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------------- */

static pc_status follow_root(follower *f, pc_arg *out)
{
    pc_status status = PC_OK;
    const pc_script_class *c = f->m->classes[0];
    const pc_script_method *m = NULL;
    pc_arg *args = NULL;
    const char **names = NULL;
    for (int32_t k = 0; k < c->nmethods; k++)
        if (pc_token_is(c->methods[k].name, "forward")) m = &c->methods[k];
    PC_CHECK(m != NULL, PC_EFORMAT, "the model has no method forward");
    PC_TRY(pc_graph_alloc(f->g, m->nparams * (int64_t)sizeof *args, &args));
    PC_TRY(pc_graph_alloc(f->g, m->nparams * (int64_t)sizeof *names, &names));
    for (int32_t k = 0; k < m->nparams; k++) {
        PC_CHECK(strcmp(m->types[k], "Tensor") == 0, PC_ENOTIMPL,
                 "the model takes a %.100s: pycnn runs models of tensors", m->types[k]);
        PC_TRY(pc_token_text(&f->g->arena, m->params[k], &names[k]));
    }
    PC_TRY(pc_graph_set_inputs(f->g, m->nparams, names));
    for (int32_t k = 0; k < m->nparams; k++) args[k] = pc_arg_var(f->g->inputs[k]);
    PC_TRY(follow_method(f, 0, m, args, m->nparams, out));
    PC_CHECK(!has_no_argument(out), PC_ENOTIMPL, "the model returns a list of unknown length, or a module");
done:
    return status;
}

pc_status pc_script_follow(pc_script *s, const pc_script_modules *m, pc_graph *g)
{
    follower f = { .s = s, .m = m, .g = g };
    pc_arg output;
    pc_status status = follow_root(&f, &output);
    pc_free(f.table);
    return status == PC_OK ? pc_graph_finish(g, output) : status;
}
