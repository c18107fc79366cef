/* fold.c -- folding a tensor over some of its dimensions: how the work is cut up, loaded, accumulated and joined.

   Results do not depend on the number of threads: what is split is split by size. Sums are in double precision. */
#include "fold.h"
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../kernels/half.h"
#include "../kernels/kernels.h"
#include <math.h>
#include <string.h>

/* ---- what is computed -------------------------------------------------------------------------- */

static pc_fold fold_of(pc_measure m)
{
    static const pc_fold folds[] = {
        [PC_SUM] = PC_FOLD_SUM, [PC_MEAN] = PC_FOLD_SUM, [PC_PROD] = PC_FOLD_PROD, [PC_NONZERO] = PC_FOLD_NONZERO,
        [PC_ANY] = PC_FOLD_NONZERO, [PC_ALL] = PC_FOLD_NONZERO, [PC_MAX] = PC_FOLD_MAX, [PC_MIN] = PC_FOLD_MIN,
        [PC_ARGMAX] = PC_FOLD_ARGMAX, [PC_ARGMIN] = PC_FOLD_ARGMIN, [PC_NORM0] = PC_FOLD_NONZERO,
        [PC_NORM1] = PC_FOLD_ABS, [PC_NORM2] = PC_FOLD_SQUARE, [PC_NORMP] = PC_FOLD_POWER,
        [PC_NORM_INF] = PC_FOLD_MAXABS, [PC_NORM_NEG_INF] = PC_FOLD_MINABS, [PC_VAR] = PC_FOLD_VAR,
        [PC_STD] = PC_FOLD_VAR, [PC_LOGSUMEXP] = PC_FOLD_LOGSUMEXP,
    };
    return folds[m];
}

#define MAX_COLS 256     /* columns that are folded at a time */
#define BUFFER 1024      /* elements that are converted at a time */
#define SEGMENT 32768    /* elements of a long reduction that are folded apart */
#define FEW_UNITS 64     /* fewer results than this: their reductions are cut up */

typedef union slot {
    double f;
    int64_t i;
} slot;

/* Kept dimensions outermost first by their stride; the last of them runs along columns where that is the better way. */
typedef struct plan {
    const pc_reduction *of;
    pc_fold fold;
    pc_folder folder;
    pc_fold_type type;       /* of what the folder reads */
    pc_dtype dtype;          /* of what stands in memory */
    bool direct;             /* the two are the same */
    const char *data;
    int64_t size;            /* of an element */
    int nkept, nreduced;
    int64_t kept[PC_MAX_DIMS], kept_stride[PC_MAX_DIMS], out_stride[PC_MAX_DIMS];
    int64_t reduced[PC_MAX_DIMS], reduced_stride[PC_MAX_DIMS];
    int64_t outputs, count;  /* results, and elements that make one */
    int64_t cols;            /* size of the last kept dimension; 1: one result at a time */
    int64_t blocks, block;   /* of columns, per value of the outer kept dimensions; columns in one */
    int64_t segments, segment;
    slot *a, *b;             /* [segments, outputs] where segments > 1 */
} plan;

/* ---- elements of any dtype and stride into what folders read ----------------------------------- */

#define LOAD_LOOP(T, TO, VALUE)                                                                    \
    for (int64_t i = 0; i < n; i++, src += stride) {                                               \
        T x;                                                                                       \
        memcpy(&x, src, sizeof x);                                                                 \
        ((TO *)dst)[i] = VALUE;                                                                    \
    }                                                                                              \
    break;
/* stride in bytes. */
static void load(pc_dtype dtype, const char *src, int64_t stride, int64_t n, void *dst)
{
    switch (dtype) {
    case PC_BOOL: LOAD_LOOP(uint8_t, uint8_t, x != 0)
    case PC_U8: LOAD_LOOP(uint8_t, uint8_t, x)
    case PC_I8: LOAD_LOOP(int8_t, int64_t, x)
    case PC_I16: LOAD_LOOP(int16_t, int64_t, x)
    case PC_I32: LOAD_LOOP(int32_t, int64_t, x)
    case PC_I64: LOAD_LOOP(int64_t, int64_t, x)
    case PC_F16: LOAD_LOOP(uint16_t, float, pc_f16_to_f32(x))
    case PC_BF16: LOAD_LOOP(uint16_t, float, pc_bf16_to_f32(x))
    case PC_F32: LOAD_LOOP(float, float, x)
    default: LOAD_LOOP(double, double, x)
    }
}

static pc_fold_type fold_type(pc_dtype d)
{
    if (d <= PC_U8) return PC_FOLD_U8;
    if (d <= PC_I64) return PC_FOLD_I64;
    return d == PC_F64 ? PC_FOLD_F64 : PC_FOLD_F32;
}
static bool is_direct(pc_dtype d) { return d == PC_F32 || d == PC_F64 || d == PC_I64 || d == PC_U8 || d == PC_BOOL; }
static int64_t loaded_size(pc_fold_type t) { return t == PC_FOLD_U8 ? 1 : t == PC_FOLD_F32 ? 4 : 8; }

static void store(pc_dtype d, char *dst, double f)
{
    switch (d) {
    case PC_F16: *(uint16_t *)dst = pc_f32_to_f16((float)f); break;
    case PC_BF16: *(uint16_t *)dst = pc_f32_to_bf16((float)f); break;
    case PC_F32: *(float *)dst = (float)f; break;
    default: *(double *)dst = f; break;
    }
}
static void store_int(pc_dtype d, char *dst, int64_t i)
{
    switch (d) {
    case PC_BOOL: *(uint8_t *)dst = i != 0; break;
    case PC_U8: case PC_I8: *(uint8_t *)dst = (uint8_t)i; break;
    case PC_I16: *(int16_t *)dst = (int16_t)i; break;
    case PC_I32: *(int32_t *)dst = (int32_t)i; break;
    case PC_I64: *(int64_t *)dst = i; break;
    default: store(d, dst, (double)i); break;
    }
}

/* ---- accumulators ------------------------------------------------------------------------------ */

static void start(const plan *p, slot *a, int64_t n)
{
    bool one = p->fold == PC_FOLD_PROD, whole = p->type >= PC_FOLD_I64;
    for (int64_t j = 0; j < n; j++) {
        if (one && !whole) a[j].f = 1;
        else a[j].i = one; /* zero is zero as a double, too */
    }
}

/* (a, b), of na elements, takes in (a2, b2), of the nb elements that follow. */
static void join(const plan *p, slot *a, slot *b, int64_t na, const slot *a2, const slot *b2, int64_t nb)
{
    bool whole = p->type >= PC_FOLD_I64;
    switch (p->fold) {
    case PC_FOLD_NONZERO: a->i += a2->i; break;
    case PC_FOLD_SUM:
        if (whole) a->i = (int64_t)((uint64_t)a->i + (uint64_t)a2->i);
        else a->f += a2->f;
        break;
    case PC_FOLD_ABS: case PC_FOLD_SQUARE: case PC_FOLD_POWER: a->f += a2->f; break;
    case PC_FOLD_PROD:
        if (whole) a->i = (int64_t)((uint64_t)a->i * (uint64_t)a2->i);
        else a->f *= a2->f;
        break;
    case PC_FOLD_MAX:
    case PC_FOLD_MIN:
    case PC_FOLD_MAXABS:
    case PC_FOLD_MINABS:
    case PC_FOLD_ARGMAX:
    case PC_FOLD_ARGMIN: {
        bool up = p->fold == PC_FOLD_MAX || p->fold == PC_FOLD_MAXABS || p->fold == PC_FOLD_ARGMAX;
        bool better = whole ? (up ? a2->i > a->i : a2->i < a->i)
                            : (up ? a2->f > a->f : a2->f < a->f) || (a2->f != a2->f && a->f == a->f);
        if (!better) break;
        *a = *a2;
        b->i = b2->i + na;
        break;
    }
    case PC_FOLD_VAR: {
        double delta = a2->f - a->f, n = (double)na, m = (double)nb;
        a->f += delta * (m / (n + m));
        b->f += b2->f + delta * delta * (n * m / (n + m));
        break;
    }
    case PC_FOLD_LOGSUMEXP: {
        double m = a->f > a2->f || a->f != a->f ? a->f : a2->f;
        if (isinf(m) || m != m) b->f = 0;
        else b->f = b->f * exp(a->f - m) + b2->f * exp(a2->f - m);
        a->f = m;
        break;
    }
    default: break;
    }
}

/* The result of an accumulator of all its elements. */
static double finished(const plan *p, const slot *a, const slot *b)
{
    double n = (double)p->count;
    switch (p->of->what) {
    case PC_MEAN: return (p->type >= PC_FOLD_I64 ? (double)a->i : a->f) / n;
    case PC_NORM2: return sqrt(a->f);
    case PC_NORMP: return pow(a->f, 1 / p->of->p);
    case PC_VAR: case PC_STD: {
        double freedom = n - p->of->correction, v = b->f / (freedom > 0 ? freedom : 0);
        if (p->count == 0) v = NAN;
        return p->of->what == PC_STD ? sqrt(v) : v;
    }
    case PC_LOGSUMEXP:
        if (p->count == 0) return -INFINITY;
        return isinf(a->f) || a->f != a->f ? a->f : a->f + log(b->f);
    default: return a->f;
    }
}

static void finish(const plan *p, const slot *a, const slot *b, int64_t n, int64_t at, int64_t stride)
{
    const pc_reduction *of = p->of;
    pc_dtype d = of->values != NULL ? of->values->dtype : PC_I64;
    int64_t size = pc_dtype_size(d);
    char *dst = of->values != NULL ? (char *)pc_data(of->values) + at * size : NULL;
    bool whole = p->type >= PC_FOLD_I64;

    if (of->what == PC_MAX || of->what == PC_MIN || of->what == PC_ARGMAX || of->what == PC_ARGMIN
        || of->what == PC_SUM || of->what == PC_PROD) {
        for (int64_t j = 0; j < n && dst != NULL; j++, dst += stride * size) {
            if (whole) store_int(d, dst, a[j].i);
            else store(d, dst, a[j].f);
        }
    } else if (p->fold == PC_FOLD_NONZERO) {
        for (int64_t j = 0; j < n; j++, dst += stride * size)
            store_int(d, dst, of->what == PC_ANY ? a[j].i > 0 : of->what == PC_ALL ? a[j].i == p->count : a[j].i);
    } else {
        for (int64_t j = 0; j < n; j++, dst += stride * size) store(d, dst, finished(p, &a[j], &b[j]));
    }
    if (of->means != NULL) {
        char *mean = (char *)pc_data(of->means) + at * size;
        for (int64_t j = 0; j < n; j++, mean += stride * size) store(d, mean, p->count > 0 ? a[j].f : NAN);
    }
    if (of->indices != NULL) {
        int64_t *index = (int64_t *)pc_data(of->indices) + at;
        for (int64_t j = 0; j < n; j++, index += stride) *index = b[j].i;
    }
}

/* ---- folding ----------------------------------------------------------------------------------- */

/* Where result number `outer` of the kept dimensions but the column one begins. */
static void locate(const plan *p, int64_t outer, const char **data, int64_t *out)
{
    int last = p->nkept - (p->cols > 1);
    for (int k = last - 1; k >= 0; k--) {
        int64_t i = outer % p->kept[k];
        outer /= p->kept[k];
        *data += i * p->kept_stride[k] * p->size;
        *out += i * p->out_stride[k];
    }
}

/* A walk over elements [begin, begin + left) of the reduced dimensions, run by run of the innermost one. */
typedef struct walk {
    int64_t index[PC_MAX_DIMS], left, at;
} walk;

static void walk_start(const plan *p, walk *w, int64_t begin, int64_t end)
{
    w->left = end - begin;
    w->at = 0;
    for (int k = p->nreduced - 1; k >= 0; k--) {
        w->index[k] = begin % p->reduced[k];
        begin /= p->reduced[k];
        w->at += w->index[k] * p->reduced_stride[k];
    }
}

/* Length of the run that begins at *at (an offset in elements); 0 at the end. */
static int64_t walk_next(const plan *p, walk *w, int64_t *at)
{
    int last = p->nreduced - 1;
    int64_t n = last >= 0 ? p->reduced[last] - w->index[last] : 1;
    if (w->left == 0) return 0;
    if (n > w->left) n = w->left;
    *at = w->at;
    w->left -= n;
    if (last < 0 || w->left == 0) return n;
    w->at -= w->index[last] * p->reduced_stride[last];
    w->index[last] = 0;
    for (int k = last - 1; k >= 0; k--) {
        w->at += p->reduced_stride[k];
        if (++w->index[k] < p->reduced[k]) break;
        w->at -= w->index[k] * p->reduced_stride[k];
        w->index[k] = 0;
    }
    return n;
}

static void fold_rows(const plan *p, const char *data, int64_t begin, int64_t end, slot *a, slot *b)
{
    char buffer[BUFFER * 8] __attribute__((aligned(64)));
    int64_t at, n, filled = 0, done = 0, inner = p->nreduced > 0 ? p->reduced_stride[p->nreduced - 1] : 1;
    int64_t loaded = loaded_size(p->type);
    /* short runs are worth gathering: a folder's call costs some elements */
    bool direct =
        p->direct && (inner == 1 || end - begin == 1) && (p->nreduced <= 1 || p->reduced[p->nreduced - 1] >= 64);
    walk w;

    walk_start(p, &w, begin, end);
    while ((n = walk_next(p, &w, &at)) > 0) {
        const char *x = data + at * p->size;
        if (direct) {
            p->folder.row(x, n, done, p->of->p, a, b);
            done += n;
            continue;
        }
        while (n > 0) {
            int64_t m = n < BUFFER - filled ? n : BUFFER - filled;
            load(p->dtype, x, inner * p->size, m, buffer + filled * loaded);
            x += m * inner * p->size;
            n -= m;
            filled += m;
            if (filled < BUFFER) break;
            p->folder.row(buffer, filled, done, p->of->p, a, b);
            done += filled;
            filled = 0;
        }
    }
    if (filled > 0) p->folder.row(buffer, filled, done, p->of->p, a, b);
}

static void fold_cols(const plan *p, const char *data, int64_t cols, int64_t begin, int64_t end, slot *a, slot *b)
{
    char buffer[MAX_COLS * 8] __attribute__((aligned(64)));
    int64_t at, n, done = 0, inner = p->nreduced > 0 ? p->reduced_stride[p->nreduced - 1] : 0;
    walk w;

    walk_start(p, &w, begin, end);
    while ((n = walk_next(p, &w, &at)) > 0) {
        const char *x = data + at * p->size;
        if (p->direct) {
            p->folder.col(x, inner, n, cols, done, p->of->p, a, b);
            done += n;
            continue;
        }
        for (int64_t r = 0; r < n; r++, x += inner * p->size) {
            load(p->dtype, x, p->size, cols, buffer);
            p->folder.col(buffer, 0, 1, cols, done++, p->of->p, a, b);
        }
    }
}

/* Units [begin, end): blocks of results times segments of their reductions. */
static pc_status fold_units(void *ctx, int64_t begin, int64_t end)
{
    const plan *p = ctx;
    slot local_a[MAX_COLS], local_b[MAX_COLS];

    for (int64_t u = begin; u < end; u++) {
        int64_t s = u % p->segments, block = u / p->segments, outer = block / p->blocks,
                j = block % p->blocks * p->block;
        int64_t from = s * p->segment, to = from + p->segment < p->count ? from + p->segment : p->count;
        int64_t cols = p->cols - j < p->block ? p->cols - j : p->block, out = 0;
        const char *data = p->data;
        slot *a = local_a, *b = local_b;

        locate(p, outer, &data, &out);
        if (p->segments > 1) {
            int64_t at = s * p->outputs + outer * p->cols + j;
            a = p->a + at;
            b = p->b + at;
        }
        start(p, a, cols);
        if (p->count > 0 && p->cols > 1) fold_cols(p, data + j * p->size, cols, from, to, a, b);
        else if (p->count > 0) fold_rows(p, data, from, to, a, b);
        if (p->segments > 1) continue;
        int64_t step = p->cols > 1 ? p->out_stride[p->nkept - 1] : 1;
        finish(p, a, b, cols, out + j * step, step);
    }
    return PC_OK;
}

/* Segments of each result, in order. */
static void join_segments(const plan *p)
{
    for (int64_t o = 0; o < p->outputs; o++) {
        const char *data = p->data;
        int64_t out = 0, j = o % p->cols;
        slot a = p->a[o], b = p->b[o];
        for (int64_t s = 1; s < p->segments; s++) {
            int64_t before = s * p->segment, n = p->count - before < p->segment ? p->count - before : p->segment;
            join(p, &a, &b, before, &p->a[s * p->outputs + o], &p->b[s * p->outputs + o], n);
        }
        locate(p, o / p->cols, &data, &out);
        finish(p, &a, &b, 1, out + j * (p->cols > 1 ? p->out_stride[p->nkept - 1] : 1), 1);
    }
}

/* ---- planning ---------------------------------------------------------------------------------- */

/* Dimensions by falling stride, and neighbours that are one run merged. s2 may be NULL. */
static int tidy(int n, int64_t *size, int64_t *s, int64_t *s2, bool sort)
{
    int last = -1;
    for (int k = 1; k < n && sort; k++)
        for (int j = k; j > 0 && s[j - 1] < s[j]; j--) {
            int64_t t;
            t = size[j], size[j] = size[j - 1], size[j - 1] = t;
            t = s[j], s[j] = s[j - 1], s[j - 1] = t;
            if (s2 != NULL) t = s2[j], s2[j] = s2[j - 1], s2[j - 1] = t;
        }
    for (int k = 0; k < n; k++) {
        if (size[k] == 1) continue;
        if (last >= 0 && s[last] == s[k] * size[k] && (s2 == NULL || s2[last] == s2[k] * size[k])) {
            size[last] *= size[k];
            s[last] = s[k];
            if (s2 != NULL) s2[last] = s2[k];
            continue;
        }
        last++;
        size[last] = size[k];
        s[last] = s[k];
        if (s2 != NULL) s2[last] = s2[k];
    }
    return last + 1;
}

static pc_status make_plan(plan *p, const pc_tensor *t, uint32_t mask)
{
    int64_t step = 1, work;

    p->fold = fold_of(p->of->what);
    p->dtype = t->dtype;
    p->type = fold_type(t->dtype);
    p->folder = pc_k->folder(p->fold, p->type);
    p->direct = is_direct(t->dtype);
    p->data = pc_data(t);
    p->size = pc_dtype_size(t->dtype);
    p->outputs = p->count = 1;
    for (int d = t->ndim - 1; d >= 0; d--) {
        if (mask >> d & 1) {
            p->count *= t->shape[d];
            continue;
        }
        p->out_stride[d] = step; /* of the contiguous result, for now by the dimension's number */
        step *= t->shape[d];
        p->outputs *= t->shape[d];
    }
    for (int d = 0; d < t->ndim; d++) {
        int k = mask >> d & 1 ? p->nreduced++ : p->nkept++;
        if (mask >> d & 1) {
            p->reduced[k] = t->shape[d];
            p->reduced_stride[k] = t->stride[d];
        } else {
            p->kept[k] = t->shape[d];
            p->kept_stride[k] = t->stride[d];
            p->out_stride[k] = p->out_stride[d];
        }
    }
    p->nkept = tidy(p->nkept, p->kept, p->kept_stride, p->out_stride, true);
    p->nreduced = tidy(p->nreduced, p->reduced, p->reduced_stride, NULL,
                       p->fold != PC_FOLD_ARGMAX && p->fold != PC_FOLD_ARGMIN);
    bool along = p->nreduced > 0 && p->reduced_stride[p->nreduced - 1] == 1;
    p->cols = p->nkept > 0 && p->kept_stride[p->nkept - 1] == 1 && !along ? p->kept[p->nkept - 1] : 1;
    p->block = p->cols < MAX_COLS ? p->cols : MAX_COLS;
    p->blocks = p->cols > 0 ? (p->cols - 1) / p->block + 1 : 1;
    p->segments = 1;
    p->segment = p->count;
    work = p->count * p->block;
    if (p->outputs / (p->block > 0 ? p->block : 1) < FEW_UNITS && work > 2 * SEGMENT) {
        p->segment = SEGMENT / p->block;
        if (p->cols > 1 && p->segment < 64) p->segment = 64;
        p->segments = (p->count - 1) / p->segment + 1;
    }
    return PC_OK;
}

pc_status pc_reduce(const pc_reduction *of, const pc_tensor *t, uint32_t mask)
{
    pc_status status = PC_OK;
    plan whole = { .of = of }, *p = &whole;
    void *memory = NULL;
    int64_t units, work;

    if ((of->values != NULL ? of->values : of->indices)->numel == 0) return PC_OK;
    PC_TRY(make_plan(p, t, mask));
    if (p->segments > 1) {
        memory = pc_alloc((size_t)(2 * p->segments * p->outputs) * sizeof(slot));
        PC_CHECK(memory != NULL, PC_ENOMEM, "out of memory for a reduction");
        p->a = memory;
        p->b = p->a + p->segments * p->outputs;
    }
    units = p->outputs / p->cols * p->blocks * p->segments;
    work = p->segment * p->block;
    PC_TRY(pc_parallel_for(units, work > 0 ? SEGMENT / work + 1 : units, fold_units, p));
    if (p->segments > 1) join_segments(p);
done:
    pc_free(memory);
    return status;
}

int pc_kept_shape(const pc_tensor *t, uint32_t mask, bool keepdim, int64_t *shape)
{
    int n = 0;
    for (int d = 0; d < t->ndim; d++) {
        if (!(mask >> d & 1)) shape[n++] = t->shape[d];
        else if (keepdim) shape[n++] = 1;
    }
    return n;
}

static pc_status sum_into(const pc_tensor *t, uint32_t mask, pc_tensor *out)
{
    const pc_reduction p = { .what = PC_SUM, .values = out };
    pc_status status = pc_tensor_settle(t);
    return status == PC_OK ? pc_reduce(&p, t, mask) : status;
}

pc_status pc_sum_dims(const pc_tensor *t, uint32_t mask, bool keepdim, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *result = NULL;
    int64_t shape[PC_MAX_DIMS];
    int n = pc_kept_shape(t, mask, keepdim, shape);

    PC_TRY(pc_tensor_new(pc_dtype_is_float(t->dtype) ? t->dtype : PC_I64, n, shape, &result));
    PC_TRY(sum_into(t, mask, result));
    *out = result;
    result = NULL;
done:
    pc_release(result);
    return status;
}
