"""The algorithms of convolutions: accuracy against sums in double precision, bits for any number of threads, the
switch."""

import os
import random
import subprocess
import sys

import numpy as np
import pytest

import pycnn
from pycnn import _C

LIMIT = 3e-6  # of the relative error in the L2 norm


@pytest.fixture(autouse=True)
def keep_switches():
    mode, threads = pycnn.backends.winograd, pycnn.get_num_threads()
    yield
    pycnn.backends.winograd = mode
    pycnn.set_num_threads(threads)


STRIDED = "winograd stride 2"
ALGORITHMS = [("winograd F(4x4) thin", 1), ("winograd F(4x4)", 1), ("winograd F(2x2)", 1), ("direct", 1), (STRIDED, 2),
              ("direct", 2)]


def convolve(x, w, padding, stride=1):
    """A 3x3 convolution in float64, as nine products of matrices."""
    (n, c, h, width), (ph, pw) = x.shape, padding
    padded = np.zeros((n, c, h + 2 * ph, width + 2 * pw))
    padded[:, :, ph:ph + h, pw:pw + width] = x
    windows = np.stack([padded[:, :, r:h + 2 * ph - 2 + r:stride, s:width + 2 * pw - 2 + s:stride]
                        for r in range(3) for s in range(3)], axis=-1)
    return np.einsum("nchwt,kct->nkhw", windows, w.reshape(len(w), c, 9), optimize=True), windows


def reference(x, w, b, g, padding, stride):
    """Output and gradients of x, w and b in float64."""
    y, windows = convolve(x, w, padding, stride)
    spread = np.zeros((len(g), len(w), *(n + 2 * p - 2 for n, p in zip(x.shape[2:], padding))))
    spread[:, :, ::stride, ::stride] = g
    gx, _ = convolve(spread, w.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1], (2 - padding[0], 2 - padding[1]))
    gw = np.einsum("nchwt,nkhw->kct", windows, g, optimize=True).reshape(w.shape)
    return y + b[:, None, None], gx, gw, g.sum((0, 2, 3))


def run(arrays, padding, stride=1, relu=False, channels_last=False):
    """The same by pycnn; relu: of an input that an operator has just made."""
    x, w, b, g = (pycnn.from_numpy(a) for a in arrays)
    if channels_last:
        x = x.contiguous(memory_format=pycnn.channels_last)
    for t in (x, w, b):
        t.requires_grad = True
    inside = pycnn.relu(pycnn.max_pool2d(x, 1)) if relu else x
    y = pycnn.conv2d(inside, w, b, padding=padding, stride=stride)
    y.backward(g)
    return [t.detach().numpy().copy() for t in (y, x.grad, w.grad, b.grad)]


def relative_error(got, want):
    return np.linalg.norm(got.astype("d") - want) / max(np.linalg.norm(want), 1e-30)


def random_case(rng, stride=1):
    channels = [1, 2, 3, 5, 8, 9, 15, 16, 17, 24, 31, 32, 33, 40, 64, 70]
    while True:
        n, c, k = rng.randint(1, 6), rng.choice(channels), rng.choice(channels)
        h, w, padding = rng.randint(1, 18), rng.randint(1, 18), (rng.randint(0, 2), rng.randint(0, 2))
        if h + 2 * padding[0] > 2 and w + 2 * padding[1] > 2:
            out = [(size + 2 * p - 3) // stride + 1 for size, p in zip((h, w), padding)]
            shapes = (n, c, h, w), (k, c, 3, 3), (k,), (n, k, *out)
            values = np.random.default_rng(rng.randrange(2**31))
            return [values.standard_normal(s).astype("f") for s in shapes], padding


def check(arrays, padding, stride=1, relu=False, channels_last=False):
    exact = [a.astype("d") for a in arrays]
    if relu:
        exact[0] = np.maximum(exact[0], 0)
    want = list(reference(*exact, padding, stride))
    if relu:
        want[1] = want[1] * (arrays[0] > 0)
    results = run(arrays, padding, stride, relu, channels_last)
    for name, got, value in zip(("output", "input", "weight", "bias"), results, want):
        assert relative_error(got, value) <= LIMIT, \
            f"{name} of {[a.shape for a in arrays]}, padding {padding}, stride {stride}, relu {relu}"


@pytest.mark.parametrize("algorithm, stride", ALGORITHMS)
def test_accuracy(algorithm, stride, isa):
    rng = random.Random(algorithm + isa)
    _C._force_convolution(algorithm)
    for case in range(8):
        check(*random_case(rng, stride), stride, relu=case % 3 == 1, channels_last=case % 3 == 2)


def same_bits(arrays, padding, stride):
    bits = []
    for threads in (1, 2, 3):
        pycnn.set_num_threads(threads)
        bits.append([a.tobytes() for a in run(arrays, padding, stride)])
    return bits[0] == bits[1] == bits[2]


# Many channels: steps shared between tasks. Many tiles: slots of the weights' gradient.
@pytest.mark.parametrize("n, c, h, w, k, stride", [
    (40, 100, 7, 5, 120, 1), (9, 192, 6, 6, 200, 1), (24, 16, 21, 19, 33, 1), (40, 100, 8, 8, 120, 2),
    (130, 192, 7, 7, 200, 2), (24, 48, 31, 33, 50, 2), (70, 3, 17, 30, 21, 1)])
def test_schedules(n, c, h, w, k, stride):
    values, out = np.random.default_rng(5), ((h - 1) // stride + 1, (w - 1) // stride + 1)
    arrays = [values.standard_normal(s).astype("f") for s in ((n, c, h, w), (k, c, 3, 3), (k,), (n, k, *out))]
    check(arrays, (1, 1), stride)
    if stride == 2:
        _C._force_convolution(STRIDED)
        check(arrays, (1, 1), stride)
    assert same_bits(arrays, (1, 1), stride)


@pytest.mark.parametrize("algorithm, stride", [a for a in ALGORITHMS if a[0] != "direct"])
def test_bits_do_not_depend_on_threads(algorithm, stride):
    rng = random.Random(algorithm)
    _C._force_convolution(algorithm)
    for _ in range(6):
        assert same_bits(*random_case(rng, stride), stride)


@pytest.mark.parametrize("n, c, size, k, stride", [(3, 20, 9, 20, 1), (40, 100, 4, 100, 1), (3, 3, 17, 20, 1),
                                                   (64, 100, 8, 100, 2), (128, 200, 8, 200, 2)])
def test_failing_allocations(n, c, size, k, stride):
    x, w = pycnn.zeros(n, c, size, size, requires_grad=True), pycnn.zeros(k, c, 3, 3, requires_grad=True)
    g = pycnn.zeros(n, k, (size - 1) // stride + 1, (size - 1) // stride + 1)
    before, count, done = _C._alloc_stats()["live_blocks"], 0, False
    while not done:
        _C._alloc_fail_after(count)
        try:
            pycnn.autograd.grad(pycnn.conv2d(x, w, padding=1, stride=stride), (x, w), g)
            done = True
        except MemoryError as error:
            assert "memory" in str(error)
        _C._alloc_fail_after(-1)
        assert _C._alloc_stats()["live_blocks"] == before
        count += 1
    assert count > 12


CALL = ("import pycnn; x = pycnn.zeros(4, {c}, 16, 16); w = pycnn.zeros(32, {c}, 3, 3); pycnn.conv2d(x, w, padding=1);"
        "x.view(4, -1) @ pycnn.zeros(9, {c} * 256).T; print(pycnn.backends.winograd)")


@pytest.mark.parametrize("mode, c, ran", [
    ("f4", 32, "winograd F(4x4);"), ("f2", 32, "winograd F(2x2);"), ("off", 32, "direct;"),
    ("f4", 4, "winograd F(4x4) thin\n"), ("f2", 4, "direct;"), ("off", 4, "direct;")])
def test_switch(mode, c, ran):
    env = {**os.environ, "PYCNN_VERBOSE": "1", "PYCNN_WINOGRAD": mode}
    done = subprocess.run([sys.executable, "-c", CALL.format(c=c)], env=env, capture_output=True,
                          text=True, check=True)
    assert f": {ran}" in done.stderr and done.stdout.strip() == mode
    if mode != "f4":
        assert f"not winograd F(4x4) thin: pycnn.backends.winograd is \"{mode}\"" in done.stderr
        assert f"not winograd F(4x4): pycnn.backends.winograd is \"{mode}\"" in done.stderr


@pytest.mark.parametrize("mode, ran", [("f4", STRIDED), ("f2", STRIDED), ("off", "direct")])
def test_switch_with_stride_2(mode, ran):
    env = {**os.environ, "PYCNN_VERBOSE": "1", "PYCNN_WINOGRAD": mode}
    program = ("import pycnn; x, w = pycnn.zeros(8, 32, 32, 32), pycnn.zeros(48, 32, 3, 3);"
               "x.requires_grad = w.requires_grad = True; pycnn.conv2d(x, w, stride=2, padding=1).sum().backward()")
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if "convolution" in line]
    assert len(lines) == 3 and all(f"groups 1: {ran}" in line for line in lines), done.stderr
    if mode == "off":
        assert all(f'not {STRIDED}: pycnn.backends.winograd is "off"' in line for line in lines)


# Few channels; tiles that reach beyond the image; few products for many filters; transforms that serve few channels.
@pytest.mark.parametrize("x, k, reason", [
    ((8, 4, 32, 32), 32, "fewer than 8 channels"), ((8, 32, 17, 17), 32, "tiles are few"),
    ((1, 512, 8, 8), 512, "tiles are few"), ((64, 10, 32, 32), 10, "tiles are few")], ids=str)
def test_stride_2_is_direct_where_that_is_faster(x, k, reason):
    program = f"import pycnn; pycnn.conv2d(pycnn.zeros{x}, pycnn.zeros({k}, {x[1]}, 3, 3), stride=2, padding=1)"
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYCNN_VERBOSE": "1"},
                          capture_output=True, text=True, check=True)
    assert f"not {STRIDED}: {reason}" in done.stderr and "groups 1: direct" in done.stderr


def test_verbose_says_why_algorithms_refuse():
    done = subprocess.run([sys.executable, "-c", CALL.format(c=32)], env={**os.environ, "PYCNN_VERBOSE": "1"},
                          capture_output=True, text=True, check=True)
    assert "4x32x16x16 * 32x32x3x3" in done.stderr and "not winograd F(4x4) thin: many channels" in done.stderr
    assert "product 4x8192 * 8192x9: dots; not row by matrix: neither operand is a vector" in done.stderr


def test_wrong_switch():
    with pytest.raises(ValueError, match='winograd must be "off", "f2" or "f4", but got "on"'):
        pycnn.backends.winograd = "on"
    with pytest.raises(TypeError):
        pycnn.backends.winograd = False
    assert pycnn.backends.winograd == "f4"
    done = subprocess.run([sys.executable, "-c", "import pycnn"], env={**os.environ, "PYCNN_WINOGRAD": "5"},
                          capture_output=True, text=True)
    assert done.returncode != 0 and 'winograd must be "off", "f2" or "f4", but got "5"' in done.stderr


# ---- weights that are kept ready ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape, stride", [((32, 32, 3, 3), 1), ((32, 32, 3, 3), 2), ((8, 32, 1, 1), 1),
                                           ((32, 1, 3, 3), 1)])
def test_weights_are_made_ready_once(shape, stride):
    rng = np.random.default_rng(0)
    x = pycnn.from_numpy(rng.standard_normal((4, 32, 12, 12)).astype("f"))
    w = pycnn.from_numpy(rng.standard_normal(shape).astype("f")).clone().requires_grad_()
    groups = 32 // shape[1]

    def convolve():
        return pycnn.conv2d(x, w, stride=stride, groups=groups)

    live = _C._alloc_stats()["live_blocks"]
    want = convolve().detach().numpy().copy()
    assert _C._alloc_stats()["live_blocks"] == live  # a weight that learns changes before it is used again
    with pycnn.no_grad():
        assert np.array_equal(convolve().numpy(), want)
        assert _C._alloc_stats()["live_blocks"] == live + 1
        calls = _C._alloc_stats()["calls"]
        again = convolve()
        assert np.array_equal(again.numpy(), want)
        w.mul_(2)
        del again
        assert _C._alloc_stats()["live_blocks"] == live and _C._alloc_stats()["calls"] > calls
        assert np.array_equal(convolve().numpy(), 2 * want)
        w.data.mul_(2)  # does not count as a new version
        assert np.array_equal(convolve().numpy(), 4 * want)
        pycnn.backends.winograd = "off"
        assert np.allclose(convolve().numpy(), 4 * want, rtol=1e-4, atol=1e-4)
        pycnn.backends.winograd = "f4"
        _C._set_isa("base")
        assert np.allclose(convolve().numpy(), 4 * want, rtol=1e-4, atol=1e-4)
        _C._set_isa(None)
        view = w.detach().numpy()  # may be written at any time
        view *= 2
        assert np.array_equal(convolve().numpy(), 8 * want)
        view /= 2
        assert np.array_equal(convolve().numpy(), 4 * want)


def test_weights_made_ready_die_with_the_weight():
    live = _C._alloc_stats()["live_blocks"]
    x, w = pycnn.ones(1, 16, 9, 9), pycnn.ones(16, 16, 3, 3).clone()
    pycnn.conv2d(x, w)
    del x, w
    assert _C._alloc_stats()["live_blocks"] == live


def test_kept_weights_of_different_calls_are_told_apart():
    """One weight, as filters of different shapes, strides and directions; frozen, with gradients of the input."""
    rng = np.random.default_rng(1)
    w = pycnn.from_numpy(rng.standard_normal((24, 24, 3, 3)).astype("f")).clone()
    x = pycnn.from_numpy(rng.standard_normal((2, 24, 15, 14)).astype("f")).requires_grad_()
    calls = [{"padding": 1}, {"stride": 2}, {"stride": (1, 2), "padding": 1}, {"stride": 3, "padding": 2},
             {"dilation": 2}]
    results = []
    for _ in range(2):  # the second time from what is kept
        for kwargs in calls:
            y = pycnn.conv2d(x, w, **kwargs)
            results += [y.detach(), pycnn.autograd.grad(y.sum(), x)[0]]
        z = pycnn.conv2d(x.detach().view(2, 8, 15, 42), w.view(72, 8, 3, 3), padding=1)
        results += [z, pycnn.conv_transpose2d(x.detach(), w, padding=1)]
    fresh = []
    for kwargs in calls:
        y = pycnn.conv2d(x, w.clone(), **kwargs)
        fresh += [y.detach(), pycnn.autograd.grad(y.sum(), x)[0]]
    fresh += [pycnn.conv2d(x.detach().view(2, 8, 15, 42), w.clone().view(72, 8, 3, 3), padding=1),
              pycnn.conv_transpose2d(x.detach(), w.clone(), padding=1)]
    for got, want in zip(results, 2 * fresh, strict=True):
        assert np.array_equal(got.numpy(), want.numpy())
