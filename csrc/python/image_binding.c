/* image_binding.c -- _C.Pipeline: a compiled chain of image transforms, run on one image from Python. */
#include "../core/rng.h"
#include "../data/augment.h"
#include "../image/image.h"
#include "python.h"
#include <string.h>

typedef struct pipeline_object {
    PyObject_HEAD
    pc_pipeline *p;
    PyObject *steps; /* the tuple that it was made from, for pickle */
} pipeline_object;

static PyTypeObject *pipeline_type;

/* Images from this size on are worked on without the GIL: handing it over costs about as much as 10 kB of pixels. */
#define LARGE_IMAGE 16384

pc_pipeline *pc_py_pipeline_of(PyObject *o)
{
    if (Py_TYPE(o) == pipeline_type) return ((pipeline_object *)o)->p;
    PyErr_Format(PyExc_TypeError, "expected a Pipeline, got %R", (PyObject *)Py_TYPE(o));
    return NULL;
}

/* ---- making --------------------------------------------------------------------------------------- */

/* Fill step from ("name", number, ...); numbers go to v. */
static int parse_step(PyObject *tuple, pc_step *step, double *v)
{
    if (!PyTuple_Check(tuple) || PyTuple_Size(tuple) < 1) {
        PyErr_SetString(PyExc_TypeError, "a step is a tuple of a name and numbers");
        return -1;
    }
    step->name = PyUnicode_AsUTF8AndSize(PyTuple_GetItem(tuple, 0), NULL);
    if (step->name == NULL) return -1;
    step->n = (int)PyTuple_Size(tuple) - 1;
    step->v = v;
    for (int k = 0; k < step->n; k++) {
        v[k] = PyFloat_AsDouble(PyTuple_GetItem(tuple, k + 1));
        if (v[k] == -1.0 && PyErr_Occurred()) return -1;
    }
    return 0;
}

static PyObject *pipeline_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "steps", NULL };
    PyObject *given, *steps = NULL;
    pipeline_object *self = NULL;
    pc_step *parsed = NULL;
    pc_pipeline *p = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:Pipeline", names, &given)) return NULL;
    steps = PySequence_Tuple(given);
    if (steps == NULL) return NULL;
    Py_ssize_t n = PyTuple_Size(steps), numbers = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *step = PyTuple_GetItem(steps, i);
        numbers += PyTuple_Check(step) ? PyTuple_Size(step) : 0;
    }
    parsed = pc_alloc((size_t)n * sizeof *parsed + (size_t)numbers * sizeof(double));
    if (parsed == NULL) {
        pc_py_no_memory();
        goto done;
    }
    double *v = (double *)(parsed + n);
    for (Py_ssize_t i = 0; i < n; v += parsed[i].n, i++)
        if (parse_step(PyTuple_GetItem(steps, i), &parsed[i], v) < 0) goto done;
    pc_status status = pc_pipeline_new(parsed, (int)n, &p);
    if (status != PC_OK) {
        pc_py_raise(status);
        goto done;
    }
    self = (pipeline_object *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (self == NULL) goto done;
    self->p = p;
    self->steps = steps;
    p = NULL;
    steps = NULL;
done:
    pc_pipeline_free(p);
    pc_free(parsed);
    Py_XDECREF(steps);
    return (PyObject *)self;
}

static void pipeline_dealloc(PyObject *o)
{
    pipeline_object *self = (pipeline_object *)o;
    PyTypeObject *type = Py_TYPE(o);
    pc_pipeline_free(self->p);
    Py_XDECREF(self->steps);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(o);
    Py_DECREF(type);
}

static PyObject *pipeline_reduce(PyObject *o, PyObject *ignored)
{
    return Py_BuildValue("O(O)", (PyObject *)Py_TYPE(o), ((pipeline_object *)o)->steps);
}

static PyObject *pipeline_repr(PyObject *o)
{
    return PyUnicode_FromFormat("Pipeline(%R)", ((pipeline_object *)o)->steps);
}

/* ---- running -------------------------------------------------------------------------------------- */

static pc_generator *generator_of(PyObject *o)
{
    return o == NULL || o == Py_None ? pc_default_generator() : pc_py_generator_of(o);
}

static pc_status draw_locked(const pc_pipeline *p, pc_generator *g, pc_image_shape shape, int is_float, void *plan)
{
    pthread_mutex_lock(&g->lock);
    pc_status status = pc_pipeline_draw_for(p, g, shape, is_float, plan);
    pthread_mutex_unlock(&g->lock);
    return status;
}

/* The values that an erase step drew, as a Tensor [c, h, w]. */
static PyObject *noise_tensor(const void *plan, int index, int c, const double *v)
{
    pc_tensor *t = NULL;
    pc_status status = pc_tensor_new(PC_F32, 3, (int64_t[]){ c, (int64_t)v[2], (int64_t)v[3] }, &t);
    if (status != PC_OK) return pc_py_raise(status);
    pc_plan_noise(plan, index, pc_f32(t));
    return pc_py_wrap(t);
}

static PyObject *plan_step(const void *plan, int index, int c)
{
    double v[PC_PLAN_NUMBERS];
    int n;
    const char *name = pc_plan_step(plan, index, &n, v);
    bool noise = pc_plan_noise_count(plan, index) > 0;
    PyObject *tuple = PyTuple_New(1 + n + noise);
    if (tuple == NULL) return NULL;
    for (int k = 0; k < 1 + n + noise; k++) {
        PyObject *item = k == 0   ? PyUnicode_FromString(name)
                         : k <= n ? PyFloat_FromDouble(v[k - 1])
                                  : noise_tensor(plan, index, c, v);
        if (item == NULL || PyTuple_SetItem(tuple, k, item) < 0) {
            Py_DECREF(tuple);
            return NULL;
        }
    }
    return tuple;
}

static PyObject *pipeline_draw(PyObject *o, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "h", "w", "c", "is_float", "generator", NULL };
    pc_image_shape shape;
    int is_float = 0;
    PyObject *generator = NULL, *list = NULL;
    pc_pipeline *p = ((pipeline_object *)o)->p;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iii|pO:draw", names, &shape.h, &shape.w, &shape.c, &is_float,
                                     &generator)) return NULL;
    pc_generator *g = generator_of(generator);
    if (g == NULL) return NULL;
    void *plan = pc_alloc(pc_pipeline_plan_bytes(p));
    if (plan == NULL) return pc_py_no_memory();
    pc_status status = draw_locked(p, g, shape, is_float, plan);
    if (status != PC_OK) {
        pc_py_raise(status);
        goto done;
    }
    list = PyList_New(0);
    for (int k = 0; list != NULL && k < pc_plan_count(plan); k++) {
        PyObject *step = plan_step(plan, k, shape.c);
        if (step == NULL || PyList_Append(list, step) < 0) Py_CLEAR(list);
        Py_XDECREF(step);
    }
done:
    pc_free(plan);
    return list;
}

static PyObject *pipeline_output(PyObject *o, PyObject *args)
{
    pc_image_shape in, out;
    bool is_float;
    if (!PyArg_ParseTuple(args, "iii:output", &in.h, &in.w, &in.c)) return NULL;
    pc_status status = pc_pipeline_output(((pipeline_object *)o)->p, in, &out, &is_float);
    if (status != PC_OK) return pc_py_raise(status);
    return Py_BuildValue("(iiiN)", out.h, out.w, out.c, PyBool_FromLong(is_float));
}

/* Where a result goes: floats and tensors into a new tensor [c, h, w], other bytes into a bytes object. */
typedef struct result {
    pc_tensor *t;
    PyObject *bytes;
    void *dst;
} result;

static pc_status result_new(result *r, pc_image_shape shape, bool is_float, bool tensor)
{
    pc_status status = PC_OK;
    if (is_float || tensor) {
        int64_t dims[3] = { shape.c, shape.h, shape.w };
        PC_TRY(pc_tensor_new(is_float ? PC_F32 : PC_U8, 3, dims, &r->t));
        r->dst = pc_data(r->t);
    } else {
        r->bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)shape.h * shape.w * shape.c);
        if (r->bytes == NULL) return PC_EPYTHON;
        r->dst = PyBytes_AsString(r->bytes);
    }
done:
    return status;
}

static PyObject *pipeline_call(PyObject *o, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "data", "h", "w", "c", "tensor", "generator", NULL };
    pc_status status = PC_OK;
    pc_image_shape shape, out;
    PyObject *data, *generator = NULL, *value = NULL;
    Py_buffer view;
    int tensor = 0;
    bool is_float;
    result r = { 0 };
    void *plan = NULL, *scratch = NULL;
    pc_pipeline *p = ((pipeline_object *)o)->p;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Oiii|pO:Pipeline", names, &data, &shape.h, &shape.w, &shape.c,
                                     &tensor, &generator))
        return NULL;
    pc_generator *g = generator_of(generator);
    if (g == NULL || PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) return NULL;
    PC_CHECK((int64_t)shape.h * shape.w * shape.c == view.len, PC_EVALUE,
             "an image of %d x %d pixels and %d channels has %lld bytes, got %lld", shape.h, shape.w, shape.c,
             (long long)shape.h * shape.w * shape.c, (long long)view.len);
    PC_CHECK(shape.c == 1 || shape.c == 3, PC_EVALUE, "images of %d channels are not supported here, only 1 and 3",
             shape.c);
    plan = pc_alloc(pc_pipeline_plan_bytes(p));
    PC_CHECK(plan != NULL, PC_ENOMEM, "no memory for a transform's parameters");
    PC_TRY(draw_locked(p, g, shape, false, plan));
    pc_plan_output(plan, &out, &is_float);
    scratch = pc_alloc(pc_plan_scratch_bytes(plan));
    PC_CHECK(scratch != NULL, PC_ENOMEM, "no memory to transform an image of %d x %d pixels", shape.h, shape.w);
    PC_TRY(result_new(&r, out, is_float, tensor));
    if (view.len >= LARGE_IMAGE) {
        Py_BEGIN_ALLOW_THREADS
        status = pc_pipeline_apply(p, plan, shape, view.buf, r.dst, r.bytes != NULL, scratch);
        Py_END_ALLOW_THREADS
    } else {
        status = pc_pipeline_apply(p, plan, shape, view.buf, r.dst, r.bytes != NULL, scratch);
    }
    PC_TRY(status);
    if (r.bytes != NULL) {
        value = Py_BuildValue("(Niii)", r.bytes, out.h, out.w, out.c);
        r.bytes = NULL;
    } else {
        value = pc_py_wrap(r.t);
        r.t = NULL;
    }
done:
    PyBuffer_Release(&view);
    pc_free(plan);
    pc_free(scratch);
    pc_release(r.t);
    Py_XDECREF(r.bytes);
    return status == PC_OK ? value : pc_py_raise(status);
}

/* ---- the module ------------------------------------------------------------------------------------ */

/* Pillow's fallback for pictures of unusual modes needs torchvision's matrix too. */
static PyObject *affine_matrix(PyObject *module, PyObject *args)
{
    double angle, tx, ty, scale, sx, sy, center[2], m[6];
    int version;
    if (!PyArg_ParseTuple(args, "idddddddd:affine_matrix", &version, &angle, &tx, &ty, &scale, &sx, &sy, &center[0],
                          &center[1]))
        return NULL;
    pc_affine_matrix(version, 0, 0, angle, tx, ty, scale, sx, sy, center, m);
    return Py_BuildValue("(dddddd)", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static PyMethodDef functions[] = {
    { "affine_matrix", affine_matrix, METH_VARARGS,
      "affine_matrix(version, angle, tx, ty, scale, shear_x, shear_y, center_x, center_y): from output to input, six "
      "numbers." },
    { 0 }
};

static PyMethodDef methods[] = {
    { "draw", (PyCFunction)(void (*)(void))pipeline_draw, METH_VARARGS | METH_KEYWORDS,
      "draw(h, w, c, is_float=False, generator=None): the fixed steps that one image of this shape would go through." },
    { "output", pipeline_output, METH_VARARGS,
      "output(h, w, c): height, width, channels and whether the result is float; ValueError if that depends on "
      "chance." },
    { "__reduce__", pipeline_reduce, METH_NOARGS, "__reduce__($self, /)\n--\n\nPickled by its steps." },
    { 0 }
};
static PyType_Slot slots[] = {
    { Py_tp_new, pipeline_new },
    { Py_tp_dealloc, pipeline_dealloc },
    { Py_tp_repr, pipeline_repr },
    { Py_tp_call, pipeline_call },
    { Py_tp_methods, methods },
    { Py_tp_doc,
      "Pipeline(steps): a chain of image transforms. Called with (data, h, w, c, tensor=False, generator=None) "
      "it returns a Tensor [c, h, w], or (bytes, h, w, c) for chains without to_tensor." },
    { 0, NULL }
};
static PyType_Spec spec = { "pycnn._C.Pipeline", sizeof(pipeline_object), 0, Py_TPFLAGS_DEFAULT, slots };

int pc_py_add_image(PyObject *module)
{
    pipeline_type = (PyTypeObject *)PyType_FromSpec(&spec);
    if (pipeline_type == NULL || PyModule_AddFunctions(module, functions) < 0) return -1;
    return PyModule_AddObjectRef(module, "Pipeline", (PyObject *)pipeline_type);
}
