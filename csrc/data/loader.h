/* loader.h -- batches of a data set in memory, made by threads ahead of whoever consumes them. */
#ifndef PC_LOADER_H
#define PC_LOADER_H
#include "batch.h"

typedef struct pc_loader pc_loader;

/* Batch k (counted from the last reset) is made by thread k mod workers, whose generator is seeded base_seed + its
   number and lives as long as the loader: what torch's worker processes draw. What source points to outlives the
   loader. */
pc_status pc_loader_new(const pc_source *source, int workers, uint64_t base_seed, pc_loader **out);
/* Let another batch be made; indices are copied. */
pc_status pc_loader_submit(pc_loader *l, const int64_t *indices, int64_t count);
/* Batches submitted and not yet taken. */
int64_t pc_loader_pending(const pc_loader *l);
/* The oldest of them, or its failure. Waits at most timeout_ns (0: for ever). */
pc_status pc_loader_next(pc_loader *l, int64_t timeout_ns, pc_tensor **out);
/* Drop what is pending once it has been made, so that its draws have happened, and count from 0 again. */
pc_status pc_loader_reset(pc_loader *l);
/* End the threads; batches under way are given up. In a child of the process that made it, only memory is left. */
void pc_loader_free(pc_loader *l);

#endif
