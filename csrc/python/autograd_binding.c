/* autograd_binding.c -- the engine, grad mode, hooks and autograd.Function's nodes, for pycnn/autograd. */
#include "python.h"

/* A tuple of Tensors, or of Nones too where they are optional, as an array (borrowed; pc_alloc'd). */
static int tensors_of(PyObject *tuple, bool optional, const char *what, int *n, pc_tensor ***out)
{
    *n = (int)PyTuple_Size(tuple);
    *out = NULL;
    if (*n < 0) return -1;
    *out = pc_calloc((size_t)*n + 1, sizeof **out);
    if (*out == NULL) {
        pc_py_no_memory();
        return -1;
    }
    for (int k = 0; k < *n; k++) {
        PyObject *o = PyTuple_GetItem(tuple, k);
        if ((o != Py_None || !optional) && ((*out)[k] = pc_py_tensor_of(o, what)) == NULL) return -1;
    }
    return 0;
}

/* run_backward(tensors, grads or None, retain_graph, inputs or None) -> gradients of inputs or None */
static PyObject *run_backward(PyObject *module, PyObject *args)
{
    PyObject *roots_o, *seeds_o, *inputs_o, *result = NULL;
    pc_tensor **roots = NULL, **seeds = NULL, **inputs = NULL, **grads = NULL;
    int retain, n, nseeds = 0, ninputs = 0;
    pc_status status;
    if (!PyArg_ParseTuple(args, "O!OpO", &PyTuple_Type, &roots_o, &seeds_o, &retain, &inputs_o)) return NULL;
    if (tensors_of(roots_o, false, "backward(): element of argument 'tensors'", &n, &roots) < 0) goto done;
    if (seeds_o != Py_None
        && tensors_of(seeds_o, true, "backward(): element of argument 'grad_tensors'", &nseeds, &seeds) < 0)
        goto done;
    if (inputs_o != Py_None
        && tensors_of(inputs_o, false, "grad(): element of argument 'inputs'", &ninputs, &inputs) < 0)
        goto done;
    if (seeds != NULL && nseeds != n) {
        PyErr_Format(PyExc_RuntimeError, "got %d tensors and %d gradients", n, nseeds);
        goto done;
    }
    if ((grads = pc_calloc((size_t)ninputs + 1, sizeof *grads)) == NULL) {
        pc_py_no_memory();
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS
    status = pc_backward(n, roots, seeds, retain != 0, ninputs, inputs, grads);
    Py_END_ALLOW_THREADS
    if (status != PC_OK) {
        pc_py_raise(status);
        goto done;
    }
    if (inputs_o == Py_None) {
        result = Py_NewRef(Py_None);
        goto done;
    }
    result = PyTuple_New(ninputs);
    for (int k = 0; k < ninputs; k++) {
        PyObject *g = grads[k] != NULL ? pc_py_wrap(grads[k]) : Py_NewRef(Py_None);
        grads[k] = NULL;
        if (g == NULL) Py_CLEAR(result);
        if (result != NULL) PyTuple_SetItem(result, k, g);
        else Py_XDECREF(g);
    }
done:
    for (int k = 0; k < ninputs && grads != NULL; k++) pc_release(grads[k]);
    pc_free(roots);
    pc_free(seeds);
    pc_free(inputs);
    pc_free(grads);
    return result;
}

static PyObject *set_grad_enabled(PyObject *module, PyObject *on)
{
    int yes = PyObject_IsTrue(on);
    if (yes < 0) return NULL;
    bool before = pc_grad_enabled();
    pc_set_grad_enabled(yes != 0);
    return PyBool_FromLong(before);
}
static PyObject *is_grad_enabled(PyObject *module, PyObject *ignored)
{
    return PyBool_FromLong(pc_grad_enabled());
}

/* ---- hooks -------------------------------------------------------------------------------------- */

/* The engine runs without the GIL. */
static pc_status call_hook(void *ctx, pc_tensor **grad)
{
    pc_status status = PC_OK;
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *g = pc_py_wrap(pc_retain(*grad));
    PyObject *result = g != NULL ? PyObject_CallFunctionObjArgs(ctx, g, NULL) : NULL;
    if (result == NULL) {
        status = PC_EPYTHON;
    } else if (result != Py_None) {
        pc_tensor *t = pc_py_tensor_of(result, "the result of a hook");
        if (t == NULL) {
            status = PC_EPYTHON;
        } else if (!pc_same_shape(t, *grad)) {
            char a[200], b[200];
            status = pc_fail(PC_ESHAPE, "hook has changed the size of value: %s, expected %s", pc_shape_text(t, a),
                             pc_shape_text(*grad, b));
        } else {
            pc_release(*grad);
            *grad = pc_retain(t);
        }
    }
    Py_XDECREF(result);
    Py_XDECREF(g);
    PyGILState_Release(state);
    return status;
}
static void release_object(void *ctx)
{
    PyGILState_STATE state = PyGILState_Ensure();
    Py_DECREF((PyObject *)ctx);
    PyGILState_Release(state);
}

static PyObject *add_hook(PyObject *module, PyObject *args)
{
    PyObject *o, *fn;
    int after = 0;
    int64_t id;
    pc_tensor *t;
    if (!PyArg_ParseTuple(args, "OO|p", &o, &fn, &after)) return NULL;
    if ((t = pc_py_tensor_of(o, "add_hook(): argument 'tensor'")) == NULL) return NULL;
    if (!pc_requires_grad(t))
        return PyErr_Format(PyExc_RuntimeError, "cannot register a hook on a tensor that doesn't require gradient");
    pc_status status = pc_hook_add(t, after != 0, call_hook, release_object, Py_NewRef(fn), &id);
    if (status != PC_OK) {
        Py_DECREF(fn);
        return pc_py_raise(status);
    }
    return PyLong_FromLongLong(id);
}
static PyObject *remove_hook(PyObject *module, PyObject *args)
{
    PyObject *o;
    long long id;
    pc_tensor *t;
    if (!PyArg_ParseTuple(args, "OL", &o, &id)) return NULL;
    if ((t = pc_py_tensor_of(o, "remove_hook(): argument 'tensor'")) == NULL) return NULL;
    pc_hook_remove(t, id);
    Py_RETURN_NONE;
}
static PyObject *retain_grad(PyObject *module, PyObject *o)
{
    pc_tensor *t = pc_py_tensor_of(o, "retain_grad(): argument 'tensor'");
    if (t == NULL) return NULL;
    if (!pc_requires_grad(t))
        return PyErr_Format(PyExc_RuntimeError, "can't retain_grad on Tensor that has requires_grad=False");
    pc_status status = pc_retain_grad(t);
    if (status != PC_OK) return pc_py_raise(status);
    Py_RETURN_NONE;
}

/* ---- autograd.Function -------------------------------------------------------------------------- */

/* user is a Python callable: gradients of the outputs (or None) -> a tuple with one gradient (or None) an input. */
static pc_status function_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_EPYTHON;
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *args = PyTuple_New(c->nout), *result = NULL;
    for (int k = 0; args != NULL && k < c->nout; k++) {
        PyObject *g = gout[k] != NULL ? pc_py_wrap(pc_retain(gout[k])) : Py_NewRef(Py_None);
        if (g == NULL) Py_CLEAR(args);
        else PyTuple_SetItem(args, k, g);
    }
    if (args != NULL) result = PyObject_CallObject(c->user, args);
    if (result == NULL) goto done;
    if (!PyTuple_Check(result) || PyTuple_Size(result) != c->nin) {
        PyErr_Format(PyExc_RuntimeError, "function returned an incorrect number of gradients (expected %d)", c->nin);
        goto done;
    }
    for (int k = 0; k < c->nin; k++) {
        PyObject *g = PyTuple_GetItem(result, k);
        pc_tensor *t;
        if (g == Py_None || !c->need[k]) continue;
        if ((t = pc_py_tensor_of(g, "a gradient returned by a Function")) == NULL) goto done;
        if (!pc_same_shape(t, c->in[k])) {
            char a[200], b[200];
            PyErr_Format(PyExc_RuntimeError, "Function returned an invalid gradient at index %d - got %s but expected "
                         "shape compatible with %s", k, pc_shape_text(t, a), pc_shape_text(c->in[k], b));
            goto done;
        }
        gin[k] = pc_retain(t);
    }
    status = PC_OK;
done:
    Py_XDECREF(args);
    Py_XDECREF(result);
    PyGILState_Release(state);
    return status;
}
static const pc_op function_row = { "function(Tensor[] inputs) -> Tensor[]", NULL, function_backward, 0,
                                    "A user's autograd.Function." };

/* record_function(backward, inputs, outputs): outputs get a producer that calls backward. */
static PyObject *record_function(PyObject *module, PyObject *args)
{
    PyObject *backward, *in_o, *out_o, *result = NULL;
    pc_tensor **in = NULL, **out = NULL;
    int nin, nout;
    bool *need = NULL;
    uint32_t *versions = NULL;
    if (!PyArg_ParseTuple(args, "OO!O!", &backward, &PyTuple_Type, &in_o, &PyTuple_Type, &out_o)) return NULL;
    if (tensors_of(in_o, false, "an input of a Function", &nin, &in) < 0
        || tensors_of(out_o, false, "an output of a Function", &nout, &out) < 0)
        goto done;
    need = pc_calloc((size_t)nin + 1, sizeof *need);
    versions = pc_calloc((size_t)nin + 1, sizeof *versions);
    if (need == NULL || versions == NULL) {
        pc_py_no_memory();
        goto done;
    }
    for (int k = 0; k < nin; k++) need[k] = in[k] != NULL && pc_requires_grad(in[k]);
    pc_call c = { .op = &function_row, .nin = nin, .nout = nout, .in = in, .out = out, .need = need, .grad = true,
                  .user = Py_NewRef(backward), .user_release = release_object };
    pc_status status = pc_record(&c, versions);
    if (c.user != NULL) Py_DECREF(backward);
    if (status != PC_OK) pc_py_raise(status);
    else result = Py_NewRef(Py_None);
done:
    pc_free(in);
    pc_free(out);
    pc_free(need);
    pc_free(versions);
    return result;
}

static PyObject *detach_inplace(PyObject *module, PyObject *o)
{
    pc_tensor *t = pc_py_tensor_of(o, "detach_(): argument 'self'");
    if (t == NULL) return NULL;
    if (t->producer != NULL || t->hooks != NULL) pc_graph_release(t);
    t->requires_grad = t->retains_grad = false;
    t->history++;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    { "detach_inplace", detach_inplace, METH_O, "detach_inplace(tensor, /)\n--\n\nTake a tensor out of its graph." },
    { "run_backward", run_backward, METH_VARARGS, "run_backward(tensors, grads, retain_graph, inputs)" },
    { "set_grad_enabled", set_grad_enabled, METH_O,
      "set_grad_enabled(mode, /)\n--\n\nSwitch recording in this thread; returns what it was." },
    { "is_grad_enabled", is_grad_enabled, METH_NOARGS, "is_grad_enabled()\n--\n\nIs recording on in this thread?" },
    { "add_hook", add_hook, METH_VARARGS, "add_hook(tensor, fn, after_accumulate=False) -> id" },
    { "remove_hook", remove_hook, METH_VARARGS, "remove_hook(tensor, id)" },
    { "retain_grad", retain_grad, METH_O, "retain_grad(tensor, /)\n--\n\nKeep the gradient of a non-leaf." },
    { "record_function", record_function, METH_VARARGS, "record_function(backward, inputs, outputs)" },
    { 0 }
};

int pc_py_add_autograd(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
