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
    const float *soon;   /* memory that is read soon, or NULL: it is fetched meanwhile, for each row soon_i floats */
    int64_t soon_i, soon_step; /* and for each step of a sum, over all rows of a tile, soon_step */
} pc_tile;

#endif
