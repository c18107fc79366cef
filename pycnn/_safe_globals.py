"""Objects of classes that the user calls safe, in files that are trusted no further.

:func:`pycnn.load` comes here only if a file names one of them. The machine that runs the pickle is Python's own,
without what could call or change anything else: as in torch, classes and functions that were added may be called, and
only objects of such classes are given state.
"""

import codecs
import pickle
import zipfile
from collections import Counter, OrderedDict

from pycnn import _C, _objects
from pycnn._device import Size, device
from pycnn.nn.parameter import Parameter

def by_name(safe):
    """Return classes and functions by the full names that stand in files.

    Parameters
    ----------
    safe : iterable of classes and functions, and of pairs of one and its name

    Returns
    -------
    dict

    Raises
    ------
    ValueError, TypeError
        If a pair is none.
    """
    found = {}
    for item in safe:
        if not isinstance(item, tuple):
            found[f"{item.__module__}.{item.__qualname__}"] = item
            continue
        if len(item) != 2:
            raise ValueError("Expected tuple of length 2 (global, str of callable full path), but got tuple of length: "
                             f"{len(item)}")
        if type(item[1]) is not str:
            raise TypeError("Expected second item in tuple to be str of callable full path, but got: "
                            f"{type(item[1])}")
        found[item[1]] = item[0]
    return found


def _check_key(key):
    """Python hashes nested tuples by recursion, without a limit: flat ones only."""
    if isinstance(key, tuple) and any(isinstance(item, (tuple, frozenset)) for item in key):
        raise pickle.UnpicklingError("a tuple of tuples cannot be a key here")


def _make_set(items=()):
    for item in items:
        _check_key(item)
    return set(items)


def _make_ordered_dict(items=()):
    made = OrderedDict()
    for key, value in items.items() if isinstance(items, dict) else items:
        _check_key(key)
        made[key] = value
    return made


def _make_counter(counts):
    if not isinstance(counts, dict):
        raise pickle.UnpicklingError("a Counter is made of a dict")
    return Counter(counts)


def _make_bytearray(data=b"", encoding="latin1"):
    if isinstance(data, int):
        raise pickle.UnpicklingError("a bytearray is made of bytes")  # of any number of zeros otherwise
    return bytearray(_encode(data) if isinstance(data, str) else data)


def _encode(text, encoding="latin1"):
    return codecs.encode(text, "latin1")  # bytes of protocol 2 are written so


_KNOWN = {"collections.OrderedDict": _make_ordered_dict, "collections.Counter": _make_counter,
          "_codecs.encode": _encode, "torch.nn.parameter.Parameter": Parameter, "torch.Size": Size,
          "torch.device": device}
for _module in ("builtins", "__builtin__"):
    _KNOWN |= {f"{_module}.set": _make_set, f"{_module}.complex": complex, f"{_module}.bytearray": _make_bytearray}
_KNOWN |= {f"torch.{str(dtype).rpartition('.')[2]}": dtype for dtype in _objects._STORAGES}
_KNOWN |= {f"torch.{name}": dtype for name, dtype in _objects._DTYPES.items()}
_KNOWN |= {"torch._utils._rebuild_tensor_v2": _objects._rebuild_tensor,
           "torch._utils._rebuild_parameter": _objects._rebuild_parameter}
_CALLED = [value for value in _KNOWN.values() if not isinstance(value, _C.dtype)]


class _Unpickler(pickle._Unpickler):
    dispatch = {code: method for code, method in pickle._Unpickler.dispatch.items()
                if code not in b"io\x82\x83\x84\x92P"}  # INST, OBJ, EXT1-4, NEWOBJ_EX, PERSID

    def __init__(self, file, record, added):
        super().__init__(file, encoding="utf-8")
        self.record, self.storages, self.added = record, {}, added

    persistent_load = _objects._Unpickler.persistent_load

    def find_class(self, module, name):
        full = f"{module}.{name}"
        if full in _KNOWN:
            return _KNOWN[full]
        if full not in self.added:
            raise pickle.UnpicklingError(
                f"Weights only load failed: GLOBAL {full} was not an allowed global by default. Please use "
                f"`torch.serialization.add_safe_globals([{full}])` if you trust this class or function")
        return self.added[full]

    def _is_added(self, obj):
        return any(obj is value for value in self.added.values())

    def load_reduce(self):
        args, function = self.stack.pop(), self.stack[-1]
        if not self._is_added(function) and not any(function is known for known in _CALLED):
            raise pickle.UnpicklingError(f"Trying to call reduce for unrecognized function {function}")
        self.stack[-1] = function(*args)

    def load_newobj(self):
        args, cls = self.stack.pop(), self.stack.pop()
        if not self._is_added(cls) or not isinstance(cls, type):
            raise pickle.UnpicklingError("Can only create new object for nn.Parameter or classes allowlisted via "
                                         f"`add_safe_globals` but got {cls}")
        self.append(cls.__new__(cls, *args))

    def load_build(self):
        if type(self.stack[-2]) is OrderedDict:  # attributes beside _metadata could replace methods
            state = self.stack.pop()
            if "_metadata" in state:
                self.stack[-1]._metadata = state["_metadata"]
        elif self._is_added(type(self.stack[-2])):
            super().load_build()
        else:
            raise pickle.UnpicklingError("Can only build Tensor, Parameter, OrderedDict or types allowlisted via "
                                         f"`add_safe_globals`, but got {type(self.stack[-2])}")

    def load_setitem(self):
        _check_key(self.stack[-2])
        if not isinstance(self.stack[-3], dict):
            raise pickle.UnpicklingError(f"entries are added to {type(self.stack[-3])}")
        super().load_setitem()

    def load_setitems(self):
        items = self.pop_mark()
        for key in items[::2]:
            _check_key(key)
        if not isinstance(self.stack[-1], dict):
            raise pickle.UnpicklingError(f"entries are added to {type(self.stack[-1])}")
        for key, value in zip(items[::2], items[1::2]):
            self.stack[-1][key] = value

    def load_append(self):
        self._check_list(self.stack[-2])
        super().load_append()

    def load_appends(self):
        items = self.pop_mark()
        self._check_list(self.stack[-1])
        self.stack[-1].extend(items)

    def _check_list(self, target):
        if not isinstance(target, list):
            raise pickle.UnpicklingError(f"values are appended to {type(target)}")

    def load_additems(self):
        items = self.pop_mark()
        self.stack[-1].update(_make_set(items))

    def load_frozenset(self):
        self.append(frozenset(_make_set(self.pop_mark())))

    for _code, _method in ((pickle.REDUCE, load_reduce), (pickle.NEWOBJ, load_newobj), (pickle.BUILD, load_build),
                           (pickle.SETITEM, load_setitem), (pickle.SETITEMS, load_setitems),
                           (pickle.APPEND, load_append), (pickle.APPENDS, load_appends),
                           (pickle.ADDITEMS, load_additems), (pickle.FROZENSET, load_frozenset)):
        dispatch[_code[0]] = _method


def load(file, safe):
    """Read an object from torch's archive, with nothing called that is not safe.

    Parameters
    ----------
    file : path or binary file
    safe : iterable
        As for :func:`by_name`.

    Returns
    -------
    object

    Raises
    ------
    UnpicklingError
        If the pickle is damaged or names anything else.
    """
    added = by_name(safe)
    try:
        return _objects.load(file, lambda pickled, record: _Unpickler(pickled, record, added))
    except (pickle.UnpicklingError, zipfile.BadZipFile, MemoryError):
        raise
    except Exception as error:
        raise pickle.UnpicklingError(f"malformed pickle, or state that a class does not take: {error!r}") from error


def names_in(file):
    """Return the full names that the pickle of torch's archive mentions.

    Parameters
    ----------
    file : path or binary file

    Returns
    -------
    set of str
    """
    return _objects.load(file, _Names)


class _Names:
    """Stands where an unpickler does, and only looks."""

    def __init__(self, file, record):
        self.file = file

    def load(self):
        import pickletools
        texts, found = [], set()
        for opcode, argument, _ in pickletools.genops(self.file):
            if opcode.name == "GLOBAL":
                found.add(argument.replace(" ", ".", 1))
            elif opcode.name == "STACK_GLOBAL":
                found.add(".".join(texts[-2:]))
            elif "UNICODE" in opcode.name:
                texts.append(argument)
        return found


def known():
    """Return the full names that any file may mention."""
    return set(_KNOWN)
