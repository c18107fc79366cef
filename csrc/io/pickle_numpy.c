/* pickle_numpy.c -- NumPy arrays and scalars in pickles, recognised by the calls that they consist of. Only plain
   numbers: no objects, strings, dates or structures. */
#include "pickle.h"
#include <string.h>

enum { NAME_RECONSTRUCT = 256, NAME_NDARRAY, NAME_DTYPE, NAME_SCALAR, NAME_FROM_BUFFER };

static const struct {
    const char *module, *name;
    int number;
} names[] = {
    { "numpy.core.multiarray", "_reconstruct", NAME_RECONSTRUCT },
    { "numpy._core.multiarray", "_reconstruct", NAME_RECONSTRUCT },
    { "numpy", "ndarray", NAME_NDARRAY },
    { "numpy", "dtype", NAME_DTYPE },
    { "numpy.core.multiarray", "scalar", NAME_SCALAR },
    { "numpy._core.multiarray", "scalar", NAME_SCALAR },
    { "numpy.core.numeric", "_frombuffer", NAME_FROM_BUFFER },
    { "numpy._core.numeric", "_frombuffer", NAME_FROM_BUFFER },
};

pc_status pc_numpy_name(pc_arena *a, const char *module, const char *name, pc_item **out)
{
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        if (strcmp(names[k].module, module) != 0 || strcmp(names[k].name, name) != 0) continue;
        pc_status status = pc_arena_item(a, PC_ITEM_NAME, out);
        if (status == PC_OK) (*out)->i = names[k].number;
        return status;
    }
    return PC_OK;
}

static bool is_bytes(const pc_item *o)
{
    return o->kind == PC_ITEM_BYTES || o->kind == PC_ITEM_STR8;
}

static pc_status new_array(pc_arena *a, int tag, pc_item **out)
{
    pc_status status = PC_OK;
    pc_item *o;
    pc_pickled_array *v = pc_arena_alloc(a, sizeof *v);
    PC_CHECK(v != NULL, PC_ENOMEM, "out of memory for the pickle's values");
    memset(v, 0, sizeof *v);
    PC_TRY(pc_arena_item(a, PC_ITEM_OBJECT, &o));
    o->tag = (uint8_t)tag;
    o->object = v;
    *out = o;
done:
    return status;
}

/* dtype("f4", False, True): a letter and a size; the byte order comes with the state. */
static pc_status make_dtype(pc_arena *a, const pc_item *args, pc_item **out)
{
    pc_status status = PC_OK;
    const pc_item *text = args->n >= 1 ? args->items[0] : NULL;
    PC_CHECK(text != NULL && (text->kind == PC_ITEM_STR || text->kind == PC_ITEM_STR8)
                 && (text->n == 2 || text->n == 3),
             PC_EFORMAT, "malformed pickle: arguments of a NumPy dtype");
    PC_TRY(new_array(a, PC_OBJECT_DTYPE, out));
    pc_pickled_array *v = (*out)->object;
    v->kind = text->text[0];
    for (int64_t k = 1; k < text->n; k++) {
        int digit = text->text[k] - '0';
        PC_CHECK(digit >= 0 && digit <= 9, PC_EFORMAT, "malformed pickle: arguments of a NumPy dtype");
        v->size = 10 * v->size + digit;
    }
    int s = v->size;
    PC_CHECK((v->kind == 'b' && s == 1)
                 || ((v->kind == 'i' || v->kind == 'u') && (s == 1 || s == 2 || s == 4 || s == 8))
                 || (v->kind == 'f' && (s == 2 || s == 4 || s == 8)) || (v->kind == 'c' && (s == 8 || s == 16)),
             PC_EFORMAT, "NumPy arrays of dtype %.*s are not supported", (int)text->n, text->text);
done:
    return status;
}

static const pc_pickled_array *dtype_of(const pc_item *o)
{
    return o->kind == PC_ITEM_OBJECT && o->tag == PC_OBJECT_DTYPE ? o->object : NULL;
}

/* Take element type, shape and bytes over, if they agree. */
static pc_status fill(pc_pickled_array *v, const pc_pickled_array *dtype, const pc_item *shape, const pc_item *bytes)
{
    pc_status status = PC_OK;
    int64_t total = 1;
    PC_CHECK(dtype != NULL && shape->kind == PC_ITEM_TUPLE && shape->n <= 32 && is_bytes(bytes), PC_EFORMAT,
             "malformed pickle: the state of a NumPy array");
    v->kind = dtype->kind;
    v->size = dtype->size;
    v->swapped = dtype->swapped;
    v->ndim = (int)shape->n;
    for (int d = 0; d < v->ndim; d++) {
        const pc_item *o = shape->items[d];
        PC_CHECK(o->kind == PC_ITEM_INT && o->i >= 0 && !__builtin_mul_overflow(total, o->i, &total), PC_EFORMAT,
                 "malformed pickle: the shape of a NumPy array");
        v->shape[d] = o->i;
    }
    PC_CHECK(bytes->n / v->size == total && bytes->n % v->size == 0, PC_EFORMAT,
             "malformed pickle: a NumPy array of %lld elements has %lld bytes", (long long)total, (long long)bytes->n);
    v->count = total;
    v->data = (const uint8_t *)bytes->text;
done:
    return status;
}

pc_status pc_numpy_call(pc_arena *a, const pc_item *callee, const pc_item *args, pc_item **out)
{
    pc_status status = PC_OK;
    pc_pickled_array *v;
    pc_item *const *x = args->items;
    switch (callee->i) {
    case NAME_RECONSTRUCT: /* (ndarray, (0,), b"b"): empty until its state comes */
        PC_CHECK(args->n == 3 && x[0]->kind == PC_ITEM_NAME && x[0]->i == NAME_NDARRAY, PC_EFORMAT,
                 "malformed pickle: arguments of a NumPy array");
        return new_array(a, PC_OBJECT_ARRAY, out);
    case NAME_DTYPE: return make_dtype(a, args, out);
    case NAME_SCALAR:
        PC_CHECK(args->n == 2, PC_EFORMAT, "malformed pickle: arguments of a NumPy scalar");
        PC_TRY(new_array(a, PC_OBJECT_ARRAY, out));
        v = (*out)->object;
        v->scalar = true;
        return fill(v, dtype_of(x[0]), &(pc_item){ .kind = PC_ITEM_TUPLE }, x[1]);
    case NAME_FROM_BUFFER: /* (bytes, dtype, shape, "C") */
        PC_CHECK(args->n >= 4 && x[3]->kind == PC_ITEM_STR, PC_EFORMAT, "malformed pickle: arguments of a NumPy array");
        PC_TRY(new_array(a, PC_OBJECT_ARRAY, out));
        v = (*out)->object;
        v->fortran = pc_item_is(x[3], "F");
        return fill(v, dtype_of(x[1]), x[2], x[0]);
    default: return PC_OK;
    }
done:
    return status;
}

pc_status pc_numpy_build(pc_item *object, const pc_item *state, bool *known)
{
    pc_status status = PC_OK;
    pc_item *const *x = state->items;
    *known = object->tag == PC_OBJECT_ARRAY || object->tag == PC_OBJECT_DTYPE;
    if (!*known) return PC_OK;
    pc_pickled_array *v = object->object;
    PC_CHECK(state->kind == PC_ITEM_TUPLE, PC_EFORMAT, "malformed pickle: the state of a NumPy array");
    if (object->tag == PC_OBJECT_DTYPE) { /* (3, "<", None, None, None, -1, -1, 0) */
        PC_CHECK(state->n >= 5 && x[2]->kind == PC_ITEM_NONE && x[3]->kind == PC_ITEM_NONE
                     && x[4]->kind == PC_ITEM_NONE,
                 PC_EFORMAT, "NumPy arrays of structures are not supported");
        v->swapped = pc_item_is(x[1], ">") && v->size > 1;
    } else { /* (1, shape, dtype, fortran order, bytes) */
        PC_CHECK(state->n == 5 && x[3]->kind == PC_ITEM_BOOL && v->data == NULL, PC_EFORMAT,
                 "malformed pickle: the state of a NumPy array");
        v->fortran = x[3]->i != 0;
        PC_TRY(fill(v, dtype_of(x[2]), x[1], x[4]));
    }
done:
    return status;
}
