/* inflate.h -- decompression of deflated zip records. */
#ifndef PC_INFLATE_H
#define PC_INFLATE_H
#include "../core/status.h"
#include <stdint.h>

/* Decompress exactly n bytes into exactly size; PC_EFORMAT if they give more or less, or are damaged. */
pc_status pc_inflate(const uint8_t *src, int64_t n, uint8_t *dst, int64_t size);

#endif
