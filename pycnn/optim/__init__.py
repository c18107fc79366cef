"""Optimizers and learning rate schedulers. The steps themselves are C, one call for the whole model."""

from pycnn._missing import missing_attribute
from pycnn.optim import lr_scheduler
from pycnn.optim.adam import Adam, AdamW
from pycnn.optim.optimizer import Optimizer
from pycnn.optim.rmsprop import RMSprop
from pycnn.optim.sgd import SGD

__all__ = ["Adam", "AdamW", "Optimizer", "RMSprop", "SGD", "lr_scheduler"]


def __getattr__(name):
    raise missing_attribute("pycnn.optim", name, __all__)
