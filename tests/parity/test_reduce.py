"""Reductions against torch: random shapes, strides, dimensions; accuracy, ties, NaN, results for any number of
threads."""

import math

import numpy as np
import pytest
import torch
from both import LAYOUTS, compare, layout, numbers

import pycnn
from pycnn import _C

pytestmark = pytest.mark.parity

DTYPES = ("float32", "float64", "int64", "int32", "uint8", "bool", "float16")


def random_view(rng, dtype):
    """An array of random shape, cut and permuted out of a larger one."""
    shape = tuple(rng.choice([1, 2, 3, 5, 8, 17, 40], rng.integers(0, 5)))
    while math.prod(shape) > 20000:
        shape = shape[1:]
    array = layout(numbers(rng, shape, dtype, few=rng.random() < 0.3), LAYOUTS[rng.integers(4)])
    if rng.random() < 0.5:
        array = array.transpose(rng.permutation(array.ndim))
    for d in range(array.ndim):
        if rng.random() < 0.2 and array.shape[d] > 2:
            array = array[(slice(None),) * d + (slice(1, None, int(rng.integers(1, 3))),)]
    return array


CALLS = [
    lambda m, x, d, ds, k: x.sum(ds, k), lambda m, x, d, ds, k: x.any(ds, k), lambda m, x, d, ds, k: x.all(ds, k),
    lambda m, x, d, ds, k: x.amax(ds, k), lambda m, x, d, ds, k: x.amin(ds, k), lambda m, x, d, ds, k: x.max(d, k),
    lambda m, x, d, ds, k: x.min(d, k), lambda m, x, d, ds, k: x.argmax(d, k), lambda m, x, d, ds, k: x.argmin(d, k),
    lambda m, x, d, ds, k: (x.argmax(), x.argmin()), lambda m, x, d, ds, k: x.count_nonzero(ds),
    lambda m, x, d, ds, k: x.cumsum(d), lambda m, x, d, ds, k: (x.max(), x.min(), x.sum()),
]
FLOAT_CALLS = [
    lambda m, x, d, ds, k: x.mean(ds, k), lambda m, x, d, ds, k: x.var(ds, correction=0, keepdim=k),
    lambda m, x, d, ds, k: x.std(ds, correction=0.5, keepdim=k), lambda m, x, d, ds, k: x.norm(2, ds, k),
    lambda m, x, d, ds, k: x.norm(1, ds, k), lambda m, x, d, ds, k: x.norm(3, ds, k),
    lambda m, x, d, ds, k: x.norm(float("inf"), ds, k),
    lambda m, x, d, ds, k: x.logsumexp(ds, k), lambda m, x, d, ds, k: m.var_mean(x, ds, correction=0, keepdim=k),
]


@pytest.mark.parametrize("seed", range(40))
def test_random_views(seed, isa):
    rng = np.random.default_rng(seed)
    for _ in range(3):
        dtype = DTYPES[rng.integers(len(DTYPES))]
        x = random_view(rng, dtype)
        d = int(rng.integers(-x.ndim, x.ndim)) if x.ndim else 0
        ds = sorted(rng.choice(x.ndim, rng.integers(1, x.ndim + 1), replace=False).tolist()) if x.ndim else [0]
        keepdim = bool(rng.random() < 0.5)
        for k, call in enumerate(CALLS + (FLOAT_CALLS if dtype.startswith("float") else [])):
            # torch's own float32 sums are less exact than these: gradients of stds and norms divide by them
            compare(lambda m, t: call(m, t, d, ds, keepdim), [x], grads=dtype != "float16",
                    limit={"float32": 1e-5, "float16": 5e-3}.get(dtype),
                    grad_limit=2e-5 if dtype == "float32" else None,
                    what=f"call {k} of {x.shape} {x.strides} {dtype} {d} {ds}")


@pytest.mark.parametrize("shape, dim", [((300000,), 0), ((7, 50000), 1), ((50000, 7), 0), ((3, 4000, 11), 1),
                                        ((200, 300), 0), ((200, 300), 1),
                                        ((5, 8, 30, 30), (0, 2, 3)), ((64, 3, 32, 32), (0, 2, 3))])
def test_large_sums_are_exact_to_the_last_place(shape, dim, isa):
    """Double precision within, so that the result is the exact sum rounded to float32, or its neighbour."""
    x = (np.random.default_rng(0).standard_normal(shape) + 3).astype("f")
    t = pycnn.from_numpy(x)
    exact = x.astype("d")
    for got, want in ((t.sum(dim), exact.sum(dim)), (t.mean(dim), exact.mean(dim)),
                      (t.var(dim, correction=0), exact.var(dim)), (t.norm(2, dim), np.sqrt((exact**2).sum(dim)))):
        assert (np.abs(got.numpy() - want) <= 0.5001 * np.spacing(np.abs(want).astype("f"))).all()


@pytest.mark.parametrize("mean", [0, 1e3, 1e6])
def test_variance_far_from_zero(mean):
    x = np.random.default_rng(0).standard_normal((4, 5000)) + mean
    for axis in (0, 1, None):
        got = pycnn.from_numpy(x).var(axis, correction=0).numpy()
        np.testing.assert_allclose(got, np.var(x - mean, axis=axis), rtol=1e-9, atol=1e-10)


def test_integer_sums_wrap_and_do_not_lose_bits():
    x = np.array([2**62, 2**62, 2**62, 5])
    compare(lambda m, t: (t.sum(), t.cumsum(0), t.prod()), [x])
    compare(lambda m, t: (t.sum(), t.max(), t.argmax()), [np.array([2**53 + 1, 1, 2**53 + 3, 2**53 + 2])])
    compare(lambda m, t: t.sum(), [np.full(100000, 255, np.uint8)])
    compare(lambda m, t: (t.sum(), t.sum(0), t.sum(1)), [np.ones((300, 1000), bool)])


@pytest.mark.parametrize("n", [1, 2, 7, 15, 16, 17, 33, 63, 64, 65, 129, 1000, 1025, 5000])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_first_of_equal_extremes_and_first_nan(n, dtype, isa):
    rng = np.random.default_rng(n)
    for at in {0, n // 2, n - 1}:
        x = rng.integers(3, 9, n).astype(dtype)
        for extreme in (1, 11):
            x[at] = x[-1] = extreme
            for array in (x, np.tile(x, (3, 1)), np.tile(x[:, None], (1, 5))):
                axis = 0 if array.shape[0] == n else 1
                t = pycnn.from_numpy(np.ascontiguousarray(array))
                assert (t.argmax(axis).numpy() == array.argmax(axis)).all()
                assert (t.argmin(axis).numpy() == array.argmin(axis)).all()
                assert (t.max(axis).values.numpy() == array.max(axis)).all() \
                       and (t.min(axis).values.numpy() == array.min(axis)).all()
        if dtype.startswith("float"):
            x[at] = x[-1] = np.nan
            for array in (x, np.tile(x, (3, 1)), np.tile(x[:, None], (1, 5))):
                axis = 0 if array.shape[0] == n else 1
                t = pycnn.from_numpy(np.ascontiguousarray(array))
                assert (t.argmax(axis).numpy() == at).all() and (t.argmin(axis).numpy() == at).all()
                assert t.max(axis).values.isnan().all() and t.amin(axis).isnan().all() \
                       and t.norm(float("inf"), axis).isnan().all()


def test_infinities():
    inf, nan = float("inf"), float("nan")
    for x in ([inf, 1], [-inf, -inf], [inf, -inf], [nan, 1], [-inf, 0, 3]):
        compare(lambda m, t: (t.sum(), t.logsumexp(0), t.max(), t.min(), t.norm(), t.norm(inf), t.prod(), t.mean()),
                [np.array(x, "f")], grads=False)


def test_many_threads_give_the_same_bits():
    x = np.random.default_rng(0).standard_normal((3, 70000)).astype("f")
    y = np.random.default_rng(0).standard_normal((70000, 3)).astype("f")
    before, results = _C.get_num_threads(), []
    try:
        for n in (1, 2, 5):
            _C.set_num_threads(n)
            a, b = pycnn.from_numpy(x), pycnn.from_numpy(y)
            parts = [a.sum(), a.sum(1), b.sum(0), a.var(), a.logsumexp((0, 1)), b.std(0), a.norm(), a.prod(),
                     b.cumsum(0), a.argmax()]
            results.append([p.numpy().tobytes() for p in parts])
    finally:
        _C.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_degrees_of_freedom():
    """torch warns where there are none left; the values are the same."""
    for x, correction in (([1.0], 1), ([1.0, 2.0], 2), ([1.0, 2.0], 3), ([], 1), ([3.0, 3.0], 2)):
        array = np.array(x, "f")
        with pytest.warns(UserWarning, match="degrees of freedom"):
            want = torch.from_numpy(array).var(correction=correction)
        np.testing.assert_array_equal(pycnn.from_numpy(array).var(correction=correction).numpy(), want.numpy())


@pytest.mark.parametrize("call", [
    lambda m, x: x.sum(axis=0), lambda m, x: x.sum(None, True), lambda m, x: x.sum([]), lambda m, x: m.sum(x, 1),
    lambda m, x: m.mean(x, dim=[0, 1]), lambda m, x: x.max(axis=1).indices, lambda m, x: m.max(x, x * x),
    lambda m, x: x.var(0, True, True), lambda m, x: x.std(unbiased=False), lambda m, x: x.sum(0, dtype=m.float64),
    lambda m, x: x.max(0).values + x.min(0)[0], lambda m, x: (x > 0).sum().item(), lambda m, x: (x > 0).float().mean(),
    lambda m, x: x.argmax(dim=1, keepdim=True), lambda m, x: x.aminmax(dim=0),
    lambda m, x: x.norm(p=2, dim=1, keepdim=True),
    lambda m, x: x.sum(5), lambda m, x: x.sum((0, 0)), lambda m, x: x.long().mean(), lambda m, x: x[:0].max(),
    lambda m, x: x[:0].max(0), lambda m, x: x[:0].max(1), lambda m, x: x[:0].sum(0), lambda m, x: x[:0].mean(0),
    lambda m, x: x[:0].argmax(), lambda m, x: x[:0].argmax(0), lambda m, x: (x > 0).argmax(),
])
def test_forms_of_calls(call):
    compare(call, [numbers(np.random.default_rng(0), (3, 4))])


@pytest.mark.parametrize("k", [1, 500_000, 1_000_001])
def test_selection_among_few_values(k):
    """Runs of a pattern: the pivot is soon the element that is looked for."""
    x = np.resize(np.random.default_rng(0).random(7).astype("f"), 1_000_001)
    assert pycnn.from_numpy(x).kthvalue(k).values.item() == torch.from_numpy(x).kthvalue(k).values.item()
    assert pycnn.from_numpy(x).median().item() == torch.from_numpy(x).median().item()
