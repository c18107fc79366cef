/* conv_phases.c -- the input gradient of a strided convolution of few channels, such as images have. A vector of one
   input pixel's channels would be nearly empty, so it holds those of a cell of stride x stride pixels. Each of them is
   reached by taps of its own; the direct convolution of stride 1 over cells takes zeros for the others. A depthwise
   filter's channels fill vectors: there a cell's pixels share what they read, and are written at once. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "conv_blocks.h"

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* One axis: inputs j * stride + y, 0 <= y < stride, get from outputs j + d, first <= d < first + count, by the taps
   y + pad - d * stride. */
typedef struct axis {
    int64_t cells, first, count; /* cells: of `stride` inputs */
} axis;

static axis axis_of(int64_t size, int64_t filter, int64_t stride, int64_t pad)
{
    const int64_t first = -floor_div(filter - 1 - pad, stride);
    return (axis){ (size + stride - 1) / stride, first, floor_div(stride - 1 + pad, stride) - first + 1 };
}

static int64_t lanes_of(const pc_conv *p) { return p->sh * p->sw * p->c; }

/* [lane][output channel][d][d]; a lane is a cell's row, column and channel. */
static void arrange(const pc_conv *p, const axis *v, const axis *u, const pc_tensor *w, float *to)
{
    const float *from = pc_f32(w);
    for (int64_t lane = 0; lane < lanes_of(p); lane++) {
        const int64_t c = lane % p->c, x = lane / p->c % p->sw, y = lane / p->c / p->sw;
        for (int64_t k = 0; k < p->k; k++)
            for (int64_t i = 0; i < v->count; i++)
                for (int64_t j = 0; j < u->count; j++, to++) {
                    const int64_t r = y + p->ph - (v->first + i) * p->sh, s = x + p->pw - (u->first + j) * p->sw;
                    *to = r < 0 || r >= p->r || s < 0 || s >= p->s
                              ? 0 : from[k * w->stride[0] + c * w->stride[1] + r * w->stride[2] + s * w->stride[3]];
                }
    }
}

typedef struct spread_job {
    const pc_conv *p;
    int64_t rows, cols; /* of cells */
    const float *from;
    float *to;
} spread_job;

/* Rows of cells to `sh` rows of pixels each. */
static pc_status spread_cells(void *ctx, int64_t begin, int64_t end)
{
    const spread_job *j = ctx;
    const pc_conv *p = j->p;
    const int64_t part = p->sw * p->c, row = p->w * p->c; /* of a cell in a row, of the row */
    for (int64_t i = begin; i < end; i++)
        for (int64_t y = 0, h = i % j->rows * p->sh; y < p->sh && h + y < p->h; y++) {
            const float *from = j->from + i * j->cols * lanes_of(p) + y * part;
            float *to = j->to + (i / j->rows * p->h + h + y) * row;
            for (int64_t x = 0; x < row; x += part, from += lanes_of(p))
                for (int64_t at = 0; at < least(part, row - x); at++) to[x + at] = from[at];
        }
    return PC_OK;
}

static pc_status run(const pc_conv_pass *a)
{
    pc_status status = PC_OK;
    const pc_conv *p = &a->p;
    const axis v = axis_of(p->h, p->r, p->sh, p->ph), u = axis_of(p->w, p->s, p->sw, p->pw);
    const int64_t lanes = lanes_of(p), rows = p->n * v.cells;
    pc_tensor *weight = NULL;
    float *cells = NULL, *bias = NULL;
    PC_TRY(pc_tensor_new(PC_F32, 4, (int64_t[]){ lanes, p->k, v.count, u.count }, &weight));
    cells = pc_alloc((size_t)(rows * u.cells * lanes) * sizeof *cells);
    PC_CHECK(cells != NULL, PC_ENOMEM, "out of memory for a convolution's input gradient");
    arrange(p, &v, &u, a->weight, pc_f32(weight));
    if (a->bias != NULL) {
        bias = pc_alloc((size_t)lanes * sizeof *bias);
        PC_CHECK(bias != NULL, PC_ENOMEM, "out of memory for a convolution's bias");
        for (int64_t i = 0; i < lanes; i++) bias[i] = a->bias[i % p->c];
    }
    const pc_conv_pass whole = {
        .p = { .n = p->n, .c = p->k, .h = p->oh, .w = p->ow, .k = lanes, .r = v.count, .s = u.count, .oh = v.cells,
               .ow = u.cells, .sh = 1, .sw = 1, .ph = -v.first, .pw = -u.first, .dh = 1, .dw = 1, .groups = 1 },
        .x = a->g, .weight = weight, .bias = bias, .out = cells,
    };
    PC_TRY(pc_conv_direct_forward.run(&whole));
    spread_job j = { p, v.cells, u.cells, cells, a->out };
    PC_TRY(pc_parallel_for(rows, ((int64_t)1 << 15) / (u.cells * lanes + 1) + 1, spread_cells, &j));
done:
    pc_free(cells);
    pc_free(bias);
    pc_release(weight);
    return status;
}

static const char *refuse(const pc_conv_pass *a)
{
    const pc_conv *p = &a->p;
    if (p->groups != 1) return "groups";
    if (p->dh != 1 || p->dw != 1) return "dilated";
    return p->sh * p->sw > 1 ? NULL : "not strided";
}

static const char *avoid(const pc_conv_pass *a)
{
    const pc_conv *p = &a->p;
    const axis v = axis_of(p->h, p->r, p->sh, p->ph), u = axis_of(p->w, p->s, p->sw, p->pw);
    const int64_t width = pc_k->f32_tile_width() / 2, one = (p->c + width - 1) / width, /* vectors */
                  all = (lanes_of(p) + width - 1) / width;
    return 5 * v.count * u.count * all < 4 * p->r * p->s * one ? NULL : "channels fill vectors well enough";
}

/* ---- depthwise, 3x3 in steps of 2 ---------------------------------------------------------------- */

typedef struct depthwise_job {
    const pc_conv_pass *a;
    int64_t first, rows;  /* of cells in an image */
    const float *weights; /* [row][column][channel] */
} depthwise_job;

static pc_status depthwise_rows(void *ctx, int64_t begin, int64_t end)
{
    const depthwise_job *j = ctx;
    const pc_conv *p = &j->a->p;
    const int64_t row = p->w * p->c, g_row = p->ow * p->c;
    for (int64_t at = begin; at < end; at++) {
        const int64_t n = at / j->rows, i = j->first + at % j->rows, h = 2 * i - p->ph + 1;
        const float *g = j->a->g->p + (n * p->oh + i) * g_row;
        float *y = j->a->out + (n * p->h + h) * row;
        pc_k->f32_depthwise_cells(&(pc_depthwise_cells){
            .g0 = i >= 0 && i < p->oh ? g : NULL, .g1 = i + 1 < p->oh ? g + g_row : NULL, .y0 = h >= 0 ? y : NULL,
            .y1 = h + 1 < p->h ? y + row : NULL, .w = p->w, .ow = p->ow, .pad = p->pw, .b = j->weights,
            .bias = j->a->bias, .width = p->c });
    }
    return PC_OK;
}

static pc_status depthwise_run(const pc_conv_pass *a)
{
    pc_status status = PC_OK;
    const pc_conv *p = &a->p;
    const pc_tensor *w = a->weight;
    depthwise_job j = { .a = a, .first = (p->ph + 1) / 2 - 1 };
    j.rows = (p->h + p->ph) / 2 - j.first;
    float *weights = pc_alloc((size_t)(9 * p->c) * sizeof *weights);
    PC_CHECK(weights != NULL, PC_ENOMEM, "out of memory for a convolution's weights");
    for (int64_t v = 0; v < 9; v++)
        for (int64_t c = 0; c < p->c; c++)
            weights[v * p->c + c] = pc_f32(w)[c * w->stride[0] + v / 3 * w->stride[2] + v % 3 * w->stride[3]];
    j.weights = weights;
    PC_TRY(pc_parallel_for(p->n * j.rows, ((int64_t)1 << 15) / (p->w * p->c + 1) + 1, depthwise_rows, &j));
done:
    pc_free(weights);
    return status;
}

static const char *depthwise_refuse(const pc_conv_pass *a)
{
    const pc_conv *p = &a->p;
    if (!is_depthwise(p)) return "groups are not single channels";
    if (p->r != 3 || p->s != 3 || p->dh != 1 || p->dw != 1) return "not 3x3, or dilated";
    if (p->sh != 2 || p->sw != 2) return "steps are not 2";
    return a->g->pixels && !a->g->relu ? NULL : "channels apart, or a pending ReLU";
}

const pc_conv_algorithm pc_conv_depthwise_phases_input = {
    "depthwise phases at once", depthwise_refuse, nothing, depthwise_run
};
const pc_conv_algorithm pc_conv_phases_input = { "phases at once", refuse, avoid, run };
