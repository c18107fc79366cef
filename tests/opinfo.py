"""The table of operators: one row each, from which tests/test_ops.py and tests/parity/test_ops_against_torch.py follow.

A row: ``op("name", [samples], ...)``. A sample is ``S(*args, **kwargs)``: the arguments of one call, in which
``N(3, 4)``, ``U(low, high, 3, 4)``, ``Z(low, high, 3, 4)`` and ``B(3, 4)`` stand for arrays (normal, uniform, integers,
bools), ``Values([1, 2])`` for given ones and ``D("int64")`` for a dtype. Float arrays are tried in several layouts; the
first dtype of the row is float32. Everything else has defaults; see :class:`opsample.Op`. Overloads have rows of their
own, named as in their schema: ``op("max.dim", ...)``.
"""

import numpy as np

from opsample import B, binary, D, N, Op, ROUNDING, S, SHAPES, U, unary, Values, Z

OPS = {}  # name -> Op


def op(name, samples, **options):
    """Add a row, or several of the same kind: op("eq ne", ...)."""
    for one in name.split():
        assert one not in OPS, f"two rows for {one}"
        OPS[one] = Op(one, samples, **options)


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
op("erfc", unary(-3, 3) + INTEGERS, rtol=5e-6)
op("erfinv", unary(-0.95, 0.95) + INTEGERS[:1], rtol=1e-5)
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

# ---- shapes -------------------------------------------------------------------------------------------------------

VIEWED = ("float32", "int64")
CUBE, IMAGES = N(2, 3, 4), N(2, 5, 4, 3)


def over(arrays, *args, **kwargs):
    """The same arguments behind each array."""
    return [S(a, *args, **kwargs) for a in arrays]


FLAT = [S(N(3, 4), (4, 3)), S(N(3, 4), (-1,)), S(IMAGES, (2, -1)), S(IMAGES, (2, 5, 12)), S(N(), (1, 1)),
   S(N(0, 3), (3, 0)), S(N(1, 3, 1), (3,)), S(N(3, 4), (2, -1, 3)), S(N(6, 4), (2, 3, 4))]
op("view", FLAT, dtypes=VIEWED, layouts=("contiguous",), errors=[S(N(3, 4), (5, 3)), S(N(3, 4), (-1, -1)),
   S(N(3, 4), (-2, 6)), S(N(0), (-1, 0))])
op("reshape", FLAT, dtypes=VIEWED, errors=[S(N(3, 4), (7,)), S(N(3, 4), (-1, -1)), S(N(0), (-1, 0))])
op("view_as reshape_as", [S(N(3, 4), N(2, 6)), S(IMAGES, N(2, 60))], layouts=("contiguous",), errors=[S(N(3), N(2))])
op("flatten", [S(IMAGES), S(IMAGES, 1), S(IMAGES, 1, 2), S(IMAGES, -2), S(N()), S(N(0, 3), 0), S(N(3, 4), 1, 1)],
   dtypes=VIEWED, errors=[S(N(3, 4), 1, 0), S(N(3, 4), 3)])
op("ravel", over([N(3, 4), IMAGES, N(), N(0, 3)]))
op("unflatten", [S(N(6, 4), 0, (2, 3)), S(N(2, 6), -1, (-1, 2)), S(IMAGES, 2, (2, 2))],
   errors=[S(N(3, 4), 0, (2, 2)), S(N(3, 4), 0, ()), S(N(3, 4), 2, (1,))])
op("squeeze", over([N(1, 3, 1), N(3, 4), N(), N(1, 1, 1), N(0, 1)]), dtypes=VIEWED)
op("squeeze.dims", [S(N(1, 3, 1), 0), S(N(1, 3, 1), (0, 2)), S(N(1, 3, 1), 1), S(N(3, 1), -1), S(N(1, 3, 1), ())],
   errors=[S(N(3, 4), 4), S(N(3, 4), (0, 0))])
op("unsqueeze", [S(N(3, 4), 0), S(N(3, 4), -1), S(IMAGES, 2), S(N(), 0)], dtypes=VIEWED,
   errors=[S(N(3), 2), S(N(3), -3)])
op("transpose swapdims swapaxes", [S(N(3, 4), 0, 1), S(IMAGES, 1, -1), S(N(), 0, -1), S(N(3, 4), 1, 1)], dtypes=VIEWED,
   errors=[S(N(3, 4), 0, 2)])
op("t", over([N(3, 4), N(3), N(), N(0, 3)]), errors=[S(CUBE)])
op("permute", [S(CUBE, (2, 0, 1)), S(IMAGES, (0, 2, 3, 1)), S(IMAGES, (-1, 0, -3, 2)), S(N(), ())], dtypes=VIEWED,
   errors=[S(N(3, 4), (0,)), S(N(3, 4), (0, 0)), S(N(3, 4), (0, 3))])
op("movedim moveaxis", [S(CUBE, 0, 2), S(IMAGES, (0, 1), (-1, -2)), S(IMAGES, 1, 0), S(CUBE, (), ())],
   errors=[S(CUBE, (0, 1), (1, 1)), S(CUBE, (0, 1), (1,)), S(CUBE, (0, 0), (1, 2)), S(CUBE, 0, 5)])
op("expand broadcast_to", [S(N(3, 1), (3, 4)), S(N(3), (2, 3)), S(N(), (2, 2)), S(N(1, 5, 1, 1), (2, 5, 4, 3)),
   S(N(3, 1), (-1, 2)), S(N(1, 3), (0, 3))], dtypes=VIEWED, errors=[S(N(3, 4), (3, 5)), S(N(3, 4), (3,)),
   S(N(3, 4), (-1, 3, 4))])
op("expand_as", [S(N(3, 1), N(2, 3, 4)), S(N(), N(3))], errors=[S(N(3), N(4))])
op("_broadcast_tensors", [S([N(3, 1), N(4)]), S([N(), N(2, 3), N(3)]), S([N(3)])], torch=lambda t,
   x: t.broadcast_tensors(*x), errors=[S([N(3), N(4)])])
op("_meshgrid", [S([N(3), N(4)]), S([N(3), N(4), N(2)], True), S([N()]), S([N(3), N(0)], True)], torch=lambda t, x,
   xy=False: t.meshgrid(*x, indexing="xy" if xy else "ij"))
op("narrow", [S(N(3, 4), 0, 1, 2), S(N(3, 4), -1, -2, 2), S(IMAGES, 1, 2, 3), S(N(3), 0, 3, 0)], dtypes=VIEWED,
   errors=[S(N(3, 4), 0, 4, 1), S(N(3, 4), 0, 2, 2), S(N(3, 4), 0, 0, -1), S(N(), 0, 0, 0)])
op("select", [S(N(3, 4), 0, 1), S(N(3, 4), -1, -1), S(IMAGES, 2, 3)], dtypes=VIEWED,
   errors=[S(N(3, 4), 0, 3), S(N(3, 4), 2, 0), S(N(), 0, 0)])
op("slice", [S(N(5, 4), 1, 4, 2), S(N(5, 4), None, -1, 1), S(IMAGES, 1, None, 3), S(N(5), 4, 2, 1),
   S(N(5), -99, 99, 7)], dtypes=VIEWED, torch=lambda t, x, *bounds: x[slice(*bounds)], pycnn=lambda p, x,
   *bounds: x[slice(*bounds)], errors=[S(N(3), 0, 3, 0), S(N(3), None, None, -1), S(N(), None, None, 1)])
op("split", [S(N(5, 4), 2), S(N(5, 4), 3, 1), S(IMAGES, 2, dim=1), S(N(0, 3), 1), S(N(0, 3), 0)], dtypes=VIEWED,
   errors=[S(N(3), 0), S(N(3), -1), S(N(3), 1, 3), S(N(), 1)])
op("split.sizes split_with_sizes", [S(N(5, 4), [1, 4]), S(N(5, 4), [1, 0, 3], -1), S(IMAGES, [3, 2], 1)],
   errors=[S(N(3), [1, 1]), S(N(3), [-1, 4])])
op("chunk", [S(N(5, 4), 2), S(N(5, 4), 3, 1), S(IMAGES, 9, dim=1), S(N(0, 3), 2)], errors=[S(N(3), 0), S(N(), 1)])
op("tensor_split", [S(N(5, 4), 2), S(N(5, 4), 3, 1), S(N(5), 7)], errors=[S(N(3), 0), S(N(), 1)])
op("tensor_split.indices", [S(N(5, 4), (1, 3)), S(N(5, 4), (1,), -1), S(N(5), (3, 2)), S(N(5), (-2, 9)), S(N(5), ())])
op("unbind", [S(N(3, 4)), S(IMAGES, 1), S(N(3, 4), -1), S(N(3, 0))], dtypes=VIEWED, errors=[S(N(3), 3), S(N())])
op("as_strided", [S(N(12), (3, 2), (4, 1)), S(N(12), (2, 3), (1, 1), 2), S(N(9), (2, 2, 3), (0, 2, 1)), S(N(4), (), ()),
   S(N(3, 4), (5,), (2,))], layouts=("contiguous",), errors=[S(N(4), (2, 2), (1,)), S(N(4), (3, 4), (4, 2)),
   S(N(4), (2,), (-1,)), S(N(4), (2,), (1,), -1)])
op("diagonal", [S(N(3, 4)), S(N(3, 4), 1), S(N(3, 4), -2), S(IMAGES, 0, 1, 3), S(CUBE, 1, -1, 0), S(N(3, 4), 9)],
   errors=[S(N(3, 4), 0, 0, 0), S(N(3, 4), 0, 0, 3), S(N())])
op("unfold", [S(N(7), 0, 3, 2), S(N(3, 6), -1, 2, 2), S(IMAGES, 2, 3, 1), S(N(), 0, 1, 1), S(N(4), 0, 0, 1)],
   torch=lambda t, x, *a: x.unfold(*a), errors=[S(N(3), 0, 4, 1), S(N(3), 0, 2, 0), S(N(3), 0, -1, 1)])
op("detach", over([N(3, 4), IMAGES, N()]))

# torch joins by the memory format of all, or of the first
op("cat concat concatenate", [S([N(3, 4), N(2, 4)]), S([N(3, 4), N(3, 1), N(3, 2)], 1), S([IMAGES, N(2, 1, 4, 3)], 1),
   S([N(3), Z(0, 9, 2)]), S([B(2), N(3)], -1), S([N(0), N(2, 3)]), S([N(3)]), S([N(2, 0), N(2, 3)], 1)], strides=False,
   dtypes=("float32", "float64", "float16", "uint8"), errors=[S([N(3, 4), CUBE]), S([N(3, 4), N(2, 3)]),
   S([N(3), N(3)], 2), S([N()]), S([])])
op("stack", [S([N(3, 4), N(3, 4)]), S([N(3), Z(0, 9, 3), N(3)], -1), S([IMAGES, IMAGES], 2), S([N(), N()])],
   strides=False, dtypes=VIEWED, errors=[S([]), S([N(3), N(2)]), S([N(3)], 4)])
op("hstack", [S([N(3, 4), N(3, 2)]), S([N(3), N(2)]), S([N(), N(2)]), S([IMAGES, IMAGES])], strides=False,
   errors=[S([]), S([N(3, 4), CUBE])])
op("vstack", [S([N(3, 4), N(1, 4)]), S([N(3), N(2, 3)]), S([N(), N()]), S([IMAGES, IMAGES])], strides=False,
   errors=[S([])])
op("repeat", [S(N(3, 4), (2, 3)), S(N(3), (2, 1, 2)), S(IMAGES, (1, 2, 1, 3)), S(N(), (2,)), S(N(3, 4), (0, 1)),
   S(N(3, 4), (1, 1))], dtypes=VIEWED, errors=[S(N(3, 4), (2,)), S(N(3), (-1,))])
op("tile", [S(N(3, 4), (2,)), S(N(3), (2, 2)), S(IMAGES, (2, 1)), S(N(), ())], errors=[S(N(3), (-1,))])
op("flip", [S(N(3, 4), (0,)), S(N(3, 4), (0, -1)), S(IMAGES, (3,)), S(N(3, 4), ()), S(N(0, 3), (1,))], strides=False,
   dtypes=("float32", "uint8", "float16"), errors=[S(N(3, 4), (0, 0)), S(N(3, 4), (3,))])
op("fliplr flipud", over([N(3, 4), IMAGES]), strides=False)
op("roll", [S(N(3, 4), 1), S(N(3, 4), (-2,), (1,)), S(IMAGES, (1, 2), (2, -1)), S(N(3), 7, 0), S(N(0, 3), 1, 0),
   S(N(), 1)], strides=False, errors=[S(N(3, 4), (1, 2), (0,)), S(N(3, 4), (1, 2)), S(N(3), 1, 5)])
op("rot90", [S(N(3, 4)), S(N(3, 4), 2), S(IMAGES, 3, (2, 3)), S(N(3, 4), -1, (1, 0)), S(N(3, 4), 4)], strides=False,
   errors=[S(N(3, 4), 1, (0, 0)), S(N(3, 4), 1, (0,)), S(N(3), 1, (0, 1))])
op("constant_pad_nd", [S(N(3, 4), (1, 2)), S(IMAGES, (1, 0, 2, 1), 2.5), S(N(3, 4), (-1, 2, 1, -1), -1), S(CUBE, ()),
   S(N(0, 3), (0, 0, 1, 1))], strides=False, dtypes=("float32", "int64", "uint8"),
   errors=[S(N(3), (1,)), S(N(3), (-5, 1)), S(N(3), (-4, 0))])
op("reflection_pad1d", [S(N(2, 5), (2, 1)), S(N(2, 3, 5), (4, 0)), S(N(2, 5), (-1, 2))], torch=lambda t, x,
   p: t.nn.functional.pad(x, p, "reflect"), errors=[S(N(2, 5), (5, 0)), S(N(1, 0, 4), (1, 1)), S(N(1, 2, 0), (1, 1))])
op("reflection_pad2d", [S(N(3, 4, 5), (2, 1, 1, 3)), S(IMAGES, (1, 1, 1, 2))], strides=False, torch=lambda t, x,
   p: t.nn.functional.pad(x, p, "reflect"), errors=[S(IMAGES, (3, 0, 0, 0))])
op("reflection_pad3d", [S(N(2, 3, 4, 5), (1, 2, 2, 0, 1, 1)), S(N(1, 2, 3, 4, 3), (2, 2, 1, 1, 2, 0))], strides=False,
   torch=lambda t, x, p: t.nn.functional.pad(x, p, "reflect"))
op("replication_pad1d", [S(N(2, 5), (2, 1)), S(N(2, 3, 5), (7, 0)), S(N(2, 5), (-1, 2))], torch=lambda t, x,
   p: t.nn.functional.pad(x, p, "replicate"))
op("replication_pad2d", [S(N(3, 4, 5), (2, 1, 1, 3)), S(IMAGES, (1, 4, 5, 2))], strides=False, torch=lambda t, x,
   p: t.nn.functional.pad(x, p, "replicate"))
op("replication_pad3d", [S(N(2, 3, 4, 5), (1, 2, 2, 0, 1, 1)), S(N(1, 2, 3, 4, 3), (2, 2, 1, 1, 2, 0))], strides=False,
   torch=lambda t, x, p: t.nn.functional.pad(x, p, "replicate"))
op("_pad_circular", [S(N(2, 3, 5), (2, 1)), S(IMAGES, (1, 3, 2, 0)), S(N(1, 2, 3, 4, 3), (1, 0, 2, 2, 1, 1))],
   strides=False, torch=lambda t, x, p: t.nn.functional.pad(x, p, "circular"), errors=[S(N(1, 2, 3), (4, 0))])
op("pixel_shuffle", [S(N(2, 8, 3, 5), 2), S(N(9, 2, 2), 3), S(N(1, 2, 4, 2, 3), 2), S(IMAGES, 1)], strides=False,
   errors=[S(N(1, 3, 2, 2), 2), S(N(3, 2), 2)])
RESIZED = [S(N(2, 3, 4, 5), [8, 10]), S(N(2, 3, 7, 9), [3, 4]), S(N(1, 2, 5, 6), [9, 4]), S(N(0, 2, 3, 3), [5, 5]),
           S(N(1, 1, 1, 1), [3, 2]),
           S(N(1, 2, 6, 5), [6, 5]), S(N(1, 2, 30, 4), [2, 9]), S(N(1, 1, 4, 5), [6, 7], scales_h=1.6, scales_w=1.5)]
NOT_RESIZED = [S(N(2, 3, 4), [2, 2]), S(N(1, 2, 3, 3), [0, 2]), S(N(1, 0, 3, 3), [2, 2]), S(N(1, 2, 3, 0), [2, 2])]


def aligned(samples, *corners):
    """The samples with align_corners."""
    return [S(*s.args, c, **s.kwargs) for s in samples for c in corners]


op("upsample_nearest2d", RESIZED, torch=lambda t, x, *a, **k: t.ops.aten.upsample_nearest2d(x, *a, **k), strides=False,
   errors=NOT_RESIZED)
op("_upsample_nearest_exact2d", RESIZED, torch=lambda t, x, *a, **k: t.ops.aten._upsample_nearest_exact2d(x, *a, **k),
   strides=False, errors=NOT_RESIZED)
op("upsample_bilinear2d", aligned(RESIZED, False, True),
   torch=lambda t, x, *a, **k: t.ops.aten.upsample_bilinear2d(x, *a, **k),
   strides=False, errors=aligned(NOT_RESIZED, False))
op("upsample_bicubic2d", aligned(RESIZED, False, True),
   torch=lambda t, x, *a, **k: t.ops.aten.upsample_bicubic2d(x, *a, **k),
   strides=False, atol=4e-6, errors=aligned(NOT_RESIZED, False))
BYTES = [S(Z(0, 256, 2, 3, 13, 17, dtype="uint8"), size, False) for size in ([5, 9], [20, 17], [13, 30], [26, 34])]
op("_upsample_bilinear2d_aa", aligned(RESIZED, False, True) + BYTES,
   torch=lambda t, x, *a, **k: t.ops.aten._upsample_bilinear2d_aa(x, *a, **k),
   strides=False, errors=aligned(NOT_RESIZED, False))
op("_upsample_bicubic2d_aa", aligned(RESIZED, False, True) + BYTES,
   torch=lambda t, x, *a, **k: t.ops.aten._upsample_bicubic2d_aa(x, *a, **k),
   strides=False, atol=4e-6, errors=aligned(NOT_RESIZED, False))
op("pixel_unshuffle", [S(N(2, 2, 4, 6), 2), S(N(1, 6, 6), 3)], strides=False,
   errors=[S(N(1, 3, 3, 2), 2), S(N(1, 3, 2, 3), 2)])

# ---- reductions ---------------------------------------------------------------------------------------------------

NUMBERS = ("float32", "float64", "int64", "uint8")
WHOLE = over([N(3, 4), IMAGES, N(), N(1), N(0, 3), N(70, 33), N(3, 70000)])
DIMS = [S(N(3, 4), 0), S(N(3, 4), -1, True), S(IMAGES, (0, 2, 3)), S(IMAGES, (1,), keepdim=True), S(IMAGES, (2, 3)),
   S(N(), 0), S(N(0, 3), 0), S(N(0, 3), 1), S(N(70, 33), 0), S(N(70, 33), 1), S(N(5, 40000), 0), S(N(5, 40000), 1),
   S(CUBE, None), S(CUBE, ())]
ONE_DIM = [S(N(3, 4), 0), S(N(3, 4), -1, True), S(IMAGES, 1), S(IMAGES, 3, keepdim=True), S(N(), 0), S(N(70, 33), 0),
   S(N(70, 33), 1), S(N(3, 0, 2), 0), S(N(3, 3000), 1), S(N(3000, 3), 0)]
TIED = [S(Values([[1.0, 3, 3, 0], [float("nan"), 1, float("nan"), 5], [2, 2, 2, 2]]), *a) for a in ((0,), (1,),
   (-1, True))]
BAD_DIMS = [S(N(3, 4), 5), S(N(3, 4), -3)]
op("sum", WHOLE + [S(B(9)), S(N(3), dtype=D("float64")), S(Z(0, 9, 3), dtype=D("float32"))], dtypes=NUMBERS, rtol=1e-5,
   strides=False)
op("sum.dim", DIMS + [S(N(3, 4), 0, dtype=D("float64")), S(B(3, 4), 1)], dtypes=NUMBERS, rtol=1e-5, atol=2e-5,
   strides=False, errors=BAD_DIMS + [S(N(3, 4), (0, 0))])
op("mean", WHOLE + [S(Z(0, 9, 5), dtype=D("float32"))], rtol=1e-5,
   errors=[S(Z(0, 9, 3)), S(B(3)), S(N(3), dtype=D("int64"))])
op("mean.dim", DIMS, rtol=1e-5, strides=False, errors=BAD_DIMS + [S(Z(0, 9, 3), 0)])
op("prod", over([N(3, 4), N(2, 2, 3), N(), N(0, 3), Z(1, 3, 4), Values([1.0, 0, 3]), Values([0.0, 0, 3])]), rtol=1e-5)
op("prod.dim_int", ONE_DIM[:6] + [S(Values([[1.0, 0, 3], [0, 0, 2], [1, 2, 3]]), 1), S(N(0, 3), 0)], rtol=1e-5,
   strides=False, errors=BAD_DIMS)
op("any all", over([B(3, 4), B(0), N(3), Z(0, 2, 9, dtype="uint8"), Values([0.0, -0.0]), Values([float("nan")])]))
op("any.dims all.dims", [S(B(3, 4), 0), S(B(3, 4), (0, 1)), S(N(3, 4), -1, True), S(Z(0, 2, 3, 3, dtype="uint8"), 1),
   S(B(0, 3), 0), S(B(2, 5, 4, 3), (1, 3)), S(B(3), None)], strides=False, errors=BAD_DIMS)
op("count_nonzero", [S(Z(0, 2, 3, 4)), S(Z(0, 2, 3, 4), 0), S(B(3, 4), (0, 1)), S(Values([0.0, -0.0, 1, float("nan")])),
   S(N(0, 3), 1)], strides=False, errors=BAD_DIMS)
op("max min", over([N(3, 4), IMAGES, N(), N(70, 330), N(3, 70000)]) + [S(t.args[0]) for t in TIED[:1]]
   + [S(Values([1.0, 3, 3])), S(B(3)), S(Z(0, 9, 9, dtype="uint8"))], dtypes=NUMBERS, errors=[S(N(0)), S(N(3, 0))])
op("max.dim min.dim", ONE_DIM + TIED + [S(B(3, 4), 0)], dtypes=NUMBERS, strides=False, errors=BAD_DIMS
   + [S(N(3, 0), 1)])
op("max.other min.other", [S(N(3, 4), N(4)), S(Values([1.0, float("nan"), 2]), Values([1.0, 2, 3])),
   S(Z(0, 9, 5), N(5))], errors=MISFITS)
op("amax amin", DIMS[:6] + DIMS[8:12] + TIED + [S(N(3, 4)), S(N(0, 3), 1)], strides=False, dtypes=NUMBERS,
   errors=BAD_DIMS + [S(N(0)), S(N(3, 0), 1)])
op("aminmax", over([N(3, 4), Values([2.0, 1, 2, 1])]) + [S(IMAGES, dim=1), S(N(3, 4), dim=-1, keepdim=True)],
   strides=False, errors=[S(N(0)), S(N(3, 0), dim=1)])
op("argmax argmin", ONE_DIM + TIED + over([N(3, 4), IMAGES, N(), N(70, 330), N(3, 70000)]) + [S(N(3, 4), keepdim=True)],
   dtypes=NUMBERS, strides=False, errors=BAD_DIMS + [S(N(0)), S(N(3, 0), 1), S(B(3))])
op("norm", over([N(3, 4), N(), N(0, 3), N(70, 33), Values([0.0, 0])])
   + [S(N(3, 4), p) for p in (1, 2, 3, 0.5, float("inf"), float("-inf"))]
   + [S(IMAGES, 2, (1, 3)), S(N(3, 4), 1, -1, True), S(N(3, 4), 2, 0, dtype=D("float64")), S(N(3, 4), float("inf"), 1)],
   rtol=1e-5, strides=False, errors=[S(Z(0, 9, 3)), S(N(0), float("inf")), S(N(3, 4), 2, 5)])
op("var", over([N(3, 4), IMAGES, N(70, 33)]) + [S(N(5), False)], rtol=1e-5, errors=[S(Z(0, 9, 3))])
op("var.dim", [S(N(3, 4), 0), S(N(3, 4), 1, False), S(IMAGES, (0, 2, 3), True, True), S(N(3, 40000), 1),
   S(N(40000, 3), 0)], rtol=1e-5, strides=False, errors=BAD_DIMS)
op("var.correction", [S(N(3, 4), 0, correction=0), S(N(5), correction=1.5),
   S(IMAGES, (0, 2, 3), correction=1, keepdim=True), S(N(), correction=0)], rtol=1e-5, strides=False)
op("std", over([N(3, 4), IMAGES, N(70, 33)]) + [S(N(5), False), S(Values([2.0, 2, 2]))], rtol=1e-5,
   errors=[S(Z(0, 9, 3))])
op("std.dim", [S(N(3, 4), 0), S(N(3, 4), 1, False), S(IMAGES, (0, 2, 3), True, True)], rtol=1e-5, strides=False,
   errors=BAD_DIMS)
op("std.correction", [S(N(3, 4), 0, correction=0), S(IMAGES, (1,), correction=2, keepdim=True)], rtol=1e-5,
   strides=False)
op("var_mean std_mean", over([N(3, 4), IMAGES]) + [S(N(5), False)], rtol=1e-5, errors=[S(Z(0, 9, 3))])
op("var_mean.dim std_mean.dim", [S(N(3, 4), 0), S(IMAGES, (0, 2, 3), False, True)], rtol=1e-5, strides=False)
op("var_mean.correction std_mean.correction", [S(N(3, 4), 0, correction=0), S(N(5), correction=2)], rtol=1e-5,
   strides=False)
op("logsumexp", [S(N(3, 4), 0), S(N(3, 4), (0, 1)), S(IMAGES, 1, True), S(U(900, 1000, 5), 0),
   S(Values([[float("-inf"), 0], [1, 2]]), 1), S(Z(0, 9, 3), 0), S(N(0, 3), 0), S(N(3, 5000), 1), S(N(5000, 3), 0)],
   rtol=1e-5, strides=False, errors=BAD_DIMS)
op("cumsum", [S(N(3, 4), 0), S(N(3, 4), -1), S(IMAGES, 1), S(N(), 0), S(N(0, 3), 0), S(B(5), 0), S(N(3, 5000), 1),
   S(N(3), 0, dtype=D("float64"))], dtypes=NUMBERS, rtol=1e-5, atol=1e-5, strides=False, errors=BAD_DIMS)
op("cumprod", [S(N(3, 4), 0), S(IMAGES, 1), S(N(), 0), S(N(0, 3), 0), S(Values([1.0, 2, 0, 3, 0, 4]), 0),
   S(Z(1, 3, 5), 0)], rtol=1e-5, strides=False, errors=BAD_DIMS)

# ---- indexing -----------------------------------------------------------------------------------------------------

# distinct elements: which of equal ones torch takes is not said
SHUFFLED = Values(np.random.default_rng(5).permutation(120).reshape(2, 5, 4, 3).astype("f"))
ROWS_OF = Z(0, 3, 5)


def indexed(p, x, *index):
    """t[index], of which None is a whole dimension, as in the row."""
    return x[tuple(slice(None) if i is None else i for i in index)]


def index_put(p, x, values, *index):
    """t[index] = values."""
    x[tuple(slice(None) if i is None else i for i in index)] = values
    return x


op("_index", [S(N(3, 4), ROWS_OF), S(N(3, 4), B(3, 4)), S(N(3, 4), None, Z(-4, 4, 2, 3)),
   S(N(3, 4), ROWS_OF, Z(0, 4, 5)), S(IMAGES, None, Z(0, 5, 2), Z(0, 4, 2)), S(IMAGES, Z(0, 2, 3, 1), None, Z(0, 4, 3)),
   S(IMAGES, B(2, 5)), S(IMAGES, None, B(5), None, Z(0, 3, 1)), S(N(3, 4), Z(0, 3, 0)), S(N(0, 4), B(0)),
   S(N(70, 33), Z(0, 70, 900)), S(N(3, 4), Z(0, 3, 2, dtype="int32"))],
   dtypes=("float32", "float64", "uint8", "float16"), strides=False, torch=indexed, pycnn=indexed,
   errors=[S(N(3, 4), Z(5, 6, 1)), S(N(3, 4), Z(-5, -4, 1)), S(N(3, 4), B(2)), S(N(3), Z(0, 1, 2), Z(0, 1, 2)),
   S(N(3, 4), Z(0, 1, 2), Z(0, 1, 3)), S(N(3, 4), N(2)), S(N(0, 4), Z(0, 1, 1))])
op("_index_put_", [S(N(3, 4), N(4), Z(0, 3, 1)), S(N(3, 4), 2.5, B(3, 4)), S(N(3, 4), N(1, 2), None, Values([0, 2])),
   S(IMAGES, N(2, 1, 3), Values([1, 0]), Values([3, 2])), S(N(3, 4), N(), B(3)), S(Z(0, 9, 5), 7, Values([0, 3])),
   S(N(3, 4), N(), Z(0, 3, 0))], torch=index_put, pycnn=index_put, errors=[S(N(3, 4), 1, Z(5, 6, 1)),
   S(N(3, 4), N(3), Values([0, 1]), Values([0, 1])), S(N(3), Z(0, 9, 2), Values([0, 1])), S(N(3, 4), N(3), B(2))])
op("index_select", [S(N(3, 4), 0, ROWS_OF), S(N(3, 4), -1, Z(0, 4, 0)), S(IMAGES, 1, Z(0, 5, 7)), S(N(), 0, Z(0, 1, 1)),
   S(N(3), 0, Values(1)), S(N(70, 33), 0, Z(0, 70, 200))], dtypes=("float32", "uint8"), strides=False,
   errors=[S(N(3, 4), 0, Values([5])), S(N(3, 4), 0, Values([-1])), S(N(3, 4), 0, Values([[0]])), S(N(3, 4), 0, N(1)),
   S(N(3, 4), 5, Values([0]))])
op("gather", [S(N(3, 4), 1, Z(0, 4, 3, 2)), S(N(3, 4), 0, Z(0, 3, 7, 2)), S(IMAGES, 1, Z(0, 5, 2, 2, 3, 3)),
   S(N(), 0, Values(0)), S(N(5), 0, Z(0, 5, 0))], dtypes=("float32", "int64"), strides=False,
   errors=[S(N(3, 4), 0, Z(0, 1, 2)), S(N(3, 4), 1, Z(0, 1, 4, 2)), S(N(3, 4), 1, Values([[4]])),
   S(N(3, 4), 1, Values([[-1]])), S(N(3, 4), 1, N(1, 1))])
op("take_along_dim", [S(N(3, 4), Z(0, 4, 3, 2), 1), S(N(3, 4), Z(0, 4, 1, 2), 1), S(N(3, 1), Z(0, 3, 2, 4), 0),
   S(N(3, 4), Z(0, 12, 5))], strides=False, layouts=("contiguous",),
   errors=[S(N(3, 4), Values([-1])), S(N(3, 4), Z(0, 1, 2), 1), S(N(3, 4), N(3, 1), 1)])
op("take", [S(N(3, 4), Z(-12, 12, 5)), S(IMAGES, Z(0, 120, 3, 4)), S(N(3), Values(1)), S(N(3), Z(0, 1, 0))],
   strides=False, errors=[S(N(3, 4), Values([12])), S(N(3, 4), N(1)), S(N(0), Values([0]))])
LANES = [(N(3, 4), 1, Values([[0, 1], [3, 2], [1, 0]])), (N(3, 4), 0, Values([[0, 2, 1, 0]])),
   (IMAGES, 1, Values(np.arange(24).reshape(1, 2, 4, 3) % 5)), (N(3), 0, Z(0, 1, 0))]
op("scatter.src", [S(*lane, N(*lane[2].shape)) for lane in LANES] + [S(N(3, 4), 1, Values([[0, 1]]),
   N(2, 3, grad=False)), S(N(), 0, Values(0), N())], strides=False,
   errors=[S(N(3, 4), 1, Values([[0, 1], [1, 2]]), N(1, 1)), S(N(3, 4), 1, Values([[4]]), N(1, 1)),
   S(N(3, 4), 1, Z(0, 1, 2), N(2)), S(N(3, 4), 1, Values([[0, 1]]), Z(0, 9, 1, 2)), S(N(3, 4), 1, N(1, 1), N(1, 1))])
op("scatter.value", [S(*lane, 2.5) for lane in LANES] + [S(Z(0, 9, 3, 4), 1, Values([[0, 1]]), 7)], strides=False,
   errors=[S(N(3, 4), 1, Values([[0, 5]]), 5), S(N(3, 4), 1, Z(0, 1, 1), 5), S(N(3, 4), 1, Z(0, 1, 4, 2), 5)])
op("scatter_add", [S(*lane, N(*lane[2].shape)) for lane in LANES] + [S(N(3, 4), 1, Values([[0, 0, 0]]),
   N(2, 3, grad=False))], strides=False, errors=[S(N(3, 4), 1, Values([[4]]), N(1, 1))])
op("index_fill", [S(N(3, 4), 0, Values([0, 2]), 7), S(IMAGES, -1, Values([-1]), 2.5), S(N(3, 4), 1, Z(0, 1, 0), 1),
   S(Z(0, 9, 5), 0, Values([1]), 3)], strides=False, errors=[S(N(3, 4), 0, Values([5]), 7),
   S(N(3, 4), 0, Values([[0]]), 7)])
op("index_add", [S(N(3, 4), 0, Values([0, 2, 0]), N(3, 4)), S(IMAGES, 1, Values([4, 4]), N(2, 2, 4, 3), alpha=0.5),
   S(N(3, 4), 1, Z(0, 1, 0), N(3, 0)), S(Z(0, 9, 5), 0, Values([1, 1]), Z(0, 9, 2), alpha=2)], strides=False,
   errors=[S(N(3, 4), 0, Values([0, 2]), N(2, 3)), S(N(3, 4), 0, Values([0, 2]), N(3, 4)),
   S(N(3, 4), 0, Values([0]), Z(0, 9, 1, 4)), S(N(3, 4), 0, Values([5]), N(1, 4))])
op("index_copy", [S(N(3, 4), 0, Values([0, 2]), N(2, 4)), S(IMAGES, 1, Values([4, 0]), N(2, 2, 4, 3)),
   S(N(3, 4), 1, Z(0, 1, 0), N(3, 0))], strides=False, errors=[S(N(3, 4), 0, Values([0, 2]), N(3, 4)),
   S(N(3, 4), 0, Values([5]), N(1, 4)), S(N(3, 4), 0, Values([0]), Z(0, 9, 1, 4))])
op("repeat_interleave", [S(N(3, 4), 2), S(N(3, 4), 3, 0), S(SHUFFLED, 2, dim=-1), S(N(), 2), S(N(3), 0),
   S(N(0, 3), 2, 0)], strides=False, errors=[S(N(3), -1), S(N(3), 2, 5)])
op("repeat_interleave.tensor", [S(N(3, 4), Values([1, 0, 2]), 0), S(N(3), Values([2, 0, 1])),
   S(N(3, 4), Values([2]), 1), S(N(3, 4), Values(3), 1), S(N(2), Z(0, 3, 2, dtype="int32"))], strides=False,
   errors=[S(N(3, 4), Values([1, 2]), 0), S(N(2), Values([1, -1])), S(N(2), N(2), 0)])
op("masked_select", [S(N(3, 4), B(3, 4)), S(N(3, 4), B(4)), S(N(4), B(3, 1)), S(IMAGES, B(2, 5, 4, 3)), S(N(), B()),
   S(N(0, 3), B(3))], dtypes=("float32", "int64"), errors=[S(N(3, 4), B(2)), S(N(3), N(3))])
op("nonzero", [S(B(3, 4)), S(Z(0, 2, 2, 5, 4, 3)), S(N()), S(Values(0.0)), S(N(0, 3)), S(B(70, 33))], strides=False)
op("nonzero.numpy", [S(B(3, 4), as_tuple=True), S(N(), as_tuple=True), S(N(0, 3), as_tuple=True)])
op("where.condition", [S(B(3, 4)), S(Z(0, 2, 5)), S(N())])

# ---- order --------------------------------------------------------------------------------------------------------

LINES = [S(N(3, 4)), S(SHUFFLED, 1), S(N(70, 33), 0), S(N(), 0), S(N(3, 0)), S(N(3, 700), -1),
   S(Values([2.0, float("nan"), -1, float("-inf"), float("inf")])), S(Values([[3, 1, 2], [5, 9, 4]])), S(N(3000))]
op("sort", LINES + [S(SHUFFLED, 2, True), S(N(20), descending=True, stable=True), S(Z(0, 3, 40), stable=True),
   S(Z(0, 3, 400), dim=0, descending=True, stable=True), S(B(9), stable=True)], dtypes=("float32", "float64"),
   strides=False, errors=[S(N(3, 4), 2)])
op("argsort", LINES + [S(SHUFFLED, 2, True), S(Z(0, 3, 40, dtype="uint8"), stable=True)], strides=False,
   errors=[S(N(3, 4), 2)])
op("topk", [S(N(3, 40), 5), S(SHUFFLED, 2, 1), S(N(70, 33), 20, 0, False), S(N(), 1), S(N(9), 0), S(N(3000), 100),
   S(Values([2.0, float("nan"), -1, 7]), 2)], strides=False, errors=[S(N(3, 4), 5), S(N(3, 4), -1), S(N(3, 4), 1, 2),
   S(B(3), 1)])
op("kthvalue", [S(N(3, 40), 5), S(SHUFFLED, 2, 1, True), S(N(70, 33), 70, 0), S(N(), 1), S(N(3000), 1500),
   S(Values([2.0, float("nan"), -1, 7]), 4)], strides=False, errors=[S(N(3, 4), 0), S(N(3, 4), 5), S(N(3, 0), 1),
   S(B(3), 1)])
op("median", over([N(3, 4), SHUFFLED, N(), N(0, 3), N(3001), Values([1.0, float("nan"), 3]), Values([5, 1, 3, 2])]),
   errors=[S(B(3))])
op("median.dim", [S(N(3, 40), 0), S(SHUFFLED, 1, True), S(N(70, 33), 0), S(N(), 0), S(N(3, 301), -1),
   S(Values([[1.0, float("nan"), 3], [1, 2, 3]]), 1)], strides=False, errors=[S(N(3, 0), 1), S(N(3, 4), 2), S(B(3), 0)])
op("mode", [S(Z(0, 4, 9)), S(Z(0, 3, 4, 5, 6), 1), S(Z(0, 4, 12), keepdim=True), S(N(3, 4)), S(N()), S(B(5))],
   strides=False, errors=[S(N(3, 0), 1), S(N(3, 4), 2)])
op("_unique", [S(Z(0, 9, 4, 9)), S(N(3, 4, grad=False)), S(Values([0.0, -0.0, 1])), S(N(0, 3, grad=False)), S(B(9)),
   S(Z(0, 40, 400, dtype="uint8"))], torch=lambda t, x: x.detach().unique(return_inverse=True, return_counts=True),
   strides=False)
op("bincount", [S(Z(0, 9, 40)), S(Z(0, 9, 40, dtype="uint8"), minlength=12), S(Z(0, 9, 40), N(40)),
   S(Z(0, 3, 5), Z(0, 3, 5)), S(Z(0, 1, 0), minlength=3)], grad=False,
   errors=[S(Values([1, -2])), S(N(3)), S(Z(0, 3, 2, 2)), S(Z(0, 3, 2), N(1)), S(Z(0, 3, 2), minlength=-1)])
op("histc", [S(N(90)), S(U(0, 4, 90), 4, 0, 4), S(N(3, 40), bins=7, min=-1, max=0.5), S(Values([2.0, 2])), S(N(0), 3)],
   errors=[S(N(3), 0), S(N(3), 4, 3, 1), S(Z(0, 9, 3)), S(Values([1.0, float("inf")]))])

# ---- figures of a classifier ----------------------------------------------------------------------------------------

op("_confusion", [S(Z(0, 5, 90), Z(0, 5, 90), 5), S(Z(0, 3, 7, dtype="uint8"), Z(0, 3, 7), 4),
                  S(Z(0, 1, 0), Z(0, 1, 0), 2), S(Z(0, 5, 90), Z(0, 5, 90), 5, N(90, grad=False))],
   torch=lambda t, a, b, n, w=None: t.bincount(a.long() * n + b, None if w is None else w.double(), n * n).view(n, n),
   grad=False)
op("_places", [S(N(40, 7, grad=False), Z(0, 7, 40)), S(Z(0, 3, 20, 6), Z(0, 6, 20)),
               S(N(0, 3, grad=False), Z(0, 1, 0))],
   torch=lambda t, s, l: s.size(1) - 1 - (t.sort(s, dim=1, stable=True).indices == l[:, None]).long().argmax(1),
   grad=False)

# ---- convolution, pooling, ReLU -----------------------------------------------------------------------------------

CONV_ERRORS = [S(N(5, 5), N(4, 3, 3, 3)), S(N(1, 2, 5, 5), N(4, 3, 3, 3)), S(N(1, 3, 5, 5), N(4, 3, 3, 3), N(5)),
               S(N(1, 3, 5, 5), N(4, 3, 7, 7)), S(N(1, 3, 5, 5), N(4, 3, 3, 3), stride=0),
               S(N(1, 3, 5, 5), N(4, 3, 3, 3), padding=-1), S(N(1, 3, 5, 5), N(4, 3, 3, 3), dilation=0),
               S(N(1, 3, 5, 5), N(4, 3, 3, 3), stride=(1, 1, 1)),
               S(Z(0, 9, 1, 3, 5, 5, dtype="uint8"), N(4, 3, 3, 3), N(4))]
CONV_SIZE = dict(rtol=1e-5, atol=2e-5)
op("conv2d", [S(N(2, 3, 5, 6), N(4, 3, 3, 3), N(4)), S(N(2, 3, 8, 8), N(33, 3, 3, 3), N(33), padding=1),
              S(N(2, 4, 7, 6), N(6, 2, 3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2),
              S(N(1, 8, 9, 7), N(8, 1, 3, 3), N(8), padding=1, groups=8), S(N(3, 16, 4, 4), N(40, 16, 1, 1)),
              S(N(3, 16, 5, 4), N(20, 16, 1, 1), N(20), stride=2), S(N(3, 5, 6), N(4, 3, 3, 3), N(4)),
              S(N(0, 3, 5, 5), N(4, 3, 3, 3), N(4)), S(N(1, 1, 1, 1), N(1, 1, 1, 1)),
              S(Z(0, 9, 2, 3, 5, 5), Z(0, 9, 4, 3, 3, 3))],
   errors=CONV_ERRORS, **CONV_SIZE)
op("conv1d", [S(N(2, 3, 9), N(4, 3, 3), N(4)), S(N(2, 4, 9), N(6, 2, 3), stride=2, padding=1, dilation=2, groups=2),
              S(N(3, 9), N(4, 3, 2))], errors=[S(N(3), N(4, 3, 3)), S(N(1, 2, 5), N(4, 3, 3)),
                                               S(N(1, 3, 5), N(4, 3, 7))], **CONV_SIZE)
op("conv_transpose2d", [S(N(2, 3, 5, 6), N(3, 4, 3, 3), N(4)),
                        S(N(2, 4, 5, 3), N(4, 3, 3, 2), N(6), stride=2, padding=1, output_padding=1, groups=2),
                        S(N(2, 3, 4, 4), N(3, 2, 3, 3), stride=(1, 3), dilation=2), S(N(3, 4, 4), N(3, 2, 1, 1))],
   errors=[S(N(5, 5), N(3, 4, 3, 3)), S(N(1, 2, 5, 5), N(3, 4, 3, 3)),
           S(N(1, 3, 5, 5), N(3, 4, 3, 3), output_padding=1), S(N(1, 3, 1, 1), N(3, 4, 1, 1), padding=1)], **CONV_SIZE)

POOLED = [S(N(2, 5, 8, 6), 2), S(N(2, 17, 7, 9), 3, 2, 1), S(N(1, 3, 6, 7), (2, 3), (1, 2), (1, 1)), S(N(3, 4, 5), 2),
          S(N(0, 3, 4, 4), 2)]
POOL_ERRORS = [S(N(1, 3, 2, 2), 4), S(N(1, 3, 2, 2), 0), S(N(1, 3, 4, 4), 2, 2, 2), S(N(1, 3, 4, 4), (2, 2, 2)),
               S(N(1, 3, 0, 4), 2), S(B(1, 3, 4, 4), 2)]
op("max_pool2d", POOLED + [S(N(2, 5, 9, 9), 3, 1, 0, 2), S(N(2, 5, 7, 7), 2, ceil_mode=True), S(N(1, 2, 40, 20), 20),
                           S(Z(0, 9, 2, 3, 4, 4), 2)],
   dtypes=("float32", "float64", "float16"), errors=POOL_ERRORS)
op("max_pool2d_with_indices", POOLED + [S(N(2, 5, 9, 9), 3, 1, 0, 2)], errors=POOL_ERRORS)
op("avg_pool2d", POOLED + [S(N(2, 5, 7, 7), 2, ceil_mode=True), S(N(2, 5, 7, 7), 3, 2, 1, count_include_pad=False),
                           S(N(2, 5, 7, 7), 3, divisor_override=2)],
   errors=POOL_ERRORS + [S(N(1, 3, 4, 4), 2, divisor_override=0)])
op("max_pool1d avg_pool1d", [S(N(2, 3, 9), 2), S(N(2, 3, 9), 3, 2, 1), S(N(3, 9), 2)],
   errors=[S(N(1, 1, 3, 4), 2), S(N(1, 3, 4), 5)])
ADAPTED = [S(N(2, 5, 8, 6), (1, 1)), S(N(2, 17, 7, 5), (3, 4)), S(N(1, 3, 3, 4), (5, 2)), S(N(3, 6, 6), (2, 3))]
ADAPTED_ERRORS = [S(N(4, 4), (2, 2)), S(N(1, 3, 4, 4), (-1, 2)), S(N(1, 3, 0, 4), (2, 2)),
                  S(Z(0, 9, 1, 3, 4, 4), (2, 2))]
op("adaptive_avg_pool2d", ADAPTED, errors=ADAPTED_ERRORS)
op("adaptive_max_pool2d adaptive_max_pool2d_with_indices", ADAPTED, errors=ADAPTED_ERRORS)
op("adaptive_avg_pool1d", [S(N(2, 3, 9), 4), S(N(3, 9), 1)])
op("relu", unary() + SPECIAL + INTEGERS[:2] + [S(Z(-9, 9, 5))], dtypes=ALL_DTYPES, errors=[S(B(3))])

# ---- products -----------------------------------------------------------------------------------------------------

op("linear", [S(N(4, 6), N(5, 6), N(5)), S(N(2, 3, 6), N(5, 6)), S(N(6), N(5, 6), N(5)), S(N(0, 6), N(5, 6), N(5)),
              S(N(3, 0), N(2, 0), N(2)), S(N(70, 130), N(90, 130), N(90)), S(N(2, 3, 2, 4), N(3, 4), N(3)),
              S(Z(0, 9, 3, 4), Z(0, 9, 2, 4), Z(0, 9, 2))], atol=1e-5,
   errors=[S(N(4, 6), N(5, 7)), S(N(4, 6), N(5, 6), N(4)), S(N(), N(5, 6)), S(N(4, 6), Z(0, 9, 5, 6))])
op("matmul", [S(N(4, 6), N(6, 5)), S(N(6), N(6)), S(N(6), N(6, 5)), S(N(4, 6), N(6)), S(N(2, 1, 4, 6), N(3, 6, 5)),
              S(N(2, 3, 4), N(4, 5)), S(N(4), N(2, 4, 5)), S(N(2, 3, 4), N(4)), S(N(3, 0), N(0, 2)),
              S(N(0, 3), N(3, 2)), S(N(2, 3, 4, 5), N(2, 3, 5, 4)), S(Z(0, 9, 4, 6), Z(0, 9, 6, 5))], grad_factor=8,
   errors=[S(N(4, 6), N(5, 6)), S(N(6), N(5)), S(N(2, 3, 4), N(3, 4, 5)), S(N(), N(3)), S(B(3, 3), B(3, 3))])
op("mm", [S(N(4, 6), N(6, 5)), S(N(1, 9), N(9, 1)), S(N(0, 6), N(6, 5))],
   errors=[S(N(6), N(6, 5)), S(N(4, 6), N(5, 6))])
op("bmm", [S(N(3, 4, 6), N(3, 6, 5)), S(N(0, 4, 6), N(0, 6, 5))],
   errors=[S(N(3, 4, 6), N(2, 6, 5)), S(N(4, 6), N(6, 5))])
op("mv", [S(N(4, 6), N(6)), S(N(4, 0), N(0))], errors=[S(N(4, 6), N(5)), S(N(6), N(6))])
op("dot vdot", [S(N(7), N(7)), S(N(0), N(0)), S(Z(-9, 9, 7), Z(-9, 9, 7))], errors=[S(N(7), N(6)), S(N(7, 1), N(7))])
op("outer ger", [S(N(4), N(5)), S(N(0), N(5)), S(N(4), Z(-9, 9, 5)), S(B(3), B(4))], errors=[S(N(4, 1), N(5))])
op("addmm", [S(N(4, 5), N(4, 6), N(6, 5)), S(N(5), N(4, 6), N(6, 5), beta=0.5, alpha=2),
             S(N(4, 5), N(4, 6), N(6, 5), beta=0), S(N(), N(4, 0), N(0, 5)),
             S(Z(-9, 9, 4, 5), Z(-9, 9, 4, 6), Z(-9, 9, 6, 5), beta=2, alpha=3)],
   errors=[S(N(4), N(4, 6), N(6, 5)), S(N(4, 5), N(4, 6), N(5, 5)), S(N(4, 5), N(6), N(6, 5))])
op("addmv", [S(N(4), N(4, 6), N(6)), S(N(1), N(4, 6), N(6), beta=0.5, alpha=2)], errors=[S(N(3), N(4, 6), N(6))])
op("baddbmm", [S(N(3, 4, 5), N(3, 4, 6), N(3, 6, 5)), S(N(4, 5), N(3, 4, 6), N(3, 6, 5), beta=0.5, alpha=2)],
   errors=[S(N(3, 4, 4), N(3, 4, 6), N(3, 6, 5)), S(N(3, 4, 5), N(3, 4, 6), N(2, 6, 5))])

# ---- normalisation ------------------------------------------------------------------------------------------------


def constant(*shape, low=0.5, high=2):
    """What has no gradient: running statistics, weights of classes."""
    return U(low, high, *shape, grad=False)


def batch_norm():
    """Training with and without running statistics and weights, and evaluation."""
    for shape in [(4, 3), (2, 5, 4, 3), (3, 17, 6, 6), (2, 3, 7), (2, 3, 2, 3, 2), (0, 3, 2, 2)]:
        x, c = N(*shape), shape[1]
        yield S(x, constant(c), constant(c), N(c), N(c), True)
        yield S(x, constant(c), constant(c), N(c), N(c))
        yield S(x, None, None, training=True, eps=0.1)
        yield S(x, constant(c), constant(c), momentum=0.5, training=True)


op("batch_norm", batch_norm(), torch=lambda torch, *a, **k: torch.nn.functional.batch_norm(*a, **k),
   rtol=4e-6, atol=4e-6, grad_factor=8,
   errors=[S(N(1, 3), constant(3), constant(3), training=True), S(N(2, 3), None, None),
           S(Z(0, 9, 2, 3), constant(3), constant(3)), S(N(2, 3), constant(4), constant(4)),
           S(N(2, 3), None, None, N(2), training=True)])
op("layer_norm", [S(N(4, 6), [6], N(6), N(6)), S(N(2, 3, 4, 5), [4, 5], N(4, 5)), S(N(3, 70), (70,), None, N(70), 0.1),
                  S(N(0, 6), [6], N(6), N(6)), S(N(2, 5), [2, 5])], grad_factor=8,
   errors=[S(N(4, 6), [5]), S(N(4, 6), [6], N(5)), S(Z(0, 9, 4, 6), [6]), S(N(4, 6), [])])
op("group_norm", [S(N(2, 6, 4, 3), 3, N(6), N(6)), S(N(3, 8), 2, N(8)), S(N(2, 6, 5), 1),
                  S(N(0, 6, 4, 3), 3, N(6), N(6))],
   torch=lambda torch, *a, **k: torch.nn.functional.group_norm(*a, **k), grad_factor=8,
   errors=[S(N(2, 6), 4), S(N(6), 2), S(N(2, 6), 2, N(5)), S(N(1, 4), 4)])

# ---- softmax and losses -------------------------------------------------------------------------------------------

op("softmax log_softmax", [S(N(*s), d) for s in SHAPES[1:] for d in range(max(len(s), 1))]
   + [S(N(3, 4), -1), S(Z(-9, 9, 3, 4), 1, dtype=D("float32")), S(N(3, 4), 0, D("float64"))], rtol=4e-6,
   errors=[S(N(3, 4), 2), S(Z(0, 9, 3, 4), 1), S(N(3, 4), 1, D("int64"))])


def reduced(at, *samples):
    """Each sample with the reductions none, mean and sum put in as argument number `at`."""
    return [S(*s.args[:at], reduction, *s.args[at:]) for s in samples for reduction in (0, 1, 2)]


op("cross_entropy_loss", reduced(3, S(N(4, 10), Z(0, 10, 4), None), S(N(4, 10), Z(0, 10, 4), constant(10), 3),
                                 S(N(2, 5, 3, 4), Z(0, 5, 2, 3, 4), None, -100, 0.1), S(N(7), Z(0, 7), None),
                                 S(N(2, 5, 4), U(0, 1, 2, 5, 4), None, -100, 0.2), S(N(3, 65), Z(0, 65, 3), None)),
   torch=lambda torch, *a: torch._C._nn.cross_entropy_loss(*a),
   errors=[S(N(4, 10), Z(0, 10, 3), None, 1), S(N(4, 10), Z(10, 11, 4), None, 1),
           S(N(4, 10), Z(0, 10, 4), constant(9), 1)])
op("nll_loss", reduced(3, S(N(4, 10), Z(0, 10, 4), None), S(N(4, 10), Z(0, 10, 4), constant(10), 3),
                       S(N(2, 5, 3, 4), Z(0, 5, 2, 3, 4), None), S(N(2, 5, 6), Z(0, 5, 2, 6), None)),
   torch=lambda torch, *a: torch._C._nn.nll_loss_nd(*a), layouts=("contiguous", "strided"),
   errors=[S(N(4, 10), Z(0, 10, 3)), S(N(4, 10), Z(10, 11, 4))])
PAIRS = reduced(2, S(N(3, 4), N(3, 4)), S(N(2, 5, 4, 3), N(2, 5, 4, 3)), S(N(), N()), S(N(65, 33), N(65, 33)))
PAIR_ERRORS = [S(N(4), N(3)), S(Z(0, 9, 4), Z(0, 9, 4))]
op("mse_loss", PAIRS, torch=lambda torch, *a: torch._C._nn.mse_loss(*a), errors=PAIR_ERRORS)
op("smooth_l1_loss", PAIRS, torch=lambda torch, *a: torch._C._nn.smooth_l1_loss(*a), errors=PAIR_ERRORS)
op("huber_loss", PAIRS, torch=lambda torch, *a: torch._C._nn.huber_loss(*a), errors=PAIR_ERRORS)
op("l1_loss", PAIRS, errors=PAIR_ERRORS,
   torch=lambda torch, a, b, reduction=1: (lambda x: x, torch.mean, torch.sum)[reduction]((a - b).abs()))
op("binary_cross_entropy", reduced(3, S(U(0, 1, 3, 4), U(0, 1, 3, 4), None),
                                   S(U(0, 1, 3, 4), U(0, 1, 3, 4), constant(4))),
   torch=lambda torch, *a: torch._C._nn.binary_cross_entropy(*a), rtol=1e-5,
   errors=[S(U(2, 3, 4), U(0, 1, 4)), S(U(0, 1, 4), Z(0, 2, 4))])
op("binary_cross_entropy_with_logits", reduced(4, S(N(3, 4), U(0, 1, 3, 4), None, None),
                                               S(N(3, 4), U(0, 1, 3, 4), constant(3, 4), constant(4))),
   errors=[S(N(4), Z(0, 2, 4))])
op("kl_div", reduced(2, S(N(3, 4), U(0.1, 1, 3, 4)), S(N(3, 4), N(3, 4), True)), rtol=1e-5,
   torch=lambda torch, a, b, reduction=1, log=False: torch.kl_div(a, b, reduction, log_target=log),
   errors=[S(Z(0, 9, 4), Z(0, 9, 4))])

# ---- random numbers: bit for bit in tests/parity/test_random.py, in all layouts -------------------------------------

RANDOM = {"seeded": True, "grad": False, "layouts": ("contiguous",), "rtol": 0, "atol": 0}
DRAWN = [(3,), (), (0, 3), (17,), (2, 5, 4, 3)]

op("rand randn", [S(s) for s in DRAWN] + [S((40,), dtype=D("float64"))], errors=[S((2, -1)), S((3,), dtype=D("int64"))],
   **RANDOM)
op("rand_like randn_like", [S(N(*s)) for s in DRAWN] + [S(Z(0, 9, 5), dtype=D("float64"))], errors=[S(Z(0, 9, 5))],
   **RANDOM)
op("randint", [S(10, s) for s in DRAWN] + [S(2 ** 40, (5,)), S(100, (5,), dtype=D("uint8"))],
   errors=[S(0, (3,)), S(300, (3,), dtype=D("uint8"))], **RANDOM)
op("randint.low", [S(-5, 10, s) for s in DRAWN] + [S(3, 2 ** 28 + 3, (5,), dtype=D("int32"))],
   errors=[S(5, 5, (3,)), S(-1, 3, (3,), dtype=D("uint8"))], **RANDOM)
op("randint_like", [S(N(3, 4), 10), S(Z(0, 9, 3), 7), S(N(5), 9, dtype=D("int64"))], errors=[S(N(3), 0)], **RANDOM)
op("randint_like.low", [S(N(3, 4), 3, 10), S(Z(0, 9, 3, dtype="uint8"), 3, 7)], errors=[S(N(3), 4, 4)], **RANDOM)
op("randperm", [S(10), S(0), S(1), S(100, dtype=D("int32"))], errors=[S(-1), S(300, dtype=D("uint8"))], **RANDOM)
op("normal.tensors", [S(N(3, 4), U(1, 2, 3, 4)), S(N(3, 1), U(1, 2, 4)), S(N(20), U(1, 2, 20))],
   errors=[S(N(3), U(-2, -1, 3)), S(N(3), U(1, 2, 4)), S(Z(0, 9, 3), U(1, 2, 3))], **RANDOM)
op("normal.mean", [S(N(3, 4)), S(N(20), 2.5)], errors=[S(N(3), -1.0)], **RANDOM)
op("normal.std", [S(2.5, U(1, 2, 3, 4)), S(0.1, U(1, 2, 20))], errors=[S(1.0, U(-2, -1, 3))], **RANDOM)
op("normal.size", [S(2.5, 1.5, s) for s in DRAWN] + [S(0.1, 2.0, (20,), dtype=D("float64"))],
   errors=[S(0.0, -1.0, (3,))], **RANDOM)
op("bernoulli", [S(U(0, 1, *s)) for s in DRAWN], errors=[S(Z(0, 1, 3))], **RANDOM)
op("bernoulli.p", [S(N(3, 4), 0.3), S(Z(0, 9, 20), 0.5)], errors=[S(N(3), 1.5)], **RANDOM)
op("_sample_dirichlet", [S(U(0.1, 3, 2)), S(U(0.1, 3, 4, 3)), S(U(0, 0, 2)), S(U(1, 1, 20, 2))],
   torch=lambda t, *a, **k: t._sample_dirichlet(*a, **k), errors=[S(Z(1, 9, 3))], **RANDOM)
op("multinomial", [S(U(0.1, 1, 9), 4), S(U(0.1, 1, 3, 9), 9), S(U(0.1, 1, 9), 20, True), S(U(0.1, 1, 9), 1, True)],
   errors=[S(U(0, 1, 3), 0), S(U(0, 1, 3), 4), S(U(-2, -1, 3), 1), S(U(0, 0, 3), 1), S(N(1, 1, 1), 1),
           S(Z(1, 9, 3), 1)], **RANDOM)

# What is overwritten has no gradient to speak of.
op("uniform_", [S(N(*s, grad=False)) for s in DRAWN] + [S(N(5, grad=False), -2, 3.5)],
   errors=[S(N(3, grad=False), 2, 1), S(N(3, grad=False), 0, 1e39), S(Z(0, 9, 3))], **RANDOM)
op("normal_", [S(N(*s, grad=False)) for s in DRAWN] + [S(N(40, grad=False), -2, 3.5)],
   errors=[S(N(3, grad=False), 0, -1), S(Z(0, 9, 3))], **RANDOM)
op("random_", [S(N(5, grad=False)), S(Z(0, 9, 5)), S(Z(0, 9, 5, dtype="uint8")), S(B(9))], **RANDOM)
op("random_.to", [S(N(5, grad=False), 9), S(Z(0, 9, 5), 2 ** 40)],
   errors=[S(Z(0, 9, 3), 0), S(Z(0, 9, 3, dtype="uint8"), 300)], **RANDOM)
op("random_.from", [S(N(5, grad=False), 3, 9), S(Z(0, 9, 5), -3, None), S(Z(0, 9, 5, dtype="uint8"), 250, None)],
   errors=[S(Z(0, 9, 3), 3, 3), S(Z(0, 9, 3, dtype="uint8"), -1, 3)], **RANDOM)
op("bernoulli_", [S(N(3, 4, grad=False)), S(Z(0, 9, 20), 0.2), S(B(9), 0.7)],
   errors=[S(N(3, grad=False), -0.5)], **RANDOM)
op("bernoulli_.tensor", [S(N(3, 4, grad=False), U(0, 1, 3, 4, grad=False)), S(Z(0, 9, 3, 4), U(0, 1, 4, grad=False))],
   errors=[S(N(3, grad=False), Z(0, 1, 3))], **RANDOM)
op("exponential_", [S(N(*s, grad=False)) for s in DRAWN] + [S(N(5, grad=False), 2.5)],
   errors=[S(N(3, grad=False), 0), S(Z(0, 9, 3))], **RANDOM)

op("dropout", [S(N(*s), 0.3, True) for s in DRAWN] + [S(N(3, 4), 0.5, False), S(N(3), 0, True), S(N(3, 4), 1, True)],
   torch=lambda torch, *a: torch.dropout(*a), seeded=True, layouts=("contiguous", "strided"),
   errors=[S(N(3), 1.5, True), S(N(3), -0.5, False), S(Z(0, 9, 3), 0.5, True)])
op("feature_dropout", [S(N(2, 5, 4, 3), 0.3, True), S(N(3, 4), 0.5, True), S(N(2, 3, 4), 0.5, False),
                       S(N(2, 3), 1, True)],
   torch=lambda torch, *a: torch.feature_dropout(*a), seeded=True, inplace=False,
   errors=[S(N(3), 0.5, True), S(N(3, 3), 1.5, True), S(Z(0, 9, 3, 3), 0.5, True)])
