"""interpolate and the layers around it against torch: modes, sizes, factors, gradients, errors."""

import numpy as np
import pytest

from both import LAYOUTS, compare, layout, numbers

pytestmark = pytest.mark.parity

IMAGES = [(2, 3, 7, 5), (1, 2, 4, 4), (3, 1, 1, 6)]
CALLS = [dict(size=(9, 8)), dict(size=3), dict(scale_factor=2), dict(scale_factor=(1.6, 2.3)), dict(scale_factor=1.3),
         dict(scale_factor=2.6, recompute_scale_factor=True), dict(scale_factor=1)]
MODES = [dict(mode="nearest"), dict(mode="nearest-exact"), dict(mode="bilinear"), dict(mode="bilinear", align_corners=True),
         dict(mode="bicubic"), dict(mode="bicubic", align_corners=True), dict(mode="area"), dict(mode="bilinear", antialias=True),
         dict(mode="bicubic", antialias=True, align_corners=False)]


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("shape", IMAGES, ids=str)
def test_images(shape, mode):
    rng = np.random.default_rng(1)
    for call in CALLS:
        for kind in LAYOUTS:
            for dtype in ("float32", "float64"):
                x = layout(numbers(rng, shape, dtype), kind)
                compare(lambda m, x: m.nn.functional.interpolate(x, **call, **mode), [x], limit=4e-6 if dtype == "float32" else None,
                        what=f"{call} {kind}")


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear", "area"])
def test_signals(mode):
    x = numbers(np.random.default_rng(2), (2, 3, 7))
    for call in (dict(size=11), dict(size=(4,)), dict(scale_factor=2.5), dict(scale_factor=[0.7])):
        compare(lambda m, x: m.nn.functional.interpolate(x, mode=mode, **call), [x])
    compare(lambda m, x: m.nn.functional.interpolate(x, 5, mode="linear", align_corners=True), [x])


@pytest.mark.parametrize("make", [
    lambda n: n.Upsample(scale_factor=2), lambda n: n.Upsample(size=(5, 9), mode="bilinear"), lambda n: n.Upsample(scale_factor=(2, 1.5)),
    lambda n: n.Upsample(scale_factor=1.7, mode="bicubic", align_corners=True, recompute_scale_factor=True),
    lambda n: n.UpsamplingNearest2d(scale_factor=3), lambda n: n.UpsamplingBilinear2d(size=(4, 7)),
    lambda n: n.Sequential(n.Conv2d(3, 4, 1), n.ReLU(), n.Upsample(scale_factor=2), n.Conv2d(4, 2, 3))])
def test_layers(make):
    def run(m, x):
        m.manual_seed(0)
        layer = make(m.nn)
        return [layer(x), repr(layer)]
    compare(run, [numbers(np.random.default_rng(3), (2, 3, 6, 5))], limit=4e-6, grad_limit=4e-6)


@pytest.mark.parametrize("options", [
    dict(), dict(size=3, scale_factor=2), dict(size=(3,)), dict(scale_factor=(2, 2, 2)), dict(size=3, recompute_scale_factor=True),
    dict(size=3, align_corners=True), dict(size=0), dict(size=3, mode="bilinear", antialias=True, scale_factor=1),
    dict(size=3, antialias=True)])
def test_refusals(options):
    compare(lambda m, x: m.nn.functional.interpolate(x, **options), [numbers(np.random.default_rng(4), (1, 2, 4, 4))])


def test_unknown_modes():
    for shape, mode in (((1, 2, 3), "bilinear"), ((1, 1, 3, 3), "linear"), ((1, 1, 3, 3), "cubic"), ((3, 3), "nearest")):
        compare(lambda m, x: m.nn.functional.interpolate(x, scale_factor=2, mode=mode), [np.ones(shape, "f")])


def test_old_names_warn():
    x = numbers(np.random.default_rng(5), (1, 2, 3, 4))
    for name in ("upsample", "upsample_nearest", "upsample_bilinear"):
        def call(m, x):
            with pytest.warns(UserWarning, match=f"`nn.functional.{name}` is deprecated"):
                return getattr(m.nn.functional, name)(x, scale_factor=2)
        compare(call, [x])
