/* copy.c -- moving values between tensors: any strides, any pair of dtypes. */
#include "copy.h"
#include "../core/parallel.h"
#include "../kernels/half.h"
#include "../kernels/kernels.h"
#include "elementwise.h"
#include <string.h>

/* ---- conversions --------------------------------------------------------------------------------- */

/* A C cast of a float out of range is undefined; this is what x86 (and so torch) gives. */
static inline int64_t to_i64(double x)
{
    return x >= -0x1p63 && x < 0x1p63 ? (int64_t)x : INT64_MIN;
}
static inline int32_t to_i32(double x)
{
    return x > -0x1p31 - 1 && x < 0x1p31 ? (int32_t)x : INT32_MIN;
}

/* To every dtype from one whose elements a stand for the value V. */
#define ROW(name, D, S, EXPR) PC_ROW1(name, D, S, , EXPR)
#define ROWS_FROM_INT(from, S)                                                                     \
    ROW(bool_##from, uint8_t, S, a != 0)                                                           \
    ROW(u8_##from, uint8_t, S, a)                                                                  \
    ROW(i8_##from, int8_t, S, a)                                                                   \
    ROW(i16_##from, int16_t, S, a)                                                                 \
    ROW(i32_##from, int32_t, S, a)                                                                 \
    ROW(i64_##from, int64_t, S, a)                                                                 \
    ROW(f16_##from, uint16_t, S, pc_f32_to_f16((float)a))                                          \
    ROW(bf16_##from, uint16_t, S, pc_f32_to_bf16((float)a))                                        \
    ROW(f32_##from, float, S, a)                                                                   \
    ROW(f64_##from, double, S, a)
#define ROWS_FROM_FLOAT(from, S, V)                                                                \
    ROW(bool_##from, uint8_t, S, (V) != 0)                                                         \
    ROW(u8_##from, uint8_t, S, to_i64(V))                                                          \
    ROW(i8_##from, int8_t, S, to_i32(V))                                                           \
    ROW(i16_##from, int16_t, S, to_i32(V))                                                         \
    ROW(i32_##from, int32_t, S, to_i32(V))                                                         \
    ROW(i64_##from, int64_t, S, to_i64(V))                                                         \
    ROW(f16_##from, uint16_t, S, pc_f32_to_f16((float)(V)))                                        \
    ROW(bf16_##from, uint16_t, S, pc_f32_to_bf16((float)(V)))                                      \
    ROW(f32_##from, float, S, V)                                                                   \
    ROW(f64_##from, double, S, V)
ROWS_FROM_INT(u8, uint8_t)
ROWS_FROM_INT(i8, int8_t)
ROWS_FROM_INT(i16, int16_t)
ROWS_FROM_INT(i32, int32_t)
ROWS_FROM_INT(i64, int64_t)
ROWS_FROM_FLOAT(f16, uint16_t, pc_f16_to_f32(a))
ROWS_FROM_FLOAT(bf16, uint16_t, pc_bf16_to_f32(a))
ROWS_FROM_FLOAT(f32, float, a)
ROWS_FROM_FLOAT(f64, double, a)

#define ROW_LIST(from)                                                                             \
    { bool_##from, u8_##from, i8_##from, i16_##from, i32_##from, i64_##from, f16_##from, bf16_##from, f32_##from,      \
      f64_##from }
static const pc_row_fn convert[PC_DTYPE_COUNT][PC_DTYPE_COUNT] = { /* [from][to] */
    ROW_LIST(u8), ROW_LIST(u8), ROW_LIST(i8), ROW_LIST(i16), ROW_LIST(i32),
    ROW_LIST(i64), ROW_LIST(f16), ROW_LIST(bf16), ROW_LIST(f32), ROW_LIST(f64)
};

pc_row_fn pc_convert_row(pc_dtype from, pc_dtype to)
{
    if (from == PC_F32 && to == PC_F16) return pc_k->f16_from_f32;
    if (from == PC_F16 && to == PC_F32) return pc_k->f32_from_f16;
    return convert[from][to];
}

/* ---- copies of one dtype: by the size of an element ---------------------------------------------- */

#define COPY_ROW(name, T)                                                                          \
    static void name PC_ROW_PARAMS                                                                 \
    {                                                                                              \
        const int64_t size = sizeof(T), ds = stride[0], ss = stride[1];                            \
        char *d = data[0];                                                                         \
        const char *s = data[1];                                                                   \
        if (ds == size && ss == size) {                                                            \
            memcpy(d, s, (size_t)(n * size));                                                      \
        } else if (ds == size && ss == 0) {                                                        \
            T x = *(const T *)s, *dd = (T *)d;                                                     \
            for (int64_t i = 0; i < n; i++) dd[i] = x;                                             \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++) *(T *)(d + i * ds) = *(const T *)(s + i * ss);         \
        }                                                                                          \
    }
COPY_ROW(copy1, uint8_t)
COPY_ROW(copy2, uint16_t)
COPY_ROW(copy4, uint32_t)
COPY_ROW(copy8, uint64_t)

static pc_row_fn copy_row(int64_t size)
{
    return size == 1 ? copy1 : size == 2 ? copy2 : size == 4 ? copy4 : copy8;
}

/* ---- transpositions: the source's innermost dimension is not the destination's ------------------- */

#define TILE 16

/* Tiles of TILE x TILE elements: both sides of one stay in the first-level cache. Dimension 0 is dense in the
   destination, dimension 1 (after the caller's swap) in the source; all further ones are outer. */
typedef struct transposition {
    const pc_loop *l;
    int64_t size, across, down; /* tiles along dimensions 0 and 1 */
} transposition;

#define TRANSPOSE_TILE(T)                                                                          \
    for (int64_t j = 0; j < nj; j++) {                                                             \
        T *dd = (T *)(d + j * dj);                                                                 \
        const char *sj = s + j * (int64_t)sizeof(T);                                               \
        for (int64_t i = 0; i < ni; i++) dd[i] = *(const T *)(sj + i * si);                        \
    }

static pc_status transpose_tiles(void *ctx, int64_t begin, int64_t end)
{
    const transposition *t = ctx;
    const pc_loop *l = t->l;
    int64_t dj = l->stride[0][1], si = l->stride[1][0];

    for (int64_t tile = begin; tile < end; tile++) {
        int64_t rest = tile / t->across, i0 = tile % t->across * TILE, j0 = rest % t->down * TILE;
        int64_t ni = l->shape[0] - i0, nj = l->shape[1] - j0;
        char *d = l->data[0] + i0 * t->size + j0 * dj;
        const char *s = l->data[1] + i0 * si + j0 * t->size;
        rest /= t->down;
        for (int k = 2; k < l->ndim; k++) {
            d += rest % l->shape[k] * l->stride[0][k];
            s += rest % l->shape[k] * l->stride[1][k];
            rest /= l->shape[k];
        }
        if (ni > TILE) ni = TILE;
        if (nj > TILE) nj = TILE;
        switch (t->size) {
        case 1: TRANSPOSE_TILE(uint8_t) break;
        case 2: TRANSPOSE_TILE(uint16_t) break;
        case 4:
            if (ni == TILE && nj == TILE)
                pc_k->u32_transpose16((uint32_t *)d, dj / 4, (const uint32_t *)s, si / 4);
            else
                TRANSPOSE_TILE(uint32_t)
            break;
        default: TRANSPOSE_TILE(uint64_t) break;
        }
    }
    return PC_OK;
}

/* Take the loop if it is a transposition; *taken says so. */
static pc_status try_transposition(pc_loop *l, int64_t size, bool *taken)
{
    transposition t = { l, size, 0, 0 };
    int64_t tiles, swap;
    int j;

    *taken = false;
    if (l->ndim < 2 || l->numel < 4 * TILE || l->stride[0][0] != size || l->stride[1][0] == size) return PC_OK;
    for (j = 1; j < l->ndim && l->stride[1][j] != size; j++) {}
    if (j == l->ndim || l->shape[j] < 4 || l->shape[0] < 4) return PC_OK;
    swap = l->shape[j], l->shape[j] = l->shape[1], l->shape[1] = swap;
    for (int k = 0; k < 2; k++) swap = l->stride[k][j], l->stride[k][j] = l->stride[k][1], l->stride[k][1] = swap;
    t.across = (l->shape[0] + TILE - 1) / TILE;
    t.down = (l->shape[1] + TILE - 1) / TILE;
    tiles = t.across * t.down;
    for (int k = 2; k < l->ndim; k++) tiles *= l->shape[k];
    *taken = true;
    return pc_parallel_for(tiles, PC_GRAIN / (TILE * TILE), transpose_tiles, &t);
}

/* ---- the public functions ------------------------------------------------------------------------ */

pc_status pc_copy(pc_tensor *dst, const pc_tensor *src)
{
    pc_status status = PC_OK;
    pc_tensor *t[2] = { dst, (pc_tensor *)src };
    int64_t size = pc_dtype_size(dst->dtype);
    bool taken = false;
    pc_loop l;

    PC_TRY(pc_tensor_settle(src));
    pc_loop_plan(&l, 2, t);
    if (dst->dtype != src->dtype) {
        PC_TRY(pc_loop_run(&l, PC_GRAIN, pc_convert_row(src->dtype, dst->dtype), NULL));
        goto done;
    }
    if (l.data[0] == l.data[1] && memcmp(l.stride[0], l.stride[1], (size_t)l.ndim * sizeof(int64_t)) == 0) goto done;
    PC_TRY(try_transposition(&l, size, &taken));
    if (!taken) PC_TRY(pc_loop_run(&l, PC_GRAIN, copy_row(size), NULL));
done:
    return status;
}

pc_status pc_contiguous(pc_tensor *t, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *result = NULL;

    if (pc_is_contiguous(t)) {
        PC_TRY(pc_tensor_settle(t));
        *out = pc_retain(t);
        goto done;
    }
    PC_TRY(pc_tensor_new(t->dtype, t->ndim, t->shape, &result));
    PC_TRY(pc_copy(result, t));
    *out = result;
    result = NULL;
done:
    pc_release(result);
    return status;
}

static pc_status new_like(const pc_tensor *t, pc_dtype dtype, pc_tensor **out)
{
    int64_t stride[PC_MAX_DIMS];
    pc_dense_strides(t, stride);
    return pc_tensor_new_strided(dtype, t->ndim, t->shape, stride, out);
}

pc_status pc_cast(pc_tensor *t, pc_dtype dtype, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *result = NULL;

    PC_TRY(new_like(t, dtype, &result));
    PC_TRY(pc_copy(result, t));
    *out = result;
    result = NULL;
done:
    pc_release(result);
    return status;
}

pc_status pc_contiguous_as(pc_tensor *t, pc_dtype dtype, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *cast = NULL;
    if (t == NULL) return PC_OK;
    if (t->dtype != dtype) PC_TRY(pc_cast(t, dtype, &cast));
    PC_TRY(pc_contiguous(cast != NULL ? cast : t, out));
done:
    pc_release(cast);
    return status;
}

pc_status pc_become(pc_tensor **t, pc_dtype dtype)
{
    pc_tensor *cast = NULL;
    if ((*t)->dtype == dtype) return PC_OK;
    pc_status status = pc_cast(*t, dtype, &cast);
    pc_release(*t);
    *t = cast;
    return status;
}

pc_status pc_clone(const pc_tensor *t, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *result = NULL;
    const float *values = pc_tensor_nhwc(t, &status);

    PC_TRY(status);
    if (values != NULL && atomic_load_explicit(&t->storage->data, memory_order_acquire) == NULL) {
        PC_TRY(pc_tensor_new_private(t->shape[0], t->shape[1], t->shape[2], t->shape[3], &result));
        PC_TRY(pc_copy_bytes(pc_tensor_nhwc_new(result), values, t->numel * (int64_t)sizeof(float)));
    } else {
        PC_TRY(new_like(t, t->dtype, &result));
        PC_TRY(pc_copy(result, t));
    }
    *out = result;
    result = NULL;
done:
    pc_release(result);
    return status;
}

pc_status pc_fill(pc_tensor *t, pc_value value)
{
    pc_status status = PC_OK;
    pc_tensor *dst[2] = { t, NULL };
    bool number = value.kind == PC_FLOAT;
    int64_t stride[2] = { 0, 0 };
    uint64_t element = 0;
    pc_loop l;

    PC_CHECK(number || value.kind == PC_INT || value.kind == PC_BOOLEAN, PC_ETYPE,
             "a tensor can be filled with a number only");
    pc_loop_plan(&l, 2, dst);
    l.data[1] = number ? (char *)&value.f : (char *)&value.i;
    convert[number ? PC_F64 : PC_I64][t->dtype](NULL, 1, (char *const[]){ (char *)&element, l.data[1] }, stride);
    l.data[1] = (char *)&element;
    PC_TRY(pc_loop_run(&l, PC_GRAIN, copy_row(pc_dtype_size(t->dtype)), NULL));
done:
    return status;
}

pc_status pc_zeros_like(const pc_tensor *t, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *result = NULL;

    PC_TRY(new_like(t, t->dtype, &result));
    PC_TRY(pc_zero_bytes(pc_data(result), result->numel * pc_dtype_size(t->dtype)));
    *out = result;
    result = NULL;
done:
    pc_release(result);
    return status;
}

/* ---- accumulation of gradients ------------------------------------------------------------------- */

static void add_f32 PC_ROW_PARAMS
{
    if (stride[0] == 4 && stride[1] == 4) {
        pc_k->f32_accumulate((float *)data[0], (const float *)data[1], n);
        return;
    }
    for (int64_t i = 0; i < n; i++) *(float *)(data[0] + i * stride[0]) += *(const float *)(data[1] + i * stride[1]);
}
static void add_f64 PC_ROW_PARAMS
{
    for (int64_t i = 0; i < n; i++) *(double *)(data[0] + i * stride[0]) += *(const double *)(data[1] + i * stride[1]);
}
static void add_f16 PC_ROW_PARAMS
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t *d = (uint16_t *)(data[0] + i * stride[0]), s = *(const uint16_t *)(data[1] + i * stride[1]);
        *d = pc_f32_to_f16(pc_f16_to_f32(*d) + pc_f16_to_f32(s));
    }
}
static void add_bf16 PC_ROW_PARAMS
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t *d = (uint16_t *)(data[0] + i * stride[0]), s = *(const uint16_t *)(data[1] + i * stride[1]);
        *d = pc_f32_to_bf16(pc_bf16_to_f32(*d) + pc_bf16_to_f32(s));
    }
}

pc_status pc_accumulate(pc_tensor *dst, const pc_tensor *src)
{
    static const pc_row_fn add[PC_DTYPE_COUNT] = { [PC_F32] = add_f32, [PC_F64] = add_f64, [PC_F16] = add_f16,
                                                   [PC_BF16] = add_bf16 };
    pc_status status = PC_OK;
    pc_tensor *t[2] = { dst, (pc_tensor *)src };
    bool pending = false;
    const float *d, *s;
    pc_loop l;

    PC_CHECK(pc_same_shape(dst, src) && dst->dtype == src->dtype && add[dst->dtype] != NULL, PC_ESHAPE,
             "gradients of different shapes or dtypes cannot be added");
    d = pc_tensor_nhwc_pending(dst, &pending);
    if (d != NULL && !pending && !atomic_load(&dst->storage->linked)
        && atomic_load_explicit(&dst->storage->data, memory_order_acquire) == NULL) {
        s = pc_tensor_nhwc(src, &status);
        PC_TRY(status);
        if (s != NULL) {
            l = (pc_loop){ .nops = 2, .ndim = 1, .numel = dst->numel, .shape = { dst->numel },
                           .data = { (char *)d, (char *)s }, .stride = { { 4 }, { 4 } } };
            PC_TRY(pc_loop_run(&l, PC_GRAIN, add_f32, NULL));
            atomic_fetch_add_explicit(&dst->storage->version, 1, memory_order_relaxed);
            goto done;
        }
    }
    PC_TRY(pc_tensor_settle(src));
    PC_TRY(pc_tensor_begin_write(dst));
    pc_loop_plan(&l, 2, t);
    PC_TRY(pc_loop_run(&l, PC_GRAIN, add[dst->dtype], NULL));
done:
    return status;
}

/* ---- elements that coincide ---------------------------------------------------------------------- */

bool pc_may_overlap(const pc_tensor *w)
{
    int order[PC_MAX_DIMS], n = 0;
    int64_t reach = 0;
    if (w->numel == 0) return false;
    for (int d = 0; d < w->ndim; d++) {
        int k = n;
        if (w->shape[d] == 1) continue;
        for (; k > 0 && w->stride[order[k - 1]] > w->stride[d]; k--) order[k] = order[k - 1];
        order[k] = d;
        n++;
    }
    for (int k = 0; k < n; k++) {
        if (w->stride[order[k]] <= reach) return true;
        reach += (w->shape[order[k]] - 1) * w->stride[order[k]];
    }
    return false;
}

/* src: contiguous, or NULL for ones. */
#define ADD_OVERLAPPING(T)                                                                         \
    static void add_overlapping_##T(const pc_tensor *dst, const T *src)                            \
    {                                                                                              \
        int64_t index[PC_MAX_DIMS] = { 0 };                                                        \
        T *d = pc_data(dst);                                                                       \
        for (int64_t i = 0; i < dst->numel; i++) {                                                 \
            *d += src != NULL ? src[i] : 1;                                                        \
            for (int k = dst->ndim - 1; k >= 0; k--) {                                             \
                d += dst->stride[k];                                                               \
                if (++index[k] < dst->shape[k]) break;                                             \
                d -= index[k] * dst->stride[k];                                                    \
                index[k] = 0;                                                                      \
            }                                                                                      \
        }                                                                                          \
    }
ADD_OVERLAPPING(float)
ADD_OVERLAPPING(double)

pc_status pc_add_overlapping(const pc_tensor *dst, pc_tensor *src)
{
    pc_status status = PC_OK;
    pc_tensor *dense = NULL;
    PC_CHECK(dst->dtype == PC_F32 || dst->dtype == PC_F64, PC_ENOTIMPL,
             "the gradient of overlapping views is computed in float32 and float64 only, not %s",
             pc_dtype_name(dst->dtype));
    if (src != NULL) PC_TRY(pc_contiguous(src, &dense));
    if (dst->dtype == PC_F32) add_overlapping_float(dst, dense != NULL ? pc_data(dense) : NULL);
    else add_overlapping_double(dst, dense != NULL ? pc_data(dense) : NULL);
done:
    pc_release(dense);
    return status;
}
