"""Every transform against torchvision: results, the generator's state afterwards, text, signatures."""

import inspect
import os
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pycnn
import pycnn.vision.transforms as ours

pytestmark = pytest.mark.parity

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)


@pytest.fixture(scope="module")
def theirs():
    import torchvision.transforms
    return torchvision.transforms


@pytest.fixture(scope="module")
def pictures():
    """Real CIFAR-10 images where there are any, otherwise smooth noise; and some of other sizes and modes."""
    root = os.environ.get("PYCNN_CIFAR10")
    path = Path(root or "") / "cifar-10-batches-py" / "data_batch_1"
    if root and path.is_file():
        with open(path, "rb") as f:
            data = pickle.load(f, encoding="bytes")[b"data"]
        arrays = list(data.reshape(-1, 3, 32, 32)[:24].transpose(0, 2, 3, 1))
    else:
        noise = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3)).astype(np.uint8)
        arrays = [np.asarray(Image.fromarray(a).resize((32, 32), 3)) for a in noise]
    mosaic = np.concatenate([np.concatenate(arrays[:3], 1), np.concatenate(arrays[3:6], 1)], 0)
    images = [Image.fromarray(np.ascontiguousarray(a))
              for a in (*arrays, mosaic, mosaic[:40, :90], mosaic[7:60, 11:44])]
    return images + [images[0].convert("L"), images[-1].convert("L")]


# Functions of a transforms module T, so that each runs in both.
TRANSFORMS = {
    "hflip": lambda T: T.RandomHorizontalFlip(),
    "hflip .7": lambda T: T.RandomHorizontalFlip(0.7),
    "vflip": lambda T: T.RandomVerticalFlip(0.3),
    "rotation": lambda T: T.RandomRotation(15),
    "rotation bilinear": lambda T: T.RandomRotation((-200, 100), T.InterpolationMode.BILINEAR, fill=9),
    "rotation bicubic": lambda T: T.RandomRotation(40, T.InterpolationMode.BICUBIC, center=(3, 20)),
    "rotation expand": lambda T: T.RandomRotation(90, expand=True, fill=3),
    "jitter program": lambda T: T.ColorJitter(brightness=0.2, contrast=0.2),
    "jitter all": lambda T: T.ColorJitter(0.4, 0.4, 0.4, 0.1),
    "jitter wide": lambda T: T.ColorJitter((0, 3), (0.5, 4), (0, 5), (-0.5, 0.5)),
    "jitter some": lambda T: T.ColorJitter(0, 0.3, 0, 0.2),
    "crop": lambda T: T.RandomCrop(28),
    "crop padded": lambda T: T.RandomCrop(32, padding=4),
    "crop reflect": lambda T: T.RandomCrop(32, padding=(3, 5), padding_mode="reflect"),
    "crop edge": lambda T: T.RandomCrop((20, 30), padding=(1, 2, 3, 4), padding_mode="edge"),
    "crop if needed": lambda T: T.RandomCrop((50, 100), pad_if_needed=True, fill=7),
    "crop symmetric if needed": lambda T: T.RandomCrop((40, 45), pad_if_needed=True, padding_mode="symmetric"),
    "resized crop": lambda T: T.RandomResizedCrop(24),
    "resized crop bicubic": lambda T: T.RandomResizedCrop((20, 31), (0.3, 0.9), (0.5, 2), T.InterpolationMode.BICUBIC),
    "resized crop central": lambda T: T.RandomResizedCrop(24, (2, 3), (0.5, 0.6)),
    "affine": lambda T: T.RandomAffine(30, (0.1, 0.2), (0.7, 1.4), 10, fill=5),
    "affine bilinear": lambda T: T.RandomAffine((-5, 50), None, (0.5, 2), (-10, 10, -20, 5),
                                                T.InterpolationMode.BILINEAR),
    "affine bicubic": lambda T: T.RandomAffine(0, (0.5, 0.5), None, None, T.InterpolationMode.BICUBIC, center=(1, 2)),
    "grey": lambda T: T.RandomGrayscale(0.5),
    "invert": lambda T: T.RandomInvert(),
    "posterize": lambda T: T.RandomPosterize(3, 0.7),
    "solarize": lambda T: T.RandomSolarize(99.5),
    "sharpness": lambda T: T.RandomAdjustSharpness(2.5),
    "blur": lambda T: T.RandomAdjustSharpness(0.2),
    "autocontrast": lambda T: T.RandomAutocontrast(),
    "equalize": lambda T: T.RandomEqualize(),
    "apply": lambda T: T.RandomApply([T.RandomRotation(20), T.RandomApply([T.RandomInvert(1)], 0.5)], 0.7),
    "choice": lambda T: T.RandomChoice([T.RandomRotation(20), T.RandomCrop(20), T.RandomInvert(1)], p=[1, 2, 3]),
    "order": lambda T: T.RandomOrder([T.RandomRotation(20), T.RandomCrop(20), T.RandomInvert()]),
    "rand augment": lambda T: T.RandAugment(3),
    "rand augment bilinear": lambda T: T.RandAugment(2, 20, interpolation=T.InterpolationMode.BILINEAR, fill=100),
    "trivial augment": lambda T: T.TrivialAugmentWide(),
    "auto augment": lambda T: T.AutoAugment(),
    "auto augment cifar10": lambda T: T.AutoAugment(T.AutoAugmentPolicy.CIFAR10, fill=8),
    "auto augment svhn": lambda T: T.AutoAugment(T.AutoAugmentPolicy.SVHN, T.InterpolationMode.BILINEAR),
    "resize": lambda T: T.Resize(20),
    "resize up": lambda T: T.Resize((61, 45), T.InterpolationMode.LANCZOS),
    "resize max": lambda T: T.Resize(40, max_size=50),
    "center crop": lambda T: T.CenterCrop((40, 21)),
    "pad": lambda T: T.Pad((1, 2, 3, 4), 200),
    "grayscale": lambda T: T.Grayscale(3),
    "to tensor": lambda T: T.ToTensor(),
    "pil to tensor": lambda T: T.PILToTensor(),
    "program": lambda T: T.Compose([T.RandomHorizontalFlip(p=0.5), T.RandomRotation(15),
                                    T.ColorJitter(brightness=0.2, contrast=0.2), T.ToTensor(),
                                    T.Normalize((0.5,), (0.25,))]),
    "tensor chain": lambda T: T.Compose([T.ToTensor(), T.RandomCrop(30, 2, fill=0.5), T.RandomHorizontalFlip(),
                                         T.Normalize((0.5,), (0.3,)), T.Pad(1, 0.25), T.CenterCrop(31),
                                         T.RandomErasing(0.8)]),
    "erasing": lambda T: T.Compose([T.ToTensor(), T.RandomErasing(0.8, value=0.5)]),
    "erasing noise": lambda T: T.Compose([T.ToTensor(), T.RandomErasing(0.8, value="random")]),
    "erasing specks": lambda T: T.Compose([T.ToTensor(), T.RandomErasing(0.9, (0, 0.004), value="random"),
                                           T.Normalize(0.1, 3)]),
    "convert dtype": lambda T: T.Compose([T.PILToTensor(), T.RandomHorizontalFlip(), T.ConvertImageDtype(FLOAT(T))]),
    "five crop": lambda T: T.Compose([T.FiveCrop(20), T.Lambda(lambda crops: crops[1]), T.RandomVerticalFlip()]),
}


def FLOAT(T):
    if T is ours:
        return pycnn.float32
    import torch
    return torch.float32


def values(result):
    return np.asarray(result) if isinstance(result, Image.Image) else result.numpy()


@pytest.mark.parametrize("seed", [0, 1, 123456789])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_transform(name, seed, theirs, pictures):
    import torch

    t, u = TRANSFORMS[name](ours), TRANSFORMS[name](theirs)
    pycnn.manual_seed(seed), torch.manual_seed(seed)
    for k, img in enumerate(pictures):
        random.seed(seed + k)
        got = values(t(img))
        random.seed(seed + k)
        want = values(u(img))
        assert got.dtype == want.dtype and got.shape == want.shape
        assert got.tobytes() == want.tobytes(), f"picture {k}"
        assert bytes(pycnn.get_rng_state().numpy()) \
               == bytes(torch.get_rng_state().numpy()), f"draws differ at picture {k}"


@pytest.mark.parametrize("seed", range(3))
def test_program_over_all_pictures(seed, theirs, pictures):
    """The program's chain, with means per channel, and the loader's pipeline of it."""
    import torch

    def chain(T):
        return T.Compose([T.RandomHorizontalFlip(p=0.5), T.RandomRotation(15),
                          T.ColorJitter(brightness=0.2, contrast=0.2), T.ToTensor(), T.Normalize(MEAN, STD)])

    t, u = chain(ours), chain(theirs)
    p = ours._pipeline.compile(t)
    rgb = [img for img in pictures if img.mode == "RGB"] * 3
    torch.manual_seed(seed)
    want = [u(img).numpy() for img in rgb]
    state = bytes(torch.get_rng_state().numpy())
    for route in (t, lambda img: p(img.tobytes(), img.size[1], img.size[0], 3)):
        pycnn.manual_seed(seed)
        for k, img in enumerate(rgb):
            np.testing.assert_array_equal(route(img).numpy().view(np.uint32), want[k].view(np.uint32))
        assert bytes(pycnn.get_rng_state().numpy()) == state


# that shows a class's module
@pytest.mark.parametrize("name", [name for name in TRANSFORMS if name != "convert dtype"])
def test_repr(name, theirs):
    assert repr(TRANSFORMS[name](ours)) == repr(TRANSFORMS[name](theirs))


def test_signatures(theirs):
    """Same parameters, same order, same defaults, for classes and functions."""
    def plain(default):
        return str(default) if hasattr(default, "name") else default

    def parameters(f):
        return [(p.name, plain(p.default)) for p in inspect.signature(f).parameters.values()]

    for name in ours.__all__:
        if inspect.isclass(getattr(ours, name)) and name not in ("InterpolationMode", "AutoAugmentPolicy"):
            assert parameters(getattr(ours, name)) == parameters(getattr(theirs, name)), name
            mine = getattr(getattr(ours, name), "get_params", None)
            if mine is not None:
                assert parameters(mine) == parameters(getattr(theirs, name).get_params), name
    for name, f in vars(ours.functional).items():
        if inspect.isfunction(f) and not name.startswith("_") and "transforms.functional" in f.__module__:
            mine, other = parameters(f), parameters(getattr(theirs.functional, name))
            if name == "convert_image_dtype":
                mine, other = mine[:1], other[:1]
            assert mine == other, name


@pytest.mark.parametrize("name, args", [
    ("RandomCrop", lambda img: (img, (20, 21))), ("RandomResizedCrop", lambda img: (img, (0.1, 1), (0.5, 2))),
    ("RandomRotation", lambda img: ([-15, 15],)),
    ("RandomAffine", lambda img: ([-5, 5], (0.1, 0.2), (0.5, 2), [-3, 3], img.size)),
    ("RandomAffine", lambda img: ([-5, 5], None, None, [-3, 3, -4, 4], img.size)),
    ("ColorJitter", lambda img: ((0.5, 1.5), None, (0.5, 1.5), (-0.1, 0.1))),
])
def test_get_params(name, args, theirs, pictures):
    import torch

    pycnn.manual_seed(5), torch.manual_seed(5)
    for img in pictures[:6]:
        got, want = (getattr(T, name).get_params(*args(img)) for T in (ours, theirs))
        assert str(got) == str(want)
        assert bytes(pycnn.get_rng_state().numpy()) == bytes(torch.get_rng_state().numpy())


def test_functional_on_tensors(theirs, pictures):
    """What torchvision computes on Tensors, where this package does so too."""
    import torch

    array = np.asarray(pictures[0]).transpose(2, 0, 1).copy()
    for a in (array, array.astype(np.float32) / np.float32(255), array[:1]):
        x, y = pycnn.from_numpy(a), torch.from_numpy(a)
        for name, args in (("hflip", ()), ("vflip", ()), ("crop", (-2, 5, 20, 40)), ("center_crop", ((20, 41),)),
                           ("pad", ((1, 2), 3)),
                           ("pad", (3, 0, "reflect")), ("pad", (3, 0, "edge")), ("pad", (3, 0, "symmetric")),
                           ("invert", ()),
                           ("rgb_to_grayscale", (1,)), ("adjust_brightness", (1.3,)), ("adjust_contrast", (0.6,)),
                           ("adjust_saturation", (1.7,))):
            got = getattr(ours.functional, name)(x, *args).numpy()
            want = getattr(theirs.functional, name)(y, *args).numpy()
            assert got.dtype == want.dtype and got.shape == want.shape
            if name == "adjust_contrast":  # a mean over all pixels: another order of summation
                np.testing.assert_allclose(got.astype(float), want.astype(float), rtol=1e-6, atol=1)
            else:
                np.testing.assert_array_equal(got, want, err_msg=f"{name}{args} {a.dtype}")


def test_convert_image_dtype(theirs):
    import torch

    dtypes = ["uint8", "int8", "int16", "int32", "int64", "float32", "float64"]
    for source in dtypes:
        a = np.linspace(0, 1, 300).astype(source) if "float" in source else np.arange(0, 120).astype(source)
        for target in dtypes:
            want = mine = None
            try:
                want = theirs.functional.convert_image_dtype(torch.from_numpy(a), getattr(torch, target))
            except RuntimeError:
                pass
            try:
                mine = ours.functional.convert_image_dtype(pycnn.from_numpy(a), getattr(pycnn, target))
            except RuntimeError:
                pass
            assert (want is None) == (mine is None)
            if want is not None:
                np.testing.assert_array_equal(mine.numpy(), want.numpy(), err_msg=f"{source} to {target}")
