/* checkpoint_rules.c -- the constructors of a checkpoint: tensors on storages, and torch's small types. */
#include "checkpoint_rules.h"
#include <string.h>

#define MAX_STORAGES (1 << 20)

enum { NAME_TENSOR = PC_NAME_RULES, NAME_PARAMETER, NAME_FROM_TYPE, NAME_TENSOR_CLASS, NAME_PARAMETER_CLASS, NAME_SIZE,
       NAME_DEVICE, NAME_STORAGE /* + dtype */ };

static const struct {
    const char *module, *name;
    int number;
} names[] = {
    { "torch._utils", "_rebuild_tensor_v2", NAME_TENSOR },
    { "torch._utils", "_rebuild_tensor", NAME_TENSOR },
    { "torch._utils", "_rebuild_parameter", NAME_PARAMETER },
    { "torch._utils", "_rebuild_parameter_with_state", NAME_PARAMETER },
    { "torch._tensor", "_rebuild_from_type_v2", NAME_FROM_TYPE },
    { "torch", "Tensor", NAME_TENSOR_CLASS },
    { "torch._tensor", "Tensor", NAME_TENSOR_CLASS },
    { "torch.nn.parameter", "Parameter", NAME_PARAMETER_CLASS },
    { "torch.nn.parameter", "Buffer", NAME_TENSOR_CLASS },
    { "torch", "Size", NAME_SIZE },
    { "torch", "device", NAME_DEVICE },
};

static const char *const storage_types[PC_DTYPE_COUNT] = {
    "BoolStorage", "ByteStorage", "CharStorage", "ShortStorage", "IntStorage", "LongStorage", "HalfStorage",
    "BFloat16Storage", "FloatStorage", "DoubleStorage"
};

const char *pc_storage_type_name(pc_dtype d)
{
    return storage_types[d];
}

/* ---- storages ---------------------------------------------------------------------------------------- */

static uint32_t hash(const char *p, int64_t n)
{
    uint32_t h = 2166136261u;
    for (int64_t k = 0; k < n; k++) h = (h ^ (uint8_t)p[k]) * 16777619u;
    return h % STORAGE_BUCKETS;
}

pc_saved_storage *pc_find_storage(const pc_checkpoint_context *c, const char *key, int64_t n)
{
    for (struct bucket *b = c->buckets[hash(key, n)]; b != NULL; b = b->next)
        if (strncmp(b->storage->key, key, (size_t)n) == 0 && b->storage->key[n] == 0) return b->storage;
    return NULL;
}

static pc_status new_storage(pc_checkpoint_context *c, const pc_item *key, pc_saved_storage **out)
{
    pc_checkpoint *ck = c->checkpoint;
    pc_status status = PC_OK;
    pc_saved_storage *s = pc_arena_alloc(&ck->arena, sizeof *s);
    struct bucket *b = pc_arena_alloc(&ck->arena, sizeof *b), **head = &c->buckets[hash(key->text, key->n)];
    char *text = pc_arena_alloc(&ck->arena, key->n + 1);
    PC_CHECK(s != NULL && b != NULL && text != NULL, PC_ENOMEM, "out of memory for the pickle's values");
    PC_CHECK(++c->count <= MAX_STORAGES, PC_EFORMAT, "more than %d storages", MAX_STORAGES);
    memcpy(text, key->text, (size_t)key->n);
    text[key->n] = 0;
    *s = (pc_saved_storage){ .key = text };
    *b = (struct bucket){ s, *head };
    *head = b;
    if (ck->last_storage != NULL) ck->last_storage->next = s;
    else ck->storages = s;
    ck->last_storage = s;
    *out = s;
done:
    return status;
}

/* ("storage", FloatStorage, "0", "cpu", 12), in legacy files with a sixth item. */
static pc_status persistent(void *ctx, pc_arena *a, const pc_item *id, pc_item **out)
{
    pc_checkpoint_context *c = ctx;
    pc_status status = PC_OK;
    pc_item *const *x = id->items;
    PC_CHECK(id->kind == PC_ITEM_TUPLE && id->n >= 1, PC_EFORMAT, "malformed pickle: a persistent id");
    PC_CHECK(!pc_item_is(x[0], "module"), PC_EFORMAT,
             "the file holds a whole pickled model, not a state_dict. Where "
             "its code is at hand, save model.state_dict() instead: torch.save(torch.load(f, "
             "weights_only=False).state_dict(), f)");
    PC_CHECK(pc_item_is(x[0], "storage") && (id->n == 5 || id->n == c->id_length) && x[1]->kind == PC_ITEM_NAME
             && x[1]->i >= NAME_STORAGE && x[1]->i < NAME_STORAGE + PC_DTYPE_COUNT
             && (x[2]->kind == PC_ITEM_STR || x[2]->kind == PC_ITEM_STR8) && x[2]->n > 0 && x[2]->n <= 200
             && memchr(x[2]->text, 0, (size_t)x[2]->n) == NULL && x[4]->kind == PC_ITEM_INT && x[4]->i >= 0
             && x[4]->i <= INT64_MAX / 16, PC_EFORMAT, "malformed pickle: a persistent id");
    PC_CHECK(id->n < 6 || x[5]->kind == PC_ITEM_NONE, PC_EFORMAT,
             "storage views of torch before 0.4 are not supported");
    pc_dtype dtype = (pc_dtype)(x[1]->i - NAME_STORAGE);
    pc_saved_storage *s = pc_find_storage(c, x[2]->text, x[2]->n);
    if (s == NULL) {
        PC_TRY(new_storage(c, x[2], &s));
        s->dtype = dtype;
        s->numel = x[4]->i;
    }
    PC_CHECK(s->dtype == dtype, PC_EFORMAT, "storage %s is used with two dtypes", s->key);
    if (s->numel < x[4]->i) s->numel = x[4]->i;
    PC_TRY(pc_arena_item(a, PC_ITEM_OBJECT, out));
    (*out)->tag = PC_OBJECT_STORAGE;
    (*out)->object = s;
done:
    return status;
}

/* ---- tensors ----------------------------------------------------------------------------------------- */

static const pc_item *sizes_of(const pc_item *o)
{
    if (o->kind == PC_ITEM_OBJECT && o->tag == PC_OBJECT_SIZE) o = o->extra;
    return o->kind == PC_ITEM_TUPLE || o->kind == PC_ITEM_LIST ? o : NULL;
}

/* The last element must lie in the storage. Where there is none, the offset says nothing: that of a view of an empty
   tensor may lie beyond. */
static pc_status check_extents(const pc_saved_tensor *t)
{
    pc_status status = PC_OK;
    __int128 last = t->offset, numel = 1;
    for (int d = 0; d < t->ndim; d++) {
        last += (__int128)(t->shape[d] - 1) * t->stride[d];
        numel *= t->shape[d];
        PC_CHECK(numel <= INT64_MAX / 16, PC_EFORMAT, "malformed pickle: the size of a tensor");
    }
    PC_CHECK(numel == 0 ? t->offset <= INT64_MAX / 256 : last < t->storage->numel, PC_EFORMAT,
             "malformed pickle: a tensor reaches beyond its storage %s of %lld elements", t->storage->key,
             (long long)t->storage->numel);
done:
    return status;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, metadata=None) */
static pc_status make_tensor(pc_arena *a, const pc_item *args, pc_item **out)
{
    pc_status status = PC_OK;
    pc_item *const *x = args->items;
    pc_saved_tensor *t;
    PC_CHECK(args->n >= 4 && args->n <= 7 && x[0]->kind == PC_ITEM_OBJECT && x[0]->tag == PC_OBJECT_STORAGE
             && x[1]->kind == PC_ITEM_INT && x[1]->i >= 0, PC_EFORMAT, "malformed pickle: arguments of a tensor");
    const pc_item *size = sizes_of(x[2]), *stride = sizes_of(x[3]);
    PC_CHECK(size != NULL && stride != NULL && size->n == stride->n, PC_EFORMAT,
             "malformed pickle: arguments of a tensor");
    PC_CHECK(size->n <= PC_MAX_DIMS, PC_EFORMAT, "tensors have at most %d dimensions here, the file has one of %lld",
             PC_MAX_DIMS, (long long)size->n);
    PC_CHECK(args->n < 7 || x[6]->kind == PC_ITEM_NONE || (x[6]->kind == PC_ITEM_DICT && x[6]->n == 0), PC_EFORMAT,
             "tensors with metadata (conjugate or negative views) are not supported");
    t = pc_arena_alloc(a, sizeof *t);
    PC_CHECK(t != NULL, PC_ENOMEM, "out of memory for the pickle's values");
    *t = (pc_saved_tensor){ .storage = x[0]->object, .ndim = (int)size->n, .numel = 1, .offset = x[1]->i };
    t->requires_grad = args->n >= 5 && x[4]->kind == PC_ITEM_BOOL && x[4]->i;
    for (int d = 0; d < t->ndim; d++) {
        const pc_item *n = size->items[d], *s = stride->items[d];
        PC_CHECK(n->kind == PC_ITEM_INT && s->kind == PC_ITEM_INT && n->i >= 0 && s->i >= 0, PC_EFORMAT,
                 "malformed pickle: the size of a tensor");
        t->shape[d] = n->i;
        t->stride[d] = s->i;
    }
    PC_TRY(check_extents(t));
    for (int d = 0; d < t->ndim; d++) t->numel *= t->shape[d];
    PC_TRY(pc_arena_item(a, PC_ITEM_OBJECT, out));
    (*out)->tag = PC_OBJECT_TENSOR;
    (*out)->object = t;
done:
    return status;
}

/* _rebuild_parameter(data, requires_grad, hooks) */
static pc_status make_parameter(pc_arena *a, const pc_item *args, pc_item **out)
{
    pc_status status = PC_OK;
    PC_CHECK(args->n >= 1 && args->items[0]->kind == PC_ITEM_OBJECT && args->items[0]->tag == PC_OBJECT_TENSOR,
             PC_EFORMAT, "malformed pickle: a parameter of what is no tensor");
    PC_CHECK(args->n == 1 || args->items[1]->kind == PC_ITEM_BOOL, PC_EFORMAT,
             "malformed pickle: arguments of a parameter");
    PC_TRY(pc_arena_item(a, PC_ITEM_OBJECT, out));
    (*out)->tag = PC_OBJECT_PARAMETER;
    (*out)->extra = args->items[0];
    (*out)->i = args->n == 1 || args->items[1]->i != 0;
done:
    return status;
}

/* ---- rules ------------------------------------------------------------------------------------------- */

static pc_status name(void *ctx, pc_arena *a, const char *module, const char *member, pc_item **out)
{
    pc_status status = PC_OK;
    int number = -1;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (strcmp(names[k].module, module) == 0 && strcmp(names[k].name, member) == 0) number = names[k].number;
    if (strcmp(module, "torch") == 0) {
        for (int d = 0; d < PC_DTYPE_COUNT; d++) {
            if (strcmp(storage_types[d], member) == 0) number = NAME_STORAGE + d;
            if (strcmp(pc_dtype_name((pc_dtype)d), member) != 0) continue;
            PC_TRY(pc_arena_item(a, PC_ITEM_OBJECT, out));
            (*out)->tag = PC_OBJECT_SCALAR_TYPE;
            (*out)->i = d;
            return PC_OK;
        }
        PC_CHECK(strncmp(member, "Complex", 7) != 0 && strncmp(member, "complex", 7) != 0, PC_EFORMAT,
                 "complex tensors are not supported");
    }
    PC_CHECK(strcmp(module, "torch._utils") != 0 || strncmp(member, "_rebuild_", 9) != 0 || number >= 0, PC_EFORMAT,
             "tensors that %s.%s makes (quantized, sparse, nested, or of another dtype) are not supported", module,
             member);
    if (number < 0) return pc_numpy_name(a, module, member, out);
    PC_TRY(pc_arena_item(a, PC_ITEM_NAME, out));
    (*out)->i = number;
done:
    return status;
}

static pc_status make_wrapper(pc_arena *a, pc_checkpoint_tag tag, const pc_item *content, pc_item **out)
{
    pc_status status = pc_arena_item(a, PC_ITEM_OBJECT, out);
    if (status != PC_OK) return status;
    (*out)->tag = (uint8_t)tag;
    (*out)->extra = (pc_item *)content;
    return PC_OK;
}

/* _rebuild_from_type_v2(function, type, arguments, state): attributes of the tensor are left out. */
static pc_status make_of_type(pc_arena *a, const pc_item *args, pc_item **out)
{
    pc_status status = PC_OK;
    pc_item *const *x = args->items, *tensor;
    PC_CHECK(args->n == 4 && x[0]->kind == PC_ITEM_NAME && (x[0]->i == NAME_TENSOR || x[0]->i == NAME_PARAMETER)
             && x[1]->kind == PC_ITEM_NAME && (x[1]->i == NAME_TENSOR_CLASS || x[1]->i == NAME_PARAMETER_CLASS)
             && x[2]->kind == PC_ITEM_TUPLE, PC_EFORMAT, "malformed pickle: arguments of a tensor");
    if (x[0]->i == NAME_PARAMETER) return make_parameter(a, x[2], out);
    PC_TRY(make_tensor(a, x[2], &tensor));
    *out = tensor;
done:
    return status;
}

static pc_status call(void *ctx, pc_arena *a, const pc_item *callee, const pc_item *args, pc_item **out)
{
    pc_status status = PC_OK;
    const pc_item *ints = args->n == 1 ? args->items[0] : NULL;
    switch (callee->i) {
    case NAME_TENSOR: return make_tensor(a, args, out);
    case NAME_PARAMETER:
    case NAME_PARAMETER_CLASS: return make_parameter(a, args, out);
    case NAME_FROM_TYPE: return make_of_type(a, args, out);
    case NAME_SIZE:
        PC_CHECK(ints != NULL && ints->kind == PC_ITEM_TUPLE, PC_EFORMAT, "malformed pickle: arguments of a Size");
        for (int64_t k = 0; k < ints->n; k++)
            PC_CHECK(ints->items[k]->kind == PC_ITEM_INT, PC_EFORMAT, "malformed pickle: arguments of a Size");
        return make_wrapper(a, PC_OBJECT_SIZE, ints, out);
    case NAME_DEVICE:
        PC_CHECK((args->n == 1 || (args->n == 2 && args->items[1]->kind == PC_ITEM_INT))
                 && (args->items[0]->kind == PC_ITEM_STR || args->items[0]->kind == PC_ITEM_STR8), PC_EFORMAT,
                 "malformed pickle: arguments of a device");
        return make_wrapper(a, PC_OBJECT_DEVICE, args, out);
    default: return pc_numpy_call(a, callee, args, out);
    }
done:
    return status;
}

static pc_status build(void *ctx, pc_arena *a, pc_item *object, const pc_item *state)
{
    bool known = false;
    pc_status status = pc_numpy_build(object, state, &known);
    if (status != PC_OK || known) return status;
    return pc_fail(PC_EFORMAT, "malformed pickle: a state of what has none");
}

const pc_pickle_rules pc_checkpoint_rules = { name, call, build, persistent };
