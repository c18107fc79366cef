/* test_copy.c -- copies between strides and dtypes against element-by-element references. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../kernels/half.h"
#include "../ops/copy.h"
#undef NDEBUG
#include <assert.h>
#include <stdio.h>

static double get(const pc_tensor *t, int64_t at)
{
    const void *p = (char *)pc_data(t) + at * pc_dtype_size(t->dtype);
    switch (t->dtype) {
    case PC_BOOL: case PC_U8: return *(const uint8_t *)p;
    case PC_I8: return *(const int8_t *)p;
    case PC_I16: return *(const int16_t *)p;
    case PC_I32: return *(const int32_t *)p;
    case PC_I64: return (double)*(const int64_t *)p;
    case PC_F16: return pc_f16_to_f32(*(const uint16_t *)p);
    case PC_BF16: return pc_bf16_to_f32(*(const uint16_t *)p);
    case PC_F32: return *(const float *)p;
    default: return *(const double *)p;
    }
}

/* Offsets of element number i of shape, in a and in b (broadcast to a's shape). */
static void locate(const pc_tensor *a, const pc_tensor *b, int64_t i, int64_t *at, int64_t *bt)
{
    *at = *bt = 0;
    for (int d = a->ndim - 1, e = b->ndim - 1; d >= 0; d--, e--) {
        int64_t k = i % a->shape[d];
        i /= a->shape[d];
        *at += k * a->stride[d];
        if (e >= 0 && b->shape[e] != 1) *bt += k * b->stride[e];
    }
}

static void check_copy(pc_tensor *dst, pc_tensor *src)
{
    assert(pc_copy(dst, src) == PC_OK);
    for (int64_t i = 0; i < dst->numel; i++) {
        int64_t at, bt;
        locate(dst, src, i, &at, &bt);
        assert(get(dst, at) == get(src, bt));
    }
}

static pc_tensor *make(pc_dtype dtype, int ndim, const int64_t *shape, const int *order)
{
    pc_tensor *t;
    int64_t stride[PC_MAX_DIMS], step = 1;
    for (int k = ndim - 1; k >= 0; k--) stride[order[k]] = step, step *= shape[order[k]];
    assert(pc_tensor_new_strided(dtype, ndim, shape, stride, &t) == PC_OK);
    pc_tensor *numbers;
    assert(pc_tensor_new(PC_I64, 1, &t->numel, &numbers) == PC_OK);
    for (int64_t i = 0; i < t->numel; i++) ((int64_t *)pc_data(numbers))[i] = dtype == PC_BOOL ? i % 3 == 0 : i % 101;
    pc_tensor *flat;
    assert(pc_tensor_view(t, 1, &t->numel, (int64_t[]){ 1 }, 0, &flat) == PC_OK);
    assert(pc_copy(flat, numbers) == PC_OK);
    pc_release(flat);
    pc_release(numbers);
    return t;
}

static void test_layouts(void)
{
    const int orders[][4] = { { 0, 1, 2, 3 }, { 0, 2, 3, 1 }, { 3, 2, 1, 0 }, { 1, 0, 3, 2 }, { 2, 0, 3, 1 } };
    const int64_t shapes[][4] = { { 2, 3, 5, 7 }, { 2, 33, 17, 20 }, { 1, 1, 1, 1 }, { 3, 0, 2, 2 },
                                  { 4, 64, 16, 16 } };
    const pc_dtype dtypes[] = { PC_U8, PC_I16, PC_F32, PC_F64 };
    for (int s = 0; s < 5; s++)
        for (int a = 0; a < 5; a++)
            for (int b = 0; b < 5; b++)
                for (int k = 0; k < 4; k++) {
                    pc_tensor *x = make(dtypes[k], 4, shapes[s], orders[a]);
                    pc_tensor *y = make(dtypes[k], 4, shapes[s], orders[b]);
                    check_copy(y, x);
                    pc_release(x);
                    pc_release(y);
                }
}

static void test_conversions(void)
{
    const int order[4] = { 0, 2, 3, 1 }, plain[4] = { 0, 1, 2, 3 };
    for (int from = 0; from < PC_DTYPE_COUNT; from++)
        for (int to = 0; to < PC_DTYPE_COUNT; to++) {
            if (to == PC_BOOL && from != PC_BOOL) continue;
            pc_tensor *x = make(from, 4, (int64_t[]){ 2, 3, 5, 7 }, order), *y, *z;
            y = make(to, 4, (int64_t[]){ 2, 3, 5, 7 }, plain);
            check_copy(y, x);
            assert(pc_cast(x, to, &z) == PC_OK && z->dtype == (pc_dtype)to && z->stride[1] == 1);
            pc_release(x);
            pc_release(y);
            pc_release(z);
        }
    /* Every half survives the way to float and back; halves round to even. */
    for (uint32_t h = 0; h < 0x10000; h++) {
        float f = pc_f16_to_f32((uint16_t)h), b = pc_bf16_to_f32((uint16_t)h);
        if (f == f) assert(pc_f32_to_f16(f) == h);
        if (b == b) assert(pc_f32_to_bf16(b) == h);
    }
    assert(pc_f32_to_f16(65519.f) == 0x7bff && pc_f32_to_f16(65520.f) == 0x7c00 && pc_f32_to_f16(0x1p-25f) == 0);
    assert(pc_f32_to_f16(1.0f + 0x1p-11f) == 0x3c00 && pc_f32_to_f16(1.0f + 0x3p-11f) == 0x3c02);
}

static void test_broadcast_and_fill(void)
{
    const int plain[4] = { 0, 1, 2, 3 }, last[4] = { 0, 2, 3, 1 };
    pc_tensor *row = make(PC_F32, 4, (int64_t[]){ 1, 3, 1, 1 }, plain), *one = make(PC_I64, 0, NULL, plain), *z;
    for (int k = 0; k < 2; k++) {
        pc_tensor *x = make(PC_F32, 4, (int64_t[]){ 4, 3, 50, 60 }, k ? last : plain);
        check_copy(x, row);
        check_copy(x, one);
        assert(pc_fill(x, (pc_value){ .kind = PC_FLOAT, .f = 1.5 }) == PC_OK);
        for (int64_t i = 0; i < x->numel; i++) assert(get(x, i) == 1.5);
        assert(pc_zeros_like(x, &z) == PC_OK && z->stride[1] == x->stride[1] && get(z, 7) == 0);
        pc_release(z);
        pc_release(x);
    }
    pc_release(row);
    pc_release(one);
}

static void test_private(void)
{
    pc_tensor *a, *b, *c;
    assert(pc_tensor_new_private(2, 5, 3, 3, &a) == PC_OK && pc_tensor_new_private(2, 5, 3, 3, &b) == PC_OK);
    for (int i = 0; i < 90; i++) pc_tensor_nhwc_new(a)[i] = (float)i, pc_tensor_nhwc_new(b)[i] = 1;
    assert(pc_accumulate(a, b) == PC_OK && pc_tensor_nhwc_new(a)[7] == 8 && a->storage->data == NULL);
    assert(pc_tensor_new(PC_F32, 4, a->shape, &c) == PC_OK);
    assert(pc_fill(c, (pc_value){ .kind = PC_INT, .i = 2 }) == PC_OK);
    assert(pc_accumulate(a, c) == PC_OK && pc_f32(a)[0] == 3 && pc_f32(a)[9] == 4);
    assert(pc_accumulate(c, b) == PC_OK && pc_f32(c)[0] == 3);
    pc_release(a);
    pc_release(b);
    pc_release(c);
}

int main(void)
{
    int64_t before = pc_alloc_stats().live_blocks;
    test_layouts();
    test_conversions();
    test_broadcast_and_fill();
    test_private();
    assert(pc_alloc_stats().live_blocks == before);
    puts("ok");
    return 0;
}
