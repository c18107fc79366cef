"""torchvision.transforms.transforms: transforms as objects, most of them with parameters drawn at random.

Everything drawn comes from the default generator, in torchvision's order. A transform states what it does as steps
(see `_images`); pictures are worked on in C, and a Compose runs as one pass where it can.
"""

from pycnn.vision.transforms._colour import (
    ColorJitter, Grayscale, RandomAdjustSharpness, RandomAutocontrast, RandomEqualize, RandomErasing,
    RandomGrayscale, RandomInvert, RandomPosterize, RandomSolarize)
from pycnn.vision.transforms._composition import (
    Compose, Lambda, RandomApply, RandomChoice, RandomOrder, RandomTransforms)
from pycnn.vision.transforms._conversion import ConvertImageDtype, Normalize, PILToTensor, ToPILImage, ToTensor
from pycnn.vision.transforms._geometry import (
    CenterCrop, FiveCrop, Pad, RandomAffine, RandomCrop, RandomHorizontalFlip, RandomResizedCrop, RandomRotation,
    RandomVerticalFlip, Resize, TenCrop)

__all__ = [
    "CenterCrop", "ColorJitter", "Compose", "ConvertImageDtype", "FiveCrop", "Grayscale", "Lambda", "Normalize",
    "PILToTensor", "Pad", "RandomAdjustSharpness", "RandomAffine", "RandomApply", "RandomAutocontrast",
    "RandomChoice", "RandomCrop", "RandomEqualize", "RandomErasing", "RandomGrayscale", "RandomHorizontalFlip",
    "RandomInvert", "RandomOrder", "RandomPosterize", "RandomResizedCrop", "RandomRotation", "RandomSolarize",
    "RandomTransforms", "RandomVerticalFlip", "Resize", "TenCrop", "ToPILImage", "ToTensor",
]
