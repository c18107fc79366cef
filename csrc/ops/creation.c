/* creation.c -- tensors from nothing or like others, copies, conversions, and what writes constants. */
#include "../core/parallel.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include "elementwise.h"
#include "shape.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* torch's numbers of memory formats. */
enum { FORMAT_CONTIGUOUS = 0, FORMAT_PRESERVE = 1, FORMAT_CHANNELS_LAST = 2 };

static const pc_value zero = { .kind = PC_INT, .i = 0 }, one = { .kind = PC_INT, .i = 1 };

static pc_dtype dtype_or(pc_value v, pc_dtype otherwise)
{
    return v.kind == PC_DTYPE ? (pc_dtype)v.i : otherwise;
}
/* What torch.full makes of a number. */
static pc_dtype dtype_of_number(pc_value v)
{
    return v.kind == PC_FLOAT ? pc_default_dtype() : v.kind == PC_INT ? PC_I64 : PC_BOOL;
}

static pc_status channels_last_strides(int ndim, const int64_t *shape, int64_t *stride)
{
    pc_status status = PC_OK;
    PC_CHECK(ndim == 4, PC_ESHAPE, "required rank 4 tensor to use channels_last format");
    stride[1] = 1;
    stride[3] = shape[1] > 1 ? shape[1] : 1;
    stride[2] = pc_times(stride[3], shape[3] > 1 ? shape[3] : 1);
    stride[0] = pc_times(stride[2], shape[2] > 1 ? shape[2] : 1);
done:
    return status;
}

/* A tensor of t's shape; format: None or FORMAT_PRESERVE keep the order of its dimensions in memory. */
static pc_status new_like(const pc_tensor *t, pc_dtype dtype, pc_value format, pc_tensor **out)
{
    pc_status status = PC_OK;
    int64_t stride[PC_MAX_DIMS];
    if (format.kind == PC_INT && format.i == FORMAT_CONTIGUOUS) pc_contiguous_strides(t->ndim, t->shape, stride);
    else if (format.kind == PC_INT && format.i == FORMAT_CHANNELS_LAST)
        PC_TRY(channels_last_strides(t->ndim, t->shape, stride));
    else pc_dense_strides(t, stride);
    PC_TRY(pc_tensor_new_strided(dtype, t->ndim, t->shape, stride, out));
done:
    return status;
}

/* A new tensor filled with a number (PC_NONE: not at all). */
static pc_status filled(pc_value size, pc_dtype dtype, pc_value value, pc_tensor **out)
{
    pc_status status = PC_OK;
    if (value.kind != PC_NONE) PC_TRY(pc_check_fits(value, dtype));
    PC_TRY(pc_tensor_new(dtype, size.ints.n, size.ints.v, out));
    if (value.kind != PC_NONE) PC_TRY(pc_fill(*out, value));
done:
    return status;
}
static pc_status filled_like(const pc_tensor *t, pc_dtype dtype, pc_value format, pc_value value, pc_tensor **out)
{
    pc_status status = PC_OK;
    if (value.kind != PC_NONE) PC_TRY(pc_check_fits(value, dtype));
    PC_TRY(new_like(t, dtype, format, out));
    if (value.kind != PC_NONE) PC_TRY(pc_fill(*out, value));
done:
    return status;
}

/* ---- constants ----------------------------------------------------------------------------------- */

static pc_status zeros_forward(pc_call *c)
{
    for (int d = 0; d < c->v[0].ints.n; d++)
        if (c->v[0].ints.v[d] < 0) return pc_fail(PC_ESHAPE, "zeros: Dimension size must be non-negative.");
    return filled(c->v[0], dtype_or(c->v[1], pc_default_dtype()), zero, &c->out[0]);
}
static pc_status ones_forward(pc_call *c)
{
    return filled(c->v[0], dtype_or(c->v[1], pc_default_dtype()), one, &c->out[0]);
}
static pc_status full_forward(pc_call *c)
{
    return filled(c->v[0], dtype_or(c->v[2], dtype_of_number(c->v[1])), c->v[1], &c->out[0]);
}
static pc_status empty_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int64_t stride[PC_MAX_DIMS], *given = NULL;
    pc_value size = c->v[0], format = c->v[2];
    if (format.kind == PC_INT && format.i == FORMAT_CHANNELS_LAST) {
        PC_TRY(channels_last_strides(size.ints.n, size.ints.v, stride));
        given = stride;
    }
    PC_TRY(pc_tensor_new_strided(dtype_or(c->v[1], pc_default_dtype()), size.ints.n, size.ints.v, given, &c->out[0]));
done:
    return status;
}

static pc_status like(pc_call *c, pc_value dtype, pc_value format, pc_value value)
{
    return filled_like(c->in[0], dtype_or(dtype, c->in[0]->dtype), format, value, &c->out[0]);
}
static pc_status zeros_like_forward(pc_call *c) { return like(c, c->v[0], c->v[1], zero); }
static pc_status ones_like_forward(pc_call *c) { return like(c, c->v[0], c->v[1], one); }
static pc_status empty_like_forward(pc_call *c) { return like(c, c->v[0], c->v[1], (pc_value){ .kind = PC_NONE }); }
static pc_status full_like_forward(pc_call *c) { return like(c, c->v[1], c->v[2], c->v[0]); }

static pc_status new_zeros_forward(pc_call *c)
{
    return filled(c->v[0], dtype_or(c->v[1], c->in[0]->dtype), zero, &c->out[0]);
}
static pc_status new_ones_forward(pc_call *c)
{
    return filled(c->v[0], dtype_or(c->v[1], c->in[0]->dtype), one, &c->out[0]);
}
static pc_status new_empty_forward(pc_call *c)
{
    return filled(c->v[0], dtype_or(c->v[1], c->in[0]->dtype), (pc_value){ .kind = PC_NONE }, &c->out[0]);
}
static pc_status new_full_forward(pc_call *c)
{
    return filled(c->v[0], dtype_or(c->v[2], c->in[0]->dtype), c->v[1], &c->out[0]);
}

static pc_status eye_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int64_t n = c->v[0].i, m = c->v[1].kind == PC_INT ? c->v[1].i : n, step;
    PC_CHECK(n >= 0, PC_ESHAPE, "n must be greater or equal to 0, got %" PRId64, n);
    PC_CHECK(m >= 0, PC_ESHAPE, "m must be greater or equal to 0, got %" PRId64, m);
    pc_value size = { .kind = PC_INTS, .ints = { .n = 2, .v = { n, m } } };
    pc_tensor *diagonal = NULL;
    int64_t length = n < m ? n : m;
    PC_TRY(filled(size, dtype_or(c->v[2], pc_default_dtype()), zero, &c->out[0]));
    step = m + 1;
    PC_TRY(pc_tensor_view(c->out[0], 1, &length, &step, 0, &diagonal));
    status = pc_fill(diagonal, one);
    pc_release(diagonal);
done:
    return status;
}

/* ---- ranges -------------------------------------------------------------------------------------- */

/* f64 or i64 values, converted to the dtype wanted. */
static pc_status converted(pc_tensor *values, pc_dtype dtype, pc_tensor **out)
{
    if (values->dtype != dtype) return pc_cast(values, dtype, out);
    *out = pc_retain(values);
    return PC_OK;
}

/* start + step * i as torch rounds it: vectors of 32 bytes, by pairs, start from rounded values. */
static void steps(double *out, int64_t n, double start, double step, bool single)
{
    int64_t width = single ? 8 : 4, whole = n - n % (2 * width);
    for (int64_t i = 0; i < whole; i++) {
        double base = fma(step, (double)(i - i % width), start);
        out[i] = fma(step, (double)(i % width), single ? (double)(float)base : base);
    }
    for (int64_t i = whole; i < n; i++) out[i] = fma(step, (double)i, start);
}

static pc_status arange(pc_call *c, pc_value start, pc_value end, pc_value step, pc_value wanted)
{
    pc_status status = PC_OK;
    bool floats = start.kind == PC_FLOAT || end.kind == PC_FLOAT || step.kind == PC_FLOAT;
    pc_dtype dtype = dtype_or(wanted, floats ? pc_default_dtype() : PC_I64);
    double s = pc_value_f64(start), e = pc_value_f64(end), d = pc_value_f64(step), count;
    pc_tensor *values = NULL;

    PC_CHECK(d != 0, PC_ESHAPE, "step must be nonzero");
    PC_CHECK(isfinite(s) && isfinite(e), PC_ESHAPE, "unsupported range: %g -> %g", s, e);
    PC_CHECK((d > 0 && e >= s) || (d < 0 && e <= s), PC_ESHAPE,
             "upper bound and lower bound inconsistent with step sign");
    count = ceil((e - s) / d);
    if (!floats && fabs(s) < 0x1p52 && fabs(e) < 0x1p52 && fabs(d) < 0x1p52)
        count = (double)((end.i - start.i + step.i - (step.i > 0 ? 1 : -1)) / step.i);
    PC_CHECK(count >= 0 && count < 0x1p62, PC_ESHAPE, "invalid size, possible overflow?");
    int64_t n = (int64_t)count;
    if (pc_dtype_is_float(dtype)) {
        PC_TRY(pc_tensor_new(PC_F64, 1, &n, &values));
        steps(pc_data(values), n, s, d, dtype == PC_F32);
    } else {
        uint64_t first = (uint64_t)pc_value_i64(start), by = (uint64_t)pc_value_i64(step);
        PC_TRY(pc_tensor_new(PC_I64, 1, &n, &values));
        for (int64_t i = 0; i < n; i++) ((int64_t *)pc_data(values))[i] = (int64_t)(first + by * (uint64_t)i);
    }
    PC_TRY(converted(values, dtype, &c->out[0]));
done:
    pc_release(values);
    return status;
}
static pc_status arange_end_forward(pc_call *c) { return arange(c, zero, c->v[0], one, c->v[1]); }
static pc_status arange_forward(pc_call *c) { return arange(c, c->v[0], c->v[1], c->v[2], c->v[3]); }

/* From both ends towards the middle, so that both are exact. */
static pc_status linspace_forward(pc_call *c)
{
    pc_status status = PC_OK;
    double start = pc_value_f64(c->v[0]), end = pc_value_f64(c->v[1]);
    int64_t n = c->v[2].i, half = n / 2;
    pc_dtype dtype = dtype_or(c->v[3], pc_default_dtype());
    pc_tensor *values = NULL;

    PC_CHECK(n >= 0, PC_ESHAPE, "number of steps must be non-negative");
    if (dtype == PC_F32) {
        float low = (float)start, high = (float)end, step = n > 1 ? (high - low) / (float)(n - 1) : 0;
        PC_TRY(pc_tensor_new(PC_F32, 1, &n, &values));
        for (int64_t i = 0; i < n; i++)
            pc_f32(values)[i] = i < half || n == 1 ? fmaf(step, (float)i, low) : fmaf(-step, (float)(n - 1 - i), high);
    } else {
        double step = n > 1 ? (end - start) / (double)(n - 1) : 0;
        PC_TRY(pc_tensor_new(PC_F64, 1, &n, &values));
        for (int64_t i = 0; i < n; i++)
            ((double *)pc_data(values))[i] = i < half || n == 1 ? fma(step, (double)i, start)
                                                                : fma(-step, (double)(n - 1 - i), end);
    }
    PC_TRY(converted(values, dtype, &c->out[0]));
done:
    pc_release(values);
    return status;
}

/* ---- writes -------------------------------------------------------------------------------------- */

static pc_status fill_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *self = c->in[0], *value = c->in[1];
    PC_CHECK(value->ndim == 0, PC_ESHAPE,
             "fill_ only supports 0-dimension value tensor but got tensor with %d dimensions.", value->ndim);
    pc_value v = pc_number(value);
    if (value->is_number) PC_TRY(pc_check_fits(v, self->dtype));
    PC_TRY(pc_fill(self, v));
    c->out[0] = pc_retain(self);
done:
    return status;
}
static pc_status fill_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = c->need[0] ? pc_zeros_like(c->in[0], &gin[0]) : PC_OK;
    if (status == PC_OK && c->need[1]) status = pc_sum_to(gout[0], c->in[1], &gin[1]);
    return status;
}
static pc_status zero_forward(pc_call *c)
{
    pc_status status = pc_fill(c->in[0], zero);
    if (status == PC_OK) c->out[0] = pc_retain(c->in[0]);
    return status;
}
static pc_status zero_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return c->need[0] ? pc_zeros_like(c->in[0], &gin[0]) : PC_OK;
}

static pc_status copy_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int64_t shape[PC_MAX_DIMS];
    int ndim;
    char have[200], want[200];
    PC_TRY(pc_broadcast(2, c->in, &ndim, shape));
    pc_tensor wanted = { .ndim = ndim };
    memcpy(wanted.shape, shape, sizeof shape);
    PC_CHECK(pc_same_shape(&wanted, c->in[0]), PC_ESHAPE, "output with shape %s doesn't match the broadcast shape %s",
             pc_shape_text(c->in[0], have), pc_shape_text(&wanted, want));
    PC_TRY(pc_check_overlap(c->in[0], c->in[1]));
    PC_TRY(pc_copy(c->in[0], c->in[1]));
    c->out[0] = pc_retain(c->in[0]);
done:
    return status;
}
static pc_status copy_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = c->need[0] ? pc_zeros_like(c->in[0], &gin[0]) : PC_OK;
    if (status == PC_OK && c->need[1]) status = pc_sum_to(gout[0], c->in[1], &gin[1]);
    return status;
}

/* ---- copies and conversions ---------------------------------------------------------------------- */

static pc_status same_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return pc_sum_to(gout[0], c->in[0], &gin[0]);
}
static pc_status clone_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *t = c->in[0];
    pc_value format = c->v[0];
    bool kept = format.kind != PC_INT || format.i == FORMAT_PRESERVE;
    if (kept || (format.i == FORMAT_CONTIGUOUS && pc_is_contiguous(t))) return pc_clone(t, &c->out[0]);
    PC_TRY(new_like(t, t->dtype, format, &c->out[0]));
    PC_TRY(pc_copy(c->out[0], t));
done:
    return status;
}
static pc_status cast_forward(pc_call *c) { return pc_cast(c->in[0], (pc_dtype)c->v[0].i, &c->out[0]); }

/* The tensor itself where nothing is to be done. */
static pc_status contiguous_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *t = c->in[0];
    bool channels_last = c->v[0].i != 0;
    if (channels_last ? pc_is_channels_last(t) : pc_is_contiguous(t)) {
        c->out[0] = pc_retain(t);
        goto done;
    }
    PC_TRY(new_like(t, t->dtype, (pc_value){ .kind = PC_INT, .i = channels_last ? FORMAT_CHANNELS_LAST : 0 },
                    &c->out[0]));
    PC_TRY(pc_copy(c->out[0], t));
done:
    return status;
}

/* ---- tril, triu ---------------------------------------------------------------------------------- */

/* Zero the elements of t above (below) a diagonal. */
static pc_status cut(pc_tensor *t, int64_t diagonal, bool keep_lower)
{
    pc_status status = PC_OK;
    int64_t rows = t->shape[t->ndim - 2], columns = t->shape[t->ndim - 1], stride[PC_MAX_DIMS];
    pc_tensor *part = NULL;
    for (int64_t i = 0; i < rows; i++) {
        int64_t edge = i + diagonal + (keep_lower ? 1 : 0); /* the first column that is kept, or dropped */
        int64_t at = edge < 0 ? 0 : edge > columns ? columns : edge;
        int64_t from = keep_lower ? at : 0, count = keep_lower ? columns - at : at, shape[PC_MAX_DIMS];
        if (count == 0 || t->numel == 0) continue;
        memcpy(shape, t->shape, sizeof shape);
        memcpy(stride, t->stride, sizeof stride);
        shape[t->ndim - 2] = 1;
        shape[t->ndim - 1] = count;
        PC_TRY(pc_tensor_view(t, t->ndim, shape, stride,
                              t->offset + i * stride[t->ndim - 2] + from * stride[t->ndim - 1], &part));
        PC_TRY(pc_fill(part, zero));
        pc_release(part);
        part = NULL;
        PC_TRY(pc_poll_at(i));
    }
done:
    pc_release(part);
    return status;
}
static pc_status triangle(pc_call *c, const char *name, bool keep_lower)
{
    pc_status status = PC_OK;
    pc_tensor *t = c->in[0];
    PC_CHECK(t->ndim >= 2, PC_ESHAPE, "%s: input tensor must have at least 2 dimensions", name);
    if (c->inplace) {
        c->out[0] = pc_retain(t);
    } else {
        PC_TRY(pc_tensor_new(t->dtype, t->ndim, t->shape, &c->out[0]));
        PC_TRY(pc_copy(c->out[0], t));
    }
    PC_TRY(cut(c->out[0], c->v[0].i, keep_lower));
done:
    return status;
}
static pc_status triangle_backward(pc_call *c, pc_tensor *g, bool keep_lower, pc_tensor **gin)
{
    pc_status status = PC_OK;
    PC_TRY(pc_cast(g, g->dtype, &gin[0]));
    PC_TRY(cut(gin[0], c->v[0].i, keep_lower));
done:
    return status;
}
static pc_status tril_forward(pc_call *c) { return triangle(c, "tril", true); }
static pc_status triu_forward(pc_call *c) { return triangle(c, "triu", false); }
static pc_status tril_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return triangle_backward(c, gout[0], true, gin);
}
static pc_status triu_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return triangle_backward(c, gout[0], false, gin);
}

/* ---- one_hot ------------------------------------------------------------------------------------- */

static pc_status one_hot_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *t = c->in[0], *classes = NULL;
    int64_t n = c->v[0].i, most = -1;
    pc_value size = { .kind = PC_INTS, .ints = { .n = t->ndim + 1 } };

    PC_CHECK(t->dtype == PC_I64, PC_ESHAPE, "one_hot is only applicable to index tensor of type LongTensor.");
    PC_CHECK(t->numel > 0 || n > 0, PC_ESHAPE, "Can not infer total number of classes from empty tensor.");
    PC_CHECK(t->ndim < PC_MAX_DIMS, PC_ESHAPE, "tensors have at most %d dimensions here", PC_MAX_DIMS);
    PC_TRY(pc_contiguous(t, &classes));
    const int64_t *label = pc_data(classes);
    for (int64_t i = 0; i < t->numel; i++) {
        PC_CHECK(label[i] >= 0, PC_ESHAPE, "Class values must be non-negative.");
        if (label[i] > most) most = label[i];
        PC_TRY(pc_poll_at(i));
    }
    if (n == -1) n = most + 1;
    PC_CHECK(n > 0, PC_ESHAPE, "num_classes should be positive");
    PC_CHECK(most < n, PC_ESHAPE, "Class values must be smaller than num_classes.");
    memcpy(size.ints.v, t->shape, (size_t)t->ndim * sizeof *t->shape);
    size.ints.v[t->ndim] = n;
    PC_TRY(filled(size, PC_I64, zero, &c->out[0]));
    for (int64_t i = 0; i < t->numel; i++) {
        ((int64_t *)pc_data(c->out[0]))[i * n + label[i]] = 1;
        PC_TRY(pc_poll_at(i));
    }
done:
    pc_release(classes);
    return status;
}

/* ---- rows ---------------------------------------------------------------------------------------- */

#define MAKES (PC_FUNCTION | PC_FACTORY | PC_NOGRAD)
#define LIKE (MAKES | PC_PRIVATE)
#define NEW (PC_METHOD | PC_FACTORY | PC_NOGRAD | PC_PRIVATE)

static const pc_op rows[] = {
    { "zeros(int[] size, *, ScalarType? dtype=None) -> Tensor", zeros_forward, NULL, MAKES, "A tensor of zeros." },
    { "ones(int[] size, *, ScalarType? dtype=None) -> Tensor", ones_forward, NULL, MAKES, "A tensor of ones." },
    { "full(int[] size, Scalar fill_value, *, ScalarType? dtype=None) -> Tensor", full_forward, NULL, MAKES,
      "A tensor of one value, whose dtype is that of the value unless given.\n"
      "fill_value: Of all elements; gives the dtype where none is given." },
    { "empty(int[] size, *, ScalarType? dtype=None, int? memory_format=None) -> Tensor", empty_forward, NULL, MAKES,
      "A tensor with undefined contents." },
    { "zeros_like(Tensor self, *, ScalarType? dtype=None, int? memory_format=None) -> Tensor", zeros_like_forward, NULL,
      LIKE, "Zeros in the shape of self." },
    { "ones_like(Tensor self, *, ScalarType? dtype=None, int? memory_format=None) -> Tensor", ones_like_forward, NULL,
      LIKE, "Ones in the shape of self." },
    { "full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, int? memory_format=None) -> Tensor",
      full_like_forward, NULL, LIKE, "One value in the shape of self." },
    { "empty_like(Tensor self, *, ScalarType? dtype=None, int? memory_format=None) -> Tensor", empty_like_forward, NULL,
      LIKE, "Undefined contents in the shape of self." },
    { "new_zeros(Tensor self, int[] size, *, ScalarType? dtype=None) -> Tensor", new_zeros_forward, NULL, NEW,
      "Zeros of self's dtype." },
    { "new_ones(Tensor self, int[] size, *, ScalarType? dtype=None) -> Tensor", new_ones_forward, NULL, NEW,
      "Ones of self's dtype." },
    { "new_empty(Tensor self, int[] size, *, ScalarType? dtype=None) -> Tensor", new_empty_forward, NULL, NEW,
      "Undefined contents of self's dtype." },
    { "new_full(Tensor self, int[] size, Scalar fill_value, *, ScalarType? dtype=None) -> Tensor", new_full_forward,
      NULL, NEW, "One value, of self's dtype." },
    { "eye(int n, int? m=None, *, ScalarType? dtype=None) -> Tensor", eye_forward, NULL, MAKES,
      "Ones on the diagonal, zeros elsewhere.\n"
      "n: Number of rows.\n"
      "m: Number of columns; as many as rows by default." },
    { "arange(Scalar end, *, ScalarType? dtype=None) -> Tensor", arange_end_forward, NULL, MAKES,
      "0, 1, .. below end.\n"
      "end: Above the last number; the first is 0.\n"
      "dtype: Of the result; int64 where all arguments are integers, float32 otherwise." },
    { "arange.start(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None) -> Tensor", arange_forward,
      NULL, MAKES, "start, start + step, .. below end.\n"
      "start: The first number.\n"
      "end: Above the last number.\n"
      "step: From one number to the next." },
    { "linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None) -> Tensor", linspace_forward, NULL,
      MAKES, "Evenly spaced numbers from start to end, both included.\n"
      "start: The first number.\n"
      "end: The last number.\n"
      "steps: How many." },
    { "fill_(Tensor self, Operand value) -> Tensor", fill_forward, fill_backward, PC_METHOD | PC_WRITES | PC_FILLS,
      "Set every element to a number.\n"
      "value: A number, or a tensor of one element." },
    { "zero_(Tensor self) -> Tensor", zero_forward, zero_backward, PC_METHOD | PC_WRITES | PC_FILLS,
      "Set every element to 0." },
    { "copy_(Tensor self, Operand src, bool non_blocking=False) -> Tensor", copy_forward, copy_backward,
      PC_METHOD | PC_WRITES, "Write the elements of src, broadcast and converted.\n"
      "src: Broadcast to the tensor and converted to its dtype.\n"
      "non_blocking: Accepted and ignored." },
    { "clone(Tensor self, *, int? memory_format=None) -> Tensor", clone_forward, same_backward,
      PC_FUNCTION | PC_METHOD | PC_PRIVATE, "A copy with memory of its own." },
    { "_cast(Tensor self, ScalarType dtype) -> Tensor", cast_forward, same_backward, PC_METHOD | PC_PRIVATE,
      "A copy converted to a dtype." },
    { "_contiguous(Tensor self, bool channels_last=False) -> Tensor", contiguous_forward, same_backward,
      PC_METHOD | PC_VIEW, "A view, or a copy if the elements do not lie in memory in the order wanted." },
    { "tril(Tensor self, int diagonal=0) -> Tensor", tril_forward, tril_backward, PC_FUNCTION | PC_METHOD | PC_INPLACE,
      "The matrix on and below a diagonal, zeros above it." },
    { "triu(Tensor self, int diagonal=0) -> Tensor", triu_forward, triu_backward, PC_FUNCTION | PC_METHOD | PC_INPLACE,
      "The matrix on and above a diagonal, zeros below it." },
    { "one_hot(Tensor self, int num_classes=-1) -> Tensor", one_hot_forward, NULL, PC_NN | PC_NOGRAD,
      "A 1 at each class number in a new last dimension of zeros." },
};
PC_FAMILY(creation, rows);
