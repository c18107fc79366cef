/* conv_weight.c -- gradients of a convolution's weights and bias: sums over pixels, by the product microkernel of
   kernels/tile.h. Sizes alone decide how they are split and so the order of every sum. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "conv_blocks.h"

/* Pixels of the output's gradient that are added one by one: the rounding of longer chains would grow. */
#define BIAS_CHAIN 64

/* A task sums a piece of the gradient, a slab of input channels by some panels of output channels, over a share of the
   pixels, in a slot of memory; then the slots of a piece are summed, in order. A slot holds, for each panel, [slab]
   [row][column][inner channel][lane] and the bias. */
typedef struct weight_sums {
    const pc_nhwc *x, *g;
    taps t;
    int64_t groups;
    bool want_weight, want_bias;
    blocks b;
    int64_t slab, slabs;               /* inner channels of a task; groups == 1 if slabs > 1 */
    int64_t part, parts;               /* panels of a task */
    int64_t slots;
    int64_t width, panels;             /* of a group */
    int64_t depth;                     /* taps times inner channels */
    int64_t bias_at, slot_floats;
    float *slot;
    float *gw, *gb;
} weight_sums;

/* What a task sums: panels [first, last), channels [c0, c1) of x in all groups. */
typedef struct piece {
    int64_t first, last, c0, c1;
} piece;

static piece piece_at(const weight_sums *j, int64_t index)
{
    const int64_t c = j->x->c / j->groups, all = j->groups * j->panels, slab = index % j->slabs;
    piece p = { .first = index / j->slabs * j->part };
    p.last = least(p.first + j->part, all);
    p.c0 = p.first / j->panels * c + slab * j->slab;
    p.c1 = j->slabs > 1 ? least(p.c0 + j->slab, c) : ((p.last - 1) / j->panels + 1) * c;
    return p;
}

/* A panel of channels on its own: the microkernel reads it again for each few channels of x. The last one of a group
   may lack some, which vectors would read all the same: zeros. */
static void copy_panel(const weight_sums *j, const rect *q, int64_t channel, int64_t valid, int64_t lanes, float *to)
{
    const pc_nhwc *g = j->g;
    const int64_t cols = q->w1 - q->w0;
    for (int64_t n = q->n0; n < q->n1; n++)
        for (int64_t h = q->h0; h < q->h1; h++, to += cols * lanes)
            pc_k->f32_copy_panel(to, lanes, g->p + ((n * g->h + h) * g->w + q->w0) * g->c + channel, g->c, valid, cols);
}

/* Block q of piece p. */
typedef struct step {
    rect q;
    piece p;
} step;

/* Let call number `call` of the microkernel in a block fetch a part of what the next one reads: of x, then of g. */
static void fetch(const weight_sums *j, const step *next, int64_t call, pc_tile *t)
{
    const pc_nhwc *x = j->x, *g = j->g;
    const int64_t pixels = t->nu * t->nv * t->n;
    t->soon = NULL;
    t->soon_i = t->soon_step = 0;
    if (next == NULL || pixels == 0) return;
    const rect *q = &next->q;
    const piece *p = &next->p;
    if (x->pixels) {
        const int64_t h0 = q->n0 * x->h + most(q->h0 * j->t.sh - j->t.ph, 0);
        const int64_t h1 = (q->n1 - 1) * x->h + least((q->h1 - 1) * j->t.sh - j->t.ph + j->t.r, x->h);
        const int64_t w0 = most(q->w0 * j->t.sw - j->t.pw, 0);
        const int64_t w1 = least((q->w1 - 1) * j->t.sw - j->t.pw + j->t.s, x->w);
        const int64_t count = w1 - w0 == x->w ? (h1 - h0) * x->w : w1 - w0, calls = ceil_div(count, pixels);
        if (call < calls) {
            t->soon = x->p + (h0 * x->w + w0 + call * pixels) * x->c + p->c0;
            t->soon_i = 1;
            t->soon_step = x->c;
            return;
        }
        call -= calls;
    }
    if (call * t->m < (p->last - p->first) * j->width && j->groups == 1) {
        t->soon = g->p + ((q->n0 * g->h + q->h0) * g->w + q->w0) * g->c + p->first * j->width + call * t->m;
        t->soon_i = 1;
        t->soon_step = g->c;
    }
}

/* spare: room for a panel of the block's pixels. */
static void sum_panels(const weight_sums *j, const step *now, const step *next, const source *s, float *slot,
                       float *spare, bool accumulate)
{
    const rect *q = &now->q;
    const piece *p = &now->p;
    static const float one = 1;
    const int64_t c = j->x->c / j->groups, k = j->g->c / j->groups, ow = j->g->w, oh = j->g->h;
    const int64_t inner = j->slabs > 1 ? p->c1 - p->c0 : c, at = j->slabs > 1 ? p->c0 : 0;
    const bool whole_rows = j->groups == 1 && j->t.dw == 1 && s->pixel == inner;
    const int64_t runs = whole_rows ? 1 : j->t.s, run = whole_rows ? j->t.s * inner : inner;
    int64_t calls = 0;
    pc_tile t = {
        .ai = 1, .a4 = 4, .au = s->image, .av = s->down, .aq = s->right,
        .nu = q->n1 - q->n0, .nv = q->h1 - q->h0, .n = q->w1 - q->w0, .m = run, .accumulate = accumulate,
    };
    for (int64_t i = p->first; i < p->last; i++) {
        int64_t g = i / j->panels, panel = i % j->panels;
        const int64_t channel = g * k + panel * j->width, valid = k - panel * j->width;
        t.width = t.ci = pc_panel_lanes(k, panel, j->width);
        t.c4 = 4 * t.ci;
        if (valid < t.width || (j->g->c > t.width && j->t.r * j->t.s * inner > 2 * pc_k->f32_tile_rows())) {
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
        for (int64_t r = 0; r < j->t.r; r++) {
            pc_tile row = t; /* without the output rows for which this filter row reads padding */
            int64_t lo, hi;
            inside(q->h0 * j->t.sh - j->t.ph + r * j->t.dh, j->x->h, t.nv, j->t.sh, &lo, &hi);
            row.nv = hi - lo;
            row.b += lo * row.bv;
            for (int64_t v = 0; v < runs; v++) {
                row.a = s->p + r * j->t.dh * s->row + v * j->t.dw * s->pixel + lo * row.av + g * c + at - p->c0;
                row.c = slot + i * j->depth * j->width + (at * j->t.r * j->t.s + r * j->t.s * inner + v * run) * t.ci;
                fetch(j, next, calls++, &row);
                pc_k->f32_tile(&row);
            }
        }
        if (j->want_bias && at == 0) {
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
}

static pc_status sum_tasks(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    const weight_sums *j = ctx;
    const int64_t pieces = j->slabs * j->parts, spare = j->b.images * j->b.rows * j->b.cols * j->width;
    float *memory = NULL;
    for (int64_t i = begin; i < end; i++) {
        const int64_t slot = i / pieces, b0 = slot * j->b.count / j->slots, b1 = (slot + 1) * j->b.count / j->slots;
        step now = { block_at(&j->b, b0), piece_at(j, i % pieces) }, next;
        const int64_t count = now.p.c1 - now.p.c0, pitch = spread(count, j->t.sw);
        memory = pc_alloc((size_t)(spare + copy_floats(j->x, &j->b, &j->t, pitch)) * sizeof *memory);
        PC_CHECK(memory != NULL, PC_ENOMEM, "out of memory for a convolution's block of input");
        for (int64_t b = b0; b < b1; b++, now = next) {
            source s;
            next = now;
            if (b + 1 < b1) { /* or the next task, which is likely to run on the same processor */
                next.q = block_at(&j->b, b + 1);
            } else {
                next.p = piece_at(j, (i + 1) % pieces);
                next.q = block_at(&j->b, (i + 1) / pieces * j->b.count / j->slots);
            }
            const bool none = b + 1 == b1 && i + 1 == pieces * j->slots;
            if (view(j->x, &j->t, &now.q, spread(j->x->c, j->t.sw), &s)) s.p += now.p.c0;
            else s = load(j->x, &j->t, &now.q, now.p.c0, count, pitch, memory + spare);
            sum_panels(j, &now, none ? NULL : &next, &s, j->slot + slot * j->slot_floats, memory, b > b0);
            PC_TRY(pc_poll()); /* a slot's share may take many milliseconds */
        }
        pc_free(memory);
        memory = NULL;
    }
done:
    pc_free(memory);
    return status;
}

/* Over slots, and from panels to [k, c / groups, r, s]. */
static pc_status finish_pieces(void *ctx, int64_t begin, int64_t end)
{
    const weight_sums *j = ctx;
    const int64_t c = j->x->c / j->groups, k = j->g->c / j->groups, taps = j->t.r * j->t.s;
    for (int64_t i = begin; i < end; i++) {
        const int64_t panel = i / j->slabs, g = panel / j->panels, own = panel % j->panels;
        const int64_t at = i % j->slabs * j->slab, inner = least(j->slab, c - at);
        const int64_t stride = pc_panel_lanes(k, own, j->width), lanes = least(k - own * j->width, j->width);
        const int64_t first = g * k + own * j->width;
        float *sums = j->slot + panel * j->depth * j->width + at * taps * stride;
        float *bias = j->slot + j->bias_at + panel * j->width;
        for (int64_t slot = 1; slot < j->slots; slot++) {
            if (j->want_bias && at == 0) pc_k->f32_accumulate(bias, bias + slot * j->slot_floats, stride);
            if (inner * taps > 0) pc_k->f32_accumulate(sums, sums + slot * j->slot_floats, inner * taps * stride);
        }
        if (j->want_bias && at == 0) memcpy(j->gb + first, bias, (size_t)lanes * sizeof *bias);
        if (j->want_weight)
            pc_panel_unpack(sums, stride, lanes, inner, taps, j->gw + (first * c + at) * taps, c * taps);
    }
    return PC_OK;
}

/* ---- how the work is split ---------------------------------------------------------------------- */

/* Slots may take as much memory as this in all: 16 MB. */
#define SLOT_FLOATS ((int64_t)4 << 20)

/* About 256 pixels: a panel of the output's gradient stays in the level 1 cache while all taps pass over it. */
static blocks weight_blocks(const weight_sums *j, int64_t slab)
{
    const int64_t each = j->want_weight ? slab * j->t.sh * j->t.sw : 1;
    return blocks_of(j->g->n, j->g->h, j->g->w, least(256, most(COPY_FLOATS / most(each, 1), 28)));
}

/* Cycles that a split takes, about and all threads together. What is read for a piece costs no more than its copying,
   sums once for each block; with few tasks threads wait for the last one. */
static double cycles_of(const weight_sums *j, double read_x, double read_g, double sums, double products)
{
    const double tasks = (double)(j->slabs * j->parts * j->slots), piece = sums / (double)(j->slabs * j->parts);
    const double each = piece < 65536 ? 0.2 : 0.5; /* a float in a level 2 cache, or beyond */
    double cycles = products + (double)j->b.count * sums * each;
    cycles += 0.5 * ((double)j->parts * read_x + (double)j->slabs * read_g);
    if (j->slots > 1) cycles += (double)j->slots * sums;
    return cycles * (1 + 1 / tasks) + 5000 * tasks;
}

/* The slabs, parts and slots that promise to be the fastest: powers of two of each. */
static void split(weight_sums *j)
{
    const int64_t c = j->x->c / j->groups, all = j->groups * j->panels, pixels = j->g->n * j->g->h * j->g->w;
    const bool single = j->t.r == 1 && j->t.s == 1; /* leaves out pixels where strided */
    const double read_x = (double)(single ? pixels : j->x->n * j->x->h * j->x->w) * (double)j->x->c;
    const double read_g = (double)pixels * (double)j->g->c, sums = (double)(all * j->depth * j->width);
    const double products = (double)pixels * (double)(all * most(j->depth, 1) * j->width) / 16; /* AVX-512's */
    double best = 0;
    weight_sums now = *j;
    for (int64_t slabs = 1; slabs == 1 || (j->groups == 1 && j->want_weight && c / slabs >= 64); slabs *= 2) {
        now.slab = slabs == 1 ? c : ceil_div(ceil_div(c, slabs), 16) * 16;
        now.slabs = slabs == 1 ? 1 : ceil_div(c, now.slab); /* there may be no channels: the bias alone */
        now.b = weight_blocks(j, now.slab);
        for (int64_t parts = 1; parts == 1 || parts <= all; parts *= 2) {
            now.part = ceil_div(all, parts);
            now.parts = ceil_div(all, now.part);
            for (now.slots = 1;; now.slots *= 2) {
                if (now.slots > 1 && (now.slots > now.b.count || now.slots * j->slot_floats > SLOT_FLOATS)) break;
                const double cycles = cycles_of(&now, read_x, read_g, sums, products);
                if (best > 0 && cycles >= best) continue;
                best = cycles;
                *j = now;
            }
        }
    }
}

static pc_status weight_gradient(const pc_conv_pass *a)
{
    pc_status status = PC_OK;
    const pc_conv *p = &a->p;
    weight_sums j = { .x = a->x, .g = a->g, .t = { p->r, p->s, p->sh, p->sw, p->dh, p->dw, p->ph, p->pw },
                      .groups = p->groups, .want_weight = a->gw != NULL, .want_bias = a->gb != NULL,
                      .gw = a->gw, .gb = a->gb };
    const int64_t k = p->k / j.groups, pixels = p->n * p->oh * p->ow, weights = p->k * (p->c / p->groups) * p->r * p->s;
    if (pixels == 0 || p->c == 0) {
        if (a->gw != NULL) memset(a->gw, 0, (size_t)weights * sizeof *a->gw);
        if (a->gb != NULL) memset(a->gb, 0, (size_t)p->k * sizeof *a->gb);
        if (a->gb == NULL || pixels == 0 || p->k == 0) return PC_OK;
    }
    if (!j.want_weight) j.t.r = j.t.s = 0;
    j.width = pc_k->f32_tile_width();
    j.panels = ceil_div(k, j.width);
    j.depth = j.t.r * j.t.s * (p->c / p->groups);
    j.bias_at = j.groups * j.panels * j.depth * j.width;
    j.slot_floats = j.bias_at + j.groups * j.panels * j.width;
    split(&j);
    j.slot = pc_alloc((size_t)(j.slots * j.slot_floats) * sizeof *j.slot);
    PC_CHECK(j.slot != NULL, PC_ENOMEM, "out of memory for the gradient of a convolution's weights");
    PC_TRY(pc_parallel_for(j.slots * j.slabs * j.parts, 1, sum_tasks, &j));
    const int64_t piece = j.t.r * j.t.s * j.slab * j.width * j.slots; /* floats */
    PC_TRY(pc_parallel_for(j.groups * j.panels * j.slabs, ((int64_t)1 << 16) / most(piece, 1) + 1, finish_pieces, &j));
done:
    pc_free(j.slot);
    return status;
}

pc_status pc_conv_bias_gradient(const pc_nhwc *g, float *gb)
{
    pc_conv_pass a = { .p = { .n = g->n, .c = g->c, .h = g->h, .w = g->w, .k = g->c, .oh = g->h, .ow = g->w, .sh = 1,
                              .sw = 1, .dh = 1, .dw = 1, .groups = 1 },
                       .x = g, .g = g, .gb = gb };
    return weight_gradient(&a);
}

static pc_status pointwise_weight(const pc_conv_pass *a)
{
    pc_conv_pass flat = *a;
    pc_nhwc x = *a->x, g = *a->g;
    if (is_strided(&a->p)) return weight_gradient(a);
    flatten(&flat.p, &x, &g);
    flat.x = &x;
    flat.g = &g;
    return weight_gradient(&flat);
}

/* ---- depthwise ---------------------------------------------------------------------------------- */

/* Sums over pixels in slots again, of [row][column][channel]. */
typedef struct depthwise_sums {
    const pc_conv_pass *a;
    blocks b;
    int64_t slots, floats;
    float *slot;
} depthwise_sums;

static pc_status depthwise_tasks(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    const depthwise_sums *j = ctx;
    const pc_nhwc *x = j->a->x, *g = j->a->g;
    const pc_conv *p = &j->a->p;
    const taps f = { p->r, p->s, p->sh, p->sw, p->dh, p->dw, p->ph, p->pw };
    const bool copy = !x->pixels || x->relu;
    float *memory = NULL;
    if (copy) {
        memory = pc_alloc((size_t)copy_floats(x, &j->b, &f, x->c) * sizeof *memory);
        PC_CHECK(memory != NULL, PC_ENOMEM, "out of memory for a convolution's block of input");
    }
    for (int64_t i = begin; i < end; i++) {
        const int64_t b0 = i * j->b.count / j->slots, b1 = (i + 1) * j->b.count / j->slots;
        float *slot = j->slot + i * j->floats;
        memset(slot, 0, (size_t)j->floats * sizeof *slot);
        for (int64_t b = b0; b < b1; b++) {
            const rect q = block_at(&j->b, b);
            const int64_t images = q.n1 - q.n0, rows = q.h1 - q.h0, image = p->h * p->w * p->c;
            for (int64_t n = q.n0; n < q.n1; n++) {
                pc_depthwise_sums t = {
                    .x = x->p + n * image, .x_row = p->w * p->c, .x_pixel = p->c, .h = p->h, .w = p->w,
                    .g = g->p + n * p->oh * p->ow * p->k, .g_row = p->ow * p->k, .g_pixel = p->k,
                    .first = q.h0, .last = q.h1, .ow = p->ow, .r = p->r, .s = p->s, .sh = p->sh, .sw = p->sw,
                    .dh = p->dh, .dw = p->dw, .ph = p->ph, .pw = p->pw, .c = slot, .width = p->c,
                };
                if (copy) {
                    const source s = load(x, &f, &(rect){ n, n + 1, q.h0, q.h1, 0, p->ow }, 0, p->c, p->c, memory);
                    t.x = s.p, t.x_row = s.row, t.x_pixel = s.pixel;
                    t.h = s.image / s.row, t.w = s.row / s.pixel;
                    t.sh = s.down / s.row, t.sw = s.right / s.pixel;
                    t.g += q.h0 * t.g_row;
                    t.first = 0, t.last = rows;
                    t.ph = t.pw = 0;
                } else if (b + 1 < b1) {
                    t.ahead_x = images > 1 ? images * image : rows * p->sh * t.x_row;
                    t.ahead_g = images * rows * t.g_row;
                }
                pc_k->f32_depthwise_weight(&t);
            }
            PC_TRY(pc_poll());
        }
    }
done:
    pc_free(memory);
    return status;
}

static pc_status depthwise_weight(const pc_conv_pass *a)
{
    pc_status status = PC_OK;
    const pc_conv *p = &a->p;
    depthwise_sums j = { .a = a, .floats = p->r * p->s * p->c };
    const int64_t row = p->sh * p->w * p->c; /* of input, for a row of output */
    if (a->gb != NULL) PC_TRY(pc_conv_bias_gradient(a->g, a->gb));
    if (p->n * p->oh * p->ow * p->c == 0) {
        memset(a->gw, 0, (size_t)j.floats * sizeof *a->gw);
        return PC_OK;
    }
    /* Whole rows; the rounding of chains of more than some 256 terms would grow. */
    j.b = blocks_of(p->n, p->oh, p->ow, most(least(COPY_FLOATS / row, 256 / p->ow), 1) * p->ow);
    j.slots = most(least(least(j.b.count, TASKS), SLOT_FLOATS / j.floats), 1);
    j.slot = pc_alloc((size_t)(j.slots * j.floats) * sizeof *j.slot);
    PC_CHECK(j.slot != NULL, PC_ENOMEM, "out of memory for the gradient of a convolution's weights");
    PC_TRY(pc_parallel_for(j.slots, 1, depthwise_tasks, &j));
    for (int64_t i = 1; i < j.slots; i++) pc_k->f32_accumulate(j.slot, j.slot + i * j.floats, j.floats);
    for (int64_t k = 0; k < p->c; k++)
        for (int64_t v = 0; v < p->r * p->s; v++) a->gw[k * p->r * p->s + v] = j.slot[v * p->c + k];
done:
    pc_free(j.slot);
    return status;
}

const pc_conv_algorithm pc_conv_pointwise_weight = { "pointwise", refuse_filters, avoid_planes, pointwise_weight };
const pc_conv_algorithm pc_conv_depthwise_weight = { "depthwise", refuse_groups, nothing, depthwise_weight };
const pc_conv_algorithm pc_conv_direct_weight = { "direct", nothing, nothing, weight_gradient };
