/* jit_binding.c -- graphs as Python objects, traces of the calling thread, TorchScript archives. */
#include "../graph/record.h"
#include "../graph/torchscript.h"
#include "io.h"
#include <string.h>

typedef struct graph_object {
    PyObject_HEAD
    pc_graph *g;
    PyObject *whole;         /* the Graph that this is a part of */
} graph_object;

static PyObject *graph_type, *traced_int, *warn_function;

/* The trace that goes on; the interpreter's lock guards it. */
static struct {
    pc_trace *trace;
    long long serial; /* sizes of earlier traces are plain ints */
} now;

static PyObject *wrap_graph(pc_graph *g)
{
    allocfunc alloc = (allocfunc)PyType_GetSlot((PyTypeObject *)graph_type, Py_tp_alloc);
    graph_object *self = (graph_object *)alloc((PyTypeObject *)graph_type, 0);
    if (self == NULL) pc_graph_free(g);
    else self->g = g, self->whole = NULL;
    return (PyObject *)self;
}

static pc_graph *graph(PyObject *self) { return ((graph_object *)self)->g; }

static void graph_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    pc_graph_free(graph(self));
    Py_XDECREF(((graph_object *)self)->whole);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

/* ---- arrays from Python's lists ---------------------------------------------------------------------- */

/* The tensors of a list or tuple of n (n < 0: any number), borrowed, in an array to be freed. */
static pc_tensor **tensors_of(PyObject *list, Py_ssize_t n, const char *what)
{
    Py_ssize_t given = PySequence_Size(list);
    if (given < 0) return NULL;
    if (n >= 0 && given != n) {
        PyErr_Format(PyExc_TypeError, "%s: expected %zd tensors, got %zd", what, n, given);
        return NULL;
    }
    pc_tensor **tensors = pc_calloc((size_t)given + 1, sizeof *tensors);
    if (tensors == NULL) {
        pc_py_no_memory();
        return NULL;
    }
    for (Py_ssize_t k = 0; k < given; k++) {
        PyObject *o = PySequence_GetItem(list, k); /* the list keeps it alive */
        tensors[k] = o != NULL ? pc_py_tensor_of(o, what) : NULL;
        Py_XDECREF(o);
        if (tensors[k] == NULL) {
            pc_free(tensors);
            return NULL;
        }
    }
    return tensors;
}

static int text_of(pc_graph *g, PyObject *o, const char **out)
{
    Py_ssize_t n;
    const char *text = PyUnicode_AsUTF8AndSize(o, &n);
    if (text == NULL) return -1;
    pc_status status = pc_graph_text(g, text, n, out);
    if (status == PC_OK) return 0;
    pc_py_raise(status);
    return -1;
}

static int zeros_of(pc_graph *g, Py_ssize_t n, size_t size, void *out)
{
    pc_status status = pc_graph_alloc(g, (int64_t)n * (int64_t)size, out);
    if (status == PC_OK) return 0;
    pc_py_raise(status);
    return -1;
}

/* [(type, [(name, tensor, parameter?), ...], [(name, module), ...]), ...] */
static int modules_of(pc_graph *g, PyObject *list, int32_t ntensors)
{
    Py_ssize_t n = PyList_Size(list);
    pc_module *modules;
    if (n <= 0 || zeros_of(g, n, sizeof *modules, &modules) < 0) return -1;
    for (Py_ssize_t k = 0; k < n; k++) {
        PyObject *type, *attributes, *children;
        pc_module *m = &modules[k];
        if (!PyArg_ParseTuple(PyList_GetItem(list, k), "UO!O!", &type, &PyList_Type, &attributes, &PyList_Type,
                              &children)
            || text_of(g, type, &m->type) < 0)
            return -1;
        m->nattributes = (int32_t)PyList_Size(attributes);
        m->nchildren = (int32_t)PyList_Size(children);
        if (zeros_of(g, m->nattributes, sizeof *m->attributes, &m->attributes) < 0
            || zeros_of(g, m->nchildren, sizeof *m->children, &m->children) < 0)
            return -1;
        for (int32_t j = 0; j < m->nattributes; j++) {
            PyObject *name;
            int tensor, parameter;
            if (!PyArg_ParseTuple(PyList_GetItem(attributes, j), "Uip", &name, &tensor, &parameter)
                || text_of(g, name, &m->attributes[j].name) < 0)
                return -1;
            m->attributes[j].tensor = tensor;
            m->attributes[j].parameter = parameter;
        }
        for (int32_t j = 0; j < m->nchildren; j++) {
            PyObject *name;
            int child;
            if (!PyArg_ParseTuple(PyList_GetItem(children, j), "Ui", &name, &child)
                || text_of(g, name, &m->children[j].name) < 0)
                return -1;
            m->children[j].module = child;
        }
    }
    pc_status status = pc_graph_set_modules(g, (int32_t)n, modules, ntensors);
    if (status == PC_OK) return 0;
    pc_py_raise(status);
    return -1;
}

static int inputs_of(pc_graph *g, PyObject *names)
{
    Py_ssize_t n = PySequence_Size(names);
    const char **texts;
    if (n < 0 || zeros_of(g, n, sizeof *texts, &texts) < 0) return -1;
    for (Py_ssize_t k = 0; k < n; k++) {
        PyObject *o = PySequence_GetItem(names, k);
        int rc = o != NULL ? text_of(g, o, &texts[k]) : -1;
        Py_XDECREF(o);
        if (rc < 0) return -1;
    }
    pc_status status = pc_graph_set_inputs(g, (int32_t)n, texts);
    if (status == PC_OK) return 0;
    pc_py_raise(status);
    return -1;
}

/* ---- tracing ---------------------------------------------------------------------------------------- */

static void end_trace(void)
{
    pc_trace_end(now.trace);
    now.trace = NULL;
}

static PyObject *trace_begin(PyObject *module, PyObject *args)
{
    PyObject *modules, *tensors, *inputs, *names, *result = NULL;
    pc_graph *g = NULL;
    pc_tensor **owned = NULL, **given = NULL;
    if (!PyArg_ParseTuple(args, "O!OOO", &PyList_Type, &modules, &tensors, &inputs, &names)) return NULL;
    if (now.trace != NULL) return PyErr_Format(PyExc_RuntimeError, "a trace is going on already: one at a time");
    pc_status status = pc_graph_new(&g);
    if (status != PC_OK) return pc_py_raise(status);
    if ((owned = tensors_of(tensors, -1, "trace")) == NULL || (given = tensors_of(inputs, -1, "trace")) == NULL
        || modules_of(g, modules, (int32_t)PySequence_Size(tensors)) < 0 || inputs_of(g, names) < 0)
        goto done;
    if (g->ninputs != PySequence_Size(inputs)) {
        PyErr_SetString(PyExc_ValueError, "trace: a name for each input is needed");
        goto done;
    }
    status = pc_graph_enter(g, 0);
    if (status == PC_OK) status = pc_trace_begin(g, owned, given, &now.trace);
    if (status != PC_OK) {
        pc_py_raise(status);
        goto done;
    }
    now.serial++;
    result = wrap_graph(g);
    g = NULL;
    if (result == NULL) end_trace();
done:
    pc_free(owned);
    pc_free(given);
    pc_graph_free(g);
    return result;
}

/* The trace of this thread, or NULL with an exception. */
static pc_trace *current(void)
{
    pc_trace *t = pc_trace_current();
    if (t == NULL) PyErr_SetString(PyExc_RuntimeError, "this thread does not trace");
    return t;
}

static PyObject *trace_enter(PyObject *module, PyObject *index)
{
    pc_trace *t = current();
    long k = PyLong_AsLong(index);
    if (t == NULL || (k == -1 && PyErr_Occurred())) return NULL;
    pc_status status = k >= 0 && k < pc_trace_graph(t)->nmodules ? pc_graph_enter(pc_trace_graph(t), (int32_t)k)
                                                                 : pc_fail(PC_EINDEX, "no such module");
    if (status != PC_OK) return pc_py_raise(status);
    Py_RETURN_NONE;
}

static PyObject *trace_leave(PyObject *module, PyObject *ignored)
{
    pc_trace *t = current();
    if (t == NULL) return NULL;
    if (pc_trace_graph(t)->frame > 0) pc_graph_leave(pc_trace_graph(t));
    Py_RETURN_NONE;
}

#define MOST_NESTED 64

/* What the function returned: tensors in tuples, lists and dicts of strings. */
static int output_of(pc_trace *t, PyObject *o, int depth, pc_arg *out)
{
    pc_graph *g = pc_trace_graph(t);
    bool dict = PyDict_Check(o);
    if (pc_py_is_tensor(o)) {
        int32_t var;
        pc_status status = pc_trace_var(t, ((pc_py_tensor *)o)->t, &var);
        if (status != PC_OK) pc_py_raise(status);
        *out = pc_arg_var(var);
        return status == PC_OK ? 0 : -1;
    }
    if ((!dict && !PyTuple_Check(o) && !PyList_Check(o)) || depth == MOST_NESTED) {
        PyObject *type = PyType_GetName(Py_TYPE(o));
        if (type != NULL)
            PyErr_Format(PyExc_RuntimeError,
                         "Only tensors, lists, tuples of tensors, or dictionary of tensors can be output "
                         "from traced functions, got %U",
                         type);
        Py_XDECREF(type);
        return -1;
    }
    PyObject *items = dict ? PyMapping_Items(o) : Py_NewRef(o);
    Py_ssize_t n = items != NULL ? PySequence_Size(items) : -1;
    int rc = n < 0 ? -1 : 0;
    *out = (pc_arg){ .kind = dict              ? PC_ARG_DICT
                             : PyList_Check(o) ? PC_ARG_LIST
                                               : PC_ARG_TUPLE,
                     .n = (int32_t)(dict ? 2 * n : n) };
    if (rc == 0) rc = zeros_of(g, out->n, sizeof *out->items, &out->items);
    for (Py_ssize_t k = 0; rc == 0 && k < n; k++) {
        PyObject *item = PySequence_GetItem(items, k);
        if (item == NULL) rc = -1;
        else if (!dict) rc = output_of(t, item, depth + 1, &out->items[k]);
        else {
            pc_arg *key = &out->items[2 * k];
            Py_ssize_t length = 0;
            PyObject *name = PyTuple_GetItem(item, 0);
            if (!PyUnicode_Check(name)) {
                PyErr_SetString(PyExc_RuntimeError,
                                "the keys of a dict that a traced function returns must be strings");
                rc = -1;
            } else {
                rc = text_of(g, name, &key->text);
                if (rc == 0) PyUnicode_AsUTF8AndSize(name, &length);
                key->kind = PC_ARG_STR;
                key->n = (int32_t)length;
            }
            if (rc == 0) rc = output_of(t, PyTuple_GetItem(item, 1), depth + 1, &out->items[2 * k + 1]);
        }
        Py_XDECREF(item);
    }
    Py_XDECREF(items);
    return rc;
}

static PyObject *trace_finish(PyObject *module, PyObject *output)
{
    pc_trace *t = current();
    pc_arg out;
    if (t == NULL) return NULL;
    pc_graph *g = pc_trace_graph(t);
    int rc = output_of(t, output, 0, &out);
    pc_status status = rc == 0 ? pc_graph_finish(g, out) : PC_OK;
    end_trace();
    if (rc < 0) return NULL;
    if (status != PC_OK) return pc_py_raise(status);
    Py_RETURN_NONE;
}

static PyObject *trace_abort(PyObject *module, PyObject *ignored)
{
    if (pc_trace_current() != NULL) end_trace();
    Py_RETURN_NONE;
}

static PyObject *is_tracing(PyObject *module, PyObject *ignored)
{
    return PyBool_FromLong(pc_trace_current() != NULL);
}

/* ---- sizes ------------------------------------------------------------------------------------------- */

static PyObject *wrap_size(int64_t value, int32_t var)
{
    return PyObject_CallFunction(traced_int, "LiL", (long long)value, (int)var, now.serial);
}

PyObject *pc_py_traced_size(pc_tensor *t, int d)
{
    int32_t var = -1;
    pc_status status = traced_int != NULL ? pc_trace_size(pc_trace_current(), t, d, &var) : PC_OK;
    if (status != PC_OK) return pc_py_raise(status);
    return var < 0 ? PyLong_FromLongLong(t->shape[d]) : wrap_size(t->shape[d], var);
}

static int64_t long_attribute(PyObject *o, const char *name)
{
    PyObject *value = PyObject_GetAttrString(o, name);
    int64_t i = value != NULL ? PyLong_AsLongLong(value) : -1;
    Py_XDECREF(value);
    if (PyErr_Occurred()) PyErr_Clear();
    return i;
}

/* The variable of a size of this trace; -1: anything else. */
static int32_t var_of(PyObject *o)
{
    const pc_trace *t = pc_trace_current();
    if (t == NULL || traced_int == NULL || (PyObject *)Py_TYPE(o) != traced_int
        || long_attribute(o, "_trace") != now.serial)
        return -1;
    return (int32_t)long_attribute(o, "_var");
}

void pc_py_forget_arguments(void)
{
    pc_trace_forget_notes(pc_trace_current());
}

void pc_py_note_argument(const pc_param *p, int index, PyObject *o)
{
    int32_t var = var_of(o);
    bool tensor = p->type == PC_T_TENSOR || p->type == PC_T_OPERAND;
    if (var >= 0) pc_trace_note(pc_trace_current(), tensor, p->slot, index, var);
    if (p->type != PC_T_INTS || index >= 0 || !(PyTuple_Check(o) || PyList_Check(o))) return;
    Py_ssize_t n = PySequence_Size(o);
    for (Py_ssize_t k = 0; k < n && k < PC_MAX_DIMS; k++) {
        PyObject *item = PySequence_GetItem(o, k);
        if (item != NULL && (var = var_of(item)) >= 0)
            pc_trace_note(pc_trace_current(), false, p->slot, n == 1 && p->length > 1 ? -1 : (int)k, var);
        Py_XDECREF(item);
    }
}

int pc_py_size(PyObject *o)
{
    return var_of(o) + 1;
}

void pc_py_note_size(int slot, int size)
{
    if (size > 0) pc_trace_note(pc_trace_current(), false, slot, -1, size - 1);
}

/* trace_arithmetic(how, a, b, value): value, as a size where a or b is one. */
static PyObject *trace_arithmetic(PyObject *module, PyObject *args)
{
    int how;
    PyObject *given[2], *value;
    pc_arg operands[2];
    int32_t var = -1;
    bool any = false;
    if (!PyArg_ParseTuple(args, "iOOO", &how, &given[0], &given[1], &value)) return NULL;
    for (int k = 0; k < 2; k++) {
        int32_t of = var_of(given[k]);
        any = any || of >= 0;
        operands[k] = of >= 0 ? pc_arg_var(of) : pc_arg_int(PyLong_AsLongLong(given[k]));
        if (PyErr_Occurred()) return NULL;
    }
    if (!any || how < PC_ADD || how > PC_NEGATE) return Py_NewRef(value);
    pc_status status = pc_trace_arithmetic(pc_trace_current(), (pc_arithmetic)how, operands[0], operands[1], &var);
    if (status != PC_OK) return pc_py_raise(status);
    int64_t i = PyLong_AsLongLong(value);
    return i == -1 && PyErr_Occurred() ? NULL : wrap_size(i, var);
}

int pc_py_warn_untraceable(pc_tensor *t, const char *what)
{
    if (warn_function == NULL || !pc_trace_depends(pc_trace_current(), t)) return 0;
    PyObject *result = PyObject_CallFunction(warn_function, "s", what);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

static PyObject *warn_untraceable(PyObject *module, PyObject *args)
{
    PyObject *o;
    const char *what;
    if (!PyArg_ParseTuple(args, "Os", &o, &what)) return NULL;
    pc_tensor *t = pc_py_tensor_of(o, "argument");
    if (t == NULL || (pc_recording() != NULL && pc_py_warn_untraceable(t, what) < 0)) return NULL;
    Py_RETURN_NONE;
}

static PyObject *set_trace_classes(PyObject *module, PyObject *args)
{
    PyObject *cls, *warn;
    if (!PyArg_ParseTuple(args, "OO", &cls, &warn)) return NULL;
    Py_XDECREF(traced_int);
    Py_XDECREF(warn_function);
    traced_int = Py_NewRef(cls);
    warn_function = Py_NewRef(warn);
    Py_RETURN_NONE;
}

/* ---- running ------------------------------------------------------------------------------------------ */

static PyObject *result_of(const pc_graph *g, pc_result *results, const pc_arg *a)
{
    PyObject *result = NULL;
    switch (a->kind) {
    case PC_ARG_NONE: return Py_NewRef(Py_None);
    case PC_ARG_BOOL: return PyBool_FromLong(a->i != 0);
    case PC_ARG_INT: return PyLong_FromLongLong(a->i);
    case PC_ARG_FLOAT: return PyFloat_FromDouble(a->f);
    case PC_ARG_STR: return PyUnicode_DecodeUTF8(a->text, a->n, "replace");
    case PC_ARG_DTYPE: return pc_py_dtype((pc_dtype)a->i);
    case PC_ARG_VAR: {
        const pc_result *r = &results[a->i];
        if (g->vars[a->i].type == PC_VAR_TENSOR) return pc_py_wrap(pc_retain(r->t));
        if (r->number.kind == PC_FLOAT) return PyFloat_FromDouble(r->number.f);
        return r->number.kind == PC_BOOLEAN ? PyBool_FromLong(r->number.i != 0) : PyLong_FromLongLong(r->number.i);
    }
    case PC_ARG_DICT: result = PyDict_New(); break;
    default: result = PyList_New(0);
    }
    for (int32_t k = 0; result != NULL && k < a->n; k++) {
        PyObject *item = result_of(g, results, &a->items[k]), *value = NULL;
        bool good = item != NULL;
        if (a->kind == PC_ARG_DICT && good) {
            value = result_of(g, results, &a->items[++k]);
            good = value != NULL && PyDict_SetItem(result, item, value) == 0;
        } else if (good) {
            good = PyList_Append(result, item) == 0;
        }
        Py_XDECREF(item);
        Py_XDECREF(value);
        if (!good) Py_CLEAR(result);
    }
    if (result != NULL && a->kind == PC_ARG_TUPLE) {
        PyObject *tuple = PyList_AsTuple(result);
        Py_DECREF(result);
        result = tuple;
    }
    return result;
}

static PyObject *graph_run(PyObject *self, PyObject *args)
{
    PyObject *owned, *given, *result = NULL;
    pc_graph *g = graph(self);
    pc_status status;
    if (!PyArg_ParseTuple(args, "OO", &owned, &given)) return NULL;
    pc_tensor **tensors = tensors_of(owned, g->ntensors, "forward()"), **inputs = NULL;
    pc_result *results = pc_calloc((size_t)g->nvars + 1, sizeof *results);
    if (tensors == NULL || (inputs = tensors_of(given, g->ninputs, "forward()")) == NULL) goto done;
    if (results == NULL) {
        pc_py_no_memory();
        goto done;
    }
    for (int32_t k = 0; k < g->ninputs; k++) pc_retain(inputs[k]);
    for (int32_t k = 0; k < g->ntensors; k++) pc_retain(tensors[k]);
    if (pc_recording() != NULL) { /* the trace belongs to this thread, and so does the lock */
        status = pc_graph_run(g, inputs, tensors, results);
    } else {
        Py_BEGIN_ALLOW_THREADS
        status = pc_graph_run(g, inputs, tensors, results);
        Py_END_ALLOW_THREADS
    }
    for (int32_t k = 0; k < g->ninputs; k++) pc_release(inputs[k]);
    for (int32_t k = 0; k < g->ntensors; k++) pc_release(tensors[k]);
    if (status != PC_OK) pc_py_raise(status);
    else result = result_of(g, results, &g->output);
    if (status == PC_OK) pc_results_free(g, results);
done:
    pc_free(tensors);
    pc_free(inputs);
    pc_free(results);
    return result;
}

/* ---- text --------------------------------------------------------------------------------------------- */

static PyObject *graph_text(PyObject *self, PyObject *ignored)
{
    pc_text t = { .status = PC_OK };
    pc_status status = pc_graph_print(graph(self), &t);
    PyObject *result = status == PC_OK ? PyUnicode_DecodeUTF8(t.p, (Py_ssize_t)t.n, "replace") : pc_py_raise(status);
    pc_text_free(&t);
    return result;
}

static PyObject *graph_code(PyObject *self, PyObject *ignored)
{
    pc_code code;
    pc_status status = pc_code_write(graph(self), &code);
    if (status != PC_OK) return pc_py_raise(status);
    PyObject *result = PyUnicode_DecodeUTF8(code.forward.p, (Py_ssize_t)code.forward.n, "replace");
    pc_code_free(&code);
    return result;
}

static PyObject *graph_input_names(PyObject *self, PyObject *ignored)
{
    PyObject *list = PyList_New(0);
    for (int32_t k = 0; list != NULL && k < graph(self)->ninputs; k++) {
        PyObject *name = PyUnicode_FromString(graph(self)->input_names[k]);
        if (name == NULL || PyList_Append(list, name) < 0) Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

/* part(module): the first call of a module. */
static PyObject *graph_part(PyObject *self, PyObject *number)
{
    long k = PyLong_AsLong(number);
    pc_graph *part;
    if (k == -1 && PyErr_Occurred()) return NULL;
    pc_status status = pc_graph_part(graph(self), (int32_t)(k < INT32_MAX ? k : -1), &part);
    if (status != PC_OK) return pc_py_raise(status);
    PyObject *result = wrap_graph(part);
    if (result != NULL) ((graph_object *)result)->whole = Py_NewRef(self);
    return result;
}

/* ---- files -------------------------------------------------------------------------------------------- */

/* save(file, tensors, training, extra): file is a path, or a function that is called with bytes. */
static PyObject *graph_save(PyObject *self, PyObject *args)
{
    PyObject *file, *owned, *flags, *files, *path = NULL, *bytes = NULL, *items = NULL;
    pc_graph *g = graph(self);
    pc_status status = PC_EPYTHON;
    char archive[256] = "archive";
    bool *training = NULL;
    pc_extra_file *extra = NULL;
    if (!PyArg_ParseTuple(args, "OOO!O!", &file, &owned, &PyList_Type, &flags, &PyDict_Type, &files)) return NULL;
    pc_tensor **tensors = tensors_of(owned, g->ntensors, "save()");
    items = PyMapping_Items(files); /* keeps names and contents alive */
    if (tensors == NULL || items == NULL) goto done;
    int nextra = (int)PyList_Size(items);
    training = pc_calloc((size_t)g->nmodules, sizeof *training);
    extra = pc_calloc((size_t)nextra + 1, sizeof *extra);
    if (training == NULL || extra == NULL || PyList_Size(flags) != g->nmodules) {
        pc_py_no_memory();
        goto done;
    }
    for (int32_t k = 0; k < g->nmodules; k++) training[k] = PyList_GetItem(flags, k) == Py_True;
    for (int k = 0; k < nextra; k++) {
        PyObject *item = PyList_GetItem(items, k);
        char *data;
        Py_ssize_t n;
        extra[k].name = PyUnicode_AsUTF8AndSize(PyTuple_GetItem(item, 0), NULL);
        if (extra[k].name == NULL || PyBytes_AsStringAndSize(PyTuple_GetItem(item, 1), &data, &n) < 0) goto done;
        extra[k].data = data;
        extra[k].n = n;
    }
    for (int32_t k = 0; k < g->ntensors; k++) pc_retain(tensors[k]);
    if (PyCallable_Check(file)) {
        pc_py_sink s = { { .write = pc_py_sink_write }, file };
        status = pc_torchscript_save(g, &s.sink, archive, tensors, training, extra, nextra);
        if (status != PC_OK) pc_py_raise(status);
    } else if (pc_py_get_path(file, &path, &bytes) == 0) {
        const char *name = PyBytes_AsString(bytes);
        pc_replacement r;
        Py_BEGIN_ALLOW_THREADS
        status = pc_replace_begin(name, &r);
        if (status == PC_OK) {
            status = pc_torchscript_save(g, &r.sink, pc_archive_name(name, archive, sizeof archive), tensors, training,
                                         extra, nextra);
            if (status == PC_OK) status = pc_replace_commit(&r);
            if (status != PC_OK) pc_replace_abandon(&r);
        }
        Py_END_ALLOW_THREADS
        if (status != PC_OK) pc_py_raise_write(status, path);
    }
    for (int32_t k = 0; k < g->ntensors; k++) pc_release(tensors[k]);
done:
    pc_free(tensors);
    pc_free(training);
    pc_free(extra);
    Py_XDECREF(items);
    Py_XDECREF(path);
    Py_XDECREF(bytes);
    if (status != PC_OK) return NULL;
    Py_RETURN_NONE;
}

/* ---- loading ----------------------------------------------------------------------------------------- */

/* The module table of a graph as modules_of takes it. */
static PyObject *modules_to_python(const pc_graph *g)
{
    PyObject *list = PyList_New(0);
    for (int32_t k = 0; list != NULL && k < g->nmodules; k++) {
        const pc_module *m = &g->modules[k];
        PyObject *attributes = PyList_New(m->nattributes), *children = PyList_New(m->nchildren), *one = NULL;
        bool good = attributes != NULL && children != NULL;
        for (int32_t j = 0; good && j < m->nattributes; j++) {
            PyObject *a = Py_BuildValue("(siO)", m->attributes[j].name, (int)m->attributes[j].tensor,
                                        m->attributes[j].parameter ? Py_True : Py_False);
            good = a != NULL && PyList_SetItem(attributes, j, a) == 0;
        }
        for (int32_t j = 0; good && j < m->nchildren; j++) {
            PyObject *c = Py_BuildValue("(si)", m->children[j].name, (int)m->children[j].module);
            good = c != NULL && PyList_SetItem(children, j, c) == 0;
        }
        if (good) one = Py_BuildValue("(sOO)", m->type, attributes, children);
        if (one == NULL || PyList_Append(list, one) < 0) Py_CLEAR(list);
        Py_XDECREF(one);
        Py_XDECREF(attributes);
        Py_XDECREF(children);
    }
    return list;
}

/* The records of that name under extra/, as far as there are such. */
static PyObject *extra_to_python(const pc_zip *z, PyObject *names, pc_status *status)
{
    PyObject *extra = PyDict_New();
    for (Py_ssize_t k = 0; extra != NULL && k < PyList_Size(names); k++) {
        PyObject *full = PyUnicode_FromFormat("extra/%U", PyList_GetItem(names, k)), *bytes = NULL;
        const char *text = full != NULL ? PyUnicode_AsUTF8AndSize(full, NULL) : NULL;
        const pc_zip_record *r = text != NULL ? pc_zip_find(z, text) : NULL;
        if (text == NULL) Py_CLEAR(extra);
        if (r != NULL) {
            bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)r->size);
            if (bytes != NULL) *status = pc_zip_read(z, r, PyBytes_AsString(bytes));
            if (bytes == NULL || *status != PC_OK || PyDict_SetItem(extra, PyList_GetItem(names, k), bytes) < 0)
                Py_CLEAR(extra);
        }
        Py_XDECREF(full);
        Py_XDECREF(bytes);
    }
    return extra;
}

/* (Graph, modules, tensors, training, extra) */
static PyObject *load_source(const pc_source *s, PyObject *path, PyObject *names)
{
    pc_loaded l = { NULL };
    pc_zip *z = NULL;
    pc_status status;
    PyObject *modules = NULL, *tensors = NULL, *training = NULL, *extra = NULL, *g = NULL, *result = NULL;
    Py_BEGIN_ALLOW_THREADS
    status = pc_zip_open(s, &z);
    if (status == PC_OK) status = pc_torchscript_load(z, &l);
    Py_END_ALLOW_THREADS
    if (status != PC_OK) goto done;
    int32_t n = l.graph->ntensors;
    modules = modules_to_python(l.graph);
    tensors = PyList_New(n);
    training = PyList_New(l.graph->nmodules);
    extra = extra_to_python(z, names, &status);
    for (int32_t k = 0; tensors != NULL && k < n; k++) {
        PyObject *t = pc_py_wrap(l.tensors[k]);
        l.tensors[k] = NULL;
        if (t == NULL) Py_CLEAR(tensors);
        else PyList_SetItem(tensors, k, t);
    }
    for (int32_t k = 0; training != NULL && k < l.graph->nmodules; k++)
        PyList_SetItem(training, k, PyBool_FromLong(l.training[k]));
    if (modules == NULL || tensors == NULL || training == NULL || extra == NULL) goto done;
    for (int32_t k = 0; k < n; k++) pc_release(l.tensors[k]);
    pc_free(l.tensors);
    l.tensors = NULL;
    g = wrap_graph(l.graph);
    l.graph = NULL;
    if (g != NULL) result = PyTuple_Pack(5, g, modules, tensors, training, extra);
done:
    if (status != PC_OK && !PyErr_Occurred()) pc_py_raise_read(status, path, s->size);
    pc_zip_close(z);
    pc_loaded_free(&l);
    Py_XDECREF(modules);
    Py_XDECREF(tensors);
    Py_XDECREF(training);
    Py_XDECREF(extra);
    Py_XDECREF(g);
    return result;
}

static PyObject *load_torchscript(PyObject *module, PyObject *args)
{
    PyObject *o, *names, *path;
    pc_source s;
    if (!PyArg_ParseTuple(args, "OO!", &o, &PyList_Type, &names)) return NULL;
    if (pc_py_open_source(o, &path, &s) < 0) return NULL;
    PyObject *result = load_source(&s, path, names);
    pc_source_close(&s);
    Py_DECREF(path);
    return result;
}

static PyObject *load_torchscript_bytes(PyObject *module, PyObject *args)
{
    Py_buffer view;
    PyObject *name, *names;
    pc_source s;
    if (!PyArg_ParseTuple(args, "y*UO!", &view, &name, &PyList_Type, &names)) return NULL;
    pc_source_from_memory(view.buf, view.len, "file", &s);
    PyObject *result = load_source(&s, name, names);
    PyBuffer_Release(&view);
    return result;
}

/* ---- type --------------------------------------------------------------------------------------------- */

static PyObject *graph_same(PyObject *self, PyObject *ignored) { return Py_NewRef(self); }

static PyMethodDef graph_methods[] = {
    { "run", graph_run, METH_VARARGS,
      "run($self, tensors, inputs, /)\n--\n\nWhat the traced function returns for these inputs." },
    { "save", graph_save, METH_VARARGS,
      "save($self, file, tensors, training, extra, /)\n--\n\nWrite a TorchScript archive to a path, or through a "
      "function." },
    { "text", graph_text, METH_NOARGS, "text($self, /)\n--\n\nThe nodes, one a line." },
    { "code", graph_code, METH_NOARGS, "code($self, /)\n--\n\nThe root's forward as TorchScript." },
    { "part", graph_part, METH_O, "part($self, module, /)\n--\n\nThe graph of the first call of a module." },
    { "input_names", graph_input_names, METH_NOARGS, "input_names($self, /)\n--\n\nNames of the inputs." },
    { "__deepcopy__", graph_same, METH_O, "__deepcopy__($self, memo, /)\n--\n\nThe graph itself: it never changes." },
    { "__copy__", graph_same, METH_NOARGS, "__copy__($self, /)\n--\n\nThe graph itself: it never changes." },
    { 0 }
};
static PyType_Slot graph_slots[] = { { Py_tp_dealloc, graph_dealloc },
                                     { Py_tp_methods, graph_methods },
                                     { Py_tp_doc, "A recorded computation." },
                                     { 0, NULL } };
static PyType_Spec graph_spec = { "pycnn._C.Graph", sizeof(graph_object), 0,
                                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, graph_slots };

static PyMethodDef functions[] = {
    { "trace_begin", trace_begin, METH_VARARGS,
      "trace_begin(modules, tensors, inputs, names, /)\n--\n\nThe Graph that the calls of this thread are written "
      "to." },
    { "trace_enter", trace_enter, METH_O, "trace_enter(module, /)\n--\n\nCalls from now on are those of a module." },
    { "trace_leave", trace_leave, METH_NOARGS, "trace_leave()\n--\n\nThe call of the module is over." },
    { "trace_finish", trace_finish, METH_O, "trace_finish(output, /)\n--\n\nThe function has returned this." },
    { "trace_abort", trace_abort, METH_NOARGS, "trace_abort()\n--\n\nThe end of a trace that has failed." },
    { "load_torchscript", load_torchscript, METH_VARARGS,
      "load_torchscript(path, extra, /)\n--\n\n(Graph, modules, tensors, training, extra files) of an archive." },
    { "load_torchscript_bytes", load_torchscript_bytes, METH_VARARGS,
      "load_torchscript_bytes(data, name, extra, /)\n--\n\nThe same of a buffer." },
    { "is_tracing", is_tracing, METH_NOARGS, "is_tracing()\n--\n\nDoes this thread trace?" },
    { "trace_arithmetic", trace_arithmetic, METH_VARARGS,
      "trace_arithmetic(how, a, b, value, /)\n--\n\nvalue, as a size that is computed from others." },
    { "warn_untraceable", warn_untraceable, METH_VARARGS,
      "warn_untraceable(tensor, what, /)\n--\n\nWarn, where this thread traces and the tensor depends on an input." },
    { "_set_trace_classes", set_trace_classes, METH_VARARGS, "_set_trace_classes(int type, warn function)" },
    { 0 }
};

int pc_py_add_jit(PyObject *module)
{
    graph_type = PyType_FromSpec(&graph_spec);
    if (graph_type == NULL || PyModule_AddObjectRef(module, "Graph", graph_type) < 0) return -1;
    return PyModule_AddFunctions(module, functions);
}
