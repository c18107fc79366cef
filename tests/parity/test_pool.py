"""Pooling and ReLU against torch: values, gradients, indices, NaN, layouts, instruction sets."""

import random

import numpy as np
import pytest

import pycnn
from both import IMAGE_LAYOUTS

pytestmark = pytest.mark.parity

F = pycnn._C.nn


def values(rng, shape, dtype="float32", special=0.0):
    """Few distinct values, so that maxima tie; `special`: how many of them are NaN, infinite or negative zero."""
    states = np.random.RandomState(rng.randrange(2**31))
    array = states.randint(-3, 4, shape).astype(dtype)
    if special:
        where = states.rand(*shape)
        array[where < special] = np.nan
        array[where > 1 - special] = -np.inf
        array[(where > 0.5) & (where < 0.5 + special)] = -0.0
    return array


def identity(torch, x):
    """x as an operator makes it."""
    return torch.conv2d(x, ones(torch, x.shape[1]), None, 1, 0, 1, x.shape[1])


def identity_relu(torch, x):
    return torch.relu(identity(torch, x))


def ones(torch, n):
    array = torch.from_numpy(np.ones((n, 1, 1, 1), "f"))
    return array.double() if torch is not pycnn else array


def check(name, array, kwargs, layout="plain", before=None, exact=True):
    """Compare one call and its gradient with torch's. exact: every bit (NaN equals NaN)."""
    import torch

    theirs_in = torch.from_numpy(array.copy())
    if before is not None:
        theirs_in = theirs_in.double()
    ours = pycnn.from_numpy(IMAGE_LAYOUTS[layout](array) if array.ndim == 4 else array)
    theirs = theirs_in.requires_grad_()
    ours.requires_grad = True
    a, b = (ours, theirs) if before is None else (before(pycnn, ours), before(torch, theirs))
    got, want = getattr(F, name)(a, **kwargs), getattr(torch.nn.functional, name)(b, **kwargs)
    if isinstance(want, tuple):
        assert np.array_equal(got[1].numpy(), want[1].numpy())
        got, want = got[0], want[0]
    message = f"{name} {array.shape} {kwargs} {layout}"
    assert got.shape == want.shape, message
    grad = np.random.RandomState(0).randint(-8, 9, want.shape).astype(array.dtype)
    got.backward(pycnn.from_numpy(IMAGE_LAYOUTS[layout](grad) if grad.ndim == 4 and grad.size else grad))
    want.backward(torch.from_numpy(grad).to(want.dtype))
    with pycnn.no_grad():
        forward = getattr(F, name)(a, **kwargs)
        forward = (forward[0] if isinstance(forward, tuple) else forward).numpy()
    for which, x, y in (("value", forward, want.detach().numpy()),
                        ("gradient", ours.grad.numpy(), theirs.grad.numpy())):
        if exact:
            assert np.array_equal(x, y.astype(x.dtype), equal_nan=True), f"{which} of {message}"
        else:
            np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-6, err_msg=f"{which} of {message}")


def no_window_misses(size, kernel, padding, dilation):
    """torch 2.14 writes out of bounds where a dilated window has no element within the image."""
    return all(any(0 <= start + k * dilation < size for k in range(kernel)) for start in range(-padding, size))


def random_windows(rng, dilated):
    """A shape and the arguments of a pooling that fits it."""
    while True:
        shape = (rng.choice([0, 1, 2, 3]), rng.choice([1, 2, 3, 5, 8, 16, 17, 21, 33]), rng.choice([1, 2, 4, 5, 7, 12]),
                 rng.choice([1, 2, 3, 6, 8, 11]))
        kernel = (rng.choice([1, 2, 2, 3, 5]), rng.choice([1, 2, 2, 3, 4]))
        kwargs = {"kernel_size": kernel, "ceil_mode": rng.random() < 0.4,
                  "padding": tuple(rng.randint(0, k // 2) for k in kernel)}
        if rng.random() < 0.7:
            kwargs["stride"] = (rng.choice([1, 2, 3]), rng.choice([1, 2, 3]))
        dilation = (rng.choice([1, 1, 2]), rng.choice([1, 1, 3])) if dilated else (1, 1)
        if dilated:
            kwargs["dilation"] = dilation
        if all(size + 2 * p >= (k - 1) * d + 1 and no_window_misses(size, k, p, d)
               for size, p, k, d in zip(shape[2:], kwargs["padding"], kernel, dilation)):
            return shape, kwargs


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["max_pool2d", "max_pool2d_with_indices", "avg_pool2d"])
def test_random(name, dtype, isa):
    rng = random.Random(name + dtype + isa)
    for _ in range(60):
        shape, kwargs = random_windows(rng, name != "avg_pool2d")
        if name == "avg_pool2d":
            kwargs["count_include_pad"] = rng.random() < 0.5
            if rng.random() < 0.2:
                kwargs["divisor_override"] = rng.choice([1, 3, -7])
        special = 0.1 if rng.random() < 0.3 and name != "avg_pool2d" else 0
        check(name, values(rng, shape, dtype, special), kwargs, rng.choice(list(IMAGE_LAYOUTS)),
              exact=name != "avg_pool2d")


@pytest.mark.parametrize("before", [identity, identity_relu])
def test_private_input(before, isa):
    rng = random.Random(isa + before.__name__)
    for k in range(60):
        shape, kwargs = random_windows(rng, True)
        if shape[0] == 0:
            continue
        special = 0.1 if k % 3 == 0 else 0
        array = values(rng, shape, special=special)
        array[np.isinf(array)] = -9  # infinity times 0 is NaN in the identity's gradient
        check("max_pool2d", array, kwargs, before=before)
        kwargs.pop("dilation")
        shape, kwargs = random_windows(rng, False)
        if shape[0] > 0:
            check("avg_pool2d", values(rng, shape), kwargs, before=before, exact=False)


def identity_relu_in_place(torch, x):
    return identity(torch, x).relu_()


def identity_relu_in_place_shared(torch, x):
    """Somebody else sees the values that are overwritten."""
    y = identity(torch, x)
    first = torch.relu(y)
    y.relu_()
    return torch.relu(first)


def test_relu_in_place_on_private_values(isa):
    """Pending, or in private memory, and as torch all the same."""
    rng = random.Random(isa)
    for before in (identity_relu_in_place, identity_relu_in_place_shared):
        for shape in ((2, 5, 6, 7), (1, 33, 4, 4)):
            check("max_pool2d", values(rng, shape), {"kernel_size": 2}, before=before)
            check("avg_pool2d", values(rng, shape), {"kernel_size": 2}, before=before, exact=False)
    array = values(rng, (2, 3, 4, 4))
    with pycnn.no_grad():
        x = identity(pycnn, pycnn.from_numpy(array))
        y = pycnn.relu(x)
        assert x.relu_() is x
        assert x.relu_() is x
        z = pycnn.relu(x)
        for t in (x, y, z):
            assert np.array_equal(t.numpy(), np.maximum(array, 0))


def test_relu_in_place_is_noticed():
    """What backward has saved may not be overwritten."""
    x = pycnn.from_numpy(np.ones((1, 3, 4, 4), "f"))
    w = pycnn.from_numpy(np.ones((3, 3, 1, 1), "f"))
    w.requires_grad = True
    y = pycnn.conv2d(x, w)
    z = pycnn.conv2d(y, w)
    y.relu_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward(pycnn.from_numpy(np.ones(z.shape, "f")))


def test_relu_watched_by_a_hook():
    """The gradient of ReLU's output is wanted itself, so that pooling may not swallow ReLU's mask."""
    import torch

    array = np.array([[[[-1, -2, 3, 3], [-3, -4, -1, 5], [0, 0, -1, -2], [0, -1, 4, 4]]]], "f")
    seen = {}
    for module, key in ((pycnn, "ours"), (torch, "theirs")):
        x = module.from_numpy(array.copy())
        x.requires_grad = True
        r = module.relu(module.conv2d(x, module.from_numpy(np.ones((1, 1, 1, 1), "f"))))
        r.retain_grad()
        y = module.max_pool2d(r, 2)
        y.backward(module.from_numpy(np.array([[[[1, 2], [3, 4]]]], "f")))
        seen[key] = r.grad.numpy(), x.grad.numpy()
    for got, want in zip(seen["ours"], seen["theirs"]):
        assert np.array_equal(got, want)


def test_window_beside_the_image(isa):
    """Dilation steps over both columns: -infinity, and no gradient."""
    for dtype in ("float32", "float64"):
        x = pycnn.from_numpy(np.ones((1, 20, 4, 2), dtype))
        x.requires_grad = True
        y = pycnn.max_pool2d(x, (1, 2), 1, (0, 1), (1, 3))
        y.backward(pycnn.from_numpy(np.ones((1, 20, 4, 1), dtype)))
        assert not x.grad.numpy().any()
        with pycnn.no_grad():
            assert np.array_equal(pycnn.max_pool2d(x, (1, 2), 1, (0, 1), (1, 3)).numpy(),
                                  np.full((1, 20, 4, 1), -np.inf))


def test_large_windows(isa):
    rng = random.Random(3)
    check("max_pool2d", values(rng, (2, 3, 40, 40)), {"kernel_size": 20})
    check("max_pool2d", values(rng, (2, 3, 300, 2)), {"kernel_size": (300, 1)})
    check("max_pool2d", values(rng, (1, 17, 15, 17)), {"kernel_size": (15, 16), "stride": 1})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", list(IMAGE_LAYOUTS))
def test_adaptive(dtype, layout, isa):
    rng = random.Random(layout + dtype)
    for size in ((1, 1), (2, 3), (7, 5), (9, 11), (1, 6)):
        for shape in ((2, 5, 7, 5), (1, 33, 6, 9), (0, 3, 4, 4)):
            check("adaptive_avg_pool2d", values(rng, shape, dtype), {"output_size": size}, layout, exact=False)
            for name in ("adaptive_max_pool2d", "adaptive_max_pool2d_with_indices"):
                check(name, values(rng, shape, dtype), {"output_size": size}, layout)


def test_unbatched_and_1d():
    rng = random.Random(1)
    for dtype in ("float32", "float64"):
        check("max_pool2d", values(rng, (3, 6, 7), dtype), {"kernel_size": 3, "stride": 2, "padding": 1})
        check("avg_pool2d", values(rng, (3, 6, 7), dtype), {"kernel_size": 3, "stride": 2, "padding": 1}, exact=False)
        check("adaptive_avg_pool2d", values(rng, (3, 6, 7), dtype), {"output_size": 2}, exact=False)
        check("adaptive_max_pool2d", values(rng, (3, 6, 7), dtype), {"output_size": (2, 3)})
        check("max_pool2d_with_indices", values(rng, (3, 6, 7), dtype), {"kernel_size": 2})
        for shape in ((2, 3, 11), (3, 11)):
            check("max_pool1d", values(rng, shape, dtype), {"kernel_size": 3, "stride": 2, "padding": 1})
            check("avg_pool1d", values(rng, shape, dtype), {"kernel_size": 3, "stride": 2, "padding": 1}, exact=False)
            check("adaptive_avg_pool1d", values(rng, shape, dtype), {"output_size": 4}, exact=False)


@pytest.mark.parametrize("layout", ["plain", "channels_last"])
def test_strides_are_torchs(layout):
    import torch

    for dtype in ("float32", "float64"):
        x = IMAGE_LAYOUTS[layout](np.arange(288).reshape(2, 3, 6, 8).astype(dtype))
        for name, args in (("max_pool2d", (2,)), ("avg_pool2d", (2,)), ("adaptive_avg_pool2d", ((2, 2),)), ("relu", ()),
                           ("adaptive_max_pool2d", ((2, 2),)), ("max_pool2d_with_indices", (2,))):
            ours, theirs = pycnn.from_numpy(x), torch.from_numpy(x).requires_grad_()
            ours.requires_grad = True
            got, want = getattr(F, name)(ours, *args), getattr(torch.nn.functional, name)(theirs, *args)
            if isinstance(want, tuple):
                assert np.array_equal(got[1].numpy(), want[1].numpy())
                assert got[1].stride() == want[1].stride(), name
                got, want = got[0], want[0]
            assert got.stride() == want.stride(), name
            got.backward(pycnn.from_numpy(np.ones(want.shape, dtype)))
            want.backward(torch.ones_like(want))
            assert np.array_equal(ours.grad.numpy(), theirs.grad.numpy())


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "int8", "uint8", "float16"])
def test_other_dtypes(dtype):
    import torch

    x = np.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4).astype(dtype)[:, :, ::-1].copy()
    got, want = pycnn.max_pool2d(pycnn.from_numpy(x), 2), torch.max_pool2d(torch.from_numpy(x), 2)
    assert got.numpy().dtype == want.numpy().dtype
    assert np.array_equal(got.numpy(), want.numpy())
    if dtype in ("int64", "float16"):
        got, want = F.avg_pool2d(pycnn.from_numpy(x), 2), torch.nn.functional.avg_pool2d(torch.from_numpy(x), 2)
        assert np.array_equal(got.numpy(), want.numpy())


def test_threads_do_not_matter(isa):
    before = pycnn.get_num_threads()
    rng = random.Random(2)
    array = values(rng, (7, 40, 33, 31))
    try:
        results = []
        for threads in (1, 2, 4):
            pycnn.set_num_threads(threads)
            bits = []
            for name in ("max_pool2d", "avg_pool2d"):
                x = pycnn.from_numpy(array)
                x.requires_grad = True
                y = getattr(F, name)(x, 3, 2, 1)
                y.backward(pycnn.from_numpy(np.random.RandomState(0).randn(*y.shape).astype("f")))
                with pycnn.no_grad():
                    bits += [getattr(F, name)(x, 3, 2, 1).numpy().tobytes(), x.grad.numpy().tobytes()]
            results.append(bits)
        assert results[0] == results[1] == results[2]
    finally:
        pycnn.set_num_threads(before)


SPECIAL = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -1.5]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8"])
@pytest.mark.parametrize("shape", [(8,), (), (0, 3), (3, 40), (2, 3, 5, 7), (1, 1, 1, 1)])
def test_relu(dtype, shape, isa):
    import torch

    count = int(np.prod(shape))
    source = np.resize(np.array(SPECIAL if dtype.startswith("f") else [0, 3, 100, 1, 5]), count).reshape(shape)
    array = source.astype(dtype)
    for layout in IMAGE_LAYOUTS if array.ndim == 4 else ["plain"]:
        x = IMAGE_LAYOUTS[layout](array) if array.ndim == 4 else array
        got, want = pycnn.relu(pycnn.from_numpy(x.copy("K"))), torch.relu(torch.from_numpy(x.copy("K")))
        assert got.stride() == want.stride() or array.size == 0
        assert np.array_equal(got.numpy(), want.numpy(), equal_nan=dtype.startswith("f"))
        written = pycnn.from_numpy(x.copy("K"))
        assert written.relu_() is written
        assert np.array_equal(written.numpy(), want.numpy(), equal_nan=dtype.startswith("f"))
        if dtype.startswith("f"):
            ours, theirs = pycnn.from_numpy(x.copy("K")), torch.from_numpy(x.copy("K")).requires_grad_()
            ours.requires_grad = True
            grad = np.arange(count).reshape(shape).astype(dtype)
            pycnn.relu(ours).backward(pycnn.from_numpy(grad.copy()))
            torch.relu(theirs).backward(torch.from_numpy(grad.copy()))
            assert np.array_equal(ours.grad.numpy(), theirs.grad.numpy())


def test_relu_negative_integers():
    x = np.array([-5, 0, 7], "i4")
    assert pycnn.relu(pycnn.from_numpy(x)).numpy().tolist() == [0, 0, 7]


def test_relu_of_private_values_twice(isa):
    """Two readers of one activation, a ReLU of a ReLU, and a pooled one."""
    import torch

    array = np.random.RandomState(0).randn(2, 5, 6, 6).astype("f")
    results = []
    for module in (pycnn, torch):
        x = module.from_numpy(array.copy())
        x.requires_grad = True
        y = module.conv2d(x, module.from_numpy(np.ones((5, 1, 1, 1), "f")), None, 1, 0, 1, 5)
        first, second = module.relu(y), module.relu(y)
        third = module.relu(first)
        out = module.conv2d(first, module.from_numpy(np.ones((2, 5, 1, 1), "f")))
        for z in (out, module.max_pool2d(second, 2), module.max_pool2d(first, 3), third):
            z.backward(module.from_numpy(np.ones(z.shape, "f")), retain_graph=True)
        results.append(x.grad.numpy())
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5, atol=1e-5)


X = np.ones
BAD = [(name, X((1, 3, 2, 2), "f"), args, {}) for name in ("max_pool2d", "avg_pool2d") for args in ((4,), (0,), (-1,))]
BAD += [(name, X((1, 3, 4, 4), "f"), args, {}) for name in ("max_pool2d", "avg_pool2d")
        for args in ((2, 0), (2, -1), (2, 2, 2), (2, 2, -1), ((2, 2, 2),), (2, (2, 2, 2)))]
BAD += [(name, X(shape, "f"), (2,), {}) for name in ("max_pool2d", "avg_pool2d")
        for shape in ((4, 4), (1, 1, 1, 4, 4), (1, 0, 4, 4), (1, 3, 0, 4), (0, 0, 4, 4), (0, 4, 4))]
BAD += [("max_pool2d", X((1, 3, 4, 4), "?"), (2,), {}), ("avg_pool2d", X((1, 3, 4, 4), "?"), (2,), {}),
        ("avg_pool2d", X((1, 3, 4, 4), "i4"), (2,), {}), ("max_pool2d", X((1, 3, 4, 4), "f"), (2,), {"dilation": 0}),
        ("max_pool2d", X((1, 3, 4, 4), "f"), (2,), {"padding": 2, "dilation": 3}),
        ("avg_pool2d", X((1, 3, 4, 4), "f"), (2,), {"divisor_override": 0}),
        ("adaptive_avg_pool2d", X((1, 3, 4, 4), "f"), ((-1, 2),), {}),
        ("adaptive_avg_pool2d", X((4, 4), "f"), ((2, 2),), {}), ("adaptive_max_pool2d", X((4, 4), "f"), ((2, 2),), {}),
        ("adaptive_avg_pool2d", X((1, 3, 0, 4), "f"), ((2, 2),), {}),
        ("adaptive_max_pool2d", X((1, 3, 0, 4), "f"), ((2, 2),), {}),
        ("adaptive_avg_pool2d", X((1, 3, 4, 4), "i8"), ((2, 2),), {}),
        ("adaptive_max_pool2d", X((1, 3, 4, 4), "i8"), ((2, 2),), {}),
        ("max_pool1d", X((1, 1, 3, 4), "f"), (2,), {}), ("avg_pool1d", X((1, 1, 3, 4), "f"), (2,), {}),
        ("avg_pool1d", X((1, 3, 4), "f"), (5,), {}), ("max_pool1d", X((1, 3, 4), "f"), (5,), {}),
        ("max_pool1d", X((1, 3, 4), "f"), (0,), {}), ("max_pool1d", X((1, 3, 4), "f"), (2, 0), {}),
        ("max_pool1d", X((1, 3, 4), "f"), (2, 2, 2), {}), ("max_pool1d", X((1, 3, 4), "f"), (2, 2, 0, 0), {}),
        ("adaptive_avg_pool1d", X((1, 3, 4), "f"), (-2,), {}),
        ("adaptive_max_pool2d", X((1, 3, 4, 4), "f"), ((-1, 2),), {}), ("relu", X((3,), "?"), (), {})]


@pytest.mark.parametrize("name, array, args, kwargs", BAD, ids=range(len(BAD)))
def test_errors_are_torchs(name, array, args, kwargs):
    import torch

    with pytest.raises(Exception) as want:
        getattr(torch.nn.functional, name)(torch.from_numpy(array), *args, **kwargs)
    with pytest.raises(type(want.value)) as got:
        getattr(F, name)(pycnn.from_numpy(array), *args, **kwargs)
    words = str(want.value).splitlines()[0]
    assert str(got.value).startswith(words), f"{got.value}\n{words}"


@pytest.mark.parametrize("channels", [17, 33, 65, 66, 79, 129])
def test_averages_of_odd_numbers_of_channels(channels, isa):
    """The last vector of channels is short: nothing behind the last pixel is written."""
    x = np.random.default_rng(channels).random((1, channels, 6, 6)).astype("f")
    import torch
    ours, theirs = (L.nn.functional.avg_pool2d(L.from_numpy(x), 3) for L in (pycnn, torch))
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)
