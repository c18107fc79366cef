"""Types by name: FloatTensor and its like, and what the dtypes hold (finfo, iinfo)."""

import numpy as _np

from pycnn import _C
from pycnn._device import Size, check_device

_DTYPES = {"Float": _C.float32, "Double": _C.float64, "Half": _C.float16, "BFloat16": _C.bfloat16, "Long": _C.int64,
           "Int": _C.int32, "Short": _C.int16, "Char": _C.int8, "Byte": _C.uint8, "Bool": _C.bool}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


def type_name(dtype):
    """Return ``torch.FloatTensor`` for float32, and so on.

    Parameters
    ----------
    dtype : dtype

    Returns
    -------
    str
    """
    return f"torch.{_NAMES[dtype]}Tensor"


def dtype_of(kind):
    """Return the dtype that a dtype, a tensor type or its name stands for.

    Parameters
    ----------
    kind : dtype, tensor type or str

    Returns
    -------
    dtype

    Raises
    ------
    ValueError
        If there is no such name.
    TypeError
        If `kind` is something else.
    """
    if isinstance(kind, _C.dtype):
        return kind
    if isinstance(kind, tensortype):
        check_device(kind.device)
        return kind.dtype
    if isinstance(kind, str):
        prefix, _, name = kind.rpartition(".")
        if prefix in ("torch", "torch.cuda") and name.endswith("Tensor") and name[:-6] in _DTYPES:
            check_device("cuda" if prefix == "torch.cuda" else None)
            return _DTYPES[name[:-6]]
        raise ValueError(f"invalid type: '{kind}'")
    raise TypeError(f"dtype must be a type, str, or dtype object, got {type(kind).__name__}")


def new_tensor(dtype, args, what):
    """What ``FloatTensor(*args)`` and ``t.new(*args)`` give: sizes make an uninitialised tensor, data one of these
    values.

    Parameters
    ----------
    dtype : dtype
        Of the parameters; float32 by default.
    """
    from pycnn._from_data import tensor
    from pycnn._tensor import Tensor
    if len(args) == 1 and not isinstance(args[0], int):
        data = args[0]
        if isinstance(data, Size):
            return _C.fn.empty(data, dtype=dtype)
        if not isinstance(data, Tensor):
            return tensor(data, dtype=dtype)
        if data.dtype is not dtype:
            raise TypeError(f"{what} expected a tensor of {dtype}, got {data.dtype}; use .to({str(dtype)})")
        return data.detach()
    return _C.fn.empty(args if args else (0,), dtype=dtype)


class tensortype:
    """``torch.FloatTensor`` and its like: makes tensors of its dtype, names it in ``t.type(...)``, and stands in
    isinstance.

    Called as :class:`pycnn.Tensor` is: with sizes or with data.

    Parameters
    ----------
    name : str
        "Float", "Long", ...
    device : {"cpu", "cuda"}, default "cpu"
    """

    NAMES = tuple(_DTYPES)

    def __init__(self, name, device="cpu"):
        self.__name__, self.__module__ = f"{name}Tensor", "torch" if device == "cpu" else "torch.cuda"
        self.dtype, self.device, self.is_cuda = _DTYPES[name], device, device == "cuda"

    def __call__(self, *args):
        check_device(self.device)
        return new_tensor(self.dtype, args, f"{self.__module__}.{self.__name__}()")

    def __instancecheck__(self, instance):
        return isinstance(instance, _C.TensorBase) and instance.dtype is self.dtype and not self.is_cuda

    def __repr__(self):
        return f"<class '{self.__module__}.{self.__name__}'>"

    def __reduce__(self):
        return tensortype, (self.__name__[:-6], self.device)


FloatTensor, DoubleTensor, HalfTensor, BFloat16Tensor, LongTensor = map(
    tensortype, ("Float", "Double", "Half", "BFloat16", "Long"))
IntTensor, ShortTensor, CharTensor, ByteTensor, BoolTensor = map(tensortype, ("Int", "Short", "Char", "Byte", "Bool"))


def typename(obj):
    """Return the name of a tensor's type, or of an object's class with its module.

    Parameters
    ----------
    obj : object

    Returns
    -------
    str
    """
    if isinstance(obj, _C.TensorBase):
        return type_name(obj.dtype)
    cls = obj if isinstance(obj, type) or hasattr(obj, "__qualname__") else type(obj)
    module = getattr(cls, "__module__", None)
    return f"{module}.{cls.__qualname__}" if module not in (None, "builtins", "__builtin__") else cls.__qualname__


class finfo:
    """Limits of a float dtype.

    Parameters
    ----------
    type : dtype, optional
        Default: the default dtype.

    Attributes
    ----------
    bits : int
    eps, max, min, tiny, smallest_normal, resolution : float
    dtype : str

    Raises
    ------
    TypeError
        If `type` is no float dtype.
    """

    def __init__(self, type=None):
        from pycnn._default_dtype import get_default_dtype
        type = get_default_dtype() if type is None else type
        if not isinstance(type, _C.dtype) or not type.is_floating_point:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{type}'")
        self.dtype = type.name
        if type is _C.bfloat16:
            self.bits, self.resolution = 16, 0.01
            self.eps, self.max, self.tiny = 2.0 ** -7, 2.0 ** 128 - 2.0 ** 120, 2.0 ** -126
        else:
            info = _np.finfo(type.name)
            self.bits, self.eps, self.max = info.bits, float(info.eps), float(info.max)
            self.tiny, self.resolution = float(info.tiny), float(str(info.resolution))
        self.min, self.smallest_normal = -self.max, self.tiny

    def __repr__(self):
        fields = ", ".join(f"{name}={getattr(self, name):.6g}"
                           for name in ("resolution", "min", "max", "eps", "smallest_normal", "tiny"))
        return f"finfo({fields}, dtype={self.dtype})"


class iinfo:
    """Limits of an integer dtype.

    Parameters
    ----------
    type : dtype

    Attributes
    ----------
    bits, max, min : int
    dtype : str

    Raises
    ------
    TypeError
        If `type` is no integer dtype.
    """

    def __init__(self, type):
        if not isinstance(type, _C.dtype) or type.is_floating_point or type is _C.bool:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type}'")
        info = _np.iinfo(type.name)
        self.dtype, self.bits, self.min, self.max = type.name, info.bits, int(info.min), int(info.max)

    def __repr__(self):
        return f"iinfo(min={self.min:.6g}, max={self.max:.6g}, dtype={self.dtype})"
