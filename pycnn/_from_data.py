"""Tensors from other objects: numbers, sequences, arrays, DLPack."""

import numpy as np

from pycnn import _C
from pycnn._default_dtype import get_default_dtype
from pycnn._device import check_device


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """Make a tensor with a copy of `data`.

    Parameters
    ----------
    data : number, nested sequence of numbers, ndarray or Tensor
    dtype : dtype, optional
        Default: that of an array or tensor; int64, the default float dtype or bool for Python numbers.
    device : optional
        The CPU.
    requires_grad : bool, default False
    pin_memory : bool, default False
        Accepted and ignored: there is no GPU.

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError
        If an item is no number.
    ValueError
        If nested sequences differ in length.

    See Also
    --------
    torch.tensor : same behaviour.

    Examples
    --------
    >>> tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    >>> tensor([1.5]).dtype
    torch.float32
    """
    check_device(device)
    if isinstance(data, _C.TensorBase):
        result = data.detach().clone()
    else:
        if isinstance(data, (list, tuple)):
            data = _plain(data)
        try:
            result, is_array = _C.from_data(data)
        except (TypeError, ValueError, OverflowError) as error:
            raise _refusal(data, error) from None
        if not is_array and dtype is None and (result.dtype is _C.float64
                                               or (result.numel() == 0 and result.dim() > 0)):
            dtype = get_default_dtype()
    if dtype is not None:
        result = result.to(dtype)
    if requires_grad:
        result.requires_grad_()
    return result


def _refusal(data, error):
    """The error for `data` that are no numbers, or no rectangle of them: torch's, which names the first bad item."""
    shape, first = [], data
    while isinstance(first, (list, tuple)) and len(shape) < 64:
        shape.append(len(first))
        first = first[0] if first else None
    items = [(data, 0)]
    while items:
        item, dim = items.pop()
        name = type(item).__name__
        if dim < len(shape):
            if not isinstance(item, (list, tuple)):
                return TypeError(f"new(): expected a sequence of length {shape[dim]} at dim {dim}, got {name}")
            if len(item) != shape[dim]:
                return ValueError(f"expected sequence of length {shape[dim]} at dim {dim} (got {len(item)})")
            items.extend((inner, dim + 1) for inner in reversed(item))
        elif isinstance(item, str):
            if dim == 0:
                return TypeError(f"new(): invalid data type '{name}'")
            return ValueError(f"too many dimensions '{name}'")
        elif isinstance(item, int):
            if not -2 ** 63 <= item < 2 ** 63:
                return ValueError("Overflow when unpacking long long")
        elif isinstance(item, (list, tuple)) or not hasattr(item, "__float__"):
            return RuntimeError(f"Could not infer dtype of {name}")
    return error


def _plain(data):
    """Nested sequences with the tensors in them turned into arrays or numbers, which NumPy reads."""
    if any(isinstance(item, _C.TensorBase) for item in data):
        return [item.tolist() if isinstance(item, _C.TensorBase) else item for item in data]
    if any(isinstance(item, (list, tuple)) for item in data):
        return [_plain(item) if isinstance(item, (list, tuple)) else item for item in data]
    return data


def as_tensor(data, dtype=None, device=None):
    """Make a tensor of `data`, sharing memory with arrays and tensors where the dtype allows it.

    Parameters
    ----------
    data : number, nested sequence of numbers, ndarray or Tensor
    dtype : dtype, optional
        Of the result.
    device : device or str, optional
        "cpu"; any other is refused.

    Returns
    -------
    Tensor
    """
    check_device(device)
    if isinstance(data, np.ndarray):
        data = from_numpy(data)
    elif not isinstance(data, _C.TensorBase):
        return tensor(data, dtype=dtype)
    return data.to(dtype) if dtype is not None else data


asarray = as_tensor


def from_numpy(ndarray):
    """Make a tensor that shares memory with `ndarray`.

    Parameters
    ----------
    ndarray : ndarray
        Of floats, integers or bools.

    Returns
    -------
    Tensor
        Of the same shape and strides.

    Raises
    ------
    TypeError
        If `ndarray` is no array, or of a type without a tensor counterpart.

    Notes
    -----
    Memory that a tensor cannot share (negative strides, a foreign byte order) is copied, with a warning; torch refuses
    it.

    Examples
    --------
    >>> array = np.zeros(2, np.float32)
    >>> from_numpy(array)[0] = 7
    >>> array
    array([7., 0.], dtype=float32)
    """
    return _C.from_numpy(ndarray)


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """Make a tensor that shares memory with any object that speaks DLPack.

    Parameters
    ----------
    ext_tensor : object
        With ``__dlpack__``, on the CPU: a tensor of torch, an array of NumPy, JAX, ... Or a capsule.
    device : optional
        The CPU.
    copy : bool, optional
        True: share nothing.

    Returns
    -------
    Tensor
    """
    check_device(device)
    capsule = ext_tensor.__dlpack__() if hasattr(ext_tensor, "__dlpack__") else ext_tensor
    result = _C.from_dlpack_capsule(capsule)
    return result.clone() if copy else result


def is_tensor(obj):
    """Return True if `obj` is a Tensor.

    Parameters
    ----------
    obj : object

    Returns
    -------
    bool
    """
    return isinstance(obj, _C.TensorBase)
