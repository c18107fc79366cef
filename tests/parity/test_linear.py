"""Linear layers and matrix products against torch: values and gradients over shapes, strides, dtypes."""

import itertools
import random

import numpy as np
import pytest

import pycnn
from both import relative_error
from pycnn._C import nn as ours_nn
from pycnn._C import to_numpy

pytestmark = pytest.mark.parity

LIMIT = {"float32": 2e-6, "float64": 1e-14}


def transposed(array):
    return array if array.ndim < 2 else np.ascontiguousarray(array.swapaxes(-1, -2)).swapaxes(-1, -2)


def strided(array):
    if array.ndim == 0:
        return array
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


LAYOUTS = {"plain": np.ascontiguousarray, "transposed": transposed, "strided": strided}


def run(ours_fn, theirs_fn, arrays, need, rng, limit, message, kwargs=None):
    """Compare one call and its gradients with torch's in float64; inputs in random layouts."""
    import torch

    kwargs = kwargs or {}
    ours = [pycnn.from_numpy(LAYOUTS[rng.choice(list(LAYOUTS))](a)) if a.ndim else pycnn.from_numpy(a) for a in arrays]
    theirs = [torch.from_numpy(a).double() for a in arrays]
    for a, b, wanted in zip(ours, theirs, need):
        a.requires_grad = b.requires_grad = wanted
    got, want = ours_fn(*ours, **kwargs), theirs_fn(*theirs, **kwargs)
    assert relative_error(to_numpy(got), want.detach().numpy()) < limit, message
    if any(need):
        grad = np.random.RandomState(rng.randrange(2**31)).randn(*want.shape)
        grad = np.asarray(grad, arrays[0].dtype)
        got.backward(pycnn.from_numpy(LAYOUTS[rng.choice(list(LAYOUTS))](grad) if grad.ndim else grad))
        want.backward(torch.from_numpy(grad).double())
    for k, (a, b, wanted) in enumerate(zip(ours, theirs, need)):
        assert (a.grad is not None) == wanted
        if wanted:
            assert relative_error(a.grad.numpy(), b.grad.numpy()) < limit, f"gradient {k} of {message}"


SIZES = [1, 1, 2, 3, 4, 5, 7, 8, 13, 16, 17, 31, 32, 33, 40, 64]


@pytest.mark.parametrize("dtype", LIMIT)
@pytest.mark.parametrize("seed", range(3))
def test_linear(seed, dtype, isa):
    import torch

    rng = random.Random(f"{seed} {dtype} {isa}")
    values = np.random.RandomState(seed)
    for _ in range(60):
        k, n = rng.choice(SIZES + [0, 100, 300]), rng.choice(SIZES + [0, 100])
        lead = rng.choice([(), (1,), (rng.choice(SIZES),), (rng.choice(SIZES),), (0,), (3, 5), (2, 3, 4)])
        arrays = [values.randn(*lead, k).astype(dtype), values.randn(n, k).astype(dtype)]
        if rng.random() < 0.7:
            arrays.append(values.randn(n).astype(dtype))
        need = [rng.random() < 0.7 for _ in arrays]
        run(ours_nn.linear, torch.nn.functional.linear, arrays, need, rng, LIMIT[dtype], (lead, n, k, need))


@pytest.mark.parametrize("shape", [(64, 4096, 512), (64, 512, 10), (1000, 512, 10), (1, 4096, 512), (2, 1000, 333),
                                   (7, 2048, 130),
                                   (130, 1027, 200), (300, 300, 300), (17, 600, 64)], ids=str)
def test_linear_of_networks(shape, isa):
    import torch

    m, k, n = shape
    values = np.random.RandomState(0)
    arrays = [values.randn(*s).astype("f") for s in ((m, k), (n, k), (n,))]
    run(ours_nn.linear, torch.nn.functional.linear, arrays, (True, True, True), random.Random(1), 1e-6, shape)


@pytest.mark.parametrize("rows", [300, 600])
def test_long_sums(rows, isa):
    """More than the copy of an operand that is held at a time."""
    values = np.random.RandomState(0)
    x, w, bias = (values.randn(*s).astype("f") for s in ((rows, 3000), (610, 3000), (610,)))
    want = x.astype("d") @ w.T.astype("d")
    got = ours_nn.linear(*map(pycnn.from_numpy, (x, w)))
    assert relative_error(to_numpy(got), want) < 1e-6
    got = ours_nn.linear(*map(pycnn.from_numpy, (x, w, bias)))
    assert relative_error(to_numpy(got), want + bias) < 1e-6


def test_linear_shapes_of_bias_and_weight():
    import torch

    values, rng = np.random.RandomState(0), random.Random(0)
    for x, weight, bias in [((2, 3), (5, 3), (1,)), ((2, 3), (5, 3), (2, 1)), ((2, 3), (5, 3), (2, 5)),
                            ((4, 2, 3), (5, 3), (4, 2, 5)),
                            ((4, 2, 3), (5, 3), (2, 5)), ((2, 3), (3,), None), ((2, 4, 3), (3,), None), ((3,), (3,),
                                    None)]:
        arrays = [values.randn(*s) for s in (x, weight, bias) if s is not None]
        run(ours_nn.linear, torch.nn.functional.linear, arrays, [True] * len(arrays), rng, 1e-14, (x, weight, bias))


def random_matmul(rng):
    """Two shapes that fit together."""
    m, n, k = (rng.choice(SIZES + [0]) for _ in range(3))
    batch = [rng.choice([1, 2, 3, 5]) for _ in range(rng.choice([0, 0, 1, 2]))]
    left = [1 if rng.random() < 0.25 else size for size in batch][rng.randrange(len(batch) + 1):]
    right = [1 if rng.random() < 0.25 else size for size in batch][rng.randrange(len(batch) + 1):]
    a, b = (*left, m, k), (*right, k, n)
    if rng.random() < 0.15:
        a = (k,)
    if rng.random() < 0.15:
        b = (k,)
    return a, b


@pytest.mark.parametrize("dtype", LIMIT)
@pytest.mark.parametrize("seed", range(3))
def test_matmul(seed, dtype, isa):
    import torch

    rng = random.Random(f"{seed} {dtype} {isa}")
    values = np.random.RandomState(seed)
    for _ in range(80):
        a, b = random_matmul(rng)
        arrays = [values.randn(*s).astype(dtype) for s in (a, b)]
        need = [rng.random() < 0.7 for _ in arrays]
        run(pycnn.matmul, torch.matmul, arrays, need, rng, LIMIT[dtype], (a, b, need))


NAMED = [("mm", (5, 7), (7, 3)), ("bmm", (4, 5, 7), (4, 7, 3)), ("bmm", (0, 5, 7), (0, 7, 3)), ("mv", (5, 7), (7,)),
         ("dot", (9,), (9,)),
         ("vdot", (0,), (0,)), ("outer", (5,), (4,)), ("ger", (5,), (0,)), ("bmm", (70, 20, 20), (70, 20, 20)),
         ("matmul", (6, 1, 8, 9), (3, 9, 5)), ("matmul", (2, 3, 30, 40), (40, 50)), ("matmul", (2, 300, 200),
                 (2, 200, 170))]


@pytest.mark.parametrize("name, a, b", NAMED, ids=str)
@pytest.mark.parametrize("dtype", LIMIT)
def test_named_products(name, a, b, dtype, isa):
    import torch

    values, rng = np.random.RandomState(0), random.Random(0)
    arrays = [values.randn(*s).astype(dtype) for s in (a, b)]
    for need in itertools.product((True, False), repeat=2):
        run(getattr(pycnn, name), getattr(torch, name), arrays, need, rng, LIMIT[dtype], (name, need))


ADDED = [("addmm", (5, 3), (5, 7), (7, 3)), ("addmm", (3,), (5, 7), (7, 3)), ("addmm", (5, 1), (5, 7), (7, 3)),
         ("addmm", (), (5, 0), (0, 3)),
         ("addmv", (5,), (5, 7), (7,)), ("addmv", (1,), (5, 7), (7,)), ("addmv", (), (5, 7), (7,)),
         ("baddbmm", (4, 5, 3), (4, 5, 7), (4, 7, 3)), ("baddbmm", (5, 3), (4, 5, 7), (4, 7, 3)), ("baddbmm", (3,),
                 (4, 5, 7), (4, 7, 3))]


@pytest.mark.parametrize("name, c, a, b", ADDED, ids=str)
@pytest.mark.parametrize("dtype", LIMIT)
def test_added_products(name, c, a, b, dtype, isa):
    import torch

    values, rng = np.random.RandomState(0), random.Random(0)
    arrays = [np.asarray(values.randn(*s), dtype) for s in (c, a, b)]
    for need in itertools.product((True, False), repeat=3):
        for kwargs in ({}, {"beta": 0.5, "alpha": 2}, {"beta": 0}, {"alpha": 0.25, "beta": 1}):
            run(getattr(pycnn, name), getattr(torch, name), arrays, need, rng, LIMIT[dtype], (name, need, kwargs),
                kwargs)
    if c and len(c) == len(np.broadcast_shapes(c, getattr(torch, name)(*map(torch.from_numpy,
            arrays)).shape)) and 1 not in c:
        ours, theirs = [pycnn.from_numpy(a.copy()) for a in arrays], [torch.from_numpy(a.copy()) for a in arrays]
        getattr(ours[0], name + "_")(*ours[1:], beta=2)
        getattr(theirs[0], name + "_")(*theirs[1:], beta=2)
        assert relative_error(ours[0].numpy(), theirs[0].numpy()) < LIMIT[dtype]


def test_beta_zero_ignores_the_input():
    nan = pycnn.from_numpy(np.full((2, 3), np.nan, "f"))
    for k in (0, 2):
        got = pycnn.addmm(nan, pycnn.from_numpy(np.ones((2, k), "f")), pycnn.from_numpy(np.ones((k, 3), "f")), beta=0)
        assert np.array_equal(got.numpy(), np.full((2, 3), float(k), "f"))


def test_nan_and_infinity_pass(isa):
    for shape in [(3, 4, 5), (1, 40, 7), (64, 600, 64), (300, 300, 300)]:
        m, k, n = shape
        a, b = np.ones((m, k), "f"), np.ones((k, n), "f")
        a[m // 2, k - 1], b[0, n - 1] = np.nan, np.inf
        for right in (b, transposed(b)):
            got = pycnn.matmul(pycnn.from_numpy(a), pycnn.from_numpy(right)).numpy()
            assert np.array_equal(got, a @ b, equal_nan=True)


def test_written_in_place_operands():
    """An operand may be the tensor that is written."""
    import torch

    x = np.random.RandomState(0).randn(4, 4).astype("f")
    ours, theirs = pycnn.from_numpy(x.copy()), torch.from_numpy(x.copy())
    ours.addmm_(ours, pycnn.from_numpy(x))
    want = theirs + theirs @ torch.from_numpy(x)
    assert relative_error(ours.numpy(), want.numpy()) < 1e-6


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "int8", "uint8"])
def test_integers(dtype):
    import torch
    import torch.nn.functional as F

    values = np.random.RandomState(0)
    def both(*shapes):
        arrays = [values.randint(0, 100, s).astype(dtype) for s in shapes]
        return [pycnn.from_numpy(a) for a in arrays], [torch.from_numpy(a) for a in arrays]

    for name, shapes in [("matmul", [(5, 7), (7, 3)]), ("matmul", [(2, 5, 7), (7, 3)]), ("mv", [(5, 7), (7,)]),
                         ("dot", [(50,), (50,)]),
                         ("addmm", [(3,), (5, 7), (7, 3)]), ("bmm", [(4, 2, 3), (4, 3, 2)]), ("outer", [(4,), (5,)])]:
        ours, theirs = both(*shapes)
        got, want = getattr(pycnn, name)(*ours), getattr(torch, name)(*theirs)
        assert str(got.dtype).split(".")[-1] == dtype
        assert np.array_equal(got.numpy(), want.numpy()), name
    ours, theirs = both((6, 5), (4, 5), (4,))
    assert np.array_equal(ours_nn.linear(*ours).numpy(), F.linear(*theirs).numpy())
    ours, theirs = both((5, 3), (5, 7), (7, 3))
    assert np.array_equal(pycnn.addmm(*ours, beta=3, alpha=2).numpy(), torch.addmm(*theirs, beta=3, alpha=2).numpy())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves(dtype):
    import torch
    import torch.nn.functional as F

    values = np.random.RandomState(0)
    arrays = [values.randn(*s).astype("f") for s in ((6, 40), (5, 40), (5,))]
    ours, theirs = [], []
    for like, into in ((pycnn, ours), (torch, theirs)):
        for a in arrays:
            t = like.from_numpy(a).to(getattr(like, dtype))
            t.requires_grad = True
            into.append(t)
    got, want = ours_nn.linear(*ours), F.linear(*theirs)
    assert str(got.dtype).split(".")[-1] == dtype
    assert np.allclose(to_numpy(got.float()), want.detach().float().numpy(), atol=0.1, rtol=0.02)
    got.sum().backward()
    want.sum().backward()
    for a, b in zip(ours, theirs):
        assert str(a.grad.dtype) == str(a.dtype)
        assert np.allclose(a.grad.float().numpy(), b.grad.float().numpy(), atol=0.1, rtol=0.02)


@pytest.mark.parametrize("shape", [(64, 4096, 500), (1, 4096, 500), (500, 700, 600), (3, 5000, 1000), (100, 64, 64),
                                   (40, 3000, 9)], ids=str)
@pytest.mark.parametrize("dtype", LIMIT)
def test_threads_do_not_matter(shape, dtype, isa):
    m, k, n = shape
    values = np.random.RandomState(0)
    arrays = [values.randn(*s).astype(dtype) for s in ((m, k), (n, k), (n,))]
    grad = pycnn.from_numpy(values.randn(m, n).astype(dtype))
    batches = [pycnn.from_numpy(values.randn(9, 33, 40).astype(dtype)), pycnn.from_numpy(values.randn(9, 40,
            50).astype(dtype))]
    results, before = [], pycnn.get_num_threads()
    try:
        for threads in (1, 2, 5):
            pycnn.set_num_threads(threads)
            leaves = [pycnn.from_numpy(a) for a in arrays]
            for t in leaves:
                t.grad = None
                t.requires_grad = True
            y = ours_nn.linear(*leaves)
            y.backward(grad)
            tensors = [y, *(t.grad for t in leaves), pycnn.matmul(*batches)]
            results.append([to_numpy(t).tobytes() for t in tensors])
    finally:
        pycnn.set_num_threads(before)
    assert results[0] == results[1] == results[2]


ONES = np.ones
F, D, Q = "f", "d", "?"
BAD = [
    ("linear", [ONES((2, 3), F), ONES((5, 4), F)]), ("linear", [ONES((2, 7, 3), F), ONES((5, 4), F)]), ("linear",
            [ONES(3, F), ONES((5, 4), F)]),
    ("linear", [ONES((2, 3), F), ONES((5, 3), D)]), ("linear", [ONES((2, 3), "i8"), ONES((5, 3), F)]), ("linear",
            [ONES((2, 3), "u1"), ONES((5, 3), F)]),
    ("linear", [ONES((2, 3), F), ONES((5, 3), F), ONES(4, F)]), ("linear", [ONES((2, 3), F), ONES((5, 3), F),
            ONES(5, D)]),
    ("linear", [ONES((2, 3), D), ONES((5, 3), F), ONES(5, F)]), ("linear", [ONES((4, 2, 3), F), ONES((5, 3), F),
            ONES(4, F)]),
    ("linear", [ONES((4, 2, 3), F), ONES((5, 3), F), ONES((3, 5), F)]), ("linear",
            [ONES(3, F), ONES((5, 3), F), ONES((2, 5), F)]),
    ("linear", [ONES((2, 3), F), ONES(3, F), ONES(2, F)]), ("linear", [ONES((2, 3), F), ONES(4, F)]), ("linear",
            [ONES((2, 3), F), ONES((1, 2, 3), F)]),
    ("linear", [ONES((), F), ONES((5, 3), F)]), ("linear", [ONES((2, 3), Q), ONES((5, 3), Q)]),
    ("matmul", [ONES((2, 3), F), ONES((4, 5), F)]), ("matmul", [ONES(3, F), ONES(4, F)]), ("matmul",
            [ONES(3, F), ONES((4, 5), F)]),
    ("matmul", [ONES((2, 3), F), ONES(4, F)]), ("matmul", [ONES((2, 2, 3), F), ONES(4, F)]), ("matmul",
            [ONES((2, 2, 3), F), ONES((2, 4, 5), F)]),
    ("matmul", [ONES((2, 2, 3), F), ONES((3, 3, 5), F)]), ("matmul", [ONES((2, 2, 3), F), ONES((4, 5), F)]), ("matmul",
            [ONES(3, F), ONES((2, 4, 5), F)]),
    ("matmul", [ONES((2, 3), F), ONES((2, 4, 5), F)]), ("matmul", [ONES((), F), ONES(3, F)]), ("matmul",
            [ONES((2, 3), F), ONES((3, 2), D)]),
    ("matmul", [ONES((2, 3), "i8"), ONES((3, 2), F)]), ("matmul", [ONES(3, F), ONES(3, D)]), ("matmul",
            [ONES(3, Q), ONES(3, Q)]),
    ("matmul", [ONES((2, 3), Q), ONES((3, 3), Q)]), ("matmul", [ONES((2, 2, 3), Q), ONES((2, 3, 3), Q)]), ("matmul",
            [ONES((2, 2, 3), F), ONES((2, 3, 3), D)]),
    ("matmul", [ONES((2, 3), F), ONES(3, D)]), ("matmul", [ONES((2, 3), Q), ONES(3, Q)]),
    ("mm", [ONES(3, F), ONES((3, 2), F)]), ("mm", [ONES((3, 2), F), ONES(3, F)]), ("mm",
            [ONES((2, 3), F), ONES((2, 3), F)]),
    ("mm", [ONES((2, 3), F), ONES((3, 2), D)]),
    ("bmm", [ONES((2, 3), F), ONES((2, 3, 2), F)]), ("bmm", [ONES((1, 2, 3), F), ONES((3, 2), F)]), ("bmm",
            [ONES((1, 2, 3), F), ONES((2, 3, 2), F)]),
    ("bmm", [ONES((2, 2, 3), F), ONES((2, 4, 2), F)]), ("bmm", [ONES((2, 2, 3), F), ONES((2, 3, 2), D)]),
    ("mv", [ONES(3, F), ONES(3, F)]), ("mv", [ONES((2, 3), F), ONES((2, 3), F)]), ("mv",
            [ONES((2, 3), F), ONES(2, F)]), ("mv", [ONES((2, 3), F), ONES(3, D)]),
    ("dot", [ONES((2, 3), F), ONES(3, F)]), ("dot", [ONES(2, F), ONES(3, F)]), ("dot", [ONES(3, F), ONES(3, D)]),
    ("outer", [ONES((2, 3), F), ONES(3, F)]), ("outer", [ONES(3, F), ONES((2, 3), F)]),
    ("addmm", [ONES((2, 2), F), ONES((2, 3), F), ONES((2, 3), F)]), ("addmm",
                                                                     [ONES(3, F), ONES((2, 3), F), ONES((3, 2), F)]),
    ("addmm", [ONES((2, 2), F), ONES(3, F), ONES((3, 2), F)]), ("addmm", [ONES((2, 2), F), ONES((2, 3), F),
            ONES(3, F)]),
    ("addmm", [ONES((2, 2), F), ONES((2, 3), F), ONES((3, 2), D)]), ("addmm",
                                                                     [ONES((2, 2), D), ONES((2, 3), F),
                                                                      ONES((3, 2), F)]),
    ("addmm", [ONES((3, 2, 2), F), ONES((2, 3), F), ONES((3, 2), F)]), ("addmm",
            [ONES((2, 2), Q), ONES((2, 3), Q), ONES((3, 2), Q)]),
    ("addmv", [ONES(2, F), ONES((2, 3), F), ONES(4, F)]), ("addmv", [ONES(3, F), ONES((2, 3), F),
                                                                     ONES(3, F)]), ("addmv",
                                                                             [ONES(2, F), ONES(3, F), ONES(3, F)]),
    ("addmv", [ONES(2, F), ONES((2, 3), F), ONES((3, 1), F)]), ("addmv", [ONES((2, 1), F), ONES((2, 3), F),
            ONES(3, F)]),
    ("addmv", [ONES(2, D), ONES((2, 3), F), ONES(3, F)]),
    ("baddbmm", [ONES((2, 2, 2), F), ONES((2, 2, 3), F), ONES((3, 3, 2), F)]), ("baddbmm",
            [ONES((2, 2, 3), F), ONES((2, 2, 3), F), ONES((2, 3, 2), F)]),
    ("baddbmm", [ONES((2, 2, 2), D), ONES((2, 2, 3), F), ONES((2, 3, 2), F)]), ("baddbmm",
            [ONES((4, 2), F), ONES((2, 2, 3), F), ONES((2, 3, 2), F)]),
]


@pytest.mark.parametrize("name, arrays", BAD, ids=range(len(BAD)))
def test_errors_are_torchs(name, arrays):
    import torch

    with pytest.raises(Exception) as want:
        getattr(torch.nn.functional if name == "linear" else torch, name)(*map(torch.from_numpy, arrays))
    with pytest.raises(type(want.value)) as got:
        getattr(ours_nn if name == "linear" else pycnn, name)(*map(pycnn.from_numpy, arrays))
    words = str(want.value).splitlines()[0]
    assert str(got.value).startswith(words), f"{got.value}\n{words}"


def test_failing_allocations():
    """Each allocation of a call and its backward may fail; nothing leaks."""
    values = np.random.RandomState(0)

    def leaves(*shapes):
        tensors = [pycnn.from_numpy(values.randn(*s).astype("f")) for s in shapes]
        for t in tensors:
            t.requires_grad = True
        return tensors

    cases = [(ours_nn.linear, leaves((6, 40), (5, 40), (5,)), (6, 5)), (ours_nn.linear, leaves((150, 600), (550, 600)),
            (150, 550)),
             (pycnn.matmul, leaves((3, 1, 5, 7), (4, 7, 6)), (3, 4, 5, 6)), (pycnn.addmm, leaves((3,), (5, 7), (7, 3)),
                     (5, 3)),
             (pycnn.outer, leaves((5,), (6,)), (5, 6))]
    for call, tensors, shape in cases:
        grad = pycnn.from_numpy(np.ones(shape, "f"))
        for n in range(200):
            for t in tensors:
                t.grad = None
            live = pycnn._C._alloc_stats()["live_blocks"]
            pycnn._C._alloc_fail_after(n)
            done = False
            try:
                call(*tensors).backward(grad)
                done = True
            except MemoryError:
                pass
            pycnn._C._alloc_fail_after(-1)
            for t in tensors:
                t.grad = None
            assert pycnn._C._alloc_stats()["live_blocks"] == live, n
            if done:
                break
        else:
            raise AssertionError("no end of allocations")
