/* pickle_read.c -- the machine that runs a pickle: a stack, marks and a memo, all bounded by the pickle's length. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "pickle.h"
#include <string.h>

/* Names that any pickle may mention. */
enum { NAME_ORDERED_DICT = 1, NAME_COUNTER, NAME_DEFAULT_DICT, NAME_ENCODE, NAME_SET, NAME_FROZENSET, NAME_COMPLEX,
       NAME_BYTES, NAME_INT, NAME_TYPE };
static const struct {
    const char *module, *name;
    int number;
} common_names[] = {
    { "collections", "OrderedDict", NAME_ORDERED_DICT },
    { "collections", "Counter", NAME_COUNTER },
    { "collections", "defaultdict", NAME_DEFAULT_DICT },
    { "_codecs", "encode", NAME_ENCODE },
    { "builtins", "set", NAME_SET },
    { "builtins", "frozenset", NAME_FROZENSET },
    { "builtins", "complex", NAME_COMPLEX },
    { "builtins", "bytes", NAME_BYTES },
    { "builtins", "int", NAME_INT },
    { "builtins", "long", NAME_INT },
    /* factories of a defaultdict: mentioned, never called */
    { "builtins", "list", NAME_TYPE },
    { "builtins", "dict", NAME_TYPE },
    { "builtins", "float", NAME_TYPE },
    { "builtins", "str", NAME_TYPE },
};

typedef struct machine {
    const uint8_t *p, *end, *start;
    const pc_pickle_rules *rules;
    void *ctx;
    pc_arena *arena;
    pc_item **stack;
    int64_t depth, stack_room;
    int64_t *marks;
    int64_t nmarks, marks_room;
    pc_item **memo;
    int64_t memo_room, memo_count;
    bool truncated;
} machine;

/* ---- stack, marks, memo ---------------------------------------------------------------------------- */

static pc_status grow(void **block, int64_t *room, int64_t need, size_t size)
{
    int64_t larger = *room > 0 ? *room : 64;
    while (larger < need) larger *= 2;
    void *p = pc_alloc((size_t)larger * size);
    if (p == NULL) return pc_fail(PC_ENOMEM, "out of memory for a pickle's stack");
    if (*room > 0) memcpy(p, *block, (size_t)*room * size);
    memset((char *)p + (size_t)*room * size, 0, (size_t)(larger - *room) * size);
    pc_free(*block);
    *block = p;
    *room = larger;
    return PC_OK;
}

static pc_status push(machine *m, pc_item *o)
{
    if (m->depth == m->stack_room) {
        pc_status status = grow((void **)&m->stack, &m->stack_room, m->depth + 1, sizeof *m->stack);
        if (status != PC_OK) return status;
    }
    m->stack[m->depth++] = o;
    return PC_OK;
}

/* Items above the last mark. */
static int64_t available(const machine *m)
{
    return m->depth - (m->nmarks > 0 ? m->marks[m->nmarks - 1] : 0);
}

static pc_status need(const machine *m, int64_t n)
{
    return available(m) >= n ? PC_OK : pc_fail(PC_EFORMAT, "malformed pickle: its stack is empty");
}

static pc_status pop_mark(machine *m, pc_item ***items, int64_t *n)
{
    if (m->nmarks == 0) return pc_fail(PC_EFORMAT, "malformed pickle: no mark");
    int64_t at = m->marks[--m->nmarks];
    *items = m->stack + at;
    *n = m->depth - at;
    m->depth = at;
    return PC_OK;
}

/* Numbers come one after the other, each from an opcode of two bytes or more (MEMOIZE: one): a number beyond the bytes
   read so far is not a pickler's. */
static pc_status memo_put(machine *m, int64_t index)
{
    pc_status status = need(m, 1);
    if (status != PC_OK) return status;
    if (index > m->p - m->start) return pc_fail(PC_EFORMAT, "malformed pickle: memo number %lld", (long long)index);
    if (index >= m->memo_room) {
        status = grow((void **)&m->memo, &m->memo_room, index + 1, sizeof *m->memo);
        if (status != PC_OK) return status;
    }
    if (m->memo[index] == NULL) m->memo_count++;
    m->memo[index] = m->stack[m->depth - 1];
    return PC_OK;
}

static pc_status memo_get(machine *m, int64_t index)
{
    if (index >= m->memo_room || m->memo[index] == NULL)
        return pc_fail(PC_EFORMAT, "malformed pickle: memo number %lld is not there", (long long)index);
    return push(m, m->memo[index]);
}

/* ---- bytes ------------------------------------------------------------------------------------------- */

static pc_status take(machine *m, uint64_t n, const uint8_t **out)
{
    if (n > (uint64_t)(m->end - m->p)) {
        m->truncated = true;
        return pc_fail(PC_EFORMAT, "truncated pickle");
    }
    *out = m->p;
    m->p += n;
    return PC_OK;
}

static pc_status take_number(machine *m, int bytes, uint64_t *out)
{
    const uint8_t *p = NULL;
    pc_status status = take(m, (uint64_t)bytes, &p);
    *out = 0;
    for (int k = 0; status == PC_OK && k < bytes; k++) *out |= (uint64_t)p[k] << 8 * k;
    return status;
}

static pc_status push_text(machine *m, pc_item_kind kind, int length_bytes)
{
    pc_status status = PC_OK;
    uint64_t n = 0;
    const uint8_t *p = NULL;
    pc_item *o;
    PC_TRY(take_number(m, length_bytes, &n));
    PC_TRY(take(m, n, &p));
    PC_TRY(pc_arena_item(m->arena, kind, &o));
    o->text = (const char *)p;
    o->n = (int64_t)n;
    PC_TRY(push(m, o));
done:
    return status;
}

static pc_status push_int(machine *m, int64_t v)
{
    pc_item *o;
    pc_status status = pc_arena_item(m->arena, PC_ITEM_INT, &o);
    if (status != PC_OK) return status;
    o->i = v;
    return push(m, o);
}

static pc_status push_long(machine *m, int length_bytes)
{
    pc_status status = PC_OK;
    uint64_t n = 0, v = 0;
    const uint8_t *p = NULL;
    PC_TRY(take_number(m, length_bytes, &n));
    PC_CHECK(n <= INT32_MAX, PC_EFORMAT, "malformed pickle: an integer of negative length");
    PC_TRY(take(m, n, &p));
    if (n <= 8) {
        for (uint64_t k = 0; k < n; k++) v |= (uint64_t)p[k] << 8 * k;
        if (n > 0 && n < 8 && p[n - 1] & 0x80) v |= ~(uint64_t)0 << 8 * n;
        PC_TRY(push_int(m, (int64_t)v));
    } else {
        pc_item *o;
        PC_TRY(pc_arena_item(m->arena, PC_ITEM_LONG, &o));
        o->text = (const char *)p;
        o->n = (int64_t)n;
        PC_TRY(push(m, o));
    }
done:
    return status;
}

static pc_status push_float(machine *m)
{
    pc_status status = PC_OK;
    const uint8_t *p = NULL;
    pc_item *o;
    uint64_t bits = 0;
    PC_TRY(take(m, 8, &p));
    for (int k = 0; k < 8; k++) bits = bits << 8 | p[k];
    PC_TRY(pc_arena_item(m->arena, PC_ITEM_FLOAT, &o));
    memcpy(&o->d[0], &bits, 8);
    PC_TRY(push(m, o));
done:
    return status;
}

static pc_status push_empty(machine *m, pc_item_kind kind)
{
    pc_item *o;
    pc_status status = pc_arena_item(m->arena, kind, &o);
    return status == PC_OK ? push(m, o) : status;
}

static pc_status push_bool(machine *m, bool v)
{
    pc_status status = push_empty(m, PC_ITEM_BOOL);
    if (status == PC_OK) m->stack[m->depth - 1]->i = v;
    return status;
}

/* ---- containers -------------------------------------------------------------------------------------- */

static pc_status extend(machine *m, pc_item *o, pc_item *const *items, int64_t n)
{
    if (n > o->room - o->n) {
        int64_t room = o->n + n > 2 * o->room ? o->n + n : 2 * o->room;
        pc_item **larger = pc_arena_alloc(m->arena, room * (int64_t)sizeof *larger);
        if (larger == NULL) return pc_fail(PC_ENOMEM, "out of memory for the pickle's values");
        if (o->n > 0) memcpy(larger, o->items, (size_t)o->n * sizeof *larger);
        o->items = larger;
        o->room = room;
    }
    if (n > 0) memcpy(o->items + o->n, items, (size_t)n * sizeof *items);
    o->n += n;
    return PC_OK;
}

static pc_status push_tuple(machine *m, pc_item **items, int64_t n)
{
    pc_status status = PC_OK;
    pc_item *o;
    PC_TRY(pc_arena_item(m->arena, PC_ITEM_TUPLE, &o));
    PC_TRY(extend(m, o, items, n));
    PC_TRY(push(m, o));
done:
    return status;
}

static pc_status short_tuple(machine *m, int64_t n)
{
    pc_status status = need(m, n);
    if (status != PC_OK) return status;
    m->depth -= n;
    return push_tuple(m, m->stack + m->depth, n);
}

static pc_status append(machine *m, pc_item **items, int64_t n)
{
    pc_status status = need(m, 1);
    if (status != PC_OK) return status;
    pc_item *list = m->stack[m->depth - 1];
    if (list->kind != PC_ITEM_LIST)
        return pc_fail(PC_EFORMAT, "malformed pickle: values are appended to %s", pc_item_kind_name(list));
    return extend(m, list, items, n);
}

static bool is_scalar(const pc_item *o)
{
    return o->kind <= PC_ITEM_BYTES;
}

/* Keys are hashed, and Python hashes tuples recursively: flat ones only. */
static pc_status check_key(const pc_item *o)
{
    bool good = is_scalar(o) || (o->kind == PC_ITEM_TUPLE && o->n < 64);
    for (int64_t k = 0; good && o->kind == PC_ITEM_TUPLE && k < o->n; k++) good = is_scalar(o->items[k]);
    if (good || o->kind == PC_ITEM_OBJECT) return PC_OK; /* the embedder knows which objects can be keys */
    return pc_fail(PC_EFORMAT, "%s cannot be a key here", pc_item_kind_name(o));
}

static pc_status set_items(machine *m, pc_item **items, int64_t n)
{
    pc_status status = need(m, 1);
    if (status != PC_OK) return status;
    pc_item *dict = m->stack[m->depth - 1];
    if (dict->kind != PC_ITEM_DICT || n % 2 != 0)
        return pc_fail(PC_EFORMAT, "malformed pickle: entries are added to %s", pc_item_kind_name(dict));
    for (int64_t k = 0; k < n; k += 2)
        if ((status = check_key(items[k])) != PC_OK) return status;
    return extend(m, dict, items, n);
}

static pc_status add_items(machine *m, pc_item **items, int64_t n)
{
    pc_status status = need(m, 1);
    if (status != PC_OK) return status;
    pc_item *set = m->stack[m->depth - 1];
    if (set->kind != PC_ITEM_SET || set->tag != 0)
        return pc_fail(PC_EFORMAT, "malformed pickle: values are added to %s", pc_item_kind_name(set));
    for (int64_t k = 0; k < n; k++)
        if ((status = check_key(items[k])) != PC_OK) return status;
    return extend(m, set, items, n);
}

static pc_status push_frozenset(machine *m, pc_item **items, int64_t n)
{
    pc_status status = PC_OK;
    pc_item *o;
    PC_TRY(pc_arena_item(m->arena, PC_ITEM_SET, &o));
    o->tag = 1;
    for (int64_t k = 0; k < n; k++) PC_TRY(check_key(items[k]));
    PC_TRY(extend(m, o, items, n));
    PC_TRY(push(m, o));
done:
    return status;
}

/* ---- names and calls --------------------------------------------------------------------------------- */

static pc_status refuse_name(const char *module, const char *name)
{
    static const char *const models[] = { "__main__", "torch.nn.modules", "torch.nn.parallel", "torchvision.models",
                                          "timm." };
    for (size_t k = 0; k < sizeof models / sizeof *models; k++)
        if (strncmp(module, models[k], strlen(models[k])) == 0)
            return pc_fail(
                PC_EFORMAT,
                "Weights only load failed: GLOBAL %s.%s was not an allowed global by default. The file "
                "holds a whole pickled model, not a state_dict. Where its code is at hand, save model.state_dict() "
                "instead: torch.save(torch.load(f, weights_only=False).state_dict(), f)",
                module, name);
    return pc_fail(
        PC_EFORMAT,
        "Weights only load failed: GLOBAL %s.%s was not an allowed global by default. Nothing of the "
        "file has been run. Please use `torch.serialization.add_safe_globals([%s.%s])` to allowlist this global if you "
        "trust this class/function. Checkpoints should hold tensors, numbers, strings, and dicts, lists and tuples of "
        "them (of a namespace, save vars(args))",
        module, name, module, name);
}

static pc_status push_name(machine *m, const char *module, const char *name)
{
    pc_status status = PC_OK;
    pc_item *o = NULL;
    const char *plain = strcmp(module, "__builtin__") == 0 ? "builtins" : module;
    for (size_t k = 0; k < sizeof common_names / sizeof *common_names; k++) {
        if (strcmp(common_names[k].module, plain) != 0 || strcmp(common_names[k].name, name) != 0) continue;
        PC_TRY(pc_arena_item(m->arena, PC_ITEM_NAME, &o));
        o->i = common_names[k].number;
        return push(m, o);
    }
    if (m->rules->name != NULL) PC_TRY(m->rules->name(m->ctx, m->arena, module, name, &o));
    if (o == NULL) return refuse_name(module, name);
    PC_TRY(push(m, o));
done:
    return status;
}

/* A line of at most 200 printable characters, as a terminated string. */
static pc_status take_line(machine *m, char line[201])
{
    int64_t left = m->end - m->p, n = 0;
    while (n < left && n < 201 && m->p[n] != '\n') n++;
    if (n == left) {
        m->truncated = true;
        return pc_fail(PC_EFORMAT, "truncated pickle");
    }
    if (n > 200) return pc_fail(PC_EFORMAT, "malformed pickle: a name of more than 200 characters");
    for (int64_t k = 0; k < n; k++) {
        if (m->p[k] < 0x20 || m->p[k] > 0x7e) return pc_fail(PC_EFORMAT, "malformed pickle: a name that is not ASCII");
        line[k] = (char)m->p[k];
    }
    line[n] = 0;
    m->p += n + 1;
    return PC_OK;
}

static pc_status copy_name(const pc_item *o, char line[201])
{
    if (o->kind != PC_ITEM_STR || o->n > 200) return pc_fail(PC_EFORMAT, "malformed pickle: a name that is no string");
    for (int64_t k = 0; k < o->n; k++) {
        line[k] = o->text[k];
        if (line[k] < 0x20 || line[k] > 0x7e) return pc_fail(PC_EFORMAT, "malformed pickle: a name that is not ASCII");
    }
    line[o->n] = 0;
    return PC_OK;
}

/* UTF-8 to Latin-1, as _codecs.encode(text, "latin1") does; bytes of protocol 2 are written so. */
static pc_status latin1(machine *m, const pc_item *text, pc_item **out)
{
    pc_status status = PC_OK;
    const uint8_t *p = (const uint8_t *)text->text;
    uint8_t *q = pc_arena_alloc(m->arena, text->n);
    int64_t n = 0;
    PC_CHECK(q != NULL, PC_ENOMEM, "out of memory for the pickle's values");
    for (int64_t k = 0; k < text->n; k++) {
        if (p[k] < 0x80) {
            q[n++] = p[k];
            continue;
        }
        PC_CHECK((p[k] == 0xc2 || p[k] == 0xc3) && k + 1 < text->n && (p[k + 1] & 0xc0) == 0x80, PC_EFORMAT,
                 "malformed pickle: bytes beyond Latin-1");
        q[n++] = (uint8_t)((p[k] & 3) << 6 | (p[k + 1] & 0x3f));
        k++;
    }
    PC_TRY(pc_arena_item(m->arena, PC_ITEM_BYTES, out));
    (*out)->text = (const char *)q;
    (*out)->n = n;
done:
    return status;
}

/* Entries of a dict, or of a list of pairs, into a new dict. */
static pc_status dict_from(machine *m, const pc_item *from, pc_item *dict)
{
    pc_status status = PC_OK;
    PC_TRY(push(m, dict));
    if (from->kind == PC_ITEM_DICT) PC_TRY(set_items(m, from->items, from->n));
    else {
        PC_CHECK(from->kind == PC_ITEM_LIST, PC_EFORMAT, "malformed pickle: a dict of %s", pc_item_kind_name(from));
        for (int64_t k = 0; k < from->n; k++) {
            pc_item *pair = from->items[k];
            PC_CHECK((pair->kind == PC_ITEM_LIST || pair->kind == PC_ITEM_TUPLE) && pair->n == 2, PC_EFORMAT,
                     "malformed pickle: a dict of %s", pc_item_kind_name(pair));
            PC_TRY(set_items(m, pair->items, 2));
        }
    }
    m->depth--;
done:
    return status;
}

static pc_status call_common(machine *m, int64_t number, const pc_item *args, pc_item **out)
{
    pc_status status = PC_OK;
    const pc_item *first = args->n > 0 ? args->items[0] : NULL;
    switch (number) {
    case NAME_ORDERED_DICT:
    case NAME_COUNTER:
        PC_CHECK(args->n <= 1, PC_EFORMAT, "malformed pickle: arguments of a dict");
        PC_TRY(pc_arena_item(m->arena, PC_ITEM_DICT, out));
        (*out)->tag = number == NAME_COUNTER ? PC_DICT_COUNTER : PC_DICT_ORDERED;
        if (first != NULL) PC_TRY(dict_from(m, first, *out));
        return PC_OK;
    case NAME_DEFAULT_DICT: /* its factory is left out */
        PC_CHECK(args->n <= 1, PC_EFORMAT, "malformed pickle: arguments of a dict");
        return pc_arena_item(m->arena, PC_ITEM_DICT, out);
    case NAME_ENCODE:
        PC_CHECK(args->n >= 1 && args->n <= 2 && first->kind == PC_ITEM_STR
                 && (args->n == 1 || pc_item_is(args->items[1], "latin1") || pc_item_is(args->items[1], "latin-1")),
                 PC_EFORMAT, "malformed pickle: arguments of encode");
        return latin1(m, first, out);
    case NAME_SET:
    case NAME_FROZENSET:
        PC_CHECK(args->n == 0 || (args->n == 1 && (first->kind == PC_ITEM_LIST || first->kind == PC_ITEM_TUPLE)),
                 PC_EFORMAT, "malformed pickle: arguments of a set");
        PC_TRY(pc_arena_item(m->arena, PC_ITEM_SET, out));
        PC_TRY(push(m, *out));
        if (first != NULL) PC_TRY(add_items(m, first->items, first->n));
        m->depth--;
        (*out)->tag = number == NAME_FROZENSET;
        return PC_OK;
    case NAME_COMPLEX:
        PC_CHECK(args->n == 2 && first->kind == PC_ITEM_FLOAT && args->items[1]->kind == PC_ITEM_FLOAT, PC_EFORMAT,
                 "malformed pickle: arguments of complex");
        PC_TRY(pc_arena_item(m->arena, PC_ITEM_COMPLEX, out));
        (*out)->d[0] = first->d[0];
        (*out)->d[1] = args->items[1]->d[0];
        return PC_OK;
    case NAME_BYTES:
        PC_CHECK(args->n == 0, PC_EFORMAT, "malformed pickle: arguments of bytes");
        PC_TRY(pc_arena_item(m->arena, PC_ITEM_BYTES, out));
        (*out)->text = "";
        return PC_OK;
    case NAME_INT:
        PC_CHECK(args->n == 1 && (first->kind == PC_ITEM_INT || first->kind == PC_ITEM_LONG), PC_EFORMAT,
                 "malformed pickle: arguments of int");
        *out = args->items[0];
        return PC_OK;
    default: return pc_fail(PC_EFORMAT, "malformed pickle: a call of what cannot be called");
    }
done:
    return status;
}

static pc_status call(machine *m)
{
    pc_status status = PC_OK;
    PC_TRY(need(m, 2));
    pc_item *args = m->stack[m->depth - 1], *callee = m->stack[m->depth - 2], *out = NULL;
    m->depth -= 2;
    PC_CHECK(args->kind == PC_ITEM_TUPLE, PC_EFORMAT, "malformed pickle: arguments that are no tuple");
    PC_CHECK(callee->kind == PC_ITEM_NAME, PC_EFORMAT, "malformed pickle: a call of %s", pc_item_kind_name(callee));
    if (callee->i < PC_NAME_RULES) PC_TRY(call_common(m, callee->i, args, &out));
    else if (m->rules->call != NULL) PC_TRY(m->rules->call(m->ctx, m->arena, callee, args, &out));
    PC_CHECK(out != NULL, PC_EFORMAT, "malformed pickle: a call of what cannot be called");
    PC_TRY(push(m, out));
done:
    return status;
}

static pc_status build(machine *m)
{
    pc_status status = PC_OK;
    PC_TRY(need(m, 2));
    pc_item *state = m->stack[m->depth - 1], *o = m->stack[m->depth - 2];
    m->depth--;
    if (o->kind == PC_ITEM_DICT && o->tag == PC_DICT_ORDERED) {
        /* Of attributes only this one is taken: others could replace methods. */
        pc_item *metadata = (pc_item *)pc_item_get(state, "_metadata");
        PC_CHECK(state->kind == PC_ITEM_DICT && (metadata == NULL || metadata->kind == PC_ITEM_DICT), PC_EFORMAT,
                 "malformed pickle: the state of a dict");
        if (metadata != NULL) o->extra = metadata;
    } else {
        PC_CHECK(o->kind == PC_ITEM_OBJECT && m->rules->build != NULL, PC_EFORMAT, "malformed pickle: a state of %s",
                 pc_item_kind_name(o));
        PC_TRY(m->rules->build(m->ctx, m->arena, o, state));
    }
done:
    return status;
}

static pc_status persistent(machine *m)
{
    pc_status status = PC_OK;
    pc_item *out = NULL;
    PC_TRY(need(m, 1));
    PC_CHECK(m->rules->persistent != NULL, PC_EFORMAT, "malformed pickle: a persistent id");
    PC_TRY(m->rules->persistent(m->ctx, m->arena, m->stack[m->depth - 1], &out));
    m->stack[m->depth - 1] = out;
done:
    return status;
}

/* ---- opcodes ----------------------------------------------------------------------------------------- */

static pc_status push_mark(machine *m)
{
    if (m->nmarks == m->marks_room) {
        pc_status status = grow((void **)&m->marks, &m->marks_room, m->nmarks + 1, sizeof *m->marks);
        if (status != PC_OK) return status;
    }
    m->marks[m->nmarks++] = m->depth;
    return PC_OK;
}

static pc_status op_names(machine *m, uint8_t op)
{
    pc_status status = PC_OK;
    char module[201], name[201];
    if (op == 'c') {
        PC_TRY(take_line(m, module));
        PC_TRY(take_line(m, name));
    } else {
        PC_TRY(need(m, 2));
        PC_TRY(copy_name(m->stack[m->depth - 2], module));
        PC_TRY(copy_name(m->stack[m->depth - 1], name));
        m->depth -= 2;
    }
    PC_TRY(push_name(m, module, name));
done:
    return status;
}

static pc_status op_marked(machine *m, uint8_t op)
{
    pc_item **items = NULL;
    int64_t n = 0;
    pc_status status = pop_mark(m, &items, &n);
    if (status != PC_OK) return status;
    switch (op) {
    case 't': return push_tuple(m, items, n);
    case 'e': return append(m, items, n);
    case 'u': return set_items(m, items, n);
    case '1': return PC_OK; /* POP_MARK */
    case 0x91: return push_frozenset(m, items, n);
    default: return add_items(m, items, n);
    }
}

static pc_status op_one(machine *m, uint8_t op)
{
    pc_status status = need(m, op == 'a' ? 2 : op == 's' ? 3 : 1);
    if (status != PC_OK) return status;
    switch (op) {
    case 'a': m->depth--; return append(m, m->stack + m->depth, 1);
    case 's': m->depth -= 2; return set_items(m, m->stack + m->depth, 2);
    default: m->depth--; return PC_OK; /* POP */
    }
}

static pc_status op_number(machine *m, uint8_t op)
{
    uint64_t v;
    pc_status status = take_number(m, op == 'K' || op == 'q' || op == 'h' ? 1 : op == 'M' ? 2 : 4, &v);
    if (status != PC_OK) return status;
    switch (op) {
    case 'q':
    case 'r': return memo_put(m, (int64_t)v);
    case 'h':
    case 'j': return memo_get(m, (int64_t)v);
    case 'J': return push_int(m, (int32_t)(uint32_t)v);
    default: return push_int(m, (int64_t)v);
    }
}

static pc_status step(machine *m, uint8_t op)
{
    uint64_t v;
    switch (op) {
    case 0x80: { /* PROTO */
        pc_status status = take_number(m, 1, &v);
        if (status == PC_OK && (v < 2 || v > 5))
            return pc_fail(PC_EFORMAT, "pickle protocol %d is not supported (torch.save writes 2)", (int)v);
        return status;
    }
    case 0x95: return take_number(m, 8, &v); /* FRAME: where reads may be buffered */
    case '(': return push_mark(m);
    case 'N': return push_empty(m, PC_ITEM_NONE);
    case 0x88: return push_bool(m, true);
    case 0x89: return push_bool(m, false);
    case ']': return push_empty(m, PC_ITEM_LIST);
    case '}': return push_empty(m, PC_ITEM_DICT);
    case 0x8f: return push_empty(m, PC_ITEM_SET);
    case ')': return push_empty(m, PC_ITEM_TUPLE);
    case 0x85: return short_tuple(m, 1);
    case 0x86: return short_tuple(m, 2);
    case 0x87: return short_tuple(m, 3);
    case 't': case 'e': case 'u': case '1': case 0x90: case 0x91: return op_marked(m, op);
    case 'a': case 's': case '0': return op_one(m, op);
    case 'K': case 'M': case 'J': case 'q': case 'r': case 'h': case 'j': return op_number(m, op);
    case 0x94: return memo_put(m, m->memo_count); /* MEMOIZE */
    case 0x8a: return push_long(m, 1);
    case 0x8b: return push_long(m, 4);
    case 'G': return push_float(m);
    case 'X': return push_text(m, PC_ITEM_STR, 4);
    case 0x8c: return push_text(m, PC_ITEM_STR, 1);
    case 0x8d: return push_text(m, PC_ITEM_STR, 8);
    case 'U': return push_text(m, PC_ITEM_STR8, 1);
    case 'T': return push_text(m, PC_ITEM_STR8, 4);
    case 'C': return push_text(m, PC_ITEM_BYTES, 1);
    case 'B': return push_text(m, PC_ITEM_BYTES, 4);
    case 0x8e: return push_text(m, PC_ITEM_BYTES, 8);
    case 0x96: return push_text(m, PC_ITEM_BYTES, 8); /* BYTEARRAY8 */
    case 'c': case 0x93: return op_names(m, op);
    case 'R': case 0x81: return call(m); /* REDUCE, NEWOBJ */
    case 'b': return build(m);
    case 'Q': return persistent(m);
    default: return pc_fail(PC_EFORMAT, "malformed pickle: opcode 0x%02x is not supported", op);
    }
}

pc_status pc_unpickle(const uint8_t *p, int64_t n, const pc_pickle_rules *rules, void *ctx, pc_arena *a, pc_item **root,
                      int64_t *used, bool *truncated)
{
    pc_status status = PC_OK;
    machine m = { .p = p, .start = p, .end = p + n, .rules = rules, .ctx = ctx, .arena = a };
    for (int64_t count = 1;; count++) {
        const uint8_t *op = NULL;
        PC_TRY(take(&m, 1, &op));
        if (*op == '.') break;
        PC_TRY(step(&m, *op));
        if (count % 65536 == 0) PC_TRY(pc_poll());
    }
    PC_CHECK(m.depth == 1 && m.nmarks == 0, PC_EFORMAT, "malformed pickle: %lld values instead of one",
             (long long)m.depth);
    *root = m.stack[0];
    *used = m.p - m.start;
done:
    if (truncated != NULL) *truncated = m.truncated;
    pc_free(m.stack);
    pc_free(m.marks);
    pc_free(m.memo);
    return status;
}
