"""Files that take their name only once all of them is on the disk."""

import contextlib
import os
import uuid


@contextlib.contextmanager
def replacing(path):
    """Open a file beside `path`; at the end it takes the place of what is there, after an error it is gone.

    Parameters
    ----------
    path : path
        In a folder that exists.

    Yields
    ------
    file
        To write bytes to.
    """
    partial = f"{os.fspath(path)}.{uuid.uuid4().hex}.partial"
    try:
        with open(partial, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)
