"""torchvision.transforms.v2.functional: operations on one image, PIL or Tensor, with given parameters.

PIL images go the way of :mod:`pycnn.vision.transforms.functional`, and so does what is the same on Tensors. An
:class:`pycnn.vision.tv_tensors.Image` gives one back.
"""

import functools

from pycnn import _C
from pycnn._missing import getattr_of as _getattr_of
from pycnn._tensor import Tensor
from pycnn.vision import tv_tensors
from pycnn.vision.transforms import _images
from pycnn.vision.transforms import functional as _v1
from pycnn.vision.transforms._parameters import InterpolationMode
from pycnn.vision.transforms._parameters import mode_of as _mode_of
from pycnn.vision.transforms._parameters import resize_step as _resize_step
from pycnn.vision.transforms.functional import pil_to_tensor, to_tensor
from pycnn.vision.transforms.functional._geometry import affined as _affined
from pycnn.vision.transforms.v2.functional import _tensors

__all__ = [
    "InterpolationMode", "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation",
    "adjust_sharpness", "affine", "autocontrast", "center_crop", "convert_image_dtype", "crop", "elastic",
    "elastic_transform", "equalize", "erase", "five_crop", "gaussian_blur", "gaussian_noise", "get_dimensions",
    "get_image_num_channels", "get_image_size", "get_num_channels", "get_size", "grayscale_to_rgb", "hflip",
    "horizontal_flip", "invert", "is_pure_tensor", "normalize", "pad", "permute_channels", "perspective",
    "pil_to_tensor", "posterize", "resize", "resized_crop", "rgb_to_grayscale", "rotate", "solarize", "ten_crop",
    "to_dtype", "to_grayscale", "to_image", "to_pil_image", "to_tensor", "vertical_flip", "vflip"]

get_dimensions = _v1.get_dimensions


def is_pure_tensor(inpt):
    """Return True for a Tensor that is no TVTensor.

    Parameters
    ----------
    inpt : object

    Returns
    -------
    bool
    """
    return isinstance(inpt, Tensor) and not isinstance(inpt, tv_tensors.TVTensor)


def get_size(inpt):
    """Return height and width of an image.

    Parameters
    ----------
    inpt : PIL Image or Tensor

    Returns
    -------
    list of int
    """
    return list(_images.dimensions(inpt)[1:])


def get_num_channels(inpt):
    """Return how many channels an image has.

    Parameters
    ----------
    inpt : PIL Image or Tensor

    Returns
    -------
    int
    """
    return _images.dimensions(inpt)[0]


get_image_num_channels, get_image_size = get_num_channels, _v1.get_image_size


def _mode(interpolation):
    """The InterpolationMode that a name or Pillow's number stands for; anything else as it is."""
    return InterpolationMode(interpolation) if isinstance(interpolation, str) else _mode_of(interpolation)


def _wrapped(result, inpt):
    if isinstance(result, (tuple, list)):
        return type(result)(_wrapped(r, inpt) for r in result)
    return tv_tensors.wrap(result, like=inpt) if isinstance(result, Tensor) else result


def _of_images(of_tensor=None):
    """Decorate a function of an image: it, or `of_tensor` for a Tensor, gives what kind of image it was given."""
    def decorate(fn):
        @functools.wraps(fn)
        def call(inpt, *args, **kwargs):
            if isinstance(inpt, Tensor):
                result = (of_tensor or fn)(inpt, *args, **kwargs)
                return _wrapped(result, inpt) if isinstance(inpt, tv_tensors.TVTensor) else result
            if not _images.is_pil(inpt):
                raise TypeError(f"Functional F.{fn.__name__} supports inputs of type PIL.Image.Image and torch.Tensor, "
                                f"but got {type(inpt)} instead.")
            return fn(inpt, *args, **kwargs)
        return call
    return decorate


def _same(name, v1_name=None, modes=False, run=None):
    """The function of the first version: on Tensors too it does the same. modes: `interpolation` may be a text; run:
    what is called in its place."""
    fn = getattr(_v1, v1_name or name)
    run = run or fn

    @functools.wraps(fn)
    def call(inpt, *args, **kwargs):
        if modes:
            args = [_mode(a) if isinstance(a, str) else a for a in args]
            if "interpolation" in kwargs:
                kwargs["interpolation"] = _mode(kwargs["interpolation"])
        return run(inpt, *args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__module__ = __name__
    return _of_images()(call)


horizontal_flip = _same("horizontal_flip", "hflip")
vertical_flip = _same("vertical_flip", "vflip")
hflip, vflip = horizontal_flip, vertical_flip
crop, center_crop, pad = _same("crop"), _same("center_crop"), _same("pad")
five_crop, ten_crop = _same("five_crop"), _same("ten_crop")
rotate, perspective = _same("rotate", modes=True), _same("perspective", modes=True)
affine = _same("affine", modes=True, run=functools.partial(_affined, 2))
elastic = _same("elastic", "elastic_transform", modes=True)
elastic_transform = elastic
gaussian_blur, normalize, solarize = _same("gaussian_blur"), _same("normalize"), _same("solarize")
erase = _same("erase")


@_of_images(_tensors.brightness)
def adjust_brightness(inpt, brightness_factor):
    """Multiply brightness.

    Parameters
    ----------
    inpt : PIL Image or Tensor [..., 1 or 3, H, W]
    brightness_factor : float
        0 gives black, 1 the image itself.

    Returns
    -------
    PIL Image or Tensor
    """
    return _v1.adjust_brightness(inpt, brightness_factor)


@_of_images(_tensors.contrast)
def adjust_contrast(inpt, contrast_factor):
    """Move all values away from the mean grey.

    Parameters
    ----------
    inpt : PIL Image or Tensor [..., 1 or 3, H, W]
    contrast_factor : float
        0 gives solid grey, 1 the image itself.

    Returns
    -------
    PIL Image or Tensor
    """
    return _v1.adjust_contrast(inpt, contrast_factor)


@_of_images(_tensors.saturation)
def adjust_saturation(inpt, saturation_factor):
    """Make colours stronger or weaker.

    Parameters
    ----------
    inpt : PIL Image or Tensor [..., 1 or 3, H, W]
    saturation_factor : float
        0 gives a grey image, 1 the image itself.

    Returns
    -------
    PIL Image or Tensor
    """
    return _v1.adjust_saturation(inpt, saturation_factor)


@_of_images()
def adjust_hue(inpt, hue_factor):
    """Shift the hues of an image around their circle.

    Parameters
    ----------
    inpt : PIL Image or Tensor [..., 1 or 3, H, W]
    hue_factor : float
        From -0.5 to 0.5, parts of the circle.

    Returns
    -------
    PIL Image or Tensor

    Raises
    ------
    ValueError
        If `hue_factor` is outside.
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    return _tensors.hue(inpt, hue_factor) if isinstance(inpt, Tensor) else _v1.adjust_hue(inpt, hue_factor)


@_of_images(_tensors.sharpness)
def adjust_sharpness(inpt, sharpness_factor):
    """Make an image sharper or smoother.

    Parameters
    ----------
    inpt : PIL Image or Tensor [..., 1 or 3, H, W]
    sharpness_factor : float
        0 smooths, 1 gives the image itself.

    Returns
    -------
    PIL Image or Tensor
    """
    return _v1.adjust_sharpness(inpt, sharpness_factor)


@_of_images()
def adjust_gamma(inpt, gamma, gain=1):
    """Apply a power law to the values of an image.

    Parameters
    ----------
    inpt : PIL Image or Tensor
    gamma : float
    gain : float, default 1

    Returns
    -------
    PIL Image or Tensor
    """
    return _tensors.gamma(inpt, gamma, gain) if isinstance(inpt, Tensor) else _v1.adjust_gamma(inpt, gamma, gain)


@_of_images(_tensors.posterize)
def posterize(inpt, bits):
    """Keep the first bits of each value.

    Parameters
    ----------
    inpt : PIL Image or Tensor
    bits : int

    Returns
    -------
    PIL Image or Tensor
    """
    return _v1.posterize(inpt, bits)


@_of_images(_tensors.autocontrast)
def autocontrast(inpt):
    """Stretch each channel to the full range.

    Parameters
    ----------
    inpt : PIL Image or Tensor

    Returns
    -------
    PIL Image or Tensor
    """
    return _v1.autocontrast(inpt)


@_of_images(_tensors.equalize)
def equalize(inpt):
    """Spread each channel's values evenly.

    Parameters
    ----------
    inpt : PIL Image or Tensor

    Returns
    -------
    PIL Image or Tensor
    """
    return _v1.equalize(inpt)


@_of_images(_tensors.invert)
def invert(inpt):
    """Turn values into their complements.

    Parameters
    ----------
    inpt : PIL Image or Tensor

    Returns
    -------
    PIL Image or Tensor
    """
    return _v1.invert(inpt)


@_of_images()
def rgb_to_grayscale(inpt, num_output_channels=1):
    """Turn colours into grey.

    Parameters
    ----------
    inpt : PIL Image or Tensor [..., 1 or 3, H, W]
    num_output_channels : {1, 3}

    Returns
    -------
    PIL Image or Tensor

    Raises
    ------
    ValueError
        If `num_output_channels` is something else.
    """
    if num_output_channels not in (1, 3):
        raise ValueError(f"num_output_channels must be 1 or 3, got {num_output_channels}.")
    if isinstance(inpt, Tensor):
        return _tensors.grey(inpt, num_output_channels)
    return _v1.to_grayscale(inpt, num_output_channels)


to_grayscale = rgb_to_grayscale


@_of_images()
def grayscale_to_rgb(inpt):
    """Give a grey image three channels.

    Parameters
    ----------
    inpt : PIL Image or Tensor

    Returns
    -------
    PIL Image or Tensor
        A Tensor of three channels or more as it is.
    """
    if isinstance(inpt, Tensor):
        return inpt if inpt.shape[-3] >= 3 else _tensors.grey(inpt, 3)
    return inpt.convert("RGB")


@_of_images()
def permute_channels(inpt, permutation):
    """Put channels into another order.

    Parameters
    ----------
    inpt : PIL Image or Tensor
    permutation : sequence of int
        Which channel each is taken from.

    Returns
    -------
    PIL Image or Tensor

    Raises
    ------
    ValueError
        If it has another length than there are channels.
    """
    if not isinstance(inpt, Tensor):
        return to_pil_image(permute_channels(pil_to_tensor(inpt), permutation))
    order = [int(k) for k in permutation]
    if len(order) != inpt.shape[-3]:
        raise ValueError(f"Length of permutation does not match number of channels: {len(order)} != {inpt.shape[-3]}")
    return _C.fn.stack([inpt.select(-3, k) for k in order], -3)


@_of_images()
def resize(inpt, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """Resize an image.

    Parameters
    ----------
    inpt : PIL Image or Tensor [..., C, H, W]
    size : int, sequence of int, or None
        Height and width; or what the shorter side becomes; None: `max_size` says what the longer does.
    interpolation : InterpolationMode, str or int, default BILINEAR
    max_size : int, optional
        What the longer side is at most.
    antialias : bool, default True
        Let every pixel of a Tensor count where it shrinks. Always done for PIL images.

    Returns
    -------
    PIL Image or Tensor

    Notes
    -----
    Bytes are resized in torch's arithmetic of 16-bit weights; without `antialias`, by way of floats.
    """
    c, h, w = _images.dimensions(inpt)
    if size is None:
        size = [max(1, int(max_size * h / max(h, w))), max(1, int(max_size * w / max(h, w)))]
        max_size = None
    mode = _mode(interpolation)
    step = _resize_step(size[0] if isinstance(size, (list, tuple)) and len(size) == 1 else size, mode, max_size)
    if not isinstance(inpt, Tensor):
        return _images.run((step,), inpt)
    for _, height, width, _ in _images.pipeline_of((step,)).draw(h, w, 3 if c == 3 else 1):
        inpt = _tensors.resize(inpt, int(height), int(width), mode.value, bool(antialias))
    return inpt


@_of_images()
def resized_crop(inpt, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True):
    """Cut a window out of an image and resize it.

    Parameters
    ----------
    inpt : PIL Image or Tensor
    top, left, height, width : int
    size : int or sequence of int
    interpolation : InterpolationMode, str or int, default BILINEAR
    antialias : bool, default True

    Returns
    -------
    PIL Image or Tensor
    """
    return resize(crop(inpt, top, left, height, width), size, interpolation, antialias=antialias)


@_of_images()
def gaussian_noise(inpt, mean=0.0, sigma=0.1, clip=True):
    """Add normal noise to a Tensor.

    Parameters
    ----------
    inpt : Tensor
        Of floats or bytes.
    mean, sigma : float, default 0.0, 0.1
        In parts of the full range.
    clip : bool, default True
        Cut to the range.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If it is a PIL image.
    """
    if not isinstance(inpt, Tensor):
        raise ValueError("Gaussian Noise is not implemented for PIL images.")
    return _tensors.gaussian_noise(inpt, mean, sigma, clip)


def to_dtype(inpt, dtype=_C.float32, scale=False):
    """Convert a Tensor to a dtype.

    Parameters
    ----------
    inpt : Tensor
    dtype : dtype, default float32
    scale : bool, default False
        Scale to the range of the dtype: 0 to 1 for floats.

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError
        If it is no Tensor.
    """
    if not isinstance(inpt, Tensor):
        raise TypeError(f"Functional F.to_dtype supports inputs of type torch.Tensor, but got {type(inpt)} instead.")
    result = _tensors.to_dtype(inpt, dtype, scale)
    return _wrapped(result, inpt) if isinstance(inpt, tv_tensors.TVTensor) else result


def convert_image_dtype(image, dtype=_C.float32):
    """Convert and scale: :func:`to_dtype` with ``scale=True``.

    Parameters
    ----------
    image : Tensor
    dtype : dtype, default float32

    Returns
    -------
    Tensor
    """
    return to_dtype(image, dtype, True)


def to_image(inpt):
    """Return an image as a :class:`pycnn.vision.tv_tensors.Image`.

    Parameters
    ----------
    inpt : PIL Image, Tensor or array of shape (H, W, C)

    Returns
    -------
    Image
        Values as they are.

    Raises
    ------
    TypeError
        If it is something else.
    """
    import numpy as np

    if isinstance(inpt, np.ndarray):
        return tv_tensors.Image(np.ascontiguousarray(np.atleast_3d(inpt).transpose(2, 0, 1)))
    if isinstance(inpt, Tensor) or _images.is_pil(inpt):
        return tv_tensors.Image(inpt)
    raise TypeError(f"Input can either be a pure Tensor, a numpy array, or a PIL image, but got {type(inpt)} instead.")


def to_pil_image(inpt, mode=None):
    """Convert a Tensor [C, H, W] or an array (H, W, C) to a PIL Image.

    Parameters
    ----------
    inpt : Tensor or ndarray
    mode : str, optional
        Pillow's name of the colour space.

    Returns
    -------
    PIL.Image.Image
    """
    return _v1.to_pil_image(inpt, mode)


__getattr__ = _getattr_of(__name__, __all__)
