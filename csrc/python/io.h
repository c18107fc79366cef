/* io.h -- what io_*.c share: trees of checkpoints to Python objects and back. */
#ifndef PC_PYTHON_IO_H
#define PC_PYTHON_IO_H
#include "../io/checkpoint.h"
#include "python.h"

/* A member of a module; NULL with an exception. */
PyObject *pc_py_import_member(const char *module, const char *name);

/* io_binding.c: the exception of a failed read of path, whose file has so many bytes (-1: unknown); returns NULL. */
PyObject *pc_py_raise_read(pc_status status, PyObject *path, int64_t size);
/* Errors of a write are both OSError, with errno and path, and the RuntimeError that torch raises. */
PyObject *pc_py_raise_write(pc_status status, PyObject *path);
/* A path as a str for messages, and its bytes for the system. */
int pc_py_get_path(PyObject *o, PyObject **text, PyObject **bytes);
/* The file of a path, which *path names in messages. -1 with an exception. */
int pc_py_open_source(PyObject *o, PyObject **path, pc_source *s);
/* A sink that calls a Python function with bytes: { { .write = pc_py_sink_write }, function }. */
typedef struct pc_py_sink {
    pc_sink sink;
    PyObject *write;
} pc_py_sink;
pc_status pc_py_sink_write(pc_sink *sink, const void *p, int64_t n);

/* io_load.c: the Python object of a tree (new reference). NULL with an exception; a fault of the file is PC_EFORMAT's
   message without an exception. */
PyObject *pc_py_from_items(pc_arena *a, pc_item *root);

/* io_save.c: an object pickled, and the storages that it mentions. */
typedef struct pc_py_pickled {
    pc_pickler pickler;
    pc_storage **storages; /* owned */
    pc_blob *records;    /* their bytes */
    int64_t n, room;
} pc_py_pickled;

/* For one of the two formats. -1 with an exception. Always to be freed. */
int pc_py_pickle(PyObject *o, bool legacy, pc_py_pickled *out);
void pc_py_pickled_free(pc_py_pickled *p);

#endif
