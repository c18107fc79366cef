/* io_load.c -- the values of a checkpoint as Python objects: no recursion, whatever the depth. */
#include "io.h"
#include <stdio.h>

PyObject *pc_py_import_member(const char *module, const char *name)
{
    PyObject *m = PyImport_ImportModule(module), *member = m != NULL ? PyObject_GetAttrString(m, name) : NULL;
    Py_XDECREF(m);
    return member;
}

/* module.name(*args); takes args. */
static PyObject *call_member(const char *module, const char *name, PyObject *args)
{
    PyObject *callable = args != NULL ? pc_py_import_member(module, name) : NULL;
    PyObject *result = callable != NULL ? PyObject_Call(callable, args, NULL) : NULL;
    Py_XDECREF(callable);
    Py_XDECREF(args);
    return result;
}

/* ---- which items are needed --------------------------------------------------------------------------- */

static void reach(pc_item *o, pc_item **todo)
{
    if (o == NULL || o->reached) return;
    o->reached = true;
    o->pending = *todo;
    *todo = o;
}

static bool has_items(const pc_item *o)
{
    return o->kind == PC_ITEM_TUPLE || o->kind == PC_ITEM_LIST || o->kind == PC_ITEM_SET || o->kind == PC_ITEM_DICT;
}

/* Mark what the root leads to; a pickle makes other items too, such as arguments. */
static void reach_all(pc_item *root)
{
    pc_item *todo = NULL;
    reach(root, &todo);
    while (todo != NULL) {
        pc_item *o = todo;
        todo = o->pending;
        for (int64_t k = 0; has_items(o) && k < o->n; k++) reach(o->items[k], &todo);
        reach(o->extra, &todo);
    }
}

/* ---- leaves ------------------------------------------------------------------------------------------- */

static PyObject *make_long(const pc_item *o)
{
    PyObject *args = Py_BuildValue("(y#s)", o->text, (Py_ssize_t)o->n, "little"),
             *signs = Py_BuildValue("{sO}", "signed", Py_True);
    PyObject *from_bytes = PyObject_GetAttrString((PyObject *)&PyLong_Type, "from_bytes"), *value = NULL;
    if (args != NULL && signs != NULL && from_bytes != NULL) value = PyObject_Call(from_bytes, args, signs);
    Py_XDECREF(args);
    Py_XDECREF(signs);
    Py_XDECREF(from_bytes);
    return value;
}

static PyObject *make_array(const pc_item *o)
{
    const pc_pickled_array *v = o->object;
    char dtype[16];
    if (v->data == NULL) {
        pc_fail(PC_EFORMAT, "malformed pickle: a NumPy array without its state");
        return NULL;
    }
    snprintf(dtype, sizeof dtype, "%c%c%d", v->swapped ? '>' : '<', v->kind, v->size);
    PyObject *shape = PyTuple_New(v->ndim);
    for (int d = 0; shape != NULL && d < v->ndim; d++) PyTuple_SetItem(shape, d, PyLong_FromLongLong(v->shape[d]));
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)v->data, (Py_ssize_t)(v->count * v->size));
    PyObject *args = Py_BuildValue("(NsNiOs)", shape, dtype, bytes, 0, Py_None, v->fortran ? "F" : "C");
    PyObject *array = call_member("numpy", "ndarray", args), *result = NULL;
    if (array != NULL && v->scalar) {
        PyObject *nothing = PyTuple_New(0);
        result = nothing != NULL ? PyObject_GetItem(array, nothing) : NULL;
        Py_XDECREF(nothing);
    } else if (array != NULL) { /* a copy: the bytes object is read-only; in native order, as NumPy unpickles */
        dtype[0] = '=';
        result = PyObject_CallMethod(array, "astype", "ss", dtype, "K");
    }
    Py_XDECREF(array);
    return result;
}

static PyObject *make_object(const pc_item *o)
{
    pc_tensor *t = NULL;
    switch (o->tag) {
    case PC_OBJECT_TENSOR: {
        pc_status status = pc_saved_tensor_make(o->object, &t);
        return status == PC_OK ? pc_py_wrap(t) : pc_py_raise(status);
    }
    case PC_OBJECT_PARAMETER:
        return call_member("pycnn.nn.parameter", "Parameter",
                           Py_BuildValue("(OO)", o->extra->value, o->i ? Py_True : Py_False));
    case PC_OBJECT_SIZE: return call_member("pycnn._device", "Size", Py_BuildValue("(O)", o->extra->value));
    case PC_OBJECT_DEVICE: return call_member("pycnn._device", "device", Py_NewRef(o->extra->value));
    case PC_OBJECT_SCALAR_TYPE: return pc_py_dtype((pc_dtype)o->i);
    case PC_OBJECT_ARRAY: return make_array(o);
    default: pc_fail(PC_EFORMAT, "malformed pickle: a part of a tensor stands by itself"); return NULL;
    }
}

static PyObject *make_text(const pc_item *o)
{
    return PyUnicode_DecodeUTF8(o->text, (Py_ssize_t)o->n, o->kind == PC_ITEM_STR ? "surrogatepass" : "strict");
}

/* Immutable containers hold what was made before them. */
static PyObject *make_tuple(const pc_item *o)
{
    PyObject *tuple = PyTuple_New((Py_ssize_t)o->n);
    for (int64_t k = 0; tuple != NULL && k < o->n; k++)
        PyTuple_SetItem(tuple, (Py_ssize_t)k, Py_NewRef(o->items[k]->value));
    return tuple;
}

static PyObject *make_frozenset(const pc_item *o)
{
    PyObject *items = make_tuple(o), *set = items != NULL ? PyFrozenSet_New(items) : NULL;
    Py_XDECREF(items);
    return set;
}

static PyObject *make_dict(const pc_item *o)
{
    if (o->tag == PC_DICT_PLAIN) return PyDict_New();
    return call_member("collections", o->tag == PC_DICT_COUNTER ? "Counter" : "OrderedDict", PyTuple_New(0));
}

/* The object of an item; mutable containers are still empty. */
static PyObject *make(const pc_item *o)
{
    switch (o->kind) {
    case PC_ITEM_NONE: return Py_NewRef(Py_None);
    case PC_ITEM_BOOL: return PyBool_FromLong(o->i != 0);
    case PC_ITEM_INT: return PyLong_FromLongLong(o->i);
    case PC_ITEM_LONG: return make_long(o);
    case PC_ITEM_FLOAT: return PyFloat_FromDouble(o->d[0]);
    case PC_ITEM_COMPLEX: return PyComplex_FromDoubles(o->d[0], o->d[1]);
    case PC_ITEM_STR:
    case PC_ITEM_STR8: return make_text(o);
    case PC_ITEM_BYTES: return PyBytes_FromStringAndSize(o->text, (Py_ssize_t)o->n);
    case PC_ITEM_TUPLE: return make_tuple(o);
    case PC_ITEM_LIST: return PyList_New((Py_ssize_t)o->n);
    case PC_ITEM_SET: return o->tag ? make_frozenset(o) : PySet_New(NULL);
    case PC_ITEM_DICT: return make_dict(o);
    case PC_ITEM_OBJECT: return make_object(o);
    default: pc_fail(PC_EFORMAT, "malformed pickle: a class stands where a value should"); return NULL;
    }
}

/* ---- containers --------------------------------------------------------------------------------------- */

static int fill(const pc_item *o)
{
    int rc = 0;
    for (int64_t k = 0; o->kind == PC_ITEM_LIST && rc == 0 && k < o->n; k++)
        rc = PyList_SetItem(o->value, (Py_ssize_t)k, Py_NewRef(o->items[k]->value));
    for (int64_t k = 0; o->kind == PC_ITEM_SET && !o->tag && rc == 0 && k < o->n; k++)
        rc = PySet_Add(o->value, o->items[k]->value);
    for (int64_t k = 0; o->kind == PC_ITEM_DICT && rc == 0 && k < o->n; k += 2)
        rc = PyObject_SetItem(o->value, o->items[k]->value, o->items[k + 1]->value);
    if (o->kind == PC_ITEM_DICT && rc == 0 && o->extra != NULL)
        rc = PyObject_SetAttrString(o->value, "_metadata", o->extra->value);
    return rc;
}

PyObject *pc_py_from_items(pc_arena *a, pc_item *root)
{
    PyObject *result = NULL;
    bool good = true;
    reach_all(root);
    for (pc_item *o = a->first; good && o != NULL; o = o->next)
        if (o->reached) good = (o->value = make(o)) != NULL;
    for (pc_item *o = a->first; good && o != NULL; o = o->next)
        if (o->reached) good = fill(o) == 0;
    if (good) result = Py_NewRef(root->value);
    for (pc_item *o = a->first; o != NULL; o = o->next) {
        Py_XDECREF(o->value);
        o->value = NULL;
        o->reached = false;
    }
    return result;
}
