"""Functions of torch.functional: those whose arguments or results no operator row describes."""

from pycnn import _C


def meshgrid(*tensors, indexing="ij"):
    """Return grids of coordinates: element [i, j] of the first is element i of the first vector, and so on.

    Parameters
    ----------
    *tensors : Tensor, shape (n,) or ()
        Or one sequence of them. All of one dtype.
    indexing : {"ij", "xy"}, default "ij"
        "xy": the first two axes of the results are swapped. torch warns where it is not given; this does not.

    Returns
    -------
    tuple of Tensor
        One per vector, all of the shape that their lengths make; views, which repeat elements without memory.

    Raises
    ------
    RuntimeError
        If `indexing` is something else.

    Examples
    --------
    >>> rows, columns = meshgrid(pycnn.arange(2), pycnn.arange(3), indexing="ij")
    >>> rows
    tensor([[0, 0, 0],
            [1, 1, 1]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tensors[0]
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    return _C.fn._meshgrid(list(tensors), indexing == "xy")


def broadcast_tensors(*tensors):
    """Return the tensors expanded to the shape that they broadcast to.

    Parameters
    ----------
    *tensors : Tensor
        Or one sequence of them.

    Returns
    -------
    tuple of Tensor
        Views, which repeat elements without memory.
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tensors[0]
    return _C.fn._broadcast_tensors(list(tensors))


def split(tensor, split_size_or_sections, dim=0):
    """Cut a tensor into pieces along a dimension.

    Parameters
    ----------
    tensor : Tensor
    split_size_or_sections : int or sequence of int
        The size of each piece (the last may be smaller), or the sizes of all.
    dim : int, default 0

    Returns
    -------
    tuple of Tensor
        Views.

    Raises
    ------
    RuntimeError
        If the sizes do not add up.
    """
    sizes = split_size_or_sections
    if isinstance(sizes, (tuple, list)) and len(sizes) > 8:  # more than an operator's list of ints holds
        if sum(sizes) != tensor.shape[dim] or min(sizes) < 0:
            raise RuntimeError(f"split_with_sizes expects split_sizes to sum exactly to {tensor.shape[dim]} (input "
                               f"tensor's size at dimension {dim}), but got split_sizes={list(sizes)}")
        starts = [sum(sizes[:k]) for k in range(len(sizes))]
        return tuple(tensor.narrow(dim, start, size) for start, size in zip(starts, sizes))
    return _C.fn.split(tensor, sizes, dim)


def tensor_split(input, indices_or_sections, dim=0):
    """Cut a tensor into pieces along a dimension, of nearly equal size or at given places.

    Parameters
    ----------
    input : Tensor
    indices_or_sections : int, sequence of int or Tensor
        How many pieces, or where each but the first begins: as slices do, counted from the end if negative.
    dim : int, default 0

    Returns
    -------
    tuple of Tensor
        Views.

    Examples
    --------
    >>> [len(piece) for piece in tensor_split(pycnn.arange(7), 3)]
    [3, 2, 2]
    >>> tensor_split(pycnn.arange(7), (1, 5))
    (tensor([0]), tensor([1, 2, 3, 4]), tensor([5, 6]))
    """
    at = indices_or_sections
    if isinstance(at, _C.TensorBase):
        at = at.tolist()
    if isinstance(at, (tuple, list)) and len(at) > 8:  # more than an operator's list of ints holds
        _C.fn.tensor_split(input, at[:8], dim)  # checks
        before = (slice(None),) * (dim % input.dim())
        return tuple(input[(*before, slice(*ends))] for ends in zip([None, *at], [*at, None]))
    return _C.fn.tensor_split(input, at, dim)


def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """Return the norm of all elements, or over dimensions.

    Parameters
    ----------
    input : Tensor
        Of floats.
    p : float or "fro", default "fro"
        ``(sum |x|^p)^(1/p)``; infinities stand for the largest and the smallest magnitude, 0 counts elements that are
        not zero, "fro" is 2. The nuclear norm is not supported.
    dim : int or sequence of int, optional
        All dimensions by default.
    keepdim : bool, default False
        Keep reduced dimensions, with size 1.
    out : Tensor, optional
        Receives the result.
    dtype : dtype, optional
        Of the result.

    Returns
    -------
    Tensor

    Raises
    ------
    NotImplementedError
        If `p` is another text.
    """
    if isinstance(p, str):
        if p != "fro":
            raise NotImplementedError(f"norm: p={p!r} is not supported; use a number or 'fro'")
        p = 2
    return _C.fn.norm(input, p, dim, keepdim, dtype=dtype, out=out)


def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """Return the distinct elements in order.

    Parameters
    ----------
    input : Tensor
    sorted : bool, default True
        The result is sorted in any case.
    return_inverse, return_counts : bool, default False
        Return where each element is among them, too; how often each occurs.
    dim : int, optional
        Distinct slices along a dimension; all elements by default.

    Returns
    -------
    Tensor or tuple of Tensor
        The elements and what was asked for, in the order of the parameters. NaNs are all different.
    """
    if dim is not None:
        return _unique_slices(input, return_inverse, return_counts, dim)
    values, inverse, counts = _C.fn._unique(input)
    wanted = [values] + [inverse] * bool(return_inverse) + [counts] * bool(return_counts)
    return tuple(wanted) if len(wanted) > 1 else values


def _unique_slices(input, return_inverse, return_counts, dim):
    """Slices in the order of their elements: sorted by the last element first, stably, up to the first."""
    x = input.detach().movedim(dim, 0)
    rows = x.reshape(x.shape[0], -1)
    order = _C.fn.arange(rows.shape[0])
    for k in reversed(range(rows.shape[1])):
        order = order.index_select(0, rows[:, k].index_select(0, order).argsort(stable=True))
    values, inverse, counts = unique_consecutive(x.index_select(0, order), True, True, 0)
    back = inverse.new_empty(inverse.shape)
    back[order] = inverse
    values = values.movedim(0, dim)
    wanted = [values] + [back] * bool(return_inverse) + [counts] * bool(return_counts)
    return tuple(wanted) if len(wanted) > 1 else values


# ---- matrices

def diag(input, diagonal=0):
    """Return a matrix with a vector on a diagonal, or the diagonal of a matrix.

    Parameters
    ----------
    input : Tensor, shape (n,) or (n, m)
    diagonal : int, default 0
        Above the main one, or below it where negative.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If `input` has neither one nor two dimensions.
    """
    if input.dim() == 2:
        return input.diagonal(diagonal).clone()
    if input.dim() != 1:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.dim()}D")
    n = input.shape[0] + abs(diagonal)
    out = input.new_zeros((n, n))
    out.diagonal(diagonal).copy_(input)
    return out


def trace(input):
    """Return the sum of the main diagonal of a matrix.

    Parameters
    ----------
    input : Tensor, shape (n, m)

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    RuntimeError
        If it is no matrix.
    """
    if input.dim() != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.dim()}")
    return input.diagonal().sum()


# ---- which elements

def argwhere(input):
    """Return the indices of the elements that are not zero.

    Parameters
    ----------
    input : Tensor

    Returns
    -------
    Tensor of int64, shape (count, dimensions)
    """
    return input.nonzero()


def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """Return for each element whether it is among others.

    Parameters
    ----------
    elements, test_elements : Tensor or number
    assume_unique : bool, default False
        Accepted.
    invert : bool, default False
        Return whether it is not.

    Returns
    -------
    Tensor of bool, of the shape of `elements`
    """
    from pycnn._from_data import as_tensor
    elements, others = as_tensor(elements), as_tensor(test_elements).reshape(-1)
    found = (elements.unsqueeze(-1) == others).any(-1)
    return found.logical_not() if invert else found


def is_nonzero(input):
    """Return True if the one element of a tensor is not zero.

    Parameters
    ----------
    input : Tensor of one element

    Returns
    -------
    bool

    Raises
    ------
    RuntimeError
        If there are more, or none.
    """
    if input.numel() != 1:
        what = "no values" if input.numel() == 0 else "more than one value"
        raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
    return bool(input)


def nan_to_num(input, nan=0.0, posinf=None, neginf=None):
    """Replace what is no finite number.

    Parameters
    ----------
    input : Tensor
    nan : float, default 0.0
        For NaN.
    posinf, neginf : float, optional
        For the infinities; the largest and smallest finite number by default.

    Returns
    -------
    Tensor
    """
    from pycnn._types import finfo
    if not input.is_floating_point():
        return input.clone()
    info = finfo(input.dtype)
    fn = _C.fn
    high, low = info.max if posinf is None else posinf, info.min if neginf is None else neginf
    x = fn.where(input.isnan(), fn.full_like(input, 0.0 if nan is None else nan), input)
    x = fn.where(input == float("inf"), fn.full_like(input, high), x)
    return fn.where(input == float("-inf"), fn.full_like(input, low), x)


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """Return the elements without those that repeat the one before.

    Parameters
    ----------
    input : Tensor
    return_inverse, return_counts : bool, default False
        Return where each element is among them, too; how often each is repeated.
    dim : int, optional
        Compare slices along a dimension; all elements by default.

    Returns
    -------
    Tensor or tuple of Tensor
        The elements and what was asked for, in the order of the parameters.
    """
    x = input.reshape(-1) if dim is None else input.movedim(dim, 0)
    n = x.shape[0]
    fn = _C.fn
    differs = fn.ones((n,), dtype=_C.bool)
    if n > 1:
        differs[1:] = (x[1:] != x[:-1]).reshape(n - 1, -1).any(1)
    starts = differs.nonzero().reshape(-1)
    inverse = differs.long().cumsum(0) - 1
    counts = fn.cat([starts[1:], fn.full((min(n, 1),), n, dtype=_C.int64)]) - starts
    values = x.index_select(0, starts)
    values = values if dim is None else values.movedim(0, dim)
    inverse = inverse.view(input.shape) if dim is None else inverse
    wanted = [values] + [inverse] * bool(return_inverse) + [counts] * bool(return_counts)
    return tuple(wanted) if len(wanted) > 1 else values


# ---- shapes and types

def broadcast_shapes(*shapes):
    """Return the shape that shapes broadcast to.

    Parameters
    ----------
    *shapes : sequence of int, or int

    Returns
    -------
    Size

    Raises
    ------
    RuntimeError
        If they do not.
    """
    from pycnn._device import Size
    shapes = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    result = [1] * max(map(len, shapes), default=0)
    for index, shape in enumerate(shapes):
        for k, size in enumerate(reversed(shape), 1):
            if size != 1 and result[-k] not in (1, size):
                raise RuntimeError(f"Attempting to broadcast a dimension of length {size} at -{k}! Mismatching "
                                   f"argument at index {index} had {shape}; but expected shape should be broadcastable "
                                   f"to {result}")
            result[-k] = size if size != 1 else result[-k]
    return Size(result)


def promote_types(type1, type2):
    """Return the dtype that results of two dtypes have.

    Parameters
    ----------
    type1, type2 : dtype

    Returns
    -------
    dtype
    """
    return result_type(_C.fn.empty((0,), dtype=type1), _C.fn.empty((0,), dtype=type2))


def result_type(tensor1, tensor2):
    """Return the dtype that results of two operands have.

    Parameters
    ----------
    tensor1, tensor2 : Tensor or number

    Returns
    -------
    dtype
    """
    from pycnn._from_data import tensor
    from pycnn._tensor import Tensor

    def small(x):
        return x.detach().reshape(-1)[:0] if isinstance(x, Tensor) and x.dim() > 0 else x
    a, b = small(tensor1), small(tensor2)
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        a = tensor(a)
    return _C.fn.where(_C.fn.empty((0,), dtype=_C.bool), a, b).dtype


# ---- comparison and division

def equal(input, other):
    """Return True if both tensors have one shape and the same elements.

    Parameters
    ----------
    input : Tensor
    other : Tensor
        Of the same dtype.

    Returns
    -------
    bool
    """
    return input.shape == other.shape and bool(_C.fn._equal(input, other))


def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Return True if ``abs(input - other) <= atol + rtol * abs(other)`` everywhere.

    Parameters
    ----------
    input : Tensor
    other : Tensor
        Broadcast with the input.
    rtol : float, default 1e-05
        Relative tolerance.
    atol : float, default 1e-08
        Absolute tolerance.
    equal_nan : bool, default False
        Two NaNs are close to each other.

    Returns
    -------
    bool
    """
    return bool(_C.fn._allclose(input, other, rtol, atol, equal_nan))


def _rounding(mode):
    modes = {None: 0, "trunc": 1, "floor": 2}
    if mode not in modes:
        raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{mode}'")
    return modes[mode]


def div(input, other, *, rounding_mode=None, out=None):
    """Divide element by element.

    Parameters
    ----------
    input, other : Tensor or number
    rounding_mode : {None, "trunc", "floor"}
    out : Tensor, optional
        Receives the result.

    Returns
    -------
    Tensor
    """
    return _C.fn.div(input, other, rounding_mode=_rounding(rounding_mode), out=out)


divide = div


def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """Return the distance of each row of one matrix from each of another.

    Parameters
    ----------
    x1 : Tensor [..., P, M]
    x2 : Tensor [..., R, M]
    p : float, default 2.0
        Of the norm.
    compute_mode : str
        Accepted: differences are always taken.

    Returns
    -------
    Tensor [..., P, R]

    Raises
    ------
    RuntimeError
        If rows differ in length, or a tensor has fewer than two dimensions.
    """
    for name, x in (("X1", x1), ("X2", x2)):
        if x.dim() < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.dim()}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
    return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).norm(p, -1)


def block_diag(*tensors):
    """Return a matrix with others along its diagonal.

    Parameters
    ----------
    *tensors : Tensor
        Of two dimensions at most.

    Returns
    -------
    Tensor
    """
    blocks = [atleast_2d(t) for t in tensors]
    width = sum(b.shape[1] for b in blocks)
    rows, at = [], 0
    for b in blocks:
        rows.append(_C.fn.constant_pad_nd(b, [at, width - at - b.shape[1]]))
        at += b.shape[1]
    return _C.fn.cat(rows, 0)


def cartesian_prod(*tensors):
    """Return all combinations of elements of vectors.

    Parameters
    ----------
    *tensors : Tensor [n]

    Returns
    -------
    Tensor [combinations, vectors]
        Of one vector: itself.
    """
    if len(tensors) == 1:
        return tensors[0]
    return _C.fn.stack([grid.reshape(-1) for grid in meshgrid(*tensors, indexing="ij")], 1)


def _atleast(tensors, grow):
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        return tuple(map(grow, tensors[0]))
    return grow(tensors[0]) if len(tensors) == 1 else tuple(map(grow, tensors))


def atleast_1d(*tensors):
    """Return tensors with one dimension at least.

    Parameters
    ----------
    *tensors : Tensor
        Or one sequence of them.

    Returns
    -------
    Tensor, or tuple of Tensor
    """
    return _atleast(tensors, lambda t: t.reshape(1) if t.dim() == 0 else t)


def atleast_2d(*tensors):
    """Return tensors with two dimensions at least, new ones in front.

    Parameters
    ----------
    *tensors : Tensor
        Or one sequence of them.

    Returns
    -------
    Tensor, or tuple of Tensor
    """
    return _atleast(tensors, lambda t: t.reshape([1] * (2 - t.dim()) + list(t.shape)) if t.dim() < 2 else t)


def atleast_3d(*tensors):
    """Return tensors with three dimensions at least: rows and columns become the first two.

    Parameters
    ----------
    *tensors : Tensor
        Or one sequence of them.

    Returns
    -------
    Tensor, or tuple of Tensor
    """
    return _atleast(tensors, lambda t: t if t.dim() > 2 else t.unsqueeze(-1) if t.dim() == 2 else t.reshape(1, -1, 1))


def dstack(tensors):
    """Join tensors along the third dimension.

    Parameters
    ----------
    tensors : sequence of Tensor

    Returns
    -------
    Tensor
    """
    return _C.fn.cat(list(atleast_3d(list(tensors))), 2)


def column_stack(tensors):
    """Join tensors side by side, vectors as columns.

    Parameters
    ----------
    tensors : sequence of Tensor

    Returns
    -------
    Tensor
    """
    return _C.fn.cat([t.reshape(-1, 1) if t.dim() < 2 else t for t in tensors], 1)
