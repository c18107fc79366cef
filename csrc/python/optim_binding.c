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

static void clear_items(pc_optim_item *items, Py_ssize_t n)
{
    for (Py_ssize_t k = 0; k < n; k++) {
        pc_release(items[k].param);
        pc_release(items[k].grad);
        pc_release(items[k].steps);
        pc_release(items[k].product);
        for (int s = 0; s < 3; s++) pc_release(items[k].state[s]);
    }
    pc_free(items);
}

/* The lists of one group, of n tensors each or None; numbers go to *r. -1 with an exception. */
typedef struct group {
    pc_optimizer kind;
    PyObject *params, *grads, *state[3], *steps, *products, *first;
    Py_ssize_t n;
} group;

static int read_group(PyObject *o, group *g, pc_optim_rule *r)
{
    static char *names[] = { "kind", "params", "grads", "state", "steps", "products", "first", "lr", "weight_decay",
                             "momentum", "dampening", "beta1", "beta2", "eps", "alpha", "decay", "nesterov", "maximize",
                             "decoupled", NULL };
    const char *name;
    PyObject *args, *kwargs, *state;
    int nesterov = 0, maximize = 0, decoupled = 0, kind = 0;
    *g = (group){ .steps = Py_None, .products = Py_None, .first = Py_None };
    if (!PyArg_ParseTuple(o, "O!O!;optim_step: a group is (arguments, keywords)", &PyTuple_Type, &args, &PyDict_Type,
                          &kwargs)
        || !PyArg_ParseTupleAndKeywords(args, kwargs, "sOOO!|OOOdddddddddppp", names, &name, &g->params, &g->grads,
                                        &PyTuple_Type, &state, &g->steps, &g->products, &g->first, &r->lr,
                                        &r->weight_decay, &r->momentum, &r->dampening, &r->beta1, &r->beta2, &r->eps,
                                        &r->alpha, &r->decay, &nesterov, &maximize, &decoupled))
        return -1;
    r->nesterov = nesterov;
    r->maximize = maximize;
    r->decoupled = decoupled;
    while (kind < PC_OPTIMIZER_COUNT && strcmp(name, optimizers[kind]) != 0) kind++;
    if (kind == PC_OPTIMIZER_COUNT) {
        PyErr_Format(PyExc_ValueError, "optim_step: no optimizer is called '%s'", name);
        return -1;
    }
    g->kind = (pc_optimizer)kind;
    for (int k = 0; k < 3; k++) g->state[k] = k < PyTuple_Size(state) ? PyTuple_GetItem(state, k) : Py_None;
    if ((g->n = length(g->params, "optim_step(): params")) < 0) return -1;
    PyObject *lists[] = { g->grads, g->state[0], g->state[1], g->state[2], g->steps, g->products, g->first };
    for (int k = 0; k < 7; k++) {
        if (lists[k] == Py_None && k > 0) continue;
        Py_ssize_t m = length(lists[k], "optim_step(): grads, state, steps, products and first");
        if (m >= 0 && m != g->n) PyErr_SetString(PyExc_ValueError, "optim_step: lists of different lengths");
        if (m != g->n) return -1;
    }
    return 0;
}

static int read_item(const group *g, Py_ssize_t k, const pc_optim_rule *r, pc_optim_item *i)
{
    i->kind = g->kind;
    i->rule = r;
    if (tensor_at(g->params, k, "a parameter", &i->param) < 0 || tensor_at(g->grads, k, "a gradient", &i->grad) < 0
        || tensor_at(g->state[0], k, "an optimizer state", &i->state[0]) < 0
        || tensor_at(g->state[1], k, "an optimizer state", &i->state[1]) < 0
        || tensor_at(g->state[2], k, "an optimizer state", &i->state[2]) < 0
        || tensor_at(g->steps, k, "`step`", &i->steps) < 0
        || tensor_at(g->products, k, "`mu_product`", &i->product) < 0)
        return -1;
    i->first = g->first != Py_None && PyObject_IsTrue(PyList_GetItem(g->first, k)) == 1;
    if (i->param != NULL && i->grad != NULL) return 0;
    PyErr_SetString(PyExc_TypeError, "optim_step: a parameter or gradient is None");
    return -1;
}

static PyObject *optim_step(PyObject *module, PyObject *list)
{
    PyObject *result = NULL;
    Py_ssize_t count = length(list, "optim_step(): groups"), total = 0, at = 0;
    if (count < 0) return NULL;
    pc_optim_rule *rules = pc_calloc((size_t)count + 1, sizeof *rules);
    group *groups = pc_calloc((size_t)count + 1, sizeof *groups);
    pc_optim_item *items = NULL;
    if (rules == NULL || groups == NULL) goto short_of_memory;
    for (Py_ssize_t k = 0; k < count; k++) {
        if (read_group(PyList_GetItem(list, k), &groups[k], &rules[k]) < 0) goto done;
        total += groups[k].n;
    }
    if ((items = pc_calloc((size_t)total + 1, sizeof *items)) == NULL) goto short_of_memory;
    for (Py_ssize_t k = 0; k < count; k++)
        for (Py_ssize_t i = 0; i < groups[k].n; i++, at++)
            if (read_item(&groups[k], i, &rules[k], &items[at]) < 0) goto done;
    pc_status status;
    Py_BEGIN_ALLOW_THREADS
    status = pc_optim_step(total, items);
    Py_END_ALLOW_THREADS
    if (status == PC_OK) result = Py_NewRef(Py_None);
    else pc_py_raise(status);
    goto done;
short_of_memory:
    pc_py_no_memory();
done:
    if (items != NULL) clear_items(items, total);
    pc_free(groups);
    pc_free(rules);
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
    { "optim_step", optim_step, METH_O,
      "optim_step(groups, /)\n--\n\nOne step over groups of parameters, of all or none. A group is (arguments, "
      "keywords) of\n"
      "(kind, params, grads, state, steps=None, products=None, first=None, lr=0, ...): lists of tensors; `state` is a "
      "tuple\n"
      "of up to three." },
    { "total_norm", total_norm, METH_VARARGS,
      "total_norm(tensors, p)\n--\n\nThe norm of the norms; p is 1, 2 or inf." },
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
