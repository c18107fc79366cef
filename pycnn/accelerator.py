"""torch.accelerator: there is none."""

from pycnn._missing import getattr_of as _getattr_of

__all__ = ["current_accelerator", "current_device_index", "device_count", "empty_cache", "is_available",
           "set_device_index", "synchronize"]


def _none():
    raise RuntimeError("Cannot access accelerator device when none is available.")


def is_available():
    """Return False."""
    return False


def device_count():
    """Return 0."""
    return 0


def current_accelerator(check_available=False):
    """Return None.

    Parameters
    ----------
    check_available : bool, default False
        Ignored.
    """


def empty_cache():
    """Do nothing."""


def current_device_index():
    """Raise RuntimeError: there is no accelerator."""
    _none()


def set_device_index(device):
    """Raise RuntimeError: there is no accelerator.

    Parameters
    ----------
    device : device or int
        Any.
    """
    _none()


def synchronize(device=None):
    """Raise RuntimeError: there is no accelerator.

    Parameters
    ----------
    device : device or int, optional
        Any.
    """
    _none()


__getattr__ = _getattr_of(__name__, globals())
