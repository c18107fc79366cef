"""Transforms made of others."""

from collections.abc import Sequence

from pycnn import _C
from pycnn._from_data import tensor
from pycnn.nn import ModuleList
from pycnn.vision.transforms import _composition as T
from pycnn.vision.transforms import _pipeline
from pycnn.vision.transforms._base import BELOW_F32
from pycnn.vision.transforms.v2._transform import Transform


class _Several(Transform):
    """What they share: a list of transforms, called with the parts of a sample one after the other."""

    def __init__(self, transforms, kinds=(Sequence,), what="a sequence of callables"):
        super().__init__()
        if not isinstance(transforms, kinds):
            raise TypeError(f"Argument transforms should be {what}")
        if not transforms:
            raise ValueError("Pass at least one transform")
        self.transforms = transforms

    @staticmethod
    def _in_a_row(transforms, inputs):
        if len(inputs) == 1:
            return _pipeline.run_all(transforms, *inputs)
        for transform in transforms:
            inputs = transform(*inputs)
        return inputs

    def extra_repr(self):
        """Return the transforms, a line each."""
        return "\n".join(f"    {t}" for t in self.transforms)


class Compose(_Several):
    """Several transforms in a row.

    Parameters
    ----------
    transforms : sequence of callable

    Raises
    ------
    TypeError
        If it is no sequence.
    ValueError
        If it is empty.
    """

    _steps_in = T.Compose._steps_in

    def __init__(self, transforms):
        super().__init__(transforms)

    def forward(self, *inputs):
        """Transform a sample."""
        return self._in_a_row(self.transforms, inputs)


class RandomApply(_Several):
    """Apply all of a list of transforms, or none.

    Parameters
    ----------
    transforms : sequence of callable, or ModuleList
    p : float, default 0.5
        Probability of all.

    Raises
    ------
    TypeError, ValueError
        As of :class:`Compose`; and if `p` is no probability.
    """

    _comparison = BELOW_F32
    _steps_in = T.RandomApply._steps_in

    def __init__(self, transforms, p=0.5):
        super().__init__(transforms, (Sequence, ModuleList), "a sequence of callables or a `nn.ModuleList`")
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    def forward(self, *inputs):
        """Transform a sample, or return it as it is."""
        if _C.fn.rand(1) >= self.p:
            return inputs if len(inputs) > 1 else inputs[0]
        return self._in_a_row(self.transforms, inputs)


class RandomChoice(_Several):
    """Apply one of several transforms. The default generator decides, not `random` as in the first version.

    Parameters
    ----------
    transforms : sequence of callable
    p : sequence of float, optional
        Weights.

    Raises
    ------
    ValueError
        If there are not as many weights as transforms, or all are 0.
    """

    def __init__(self, transforms, p=None):
        super().__init__(transforms)
        p = [1] * len(transforms) if p is None else p
        if len(p) != len(transforms):
            raise ValueError(f"Length of p doesn't match the number of transforms: {len(p)} != {len(transforms)}")
        total = sum(p)
        if not total > 0:
            raise ValueError(f"The sum of weights must be positive, but got p={p}")
        self.p = [weight / total for weight in p]

    def forward(self, *inputs):
        """Transform a sample."""
        return self.transforms[int(_C.fn.multinomial(tensor(self.p), 1))](*inputs)

    extra_repr = Transform.extra_repr


class RandomOrder(_Several):
    """Apply transforms in random order. The default generator decides, not `random` as in the first version.

    Parameters
    ----------
    transforms : sequence of callable
    """

    def __init__(self, transforms):
        super().__init__(transforms)

    def forward(self, *inputs):
        """Transform a sample."""
        return self._in_a_row([self.transforms[k] for k in _C.fn.randperm(len(self.transforms)).tolist()], inputs)

    extra_repr = Transform.extra_repr
