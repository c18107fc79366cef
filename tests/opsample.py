"""What rows of opinfo.py are made of: samples of arguments, the layouts that arrays are tried in, a row itself."""

import numpy as np

import pycnn
from pycnn import _C

# The flags of csrc/ops/op.h that tests ask for.
FUNCTION, METHOD, NN, INPLACE, PRIVATE, NOGRAD, WRITES, FACTORY = (1 << k for k in (16, 17, 18, 19, 21, 22, 23, 24))
ROUNDING = {0: None, 1: "trunc", 2: "floor"}  # the row's numbers for torch's rounding_mode


# ---- arguments ----------------------------------------------------------------------------------------------------


class Array:
    """An array argument, made when needed: normal, or between `low` and `high`."""

    def __init__(self, shape, dtype, low=None, high=None, grad=True):
        self.shape, self.dtype, self.low, self.high = shape, dtype, low, high
        self.grad = grad and dtype == "float32"

    def values(self, rng, dtype):
        """Draw the values; `dtype` replaces float32."""
        if self.dtype == "bool":
            return np.asarray(rng.random(self.shape) < 0.5)
        if self.dtype != "float32":
            return np.asarray(rng.integers(self.low, self.high, self.shape)).astype(self.dtype)
        if self.low is None:
            x = np.asarray(rng.standard_normal(self.shape))
        else:
            x = np.asarray(rng.uniform(self.low, self.high, self.shape))
        if not dtype.startswith("float"):
            x = np.abs(np.rint(3 * x)) if dtype == "uint8" else np.rint(3 * x)
        return np.asarray(x, dtype)


class Values(Array):
    """Given values."""

    def __init__(self, values):
        self.given = np.asarray(values)
        if self.given.dtype == np.float64:
            self.given = self.given.astype(np.float32)
        super().__init__(self.given.shape, str(self.given.dtype))

    def values(self, rng, dtype):
        if self.dtype != "float32" or not dtype.startswith("float"):
            return self.given.copy()
        with np.errstate(over="ignore"):
            return self.given.astype(dtype)


class D:
    """A dtype."""

    def __init__(self, name):
        self.name = name


def N(*shape, grad=True):
    """Normally distributed floats."""
    return Array(shape, "float32", grad=grad)


def U(low, high, *shape, grad=True):
    """Floats from `low` to `high`."""
    return Array(shape, "float32", low, high, grad=grad)


def Z(low, high, *shape, dtype="int64"):
    """Integers from `low` to `high` - 1."""
    return Array(shape, dtype, low, high)


def B(*shape):
    """Bools."""
    return Array(shape, "bool")


class S:
    """The arguments of one call."""

    def __init__(self, *args, **kwargs):
        self.args, self.kwargs = args, kwargs

    def __repr__(self):
        def text(x):
            if isinstance(x, (list, tuple)):
                return f"[{', '.join(map(text, x))}]"
            return f"{x.dtype}{list(x.shape)}" if isinstance(x, Array) else x.name if isinstance(x, D) else repr(x)
        return f"({', '.join([text(a) for a in self.args] + [f'{k}={text(v)}' for k, v in self.kwargs.items()])})"


# ---- layouts ------------------------------------------------------------------------------------------------------


def strided(x):
    """Every other element of a larger array."""
    if x.ndim == 0:
        return x
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1] + 1), x.dtype)
    wide[..., 1::2] = x
    return wide[..., 1::2]


def transposed(x):
    """The first dimension is the fastest."""
    return np.asfortranarray(x)


def channels_last(x):
    """The second of four dimensions is the fastest."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) if x.ndim == 4 else x


LAYOUTS = {"contiguous": np.ascontiguousarray, "strided": strided, "transposed": transposed,
           "channels_last": channels_last, "mixed": None, "private": None, "half_private": None}


def lay_out(x, layout, position):
    """x in a layout; mixed, half_private: for the first argument, contiguous for the others."""
    if layout == "mixed":
        layout = "channels_last" if position == 0 else "contiguous"
    if x.ndim == 0 or layout in ("contiguous", "private", "half_private"):
        return np.ascontiguousarray(x) if x.ndim else x
    return LAYOUTS[layout](x)


def private(x):
    """A copy of a 4-D float32 Tensor with its values in private NHWC memory: what a convolution returns."""
    channels = x.shape[1]
    eye = pycnn.from_numpy(np.eye(channels, dtype=np.float32).reshape(channels, channels, 1, 1))
    with pycnn.no_grad():
        y = _C.nn.conv2d(x, eye)
    assert y._layout_state() == "nhwc"
    return y


# ---- rows ---------------------------------------------------------------------------------------------------------


class Op:
    """A row of the table.

    Parameters
    ----------
    name : str
        Name of the row in C, with its overload.
    samples : list of S
    torch : callable, optional
        ``torch(torch, *args, **kwargs)``: the same in torch, where it is not ``torch.NAME``,
        ``torch.nn.functional.NAME`` or ``Tensor.NAME`` with the same arguments.
    pycnn : callable, optional
        ``pycnn(pycnn, *args, **kwargs)``: how the row is reached, where not under its own name.
    grad : bool, optional
        Compare gradients; default: if the row has a backward.
    rtol, atol : float
        Tolerances in float32 of values and, times `grad_factor`, gradients; 1e-6 of them in float64.
    dtypes : tuple of str
        What float32 arrays are replaced by, in turn.
    layouts : tuple of str
        Those to try; all by default.
    strides : bool
        Are the strides of the results torch's?
    values : bool
        False for results with undefined contents.
    seeded : bool
        Draws random numbers: seed both before each call.
    errors : list of S
        Calls that must fail as in torch: same type of exception, and torch's words in the message.
    inplace, inplace_grad : bool
        Try NAME_ too, where the row has it, and its gradient.
    """

    def __init__(self, name, samples, torch=None, pycnn=None, grad=None, rtol=2e-6, atol=1e-6, grad_factor=4.0,
                 dtypes=("float32", "float64"), layouts=tuple(LAYOUTS), strides=True, values=True, seeded=False,
                 errors=(), inplace=True,
                 inplace_grad=True):
        self.name, self.samples, self.torch_call, self.grad = name, list(samples), torch, grad
        self.rtol, self.atol, self.grad_factor, self.dtypes, self.layouts = rtol, atol, grad_factor, dtypes, layouts
        self.strides, self.values, self.seeded, self.errors = strides, values, seeded, list(errors)
        self.pycnn_call, self.inplace, self.inplace_grad = pycnn, inplace, inplace_grad
        self.base = name.split(".")[0]

    def __repr__(self):
        return self.name

    @property
    def row(self):
        """(flags, doc, has a backward) of the row in C."""
        return ROWS[self.name][1:]

    def call(self, *args, inplace=False, **kwargs):
        """Run the operator in pycnn."""
        flags, name = self.row[0], self.base + ("_" if inplace else "")
        if self.pycnn_call is not None and not inplace:
            return self.pycnn_call(pycnn, *args, **kwargs)
        if flags & WRITES or not flags & (FUNCTION | NN):
            return getattr(args[0], name)(*args[1:], **kwargs)
        return getattr(_C.fn if flags & FUNCTION else _C.nn, name)(*args, **kwargs)

    def torch(self, *args, inplace=False, **kwargs):
        """Run it in torch."""
        import torch
        if inplace and "rounding_mode" in kwargs:
            kwargs["rounding_mode"] = ROUNDING[kwargs["rounding_mode"]]
        elif self.torch_call is not None and not inplace:
            return self.torch_call(torch, *args, **kwargs)
        name = self.base + ("_" if inplace else "")
        if inplace and not self.row[0] & METHOD:
            return getattr(torch.nn.functional, self.base)(*args, **kwargs, inplace=True)
        if not self.row[0] & WRITES:
            for place in (torch, torch.nn.functional):
                if hasattr(place, name):
                    return getattr(place, name)(*args, **kwargs)
        return getattr(args[0], name)(*args[1:], **kwargs)

    def cases(self):
        """(sample, layout, dtype) of each call worth making."""
        for sample in self.samples:
            arrays = [a for a in flat(sample.args) if isinstance(a, Array)]
            ranks = {len(a.shape) for a in arrays}
            for layout in self.layouts:
                if not arrays and layout != "contiguous":
                    continue
                if layout in ("transposed", "mixed") and max(ranks) < 2:
                    continue
                if layout in ("channels_last", "mixed", "private", "half_private") and 4 not in ranks:
                    continue
                if "private" in layout and (not self.row[0] & PRIVATE or self.base.endswith("_")):
                    continue
                for dtype in self.dtypes if any(a.dtype == "float32" for a in arrays) else ("float32",):
                    if dtype == "float32" or layout in ("contiguous", "strided"):
                        yield sample, layout, dtype


def flat(args):
    """The arguments with lists opened."""
    for a in args:
        if isinstance(a, (list, tuple)):
            yield from a
        else:
            yield a


def parse_rows():
    """{name with overload: (schema, flags, doc, has a backward)} of all rows in C."""
    return {row[0].split("(")[0]: row for row in _C.rows()}


ROWS = parse_rows()


def build(sample, layout, dtype, make, dtype_of, seed=0):
    """(args, kwargs) of a sample: `make` turns arrays into tensors, `dtype_of` names into dtypes."""
    rng = np.random.default_rng(seed)
    position = iter(range(100))

    def value(a):
        if isinstance(a, Array):
            return make(lay_out(a.values(rng, dtype), layout, next(position)), a)
        if isinstance(a, (list, tuple)):
            return type(a)(value(x) for x in a)
        return dtype_of(a.name) if isinstance(a, D) else a
    return [value(a) for a in sample.args], {k: value(v) for k, v in sample.kwargs.items()}


def build_pycnn(sample, layout="contiguous", dtype="float32", grad=True, seed=0):
    """The same, of pycnn Tensors, with requires_grad where a gradient is wanted."""
    count = iter(range(100))

    def make(x, a):
        t = pycnn.from_numpy(x)
        if layout == "private" or (layout == "half_private" and next(count) == 0):
            t = private(t) if x.ndim == 4 and x.dtype == np.float32 and x.size else t
        if grad and a.grad and x.dtype.kind == "f":
            t.requires_grad_(True)
        return t
    return build(sample, layout, dtype, make, lambda name: getattr(pycnn, name), seed)


def tensors(result):
    """The tensors of a result, as a list."""
    return list(result) if isinstance(result, (tuple, list)) else [result]


# ---- builders of samples ------------------------------------------------------------------------------------------

SHAPES = [(3, 4), (2, 5, 4, 3), (), (1,), (0, 3), (65, 33)]


def unary(low=None, high=None, **kwargs):
    """One array in several shapes, normal or from `low` to `high`."""
    make = N if low is None else lambda *shape: U(low, high, *shape)
    return [S(make(*shape), **kwargs) for shape in SHAPES]


def binary(low=None, high=None, numbers=(2, 0.75), **kwargs):
    """Two arrays that broadcast to each other, and an array with a number."""
    make = N if low is None else lambda *shape: U(low, high, *shape)
    pairs = [((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((2, 5, 4, 3), (2, 5, 4, 3)),
             ((2, 5, 4, 3), (5, 1, 1)), ((), (3,)), ((4,), ()), ((0, 3), (3,)), ((1,), (1,)), ((70, 33), (33,))]
    return [S(make(*a), make(*b), **kwargs) for a, b in pairs] + [S(make(3, 4), n, **kwargs) for n in numbers]
