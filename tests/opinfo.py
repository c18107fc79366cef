"""The table of operators: one row each, from which tests/test_ops.py and tests/parity/test_ops_against_torch.py follow.

A row: ``op("name", [samples], ...)``. A sample is ``S(*args, **kwargs)``: the arguments of one call, in which
``N(3, 4)``, ``U(low, high, 3, 4)``, ``Z(low, high, 3, 4)`` and ``B(3, 4)`` stand for arrays (normal, uniform, integers,
bools), ``Values([1, 2])`` for given ones and
``D("int64")`` for a dtype. Float arrays are tried in several layouts; the first dtype of the row is float32. Everything
else has defaults; see :class:`Op`. Overloads have rows of their own, named as in their schema: ``op("max.dim", ...)``.
"""

import numpy as np

import pycnn
from pycnn import _C

FUNCTION, METHOD, NN, INPLACE, PRIVATE, NOGRAD, WRITES, FACTORY = (1 << k for k in (16, 17, 18, 19, 21, 22, 23, 24))

OPS = {}      # name -> Op
PENDING = {}  # rows that still wait for a line here: name of the row -> family


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


def op(name, samples, **options):
    """Add a row, or several of the same kind: op("eq ne", ...)."""
    for one in name.split():
        assert one not in OPS, f"two rows for {one}"
        OPS[one] = Op(one, samples, **options)


def pending(family, names):
    """Rows in C that their authors have yet to describe here."""
    PENDING.update(dict.fromkeys(names.split(), family))


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


# ---- arithmetic ---------------------------------------------------------------------------------------------------

ALL_DTYPES = ("float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8")
MISFITS = [S(N(3), N(4)), S(N(2, 3), N(3, 3))]

op("add", binary() + binary(alpha=2.5, numbers=()) + [S(B(3), B(3)), S(Z(0, 9, 3), 2.5),
   S(Z(0, 9, 3, dtype="uint8"), Z(-9, 9, 3, dtype="int8")), S(2, N(3))], dtypes=ALL_DTYPES[:3] + ("int64",),
   errors=MISFITS + [S(Z(0, 9, 3), Z(0, 9, 3), alpha=0.5), S(N(3), N(3), alpha=True)])
op("sub subtract", binary() + binary(alpha=-2, numbers=()) + [S(2, N(3))], dtypes=ALL_DTYPES, errors=MISFITS
   + [S(B(3), B(3)), S(B(3), True), S(B(3), 1)])
op("rsub", [S(N(3, 4), N(4)), S(N(3, 4), 2), S(N(2, 5, 4, 3), N(2, 5, 4, 3), alpha=0.5)], errors=MISFITS)
op("mul multiply", binary() + [S(B(3), B(3)), S(B(3), 2), S(0.5, N(3)),
   S(Z(0, 99, 5, dtype="uint8"), Z(0, 99, 5, dtype="uint8"))], dtypes=ALL_DTYPES, errors=MISFITS)
ROUNDING = {0: None, 1: "trunc", 2: "floor"}
op("div divide", binary(0.5, 3) + binary(0.5, 3, rounding_mode=1) + binary(0.5, 3, rounding_mode=2) + [S(B(3), B(3)),
   S(2, U(1, 2, 3))], torch=lambda t, a, b, rounding_mode=0: t.div(a, b, rounding_mode=ROUNDING[rounding_mode]),
   dtypes=ALL_DTYPES[:2] + ALL_DTYPES[3:], errors=MISFITS + [S(Z(0, 9, 3), 0, rounding_mode=1)])
op("true_divide", binary(0.5, 3), dtypes=ALL_DTYPES)
op("floor_divide", [S(U(-9, 9, 40), U(0.5, 3, 40)), S(Z(-9, 9, 40), Z(1, 4, 40)), S(Z(-9, 9, 40), -2), S(N(3, 4), 0.3)],
   grad=False, errors=[S(Z(0, 9, 3), 0), S(B(3), B(3))])
op("remainder", [S(U(-9, 9, 40), U(0.5, 3, 40)), S(U(-9, 9, 2, 3, 4, 5), U(-3, -0.5, 3, 1, 1)), S(Z(-9, 9, 40), -4),
   S(U(-9, 9, 9), 2.5)], atol=4e-6, grad_factor=20, errors=[S(Z(0, 9, 3), 0), S(B(3), B(3))])
op("fmod", [S(U(-9, 9, 40), U(0.5, 3, 40)), S(U(-9, 9, 2, 3, 4, 5), U(-3, -0.5, 3, 1, 1)), S(Z(-9, 9, 40), -4),
   S(U(-9, 9, 9), 2.5)], atol=4e-6, grad_factor=20, errors=[S(Z(0, 9, 3), 0)])
op("pow", binary(0.2, 3, numbers=(0, 1, 2, 3, 0.5, -0.5, -1, -2, 1.7)) + [S(2.5, N(5)), S(Z(-4, 5, 9), 3),
   S(Z(-4, 5, 9), Z(0, 4, 9)), S(N(9), 2), S(Values([-1.0, 0.0, 0.0, 2.0]), Values([2.0, 0.0, 2.0, 0.0]))], rtol=4e-6,
   grad_factor=8, errors=MISFITS + [S(Z(1, 9, 3), -1), S(B(3), B(3))])
TIES = [S(Values([1.0, 2, 3, 2]), Values([2.0, 2, 1, float("nan")])), S(Values([float("nan"), 1]), Values([0.0, 1]))]
op("maximum minimum fmax fmin", binary(numbers=()) + TIES + [S(Z(0, 9, 3, 4), Z(0, 9, 4)), S(B(3), B(3))],
   errors=MISFITS)
op("clamp clip", [S(N(3, 4), -0.5, 0.5), S(N(2, 5, 4, 3), min=0.1), S(N(70, 40), max=0.2), S(N(3), 2, 1),
   S(Z(0, 9, 5), 2, 6), S(Z(0, 9, 5), 1.5), S(N(3, 4), N(4), N(3, 1)), S(N(3, 4), min=N(3, 4)), S(N(2, 3), max=N(3)),
   S(Values([0.0, 1, 2, 3, 4, float("nan")]), Values([1.0, 1, 1, 3, 3, 1]), Values([3.0, 1, 2, 3, 1, 2])),
   S(Values([-1.0, 0, 1, float("nan")]), -1, 1)], errors=[S(N(3))])
op("clamp_min", [S(N(3, 4), 0), S(N(3, 4), N(4)), S(Z(0, 9, 5), 3)])
op("clamp_max", [S(N(3, 4), 0), S(N(3, 4), N(4)), S(Z(0, 9, 5), 3)])
op("where", [S(B(3, 4), N(3, 4), N(3, 4)), S(B(3, 1), N(4), 2), S(B(4), 1.5, N(3, 1)), S(B(3), 1, 2),
   S(B(3), Z(0, 9, 3), 2.5), S(B(2, 5, 4, 3), N(2, 5, 4, 3), N(5, 1, 1)), S(B(0, 3), N(0, 3), N(3)),
   S(B(300, 300), N(300, 300), 0)], errors=[S(N(3), N(3), N(3)), S(B(3), N(4), N(3))])
op("masked_fill", [S(N(3, 4), B(3, 4), 2.5), S(N(3, 4), B(4), Values(3.0)), S(Z(0, 9, 5), B(5), 7),
   S(N(2, 5, 4, 3), B(4, 1), float("-inf"))], errors=[S(N(3), N(3), 1), S(N(3), B(3), N(3)),
   S(Z(0, 9, 3, dtype="uint8"), B(3), 300)])
op("lerp", [S(N(3, 4), N(4), 0.3), S(N(3, 4), N(3, 4), 0.8), S(N(3, 4), N(3, 1), U(0, 1, 4)),
   S(N(2, 5, 4, 3), N(2, 5, 4, 3), 0.5)], errors=[S(Z(0, 9, 3), Z(0, 9, 3), 0.5), S(N(3), Z(0, 9, 3), 0.5),
   S(N(3), N(4), 0.5)])
op("addcmul", [S(N(3, 4), N(4), N(3, 1)), S(N(2, 5, 4, 3), N(2, 5, 4, 3), N(5, 1, 1), value=0.3),
   S(Z(0, 9, 3), Z(0, 9, 3), Z(0, 9, 3), value=2)], errors=[S(N(3), N(4), N(3))])
op("addcdiv", [S(N(3, 4), N(4), U(0.5, 2, 3, 1)), S(N(2, 5, 4, 3), N(2, 5, 4, 3), U(0.5, 2, 5, 1, 1), value=0.3)],
   errors=[S(N(3), N(4), N(3))])
op("atan2", binary(numbers=()) + [S(Z(-3, 3, 5), Z(1, 3, 5))])

# ---- functions of one operand -------------------------------------------------------------------------------------

SPECIAL = [S(Values([0.0, -0.0, 1, -1, float("inf"), float("-inf"), float("nan"), 1e-40, 3e38, -3e38]))]
INTEGERS = [S(Z(0, 9, 5)), S(Z(0, 9, 5, dtype="uint8")), S(B(5))]

op("exp exp2 expm1 sin cos tan atan sinh cosh tanh sigmoid erf", unary(-3, 3) + SPECIAL + INTEGERS, rtol=5e-6,
   grad_factor=5)
op("log log2 log10 log1p sqrt rsqrt reciprocal", unary(0.05, 4) + SPECIAL + INTEGERS, rtol=4e-6, grad_factor=4)
op("asin acos", unary(-0.9, 0.9) + INTEGERS[:1])
op("square abs absolute sign", unary() + SPECIAL + INTEGERS[:2], dtypes=ALL_DTYPES)
op("neg negative", unary() + SPECIAL + INTEGERS[:2], dtypes=ALL_DTYPES, errors=[S(B(3))])
op("floor ceil trunc", unary(-9, 9) + SPECIAL + INTEGERS[:2], errors=[S(B(3))])
op("round", unary(-9, 9) + SPECIAL + INTEGERS[:2] + [S(Values([0.5, 1.5, 2.5, -0.5])), S(U(-9, 9, 40), decimals=2),
   S(U(-900, 900, 40), decimals=-1)], errors=[S(B(3))])
op("frac", unary(-9, 9), errors=[S(Z(0, 9, 3))])
# torch forgets that its logical functions in place end a graph
op("isnan isinf isfinite logical_not", unary() + SPECIAL + INTEGERS, inplace_grad=False)
op("bitwise_not", INTEGERS + [S(Z(-9, 9, 3, 4, dtype="int32"))], errors=[S(N(3))])

CURVE = unary(-6, 6) + [S(Values([0.0, -0.0, 3, -3, 1, -1, 6, 30, -30, 100]))]
op("leaky_relu", CURVE + unary(-6, 6, negative_slope=0.2)[:2], errors=[S(Z(0, 9, 3))])
op("elu celu", CURVE + unary(-6, 6, alpha=0.5)[:2], rtol=4e-6, errors=[S(Z(0, 9, 3))])
op("selu silu mish logsigmoid", CURVE, rtol=4e-6, atol=2e-6)
op("hardswish hardsigmoid", CURVE, rtol=4e-6)
op("relu6", CURVE + INTEGERS[:1])
op("hardtanh", CURVE + unary(-6, 6, min_val=-2, max_val=0.5)[:2] + INTEGERS[:1])
op("threshold", [S(N(3, 4), 0.1, 20), S(N(2, 5, 4, 3), -0.5, 7.0), S(Z(0, 9, 5), 3, 1)])
op("softplus", CURVE + unary(-6, 6, beta=2, threshold=3)[:2], rtol=4e-6)
op("gelu", CURVE + unary(-6, 6, approximate=1)[:2], rtol=1e-5, atol=2e-6, torch=lambda t, x,
   approximate=0: t.nn.functional.gelu(x, approximate=("none", "tanh")[approximate]))
op("prelu", [S(N(3, 4), N(4)), S(N(3, 4), N(1)), S(N(2, 5, 4, 3), N(5)), S(N(), N(1)), S(N(4), N(1)), S(N(0, 3), N(3))],
   errors=[S(N(2, 3), N(2)), S(N(2, 3), N(3, 1)), S(N(3), N(2))])

# ---- comparisons --------------------------------------------------------------------------------------------------

PAIRS = binary() + [S(Z(0, 3, 9), Z(0, 3, 9)), S(Z(0, 3, 9), 1), S(Z(0, 3, 9), 1.5), S(B(9), B(9)),
    S(Z(0, 3, 9, dtype="uint8"), Z(0, 3, 9)),
    S(Values([1.0, float("nan"), float("inf")]), Values([1.0, float("nan"), float("inf")]))]
op("eq ne lt le gt ge not_equal less less_equal greater greater_equal", PAIRS, errors=MISFITS, dtypes=ALL_DTYPES)
op("logical_and logical_or logical_xor", [S(B(3, 4), B(4)), S(Z(0, 2, 9), Z(0, 2, 9)), S(N(3, 4), Z(0, 2, 4))],
   errors=MISFITS, inplace_grad=False)
op("bitwise_and bitwise_or bitwise_xor", [S(B(3, 4), B(4)), S(Z(0, 9, 9), Z(0, 9, 9)), S(Z(0, 9, 9, dtype="uint8"), 3),
   S(3, Z(0, 9, 9))], errors=[S(N(3), N(3))])
NEAR = [S(Values([1.0, 2, float("inf"), float("nan"), 0]), Values([1.00001, 2.1, float("inf"), float("nan"), 1e-9])),
    S(Z(0, 4, 9), Z(0, 4, 9))]
op("isclose", NEAR + [S(N(3, 4), N(4), rtol=0.5, atol=0.5), S(NEAR[0].args[0], NEAR[0].args[1], equal_nan=True)],
   errors=[S(N(3), Z(0, 9, 3)), S(N(3), N(3), rtol=-1.0)])
op("_allclose", NEAR + [S(N(3), N(3), rtol=9.0, atol=9.0)], torch=lambda t, *a, **k: t.tensor(t.allclose(*a, **k)))
op("_equal", NEAR + [S(N(3), N(4)), S(Values([1.0, 2]), Values([1.0, 2])), S(N(0), N(0))], torch=lambda t,
   *a: t.tensor(t.equal(*a)))

# ---- creation -----------------------------------------------------------------------------------------------------

SIZES = [S((2, 3)), S(()), S((0, 4)), S((2, 3), dtype=D("int64")), S((3,), dtype=D("bool")),
    S((3,), dtype=D("float16")), S(4, 5)]
LIKES = [S(N(3, 4)), S(N(2, 5, 4, 3)), S(Z(0, 9, 3)), S(N(3, 4), dtype=D("int32")), S(N())]
op("zeros ones", SIZES, errors=[S((2, -1))])
op("empty", SIZES, values=False, errors=[S((2, -1))])
op("full", [S((2, 3), 5), S((2, 3), 2.5), S((), True), S((3,), 2, dtype=D("uint8"))],
   errors=[S((2,), 300, dtype=D("uint8"))])
op("zeros_like ones_like", LIKES)
op("empty_like", LIKES, values=False)
op("full_like", [S(N(3, 4), 2), S(N(2, 5, 4, 3), 1.5, dtype=D("float64")), S(Z(0, 9, 3), 7)])
op("new_zeros new_ones", [S(N(3), (2, 2)), S(Z(0, 9, 3), (2,)), S(N(3), (2,), dtype=D("int64"))])
op("new_empty", [S(N(3), (2, 2))], values=False)
op("new_full", [S(N(3), (2, 2), 7), S(N(3), (2,), 1.5, dtype=D("float64"))])
op("eye", [S(3), S(3, 5), S(4, 2, dtype=D("int64")), S(0)], errors=[S(-1), S(2, -1)])
op("arange", [S(5), S(2.5), S(True), S(7, dtype=D("float32"))])
op("arange.start", [S(2, 9), S(2, 9, 3), S(5, 0, -2), S(0.0, 1, 0.3), S(-7.7, 300, 0.013),
   S(0, 3, 0.5, dtype=D("int64")), S(0.3, 300, 0.1, dtype=D("float64"))], errors=[S(1, 0), S(0, 1, 0),
   S(0, float("inf"))])
op("linspace", [S(0, 1, 5), S(-3, 7, 1000), S(0.3, -5.7, 77), S(1, 2, 1), S(0, 1, 0), S(0, 10, 5, dtype=D("int64")),
   S(0, 0.9, 31, dtype=D("float64"))], errors=[S(0, 1, -1)])
op("fill_", [S(N(3, 4), 2.5), S(Z(0, 9, 3), 2.7), S(B(3), 2), S(N(3), Values(1.5))], errors=[S(N(3), N(3)),
   S(Z(0, 9, 3, dtype="uint8"), 300)])
op("zero_", LIKES[:3])
op("copy_", [S(N(3, 4), N(4)), S(N(2, 5, 4, 3), N(2, 5, 4, 3)), S(Z(0, 9, 3), N(3)), S(N(3), Z(0, 9, 3)), S(N(3), 2)],
   errors=[S(N(3), N(4)), S(N(3), N(2, 3))])
op("clone", LIKES[:3] + [S(N(4, 5, 6))])
op("_cast", [S(N(3, 4), D("float64")), S(N(2, 5, 4, 3), D("int64")), S(Z(0, 300, 9), D("uint8")), S(N(9), D("bool")),
   S(N(9), D("float16")), S(B(3), D("float32"))], torch=lambda t, x, dtype: x.to(dtype), dtypes=("float32",))
op("_contiguous", [S(N(3, 4)), S(N(2, 5, 4, 3)), S(N(2, 5, 4, 3), True), S(N(0, 5, 4, 3), True)], torch=lambda t, x,
   last=False: x.contiguous(memory_format=t.channels_last if last else t.contiguous_format))
op("tril triu", [S(N(4, 5)), S(N(2, 3, 4), 1), S(N(5, 3), -2), S(N(2, 5, 4, 3), 9), S(Z(0, 9, 4, 4)), S(N(0, 3))],
   errors=[S(N(3))])
op("one_hot", [S(Z(0, 4, 5)), S(Z(0, 4, 2, 3), 6), S(Z(2, 3), 4)], errors=[S(N(3)), S(Z(3, 4, 2), 2), S(Z(-2, -1, 3))])

# ---- convolution, pooling, ReLU -----------------------------------------------------------------------------------

CONV_ERRORS = [S(N(5, 5), N(4, 3, 3, 3)), S(N(1, 2, 5, 5), N(4, 3, 3, 3)), S(N(1, 3, 5, 5), N(4, 3, 3, 3), N(5)),
               S(N(1, 3, 5, 5), N(4, 3, 7, 7)), S(N(1, 3, 5, 5), N(4, 3, 3, 3), stride=0),
               S(N(1, 3, 5, 5), N(4, 3, 3, 3), padding=-1), S(N(1, 3, 5, 5), N(4, 3, 3, 3), dilation=0),
               S(N(1, 3, 5, 5), N(4, 3, 3, 3), stride=(1, 1, 1)), S(Z(0, 9, 1, 3, 5, 5, dtype="uint8"), N(4, 3, 3, 3), N(4))]
CONV_SIZE = dict(rtol=1e-5, atol=2e-5)
op("conv2d", [S(N(2, 3, 5, 6), N(4, 3, 3, 3), N(4)), S(N(2, 3, 8, 8), N(33, 3, 3, 3), N(33), padding=1),
              S(N(2, 4, 7, 6), N(6, 2, 3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2),
              S(N(1, 8, 9, 7), N(8, 1, 3, 3), N(8), padding=1, groups=8), S(N(3, 16, 4, 4), N(40, 16, 1, 1)),
              S(N(3, 16, 5, 4), N(20, 16, 1, 1), N(20), stride=2), S(N(3, 5, 6), N(4, 3, 3, 3), N(4)),
              S(N(0, 3, 5, 5), N(4, 3, 3, 3), N(4)), S(N(1, 1, 1, 1), N(1, 1, 1, 1)), S(Z(0, 9, 2, 3, 5, 5), Z(0, 9, 4, 3, 3, 3))],
   errors=CONV_ERRORS, **CONV_SIZE)
op("conv1d", [S(N(2, 3, 9), N(4, 3, 3), N(4)), S(N(2, 4, 9), N(6, 2, 3), stride=2, padding=1, dilation=2, groups=2),
              S(N(3, 9), N(4, 3, 2))], errors=[S(N(3), N(4, 3, 3)), S(N(1, 2, 5), N(4, 3, 3)), S(N(1, 3, 5), N(4, 3, 7))], **CONV_SIZE)
op("conv_transpose2d", [S(N(2, 3, 5, 6), N(3, 4, 3, 3), N(4)), S(N(2, 4, 5, 3), N(4, 3, 3, 2), N(6), stride=2, padding=1, output_padding=1, groups=2),
                        S(N(2, 3, 4, 4), N(3, 2, 3, 3), stride=(1, 3), dilation=2), S(N(3, 4, 4), N(3, 2, 1, 1))],
   errors=[S(N(5, 5), N(3, 4, 3, 3)), S(N(1, 2, 5, 5), N(3, 4, 3, 3)), S(N(1, 3, 5, 5), N(3, 4, 3, 3), output_padding=1),
           S(N(1, 3, 1, 1), N(3, 4, 1, 1), padding=1)], **CONV_SIZE)

POOLED = [S(N(2, 5, 8, 6), 2), S(N(2, 17, 7, 9), 3, 2, 1), S(N(1, 3, 6, 7), (2, 3), (1, 2), (1, 1)), S(N(3, 4, 5), 2), S(N(0, 3, 4, 4), 2)]
POOL_ERRORS = [S(N(1, 3, 2, 2), 4), S(N(1, 3, 2, 2), 0), S(N(1, 3, 4, 4), 2, 2, 2), S(N(1, 3, 4, 4), (2, 2, 2)), S(N(1, 3, 0, 4), 2),
               S(B(1, 3, 4, 4), 2)]
op("max_pool2d", POOLED + [S(N(2, 5, 9, 9), 3, 1, 0, 2), S(N(2, 5, 7, 7), 2, ceil_mode=True), S(N(1, 2, 40, 20), 20), S(Z(0, 9, 2, 3, 4, 4), 2)],
   dtypes=("float32", "float64", "float16"), errors=POOL_ERRORS)
op("max_pool2d_with_indices", POOLED + [S(N(2, 5, 9, 9), 3, 1, 0, 2)], errors=POOL_ERRORS)
op("avg_pool2d", POOLED + [S(N(2, 5, 7, 7), 2, ceil_mode=True), S(N(2, 5, 7, 7), 3, 2, 1, count_include_pad=False),
                           S(N(2, 5, 7, 7), 3, divisor_override=2)], errors=POOL_ERRORS + [S(N(1, 3, 4, 4), 2, divisor_override=0)])
op("max_pool1d avg_pool1d", [S(N(2, 3, 9), 2), S(N(2, 3, 9), 3, 2, 1), S(N(3, 9), 2)], errors=[S(N(1, 1, 3, 4), 2), S(N(1, 3, 4), 5)])
ADAPTED = [S(N(2, 5, 8, 6), (1, 1)), S(N(2, 17, 7, 5), (3, 4)), S(N(1, 3, 3, 4), (5, 2)), S(N(3, 6, 6), (2, 3))]
ADAPTED_ERRORS = [S(N(4, 4), (2, 2)), S(N(1, 3, 4, 4), (-1, 2)), S(N(1, 3, 0, 4), (2, 2)), S(Z(0, 9, 1, 3, 4, 4), (2, 2))]
op("adaptive_avg_pool2d", ADAPTED, errors=ADAPTED_ERRORS)
op("adaptive_max_pool2d adaptive_max_pool2d_with_indices", ADAPTED, errors=ADAPTED_ERRORS)
op("adaptive_avg_pool1d", [S(N(2, 3, 9), 4), S(N(3, 9), 1)])
op("relu", unary() + SPECIAL + INTEGERS[:2] + [S(Z(-9, 9, 5))], dtypes=ALL_DTYPES, errors=[S(B(3))])

# ---- rows to come: replace a name here by a line in a group of its own ----------------------------------------------

pending("random", "rand randn randint.low randint randperm rand_like randn_like randint_like.low randint_like "
        "normal.tensors normal.mean normal.std normal.size bernoulli bernoulli.p multinomial uniform_ normal_ "
        "random_.from random_.to random_ bernoulli_.tensor bernoulli_ exponential_")
pending("dropout", "dropout feature_dropout")
pending("linear", "linear")
pending("matmul", "matmul mm bmm mv dot vdot outer ger addmm addmv baddbmm")
pending("softmax", "softmax log_softmax")
pending("loss", "cross_entropy_loss nll_loss mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy "
        "binary_cross_entropy_with_logits kl_div")
pending("norm", "batch_norm layer_norm group_norm")
pending("shape", "view reshape view_as reshape_as flatten ravel unflatten squeeze squeeze.dims unsqueeze transpose "
        "swapaxes swapdims permute movedim moveaxis t expand expand_as broadcast_to _broadcast_tensors _meshgrid "
        "narrow select slice split split.sizes split_with_sizes chunk tensor_split tensor_split.indices "
        "unbind as_strided diagonal unfold detach cat concat concatenate stack hstack vstack repeat tile flip "
        "fliplr flipud roll rot90 constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d "
        "replication_pad1d replication_pad2d replication_pad3d _pad_circular pixel_shuffle pixel_unshuffle")
pending("reduce", "sum sum.dim mean mean.dim prod prod.dim_int any any.dims all all.dims count_nonzero max max.dim "
        "max.other min min.dim min.other amax amin aminmax argmax argmin norm logsumexp cumsum cumprod")
pending("index", "_index _index_put_ index_select gather take_along_dim take scatter.src scatter.value scatter_add "
        "index_fill index_add index_copy masked_select nonzero nonzero.numpy where.condition")
pending("reduce", "std std.correction std.dim std_mean std_mean.correction std_mean.dim var var.correction var.dim "
        "var_mean var_mean.correction var_mean.dim")
pending("sort", "sort argsort topk kthvalue median.dim _unique")
