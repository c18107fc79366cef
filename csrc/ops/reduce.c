/* reduce.c -- sums, extremes, norms and variances over dimensions; running sums and products.

   Results do not depend on the number of threads: what is split is split by size. Sums are in double precision. */
#include "reduce.h"
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../kernels/half.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include "elementwise.h"
#include "index.h"
#include "shape.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- what is computed -------------------------------------------------------------------------- */

typedef enum measure {
    SUM,
    MEAN,
    PROD,
    NONZERO,
    ANY,
    ALL,
    MAX,
    MIN,
    ARGMAX,
    ARGMIN,
    NORM0,
    NORM1,
    NORM2,
    NORMP,
    NORM_INF,
    NORM_NEG_INF,
    VAR,
    STD,
    LOGSUMEXP
} measure;

static pc_fold fold_of(measure m)
{
    static const pc_fold folds[] = {
        [SUM] = PC_FOLD_SUM, [MEAN] = PC_FOLD_SUM, [PROD] = PC_FOLD_PROD, [NONZERO] = PC_FOLD_NONZERO,
        [ANY] = PC_FOLD_NONZERO, [ALL] = PC_FOLD_NONZERO, [MAX] = PC_FOLD_MAX, [MIN] = PC_FOLD_MIN,
        [ARGMAX] = PC_FOLD_ARGMAX, [ARGMIN] = PC_FOLD_ARGMIN, [NORM0] = PC_FOLD_NONZERO, [NORM1] = PC_FOLD_ABS,
        [NORM2] = PC_FOLD_SQUARE, [NORMP] = PC_FOLD_POWER, [NORM_INF] = PC_FOLD_MAXABS, [NORM_NEG_INF] = PC_FOLD_MINABS,
        [VAR] = PC_FOLD_VAR, [STD] = PC_FOLD_VAR, [LOGSUMEXP] = PC_FOLD_LOGSUMEXP,
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
    measure what;
    pc_fold fold;
    pc_folder folder;
    pc_fold_type type;       /* of what the folder reads */
    pc_dtype dtype;          /* of what stands in memory */
    bool direct;             /* the two are the same */
    const char *data;
    int64_t size;            /* of an element */
    double p;                /* of the norm */
    double correction;
    int nkept, nreduced;
    int64_t kept[PC_MAX_DIMS], kept_stride[PC_MAX_DIMS], out_stride[PC_MAX_DIMS];
    int64_t reduced[PC_MAX_DIMS], reduced_stride[PC_MAX_DIMS];
    int64_t outputs, count;  /* results, and elements that make one */
    int64_t cols;            /* size of the last kept dimension; 1: one result at a time */
    int64_t blocks, block;   /* of columns, per value of the outer kept dimensions; columns in one */
    int64_t segments, segment;
    slot *a, *b;             /* [segments, outputs] where segments > 1 */
    pc_tensor *values, *indices, *means; /* of the kept shape, contiguous; NULL where not wanted */
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
    switch (p->what) {
    case MEAN: return (p->type >= PC_FOLD_I64 ? (double)a->i : a->f) / n;
    case NORM2: return sqrt(a->f);
    case NORMP: return pow(a->f, 1 / p->p);
    case VAR: case STD: {
        double freedom = n - p->correction, v = b->f / (freedom > 0 ? freedom : 0);
        if (p->count == 0) v = NAN;
        return p->what == STD ? sqrt(v) : v;
    }
    case LOGSUMEXP:
        if (p->count == 0) return -INFINITY;
        return isinf(a->f) || a->f != a->f ? a->f : a->f + log(b->f);
    default: return a->f;
    }
}

static void finish(const plan *p, const slot *a, const slot *b, int64_t n, int64_t at, int64_t stride)
{
    pc_dtype d = p->values != NULL ? p->values->dtype : PC_I64;
    int64_t size = pc_dtype_size(d);
    char *dst = p->values != NULL ? (char *)pc_data(p->values) + at * size : NULL;
    bool whole = p->type >= PC_FOLD_I64;

    if (p->what == MAX || p->what == MIN || p->what == ARGMAX || p->what == ARGMIN || p->what == SUM
        || p->what == PROD) {
        for (int64_t j = 0; j < n && dst != NULL; j++, dst += stride * size) {
            if (whole) store_int(d, dst, a[j].i);
            else store(d, dst, a[j].f);
        }
    } else if (p->fold == PC_FOLD_NONZERO) {
        for (int64_t j = 0; j < n; j++, dst += stride * size)
            store_int(d, dst, p->what == ANY ? a[j].i > 0 : p->what == ALL ? a[j].i == p->count : a[j].i);
    } else {
        for (int64_t j = 0; j < n; j++, dst += stride * size) store(d, dst, finished(p, &a[j], &b[j]));
    }
    if (p->means != NULL) {
        char *mean = (char *)pc_data(p->means) + at * size;
        for (int64_t j = 0; j < n; j++, mean += stride * size) store(d, mean, p->count > 0 ? a[j].f : NAN);
    }
    if (p->indices != NULL) {
        int64_t *index = (int64_t *)pc_data(p->indices) + at;
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
            p->folder.row(x, n, done, p->p, a, b);
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
            p->folder.row(buffer, filled, done, p->p, a, b);
            done += filled;
            filled = 0;
        }
    }
    if (filled > 0) p->folder.row(buffer, filled, done, p->p, a, b);
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
            p->folder.col(x, inner, n, cols, done, p->p, a, b);
            done += n;
            continue;
        }
        for (int64_t r = 0; r < n; r++, x += inner * p->size) {
            load(p->dtype, x, p->size, cols, buffer);
            p->folder.col(buffer, 0, 1, cols, done++, p->p, a, b);
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

    p->fold = fold_of(p->what);
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

/* Fold t over the dimensions in mask into values and indices (either may be NULL), contiguous tensors of the kept
   shape; t is settled. */
static pc_status run_plan(plan *p, const pc_tensor *t, uint32_t mask)
{
    pc_status status = PC_OK;
    void *memory = NULL;
    int64_t units, work;

    if ((p->values != NULL ? p->values : p->indices)->numel == 0) return PC_OK;
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

static int kept_shape(const pc_tensor *t, uint32_t mask, bool keepdim, int64_t *shape)
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
    plan p = { .what = SUM, .values = out };
    pc_status status = pc_tensor_settle(t);
    return status == PC_OK ? run_plan(&p, t, mask) : status;
}

pc_status pc_sum_dims(const pc_tensor *t, uint32_t mask, bool keepdim, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *result = NULL;
    int64_t shape[PC_MAX_DIMS];
    int n = kept_shape(t, mask, keepdim, shape);

    PC_TRY(pc_tensor_new(pc_dtype_is_float(t->dtype) ? t->dtype : PC_I64, n, shape, &result));
    PC_TRY(sum_into(t, mask, result));
    *out = result;
    result = NULL;
done:
    pc_release(result);
    return status;
}

/* ---- calls ------------------------------------------------------------------------------------- */

/* What backward needs to know of the dimensions, beside the arguments. */
#define MASK (PC_MAX_PARAMS - 1)
#define KEEPDIM (PC_MAX_PARAMS - 2)

static const char *name_of(const pc_call *c)
{
    static _Thread_local char name[32];
    size_t n = strcspn(c->op->schema, ".(");
    if (n >= sizeof name) n = sizeof name - 1;
    memcpy(name, c->op->schema, n);
    name[n] = 0;
    return name;
}

static void remember(pc_call *c, uint32_t mask, bool keepdim)
{
    c->v[MASK] = (pc_value){ .kind = PC_INT, .i = mask };
    c->v[KEEPDIM] = (pc_value){ .kind = PC_BOOLEAN, .i = keepdim };
}
void pc_reduces_all(pc_call *c) { remember(c, (1u << c->in[0]->ndim) - 1, false); }
static uint32_t mask_of(const pc_call *c) { return (uint32_t)c->v[MASK].i; }

static pc_status one_dim(const pc_value *dim, int ndim, uint32_t *mask)
{
    int d = 0;
    pc_status status = PC_OK;
    *mask = (1u << ndim) - 1;
    if (dim->kind == PC_NONE) return PC_OK;
    status = pc_wrap_dim(dim->i, ndim, &d);
    *mask = ndim > 0 ? 1u << d : 0;
    return status;
}

/* Elements that make one result. */
static int64_t reduced_count(const pc_tensor *t, uint32_t mask)
{
    int64_t n = 1;
    for (int d = 0; d < t->ndim; d++)
        if (mask >> d & 1) n *= t->shape[d];
    return n;
}

/* Fold in[0] (or t in its place) into out[0] of the given dtype. */
static pc_status reduce_to(pc_call *c, plan *p, pc_tensor *t, uint32_t mask, bool keepdim, pc_dtype dtype)
{
    pc_status status = PC_OK;
    int64_t shape[PC_MAX_DIMS];
    int n = kept_shape(t, mask, keepdim, shape);
    remember(c, mask, keepdim);
    PC_TRY(pc_tensor_new(dtype, n, shape, &c->out[0]));
    p->values = c->out[0];
    PC_TRY(run_plan(p, t, mask));
done:
    return status;
}

/* A window onto t, shaped like the result, with dimensions of size 1 where in[0] was reduced. */
static pc_tensor spread(const pc_call *c, const pc_tensor *t)
{
    pc_tensor w = pc_window(t);
    uint32_t mask = mask_of(c);
    if (c->v[KEEPDIM].i) return w;
    w.ndim = c->in[0]->ndim;
    for (int d = 0, k = 0; d < w.ndim; d++) {
        bool gone = mask >> d & 1;
        w.shape[d] = gone ? 1 : t->shape[k];
        w.stride[d] = gone ? 0 : t->stride[k++];
    }
    return w;
}

/* A tensor of in[0]'s shape and layout, undefined. */
static pc_status like_input(const pc_call *c, pc_dtype dtype, pc_tensor **out)
{
    int64_t stride[PC_MAX_DIMS];
    pc_dense_strides(c->in[0], stride);
    return pc_tensor_new_strided(dtype, c->in[0]->ndim, c->in[0]->shape, stride, out);
}

/* ---- element-by-element work of the gradients: a is in[0], b and c are of the result's shape --- */

#define ROWS3(name, EXPR) \
    PC_ROW3(name##_f32, float, float, float, float, double p = args->f[0], ((void)p, (void)a, (void)b, (void)c, EXPR)) \
    PC_ROW3(name##_f64, double, double, double, double, double p = args->f[0], \
            ((void)p, (void)a, (void)b, (void)c, EXPR))
#define SIGN(x) (((x) > 0) - ((x) < 0))
ROWS3(from_norm2, c == 0 ? 0 : a * (b / c))
ROWS3(from_norm1, SIGN(a) * b)
ROWS3(from_normp, a == 0 || c == 0 ? 0 : SIGN(a) * pow(fabs(a), p - 1) * (b / pow(c, p - 1)))
ROWS3(from_logsumexp, b * exp(a - c))
ROWS3(from_variance, (a - c) * b)
ROWS3(of_variance, b * (2 / p))
ROWS3(of_deviation, a == 0 ? 0 : b / (a * p))
ROWS3(to_equal, (a == c) * b)
ROWS3(to_equal_or_nan, a == c || (a != a && c != c) ? b : 0)
ROWS3(to_equal_abs, fabs(a) == c || (a != a && c != c) ? SIGN(a) * b : 0)
ROWS3(share, b / c)
#define ROWS_TIES(name, T, VALUE, NANS) PC_ROW2(name, uint8_t, T, T, , VALUE == b || (NANS && a != a && b != b))
ROWS_TIES(ties_f32, float, a, false)
ROWS_TIES(ties_f64, double, a, false)
ROWS_TIES(nan_ties_f32, float, a, true)
ROWS_TIES(nan_ties_f64, double, a, true)
ROWS_TIES(abs_ties_f32, float, fabsf(a), true)
ROWS_TIES(abs_ties_f64, double, fabs(a), true)

static pc_status run3(pc_row_fn f32, pc_row_fn f64, double arg, pc_tensor *o, pc_tensor *a, pc_tensor *b, pc_tensor *c)
{
    pc_loop l;
    pc_row_args args = { .f = { arg } };
    pc_tensor *t[4] = { o, a, b, c };
    pc_loop_plan(&l, 4, t);
    return pc_loop_run(&l, PC_GRAIN / 4, o->dtype == PC_F32 ? f32 : f64, &args);
}
#define RUN3(name, arg, o, a, b, c) run3(name##_f32, name##_f64, arg, o, a, b, c)

/* Gradients are computed in float32 or float64; float16 and bfloat16 take the way through float32. */
typedef pc_status (*grad_fn)(pc_call *c, pc_tensor *x, pc_tensor *g, pc_tensor *y, pc_tensor **gin);
static pc_status in_full_precision(pc_call *c, pc_tensor *gout, pc_tensor **gin, grad_fn fn)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *g = NULL, *y = NULL, *wide = NULL, gw, yw;
    pc_dtype dtype = c->in[0]->dtype, work = dtype == PC_F64 ? PC_F64 : PC_F32;

    PC_TRY(c->in[0]->storage == NULL || dtype == work ? pc_tensor_alias(c->in[0], &x) : pc_cast(c->in[0], work, &x));
    PC_TRY(gout->dtype == work ? pc_tensor_alias(gout, &g) : pc_cast(gout, work, &g));
    if (c->out[0]->storage != NULL)
        PC_TRY(c->out[0]->dtype == work ? pc_tensor_alias(c->out[0], &y) : pc_cast(c->out[0], work, &y));
    gw = spread(c, g);
    if (y != NULL) yw = spread(c, y);
    PC_TRY(like_input(c, work, dtype == work ? gin : &wide));
    PC_TRY(fn(c, x, &gw, y != NULL ? &yw : NULL, dtype == work ? gin : &wide));
    if (dtype != work) PC_TRY(pc_cast(wide, dtype, gin));
done:
    pc_release(x);
    pc_release(g);
    pc_release(y);
    pc_release(wide);
    return status;
}

/* The gradient of an extreme, shared evenly by all elements that equal it. What a NaN does is torch's, by operator. */
enum { NAN_EQUALS_NONE, NAN_EQUALS_NAN, BY_MAGNITUDE };
static pc_status shared_by_ties(pc_call *c, pc_tensor *x, pc_tensor *g, pc_tensor *y, pc_tensor **gin, int kind)
{
    static const pc_row_fn rows[][2] = { { ties_f32, ties_f64 }, { nan_ties_f32, nan_ties_f64 },
                                         { abs_ties_f32, abs_ties_f64 } };
    pc_status status = PC_OK;
    pc_tensor *ties = NULL, *count = NULL, *number = NULL, *part = NULL, *t[3];
    pc_loop l;

    PC_TRY(like_input(c, PC_BOOL, &ties));
    t[0] = ties, t[1] = x, t[2] = y;
    pc_loop_plan(&l, 3, t);
    PC_TRY(pc_loop_run(&l, PC_GRAIN / 2, rows[kind][x->dtype == PC_F64], NULL));
    PC_TRY(pc_sum_dims(ties, mask_of(c), true, &count));
    PC_TRY(pc_cast(count, x->dtype, &number));
    PC_TRY(pc_tensor_new(x->dtype, g->ndim, g->shape, &part));
    PC_TRY(RUN3(share, 0, part, number, g, number));
    if (kind == BY_MAGNITUDE) PC_TRY(RUN3(to_equal_abs, 0, *gin, x, part, y));
    else if (kind == NAN_EQUALS_NAN) PC_TRY(RUN3(to_equal_or_nan, 0, *gin, x, part, y));
    else PC_TRY(RUN3(to_equal, 0, *gin, x, part, y));
done:
    pc_release(ties);
    pc_release(count);
    pc_release(number);
    pc_release(part);
    return status;
}

/* ---- sum, mean --------------------------------------------------------------------------------- */

static pc_dtype sum_dtype(const pc_value *asked, pc_dtype d)
{
    if (asked->kind == PC_DTYPE) return (pc_dtype)asked->i;
    return pc_dtype_is_float(d) ? d : PC_I64;
}

/* t in a dtype that may be folded into `to`: floats meant to become integers are converted first. */
static pc_status for_dtype(pc_tensor *t, pc_dtype to, pc_tensor **out)
{
    bool narrowing = to == PC_BOOL ? t->dtype != PC_BOOL : pc_dtype_is_float(t->dtype) && !pc_dtype_is_float(to);
    if (narrowing) return pc_cast(t, to, out);
    *out = pc_retain(t);
    return PC_OK;
}

static pc_status fold_as(pc_call *c, measure what, uint32_t mask, bool keepdim, pc_dtype dtype)
{
    pc_status status = PC_OK;
    pc_tensor *t = NULL;
    plan p = { .what = what };
    PC_TRY(for_dtype(c->in[0], dtype, &t));
    PC_TRY(reduce_to(c, &p, t, mask, keepdim, dtype));
done:
    pc_release(t);
    return status;
}

static pc_status sum_forward(pc_call *c)
{
    return fold_as(c, SUM, (1u << c->in[0]->ndim) - 1, false, sum_dtype(&c->v[0], c->in[0]->dtype));
}
static pc_status sum_dim_forward(pc_call *c)
{
    uint32_t mask;
    pc_status status = pc_wrap_dims(&c->v[0], c->in[0]->ndim, &mask);
    if (status != PC_OK) return status;
    return fold_as(c, SUM, mask, c->v[1].i, sum_dtype(&c->v[2], c->in[0]->dtype));
}

static pc_status sum_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor w = spread(c, gout[0]);
    PC_TRY(like_input(c, c->in[0]->dtype, &gin[0]));
    PC_TRY(pc_copy(gin[0], &w));
done:
    return status;
}

static pc_status mean_dtype(const pc_value *asked, pc_dtype d, pc_dtype *out)
{
    pc_status status = PC_OK;
    bool given = asked->kind == PC_DTYPE;
    *out = given ? (pc_dtype)asked->i : d;
    PC_CHECK(pc_dtype_is_float(*out), PC_ESHAPE,
             "mean(): could not infer output dtype. %s dtype must be either a floating point or complex dtype. Got: %s",
             given ? "Optional" : "Input", pc_dtype_type_name(*out));
done:
    return status;
}

static pc_status mean_forward(pc_call *c)
{
    pc_dtype dtype;
    pc_status status = mean_dtype(&c->v[0], c->in[0]->dtype, &dtype);
    return status == PC_OK ? fold_as(c, MEAN, (1u << c->in[0]->ndim) - 1, false, dtype) : status;
}
static pc_status mean_dim_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_dtype dtype;
    uint32_t mask;
    PC_TRY(mean_dtype(&c->v[2], c->in[0]->dtype, &dtype));
    PC_TRY(pc_wrap_dims(&c->v[0], c->in[0]->ndim, &mask));
    PC_TRY(fold_as(c, MEAN, mask, c->v[1].i, dtype));
done:
    return status;
}

static pc_status mean_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *part = NULL, *g = NULL, w;
    pc_dtype work = gout[0]->dtype == PC_F64 ? PC_F64 : PC_F32;
    double n = (double)reduced_count(c->in[0], mask_of(c));

    PC_TRY(gout[0]->dtype == work ? pc_tensor_alias(gout[0], &g) : pc_cast(gout[0], work, &g));
    PC_TRY(pc_tensor_new(work, g->ndim, g->shape, &part));
    PC_TRY(RUN3(of_variance, 2 * n, part, g, g, g));
    w = spread(c, part);
    PC_TRY(like_input(c, c->in[0]->dtype, &gin[0]));
    PC_TRY(pc_copy(gin[0], &w));
done:
    pc_release(part);
    pc_release(g);
    return status;
}

/* ---- products ---------------------------------------------------------------------------------- */

static pc_status prod_forward(pc_call *c)
{
    return fold_as(c, PROD, (1u << c->in[0]->ndim) - 1, false, sum_dtype(&c->v[0], c->in[0]->dtype));
}
static pc_status prod_dim_forward(pc_call *c)
{
    uint32_t mask;
    pc_status status = one_dim(&c->v[0], c->in[0]->ndim, &mask);
    if (status != PC_OK) return status;
    return fold_as(c, PROD, mask, c->v[1].i, sum_dtype(&c->v[2], c->in[0]->dtype));
}

/* Lines of n elements `inner` apart: outer times inner of them. */
typedef struct lines {
    int64_t outer, n, inner;
    void *dst;
    const void *x, *g;
    bool reverse;
} lines;

static lines lines_along(const pc_tensor *t, int d)
{
    lines l = { .outer = 1, .n = t->ndim > 0 ? t->shape[d] : 1, .inner = 1 };
    for (int k = 0; k < d; k++) l.outer *= t->shape[k];
    for (int k = d + 1; k < t->ndim; k++) l.inner *= t->shape[k];
    return l;
}

static pc_status run_lines(lines *l, pc_range_fn fn)
{
    if (l->outer * l->n * l->inner == 0) return PC_OK;
    return pc_parallel_for(l->outer * l->inner, SEGMENT / l->n + 1, fn, l);
}

/* The product of all others, without a division: what stands before times what stands behind. */
#define PROD_BACK(T)                                                                               \
    static pc_status prod_back_##T(void *ctx, int64_t begin, int64_t end)                          \
    {                                                                                              \
        const lines *l = ctx;                                                                      \
        for (int64_t k = begin; k < end; k++) {                                                    \
            int64_t at = k / l->inner * l->n * l->inner + k % l->inner;                            \
            const T *x = (const T *)l->x + at;                                                     \
            T *dst = (T *)l->dst + at;                                                             \
            double behind = ((const T *)l->g)[k], before = 1;                                      \
            for (int64_t i = l->n - 1; i >= 0; i--) {                                              \
                dst[i * l->inner] = (T)behind;                                                     \
                behind *= x[i * l->inner];                                                         \
            }                                                                                      \
            for (int64_t i = 0; i < l->n; i++) {                                                   \
                dst[i * l->inner] = (T)(dst[i * l->inner] * before);                               \
                before *= x[i * l->inner];                                                         \
            }                                                                                      \
        }                                                                                          \
        return PC_OK;                                                                              \
    }
PROD_BACK(float)
PROD_BACK(double)

static pc_status prod_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *g = NULL, *wide = NULL;
    const pc_tensor *self = c->in[0];
    pc_dtype work = self->dtype == PC_F64 ? PC_F64 : PC_F32;
    uint32_t mask = mask_of(c);
    lines l;

    PC_TRY(pc_tensor_new(work, self->ndim, self->shape, &x));
    PC_TRY(pc_copy(x, self));
    PC_TRY(pc_tensor_new(work, gout[0]->ndim, gout[0]->shape, &g));
    PC_TRY(pc_copy(g, gout[0]));
    PC_TRY(pc_tensor_new(work, self->ndim, self->shape, self->dtype == work ? &gin[0] : &wide));
    l = (mask & (mask - 1)) == 0 && mask != 0 ? lines_along(x, __builtin_ctz(mask))
                                              : (lines){ .outer = 1, .n = x->numel, .inner = 1 };
    l.x = pc_data(x);
    l.g = pc_data(g);
    l.dst = pc_data(wide != NULL ? wide : gin[0]);
    PC_TRY(run_lines(&l, work == PC_F32 ? prod_back_float : prod_back_double));
    if (wide != NULL) PC_TRY(pc_cast(wide, self->dtype, &gin[0]));
done:
    pc_release(x);
    pc_release(g);
    pc_release(wide);
    return status;
}

/* ---- counts and truth -------------------------------------------------------------------------- */

static pc_status truth(pc_call *c, measure what, uint32_t mask, bool keepdim)
{
    plan p = { .what = what };
    return reduce_to(c, &p, c->in[0], mask, keepdim, c->in[0]->dtype == PC_U8 ? PC_U8 : PC_BOOL);
}
#define TRUTH(name, what)                                                                          \
    static pc_status name##_forward(pc_call *c) { return truth(c, what, (1u << c->in[0]->ndim) - 1, false); } \
    static pc_status name##_dim_forward(pc_call *c)                                                \
    {                                                                                              \
        uint32_t mask;                                                                             \
        pc_status status = pc_wrap_dims(&c->v[0], c->in[0]->ndim, &mask);                          \
        return status == PC_OK ? truth(c, what, mask, c->v[1].i) : status;                         \
    }
TRUTH(any, ANY)
TRUTH(all, ALL)

static pc_status count_nonzero_forward(pc_call *c)
{
    plan p = { .what = NONZERO };
    uint32_t mask;
    pc_status status = pc_wrap_dims(&c->v[0], c->in[0]->ndim, &mask);
    return status == PC_OK ? reduce_to(c, &p, c->in[0], mask, false, PC_I64) : status;
}

/* ---- extremes ---------------------------------------------------------------------------------- */

/* torch's errors for nothing to choose from. dims: whether dimensions were named. */
static pc_status check_nonempty(const pc_call *c, uint32_t mask, bool dims)
{
    pc_status status = PC_OK;
    const pc_tensor *t = c->in[0];
    bool arg = strncmp(c->op->schema, "arg", 3) == 0;
    PC_CHECK(dims || t->numel > 0, arg ? PC_EINDEX : PC_ESHAPE,
             arg ? "%s(): Expected reduction dim to be specified for input.numel() == 0."
                 : "%s(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
                   "with the 'dim' argument.",
             name_of(c));
    for (int d = 0; d < t->ndim; d++)
        PC_CHECK(!(mask >> d & 1) || t->shape[d] > 0, PC_EINDEX,
                 "%s(): Expected reduction dim %d to have non-zero size.", name_of(c), d);
done:
    return status;
}

static pc_status extreme(pc_call *c, measure what, uint32_t mask, bool keepdim, bool dims)
{
    plan p = { .what = what };
    pc_status status = check_nonempty(c, mask, dims);
    return status == PC_OK ? reduce_to(c, &p, c->in[0], mask, keepdim, c->in[0]->dtype) : status;
}

static pc_status extreme_index(pc_call *c, measure what, uint32_t mask, bool keepdim, pc_tensor **values,
                               pc_tensor **indices)
{
    pc_status status = PC_OK;
    plan p = { .what = what };
    int64_t shape[PC_MAX_DIMS];
    int n = kept_shape(c->in[0], mask, keepdim, shape);
    remember(c, mask, keepdim);
    if (values != NULL) PC_TRY(pc_tensor_new(c->in[0]->dtype, n, shape, values));
    PC_TRY(pc_tensor_new(PC_I64, n, shape, indices));
    p.values = values != NULL ? *values : NULL;
    p.indices = *indices;
    PC_TRY(run_plan(&p, c->in[0], mask));
done:
    return status;
}

static pc_status arg_extreme(pc_call *c, measure what)
{
    pc_status status = PC_OK;
    uint32_t mask;
    PC_CHECK(c->in[0]->dtype != PC_BOOL, PC_ESHAPE, "%s(): does not support bool input", name_of(c));
    PC_TRY(one_dim(&c->v[0], c->in[0]->ndim, &mask));
    PC_TRY(check_nonempty(c, mask, c->v[0].kind != PC_NONE));
    PC_TRY(extreme_index(c, what, mask, c->v[1].i, NULL, &c->out[0]));
done:
    return status;
}

static pc_status extreme_dim(pc_call *c, measure what)
{
    pc_status status = PC_OK;
    uint32_t mask;
    PC_TRY(one_dim(&c->v[0], c->in[0]->ndim, &mask));
    PC_TRY(check_nonempty(c, mask, true));
    PC_TRY(extreme_index(c, what, mask, c->v[1].i, &c->out[0], &c->out[1]));
done:
    return status;
}

static pc_status extreme_dims(pc_call *c, measure what)
{
    uint32_t mask;
    pc_status status = pc_wrap_dims(&c->v[0], c->in[0]->ndim, &mask);
    return status == PC_OK ? extreme(c, what, mask, c->v[1].i, c->v[0].ints.n > 0) : status;
}

/* maximum and minimum under their other names. */
static pc_status elementwise_forward(pc_call *c)
{
    const pc_op *op = pc_op_find(c->op->schema[1] == 'a' ? "maximum" : "minimum");
    return op != NULL ? op->forward(c)
                      : pc_fail(PC_ENOTIMPL, "this build has no operator for %s of two tensors", name_of(c));
}
static pc_status elementwise_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return pc_op_find(c->op->schema[1] == 'a' ? "maximum" : "minimum")->backward(c, gout, gin);
}

#define EXTREME(name, what, position)                                                                  \
    static pc_status name##_forward(pc_call *c) { return extreme(c, what, (1u << c->in[0]->ndim) - 1, false, false); } \
    static pc_status name##_dim_forward(pc_call *c) { return extreme_dim(c, position); }           \
    static pc_status a##name##_forward(pc_call *c) { return extreme_dims(c, what); }               \
    static pc_status arg##name##_forward(pc_call *c) { return arg_extreme(c, position); }
EXTREME(max, MAX, ARGMAX)
EXTREME(min, MIN, ARGMIN)

static pc_status nan_ties(pc_call *c, pc_tensor *x, pc_tensor *g, pc_tensor *y, pc_tensor **gin)
{
    return shared_by_ties(c, x, g, y, gin, NAN_EQUALS_NAN);
}
pc_status pc_extreme_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return in_full_precision(c, gout[0], &gin[0], nan_ties);
}

static pc_status ties(pc_call *c, pc_tensor *x, pc_tensor *g, pc_tensor *y, pc_tensor **gin)
{
    return shared_by_ties(c, x, g, y, gin, NAN_EQUALS_NONE);
}
static pc_status extreme_dims_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return in_full_precision(c, gout[0], &gin[0], ties);
}

static pc_status extreme_dim_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor g = spread(c, gout[0]), index = spread(c, c->out[1]);
    uint32_t mask = mask_of(c);
    PC_TRY(pc_zeros_like(c->in[0], &gin[0]));
    PC_TRY(pc_scatter(gin[0], mask != 0 ? __builtin_ctz(mask) : 0, &index, &g, false));
done:
    return status;
}

static pc_status aminmax_forward(pc_call *c)
{
    pc_status status = PC_OK;
    plan least = { .what = MIN }, most = { .what = MAX };
    int64_t shape[PC_MAX_DIMS];
    uint32_t mask;
    int n;

    PC_TRY(one_dim(&c->v[0], c->in[0]->ndim, &mask));
    PC_CHECK(c->v[0].kind == PC_NONE || reduced_count(c->in[0], mask) > 0, PC_EINDEX,
             "aminmax: Expected reduction dim %d to have non-zero size.", __builtin_ctz(mask | 1u << 31));
    PC_CHECK(reduced_count(c->in[0], mask) > 0, PC_ESHAPE,
             "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.");
    n = kept_shape(c->in[0], mask, c->v[1].i, shape);
    remember(c, mask, c->v[1].i);
    PC_TRY(pc_tensor_new(c->in[0]->dtype, n, shape, &c->out[0]));
    PC_TRY(pc_tensor_new(c->in[0]->dtype, n, shape, &c->out[1]));
    least.values = c->out[0];
    most.values = c->out[1];
    PC_TRY(run_plan(&least, c->in[0], mask));
    PC_TRY(run_plan(&most, c->in[0], mask));
done:
    return status;
}

static pc_status aminmax_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *least = c->out[0], *second = NULL;
    if (gout[0] != NULL) PC_TRY(in_full_precision(c, gout[0], &gin[0], ties));
    if (gout[1] != NULL) {
        c->out[0] = c->out[1];
        status = in_full_precision(c, gout[1], gin[0] != NULL ? &second : &gin[0], ties);
        c->out[0] = least;
        PC_TRY(status);
        if (second != NULL) PC_TRY(pc_accumulate(gin[0], second));
    }
done:
    pc_release(second);
    return status;
}

/* ---- norms ------------------------------------------------------------------------------------- */

static measure norm_of(const pc_call *c, double *p)
{
    const pc_value *v = &c->v[0];
    *p = v->kind == PC_NONE ? 2 : v->kind == PC_FLOAT ? v->f : (double)v->i;
    if (*p == 2) return NORM2;
    if (*p == 1) return NORM1;
    if (*p == 0) return NORM0;
    return isinf(*p) ? (*p > 0 ? NORM_INF : NORM_NEG_INF) : NORMP;
}

static pc_status norm_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *t = NULL;
    plan p = { 0 };
    uint32_t mask;
    pc_dtype dtype = c->v[3].kind == PC_DTYPE ? (pc_dtype)c->v[3].i : c->in[0]->dtype;

    p.what = norm_of(c, &p.p);
    PC_CHECK(pc_dtype_is_float(c->in[0]->dtype), PC_ESHAPE,
             "linalg.vector_norm: Expected a floating point or complex tensor as input. Got %s",
             pc_dtype_type_name(c->in[0]->dtype));
    PC_CHECK(pc_dtype_is_float(dtype), PC_ESHAPE,
             "linalg.vector_norm: dtype should be floating point or complex. Got %s", pc_dtype_type_name(dtype));
    PC_TRY(pc_wrap_dims(&c->v[1], c->in[0]->ndim, &mask));
    if (p.what == NORM_INF || p.what == NORM_NEG_INF || p.p < 0) {
        bool named = c->v[1].kind == PC_INTS && c->v[1].ints.n > 0;
        PC_CHECK(named || c->in[0]->numel > 0, PC_ESHAPE,
                 "linalg.vector_norm cannot compute the %s norm on an empty tensor because the operation does not "
                 "have an identity",
                 p.what == NORM_INF       ? "inf"
                 : p.what == NORM_NEG_INF ? "-inf"
                                          : "negative");
        for (int d = 0; d < c->in[0]->ndim; d++)
            PC_CHECK(!(mask >> d & 1) || c->in[0]->shape[d] > 0, PC_ESHAPE,
                     "linalg.vector_norm cannot compute the %s norm on the dimension %d because this dimension is "
                     "empty and the operation does not have an identity",
                     p.what == NORM_INF       ? "inf"
                     : p.what == NORM_NEG_INF ? "-inf"
                                              : "negative",
                     d);
    }
    PC_TRY(dtype < c->in[0]->dtype ? pc_cast(c->in[0], dtype, &t) : pc_tensor_alias(c->in[0], &t));
    PC_TRY(reduce_to(c, &p, t, mask, c->v[2].i, dtype));
done:
    pc_release(t);
    return status;
}

static pc_status norm_grad(pc_call *c, pc_tensor *x, pc_tensor *g, pc_tensor *y, pc_tensor **gin)
{
    double p;
    switch (norm_of(c, &p)) {
    case NORM2: return RUN3(from_norm2, p, *gin, x, g, y);
    case NORM1: return RUN3(from_norm1, p, *gin, x, g, y);
    case NORMP: return RUN3(from_normp, p, *gin, x, g, y);
    default: return shared_by_ties(c, x, g, y, gin, BY_MAGNITUDE);
    }
}
static pc_status norm_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    double p;
    if (norm_of(c, &p) == NORM0) return PC_OK; /* a count has no slope */
    return in_full_precision(c, gout[0], &gin[0], norm_grad);
}

/* ---- variance ---------------------------------------------------------------------------------- */

static pc_status variance(pc_call *c, measure what, uint32_t mask, double correction, bool keepdim, pc_tensor **means)
{
    pc_status status = PC_OK;
    plan p = { .what = what, .correction = correction };
    int64_t shape[PC_MAX_DIMS];
    int n = kept_shape(c->in[0], mask, keepdim, shape);
    pc_dtype dtype = c->in[0]->dtype;

    remember(c, mask, keepdim);
    c->v[PC_MAX_PARAMS - 3] = (pc_value){ .kind = PC_FLOAT, .f = (double)reduced_count(c->in[0], mask) - correction };
    if (means != &c->aux[0] || c->grad) PC_TRY(pc_tensor_new(dtype, n, shape, means));
    p.means = *means;
    PC_TRY(pc_tensor_new(dtype, n, shape, &c->out[0]));
    p.values = c->out[0];
    PC_TRY(run_plan(&p, c->in[0], mask));
done:
    return status;
}

static pc_status variance_of(pc_call *c, pc_tensor **means)
{
    pc_status status = PC_OK;
    measure what = c->op->schema[0] == 'v' ? VAR : STD;
    const char *overload = strchr(c->op->schema, '.');
    uint32_t mask = (1u << c->in[0]->ndim) - 1;

    PC_CHECK(pc_dtype_is_float(c->in[0]->dtype), PC_ESHAPE, "%s only support floating point and complex dtypes",
             means == &c->aux[0] ? "std and var" : name_of(c));
    if (overload == NULL || overload > strchr(c->op->schema, '(')) { /* (unbiased) */
        PC_TRY(variance(c, what, mask, (double)c->v[0].i, false, means));
        goto done;
    }
    PC_TRY(pc_wrap_dims(&c->v[0], c->in[0]->ndim, &mask));
    if (overload[1] == 'd') { /* (dim, unbiased, keepdim) */
        PC_TRY(variance(c, what, mask, (double)c->v[1].i, c->v[2].i, means));
    } else { /* (dim, correction, keepdim) */
        const pc_value *v = &c->v[1];
        double correction = v->kind == PC_NONE ? 1 : v->kind == PC_FLOAT ? v->f : (double)v->i;
        PC_TRY(variance(c, what, mask, correction, c->v[2].i, means));
    }
done:
    return status;
}

static pc_status variance_forward(pc_call *c) { return variance_of(c, &c->aux[0]); }
static pc_status variance_mean_forward(pc_call *c) { return variance_of(c, &c->out[1]); }

static pc_status variance_grad(pc_call *c, pc_tensor *x, pc_tensor *g, pc_tensor *y, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *mean = c->aux[0] != NULL ? c->aux[0] : c->out[1], *wide = NULL, *part = NULL, w;
    double freedom = c->v[PC_MAX_PARAMS - 3].f;

    if (freedom < 0) freedom = 0;
    PC_TRY(mean->dtype == x->dtype ? pc_tensor_alias(mean, &wide) : pc_cast(mean, x->dtype, &wide));
    w = spread(c, wide);
    PC_TRY(pc_tensor_new(x->dtype, g->ndim, g->shape, &part));
    PC_TRY(c->op->schema[0] == 'v' ? RUN3(of_variance, freedom, part, g, g, g)
                                   : RUN3(of_deviation, freedom, part, y, g, g));
    PC_TRY(RUN3(from_variance, 0, *gin, x, part, &w));
done:
    pc_release(wide);
    pc_release(part);
    return status;
}

static pc_status variance_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return in_full_precision(c, gout[0], &gin[0], variance_grad);
}

static pc_status variance_mean_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *second = NULL;
    if (gout[0] != NULL) PC_TRY(in_full_precision(c, gout[0], &gin[0], variance_grad));
    if (gout[1] != NULL) {
        PC_TRY(mean_backward(c, &gout[1], gin[0] != NULL ? &second : &gin[0]));
        if (second != NULL) PC_TRY(pc_accumulate(gin[0], second));
    }
done:
    pc_release(second);
    return status;
}

/* ---- logsumexp --------------------------------------------------------------------------------- */

static pc_status logsumexp_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *t = NULL;
    plan p = { .what = LOGSUMEXP };
    pc_dtype dtype = pc_dtype_is_float(c->in[0]->dtype) ? c->in[0]->dtype : PC_F32;
    uint32_t mask;

    PC_TRY(pc_wrap_dims(&c->v[0], c->in[0]->ndim, &mask));
    PC_TRY(dtype != c->in[0]->dtype ? pc_cast(c->in[0], dtype, &t) : pc_tensor_alias(c->in[0], &t));
    PC_TRY(reduce_to(c, &p, t, mask, c->v[1].i, dtype));
done:
    pc_release(t);
    return status;
}

static pc_status logsumexp_grad(pc_call *c, pc_tensor *x, pc_tensor *g, pc_tensor *y, pc_tensor **gin)
{
    return RUN3(from_logsumexp, 0, *gin, x, g, y);
}
static pc_status logsumexp_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return in_full_precision(c, gout[0], &gin[0], logsumexp_grad);
}

/* ---- running sums and products ----------------------------------------------------------------- */

/* In place over dst, a block of neighbouring lines at a time. */
#define SCAN(name, T, A, FIRST, OP)                                                                \
    static pc_status name(void *ctx, int64_t begin, int64_t end)                                   \
    {                                                                                              \
        const lines *l = ctx;                                                                      \
        for (int64_t k = begin; k < end;) {                                                        \
            int64_t j = k % l->inner, width = l->inner - j;                                        \
            A acc[64];                                                                             \
            T *x = (T *)l->dst + k / l->inner * l->n * l->inner + j;                               \
            if (width > end - k) width = end - k;                                                  \
            if (width > 64) width = 64;                                                            \
            for (int64_t i = 0; i < width; i++) acc[i] = FIRST;                                    \
            for (int64_t r = 0; r < l->n; r++) {                                                   \
                T *row = x + (l->reverse ? l->n - 1 - r : r) * l->inner;                           \
                for (int64_t i = 0; i < width; i++) row[i] = (T)(acc[i] OP (A)row[i]);             \
            }                                                                                      \
            k += width;                                                                            \
        }                                                                                          \
        return PC_OK;                                                                              \
    }
SCAN(scan_sum_f32, float, double, 0, +=)
SCAN(scan_sum_f64, double, double, 0, +=)
SCAN(scan_sum_i64, int64_t, uint64_t, 0, +=)
SCAN(scan_prod_f32, float, double, 1, *=)
SCAN(scan_prod_f64, double, double, 1, *=)
SCAN(scan_prod_i64, int64_t, uint64_t, 1, *=)

static pc_status scan(pc_tensor *t, int64_t dim, pc_dtype dtype, bool product, bool reverse, pc_tensor **out)
{
    static const pc_range_fn loops[2][3] = { { scan_sum_f32, scan_sum_f64, scan_sum_i64 },
                                             { scan_prod_f32, scan_prod_f64, scan_prod_i64 } };
    pc_status status = PC_OK;
    pc_tensor *work = NULL, *source = NULL;
    pc_dtype wide = !pc_dtype_is_float(dtype) ? PC_I64 : dtype == PC_F64 ? PC_F64 : PC_F32;
    lines l;
    int d;

    PC_TRY(pc_wrap_dim(dim, t->ndim, &d));
    PC_TRY(for_dtype(t, dtype, &source));
    PC_TRY(pc_tensor_new(wide, t->ndim, t->shape, &work));
    PC_TRY(pc_copy(work, source));
    l = lines_along(work, d);
    l.dst = pc_data(work);
    l.reverse = reverse;
    PC_TRY(run_lines(&l, loops[product][wide == PC_F32 ? 0 : wide == PC_F64 ? 1 : 2]));
    if (wide == dtype) *out = pc_retain(work);
    else PC_TRY(pc_cast(work, dtype, out));
done:
    pc_release(work);
    pc_release(source);
    return status;
}

static pc_status cumsum_forward(pc_call *c)
{
    return scan(c->in[0], c->v[0].i, sum_dtype(&c->v[1], c->in[0]->dtype), false, false, &c->out[0]);
}
static pc_status cumsum_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return scan(gout[0], c->v[0].i, c->in[0]->dtype, false, true, &gin[0]);
}
static pc_status cumprod_forward(pc_call *c)
{
    return scan(c->in[0], c->v[0].i, sum_dtype(&c->v[1], c->in[0]->dtype), true, false, &c->out[0]);
}

/* Element i is in all products from the i-th on: what stands before it times a recurrence from behind. */
#define CUMPROD_BACK(T)                                                                            \
    static pc_status cumprod_back_##T(void *ctx, int64_t begin, int64_t end)                       \
    {                                                                                              \
        const lines *l = ctx;                                                                      \
        for (int64_t k = begin; k < end; k++) {                                                    \
            int64_t at = k / l->inner * l->n * l->inner + k % l->inner;                            \
            const T *x = (const T *)l->x + at, *g = (const T *)l->g + at;                          \
            T *dst = (T *)l->dst + at;                                                             \
            double behind = 0, before = 1;                                                         \
            for (int64_t i = l->n - 1; i >= 0; i--) {                                              \
                behind = behind * (i + 1 < l->n ? x[(i + 1) * l->inner] : 0) + g[i * l->inner];    \
                dst[i * l->inner] = (T)behind;                                                     \
            }                                                                                      \
            for (int64_t i = 0; i < l->n; i++) {                                                   \
                dst[i * l->inner] = (T)(dst[i * l->inner] * before);                               \
                before *= x[i * l->inner];                                                         \
            }                                                                                      \
        }                                                                                          \
        return PC_OK;                                                                              \
    }
CUMPROD_BACK(float)
CUMPROD_BACK(double)

static pc_status cumprod_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *g = NULL, *wide = NULL;
    const pc_tensor *self = c->in[0];
    pc_dtype work = self->dtype == PC_F64 ? PC_F64 : PC_F32;
    lines l;
    int d;

    PC_TRY(pc_wrap_dim(c->v[0].i, self->ndim, &d));
    PC_TRY(pc_tensor_new(work, self->ndim, self->shape, &x));
    PC_TRY(pc_copy(x, self));
    PC_TRY(pc_tensor_new(work, self->ndim, self->shape, &g));
    PC_TRY(pc_copy(g, gout[0]));
    PC_TRY(pc_tensor_new(work, self->ndim, self->shape, &wide));
    l = lines_along(x, d);
    l.x = pc_data(x);
    l.g = pc_data(g);
    l.dst = pc_data(wide);
    PC_TRY(run_lines(&l, work == PC_F32 ? cumprod_back_float : cumprod_back_double));
    if (work == self->dtype) gin[0] = pc_retain(wide);
    else PC_TRY(pc_cast(wide, self->dtype, &gin[0]));
done:
    pc_release(x);
    pc_release(g);
    pc_release(wide);
    return status;
}

/* ---- rows -------------------------------------------------------------------------------------- */

#define BOTH (PC_FUNCTION | PC_METHOD)
#define SAVE_BOTH (PC_SAVE_IN0 | PC_SAVE_OUT0)
#define VARIANCE_ROWS(name, FORWARD, BACKWARD, SAVE, RETURNS, doc) \
    { name "(Tensor self, bool unbiased=True) -> " RETURNS, FORWARD, BACKWARD, BOTH | SAVE, doc " of all elements." }, \
        { name ".dim(Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False) -> " RETURNS, FORWARD, BACKWARD, \
          BOTH | SAVE, doc " over dimensions." }, \
        { name ".correction(Tensor self, int[]? dim=None, *, Scalar? correction=None, bool keepdim=False) " \
               "-> " RETURNS, \
          FORWARD, BACKWARD, BOTH | SAVE, doc " with N - correction in the denominator." }

static const pc_op ops[] = {
    { "sum(Tensor self, *, ScalarType? dtype=None) -> Tensor", sum_forward, sum_backward, BOTH,
      "The sum of all elements." },
    { "sum.dim(Tensor self, int[]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", sum_dim_forward,
      sum_backward, BOTH, "The sum over dimensions." },
    { "mean(Tensor self, *, ScalarType? dtype=None) -> Tensor", mean_forward, mean_backward, BOTH,
      "The mean of all elements." },
    { "mean.dim(Tensor self, int[]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", mean_dim_forward,
      mean_backward, BOTH, "The mean over dimensions." },
    { "prod(Tensor self, *, ScalarType? dtype=None) -> Tensor", prod_forward, prod_backward, BOTH | PC_SAVE_IN0,
      "The product of all elements." },
    { "prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", prod_dim_forward,
      prod_backward, BOTH | PC_SAVE_IN0, "The product over a dimension." },
    { "any(Tensor self) -> Tensor", any_forward, NULL, BOTH | PC_NOGRAD, "Is any element true?" },
    { "any.dims(Tensor self, int[]? dim, bool keepdim=False) -> Tensor", any_dim_forward, NULL, BOTH | PC_NOGRAD,
      "Is any element along dimensions true?" },
    { "all(Tensor self) -> Tensor", all_forward, NULL, BOTH | PC_NOGRAD, "Are all elements true?" },
    { "all.dims(Tensor self, int[]? dim, bool keepdim=False) -> Tensor", all_dim_forward, NULL, BOTH | PC_NOGRAD,
      "Are all elements along dimensions true?" },
    { "count_nonzero(Tensor self, int[]? dim=None) -> Tensor", count_nonzero_forward, NULL, BOTH | PC_NOGRAD,
      "The number of elements that are not zero." },
    { "max(Tensor self) -> Tensor", max_forward, pc_extreme_backward, BOTH | SAVE_BOTH, "The largest element." },
    { "max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", max_dim_forward,
      extreme_dim_backward, BOTH | PC_SAVE_OUT1, "The largest elements along a dimension, and where they stand." },
    { "max.other(Tensor self, Tensor other) -> Tensor", elementwise_forward, elementwise_backward,
      BOTH | PC_SAVE_IN0 | PC_SAVE_IN1, "The larger of two tensors, element by element: maximum." },
    { "min(Tensor self) -> Tensor", min_forward, pc_extreme_backward, BOTH | SAVE_BOTH, "The smallest element." },
    { "min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", min_dim_forward,
      extreme_dim_backward, BOTH | PC_SAVE_OUT1, "The smallest elements along a dimension, and where they stand." },
    { "min.other(Tensor self, Tensor other) -> Tensor", elementwise_forward, elementwise_backward,
      BOTH | PC_SAVE_IN0 | PC_SAVE_IN1, "The smaller of two tensors, element by element: minimum." },
    { "amax(Tensor self, int[] dim=[], bool keepdim=False) -> Tensor", amax_forward, extreme_dims_backward,
      BOTH | SAVE_BOTH, "The largest elements over dimensions; equal ones share the gradient." },
    { "amin(Tensor self, int[] dim=[], bool keepdim=False) -> Tensor", amin_forward, extreme_dims_backward,
      BOTH | SAVE_BOTH, "The smallest elements over dimensions; equal ones share the gradient." },
    { "aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)", aminmax_forward,
      aminmax_backward, BOTH | SAVE_BOTH | PC_SAVE_OUT1, "The smallest and the largest elements." },
    { "argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", argmax_forward, NULL, BOTH | PC_NOGRAD,
      "Where the largest element stands; the first of equal ones." },
    { "argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", argmin_forward, NULL, BOTH | PC_NOGRAD,
      "Where the smallest element stands; the first of equal ones." },
    { "norm(Tensor self, Scalar? p=2, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
      norm_forward, norm_backward, BOTH | SAVE_BOTH, "The p-norm of elements as a vector." },
    VARIANCE_ROWS("var", variance_forward, variance_backward, PC_SAVE_IN0, "Tensor", "The variance"),
    VARIANCE_ROWS("std", variance_forward, variance_backward, SAVE_BOTH, "Tensor", "The standard deviation"),
    VARIANCE_ROWS("var_mean", variance_mean_forward, variance_mean_backward, SAVE_BOTH | PC_SAVE_OUT1, "Tensor[]",
                  "The variance and the mean"),
    VARIANCE_ROWS("std_mean", variance_mean_forward, variance_mean_backward, SAVE_BOTH | PC_SAVE_OUT1, "Tensor[]",
                  "The standard deviation and the mean"),
    { "logsumexp(Tensor self, int[] dim, bool keepdim=False) -> Tensor", logsumexp_forward, logsumexp_backward,
      BOTH | SAVE_BOTH, "log(sum(exp(x))) over dimensions, without overflow." },
    { "cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", cumsum_forward, cumsum_backward, BOTH,
      "The running sum along a dimension." },
    { "cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", cumprod_forward, cumprod_backward,
      BOTH | PC_SAVE_IN0, "The running product along a dimension." },
};
PC_FAMILY(reduce, ops);
