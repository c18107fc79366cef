/* pending.c -- weak stand-ins until indexing.c and generator_type.c are there. */
#include "python.h"
__attribute__((weak)) PyObject *pc_py_index(PyObject *s, PyObject *i) { return PyErr_Format(PyExc_NotImplementedError, "indexing"); }
__attribute__((weak)) int pc_py_index_set(PyObject *s, PyObject *i, PyObject *v) { PyErr_SetString(PyExc_NotImplementedError, "indexing"); return -1; }
__attribute__((weak)) pc_generator *pc_py_generator_of(PyObject *o) { PyErr_SetString(PyExc_NotImplementedError, "generator"); return NULL; }
__attribute__((weak)) int pc_py_add_random(PyObject *m) { return 0; }
