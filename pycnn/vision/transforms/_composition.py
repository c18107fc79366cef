"""Transforms made of others: in a row, by chance, in any order."""

import random
from collections.abc import Sequence

from pycnn import _C
from pycnn.nn import Module
from pycnn.vision.transforms import _pipeline
from pycnn.vision.transforms._base import ABOVE_F32, text_of_list
from pycnn.vision.transforms._parameters import probability


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

    def _steps_in(self, domain):
        return _pipeline.steps_of_list(self.transforms, domain)

    def __repr__(self):
        return text_of_list(type(self).__name__, self.transforms)


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
        return text_of_list(type(self).__name__, self.transforms)


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
        self.p = probability(p, type(self).__name__)

    def forward(self, img):
        """Apply the transforms to one image, or return it as it is."""
        if self.p < _C.fn.rand(1):
            return img
        return _pipeline.run_all(self.transforms, img)

    _comparison = ABOVE_F32

    def _steps_in(self, domain):
        inner = _pipeline.steps_of_list(self.transforms, domain)
        if inner is None or inner[1] != domain:
            return None
        return (("chance", self._comparison, self.p, len(inner[0])), *inner[0]), domain

    def __repr__(self):
        return text_of_list(type(self).__name__, self.transforms, f"\n    p={self.p}")


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
