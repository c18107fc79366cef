/* conv_direct.c -- direct convolution on pixels and its gradients, by the product microkernel of kernels/tile.h.
   Blocks of output are tasks; what they read is taken where it stands or copied with its padding, which is also where
   planes become pixels and a pending ReLU is computed. Sizes alone decide the blocks and so the order of every sum. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../kernels/kernels.h"
#include "conv.h"
#include <string.h>

/* Multiplications in a task: some 20 to 300 us where the processor does 60 a nanosecond. */
#define TASK_LEAST ((int64_t)1 << 20)
#define TASK_MOST ((int64_t)16 << 20)
#define TASKS 32
/* Floats of input that a task copies at most: a quarter of a level 2 cache. */
#define COPY_FLOATS (1 << 16)
/* Pixels of the output's gradient that are added one by one: the rounding of longer chains would grow. */
#define BIAS_CHAIN 64

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
/* total in parts of at most `limit`, and these nearly equal. */
static int64_t even(int64_t total, int64_t limit)
{
    return total <= limit ? most(total, 1) : ceil_div(total, ceil_div(total, most(limit, 1)));
}

/* ---- blocks of output --------------------------------------------------------------------------- */

typedef struct blocks {
    int64_t n, oh, ow;
    int64_t images, rows, cols; /* of a block */
    int64_t count;
} blocks;

typedef struct rect {
    int64_t n0, n1, h0, h1, w0, w1;
} rect;

/* Blocks of about `pixels`: some images, some rows of one, or a part of a row. */
static blocks blocks_of(int64_t n, int64_t oh, int64_t ow, int64_t pixels)
{
    blocks b = { n, oh, ow, 1, oh, ow, 0 };
    if (pixels >= oh * ow) {
        b.images = even(n, pixels / most(oh * ow, 1));
    } else if (ow > 2 * pixels) {
        b.rows = 1;
        b.cols = even(ow, pixels);
    } else {
        b.rows = even(oh, pixels / ow);
    }
    b.count = ceil_div(n, b.images) * ceil_div(oh, most(b.rows, 1)) * ceil_div(ow, most(b.cols, 1));
    return b;
}

static rect block_at(const blocks *b, int64_t index)
{
    int64_t across = ceil_div(b->ow, b->cols), down = ceil_div(b->oh, b->rows);
    int64_t w0 = index % across * b->cols, h0 = index / across % down * b->rows, n0 = index / across / down * b->images;
    return (rect){ n0, least(n0 + b->images, b->n), h0, least(h0 + b->rows, b->oh), w0, least(w0 + b->cols, b->ow) };
}

/* ---- the input of a block ----------------------------------------------------------------------- */

/* Output (oh, ow) reads (oh * sh - ph + r * dh, ow * sw - pw + s * dw): outside the image there are zeros. */
typedef struct taps {
    int64_t r, s, sh, sw, dh, dw, ph, pw;
} taps;

/* Strides are in floats: from a row or pixel of the input to the next (taps), and from what an output's first tap reads
   to the same of the output below or to its right. */
typedef struct source {
    const float *p;
    int64_t image, row, pixel, down, right;
} source;

/* Of `count` taps, `dilation` apart and the first at `at`, those within [0, size): the others read padding alone. */
static void inside(int64_t at, int64_t size, int64_t count, int64_t dilation, int64_t *lo, int64_t *hi)
{
    *lo = at < 0 ? least((-at + dilation - 1) / dilation, count) : 0;
    *hi = at < size ? least((size - at + dilation - 1) / dilation, count) : 0;
    *hi = most(*hi, *lo);
}

static int64_t reach(int64_t outputs, int64_t step, int64_t count, int64_t dilation)
{
    return count == 0 ? 0 : (outputs - 1) * step + (count - 1) * dilation + 1;
}

/* The step from one copied row or pixel of x to the next: what only outputs in between would read is left out. */
static int64_t rows_apart(const pc_nhwc *x, const taps *t) { return t->r == 1 && x->pixels ? t->sh : 1; }
static int64_t pixels_apart(const pc_nhwc *x, const taps *t) { return t->s == 1 && x->pixels ? t->sw : 1; }

/* The copy of n images' rows x cols outputs' input. */
static source copied(const pc_nhwc *x, const taps *t, int64_t rows, int64_t cols, int64_t pitch, const float *at)
{
    const int64_t down = t->sh / rows_apart(x, t), right = t->sw / pixels_apart(x, t);
    const int64_t row = reach(cols, right, t->s, t->dw) * pitch;
    return (source){ at, reach(rows, down, t->r, t->dh) * row, row, pitch, down * row, right * pitch };
}
static int64_t copy_floats(const pc_nhwc *x, const blocks *b, const taps *t, int64_t pitch)
{
    return b->images * copied(x, t, b->rows, b->cols, pitch, NULL).image;
}

/* Floats from one copied pixel to the next. Neighbours that the kernel reads together must not fall into the same few
   sets of the level 1 cache, as those do that are a multiple of 2 KB apart. */
static int64_t spread(int64_t c, int64_t step) { return c >= 128 && c * step % 512 == 0 ? c + 16 : c; }

/* Can the block read x where it stands? */
static bool view(const pc_nhwc *x, const taps *t, const rect *q, int64_t pitch, source *out)
{
    int64_t h0 = q->h0 * t->sh - t->ph, h1 = h0 + reach(q->h1 - q->h0, t->sh, t->r, t->dh);
    int64_t w0 = q->w0 * t->sw - t->pw, w1 = w0 + reach(q->w1 - q->w0, t->sw, t->s, t->dw);
    if (h1 == h0 || w1 == w0) { /* no taps: nothing is read */
        *out = (source){ .p = x->p };
        return true;
    }
    if (!x->pixels || x->relu || pitch != x->c || pixels_apart(x, t) > 1) return false;
    if (h0 < 0 || w0 < 0 || h1 > x->h || w1 > x->w) return false;
    const int64_t row = x->w * x->c;
    *out = (source){ x->p + (q->n0 * x->h + h0) * row + w0 * x->c, x->h * row, row, x->c, t->sh * row, t->sw * x->c };
    return true;
}

static source load(const pc_nhwc *x, const taps *t, const rect *q, int64_t pitch, float *to)
{
    const int64_t c = x->c, h0 = q->h0 * t->sh - t->ph, w0 = q->w0 * t->sw - t->pw;
    const int64_t down = rows_apart(x, t), right = pixels_apart(x, t);
    const source out = copied(x, t, q->h1 - q->h0, q->w1 - q->w0, pitch, to);
    const int64_t rows = reach(q->h1 - q->h0, t->sh / down, t->r, t->dh);
    const int64_t cols = reach(q->w1 - q->w0, t->sw / right, t->s, t->dw);
    int64_t lo, hi; /* the image's part */
    inside(w0, x->w, cols, right, &lo, &hi);
    for (int64_t n = q->n0; n < q->n1; n++)
        for (int64_t h = h0; h < h0 + rows * down; h += down, to += cols * pitch) {
            if (h < 0 || h >= x->h || lo == hi) {
                memset(to, 0, (size_t)(cols * pitch) * sizeof *to);
                continue;
            }
            float *at = to + lo * pitch;
            memset(to, 0, (size_t)(lo * pitch) * sizeof *to);
            memset(to + hi * pitch, 0, (size_t)((cols - hi) * pitch) * sizeof *to);
            if (!x->pixels) {
                const float *from = x->p + (n * c * x->h + h) * x->w + w0 + lo;
                pc_k->f32_planes_to_pixels(at, pitch, from, x->h * x->w, c, hi - lo);
                continue;
            }
            const float *from = x->p + ((n * x->h + h) * x->w + w0 + lo * right) * c;
            const bool one = pitch == c && right == 1; /* one run */
            const int64_t runs = one ? 1 : hi - lo, run = one ? (hi - lo) * c : c;
            for (int64_t i = 0; i < runs; i++) {
                if (x->relu) pc_k->f32_relu(at + i * pitch, from + i * right * c, run);
                else memcpy(at + i * pitch, from + i * right * c, (size_t)run * sizeof *to);
            }
        }
    return out;
}

/* ---- forward ------------------------------------------------------------------------------------ */

typedef struct direct {
    const pc_nhwc *in;
    taps t;
    int64_t n, oh, ow, k, groups;      /* of what is written */
    float *out;
    int64_t out_image, out_row, out_pixel;
    const float *weights, *bias;
    bool depthwise;                    /* weights: [row][column][channel] */
    int64_t width, panels;             /* of a group */
    int64_t pitch;                     /* of copied pixels */
    int64_t part;                      /* panels of a task */
    blocks b;
    int64_t stage;                     /* floats of a block's copy of its input */
    float *staged;                     /* all blocks' copies, which several tasks read, or NULL */
} direct;

/* The panels from first to last. soon, ahead: memory that the next block copies, so many floats, or NULL. */
static void direct_block(const direct *d, const rect *q, const source *s, int64_t first, int64_t last,
                         const float *soon, int64_t ahead)
{
    const int64_t c = d->in->c / d->groups, k = d->k / d->groups, width = d->width, depth = d->t.r * d->t.s * c;
    const int64_t cols = q->w1 - q->w0, rows = q->h1 - q->h0;
    const bool whole_rows = d->groups == 1 && d->t.dw == 1 && s->pixel == c; /* a filter's row is one run of floats */
    /* A filter of one row that reads no padding, on rows that follow one another: the block is one row, ... */
    const bool joined = d->t.r <= 1 && d->t.ph == 0
        && (rows == 1 || (s->down == cols * s->right && d->out_row == cols * d->out_pixel))
        && (q->n1 - q->n0 == 1
            || (s->image == rows * cols * s->right && d->out_image == rows * cols * d->out_pixel));
    const bool fours = cols == 4 && !joined; /* ... or else tiles may span some */
    pc_tile t = {
        .ai = s->right, .au = d->t.dh * s->row, .av = d->t.dw * s->pixel, .aq = 1,
        .nv = whole_rows ? 1 : d->t.s, .n = whole_rows ? d->t.s * c : c, .ci = d->out_pixel,
    };
    t.a4 = fours ? s->down : 4 * t.ai;
    t.c4 = fours ? d->out_row : 4 * t.ci;
    /* Either the pixels that the next tile reads come nearer, or what the next block copies. */
    const int64_t tile = pc_k->f32_tile_rows();
    if (soon != NULL) t.soon_i = ahead / most(cols * rows * (q->n1 - q->n0), 1);
    else if (joined && s->right == c) t.soon_i = c;
    t.soon_step = ceil_div(t.soon_i * tile, most(depth, 1));
    for (int64_t i = first; i < last; i++) {
        int64_t g = i / d->panels, j = i % d->panels;
        if (i > first && soon != NULL) t.soon = NULL, t.soon_i = t.soon_step = 0;
        t.bq = pc_panel_lanes(k, j, width);
        t.bv = c * t.bq;
        t.bu = d->t.s * t.bv;
        const float *b = d->weights + g * pc_panel_group_floats(k, d->panels, width, depth) + j * width * depth;
        t.width = least(k - j * width, width);
        t.bias = d->bias == NULL ? NULL : d->bias + g * k + j * width;
        for (int64_t n = q->n0; n < (joined ? q->n0 + 1 : q->n1); n++)
            for (int64_t h = q->h0, next, r0, r1, lo, hi; h < q->h1; h = next) {
                inside(h * d->t.sh - d->t.ph, d->in->h, d->t.r, d->t.dh, &r0, &r1);
                for (next = h + 1; fours && next < q->h1; next++) {
                    inside(next * d->t.sh - d->t.ph, d->in->h, d->t.r, d->t.dh, &lo, &hi);
                    if (lo != r0 || hi != r1) break;
                }
                if (joined) next = q->h1;
                t.m = (next - h) * cols * (joined ? q->n1 - q->n0 : 1);
                t.nu = r1 - r0;
                t.b = b + r0 * t.bu;
                t.a = s->p + (n - q->n0) * s->image + (h - q->h0) * s->down + r0 * t.au + g * c;
                t.c = d->out + n * d->out_image + h * d->out_row + q->w0 * d->out_pixel + g * k + j * width;
                if (t.soon_i > 0) t.soon = soon != NULL ? soon : t.a + tile * t.ai;
                pc_k->f32_tile(&t);
                if (soon != NULL) soon += t.m * t.soon_i;
            }
    }
}

/* Outputs whose taps all lie within the image are [*lo, *hi). */
static void whole_filters(int64_t size, int64_t outputs, int64_t stride, int64_t pad, int64_t count, int64_t dilation,
                          int64_t *lo, int64_t *hi)
{
    const int64_t last = size - 1 + pad - (count - 1) * dilation; /* where the last of them may begin */
    *lo = least(pad > 0 ? ceil_div(pad, stride) : 0, outputs);
    *hi = most(least(last < 0 ? 0 : last / stride + 1, outputs), *lo);
}

/* The block's input is read where it stands, or from s, which has its padding. */
static void depthwise_block(const direct *d, const rect *q, const source *s)
{
    const taps *f = &d->t;
    const int64_t row = s != NULL ? s->row : d->in->w * d->in->c, pixel = s != NULL ? s->pixel : d->in->c;
    const int64_t right = s != NULL ? s->right : f->sw * pixel;
    int64_t lo = q->w0, hi = q->w1, r0 = 0, r1 = f->r, s0 = 0, s1 = f->s;
    pc_tile t = { .ai = right, .au = f->dh * row, .av = f->dw * pixel, .bu = f->s * d->k, .bv = d->k,
                  .ci = d->out_pixel, .width = d->k, .bias = d->bias };
    if (s == NULL) whole_filters(d->in->w, d->ow, f->sw, f->pw, f->s, f->dw, &lo, &hi);
    for (int64_t n = q->n0; n < q->n1; n++)
        for (int64_t h = q->h0; h < q->h1; h++) {
            if (s == NULL) inside(h * f->sh - f->ph, d->in->h, f->r, f->dh, &r0, &r1);
            const float *from = s != NULL ? s->p + (n - q->n0) * s->image + (h - q->h0) * s->down
                                          : d->in->p + (n * d->in->h + h * f->sh - f->ph) * row;
            for (int64_t w = q->w0, next; w < q->w1; w = next) {
                const bool whole = w >= lo && w < hi;
                next = whole ? least(hi, q->w1) : w + 1;
                if (!whole) inside(w * f->sw - f->pw, d->in->w, f->s, f->dw, &s0, &s1);
                else s0 = 0, s1 = f->s;
                t.m = next - w;
                t.nu = r1 - r0;
                t.nv = s1 - s0;
                t.a = from + r0 * t.au + s0 * t.av + (s != NULL ? (w - q->w0) * right : w * right - f->pw * pixel);
                t.b = d->weights + r0 * t.bu + s0 * t.bv;
                t.c = d->out + n * d->out_image + h * d->out_row + w * d->out_pixel;
                pc_k->f32_depthwise(&t);
            }
        }
}

/* What block `index` copies and the one before it does not: about so many floats from *at on. */
static int64_t copied_next(const direct *d, int64_t index, const float **at)
{
    const pc_nhwc *x = d->in;
    *at = NULL;
    if (!x->pixels || index >= d->b.count) return 0;
    const rect q = block_at(&d->b, index), last = block_at(&d->b, index - 1);
    int64_t row = q.n0 * x->h + most(q.h0 * d->t.sh - d->t.ph, 0);
    if (q.w1 - q.w0 < d->ow) { /* a part of a row */
        *at = x->p + (row * x->w + q.w0 * d->t.sw) * x->c;
        return (q.w1 - q.w0) * d->t.sw * x->c;
    }
    row = most(row, (last.n1 - 1) * x->h + least((last.h1 - 1) * d->t.sh - d->t.ph + d->t.r, x->h));
    *at = x->p + row * x->w * x->c;
    return ((q.n1 - 1) * x->h + least((q.h1 - 1) * d->t.sh - d->t.ph + d->t.r, x->h) - row) * x->w * x->c;
}

static pc_status stage_blocks(void *ctx, int64_t begin, int64_t end)
{
    const direct *d = ctx;
    for (int64_t i = begin; i < end; i++) {
        source s;
        const rect q = block_at(&d->b, i);
        if (!view(d->in, &d->t, &q, d->pitch, &s)) load(d->in, &d->t, &q, d->pitch, d->staged + i * d->stage);
    }
    return PC_OK;
}

static pc_status direct_tasks(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    const direct *d = ctx;
    float *memory = NULL;
    for (int64_t i = begin; i < end; i++) {
        int64_t index = i % d->b.count, first = i / d->b.count * d->part, ahead = 0;
        const float *soon = NULL;
        rect q = block_at(&d->b, index);
        source s;
        if (d->depthwise && d->in->pixels && !d->in->relu) {
            depthwise_block(d, &q, NULL);
            continue;
        }
        if (!view(d->in, &d->t, &q, d->pitch, &s)) {
            if (d->staged != NULL) {
                s = copied(d->in, &d->t, q.h1 - q.h0, q.w1 - q.w0, d->pitch, d->staged + index * d->stage);
            } else {
                if (memory == NULL) memory = pc_alloc((size_t)d->stage * sizeof *memory);
                PC_CHECK(memory != NULL, PC_ENOMEM, "out of memory for a convolution's block of input");
                s = load(d->in, &d->t, &q, d->pitch, memory);
                ahead = copied_next(d, index + 1, &soon);
            }
        }
        if (d->depthwise) depthwise_block(d, &q, &s);
        else direct_block(d, &q, &s, first, least(first + d->part, d->groups * d->panels), soon, ahead);
    }
done:
    pc_free(memory);
    return status;
}

static pc_status direct_run(direct *d)
{
    pc_status status = PC_OK;
    const int64_t c = d->in->c, taps = d->t.r * d->t.s, all = d->groups * d->panels;
    const int64_t macs = most(taps * (c / d->groups) * d->k, 1), pixels = d->n * d->oh * d->ow;
    if (pixels == 0 || d->k == 0) return PC_OK;
    const int64_t task =
        least(most(macs > INT64_MAX / pixels ? TASK_MOST : macs * pixels / TASKS, TASK_LEAST), TASK_MOST);
    d->pitch = spread(c, d->t.sw / pixels_apart(d->in, &d->t));
    /* Long enough that a panel's many uses make up for its reading, if what is copied stays in a level 2 cache. */
    const int64_t copied = c * (d->t.sh / rows_apart(d->in, &d->t)) * (d->t.sw / pixels_apart(d->in, &d->t));
    const int64_t size = least(most(task / macs, 112), most(COPY_FLOATS / most(copied, 1), 28));
    d->b = blocks_of(d->n, d->oh, d->ow, size);
    d->stage = copy_floats(d->in, &d->b, &d->t, d->pitch);
    d->part = most(all, 1);
    int64_t parts = 1;
    const int64_t block = d->b.images * d->b.rows * d->b.cols * macs;
    if (!d->depthwise) {
        /* A block with many weights is shared between tasks. */
        d->part = least(most(ceil_div(all, most(block / task, 1)), ceil_div(256, most(taps * d->width, 1))), all);
        parts = ceil_div(all, d->part);
    }
    if (parts > 1) {
        d->staged = pc_alloc((size_t)(d->stage * d->b.count) * sizeof *d->staged);
        PC_CHECK(d->staged != NULL, PC_ENOMEM, "out of memory for a convolution's input");
        PC_TRY(pc_parallel_for(d->b.count, COPY_FLOATS / most(d->stage, 1) + 1, stage_blocks, d));
    }
    PC_TRY(pc_parallel_for(d->b.count * parts, parts > 1 ? 1 : most(task / block, 1), direct_tasks, d));
done:
    pc_free(d->staged);
    return status;
}

/* Pack the weight for d, run d. lane, inner: the dimensions of the weight that d writes and sums over. first: the tap
   at row 0, column 0; then every row_step-th and col_step-th. */
static pc_status direct_with(direct *d, const pc_conv_pass *a, int lane, int inner, int64_t first_row,
                             int64_t first_col, int64_t row_step, int64_t col_step)
{
    pc_status status = PC_OK;
    const pc_tensor *w = a->weight;
    const int64_t k = d->k / d->groups, c = d->in->c / d->groups, depth = d->t.r * d->t.s * c;
    const float *from = pc_f32(w) + first_row * w->stride[2] + first_col * w->stride[3];
    d->width = pc_k->f32_tile_width();
    d->panels = ceil_div(k, d->width);
    const int64_t floats =
        d->depthwise ? depth * d->k : d->groups * pc_panel_group_floats(k, d->panels, d->width, depth);
    bool found;
    const int64_t key[PC_CONV_KEY] = {
        d->depthwise ? -1 : -2, lane ? d->groups : -d->groups, d->t.r, d->t.s, row_step, col_step, from - pc_f32(w)
    };
    pc_derived *packed = pc_conv_derived(a, floats, key, &found);
    PC_CHECK(packed != NULL, PC_ENOMEM, "out of memory for a convolution's weights");
    d->weights = packed->values;
    if (!found && d->depthwise) {
        for (int64_t row = 0; row < d->t.r; row++)
            for (int64_t col = 0; col < d->t.s; col++)
                for (int64_t i = 0; i < d->k; i++)
                    packed->values[(row * d->t.s + col) * d->k + i] =
                        from[i * w->stride[0] + row * row_step * w->stride[2] + col * col_step * w->stride[3]];
    } else if (!found) {
        pc_panels p = { from, packed->values, d->groups, k, c, d->t.r, d->t.s, w->shape[0] / d->groups * w->stride[0],
                        w->stride[lane], w->stride[inner], row_step * w->stride[2], col_step * w->stride[3],
                        d->width, d->panels };
        PC_TRY(pc_panels_pack(&p));
    }
    if (!found) pc_conv_keep(a, floats, packed);
    PC_TRY(direct_run(d));
done:
    pc_derived_release(packed);
    return status;
}

static bool is_depthwise(const pc_conv *p) { return p->groups > 1 && p->groups == p->c && p->groups == p->k; }

static pc_status forward(const pc_conv_pass *a, bool depthwise)
{
    const pc_conv *p = &a->p;
    direct d = { .in = a->x, .t = { p->r, p->s, p->sh, p->sw, p->dh, p->dw, p->ph, p->pw },
                 .n = p->n, .oh = p->oh, .ow = p->ow, .k = p->k, .groups = p->groups, .depthwise = depthwise,
                 .out = a->out, .out_image = p->oh * p->ow * p->k, .out_row = p->ow * p->k, .out_pixel = p->k,
                 .bias = a->bias };
    return direct_with(&d, a, 0, 1, 0, 0, 1, 1);
}

/* ---- input gradient ----------------------------------------------------------------------------- */

/* One axis of a phase: inputs at first, first + stride, ... are reached by every step-th tap from `tap` on, and these
   read neighbouring outputs, `dilation` apart. Taken from the last to the first they are a stride 1 convolution. */
typedef struct phase {
    int64_t outputs, count, tap, step, dilation, pad;
} phase;

static int64_t gcd(int64_t a, int64_t b) { return b == 0 ? a : gcd(b, a % b); }

static phase phase_of(int64_t first, int64_t size, int64_t filter, int64_t stride, int64_t dilation, int64_t pad)
{
    phase f = { .outputs = size > first ? (size - first - 1) / stride + 1 : 0 };
    int64_t g = gcd(stride, dilation), tap = 0;
    f.step = stride / g;
    f.dilation = dilation / g;
    while (tap < filter && tap < f.step && (first + pad - tap * dilation) % stride != 0) tap++;
    if (tap >= filter || tap >= f.step) return f; /* no tap: the gradient is zero there */
    f.count = (filter - 1 - tap) / f.step + 1;
    f.tap = tap + (f.count - 1) * f.step;
    f.pad = (f.count - 1) * f.dilation - (first + pad - tap * dilation) / stride;
    return f;
}

static pc_status input_gradient(const pc_conv_pass *a, bool depthwise)
{
    pc_status status = PC_OK;
    const pc_conv *p = &a->p;
    for (int64_t y = 0; y < least(p->sh, p->h); y++)
        for (int64_t x = 0; x < least(p->sw, p->w); x++) {
            phase v = phase_of(y, p->h, p->r, p->sh, p->dh, p->ph), u = phase_of(x, p->w, p->s, p->sw, p->dw, p->pw);
            bool none = v.count == 0 || u.count == 0;
            direct d = { .in = a->g,
                         .t = { none ? 0 : v.count, none ? 0 : u.count, 1, 1, v.dilation, u.dilation, v.pad, u.pad },
                         .n = p->n,
                         .oh = v.outputs,
                         .ow = u.outputs,
                         .k = p->c,
                         .groups = p->groups,
                         .depthwise = depthwise,
                         .out = a->out + (y * p->w + x) * p->c,
                         .out_image = p->h * p->w * p->c,
                         .out_row = p->sh * p->w * p->c,
                         .out_pixel = p->sw * p->c,
                         .bias = a->bias };
            PC_TRY(direct_with(&d, a, 1, 0, v.tap, u.tap, -v.step, -u.step));
        }
done:
    return status;
}

/* ---- weight gradient ---------------------------------------------------------------------------- */

/* Sums over pixels, in slots that each take a share of the blocks; then over slots, in order. A slot holds, for each
   panel of output channels, [row][column][inner channel][lane] (depthwise: [row][column][channel]) and the bias. */
typedef struct weight_sums {
    const pc_nhwc *x, *g;
    taps t;
    int64_t groups;
    bool depthwise, want_weight, want_bias;
    blocks b;
    int64_t slots, parts, part;        /* panels of a task */
    int64_t width, panels;             /* of a group */
    int64_t depth;                     /* taps times inner channels */
    int64_t pitch;                     /* of copied pixels */
    int64_t bias_at, slot_floats;
    float *slot;
    float *gw, *gb;
} weight_sums;

/* A panel of channels on its own. The last one of a group may lack some, which vectors would read all the same: zeros.
 */
static void copy_panel(const weight_sums *j, const rect *q, int64_t channel, int64_t valid, int64_t lanes, float *to)
{
    const pc_nhwc *g = j->g;
    for (int64_t n = q->n0; n < q->n1; n++)
        for (int64_t h = q->h0; h < q->h1; h++)
            for (int64_t w = q->w0; w < q->w1; w++, to += lanes) {
                memcpy(to, g->p + ((n * g->h + h) * g->w + w) * g->c + channel, (size_t)valid * sizeof *to);
                memset(to + valid, 0, (size_t)(lanes - valid) * sizeof *to);
            }
}

/* spare: room for a panel of the block's pixels. */
static void sum_panels(const weight_sums *j, const rect *q, const source *s, float *slot, float *spare, int64_t first,
                       int64_t last, bool accumulate)
{
    static const float one = 1;
    const int64_t c = j->x->c / j->groups, k = j->g->c / j->groups, ow = j->g->w, oh = j->g->h;
    const bool whole_rows = j->groups == 1 && j->t.dw == 1 && s->pixel == c;
    const int64_t runs = whole_rows ? 1 : j->t.s, run = whole_rows ? j->t.s * c : c;
    pc_tile t = {
        .ai = 1, .a4 = 4, .au = s->image, .av = s->down, .aq = s->right,
        .nu = q->n1 - q->n0, .nv = q->h1 - q->h0, .n = q->w1 - q->w0, .m = run, .accumulate = accumulate,
    };
    for (int64_t i = first; i < last; i++) {
        int64_t g = i / j->panels, panel = i % j->panels;
        const int64_t channel = g * k + panel * j->width, valid = k - panel * j->width;
        t.width = t.ci = pc_panel_lanes(k, panel, j->width);
        t.c4 = 4 * t.ci;
        if (valid < t.width || spread(j->g->c, 1) != j->g->c) {
            copy_panel(j, q, channel, least(valid, t.width), t.width, spare);
            t.b = spare;
            t.bq = t.width;
            t.bv = t.n * t.bq;
            t.bu = t.nv * t.bv;
        } else {
            t.b = j->g->p + ((q->n0 * oh + q->h0) * ow + q->w0) * j->g->c + channel;
            t.bq = j->g->c;
            t.bv = ow * t.bq;
            t.bu = oh * t.bv;
        }
        if (j->want_weight && !j->depthwise)
            for (int64_t r = 0; r < j->t.r; r++) {
                pc_tile row = t; /* without the output rows for which this filter row reads padding */
                int64_t lo, hi;
                inside(q->h0 * j->t.sh - j->t.ph + r * j->t.dh, j->x->h, t.nv, j->t.sh, &lo, &hi);
                row.nv = hi - lo;
                row.b += lo * row.bv;
                for (int64_t v = 0; v < runs; v++) {
                    row.a = s->p + r * j->t.dh * s->row + v * j->t.dw * s->pixel + lo * row.av + g * c;
                    row.c = slot + i * j->depth * j->width + (r * j->t.s * c + v * run) * t.ci;
                    pc_k->f32_tile(&row);
                }
            }
        if (j->want_bias) {
            pc_tile ones = t;
            ones.a = &one;
            ones.ai = ones.a4 = ones.au = ones.av = ones.aq = 0;
            ones.nu = ones.nv = ones.m = 1;
            ones.c = slot + j->bias_at + i * j->width;
            for (int64_t left = t.nu * t.nv * t.n; left > 0; left -= ones.n) { /* a block's pixels follow each other */
                ones.n = least(left, BIAS_CHAIN);
                pc_k->f32_tile(&ones);
                ones.b += ones.n * t.bq;
                ones.accumulate = true;
            }
        }
    }
    if (j->want_weight && j->depthwise)
        for (int64_t n = q->n0; n < q->n1; n++) {
            pc_tile d = t;
            d.a = s->p + (n - q->n0) * s->image;
            d.ai = j->t.dh * s->row, d.aq = j->t.dw * s->pixel, d.au = s->down, d.av = s->right;
            d.b = j->g->p + ((n * oh + q->h0) * ow + q->w0) * j->g->c;
            d.bu = ow * j->g->c, d.bv = j->g->c;
            d.nu = q->h1 - q->h0, d.nv = q->w1 - q->w0, d.n = j->t.s;
            d.m = j->t.r * j->t.s, d.width = d.ci = j->g->c, d.c = slot;
            pc_k->f32_depthwise_weight(&d);
        }
}

static pc_status sum_tasks(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    const weight_sums *j = ctx;
    const int64_t panels = j->groups * j->panels, spare = j->b.images * j->b.rows * j->b.cols * j->width;
    float *memory = pc_alloc((size_t)(spare + copy_floats(j->x, &j->b, &j->t, j->pitch)) * sizeof *memory);
    PC_CHECK(memory != NULL, PC_ENOMEM, "out of memory for a convolution's block of input");
    for (int64_t i = begin; i < end; i++) {
        int64_t index = i % j->slots, first = i / j->slots * j->part, last = least(first + j->part, panels);
        int64_t b0 = index * j->b.count / j->slots, b1 = (index + 1) * j->b.count / j->slots;
        float *slot = j->slot + index * j->slot_floats;
        if (j->depthwise) memset(slot, 0, (size_t)j->bias_at * sizeof *slot);
        for (int64_t b = b0; b < b1; b++) {
            rect q = block_at(&j->b, b);
            source s;
            if (!view(j->x, &j->t, &q, j->pitch, &s)) s = load(j->x, &j->t, &q, j->pitch, memory + spare);
            sum_panels(j, &q, &s, slot, memory, first, last, b > b0);
            PC_TRY(pc_poll()); /* a slot's share may take many milliseconds */
        }
    }
done:
    pc_free(memory);
    return status;
}

/* Over slots, and from panels to [k, c / groups, r, s]. */
static pc_status finish_panels(void *ctx, int64_t begin, int64_t end)
{
    const weight_sums *j = ctx;
    const int64_t c = j->x->c / j->groups, k = j->g->c / j->groups, taps = j->t.r * j->t.s;
    for (int64_t i = begin; i < end; i++) {
        int64_t g = i / j->panels, panel = i % j->panels, stride = pc_panel_lanes(k, panel, j->width);
        int64_t first = g * k + panel * j->width, lanes = least(k - panel * j->width, j->width);
        float *sums = j->slot + i * j->depth * j->width, *bias = j->slot + j->bias_at + i * j->width;
        for (int64_t slot = 1; slot < j->slots; slot++) {
            if (j->want_bias) pc_k->f32_accumulate(bias, bias + slot * j->slot_floats, stride);
            if (j->want_weight && !j->depthwise)
                pc_k->f32_accumulate(sums, sums + slot * j->slot_floats, j->depth * stride);
        }
        if (j->want_bias) memcpy(j->gb + first, bias, (size_t)lanes * sizeof *bias);
        if (!j->want_weight) continue;
        if (!j->depthwise) {
            pc_panel_unpack(sums, stride, lanes, c, taps, j->gw + first * c * taps);
            continue;
        }
        for (int64_t at = first; at < first + lanes; at++)
            for (int64_t v = 0; v < taps; v++) {
                float *gw = j->gw + at * taps + v;
                *gw = j->slot[v * c + at];
                for (int64_t slot = 1; slot < j->slots; slot++) *gw += j->slot[slot * j->slot_floats + v * c + at];
            }
    }
    return PC_OK;
}

/* Slots may take as much memory as this in all: 16 MB. */
#define SLOT_FLOATS ((int64_t)4 << 20)

static pc_status weight_gradient(const pc_conv_pass *a, bool depthwise)
{
    pc_status status = PC_OK;
    const pc_conv *p = &a->p;
    weight_sums j = { .x = a->x, .g = a->g, .t = { p->r, p->s, p->sh, p->sw, p->dh, p->dw, p->ph, p->pw },
                      .groups = depthwise ? 1 : p->groups, /* panels are for the bias then */
                      .depthwise = depthwise, .want_weight = a->gw != NULL, .want_bias = a->gb != NULL,
                      .gw = a->gw, .gb = a->gb };
    const int64_t k = p->k / j.groups, pixels = p->n * p->oh * p->ow, weights = p->k * (p->c / p->groups) * p->r * p->s;
    if (pixels == 0 || p->c == 0) {
        if (a->gw != NULL) memset(a->gw, 0, (size_t)weights * sizeof *a->gw);
        if (a->gb != NULL) memset(a->gb, 0, (size_t)p->k * sizeof *a->gb);
        if (a->gb == NULL || pixels == 0) return PC_OK;
    }
    if (!j.want_weight) j.t.r = j.t.s = 0;
    const int64_t taps = j.t.r * j.t.s;
    j.pitch = spread(j.x->c, j.t.sw);
    j.width = pc_k->f32_tile_width();
    j.panels = ceil_div(k, j.width);
    j.depth = depthwise ? 0 : taps * (p->c / p->groups);
    const int64_t all = j.groups * j.panels;
    j.bias_at = depthwise ? taps * p->k : all * j.depth * j.width;
    j.slot_floats = j.bias_at + all * j.width;

    const int64_t macs = most(taps * (p->c / p->groups) * p->k, p->k);
    const int64_t task =
        least(most(macs > INT64_MAX / pixels ? TASK_MOST : macs * pixels / TASKS, TASK_LEAST), TASK_MOST);
    const int64_t tasks = macs > INT64_MAX / pixels ? TASKS : ceil_div(macs * pixels, task);
    /* 256 pixels: a panel of the output's gradient stays in the level 1 cache while all taps pass over it. */
    j.b = blocks_of(p->n, p->oh, p->ow, least(256, most(COPY_FLOATS / most(p->sh * p->sw * p->c, 1), 28)));
    /* Parts of the panels first: they need no sum over slots. */
    j.part = depthwise ? all : least(most(ceil_div(all, tasks), ceil_div(256, most(taps * j.width, 1))), all);
    j.parts = ceil_div(all, j.part);
    j.slots = least(least(ceil_div(tasks, j.parts), ceil_div(pixels, 256)), SLOT_FLOATS / j.slot_floats);
    j.slots = least(most(j.slots, 1), j.b.count);
    j.slot = pc_alloc((size_t)(j.slots * j.slot_floats) * sizeof *j.slot);
    PC_CHECK(j.slot != NULL, PC_ENOMEM, "out of memory for the gradient of a convolution's weights");
    PC_TRY(pc_parallel_for(j.slots * j.parts, 1, sum_tasks, &j));
    PC_TRY(pc_parallel_for(all, ((int64_t)1 << 16) / most(j.depth * j.width * j.slots, 1) + 1, finish_panels, &j));
done:
    pc_free(j.slot);
    return status;
}

pc_status pc_conv_bias_gradient(const pc_nhwc *g, float *gb)
{
    pc_conv_pass a = { .p = { .n = g->n, .c = g->c, .h = g->h, .w = g->w, .k = g->c, .oh = g->h, .ow = g->w, .sh = 1,
                              .sw = 1, .dh = 1, .dw = 1, .groups = 1 },
                       .x = g, .g = g, .gb = gb };
    return weight_gradient(&a, false);
}

/* ---- the algorithms ----------------------------------------------------------------------------- */

static const char *nothing(const pc_conv_pass *a) { return NULL; }
static const char *refuse_groups(const pc_conv_pass *a)
{
    return is_depthwise(&a->p) ? NULL : "groups are not single channels";
}
static const char *refuse_filters(const pc_conv_pass *a)
{
    const pc_conv *p = &a->p;
    if (p->r != 1 || p->s != 1) return "the filter is larger than 1x1";
    if (is_depthwise(p)) return "groups are single channels";
    return p->ph == 0 && p->pw == 0 ? NULL : "padded";
}
static bool is_strided(const pc_conv *p) { return p->oh != p->h || p->ow != p->w; }
static const char *refuse_strided(const pc_conv_pass *a) { return is_strided(&a->p) ? "strided" : refuse_filters(a); }
static const char *avoid_planes(const pc_conv_pass *a)
{
    return is_strided(&a->p) && !a->x->pixels ? "strided, and channels apart" : NULL;
}

static pc_status direct_forward(const pc_conv_pass *a) { return forward(a, false); }
static pc_status depthwise_forward(const pc_conv_pass *a) { return forward(a, true); }
static pc_status direct_input(const pc_conv_pass *a) { return input_gradient(a, false); }
static pc_status depthwise_input(const pc_conv_pass *a) { return input_gradient(a, true); }
static pc_status direct_weight(const pc_conv_pass *a) { return weight_gradient(a, false); }
static pc_status depthwise_weight(const pc_conv_pass *a) { return weight_gradient(a, true); }

/* A 1x1 filter knows no rows: all pixels are one row, or those of an image where they stand in planes. */
static void flatten(pc_conv *p, pc_nhwc *x, pc_nhwc *g)
{
    bool one = (x == NULL || x->pixels) && (g == NULL || g->pixels);
    int64_t n = one ? 1 : p->n, w = one ? p->n * p->h * p->w : p->h * p->w;
    p->n = n, p->h = p->oh = 1, p->w = p->ow = w, p->sh = p->sw = 1; /* a stride of 2 on one pixel is none */
    if (x != NULL) x->n = n, x->h = 1, x->w = w;
    if (g != NULL) g->n = n, g->h = 1, g->w = w;
}

typedef struct pick {
    const pc_nhwc *from;
    const pc_conv *p;
    float *to;
} pick;

/* Rows of output. */
static pc_status pick_pixels(void *ctx, int64_t begin, int64_t end)
{
    const pick *j = ctx;
    const pc_nhwc *x = j->from;
    for (int64_t i = begin; i < end; i++)
        for (int64_t ow = 0; ow < j->p->ow; ow++) {
            const float *from = x->p + ((i / j->p->oh * x->h + i % j->p->oh * j->p->sh) * x->w + ow * j->p->sw) * x->c;
            float *to = j->to + (i * j->p->ow + ow) * x->c;
            if (x->relu) pc_k->f32_relu(to, from, x->c);
            else memcpy(to, from, (size_t)x->c * sizeof *to);
        }
    return PC_OK;
}

/* The pixels of x that a strided 1x1 filter reads, if it is strided; pc_nhwc_close afterwards. */
static pc_status open_picked(const pc_conv_pass *a, pc_nhwc *x)
{
    pc_status status = PC_OK;
    const pc_conv *p = &a->p;
    *x = *a->x;
    x->held = NULL, x->memory = NULL;
    if (!is_strided(p)) return PC_OK;
    if (!x->pixels) PC_TRY(pc_nhwc_gather(x));
    pick j = { x, p, pc_alloc((size_t)(p->n * p->oh * p->ow * p->c) * sizeof *j.to) };
    PC_CHECK(j.to != NULL, PC_ENOMEM, "out of memory for the pixels that a convolution reads");
    status = pc_parallel_for(p->n * p->oh, COPY_FLOATS / most(p->ow * p->c, 1) + 1, pick_pixels, &j);
    pc_free(x->memory);
    x->p = x->memory = j.to;
    x->h = p->oh, x->w = p->ow;
    x->relu = false;
done:
    return status;
}

static pc_status pointwise_forward(const pc_conv_pass *a)
{
    pc_conv_pass flat = *a;
    pc_nhwc x = *a->x;
    if (is_strided(&a->p)) return forward(a, false);
    flatten(&flat.p, &x, NULL);
    flat.x = &x;
    return forward(&flat, false);
}
static pc_status pointwise_input(const pc_conv_pass *a)
{
    pc_conv_pass flat = *a;
    pc_nhwc g = *a->g;
    flatten(&flat.p, NULL, &g);
    flat.g = &g;
    return input_gradient(&flat, false);
}
static pc_status pointwise_weight(const pc_conv_pass *a)
{
    pc_status status = PC_OK;
    pc_conv_pass flat = *a;
    pc_nhwc x = { 0 }, g = *a->g;
    PC_TRY(open_picked(a, &x));
    flat.p.h = x.h, flat.p.w = x.w;
    flatten(&flat.p, &x, &g);
    flat.x = &x;
    flat.g = &g;
    PC_TRY(weight_gradient(&flat, false));
done:
    pc_nhwc_close(&x);
    return status;
}

const pc_conv_algorithm pc_conv_pointwise_forward = { "pointwise", refuse_filters, avoid_planes, pointwise_forward };
const pc_conv_algorithm pc_conv_pointwise_input = { "pointwise", refuse_strided, nothing, pointwise_input };
const pc_conv_algorithm pc_conv_pointwise_weight = { "pointwise", refuse_filters, avoid_planes, pointwise_weight };
const pc_conv_algorithm pc_conv_depthwise_forward = { "depthwise", refuse_groups, nothing, depthwise_forward };
const pc_conv_algorithm pc_conv_depthwise_input = { "depthwise", refuse_groups, nothing, depthwise_input };
const pc_conv_algorithm pc_conv_depthwise_weight = { "depthwise", refuse_groups, nothing, depthwise_weight };
const pc_conv_algorithm pc_conv_direct_forward = { "direct", nothing, nothing, direct_forward };
const pc_conv_algorithm pc_conv_direct_input = { "direct", nothing, nothing, direct_input };
const pc_conv_algorithm pc_conv_direct_weight = { "direct", nothing, nothing, direct_weight };
