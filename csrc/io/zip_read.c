/* zip_read.c -- zip archives read with suspicion: the directory rules, and every number in it is checked first. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "crc32.h"
#include "inflate.h"
#include "zip.h"
#include <stdlib.h>
#include <string.h>

#define M32 0xFFFFFFFFu
#define MAX_RECORDS (1 << 20)
#define MAX_DIRECTORY ((int64_t)256 << 20)
/* What deflate can give at most for one byte. */
#define MAX_RATIO 1032
/* Read and summed while it is in the second-level cache. */
#define PIECE ((int64_t)512 << 10)

struct pc_zip {
    const pc_source *source;
    char *names;
    pc_zip_record *records; /* by name */
    int64_t n;
};

static uint16_t u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static uint32_t u32(const uint8_t *p) { return u16(p) | (uint32_t)u16(p + 2) << 16; }
static uint64_t u64(const uint8_t *p) { return u32(p) | (uint64_t)u32(p + 4) << 32; }

typedef struct directory {
    int64_t offset, size, records;
} directory;

/* A 64-bit number that must be an offset or size within n. */
static bool within(uint64_t v, int64_t n) { return v <= (uint64_t)n; }

static pc_status find_directory(const pc_source *s, directory *out)
{
    pc_status status = PC_OK;
    int64_t tail = s->size < 22 + 65535 ? s->size : 22 + 65535, at = tail - 22;
    uint8_t *p = pc_alloc((size_t)tail), end64[56];
    PC_CHECK(p != NULL, PC_ENOMEM, "out of memory for an archive's directory");
    PC_TRY(pc_source_read(s, s->size - tail, p, tail));
    while (at >= 0 && u32(p + at) != 0x06054b50) at--;
    PC_CHECK(at >= 0, PC_EFORMAT, "truncated: the end of the zip archive is missing");
    const uint8_t *e = p + at;
    PC_CHECK(u16(e + 4) == 0 && u16(e + 6) == 0 && u16(e + 8) == u16(e + 10), PC_EFORMAT,
             "zip archives in several parts are not supported");
    uint64_t records = u16(e + 10), size = u32(e + 12), offset = u32(e + 16);
    int64_t limit = s->size - tail + at;
    if (at >= 20 && u32(e - 20) == 0x07064b50) {
        uint64_t where = u64(e - 12);
        PC_CHECK(within(where, limit) && limit - (int64_t)where >= 56, PC_EFORMAT, "damaged zip64 end of archive");
        limit = (int64_t)where;
        PC_TRY(pc_source_read(s, limit, end64, sizeof end64));
        PC_CHECK(u32(end64) == 0x06064b50, PC_EFORMAT, "damaged zip64 end of archive");
        records = u64(end64 + 32);
        size = u64(end64 + 40);
        offset = u64(end64 + 48);
    }
    PC_CHECK(within(offset, limit) && within(size, limit - (int64_t)offset) && size <= MAX_DIRECTORY
                 && records <= MAX_RECORDS && records * 46 <= size,
             PC_EFORMAT, "damaged: the zip directory is out of bounds");
    *out = (directory){ (int64_t)offset, (int64_t)size, (int64_t)records };
done:
    pc_free(p);
    return status;
}

/* Fill in the sizes and the offset that stand as 0xFFFFFFFF; false if the zip64 field does not hold them. */
static bool zip64_numbers(const uint8_t *p, int64_t n, uint64_t *size, uint64_t *stored, uint64_t *header)
{
    uint64_t *wanted[3] = { size, stored, header };
    bool need = false;
    for (int k = 0; k < 3; k++) need = need || *wanted[k] == M32;
    if (!need) return true;
    for (int64_t at = 0; at + 4 <= n;) {
        int64_t length = u16(p + at + 2);
        if (at + 4 + length > n) return false;
        if (u16(p + at) == 1) {
            const uint8_t *v = p + at + 4, *end = v + length;
            for (int k = 0; k < 3; k++) {
                if (*wanted[k] != M32) continue;
                if (end - v < 8) return false;
                *wanted[k] = u64(v);
                v += 8;
            }
            return true;
        }
        at += 4 + length;
    }
    return false;
}

static bool safe_name(const char *p, int64_t n)
{
    if (n == 0 || p[0] == '/' || memchr(p, 0, (size_t)n) != NULL || memchr(p, '\\', (size_t)n) != NULL) return false;
    for (int64_t k = 0; k < n; k++) {
        bool start = k == 0 || p[k - 1] == '/';
        if (start && n - k >= 2 && p[k] == '.' && p[k + 1] == '.' && (n - k == 2 || p[k + 2] == '/')) return false;
    }
    return true;
}

/* The local header must say what the directory says, or another reader would see another file. */
static pc_status check_local_header(const pc_source *s, const uint8_t *entry, pc_zip_record *r, int64_t limit)
{
    pc_status status = PC_OK;
    uint8_t head[30], *name = NULL;
    int64_t length = u16(entry + 28);
    PC_CHECK(r->header <= limit - 30, PC_EFORMAT, "damaged: record %s is out of bounds", r->name);
    PC_TRY(pc_source_read(s, r->header, head, sizeof head));
    PC_CHECK(u32(head) == 0x04034b50 && u16(head + 26) == length && u16(head + 8) == u16(entry + 10)
                 && ((u16(head + 6) ^ u16(entry + 8)) & 9) == 0,
             PC_EFORMAT, "damaged: the local header of record %s differs", r->name);
    if ((u16(head + 6) & 8) == 0)
        PC_CHECK(u32(head + 14) == r->crc && (u32(head + 18) == u32(entry + 20) || u32(head + 18) == M32)
                 && (u32(head + 22) == u32(entry + 24) || u32(head + 22) == M32), PC_EFORMAT,
                 "damaged: the local header of record %s differs", r->name);
    name = pc_alloc((size_t)length);
    PC_CHECK(name != NULL, PC_ENOMEM, "out of memory for a record's name");
    r->data = r->header + 30 + length + u16(head + 28);
    PC_CHECK(r->data <= limit && r->stored <= limit - r->data, PC_EFORMAT, "damaged: record %s is out of bounds",
             r->name);
    PC_TRY(pc_source_read(s, r->header + 30, name, length));
    PC_CHECK(memcmp(name, entry + 46, (size_t)length) == 0, PC_EFORMAT, "damaged: the local name of record %s differs",
             r->name);
done:
    pc_free(name);
    return status;
}

/* One entry of the directory into r; *skip for folders. names has room for the name. */
static pc_status read_entry(const pc_source *s, const uint8_t *p, int64_t limit, const char *folder, int64_t nfolder,
                            char *name, pc_zip_record *r)
{
    pc_status status = PC_OK;
    uint64_t stored = u32(p + 20), size = u32(p + 24), header = u32(p + 42);
    int64_t nname = u16(p + 28), nextra = u16(p + 30);
    int method = u16(p + 10);
    memcpy(name, p + 46, (size_t)nname);
    name[nname] = 0;
    PC_CHECK(safe_name(name, nname), PC_EFORMAT, "unsafe record name in the archive");
    PC_CHECK(nname > nfolder && memcmp(name, folder, (size_t)nfolder) == 0, PC_EFORMAT,
             "the archive's records do not lie in one folder (%.*s and %s)", (int)nfolder, folder, name);
    r->name = name + nfolder;
    r->deflated = method == 8;
    r->crc = u32(p + 16);
    PC_CHECK((u16(p + 8) & 0x2041) == 0, PC_EFORMAT, "encrypted zip archives are not supported");
    PC_CHECK(method == 0 || method == 8, PC_EFORMAT, "record %s is compressed by method %d, which is not supported",
             r->name, method);
    PC_CHECK(u16(p + 34) == 0, PC_EFORMAT, "zip archives in several parts are not supported");
    PC_CHECK(zip64_numbers(p + 46 + nname, nextra, &size, &stored, &header) && within(header, limit)
             && within(stored, limit) && (method == 8 ? size / MAX_RATIO <= stored : size == stored), PC_EFORMAT,
             "damaged: record %s has an impossible size", r->name);
    r->size = (int64_t)size;
    r->stored = (int64_t)stored;
    r->header = (int64_t)header;
    PC_TRY(check_local_header(s, p, r, limit));
done:
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const pc_zip_record *)a)->name, ((const pc_zip_record *)b)->name);
}
static int by_header(const void *a, const void *b)
{
    int64_t x = ((const pc_zip_record *)a)->header, y = ((const pc_zip_record *)b)->header;
    return (x > y) - (x < y);
}

static pc_status check_overlap(pc_zip *z)
{
    pc_status status = PC_OK;
    qsort(z->records, (size_t)z->n, sizeof *z->records, by_header);
    for (int64_t k = 1; k < z->n; k++) {
        const pc_zip_record *a = &z->records[k - 1], *b = &z->records[k];
        PC_CHECK(b->header >= a->data + a->stored, PC_EFORMAT, "damaged: records %s and %s overlap", a->name, b->name);
    }
    qsort(z->records, (size_t)z->n, sizeof *z->records, by_name);
    for (int64_t k = 1; k < z->n; k++)
        PC_CHECK(strcmp(z->records[k - 1].name, z->records[k].name) != 0, PC_EFORMAT,
                 "the archive has two records %s", z->records[k].name);
done:
    return status;
}

pc_status pc_zip_open(const pc_source *s, pc_zip **out)
{
    pc_status status = PC_OK;
    uint8_t *p = NULL;
    directory d = { 0 };
    pc_zip *z = pc_calloc(1, sizeof *z);
    PC_CHECK(z != NULL, PC_ENOMEM, "out of memory for an archive's directory");
    z->source = s;
    PC_TRY(find_directory(s, &d));
    PC_CHECK(d.records > 0, PC_EFORMAT, "the archive is empty");
    p = pc_alloc((size_t)d.size);
    z->names = pc_alloc((size_t)(d.size + d.records));
    z->records = pc_alloc((size_t)d.records * sizeof *z->records);
    PC_CHECK(p != NULL && z->names != NULL && z->records != NULL, PC_ENOMEM,
             "out of memory for an archive's directory");
    PC_TRY(pc_source_read(s, d.offset, p, d.size));
    char *name = z->names;
    const char *folder = NULL, *slash = NULL;
    for (int64_t k = 0, at = 0; k < d.records; k++) {
        PC_CHECK(d.size - at >= 46 && u32(p + at) == 0x02014b50, PC_EFORMAT, "damaged: bad entry in the zip directory");
        int64_t nname = u16(p + at + 28), length = 46 + nname + u16(p + at + 30) + u16(p + at + 32);
        PC_CHECK(length <= d.size - at, PC_EFORMAT, "damaged: bad entry in the zip directory");
        if (folder == NULL) {
            folder = (const char *)p + at + 46;
            slash = memchr(folder, '/', (size_t)nname);
            PC_CHECK(slash != NULL, PC_EFORMAT, "the archive's records do not lie in one folder");
        }
        if (nname > 0 && p[at + 45 + nname] != '/') { /* folders have no contents */
            PC_TRY(read_entry(s, p + at, d.offset, folder, slash + 1 - folder, name, &z->records[z->n]));
            name += nname + 1;
            z->n++;
        }
        at += length;
        PC_TRY(pc_poll());
    }
    PC_TRY(check_overlap(z));
    *out = z;
    z = NULL;
done:
    pc_free(p);
    pc_zip_close(z);
    return status;
}

void pc_zip_close(pc_zip *z)
{
    if (z == NULL) return;
    pc_free(z->names);
    pc_free(z->records);
    pc_free(z);
}

const pc_zip_record *pc_zip_find(const pc_zip *z, const char *name)
{
    pc_zip_record key = { .name = name };
    return bsearch(&key, z->records, (size_t)z->n, sizeof key, by_name);
}

pc_status pc_zip_read(const pc_zip *z, const pc_zip_record *r, void *dst)
{
    pc_status status = PC_OK;
    uint8_t *packed = NULL;
    uint32_t crc = 0;
    if (r->deflated) {
        packed = pc_alloc((size_t)r->stored);
        PC_CHECK(packed != NULL, PC_ENOMEM, "out of memory for record %s of %lld bytes", r->name, (long long)r->stored);
        PC_TRY(pc_source_read(z->source, r->data, packed, r->stored));
        PC_TRY(pc_inflate(packed, r->stored, dst, r->size));
        crc = pc_crc32(0, dst, (size_t)r->size);
    } else {
        for (int64_t at = 0; at < r->size; at += PIECE) {
            int64_t step = r->size - at < PIECE ? r->size - at : PIECE;
            PC_TRY(pc_source_read(z->source, r->data + at, (char *)dst + at, step));
            crc = pc_crc32(crc, (char *)dst + at, (size_t)step);
        }
    }
    PC_CHECK(crc == r->crc, PC_EFORMAT, "record %s is damaged: its CRC-32 is %08x and should be %08x", r->name, crc,
             r->crc);
done:
    pc_free(packed);
    return status;
}
