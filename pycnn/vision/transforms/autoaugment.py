"""torchvision's automatic augmentation policies, on PIL images."""

from enum import Enum

from pycnn.vision.transforms import _parameters
from pycnn.vision.transforms._base import Step
from pycnn.vision.transforms._parameters import InterpolationMode

# In the order of C's table (augment_draw.c).
_OPS = ("Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast",
        "Sharpness", "Posterize", "Solarize", "AutoContrast", "Equalize", "Invert")


class AutoAugmentPolicy(Enum):
    """The data set that an AutoAugment policy was learned on."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# Two operations each: name, probability, magnitude (an index of ten) or None.
_POLICIES = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize .4 8 Rotate .6 9|Solarize .6 5 AutoContrast .6 -|Equalize .8 - Equalize .6 -|
        Posterize .6 7 Posterize .6 6|Equalize .4 - Solarize .2 4|Equalize .4 - Rotate .8 8|
        Solarize .6 3 Equalize .6 -|Posterize .8 5 Equalize 1 -|Rotate .2 3 Solarize .6 8|
        Equalize .6 - Posterize .4 6|Rotate .8 8 Color .4 0|Rotate .4 9 Equalize .6 -|Equalize 0 - Equalize .8 -|
        Invert .6 - Equalize 1 -|Color .6 4 Contrast 1 8|Rotate .8 8 Color 1 2|Color .8 8 Solarize .8 7|
        Sharpness .4 7 Invert .6 -|ShearX .6 5 Equalize 1 -|Color .4 0 Equalize .6 -|Equalize .4 - Solarize .2 4|
        Solarize .6 5 AutoContrast .6 -|Invert .6 - Equalize 1 -|Color .6 4 Contrast 1 8|Equalize .8 - Equalize .6 -""",
    AutoAugmentPolicy.CIFAR10: """
        Invert .1 - Contrast .2 6|Rotate .7 2 TranslateX .3 9|Sharpness .8 1 Sharpness .9 3|
        ShearY .5 8 TranslateY .7 9|AutoContrast .5 - Equalize .9 -|ShearY .2 7 Posterize .3 7|
        Color .4 3 Brightness .6 7|Sharpness .3 9 Brightness .7 9|Equalize .6 - Equalize .5 -|
        Contrast .6 7 Sharpness .6 5|Color .7 7 TranslateX .5 8|Equalize .3 - AutoContrast .4 -|
        TranslateY .4 3 Sharpness .2 6|Brightness .9 6 Color .2 8|Solarize .5 2 Invert 0 -|
        Equalize .2 - AutoContrast .6 -|Equalize .2 - Equalize .6 -|Color .9 9 Equalize .6 -|
        AutoContrast .8 - Solarize .2 8|Brightness .1 3 Color .7 0|Solarize .4 5 AutoContrast .9 -|
        TranslateY .9 9 TranslateY .7 9|AutoContrast .9 - Solarize .8 3|Equalize .8 - Invert .1 -|
        TranslateY .7 9 AutoContrast .9 -""",
    AutoAugmentPolicy.SVHN: """
        ShearX .9 4 Invert .2 -|ShearY .9 8 Invert .7 -|Equalize .6 - Solarize .6 6|Invert .9 - Equalize .6 -|
        Equalize .6 - Rotate .9 3|ShearX .9 4 AutoContrast .8 -|ShearY .9 8 Invert .4 -|ShearY .9 5 Solarize .2 6|
        Invert .9 - AutoContrast .8 -|Equalize .6 - Rotate .9 3|ShearX .9 4 Solarize .3 3|ShearY .8 8 Invert .7 -|
        Equalize .9 - TranslateY .6 6|Invert .9 - Equalize .6 -|Contrast .3 3 Rotate .8 4|
        Invert .8 - TranslateY 0 2|ShearY .7 6 Solarize .4 8|Invert .6 - Rotate .8 4|ShearY .3 7 TranslateX .9 3|
        ShearX .1 6 Invert .6 -|Solarize .7 2 TranslateY .6 7|ShearY .8 4 Invert .8 -|ShearX .7 9 TranslateY .8 3|
        ShearY .8 5 AutoContrast .7 -|ShearX .7 2 Invert .1 -""",
}


def _parse(text):
    rows = (row.split() for row in text.replace("\n", " ").split("|"))
    return [tuple((r[k], float(r[k + 1]), None if r[k + 2] == "-" else int(r[k + 2])) for k in (0, 3)) for r in rows]


class AutoAugment(Step):
    """One of 25 learned pairs of operations per image.

    Parameters
    ----------
    policy : AutoAugmentPolicy, default IMAGENET
    interpolation : InterpolationMode, default NEAREST
    fill : number or sequence, optional
        Value outside the image, or one per channel; 0 by default.

    Raises
    ------
    ValueError
        If there is no such policy.
    """

    _shown = ("policy", "fill")

    def __init__(self, policy=AutoAugmentPolicy.IMAGENET, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__()
        if policy not in _POLICIES:
            raise ValueError(f"The provided policy {policy} is not recognized.")
        self.policy = policy
        self.interpolation = interpolation
        self.fill = fill
        self.policies = _parse(_POLICIES[policy])

    _policies = property(lambda self: self.policies)

    def _steps(self):
        fill = _parameters.fill_values(self._fill)
        numbers = [v for pair in self._policies for name, p, magnitude in pair
                   for v in (_OPS.index(name), p, -1 if magnitude is None else magnitude)]
        filter = _parameters.filter_of(self._mode)
        return (("auto_augment", self._edition, filter, len(fill), *(fill + (0,) * 4)[:4], *numbers),)


class RandAugment(Step):
    """Several random operations of one strength.

    Parameters
    ----------
    num_ops : int, default 2
    magnitude : int, default 9
        Which of the bins.
    num_magnitude_bins : int, default 31
    interpolation : InterpolationMode, default NEAREST
    fill : number or sequence, optional
        Value outside the image, or one per channel; 0 by default.
    """

    _shown = ("num_ops", "magnitude", "num_magnitude_bins", "interpolation", "fill")

    def __init__(self, num_ops=2, magnitude=9, num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST,
                 fill=None):
        super().__init__()
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def _steps(self):
        return (("rand_augment", self.num_ops, self.magnitude, self.num_magnitude_bins, self._edition,
                 *_parameters.sampling(self._mode, False, None, self._fill)),)


class TrivialAugmentWide(Step):
    """One random operation of random strength.

    Parameters
    ----------
    num_magnitude_bins : int, default 31
    interpolation : InterpolationMode, default NEAREST
    fill : number or sequence, optional
        Value outside the image, or one per channel; 0 by default.
    """

    _shown = ("num_magnitude_bins", "interpolation", "fill")

    def __init__(self, num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__()
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def _steps(self):
        sampling = _parameters.sampling(self._mode, False, None, self._fill)
        return (("trivial_augment", self.num_magnitude_bins, self._edition, *sampling),)
