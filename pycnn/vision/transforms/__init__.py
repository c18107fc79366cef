"""Transforms of images: torchvision.transforms with the pixels' arithmetic in C."""

from pycnn.vision.transforms import functional
from pycnn.vision.transforms._parameters import InterpolationMode
from pycnn.vision.transforms.autoaugment import AutoAugment, AutoAugmentPolicy, RandAugment, TrivialAugmentWide
from pycnn.vision.transforms.deformation import ElasticTransform, GaussianBlur, LinearTransformation, RandomPerspective
from pycnn.vision.transforms.transforms import (
    CenterCrop, ColorJitter, Compose, ConvertImageDtype, FiveCrop, Grayscale, Lambda, Normalize, PILToTensor, Pad,
    RandomAdjustSharpness, RandomAffine, RandomApply, RandomAutocontrast, RandomChoice, RandomCrop, RandomEqualize,
    RandomErasing, RandomGrayscale, RandomHorizontalFlip, RandomInvert, RandomOrder, RandomPosterize,
    RandomResizedCrop, RandomRotation, RandomSolarize, RandomVerticalFlip, Resize, TenCrop, ToPILImage, ToTensor)

__all__ = [
    "AugMix", "AutoAugment", "AutoAugmentPolicy", "CenterCrop", "ColorJitter", "Compose", "ConvertImageDtype",
    "ElasticTransform",
    "FiveCrop", "GaussianBlur", "Grayscale", "InterpolationMode", "Lambda", "LinearTransformation", "Normalize",
    "PILToTensor", "Pad", "RandAugment", "RandomAdjustSharpness", "RandomAffine", "RandomApply", "RandomAutocontrast",
    "RandomChoice", "RandomCrop", "RandomEqualize", "RandomErasing", "RandomGrayscale", "RandomHorizontalFlip",
    "RandomInvert", "RandomOrder", "RandomPerspective", "RandomPosterize", "RandomResizedCrop", "RandomRotation",
    "RandomSolarize", "RandomVerticalFlip", "Resize", "TenCrop", "ToPILImage", "ToTensor", "TrivialAugmentWide",
]


def __getattr__(name):
    if name == "AugMix":  # made of the second version's, which is not loaded for nothing
        from pycnn.vision.transforms.augmix import AugMix
        return AugMix
    if name.startswith("__"):
        raise AttributeError(f"module 'pycnn.vision.transforms' has no attribute '{name}'")
    from pycnn._missing import missing_attribute
    raise missing_attribute("pycnn.vision.transforms", name, [*__all__, "functional"])
