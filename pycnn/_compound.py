"""Operators of torch that are made of others here: rarer ones, which need no arithmetic of their own."""

import math

from pycnn import _C
from pycnn._tensor import Tensor, tensor

_fn = _C.fn


def _dimension(d, t):
    n = max(t.dim(), 1)
    if not -n <= d < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {d})")
    return d % n


def cross(input, other, dim=None):
    """Return the cross product of vectors of three elements.

    Parameters
    ----------
    input, other : Tensor
        Broadcast to one shape.
    dim : int, optional
        Of the vectors; by default the first of size 3.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If the dimension is not of size 3, or none is.
    IndexError
        If a dimension is asked for and there are none.
    """
    input, other = _fn._broadcast_tensors([input, other])
    if dim is None:
        dim = next((k for k, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    if input.dim() == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if input.shape[dim] != 3:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[dim]} and "
                           f"{other.shape[dim]}")
    return input.roll(-1, dim) * other.roll(-2, dim) - input.roll(-2, dim) * other.roll(-1, dim)


def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Put the last dimension on the diagonal of matrices.

    Parameters
    ----------
    input : Tensor [..., n]
    offset : int, default 0
        Which diagonal: above (positive) or below the main one.
    dim1, dim2 : int, default -2, -1
        Of the matrices, in the result.

    Returns
    -------
    Tensor
        With one dimension more.
    """
    n = input.shape[-1]
    size = n + abs(offset)
    rows = _fn.arange(n) + max(-offset, 0)
    matrix = _fn.zeros((*input.shape[:-1], size, size), dtype=input.dtype)
    matrix = matrix.reshape(*input.shape[:-1], size * size)
    places = (rows * size + rows + offset).expand(input.shape)
    return matrix.scatter(-1, places, input).reshape(*input.shape[:-1], size, size).movedim((-2, -1), (dim1, dim2))


def diagflat(input, offset=0):
    """Return a matrix with all elements on a diagonal.

    Parameters
    ----------
    input : Tensor
    offset : int, default 0

    Returns
    -------
    Tensor
    """
    return diag_embed(input.reshape(-1), offset)


def diff(input, n=1, dim=-1, prepend=None, append=None):
    """Return differences of neighbours.

    Parameters
    ----------
    input : Tensor
    n : int, default 1
        How often.
    dim : int, default -1
    prepend, append : Tensor, optional
        Put before or behind the input first.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If the input has no dimensions.
    """
    if input.dim() == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    parts = [t for t in (prepend, input, append) if t is not None]
    input = _fn.cat(parts, dim) if len(parts) > 1 else input
    for _ in range(n):
        size = input.shape[dim]
        later, earlier = input.narrow(dim, 1, size - 1), input.narrow(dim, 0, size - 1)
        input = later.logical_xor(earlier) if input.dtype is _C.bool else later - earlier
    return input


def inner(input, other):
    """Return sums of products over the last dimension of both.

    Parameters
    ----------
    input : Tensor [..., n]
    other : Tensor [..., n]

    Returns
    -------
    Tensor
    """
    if input.dim() == 0 or other.dim() == 0:
        return input * other
    return tensordot(input, other, ([-1], [-1]))


def tensordot(a, b, dims=2):
    """Return sums of products over several dimensions of both.

    Parameters
    ----------
    a, b : Tensor
    dims : int or pair of lists of int, default 2
        The last ones of `a` and the first of `b`, or which.

    Returns
    -------
    Tensor
    """
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        dims = (list(range(a.dim() - dims, a.dim())), list(range(dims)))
    mine, theirs = ([_dimension(d, t) for d in (ds if isinstance(ds, (list, tuple)) else [ds])] for ds,
                    t in zip(dims, (a, b)))
    kept = [d for d in range(a.dim()) if d not in mine], [d for d in range(b.dim()) if d not in theirs]
    k = math.prod(a.shape[d] for d in mine)
    left = a.permute(kept[0] + mine).reshape(math.prod(a.shape[d] for d in kept[0]), k)
    right = b.permute(theirs + kept[1]).reshape(k, math.prod(b.shape[d] for d in kept[1]))
    return (left @ right).reshape([a.shape[d] for d in kept[0]] + [b.shape[d] for d in kept[1]])


def kron(input, other):
    """Return the Kronecker product.

    Parameters
    ----------
    input, other : Tensor

    Returns
    -------
    Tensor
    """
    n = max(input.dim(), other.dim())
    a, b = (t.reshape([1] * (n - t.dim()) + list(t.shape)) for t in (input, other))
    product = a.reshape([v for s in a.shape for v in (s, 1)]) * b.reshape([v for s in b.shape for v in (1, s)])
    return product.reshape([s * t for s, t in zip(a.shape, b.shape)])


def logaddexp(input, other):
    """Return ``log(exp(input) + exp(other))``.

    Parameters
    ----------
    input, other : Tensor

    Returns
    -------
    Tensor
    """
    return _fn.maximum(input, other) + (-(input - other).abs()).exp().log1p()


def xlogy(input, other):
    """Return ``input * log(other)``, 0 where `input` is 0.

    Parameters
    ----------
    input, other : Tensor or float

    Returns
    -------
    Tensor
    """
    input, other = (t if isinstance(t, Tensor) else tensor(float(t)) for t in (input, other))
    product = input * other.log()
    return product.masked_fill((input == 0).logical_and(other.isnan().logical_not()), 0.0)


def logit(input, eps=None):
    """Return ``log(input / (1 - input))``.

    Parameters
    ----------
    input : Tensor
    eps : float, optional
        Clamp to eps, 1 - eps first.

    Returns
    -------
    Tensor
    """
    input = input if eps is None else input.clamp(eps, 1 - eps)
    return (input / (1 - input)).log()


def hypot(input, other):
    """Return ``sqrt(input ** 2 + other ** 2)``.

    Parameters
    ----------
    input, other : Tensor

    Returns
    -------
    Tensor
    """
    return (input.square() + other.square()).sqrt()


def deg2rad(input):
    """Turn degrees into radians.

    Parameters
    ----------
    input : Tensor

    Returns
    -------
    Tensor
    """
    return input * (math.pi / 180)


def rad2deg(input):
    """Turn radians into degrees.

    Parameters
    ----------
    input : Tensor

    Returns
    -------
    Tensor
    """
    return input * (180 / math.pi)


def nansum(input, dim=None, keepdim=False, *, dtype=None):
    """Sum what is not NaN.

    Parameters
    ----------
    input : Tensor
    dim : int or sequence of int, optional
        All by default.
    keepdim : bool, default False
    dtype : dtype, optional
        Of the result.

    Returns
    -------
    Tensor
    """
    input = input.masked_fill(input.isnan(), 0.0) if input.is_floating_point() else input
    return input.sum(dtype=dtype) if dim is None else input.sum(dim, keepdim, dtype=dtype)


def nanmean(input, dim=None, keepdim=False, *, dtype=None):
    """Return the mean of what is not NaN.

    Parameters
    ----------
    input : Tensor
    dim : int or sequence of int, optional
        All by default.
    keepdim : bool, default False
    dtype : dtype, optional
        Of the result.

    Returns
    -------
    Tensor
    """
    there = input.isnan().logical_not()
    return nansum(input, dim, keepdim, dtype=dtype) / (there.sum() if dim is None else there.sum(dim, keepdim))


def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """Return the values below which shares of the elements lie.

    Parameters
    ----------
    input : Tensor
        Of floats.
    q : float or Tensor
        From 0 to 1; several give a new first dimension.
    dim : int, optional
        All by default.
    keepdim : bool, default False
    interpolation : {"linear", "lower", "higher", "midpoint", "nearest"}

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If `q` is outside, or `interpolation` something else.
    IndexError
        If there is no such dimension.
    """
    q = q if isinstance(q, Tensor) else tensor(q, dtype=input.dtype)
    if q.numel() and not bool(((q >= 0) & (q <= 1)).all()):
        raise RuntimeError("quantile() q must be in the range [0, 1] but got " + str(q.tolist()) if q.dim() == 0 else
                           "quantile() q values must be in the range [0, 1]")
    modes = {"linear": None, "lower": _fn.floor, "higher": _fn.ceil, "nearest": _fn.round, "midpoint": None}
    if interpolation not in modes:
        raise RuntimeError("quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but "
                           f"got {interpolation}")
    dim = None if dim is None else _dimension(dim, input)
    flat = input.reshape(-1) if dim is None or input.dim() == 0 else input.movedim(dim, -1)
    n = flat.shape[-1]
    values = flat.sort(-1).values
    rank = q.reshape(-1) * (n - 1)
    rank = modes[interpolation](rank) if modes[interpolation] else rank
    low = rank.floor()
    share = (rank - low) if interpolation != "midpoint" else (rank - low != 0).to(rank.dtype) * 0.5
    result = values.index_select(-1, low.long()).lerp(values.index_select(-1, rank.ceil().long()), share)
    result = result.masked_fill(flat.isnan().any(-1, keepdim=True), math.nan).movedim(-1, 0)
    if keepdim:
        ones = [1] * input.dim()
        if dim is None or input.dim() == 0:
            result = result.reshape(-1, *ones)
        else:
            result = result.unsqueeze(-1).movedim(-1, 1 + dim)
    return result[0] if q.dim() == 0 else result


def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None):
    """Return where values would be put into sorted ones.

    Parameters
    ----------
    sorted_sequence : Tensor [..., n]
    input : Tensor or float
        Of the same leading dimensions, or any shape where there are none.
    out_int32 : bool, default False
        Return int32, not int64.
    right : bool, default False
        Behind equal values.
    side : {"left", "right"}, optional
        The same in words.

    Returns
    -------
    Tensor
    """
    scalar = not isinstance(input, Tensor)
    input = tensor(input) if scalar else input
    right = right or side == "right"
    row = sorted_sequence.unsqueeze(-2) if sorted_sequence.dim() > 1 else sorted_sequence
    before = row <= input.unsqueeze(-1) if right else row < input.unsqueeze(-1)
    return before.sum(-1, dtype=_C.int32 if out_int32 else _C.int64)


def bucketize(input, boundaries, *, out_int32=False, right=False):
    """Return the number of the interval that each value is in.

    Parameters
    ----------
    input : Tensor or float
    boundaries : Tensor [n]
        Sorted.
    out_int32 : bool, default False
        Return int32, not int64.
    right : bool, default False
        Intervals are closed on the left.

    Returns
    -------
    Tensor
    """
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def cov(input, *, correction=1):
    """Return the covariances of variables, a row each.

    Parameters
    ----------
    input : Tensor [variables, observations]
    correction : int, default 1
        Observations are counted less this.

    Returns
    -------
    Tensor [variables, variables]
    """
    rows = input.reshape(1, -1) if input.dim() < 2 else input
    rows = rows - rows.mean(1, keepdim=True)
    result = rows @ rows.t() / max(rows.shape[1] - correction, 0)
    return result.reshape(()) if input.dim() < 2 else result


def corrcoef(input):
    """Return the correlations of variables, a row each.

    Parameters
    ----------
    input : Tensor [variables, observations]

    Returns
    -------
    Tensor [variables, variables]
    """
    c = cov(input)
    if c.dim() == 0:
        return c / c
    deviations = c.diagonal().sqrt()
    return (c / deviations[:, None] / deviations[None, :]).clamp(-1, 1)


def scatter_reduce(input, dim, index, src, reduce, *, include_self=True):
    """Reduce the values of `src` that go to one place.

    Parameters
    ----------
    input : Tensor
    dim : int
    index : Tensor
        Where to, along `dim`.
    src : Tensor
    reduce : {"sum", "mean"}
    include_self : bool, default True
        Count what stands there already.

    Returns
    -------
    Tensor

    Raises
    ------
    NotImplementedError
        If `reduce` is another one of torch's.
    """
    if reduce not in ("sum", "mean"):
        raise NotImplementedError(f"scatter_reduce: reduce={reduce!r} is not supported; use 'sum' or 'mean'")
    if not include_self:
        input = input.scatter(dim, index, 0.0)
    total = input.scatter_add(dim, index, src)
    if reduce == "sum":
        return total
    start = _fn.ones_like(total) if include_self else _fn.ones_like(total).scatter(dim, index, 0.0)
    return total / start.scatter_add(dim, index, _fn.ones_like(src)).clamp(min=1)


def tril_indices(row, col, offset=0, *, dtype=_C.int64, device=None):
    """Return the places of the lower triangle of a matrix.

    Parameters
    ----------
    row, col : int
        Of the matrix.
    offset : int, default 0
        Diagonals more above the main one.
    dtype : dtype, default int64
    device : device or str, optional
        "cpu".

    Returns
    -------
    Tensor [2, n]
        Rows and columns.
    """
    return _fn.ones((row, col)).tril(offset).nonzero().t().contiguous().to(dtype)


def triu_indices(row, col, offset=0, *, dtype=_C.int64, device=None):
    """Return the places of the upper triangle of a matrix.

    Parameters
    ----------
    row, col : int
        Of the matrix.
    offset : int, default 0
        Diagonals less, from the main one on.
    dtype : dtype, default int64
    device : device or str, optional
        "cpu".

    Returns
    -------
    Tensor [2, n]
        Rows and columns.
    """
    return _fn.ones((row, col)).triu(offset).nonzero().t().contiguous().to(dtype)


def logspace(start, end, steps, base=10.0, *, dtype=None, device=None, requires_grad=False):
    """Return powers whose exponents are evenly spaced.

    Parameters
    ----------
    start, end : float
        Exponents.
    steps : int
    base : float, default 10.0
    dtype : dtype, optional
    device : device or str, optional
        "cpu".
    requires_grad : bool, default False

    Returns
    -------
    Tensor [steps]
    """
    powers = _fn.pow(base, _fn.linspace(start, end, steps, dtype=_C.float64))
    return powers.to(dtype or _C.get_default_dtype()).requires_grad_(requires_grad)


def combinations(input, r=2, with_replacement=False):
    """Return all combinations of elements.

    Parameters
    ----------
    input : Tensor [n]
    r : int, default 2
        How many.
    with_replacement : bool, default False

    Returns
    -------
    Tensor [combinations, r]
    """
    import itertools

    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = list(choose(range(input.shape[0]), r))
    if not places:
        return input.new_zeros((0, r))
    return input[tensor(places)]


def unravel_index(indices, shape):
    """Turn indices of the flat tensor into those of each dimension.

    Parameters
    ----------
    indices : Tensor
        Of ints.
    shape : int or sequence of int

    Returns
    -------
    tuple of Tensor

    Raises
    ------
    TypeError
        If the indices are something else.
    ValueError
        If the shape has no elements and there are indices.
    """
    if not isinstance(indices, Tensor) or indices.is_floating_point():
        raise TypeError("expected 'indices' to be integer dtype, but got "
                        f"{indices.dtype if isinstance(indices, Tensor) else type(indices).__name__}")
    result, shape = [], (shape,) if isinstance(shape, int) else tuple(shape)
    if indices.numel() and 0 in shape:
        raise ValueError(f"'shape' cannot have zero dimensions when 'indices' is non-empty, but got {shape}")
    for size in reversed(shape):
        result.append(indices % size)
        indices = indices.div(size, rounding_mode="floor")
    return tuple(reversed(result))


def masked_scatter(input, mask, source):
    """Write the first elements of `source` where a mask is True.

    Parameters
    ----------
    input : Tensor
    mask : Tensor of bool
        Broadcast to `input`.
    source : Tensor

    Returns
    -------
    Tensor
    """
    mask = mask.expand(input.shape).reshape(-1)
    order = mask.long().cumsum(0).sub(1).clamp(min=0)
    values = source.reshape(-1).index_select(0, order.clamp(max=max(source.numel() - 1, 0)))
    return _fn.where(mask, values, input.reshape(-1)).reshape(input.shape)


def _inplace(function):
    def call(self, *args, **kwargs):
        return self.copy_(function(self, *args, **kwargs))
    call.__name__ = f"{function.__name__}_"
    call.__qualname__ = f"Tensor.{call.__name__}"
    call.__doc__ = f"""As :func:`pycnn.{function.__name__}`, in place.

    Parameters
    ----------
    *args : object
    **kwargs : object
        Of that function, after the first.

    Returns
    -------
    Tensor
        This one.
    """
    return call


METHODS = ("corrcoef", "cov", "cross", "deg2rad", "diag_embed", "diagflat", "diff", "hypot", "inner", "kron",
           "logaddexp", "logit", "masked_scatter", "nanmean", "nansum", "quantile", "rad2deg", "scatter_reduce",
           "xlogy")
FUNCTIONS = (*METHODS, "bucketize", "combinations", "logspace", "searchsorted", "tensordot", "tril_indices",
             "triu_indices", "unravel_index")
for _name in METHODS:
    setattr(Tensor, _name, globals()[_name])
for _function in (masked_scatter, scatter_reduce, logit):
    setattr(Tensor, f"{_function.__name__}_", _inplace(_function))
