"""torch.utils: data sets and loaders are in ``pycnn.utils.data``."""

import importlib as _importlib

from pycnn._missing import getattr_of as _getattr_of

_SUBMODULES = {"checkpoint", "data", "model_zoo", "tensorboard"}


def __getattr__(name):
    return _importlib.import_module(f"pycnn.utils.{name}") if name in _SUBMODULES else _missing(name)


_missing = _getattr_of(__name__, _SUBMODULES)
