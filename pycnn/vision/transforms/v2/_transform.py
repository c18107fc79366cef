"""The base of all transforms: which parts of a sample are images, and what was drawn for them."""

import enum
from collections import defaultdict

from pycnn import _C
from pycnn._tensor import Tensor
from pycnn.nn import Module
from pycnn.vision import tv_tensors
from pycnn.vision.transforms import _images, _pipeline
from pycnn.vision.transforms._base import BELOW_F32
from pycnn.vision.transforms.v2 import functional as F


def flatten(tree):
    """Return the leaves of nested lists, tuples and dicts, and a function that puts others into their places."""
    if isinstance(tree, dict):
        parts = [flatten(v) for v in tree.values()]
        first = (tree.default_factory,) if isinstance(tree, defaultdict) else ()
        make = lambda values: type(tree)(*first, zip(tree, values))
    elif isinstance(tree, (list, tuple)):
        parts = [flatten(v) for v in tree]
        make = (lambda values: type(tree)(*values)) if hasattr(tree, "_fields") else type(tree)
    else:
        return [tree], lambda leaves: leaves[0]

    def unflatten(leaves):
        values, at = [], 0
        for part, rebuild in parts:
            values.append(rebuild(leaves[at:at + len(part)]))
            at += len(part)
        return make(values)
    return [leaf for part, _ in parts for leaf in part], unflatten


def is_a(obj, types):
    """Return True if `obj` is of one of the types, or one of the functions among them says so."""
    return any(isinstance(obj, t) if isinstance(t, type) else t(obj) for t in types)


def is_image(obj):
    """Return True for a PIL image and a tv_tensors.Image."""
    return isinstance(obj, tv_tensors.Image) or _images.is_pil(obj)


def sizes(leaves):
    """Return channels, height and width of the images among leaves, which are of one size."""
    found = {tuple(_images.dimensions(leaf)) for leaf in leaves if is_image(leaf) or F.is_pure_tensor(leaf)}
    if not found:
        raise TypeError("No image or video was found in the sample")
    if len(found) > 1:
        raise ValueError(f"Found multiple CxHxW dimensions in the sample: {sorted(found)}")
    return found.pop()


def uniform(low, high):
    """Draw a float."""
    return _C.fn.empty(1).uniform_(low, high).item()


def below(n, low=0):
    """Draw an int from `low` to n - 1."""
    return int(_C.fn.randint(low, n, (1,)))


class Transform(Module):
    """A change of the images in a sample: subclasses define `transform`, and `make_params` for what they draw.

    Called with one sample or its parts: images, nested lists, tuples and dicts. What is no image is returned as it is;
    of Tensors without a class the first counts as an image, where there is no other.

    See Also
    --------
    torchvision.transforms.v2.Transform : same behaviour; boxes, masks and videos are unknown here.
    """

    _transformed_types = (Tensor, _images.is_pil)

    # The class of the first version whose steps these are; there are none without it.
    _first = None

    # What those steps read, beside the parameters.
    _edition = 2
    _mode = property(lambda self: F._mode(self.interpolation))

    def __init__(self):
        super().__init__()

    def _steps(self):
        return self._first._steps(self)

    def _steps_in(self, domain):
        fits = self._first is not None and self._first._takes(self, _pipeline.TO_PURE.get(domain, domain))
        steps = self._steps() if fits else None
        return None if steps is None else (steps, domain)

    def check_inputs(self, flat_inputs):
        """Raise if a sample cannot be transformed.

        Parameters
        ----------
        flat_inputs : list
            All leaves of the sample.
        """

    def make_params(self, flat_inputs):
        """Draw what is the same for all images of a sample.

        Parameters
        ----------
        flat_inputs : list
            The images.

        Returns
        -------
        dict
        """
        return {}

    def transform(self, inpt, params):
        """Change one image.

        Parameters
        ----------
        inpt : PIL Image or Tensor
        params : dict
            What `make_params` returned.

        Raises
        ------
        NotImplementedError
            Here: subclasses define it.
        """
        raise NotImplementedError

    def _chosen(self, leaves):
        pure = not any(map(is_image, leaves))
        chosen = []
        for leaf in leaves:
            choose = is_a(leaf, self._transformed_types)
            if choose and F.is_pure_tensor(leaf):
                choose, pure = pure, False
            chosen.append(choose)
        return chosen

    def _applied(self, leaves, unflatten):
        chosen = self._chosen(leaves)
        params = self.make_params([leaf for leaf, choose in zip(leaves, chosen) if choose])
        return unflatten([self.transform(leaf, params) if choose else leaf for leaf, choose in zip(leaves, chosen)])

    def _changed(self, sample, leaves, unflatten):
        return self._applied(leaves, unflatten)

    def forward(self, *inputs):
        """Transform a sample."""
        sample = inputs if len(inputs) > 1 else inputs[0]
        result = _pipeline.run(self, sample)
        if result is None:
            leaves, unflatten = flatten(sample)
            self.check_inputs(leaves)
            result = self._changed(sample, leaves, unflatten)
        return result

    def extra_repr(self):
        """Return the parameters, as text."""
        return ", ".join(f"{name}={value}" for name, value in vars(self).items() if not name.startswith("_")
                         and name != "training" and isinstance(value, (bool, int, float, str, tuple, list, enum.Enum)))


class OtherOnBytes(Transform):
    """A transform whose last step is another one on bytes of a Tensor: `_on_bytes` says which; None: there is none."""

    def _on_bytes(self, name, *numbers):
        raise NotImplementedError

    def _steps_in(self, domain):
        if _pipeline.TO_PURE.get(domain, domain) != _pipeline.BYTES:
            return super()._steps_in(domain)
        steps = self._steps()
        last = self._on_bytes(*steps[-1]) if steps is not None else None
        return None if last is None else ((*steps[:-1], last), domain)


class ChanceTransform(Transform):
    """A transform that is applied with probability `p`.

    Parameters
    ----------
    p : float, default 0.5

    Raises
    ------
    ValueError
        If `p` is no probability.
    """

    def __init__(self, p=0.5):
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        super().__init__()
        self.p = p

    _comparison = BELOW_F32
    _step = property(lambda self: self._first._step)

    def _changed(self, sample, leaves, unflatten):
        return sample if _C.fn.rand(1) >= self.p else self._applied(leaves, unflatten)
