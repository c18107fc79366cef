"""Downloading, checking and unpacking files, trusting none of them."""

import bz2
import gzip
import hashlib
import lzma
import os
import shutil
import tarfile
import zipfile
import zlib

from pycnn._download import fetch

_sums = {}  # of files whose sum is known: both splits of a data set check the same files


def calculate_md5(fpath, chunk_size=1024 * 1024):
    """Return the MD5 sum of a file, in hexadecimal.

    Parameters
    ----------
    fpath : path
    chunk_size : int, default 1024 * 1024
        Bytes that are read at a time.

    Returns
    -------
    str
    """
    md5 = hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            md5.update(chunk)
    return md5.hexdigest()


def check_md5(fpath, md5, **kwargs):
    """Return True if the file has that MD5 sum. A file that has not changed since it was last asked for is not read
    again.

    Parameters
    ----------
    fpath : path
    md5 : str
    **kwargs : object
        Of :func:`calculate_md5`.

    Returns
    -------
    bool
    """
    info = os.stat(fpath)
    key = os.path.realpath(fpath), info.st_ino, info.st_size, info.st_mtime_ns
    if key not in _sums:
        _sums[key] = calculate_md5(fpath, **kwargs)
    return md5 == _sums[key]


def check_integrity(fpath, md5=None):
    """Return True if the file exists and, where `md5` is given, has that sum.

    Parameters
    ----------
    fpath : path
    md5 : str, optional
        None: it is enough that the file is there.

    Returns
    -------
    bool
    """
    return os.path.isfile(fpath) and (md5 is None or check_md5(fpath, md5))


def mirrors(urls):
    """The addresses to try: the folder of the web that $PYCNN_DATASET_MIRROR names first, if it is set.

    Parameters
    ----------
    urls : iterable of str

    Returns
    -------
    list of str
    """
    mirror = os.environ.get("PYCNN_DATASET_MIRROR")
    return ([mirror.rstrip("/") + "/" + urls[0].rpartition("/")[2]] if mirror else []) + urls


def download_url(url, root, filename=None, md5=None, max_redirect_hops=3):
    """Fetch a file into `root`, with a progress bar where tqdm is installed.

    Parameters
    ----------
    url : str or list of str
        Several are addresses of one file, tried in turn.
    root : path
    filename : path, optional
        Default: the last part of the (first) `url`.
    md5 : str, optional
        The file's sum. A file that is there and has it is not fetched again.
    max_redirect_hops : int, default 3
        Accepted; redirects are followed as urllib does.

    Raises
    ------
    RuntimeError
        If no address can be reached, or the file is not the expected one; it says where to put it by hand. Whatever was
        there before stays.
    """
    root = os.path.expanduser(os.fspath(root))
    urls = [url] if isinstance(url, str) else list(url)
    path = os.path.join(root, filename or urls[0].rpartition("/")[2])
    if check_integrity(path, md5):
        return
    os.makedirs(root, exist_ok=True)
    reasons = []
    for address in mirrors(urls):
        try:
            fetch(address, path, hashlib.md5(usedforsecurity=False), md5 or "")
            return
        except (OSError, ValueError) as error:
            reasons.append(f"{address}: {getattr(error, 'reason', error)}")
    raise RuntimeError(f"Cannot download {urls[0]} ({'; '.join(reasons)}). Without a network, put the file there by "
                       f"hand: {path}"
                       + (f" (MD5 {md5})" if md5 else ""))


# ---- archives

_COMPRESSIONS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def _check_place(archive, target, name, plain):
    """Raise RuntimeError unless `name` is of a plain file or folder inside of `target`."""
    place = os.path.realpath(os.path.join(target, name))
    if not plain or os.path.commonpath([target, place]) != target:
        raise RuntimeError(f"{archive}: member {name!r} would be written outside of {target}, or is no plain file: "
                           "nothing was unpacked")


def _extract_tar(path, target):
    with tarfile.open(path, "r:*") as archive:
        members = archive.getmembers()
        for member in members:
            _check_place(path, target, member.name, member.isfile() or member.isdir())
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.uid = member.gid = os.getuid() if hasattr(os, "getuid") else 0
            member.uname = member.gname = ""
        options = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(target, members, **options)


def _extract_zip(path, target):
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            kind = member.external_attr >> 28  # of Unix archives: 4 a folder, 8 a file, 10 a link
            _check_place(path, target, member.filename, kind in (0, 4, 8))
        archive.extractall(target)


def extract_archive(from_path, to_path=None, remove_finished=False):
    """Unpack a tar or zip archive, or a single compressed file (.gz, .bz2, .xz), into a folder.

    Parameters
    ----------
    from_path : path
    to_path : path, optional
        Default: the folder that holds the archive.
    remove_finished : bool, default False
        Remove the archive afterwards.

    Returns
    -------
    str
        The folder, or the file of a single one.

    Raises
    ------
    RuntimeError
        If a member would land outside of the folder, or is a link or a device: nothing is written then. Also if the
        archive is damaged or of another kind.
    """
    from_path = os.fspath(from_path)
    target = result = os.path.realpath(to_path or os.path.dirname(from_path))
    base, suffix = os.path.splitext(from_path)
    try:
        if suffix in (".tar", ".tgz", ".tbz", ".tbz2", ".txz") or base.endswith(".tar"):
            _extract_tar(from_path, target)
        elif suffix == ".zip":
            _extract_zip(from_path, target)
        elif suffix in _COMPRESSIONS:
            result = os.path.join(target, os.path.basename(base))
            with _COMPRESSIONS[suffix](from_path, "rb") as source, open(result, "wb") as file:
                shutil.copyfileobj(source, file)
        else:
            raise RuntimeError(f"Unknown compression or archive type: '{suffix}'.\nKnown suffixes are: .tar, .tgz, "
                               ".tbz, .tbz2, .txz, .zip, .gz, .bz2, .xz.")
    except (EOFError, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise RuntimeError(f"{from_path} is damaged: {error}") from error
    if remove_finished:
        os.remove(from_path)
    return result


def download_and_extract_archive(url, download_root, extract_root=None, filename=None, md5=None, remove_finished=False):
    """Fetch an archive by :func:`download_url` and unpack it by :func:`extract_archive`.

    Parameters
    ----------
    url : str
    download_root : path
        Where the archive goes.
    extract_root : path, optional
        Where its files go; `download_root` by default.
    filename : str, optional
        The archive's name; the last part of `url` by default.
    md5 : str, optional
        Of the archive.
    remove_finished : bool, default False
        Remove the archive afterwards.
    """
    download_root = os.path.expanduser(os.fspath(download_root))
    filename = filename or (url if isinstance(url, str) else url[0]).rpartition("/")[2]
    download_url(url, download_root, filename, md5)
    extract_archive(os.path.join(download_root, filename), extract_root or download_root, remove_finished)
