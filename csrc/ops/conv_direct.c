/* conv_direct.c -- direct convolution on pixels and its input gradient, by the product microkernel of kernels/tile.h.
   Blocks of output are tasks; what they read is taken where it stands or copied with its padding, which is also where
   planes become pixels and a pending ReLU is computed. Sizes alone decide the blocks and so the order of every sum. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "conv_blocks.h"

/* Multiplications that take as long as writing a float to memory does: where a filter has no taps, that is all there is
   to do. */
#define WRITE 16

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
        .ai = s->right, .au = d->t.dh * s->row, .av = d->t.dw * s->pixel, .aq = 1, .fresh = true,
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

/* The pixels that no tap reaches. */
static void zero_block(const direct *d, const rect *q)
{
    for (int64_t n = q->n0; n < q->n1; n++)
        for (int64_t h = q->h0; h < q->h1; h++)
            for (int64_t w = q->w0; w < q->w1; w++)
                memset(d->out + n * d->out_image + h * d->out_row + w * d->out_pixel, 0, (size_t)d->k * sizeof(float));
}

static pc_status stage_blocks(void *ctx, int64_t begin, int64_t end)
{
    const direct *d = ctx;
    for (int64_t i = begin; i < end; i++) {
        source s;
        const rect q = block_at(&d->b, i);
        if (!view(d->in, &d->t, &q, d->pitch, &s))
            load(d->in, &d->t, &q, 0, d->in->c, d->pitch, d->staged + i * d->stage);
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
        if (d->t.r == 0 && d->bias == NULL) {
            zero_block(d, &q);
            continue;
        }
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
                s = load(d->in, &d->t, &q, 0, d->in->c, d->pitch, memory);
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
    const int64_t cost = most(block, d->b.images * d->b.rows * d->b.cols * d->k * WRITE);
    PC_TRY(pc_parallel_for(d->b.count * parts, parts > 1 ? 1 : most(task / cost, 1), direct_tasks, d));
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

/* ---- the algorithms ----------------------------------------------------------------------------- */

static pc_status direct_forward(const pc_conv_pass *a) { return forward(a, false); }
static pc_status depthwise_forward(const pc_conv_pass *a) { return forward(a, true); }
static pc_status direct_input(const pc_conv_pass *a) { return input_gradient(a, false); }
static pc_status depthwise_input(const pc_conv_pass *a) { return input_gradient(a, true); }

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

const pc_conv_algorithm pc_conv_pointwise_forward = { "pointwise", refuse_filters, avoid_planes, pointwise_forward };
const pc_conv_algorithm pc_conv_pointwise_input = { "pointwise", refuse_strided, nothing, pointwise_input };
const pc_conv_algorithm pc_conv_depthwise_forward = { "depthwise", refuse_groups, nothing, depthwise_forward };
const pc_conv_algorithm pc_conv_depthwise_input = { "depthwise", refuse_groups, nothing, depthwise_input };
const pc_conv_algorithm pc_conv_direct_forward = { "direct", nothing, nothing, direct_forward };
const pc_conv_algorithm pc_conv_direct_input = { "direct", nothing, nothing, direct_input };
