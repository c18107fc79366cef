/* bench_conv.c -- the convolution kernels alone: what the product microkernel reaches, for each instruction set.
   make bench in csrc/. */
#include "../core/cpu.h"
#include "../kernels/kernels.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A 3x3 filter over a row of `pixels`, c channels to `width`: billions of operations a second, best of 20. */
static double tile_speed(const pc_kernels *k, int64_t c, int64_t pixels, int64_t width)
{
    const int64_t lanes = width > k->f32_tile_width() / 2 ? k->f32_tile_width() : k->f32_tile_width() / 2;
    float *a = calloc((size_t)(3 * (pixels + 2) * c), sizeof *a), *b = calloc((size_t)(9 * c * lanes), sizeof *b);
    float *out = calloc((size_t)(pixels * width), sizeof *out);
    double best = 0;
    pc_tile t = { .a = a, .ai = c, .a4 = 4 * c, .au = (pixels + 2) * c, .aq = 1, .b = b, .bu = 3 * c * lanes, .bq = lanes,
                  .nu = 3, .nv = 1, .n = 3 * c, .c = out, .ci = width, .c4 = 4 * width, .m = pixels, .width = width };
    if (a != NULL && b != NULL && out != NULL) {
        double work = 2e-9 * 9 * (double)(c * pixels * width);
        int calls = (int)(2e-3 / work) + 1;
        for (int round = 0; round < 20; round++) {
            double start = now();
            for (int i = 0; i < calls; i++) k->f32_tile(&t);
            double speed = work * calls / (now() - start);
            if (speed > best) best = speed;
        }
    }
    free(a);
    free(b);
    free(out);
    return best;
}

int main(void)
{
    static const pc_kernels *const tables[PC_ISA_COUNT] = { &pc_kernels_base, &pc_kernels_v3, &pc_kernels_v4 };
    printf("%-6s %8s %8s %8s  GFLOP/s\n", "isa", "channels", "pixels", "width");
    for (int isa = 0; isa < PC_ISA_COUNT; isa++) {
        if (!pc_cpu_supports((pc_isa)isa)) continue;
        const pc_kernels *k = tables[isa];
        for (int64_t c = 3; c <= 512; c = c == 3 ? 32 : c * 4)
            for (int64_t pixels = 4; pixels <= 32; pixels *= 2)
                printf("%-6s %8d %8d %8d  %.1f\n", k->isa, (int)c, (int)pixels, (int)k->f32_tile_width(),
                       tile_speed(k, c, pixels, k->f32_tile_width()));
        printf("%-6s %8d %8d %8d  %.1f\n", k->isa, 64, 16, 10,
               tile_speed(k, 64, 16, k->f32_tile_width() < 10 ? 4 : 10));
    }
    return 0;
}
