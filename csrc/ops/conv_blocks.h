/* conv_blocks.h -- blocks of a convolution's output and what they read, which the direct passes share. */
#ifndef PC_CONV_BLOCKS_H
#define PC_CONV_BLOCKS_H
#include "../kernels/kernels.h"
#include "conv.h"
#include <string.h>

/* Multiplications in a task: some 5 to 300 us where the processor does 60 a nanosecond. */
#define TASK_LEAST ((int64_t)1 << 18)
#define TASK_MOST ((int64_t)16 << 20)
#define TASKS 32
/* Floats of input that a task copies at most: a quarter of a level 2 cache. */
#define COPY_FLOATS (1 << 16)

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
/* total in parts of at most `limit`, and these nearly equal. */
static inline int64_t even(int64_t total, int64_t limit)
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
static inline blocks blocks_of(int64_t n, int64_t oh, int64_t ow, int64_t pixels)
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

static inline rect block_at(const blocks *b, int64_t index)
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
static inline void inside(int64_t at, int64_t size, int64_t count, int64_t dilation, int64_t *lo, int64_t *hi)
{
    *lo = at < 0 ? least((-at + dilation - 1) / dilation, count) : 0;
    *hi = at < size ? least((size - at + dilation - 1) / dilation, count) : 0;
    *hi = most(*hi, *lo);
}

static inline int64_t reach(int64_t outputs, int64_t step, int64_t count, int64_t dilation)
{
    return count == 0 ? 0 : (outputs - 1) * step + (count - 1) * dilation + 1;
}

/* The step from one copied row or pixel of x to the next: what only outputs in between would read is left out. */
static inline int64_t rows_apart(const pc_nhwc *x, const taps *t) { return t->r == 1 && x->pixels ? t->sh : 1; }
static inline int64_t pixels_apart(const pc_nhwc *x, const taps *t) { return t->s == 1 && x->pixels ? t->sw : 1; }

/* The copy of n images' rows x cols outputs' input. */
static inline source copied(const pc_nhwc *x, const taps *t, int64_t rows, int64_t cols, int64_t pitch, const float *at)
{
    const int64_t down = t->sh / rows_apart(x, t), right = t->sw / pixels_apart(x, t);
    const int64_t row = reach(cols, right, t->s, t->dw) * pitch;
    return (source){ at, reach(rows, down, t->r, t->dh) * row, row, pitch, down * row, right * pitch };
}
static inline int64_t copy_floats(const pc_nhwc *x, const blocks *b, const taps *t, int64_t pitch)
{
    return b->images * copied(x, t, b->rows, b->cols, pitch, NULL).image;
}

/* Floats from one copied pixel to the next. Neighbours that the kernel reads together must not fall into the same few
   sets of the level 1 cache, as those do that are a multiple of 2 KB apart. */
static inline int64_t spread(int64_t c, int64_t step) { return c >= 128 && c * step % 512 == 0 ? c + 16 : c; }

/* Can the block read x where it stands? */
static inline bool view(const pc_nhwc *x, const taps *t, const rect *q, int64_t pitch, source *out)
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

/* Copy what the block reads of `count` channels from `first` on. */
static inline source load(const pc_nhwc *x, const taps *t, const rect *q, int64_t first, int64_t count, int64_t pitch,
                          float *to)
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
                const float *from = x->p + ((n * c + first) * x->h + h) * x->w + w0 + lo;
                pc_k->f32_planes_to_pixels(at, pitch, from, x->h * x->w, count, hi - lo);
                continue;
            }
            const float *from = x->p + ((n * x->h + h) * x->w + w0 + lo * right) * c + first;
            const bool one = pitch == c && right == 1; /* one run */
            const int64_t runs = one ? 1 : hi - lo, run = one ? (hi - lo) * c : count;
            for (int64_t i = 0; i < runs; i++) {
                if (x->relu) pc_k->f32_relu(at + i * pitch, from + i * right * c, run);
                else memcpy(at + i * pitch, from + i * right * c, (size_t)run * sizeof *to);
            }
        }
    return out;
}

/* ---- kinds of convolutions ---------------------------------------------------------------------- */

static inline bool is_depthwise(const pc_conv *p) { return p->groups > 1 && p->groups == p->c && p->groups == p->k; }
static inline const char *nothing(const pc_conv_pass *a) { return NULL; }
static inline const char *refuse_groups(const pc_conv_pass *a)
{
    return is_depthwise(&a->p) ? NULL : "groups are not single channels";
}
static inline const char *refuse_filters(const pc_conv_pass *a)
{
    const pc_conv *p = &a->p;
    if (p->r != 1 || p->s != 1) return "the filter is larger than 1x1";
    if (is_depthwise(p)) return "groups are single channels";
    return p->ph == 0 && p->pw == 0 ? NULL : "padded";
}
static inline bool is_strided(const pc_conv *p) { return p->oh != p->h || p->ow != p->w; }
static inline const char *refuse_strided(const pc_conv_pass *a)
{
    return is_strided(&a->p) ? "strided" : refuse_filters(a);
}
static inline const char *avoid_planes(const pc_conv_pass *a)
{
    return is_strided(&a->p) && !a->x->pixels ? "strided, and channels apart" : NULL;
}

/* A 1x1 filter knows no rows: all pixels are one row, or those of an image where they stand in planes. */
static inline void flatten(pc_conv *p, pc_nhwc *x, pc_nhwc *g)
{
    bool one = (x == NULL || x->pixels) && (g == NULL || g->pixels);
    int64_t n = one ? 1 : p->n, w = one ? p->n * p->h * p->w : p->h * p->w;
    p->n = n, p->h = p->oh = 1, p->w = p->ow = w, p->sh = p->sw = 1; /* a stride of 2 on one pixel is none */
    if (x != NULL) x->n = n, x->h = 1, x->w = w;
    if (g != NULL) g->n = n, g->h = 1, g->w = w;
}

#endif
