"""What the image data sets share: root, transforms, text, and the offer to be read by C."""

import os

import numpy as np

from pycnn.utils.data.dataset import Dataset


class StandardTransform:
    """A transform of the image and one of the target.

    Parameters
    ----------
    transform : callable, optional
        Of the image.
    target_transform : callable, optional
        Of the class.
    """

    def __init__(self, transform=None, target_transform=None):
        self.transform, self.target_transform = transform, target_transform

    def __call__(self, input, target):
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target

    @staticmethod
    def _lines(transform, head):
        first, *rest = repr(transform).splitlines()
        return [head + first] + [" " * len(head) + line for line in rest]

    def __repr__(self):
        body = [type(self).__name__]
        if self.transform is not None:
            body += self._lines(self.transform, "Transform: ")
        if self.target_transform is not None:
            body += self._lines(self.target_transform, "Target transform: ")
        return "\n".join(body)


class VisionDataset(Dataset):
    """Base of the image data sets.

    Parameters
    ----------
    root : path, optional
        Folder of the files.
    transforms : callable, optional
        Of image and target together; excludes the other two.
    transform, target_transform : callable, optional
        Of the image; of the target.

    Raises
    ------
    ValueError
        If `transforms` comes together with `transform` or `target_transform`.
    """

    def __init__(self, root=None, transforms=None, transform=None, target_transform=None):
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        self.transform, self.target_transform = transform, target_transform
        if transform is not None or target_transform is not None:
            transforms = StandardTransform(transform, target_transform)
        self.transforms = transforms

    def __getitem__(self, index):
        raise NotImplementedError

    def __len__(self):
        raise NotImplementedError

    def extra_repr(self):
        """Return further lines for ``repr``."""
        return ""

    def __repr__(self):
        body = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            body.append(f"Root location: {self.root}")
        body += self.extra_repr().splitlines()
        if getattr(self, "transforms", None) is not None:
            body += [repr(self.transforms)]
        return "\n".join([f"Dataset {type(self).__name__}"] + [" " * 4 + line for line in body])


class ImageArray(VisionDataset):
    """Images in memory: ``data`` [n, H, W, 3] uint8 and ``targets``, a list of int.

    Parameters
    ----------
    root : path, optional
    transforms : callable, optional
        Of both, image and class.
    transform : callable, optional
        Of the image.
    target_transform : callable, optional
        Of the class.
    """

    def __getitem__(self, index):
        """Return (image, target): a PIL image and an int, transformed."""
        image, target = self._sample(index)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __len__(self):
        return len(self.data)

    def _sample(self, index):
        """The image as PIL has it, and its target."""
        from PIL import Image
        return Image.fromarray(self.data[index]), self.targets[index]

    def _arrays(self):
        """(images [n, H, W, C] of uint8, labels [n] of int64), or None where a user has put something else there."""
        labels = np.asarray(self.targets)
        fits = isinstance(self.data, np.ndarray) and self.data.dtype == np.uint8 and self.data.ndim == 4
        if not (fits and self.data.shape[3] == 3 and labels.ndim == 1 and labels.dtype.kind in "iu"):
            return None
        return self.data, labels.astype(np.int64)

    def _pipeline(self):
        """(images [n, H, W, C], labels [n], compiled transform) if C may do all that ``__getitem__`` does, otherwise
        None.

        The loader asks. A subclass with its own ``__getitem__``, a user's transform or arrays of another kind keep to
        Python. Without a transform, pictures are what is asked for: the third is None.
        """
        if type(self).__getitem__ is not ImageArray.__getitem__ or self.target_transform is not None:
            return None
        arrays = self._arrays()
        if arrays is None or len(arrays[0]) != len(arrays[1]):
            return None
        pipeline = None
        if self.transform is not None:
            from pycnn.vision.transforms._pipeline import compile
            pipeline = compile(self.transform)
            if pipeline is None:
                return None
        return *arrays, pipeline
