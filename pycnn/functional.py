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
            raise RuntimeError(f"split_with_sizes expects split_sizes to sum exactly to {tensor.shape[dim]} (input tensor's "
                               f"size at dimension {dim}), but got split_sizes={list(sizes)}")
        starts = [sum(sizes[:k]) for k in range(len(sizes))]
        return tuple(tensor.narrow(dim, start, size) for start, size in zip(starts, sizes))
    return _C.fn.split(tensor, sizes, dim)


def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """Return the norm of all elements, or over dimensions.

    Parameters
    ----------
    input : Tensor
        Of floats.
    p : float or "fro", default "fro"
        ``(sum |x|^p)^(1/p)``; infinities stand for the largest and the smallest magnitude, 0 counts elements that are not
        zero, "fro" is 2. The nuclear norm is not supported.
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
    dim : None
        Distinct slices are not supported.

    Returns
    -------
    Tensor or tuple of Tensor
        The elements and what was asked for, in the order of the parameters. NaNs are all different.

    Raises
    ------
    NotImplementedError
        If `dim` is given.
    """
    if dim is not None:
        raise NotImplementedError("unique: distinct slices along a dimension are not supported; use dim=None")
    values, inverse, counts = _C.fn._unique(input)
    wanted = [values] + [inverse] * bool(return_inverse) + [counts] * bool(return_counts)
    return tuple(wanted) if len(wanted) > 1 else values
