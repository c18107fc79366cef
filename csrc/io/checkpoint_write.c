/* checkpoint_write.c -- the records of torch.save, in its order; and the row of pickles that came before them. */
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

static void expect(pc_sink *sink, int64_t pickle, const pc_blob *storages, int64_t count)
{
    int64_t n = pickle;
    for (int64_t k = 0; k < count; k++) n += storages[k].bytes;
    if (sink->expect != NULL) sink->expect(sink, n);
}

pc_status pc_checkpoint_write(pc_sink *sink, const char *archive, const uint8_t *pickle, int64_t n,
                              const pc_blob *storages, int64_t count)
{
    pc_status status = PC_OK;
    pc_zip_writer *w = NULL;
    char text[48];
    uint64_t names, contents;
    expect(sink, n, storages, count);
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

static void end_pickle(pc_pickler *k)
{
    pc_pickle_op(k, '.');
}

static void begin_pickle(pc_pickler *k)
{
    pc_pickle_op(k, '\x80');
    pc_pickle_op(k, 2);
    k->memo = 0;
    k->names = 0;
}

static void put_text(pc_pickler *k, const char *text)
{
    pc_pickle_str(k, text, (int64_t)strlen(text));
    pc_pickle_put(k);
}

/* Magic number, protocol, facts of the writer. */
static void pickle_head(pc_pickler *k)
{
    static const uint8_t magic[10] = { 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19 };
    static const struct { const char *name; int size; } types[] = { { "short", 2 }, { "int", 4 }, { "long", 4 } };
    pc_pickle_start(k);
    pc_pickle_long(k, magic, sizeof magic);
    end_pickle(k);
    begin_pickle(k);
    pc_pickle_int(k, PC_LEGACY_PROTOCOL);
    end_pickle(k);
    begin_pickle(k);
    pc_pickle_op(k, '}');
    pc_pickle_put(k);
    pc_pickle_op(k, '(');
    put_text(k, "protocol_version");
    pc_pickle_int(k, PC_LEGACY_PROTOCOL);
    put_text(k, "little_endian");
    pc_pickle_op(k, '\x88');
    put_text(k, "type_sizes");
    pc_pickle_op(k, '}');
    pc_pickle_put(k);
    pc_pickle_op(k, '(');
    for (int t = 0; t < 3; t++) {
        put_text(k, types[t].name);
        pc_pickle_int(k, types[t].size);
    }
    pc_pickle_op(k, 'u');
    pc_pickle_op(k, 'u');
    end_pickle(k);
}

pc_status pc_checkpoint_write_legacy(pc_sink *sink, const uint8_t *pickle, int64_t n, const pc_blob *storages,
                                     int64_t count)
{
    pc_status status = PC_OK;
    pc_pickler head, keys;
    char text[24];
    pickle_head(&head);
    pc_pickle_start(&keys);
    pc_pickle_op(&keys, ']');
    pc_pickle_put(&keys);
    if (count > 1) pc_pickle_op(&keys, '(');
    for (int64_t k = 0; k < count; k++) {
        snprintf(text, sizeof text, "%lld", (long long)k);
        put_text(&keys, text);
    }
    if (count > 0) pc_pickle_op(&keys, count > 1 ? 'e' : 'a');
    end_pickle(&keys);
    expect(sink, n, storages, count);
    PC_TRY(head.status);
    PC_TRY(keys.status);
    PC_TRY(sink->write(sink, head.p, head.n));
    PC_TRY(sink->write(sink, pickle, n));
    PC_TRY(sink->write(sink, keys.p, keys.n));
    for (int64_t k = 0; k < count; k++) {
        PC_TRY(sink->write(sink, &storages[k].elements, 8));
        if (storages[k].bytes > 0) PC_TRY(sink->write(sink, storages[k].data, storages[k].bytes));
    }
done:
    pc_pickle_free(&head);
    pc_pickle_free(&keys);
    return status;
}
