"""What transforms share: their text, and the classes of those that steps describe."""

from operator import attrgetter

from pycnn._tensor import Tensor
from pycnn.nn import Module
from pycnn.vision.transforms import _images, _pipeline
from pycnn.vision.transforms._parameters import probability

# How a chance compares the uniform number R with p: see augment_steps.h.
BELOW_F32, BELOW_F64, ABOVE_F32 = 0, 1, 2

# How bytes become floats: see image.h.
DIVIDED, MULTIPLIED, UNSCALED = 0, 1, 2


def text_of_list(owner, transforms, first=""):
    return f"{owner}({first}" + "".join(f"\n    {t}" for t in transforms) + "\n)"


class Transform(Module):
    """A transform whose text lists attributes, as torchvision's does."""

    _shown = ()  # "size", or "interpolation.value" for interpolation=bilinear
    _separator = ", "

    def __repr__(self):
        shown = (f"{name.partition('.')[0]}={attrgetter(name)(self)}" for name in self._shown)
        return f"{type(self).__name__}({self._separator.join(shown)})"


def takes_pictures(self, domain):
    """`_takes` of steps that torchvision computes differently on Tensors, or not at all."""
    return domain == _pipeline.PICTURE


def takes_bytes(self, domain):
    """`_takes` of steps that map bytes of a Tensor as those of a picture."""
    return domain != _pipeline.FLOATS


def takes_all(self, domain):
    """`_takes` of steps that move values and change none."""
    return True


def takes_floats(self, domain):
    """`_takes` of steps that come after ToTensor."""
    return domain == _pipeline.FLOATS


class Step(Transform):
    """A transform that steps describe. Subclasses define `_steps`, which the second version's class borrows."""

    # Of torchvision's transforms, as steps say it.
    _edition = 1

    # What `_steps` read by these names, since the second version keeps it otherwise.
    _fill = property(lambda self: self.fill)
    _mode = property(lambda self: self.interpolation)

    # _takes(self, domain): do the steps say what happens to images of a domain (PICTURE, BYTES or FLOATS)?
    _takes = takes_pictures

    def _steps(self):
        raise NotImplementedError

    def _steps_in(self, domain):
        fits = domain in (_pipeline.PICTURE, _pipeline.BYTES, _pipeline.FLOATS) and self._takes(domain)
        steps = self._steps() if fits else None
        return None if steps is None else (steps, domain)

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
    """One fixed step, applied with probability p: a name, numbers, and names of attributes that are numbers."""

    _step = ()
    _comparison = BELOW_F64
    _separator = ","

    def __init__(self, p=0.5):
        super().__init__()
        self.p = probability(p, type(self).__name__)

    @property
    def _shown(self):
        return (*(v for v in self._step[1:] if isinstance(v, str)), "p")

    def _steps(self):
        name, *values = self._step
        values = (getattr(self, v) if isinstance(v, str) else v for v in values)
        return (("chance", self._comparison, self.p, 1), (name, *values))
