/* sort.c -- order along a dimension: sorted lines, the k largest, the k-th smallest, medians, modes; distinct values
   and counts.

   An element and its place become one unsigned number whose order is theirs: NaN above all, equal elements by place.
   So sorting is stable, and numbers of 64 bits do for elements of up to 32. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../kernels/half.h"
#include "copy.h"
#include "elementwise.h"
#include "index.h"
#include "reduce.h"
#include "shape.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define TASK 16384       /* elements that are worth a task */
#define FEW 64           /* so many of the largest are found by insertion */

typedef unsigned __int128 u128;

/* ---- keys -------------------------------------------------------------------------------------- */

/* Order of floats as order of integers: -0 is 0, NaN the largest. */
static inline uint32_t key_of_f32(float x)
{
    uint32_t u = pc_f32_to_bits(x + 0.0f);
    return x != x ? UINT32_MAX : u >> 31 ? ~u : u | 0x80000000u;
}
static inline uint64_t key_of_f64(double x)
{
    uint64_t u;
    x += 0.0;
    memcpy(&u, &x, sizeof u);
    return x != x ? UINT64_MAX : u >> 63 ? ~u : u | (uint64_t)1 << 63;
}

static inline uint64_t key_at(pc_dtype d, const char *p)
{
    switch (d) {
    case PC_BOOL: return *(const uint8_t *)p != 0;
    case PC_U8: return *(const uint8_t *)p;
    case PC_I8: return (uint8_t)(*(const int8_t *)p ^ 0x80);
    case PC_I16: return (uint16_t)(*(const int16_t *)p ^ 0x8000);
    case PC_I32: return *(const uint32_t *)p ^ 0x80000000u;
    case PC_I64: return *(const uint64_t *)p ^ (uint64_t)1 << 63;
    case PC_F16: return key_of_f32(pc_f16_to_f32(*(const uint16_t *)p));
    case PC_BF16: return key_of_f32(pc_bf16_to_f32(*(const uint16_t *)p));
    case PC_F32: return key_of_f32(*(const float *)p);
    default: return key_of_f64(*(const double *)p);
    }
}

/* ---- lines ------------------------------------------------------------------------------------- */

/* Lines along one dimension of a settled tensor of any strides; results are contiguous. */
typedef struct lines {
    const pc_tensor *x;
    int dim;
    int64_t n, step, size;            /* elements of a line, bytes from one to the next and of one */
    int64_t inner, count;             /* results: distance of neighbours; how many a line gives */
    bool descending;
    pc_tensor *values, *indices;      /* values may be NULL */
    pc_status (*run)(const struct lines *l, const char *line, int64_t out, void *memory);
    int64_t rank;                     /* of the one element that is looked for */
} lines;

/* Where line i begins. */
static const char *line_at(const lines *l, int64_t i)
{
    int64_t at = 0;
    for (int d = l->x->ndim - 1; d >= 0; d--) {
        if (d == l->dim) continue;
        at += i % l->x->shape[d] * l->x->stride[d];
        i /= l->x->shape[d];
    }
    return (const char *)pc_data(l->x) + at * l->size;
}

/* Result number k of the line whose results begin at out: the element at `index`. */
static inline void emit(const lines *l, const char *line, int64_t out, int64_t k, int64_t index)
{
    int64_t to = out + k * l->inner;
    ((int64_t *)pc_data(l->indices))[to] = index;
    if (l->values != NULL) memcpy((char *)pc_data(l->values) + to * l->size, line + index * l->step, (size_t)l->size);
}

/* Everything about elements E of KEY + INDEX bits. */
#define ORDER(E, INDEX, KEYS)                                                                                    \
    static pc_status fill_##E(const lines *l, const char *line, E *a)                                            \
    {                                                                                                            \
        uint64_t flip = l->descending ? UINT64_MAX >> (64 - KEYS) : 0;                                           \
        for (int64_t i = 0; i < l->n; i++) {                                                                     \
            pc_status status = pc_poll_at(i);                                                                    \
            if (status != PC_OK) return status;                                                                  \
            a[i] = (E)(key_at(l->x->dtype, line + i * l->step) ^ flip) << INDEX | (E)i;                          \
        }                                                                                                        \
        return PC_OK;                                                                                            \
    }                                                                                                            \
    static void insert_##E(E *a, int64_t n)                                                                      \
    {                                                                                                            \
        for (int64_t i = 1; i < n; i++) {                                                                        \
            E x = a[i];                                                                                          \
            int64_t j = i;                                                                                       \
            for (; j > 0 && a[j - 1] > x; j--) a[j] = a[j - 1];                                                  \
            a[j] = x;                                                                                            \
        }                                                                                                        \
    }                                                                                                            \
    /* Sort n > 16 numbers; tmp is as large. Short runs are merged, long ones sorted by bytes. */                \
    static pc_status sort_##E(E *a, E *tmp, int64_t n)                                                           \
    {                                                                                                            \
        pc_status status = PC_OK;                                                                                \
        E *from = a, *to = tmp;                                                                                  \
        if (n < 256) {                                                                                           \
            for (int64_t i = 0; i < n; i += 16) insert_##E(a + i, n - i < 16 ? n - i : 16);                      \
            for (int64_t width = 16; width < n; width *= 2) {                                                    \
                for (int64_t i = 0; i < n; i += 2 * width) {                                                     \
                    int64_t middle = i + width < n ? i + width : n, end = i + 2 * width < n ? i + 2 * width : n; \
                    int64_t p = i, q = middle;                                                                   \
                    for (int64_t k = i; k < end; k++)                                                            \
                        to[k] = q == end || (p < middle && from[p] < from[q]) ? from[p++] : from[q++];           \
                }                                                                                                \
                E *swap = from;                                                                                  \
                from = to;                                                                                       \
                to = swap;                                                                                       \
            }                                                                                                    \
        } else {                                                                                                 \
            for (int shift = INDEX; shift < INDEX + KEYS; shift += 8) {                                          \
                int64_t at[257] = { 0 };                                                                         \
                for (int64_t i = 0; i < n; i++) {                                                                \
                    PC_TRY(pc_poll_at(i));                                                                       \
                    at[(uint8_t)(from[i] >> shift) + 1]++;                                                       \
                }                                                                                                \
                if (at[(uint8_t)(from[0] >> shift) + 1] == n) continue;                                          \
                for (int d = 0; d < 256; d++) at[d + 1] += at[d];                                                \
                for (int64_t i = 0; i < n; i++) {                                                                \
                    PC_TRY(pc_poll_at(i));                                                                       \
                    to[at[(uint8_t)(from[i] >> shift)]++] = from[i];                                             \
                }                                                                                                \
                E *swap = from;                                                                                  \
                from = to;                                                                                       \
                to = swap;                                                                                       \
            }                                                                                                    \
        }                                                                                                        \
        if (from != a) PC_TRY(pc_copy_bytes(a, from, n * (int64_t)sizeof *a));                                   \
    done:                                                                                                        \
        return status;                                                                                           \
    }                                                                                                            \
    static pc_status order_##E(const lines *l, const char *line, E *a)                                           \
    {                                                                                                            \
        pc_status status = fill_##E(l, line, a);                                                                 \
        if (status != PC_OK) return status;                                                                      \
        if (l->n > 16) return sort_##E(a, a + l->n, l->n);                                                       \
        insert_##E(a, l->n);                                                                                     \
        return PC_OK;                                                                                            \
    }                                                                                                            \
    /* The element that sorting would put at place k of n. */                                                    \
    static pc_status select_##E(E *a, int64_t n, int64_t k, E *out)                                              \
    {                                                                                                            \
        int64_t first = 0, last = n - 1, work = 0, since = 0;                                                    \
        while (last - first > 16) {                                                                              \
            E x = a[first], y = a[first + (last - first) / 2], z = a[last], pivot;                               \
            int64_t i = first, j = last;                                                                         \
            pivot = x < y ? (y < z ? y : x < z ? z : x) : (x < z ? x : y < z ? z : y);                           \
            if ((work += last - first) > 24 * n) return sort_##E(a, a + n, n);                                   \
            while (i <= j) {                                                                                     \
                while (a[i] < pivot) i++;                                                                        \
                while (a[j] > pivot) j--;                                                                        \
                if (i > j) break;                                                                                \
                E swap = a[i];                                                                                   \
                a[i++] = a[j];                                                                                   \
                a[j--] = swap;                                                                                   \
                pc_status status = pc_poll_after(&since, 1);                                                     \
                if (status != PC_OK) return status;                                                              \
            }                                                                                                    \
            if (k <= j) last = j;                                                                                \
            else if (k >= i) first = i;                                                                          \
            else first = last = k; /* the pivot, in its place */                                                 \
        }                                                                                                        \
        insert_##E(a + first, last - first + 1);                                                                 \
        *out = a[k];                                                                                             \
        return PC_OK;                                                                                            \
    }                                                                                                            \
    static pc_status run_sort_##E(const lines *l, const char *line, int64_t out, void *memory)                   \
    {                                                                                                            \
        E *a = memory;                                                                                           \
        pc_status status = order_##E(l, line, a);                                                                \
        for (int64_t k = 0; status == PC_OK && k < l->count; k++) {                                              \
            emit(l, line, out, k, (int64_t)(a[k] & (((E)1 << INDEX) - 1)));                                      \
            status = pc_poll_at(k);                                                                              \
        }                                                                                                        \
        return status;                                                                                           \
    }                                                                                                            \
    /* The first `count` of what sorting would give, by insertion into as many places. */                        \
    static pc_status run_top_##E(const lines *l, const char *line, int64_t out, void *memory)                    \
    {                                                                                                            \
        E *best = memory;                                                                                        \
        int64_t have = 0, k = l->count;                                                                          \
        uint64_t flip = l->descending ? UINT64_MAX >> (64 - KEYS) : 0;                                           \
        for (int64_t i = 0; i < l->n; i++) {                                                                     \
            E x = (E)(key_at(l->x->dtype, line + i * l->step) ^ flip) << INDEX | (E)i;                           \
            int64_t j;                                                                                           \
            pc_status status = pc_poll_at(i);                                                                    \
            if (status != PC_OK) return status;                                                                  \
            if (have == k && x > best[k - 1]) continue;                                                          \
            j = have < k ? have++ : k - 1;                                                                       \
            for (; j > 0 && best[j - 1] > x; j--) best[j] = best[j - 1];                                         \
            best[j] = x;                                                                                         \
        }                                                                                                        \
        for (int64_t i = 0; i < k; i++) emit(l, line, out, i, (int64_t)(best[i] & (((E)1 << INDEX) - 1)));       \
        return PC_OK;                                                                                            \
    }                                                                                                            \
    static pc_status run_rank_##E(const lines *l, const char *line, int64_t out, void *memory)                   \
    {                                                                                                            \
        E *a = memory, found = 0;                                                                                \
        pc_status status = fill_##E(l, line, a);                                                                 \
        if (status == PC_OK) status = select_##E(a, l->n, l->rank, &found);                                      \
        if (status == PC_OK) emit(l, line, out, 0, (int64_t)(found & (((E)1 << INDEX) - 1)));                    \
        return status;                                                                                           \
    }                                                                                                            \
    /* A NaN, if there is one: the first of them. Otherwise the lower of two middles. */                         \
    static pc_status run_median_##E(const lines *l, const char *line, int64_t out, void *memory)                 \
    {                                                                                                            \
        E *a = memory, found = 0;                                                                                \
        const E nan = UINT64_MAX >> (64 - KEYS);                                                                 \
        pc_status status = fill_##E(l, line, a);                                                                 \
        if (status != PC_OK) return status;                                                                      \
        for (int64_t i = 0; pc_dtype_is_float(l->x->dtype) && i < l->n; i++)                                     \
            if (a[i] >> INDEX == nan) {                                                                          \
                emit(l, line, out, 0, i);                                                                        \
                return PC_OK;                                                                                    \
            }                                                                                                    \
        status = select_##E(a, l->n, (l->n - 1) / 2, &found);                                                    \
        if (status == PC_OK) emit(l, line, out, 0, (int64_t)(found & (((E)1 << INDEX) - 1)));                    \
        return status;                                                                                           \
    }                                                                                                            \
    /* The smallest of the most frequent, at its last place. */                                                  \
    static pc_status run_mode_##E(const lines *l, const char *line, int64_t out, void *memory)                   \
    {                                                                                                            \
        E *a = memory;                                                                                           \
        int64_t most = 0, at = 0, run = 0;                                                                       \
        pc_status status = order_##E(l, line, a);                                                                \
        if (status != PC_OK) return status;                                                                      \
        for (int64_t i = 0; i < l->n; i++) {                                                                     \
            run = i > 0 && a[i] >> INDEX == a[i - 1] >> INDEX ? run + 1 : 1;                                     \
            if (run > most) most = run, at = i;                                                                  \
        }                                                                                                        \
        emit(l, line, out, 0, (int64_t)(a[at] & (((E)1 << INDEX) - 1)));                                         \
        return PC_OK;                                                                                            \
    }
ORDER(uint64_t, 32, 32)
ORDER(u128, 64, 64)

static bool is_narrow(const lines *l) { return l->size <= 4 && l->n <= UINT32_MAX; }
#define BY_WIDTH(l, what) (is_narrow(l) ? what##_uint64_t : what##_u128)

static pc_status memory_for(const lines *l, void **memory)
{
    int64_t size = is_narrow(l) ? sizeof(uint64_t) : sizeof(u128);
    *memory = l->n < (int64_t)1 << 40 ? pc_alloc((size_t)(2 * l->n * size)) : NULL;
    return *memory != NULL ? PC_OK : pc_fail(PC_ENOMEM, "out of memory for sorting %" PRId64 " elements", l->n);
}

static pc_status run_lines(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    const lines *l = ctx;
    void *memory = NULL;
    PC_TRY(memory_for(l, &memory));
    for (int64_t i = begin; i < end; i++) {
        int64_t out = i / l->inner * l->count * l->inner + i % l->inner;
        PC_TRY(l->run(l, line_at(l, i), out, memory));
    }
done:
    pc_free(memory);
    return status;
}

static lines lines_of(const pc_tensor *x, int dim)
{
    lines l = { .x = x, .dim = dim, .n = x->ndim > 0 ? x->shape[dim] : 1, .size = pc_dtype_size(x->dtype), .inner = 1 };
    l.step = (x->ndim > 0 ? x->stride[dim] : 1) * l.size;
    for (int d = dim + 1; d < x->ndim; d++) l.inner *= x->shape[d];
    return l;
}

/* Run over all lines. Results: out[0] values, out[1] indices, or out[0] indices alone; the dimension has `count`
   entries, or vanishes, or has one. */
static pc_status run(pc_call *c, lines *l, bool with_values, bool drop)
{
    pc_status status = PC_OK;
    const pc_tensor *x = l->x;
    int64_t shape[PC_MAX_DIMS], others = 1;
    int ndim = 0;

    for (int d = 0; d < x->ndim; d++) {
        if (d != l->dim) others *= x->shape[d];
        if (d != l->dim || !drop) shape[ndim++] = d == l->dim ? l->count : x->shape[d];
    }
    if (with_values) PC_TRY(pc_tensor_new(x->dtype, ndim, shape, &c->out[0]));
    PC_TRY(pc_tensor_new(PC_I64, ndim, shape, &c->out[with_values]));
    l->values = with_values ? c->out[0] : NULL;
    l->indices = c->out[with_values];
    if (l->count > 0 && l->n > 0) PC_TRY(pc_parallel_for(others, TASK / (l->n + 1) + 1, run_lines, l));
done:
    return status;
}

/* ---- sort, topk, kthvalue, median, mode ----------------------------------------------------------- */

static pc_status sort_call(pc_call *c, bool with_values)
{
    pc_status status = PC_OK;
    int dim;
    lines l;
    PC_TRY(pc_wrap_dim(c->v[0].i, c->in[0]->ndim, &dim));
    l = lines_of(c->in[0], dim);
    l.count = l.n;
    l.descending = c->v[1].i;
    l.run = BY_WIDTH(&l, run_sort);
    PC_TRY(run(c, &l, with_values, false));
done:
    return status;
}
static pc_status sort_forward(pc_call *c) { return sort_call(c, true); }
static pc_status argsort_forward(pc_call *c) { return sort_call(c, false); }

static pc_status topk_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int dim;
    lines l;
    PC_TRY(pc_wrap_dim(c->v[1].i, c->in[0]->ndim, &dim));
    l = lines_of(c->in[0], dim);
    PC_CHECK(c->v[0].i >= 0 && c->v[0].i <= l.n, PC_ESHAPE,
             "selected index k out of range: k is %" PRId64 ", the dimension "
             "has %" PRId64 " elements",
             c->v[0].i, l.n);
    PC_CHECK(c->in[0]->dtype != PC_BOOL, PC_ESHAPE, "topk does not support bool dtypes on CPU");
    l.count = c->in[0]->ndim > 0 ? c->v[0].i : 1;
    l.descending = c->v[2].i;
    l.run = l.count <= FEW && l.count <= l.n / 4 ? BY_WIDTH(&l, run_top) : BY_WIDTH(&l, run_sort);
    PC_TRY(run(c, &l, true, false));
done:
    return status;
}

/* One element of each line. dim and keepdim stand in v[at] and v[at + 1]. */
static pc_status one_of(pc_call *c, int at, lines *l)
{
    pc_status status = PC_OK;
    int dim;
    PC_TRY(pc_wrap_dim(c->v[at].i, c->in[0]->ndim, &dim));
    *l = lines_of(c->in[0], dim);
    l->count = 1;
    PC_CHECK(l->n > 0, PC_EINDEX, "%s(): Expected reduction dim %d to have non-zero size.", pc_op_name(c->op), dim);
done:
    return status;
}

static pc_status refuse_bool(const pc_call *c, const char *kernel)
{
    if (c->in[0]->dtype != PC_BOOL) return PC_OK;
    return pc_fail(PC_ENOTIMPL, "\"%s\" not implemented for 'Bool'", kernel);
}

static pc_status kthvalue_forward(pc_call *c)
{
    pc_status status = PC_OK;
    lines l;
    PC_TRY(one_of(c, 1, &l));
    PC_CHECK(c->v[0].i >= 1 && c->v[0].i <= l.n, PC_ESHAPE,
             "kthvalue(): selected number k out of range for dimension %d", l.dim);
    PC_TRY(refuse_bool(c, "kthvalue_cpu"));
    l.rank = c->v[0].i - 1;
    l.run = BY_WIDTH(&l, run_rank);
    PC_TRY(run(c, &l, true, !c->v[2].i));
done:
    return status;
}

static pc_status median_dim_forward(pc_call *c)
{
    pc_status status = PC_OK;
    lines l;
    PC_TRY(one_of(c, 0, &l));
    PC_TRY(refuse_bool(c, "median_out"));
    l.run = BY_WIDTH(&l, run_median);
    PC_TRY(run(c, &l, true, !c->v[1].i));
done:
    return status;
}

static pc_status mode_forward(pc_call *c)
{
    pc_status status = PC_OK;
    lines l;
    PC_TRY(one_of(c, 0, &l));
    l.run = BY_WIDTH(&l, run_mode);
    PC_TRY(run(c, &l, true, !c->v[1].i));
done:
    return status;
}

/* Of all elements; NaN of none. */
static pc_status median_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *flat = NULL, *index = NULL;
    lines l;

    PC_TRY(refuse_bool(c, "median_cpu"));
    PC_TRY(pc_tensor_new(c->in[0]->dtype, 0, NULL, &c->out[0]));
    pc_reduces_all(c);
    if (c->in[0]->numel == 0) {
        bool real = pc_dtype_is_float(c->in[0]->dtype);
        PC_TRY(pc_fill(c->out[0],
                       real ? (pc_value){ .kind = PC_FLOAT, .f = NAN } : (pc_value){ .kind = PC_INT, .i = INT64_MIN }));
        goto done;
    }
    PC_TRY(pc_reshaped(c->in[0], 1, &c->in[0]->numel, &flat));
    PC_TRY(pc_tensor_new(PC_I64, 0, NULL, &index));
    l = lines_of(flat, 0);
    l.count = 1;
    l.values = c->out[0];
    l.indices = index;
    l.run = BY_WIDTH(&l, run_median);
    PC_TRY(run_lines(&l, 0, 1));
done:
    pc_release(flat);
    pc_release(index);
    return status;
}

/* Gradients return to where the values came from. */
static pc_status scatter_back(pc_call *c, pc_tensor *g, int64_t dim, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor from, index;
    int d;

    if (g == NULL) return PC_OK;
    PC_TRY(pc_wrap_dim(dim, c->in[0]->ndim, &d));
    PC_TRY(pc_zeros_like(c->in[0], gin));
    from = pc_window(g);
    index = pc_window(c->out[1]);
    if (index.ndim < c->in[0]->ndim) { /* the dimension has vanished */
        pc_window_insert(&from, d);
        pc_window_insert(&index, d);
    }
    PC_TRY(pc_scatter(*gin, d, &index, &from, false));
done:
    return status;
}
static pc_status back_along_v0(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return scatter_back(c, gout[0], c->v[0].i, &gin[0]);
}
static pc_status back_along_v1(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return scatter_back(c, gout[0], c->v[1].i, &gin[0]);
}

/* ---- distinct values, counts ------------------------------------------------------------------------ */

/* Of a sorted line: out[0] the distinct values, out[1] where each element is among them, out[2] how often each occurs.
   NaNs are all different. */
#define DISTINCT(E, INDEX, KEYS)                                                                           \
    static pc_status distinct_##E(pc_call *c, const lines *l, E *a)                                        \
    {                                                                                                      \
        pc_status status = PC_OK;                                                                          \
        const E nan = UINT64_MAX >> (64 - KEYS);                                                           \
        bool real = pc_dtype_is_float(l->x->dtype);                                                        \
        int64_t n = l->n, found = 0, at = -1, *inverse, *counts;                                           \
        if (n > 0) PC_TRY(order_##E(l, pc_data(l->x), a));                                                 \
        for (int64_t i = 0; i < n; i++) {                                                                  \
            found += i == 0 || a[i] >> INDEX != a[i - 1] >> INDEX || (real && a[i] >> INDEX == nan);       \
            PC_TRY(pc_poll_at(i));                                                                         \
        }                                                                                                  \
        PC_TRY(pc_tensor_new(l->x->dtype, 1, &found, &c->out[0]));                                         \
        PC_TRY(pc_tensor_new(PC_I64, c->in[0]->ndim, c->in[0]->shape, &c->out[1]));                        \
        PC_TRY(pc_tensor_new(PC_I64, 1, &found, &c->out[2]));                                              \
        inverse = pc_data(c->out[1]);                                                                      \
        counts = pc_data(c->out[2]);                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                                  \
            int64_t index = (int64_t)(a[i] & (((E)1 << INDEX) - 1));                                       \
            if (i == 0 || a[i] >> INDEX != a[i - 1] >> INDEX || (real && a[i] >> INDEX == nan)) {          \
                counts[++at] = 0;                                                                          \
                memcpy((char *)pc_data(c->out[0]) + at * l->size, (char *)pc_data(l->x) + index * l->step, \
                       (size_t)l->size);                                                                   \
            }                                                                                              \
            counts[at]++;                                                                                  \
            inverse[index] = at;                                                                           \
            PC_TRY(pc_poll_at(i));                                                                         \
        }                                                                                                  \
    done:                                                                                                  \
        return status;                                                                                     \
    }
DISTINCT(uint64_t, 32, 32)
DISTINCT(u128, 64, 64)

static pc_status unique_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *flat = NULL;
    void *memory = NULL;
    lines l;

    PC_TRY(pc_reshaped(c->in[0], 1, &c->in[0]->numel, &flat));
    l = lines_of(flat, 0);
    PC_TRY(memory_for(&l, &memory));
    PC_TRY(is_narrow(&l) ? distinct_uint64_t(c, &l, memory) : distinct_u128(c, &l, memory));
done:
    pc_free(memory);
    pc_release(flat);
    return status;
}

static pc_status bincount_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *weights = NULL, *sums = NULL;
    const pc_tensor *self = c->in[0], *w = c->in[1];
    int64_t n = c->v[0].i, *v, low = 0, high = -1;
    pc_dtype dtype = w == NULL ? PC_I64 : w->dtype == PC_F32 ? PC_F32 : PC_F64;

    PC_CHECK(self->dtype != PC_BOOL && !pc_dtype_is_float(self->dtype), PC_ENOTIMPL,
             "\"bincount_cpu\" not implemented for '%s'", pc_dtype_type_name(self->dtype));
    PC_CHECK(n >= 0, PC_ESHAPE, "minlength should be >= 0");
    PC_CHECK(self->ndim == 1 || self->numel == 0, PC_ESHAPE,
             "bincount only supports 1-d non-negative integral inputs.");
    PC_CHECK(w == NULL || (w->ndim == 1 && w->numel == self->numel), PC_ESHAPE,
             "weights should be 1-d and have the same length as input");
    PC_TRY(pc_tensor_new(PC_I64, self->ndim, self->shape, &x));
    PC_TRY(pc_copy(x, self));
    v = pc_data(x);
    for (int64_t i = 0; i < x->numel; i++) {
        if (v[i] < low) low = v[i];
        if (v[i] > high) high = v[i];
        PC_TRY(pc_poll_at(i));
    }
    PC_CHECK(low >= 0, PC_ESHAPE, "bincount only supports 1-d non-negative integral inputs.");
    PC_CHECK(high < INT64_MAX, PC_ESHAPE,
             "maximum value of input overflowed, it should be < %" PRId64 " but got %" PRId64, INT64_MAX, high);
    if (high >= n) n = high + 1;
    if (w != NULL) {
        PC_TRY(pc_tensor_new(PC_F64, 1, w->shape, &weights));
        PC_TRY(pc_copy(weights, w));
    }
    PC_TRY(pc_tensor_new(w != NULL ? PC_F64 : PC_I64, 1, &n, &sums));
    memset(pc_data(sums), 0, (size_t)n * sizeof(int64_t));
    for (int64_t i = 0; i < x->numel; i++) {
        if (w != NULL) ((double *)pc_data(sums))[v[i]] += ((double *)pc_data(weights))[i];
        else ((int64_t *)pc_data(sums))[v[i]]++;
        PC_TRY(pc_poll_at(i));
    }
    if (sums->dtype == dtype) c->out[0] = pc_retain(sums);
    else PC_TRY(pc_cast(sums, dtype, &c->out[0]));
done:
    pc_release(x);
    pc_release(weights);
    pc_release(sums);
    return status;
}

/* Counts in equal bins from min to max, the last one closed; equal bounds stand for the extremes of the elements. */
static pc_status histc_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *counts = NULL;
    int64_t bins = c->v[0].i;
    double low = pc_value_f64(c->v[1]), high = pc_value_f64(c->v[2]), *v, *n;

    PC_CHECK(pc_dtype_is_float(c->in[0]->dtype), PC_ENOTIMPL, "\"histogram_cpu\" not implemented for '%s'",
             pc_dtype_type_name(c->in[0]->dtype));
    PC_CHECK(bins > 0, PC_ESHAPE, "torch.histogram(): bins must be > 0, but got %" PRId64 " for dimension 0", bins);
    PC_TRY(pc_tensor_new(PC_F64, c->in[0]->ndim, c->in[0]->shape, &x));
    PC_TRY(pc_copy(x, c->in[0]));
    v = pc_data(x);
    if (low == high && x->numel > 0) {
        low = high = v[0];
        for (int64_t i = 1; i < x->numel; i++) {
            low = fmin(low, v[i]), high = fmax(high, v[i]);
            PC_TRY(pc_poll_at(i));
        }
    }
    PC_CHECK(isfinite(low) && isfinite(high), PC_ESHAPE, "torch.histc: range of [%g, %g] is not finite", low, high);
    PC_CHECK(low <= high, PC_ESHAPE, "torch.histc: max must be larger than min");
    if (low == high) low -= 1, high += 1;
    PC_TRY(pc_tensor_new(PC_F64, 1, &bins, &counts));
    n = pc_data(counts);
    memset(n, 0, (size_t)bins * sizeof *n);
    for (int64_t i = 0; i < x->numel; i++) {
        PC_TRY(pc_poll_at(i));
        if (!(v[i] >= low && v[i] <= high)) continue;
        int64_t bin = (int64_t)((v[i] - low) * (double)bins / (high - low));
        n[bin < bins ? bin : bins - 1]++;
    }
    PC_TRY(pc_cast(counts, c->in[0]->dtype, &c->out[0]));
done:
    pc_release(x);
    pc_release(counts);
    return status;
}

/* ---- rows ------------------------------------------------------------------------------------------- */

#define BOTH (PC_FUNCTION | PC_METHOD)

static const pc_op ops[] = {
    { "sort(Tensor self, int dim=-1, bool descending=False, *, bool stable=False) -> (Tensor values, Tensor indices)",
      sort_forward, back_along_v0, BOTH | PC_SAVE_OUT1,
      "Elements of a dimension in order, and where they stood; NaN counts as the largest, equal ones keep their "
      "order." },
    { "argsort(Tensor self, int dim=-1, bool descending=False, *, bool stable=False) -> Tensor", argsort_forward, NULL,
      BOTH | PC_NOGRAD, "Where the elements of a dimension stand, in their order." },
    { "topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)",
      topk_forward, back_along_v1, BOTH | PC_SAVE_OUT1,
      "The k largest or smallest elements of a dimension, in order.\n"
      "k: How many.\n"
      "largest: False: the smallest.\n"
      "note: Which of equal elements is taken may differ from torch." },
    { "kthvalue(Tensor self, int k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
      kthvalue_forward, back_along_v1, BOTH | PC_SAVE_OUT1,
      "The k-th smallest element of a dimension, counted from 1.\n"
      "k: Counted from 1." },
    { "median(Tensor self) -> Tensor", median_forward, pc_extreme_backward, BOTH | PC_SAVE_IN0 | PC_SAVE_OUT0,
      "The median of all elements: the lower of two middles." },
    { "median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", median_dim_forward,
      back_along_v0, BOTH | PC_SAVE_OUT1, "The median of a dimension, and where it stands." },
    { "mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)", mode_forward,
      back_along_v0, BOTH | PC_SAVE_OUT1,
      "The most frequent element of a dimension, the smallest of several, at its last place." },
    { "_unique(Tensor self) -> Tensor[]", unique_forward, NULL, PC_FUNCTION | PC_NOGRAD,
      "The distinct elements in order, where each element is among them, and how often each occurs." },
    { "bincount(Tensor self, Tensor? weights=None, int minlength=0) -> Tensor", bincount_forward, NULL,
      BOTH | PC_NOGRAD,
      "How often each of the numbers 0, 1, ... occurs, or the sums of the weights that stand with it.\n"
      "self: Integers from 0 on, shape [n].\n"
      "weights: Of shape [n].\n"
      "minlength: The result has at least so many bins." },
    { "histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor", histc_forward, NULL, BOTH | PC_NOGRAD,
      "How many elements lie in each of several bins of equal width.\n"
      "bins: How many.\n"
      "min: Where the first bin begins; with `max` 0 as well: the smallest element.\n"
      "max: Where the last bin ends." },
};
PC_FAMILY(sort, ops);
