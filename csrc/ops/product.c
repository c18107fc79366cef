/* product.c -- products of matrices: folding of batches, choice of the algorithm, tasks. */
#include "product.h"
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../kernels/kernels.h"
#include "verbose.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Multiplications in a task: some 40 to 150 us. */
#define TASK ((int64_t)2 << 20)
/* Elements of an operand that a task of a product with a vector reads. */
#define VECTOR_TASK (1 << 16)
/* Steps along k that kernels take at a time: what they read again then stays in the first-level cache. */
#define DOTS_DEPTH 1024
#define TILE_DEPTH 256

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t round_up(int64_t a, int64_t step) { return (a + step - 1) / step * step; }

/* One product of float32 matrices: c = a b, or c += a b. */
typedef struct single {
    int64_t m, n, k;
    const float *a, *b;
    float *c;
    int64_t ars, acs, brs, bcs, rs, cs;
    bool accumulate;            /* beta is 1 */
    double alpha, beta;
    int64_t at, until, depth;   /* the part of k under way */
    int64_t rows, cols, across; /* of a task's block; blocks side by side */
    bool copies, keeps;         /* a is copied before it is used, b when it is */
    bool turned;                /* c stands by columns */
    float *panels;              /* a transposed b, or NULL: steps from `at` until `until` */
    const float *edge;          /* a copy of the last columns of b, in rows of `width`, or NULL */
    int64_t edge_at, width;
} single;

/* a b = (b' a')' */
static void transpose(single *s)
{
    single t = *s;
    s->m = t.n, s->n = t.m;
    s->a = t.b, s->ars = t.bcs, s->acs = t.brs;
    s->b = t.a, s->brs = t.acs, s->bcs = t.ars;
    s->rs = t.cs, s->cs = t.rs;
}

/* ---- a row times a matrix that stands by rows ------------------------------------------------------- */

static pc_status row_task(void *ctx, int64_t begin, int64_t end)
{
    const single *s = ctx;
    pc_k->f32_row_product(s->a, s->acs, s->b + begin, s->brs, s->k, end - begin, s->c + begin, s->accumulate);
    return PC_OK;
}

/* ---- both operands run along k ------------------------------------------------------------------------ */

static pc_status dots_task(void *ctx, int64_t begin, int64_t end)
{
    const single *s = ctx;
    for (int64_t task = begin; task < end; task++) {
        const int64_t i = task / s->across * s->rows, j = task % s->across * s->cols;
        pc_dots t = { .a = s->a + i * s->ars + s->at, .b = s->b + j * s->bcs + s->at,
                      .c = s->c + i * s->rs + j * s->cs, .a_row = s->ars, .b_row = s->bcs, .c_row = s->rs,
                      .c_column = s->cs, .m = least(s->rows, s->m - i), .n = least(s->cols, s->n - j),
                      .k = least(s->depth, s->k - s->at),
                      .accumulate = s->accumulate || s->at > 0 };
        pc_k->f32_dots(&t);
    }
    return PC_OK;
}

/* Rows a multiple of ALIAS floats apart fall into the same few lines of the first-level cache. */
#define ALIAS 1024
static bool alias(const single *s) { return s->acs == 1 && s->ars % ALIAS == 0; }

/* The shorter operand is then copied to rows of another length where it is read often enough. */
#define SPREAD_LEAST 8
typedef struct spread {
    float *to;
    const float *from;
    int64_t row, from_row, k;
} spread;

/* ---- blocks of c, by the microkernel ------------------------------------------------------------------- */

/* Rows of a block at most where a is copied. */
#define GROUP 64
/* Floats of a transposed b that are held at a time; a longer k is done in rounds. */
#define PANELS (1 << 19)

static int64_t lanes_of(const single *s, int64_t j) { return s->n - j <= s->width / 2 ? s->width / 2 : s->width; }

/* Where columns from j on, n steps from q on, stand in the transposed b. */
static float *panel_at(const single *s, int64_t j, int64_t q, int64_t n)
{
    return s->panels + (q - s->at) * round_up(s->n, s->width) + j * n;
}

/* The copy of rows of a that the next steps read is made by the product of those before, that of columns of b by their
   product with the first rows. */
static pc_status tile_task(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    const single *s = ctx;
    const int64_t row = round_up(least(TILE_DEPTH, s->k), 16) + 16, step = round_up(s->cols, 16);
    const int64_t copy = s->copies ? s->rows * row : 0, kept = s->keeps ? TILE_DEPTH * s->width : 0;
    const int64_t floats = 2 * copy + kept + (s->turned ? s->rows * step : 0), down = (s->m + s->rows - 1) / s->rows;
    float *own = NULL;
    if (floats > 0) {
        own = pc_alloc((size_t)floats * sizeof *own);
        PC_CHECK(own != NULL, PC_ENOMEM, "out of memory for a product of matrices");
    }
    for (int64_t task = begin; task < end; task++) { /* the smaller operand is read again by tasks that follow */
        const int64_t i = (s->m <= s->n ? task % down : task / s->across) * s->rows, rows = least(s->rows, s->m - i);
        const int64_t j0 = (s->m <= s->n ? task / down : task % s->across) * s->cols, j1 = least(j0 + s->cols, s->n);
        const int64_t ci = s->turned ? step : s->rs;
        float *now = own, *then = own + copy, *keep = own + 2 * copy;
        float *to = s->c + i * s->rs + j0 * s->cs, *c = s->turned ? keep + kept : to;
        bool copied = false;
        if (s->turned && (s->accumulate || s->at > 0))
            pc_k->f32_planes_to_pixels(c, ci, to, s->cs, j1 - j0, rows);
        for (int64_t q = s->at, n; q < s->until; q += n) {
            if (q > s->at) PC_TRY(pc_poll());
            n = least(TILE_DEPTH, s->until - q);
            const float *a = s->a + i * s->ars + q * s->acs;
            for (int64_t r = 0; r < rows && s->copies && !copied; r++)
                memcpy(now + r * row, a + r * s->ars, (size_t)n * sizeof *now);
            copied = s->copies && j1 - j0 > s->width / 2 && n % 16 == 0 && q + 2 * n <= s->until;
            for (int64_t j = j0; j < j1; j += s->width) {
                pc_tile t = { .a = a, .ai = s->ars, .aq = s->acs, .b = s->b + q * s->brs + j, .bq = s->brs, .nu = 1,
                              .nv = 1, .n = n, .c = c + j - j0, .ci = ci, .c4 = 4 * ci, .m = rows,
                              .width = least(s->width, j1 - j), .fresh = true,
                              .accumulate = s->accumulate || q > 0 };
                if (s->copies) t.a = now, t.ai = row;
                t.a4 = 4 * t.ai;
                if (s->panels != NULL) t.b = panel_at(s, j, q, n), t.bq = lanes_of(s, j);
                else if (s->edge != NULL && j == s->edge_at) t.b = s->edge + q * s->width, t.bq = s->width;
                else if (s->keeps) t.keep = keep;
                if (copied && j == j0) t.soon = a + n, t.soon_i = s->ars, t.keep = then, t.keep_i = row;
                pc_k->f32_tile(&t);
            }
            if (copied) {
                float *last = now;
                now = then;
                then = last;
            }
        }
        if (s->turned) pc_k->f32_pixels_to_planes(to, s->cs, c, ci, j1 - j0, rows);
    }
done:
    pc_free(own);
    return status;
}

static pc_status run_tiles(single *s)
{
    pc_status status = PC_OK;
    float *copy = NULL;
    const int64_t task = most(TASK, least(s->m * s->n * s->k / 32, 8 * TASK));
    s->width = pc_k->f32_tile_width();
    s->cols = s->n;
    s->rows = s->m;
    s->until = s->k;
    /* narrow and short rows take as long as vectors of some steps do */
    while (s->rows * most(s->cols, s->width) * (s->k + 8) > task && (s->cols > s->width || s->rows > 56)) {
        if (s->cols > s->width && (s->cols >= s->rows || s->rows <= 56)) s->cols = round_up(s->cols / 2, s->width);
        else s->rows = round_up(s->rows / 2, 28);
    }
    s->copies = alias(s);
    s->keeps = s->brs % ALIAS == 0 && s->m > pc_k->f32_tile_rows();
    if (s->copies) s->rows = least(s->rows, GROUP);
    s->across = (s->n + s->cols - 1) / s->cols;
    s->edge_at = (s->n - 1) / s->width * s->width;
    if (s->edge_at + s->width > s->n) { /* the kernel reads whole vectors: in the last row beyond the end of b */
        copy = pc_alloc((size_t)(s->k * s->width) * sizeof *copy);
        PC_CHECK(copy != NULL, PC_ENOMEM, "out of memory for a product of matrices");
        for (int64_t q = 0; q < s->k; q++)
            memcpy(copy + q * s->width, s->b + q * s->brs + s->edge_at, (size_t)(s->n - s->edge_at) * sizeof *copy);
        s->edge = copy;
    }
    PC_TRY(pc_parallel_for((s->m + s->rows - 1) / s->rows * s->across, 1, tile_task, s));
done:
    pc_free(copy);
    return status;
}

static pc_status panel_task(void *ctx, int64_t begin, int64_t end)
{
    const single *s = ctx;
    const int64_t count = (s->n + s->width - 1) / s->width;
    for (int64_t i = begin; i < end; i++) {
        const int64_t j = i % count * s->width, q = s->at + i / count * TILE_DEPTH, n = least(TILE_DEPTH, s->until - q);
        const int64_t columns = least(s->width, s->n - j), lanes = lanes_of(s, j);
        const float *b = s->b + q * s->brs + j * s->bcs;
        float *to = panel_at(s, j, q, n);
        if (columns < lanes) memset(to, 0, (size_t)(n * lanes) * sizeof *to);
        if (s->brs == 1) {
            pc_k->f32_planes_to_pixels(to, lanes, b, s->bcs, columns, n);
        } else {
            for (int64_t l = 0; l < n; l++)
                for (int64_t k = 0; k < columns; k++) to[l * lanes + k] = b[l * s->brs + k * s->bcs];
        }
    }
    return PC_OK;
}

/* b is transposed first; or a and c are, if that is less. */
static pc_status run_panels(single *s)
{
    pc_status status = PC_OK;
    s->turned = s->acs == 1 && s->brs == 1 && 2 * s->m <= s->n;
    if (s->turned) transpose(s);
    s->width = pc_k->f32_tile_width();
    s->rows = most(16, least(GROUP, round_up(s->m / 8, 8)));
    s->cols = s->n;
    s->across = 1;
    s->copies = alias(s);
    const int64_t count = (s->n + s->width - 1) / s->width;
    const int64_t round = most(PANELS / (count * s->width * TILE_DEPTH), 1) * TILE_DEPTH;
    float *panels = pc_alloc((size_t)(least(round, s->k) * count * s->width) * sizeof *panels);
    PC_CHECK(panels != NULL, PC_ENOMEM, "out of memory for a product of matrices");
    s->panels = panels;
    for (; s->at < s->k; s->at = s->until) {
        s->until = least(s->at + round, s->k);
        const int64_t steps = s->until - s->at, work = s->rows * s->n * steps;
        PC_TRY(pc_parallel_for((steps + TILE_DEPTH - 1) / TILE_DEPTH * count, 2, panel_task, s));
        PC_TRY(pc_parallel_for((s->m + s->rows - 1) / s->rows, most(TASK / work, 1), tile_task, s));
    }
done:
    pc_free(panels);
    return status;
}

static pc_status spread_task(void *ctx, int64_t begin, int64_t end)
{
    const spread *p = ctx;
    for (int64_t i = begin; i < end; i++)
        memcpy(p->to + i * p->row, p->from + i * p->from_row, (size_t)p->k * sizeof *p->to);
    return PC_OK;
}

static pc_status run_dots(single *s)
{
    pc_status status = PC_OK;
    spread copy = { 0 };
    if (s->m > s->n) transpose(s);
    if (s->m >= SPREAD_LEAST && s->n >= 4 * SPREAD_LEAST && alias(s)) {
        copy = (spread){ NULL, s->a, s->k + 16, s->ars, s->k };
        copy.to = pc_alloc((size_t)(s->m * copy.row) * sizeof *copy.to);
        PC_CHECK(copy.to != NULL, PC_ENOMEM, "out of memory for a product of matrices");
        PC_TRY(pc_parallel_for(s->m, VECTOR_TASK / s->k + 1, spread_task, &copy));
        s->a = copy.to;
        s->ars = copy.row;
    }
    s->rows = least(s->m, 96);
    s->depth = s->m < SPREAD_LEAST ? s->k : least(s->k, DOTS_DEPTH); /* so that rows * depth of a stay in a cache */
    s->cols = most(4, round_up((s->m == 1 ? VECTOR_TASK : TASK) / (s->rows * (s->depth + 16)), 4));
    s->across = (s->n + s->cols - 1) / s->cols;
    for (s->at = 0; s->at < s->k || s->at == 0; s->at += s->depth)
        PC_TRY(pc_parallel_for((s->m + s->rows - 1) / s->rows * s->across, 1, dots_task, s));
done:
    pc_free(copy.to);
    return status;
}

/* The operand that is a row is gathered first. */
static pc_status run_vector(single *s)
{
    pc_status status = PC_OK;
    float *copy = NULL;
    if (s->acs != 1 && s->k != 1) {
        copy = pc_alloc((size_t)s->k * sizeof *copy);
        PC_CHECK(copy != NULL, PC_ENOMEM, "out of memory for a product of matrices");
        for (int64_t q = 0; q < s->k; q++) copy[q] = s->a[q * s->acs];
        s->a = copy;
        s->acs = 1;
    }
    PC_TRY(run_dots(s));
done:
    pc_free(copy);
    return status;
}

static pc_status run_row(single *s)
{
    return pc_parallel_for(s->n, round_up(VECTOR_TASK / s->k + 1, 128), row_task, s);
}

static pc_status run_blis(single *s)
{
    return pc_gemm(false, s->m, s->n, s->k, s->alpha, (pc_matrix){ s->a, s->ars, s->acs },
                   (pc_matrix){ s->b, s->brs, s->bcs }, s->beta, s->c, s->rs, s->cs);
}

/* ---- the algorithms, in the order in which they are asked --------------------------------------------- */

/* By measurement. */
static const char *refuse_row(const single *s)
{
    if (s->m != 1) return "neither operand is a vector";
    if (s->bcs != 1 || s->cs != 1) return "the matrix does not stand by rows";
    return s->n >= 16 || s->brs != 1 ? NULL : "fewer than 16 columns";
}
static const char *refuse_vector(const single *s)
{
    if (s->m != 1) return "neither operand is a vector";
    return s->brs == 1 || s->k == 1 ? NULL : "the matrix does not run along the sum";
}
static const char *refuse_dots(const single *s)
{
    const int64_t low = least(s->m, s->n);
    if (s->acs != 1 || s->brs != 1) return "an operand does not run along the sum";
    if (low <= 16 && s->m * s->n * s->k <= 1 << 15) return NULL; /* packing would take longer */
    return (low <= 16 && s->k >= 64) || (low < 48 && s->k >= 1024) ? NULL : "sums are short, or many";
}
static const char *refuse_tiles(const single *s)
{
    return s->bcs == 1 && s->cs == 1 ? NULL : "the second operand does not stand by rows";
}
static const char *refuse_panels(const single *s) { return s->cs == 1 ? NULL : "the result does not stand by rows"; }
static const char *nothing(const single *s) { return NULL; }

typedef struct algorithm {
    const char *name;
    const char *(*refuse)(const single *s); /* why it cannot, or another one is faster; NULL: it runs */
    pc_status (*run)(single *s);
} algorithm;

static const algorithm algorithms[] = {
    { "row by matrix", refuse_row, run_row }, { "dots with a vector", refuse_vector, run_vector },
    { "dots", refuse_dots, run_dots },        { "tiles", refuse_tiles, run_tiles },
    { "panels", refuse_panels, run_panels },  { "BLIS", nothing, run_blis },
};
#define LAST (&algorithms[sizeof algorithms / sizeof algorithms[0] - 1])

static const char *reason_against(const algorithm *k, const single *s)
{
    const bool plain = s->alpha == 1 && (s->beta == 0 || s->beta == 1) && s->k > 0;
    return plain || k == LAST ? k->refuse(s) : "an empty or scaled sum";
}

static void tell(const algorithm *chosen, const single *s)
{
    char reasons[PC_REASONS] = "";
    for (const algorithm *k = algorithms; k != chosen; k++) pc_reason(reasons, k->name, reason_against(k, s));
    fprintf(stderr, "pycnn: product %" PRId64 "x%" PRId64 " * %" PRId64 "x%" PRId64 ": %s%s\n", s->m, s->k, s->k, s->n,
            chosen->name, reasons);
}

/* The first that accepts. A choice takes a few nanoseconds, so none is kept. */
static pc_status multiply_f32(const pc_product *p, const void *a, const void *b, void *c, double beta)
{
    single s = { .m = p->m, .n = p->n, .k = p->k, .a = a, .b = b, .c = c, .ars = p->a.rs, .acs = p->a.cs,
                 .brs = p->b.rs, .bcs = p->b.cs, .rs = p->rs, .cs = p->cs, .accumulate = beta == 1,
                 .alpha = p->alpha, .beta = beta };
    if (s.n == 1 || (s.cs != 1 && s.rs == 1 && s.m != 1)) transpose(&s);
    if (s.n == 1) s.cs = s.bcs = 1;
    const algorithm *k = algorithms;
    while (reason_against(k, &s) != NULL) k++;
    if (pc_verbose()) tell(k, &s);
    return k->run(&s);
}

/* ---- integers ------------------------------------------------------------------------------------------- */

typedef struct integers {
    const pc_product *p;
    const void *a, *b;
    void *c;
    uint64_t alpha, beta;
} integers;

/* Rows [begin, end) of c. */
#define INTEGER_TASK(T)                                                                                                \
    static pc_status task_##T(void *ctx, int64_t begin, int64_t end)                                                   \
    {                                                                                                                  \
        const integers *s = ctx;                                                                                       \
        const pc_product *p = s->p;                                                                                    \
        const T *a = s->a, *b = s->b;                                                                                  \
        for (int64_t i = begin; i < end; i++)                                                                          \
            for (int64_t j = 0; j < p->n; j++) {                                                                       \
                T *to = (T *)s->c + i * p->rs + j * p->cs;                                                             \
                uint64_t sum = 0;                                                                                      \
                for (int64_t q = 0; q < p->k; q++)                                                                     \
                    sum += (uint64_t)a[i * p->a.rs + q * p->a.cs] * (uint64_t)b[q * p->b.rs + j * p->b.cs];            \
                *to = (T)(sum * s->alpha + (s->beta == 0 ? 0 : s->beta * (uint64_t)*to));                              \
            }                                                                                                          \
        return PC_OK;                                                                                                  \
    }
INTEGER_TASK(uint8_t)
INTEGER_TASK(int8_t)
INTEGER_TASK(int16_t)
INTEGER_TASK(int32_t)
INTEGER_TASK(int64_t)

static pc_status multiply_integers(const pc_product *p, const void *a, const void *b, void *c, double beta)
{
    static const pc_range_fn task[PC_DTYPE_COUNT] = { [PC_U8] = task_uint8_t,
                                                      [PC_I8] = task_int8_t,
                                                      [PC_I16] = task_int16_t,
                                                      [PC_I32] = task_int32_t,
                                                      [PC_I64] = task_int64_t };
    integers s = { p, a, b, c, (uint64_t)(int64_t)p->alpha, (uint64_t)(int64_t)beta };
    return pc_parallel_for(p->m, (1 << 18) / (p->n * (p->k + 1)) + 1, task[p->dtype], &s);
}

/* ---- batches -------------------------------------------------------------------------------------------- */

/* The innermost dimension of the batch becomes more rows, columns or steps along k where the strides allow it. */
static void fold(pc_product *p)
{
    while (p->nbatch > 0) {
        const int d = p->nbatch - 1;
        const int64_t count = p->batch[d], sa = p->sa[d], sb = p->sb[d], sc = p->sc[d];
        if (count == 1) {
        } else if (sb == 0 && (p->m == 1 || (sa == p->m * p->a.rs && sc == p->m * p->rs)) && sc != 0) {
            if (p->m == 1) p->a.rs = sa, p->rs = sc;
            p->m *= count;
        } else if (sa == 0 && (p->n == 1 || (sb == p->n * p->b.cs && sc == p->n * p->cs)) && sc != 0) {
            if (p->n == 1) p->b.cs = sb, p->cs = sc;
            p->n *= count;
        } else if (sc == 0 && (p->k == 1 || (sa == p->k * p->a.cs && sb == p->k * p->b.rs))) {
            if (p->k == 1) p->a.cs = sa, p->b.rs = sb;
            p->k *= count;
        } else {
            return;
        }
        p->nbatch--;
    }
}

static pc_status multiply(const pc_product *p, int64_t a, int64_t b, int64_t c, double beta)
{
    const int64_t item = pc_dtype_size(p->dtype);
    const char *x = (const char *)p->a.data + a * item, *y = (const char *)p->b.data + b * item;
    char *z = (char *)p->c + c * item;
    if (p->dtype == PC_F32) return multiply_f32(p, x, y, z, beta);
    if (p->dtype == PC_F64)
        return pc_gemm(true, p->m, p->n, p->k, p->alpha, (pc_matrix){ x, p->a.rs, p->a.cs },
                       (pc_matrix){ y, p->b.rs, p->b.cs }, beta, z, p->rs, p->cs);
    return multiply_integers(p, x, y, z, beta);
}

/* All products that belong to matrix number `index` of those in c: one, or several to be summed. */
static pc_status multiply_sum(const pc_product *p, int64_t index)
{
    pc_status status = PC_OK;
    int64_t a = 0, b = 0, c = 0, terms = 1;
    for (int d = p->nbatch - 1; d >= 0; d--) {
        if (p->sc[d] == 0) {
            terms *= p->batch[d];
            continue;
        }
        const int64_t at = index % p->batch[d];
        index /= p->batch[d];
        a += at * p->sa[d], b += at * p->sb[d], c += at * p->sc[d];
    }
    for (int64_t t = 0; t < terms; t++) {
        int64_t rest = t, ta = a, tb = b;
        for (int d = p->nbatch - 1; d >= 0 && terms > 1; d--) {
            if (p->sc[d] != 0) continue;
            ta += rest % p->batch[d] * p->sa[d], tb += rest % p->batch[d] * p->sb[d];
            rest /= p->batch[d];
        }
        PC_TRY(multiply(p, ta, tb, c, t == 0 ? p->beta : 1));
    }
done:
    return status;
}

static pc_status batch_task(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    for (int64_t i = begin; i < end; i++) PC_TRY(multiply_sum(ctx, i));
done:
    return status;
}

pc_status pc_product_run(pc_product *p)
{
    pc_status status = PC_OK;
    int64_t count = 1, terms = 1;
    if (p->m == 0 || p->n == 0) return PC_OK;
    for (int d = 0; d < p->nbatch; d++) {
        if (p->batch[d] == 0 && p->sc[d] != 0) return PC_OK;
        if (p->batch[d] == 0) { /* an empty sum */
            p->nbatch = 0;
            p->k = 0;
        }
    }
    fold(p);
    for (int d = 0; d < p->nbatch; d++) *(p->sc[d] == 0 ? &terms : &count) *= p->batch[d];
    const double work = (double)p->m * (double)p->n * (double)p->k * (double)terms;
    if (count > 1 && work < (double)TASK) {
        PC_TRY(pc_parallel_for(count, (int64_t)((double)TASK / (work + 1)) + 1, batch_task, p));
    } else {
        for (int64_t i = 0; i < count; i++) PC_TRY(multiply_sum(p, i));
    }
done:
    return status;
}
