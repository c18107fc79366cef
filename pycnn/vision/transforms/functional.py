"""torchvision.transforms.functional: operations on one image with given parameters."""

import numbers
import sys
import warnings
from enum import Enum

import numpy as np

from pycnn import _C
from pycnn._device import Size
from pycnn._tensor import Tensor, as_tensor, from_numpy, get_default_dtype
from pycnn.vision.transforms import _images, _tensors
from pycnn.vision.transforms._images import FILTERS, PAD_MODES, dimensions, is_pil, run


class InterpolationMode(Enum):
    """How images are sampled. Not every operation knows every mode.

    ``NEAREST``, ``BILINEAR``, ``BICUBIC`` serve everywhere; ``BOX``, ``HAMMING`` and ``LANCZOS`` in resizing alone.
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_FROM_INT = {0: InterpolationMode.NEAREST, 1: InterpolationMode.LANCZOS, 2: InterpolationMode.BILINEAR,
             3: InterpolationMode.BICUBIC, 4: InterpolationMode.BOX, 5: InterpolationMode.HAMMING}


# ---- parameters as steps take them

def _mode_from_int(interpolation):
    if isinstance(interpolation, int):
        if interpolation not in _FROM_INT:
            raise ValueError(f"interpolation {interpolation} is none of Pillow's: 0 to 5")
        return _FROM_INT[interpolation]
    return interpolation


def _filter(interpolation):
    mode = _mode_from_int(interpolation)
    if not isinstance(mode, InterpolationMode):
        raise TypeError("Argument interpolation should be a InterpolationMode or a corresponding Pillow integer "
                        "constant")
    return FILTERS[mode.value]


def _fill_values(fill):
    if fill is None:
        return (0.0,)
    if isinstance(fill, numbers.Number):
        return (float(fill),)
    if not isinstance(fill, (tuple, list)):
        raise TypeError("Got inappropriate fill arg")
    return tuple(float(v) for v in fill)


def _sampling(interpolation, expand, center, fill):
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    x, y = center if center is not None else (0.0, 0.0)
    return (_filter(interpolation), int(bool(expand)), int(center is not None), float(x), float(y), *_fill_values(fill))


def _tensor_fill(fill):
    return None if fill is None else _fill_values(fill)


def _hwc(img):
    c, h, w = dimensions(img)
    return h, w, c


def _pair(size, message="Please provide only two dimensions (h, w) for size."):
    if isinstance(size, numbers.Number):
        return int(size), int(size)
    if len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError(message)
    return size


def _sides(padding):
    if not isinstance(padding, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if isinstance(padding, numbers.Number):
        return (padding,) * 4
    if len(padding) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
    return tuple(padding) * (4 // len(padding))


def _pad_step(padding, fill, padding_mode):
    if fill is not None and not isinstance(fill, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate fill arg")
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    if padding_mode not in PAD_MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    return ("pad", *_sides(padding), PAD_MODES.index(padding_mode), *_fill_values(fill))


def _resize_step(size, interpolation, max_size):
    filter = _filter(interpolation)
    if isinstance(size, (list, tuple)):
        if len(size) not in (1, 2):
            raise ValueError(f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element "
                             "tuple/list")
        if len(size) == 2:
            if max_size is not None:
                raise ValueError(
                    "max_size should only be passed if size specifies the length of the smaller edge, "
                    "i.e. size should be an int or a sequence of length 1 in torchscript mode.")
            return ("resize", size[0], size[1], filter)
        size = size[0]
    if max_size is not None and max_size <= size:
        raise ValueError(f"max_size = {max_size} must be strictly greater than the requested "
                         f"size for the smaller edge size = {size}")
    return ("resize_shorter", size, max_size or 0, filter)


# ---- facts

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


# ---- between pictures, arrays and tensors

def _array_of(pic):
    """The pixels of a PIL image as an array of shape (H, W, C), copied."""
    dtype = {"I": np.int32, "F": np.float32, "I;16": np.int16, "I;16B": np.int16}.get(pic.mode, np.uint8)
    pixels = np.array(pic, dtype, copy=True)
    return pixels.reshape(pic.size[1], pic.size[0], len(pic.getbands()))


def _chw(array):
    return from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))


def to_tensor(pic):
    """Convert an image to a Tensor; bytes become floats from 0 to 1.

    Parameters
    ----------
    pic : PIL Image or ndarray of shape (H, W) or (H, W, C)

    Returns
    -------
    Tensor of shape (C, H, W)
        Of the default float dtype, divided by 255, if the pixels are bytes; otherwise of the array's dtype, unscaled.

    Raises
    ------
    TypeError
        `pic` is neither.
    ValueError
        The array has neither two nor three dimensions.
    """
    is_array = isinstance(pic, np.ndarray)
    if not (is_array or is_pil(pic)):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if is_array and pic.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    if get_default_dtype() == _C.float32:
        pipeline = _images.pipeline_of((("to_tensor",),))
        if is_array and pic.dtype == np.uint8 and pic.size and (pic.ndim == 2 or pic.shape[2] in (1, 3)):
            return pipeline(np.ascontiguousarray(pic), *pic.shape[:2], 1 if pic.ndim == 2 else pic.shape[2])
        if not is_array and _images.is_plain(pic):
            return _images.run_plain(pipeline, pic)
    if is_array:
        pixels = pic[:, :, None] if pic.ndim == 2 else pic
    else:
        pixels = _array_of(pic)
        if pic.mode == "1":
            pixels *= 255
    img = _chw(pixels)
    return img.to(get_default_dtype()).div(255) if img.dtype == _C.uint8 else img


def pil_to_tensor(pic):
    """Convert a PIL Image to a Tensor of the same type, unscaled.

    Parameters
    ----------
    pic : PIL Image

    Returns
    -------
    Tensor of shape (C, H, W)

    Raises
    ------
    TypeError
        `pic` is no PIL Image.
    """
    if not is_pil(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    pixels = np.array(pic, copy=True)
    return _chw(pixels.reshape(pic.size[1], pic.size[0], len(pic.getbands())))


_LARGEST = {_C.uint8: 255, _C.int8: 127, _C.int16: 32767, _C.int32: 2**31 - 1, _C.int64: 2**63 - 1}


def convert_image_dtype(image, dtype=_C.float32):
    """Convert a Tensor image to a dtype, scaling values to its range.

    Parameters
    ----------
    image : Tensor
    dtype : dtype, default float32

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError
        `image` is no Tensor.
    RuntimeError
        float32 to int32 or int64, or float64 to int64: not every value has a place.
    """
    if not isinstance(image, Tensor):
        raise TypeError("Input img should be Tensor Image")
    if image.dtype == dtype:
        return image
    if image.dtype.is_floating_point:
        if dtype.is_floating_point:
            return image.to(dtype)
        if (image.dtype, dtype) in ((_C.float32, _C.int32), (_C.float32, _C.int64), (_C.float64, _C.int64)):
            raise RuntimeError(f"The cast from {image.dtype} to {dtype} cannot be performed safely.")
        # Not the largest value alone: that would reach it only from exactly 1.0.
        return image.mul(float(_LARGEST[dtype]) + 1.0 - 1e-3).to(dtype)
    largest = _LARGEST.get(image.dtype, 1)
    if dtype.is_floating_point:
        return image.to(dtype) / float(largest)
    target = _LARGEST.get(dtype, 1)
    if largest > target:
        return (image // ((largest + 1) // (target + 1))).to(dtype)
    return image.to(dtype) * ((target + 1) // (largest + 1))


_MODES = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}


def to_pil_image(pic, mode=None):
    """Convert a Tensor or an array to a PIL Image. Floats are taken as 0 to 1, multiplied by 255 and cut off.

    Parameters
    ----------
    pic : Tensor of shape (C, H, W) or (H, W), or ndarray of shape (H, W, C) or (H, W)
    mode : str, optional
        Pillow's name of the colour space; by default the first that fits the channels and the dtype.

    Returns
    -------
    PIL Image

    Raises
    ------
    TypeError
        `pic` is neither, or no mode fits its dtype.
    ValueError
        It has neither two nor three dimensions, more than 4 channels, or `mode` does not fit.
    """
    from PIL import Image

    if isinstance(pic, np.ndarray):
        pixels = pic
        if np.issubdtype(pic.dtype, np.floating) and mode != "F":
            pixels = from_numpy(np.ascontiguousarray(pic)).mul(255).to(_C.uint8).numpy()
    elif isinstance(pic, Tensor):
        pic = pic.detach()
        if pic.is_floating_point() and mode != "F":
            pic = pic.mul(255).to(_C.uint8)
        pixels = (pic.permute(1, 2, 0) if pic.ndim == 3 else pic).numpy()
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3:
        raise ValueError(f"pic should be 2/3 dimensional. Got {pixels.ndim} dimensions.")
    h, w, c = pixels.shape
    if c > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {c} channels.")
    if c == 1:
        sixteen = "I;16" if sys.byteorder == "little" else "I;16B"
        expected = {np.uint8: "L", np.int16: sixteen, np.int32: "I", np.float32: "F"}.get(pixels.dtype.type)
        if mode is not None and mode != expected:
            raise ValueError(f"Incorrect mode ({mode}) supplied for input type {pixels.dtype}. Should be {expected}")
        mode = expected
    elif mode is not None and mode not in _MODES[c]:
        raise ValueError(f"Only modes {list(_MODES[c])} are supported for {c}D inputs")
    elif mode is None and pixels.dtype == np.uint8:
        mode = _MODES[c][0]
    if mode is None:
        raise TypeError(f"Input type {pixels.dtype} is not supported")
    return Image.frombytes(mode, (w, h), np.ascontiguousarray(pixels).tobytes())


def normalize(tensor, mean, std, inplace=False):
    """Subtract a mean from every channel and divide by a deviation.

    Parameters
    ----------
    tensor : Tensor of shape (..., C, H, W)
        Of a float dtype.
    mean, std : sequence of C floats
    inplace : bool, default False
        Change `tensor` itself.

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError
        `tensor` is no Tensor or has no float dtype.
    ValueError
        It has fewer than three dimensions, or a deviation is 0.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError("Expected tensor to be a tensor image of size (..., C, H, W). "
                         f"Got tensor.size() = {tensor.size()}")
    mean, std = as_tensor(mean, dtype=tensor.dtype), as_tensor(std, dtype=tensor.dtype)
    if (std == 0).any():
        raise ValueError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero.")
    mean = mean.view(-1, 1, 1) if mean.ndim == 1 else mean
    std = std.view(-1, 1, 1) if std.ndim == 1 else std
    return (tensor if inplace else tensor.clone()).sub_(mean).div_(std)


def erase(img, i, j, h, w, v, inplace=False):
    """Put a value into a rectangle.

    Parameters
    ----------
    img : Tensor of shape (..., C, H, W)
    i, j : int
        Row and column of the upper left corner.
    h, w : int
    v : Tensor
        What to put there; broadcast to (C, h, w).
    inplace : bool, default False

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError
        If `img` is no tensor.
    """
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    out = img if inplace else img.clone()
    out[..., i:i + h, j:j + w] = v
    return out


# ---- geometry

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
    return run((("center_crop", *_pair(output_size)),), img)


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
    th, tw = _pair(size)
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
    return run((_pad_step(padding, fill, padding_mode),), img)


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
    step = _resize_step(size, interpolation, max_size)
    if isinstance(img, Tensor):
        for _, h, w, _ in _images.pipeline_of((step,)).draw(*_hwc(img)):
            img = _tensors.resize(img, int(h), int(w), _mode_from_int(interpolation).value, bool(antialias))
        return img
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
    return run((("crop", top, left, height, width), _resize_step(size, interpolation, None)), img)


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
        _sampling(interpolation, expand, center, fill)
        return _tensors.rotate(img, angle, _mode_from_int(interpolation).value, expand, center, _tensor_fill(fill))
    return run((("rotate", angle, *_sampling(interpolation, expand, center, fill)),), img)


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
        _sampling(interpolation, False, center, fill)
        return _tensors.affine(img, angle, translate, scale, shear,
                               _mode_from_int(interpolation).value, center, _tensor_fill(fill))
    return run((("affine", angle, *translate, scale, *shear, 0, *_sampling(interpolation, False, center, fill)),), img)


def _perspective_coefficients(startpoints, endpoints):
    """The eight numbers that lead from the corners of the result to those of the image."""
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(f"Please provide exactly four corners, got {len(startpoints)} startpoints and "
                         f"{len(endpoints)} endpoints.")
    rows = []
    for (x, y), (u, v) in zip(endpoints, startpoints):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    solution = np.linalg.lstsq(np.array(rows, float), np.array(startpoints, float).reshape(8), rcond=None)[0]
    return solution.astype(np.float32).tolist()


def perspective(img, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None):
    """Move the corners of an image.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)
    startpoints, endpoints : sequence of four (x, y)
        Corners, clockwise from top left, before and after.
    interpolation : InterpolationMode or int, default BILINEAR
    fill : number or sequence, optional
        Value outside the image, or one per channel; 0 by default.

    Returns
    -------
    PIL Image or Tensor

    Raises
    ------
    TypeError, ValueError
        If `img` is no image, or there are not four corners.
    """
    coefficients = _perspective_coefficients(startpoints, endpoints)
    filter = _filter(interpolation)
    if isinstance(img, Tensor):
        return _tensors.perspective(img, coefficients, _mode_from_int(interpolation).value, _tensor_fill(fill))
    if not is_pil(img):
        raise TypeError(f"img should be PIL Image. Got {type(img)}")
    from PIL import Image
    values = _fill_values(fill)
    bands = len(img.getbands())
    values = tuple(int(v) for v in (values * bands if len(values) == 1 else values))
    return img.transform(img.size, Image.Transform.PERSPECTIVE, coefficients, filter,
                         fillcolor=values[0] if bands == 1 else values)


def elastic_transform(img, displacement, interpolation=InterpolationMode.BILINEAR, fill=None):
    """Read every pixel of an image from somewhere near.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)
    displacement : Tensor of shape (1, H, W, 2)
        By how much, (x, y), in parts of half the image.
    interpolation : InterpolationMode or int, default BILINEAR
    fill : number or sequence, optional
        Value outside the image, or one per channel; 0 by default.

    Returns
    -------
    PIL Image or Tensor

    Raises
    ------
    TypeError, ValueError
        If `displacement` is no Tensor or of another shape.
    """
    if not isinstance(displacement, Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    x = img if isinstance(img, Tensor) else pil_to_tensor(img)
    wanted = Size((1, *x.shape[-2:], 2))
    if displacement.shape != wanted:
        raise ValueError(f"Argument displacement shape should be {wanted}, but given {displacement.shape}")
    x = _tensors.displaced(x, displacement, _mode_from_int(interpolation).value, _tensor_fill(fill))
    return x if isinstance(img, Tensor) else to_pil_image(x, img.mode)


def _pair_of(value, name, kind):
    if not isinstance(value, (*kind, list, tuple)):
        raise TypeError(f"{name} should be {kind[0].__name__} or a sequence. Got {type(value)}")
    return [value, value] if isinstance(value, kind) else list(value)


def gaussian_blur(img, kernel_size, sigma=None):
    """Blur an image.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., H, W)
    kernel_size : int or sequence of 2 ints
        Width and height of the bell, odd.
    sigma : float or sequence of floats, optional
        Its deviations; by default what suits its size.

    Returns
    -------
    PIL Image or Tensor

    Raises
    ------
    TypeError, ValueError
        If a size or deviation is none.
    """
    kernel_size = _pair_of(kernel_size, "kernel_size", (int,))
    if len(kernel_size) != 2:
        raise ValueError(f"If kernel_size is a sequence its length should be 2. Got {len(kernel_size)}")
    if any(k % 2 == 0 or k < 0 for k in kernel_size):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {kernel_size}")
    sigma = [k * 0.15 + 0.35 for k in kernel_size] if sigma is None else _pair_of(sigma, "sigma", (float, int))
    sigma = sigma * 2 if len(sigma) == 1 else sigma
    if len(sigma) != 2:
        raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(sigma)}")
    if any(s <= 0.0 for s in sigma):
        raise ValueError(f"sigma should have positive values. Got {sigma}")
    if isinstance(img, Tensor):
        return _tensors.gaussian_blur(img, kernel_size, sigma)
    if not is_pil(img):
        raise TypeError(f"img should be PIL Image or Tensor. Got {type(img)}")
    return to_pil_image(_tensors.gaussian_blur(pil_to_tensor(img), kernel_size, sigma), img.mode)


# ---- colour

def adjust_brightness(img, brightness_factor):
    """Multiply brightness.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., 1 or 3, H, W)
    brightness_factor : float
        0 gives black, 1 the image itself.

    Returns
    -------
    PIL Image or Tensor
    """
    return run((("brightness", brightness_factor),), img)


def adjust_contrast(img, contrast_factor):
    """Move all values away from the mean grey.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., 1 or 3, H, W)
    contrast_factor : float
        0 gives solid grey, 1 the image itself.

    Returns
    -------
    PIL Image or Tensor
    """
    return run((("contrast", contrast_factor),), img)


def adjust_saturation(img, saturation_factor):
    """Make colours stronger or weaker.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., 1 or 3, H, W)
    saturation_factor : float
        0 gives a grey image, 1 the image itself.

    Returns
    -------
    PIL Image or Tensor
    """
    return run((("saturation", saturation_factor),), img)


def adjust_hue(img, hue_factor):
    """Shift the hues of an image around their circle.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., 1 or 3, H, W)
    hue_factor : float
        From -0.5 to 0.5, parts of the circle.

    Returns
    -------
    PIL Image

    Raises
    ------
    ValueError
        `hue_factor` is outside.
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    return run((("hue", hue_factor),), img)


def adjust_gamma(img, gamma, gain=1):
    """Apply a power law to the values of an image.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., 1 or 3, H, W)
    gamma : float
        Exponent, at least 0: above 1 makes shadows darker.
    gain : float, default 1

    Returns
    -------
    PIL Image

    Raises
    ------
    ValueError
        If `gamma` is negative.
    """
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    return run((("gamma", gamma, gain),), img)


def adjust_sharpness(img, sharpness_factor):
    """Sharpen or blur an image.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., 1 or 3, H, W)
    sharpness_factor : float
        0 gives a smoothed image, 1 the image itself, 2 doubles the sharpness.

    Returns
    -------
    PIL Image
    """
    return run((("sharpness", sharpness_factor),), img)


def _grey_step(num_output_channels):
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    return ("grey", num_output_channels)


def to_grayscale(img, num_output_channels=1):
    """Turn a PIL image of any mode grey.

    Parameters
    ----------
    img : PIL Image
    num_output_channels : {1, 3}, default 1
        3: an RGB image with equal channels.

    Returns
    -------
    PIL Image

    Raises
    ------
    TypeError
        If `img` is no PIL image.
    """
    if not is_pil(img):
        raise TypeError(f"img should be PIL Image. Got {type(img)}")
    return run((_grey_step(num_output_channels),), img)


def rgb_to_grayscale(img, num_output_channels=1):
    """Turn an RGB image grey.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., 3, H, W)
    num_output_channels : {1, 3}, default 1

    Returns
    -------
    PIL Image or Tensor
    """
    return run((_grey_step(num_output_channels),), img)


def invert(img):
    """Invert all values.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., 1 or 3, H, W)

    Returns
    -------
    PIL Image or Tensor
    """
    return run((("invert",),), img)


def posterize(img, bits):
    """Keep the highest bits of every value of an image.

    Parameters
    ----------
    img : PIL Image or Tensor of uint8
    bits : int
        How many, 1 to 8.

    Returns
    -------
    PIL Image

    Raises
    ------
    ValueError
        If `bits` is out of range.
    """
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    return run((("posterize", bits),), img)


def solarize(img, threshold):
    """Invert the values of an image that reach a threshold.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., 1 or 3, H, W)
    threshold : float

    Returns
    -------
    PIL Image
    """
    return run((("solarize", threshold),), img)


def autocontrast(img):
    """Stretch every channel of an image over the whole range.

    Parameters
    ----------
    img : PIL Image or Tensor of shape (..., 1 or 3, H, W)

    Returns
    -------
    PIL Image
    """
    return run((("autocontrast",),), img)


def equalize(img):
    """Spread every channel of an image so that all values are about as frequent.

    Parameters
    ----------
    img : PIL Image or Tensor of uint8

    Returns
    -------
    PIL Image
    """
    return run((("equalize",),), img)
