/* dtype_type.c -- pycnn.float32 and its like. */
#include "python.h"
#include <string.h>

typedef struct dtype_object {
    PyObject_HEAD
    pc_dtype dtype;
} dtype_object;

PyTypeObject *pc_py_dtype_type;
static PyObject *dtypes[PC_DTYPE_COUNT];

PyObject *pc_py_dtype(pc_dtype d)
{
    Py_INCREF(dtypes[d]);
    return dtypes[d];
}

int pc_py_dtype_of(PyObject *o, pc_dtype *out)
{
    if (Py_TYPE(o) == pc_py_dtype_type) *out = ((dtype_object *)o)->dtype;
    else if (o == (PyObject *)&PyFloat_Type) *out = PC_F64;
    else if (o == (PyObject *)&PyLong_Type) *out = PC_I64;
    else if (o == (PyObject *)&PyBool_Type) *out = PC_BOOL;
    else {
        PyErr_Format(PyExc_TypeError, "dtype must be a pycnn.dtype, not %R", (PyObject *)Py_TYPE(o));
        return -1;
    }
    return 0;
}

static PyObject *dtype_repr(PyObject *self)
{
    return PyUnicode_FromFormat("torch.%s", pc_dtype_name(((dtype_object *)self)->dtype));
}
static PyObject *dtype_reduce(PyObject *self, PyObject *ignored)
{
    return PyUnicode_FromString(pc_dtype_name(((dtype_object *)self)->dtype));
}
static PyObject *dtype_name(PyObject *self, void *closure)
{
    return PyUnicode_FromString(pc_dtype_name(((dtype_object *)self)->dtype));
}
static PyObject *dtype_itemsize(PyObject *self, void *closure)
{
    return PyLong_FromLongLong(pc_dtype_size(((dtype_object *)self)->dtype));
}
static PyObject *dtype_is_floating_point(PyObject *self, void *closure)
{
    return PyBool_FromLong(pc_dtype_is_float(((dtype_object *)self)->dtype));
}
static PyObject *dtype_is_complex(PyObject *self, void *closure)
{
    return PyBool_FromLong(0);
}
static void dtype_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *get_default_dtype(PyObject *module, PyObject *ignored)
{
    return Py_NewRef(dtypes[pc_default_dtype()]);
}
static PyObject *set_default_dtype(PyObject *module, PyObject *d)
{
    if (!Py_IS_TYPE(d, pc_py_dtype_type) || (d != dtypes[PC_F32] && d != dtypes[PC_F64]))
        return PyErr_Format(PyExc_TypeError, "the default dtype is float32 or float64, got %R", d);
    pc_set_default_dtype(((dtype_object *)d)->dtype);
    Py_RETURN_NONE;
}
static PyMethodDef functions[] = { { "get_default_dtype", get_default_dtype, METH_NOARGS,
                                     "get_default_dtype()\n--\n\nThe dtype that Python floats become." },
                                   { "set_default_dtype", set_default_dtype, METH_O,
                                     "set_default_dtype(d, /)\n--\n\nMake it float32 or float64." },
                                   { 0 } };

static PyMethodDef methods[] = {
    { "__reduce__", dtype_reduce, METH_NOARGS, "__reduce__($self, /)\n--\n\nPickled by name." },
    { 0 },
};
static PyGetSetDef getset[] = { { "name", dtype_name, NULL, "\"float32\"", NULL },
                                { "itemsize", dtype_itemsize, NULL, "Bytes of one element.", NULL },
                                { "is_floating_point", dtype_is_floating_point, NULL, "True for floats.", NULL },
                                { "is_complex", dtype_is_complex, NULL, "Always False.", NULL },
                                { 0 } };
static PyType_Slot slots[] = { { Py_tp_repr, dtype_repr }, { Py_tp_dealloc, dtype_dealloc },
                               { Py_tp_methods, methods }, { Py_tp_getset, getset },
                               { Py_tp_doc, "The type of a tensor's elements." }, { 0, NULL } };
static PyType_Spec spec = { "pycnn.dtype", sizeof(dtype_object), 0,
                            Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots };

int pc_py_add_dtypes(PyObject *module)
{
    pc_py_dtype_type = (PyTypeObject *)PyType_FromSpec(&spec);
    if (pc_py_dtype_type == NULL || PyModule_AddObjectRef(module, "dtype", (PyObject *)pc_py_dtype_type) < 0) return -1;
    for (int d = 0; d < PC_DTYPE_COUNT; d++) {
        dtype_object *o = PyObject_New(dtype_object, pc_py_dtype_type);
        if (o == NULL) return -1;
        o->dtype = (pc_dtype)d;
        dtypes[d] = (PyObject *)o;
        if (PyModule_AddObjectRef(module, pc_dtype_name((pc_dtype)d), (PyObject *)o) < 0) return -1;
    }
    return PyModule_AddFunctions(module, functions);
}
