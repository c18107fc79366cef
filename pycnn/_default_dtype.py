"""The dtype that Python floats become."""

from pycnn import _C
from pycnn._types import dtype_of


def get_default_dtype():
    """Return the dtype that Python floats become: float32 unless :func:`set_default_dtype` was called.

    Returns
    -------
    dtype
    """
    return _C.get_default_dtype()


def set_default_dtype(d):
    """Set the dtype that Python floats become, and that tensors have which are made without one.

    Parameters
    ----------
    d : dtype
        float32 or float64.

    Raises
    ------
    TypeError
        If `d` is no float dtype.
    NotImplementedError
        If it is float16 or bfloat16, which are for storage here.
    """
    if not isinstance(d, _C.dtype) or not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {d}")
    if d not in (_C.float32, _C.float64):
        raise NotImplementedError(f"set_default_dtype({d}): the default is float32 or float64; half precision is for "
                                  "storage")
    _C.set_default_dtype(d)


def set_default_tensor_type(t):
    """Set the default dtype by a tensor type or its name.

    Parameters
    ----------
    t : tensor type or str
        As ``torch.DoubleTensor`` or ``"torch.DoubleTensor"``.
    """
    set_default_dtype(dtype_of(t))
