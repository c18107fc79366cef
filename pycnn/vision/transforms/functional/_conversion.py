"""Between pictures, arrays and Tensors, and normalisation."""

import sys

import numpy as np

from pycnn import _C
from pycnn._default_dtype import get_default_dtype
from pycnn._from_data import as_tensor, from_numpy
from pycnn._tensor import Tensor
from pycnn.vision.transforms import _images
from pycnn.vision.transforms._images import is_pil


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
        pipeline = _images.pipeline_of((("to_tensor", 0),))
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
