/* cifar.c -- CIFAR's batches: Python 2 pickles of {"data": array [n, 3072], "labels": list, ...}, planes to pixels. */
#include "cifar.h"
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../io/file.h"
#include <string.h>

#define SIDE 32
#define PLANE (SIDE * SIDE)
#define ROW (3 * PLANE)
/* The largest published file has 155 MB. */
#define MAX_FILE ((int64_t)1 << 30)
/* About 50 us. */
#define GRAIN 32

static pc_status name(void *ctx, pc_arena *a, const char *module, const char *member, pc_item **out)
{
    return pc_numpy_name(a, module, member, out);
}
static pc_status call(void *ctx, pc_arena *a, const pc_item *callee, const pc_item *args, pc_item **out)
{
    return pc_numpy_call(a, callee, args, out);
}
static pc_status build(void *ctx, pc_arena *a, pc_item *object, const pc_item *state)
{
    bool known;
    return pc_numpy_build(object, state, &known);
}
static const pc_pickle_rules rules = { name, call, build, NULL };

pc_status pc_cifar_open(const char *path, pc_cifar_file *out)
{
    pc_status status = PC_OK;
    pc_source s = { .fd = -1 };
    pc_cifar_file f = { .bytes = NULL };
    int64_t used;
    PC_TRY(pc_source_open(path, &s));
    PC_CHECK(s.size <= MAX_FILE, PC_EFORMAT, "too large for a batch of CIFAR (%lld bytes)", (long long)s.size);
    f.bytes = pc_alloc((size_t)s.size);
    PC_CHECK(f.bytes != NULL, PC_ENOMEM, "out of memory for a batch of %lld bytes", (long long)s.size);
    PC_TRY(pc_source_read(&s, 0, f.bytes, s.size));
    PC_TRY(pc_unpickle(f.bytes, s.size, &rules, NULL, &f.arena, &f.root, &used, NULL));
    PC_CHECK(f.root->kind == PC_ITEM_DICT, PC_EFORMAT, "a dict was expected, the file holds %s",
             pc_item_kind_name(f.root));
    *out = f;
    f = (pc_cifar_file){ .bytes = NULL };
done:
    pc_source_close(&s);
    pc_cifar_close(&f);
    return status;
}

void pc_cifar_close(pc_cifar_file *f)
{
    pc_arena_free(&f->arena);
    pc_free(f->bytes);
    *f = (pc_cifar_file){ .bytes = NULL };
}

/* ---- one batch ---------------------------------------------------------------------------------------- */

static const pc_pickled_array *array_of(const pc_item *o)
{
    return o != NULL && o->kind == PC_ITEM_OBJECT && o->tag == PC_OBJECT_ARRAY ? o->object : NULL;
}

static pc_status find_rows(const pc_cifar_file *f, const pc_pickled_array **out)
{
    pc_status status = PC_OK;
    const pc_pickled_array *v = array_of(pc_item_get(f->root, "data"));
    PC_CHECK(v != NULL && v->data != NULL, PC_EFORMAT, "no array 'data' in the file");
    PC_CHECK(v->kind == 'u' && v->size == 1 && v->ndim == 2 && !v->fortran, PC_EFORMAT,
             "'data' must be a two-dimensional array of uint8 in C order");
    PC_CHECK(v->shape[1] == ROW, PC_EFORMAT, "the rows of 'data' have %lld bytes, images of 32 x 32 pixels have %d",
             (long long)v->shape[1], ROW);
    *out = v;
done:
    return status;
}

static int64_t element(const pc_pickled_array *v, int64_t k)
{
    uint64_t x = 0;
    for (int b = 0; b < v->size; b++) {
        uint8_t byte = v->data[k * v->size + (v->swapped ? v->size - 1 - b : b)];
        x |= (uint64_t)byte << 8 * b;
    }
    if (v->kind == 'i' && v->size < 8 && x >> (8 * v->size - 1)) x |= ~(uint64_t)0 << 8 * v->size;
    return (int64_t)x;
}

/* A list of ints, an array of them, or a list of NumPy's scalars. */
static pc_status read_labels(const pc_cifar_file *f, int64_t n, int64_t classes, int64_t *dst)
{
    pc_status status = PC_OK;
    const pc_item *o = pc_item_get(f->root, "labels");
    if (o == NULL) o = pc_item_get(f->root, "fine_labels");
    const pc_pickled_array *v = array_of(o);
    PC_CHECK(o != NULL
                 && (o->kind == PC_ITEM_LIST || o->kind == PC_ITEM_TUPLE
                     || (v != NULL && v->data != NULL && v->ndim == 1 && (v->kind == 'i' || v->kind == 'u'))),
             PC_EFORMAT, "no list 'labels' or 'fine_labels' in the file");
    int64_t count = v != NULL ? v->shape[0] : o->n;
    PC_CHECK(count == n, PC_EFORMAT, "%lld images, but %lld labels", (long long)n, (long long)count);
    for (int64_t k = 0; k < n; k++) {
        const pc_pickled_array *scalar = v == NULL ? array_of(o->items[k]) : NULL;
        bool number =
            scalar != NULL && scalar->data != NULL && scalar->ndim == 0 && (scalar->kind == 'i' || scalar->kind == 'u');
        PC_CHECK(v != NULL || number || o->items[k]->kind == PC_ITEM_INT, PC_EFORMAT, "the label of image %lld is %s",
                 (long long)k, pc_item_kind_name(o->items[k]));
        dst[k] = v != NULL ? element(v, k) : number ? element(scalar, 0) : o->items[k]->i;
        PC_CHECK(dst[k] >= 0 && dst[k] < classes, PC_EFORMAT, "image %lld has the label %lld, there are %lld classes",
                 (long long)k, (long long)dst[k], (long long)classes);
    }
done:
    return status;
}

typedef struct planes {
    const uint8_t *src;
    uint8_t *dst;
} planes;

static pc_status interleave(void *ctx, int64_t begin, int64_t end)
{
    planes *p = ctx;
    for (int64_t k = begin; k < end; k++) {
        const uint8_t *restrict r = p->src + k * ROW, *restrict g = r + PLANE, *restrict b = g + PLANE;
        uint8_t *restrict dst = p->dst + k * ROW;
        for (int x = 0; x < PLANE; x++) {
            dst[3 * x] = r[x];
            dst[3 * x + 1] = g[x];
            dst[3 * x + 2] = b[x];
        }
    }
    return PC_OK;
}

/* ---- all ---------------------------------------------------------------------------------------------- */

typedef struct set {
    pc_tensor *images, *labels; /* with room for more than n */
    int64_t n;
} set;

/* Room for `need` images; files of a set have equal counts, so the first one's is a good guess for all. */
static pc_status reserve(set *s, int64_t need, int64_t guess)
{
    pc_status status = PC_OK;
    pc_tensor *images = NULL, *labels = NULL;
    int64_t room = need > guess ? need : guess;
    if (s->images != NULL && need <= s->images->shape[0]) return PC_OK;
    PC_TRY(pc_tensor_new(PC_U8, 4, (int64_t[]){ room, SIDE, SIDE, 3 }, &images));
    PC_TRY(pc_tensor_new(PC_I64, 1, &room, &labels));
    if (s->n > 0) memcpy(pc_data(images), pc_data(s->images), (size_t)(s->n * ROW));
    if (s->n > 0) memcpy(pc_data(labels), pc_data(s->labels), (size_t)s->n * sizeof(int64_t));
    pc_release(s->images);
    pc_release(s->labels);
    s->images = images;
    s->labels = labels;
    images = labels = NULL;
done:
    pc_release(images);
    pc_release(labels);
    return status;
}

static pc_status add_file(set *s, const char *path, int64_t files_left, int64_t classes)
{
    pc_status status = PC_OK;
    pc_cifar_file f;
    const pc_pickled_array *rows = NULL;
    PC_TRY(pc_cifar_open(path, &f));
    status = find_rows(&f, &rows);
    if (status == PC_OK) status = reserve(s, s->n + rows->shape[0], s->n + files_left * rows->shape[0]);
    if (status == PC_OK) status = read_labels(&f, rows->shape[0], classes, (int64_t *)pc_data(s->labels) + s->n);
    if (status == PC_OK) {
        planes p = { rows->data, (uint8_t *)pc_data(s->images) + s->n * ROW };
        status = pc_parallel_for(rows->shape[0], GRAIN, interleave, &p);
    }
    if (status == PC_OK) s->n += rows->shape[0];
    pc_cifar_close(&f);
done:
    return status;
}

pc_status pc_cifar_read(const char *const *paths, int count, int64_t classes, pc_tensor **images, pc_tensor **labels,
                        int *which)
{
    pc_status status = PC_OK;
    set s = { 0 };
    for (*which = 0; *which < count; ++*which) PC_TRY(add_file(&s, paths[*which], count - *which, classes));
    PC_TRY(reserve(&s, s.n, 0));
    s.images->shape[0] = s.labels->shape[0] = s.n; /* room beyond the end stays unused */
    s.images->numel = s.n * ROW;
    s.labels->numel = s.n;
    *images = s.images;
    *labels = s.labels;
    s = (set){ 0 };
done:
    pc_release(s.images);
    pc_release(s.labels);
    return status;
}
