/* conv_thin.c -- 3x3 convolutions of stride 1 that read few channels, by Winograd's F(4x4). A product of matrices for
   each position would do little but load and store its sums: instead a row of tiles is transformed, and some tiles at a
   time are multiplied and transformed back in registers. Sizes alone decide the order of every sum. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "conv_blocks.h"

/* From so many channels on conv_winograd.c is faster, and at the weight gradient. */
#define MANY 10
#define MANY_WEIGHTS 16
/* Tiles of a part of an image, about; at least so many parts, if there are rows of tiles for them. */
#define PART_TILES 64
#define PARTS 4
/* Tiles that a slot of the weight gradient sums at least, and slots at most. */
#define SLOT_TILES 256
#define SLOTS 64

/* The pixels of a row of the image are dealt to four rows of `lanes` floats: pixel 4 * t + j of channel c to lane
   c * (across + 1) + t of row j. So a vector has neighbouring tiles; there is one more for what the last one reads. */
typedef struct thin {
    const pc_nhwc *in;
    int64_t k, oh, ow, ph, pw;  /* of what is written, or of the output's gradient */
    float *out;                 /* likewise */
    const float *bias;
    int64_t down, across;       /* tiles of an image */
    int64_t rows, parts;        /* rows of tiles in a part of an image; its parts */
    int64_t lanes;
    int64_t panels, panel_floats;
    float *u;                   /* filters or their gradient: panels */
    int64_t slots, slot_floats; /* weight gradient: u's, each followed by sums over the output's gradient */
} thin;

static void set_up(thin *w, const pc_nhwc *in, int64_t k, int64_t oh, int64_t ow)
{
    w->in = in;
    w->k = k, w->oh = oh, w->ow = ow;
    w->down = ceil_div(oh, 4);
    w->across = ceil_div(ow, 4);
    w->rows = even(w->down, least(PART_TILES / most(w->across, 1), in->n * w->down / PARTS));
    w->parts = ceil_div(w->down, w->rows);
    w->lanes = ceil_div(in->c * (w->across + 1), 16) * 16 + 16;
    w->panels = ceil_div(k, PC_WINOGRAD_PANEL);
    w->panel_floats = 36 * in->c * PC_WINOGRAD_PANEL;
}

/* ---- rows of tiles ------------------------------------------------------------------------------ */

/* What a task works in. */
typedef struct workspace {
    float *line, *dealt, *v; /* the first owns all */
    int64_t pitch;           /* of lines: a padded row of each channel */
} workspace;

static pc_status workspace_new(const thin *w, workspace *s)
{
    pc_status status = PC_OK;
    s->pitch = 4 * (w->across + 16); /* is dealt in whole vectors */
    const int64_t lines = w->in->c * s->pitch, dealt = (4 * w->rows + 2) * 4 * w->lanes;
    /* Zeros: the padding of lines, and lanes that nothing is dealt to. */
    s->line = pc_calloc((size_t)(lines + dealt + 36 * w->lanes), sizeof *s->line);
    PC_CHECK(s->line != NULL, PC_ENOMEM, "out of memory for a convolution's tiles");
    s->dealt = s->line + lines;
    s->v = s->dealt + dealt;
done:
    return status;
}

/* What the rows [first, last) of tiles of image n read. */
static void deal(const thin *w, int64_t n, int64_t first, int64_t last, const workspace *s)
{
    const pc_nhwc *x = w->in;
    float *to = s->dealt, *line = s->line + w->pw;
    for (int64_t y = 4 * first - w->ph; y < 4 * last + 2 - w->ph; y++, to += 4 * w->lanes) {
        if (y < 0 || y >= x->h) {
            memset(to, 0, (size_t)(4 * w->lanes) * sizeof *to);
            continue;
        }
        const float *pixels = x->p + (n * x->h + y) * x->w * x->c;
        if (x->pixels) pc_k->f32_pixels_to_planes(line, s->pitch, pixels, x->c, x->c, x->w);
        for (int64_t c = 0; c < x->c; c++) {
            float *own = line + c * s->pitch;
            const float *from = x->pixels ? own : x->p + ((n * x->c + c) * x->h + y) * x->w;
            if (x->relu) pc_k->f32_relu(own, from, x->w);
            else if (!x->pixels) memcpy(own, from, (size_t)x->w * sizeof *own);
            pc_k->f32_deal4(to + c * (w->across + 1), w->lanes, own - w->pw, w->across + 1);
        }
    }
}

/* Row `row` of the tiles of image n; what those from `first` on read is dealt. */
static pc_winograd_strip transform(const thin *w, int64_t n, int64_t first, int64_t row, const workspace *s)
{
    const int64_t c = w->in->c, at = (row - first) * 16 * w->lanes;
    pc_k->f32_strip_input(s->dealt + at, w->lanes, c * (w->across + 1), s->v, w->lanes);
    return (pc_winograd_strip){
        .v = s->v, .position = w->lanes, .channel = w->across + 1, .channels = c, .tiles = w->across, .u = w->u,
        .p = w->out + (n * w->oh + 4 * row) * w->ow * w->k, .row = w->ow * w->k, .pixel = w->k,
        .rows = least(w->oh - 4 * row, 4), .columns = w->ow, .lanes = w->k,
    };
}

/* A panel of filters for its transform. */
static pc_winograd_filter panel_at(const thin *w, int64_t panel)
{
    return (pc_winograd_filter){
        .form = PC_WINOGRAD_4, .lanes = least(w->k - panel * PC_WINOGRAD_PANEL, PC_WINOGRAD_PANEL), .count = w->in->c,
        .u = w->u + panel * w->panel_floats, .stored = PC_WINOGRAD_PANEL, .position = w->in->c * PC_WINOGRAD_PANEL,
    };
}

/* ---- forward and input gradient ----------------------------------------------------------------- */

/* Items are parts of images. */
static pc_status convolve_parts(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    const thin *w = ctx;
    workspace s = { 0 };
    PC_TRY(workspace_new(w, &s));
    for (int64_t i = begin; i < end; i++) {
        const int64_t n = i / w->parts, first = i % w->parts * w->rows, last = least(first + w->rows, w->down);
        deal(w, n, first, last, &s);
        for (int64_t row = first; row < last; row++) {
            const pc_winograd_strip strip = transform(w, n, first, row, &s);
            pc_k->f32_strip_output(&strip, w->bias);
        }
    }
done:
    pc_free(s.line);
    return status;
}

static pc_status run(thin *w, const pc_conv_pass *a, bool turned)
{
    pc_status status = PC_OK;
    const int64_t *stride = a->weight->stride, floats = w->panels * w->panel_floats;
    pc_derived *filters = NULL;
    bool found;
    if (w->in->n * w->down * w->across == 0 || w->k == 0) goto done;
    filters = pc_conv_derived(a, floats, (int64_t[PC_CONV_KEY]){ -3, turned }, &found);
    PC_CHECK(filters != NULL, PC_ENOMEM, "out of memory for a convolution's weights");
    w->u = filters->values;
    for (int64_t i = 0; i < w->panels && !found; i++) {
        pc_winograd_filter f = panel_at(w, i);
        f.lane = stride[turned], f.step = stride[!turned];
        f.row = turned ? -stride[2] : stride[2], f.column = turned ? -stride[3] : stride[3];
        f.w = pc_f32(a->weight) + i * PC_WINOGRAD_PANEL * f.lane - (turned ? 2 * (f.row + f.column) : 0);
        pc_k->f32_winograd_weight(&f);
    }
    if (!found) pc_conv_keep(a, floats, filters);
    /* Cycles of a part, and of tasks of some 2 to 100 us. */
    const int64_t part = w->rows * w->across * w->panels * (36 * w->in->c + 100), parts = w->in->n * w->parts;
    const int64_t task = least(most(parts * part / TASKS, 8000), 400000);
    PC_TRY(pc_parallel_for(parts, most(task / part, 1), convolve_parts, w));
done:
    pc_derived_release(filters);
    return status;
}

static pc_status forward(const pc_conv_pass *a)
{
    const pc_conv *p = &a->p;
    thin w = { .ph = p->ph, .pw = p->pw, .out = a->out, .bias = a->bias };
    set_up(&w, a->x, p->k, p->oh, p->ow);
    return run(&w, a, false);
}

/* The gradient of the input is the convolution of the output's with the filters turned round. */
static pc_status input_gradient(const pc_conv_pass *a)
{
    const pc_conv *p = &a->p;
    thin w = { .ph = 2 - p->ph, .pw = 2 - p->pw, .out = a->out, .bias = a->bias };
    set_up(&w, a->g, p->c, p->h, p->w);
    return run(&w, a, true);
}

/* ---- weight gradient ---------------------------------------------------------------------------- */

/* Items are slots: each sums its share of the parts. */
static pc_status sum_slots(void *ctx, int64_t begin, int64_t end)
{
    pc_status status = PC_OK;
    thin w = *(const thin *)ctx;
    const int64_t parts = w.in->n * w.parts;
    float *slots = w.u;
    workspace s = { 0 };
    PC_TRY(workspace_new(&w, &s));
    for (int64_t slot = begin; slot < end; slot++) {
        w.u = slots + slot * w.slot_floats;
        memset(w.u, 0, (size_t)w.slot_floats * sizeof *w.u);
        for (int64_t i = slot * parts / w.slots; i < (slot + 1) * parts / w.slots; i++) {
            const int64_t n = i / w.parts, first = i % w.parts * w.rows, last = least(first + w.rows, w.down);
            deal(&w, n, first, last, &s);
            for (int64_t row = first; row < last; row++) {
                const pc_winograd_strip strip = transform(&w, n, first, row, &s);
                pc_k->f32_strip_gradient(&strip, w.u + w.panels * w.panel_floats);
            }
            PC_TRY(pc_poll()); /* a slot's share may take many milliseconds */
        }
    }
done:
    pc_free(s.line);
    return status;
}

static pc_status weight_gradient(const pc_conv_pass *a)
{
    pc_status status = PC_OK;
    const pc_conv *p = &a->p;
    thin w = { .ph = p->ph, .pw = p->pw, .out = (float *)a->g->p };
    set_up(&w, a->x, p->k, p->oh, p->ow);
    w.slots = most(least(p->n * w.down * w.across / SLOT_TILES, SLOTS), 1);
    w.slot_floats = w.panels * (w.panel_floats + PC_WINOGRAD_PANEL);
    w.u = pc_alloc((size_t)(w.slots * w.slot_floats) * sizeof *w.u);
    PC_CHECK(w.u != NULL, PC_ENOMEM, "out of memory for the gradient of a convolution's weights");
    PC_TRY(pc_parallel_for(w.slots, 1, sum_slots, &w));
    for (int64_t slot = 1; slot < w.slots; slot++)
        pc_k->f32_accumulate(w.u, w.u + slot * w.slot_floats, w.slot_floats);
    for (int64_t i = 0; i < w.panels; i++) {
        pc_winograd_filter f = panel_at(&w, i);
        f.lane = p->c * 9, f.step = 9;
        pc_k->f32_winograd_filter(&f, a->gw + i * PC_WINOGRAD_PANEL * f.lane);
    }
    if (a->gb != NULL) memcpy(a->gb, w.u + w.panels * w.panel_floats, (size_t)p->k * sizeof *a->gb);
done:
    pc_free(w.u);
    return status;
}

/* ---- the choice --------------------------------------------------------------------------------- */

/* c: of what is read; h, w: of what is written, or of the output's gradient. Tiles of a row are taken `group` at a
   time. tile, row: what each costs beside the products, in cycles for a vector of filters. */
static const char *avoid(int64_t c, int64_t many, int64_t h, int64_t w, int64_t group, double tile, double row)
{
    const char *off = pc_winograd_avoid(4);
    if (off != NULL) return off;
    if (c >= many) return "many channels";
    const double across = (double)ceil_div(w, 4), whole = (double)(ceil_div(w, 4 * group) * group);
    const double cycles = (double)ceil_div(h, 4) * (whole * 36 * (double)c + across * tile + row);
    return cycles < 1.2 * 9 * (double)(c * h) * (double)w ? NULL : "rows of tiles are short";
}

static const char *refuse_pass(const pc_conv_pass *a) { return pc_winograd_refuse(&a->p, 1); }
static const char *refuse_weight(const pc_conv_pass *a)
{
    return a->gw != NULL ? pc_winograd_refuse(&a->p, 1) : "the gradient of the bias alone is wanted";
}
static const char *avoid_forward(const pc_conv_pass *a) { return avoid(a->p.c, MANY, a->p.oh, a->p.ow, 4, 100, 0); }
static const char *avoid_input(const pc_conv_pass *a) { return avoid(a->p.k, MANY, a->p.h, a->p.w, 4, 100, 0); }
static const char *avoid_weight(const pc_conv_pass *a)
{
    return avoid(a->p.c, MANY_WEIGHTS, a->p.oh, a->p.ow, 8, 225, 108 * (double)a->p.c);
}

#define NAME "winograd F(4x4) thin"
const pc_conv_algorithm pc_conv_thin_forward = { NAME, refuse_pass, avoid_forward, forward };
const pc_conv_algorithm pc_conv_thin_input = { NAME, refuse_pass, avoid_input, input_gradient };
const pc_conv_algorithm pc_conv_thin_weight = { NAME, refuse_weight, avoid_weight, weight_gradient };
