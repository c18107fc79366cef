/* isa.inc.c -- all kernel bodies in one translation unit, compiled once per instruction set with PC_ISA_SUFFIX set
   by the build (base, v3, v4). Everything is static: nothing compiled for one processor can reach another. */
#include "half.h"
#include "kernels.h"
#include "vec.h"
#include "vec_math.h"
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "eltwise.inc.c"
#include "random.inc.c"
#include "activation.inc.c"
#include "pool.inc.c"
#include "conv.inc.c"
#include "winograd.inc.c"
#include "linear.inc.c"
#include "norm.inc.c"
#include "softmax.inc.c"
#include "optim.inc.c"
#include "image.inc.c"
#include "reduce.inc.c"

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)
#define TEXT2(a) #a
#define TEXT(a) TEXT2(a)

const pc_kernels PASTE(pc_kernels_, PC_ISA_SUFFIX) = {
    TEXT(PC_ISA_SUFFIX),
#define KERNEL(ret, name, params) name,
#include "kernels.def"
#undef KERNEL
};
