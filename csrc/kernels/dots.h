/* dots.h -- the arguments of the kernel for products whose operands both run along the sum. */
#ifndef PC_DOTS_H
#define PC_DOTS_H
#include <stdbool.h>
#include <stdint.h>

/* c[i * c_row + j * c_column] (+)= sum over q < k of a[i * a_row + q] * b[j * b_row + q]      i < m, j < n */
typedef struct pc_dots {
    const float *a, *b;
    float *c;
    int64_t a_row, b_row, c_row, c_column;
    int64_t m, n, k;
    bool accumulate;
} pc_dots;

#endif
