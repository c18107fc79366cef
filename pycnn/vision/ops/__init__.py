"""Blocks and functions of torchvision.ops that image classification uses."""

from pycnn._missing import getattr_of as _getattr_of
from pycnn.vision.ops.focal_loss import sigmoid_focal_loss
from pycnn.vision.ops.misc import MLP, Conv2dNormActivation, FrozenBatchNorm2d, Permute, SqueezeExcitation
from pycnn.vision.ops.stochastic_depth import StochasticDepth, stochastic_depth

__all__ = ["MLP", "Conv2dNormActivation", "FrozenBatchNorm2d", "Permute", "SqueezeExcitation", "StochasticDepth",
           "sigmoid_focal_loss", "stochastic_depth"]

__getattr__ = _getattr_of(__name__, __all__)
