"""Writing a file so that an interrupted or failed write leaves the old one whole."""

import contextlib
import os


@contextlib.contextmanager
def replacing(path):
    """Give a binary file to write; on success it takes the place of `path`, on failure nothing has changed.

    Raises
    ------
    OSError
        As the system reports it, with the path.
    """
    path = os.fspath(path)
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename in (None, temporary):
            raise OSError(error.errno, error.strerror, path) from error
        raise
    with contextlib.suppress(OSError):  # the new name itself must reach the disk too
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
