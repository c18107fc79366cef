"""Automatic augmentation policies: those of the first version, with other draws."""

import math

from pycnn import _C
from pycnn._from_data import tensor
from pycnn._tensor import Tensor
from pycnn.vision import tv_tensors
from pycnn.vision.transforms import _images, _pipeline
from pycnn.vision.transforms import autoaugment as T
from pycnn.vision.transforms.autoaugment import _POLICIES, AutoAugmentPolicy, _parse
from pycnn.vision.transforms.v2 import functional as F
from pycnn.vision.transforms.v2._geometry import checked_fill
from pycnn.vision.transforms.v2._transform import Transform, below, flatten

_linspace = _C.fn.linspace


def _posterize(highest, lost):
    """Bits that are kept: from `highest`, `lost` fewer at the end."""
    return lambda n, h, w: (highest - (_C.fn.arange(n) / ((n - 1) / lost))).round()


def _space(strength, angle, shift, bits, colour, shear):
    """{operation: (magnitudes of n steps for an image of h x w, with a sign?)}"""
    return {
        "ShearX": (lambda n, h, w: _linspace(0.0, shear, n), True),
        "ShearY": (lambda n, h, w: _linspace(0.0, shear, n), True),
        "TranslateX": (lambda n, h, w: _linspace(0.0, shift(w), n), True),
        "TranslateY": (lambda n, h, w: _linspace(0.0, shift(h), n), True),
        "Rotate": (lambda n, h, w: _linspace(0.0, angle, n), True),
        **{name: (lambda n, h, w: _linspace(0.0, strength, n), True) for name in colour},
        "Posterize": (bits, False),
        "Solarize": (lambda n, h, w: _linspace(1.0, 0.0, n), False),
        "AutoContrast": (None, False),
        "Equalize": (None, False)}


_COLOURS = ("Brightness", "Color", "Contrast", "Sharpness")
_LEARNED = _space(0.9, 30.0, lambda side: 150.0 / 331.0 * side, _posterize(8, 4), _COLOURS, 0.3)
_PARTIAL = _space(0.9, 30.0, lambda side: side / 3.0, _posterize(4, 4), (), 0.3)
_FULL = {**_PARTIAL, **{name: (lambda n, h, w: _linspace(0.0, 0.9, n), True) for name in _COLOURS}}


class _Policy(Transform):
    """What they share: the one image of a sample, and the operations."""

    _functional = F

    def __init__(self, interpolation, fill):
        super().__init__()
        self.interpolation, self.fill, self._fill = interpolation, fill, checked_fill(fill)

    def forward(self, *inputs):
        """Transform the image of a sample.

        Parameters
        ----------
        *inputs : object
            A sample or its parts.

        Returns
        -------
        object

        Raises
        ------
        TypeError
            If there is no image, or more than one.
        """
        sample = inputs if len(inputs) > 1 else inputs[0]
        result = _pipeline.run(self, sample)
        if result is not None:
            return result
        leaves, unflatten = flatten(sample)
        found = [k for k, choose in enumerate(self._chosen(leaves)) if choose]
        if not found:
            raise TypeError("Found no image in the sample.")
        if len(found) > 1:
            raise TypeError("Auto augment transformations are only properly defined for a single image or video, but "
                            f"found {len(found)}.")
        leaves[found[0]] = self.transform(leaves[found[0]], {})
        return unflatten(leaves)

    @staticmethod
    def _draw_operation(space):
        return list(space)[below(len(space))]

    @staticmethod
    def _draw_sign():
        """Draw whether a magnitude is negative."""
        return _C.fn.rand(()) <= 0.5

    def _draw_magnitude(self, entry, bins, step, height, width):
        """The magnitude at a step, a number or a function that draws it, with a random sign where it has one."""
        magnitudes, signed = entry
        if magnitudes is None:
            return 0.0
        magnitude = float(magnitudes(bins, height, width)[step() if callable(step) else step])
        return -magnitude if signed and self._draw_sign() else magnitude

    def _apply(self, image, name, magnitude):
        f = self._functional
        options = {"interpolation": self.interpolation, "fill": self._fill}
        if name in ("ShearX", "ShearY"):
            shear = math.degrees(math.atan(magnitude))
            return f.affine(image, angle=0.0, translate=[0, 0], scale=1.0, center=[0, 0],
                            shear=[shear, 0.0] if name == "ShearX" else [0.0, shear], **options)
        if name in ("TranslateX", "TranslateY"):
            shift = int(magnitude)
            return f.affine(image, angle=0.0, translate=[shift, 0] if name == "TranslateX" else [0, shift], scale=1.0,
                            shear=[0.0, 0.0], **options)
        if name == "Rotate":
            return f.rotate(image, magnitude, **options)
        if name == "Posterize":
            return f.posterize(image, int(magnitude))
        if name == "Solarize":
            bound = 1.0 if isinstance(image, Tensor) and image.is_floating_point() else 255.0
            return f.solarize(image, bound * magnitude)
        if name in _COLOURS:
            adjust = (f.adjust_brightness, f.adjust_saturation, f.adjust_contrast, f.adjust_sharpness)
            return adjust[_COLOURS.index(name)](image, 1.0 + magnitude)
        whole = {"Identity": lambda image: image, "AutoContrast": f.autocontrast, "Equalize": f.equalize,
                 "Invert": f.invert}
        return whole[name](image)


class AutoAugment(_Policy):
    """One of 25 learned pairs of operations per image. Cubuk et al., arXiv:1805.09501.

    Parameters
    ----------
    policy : AutoAugmentPolicy, default IMAGENET
    interpolation : InterpolationMode, str or int, default "nearest"
    fill : number, sequence or dict, optional

    Raises
    ------
    ValueError
        If there is no such policy.
    """

    _first = T.AutoAugment

    def __init__(self, policy=AutoAugmentPolicy.IMAGENET, interpolation="nearest", fill=None):
        super().__init__(interpolation, fill)
        if policy not in _POLICIES:
            raise ValueError(f"The provided policy {policy} is not recognized.")
        self.policy, self._policies = policy, _parse(_POLICIES[policy])

    def transform(self, inpt, params):
        """Change one image."""
        height, width = F.get_size(inpt)
        for name, probability, step in self._policies[below(len(self._policies))]:
            if _C.fn.rand(()) <= probability:
                entry = _LEARNED.get(name, (None, False))
                inpt = self._apply(inpt, name, self._draw_magnitude(entry, 10, step, height, width))
        return inpt


class RandAugment(_Policy):
    """Some random operations per image, all of one strength. Cubuk et al., arXiv:1909.13719.

    Parameters
    ----------
    num_ops : int, default 2
    magnitude : int, default 9
        Strength, in steps.
    num_magnitude_bins : int, default 31
        How many steps there are.
    interpolation : InterpolationMode, str or int, default "nearest"
    fill : number, sequence or dict, optional

    Raises
    ------
    ValueError
        If `num_ops` is negative.
    """

    _first = T.RandAugment

    _SPACE = {"Identity": (None, False), **_LEARNED}

    def __init__(self, num_ops=2, magnitude=9, num_magnitude_bins=31, interpolation="nearest", fill=None):
        super().__init__(interpolation, fill)
        if not isinstance(num_ops, int) or num_ops < 0:
            raise ValueError(f"num_ops should be a non-negative integer, but got {num_ops} instead.")
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins

    def transform(self, inpt, params):
        """Change one image."""
        height, width = F.get_size(inpt)
        for _ in range(self.num_ops):
            name = self._draw_operation(self._SPACE)
            inpt = self._apply(inpt, name, self._draw_magnitude(self._SPACE[name], self.num_magnitude_bins,
                                                                self.magnitude, height, width))
        return inpt


class TrivialAugmentWide(_Policy):
    """One random operation of random strength per image. Müller and Hutter, arXiv:2103.10158.

    Parameters
    ----------
    num_magnitude_bins : int, default 31
    interpolation : InterpolationMode, str or int, default "nearest"
    fill : number, sequence or dict, optional
    """

    _first = T.TrivialAugmentWide

    _SPACE = {"Identity": (None, False), **_space(0.99, 135.0, lambda side: 32.0, _posterize(8, 6), _COLOURS, 0.99)}

    def __init__(self, num_magnitude_bins=31, interpolation="nearest", fill=None):
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def transform(self, inpt, params):
        """Change one image."""
        height, width = F.get_size(inpt)
        name = self._draw_operation(self._SPACE)
        step = lambda: below(self.num_magnitude_bins)
        return self._apply(inpt, name, self._draw_magnitude(self._SPACE[name], self.num_magnitude_bins, step, height,
                                                            width))


class AugMix(_Policy):
    """Several chains of operations, mixed with the image. Hendrycks et al., arXiv:1912.02781.

    Parameters
    ----------
    severity : int, default 3
        Greatest strength, of ten.
    mixture_width : int, default 3
        Chains.
    chain_depth : int, default -1
        Operations of each; -1: one to three.
    alpha : float, default 1.0
        Of the distributions of the shares.
    all_ops : bool, default True
        Brightness, colour, contrast and sharpness too.
    interpolation : InterpolationMode, str or int, default "bilinear"
    fill : number, sequence or dict, optional

    Raises
    ------
    ValueError
        If `severity` is not from 1 to 10.
    """

    def __init__(self, severity=3, mixture_width=3, chain_depth=-1, alpha=1.0, all_ops=True,
                 interpolation="bilinear", fill=None):
        super().__init__(interpolation, fill)
        if not 1 <= severity <= 10:
            raise ValueError(f"The severity must be between [1, 10]. Got {severity} instead.")
        self.severity, self.mixture_width, self.chain_depth = severity, mixture_width, chain_depth
        self.alpha, self.all_ops = alpha, all_ops

    def _shares(self, n, batch):
        return _C.fn._sample_dirichlet(tensor([self.alpha] * n).expand(batch, -1))

    def transform(self, inpt, params):
        """Change one image."""
        height, width = F.get_size(inpt)
        image = F.pil_to_tensor(inpt) if _images.is_pil(inpt) else inpt
        space = _FULL if self.all_ops else _PARTIAL
        batch = image.reshape([1] * (4 - image.ndim) + list(image.shape))
        n, ones = batch.shape[0], [batch.shape[0]] + [1] * (batch.ndim - 1)
        of_image = self._shares(2, n)
        shares = self._shares(self.mixture_width, n) * of_image[:, 1].reshape(n, -1)
        mixed = of_image[:, 0].reshape(ones) * batch
        for k in range(self.mixture_width):
            chain = batch
            for _ in range(self.chain_depth if self.chain_depth > 0 else below(4, 1)):
                name = self._draw_operation(space)
                chain = self._apply(chain, name, self._draw_magnitude(space[name], 10, lambda: below(self.severity),
                                                                      height,
                                                                      width))
            mixed.add_(shares[:, k].reshape(ones) * chain)
        mixed = mixed.reshape(image.shape).to(image.dtype)
        if isinstance(inpt, tv_tensors.TVTensor):
            return tv_tensors.wrap(mixed, like=inpt)
        return F.to_pil_image(mixed) if _images.is_pil(inpt) else mixed
