"""What transforms share: checks of their arguments, and the classes of those that steps describe."""

import numbers
import warnings
from collections.abc import Sequence

from pycnn._tensor import Tensor
from pycnn.nn import Module
from pycnn.vision.transforms import _images, _pipeline

# How a chance compares the uniform number R with p: see augment_steps.h.
_BELOW_F32, _BELOW_F64, _ABOVE_F32 = 0, 1, 2


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
