/* generator_type.c -- pycnn.Generator and the default generator. */
#include "python.h"
#include <string.h>

/* What torch.Generator() starts from. */
#define FRESH_SEED 67280421310721u

typedef struct generator_object {
    PyObject_HEAD
    pc_generator own;
    pc_generator *g; /* &own, or the default generator */
} generator_object;

static PyTypeObject *generator_type;

pc_generator *pc_py_generator_of(PyObject *o)
{
    if (Py_TYPE(o) == generator_type) return ((generator_object *)o)->g;
    PyErr_SetString(PyExc_TypeError, "expected a Generator");
    return NULL;
}

static PyObject *generator_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "device", NULL };
    PyObject *device = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Generator", names, &device)) return NULL;
    if (device != Py_None) {
        PyObject *text = PyObject_Str(device);
        const char *name = text != NULL ? PyUnicode_AsUTF8AndSize(text, NULL) : NULL;
        bool cpu = name != NULL && strncmp(name, "cpu", 3) == 0;
        Py_XDECREF(text);
        if (name == NULL) return NULL;
        if (!cpu)
            return PyErr_Format(PyExc_RuntimeError, "Generator: device %R is not available, pycnn computes on the CPU",
                                device);
    }
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    generator_object *self = (generator_object *)alloc(type, 0);
    if (self == NULL) return NULL;
    pc_generator_init(&self->own, FRESH_SEED);
    self->g = &self->own;
    return (PyObject *)self;
}
static void generator_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

/* A seed as torch takes it: -2^63 up to 2^64 - 1, negative ones wrapped. */
static int seed_of(PyObject *o, uint64_t *out)
{
    PyObject *index = PyNumber_Index(o);
    if (index == NULL) return -1;
    *out = (uint64_t)PyLong_AsLongLong(index);
    if (*out == UINT64_MAX && PyErr_Occurred()) {
        PyErr_Clear();
        *out = PyLong_AsUnsignedLongLong(index);
        if (*out == UINT64_MAX && PyErr_Occurred()) {
            PyErr_Clear();
            PyErr_Format(PyExc_RuntimeError, "Overflow when unpacking long: seeds lie in [-2**63, 2**64 - 1], got %S",
                         index);
            Py_DECREF(index);
            return -1;
        }
    }
    Py_DECREF(index);
    return 0;
}
static void reseed(pc_generator *g, uint64_t seed)
{
    pthread_mutex_lock(&g->lock);
    pc_generator_seed(g, seed);
    pthread_mutex_unlock(&g->lock);
}

static PyObject *manual_seed(PyObject *self, PyObject *seed)
{
    uint64_t s;
    if (seed_of(seed, &s) < 0) return NULL;
    reseed(((generator_object *)self)->g, s);
    return Py_NewRef(self);
}
static PyObject *seed(PyObject *self, PyObject *ignored)
{
    uint64_t s = pc_seed_from_system();
    reseed(((generator_object *)self)->g, s);
    return PyLong_FromUnsignedLongLong(s);
}
static PyObject *initial_seed(PyObject *self, PyObject *ignored)
{
    return PyLong_FromUnsignedLongLong(((generator_object *)self)->g->seed);
}
static PyObject *get_state(PyObject *self, PyObject *ignored)
{
    pc_tensor *t = NULL;
    pc_generator *g = ((generator_object *)self)->g;
    pc_status status = pc_tensor_new(PC_U8, 1, (int64_t[]){ PC_RNG_STATE_BYTES }, &t);
    if (status != PC_OK) return pc_py_raise(status);
    pthread_mutex_lock(&g->lock);
    pc_generator_get_state(g, pc_data(t));
    pthread_mutex_unlock(&g->lock);
    return pc_py_wrap(t);
}
static PyObject *set_state(PyObject *self, PyObject *state)
{
    pc_tensor *t = pc_py_tensor_of(state, "set_state(): argument 'new_state'"), *plain = NULL;
    pc_generator *g = ((generator_object *)self)->g;
    if (t == NULL) return NULL;
    if (t->dtype != PC_U8) return PyErr_Format(PyExc_TypeError, "RNG state must be a torch.ByteTensor");
    pc_status status = pc_contiguous(t, &plain);
    if (status == PC_OK) {
        pthread_mutex_lock(&g->lock);
        status = pc_generator_set_state(g, pc_data(plain), (size_t)plain->numel);
        pthread_mutex_unlock(&g->lock);
    }
    pc_release(plain);
    if (status != PC_OK) return pc_py_raise(status);
    return Py_NewRef(self);
}
/* Undocumented in torch; its loader and samplers draw this way. */
static PyObject *draw64(PyObject *self, PyObject *ignored)
{
    pc_generator *g = ((generator_object *)self)->g;
    pthread_mutex_lock(&g->lock);
    uint64_t v = pc_draw64(g);
    pthread_mutex_unlock(&g->lock);
    return PyLong_FromUnsignedLongLong(v);
}
static PyObject *get_device(PyObject *self, void *closure)
{
    PyObject *module = PyImport_ImportModule("pycnn._device"), *device = NULL;
    if (module != NULL) device = PyObject_CallMethod(module, "device", "s", "cpu");
    Py_XDECREF(module);
    return device;
}

static PyMethodDef methods[] = {
    { "manual_seed", manual_seed, METH_O,
      "manual_seed($self, seed, /)\n--\n\nSet the seed and return the generator.\n\nParameters\n----------\nseed : "
      "int\n"
      "    In [-2**63, 2**64 - 1]; negative ones count from 2**64.\n\nReturns\n-------\nGenerator\n" },
    { "seed", seed, METH_NOARGS, "seed($self, /)\n--\n\nSeed from the operating system and return the seed." },
    { "initial_seed", initial_seed, METH_NOARGS, "initial_seed($self, /)\n--\n\nReturn the seed." },
    { "get_state", get_state, METH_NOARGS,
      "get_state($self, /)\n--\n\nReturn the state: a uint8 tensor of 5056 elements." },
    { "set_state", set_state, METH_O,
      "set_state($self, new_state, /)\n--\n\nGo on from a state of get_state().\n\n"
      "Parameters\n----------\nnew_state : Tensor [5056] of uint8\n    pycnn's or "
      "torch's.\n\nReturns\n-------\nGenerator\n" },
    { "_draw64", draw64, METH_NOARGS, "_draw64($self, /)\n--\n\nReturn the next 64-bit draw." },
    { 0 }
};
static PyGetSetDef getset[] = { { "device", get_device, NULL, "The CPU.", NULL }, { 0 } };
static PyType_Slot slots[] = {
    { Py_tp_new, generator_new }, { Py_tp_dealloc, generator_dealloc }, { Py_tp_methods, methods },
    { Py_tp_getset, getset },
    { Py_tp_doc, "Generator(device='cpu')\n--\n\nA stream of random numbers: PyTorch's mt19937, bit for bit.\n\n"
                 "Parameters\n----------\ndevice : str or device, default \"cpu\"\n    The CPU.\n\n"
                 "See Also\n--------\ntorch.Generator : same behaviour.\n" },
    { 0, NULL }
};
static PyType_Spec spec = { "pycnn.Generator", sizeof(generator_object), 0, Py_TPFLAGS_DEFAULT, slots };

int pc_py_add_random(PyObject *module)
{
    generator_type = (PyTypeObject *)PyType_FromSpec(&spec);
    if (generator_type == NULL) return -1;
    generator_object *o = PyObject_New(generator_object, generator_type);
    if (o == NULL) return -1;
    o->g = pc_default_generator();
    int rc = PyModule_AddObjectRef(module, "Generator", (PyObject *)generator_type);
    if (rc == 0) rc = PyModule_AddObjectRef(module, "default_generator", (PyObject *)o);
    Py_DECREF(o);
    return rc;
}
