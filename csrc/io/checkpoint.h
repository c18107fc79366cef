/* checkpoint.h -- what torch.save writes: tensors in a tree of plain values. Files of torch 0.4 to today are read. */
#ifndef PC_CHECKPOINT_H
#define PC_CHECKPOINT_H
#include "../core/tensor.h"
#include "file.h"
#include "pickle.h"

/* Of the format before torch 1.6. */
#define PC_LEGACY_PROTOCOL 1001

/* ---- reading ------------------------------------------------------------------------------------- */

/* Tags of objects in the tree (NumPy's of pickle.h come in addition). */
typedef enum pc_checkpoint_tag {
    PC_OBJECT_TENSOR = 1,  /* object: pc_saved_tensor */
    PC_OBJECT_PARAMETER,   /* extra: its tensor's item; i: does it require grad? */
    PC_OBJECT_STORAGE,     /* never a value by itself */
    PC_OBJECT_SIZE,        /* extra: a tuple of ints */
    PC_OBJECT_DEVICE,      /* extra: the tuple of its arguments */
    PC_OBJECT_SCALAR_TYPE  /* i: a pc_dtype */
} pc_checkpoint_tag;

typedef struct pc_saved_storage {
    const char *key;       /* terminated */
    pc_dtype dtype;
    int64_t numel;
    pc_tensor *values;     /* one-dimensional; owned by the checkpoint */
    struct pc_saved_storage *next;
} pc_saved_storage;

typedef struct pc_saved_tensor {
    pc_saved_storage *storage;
    int ndim;
    bool requires_grad;
    int64_t numel, offset, shape[PC_MAX_DIMS], stride[PC_MAX_DIMS];
} pc_saved_tensor;

typedef struct pc_checkpoint {
    pc_arena arena;
    pc_item *root;
    int64_t used;          /* bytes of the source that it took, for files with several in a row */
    bool legacy;           /* as torch before 1.6 wrote */
    uint8_t *pickle;       /* what strings in the tree point to; NULL: into the source's memory */
    pc_saved_storage *storages, *last_storage;
} pc_checkpoint;

/* s must outlive *out if it is memory. PC_EFORMAT with the reason for what is damaged, not a checkpoint, or holds
   anything beyond tensors and plain values. The storages' CRC-32 is checked as they are read; the message names the
   tensor. */
pc_status pc_checkpoint_load(const pc_source *s, pc_checkpoint **out);
void pc_checkpoint_free(pc_checkpoint *c);
/* A tensor of the loaded values; tensors of one storage share it. */
pc_status pc_saved_tensor_make(const pc_saved_tensor *t, pc_tensor **out);

/* ---- writing ------------------------------------------------------------------------------------- */

typedef struct pc_blob {
    const void *data;
    int64_t bytes, elements;
} pc_blob;

/* "FloatStorage" */
const char *pc_storage_type_name(pc_dtype d);
/* The folder in the archive: the file's name without its last extension. At most size bytes into buf; returns buf. */
char *pc_archive_name(const char *path, char *buf, size_t size);
/* An archive of a pickle and the storages 0, 1, ... that it mentions. */
pc_status pc_checkpoint_write(pc_sink *sink, const char *archive, const uint8_t *pickle, int64_t n,
                              const pc_blob *storages, int64_t count);
/* The same as torch before 1.6 wrote it: a row of pickles, then the storages. The pickle's persistent ids have six
 * items. */
pc_status pc_checkpoint_write_legacy(pc_sink *sink, const uint8_t *pickle, int64_t n, const pc_blob *storages,
                                     int64_t count);

#endif
