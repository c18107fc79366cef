"""Transforms of colour, and erasing."""

import numbers

from pycnn import _C
from pycnn._tensor import Tensor
from pycnn.vision.transforms import _images, _pipeline
from pycnn.vision.transforms import functional as F
from pycnn.vision.transforms._base import BELOW_F32, Chance, Drawn, Step, takes_bytes, takes_floats
from pycnn.vision.transforms._parameters import check_box, grey_step


class ColorJitter(Drawn):
    """Change brightness, contrast, saturation and hue at random, in random order.

    Parameters
    ----------
    brightness, contrast, saturation : float or tuple of 2 floats, default 0
        Bounds of the factor; a number x stands for (max(0, 1 - x), 1 + x).
    hue : float or tuple of 2 floats, default 0
        Bounds of the shift, from -0.5 to 0.5; a number x stands for (-x, x).
    """

    _shown = ("brightness", "contrast", "saturation", "hue")

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
        return (("color_jitter", *(v for r in ranges for v in ((0, 0, 0) if r is None else (1, *r))), 0),)

    def _with_params(self, img):
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for k in (int(i) for i in order):
            if factors[k] is not None:
                img = changes[k](img, factors[k])
        return img


class Grayscale(Step):
    """Turn an image grey.

    Parameters
    ----------
    num_output_channels : {1, 3}, default 1
        3: an RGB image with equal channels.
    """

    _shown = ("num_output_channels",)

    def __init__(self, num_output_channels=1):
        super().__init__()
        grey_step(num_output_channels)  # raises for other numbers
        self.num_output_channels = num_output_channels

    def _steps(self):
        return (grey_step(self.num_output_channels),)


class RandomGrayscale(Chance):
    """Turn an image grey with probability `p`; it keeps its number of channels.

    Parameters
    ----------
    p : float, default 0.1
    """

    _step = ("grey", 0)
    _comparison = BELOW_F32

    def __init__(self, p=0.1):
        super().__init__(p)


class RandomErasing(Step):
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

    _shown = ("p", "scale", "ratio", "value", "inplace")
    _takes = takes_floats

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False):
        super().__init__()
        if not isinstance(value, (numbers.Number, str, tuple, list)):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        check_box(scale, ratio)
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
        return (("chance", BELOW_F32, self.p, 1), ("random_erasing", *self.scale, *self.ratio, *self._values()))

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


class RandomInvert(Chance):
    """Invert all values with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    """

    _step = ("invert",)
    _takes = takes_bytes


class RandomPosterize(Chance):
    """Keep the highest bits of every value of a PIL image with probability `p`.

    Parameters
    ----------
    bits : int
        How many, 1 to 8.
    p : float, default 0.5
    """

    _step = ("posterize", "bits")
    _takes = takes_bytes

    def __init__(self, bits, p=0.5):
        super().__init__(p)
        self.bits = bits


class RandomSolarize(Chance):
    """Invert the values of a PIL image that reach a threshold, with probability `p`.

    Parameters
    ----------
    threshold : float
    p : float, default 0.5
    """

    _step = ("solarize", "threshold")

    def _takes(self, domain):
        return domain == _pipeline.PICTURE or domain == _pipeline.BYTES and self.threshold <= 255

    def __init__(self, threshold, p=0.5):
        super().__init__(p)
        self.threshold = threshold


class RandomAdjustSharpness(Chance):
    """Sharpen or blur a PIL image with probability `p`.

    Parameters
    ----------
    sharpness_factor : float
        0 gives a smoothed image, 1 the image itself, 2 doubles the sharpness.
    p : float, default 0.5
    """

    _step = ("sharpness", "sharpness_factor")

    def __init__(self, sharpness_factor, p=0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor


class RandomAutocontrast(Chance):
    """Stretch every channel of a PIL image over the whole range with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    """

    _step = ("autocontrast",)


class RandomEqualize(Chance):
    """Equalise the histogram of every channel of a PIL image with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    """

    _step = ("equalize",)
    _takes = takes_bytes
