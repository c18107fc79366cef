"""Every row of tests/opinfo.py against torch: values, gradients, layouts, dtypes, in-place forms, errors."""

import numpy as np
import pytest

import opsample
import pycnn
from opinfo import OPS
from pycnn import _C

pytestmark = pytest.mark.parity

each_op = pytest.mark.parametrize("op", OPS.values(), ids=str)


def build_torch(sample, layout, dtype, seed=0):
    """The sample's arguments as torch Tensors that share no memory with pycnn's."""
    import torch

    def make(x, a):
        t = torch.from_numpy(x)
        return t.requires_grad_(True) if a.grad and x.dtype.kind == "f" else t
    return opsample.build(sample, layout, dtype, make, lambda name: getattr(torch, name), seed)


def close(got, want, op, dtype, what, factor=1.0):
    """Same dtype, shape and, within the row's tolerance, values."""
    got, want = got.numpy(), want.detach().numpy()
    assert got.dtype == want.dtype, f"{what}: {got.dtype}, torch {want.dtype}"
    assert got.shape == want.shape, f"{what}: {got.shape}, torch {want.shape}"
    scale = {"float64": 1e-6, "float16": 2e3}.get(str(got.dtype), 1.0) * factor
    if got.dtype.kind == "f":
        np.testing.assert_allclose(got, want, op.rtol * scale, op.atol * scale, err_msg=what)
    else:
        np.testing.assert_array_equal(got, want, err_msg=what)


def leaves(args, module):
    return [a for a in opsample.flat(args) if isinstance(a, module.Tensor) and a.requires_grad]


def attempt(call, *args, **kwargs):
    """(result, None) or (None, the exception)."""
    try:
        return call(*args, **kwargs), None
    except Exception as error:  # torch's own types, compared by the caller
        return None, error


def compare(op, sample, layout, dtype, inplace=False):
    """One call in both libraries, forward and backward."""
    import torch
    what = f"{op}{'_' if inplace else ''}{sample} {layout} {dtype}"
    ours, ours_kw = opsample.build_pycnn(sample, layout, dtype)
    theirs, theirs_kw = build_torch(sample, layout, dtype)
    args, targs = list(ours), list(theirs)
    writes = inplace or op.row[0] & opsample.WRITES
    if writes:
        args[0], targs[0] = args[0].clone(), targs[0].clone()
    if op.seeded:
        pycnn.manual_seed(3)
        torch.manual_seed(3)
    want, error = attempt(op.torch, *targs, inplace=inplace, **theirs_kw)
    if error is not None:
        with pytest.raises(type(error)):
            op.call(*args, inplace=inplace, **ours_kw)
            pytest.fail(f"{what}: torch says {error}")
        return
    got = op.call(*args, inplace=inplace, **ours_kw)
    if writes:
        assert got is args[0], what
    got, want = opsample.tensors(got), opsample.tensors(want)
    assert len(got) == len(want), what
    for k, (a, b) in enumerate(zip(got, want)):
        if op.values:
            close(a.data, b, op, dtype, f"{what}: result {k}")
        if op.strides and b.numel() > 1 and "private" not in layout:
            sizes = [d for d in range(b.dim()) if b.shape[d] > 1]
            assert [a.stride(d) for d in sizes] == [b.stride(d) for d in sizes], \
                f"{what}: strides {a.stride()}, torch {b.stride()}"
        assert a.requires_grad == b.requires_grad or op.grad is False, f"{what}: requires_grad"
    if op.grad is False or (inplace and not op.inplace_grad) or not any(b.requires_grad for b in want):
        return
    rng = np.random.default_rng(9)
    pairs = [(a, b, rng.standard_normal(tuple(b.shape)).astype(b.detach().numpy().dtype))
             for a, b in zip(got, want) if b.requires_grad]
    ours, theirs = leaves(ours, pycnn), leaves(theirs, torch)
    wanted = torch.autograd.grad([b for _, b, _ in pairs], theirs, [torch.from_numpy(np.array(g)) for _, _, g in pairs],
                                 allow_unused=True)
    weights = tuple(pycnn.from_numpy(np.array(g)) for _, _, g in pairs)
    found = _C.run_backward(tuple(a for a, _, _ in pairs), weights, False, tuple(ours))
    for k, (a, b, leaf) in enumerate(zip(found, wanted, theirs, strict=True)):
        if a is None or b is None:
            assert all(x is None or not x.numpy().any() for x in (a, b)), f"{what}: gradient {k}"
            continue
        close(a, b, op, dtype, f"{what}: gradient {k}", op.grad_factor)


@each_op
def test_agrees_with_torch(op, isa):
    for sample, layout, dtype in op.cases():
        compare(op, sample, layout, dtype)


@each_op
def test_inplace_agrees_with_torch(op):
    if not op.row[0] & opsample.INPLACE or not op.inplace:
        return
    for sample, layout, dtype in op.cases():
        if isinstance(sample.args[0], opsample.Array):
            compare(op, sample, layout, dtype, inplace=True)


@pytest.mark.parametrize("write", [
    lambda x: x[1:].add_(x[:-1]), lambda x: x[1:].copy_(x[:-1]), lambda x: x.add_(x), lambda x: x[:2].mul_(x[2:4]),
    lambda x: x.mul_(x[2]), lambda x: x[:4].view(2, 2).add_(x[:4].view(2, 2).t()),
    lambda x: x.view(5, 1).expand(5, 3).add_(1),
    lambda x: x[:2].clamp_(x[1:3], x[3:])])
def test_overlaps_are_refused_as_by_torch(write):
    import torch
    want, error = attempt(write, torch.arange(5.0))
    if error is None:
        assert write(pycnn.arange(5.0)).tolist() == want.tolist()
    else:
        with pytest.raises(type(error), match="unsupported operation"):
            write(pycnn.arange(5.0))


@each_op
def test_errors_are_torchs(op):
    """The same type, and torch's first line within the message (or the message within it, where torch names C++)."""
    for sample in op.errors:
        args, kwargs = opsample.build_pycnn(sample)
        targs, tkwargs = build_torch(sample, "contiguous", "float32")
        if op.row[0] & opsample.WRITES:
            args[0], targs[0] = args[0].clone(), targs[0].clone()
        _, error = attempt(op.torch, *targs, **tkwargs)
        assert error is not None, f"{op}{sample}: torch accepts it"
        with pytest.raises(type(error)) as info:
            op.call(*args, **kwargs)
        words, ours = str(error).split("\n")[0], str(info.value)
        same = words.rstrip(".") in ours or (len(ours) > 20 and ours in words)
        assert same, f"{op}{sample}:\n ours: {ours}\ntorch: {words}"
