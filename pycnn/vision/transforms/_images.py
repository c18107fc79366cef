"""How steps reach an image: 8-bit grey and RGB pictures go to C, pictures of other modes to Pillow, Tensors to
pycnn's operators.

A step is a tuple of a name and numbers; csrc/data/augment_steps.c lists them.
"""

import functools
import sys

from pycnn import _C
from pycnn._from_data import tensor
from pycnn._tensor import Tensor
from pycnn.vision.transforms._tensors import apply_tensor

FILTERS = {"nearest": 0, "nearest-exact": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
PAD_MODES = ("constant", "edge", "reflect", "symmetric")


def is_pil(img):
    """Return True if `img` is a PIL image. Pillow is not imported: without it there is none.

    Parameters
    ----------
    img : object

    Returns
    -------
    bool
    """
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(img, pil.Image)


def is_plain(img):
    """Return True if the C pipeline takes this PIL image as it is."""
    return img.mode in ("RGB", "L")


@functools.lru_cache(maxsize=64)
def pipeline_of(steps):
    """Return the compiled pipeline of a tuple of steps."""
    return _C.Pipeline(steps)


def pil_from_bytes(data, h, w, c):
    """Return the PIL image of interleaved bytes."""
    from PIL import Image

    return Image.frombytes("RGB" if c == 3 else "L", (w, h), data)


def run_plain(pipeline, img):
    """Run a pipeline on a PIL image that is_plain: a PIL image, or a Tensor where ToTensor was met."""
    w, h = img.size
    result = pipeline(img.tobytes(), h, w, 3 if img.mode == "RGB" else 1)
    return pil_from_bytes(*result) if isinstance(result, tuple) else result


def dimensions(img):
    """Return channels, height and width of a PIL image or Tensor.

    Parameters
    ----------
    img : PIL.Image.Image or Tensor

    Returns
    -------
    (int, int, int)
        Channels, height, width.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if isinstance(img, Tensor):
        if img.ndim < 2:
            raise TypeError("Tensor is not a torch image.")
        return [1 if img.ndim == 2 else img.shape[-3], img.shape[-2], img.shape[-1]]
    if is_pil(img):
        return [len(img.getbands()), img.size[1], img.size[0]]
    raise TypeError(f"Unexpected type {type(img)}")


def run(steps, img):
    """Apply steps to an image of any kind; what they draw comes from the default generator.

    Parameters
    ----------
    steps : list of tuple
    img : PIL.Image.Image or Tensor

    Returns
    -------
    PIL.Image.Image or Tensor

    Raises
    ------
    TypeError
        If it is something else.
    """
    if is_pil(img):
        if is_plain(img):
            return run_plain(pipeline_of(steps), img)
        apply = apply_pillow
    elif isinstance(img, Tensor):
        apply = apply_tensor
    else:
        raise TypeError(f"img should be PIL Image. Got {type(img)}")
    c, h, w = dimensions(img)
    for step in pipeline_of(steps).draw(h, w, c):
        img = apply(step, img)
    return img


# ---- pictures of other modes: Pillow itself

def _fill(img, values):
    bands = len(img.getbands())
    values = values * bands if len(values) == 1 else values
    values = values if img.mode == "F" else tuple(int(v) for v in values)
    return values[0] if bands == 1 else values


def _sampling(values):
    filter, expand, has_center, x, y, *fill = values
    return int(filter), bool(expand), (x, y) if has_center else None, tuple(fill)


def _pil_pad(img, left, top, right, bottom, mode, *fill):
    import numpy as np
    from PIL import Image, ImageOps

    left, top, right, bottom = int(left), int(top), int(right), int(bottom)
    palette = img.getpalette() if img.mode == "P" else None
    if mode == 0:
        out = ImageOps.expand(img, (left, top, right, bottom), _fill(img, fill))
    else:
        w, h = img.size
        img = img.crop((max(-left, 0), max(-top, 0), w - max(-right, 0), h - max(-bottom, 0)))
        sides = [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0)), (0, 0)]
        pixels = np.asarray(img)
        out = Image.fromarray(np.pad(pixels, sides[:pixels.ndim], PAD_MODES[int(mode)]))
    if palette is not None:
        out.putpalette(palette)
    return out


def _pil_rotate(img, angle, *sampling):
    filter, expand, center, fill = _sampling(sampling)
    return img.rotate(angle, filter, expand, center, fillcolor=_fill(img, fill))


def _pil_affine(img, angle, tx, ty, scale, shear_x, shear_y, origin, version, *sampling):
    from PIL import Image

    filter, _, center, fill = _sampling(sampling)
    w, h = img.size
    center = (0.0, 0.0) if origin else center or (w * 0.5, h * 0.5)
    matrix = _C.affine_matrix(int(version), angle, tx, ty, scale, shear_x, shear_y, *center)
    return img.transform((w, h), Image.Transform.AFFINE, matrix, filter, fillcolor=_fill(img, fill))


def _pil_grey(img, channels):
    from PIL import Image

    if channels == 0:
        channels = len(img.getbands())
    if channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    grey = img.convert("L")
    return grey if channels == 1 else Image.merge("RGB", (grey, grey, grey))


def _pil_hue(img, factor):
    if img.mode in ("1", "I", "F"):
        return img
    return run_plain(pipeline_of((("hue", factor),)), img.convert("RGB")).convert(img.mode)


def _pil_gamma(img, gamma, gain):
    return run_plain(_C.Pipeline((("gamma", gamma, gain),)), img.convert("RGB")).convert(img.mode)


def _enhance(name):
    def apply(img, factor):
        from PIL import ImageEnhance

        return getattr(ImageEnhance, name)(img).enhance(factor)

    return apply


def _ops(name, convert=float):
    def apply(img, *values):
        from PIL import ImageOps

        return getattr(ImageOps, name)(img, *(convert(v) for v in values))

    return apply


_PILLOW = {
    "hflip": _ops("mirror"),
    "vflip": _ops("flip"),
    "crop": lambda img, top, left, h, w: img.crop((int(left), int(top), int(left + w), int(top + h))),
    "pad": _pil_pad,
    "resize": lambda img, h, w, filter: img.resize((int(w), int(h)), int(filter)),
    "rotate": _pil_rotate,
    "affine": _pil_affine,
    "brightness": _enhance("Brightness"),
    "contrast": _enhance("Contrast"),
    "saturation": _enhance("Color"),
    "sharpness": _enhance("Sharpness"),
    "hue": _pil_hue,
    "gamma": _pil_gamma,
    "grey": _pil_grey,
    "invert": _ops("invert"),
    "posterize": _ops("posterize", int),
    "solarize": _ops("solarize"),
    "autocontrast": _ops("autocontrast"),
    "equalize": _ops("equalize"),
}


def apply_pillow(step, img):
    """Apply one fixed step by Pillow."""
    return _PILLOW[step[0]](img, *step[1:])


def erasure(step):
    """The arguments of functional.erase that a drawn erase step stands for."""
    top, left, h, w = (int(v) for v in step[1:5])
    content = step[-1] if isinstance(step[-1], Tensor) else tensor(step[5:])[:, None, None]
    return top, left, h, w, content
