"""Colours of an image, and erasing."""

from pycnn._tensor import Tensor
from pycnn.vision.transforms._images import is_pil, run
from pycnn.vision.transforms._parameters import grey_step


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
    return run((grey_step(num_output_channels),), img)


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
    return run((grey_step(num_output_channels),), img)


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
