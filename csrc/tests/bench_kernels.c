/* bench_kernels.c -- every kernel of kernels.def alone, on one thread and in a core's own cache, for each instruction
   set that the processor has: GFLOP/s and the share of what multiply-adds of that set reach, or GB/s (bytes read and
   written) and the share of what memcpy does. make bench in csrc/. With an argument only kernels with that in their
   names. */
#include "../core/cpu.h"
#include "../kernels/kernels.h"
#include <immintrin.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N 16384          /* elements of an operand: 64 KiB of floats, so that a few stay in the second level's cache */
#define BUFFER (1 << 18) /* floats of a buffer; the largest operand is a panel of 3x3 filters of 512 channels */
#define SKEW 272         /* more floats for each: distances of a power of two would share sets of a cache */
#define ROUNDS 10
#define ROUND_SECONDS 2e-4

/* Values from 0.5 to 1, anew for each case: none leaves the ordinary numbers on them, however often it is repeated. */
static float *f[6], *zeros;
static double *d[4];
static uint8_t *bytes[4];

typedef struct bench_case {
    const char *name, *what;
    size_t at;             /* of the kernel in its table */
    bool arithmetic;       /* what run returns, and what is shown */
    double (*run)(const pc_kernels *k, const struct bench_case *c); /* one call: its operations, or its bytes */
    int64_t size[5];
} bench_case;

/* ---- one call of each sort ----------------------------------------------------------------------- */

/* size: bytes of an element of the result and of the operands */
static double row(const pc_kernels *k, const bench_case *c)
{
    pc_row_fn fn;
    memcpy(&fn, (const char *)k + c->at, sizeof fn);
    char *data[4] = { (char *)f[0] };
    int64_t sum = 0;
    for (int i = 0; i < 4; i++) {
        if (i > 0) data[i] = c->size[i] == 1 ? (char *)bytes[i] : (char *)f[i];
        sum += c->size[i];
    }
    fn(&(pc_row_args){ { 0.5, 0.75, 0.5, 0.5 }, { 0 } }, N, data, c->size);
    return (double)(N * sum);
}

/* size: bytes of an element, arrays of state, reads and writes of an element */
static double step(const pc_kernels *k, const bench_case *c)
{
    void (*fn)(const pc_optim_run *, const pc_optim_rule *);
    memcpy(&fn, (const char *)k + c->at, sizeof fn);
    void *p[4];
    for (int i = 0; i < 4; i++) p[i] = c->size[0] == 8 ? (void *)d[i] : (void *)f[i];
    const pc_optim_run run = { .param = p[0], .grad = p[1], .a = p[2], .b = c->size[1] > 1 ? p[3] : NULL, .n = N,
                               .step = 1e-3, .step2 = 1e-3, .root = 1 };
    const pc_optim_rule rule = { .lr = 1e-3, .weight_decay = 1e-5, .momentum = 0.9, .beta1 = 0.9, .beta2 = 0.999,
                                 .eps = 1e-8, .alpha = 0.99 };
    fn(&run, &rule);
    return (double)(N * c->size[0] * c->size[2]);
}

/* size: channels, pixels, width (0: a full tile); a 3x3 filter over a row of pixels */
static double tile(const pc_kernels *k, const bench_case *c)
{
    const int64_t full = k->f32_tile_width(), channels = c->size[0], m = c->size[1];
    const int64_t width = c->size[2] != 0 && c->size[2] < full ? c->size[2] : full;
    const int64_t lanes = width > full / 2 ? full : full / 2;
    k->f32_tile(&(pc_tile){ .a = f[0], .ai = channels, .a4 = 4 * channels, .au = (m + 2) * channels, .aq = 1, .b = f[1],
                            .bu = 3 * channels * lanes, .bq = lanes, .nu = 3, .nv = 1, .n = 3 * channels, .c = f[2],
                            .ci = width, .c4 = 4 * width, .m = m, .width = width });
    return 2.0 * 9 * (double)(channels * m * width);
}
/* size: channels, pixels of a row, filter */
static double depthwise(const pc_kernels *k, const bench_case *c)
{
    const int64_t channels = c->size[0], m = c->size[1], r = c->size[2];
    k->f32_depthwise(&(pc_tile){ .a = f[0], .ai = channels, .au = (m + r) * channels, .av = channels, .b = f[1],
                                 .bu = r * channels, .bv = channels, .nu = r, .nv = r, .c = f[2], .ci = channels,
                                 .m = m, .width = channels, .bias = f[3] });
    return 2.0 * (double)(r * r * m * channels);
}
/* size: channels, pixels of a row of the output's gradient */
static double depthwise_cells(const pc_kernels *k, const bench_case *c)
{
    const int64_t channels = c->size[0], m = c->size[1], row = 2 * m * channels;
    k->f32_depthwise_cells(&(pc_depthwise_cells){ .g0 = f[0], .g1 = f[0] + m * channels, .y0 = f[2], .y1 = f[2] + row,
                                                  .w = 2 * m, .ow = m, .pad = 1, .b = f[1], .width = channels });
    return 2.0 * 9 * (double)(m * channels);
}
static double depthwise_weight(const pc_kernels *k, const bench_case *c)
{
    const int64_t channels = c->size[0], m = c->size[1], r = c->size[2];
    memset(f[2], 0, (size_t)(r * r * channels) * sizeof(float));
    k->f32_depthwise_weight(&(pc_depthwise_sums){
        .x = f[0], .x_row = m * channels, .x_pixel = channels, .h = 4, .w = m, .g = f[1], .g_row = m * channels,
        .g_pixel = channels, .last = 4, .ow = m, .r = r, .s = r, .sh = 1, .sw = 1, .dh = 1, .dw = 1, .ph = r / 2,
        .pw = r / 2, .c = f[2], .width = channels });
    return 2.0 * 4 * (double)(r * r * m * channels);
}
/* A full tile's width of channels out of 256. size: channels that are wanted (0: all), pixels */
static double copy_panel(const pc_kernels *k, const bench_case *c)
{
    const int64_t lanes = k->f32_tile_width(), pixels = c->size[1];
    k->f32_copy_panel(f[0], lanes, f[1], 256, c->size[0] != 0 && c->size[0] < lanes ? c->size[0] : lanes, pixels);
    return 8.0 * (double)(lanes * pixels);
}
/* size: channels, pixels */
static double to_pixels(const pc_kernels *k, const bench_case *c)
{
    k->f32_planes_to_pixels(f[0], c->size[0], f[1], c->size[1], c->size[0], c->size[1]);
    return 8.0 * (double)(c->size[0] * c->size[1]);
}
static double to_planes(const pc_kernels *k, const bench_case *c)
{
    k->f32_pixels_to_planes(f[0], c->size[1], f[1], c->size[0], c->size[0], c->size[1]);
    return 8.0 * (double)(c->size[0] * c->size[1]);
}

/* size: form, channels; a tile of an image of 16 x 16 */
static pc_winograd_tile tile_of(const bench_case *c, int64_t edge)
{
    return (pc_winograd_tile){ .form = (pc_winograd_form)c->size[0], .p = f[0] + 17 * c->size[1],
                               .row = 16 * c->size[1], .pixel = c->size[1], .r1 = (int)edge, .s1 = (int)edge,
                               .channels = c->size[1], .t = f[1], .step = 8 * (c->size[1] + 16) };
}
static double tile_bytes(const bench_case *c, int64_t edge, int64_t made)
{
    return 4.0 * (double)(c->size[1] * (edge * edge + made * made));
}
static double winograd_input(const pc_kernels *k, const bench_case *c)
{
    const pc_winograd_sizes size = pc_winograd_size[c->size[0]];
    const pc_winograd_tile t = tile_of(c, size.pixels);
    k->f32_winograd_input(&t, zeros, false);
    return tile_bytes(c, size.pixels, size.inputs);
}
static double winograd_output(const pc_kernels *k, const bench_case *c)
{
    const pc_winograd_sizes size = pc_winograd_size[c->size[0]];
    const pc_winograd_tile t = tile_of(c, size.outputs);
    k->f32_winograd_output(&t, f[2]);
    return tile_bytes(c, size.outputs, size.products);
}
static double winograd_gradient(const pc_kernels *k, const bench_case *c)
{
    const pc_winograd_sizes size = pc_winograd_size[c->size[0]];
    const pc_winograd_tile t = tile_of(c, size.outputs);
    k->f32_winograd_gradient(&t, zeros, f[2]);
    return tile_bytes(c, size.outputs, size.products);
}
static pc_winograd_filter panel_of(const pc_kernels *k, const bench_case *c, double *size)
{
    const int64_t lanes = k->f32_tile_width(), inner = c->size[1], edge = pc_winograd_size[c->size[0]].filters;
    *size = 4.0 * (double)(lanes * inner * (9 + edge * edge));
    return (pc_winograd_filter){ .form = (pc_winograd_form)c->size[0], .w = f[0], .lane = 9 * inner, .step = 9,
                                 .row = 3, .column = 1, .lanes = lanes, .count = inner, .u = f[1], .stored = lanes,
                                 .position = lanes * inner + 16 };
}
static double winograd_weight(const pc_kernels *k, const bench_case *c)
{
    double size;
    const pc_winograd_filter panel = panel_of(k, c, &size);
    k->f32_winograd_weight(&panel);
    return size;
}
static double winograd_filter(const pc_kernels *k, const bench_case *c)
{
    double size;
    const pc_winograd_filter panel = panel_of(k, c, &size);
    k->f32_winograd_filter(&panel, f[0]);
    return size;
}

/* size: channels; a row of 8 tiles of an image of 32 x 32 */
static double deal4(const pc_kernels *k, const bench_case *c)
{
    k->f32_deal4(f[0], 64, f[1], 64);
    return 8.0 * 256;
}
static double strip_input(const pc_kernels *k, const bench_case *c)
{
    k->f32_strip_input(f[0], 64, 9 * c->size[0], f[1], 64);
    return 4.0 * (double)(9 * c->size[0] * (16 + 36));
}
static pc_winograd_strip strip_of(const bench_case *c)
{
    return (pc_winograd_strip){ .v = f[0], .position = 64, .channel = 9, .channels = c->size[0], .tiles = 8, .u = f[1],
                                .p = f[2], .row = 32 * 32, .pixel = 32, .rows = 4, .columns = 32, .lanes = 32 };
}
static double strip_output(const pc_kernels *k, const bench_case *c)
{
    const pc_winograd_strip strip = strip_of(c);
    k->f32_strip_output(&strip, zeros);
    return 2.0 * (double)(8 * 36 * 32 * c->size[0]);
}
static double strip_gradient(const pc_kernels *k, const bench_case *c)
{
    const pc_winograd_strip strip = strip_of(c);
    k->f32_strip_gradient(&strip, f[3]);
    return 2.0 * (double)(8 * 36 * 32 * c->size[0]);
}

/* 2x2 windows of an image of 16 x 16 pixels; size: channels */
static pc_pool pool_of(const bench_case *c)
{
    return (pc_pool){ .c = c->size[0], .h = 16, .w = 16, .oh = 8, .ow = 8, .kh = 2, .kw = 2, .sh = 2, .sw = 2, .dh = 1,
                      .dw = 1, .include_pad = true };
}
static double max_pool(const pc_kernels *k, const bench_case *c)
{
    const pc_pool p = pool_of(c);
    k->f32_max_pool(&p, f[0], f[1], bytes[0], 0, 8);
    return (double)(c->size[0] * (4 * 256 + 5 * 64));
}
static double max_pool_backward(const pc_kernels *k, const bench_case *c)
{
    const pc_pool p = pool_of(c);
    k->f32_max_pool_backward(&p, f[1], bytes[0], f[0], 0, 16);
    return (double)(c->size[0] * (4 * 256 + 5 * 64));
}
static double avg_pool(const pc_kernels *k, const bench_case *c)
{
    const pc_pool p = pool_of(c);
    k->f32_avg_pool(&p, f[0], f[1], 0, 8);
    return (double)(c->size[0] * 4 * (256 + 64));
}
static double avg_pool_shares(const pc_kernels *k, const bench_case *c)
{
    const pc_pool p = pool_of(c);
    k->f32_avg_pool_shares(&p, f[0], f[1], 0, 8);
    return (double)(c->size[0] * 4 * (64 + 64));
}
static double avg_pool_backward(const pc_kernels *k, const bench_case *c)
{
    const pc_pool p = pool_of(c);
    k->f32_avg_pool_backward(&p, f[1], f[0], 0, 16);
    return (double)(c->size[0] * 4 * (256 + 64));
}

/* size: m, n, k */
static double dots(const pc_kernels *k, const bench_case *c)
{
    const int64_t m = c->size[0], n = c->size[1], depth = c->size[2];
    k->f32_dots(&(pc_dots){ .a = f[0], .b = f[1], .c = f[2], .a_row = depth, .b_row = depth, .c_row = n, .c_column = 1,
                            .m = m, .n = n, .k = depth });
    return 2.0 * (double)(m * n * depth);
}
/* size: k, n */
static double row_product(const pc_kernels *k, const bench_case *c)
{
    k->f32_row_product(f[0], 1, f[1], c->size[1], c->size[0], c->size[1], f[2], false);
    return 2.0 * (double)(c->size[0] * c->size[1]);
}

/* size: which of them; N elements as pixels of 64 channels, as a run of one channel, as one sample */
enum { MOMENTS, AFFINE, SUMS, SUMS_RELU, GRADIENT, GRADIENT_RELU };
static double norm_rows(const pc_kernels *k, const bench_case *c)
{
    enum { CHANNELS = 64, PIXELS = N / CHANNELS };
    const int what = (int)c->size[0];
    const bool relu = what == SUMS_RELU || what == GRADIENT_RELU;
    if (what == MOMENTS) k->f32_moments_rows(f[0], PIXELS, CHANNELS, f[1], f[2]);
    else if (what == AFFINE) k->f32_affine_rows(f[0], f[1], PIXELS, CHANNELS, f[2]);
    else if (what <= SUMS_RELU) k->f32_norm_sums_rows(f[0], f[1], PIXELS, CHANNELS, f[2], relu, f[3], f[4]);
    else k->f32_norm_grad_rows(f[0], f[1], f[2], PIXELS, CHANNELS, f[3], relu);
    return 4.0 * N * (what == MOMENTS ? 1 : what <= SUMS_RELU ? 2 : 3);
}
static double norm_run(const pc_kernels *k, const bench_case *c)
{
    const int what = (int)c->size[0];
    const float relu[2] = { 0.5f, 0.25f };
    if (what == MOMENTS) k->f32_moments_run(f[0], N, d[0], d[1]);
    else if (what == AFFINE) k->f32_affine_run(f[0], f[1], N, 0.5f, 0.75f, 0.75f);
    else if (what <= SUMS_RELU) k->f32_norm_sums_run(f[0], f[1], N, 0.75f, what == SUMS ? NULL : relu, d[0], d[1]);
    else k->f32_norm_grad_run(f[0], f[1], f[2], N, 0.5f, 0.75f, 0.5f, 0.25f, what == GRADIENT ? NULL : relu);
    return 4.0 * N * (what == MOMENTS ? 1 : what <= SUMS_RELU ? 2 : 3);
}
static double layer_norm(const pc_kernels *k, const bench_case *c)
{
    if (c->size[0] == AFFINE) k->f32_layer_norm(f[0], f[1], N, f[2], f[3], 0.75f, 0.5f);
    else k->f32_layer_norm_grad(f[0], f[1], f[2], N, f[3], 0.75f, 0.5f, NULL, NULL);
    return 4.0 * N * 4;
}

static double exp_row(const pc_kernels *k, const bench_case *c)
{
    k->f32_exp_row(f[0], f[1], N, f[2]);
    return 8.0 * N;
}
/* 64 columns */
static double exp_columns(const pc_kernels *k, const bench_case *c)
{
    k->f32_exp_columns(f[0], f[1], N / 64, 64, 64, f[2], f[3]);
    return 8.0 * N;
}

/* size: the fold, its type, whether columns */
static double fold(const pc_kernels *k, const bench_case *c)
{
    static const int64_t width[PC_FOLD_TYPES] = { 4, 8, 8, 1 };
    const void *const from[PC_FOLD_TYPES] = { f[0], d[0], d[0], bytes[0] }, *x = from[c->size[1]];
    const pc_folder fn = k->folder((pc_fold)c->size[0], (pc_fold_type)c->size[1]);
    if (c->size[2]) fn.col(x, 64, N / 64, 64, 0, 2, d[1], d[2]);
    else fn.row(x, N, 0, 2, d[1], d[2]);
    return (double)(N * width[c->size[1]]);
}

static double accumulate(const pc_kernels *k, const bench_case *c)
{
    k->f32_accumulate(f[0], f[1], N);
    return 12.0 * N;
}
static double total(const pc_kernels *k, const bench_case *c)
{
    d[0][0] = k->f32_total(f[1], N);
    return 4.0 * N;
}
static double transpose(const pc_kernels *k, const bench_case *c)
{
    for (int i = 0; i < N; i += 256) k->u32_transpose16((uint32_t *)f[0] + i, 16, (const uint32_t *)f[1] + i, 16);
    return 8.0 * N;
}
static double relu(const pc_kernels *k, const bench_case *c)
{
    k->f32_relu(f[0], f[1], N);
    return 8.0 * N;
}
static double relu_backward(const pc_kernels *k, const bench_case *c)
{
    k->f32_relu_backward(f[0], f[1], f[2], N);
    return 12.0 * N;
}

/* Deviation 0: the numbers stay what the next call needs. */
static double normal(const pc_kernels *k, const bench_case *c)
{
    k->f32_normal_blocks(f[0], N / 16, 0.75f, 0);
    return 8.0 * N;
}
static double uniform(const pc_kernels *k, const bench_case *c)
{
    k->f32_uniform_range(f[0], N, 0, 1);
    return 8.0 * N;
}
static double mask(const pc_kernels *k, const bench_case *c)
{
    k->f32_mask(f[1], bytes[0], 2, N, f[0]);
    return 9.0 * N;
}
static double below(const pc_kernels *k, const bench_case *c)
{
    k->u8_below((const uint32_t *)f[0], N, (uint64_t)1 << 52, bytes[0]);
    return 9.0 * N;
}

static double norm32(const pc_kernels *k, const bench_case *c)
{
    d[0][0] = k->f32_grad_norm(f[1], N, 2);
    return 4.0 * N;
}
static double norm64(const pc_kernels *k, const bench_case *c)
{
    d[0][0] = k->f64_grad_norm(d[1], N, 2);
    return 8.0 * N;
}
static double scale32(const pc_kernels *k, const bench_case *c)
{
    k->f32_grad_scale(f[0], N, 1);
    return 8.0 * N;
}
static double scale64(const pc_kernels *k, const bench_case *c)
{
    k->f64_grad_scale(d[0], N, 1);
    return 16.0 * N;
}
static double clamp32(const pc_kernels *k, const bench_case *c)
{
    k->f32_grad_clamp(f[0], N, 0.75);
    return 8.0 * N;
}
static double clamp64(const pc_kernels *k, const bench_case *c)
{
    k->f64_grad_clamp(d[0], N, 0.75);
    return 16.0 * N;
}

/* Rows of an RGB image; resampling to 3/4 of the size with four taps. */
static double sharpen(const pc_kernels *k, const bench_case *c)
{
    k->u8_sharpen(bytes[0], bytes[1], bytes[2], 3, N, 1.5f, bytes[3]);
    return 4.0 * N;
}
static double saturate(const pc_kernels *k, const bench_case *c)
{
    k->u8_saturate(bytes[0], N / 3, 1.25f, bytes[3]);
    return 2.0 * N;
}
static double hue(const pc_kernels *k, const bench_case *c)
{
    k->u8_hue(bytes[0], N / 3, 20, bytes[3]);
    return 2.0 * N;
}
static double tensor_grey(const pc_kernels *k, const bench_case *c)
{
    k->u8_tensor_grey(bytes[0], N / 3, bytes[3]);
    return 4.0 / 3 * N;
}
static double tensor_saturate(const pc_kernels *k, const bench_case *c)
{
    k->u8_tensor_saturate(bytes[0], N / 3, 1.25, bytes[3]);
    return 2.0 * N;
}
static double tensor_hue(const pc_kernels *k, const bench_case *c)
{
    k->u8_tensor_hue(bytes[0], N / 3, 0.1, bytes[3]);
    return 2.0 * N;
}
static const int32_t quarter[4] = { 1 << 20, 1 << 20, 1 << 20, 1 << 20 };
static double resample_column(const pc_kernels *k, const bench_case *c)
{
    k->u8_resample_column(bytes[0], N / 4, quarter, 4, N / 4, bytes[3]);
    return 1.25 * N;
}
static double resample_rows(const pc_kernels *k, const bench_case *c)
{
    enum { IN = 128, OUT = 96, ROWS = 32 };
    int32_t first[OUT], weight[OUT * 4];
    for (int i = 0; i < OUT; i++) {
        first[i] = i * (IN - 4) / OUT;
        memcpy(weight + 4 * i, quarter, sizeof quarter);
    }
    k->u8_resample_rows(bytes[0], 3 * IN, ROWS, IN, 3, first, weight, 4, OUT, bytes[3]);
    return 3.0 * ROWS * (IN + OUT);
}

/* ---- the cases ----------------------------------------------------------------------------------- */

#define CASE(name, what, arithmetic, run, ...)                                                     \
    { #name, what, offsetof(pc_kernels, name), arithmetic, run, { __VA_ARGS__ } },
#define FLOP(name, what, run, ...) CASE(name, what, true, run, __VA_ARGS__)
#define BYTES(name, what, run, ...) CASE(name, what, false, run, __VA_ARGS__)
#define ROW1(name) BYTES(f32_##name, "", row, 4, 4)
#define ROW2(name) BYTES(f32_##name, "", row, 4, 4, 4)
#define ROW3(name) BYTES(f32_##name, "", row, 4, 4, 4, 4)
#define COMPARE(name) BYTES(f32_##name, "", row, 1, 4, 4)
#define STEP(name, states, passes)                                                                 \
    BYTES(f32_##name, "", step, 4, states, passes) BYTES(f64_##name, "", step, 8, states, passes)

static const bench_case cases[] = {
    FLOP(f32_tile, "3x3, 3 channels, 16 pixels", tile, 3, 16)
    FLOP(f32_tile, "3x3, 64 channels, 4 pixels", tile, 64, 4)
    FLOP(f32_tile, "3x3, 64 channels, 16 pixels", tile, 64, 16)
    FLOP(f32_tile, "3x3, 64 channels, 28 pixels", tile, 64, 28)
    FLOP(f32_tile, "3x3, 64 channels, 16 pixels, 10 wide", tile, 64, 16, 10)
    FLOP(f32_tile, "3x3, 64 channels, 24 pixels, 8 wide", tile, 64, 24, 8)
    FLOP(f32_tile, "3x3, 512 channels, 28 pixels", tile, 512, 28)
    BYTES(f32_tile_width, "", NULL) BYTES(f32_tile_rows, "", NULL) /* numbers, no loops */
    FLOP(f32_depthwise, "3x3, 96 channels, 28 pixels", depthwise, 96, 28, 3)
    FLOP(f32_depthwise, "5x5, 96 channels, 28 pixels", depthwise, 96, 28, 5)
    FLOP(f32_depthwise_cells, "96 channels, 28 pixels", depthwise_cells, 96, 28)
    FLOP(f32_depthwise_weight, "3x3, 96 channels, 28 pixels", depthwise_weight, 96, 28, 3)
    FLOP(f32_depthwise_weight, "5x5, 96 channels, 28 pixels", depthwise_weight, 96, 28, 5)
    BYTES(f32_copy_panel, "256 pixels", copy_panel, 0, 256)
    BYTES(f32_copy_panel, "6 channels, 256 pixels", copy_panel, 6, 256)
    BYTES(f32_planes_to_pixels, "3 channels, 1024 pixels", to_pixels, 3, 1024)
    BYTES(f32_planes_to_pixels, "64 channels, 256 pixels", to_pixels, 64, 256)
    BYTES(f32_pixels_to_planes, "64 channels, 256 pixels", to_planes, 64, 256)

    BYTES(f32_winograd_input, "F(4x4), 64 channels", winograd_input, PC_WINOGRAD_4, 64)
    BYTES(f32_winograd_input, "F(2x2), 64 channels", winograd_input, PC_WINOGRAD_2, 64)
    BYTES(f32_winograd_input, "stride 2, 64 channels", winograd_input, PC_WINOGRAD_STRIDED, 64)
    BYTES(f32_winograd_input, "stride 2, back, 64 channels", winograd_input, PC_WINOGRAD_SPREAD, 64)
    BYTES(f32_winograd_output, "F(4x4), 64 channels", winograd_output, PC_WINOGRAD_4, 64)
    BYTES(f32_winograd_output, "F(2x2), 64 channels", winograd_output, PC_WINOGRAD_2, 64)
    BYTES(f32_winograd_output, "stride 2, 64 channels", winograd_output, PC_WINOGRAD_STRIDED, 64)
    BYTES(f32_winograd_output, "stride 2, back, 64 channels", winograd_output, PC_WINOGRAD_SPREAD, 64)
    BYTES(f32_winograd_gradient, "F(4x4), 64 channels", winograd_gradient, PC_WINOGRAD_4, 64)
    BYTES(f32_winograd_gradient, "F(2x2), 64 channels", winograd_gradient, PC_WINOGRAD_2, 64)
    BYTES(f32_winograd_gradient, "stride 2, 64 channels", winograd_gradient, PC_WINOGRAD_STRIDED, 64)
    BYTES(f32_winograd_weight, "F(4x4), 64 channels", winograd_weight, PC_WINOGRAD_4, 64)
    BYTES(f32_winograd_weight, "stride 2, 64 channels", winograd_weight, PC_WINOGRAD_STRIDED, 64)
    BYTES(f32_winograd_filter, "F(4x4), 64 channels", winograd_filter, PC_WINOGRAD_4, 64)
    BYTES(f32_winograd_filter, "stride 2, 64 channels", winograd_filter, PC_WINOGRAD_STRIDED, 64)
    BYTES(f32_deal4, "256 pixels", deal4)
    BYTES(f32_strip_input, "3 channels", strip_input, 3)
    FLOP(f32_strip_output, "3 channels, 32 filters", strip_output, 3)
    FLOP(f32_strip_gradient, "3 channels, 32 filters", strip_gradient, 3)

    FLOP(f32_dots, "6 x 64, sums of 512", dots, 6, 64, 512)
    FLOP(f32_dots, "1 x 64, sums of 512", dots, 1, 64, 512)
    FLOP(f32_row_product, "512 x 128", row_product, 512, 128)

    BYTES(f32_max_pool, "2x2, 64 channels", max_pool, 64)
    BYTES(f32_max_pool_backward, "2x2, 64 channels", max_pool_backward, 64)
    BYTES(f32_avg_pool, "2x2, 64 channels", avg_pool, 64)
    BYTES(f32_avg_pool_shares, "2x2, 64 channels", avg_pool_shares, 64)
    BYTES(f32_avg_pool_backward, "2x2, 64 channels", avg_pool_backward, 64)

    BYTES(f32_moments_rows, "64 channels", norm_rows, MOMENTS) BYTES(f32_moments_run, "", norm_run, MOMENTS)
    BYTES(f32_affine_rows, "64 channels", norm_rows, AFFINE) BYTES(f32_affine_run, "", norm_run, AFFINE)
    BYTES(f32_norm_sums_rows, "64 channels", norm_rows, SUMS) BYTES(f32_norm_sums_run, "", norm_run, SUMS)
    BYTES(f32_norm_sums_rows, "64 channels, ReLU", norm_rows, SUMS_RELU)
    BYTES(f32_norm_sums_run, "ReLU", norm_run, SUMS_RELU)
    BYTES(f32_norm_grad_rows, "64 channels", norm_rows, GRADIENT) BYTES(f32_norm_grad_run, "", norm_run, GRADIENT)
    BYTES(f32_norm_grad_rows, "64 channels, ReLU", norm_rows, GRADIENT_RELU)
    BYTES(f32_norm_grad_run, "ReLU", norm_run, GRADIENT_RELU)
    BYTES(f32_layer_norm, "", layer_norm, AFFINE) BYTES(f32_layer_norm_grad, "", layer_norm, GRADIENT)

    BYTES(f32_exp_row, "softmax", exp_row) BYTES(f32_exp_columns, "softmax, 64 columns", exp_columns)

    BYTES(folder, "sum", fold, PC_FOLD_SUM, PC_FOLD_F32)
    BYTES(folder, "sum, columns", fold, PC_FOLD_SUM, PC_FOLD_F32, 1)
    BYTES(folder, "max", fold, PC_FOLD_MAX, PC_FOLD_F32) BYTES(folder, "argmax", fold, PC_FOLD_ARGMAX, PC_FOLD_F32)
    BYTES(folder, "squares", fold, PC_FOLD_SQUARE, PC_FOLD_F32) BYTES(folder, "var", fold, PC_FOLD_VAR, PC_FOLD_F32)
    BYTES(folder, "var, columns", fold, PC_FOLD_VAR, PC_FOLD_F32, 1)
    BYTES(folder, "logsumexp", fold, PC_FOLD_LOGSUMEXP, PC_FOLD_F32)
    BYTES(folder, "sum, float64", fold, PC_FOLD_SUM, PC_FOLD_F64)
    BYTES(folder, "sum, int64", fold, PC_FOLD_SUM, PC_FOLD_I64)
    BYTES(folder, "sum, bytes", fold, PC_FOLD_SUM, PC_FOLD_U8)

    BYTES(f32_accumulate, "", accumulate) BYTES(f32_total, "", total) BYTES(u32_transpose16, "", transpose)
    BYTES(f32_relu, "", relu) BYTES(f32_relu_backward, "", relu_backward)
    BYTES(f16_from_f32, "", row, 2, 4) BYTES(f32_from_f16, "", row, 4, 2)
    ROW2(add) ROW2(add_scaled) ROW2(sub) ROW2(mul) ROW2(div) ROW2(number_div) ROW2(maximum) ROW2(minimum)
    ROW3(lerp) ROW3(addcmul) ROW3(addcdiv) ROW3(clamp) BYTES(f32_where, "", row, 4, 1, 4, 4)
    BYTES(f32_masked_fill, "", row, 4, 4, 1, 4) BYTES(f32_masked_keep, "", row, 4, 1, 4)
    BYTES(f32_masked_drop, "", row, 4, 1, 4)
    ROW1(clamp_range) ROW1(scale) ROW1(cube) ROW1(neg) ROW1(abs) ROW1(sqrt) ROW1(rsqrt) ROW1(square) ROW1(reciprocal)
    ROW1(floor) ROW1(ceil) ROW1(round) ROW1(trunc) ROW1(exp) ROW1(log) ROW1(log1p) ROW1(expm1) ROW1(tanh) ROW1(sigmoid)
    ROW1(erf) ROW1(sin) ROW1(cos) ROW1(elu) ROW1(gelu) ROW1(gelu_tanh) ROW1(silu) ROW1(mish) ROW1(softplus)
    ROW1(logsigmoid) ROW1(leaky_relu) ROW1(hardswish) ROW1(hardsigmoid) ROW1(threshold)
    ROW2(sin_backward) ROW2(cos_backward) ROW2(tanh_backward) ROW2(sigmoid_backward) ROW2(elu_backward)
    ROW2(gelu_backward) ROW2(gelu_tanh_backward) ROW2(silu_backward) ROW2(mish_backward) ROW2(softplus_backward)
    ROW2(logsigmoid_backward) ROW2(leaky_relu_backward) ROW2(hardswish_backward) ROW2(hardsigmoid_backward)
    ROW2(hardtanh_backward) ROW2(threshold_backward)
    COMPARE(eq) COMPARE(ne) COMPARE(lt) COMPARE(le) COMPARE(gt) COMPARE(ge)

    BYTES(f32_normal_blocks, "", normal) BYTES(f32_uniform_range, "", uniform) BYTES(f32_mask, "", mask)
    BYTES(u8_below, "", below)
    STEP(sgd, 1, 5) STEP(adam, 2, 7) STEP(rmsprop, 1, 5) STEP(adagrad, 1, 5) STEP(adadelta, 2, 7) STEP(adamax, 2, 7)
    STEP(nadam, 2, 7) STEP(radam, 2, 7)
    BYTES(f32_grad_norm, "", norm32) BYTES(f64_grad_norm, "", norm64) BYTES(f32_grad_scale, "", scale32)
    BYTES(f64_grad_scale, "", scale64) BYTES(f32_grad_clamp, "", clamp32) BYTES(f64_grad_clamp, "", clamp64)

    BYTES(u8_sharpen, "RGB", sharpen) BYTES(u8_saturate, "RGB", saturate) BYTES(u8_hue, "RGB", hue)
    BYTES(u8_tensor_grey, "RGB", tensor_grey) BYTES(u8_tensor_saturate, "RGB", tensor_saturate)
    BYTES(u8_tensor_hue, "RGB", tensor_hue)
    BYTES(u8_resample_column, "4 taps", resample_column) BYTES(u8_resample_rows, "RGB, 4 taps", resample_rows)
};
#define CASES ((int)(sizeof cases / sizeof cases[0]))

static const char *const kernels[] = {
#define KERNEL(ret, name, params) #name,
#include "../kernels/kernels.def"
#undef KERNEL
};

/* ---- measuring ----------------------------------------------------------------------------------- */

static bool allocate(void)
{
    float *floats = aligned_alloc(64, 6 * (BUFFER + SKEW) * sizeof *floats);
    double *doubles = aligned_alloc(64, 4 * (N + SKEW) * sizeof *doubles);
    uint8_t *small = aligned_alloc(64, 4 * (N + SKEW * sizeof(float)));
    zeros = calloc(4096, sizeof(float));
    if (floats == NULL || doubles == NULL || small == NULL || zeros == NULL) return false;
    for (int k = 0; k < 6; k++) f[k] = floats + k * (BUFFER + SKEW);
    for (int k = 0; k < 4; k++) {
        d[k] = doubles + k * (N + SKEW);
        bytes[k] = small + k * (N + SKEW * (int)sizeof(float));
    }
    return true;
}

static void fill(void)
{
    uint32_t state = 1;
    for (int k = 0; k < 6; k++)
        for (int i = 0; i < BUFFER; i++) {
            state = state * 1664525 + 1013904223;
            f[k][i] = 0.5f + (float)(state >> 8) * 0x1p-25f;
            if (k < 4 && i < N) d[k][i] = f[k][i], bytes[k][i] = (uint8_t)(state >> 24);
        }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Billions a second of what run returns, best of the rounds. */
static double speed(const pc_kernels *k, const bench_case *c)
{
    fill();
    double best = 0, amount = c->run(k, c), start = now();
    c->run(k, c);
    const int calls = (int)(ROUND_SECONDS / (now() - start + 1e-7)) + 1;
    for (int round = 0; round < ROUNDS; round++) {
        start = now();
        for (int i = 0; i < calls; i++) c->run(k, c);
        double reached = 1e-9 * amount * calls / (now() - start);
        if (reached > best) best = reached;
    }
    return best;
}

/* Twelve chains of multiply-adds: enough to hide their latency. */
#define CHAINS 12
#define TURNS 10000
#define MULTIPLY_ADD(isa, target_isa, vec, lanes, set1, EXPR, store)                               \
    __attribute__((target(target_isa))) static double multiply_add_##isa(const pc_kernels *k, const bench_case *c) \
    {                                                                                              \
        vec acc[CHAINS], y = set1(0.999f), x = set1(1e-3f);                                        \
        for (int i = 0; i < CHAINS; i++) acc[i] = set1((float)i);                                  \
        for (int turn = 0; turn < TURNS; turn++) {                                                 \
            _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) acc[i] = EXPR;               \
        }                                                                                          \
        for (int i = 0; i < CHAINS; i++) store(f[5] + i * lanes, acc[i]);                          \
        return 2.0 * TURNS * CHAINS * lanes;                                                       \
    }
MULTIPLY_ADD(base, "sse2", __m128, 4, _mm_set1_ps, _mm_add_ps(_mm_mul_ps(acc[i], y), x), _mm_storeu_ps)
MULTIPLY_ADD(v3, "avx2,fma", __m256, 8, _mm256_set1_ps, _mm256_fmadd_ps(acc[i], y, x), _mm256_storeu_ps)
MULTIPLY_ADD(v4, "avx512f", __m512, 16, _mm512_set1_ps, _mm512_fmadd_ps(acc[i], y, x), _mm512_storeu_ps)

static double copy(const pc_kernels *k, const bench_case *c)
{
    memcpy(f[0], f[1], N * sizeof(float));
    __asm__ volatile("" : : "r"(f[0]) : "memory");
    return 8.0 * N;
}

static const struct {
    const pc_kernels *table;
    bench_case peak;
} sets[PC_ISA_COUNT] = {
    { &pc_kernels_base, { .run = multiply_add_base } },
    { &pc_kernels_v3, { .run = multiply_add_v3 } },
    { &pc_kernels_v4, { .run = multiply_add_v4 } },
};

/* Every kernel has a case. */
static bool complete(void)
{
    bool all = true;
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
        int k = 0;
        while (k < CASES && strcmp(cases[k].name, kernels[i]) != 0) k++;
        if (k == CASES) fprintf(stderr, "%s has no case in bench_kernels.c\n", kernels[i]), all = false;
    }
    return all;
}

int main(int argc, char **argv)
{
    if (!complete() || !allocate()) return 1;
    const bench_case copying = { .run = copy };
    const double memory = speed(NULL, &copying);
    printf("memcpy in the cache: %.1f GB/s\n", memory);
    for (int isa = 0; isa < PC_ISA_COUNT; isa++) {
        if (!pc_cpu_supports((pc_isa)isa)) continue;
        const pc_kernels *k = sets[isa].table;
        const double peak = speed(k, &sets[isa].peak);
        printf("%s: %.1f GFLOP/s of multiply-adds\n", k->isa, peak);
        for (int i = 0; i < CASES; i++) {
            const bench_case *c = &cases[i];
            if (c->run == NULL || (argc > 1 && strstr(c->name, argv[1]) == NULL)) continue;
            const double reached = speed(k, c);
            printf("%-5s %-25s %-38s %7.1f %s %4.0f %%\n", k->isa, c->name, c->what, reached,
                   c->arithmetic ? "GFLOP/s" : "GB/s   ", 100 * reached / (c->arithmetic ? peak : memory));
        }
    }
    return 0;
}
