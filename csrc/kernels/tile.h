/* tile.h -- the arguments of the product microkernel that convolutions and their gradients share. */
#ifndef PC_TILE_H
#define PC_TILE_H
#include <stdbool.h>
#include <stdint.h>

/* c[i][k] (+)= bias[k] + sum over u < nu, v < nv, q < n of
       a[i * ai + u * au + v * av + q * aq] * b[u * bu + v * bv + q * bq + k]      i < m, k < width
   Strides are in floats. Forward: i are output pixels, (u, v, q) a filter's rows, columns and channels. Weight
   gradient: i are a filter's columns and channels, (u, v, q) images, rows and pixels. The sum over (u, v, q) is
   made of chains of some 256 terms in this order, which are added in turn. */
typedef struct pc_tile {
    const float *a;
    int64_t ai, au, av, aq;
    int64_t a4, c4;      /* strides of a and c from i to i + 4: 4 * ai and 4 * ci, but where a row has 4 pixels */
    const float *b; /* read in whole vectors: f32_tile_width() floats a step, or half of them if width is no more */
    int64_t bu, bv, bq;
    int64_t nu, nv, n;
    float *c;            /* exactly width floats of a row are written */
    int64_t ci;
    int64_t m;
    int64_t width;       /* 1 .. f32_tile_width() */
    const float *bias;   /* width floats, or NULL */
    bool accumulate;     /* c += rather than c = */
    bool fresh;          /* c is in no cache: its lines are fetched while the sums are made */
    const float *soon;   /* memory that is read soon, or NULL: it is fetched meanwhile, for each row soon_i floats */
    int64_t soon_i, soon_step; /* and for each step of a sum, over all rows of a tile, soon_step */
    /* A copy that is made meanwhile, or NULL. Of m rows of soon, soon_i apart and n floats long, to rows keep_i apart,
       n being a multiple of 16; without soon, of b's n steps, one behind the other. It takes two vectors' width,
       nu = nv = 1, n <= 256. */
    float *keep;
    int64_t keep_i;
} pc_tile;

/* Two rows of the input gradient of a depthwise 3x3 filter that takes steps of 2, in cells of 2x2 pixels: of pixels
   x = 2 j - pad + 1 and x + 1 of rows y0 and y1, from pixels j and j + 1 of rows g0 and g1 of the output's gradient,
       y0[x] = g0[j] b[1][1]                        y0[x + 1] = g0[j] b[1][2] + g0[j + 1] b[1][0]
       y1[x] = g0[j] b[2][1] + g1[j] b[0][1]        y1[x + 1] = g0[j] b[2][2] + g0[j + 1] b[2][0]
                                                              + g1[j] b[0][2] + g1[j + 1] b[0][0]
   beside the bias, for `width` channels each. */
typedef struct pc_depthwise_cells {
    const float *g0, *g1; /* NULL: outside of the image, zeros */
    float *y0, *y1;       /* NULL: outside of the image, not written */
    int64_t w, ow, pad;   /* pixels of y0 and of g0 */
    const float *b, *bias; /* bias: NULL if there is none */
    int64_t width;
} pc_depthwise_cells;

/* The weight gradient of a depthwise convolution:
       c[r][s][k] += sum over first <= u < last, v < ow of
                         x[u * sh - ph + r * dh][v * sw - pw + s * dw][k] * g[u][v][k]      k < width
   in this order; what lies outside the image x, of h rows and w pixels, counts nothing. Strides are in floats. What is
   ahead_x and ahead_g behind what is read is fetched meanwhile. */
typedef struct pc_depthwise_sums {
    const float *x, *g;
    int64_t x_row, x_pixel, g_row, g_pixel;
    int64_t ahead_x, ahead_g;
    int64_t h, w;
    int64_t first, last, ow;
    int64_t r, s, sh, sw, dh, dw, ph, pw;
    float *c;
    int64_t width;
} pc_depthwise_sums;

#endif
