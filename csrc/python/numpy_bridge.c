/* numpy_bridge.c -- tensors to and from NumPy and DLPack without copying. The only file that includes NumPy. */
#include "python.h"
#define NPY_NO_DEPRECATED_API NPY_1_23_API_VERSION
#define NPY_TARGET_VERSION NPY_1_23_API_VERSION
#include <numpy/arrayobject.h>

static const int numpy_type[PC_DTYPE_COUNT] = { NPY_BOOL, NPY_UINT8, NPY_INT8, NPY_INT16, NPY_INT32, NPY_INT64,
                                                NPY_HALF, -1, NPY_FLOAT32, NPY_FLOAT64 };

static int dtype_of(int type, pc_dtype *out)
{
    switch (type) {
    case NPY_BOOL: *out = PC_BOOL; return 0;
    case NPY_UINT8: *out = PC_U8; return 0;
    case NPY_INT8: *out = PC_I8; return 0;
    case NPY_INT16: *out = PC_I16; return 0;
    case NPY_INT32: *out = PC_I32; return 0;
    case NPY_LONG:
    case NPY_LONGLONG: *out = PC_I64; return 0;
    case NPY_HALF: *out = PC_F16; return 0;
    case NPY_FLOAT32: *out = PC_F32; return 0;
    case NPY_FLOAT64: *out = PC_F64; return 0;
    default: return -1;
    }
}

/* ---- from NumPy --------------------------------------------------------------------------------- */

/* The owner of a foreign storage is the array; storages die in any thread. */
static void release_array(void *owner)
{
    PyGILState_STATE state = PyGILState_Ensure();
    Py_DECREF((PyObject *)owner);
    PyGILState_Release(state);
}

int pc_py_is_array(PyObject *o)
{
    return PyArray_Check(o) || PyArray_IsScalar(o, Generic);
}

static const char *type_name(PyArrayObject *a, char *buf, size_t size)
{
    PyObject *type = PyObject_GetAttrString((PyObject *)PyArray_DESCR(a), "type");
    PyObject *name = type != NULL ? PyObject_GetAttrString(type, "__name__") : NULL;
    const char *utf8 = name != NULL ? PyUnicode_AsUTF8AndSize(name, NULL) : NULL;
    PyOS_snprintf(buf, size, "%s", utf8 != NULL ? utf8 : "?");
    Py_XDECREF(type);
    Py_XDECREF(name);
    PyErr_Clear();
    return buf;
}

/* Why a tensor cannot share a's memory; NULL: it can. */
static const char *unshareable(PyArrayObject *a)
{
    pc_dtype d;
    if (dtype_of(PyArray_TYPE(a), &d) < 0) return NULL; /* no tensor at all */
    if (PyArray_ISBYTESWAPPED(a)) return "has another byte order than this machine";
    for (int k = 0; k < PyArray_NDIM(a); k++) {
        if (PyArray_DIM(a, k) > 1 && PyArray_STRIDE(a, k) < 0) return "has negative strides, as flipped views have";
        if (PyArray_DIM(a, k) > 1 && PyArray_STRIDE(a, k) % PyArray_ITEMSIZE(a) != 0)
            return "has strides that are no multiple of its elements' size";
    }
    return PyArray_ISALIGNED(a) ? NULL : "has elements at odd addresses";
}

/* An array that a tensor can share: o itself, or a copy. A new reference; NULL with an exception. */
static PyObject *shareable(PyObject *o)
{
    const char *why = unshareable((PyArrayObject *)o);
    if (why == NULL) return Py_NewRef(o);
    if (PyErr_WarnFormat(PyExc_UserWarning, 1,
                         "The given NumPy array %s: a tensor cannot share such memory and is given a copy. "
                         "Pass a copy of the array to be spared this warning.",
                         why)
        < 0)
        return NULL;
    return PyArray_FROM_OF(o, NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED | NPY_ARRAY_NOTSWAPPED | NPY_ARRAY_ENSURECOPY);
}

/* A tensor of an array that is aligned, native and without negative strides; of its memory if `share`. */
static pc_status from_array(PyObject *o, bool share, pc_tensor **out)
{
    PyArrayObject *a = (PyArrayObject *)o;
    pc_dtype d;
    int64_t shape[PC_MAX_DIMS], stride[PC_MAX_DIMS];
    int ndim = PyArray_NDIM(a), item = (int)PyArray_ITEMSIZE(a);
    char text[100];
    if (dtype_of(PyArray_TYPE(a), &d) < 0)
        return pc_fail(PC_ETYPE,
                       "can't convert np.ndarray of type numpy.%s. The only supported types are: float64, float32, "
                       "float16, int64, int32, int16, int8, uint8, and bool.%s",
                       type_name(a, text, sizeof text),
                       PyArray_TYPE(a) == NPY_OBJECT ? " An array of objects is often one of rows of different length"
                                                     : "");
    if (ndim > PC_MAX_DIMS)
        return pc_fail(PC_ESHAPE, "tensors have at most %d dimensions here, got an array with %d", PC_MAX_DIMS, ndim);
    for (int k = 0; k < ndim; k++) {
        shape[k] = PyArray_DIM(a, k);
        stride[k] = PyArray_STRIDE(a, k) < 0 ? 0 : PyArray_STRIDE(a, k) / item; /* of a dimension of one element */
    }
    if (!share) {
        pc_tensor *t = NULL, *view = NULL;
        pc_status status = pc_tensor_new(d, ndim, shape, &t);
        Py_INCREF(o);
        if (status == PC_OK)
            status = pc_tensor_from_memory(d, ndim, shape, stride, PyArray_DATA(a), true, release_array, o, &view);
        else Py_DECREF(o);
        if (status == PC_OK) status = pc_copy(t, view);
        pc_release(view);
        if (status == PC_OK) *out = t;
        else pc_release(t);
        return status;
    }
    Py_INCREF(o);
    return pc_tensor_from_memory(d, ndim, shape, stride, PyArray_DATA(a), !PyArray_ISWRITEABLE(a), release_array, o,
                                 out);
}

static PyObject *from_numpy(PyObject *module, PyObject *o)
{
    pc_tensor *t = NULL;
    if (!PyArray_Check(o)) {
        PyObject *type = PyType_GetQualName(Py_TYPE(o));
        if (type != NULL) PyErr_Format(PyExc_TypeError, "expected np.ndarray (got %U)", type);
        Py_XDECREF(type);
        return NULL;
    }
    PyObject *a = shareable(o);
    if (a == NULL) return NULL;
    pc_status status = from_array(a, true, &t);
    Py_DECREF(a);
    return status == PC_OK ? pc_py_wrap(t) : pc_py_raise(status);
}

pc_tensor *pc_py_data(PyObject *o)
{
    PyObject *a = PyArray_FROM_OF(o, NPY_ARRAY_ALIGNED | NPY_ARRAY_NOTSWAPPED);
    pc_tensor *t = NULL;
    if (a == NULL) return NULL;
    if (!pc_py_is_array(o) && PyArray_TYPE((PyArrayObject *)a) == NPY_OBJECT) {
        Py_DECREF(a);
        PyErr_SetString(PyExc_TypeError, "tensor(): the data must be a number or nested sequences of numbers");
        return NULL;
    }
    if (PyArray_NDIM((PyArrayObject *)a) > 0) { /* negative and odd strides are no trouble for a copy */
        PyObject *plain = PyArray_FROM_OF(a, NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED | NPY_ARRAY_NOTSWAPPED);
        Py_DECREF(a);
        if ((a = plain) == NULL) return NULL;
    }
    pc_status status = from_array(a, false, &t);
    Py_DECREF(a);
    if (status != PC_OK) pc_py_raise(status);
    return t;
}

/* from_data(obj) -> (tensor, is_array): a copy of anything that NumPy reads as numbers. */
static PyObject *from_data(PyObject *module, PyObject *o)
{
    pc_tensor *t = pc_py_data(o);
    return t != NULL ? Py_BuildValue("(NN)", pc_py_wrap(t), PyBool_FromLong(pc_py_is_array(o))) : NULL;
}

/* ---- to NumPy ----------------------------------------------------------------------------------- */

static void release_capsule(PyObject *capsule)
{
    pc_release(PyCapsule_GetPointer(capsule, NULL));
}

/* An array on alias's memory (takes the reference). */
static PyObject *array_of(pc_tensor *alias)
{
    npy_intp shape[PC_MAX_DIMS], stride[PC_MAX_DIMS];
    for (int k = 0; k < alias->ndim; k++) {
        shape[k] = (npy_intp)alias->shape[k];
        stride[k] = (npy_intp)(alias->stride[k] * pc_dtype_size(alias->dtype));
    }
    PyObject *capsule = PyCapsule_New(alias, NULL, release_capsule);
    if (capsule == NULL) {
        pc_release(alias);
        return NULL;
    }
    int flags = alias->storage->readonly ? NPY_ARRAY_ALIGNED : NPY_ARRAY_ALIGNED | NPY_ARRAY_WRITEABLE;
    PyObject *a = PyArray_New(&PyArray_Type, alias->ndim, shape, numpy_type[alias->dtype], stride, pc_data(alias), 0,
                              flags, NULL);
    if (a == NULL || PyArray_SetBaseObject((PyArrayObject *)a, capsule) < 0) {
        if (a == NULL) Py_DECREF(capsule); /* otherwise SetBaseObject has taken it */
        Py_XDECREF(a);
        return NULL;
    }
    return a;
}

static PyObject *to_numpy(PyObject *module, PyObject *o)
{
    pc_tensor *t = pc_py_tensor_of(o, "numpy(): argument"), *alias = NULL;
    if (t == NULL) return NULL;
    if (numpy_type[t->dtype] < 0)
        return PyErr_Format(PyExc_TypeError, "Got unsupported ScalarType %s: use .float() first",
                            pc_dtype_type_name(t->dtype));
    pc_status status = pc_tensor_expose(t);
    if (status == PC_OK) status = pc_tensor_alias(t, &alias);
    if (status != PC_OK) return pc_py_raise(status);
    return array_of(alias);
}

/* ---- DLPack ------------------------------------------------------------------------------------- */

/* https://dmlc.github.io/dlpack/latest/c_api.html */
typedef struct dl_tensor {
    void *data;
    struct { int32_t device_type, device_id; } device;
    int32_t ndim;
    struct { uint8_t code, bits; uint16_t lanes; } dtype;
    int64_t *shape, *strides;
    uint64_t byte_offset;
} dl_tensor;
typedef struct dl_managed {
    dl_tensor tensor;
    void *manager_ctx;
    void (*deleter)(struct dl_managed *self);
} dl_managed;
enum { DL_INT = 0, DL_UINT = 1, DL_FLOAT = 2, DL_BFLOAT = 4, DL_BOOL = 6, DL_CPU = 1 };

static const struct { uint8_t code, bits; } dl_types[PC_DTYPE_COUNT] = {
    { DL_BOOL, 8 }, { DL_UINT, 8 }, { DL_INT, 8 }, { DL_INT, 16 }, { DL_INT, 32 }, { DL_INT, 64 },
    { DL_FLOAT, 16 }, { DL_BFLOAT, 16 }, { DL_FLOAT, 32 }, { DL_FLOAT, 64 }
};

static void dl_delete(dl_managed *m)
{
    pc_release(m->manager_ctx);
    pc_free(m);
}
static void dl_capsule_release(PyObject *capsule)
{
    if (!PyCapsule_IsValid(capsule, "dltensor")) return; /* consumed: the consumer calls the deleter */
    dl_managed *m = PyCapsule_GetPointer(capsule, "dltensor");
    m->deleter(m);
}

static PyObject *to_dlpack(PyObject *module, PyObject *o)
{
    pc_tensor *t = pc_py_tensor_of(o, "to_dlpack(): argument"), *alias = NULL;
    if (t == NULL) return NULL;
    if (pc_requires_grad(t))
        return PyErr_Format(PyExc_BufferError, "Can't export tensors that require gradient, use tensor.detach()");
    pc_status status = pc_tensor_expose(t);
    if (status == PC_OK) status = pc_tensor_alias(t, &alias);
    if (status != PC_OK) return pc_py_raise(status);
    dl_managed *m = pc_calloc(1, sizeof *m);
    if (m == NULL) {
        pc_release(alias);
        return pc_py_no_memory();
    }
    m->tensor.data = pc_data(t);
    m->tensor.device.device_type = DL_CPU;
    m->tensor.ndim = t->ndim;
    m->tensor.dtype.code = dl_types[t->dtype].code;
    m->tensor.dtype.bits = dl_types[t->dtype].bits;
    m->tensor.dtype.lanes = 1;
    m->tensor.shape = alias->shape;
    m->tensor.strides = alias->stride;
    m->manager_ctx = alias;
    m->deleter = dl_delete;
    PyObject *capsule = PyCapsule_New(m, "dltensor", dl_capsule_release);
    if (capsule == NULL) dl_delete(m);
    return capsule;
}

static void dl_release(void *owner)
{
    dl_managed *m = owner;
    if (m->deleter == NULL) return;
    PyGILState_STATE state = PyGILState_Ensure(); /* the producer may be Python's */
    m->deleter(m);
    PyGILState_Release(state);
}

static PyObject *from_dlpack(PyObject *module, PyObject *capsule)
{
    pc_tensor *t = NULL;
    pc_dtype d = PC_BOOL;
    dl_managed *m = PyCapsule_GetPointer(capsule, "dltensor");
    if (m == NULL) return NULL;
    dl_tensor *x = &m->tensor;
    while (d < PC_DTYPE_COUNT && (dl_types[d].code != x->dtype.code || dl_types[d].bits != x->dtype.bits)) d++;
    if (x->device.device_type != DL_CPU)
        return PyErr_Format(PyExc_BufferError, "from_dlpack: only CPU memory can be shared");
    if (d == PC_DTYPE_COUNT || x->dtype.lanes != 1 || x->ndim > PC_MAX_DIMS || x->ndim < 0)
        return PyErr_Format(PyExc_BufferError, "from_dlpack: unsupported dtype or number of dimensions");
    for (int k = 0; x->strides != NULL && k < x->ndim; k++)
        if (x->strides[k] < 0 && x->shape[k] > 1)
            return PyErr_Format(PyExc_BufferError, "from_dlpack: negative strides are not supported");
    if (PyCapsule_SetName(capsule, "used_dltensor") < 0) return NULL;
    pc_status status = pc_tensor_from_memory(d, x->ndim, x->shape, x->strides, (char *)x->data + x->byte_offset, false,
                                             dl_release, m, &t);
    return status == PC_OK ? pc_py_wrap(t) : pc_py_raise(status);
}

static PyMethodDef functions[] = {
    { "from_numpy", from_numpy, METH_O, "from_numpy(array, /)\n--\n\nA tensor that shares memory with an ndarray." },
    { "from_data", from_data, METH_O,
      "from_data(data, /)\n--\n\n(tensor, was it an array?): a copy of numbers, nested sequences or an array." },
    { "to_numpy", to_numpy, METH_O, "to_numpy(tensor, /)\n--\n\nAn ndarray that shares memory with a tensor." },
    { "to_dlpack", to_dlpack, METH_O,
      "to_dlpack(tensor, /)\n--\n\nA DLPack capsule that shares memory with a tensor." },
    { "from_dlpack_capsule", from_dlpack, METH_O,
      "from_dlpack_capsule(capsule, /)\n--\n\nA tensor that shares memory with a DLPack capsule." },
    { 0 }
};

int pc_py_add_numpy(PyObject *module)
{
    /* NumPy's own function would print whatever goes wrong, a Ctrl-C even, and make an ImportError of it. */
    PyObject *numpy = PyImport_ImportModule("numpy");
    if (numpy == NULL) return -1;
    Py_DECREF(numpy);
    if (PyArray_ImportNumPyAPI() < 0) return -1;
    return PyModule_AddFunctions(module, functions);
}
