"""Transforms of size and place."""

import math
import numbers
import warnings
from collections.abc import Sequence

from pycnn import _C
from pycnn._from_data import tensor
from pycnn.vision.transforms import _geometry as T
from pycnn.vision.transforms import _images
from pycnn.vision.transforms._parameters import angles, check_length, pair
from pycnn.vision.transforms.deformation import RandomPerspective as _RandomPerspective
from pycnn.vision.transforms.v2 import functional as F
from pycnn.vision.transforms.v2._transform import (
    ChanceTransform, OtherOnBytes, Transform, below, sizes, uniform)


# Torch's arithmetic on bytes of a Tensor, for Pillow's bilinear and bicubic filters: see image.h.
_TORCH_FILTERS = {2: 6, 3: 7}


class _Resizing(OtherOnBytes):
    def _on_bytes(self, *step):
        fits = self.antialias and step[-1] in _TORCH_FILTERS
        return (*step[:-1], _TORCH_FILTERS[step[-1]]) if fits else None


def checked_fill(fill):
    """Return the fill, one value or one per channel, as the functions take it; of a dict, that of all others.

    Parameters
    ----------
    fill : number, sequence, dict or None

    Returns
    -------
    number, list or None

    Raises
    ------
    TypeError
        If it is something else.
    """
    if isinstance(fill, dict):
        fill = fill.get("others", 0)
    if fill is not None and not isinstance(fill, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate fill arg, only Numbers, tuples, lists and dicts are allowed.")
    return list(fill) if isinstance(fill, tuple) else fill


def _check_padding(padding, mode):
    fits = isinstance(padding, int) or isinstance(padding, (tuple, list)) and len(padding) in (1, 2, 4) and \
        all(isinstance(p, int) for p in padding)
    if not fits:
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element of tuple or list, got {padding}.")
    if mode not in _images.PAD_MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")


def _check_bounds(scale, ratio):
    for name, value in (("Scale", scale), ("Ratio", ratio)):
        if not isinstance(value, Sequence) or len(value) != 2:
            raise TypeError(f"{name} should be a sequence of two floats.")
    if scale[0] > scale[1] or ratio[0] > ratio[1]:
        warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=3)


class RandomHorizontalFlip(ChanceTransform):
    """Mirror images left to right with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    """

    _first = T.RandomHorizontalFlip

    def transform(self, inpt, params):
        """Change one image."""
        return F.horizontal_flip(inpt)


class RandomVerticalFlip(ChanceTransform):
    """Turn images upside down, as a mirror would, with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    """

    _first = T.RandomVerticalFlip

    def transform(self, inpt, params):
        """Change one image."""
        return F.vertical_flip(inpt)


class Resize(_Resizing):
    """Resize images.

    Parameters
    ----------
    size : int, sequence of int, or None
        Height and width; or what the shorter side becomes; None: `max_size` says what the longer does.
    interpolation : InterpolationMode, str or int, default "bilinear"
    max_size : int, optional
        What the longer side is at most.
    antialias : bool, default True

    Raises
    ------
    ValueError
        If the sizes are something else.
    """

    _first = T.Resize

    def __init__(self, size, interpolation="bilinear", max_size=None, antialias=True):
        super().__init__()
        if isinstance(size, int):
            size = [size]
        elif isinstance(size, Sequence) and len(size) in (1, 2):
            size = list(size)
        elif size is not None:
            raise ValueError("size can be an integer, a sequence of one or two integers, or None, but got "
                             f"{size} instead.")
        elif not isinstance(max_size, int):
            raise ValueError(f"max_size must be an integer when size is None, but got {max_size} instead.")
        self.size, self.interpolation, self.max_size, self.antialias = size, interpolation, max_size, antialias

    def _steps(self):
        return None if self.size is None else T.Resize._steps(self)

    def transform(self, inpt, params):
        """Change one image."""
        return F.resize(inpt, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(Transform):
    """Cut the middle out of images. Sides that are too short are filled with 0.

    Parameters
    ----------
    size : int or sequence of int
    """

    _first = T.CenterCrop

    def __init__(self, size):
        super().__init__()
        self.size = pair(size)

    def transform(self, inpt, params):
        """Change one image."""
        return F.center_crop(inpt, self.size)


class RandomResizedCrop(_Resizing):
    """Cut a window of random area and aspect ratio out of images and resize it.

    Parameters
    ----------
    size : int or sequence of int
    scale : sequence of 2 floats, default (0.08, 1.0)
        Bounds of the window's share of the image's area.
    ratio : sequence of 2 floats, default (3/4, 4/3)
        Bounds of width over height.
    interpolation : InterpolationMode, str or int, default "bilinear"
    antialias : bool, default True
    """

    _first = T.RandomResizedCrop

    def __init__(self, size, scale=(0.08, 1.0), ratio=(3.0 / 4.0, 4.0 / 3.0), interpolation="bilinear",
                 antialias=True):
        super().__init__()
        self.size = pair(size)
        _check_bounds(scale, ratio)
        self.scale, self.ratio, self.interpolation, self.antialias = scale, ratio, interpolation, antialias

    def make_params(self, flat_inputs):
        """Draw the window."""
        _, height, width = sizes(flat_inputs)
        low, high = tensor(self.ratio).log().tolist()
        for _ in range(10):
            area = height * width * uniform(*self.scale)
            ratio = _C.fn.empty(1).uniform_(low, high).exp().item()
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                top = below(height - h + 1)
                return {"top": top, "left": below(width - w + 1), "height": h, "width": w}
        w, h = width, height
        if width / height < min(self.ratio):
            h = round(w / min(self.ratio))
        elif width / height > max(self.ratio):
            w = round(h * max(self.ratio))
        return {"top": (height - h) // 2, "left": (width - w) // 2, "height": h, "width": w}

    def transform(self, inpt, params):
        """Change one image."""
        return F.resized_crop(inpt, **params, size=self.size, interpolation=self.interpolation,
                              antialias=self.antialias)


class FiveCrop(Transform):
    """Cut the corners and the middle out of images: a tuple of five.

    Parameters
    ----------
    size : int or sequence of int
    """

    def __init__(self, size):
        super().__init__()
        self.size = pair(size)

    def transform(self, inpt, params):
        """Cut one image."""
        return F.five_crop(inpt, self.size)


class TenCrop(Transform):
    """As :class:`FiveCrop`, and the same of the mirrored image.

    Parameters
    ----------
    size : int or sequence of int
    vertical_flip : bool, default False
        Upside down instead.
    """

    def __init__(self, size, vertical_flip=False):
        super().__init__()
        self.size, self.vertical_flip = pair(size), vertical_flip

    def transform(self, inpt, params):
        """Cut one image."""
        return F.ten_crop(inpt, self.size, self.vertical_flip)


class Pad(Transform):
    """Add pixels around images.

    Parameters
    ----------
    padding : int or sequence of 1, 2 or 4 ints
        All sides; left/right and top/bottom; or left, top, right, bottom.
    fill : number, sequence or dict, default 0
    padding_mode : {"constant", "edge", "reflect", "symmetric"}
    """

    _first = T.Pad

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        _check_padding(padding, padding_mode)
        self.padding = padding if isinstance(padding, int) else list(padding)
        self.fill, self._fill, self.padding_mode = fill, checked_fill(fill), padding_mode

    def transform(self, inpt, params):
        """Change one image."""
        return F.pad(inpt, self.padding, 0 if self._fill is None else self._fill, self.padding_mode)


class RandomZoomOut(ChanceTransform):
    """Put images somewhere on a larger canvas, with probability `p`.

    Parameters
    ----------
    fill : number, sequence or dict, default 0
    side_range : sequence of 2 floats, default (1.0, 4.0)
        Bounds of the canvas's sides over the image's.
    p : float, default 0.5

    Raises
    ------
    ValueError
        If the bounds are out of order.
    """

    def __init__(self, fill=0, side_range=(1.0, 4.0), p=0.5):
        super().__init__(p)
        self.fill, self._fill = fill, checked_fill(fill)
        check_length(side_range, "side_range", (2,))
        self.side_range = side_range
        if side_range[0] < 1.0 or side_range[0] > side_range[1]:
            raise ValueError(f"Invalid side range provided {side_range}.")

    def make_params(self, flat_inputs):
        """Draw the canvas and the place."""
        _, h, w = sizes(flat_inputs)
        r = self.side_range[0] + _C.fn.rand(1) * (self.side_range[1] - self.side_range[0])
        width, height = int(w * r), int(h * r)
        r = _C.fn.rand(2)
        left, top = int((width - w) * r[0]), int((height - h) * r[1])
        return {"padding": [left, top, width - left - w, height - top - h]}

    def transform(self, inpt, params):
        """Change one image."""
        return F.pad(inpt, params["padding"], 0 if self._fill is None else self._fill)


class RandomRotation(Transform):
    """Turn images by random angles.

    Parameters
    ----------
    degrees : number or sequence of 2 numbers
        From -value to value, or between the two.
    interpolation : InterpolationMode, str or int, default "nearest"
    expand : bool, default False
        Make the result large enough for all of the image.
    center : sequence of 2 numbers, optional
    fill : number, sequence or dict, default 0
    """

    _first = T.RandomRotation

    def __init__(self, degrees, interpolation="nearest", expand=False, center=None, fill=0):
        super().__init__()
        self.degrees = angles(degrees, "degrees", (2,))
        self.interpolation, self.expand, self.fill, self._fill = interpolation, expand, fill, checked_fill(fill)
        if center is not None:
            check_length(center, "center", (2,))
        self.center = center

    def make_params(self, flat_inputs):
        """Draw the angle."""
        return {"angle": uniform(*self.degrees)}

    def transform(self, inpt, params):
        """Change one image."""
        return F.rotate(inpt, **params, interpolation=self.interpolation, expand=self.expand, center=self.center,
                        fill=self._fill)


class RandomAffine(Transform):
    """Turn, shift, scale and shear images by random amounts.

    Parameters
    ----------
    degrees : number or sequence of 2 numbers
    translate : sequence of 2 floats, optional
        Largest shifts, in parts of width and height.
    scale : sequence of 2 floats, optional
    shear : number or sequence of 2 or 4 numbers, optional
        In degrees.
    interpolation : InterpolationMode, str or int, default "nearest"
    fill : number, sequence or dict, default 0
    center : sequence of 2 numbers, optional

    Raises
    ------
    ValueError
        If shifts are no parts, or scales not positive.
    """

    _first = T.RandomAffine

    def __init__(self, degrees, translate=None, scale=None, shear=None, interpolation="nearest", fill=0,
                 center=None):
        super().__init__()
        self.degrees = angles(degrees, "degrees", (2,))
        if translate is not None:
            check_length(translate, "translate", (2,))
            if not all(0.0 <= t <= 1.0 for t in translate):
                raise ValueError("translation values should be between 0 and 1")
        if scale is not None:
            check_length(scale, "scale", (2,))
            if min(scale) <= 0:
                raise ValueError("scale values should be positive")
        self.translate, self.scale = translate, scale
        self.shear = shear if shear is None else angles(shear, "shear", (2, 4))
        self.interpolation, self.fill, self._fill = interpolation, fill, checked_fill(fill)
        if center is not None:
            check_length(center, "center", (2,))
        self.center = center

    def make_params(self, flat_inputs):
        """Draw angle, shift, scale and shear."""
        _, height, width = sizes(flat_inputs)
        angle, translate, scale, shear = uniform(*self.degrees), (0, 0), 1.0, (0.0, 0.0)
        if self.translate is not None:
            bounds = (float(self.translate[0] * width), float(self.translate[1] * height))
            translate = tuple(round(uniform(-b, b)) for b in bounds)
        if self.scale is not None:
            scale = uniform(*self.scale)
        if self.shear is not None:
            shear = (uniform(*self.shear[:2]), uniform(*self.shear[2:]) if len(self.shear) == 4 else 0.0)
        return {"angle": angle, "translate": translate, "scale": scale, "shear": shear}

    def transform(self, inpt, params):
        """Change one image."""
        return F.affine(inpt, **params, interpolation=self.interpolation, fill=self._fill, center=self.center)


class RandomCrop(Transform):
    """Cut a window out of images, anywhere.

    Parameters
    ----------
    size : int or sequence of int
    padding : int or sequence of int, optional
        Pixels added around the image first; see :class:`Pad`.
    pad_if_needed : bool, default False
        Add what is missing on both sides.
    fill : number, sequence or dict, default 0
    padding_mode : {"constant", "edge", "reflect", "symmetric"}
    """

    _first = T.RandomCrop

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = pair(size)
        if pad_if_needed or padding is not None:
            _check_padding(0 if padding is None else padding, padding_mode)
        if padding:
            sides = [padding] * 4 if isinstance(padding, int) else list(padding) * (4 // len(padding))
            padding = [sides[0], sides[2], sides[1], sides[3]]  # left, right, top, bottom
        self.padding = padding or None
        self.pad_if_needed, self.fill, self._fill = pad_if_needed, fill, checked_fill(fill)
        self.padding_mode = padding_mode

    @property
    def _sides(self):
        if self.padding is None:
            return None
        left, right, top, bottom = self.padding
        return left, top, right, bottom

    def _steps(self):
        twice = self.padding is not None and self.pad_if_needed and self.padding_mode != "constant"
        return None if twice else T.RandomCrop._steps(self)  # which mirrors what is mirrored already

    def make_params(self, flat_inputs):
        """Draw where to cut.

        Parameters
        ----------
        flat_inputs : list

        Returns
        -------
        dict

        Raises
        ------
        ValueError
            If the image is smaller than the window.
        """
        _, height, width = sizes(flat_inputs)
        left, right, top, bottom = self.padding or (0,) * 4
        height, width = height + top + bottom, width + left + right
        h, w = self.size
        if self.pad_if_needed:
            more = max(h - height, 0)
            top, bottom, height = top + more, bottom + more, height + 2 * more
            more = max(w - width, 0)
            left, right, width = left + more, right + more, width + 2 * more
        if height < h or width < w:
            raise ValueError(f"Required crop size {(h, w)} is larger than {'padded ' if self.padding else ''}input "
                             f"image size {(height, width)}.")
        y = below(height - h + 1) if height > h else 0
        x = below(width - w + 1) if width > w else 0
        return {"padding": [left, top, right, bottom], "cut": (height, width) != (h, w), "window": (y, x, h, w)}

    def transform(self, inpt, params):
        """Change one image."""
        if any(params["padding"]):
            inpt = F.pad(inpt, params["padding"], 0 if self._fill is None else self._fill, self.padding_mode)
        return F.crop(inpt, *params["window"]) if params["cut"] else inpt


class RandomPerspective(ChanceTransform):
    """Look at images from another side, with probability `p`.

    Parameters
    ----------
    distortion_scale : float, default 0.5
        How far corners go, in parts of half the image.
    p : float, default 0.5
    interpolation : InterpolationMode, str or int, default "bilinear"
    fill : number, sequence or dict, default 0

    Raises
    ------
    ValueError
        If `distortion_scale` is no part.
    """

    def __init__(self, distortion_scale=0.5, p=0.5, interpolation="bilinear", fill=0):
        super().__init__(p)
        if not 0 <= distortion_scale <= 1:
            raise ValueError("Argument distortion_scale value should be between 0 and 1")
        self.distortion_scale, self.interpolation = distortion_scale, interpolation
        self.fill, self._fill = fill, checked_fill(fill)

    def make_params(self, flat_inputs):
        """Draw the corners."""
        _, height, width = sizes(flat_inputs)
        start, end = _RandomPerspective.get_params(width, height, self.distortion_scale)
        return {"startpoints": start, "endpoints": end}

    def transform(self, inpt, params):
        """Change one image."""
        return F.perspective(inpt, **params, interpolation=self.interpolation, fill=self._fill)


class ElasticTransform(Transform):
    """Move pixels by smooth noise.

    Parameters
    ----------
    alpha : float or sequence of 2 floats, default 50.0
        How far.
    sigma : float or sequence of 2 floats, default 5.0
        How smooth.
    interpolation : InterpolationMode, str or int, default "bilinear"
    fill : number, sequence or dict, default 0
    """

    def __init__(self, alpha=50.0, sigma=5.0, interpolation="bilinear", fill=0):
        super().__init__()
        self.alpha, self.sigma = ([float(v)] * 2 if isinstance(v, (int, float)) else [float(v[0]), float(v[-1])]
                                  for v in (alpha, sigma))
        self.interpolation, self.fill, self._fill = interpolation, fill, checked_fill(fill)

    def make_params(self, flat_inputs):
        """Draw the displacement."""
        _, height, width = sizes(flat_inputs)
        moves = []
        for sigma, alpha, side in zip(self.sigma, self.alpha, (width, height)):
            move = _C.fn.rand(1, 1, height, width) * 2 - 1
            if sigma > 0.0:
                k = int(8 * sigma + 1) // 2 * 2 + 1
                move = F.gaussian_blur(move, [k, k], list(self.sigma))
            moves.append(move * alpha / side)
        return {"displacement": _C.fn.cat(moves, 1).permute([0, 2, 3, 1])}

    def transform(self, inpt, params):
        """Change one image."""
        return F.elastic(inpt, **params, interpolation=self.interpolation, fill=self._fill)


class ScaleJitter(Transform):
    """Resize images to a random scale.

    Parameters
    ----------
    target_size : tuple of 2 ints
        Height and width of scale 1.
    scale_range : tuple of 2 floats, default (0.1, 2.0)
    interpolation : InterpolationMode, str or int, default "bilinear"
    antialias : bool, default True
    """

    def __init__(self, target_size, scale_range=(0.1, 2.0), interpolation="bilinear", antialias=True):
        super().__init__()
        self.target_size, self.scale_range = target_size, scale_range
        self.interpolation, self.antialias = interpolation, antialias

    def make_params(self, flat_inputs):
        """Draw the size."""
        _, height, width = sizes(flat_inputs)
        scale = self.scale_range[0] + _C.fn.rand(1) * (self.scale_range[1] - self.scale_range[0])
        r = min(self.target_size[1] / height, self.target_size[0] / width) * scale
        return {"size": (int(height * r), int(width * r))}

    def transform(self, inpt, params):
        """Change one image."""
        return F.resize(inpt, params["size"], self.interpolation, antialias=self.antialias)


class RandomShortestSize(Transform):
    """Resize images so that the shorter side is one of several lengths.

    Parameters
    ----------
    min_size : int or sequence of int
    max_size : int, optional
        What the longer side is at most.
    interpolation : InterpolationMode, str or int, default "bilinear"
    antialias : bool, default True
    """

    def __init__(self, min_size, max_size=None, interpolation="bilinear", antialias=True):
        super().__init__()
        self.min_size = [min_size] if isinstance(min_size, int) else list(min_size)
        self.max_size, self.interpolation, self.antialias = max_size, interpolation, antialias

    def make_params(self, flat_inputs):
        """Draw the size."""
        _, height, width = sizes(flat_inputs)
        r = self.min_size[below(len(self.min_size))] / min(height, width)
        if self.max_size is not None:
            r = min(r, self.max_size / max(height, width))
        return {"size": (int(height * r), int(width * r))}

    def transform(self, inpt, params):
        """Change one image."""
        return F.resize(inpt, params["size"], self.interpolation, antialias=self.antialias)


class RandomResize(Transform):
    """Resize images so that the shorter side has a random length.

    Parameters
    ----------
    min_size, max_size : int
        From the first to the second less one.
    interpolation : InterpolationMode, str or int, default "bilinear"
    antialias : bool, default True
    """

    def __init__(self, min_size, max_size, interpolation="bilinear", antialias=True):
        super().__init__()
        self.min_size, self.max_size, self.interpolation, self.antialias = min_size, max_size, interpolation, antialias

    def make_params(self, flat_inputs):
        """Draw the size."""
        return {"size": [below(self.max_size, self.min_size)]}

    def transform(self, inpt, params):
        """Change one image."""
        return F.resize(inpt, params["size"], self.interpolation, antialias=self.antialias)
