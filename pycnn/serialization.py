"""save and load: torch's .pth files, both ways.

A file is data to :func:`load`, no program: the names that its pickle mentions stand for constructors of C's own,
nothing is imported or called; every length is checked before it is used and every record's CRC-32 before it is
believed. ``weights_only=False`` asks for Python's pickle where that does not do.
"""

import io
import os
import pickle
import warnings
import zipfile

from pycnn import _C
from pycnn._missing import getattr_of as _getattr_of
from pycnn._C import CheckpointError
from pycnn._device import device
from pycnn._files import replacing as _replacing

__all__ = ["CheckpointError", "add_safe_globals", "clear_safe_globals", "get_safe_globals",
           "get_unsafe_globals_in_checkpoint", "load", "safe_globals", "save"]


def _is_path(f):
    return isinstance(f, (str, os.PathLike))


def save(obj, f, pickle_module=pickle, pickle_protocol=2, _use_new_zipfile_serialization=True,
         _disable_byteorder_record=False):
    """Write `obj` to a file in torch's .pth format.

    Parameters
    ----------
    obj : object
        Tensors, parameters, numbers, strings, bytes, None, dtypes, sizes, devices and NumPy arrays; dicts,
        OrderedDicts, Counters, lists, tuples and sets of them: a state_dict, or a dict with those of a model, an
        optimizer and a schedule. NumPy scalars become Python numbers, defaultdicts dicts; attributes that were set on
        tensors are left out. A whole module, a namespace or another object of a class is pickled, and loaded with
        ``weights_only=False`` alone.
    f : path or binary file
        A path is replaced as a whole, by a rename after the last byte is on the disk: an interrupted or failed write
        leaves the old file. A file needs ``write``.
    pickle_module, pickle_protocol, _disable_byteorder_record : object
        Accepted; the pickle is always written by C, in protocol 2, with that record.
    _use_new_zipfile_serialization : bool, default True
        False: the format of torch before 1.6, without checksums.

    Raises
    ------
    TypeError
        If `obj` holds something that cannot be pickled; the message says where.
    CheckpointError
        If the file cannot be written: an OSError with its ``errno`` and ``filename``, and a RuntimeError as in torch.
    AttributeError
        If `f` is neither a path nor a file that can be written.
    NotImplementedError
        If another format is asked for.

    See Also
    --------
    torch.save : writes the same bytes, but for the serialization id.

    Examples
    --------
    >>> save({"weights": pycnn.ones(2), "epoch": 3}, "file.pth")
    >>> pycnn.load("file.pth")["epoch"]
    3
    """
    if not _is_path(f) and not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    legacy = not _use_new_zipfile_serialization
    if not _is_path(f):
        try:
            _C.save_checkpoint_to(obj, f.write, legacy)
        except TypeError as error:
            f.write(_whole(obj, error, legacy))
        if hasattr(f, "flush"):
            f.flush()
        return
    path = os.fspath(f)
    parent = os.path.dirname(path)
    if parent and not os.path.isdir(parent):
        raise CheckpointError(f"Parent directory {parent} does not exist.")
    try:
        _C.save_checkpoint(obj, path, legacy)
    except TypeError as error:
        whole = _whole(obj, error, legacy)
        with _replacing(path) as out:
            out.write(whole)


def _whole(obj, error, legacy):
    """The bytes of an archive of an object that is no data, or `error`, which said so."""
    from pycnn import _objects

    if legacy or not str(error).startswith("cannot save obj"):
        raise error
    written = io.BytesIO()
    try:
        _objects.save(obj, written)
    except (AttributeError, TypeError, pickle.PicklingError):
        raise error from None
    return written.getvalue()


def load(f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args):
    """Read a file that :func:`save` or ``torch.save`` wrote.

    Parameters
    ----------
    f : path or binary file
        A file needs ``read``, ``seek`` and ``tell``; it is read from where it stands.
    map_location : str, device, dict or callable, optional
        Whatever it and the file say, tensors come to the CPU; another device than that is refused.
    pickle_module : optional
        Refused unless `weights_only` is False, as in torch; never used.
    weights_only : bool, optional
        False: where a file holds more than data, such as a whole module, let its pickle import and call what it names.
        Only for files from those whom you trust.
    mmap : bool, optional
        Accepted for zip files; storages are copied, and checked while they are.
    **pickle_load_args : object
        Ignored.

    Returns
    -------
    object

    Raises
    ------
    FileNotFoundError
        If there is no such file (other OSErrors likewise).
    CheckpointError
        If it is damaged, is something else, or holds more than data: an OSError, a RuntimeError and a
        ``pickle.UnpicklingError``, with ``path``, ``size`` and ``reason``.
    ValueError
        If a flag is given that torch refuses, too.
    RuntimeError
        If options contradict each other.

    Notes
    -----
    Tensors that were saved from a GPU are loaded without `map_location`; NumPy arrays and scalars of plain numbers are
    loaded although torch's default refuses them.
    """
    if weights_only is not False:
        if pickle_module is not None:
            raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
        if pickle_load_args:
            warnings.warn("pickle_load_args only works if `weights_only=False`.", stacklevel=2)
    _check_location(map_location)
    if weights_only is False:
        try:
            return load(f, map_location, mmap=mmap)
        except CheckpointError as error:
            if "was not an allowed global" not in str(error):
                raise
        from pycnn import _objects
        return _objects.load(f)
    if mmap and not _is_path(f):
        raise ValueError("f must be a file path in order to use the mmap argument")
    try:
        result, legacy = _C.load_checkpoint(f)[::2] if _is_path(f) else _load_file(f)
    except CheckpointError as error:
        if not _safe or "was not an allowed global" not in str(error):
            raise
        return _load_safe(f, error)
    if mmap and legacy:
        raise RuntimeError("mmap can only be used with files saved with `torch.save(..., "
                           "_use_new_zipfile_serialization=True), please torch.save your checkpoint with this option "
                           "in order to use mmap.")
    return result


def _load_safe(f, error):
    """What a file holds that names more than data, with the user's safe globals; `error`: why it was refused."""
    from pycnn import _safe_globals
    try:
        return _safe_globals.load(f, _safe)
    except zipfile.BadZipFile:
        raise error from None  # a file of torch before 1.6
    except pickle.UnpicklingError as other:
        raise CheckpointError(str(other)) from other


# ---- names that the user calls safe -------------------------------------------------------------------------------

_safe = set()


def add_safe_globals(safe_globals):
    """Let :func:`load` call classes and functions that a file names, and give objects of these classes their state.

    Parameters
    ----------
    safe_globals : list
        Classes and functions; or pairs of one and the full name that it has in files, where that is another.

    Examples
    --------
    >>> import argparse
    >>> pycnn.save({"options": argparse.Namespace(lr=0.1)}, "file.pth")
    >>> with pycnn.serialization.safe_globals([argparse.Namespace]):
    ...     pycnn.load("file.pth")
    {'options': Namespace(lr=0.1)}
    """
    global _safe
    _safe = _safe.union(safe_globals)


def get_safe_globals():
    """Return the list of what was added.

    Returns
    -------
    list
    """
    return list(_safe)


def clear_safe_globals():
    """Take back all that was added."""
    global _safe
    _safe = set()


class safe_globals:
    """Add safe globals for the time of a ``with`` block.

    Parameters
    ----------
    safe_globals : list
        As for :func:`add_safe_globals`.
    """

    def __init__(self, safe_globals):
        self.safe_globals = safe_globals

    def __enter__(self):
        add_safe_globals(self.safe_globals)

    def __exit__(self, type, value, traceback):
        global _safe
        _safe = _safe.difference(self.safe_globals)


def get_unsafe_globals_in_checkpoint(f):
    """Return the names in a file that :func:`load` refuses.

    Parameters
    ----------
    f : path or binary file

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If it is no archive of ``torch.save``.
    """
    if not zipfile.is_zipfile(f):
        raise ValueError("Expected input to be a checkpoint returned by torch.save")
    from pycnn import _safe_globals
    return list(_safe_globals.names_in(f) - _safe_globals.known() - set(_safe_globals.by_name(_safe)))


def _check_location(location):
    if location is None or callable(location) or isinstance(location, dict):
        return
    try:
        kind = device(location).type
    except RuntimeError:
        kind = str(location)
    if kind == "cuda":
        raise RuntimeError("Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. "
                           "If you are running on a CPU-only machine, please use torch.load with "
                           "map_location=torch.device('cpu') to map your storages to the CPU.")
    if kind != "cpu":
        raise RuntimeError("don't know how to restore data location of torch.storage.UntypedStorage "
                           f"(tagged with {location}): pycnn computes on the CPU")


def _load_file(f):
    try:
        start = f.tell()
        f.seek(start)
    except (AttributeError, io.UnsupportedOperation) as error:
        raise type(error)(f"{error}. You can only torch.load from a file that is seekable. Please pre-load the data "
                          "into a buffer like io.BytesIO and try to load from it instead.") from None
    name = str(getattr(f, "name", "<file>"))
    raw = f.raw if type(f) is io.BufferedReader else f
    try:
        if type(raw) is io.FileIO:
            result, used, legacy = _C.load_checkpoint_fd(raw.fileno(), start, name)
        elif type(f) is io.BytesIO:  # no copy of it all
            with f.getbuffer() as whole, whole[start:] as rest:
                result, used, legacy = _C.load_checkpoint_bytes(rest, name)
        else:
            result, used, legacy = _C.load_checkpoint_bytes(f.read(), name)
    except CheckpointError:
        f.seek(start)
        raise
    f.seek(start + used)  # several may stand in a row
    return result, legacy


__getattr__ = _getattr_of(__name__, globals())
