"""Transforms of Tensors, and those that move pixels as no camera would, against torchvision.

Its arithmetic on Tensors is not Pillow's. Matrix products and sums are rounded in another order here: a value in a
thousand may be the neighbouring one.
"""


import numpy as np
import pytest
import torch
import torchvision.transforms as theirs
from PIL import Image

import pycnn
import pycnn.vision.transforms as ours

pytestmark = pytest.mark.parity


def picture(seed, h=36, w=44, c=3):
    noise = np.random.default_rng(seed).integers(0, 256, (h // 4, w // 4, 3), dtype=np.uint8)
    image = np.asarray(Image.fromarray(noise).resize((w, h), 3))
    return np.ascontiguousarray(image.transpose(2, 0, 1)[:c])


def arrays():
    yield picture(1)
    yield picture(2).astype(np.float32) / np.float32(255)
    yield picture(3, c=1)
    yield np.stack([picture(4), picture(5)])
    yield picture(6, c=1).astype(np.float64) / 255


def check(got, want, what):
    """Equal but for a rounding here and there."""
    got, want = got.numpy(), want.numpy()
    assert got.dtype == want.dtype and got.shape == want.shape, what
    off = np.abs(got.astype(float) - want.astype(float)) > (1e-5 if want.dtype.kind == "f" else 0)
    assert off.sum() <= 2 + 0.003 * off.size, f"{what}: {off.mean():.4f} of the values differ"


B, NEAREST, CUBIC = "BILINEAR", "NEAREST", "BICUBIC"
FUNCTIONS = {
    "resize": [lambda F, M, x: F.resize(x, [20, 31]), lambda F, M, x: F.resize(x, 50),
               lambda F, M, x: F.resize(x, 20, max_size=22),
               lambda F, M, x: F.resize(x, [20, 31], antialias=False), lambda F, M, x: F.resize(x, [55, 20], M.BICUBIC),
               lambda F, M, x: F.resize(x, 20, M.NEAREST), lambda F, M, x: F.resize(x, 21, M.NEAREST_EXACT),
               lambda F, M, x: F.resize(x, 36), lambda F, M, x: F.resized_crop(x, 3, 4, 20, 30, [16, 16])],
    "rotate": [lambda F, M, x: F.rotate(x, 15), lambda F, M, x: F.rotate(x, -33.3, M.BILINEAR),
               lambda F, M, x: F.rotate(x, 20, expand=True),
               lambda F, M, x: F.rotate(x, 12, M.BILINEAR, center=[3, 7], fill=[0.5]),
               lambda F, M, x: F.rotate(x, 77, fill=0.25)],
    "affine": [lambda F, M, x: F.affine(x, 10, [3, -4], 1.2, [5.0, 3.0]),
               lambda F, M, x: F.affine(x, -30, [0, 0], 0.7, 10.0, M.BILINEAR),
               lambda F, M, x: F.affine(x, 0, [5, 5], 1.0, [0.0], center=[1, 2], fill=0.5)],
    "perspective": [lambda F, M, x: F.perspective(x, [[0, 0], [43, 0], [43, 35], [0, 35]],
                                                  [[3, 2], [40, 5], [38, 30], [1, 33]]),
                    lambda F, M, x: F.perspective(x, [[0, 0], [43, 0], [43, 35], [0, 35]],
                                                  [[8, 2], [40, 0], [43, 30], [1, 35]], M.NEAREST, fill=[0.5])],
    "blur": [lambda F, M, x: F.gaussian_blur(x, 3), lambda F, M, x: F.gaussian_blur(x, [5, 3], [1.2, 0.4]),
             lambda F, M, x: F.gaussian_blur(x, 7, 2.0)],
    "colours": [lambda F, M, x: F.adjust_hue(x, 0.2), lambda F, M, x: F.adjust_hue(x, -0.4),
                lambda F, M, x: F.adjust_gamma(x, 1.7, 0.9),
                lambda F, M, x: F.adjust_sharpness(x, 2.5), lambda F, M, x: F.adjust_sharpness(x, 0.3),
                lambda F, M, x: F.autocontrast(x),
                lambda F, M, x: F.solarize(x, 0.5), lambda F, M, x: F.posterize(x, 3), lambda F, M, x: F.equalize(x)],
}


@pytest.mark.parametrize("name, k", [(name, k) for name, calls in FUNCTIONS.items() for k in range(len(calls))])
def test_functions(name, k):
    call = FUNCTIONS[name][k]
    for array in arrays():
        try:
            want = call(theirs.functional, theirs.InterpolationMode, torch.from_numpy(array))
        except TypeError as error:
            with pytest.raises(TypeError, match=str(error)[:30]):
                call(ours.functional, ours.InterpolationMode, pycnn.from_numpy(array))
            continue
        check(call(ours.functional, ours.InterpolationMode, pycnn.from_numpy(array)), want,
              f"{array.dtype} {array.shape}")


TRANSFORMS = {
    "resize": lambda T: T.Compose([T.ToTensor(), T.Resize(24)]),
    "resized crop": lambda T: T.RandomResizedCrop(24, antialias=False),
    "resized crop antialiased": lambda T: T.RandomResizedCrop((20, 31), (0.3, 0.9)),
    "rotation": lambda T: T.RandomRotation(30),
    "rotation bilinear": lambda T: T.RandomRotation(
        (10, 60), T.InterpolationMode.BILINEAR, expand=False, fill=(0.1, 0.2, 0.3)),
    "affine": lambda T: T.RandomAffine(30, (0.1, 0.2), (0.7, 1.4), 10),
    "affine bilinear": lambda T: T.RandomAffine(5, None, (0.5, 2), (-10, 10, -20, 5),
                                                T.InterpolationMode.BILINEAR, fill=0.5),
    "jitter": lambda T: T.ColorJitter(0.4, 0.4, 0.4, 0.2),
    "sharpness": lambda T: T.RandomAdjustSharpness(2.5),
    "perspective": lambda T: T.RandomPerspective(0.6, 0.8),
    "perspective nearest": lambda T: T.RandomPerspective(0.3, 1.0, T.InterpolationMode.NEAREST, fill=0.5),
    "blur": lambda T: T.GaussianBlur(5),
    "blur fixed": lambda T: T.GaussianBlur((3, 5), 0.7),
    "elastic": lambda T: T.ElasticTransform(),
    "elastic nearest": lambda T: T.ElasticTransform([30.0, 80.0], [3.0, 4.0], T.InterpolationMode.NEAREST, fill=0.25),
}
BYTES = {"rand augment": lambda T: T.RandAugment(3), "trivial augment": lambda T: T.TrivialAugmentWide(),
         "auto augment": lambda T: T.AutoAugment(),
         "auto augment bilinear": lambda T: T.AutoAugment(
             T.AutoAugmentPolicy.CIFAR10, T.InterpolationMode.BILINEAR, fill=[10.0, 20.0, 30.0]),
         "posterize": lambda T: T.RandomPosterize(3), "equalize": lambda T: T.RandomEqualize(),
         "invert": lambda T: T.RandomInvert(),
         "solarize": lambda T: T.RandomSolarize(100.0), "autocontrast": lambda T: T.RandomAutocontrast()}


@pytest.mark.parametrize("name", [*TRANSFORMS, *BYTES])
def test_transforms(name):
    make = TRANSFORMS.get(name) or BYTES[name]
    t, u = make(ours), make(theirs)
    images = [picture(k) for k in range(6)]
    if name in TRANSFORMS and name != "resize":
        images += [a.astype(np.float32) / np.float32(255) for a in images]
    pycnn.manual_seed(3), torch.manual_seed(3)
    for k, array in enumerate(images):
        if name == "resize":
            got, want = (m(Image.fromarray(array.transpose(1, 2, 0))) for m in (t, u))
        else:
            got, want = t(pycnn.from_numpy(array)), u(torch.from_numpy(array))
        check(got, want, f"image {k}")
        assert bytes(pycnn.get_rng_state().numpy()) \
               == bytes(torch.get_rng_state().numpy()), f"draws differ at image {k}"


@pytest.mark.parametrize("name", ["perspective", "perspective nearest", "blur", "blur fixed", "elastic",
                                  "elastic nearest"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pictures(name, mode):
    t, u = (TRANSFORMS[name](T) for T in (ours, theirs))
    pycnn.manual_seed(5), torch.manual_seed(5)
    for k in range(6):
        image = Image.fromarray(picture(k).transpose(1, 2, 0)).convert(mode)
        got, want = t(image), u(image)
        assert got.mode == want.mode and got.size == want.size
        off = np.abs(np.asarray(got).astype(int) - np.asarray(want).astype(int))
        assert (off > 0).mean() < 0.003 and off.max() <= (255 if "nearest" in name else 1 if "blur" in name else 255)
        assert bytes(pycnn.get_rng_state().numpy()) == bytes(torch.get_rng_state().numpy())
    assert repr(t).replace("'", "") == repr(u).replace("'", "")


def test_whitening():
    rng = np.random.default_rng(0)
    matrix, mean, x = (a.astype("f") for a in (rng.standard_normal((12, 12)), rng.random(12), rng.random((5, 3, 2, 2))))
    results = [T.LinearTransformation(m.from_numpy(matrix), m.from_numpy(mean))(m.from_numpy(x)).numpy()
               for m, T in ((torch, theirs), (pycnn, ours))]
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", [
    lambda m, T: T.GaussianBlur(4), lambda m, T: T.GaussianBlur(3, 0), lambda m, T: T.GaussianBlur(3, (2.0, 1.0)),
    lambda m, T: T.GaussianBlur(3, "a"),
    lambda m, T: T.ElasticTransform(1), lambda m, T: T.ElasticTransform([1.0]),
    lambda m, T: T.ElasticTransform(1.0, [1, 2]),
    lambda m, T: T.ElasticTransform(fill="a"), lambda m, T: T.RandomPerspective(fill="a" if False else {}),
    lambda m, T: T.LinearTransformation(m.ones(2, 3), m.ones(2)),
    lambda m, T: T.LinearTransformation(m.ones(2, 2), m.ones(3)),
    lambda m, T: T.LinearTransformation(m.ones(2, 2), m.ones(2))(m.ones(1, 1, 3)),
    lambda m, T: T.functional.gaussian_blur(m.ones(1, 4, 4), 2),
    lambda m, T: T.functional.gaussian_blur(m.ones(1, 4, 4), [3]),
    lambda m, T: T.functional.gaussian_blur(m.ones(1, 4, 4), 3, -1.0),
    lambda m, T: T.functional.perspective(m.ones(1, 4, 4), [[0, 0]], [[0, 0]]),
    lambda m, T: T.functional.gaussian_blur("a", 3),
    lambda m, T: T.functional.rotate(m.ones(1, 4, 4), 10, T.InterpolationMode.BICUBIC),
    lambda m, T: T.functional.rotate(m.ones(3, 4, 4), 10, fill=[1.0, 2.0]),
    lambda m, T: T.functional.elastic_transform(m.ones(1, 4, 4), m.ones(1, 3, 3, 2))])
def test_refusals(make):
    errors = []
    for m, T in ((torch, theirs), (pycnn, ours)):
        with pytest.raises(Exception) as caught:
            make(m, T)
        errors.append(caught.value)
    want, got = errors
    assert type(got) is type(want) and str(got)[:40] == str(want)[:40]
