"""torchvision.transforms: transforms as objects, most of them with parameters drawn at random.

Everything drawn comes from the default generator, in torchvision's order. A transform states what it does as steps
(see `_images`); pictures are worked on in C, and a Compose runs as one pass where it can.
"""

import numbers
import random
import warnings
from collections.abc import Sequence

from pycnn import _C
from pycnn._tensor import Tensor
from pycnn.nn import Module
from pycnn.vision.transforms import _images, _pipeline
from pycnn.vision.transforms import functional as F
from pycnn.vision.transforms.functional import InterpolationMode

# How a chance compares the uniform number R with p: see augment_steps.h.
_BELOW_F32, _BELOW_F64, _ABOVE_F32 = 0, 1, 2


# ---- checks that several constructors share

def _probability(p, owner):
    if not isinstance(p, numbers.Number):
        raise TypeError(f"{owner}: p should be a number, got {type(p)}")
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{owner}: p should be between 0 and 1, got {p}")
    return p


def _check_length(x, name, lengths):
    text = " or ".join(str(n) for n in lengths)
    if not isinstance(x, Sequence):
        raise TypeError(f"{name} should be a sequence of length {text}.")
    if len(x) not in lengths:
        raise ValueError(f"{name} should be a sequence of length {text}.")


def _angles(x, name, lengths=(2,)):
    if isinstance(x, numbers.Number):
        if x < 0:
            raise ValueError(f"If {name} is a single number, it must be positive.")
        x = [-x, x]
    else:
        _check_length(x, name, lengths)
    return [float(d) for d in x]


def _checked_fill(fill):
    if fill is None:
        return 0
    if not isinstance(fill, (Sequence, numbers.Number)):
        raise TypeError("Fill should be either a sequence or a number.")
    return fill


def _check_box(scale, ratio):
    if not isinstance(scale, Sequence):
        raise TypeError("Scale should be a sequence")
    if not isinstance(ratio, Sequence):
        raise TypeError("Ratio should be a sequence")
    if scale[0] > scale[1] or ratio[0] > ratio[1]:
        warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=3)
    if ratio[0] <= 0:
        raise ValueError(f"Ratio should be positive, got {ratio}")


def _lines(owner, transforms, first=""):
    return f"{owner}({first}" + "".join(f"\n    {t}" for t in transforms) + "\n)"


class _Step(Module):
    """A transform that steps describe. Subclasses define `_steps`."""

    # May the steps follow ToTensor in one pass?
    _on_tensors = False

    def _steps(self):
        raise NotImplementedError

    def forward(self, img):
        """Apply the transform to one image.

        Parameters
        ----------
        img : PIL Image or Tensor

        Returns
        -------
        PIL Image or Tensor
        """
        return _images.run(self._steps(), img)


class _Drawn(_Step):
    """A transform with a public `get_params`, which a subclass may replace; `_with_params` then uses its result."""

    # Do steps say less than a Tensor needs?
    _tensors_by_params = False

    def forward(self, img):
        """Draw parameters and apply the transform to one image.

        Parameters
        ----------
        img : PIL Image or Tensor

        Returns
        -------
        PIL Image or Tensor
        """
        if _pipeline.replaced(self, "get_params") or self._tensors_by_params and isinstance(img, Tensor):
            return self._with_params(img)
        return _images.run(self._steps(), img)


def _draw(step, img=None):
    """The fixed steps that a step comes out as; img matters for its size."""
    c, h, w = _images.dimensions(img) if img is not None else (1, 1, 1)
    return _images.pipeline_of((step,)).draw(h, w, c)


class Compose:
    """Several transforms in a row.

    Parameters
    ----------
    transforms : list of callables
        Each takes an image and returns one.

    See Also
    --------
    torchvision.transforms.Compose : same behaviour.

    Notes
    -----
    Neighbouring transforms of this module run in one pass over a picture; results and draws are those of one after
    the other.

    Examples
    --------
    >>> from PIL import Image
    >>> from pycnn.vision import transforms
    >>> change = Compose([transforms.Resize(16), transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.25,) * 3)])
    >>> change(Image.new("RGB", (32, 32))).shape
    torch.Size([3, 16, 16])
    """

    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, img):
        return _pipeline.run_all(self.transforms, img)

    def __repr__(self):
        return _lines(type(self).__name__, self.transforms)


class ToTensor:
    """Convert an image to a Tensor; bytes become floats from 0 to 1.

    See Also
    --------
    pycnn.vision.transforms.functional.to_tensor : shapes and dtypes.
    """

    def __call__(self, pic):
        """Convert one PIL Image or array of shape (H, W, C)."""
        return F.to_tensor(pic)

    def __repr__(self):
        return f"{type(self).__name__}()"


class PILToTensor:
    """Convert a PIL Image to a Tensor of the same type, unscaled."""

    def __call__(self, pic):
        """Convert one PIL Image."""
        return F.pil_to_tensor(pic)

    def __repr__(self):
        return f"{type(self).__name__}()"


class ConvertImageDtype(Module):
    """Convert a Tensor image to a dtype, scaling values to its range.

    Parameters
    ----------
    dtype : dtype

    See Also
    --------
    pycnn.vision.transforms.functional.convert_image_dtype : what raises.
    """

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def forward(self, image):
        """Convert one Tensor."""
        return F.convert_image_dtype(image, self.dtype)


class ToPILImage:
    """Convert a Tensor of shape (C, H, W) or an array of shape (H, W, C) to a PIL Image.

    Parameters
    ----------
    mode : str, optional
        Pillow's name of the colour space; by default the first that fits.
    """

    def __init__(self, mode=None):
        self.mode = mode

    def __call__(self, pic):
        """Convert one Tensor or array."""
        return F.to_pil_image(pic, self.mode)

    def __repr__(self):
        return f"{type(self).__name__}({f'mode={self.mode}' if self.mode is not None else ''})"


class Normalize(Module):
    """Subtract a mean from every channel and divide by a deviation.

    Parameters
    ----------
    mean, std : sequence of float
        One value per channel.
    inplace : bool, default False
        Change the given Tensor.

    Raises
    ------
    ValueError
        When called: a deviation is 0.
    TypeError
        When called: the image is no float Tensor.
    """

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def forward(self, tensor):
        """Normalise one Tensor of shape (..., C, H, W)."""
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def __repr__(self):
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"


class Resize(_Step):
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

    def __init__(self, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
        super().__init__()
        if not isinstance(size, (int, Sequence)):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size = size
        self.max_size = max_size
        self.interpolation = F._mode_from_int(interpolation)
        self.antialias = antialias

    def _steps(self):
        return (F._resize_step(self.size, self.interpolation, self.max_size),)

    def forward(self, img):
        """Resize one image."""
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self):
        return (f"{type(self).__name__}(size={self.size}, interpolation={self.interpolation.value}, "
                f"max_size={self.max_size}, antialias={self.antialias})")


class CenterCrop(_Step):
    """Cut the middle out of an image. Sides that are too short are filled with 0.

    Parameters
    ----------
    size : int or sequence
        Height and width.
    """

    _on_tensors = True

    def __init__(self, size):
        super().__init__()
        self.size = F._pair(size)

    def _steps(self):
        return (("center_crop", *self.size),)

    def __repr__(self):
        return f"{type(self).__name__}(size={self.size})"


class Pad(_Step):
    """Add pixels around an image.

    Parameters
    ----------
    padding : int or sequence of 1, 2 or 4 ints
        All sides; left/right and top/bottom; or left, top, right, bottom.
    fill : number or tuple, default 0
        Value of constant padding, or one per channel.
    padding_mode : {"constant", "edge", "reflect", "symmetric"}
    """

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        F._pad_step(padding, fill, padding_mode)
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    @property
    def _on_tensors(self):
        return self.padding_mode == "constant" and isinstance(self.fill, numbers.Number)

    def _steps(self):
        return (F._pad_step(self.padding, self.fill, self.padding_mode),)

    def __repr__(self):
        return f"{type(self).__name__}(padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode})"


class Lambda:
    """A function as a transform.

    Parameters
    ----------
    lambd : callable

    Raises
    ------
    TypeError
        If `lambd` is not callable.
    """

    def __init__(self, lambd):
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img):
        return self.lambd(img)

    def __repr__(self):
        return f"{type(self).__name__}()"


class RandomTransforms:
    """What RandomOrder and RandomChoice share: a list of transforms.

    Parameters
    ----------
    transforms : sequence of callables

    Raises
    ------
    TypeError
        If `transforms` is no sequence.
    """

    def __init__(self, transforms):
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence")
        self.transforms = transforms

    def __call__(self, *args, **kwargs):
        raise NotImplementedError

    def __repr__(self):
        return _lines(type(self).__name__, self.transforms)


class RandomApply(Module):
    """Apply all of a list of transforms, or none.

    Parameters
    ----------
    transforms : sequence of callables
    p : float, default 0.5
        Probability of all.
    """

    def __init__(self, transforms, p=0.5):
        super().__init__()
        self.transforms = transforms
        self.p = _probability(p, type(self).__name__)

    def forward(self, img):
        """Apply the transforms to one image, or return it as it is."""
        if self.p < _C.fn.rand(1):
            return img
        return _pipeline.run_all(self.transforms, img)

    def __repr__(self):
        return _lines(type(self).__name__, self.transforms, f"\n    p={self.p}")


class RandomOrder(RandomTransforms):
    """Apply transforms in random order. Python's own `random` decides, as in torchvision.

    Parameters
    ----------
    transforms : sequence of callable
    """

    def __call__(self, img):
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for i in order:
            img = self.transforms[i](img)
        return img


class RandomChoice(RandomTransforms):
    """Apply one of several transforms. Python's own `random` decides, as in torchvision.

    Parameters
    ----------
    transforms : sequence of callables
    p : sequence of float, optional
        Weights.

    Raises
    ------
    TypeError
        If `transforms` is no sequence.
    """

    def __init__(self, transforms, p=None):
        super().__init__(transforms)
        if p is not None and not isinstance(p, Sequence):
            raise TypeError("Argument p should be a sequence")
        self.p = p

    def __call__(self, *args):
        return random.choices(self.transforms, weights=self.p)[0](*args)

    def __repr__(self):
        return f"{super().__repr__()}(p={self.p})"


class RandomCrop(_Drawn):
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

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = tuple(F._pair(size))
        F._pad_step(padding if padding is not None else 0, fill, padding_mode)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @property
    def _on_tensors(self):
        return self.padding_mode == "constant" and isinstance(self.fill, numbers.Number)

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
        return tuple(int(v) for v in _draw(("random_crop", *output_size), img)[0][1:])

    def _padding_steps(self):
        steps = []
        mode = F.PAD_MODES.index(self.padding_mode)
        if self.padding is not None:
            steps.append(F._pad_step(self.padding, self.fill, self.padding_mode))
        if self.pad_if_needed:
            steps.append(("pad_to", 0, self.size[1], mode, *F._fill_values(self.fill)))
            steps.append(("pad_to", self.size[0], 0, mode, *F._fill_values(self.fill)))
        return tuple(steps)

    def _steps(self):
        return (*self._padding_steps(), ("random_crop", *self.size))

    def _with_params(self, img):
        if self._padding_steps():
            img = _images.run(self._padding_steps(), img)
        return F.crop(img, *self.get_params(img, self.size))

    def __repr__(self):
        return f"{type(self).__name__}(size={self.size}, padding={self.padding})"


class _Chance(_Step):
    """One fixed step, applied with probability p."""

    _comparison = _BELOW_F64

    def __init__(self, p):
        super().__init__()
        self.p = _probability(p, type(self).__name__)

    def _step(self):
        raise NotImplementedError

    def _steps(self):
        return (("chance", self._comparison, self.p, 1), self._step())

    def __repr__(self):
        return f"{type(self).__name__}(p={self.p})"


class RandomHorizontalFlip(_Chance):
    """Mirror an image left to right with probability `p`.

    Parameters
    ----------
    p : float, default 0.5

    Notes
    -----
    A `p` outside 0 to 1 raises ValueError; torchvision accepts it.
    """

    _comparison = _BELOW_F32
    _on_tensors = True

    def __init__(self, p=0.5):
        super().__init__(p)

    def _step(self):
        return ("hflip",)


class RandomVerticalFlip(_Chance):
    """Turn an image upside down, as a mirror would, with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    """

    _comparison = _BELOW_F32
    _on_tensors = True

    def __init__(self, p=0.5):
        super().__init__(p)

    def _step(self):
        return ("vflip",)


class RandomResizedCrop(_Drawn):
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
        self.size = F._pair(size)
        _check_box(scale, ratio)
        self.interpolation = F._mode_from_int(interpolation)
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
        return tuple(int(v) for v in _draw(("random_resized_crop", 1, 1, *scale, *ratio, 0), img)[0][1:])

    def _steps(self):
        return (("random_resized_crop", *self.size, *self.scale, *self.ratio, F._filter(self.interpolation)),)

    def _with_params(self, img):
        return F.resized_crop(img, *self.get_params(img, self.scale, self.ratio), self.size, self.interpolation, self.antialias)

    def __repr__(self):
        scale, ratio = (tuple(round(v, 4) for v in pair) for pair in (self.scale, self.ratio))
        return (f"{type(self).__name__}(size={self.size}, scale={scale}, ratio={ratio}, "
                f"interpolation={self.interpolation.value}, antialias={self.antialias})")


class FiveCrop(Module):
    """Cut out the four corners and the middle: a tuple of 5 images.

    Parameters
    ----------
    size : int or sequence
        Height and width.
    """

    def __init__(self, size):
        super().__init__()
        self.size = F._pair(size)

    def forward(self, img):
        """Return 5 images."""
        return F.five_crop(img, self.size)

    def __repr__(self):
        return f"{type(self).__name__}(size={self.size})"


class TenCrop(Module):
    """Cut out the four corners and the middle, of the image and of its mirror image: a tuple of 10 images.

    Parameters
    ----------
    size : int or sequence
        Height and width.
    vertical_flip : bool, default False
        Mirror upside down instead of left to right.
    """

    def __init__(self, size, vertical_flip=False):
        super().__init__()
        self.size = F._pair(size)
        self.vertical_flip = vertical_flip

    def forward(self, img):
        """Return 10 images."""
        return F.ten_crop(img, self.size, self.vertical_flip)

    def __repr__(self):
        return f"{type(self).__name__}(size={self.size}, vertical_flip={self.vertical_flip})"


class ColorJitter(_Drawn):
    """Change brightness, contrast, saturation and hue at random, in random order.

    Parameters
    ----------
    brightness, contrast, saturation : float or tuple of 2 floats, default 0
        Bounds of the factor; a number x stands for (max(0, 1 - x), 1 + x).
    hue : float or tuple of 2 floats, default 0
        Bounds of the shift, from -0.5 to 0.5; a number x stands for (-x, x).
    """

    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0):
        super().__init__()
        self.brightness = self._check_input(brightness, "brightness")
        self.contrast = self._check_input(contrast, "contrast")
        self.saturation = self._check_input(saturation, "saturation")
        self.hue = self._check_input(hue, "hue", center=0, bound=(-0.5, 0.5), clip_first_on_zero=False)

    @staticmethod
    def _check_input(value, name, center=1, bound=(0, float("inf")), clip_first_on_zero=True):
        if isinstance(value, numbers.Number):
            if value < 0:
                raise ValueError(f"If {name} is a single number, it must be non negative.")
            value = [center - float(value), center + float(value)]
            if clip_first_on_zero:
                value[0] = max(value[0], 0.0)
        elif isinstance(value, (tuple, list)) and len(value) == 2:
            value = [float(value[0]), float(value[1])]
        else:
            raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
        if not bound[0] <= value[0] <= value[1] <= bound[1]:
            raise ValueError(f"{name} values should be between {bound}, but got {value}.")
        return None if value[0] == value[1] == center else tuple(value)

    @staticmethod
    def get_params(brightness, contrast, saturation, hue):
        """Draw an order and factors.

        Parameters
        ----------
        brightness, contrast, saturation, hue : tuple of 2 floats, or None
            Bounds; None leaves that change out.

        Returns
        -------
        tuple
            The order, a Tensor of 4 ints, and four floats or None.
        """
        order = _C.fn.randperm(4)
        return (order, *(None if r is None else float(_C.fn.empty(1).uniform_(r[0], r[1]))
                         for r in (brightness, contrast, saturation, hue)))

    def _steps(self):
        ranges = (self.brightness, self.contrast, self.saturation, self.hue)
        return (("color_jitter", *(v for r in ranges for v in ((0, 0, 0) if r is None else (1, *r)))),)

    def _with_params(self, img):
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for k in (int(i) for i in order):
            if factors[k] is not None:
                img = changes[k](img, factors[k])
        return img

    def __repr__(self):
        return (f"{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast}, "
                f"saturation={self.saturation}, hue={self.hue})")


class RandomRotation(_Drawn):
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
        self.interpolation = F._mode_from_int(interpolation)
        self.degrees = _angles(degrees, "degrees")
        if center is not None:
            _check_length(center, "center", (2,))
        self.center = center
        self.expand = expand
        self.fill = _checked_fill(fill)

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
        step = ("random_rotation", float(degrees[0]), float(degrees[1]), 0, 0, 0, 0, 0, 0)
        return _draw(step)[0][1]

    def _steps(self):
        return (("random_rotation", *self.degrees, *F._sampling(self.interpolation, self.expand, self.center, self.fill)),)

    def _with_params(self, img):
        return F.rotate(img, self.get_params(self.degrees), self.interpolation, self.expand, self.center, self.fill)

    def __repr__(self):
        center = f", center={self.center}" if self.center is not None else ""
        return (f"{type(self).__name__}(degrees={self.degrees}, interpolation={self.interpolation.value}, "
                f"expand={self.expand}{center}, fill={self.fill})")


class RandomAffine(_Drawn):
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
        self.interpolation = F._mode_from_int(interpolation)
        self.degrees = _angles(degrees, "degrees")
        if translate is not None:
            _check_length(translate, "translate", (2,))
            if not all(0.0 <= t <= 1.0 for t in translate):
                raise ValueError("translation values should be between 0 and 1")
        self.translate = translate
        if scale is not None:
            _check_length(scale, "scale", (2,))
            if not all(s > 0 for s in scale):
                raise ValueError("scale values should be positive")
        self.scale = scale
        self.shear = _angles(shear, "shear", (2, 4)) if shear is not None else None
        self.fill = _checked_fill(fill)
        if center is not None:
            _check_length(center, "center", (2,))
        self.center = center

    @staticmethod
    def _range_numbers(degrees, translate, scale, shear):
        shear = [*shear] if shear is not None else []
        return (*degrees, int(translate is not None), *(translate or (0, 0)), int(scale is not None), *(scale or (1, 1)),
                len(shear), *(shear + [0] * 4)[:4])

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
        step = ("random_affine", *RandomAffine._range_numbers(degrees, translate, scale_ranges, shears), 0, 0, 0, 0, 0, 0)
        angle, tx, ty, scale, sx, sy = _images.pipeline_of((step,)).draw(img_size[1], img_size[0], 1)[0][1:7]
        return angle, (int(tx), int(ty)), scale, (sx, sy)

    def _steps(self):
        numbers = self._range_numbers(self.degrees, self.translate, self.scale, self.shear)
        return (("random_affine", *numbers, *F._sampling(self.interpolation, False, self.center, self.fill)),)

    def _with_params(self, img):
        size = F.get_image_size(img)
        params = self.get_params(self.degrees, self.translate, self.scale, self.shear, size)
        return F.affine(img, *params, interpolation=self.interpolation, fill=self.fill, center=self.center)

    def __repr__(self):
        parts = [f"degrees={self.degrees}"]
        parts += [f"{name}={getattr(self, name)}" for name in ("translate", "scale", "shear")
                  if getattr(self, name) is not None]
        if self.interpolation != InterpolationMode.NEAREST:
            parts.append(f"interpolation={self.interpolation.value}")
        if self.fill != 0:
            parts.append(f"fill={self.fill}")
        if self.center is not None:
            parts.append(f"center={self.center}")
        return f"{type(self).__name__}({', '.join(parts)})"


class Grayscale(_Step):
    """Turn an image grey.

    Parameters
    ----------
    num_output_channels : {1, 3}, default 1
        3: an RGB image with equal channels.
    """

    def __init__(self, num_output_channels=1):
        super().__init__()
        F._grey_step(num_output_channels)
        self.num_output_channels = num_output_channels

    def _steps(self):
        return (("grey", self.num_output_channels),)

    def __repr__(self):
        return f"{type(self).__name__}(num_output_channels={self.num_output_channels})"


class RandomGrayscale(_Chance):
    """Turn an image grey with probability `p`; it keeps its number of channels.

    Parameters
    ----------
    p : float, default 0.1
    """

    _comparison = _BELOW_F32

    def __init__(self, p=0.1):
        super().__init__(p)

    def _step(self):
        return ("grey", 0)


class RandomErasing(Module):
    """Erase a rectangle of a Tensor image with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    scale : sequence of 2 floats, default (0.02, 0.33)
        Bounds of the rectangle's share of the image's area.
    ratio : sequence of 2 floats, default (0.3, 3.3)
        Bounds of its height over width.
    value : number, sequence or "random", default 0
        What to put there: one value, one per channel, or normal noise.
    inplace : bool, default False
        Change the given Tensor.

    Raises
    ------
    TypeError
        If an option has another type.
    ValueError
        If an option is out of range.
    """

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False):
        super().__init__()
        if not isinstance(value, (numbers.Number, str, tuple, list)):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        _check_box(scale, ratio)
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError("Scale should be between 0 and 1")
        if p < 0 or p > 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        self.p = p
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    @staticmethod
    def get_params(img, scale, ratio, value=None):
        """Draw a rectangle and its content.

        Parameters
        ----------
        img : Tensor of shape (..., C, H, W)
        scale, ratio : sequence of 2 floats
        value : list of float, optional
            None stands for normal noise.

        Returns
        -------
        tuple
            Top, left, height, width, Tensor. If no rectangle fits after ten tries: the whole image, with itself.
        """
        c, h, w = _images.dimensions(img)
        step = ("random_erasing", *scale, *ratio, *(value or ()))
        drawn = _images.pipeline_of((step,)).draw(h, w, c, True)
        return _images.erasure(drawn[0]) if drawn else (0, 0, h, w, img)

    def _values(self):
        if isinstance(self.value, str):
            return ()
        return (float(self.value),) if isinstance(self.value, numbers.Number) else tuple(float(v) for v in self.value)

    def _steps(self):
        return (("chance", _BELOW_F32, self.p, 1), ("random_erasing", *self.scale, *self.ratio, *self._values()))

    def forward(self, img):
        """Erase a rectangle of one Tensor of shape (..., C, H, W), or return it as it is."""
        if not isinstance(img, Tensor):
            raise TypeError(f"img should be Tensor Image. Got {type(img)}")
        if _pipeline.replaced(self, "get_params"):
            if not _C.fn.rand(1) < self.p:
                return img
            drawn = self.get_params(img, self.scale, self.ratio, list(self._values()) or None)
            return F.erase(img, *drawn, self.inplace)
        c, h, w = _images.dimensions(img)
        for step in _images.pipeline_of(self._steps()).draw(h, w, c, True):
            img = F.erase(img, *_images.erasure(step), self.inplace)
        return img

    def __repr__(self):
        return (f"{type(self).__name__}(p={self.p}, scale={self.scale}, ratio={self.ratio}, value={self.value}, "
                f"inplace={self.inplace})")


class RandomInvert(_Chance):
    """Invert all values with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    """

    def __init__(self, p=0.5):
        super().__init__(p)

    def _step(self):
        return ("invert",)


class RandomPosterize(_Chance):
    """Keep the highest bits of every value of a PIL image with probability `p`.

    Parameters
    ----------
    bits : int
        How many, 1 to 8.
    p : float, default 0.5
    """

    def __init__(self, bits, p=0.5):
        super().__init__(p)
        self.bits = bits

    def _step(self):
        return ("posterize", self.bits)

    def __repr__(self):
        return f"{type(self).__name__}(bits={self.bits},p={self.p})"


class RandomSolarize(_Chance):
    """Invert the values of a PIL image that reach a threshold, with probability `p`.

    Parameters
    ----------
    threshold : float
    p : float, default 0.5
    """

    def __init__(self, threshold, p=0.5):
        super().__init__(p)
        self.threshold = threshold

    def _step(self):
        return ("solarize", self.threshold)

    def __repr__(self):
        return f"{type(self).__name__}(threshold={self.threshold},p={self.p})"


class RandomAdjustSharpness(_Chance):
    """Sharpen or blur a PIL image with probability `p`.

    Parameters
    ----------
    sharpness_factor : float
        0 gives a smoothed image, 1 the image itself, 2 doubles the sharpness.
    p : float, default 0.5
    """

    def __init__(self, sharpness_factor, p=0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def _step(self):
        return ("sharpness", self.sharpness_factor)

    def __repr__(self):
        return f"{type(self).__name__}(sharpness_factor={self.sharpness_factor},p={self.p})"


class RandomAutocontrast(_Chance):
    """Stretch every channel of a PIL image over the whole range with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    """

    def __init__(self, p=0.5):
        super().__init__(p)

    def _step(self):
        return ("autocontrast",)


class RandomEqualize(_Chance):
    """Equalise the histogram of every channel of a PIL image with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    """

    def __init__(self, p=0.5):
        super().__init__(p)

    def _step(self):
        return ("equalize",)
