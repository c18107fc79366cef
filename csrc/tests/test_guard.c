/* test_guard.c -- operators on memory that ends, or begins, at an inaccessible page: none reads or writes beyond its
   tensors, and the results are those of tensors that lie elsewhere. */
#include "../core/cpu.h"
#include "../image/image.h"
#include "../kernels/kernels.h"
#include "../ops/copy.h"
#include "../pycnn.h"
#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE ((size_t)4096)
#define MOST_INPUTS 5
#define MOST_OUTPUTS 4096 /* of operators that take a tensor to pieces */

typedef struct area {
    void *start;
    size_t bytes;
} area;

static unsigned seed = 1;
static int64_t pick(int n) { return rand_r(&seed) % n; }

static bool pixels; /* images as channels_last: kernels read them, and write gradients, where they stand */

static void strides_of(const pc_tensor *t, int64_t *stride)
{
    pc_contiguous_strides(t->ndim, t->shape, stride);
    if (!pixels || t->ndim != 4) return;
    stride[1] = 1, stride[3] = t->shape[1], stride[2] = stride[3] * t->shape[3], stride[0] = stride[2] * t->shape[2];
}

static void area_release(void *owner)
{
    area *a = owner;
    munmap(a->start, a->bytes);
    free(a);
}

/* So many bytes, which end before an inaccessible page or begin behind one. */
static void *guarded_bytes(size_t bytes, bool at_end, area **owner)
{
    area *a = malloc(sizeof *a);
    assert(a != NULL);
    size_t room = (bytes + PAGE - 1) / PAGE * PAGE;
    a->bytes = room + 2 * PAGE;
    a->start = mmap(NULL, a->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(a->start != MAP_FAILED);
    char *first = (char *)a->start + PAGE;
    if (room > 0) assert(mprotect(first, room, PROT_READ | PROT_WRITE) == 0);
    *owner = a;
    return at_end ? first + room - bytes : first;
}

/* A dense copy of t there. */
static pc_tensor *guarded(pc_tensor *t, bool at_end)
{
    pc_tensor *out;
    int64_t stride[PC_MAX_DIMS];
    area *a;
    void *data = guarded_bytes((size_t)(t->numel * pc_dtype_size(t->dtype)), at_end, &a);
    strides_of(t, stride);
    assert(pc_tensor_from_memory(t->dtype, t->ndim, t->shape, stride, data, false, area_release, a, &out) == PC_OK);
    if (t->numel > 0) assert(pc_copy(out, t) == PC_OK);
    out->requires_grad = t->requires_grad;
    return out;
}

static pc_tensor *make(pc_dtype dtype, int ndim, const int64_t *shape)
{
    pc_tensor *wide, *t;
    assert(pc_tensor_new(PC_F64, ndim, shape, &wide) == PC_OK);
    for (int64_t i = 0; i < wide->numel; i++)
        ((double *)pc_data(wide))[i] = pc_dtype_is_float(dtype) ? (double)(pick(2001) - 1000) / 500 : (double)pick(3);
    assert(pc_cast(wide, dtype, &t) == PC_OK);
    pc_release(wide);
    return t;
}

static void check_same(pc_tensor *a, pc_tensor *b, const char *name)
{
    pc_tensor *x, *y;
    assert((a == NULL) == (b == NULL));
    if (a == NULL) return;
    assert(pc_contiguous(a, &x) == PC_OK && pc_contiguous(b, &y) == PC_OK && pc_same_shape(a, b)
           && a->dtype == b->dtype);
    if (memcmp(pc_data(x), pc_data(y), (size_t)(x->numel * pc_dtype_size(x->dtype))) != 0) {
        fprintf(stderr, "%s: another result at the edge of memory\n", name);
        assert(false);
    }
    pc_release(x);
    pc_release(y);
}

/* One call and its gradients; returns its status, the results in out and grads. */
static pc_status run(const pc_op *op, int nin, pc_tensor **in, const pc_value *v, bool inplace, bool at_end,
                     pc_tensor **out, int *nout, pc_tensor **grads)
{
    pc_generator_seed(pc_default_generator(), 5);
    pc_set_grad_enabled(!inplace);
    pc_status status = pc_op_apply(op, nin, in, v, inplace, MOST_OUTPUTS, out, nout);
    if (status != PC_OK || inplace || *nout == 0 || !pc_requires_grad(out[0]) || op->backward == NULL) return status;
    pc_tensor *leaves[MOST_INPUTS], *g = NULL, *found[MOST_INPUTS] = { NULL };
    int n = 0, at[MOST_INPUTS];
    for (int k = 0; k < nin; k++)
        if (in[k] != NULL && in[k]->requires_grad) at[n] = k, leaves[n++] = in[k];
    pc_tensor *plain = make(out[0]->dtype, out[0]->ndim, out[0]->shape);
    g = guarded(plain, at_end);
    status = pc_backward(1, out, &g, false, n, leaves, found);
    for (int k = 0; status == PC_OK && k < n; k++) grads[at[k]] = found[k];
    pc_release(plain);
    pc_release(g);
    return status;
}

static void release_all(int n, pc_tensor **t)
{
    for (int k = 0; k < n; k++) {
        pc_release(t[k]);
        t[k] = NULL;
    }
}

/* The same call on memory in the middle, at the end and at the beginning. Takes the inputs. False if it was refused. */
static bool check(const pc_op *op, int nin, pc_tensor **in, const pc_value *v, bool inplace)
{
    unsigned before = seed;
    pc_tensor *here[MOST_INPUTS] = { NULL }, *out[MOST_OUTPUTS] = { NULL }, *grads[MOST_INPUTS] = { NULL };
    int n = 0;
    for (int k = 0; k < nin; k++) {
        if (in[k] == NULL) continue;
        if (!inplace && pc_dtype_is_float(in[k]->dtype)) in[k]->requires_grad = true;
        int64_t stride[PC_MAX_DIMS];
        strides_of(in[k], stride);
        assert(pc_tensor_new_strided(in[k]->dtype, in[k]->ndim, in[k]->shape, stride, &here[k]) == PC_OK);
        if (in[k]->numel > 0) assert(pc_copy(here[k], in[k]) == PC_OK);
        here[k]->requires_grad = in[k]->requires_grad;
    }
    pc_set_grad_enabled(true);
    pc_status status = run(op, nin, here, v, inplace, true, out, &n, grads);
    for (int at_end = 1; at_end >= 0; at_end--) {
        pc_tensor *there[MOST_INPUTS] = { NULL }, *out2[MOST_OUTPUTS] = { NULL }, *grads2[MOST_INPUTS] = { NULL };
        int n2 = 0;
        seed = before;
        for (int k = 0; k < nin; k++)
            if (in[k] != NULL) there[k] = guarded(in[k], at_end);
        assert(run(op, nin, there, v, inplace, at_end, out2, &n2, grads2) == status && n == n2);
        bool draws = strncmp(op->schema, "empty", 5) == 0 || strncmp(op->schema, "new_empty", 9) == 0;
        for (int k = 0; k < n && status == PC_OK && !draws; k++) check_same(out[k], out2[k], op->schema);
        for (int k = 0; k < nin; k++) check_same(grads[k], grads2[k], op->schema);
        if (inplace && status == PC_OK) check_same(here[0], there[0], op->schema);
        release_all(n2, out2);
        release_all(nin, there);
        release_all(nin, grads2);
    }
    release_all(n, out);
    release_all(nin, grads);
    release_all(nin, here);
    release_all(nin, in);
    return status == PC_OK;
}

/* Every row that can do with tensors of one shape and its defaults. */
static void test_rows(void)
{
    static const pc_dtype dtypes[] = { PC_F32, PC_F32, PC_F32, PC_F64, PC_F16, PC_BF16, PC_I64, PC_U8, PC_BOOL };
    int ran = 0;
    for (int row = 0; row < pc_op_count(); row++) {
        const pc_op *op = pc_op_at(row);
        const pc_schema *s = pc_op_schema(row);
        pc_value v[PC_MAX_PARAMS] = { { 0 } };
        bool possible = s->ntensors > 0 && !s->list, worked = false;
        for (int k = 0; k < s->nparams; k++) {
            const pc_param *p = &s->params[k];
            if (p->type == PC_T_TENSOR || p->type == PC_T_OPERAND) continue;
            if (p->has_default) v[p->slot] = p->dflt;
            else if (p->type == PC_T_INT && strncmp(p->name, "dim", 3) == 0) v[p->slot] = (pc_value){ .kind = PC_INT };
            else if (p->type == PC_T_INTS && strncmp(p->name, "dim", 3) == 0)
                v[p->slot] = (pc_value){ PC_INTS, .ints = { 1, { 0 } } };
            else if (p->type == PC_T_INT || p->type == PC_T_SCALAR) v[p->slot] = (pc_value){ .kind = PC_INT, .i = 1 };
            else if (p->type == PC_T_FLOAT) v[p->slot] = (pc_value){ .kind = PC_FLOAT, .f = 0.5 };
            else possible = false;
        }
        for (int round = 0; round < 14 && possible; round++) {
            pc_tensor *in[MOST_INPUTS] = { NULL };
            pc_dtype dtype = dtypes[pick(9)];
            int64_t size = 1 + pick(round < 7 ? 40 : 3000),
                    shape[4] = { 1 + pick(7), 1 + pick(5), 1 + pick(20), 1 + pick(20) };
            bool inplace = (op->flags & PC_WRITES) || ((op->flags & PC_INPLACE) && round % 2);
            if (s->ntensors > MOST_INPUTS) break;
            for (int k = 0; k < s->nparams; k++) {
                const pc_param *p = &s->params[k];
                if (p->type != PC_T_TENSOR && p->type != PC_T_OPERAND) continue;
                if (p->optional && pick(2)) continue;
                bool whole = strncmp(p->name, "ind", 3) == 0 || strcmp(p->name, "target") == 0;
                bool mask = strcmp(p->name, "mask") == 0 || strcmp(p->name, "condition") == 0;
                pc_dtype own = whole && round % 3 ? PC_I64 : mask ? PC_BOOL : dtype;
                in[p->slot] = round % 3 == 0   ? make(own, 4, shape)
                              : round % 3 == 1 ? make(own, 2, shape + 2)
                                               : make(own, 1, &size);
            }
            worked = check(op, s->ntensors, in, v, inplace) || worked;
        }
        ran += worked;
        if (possible && !worked && getenv("VERBOSE")) printf("  not run: %s\n", op->schema);
    }
    printf("  %d of %d operators\n", ran, pc_op_count());
    assert(ran > 150);
}

static pc_value pair(int64_t a, int64_t b) { return (pc_value){ .kind = PC_INTS, .ints = { 2, { a, b } } }; }
static pc_value integer(int64_t i) { return (pc_value){ .kind = PC_INT, .i = i }; }

/* 3x3 filters of stride 1, by a given algorithm; some with so many tiles that they are not shared between tasks, some
   with so many channels that sums are. */
static void test_usual_convolutions(const char *algorithm, int64_t stride)
{
    assert(pc_force_convolution(algorithm) == PC_OK);
    for (int round = 0; round < 44; round++) {
        int64_t n = 1 + pick(3), c = 1 + pick(40), k = 1 + pick(40), h = 3 + pick(12), w = 3 + pick(12);
        pixels = round % 2;
        if (round >= 40) n = 9, h = 14 + pick(4), w = 13 + pick(4);
        if (round >= 42) n = 2, c = 75 + pick(9), k = 75 + pick(9);
        pc_tensor *in[] = { make(PC_F32, 4, (int64_t[]){ n, c, h, w }), make(PC_F32, 4, (int64_t[]){ k, c, 3, 3 }),
                            pick(2) ? make(PC_F32, 1, &k) : NULL };
        pc_value v[] = { pair(stride, stride), pair(pick(3), pick(3)), pair(1, 1), integer(1) };
        assert(check(pc_op_find("conv2d"), 3, in, v, false));
    }
    pixels = false;
    assert(pc_force_convolution(NULL) == PC_OK);
}

static void test_convolutions(void)
{
    static const int64_t channels[] = { 1, 2, 3, 5, 8, 16, 17, 33, 40 };
    for (int round = 0; round < 160; round++) {
        pixels = round % 2;
        int64_t groups = pick(4) == 0 ? 1 + pick(3) : 1, c = groups * channels[pick(9)], k = groups * channels[pick(9)];
        int64_t r = 1 + pick(5), q = 1 + pick(5), h = r + pick(12), w = q + pick(12), n = 1 + pick(3);
        const bool cells = round % 10 < 2; /* depthwise, in cells of 2x2 pixels */
        if (cells || pick(5) == 0) groups = k = c;
        if (pick(4) == 0) r = q = 1;
        if (cells) r = q = 3, h += 2, w += 2;
        pc_tensor *in[] = { make(PC_F32, 4, (int64_t[]){ n, c, h, w }),
                            make(PC_F32, 4, (int64_t[]){ k, c / groups, r, q }), pick(2) ? make(PC_F32, 1, &k) : NULL };
        pc_value v[] = { pair(1 + pick(2), 1 + pick(2)), pair(pick(3), pick(3)), pair(1, 1), integer(groups) };
        if (r == 1 && q == 1 && pick(2)) v[1] = pair(0, 0);
        if (cells) v[0] = pair(2, 2);
        assert(check(pc_op_find("conv2d"), 3, in, v, false));
    }
    for (int round = 0; round < 30; round++) {
        pixels = round % 2;
        int64_t c = channels[pick(9)], k = channels[pick(9)], r = 1 + pick(4), n = 1 + pick(3);
        pc_tensor *in[] = { make(PC_F32, 4, (int64_t[]){ n, c, 1 + pick(9), 1 + pick(9) }),
                            make(PC_F32, 4, (int64_t[]){ c, k, r, r }), pick(2) ? make(PC_F32, 1, &k) : NULL };
        pc_value v[] = { pair(2, 2), pair(0, 0), pair(pick(2), pick(2)), integer(1), pair(1, 1) };
        assert(check(pc_op_find("conv_transpose2d"), 3, in, v, false));
    }
    pixels = false;
}

/* Norms with all their operands, of values that stand by planes and by pixels, in rows of odd lengths. */
static void test_norms(void)
{
    const pc_value yes = { .kind = PC_BOOLEAN, .i = 1 }, no = { .kind = PC_BOOLEAN };
    const pc_value small = { .kind = PC_FLOAT, .f = 1e-5 }, tenth = { .kind = PC_FLOAT, .f = 0.1 };
    for (int round = 0; round < 60; round++) {
        pixels = round % 2;
        int64_t c = 1 + pick(70), n = 2 + pick(4), w = 1 + pick(20), shape[4] = { n, c, 1 + pick(9), w };
        pc_dtype dtype = pick(5) ? PC_F32 : PC_F64;
        const bool training = pick(3) > 0;
        pc_tensor *batch[] = { make(dtype, 4, shape), make(dtype, 1, &c), make(dtype, 1, &c), make(dtype, 1, &c),
                               make(dtype, 1, &c) };
        pc_tensor *square = batch[2];
        for (int64_t k = 0; k < c; k++) { /* variances */
            if (dtype == PC_F32) pc_f32(square)[k] = 0.5f + (float)pick(4);
            else ((double *)pc_data(square))[k] = 0.5 + (double)pick(4);
        }
        assert(check(pc_op_find("batch_norm"), 5, batch, (pc_value[]){ training ? yes : no, tenth, small }, false));
        pc_tensor *group[] = { make(dtype, 4, shape), make(dtype, 1, &c), make(dtype, 1, &c) };
        assert(check(pc_op_find("group_norm"), 3, group, (pc_value[]){ integer(c % 3 == 0 ? 3 : 1), small }, false));
        pc_tensor *layer[] = { make(dtype, 4, shape), make(dtype, 1, &w), make(dtype, 1, &w) };
        assert(check(pc_op_find("layer_norm"), 3, layer,
                     (pc_value[]){ { .kind = PC_INTS, .ints = { 1, { w } } }, small }, false));
    }
    pixels = false;
}

/* ---- images: bytes that kernels read and write -------------------------------------------------------- */

typedef struct bytes {
    uint8_t *in, *out[2];
    area *areas[3];
} bytes;

static bytes guarded_image(int64_t in, int64_t out, bool at_end)
{
    bytes b;
    b.in = guarded_bytes((size_t)in, at_end, &b.areas[0]);
    for (int64_t i = 0; i < in; i++) b.in[i] = (uint8_t)pick(256);
    for (int k = 0; k < 2; k++) b.out[k] = guarded_bytes((size_t)out, at_end, &b.areas[1 + k]);
    return b;
}
static void release_image(bytes *b)
{
    for (int k = 0; k < 3; k++) area_release(b->areas[k]);
}

/* Pillow's operations at both edges of memory. */
static void test_images(void)
{
    static const uint8_t fill[4] = { 1, 2, 3, 4 };
    for (int round = 0; round < 120; round++) {
        int h = 1 + (int)pick(20), w = 1 + (int)pick(40), c = 1 + (int)pick(4);
        int oh = 1 + (int)pick(20), ow = 1 + (int)pick(40), top = (int)pick(h + 6) - 3, left = (int)pick(w + 6) - 3;
        const pc_filter filter = (pc_filter[]){ PC_NEAREST, PC_BILINEAR, PC_BICUBIC }[round % 3];
        double m[6] = { 0.9, 0.3, (double)pick(9) - 4, -0.3, 1.1, (double)pick(9) - 4 };
        pc_lut lut, other;
        pc_lut_identity(&lut);
        bytes b = guarded_image((int64_t)h * w * c, 0, round % 2);
        pc_image a = pc_image_dense(b.in, h, w, c);
        if (pick(2)) a = pc_image_flip_x(a);
        if (pick(2)) a = pc_image_flip_y(a);
        if (pick(2)) a = pc_image_turn(a, (int)pick(4));
#define INTO(height, width, channels, call)                                                                            \
    do {                                                                                                               \
        area *owner;                                                                                                   \
        uint8_t *dst = guarded_bytes((size_t)(height) * (size_t)(width) * (size_t)(channels), round % 2, &owner);      \
        call;                                                                                                          \
        area_release(owner);                                                                                           \
    } while (0)
        INTO(a.h, a.w, c, pc_image_copy(a, dst));
        INTO(oh, ow, c, pc_image_crop(a, top, left, oh, ow, dst));
        INTO(a.h + 5, a.w + 3, c, pc_image_pad(a, 1, 2, 2, 3, PC_PAD_CONSTANT, fill, dst));
        INTO(a.h + 5, a.w + 3, c, pc_image_pad(a, 1, 2, 2, 3, PC_PAD_EDGE, fill, dst));
        if (a.h > 3 && a.w > 3) INTO(a.h + 5, a.w + 3, c, pc_image_pad(a, 1, 2, 2, 3, PC_PAD_REFLECT, fill, dst));
        INTO(oh, ow, c, pc_image_affine(a, m, filter, fill, oh, ow, dst));
        INTO(oh, ow, c, pc_image_resize_nearest(a, oh, ow, dst));
        INTO(a.h, a.w, c, pc_lut_apply(&lut, a, dst));
        if (c == 3) INTO(a.h, a.w, 3, pc_image_grey(a, 3, dst));
        if (c == 3 || c == 1) {
            pc_lut_autocontrast(a, &lut, &other);
            pc_lut_equalize(a, &lut, &other);
            assert(pc_image_grey_mean(a, &lut) >= 0);
        }
#undef INTO
        area *owner;
        float(*table)[256] = malloc(sizeof *table);
        assert(table != NULL);
        pc_float_table(*table, PC_DIVIDED);
        float *planes = guarded_bytes((size_t)a.h * (size_t)a.w * (size_t)c * sizeof *planes, round % 2, &owner);
        pc_image_lookup(a, (const float(*)[256])table, 1, planes, (int64_t)a.h * a.w, a.w, 1);
        area_release(owner);
        free(table);
        release_image(&b);
    }
}

/* The kernels of images on rows of odd lengths; the results are those in the middle of memory. */
static void test_image_kernels(void)
{
    for (int round = 0; round < 200; round++) {
        const bool at_end = round % 2;
        int64_t n = 1 + pick(70), c = 1 + pick(4), taps = 1 + pick(9), rows = 1 + pick(9);
        bytes b = guarded_image(3 * n, n, at_end);
        uint8_t *copy = malloc((size_t)(3 * n)), *plain = malloc((size_t)(3 * n));
        assert(copy != NULL && plain != NULL);
        memcpy(copy, b.in, (size_t)(3 * n));
        if (n > 2 * c) { /* the row in the middle: what is left and right of each channel is read */
            pc_k->u8_sharpen(b.in + c, b.in + n + c, b.in + 2 * n + c, c, n - 2 * c, 1.5f, b.out[0] + c);
            pc_k->u8_sharpen(copy + c, copy + n + c, copy + 2 * n + c, c, n - 2 * c, 1.5f, plain + c);
            assert(memcmp(b.out[0] + c, plain + c, (size_t)(n - 2 * c)) == 0);
        }
        release_image(&b);

        b = guarded_image(3 * n, 3 * n, at_end);
        memcpy(copy, b.in, (size_t)(3 * n));
        pc_k->u8_saturate(b.in, n, 0.7f, b.out[0]);
        pc_k->u8_saturate(copy, n, 0.7f, plain);
        assert(memcmp(b.out[0], plain, (size_t)(3 * n)) == 0);
        pc_k->u8_hue(b.in, n, (int)pick(256) - 128, b.out[1]);
        pc_k->u8_tensor_saturate(b.in, n, 0.7, b.out[0]);
        pc_k->u8_tensor_saturate(copy, n, 0.7, plain);
        assert(memcmp(b.out[0], plain, (size_t)(3 * n)) == 0);
        pc_k->u8_tensor_hue(b.in, n, 0.3, b.out[0]);
        pc_k->u8_tensor_hue(copy, n, 0.3, plain);
        assert(memcmp(b.out[0], plain, (size_t)(3 * n)) == 0);
        release_image(&b);
        b = guarded_image(3 * n, n, at_end);
        pc_k->u8_tensor_grey(b.in, n, b.out[0]);
        release_image(&b);
        free(copy);
        free(plain);

        b = guarded_image(taps * n, n, at_end);
        area *owner;
        int32_t *weight = guarded_bytes((size_t)taps * sizeof *weight, at_end, &owner);
        for (int64_t k = 0; k < taps; k++) weight[k] = (int32_t)((1 << 22) / taps);
        pc_k->u8_resample_column(b.in, n, weight, (int)taps, n, b.out[0]);
        release_image(&b);
        area_release(owner);

        const int in = (int)(taps + pick(30)), out = 1 + (int)pick(30);
        const int64_t channels = pick(2) ? 3 : 1;
        area *owners[2];
        b = guarded_image(rows * in * channels, rows * out * channels, at_end);
        weight = guarded_bytes((size_t)out * (size_t)taps * sizeof *weight, at_end, &owners[0]);
        int32_t *first = guarded_bytes((size_t)out * sizeof *first, at_end, &owners[1]);
        for (int64_t k = 0; k < out * taps; k++) weight[k] = (int32_t)((1 << 22) / taps);
        for (int k = 0; k < out; k++) first[k] = (int32_t)pick(in - (int)taps + 1);
        pc_k->u8_resample_rows(b.in, in * channels, rows, in, (int)channels, first, weight, (int)taps, out, b.out[0]);
        release_image(&b);
        for (int k = 0; k < 2; k++) area_release(owners[k]);
    }
}

static void test_pools(void)
{
    for (int round = 0; round < 60; round++) {
        pixels = round % 2;
        int64_t r = 1 + pick(4), shape[4] = { 1 + pick(3), 1 + pick(40), r + pick(14), r + pick(14) },
                stride = 1 + pick(3);
        pc_value zero = { .kind = PC_BOOLEAN };
        pc_tensor *a = make(PC_F32, 4, shape), *b = make(PC_F32, 4, shape), *c = make(PC_F32, 4, shape);
        assert(check(pc_op_find("max_pool2d"), 1, &a,
                     (pc_value[]){ pair(r, r), pair(stride, stride), pair(r / 2, r / 2), pair(1, 1), zero }, false));
        assert(check(pc_op_find("avg_pool2d"), 1, &b,
                     (pc_value[]){ pair(r, r),
                                   pair(stride, stride),
                                   pair(r / 2, r / 2),
                                   zero,
                                   { .kind = PC_BOOLEAN, .i = 1 },
                                   { .kind = PC_NONE } },
                     false));
        assert(check(pc_op_find("adaptive_avg_pool2d"), 1, &c, (pc_value[]){ pair(1 + pick(4), 1 + pick(4)) }, false));
    }
    pixels = false;
}

static void test_products(void)
{
    for (int round = 0; round < 150; round++) {
        int64_t m = 1 + pick(round % 3 ? 70 : 9), n = 1 + pick(round % 5 ? 70 : 600), k = 1 + pick(90);
        pc_dtype dtype = pick(4) ? PC_F32 : PC_F64;
        pc_tensor *linear[] = { make(dtype, 2, (int64_t[]){ m, k }), make(dtype, 2, (int64_t[]){ n, k }),
                                pick(2) ? make(dtype, 1, &n) : NULL };
        pc_tensor *matmul[] = { make(dtype, 2, (int64_t[]){ m, k }), make(dtype, 2, (int64_t[]){ k, n }) };
        pc_tensor *bmm[] = { make(dtype, 3, (int64_t[]){ 3, m, k }), make(dtype, 3, (int64_t[]){ 3, k, n }) };
        pc_tensor *mv[] = { make(dtype, 2, (int64_t[]){ m, k }), make(dtype, 1, &k) };
        assert(check(pc_op_find("linear"), 3, linear, NULL, false));
        assert(check(pc_op_find("matmul"), 2, matmul, NULL, false));
        assert(check(pc_op_find("bmm"), 2, bmm, NULL, false));
        assert(check(pc_op_find("mv"), 2, mv, NULL, false));
    }
}

/* Rows of an optimizer's step: parameters of odd sizes, some longer than a task. */
static void test_optimizer(void)
{
    pc_optim_rule rule = { .lr = 0.1, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.01 };
    static const int64_t sizes[] = { 1, 3, 15, 17, 16391 };
    for (int k = 0; k < 10; k++) {
        pc_tensor *t[4], *plain;
        pc_tensor *steps = make(PC_F32, 0, NULL);
        assert(pc_fill(steps, integer(0)) == PC_OK);
        for (int i = 0; i < 4; i++) {
            plain = make(PC_F32, 1, &sizes[k % 5]);
            t[i] = guarded(plain, k < 5);
            pc_release(plain);
        }
        pc_optim_item item = { .kind = PC_ADAM, .rule = &rule, .param = t[0], .grad = t[1], .state = { t[2], t[3] },
                               .steps = steps };
        assert(pc_optim_step(1, &item) == PC_OK);
        item = (pc_optim_item){ .kind = PC_SGD, .rule = &rule, .param = t[0], .grad = t[1], .state = { t[2] } };
        assert(pc_optim_step(1, &item) == PC_OK);
        release_all(4, t);
        pc_release(steps);
    }
}

int main(void)
{
    assert(pc_init() == PC_OK);
    assert(pc_set_num_threads(1) == PC_OK);
    int64_t live = pc_alloc_stats().live_blocks;
    for (int isa = 0; isa < PC_ISA_COUNT; isa++) {
        if (!pc_cpu_supports((pc_isa)isa)) continue;
        assert(pc_use_isa(pc_isa_name((pc_isa)isa)) == PC_OK);
        test_convolutions();
        test_usual_convolutions("winograd F(4x4) thin", 1);
        test_usual_convolutions("winograd F(4x4)", 1);
        test_usual_convolutions("winograd F(2x2)", 1);
        test_usual_convolutions("winograd stride 2", 2);
        test_usual_convolutions("direct", 1);
        test_norms();
        test_images();
        test_image_kernels();
        test_pools();
        test_products();
        test_optimizer();
        test_rows();
    }
    assert(pc_alloc_stats().live_blocks == live);
    return 0;
}
