/* indexing.c -- t[index] and t[index] = value: torch's rules, on the rows select, slice, unsqueeze, _index, copy_ and
   _index_put_, so that all of it is recorded for gradients. */
#include "python.h"
#include <string.h>

#define MAX_ITEMS 32

/* One entry of an index expression. */
typedef struct item {
    enum { WHOLE, NUMBER, SLICE, NEW_DIM, ELLIPSIS, TRUTH, TENSOR } kind;
    int64_t i, stop, step; /* NUMBER, TRUTH: i; SLICE: all */
    bool tensor;           /* NUMBER: given as one */
    int var, stop_var;     /* of i and stop, where they are sizes of a trace: see pc_py_size */
    pc_tensor *t;          /* TENSOR: owned */
} item;

/* What is left of self while items are applied from left to right. */
typedef struct cursor {
    pc_tensor *t;                        /* owned */
    int dim;                             /* of t, that the next item is about */
    pc_tensor *index[PC_MAX_DIMS + 1];   /* owned; NULL: a whole dimension */
    int nindex, covered;                 /* entries, and the dimensions that they stand for */
} cursor;

static void items_free(item *items, int n)
{
    for (int k = 0; k < n; k++)
        if (items[k].kind == TENSOR) pc_release(items[k].t);
}

static void cursor_free(cursor *c)
{
    pc_release(c->t);
    for (int k = 0; k < c->nindex; k++) pc_release(c->index[k]);
}

/* ---- from Python's objects to items ------------------------------------------------------------ */

static int refuse(PyObject *o)
{
    PyObject *type = PyType_GetName(Py_TYPE(o));
    if (type == NULL) return -1;
    PyErr_Format(PyExc_IndexError,
                 "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
                 "(got %U)",
                 type);
    Py_DECREF(type);
    return -1;
}

/* Takes t. Tensors of no dimensions are numbers or truths. */
static int tensor_item(pc_tensor *t, item *out)
{
    if (t->dtype == PC_U8
        && PyErr_WarnEx(PyExc_UserWarning,
                        "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.",
                        2)
               < 0) {
        pc_release(t);
        return -1;
    }
    if (t->ndim > 0 || pc_dtype_is_float(t->dtype)) {
        *out = (item){ .kind = TENSOR, .t = t };
        return 0;
    }
    if (pc_recording() != NULL && pc_py_warn_untraceable(t, "Python index") < 0) {
        pc_release(t);
        return -1;
    }
    pc_status status = pc_tensor_settle(t);
    PyObject *number = status == PC_OK ? pc_py_number(t->dtype, pc_data(t)) : pc_py_raise(status);
    bool truth = t->dtype == PC_BOOL || t->dtype == PC_U8;
    pc_release(t);
    if (number == NULL) return -1;
    *out = (item){ .kind = truth ? TRUTH : NUMBER, .tensor = true };
    out->i = truth ? PyObject_IsTrue(number) : PyLong_AsLongLong(number);
    Py_DECREF(number);
    return 0;
}

/* A list of numbers is a tensor of int64, whatever they are, or of bool. */
static int list_item(PyObject *o, item *out)
{
    pc_tensor *t = pc_py_data(o), *whole = NULL;
    if (t == NULL) return -1;
    if (pc_dtype_is_float(t->dtype)) {
        pc_status status = pc_cast(t, PC_I64, &whole);
        pc_release(t);
        if (status != PC_OK) {
            pc_py_raise(status);
            return -1;
        }
        t = whole;
    }
    return tensor_item(t, out);
}

static int integer_item(PyObject *o, item *out)
{
    int64_t i = PyLong_AsLongLong(o);
    if (i == -1 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_OverflowError))
            PyErr_SetString(PyExc_ValueError, "Overflow when unpacking long long");
        return -1;
    }
    *out = (item){ .kind = NUMBER, .i = i, .var = pc_recording() != NULL ? pc_py_size(o) : 0 };
    return 0;
}

static int slice_item(PyObject *o, item *out)
{
    Py_ssize_t start, stop, step;
    if (PySlice_Unpack(o, &start, &stop, &step) < 0) return -1;
    if (step < 0) {
        PyErr_SetString(PyExc_ValueError, "step must be greater than zero");
        return -1;
    }
    *out = (item){ .kind = SLICE, .i = start, .stop = stop, .step = step };
    if (pc_recording() == NULL) return 0;
    PyObject *from = PyObject_GetAttrString(o, "start"), *to = PyObject_GetAttrString(o, "stop");
    if (from != NULL && to != NULL) out->var = pc_py_size(from), out->stop_var = pc_py_size(to);
    Py_XDECREF(from);
    Py_XDECREF(to);
    return from != NULL && to != NULL ? 0 : -1;
}

static int read_item(PyObject *o, item *out)
{
    if (PyBool_Check(o)) {
        *out = (item){ .kind = TRUTH, .i = o == Py_True };
        return 0;
    }
    if (PyLong_Check(o)) return integer_item(o, out);
    if (o == Py_None || o == Py_Ellipsis) {
        *out = (item){ .kind = o == Py_None ? NEW_DIM : ELLIPSIS };
        return 0;
    }
    if (PySlice_Check(o)) return slice_item(o, out);
    if (pc_py_is_tensor(o)) return tensor_item(pc_retain(((pc_py_tensor *)o)->t), out);
    if (PyIndex_Check(o)) { /* NumPy's integers; its arrays say no */
        PyObject *index = PyNumber_Index(o);
        if (index != NULL) {
            int rc = integer_item(index, out);
            Py_DECREF(index);
            return rc;
        }
        PyErr_Clear();
    }
    if (pc_py_is_array(o)) {
        pc_tensor *t = pc_py_data(o);
        return t != NULL ? tensor_item(t, out) : -1;
    }
    if (PyUnicode_Check(o)) {
        PyErr_SetString(PyExc_TypeError, "new(): invalid data type 'str'");
        return -1;
    }
    return PySequence_Check(o) ? list_item(o, out) : refuse(o);
}

/* Does this list stand for a tuple, as it did in old NumPy? */
static bool is_old_tuple(PyObject *o)
{
    if (PyTuple_Check(o) || pc_py_is_tensor(o) || PyUnicode_Check(o) || !PySequence_Check(o) || pc_py_is_array(o))
        return false;
    Py_ssize_t n = PySequence_Size(o);
    bool yes = false;
    if (n < 0) PyErr_Clear();
    for (Py_ssize_t k = 0; k < n && n < MAX_ITEMS && !yes; k++) {
        PyObject *e = PySequence_GetItem(o, k);
        if (e == NULL) {
            PyErr_Clear();
            return false;
        }
        yes = pc_py_is_tensor(e) || PySequence_Check(e) || PySlice_Check(e) || e == Py_Ellipsis || e == Py_None;
        Py_DECREF(e);
    }
    return yes;
}

/* The number of items, or -1 with an exception. */
static int read_items(PyObject *index, item *items)
{
    bool old = is_old_tuple(index);
    if (old
        && PyErr_WarnEx(PyExc_UserWarning,
                        "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed "
                        "in pytorch 2.9; use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will be interpreted "
                        "as tensor index, x[torch.tensor(seq)], which will result either in an error or a different "
                        "result",
                        1)
               < 0)
        return -1;
    if (!old && !PyTuple_Check(index)) return read_item(index, items) < 0 ? -1 : 1;
    Py_ssize_t n = PySequence_Size(index);
    if (n < 0) return -1;
    if (n > MAX_ITEMS) {
        PyErr_Format(PyExc_IndexError, "too many indices: at most %d, got %zd", MAX_ITEMS, n);
        return -1;
    }
    for (Py_ssize_t k = 0; k < n; k++) {
        PyObject *o = PySequence_GetItem(index, k);
        int rc = o != NULL ? read_item(o, &items[k]) : -1;
        Py_XDECREF(o);
        if (rc < 0) {
            items_free(items, (int)k);
            return -1;
        }
    }
    return (int)n;
}

/* ---- items applied ----------------------------------------------------------------------------- */

static const pc_op *row(const char *name)
{
    static struct {
        const char *name;
        const pc_op *op;
    } known[12];
    int k = 0;
    for (; k < 12 && known[k].name != NULL; k++)
        if (known[k].name == name || strcmp(known[k].name, name) == 0) return known[k].op;
    const pc_op *op = pc_op_find(name);
    if (k < 12 && op != NULL) known[k].op = op, known[k].name = name;
    return op;
}

static pc_status apply(const char *name, int nin, pc_tensor **in, const pc_value *v, bool inplace, pc_tensor **out)
{
    pc_status status;
    const pc_op *op = row(name);
    int64_t work = 0;
    int n;
    if (op == NULL) return pc_fail(PC_ENOTIMPL, "this build has no operator %s", name);
    for (int k = 0; k < nin; k++)
        if (in[k] != NULL) work += in[k]->numel;
    if (work <= PC_PY_RELEASE_GIL_ABOVE || (op->flags & PC_VIEW))
        return pc_op_apply(op, nin, in, v, inplace, 1, out, &n);
    for (int k = 0; k < nin; k++) pc_retain(in[k]); /* another thread may drop the objects */
    Py_BEGIN_ALLOW_THREADS
    status = pc_op_apply(op, nin, in, v, inplace, 1, out, &n);
    Py_END_ALLOW_THREADS
    for (int k = 0; k < nin; k++) pc_release(in[k]);
    return status;
}

/* The cursor's tensor becomes the result of a view on it. */
static pc_status step(cursor *c, const char *name, const pc_value *v)
{
    pc_tensor *next;
    pc_status status = apply(name, 1, &c->t, v, false, &next);
    if (status != PC_OK) return status;
    pc_release(c->t);
    c->t = next;
    return PC_OK;
}

#define INT(x) { .kind = PC_INT, .i = (x) }

/* In the row about to be applied, slots of the values first and first + 1 are sizes, as far as they are. */
static void note_sizes(const item *it, int first)
{
    if (pc_recording() == NULL) return;
    pc_py_forget_arguments();
    pc_py_note_size(first, it->var);
    pc_py_note_size(first + 1, it->stop_var);
}

static pc_status select_number(cursor *c, const item *it, int real_dim)
{
    int64_t i = it->i;
    if (c->t->ndim == 0)
        return pc_fail(PC_EINDEX, "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                                  "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number");
    int64_t size = c->t->shape[c->dim];
    if (i < -size || i >= size)
        return pc_fail(PC_EINDEX, "index %lld is out of bounds for dimension %d with size %lld", (long long)i, real_dim,
                       (long long)size);
    note_sizes(it, 1);
    return step(c, "select", (pc_value[]){ INT(c->dim), INT(i) });
}

static pc_status slice(cursor *c, const item *it)
{
    if (c->t->ndim == 0) return pc_fail(PC_EINDEX, "slice() cannot be applied to a 0-dim tensor.");
    if (it->i == 0 && it->stop >= c->t->shape[c->dim] && it->step == 1 && it->stop_var == 0) return PC_OK;
    note_sizes(it, 1);
    return step(c, "slice", (pc_value[]){ INT(c->dim), INT(it->i), INT(it->stop), INT(it->step) });
}

static bool is_mask(const pc_tensor *t) { return t->dtype == PC_BOOL || t->dtype == PC_U8; }
/* Dimensions that an index stands for. */
static int span(const pc_tensor *t) { return is_mask(t) ? t->ndim : 1; }

/* Takes t: an index of the cursor's dimension and, if it is a mask, of those behind it. */
static pc_status add_index(cursor *c, pc_tensor *t)
{
    while (c->covered < c->dim && c->nindex < PC_MAX_DIMS) {
        c->index[c->nindex++] = NULL;
        c->covered++;
    }
    if (c->nindex > PC_MAX_DIMS) {
        pc_release(t);
        return pc_fail(PC_EINDEX, "too many indices for tensor of dimension %d", c->t->ndim);
    }
    c->index[c->nindex++] = t;
    c->covered += span(t);
    c->dim += span(t);
    return PC_OK;
}

static pc_status add_truth(cursor *c, bool truth)
{
    pc_tensor *mask;
    int64_t one = 1;
    pc_status status = step(c, "unsqueeze", (pc_value[]){ INT(c->dim) });
    if (status == PC_OK) status = pc_tensor_new(PC_BOOL, 1, &one, &mask);
    if (status != PC_OK) return status;
    *(uint8_t *)pc_data(mask) = truth;
    return add_index(c, mask);
}

/* Apply all items to self. On failure an exception is set and -1 returned; the cursor is to be freed either way. */
static int walk(pc_tensor *self, item *items, int n, cursor *c)
{
    pc_status status = PC_OK;
    int named = 0, real_dim = 0;
    *c = (cursor){ .t = pc_retain(self) };
    for (int k = 0; k < n; k++)
        named += items[k].kind == TENSOR ? span(items[k].t) : items[k].kind == NUMBER || items[k].kind == SLICE;
    bool one_number = n == 1 && items[0].kind == NUMBER && !items[0].tensor;
    bool one_slice = n == 1 && items[0].kind == SLICE;
    if (self->ndim == 0 && (one_number || one_slice)) { /* the error is theirs */
        pc_py_raise(one_number ? select_number(c, items, 0) : slice(c, items));
        return -1;
    }
    if (named > self->ndim) {
        PyErr_Format(PyExc_IndexError, "too many indices for tensor of dimension %d", self->ndim);
        return -1;
    }
    for (int k = 0; k < n && status == PC_OK; k++) {
        switch (items[k].kind) {
        case NUMBER: status = select_number(c, &items[k], real_dim++); break;
        case SLICE:
            status = slice(c, &items[k]);
            c->dim++, real_dim++;
            break;
        case ELLIPSIS:
            c->dim += self->ndim - named;
            real_dim += self->ndim - named;
            named = self->ndim; /* a second one stands for nothing */
            break;
        case NEW_DIM: status = step(c, "unsqueeze", (pc_value[]){ INT(c->dim++) }); break;
        case TRUTH: status = add_truth(c, items[k].i != 0); break;
        case TENSOR:
            real_dim += span(items[k].t);
            status = add_index(c, pc_retain(items[k].t));
            break;
        default: break;
        }
    }
    if (status == PC_OK) return 0;
    pc_py_raise(status);
    return -1;
}

/* A view that is another object than t. */
static pc_status same_view(pc_tensor *t, pc_tensor **out)
{
    pc_value size = { .kind = PC_INTS, .ints.n = t->ndim };
    memcpy(size.ints.v, t->shape, (size_t)t->ndim * sizeof(int64_t));
    return apply("expand", 1, &t, &size, false, out);
}

PyObject *pc_py_index(PyObject *self, PyObject *index)
{
    pc_tensor *t = ((pc_py_tensor *)self)->t, *out = NULL;
    item items[MAX_ITEMS];
    cursor c;
    pc_status status = PC_OK;
    int n = read_items(index, items);
    if (n < 0) return NULL;
    if (walk(t, items, n, &c) < 0) {
        items_free(items, n);
        cursor_free(&c);
        return NULL;
    }
    if (c.nindex > 0) {
        pc_tensor *in[PC_MAX_DIMS + 2] = { c.t };
        memcpy(in + 1, c.index, (size_t)c.nindex * sizeof *in);
        status = apply("_index", c.nindex + 1, in, NULL, false, &out);
    } else if (c.t == t) {
        status = same_view(t, &out);
    } else {
        out = pc_retain(c.t);
    }
    items_free(items, n);
    cursor_free(&c);
    return status == PC_OK ? pc_py_wrap(out) : pc_py_raise(status);
}

/* ---- t[index] = value -------------------------------------------------------------------------- */

/* value as a tensor: a Tensor, a number, a NumPy array or scalar. NULL with an exception otherwise. */
static pc_tensor *value_tensor(PyObject *value, const pc_tensor *to)
{
    pc_tensor *t = NULL, *cast = NULL;
    if (pc_py_is_tensor(value)) return pc_retain(((pc_py_tensor *)value)->t);
    if (PyFloat_Check(value) || PyLong_Check(value) || pc_py_is_array(value)) {
        t = pc_py_data(value);
        if (t == NULL) return NULL;
        t->is_number = t->ndim == 0;
        if (t->is_number || t->dtype == to->dtype) return t;
        pc_status status = pc_cast(t, to->dtype, &cast); /* arrays are of NumPy's dtypes, float64 as a rule */
        pc_release(t);
        if (status != PC_OK) pc_py_raise(status);
        return cast;
    }
    PyObject *type = PyType_GetName(Py_TYPE(value));
    if (type == NULL) return NULL;
    PyErr_Format(PyExc_TypeError, "can't assign a %U to a torch.%sTensor", type, pc_dtype_type_name(to->dtype));
    Py_DECREF(type);
    return NULL;
}

/* Leading dimensions of 1 that the target lacks do not count. Replaces *value. */
static pc_status drop_ones(pc_tensor **value, int ndim)
{
    pc_tensor *v = *value, *out;
    pc_value size = { .kind = PC_INTS };
    int drop = 0;
    while (v->ndim - drop > ndim && v->shape[drop] == 1) drop++;
    if (drop == 0) return PC_OK;
    size.ints.n = v->ndim - drop;
    memcpy(size.ints.v, v->shape + drop, (size_t)size.ints.n * sizeof(int64_t));
    pc_status status = apply("reshape", 1, &v, &size, false, &out);
    if (status != PC_OK) return status;
    pc_release(v);
    *value = out;
    return PC_OK;
}

/* add: rather than overwrite. */
static pc_status store(pc_tensor *to, pc_tensor **value, bool add)
{
    pc_tensor *in[2], *out;
    pc_status status = drop_ones(value, to->ndim);
    if (status != PC_OK) return status;
    bool fits = (*value)->ndim <= to->ndim;
    for (int d = 0; fits && d < (*value)->ndim; d++)
        fits = (*value)->shape[d] == 1 || (*value)->shape[d] == to->shape[to->ndim - (*value)->ndim + d];
    if (!fits) { /* expand says why */
        pc_value size = { .kind = PC_INTS, .ints.n = to->ndim };
        memcpy(size.ints.v, to->shape, (size_t)to->ndim * sizeof(int64_t));
        status = apply("expand", 1, value, &size, false, &out);
        if (status == PC_OK) pc_release(out);
        return status;
    }
    in[0] = to;
    in[1] = *value;
    if (add) status = apply("add", 2, in, (pc_value[PC_MAX_PARAMS]){ { .kind = PC_INT, .i = 1 } }, true, &out);
    else status = apply("copy_", 2, in, (pc_value[PC_MAX_PARAMS]){ { .kind = PC_BOOLEAN } }, true, &out);
    if (status == PC_OK) pc_release(out);
    return status;
}

static pc_status put(cursor *c, pc_tensor **value, bool add)
{
    pc_tensor *in[PC_MAX_DIMS + 3] = { c->t }, *out;
    int kept = c->t->ndim - c->covered, most = 0; /* dimensions that the result of reading would have */
    for (int k = 0; k < c->nindex; k++) {
        if (c->index[k] == NULL) {
            kept++;
            continue;
        }
        int n = is_mask(c->index[k]) ? 1 : c->index[k]->ndim;
        most = n > most ? n : most;
    }
    pc_status status = drop_ones(value, kept + most);
    if (status != PC_OK) return status;
    in[1] = *value;
    memcpy(in + 2, c->index, (size_t)c->nindex * sizeof *in);
    pc_value v[PC_MAX_PARAMS] = { { .kind = PC_BOOLEAN, .i = add } };
    status = apply("_index_put_", c->nindex + 2, in, v, true, &out);
    if (status == PC_OK) pc_release(out);
    return status;
}

static int assign(PyObject *self, PyObject *index, PyObject *value, bool add)
{
    pc_tensor *t = ((pc_py_tensor *)self)->t, *v;
    item items[MAX_ITEMS];
    cursor c;
    pc_status status;
    int n = read_items(index, items);
    if (n < 0) return -1;
    v = value_tensor(value, t);
    if (v == NULL) {
        items_free(items, n);
        return -1;
    }
    int rc = walk(t, items, n, &c);
    if (rc == 0) {
        status = c.nindex > 0 ? put(&c, &v, add) : store(c.t, &v, add);
        if (status != PC_OK) {
            pc_py_raise(status);
            rc = -1;
        }
    }
    pc_release(v);
    items_free(items, n);
    cursor_free(&c);
    return rc;
}

int pc_py_index_set(PyObject *self, PyObject *index, PyObject *value)
{
    if (value == NULL) {
        PyErr_SetString(PyExc_TypeError, "Tensor does not support deleting items");
        return -1;
    }
    return assign(self, index, value, false);
}

PyObject *pc_py_index_add(PyObject *self, PyObject *args)
{
    PyObject *index, *value;
    if (!PyArg_ParseTuple(args, "OO", &index, &value) || assign(self, index, value, true) != 0) return NULL;
    Py_RETURN_NONE;
}
