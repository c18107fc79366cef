"""One call in both libraries: ``compare(fn, arrays)`` runs fn with torch and with pycnn and compares what comes out.

Values, shapes, dtypes and gradients have to agree; where torch raises, pycnn has to raise the same type in words that
begin alike. ``same(call)`` compares bit for bit what call(torch, torchvision) and call(pycnn, pycnn.vision) give.
"""

import collections.abc
import random
import re

import numpy as np
import torch
import torchvision.transforms

import pycnn
from pycnn import vision

LIMITS = {"float64": 1e-11, "float32": 2e-6, "float16": 2e-3, "bfloat16": 2e-2}


def relative_error(got, want):
    """Norm of the difference over the norm of `want`; of sums that cancel, over the norm of a typical value."""
    assert got.shape == want.shape
    got, want = got.astype("d"), want.astype("d")
    return np.linalg.norm(got - want) / max(np.linalg.norm(want), np.sqrt(want.size), 1e-300)


def _every_other(array):
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


# An image's values in other memory.
IMAGE_LAYOUTS = {"plain": np.ascontiguousarray,
                 "channels_last": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1),
                 "strided": _every_other}


def layout(array, kind):
    """The same values under other strides."""
    if kind == "strided" and array.ndim > 0:
        wide = np.full((*array.shape[:-1], 2 * array.shape[-1] + 1), 7, array.dtype)
        wide[..., 1::2] = array
        return wide[..., 1::2]
    if kind == "reversed":  # dimensions in reverse order in memory
        return np.array(array, order="F")
    if kind == "channels_last" and array.ndim >= 3:
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1)
    return np.array(array, order="C")


LAYOUTS = ("plain", "strided", "reversed", "channels_last")


def numbers(rng, shape, dtype="float32", few=False):
    """Normal numbers, or few distinct ones so that they tie; integers and truths for such dtypes."""
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if few or not dtype.startswith("float"):
        return rng.integers(0 if dtype == "uint8" else -3, 4, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def to_list(result):
    """Flat list of the tensors (or plain values) of a result."""
    if isinstance(result, (tuple, list)):
        return [item for part in result for item in to_list(part)]
    return [result]


def as_array(tensor):
    return tensor.detach().numpy()


def is_tensor(value):
    return isinstance(value, (torch.Tensor, pycnn.Tensor))


def check_close(got, want, what, limit=None):
    """Equal up to rounding: in relation to the largest finite value. NaN equals NaN, infinities themselves."""
    assert got.shape == want.shape, f"{what}: shape {got.shape}, torch has {want.shape}"
    assert got.dtype == want.dtype, f"{what}: dtype {got.dtype}, torch has {want.dtype}"
    if want.dtype.kind != "f":
        np.testing.assert_array_equal(got, want, what)
        return
    limit = LIMITS[str(want.dtype)] if limit is None else limit
    got, want = got.astype("d"), want.astype("d")
    special = ~np.isfinite(want)
    np.testing.assert_array_equal(got[special], want[special], what)
    scale = np.abs(want[~special]).max(initial=1e-30)
    error = np.abs(got[~special] - want[~special]).max(initial=0) / scale
    assert error <= limit, f"{what}: error {error:.3g} of the largest value"


def message_start(error):
    """What of a message has to agree: the first words, without what torch only adds for its own machinery.

    Behind an Ellipsis torch counts dimensions wrongly: their numbers do not count.
    """
    return re.sub(r"for dimension \d+", "for dimension", str(error).split("\n")[0].split(". ")[0].rstrip("."))


def run(module, fn, arrays, grads, seed):
    tensors = [module.from_numpy(a) for a in arrays]
    if grads:
        for t, a in zip(tensors, arrays):
            t.requires_grad_(a.dtype.kind == "f" and a.dtype.itemsize > 2)
    outputs = to_list(fn(module, *tensors))
    values = [as_array(o) if is_tensor(o) else o for o in outputs]
    gradients = []
    if grads:
        rng = np.random.default_rng(seed)
        total = None
        for output in outputs:
            if not is_tensor(output) or not output.requires_grad:
                continue
            weight = rng.standard_normal(tuple(output.shape)).astype(str(output.dtype).split(".")[1])
            part = (output * module.from_numpy(np.asarray(weight))).sum()
            total = part if total is None else total + part
        if total is not None:
            total.backward()
            gradients = [None if t.grad is None else as_array(t.grad) for t in tensors]
    return values, gradients


def compare(fn, arrays, grads=True, limit=None, grad_limit=None, seed=0, what=""):
    """Run fn(module, *tensors) in both libraries and compare.

    Parameters
    ----------
    fn : callable
        Gets torch or pycnn, and tensors.
    arrays : sequence of ndarray
        Each library gets its own copy of each, with the same strides.
    grads : bool
        Compare gradients of all float32 and float64 arguments for random gradients of all results.
    """
    results = []
    for module in (torch, pycnn):
        own = [copy_of(a) for a in arrays]
        try:
            results.append(run(module, fn, own, grads, seed))
        except Exception as error:
            results.append(error)
    want, got = results
    if isinstance(want, Exception):
        assert isinstance(got, Exception), f"{what}: torch raises {want!r}, pycnn gives {got}"
        assert type(got) is type(want), f"{what}: torch raises {want!r}, pycnn raises {got!r}"
        assert message_start(want)[:60] == message_start(got)[:60], f"{what}: {want!r} against {got!r}"
        return
    if isinstance(got, Exception):
        raise AssertionError(f"{what}: pycnn raises {got!r}") from got
    assert len(got[0]) == len(want[0]), what
    for k, (g, w) in enumerate(zip(got[0], want[0])):
        if isinstance(w, np.ndarray):
            check_close(g, w, f"{what}: result {k}", limit)
        else:
            assert g == w, f"{what}: result {k} is {g}, torch has {w}"
    assert len(got[1]) == len(want[1]), f"{what}: gradients"
    for k, (g, w) in enumerate(zip(got[1], want[1])):
        if g is None or w is None:  # no gradient at all is as good as zero
            assert all(x is None or not x.any() for x in (g, w)), f"{what}: gradient {k} is {g}, torch has {w}"
        else:
            check_close(g, w, f"{what}: gradient {k}", limit if grad_limit is None else grad_limit)


def copy_of(array):
    """A copy with the same strides."""
    array = np.asarray(array)
    if array.size == 0 or array.ndim == 0:
        return array.copy(order="K")
    span = sum((n - 1) * s for n, s in zip(array.shape, array.strides)) + array.itemsize
    copy = np.lib.stride_tricks.as_strided(np.zeros(span, np.uint8).view(array.dtype), array.shape, array.strides)
    copy[...] = array
    return copy


BOTH = ((torch, torchvision), (pycnn, vision))


def same(call):
    """call(m, v) gives the same lists of arrays, and leaves the default generator in the same state."""
    results = []
    for m, v in BOTH:
        m.manual_seed(17)
        random.seed(17)
        np.random.seed(17)
        results.append((call(m, v), m.get_rng_state().numpy().tobytes()))
    (want, state), (got, own_state) = results
    check_same(got, want)
    assert own_state == state


def check_same(got, want):
    """Lists of arrays, numbers and texts that are equal in type and in every bit."""
    if isinstance(want, torch.Tensor):
        assert str(got.dtype).split(".")[-1] == str(want.dtype).split(".")[-1]
        assert got.shape == want.shape
        if want.dtype is torch.bfloat16:
            got, want = got.float(), want.float()
        assert got.numpy().tobytes() == want.numpy().tobytes()
        return
    assert type(got) is type(want) or isinstance(want, torch.Size), f"{type(got)}, torch has {type(want)}"
    if isinstance(want, collections.abc.Mapping):
        assert list(got) == list(want)
        check_same(list(got.values()), list(want.values()))
    elif isinstance(want, (list, tuple)):
        assert len(got) == len(want)
        for g, w in zip(got, want):
            check_same(g, w)
    else:
        assert got == want
