"""interpolate and the layers around it, grid_sample and affine_grid against torch: values, gradients, errors."""

import numpy as np
import pytest

from both import LAYOUTS, compare, layout, numbers

pytestmark = pytest.mark.parity

IMAGES = [(2, 3, 7, 5), (1, 2, 4, 4), (3, 1, 1, 6)]
CALLS = [dict(size=(9, 8)), dict(size=3), dict(scale_factor=2), dict(scale_factor=(1.6, 2.3)), dict(scale_factor=1.3),
         dict(scale_factor=2.6, recompute_scale_factor=True), dict(scale_factor=1)]
MODES = [dict(mode="nearest"), dict(mode="nearest-exact"), dict(mode="bilinear"),
         dict(mode="bilinear", align_corners=True),
         dict(mode="bicubic"), dict(mode="bicubic", align_corners=True), dict(mode="area"),
         dict(mode="bilinear", antialias=True), dict(mode="bicubic", antialias=True, align_corners=False)]


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("shape", IMAGES, ids=str)
def test_images(shape, mode):
    rng = np.random.default_rng(1)
    for call in CALLS:
        for kind in LAYOUTS:
            for dtype in ("float32", "float64"):
                x = layout(numbers(rng, shape, dtype), kind)
                compare(lambda m, x: m.nn.functional.interpolate(x, **call, **mode), [x],
                        limit=4e-6 if dtype == "float32" else None, what=f"{call} {kind}")


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear", "area"])
def test_signals(mode):
    x = numbers(np.random.default_rng(2), (2, 3, 7))
    for call in (dict(size=11), dict(size=(4,)), dict(scale_factor=2.5), dict(scale_factor=[0.7])):
        compare(lambda m, x: m.nn.functional.interpolate(x, mode=mode, **call), [x])
    compare(lambda m, x: m.nn.functional.interpolate(x, 5, mode="linear", align_corners=True), [x])


@pytest.mark.parametrize("make", [
    lambda n: n.Upsample(scale_factor=2), lambda n: n.Upsample(size=(5, 9), mode="bilinear"),
    lambda n: n.Upsample(scale_factor=(2, 1.5)),
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
    dict(), dict(size=3, scale_factor=2), dict(size=(3,)), dict(scale_factor=(2, 2, 2)),
    dict(size=3, recompute_scale_factor=True),
    dict(size=3, align_corners=True), dict(size=0), dict(size=3, mode="bilinear", antialias=True, scale_factor=1),
    dict(size=3, antialias=True)])
def test_refusals(options):
    compare(lambda m, x: m.nn.functional.interpolate(x, **options), [numbers(np.random.default_rng(4), (1, 2, 4, 4))])


def test_unknown_modes():
    for shape, mode in (((1, 2, 3), "bilinear"), ((1, 1, 3, 3), "linear"), ((1, 1, 3, 3), "cubic"),
                        ((3, 3), "nearest")):
        compare(lambda m, x: m.nn.functional.interpolate(x, scale_factor=2, mode=mode), [np.ones(shape, "f")])


def test_old_names_warn():
    x = numbers(np.random.default_rng(5), (1, 2, 3, 4))
    for name in ("upsample", "upsample_nearest", "upsample_bilinear"):
        def call(m, x):
            with pytest.warns(UserWarning, match=f"`nn.functional.{name}` is deprecated"):
                return getattr(m.nn.functional, name)(x, scale_factor=2)
        compare(call, [x])


# ---- reading at given places ----------------------------------------------------------------------

@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_grid_sample(mode, padding_mode, align_corners):
    rng = np.random.default_rng(6)
    for shape, out in (((2, 3, 5, 7), (4, 6)), ((1, 1, 1, 1), (2, 2)), ((1, 2, 9, 4), (1, 5))):
        for dtype in ("float32", "float64"):
            x, grid = numbers(rng, shape, dtype), rng.uniform(-2.5, 2.5, (shape[0], *out, 2)).astype(dtype)
            compare(lambda m, x, g: m.nn.functional.grid_sample(x, g, mode, padding_mode, align_corners), [x, grid],
                    grad_limit=2e-5)


@pytest.mark.parametrize("align_corners", [False, True])
def test_affine_grid(align_corners):
    theta = numbers(np.random.default_rng(7), (2, 2, 3))
    for size in ((2, 3, 4, 5), (2, 1, 2, 6), (2, 1, 1, 6)):
        compare(lambda m, t: m.nn.functional.affine_grid(t, size, align_corners), [theta])

    def transformer(m, x, t):
        return m.nn.functional.grid_sample(x, m.nn.functional.affine_grid(t, x.size(), align_corners),
                                           align_corners=align_corners)
    compare(transformer, [numbers(np.random.default_rng(8), (2, 3, 6, 5)), theta], grad_limit=2e-5)


def test_refused_grids():
    x, grid = np.ones((1, 2, 3, 3), "f"), np.zeros((1, 2, 2, 2), "f")
    calls = [lambda F, x, g: F.grid_sample(x, g, "linear", align_corners=True),
             lambda F, x, g: F.grid_sample(x, g, padding_mode="mirror"),
             lambda F, x, g: F.grid_sample(x, g[0], align_corners=True),
             lambda F, x, g: F.grid_sample(x, g[..., :1], align_corners=True),
             lambda F, x, g: F.grid_sample(x, g.double(), align_corners=True),
             lambda F, x, g: F.grid_sample(x, g.expand(2, 2, 2, 2), align_corners=True),
             lambda F, x, g: F.affine_grid(g, (1, 1, 2, 2), False),
             lambda F, x, g: F.affine_grid(g[0].long(), (1, 1, 2, 2), False)]
    for call in calls:
        compare(lambda m, x, g: call(m.nn.functional, x, g), [x, grid], grads=False)
