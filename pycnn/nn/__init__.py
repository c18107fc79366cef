"""Layers, losses, initial values: torch.nn."""

from pycnn._missing import missing_attribute as _missing_attribute
from pycnn.nn import functional, init, modules, parallel, utils
from pycnn.nn.modules import *
from pycnn.nn.parallel import DataParallel
from pycnn.nn.parameter import Buffer, Parameter, UninitializedParameter

__all__ = [*modules.__all__, "Buffer", "DataParallel", "Parameter", "UninitializedParameter", "functional", "init",
           "parallel", "utils"]


def __getattr__(name):
    raise _missing_attribute("pycnn.nn", name, __all__)
