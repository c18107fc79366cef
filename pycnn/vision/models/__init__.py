"""Models of torchvision.models: same module names, same initial weights for the same seed, same published weights."""

from pycnn.vision.models import alexnet as _alexnet, googlenet as _googlenet  # their builders take these names below
from pycnn.vision.models import (convnext, densenet, efficientnet, inception, mobilenetv2, mobilenetv3, regnet, resnet,
                                 shufflenetv2, squeezenet, vgg, vision_transformer)
from pycnn.vision.models._api import (Weights, WeightsEnum, get_model, get_model_builder, get_model_weights, get_weight,
                                      list_models)
from pycnn.vision.models.alexnet import *  # noqa: F403
from pycnn.vision.models.convnext import *  # noqa: F403
from pycnn.vision.models.densenet import *  # noqa: F403
from pycnn.vision.models.efficientnet import *  # noqa: F403
from pycnn.vision.models.googlenet import *  # noqa: F403
from pycnn.vision.models.inception import *  # noqa: F403
from pycnn.vision.models.mobilenetv2 import *  # noqa: F403
from pycnn.vision.models.mobilenetv3 import *  # noqa: F403
from pycnn.vision.models.regnet import *  # noqa: F403
from pycnn.vision.models.resnet import *  # noqa: F403
from pycnn.vision.models.shufflenetv2 import *  # noqa: F403
from pycnn.vision.models.squeezenet import *  # noqa: F403
from pycnn.vision.models.vgg import *  # noqa: F403
from pycnn.vision.models.vision_transformer import *  # noqa: F403

__all__ = ["Weights", "WeightsEnum", "get_model", "get_model_builder", "get_model_weights", "get_weight", "list_models",
           *_alexnet.__all__, *convnext.__all__, *densenet.__all__, *efficientnet.__all__, *_googlenet.__all__,
           *inception.__all__, *mobilenetv2.__all__, *mobilenetv3.__all__, *regnet.__all__, *resnet.__all__,
           *shufflenetv2.__all__, *squeezenet.__all__, *vgg.__all__, *vision_transformer.__all__]


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(f"module 'pycnn.vision.models' has no attribute '{name}'")
    from pycnn._missing import missing_attribute
    raise missing_attribute("pycnn.vision.models", name, __all__)
