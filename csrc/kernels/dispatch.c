/* dispatch.c -- the table in use. Which one the processor can run is decided by the caller. */
#include "kernels.h"

const pc_kernels *pc_k = &pc_kernels_base;
