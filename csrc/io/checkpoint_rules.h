/* checkpoint_rules.h -- what a checkpoint's pickle may name, for those who read archives that hold more than one. */
#ifndef PC_CHECKPOINT_RULES_H
#define PC_CHECKPOINT_RULES_H
#include "checkpoint.h"
#include "zip.h"

#define STORAGE_BUCKETS 4096

typedef struct pc_checkpoint_context {
    pc_checkpoint *checkpoint;
    int id_length; /* of persistent ids: 5, in legacy files 6 */
    int64_t count;
    struct bucket {
        pc_saved_storage *storage;
        struct bucket *next;
    } *buckets[STORAGE_BUCKETS];
} pc_checkpoint_context;

extern const pc_pickle_rules pc_checkpoint_rules; /* their ctx is a pc_checkpoint_context */
/* NULL: no storage of that key. */
pc_saved_storage *pc_find_storage(const pc_checkpoint_context *c, const char *key, int64_t n);
/* checkpoint_read.c: one pickle of an archive and the storages that it mentions, from a folder; context->checkpoint,
   empty before, gets them. rules may be others that build on pc_checkpoint_rules. */
pc_status pc_checkpoint_read_records(const pc_zip *z, const char *pickle, const char *folder,
                                     const pc_pickle_rules *rules, pc_checkpoint_context *context);

#endif
