"""What transforms and functions are given, checked and turned into the numbers that steps take.

A step is a tuple of a name and numbers; csrc/data/augment_steps.c lists them.
"""

import numbers
import warnings
from collections.abc import Sequence
from enum import Enum

from pycnn.vision.transforms._images import FILTERS, PAD_MODES


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


def mode_of(interpolation):
    """The InterpolationMode that Pillow's number stands for; anything else as it is."""
    if isinstance(interpolation, int):
        if interpolation not in _FROM_INT:
            raise ValueError(f"interpolation {interpolation} is none of Pillow's: 0 to 5")
        return _FROM_INT[interpolation]
    return interpolation


def filter_of(interpolation):
    """Pillow's number of an interpolation."""
    mode = mode_of(interpolation)
    if not isinstance(mode, InterpolationMode):
        raise TypeError("Argument interpolation should be a InterpolationMode or a corresponding Pillow integer "
                        "constant")
    return FILTERS[mode.value]


def fill_values(fill):
    """One value, or one per channel."""
    if fill is None:
        return (0.0,)
    if isinstance(fill, numbers.Number):
        return (float(fill),)
    if not isinstance(fill, (tuple, list)):
        raise TypeError("Got inappropriate fill arg")
    return tuple(float(v) for v in fill)


def sampling(interpolation, expand, center, fill):
    """What steps that turn an image say of it, last of their numbers."""
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    x, y = center if center is not None else (0.0, 0.0)
    return (filter_of(interpolation), int(bool(expand)), int(center is not None), float(x), float(y),
            *fill_values(fill))


def tensor_fill(fill):
    """fill_values, but for Tensors None is black without a border."""
    return None if fill is None else fill_values(fill)


def pair(size, message="Please provide only two dimensions (h, w) for size."):
    """Height and width."""
    if isinstance(size, numbers.Number):
        return int(size), int(size)
    if len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError(message)
    return size


def _sides(padding):
    """Left, top, right, bottom."""
    if not isinstance(padding, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if isinstance(padding, numbers.Number):
        return (padding,) * 4
    if len(padding) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
    return tuple(padding) * (4 // len(padding))


def pad_step(padding, fill, padding_mode):
    """The step of a padding, whose arguments it checks."""
    if fill is not None and not isinstance(fill, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate fill arg")
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    if padding_mode not in PAD_MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    return ("pad", *_sides(padding), PAD_MODES.index(padding_mode), *fill_values(fill))


def resize_step(size, interpolation, max_size):
    """The step of a resizing, whose arguments it checks."""
    filter = filter_of(interpolation)
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


def grey_step(num_output_channels):
    """The step of turning grey, whose argument it checks."""
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    return ("grey", num_output_channels)

# ---- what constructors are given


def probability(p, owner):
    """A chance, checked."""
    if not isinstance(p, numbers.Number):
        raise TypeError(f"{owner}: p should be a number, got {type(p)}")
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{owner}: p should be between 0 and 1, got {p}")
    return p


def check_length(x, name, lengths):
    """Raise unless x is a sequence of one of these lengths."""
    text = " or ".join(str(n) for n in lengths)
    if not isinstance(x, Sequence):
        raise TypeError(f"{name} should be a sequence of length {text}.")
    if len(x) not in lengths:
        raise ValueError(f"{name} should be a sequence of length {text}.")


def angles(x, name, lengths=(2,)):
    """Bounds of angles; x stands for -x to x."""
    if isinstance(x, numbers.Number):
        if x < 0:
            raise ValueError(f"If {name} is a single number, it must be positive.")
        x = [-x, x]
    else:
        check_length(x, name, lengths)
    return [float(d) for d in x]


def checked_fill(fill):
    """A fill, checked; 0 for None."""
    if fill is None:
        return 0
    if not isinstance(fill, (Sequence, numbers.Number)):
        raise TypeError("Fill should be either a sequence or a number.")
    return fill


def check_box(scale, ratio):
    """Raise if these are no bounds of a box's area and aspect ratio."""
    if not isinstance(scale, Sequence):
        raise TypeError("Scale should be a sequence")
    if not isinstance(ratio, Sequence):
        raise TypeError("Ratio should be a sequence")
    if scale[0] > scale[1] or ratio[0] > ratio[1]:
        warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=3)
    if ratio[0] <= 0:
        raise ValueError(f"Ratio should be positive, got {ratio}")
