"""Files of weights from the network, kept in the folder that torch keeps them in."""

import hashlib
import os
import re
import sys
import urllib.error
import urllib.parse

from pycnn import _download
from pycnn.serialization import load as _load

__all__ = ["download_url_to_file", "get_dir", "load_state_dict_from_url", "set_dir"]

_HASH = re.compile(r"-([a-f0-9]*)\.")
_dir = None


def get_dir():
    """Return the cache folder: what :func:`set_dir` set, else ``$TORCH_HOME/hub``.

    ``$TORCH_HOME`` defaults to ``$XDG_CACHE_HOME/torch``, and that to ``~/.cache/torch``: files are shared with torch.
    """
    if _dir is not None:
        return _dir
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.join(os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))), "hub")


def set_dir(d):
    """Set the cache folder.

    Parameters
    ----------
    d : path
    """
    global _dir
    _dir = os.path.expanduser(d)


def download_url_to_file(url, dst, hash_prefix=None, progress=True):
    """Download one file.

    Parameters
    ----------
    url : str
    dst : path
        Where it goes, in a folder that exists; what was there stays until all of the new file has come.
    hash_prefix : str, optional
        How the SHA-256 has to begin, in hexadecimal.
    progress : bool, default True
        Show a bar on stderr, where tqdm is installed.

    Raises
    ------
    RuntimeError
        If the SHA-256 is another; no file is left.
    urllib.error.URLError
        If the file cannot be had.
    """
    digest = None if hash_prefix is None else hashlib.sha256()
    try:
        _download.fetch(url, os.path.expanduser(dst), digest, hash_prefix or "", progress)
    except _download.WrongDigest as error:
        raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{error.actual}"): {url} is not the '
                           f'file that its name '
                           "promises, nothing was kept") from None


def load_state_dict_from_url(url, model_dir=None, map_location=None, progress=True, check_hash=False, file_name=None,
                             weights_only=False):
    """Load a file of weights, downloading it unless it is in the cache folder.

    Parameters
    ----------
    url : str
    model_dir : path, optional
        Default: ``checkpoints`` in :func:`get_dir`.
    map_location : optional
        As for :func:`pycnn.load`.
    progress : bool, default True
        Show a bar on stderr, where tqdm is installed.
    check_hash : bool, default False
        The name is ``name-HASH.ext``: a download's SHA-256 has to begin with HASH. A file that is there is not checked.
    file_name : str, optional
        Default: the last part of `url`.
    weights_only : bool, default False
        Data is all that is ever read: False changes nothing.

    Returns
    -------
    dict

    Raises
    ------
    urllib.error.URLError
        If the file is not there and cannot be downloaded; it says where to put it.
    RuntimeError
        If the SHA-256 is another.
    """
    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else os.fspath(model_dir)
    os.makedirs(folder, exist_ok=True)
    name = file_name or os.path.basename(urllib.parse.urlparse(url).path)
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        sys.stdout.write(f'Downloading: "{url}" to {path}\n')
        found = _HASH.search(name) if check_hash else None
        prefix = found.group(1) if found else None
        try:
            download_url_to_file(url, path, prefix, progress)
        except urllib.error.URLError as error:
            raise _by_hand(error, url, path, prefix) from None
    return _load(path, map_location=map_location, weights_only=weights_only)


def _by_hand(error, url, path, prefix):
    """The same error, saying what to do without a network."""
    hint = f"Without a network, put the file of {url} there by hand: {path}" + (f" (its SHA-256 begins with {prefix})"
                                                                                if prefix else "")
    if isinstance(error, urllib.error.HTTPError):
        error.msg = f"{error.msg}. {hint}"
        return error
    return urllib.error.URLError(f"{error.reason}. {hint}")


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(f"module 'pycnn.hub' has no attribute '{name}'")
    from pycnn._missing import missing_attribute
    raise missing_attribute("pycnn.hub", name, __all__)
