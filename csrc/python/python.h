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

/* A Tensor object: owns t. The C type is TensorBase; Python's Tensor derives from it. */
typedef struct pc_py_tensor {
    PyObject_HEAD
    pc_tensor *t;
} pc_py_tensor;

/* Below this many elements an operator is done before another thread could make use of the GIL. */
#define PC_PY_RELEASE_GIL_ABOVE 2048

extern PyTypeObject *pc_py_tensor_type, *pc_py_dtype_type;

/* errors.c: set the Python exception of a status whose message is pending; returns NULL. */
PyObject *pc_py_raise(pc_status status);
/* The name of o's type as torch's messages have it: "int", "numpy.ndarray". Returns buf. */
const char *pc_py_type_text(PyObject *o, char *buf, size_t size);
/* After pc_alloc has failed: MemoryError; returns NULL. */
PyObject *pc_py_no_memory(void);
extern PyObject *pc_py_checkpoint_error;
int pc_py_add_errors(PyObject *module);

/* tensor_type.c: the object of t (takes the reference, NULL on failure). */
PyObject *pc_py_wrap(pc_tensor *t);
/* Borrowed; NULL with TypeError if o is no Tensor. */
pc_tensor *pc_py_tensor_of(PyObject *o, const char *what);
static inline int pc_py_is_tensor(PyObject *o) { return PyObject_TypeCheck(o, pc_py_tensor_type); }
int pc_py_add_tensor(PyObject *module);
/* After pc_py_add_ops: the number protocol's callables. */
void pc_py_bind_numbers(void);
/* One element as a Python number. */
PyObject *pc_py_number(pc_dtype dtype, const void *at);

/* op_call.c: every row as function and method. */
int pc_py_add_ops(PyObject *module);
/* The callable of that name ("add", "add_"), or -1; and calls of it for the number protocol. */
int pc_py_callable(const char *name);
PyObject *pc_py_binary(int callable, PyObject *a, PyObject *b);
PyObject *pc_py_unary(int callable, PyObject *a);
/* op_doc.c: the docstring of a callable, from the rows behind its name. The caller owns the text, which lives as long
   as the process; NULL when memory is short. */
char *pc_py_document(const char *name, int nrows, const int *rows, bool inplace, bool method);

/* dtype_type.c */
PyObject *pc_py_dtype(pc_dtype d);                    /* new reference */
int pc_py_dtype_of(PyObject *o, pc_dtype *out);       /* -1 with TypeError */
int pc_py_add_dtypes(PyObject *module);

/* generator_type.c: NULL with TypeError if o is no Generator. */
pc_generator *pc_py_generator_of(PyObject *o);
int pc_py_add_random(PyObject *module);

/* numpy_bridge.c: the only file that includes NumPy's headers. */
int pc_py_add_numpy(PyObject *module);
int pc_py_is_array(PyObject *o); /* ndarray or NumPy scalar */
/* A new tensor with a copy of anything that NumPy reads as numbers; NULL with an exception. */
pc_tensor *pc_py_data(PyObject *o);

/* indexing.c: t[index] and t[index] = value. */
PyObject *pc_py_index(PyObject *self, PyObject *index);
int pc_py_index_set(PyObject *self, PyObject *index, PyObject *value);
/* t[index] += value, where places that are pointed at twice get both: (index, value). */
PyObject *pc_py_index_add(PyObject *self, PyObject *args);

/* image_binding.c: NULL with TypeError if o is no Pipeline (borrowed). */
struct pc_pipeline *pc_py_pipeline_of(PyObject *o);
int pc_py_add_image(PyObject *module);

/* data_binding.c: batches of image data sets. */
int pc_py_add_data(PyObject *module);

/* autograd_binding.c: backward, grad, no_grad's switch, hooks. */
int pc_py_add_autograd(PyObject *module);

/* io_binding.c and io_save.c: checkpoints and data sets; io_load.c: the Python objects of a checkpoint's tree. */
int pc_py_add_io(PyObject *module);

/* jit_binding.c: graphs, and traces that make them. While this thread traces: */
int pc_py_add_jit(PyObject *module);
/* A size of a tensor: an int that knows where it comes from. */
PyObject *pc_py_traced_size(pc_tensor *t, int d);
/* An argument of the call to come: sizes in it are noted. index: of an item, -1: o is the whole. */
void pc_py_note_argument(const pc_param *p, int index, PyObject *o);
void pc_py_forget_arguments(void);
/* 1 + the variable of a size, 0 for anything else; and a note that value `slot` of the call to come is such a one. */
int pc_py_size(PyObject *o);
void pc_py_note_size(int slot, int size);
/* A value of t is taken out of sight ("boolean", "integer", ...): a TracerWarning; -1 with an exception. */
int pc_py_warn_untraceable(pc_tensor *t, const char *what);

/* optim_binding.c: optimizer steps. */
int pc_py_add_optim(PyObject *module);

#endif
