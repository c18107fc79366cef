"""Normalisation against torch: values, gradients, running statistics; over shapes, layouts, instruction sets."""

import itertools

import numpy as np
import pytest

import pycnn
from both import IMAGE_LAYOUTS, relative_error
from pycnn._C import nn as ours_nn

pytestmark = pytest.mark.parity

LIMIT = {"float32": 2e-6, "float64": 1e-13}
BEFORE = {"none": lambda torch, x: x, "private": lambda torch, x: torch.max_pool2d(x, 1),
          "relu": lambda torch, x: torch.relu(torch.max_pool2d(x, 1))}


def run_both(name, arrays, need, args, kwargs, grad, layout="plain", before="none", extra=()):
    """Call the operator on both sides and back; return pairs (label, ours, torch's in float64)."""
    import torch
    import torch.nn.functional as F

    ours = [None if a is None else pycnn.from_numpy(IMAGE_LAYOUTS[layout](a) if k == 0 else a.copy()) for k,
            a in enumerate(arrays)]
    theirs = [None if a is None else torch.from_numpy(a).double() for a in arrays]
    for k, wanted in enumerate(need):
        if wanted and ours[k] is not None:
            ours[k].requires_grad = theirs[k].requires_grad = True
    x, y = BEFORE[before](pycnn, ours[0]), BEFORE[before](torch, theirs[0])
    got = getattr(ours_nn, name)(x, *args(ours[1:]), **kwargs)
    want = getattr(F, name)(y, *args(theirs[1:]), **kwargs)
    pairs = [("result", pycnn._C.to_numpy(got), want.detach().numpy())]
    if any(need):
        got.backward(pycnn.from_numpy(IMAGE_LAYOUTS[layout](grad)))
        want.backward(torch.from_numpy(grad).double())
    for k, (a, b) in enumerate(zip(ours, theirs)):
        if b is not None and b.requires_grad:
            pairs.append((f"gradient of {k}", a.grad.numpy(), b.grad.numpy()))
        elif a is not None:
            assert a.grad is None
    pairs += [(f"state {k}", ours[k].numpy(), theirs[k].numpy()) for k in extra if ours[k] is not None]
    return pairs


SHAPES = [(4, 3), (2, 17), (5, 64), (3, 1, 7), (2, 6, 5), (2, 3, 4, 5), (3, 16, 6, 6), (2, 33, 5, 3), (1, 70, 9, 9),
          (2, 5, 1, 1),
          (9, 128, 2, 2), (2, 4, 2, 3, 4), (40, 8, 16, 16), (1, 2, 60, 70)]


def batch_norm_arrays(shape, dtype, seed=0, offset=0.0):
    values = np.random.RandomState(seed)
    c = shape[1]
    arrays = [values.randn(*shape) * 2 + offset + values.randn(c).reshape(1, c, *[1] * (len(shape) - 2)),
              values.randn(c),
              values.rand(c) + 0.5, values.randn(c), values.randn(c)]
    return [a.astype(dtype) for a in arrays], values.randn(*shape).astype(dtype)


@pytest.mark.parametrize("dtype", LIMIT)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_norm(shape, training, dtype, isa):
    arrays, grad = batch_norm_arrays(shape, dtype)
    layouts = ["plain", "strided"] + (["channels_last"] if len(shape) > 2 else [])
    for layout, params, stats in itertools.product(layouts, (True, False), (True, False) if training else (True,)):
        given = [arrays[0], *(arrays[1:3] if stats else (None, None)), *(arrays[3:] if params else (None, None))]
        pairs = run_both("batch_norm", given, (True, False, False, params, params), lambda rest: rest,
                         {"training": training, "momentum": 0.3, "eps": 1e-3}, grad, layout, extra=(1, 2))
        for label, got, want in pairs:
            assert relative_error(got, want) < LIMIT[dtype], (label, layout, params, stats)


@pytest.mark.parametrize("before", ["private", "relu"])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_of_private_input(before, training, isa):
    for shape in [(3, 16, 6, 6), (2, 33, 5, 3), (2, 3, 8, 8)]:
        arrays, grad = batch_norm_arrays(shape, "float32")
        for layout in ("plain", "channels_last"):
            pairs = run_both("batch_norm", arrays, (True, False, False, True, True), lambda rest: rest,
                             {"training": training},
                             grad, layout, before, extra=(1, 2))
            for label, got, want in pairs:
                assert relative_error(got, want) < LIMIT["float32"], (label, shape, layout)


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_masks(training):
    """Any choice of wanted gradients gives these gradients alone."""
    arrays, grad = batch_norm_arrays((3, 16, 6, 6), "float32")
    for need in itertools.product((True, False), repeat=3):
        for layout in ("plain", "channels_last"):
            pairs = run_both("batch_norm", arrays, (need[0], False, False, *need[1:]), lambda rest: rest,
                             {"training": training}, grad, layout)
            assert all(relative_error(got, want) < LIMIT["float32"] for _, got, want in pairs)


def test_batch_norm_far_from_zero(isa):
    """A mean of a thousand deviations costs no more than the rounding of the input itself."""
    for shape in [(8, 16, 20, 20), (4, 3, 50, 50)]:
        arrays, grad = batch_norm_arrays(shape, "float32", offset=3000.0)
        for layout in ("plain", "channels_last"):
            pairs = run_both("batch_norm", arrays, (True, False, False, True, True), lambda rest: rest,
                             {"training": True}, grad,
                             layout, extra=(1, 2))
            for label, got, want in pairs:
                assert relative_error(got, want) < (2e-6 if label.startswith("state") else 4e-4), label


@pytest.mark.parametrize("layout", ["plain", "channels_last", "strided"])
def test_batch_norm_strides_are_torchs(layout):
    import torch

    arrays, _ = batch_norm_arrays((2, 4, 3, 5), "float32")
    got = ours_nn.batch_norm(pycnn.from_numpy(IMAGE_LAYOUTS[layout](arrays[0])), *map(pycnn.from_numpy, arrays[1:]))
    want = torch.nn.functional.batch_norm(torch.from_numpy(IMAGE_LAYOUTS[layout](arrays[0])),
                                          *map(torch.from_numpy, arrays[1:]))
    assert got.stride() == want.stride()


@pytest.mark.parametrize("shape", [(4, 3), (2, 6, 5), (2, 8, 4, 5), (1, 12, 7, 3), (3, 64, 3, 3), (2, 4, 2, 3, 4)],
                         ids=str)
@pytest.mark.parametrize("dtype", LIMIT)
def test_group_norm(shape, dtype, isa):
    arrays, grad = batch_norm_arrays(shape, dtype)
    layouts = ["plain", "strided"] + (["channels_last"] if len(shape) > 2 else [])
    groups = [g for g in (1, 2, 3, 4, shape[1]) if shape[1] % g == 0 and np.prod(shape[2:],
            initial=1) * shape[1] // g > 1]
    for group, layout, params in itertools.product(groups, layouts, (True, False)):
        given = [arrays[0], *(arrays[3:] if params else (None, None))]
        for label, got, want in run_both("group_norm", given, (True, params, params),
                                         lambda rest: (group, *rest), {"eps": 1e-4}, grad, layout):
            assert relative_error(got, want) < LIMIT[dtype], (label, group, layout)


def test_group_norm_strides_are_torchs():
    import torch

    for layout in IMAGE_LAYOUTS:
        x = IMAGE_LAYOUTS[layout](np.ones((2, 4, 3, 5), "f"))
        got, want = ours_nn.group_norm(pycnn.from_numpy(x), 2), torch.nn.functional.group_norm(torch.from_numpy(x), 2)
        assert got.stride() == want.stride()


@pytest.mark.parametrize("shape, dims", [((4, 3), 1), ((2, 5, 33), 1), ((2, 3, 4, 5), 2), ((2, 3, 40), 3),
                                         ((70, 64), 1),
                                         ((3, 5000), 1), ((5, 2), 1)], ids=str)
@pytest.mark.parametrize("dtype", LIMIT)
def test_layer_norm(shape, dims, dtype, isa):
    values = np.random.RandomState(1)
    arrays = [values.randn(*s).astype(dtype) for s in (shape, shape[-dims:], shape[-dims:])]
    grad = values.randn(*shape).astype(dtype)
    for layout, given in itertools.product(("plain", "strided"), itertools.product((True, False), repeat=2)):
        args = [arrays[0]] + [a if yes else None for a, yes in zip(arrays[1:], given)]
        for label, got, want in run_both("layer_norm", args, (True, *given), lambda rest: (shape[-dims:], *rest), {},
                                         grad,
                                         layout):
            assert relative_error(got, want) < LIMIT[dtype], (label, layout, given)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves(dtype):
    import torch

    values = np.random.RandomState(2)
    x, w, b = (values.randn(*s).astype("f") for s in ((6, 4, 3, 3), (4,), (4,)))
    for mixed in (True, False):
        ours, theirs = [], []
        for torch_like, into in ((pycnn, ours), (torch, theirs)):
            half = getattr(torch_like, dtype)
            into.append(torch_like.from_numpy(x).to(half))
            into += [torch_like.from_numpy(a) if mixed else torch_like.from_numpy(a).to(half) for a in (w, b)]
            for t in into:
                t.requires_grad = True
        F = torch.nn.functional
        for got, want in ((ours_nn.batch_norm(ours[0], None, None, *ours[1:], training=True),
                           F.batch_norm(theirs[0], None, None, *theirs[1:], training=True)),
                          (ours_nn.group_norm(ours[0], 2, *ours[1:]), F.group_norm(theirs[0], 2, *theirs[1:]))):
            assert str(got.dtype).split(".")[-1] == dtype
            assert np.allclose(pycnn._C.to_numpy(got.float()), want.detach().float().numpy(), atol=0.02)
            got.backward(pycnn.ones_like(got))
            assert [str(t.grad.dtype) for t in ours] == [str(t.dtype) for t in ours]


@pytest.mark.parametrize("name", ["batch", "layer", "group"])
@pytest.mark.parametrize("layout", ["plain", "channels_last"])
def test_threads_do_not_matter(name, layout, isa):
    arrays, grad = batch_norm_arrays((7, 48, 33, 31), "float32")
    results = []
    before = pycnn.get_num_threads()
    try:
        for threads in (1, 2, 5):
            pycnn.set_num_threads(threads)
            x, mean, var, w, b = [pycnn.from_numpy(IMAGE_LAYOUTS[layout](a) if a.ndim == 4 else a.copy())
                                  for a in arrays]
            leaves = [x, w, b]
            if name == "layer":
                leaves[1:] = [pycnn.from_numpy(np.ones((33, 31), "f")), pycnn.from_numpy(np.ones((33, 31), "f"))]
            for t in leaves:
                t.requires_grad = True
            y = {"batch": lambda: ours_nn.batch_norm(x, mean, var, w, b, True),
                 "group": lambda: ours_nn.group_norm(x, 4, w, b),
                 "layer": lambda: ours_nn.layer_norm(x, (33, 31), *leaves[1:])}[name]()
            y.backward(pycnn.from_numpy(IMAGE_LAYOUTS[layout](grad)))
            results.append([pycnn._C.to_numpy(t).tobytes() for t in (y, mean, var, *(leaf.grad for leaf in leaves))])
    finally:
        pycnn.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_empty():
    x, w = pycnn.from_numpy(np.ones((0, 3, 2, 2), "f")), pycnn.from_numpy(np.ones(3, "f"))
    x.requires_grad = w.requires_grad = True
    mean = pycnn.from_numpy(np.ones(3, "f"))
    for y in (ours_nn.batch_norm(x, mean, pycnn.from_numpy(np.ones(3, "f")), w, training=True),
              ours_nn.group_norm(x, 3, w)):
        w.grad = None
        y.backward(pycnn.from_numpy(np.ones((0, 3, 2, 2), "f")))
        assert y.shape == x.grad.shape == (0, 3, 2, 2)
        assert np.array_equal(w.grad.numpy(), np.zeros(3))
    assert np.array_equal(mean.numpy(), np.ones(3))
    assert ours_nn.layer_norm(pycnn.from_numpy(np.ones((2, 0), "f")), [0]).shape == (2, 0)


ONES = np.ones
BAD = [
    ("batch_norm", [ONES((2, 3), "f"), None, None], {}),
    ("batch_norm", [ONES((2, 3), "f"), ONES(3, "f"), None], {}),
    ("batch_norm", [ONES((2, 3), "f"), ONES(4, "f"), ONES(3, "f")], {}),
    ("batch_norm", [ONES((2, 3), "f"), ONES(3, "f"), ONES(4, "f")], {}),
    ("batch_norm", [ONES((2, 3), "f"), ONES(3, "f"), ONES(3, "f"), ONES(4, "f")], {}),
    ("batch_norm", [ONES((2, 3), "f"), ONES(3, "f"), ONES(3, "f"), ONES(3, "f"), ONES(4, "f")], {}),
    ("batch_norm", [ONES((1, 3), "f"), ONES(3, "f"), ONES(3, "f")], {"training": True}),
    ("batch_norm", [ONES((1, 3, 1, 1), "f"), ONES(3, "f"), ONES(3, "f")], {"training": True}),
    ("batch_norm", [ONES(3, "f"), ONES(3, "f"), ONES(3, "f")], {}),
    ("batch_norm", [ONES((2, 3), "f"), ONES(3, "f"), None], {"training": True}),
    ("batch_norm", [ONES((2, 3), "f"), ONES(3, "d"), ONES(3, "d")], {}),
    ("batch_norm", [ONES((2, 3), "d"), ONES(3, "f"), ONES(3, "f")], {}),
    ("batch_norm", [ONES((2, 3), "i8"), ONES(3, "f"), ONES(3, "f")], {}),
    ("batch_norm", [ONES((2, 3), "f"), ONES(3, "f"), ONES(3, "f")], {"eps": -1.0}),
    ("layer_norm", [ONES((2, 3), "f"), [4]], {}),
    ("layer_norm", [ONES((2, 3), "f"), []], {}),
    ("layer_norm", [ONES((2, 3), "f"), [2, 2, 3]], {}),
    ("layer_norm", [ONES((2, 3), "f"), [3], ONES(4, "f")], {}),
    ("layer_norm", [ONES((2, 3), "f"), [3], ONES(3, "f"), ONES(2, "f")], {}),
    ("layer_norm", [ONES((2, 3), "d"), [3], ONES(3, "f")], {}),
    ("layer_norm", [ONES((2, 3), "i8"), [3]], {}),
    ("group_norm", [ONES((2, 3), "f"), 2], {}),
    ("group_norm", [ONES((2, 4), "f"), -1], {}),
    ("group_norm", [ONES(4, "f"), 2], {}),
    ("group_norm", [ONES((2, 4), "f"), 2, ONES(3, "f")], {}),
    ("group_norm", [ONES((2, 4), "f"), 2, ONES(4, "f"), ONES(3, "f")], {}),
    ("group_norm", [ONES((1, 4), "f"), 4], {}),
    ("group_norm", [ONES((2, 4, 0, 3), "f"), 2], {}),
    ("group_norm", [ONES((2, 4), "d"), 2, ONES(4, "f")], {}),
]


@pytest.mark.parametrize("name, args, kwargs", BAD, ids=range(len(BAD)))
def test_errors_are_torchs(name, args, kwargs):
    import torch

    def convert(like):
        return [like.from_numpy(a) if isinstance(a, np.ndarray) else a for a in args]

    with pytest.raises(Exception) as want:
        getattr(torch.nn.functional, name)(*convert(torch), **kwargs)
    with pytest.raises(type(want.value)) as got:
        getattr(ours_nn, name)(*convert(pycnn), **kwargs)
    words = str(want.value).splitlines()[0]
    assert str(got.value).startswith(words), f"{got.value}\n{words}"


def test_failing_allocations():
    """Each allocation of a call and its backward may fail; nothing leaks."""
    arrays, grad = batch_norm_arrays((3, 16, 6, 6), "float32")
    x, mean, var, w, b = map(pycnn.from_numpy, arrays)
    for t in (x, w, b):
        t.requires_grad = True
    g = pycnn.from_numpy(grad)

    def step(call):
        for t in (x, w, b):
            t.grad = None
        y = call()
        y.backward(g)

    calls = [lambda: ours_nn.batch_norm(x, mean, var, w, b, True), lambda: ours_nn.batch_norm(x, mean, var, w, b),
             lambda: ours_nn.group_norm(x, 4, w, b), lambda: ours_nn.layer_norm(x, (16, 6, 6))]
    for call in calls:
        for n in range(200):
            for t in (x, w, b):
                t.grad = None
            live = pycnn._C._alloc_stats()["live_blocks"]
            pycnn._C._alloc_fail_after(n)
            done = False
            try:
                step(call)
                done = True
            except MemoryError:
                pass
            pycnn._C._alloc_fail_after(-1)
            for t in (x, w, b):
                t.grad = None
            assert pycnn._C._alloc_stats()["live_blocks"] == live, n
            if done:
                break
        else:
            raise AssertionError("no end of allocations")


def relu_of(t, x, w, b, mode="plain", training=True):
    """ReLU behind batch norm, read in ways that decide who applies its mask in the reverse pass."""
    import torch

    F = t.nn.functional
    y = F.batch_norm(x, None, None, w, b, training=True) if training else F.batch_norm(x, t.zeros(5), t.ones(5), w, b)
    if mode == "in place":
        return F.relu_(y)
    z = F.relu(y)
    if mode == "kept":
        z = z + 0 * y
    elif mode == "read twice":
        z = z * y + F.relu(-y)
    elif mode == "pooled" and y.dim() == 4:
        z = F.max_pool2d(z, 2)
    elif mode == "relu of relu":
        z = F.relu(z - 0.5)
    elif mode == "hook":
        y.register_hook(lambda g: 2 * g)
    assert t is pycnn or t is torch
    return z


@pytest.mark.parametrize("mode", ["plain", "in place", "kept", "read twice", "pooled", "relu of relu", "hook"])
@pytest.mark.parametrize("shape", [(3, 5, 7, 6), (4, 37, 2, 3), (6, 5), (2, 5, 33)], ids=str)
def test_relu_after_batch_norm(mode, shape, isa):
    import both

    rng = np.random.default_rng(3)
    c = shape[1]
    x, w, b = (rng.standard_normal(s).astype("f") for s in (shape, c, c))
    x[0, :, ...] = 0.5  # ties
    for layout in both.LAYOUTS:
        both.compare(lambda t, *a: relu_of(t, *a, mode=mode), [both.layout(x, layout), w, b], limit=1e-5,
                     what=f"{layout} {mode}")
    both.compare(lambda t, *a: relu_of(t, BEFORE["private"](t, a[0]) if x.ndim == 4 else a[0], *a[1:],
                                       mode=mode), [x, w, b],
                 limit=1e-5, what=f"private {mode}")
    both.compare(lambda t, x: relu_of(t, x, None, None, mode=mode), [x], limit=1e-5, what=f"without affine {mode}")
    if c == 5:
        both.compare(lambda t, *a: relu_of(t, *a, mode=mode, training=False), [x, w, b], limit=1e-5,
                     what=f"eval {mode}")


def test_relu_after_batch_norm_in_graphs_that_are_used_again():
    import torch

    results = []
    for t in (torch, pycnn):
        x = t.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype("f")).requires_grad_()
        bn = t.nn.BatchNorm2d(3)
        out = []
        z = t.relu(bn(x))
        z.sum().backward(retain_graph=True)
        (z * z).sum().backward()
        out.append(x.grad.numpy().copy())
        y = bn(x)
        z = t.relu(y)
        out += [g.numpy() for g in t.autograd.grad(z.sum(), [y, x])]
        y = bn(x)
        y.retain_grad()
        t.relu(y).square().sum().backward()
        out.append(y.grad.numpy())
        z = t.relu(bn(x))
        loss = z.sum()
        with t.no_grad():
            z += 1
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()
        results.append(out)
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("need_weight", [False, True])
def test_statistics_that_change_between_an_evaluation_and_its_backward(need_weight):
    """torch keeps no version of them, and uses the new ones: the gradient here is that of what was computed."""
    x, g = np.random.default_rng(0).standard_normal((2, 5, 3, 4, 4), dtype="f")
    import torch
    grads = []
    for library, between in ((torch, False), (pycnn, False), (pycnn, True)):
        norm = library.nn.BatchNorm2d(3)
        norm.weight.requires_grad_(need_weight)
        norm(library.from_numpy(x) * 2 + 1)
        norm.eval()
        leaf = library.from_numpy(x).clone().requires_grad_()
        y = norm(leaf)
        if between:
            norm.train()
            norm(library.from_numpy(g))
        y.backward(library.from_numpy(g))
        grads.append([t.numpy() for t in (leaf.grad, norm.weight.grad, norm.bias.grad) if t is not None])
    assert len(grads[0]) == 2 + need_weight
    for want, got, again in zip(*grads, strict=True):
        assert np.abs(want - got).max() < 1e-5 * np.abs(want).max()
        assert np.array_equal(got, again)
