"""torch.nn.init, bit for bit."""

import math

import pytest
import torch

import pycnn

pytestmark = pytest.mark.parity

SEEDS = [0, 1, 42]


def same(call, seeds=SEEDS):
    for seed in seeds:
        torch.manual_seed(seed)
        pycnn.manual_seed(seed)
        want, got = call(torch), call(pycnn)
        assert tuple(got.shape) == tuple(want.shape) and tuple(got.stride()) == tuple(want.stride())
        assert got.detach().numpy().tobytes() == want.detach().numpy().tobytes(), f"seed {seed}"
        assert pycnn.get_rng_state().numpy().tobytes() == torch.get_rng_state().numpy().tobytes(), f"seed {seed}"


def same_error(call):
    with pytest.raises(Exception) as want:
        call(torch)
    with pytest.raises(want.type) as got:
        call(pycnn)
    assert str(got.value).startswith(str(want.value))


SHAPES = [(2, 3), (5, 1), (20, 30), (64, 3, 7, 7), (8, 4, 3), (6, 2, 3, 3, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "FAN_OUT"])
@pytest.mark.parametrize("nonlinearity, a", [("leaky_relu", 0), ("leaky_relu", math.sqrt(5)), ("relu", 0), ("tanh", 0),
                                             ("linear", 0), ("selu", 0)])
def test_kaiming(shape, mode, nonlinearity, a):
    for name in ("kaiming_uniform_", "kaiming_normal_"):
        same(lambda m: getattr(m.nn.init, name)(m.empty(shape), a=a, mode=mode, nonlinearity=nonlinearity))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_others(shape):
    for gain in (1.0, 1.7):
        same(lambda m: m.nn.init.xavier_uniform_(m.empty(shape), gain))
        same(lambda m: m.nn.init.xavier_normal_(m.empty(shape), gain=gain))
    same(lambda m: m.nn.init.uniform_(m.empty(shape), -1, 3))
    same(lambda m: m.nn.init.normal_(m.empty(shape), 1, 3))
    same(lambda m: m.nn.init.constant_(m.empty(shape), 0.3))
    same(lambda m: m.nn.init.ones_(m.empty(shape)))
    same(lambda m: m.nn.init.zeros_(m.empty(shape)))
    same(lambda m: m.nn.init.kaiming_normal_(m.empty(shape), generator=m.Generator().manual_seed(3)))
    if len(shape) == 2:
        same(lambda m: m.nn.init.eye_(m.empty(shape)))
        same(lambda m: m.nn.init.sparse_(m.empty(shape), 0.3))
        same(lambda m: m.nn.init.kaiming_uniform_(m.empty(shape).t()))
    else:
        same(lambda m: m.nn.init.dirac_(m.empty(shape)))
        same(lambda m: m.nn.init.dirac_(m.empty(shape), 2))


@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
@pytest.mark.parametrize("mean, std, a, b", [(0, 1, -2, 2), (0, 0.02, -2, 2), (0.5, 1, 0, 1.5), (0, 1, -0.6, 0.7),
                                             (0, 1, 2, 3), (1.0, 0.5, 2.2, 2.3), (0, 1, -0.1, 0.1), (3, 0.1, -1, 1)])
def test_truncated_normal(mean, std, a, b):
    same(lambda m: m.nn.init.trunc_normal_(m.empty(20, 50), mean, std, a, b))
    same(lambda m: m.nn.init.trunc_normal_(m.empty(7, dtype=m.float64), mean, std, a, b))
    same(lambda m: m.nn.init.trunc_normal_(m.empty(8, 9).t(), mean, std, a, b))


def test_warnings():
    for m in (torch, pycnn):
        with pytest.warns(UserWarning, match="mean is more than 2 std from"):
            m.nn.init.trunc_normal_(m.empty(3), 9)
        with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
            m.nn.init.kaiming_normal_(m.empty(0, 3))
        with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
            m.nn.init.kaiming_uniform_(m.empty(0, 3))


@pytest.mark.parametrize("name", ["linear", "conv1d", "conv2d", "conv3d", "conv_transpose2d", "sigmoid", "tanh", "relu",
                                  "leaky_relu", "selu"])
def test_gain(name):
    assert pycnn.nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert pycnn.nn.init.calculate_gain(name, 0.3) == torch.nn.init.calculate_gain(name, 0.3)


@pytest.mark.parametrize("call", [
    lambda m: m.nn.init.kaiming_normal_(m.empty(3)),
    lambda m: m.nn.init.xavier_uniform_(m.empty(())),
    lambda m: m.nn.init.kaiming_normal_(m.empty(3, 3), mode="fan"),
    lambda m: m.nn.init.kaiming_normal_(m.empty(3, 3), nonlinearity="gelu"),
    lambda m: m.nn.init.calculate_gain("leaky_relu", True),
    lambda m: m.nn.init.eye_(m.empty(3)),
    lambda m: m.nn.init.sparse_(m.empty(3), 0.5),
    lambda m: m.nn.init.dirac_(m.empty(3, 3)),
    lambda m: m.nn.init.dirac_(m.empty(3, 3, 3), 2),
    lambda m: m.nn.init.normal_(m.empty(3), std=-1),
])
def test_bad_input(call):
    same_error(call)


def test_parameters_that_require_gradients():
    def call(m):
        layer = m.nn.Linear(3, 4)
        m.nn.init.xavier_normal_(layer.weight)
        m.nn.init.zeros_(layer.bias)
        assert layer.weight.requires_grad and layer.weight.grad_fn is None
        return layer.weight
    same(call)


@pytest.mark.parametrize("shape", [(3, 3), (4, 7), (7, 4), (1, 5), (8, 3, 3, 3), (20, 2, 3, 3), (0, 3)], ids=str)
def test_orthogonal(shape):
    """LAPACK's rounding differs: not bit for bit."""
    for gain, dtype in ((1, "float32"), (2.5, "float64")):
        results = []
        for m in (torch, pycnn):
            m.manual_seed(5)
            w = m.empty(shape, dtype=getattr(m, dtype))
            assert m.nn.init.orthogonal_(w, gain) is w
            results.append((w.numpy(), m.get_rng_state().numpy().tobytes()))
        (want, state), (got, own_state) = results
        assert own_state == state and got.shape == want.shape
        assert abs(got - want).max(initial=0) < (2e-6 if dtype == "float32" else 1e-14)
    same_error(lambda m: m.nn.init.orthogonal_(m.empty(3)))


@pytest.mark.parametrize("name, args", [("uniform", (-1, 2)), ("normal", (1, 2)), ("constant", (0.5,)), ("eye", ()),
                                        ("sparse", (0.5,)),
                                        ("xavier_uniform", (2,)), ("xavier_normal", ()),
                                        ("kaiming_uniform", (0.1, "fan_out")), ("kaiming_normal", ())])
def test_old_names_warn(name, args):
    def call(m):
        with pytest.warns(FutureWarning, match=f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`."):
            return getattr(m.nn.init, name)(m.empty(4, 5), *args)
    same(call)
