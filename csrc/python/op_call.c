/* op_call.c -- every operator row as a Python function and method.

   Names that rows share (overloads: max, max.dim) become one callable; its rows are tried in order. The limited API
   of Python 3.11 has no vectorcall for own types, so each callable is a builtin function from a pool of trampolines
   that differ in their number alone. */
#include "python.h"
#include <string.h>

#define MAX_CALLABLES 768
#define MAX_OVERLOADS 8
#define LIST_INLINE 8

typedef struct callable {
    char name[40];
    int rows[MAX_OVERLOADS];
    int nrows;
    bool inplace;
} callable;

static callable callables[MAX_CALLABLES];
static int ncallables;
static PyMethodDef function_defs[MAX_CALLABLES], method_defs[MAX_CALLABLES];
static PyObject **param_names; /* interned; PC_MAX_PARAMS a row */
static PyTypeObject **return_types; /* of rows with two results */
static PyObject *str_input, *str_self, *str_axis, *str_dim, *str_keepdims, *str_keepdim, *str_device, *str_layout,
    *str_pin_memory, *str_requires_grad, *str_out, *str_memory_format, *str_names;

/* The arguments of one call, as a row understands them. */
typedef struct parsed {
    pc_tensor *inline_in[LIST_INLINE];
    pc_tensor **in;            /* borrowed unless listed in owned */
    int nin;
    pc_value v[PC_MAX_PARAMS];
    pc_tensor *owned[LIST_INLINE]; /* made for numbers */
    int nowned;
    int requires_grad;
    PyObject *out;             /* borrowed */
    char error[256];           /* why the row does not fit */
} parsed;

static void parsed_free(parsed *p)
{
    for (int k = 0; k < p->nowned; k++) pc_release(p->owned[k]);
    if (p->in != p->inline_in) pc_free(p->in);
    p->nowned = 0;
    p->in = p->inline_in;
}

/* ---- single arguments: 1 fits, 0 does not, -1 an exception is set ------------------------------------ */

static bool is_bool(PyObject *o)
{
    if (PyBool_Check(o)) return true;
    PyObject *name = PyType_GetQualName(Py_TYPE(o)); /* numpy.bool is no int and no bool */
    bool yes = name != NULL && (PyUnicode_CompareWithASCIIString(name, "bool") == 0
                                || PyUnicode_CompareWithASCIIString(name, "bool_") == 0);
    Py_XDECREF(name);
    return yes;
}

static int get_int(PyObject *o, int64_t *out)
{
    if (PyFloat_Check(o) || PyUnicode_Check(o) || o == Py_None) return 0;
    if (!PyLong_Check(o) && !PyIndex_Check(o)) return 0;
    PyObject *index = PyNumber_Index(o);
    if (index == NULL) {
        PyErr_Clear();
        return 0;
    }
    *out = PyLong_AsLongLong(index);
    Py_DECREF(index);
    if (*out == -1 && PyErr_Occurred()) return -1;
    return 1;
}

static bool has_float(PyObject *o)
{
    return !PyUnicode_Check(o) && !PyBytes_Check(o) && PyObject_HasAttrString(o, "__float__");
}

static int get_scalar(PyObject *o, pc_value *out)
{
    if (is_bool(o)) {
        int yes = PyObject_IsTrue(o);
        *out = (pc_value){ .kind = PC_BOOLEAN, .i = yes };
        return yes < 0 ? -1 : 1;
    }
    if (PyFloat_Check(o)) {
        *out = (pc_value){ .kind = PC_FLOAT, .f = PyFloat_AsDouble(o) };
        return 1;
    }
    if (pc_py_is_tensor(o)) {
        pc_tensor *t = ((pc_py_tensor *)o)->t;
        if (t->numel != 1) return 0;
        PyObject *item = PyObject_CallMethod(o, "item", NULL);
        if (item == NULL) return -1;
        int rc = get_scalar(item, out);
        Py_DECREF(item);
        return rc;
    }
    int64_t i;
    int rc = get_int(o, &i);
    if (rc != 0) {
        *out = (pc_value){ .kind = PC_INT, .i = i };
        return rc;
    }
    if (PySequence_Check(o) || !has_float(o)) return 0;
    double f = PyFloat_AsDouble(o);
    if (f == -1.0 && PyErr_Occurred()) return -1;
    *out = (pc_value){ .kind = PC_FLOAT, .f = f };
    return 1;
}

static int get_ints(PyObject *o, int length, pc_value *out)
{
    out->kind = PC_INTS;
    int64_t i;
    int rc = get_int(o, &i);
    if (rc < 0) return -1;
    if (rc == 1) {
        out->ints.n = length > 0 ? length : 1;
        for (int k = 0; k < out->ints.n; k++) out->ints.v[k] = i;
        return 1;
    }
    if (!PyTuple_Check(o) && !PyList_Check(o)) return 0;
    Py_ssize_t n = PySequence_Size(o);
    if (n < 0) return -1;
    if (n > PC_MAX_DIMS) {
        PyErr_Format(PyExc_RuntimeError, "tensors have at most %d dimensions here, got %zd", PC_MAX_DIMS, n);
        return -1;
    }
    if (length > 0 && n == 1 && length > 1) { /* (3,) stands for (3, 3), as in torch */
        PyObject *item = PySequence_GetItem(o, 0);
        if (item == NULL) return -1;
        rc = get_int(item, &i);
        Py_DECREF(item);
        if (rc <= 0) return rc;
        out->ints.n = length;
        for (int k = 0; k < length; k++) out->ints.v[k] = i;
        return 1;
    }
    /* other lengths are the operator's to refuse, in its own words */
    out->ints.n = (int)n;
    for (Py_ssize_t k = 0; k < n; k++) {
        PyObject *item = PySequence_GetItem(o, k);
        if (item == NULL) return -1;
        rc = get_int(item, &out->ints.v[k]);
        Py_DECREF(item);
        if (rc <= 0) return rc;
    }
    return 1;
}

/* A number where a tensor may stand: a 0-dim tensor, weak in promotion. */
static int number_tensor(const pc_value *v, pc_tensor **out)
{
    pc_dtype d = v->kind == PC_FLOAT ? PC_F64 : v->kind == PC_INT ? PC_I64 : PC_BOOL;
    pc_status status = pc_tensor_new(d, 0, NULL, out);
    if (status != PC_OK) {
        pc_py_raise(status);
        return -1;
    }
    (*out)->is_number = true;
    if (d == PC_F64) *(double *)pc_data(*out) = v->f;
    else if (d == PC_I64) *(int64_t *)pc_data(*out) = v->i;
    else *(uint8_t *)pc_data(*out) = v->i != 0;
    return 1;
}

static int get_tensors(PyObject *o, bool gaps, parsed *p)
{
    if (!PyTuple_Check(o) && !PyList_Check(o)) return 0;
    Py_ssize_t n = PySequence_Size(o);
    if (n < 0) return -1;
    if (n > LIST_INLINE) {
        p->in = pc_calloc((size_t)n, sizeof *p->in);
        if (p->in == NULL) {
            p->in = p->inline_in;
            pc_py_no_memory();
            return -1;
        }
    }
    p->nin = (int)n;
    for (Py_ssize_t k = 0; k < n; k++) {
        PyObject *item = PySequence_GetItem(o, k); /* the sequence keeps it alive */
        if (item == NULL) return -1;
        bool ok = pc_py_is_tensor(item);
        p->in[k] = ok ? ((pc_py_tensor *)item)->t : NULL;
        if (!ok && !(gaps && item == Py_None)) {
            PyObject *type = PyType_GetName(Py_TYPE(item));
            if (type != NULL)
                PyErr_Format(PyExc_TypeError, "expected Tensor as element %zd in argument 0, but got %U", k, type);
            Py_XDECREF(type);
            Py_DECREF(item);
            return -1;
        }
        Py_DECREF(item);
    }
    return 1;
}

static int get_argument(const pc_param *param, PyObject *o, parsed *p)
{
    pc_value *v = &p->v[param->slot];
    int64_t i;
    int rc;
    if (pc_recording() != NULL) pc_py_note_argument(param, -1, o);
    if (o == Py_None && param->optional) {
        if (param->type == PC_T_TENSOR || param->type == PC_T_OPERAND) p->in[param->slot] = NULL;
        else v->kind = PC_NONE;
        return 1;
    }
    switch (param->type) {
    case PC_T_TENSOR:
        if (!pc_py_is_tensor(o)) return 0;
        p->in[param->slot] = ((pc_py_tensor *)o)->t;
        return 1;
    case PC_T_OPERAND: {
        pc_value number;
        if (pc_py_is_tensor(o)) {
            p->in[param->slot] = ((pc_py_tensor *)o)->t;
            return 1;
        }
        if ((rc = get_scalar(o, &number)) <= 0) return rc;
        if ((rc = number_tensor(&number, &p->in[param->slot])) > 0) p->owned[p->nowned++] = p->in[param->slot];
        return rc;
    }
    case PC_T_TENSORS: return get_tensors(o, param->has_gaps, p);
    case PC_T_INT:
        if (is_bool(o) && !PyBool_Check(o)) return 0;
        if ((rc = get_int(o, &i)) > 0) *v = (pc_value){ .kind = PC_INT, .i = i };
        return rc;
    case PC_T_INTS: return get_ints(o, param->length, v);
    case PC_T_FLOAT:
        if ((rc = get_scalar(o, v)) <= 0) return rc;
        if (v->kind != PC_FLOAT) *v = (pc_value){ .kind = PC_FLOAT, .f = (double)v->i };
        return 1;
    case PC_T_BOOL:
        if (!is_bool(o)) return 0;
        *v = (pc_value){ .kind = PC_BOOLEAN, .i = PyObject_IsTrue(o) };
        return 1;
    case PC_T_SCALAR: return get_scalar(o, v);
    case PC_T_DTYPE: {
        pc_dtype d;
        if (Py_TYPE(o) != pc_py_dtype_type && !PyType_Check(o)) return 0;
        if (pc_py_dtype_of(o, &d) < 0) return -1;
        *v = (pc_value){ .kind = PC_DTYPE, .i = d };
        return 1;
    }
    case PC_T_GENERATOR: {
        pc_generator *g = pc_py_generator_of(o);
        if (g == NULL) {
            PyErr_Clear();
            return 0;
        }
        *v = (pc_value){ .kind = PC_GENERATOR, .generator = g };
        return 1;
    }
    }
    return 0;
}

static const char *type_text(const pc_param *p)
{
    switch (p->type) {
    case PC_T_TENSOR: return "Tensor";
    case PC_T_TENSORS: return "tuple of Tensors";
    case PC_T_OPERAND: return "Tensor or number";
    case PC_T_INT: return "int";
    case PC_T_INTS: return "tuple of ints";
    case PC_T_FLOAT: return "float";
    case PC_T_BOOL: return "bool";
    case PC_T_SCALAR: return "Number";
    case PC_T_DTYPE: return "dtype";
    case PC_T_GENERATOR: return "Generator";
    }
    return "";
}

/* What is said of an argument that does not fit. */
static void misfit(parsed *p, const char *name, const pc_param *param, int position, PyObject *o)
{
    char type[100];
    if (param->type == PC_T_INTS && (PyTuple_Check(o) || PyList_Check(o))) {
        for (Py_ssize_t k = 0; k < PySequence_Size(o); k++) {
            PyObject *item = PySequence_GetItem(o, k);
            int64_t i;
            int rc = item != NULL ? get_int(item, &i) : -1;
            if (rc < 0) PyErr_Clear();
            if (rc == 0)
                PyOS_snprintf(p->error, sizeof p->error,
                              "%s(): argument '%s' failed to unpack the object at pos %zd with error "
                              "\"type must be tuple of ints,but got %s\"",
                              name, param->name, k + 1, pc_py_type_text(item, type, sizeof type));
            Py_XDECREF(item);
            if (rc == 0) return;
        }
    }
    PyOS_snprintf(p->error, sizeof p->error, "%s(): argument '%s' (position %d) must be %s, not %s", name, param->name,
                  position, type_text(param), pc_py_type_text(o, type, sizeof type));
}

/* ---- whole calls -------------------------------------------------------------------------------- */

static bool same(PyObject *a, PyObject *b)
{
    return a == b || PyUnicode_Compare(a, b) == 0;
}

/* Keyword name -> parameter of the row; -1 if it is none. torch's and NumPy's other spellings are known. */
static int find_param(const pc_schema *s, PyObject **names, PyObject *name)
{
    for (int k = 0; k < s->nparams; k++)
        if (names[k] == name) return k;
    for (int k = 0; k < s->nparams; k++)
        if (same(names[k], name)) return k;
    PyObject *other = same(name, str_input) ? str_self
                      : same(name, str_self) ? str_input
                      : same(name, str_axis) ? str_dim
                      : same(name, str_keepdims) ? str_keepdim : NULL;
    for (int k = 0; k < s->nparams && other != NULL; k++)
        if (names[k] == other) return k;
    return -1;
}

static int check_device(PyObject *o)
{
    if (o == Py_None) return 1;
    PyObject *module = PyImport_ImportModule("pycnn._device");
    PyObject *result = module != NULL ? PyObject_CallMethod(module, "check_device", "O", o) : NULL;
    Py_XDECREF(module);
    Py_XDECREF(result);
    return result != NULL ? 1 : -1;
}

/* Keywords that the caller understands for every row: 1 taken, 0 unknown, -1 exception. */
static int common_keyword(const pc_op *op, PyObject *name, PyObject *value, parsed *p)
{
    if (same(name, str_out)) {
        if (value != Py_None) p->out = value;
        return 1;
    }
    if (same(name, str_memory_format)) return value == Py_None;
    if (!(op->flags & PC_FACTORY)) return 0;
    if (same(name, str_device)) return check_device(value);
    if (same(name, str_requires_grad)) {
        p->requires_grad = PyObject_IsTrue(value);
        return p->requires_grad < 0 ? -1 : 1;
    }
    return same(name, str_layout) || same(name, str_pin_memory) || same(name, str_names);
}

/* Positional arguments: of a method, self first. */
typedef struct positional {
    PyObject *self; /* NULL: of a function */
    PyObject *const *args;
    Py_ssize_t n, at; /* how many with self, and the next one */
} positional;

static PyObject *peek(const positional *a)
{
    return a->self == NULL ? a->args[a->at] : a->at == 0 ? a->self : a->args[a->at - 1];
}

/* What was given for a row's parameters. */
typedef struct given {
    PyObject *of[PC_MAX_PARAMS]; /* borrowed; NULL: nothing */
    int spread;                  /* the parameter that takes all remaining positional ints; -1: none */
} given;

/* These return 1; 0: the row does not fit (p->error says why); -1: an exception is set. */

static int take_spread(const pc_schema *s, const char *name, int spread, positional *a, parsed *p)
{
    const pc_param *param = &s->params[spread];
    pc_value *v = &p->v[param->slot];
    const bool only_one = s->nparams > spread + 1 && !param[1].keyword_only; /* dim, then keepdim */
    v->kind = PC_INTS;
    for (v->ints.n = 0; a->at < a->n && !(only_one && v->ints.n == 1); a->at++) {
        if (v->ints.n == PC_MAX_DIMS) {
            PyErr_Format(PyExc_RuntimeError, "tensors have at most %d dimensions here", PC_MAX_DIMS);
            return -1;
        }
        PyObject *o = peek(a);
        int rc = get_int(o, &v->ints.v[v->ints.n]);
        if (rc < 0) return -1;
        if (rc == 0) {
            PyOS_snprintf(p->error, sizeof p->error, "%s(): argument '%s' must be tuple of ints", name, param->name);
            return 0;
        }
        if (pc_recording() != NULL) pc_py_note_argument(param, v->ints.n, o);
        v->ints.n++;
    }
    return 1;
}

static int take_positional(const pc_schema *s, const char *name, positional *a, given *g, parsed *p)
{
    for (int k = 0; k < s->nparams && a->at < a->n && !s->params[k].keyword_only; k++) {
        const pc_param *param = &s->params[k];
        PyObject *o = peek(a);
        if (g->spread < 0 && param->type == PC_T_INTS && param->length == 0 && (PyLong_Check(o) || PyIndex_Check(o))
            && !pc_py_is_tensor(o) && !PyBool_Check(o)) {
            int rc = take_spread(s, name, k, a, p);
            if (rc != 1) return rc;
            g->spread = k;
        } else {
            g->of[k] = o;
            a->at++;
        }
    }
    if (a->at == a->n) return 1;
    PyOS_snprintf(p->error, sizeof p->error, "%s() takes %d positional arguments but %d were given", name, s->nparams,
                  (int)a->n);
    return 0;
}

static int take_keywords(int row, const char *name, PyObject *names, PyObject *const *values, given *g, parsed *p)
{
    const pc_schema *s = pc_op_schema(row);
    const Py_ssize_t n = PyTuple_Size(names);
    for (Py_ssize_t w = 0; w < n; w++) {
        PyObject *key = PyTuple_GetItem(names, w);
        int k = find_param(s, param_names + (size_t)row * PC_MAX_PARAMS, key);
        if (k < 0) {
            int rc = common_keyword(pc_op_at(row), key, values[w], p);
            if (rc < 0) return -1;
            if (rc == 0) {
                const char *text = PyUnicode_AsUTF8AndSize(key, NULL);
                PyOS_snprintf(p->error, sizeof p->error, "%s() got an unexpected keyword argument '%s'", name,
                              text != NULL ? text : "?");
                return 0;
            }
            continue;
        }
        if (g->of[k] != NULL || k == g->spread) {
            PyOS_snprintf(p->error, sizeof p->error, "%s() got multiple values for argument '%s'", name,
                          s->params[k].name);
            return 0;
        }
        g->of[k] = values[w];
    }
    return 1;
}

/* On 1, p holds the arguments. */
static int parse(int row, const char *name, PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                 parsed *p)
{
    const pc_schema *s = pc_op_schema(row);
    positional a = { self, args, nargs + (self != NULL), 0 };
    given g = { .spread = -1 };
    if (pc_recording() != NULL) pc_py_forget_arguments();
    p->in = p->inline_in;
    p->nin = s->list ? 0 : s->ntensors;
    p->nowned = 0;
    p->requires_grad = 0;
    p->out = NULL;
    memset(p->inline_in, 0, sizeof p->inline_in);
    int rc = take_positional(s, name, &a, &g, p);
    if (rc == 1 && kwnames != NULL) rc = take_keywords(row, name, kwnames, args + nargs, &g, p);
    for (int k = 0; rc == 1 && k < s->nparams; k++) {
        const pc_param *param = &s->params[k];
        if (k == g.spread) continue;
        if (g.of[k] == NULL) {
            if (!param->has_default) {
                PyOS_snprintf(p->error, sizeof p->error, "%s() missing 1 required positional arguments: \"%s\"", name,
                              param->name);
                return 0;
            }
            if (param->type == PC_T_TENSOR || param->type == PC_T_OPERAND) p->in[param->slot] = NULL;
            else if (param->type != PC_T_TENSORS) p->v[param->slot] = param->dflt;
            continue;
        }
        rc = get_argument(param, g.of[k], p);
        if (rc == 0) misfit(p, name, param, k + 1, g.of[k]);
    }
    return rc;
}

/* Room for the results of a row that returns a list: as many as its tensors, or the dimensions of one; of a view as
   many parts as it asks for, or a dimension has. */
static int most_results(const pc_op *op, const pc_schema *s, const parsed *p)
{
    int64_t most = p->nin, size = 0, parts = 0;
    for (int d = 0; !s->list && p->in[0] != NULL && d < p->in[0]->ndim; d++)
        if (p->in[0]->shape[d] > size) size = p->in[0]->shape[d];
    if (!(op->flags & PC_VIEW)) size = 0;
    for (int k = 0; k < s->nparams; k++) {
        const pc_value *v = &p->v[s->params[k].slot];
        if (s->params[k].type == PC_T_INTS) size = v->ints.n + 1;
        if (s->params[k].type == PC_T_INT && strcmp(s->params[k].name, "dim") != 0)
            parts = v->i; /* or the size of one */
    }
    if (parts > 0 && parts < 1 << 20) size = size / parts + 1 > parts ? size / parts + 1 : parts;
    if (size > most) most = size;
    return most < 1 << 24 ? (int)most + PC_MAX_DIMS : 1 << 24;
}

static bool worth_releasing(const pc_op *op, const parsed *p)
{
    if (op->flags & PC_VIEW) return false;
    if (op->flags & PC_FACTORY) return true;
    int64_t n = 0;
    for (int k = 0; k < p->nin; k++)
        if (p->in[k] != NULL) n += p->in[k]->numel;
    return n > PC_PY_RELEASE_GIL_ABOVE;
}

static PyObject *results(int row, pc_tensor **out, int n)
{
    const pc_schema *s = pc_op_schema(row);
    PyObject *result;
    if (s->nreturns == 1) return pc_py_wrap(out[0]);
    if (s->nreturns == 0) result = PyTuple_New(n);
    else result = PyStructSequence_New(return_types[row]);
    for (int k = 0; k < n; k++) {
        if (pc_poll_at(k) != PC_OK) Py_CLEAR(result);
        if (result == NULL) {
            pc_release(out[k]);
            continue;
        }
        PyObject *item = pc_py_wrap(out[k]);
        if (item == NULL) Py_CLEAR(result);
        else if (s->nreturns == 0) PyTuple_SetItem(result, k, item);
        else PyStructSequence_SetItem(result, k, item);
    }
    return result;
}

static PyObject *write_out(PyObject *target, PyObject *result)
{
    pc_tensor *to = pc_py_tensor_of(target, "argument 'out'"), *from;
    pc_status status = PC_OK;
    if (to == NULL || (from = pc_py_tensor_of(result, "the result for 'out'")) == NULL) {
        Py_DECREF(result);
        return NULL;
    }
    if (!pc_same_shape(to, from)) {
        char a[200], b[200];
        status = pc_fail(PC_ESHAPE, "out= has shape %s, but the result has shape %s", pc_shape_text(to, a),
                         pc_shape_text(from, b));
    }
    if (status == PC_OK) status = pc_tensor_begin_write(to);
    if (status == PC_OK) status = pc_copy(to, from);
    Py_DECREF(result);
    if (status != PC_OK) return pc_py_raise(status);
    Py_INCREF(target);
    return target;
}

static PyObject *run(int row, parsed *p, bool inplace, PyObject *self)
{
    const pc_op *op = pc_op_at(row);
    const pc_schema *s = pc_op_schema(row);
    pc_tensor *inline_out[4], **out = inline_out;
    int n = 0, room = s->nreturns == 0 ? most_results(op, s, p) : s->nreturns;
    pc_status status;
    if (room > 4) {
        out = pc_calloc((size_t)room, sizeof *out);
        if (out == NULL) return pc_py_no_memory();
    }
    if (worth_releasing(op, p)) {
        for (int k = 0; k < p->nin; k++) pc_retain(p->in[k]); /* another thread may drop the objects */
        Py_BEGIN_ALLOW_THREADS
        status = pc_op_apply(op, p->nin, p->in, p->v, inplace, room, out, &n);
        Py_END_ALLOW_THREADS
        for (int k = 0; k < p->nin; k++) pc_release(p->in[k]);
    } else {
        status = pc_op_apply(op, p->nin, p->in, p->v, inplace, room, out, &n);
    }
    PyObject *result = NULL;
    if (status != PC_OK) {
        pc_py_raise(status);
    } else if (inplace && self != NULL) {
        pc_release(out[0]);
        Py_INCREF(self);
        result = self;
    } else {
        if (p->requires_grad) out[0]->requires_grad = true;
        result = results(row, out, n);
        if (result != NULL && p->out != NULL) result = write_out(p->out, result);
    }
    if (out != inline_out) pc_free(out);
    return result;
}

/* The Python object of the first tensor argument: what an in-place call returns. */
static PyObject *first_tensor(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (self != NULL) return self;
    return nargs > 0 && pc_py_is_tensor(args[0]) ? args[0] : NULL;
}

static PyObject *call(int index, PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    const callable *c = &callables[index];
    parsed p;
    if (self != NULL && !pc_py_is_tensor(self)) self = NULL; /* a module */
    for (int k = 0; k < c->nrows; k++) {
        int rc = parse(c->rows[k], c->name, self, args, nargs, kwnames, &p);
        if (rc == 1) {
            PyObject *result = run(c->rows[k], &p, c->inplace, c->inplace ? first_tensor(self, args, nargs) : NULL);
            parsed_free(&p);
            return result;
        }
        parsed_free(&p);
        if (rc < 0) return NULL;
    }
    if (c->nrows == 1) return PyErr_Format(PyExc_TypeError, "%s", p.error);
    char text[1024];
    int at =
        PyOS_snprintf(text, sizeof text,
                      "%s() received an invalid combination of arguments (%s). Expected one of:", c->name, p.error);
    for (int k = 0; k < c->nrows && at < (int)sizeof text; k++)
        at += PyOS_snprintf(text + at, sizeof text - (size_t)at, "\n * %s", pc_op_at(c->rows[k])->schema);
    return PyErr_Format(PyExc_TypeError, "%s", text);
}

/* ---- trampolines -------------------------------------------------------------------------------- */

#define ONE(n)                                                                                     \
    static PyObject *call_##n(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kw) \
    {                                                                                              \
        return call(0x##n, self, args, nargs, kw);                                                 \
    }
#define SIXTEEN(M, n)                                                                              \
    M(n##0) M(n##1) M(n##2) M(n##3) M(n##4) M(n##5) M(n##6) M(n##7)                                \
    M(n##8) M(n##9) M(n##a) M(n##b) M(n##c) M(n##d) M(n##e) M(n##f)
#define PAGE(M, n)                                                                                 \
    SIXTEEN(M, n##0) SIXTEEN(M, n##1) SIXTEEN(M, n##2) SIXTEEN(M, n##3) SIXTEEN(M, n##4)           \
    SIXTEEN(M, n##5) SIXTEEN(M, n##6) SIXTEEN(M, n##7) SIXTEEN(M, n##8) SIXTEEN(M, n##9)           \
    SIXTEEN(M, n##a) SIXTEEN(M, n##b) SIXTEEN(M, n##c) SIXTEEN(M, n##d) SIXTEEN(M, n##e) SIXTEEN(M, n##f)
PAGE(ONE, 0) PAGE(ONE, 1) PAGE(ONE, 2)
#define NAME_OF(n) call_##n,
typedef PyObject *(*fast_call)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
static const fast_call trampolines[MAX_CALLABLES] = { PAGE(NAME_OF, 0) PAGE(NAME_OF, 1) PAGE(NAME_OF, 2) };

/* ---- from C ------------------------------------------------------------------------------------- */

static int find_callable(const char *name)
{
    for (int k = 0; k < ncallables; k++)
        if (strcmp(callables[k].name, name) == 0) return k;
    return -1;
}

/* a OP b for the number protocol; NotImplemented if either is neither tensor nor number. */
PyObject *pc_py_binary(int index, PyObject *a, PyObject *b)
{
    const callable *c = &callables[index];
    PyObject *objects[2] = { a, b };
    for (int k = 0; k < c->nrows; k++) {
        const pc_schema *s = pc_op_schema(c->rows[k]);
        if (s->ntensors != 2 || s->list) continue;
        parsed p = { .nin = 2 };
        p.in = p.inline_in;
        if (pc_recording() != NULL) pc_py_forget_arguments();
        int rc = 1;
        for (int j = 0; j < s->nparams && rc == 1; j++) {
            pc_param param = s->params[j];
            if (param.type != PC_T_TENSOR && param.type != PC_T_OPERAND) {
                p.v[param.slot] = param.dflt;
                continue;
            }
            param.type = PC_T_OPERAND;
            param.optional = false;
            rc = get_argument(&param, objects[param.slot], &p);
        }
        PyObject *result = rc == 1 ? run(c->rows[k], &p, c->inplace, c->inplace ? a : NULL) : NULL;
        parsed_free(&p);
        if (rc != 0) return result;
        break;
    }
    Py_INCREF(Py_NotImplemented);
    return Py_NotImplemented;
}

int pc_py_callable(const char *name)
{
    return find_callable(name);
}

PyObject *pc_py_unary(int index, PyObject *a)
{
    return call(index, a, NULL, 0, NULL);
}

/* ---- registration ------------------------------------------------------------------------------- */

static int callable_of(const char *name, bool inplace)
{
    int k = find_callable(name);
    if (k >= 0) return k;
    if (ncallables == MAX_CALLABLES) {
        PyErr_SetString(PyExc_SystemError, "more operators than trampolines: raise MAX_CALLABLES");
        return -1;
    }
    k = ncallables++;
    PyOS_snprintf(callables[k].name, sizeof callables[k].name, "%s", name);
    callables[k].inplace = inplace;
    function_defs[k] = (PyMethodDef){ callables[k].name, (PyCFunction)(void (*)(void))trampolines[k],
                                      METH_FASTCALL | METH_KEYWORDS, NULL };
    method_defs[k] = function_defs[k];
    return k;
}

static int expose(int k, uint32_t flags, PyObject *fn, PyObject *nn)
{
    int rc = 0;
    PyObject *function = PyCFunction_NewEx(&function_defs[k], NULL, NULL);
    if (function == NULL) return -1;
    if (flags & PC_FUNCTION) rc = PyObject_SetAttrString(fn, callables[k].name, function);
    if (rc == 0 && (flags & PC_NN)) rc = PyObject_SetAttrString(nn, callables[k].name, function);
    Py_DECREF(function);
    if (rc == 0 && (flags & PC_METHOD)) {
        PyObject *method = PyDescr_NewMethod(pc_py_tensor_type, &method_defs[k]);
        rc = method != NULL ? PyObject_SetAttrString((PyObject *)pc_py_tensor_type, callables[k].name, method) : -1;
        Py_XDECREF(method);
    }
    return rc;
}

/* As torch prints two results: a line each. */
static PyObject *results_repr(PyObject *self, PyObject *ignored)
{
    PyObject *name = PyObject_GetAttrString((PyObject *)Py_TYPE(self), "__name__"), *text = NULL;
    PyObject *fields = PyObject_GetAttrString((PyObject *)Py_TYPE(self), "__match_args__");
    if (name != NULL && fields != NULL)
        text = PyUnicode_FromFormat("torch.return_types.%U(\n%U=%R,\n%U=%R)", name, PyTuple_GetItem(fields, 0),
                                    PyTuple_GetItem(self, 0), PyTuple_GetItem(fields, 1), PyTuple_GetItem(self, 1));
    Py_XDECREF(name);
    Py_XDECREF(fields);
    return text;
}
static PyMethodDef results_repr_def = { "__repr__", results_repr, METH_NOARGS, NULL };

static int add_row(int row, PyObject *fn, PyObject *nn)
{
    const pc_op *op = pc_op_at(row);
    const pc_schema *s = pc_op_schema(row);
    for (int k = 0; k < s->nparams; k++) {
        PyObject *name = PyUnicode_InternFromString(s->params[k].name);
        if (name == NULL) return -1;
        param_names[row * PC_MAX_PARAMS + k] = name;
    }
    if (s->nreturns == 2) {
        char full[64];
        PyOS_snprintf(full, sizeof full, "pycnn.return_types.%s", s->name);
        PyStructSequence_Field fields[] = { { s->returns[0], NULL }, { s->returns[1], NULL }, { NULL, NULL } };
        PyStructSequence_Desc desc = { full, "The results of an operator, by position and by name.", fields, 2 };
        return_types[row] = PyStructSequence_NewType(&desc);
        if (return_types[row] == NULL) return -1;
        PyObject *repr = PyDescr_NewMethod(return_types[row], &results_repr_def);
        int rc = repr != NULL ? PyObject_SetAttrString((PyObject *)return_types[row], "__repr__", repr) : -1;
        Py_XDECREF(repr);
        if (rc < 0) return -1;
    }
    for (int inplace = 0; inplace <= ((op->flags & PC_INPLACE) != 0); inplace++) {
        char name[40];
        PyOS_snprintf(name, sizeof name, "%s%s", s->name, inplace ? "_" : "");
        int k = callable_of(name, inplace || (op->flags & PC_WRITES) != 0);
        if (k < 0) return -1;
        if (callables[k].nrows == MAX_OVERLOADS) {
            PyErr_Format(PyExc_SystemError, "%s has more than %d overloads", name, MAX_OVERLOADS);
            return -1;
        }
        callables[k].rows[callables[k].nrows++] = row;
        if (expose(k, op->flags, fn, nn) < 0) return -1;
    }
    return 0;
}

/* When all rows of a callable are known. */
static int add_docs(void)
{
    for (int k = 0; k < ncallables; k++) {
        const callable *c = &callables[k];
        function_defs[k].ml_doc = pc_py_document(c->name, c->nrows, c->rows, c->inplace, false);
        method_defs[k].ml_doc = pc_py_document(c->name, c->nrows, c->rows, c->inplace, true);
        if (function_defs[k].ml_doc == NULL || method_defs[k].ml_doc == NULL) {
            PyErr_NoMemory();
            return -1;
        }
    }
    return 0;
}

/* [(schema, flags, doc), ...] of every row: what the stub generator and the tests' gate read. */
static PyObject *rows(PyObject *module, PyObject *ignored)
{
    PyObject *list = PyList_New(0);
    for (int k = 0; list != NULL && k < pc_op_count(); k++) {
        const pc_op *op = pc_op_at(k);
        PyObject *item = Py_BuildValue("(sIsO)", op->schema, (unsigned)op->flags, op->doc,
                                       op->backward != NULL ? Py_True : Py_False);
        if (item == NULL || PyList_Append(list, item) < 0) Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}
static PyMethodDef rows_def = { "rows", rows, METH_NOARGS,
                                "rows()\n--\n\n[(schema, flags, doc, differentiable), ...] of every operator." };

int pc_py_add_ops(PyObject *module)
{
    PyObject *fn = PyModule_New("pycnn._C.fn"), *nn = PyModule_New("pycnn._C.nn"), *f = NULL;
    int n = pc_op_count(), rc = -1;
    struct {
        PyObject **at;
        const char *text;
    } words[] = { { &str_input, "input" }, { &str_self, "self" }, { &str_axis, "axis" }, { &str_dim, "dim" },
                  { &str_keepdims, "keepdims" }, { &str_keepdim, "keepdim" }, { &str_device, "device" },
                  { &str_layout, "layout" }, { &str_pin_memory, "pin_memory" }, { &str_requires_grad, "requires_grad" },
                  { &str_out, "out" }, { &str_memory_format, "memory_format" }, { &str_names, "names" } };
    for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
        if ((*words[k].at = PyUnicode_InternFromString(words[k].text)) == NULL) goto done;
    param_names = PyMem_Calloc((size_t)n * PC_MAX_PARAMS + 1, sizeof *param_names);
    return_types = PyMem_Calloc((size_t)n + 1, sizeof *return_types);
    if (fn == NULL || nn == NULL || param_names == NULL || return_types == NULL) goto done;
    for (int k = 0; k < n; k++)
        if (add_row(k, fn, nn) < 0) goto done;
    if (add_docs() < 0) goto done;
    f = PyCFunction_NewEx(&rows_def, NULL, NULL);
    if (f == NULL) goto done;
    rc = PyModule_AddObjectRef(module, "fn", fn);
    if (rc == 0) rc = PyModule_AddObjectRef(module, "nn", nn);
    if (rc == 0) rc = PyModule_AddObjectRef(module, "rows", f);
done:
    Py_XDECREF(fn);
    Py_XDECREF(nn);
    Py_XDECREF(f);
    return rc;
}
