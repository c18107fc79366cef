/* zip.h -- archives as torch.save writes them, and a strict reader of any zip whose records lie in one folder. */
#ifndef PC_ZIP_H
#define PC_ZIP_H
#include "file.h"

/* ---- writing ------------------------------------------------------------------------------------- */

typedef struct pc_zip_writer pc_zip_writer;

/* Records are named ARCHIVE/name. The sink must outlive the writer. */
pc_status pc_zip_writer_new(pc_sink *sink, const char *archive, pc_zip_writer **out);
/* Stored, 64-byte aligned. The bytes are copied piece by piece before they are summed and written: another thread may
   change them meanwhile without making the record's CRC wrong. Some are kept back until pc_zip_finish. */
pc_status pc_zip_add(pc_zip_writer *w, const char *name, const void *data, int64_t n);
/* The name hash and the CRC of all records so far: torch's serialization id is made of two such numbers. */
void pc_zip_writer_id(const pc_zip_writer *w, uint64_t *names, uint64_t *contents);
/* The directory. */
pc_status pc_zip_finish(pc_zip_writer *w);
void pc_zip_writer_free(pc_zip_writer *w);

/* ---- reading ------------------------------------------------------------------------------------- */

typedef struct pc_zip_record {
    const char *name;        /* without the folder */
    bool deflated;
    uint32_t crc;
    int64_t stored, size;    /* bytes in the file, and after decompression */
    int64_t header, data;    /* offsets */
} pc_zip_record;

typedef struct pc_zip pc_zip;

/* Checks the whole directory: every record inside the file, none overlapping, none twice, local headers in
   agreement. s must outlive *out. */
pc_status pc_zip_open(const pc_source *s, pc_zip **out);
const pc_zip_record *pc_zip_find(const pc_zip *z, const char *name); /* NULL: none; exact names only */
/* All r->size bytes, their CRC checked. */
pc_status pc_zip_read(const pc_zip *z, const pc_zip_record *r, void *dst);
void pc_zip_close(pc_zip *z);

#endif
