"""torch.utils: data sets and loaders are in ``pycnn.utils.data``."""

import importlib as _importlib


def __getattr__(name):
    if name == "data":
        return _importlib.import_module("pycnn.utils.data")
    if name.startswith("__"):
        raise AttributeError(f"module 'pycnn.utils' has no attribute '{name}'")
    from pycnn._missing import missing_attribute
    raise missing_attribute("pycnn.utils", name, ["data"])
