"""SVHN. Netzer et al., "Reading Digits in Natural Images with Unsupervised Feature Learning", 2011."""

import os

import numpy as np

from pycnn.vision.datasets.utils import check_integrity, download_url
from pycnn.vision.datasets.vision import ImageArray


class SVHN(ImageArray):
    """Digits of house numbers, colour images of 32 x 32: 73,257 for training, 26,032 for testing, 531,131 extra.

    Parameters
    ----------
    root : path
        Folder that holds (or will hold) ``train_32x32.mat`` and so on.
    split : {"train", "test", "extra"}, default "train"
    transform, target_transform : callable, optional
    download : bool, default False
        Fetch the file if it is not there; $PYCNN_DATASET_MIRROR names a folder of the web to try first.

    Attributes
    ----------
    data : ndarray [n, 3, 32, 32] of uint8
    labels : ndarray [n] of int64
        The digits.

    Raises
    ------
    ImportError
        If SciPy, which reads the file, is not installed.
    RuntimeError
        If the file is missing or has another MD5 sum.
    ValueError
        If there is no such split.
    """

    _url = "http://ufldl.stanford.edu/housenumbers/"
    split_list = {
        "train": [_url + "train_32x32.mat", "train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"],
        "test": [_url + "test_32x32.mat", "test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"],
        "extra": [_url + "extra_32x32.mat", "extra_32x32.mat", "a93ce644f1a588dc4d68dda5feec44a7"]}

    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        if split not in self.split_list:
            raise ValueError(f"Unknown value '{split}' for argument split. Valid values are "
                             f"{{{', '.join(self.split_list)}}}.")
        self.split = split
        self.url, self.filename, self.file_md5 = self.split_list[split]
        if download:
            self.download()
        path = os.path.join(self.root, self.filename)
        if not check_integrity(path, self.file_md5):
            raise RuntimeError(f"Dataset not found or corrupted. You can use download=True to download it: {path} (MD5 "
                               f"{self.file_md5})")
        try:
            from scipy.io import loadmat
        except ImportError as error:
            raise ImportError("SVHN's files are read by SciPy: pip install scipy") from error
        content = loadmat(path)
        # pixels stand side by side in memory, as the loader wants them; the view is in torchvision's order
        self.data = np.ascontiguousarray(content["X"].transpose(3, 0, 1, 2)).transpose(0, 3, 1, 2)
        self.labels = content["y"].astype(np.int64).reshape(-1) % 10  # the file calls the digit 0 ten

    def _sample(self, index):
        from PIL import Image
        return Image.fromarray(np.ascontiguousarray(self.data[index].transpose(1, 2, 0))), int(self.labels[index])

    def _arrays(self):
        data, labels = self.data, self.labels
        fits = isinstance(data, np.ndarray) and data.dtype == np.uint8 and data.ndim == 4 and data.shape[1] == 3
        if not (fits and isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype.kind in "iu"):
            return None
        return data.transpose(0, 2, 3, 1), labels.astype(np.int64)

    def download(self):
        """Fetch the file unless it is there."""
        download_url(self.url, self.root, self.filename, self.file_md5)

    def extra_repr(self):
        """Return further lines for ``repr``."""
        return f"Split: {self.split}"
