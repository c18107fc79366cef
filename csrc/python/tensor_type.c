/* tensor_type.c -- TensorBase: what a Tensor is in C. Operators are added to it by op_call.c; what needs no C is in
   pycnn/_tensor.py, whose Tensor derives from it. */
#include "python.h"
#include "../kernels/half.h"
#include <string.h>

PyTypeObject *pc_py_tensor_type;
static PyTypeObject *tensor_class; /* what new tensors are: pycnn.Tensor once it exists */
static PyObject *size_class, *node_class;

/* ---- objects ------------------------------------------------------------------------------------ */

static PyObject *new_object(PyTypeObject *type, pc_tensor *t)
{
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    pc_py_tensor *self = (pc_py_tensor *)alloc(type, 0);
    if (self == NULL) {
        pc_release(t);
        return NULL;
    }
    self->t = t;
    t->wrapper = self;
    return (PyObject *)self;
}

PyObject *pc_py_wrap(pc_tensor *t)
{
    if (t->wrapper != NULL) { /* one object a tensor, as long as it lives */
        PyObject *self = t->wrapper;
        Py_INCREF(self);
        pc_release(t);
        return self;
    }
    return new_object(tensor_class, t);
}

static void tensor_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    pc_tensor *t = ((pc_py_tensor *)self)->t;
    if (t != NULL) {
        t->wrapper = NULL;
        pc_release(t);
    }
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

pc_tensor *pc_py_tensor_of(PyObject *o, const char *what)
{
    char type[100];
    if (pc_py_is_tensor(o)) return ((pc_py_tensor *)o)->t;
    PyErr_Format(PyExc_TypeError, "%s must be Tensor, not %s", what, pc_py_type_text(o, type, sizeof type));
    return NULL;
}

static pc_tensor *tensor(PyObject *self) { return ((pc_py_tensor *)self)->t; }

static PyObject *tensor_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyErr_SetString(PyExc_TypeError, "TensorBase cannot be made directly: use pycnn.tensor(data)");
    return NULL;
}

/* _make_subclass(cls, data, require_grad=False): a cls that shares data's values, without its graph. */
static PyObject *make_subclass(PyObject *ignored, PyObject *args)
{
    PyObject *cls, *data;
    int require_grad = 0;
    pc_tensor *t, *alias = NULL;
    if (!PyArg_ParseTuple(args, "OO|p", &cls, &data, &require_grad)) return NULL;
    if (!PyType_Check(cls) || !PyType_IsSubtype((PyTypeObject *)cls, pc_py_tensor_type))
        return PyErr_Format(PyExc_TypeError, "_make_subclass: the first argument must be a subclass of Tensor");
    if ((t = pc_py_tensor_of(data, "_make_subclass(): argument 'data'")) == NULL) return NULL;
    if (require_grad && !pc_dtype_is_float(t->dtype))
        return PyErr_Format(PyExc_RuntimeError,
                            "Only Tensors of floating point and complex dtype can require gradients");
    pc_status status = pc_tensor_alias(t, &alias);
    if (status != PC_OK) return pc_py_raise(status);
    alias->requires_grad = require_grad != 0;
    return new_object((PyTypeObject *)cls, alias);
}

/* ---- values ------------------------------------------------------------------------------------- */

PyObject *pc_py_number(pc_dtype dtype, const void *at)
{
    switch (dtype) {
    case PC_BOOL: return PyBool_FromLong(*(const uint8_t *)at);
    case PC_U8: return PyLong_FromLong(*(const uint8_t *)at);
    case PC_I8: return PyLong_FromLong(*(const int8_t *)at);
    case PC_I16: return PyLong_FromLong(*(const int16_t *)at);
    case PC_I32: return PyLong_FromLong(*(const int32_t *)at);
    case PC_I64: return PyLong_FromLongLong(*(const int64_t *)at);
    case PC_F16: return PyFloat_FromDouble((double)pc_f16_to_f32(*(const uint16_t *)at));
    case PC_BF16: return PyFloat_FromDouble((double)pc_bf16_to_f32(*(const uint16_t *)at));
    case PC_F32: return PyFloat_FromDouble((double)*(const float *)at);
    case PC_F64: return PyFloat_FromDouble(*(const double *)at);
    case PC_DTYPE_COUNT: break;
    }
    return NULL;
}

static PyObject *item_of(PyObject *self)
{
    pc_tensor *t = tensor(self);
    if (t->numel != 1)
        return PyErr_Format(PyExc_RuntimeError, "a Tensor with %lld elements cannot be converted to Scalar",
                            (long long)t->numel);
    pc_status status = pc_tensor_settle(t);
    if (status != PC_OK) return pc_py_raise(status);
    return pc_py_number(t->dtype, pc_data(t));
}

/* A trace does not see what becomes of a value in Python. */
static int untraceable(PyObject *self, const char *what)
{
    return pc_recording() != NULL ? pc_py_warn_untraceable(tensor(self), what) : 0;
}

static PyObject *tensor_item(PyObject *self, PyObject *ignored)
{
    return untraceable(self, "Python number") < 0 ? NULL : item_of(self);
}

static PyObject *list_of(const pc_tensor *t, int d, const char *at, int64_t *work)
{
    if (d == t->ndim) return pc_poll_after(work, 1) == PC_OK ? pc_py_number(t->dtype, at) : NULL;
    PyObject *list = PyList_New(t->shape[d]);
    for (int64_t k = 0; list != NULL && k < t->shape[d]; k++) {
        PyObject *item = list_of(t, d + 1, at + k * t->stride[d] * pc_dtype_size(t->dtype), work);
        if (item == NULL) Py_CLEAR(list);
        else PyList_SetItem(list, k, item);
    }
    return list;
}

static PyObject *tensor_tolist(PyObject *self, PyObject *ignored)
{
    pc_tensor *t = tensor(self);
    pc_status status = pc_tensor_settle(t);
    if (status != PC_OK) return pc_py_raise(status);
    if (untraceable(self, "Python list") < 0) return NULL;
    return list_of(t, 0, pc_data(t), &(int64_t){ 0 });
}

static PyObject *single_number(PyObject *self, const char *as)
{
    pc_tensor *t = tensor(self);
    if (t->numel != 1)
        return PyErr_Format(PyExc_TypeError, "only integer tensors of a single element can be converted to %s", as);
    return untraceable(self, "Python index") < 0 ? NULL : item_of(self);
}

static PyObject *tensor_int(PyObject *self)
{
    if (untraceable(self, "Python integer") < 0) return NULL;
    PyObject *item = item_of(self), *result = item != NULL ? PyNumber_Long(item) : NULL;
    Py_XDECREF(item);
    return result;
}
static PyObject *tensor_float(PyObject *self)
{
    if (untraceable(self, "Python float") < 0) return NULL;
    PyObject *item = item_of(self), *result = item != NULL ? PyNumber_Float(item) : NULL;
    Py_XDECREF(item);
    return result;
}
static PyObject *tensor_index(PyObject *self)
{
    pc_tensor *t = tensor(self);
    if (pc_dtype_is_float(t->dtype))
        return PyErr_Format(PyExc_TypeError, "only integer tensors of a single element can be converted to an index");
    PyObject *item = single_number(self, "an index"), *result = item != NULL ? PyNumber_Long(item) : NULL;
    Py_XDECREF(item);
    return result;
}
static int tensor_bool(PyObject *self)
{
    pc_tensor *t = tensor(self);
    if (t->numel == 0) {
        PyErr_SetString(PyExc_RuntimeError, "Boolean value of Tensor with no values is ambiguous");
        return -1;
    }
    if (t->numel > 1) {
        PyErr_SetString(PyExc_RuntimeError, "Boolean value of Tensor with more than one value is ambiguous");
        return -1;
    }
    if (untraceable(self, "Python boolean") < 0) return -1;
    PyObject *item = item_of(self);
    int yes = item != NULL ? PyObject_IsTrue(item) : -1;
    Py_XDECREF(item);
    return yes;
}
static Py_ssize_t tensor_len(PyObject *self)
{
    pc_tensor *t = tensor(self);
    if (t->ndim == 0) {
        PyErr_SetString(PyExc_TypeError, "len() of a 0-d tensor");
        return -1;
    }
    if (untraceable(self, "length") < 0) return -1;
    return (Py_ssize_t)t->shape[0];
}
static Py_hash_t tensor_hash(PyObject *self)
{
    return (Py_hash_t)((uintptr_t)self >> 4);
}

/* ---- shape -------------------------------------------------------------------------------------- */

/* Of the shape or the strides of t. */
static PyObject *number(pc_tensor *t, const int64_t *values, int k)
{
    if (values == t->shape && pc_recording() != NULL) return pc_py_traced_size(t, k);
    return PyLong_FromLongLong(values[k]);
}

static PyObject *ints(PyObject *cls, pc_tensor *t, const int64_t *values)
{
    int n = t->ndim;
    PyObject *tuple = PyTuple_New(n), *result;
    for (int k = 0; tuple != NULL && k < n; k++) {
        PyObject *item = number(t, values, k);
        if (item == NULL) Py_CLEAR(tuple);
        else PyTuple_SetItem(tuple, k, item);
    }
    if (tuple == NULL || cls == NULL) return tuple;
    result = PyObject_CallFunctionObjArgs(cls, tuple, NULL);
    Py_DECREF(tuple);
    return result;
}

static PyObject *get_shape(PyObject *self, void *closure)
{
    return ints(size_class, tensor(self), tensor(self)->shape);
}

/* A dimension given by the user, wrapped; -1 with IndexError. */
static int wrap_dim(const pc_tensor *t, PyObject *o, int64_t *out)
{
    int64_t d = PyLong_AsLongLong(o), n = t->ndim > 0 ? t->ndim : 1;
    if (d == -1 && PyErr_Occurred()) return -1;
    if (d < -n || d >= n) {
        PyErr_Format(PyExc_IndexError, "Dimension out of range (expected to be in range of [%lld, %lld], but got %lld)",
                     (long long)-n, (long long)(n - 1), (long long)d);
        return -1;
    }
    *out = d < 0 ? d + n : d;
    return 0;
}

static PyObject *one_or_all(PyObject *self, PyObject *args, PyObject *kwargs, const char *format, PyObject *cls,
                            const int64_t *values)
{
    static char *names[] = { "dim", NULL };
    PyObject *dim = Py_None;
    int64_t d;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, names, &dim)) return NULL;
    if (dim == Py_None) return ints(cls, tensor(self), values);
    if (wrap_dim(tensor(self), dim, &d) < 0) return NULL;
    if (tensor(self)->ndim == 0)
        return PyErr_Format(PyExc_IndexError, "Dimension specified as %lld but tensor has no dimensions", (long long)d);
    return number(tensor(self), values, (int)d);
}
static PyObject *tensor_size(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return one_or_all(self, args, kwargs, "|O:size", size_class, tensor(self)->shape);
}
static PyObject *tensor_stride(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return one_or_all(self, args, kwargs, "|O:stride", NULL, tensor(self)->stride);
}
static PyObject *tensor_dim(PyObject *self, PyObject *ignored) { return PyLong_FromLong(tensor(self)->ndim); }
static PyObject *tensor_numel(PyObject *self, PyObject *ignored) { return PyLong_FromLongLong(tensor(self)->numel); }
static PyObject *tensor_element_size(PyObject *self, PyObject *ignored)
{
    return PyLong_FromLongLong(pc_dtype_size(tensor(self)->dtype));
}
static PyObject *tensor_storage_offset(PyObject *self, PyObject *ignored)
{
    return PyLong_FromLongLong(tensor(self)->offset);
}
static PyObject *tensor_is_contiguous(PyObject *self, PyObject *args)
{
    int channels_last = 0;
    if (!PyArg_ParseTuple(args, "|p", &channels_last)) return NULL;
    return PyBool_FromLong(channels_last ? pc_is_channels_last(tensor(self)) : pc_is_contiguous(tensor(self)));
}
static PyObject *tensor_is_dense(PyObject *self, PyObject *ignored)
{
    return PyBool_FromLong(pc_is_dense(tensor(self)));
}
static PyObject *tensor_data_ptr(PyObject *self, PyObject *ignored)
{
    pc_status status = pc_tensor_expose(tensor(self));
    if (status != PC_OK) return pc_py_raise(status);
    return PyLong_FromVoidPtr(tensor(self)->numel > 0 ? pc_data(tensor(self)) : NULL);
}
/* The storage as bytes: (address, bytes), for serialization and for telling whether two tensors share memory. */
static PyObject *tensor_storage_info(PyObject *self, PyObject *ignored)
{
    pc_status status = pc_tensor_settle(tensor(self));
    if (status != PC_OK) return pc_py_raise(status);
    pc_storage *s = tensor(self)->storage;
    return Py_BuildValue("(NL)", PyLong_FromVoidPtr(s->data), (long long)s->bytes);
}

/* For tests: does the storage keep its values in private NHWC memory, as a pending ReLU, or as the strides say? */
static PyObject *tensor_layout_state(PyObject *self, PyObject *ignored)
{
    bool relu;
    const float *values = pc_tensor_nhwc_pending(tensor(self), &relu);
    return PyUnicode_FromString(values == NULL ? "plain" : relu ? "relu" : "nhwc");
}

/* ---- attributes --------------------------------------------------------------------------------- */

static PyObject *get_dtype(PyObject *self, void *closure) { return pc_py_dtype(tensor(self)->dtype); }
static PyObject *get_ndim(PyObject *self, void *closure) { return tensor_dim(self, NULL); }
static PyObject *get_version(PyObject *self, void *closure)
{
    return PyLong_FromUnsignedLong(tensor(self)->storage->version);
}
static PyObject *get_base(PyObject *self, void *closure)
{
    if (tensor(self)->base == NULL) Py_RETURN_NONE;
    return pc_py_wrap(pc_retain(tensor(self)->base));
}
static PyObject *get_is_leaf(PyObject *self, void *closure)
{
    const pc_tensor *t = tensor(self);
    return PyBool_FromLong(t->producer == NULL && (t->requires_grad || !pc_requires_grad(t)));
}
static PyObject *get_retains_grad(PyObject *self, void *closure) { return PyBool_FromLong(tensor(self)->retains_grad); }
static PyObject *get_requires_grad(PyObject *self, void *closure)
{
    return PyBool_FromLong(pc_requires_grad(tensor(self)));
}
static int set_requires_grad(PyObject *self, PyObject *value, void *closure)
{
    pc_tensor *t = tensor(self);
    int yes = value != NULL ? PyObject_IsTrue(value) : 0;
    if (yes < 0) return -1;
    if (yes && !pc_dtype_is_float(t->dtype)) {
        PyErr_SetString(PyExc_RuntimeError, "only Tensors of floating point dtype can require gradients");
        return -1;
    }
    if (!yes && t->producer != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "you can only change requires_grad flags of leaf variables. If you want to "
                        "use a computed variable in a subgraph that doesn't require differentiation use "
                        "var_no_grad = var.detach().");
        return -1;
    }
    if (t->producer == NULL) t->requires_grad = yes;
    return 0;
}
static PyObject *get_grad(PyObject *self, void *closure)
{
    if (tensor(self)->grad == NULL) Py_RETURN_NONE;
    return pc_py_wrap(pc_retain(tensor(self)->grad));
}
static int set_grad(PyObject *self, PyObject *value, void *closure)
{
    pc_tensor *t = tensor(self), *g = NULL;
    if (value != NULL && value != Py_None) {
        if ((g = pc_py_tensor_of(value, "assigned grad")) == NULL) return -1;
        if (g == t) {
            PyErr_SetString(PyExc_RuntimeError, "can't assign Variable as its own grad");
            return -1;
        }
        if (!pc_same_shape(g, t) || g->dtype != t->dtype) {
            char a[200], b[200];
            PyErr_Format(PyExc_RuntimeError,
                         "assigned grad has data of a different size or type: %s %s, expected %s %s",
                         pc_dtype_name(g->dtype), pc_shape_text(g, a), pc_dtype_name(t->dtype), pc_shape_text(t, b));
            return -1;
        }
    }
    pc_retain(g);
    pc_release(t->grad);
    t->grad = g;
    return 0;
}
static PyObject *get_data(PyObject *self, void *closure)
{
    pc_tensor *alias = NULL;
    pc_status status = pc_tensor_alias(tensor(self), &alias);
    if (status != PC_OK) return pc_py_raise(status);
    alias->untracked = true;
    return pc_py_wrap(alias);
}
/* t becomes a view of value's storage; the graph and .grad stay. */
static int set_data(PyObject *self, PyObject *value, void *closure)
{
    pc_tensor *t = tensor(self), *from = value != NULL ? pc_py_tensor_of(value, "Variable data") : NULL;
    if (from == NULL) {
        if (value == NULL)
            PyErr_SetString(PyExc_RuntimeError, "Deleting tensor data is not allowed. Delete tensor instead!");
        return -1;
    }
    if (t->requires_grad && !pc_dtype_is_float(from->dtype)) {
        PyErr_SetString(PyExc_RuntimeError,
                        "data set to a tensor that requires gradients must be floating point dtype");
        return -1;
    }
    pc_storage *old = t->storage;
    atomic_fetch_add(&from->storage->refs, 1);
    t->storage = from->storage;
    t->dtype = from->dtype;
    t->ndim = from->ndim;
    t->numel = from->numel;
    t->offset = from->offset;
    memcpy(t->shape, from->shape, sizeof t->shape);
    memcpy(t->stride, from->stride, sizeof t->stride);
    pc_storage_release(old);
    return 0;
}

/* ---- graph -------------------------------------------------------------------------------------- */

typedef struct node_object {
    PyObject_HEAD
    pc_node *node;
} node_object;

static PyObject *wrap_node(pc_node *n)
{
    node_object *o = PyObject_New(node_object, (PyTypeObject *)node_class);
    if (o == NULL) return NULL;
    pc_node_retain(n);
    o->node = n;
    return (PyObject *)o;
}
static void node_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    pc_node_release(((node_object *)self)->node);
    PyObject_Free(self);
    Py_DECREF(type);
}
/* Where torch's name of a node does not follow from the row's: what torch's operator is made of. */
static const char *const node_names[][2] = {
    { "_cast", "ToCopyBackward0" }, { "batch_norm", "NativeBatchNormBackward0" }, { "chunk", "SplitBackward0" },
    { "clamp", "ClampBackward1" },
    { "conv1d", "ConvolutionBackward0" }, { "conv2d", "ConvolutionBackward0" },
    { "conv_transpose2d", "ConvolutionBackward0" }, { "cross_entropy_loss", "NllLossBackward0" },
    { "dropout", "MulBackward0" }, { "flatten", "ViewBackward0" }, { "group_norm", "NativeGroupNormBackward0" },
    { "kl_div", "MeanBackward0" }, { "l1_loss", "MeanBackward0" }, { "layer_norm", "NativeLayerNormBackward0" },
    { "max", "MaxBackward1" }, { "max.dim", "MaxBackward0" }, { "max_pool2d", "MaxPool2DWithIndicesBackward0" },
    { "mean.dim", "MeanBackward1" }, { "min", "MinBackward1" }, { "min.dim", "MinBackward0" },
    { "movedim", "PermuteBackward0" }, { "narrow", "SliceBackward0" }, { "norm", "LinalgVectorNormBackward0" },
    { "outer", "MulBackward0" }, { "prelu", "PreluKernelBackward0" }, { "prod.dim_int", "ProdBackward1" },
    { "relu6", "HardtanhBackward0" }, { "reshape", "ViewBackward0" }, { "selu", "EluBackward0" },
    { "square", "PowBackward0" }, { "sum.dim", "SumBackward1" },
};
/* "max_pool2d" -> "MaxPool2DBackward0", as torch names its nodes. */
static PyObject *node_name(PyObject *self, PyObject *ignored)
{
    const pc_node *node = ((node_object *)self)->node;
    const pc_call *call = pc_node_call(node);
    const char *schema = call->op->schema;
    size_t length = strcspn(schema, "(");
    for (size_t k = 0; k < sizeof node_names / sizeof node_names[0]; k++)
        if (strlen(node_names[k][0]) == length && strncmp(schema, node_names[k][0], length) == 0)
            return PyUnicode_FromString(node_names[k][1]);
    if (strncmp(schema, "linear(", 7) == 0 || strncmp(schema, "matmul(", 7) == 0) { /* torch flattens what is not 2-D */
        bool bias = call->nin > 2 && call->in[2] != NULL, flat = call->in[0]->ndim == 2 && call->in[1]->ndim == 2;
        return PyUnicode_FromString(bias ? (flat ? "AddmmBackward0" : "ViewBackward0")
                                         : (flat ? "MmBackward0" : "UnsafeViewBackward0"));
    }
    char text[64];
    size_t n = 0;
    bool start = true;
    for (const char *p = pc_node_name(node); *p != 0 && n < 40; p++) {
        if (*p == '_') {
            start = true;
            continue;
        }
        text[n++] = start && *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
        start = *p >= '0' && *p <= '9';
    }
    text[n] = 0;
    return PyUnicode_FromFormat("%sBackward0", text);
}
static PyObject *node_repr(PyObject *self)
{
    PyObject *name = node_name(self, NULL), *text = NULL;
    if (name != NULL) text = PyUnicode_FromFormat("<%U object at %p>", name, (void *)((node_object *)self)->node);
    Py_XDECREF(name);
    return text;
}
static PyObject *node_next_functions(PyObject *self, void *closure)
{
    pc_node *n = ((node_object *)self)->node;
    PyObject *tuple = PyTuple_New(pc_node_inputs(n));
    for (int k = 0; tuple != NULL && k < pc_node_inputs(n); k++) {
        pc_tensor *leaf;
        pc_node *next = pc_node_next(n, k, &leaf);
        PyObject *o = next != NULL ? wrap_node(next) : leaf != NULL ? pc_py_wrap(pc_retain(leaf)) : Py_NewRef(Py_None);
        PyObject *pair = o != NULL ? Py_BuildValue("(Ni)", o, 0) : NULL;
        if (pair == NULL) Py_CLEAR(tuple);
        else PyTuple_SetItem(tuple, k, pair);
    }
    return tuple;
}
static PyMethodDef node_methods[] = {
    { "name", node_name, METH_NOARGS, "name($self, /)\n--\n\nWhat torch calls this operation's node." },
    { 0 },
};
static PyGetSetDef node_getset[] = {
    { "next_functions", node_next_functions, NULL,
      "((node, 0), ...) of the inputs: a node, the leaf tensor itself, or None.", NULL },
    { 0 }
};
static PyType_Slot node_slots[] = { { Py_tp_repr, node_repr }, { Py_tp_dealloc, node_dealloc },
                                    { Py_tp_methods, node_methods }, { Py_tp_getset, node_getset },
                                    { Py_tp_doc, "A recorded operation." }, { 0, NULL } };
static PyType_Spec node_spec = { "pycnn._C.Node", sizeof(node_object), 0,
                                 Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, node_slots };

static PyObject *get_grad_fn(PyObject *self, void *closure)
{
    pc_node *n = NULL;
    pc_status status = pc_tensor_producer(tensor(self), &n);
    if (status != PC_OK) return pc_py_raise(status);
    if (n == NULL) Py_RETURN_NONE;
    return wrap_node(n);
}

/* ---- number protocol ---------------------------------------------------------------------------- */

enum { ADD, SUB, MUL, DIV, FLOOR_DIVIDE, REMAINDER, POW, MATMUL, AND, OR, XOR, IADD, ISUB, IMUL, IDIV, IPOW, IFLOOR,
       IAND, IOR, EQ, NE, LT, LE, GT, GE, NEG, ABS, INVERT, NUMBER_OPS };
static const char *const number_names[NUMBER_OPS] = {
    "add",         "sub",         "mul",  "div",  "floor_divide", "remainder", "pow",  "matmul",        "bitwise_and",
    "bitwise_or",  "bitwise_xor", "add_", "sub_", "mul_",         "div_",      "pow_", "floor_divide_", "bitwise_and_",
    "bitwise_or_", "eq",          "ne",   "lt",   "le",           "gt",        "ge",   "neg",           "abs",
    "bitwise_not"
};
static int number_ops[NUMBER_OPS];

void pc_py_bind_numbers(void)
{
    for (int k = 0; k < NUMBER_OPS; k++) number_ops[k] = pc_py_callable(number_names[k]);
}

static PyObject *binary(int op, PyObject *a, PyObject *b)
{
    if (number_ops[op] < 0)
        return PyErr_Format(PyExc_NotImplementedError, "this build has no operator %s", number_names[op]);
    return pc_py_binary(number_ops[op], a, b);
}
static PyObject *unary(int op, PyObject *a)
{
    if (number_ops[op] < 0)
        return PyErr_Format(PyExc_NotImplementedError, "this build has no operator %s", number_names[op]);
    return pc_py_unary(number_ops[op], a);
}
#define BINARY(name, op) static PyObject *name(PyObject *a, PyObject *b) { return binary(op, a, b); }
#define UNARY(name, op) static PyObject *name(PyObject *a) { return unary(op, a); }
BINARY(tensor_add, ADD) BINARY(tensor_sub, SUB) BINARY(tensor_mul, MUL) BINARY(tensor_div, DIV)
BINARY(tensor_floor_divide, FLOOR_DIVIDE) BINARY(tensor_remainder, REMAINDER) BINARY(tensor_matmul, MATMUL)
BINARY(tensor_and, AND) BINARY(tensor_or, OR) BINARY(tensor_xor, XOR) BINARY(tensor_iadd, IADD)
BINARY(tensor_isub, ISUB) BINARY(tensor_imul, IMUL) BINARY(tensor_idiv, IDIV) BINARY(tensor_ifloor, IFLOOR)
BINARY(tensor_iand, IAND) BINARY(tensor_ior, IOR)
UNARY(tensor_neg, NEG) UNARY(tensor_abs, ABS) UNARY(tensor_invert, INVERT)
static PyObject *tensor_pow(PyObject *a, PyObject *b, PyObject *mod) { return binary(POW, a, b); }
static PyObject *tensor_ipow(PyObject *a, PyObject *b, PyObject *mod) { return binary(IPOW, a, b); }
static PyObject *tensor_pos(PyObject *a) { return Py_NewRef(a); }

static PyObject *tensor_compare(PyObject *a, PyObject *b, int how)
{
    static const int op[] = { [Py_LT] = LT, [Py_LE] = LE, [Py_EQ] = EQ, [Py_NE] = NE, [Py_GT] = GT, [Py_GE] = GE };
    return binary(op[how], a, b);
}

/* ---- type --------------------------------------------------------------------------------------- */

static PyObject *set_classes(PyObject *module, PyObject *args)
{
    PyObject *cls, *size;
    if (!PyArg_ParseTuple(args, "OO", &cls, &size)) return NULL;
    if (!PyType_Check(cls) || !PyType_IsSubtype((PyTypeObject *)cls, pc_py_tensor_type))
        return PyErr_Format(PyExc_TypeError, "_set_classes: a subclass of TensorBase is expected");
    tensor_class = (PyTypeObject *)Py_NewRef(cls);
    size_class = Py_NewRef(size);
    Py_RETURN_NONE;
}

#define KEYWORDS(f) (PyCFunction)(void (*)(void))f
static PyMethodDef methods[] = {
    { "_make_subclass", make_subclass, METH_VARARGS | METH_STATIC,
      "_make_subclass(cls, data, require_grad=False): a cls that shares data's values." },
    { "item", tensor_item, METH_NOARGS, "item($self, /)\n--\n\nThe only element, as a Python number." },
    { "_add_at", pc_py_index_add, METH_VARARGS, "Add values where an index points, as often as it does." },
    { "tolist", tensor_tolist, METH_NOARGS,
      "tolist($self, /)\n--\n\nNested lists of Python numbers (a number for a 0-dim tensor)." },
    { "size", KEYWORDS(tensor_size), METH_VARARGS | METH_KEYWORDS, "The shape, or one of its entries." },
    { "stride", KEYWORDS(tensor_stride), METH_VARARGS | METH_KEYWORDS, "Strides in elements, or one of them." },
    { "dim", tensor_dim, METH_NOARGS, "dim($self, /)\n--\n\nNumber of dimensions." },
    { "ndimension", tensor_dim, METH_NOARGS, "ndimension($self, /)\n--\n\nNumber of dimensions." },
    { "numel", tensor_numel, METH_NOARGS, "numel($self, /)\n--\n\nNumber of elements." },
    { "nelement", tensor_numel, METH_NOARGS, "nelement($self, /)\n--\n\nNumber of elements." },
    { "element_size", tensor_element_size, METH_NOARGS, "element_size($self, /)\n--\n\nBytes of one element." },
    { "storage_offset", tensor_storage_offset, METH_NOARGS,
      "storage_offset($self, /)\n--\n\nOffset of the first element in its storage, in elements." },
    { "_is_contiguous", tensor_is_contiguous, METH_VARARGS, "(channels_last=False)" },
    { "_is_dense", tensor_is_dense, METH_NOARGS,
      "_is_dense($self, /)\n--\n\nDoes every element of the span occur once?" },
    { "data_ptr", tensor_data_ptr, METH_NOARGS, "data_ptr($self, /)\n--\n\nAddress of the first element." },
    { "_storage_info", tensor_storage_info, METH_NOARGS,
      "_storage_info($self, /)\n--\n\n(address, bytes) of the storage." },
    { "_layout_state", tensor_layout_state, METH_NOARGS,
      "_layout_state($self, /)\n--\n\n\"plain\", \"nhwc\" or \"relu\": how the values are kept." },
    { 0 }
};
static PyGetSetDef getset[] = {
    { "shape", get_shape, NULL, "Size of each dimension.", NULL },
    { "dtype", get_dtype, NULL, "Type of the elements.", NULL },
    { "ndim", get_ndim, NULL, "Number of dimensions.", NULL },
    { "_version", get_version, NULL, "Number of writes to the storage so far.", NULL },
    { "_base", get_base, NULL, "The tensor that this one is a view of, or None.", NULL },
    { "is_leaf", get_is_leaf, NULL, "True for tensors that no recorded operation has made.", NULL },
    { "retains_grad", get_retains_grad, NULL, "True if a non-leaf keeps its .grad.", NULL },
    { "requires_grad", get_requires_grad, set_requires_grad, "Are operations on this tensor recorded?", NULL },
    { "grad", get_grad, set_grad, "Accumulated gradient, or None.", NULL },
    { "data", get_data, set_data, "The same values outside of the graph.", NULL },
    { "grad_fn", get_grad_fn, NULL, "The operation that made this tensor, or None.", NULL },
    { 0 }
};
static PyType_Slot slots[] = {
    { Py_tp_new, tensor_new }, { Py_tp_dealloc, tensor_dealloc }, { Py_tp_methods, methods }, { Py_tp_getset, getset },
    { Py_tp_richcompare, tensor_compare }, { Py_tp_hash, tensor_hash },
    { Py_mp_length, tensor_len }, { Py_sq_length, tensor_len },
    { Py_mp_subscript, pc_py_index }, { Py_mp_ass_subscript, pc_py_index_set },
    { Py_nb_bool, tensor_bool }, { Py_nb_int, tensor_int }, { Py_nb_float, tensor_float },
    { Py_nb_index, tensor_index },
    { Py_nb_add, tensor_add }, { Py_nb_subtract, tensor_sub }, { Py_nb_multiply, tensor_mul },
    { Py_nb_true_divide, tensor_div }, { Py_nb_floor_divide, tensor_floor_divide },
    { Py_nb_remainder, tensor_remainder }, { Py_nb_power, tensor_pow }, { Py_nb_matrix_multiply, tensor_matmul },
    { Py_nb_and, tensor_and }, { Py_nb_or, tensor_or }, { Py_nb_xor, tensor_xor },
    { Py_nb_inplace_add, tensor_iadd }, { Py_nb_inplace_subtract, tensor_isub },
    { Py_nb_inplace_multiply, tensor_imul }, { Py_nb_inplace_true_divide, tensor_idiv },
    { Py_nb_inplace_floor_divide, tensor_ifloor }, { Py_nb_inplace_power, tensor_ipow },
    { Py_nb_inplace_and, tensor_iand }, { Py_nb_inplace_or, tensor_ior },
    { Py_nb_negative, tensor_neg }, { Py_nb_positive, tensor_pos }, { Py_nb_absolute, tensor_abs },
    { Py_nb_invert, tensor_invert },
    { Py_tp_doc, "What a Tensor is in C." }, { 0, NULL }
};
static PyType_Spec spec = { "pycnn._C.TensorBase", sizeof(pc_py_tensor), 0,
                            Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots };
static PyMethodDef functions[] = {
    { "_set_classes", set_classes, METH_VARARGS, "_set_classes(Tensor, Size): what new tensors and shapes are." }, { 0 }
};

int pc_py_add_tensor(PyObject *module)
{
    pc_py_tensor_type = (PyTypeObject *)PyType_FromSpec(&spec);
    node_class = PyType_FromSpec(&node_spec);
    if (pc_py_tensor_type == NULL || node_class == NULL) return -1;
    tensor_class = (PyTypeObject *)Py_NewRef((PyObject *)pc_py_tensor_type);
    size_class = Py_NewRef((PyObject *)&PyTuple_Type);
    if (PyModule_AddObjectRef(module, "TensorBase", (PyObject *)pc_py_tensor_type) < 0
        || PyModule_AddObjectRef(module, "Node", node_class) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
