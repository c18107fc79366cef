/* checkpoint_read.c -- the two containers of torch.save: zip archives, and the row of pickles before torch 1.6. */
#include "../core/alloc.h"
#include "checkpoint_rules.h"
#include "zip.h"
#include <stdio.h>
#include <string.h>

#define MAX_PICKLE ((int64_t)256 << 20)
/* How much of a legacy file is read at first: most have all their pickles in there. */
#define LEGACY_HEAD ((int64_t)1 << 20)

/* ---- tensors ----------------------------------------------------------------------------------------- */

pc_status pc_saved_tensor_make(const pc_saved_tensor *t, pc_tensor **out)
{
    pc_tensor *made;
    pc_status status = pc_tensor_alias(t->storage->values, &made);
    if (status != PC_OK) return status;
    made->dtype = t->storage->dtype;
    made->ndim = t->ndim;
    made->numel = t->numel;
    made->offset = t->offset;
    memcpy(made->shape, t->shape, sizeof made->shape);
    memcpy(made->stride, t->stride, sizeof made->stride);
    made->requires_grad = t->requires_grad && pc_dtype_is_float(made->dtype);
    *out = made;
    return PC_OK;
}

/* Where in the tree a storage is first used, as "model.fc.weight"; looks only into the outer levels of dicts. */
static bool find_name(const pc_item *o, const pc_saved_storage *s, int depth, int64_t *budget, char *buf, size_t size)
{
    if (--*budget < 0 || depth > 6) return false;
    if (o->kind == PC_ITEM_OBJECT && o->tag == PC_OBJECT_PARAMETER) o = o->extra;
    if (o->kind == PC_ITEM_OBJECT && o->tag == PC_OBJECT_TENSOR) {
        buf[0] = 0;
        return ((const pc_saved_tensor *)o->object)->storage == s;
    }
    int step = o->kind == PC_ITEM_DICT ? 2 : 1;
    if (o->kind != PC_ITEM_DICT && o->kind != PC_ITEM_LIST && o->kind != PC_ITEM_TUPLE) return false;
    for (int64_t k = 0; k < o->n; k += step) {
        char inner[200], key[100];
        if (!find_name(o->items[k + step - 1], s, depth + 1, budget, inner, sizeof inner)) continue;
        const pc_item *name = o->items[k];
        if (step == 1) snprintf(key, sizeof key, "%lld", (long long)k);
        else if (name->kind == PC_ITEM_STR || name->kind == PC_ITEM_STR8)
            snprintf(key, sizeof key, "%.*s", (int)(name->n < 90 ? name->n : 90), name->text);
        else if (name->kind == PC_ITEM_INT) snprintf(key, sizeof key, "%lld", (long long)name->i);
        else snprintf(key, sizeof key, "?");
        snprintf(buf, size, "%s%s%s", key, inner[0] != 0 ? "." : "", inner);
        return true;
    }
    return false;
}

static pc_status name_tensor(const pc_checkpoint *c, const pc_saved_storage *s, pc_status status)
{
    char name[300], reason[600];
    int64_t budget = 1000000;
    if (status != PC_EFORMAT || !find_name(c->root, s, 0, &budget, name, sizeof name)) return status;
    snprintf(reason, sizeof reason, "%s", pc_last_error());
    return pc_fail(status, name[0] != 0 ? "tensor %s: %s" : "tensor%s: %s", name, reason);
}

static void swap_bytes(uint8_t *p, int64_t n, int size)
{
    for (int64_t k = 0; k < n; k++, p += size)
        for (int b = 0; b < size / 2; b++) {
            uint8_t t = p[b];
            p[b] = p[size - 1 - b];
            p[size - 1 - b] = t;
        }
}

/* Bytes other than 0 and 1 would be values of their own. */
static void settle_bools(pc_saved_storage *s)
{
    uint8_t *p = pc_data(s->values);
    for (int64_t k = 0; s->dtype == PC_BOOL && k < s->numel; k++) p[k] = p[k] != 0;
}

/* Memory of `bytes`, of which the storage uses the first; bytes may be more than it says. */
static pc_status storage_memory(pc_saved_storage *s, int64_t bytes, void **out)
{
    pc_status status = pc_tensor_new(PC_U8, 1, &bytes, &s->values);
    if (status != PC_OK) return status;
    s->values->storage->bytes = s->numel * pc_dtype_size(s->dtype);
    *out = pc_data(s->values);
    return PC_OK;
}

/* ---- zip --------------------------------------------------------------------------------------------- */

static pc_status read_small(const pc_zip *z, const pc_zip_record *r, char *buf, int64_t size)
{
    if (r->size >= size) return pc_fail(PC_EFORMAT, "record %s has %lld bytes", r->name, (long long)r->size);
    pc_status status = pc_zip_read(z, r, buf);
    buf[r->size] = 0;
    return status;
}

static pc_status read_storage(pc_checkpoint *c, const pc_zip *z, const char *folder, pc_saved_storage *s, bool swap)
{
    pc_status status = PC_OK;
    char name[240];
    void *p;
    int size = (int)pc_dtype_size(s->dtype);
    snprintf(name, sizeof name, "%s/%s", folder, s->key);
    const pc_zip_record *r = pc_zip_find(z, name);
    PC_CHECK(r != NULL, PC_EFORMAT, "record %s is missing", name);
    PC_CHECK(r->size / size >= s->numel, PC_EFORMAT, "record %s has %lld bytes, %lld are needed", name,
             (long long)r->size, (long long)(s->numel * size));
    PC_TRY(storage_memory(s, r->size, &p));
    PC_TRY(pc_zip_read(z, r, p));
    if (swap) swap_bytes(p, s->numel, size);
    settle_bools(s);
done:
    return name_tensor(c, s, status);
}

pc_status pc_checkpoint_read_records(const pc_zip *z, const char *pickle, const char *folder,
                                     const pc_pickle_rules *rules, pc_checkpoint_context *context)
{
    pc_status status = PC_OK;
    pc_checkpoint *c = context->checkpoint;
    char order[16] = "little";
    const pc_zip_record *r = pc_zip_find(z, pickle), *endian = pc_zip_find(z, "byteorder");
    PC_CHECK(r != NULL, PC_EFORMAT, "a zip archive without %s: torch.save has not written it", pickle);
    PC_CHECK(r->size <= MAX_PICKLE, PC_EFORMAT, "record %s is too large (%lld bytes)", pickle, (long long)r->size);
    if (endian != NULL) PC_TRY(read_small(z, endian, order, sizeof order));
    bool swap = strcmp(order, "big") == 0;
    PC_CHECK(swap || strcmp(order, "little") == 0, PC_EFORMAT, "Unknown endianness type: %s", order);
    c->pickle = pc_alloc((size_t)r->size);
    PC_CHECK(c->pickle != NULL, PC_ENOMEM, "out of memory for a pickle of %lld bytes", (long long)r->size);
    PC_TRY(pc_zip_read(z, r, c->pickle));
    PC_TRY(pc_unpickle(c->pickle, r->size, rules, context, &c->arena, &c->root, &c->used, NULL));
    for (pc_saved_storage *s = c->storages; s != NULL; s = s->next) PC_TRY(read_storage(c, z, folder, s, swap));
done:
    return status;
}

static pc_status load_zip(const pc_source *source, pc_checkpoint *c)
{
    pc_status status = PC_OK;
    pc_zip *z = NULL;
    pc_checkpoint_context *context = pc_calloc(1, sizeof *context);
    PC_CHECK(context != NULL, PC_ENOMEM, "out of memory for a checkpoint");
    *context = (pc_checkpoint_context){ .checkpoint = c, .id_length = 5 };
    PC_TRY(pc_zip_open(source, &z));
    PC_CHECK(pc_zip_find(z, "constants.pkl") == NULL, PC_EFORMAT, "this is a TorchScript archive: use jit.load");
    PC_TRY(pc_checkpoint_read_records(z, "data.pkl", "data", &pc_checkpoint_rules, context));
    c->used = source->size;
done:
    pc_zip_close(z);
    pc_free(context);
    return status;
}

/* ---- legacy ------------------------------------------------------------------------------------------ */

/* The five pickles: magic number, protocol, facts of the writer, the object, the storages' keys. */
static pc_status read_pickles(const uint8_t *p, int64_t n, pc_checkpoint_context *context, const pc_item **keys,
                              int64_t *used, bool *truncated)
{
    static const uint8_t magic[10] = { 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19 };
    static const pc_pickle_rules no_names = { 0 };
    pc_checkpoint *c = context->checkpoint;
    pc_status status = PC_OK;
    pc_item *v[5] = { 0 };
    *used = 0;
    for (int k = 0; k < 5; k++) {
        int64_t length;
        PC_TRY(pc_unpickle(p + *used, n - *used, k == 3 ? &pc_checkpoint_rules : &no_names, context, &c->arena, &v[k],
                           &length, truncated));
        *used += length;
        if (k == 0)
            PC_CHECK(v[0]->kind == PC_ITEM_LONG && v[0]->n == 10 && memcmp(v[0]->text, magic, 10) == 0, PC_EFORMAT,
                     "Invalid magic number; corrupt file? (a plain pickle, which torch.save has not written)");
        if (k == 1)
            PC_CHECK(v[1]->kind == PC_ITEM_INT && v[1]->i == PC_LEGACY_PROTOCOL, PC_EFORMAT,
                     "Invalid protocol version");
        if (k == 2) {
            const pc_item *little = pc_item_get(v[2], "little_endian");
            PC_CHECK(little == NULL || (little->kind == PC_ITEM_BOOL && little->i), PC_EFORMAT,
                     "legacy checkpoints of big-endian machines are not supported");
        }
    }
    PC_CHECK(v[4]->kind == PC_ITEM_LIST, PC_EFORMAT, "malformed list of storages");
    c->root = v[3];
    *keys = v[4];
done:
    return status;
}

/* Count and bytes of each storage follow the pickles. */
static pc_status read_storages(const pc_source *source, pc_checkpoint_context *context, const pc_item *keys, int64_t at)
{
    pc_checkpoint *c = context->checkpoint;
    pc_status status = PC_OK;
    pc_saved_storage *s = NULL;
    for (int64_t k = 0; k < keys->n; k++) {
        const pc_item *key = keys->items[k];
        int64_t numel;
        void *p;
        s = NULL;
        PC_CHECK((key->kind == PC_ITEM_STR || key->kind == PC_ITEM_STR8) && key->n <= 200
                 && (s = pc_find_storage(context, key->text, key->n)) != NULL && s->values == NULL, PC_EFORMAT,
                 "malformed list of storages");
        PC_TRY(pc_source_read(source, at, &numel, 8));
        at += 8;
        int64_t bytes = s->numel * pc_dtype_size(s->dtype);
        PC_CHECK(numel == s->numel, PC_EFORMAT, "storage %s has %lld elements, %lld are needed", s->key,
                 (long long)numel, (long long)s->numel);
        PC_CHECK(bytes <= source->size - at, PC_EFORMAT,
                 "truncated: storage %s needs %lld bytes, the file has %lld more", s->key, (long long)bytes,
                 (long long)(source->size - at));
        PC_TRY(storage_memory(s, bytes, &p));
        PC_TRY(pc_source_read(source, at, p, bytes));
        settle_bools(s);
        at += bytes;
    }
    for (s = c->storages; s != NULL; s = s->next)
        PC_CHECK(s->values != NULL, PC_EFORMAT, "storage %s has no data", s->key);
    c->used = at;
done:
    return s != NULL ? name_tensor(c, s, status) : status;
}

static pc_status load_legacy(const pc_source *source, pc_checkpoint *c)
{
    pc_status status = PC_OK;
    pc_checkpoint_context *context = pc_calloc(1, sizeof *context);
    const pc_item *keys = NULL;
    int64_t head = source->memory != NULL || source->size < LEGACY_HEAD ? source->size : LEGACY_HEAD, used = 0;
    PC_CHECK(context != NULL, PC_ENOMEM, "out of memory for a checkpoint");
    c->legacy = true;
    for (bool truncated = false;; head = 4 * head < source->size ? 4 * head : source->size) {
        const uint8_t *p = source->memory;
        *context = (pc_checkpoint_context){ .checkpoint = c, .id_length = 6 };
        if (p == NULL) {
            pc_free(c->pickle);
            p = c->pickle = pc_alloc((size_t)head);
            PC_CHECK(p != NULL, PC_ENOMEM, "out of memory for a pickle of %lld bytes", (long long)head);
            PC_TRY(pc_source_read(source, 0, c->pickle, head));
        }
        status = read_pickles(p, head, context, &keys, &used, &truncated);
        if (status == PC_OK) break;
        if (!truncated || head == source->size || head >= MAX_PICKLE) goto done;
        pc_arena_free(&c->arena); /* once more with a larger part of the file */
        c->storages = c->last_storage = NULL;
        c->root = NULL;
    }
    PC_TRY(read_storages(source, context, keys, used));
done:
    pc_free(context);
    return status;
}

/* ---- which is it? ------------------------------------------------------------------------------------ */

/* The reason why a file that is neither of the two cannot be read. */
static pc_status refuse(const pc_source *source, const uint8_t *head, int64_t n)
{
    uint8_t tar[5] = { 0 };
    if (source->size == 0) return pc_fail(PC_EFORMAT, "the file is empty");
    if (source->size >= 262 && pc_source_read(source, 257, tar, 5) == PC_OK && memcmp(tar, "ustar", 5) == 0)
        return pc_fail(PC_EFORMAT, "a tar archive: checkpoints of torch before 0.1.10 are not supported");
    if (n >= 2 && head[0] == 0x1f && head[1] == 0x8b) return pc_fail(PC_EFORMAT, "a gzip file: decompress it first");
    if (n >= 8 && memcmp(head, "version ", 8) == 0)
        return pc_fail(PC_EFORMAT, "a Git LFS pointer, not the file itself: run git lfs pull");
    if (head[0] == '<') return pc_fail(PC_EFORMAT, "a web page, not a checkpoint: the download has failed");
    if (n >= 9 && head[8] == '{') return pc_fail(PC_EFORMAT, "a safetensors file: torch.save has not written it");
    if (n >= 2 && head[0] == 0x80)
        return pc_fail(PC_EFORMAT, "Invalid magic number; corrupt file? (a plain pickle, which "
                                   "torch.save has not written)");
    return pc_fail(PC_EFORMAT, "not a checkpoint of torch.save");
}

pc_status pc_checkpoint_load(const pc_source *s, pc_checkpoint **out)
{
    pc_status status = PC_OK;
    uint8_t head[16] = { 0 };
    int64_t n = s->size < 16 ? s->size : 16;
    pc_checkpoint *c = pc_calloc(1, sizeof *c);
    PC_CHECK(c != NULL, PC_ENOMEM, "out of memory for a checkpoint");
    PC_TRY(pc_source_read(s, 0, head, n));
    if (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0) PC_TRY(load_zip(s, c));
    else if (n >= 2 && head[0] == 0x80 && head[1] == 2) PC_TRY(load_legacy(s, c));
    else PC_TRY(refuse(s, head, n));
    *out = c;
    c = NULL;
done:
    pc_checkpoint_free(c);
    return status;
}

void pc_checkpoint_free(pc_checkpoint *c)
{
    if (c == NULL) return;
    for (pc_saved_storage *s = c->storages; s != NULL; s = s->next) pc_release(s->values);
    pc_arena_free(&c->arena);
    pc_free(c->pickle);
    pc_free(c);
}
