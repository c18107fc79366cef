/* io_save.c -- Python objects as the pickle that torch.save writes for them: same opcodes, same memo numbers, by the
   same rule of identity. */
#include "io.h"
#include <string.h>

#define BATCH 1000
/* Python's own limit (1000 by default) comes first; this one keeps the C stack whole where a user has raised it. */
#define MAX_DEPTH 4000

typedef struct saver {
    pc_py_pickled *out;
    pc_pickler *k;
    PyObject *memo;      /* address of an object -> (its number, the object) */
    PyObject *keys;      /* address of a storage -> its key, a str */
    PyObject *path;      /* keys on the way to the object at hand */
    PyObject *word[3];   /* torch's own strings, one object each */
    PyObject *ordered_dict, *counter, *default_dict, *size, *device, *parameter;
    int depth;
    bool legacy;         /* the format before torch 1.6 */
} saver;

static int save(saver *s, PyObject *o);

/* ---- memo --------------------------------------------------------------------------------------------- */

/* Write a reference to o if it stands in the pickle already: 1; 0 if not; -1. */
static int recall(saver *s, PyObject *o)
{
    PyObject *address = PyLong_FromVoidPtr(o),
             *entry = address != NULL ? PyDict_GetItemWithError(s->memo, address) : NULL;
    Py_XDECREF(address);
    if (entry == NULL) return PyErr_Occurred() ? -1 : 0;
    pc_pickle_get(s->k, (uint32_t)PyLong_AsUnsignedLong(PyTuple_GetItem(entry, 0)));
    return 1;
}

/* Number what was just written; o may be NULL for an object that nobody else has. The memo keeps o alive, or its
   address could become another object's. */
static int remember(saver *s, PyObject *o)
{
    uint32_t n = pc_pickle_put(s->k);
    if (o == NULL) return 0;
    PyObject *address = PyLong_FromVoidPtr(o), *entry = Py_BuildValue("(kO)", (unsigned long)n, o);
    int rc = address != NULL && entry != NULL ? PyDict_SetItem(s->memo, address, entry) : -1;
    Py_XDECREF(address);
    Py_XDECREF(entry);
    return rc;
}

/* ---- messages ----------------------------------------------------------------------------------------- */

static int refuse(saver *s, PyObject *o, const char *hint)
{
    PyObject *type = PyType_GetQualName(Py_TYPE(o)),
             *module = PyObject_GetAttrString((PyObject *)Py_TYPE(o), "__module__");
    PyObject *where = PyUnicode_FromString("");
    for (Py_ssize_t k = 0; where != NULL && k < PyList_Size(s->path); k++) {
        PyObject *longer = PyUnicode_FromFormat("%U[%R]", where, PyList_GetItem(s->path, k));
        Py_DECREF(where);
        where = longer;
    }
    if (type != NULL && module != NULL && where != NULL)
        PyErr_Format(PyExc_TypeError, "cannot save obj%U, an object of type %S.%U%s", where, module, type, hint);
    Py_XDECREF(type);
    Py_XDECREF(module);
    Py_XDECREF(where);
    return -1;
}

static int refuse_other(saver *s, PyObject *o)
{
    if (PyObject_HasAttrString(o, "state_dict")) return refuse(s, o, ": save its state_dict() instead");
    return refuse(
        s, o,
        ": only tensors, numbers, strings, bytes, None, dtypes, sizes, devices, NumPy arrays, and dicts, lists, "
        "tuples and sets of them can be (vars(x) turns a namespace into a dict)");
}

/* ---- numbers and strings ------------------------------------------------------------------------------ */

static int save_big_int(saver *s, PyObject *o)
{
    PyObject *bits = PyObject_CallMethod(o, "bit_length", NULL), *bytes = NULL;
    Py_ssize_t n = bits != NULL ? PyLong_AsSsize_t(bits) / 8 + 1 : 0;
    Py_XDECREF(bits);
    if (n > 0) {
        PyObject *to_bytes = PyObject_GetAttrString(o, "to_bytes"), *args = Py_BuildValue("(ns)", n, "little");
        PyObject *kwargs = Py_BuildValue("{sO}", "signed", Py_True);
        if (to_bytes != NULL && args != NULL && kwargs != NULL) bytes = PyObject_Call(to_bytes, args, kwargs);
        Py_XDECREF(to_bytes);
        Py_XDECREF(args);
        Py_XDECREF(kwargs);
    }
    if (bytes == NULL) return -1;
    const uint8_t *p = (const uint8_t *)PyBytes_AsString(bytes);
    if (n > 1 && p[n - 1] == 0xff && p[n - 2] & 0x80) n--;
    pc_pickle_long(s->k, p, n);
    Py_DECREF(bytes);
    return 0;
}

static int save_int(saver *s, PyObject *o)
{
    int overflow;
    long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow) return save_big_int(s, o);
    pc_pickle_int(s->k, v);
    return 0;
}

static int save_str(saver *s, PyObject *o)
{
    Py_ssize_t n;
    const char *text = PyUnicode_AsUTF8AndSize(o, &n);
    PyObject *encoded = NULL;
    if (text == NULL) { /* lone surrogates */
        PyErr_Clear();
        encoded = PyUnicode_AsEncodedString(o, "utf-8", "surrogatepass");
        if (encoded == NULL) return -1;
        text = PyBytes_AsString(encoded);
        n = PyBytes_Size(encoded);
    }
    pc_pickle_str(s->k, text, n);
    Py_XDECREF(encoded);
    return remember(s, o);
}

/* The end of a call: its arguments are on the stack as a tuple opcode still to be written. */
static int call(saver *s, char tuple, PyObject *o)
{
    pc_pickle_op(s->k, tuple);
    pc_pickle_put(s->k);
    pc_pickle_op(s->k, 'R');
    return remember(s, o);
}

/* Protocol 2 has no bytes: they are written as Latin-1 text to be encoded. */
static int save_bytes(saver *s, PyObject *o)
{
    if (PyBytes_Size(o) == 0) {
        pc_pickle_name(s->k, "__builtin__", "bytes");
        pc_pickle_op(s->k, ')');
        pc_pickle_op(s->k, 'R');
        return remember(s, o);
    }
    pc_pickle_name(s->k, "_codecs", "encode");
    PyObject *text = PyUnicode_DecodeLatin1(PyBytes_AsString(o), PyBytes_Size(o), NULL);
    int rc = text != NULL ? save(s, text) : -1; /* Python has one object for each single character */
    Py_XDECREF(text);
    if (rc < 0 || save(s, s->word[2]) < 0) return -1;
    return call(s, '\x86', o);
}

static int save_complex(saver *s, PyObject *o)
{
    pc_pickle_name(s->k, "__builtin__", "complex");
    pc_pickle_float(s->k, PyComplex_RealAsDouble(o));
    pc_pickle_float(s->k, PyComplex_ImagAsDouble(o));
    return call(s, '\x86', o);
}

/* ---- containers --------------------------------------------------------------------------------------- */

static int save_at(saver *s, PyObject *key, PyObject *o)
{
    if (PyList_Append(s->path, key) < 0) return -1;
    int rc = save(s, o);
    if (rc == 0) rc = PyList_SetSlice(s->path, PyList_Size(s->path) - 1, PyList_Size(s->path), NULL);
    return rc;
}

static int save_at_index(saver *s, Py_ssize_t index, PyObject *o)
{
    PyObject *key = PyLong_FromSsize_t(index);
    int rc = key != NULL ? save_at(s, key, o) : -1;
    Py_XDECREF(key);
    return rc;
}

static int save_tuple(saver *s, PyObject *o)
{
    Py_ssize_t n = PyTuple_Size(o);
    if (n == 0) {
        pc_pickle_op(s->k, ')');
        return 0;
    }
    if (n > 3) pc_pickle_op(s->k, '(');
    for (Py_ssize_t k = 0; k < n; k++)
        if (save_at_index(s, k, PyTuple_GetItem(o, k)) < 0) return -1;
    PyObject *address = PyLong_FromVoidPtr(o);
    int known = address != NULL ? PyDict_Contains(s->memo, address) : -1;
    Py_XDECREF(address);
    if (known < 0) return -1;
    if (known) { /* the tuple holds itself, through a list: it has been written meanwhile */
        for (Py_ssize_t k = 0; n <= 3 && k < n; k++) pc_pickle_op(s->k, '0');
        if (n > 3) pc_pickle_op(s->k, '1');
        return recall(s, o) < 0 ? -1 : 0;
    }
    pc_pickle_op(s->k, n > 3 ? 't' : (char)(0x84 + n));
    return remember(s, o);
}

/* One item, or all between marks, a thousand at a time: as CPython's C pickler does for exact lists. */
static int save_list_items(saver *s, PyObject *o)
{
    if (PyList_Size(o) == 1) {
        PyObject *item = Py_NewRef(PyList_GetItem(o, 0));
        int rc = save_at_index(s, 0, item);
        Py_DECREF(item);
        pc_pickle_op(s->k, 'a');
        return rc;
    }
    for (Py_ssize_t k = 0; k < PyList_Size(o);) {
        pc_pickle_op(s->k, '(');
        do {
            PyObject *item = Py_NewRef(PyList_GetItem(o, k));
            int rc = save_at_index(s, k, item);
            Py_DECREF(item);
            if (rc < 0) return -1;
            k++;
        } while (k < PyList_Size(o) && k % BATCH != 0);
        pc_pickle_op(s->k, 'e');
    }
    return 0;
}

static int save_list(saver *s, PyObject *o)
{
    pc_pickle_op(s->k, ']');
    if (remember(s, o) < 0) return -1;
    return save_list_items(s, o);
}

/* Entries of a dict. CPython's pickler goes on after a full batch, for an exact dict with one that may be empty. */
static int save_entries(saver *s, PyObject *o, bool exact)
{
    PyObject *items = PyMapping_Items(o);
    if (items == NULL) return -1;
    Py_ssize_t n = PyList_Size(items), at = 0;
    int rc = 0;
    while (rc == 0 && n > 0 && (at < n || exact)) {
        Py_ssize_t batch = n - at < BATCH ? n - at : BATCH;
        bool single = exact ? n == 1 : batch == 1;
        if (!single) pc_pickle_op(s->k, '(');
        for (Py_ssize_t end = at + batch; rc == 0 && at < end; at++) {
            PyObject *pair = PyList_GetItem(items, at);
            rc = save(s, PyTuple_GetItem(pair, 0));
            if (rc == 0) rc = save_at(s, PyTuple_GetItem(pair, 0), PyTuple_GetItem(pair, 1));
        }
        pc_pickle_op(s->k, single ? 's' : 'u');
        if (batch < BATCH) break;
    }
    Py_DECREF(items);
    return rc;
}

static int save_dict(saver *s, PyObject *o, PyObject *as)
{
    pc_pickle_op(s->k, '}');
    if (remember(s, as) < 0) return -1;
    return save_entries(s, o, true);
}

static int save_ordered_dict(saver *s, PyObject *o)
{
    pc_pickle_name(s->k, "collections", "OrderedDict");
    pc_pickle_op(s->k, ')');
    pc_pickle_op(s->k, 'R');
    if (remember(s, o) < 0 || save_entries(s, o, false) < 0) return -1;
    PyObject *state = PyObject_GetAttrString(o, "__dict__"); /* _metadata */
    int rc = state != NULL ? 0 : -1;
    if (rc == 0 && PyDict_Size(state) > 0) {
        rc = save(s, state);
        pc_pickle_op(s->k, 'b');
    }
    Py_XDECREF(state);
    return rc;
}

static int save_counter(saver *s, PyObject *o)
{
    pc_pickle_name(s->k, "collections", "Counter");
    if (save_dict(s, o, NULL) < 0) return -1;
    return call(s, '\x85', o);
}

static int save_set(saver *s, PyObject *o)
{
    pc_pickle_name(s->k, "__builtin__", PySet_Check(o) ? "set" : "frozenset");
    PyObject *items = PySequence_List(o);
    if (items == NULL) return -1;
    pc_pickle_op(s->k, ']');
    pc_pickle_put(s->k);
    int rc = save_list_items(s, items);
    Py_DECREF(items);
    return rc < 0 ? -1 : call(s, '\x85', o);
}

/* ---- torch's types ------------------------------------------------------------------------------------ */

static int add_storage(saver *s, pc_storage *storage, pc_dtype dtype)
{
    pc_py_pickled *p = s->out;
    if (p->n == p->room) {
        int64_t room = p->room > 0 ? 2 * p->room : 64;
        pc_storage **storages = pc_alloc((size_t)room * sizeof *storages);
        pc_blob *records = pc_alloc((size_t)room * sizeof *records);
        if (storages == NULL || records == NULL) {
            pc_free(storages);
            pc_free(records);
            pc_py_no_memory();
            return -1;
        }
        if (p->n > 0) memcpy(storages, p->storages, (size_t)p->n * sizeof *storages);
        if (p->n > 0) memcpy(records, p->records, (size_t)p->n * sizeof *records);
        pc_free(p->storages);
        pc_free(p->records);
        p->storages = storages;
        p->records = records;
        p->room = room;
    }
    atomic_fetch_add_explicit(&storage->refs, 1, memory_order_relaxed);
    p->storages[p->n] = storage;
    p->records[p->n++] =
        (pc_blob){ atomic_load(&storage->data), storage->bytes, storage->bytes / pc_dtype_size(dtype) };
    return 0;
}

/* The key of t's storage (borrowed), (key, dtype) in s->keys; the storage is settled. */
static PyObject *storage_key(saver *s, pc_tensor *t)
{
    PyObject *address = PyLong_FromVoidPtr(t->storage), *pair = NULL, *key = NULL;
    if (address == NULL) return NULL;
    pair = PyDict_GetItemWithError(s->keys, address);
    if (pair == NULL && !PyErr_Occurred()) {
        PyObject *number = PyLong_FromLongLong(s->out->n), *text = number != NULL ? PyObject_Str(number) : NULL;
        PyObject *fresh = text != NULL ? Py_BuildValue("(Ni)", text, (int)t->dtype) : NULL;
        if (fresh != NULL && add_storage(s, t->storage, t->dtype) == 0 && PyDict_SetItem(s->keys, address, fresh) == 0)
            pair = fresh;
        Py_XDECREF(number);
        Py_XDECREF(fresh); /* the dict has it */
    }
    Py_DECREF(address);
    if (pair == NULL) return NULL;
    if (PyLong_AsLong(PyTuple_GetItem(pair, 1)) == (long)t->dtype) key = PyTuple_GetItem(pair, 0);
    else
        PyErr_SetString(PyExc_RuntimeError,
                        "Cannot save multiple tensors or storages that view the same data as different types");
    return key;
}

static void save_sizes(saver *s, int n, const int64_t *v)
{
    if (n == 0) {
        pc_pickle_op(s->k, ')');
        return;
    }
    if (n > 3) pc_pickle_op(s->k, '(');
    for (int k = 0; k < n; k++) pc_pickle_int(s->k, v[k]);
    pc_pickle_op(s->k, n > 3 ? 't' : (char)(0x84 + n));
    pc_pickle_put(s->k);
}

static void save_no_hooks(saver *s)
{
    pc_pickle_name(s->k, "collections", "OrderedDict");
    pc_pickle_op(s->k, ')');
    pc_pickle_op(s->k, 'R');
    pc_pickle_put(s->k);
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks), for o or, where that is NULL, a part. */
static int save_values(saver *s, pc_tensor *t, bool requires_grad, PyObject *o)
{
    pc_status status = pc_tensor_settle(t);
    if (status != PC_OK) {
        pc_py_raise(status);
        return -1;
    }
    PyObject *key = storage_key(s, t);
    if (key == NULL) return -1;
    pc_pickle_name(s->k, "torch._utils", "_rebuild_tensor_v2");
    pc_pickle_op(s->k, '(');
    pc_pickle_op(s->k, '(');
    if (save(s, s->word[0]) < 0) return -1;
    pc_pickle_name(s->k, "torch", pc_storage_type_name(t->dtype));
    if (save(s, key) < 0 || save(s, s->word[1]) < 0) return -1;
    pc_pickle_int(s->k, t->storage->bytes / pc_dtype_size(t->dtype));
    if (s->legacy) pc_pickle_op(s->k, 'N'); /* no view of another storage */
    pc_pickle_op(s->k, 't');
    pc_pickle_put(s->k);
    pc_pickle_op(s->k, 'Q');
    pc_pickle_int(s->k, t->offset);
    save_sizes(s, t->ndim, t->shape);
    save_sizes(s, t->ndim, t->stride);
    pc_pickle_op(s->k, requires_grad ? '\x88' : '\x89');
    save_no_hooks(s);
    return call(s, 't', o);
}

static int save_tensor(saver *s, PyObject *o)
{
    pc_tensor *t = ((pc_py_tensor *)o)->t;
    if (s->parameter == NULL && (s->parameter = pc_py_import_member("pycnn.nn.parameter", "Parameter")) == NULL)
        return -1;
    int is_parameter = PyObject_IsInstance(o, s->parameter);
    if (is_parameter < 0) return -1;
    if (!is_parameter) return save_values(s, t, pc_requires_grad(t), o);
    pc_pickle_name(s->k, "torch._utils", "_rebuild_parameter");
    if (save_values(s, t, false, NULL) < 0) return -1;
    pc_pickle_op(s->k, t->requires_grad ? '\x88' : '\x89');
    save_no_hooks(s);
    return call(s, '\x87', o);
}

static int save_size(saver *s, PyObject *o)
{
    PyObject *plain = PySequence_List(o), *tuple = plain != NULL ? PyList_AsTuple(plain) : NULL;
    int rc = tuple != NULL ? 0 : -1;
    pc_pickle_name(s->k, "torch", "Size");
    Py_ssize_t n = rc == 0 ? PyTuple_Size(tuple) : 0;
    if (n > 3) pc_pickle_op(s->k, '(');
    for (Py_ssize_t k = 0; rc == 0 && k < n; k++) rc = save(s, PyTuple_GetItem(tuple, k));
    pc_pickle_op(s->k, n == 0 ? ')' : n > 3 ? 't' : (char)(0x84 + n));
    if (n > 0) pc_pickle_put(s->k);
    Py_XDECREF(plain);
    Py_XDECREF(tuple);
    return rc < 0 ? -1 : call(s, '\x85', o);
}

static int save_device(saver *s, PyObject *o)
{
    PyObject *type = PyObject_GetAttrString(o, "type"), *index = PyObject_GetAttrString(o, "index");
    Py_ssize_t n;
    const char *text = type != NULL && index != NULL ? PyUnicode_AsUTF8AndSize(type, &n) : NULL;
    int rc = text != NULL ? 0 : -1;
    if (rc == 0) {
        pc_pickle_name(s->k, "torch", "device");
        pc_pickle_str(s->k, text, n);
        pc_pickle_put(s->k);
        if (index != Py_None) rc = save(s, index);
        if (rc == 0) rc = call(s, index != Py_None ? '\x86' : '\x85', o);
    }
    Py_XDECREF(type);
    Py_XDECREF(index);
    return rc;
}

static int save_dtype(saver *s, PyObject *o)
{
    pc_dtype d;
    if (pc_py_dtype_of(o, &d) < 0) return -1;
    pc_pickle_name(s->k, "torch", pc_dtype_name(d));
    return 0;
}

/* ---- NumPy -------------------------------------------------------------------------------------------- */

/* As ndarray.__reduce__: _reconstruct(ndarray, (0,), b"b") with the state (1, shape, dtype, fortran, bytes). */
static int save_array(saver *s, PyObject *o)
{
    PyObject *reduced = PyObject_CallMethod(o, "__reduce__", NULL), *dtype = PyObject_GetAttrString(o, "dtype");
    PyObject *state = reduced != NULL ? PySequence_GetItem(reduced, 2) : NULL, *kind = NULL, *size = NULL,
             *order = NULL;
    int rc = -1;
    if (state == NULL || dtype == NULL) goto done;
    kind = PyObject_GetAttrString(dtype, "kind");
    size = PyObject_GetAttrString(dtype, "itemsize");
    order = PyObject_GetAttrString(dtype, "byteorder");
    if (kind == NULL || size == NULL || order == NULL) goto done;
    const char *letter = PyUnicode_AsUTF8AndSize(kind, NULL), *sign = PyUnicode_AsUTF8AndSize(order, NULL);
    long bytes = PyLong_AsLong(size);
    if (letter == NULL || sign == NULL || PyErr_Occurred()) goto done;
    if (strchr("biufc", letter[0]) == NULL || bytes > 16 || (bytes & (bytes - 1)) != 0
        || (letter[0] == 'f' && bytes > 8)) {
        refuse(s, o, ": its dtype is not one of plain numbers");
        goto done;
    }
    char name[4] = { letter[0], (char)(bytes < 10 ? '0' + bytes : '1'), (char)(bytes < 10 ? 0 : '0' + bytes - 10), 0 };
    pc_pickle_name(s->k, "numpy.core.multiarray", "_reconstruct");
    pc_pickle_name(s->k, "numpy", "ndarray");
    save_sizes(s, 1, (int64_t[]){ 0 });
    pc_pickle_name(s->k, "_codecs", "encode");
    pc_pickle_str(s->k, "b", 1);
    pc_pickle_put(s->k);
    if (save(s, s->word[2]) < 0 || call(s, '\x86', NULL) < 0 || call(s, '\x87', o) < 0) goto done;
    pc_pickle_op(s->k, '(');
    pc_pickle_int(s->k, 1);
    if (save(s, PyTuple_GetItem(state, 1)) < 0) goto done;
    pc_pickle_name(s->k, "numpy", "dtype");
    pc_pickle_str(s->k, name, (int64_t)strlen(name));
    pc_pickle_put(s->k);
    pc_pickle_op(s->k, '\x89');
    pc_pickle_op(s->k, '\x88');
    call(s, '\x87', NULL);
    pc_pickle_op(s->k, '(');
    pc_pickle_int(s->k, 3);
    pc_pickle_str(s->k, sign[0] == '=' ? "<" : sign, 1);
    pc_pickle_put(s->k);
    for (int k = 0; k < 3; k++) pc_pickle_op(s->k, 'N');
    pc_pickle_int(s->k, -1);
    pc_pickle_int(s->k, -1);
    pc_pickle_int(s->k, 0);
    pc_pickle_op(s->k, 't');
    pc_pickle_put(s->k);
    pc_pickle_op(s->k, 'b');
    if (save(s, PyTuple_GetItem(state, 3)) < 0 || save_bytes(s, PyTuple_GetItem(state, 4)) < 0) goto done;
    pc_pickle_op(s->k, 't');
    pc_pickle_put(s->k);
    pc_pickle_op(s->k, 'b');
    rc = 0;
done:
    Py_XDECREF(reduced);
    Py_XDECREF(state);
    Py_XDECREF(dtype);
    Py_XDECREF(kind);
    Py_XDECREF(size);
    Py_XDECREF(order);
    return rc;
}

/* A scalar becomes the Python number or string that it equals; torch's load accepts no others. */
static int save_numpy(saver *s, PyObject *o)
{
    if (PyObject_HasAttrString(o, "__array_finalize__")) {
        PyObject *ndarray = pc_py_import_member("numpy", "ndarray");
        bool plain = ndarray != NULL && (PyObject *)Py_TYPE(o) == ndarray;
        Py_XDECREF(ndarray);
        return plain ? save_array(s, o) : refuse_other(s, o);
    }
    PyObject *number = PyObject_CallMethod(o, "item", NULL);
    if (number == NULL) return -1;
    int rc = pc_py_is_array(number) ? refuse_other(s, o) : save(s, number);
    Py_DECREF(number);
    return rc;
}

/* ---- all ---------------------------------------------------------------------------------------------- */

static int save_compound(saver *s, PyObject *o)
{
    PyObject *type = (PyObject *)Py_TYPE(o);
    if (PyUnicode_CheckExact(o)) return save_str(s, o);
    if (PyBytes_CheckExact(o)) return save_bytes(s, o);
    if (PyDict_CheckExact(o)) return save_dict(s, o, o);
    if (PyList_CheckExact(o)) return save_list(s, o);
    if (PyTuple_CheckExact(o)) return save_tuple(s, o);
    if (type == (PyObject *)&PySet_Type || type == (PyObject *)&PyFrozenSet_Type) return save_set(s, o);
    if (type == s->ordered_dict) return save_ordered_dict(s, o);
    if (type == s->counter) return save_counter(s, o);
    if (type == s->default_dict) return save_dict(s, o, o);
    if (pc_py_is_tensor(o)) return save_tensor(s, o);
    if (type == (PyObject *)pc_py_dtype_type) return save_dtype(s, o);
    if (type == s->size) return save_size(s, o);
    if (type == s->device) return save_device(s, o);
    if (PyComplex_CheckExact(o)) return save_complex(s, o);
    if (pc_py_is_array(o)) return save_numpy(s, o);
    return refuse_other(s, o);
}

static int save(saver *s, PyObject *o)
{
    if (o == Py_None || o == Py_True || o == Py_False) {
        pc_pickle_op(s->k, o == Py_None ? 'N' : o == Py_True ? '\x88' : '\x89');
        return 0;
    }
    if (PyLong_CheckExact(o)) return save_int(s, o);
    if (PyFloat_CheckExact(o)) {
        pc_pickle_float(s->k, PyFloat_AsDouble(o));
        return 0;
    }
    int known = recall(s, o);
    if (known != 0) return known < 0 ? -1 : 0;
    if (s->depth >= MAX_DEPTH) {
        PyErr_Format(PyExc_RecursionError, "obj is nested more than %d deep", MAX_DEPTH);
        return -1;
    }
    if (Py_EnterRecursiveCall(" while an object is saved")) return -1;
    s->depth++;
    int rc = save_compound(s, o);
    s->depth--;
    Py_LeaveRecursiveCall();
    return rc;
}

int pc_py_pickle(PyObject *o, bool legacy, pc_py_pickled *out)
{
    int rc = -1;
    *out = (pc_py_pickled){ .n = 0 };
    saver s = { .out = out,
                .k = &out->pickler,
                .legacy = legacy,
                .memo = PyDict_New(),
                .keys = PyDict_New(),
                .path = PyList_New(0) };
    s.word[0] = PyUnicode_InternFromString("storage");
    s.word[1] = PyUnicode_InternFromString("cpu");
    s.word[2] = PyUnicode_InternFromString("latin1");
    s.ordered_dict = pc_py_import_member("collections", "OrderedDict");
    s.counter = pc_py_import_member("collections", "Counter");
    s.default_dict = pc_py_import_member("collections", "defaultdict");
    s.size = pc_py_import_member("pycnn._device", "Size");
    s.device = pc_py_import_member("pycnn._device", "device");
    pc_pickle_start(s.k);
    if (!PyErr_Occurred()) rc = save(&s, o);
    pc_pickle_op(s.k, '.');
    if (rc == 0 && s.k->status != PC_OK) {
        pc_py_raise(s.k->status);
        rc = -1;
    }
    PyObject *const owned[] = { s.memo, s.keys, s.path, s.word[0], s.word[1], s.word[2], s.ordered_dict, s.counter,
                                s.default_dict, s.size, s.device, s.parameter };
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++) Py_XDECREF(owned[k]);
    return rc;
}

void pc_py_pickled_free(pc_py_pickled *p)
{
    for (int64_t k = 0; k < p->n; k++) pc_storage_release(p->storages[k]);
    pc_free(p->storages);
    pc_free(p->records);
    pc_pickle_free(&p->pickler);
    *p = (pc_py_pickled){ .n = 0 };
}
