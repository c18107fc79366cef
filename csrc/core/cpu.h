/* cpu.h -- what this processor can do and which instruction set the kernels use. */
#ifndef PC_CPU_H
#define PC_CPU_H
#include <stdbool.h>

typedef enum pc_isa { PC_ISA_BASE = 0, PC_ISA_V3, PC_ISA_V4, PC_ISA_COUNT } pc_isa; /* SSE2; AVX2+FMA; AVX-512 */

typedef struct pc_cpu {
    bool avx2_fma, avx512;   /* usable: supported by processor and system */
    bool amd;
    int family, model;
} pc_cpu;

const pc_cpu *pc_cpu_info(void);
bool pc_cpu_supports(pc_isa isa);
const char *pc_isa_name(pc_isa isa); /* "base", "v3", "v4" */

#endif
