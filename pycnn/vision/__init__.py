"""Torchvision's names: ``from pycnn import vision as torchvision``."""

import importlib as _importlib

_SUBMODULES = {"datasets", "models", "transforms"}


def __getattr__(name):
    if name in _SUBMODULES:
        return _importlib.import_module(f"pycnn.vision.{name}")
    if name.startswith("__"):
        raise AttributeError(f"module 'pycnn.vision' has no attribute '{name}'")
    from pycnn._missing import missing_attribute
    raise missing_attribute("pycnn.vision", name, __dir__())


def __dir__():
    return sorted(_SUBMODULES)
