"""The pixels of every image step: golden values of torchvision's, and Pillow itself on many sizes and parameters."""

import base64
import gc
import hashlib
import json
import pickle
import random
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from pycnn import _C

GOLDEN = json.loads((Path(__file__).parent / "golden" / "image.json").read_text())
FILTERS = {"NEAREST": 0, "BILINEAR": 2, "BICUBIC": 3}
PAD_MODES = ["constant", "edge", "reflect", "symmetric"]
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)


def sha(data):
    return hashlib.sha256(bytes(data)).hexdigest()[:32]


def synth(height, width, x):
    """An image from integers alone: ramps and noise."""
    a = np.zeros((height, width, 3), np.uint8)
    for y in range(height):
        for column in range(width):
            for c in range(3):
                x = (1664525 * x + 1013904223) & 0xFFFFFFFF
                a[y, column, c] = (y * 7 * (c + 1) + column * 5 * (3 - c) + ((x >> 24) & 63)) & 255
    return a


def golden_image(name):
    numbers = re.match(r"synth\((\d+),(\d+),(\d+)\)", name)
    if numbers:
        return synth(*map(int, numbers.groups()))
    return np.frombuffer(base64.b64decode(GOLDEN["images"][name]), np.uint8).reshape(32, 32, 3)


def golden_steps(op):
    """Steps of the golden file's description of an operation."""
    word, *rest = op.split()
    sampling = (next((f for name, f in FILTERS.items() if name in op), 0),)
    if word.startswith("adjust_"):
        return [(word[7:], float(rest[0]))]
    if word == "rotate":
        expand, center = "expand" in op, (1, 2, 3) if "center" in op else (0, 0, 0)
        return [("rotate", float(rest[0]), *sampling, expand, *center, *((1, 2, 3) if "fill" in op else (0,)))]
    if word == "affine":
        numbers = (10, 2, -3, 1.2, 5, -7) if "angle=10" in op else (0, 2, -3, 1, 0, 0)
        return [("affine", *numbers, 0, 1, *sampling, 0, 0, 0, 0, 0)]
    if word == "resize":
        return [("resize", *map(int, re.search(r"\((\d+), (\d+)\)", op).groups()), *sampling)]
    if word == "pad":
        return [("pad", 1, 2, 3, 4, PAD_MODES.index(rest[1]), 9)]
    return {"to L": [("grey", 1)], "autocontrast": [("autocontrast",)], "equalize": [("equalize",)],
            "posterize 3": [("posterize", 3)], "solarize 100": [("solarize", 100)],
            "crop top=-1 left=2 h=5 w=7": [("crop", -1, 2, 5, 7)], "to_tensor": [("to_tensor", 0)],
            "normalize cifar": [("to_tensor", 0), ("normalize", *MEAN, *STD)]}[op]


def run(steps, a):
    """The result's bytes."""
    result = _C.Pipeline(steps)(np.ascontiguousarray(a), *a.shape)
    return result[0] if isinstance(result, tuple) else result.numpy().tobytes()


def test_synthetic_image_is_the_golden_one():
    assert synth(4, 4, 1).tobytes().hex() == GOLDEN["synth"]["synth(4,4,1)"]


@pytest.mark.parametrize("op", sorted({op for _, op, _ in GOLDEN["pixel"]}))
def test_golden(op):
    for name, this, want in GOLDEN["pixel"]:
        if this == op:
            assert sha(run(golden_steps(op), golden_image(name))) == want, name


# ---- Pillow ---------------------------------------------------------------------------------------

RANDOM = random.Random(7)


def pil(a):
    return Image.fromarray(a[:, :, 0] if a.shape[2] == 1 else a)


def array(p):
    a = np.asarray(p)
    return a[:, :, None] if a.ndim == 2 else a


def picture():
    """An image of random, often degenerate size: noise, few levels, one level or ramps."""
    size = [RANDOM.choice([1, 2, 3, 5, 17, 32, RANDOM.randint(1, 70)]) for _ in range(2)]
    c, kind = RANDOM.choice([1, 3]), RANDOM.randrange(4)
    noise = np.random.default_rng(RANDOM.randrange(10**9)).integers(0, 256, (*size, c)).astype(np.uint8)
    if kind == 0:
        return np.full((*size, c), RANDOM.randrange(256), np.uint8)
    if kind == 1:
        return noise // 64 * 40 + 7
    if kind == 2:
        ramp = np.add.outer(np.arange(size[0]) * 3, np.arange(size[1]) * 2)[:, :, None] + np.arange(c) * 20
        return np.clip(ramp + noise // 16, 0, 255).astype(np.uint8)
    return noise


def fill_for(c):
    values = tuple(RANDOM.randrange(256) for _ in range(c))
    return values, values if c > 1 else values[0]


def enhanced(step, name):
    def case(a):
        f = RANDOM.choice([0, 1, RANDOM.uniform(0, 1), RANDOM.uniform(0, 3), RANDOM.uniform(-1, 4)])
        return (step, f), getattr(ImageEnhance, name)(pil(a)).enhance(f)
    return case


def rotated(a):
    h, w, c = a.shape
    angle = RANDOM.choice([0, 90, 180, 270, -90, 450, RANDOM.uniform(-720, 720), RANDOM.uniform(-15, 15), 1e-4])
    expand, filter = RANDOM.random() < 0.4, RANDOM.choice([0, 2, 3])
    center = None if expand or RANDOM.random() < 0.6 else (RANDOM.uniform(-5, w + 5), RANDOM.uniform(-5, h + 5))
    values, fill = fill_for(c)
    step = ("rotate", angle, filter, expand, center is not None, *(center or (0, 0)), *values)
    return step, pil(a).rotate(angle, filter, expand, center, fillcolor=fill)


def mapped(a):
    h, w, c = a.shape
    numbers = (RANDOM.choice([0, RANDOM.uniform(-180, 180)]), RANDOM.randint(-9, 9), RANDOM.randint(-9, 9),
               RANDOM.choice([1, RANDOM.uniform(0.3, 3), 1e-5]),
               *(RANDOM.choice([0, RANDOM.uniform(-40, 40)]) for _ in "xy"))
    filter, (values, fill) = RANDOM.choice([0, 2, 3]), fill_for(c)
    version = RANDOM.choice([1, 2])
    matrix = _C.affine_matrix(version, *numbers, w * 0.5, h * 0.5)
    step = ("affine", *numbers, 0, version, filter, 0, 0, 0, 0, *values)
    return step, pil(a).transform((w, h), Image.Transform.AFFINE, matrix, filter, fillcolor=fill)


def resized(a):
    h, w, _ = a.shape
    size = [RANDOM.choice([1, 2, n, RANDOM.randint(1, 90)]) for n in (h, w)]
    filter = RANDOM.randrange(6)
    return ("resize", *size, filter), pil(a).resize(size[::-1], filter)


def cropped(a):
    h, w, _ = a.shape
    top, left = RANDOM.randint(-5, h + 3), RANDOM.randint(-5, w + 3)
    th, tw = RANDOM.randint(1, h + 8), RANDOM.randint(1, w + 8)
    return ("crop", top, left, th, tw), pil(a).crop((left, top, left + tw, top + th))


def padded(a):
    left, top, right, bottom = (RANDOM.randint(0, 12) for _ in range(4))
    mode, (values, fill) = RANDOM.randrange(4), fill_for(a.shape[2])
    if mode == 0:
        want = ImageOps.expand(pil(a), (left, top, right, bottom), fill)
    else:
        want = pil(np.pad(a, ((top, bottom), (left, right), (0, 0)), PAD_MODES[mode]))
    return ("pad", left, top, right, bottom, mode, *values), want


def hue(a):
    factor = RANDOM.uniform(-0.5, 0.5)
    if a.shape[2] == 1:
        return ("hue", factor), pil(a)
    h, s, v = pil(a).convert("HSV").split()
    shifted = (np.asarray(h).astype(int) + int(factor * 255)) & 255
    return ("hue", factor), Image.merge("HSV", (Image.fromarray(shifted.astype(np.uint8)), s, v)).convert("RGB")


def gamma(a):
    g, gain = RANDOM.uniform(0, 3), RANDOM.uniform(0.5, 2)
    table = [int((255 + 1 - 1e-3) * gain * pow(v / 255.0, g)) for v in range(256)]
    return ("gamma", g, gain), pil(a).point(table * a.shape[2])


CASES = {
    "brightness": enhanced("brightness", "Brightness"), "contrast": enhanced("contrast", "Contrast"),
    "saturation": enhanced("saturation", "Color"), "sharpness": enhanced("sharpness", "Sharpness"), "hue": hue,
    "gamma": gamma, "rotate": rotated, "affine": mapped, "resize": resized, "crop": cropped, "pad": padded,
    "hflip": lambda a: (("hflip",), ImageOps.mirror(pil(a))), "vflip": lambda a: (("vflip",), ImageOps.flip(pil(a))),
    "grey": lambda a: (("grey", 1), pil(a).convert("L")), "invert": lambda a: (("invert",), ImageOps.invert(pil(a))),
    "posterize": lambda a: ((("posterize", b := RANDOM.randint(1, 8))), ImageOps.posterize(pil(a), b)),
    "solarize": lambda a: ((("solarize", t := RANDOM.uniform(0, 256))), ImageOps.solarize(pil(a), t)),
    "autocontrast": lambda a: (("autocontrast",), ImageOps.autocontrast(pil(a))),
    "equalize": lambda a: (("equalize",), ImageOps.equalize(pil(a))),
}

# What stands before a step: views with other strides, and tables that are still to be applied.
BEFORE = {
    (): lambda p: p,
    (("hflip",),): ImageOps.mirror,
    (("vflip",),): ImageOps.flip,
    (("rotate", 90, 0, 1, 0, 0, 0, 0),): lambda p: p.transpose(Image.Transpose.ROTATE_90),
    (("rotate", 270, 0, 1, 0, 0, 0, 0),): lambda p: p.transpose(Image.Transpose.ROTATE_270),
    (("brightness", 1.3),): lambda p: ImageEnhance.Brightness(p).enhance(1.3),
    (("hflip",), ("equalize",)): lambda p: ImageOps.equalize(ImageOps.mirror(p)),
}


@pytest.mark.parametrize("name", CASES)
def test_pillow(name):
    for _ in range(120):
        a, before = picture(), RANDOM.choice(list(BEFORE))
        step, want = CASES[name](array(BEFORE[before](pil(a))))
        data, h, w, c = _C.Pipeline([*before, step])(a, *a.shape)
        np.testing.assert_array_equal(np.frombuffer(data, np.uint8).reshape(h, w, c), array(want),
                                      err_msg=f"{a.shape} {before} {step}")


def test_rotation_beyond_fixed_point():
    """Coordinates that 16.16 does not hold take Pillow's floating-point path."""
    a = np.random.default_rng(0).integers(0, 256, (5, 40000, 1)).astype(np.uint8)
    data, h, w, c = _C.Pipeline([("rotate", 1.0, 0, 0, 0, 0, 0, 7)])(a, *a.shape)
    assert data == pil(a).rotate(1.0, 0, fillcolor=7).tobytes()


def test_maps_that_are_no_numbers():
    """A scale so small that the matrix overflows: all but its middle is outside, for each filter."""
    for scale in (1e-300, 1e-310):
        for filter in (0, 2, 3):
            steps = [("affine", 10, 0, 0, scale, 0, 0, 0, 1, filter, 0, 0, 0, 0, 255)]
            assert _C.Pipeline(steps)(bytes(range(75)), 5, 5, 3)[0].count(255) >= 72


# ---- layouts, plans, errors -----------------------------------------------------------------------

def test_tensor_layouts():
    a = synth(9, 7, 1)
    chw = a.transpose(2, 0, 1)
    as_bytes = _C.Pipeline([("brightness", 0.7)])(a, *a.shape, tensor=True)
    np.testing.assert_array_equal(as_bytes.numpy(),
                                  np.asarray(ImageEnhance.Brightness(pil(a)).enhance(0.7)).transpose(2, 0, 1))
    floats = _C.Pipeline([("to_tensor", 0)])(a, *a.shape)
    np.testing.assert_array_equal(floats.numpy(), chw.astype(np.float32) / np.float32(255))


def test_steps_after_to_tensor():
    """Whatever moves values moves floats as it moves bytes, and what is outside is a float too."""
    a = synth(12, 10, 2)
    norm = ("normalize", *MEAN, *STD)
    mean, std = (np.array(v, np.float32)[:, None, None] for v in (MEAN, STD))
    x = ((a.transpose(2, 0, 1).astype(np.float32) / np.float32(255)) - mean) / std

    def floats(*steps):
        return _C.Pipeline([("to_tensor", 0), *steps])(a, *a.shape).numpy()

    np.testing.assert_array_equal(floats(norm, ("hflip",), ("vflip",)), x[:, ::-1, ::-1])
    np.testing.assert_array_equal(floats(("hflip",), norm), x[:, :, ::-1])
    np.testing.assert_array_equal(floats(norm, ("crop", 2, 3, 5, 4)), x[:, 2:7, 3:7])
    np.testing.assert_array_equal(floats(norm, ("center_crop", 14, 4)), np.pad(x, ((0, 0), (1, 1), (0, 0)))[:, :, 3:7])
    np.testing.assert_array_equal(floats(norm, ("pad", 1, 2, 3, 4, 0, 0.5)),
                                  np.pad(x, ((0, 0), (2, 4), (1, 3)), constant_values=np.float32(0.5)))
    erased = x.copy()
    erased[:, 1:4, 2:8] = np.array([1, 2, 3], np.float32)[:, None, None]
    np.testing.assert_array_equal(floats(norm, ("erase", 1, 2, 3, 6, 1, 2, 3)), erased)
    np.testing.assert_array_equal(floats(norm, ("erase", 1, 2, 3, 6, 1, 2, 3), ("hflip",), ("vflip",)),
                                  erased[:, ::-1, ::-1])
    np.testing.assert_array_equal(floats(norm, ("erase", 1, 2, 3, 6, 1, 2, 3), ("normalize", 1, 2)),
                                  (erased - np.float32(1)) / np.float32(2))


def test_normalize_governed_by_chance():
    a = synth(5, 5, 3)
    for p, want in ((0, 0), (1, 1)):
        steps = [("chance", 0, p, 2), ("to_tensor", 0), ("normalize", 0.5, 0.5)]
        with pytest.raises(ValueError, match="depends on chance"):
            _C.Pipeline(steps).output(5, 5, 3)
        assert isinstance(_C.Pipeline(steps)(a, 5, 5, 3), tuple) == (not want)
    steps = [("to_tensor", 0), ("chance", 0, 0, 1), ("normalize", 0.5, 0.5)]
    np.testing.assert_array_equal(_C.Pipeline(steps)(a, 5, 5, 3).numpy(),
                                  a.transpose(2, 0, 1).astype(np.float32) / np.float32(255))


RANDOM_STEPS = [
    [("pad", 4, 4, 4, 4, 2, 0), ("random_crop", 28, 30, 1, 0)],
    [("chance", 0, 0.5, 2), ("hflip",), ("brightness", 0.5), ("chance", 2, 0.5, 1), ("vflip",)],
    [("random_rotation", -30, 30, 2, 0, 1, 3, 4, 1, 2, 3)],
    [("random_affine", -30, 30, 1, 0.1, 0.2, 1, 0.7, 1.4, 4, -10, 10, -5, 5, 2, 3, 0, 0, 0, 0, 5)],
    [("random_resized_crop", 24, 20, 0.08, 1, 0.75, 4 / 3, 3)],
    *[[("color_jitter", 1, 0.6, 1.4, 1, 0.6, 1.4, 1, 0.6, 1.4, 1, -0.1, 0.1, of_tensor)] for of_tensor in (0, 1)],
    [("rand_augment", 3, 9, 31, 1, 0, 0, 0, 0, 0, 7)],
    [("trivial_augment", 31, 2, 2, 0, 0, 0, 0, 1, 2, 3)],
    [("auto_augment", 1, 0, 1, 9, 0, 0, 0, 1, 0.9, 3, 14, 0.9, -1, 2, 0.9, 5, 11, 0.9, 6)],
    [("to_tensor", 0), ("normalize", *MEAN, *STD), ("chance", 0, 0.9, 1),
     ("random_erasing", 0.02, 0.33, 0.3, 3.3, 1, 2, 3)],
]


@pytest.mark.parametrize("steps", RANDOM_STEPS, ids=lambda s: s[-1][0])
def test_a_drawn_plan_is_a_pipeline(steps):
    """What draw() returns does to an image what the random steps did with the same draws."""
    a = synth(32, 32, 4)
    for _ in range(20):
        drawn = _C.Pipeline(steps).draw(32, 32, 3)
        once, again = (_C.Pipeline(drawn)(a, 32, 32, 3) for _ in range(2))
        if isinstance(once, tuple):
            assert once == again
        else:
            np.testing.assert_array_equal(once.numpy(), again.numpy())


def test_output():
    assert _C.Pipeline([("random_crop", 5, 6, 1, 0), ("grey", 1)]).output(9, 9, 3) == (5, 6, 1, False)
    assert _C.Pipeline([("resize_shorter", 12, 15, 2), ("to_tensor", 0)]).output(30, 60, 3) == (7, 15, 3, True)
    with pytest.raises(ValueError, match="depends on chance"):
        _C.Pipeline([("random_rotation", -5, 5, 0, 1, 0, 0, 0, 0)]).output(9, 9, 3)


def test_pickle():
    p = _C.Pipeline([("pad", 1, 2, 3, 4, 1, 0), ("to_tensor", 0)])
    assert repr(pickle.loads(pickle.dumps(p))) == repr(p)


@pytest.mark.parametrize("steps, error, message", [
    ([("nothing",)], ValueError, "unknown image step 'nothing'"),
    ([("crop", 1, 2, 3)], ValueError, "at least 4 numbers"),
    ([("crop", 1, 2, 3.5, 4)], ValueError, "integer"),
    ([("crop", 1, 2, 0, 4)], ValueError, "height and width must be > 0"),
    ([("crop", 1, 2, 1 << 23, 1 << 23)], ValueError, "too large"),
    ([("brightness", float("nan"))], ValueError, "not finite"),
    ([("resize", 4, 4, 17)], ValueError, "Unknown resampling filter"),
    ([("rotate", 4, 1, 0, 0, 0, 0, 0)], ValueError, "cannot be used"),
    ([("hue", 0.6)], ValueError, r"hue_factor \(0.6\) is not in"),
    ([("rotate", 30, 0, 1, 1, 1e300, 0, 0)], ValueError, "must be > 0"),
    ([("posterize", 9)], ValueError, "between or equal to 1 and 8"),
    ([("pad", 1, 1, 1, 1, 0, 1, 2)], ValueError, r"does not match the number of channels of the image \(2 != 3\)"),
    ([("random_crop", 40, 40, 1, 0)], ValueError,
     r"Required crop size \(40, 40\) is larger than input image size \(6, 6\)"),
    ([("random_rotation", 5, -5, 0, 0, 0, 0, 0, 0)], RuntimeError, "uniform_ expects"),
    ([("to_tensor", 0), ("hue", 0.1)], TypeError, "hue must come before ToTensor"),
    ([("normalize", 0.5, 0.5)], TypeError, "must come after ToTensor"),
    ([("to_tensor", 0), ("normalize", 0.5, 0)], ValueError, "std evaluated to zero"),
    ([("chance", 0, 0.5, 2), ("hflip",)], ValueError, "count"),
    ([()], TypeError, "a step is a tuple"),
    ([("crop", 1, 2, "3", 4)], TypeError, "must be real number"),
    ("hflip", TypeError, "a step is a tuple"),
])
def test_errors(steps, error, message):
    a = synth(6, 6, 1)
    with pytest.raises(error, match=message):
        _C.Pipeline(steps)(a, *a.shape)


def test_bad_images():
    p = _C.Pipeline([("hflip",)])
    with pytest.raises(ValueError, match="has 48 bytes, got 47"):
        p(bytes(47), 4, 4, 3)
    with pytest.raises(ValueError, match="2 channels"):
        p(bytes(32), 4, 4, 2)
    with pytest.raises(ValueError, match="must be > 0"):
        p(b"", 0, 4, 3)
    with pytest.raises(ValueError, match="contiguous"):
        p(np.zeros((4, 4, 3), np.uint8)[:, ::-1], 4, 4, 3)


def test_short_memory(live_blocks):
    """Each allocation refused in turn: MemoryError, and nothing is left behind."""
    a = synth(32, 32, 1)
    steps = [("random_resized_crop", 24, 20, 0.08, 1, 0.75, 4 / 3, 3), ("to_tensor", 0)]
    _C.Pipeline(steps)(a, *a.shape)
    before, n = live_blocks(), 0
    while True:
        _C._alloc_fail_after(n)
        try:
            _C.Pipeline(steps)(a, *a.shape)
            break
        except MemoryError:
            pass
        finally:
            _C._alloc_fail_after(-1)
        assert live_blocks() == before
        n += 1
    assert n >= 4


def test_no_leaks(live_blocks):
    import sys

    a = synth(32, 32, 1)

    def work():
        for steps in RANDOM_STEPS:
            p = _C.Pipeline(steps)
            p(a, *a.shape)
            p.draw(32, 32, 3)
            with pytest.raises(ValueError):
                p(a, 1, 1, 3)

    for _ in range(5):
        work()
    gc.collect()
    blocks, objects = live_blocks(), sys.getallocatedblocks()
    for _ in range(50):
        work()
    gc.collect()
    assert live_blocks() == blocks
    assert sys.getallocatedblocks() - objects < 200
