/* cpu.c -- CPUID, asked once. */
#include "cpu.h"
#include <cpuid.h>
#include <pthread.h>
#include <string.h>

static pc_cpu info;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void detect(void)
{
    unsigned a, b, c, d;
    __builtin_cpu_init(); /* also asks the system whether it saves the wide registers */
    info.avx2_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    info.avx512 = info.avx2_fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
                  && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (!__get_cpuid(0, &a, &b, &c, &d)) return;
    info.amd = b == signature_AMD_ebx;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return;
    info.family = (int)((a >> 8) & 15);
    info.model = (int)((a >> 4) & 15);
    if (info.family == 15) info.family += (int)((a >> 20) & 255);
    if (info.family >= 6) info.model += (int)((a >> 12) & 240);
}

const pc_cpu *pc_cpu_info(void)
{
    pthread_once(&once, detect);
    return &info;
}

bool pc_cpu_supports(pc_isa isa)
{
    const pc_cpu *cpu = pc_cpu_info();
    return isa == PC_ISA_BASE || (isa == PC_ISA_V3 && cpu->avx2_fma) || (isa == PC_ISA_V4 && cpu->avx512);
}

const char *pc_isa_name(pc_isa isa)
{
    static const char *names[PC_ISA_COUNT] = { "base", "v3", "v4" };
    return names[isa];
}
