/* test_io.c -- checkpoints and CIFAR files: round trips, every flipped byte, every failed allocation, and mutated files
   by the thousand (3,000 a seed by default; argv[1] sets it). */
#include "../core/alloc.h"
#include "../data/cifar.h"
#include "../io/checkpoint.h"
#include "../io/crc32.h"
#include "../io/inflate.h"
#include "../io/zip.h"
#include "memory_sink.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- parts ---------------------------------------------------------------------------------------- */

static void test_crc(void)
{
    uint8_t p[700];
    for (int k = 0; k < 700; k++) p[k] = (uint8_t)(k * k * 31 + k);
    assert(pc_crc32(0, "123456789", 9) == 0xcbf43926u);
    for (int start = 0; start < 20; start += 3)
        for (int n = 0; start + n < 700; n += 1 + n / 9) {
            uint32_t c = ~0u;
            for (int k = 0; k < n; k++) {
                c ^= p[start + k];
                for (int bit = 0; bit < 8; bit++) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
            }
            assert(pc_crc32(0, p + start, (size_t)n) == ~c);
            assert(pc_crc32(pc_crc32(0, p + start, (size_t)n / 3), p + start + n / 3, (size_t)(n - n / 3)) == ~c);
        }
}

/* Made by zlib. */
static void test_inflate(void)
{
    static const uint8_t fixed[] = { 0x4b, 0x4c, 0x4a, 0x4e, 0x84, 0x21, 0xdd, 0x44, 0x4a, 0x39, 0x00 };
    static const uint8_t dynamic[] = { 0xe5, 0xcc, 0x81, 0x0d, 0xc0, 0x20, 0x08, 0x00, 0xb0, 0x5b, 0xd9, 0x44, 0x20,
                                       0x0a, 0x62, 0x50, 0x78, 0x7f, 0x87, 0xac, 0x07, 0x14, 0xb8, 0x47, 0xfa, 0x03,
                                       0x16, 0x56, 0xb0, 0xce, 0x6e, 0x78, 0x1b, 0xe8, 0x62, 0xb7, 0x97, 0x40, 0x24,
                                       0xdf, 0x64, 0x2e, 0x84, 0xa9, 0x38, 0xe5, 0x94, 0x57, 0x0e, 0x93, 0xed, 0x34,
                                       0xba, 0x3b, 0xa9, 0xc4, 0xd5, 0xd8, 0x48, 0xf0, 0x8f, 0xe4, 0x03 };
    static const uint8_t stored[] = { 1, 3, 0, 0xfc, 0xff, 'a', 'b', 'c' },
                         wrong[] = { 1, 3, 0, 0xfc, 0xfe, 'a', 'b', 'c' };
    uint8_t out[400], text[300];
    assert(pc_inflate(fixed, sizeof fixed, out, 78) == PC_OK
           && memcmp(out + 52, "abcabcabcabc-abcabcabcabc-", 26) == 0);
    for (int i = 0; i < 300; i++) text[i] = (uint8_t)(97 + (i * i * 7 + i / 3) % 23);
    assert(pc_inflate(dynamic, sizeof dynamic, out, 300) == PC_OK && memcmp(out, text, 300) == 0);
    assert(pc_inflate(stored, sizeof stored, out, 3) == PC_OK && memcmp(out, "abc", 3) == 0);
    assert(pc_inflate(wrong, sizeof wrong, out, 3) == PC_EFORMAT);
    assert(pc_inflate(dynamic, sizeof dynamic, out, 299) == PC_EFORMAT);
    assert(pc_inflate(dynamic, sizeof dynamic, out, 301) == PC_EFORMAT);
    for (int n = 0; n < (int)sizeof dynamic; n++) assert(pc_inflate(dynamic, n, out, 300) == PC_EFORMAT);
}

/* ---- a checkpoint to work on ------------------------------------------------------------------------ */

static void pickle_tensor(pc_pickler *k, const char *key, int64_t numel, int ndim, const int64_t *shape,
                          const int64_t *stride)
{
    pc_pickle_name(k, "torch._utils", "_rebuild_tensor_v2");
    pc_pickle_op(k, '(');
    pc_pickle_op(k, '(');
    pc_pickle_str(k, "storage", 7);
    pc_pickle_name(k, "torch", "FloatStorage");
    pc_pickle_str(k, key, (int64_t)strlen(key));
    pc_pickle_str(k, "cpu", 3);
    pc_pickle_int(k, numel);
    pc_pickle_op(k, 't');
    pc_pickle_op(k, 'Q');
    pc_pickle_int(k, 0);
    for (int which = 0; which < 2; which++) {
        pc_pickle_op(k, '(');
        for (int d = 0; d < ndim; d++) pc_pickle_int(k, which == 0 ? shape[d] : stride[d]);
        pc_pickle_op(k, 't');
    }
    pc_pickle_op(k, '\x89');
    pc_pickle_name(k, "collections", "OrderedDict");
    pc_pickle_op(k, ')');
    pc_pickle_op(k, 'R');
    pc_pickle_op(k, 't');
    pc_pickle_op(k, 'R');
}

/* {"weight": 3 x 4, "bias": its first row, "other": [2], "epoch": 7, "lr": 0.5, "big": 2**40, "path": ("a", None),
 * "bytes": ...} */
static void make_pickle(pc_pickler *k)
{
    pc_pickle_start(k);
    pc_pickle_op(k, '}');
    pc_pickle_put(k);
    pc_pickle_op(k, '(');
    pc_pickle_str(k, "weight", 6);
    pickle_tensor(k, "0", 12, 2, (int64_t[]){ 3, 4 }, (int64_t[]){ 4, 1 });
    pc_pickle_str(k, "bias", 4);
    pickle_tensor(k, "0", 12, 1, (int64_t[]){ 4 }, (int64_t[]){ 1 });
    pc_pickle_str(k, "other", 5);
    pickle_tensor(k, "1", 2, 1, (int64_t[]){ 2 }, (int64_t[]){ 1 });
    pc_pickle_str(k, "epoch", 5);
    pc_pickle_int(k, 7);
    pc_pickle_str(k, "lr", 2);
    pc_pickle_float(k, 0.5);
    pc_pickle_str(k, "big", 3);
    pc_pickle_int(k, (int64_t)1 << 40);
    pc_pickle_str(k, "path", 4);
    pc_pickle_str(k, "a", 1);
    pc_pickle_op(k, 'N');
    pc_pickle_op(k, '\x86');
    pc_pickle_str(k, "bytes", 5);
    pc_pickle_name(k, "_codecs", "encode");
    pc_pickle_str(k, "\xc3\xbf", 2);
    pc_pickle_str(k, "latin1", 6);
    pc_pickle_op(k, '\x86');
    pc_pickle_op(k, 'R');
    pc_pickle_op(k, 'u');
    pc_pickle_op(k, '.');
    assert(k->status == PC_OK);
}

static const float weight[12] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 }, other[2] = { -1, -2 };
static const pc_blob blobs[2] = { { weight, sizeof weight, 12 }, { other, sizeof other, 2 } };

static pc_status load(const void *p, int64_t n, pc_checkpoint **out)
{
    pc_source s;
    pc_source_from_memory(p, n, "memory", &s);
    return pc_checkpoint_load(&s, out);
}

static bool is_right(const pc_checkpoint *c)
{
    const pc_item *w = pc_item_get(c->root, "weight"), *b = pc_item_get(c->root, "bias"),
                  *o = pc_item_get(c->root, "other");
    const pc_item *bytes = pc_item_get(c->root, "bytes"), *big = pc_item_get(c->root, "big");
    pc_tensor *t[3] = { NULL };
    assert(w != NULL && b != NULL && o != NULL && bytes != NULL && big != NULL);
    assert(pc_saved_tensor_make(w->object, &t[0]) == PC_OK && pc_saved_tensor_make(b->object, &t[1]) == PC_OK
           && pc_saved_tensor_make(o->object, &t[2]) == PC_OK);
    bool right = t[0]->ndim == 2 && t[0]->shape[1] == 4 && memcmp(pc_f32(t[0]), weight, sizeof weight) == 0
                 && t[0]->storage == t[1]->storage && t[1]->numel == 4 && memcmp(pc_f32(t[2]), other, sizeof other) == 0
                 && bytes->n == 1 && (uint8_t)bytes->text[0] == 0xff && big->i == (int64_t)1 << 40;
    for (int k = 0; k < 3; k++) pc_release(t[k]);
    return right;
}

static memory_sink make_archive(void)
{
    pc_pickler k;
    memory_sink m = { { .write = memory_write }, NULL, 0, 0 };
    make_pickle(&k);
    assert(pc_checkpoint_write(&m.sink, "model", k.p, k.n, blobs, 2) == PC_OK);
    pc_pickle_free(&k);
    return m;
}

static memory_sink make_legacy(void)
{
    static const char head[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
                               "\x80\x02M\xe9\x03."
                               "\x80\x02}.";
    static const char keys[] = "\x80\x02](X\1\0\0\0" "0X\1\0\0\0" "1e.";
    pc_pickler k;
    memory_sink m = { { .write = memory_write }, NULL, 0, 0 };
    make_pickle(&k);
    memory_write(&m.sink, head, sizeof head - 1);
    memory_write(&m.sink, k.p, k.n);
    memory_write(&m.sink, keys, sizeof keys - 1);
    for (int i = 0; i < 2; i++) {
        int64_t numel = blobs[i].bytes / 4;
        memory_write(&m.sink, &numel, 8);
        memory_write(&m.sink, blobs[i].data, blobs[i].bytes);
    }
    pc_pickle_free(&k);
    return m;
}

/* ---- tests ------------------------------------------------------------------------------------------ */

static void test_round_trip(memory_sink m)
{
    pc_checkpoint *c;
    assert(load(m.p, m.n, &c) == PC_OK && is_right(c));
    pc_checkpoint_free(c);
    for (int64_t n = 0; n < m.n; n++) assert(load(m.p, n, &c) != PC_OK);
}

static void test_flips(memory_sink m)
{
    for (int64_t k = 0; k < m.n; k++)
        for (int bit = 0; bit < 8; bit++) {
            pc_checkpoint *c = NULL;
            m.p[k] ^= (uint8_t)(1 << bit);
            if (load(m.p, m.n, &c) == PC_OK) assert(is_right(c)); /* padding, dates and the like */
            pc_checkpoint_free(c);
            m.p[k] ^= (uint8_t)(1 << bit);
        }
}

static void test_allocations(memory_sink m)
{
    pc_checkpoint *c = NULL;
    int64_t before = pc_alloc_stats().live_blocks;
    for (int n = 0;; n++) {
        pc_alloc_fail_after(n);
        pc_status status = load(m.p, m.n, &c);
        pc_alloc_fail_after(-1);
        if (status == PC_OK) break;
        assert(status == PC_ENOMEM && pc_alloc_stats().live_blocks == before);
    }
    pc_checkpoint_free(c);
    for (int n = 0;; n++) {
        memory_sink out = { { .write = memory_write }, NULL, 0, 0 };
        pc_alloc_fail_after(n);
        pc_status status = pc_checkpoint_write(&out.sink, "model", m.p, m.n, blobs, 2);
        pc_alloc_fail_after(-1);
        free(out.p);
        if (status == PC_OK) break;
        assert(status == PC_ENOMEM);
    }
    assert(pc_alloc_stats().live_blocks == before);
}

static void test_replacement(void)
{
    char folder[] = "/tmp/test_io_XXXXXX", path[64], text[8] = "";
    pc_replacement r;
    assert(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/file", folder);
    for (int k = 0; k < 3; k++) {
        assert(pc_replace_begin(path, &r) == PC_OK);
        assert(r.sink.write(&r.sink, k == 0 ? "old" : "new", 3) == PC_OK);
        if (k == 1) pc_replace_abandon(&r);
        else assert(pc_replace_commit(&r) == PC_OK);
        FILE *f = fopen(path, "r");
        assert(fgets(text, sizeof text, f) != NULL && strcmp(text, k < 2 ? "old" : "new") == 0);
        fclose(f);
    }
    assert(unlink(path) == 0 && rmdir(folder) == 0); /* nothing else was left */
    snprintf(path, sizeof path, "%s/file", folder);
    assert(pc_replace_begin(path, &r) == PC_EIO && pc_io_errno() != 0);
    if (access("/dev/full", W_OK) == 0) {
        assert(pc_replace_begin("/dev/full", &r) == PC_OK && r.sink.write(&r.sink, "x", 1) == PC_EIO);
        pc_replace_abandon(&r);
    }
}

/* ---- mutations -------------------------------------------------------------------------------------- */

static uint32_t seed = 1;
static uint32_t any(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(seed >> 8) * n >> 24);
}

/* A copy of p with some bytes changed, removed, repeated or replaced by extreme numbers; *n is its length. */
static uint8_t *mutate(const uint8_t *p, int64_t *n)
{
    static const char opcodes[] =
        "(t}]se.uRbQNXcqhjrKMJGTUC01\x80\x81\x85\x86\x87\x88\x8a\x8b\x8c\x8f\x90\x91\x93\x94\x95";
    uint8_t *q = malloc((size_t)*n + 512);
    memcpy(q, p, (size_t)*n);
    for (uint32_t times = 1 + any(6); times > 0 && *n > 0; times--) {
        int64_t at = any((uint32_t)*n), length = 1 + any(8);
        switch (any(8)) {
        case 0: *n = at; break;
        case 1: memset(q + at, any(2) ? 0xff : 0, (size_t)(at + length < *n ? length : *n - at)); break;
        case 2:
            memmove(q + at + length, q + at, (size_t)(*n - at));
            *n += length;
            break;
        case 3:
            if (at + length < *n) {
                memmove(q + at, q + at + length, (size_t)(*n - at - length));
                *n -= length;
            }
            break;
        case 4: q[at] = (uint8_t)opcodes[any(sizeof opcodes - 1)]; break;
        default: q[at] = (uint8_t)any(256);
        }
    }
    return q;
}

static int loaded, refused;

static void try_load(const uint8_t *p, int64_t n)
{
    pc_checkpoint *c = NULL;
    pc_status status = load(p, n, &c);
    assert(status == PC_OK || status == PC_EFORMAT || status == PC_ENOMEM);
    loaded += status == PC_OK;
    refused += status != PC_OK;
    for (pc_item *o = status == PC_OK ? c->arena.first : NULL; o != NULL; o = o->next) {
        pc_tensor *t = NULL;
        if (o->kind != PC_ITEM_OBJECT || o->tag != PC_OBJECT_TENSOR) continue;
        pc_saved_tensor *saved = o->object;
        assert(saved->storage->values != NULL && pc_saved_tensor_make(saved, &t) == PC_OK);
        if (t->numel > 0) { /* both ends must be readable */
            int64_t last = 0;
            for (int d = 0; d < t->ndim; d++) last += (t->shape[d] - 1) * t->stride[d];
            const char *at = pc_data(t);
            volatile char sink = (char)(at[0] + at[(last + 1) * pc_dtype_size(t->dtype) - 1]);
            (void)sink;
        }
        pc_release(t);
    }
    pc_checkpoint_free(c);
}

static void fuzz(int count)
{
    memory_sink archive = make_archive(), legacy = make_legacy();
    int64_t before = pc_alloc_stats().live_blocks;
    for (int k = 0; k < count; k++) {
        pc_pickler pickle;
        int64_t n = archive.n;
        uint8_t *p = mutate(archive.p, &n);
        try_load(p, n);
        free(p);
        n = legacy.n;
        p = mutate(legacy.p, &n);
        try_load(p, n);
        free(p);
        make_pickle(&pickle); /* in an archive with right sums, so that the pickle is reached */
        n = pickle.n;
        p = mutate(pickle.p, &n);
        memory_sink m = { { .write = memory_write }, NULL, 0, 0 };
        assert(pc_checkpoint_write(&m.sink, "model", p, n, blobs, 2) == PC_OK);
        try_load(m.p, m.n);
        free(m.p);
        free(p);
        pc_pickle_free(&pickle);
    }
    assert(pc_alloc_stats().live_blocks == before && loaded > count / 100 && refused > count);
    free(archive.p);
    free(legacy.p);
}

/* ---- CIFAR ------------------------------------------------------------------------------------------ */

/* As Python 2 pickled them: 3 images whose bytes count up, labels 0, 1, 2. */
static memory_sink make_batch(void)
{
    static const char head[] =
        "\x80\x02}q\1(U\4data"
        "cnumpy.core.multiarray\n_reconstruct\nq\2cnumpy\nndarray\nq\3K\0\x85U\1b\x87Rq\4(K\1K\3M"
        "\0\x0c\x86"
        "cnumpy\ndtype\nq\5U\2u1K\0K\1\x87R(K\3U\1|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89T\0\x24\0\0";
    static const char tail[] = "tbU\6labels](K\0K\1K\2eu.";
    memory_sink m = { { .write = memory_write }, NULL, 0, 0 };
    memory_write(&m.sink, head, sizeof head - 1);
    for (int k = 0; k < 3 * 3072; k++) memory_write(&m.sink, &(uint8_t){ (uint8_t)(k * 7 + k / 1024) }, 1);
    memory_write(&m.sink, tail, sizeof tail - 1);
    return m;
}

static pc_status read_batch(const char *path, const uint8_t *p, int64_t n, pc_tensor **images, pc_tensor **labels)
{
    int which;
    FILE *f = fopen(path, "wb");
    fwrite(p, 1, (size_t)n, f);
    fclose(f);
    return pc_cifar_read((const char *const[]){ path, path }, 2, 3, images, labels, &which);
}

static void test_cifar(int count)
{
    char path[] = "/tmp/test_io_XXXXXX";
    memory_sink m = make_batch();
    pc_tensor *images = NULL, *labels = NULL;
    close(mkstemp(path));
    pc_status status = read_batch(path, m.p, m.n, &images, &labels);
    if (status != PC_OK) fprintf(stderr, "%s\n", pc_last_error());
    assert(status == PC_OK && images->shape[0] == 6 && images->shape[3] == 3 && labels->numel == 6);
    const uint8_t *p = pc_data(images);
    for (int i = 0; i < 6; i++)
        for (int x = 0; x < 1024; x++)
            for (int c = 0; c < 3; c++) {
                int k = i % 3 * 3072 + c * 1024 + x;
                assert(p[(i * 1024 + x) * 3 + c] == (uint8_t)(k * 7 + k / 1024));
            }
    for (int i = 0; i < 6; i++) assert(((int64_t *)pc_data(labels))[i] == i % 3);
    pc_release(images);
    pc_release(labels);
    int64_t before = pc_alloc_stats().live_blocks;
    for (int k = 0; k < count; k++) {
        int64_t n = m.n;
        uint8_t *q = mutate(m.p, &n);
        if (k % 2 == 0) { /* few mutations would hit the pickle's 250 bytes around 9216 of pixels */
            int64_t at = any(200);
            q[at < 190 ? at : n - (200 - at) < 0 ? 0 : n - (200 - at)] = (uint8_t)any(256);
        }
        images = labels = NULL;
        status = read_batch(path, q, n, &images, &labels);
        assert(status == PC_OK || status == PC_EFORMAT || status == PC_ENOMEM);
        pc_release(images);
        pc_release(labels);
        free(q);
    }
    assert(pc_alloc_stats().live_blocks == before);
    unlink(path);
    free(m.p);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 3000;
    memory_sink archive = make_archive(), legacy = make_legacy();
    test_crc();
    test_inflate();
    test_round_trip(archive);
    test_round_trip(legacy);
    test_flips(archive);
    test_allocations(archive);
    test_allocations(legacy);
    test_replacement();
    fuzz(count);
    test_cifar(count / 4);
    free(archive.p);
    free(legacy.p);
    printf("  %d mutated files loaded, %d refused\n", loaded, refused);
    return 0;
}
