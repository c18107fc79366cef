"""FakeData: noise in the form of a data set, for trying out a program without files."""

from pycnn import _C
from pycnn import random as _random
from pycnn.vision.datasets.vision import VisionDataset


class FakeData(VisionDataset):
    """Images of noise with random classes; each index has its own seed, so a sample is the same whenever it is asked
    for.

    Parameters
    ----------
    size : int, default 1000
    image_size : tuple of int, default (3, 224, 224)
        Channels, height, width.
    num_classes : int, default 10
    transform, target_transform : callable, optional
    random_offset : int, default 0
        Added to the index to give the seed.

    See Also
    --------
    torchvision.datasets.FakeData : same images.
    """
    def __init__(self, size=1000, image_size=(3, 224, 224), num_classes=10, transform=None, target_transform=None,
                 random_offset=0):
        super().__init__(transform=transform, target_transform=target_transform)
        self.size, self.image_size, self.num_classes, self.random_offset = size, image_size, num_classes, random_offset

    def __getitem__(self, index):
        """Return (image, target): a PIL image and an int, transformed."""
        from pycnn.vision.transforms.functional import to_pil_image
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        generator = _random.Generator().manual_seed(index + self.random_offset)
        image = to_pil_image(_C.fn.randn(self.image_size, generator=generator))
        target = _C.fn.randint(0, self.num_classes, (1,), generator=generator)[0]
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target.item()

    def __len__(self):
        return self.size
