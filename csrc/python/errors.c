/* errors.c -- the one mapping from status codes to exceptions, warnings, and the Ctrl-C check. */
#include "python.h"

PyObject *pc_py_checkpoint_error;
static PyObject *out_of_memory;

PyObject *pc_py_raise(pc_status status)
{
    PyObject *type = PyExc_RuntimeError;
    switch (status) {
    case PC_OK: break;
    case PC_ENOMEM: type = out_of_memory; break;
    case PC_ESHAPE: type = PyExc_RuntimeError; break;
    case PC_EVALUE: type = PyExc_ValueError; break;
    case PC_EINDEX: type = PyExc_IndexError; break;
    case PC_ETYPE: type = PyExc_TypeError; break;
    case PC_EIO: type = PyExc_OSError; break;
    case PC_EFORMAT: type = pc_py_checkpoint_error; break;
    case PC_ENOTIMPL: type = PyExc_NotImplementedError; break;
    case PC_EINTERRUPT:
    case PC_EPYTHON: return NULL; /* already set */
    }
    PyErr_SetString(type, pc_last_error());
    return NULL;
}

const char *pc_py_type_text(PyObject *o, char *buf, size_t size)
{
    PyObject *name = PyType_GetName(Py_TYPE(o)), *module = PyObject_GetAttrString((PyObject *)Py_TYPE(o), "__module__");
    const char *text = name != NULL ? PyUnicode_AsUTF8AndSize(name, NULL) : NULL;
    bool numpy = module != NULL && PyUnicode_Check(module) && PyUnicode_CompareWithASCIIString(module, "numpy") == 0;
    PyOS_snprintf(buf, size, "%s%s", numpy ? "numpy." : "", text != NULL ? text : "?");
    Py_XDECREF(name);
    Py_XDECREF(module);
    PyErr_Clear();
    return buf;
}

PyObject *pc_py_no_memory(void)
{
    return pc_py_raise(pc_fail(PC_ENOMEM, "out of memory for the arguments of a call"));
}

/* Called by long computations, with or without the GIL. */
static int check_signals(void)
{
    PyGILState_STATE state = PyGILState_Ensure();
    int rc = PyErr_CheckSignals();
    PyGILState_Release(state);
    return rc;
}

static int warn(const char *message)
{
    PyGILState_STATE state = PyGILState_Ensure();
    int rc = PyErr_WarnEx(PyExc_UserWarning, message, 1);
    PyGILState_Release(state);
    return rc;
}

/* A new exception type with several bases, so that handlers written for any of them catch it; takes the bases. */
static PyObject *add_error(PyObject *module, const char *name, const char *doc, PyObject *bases)
{
    char full[64];
    PyObject *type = NULL;
    PyOS_snprintf(full, sizeof full, "pycnn.%s", name);
    if (bases != NULL) type = PyErr_NewExceptionWithDoc(full, doc, bases, NULL);
    Py_XDECREF(bases);
    if (type != NULL && PyModule_AddObjectRef(module, name, type) < 0) Py_CLEAR(type);
    return type;
}

int pc_py_add_errors(PyObject *module)
{
    PyObject *pickle = PyImport_ImportModule("_pickle");
    PyObject *unpickling = pickle != NULL ? PyObject_GetAttrString(pickle, "UnpicklingError") : NULL;
    Py_XDECREF(pickle);
    if (unpickling == NULL) return -1;
    out_of_memory = add_error(module, "OutOfMemoryError", "Memory is short; the message says for what.",
                              PyTuple_Pack(2, PyExc_MemoryError, PyExc_RuntimeError));
    /* torch raises one or another of these for damaged files */
    pc_py_checkpoint_error =
        add_error(module, "CheckpointError",
                  "A file is not what it should be, is damaged, or cannot be written.\n\n"
                  "Attributes\n----------\npath : str\n    The file.\nsize : int or None\n    Its bytes.\n"
                  "reason : str\n    What is wrong, without path and size.",
                  PyTuple_Pack(3, PyExc_OSError, PyExc_RuntimeError, unpickling));
    Py_DECREF(unpickling);
    if (out_of_memory == NULL || pc_py_checkpoint_error == NULL) return -1;
    pc_set_interrupt_check(check_signals);
    pc_set_warning_handler(warn);
    return 0;
}
