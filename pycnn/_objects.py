"""Whole objects in torch's .pth files: modules, and whatever else Python's pickle takes, beside tensors.

Such a file is a program: reading one runs what it names. :func:`pycnn.load` does so with ``weights_only=False`` alone.
"""

import io
import pickle
import sys
import zipfile
from collections import OrderedDict

import numpy as np

from pycnn import _C, nn
from pycnn._tensor import Tensor
from pycnn.nn.parameter import Parameter

_STORAGES = {_C.float32: "FloatStorage", _C.float64: "DoubleStorage", _C.float16: "HalfStorage",
             _C.bfloat16: "BFloat16Storage", _C.int64: "LongStorage", _C.int32: "IntStorage", _C.int16: "ShortStorage",
             _C.int8: "CharStorage", _C.uint8: "ByteStorage", _C.bool: "BoolStorage"}
_DTYPES = {name: dtype for dtype, name in _STORAGES.items()}


def _to_array(data):
    if data.dtype is not _C.bfloat16:
        return data.numpy()
    return (data.float().numpy().view(np.uint32) >> 16).astype(np.uint16)  # NumPy has no bfloat16


def _from_bytes(data, dtype):
    if dtype is not _C.bfloat16:
        return _C.from_data(np.frombuffer(data, np.dtype(str(dtype).rpartition(".")[2])).copy())[0]
    wide = np.frombuffer(data, np.uint16).astype(np.uint32) << 16
    return _C.from_data(wide.view(np.float32))[0].to(dtype)


class _Global:
    """A name of torch's that stands in the file."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __call__(self, *args):
        raise TypeError(f"{self.module}.{self.name} is a name, no function")


_REBUILD_TENSOR = _Global("torch._utils", "_rebuild_tensor_v2")
_REBUILD_PARAMETER = _Global("torch._utils", "_rebuild_parameter")


class _Storage:
    """The bytes of one tensor, which the archive holds under a number."""

    def __init__(self, dtype, key, numel):
        self.dtype, self.key, self.numel = dtype, key, numel


class _Pickler(pickle._Pickler):
    """Writes tensors as torch does and pycnn's names as torch's; Python's own, whose save_global can be changed."""

    def __init__(self, file):
        super().__init__(file, 2)
        self.storages = []

    def persistent_id(self, obj):
        if isinstance(obj, _Storage):
            return ("storage", _Global("torch", _STORAGES[obj.dtype]), obj.key, "cpu", obj.numel)
        return None

    def reducer_override(self, obj):
        if isinstance(obj, (_Global, _C.dtype)):
            return obj.name if isinstance(obj, _Global) else str(obj).rpartition(".")[2]
        if isinstance(obj, Parameter):
            return _REBUILD_PARAMETER, (obj.detach(), obj.requires_grad, OrderedDict())
        if isinstance(obj, Tensor):
            data = obj.detach().contiguous()
            storage = _Storage(data.dtype, str(len(self.storages)), data.numel())
            self.storages.append(data)
            return _REBUILD_TENSOR, (storage, 0, tuple(data.shape), data.stride(), obj.requires_grad, OrderedDict())
        return NotImplemented

    def save_global(self, obj, name=None):
        module = "torch" if isinstance(obj, _C.dtype) else getattr(obj, "module", None) or ""
        if not module and not (getattr(obj, "__module__", None) or "").startswith("pycnn"):
            return super().save_global(obj, name)
        if not module:
            name = obj.__qualname__
            homes = ("pycnn", "pycnn.nn", obj.__module__.partition("._")[0])  # torch has no module _geometry
            home = next((h for h in homes if getattr(sys.modules[h], name, None) is obj), obj.__module__)
            module = home.replace("pycnn.vision", "torchvision").replace("pycnn", "torch", 1)
        self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        self.memoize(obj)

    dispatch = {**pickle._Pickler.dispatch, type(save_global): save_global}

    def save_type(self, obj):
        """As Python's, through save_global above."""
        if obj in (type(None), type(NotImplemented), type(...)):
            return super().save_type(obj)
        return self.save_global(obj)

    dispatch[type] = save_type


def save(obj, file):
    """Write any object that can be pickled, as torch's archive.

    Parameters
    ----------
    obj : object
    file : binary file
    """
    pickled = io.BytesIO()
    pickler = _Pickler(pickled)
    pickler.dump(obj)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", pickled.getvalue())
        archive.writestr("archive/byteorder", sys.byteorder)
        for key, data in enumerate(pickler.storages):
            archive.writestr(f"archive/data/{key}", _to_array(data).tobytes())
        archive.writestr("archive/version", "3\n")


def _rebuild_tensor(storage, offset, size, stride, requires_grad=False, hooks=None, metadata=None):
    return _C.fn.as_strided(storage, tuple(size), tuple(stride), offset).detach().requires_grad_(requires_grad)


def _rebuild_parameter(data, requires_grad, hooks):
    return Parameter(data, requires_grad)


class _Unpickler(pickle.Unpickler):
    """Reads torch's names as pycnn's, and tensors from an archive."""

    def __init__(self, file, record):
        super().__init__(file, encoding="utf-8")
        self.record, self.storages = record, {}

    def find_class(self, module, name):
        if module == "torch._utils" and name in ("_rebuild_tensor_v2", "_rebuild_parameter"):
            return _rebuild_tensor if name == "_rebuild_tensor_v2" else _rebuild_parameter
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        head, _, rest = module.partition(".")
        if head in ("torch", "torchvision"):
            module = {"torch": "pycnn", "torchvision": "pycnn.vision"}[head] + (f".{rest}" if rest else "")
            if rest.startswith("nn.") and hasattr(nn, name):  # which file it stands in is nobody's business
                module = "pycnn.nn"
        return super().find_class(module, name)

    def persistent_load(self, pid):
        kind, dtype, key, _, numel = pid
        if kind != "storage" or not isinstance(dtype, _C.dtype):
            raise pickle.UnpicklingError(f"a record of kind {kind!r} is unknown")
        if key not in self.storages:
            tensor = _from_bytes(self.record(f"data/{key}"), dtype)
            if tensor.numel() != numel:
                raise pickle.UnpicklingError(f"record data/{key} has {tensor.numel()} elements, not {numel}")
            self.storages[key] = tensor
        return self.storages[key]


def load(file, unpickler=_Unpickler):
    """Read any object from torch's archive, running what it names.

    Parameters
    ----------
    file : path or binary file
    unpickler : type
        Made of the pickle, as a file, and of a function that returns a record; by default one that trusts the file.

    Returns
    -------
    object

    Raises
    ------
    UnpicklingError
        If the archive holds something that cannot be read.
    """
    with zipfile.ZipFile(file) as archive:
        root = next(name for name in archive.namelist() if name.endswith("/data.pkl"))[:-len("data.pkl")]
        return unpickler(io.BytesIO(archive.read(root + "data.pkl")), lambda name: archive.read(root + name)).load()
