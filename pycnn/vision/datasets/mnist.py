"""MNIST and the sets that come in its format: grey images of 28 x 28 in IDX files."""

import os
import shutil
import string
import warnings

import numpy as np

from pycnn import _C
from pycnn._from_data import from_numpy
from pycnn._tensor import Tensor
from pycnn.vision.datasets.utils import check_integrity, download_and_extract_archive, extract_archive
from pycnn.vision.datasets.vision import ImageArray

_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_sn3_pascalvincent_tensor(path, strict=True):
    """Return what an IDX file holds.

    Parameters
    ----------
    path : path
    strict : bool, default True
        Refuse bytes behind the last element.

    Returns
    -------
    Tensor
        Of the shape and dtype that the file's head says.

    Raises
    ------
    RuntimeError
        If the file is no IDX file or has another length than its head says; the message names it.
    """
    with open(path, "rb") as file:
        data = file.read()
    ndim = data[3] if len(data) >= 4 else 0
    if len(data) < 4 + 4 * ndim or not 1 <= ndim <= 3 or data[:2] != b"\0\0" or data[2] not in _TYPES:
        raise RuntimeError(f"{path} is no IDX file: it begins with {data[:4].hex(' ') or 'nothing'}; fetch it again")
    dtype = np.dtype(_TYPES[data[2]])
    shape = [int.from_bytes(data[4 * k:4 * k + 4], "big") for k in range(1, ndim + 1)]
    body = memoryview(data)[4 + 4 * ndim:]
    count, given = int(np.prod(shape, dtype=object)), len(body) // dtype.itemsize
    if given < count or strict and len(body) != count * dtype.itemsize:
        raise RuntimeError(f"shape '{shape}' is invalid for input of size {given}: {path} was cut off or is no IDX "
                           "file of that shape; fetch it again")
    return from_numpy(np.frombuffer(body, dtype, count).astype(dtype.newbyteorder("=")).reshape(shape))


def _read(path, ndim, what):
    x = read_sn3_pascalvincent_tensor(path, strict=False)
    if x.dtype is not _C.uint8:
        raise TypeError(f"x should be of dtype torch.uint8 instead of {x.dtype} ({path})")
    if x.dim() != ndim:
        raise ValueError(f"x should have {ndim} dimension{'s' * (ndim > 1)} instead of {x.dim()} ({path}: {what} were "
                         "expected)")
    return x


def read_image_file(path):
    """Return the images of an IDX file: Tensor [n, H, W] of uint8.

    Parameters
    ----------
    path : path

    Returns
    -------
    Tensor [n, H, W] of uint8
    """
    return _read(path, 3, "images")


def read_label_file(path):
    """Return the labels of an IDX file: Tensor [n] of int64.

    Parameters
    ----------
    path : path

    Returns
    -------
    Tensor [n] of int64
    """
    return _read(path, 1, "labels").long()


def _old_name(name, old):
    def get(self):
        warnings.warn(f"{old} has been renamed {name}", stacklevel=2)
        return getattr(self, name)
    get.__doc__ = f"Old name of ``{name}``; a warning says so."
    return property(get)


class MNIST(ImageArray):
    """70,000 handwritten digits, grey, 28 x 28: 60,000 for training, 10,000 for testing. LeCun, Cortes and Burges,
    1998.

    Parameters
    ----------
    root : path
        Folder that holds (or will hold) ``MNIST/raw/train-images-idx3-ubyte`` and the other three files.
    train : bool, default True
        The training or the test images.
    transform, target_transform : callable, optional
    download : bool, default False
        Fetch the files if they are not there; $PYCNN_DATASET_MIRROR names a folder of the web to try first.

    Attributes
    ----------
    data : Tensor [n, 28, 28] of uint8
    targets : Tensor [n] of int64
    classes : list of str
    class_to_idx : dict

    Raises
    ------
    RuntimeError
        If files are missing, cannot be fetched or are damaged; the message says which, and what to do.

    See Also
    --------
    torchvision.datasets.MNIST : same behaviour.
    """

    mirrors = ["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"]
    resources = [("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
                 ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
                 ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
                 ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c")]
    training_file = "training.pt"
    test_file = "test.pt"
    classes = ["0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven",
               "8 - eight", "9 - nine"]

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if self._check_legacy_exist():
            self.data, self.targets = self._load_legacy_data()
            return
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError(f"Dataset not found. You can use download=True to download it: {self._missing()}")
        self.data, self.targets = self._load_data()

    train_labels, test_labels = _old_name("targets", "train_labels"), _old_name("targets", "test_labels")
    train_data, test_data = _old_name("data", "train_data"), _old_name("data", "test_data")

    @property
    def raw_folder(self):
        """The folder of the files."""
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def processed_folder(self):
        """The folder of the files that torchvision wrote before 0.9."""
        return os.path.join(self.root, type(self).__name__, "processed")

    @property
    def class_to_idx(self):
        """The number of each class."""
        return {name: k for k, name in enumerate(self.classes)}

    def _check_legacy_exist(self):
        return all(os.path.isfile(os.path.join(self.processed_folder, f)) for f in (self.training_file, self.test_file))

    def _load_legacy_data(self):
        from pycnn.serialization import load
        return load(os.path.join(self.processed_folder, self.training_file if self.train else self.test_file))

    def _files(self):
        """The names of the two files of a split, in ``raw_folder``."""
        split = "train" if self.train else "t10k"
        return f"{split}-images-idx3-ubyte", f"{split}-labels-idx1-ubyte"

    def _needed(self):
        return [os.path.splitext(name)[0] for name, _ in self.resources]

    def _missing(self):
        paths = (os.path.join(self.raw_folder, name) for name in self._needed())
        return f"{next((p for p in paths if not os.path.isfile(p)), self.raw_folder)} is missing"

    def _check_exists(self):
        return all(check_integrity(os.path.join(self.raw_folder, name)) for name in self._needed())

    def _load_data(self):
        images, labels = (os.path.join(self.raw_folder, name) for name in self._files())
        data, targets = read_image_file(images), read_label_file(labels)
        if len(data) != len(targets):
            raise RuntimeError(f"{images} has {len(data)} images, but {labels} has {len(targets)} labels")
        return data, targets

    def download(self):
        """Fetch and unpack the files unless all are there."""
        if self._check_exists():
            return
        for name, md5 in self.resources:
            download_and_extract_archive([mirror + name for mirror in self.mirrors], self.raw_folder, filename=name,
                                         md5=md5)

    def _sample(self, index):
        from PIL import Image
        return Image.fromarray(self.data[index].numpy()), int(self.targets[index])

    def _arrays(self):
        data, targets = self.data, self.targets
        fits = isinstance(data, Tensor) and data.dtype is _C.uint8 and data.dim() == 3 and isinstance(targets, Tensor)
        if not (fits and targets.dtype is _C.int64 and targets.dim() == 1):
            return None
        return data.numpy()[..., None], targets.numpy()

    def extra_repr(self):
        return f"Split: {'Train' if self.train is True else 'Test'}"


class FashionMNIST(MNIST):
    """70,000 grey pictures of clothes, 28 x 28, in 10 classes; otherwise as :class:`MNIST`. Xiao, Rasul and Vollgraf,
    2017.

    Parameters
    ----------
    root : path
        Folder that holds (or will hold) ``FashionMNIST/raw``.
    train : bool, default True
        The training or the test images.
    transform : callable, optional
        From a PIL image to what the sample holds.
    target_transform : callable, optional
        Of the class.
    download : bool, default False
        Fetch the files if they are not there.
    """

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
                 ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
                 ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
                 ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310")]
    classes = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


class KMNIST(MNIST):
    """70,000 cursive Japanese characters, 28 x 28, in 10 classes; otherwise as :class:`MNIST`. Clanuwat et al., 2018.

    Parameters
    ----------
    root : path
        Folder that holds (or will hold) ``KMNIST/raw``.
    train : bool, default True
        The training or the test images.
    transform : callable, optional
        From a PIL image to what the sample holds.
    target_transform : callable, optional
        Of the class.
    download : bool, default False
        Fetch the files if they are not there.
    """

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources = [("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
                 ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
                 ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
                 ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134")]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


_MERGED = set(string.digits + string.ascii_letters) - set("cijklmopsuvwxyz")


class EMNIST(MNIST):
    """Handwritten letters and digits in MNIST's format. Cohen et al., 2017.

    Parameters
    ----------
    root : path
        Folder that holds (or will hold) ``EMNIST/raw``.
    split : {"byclass", "bymerge", "balanced", "letters", "digits", "mnist"}
    **kwargs
        As for :class:`MNIST`.

    Raises
    ------
    ValueError
        If there is no such split.
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict = {"byclass": sorted(string.digits + string.ascii_letters), "bymerge": sorted(_MERGED),
                          "balanced": sorted(_MERGED), "letters": ["N/A", *string.ascii_lowercase],
                          "digits": list(string.digits), "mnist": list(string.digits)}

    def __init__(self, root, split, **kwargs):
        if split not in self.splits:
            raise ValueError(f"Unknown value '{split}' for argument split. Valid values are "
                             f"{{{', '.join(self.splits)}}}.")
        self.split = split
        self.training_file, self.test_file = f"training_{split}.pt", f"test_{split}.pt"
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[split]

    def _files(self):
        prefix = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        return f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"

    _needed = _files

    def download(self):
        """Fetch and unpack the archive unless the files of this split are there."""
        if self._check_exists():
            return
        download_and_extract_archive(self.url, self.raw_folder, md5=self.md5)
        folder = os.path.join(self.raw_folder, "gzip")
        for name in os.listdir(folder):
            if name.endswith(".gz"):
                extract_archive(os.path.join(folder, name), self.raw_folder)
        shutil.rmtree(folder)
