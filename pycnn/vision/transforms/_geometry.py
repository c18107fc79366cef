"""Transforms of size and place: resizing, cropping, padding, turning."""

import numbers
from collections.abc import Sequence

from pycnn.vision.transforms import _images, _pipeline
from pycnn.vision.transforms import functional as F
from pycnn.vision.transforms._base import BELOW_F32, Chance, Drawn, Step, Transform, draw, takes_all
from pycnn.vision.transforms._images import PAD_MODES
from pycnn.vision.transforms._parameters import (
    InterpolationMode, angles, check_box, check_length, checked_fill, fill_values, filter_of, mode_of, pad_step, pair,
    resize_step, sampling)

# How pixels are read where only parameters are drawn.
_NEAREST = sampling(InterpolationMode.NEAREST, False, None, 0)


class Resize(Step):
    """Resize an image.

    Parameters
    ----------
    size : int or sequence
        Height and width; or what the shorter side becomes.
    interpolation : InterpolationMode or int, default BILINEAR
    max_size : int, optional
        What the longer side is at most, if `size` is a number.
    antialias : bool, default True
        Let every pixel of a Tensor count where it shrinks. Always done for PIL images.

    Raises
    ------
    TypeError
        If `size` is neither an int nor a sequence.
    ValueError
        If a sequence has another length than 1 or 2.
    """

    _shown = ("size", "interpolation.value", "max_size", "antialias")

    def __init__(self, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
        super().__init__()
        if not isinstance(size, (int, Sequence)):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size = size
        self.max_size = max_size
        self.interpolation = mode_of(interpolation)
        self.antialias = antialias

    def _steps(self):
        return (resize_step(self.size, self._mode, self.max_size),)

    def forward(self, img):
        """Resize one image."""
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(Step):
    """Cut the middle out of an image. Sides that are too short are filled with 0.

    Parameters
    ----------
    size : int or sequence
        Height and width.
    """

    _shown = ("size",)
    _takes = takes_all

    def __init__(self, size):
        super().__init__()
        self.size = pair(size)

    def _steps(self):
        return (("center_crop", *self.size),)


class Pad(Step):
    """Add pixels around an image.

    Parameters
    ----------
    padding : int or sequence of 1, 2 or 4 ints
        All sides; left/right and top/bottom; or left, top, right, bottom.
    fill : number or tuple, default 0
        Value of constant padding, or one per channel.
    padding_mode : {"constant", "edge", "reflect", "symmetric"}
    """

    _shown = ("padding", "fill", "padding_mode")

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        pad_step(padding, fill, padding_mode)
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def _takes(self, domain):
        if domain == _pipeline.PICTURE or not isinstance(self._fill, numbers.Number):
            return domain == _pipeline.PICTURE
        return 0 <= self._fill <= 255 if domain == _pipeline.BYTES else self.padding_mode == "constant"

    def _steps(self):
        return (pad_step(self.padding, self._fill, self.padding_mode),)


class RandomCrop(Drawn):
    """Cut a window out of an image, anywhere.

    Parameters
    ----------
    size : int or sequence
        Height and width.
    padding : int or sequence, optional
        Pixels added around the image first; see :class:`Pad`.
    pad_if_needed : bool, default False
        Add what is missing on both sides where the image is smaller than `size`.
    fill : number or tuple, default 0
    padding_mode : {"constant", "edge", "reflect", "symmetric"}

    Raises
    ------
    ValueError
        When called: the image is smaller than `size`.
    """

    _shown = ("size", "padding")

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = tuple(pair(size))
        pad_step(padding if padding is not None else 0, fill, padding_mode)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    # What is padded, as Pad takes it.
    _sides = property(lambda self: self.padding)
    _takes = Pad._takes

    @staticmethod
    def get_params(img, output_size):
        """Draw where to cut.

        Parameters
        ----------
        img : PIL Image or Tensor
        output_size : tuple of 2 ints

        Returns
        -------
        tuple of 4 ints
            Top, left, height, width.
        """
        return tuple(int(v) for v in draw(("random_crop", *output_size, 1, 0), *_images.dimensions(img)))

    def _steps(self):
        steps = []
        if self._sides is not None:
            steps.append(pad_step(self._sides, self._fill, self.padding_mode))
        if self.pad_if_needed:
            steps.append(("pad_to", *self.size, PAD_MODES.index(self.padding_mode), *fill_values(self._fill)))
        return (*steps, ("random_crop", *self.size, self._edition, self._sides is not None))

    def _with_params(self, img):
        padding = self._steps()[:-1]
        if padding:
            img = _images.run(padding, img)
        return F.crop(img, *self.get_params(img, self.size))


class RandomHorizontalFlip(Chance):
    """Mirror an image left to right with probability `p`.

    Parameters
    ----------
    p : float, default 0.5

    Notes
    -----
    A `p` outside 0 to 1 raises ValueError; torchvision accepts it.
    """

    _step = ("hflip",)
    _comparison = BELOW_F32
    _takes = takes_all


class RandomVerticalFlip(Chance):
    """Turn an image upside down, as a mirror would, with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    """

    _step = ("vflip",)
    _comparison = BELOW_F32
    _takes = takes_all


class RandomResizedCrop(Drawn):
    """Cut a window of random area and aspect ratio out of an image and resize it.

    Parameters
    ----------
    size : int or sequence
        Height and width of the result.
    scale : sequence of 2 floats, default (0.08, 1.0)
        Bounds of the window's share of the image's area.
    ratio : sequence of 2 floats, default (3/4, 4/3)
        Bounds of width over height.
    interpolation : InterpolationMode or int, default BILINEAR
    antialias : bool, default True
        Let every pixel of a Tensor count where it shrinks. Always done for PIL images.
    """

    _tensors_by_params = True

    def __init__(self, size, scale=(0.08, 1.0), ratio=(3.0 / 4.0, 4.0 / 3.0), interpolation=InterpolationMode.BILINEAR,
                 antialias=True):
        super().__init__()
        self.size = pair(size)
        check_box(scale, ratio)
        self.interpolation = mode_of(interpolation)
        self.antialias = antialias
        self.scale = scale
        self.ratio = ratio

    @staticmethod
    def get_params(img, scale, ratio):
        """Draw a window.

        Parameters
        ----------
        img : PIL Image or Tensor
        scale, ratio : sequence of 2 floats

        Returns
        -------
        tuple of 4 ints
            Top, left, height, width.
        """
        step = ("random_resized_crop", 1, 1, *scale, *ratio, filter_of(InterpolationMode.NEAREST))
        return tuple(int(v) for v in draw(step, *_images.dimensions(img)))

    def _steps(self):
        return (("random_resized_crop", *self.size, *self.scale, *self.ratio, filter_of(self._mode)),)

    def _with_params(self, img):
        window = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *window, self.size, self.interpolation, self.antialias)

    def __repr__(self):
        scale, ratio = (tuple(round(v, 4) for v in bounds) for bounds in (self.scale, self.ratio))
        return (f"{type(self).__name__}(size={self.size}, scale={scale}, ratio={ratio}, "
                f"interpolation={self.interpolation.value}, antialias={self.antialias})")


class FiveCrop(Transform):
    """Cut out the four corners and the middle: a tuple of 5 images.

    Parameters
    ----------
    size : int or sequence
        Height and width.
    """

    _shown = ("size",)

    def __init__(self, size):
        super().__init__()
        self.size = pair(size)

    def forward(self, img):
        """Return 5 images."""
        return F.five_crop(img, self.size)


class TenCrop(Transform):
    """Cut out the four corners and the middle, of the image and of its mirror image: a tuple of 10 images.

    Parameters
    ----------
    size : int or sequence
        Height and width.
    vertical_flip : bool, default False
        Mirror upside down instead of left to right.
    """

    _shown = ("size", "vertical_flip")

    def __init__(self, size, vertical_flip=False):
        super().__init__()
        self.size = pair(size)
        self.vertical_flip = vertical_flip

    def forward(self, img):
        """Return 10 images."""
        return F.ten_crop(img, self.size, self.vertical_flip)


class RandomRotation(Drawn):
    """Rotate an image by a random angle.

    Parameters
    ----------
    degrees : number or sequence of 2 numbers
        Bounds of the angle; a number x stands for (-x, x).
    interpolation : InterpolationMode or int, default NEAREST
    expand : bool, default False
        Make the result large enough for the whole rotated image.
    center : sequence, optional
        (x, y) that stays where it is; by default the middle.
    fill : number or sequence, default 0
        Value outside the image, or one per channel.
    """

    _tensors_by_params = True

    def __init__(self, degrees, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=0):
        super().__init__()
        self.interpolation = mode_of(interpolation)
        self.degrees = angles(degrees, "degrees")
        if center is not None:
            check_length(center, "center", (2,))
        self.center = center
        self.expand = expand
        self.fill = checked_fill(fill)

    @property
    def _shown(self):
        return ("degrees", "interpolation.value", "expand", *(["center"] if self.center is not None else []), "fill")

    @staticmethod
    def get_params(degrees):
        """Draw an angle.

        Parameters
        ----------
        degrees : sequence of 2 floats

        Returns
        -------
        float
        """
        return draw(("random_rotation", float(degrees[0]), float(degrees[1]), *_NEAREST))[0]

    def _steps(self):
        return (("random_rotation", *self.degrees, *sampling(self._mode, self.expand, self.center, self._fill)),)

    def _with_params(self, img):
        return F.rotate(img, self.get_params(self.degrees), self.interpolation, self.expand, self.center, self.fill)


def _affine_ranges(degrees, translate, scale, shear):
    """What affine_ranges of csrc/data/augment_steps.h holds, the version apart."""
    shear = [*shear] if shear is not None else []
    return (*degrees, int(translate is not None), *(translate or (0, 0)), int(scale is not None), *(scale or (1, 1)),
            len(shear), *(shear + [0] * 4)[:4])


class RandomAffine(Drawn):
    """Rotate, shift, scale and shear an image at random.

    Parameters
    ----------
    degrees : number or sequence of 2 numbers
        Bounds of the angle; a number x stands for (-x, x).
    translate : tuple of 2 floats, optional
        Largest shift, as parts of width and height.
    scale : tuple of 2 floats, optional
    shear : number or sequence of 2 or 4 numbers, optional
        Bounds along x (a number x: -x to x) and, if there are four, along y; degrees.
    interpolation : InterpolationMode or int, default NEAREST
    fill : number or sequence, default 0
        Value outside the image, or one per channel.
    center : sequence, optional
        (x, y) of the rotation; by default the middle.

    Raises
    ------
    ValueError
        If an option is out of range.
    """

    _tensors_by_params = True

    def __init__(self, degrees, translate=None, scale=None, shear=None, interpolation=InterpolationMode.NEAREST, fill=0,
                 center=None):
        super().__init__()
        self.interpolation = mode_of(interpolation)
        self.degrees = angles(degrees, "degrees")
        if translate is not None:
            check_length(translate, "translate", (2,))
            if not all(0.0 <= t <= 1.0 for t in translate):
                raise ValueError("translation values should be between 0 and 1")
        self.translate = translate
        if scale is not None:
            check_length(scale, "scale", (2,))
            if not all(s > 0 for s in scale):
                raise ValueError("scale values should be positive")
        self.scale = scale
        self.shear = angles(shear, "shear", (2, 4)) if shear is not None else None
        self.fill = checked_fill(fill)
        if center is not None:
            check_length(center, "center", (2,))
        self.center = center

    @property
    def _shown(self):
        unused = {"translate": None, "scale": None, "shear": None, "interpolation": InterpolationMode.NEAREST,
                  "fill": 0, "center": None}
        used = (name for name, value in unused.items() if getattr(self, name) != value)
        return ("degrees", *("interpolation.value" if name == "interpolation" else name for name in used))

    @staticmethod
    def get_params(degrees, translate, scale_ranges, shears, img_size):
        """Draw an affine map.

        Parameters
        ----------
        degrees : sequence of 2 floats
        translate, scale_ranges, shears : sequence of float, or None
        img_size : sequence of 2 ints
            Width and height.

        Returns
        -------
        tuple
            Angle, (x, y) shift in pixels, scale, (x, y) shear.
        """
        step = ("random_affine", *_affine_ranges(degrees, translate, scale_ranges, shears), 1, *_NEAREST)
        angle, tx, ty, scale, sx, sy, *_ = draw(step, h=img_size[1], w=img_size[0])
        return angle, (int(tx), int(ty)), scale, (sx, sy)

    def _steps(self):
        ranges = _affine_ranges(self.degrees, self.translate, self.scale, self.shear)
        return (("random_affine", *ranges, self._edition, *sampling(self._mode, False, self.center, self._fill)),)

    def _with_params(self, img):
        size = F.get_image_size(img)
        params = self.get_params(self.degrees, self.translate, self.scale, self.shear, size)
        return F.affine(img, *params, interpolation=self.interpolation, fill=self.fill, center=self.center)
