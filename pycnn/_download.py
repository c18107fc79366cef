"""One file from the network, whole or not at all."""

import contextlib
import os
import urllib.error
import urllib.request

from pycnn._files import replacing

_CHUNK = 1 << 18


class WrongDigest(ValueError):
    """The file is not the expected one; `actual` is the sum that it has."""

    def __init__(self, name, actual, expected):
        super().__init__(f"the file has the {name.upper()} sum {actual}, expected is {expected}")
        self.actual = actual


def fetch(url, path, digest=None, expected="", progress=True):
    """Write what `url` gives to `path`: beside it first, then renamed.

    Parameters
    ----------
    url : str
    path : path
        In a folder that exists.
    digest : hashlib object, optional
        Fed with the file.
    expected : str, default ""
        How its hexadecimal sum has to begin.
    progress : bool, default True
        Show a bar on stderr, where tqdm is installed.

    Raises
    ------
    WrongDigest
    OSError
        If it cannot be read or written: urllib.error.URLError for the network's part.
    """
    request = urllib.request.Request(url, headers={"User-Agent": "pycnn"})
    with urllib.request.urlopen(request, timeout=30) as response, replacing(path) as file:
        total, done = int(response.headers.get("Content-Length") or 0), 0
        with _bar(total, os.path.basename(path), progress) as update:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                if digest is not None:
                    digest.update(chunk)
                update(len(chunk))
        if done < total:
            raise urllib.error.ContentTooShortError(f"{done} of {total} bytes came", None)
        if digest is not None and not digest.hexdigest().startswith(expected):
            raise WrongDigest(digest.name, digest.hexdigest(), expected)


@contextlib.contextmanager
def _bar(total, name, wanted):
    try:
        from tqdm.auto import tqdm
    except ImportError:
        wanted = False
    if not wanted:
        yield lambda n: None
        return
    with tqdm(total=total or None, desc=name, unit="B", unit_scale=True, unit_divisor=1024) as bar:
        yield bar.update
