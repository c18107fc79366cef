/* checkpoint_write.c -- the records of torch.save, in its order. */
#include "../core/alloc.h"
#include "checkpoint.h"
#include "zip.h"
#include <stdio.h>
#include <string.h>

char *pc_archive_name(const char *path, char *buf, size_t size)
{
    const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path, *dot = strrchr(base, '.');
    size_t n = dot != NULL ? (size_t)(dot - base) : strlen(base);
    bool ascii = true;
    for (const char *p = path; *p != 0; p++) ascii = ascii && (*p & 0x80) == 0;
    if (!ascii || n == 0) base = "archive", n = 7; /* torch hands such files to Python, which has no name for them */
    if (n >= size) n = size - 1;
    memcpy(buf, base, n);
    buf[n] = 0;
    return buf;
}

pc_status pc_checkpoint_write(pc_sink *sink, const char *archive, const uint8_t *pickle, int64_t n,
                              const pc_blob *storages, int64_t count)
{
    pc_status status = PC_OK;
    pc_zip_writer *w = NULL;
    char text[48];
    uint64_t names, contents;
    PC_TRY(pc_zip_writer_new(sink, archive, &w));
    PC_TRY(pc_zip_add(w, "data.pkl", pickle, n));
    PC_TRY(pc_zip_add(w, ".format_version", "1", 1));
    PC_TRY(pc_zip_add(w, ".storage_alignment", "64", 2));
    PC_TRY(pc_zip_add(w, "byteorder", "little", 6));
    for (int64_t k = 0; k < count; k++) {
        snprintf(text, sizeof text, "data/%lld", (long long)k);
        PC_TRY(pc_zip_add(w, text, storages[k].data, storages[k].bytes));
    }
    PC_TRY(pc_zip_add(w, "version", "3\n", 2));
    pc_zip_writer_id(w, &names, &contents);
    int length = snprintf(text, sizeof text, "%020llu%020llu", (unsigned long long)names, (unsigned long long)contents);
    PC_TRY(pc_zip_add(w, ".data/serialization_id", text, length));
    PC_TRY(pc_zip_finish(w));
done:
    pc_zip_writer_free(w);
    return status;
}
