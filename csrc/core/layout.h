/* layout.h -- NHWC <-> NCHW and the pending ReLU, on raw memory. For core alone. */
#ifndef PC_LAYOUT_H
#define PC_LAYOUT_H
#include "status.h"
#include <stdint.h>

pc_status pc_layout_nhwc_to_nchw(const float *src, float *dst, int64_t n, int64_t c, int64_t h, int64_t w);
/* dst may be src. NaN stays NaN. */
pc_status pc_layout_relu(const float *src, float *dst, int64_t n);

#endif
