"""The graph: accumulation, hooks, views, writes in place, errors, custom functions, against torch."""

import gc

import numpy as np
import pytest
import torch

import pycnn

pytestmark = pytest.mark.parity


def both(fn):
    """fn(library) on both: equal arrays, or the same type of error with the same beginning."""
    results = []
    for L in (pycnn, torch):
        try:
            results.append([np.asarray(r.detach().numpy() if hasattr(r, "detach") else r) for r in fn(L)])
        except Exception as error:
            results.append(error)
    ours, theirs = results
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)) or isinstance(theirs, type(ours)), f"torch: {theirs!r}, pycnn: {ours!r}"
        assert str(ours)[:40].split("[")[0] == str(theirs)[:40].split("[")[0], f"{ours}\n{theirs}"
        return
    assert not isinstance(ours, Exception), ours
    for a, b in zip(ours, theirs, strict=True):
        largest = np.abs(b[np.isfinite(b)]).max(initial=1)  # sums that cancel are as exact as their terms
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6 * largest)


def leaf(L, *shape, seed=0):
    return L.tensor(np.random.default_rng(seed).standard_normal(shape).astype("f"), requires_grad=True)


def shared(L):
    x = leaf(L, 3)
    y = x * 2 + x
    (y * y + x).sum().backward()
    return [x.grad]


def twice(L):
    x = leaf(L, 3)
    (x * x).sum().backward()
    (x * x).sum().backward()
    return [x.grad]


def retained(L):
    x = leaf(L, 3)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return [x.grad]


def freed(L):
    y = (leaf(L, 3) ** 2).sum()
    y.backward()
    y.backward()


def inplace_on_saved(L):
    x = leaf(L, 3)
    y = x.exp()
    y.add_(1)
    y.sum().backward()


def inplace_on_leaf(L):
    leaf(L, 3).add_(1)


def inplace_on_view_of_leaf(L):
    leaf(L, 3)[0].add_(1)


def inplace_allowed(L):
    x = leaf(L, 3)
    y = x * 3
    y.add_(1)
    y.mul_(2)
    y.sum().backward()
    return [x.grad, y]


def through_a_view(L):
    x = leaf(L, 4, 3)
    y = x * 1
    y[1].mul_(5)
    y[:, 0] = 7
    (y * y).sum().backward()
    return [x.grad, y]


def older_view(L):
    x = leaf(L, 4)
    y = x * 1
    v = y[:2]
    y.mul_(3)
    v.sum().backward()
    return [x.grad, v]


def value_into_a_constant(L):
    x = leaf(L, 2)
    z = L.zeros(5)
    z[1:3] = x * 2
    z[4] = x[0]
    (z * L.arange(5)).sum().backward()
    return [x.grad, z]


def write_through_a_nested_view(L):
    x = leaf(L, 2, 3, 4)
    y = x + 0
    y[1].t()[2].zero_()
    y.view(-1)[0:2].exp_()
    (y * y).sum().backward()
    return [x.grad, y]


def write_through_a_view_of_memory_with_gaps(L):
    y = L.from_numpy(np.arange(24, dtype="f").reshape(4, 6)[:, ::2])
    x = leaf(L, 3)
    y[1] = x * 2
    y[2:, 0].mul_(x[0])
    (y * y).sum().backward()
    return [x.grad, y]


def not_scalar(L):
    (leaf(L, 3) * 2).backward()


def no_graph(L):
    L.ones(1).backward()


def given_gradient(L):
    x = leaf(L, 2, 2)
    (x @ x).backward(L.ones(2, 2) * 3)
    return [x.grad]


def functional_grad(L):
    x, y = leaf(L, 3), leaf(L, 3, seed=1)
    a = x * y
    gx, ga = L.autograd.grad((a * a).sum(), [x, a])
    return [gx, ga] + ([] if x.grad is None else [x.grad])


def unused(L):
    x, y = leaf(L, 3), leaf(L, 3)
    L.autograd.grad((x * 2).sum(), [x, y])


def unused_allowed(L):
    x, y = leaf(L, 3), leaf(L, 3)
    g = L.autograd.grad((x * 2).sum(), [x, y], allow_unused=True)
    return [g[0], np.array(g[1] is None)]


def hooks(L):
    x = leaf(L, 3)
    seen = []
    y = x * 2
    handle = y.register_hook(lambda g: seen.append(g.sum().item()))
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.sum().item()))
    y.retain_grad()
    y.sum().backward(retain_graph=True)
    handle.remove()
    y.sum().backward()
    return [x.grad, y.grad, np.array(seen)]


def relu_between_convolution_and_pool_with_a_hook(L):
    F = L.nn.functional
    x, w = leaf(L, 2, 3, 6, 6), leaf(L, 4, 3, 3, 3, seed=1)
    y = F.relu(F.conv2d(x, w) - 1.0)
    y.retain_grad()
    F.max_pool2d(y, 2).sum().backward()
    return [x.grad, w.grad, y.grad]


def relu_hooked_after_the_pool(L):
    F = L.nn.functional
    x, w = leaf(L, 2, 3, 6, 6), leaf(L, 4, 3, 3, 3, seed=1)
    y = F.relu(F.conv2d(x, w))
    z = F.max_pool2d(y, 2)
    y.retain_grad()
    (z.sum() + (y * 0.5).sum()).backward()
    return [x.grad, w.grad, y.grad]


def private_layouts_do_not_show(L):
    F = L.nn.functional
    x, w = leaf(L, 2, 3, 6, 6), leaf(L, 4, 3, 3, 3, seed=1)
    h = F.conv2d(x, w, padding=1)
    r = F.relu(h)
    a = r.view(2, -1)[:, 5:9]
    with L.no_grad():
        h.mul_(-1)
    b = r.permute(0, 2, 3, 1)
    return [h, r, a, b, r[0, 1], np.array(r.stride()), np.array(h.stride())]


def max_of_equals(L):
    x = L.tensor([[1.0, 1.0], [2.0, 2.0]], requires_grad=True)
    x.max(1).values.sum().backward()
    return [x.grad]


def no_grad_region(L):
    x = leaf(L, 3)
    with L.no_grad():
        y = x * 2
    assert not y.requires_grad
    with L.no_grad(), L.enable_grad():
        z = x * 2
    assert z.requires_grad and L.is_grad_enabled()
    return [y, z]


def detached(L):
    x = leaf(L, 3)
    y = (x * 2).detach() * x
    y.sum().backward()
    return [x.grad]


def custom_function(L):
    class Square(L.autograd.Function):
        @staticmethod
        def forward(ctx, x, n):
            ctx.save_for_backward(x)
            ctx.n = n
            return x * x * n

        @staticmethod
        def backward(ctx, g):
            x, = ctx.saved_tensors
            return 2 * ctx.n * x * g, None

    x = leaf(L, 3)
    y = Square.apply(x, 3)
    (y * y).sum().backward()
    return [x.grad, y]


def grad_of_frozen(L):
    x, w = leaf(L, 2, 3), leaf(L, 4, 3, seed=1)
    w.requires_grad = False
    L.nn.functional.linear(x, w).sum().backward()
    assert w.grad is None
    return [x.grad]


CASES = [shared, twice, retained, freed, inplace_on_saved, inplace_on_leaf, inplace_on_view_of_leaf, inplace_allowed,
         through_a_view, older_view, value_into_a_constant, write_through_a_nested_view,
         write_through_a_view_of_memory_with_gaps, not_scalar, no_graph, given_gradient,
         functional_grad, unused, unused_allowed, hooks, relu_between_convolution_and_pool_with_a_hook,
         relu_hooked_after_the_pool, private_layouts_do_not_show, max_of_equals, no_grad_region, detached,
         custom_function, grad_of_frozen]


@pytest.mark.parametrize("case", CASES, ids=lambda f: f.__name__)
def test_against_torch(case):
    both(case)


def test_a_long_graph_is_run_and_freed_without_recursion(live_blocks):
    before = live_blocks()
    x = pycnn.ones(1, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1
    del y
    y = x
    for _ in range(100_000):
        y = y * 1
    del y, x
    gc.collect()
    assert live_blocks() == before


@pytest.mark.parametrize("call", [
    lambda t, x: x + 1, lambda t, x: x @ x, lambda t, x: (x[None] @ x[None]),
    lambda t, x: t.nn.functional.linear(x, x, x[0]),
    lambda t, x: t.nn.functional.linear(x[None], x, x[0]), lambda t, x: x.sum(), lambda t, x: x.sum(1),
    lambda t, x: x.mean(0), lambda t, x: x.max(),
    lambda t, x: x.max(1)[0], lambda t, x: x.flatten(), lambda t, x: x.relu(),
    lambda t, x: t.nn.functional.cross_entropy(x, t.tensor([0, 1])),
    lambda t, x: t.nn.functional.conv2d(x[None, None], x[None, None]),
    lambda t, x: t.nn.functional.max_pool2d(x[None, None], 2),
    lambda t, x: t.nn.functional.batch_norm(x, None, None, training=True), lambda t, x: x.double(),
    lambda t, x: x.clamp(0, 1)])
def test_node_names(call):
    ours, theirs = (call(t, t.ones(2, 2, requires_grad=True)) for t in (pycnn, torch))
    assert ours.grad_fn.name() == theirs.grad_fn.name()


def test_gradients_of_gradients_are_refused():
    x = pycnn.ones(1, requires_grad=True)
    with pytest.raises(NotImplementedError, match="create_graph"):
        (x * x).backward(create_graph=True)
    with pytest.raises(NotImplementedError, match="is_grads_batched"):
        pycnn.autograd.grad(x * x, x, pycnn.ones(2), is_grads_batched=True)


@pytest.mark.parametrize("write", ["y.mul_(m.ones(1))", "y.add_(m.ones(3))", "y.copy_(m.ones(2, 2))"])
def test_a_refused_write_changes_nothing(write):
    grads = []
    for m in (torch, pycnn):
        x = m.full((4,), 2.0, requires_grad=True)
        y = x.norm()
        with pytest.raises(RuntimeError):
            eval(write)
        assert y._version == 0
        y.backward()  # which reads y
        grads.append(x.grad.tolist())
    assert grads[0] == grads[1]


def test_a_view_learns_of_a_write_to_its_base():
    """Made when nothing required gradients; the base is then written to in place by what does."""
    grads = []
    for m in (torch, pycnn):
        base, w = m.ones(3), m.full((3,), 2.0, requires_grad=True)
        view = base[:2]
        base.mul_(w)
        assert view.requires_grad and not view.is_leaf
        (view * view).sum().backward()
        grads.append(w.grad.tolist())
    assert grads[0] == grads[1] == [4.0, 4.0, 0.0]


def test_a_write_through_a_view_that_was_made_before():
    """torch refuses: it takes the view for a leaf."""
    base, w = pycnn.ones(3), pycnn.full((3,), 2.0, requires_grad=True)
    view = base[:2]
    base.mul_(w)
    view.mul_(3)
    (base * base).sum().backward()
    assert w.grad.tolist() == [36.0, 36.0, 4.0]
