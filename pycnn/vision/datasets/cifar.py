"""CIFAR-10 and CIFAR-100. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.

The files are Python 2 pickles. C reads them as data: a file that names anything but the array it should hold is refused
and nothing in it is run.
"""

import io
import json
import os
import tarfile
from pathlib import Path

import numpy as np

from pycnn import _C
from pycnn.vision.datasets.utils import calculate_md5, check_integrity, download_and_extract_archive
from pycnn.vision.datasets.vision import ImageArray

_SIZE, _CHANNELS = 32, 3


class CIFAR10(ImageArray):
    """60,000 colour images of 32 x 32 in 10 classes: 50,000 for training, 10,000 for testing.

    Parameters
    ----------
    root : path
        Folder that holds (or will hold) ``cifar-10-batches-py``.
    train : bool, default True
        The training or the test images.
    transform, target_transform : callable, optional
    download : bool, default False
        Fetch the files if they are not there; $PYCNN_DATASET_MIRROR names a folder of the web to try first.

    Attributes
    ----------
    data : ndarray [n, 32, 32, 3] of uint8
    targets : list of int
    classes : list of str
    class_to_idx : dict

    Raises
    ------
    RuntimeError
        If files are missing or have other MD5 sums; the message says which, and what to do.
    CheckpointError
        If a file holds something else than a batch of images with labels; a RuntimeError too.

    See Also
    --------
    torchvision.datasets.CIFAR10 : same behaviour; it would run code in such a file.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = [["data_batch_1", "c99cafc152244af753f735de768cd75f"],
                  ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
                  ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
                  ["data_batch_4", "634d18415352ddfa80567beed471001a"],
                  ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"]]
    test_list = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta = {"filename": "batches.meta", "key": "label_names", "md5": "5ff9c542aee3614f3951f8cda6e48888"}

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it"
                               + self._problem(self.train_list + self.test_list))
        self._load_meta()
        paths = [self._path(name) for name, _ in (self.train_list if train else self.test_list)]
        images, labels = _C.read_cifar(paths, len(self.classes))
        self.data, self.targets = images.numpy(), labels.tolist()

    def _path(self, name):
        return os.path.join(self.root, self.base_folder, name)

    def _problem(self, files):
        """The first of the files that is not as it should be, for the message."""
        for name, md5 in files:
            path = self._path(name)
            if not os.path.isfile(path):
                return f": {path} is missing. {self._by_hand()}"
            if md5 is not None and (actual := calculate_md5(path)) != md5:
                return f": {path} has the MD5 sum {actual}, expected is {md5}. {self._by_hand()}"
        return ""

    def _by_hand(self):
        return f"Without a network, put {self.url} (MD5 {self.tgz_md5}) into {self.root} and use download=True"

    def _load_meta(self):
        path = self._path(self.meta["filename"])
        if not check_integrity(path, self.meta["md5"]):
            raise RuntimeError("Dataset metadata file not found or corrupted. You can use download=True to download it"
                               + self._problem([(self.meta["filename"], self.meta["md5"])]))
        self.classes = _C.read_cifar_names(path, self.meta["key"])
        self.class_to_idx = {name: k for k, name in enumerate(self.classes)}

    def _check_integrity(self):
        return all(check_integrity(self._path(name), md5) for name, md5 in self.train_list + self.test_list)

    def download(self):
        """Fetch and unpack the archive unless all files are there."""
        if not self._check_integrity():
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.tgz_md5)

    def extra_repr(self):
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """As :class:`CIFAR10`, with 100 classes.

    Parameters
    ----------
    root : path
        Folder that holds (or will hold) ``cifar-100-python``.
    train : bool, default True
        The training or the test images.
    transform : callable, optional
        From a PIL image to what the sample holds.
    target_transform : callable, optional
        Of the class.
    download : bool, default False
        Fetch the files if they are not there.
    """

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta = {"filename": "meta", "key": "fine_label_names", "md5": "7973b15100ade9c7d40fb424638fde48"}


class CIFAR10Sample(ImageArray):
    """5,000 training and 1,000 test images of CIFAR-10 that come with pycnn, through JPEG once: no network, no files.

    Parameters
    ----------
    root : optional
        Ignored.
    train : bool, default True
    transform, target_transform : callable, optional
    download : bool, default False
        Ignored.
    """

    classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    class_to_idx = {name: k for k, name in enumerate(classes)}
    _archive = Path(__file__).parents[2] / "data" / "cifar10-sample.tar.xz"

    def __init__(self, root=None, train=True, transform=None, target_transform=None, download=False):
        from PIL import Image
        super().__init__(None, transform=transform, target_transform=target_transform)
        self.train = train
        split, sheets = "train" if train else "test", []
        with tarfile.open(self._archive) as archive:
            files = {m.name: archive.extractfile(m).read() for m in archive if m.name.startswith(split)
                     or m.name == "labels.json"}
        self.targets = json.loads(files.pop("labels.json"))[split]
        for name in sorted(files):
            sheet = np.asarray(Image.open(io.BytesIO(files[name])))
            rows, columns = sheet.shape[0] // _SIZE, sheet.shape[1] // _SIZE
            sheets.append(sheet.reshape(rows, _SIZE, columns, _SIZE, _CHANNELS).transpose(0, 2, 1, 3, 4)
                          .reshape(-1, _SIZE, _SIZE, _CHANNELS))
        self.data = np.concatenate(sheets)

    def extra_repr(self):
        return f"Split: {'Train' if self.train else 'Test'}"
