/* pending.c -- weak stand-ins until indexing.c and generator_type.c are there. */
#include "python.h"
__attribute__((weak)) PyObject *pc_py_index(PyObject *s, PyObject *i) { return PyErr_Format(PyExc_NotImplementedError, "indexing"); }
__attribute__((weak)) int pc_py_index_set(PyObject *s, PyObject *i, PyObject *v) { PyErr_SetString(PyExc_NotImplementedError, "indexing"); return -1; }
