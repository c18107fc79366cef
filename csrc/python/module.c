/* module.c -- the module pycnn._C: its parts and its switches. */
#include "../blas/blas.h"
#include "../kernels/kernels.h"
#include "python.h"

static PyObject *alloc_stats(PyObject *module, PyObject *ignored)
{
    pc_mem_stats s = pc_alloc_stats();
    return Py_BuildValue("{sLsLsLsLsL}", "live_blocks", (long long)s.live_blocks, "live_bytes",
                         (long long)s.live_bytes, "peak_bytes", (long long)s.peak_bytes, "calls", (long long)s.calls,
                         "cached_bytes", (long long)s.cached_bytes);
}
static PyObject *alloc_fail_after(PyObject *module, PyObject *n)
{
    long long value = PyLong_AsLongLong(n);
    if (value == -1 && PyErr_Occurred()) return NULL;
    pc_alloc_fail_after(value);
    Py_RETURN_NONE;
}
static PyObject *alloc_trim(PyObject *module, PyObject *ignored)
{
    pc_alloc_trim();
    Py_RETURN_NONE;
}
static PyObject *set_num_threads(PyObject *module, PyObject *n)
{
    long value = PyLong_AsLong(n);
    if (value == -1 && PyErr_Occurred()) return NULL;
    pc_status status = pc_set_num_threads(value > INT32_MAX ? INT32_MAX : (int)value);
    if (status != PC_OK) return pc_py_raise(status);
    Py_RETURN_NONE;
}
static PyObject *get_num_threads(PyObject *module, PyObject *ignored)
{
    return PyLong_FromLong(pc_num_threads());
}
static PyObject *set_isa(PyObject *module, PyObject *name)
{
    const char *text = name != Py_None ? PyUnicode_AsUTF8AndSize(name, NULL) : NULL;
    if (name != Py_None && text == NULL) return NULL;
    pc_status status = pc_use_isa(text);
    if (status != PC_OK) return pc_py_raise(status);
    return PyUnicode_FromString(pc_k->isa);
}
static PyObject *isas(PyObject *module, PyObject *ignored)
{
    PyObject *list = PyList_New(0);
    for (int k = 0; list != NULL && k < PC_ISA_COUNT; k++) {
        if (!pc_cpu_supports((pc_isa)k)) continue;
        PyObject *name = PyUnicode_FromString(pc_isa_name((pc_isa)k));
        if (name == NULL || PyList_Append(list, name) < 0) Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}
static PyObject *set_winograd(PyObject *module, PyObject *mode)
{
    const char *text = PyUnicode_AsUTF8AndSize(mode, NULL);
    if (text == NULL) return NULL;
    pc_status status = pc_set_winograd(text);
    if (status != PC_OK) return pc_py_raise(status);
    Py_RETURN_NONE;
}
static PyObject *get_winograd(PyObject *module, PyObject *ignored)
{
    return PyUnicode_FromString(pc_winograd());
}
static PyObject *force_convolution(PyObject *module, PyObject *name)
{
    const char *text = name != Py_None ? PyUnicode_AsUTF8AndSize(name, NULL) : NULL;
    if (name != Py_None && text == NULL) return NULL;
    pc_status status = pc_force_convolution(text);
    if (status != PC_OK) return pc_py_raise(status);
    Py_RETURN_NONE;
}
static PyObject *config(PyObject *module, PyObject *ignored)
{
    const pc_cpu *cpu = pc_cpu_info();
    return Py_BuildValue("{sssisissssss}", "isa", pc_k->isa, "cpu_family", cpu->family, "cpu_model", cpu->model,
                         "compiler", __VERSION__, "blis", pc_blas_version(), "blis_arch", pc_blas_arch());
}

static PyMethodDef functions[] = {
    { "_alloc_stats", alloc_stats, METH_NOARGS, "_alloc_stats()\n--\n\nCounters of the allocator." },
    { "_alloc_fail_after", alloc_fail_after, METH_O,
      "_alloc_fail_after(n, /)\n--\n\nLet the n-th allocation from now fail; negative: none." },
    { "_alloc_trim", alloc_trim, METH_NOARGS, "_alloc_trim()\n--\n\nGive cached memory back to the system." },
    { "set_num_threads", set_num_threads, METH_O,
      "set_num_threads(n, /)\n--\n\nNumber of threads that one computation may use.\n\n"
      "Parameters\n----------\nn : int\n    At least 1.\n\nReturns\n-------\nNone" },
    { "get_num_threads", get_num_threads, METH_NOARGS,
      "get_num_threads()\n--\n\nNumber of threads that one computation may use." },
    { "_set_isa", set_isa, METH_O,
      "_set_isa(name, /)\n--\n\nUse the kernels of an instruction set (\"base\", \"v3\", \"v4\"; None: the best)." },
    { "_isas", isas, METH_NOARGS, "_isas()\n--\n\nThe instruction sets that this processor has." },
    { "_set_winograd", set_winograd, METH_O,
      "_set_winograd(name, /)\n--\n\nWhich of Winograd's algorithms convolutions may use." },
    { "_get_winograd", get_winograd, METH_NOARGS,
      "_get_winograd()\n--\n\nWhich of Winograd's algorithms convolutions may use." },
    { "_force_convolution", force_convolution, METH_O,
      "_force_convolution(name, /)\n--\n\nAsk for one algorithm wherever it is possible; None: none." },
    { "_config", config, METH_NOARGS, "_config()\n--\n\nFacts of the build and the processor." },
    { 0 }
};

/* Types first: others refer to them. */
static int (*const parts[])(PyObject *module) = {
    pc_py_add_errors, pc_py_add_dtypes, pc_py_add_tensor, pc_py_add_random, pc_py_add_numpy, pc_py_add_ops,
    pc_py_add_autograd, pc_py_add_optim, pc_py_add_image, pc_py_add_data, pc_py_add_io, pc_py_add_jit,
};

static int exec_module(PyObject *module)
{
    pc_status status = pc_init();
    if (PyModule_AddFunctions(module, functions) < 0) return -1;
    for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++)
        if (parts[k](module) < 0) return -1;
    pc_py_bind_numbers();
    if (status != PC_OK) {
        pc_py_raise(status);
        return -1;
    }
    return 0;
}

static PyModuleDef_Slot slots[] = { { Py_mod_exec, exec_module }, { 0, NULL } };
static struct PyModuleDef def = { PyModuleDef_HEAD_INIT, .m_name = "pycnn._C", .m_doc = "pycnn's C library.",
                                  .m_slots = slots };

PyMODINIT_FUNC PyInit__C(void)
{
    return PyModuleDef_Init(&def);
}
