/* data_binding.c -- batches of image data sets, for pycnn/utils/data. */
#include "python.h"
#include "../data/batch.h"

/* A contiguous C buffer of `item` bytes an element and `ndim` dimensions. */
static int get_buffer(PyObject *o, Py_buffer *view, Py_ssize_t item, int ndim, const char *what)
{
    if (PyObject_GetBuffer(o, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) return -1;
    if (view->itemsize == item && view->ndim == ndim) return 0;
    PyBuffer_Release(view);
    PyErr_Format(PyExc_ValueError, "%s must be a C-contiguous array of %d dimensions with %zd bytes an element", what, ndim,
                 item);
    return -1;
}

/* load_batch(images uint8 [n, h, w, c], labels int64 [n], pipeline, indices, generator) -> (x, y) */
static PyObject *load_batch(PyObject *module, PyObject *args)
{
    PyObject *images_o, *labels_o, *pipeline_o, *indices_o, *generator_o, *result = NULL;
    Py_buffer images, labels;
    pc_tensor *x = NULL, *y = NULL;
    int64_t *indices = NULL;
    if (!PyArg_ParseTuple(args, "OOOOO", &images_o, &labels_o, &pipeline_o, &indices_o, &generator_o)) return NULL;
    pc_pipeline *p = pc_py_pipeline_of(pipeline_o);
    pc_generator *g = p != NULL ? pc_py_generator_of(generator_o) : NULL;
    if (g == NULL) return NULL;
    if (get_buffer(images_o, &images, 1, 4, "images") < 0) return NULL;
    if (get_buffer(labels_o, &labels, 8, 1, "labels") < 0) {
        PyBuffer_Release(&images);
        return NULL;
    }
    Py_ssize_t n = PySequence_Size(indices_o);
    if (n < 0) goto done;
    if (labels.shape[0] != images.shape[0]) {
        PyErr_Format(PyExc_ValueError, "%zd images, but %zd labels", images.shape[0], labels.shape[0]);
        goto done;
    }
    if ((indices = pc_calloc((size_t)n + 1, sizeof *indices)) == NULL) {
        pc_py_no_memory();
        goto done;
    }
    for (Py_ssize_t k = 0; k < n; k++) {
        PyObject *item = PySequence_GetItem(indices_o, k);
        indices[k] = item != NULL ? PyLong_AsLongLong(item) : -1;
        Py_XDECREF(item);
        if (indices[k] == -1 && PyErr_Occurred()) goto done;
        if (indices[k] < 0) indices[k] += images.shape[0];
    }
    pc_images set = { images.buf, labels.buf, images.shape[0],
                      { (int)images.shape[1], (int)images.shape[2], (int)images.shape[3] } };
    pc_status status;
    Py_BEGIN_ALLOW_THREADS
    status = pc_batch_load(&set, p, g, indices, n, &x, &y);
    Py_END_ALLOW_THREADS
    if (status != PC_OK) {
        pc_py_raise(status);
        goto done;
    }
    PyObject *px = pc_py_wrap(x), *py = pc_py_wrap(y);
    result = px != NULL && py != NULL ? PyTuple_Pack(2, px, py) : NULL;
    Py_XDECREF(px);
    Py_XDECREF(py);
done:
    pc_free(indices);
    PyBuffer_Release(&images);
    PyBuffer_Release(&labels);
    return result;
}

static PyMethodDef functions[] = {
    { "load_batch", load_batch, METH_VARARGS, "load_batch(images, labels, pipeline, indices, generator) -> (x, y)" }, { 0 }
};

int pc_py_add_data(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
