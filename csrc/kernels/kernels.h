/* kernels.h -- the table of hot loops, one per instruction set, and the one in use. */
#ifndef PC_KERNELS_H
#define PC_KERNELS_H
#include "rows.h"
#include "pool.h"
#include "dots.h"
#include "tile.h"
#include "optim.h"
#include "reduce.h"
#include "winograd.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct pc_kernels {
    const char *isa;
#define KERNEL(ret, name, params) ret(*name) params;
#include "kernels.def"
#undef KERNEL
} pc_kernels;

extern const pc_kernels *pc_k;
extern const pc_kernels pc_kernels_base, pc_kernels_v3, pc_kernels_v4;

#endif
