/* io_binding.c -- checkpoints and data set files for pycnn/serialization.py and pycnn/vision/datasets. */
#include "../data/cifar.h"
#include "../io/crc32.h"
#include "io.h"
#include <string.h>

/* ---- errors ------------------------------------------------------------------------------------------- */

/* CheckpointError with its attributes: "path (size bytes): reason". */
static void raise_format(PyObject *path, int64_t size, PyObject *reason)
{
    PyObject *message = size >= 0 ? PyUnicode_FromFormat("%U (%lld bytes): %U", path, (long long)size, reason)
                                  : PyUnicode_FromFormat("%U: %U", path, reason);
    PyObject *error = message != NULL ? PyObject_CallFunctionObjArgs(pc_py_checkpoint_error, message, NULL) : NULL;
    PyObject *number = size >= 0 ? PyLong_FromLongLong(size) : Py_NewRef(Py_None);
    if (error != NULL && number != NULL && PyObject_SetAttrString(error, "path", path) == 0
        && PyObject_SetAttrString(error, "size", number) == 0 && PyObject_SetAttrString(error, "reason", reason) == 0)
        PyErr_SetObject(pc_py_checkpoint_error, error);
    Py_XDECREF(message);
    Py_XDECREF(error);
    Py_XDECREF(number);
}

/* type(errno, strerror, path): OSError becomes FileNotFoundError and so on by itself. */
static void raise_io(PyObject *type, int err, PyObject *path)
{
    PyObject *args = Py_BuildValue("(isO)", err, strerror(err), path);
    if (args != NULL) PyErr_SetObject(type, args);
    Py_XDECREF(args);
}

static PyObject *last_error_text(void)
{
    const char *text = pc_last_error();
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

PyObject *pc_py_raise_read(pc_status status, PyObject *path, int64_t size)
{
    if (status == PC_EIO) raise_io(PyExc_OSError, pc_io_errno(), path);
    else if (status == PC_EFORMAT) {
        PyObject *reason = last_error_text();
        if (reason != NULL) raise_format(path, size, reason);
        Py_XDECREF(reason);
    } else pc_py_raise(status);
    return NULL;
}

/* A value that Python refuses (a string that is not UTF-8, a key that cannot be hashed) is a fault of the file. */
static void refused_value_to_format(PyObject *path, int64_t size)
{
    PyObject *type, *value, *trace, *text;
    if (!PyErr_ExceptionMatches(PyExc_ValueError) && !PyErr_ExceptionMatches(PyExc_TypeError)
        && !(PyErr_ExceptionMatches(PyExc_RuntimeError) && !PyErr_ExceptionMatches(PyExc_MemoryError)))
        return;
    PyErr_Fetch(&type, &value, &trace);
    text =
        value != NULL ? PyUnicode_FromFormat("malformed pickle: %S", value) : PyUnicode_FromString("malformed pickle");
    if (text != NULL) raise_format(path, size, text);
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
}

int pc_py_get_path(PyObject *o, PyObject **text, PyObject **bytes)
{
    *bytes = NULL;
    return PyUnicode_FSDecoder(o, text) && PyUnicode_FSConverter(o, bytes) ? 0 : -1;
}

int pc_py_open_source(PyObject *o, PyObject **path, pc_source *s)
{
    PyObject *bytes;
    *path = NULL;
    if (pc_py_get_path(o, path, &bytes) < 0) {
        Py_CLEAR(*path);
        return -1;
    }
    pc_status status = pc_source_open(PyBytes_AsString(bytes), s);
    Py_DECREF(bytes);
    if (status == PC_OK) return 0;
    pc_py_raise_read(status, *path, -1);
    Py_CLEAR(*path);
    return -1;
}

/* ---- checkpoints -------------------------------------------------------------------------------------- */

/* (object, bytes used, is it a legacy file) */
static PyObject *load_source(const pc_source *s, PyObject *path)
{
    pc_checkpoint *c = NULL;
    pc_status status;
    PyObject *object, *result = NULL;
    Py_BEGIN_ALLOW_THREADS
    status = pc_checkpoint_load(s, &c);
    Py_END_ALLOW_THREADS
    if (status != PC_OK) return pc_py_raise_read(status, path, s->size);
    object = pc_py_from_items(&c->arena, c->root);
    if (object != NULL) result = Py_BuildValue("(NLO)", object, (long long)c->used, c->legacy ? Py_True : Py_False);
    else if (!PyErr_Occurred()) pc_py_raise_read(PC_EFORMAT, path, s->size);
    else refused_value_to_format(path, s->size);
    pc_checkpoint_free(c);
    return result;
}

static PyObject *load_checkpoint(PyObject *module, PyObject *o)
{
    PyObject *path;
    pc_source s;
    if (pc_py_open_source(o, &path, &s) < 0) return NULL;
    PyObject *result = load_source(&s, path);
    pc_source_close(&s);
    Py_DECREF(path);
    return result;
}

static PyObject *load_checkpoint_fd(PyObject *module, PyObject *args)
{
    int fd;
    long long offset;
    PyObject *name;
    pc_source s;
    if (!PyArg_ParseTuple(args, "iLU", &fd, &offset, &name)) return NULL;
    pc_status status = pc_source_from_fd(fd, offset, "file", &s);
    return status == PC_OK ? load_source(&s, name) : pc_py_raise_read(status, name, -1);
}

static PyObject *load_checkpoint_bytes(PyObject *module, PyObject *args)
{
    Py_buffer view;
    PyObject *name;
    pc_source s;
    if (!PyArg_ParseTuple(args, "y*U", &view, &name)) return NULL;
    pc_source_from_memory(view.buf, view.len, "file", &s);
    PyObject *result = load_source(&s, name);
    PyBuffer_Release(&view);
    return result;
}

PyObject *pc_py_raise_write(pc_status status, PyObject *path)
{
    if (status == PC_EIO) raise_io(pc_py_checkpoint_error, pc_io_errno(), path);
    else pc_py_raise(status);
    return NULL;
}

static pc_status write_pickled(pc_sink *sink, const char *archive, bool legacy, const pc_py_pickled *p)
{
    if (legacy) return pc_checkpoint_write_legacy(sink, p->pickler.p, p->pickler.n, p->records, p->n);
    return pc_checkpoint_write(sink, archive, p->pickler.p, p->pickler.n, p->records, p->n);
}

static PyObject *save_checkpoint(PyObject *module, PyObject *args)
{
    PyObject *obj, *file, *path = NULL, *bytes = NULL;
    pc_py_pickled p = { .n = 0 };
    pc_replacement r;
    char archive[256];
    pc_status status = PC_EPYTHON;
    int legacy;
    if (!PyArg_ParseTuple(args, "OOp", &obj, &file, &legacy)) return NULL;
    if (pc_py_get_path(file, &path, &bytes) < 0 || pc_py_pickle(obj, legacy, &p) < 0) goto done;
    const char *name = PyBytes_AsString(bytes);
    Py_BEGIN_ALLOW_THREADS
    status = pc_replace_begin(name, &r);
    if (status == PC_OK) {
        status = write_pickled(&r.sink, pc_archive_name(name, archive, sizeof archive), legacy, &p);
        if (status == PC_OK) status = pc_replace_commit(&r);
        if (status != PC_OK) pc_replace_abandon(&r);
    }
    Py_END_ALLOW_THREADS
    if (status != PC_OK) pc_py_raise_write(status, path);
done:
    pc_py_pickled_free(&p);
    Py_XDECREF(path);
    Py_XDECREF(bytes);
    if (status != PC_OK) return NULL;
    Py_RETURN_NONE;
}

pc_status pc_py_sink_write(pc_sink *sink, const void *p, int64_t n)
{
    while (n > 0) {
        PyObject *bytes = PyBytes_FromStringAndSize(p, (Py_ssize_t)n);
        PyObject *result =
            bytes != NULL ? PyObject_CallFunctionObjArgs(((pc_py_sink *)sink)->write, bytes, NULL) : NULL;
        Py_XDECREF(bytes);
        if (result == NULL) return PC_EPYTHON;
        int64_t put = PyLong_Check(result) ? PyLong_AsLongLong(result) : n; /* a raw file may take a part */
        Py_DECREF(result);
        if (put <= 0 || put > n) {
            if (!PyErr_Occurred())
                PyErr_Format(PyExc_OSError, "write() took %lld of %lld bytes", (long long)put, (long long)n);
            return PC_EPYTHON;
        }
        p = (const char *)p + put;
        n -= put;
    }
    return PC_OK;
}

static PyObject *save_checkpoint_to(PyObject *module, PyObject *args)
{
    PyObject *obj;
    pc_py_pickled p;
    pc_py_sink s = { { .write = pc_py_sink_write }, NULL };
    pc_status status = PC_EPYTHON;
    int legacy;
    if (!PyArg_ParseTuple(args, "OOp", &obj, &s.write, &legacy)) return NULL;
    if (pc_py_pickle(obj, legacy, &p) == 0) {
        status = write_pickled(&s.sink, "archive", legacy, &p);
        if (status != PC_OK) pc_py_raise(status);
    }
    pc_py_pickled_free(&p);
    if (status != PC_OK) return NULL;
    Py_RETURN_NONE;
}

/* ---- CIFAR -------------------------------------------------------------------------------------------- */

/* (images uint8 [n, 32, 32, 3], labels int64 [n]) of a list of paths */
static PyObject *read_cifar(PyObject *module, PyObject *args)
{
    PyObject *list, *result = NULL, *bytes = NULL;
    long long classes;
    pc_tensor *images = NULL, *labels = NULL;
    const char **names = NULL;
    int which = 0;
    if (!PyArg_ParseTuple(args, "O!L", &PyList_Type, &list, &classes)) return NULL;
    Py_ssize_t n = PyList_Size(list);
    bytes = PyList_New(0); /* keeps the encoded paths */
    names = pc_calloc((size_t)n + 1, sizeof *names);
    if (names == NULL) pc_py_no_memory();
    if (bytes == NULL || names == NULL) goto done;
    for (Py_ssize_t k = 0; k < n; k++) {
        PyObject *path = NULL;
        if (!PyUnicode_FSConverter(PyList_GetItem(list, k), &path)) goto done;
        int rc = PyList_Append(bytes, path);
        names[k] = PyBytes_AsString(path);
        Py_DECREF(path);
        if (rc < 0) goto done;
    }
    pc_status status;
    Py_BEGIN_ALLOW_THREADS
    status = pc_cifar_read(names, (int)n, classes, &images, &labels, &which);
    Py_END_ALLOW_THREADS
    if (status != PC_OK) {
        PyObject *path = NULL;
        if (which < n && PyUnicode_FSDecoder(PyList_GetItem(list, which), &path)) pc_py_raise_read(status, path, -1);
        else pc_py_raise(status);
        Py_XDECREF(path);
        goto done;
    }
    PyObject *x = pc_py_wrap(images), *y = pc_py_wrap(labels);
    result = x != NULL && y != NULL ? PyTuple_Pack(2, x, y) : NULL;
    Py_XDECREF(x);
    Py_XDECREF(y);
done:
    pc_free(names);
    Py_XDECREF(bytes);
    return result;
}

static PyObject *read_cifar_names(PyObject *module, PyObject *args)
{
    PyObject *o, *path = NULL, *bytes = NULL, *names = NULL;
    const char *key;
    pc_cifar_file f;
    if (!PyArg_ParseTuple(args, "Os", &o, &key)) return NULL;
    if (pc_py_get_path(o, &path, &bytes) < 0) goto done;
    pc_status status = pc_cifar_open(PyBytes_AsString(bytes), &f);
    if (status != PC_OK) {
        pc_py_raise_read(status, path, -1);
        goto done;
    }
    const pc_item *list = pc_item_get(f.root, key);
    bool good = list != NULL && list->kind == PC_ITEM_LIST;
    for (int64_t k = 0; good && k < list->n; k++)
        good = list->items[k]->kind >= PC_ITEM_STR && list->items[k]->kind <= PC_ITEM_BYTES;
    if (good) names = PyList_New(0);
    else {
        pc_fail(PC_EFORMAT, "no list of names '%s' in the file", key);
        pc_py_raise_read(PC_EFORMAT, path, -1);
    }
    for (int64_t k = 0; names != NULL && k < list->n; k++) {
        const pc_item *item = list->items[k];
        PyObject *text = item->kind == PC_ITEM_STR ? PyUnicode_DecodeUTF8(item->text, (Py_ssize_t)item->n, "replace")
                                                   : PyUnicode_DecodeLatin1(item->text, (Py_ssize_t)item->n, NULL);
        if (text == NULL || PyList_Append(names, text) < 0) Py_CLEAR(names);
        Py_XDECREF(text);
    }
    pc_cifar_close(&f);
done:
    Py_XDECREF(path);
    Py_XDECREF(bytes);
    return names;
}

/* What TFRecords keep beside a length and beside a record. */
static PyObject *masked_crc32c(PyObject *module, PyObject *bytes)
{
    Py_buffer view;
    if (PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE) < 0) return NULL;
    uint32_t crc = pc_crc32c(view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return PyLong_FromUnsignedLong((crc >> 15 | crc << 17) + 0xA282EAD8u);
}

static PyMethodDef functions[] = {
    { "masked_crc32c", masked_crc32c, METH_O,
      "masked_crc32c(data, /)\n--\n\nThe sum of bytes that a TFRecord keeps." },
    { "load_checkpoint", load_checkpoint, METH_O,
      "load_checkpoint(path, /)\n--\n\n(object, bytes used, is it a legacy file) of a file of torch.save." },
    { "load_checkpoint_fd", load_checkpoint_fd, METH_VARARGS,
      "load_checkpoint_fd(fd, offset, name, /)\n--\n\nThe same of an open file, from an offset on." },
    { "load_checkpoint_bytes", load_checkpoint_bytes, METH_VARARGS,
      "load_checkpoint_bytes(data, name, /)\n--\n\nThe same of a buffer." },
    { "save_checkpoint", save_checkpoint, METH_VARARGS,
      "save_checkpoint(obj, path, legacy, /)\n--\n\nWrite a file of torch.save; an old one is replaced as a whole." },
    { "save_checkpoint_to", save_checkpoint_to, METH_VARARGS,
      "save_checkpoint_to(obj, write, legacy, /)\n--\n\nThe same through a function that is called with bytes." },
    { "read_cifar", read_cifar, METH_VARARGS,
      "read_cifar(paths, classes, /)\n--\n\n(images [n, 32, 32, 3] of uint8, labels [n] of int64) of a list of "
      "batches." },
    { "read_cifar_names", read_cifar_names, METH_VARARGS,
      "read_cifar_names(path, key, /)\n--\n\nThe list of strings of a key in a file of CIFAR." },
    { 0 }
};

int pc_py_add_io(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
