/* data_binding.c -- index streams, data sets in memory and the threads that read them, for pycnn/utils/data. */
#include "python.h"
#include "../data/loader.h"
#include "../data/sampler.h"
#include <string.h>

static PyTypeObject *indices_type, *batches_type, *source_type, *loader_type;

static void *new_object(PyTypeObject *type)
{
    return ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
}
static void free_object(PyObject *o)
{
    PyTypeObject *type = Py_TYPE(o);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(o);
    Py_DECREF(type);
}

/* ---- index streams --------------------------------------------------------------------------------- */

typedef struct indices_object {
    PyObject_HEAD
    pc_sampler s;
    PyObject *generator; /* whose draws s borrows, or NULL */
} indices_object;

static PyObject *indices_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "order", "n", "num_samples", "generator", NULL };
    static const char *const orders[] = { "sequential", "permutation", "shuffled", "replacement" };
    const char *name;
    long long n, num_samples = 0;
    PyObject *generator = Py_None;
    pc_generator *g = NULL;
    int order = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sL|LO:Indices", names, &name, &n, &num_samples, &generator))
        return NULL;
    while (order < 4 && strcmp(orders[order], name) != 0) order++;
    if (order == 4) return PyErr_Format(PyExc_ValueError, "unknown order '%s'", name);
    if (generator != Py_None && (g = pc_py_generator_of(generator)) == NULL) return NULL;
    if (g == NULL && order == PC_ORDER_PERMUTATION) g = pc_default_generator();
    indices_object *self = new_object(type);
    if (self == NULL) return NULL;
    pc_status status = pc_sampler_init(&self->s, (pc_order)order, n, num_samples, g);
    if (status != PC_OK) {
        Py_DECREF(self);
        return pc_py_raise(status);
    }
    self->generator = generator != Py_None ? Py_NewRef(generator) : NULL;
    return (PyObject *)self;
}
static void indices_dealloc(PyObject *o)
{
    indices_object *self = (indices_object *)o;
    pc_sampler_clear(&self->s);
    Py_XDECREF(self->generator);
    free_object(o);
}
static PyObject *indices_next(PyObject *o)
{
    int64_t index, count;
    pc_status status = pc_sampler_take(&((indices_object *)o)->s, 1, &index, &count);
    if (status != PC_OK) return pc_py_raise(status);
    return count == 1 ? PyLong_FromLongLong(index) : NULL;
}

typedef struct batches_object {
    PyObject_HEAD
    indices_object *stream;
    int64_t size;
    int drop_last;
} batches_object;

static PyObject *indices_batches(PyObject *o, PyObject *args)
{
    long long size;
    int drop_last;
    if (!PyArg_ParseTuple(args, "Lp:batches", &size, &drop_last)) return NULL;
    if (size <= 0) return PyErr_Format(PyExc_ValueError, "batch_size should be a positive integer value, but got "
                                       "batch_size=%lld", size);
    batches_object *self = new_object(batches_type);
    if (self == NULL) return NULL;
    self->stream = (indices_object *)Py_NewRef(o);
    self->size = size;
    self->drop_last = drop_last;
    return (PyObject *)self;
}
static void batches_dealloc(PyObject *o)
{
    Py_XDECREF((PyObject *)((batches_object *)o)->stream);
    free_object(o);
}

static PyObject *list_of(const int64_t *v, int64_t n)
{
    PyObject *list = PyList_New(n);
    for (int64_t k = 0; list != NULL && k < n; k++) {
        PyObject *item = PyLong_FromLongLong(v[k]);
        if (item == NULL || PyList_SetItem(list, k, item) < 0) Py_CLEAR(list);
    }
    return list;
}
static PyObject *batches_next(PyObject *o)
{
    batches_object *self = (batches_object *)o;
    const pc_sampler *s = &self->stream->s;
    int64_t rest = s->num_samples - s->given, count = 0;
    int64_t room = rest < self->size ? rest + 1 : self->size; /* one more than is left: the end is seen */
    PyObject *list = NULL;
    int64_t *v = pc_calloc((size_t)room + 1, sizeof *v);
    if (v == NULL) return pc_py_no_memory();
    pc_status status = pc_sampler_take(&self->stream->s, room, v, &count);
    if (status != PC_OK) pc_py_raise(status);
    else if (count == self->size || (count > 0 && !self->drop_last)) list = list_of(v, count);
    pc_free(v);
    return list;
}

/* ---- data sets in memory ---------------------------------------------------------------------------- */

typedef struct source_object {
    PyObject_HEAD
    pc_source s;
    Py_buffer pixels, labels, positions; /* obj is NULL where there is none */
    PyObject *pipeline;
    pc_tensor **tensors;
} source_object;

static void source_dealloc(PyObject *o)
{
    source_object *self = (source_object *)o;
    PyBuffer_Release(&self->pixels);
    PyBuffer_Release(&self->labels);
    PyBuffer_Release(&self->positions);
    Py_XDECREF(self->pipeline);
    for (int k = 0; k < self->s.ntensors; k++) pc_release(self->tensors[k]);
    pc_free(self->tensors);
    free_object(o);
}

/* A contiguous buffer of `item` bytes an element and `ndim` dimensions. */
static int get_buffer(PyObject *o, Py_buffer *view, Py_ssize_t item, int ndim, const char *what)
{
    if (PyObject_GetBuffer(o, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) return -1;
    if (view->itemsize == item && view->ndim == ndim) return 0;
    PyErr_Format(PyExc_ValueError, "%s must be a C-contiguous array of %d dimensions with %zd bytes an element", what,
                 ndim, item);
    return -1;
}
static int get_positions(source_object *self, PyObject *positions)
{
    if (positions == Py_None) return 0;
    if (get_buffer(positions, &self->positions, 8, 1, "positions") < 0) return -1;
    self->s.positions = self->positions.buf;
    self->s.npositions = self->positions.shape[0];
    return 0;
}

static PyObject *image_source(PyObject *module, PyObject *args)
{
    PyObject *pixels, *labels, *pipeline, *positions = Py_None;
    if (!PyArg_ParseTuple(args, "OOO|O:image_source", &pixels, &labels, &pipeline, &positions)) return NULL;
    pc_pipeline *p = pc_py_pipeline_of(pipeline);
    source_object *self = p != NULL ? new_object(source_type) : NULL;
    if (self == NULL) return NULL;
    if (get_buffer(pixels, &self->pixels, 1, 4, "images") < 0 || get_buffer(labels, &self->labels, 8, 1, "labels") < 0
        || get_positions(self, positions) < 0)
        goto fail;
    const Py_ssize_t *shape = self->pixels.shape;
    if (self->labels.shape[0] != shape[0]) {
        PyErr_Format(PyExc_ValueError, "%zd images, but %zd labels", shape[0], self->labels.shape[0]);
        goto fail;
    }
    for (int k = 1; k < 4; k++)
        if (shape[k] < 1 || shape[k] > INT32_MAX) {
            PyErr_Format(PyExc_ValueError, "images of %zd x %zd pixels and %zd channels cannot be read", shape[1],
                         shape[2], shape[3]);
            goto fail;
        }
    self->pipeline = Py_NewRef(pipeline);
    self->s.pipeline = p;
    self->s.n = shape[0];
    self->s.pixels = self->pixels.buf;
    self->s.labels = self->labels.buf;
    self->s.shape = (pc_image_shape){ (int)shape[1], (int)shape[2], (int)shape[3] };
    return (PyObject *)self;
fail:
    Py_DECREF(self);
    return NULL;
}

static PyObject *tensor_source(PyObject *module, PyObject *args)
{
    PyObject *tensors, *positions = Py_None;
    if (!PyArg_ParseTuple(args, "O!|O:tensor_source", &PyTuple_Type, &tensors, &positions)) return NULL;
    Py_ssize_t n = PyTuple_Size(tensors);
    source_object *self = n > 0 ? new_object(source_type) : NULL;
    if (n == 0) PyErr_SetString(PyExc_ValueError, "a data set of no tensors has no length");
    if (self == NULL) return NULL;
    self->tensors = pc_calloc((size_t)n, sizeof *self->tensors);
    if (self->tensors == NULL) {
        pc_py_no_memory();
        goto fail;
    }
    self->s.tensors = self->tensors;
    for (Py_ssize_t k = 0; k < n; k++) {
        pc_tensor *t = pc_py_tensor_of(PyTuple_GetItem(tensors, k), "tensor_source(): argument 'tensors'");
        if (t == NULL) goto fail;
        pc_status status = pc_tensor_settle(t);
        if (status == PC_OK) status = pc_tensor_alias(t, &self->tensors[k]);
        if (status != PC_OK) {
            pc_py_raise(status);
            goto fail;
        }
        self->s.ntensors++;
        if (t->ndim < 1 || !pc_is_contiguous(t) || t->shape[0] != self->tensors[0]->shape[0]) {
            PyErr_SetString(PyExc_ValueError, "tensors must be contiguous and have the same first dimension");
            goto fail;
        }
    }
    self->s.n = self->tensors[0]->shape[0];
    if (get_positions(self, positions) < 0) goto fail;
    return (PyObject *)self;
fail:
    Py_DECREF(self);
    return NULL;
}

/* A sequence of ints as an array that the caller frees; NULL with an exception. */
static int64_t *array_of(PyObject *o, int64_t *n)
{
    Py_ssize_t count = PySequence_Size(o);
    int64_t *v = count >= 0 ? pc_calloc((size_t)count + 1, sizeof *v) : NULL;
    if (count >= 0 && v == NULL) pc_py_no_memory();
    for (Py_ssize_t k = 0; v != NULL && k < count; k++) {
        PyObject *item = PySequence_GetItem(o, k);
        v[k] = item != NULL ? PyLong_AsLongLong(item) : -1;
        Py_XDECREF(item);
        if (v[k] == -1 && PyErr_Occurred()) {
            pc_free(v);
            v = NULL;
        }
    }
    *n = count;
    return v;
}

/* The list of a batch's tensors; takes them. */
static PyObject *batch_of(pc_tensor **out, int n)
{
    PyObject *list = PyList_New(n);
    for (int k = 0; k < n; k++) {
        PyObject *t = pc_py_wrap(out[k]);
        if (list == NULL || t == NULL) {
            Py_XDECREF(t);
            Py_CLEAR(list);
        } else if (PyList_SetItem(list, k, t) < 0) {
            Py_CLEAR(list);
        }
    }
    return list;
}

/* Room for the tensors of a batch, which the caller frees. */
static pc_tensor **outputs_of(const pc_source *s)
{
    pc_tensor **out = pc_calloc((size_t)pc_source_outputs(s), sizeof *out);
    if (out == NULL) pc_py_no_memory();
    return out;
}

static PyObject *source_load(PyObject *o, PyObject *args)
{
    PyObject *indices, *generator, *result = NULL;
    source_object *self = (source_object *)o;
    pc_status status;
    int64_t n;
    if (!PyArg_ParseTuple(args, "OO:load", &indices, &generator)) return NULL;
    pc_generator *g = pc_py_generator_of(generator);
    int64_t *v = g != NULL ? array_of(indices, &n) : NULL;
    pc_tensor **out = v != NULL ? outputs_of(&self->s) : NULL;
    if (out != NULL) {
        Py_BEGIN_ALLOW_THREADS
        status = pc_batch_load(&self->s, g, v, n, true, NULL, out);
        Py_END_ALLOW_THREADS
        result = status == PC_OK ? batch_of(out, pc_source_outputs(&self->s)) : pc_py_raise(status);
    }
    pc_free(out);
    pc_free(v);
    return result;
}

/* ---- loader ------------------------------------------------------------------------------------------ */

typedef struct loader_object {
    PyObject_HEAD
    pc_loader *l; /* NULL once it was closed */
    int waiting;  /* calls that use l without the GIL */
    source_object *source;
} loader_object;

static PyObject *loader_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "source", "workers", "base_seed", NULL };
    PyObject *source;
    int workers;
    unsigned long long base_seed;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!iK:Loader", names, source_type, &source, &workers, &base_seed))
        return NULL;
    if (workers < 1) return PyErr_Format(PyExc_ValueError, "a loader needs a thread, got %d", workers);
    loader_object *self = new_object(type);
    if (self == NULL) return NULL;
    self->source = (source_object *)Py_NewRef(source);
    pc_status status = pc_loader_new(&self->source->s, workers, base_seed, &self->l);
    if (status == PC_OK) return (PyObject *)self;
    Py_DECREF(self);
    return pc_py_raise(status);
}

static PyObject *loader_close(PyObject *o, PyObject *ignored)
{
    loader_object *self = (loader_object *)o;
    pc_loader *l = self->l;
    if (self->waiting > 0) return PyErr_Format(PyExc_RuntimeError, "another thread waits for a batch of this loader");
    self->l = NULL;
    Py_BEGIN_ALLOW_THREADS
    pc_loader_free(l);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}
static void loader_dealloc(PyObject *o)
{
    loader_object *self = (loader_object *)o;
    Py_XDECREF(loader_close(o, NULL));
    Py_XDECREF((PyObject *)self->source);
    free_object(o);
}
static pc_loader *open_loader(PyObject *o)
{
    pc_loader *l = ((loader_object *)o)->l;
    if (l == NULL) PyErr_SetString(PyExc_RuntimeError, "the loader was closed");
    return l;
}

static PyObject *loader_submit(PyObject *o, PyObject *indices)
{
    int64_t n;
    pc_loader *l = open_loader(o);
    int64_t *v = l != NULL ? array_of(indices, &n) : NULL;
    if (v == NULL) return NULL;
    pc_status status = pc_loader_submit(l, v, n);
    pc_free(v);
    if (status != PC_OK) return pc_py_raise(status);
    Py_RETURN_NONE;
}
static PyObject *loader_next(PyObject *o, PyObject *args)
{
    PyObject *result = NULL;
    double timeout = 0;
    pc_status status;
    const pc_source *s = &((loader_object *)o)->source->s;
    pc_loader *l = open_loader(o);
    if (l == NULL || !PyArg_ParseTuple(args, "|d:next", &timeout)) return NULL;
    pc_tensor **out = outputs_of(s);
    if (out == NULL) return NULL;
    ((loader_object *)o)->waiting++;
    Py_BEGIN_ALLOW_THREADS
    status = pc_loader_next(l, (int64_t)(timeout * 1e9), out);
    Py_END_ALLOW_THREADS
    ((loader_object *)o)->waiting--;
    result = status == PC_OK ? batch_of(out, pc_source_outputs(s)) : pc_py_raise(status);
    pc_free(out);
    return result;
}
static PyObject *loader_reset(PyObject *o, PyObject *ignored)
{
    pc_status status;
    pc_loader *l = open_loader(o);
    if (l == NULL) return NULL;
    ((loader_object *)o)->waiting++;
    Py_BEGIN_ALLOW_THREADS
    status = pc_loader_reset(l);
    Py_END_ALLOW_THREADS
    ((loader_object *)o)->waiting--;
    if (status != PC_OK) return pc_py_raise(status);
    Py_RETURN_NONE;
}
static PyObject *loader_pending(PyObject *o, void *closure)
{
    pc_loader *l = ((loader_object *)o)->l;
    return PyLong_FromLongLong(l != NULL ? pc_loader_pending(l) : 0);
}

/* ---- the module -------------------------------------------------------------------------------------- */

static PyMethodDef indices_methods[] = {
    { "batches", indices_batches, METH_VARARGS,
      "batches($self, size, drop_last, /)\n--\n\nThe rest of the stream, as lists." },
    { 0 }
};
static PyType_Slot indices_slots[] = {
    { Py_tp_new, indices_new },
    { Py_tp_dealloc, indices_dealloc },
    { Py_tp_iter, PyObject_SelfIter },
    { Py_tp_iternext, indices_next },
    { Py_tp_methods, indices_methods },
    { Py_tp_doc,
      "Indices(order, n, num_samples=0, generator=None)\n--\n\nA stream of indices; order is \"sequential\", "
      "\"permutation\", \"shuffled\" or \"replacement\"." },
    { 0, NULL }
};
static PyType_Slot batches_slots[] = {
    { Py_tp_dealloc, batches_dealloc }, { Py_tp_iter, PyObject_SelfIter }, { Py_tp_iternext, batches_next },
    { Py_tp_doc, "Lists of indices." }, { 0, NULL }
};
static PyMethodDef source_methods[] = {
    { "load", source_load, METH_VARARGS, "load($self, indices, generator, /)\n--\n\nThe tensors of a batch." },
    { 0 }
};
static PyType_Slot source_slots[] = {
    { Py_tp_dealloc, source_dealloc }, { Py_tp_methods, source_methods },
    { Py_tp_doc, "A data set in memory that C reads." }, { 0, NULL }
};
static PyMethodDef loader_methods[] = {
    { "submit", loader_submit, METH_O, "submit($self, indices, /)\n--\n\nLet another batch be made." },
    { "next", loader_next, METH_VARARGS, "next($self, timeout=0.0, /)\n--\n\nThe tensors of the oldest batch." },
    { "reset", loader_reset, METH_NOARGS,
      "reset($self, /)\n--\n\nDrop what is pending, once it was made, and count from 0 again." },
    { "close", loader_close, METH_NOARGS, "close($self, /)\n--\n\nEnd the threads." },
    { 0 }
};
static PyGetSetDef loader_getset[] = {
    { "pending", loader_pending, NULL, "Batches submitted and not yet taken.", NULL }, { 0 }
};
static PyType_Slot loader_slots[] = {
    { Py_tp_new, loader_new }, { Py_tp_dealloc, loader_dealloc }, { Py_tp_methods, loader_methods },
    { Py_tp_getset, loader_getset },
    { Py_tp_doc,
      "Loader(source, workers, base_seed)\n--\n\nThreads that make batches; thread w draws from a generator seeded "
      "base_seed + w." },
    { 0, NULL }
};
static PyMethodDef functions[] = {
    { "image_source", image_source, METH_VARARGS,
      "image_source($module, images, labels, pipeline, positions=None, /)\n--\n\nuint8 images [n, h, w, c], int64 "
      "labels." },
    { "tensor_source", tensor_source, METH_VARARGS,
      "tensor_source($module, tensors, positions=None, /)\n--\n\nRows of contiguous tensors." },
    { 0 }
};

int pc_py_add_data(PyObject *module)
{
    static PyType_Spec specs[] = {
        { "pycnn._C.Indices", sizeof(indices_object), 0, Py_TPFLAGS_DEFAULT, indices_slots },
        { "pycnn._C.Batches", sizeof(batches_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
          batches_slots },
        { "pycnn._C.Source", sizeof(source_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
          source_slots },
        { "pycnn._C.Loader", sizeof(loader_object), 0, Py_TPFLAGS_DEFAULT, loader_slots }
    };
    PyTypeObject **types[] = { &indices_type, &batches_type, &source_type, &loader_type };
    static const char *const names[] = { "Indices", "Batches", "Source", "Loader" };
    for (int k = 0; k < 4; k++) {
        *types[k] = (PyTypeObject *)PyType_FromSpec(&specs[k]);
        if (*types[k] == NULL || PyModule_AddObjectRef(module, names[k], (PyObject *)*types[k]) < 0) return -1;
    }
    return PyModule_AddFunctions(module, functions);
}
