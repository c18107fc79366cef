"""Convolutions against torch: values and gradients over random shapes, layouts, instruction sets and threads."""

import os
import random
import subprocess
import sys

import numpy as np
import pytest

import pycnn
from both import IMAGE_LAYOUTS, relative_error

pytestmark = pytest.mark.parity

LIMIT = {"float32": 3e-6, "float64": 1e-13}


def random_case(rng, transposed):
    """Arguments of one call as a dict, or None if they do not fit together."""
    groups = rng.choice([1, 1, 1, 1, 2, 3])
    inner = rng.choice([1, 2, 3, 5, 8, 16, 17, 33])
    outer = rng.choice([1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40])
    if rng.random() < 0.2:
        groups, inner, outer = rng.choice([3, 8, 17, 32]), 1, 1
    n = rng.choice([0, 1, 1, 2, 3, 5])
    height, width = rng.choice([1, 2, 4, 5, 8, 13]), rng.choice([1, 2, 4, 7, 8, 12, 31])
    rows, cols = rng.choice([1, 2, 3, 3, 5]), rng.choice([1, 2, 3, 3, 4])
    kwargs = {"stride": (rng.choice([1, 1, 2, 3]), rng.choice([1, 1, 2, 3])),
              "padding": (rng.choice([0, 1, 2, 4]), rng.choice([0, 1, 1, 3])),
              "dilation": (rng.choice([1, 1, 1, 2, 3]), rng.choice([1, 1, 2])), "groups": groups}
    if rng.random() < 0.3:
        rows = cols = 1
    if rng.random() < 0.3:
        kwargs.update(stride=(1, 1), padding=(0, 0))
    if transposed:
        kwargs["output_padding"] = tuple(rng.randrange(max(pair)) for pair in zip(kwargs["stride"], kwargs["dilation"]))
    for size, taps, axis in ((height, rows, 0), (width, cols, 1)):
        stride, padding = kwargs["stride"][axis], kwargs["padding"][axis]
        extent = (taps - 1) * kwargs["dilation"][axis] + 1
        if transposed and (size - 1) * stride - 2 * padding + extent + kwargs["output_padding"][axis] <= 0:
            return None
        if not transposed and size + 2 * padding < extent:
            return None
    channels = groups * inner
    weight = (channels, outer, rows, cols) if transposed else (groups * outer, inner, rows, cols)
    return {"x": (n, channels, height, width), "weight": weight, "bias": groups * outer if rng.random() < 0.7 else None,
            "kwargs": kwargs}


def check(name, case, rng, dtype="float32", layout="plain", before=None, need=(True, True, True)):
    """Compare one call and its gradients with torch's in float64. before: an operator applied to the input first."""
    import torch
    import torch.nn.functional as F

    values = np.random.RandomState(rng.randrange(2**31))
    arrays = [values.randn(*case["x"]).astype(dtype), values.randn(*case["weight"]).astype(dtype)]
    if case["bias"] is not None:
        arrays.append(values.randn(case["bias"]).astype(dtype))
    ours = [pycnn.from_numpy(a) for a in arrays]
    if len(case["x"]) == 4:
        ours[0] = pycnn.from_numpy(IMAGE_LAYOUTS[layout](arrays[0]))
    theirs = [torch.from_numpy(a).double().requires_grad_() for a in arrays]
    for tensor, wanted in zip(ours, need):
        tensor.requires_grad = wanted
    ours_in, theirs_in = ours[0], theirs[0]
    if before is not None:
        ours_in, theirs_in = before(pycnn, ours_in), before(torch, theirs_in)
    got = getattr(pycnn, name)(ours_in, *ours[1:], **case["kwargs"])
    want = getattr(F, name)(theirs_in, *theirs[1:], **case["kwargs"])
    message = f"{name} {case} {dtype} {layout}"
    limit = LIMIT[dtype]
    with pycnn.no_grad():
        plain = getattr(pycnn, name)(ours_in, *ours[1:], **case["kwargs"])
    assert relative_error(plain.numpy(), want.detach().numpy()) < limit, message
    if any(need[:len(ours)]):
        grad = values.randn(*want.shape).astype(dtype)
        got.backward(pycnn.from_numpy(IMAGE_LAYOUTS[layout](grad) if grad.ndim == 4 and grad.size else grad))
        want.backward(torch.from_numpy(grad).double())
        for which, a, b, wanted in zip(("input", "weight", "bias"), ours, theirs, need):
            if not wanted:
                assert a.grad is None
                continue
            assert relative_error(a.grad.numpy(), b.grad.numpy()) < limit, f"{which} of {message}"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
def test_random(name, seed, isa):
    rng = random.Random(f"{name} {seed} {isa}")
    done = 0
    while done < 40:
        case = random_case(rng, name == "conv_transpose2d")
        if case is None:
            continue
        need = [rng.random() < 0.8 for _ in range(3)]
        check(name, case, rng, rng.choice(["float32", "float32", "float64"]),
              rng.choice(list(IMAGE_LAYOUTS)), need=need)
        done += 1


def private(torch, x):
    """x behind an identity: what an operator has made."""
    return torch.max_pool2d(x, 1)


def private_relu(torch, x):
    return torch.relu(torch.max_pool2d(x, 1))


@pytest.mark.parametrize("before", [private, private_relu])
def test_private_input(before, isa):
    rng = random.Random(isa + before.__name__)
    done = 0
    while done < 30:
        case = random_case(rng, False)
        if case is None or 0 in case["x"]:
            continue
        check("conv2d", case, rng, before=before)
        done += 1


SHAPES = [
    # n, c, h, w, k, filter, stride, padding, dilation, groups: those of the networks this library is for, smaller
    (4, 3, 32, 32, 32, 3, 1, 1, 1, 1), (4, 32, 16, 16, 64, 3, 1, 1, 1, 1), (2, 3, 64, 64, 64, 7, 2, 3, 1, 1),
    (3, 64, 8, 8, 128, 3, 2, 1, 1, 1), (3, 64, 8, 8, 128, 1, 2, 0, 1, 1), (8, 128, 4, 4, 128, 3, 1, 1, 1, 1),
    (2, 256, 7, 7, 64, 1, 1, 0, 1, 1), (2, 1024, 2, 2, 40, 1, 1, 0, 1, 1), (1, 1, 28, 28, 6, 5, 1, 0, 1, 1),
    (2, 96, 14, 14, 96, 3, 2, 1, 1, 96), (2, 64, 14, 14, 64, 3, 1, 1, 1, 8), (2, 16, 20, 20, 24, 3, 1, 2, 2, 1),
    (40, 512, 2, 2, 16, 3, 1, 1, 1, 1), (1, 8, 3, 700, 8, 3, 1, 1, 1, 1), (2, 512, 7, 7, 256, 1, 1, 0, 1, 1),
    (2, 3, 21, 18, 20, 7, 2, 3, 1, 1), (1, 4, 13, 17, 33, 5, 3, 0, 1, 1), (2, 512, 7, 6, 64, 1, 2, 0, 1, 1),
    (5, 16, 1, 1, 24, 1, 2, 0, 1, 1),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("layout", ["plain", "channels_last"])
def test_network_shapes(shape, layout, isa):
    n, c, h, w, k, size, stride, padding, dilation, groups = shape
    case = {"x": (n, c, h, w), "weight": (k, c // groups, size, size), "bias": k,
            "kwargs": {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}}
    check("conv2d", case, random.Random(0), layout=layout)


@pytest.mark.parametrize("shape, stride", [((3, 16, 4, 1), (1, 3)), ((2, 16, 1, 5), (2, 1)), ((3, 16, 1, 1), (2, 2))])
def test_a_stride_that_takes_no_step(shape, stride, isa):
    kwargs = {"stride": stride, "padding": 0, "dilation": 1, "groups": 1}
    check("conv2d", {"x": shape, "weight": (24, 16, 1, 1), "bias": 24, "kwargs": kwargs}, random.Random(0))


def test_unbatched_and_1d():
    rng = random.Random(5)
    for dtype in LIMIT:
        check("conv2d", {"x": (3, 9, 8), "weight": (5, 3, 3, 3), "bias": 5, "kwargs": {"padding": 1}}, rng, dtype)
        check("conv_transpose2d", {"x": (3, 5, 4), "weight": (3, 2, 3, 3), "bias": 2, "kwargs": {"stride": 2}}, rng,
              dtype)
        check("conv1d", {"x": (2, 3, 20), "weight": (5, 3, 4), "bias": 5, "kwargs": {"stride": 2, "padding": 1}}, rng,
              dtype)
        check("conv1d", {"x": (6, 20), "weight": (4, 3, 4), "bias": None, "kwargs": {"dilation": 2, "groups": 2}}, rng,
              dtype)


@pytest.mark.parametrize("layout", ["plain", "channels_last"])
@pytest.mark.parametrize("weights", ["plain", "channels_last"])
def test_strides_are_torchs(layout, weights):
    import torch

    x, w = np.ones((2, 3, 5, 6), "f"), np.ones((4, 3, 3, 3), "f")
    args = [IMAGE_LAYOUTS[layout](x), IMAGE_LAYOUTS[weights](w)]
    got, want = pycnn.conv2d(*map(pycnn.from_numpy, args)), torch.conv2d(*map(torch.from_numpy, args))
    assert got.stride() == want.stride()
    assert np.array_equal(got.numpy(), want.numpy())


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "float16"])
def test_other_dtypes(dtype):
    import torch

    rng = np.random.RandomState(0)
    arrays = [rng.randint(0, 4, shape).astype(dtype) for shape in ((2, 3, 6, 6), (4, 3, 3, 3), (4,))]
    got, want = pycnn.conv2d(*map(pycnn.from_numpy, arrays)), torch.conv2d(*map(torch.from_numpy, arrays))
    assert got.numpy().dtype == want.numpy().dtype
    assert np.array_equal(got.numpy(), want.numpy())


def bits_of_all_passes(shape, groups):
    n, c, h, w, k, size = shape
    rng = np.random.RandomState(1)
    x, weight, bias = (pycnn.from_numpy(rng.randn(*s).astype("f"))
                       for s in ((n, c, h, w), (k, c // groups, size, size), (k,)))
    for tensor in (x, weight, bias):
        tensor.requires_grad = True
    y = pycnn.conv2d(x, weight, bias, padding=size // 2, groups=groups)
    y.backward(pycnn.from_numpy(rng.randn(*y.shape).astype("f")))
    with pycnn.no_grad():
        y = pycnn.conv2d(x, weight, bias, padding=size // 2, groups=groups)
    return [t.numpy().tobytes() for t in (y, x.grad, weight.grad, bias.grad)]


@pytest.mark.parametrize("shape, groups", [((9, 16, 20, 20, 48, 3), 1), ((9, 48, 20, 20, 48, 3), 48),
                                           ((30, 64, 9, 9, 96, 1), 1), ((2, 512, 7, 7, 256, 1), 1)])
def test_threads_do_not_matter(shape, groups, isa):
    before = pycnn.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 5):
            pycnn.set_num_threads(threads)
            results.append(bits_of_all_passes(shape, groups))
        assert results[0] == results[1] == results[2]
    finally:
        pycnn.set_num_threads(before)


ONES = np.ones
BAD = [
    ("conv2d", [ONES((2, 1, 5, 5), "f"), ONES((4, 3, 3, 3), "f")], {}),
    ("conv2d", [ONES((2, 5, 5, 5), "f"), ONES((4, 3, 3, 3), "f")], {"groups": 2}),
    ("conv2d", [ONES((2, 5, 5), "f"), ONES((4, 3, 3, 3), "f")], {}),
    ("conv2d", [ONES((5, 5), "f"), ONES((4, 3, 3, 3), "f")], {}),
    ("conv2d", [ONES((1, 1, 3, 5, 5), "f"), ONES((4, 3, 3, 3), "f")], {}),
    ("conv2d", [ONES((1, 3, 5, 5), "u1"), ONES((4, 3, 3, 3), "f"), ONES(4, "f")], {}),
    ("conv2d", [ONES((1, 3, 5, 5), "u1"), ONES((4, 3, 3, 3), "f")], {}),
    ("conv2d", [ONES((1, 3, 5, 5), "i8"), ONES((4, 3, 3, 3), "f"), ONES(4, "f")], {}),
    ("conv2d", [ONES((1, 3, 5, 5), "d"), ONES((4, 3, 3, 3), "f")], {}),
    ("conv2d", [ONES((1, 3, 5, 5), "f"), ONES((4, 3, 3, 3), "f"), ONES(4, "d")], {}),
    ("conv2d", [ONES((1, 3, 5, 5), "?"), ONES((4, 3, 3, 3), "?")], {}),
    ("conv2d", [ONES((1, 3, 5, 5), "f"), ONES((4, 3, 7, 7), "f")], {}),
    ("conv2d", [ONES((1, 3, 5, 5), "f"), ONES((4, 3, 3, 3), "f")], {"dilation": 3}),
    ("conv2d", [ONES((1, 3, 5, 5), "f"), ONES((4, 3, 0, 3), "f")], {}),
    ("conv2d", [ONES((1, 3, 5, 5), "f"), ONES((4, 3, 3, 3), "f")], {"stride": 0}),
    ("conv2d", [ONES((1, 3, 5, 5), "f"), ONES((4, 3, 3, 3), "f")], {"padding": -1}),
    ("conv2d", [ONES((1, 3, 5, 5), "f"), ONES((4, 3, 3, 3), "f")], {"dilation": 0}),
    ("conv2d", [ONES((1, 3, 5, 5), "f"), ONES((4, 3, 3, 3), "f")], {"groups": 0}),
    ("conv2d", [ONES((1, 3, 5, 5), "f"), ONES((4, 3, 3, 3), "f")], {"stride": (1, 1, 1)}),
    ("conv2d", [ONES((1, 3, 5, 5), "f"), ONES((4, 3, 3, 3), "f")], {"padding": (1, 1, 1)}),
    ("conv2d", [ONES((1, 6, 5, 5), "f"), ONES((5, 3, 3, 3), "f")], {"groups": 2}),
    ("conv2d", [ONES((1, 3, 5, 5), "f"), ONES((4, 3, 3, 3), "f"), ONES(5, "f")], {}),
    ("conv2d", [ONES((1, 3, 5, 5), "f"), ONES((4, 3, 3, 3), "f"), ONES((4, 1), "f")], {}),
    ("conv2d", [ONES((1, 3, 5, 5), "f"), ONES((0, 3, 3, 3), "f")], {}),
    ("conv2d", [ONES((1, 3, 0, 5), "f"), ONES((4, 3, 3, 3), "f")], {}),
    ("conv2d", [ONES((1, 3, 0, 5), "f"), ONES((4, 3, 3, 3), "f")], {"padding": 2}),
    ("conv1d", [ONES((1, 3, 5, 5), "f"), ONES((4, 3, 3), "f")], {}),
    ("conv1d", [ONES((1, 2, 5), "f"), ONES((4, 3, 3), "f")], {}),
    ("conv1d", [ONES((1, 3, 5), "f"), ONES((4, 3, 7), "f")], {}),
    ("conv_transpose2d", [ONES((1, 3, 5, 5), "f"), ONES((3, 4, 3, 3), "f")], {"stride": 2, "output_padding": 2}),
    ("conv_transpose2d", [ONES((1, 3, 5, 5), "f"), ONES((3, 4, 3, 3), "f")], {"output_padding": -1}),
    ("conv_transpose2d", [ONES((1, 2, 5, 5), "f"), ONES((3, 4, 3, 3), "f")], {}),
    ("conv_transpose2d", [ONES((1, 3, 5, 5), "f"), ONES((3, 4, 3, 3), "f"), ONES(5, "f")], {}),
    ("conv_transpose2d", [ONES((5, 5), "f"), ONES((3, 4, 3, 3), "f")], {}),
    ("conv_transpose2d", [ONES((1, 4, 5, 5), "f"), ONES((4, 3, 3, 3), "f")], {"groups": 3}),
    ("conv_transpose2d", [ONES((1, 3, 1, 1), "f"), ONES((3, 4, 1, 1), "f")], {"padding": 1}),
]


@pytest.mark.parametrize("name, arrays, kwargs", BAD, ids=range(len(BAD)))
def test_errors_are_torchs(name, arrays, kwargs):
    import torch
    import torch.nn.functional as F

    with pytest.raises(Exception) as want:
        getattr(F, name)(*map(torch.from_numpy, arrays), **kwargs)
    with pytest.raises(type(want.value)) as got:
        getattr(pycnn, name)(*map(pycnn.from_numpy, arrays), **kwargs)
    words = str(want.value).splitlines()[0]
    assert str(got.value).startswith(words), f"{got.value}\n{words}"


@pytest.mark.parametrize("shape", [(0, 3, 5, 5), (2, 3, 5, 5)])
def test_no_channels_no_images(shape):
    x, w = pycnn.from_numpy(np.ones(shape, "f")), pycnn.from_numpy(np.ones((4, 3, 3, 3), "f"))
    x.requires_grad = w.requires_grad = True
    y = pycnn.conv2d(x, w)
    y.backward(pycnn.from_numpy(np.ones(y.shape, "f")))
    assert x.grad.shape == shape
    assert np.array_equal(w.grad.numpy(), np.full((4, 3, 3, 3), 9.0 * shape[0], "f"))
    empty = pycnn.conv2d(pycnn.from_numpy(np.ones((2, 0, 5, 5), "f")), pycnn.from_numpy(np.ones((4, 0, 3, 3), "f")),
                         pycnn.from_numpy(np.arange(4, dtype="f")))
    assert np.array_equal(empty.numpy()[0, :, 0, 0], np.arange(4))


def test_a_bias_without_channels_beside_it():
    """Its gradient counts the pixels where there are no weights; it is empty where there are no output channels."""
    x, w, b = (pycnn.zeros(*shape, requires_grad=True) for shape in ((2, 0, 5, 5), (4, 0, 3, 3), (4,)))
    pycnn.conv2d(x, w, b).sum().backward()
    assert b.grad.tolist() == [18.0] * 4 and w.grad.shape == w.shape
    x, w, b = (pycnn.zeros(*shape, requires_grad=True) for shape in ((2, 3, 5, 5), (3, 0, 3, 3), (0,)))
    pycnn.conv_transpose2d(x, w, b).sum().backward()
    assert b.grad.shape == (0,) and w.grad.shape == w.shape and x.grad.abs().sum() == 0


def test_verbose_names_the_algorithm():
    program = ("import numpy as np, pycnn; x = pycnn.from_numpy(np.ones((1, 3, 5, 5), 'f'));"
               "w = pycnn.from_numpy(np.ones((4, 3, 3, 3), 'f')); pycnn.conv2d(x, w)")
    run = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYCNN_VERBOSE": "1"}, capture_output=True,
                         text=True, check=True)
    assert "convolution forward 1x3x5x5 * 4x3x3x3" in run.stderr
    assert ": direct; not winograd F(4x4) thin: rows of tiles are short; not winograd F(4x4): fewer than 8 channels; " \
           "not winograd F(2x2): fewer than 8 channels; not winograd stride 2: the stride is not 2; not pointwise" \
           in run.stderr
