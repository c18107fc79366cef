/* zip_write.c -- zip archives byte for byte as torch's writer (miniz) lays them out. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "crc32.h"
#include "zip.h"
#include <stdio.h>
#include <string.h>

#define M32 0xFFFFFFFFu
#define ALIGNMENT 64
/* What is written at a time: whole pages, at offsets that are multiples of it. Of 256 KiB to 4 MiB all are equally
   fast; it should stay in the second-level cache. */
#define PIECE ((int64_t)512 << 10)

typedef struct entry {
    char *name;
    uint16_t flags;
    uint32_t crc;
    int64_t size, header;
} entry;

struct pc_zip_writer {
    pc_sink *sink;
    char *archive;
    int64_t at; /* bytes so far */
    entry *entries;
    int64_t n, room;
    uint8_t *piece;
    int64_t filled; /* bytes of it that are not written yet */
};

/* A record of fixed-size numbers in the making. */
typedef struct packed {
    uint8_t p[128];
    int n;
} packed;

static void put(packed *b, uint64_t v, int bytes)
{
    for (int k = 0; k < bytes; k++) b->p[b->n++] = k < 8 ? (uint8_t)(v >> 8 * k) : 0;
}

static pc_status flush(pc_zip_writer *w)
{
    pc_status status = w->filled > 0 ? w->sink->write(w->sink, w->piece, w->filled) : PC_OK;
    w->filled = 0;
    return status;
}

/* crc: of the bytes as they were written, added to what it is; NULL: not wanted. */
static pc_status emit(pc_zip_writer *w, const void *p, int64_t n, uint32_t *crc)
{
    pc_status status = PC_OK;
    for (int64_t done = 0, step; done < n; done += step) {
        uint8_t *dst = w->piece + w->filled;
        step = n - done < PIECE - w->filled ? n - done : PIECE - w->filled;
        memcpy(dst, (const char *)p + done, (size_t)step);
        if (crc != NULL) *crc = pc_crc32(*crc, dst, (size_t)step);
        w->filled += step;
        w->at += step;
        if (w->filled < PIECE) continue;
        PC_TRY(flush(w));
        PC_TRY(pc_poll());
    }
done:
    return status;
}

pc_status pc_zip_writer_new(pc_sink *sink, const char *archive, pc_zip_writer **out)
{
    pc_status status = PC_OK;
    size_t n = strlen(archive) + 1;
    pc_zip_writer *w = pc_calloc(1, sizeof *w);
    PC_CHECK(w != NULL, PC_ENOMEM, "out of memory for an archive");
    w->sink = sink;
    w->archive = pc_alloc(n);
    w->piece = pc_alloc((size_t)PIECE);
    PC_CHECK(w->archive != NULL && w->piece != NULL, PC_ENOMEM, "out of memory for an archive");
    memcpy(w->archive, archive, n);
    *out = w;
    w = NULL;
done:
    pc_zip_writer_free(w);
    return status;
}

void pc_zip_writer_free(pc_zip_writer *w)
{
    if (w == NULL) return;
    for (int64_t k = 0; k < w->n; k++) pc_free(w->entries[k].name);
    pc_free(w->entries);
    pc_free(w->archive);
    pc_free(w->piece);
    pc_free(w);
}

static pc_status new_entry(pc_zip_writer *w, const char *name, int64_t size, entry **out)
{
    if (w->n == w->room) {
        int64_t room = w->room > 0 ? 2 * w->room : 64;
        entry *larger = pc_alloc((size_t)room * sizeof *larger);
        if (larger == NULL) return pc_fail(PC_ENOMEM, "out of memory for an archive's directory");
        if (w->n > 0) memcpy(larger, w->entries, (size_t)w->n * sizeof *larger);
        pc_free(w->entries);
        w->entries = larger;
        w->room = room;
    }
    size_t n = strlen(w->archive) + 1 + strlen(name) + 1;
    entry *e = &w->entries[w->n];
    *e = (entry){ .name = pc_alloc(n), .flags = size > 0 ? 0x0808 : 0x0800, .size = size, .header = w->at };
    if (e->name == NULL) return pc_fail(PC_ENOMEM, "out of memory for an archive's directory");
    snprintf(e->name, n, "%s/%s", w->archive, name);
    w->n++;
    *out = e;
    return PC_OK;
}

/* Sizes and CRC stand in the descriptor behind the payload; a zip64 field is there only where 32 bits are too few. */
static pc_status emit_local_header(pc_zip_writer *w, const entry *e, bool *zip64)
{
    static const char filler[ALIGNMENT + 1] = "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ";
    pc_status status = PC_OK;
    int64_t name = (int64_t)strlen(e->name);
    bool big_size = e->size >= M32, big_offset = e->header >= M32;
    packed head = { .n = 0 }, extra = { .n = 0 };
    *zip64 = big_size || big_offset;
    if (*zip64) {
        put(&extra, 1, 2);
        put(&extra, (big_size ? 16 : 0) + (big_offset ? 8 : 0), 2);
        if (big_size) put(&extra, (uint64_t)e->size, 8), put(&extra, 0, 8);
        if (big_offset) put(&extra, (uint64_t)e->header, 8);
    }
    int64_t start = e->header + 30 + name + extra.n + 4;
    int pad = (int)((ALIGNMENT - start % ALIGNMENT) % ALIGNMENT);
    put(&extra, 0x4246, 2); /* "FB" */
    put(&extra, (uint64_t)pad, 2);
    put(&head, 0x04034b50, 4);
    put(&head, 0, 2);
    put(&head, e->flags, 2);
    put(&head, 0, 2 + 2 + 2 + 4 + 4 + 4);
    put(&head, (uint64_t)name, 2);
    put(&head, (uint64_t)(extra.n + pad), 2);
    PC_TRY(emit(w, head.p, head.n, NULL));
    PC_TRY(emit(w, e->name, name, NULL));
    PC_TRY(emit(w, extra.p, extra.n, NULL));
    PC_TRY(emit(w, filler, pad, NULL));
done:
    return status;
}

pc_status pc_zip_add(pc_zip_writer *w, const char *name, const void *data, int64_t n)
{
    pc_status status = PC_OK;
    entry *e = NULL;
    bool zip64 = false;
    PC_TRY(new_entry(w, name, n, &e));
    PC_TRY(emit_local_header(w, e, &zip64));
    PC_TRY(emit(w, data, n, &e->crc));
    if (n > 0) {
        packed b = { .n = 0 };
        put(&b, 0x08074b50, 4);
        put(&b, e->crc, 4);
        put(&b, (uint64_t)n, zip64 ? 8 : 4);
        put(&b, (uint64_t)n, zip64 ? 8 : 4);
        PC_TRY(emit(w, b.p, b.n, NULL));
    }
done:
    return status;
}

void pc_zip_writer_id(const pc_zip_writer *w, uint64_t *names, uint64_t *contents)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    uint32_t crc = 0;
    for (int64_t k = 0; k < w->n; k++) {
        for (const char *p = w->entries[k].name + strlen(w->archive); *p != 0; p++)
            hash = (hash ^ (uint8_t)*p) * 0x100000001b3u;
        crc = pc_crc32(crc, &w->entries[k].crc, sizeof crc);
    }
    *names = hash;
    *contents = crc;
}

static pc_status emit_directory_entry(pc_zip_writer *w, const entry *e)
{
    pc_status status = PC_OK;
    int64_t name = (int64_t)strlen(e->name);
    bool big_size = e->size >= M32, big_offset = e->header >= M32;
    packed head = { .n = 0 }, extra = { .n = 0 };
    if (big_size || big_offset) {
        put(&extra, 1, 2);
        put(&extra, (big_size ? 16 : 0) + (big_offset ? 8 : 0), 2);
        if (big_size) put(&extra, (uint64_t)e->size, 8), put(&extra, (uint64_t)e->size, 8);
        if (big_offset) put(&extra, (uint64_t)e->header, 8);
    }
    put(&head, 0x02014b50, 4);
    put(&head, 0, 2 + 2);
    put(&head, e->flags, 2);
    put(&head, 0, 2 + 2 + 2);
    put(&head, e->crc, 4);
    put(&head, big_size ? M32 : (uint64_t)e->size, 4);
    put(&head, big_size ? M32 : (uint64_t)e->size, 4);
    put(&head, (uint64_t)name, 2);
    put(&head, (uint64_t)extra.n, 2);
    put(&head, 0, 2 + 2 + 2 + 4);
    put(&head, big_offset ? M32 : (uint64_t)e->header, 4);
    PC_TRY(emit(w, head.p, head.n, NULL));
    PC_TRY(emit(w, e->name, name, NULL));
    PC_TRY(emit(w, extra.p, extra.n, NULL));
done:
    return status;
}

pc_status pc_zip_finish(pc_zip_writer *w)
{
    pc_status status = PC_OK;
    int64_t directory = w->at;
    for (int64_t k = 0; k < w->n; k++) PC_TRY(emit_directory_entry(w, &w->entries[k]));
    int64_t end = w->at, size = end - directory;
    packed b = { .n = 0 };
    put(&b, 0x06064b50, 4); /* zip64 end: always there */
    put(&b, 44, 8);
    put(&b, 0x031e, 2);
    put(&b, 0x2d, 2);
    put(&b, 0, 4);
    put(&b, 0, 4);
    put(&b, (uint64_t)w->n, 8);
    put(&b, (uint64_t)w->n, 8);
    put(&b, (uint64_t)size, 8);
    put(&b, (uint64_t)directory, 8);
    put(&b, 0x07064b50, 4);
    put(&b, 0, 4);
    put(&b, (uint64_t)end, 8);
    put(&b, 1, 4);
    PC_TRY(emit(w, b.p, b.n, NULL));
    b.n = 0;
    uint64_t n = w->n < 0xFFFF ? (uint64_t)w->n : 0xFFFF;
    put(&b, 0x06054b50, 4);
    put(&b, 0, 4);
    put(&b, n, 2);
    put(&b, n, 2);
    put(&b, size < M32 ? (uint64_t)size : M32, 4);
    put(&b, directory < M32 ? (uint64_t)directory : M32, 4);
    put(&b, 0, 2);
    PC_TRY(emit(w, b.p, b.n, NULL));
    PC_TRY(flush(w));
done:
    return status;
}
