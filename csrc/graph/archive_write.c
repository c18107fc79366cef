/* archive_write.c -- TorchScript archives: the records of torch.jit.save that its readers need, in its order. */
#include "../core/alloc.h"
#include "../io/checkpoint.h"
#include "torchscript.h"
#include <stdio.h>
#include <string.h>

/* libtorch's own unpickler reads fewer opcodes than Python writes: no APPEND, no long integers but of 8 bytes. */
typedef struct saver {
    const pc_graph *g;
    const pc_code *code;
    pc_tensor *const *tensors;
    const bool *training;
    pc_pickler k;
    int64_t *module_memo, *tensor_memo; /* memo number + 1 of what has been written */
    pc_storage **storages;   /* borrowed */
    int64_t nstorages, room;
} saver;

static void save_int(pc_pickler *k, int64_t v)
{
    if (v >= INT32_MIN && v <= INT32_MAX) {
        pc_pickle_int(k, v);
        return;
    }
    uint8_t b[8];
    for (int i = 0; i < 8; i++) b[i] = (uint8_t)((uint64_t)v >> 8 * i);
    pc_pickle_long(k, b, 8);
}

static void save_sizes(pc_pickler *k, int n, const int64_t *v)
{
    pc_pickle_op(k, '(');
    for (int i = 0; i < n; i++) save_int(k, v[i]);
    pc_pickle_op(k, 't');
}

static pc_status storage_key(saver *s, pc_storage *storage, int64_t *key)
{
    for (*key = 0; *key < s->nstorages; ++*key)
        if (s->storages[*key] == storage) return PC_OK;
    if (s->nstorages == s->room) {
        int64_t room = 2 * s->room + 64;
        pc_storage **larger = pc_calloc((size_t)room, sizeof *larger);
        if (larger == NULL) return pc_fail(PC_ENOMEM, "out of memory for an archive");
        if (s->nstorages > 0) memcpy(larger, s->storages, (size_t)s->nstorages * sizeof *larger);
        pc_free(s->storages);
        s->storages = larger;
        s->room = room;
    }
    s->storages[s->nstorages++] = storage;
    return PC_OK;
}

/* torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks) */
static pc_status save_tensor(saver *s, const pc_tensor *t, bool requires_grad)
{
    pc_status status = PC_OK;
    pc_pickler *k = &s->k;
    char text[24];
    int64_t key;
    PC_TRY(pc_tensor_settle(t));
    PC_TRY(storage_key(s, t->storage, &key));
    pc_pickle_name(k, "torch._utils", "_rebuild_tensor_v2");
    pc_pickle_op(k, '(');
    pc_pickle_op(k, '(');
    pc_pickle_str(k, "storage", 7);
    pc_pickle_name(k, "torch", pc_storage_type_name(t->dtype));
    pc_pickle_str(k, text, snprintf(text, sizeof text, "%lld", (long long)key));
    pc_pickle_str(k, "cpu", 3);
    save_int(k, t->storage->bytes / pc_dtype_size(t->dtype));
    pc_pickle_op(k, 't');
    pc_pickle_op(k, 'Q');
    save_int(k, t->offset);
    save_sizes(k, t->ndim, t->shape);
    save_sizes(k, t->ndim, t->stride);
    pc_pickle_op(k, requires_grad ? '\x88' : '\x89');
    pc_pickle_name(k, "collections", "OrderedDict");
    pc_pickle_op(k, ')');
    pc_pickle_op(k, 'R');
    pc_pickle_op(k, 't');
    pc_pickle_op(k, 'R');
done:
    return status;
}

static void save_key(saver *s, const char *name)
{
    pc_pickle_str(&s->k, name, (int64_t)strlen(name));
}

/* The object of a class with its attributes as state. */
static pc_status save_module(saver *s, int32_t module)
{
    pc_status status = PC_OK;
    pc_pickler *k = &s->k;
    const pc_module *m = &s->g->modules[module];
    const char *type = s->code->types[module], *dot = strrchr(type, '.');
    if (s->module_memo[module] > 0) {
        pc_pickle_get(k, (uint32_t)(s->module_memo[module] - 1));
        return PC_OK;
    }
    pc_pickle_op(k, 'c');
    for (const char *p = type; *p != 0; p++) pc_pickle_op(k, p == dot ? '\n' : *p);
    pc_pickle_op(k, '\n');
    pc_pickle_op(k, ')');
    pc_pickle_op(k, '\x81');
    s->module_memo[module] = (int64_t)pc_pickle_put(k) + 1;
    pc_pickle_op(k, '}');
    pc_pickle_op(k, '(');
    for (int32_t j = 0; j < m->nattributes; j++) {
        int32_t tensor = m->attributes[j].tensor;
        save_key(s, m->attributes[j].name);
        if (s->tensor_memo[tensor] > 0) {
            pc_pickle_get(k, (uint32_t)(s->tensor_memo[tensor] - 1));
            continue;
        }
        PC_TRY(save_tensor(s, s->tensors[tensor], s->tensors[tensor]->requires_grad));
        s->tensor_memo[tensor] = (int64_t)pc_pickle_put(k) + 1;
    }
    save_key(s, "training");
    pc_pickle_op(k, s->training[module] ? '\x88' : '\x89');
    save_key(s, "_is_full_backward_hook");
    pc_pickle_op(k, 'N');
    for (int32_t j = 0; j < m->nchildren; j++) {
        save_key(s, m->children[j].name);
        PC_TRY(save_module(s, m->children[j].module));
    }
    pc_pickle_op(k, 'u');
    pc_pickle_op(k, 'b');
done:
    return status;
}

static pc_status save_constants(saver *s)
{
    pc_status status = PC_OK;
    pc_pickle_start(&s->k);
    pc_pickle_op(&s->k, s->g->nconstants > 0 ? '(' : ')');
    for (int32_t k = 0; k < s->g->nconstants; k++) PC_TRY(save_tensor(s, s->g->constants[k], false));
    if (s->g->nconstants > 0) pc_pickle_op(&s->k, 't');
    pc_pickle_op(&s->k, '.');
    status = s->k.status;
done:
    return status;
}

static int64_t storage_bytes(const saver *s)
{
    int64_t n = 0;
    for (int64_t k = 0; k < s->nstorages; k++) n += s->storages[k]->bytes;
    return n;
}

/* The storages that a pickle mentions. */
static pc_status add_storages(pc_zip_writer *w, const char *folder, const saver *s)
{
    pc_status status = PC_OK;
    char name[48];
    for (int64_t k = 0; k < s->nstorages; k++) {
        snprintf(name, sizeof name, "%s/%lld", folder, (long long)k);
        PC_TRY(pc_zip_add(w, name, s->storages[k]->data, s->storages[k]->bytes));
    }
done:
    return status;
}

static pc_status add_code(pc_zip_writer *w, const pc_code *code)
{
    pc_status status = PC_OK;
    pc_text name = { .status = PC_OK };
    for (int32_t k = 0; k < code->nfiles; k++) {
        name.n = 0;
        pc_text_add(&name, "code/%s.py", code->files[k].module);
        PC_TRY(name.status);
        for (char *p = name.p; p < name.p + name.n - 3; p++)
            if (*p == '.') *p = '/';
        PC_TRY(pc_zip_add(w, name.p, code->files[k].text.p, code->files[k].text.n));
    }
done:
    pc_text_free(&name);
    return status;
}

static pc_status add_extra(pc_zip_writer *w, const pc_extra_file *extra, int n)
{
    pc_status status = PC_OK;
    pc_text name = { .status = PC_OK };
    for (int k = 0; k < n; k++) {
        name.n = 0;
        pc_text_add(&name, "extra/%s", extra[k].name);
        PC_TRY(name.status);
        PC_TRY(pc_zip_add(w, name.p, extra[k].data, extra[k].n));
    }
done:
    pc_text_free(&name);
    return status;
}

/* Readers of torch look for the version in one of two places. */
static pc_status add_ends(pc_zip_writer *w, int version)
{
    pc_status status = PC_OK;
    uint64_t names, contents;
    char text[48];
    int n = snprintf(text, sizeof text, "%d\n", version);
    PC_TRY(pc_zip_add(w, version < 6 ? "version" : ".data/version", text, n));
    PC_TRY(pc_zip_add(w, "byteorder", "little", 6));
    pc_zip_writer_id(w, &names, &contents);
    n = snprintf(text, sizeof text, "%020llu%020llu", (unsigned long long)names, (unsigned long long)contents);
    PC_TRY(pc_zip_add(w, ".data/serialization_id", text, n));
done:
    return status;
}

pc_status pc_torchscript_save(const pc_graph *g, pc_sink *sink, const char *archive, pc_tensor *const *tensors,
                              const bool *training, const pc_extra_file *extra, int nextra)
{
    pc_status status = PC_OK;
    pc_zip_writer *w = NULL;
    pc_code code = { .version = 3 };
    saver data = { .g = g, .code = &code, .tensors = tensors, .training = training }, constants = { .g = g };
    PC_TRY(pc_code_write(g, &code));
    data.module_memo = pc_calloc((size_t)g->nmodules, sizeof *data.module_memo);
    data.tensor_memo = pc_calloc((size_t)g->ntensors + 1, sizeof *data.tensor_memo);
    PC_CHECK(data.module_memo != NULL && data.tensor_memo != NULL, PC_ENOMEM, "out of memory for an archive");
    pc_pickle_start(&data.k);
    PC_TRY(save_module(&data, 0));
    pc_pickle_op(&data.k, '.');
    PC_TRY(data.k.status);
    PC_TRY(save_constants(&constants));
    if (sink->expect != NULL) sink->expect(sink, storage_bytes(&data) + storage_bytes(&constants));
    PC_TRY(pc_zip_writer_new(sink, archive, &w));
    PC_TRY(add_storages(w, "data", &data));
    PC_TRY(pc_zip_add(w, "data.pkl", data.k.p, data.k.n));
    PC_TRY(add_code(w, &code));
    PC_TRY(add_storages(w, "constants", &constants));
    PC_TRY(pc_zip_add(w, "constants.pkl", constants.k.p, constants.k.n));
    PC_TRY(add_extra(w, extra, nextra));
    PC_TRY(add_ends(w, code.version));
    PC_TRY(pc_zip_finish(w));
done:
    pc_zip_writer_free(w);
    pc_pickle_free(&data.k);
    pc_pickle_free(&constants.k);
    pc_free(data.module_memo);
    pc_free(data.tensor_memo);
    pc_free(data.storages);
    pc_free(constants.storages);
    pc_code_free(&code);
    return status;
}
