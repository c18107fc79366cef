"""Downloading, checking and unpacking files, trusting none of them."""

import hashlib
import os
import tarfile
import urllib.error
import urllib.request

from pycnn.serialization.files import replacing

_CHUNK = 1 << 18


def file_md5(path):
    """Return the MD5 sum of a file, in hexadecimal."""
    with open(path, "rb") as f:
        return hashlib.file_digest(f, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def check_integrity(path, md5=None):
    """Return True if the file exists and, where `md5` is given, has that sum."""
    return os.path.isfile(path) and (md5 is None or file_md5(path) == md5)


def mirrors(url):
    """The addresses to try: the folder that $PYCNN_DATASET_MIRROR names first, if it is set."""
    mirror = os.environ.get("PYCNN_DATASET_MIRROR")
    return ([mirror.rstrip("/") + "/" + url.rpartition("/")[2]] if mirror else []) + [url]


def download_url(url, root, filename=None, md5=None):
    """Fetch a file into `root`, with a progress bar where tqdm is installed.

    Raises
    ------
    RuntimeError
        If no address can be reached, or the file is not the expected one; it says where to put it by hand.
    """
    root = os.path.expanduser(os.fspath(root))
    path = os.path.join(root, filename or url.rpartition("/")[2])
    if check_integrity(path, md5):
        return
    os.makedirs(root, exist_ok=True)
    reasons = []
    for address in mirrors(url):
        try:
            _fetch(address, path)
        except (urllib.error.URLError, OSError, ValueError) as error:
            reasons.append(f"{address}: {getattr(error, 'reason', error)}")
            continue
        if check_integrity(path, md5):
            return
        reasons.append(f"{address}: the file has the MD5 sum {file_md5(path)}, expected is {md5}")
        os.unlink(path)
    raise RuntimeError(f"Cannot download {url} ({'; '.join(reasons)}). Put the file there by hand: {path}"
                       + (f" (MD5 {md5})" if md5 else ""))


def _fetch(address, path):
    request = urllib.request.Request(address, headers={"User-Agent": "pycnn"})
    with urllib.request.urlopen(request, timeout=30) as response, replacing(path) as file:
        total = int(response.headers.get("Content-Length") or 0)
        with _bar(total, os.path.basename(path)) as bar:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))


def _bar(total, name):
    try:
        from tqdm.auto import tqdm
    except ImportError:
        from contextlib import nullcontext
        from types import SimpleNamespace
        return nullcontext(SimpleNamespace(update=lambda n: None))
    return tqdm(total=total or None, desc=name, unit="B", unit_scale=True, disable=None)


def extract_archive(path, to_path=None, remove_finished=False):
    """Unpack a tar archive into a folder.

    Raises
    ------
    RuntimeError
        If a member would land outside of the folder, or is a link or device: nothing is written then.
    """
    target = os.path.realpath(to_path or os.path.dirname(path))
    with tarfile.open(path, "r:*") as archive:
        members = archive.getmembers()
        for member in members:
            place = os.path.realpath(os.path.join(target, member.name))
            if os.path.commonpath([target, place]) != target or not (member.isfile() or member.isdir()):
                raise RuntimeError(f"{path}: member {member.name!r} would be written outside of {target}, or is no plain file: "
                                   "nothing was unpacked")
        archive.extractall(target, members, filter="data")
    if remove_finished:
        os.unlink(path)
    return target


def download_and_extract_archive(url, download_root, extract_root=None, filename=None, md5=None, remove_finished=False):
    """Fetch a tar archive and unpack it."""
    download_root = os.path.expanduser(os.fspath(download_root))
    filename = filename or url.rpartition("/")[2]
    download_url(url, download_root, filename, md5)
    extract_archive(os.path.join(download_root, filename), extract_root or download_root, remove_finished)
