"""Erasing, and mixing the images of a batch."""

import math
import numbers
import warnings
from collections.abc import Mapping, Sequence

from pycnn import _C
from pycnn._from_data import tensor
from pycnn._tensor import Tensor
from pycnn.nn import functional as NF
from pycnn.vision import tv_tensors
from pycnn.vision.transforms import _colour as T
from pycnn.vision.transforms import _images
from pycnn.vision.transforms.v2 import functional as F
from pycnn.vision.transforms.v2._transform import ChanceTransform, Transform, below, flatten, is_image, sizes, uniform


class RandomErasing(ChanceTransform):
    """Erase a window of Tensors with probability `p`. Zhong et al., arXiv:1708.04896.

    Parameters
    ----------
    p : float, default 0.5
    scale : sequence of 2 floats, default (0.02, 0.33)
        Bounds of the window's share of the area.
    ratio : sequence of 2 floats, default (0.3, 3.3)
        Bounds of height over width.
    value : number, sequence of numbers or "random", default 0.0
        What is written; normal numbers for "random".
    inplace : bool, default False

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        If `scale` is no share or `value` another text.
    """

    _first = T.RandomErasing

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0.0, inplace=False):
        super().__init__(p)
        if not isinstance(value, (numbers.Number, str, tuple, list)):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        for name, bounds in (("Scale", scale), ("Ratio", ratio)):
            if not isinstance(bounds, Sequence):
                raise TypeError(f"{name} should be a sequence")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=2)
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError("Scale should be between 0 and 1")
        values = value if isinstance(value, (list, tuple)) else [value]
        self.scale, self.ratio = scale, ratio
        self.value = None if value == "random" else [float(v) for v in values]
        self.inplace = inplace

    def _values(self):
        return tuple(self.value or ())

    def make_params(self, flat_inputs):
        """Draw the window.

        Parameters
        ----------
        flat_inputs : list

        Returns
        -------
        dict

        Raises
        ------
        ValueError
            If there are not as many values as channels.
        """
        c, height, width = sizes(flat_inputs)
        if self.value is not None and len(self.value) not in (1, c):
            raise ValueError("If value is a sequence, it should have either a single value or "
                             f"{c} (number of inpt channels)")
        low, high = tensor(self.ratio).log().tolist()
        for _ in range(10):
            area = height * width * uniform(*self.scale)
            ratio = _C.fn.empty(1).uniform_(low, high).exp().item()
            h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if h < height and w < width:
                v = _C.fn.empty((c, h, w)).normal_() if self.value is None else tensor(self.value)[:, None, None]
                top = below(height - h + 1)
                return {"i": top, "j": below(width - w + 1), "h": h, "w": w, "v": v}
        return {"v": None}

    def transform(self, inpt, params):
        """Change one image."""
        return inpt if params["v"] is None else F.erase(inpt, **params, inplace=self.inplace)


def _labels_of(inputs):
    """The labels of a sample: the second of a pair, or what a dict has under a name like "labels"."""
    if isinstance(inputs, (tuple, list)):
        inputs = inputs[1]
    if F.is_pure_tensor(inputs):
        return inputs
    if not isinstance(inputs, Mapping):
        raise ValueError("When using the default labels_getter, the input passed to forward must be a dictionary or a "
                         f"two-tuple whose second item is a dictionary or a tensor, but got {inputs} instead.")
    keys = [k for k in inputs if k.lower() == "labels"] or [k for k in inputs if "label" in k.lower()]
    if not keys:
        raise ValueError("Could not infer where the labels are in the sample. Try passing a callable as the "
                         "labels_getter parameter?If there are no labels in the sample by design, pass "
                         "labels_getter=None.")
    return inputs[keys[0]]


class _Mix(Transform):
    """Mixes each image of a batch, and its label, with the one before it."""

    def __init__(self, *, alpha=1.0, num_classes=None, labels_getter="default"):
        super().__init__()
        self.alpha, self.num_classes = float(alpha), num_classes
        if labels_getter != "default" and not callable(labels_getter):
            raise ValueError("labels_getter should either be 'default', a callable, or None, but got "
                             f"{labels_getter}.")
        self._labels_getter = _labels_of if labels_getter == "default" else labels_getter

    def _draw_share(self):
        return float(_C.fn._sample_dirichlet(tensor([[self.alpha, self.alpha]]))[0, 0])

    def forward(self, *inputs):
        """Mix the images and labels of a batch.

        Parameters
        ----------
        *inputs : Tensor
            Images [N, C, H, W] and labels [N] or [N, num_classes]; or one sample that holds them.

        Returns
        -------
        tuple
            As they came; labels as probabilities [N, num_classes].

        Raises
        ------
        ValueError
            If they are something else.
        """
        inputs = inputs if len(inputs) > 1 else inputs[0]
        leaves, unflatten = flatten(inputs)
        name = type(self).__name__
        if any(map(_images.is_pil, leaves)):
            raise ValueError(f"{name}() does not support PIL images, bounding boxes, keypoints and masks.")
        labels = self._labels_getter(inputs)
        if not isinstance(labels, Tensor):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if labels.ndim not in (1, 2):
            raise ValueError("labels should be index based with shape (batch_size,) or probability based with shape "
                             f"(batch_size, num_classes), but got a tensor of shape {labels.shape} instead.")
        if labels.ndim == 2 and self.num_classes is not None and labels.shape[-1] != self.num_classes:
            raise ValueError("When passing 2D labels, the number of elements in last dimension must match num_classes: "
                             f"{labels.shape[-1]} != {self.num_classes}. You can Leave num_classes to None.")
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based (1D)")
        chosen = self._chosen(leaves)
        params = self.make_params([leaf for leaf, choose in zip(leaves, chosen) if choose])
        return unflatten([self._mix_labels(leaf, params) if leaf is labels
                          else self._mix_images(leaf, params, labels) if choose else leaf
                          for leaf, choose in zip(leaves, chosen)])

    def _mix_labels(self, labels, params):
        share = params["share"]
        if labels.ndim == 1:
            labels = NF.one_hot(labels, self.num_classes)
        labels = labels if labels.is_floating_point() else labels.float()
        return labels.roll(1, 0).mul_(1.0 - share).add_(labels.mul(share))

    def _mix_images(self, images, params, labels):
        if not (is_image(images) or F.is_pure_tensor(images)):
            return images
        if images.ndim != 4:
            raise ValueError(f"Expected a batched input with 4 dims, but got {images.ndim} dimensions instead.")
        if images.shape[0] != labels.shape[0]:
            raise ValueError("The batch size of the image or video does not match the batch size of the labels: "
                             f"{images.shape[0]} != {labels.shape[0]}.")
        mixed = self.transform(images, params)
        return tv_tensors.wrap(mixed, like=images) if isinstance(images, tv_tensors.TVTensor) else mixed


class MixUp(_Mix):
    """Mix the images and labels of a batch in pairs. Zhang et al., arXiv:1710.09412.

    Parameters
    ----------
    alpha : float, default 1.0
        Of the beta distribution that shares are drawn from.
    num_classes : int, optional
        Needed where labels are indices.
    labels_getter : callable or "default"
        Finds the labels in a sample.
    """

    def make_params(self, flat_inputs):
        """Draw the share."""
        return {"share": self._draw_share()}

    def transform(self, inpt, params):
        """Mix one batch of images."""
        return inpt.roll(1, 0).mul_(1.0 - params["share"]).add_(inpt.mul(params["share"]))


class CutMix(_Mix):
    """Put a window of one image into the next, and mix labels by area. Yun et al., arXiv:1905.04899.

    Parameters
    ----------
    alpha : float, default 1.0
        Of the beta distribution that shares are drawn from.
    num_classes : int, optional
        Needed where labels are indices.
    labels_getter : callable or "default"
        Finds the labels in a sample.
    """

    def make_params(self, flat_inputs):
        """Draw the window."""
        share = self._draw_share()
        _, h, w = sizes(flat_inputs)
        x, y, r = below(w), below(h), 0.5 * math.sqrt(1.0 - share)
        half_w, half_h = int(r * w), int(r * h)
        x1, y1, x2, y2 = max(x - half_w, 0), max(y - half_h, 0), min(x + half_w, w), min(y + half_h, h)
        return {"box": (x1, y1, x2, y2), "share": 1.0 - (x2 - x1) * (y2 - y1) / (w * h)}

    def transform(self, inpt, params):
        """Mix one batch of images."""
        x1, y1, x2, y2 = params["box"]
        mixed = inpt.clone()
        mixed[..., y1:y2, x1:x2] = inpt.roll(1, 0)[..., y1:y2, x1:x2]
        return mixed
