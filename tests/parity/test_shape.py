"""Views, joins, repetitions and padding against torch: random chains of them, memory that is shared, odd calls."""

import numpy as np
import pytest
import torch
from both import LAYOUTS, compare, layout, numbers

import pycnn

pytestmark = pytest.mark.parity


# ---- random chains --------------------------------------------------------------------------------------------------


def factors(rng, n):
    """A random shape of n elements."""
    shape = []
    while n > 1 and len(shape) < 4:
        f = int(rng.choice([k for k in range(1, n + 1) if n % k == 0]))
        shape.append(f)
        n //= f
    return [*shape, n] if n > 1 or not shape else shape


def random_step(rng, shape):
    """A function of (module, tensor) that fits tensors of this shape."""
    n, numel = len(shape), int(np.prod(shape))
    d, e = (int(rng.integers(-n, n)), int(rng.integers(-n, n))) if n else (0, 0)
    size = shape[d] if n else 1
    order = rng.permutation(n).tolist()
    start = int(rng.integers(0, size + 1))
    step = int(rng.integers(1, 3))
    other = factors(rng, numel) if numel else [0, 3]
    k = int(rng.integers(-3, 4))
    steps = [lambda m, t: t.reshape(other), lambda m, t: t.flatten(), lambda m, t: t.unsqueeze(int(n)),
             lambda m, t: t.squeeze(),
             lambda m, t: m.stack([t, t * 2], 0), lambda m, t: t.repeat(*[2] + [1] * max(n - 1, 0)) if n
             else t.repeat(2), lambda m, t: t.expand(2, *t.shape), lambda m, t: t.roll(k)]
    if n:
        steps += [lambda m, t: t.permute(order), lambda m, t: t.transpose(d, e),
                  lambda m, t: t.narrow(d, start, size - start),
                  lambda m, t: t.flip(d), lambda m, t: m.cat([t, t], d), lambda m, t: t.chunk(2, d)[0],
                  lambda m, t: t.movedim(d, e),
                  lambda m, t: t.roll(k, d), lambda m, t: t.unflatten(d, (1, -1) if size else (1, size)),
                  lambda m, t: t.tile(2),
                  lambda m, t: m.constant_pad_nd(t, (1, 2), 0.5),
                  lambda m, t: t[(slice(None),) * (d % n) + (slice(start, None, step),)],
                  lambda m, t: m.cat(t.split(max(size // 2, 1), d)[::-1], d)]
        if size:
            steps += [lambda m, t: t.select(d, -1), lambda m, t: t.unbind(d)[0] + t.unbind(d)[-1],
                      lambda m, t: t.unfold(d, min(2, size), step)]
    if n > 1 and d % n != e % n:
        steps += [lambda m, t: t.diagonal(k, d, e), lambda m, t: t.rot90(k, (d, e))]
    return steps[rng.integers(len(steps))]


@pytest.mark.parametrize("seed", range(150))
def test_random_chains(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.choice([0, 1, 2, 3, 4], rng.integers(0, 5), p=[0.03, 0.17, 0.3, 0.3, 0.2]))
    dtype = ["float32", "float64", "int64", "bool"][rng.choice(4, p=[0.5, 0.2, 0.2, 0.1])]
    x = layout(numbers(rng, shape, dtype), LAYOUTS[rng.integers(4)])
    steps, t = [], torch.from_numpy(x.copy())
    for _ in range(rng.integers(1, 6)):
        step = random_step(rng, tuple(t.shape))
        try:
            after = step(torch, t)
        except RuntimeError:
            continue
        if after.dim() > 6 or after.numel() > 5000:
            break
        steps, t = [*steps, step], after

    def chain(m, t):
        for step in steps:
            t = step(m, t)
        return t
    compare(chain, [x], limit=1e-6 if dtype == "float32" else None, grad_limit=1e-5 if dtype == "float32" else None,
            what=f"seed {seed}")


@pytest.mark.parametrize("seed", range(60))
def test_view_finds_the_strides_that_torch_finds(seed):
    """Same successes, same refusals, same strides."""
    rng = np.random.default_rng(seed)
    for _ in range(20):
        shape = tuple(rng.choice([1, 2, 3, 4, 6], rng.integers(1, 5)))
        x = layout(numbers(rng, shape), LAYOUTS[rng.integers(4)]).transpose(rng.permutation(len(shape)))
        size = factors(rng, x.size)
        results = []
        for m in (torch, pycnn):
            try:
                view = m.from_numpy(x).view(size)
                results.append((tuple(view.shape), view.stride()))
            except RuntimeError as error:
                results.append(str(error))
        assert results[0] == results[1], (x.shape, x.strides, size)


# ---- memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [
    lambda t: t.view(-1), lambda t: t.reshape(4, 6), lambda t: t.flatten(1), lambda t: t[0],
    lambda t: t.t() if t.dim() == 2 else t.mT,
    lambda t: t.unsqueeze(0), lambda t: t.permute(2, 0, 1), lambda t: t.expand(5, 2, 3, 4),
    lambda t: t.diagonal(0, 1, 2),
    lambda t: t.unfold(2, 2, 1), lambda t: t.split(1)[1], lambda t: t.chunk(2, 1)[1], lambda t: t.unbind(1)[2],
    lambda t: t.detach(),
    lambda t: t.as_strided((2, 2), (3, 1), 1), lambda t: t.narrow(1, 1, 2), lambda t: t.squeeze(),
    lambda t: t.view_as(t.detach()),
    lambda t: t.transpose(0, 2).reshape(-1), lambda t: t.transpose(0, 2).flatten(), lambda t: t.contiguous(),
    lambda t: t.flip(0), lambda t: t.repeat(1, 1, 1), lambda t: t.movedim(0, 1), lambda t: t.ravel(),
])
def test_shares_memory_where_torch_does(call):
    results = []
    for m in (torch, pycnn):
        t = m.arange(24.0).reshape(2, 3, 4)
        v = call(t)
        shared = 0 <= v.data_ptr() - t.data_ptr() < 96
        results.append((shared, v.storage_offset() if shared else 0, v.stride(), v.is_contiguous(), tuple(v.shape)))
    assert results[0] == results[1]


def test_private_layouts_are_not_settled_by_views():
    """What a convolution returns stays as it is until somebody reads it otherwise."""
    y = pycnn._C.nn.conv2d(pycnn.randn(2, 3, 8, 8), pycnn.randn(4, 3, 3, 3))
    assert y._layout_state() == "nhwc"
    views = [y.flatten(1), y.view(2, -1), y[0], y[:, 1], y.permute(0, 2, 3, 1), y.unsqueeze(0), y.detach()]
    assert y._layout_state() == "nhwc"
    want = y.clone().numpy()
    np.testing.assert_array_equal(views[0].numpy(), want.reshape(2, -1))
    np.testing.assert_array_equal(views[3].numpy(), want[:, 1])
    np.testing.assert_array_equal(views[4].numpy(), want.transpose(0, 2, 3, 1))


def test_writes_through_views_reach_the_base_and_its_gradient():
    def write(m, x):
        y = x * 2
        y[0].mul_(3)
        y.view(-1)[5:7] = 1
        y.t()[0].add_(y[1, 1])
        y.diagonal().zero_()
        y.unsqueeze(0)[:, :, -1:] += y[:, :1].detach()
        a, b = y.split(2, 1)
        return y, y.select(1, 2) * 2
    compare(write, [numbers(np.random.default_rng(0), (3, 4))])


def test_expanded_memory_cannot_be_written():
    for m in (torch, pycnn):
        with pytest.raises(RuntimeError,
                           match="more than one element of the written-to tensor refers to a single memory location"):
            m.ones(3, 1).expand(3, 4).add_(1)


# ---- single cases ---------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [
    lambda m, x: x.view(5, 3), lambda m, x: x.view(-1, 5), lambda m, x: x.view(-1, -1), lambda m, x: x.view(-2, 6),
    lambda m, x: x.t().view(12),
    lambda m, x: x.view([2, 6]), lambda m, x: x.view(m.Size((6, 2))), lambda m, x: x.reshape((12,)),
    lambda m, x: m.reshape(x, (2, -1)),
    lambda m, x: x[:0].reshape(-1, 0), lambda m, x: x.view(x.size(0), -1), lambda m, x: m.flatten(x, start_dim=0),
    lambda m, x: x.squeeze(4),
    lambda m, x: x.unsqueeze(4), lambda m, x: x.transpose(0, 2), lambda m, x: x.permute(0),
    lambda m, x: x.permute(0, 0), lambda m, x: x.permute([1, 0]),
    lambda m, x: x.expand(3, 5), lambda m, x: x.expand(3), lambda m, x: x.expand(-1, 3, 4),
    lambda m, x: x.narrow(0, 4, 1), lambda m, x: x.narrow(0, 2, 2),
    lambda m, x: x.select(0, 3), lambda m, x: x.split(0), lambda m, x: x.split([1, 1]), lambda m, x: x.chunk(0),
    lambda m, x: x.unbind(3),
    lambda m, x: x.split(split_size=2, dim=1), lambda m, x: m.chunk(x, chunks=2, dim=1), lambda m, x: m.cat([]),
    lambda m, x: m.cat([x, x[0]]),
    lambda m, x: m.cat([x, x[:, :3]]), lambda m, x: m.cat([x, x[:, :3]], dim=1), lambda m, x: m.cat((x, x), -1),
    lambda m, x: m.cat([x, x], 2),
    lambda m, x: m.cat([x, x.long()]), lambda m, x: m.cat([x.long(), x]), lambda m, x: m.cat([m.tensor([]), x]),
    lambda m, x: m.stack([x, x[:2]]),
    lambda m, x: m.stack([]), lambda m, x: m.cat([x, 1]), lambda m, x: m.cat(x), lambda m, x: x.repeat(2),
    lambda m, x: x.repeat(-1, 2),
    lambda m, x: x.repeat((2, 2)), lambda m, x: x.flip(0, 0), lambda m, x: x.flip([0, 1]),
    lambda m, x: x.flip(dims=(1,)), lambda m, x: x.roll((1, 2), (0,)),
    lambda m, x: x.rot90(1, (0, 0)), lambda m, x: x.T, lambda m, x: x.mT, lambda m, x: x.unflatten(0, (2, 2)),
    lambda m, x: x.swapaxes(0, 1),
    lambda m, x: x.as_strided((3, 4), (4, 2)), lambda m, x: x.diagonal(0, 0, 0), lambda m, x: x.unfold(0, 4, 1),
    lambda m, x: x[0, 0].split(1),
    lambda m, x: m.meshgrid(x[0], x[:, 0], indexing="ij"), lambda m, x: m.meshgrid(x[0], x[:, 0], indexing="xy"),
    lambda m, x: m.broadcast_tensors(x, x[0]),
    lambda m, x: x.split([1] * 3), lambda m, x: m.hstack([x, x]), lambda m, x: m.vstack((x, x)),
    lambda m, x: x.expand(2, -1, -1), lambda m, x: x.tile((2,)),
])
def test_forms_of_calls(call):
    compare(call, [numbers(np.random.default_rng(0), (3, 4))])


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("kind", LAYOUTS)
def test_pad(mode, kind):
    rng = np.random.default_rng(0)
    for shape, pads in (((2, 3, 7), [(1, 2), (3, 0), (0, 0), (-1, 2)]),
                        ((2, 3, 5, 6), [(1, 2, 3, 0), (2, 2, 2, 2), (0, 1, -1, 0)]),
                        ((1, 2, 4, 3, 5), [(1, 2, 0, 1, 2, 1)]), ((3, 7), [(2, 1)])):
        x = layout(numbers(rng, shape), kind)
        for pad in pads:
            compare(lambda m, t: m.nn.functional.pad(t, pad, mode), [x], what=f"{shape} {pad}", grad_limit=1e-5)
    compare(lambda m, t: m.nn.functional.pad(t, (1, 1), value=2.5), [numbers(rng, (3,))])


@pytest.mark.parametrize("pad, mode", [((1,), "constant"), ((1,) * 6, "constant"), ((4, 4), "reflect"),
                                       ((1,) * 4, "reflect"), ((1,) * 4, "replicate")])
def test_pad_refuses_what_torch_refuses(pad, mode):
    compare(lambda m, t: m.nn.functional.pad(t, pad, mode), [numbers(np.random.default_rng(0), (3, 4))])
