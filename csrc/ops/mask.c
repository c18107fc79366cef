/* mask.c -- where elements are true: nonzero and masked_select. */
#include "index.h"
#include "copy.h"
#include "elementwise.h"
#include "shape.h"
#include <inttypes.h>

static pc_status nonzero_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *mask = NULL, *ranks = NULL;
    int64_t shape[2], *column[PC_MAX_DIMS];

    PC_TRY(pc_truth_of(c->in[0], &mask));
    PC_TRY(pc_true_ranks(mask, &ranks, &shape[0]));
    shape[1] = mask->ndim;
    PC_TRY(pc_tensor_new(PC_I64, 2, shape, &c->out[0]));
    for (int d = 0; d < mask->ndim; d++) column[d] = (int64_t *)pc_data(c->out[0]) + d;
    PC_TRY(pc_true_coordinates(mask, ranks, column, mask->ndim));
done:
    pc_release(mask);
    pc_release(ranks);
    return status;
}

static pc_status nonzero_tuple_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *mask = NULL, *vector = NULL, *ranks = NULL;
    int64_t n, *column[PC_MAX_DIMS], one = 1;

    PC_TRY(pc_truth_of(c->in[0], &mask));
    if (mask->ndim == 0) {
        PC_TRY(pc_reshaped(mask, 1, &one, &vector));
        pc_release(mask);
        mask = vector;
    }
    PC_TRY(pc_true_ranks(mask, &ranks, &n));
    for (int d = 0; d < mask->ndim; d++) {
        PC_TRY(pc_tensor_new(PC_I64, 1, &n, &c->out[d]));
        column[d] = pc_data(c->out[d]);
    }
    PC_TRY(pc_true_coordinates(mask, ranks, column, 1));
done:
    pc_release(mask);
    pc_release(ranks);
    return status;
}

/* The common shape of self and mask; windows w and m onto them in that shape. */
static pc_status broadcast_pair(const pc_tensor *self, const pc_tensor *mask, pc_tensor *w, pc_tensor *m)
{
    pc_status status = PC_OK;
    int n = self->ndim > mask->ndim ? self->ndim : mask->ndim;

    *w = pc_window(self);
    *m = pc_window(mask);
    w->ndim = m->ndim = n;
    w->numel = 1;
    for (int d = n - 1; d >= 0; d--) {
        int a = d - (n - self->ndim), b = d - (n - mask->ndim);
        int64_t x = a >= 0 ? self->shape[a] : 1, y = b >= 0 ? mask->shape[b] : 1, size = x == 1 ? y : x;
        PC_CHECK(x == y || x == 1 || y == 1, PC_ESHAPE,
                 "The size of tensor a (%" PRId64 ") must match the size of tensor b (%" PRId64 ") at non-singleton "
                 "dimension %d",
                 y, x, d);
        w->stride[d] = x == size && a >= 0 ? self->stride[a] : 0;
        m->stride[d] = y == size && b >= 0 ? mask->stride[b] : 0;
        w->shape[d] = m->shape[d] = size;
        w->numel *= size;
    }
    m->numel = w->numel;
done:
    return status;
}

static pc_status masked_select_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *mask = NULL, *offsets = NULL, w, m;

    PC_CHECK(c->in[1]->dtype == PC_BOOL, PC_ESHAPE, "masked_select: expected BoolTensor for mask");
    PC_TRY(broadcast_pair(c->in[0], c->in[1], &w, &m));
    PC_TRY(pc_contiguous(&m, &mask));
    PC_TRY(pc_true_offsets(mask, w.stride, &offsets));
    PC_TRY(pc_tensor_new(w.dtype, 1, offsets->shape, &c->out[0]));
    w.ndim = 1;
    w.shape[0] = w.numel = offsets->numel;
    w.stride[0] = 0;
    PC_TRY(pc_take_at(c->out[0], offsets, &w, 1));
done:
    if (mask != &m) pc_release(mask);
    pc_release(offsets);
    return status;
}

static pc_status masked_select_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *mask = NULL, *offsets = NULL, *whole = NULL, w, m, to;

    PC_TRY(broadcast_pair(c->in[0], c->in[1], &w, &m));
    PC_TRY(pc_tensor_new(w.dtype, w.ndim, w.shape, &whole));
    PC_TRY(pc_fill(whole, (pc_value){ .kind = PC_INT }));
    PC_TRY(pc_contiguous(&m, &mask));
    PC_TRY(pc_true_offsets(mask, whole->stride, &offsets));
    to = pc_window(whole);
    to.ndim = 1;
    to.shape[0] = to.numel = offsets->numel;
    to.stride[0] = 0;
    PC_TRY(pc_put_at(&to, offsets, gout[0], 1, false));
    PC_TRY(pc_sum_to(whole, c->in[0], &gin[0]));
done:
    if (mask != &m) pc_release(mask);
    pc_release(offsets);
    pc_release(whole);
    return status;
}

#define BOTH (PC_FUNCTION | PC_METHOD)

static const pc_op ops[] = {
    { "masked_select(Tensor self, Tensor mask) -> Tensor", masked_select_forward, masked_select_backward,
      BOTH | PC_SAVE_IN1, "The elements where mask is true, as a vector." },
    { "nonzero(Tensor self) -> Tensor", nonzero_forward, NULL, BOTH | PC_NOGRAD,
      "Indices of the elements that are not zero, one row each." },
    { "nonzero.numpy(Tensor self, *, bool as_tuple) -> Tensor[]", nonzero_tuple_forward, NULL, BOTH | PC_NOGRAD,
      "Indices of the elements that are not zero, one vector per dimension.\n"
      "as_tuple: True: one vector for each dimension instead of rows." },
    { "where.condition(Tensor condition) -> Tensor[]", nonzero_tuple_forward, NULL, PC_FUNCTION | PC_NOGRAD,
      "Indices of the elements that are true, one vector per dimension." },
};
PC_FAMILY(mask, ops);
