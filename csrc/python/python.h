/* python.h -- what the files of this directory share. The only place where Python.h comes in. */
#ifndef PC_PYTHON_H
#define PC_PYTHON_H
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include "../autograd/autograd.h"
#include "../core/alloc.h"
#include "../core/cpu.h"
#include "../core/parallel.h"
#include "../ops/copy.h"
#include "../ops/op.h"
#include "../ops/schema.h"

/* A Tensor object: owns t. */
typedef struct pc_py_tensor {
    PyObject_HEAD
    pc_tensor *t;
    PyObject *dict;
    PyObject *weakrefs;
} pc_py_tensor;

extern PyTypeObject *pc_py_tensor_type, *pc_py_dtype_type, *pc_py_generator_type, *pc_py_size_type;

/* errors.c: set the Python exception of a status whose message is pending; returns NULL. */
PyObject *pc_py_raise(pc_status status);
/* errors.c: a callback raised, or PyErr_CheckSignals did: PC_EPYTHON; otherwise status as it is. */
int pc_py_add_errors(PyObject *module);

/* tensor_type.c: the object of t (takes the reference, NULL on failure). */
PyObject *pc_py_wrap(pc_tensor *t);
/* Borrowed; NULL with TypeError if o is no Tensor. */
pc_tensor *pc_py_tensor_of(PyObject *o, const char *what);
static inline int pc_py_is_tensor(PyObject *o) { return PyObject_TypeCheck(o, pc_py_tensor_type); }
int pc_py_add_tensor(PyObject *module);

/* op_call.c: every row as function and method. */
int pc_py_add_ops(PyObject *module);
/* Run the row of that name from C: positional in and v as in pc_op_apply, one result wrapped. */
PyObject *pc_py_apply(const char *name, int nin, pc_tensor **in, const pc_value *v, int inplace);

/* dtype_type.c */
PyObject *pc_py_dtype(pc_dtype d);                    /* new reference */
int pc_py_dtype_of(PyObject *o, pc_dtype *out);       /* -1 with TypeError */
int pc_py_add_dtypes(PyObject *module);

/* generator_type.c: NULL with TypeError if o is no Generator. */
pc_generator *pc_py_generator_of(PyObject *o);
int pc_py_add_random(PyObject *module);

/* numpy_bridge.c: the only file that includes NumPy's headers. */
int pc_py_add_numpy(PyObject *module);
/* Tensor from a NumPy array or scalar, sharing memory where share is true. */
pc_status pc_py_from_numpy(PyObject *array, int share, pc_tensor **out);

/* indexing.c: t[index] and t[index] = value. */
PyObject *pc_py_index(PyObject *self, PyObject *index);
int pc_py_index_set(PyObject *self, PyObject *index, PyObject *value);

/* autograd_binding.c: backward, grad, no_grad's switch, hooks. */
int pc_py_add_autograd(PyObject *module);

#endif
