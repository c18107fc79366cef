/* test_train.c -- a program without Python: a small convolutional network learns, on every instruction set and number
   of threads alike, and whatever allocation fails in a step, the next step is a step again. */
#include "../core/cpu.h"
#include "../pycnn.h"
#undef NDEBUG
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define BATCH 32
#define CLASSES 4
#define WEIGHTS 4

typedef struct net {
    pc_tensor *weight[WEIGHTS], *mean[WEIGHTS], *square[WEIGHTS],
        *steps[WEIGHTS]; /* conv, its bias, linear, its bias */
    pc_tensor *images, *labels;
} net;

static pc_tensor *make(pc_dtype dtype, int ndim, const int64_t *shape)
{
    pc_tensor *t;
    assert(pc_tensor_new(dtype, ndim, shape, &t) == PC_OK);
    assert(pc_fill(t, (pc_value){ .kind = PC_INT, .i = 0 }) == PC_OK);
    return t;
}

static pc_status apply(const char *name, int nin, pc_tensor **in, const pc_value *v, bool inplace, pc_tensor **out)
{
    int n;
    return pc_op_apply(pc_op_find(name), nin, in, v, inplace, 1, out, &n);
}

static void draw(pc_tensor *t, double from, double to, pc_generator *g)
{
    pc_value v[] = { { .kind = PC_FLOAT, .f = from },
                     { .kind = PC_FLOAT, .f = to },
                     { .kind = PC_GENERATOR, .generator = g } };
    pc_tensor *same;
    assert(apply("uniform_", 1, &t, v, true, &same) == PC_OK);
    pc_release(same);
}

/* Images of noise with a bright bar, whose place is the class. */
static net net_new(void)
{
    static const struct { int ndim; int64_t shape[4]; } shapes[WEIGHTS] = {
        { 4, { 8, 1, 3, 3 } }, { 1, { 8 } }, { 2, { CLASSES, 8 * 6 * 6 } }, { 1, { CLASSES } } };
    net n;
    pc_generator g;
    pc_generator_init(&g, 1);
    for (int k = 0; k < WEIGHTS; k++) {
        n.weight[k] = make(PC_F32, shapes[k].ndim, shapes[k].shape);
        n.mean[k] = make(PC_F32, shapes[k].ndim, shapes[k].shape);
        n.square[k] = make(PC_F32, shapes[k].ndim, shapes[k].shape);
        n.steps[k] = make(PC_F32, 0, NULL);
        if (shapes[k].ndim > 1) draw(n.weight[k], -0.2, 0.2, &g);
        n.weight[k]->requires_grad = true;
    }
    n.images = make(PC_F32, 4, (int64_t[]){ BATCH, 1, 12, 12 });
    n.labels = make(PC_I64, 1, (int64_t[]){ BATCH });
    draw(n.images, 0, 0.5, &g);
    for (int64_t i = 0; i < BATCH; i++) {
        int64_t label = i % CLASSES;
        ((int64_t *)pc_data(n.labels))[i] = label;
        for (int64_t x = 0; x < 12; x++) pc_f32(n.images)[(i * 12 + 3 * label + 1) * 12 + x] = 1;
    }
    return n;
}

static void net_free(net *n)
{
    for (int k = 0; k < WEIGHTS; k++) {
        pc_release(n->weight[k]);
        pc_release(n->mean[k]);
        pc_release(n->square[k]);
        pc_release(n->steps[k]);
    }
    pc_release(n->images);
    pc_release(n->labels);
}

/* One step of Adam; the loss before it. */
static pc_status train(net *n, double *loss)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *y = NULL;
    pc_value one = { .kind = PC_INTS, .ints = { 2, { 1, 1 } } }, two = { .kind = PC_INTS, .ints = { 2, { 2, 2 } } };
    pc_value zero = { .kind = PC_INTS, .ints = { 2, { 0, 0 } } },
             flat = { .kind = PC_INTS, .ints = { 2, { -1, 8 * 6 * 6 } } };
    pc_value conv[] = { one, one, one, { .kind = PC_INT, .i = 1 } };
    pc_value pool[] = { two, { .kind = PC_NONE }, zero, one, { .kind = PC_BOOLEAN } };
    pc_value mean[] = { { .kind = PC_INT, .i = 1 }, { .kind = PC_INT, .i = -100 }, { .kind = PC_FLOAT } };
    pc_optim_rule adam = { .lr = 0.01, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8 };
    pc_optim_item items[WEIGHTS];
    for (int k = 0; k < WEIGHTS; k++) {
        pc_release(n->weight[k]->grad);
        n->weight[k]->grad = NULL;
    }
#define THEN(...)                                                                                  \
    do {                                                                                           \
        PC_TRY(apply(__VA_ARGS__, &y));                                                            \
        pc_release(x);                                                                             \
        x = y;                                                                                     \
        y = NULL;                                                                                  \
    } while (0)
    THEN("conv2d", 3, ((pc_tensor *[]){ n->images, n->weight[0], n->weight[1] }), conv, false);
    THEN("relu", 1, &x, NULL, false);
    THEN("max_pool2d", 1, &x, pool, false);
    THEN("view", 1, &x, &flat, false);
    THEN("linear", 3, ((pc_tensor *[]){ x, n->weight[2], n->weight[3] }), NULL, false);
    THEN("cross_entropy_loss", 3, ((pc_tensor *[]){ x, n->labels, NULL }), mean, false);
    *loss = pc_f32(x)[0];
    PC_TRY(pc_backward(1, &x, NULL, false, 0, NULL, NULL));
    for (int k = 0; k < WEIGHTS; k++)
        items[k] = (pc_optim_item){ .kind = PC_ADAM, .rule = &adam, .param = n->weight[k], .grad = n->weight[k]->grad,
                                    .state = { n->mean[k], n->square[k] }, .steps = n->steps[k] };
    PC_TRY(pc_optim_step(WEIGHTS, items));
done:
    pc_release(x);
    pc_release(y);
    return status;
}

static void test_learning(double *last)
{
    net n = net_new();
    double first = 0;
    for (int step = 0; step < 40; step++) {
        assert(train(&n, last) == PC_OK);
        if (step == 0) first = *last;
    }
    assert(fabs(first - log(CLASSES)) < 0.5 && *last < 0.1 * first);
    net_free(&n);
}

static void test_failing_allocations(void)
{
    net n = net_new();
    double loss;
    int64_t live = pc_alloc_stats().live_blocks;
    for (int64_t k = 0;; k++) {
        pc_alloc_fail_after(k);
        pc_status status = train(&n, &loss);
        pc_alloc_fail_after(-1);
        assert(status == PC_OK || (status == PC_ENOMEM && *pc_last_error() != 0));
        for (int i = 0; i < WEIGHTS; i++) {
            pc_release(n.weight[i]->grad);
            n.weight[i]->grad = NULL;
        }
        assert(pc_alloc_stats().live_blocks == live);
        if (status == PC_OK) {
            assert(k > 30);
            break;
        }
    }
    assert(train(&n, &loss) == PC_OK && isfinite(loss));
    net_free(&n);
}

int main(void)
{
    assert(pc_init() == PC_OK);
    int64_t live = pc_alloc_stats().live_blocks;
    for (int isa = 0; isa < PC_ISA_COUNT; isa++) {
        double alone = 0, loss;
        if (!pc_cpu_supports((pc_isa)isa)) continue;
        assert(pc_use_isa(pc_isa_name((pc_isa)isa)) == PC_OK);
        for (int threads = 1; threads <= 3; threads++) {
            assert(pc_set_num_threads(threads) == PC_OK);
            test_learning(&loss);
            if (threads == 1) alone = loss;
            assert(loss == alone);
        }
        test_failing_allocations();
    }
    assert(pc_alloc_stats().live_blocks == live);
    return 0;
}
