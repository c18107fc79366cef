/* winograd.h -- the arguments of the transforms of Winograd's F(m x m, 3 x 3), m = 4 or 2: tiles of m x m outputs and
   (m + 2) x (m + 2) inputs. */
#ifndef PC_WINOGRAD_H
#define PC_WINOGRAD_H
#include <stdbool.h>
#include <stdint.h>

/* A tile of an image of pixels. Strides are in floats. */
typedef struct pc_winograd_tile {
    int m;
    float *p;            /* its first pixel, which may lie outside of the image */
    int64_t row, pixel;
    int r0, r1, s0,
        s1; /* the rows and columns of the tile that the image has: the others read as 0, or are not written */
    int64_t channels;
    float *t;            /* transformed: one row of channels for each of (m + 2) x (m + 2) positions, */
    int64_t step;        /* which are this far apart */
} pc_winograd_tile;

/* A panel of filters [lane][inner][3][3], of any strides (in floats), and its transform [position][inner][lane]; or
   some of its inner channels. */
typedef struct pc_winograd_filter {
    int m;
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
