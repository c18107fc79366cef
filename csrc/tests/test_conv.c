/* test_conv.c -- convolution, ReLU and pooling in float32 against the plain loops of float64: every instruction set,
   threads, layouts, and every allocation failing in turn. Meant for the sanitizers too. */
#include "../autograd/autograd.h"
#include "../core/alloc.h"
#include "../core/cpu.h"
#include "../core/parallel.h"
#include "../ops/copy.h"
#undef NDEBUG
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned seed = 1;
static int64_t pick(int n) { return rand_r(&seed) % n; }

static pc_tensor *random_tensor(int ndim, const int64_t *shape, bool channels_last)
{
    pc_tensor *t;
    int64_t c = shape[1], stride[4] = { 0 };
    if (channels_last) {
        memcpy(stride, (int64_t[]){ shape[2] * shape[3] * c, 1, shape[3] * c, c }, sizeof stride);
        assert(pc_tensor_new_strided(PC_F32, ndim, shape, stride, &t) == PC_OK);
    } else {
        assert(pc_tensor_new(PC_F32, ndim, shape, &t) == PC_OK);
    }
    for (int64_t i = 0; i < t->numel; i++) pc_f32(t)[i] = (float)(rand_r(&seed) % 2001 - 1000) / 1000;
    return t;
}

static pc_value ints(int64_t h, int64_t w) { return (pc_value){ .kind = PC_INTS, .ints = { 2, { h, w } } }; }
static pc_value integer(int64_t i) { return (pc_value){ .kind = PC_INT, .i = i }; }

static pc_status apply(const char *name, int nin, pc_tensor **in, const pc_value *v, pc_tensor **out)
{
    int nout;
    return pc_op_apply(pc_op_find(name), nin, in, v, false, 1, out, &nout);
}

typedef struct shape {
    int64_t n, c, h, w, k, r, s, sh, sw, ph, pw, dh, dw, groups, pool;
    bool channels_last;
} shape;

/* relu(conv(x)) pooled; then gradients of x, w, b for a given gradient. results: y, gx, gw, gb. */
static pc_status run(const shape *a, pc_tensor *const *leaves, pc_tensor *seed_grad, pc_tensor **results)
{
    pc_status status = PC_OK;
    pc_tensor *y = NULL, *z = NULL;
    pc_value conv[PC_MAX_PARAMS] = { ints(a->sh, a->sw), ints(a->ph, a->pw), ints(a->dh, a->dw), integer(a->groups) };
    pc_value pool[PC_MAX_PARAMS] = { ints(a->pool, a->pool), { .kind = PC_NONE }, ints(0, 0), ints(1, 1), integer(1) };
    PC_TRY(apply("conv2d", 3, (pc_tensor *[]){ leaves[0], leaves[1], leaves[2] }, conv, &y));
    PC_TRY(apply("relu", 1, &y, NULL, &z));
    pc_release(y);
    y = NULL;
    PC_TRY(apply("max_pool2d", 1, &z, pool, &y));
    if (seed_grad != NULL) PC_TRY(pc_backward(1, &y, &seed_grad, false, 3, leaves, results + 1));
    results[0] = y;
    y = NULL;
done:
    pc_release(y);
    pc_release(z);
    return status;
}

static pc_tensor *doubled(pc_tensor *t)
{
    pc_tensor *out;
    assert(pc_cast(t, PC_F64, &out) == PC_OK);
    out->requires_grad = t->requires_grad;
    return out;
}

static void release_all(pc_tensor **t, int n)
{
    for (int i = 0; i < n; i++) {
        pc_release(t[i]);
        t[i] = NULL;
    }
}

static void compare(pc_tensor *got, pc_tensor *want)
{
    pc_tensor *a, *b;
    double difference = 0, norm = 0;
    pc_tensor *wide = doubled(got);
    assert(pc_same_shape(got, want));
    assert(pc_contiguous(wide, &a) == PC_OK && pc_contiguous(want, &b) == PC_OK);
    for (int64_t i = 0; i < a->numel; i++) {
        double x = ((double *)pc_data(a))[i], y = ((double *)pc_data(b))[i];
        difference += (x - y) * (x - y);
        norm += y * y;
    }
    assert(sqrt(difference) <= 3e-6 * (sqrt(norm) + sqrt((double)a->numel)));
    pc_release(a);
    pc_release(b);
    pc_release(wide);
}

/* stride: of a 3x3 filter that Winograd's algorithms can do; 0: any convolution. */
static shape random_shape(int64_t stride)
{
    static const int64_t channels[] = { 1, 2, 3, 5, 8, 16, 17, 33 }, taps[] = { 1, 2, 3, 3, 5 };
    for (;;) {
        shape a = { .n = 1 + pick(3), .h = 1 + pick(12), .w = 1 + pick(12), .r = taps[pick(5)], .s = taps[pick(5)],
                    .sh = 1 + pick(3), .sw = 1 + pick(3), .ph = pick(3), .pw = pick(3), .dh = 1 + pick(2),
                    .dw = 1 + pick(2), .groups = 1 + pick(3) / 2, .pool = 1 + pick(3), .channels_last = pick(2) };
        if (stride != 0) {
            a.r = a.s = 3;
            a.sh = a.sw = stride;
            a.dh = a.dw = a.groups = 1;
        }
        a.c = a.groups * channels[pick(8)];
        a.k = a.groups * channels[pick(8)];
        if (stride == 0 && pick(5) == 0) a.groups = a.k = a.c;
        int64_t oh = a.h + 2 * a.ph - (a.r - 1) * a.dh, ow = a.w + 2 * a.pw - (a.s - 1) * a.dw;
        if (oh > 0 && ow > 0) return a;
    }
}

static void make_leaves(const shape *a, pc_tensor **leaves)
{
    leaves[0] = random_tensor(4, (int64_t[]){ a->n, a->c, a->h, a->w }, a->channels_last);
    leaves[1] = random_tensor(4, (int64_t[]){ a->k, a->c / a->groups, a->r, a->s }, false);
    leaves[2] = random_tensor(1, &a->k, false);
    for (int i = 0; i < 3; i++) leaves[i]->requires_grad = true;
}

static void test_against_double(const char *algorithm, int64_t stride)
{
    assert(pc_force_convolution(algorithm) == PC_OK);
    for (int round = 0; round < (algorithm == NULL ? 150 : 40); round++) {
        shape a = random_shape(stride);
        pc_tensor *leaves[3], *wide[3], *grad = NULL, *wide_grad, *got[4] = { NULL }, *want[4] = { NULL }, *peek = NULL;
        pc_set_grad_enabled(true);
        make_leaves(&a, leaves);
        for (int i = 0; i < 3; i++) wide[i] = doubled(leaves[i]);
        assert(run(&a, leaves, NULL, &peek) == PC_OK);
        grad = random_tensor(4, peek->shape, pick(2));
        wide_grad = doubled(grad);
        wide_grad->requires_grad = false;
        assert(run(&a, leaves, grad, got) == PC_OK);
        assert(run(&a, wide, wide_grad, want) == PC_OK);
        /* A value within rounding of 0 may be cut by one ReLU and not by the other; with these values it is rare. */
        for (int i = 0; i < 4; i++) compare(got[i], want[i]);
        release_all(got, 4);
        release_all(want, 4);
        release_all(leaves, 3);
        release_all(wide, 3);
        release_all(&grad, 1);
        release_all(&wide_grad, 1);
        release_all(&peek, 1);
    }
}

static void test_failing_allocations(int64_t c, int64_t filter, int64_t stride)
{
    shape a = { .n = 3, .c = c, .h = 9, .w = 8, .k = 20, .r = filter, .s = filter, .sh = stride, .sw = 1,
                .ph = 1, .pw = 1, .dh = 1, .dw = 1, .groups = 1, .pool = 2 };
    pc_tensor *leaves[3], *grad, *peek = NULL;
    make_leaves(&a, leaves);
    assert(run(&a, leaves, NULL, &peek) == PC_OK);
    grad = random_tensor(4, peek->shape, false);
    release_all(&peek, 1);
    int64_t live = pc_alloc_stats().live_blocks;
    for (int64_t n = 0;; n++) {
        pc_tensor *results[4] = { NULL };
        pc_alloc_fail_after(n);
        pc_status status = run(&a, leaves, grad, results);
        pc_alloc_fail_after(-1);
        assert(status == PC_OK || status == PC_ENOMEM);
        release_all(results, 4);
        assert(pc_alloc_stats().live_blocks == live);
        if (status == PC_OK) {
            assert(n > 20);
            break;
        }
    }
    release_all(leaves, 3);
    release_all(&grad, 1);
}

int main(void)
{
    assert(pc_init() == PC_OK);
    int64_t live = pc_alloc_stats().live_blocks;
    for (int isa = 0; isa < PC_ISA_COUNT; isa++) {
        if (!pc_cpu_supports((pc_isa)isa)) continue;
        assert(pc_use_isa(pc_isa_name((pc_isa)isa)) == PC_OK);
        for (int threads = 1; threads <= 3; threads += 2) {
            assert(pc_set_num_threads(threads) == PC_OK);
            test_against_double("winograd F(4x4) thin", 1);
            test_failing_allocations(5, 3, 1);
            test_against_double("winograd F(4x4)", 1);
            test_failing_allocations(5, 3, 1);
            test_against_double("winograd F(2x2)", 1);
            test_failing_allocations(5, 3, 1);
            test_against_double("winograd stride 2", 2);
            test_failing_allocations(5, 3, 2);
            test_against_double(NULL, 0);
            test_failing_allocations(5, 3, 2);
            test_failing_allocations(3, 7, 2);
        }
    }
    assert(pc_alloc_stats().live_blocks == live);
    puts("test_conv: ok");
    return 0;
}
