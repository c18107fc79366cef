"""torchvision.transforms.v2: transforms of whole samples, on PIL images and Tensors, with torchvision's draws.

Images and batches of them are known; boxes, masks, key points and videos are not.
"""

from pycnn._missing import getattr_of as _getattr_of
from pycnn.vision.transforms._parameters import InterpolationMode
from pycnn.vision.transforms.autoaugment import AutoAugmentPolicy
from pycnn.vision.transforms.v2 import functional
from pycnn.vision.transforms.v2._augment import CutMix, MixUp, RandomErasing
from pycnn.vision.transforms.v2._auto_augment import AugMix, AutoAugment, RandAugment, TrivialAugmentWide
from pycnn.vision.transforms.v2._colour import (
    RGB, ColorJitter, Grayscale, RandomAdjustSharpness, RandomAutocontrast, RandomChannelPermutation, RandomEqualize,
    RandomGrayscale, RandomInvert, RandomPhotometricDistort, RandomPosterize, RandomSolarize)
from pycnn.vision.transforms.v2._container import Compose, RandomApply, RandomChoice, RandomOrder
from pycnn.vision.transforms.v2._geometry import (
    CenterCrop, ElasticTransform, FiveCrop, Pad, RandomAffine, RandomCrop, RandomHorizontalFlip, RandomPerspective,
    RandomResize, RandomResizedCrop, RandomRotation, RandomShortestSize, RandomVerticalFlip, RandomZoomOut, Resize,
    ScaleJitter, TenCrop)
from pycnn.vision.transforms.v2._misc import (
    ConvertImageDtype, GaussianBlur, GaussianNoise, Identity, Lambda, Normalize, PILToTensor, ToDtype, ToImage,
    ToPILImage, ToPureTensor, ToTensor)
from pycnn.vision.transforms.v2._transform import Transform

__all__ = [name for name, value in list(globals().items()) if isinstance(value, type)] + ["functional"]

__getattr__ = _getattr_of(__name__, __all__)
