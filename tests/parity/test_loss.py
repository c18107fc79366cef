"""Softmax and losses against torch: values, gradients, shapes, dtypes, errors, instruction sets, threads."""

import itertools
import warnings

import numpy as np
import pytest

import pycnn
from pycnn.nn import functional as F

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:the loss.* is nan")]

SHAPES = [(3,), (2, 5), (7, 16), (4, 33), (3, 1), (2, 1000), (2, 3, 4), (2, 17, 5), (2, 4, 3, 40), (1, 20, 9, 9),
          (2, 3, 2, 2, 70), ()]


def compare(fn, arrays, **kwargs):
    from both import compare as both_compare

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's advice on sizes and reductions
        both_compare(fn, arrays, **kwargs)


def functional(module, name):
    return getattr(module.nn.functional, name)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_softmax(name, shape, isa):
    from both import LAYOUTS, layout

    values = np.random.RandomState(0)
    for dtype, dim, kind in itertools.product(("float32", "float64"), range(max(len(shape), 1)), LAYOUTS):
        x = layout(np.asarray(values.randn(*shape) * 4, dtype), kind)
        compare(lambda module, t: getattr(module, name)(t, dim), [x], grad_limit=5e-6 if dtype == "float32" else None,
                what=(dtype, dim, kind))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_special_values(name, isa):
    inf, nan = np.inf, np.nan
    for row in ([-inf] * 3, [inf, 1, 2], [-inf, 0, 1], [nan, 0, 1], [0, nan, 1], [3e38, -3e38, 0], [0, -200, -100],
                list(range(-30, 30))):
        x = np.array(row, "f")
        compare(lambda module, t: getattr(module, name)(t, 0), [x], grads=False)
        compare(lambda module, t: getattr(module, name)(t, 0), [np.repeat(x[:, None], 5, 1)], grads=False)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_dtypes(name):
    for source, target in [("int64", "float32"), ("float32", "float64"), ("float64", "float32"), ("float32", "int64"),
                           ("bool", "float32")]:
        x = (np.arange(12).reshape(3, 4) % 5).astype(source)
        for dim in (0, 1, 2, -3):
            compare(lambda module, t: getattr(module, name)(t, dim, dtype=getattr(module, target)), [x], limit=2e-6)
            compare(lambda module, t: getattr(module, name)(t, dim), [x], limit=2e-6)
    for half in ("float16", "bfloat16"):
        compare(lambda module, t: getattr(module, name)(t.to(getattr(module, half)), 1).float(),
                [np.random.RandomState(0).randn(3, 40).astype("f")], limit=1e-2)


def scores(shape, dtype, seed=0):
    return (np.random.RandomState(seed).randn(*shape) * 3).astype(dtype)


CLASS_SHAPES = [(5,), (4, 10), (1, 3), (3, 40), (70, 7), (2, 5, 7), (2, 19, 4, 40), (2, 3, 2, 3, 4), (0, 5), (0, 5, 3)]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", CLASS_SHAPES, ids=str)
def test_cross_entropy_of_indices(shape, reduction, isa):
    values = np.random.RandomState(1)
    c = shape[1] if len(shape) > 1 else shape[0]
    target = values.randint(0, c, shape[:1] + shape[2:] if len(shape) > 1 else ())
    target = np.asarray(target, "int64")
    if target.size > 2:
        target.flat[1] = -100
    for dtype, weighted, smoothing in itertools.product(("float32", "float64"), (False, True), (0.0, 0.1, 1.0)):
        arrays = [scores(shape, dtype), target] + ([values.rand(c).astype(dtype)] if weighted else [])

        def call(module, x, y, w=None):
            w = None if w is None else w.detach()
            return functional(module, "cross_entropy")(x, y, w, reduction=reduction, label_smoothing=smoothing)

        compare(call, arrays, limit=None if dtype == "float64" else 3e-6, what=(dtype, weighted, smoothing))
    compare(lambda module, x, y: functional(module, "cross_entropy")(x, y, ignore_index=1, reduction=reduction),
            [scores(shape, "float32"), np.maximum(target, 0)], limit=3e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", CLASS_SHAPES[:-2], ids=str)
def test_cross_entropy_of_probabilities(shape, reduction, isa):
    values = np.random.RandomState(1)
    c = shape[1] if len(shape) > 1 else shape[0]
    for dtype, weighted, smoothing in itertools.product(("float32", "float64"), (False, True), (0.0, 0.2)):
        arrays = [scores(shape, dtype),
                  values.rand(*shape).astype(dtype)] + ([values.rand(c).astype(dtype)] if weighted else [])

        def call(module, x, y, w=None):
            w = None if w is None else w.detach()
            return functional(module, "cross_entropy")(x, y, w, reduction=reduction, label_smoothing=smoothing)

        compare(call, arrays, limit=None if dtype == "float64" else 5e-6, what=(dtype, weighted, smoothing))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", CLASS_SHAPES, ids=str)
def test_nll_loss(shape, reduction):
    values = np.random.RandomState(1)
    c = shape[1] if len(shape) > 1 else shape[0]
    target = np.asarray(values.randint(0, c, shape[:1] + shape[2:] if len(shape) > 1 else ()), "int64")
    if target.size > 2:
        target.flat[1] = -100
    for dtype, weighted in itertools.product(("float32", "float64"), (False, True)):
        arrays = [scores(shape, dtype), target] + ([values.rand(c).astype(dtype)] if weighted else [])
        compare(lambda module, x, y, w=None: functional(module, "nll_loss")(x, y, None if w is None else w.detach(),
                reduction=reduction),
                arrays, limit=None if dtype == "float64" else 1e-5, what=(dtype, weighted))  # sums that cancel


def test_cross_entropy_is_log_softmax_and_nll():
    x = pycnn.from_numpy(scores((6, 9), "float32")).requires_grad_(True)
    y = pycnn.from_numpy(np.arange(6))
    one = F.cross_entropy(x, y)
    two = F.nll_loss(F.log_softmax(x, 1), y)
    assert abs(one.item() - two.item()) < 1e-6


POINTWISE = [("mse_loss", {}), ("l1_loss", {}), ("smooth_l1_loss", {}), ("smooth_l1_loss", {"beta": 0.3}),
             ("smooth_l1_loss", {"beta": 0.0}),
             ("huber_loss", {}), ("huber_loss", {"delta": 0.4}), ("kl_div", {"log_target": True}), ("kl_div", {})]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name, kwargs", POINTWISE, ids=str)
def test_pointwise(name, kwargs, reduction):
    from both import LAYOUTS, layout

    values = np.random.RandomState(0)
    for (a, b), dtype, kind in itertools.product([((5, 7), (5, 7)), ((4, 1), (3,)), ((), ()),
                                                  ((3, 2, 30, 40), (3, 2, 30, 40)), ((5,), (3, 5))],
                                                 ("float32", "float64"), LAYOUTS):
        x, y = np.asarray(values.randn(*a), dtype), np.asarray(values.randn(*b), dtype)
        if name == "kl_div" and not kwargs:
            y = np.abs(y) + np.asarray(0.1, dtype)
        if name == "smooth_l1_loss" and kwargs.get("beta") == 0 or name == "l1_loss":
            x = x + np.asarray(0.001, dtype)
        compare(lambda module, x, y: functional(module, name)(x, y, reduction=reduction, **kwargs),
                [layout(x, kind), layout(y, kind)],
                    limit=None if dtype == "float64" else 5e-5 if name == "kl_div" else 3e-6, what=(a, b, dtype, kind))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary_cross_entropy(reduction, dtype):
    values = np.random.RandomState(0)
    limit = None if dtype == "float64" else 3e-6
    for shape in [(5, 7), (), (2, 3, 40, 50)]:
        p, y = np.asarray(values.rand(*shape), dtype), np.asarray(values.rand(*shape), dtype)
        logits = np.asarray(values.randn(*shape) * 5, dtype)
        weights = [None, np.asarray(values.rand(*shape), dtype)] + ([np.asarray(values.rand(*shape[1:]),
                dtype)] if shape else [])
        for w in weights:
            given = [] if w is None else [w]
            compare(lambda module, x, y, w=None: functional(module, "binary_cross_entropy")(
                x, y, None if w is None else w.detach(), reduction=reduction), [p, y, *given], limit=limit)
            compare(lambda module, x, y, w=None: functional(module, "binary_cross_entropy_with_logits")(
                x, y, None if w is None else w.detach(), reduction=reduction), [logits, y, *given], limit=limit)
            compare(lambda module, x, y, w=None: functional(module, "binary_cross_entropy_with_logits")(
                x, y, pos_weight=None if w is None else w.detach(), reduction=reduction), [logits, y,
                        *given], limit=limit)
    edge = np.array([0, 1, 0, 1, 0.5], dtype)
    compare(lambda module, x: functional(module, "binary_cross_entropy")(x,
            module.tensor([0, 1, 1, 0, 1.0], dtype=x.dtype)), [edge], limit=limit)
    wide = np.array([200, -200, 0, 50, -50], dtype)
    compare(lambda module, x: functional(module, "binary_cross_entropy_with_logits")(x,
            module.tensor([0, 1, 1, 0, 1.0], dtype=x.dtype)),
            [wide], limit=limit)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves(dtype):
    x, y, t = scores((6, 10), "float32"), np.arange(6), np.random.RandomState(0).rand(6, 10).astype("f")
    compare(lambda module, x, y: functional(module, "cross_entropy")(x.to(getattr(module, dtype)), y).float(), [x, y],
            limit=0.03)
    for name in ("mse_loss", "smooth_l1_loss", "huber_loss"):
        compare(lambda module, x, t: functional(module, name)(x.to(getattr(module, dtype)),
                                                              t.to(getattr(module, dtype))).float(), [x, t],
                limit=0.03)


ONES, ZEROS = np.ones, np.zeros
BAD = [
    ("cross_entropy", [ONES((4, 10), "f"), ZEROS(3, "i8")], {}), ("cross_entropy",
                                                                  [ONES((4, 10), "f"), np.array([0, 10, 1, 2])], {}),
    ("cross_entropy", [ONES((4, 10), "f"), np.array([0, -1, 1, 2])], {}), ("cross_entropy",
            [ONES((4, 10), "f"), ZEROS(4, "f")], {}),
    ("cross_entropy", [ONES((4, 10), "f"), ZEROS(4, "?")], {}), ("cross_entropy",
                                                                 [ONES((4, 10), "f"), ZEROS((4, 1), "i8")], {}),
    ("cross_entropy", [ONES((4, 10), "f"), ZEROS((4, 10), "i8")], {}), ("cross_entropy",
            [ONES((4, 10), "f"), ZEROS((4, 9), "f")], {}),
    ("cross_entropy", [ONES((4, 10), "i8"), ZEROS(4, "i8")], {}), ("cross_entropy",
                                                                   [ONES((4, 10), "f"), ZEROS(4, "i8"),
                                                                    ONES(9, "f")], {}),
    ("cross_entropy", [ONES((4, 10), "f"), ZEROS(4, "i8"), ONES(10, "d")], {}), ("cross_entropy",
            [ONES((4, 10), "f"), ZEROS(4, "i8"), ONES((1, 10), "f")], {}),
    ("cross_entropy", [ONES((4, 10), "f"), ONES((4, 10), "f"), ONES(9, "f")], {}), ("cross_entropy",
            [ONES((4, 10, 5), "f"), ZEROS((4, 6), "i8")], {}),
    ("cross_entropy", [ONES((4, 10, 5), "f"), ZEROS(4, "i8")], {}), ("cross_entropy",
                                                                     [ONES((4, 10, 5, 6), "f"),
                                                                      ZEROS((4, 6, 5), "i8")], {}),
    ("cross_entropy", [ONES((4, 10, 5, 6), "f"), ZEROS((4, 5), "i8")], {}), ("cross_entropy",
            [ONES((4, 10), "f"), ZEROS(4, "i8")], {"label_smoothing": 1.5}),
    ("cross_entropy", [ONES((4, 0), "f"), ZEROS(4, "i8")], {}), ("cross_entropy", [ONES((4, 10), "f"), ZEROS(4, "i8")],
                                                                 {"reduction": "x"}),
    ("cross_entropy", [ONES((4, 10), "f"), ZEROS((3, 10), "i8")], {}), ("cross_entropy",
            [ONES((4, 10), "f"), ONES((4, 10), "f")], {"ignore_index": 1}),
    ("cross_entropy", [ONES((1, 10), "f"), ZEROS((), "i8")], {}), ("nll_loss", [ONES((4, 10), "f"), ZEROS(3, "i8")],
                                                                   {}),
    ("nll_loss", [ONES((4, 10), "f"), np.array([0, 10, 1, 2])], {}), ("nll_loss",
                                                                      [ONES((4, 10), "f"), ZEROS((4, 1), "i8")], {}),
    ("nll_loss", [ONES((), "f"), ZEROS((), "i8")], {}), ("nll_loss", [ONES((4, 10), "f"), ONES(4, "f")], {}),
    ("mse_loss", [ONES(4, "f"), ONES(3, "f")], {}), ("mse_loss", [ONES(4, "i8"), ONES(4, "i8")], {}), ("l1_loss",
            [ONES(4, "i8"), ONES(4, "i8")], {}),
    ("smooth_l1_loss", [ONES(4, "f"), ONES(4, "f")], {"beta": -1.0}), ("smooth_l1_loss",
            [ONES(4, "i8"), ONES(4, "i8")], {}),
    ("huber_loss", [ONES(4, "f"), ONES(4, "f")], {"delta": 0.0}), ("huber_loss", [ONES(4, "i8"), ONES(4, "i8")], {}),
    ("binary_cross_entropy", [ONES(4, "f"), ONES(3, "f")], {}), ("binary_cross_entropy",
                                                                 [2 * ONES(4, "f"), ONES(4, "f")], {}),
    ("binary_cross_entropy", [np.nan * ONES(4, "f"), ONES(4, "f")], {}), ("binary_cross_entropy",
            [ONES(4, "f"), ONES(4, "d")], {}),
    ("binary_cross_entropy", [ONES(4, "f"), ONES(4, "i8")], {}), ("binary_cross_entropy",
                                                                  [ONES(4, "f"), ONES(4, "f"), ONES(3, "f")], {}),
    ("binary_cross_entropy", [ONES(4, "i8"), ONES(4, "i8")], {}), ("binary_cross_entropy_with_logits",
                                                                   [ONES(4, "f"), ONES(3, "f")], {}),
    ("binary_cross_entropy_with_logits", [ONES(4, "f"), ONES(4, "i8")], {}), ("binary_cross_entropy_with_logits",
            [ONES(4, "i8"), ONES(4, "i8")], {}),
    ("binary_cross_entropy_with_logits", [ONES(4, "f"), ONES(4, "f"), ONES(3, "f")], {}), ("kl_div",
            [ONES(4, "i8"), ONES(4, "i8")], {}),
    ("kl_div", [ONES(4, "f"), ONES(3, "f")], {}),
]


@pytest.mark.parametrize("name, arrays, kwargs", BAD, ids=range(len(BAD)))
def test_errors_are_torchs(name, arrays, kwargs):
    compare(lambda module, *t: functional(module, name)(*t, **kwargs), arrays, grads=False)


@pytest.mark.parametrize("shape", [(3000, 10), (40, 1500), (2, 11, 120, 130)], ids=str)
def test_threads_do_not_matter(shape, isa):
    x, t = scores(shape, "float32"), np.random.RandomState(1).rand(*shape).astype("f")
    y = np.random.RandomState(2).randint(0, shape[1], shape[:1] + shape[2:])
    results, before = [], pycnn.get_num_threads()
    try:
        for threads in (1, 2, 5):
            pycnn.set_num_threads(threads)
            out = []
            for call in (lambda a: F.cross_entropy(a, pycnn.from_numpy(y)),
                         lambda a: F.cross_entropy(a, pycnn.from_numpy(t), label_smoothing=0.1),
                         lambda a: F.mse_loss(a, pycnn.from_numpy(t)), lambda a: F.softmax(a,
                                 1).sum(), lambda a: F.log_softmax(a, 1).sum()):
                a = pycnn.from_numpy(x).clone().requires_grad_(True)
                loss = call(a)
                loss.backward()
                out += [loss.detach().numpy().tobytes(), a.grad.numpy().tobytes()]
            results.append(out)
    finally:
        pycnn.set_num_threads(before)
    assert results[0] == results[1] == results[2]
