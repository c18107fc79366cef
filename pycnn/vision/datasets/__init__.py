"""Image data sets: torchvision.datasets."""

from pycnn._missing import missing_attribute
from pycnn.vision.datasets.cifar import CIFAR10, CIFAR100, CIFAR10Sample
from pycnn.vision.datasets.fakedata import FakeData
from pycnn.vision.datasets.folder import DatasetFolder, ImageFolder
from pycnn.vision.datasets.mnist import EMNIST, KMNIST, MNIST, FashionMNIST
from pycnn.vision.datasets.svhn import SVHN
from pycnn.vision.datasets.vision import VisionDataset

__all__ = ["CIFAR10", "CIFAR100", "CIFAR10Sample", "DatasetFolder", "EMNIST", "FakeData", "FashionMNIST",
           "ImageFolder", "KMNIST", "MNIST", "SVHN", "VisionDataset"]


def __getattr__(name):
    raise missing_attribute("pycnn.vision.datasets", name, __all__)
