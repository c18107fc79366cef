/* winograd.h -- the arguments of the transforms of Winograd's algorithms for 3x3 filters. */
#ifndef PC_WINOGRAD_H
#define PC_WINOGRAD_H
#include <stdbool.h>
#include <stdint.h>

/* F(2x2, 3x3) and F(4x4, 3x3). STRIDED, by 2: in each dimension the outer taps meet every second pixel, which is
   F(4, 2), and the inner tap the pixels between, which is a product for each output. SPREAD is its gradient: a pixel's
   is made by the outer taps, F(4, 2) again, or by the inner one. */
typedef enum pc_winograd_form {
    PC_WINOGRAD_2, PC_WINOGRAD_4, PC_WINOGRAD_STRIDED, PC_WINOGRAD_SPREAD
} pc_winograd_form;

/* Of one dimension: pixels that a tile reads, and from it to the next one; positions of their transform, of products
   and of a transformed filter; pixels that a tile writes.
   Positions with stride 2, of pixels: 0 to 3 the inner tap's, 4 to 8 those of F(4, 2) for the points 0, 1, -1/2, -2
   and infinity; of filters: 0 the inner tap's, 1 to 5 as those; of products: 0 to 3 the inner tap's, 4 to 6 those for
   1, -1/2 and -2. The products for 0 and infinity reach the first and the last output alone: they are added to 0 and 3.
   In the gradient they are not, and positions of products are those of pixels. */
typedef struct pc_winograd_sizes {
    int pixels, step, inputs, products, filters, outputs;
} pc_winograd_sizes;
static const pc_winograd_sizes pc_winograd_size[] = {
    [PC_WINOGRAD_2] = { 4, 2, 4, 4, 4, 2 },
    [PC_WINOGRAD_4] = { 6, 4, 6, 6, 6, 4 },
    [PC_WINOGRAD_STRIDED] = { 9, 8, 9, 7, 6, 4 },
    [PC_WINOGRAD_SPREAD] = { 5, 4, 9, 9, 6, 8 },
};

/* A tile of an image of pixels. Strides are in floats. */
typedef struct pc_winograd_tile {
    pc_winograd_form form;
    float *p;            /* its first pixel, which may lie outside of the image */
    int64_t row, pixel;
    int r0, r1, s0,
        s1; /* the rows and columns of the tile that the image has: the others read as 0, or are not written */
    int64_t channels;
    int64_t soon;        /* from its pixels to those of the next tile, which are fetched meanwhile */
    float *t;            /* transformed: one row of channels for each position, */
    int64_t step;        /* which are this far apart */
} pc_winograd_tile;

/* A panel of filters [lane][inner][3][3], of any strides (in floats), and its transform [position][inner][lane]; or
   some of its inner channels. */
typedef struct pc_winograd_filter {
    pc_winograd_form form;
    const float *w;
    int64_t lane, step, row, column; /* strides; step: of the inner channels */
    int64_t lanes;                   /* of the panel */
    int64_t count;                   /* inner channels to be done, from w and u on */
    float *u;
    int64_t stored;                  /* lanes of u: whole vectors */
    int64_t position;                /* floats from a position of u to the next */
} pc_winograd_filter;

/* A row of tiles of F(4x4) of an image of few channels, transformed: v[position][channel][tile]. Filters, or their
   gradient, stand as u[panel of PC_WINOGRAD_PANEL][position][channel][lane]. Strides are in floats. */
#define PC_WINOGRAD_PANEL 16
typedef struct pc_winograd_strip {
    const float *v;
    int64_t position, channel; /* strides of v; what stands behind the last tile is read, and counts nothing */
    int64_t channels, tiles;
    float *u;
    float *p;                  /* the first of the outputs, or of their gradient */
    int64_t row, pixel;        /* its strides */
    int64_t rows, columns;     /* that there are: at most 4, and 4 for each tile */
    int64_t lanes;             /* filters */
} pc_winograd_strip;

#endif
