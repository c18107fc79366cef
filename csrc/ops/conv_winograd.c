/* conv_winograd.c -- 3x3 convolutions of stride 1 by Winograd's F(4x4) and F(2x2), of stride 2 by his F(4, 2): tiles of
   the input are transformed, positions of the transforms are multiplied as matrices, and the products are transformed
   back. Blocks of tiles pass through all three steps in one task's caches, or, where filters are many or tiles few,
   each step of a block is shared between tasks. Sizes alone decide which, and the order of every sum. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../kernels/kernels.h"
#include "conv.h"
#include <stdlib.h>
#include <string.h>

/* Bytes of transformed filters that are read anew for each block of tiles: beyond, the steps are shared. */
#define FUSED_BYTES ((int64_t)12 << 20)
/* The same where tiles are so few, as those of a single image are, that blocks are smaller, down to LEAST_BLOCK. */
#define FEW_BYTES ((int64_t)3 << 20)
#define LEAST_BLOCK 8
/* Bytes of transformed gradients of filters that a task sums in its caches; beyond, likewise. With stride 2 there are
   fewer of them for as many products, and more transforms: sums may be further away. */
#define SLOT_BYTES ((int64_t)768 << 10)
#define STRIDED_SLOT_BYTES ((int64_t)5 << 20)
#define SLOTS 16
/* Tiles of a shared block. */
#define SHARED_TILES 128
/* Tiles that a task of a shared step transforms. */
#define SHARED_PART 8
/* Where one block holds all tiles, transformed filters are read once: so many bytes of them are made at a time. */
#define GROUP_BYTES ((int64_t)10 << 20)

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* ---- the switch --------------------------------------------------------------------------------- */

static const char *const modes[] = { "off", "f2", "f4" };
static _Atomic int chosen = 2;

pc_status pc_set_winograd(const char *mode)
{
    for (int k = 0; k < 3; k++)
        if (strcmp(mode, modes[k]) == 0) {
            chosen = k;
            return PC_OK;
        }
    return pc_fail(PC_EVALUE, "winograd must be \"off\", \"f2\" or \"f4\", but got \"%.40s\"", mode);
}

const char *pc_winograd(void) { return modes[chosen]; }

/* ---- what is multiplied with what ---------------------------------------------------------------- */

/* In one dimension, one position of what is summed (of products; in the weight gradient, of filters): the sum over
   i < n of what pixels, filters and products have at v + i * dv, u + i * du and p + i * dp. */
typedef struct line {
    int v, u, p, n, dv, du, dp;
} line;
typedef struct lines {
    int count;
    line line[9];
} lines;

#define ONE(v, u, p) { v, u, p, 1, 0, 0, 0 }
#define SAME(i) ONE(i, i, i)
/* By pc_winograd_form. */
static const lines positions[] = {
    { 4, { SAME(0), SAME(1), SAME(2), SAME(3) } },
    { 6, { SAME(0), SAME(1), SAME(2), SAME(3), SAME(4), SAME(5) } },
    { 7, { { 0, 0, 0, 2, 4, 1, 0 }, ONE(1, 0, 1), ONE(2, 0, 2), { 3, 0, 3, 2, 5, 5, 0 }, ONE(5, 2, 4), ONE(6, 3, 5),
           ONE(7, 4, 6) } },
    { 9, { ONE(0, 0, 0), ONE(1, 0, 1), ONE(2, 0, 2), ONE(3, 0, 3), ONE(4, 1, 4), ONE(5, 2, 5), ONE(6, 3, 6),
           ONE(7, 4, 7), ONE(8, 5, 8) } },
};
static const lines strided_filters = {
    6, { { 0, 0, 0, 4, 1, 0, 1 }, ONE(4, 1, 0), ONE(5, 2, 4), ONE(6, 3, 5), ONE(7, 4, 6), ONE(8, 5, 3) }
};
#undef SAME
#undef ONE

/* ---- one convolution ---------------------------------------------------------------------------- */

/* Rows of transformed channels are `pitch` apart, tiles of a position follow each other, positions are block * pitch
   apart; products likewise with `lane_pitch`, one panel of output channels after the other. */
typedef struct winograd {
    pc_winograd_form form;
    pc_winograd_sizes size;
    const lines *lines;
    int64_t positions;                 /* of what the lines sum */
    const pc_nhwc *in;                 /* pixels */
    int64_t k, oh, ow;                 /* of what is written, or of the output's gradient */
    int64_t ph, pw, qh, qw;            /* the first tile of pixels is ph before the image, that of outputs qh */
    int64_t down, across, tiles;
    float *out;                        /* or the output's gradient */
    const float *bias, *zeros;
    float *u;                          /* [panel - from][position][channel][lane] */
    int64_t width, panels, pitch, lane_pitch;
    int64_t from, to;                  /* the panels that u and products have room for */
    int64_t block;                     /* tiles */
    /* of a shared block */
    float *v, *products;
    int64_t first, count;
    /* weight gradient: u has slots of its own, each followed by sums over the output's gradient */
    int64_t slots, slot_floats;
    float *gw, *sums;
} winograd;

static void set_up(winograd *w, pc_winograd_form form, const lines *lines, const pc_nhwc *in, int64_t k, int64_t oh,
                   int64_t ow)
{
    w->form = form;
    w->size = pc_winograd_size[form];
    w->lines = lines;
    w->positions = lines->count * lines->count;
    w->in = in;
    w->k = k, w->oh = oh, w->ow = ow;
    w->down = ceil_div(oh + w->qh, w->size.outputs);
    w->across = ceil_div(ow + w->qw, w->size.outputs);
    w->tiles = in->n * w->down * w->across;
    w->width = pc_k->f32_tile_width();
    w->panels = w->to = ceil_div(k, w->width);
    w->pitch = ceil_div(in->c, 16) * 16 + 16; /* not a power of two: rows would fall into the same sets of a cache */
    w->lane_pitch = w->width + 16;
}

static int64_t square(int64_t x) { return x * x; }
static int64_t stored_lanes(const winograd *w, int64_t panel) { return pc_panel_lanes(w->k, panel, w->width); }
/* From a position of a panel of filters to the next; not a power of two either. */
static int64_t filter_pitch(const winograd *w, int64_t panel) { return stored_lanes(w, panel) * w->in->c + 16; }
static int64_t panel_at(const winograd *w, int64_t panel)
{
    return panel * square(w->size.filters) * filter_pitch(w, 0);
}
static float *panel_of(const winograd *w, float *u, int64_t panel) { return u + panel_at(w, panel - w->from); }
static int64_t filter_floats(const winograd *w)
{
    return panel_at(w, w->panels - 1) + square(w->size.filters) * filter_pitch(w, w->panels - 1);
}
static int64_t v_floats(const winograd *w) { return square(w->size.inputs) * w->block * w->pitch; }
static int64_t product_floats(const winograd *w) { return square(w->size.products) * w->block * w->lane_pitch; }
/* Of a panel in a shared block. */
static float *products_of(const winograd *w, int64_t panel)
{
    return w->products + (panel - w->from) * product_floats(w);
}
/* Panels that are made at a time, and what their filters take. */
static int64_t group_of(const winograd *w)
{
    const int64_t panel = panel_at(w, 1) * (int64_t)sizeof(float);
    return w->tiles > w->block ? w->panels : least(most(GROUP_BYTES / panel, 1), w->panels);
}
static int64_t group_floats(const winograd *w)
{
    return least(panel_at(w, group_of(w)), filter_floats(w));
}

/* Tiles of `edge` rows and columns, `step` apart, of images of pixels; the first one (py, px) before an image. */
typedef struct grid {
    const float *images;
    int64_t h, w, c, edge, step, py, px;
} grid;

static int64_t tile_start(const winograd *w, const grid *g, int64_t i)
{
    const int64_t y = i / w->across % w->down * g->step - g->py, x = i % w->across * g->step - g->px;
    return ((i / (w->down * w->across) * g->h + y) * g->w + x) * g->c;
}

static pc_winograd_tile tile_at(const winograd *w, const grid *g, int64_t i)
{
    const int64_t y = i / w->across % w->down * g->step - g->py, x = i % w->across * g->step - g->px;
    const int64_t start = tile_start(w, g, i);
    return (pc_winograd_tile){
        .form = w->form, .p = (float *)g->images + start, .row = g->w * g->c, .pixel = g->c, .channels = g->c,
        .soon = tile_start(w, g, i + 1) - start,
        .r0 = (int)most(-y, 0), .r1 = (int)least(g->h - y, g->edge),
        .s0 = (int)most(-x, 0), .s1 = (int)least(g->w - x, g->edge),
    };
}

/* Input tiles [a, b) of those that stand in v, the first of which is `first`. */
static void transform_inputs(const winograd *w, int64_t a, int64_t b, int64_t first, float *v)
{
    const pc_nhwc *in = w->in;
    const grid g = { in->p, in->h, in->w, in->c, w->size.pixels, w->size.step, w->ph, w->pw };
    for (int64_t i = a; i < b; i++) {
        pc_winograd_tile t = tile_at(w, &g, i);
        t.t = v + (i - first) * w->pitch;
        t.step = w->block * w->pitch;
        pc_k->f32_winograd_input(&t, w->zeros, in->relu);
    }
}

/* One panel of the channels of what is written, and of its products. */
static pc_winograd_tile output_tile(const winograd *w, int64_t panel, int64_t i, int64_t first, float *products)
{
    const int64_t edge = w->size.outputs, lane = panel * w->width;
    const grid g = { w->out, w->oh, w->ow, w->k, edge, edge, w->qh, w->qw };
    pc_winograd_tile t = tile_at(w, &g, i);
    t.p += lane;
    t.channels = least(w->k - lane, w->width);
    t.t = products + (i - first) * w->lane_pitch;
    t.step = w->block * w->lane_pitch;
    return t;
}

static void transform_outputs(const winograd *w, int64_t panel, int64_t a, int64_t b, int64_t first, float *products)
{
    for (int64_t i = a; i < b; i++) {
        const pc_winograd_tile t = output_tile(w, panel, i, first, products);
        pc_k->f32_winograd_output(&t, w->bias == NULL ? NULL : w->bias + panel * w->width);
    }
}

/* Position `at` of the products of `count` tiles with a panel. */
static void multiply(const winograd *w, int64_t panel, int64_t at, int64_t count, const float *v, float *products)
{
    const int64_t lanes = stored_lanes(w, panel), c = w->in->c, inputs = w->size.inputs, filters = w->size.filters;
    const int64_t v_step = w->block * w->pitch, u_step = filter_pitch(w, panel);
    const line *y = &w->lines->line[at / w->lines->count], *x = &w->lines->line[at % w->lines->count];
    pc_tile t = {
        .a = v + (y->v * inputs + x->v) * v_step, .ai = w->pitch, .a4 = 4 * w->pitch,
        .au = y->dv * inputs * v_step, .av = x->dv * v_step, .aq = 1,
        .b = panel_of(w, w->u, panel) + (y->u * filters + x->u) * u_step,
        .bu = y->du * filters * u_step, .bv = x->du * u_step, .bq = lanes, .nu = y->n, .nv = x->n, .n = c,
        .c = products + (y->p * w->size.products + x->p) * w->block * w->lane_pitch,
        .ci = w->lane_pitch, .c4 = 4 * w->lane_pitch, .m = count, .width = lanes,
    };
    pc_k->f32_tile(&t);
}

/* ---- both schedules ----------------------------------------------------------------------------- */

static pc_status fused_blocks(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    const winograd *w = ctx;
    float *v = pc_alloc((size_t)(v_floats(w) + product_floats(w)) * sizeof *v);
    PC_CHECK(v != NULL, PC_ENOMEM, "out of memory for a convolution's tiles");
    float *products = v + v_floats(w);
    for (int64_t i = begin; i < end; i++) {
        int64_t a = i * w->block, b = least(a + w->block, w->tiles);
        transform_inputs(w, a, b, a, v);
        for (int64_t panel = 0; panel < w->panels; panel++) {
            for (int64_t at = 0; at < w->positions; at++) multiply(w, panel, at, b - a, v, products);
            transform_outputs(w, panel, a, b, a, products);
        }
    }
done:
    pc_free(v);
    return status;
}

/* Items are parts of the block's tiles. */
static pc_status shared_inputs(void *ctx, int64_t begin, int64_t end)
{
    const winograd *w = ctx;
    transform_inputs(w, w->first + begin * SHARED_PART, w->first + least(end * SHARED_PART, w->count), w->first, w->v);
    return PC_OK;
}
/* Positions and panels. */
static pc_status shared_products(void *ctx, int64_t begin, int64_t end)
{
    const winograd *w = ctx;
    for (int64_t i = begin; i < end; i++) {
        const int64_t panel = w->from + i / w->positions;
        multiply(w, panel, i % w->positions, w->count, w->v, products_of(w, panel));
    }
    return PC_OK;
}
/* Panels and parts of the block's tiles. */
static pc_status shared_outputs(void *ctx, int64_t begin, int64_t end)
{
    const winograd *w = ctx;
    const int64_t parts = ceil_div(w->count, SHARED_PART);
    for (int64_t i = begin; i < end; i++) {
        int64_t panel = w->from + i / parts, a = w->first + i % parts * SHARED_PART,
                b = least(a + SHARED_PART, w->first + w->count);
        transform_outputs(w, panel, a, b, w->first, products_of(w, panel));
    }
    return PC_OK;
}

typedef struct transform {
    const winograd *w;
    pc_winograd_filter f; /* of the first lane and channel */
    int64_t parts, part;  /* of the channels */
} transform;

/* Panels and parts of the channels. The positions of u hold all channels, so a part is told by its first one. */
static pc_status transform_filters(void *ctx, int64_t begin, int64_t end)
{
    const transform *j = ctx;
    const winograd *w = j->w;
    for (int64_t i = begin; i < end; i++) {
        int64_t panel = w->from + i / j->parts, c0 = i % j->parts * j->part;
        pc_winograd_filter f = j->f;
        f.stored = stored_lanes(w, panel);
        f.position = filter_pitch(w, panel);
        f.lanes = least(w->k - panel * w->width, f.stored);
        f.w += panel * w->width * f.lane + c0 * f.step;
        f.u = panel_of(w, w->u, panel) + c0 * f.stored;
        f.count = least(j->part, w->in->c - c0);
        pc_k->f32_winograd_weight(&f);
    }
    return PC_OK;
}

static transform transform_of(const winograd *w)
{
    /* Some 20 us each. */
    transform j = { .w = w, .f = { .form = w->form }, .part = most(1024 / w->width, 1) };
    j.parts = ceil_div(w->in->c, j.part);
    return j;
}

/* u = the transformed filters, those of the input's gradient turned round and with their dimensions exchanged. */
static pc_status make_filters(winograd *w, const pc_tensor *weight, bool turned)
{
    const int64_t *stride = weight->stride;
    transform j = transform_of(w);
    j.f.w = pc_f32(weight) + (turned ? 2 * (stride[2] + stride[3]) : 0);
    j.f.lane = stride[turned], j.f.step = stride[!turned];
    j.f.row = turned ? -stride[2] : stride[2], j.f.column = turned ? -stride[3] : stride[3];
    return pc_parallel_for((w->to - w->from) * j.parts, 1, transform_filters, &j);
}

/* weight: its filters are made group by group; NULL: u has them all. */
static pc_status shared_blocks(winograd *w, const pc_tensor *weight, bool turned)
{
    pc_status status = PC_OK;
    const int64_t group = weight != NULL ? group_of(w) : w->panels;
    w->v = pc_alloc((size_t)(v_floats(w) + group * product_floats(w)) * sizeof *w->v);
    PC_CHECK(w->v != NULL, PC_ENOMEM, "out of memory for a convolution's tiles");
    w->products = w->v + v_floats(w);
    for (w->first = 0; w->first < w->tiles; w->first += w->block) {
        w->count = least(w->block, w->tiles - w->first);
        int64_t parts = ceil_div(w->count, SHARED_PART);
        int64_t grain = ((int64_t)1 << 18) / (w->count * w->in->c * w->width) + 1; /* products of some 5 us */
        PC_TRY(pc_parallel_for(parts, 256 / w->in->c + 1, shared_inputs, w));
        for (w->from = 0; w->from < w->panels; w->from = w->to) {
            w->to = least(w->from + group, w->panels);
            if (weight != NULL) PC_TRY(make_filters(w, weight, turned));
            PC_TRY(pc_parallel_for(w->positions * (w->to - w->from), grain, shared_products, w));
            PC_TRY(pc_parallel_for((w->to - w->from) * parts, 16, shared_outputs, w));
        }
    }
done:
    pc_free(w->v);
    return status;
}

/* out = the convolution of `in`. */
static pc_status run(winograd *w, const pc_conv_pass *a, bool turned)
{
    pc_status status = PC_OK;
    pc_nhwc pixels = *w->in;
    pc_derived *filters = NULL;
    float *zeros = NULL, *group = NULL;
    bool found;
    pixels.held = NULL, pixels.memory = NULL;
    if (w->tiles == 0 || w->k == 0) goto done;
    if (!pixels.pixels) {
        PC_TRY(pc_nhwc_gather(&pixels));
        w->in = &pixels;
    }
    const int64_t rows = pc_k->f32_tile_rows();
    w->block = 28 / rows * rows;
    const int64_t bytes = filter_floats(w) * (int64_t)sizeof(float);
    const bool strided = w->form == PC_WINOGRAD_STRIDED || w->form == PC_WINOGRAD_SPREAD;
    bool shared = bytes > FUSED_BYTES && !strided; /* with stride 2, shared transforms would fall out of the caches */
    if (strided) {
        if (w->tiles < 8 * w->block) w->block /= 2;
    } else if (w->tiles < 4 * w->block) {
        shared = bytes > FEW_BYTES || w->tiles < 2 * LEAST_BLOCK;
        w->block = least(most(ceil_div(w->tiles, 4), LEAST_BLOCK), w->block);
    }
    if (shared) w->block = least(w->tiles, SHARED_TILES);
    const bool grouped = shared && group_of(w) < w->panels && !pc_conv_keeps(a, filter_floats(w));
    w->zeros = zeros = pc_calloc((size_t)w->pitch, sizeof *zeros);
    if (grouped) {
        w->u = group = pc_alloc((size_t)group_floats(w) * sizeof *group);
    } else {
        filters = pc_conv_derived(a, filter_floats(w), (int64_t[PC_CONV_KEY]){ w->form, turned }, &found);
        w->u = filters != NULL ? filters->values : NULL;
    }
    PC_CHECK(zeros != NULL && w->u != NULL, PC_ENOMEM, "out of memory for a convolution's weights");
    if (!grouped && !found) {
        PC_TRY(make_filters(w, a->weight, turned));
        pc_conv_keep(a, filter_floats(w), filters);
    }
    if (shared) {
        PC_TRY(shared_blocks(w, grouped ? a->weight : NULL, turned));
    } else {
        PC_TRY(pc_parallel_for(ceil_div(w->tiles, w->block), 1, fused_blocks, w));
    }
done:
    pc_free(zeros);
    pc_free(group);
    pc_derived_release(filters);
    pc_nhwc_close(&pixels);
    return status;
}

static pc_status forward(const pc_conv_pass *a, pc_winograd_form form)
{
    const pc_conv *p = &a->p;
    winograd w = { .ph = p->ph, .pw = p->pw, .out = a->out, .bias = a->bias };
    set_up(&w, form, &positions[form], a->x, p->k, p->oh, p->ow);
    return run(&w, a, false);
}

/* The gradient of the input is the convolution of the output's with the filters turned round. */
static pc_status input_gradient(const pc_conv_pass *a, pc_winograd_form form)
{
    const pc_conv *p = &a->p;
    winograd w = { .ph = 2 - p->ph, .pw = 2 - p->pw, .out = a->out, .bias = a->bias };
    if (form == PC_WINOGRAD_SPREAD) { /* a tile's first pixel is an inner tap's: an odd one of the padded image */
        w.ph = p->ph == 0, w.pw = p->pw == 0;
        w.qh = p->ph != 1, w.qw = p->pw != 1;
    }
    set_up(&w, form, &positions[form], a->g, p->c, p->h, p->w);
    return run(&w, a, true);
}

/* ---- weight gradient ---------------------------------------------------------------------------- */

/* Tiles [a, b) of the output's gradient, one panel of channels. sums: of their pixels, added to. */
static void transform_gradients(const winograd *w, int64_t panel, int64_t a, int64_t b, int64_t first, float *products,
                                float *sums)
{
    for (int64_t i = a; i < b; i++) {
        const pc_winograd_tile t = output_tile(w, panel, i, first, products);
        pc_k->f32_winograd_gradient(&t, w->zeros, sums + panel * w->width);
    }
}

/* u (+)= the sums over `count` tiles of products of inputs and gradients. */
static void sum_products(const winograd *w, int64_t panel, int64_t at, int64_t count, const float *v,
                         const float *products, float *u, bool accumulate)
{
    const int64_t lanes = stored_lanes(w, panel), c = w->in->c, inputs = w->size.inputs, made = w->size.products;
    const int64_t v_step = w->block * w->pitch, p_step = w->block * w->lane_pitch;
    const line *y = &w->lines->line[at / w->lines->count], *x = &w->lines->line[at % w->lines->count];
    pc_tile t = {
        .a = v + (y->v * inputs + x->v) * v_step, .ai = 1, .a4 = 4,
        .au = y->dv * inputs * v_step, .av = x->dv * v_step, .aq = w->pitch,
        .b = products + (y->p * made + x->p) * p_step,
        .bu = y->dp * made * p_step, .bv = x->dp * p_step, .bq = w->lane_pitch, .nu = y->n, .nv = x->n, .n = count,
        .c = panel_of(w, u, panel) + (y->u * w->size.filters + x->u) * filter_pitch(w, panel),
        .ci = lanes, .c4 = 4 * lanes, .m = c, .width = lanes, .accumulate = accumulate,
    };
    pc_k->f32_tile(&t);
}

/* Items are slots: each sums its share of the blocks. */
static pc_status fused_sums(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    const winograd *w = ctx;
    const int64_t blocks = ceil_div(w->tiles, w->block);
    float *v = pc_alloc((size_t)(v_floats(w) + product_floats(w)) * sizeof *v);
    PC_CHECK(v != NULL, PC_ENOMEM, "out of memory for a convolution's tiles");
    float *products = v + v_floats(w);
    for (int64_t slot = begin; slot < end; slot++) {
        float *u = w->u + slot * w->slot_floats, *sums = u + filter_floats(w);
        const int64_t first = slot * blocks / w->slots, last = (slot + 1) * blocks / w->slots;
        memset(sums, 0, (size_t)(w->slot_floats - filter_floats(w)) * sizeof *sums);
        for (int64_t i = first; i < last; i++) {
            int64_t a = i * w->block, b = least(a + w->block, w->tiles);
            transform_inputs(w, a, b, a, v);
            for (int64_t panel = 0; panel < w->panels; panel++) {
                transform_gradients(w, panel, a, b, a, products, sums);
                for (int64_t at = 0; at < w->positions; at++)
                    sum_products(w, panel, at, b - a, v, products, u, i > first);
            }
            PC_TRY(pc_poll()); /* a slot's share may take many milliseconds */
        }
    }
done:
    pc_free(v);
    return status;
}

/* Parts of the block's tiles, each with its own sums. */
static pc_status shared_gradients(void *ctx, int64_t begin, int64_t end)
{
    const winograd *w = ctx;
    for (int64_t i = begin; i < end; i++) {
        int64_t a = w->first + i * SHARED_PART, b = least(a + SHARED_PART, w->first + w->count);
        if (w->from == 0) transform_inputs(w, a, b, w->first, w->v);
        for (int64_t panel = w->from; panel < w->to; panel++)
            transform_gradients(w, panel, a, b, w->first, products_of(w, panel), w->sums + i * w->panels * w->width);
    }
    return PC_OK;
}
/* Positions and panels. */
static pc_status shared_sums(void *ctx, int64_t begin, int64_t end)
{
    const winograd *w = ctx;
    for (int64_t i = begin; i < end; i++) {
        const int64_t panel = w->from + i / w->positions;
        sum_products(w, panel, i % w->positions, w->count, w->v, products_of(w, panel), w->u, w->first > 0);
    }
    return PC_OK;
}

/* Panels and parts of the channels: over slots, and back from transforms to filters. */
static pc_status finish_filters(void *ctx, int64_t begin, int64_t end)
{
    const transform *j = ctx;
    const winograd *w = j->w;
    for (int64_t i = begin; i < end; i++) {
        int64_t panel = w->from + i / j->parts, c0 = i % j->parts * j->part;
        pc_winograd_filter f = j->f;
        f.stored = stored_lanes(w, panel);
        f.position = filter_pitch(w, panel);
        f.lanes = least(w->k - panel * w->width, f.stored);
        f.u = panel_of(w, w->u, panel) + c0 * f.stored;
        f.count = least(j->part, w->in->c - c0);
        for (int64_t slot = 1; slot < w->slots; slot++)
            for (int64_t at = 0; at < w->positions; at++) {
                float *to = f.u + at * f.position;
                pc_k->f32_accumulate(to, to + slot * w->slot_floats, f.count * f.stored);
            }
        pc_k->f32_winograd_filter(&f, w->gw + panel * w->width * f.lane + c0 * f.step);
    }
    return PC_OK;
}

static pc_status finish_group(const winograd *w)
{
    transform j = transform_of(w);
    j.f.lane = w->in->c * 9, j.f.step = 9, j.f.row = 3, j.f.column = 1;
    return pc_parallel_for((w->to - w->from) * j.parts, 1, finish_filters, &j);
}

static pc_status weight_gradient(const pc_conv_pass *a, pc_winograd_form form)
{
    pc_status status = PC_OK;
    const pc_conv *p = &a->p;
    pc_nhwc pixels = *a->x;
    float *zeros = NULL;
    winograd w = { .ph = p->ph, .pw = p->pw, .out = (float *)a->g->p, .gw = a->gw };
    pixels.held = NULL, pixels.memory = NULL;
    if (!pixels.pixels) PC_TRY(pc_nhwc_gather(&pixels));
    set_up(&w, form, form == PC_WINOGRAD_STRIDED ? &strided_filters : &positions[form], &pixels, p->k, p->oh, p->ow);
    w.zeros = zeros = pc_calloc((size_t)most(w.pitch, p->k), sizeof *zeros);
    PC_CHECK(zeros != NULL, PC_ENOMEM, "out of memory for a convolution's tiles");
    const int64_t rows = pc_k->f32_tile_rows();
    const bool strided = form == PC_WINOGRAD_STRIDED;
    const int64_t slot_bytes = filter_floats(&w) * (int64_t)sizeof(float);
    const bool shared = slot_bytes > (strided ? STRIDED_SLOT_BYTES : SLOT_BYTES);
    w.block = shared ? least(w.tiles, SHARED_TILES) : 28 / rows * rows;
    /* Slots of filters and sums over pixels; parts of a shared block have sums alone. */
    w.slots = shared ? 1 : least(most(w.tiles / 256, 1), SLOTS);
    if (strided && !shared) {
        const int64_t wanted = least(2 * ceil_div(w.tiles, 256), most(4 * STRIDED_SLOT_BYTES / slot_bytes, 2));
        w.slots = least(least(wanted, SLOTS), ceil_div(w.tiles, w.block)); /* each has a block */
    }
    const int64_t sums = shared ? ceil_div(w.block, SHARED_PART) : 1, lanes = w.panels * w.width;
    const int64_t filters = shared ? group_floats(&w) : filter_floats(&w), group = group_of(&w);
    w.slot_floats = filters + sums * lanes;
    w.u = pc_alloc((size_t)(w.slots * w.slot_floats) * sizeof *w.u);
    PC_CHECK(w.u != NULL, PC_ENOMEM, "out of memory for the gradient of a convolution's weights");
    w.sums = w.u + filters;
    if (shared) {
        w.v = pc_alloc((size_t)(v_floats(&w) + group * product_floats(&w)) * sizeof *w.v);
        PC_CHECK(w.v != NULL, PC_ENOMEM, "out of memory for a convolution's tiles");
        w.products = w.v + v_floats(&w);
        memset(w.sums, 0, (size_t)(sums * lanes) * sizeof *w.sums);
        for (w.from = 0; w.from < w.panels; w.from = w.to) {
            w.to = least(w.from + group, w.panels);
            for (w.first = 0; w.first < w.tiles; w.first += w.block) {
                w.count = least(w.block, w.tiles - w.first);
                PC_TRY(pc_parallel_for(ceil_div(w.count, SHARED_PART), 1, shared_gradients, &w));
                PC_TRY(pc_parallel_for(w.positions * (w.to - w.from), 1, shared_sums, &w));
            }
            PC_TRY(finish_group(&w));
        }
    } else {
        PC_TRY(pc_parallel_for(w.slots, 1, fused_sums, &w));
        PC_TRY(finish_group(&w));
    }
    if (a->gb == NULL) goto done;
    for (int64_t k = 0; k < p->k; k++) a->gb[k] = 0;
    for (int64_t slot = 0; slot < w.slots; slot++)
        for (int64_t i = 0; i < sums; i++)
            pc_k->f32_accumulate(a->gb, w.sums + slot * w.slot_floats + i * lanes, p->k);
done:
    pc_free(zeros);
    pc_free(w.u);
    pc_free(w.v);
    pc_nhwc_close(&pixels);
    return status;
}

/* ---- the choice --------------------------------------------------------------------------------- */

const char *pc_winograd_refuse(const pc_conv *p, int stride)
{
    if (p->r != 3 || p->s != 3) return "the filter is not 3x3";
    if (p->sh != stride || p->sw != stride) return stride == 1 ? "strided" : "the stride is not 2";
    if (p->dh != 1 || p->dw != 1) return "dilated";
    if (p->groups != 1) return "grouped";
    if (p->ph > 2 || p->pw > 2) return "padded by more than 2";
    return NULL;
}

const char *pc_winograd_avoid(int m)
{
    if (chosen >= m / 2) return NULL;
    return chosen == 0 ? "pycnn.backends.winograd is \"off\"" : "pycnn.backends.winograd is \"f2\"";
}

/* Products for a pair of channels: the transform of the filters costs as much as those of some tiles do. */
static double work_of(int m, int64_t n, int64_t h, int64_t w)
{
    return (m + 2) * (m + 2) * ((double)(n * ceil_div(h, m)) * (double)ceil_div(w, m) + 6);
}

/* n, c: of what is read; k, h, w: of what is written. */
static const char *avoid(int m, int64_t n, int64_t c, int64_t k, int64_t h, int64_t w)
{
    const char *off = pc_winograd_avoid(m);
    if (off != NULL) return off;
    if (c < 8 || k < 8) return "fewer than 8 channels";
    const double work = work_of(m, n, h, w);
    if (m == 4 && work > 1.1 * work_of(2, n, h, w)) return "F(2x2) takes fewer products";
    /* Transforms weigh more where they serve few channels. */
    bool pays = work * (1 + 8.0 / (double)c + 8.0 / (double)k) < 0.8 * 9 * (double)(n * h) * (double)w;
    return pays ? NULL : "tiles are few";
}

static const char *refuse_pass(const pc_conv_pass *a) { return pc_winograd_refuse(&a->p, 1); }
static const char *refuse_weight(const pc_conv_pass *a)
{
    return a->gw != NULL ? pc_winograd_refuse(&a->p, 1) : "the gradient of the bias alone is wanted";
}
static const char *avoid_output(int m, const pc_conv *p) { return avoid(m, p->n, p->c, p->k, p->oh, p->ow); }
static const char *avoid_output4(const pc_conv_pass *a) { return avoid_output(4, &a->p); }
static const char *avoid_output2(const pc_conv_pass *a) { return avoid_output(2, &a->p); }
static const char *avoid_input4(const pc_conv_pass *a) { return avoid(4, a->p.n, a->p.k, a->p.c, a->p.h, a->p.w); }
static const char *avoid_input2(const pc_conv_pass *a) { return avoid(2, a->p.n, a->p.k, a->p.c, a->p.h, a->p.w); }
static pc_status forward4(const pc_conv_pass *a) { return forward(a, PC_WINOGRAD_4); }
static pc_status forward2(const pc_conv_pass *a) { return forward(a, PC_WINOGRAD_2); }
static pc_status input4(const pc_conv_pass *a) { return input_gradient(a, PC_WINOGRAD_4); }
static pc_status input2(const pc_conv_pass *a) { return input_gradient(a, PC_WINOGRAD_2); }
static pc_status weight4(const pc_conv_pass *a) { return weight_gradient(a, PC_WINOGRAD_4); }
static pc_status weight2(const pc_conv_pass *a) { return weight_gradient(a, PC_WINOGRAD_2); }

static const char *refuse_strided(const pc_conv_pass *a) { return pc_winograd_refuse(&a->p, 2); }
static const char *refuse_strided_weight(const pc_conv_pass *a)
{
    return a->gw != NULL ? pc_winograd_refuse(&a->p, 2) : "the gradient of the bias alone is wanted";
}
/* tiles: of an image, 81 products each. What does not pay by a quarter of them is lost to the transforms. */
static const char *avoid_strided(const pc_conv *p, int64_t tiles)
{
    const char *off = pc_winograd_avoid(2);
    if (off != NULL) return off;
    if (p->c < 8 || p->k < 8) return "fewer than 8 channels";
    const double work = 81 * (double)(p->n * tiles) + 36 * 6, direct = 9 * (double)(p->n * p->oh) * (double)p->ow;
    bool pays = work * (1 + 4.0 / (double)p->c + 4.0 / (double)p->k) < 0.74 * direct;
    return pays ? NULL : "tiles are few";
}
static const char *avoid_strided_output(const pc_conv_pass *a)
{
    return avoid_strided(&a->p, ceil_div(a->p.oh, 4) * ceil_div(a->p.ow, 4));
}
static const char *avoid_strided_input(const pc_conv_pass *a)
{
    const pc_conv *p = &a->p;
    return avoid_strided(p, ceil_div(p->h + (p->ph != 1), 8) * ceil_div(p->w + (p->pw != 1), 8));
}
static pc_status forward_strided(const pc_conv_pass *a) { return forward(a, PC_WINOGRAD_STRIDED); }
static pc_status input_strided(const pc_conv_pass *a) { return input_gradient(a, PC_WINOGRAD_SPREAD); }
static pc_status weight_strided(const pc_conv_pass *a) { return weight_gradient(a, PC_WINOGRAD_STRIDED); }

#define F4 "winograd F(4x4)"
#define F2 "winograd F(2x2)"
#define STRIDED "winograd stride 2"
const pc_conv_algorithm pc_conv_winograd4_forward = { F4, refuse_pass, avoid_output4, forward4 };
const pc_conv_algorithm pc_conv_winograd2_forward = { F2, refuse_pass, avoid_output2, forward2 };
const pc_conv_algorithm pc_conv_winograd4_input = { F4, refuse_pass, avoid_input4, input4 };
const pc_conv_algorithm pc_conv_winograd2_input = { F2, refuse_pass, avoid_input2, input2 };
const pc_conv_algorithm pc_conv_winograd4_weight = { F4, refuse_weight, avoid_output4, weight4 };
const pc_conv_algorithm pc_conv_winograd2_weight = { F2, refuse_weight, avoid_output2, weight2 };
const pc_conv_algorithm pc_conv_winograd_strided_forward = {
    STRIDED, refuse_strided, avoid_strided_output, forward_strided
};
const pc_conv_algorithm pc_conv_winograd_strided_input = {
    STRIDED, refuse_strided, avoid_strided_input, input_strided
};
const pc_conv_algorithm pc_conv_winograd_strided_weight = {
    STRIDED, refuse_strided_weight, avoid_strided_output, weight_strided
};
