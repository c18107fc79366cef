"""Optimizers and learning rate schedulers. The steps themselves are C, one call for all parameters of a group."""

import importlib as _importlib

from pycnn._missing import missing_attribute
from pycnn.optim import lr_scheduler
from pycnn.optim.adadelta import Adadelta
from pycnn.optim.adagrad import Adagrad
from pycnn.optim.adam import Adam, AdamW
from pycnn.optim.adamax import Adamax
from pycnn.optim.nadam import NAdam, RAdam
from pycnn.optim.optimizer import Optimizer
from pycnn.optim.rmsprop import RMSprop
from pycnn.optim.sgd import SGD

__all__ = ["Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "Optimizer", "RAdam", "RMSprop", "SGD",
           "lr_scheduler"]


def __getattr__(name):
    if name == "swa_utils":
        return _importlib.import_module("pycnn.optim.swa_utils")
    raise missing_attribute("pycnn.optim", name, __all__)
