"""What transforms share: their text, and the classes of those that steps describe."""

from operator import attrgetter

from pycnn._tensor import Tensor
from pycnn.nn import Module
from pycnn.vision.transforms import _images, _pipeline
from pycnn.vision.transforms._parameters import probability

# How a chance compares the uniform number R with p: see augment_steps.h.
BELOW_F32, BELOW_F64, ABOVE_F32 = 0, 1, 2


def text_of_list(owner, transforms, first=""):
    return f"{owner}({first}" + "".join(f"\n    {t}" for t in transforms) + "\n)"


class Transform(Module):
    """A transform whose text lists attributes, as torchvision's does."""

    _shown = ()  # "size", or "interpolation.value" for interpolation=bilinear
    _separator = ", "

    def __repr__(self):
        shown = (f"{name.partition('.')[0]}={attrgetter(name)(self)}" for name in self._shown)
        return f"{type(self).__name__}({self._separator.join(shown)})"


class Step(Transform):
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


class Drawn(Step):
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
        return super().forward(img)


def draw(step, c=1, h=1, w=1):
    """The numbers of the first fixed step that a step comes out as, on an image of this size."""
    return _images.pipeline_of((step,)).draw(h, w, c)[0][1:]


class Chance(Step):
    """One fixed step, applied with probability p: a name, numbers, and numbers that are attributes."""

    _step, _attributes = (), ()
    _comparison = BELOW_F64
    _separator = ","

    def __init__(self, p=0.5):
        super().__init__()
        self.p = probability(p, type(self).__name__)

    @property
    def _shown(self):
        return (*self._attributes, "p")

    def _steps(self):
        numbers = (getattr(self, name) for name in self._attributes)
        return (("chance", self._comparison, self.p, 1), (*self._step, *numbers))
