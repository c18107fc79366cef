/* storage.h -- what the rest of core knows of storages beyond tensor.h. */
#ifndef PC_STORAGE_H
#define PC_STORAGE_H
#include "tensor.h"

/* Around data, which may be NULL for now; it becomes the storage's. */
pc_status pc_storage_new(int64_t bytes, void *data, pc_storage **out);
/* saved: the reference was one of those that s->saved counts. NULL is allowed. */
void pc_storage_release_as(pc_storage *s, bool saved);

#endif
