"""Models of torchvision.models: same module names, same initial weights for the same seed, same published weights."""

from pycnn.vision.models import resnet
from pycnn.vision.models._api import (Weights, WeightsEnum, get_model, get_model_builder, get_model_weights, get_weight,
                                      list_models)
from pycnn.vision.models.resnet import *  # noqa: F403

__all__ = ["Weights", "WeightsEnum", "get_model", "get_model_builder", "get_model_weights", "get_weight", "list_models",
           *resnet.__all__]


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(f"module 'pycnn.vision.models' has no attribute '{name}'")
    from pycnn._missing import missing_attribute
    raise missing_attribute("pycnn.vision.models", name, __all__)
