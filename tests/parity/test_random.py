"""Random numbers, dropout and initial values against torch: values, strides and the generator's state, bit for bit."""

import numpy as np
import pytest
import torch

import pycnn

pytestmark = pytest.mark.parity

SEEDS = [0, 1, 42, -7, 2 ** 33 + 7]
SHAPES = [(), (0,), (1,), (15,), (16,), (17,), (31,), (33,), (1000003,), (3, 5, 7), (2, 3, 4, 5), (0, 3)]
FLOATS = ["float32", "float64"]
DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]


def values(t):
    return t.detach().numpy() if str(t.dtype).split(".")[-1] != "bfloat16" else t.detach().float().numpy()


def same(call, seeds=SEEDS):
    """call(m) gives the same tensor and leaves the generator in the same state in both libraries."""
    for seed in seeds:
        torch.manual_seed(seed)
        pycnn.manual_seed(seed)
        want, got = call(torch), call(pycnn)
        assert str(got.dtype).split(".")[-1] == str(want.dtype).split(".")[-1]
        assert tuple(got.shape) == tuple(want.shape)
        if want.numel() > 0:
            assert tuple(got.stride()) == tuple(want.stride())
        assert values(got).tobytes() == values(want).tobytes(), f"seed {seed}"
        assert pycnn.get_rng_state().numpy().tobytes() == torch.get_rng_state().numpy().tobytes(), f"seed {seed}"


def layout(m, kind, dtype):
    """Zeros in memory of many orders."""
    z = {"channels_last": lambda: np.zeros((2, 4, 5, 3), dtype).transpose(0, 3, 1, 2),
         "transposed": lambda: np.zeros((7, 9), dtype).T,
         "small": lambda: np.zeros((3, 4), dtype).T,
         "permuted": lambda: np.zeros((3, 4, 5), dtype).transpose(2, 0, 1),
         "ones": lambda: np.zeros((4, 1, 5), dtype).transpose(1, 2, 0),
         "every other": lambda: np.zeros((7, 9), dtype)[:, ::2],
         "rows": lambda: np.zeros((7, 9), dtype)[2:5],
         "rows of transposed": lambda: np.zeros((70, 9), dtype).T[1:6],
         "column": lambda: np.zeros((64, 2), dtype)[:, 1],
         "gaps": lambda: np.zeros((4, 5, 6), dtype)[:, :, :4].transpose(2, 0, 1)}[kind]()
    return m.from_numpy(z)


LAYOUTS = ["channels_last", "transposed", "small", "permuted", "ones", "every other", "rows",
           "rows of transposed", "column", "gaps"]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", FLOATS)
def test_floats(shape, dtype):
    seeds = SEEDS if np.prod(shape) < 1000 else SEEDS[:1]
    d = {m: getattr(m, dtype) for m in (torch, pycnn)}
    same(lambda m: m.rand(shape, dtype=d[m]), seeds)
    same(lambda m: m.randn(shape, dtype=d[m]), seeds)
    same(lambda m: m.empty(shape, dtype=d[m]).uniform_(-0.3, 1.7), seeds)
    same(lambda m: m.empty(shape, dtype=d[m]).normal_(-0.3, 1.7), seeds)
    same(lambda m: m.normal(2.0, 3.0, shape, dtype=d[m]), seeds)
    same(lambda m: m.empty(shape, dtype=d[m]).exponential_(1.7), seeds)
    same(lambda m: m.bernoulli(m.rand(shape, dtype=d[m])), seeds)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (17,), (1025,), (3, 5)], ids=str)
def test_integers(shape, dtype):
    d = {m: getattr(m, dtype) for m in (torch, pycnn)}
    same(lambda m: m.empty(shape, dtype=d[m]).random_())
    same(lambda m: m.empty(shape, dtype=d[m]).bernoulli_(0.3))
    same(lambda m: m.bernoulli(m.zeros(shape, dtype=d[m]), 0.3))
    same(lambda m: m.randint(2, shape, dtype=d[m]))
    same(lambda m: m.empty(shape, dtype=d[m]).random_(0, None))
    if dtype != "bool":
        same(lambda m: m.empty(shape, dtype=d[m]).random_(3, 100))
        same(lambda m: m.randint(5, 100, shape, dtype=d[m]))


@pytest.mark.parametrize("high", [1, 2, 10, 2 ** 28 - 1, 2 ** 28, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 63 - 1])
def test_ranges(high):
    same(lambda m: m.randint(high, (50,)))
    same(lambda m: m.randint(-high, high, (50,)))
    same(lambda m: m.empty(50, dtype=m.int64).random_(high))
    same(lambda m: m.empty(50, dtype=m.int64).random_(-high, None))


@pytest.mark.filterwarnings("ignore:to - 1 is out of bounds", "ignore:from is out of bounds")
@pytest.mark.parametrize("low, high", [(0, 2 ** 40), (-2 ** 40 - 1, 5), (2 ** 24 - 1, 2 ** 24 + 3), (0, 2 ** 62 + 1),
                                       (2 ** 24 + 1, 2 ** 25 + 7)])
@pytest.mark.parametrize("dtype", FLOATS)
def test_ranges_beyond_the_digits_of_floats(low, high, dtype):
    same(lambda m: m.randint(low, high, (50,), dtype=getattr(m, dtype)))


def test_every_int64():
    same(lambda m: m.randint(-2 ** 63, 2 ** 63 - 1, (50,)))
    same(lambda m: m.empty(50, dtype=m.int64).random_(-2 ** 63, None))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 1001, 300000])
def test_permutations(n):
    same(lambda m: m.randperm(n), SEEDS if n < 2000 else SEEDS[:1])
    if n <= 100:
        for dtype in ("uint8", "int16", "int32", "float32", "float64"):
            same(lambda m: m.randperm(n, dtype=getattr(m, dtype)))


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_order_of_memory(kind, dtype):
    if dtype in FLOATS:
        same(lambda m: layout(m, kind, dtype).uniform_(-1, 2))
        same(lambda m: layout(m, kind, dtype).normal_(1, 2))
        same(lambda m: layout(m, kind, dtype).exponential_(2))
        same(lambda m: m.rand_like(layout(m, kind, dtype)))
        same(lambda m: m.randn_like(layout(m, kind, dtype)))
        same(lambda m: m.bernoulli(layout(m, kind, dtype) + 0.5))
        same(lambda m: m.normal(layout(m, kind, dtype), layout(m, kind, dtype) + 2))
    same(lambda m: layout(m, kind, dtype).random_(100))
    same(lambda m: layout(m, kind, dtype).bernoulli_(0.4))
    same(lambda m: layout(m, kind, dtype).bernoulli_(layout(m, kind, "float32") + 0.5))
    same(lambda m: layout(m, kind, dtype).bernoulli_(m.tensor(0.25, dtype=m.float64)))
    same(lambda m: m.bernoulli(layout(m, kind, dtype), 0.5))
    same(lambda m: m.randint_like(layout(m, kind, dtype), 7))
    same(lambda m: m.randint_like(layout(m, kind, dtype), 3, 7))
    same(lambda m: m.rand_like(layout(m, kind, dtype), dtype=m.float32))


@pytest.mark.parametrize("dtype", FLOATS)
def test_normal_of_tensors(dtype):
    def arange(m, n):
        return m.arange(n).to(getattr(m, dtype))

    same(lambda m: m.normal(arange(m, 100), arange(m, 100) + 1))
    same(lambda m: m.normal(arange(m, 100), m.ones(1, dtype=getattr(m, dtype))))
    same(lambda m: m.normal(m.zeros((3, 1), dtype=getattr(m, dtype)), m.ones(4, dtype=getattr(m, dtype))))
    same(lambda m: m.normal(arange(m, 100), 2.5))
    same(lambda m: m.normal(arange(m, 100)))
    same(lambda m: m.normal(2.1, arange(m, 100)))
    same(lambda m: m.normal(arange(m, 20), arange(m, 20).double()))


@pytest.mark.parametrize("dtype", FLOATS)
def test_multinomial(dtype):
    def weights(m, *shape):
        return (m.arange(int(np.prod(shape))) + 1).to(getattr(m, dtype)).view(shape)

    for replacement in (False, True):
        for n in (1, 2, 6, 10):
            same(lambda m: m.multinomial(weights(m, 10), n, replacement))
            same(lambda m: weights(m, 3, 10).multinomial(n, replacement))
    same(lambda m: m.multinomial(weights(m, 10), 200, True))
    same(lambda m: m.multinomial(weights(m, 5, 7).t(), 4, True))
    same(lambda m: m.multinomial(m.tensor([0.0, 1, 0, 2, 3, 0, 1], dtype=getattr(m, dtype)), 3))
    same(lambda m: m.multinomial(m.rand(5000, dtype=getattr(m, dtype)), 100), SEEDS[:2])
    same(lambda m: m.multinomial(m.rand(5000, dtype=getattr(m, dtype)), 10000, True), SEEDS[:2])


def test_generators_of_their_own():
    def call(m):
        g = m.Generator().manual_seed(5)
        parts = [m.rand(3, generator=g), m.randn(20, generator=g), m.randperm(7, generator=g).float(),
                 m.randint(10, (4,), generator=g).float(), m.empty(9).normal_(generator=g),
                 m.bernoulli(m.full((5,), 0.5), generator=g), m.multinomial(m.ones(4), 2, generator=g).float(),
                 m.normal(m.zeros(3), 1.0, generator=g)]
        return m.cat(parts)
    same(call)


def test_states_travel_both_ways():
    torch.manual_seed(3)
    torch.randn(3)
    pycnn.set_rng_state(pycnn.from_numpy(torch.get_rng_state().numpy()))
    assert pycnn.initial_seed() == torch.initial_seed()
    assert pycnn.randn(5).tolist() == torch.randn(5).tolist()
    torch.set_rng_state(torch.from_numpy(pycnn.get_rng_state().numpy()))
    assert pycnn.rand(700).tolist() == torch.rand(700).tolist()


@pytest.mark.parametrize("p", [0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["dropout", "dropout2d"])
def test_dropout(p, dtype, name):
    def source(m, channels_last):
        x = (m.arange(1200) + 1).to(getattr(m, dtype)).view(10, 5, 4, 6)
        return x.contiguous(memory_format=m.channels_last) if channels_last else x

    def gradient(m, channels_last, inplace):
        x = source(m, channels_last).requires_grad_()
        y = getattr(m.nn.functional, name)(x * 1, p, inplace=inplace)
        (y * y).sum().backward()
        return x.grad

    for channels_last in (False, True):
        same(lambda m: getattr(m.nn.functional, name)(source(m, channels_last), p))
        same(lambda m: getattr(m.nn.functional, name)(source(m, channels_last), p, False))
        for inplace in (False, True):
            same(lambda m: gradient(m, channels_last, inplace))


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("inplace", [False, True])
def test_dropout_of_any_memory(kind, inplace):
    same(lambda m: m.nn.functional.dropout(layout(m, kind, "float32").fill_(1), 0.3, inplace=inplace))


def test_values_that_dropout_multiplies():
    odd = [float("nan"), float("inf"), -float("inf"), -0.0, 1e-45, 3e38]
    same(lambda m: m.nn.functional.dropout(m.tensor(odd * 10), 0.5))
