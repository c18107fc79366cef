/* optim_binding.c -- optimizer steps, for pycnn/optim. */
#include "python.h"
#include "../optim/optim.h"

/* list[k] as a tensor, or NULL for None or a missing list; -1 with an exception. */
static int tensor_at(PyObject *list, Py_ssize_t k, const char *what, pc_tensor **out)
{
    *out = NULL;
    if (list == Py_None) return 0;
    PyObject *o = PySequence_GetItem(list, k);
    if (o == NULL) return -1;
    if (o != Py_None) *out = pc_py_tensor_of(o, what);
    int rc = o != Py_None && *out == NULL ? -1 : 0;
    Py_DECREF(o); /* the list keeps it */
    return rc;
}

static PyObject *step(pc_optimizer kind, const pc_optim_rule *rule, PyObject *params, PyObject *grads, PyObject *a,
                      PyObject *b, PyObject *c, PyObject *steps, PyObject *first)
{
    Py_ssize_t n = PySequence_Size(params);
    PyObject *result = NULL;
    if (n < 0) return NULL;
    PyObject *lists[] = { params, grads, a, b, c, steps, first };
    for (int k = 0; k < 7; k++)
        if (lists[k] != Py_None && PySequence_Size(lists[k]) != n) {
            if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "optimizer step: lists of different lengths");
            return NULL;
        }
    pc_optim_item *items = pc_calloc((size_t)n + 1, sizeof *items);
    if (items == NULL) return pc_py_no_memory();
    for (Py_ssize_t k = 0; k < n; k++) {
        pc_optim_item *i = &items[k];
        if (tensor_at(params, k, "a parameter", &i->param) < 0 || tensor_at(grads, k, "a gradient", &i->grad) < 0
            || tensor_at(a, k, "an optimizer state", &i->a) < 0 || tensor_at(b, k, "an optimizer state", &i->b) < 0
            || tensor_at(c, k, "an optimizer state", &i->c) < 0 || tensor_at(steps, k, "`step`", &i->steps) < 0)
            goto done;
        if (first != Py_None) {
            PyObject *yes = PySequence_GetItem(first, k);
            if (yes == NULL) goto done;
            i->first = PyObject_IsTrue(yes) == 1;
            Py_DECREF(yes);
        }
        if (i->param == NULL || i->grad == NULL) {
            PyErr_SetString(PyExc_TypeError, "optimizer step: a parameter or gradient is None");
            goto done;
        }
    }
    pc_status status;
    Py_BEGIN_ALLOW_THREADS
    status = pc_optim_step(kind, rule, n, items);
    Py_END_ALLOW_THREADS
    if (status == PC_OK) result = Py_NewRef(Py_None);
    else pc_py_raise(status);
done:
    pc_free(items);
    return result;
}

static PyObject *sgd(PyObject *module, PyObject *args)
{
    PyObject *params, *grads, *buffers, *first;
    pc_optim_rule r = { 0 };
    int nesterov, maximize;
    if (!PyArg_ParseTuple(args, "OOOOddddpp", &params, &grads, &buffers, &first, &r.lr, &r.momentum, &r.dampening,
                          &r.weight_decay, &nesterov, &maximize))
        return NULL;
    r.nesterov = nesterov;
    r.maximize = maximize;
    return step(PC_SGD, &r, params, grads, buffers, Py_None, Py_None, Py_None, first);
}
static PyObject *adam(PyObject *module, PyObject *args)
{
    PyObject *params, *grads, *first, *second, *largest, *steps;
    pc_optim_rule r = { 0 };
    int decoupled, maximize;
    if (!PyArg_ParseTuple(args, "OOOOOOdddddpp", &params, &grads, &first, &second, &largest, &steps, &r.lr, &r.beta1,
                          &r.beta2, &r.eps, &r.weight_decay, &decoupled, &maximize))
        return NULL;
    r.decoupled = decoupled;
    r.maximize = maximize;
    return step(PC_ADAM, &r, params, grads, first, second, largest, steps, Py_None);
}
static PyObject *rmsprop(PyObject *module, PyObject *args)
{
    PyObject *params, *grads, *squares, *means, *buffers;
    pc_optim_rule r = { 0 };
    int maximize;
    if (!PyArg_ParseTuple(args, "OOOOOdddddp", &params, &grads, &squares, &means, &buffers, &r.lr, &r.alpha, &r.eps,
                          &r.weight_decay, &r.momentum, &maximize))
        return NULL;
    r.maximize = maximize;
    return step(PC_RMSPROP, &r, params, grads, squares, means, buffers, Py_None, Py_None);
}

static PyMethodDef functions[] = {
    { "sgd_step", sgd, METH_VARARGS,
      "sgd_step(params, grads, buffers or None, first or None, lr, momentum, dampening, weight_decay, nesterov, maximize)" },
    { "adam_step", adam, METH_VARARGS,
      "adam_step(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs or None, steps, lr, beta1, beta2, eps, weight_decay, "
      "decoupled, maximize)" },
    { "rmsprop_step", rmsprop, METH_VARARGS,
      "rmsprop_step(params, grads, square_avgs, grad_avgs or None, buffers or None, lr, alpha, eps, weight_decay, momentum, "
      "maximize)" },
    { 0 }
};

int pc_py_add_optim(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
