/* aten.c -- rows of the operator table as calls of torch's operators, and such calls as rows. Where names and arguments
   are the same, which they mostly are, nothing is said here. */
#include "aten.h"
#include "../ops/schema.h"
#include <stdio.h>
#include <string.h>

static const int8_t dtype_numbers[PC_DTYPE_COUNT] = {
    [PC_U8] = 0, [PC_I8] = 1, [PC_I16] = 2, [PC_I32] = 3, [PC_I64] = 4, [PC_F16] = 5, [PC_F32] = 6, [PC_F64] = 7,
    [PC_BOOL] = 11, [PC_BF16] = 15
};

int pc_aten_dtype(pc_dtype d)
{
    return dtype_numbers[d];
}

/* The dtype of torch's number; -1: none. */
static int dtype_of_number(int64_t number)
{
    for (int d = 0; d < PC_DTYPE_COUNT; d++)
        if (dtype_numbers[d] == number) return d;
    return -1;
}

static bool is_row(const pc_op *op, const char *name)
{
    size_t n = strlen(name);
    return strncmp(op->schema, name, n) == 0 && op->schema[n] == '(';
}

/* ---- writing --------------------------------------------------------------------------------------- */

/* Rows that torch calls otherwise. Of other rows that begin with an underscore it has no counterpart. */
static const struct {
    const char *row, *name;
} renamed[] = {
    { "logsigmoid", "log_sigmoid" }, { "_index", "index" }, { "_index_put_", "index_put_" }, { "_cast", "to" },
    { "_broadcast_tensors", "broadcast_tensors" }, { "_meshgrid", "meshgrid" }, { "nonzero.numpy", "nonzero_numpy" },
    { "_contiguous", "contiguous" }, { "_pad_circular", "pad" }, { "nll_loss", "nll_loss_nd" },
    { "adaptive_max_pool2d_with_indices", "adaptive_max_pool2d" },
    { "_upsample_nearest_exact2d", "_upsample_nearest_exact2d" },
    { "_upsample_bilinear2d_aa", "_upsample_bilinear2d_aa" },
    { "_upsample_bicubic2d_aa", "_upsample_bicubic2d_aa" },
};

/* Keyword-only in torch alone. */
static const struct {
    const char *row, *param;
} keyword_in_torch[] = { { "kl_div", "log_target" } };

/* torch takes a single number here in versions that know no list. */
static const char *const single[] = { "squeeze.dims", "any.dims", "all.dims" };

/* Operators whose operands may change places. */
static const char *const commutative[] = { "add", "mul", "multiply", "bitwise_and", "bitwise_or", "bitwise_xor" };

static bool is_one_of(const pc_op *op, const char *const *names, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (is_row(op, names[k])) return true;
    return false;
}
#define ONE_OF(op, names) is_one_of(op, names, sizeof names / sizeof names[0])

static void push(pc_aten_call *c, const char *keyword, pc_arg value)
{
    c->args[c->n].type = PC_PLAIN;
    c->args[c->n].keyword = keyword;
    c->args[c->n++].value = value;
}

static bool is_default(const pc_param *p, const pc_arg *a)
{
    const pc_value *d = &p->dflt;
    if (!p->has_default) return false;
    switch (a->kind) {
    case PC_ARG_NONE: return d->kind == PC_NONE;
    case PC_ARG_BOOL: return d->kind == PC_BOOLEAN && d->i == a->i;
    case PC_ARG_INT: return (d->kind == PC_INT && d->i == a->i) || (d->kind == PC_FLOAT && d->f == (double)a->i);
    case PC_ARG_FLOAT: return (d->kind == PC_FLOAT && d->f == a->f) || (d->kind == PC_INT && (double)d->i == a->f);
    case PC_ARG_LIST:
        if (d->kind != PC_INTS || d->ints.n != a->n) return false;
        for (int32_t k = 0; k < a->n; k++)
            if (a->items[k].kind != PC_ARG_INT || a->items[k].i != d->ints.v[k]) return false;
        return true;
    default: return false;
    }
}

static bool is_number(const pc_graph *g, const pc_arg *a)
{
    return (a->kind >= PC_ARG_BOOL && a->kind <= PC_ARG_FLOAT)
           || (a->kind == PC_ARG_VAR && g->vars[a->i].type != PC_VAR_TENSOR);
}

/* op(number, tensor): torch's operators want a tensor first. */
static void number_first(const pc_graph_node *n, pc_aten_call *c)
{
    pc_arg first = c->args[0].value;
    bool plain_sub = (is_row(n->op, "sub") || is_row(n->op, "subtract")) && !n->inplace;
    if ((ONE_OF(n->op, commutative) && c->n == 2) || plain_sub) {
        c->args[0].value = c->args[1].value;
        c->args[1].value = first;
        if (plain_sub) snprintf(c->name, sizeof c->name, "rsub");
    } else {
        c->args[0].type = PC_AS_TENSOR;
    }
}

static void write_batch_norm(pc_aten_call *c, const pc_graph_node *n)
{
    static const int8_t order[] = { 0, 3, 4, 1, 2, 5, 6, 7 };
    c->n = 0;
    for (int k = 0; k < 8; k++) push(c, NULL, n->args[order[k]]);
    push(c, NULL, (pc_arg){ .kind = PC_ARG_BOOL, .i = 1 });
}

static pc_arg text_arg(const char *text)
{
    return (pc_arg){ .kind = PC_ARG_STR, .n = (int32_t)strlen(text), .text = text };
}

static void write_special(const pc_graph_node *n, pc_aten_call *c)
{
    const pc_op *op = n->op;
    if (is_row(op, "batch_norm")) {
        write_batch_norm(c, n);
    } else if (is_row(op, "div") || is_row(op, "divide")) {
        int64_t mode = n->args[2].i;
        c->version = n->old_division ? 3 : 4;
        c->n = 2;
        if (mode != 0) push(c, "rounding_mode", text_arg(mode == 1 ? "trunc" : "floor"));
    } else if (is_row(op, "true_divide")) {
        c->version = 4;
    } else if (is_row(op, "full")) {
        c->version = 5;
    } else if (is_row(op, "linspace")) {
        c->version = 8;
    } else if (is_row(op, "gelu")) {
        c->version = 10;
        c->n = 1;
        if (n->args[1].i != 0) push(c, "approximate", text_arg("tanh"));
    } else if (is_row(op, "_contiguous")) {
        c->n = 1;
        if (n->args[1].i != 0) push(c, "memory_format", pc_arg_int(2));
    } else if (is_row(op, "_index") || is_row(op, "_index_put_")) {
        pc_arg self = n->args[0].items[0], rest = n->args[0];
        int skip = is_row(op, "_index") ? 1 : 2;
        rest.items += skip;
        rest.n -= skip;
        c->n = 0;
        push(c, NULL, self);
        push(c, NULL, rest);
        c->args[1].type = PC_OPTIONAL_TENSOR_LIST;
        if (skip == 2) push(c, NULL, n->args[0].items[1]);
        if (skip == 2) push(c, NULL, n->args[1]);
    } else if (is_row(op, "_meshgrid")) {
        c->n = 1;
        push(c, "indexing", text_arg(n->args[1].i ? "xy" : "ij"));
    } else if (is_row(op, "nonzero.numpy")) {
        c->n = 1;
    } else if (is_row(op, "_pad_circular")) {
        push(c, NULL, text_arg("circular"));
    }
}

/* sort, argsort: with stable= all others are keywords too. */
static void write_stable(pc_aten_call *c, const pc_graph_node *n, const pc_schema *s)
{
    bool stable = false;
    for (int k = 0; k < c->n; k++)
        stable = stable || (c->args[k].keyword != NULL && strcmp(c->args[k].keyword, "stable") == 0);
    if (!stable) return;
    c->n = 1;
    for (int k = 1; k < s->nparams; k++) push(c, s->params[k].name, n->args[k]);
}

pc_status pc_aten_write(const pc_graph *g, const pc_graph_node *n, pc_aten_call *c)
{
    pc_status status = PC_OK;
    const pc_schema *s = pc_schema_of(n->op);
    const char *name = s->name[0] == '_' ? NULL : s->name;
    int last = -1;
    *c = (pc_aten_call){ .version = 3 };
    for (size_t k = 0; k < sizeof renamed / sizeof renamed[0]; k++)
        if (is_row(n->op, renamed[k].row)) name = renamed[k].name;
    PC_CHECK(name != NULL, PC_ENOTIMPL,
             "pycnn's operator %s has no counterpart in TorchScript: compute its result outside of the "
             "traced function",
             s->name);
    snprintf(c->name, sizeof c->name, "%s%s", name, n->inplace && !(n->op->flags & PC_WRITES) ? "_" : "");
    for (int k = 0; k < s->nparams; k++)
        if (!s->params[k].keyword_only && !is_default(&s->params[k], &n->args[k])) last = k;
    if (is_row(n->op, "norm") && n->args[4].kind != PC_ARG_NONE) last = 3; /* a dtype comes with all others */
    for (int k = 0; k < s->nparams; k++) {
        const pc_param *p = &s->params[k];
        bool keyword = p->keyword_only;
        for (size_t j = 0; j < sizeof keyword_in_torch / sizeof keyword_in_torch[0]; j++)
            keyword =
                keyword || (is_row(n->op, keyword_in_torch[j].row) && strcmp(p->name, keyword_in_torch[j].param) == 0);
        if (p->type == PC_T_GENERATOR || (keyword ? is_default(p, &n->args[k]) : k > last)) continue;
        push(c, keyword ? p->name : NULL, n->args[k]);
        if (p->type == PC_T_INTS) c->args[c->n - 1].type = PC_INT_LIST;
        pc_arg *a = &c->args[c->n - 1].value;
        if (p->type == PC_T_INTS && a->kind == PC_ARG_NONE && strstr(s->name, "_pool") != NULL)
            *a = (pc_arg){ .kind = PC_ARG_LIST }; /* stride: torch's None there */
        if (ONE_OF(n->op, single) && p->type == PC_T_INTS && a->kind == PC_ARG_LIST && a->n == 1) {
            pc_arg only = a->items[0];
            *a = only;
        }
    }
    write_special(n, c);
    write_stable(c, n, s);
    if (s->nparams > 1 && s->params[0].type == PC_T_OPERAND && is_number(g, &c->args[0].value)) number_first(n, c);
done:
    return status;
}

/* ---- reading: torch's order of arguments into the row's ------------------------------------------- */

static int find_keyword(const pc_aten_call *c, const char *name)
{
    for (int k = 0; k < c->n; k++)
        if (c->args[k].keyword != NULL && strcmp(c->args[k].keyword, name) == 0) return k;
    return -1;
}

static void drop(pc_aten_call *c, int k)
{
    memmove(&c->args[k], &c->args[k + 1], (size_t)(c->n - k - 1) * sizeof c->args[0]);
    c->n--;
}

/* Take a keyword out of the call. */
static bool take_keyword(pc_aten_call *c, const char *name, pc_arg *out)
{
    int k = find_keyword(c, name);
    *out = (pc_arg){ .kind = PC_ARG_NONE };
    if (k < 0) return false;
    *out = c->args[k].value;
    drop(c, k);
    return true;
}

static int positional(const pc_aten_call *c)
{
    int n = 0;
    while (n < c->n && c->args[n].keyword == NULL) n++;
    return n;
}

static bool is_text(const pc_arg *a, const char *text)
{
    return a->kind == PC_ARG_STR && strcmp(a->text, text) == 0;
}

static void rename_call(pc_aten_call *c, const char *name)
{
    snprintf(c->name, sizeof c->name, "%s", name);
}

/* Arguments that do not matter on a CPU, by place or keyword. */
static void keep_positional(pc_aten_call *c, int n)
{
    while (positional(c) > n) drop(c, positional(c) - 1);
}

/* (input, weight, bias, stride, padding, dilation, transposed, output_padding, groups, four flags) */
static bool read_convolution(pc_graph *g, pc_aten_call *c)
{
    pc_arg a[9];
    if (positional(c) < 9 || c->args[6].value.kind != PC_ARG_BOOL || c->args[3].value.kind != PC_ARG_LIST) return false;
    for (int k = 0; k < 9; k++) a[k] = c->args[k].value;
    bool transposed = a[6].i, one = a[3].n == 1;
    c->n = 0;
    for (int k = 0; k < 5; k++) push(c, NULL, a[k]);
    if (transposed) push(c, NULL, a[7]), push(c, NULL, a[8]), push(c, NULL, a[5]);
    else push(c, NULL, a[5]), push(c, NULL, a[8]);
    rename_call(c, transposed ? (one ? "conv_transpose1d" : "conv_transpose2d") : one ? "conv1d" : "conv2d");
    return true;
}

static bool read_batch_norm(pc_graph *g, pc_aten_call *c)
{
    static const int8_t order[] = { 0, 3, 4, 1, 2, 5, 6, 7 };
    pc_arg a[8];
    if (positional(c) < 8) return false;
    for (int k = 0; k < 8; k++) a[k] = c->args[k].value;
    c->n = 0;
    for (int k = 0; k < 8; k++) push(c, NULL, a[order[k]]);
    return true;
}

static bool read_div(pc_graph *g, pc_aten_call *c)
{
    pc_arg mode;
    if (!take_keyword(c, "rounding_mode", &mode) || mode.kind == PC_ARG_NONE) return true;
    if (!is_text(&mode, "trunc") && !is_text(&mode, "floor")) return false;
    push(c, "rounding_mode", pc_arg_int(is_text(&mode, "trunc") ? 1 : 2));
    return true;
}

static bool read_gelu(pc_graph *g, pc_aten_call *c)
{
    pc_arg mode;
    if (!take_keyword(c, "approximate", &mode) || is_text(&mode, "none")) return true;
    push(c, "approximate", pc_arg_int(1));
    return is_text(&mode, "tanh");
}

/* (x, dtype, ...) or (x, device, dtype, ...) */
static bool read_to(pc_graph *g, pc_aten_call *c)
{
    pc_arg dtype = { .kind = PC_ARG_NONE };
    for (int k = 1; k < positional(c) && k < 3 && dtype.kind == PC_ARG_NONE; k++)
        if (c->args[k].value.kind == PC_ARG_INT) dtype = c->args[k].value;
    int k = find_keyword(c, "dtype");
    if (k >= 0) dtype = c->args[k].value;
    if (dtype.kind != PC_ARG_INT) return false;
    c->n = 1;
    push(c, NULL, dtype);
    rename_call(c, "_cast");
    return true;
}

static bool read_contiguous(pc_graph *g, pc_aten_call *c)
{
    pc_arg format;
    if (!take_keyword(c, "memory_format", &format) && positional(c) > 1) format = c->args[1].value;
    c->n = 1;
    if (format.kind == PC_ARG_INT && format.i == 2) push(c, NULL, (pc_arg){ .kind = PC_ARG_BOOL, .i = 1 });
    rename_call(c, "_contiguous");
    return true;
}

/* (x, [i, None, j]) and (x, [i, ...], values, accumulate) */
static bool read_index(pc_graph *g, pc_aten_call *c)
{
    bool write = strcmp(c->name, "index_put_") == 0;
    if (positional(c) < 2 + write || c->args[1].value.kind != PC_ARG_LIST) return false;
    pc_arg list = c->args[1].value, all = { .kind = PC_ARG_LIST, .n = list.n + 1 + write };
    if (pc_graph_alloc(g, all.n * (int64_t)sizeof *all.items, &all.items) != PC_OK) return false;
    all.items[0] = c->args[0].value;
    if (write) all.items[1] = c->args[2].value;
    if (list.n > 0) memcpy(all.items + 1 + write, list.items, (size_t)list.n * sizeof *list.items);
    pc_arg accumulate = write && positional(c) > 3 ? c->args[3].value : (pc_arg){ .kind = PC_ARG_BOOL };
    c->n = 0;
    push(c, NULL, all);
    if (write) push(c, NULL, accumulate);
    rename_call(c, write ? "_index_put_" : "_index");
    return true;
}

static bool read_adaptive_max_pool2d(pc_graph *g, pc_aten_call *c)
{
    rename_call(c, "adaptive_max_pool2d_with_indices");
    return true;
}

static bool read_nll_loss_nd(pc_graph *g, pc_aten_call *c)
{
    rename_call(c, "nll_loss");
    return true;
}

static bool read_log_sigmoid(pc_graph *g, pc_aten_call *c)
{
    rename_call(c, "logsigmoid");
    return true;
}

static bool read_pad(pc_graph *g, pc_aten_call *c)
{
    pc_arg mode = text_arg("constant"), value = { .kind = PC_ARG_NONE };
    int n = positional(c);
    if (n < 2 || c->args[1].value.kind != PC_ARG_LIST) return false;
    if (n > 2) mode = c->args[2].value;
    else if (find_keyword(c, "mode") >= 0) mode = c->args[find_keyword(c, "mode")].value;
    if (n > 3) value = c->args[3].value;
    else if (find_keyword(c, "value") >= 0) value = c->args[find_keyword(c, "value")].value;
    int dims = c->args[1].value.n / 2;
    c->n = 2;
    if (is_text(&mode, "constant")) {
        rename_call(c, "constant_pad_nd");
        if (value.kind != PC_ARG_NONE) push(c, NULL, value);
    } else if (is_text(&mode, "circular")) {
        rename_call(c, "_pad_circular");
    } else if (is_text(&mode, "reflect") || is_text(&mode, "replicate")) {
        snprintf(c->name, sizeof c->name, "%s_pad%dd", is_text(&mode, "reflect") ? "reflection" : "replication", dims);
    } else {
        return false;
    }
    return true;
}

static bool read_five(pc_graph *g, pc_aten_call *c)
{
    keep_positional(c, 5); /* then: may cuDNN be used? */
    return true;
}

static bool read_expand(pc_graph *g, pc_aten_call *c)
{
    pc_arg implicit;
    take_keyword(c, "implicit", &implicit);
    keep_positional(c, 2);
    return true;
}

/* (x, alpha, scale, input_scale): the last two are 1 in an ELU. */
static bool read_elu(pc_graph *g, pc_aten_call *c)
{
    for (int k = 2; k < c->n; k++)
        if (c->args[k].value.kind != PC_ARG_INT || c->args[k].value.i != 1) return false;
    keep_positional(c, 2);
    return true;
}

static bool read_meshgrid(pc_graph *g, pc_aten_call *c)
{
    pc_arg how;
    bool given = take_keyword(c, "indexing", &how);
    if (given && !is_text(&how, "xy") && !is_text(&how, "ij")) return false;
    push(c, NULL, (pc_arg){ .kind = PC_ARG_BOOL, .i = given && is_text(&how, "xy") });
    rename_call(c, "_meshgrid");
    return true;
}

static bool read_nonzero_numpy(pc_graph *g, pc_aten_call *c)
{
    push(c, "as_tuple", (pc_arg){ .kind = PC_ARG_BOOL, .i = 1 });
    rename_call(c, "nonzero");
    return true;
}

static bool read_broadcast_tensors(pc_graph *g, pc_aten_call *c)
{
    rename_call(c, "_broadcast_tensors");
    return true;
}

/* stride=[] stands for the kernel's size. */
static bool read_pool(pc_graph *g, pc_aten_call *c)
{
    if (positional(c) > 2 && c->args[2].value.kind == PC_ARG_LIST && c->args[2].value.n == 0)
        c->args[2].value = (pc_arg){ .kind = PC_ARG_NONE };
    return true;
}

static const struct {
    const char *name;
    bool (*arrange)(pc_graph *g, pc_aten_call *c);
} arranged[] = {
    { "_convolution", read_convolution }, { "batch_norm", read_batch_norm }, { "div", read_div },
    { "div_", read_div }, { "divide", read_div }, { "divide_", read_div }, { "nll_loss_nd", read_nll_loss_nd },
    { "gelu", read_gelu }, { "to", read_to }, { "contiguous", read_contiguous }, { "index", read_index },
    { "index_put_", read_index }, { "adaptive_max_pool2d", read_adaptive_max_pool2d },
    { "log_sigmoid", read_log_sigmoid }, { "pad", read_pad }, { "layer_norm", read_five },
    { "group_norm", read_five }, { "expand", read_expand }, { "elu", read_elu }, { "elu_", read_elu },
    { "meshgrid", read_meshgrid }, { "nonzero_numpy", read_nonzero_numpy },
    { "broadcast_tensors", read_broadcast_tensors }, { "max_pool2d", read_pool }, { "max_pool1d", read_pool },
    { "avg_pool2d", read_pool }, { "avg_pool1d", read_pool }, { "max_pool2d_with_indices", read_pool },
};

/* ---- reading: arguments of a row ---------------------------------------------------------------- */

static bool is_tensor(const pc_graph *g, const pc_arg *a)
{
    return a->kind == PC_ARG_VAR && g->vars[a->i].type == PC_VAR_TENSOR;
}

static bool is_int(const pc_graph *g, const pc_arg *a)
{
    return a->kind == PC_ARG_INT || (a->kind == PC_ARG_VAR && g->vars[a->i].type == PC_VAR_INT);
}

/* The value as the parameter takes it; false: it does not. */
static bool fit(pc_graph *g, const pc_param *p, pc_arg a, pc_arg *out)
{
    *out = a;
    if (a.kind == PC_ARG_NONE) return p->optional || p->type == PC_T_GENERATOR;
    switch (p->type) {
    case PC_T_TENSOR: return is_tensor(g, &a);
    case PC_T_OPERAND: return is_tensor(g, &a) || is_number(g, &a);
    case PC_T_TENSORS:
        for (int32_t k = 0; a.kind == PC_ARG_LIST && k < a.n; k++)
            if (!is_tensor(g, &a.items[k]) && a.items[k].kind != PC_ARG_NONE) return false;
        return a.kind == PC_ARG_LIST;
    case PC_T_INT: return is_int(g, &a);
    case PC_T_INTS:
        if (is_int(g, &a)) {
            int32_t n = p->length > 0 ? p->length : 1;
            *out = (pc_arg){ .kind = PC_ARG_LIST, .n = n };
            if (pc_graph_alloc(g, n * (int64_t)sizeof *out->items, &out->items) != PC_OK) return false;
            for (int32_t k = 0; k < n; k++) out->items[k] = a;
            return true;
        }
        if (a.kind != PC_ARG_LIST || a.n > PC_MAX_DIMS) return false;
        for (int32_t k = 0; k < a.n; k++)
            if (!is_int(g, &a.items[k])) return false;
        if (p->length > 1 && a.n == 1) return fit(g, p, a.items[0], out);
        return true;
    case PC_T_FLOAT:
    case PC_T_SCALAR: return is_number(g, &a);
    case PC_T_BOOL: return a.kind == PC_ARG_BOOL || (a.kind == PC_ARG_VAR && g->vars[a.i].type == PC_VAR_BOOL);
    case PC_T_DTYPE: {
        int d = a.kind == PC_ARG_INT ? dtype_of_number(a.i) : -1;
        *out = (pc_arg){ .kind = PC_ARG_DTYPE, .i = d };
        return d >= 0;
    }
    case PC_T_GENERATOR: return false;
    }
    return false;
}

static pc_status default_arg(pc_graph *g, const pc_value *v, pc_arg *out)
{
    pc_status status = PC_OK;
    *out = (pc_arg){ .kind = PC_ARG_NONE };
    switch (v->kind) {
    case PC_BOOLEAN: *out = (pc_arg){ .kind = PC_ARG_BOOL, .i = v->i }; break;
    case PC_INT: *out = pc_arg_int(v->i); break;
    case PC_FLOAT: *out = (pc_arg){ .kind = PC_ARG_FLOAT, .f = v->f }; break;
    case PC_INTS:
        *out = (pc_arg){ .kind = PC_ARG_LIST, .n = v->ints.n };
        PC_TRY(pc_graph_alloc(g, v->ints.n * (int64_t)sizeof *out->items, &out->items));
        for (int k = 0; k < v->ints.n; k++) out->items[k] = pc_arg_int(v->ints.v[k]);
        break;
    default: break;
    }
done:
    return status;
}

static bool is_ignored(const char *keyword)
{
    return strcmp(keyword, "layout") == 0 || strcmp(keyword, "device") == 0 || strcmp(keyword, "pin_memory") == 0
           || strcmp(keyword, "generator") == 0;
}

/* Do the arguments of the call fit the row? */
static bool match(pc_graph *g, const pc_schema *s, const pc_aten_call *c, pc_arg *args)
{
    bool given[PC_MAX_PARAMS] = { false };
    int at = 0;
    for (int k = 0; k < c->n; k++) {
        int p;
        if (c->args[k].keyword == NULL) {
            while (at < s->nparams && s->params[at].type == PC_T_GENERATOR) at++;
            p = at++;
            if (p >= s->nparams || s->params[p].keyword_only) return false;
        } else {
            for (p = 0; p < s->nparams && strcmp(s->params[p].name, c->args[k].keyword) != 0;) p++;
            if (p == s->nparams && is_ignored(c->args[k].keyword)) continue;
            if (p == s->nparams || given[p]) return false;
        }
        if (!fit(g, &s->params[p], c->args[k].value, &args[p])) return false;
        given[p] = true;
    }
    for (int p = 0; p < s->nparams; p++) {
        if (given[p]) continue;
        if (!s->params[p].has_default && s->params[p].type != PC_T_GENERATOR) return false;
        if (default_arg(g, &s->params[p].dflt, &args[p]) != PC_OK) return false;
    }
    return true;
}

bool pc_aten_gives_list(const pc_graph_node *n)
{
    return n->kind == PC_NODE_OP && pc_schema_of(n->op)->nreturns == 0;
}

pc_status pc_aten_read(pc_graph *g, const pc_aten_call *given, pc_graph_node **out)
{
    pc_status status = PC_OK;
    pc_aten_call c = *given;
    pc_arg args[PC_MAX_PARAMS];
    bool known = false, inplace = false, good = true;
    for (size_t k = 0; k < sizeof arranged / sizeof arranged[0]; k++)
        if (strcmp(arranged[k].name, given->name) == 0) {
            known = true;
            good = arranged[k].arrange(g, &c);
        }
    size_t length = strlen(c.name);
    for (int k = 0; good && k < pc_op_count(); k++) {
        const pc_op *op = pc_op_at(k);
        const pc_schema *s = pc_op_schema(k);
        bool same = strcmp(s->name, c.name) == 0;
        inplace = !same && (op->flags & PC_INPLACE) && length == strlen(s->name) + 1 && c.name[length - 1] == '_'
                  && strncmp(s->name, c.name, length - 1) == 0;
        if (!same && !inplace) continue;
        known = true;
        memset(args, 0, sizeof args);
        if (!match(g, s, &c, args)) continue;
        PC_TRY(pc_graph_add_node(g, PC_NODE_OP, s->nparams, s->nreturns, PC_VAR_TENSOR, out));
        (*out)->op = op;
        (*out)->inplace = inplace || (op->flags & PC_WRITES);
        (*out)->whole = s->nreturns > 0;
        memcpy((*out)->args, args, (size_t)s->nparams * sizeof *args);
        return PC_OK;
    }
    PC_CHECK(known, PC_ENOTIMPL, "the model calls torch.%s, which pycnn does not have", given->name);
    PC_CHECK(false, PC_ENOTIMPL, "the model calls torch.%s with arguments that pycnn's %s does not take", given->name,
             c.name);
done:
    return status;
}
