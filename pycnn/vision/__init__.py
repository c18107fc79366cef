"""Torchvision's names: ``from pycnn import vision as torchvision``."""

import importlib as _importlib

from pycnn import __version__

_SUBMODULES = {"datasets", "io", "models", "ops", "transforms", "tv_tensors", "utils"}


def get_image_backend():
    """Return "PIL"."""
    return "PIL"


def set_image_backend(backend):
    """Accept "PIL", the only one.

    Parameters
    ----------
    backend : {"PIL"}

    Raises
    ------
    ValueError
        If it is another one.
    """
    if backend != "PIL":
        raise ValueError(f"Invalid backend '{backend}'. Options are 'PIL' and 'accimage': pycnn has the first")


def __getattr__(name):
    if name in _SUBMODULES:
        return _importlib.import_module(f"pycnn.vision.{name}")
    if name.startswith("__"):
        raise AttributeError(f"module 'pycnn.vision' has no attribute '{name}'")
    from pycnn._missing import missing_attribute
    raise missing_attribute("pycnn.vision", name, __dir__())


def __dir__():
    return sorted({*_SUBMODULES, "get_image_backend", "set_image_backend"})
