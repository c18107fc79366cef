/* offsets.c -- reading and writing at offsets that index tensors and masks give.

   Reads and writes go through one table of offsets, in elements, from where the dimensions that are not indexed put
   them. Where indices repeat, writes happen in order: results do not depend on the number of threads. */
#include "index.h"
#include "../core/parallel.h"
#include "../kernels/half.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include "elementwise.h"
#include "shape.h"
#include <inttypes.h>
#include <string.h>

/* ---- index tensors ----------------------------------------------------------------------------- */

pc_status pc_as_index(pc_tensor *t, pc_tensor **out)
{
    return t->dtype == PC_I64 ? pc_contiguous(t, out) : pc_cast(t, PC_I64, out);
}

const int64_t *pc_index_outside(const pc_tensor *index, int64_t low, int64_t size)
{
    const int64_t *v = pc_data(index);
    int64_t bad = 0;
    for (int64_t i = 0; i < index->numel; i++) bad |= v[i] < low || v[i] >= size;
    for (int64_t i = 0; bad && i < index->numel; i++)
        if (v[i] < low || v[i] >= size) return &v[i];
    return NULL;
}

pc_status pc_check_index(const pc_tensor *index, int64_t low, int64_t size, int dim, pc_status code)
{
    const int64_t *bad = pc_index_outside(index, low, size);
    if (bad == NULL) return PC_OK;
    if (size == 0) return pc_fail(code, "index is out of bounds for dimension with size 0");
    return pc_fail(code, "index %" PRId64 " is out of bounds for dimension %d with size %" PRId64, *bad, dim, size);
}

/* ---- reading at offsets ------------------------------------------------------------------------ */

/* data: destination, offsets (int64, in units of args->i[0] bytes), where offset 0 is. */
#define TAKE_ROW(T)                                                                                \
    static void take_##T PC_ROW_PARAMS                                                             \
    {                                                                                              \
        char *o = data[0];                                                                         \
        const char *at = data[1], *from = data[2];                                                 \
        int64_t so = stride[0], sa = stride[1], sf = stride[2], unit = args->i[0];                 \
        if (sa == 0) {                                                                             \
            from += *(const int64_t *)at * unit;                                                   \
            if (so == (int64_t)sizeof(T) && sf == (int64_t)sizeof(T)) memcpy(o, from, (size_t)n * sizeof(T)); \
            else                                                                                   \
                for (int64_t i = 0; i < n; i++) *(T *)(o + i * so) = *(const T *)(from + i * sf);  \
            return;                                                                                \
        }                                                                                          \
        for (int64_t i = 0; i < n; i++, o += so, at += sa, from += sf)                             \
            *(T *)o = *(const T *)(from + *(const int64_t *)at * unit);                            \
    }
TAKE_ROW(uint8_t)
TAKE_ROW(uint16_t)
TAKE_ROW(uint32_t)
TAKE_ROW(uint64_t)

/* Writing: data: where offset 0 is, offsets, values. */
#define PUT_ROW(T)                                                                                 \
    static void put_##T PC_ROW_PARAMS                                                              \
    {                                                                                              \
        char *to = data[0];                                                                        \
        const char *at = data[1], *v = data[2];                                                    \
        int64_t st = stride[0], sa = stride[1], sv = stride[2], unit = args->i[0];                 \
        for (int64_t i = 0; i < n; i++, to += st, at += sa, v += sv)                               \
            *(T *)(to + *(const int64_t *)at * unit) = *(const T *)v;                              \
    }
PUT_ROW(uint8_t)
PUT_ROW(uint16_t)
PUT_ROW(uint32_t)
PUT_ROW(uint64_t)

#define ADD_ROW(name, T, SUM)                                                                      \
    static void name PC_ROW_PARAMS                                                                 \
    {                                                                                              \
        char *to = data[0];                                                                        \
        const char *at = data[1], *v = data[2];                                                    \
        int64_t st = stride[0], sa = stride[1], sv = stride[2], unit = args->i[0];                 \
        for (int64_t i = 0; i < n; i++, to += st, at += sa, v += sv) {                             \
            T *dst = (T *)(to + *(const int64_t *)at * unit), a = *dst, b = *(const T *)v;         \
            *dst = (T)(SUM);                                                                       \
        }                                                                                          \
    }
ADD_ROW(add_bool, uint8_t, a || b)
ADD_ROW(add_u8, uint8_t, a + b)
ADD_ROW(add_i16, uint16_t, a + b)
ADD_ROW(add_i32, uint32_t, a + b)
ADD_ROW(add_i64, uint64_t, a + b)
ADD_ROW(add_f16, uint16_t, pc_f32_to_f16(pc_f16_to_f32(a) + pc_f16_to_f32(b)))
ADD_ROW(add_bf16, uint16_t, pc_f32_to_bf16(pc_bf16_to_f32(a) + pc_bf16_to_f32(b)))
ADD_ROW(add_f64, double, a + b)
static void add_f32 PC_ROW_PARAMS
{
    if (stride[1] == 0 && stride[0] == 4 && stride[2] == 4) {
        pc_k->f32_accumulate((float *)(data[0] + *(const int64_t *)data[1] * args->i[0]), (const float *)data[2], n);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t at = *(const int64_t *)(data[1] + i * stride[1]) * args->i[0];
        *(float *)(data[0] + i * stride[0] + at) += *(const float *)(data[2] + i * stride[2]);
    }
}

static pc_row_fn put_row(pc_dtype d, bool add)
{
    static const pc_row_fn adds[PC_DTYPE_COUNT] = { add_bool, add_u8, add_u8, add_i16, add_i32,
                                                    add_i64,  add_f16, add_bf16, add_f32, add_f64 };
    if (add) return adds[d];
    switch (pc_dtype_size(d)) {
    case 1: return put_uint8_t;
    case 2: return put_uint16_t;
    case 4: return put_uint32_t;
    default: return put_uint64_t;
    }
}
static pc_row_fn take_row(pc_dtype d)
{
    switch (pc_dtype_size(d)) {
    case 1: return take_uint8_t;
    case 2: return take_uint16_t;
    case 4: return take_uint32_t;
    default: return take_uint64_t;
    }
}

pc_status pc_take_at(pc_tensor *out, pc_tensor *offsets, pc_tensor *from, int64_t step)
{
    pc_loop l;
    pc_row_args args = { .i = { step * pc_dtype_size(from->dtype) } };
    pc_tensor *t[3] = { out, offsets, from };
    pc_loop_plan(&l, 3, t);
    return pc_loop_run(&l, PC_GRAIN / 4, take_row(from->dtype), &args);
}

pc_status pc_put_at(pc_tensor *to, pc_tensor *offsets, pc_tensor *values, int64_t step, bool add)
{
    pc_loop l;
    pc_row_args args = { .i = { step * pc_dtype_size(to->dtype) } };
    pc_tensor *t[3] = { to, offsets, values };
    pc_loop_plan(&l, 3, t);
    return pc_loop_run_in_order(&l, put_row(to->dtype, add), &args);
}

/* ---- along one dimension ------------------------------------------------------------------------ */

void pc_stand_still(pc_tensor *w, int d, const pc_tensor *index)
{
    if (w->ndim == 0) w->ndim = 1, w->shape[0] = 1, w->stride[0] = 1;
    w->ndim = index->ndim;
    for (int k = 0; k < index->ndim; k++) w->shape[k] = index->shape[k];
    w->stride[d] = 0;
    w->numel = index->numel;
}

pc_tensor pc_raised(const pc_tensor *t)
{
    pc_tensor w = pc_window(t);
    if (w.ndim == 0) w.ndim = 1, w.shape[0] = 1, w.stride[0] = 1;
    return w;
}

pc_status pc_start_from_self(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *out;
    if (c->inplace) {
        PC_TRY(pc_out(c, 0, c->in[0]->dtype, c->in[0]->ndim, c->in[0]->shape, &out));
        goto done;
    }
    PC_TRY(pc_cast(c->in[0], c->in[0]->dtype, &c->out[0]));
done:
    return status;
}

/* ---- masks ------------------------------------------------------------------------------------- */

#define CHUNK 32768 /* elements of a mask in a task */

typedef struct truths {
    const pc_tensor *mask;
    int64_t *before;         /* elements that are true in front of each chunk; the last entry is their number */
    const int64_t *stride;   /* NULL: coordinates are wanted, otherwise offsets, in column[0] */
    int64_t *const *column, step;
} truths;

static int64_t chunk_end(const pc_tensor *mask, int64_t k)
{
    return (k + 1) * CHUNK < mask->numel ? (k + 1) * CHUNK : mask->numel;
}

static pc_status count_chunks(void *ctx, int64_t begin, int64_t end)
{
    const truths *t = ctx;
    const uint8_t *m = pc_data(t->mask);
    for (int64_t k = begin; k < end; k++) {
        int64_t n = 0, stop = chunk_end(t->mask, k);
        for (int64_t i = k * CHUNK; i < stop; i++) n += m[i] != 0;
        t->before[k + 1] = n;
    }
    return PC_OK;
}

pc_status pc_true_ranks(const pc_tensor *mask, pc_tensor **out, int64_t *count)
{
    pc_status status = PC_OK;
    pc_tensor *ranks = NULL;
    int64_t chunks = (mask->numel + CHUNK - 1) / CHUNK, entries = chunks + 1;

    PC_TRY(pc_tensor_new(PC_I64, 1, &entries, &ranks));
    truths t = { .mask = mask, .before = pc_data(ranks) };
    PC_TRY(pc_parallel_for(chunks, 1, count_chunks, &t));
    t.before[0] = 0;
    for (int64_t k = 0; k < chunks; k++) t.before[k + 1] += t.before[k];
    *count = t.before[chunks];
    *out = ranks;
    ranks = NULL;
done:
    pc_release(ranks);
    return status;
}

/* One run of n elements of the mask's last dimension, the first at `index`. */
static void write_run(const truths *t, const uint8_t *m, int64_t n, const int64_t *index, int64_t at, int64_t *rank)
{
    const int last = t->mask->ndim - 1;
    for (int64_t j = 0; j < n; j++) {
        if (!m[j]) continue;
        if (t->stride != NULL) {
            t->column[0][*rank] = at + (index[last] + j) * t->stride[last];
        } else {
            for (int d = 0; d < last; d++) t->column[d][*rank * t->step] = index[d];
            t->column[last][*rank * t->step] = index[last] + j;
        }
        ++*rank;
    }
}

static pc_status write_chunks(void *ctx, int64_t begin, int64_t end)
{
    const truths *t = ctx;
    const pc_tensor *mask = t->mask;
    const uint8_t *m = pc_data(mask);
    const int last = mask->ndim - 1;

    for (int64_t k = begin; k < end; k++) {
        int64_t index[PC_MAX_DIMS], rank = t->before[k], i = k * CHUNK, rest = i, n;
        if (t->before[k + 1] == rank) continue;
        for (int d = last; d >= 0; d--) {
            index[d] = rest % mask->shape[d];
            rest /= mask->shape[d];
        }
        for (; i < chunk_end(mask, k); i += n) {
            int64_t at = 0;
            n = mask->shape[last] - index[last];
            if (n > chunk_end(mask, k) - i) n = chunk_end(mask, k) - i;
            for (int d = 0; d < last && t->stride != NULL; d++) at += index[d] * t->stride[d];
            write_run(t, m + i, n, index, at, &rank);
            index[last] += n;
            for (int d = last; d > 0 && index[d] == mask->shape[d]; d--) {
                index[d] = 0;
                index[d - 1]++;
            }
        }
    }
    return PC_OK;
}

pc_status pc_true_coordinates(const pc_tensor *mask, const pc_tensor *ranks, int64_t *const *column, int64_t step)
{
    truths t = { .mask = mask, .before = pc_data(ranks), .column = column, .step = step };
    return mask->ndim == 0 ? PC_OK : pc_parallel_for(ranks->numel - 1, 1, write_chunks, &t);
}

pc_status pc_true_offsets(const pc_tensor *mask, const int64_t *stride, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *result = NULL, *ranks = NULL;
    int64_t n;

    PC_TRY(pc_true_ranks(mask, &ranks, &n));
    PC_TRY(pc_tensor_new(PC_I64, 1, &n, &result));
    int64_t *column = pc_data(result);
    truths t = { .mask = mask, .before = pc_data(ranks), .stride = stride, .column = &column };
    if (mask->ndim > 0) PC_TRY(pc_parallel_for(ranks->numel - 1, 1, write_chunks, &t));
    else if (n > 0) column[0] = 0;
    *out = result;
    result = NULL;
done:
    pc_release(ranks);
    pc_release(result);
    return status;
}

pc_status pc_truth_of(pc_tensor *t, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *result = NULL;
    if (t->dtype == PC_BOOL) return pc_contiguous(t, out);
    PC_TRY(pc_tensor_new(PC_BOOL, t->ndim, t->shape, &result));
    PC_TRY(pc_copy(result, t));
    *out = result;
    result = NULL;
done:
    pc_release(result);
    return status;
}
