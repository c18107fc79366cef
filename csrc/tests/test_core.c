/* test_core.c -- allocator, thread pool, tensors, private layouts, the pending ReLU, values computed again. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../core/tensor.h"
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- allocator ---------------------------------------------------------------------------------- */

static void test_alloc(void)
{
    pc_mem_stats before = pc_alloc_stats();
    for (size_t bytes = 0; bytes < 100000; bytes = bytes * 5 / 4 + 1) {
        char *p = pc_alloc(bytes);
        assert(p != NULL && (uintptr_t)p % 64 == 0);
        memset(p, 7, bytes);
        pc_free(p);
    }
    pc_alloc_fail_after(1);
    void *first = pc_alloc(10), *second = pc_alloc(10), *third = pc_alloc(10);
    assert(first != NULL && second == NULL && third != NULL);
    pc_free(first);
    pc_free(third);
    assert(pc_alloc((size_t)1 << 60) == NULL);
    assert(pc_calloc((size_t)1 << 40, (size_t)1 << 40) == NULL);
    assert(pc_alloc_stats().live_blocks == before.live_blocks && pc_alloc_stats().live_bytes == before.live_bytes);
}

/* A freed large block serves two of about half its size, and then again one of its own. */
static void test_large_blocks(void)
{
    const size_t mb = (size_t)1 << 20;
    pc_alloc_trim();
    char *large = pc_alloc(41 * mb);
    assert(large != NULL);
    pc_free(large);
    int64_t cached = pc_alloc_stats().cached_bytes; /* 0 under ASan */
    assert(cached == 0 || cached >= (int64_t)(41 * mb));
    char *half = pc_alloc(20 * mb), *other = pc_alloc(20 * mb), *third = pc_alloc(20 * mb);
    assert(half != NULL && other != NULL && third != NULL);
    if (cached != 0) assert(half == large && other > large && other < large + 41 * mb);
    memset(half, 1, 20 * mb);
    memset(other, 2, 20 * mb);
    memset(third, 3, 20 * mb);
    assert(half[20 * mb - 1] == 1 && other[0] == 2 && other[20 * mb - 1] == 2);
    pc_free(half);
    pc_free(third);
    pc_free(other);
    large = pc_alloc(41 * mb);
    assert(large != NULL && (cached == 0 || large == half || large < half));
    memset(large, 1, 41 * mb);
    assert(pc_alloc_stats().peak_bytes >= (int64_t)(60 * mb));
    pc_free(large);
    pc_alloc_trim();
    assert(pc_alloc_stats().cached_bytes == 0 && pc_alloc_stats().peak_bytes == pc_alloc_stats().live_bytes);
}

/* Large blocks of many sizes, each with a number of its own in all of it. */
static void test_many_large_blocks(void)
{
    enum { SLOTS = 40 };
    size_t floats[SLOTS];
    float *p[SLOTS] = { NULL };
    unsigned seed = 7;
    for (int round = 0; round < 3000; round++) {
        int k = (int)(rand_r(&seed) % SLOTS);
        if (p[k] != NULL) {
            for (size_t i = 0; i < floats[k]; i += 1000) assert(p[k][i] == (float)k);
            assert(p[k][floats[k] - 1] == (float)k);
            pc_free(p[k]);
            p[k] = NULL;
        } else {
            floats[k] = (size_t)(rand_r(&seed) % (3 << 20)) + 100000;
            p[k] = pc_alloc(floats[k] * sizeof(float));
            assert(p[k] != NULL && (uintptr_t)p[k] % 64 == 0);
            for (size_t i = 0; i < floats[k]; i += 1000) p[k][i] = (float)k;
            p[k][floats[k] - 1] = (float)k;
        }
        if (round == 2000) pc_alloc_trim();
    }
    for (int k = 0; k < SLOTS; k++) pc_free(p[k]);
    pc_alloc_trim();
    assert(pc_alloc_stats().cached_bytes == 0);
}

static void *churn(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    for (int k = 0; k < 20000; k++) {
        size_t n = (size_t)(rand_r(&seed) % 5000);
        char *p = pc_alloc(n + 1);
        p[0] = p[n] = (char)k;
        pc_free(p);
    }
    return NULL;
}

/* ---- pool --------------------------------------------------------------------------------------- */

typedef struct tally {
    _Atomic int64_t sum, calls;
    int64_t fail_at;
} tally;

static pc_status add_range(void *ctx, int64_t begin, int64_t end)
{
    tally *t = ctx;
    for (int64_t i = begin; i < end; i++) t->sum += i;
    t->calls++;
    if (begin <= t->fail_at && t->fail_at < end) return pc_fail(PC_EVALUE, "at %lld", (long long)t->fail_at);
    return PC_OK;
}

static pc_status nested(void *ctx, int64_t begin, int64_t end)
{
    return pc_parallel_for(10 * (end - begin), 1, add_range, ctx);
}

static void *run_pool(void *arg)
{
    for (int k = 1; k < 300; k++) {
        tally t = { .fail_at = -1 };
        int64_t n = k * 7 % 101 + 1;
        assert(pc_parallel_for(n, k % 5 + 1, add_range, &t) == PC_OK);
        assert(t.sum == n * (n - 1) / 2 && t.calls == (n - 1) / (k % 5 + 1) + 1);
    }
    return arg;
}

static void test_pool(void)
{
    static const int counts[] = { 1, 2, 3, 4, 2, 8, 3 }; /* more, and fewer again: shares of another size */
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        assert(pc_set_num_threads(counts[k]) == PC_OK);
        run_pool(NULL);
        tally t = { .fail_at = 50 };
        assert(pc_parallel_for(100, 1, add_range, &t) == PC_EVALUE && strcmp(pc_last_error(), "at 50") == 0);
        tally u = { .fail_at = -1 };
        assert(pc_parallel_for(8, 1, nested, &u) == PC_OK && u.calls == 80);
    }
    assert(pc_set_num_threads(0) == PC_ESHAPE);
    pthread_t other[3];
    for (int k = 0; k < 3; k++) pthread_create(&other[k], NULL, run_pool, NULL);
    for (int k = 0; k < 3; k++) pthread_join(other[k], NULL);
}

#if !defined(__SANITIZE_THREAD__) /* TSan does not follow a fork of a process with threads */
static void test_fork(void)
{
    pid_t child = fork();
    if (child == 0) {
        run_pool(NULL);
        _exit(0);
    }
    int status;
    assert(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
#endif

static int asked;
static int interrupt(void) { return ++asked >= 3; }
static pc_status slow(void *ctx, int64_t begin, int64_t end)
{
    (void)ctx, (void)begin, (void)end;
    usleep(12000);
    return PC_OK;
}

static void test_interrupt(void)
{
    pc_set_interrupt_check(interrupt);
    assert(pc_parallel_for(1000, 1, slow, NULL) == PC_EINTERRUPT);
    pc_poll_hold();
    assert(pc_poll() == PC_OK);
    pc_poll_resume();
    pc_set_interrupt_check(NULL);
}

/* ---- tensors ------------------------------------------------------------------------------------ */

static void test_shapes(void)
{
    pc_tensor *t = NULL, *view = NULL;
    char text[200];
    assert(pc_tensor_new(PC_F32, 2, (int64_t[]){ 3, 4 }, &t) == PC_OK);
    assert(t->numel == 12 && t->stride[0] == 4 && pc_is_contiguous(t) && strcmp(pc_shape_text(t, text), "[3, 4]") == 0);
    assert(pc_tensor_view(t, 2, (int64_t[]){ 4, 3 }, (int64_t[]){ 1, 4 }, 0, &view) == PC_OK);
    assert(view->base == t && !pc_is_contiguous(view) && pc_is_dense(view));
    pc_release(t);
    pc_release(view);
    t = NULL;
    assert(pc_tensor_new(PC_F32, 1, (int64_t[]){ -1 }, &t) == PC_ESHAPE && t == NULL);
    assert(pc_tensor_new(PC_F32, 2, (int64_t[]){ INT64_C(1) << 40, INT64_C(1) << 40 }, &t) == PC_ESHAPE);
    assert(pc_tensor_new(PC_F32, 1, (int64_t[]){ INT64_C(1) << 50 }, &t) == PC_ENOMEM && t == NULL);
    assert(pc_tensor_new_strided(PC_F32, 4, (int64_t[]){ 2, 3, 4, 5 }, (int64_t[]){ 60, 1, 15, 3 }, &t) == PC_OK);
    assert(pc_is_channels_last(t) && !pc_is_contiguous(t) && pc_is_dense(t));
    pc_release(t);
}

enum { N = 2, C = 3, H = 2, W = 2, COUNT = N * C * H * W };

static pc_tensor *make_private(void)
{
    pc_tensor *t = NULL;
    assert(pc_tensor_new_private(N, C, H, W, &t) == PC_OK);
    for (int k = 0; k < COUNT; k++) pc_tensor_nhwc_new(t)[k] = (float)(k % 2 == 0 ? k : -k);
    return t;
}

/* Element (n, c, i) of the NHWC values that make_private writes. */
static float expected(int n, int c, int i, bool relu)
{
    int k = (n * H * W + i) * C + c;
    float v = (float)(k % 2 == 0 ? k : -k);
    return relu && v < 0 ? 0 : v;
}

static void check_plain(const pc_tensor *t, bool relu)
{
    assert(pc_tensor_settle(t) == PC_OK);
    for (int n = 0; n < N; n++)
        for (int c = 0; c < C; c++)
            for (int i = 0; i < H * W; i++) assert(pc_f32(t)[(n * C + c) * H * W + i] == expected(n, c, i, relu));
}

static void test_private(void)
{
    pc_status status;
    pc_tensor *t = make_private(), *alias = NULL, *flat = NULL;
    assert(pc_tensor_nhwc(t, &status) != NULL && status == PC_OK);
    assert(pc_tensor_alias(t, &alias) == PC_OK && pc_tensor_nhwc(alias, &status) == pc_tensor_nhwc(t, &status));
    assert(pc_tensor_view(t, 1, (int64_t[]){ COUNT }, (int64_t[]){ 1 }, 0, &flat) == PC_OK);
    assert(pc_tensor_nhwc(flat, &status) == NULL && status == PC_OK);
    check_plain(alias, false);
    assert(pc_tensor_nhwc(t, &status) != NULL); /* both places hold the values now */
    assert(pc_tensor_begin_write(t) == PC_OK && t->storage->version == 1);
    assert(pc_tensor_nhwc(t, &status) == NULL && status == PC_OK);
    pc_release(t);
    pc_release(flat);
    pc_release(alias);
}

static void test_pending_relu(void)
{
    pc_status status;
    bool relu;
    pc_tensor *x = make_private(), *y = NULL, *z = NULL;
    assert(pc_tensor_pending_relu(x, &y) == PC_OK && y != NULL);
    assert(pc_tensor_nhwc_pending(y, &relu) == pc_tensor_nhwc_pending(x, &relu) && !relu);
    assert(pc_tensor_nhwc_pending(y, &relu) != NULL && relu);
    assert(pc_tensor_pending_relu(x, &z) == PC_OK && z == NULL); /* one reader at a time */
    assert(pc_tensor_begin_write(x) == PC_OK);                   /* a write settles the reader first */
    pc_f32(x)[0] = 100;
    check_plain(y, true);
    assert(pc_tensor_nhwc(y, &status)[0] == 0 && !(pc_tensor_nhwc_pending(y, &relu) == NULL) && !relu);
    assert(pc_tensor_begin_write(y) == PC_OK); /* a write to the reader: what it read once counts no more */
    assert(pc_tensor_nhwc(y, &status) == NULL && status == PC_OK);
    pc_release(x);
    pc_release(y);

    x = make_private();
    assert(pc_tensor_pending_relu(x, &y) == PC_OK && y != NULL);
    const float *values = pc_tensor_nhwc_pending(x, &relu);
    pc_release(x);                                   /* nobody else sees x: its memory is taken over */
    assert(pc_tensor_nhwc(y, &status) == values && values[1] == 0 && values[2] == 2);
    assert(pc_tensor_pending_relu(y, &z) == PC_OK && z != NULL);
    pc_release(y);
    check_plain(z, true);
    pc_release(z);

    x = make_private();
    assert(pc_tensor_pending_relu(x, &y) == PC_OK && y != NULL);
    pc_release(y);                                   /* a reader that dies unread leaves x free for another */
    assert(pc_tensor_pending_relu(x, &y) == PC_OK && y != NULL);
    pc_release(x);
    pc_release(y);
}

/* ---- values that are computed again -------------------------------------------------------------- */

static void affine(float *y, const float *x, int64_t n, int64_t c, const float *by)
{
    for (int64_t k = 0; k < n * c; k++) y[k] = (x[k] - by[c + k % c]) * by[k % c] + by[2 * c + k % c];
}
static void accumulate(float *y, const float *x, int64_t n)
{
    for (int64_t k = 0; k < n; k++) y[k] += x[k];
}
static void relu(float *y, const float *x, int64_t n)
{
    for (int64_t k = 0; k < n; k++) y[k] = x[k] < 0 ? 0 : x[k];
}

static const double SCALE[C] = { 2, -1, 0.5 }, MEAN[C] = { 1, 2, 3 }, SHIFT[C] = { -4, 0, 7 };
static float normal(int k, float x) { return (x - (float)MEAN[k % C]) * (float)SCALE[k % C] + (float)SHIFT[k % C]; }

/* What batch norm makes of x. */
static pc_tensor *norm_of(const pc_tensor *x)
{
    pc_status status;
    pc_tensor *y = make_private();
    const float *from = pc_tensor_nhwc(x, &status);
    for (int k = 0; k < COUNT; k++) pc_tensor_nhwc_new(y)[k] = normal(k, from[k]);
    pc_tensor_is_affine(y, x, SCALE, MEAN, SHIFT);
    return y;
}

/* A reference for backward, which outlives the caller's. */
static pc_tensor *save(pc_tensor *t, bool release)
{
    pc_tensor *alias = NULL;
    assert(pc_tensor_alias(t, &alias) == PC_OK);
    pc_tensor_mark_saved(alias);
    if (release) pc_release(t);
    return alias;
}

static bool has_memory(const pc_tensor *t) { return pc_tensor_nhwc_new(t) != NULL; }

static void check_values(const pc_tensor *t, const float *want)
{
    pc_status status;
    const float *values = pc_tensor_nhwc(t, &status);
    assert(status == PC_OK && values != NULL && memcmp(values, want, sizeof(float[COUNT])) == 0);
}

static void copy_values(const pc_tensor *t, float *to)
{
    pc_status status;
    memcpy(to, pc_tensor_nhwc(t, &status), sizeof(float[COUNT]));
}

static void test_dropping(void)
{
    float want[COUNT];

    /* backward alone refers to y: dropped; restored when it asks */
    pc_tensor *x = make_private(), *y = norm_of(x), *saved_x = save(x, true), *saved_y = save(y, false);
    copy_values(y, want);
    assert(has_memory(saved_y));
    pc_release(y);
    assert(!has_memory(saved_y) && has_memory(saved_x));
    pc_release(saved_x); /* what it is made of is kept for it */
    int64_t blocks = pc_alloc_stats().live_blocks;
    assert(pc_tensor_keep(saved_y) == PC_OK && has_memory(saved_y));
    check_values(saved_y, want);
    assert(pc_alloc_stats().live_blocks < blocks); /* y's memory came, x and the recipe went */
    pc_release(saved_y);

    /* x is not kept for backward: keeping it instead of y would gain nothing */
    x = make_private();
    saved_y = save(norm_of(x), true);
    assert(has_memory(saved_y));
    pc_release(x);
    check_values(saved_y, want);
    pc_release(saved_y);

    /* a reader in backward has it open when the last handle goes */
    x = make_private();
    y = norm_of(x);
    saved_x = save(x, true);
    saved_y = save(y, false);
    assert(pc_tensor_keep(saved_y) == PC_OK);
    pc_release(y);
    assert(has_memory(saved_y));
    pc_release(saved_y);
    pc_release(saved_x);

    /* a long chain: something is kept on the way, and what is dropped dies with the rest */
    pc_tensor *chain[12] = { save(make_private(), true) }, *last = norm_of(chain[0]);
    int dropped = 0;
    for (int k = 1; k < 12; k++) {
        pc_tensor *next = norm_of(last);
        chain[k] = save(last, true);
        last = next;
    }
    pc_release(last);
    for (int k = 1; k < 12; k++) dropped += !has_memory(chain[k]);
    assert(dropped > 7 && dropped < 11);
    for (int k = 0; k < 12; k++) pc_release(chain[k]);
}

/* Writes to what others are computed from, and to what would be computed. */
static void test_writes_to_dropped(void)
{
    float want[COUNT];

    /* to x: y is computed first, and no longer from x; backward's tensors serve as any other */
    pc_tensor *x = save(make_private(), true), *saved_x = save(x, false), *y = norm_of(x), *saved_y = save(y, false);
    copy_values(y, want);
    pc_release(y);
    assert(!has_memory(saved_y));
    pc_alloc_fail_after(1); /* the first allocation is x's own plain layout */
    assert(pc_tensor_begin_write(x) == PC_ENOMEM);
    pc_alloc_fail_after(-1);
    assert(!has_memory(saved_y));
    assert(pc_tensor_begin_write(x) == PC_OK && has_memory(saved_y));
    memset(pc_data(x), 0, sizeof(float[COUNT]));
    pc_tensor_end_write(x, true);
    check_values(saved_y, want);
    pc_release(saved_y);
    pc_release(saved_x);
    pc_release(x);

    /* one that nobody explains */
    x = make_private();
    y = norm_of(x);
    saved_x = save(x, true);
    assert(pc_tensor_begin_private_write(y) == PC_OK);
    pc_tensor_nhwc_new(y)[0] = 100;
    pc_tensor_end_write(y, true);
    saved_y = save(y, true);
    assert(has_memory(saved_y) && pc_tensor_nhwc_new(saved_y)[0] == 100);
    pc_release(saved_y);

    /* an address that somebody else has */
    y = norm_of(saved_x);
    assert(pc_tensor_expose(y) == PC_OK);
    saved_y = save(y, true);
    assert(pc_data(saved_y) != NULL);
    pc_release(saved_y);
    pc_release(saved_x);
}

/* ReLUs of what is computed again: pending ones, and in place. */
static void test_relus_of_dropped(void)
{
    float want[COUNT], first[COUNT];

    /* a pending ReLU of y, which nobody else sees */
    pc_tensor *r = NULL, *saved_r, *saved_x = save(make_private(), true), *y = norm_of(saved_x);
    bool pending;
    copy_values(y, want);
    assert(pc_tensor_pending_relu(y, &r) == PC_OK && r != NULL);
    pc_storage *read = y->storage;
    pc_release(y);
    saved_r = save(r, true);
    assert(atomic_load(&read->nhwc) == NULL);
    pc_alloc_fail_after(0);
    assert(pc_tensor_keep(saved_r) == PC_ENOMEM);
    pc_alloc_fail_after(-1);
    assert(pc_tensor_keep(saved_r) == PC_OK);
    const float *values = pc_tensor_nhwc_pending(saved_r, &pending);
    assert(pending && memcmp(values, want, sizeof want) == 0);
    pc_release(saved_r);

    /* relu(norm + x), in place, and one more on top of it: restored without the one below */
    y = norm_of(saved_x);
    pc_tensor *below = save(y, false);
    for (int step = 0; step < 2; step++) {
        assert(pc_tensor_begin_private_write(y) == PC_OK);
        if (step == 0) accumulate(pc_tensor_nhwc_new(y), pc_tensor_nhwc_new(saved_x), COUNT);
        else relu(pc_tensor_nhwc_new(y), pc_tensor_nhwc_new(y), COUNT);
        if (step == 0) pc_tensor_is_sum(y, y, saved_x);
        else pc_tensor_is_relu(y);
        pc_tensor_end_write(y, true);
    }
    copy_values(y, first);
    pc_tensor *z = norm_of(y), *saved_z;
    copy_values(z, want);
    pc_release(y);
    saved_z = save(z, true);
    assert(!has_memory(below) && !has_memory(saved_z));
    assert(pc_tensor_keep(saved_z) == PC_OK && !has_memory(below));
    check_values(saved_z, want);
    assert(pc_tensor_keep(below) == PC_OK);
    check_values(below, first);
    pc_release(below);
    pc_release(saved_z);
    pc_release(saved_x);
}

static void test_every_allocation_may_fail(void)
{
    int64_t before = pc_alloc_stats().live_blocks;
    int n = 0;
    for (bool failed = true; failed; n++) {
        pc_tensor *x = NULL, *y = NULL;
        pc_alloc_fail_after(n);
        failed = pc_tensor_new_private(N, C, H, W, &x) != PC_OK;
        if (!failed) {
            memset(pc_tensor_nhwc_new(x), 0, COUNT * sizeof(float));
            failed = pc_tensor_pending_relu(x, &y) != PC_OK || pc_tensor_settle(y) != PC_OK
                     || pc_tensor_begin_write(x) != PC_OK;
        }
        pc_alloc_fail_after(-1);
        pc_release(x);
        pc_release(y);
        assert(pc_alloc_stats().live_blocks == before);
    }
    assert(n > 5);
}

int main(void)
{
    test_alloc();
    test_large_blocks();
    test_many_large_blocks();
    pthread_t a, b;
    pthread_create(&a, NULL, churn, (void *)1);
    pthread_create(&b, NULL, churn, (void *)2);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    test_pool();
#if !defined(__SANITIZE_THREAD__)
    test_fork();
#endif
    test_interrupt();
    test_shapes();
    test_private();
    test_pending_relu();
    pc_set_recipe_kernels(&(pc_recipe_kernels){ affine, accumulate, relu });
    test_dropping();
    test_writes_to_dropped();
    test_relus_of_dropped();
    test_every_allocation_may_fail();
    assert(pc_alloc_stats().live_blocks == 0);
    return 0;
}
