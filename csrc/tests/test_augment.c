/* test_augment.c -- random chains of image steps on random sizes: memory of the stated sizes suffices (sanitizers see
   to that), all instruction sets agree, what is said of a chain beforehand is true, and the program's chain is fast. */
#include "../core/alloc.h"
#include "../core/cpu.h"
#include "../data/augment.h"
#include "../image/image.h"
#include "../kernels/kernels.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_STEPS 6
#define MAX_NUMBERS 24

static unsigned seed = 1;
static int below(int n) { return rand_r(&seed) % n; }
static double between(double lo, double hi) { return lo + (hi - lo) * (rand_r(&seed) / (double)RAND_MAX); }

typedef struct chain {
    pc_step step[MAX_STEPS * 3];
    double v[MAX_STEPS * 3][MAX_NUMBERS];
    int n;
} chain;

static void add(chain *c, const char *name, int n, const double *v)
{
    for (int k = 0; k < n; k++) c->v[c->n][k] = v[k];
    c->step[c->n] = (pc_step){ name, n, c->v[c->n] };
    c->n++;
}
#define ADD(name, ...)                                                                                                 \
    add(c, name, (int)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), (double[]){ __VA_ARGS__ })

static const double any_filter[3] = { 0, 2, 3 };

static void add_byte_step(chain *c)
{
    double f = any_filter[below(3)], size = 1 + below(40), size2 = 1 + below(40), fill = below(256),
           version = 1 + below(2);
    switch (below(25)) {
    case 0: add(c, "hflip", 0, NULL); break;
    case 1: add(c, "vflip", 0, NULL); break;
    case 2: ADD("crop", below(30) - 10, below(30) - 10, size, size2); break;
    case 3: ADD("pad", below(9), below(9), below(9), below(9), below(4), fill); break;
    case 4: ADD("resize", size, size2, below(PC_FILTER_COUNT)); break;
    case 5: ADD("rotate", between(-400, 400), f, below(2), below(2), between(-9, 40), between(-9, 40), fill); break;
    case 6:
        ADD("affine", between(-90, 90), below(9) - 4, below(9) - 4, between(0.2, 3), between(-50, 50), between(-50, 50),
            below(2), version, f, 0, below(2), 3, 4, fill);
        break;
    case 7: ADD("brightness", between(-1, 3)); break;
    case 8: ADD("contrast", between(-1, 3)); break;
    case 9: ADD("saturation", between(-1, 3)); break;
    case 10: ADD("hue", between(-0.5, 0.5)); break;
    case 11: ADD("sharpness", between(-1, 3)); break;
    case 12: ADD("gamma", between(0, 3), 1); break;
    case 13:
        if (below(3) == 0) add(c, "rgb", 0, NULL);
        else if (below(2)) ADD("grey", below(2) * 3);
        else ADD("tensor_grey", below(2) * 3);
        break;
    case 14: add(c, below(2) ? "invert" : "autocontrast", 0, NULL); break;
    case 15: add(c, "equalize", 0, NULL); break;
    case 16: ADD("posterize", 1 + below(8)); break;
    case 17: ADD("solarize", between(0, 256)); break;
    case 18: ADD("random_resized_crop", size, size2, 0.05, 1.2, 0.3, 3, below(PC_FILTER_COUNT)); break;
    case 19: ADD("color_jitter", 1, 0, 2, below(2), 0, 2, below(2), 0, 2, below(2), -0.5, 0.5, below(2)); break;
    case 20: ADD("random_rotation", -180, 180, f, below(2), 0, 0, 0, fill); break;
    case 21:
        ADD("random_affine", -30, 30, 1, 0.3, 0.3, 1, 0.5, 2, 4, -20, 20, -20, 20, version, f, 0, 0, 0, 0, fill);
        break;
    case 22: ADD("rand_augment", below(4), below(31), 31, version, f, 0, 0, 0, 0, fill); break;
    case 23: ADD("trivial_augment", 31, version, f, 0, 0, 0, 0, fill); break;
    default:
        ADD("pad_to", 25, 25, below(4), fill);
        ADD("random_crop", 1 + below(25), 1 + below(25), version, below(2));
        break;
    }
}

static void add_float_step(chain *c)
{
    switch (below(7)) {
    case 0: add(c, "hflip", 0, NULL); break;
    case 1: ADD("center_crop", 1 + below(40), 1 + below(40)); break;
    case 2: ADD("pad", below(5), below(5), below(5), below(5), 0, 0.25); break;
    case 3: ADD("normalize", 0.5, 0.25); break;
    case 4: ADD("random_erasing", 0.02, 0.4, 0.3, 3.3, 0.5); break;
    case 5: ADD("random_erasing", 0, 0.4, 0.3, 3.3); break; /* normal noise */
    default: add(c, "vflip", 0, NULL); break;
    }
}

static void build(chain *c)
{
    c->n = 0;
    bool floats = below(2);
    for (int k = below(MAX_STEPS); k >= 0; k--) {
        if (below(4) == 0) ADD("chance", below(3), 0.5, 1);
        add_byte_step(c);
    }
    if (!floats) return;
    ADD("to_tensor", below(PC_SCALING_COUNT));
    for (int k = below(4); k > 0; k--) {
        if (below(4) == 0) ADD("chance", below(3), 0.5, 1);
        add_float_step(c);
    }
}

/* A block of exactly that size, so that a sanitizer sees every step beyond it. */
static void *exactly(size_t bytes) { return memset(malloc(bytes + !bytes), 0xAA, bytes + !bytes); }

static void use(const pc_kernels *k) { pc_k = k; }

static int run_chain(const chain *c)
{
    static const pc_kernels *const tables[] = { &pc_kernels_base, &pc_kernels_v3, &pc_kernels_v4 };
    pc_pipeline *p;
    pc_status status = pc_pipeline_new(c->step, c->n, &p);
    assert(status == PC_OK);
    pc_image_shape in = { 1 + below(40), 1 + below(40), below(2) ? 3 : 1 }, out, said;
    bool is_float, said_float;
    size_t bytes = (size_t)in.h * in.w * in.c;
    uint8_t *src = malloc(bytes);
    for (size_t i = 0; i < bytes; i++) src[i] = (uint8_t)below(256);
    void *plan = exactly(pc_pipeline_plan_bytes(p));
    pc_generator g;
    pc_generator_init(&g, (uint64_t)below(1000));
    bool fixed = pc_pipeline_output(p, in, &said, &said_float) == PC_OK;
    status = pc_pipeline_draw(p, &g, in, plan);
    if (status == PC_OK) {
        pc_plan_output(plan, &out, &is_float);
        assert(!fixed || (out.h == said.h && out.w == said.w && out.c == said.c && is_float == said_float));
        size_t scratch_bytes = pc_plan_scratch_bytes(plan), fixed_bytes = pc_pipeline_scratch_bytes(p, in);
        assert(fixed ? fixed_bytes >= scratch_bytes : fixed_bytes == 0);
        size_t n = (size_t)out.h * out.w * out.c, size = n * (is_float ? sizeof(float) : 1);
        char *first = exactly(size), *dst = exactly(size);
        void *scratch = exactly(scratch_bytes);
        for (int isa = 0; isa < PC_ISA_COUNT; isa++)
            for (int nhwc = 0; nhwc < 2; nhwc++) {
                if (!pc_cpu_supports((pc_isa)isa)) continue;
                use(tables[isa]);
                status = pc_pipeline_apply(p, plan, in, src, dst, nhwc, scratch);
                assert(status == PC_OK);
                if (isa == 0 && nhwc == 0) memcpy(first, dst, size);
                for (size_t i = 0; i < n; i++) { /* i: its place where channels come first */
                    size_t hw = (size_t)out.h * out.w, j = nhwc ? i % hw * (size_t)out.c + i / hw : i, w = size / n;
                    assert(memcmp(first + i * w, dst + j * w, w) == 0);
                }
            }
        free(first);
        free(dst);
        free(scratch);
    } else {
        assert(status == PC_EVALUE && !fixed);
    }
    free(src);
    free(plan);
    pc_pipeline_free(p);
    return status == PC_OK;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Flip, rotation, brightness, contrast, ToTensor, Normalize on 32 x 32 x 3. */
static void time_program(void)
{
    chain chain, *c = &chain;
    c->n = 0;
    ADD("chance", 0, 0.5, 1);
    add(c, "hflip", 0, NULL);
    ADD("random_rotation", -15, 15, 0, 0, 0, 0, 0, 0);
    ADD("color_jitter", 1, 0.8, 1.2, 1, 0.8, 1.2, 0, 0, 0, 0, 0, 0, 0);
    ADD("to_tensor", 0);
    ADD("normalize", 0.49, 0.48, 0.45, 0.2, 0.2, 0.2);
    pc_pipeline *p;
    pc_status status = pc_pipeline_new(c->step, c->n, &p);
    assert(status == PC_OK);
    pc_image_shape in = { 32, 32, 3 };
    void *plan = malloc(pc_pipeline_plan_bytes(p)), *scratch = malloc(pc_pipeline_scratch_bytes(p, in));
    uint8_t *src = malloc(3072);
    for (int i = 0; i < 3072; i++) src[i] = (uint8_t)(i * 7);
    float *dst = malloc(3072 * sizeof *dst);
    pc_generator g;
    pc_generator_init(&g, 1);
    double best = 1;
    for (int round = 0; round < 8; round++) {
        double start = seconds();
        for (int k = 0; k < 500; k++) {
            status = pc_pipeline_draw(p, &g, in, plan);
            if (status == PC_OK) status = pc_pipeline_apply(p, plan, in, src, dst, false, scratch);
            assert(status == PC_OK);
        }
        double each = (seconds() - start) / 500;
        if (each < best) best = each;
    }
    printf("  the program's transform: %.1f us an image\n", best * 1e6);
    free(plan);
    free(scratch);
    free(src);
    free(dst);
    pc_pipeline_free(p);
}

int main(void)
{
    chain c;
    int ran = 0;
    pc_mem_stats before = pc_alloc_stats();
    for (int k = 0; k < 1500; k++) {
        build(&c);
        ran += run_chain(&c);
    }
    time_program();
    assert(pc_alloc_stats().live_blocks == before.live_blocks);
    printf("  %d of 1500 chains applied, the others refused\n", ran);
    assert(ran > 1000);
    return 0;
}
