"""The data of the command line: names of data sets, folders of images, and their transforms."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pycnn as torch
from pycnn.cli import Mistake
from pycnn.utils.data import Dataset, Subset, random_split
from pycnn.vision import datasets, transforms

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass
class Kind:
    """What is known about a data set: its class, side, colours, and what an image may be turned into."""

    cls: type
    size: int
    mean: tuple
    std: tuple
    mirrored: bool = True  # is a mirrored image one of the same class?
    grey: bool = False


CIFAR10_COLOURS = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
KINDS = {
    "cifar10": Kind(datasets.CIFAR10, 32, *CIFAR10_COLOURS),
    "sample": Kind(datasets.CIFAR10Sample, 32, *CIFAR10_COLOURS),
    "cifar100": Kind(datasets.CIFAR100, 32, (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "mnist": Kind(datasets.MNIST, 28, (0.1307,) * 3, (0.3081,) * 3, mirrored=False, grey=True),
    "fashion_mnist": Kind(datasets.FashionMNIST, 28, (0.2860,) * 3, (0.3530,) * 3, grey=True),
    "kmnist": Kind(datasets.KMNIST, 28, (0.1918,) * 3, (0.3483,) * 3, mirrored=False, grey=True),
}


@dataclass
class Data:
    """Two splits, and what one must know to classify another image the same way."""

    name: str
    text: str
    train: Dataset
    test: Dataset
    classes: list
    view: dict  # arguments of `plain`


def plain(size, resize, mean, std, grey=False):
    """Return the transform of images that are to be classified: their middle, as a normalized Tensor.

    Parameters
    ----------
    size : int
        Side of the result.
    resize : int
        What the shorter side becomes first.
    mean, std : sequence of float
    grey : bool, default False
        Take the colours away.
    """
    steps = [transforms.Grayscale(3)] if grey else []
    steps += [transforms.Resize(resize), transforms.CenterCrop(size), transforms.ToTensor(),
              transforms.Normalize(mean, std)]
    return transforms.Compose(steps)


def augmented(augment, kind, view, native):
    """Return the transform of images to learn from, as ``--augment`` says; `native`: all
    images have the wanted size."""
    if augment == "none":
        return plain(**view)
    size = view["size"]
    steps = [transforms.Grayscale(3)] if kind.grey else []
    flip = [transforms.RandomHorizontalFlip(p=0.5)] if kind.mirrored else []
    if augment == "standard":
        steps += [] if native else [transforms.RandomResizedCrop(size, scale=(0.5, 1.0))]
        steps += [*flip, transforms.RandomRotation(15), transforms.ColorJitter(brightness=0.2, contrast=0.2)]
    else:
        steps += [] if native else [transforms.Resize(view["resize"]), transforms.CenterCrop(size)]
        steps += [transforms.RandomCrop(size, padding=size // 8), *flip]
        policy = transforms.AutoAugmentPolicy.CIFAR10 if size <= 64 else transforms.AutoAugmentPolicy.IMAGENET
        steps += {"crop": [], "auto": [transforms.AutoAugment(policy)], "rand": [transforms.RandAugment()],
                  "trivial": [transforms.TrivialAugmentWide()]}[augment]
    return transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(view["mean"], view["std"])])


def open_image(path):
    """Return the image in a file with eight bits a colour, for training and for prediction.

    Parameters
    ----------
    path : path

    Returns
    -------
    PIL.Image.Image
        Of mode RGB. Of 16 bits the upper eight are taken: Pillow's ``convert`` makes white of all that is above 255.

    Raises
    ------
    OSError
        If it cannot be read, or holds numbers whose range nobody knows.
    """
    from PIL import Image
    try:
        with Image.open(path) as file:
            if file.mode.startswith("I;16"):
                return file.convert("I").point(lambda v: v * (1 / 256)).convert("RGB")
            if file.mode in ("I", "F"):
                raise OSError(f"its values are 32-bit numbers: save it with 8 or 16 bits ({os.fspath(path)})")
    except Image.DecompressionBombError as error:
        raise OSError(f"{error} ({os.fspath(path)})") from error
    return datasets.folder.pil_loader(path)


def load(name, root, model, size, augment, pretrained, seed):
    """Return the Data of a name or folder; None: CIFAR-10, or else the sample.

    Raises
    ------
    Mistake
        If there is no such data set, or it cannot be had.
    """
    if name is None:
        try:
            return _named("cifar10", root, size, augment, pretrained)
        except Mistake as error:
            print(f"CIFAR-10 is not there ({str(error).splitlines()[0]})")
            name = "sample"
    if name in KINDS:
        return _named(name, root, size, augment, pretrained)
    if not os.path.isdir(name):
        raise Mistake(f"{name!r} is neither a folder nor the name of a data set: {', '.join(KINDS)}")
    return _folder(name, size or (32 if model == "simple_cnn" else 224), augment, seed)


def _named(name, root, size, augment, pretrained):
    kind = KINDS[name]
    mean, std = IMAGENET if pretrained else (kind.mean, kind.std)
    view = {"size": size or kind.size, "resize": size or kind.size, "mean": mean, "std": std, "grey": kind.grey}
    native = view["size"] == kind.size
    own = root or (os.environ.get("PYCNN_CIFAR10") if name == "cifar10" else None)
    cls = _as_written(kind.cls, Path(own)) if own else kind.cls
    where = own or "data"
    try:
        train, test = (cls(where, train=split, download=cls is kind.cls) for split in (True, False))
    except (OSError, RuntimeError) as error:
        raise Mistake(f"{error}\nWithout it: python -m pycnn train sample" if name == "cifar10"
                      else str(error)) from error
    # The images of a data set all have its own size: resizing them to it would change nothing but the time it takes.
    steps = plain(**view).transforms
    sizing = (transforms.Resize, transforms.CenterCrop) if native else ()
    test.transform = transforms.Compose([t for t in steps if not isinstance(t, sizing)])
    train.transform = test.transform if augment == "none" else augmented(augment, kind, view, native)
    text = "the sample of CIFAR-10 that comes with pycnn" if name == "sample" else f"{kind.cls.__name__} in {where}"
    return Data(name, f"{text}: {len(train):,} training and {len(test):,} test "
                      "images", train, test, list(train.classes), view)


def _as_written(cls, root):
    """The class with the MD5 sums of a copy that lists its own in md5.json."""
    sums = root / "md5.json"
    if not sums.exists() or not issubclass(cls, datasets.CIFAR10):
        return cls
    md5 = json.loads(sums.read_text())
    return type(cls.__name__, (cls,), {
        "train_list": [[name, md5[name]] for name, _ in cls.train_list],
        "test_list": [[name, md5[name]] for name, _ in cls.test_list],
        "meta": {**cls.meta, "md5": md5[cls.meta["filename"]]}})


def _folder(path, size, augment, seed):
    root = Path(path)
    mean, std = IMAGENET
    view = {"size": size, "resize": -(-size * 8 // 7), "mean": mean, "std": std, "grey": False}
    learn, look = augmented(augment, Kind(None, size, mean, std), view, False), plain(**view)
    other = next((root / name for name in ("test", "val", "valid", "validation") if (root / name).is_dir()), None)
    try:
        if (root / "train").is_dir() and other is not None:
            train = datasets.ImageFolder(root / "train", learn, loader=open_image)
            test = datasets.ImageFolder(other, look, loader=open_image)
            if train.classes != test.classes:
                odd = set(train.classes) ^ set(test.classes)
                raise Mistake(f"{root / 'train'} and {other} hold different classes: {', '.join(sorted(odd))} only in "
                              "one of them")
            classes, text = train.classes, f"{len(train):,} training and {len(test):,} test images"
        else:
            train, test = (datasets.ImageFolder(root, steps, loader=open_image) for steps in (learn, look))
            classes = train.classes
            if len(train) < 5:
                raise Mistake(f"{path} holds too few images to test one in five: {len(train)}")
            parts = random_split(range(len(train)), [0.8, 0.2], generator=torch.Generator().manual_seed(seed))
            train, test = Subset(train, parts[0].indices), Subset(test, parts[1].indices)
            text = f"{len(train):,} images to train with, {len(test):,} others, drawn by the seed, to test"
    except FileNotFoundError as error:
        raise Mistake(f"{path} should hold a folder of images for each class, or such folders in train and test: "
                      f"{error}") from error
    return Data(root.resolve().name, f"{path}, {len(classes)} classes: {text}", train, test, classes, view)
