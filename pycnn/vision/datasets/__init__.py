"""Image data sets: torchvision.datasets."""

from pycnn._missing import missing_attribute
from pycnn.vision.datasets.cifar import CIFAR10, CIFAR100, CIFAR10Sample
from pycnn.vision.datasets.vision import VisionDataset

__all__ = ["CIFAR10", "CIFAR100", "CIFAR10Sample", "VisionDataset"]


def __getattr__(name):
    raise missing_attribute("pycnn.vision.datasets", name, __all__)
