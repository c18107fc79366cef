/* crc32.h -- the CRC-32 of zip and gzip, and CRC-32C of TFRecords. */
#ifndef PC_CRC32_H
#define PC_CRC32_H
#include <stddef.h>
#include <stdint.h>

/* Of p's n bytes after those that gave crc (0 at the start). */
uint32_t pc_crc32(uint32_t crc, const void *p, size_t n);
/* Castagnoli's, of p's n bytes. */
uint32_t pc_crc32c(const void *p, size_t n);

#endif
