"""Index expressions against torch: any mix of numbers, slices, None, Ellipsis, truths, index tensors, masks, lists."""

import numpy as np
import pytest
import torch
from both import LAYOUTS, compare, layout, numbers
from hypothesis import given, settings
from hypothesis import strategies as st

import pycnn

pytestmark = pytest.mark.parity

EXAMPLES = settings(max_examples=250, deadline=None, derandomize=True)


# ---- random expressions -------------------------------------------------------------------------------------------


class Tensor(tuple):
    """(values, kind): an index tensor; kind says how it is given."""


@st.composite
def slices(draw, size):
    bound = st.none() | st.integers(-size - 2, size + 2)
    return slice(draw(bound), draw(bound), draw(st.none() | st.integers(1, 3)))


@st.composite
def index_tensors(draw, size, rank):
    """Indices of one dimension; shapes broadcast with each other by construction."""
    shape = draw(st.sampled_from([(2,), (1,), (3, 1), (3, 2), (1, 2), (), (2,)]))
    flat = draw(st.lists(st.integers(-size, size - 1), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    array = np.array(flat, np.int64).reshape(shape)
    kind = draw(st.sampled_from(["tensor", "int32", "array"] + (["list"] if array.ndim == 1 else [])))
    return Tensor((array, kind))


@st.composite
def expressions(draw):
    """(shape, index)."""
    shape = draw(st.lists(st.integers(0, 4), max_size=4).map(tuple))
    items, d, ellipsis = [], 0, False
    while d < len(shape) and draw(st.integers(0, 9)) > 0:
        size = shape[d]
        kinds = ["slice", "slice", "none", "truth", "mask"] + ["number", "tensor", "tensor"] * (size > 0)
        kinds += [] if ellipsis else ["ellipsis"]
        kind = draw(st.sampled_from(kinds))
        if kind in ("none", "truth") and len(items) > 3:
            continue  # tensors have at most 8 dimensions here
        if kind == "number":
            i = draw(st.integers(-size, size - 1))
            items.append(draw(st.sampled_from([i, np.int64(i), Tensor((np.array(i), "tensor"))])))
        elif kind == "slice":
            items.append(draw(slices(size)))
        elif kind == "none":
            items.append(None)
        elif kind == "truth":
            items.append(draw(st.sampled_from([True, False, Tensor((np.array(True), "tensor"))])))
        elif kind == "ellipsis":
            items.append(...)
            ellipsis = True
            d = max(d, draw(st.integers(d, len(shape))))
            continue
        elif kind == "tensor":
            items.append(draw(index_tensors(size, 2)))
        else:
            span = draw(st.integers(1, min(2, len(shape) - d)))
            bits = draw(st.integers(0, 2**16 - 1))
            count = int(np.prod(shape[d:d + span]))
            mask = np.array([bits >> k & 1 for k in range(count)], bool).reshape(shape[d:d + span])
            # torch counts an array of two dimensions as an index of one where it looks for room for an Ellipsis
            items.append(Tensor((mask, draw(st.sampled_from(["tensor", "array"][:3 - span])))))
            d += span - 1
        d += kind not in ("none", "truth")
    # what stands behind an Ellipsis counts from the end: sizes may not fit, which is torch's to refuse
    return shape, items[0] if len(items) == 1 and draw(st.booleans()) else tuple(items)


def given_to(module, index):
    """The index as this library's user would write it."""
    if isinstance(index, Tensor):
        values, kind = index
        if kind == "tensor":
            return module.from_numpy(np.array(values))
        if kind == "int32":
            return module.from_numpy(np.array(values, np.int32))
        return values.tolist() if kind == "list" else np.array(values)
    return tuple(given_to(module, i) for i in index) if isinstance(index, tuple) else index


def places(shape, index):
    """Numbers of the elements that t[index] picks, as torch sees it, or None."""
    try:
        return torch.arange(int(np.prod(shape))).reshape(shape)[given_to(torch, index)].numpy()
    except (IndexError, RuntimeError):
        return None


# ---- reading and writing --------------------------------------------------------------------------------------------


@EXAMPLES
@given(expressions(), st.sampled_from(LAYOUTS), st.sampled_from(["float32", "float64", "int64", "bool", "float16"]))
def test_reading(expression, kind, dtype):
    shape, index = expression
    x = layout(numbers(np.random.default_rng(1), shape, dtype), kind)
    compare(lambda m, t: t[given_to(m, index)], [x], what=f"x{list(shape)}[{index}]")


@EXAMPLES
@given(expressions(), st.sampled_from(LAYOUTS), st.sampled_from([2.5, 3, True]), st.sampled_from(["float32", "int64"]))
def test_writing_a_number(expression, kind, number, dtype):
    shape, index = expression
    x = layout(numbers(np.random.default_rng(1), shape, dtype), kind)

    def write(m, t):
        t = t * 1 if dtype == "float32" else t.clone()
        t[given_to(m, index)] = number
        return t
    compare(write, [x], what=f"x{list(shape)}[{index}] = {number}")


@EXAMPLES
@given(expressions(), st.sampled_from(LAYOUTS), st.integers(0, 2**8 - 1), st.integers(0, 3))
def test_writing_a_tensor(expression, kind, ones, drop):
    """Values of the shape that reading gives, some dimensions of it 1 or left out."""
    shape, index = expression
    chosen = places(shape, index)
    if chosen is None:
        return
    size = [1 if ones >> d & 1 else n for d, n in enumerate(chosen.shape)][drop:]
    if np.unique(chosen).size != chosen.size:
        size = [1] * len(size)  # torch does not say which of several values for one place wins
    rng = np.random.default_rng(1)
    x, v = layout(numbers(rng, shape), kind), numbers(rng, tuple(size))

    def write(m, t, values):
        t = t * 1
        t[given_to(m, index)] = values
        return t
    if np.unique(chosen).size == chosen.size:
        compare(write, [x, v], grad_limit=2e-5, what=f"x{list(shape)}[{index}] = v{size}")
    else:
        compare(write, [x, v], grads=False, what=f"x{list(shape)}[{index}] = v{size}")


@EXAMPLES
@given(expressions(), expressions())
def test_writing_through_views(first, second):
    """x[a][b] = v writes to x, and gradients know it."""
    shape, index = first
    chosen = places(shape, index)
    if chosen is None:
        return
    x = numbers(np.random.default_rng(1), shape)

    def write(m, t):
        t = t * 1
        view = t[given_to(m, index)]
        view[..., :1] = 5 if view.dim() else view
        view.mul_(2)
        return t, view * t.sum()
    if chosen.ndim:
        compare(write, [x], what=f"x{list(shape)}[{index}][..., :1] = 5")


# ---- single cases ---------------------------------------------------------------------------------


@pytest.mark.parametrize("expression", [
    "x[5]", "x[0, 5]", "x[-4]", "x[0, 0, 0]", "x[i, i, i]", "x[:, :, :]", "x[1.0]", "x['a']", "x[{}]",
    "x[::-1]", "x[::0]",
    "x[1.0:2]", "x[m.tensor([5])]", "x[m.tensor([-4])]", "x[m.tensor([3])]", "x[m.tensor([0.5])]", "x[m.tensor(0.5)]",
    "x[m.tensor([True, False])]", "x[:, m.tensor([True, False])]", "x[m.tensor([[True]])]", "x[m.tensor([])]",
    "x[m.tensor([0, 1]), m.tensor([0, 1, 2])]", "x[[0, 1], [0, 1, 2]]", "x[2**70]", "x[m.tensor([0]).short()]",
    "s[0]", "s[:]", "s[m.tensor(0)]", "s[m.tensor([0])]", "s[...]", "s[None]", "s[()]", "s[True]", "s[m.tensor(True)]",
    "e[m.tensor([0])]", "e[0]", "len(s)", "[v for v in s]", "len(x)", "list(x)", "x[0, ..., 1, ...]",
    "x[m.tensor(1):m.tensor(3)]",
    "x[range(2)]", "x[[]]", "x[[], []]", "x[[True, False, True]]", "x[[1.5]]", "x[()]", "x[...]",
    "x[np.array([True, False, True])]",
    "x[np.array([2, 0])]", "x[np.array(1)]", "x[np.int32(1)]", "x[(0, 1)]", "x[m.tensor([0, 2]), 1:3]",
    "x[True, 0]", "x[0, True]", "x[False]", "x[:, None, i]", "x[i, None, i]", "x[m.tensor([0, 1], dtype=m.int32)]",
])
def test_single_expressions(expression):
    x = numbers(np.random.default_rng(0), (3, 4))
    variables = {"np": np}

    def read(m, t):
        i = m.tensor([0, 2])
        return eval(expression, variables, {"m": m, "x": t, "s": t[0, 0], "e": t[:0], "i": i})
    if expression == "x[:, m.tensor([5])]":
        return
    compare(read, [x], what=expression)


@pytest.mark.parametrize("statement", [
    "x[0] = m.ones(4)", "x[0] = m.ones(1, 1, 4)", "x[0] = m.ones(3)", "x[0] = m.ones(2, 4)", "x[0] = [1, 2, 3, 4]",
    "x[0] = 'a'",
    "x[0] = None", "x[0] = m.ones(4).long()", "x[:] = m.ones(4, dtype=m.float64)", "x[x > 0] = 0",
    "x[x > 0] = m.ones(3)", "x[i] = 0",
    "x[i] = m.ones(2, 1)", "x[i] = m.ones(3, 4)", "x[i, i] = m.ones(3)", "x[i, i] = m.ones(1, 2)",
    "x[i] = m.ones(4).long()",
    "x[5] = 1", "x[m.tensor([5])] = 1", "x[True] = 5", "x[False] = 5", "x[None] = 5", "x[...] = 5", "x[()] = 5",
    "x[:, None] = m.ones(3, 1, 4)", "x[0, ...] = 7", "x[[0, 1]] = 7", "x[[0, 1], [1, 2]] = m.tensor([1., 2])",
    "x[np.array([0, 1])] = 7", "x[::-1] = 1", "x[0][1] = 5", "x[0][[1, 2]] = 5", "x[i][0] = 5", "x[0] = x[1]",
    "x[1:] = x[:-1].clone()",
    "x[i, i] += 1", "x[:, 1] *= 2", "x[x < 0] = x[x < 0].abs()", "x[m.tensor(1)] = 3", "x[i] = x[i] * 2",
    "x[1, 2] = m.tensor(3.)", "x[0, 0, 0] = 1", "x[{}] = 1", "x[:, 0] = m.tensor(2.)", "del x[0]",
])
def test_single_statements(statement):
    x = numbers(np.random.default_rng(0), (3, 4))

    def write(m, t):
        t = t * 1
        exec(statement, {"np": np, "m": m, "x": t, "i": m.tensor([0, 2])})
        return t
    compare(write, [x], what=statement)


@pytest.mark.parametrize("index, message", [
    ("[[0, 1], [1, 2]]", "non-tuple sequence"), ("[slice(0, 2)]", "non-tuple sequence"),
    ("[None]", "non-tuple sequence"), ("m.tensor([1, 0, 1], dtype=m.uint8)", "torch.uint8 is now deprecated"),
])
def test_old_forms_warn(index, message):
    results = []
    for m in (torch, pycnn):
        x = m.arange(12).reshape(3, 4)
        with pytest.warns(UserWarning, match=message):
            results.append(x[eval(index, {"m": m})].numpy())
    np.testing.assert_array_equal(*results)


def test_numpy_values_may_be_assigned():
    """Beyond torch: arrays and NumPy's numbers as values."""
    x = pycnn.zeros(3, 4)
    x[0] = np.arange(4)
    x[1] = np.float32(2.5)
    x[[2], [1]] = np.array([7.0])
    assert x.tolist() == [[0, 1, 2, 3], [2.5] * 4, [0, 7, 0, 0]]


def test_leaves_and_views_of_leaves_are_refused():
    for m in (torch, pycnn):
        x = m.zeros(3, requires_grad=True)
        for index in (0, m.tensor([0])):
            with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
                x[index] = 1
        with m.no_grad():
            x[0] = 1
        assert x[0].item() == 1


def test_reading_shares_memory_only_where_torch_does():
    for m in (torch, pycnn):
        x = m.arange(12).reshape(3, 4)
        for view in (x[0], x[:, 1], x[..., None], x[:], x[...], x[1:, ::2], x[0, 0]):
            assert view is not x and view.data_ptr() - x.data_ptr() in range(0, 12 * 8)
            view[...] = -1
        assert (x[0] == -1).all()
        for copy in (x[[0, 1]], x[x < 0], x[m.tensor([0])]):
            before = x.clone()
            copy[...] = 9
            assert m.equal(x, before)
