"""save and load: torch's .pth files, both ways.

A file is data to :func:`load`, never a program: names in it are looked up in a table, nothing is imported or called, every
length is checked before it is used, every record's CRC-32 before it is believed.
"""

import os
import pickle
import struct
from collections import Counter, OrderedDict

import numpy as np

from pycnn import _C
from pycnn._device import Size, check_device, device
from pycnn._tensor import Tensor
from pycnn.nn.parameter import Parameter
from pycnn.serialization.archive import ArchiveError, ArchiveReader, ArchiveWriter
from pycnn.serialization.files import replacing
from pycnn.serialization.pickles import Constructor, Decoder, Encoder, Global, PersistentId, PickleError, Reduce

__all__ = ["CheckpointError", "load", "save"]


class CheckpointError(RuntimeError, OSError, pickle.UnpicklingError):
    """A file cannot be read as a checkpoint; the message names the file, its size and the reason."""


_STORAGES = {"FloatStorage": _C.float32, "DoubleStorage": _C.float64, "HalfStorage": _C.float16,
             "BFloat16Storage": _C.bfloat16, "LongStorage": _C.int64, "IntStorage": _C.int32, "ShortStorage": _C.int16,
             "CharStorage": _C.int8, "ByteStorage": _C.uint8, "BoolStorage": _C.bool}
_STORAGE_OF = {dtype: name for name, dtype in _STORAGES.items()}
_DTYPES = {name: getattr(_C, name) for name in ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16",
                                                  "int8", "uint8", "bool")}

# ---- writing


def save(obj, f, pickle_module=None, pickle_protocol=2, _use_new_zipfile_serialization=True):
    """Write `obj` to a file in torch's .pth format.

    Parameters
    ----------
    obj : object
        Tensors, parameters, and dicts, lists, tuples, sets, numbers, strings, dtypes and NumPy scalars that hold them: a
        state_dict, or a dict with those of a model and an optimizer.
    f : path or binary file
        A path is replaced as a whole: an interrupted or failed write leaves the old file.

    Raises
    ------
    TypeError
        If `obj` holds something else.
    OSError
        If the file cannot be written.
    """
    storages = []
    data = Encoder(_Converter(storages)).encode(obj)
    if isinstance(f, (str, os.PathLike)):
        name = os.path.splitext(os.path.basename(os.fspath(f)))[0]
        with replacing(f) as file:
            _write(file, name, data, storages)
    else:
        _write(f, "archive", data, storages)


def _write(file, name, data, storages):
    archive = ArchiveWriter(file, name)
    archive.record("data.pkl", data)
    archive.record(".format_version", b"1")
    archive.record(".storage_alignment", b"64")
    archive.record("byteorder", b"little")
    for k, tensor in enumerate(storages):
        archive.record(f"data/{k}", memoryview(_C.storage_bytes(tensor)))
    archive.record("version", b"3\n")
    archive.record(".data/serialization_id", f"{len(storages):020d}{archive.crc:020d}".encode())
    archive.finish()


class _Converter:
    """From objects of this package to what a pickle holds; storages are collected, each once."""

    def __init__(self, storages):
        self._storages = storages
        self._keys = {}

    def __call__(self, obj):
        if isinstance(obj, Parameter):
            return Reduce(Global("torch._utils", "_rebuild_parameter"), (_Plain(obj), obj.requires_grad, OrderedDict()))
        if isinstance(obj, (_Plain, Tensor)):
            tensor = obj.tensor if isinstance(obj, _Plain) else obj
            requires_grad = tensor.requires_grad and isinstance(obj, Tensor)
            return Reduce(Global("torch._utils", "_rebuild_tensor_v2"),
                          (_Storage(tensor), tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride()),
                           requires_grad, OrderedDict()))
        if isinstance(obj, _Storage):
            return self._storage(obj.tensor)
        if isinstance(obj, Size):
            return Reduce(Global("torch", "Size"), (tuple(obj),))
        if isinstance(obj, _C.dtype):
            return Global("torch", obj.name)
        if isinstance(obj, device):
            return Reduce(Global("torch", "device"), (str(obj),))
        if isinstance(obj, Counter):
            return Reduce(Global("collections", "Counter"), (dict(obj),))
        if isinstance(obj, np.generic) and obj.dtype.kind in "biuf":
            return obj.item()
        if isinstance(obj, dict):  # defaultdict and the like: their items
            return dict(obj)
        hint = ""
        if hasattr(obj, "state_dict"):
            hint = ": save its state_dict() instead"
        elif isinstance(obj, np.ndarray):
            hint = ": save pycnn.from_numpy(array) instead"
        raise TypeError(f"cannot save an object of type {type(obj).__module__}.{type(obj).__qualname__}{hint}")

    def _storage(self, tensor):
        address, size = tensor._storage_info()
        key = self._keys.get(address)
        if key is None:
            key = self._keys[address] = str(len(self._storages))
            self._storages.append(tensor.detach())
        return PersistentId(("storage", Global("torch", _STORAGE_OF[tensor.dtype]), key, "cpu", size // tensor.element_size()))


class _Plain:
    """A parameter seen as a tensor."""

    __slots__ = ("tensor",)

    def __init__(self, parameter):
        self.tensor = parameter


class _Storage:
    """The storage of a tensor."""

    __slots__ = ("tensor",)

    def __init__(self, tensor):
        self.tensor = tensor


# ---- reading


def load(f, map_location=None, pickle_module=None, *, weights_only=True, mmap=None, **pickle_load_args):
    """Read a file that :func:`save` or ``torch.save`` wrote.

    Parameters
    ----------
    f : path or binary file
    map_location : optional
        The CPU, whatever a file says.
    weights_only : bool, default True
        Data is all that is ever read: False changes nothing.
    mmap : bool, optional
        Accepted; storages are copied, and checked while they are.

    Returns
    -------
    object

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it is damaged, is something else, or holds more than data.
    """
    if isinstance(map_location, (str, device)):
        check_device(map_location)
    if isinstance(f, (str, os.PathLike)):
        name, source = os.fspath(f), f
        with open(f, "rb") as file:
            head = file.read(262)
            size = os.fstat(file.fileno()).st_size
    else:
        name = getattr(f, "name", "<file>")
        source = f.read()
        head, size = source[:262], len(source)
    try:
        if head[:4] == b"PK\x03\x04":
            return _read_archive(ArchiveReader(source))
        if head[:12] == b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8":
            if not isinstance(source, bytes):
                with open(source, "rb") as file:
                    source = file.read()
            return _read_legacy(source)
        raise ArchiveError(_what_else(head, size))
    except (ArchiveError, PickleError) as error:
        raise CheckpointError(f"Weights only load failed: {name} ({size:,} bytes): {error}") from None


def _what_else(head, size):
    if size == 0:
        return "the file is empty"
    if head.startswith(b"version https://git-lfs"):
        return "this is a Git LFS pointer, not the file itself"
    if head.lstrip()[:1] == b"<":
        return "this is a web page, not a checkpoint"
    if head[257:262] == b"ustar":
        return "this is a tar archive; torch has not written such files since 0.1"
    return "this is neither a zip archive nor a file of torch before 1.6"


_CONSTRUCTORS = {
    ("collections", "OrderedDict"): Constructor(lambda items=(): OrderedDict(_pairs(items))),
    ("collections", "Counter"): Constructor(lambda items: Counter(_checked(items, dict))),
    ("collections", "defaultdict"): Constructor(lambda factory=None, items=(): dict(items)),
    ("_codecs", "encode"): Constructor(lambda text, encoding="latin1": _encode(text, encoding)),
    ("torch", "Size"): Constructor(lambda items: Size(_ints(items))),
    ("torch", "device"): Constructor(lambda *args: device(*args)),
    ("torch._utils", "_rebuild_parameter"): Constructor(lambda data, requires_grad, hooks: _parameter(data, requires_grad)),
    ("torch.nn.parameter", "Parameter"): Constructor(lambda data, requires_grad=True: _parameter(data, requires_grad)),
}
for _module in ("builtins", "__builtin__"):
    _CONSTRUCTORS[_module, "set"] = Constructor(lambda items=(): set(_scalars(items)))
    _CONSTRUCTORS[_module, "complex"] = Constructor(lambda real, imag: complex(real, imag))


def _checked(value, kind):
    if type(value) is not kind:
        raise PickleError(f"a {kind.__name__} is expected, not a {type(value).__name__}")
    return value


def _pairs(items):
    return [(k, v) for k, v in items] if isinstance(items, (list, tuple)) else dict(_checked(items, dict))


def _scalars(items):
    if not all(isinstance(i, (str, int, float, bytes, type(None))) for i in items):
        raise PickleError("a set holds something else than scalars")
    return items


def _ints(items):
    items = tuple(items)
    if not all(type(i) is int and -2 ** 63 <= i < 2 ** 63 for i in items):
        raise PickleError("integers are expected")
    return items


def _encode(text, encoding):
    if encoding != "latin1" or type(text) is not str:
        raise PickleError("bytes are encoded otherwise than as latin1")
    return text.encode("latin1")


def _parameter(data, requires_grad):
    if not isinstance(data, Tensor) or not isinstance(requires_grad, bool):
        raise PickleError("a parameter is malformed")
    return Parameter(data, requires_grad)


class _StorageType:
    __slots__ = ("dtype",)

    def __init__(self, dtype):
        self.dtype = dtype


def _rebuild_tensor(storage, offset, sizes, strides, requires_grad=False, hooks=None, metadata=None):
    if not isinstance(storage, _StoredValues) or type(requires_grad) is not bool or metadata:
        raise PickleError("a tensor is malformed")
    sizes, strides = _ints(sizes), _ints(strides)
    if type(offset) is not int:
        raise PickleError("a tensor is malformed")
    return storage.view(offset, sizes, strides, requires_grad)


_REBUILD = Constructor(_rebuild_tensor)
_CONSTRUCTORS["torch._utils", "_rebuild_tensor_v2"] = _REBUILD
_CONSTRUCTORS["torch._utils", "_rebuild_tensor"] = _REBUILD
_CONSTRUCTORS["torch._tensor", "_rebuild_from_type_v2"] = Constructor(lambda function, kind, args, state:
                                                                      _checked_call(function, args))


def _checked_call(function, args):
    if not isinstance(function, Constructor) or type(args) is not tuple:
        raise PickleError("a tensor is malformed")
    return function.make(*args)


def _find(module, name):
    """What a name in a file stands for."""
    found = _CONSTRUCTORS.get((module, name))
    if found is not None:
        return found
    if module == "torch":
        if name in _STORAGES:
            return _StorageType(_STORAGES[name])
        if name in _DTYPES:
            return _DTYPES[name]
    hint = ""
    if module == "torch" and name.endswith("Storage"):
        hint = "; tensors of this type are not supported"
    elif module.startswith("torch.nn.modules") or module in ("__main__", "models"):
        hint = "; this file holds a whole module: save and load model.state_dict() instead"
    raise PickleError(f"it names {module}.{name}, which is not data: nothing of it was run{hint}")


class _StoredValues:
    """A storage of a file: its values are read when the first tensor wants them."""

    def __init__(self, dtype, numel, read):
        self.dtype, self.numel, self._read = dtype, numel, read
        self._values = None

    def view(self, offset, sizes, strides, requires_grad):
        last = offset
        for size, stride in zip(sizes, strides):
            if size < 0 or stride < 0:
                raise PickleError("a tensor has negative sizes or strides")
            last += (size - 1) * stride
        empty = any(size == 0 for size in sizes)
        if len(sizes) != len(strides) or offset < 0 or (not empty and last >= self.numel):
            raise PickleError(f"a tensor of shape {list(sizes)} and strides {list(strides)} at {offset} reaches beyond its "
                              f"storage of {self.numel} elements")
        if self._values is None:
            self._values = self._read(self)
        try:
            tensor = _C.storage_view(self._values, sizes, strides, offset)
        except RuntimeError as error:
            raise PickleError(str(error)) from None
        if requires_grad:
            tensor.requires_grad_()
        return tensor


class _Storages:
    """The storages of a file by key: one dtype each."""

    def __init__(self, read):
        self._read, self._known = read, {}

    def __call__(self, pid):
        if type(pid) is not tuple or len(pid) not in (5, 6) or pid[0] != "storage" or not isinstance(pid[1], _StorageType):
            raise PickleError("a storage is malformed")
        kind, key, numel = pid[1], pid[2], pid[4]
        if type(key) is not str or type(numel) is not int or numel < 0:
            raise PickleError("a storage is malformed")
        if len(pid) == 6 and pid[5] is not None:
            raise PickleError("it holds views of storages as torch 0.3 wrote them")
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _StoredValues(kind.dtype, numel, lambda s: self._read(key, s))
        elif known.dtype is not kind.dtype or known.numel != numel:
            raise PickleError(f"storage {key} is used with two types or sizes")
        return known

    def items(self):
        return self._known.items()


def _read_archive(archive):
    names = archive.names
    if "constants.pkl" in names:
        raise ArchiveError("this is a TorchScript archive: use jit.load")
    if "data.pkl" not in names:
        raise ArchiveError("record 'data.pkl' is missing")
    order = bytes(archive.read("byteorder")) if "byteorder" in names else b"little"
    if order not in (b"little", b"big"):
        raise ArchiveError(f"its byte order is {order[:20]!r}")

    def read(key, storage):
        name = f"data/{key}"
        data = archive.read(name)
        wanted = storage.numel * storage.dtype.itemsize
        if len(data) < wanted:
            raise ArchiveError(f"record '{name}' has {len(data)} bytes, its tensors need {wanted}")
        if order == b"big" and storage.dtype.itemsize > 1:
            data = memoryview(np.frombuffer(data, f"u{storage.dtype.itemsize}").byteswap().view("u1"))
        return _C.storage_from(data[:wanted], storage.dtype)

    return Decoder(archive.read("data.pkl"), _find, _Storages(read)).decode()


def _read_legacy(data):
    """Files of torch before 1.6: magic, version and system; the object; the storages' keys, then their values."""
    decoder = Decoder(data, _find)
    decoder.decode()
    if decoder.decode() != 1001:
        raise PickleError("its protocol version is unknown")
    system = decoder.decode()
    if type(system) is not dict or system.get("little_endian") is not True:
        raise PickleError("it was written on a machine of another byte order")
    # The values come after the object that views them: a first pass learns the storages, a second builds the tensors.
    start, sizes = decoder.at, _Storages(lambda key, storage: _C.storage_from(b"\0" * (storage.numel
                                                                              * storage.dtype.itemsize), storage.dtype))
    probe = Decoder(data, _find_shapes, sizes)
    probe.at = start
    probe.decode()
    tail = Decoder(data, _find)
    tail.at = probe.at
    keys = tail.decode()
    if type(keys) is not list or any(type(k) is not str for k in keys):
        raise PickleError("the list of its storages is malformed")
    known, at, places = dict(sizes.items()), tail.at, {}
    for key in keys:
        if key not in known or key in places:
            raise PickleError("the list of its storages does not match its tensors")
        storage = known[key]
        size = storage.numel * storage.dtype.itemsize
        if at + 8 + size > len(data):
            raise PickleError("truncated")
        count, = struct.unpack_from("<q", data, at)
        if count != storage.numel:
            raise PickleError(f"storage {key} has {count} elements instead of {storage.numel}")
        places[key] = (at + 8, size)
        at += 8 + size
    if set(places) != set(known):
        raise PickleError("a storage is missing")

    def read(key, storage):
        begin, size = places[key]
        return _C.storage_from(memoryview(data)[begin:begin + size], storage.dtype)

    final = Decoder(data, _find, _Storages(read))
    final.at = start
    return final.decode()


def _find_shapes(module, name):
    """As :func:`_find`, but tensors are not built: their storages are all that is wanted."""
    if (module, name) in (("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_tensor"),
                          ("torch._utils", "_rebuild_parameter"), ("torch.nn.parameter", "Parameter"),
                          ("torch._tensor", "_rebuild_from_type_v2")):
        return Constructor(lambda *args: None)
    return _find(module, name)
