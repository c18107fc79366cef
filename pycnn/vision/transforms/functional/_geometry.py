"""Size and place of an image: flips, crops, padding, resizing, turning."""

import numbers
import warnings

from pycnn._tensor import Tensor
from pycnn.vision.transforms import _images, _tensors
from pycnn.vision.transforms._images import dimensions, is_pil, run
from pycnn.vision.transforms._parameters import (
    InterpolationMode, mode_of, pad_step, pair, resize_step, sampling, tensor_fill)


def get_dimensions(img):
    """Return the dimensions of an image.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)

    Returns
    -------
    list of int
        Channels, height, width.
    """
    return dimensions(img)


def get_image_size(img):
    """Return width and height of an image.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)

    Returns
    -------
    list of int
        Width, height.
    """
    _, h, w = dimensions(img)
    return [w, h]


def get_image_num_channels(img):
    """Return how many channels an image has.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)

    Returns
    -------
    int
    """
    return dimensions(img)[0]


def hflip(img):
    """Mirror an image left to right.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)

    Returns
    -------
    PIL Image or Tensor
    """
    return run((("hflip",),), img)


def vflip(img):
    """Turn an image upside down, as a mirror would.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)

    Returns
    -------
    PIL Image or Tensor
    """
    return run((("vflip",),), img)


def crop(img, top, left, height, width):
    """Cut a window out of an image. What lies outside the image is 0.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)
    top, left : int
        The window's upper left corner.
    height, width : int

    Returns
    -------
    PIL Image or Tensor
    """
    return run((("crop", top, left, height, width),), img)


def center_crop(img, output_size):
    """Cut the middle out of an image. Sides that are too short are filled with 0.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)
    output_size : int or sequence
        Height and width.

    Returns
    -------
    PIL Image or Tensor
    """
    return run((("center_crop", *pair(output_size)),), img)


def five_crop(img, size):
    """Cut out the four corners and the middle.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)
    size : int or sequence
        Height and width.

    Returns
    -------
    tuple
        Upper left, upper right, lower left, lower right, middle.

    Raises
    ------
    ValueError
        The image is smaller than `size`.
    """
    th, tw = pair(size)
    _, h, w = dimensions(img)
    if tw > w or th > h:
        raise ValueError(f"Requested crop size {(th, tw)} is bigger than input size {(h, w)}")
    corners = [crop(img, i, j, th, tw) for i in (0, h - th) for j in (0, w - tw)]
    return (*corners, center_crop(img, (th, tw)))


def ten_crop(img, size, vertical_flip=False):
    """Cut out the four corners and the middle, of the image and of its mirror image.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)
    size : int or sequence
        Height and width.
    vertical_flip : bool, default False
        Mirror upside down instead of left to right.

    Returns
    -------
    tuple of 10 images

    See Also
    --------
    five_crop : the order.
    """
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


def pad(img, padding, fill=0, padding_mode="constant"):
    """Add pixels around an image.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)
    padding : int or sequence of 1, 2 or 4 ints
        All sides; left/right and top/bottom; or left, top, right, bottom. Negative: cut off.
    fill : number or tuple, default 0
        Value of constant padding, or one per channel.
    padding_mode : {"constant", "edge", "reflect", "symmetric"}
        ``reflect`` leaves the outermost pixel out of the mirror image, ``symmetric`` repeats it.

    Returns
    -------
    PIL Image or Tensor
    """
    return run((pad_step(padding, fill, padding_mode),), img)


def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """Resize an image.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)
    size : int or sequence
        Height and width; or what the shorter side becomes.
    interpolation : InterpolationMode or int, default BILINEAR
    max_size : int, optional
        What the longer side is at most, if `size` is a number.
    antialias : bool, default True
        Let every pixel of a Tensor count where it shrinks, in the modes BILINEAR and BICUBIC. Always done for PIL
        images.

    Returns
    -------
    PIL Image or Tensor
    """
    step = resize_step(size, interpolation, max_size)
    if isinstance(img, Tensor):
        c, h, w = dimensions(img)
        (_, new_h, new_w, _), = _images.pipeline_of((step,)).draw(h, w, c)
        return _tensors.resize(img, int(new_h), int(new_w), mode_of(interpolation).value, bool(antialias))
    if antialias is False and is_pil(img):
        warnings.warn("Anti-alias option is always applied for PIL Image input. Argument antialias is ignored.",
                      stacklevel=2)
    return run((step,), img)


def resized_crop(img, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True):
    """Cut a window out of an image and resize it.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)
    top, left, height, width : int
        The window.
    size : int or sequence
        As in :func:`resize`.
    interpolation : InterpolationMode or int, default BILINEAR
    antialias : bool, default True
        As in :func:`resize`.

    Returns
    -------
    PIL Image or Tensor
    """
    if isinstance(img, Tensor):
        return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)
    return run((("crop", top, left, height, width), resize_step(size, interpolation, None)), img)


def rotate(img, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=None):
    """Rotate an image.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)
    angle : number
        Degrees, counterclockwise.
    interpolation : InterpolationMode or int, default NEAREST
    expand : bool, default False
        Make the result large enough for the whole rotated image.
    center : sequence, optional
        (x, y) that stays where it is; by default the middle.
    fill : number or sequence, optional
        Value outside the image, or one per channel; 0 by default.

    Returns
    -------
    PIL Image

    Raises
    ------
    TypeError
        If an argument has another type.

    Notes
    -----
    Tensors take the modes NEAREST and BILINEAR.
    """
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if isinstance(img, Tensor):
        sampling(interpolation, expand, center, fill)
        return _tensors.rotate(img, angle, mode_of(interpolation).value, expand, center, tensor_fill(fill))
    return run((("rotate", angle, *sampling(interpolation, expand, center, fill)),), img)


def affine(img, angle, translate, scale, shear, interpolation=InterpolationMode.NEAREST, fill=None, center=None):
    """Rotate, shift, scale and shear an image, keeping its middle.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)
    angle : number
        Degrees, clockwise.
    translate : sequence of 2 ints
        Shift to the right and down, in pixels.
    scale : float
        Above 0.
    shear : float or sequence of 1 or 2 floats
        Degrees along x and y.
    interpolation : InterpolationMode or int, default NEAREST
    fill : number or sequence, optional
        Value outside the image, or one per channel; 0 by default.
    center : sequence, optional
        (x, y) of the rotation; by default the middle.

    Returns
    -------
    PIL Image

    Raises
    ------
    TypeError
        If an argument has another type.
    ValueError
        If one is out of range.

    Notes
    -----
    Tensors take the modes NEAREST and BILINEAR.
    """
    return affined(1, img, angle, translate, scale, shear, interpolation, fill, center)


def affined(version, img, angle, translate, scale, shear, interpolation=InterpolationMode.NEAREST, fill=None,
            center=None):
    """`affine` as the first or the second version rounds it."""
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    if not isinstance(shear, (numbers.Number, list, tuple)):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    shear = [shear, 0.0] if isinstance(shear, numbers.Number) else list(shear)
    shear = shear * 2 if len(shear) == 1 else shear
    if len(shear) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    if isinstance(img, Tensor):
        sampling(interpolation, False, center, fill)
        return _tensors.affine(img, version, angle, translate, scale, shear,
                               mode_of(interpolation).value, center, tensor_fill(fill))
    return run((("affine", angle, *translate, scale, *shear, 0, version,
                 *sampling(interpolation, False, center, fill)),), img)
