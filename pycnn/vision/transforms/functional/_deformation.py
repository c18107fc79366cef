"""Pixels moved or mixed in other ways than a camera would: perspective, elastic, blur."""

import numpy as np

from pycnn._device import Size
from pycnn._tensor import Tensor
from pycnn.vision.transforms import _tensors
from pycnn.vision.transforms._images import is_pil
from pycnn.vision.transforms._parameters import InterpolationMode, fill_values, filter_of, mode_of, tensor_fill
from pycnn.vision.transforms.functional._conversion import pil_to_tensor, to_pil_image


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
    filter = filter_of(interpolation)
    if isinstance(img, Tensor):
        return _tensors.perspective(img, coefficients, mode_of(interpolation).value, tensor_fill(fill))
    if not is_pil(img):
        raise TypeError(f"img should be PIL Image. Got {type(img)}")
    from PIL import Image

    values = fill_values(fill)
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
    x = _tensors.displaced(x, displacement, mode_of(interpolation).value, tensor_fill(fill))
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
