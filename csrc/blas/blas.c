/* blas.c -- the one place that calls BLIS: of it the microkernels and their block sizes. Packing and the loops around
   are ours, because bli_sgemm() aborts the process when memory is short, and its kernels for small matrices (0.9) read
   past their operands. */
#include "blas.h"
#include "../core/alloc.h"
#include "../core/cpu.h"
#include "../core/parallel.h"
#include <blis.h>
#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Multiplications in a task: some 40 us on one core, well above a hand-over; and tasks wanted of a larger product. */
#define TASK_WORK 2e6
#define TASKS 16
/* Bytes of packed operands that are held at a time, so that they stay in a cache; a longer k is done in rounds. */
#define PACK_BYTES ((int64_t)2 << 20)
/* Elements that a task packs. */
#define PACK_GRAIN (1 << 16)

typedef void (*microkernel)(dim_t m, dim_t n, dim_t k, void *alpha, void *a, void *b, void *beta, void *c, inc_t rs,
                            inc_t cs, auxinfo_t *aux, cntx_t *cntx);
/* The microkernel of a dtype: c is mr x nr; a is packed in panels of pa >= mr rows, b in panels of pb >= nr columns. */
typedef struct engine {
    microkernel run;
    int64_t mr, nr, pa, pb, mc, kc;
    bool by_rows; /* c is best stored by rows */
} engine;

static cntx_t *context;
static engine engines[2]; /* float32, float64 */
static arch_t arch;

/* BLIS reads BLIS_ARCH_TYPE once, when it starts; a value of the user's could end the process, so ours stands there
   for that moment. */
static pc_status start(void)
{
    char value[16], *before = getenv("BLIS_ARCH_TYPE"), *saved = before != NULL ? strdup(before) : NULL;
    if (before != NULL && saved == NULL) return pc_fail(PC_ENOMEM, "out of memory while BLIS starts");
    snprintf(value, sizeof value, "%d", (int)BLIS_ARCH_GENERIC);
    setenv("BLIS_ARCH_TYPE", value, 1);
    bli_init();
    if (saved != NULL) setenv("BLIS_ARCH_TYPE", saved, 1);
    else unsetenv("BLIS_ARCH_TYPE");
    free(saved);
    return PC_OK;
}

pc_status pc_blas_init(int isa)
{
    const pc_cpu *cpu = pc_cpu_info();
    if (context == NULL) {
        pc_status status = start();
        if (status != PC_OK) return status;
    }
    arch = BLIS_ARCH_GENERIC;
    if (isa >= PC_ISA_V3) arch = cpu->amd ? BLIS_ARCH_ZEN3 : BLIS_ARCH_HASWELL;
    /* With 512-bit units of full width (Intel's servers, Zen 5) skx is the faster one; Zen 4 halves them. */
    if (isa >= PC_ISA_V4 && (!cpu->amd || cpu->family >= 0x1a)) arch = BLIS_ARCH_SKX;
    context = bli_gks_lookup_nat_cntx(arch);
    for (int wide = 0; wide < 2; wide++) {
        num_t type = wide ? BLIS_DOUBLE : BLIS_FLOAT;
        engines[wide] = (engine){
            .run = (microkernel)bli_cntx_get_l3_nat_ukr_dt(type, BLIS_GEMM_UKR, context),
            .mr = bli_cntx_get_blksz_def_dt(type, BLIS_MR, context),
            .nr = bli_cntx_get_blksz_def_dt(type, BLIS_NR, context),
            .pa = bli_cntx_get_blksz_max_dt(type, BLIS_MR, context),
            .pb = bli_cntx_get_blksz_max_dt(type, BLIS_NR, context),
            .mc = bli_cntx_get_blksz_def_dt(type, BLIS_MC, context),
            .kc = bli_cntx_get_blksz_def_dt(type, BLIS_KC, context),
            .by_rows = bli_cntx_l3_nat_ukr_prefers_rows_dt(type, BLIS_GEMM_UKR, context),
        };
    }
    return PC_OK;
}

const char *pc_blas_version(void) { return bli_info_get_version_str(); }
const char *pc_blas_arch(void) { return bli_arch_string(arch); }

/* ---- packing ------------------------------------------------------------------------------------ */

/* dst[l * width + i] = src[i * along + l * across] for i < rows, l < k; zeros for rows <= i < width. */
#define PACK(T)                                                                                    \
    static void pack_##T(T *dst, int64_t width, const T *src, int64_t along, int64_t across, int64_t rows, int64_t k)  \
    {                                                                                              \
        if (along == 1 && rows == width) {                                                         \
            for (int64_t l = 0; l < k; l++)                                                        \
                memcpy(dst + l * width, src + l * across, (size_t)width * sizeof(T));              \
            return;                                                                                \
        }                                                                                          \
        for (int64_t i = 0; i < rows; i++)                                                         \
            for (int64_t l = 0; l < k; l++) dst[l * width + i] = src[i * along + l * across];      \
        for (int64_t i = rows; i < width; i++)                                                     \
            for (int64_t l = 0; l < k; l++) dst[l * width + i] = 0;                                \
    }
PACK(float)
PACK(double)

/* Panels whose elements stand one after the other along k: four by four blocks are transposed in registers. */
static void pack_transposed(float *dst, int64_t width, const float *src, int64_t along, int64_t rows, int64_t k)
{
    int64_t i = 0, whole = k & ~(int64_t)3;
    for (; i + 4 <= rows; i += 4) {
        const float *s = src + i * along;
        float *d = dst + i;
        for (int64_t l = 0; l < whole; l += 4, s += 4, d += 4 * width) {
            __m128 r0 = _mm_loadu_ps(s), r1 = _mm_loadu_ps(s + along);
            __m128 r2 = _mm_loadu_ps(s + 2 * along), r3 = _mm_loadu_ps(s + 3 * along);
            _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
            _mm_storeu_ps(d, r0);
            _mm_storeu_ps(d + width, r1);
            _mm_storeu_ps(d + 2 * width, r2);
            _mm_storeu_ps(d + 3 * width, r3);
        }
    }
    if (i > 0 && whole < k) pack_float(dst + whole * width, width, src + whole, along, 1, i, k - whole);
    for (int64_t j = i; j < rows; j++)
        for (int64_t l = 0; l < k; l++) dst[l * width + j] = src[j * along + l];
    for (int64_t j = rows; j < width; j++)
        for (int64_t l = 0; l < k; l++) dst[l * width + j] = 0;
}

/* ---- the product -------------------------------------------------------------------------------- */

/* One operand: `count` panels of `step` rows (or columns), `width` wide when packed. */
typedef struct operand {
    const char *data;
    int64_t along, across; /* strides between rows of a panel, and along k */
    int64_t extent, step, width, count;
    char *packed;          /* [block of k][panel][k][width] */
} operand;

typedef struct product {
    const engine *e;
    bool wide;
    int64_t item;
    operand a, b;
    int64_t k0, k; /* of this round */
    double alpha, beta;
    char *c;
    int64_t rs, cs;
    int64_t rows, cols, across; /* panels of a task, and tasks in a row of them */
} product;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

static char *panel_at(const product *p, const operand *o, int64_t l, int64_t panel, int64_t depth)
{
    return o->packed + (l * o->count + panel * depth) * o->width * p->item;
}

static void pack_panel(const product *p, const operand *o, int64_t panel)
{
    const int64_t first = panel * o->step, rows = least(o->step, o->extent - first);
    for (int64_t l = 0; l < p->k; l += p->e->kc) {
        const int64_t depth = least(p->e->kc, p->k - l);
        const char *src = o->data + (first * o->along + (p->k0 + l) * o->across) * p->item;
        char *dst = panel_at(p, o, l, panel, depth);
        if (p->wide) pack_double((double *)dst, o->width, (const double *)src, o->along, o->across, rows, depth);
        else if (o->across == 1 && o->along != 1)
            pack_transposed((float *)dst, o->width, (const float *)src, o->along, rows, depth);
        else pack_float((float *)dst, o->width, (const float *)src, o->along, o->across, rows, depth);
    }
}

static pc_status pack_task(void *ctx, int64_t begin, int64_t end)
{
    const product *p = ctx;
    for (int64_t i = begin; i < end; i++) {
        if (i < p->a.count) pack_panel(p, &p->a, i);
        else pack_panel(p, &p->b, i - p->a.count);
    }
    return PC_OK;
}

/* Blocks of c. A panel of b stays in the first-level cache while the block's panels of a, in the second, pass by. */
static pc_status multiply_task(void *ctx, int64_t begin, int64_t end)
{
    const product *p = ctx;
    const engine *e = p->e;
    float alpha32 = (float)p->alpha, beta32 = (float)p->beta, one32 = 1;
    double alpha64 = p->alpha, beta64 = p->beta, one64 = 1;
    void *alpha = p->wide ? (void *)&alpha64 : &alpha32, *one = p->wide ? (void *)&one64 : &one32;
    void *beta = p->wide ? (void *)&beta64 : &beta32;
    auxinfo_t aux = { 0 };
    for (int64_t task = begin; task < end; task++) {
        const int64_t i0 = task / p->across * p->rows, i1 = least(i0 + p->rows, p->a.count);
        const int64_t j0 = task % p->across * p->cols, j1 = least(j0 + p->cols, p->b.count);
        for (int64_t l = 0; l < p->k; l += e->kc) {
            const int64_t depth = least(e->kc, p->k - l);
            for (int64_t j = j0; j < j1; j++) {
                char *b = panel_at(p, &p->b, l, j, depth);
                for (int64_t i = i0; i < i1; i++) {
                    char *a = panel_at(p, &p->a, l, i, depth);
                    char *c = p->c + (i * e->mr * p->rs + j * e->nr * p->cs) * p->item;
                    bli_auxinfo_set_next_a(i + 1 < i1 ? a + depth * e->pa * p->item : a, &aux);
                    bli_auxinfo_set_next_b(i + 1 < i1 ? b : b + depth * e->pb * p->item, &aux);
                    e->run(least(e->mr, p->a.extent - i * e->mr), least(e->nr, p->b.extent - j * e->nr), depth, alpha,
                           a, b, l == 0 ? beta : one, c, p->rs, p->cs, &aux, context);
                }
            }
        }
    }
    return PC_OK;
}

/* c = beta * c, for an empty sum. */
static void scale(const product *p)
{
    for (int64_t i = 0; i < p->a.extent; i++)
        for (int64_t j = 0; j < p->b.extent; j++) {
            char *c = p->c + (i * p->rs + j * p->cs) * p->item;
            if (p->wide) *(double *)c = p->beta == 0 ? 0 : p->beta * *(double *)c;
            else *(float *)c = p->beta == 0 ? 0 : (float)p->beta * *(float *)c;
        }
}

/* Blocks as large as the caches allow, halved while there are too few tasks of a worthwhile size. */
static void choose_blocks(product *p)
{
    double work = (double)p->a.extent * (double)p->b.extent * (double)p->k;
    double tasks = work / TASK_WORK < TASKS ? work / TASK_WORK : TASKS;
    p->rows = least(p->a.count, p->e->mc / p->e->mr > 0 ? p->e->mc / p->e->mr : 1);
    p->cols = p->b.count;
    while ((double)(ceil_div(p->a.count, p->rows) * ceil_div(p->b.count, p->cols)) < tasks && p->rows * p->cols > 1) {
        if (p->cols * p->e->nr > p->rows * p->e->mr && p->cols > 1) p->cols = (p->cols + 1) / 2;
        else if (p->rows > 1) p->rows = (p->rows + 1) / 2;
        else p->cols = (p->cols + 1) / 2;
    }
    p->across = ceil_div(p->b.count, p->cols);
}

pc_status pc_gemm(bool wide, int64_t m, int64_t n, int64_t k, double alpha, pc_matrix a, pc_matrix b, double beta,
                  void *c, int64_t rs, int64_t cs)
{
    pc_status status = PC_OK;
    const engine *e = &engines[wide];
    product p = {
        .e = e, .wide = wide, .item = wide ? 8 : 4, .alpha = alpha, .beta = beta, .c = c, .rs = rs, .cs = cs
    };
    if (m <= 0 || n <= 0) return PC_OK;
    if (e->by_rows ? cs != 1 && rs == 1 : rs != 1 && cs == 1) { /* the transposed product writes as the kernel likes */
        p.a = (operand){ .data = b.data, .along = b.cs, .across = b.rs, .extent = n };
        p.b = (operand){ .data = a.data, .along = a.rs, .across = a.cs, .extent = m };
        p.rs = cs;
        p.cs = rs;
    } else {
        p.a = (operand){ .data = a.data, .along = a.rs, .across = a.cs, .extent = m };
        p.b = (operand){ .data = b.data, .along = b.cs, .across = b.rs, .extent = n };
    }
    if (k <= 0) {
        scale(&p);
        return PC_OK;
    }
    p.a.step = e->mr, p.a.width = e->pa, p.a.count = ceil_div(p.a.extent, e->mr);
    p.b.step = e->nr, p.b.width = e->pb, p.b.count = ceil_div(p.b.extent, e->nr);
    const int64_t lines = p.a.count * p.a.width + p.b.count * p.b.width; /* elements packed for each step along k */
    int64_t round = PACK_BYTES / (lines * p.item) / e->kc * e->kc;
    if (round < e->kc) round = e->kc;
    round = least(round, k);
    int64_t a_bytes = ceil_div(p.a.count * p.a.width * round * p.item, 64) * 64; /* kernels load whole vectors of b */
    int64_t b_bytes = p.b.count * p.b.width * round * p.item;
    p.a.packed = pc_alloc((size_t)(a_bytes + b_bytes));
    PC_CHECK(p.a.packed != NULL, PC_ENOMEM, "out of memory: a product of matrices needs %lld bytes",
             (long long)(a_bytes + b_bytes));
    p.b.packed = p.a.packed + a_bytes;
    for (; p.k0 < k; p.k0 += round) {
        p.k = least(round, k - p.k0);
        choose_blocks(&p);
        PC_TRY(pc_parallel_for(p.a.count + p.b.count, PACK_GRAIN / (p.k * (e->pa + e->pb)) + 1, pack_task, &p));
        PC_TRY(pc_parallel_for(ceil_div(p.a.count, p.rows) * p.across, 1, multiply_task, &p));
        p.beta = 1;
    }
done:
    pc_free(p.a.packed);
    return status;
}
