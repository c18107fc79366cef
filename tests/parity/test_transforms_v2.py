"""transforms.v2 against torchvision: results on PIL images and Tensors, what is drawn, samples, text, signatures."""

import inspect
import warnings

import numpy as np
import pytest
import torch
import torchvision
import torchvision.tv_tensors
from PIL import Image
from torchvision.transforms import v2 as theirs
from torchvision.transforms.v2 import functional as their_F

import pycnn
from pycnn import vision
from pycnn.vision.transforms import v2 as ours
from pycnn.vision.transforms.v2 import functional as F

pytestmark = pytest.mark.parity

RNG = np.random.default_rng(5)
NOISE = np.asarray(Image.fromarray(RNG.integers(0, 256, (9, 11, 3), dtype=np.uint8)).resize((41, 37), 3))
PICTURES = [Image.fromarray(NOISE), Image.fromarray(NOISE).convert("L")]
ARRAYS = [np.ascontiguousarray(NOISE.transpose(2, 0, 1)), RNG.integers(0, 256, (2, 3, 20, 22), dtype=np.uint8),
          np.ascontiguousarray(NOISE.transpose(2, 0, 1)[:1])]
FLOATS = [a.astype("f") / 255 for a in ARRAYS]

# Functions of a transforms module T and of its torch t.
TRANSFORMS = {
    "hflip": lambda T, t: T.RandomHorizontalFlip(),
    "vflip": lambda T, t: T.RandomVerticalFlip(p=0.3),
    "resize": lambda T, t: T.Resize(20),
    "resize pair": lambda T, t: T.Resize((50, 20)),
    "resize max": lambda T, t: T.Resize(None, max_size=30),
    "resize nearest": lambda T, t: T.Resize([17], "nearest"),
    "resize cubic": lambda T, t: T.Resize(25, T.InterpolationMode.BICUBIC),
    "center": lambda T, t: T.CenterCrop((30, 50)),
    "five": lambda T, t: T.FiveCrop(12),
    "ten": lambda T, t: T.TenCrop((10, 12)),
    "rrc": lambda T, t: T.RandomResizedCrop(24),
    "rrc wide": lambda T, t: T.RandomResizedCrop(size=(8, 30), scale=(0.3, 2.5), ratio=(2, 4)),
    "crop": lambda T, t: T.RandomCrop(16),
    "crop padded": lambda T, t: T.RandomCrop(18, padding=4),
    "crop reflect": lambda T, t: T.RandomCrop((18, 20), padding=(1, 2, 3, 4), padding_mode="reflect"),
    "crop needed": lambda T, t: T.RandomCrop((40, 18), pad_if_needed=True, fill=7),
    "pad": lambda T, t: T.Pad((1, 2), fill=3),
    "pad edge": lambda T, t: T.Pad([1, 2, 3, 4], padding_mode="edge"),
    "zoom": lambda T, t: T.RandomZoomOut(side_range=(1.0, 2.0), p=0.7),
    "shortest": lambda T, t: T.RandomShortestSize([18, 25], max_size=30),
    "random size": lambda T, t: T.RandomResize(15, 30),
    "scale jitter": lambda T, t: T.ScaleJitter((30, 30), (0.5, 1.5)),
    "rotation": lambda T, t: T.RandomRotation(15),
    "rotation expand": lambda T, t: T.RandomRotation((-90, 20), "bilinear", expand=True, fill=9),
    "affine": lambda T, t: T.RandomAffine(20, (0.1, 0.2), (0.8, 1.3), 10),
    "affine shear": lambda T, t: T.RandomAffine(0, shear=(-5, 5, -9, 3)),
    "perspective": lambda T, t: T.RandomPerspective(p=0.8),
    "elastic": lambda T, t: T.ElasticTransform(20.0, 3.0),
    "grey": lambda T, t: T.Grayscale(3),
    "random grey": lambda T, t: T.RandomGrayscale(0.6),
    "rgb": lambda T, t: T.RGB(),
    "jitter": lambda T, t: T.ColorJitter(0.4, 0.4, 0.4, 0.1),
    "jitter some": lambda T, t: T.ColorJitter(contrast=(0.5, 2), hue=0.3),
    "photometric": lambda T, t: T.RandomPhotometricDistort(p=0.6),
    "permute": lambda T, t: T.RandomChannelPermutation(),
    "equalize": lambda T, t: T.RandomEqualize(0.7),
    "invert": lambda T, t: T.RandomInvert(),
    "autocontrast": lambda T, t: T.RandomAutocontrast(0.8),
    "posterize": lambda T, t: T.RandomPosterize(3, 0.7),
    "sharpness": lambda T, t: T.RandomAdjustSharpness(1.7, 0.7),
    "blur": lambda T, t: T.GaussianBlur(5),
    "blur pair": lambda T, t: T.GaussianBlur((3, 5), 0.8),
    "auto": lambda T, t: T.AutoAugment(),
    "auto cifar": lambda T, t: T.AutoAugment(T.AutoAugmentPolicy.CIFAR10, fill=4),
    "auto svhn": lambda T, t: T.AutoAugment(T.AutoAugmentPolicy.SVHN, interpolation="bilinear"),
    "rand": lambda T, t: T.RandAugment(),
    "rand strong": lambda T, t: T.RandAugment(4, 20),
    "trivial": lambda T, t: T.TrivialAugmentWide(),
    "augmix": lambda T, t: T.AugMix(),
    "augmix some": lambda T, t: T.AugMix(5, 2, 2, 0.5, all_ops=False),
    "apply": lambda T, t: T.RandomApply([T.RandomHorizontalFlip(1.0), T.Pad(2)], p=0.4),
    "choice": lambda T, t: T.RandomChoice([T.Pad(1), T.CenterCrop(9), T.Identity()], p=[0.2, 0.5, 0.3]),
    "order": lambda T, t: T.RandomOrder([T.Pad(1), T.Resize(25), T.RandomRotation(9)]),
    "image": lambda T, t: T.Compose([T.ToImage(), T.ToDtype(t.float32, scale=True)]),
    "program": lambda T, t: T.Compose([T.ToImage(), T.RandomResizedCrop(20, antialias=True),
                                       T.RandomHorizontalFlip(p=0.5), T.ToDtype(t.float32, scale=True),
                                       T.Normalize(mean=[0.485], std=[0.229])]),
}
TENSORS_ALONE = {
    "erase": lambda T, t: T.RandomErasing(0.8),
    "erase random": lambda T, t: T.RandomErasing(value="random", p=0.8),
    "normalize": lambda T, t: T.Compose([T.ToDtype(t.float64, scale=True), T.Normalize([0.5], [0.25])]),
    "dtype": lambda T, t: T.ToDtype(t.float32),
    "to bytes": lambda T, t: T.ToDtype(t.uint8, scale=True),
    "to int": lambda T, t: T.Compose([T.ToDtype(t.uint8, scale=True), T.ToDtype(t.int32, scale=True),
        T.ToDtype(t.int16, scale=True)]),
    "dict": lambda T, t: T.ToDtype({t.Tensor: t.float64, "others": None}),
    "noise": lambda T, t: T.GaussianNoise(0.1, 0.2),
    "convert": lambda T, t: T.ConvertImageDtype(t.float32),
    "pil": lambda T, t: T.Compose([T.ToPILImage(), T.PILToTensor()]) if T is not None else None,
}
# Of floats, in the last bits.
SLACK = {"jitter", "jitter some", "photometric", "sharpness", "blur", "blur pair", "rand", "rand strong", "trivial",
         "augmix", "augmix some", "auto", "auto svhn", "auto cifar", "elastic", "rotation expand", "affine",
         "affine shear", "perspective", "resize", "resize pair", "resize max", "resize cubic", "rrc", "rrc wide",
         "shortest", "random size", "scale jitter", "program", "order", "normalize", "noise", "erase random"}


# Levels of bytes, and the share of pixels: a place on the border of two pixels may fall to the other one.
BETWEEN_PIXELS = {"rotation expand": (1, 0.01), "perspective": (1, 0.01), "elastic": (1, 0.01), "auto svhn": (2, 0.02),
                  "augmix": (2, 0.02), "augmix some": (2, 0.02), "rand strong": (255, 0.03)}


def leaves(value):
    return [v for part in value for v in leaves(part)] if isinstance(value, (list, tuple)) else [value]


def as_array(value):
    return np.asarray(value) if isinstance(value, Image.Image) else value.numpy() if hasattr(value,
        "numpy") else np.asarray(value)


def run(t, T, make, given, seed):
    t.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = make(T, t)(given if isinstance(given, Image.Image) else t.from_numpy(given.copy()))
    return leaves(result), t.get_rng_state().numpy().tobytes()


def same(make, given, limit=0.0, bytes_apart=None):
    for seed in range(4):
        (got, our_state), (want, their_state) = run(pycnn, ours, make, given, seed), run(torch, theirs, make, given,
            seed)
        assert our_state == their_state and len(got) == len(want)
        for g, w in zip(got, want):
            assert type(g).__name__ == type(w).__name__
            g, w = as_array(g), as_array(w)
            assert g.shape == w.shape and g.dtype == w.dtype
            if limit and g.dtype.kind == "f":
                assert np.abs(g - w).max(initial=0) <= limit
            elif bytes_apart is not None:
                difference = np.abs(g.astype(int) - w)
                assert difference.max(initial=0) <= bytes_apart[0] and (difference > 0).mean() <= bytes_apart[1]
            else:
                np.testing.assert_array_equal(g, w)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_pictures(name):
    for picture in PICTURES:
        same(TRANSFORMS[name], picture, 2e-6 if name == "program" else 0,
             BETWEEN_PIXELS[name] if "augmix" in name else None)


@pytest.mark.parametrize("name", [*TRANSFORMS, *TENSORS_ALONE])
def test_tensors(name):
    make = {**TRANSFORMS, **TENSORS_ALONE}[name]
    for array in ARRAYS[:2] if name == "pil" else ARRAYS:
        if name in ("pil",) and array.ndim == 4:
            continue
        same(make, array, 3e-6 if name in ("program", "normalize") else 0, BETWEEN_PIXELS.get(name))
    if name in ("auto", "auto cifar", "auto svhn", "rand", "rand strong", "trivial", "augmix", "augmix some"):
        return  # an operation's rounding decides the next one's bits
    for array in FLOATS[:2]:
        if name != "pil" or array.ndim == 3:
            same(make, array, (1e-4 if name in BETWEEN_PIXELS else 3e-6) if name in SLACK else 0)


@pytest.mark.parametrize("name", [*TRANSFORMS, *TENSORS_ALONE])
def test_text(name):
    make = {**TRANSFORMS, **TENSORS_ALONE}[name]
    assert repr(make(ours, pycnn)).replace("pycnn.", "torch.") == repr(make(theirs, torch))


def test_kinds_of_samples():
    for t, v, T in ((pycnn, vision, ours), (torch, torchvision, theirs)):
        change = T.Compose([T.ToImage(), T.RandomHorizontalFlip(1.0), T.ToDtype(t.float32, scale=True)])
        image, label = change(PICTURES[0], 3)
        assert type(image) is v.tv_tensors.Image and label == 3 and repr(image).endswith(", )") and \
            repr(image).startswith("Image([[[")
        sample = change({"image": PICTURES[0], "more": [t.ones(3), "text"], "labels": 4})
        assert type(sample) is dict and (sample["image"] == image).all() and sample["more"][0].sum() == 3 and \
            sample["labels"] == 4
        a, b = T.RandomHorizontalFlip(1.0)((t.arange(3.0)[None], t.arange(3.0)))  # the second is no image
        assert a.tolist() == [[2.0, 1.0, 0.0]] and b.tolist() == [0.0, 1.0, 2.0]
        assert T.Lambda(lambda x: x + 1, int)((t.zeros(1), 2))[1] == 3
        assert type(T.ToPureTensor()(image)) is t.Tensor and type(image + 1) is t.Tensor and \
            type(image.clone()) is type(image)
        assert v.tv_tensors.Image(PICTURES[1]).shape == (1, 37, 41) and type(v.tv_tensors.wrap(t.ones(2, 2),
            like=image)) is type(image)
        with pytest.raises(TypeError, match="does not support PIL images"):
            T.Normalize([0.5], [0.5])(PICTURES[0])
        with pytest.raises(ValueError, match="Pass at least one transform"):
            T.Compose([])


@pytest.mark.parametrize("version", [1, 2])
def test_affine_matrices(version):
    """Each version's, to the last bit."""
    matrix = (torchvision.transforms.functional if version == 1 else their_F._geometry)._get_inverse_affine_matrix
    for _ in range(200):
        angle, tx, ty, scale, sx, sy, cx, cy = RNG.uniform([-180, -9, -9, 0.3, -40, -40, 0, 0],
                                                           [180, 9, 9, 3, 40, 40, 50, 50]).tolist()
        assert list(pycnn._C.affine_matrix(version, angle, tx, ty, scale, sx, sy, cx, cy)) == \
            matrix([cx, cy], angle, [tx, ty], scale, [sx, sy])


@pytest.mark.parametrize("kind", ["MixUp", "CutMix"])
@pytest.mark.parametrize("options", [{}, {"alpha": 0.3}, {"alpha": 2.5}], ids=str)
def test_mixing_batches(kind, options):
    x, y = RNG.random((5, 3, 16, 12)).astype("f"), np.arange(5)
    for seed in range(6):
        results = []
        for t, T in ((pycnn, ours), (torch, theirs)):
            t.manual_seed(seed)
            mix = getattr(T, kind)(num_classes=7, **options)
            images, labels = mix(t.from_numpy(x), t.from_numpy(y))
            both = T.RandomChoice([mix, getattr(T, kind)(num_classes=7)])({"images": t.from_numpy(x),
                "labels": t.from_numpy(y)})
            results.append((images.numpy(), labels.numpy(), both["images"].numpy(), both["labels"].numpy(),
                            t.get_rng_state().numpy()))
        for got, want in zip(*results):
            np.testing.assert_array_equal(got, want)
    for wrong in ((x, y[None, None]), (x[0], y), (x[:4], y)):
        errors = []
        for t, T in ((pycnn, ours), (torch, theirs)):
            with pytest.raises(Exception) as error:
                getattr(T, kind)(num_classes=7)(*map(t.from_numpy, wrong))
            errors.append(error)
        assert errors[0].type is errors[1].type and str(errors[0].value)[:60] == str(errors[1].value)[:60]


FUNCTIONS = {
    "contrast": lambda F, x: F.adjust_contrast(x, 1.37),
    "saturation": lambda F, x: F.adjust_saturation(x, 0.61),
    "hue": lambda F, x: F.adjust_hue(x, 0.137),
    "gamma": lambda F, x: F.adjust_gamma(x, 1.7, 1.1),
    "solarize": lambda F, x: F.solarize(x, 0.4),
    "erase": lambda F, x: F.erase(x, 1, 2, 3, 4, x[..., :1, :1] * 0),
    "resized": lambda F, x: F.resized_crop(x, 2, 3, 10, 11, [7, 8]),
    "dims": lambda F, x: F.get_dimensions(x),
    "size": lambda F, x: F.get_size(x),
    "channels": lambda F, x: F.get_num_channels(x),
    "pil": lambda F, x: F.to_pil_image(x),
    "rotate": lambda F, x: F.rotate(x, 30, interpolation="nearest"),
    "image": lambda F, x: F.to_image(x),
    "convert": lambda F, x: F.convert_image_dtype(x),
    "wrong": lambda F, x: F.adjust_brightness(x, -1),
    "kind": lambda F, x: F.permute_channels(x, [0])}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    for array in (ARRAYS[0], FLOATS[0]):
        results = []
        for t, functions in ((pycnn, F), (torch, their_F)):
            try:
                results.append(FUNCTIONS[name](functions, t.from_numpy(array)))
            except Exception as error:
                results.append(error)
        got, want = results
        if isinstance(want, Exception):
            assert type(got) is type(want) and str(got) == str(want)
            continue
        got, want = as_array(got), as_array(want)
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=0, atol=2e-6 if got.dtype.kind == "f" else 0)


@pytest.mark.parametrize("name", [n for n in ours.__all__ if inspect.isclass(getattr(ours, n)) and
    n not in ("InterpolationMode", "AutoAugmentPolicy")])
def test_signatures(name):
    assert list(inspect.signature(getattr(ours, name)).parameters) == list(inspect.signature(getattr(theirs,
        name)).parameters)
    assert getattr(vision.transforms.v2, name) is getattr(ours, name)


@pytest.mark.parametrize("options", [{}, {"severity": 7, "chain_depth": 2, "all_ops": False, "fill": 3.0}], ids=str)
def test_augmix_of_the_first_version(options):
    for given in (*PICTURES, *ARRAYS):
        for seed in range(3):
            results = []
            for t, v in ((pycnn, vision), (torch, torchvision)):
                t.manual_seed(seed)
                image = given if isinstance(given, Image.Image) else t.from_numpy(given)
                results.append(as_array(v.transforms.AugMix(**options)(image)).astype(int))
                results.append(t.get_rng_state().numpy().tobytes())
            got, our_state, want, their_state = results
            assert our_state == their_state and got.shape == want.shape
            assert np.abs(got - want).max() <= 3 and (got != want).mean() <= 0.03
    assert repr(vision.transforms.AugMix(**options)) == repr(torchvision.transforms.AugMix(**options))
