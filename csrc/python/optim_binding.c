/* optim_binding.c -- optimizer steps and gradient clipping, for pycnn/optim and pycnn/nn/utils. */
#include "python.h"
#include "../optim/optim.h"
#include <string.h>

/* Number of items of a list of tensors; -1 with an exception. */
static Py_ssize_t length(PyObject *list, const char *what)
{
    if (PyList_Check(list)) return PyList_Size(list);
    PyErr_Format(PyExc_TypeError, "%s must be a list", what);
    return -1;
}

/* list[k], retained, or NULL for None or a missing list; -1 with an exception. */
static int tensor_at(PyObject *list, Py_ssize_t k, const char *what, pc_tensor **out)
{
    *out = NULL;
    if (list == Py_None) return 0;
    PyObject *o = PyList_GetItem(list, k);
    if (o == NULL) return -1;
    if (o == Py_None) return 0;
    *out = pc_retain(pc_py_tensor_of(o, what));
    return *out == NULL ? -1 : 0;
}

static const char *const optimizers[PC_OPTIMIZER_COUNT] = { "sgd", "adam", "rmsprop", "adagrad", "adadelta", "adamax",
                                                            "nadam", "radam" };

static PyObject *optim_step(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "kind", "params", "grads", "state", "steps", "products", "first", "lr", "weight_decay",
                             "momentum", "dampening", "beta1", "beta2", "eps", "alpha", "decay", "nesterov", "maximize",
                             "decoupled", NULL };
    const char *name;
    PyObject *params, *grads, *state, *lists[6], *first = Py_None, *result = NULL;
    pc_optim_rule r = { 0 };
    int nesterov = 0, maximize = 0, decoupled = 0, kind = 0;
    lists[4] = lists[5] = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sOOO!|OOOdddddddddppp", names, &name, &params, &grads, &PyTuple_Type,
                                     &state, &lists[4], &lists[5], &first, &r.lr, &r.weight_decay, &r.momentum,
                                     &r.dampening, &r.beta1, &r.beta2, &r.eps, &r.alpha, &r.decay, &nesterov, &maximize,
                                     &decoupled))
        return NULL;
    r.nesterov = nesterov;
    r.maximize = maximize;
    r.decoupled = decoupled;
    while (kind < PC_OPTIMIZER_COUNT && strcmp(name, optimizers[kind]) != 0) kind++;
    if (kind == PC_OPTIMIZER_COUNT) return PyErr_Format(PyExc_ValueError, "optim_step: no optimizer is called '%s'", name);
    lists[0] = grads;
    for (int k = 0; k < 3; k++) lists[k + 1] = k < PyTuple_Size(state) ? PyTuple_GetItem(state, k) : Py_None;
    Py_ssize_t n = length(params, "optim_step(): params");
    if (n < 0) return NULL;
    for (int k = 0; k < 7; k++) {
        PyObject *list = k < 6 ? lists[k] : first;
        if (list == Py_None && k > 0) continue;
        Py_ssize_t m = length(list, "optim_step(): grads, state, steps, products and first");
        if (m >= 0 && m != n) PyErr_SetString(PyExc_ValueError, "optim_step: lists of different lengths");
        if (m != n) return NULL;
    }
    pc_optim_item *items = pc_calloc((size_t)n + 1, sizeof *items);
    if (items == NULL) return pc_py_no_memory();
    for (Py_ssize_t k = 0; k < n; k++) {
        pc_optim_item *i = &items[k];
        if (tensor_at(params, k, "a parameter", &i->param) < 0 || tensor_at(lists[0], k, "a gradient", &i->grad) < 0
            || tensor_at(lists[1], k, "an optimizer state", &i->state[0]) < 0
            || tensor_at(lists[2], k, "an optimizer state", &i->state[1]) < 0
            || tensor_at(lists[3], k, "an optimizer state", &i->state[2]) < 0
            || tensor_at(lists[4], k, "`step`", &i->steps) < 0 || tensor_at(lists[5], k, "`mu_product`", &i->product) < 0)
            goto done;
        i->first = first != Py_None && PyObject_IsTrue(PyList_GetItem(first, k)) == 1;
        if (i->param == NULL || i->grad == NULL) {
            PyErr_SetString(PyExc_TypeError, "optim_step: a parameter or gradient is None");
            goto done;
        }
    }
    pc_status status;
    Py_BEGIN_ALLOW_THREADS
    status = pc_optim_step((pc_optimizer)kind, &r, n, items);
    Py_END_ALLOW_THREADS
    if (status == PC_OK) result = Py_NewRef(Py_None);
    else pc_py_raise(status);
done:
    for (Py_ssize_t k = 0; k < n; k++) {
        pc_release(items[k].param);
        pc_release(items[k].grad);
        pc_release(items[k].steps);
        pc_release(items[k].product);
        for (int s = 0; s < 3; s++) pc_release(items[k].state[s]);
    }
    pc_free(items);
    return result;
}

/* ---- all gradients at once ---------------------------------------------------------------------- */

/* The tensors of a list, retained, in a block that release_all() frees; NULL with an exception. */
static pc_tensor **all_of(PyObject *list, Py_ssize_t *n)
{
    if ((*n = length(list, "gradients")) < 0) return NULL;
    pc_tensor **t = pc_calloc((size_t)*n + 1, sizeof *t);
    if (t == NULL) {
        pc_py_no_memory();
        return NULL;
    }
    for (Py_ssize_t k = 0; k < *n; k++)
        if (tensor_at(list, k, "a gradient", &t[k]) < 0 || t[k] == NULL) {
            if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "a gradient must be Tensor, not NoneType");
            while (k-- > 0) pc_release(t[k]);
            pc_free(t);
            return NULL;
        }
    return t;
}

static PyObject *release_all(pc_tensor **t, Py_ssize_t n, pc_status status, PyObject *result)
{
    for (Py_ssize_t k = 0; k < n; k++) pc_release(t[k]);
    pc_free(t);
    if (status == PC_OK) return result;
    Py_XDECREF(result);
    return pc_py_raise(status);
}

static PyObject *total_norm(PyObject *module, PyObject *args)
{
    PyObject *list;
    double p, norm = 0;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "Od", &list, &p)) return NULL;
    pc_tensor **t = all_of(list, &n);
    if (t == NULL) return NULL;
    pc_status status;
    Py_BEGIN_ALLOW_THREADS
    status = pc_total_norm(n, t, p, &norm);
    Py_END_ALLOW_THREADS
    return release_all(t, n, status, PyFloat_FromDouble(norm));
}

static PyObject *with_number(PyObject *args, pc_status (*fn)(int64_t, pc_tensor *const *, double))
{
    PyObject *list;
    double number;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "Od", &list, &number)) return NULL;
    pc_tensor **t = all_of(list, &n);
    if (t == NULL) return NULL;
    pc_status status;
    Py_BEGIN_ALLOW_THREADS
    status = fn(n, t, number);
    Py_END_ALLOW_THREADS
    return release_all(t, n, status, Py_NewRef(Py_None));
}
static PyObject *scale_all(PyObject *module, PyObject *args) { return with_number(args, pc_scale_all); }
static PyObject *clamp_all(PyObject *module, PyObject *args) { return with_number(args, pc_clamp_all); }

static PyObject *zero_grad(PyObject *module, PyObject *args)
{
    PyObject *list;
    int to_none;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "Op", &list, &to_none)) return NULL;
    pc_tensor **t = all_of(list, &n);
    if (t == NULL) return NULL;
    pc_status status = PC_OK;
    for (Py_ssize_t k = 0; k < n && status == PC_OK; k++) {
        pc_tensor *g = t[k]->grad;
        if (g == NULL) continue;
        if (to_none) {
            t[k]->grad = NULL;
            pc_release(g);
        } else if ((status = pc_tensor_begin_write(g)) == PC_OK) {
            status = pc_fill(g, (pc_value){ .kind = PC_INT, .i = 0 });
        }
    }
    return release_all(t, n, status, Py_NewRef(Py_None));
}

static PyMethodDef functions[] = {
    { "optim_step", (PyCFunction)(void (*)(void))optim_step, METH_VARARGS | METH_KEYWORDS,
      "optim_step(kind, params, grads, state, steps=None, products=None, first=None, lr=0, ...)\n--\n\n"
      "One step of an optimizer over lists of tensors; `state` is a tuple of up to three lists." },
    { "total_norm", total_norm, METH_VARARGS, "total_norm(tensors, p)\n--\n\nThe norm of the norms; p is 1, 2 or inf." },
    { "scale_all", scale_all, METH_VARARGS, "scale_all(tensors, number)\n--\n\nMultiply every element in place." },
    { "clamp_all", clamp_all, METH_VARARGS, "clamp_all(tensors, limit)\n--\n\nClamp every element in place." },
    { "zero_grad", zero_grad, METH_VARARGS,
      "zero_grad(params, set_to_none)\n--\n\nDrop the gradients, or fill them with zeros." },
    { 0 }
};

int pc_py_add_optim(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
