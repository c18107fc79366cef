"""Transforms of colour."""

from collections.abc import Sequence

from pycnn import _C
from pycnn.vision.transforms import _colour as T
from pycnn.vision.transforms import _pipeline
from pycnn.vision.transforms.v2 import functional as F
from pycnn.vision.transforms.v2._transform import ChanceTransform, OtherOnBytes, Transform, sizes, uniform


class Grayscale(OtherOnBytes):
    """Turn images into grey.

    Parameters
    ----------
    num_output_channels : {1, 3}
    """

    _first = T.Grayscale

    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def _steps(self):
        return T.Grayscale._steps(self) if self.num_output_channels in (1, 3) else None

    def _on_bytes(self, name, channels):
        return "tensor_grey", channels

    def transform(self, inpt, params):
        """Change one image."""
        return F.rgb_to_grayscale(inpt, self.num_output_channels)


class RandomGrayscale(OtherOnBytes, ChanceTransform):
    """Turn images into grey with probability `p`; channels stay.

    Parameters
    ----------
    p : float, default 0.1
    """

    _first = T.RandomGrayscale
    _on_bytes = Grayscale._on_bytes

    def __init__(self, p=0.1):
        super().__init__(p)

    def make_params(self, flat_inputs):
        """Return how many channels there are."""
        return {"num_output_channels": sizes(flat_inputs)[0]}

    def transform(self, inpt, params):
        """Change one image."""
        return F.rgb_to_grayscale(inpt, **params)


class RGB(Transform):
    """Give grey images three channels."""

    def _steps_in(self, domain):
        return ((("rgb",),), domain) if domain not in _pipeline.TO_FLOATS.values() else None

    def transform(self, inpt, params):
        """Change one image."""
        return F.grayscale_to_rgb(inpt)


_JITTERS = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)


class ColorJitter(OtherOnBytes):
    """Change brightness, contrast, saturation and hue by random factors, in random order.

    Parameters
    ----------
    brightness, contrast, saturation : float or sequence of 2 floats, optional
        Factors are drawn from 1 - value to 1 + value, or between the two.
    hue : float or sequence of 2 floats, optional
        Shift, from -value to value, or between the two; within -0.5 to 0.5.

    Raises
    ------
    ValueError
        If bounds are out of order or range.
    TypeError
        If a value is something else.
    """

    _first = T.ColorJitter

    def __init__(self, brightness=None, contrast=None, saturation=None, hue=None):
        super().__init__()
        self.brightness = self._checked(brightness, "brightness")
        self.contrast = self._checked(contrast, "contrast")
        self.saturation = self._checked(saturation, "saturation")
        self.hue = self._checked(hue, "hue", 0, (-0.5, 0.5))

    @staticmethod
    def _checked(value, name, center=1.0, bound=(0, float("inf"))):
        if value is None:
            return None
        if isinstance(value, (int, float)):
            if value < 0:
                raise ValueError(f"If {name} is a single number, it must be non negative.")
            value = [center - value, center + value]
            if center:
                value[0] = max(value[0], 0.0)
        elif isinstance(value, Sequence) and len(value) == 2:
            value = [float(v) for v in value]
        else:
            raise TypeError(f"{name}={value} should be a single number or a sequence with length 2.")
        if not bound[0] <= value[0] <= value[1] <= bound[1]:
            raise ValueError(f"{name} values should be between {bound} and increasing, but got {value}.")
        return None if value[0] == value[1] == center else (float(value[0]), float(value[1]))

    def _on_bytes(self, *step):
        return *step[:-1], 1  # of a Tensor

    def make_params(self, flat_inputs):
        """Draw the order and the factors."""
        order = _C.fn.randperm(4).tolist()
        factors = [None if b is None else uniform(*b) for b in (self.brightness, self.contrast, self.saturation,
                                                                self.hue)]
        return {"order": order, "factors": factors}

    def transform(self, inpt, params):
        """Change one image."""
        for k in params["order"]:
            if params["factors"][k] is not None:
                inpt = _JITTERS[k](inpt, params["factors"][k])
        return inpt


class RandomChannelPermutation(Transform):
    """Put channels into random order."""

    def make_params(self, flat_inputs):
        """Draw the order."""
        return {"permutation": _C.fn.randperm(sizes(flat_inputs)[0]).tolist()}

    def transform(self, inpt, params):
        """Change one image."""
        return F.permute_channels(inpt, **params)


class RandomPhotometricDistort(Transform):
    """Change brightness, contrast, saturation, hue and channels, each with probability `p`.

    Liu et al., arXiv:1512.02325.

    Parameters
    ----------
    brightness, contrast, saturation, hue : tuple of 2 floats
        Bounds.
    p : float, default 0.5
    """

    def __init__(self, brightness=(0.875, 1.125), contrast=(0.5, 1.5), saturation=(0.5, 1.5), hue=(-0.05, 0.05), p=0.5):
        super().__init__()
        self.brightness, self.contrast, self.hue, self.saturation, self.p = brightness, contrast, hue, saturation, p

    def make_params(self, flat_inputs):
        """Draw what is done, and by how much."""
        bounds = (self.brightness, self.contrast, self.saturation, self.hue)
        factors = [uniform(*b) if _C.fn.rand(1) < self.p else None for b in bounds]
        early = bool(_C.fn.rand(()) < 0.5)
        channels = sizes(flat_inputs)[0]
        permutation = _C.fn.randperm(channels).tolist() if _C.fn.rand(1) < self.p else None
        return {"order": (0, 1, 2, 3) if early else (0, 2, 3, 1), "factors": factors, "permutation": permutation}

    def transform(self, inpt, params):
        """Change one image."""
        inpt = ColorJitter.transform(self, inpt, params)
        return inpt if params["permutation"] is None else F.permute_channels(inpt, params["permutation"])


class RandomEqualize(ChanceTransform):
    """Spread each channel's values evenly, with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    """

    _first = T.RandomEqualize

    def transform(self, inpt, params):
        """Change one image."""
        return F.equalize(inpt)


class RandomInvert(ChanceTransform):
    """Turn values into their complements, with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    """

    _first = T.RandomInvert

    def transform(self, inpt, params):
        """Change one image."""
        return F.invert(inpt)


class RandomAutocontrast(ChanceTransform):
    """Stretch each channel to the full range, with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    """

    _first = T.RandomAutocontrast

    def transform(self, inpt, params):
        """Change one image."""
        return F.autocontrast(inpt)


class RandomPosterize(ChanceTransform):
    """Keep the first bits of each value, with probability `p`.

    Parameters
    ----------
    bits : int
    p : float, default 0.5
    """

    _first = T.RandomPosterize

    def __init__(self, bits, p=0.5):
        super().__init__(p)
        self.bits = bits

    def transform(self, inpt, params):
        """Change one image."""
        return F.posterize(inpt, self.bits)


class RandomSolarize(ChanceTransform):
    """Turn values from a threshold on into their complements, with probability `p`.

    Parameters
    ----------
    threshold : float
    p : float, default 0.5
    """

    _first = T.RandomSolarize

    def __init__(self, threshold, p=0.5):
        super().__init__(p)
        self.threshold = threshold

    def transform(self, inpt, params):
        """Change one image."""
        return F.solarize(inpt, self.threshold)


class RandomAdjustSharpness(ChanceTransform):
    """Make images sharper or smoother, with probability `p`.

    Parameters
    ----------
    sharpness_factor : float
        0 smooths, 1 gives the image itself.
    p : float, default 0.5
    """

    _first = T.RandomAdjustSharpness

    def __init__(self, sharpness_factor, p=0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def transform(self, inpt, params):
        """Change one image."""
        return F.adjust_sharpness(inpt, self.sharpness_factor)
