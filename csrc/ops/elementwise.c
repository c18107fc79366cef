/* elementwise.c -- loops over tensors of any strides, and what is common to operators that consist of one. */
#include "elementwise.h"
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../kernels/half.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include "shape.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- order of dimensions ------------------------------------------------------------------------- */

/* torch's order: 1 when dimension a of memory order should come after b, -1 before, 0 undecided. */
static int compare_dims(int nops, const int64_t stride[][PC_MAX_DIMS], const int64_t *shape, int a, int b)
{
    for (int k = 0; k < nops; k++) {
        int64_t sa = stride[k][a], sb = stride[k][b];
        if (sa == 0 || sb == 0) continue;
        if (sa != sb) return sa < sb ? -1 : 1;
        if (shape[a] > shape[b]) return 1;
    }
    return 0;
}

/* perm: dimensions from the innermost outwards, by an insertion sort that keeps undecided neighbours in place. */
static void order_dims(int nops, const int64_t stride[][PC_MAX_DIMS], int ndim, const int64_t *shape, int *perm)
{
    for (int i = 0; i < ndim; i++) perm[i] = ndim - 1 - i;
    for (int i = 1; i < ndim; i++) {
        int at = i;
        for (int j = i - 1; j >= 0; j--) {
            int order = compare_dims(nops, stride, shape, perm[j], perm[at]);
            if (order < 0) break;
            if (order > 0) {
                int swap = perm[j];
                perm[j] = perm[at];
                perm[at] = swap;
                at = j;
            }
        }
    }
}

void pc_dense_strides(const pc_tensor *t, int64_t *stride)
{
    int perm[PC_MAX_DIMS];
    int64_t step = 1;
    if (pc_is_dense(t)) {
        memcpy(stride, t->stride, sizeof t->stride);
        return;
    }
    order_dims(1, (const int64_t(*)[PC_MAX_DIMS])t->stride, t->ndim, t->shape, perm);
    for (int i = 0; i < t->ndim; i++) {
        stride[perm[i]] = step;
        if (t->shape[perm[i]] > 1) step *= t->shape[perm[i]];
    }
}

/* ---- loops --------------------------------------------------------------------------------------- */

/* Drop dimensions of one element and merge neighbours that are one run in every operand. */
static void coalesce(pc_loop *l)
{
    int last = -1;
    for (int i = 0; i < l->ndim; i++) {
        bool merge = last >= 0;
        if (l->shape[i] == 1) continue;
        for (int k = 0; k < l->nops && merge; k++) merge = l->stride[k][i] == l->stride[k][last] * l->shape[last];
        if (merge) {
            l->shape[last] *= l->shape[i];
            continue;
        }
        last++;
        l->shape[last] = l->shape[i];
        for (int k = 0; k < l->nops; k++) l->stride[k][last] = l->stride[k][i];
    }
    l->ndim = last + 1;
}

void pc_loop_plan(pc_loop *l, int nops, pc_tensor *const *t)
{
    const pc_tensor *dst = t[0];
    int64_t stride[PC_LOOP_MAX][PC_MAX_DIMS];
    int perm[PC_MAX_DIMS];
    bool flat = true;

    l->nops = nops;
    l->numel = dst->numel;
    for (int k = 0; k < nops; k++) {
        l->data[k] = t[k] != NULL ? pc_data(t[k]) : NULL;
        flat = flat && (t[k] == NULL || t[k]->numel == 1 || (t[k]->numel == dst->numel && pc_is_contiguous(t[k])));
    }
    if (flat) { /* each operand is one run or one element; equal counts mean equal extents up to ones */
        l->ndim = 1;
        l->shape[0] = dst->numel;
        for (int k = 0; k < nops; k++)
            l->stride[k][0] = t[k] == NULL || (t[k]->numel == 1 && dst->numel != 1) ? 0 : pc_dtype_size(t[k]->dtype);
        return;
    }
    for (int k = 0; k < nops; k++) {
        int lead = dst->ndim - (t[k] != NULL ? t[k]->ndim : 0);
        for (int i = 0; i < dst->ndim; i++) {
            int j = i - lead;
            bool spread = t[k] == NULL || j < 0 || (t[k]->shape[j] == 1 && dst->shape[i] != 1);
            stride[k][i] = spread ? 0 : t[k]->stride[j] * pc_dtype_size(t[k]->dtype);
        }
    }
    order_dims(nops, (const int64_t(*)[PC_MAX_DIMS])stride, dst->ndim, dst->shape, perm);
    l->ndim = dst->ndim;
    for (int i = 0; i < dst->ndim; i++) {
        l->shape[i] = dst->shape[perm[i]];
        for (int k = 0; k < nops; k++) l->stride[k][i] = stride[k][perm[i]];
    }
    coalesce(l);
}

typedef struct loop_job {
    const pc_loop *l;
    pc_row_fn row;
    const pc_row_args *args;
} loop_job;

/* Elements [begin, end) of the walk, in rows of the innermost dimension. */
static pc_status run_range(void *ctx, int64_t begin, int64_t end)
{
    const loop_job *job = ctx;
    const pc_loop *l = job->l;
    int64_t index[PC_MAX_DIMS] = { 0 }, inner[PC_LOOP_MAX] = { 0 }, left = end - begin;
    char *data[PC_LOOP_MAX] = { 0 }, *row[PC_LOOP_MAX];

    for (int k = 0; k < l->nops; k++) {
        data[k] = l->data[k];
        inner[k] = l->ndim > 0 ? l->stride[k][0] : 0;
    }
    for (int i = 0; i < l->ndim && begin > 0; i++) {
        index[i] = begin % l->shape[i];
        begin /= l->shape[i];
        for (int k = 0; k < l->nops; k++) data[k] += index[i] * l->stride[k][i];
    }
    while (left > 0) {
        int64_t n = l->ndim > 0 ? l->shape[0] - index[0] : 1;
        if (n > left) n = left;
        memcpy(row, data, sizeof row);
        job->row(job->args, n, row, inner);
        left -= n;
        if (left == 0) break;
        for (int k = 0; k < l->nops; k++) data[k] -= index[0] * inner[k];
        index[0] = 0;
        for (int i = 1; i < l->ndim; i++) {
            for (int k = 0; k < l->nops; k++) data[k] += l->stride[k][i];
            if (++index[i] < l->shape[i]) break;
            for (int k = 0; k < l->nops; k++) data[k] -= index[i] * l->stride[k][i];
            index[i] = 0;
        }
    }
    return PC_OK;
}

pc_status pc_loop_run(const pc_loop *l, int64_t grain, pc_row_fn row, const pc_row_args *args)
{
    loop_job job = { l, row, args };
    if (l->numel == 0) return PC_OK;
    if (l->numel > grain) return pc_parallel_for(l->numel, grain, run_range, &job);
    if (l->ndim <= 1) {
        int64_t stride[PC_LOOP_MAX];
        for (int k = 0; k < l->nops; k++) stride[k] = l->ndim == 1 ? l->stride[k][0] : 0;
        row(args, l->numel, l->data, stride);
        return PC_OK;
    }
    return run_range(&job, 0, l->numel);
}

pc_status pc_loop_run_in_order(const pc_loop *l, pc_row_fn row, const pc_row_args *args)
{
    const int64_t grain = 8 * PC_GRAIN;
    loop_job job = { l, row, args };
    for (int64_t begin = 0; begin < l->numel; begin += grain) {
        pc_status status = begin > 0 ? pc_poll() : PC_OK;
        if (status != PC_OK) return status;
        run_range(&job, begin, l->numel - begin < grain ? l->numel : begin + grain);
    }
    return PC_OK;
}

/* ---- promotion and broadcasting ------------------------------------------------------------------ */

pc_dtype pc_promote(pc_dtype a, pc_dtype b)
{
    pc_dtype low = a < b ? a : b, high = a < b ? b : a;
    if (low == PC_U8 && high == PC_I8) return PC_I16;
    if (low == PC_F16 && high == PC_BF16) return PC_F32;
    return high;
}

/* Of two categories, the lower one counts only where it is of a higher kind: bool < integer < float. */
static pc_dtype combine(int higher, int lower)
{
    if (higher < 0) return (pc_dtype)lower;
    if (lower < 0 || pc_dtype_is_float((pc_dtype)higher)) return (pc_dtype)higher;
    if (higher == PC_BOOL || pc_dtype_is_float((pc_dtype)lower)) return pc_promote((pc_dtype)higher, (pc_dtype)lower);
    return (pc_dtype)higher;
}

/* Where mask's bit k is set, operand k is left out. */
static pc_dtype result_type(int n, pc_tensor *const *t, uint32_t mask)
{
    int full = -1, zero_dim = -1, number = -1;
    for (int k = 0; k < n; k++) {
        if (t[k] == NULL || mask >> k & 1) continue;
        pc_dtype d = t[k]->dtype;
        int *of = t[k]->ndim > 0 ? &full : t[k]->is_number ? &number : &zero_dim;
        if (t[k]->is_number && pc_dtype_is_float(d)) d = pc_default_dtype();
        *of = *of < 0 ? (int)d : (int)pc_promote((pc_dtype)*of, d);
    }
    if (full >= 0 && zero_dim < 0 && number < 0) return (pc_dtype)full;
    return combine(full, zero_dim < 0 && number < 0 ? -1 : (int)combine(zero_dim, number));
}

pc_dtype pc_result_type(int n, pc_tensor *const *t) { return result_type(n, t, 0); }

pc_status pc_broadcast(int n, pc_tensor *const *t, int *ndim, int64_t *shape)
{
    pc_status status = PC_OK;
    *ndim = 0;
    for (int k = 0; k < n; k++) {
        if (t[k] == NULL) continue;
        if (t[k]->ndim > *ndim) {
            int more = t[k]->ndim - *ndim;
            memmove(shape + more, shape, (size_t)*ndim * sizeof *shape);
            for (int i = 0; i < more; i++) shape[i] = t[k]->shape[i];
            *ndim = t[k]->ndim;
        }
        for (int i = *ndim - 1, j = t[k]->ndim - 1; j >= 0; i--, j--) {
            int64_t a = shape[i], b = t[k]->shape[j];
            PC_CHECK(a == b || a == 1 || b == 1, PC_ESHAPE, "The size of tensor a (%" PRId64 ") must match the size of "
                     "tensor b (%" PRId64 ") at non-singleton dimension %d", a, b, i);
            if (a == 1) shape[i] = b;
        }
    }
done:
    return status;
}

/* ---- the result ---------------------------------------------------------------------------------- */

/* A new tensor laid out as torch's TensorIterator does: as operands of one shape and layout are, otherwise dimensions
   in the order of the operands' strides. */
static pc_status new_result(pc_dtype dtype, int ndim, const int64_t *shape, int n, pc_tensor *const *in,
                            pc_tensor **out)
{
    int64_t stride[PC_LOOP_MAX][PC_MAX_DIMS], result[PC_MAX_DIMS], step = 1;
    int perm[PC_MAX_DIMS];
    bool whole = true, contiguous = true, last = ndim == 4, same = true, plain = pc_product(ndim, shape) > 0;

    pc_contiguous_strides(ndim, shape, result);
    for (int k = 0; k < n; k++) {
        const pc_tensor *t = in[k];
        bool own = t->ndim == ndim && memcmp(t->shape, shape, (size_t)ndim * sizeof *shape) == 0;
        plain = plain && (t->ndim == 0 || (own && memcmp(t->stride, result, (size_t)ndim * sizeof *result) == 0));
        whole = whole && own;
        if (!whole) continue;
        contiguous = contiguous && pc_is_contiguous(t);
        last = last && pc_is_channels_last(t);
        same = same && pc_is_dense(t) && memcmp(t->stride, in[0]->stride, (size_t)ndim * sizeof *shape) == 0;
    }
    if (plain || (whole && contiguous)) return pc_tensor_new(dtype, ndim, shape, out);
    if (whole && last) {
        const int64_t w = shape[3] > 1 ? shape[3] : 1, h = shape[2] > 1 ? shape[2] : 1, c = shape[1] > 1 ? shape[1] : 1;
        return pc_tensor_new_strided(dtype, 4, shape, (int64_t[]){ h * w * c, 1, w * c, c }, out);
    }
    if (whole && same) return pc_tensor_new_strided(dtype, ndim, shape, in[0]->stride, out);
    for (int k = 0; k < n; k++)
        for (int i = 0; i < ndim; i++) {
            int j = i - (ndim - in[k]->ndim);
            stride[k][i] = j < 0 || (in[k]->shape[j] == 1 && shape[i] != 1) ? 0 : in[k]->stride[j];
        }
    order_dims(n, (const int64_t(*)[PC_MAX_DIMS])stride, ndim, shape, perm);
    plain = true;
    for (int i = 0; i < ndim; i++) {
        plain = plain && perm[i] == ndim - 1 - i;
        result[perm[i]] = step;
        step *= shape[perm[i]];
    }
    return pc_tensor_new_strided(dtype, ndim, shape, plain ? NULL : result, out);
}

static bool can_cast(pc_dtype from, pc_dtype to)
{
    if (pc_dtype_is_float(from) && !pc_dtype_is_float(to)) return false;
    return from == PC_BOOL || to != PC_BOOL;
}

static pc_status check_into(const pc_tensor *into, pc_dtype dtype, int ndim, const int64_t *shape)
{
    pc_status status = PC_OK;
    pc_tensor wanted = { .ndim = ndim };
    char have[200], want[200];
    PC_CHECK(can_cast(dtype, into->dtype), PC_ESHAPE, "result type %s can't be cast to the desired output type %s",
             pc_dtype_type_name(dtype), pc_dtype_type_name(into->dtype));
    if (into->ndim == ndim && memcmp(into->shape, shape, (size_t)ndim * sizeof *shape) == 0) goto done;
    memcpy(wanted.shape, shape, (size_t)ndim * sizeof *shape);
    PC_CHECK(false, PC_ESHAPE, "output with shape %s doesn't match the broadcast shape %s", pc_shape_text(into, have),
             pc_shape_text(&wanted, want));
done:
    return status;
}

/* As torch, this looks at dense tensors only: equal ones and those that lie apart are fine. */
pc_status pc_check_overlap(const pc_tensor *out, const pc_tensor *in)
{
    pc_status status = PC_OK;
    if (in == out || in->storage != out->storage || in->numel == 0 || out->numel == 0) goto done;
    if (!pc_is_dense(in) || !pc_is_dense(out)) goto done;
    bool apart = in->offset >= out->offset + out->numel || out->offset >= in->offset + in->numel;
    bool equal = in->offset == out->offset && pc_same_shape(in, out)
                 && memcmp(in->stride, out->stride, (size_t)in->ndim * sizeof *in->stride) == 0;
    PC_CHECK(apart || equal, PC_ESHAPE,
             "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single "
             "memory location. Please clone() the tensor before performing the operation.");
done:
    return status;
}

/* The private values of all operands that are no single numbers; *all is false if some have none. */
static pc_status private_operands(int n, pc_tensor *const *in, const float **values, const pc_tensor **like, bool *all)
{
    pc_status status = PC_OK;
    bool unsettled = false;
    *all = false;
    *like = NULL;
    for (int k = 0; k < n; k++) {
        values[k] = NULL;
        if (in[k]->numel == 1) continue;
        if (in[k]->ndim != 4 || in[k]->dtype != PC_F32) return PC_OK;
        if (*like != NULL && !pc_same_shape(*like, in[k])) return PC_OK;
        *like = in[k];
        unsettled = unsettled || atomic_load_explicit(&in[k]->storage->data, memory_order_acquire) == NULL;
    }
    if (!unsettled) return PC_OK;
    for (int k = 0; k < n; k++) {
        if (in[k]->numel == 1) continue;
        values[k] = pc_tensor_nhwc(in[k], &status);
        PC_TRY(status);
        if (values[k] == NULL) goto done;
    }
    *all = true;
done:
    return status;
}

/* ---- numbers ------------------------------------------------------------------------------------- */

pc_value pc_number(const pc_tensor *t)
{
    bool is_float = pc_dtype_is_float(t->dtype);
    pc_value v = { .kind = is_float ? PC_FLOAT : t->dtype == PC_BOOL ? PC_BOOLEAN : PC_INT };
    char *to = is_float ? (char *)&v.f : (char *)&v.i;
    pc_convert_row(t->dtype, is_float ? PC_F64 : PC_I64)(NULL, 1, (char *const[]){ to, pc_data(t) },
                                                         (int64_t[]){ 0, 0 });
    return v;
}

pc_status pc_check_fits(pc_value v, pc_dtype dtype)
{
    static const struct {
        const char *name;
        double low, high;
    } limits[PC_DTYPE_COUNT] = {
        [PC_U8] = { "uint8_t", -255, 255 }, /* negative numbers wrap around, as in torch */
        [PC_I8] = { "int8_t", -128, 127 },
        [PC_I16] = { "int16_t", -32768, 32767 },
        [PC_I32] = { "int", -0x1p31, 0x1p31 - 1 },
        [PC_I64] = { "int64_t", -0x1p63, 0x1p63 },
        [PC_F16] = { "at::Half", -65504, 65504 },
        [PC_BF16] = { "at::BFloat16", -0x1.fep127, 0x1.fep127 },
        [PC_F32] = { "float", -0x1.fffffep127, 0x1.fffffep127 },
    };
    pc_status status = PC_OK;
    double x = pc_value_f64(v);
    bool unlimited = dtype == PC_BOOL || dtype == PC_F64 || (pc_dtype_is_float(dtype) && !isfinite(x));
    PC_CHECK(unlimited || (x >= limits[dtype].low && x <= limits[dtype].high), PC_ESHAPE,
             "value cannot be converted to type %s without overflow", limits[dtype].name);
done:
    return status;
}

/* ---- conversion on the way ----------------------------------------------------------------------- */

#define BLOCK 512

/* A row between conversions. It takes the place of the row's arguments, which it holds. */
typedef struct converting {
    pc_row_fn row, convert[PC_LOOP_MAX]; /* NULL: the operand is as the row wants it */
    const pc_row_args *args;
    int nops;
    int64_t size[PC_LOOP_MAX]; /* of an element as the row sees it */
} converting;

static void converting_row PC_ROW_PARAMS
{
    const converting *c = (const void *)args;
    int64_t buffer[PC_LOOP_MAX][BLOCK], step[PC_LOOP_MAX];
    char *at[PC_LOOP_MAX];
    for (int64_t i = 0; i < n; i += BLOCK) {
        int64_t m = n - i < BLOCK ? n - i : BLOCK;
        for (int k = 0; k < c->nops; k++) {
            at[k] = data[k] + i * stride[k];
            step[k] = stride[k];
            if (c->convert[k] == NULL) continue;
            if (k > 0 && (stride[k] != 0 || i == 0))
                c->convert[k](NULL, stride[k] != 0 ? m : 1, (char *const[]){ (char *)buffer[k], at[k] },
                              (int64_t[]){ c->size[k], stride[k] });
            at[k] = (char *)buffer[k];
            step[k] = stride[k] != 0 || k == 0 ? c->size[k] : 0;
        }
        c->row(c->args, m, at, step);
        if (c->convert[0] != NULL)
            c->convert[0](NULL, m, (char *const[]){ data[0] + i * stride[0], at[0] },
                          (int64_t[]){ stride[0], c->size[0] });
    }
}

static bool is_mask(const pc_ew *e, int k)
{
    return (k == 0 && e->rules & PC_EW_MASK0) || (k == 1 && e->rules & PC_EW_MASK1);
}

pc_status pc_elementwise(const pc_ew *e, int nin, pc_tensor *const *in, const pc_row_args *args, pc_tensor *into,
                         pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *t[PC_LOOP_MAX] = { NULL }, *result = NULL;
    const float *values[PC_LOOP_MAX], *own = NULL;
    const pc_tensor *like = NULL;
    int64_t shape[PC_MAX_DIMS], grain = e->rules & PC_EW_COSTLY ? PC_GRAIN / 8 : PC_GRAIN;
    bool all_private = false, convert = false;
    converting c = { .args = args, .nops = nin + 1 };
    int ndim;
    pc_loop l;

    uint32_t masks = (e->rules & PC_EW_MASK0 ? 1 : 0) | (e->rules & PC_EW_MASK1 ? 2 : 0);
    pc_dtype common = e->rules & PC_EW_OF_FIRST ? in[0]->dtype : result_type(nin, in, masks);
    if (e->rules & PC_EW_FLOAT && !pc_dtype_is_float(common)) common = pc_default_dtype();
    pc_dtype compute = common == PC_F64 ? PC_F64 : pc_dtype_is_float(common) ? PC_F32 : PC_I64;
    pc_dtype returned = e->rules & PC_EW_BOOL ? PC_BOOL : common, made = e->rules & PC_EW_BOOL ? PC_BOOL : compute;
    if (compute == PC_F32) c.row = e->f32 != 0 ? *(const pc_row_fn *)((const char *)pc_k + e->f32) : e->f32_row;
    else c.row = compute == PC_F64 ? e->f64 : e->i64;
    if (e->u8 != NULL && (common == PC_U8 || (common == PC_BOOL && e->rules & PC_EW_BYTES))) {
        c.row = e->u8;
        compute = common;
        if (made != PC_BOOL) made = common;
    }
    PC_CHECK(c.row != NULL && !(common == PC_BOOL && e->rules & PC_EW_NO_BOOL), PC_ENOTIMPL,
             "\"%s\" not implemented for '%s'", e->name, pc_dtype_type_name(common));
    PC_TRY(pc_broadcast(nin, in, &ndim, shape));
    if (into != NULL) PC_TRY(check_into(into, returned, ndim, shape));
    if (returned == PC_F32 && ndim == 4) PC_TRY(private_operands(nin, in, values, &like, &all_private));
    if (into != NULL) {
        for (int k = 0; k < nin; k++) PC_TRY(pc_check_overlap(into, in[k]));
        own = pc_tensor_nhwc(into, &status);
        PC_TRY(status);
        all_private = all_private && own != NULL && pc_same_shape(into, like)
                      && atomic_load_explicit(&into->storage->data, memory_order_acquire) == NULL;
        if (own != NULL && !all_private) PC_TRY(pc_tensor_begin_write(into)); /* its private copy goes stale */
    }

    for (int k = 0; k < nin; k++) {
        pc_dtype wanted = is_mask(e, k) ? PC_BOOL : compute;
        if (all_private && values[k] != NULL) continue;
        PC_TRY(pc_tensor_settle(in[k]));
        t[k + 1] = in[k];
        if (in[k]->dtype == wanted) continue;
        convert = true;
        c.convert[k + 1] = pc_convert_row(in[k]->dtype, wanted);
        c.size[k + 1] = pc_dtype_size(wanted);
    }
    if (all_private) {
        if (into != NULL) result = pc_retain(into);
        else PC_TRY(pc_tensor_new_private(like->shape[0], like->shape[1], like->shape[2], like->shape[3], &result));
        l = (pc_loop){ .nops = nin + 1, .ndim = 1, .numel = result->numel, .shape = { result->numel } };
        l.data[0] = into != NULL ? (char *)own : (char *)pc_tensor_nhwc_new(result);
        l.stride[0][0] = sizeof(float);
        for (int k = 0; k < nin; k++) {
            l.data[k + 1] = values[k] != NULL ? (char *)values[k] : pc_data(in[k]);
            l.stride[k + 1][0] = values[k] != NULL ? sizeof(float) : 0;
        }
    } else {
        if (into != NULL) result = pc_retain(into);
        else PC_TRY(new_result(returned, ndim, shape, nin, in, &result));
        if (result->dtype != made) {
            convert = true;
            c.convert[0] = pc_convert_row(made, result->dtype);
            c.size[0] = pc_dtype_size(made);
        }
        t[0] = result;
        pc_loop_plan(&l, nin + 1, t);
    }
    if (convert) PC_TRY(pc_loop_run(&l, grain, converting_row, (const void *)&c));
    else PC_TRY(pc_loop_run(&l, grain, c.row, args));
    *out = result;
    result = NULL;
done:
    pc_release(result);
    return status;
}

pc_status pc_elementwise_into(const pc_ew *e, int nin, pc_tensor *const *in, const pc_row_args *args, pc_tensor *into)
{
    pc_tensor *result = NULL;
    pc_status status = pc_elementwise(e, nin, in, args, into, &result);
    pc_release(result);
    return status;
}

pc_status pc_ew_forward(pc_call *c, const pc_ew *e, const pc_row_args *args)
{
    pc_status status = PC_OK;
    if (c->inplace && c->grad && c->save & PC_SAVE_IN0) {
        PC_TRY(pc_clone(c->in[0], &c->aux[0]));
        c->save &= ~(uint32_t)PC_SAVE_IN0;
    }
    PC_TRY(pc_elementwise(e, c->nin, c->in, args, c->inplace ? c->in[0] : NULL, &c->out[0]));
done:
    return status;
}

/* ---- sums over broadcast dimensions -------------------------------------------------------------- */

/* Operand 0 is read, operand 1 is a double that it is added to. */
#define SUM_ROW(name, T, V, TOTAL)                                                                 \
    static void name PC_ROW_PARAMS                                                                 \
    {                                                                                              \
        const char *s = data[0];                                                                   \
        double *d = (double *)data[1];                                                             \
        (void)args;                                                                                \
        if (stride[1] == 0) {                                                                      \
            double total = 0;                                                                      \
            TOTAL                                                                                  \
            for (int64_t i = 0; i < n; i++, s += stride[0]) {                                      \
                T a = *(const T *)s;                                                               \
                total += V;                                                                        \
            }                                                                                      \
            *d += total;                                                                           \
            return;                                                                                \
        }                                                                                          \
        for (int64_t i = 0; i < n; i++, s += stride[0]) {                                          \
            T a = *(const T *)s;                                                                   \
            *(double *)((char *)d + i * stride[1]) += V;                                           \
        }                                                                                          \
    }
SUM_ROW(sum_f32, float, a, if (stride[0] == 4) { *d += pc_k->f32_total((const float *)s, n); return; })
SUM_ROW(sum_f64, double, a, )
SUM_ROW(sum_f16, uint16_t, pc_f16_to_f32(a), )
SUM_ROW(sum_bf16, uint16_t, pc_bf16_to_f32(a), )

typedef struct sum_job {
    const pc_loop *l;
    pc_row_fn row;
    int64_t grain, partial; /* along the outermost dimension; bytes from one chunk's sums to the next one's */
} sum_job;

static pc_status sum_slab(void *ctx, int64_t begin, int64_t end)
{
    const sum_job *job = ctx;
    pc_loop l = *job->l;
    int outer = l.ndim - 1;
    loop_job run = { &l, job->row, NULL };
    l.numel = l.numel / l.shape[outer] * (end - begin);
    l.shape[outer] = end - begin;
    for (int k = 0; k < 2; k++) l.data[k] += begin * l.stride[k][outer];
    l.data[1] += begin / job->grain * job->partial;
    return run_range(&run, 0, l.numel);
}

/* sums (zeroed doubles) = g summed over the dimensions in which sums has one element. */
static pc_status sum_dims(pc_tensor *g, pc_tensor *sums)
{
    static const pc_row_fn rows[PC_DTYPE_COUNT] = { [PC_F16] = sum_f16, [PC_BF16] = sum_bf16, [PC_F32] = sum_f32,
                                                    [PC_F64] = sum_f64 };
    pc_status status = PC_OK;
    pc_loop l;
    sum_job job = { &l, rows[g->dtype], 1, 0 };
    double *parts = NULL, *total = pc_data(sums);
    int64_t chunks = 1, most;

    PC_CHECK(job.row != NULL, PC_ENOTIMPL, "gradients of dtype %s cannot be summed", pc_dtype_name(g->dtype));
    pc_loop_plan(&l, 2, (pc_tensor *[]){ g, sums });
    if (l.numel == 0) goto done;
    if (l.ndim == 0) {
        job.row(NULL, 1, l.data, (int64_t[]){ 0, 0 });
        goto done;
    }
    int outer = l.ndim - 1;
    int64_t extent = l.shape[outer], inner = l.numel / extent;
    job.grain = inner >= PC_GRAIN ? 1 : PC_GRAIN / inner;
    if (l.stride[1][outer] == 0) { /* every chunk adds to the same sums: give each its own */
        most = (1 << 18) / sums->numel;
        if (most > 16) most = 16;
        if (most < 1) most = 1;
        if (job.grain < (extent + most - 1) / most) job.grain = (extent + most - 1) / most;
        chunks = (extent + job.grain - 1) / job.grain;
    }
    if (chunks > 1) {
        parts = pc_calloc((size_t)(chunks * sums->numel), sizeof *parts);
        PC_CHECK(parts != NULL, PC_ENOMEM, "out of memory for the sums of a gradient");
        l.data[1] = (char *)parts;
        job.partial = sums->numel * (int64_t)sizeof *parts;
    }
    PC_TRY(pc_parallel_for(extent, job.grain, sum_slab, &job));
    for (int64_t c = 0; c < chunks && parts != NULL; c++)
        for (int64_t i = 0; i < sums->numel; i++) total[i] += parts[c * sums->numel + i];
done:
    pc_free(parts);
    return status;
}

pc_status pc_sum_to(pc_tensor *g, const pc_tensor *like, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *sums = NULL, *result = NULL;

    if (pc_same_shape(g, like)) {
        if (g->dtype == like->dtype) *out = pc_retain(g);
        else PC_TRY(pc_cast(g, like->dtype, out));
        goto done;
    }
    PC_TRY(pc_tensor_settle(g));
    PC_TRY(pc_tensor_new(PC_F64, like->ndim, like->shape, &sums));
    memset(pc_data(sums), 0, (size_t)sums->numel * sizeof(double));
    PC_TRY(sum_dims(g, sums));
    PC_TRY(pc_cast(sums, like->dtype, &result));
    *out = result;
    result = NULL;
done:
    pc_release(sums);
    pc_release(result);
    return status;
}

pc_status pc_sum_to_own(pc_tensor **g, const pc_tensor *like)
{
    pc_tensor *summed = NULL;
    pc_status status = pc_sum_to(*g, like, &summed);
    pc_release(*g);
    *g = summed;
    return status;
}
