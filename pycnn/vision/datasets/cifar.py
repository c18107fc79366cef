"""CIFAR-10 and CIFAR-100. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.

The files are Python 2 pickles. They are decoded as data: a file that names anything but the array it should hold is refused
and nothing in it is run.
"""

import io
import json
import os
import tarfile
from pathlib import Path

import numpy as np

from pycnn.serialization.pickles import Buildable, Constructor, Decoder, PickleError
from pycnn.vision.datasets.utils import check_integrity, download_and_extract_archive, file_md5
from pycnn.vision.datasets.vision import ImageArray

_SIZE, _CHANNELS = 32, 3
_ROW = _SIZE * _SIZE * _CHANNELS


class _Array(Buildable):
    """A NumPy array in a pickle: uint8 rows, given by BUILD."""

    __slots__ = ("rows",)

    def build(self, state):
        if type(state) is not tuple or len(state) != 5:
            raise PickleError("an array is malformed")
        _, shape, dtype, fortran, data = state
        if type(data) is str:
            data = data.encode("latin1")
        if type(shape) is not tuple or len(shape) != 2 or any(type(n) is not int or n < 0 for n in shape):
            raise PickleError("an array of images must have two dimensions")
        if not isinstance(dtype, _Uint8) or fortran or type(data) is not bytes or len(data) != shape[0] * shape[1]:
            raise PickleError("an array of images must hold one byte an element, in order")
        self.rows = np.frombuffer(data, np.uint8).reshape(shape)


class _Uint8(Buildable):
    """The dtype of such an array."""

    __slots__ = ()

    def build(self, state):
        pass


def _reconstruct(cls, shape, kind):
    if cls is not _ARRAY_TYPE:
        raise PickleError("an array is of an unknown class")
    return _Array()


def _dtype(name, *rest):
    if name != "u1":
        raise PickleError(f"an array of images has the dtype {name!r}")
    return _Uint8()


_ARRAY_TYPE = object()
def _latin1(text, encoding):
    if type(text) is not str or encoding != "latin1":
        raise PickleError("bytes are encoded otherwise than as latin1")
    return text.encode("latin1")


# The last is how Python 3 writes bytes into a pickle that Python 2 can read.
_NAMES = {("numpy", "ndarray"): _ARRAY_TYPE, ("numpy", "dtype"): Constructor(_dtype),
          ("_codecs", "encode"): Constructor(_latin1)}
for _module in ("numpy.core.multiarray", "numpy._core.multiarray"):
    _NAMES[_module, "_reconstruct"] = Constructor(_reconstruct)


def _find(module, name):
    found = _NAMES.get((module, name))
    if found is None:
        raise PickleError(f"it names {module}.{name}: nothing of it was run")
    return found


def _decode(path):
    try:
        value = Decoder(Path(path).read_bytes(), _find, latin1=True).decode()
        if type(value) is not dict:
            raise PickleError("it holds no dict")
        return value
    except PickleError as error:
        raise RuntimeError(f"{path} is not a file of CIFAR: {error}") from None


def _images(path, entry, classes, labels_key):
    """Rows and labels of one batch, checked."""
    array, labels = entry.get("data"), entry.get(labels_key)
    if not isinstance(array, _Array) or not hasattr(array, "rows") or array.rows.shape[1] != _ROW:
        raise RuntimeError(f"{path}: 'data' must be an array of rows of {_ROW} bytes")
    if type(labels) is not list or len(labels) != len(array.rows):
        raise RuntimeError(f"{path}: {len(array.rows)} images, but {len(labels) if type(labels) is list else 'no'} labels")
    for k, label in enumerate(labels):
        if type(label) is not int or not 0 <= label < classes:
            raise RuntimeError(f"{path}: image {k} has the label {label!r}, there are {classes} classes")
    return array.rows, labels


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
        If files are missing, damaged or malformed; the message says which, and what to do.

    See Also
    --------
    torchvision.datasets.CIFAR10 : same behaviour; it would run code in such a file.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = [["data_batch_1", "c99cafc152244af753f735de768cd75f"], ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
                  ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"], ["data_batch_4", "634d18415352ddfa80567beed471001a"],
                  ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"]]
    test_list = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta = {"filename": "batches.meta", "key": "label_names", "md5": "5ff9c542aee3614f3951f8cda6e48888"}
    _labels_key = "labels"

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        self._check_files()
        meta = _decode(self._path(self.meta["filename"]))
        names = meta.get(self.meta["key"])
        if type(names) is not list or not names or any(type(n) is not str for n in names):
            raise RuntimeError(f"{self._path(self.meta['filename'])}: '{self.meta['key']}' must list the classes")
        self.classes = names
        self.class_to_idx = {name: k for k, name in enumerate(names)}
        rows, self.targets = [], []
        for name, _ in self.train_list if train else self.test_list:
            path = self._path(name)
            array, labels = _images(path, _decode(path), len(names), self._labels_key)
            rows.append(array)
            self.targets += labels
        self.data = np.ascontiguousarray(np.concatenate(rows).reshape(-1, _CHANNELS, _SIZE, _SIZE).transpose(0, 2, 3, 1))

    def _path(self, name):
        return os.path.join(self.root, self.base_folder, name)

    def _files(self):
        return [*self.train_list, *self.test_list, [self.meta["filename"], self.meta["md5"]]]

    def _check_files(self):
        for name, md5 in self._files():
            path = self._path(name)
            if not os.path.isfile(path):
                problem = f"{path} is missing"
            elif (actual := file_md5(path)) != md5:
                problem = f"{path} has the MD5 sum {actual}, expected is {md5}"
            else:
                continue
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it "
                               f"({problem}; the archive is {self.url})")

    def _check_integrity(self):
        return all(check_integrity(self._path(name), md5) for name, md5 in self._files())

    def download(self):
        """Fetch and unpack the archive unless all files are there."""
        if not self._check_integrity():
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.tgz_md5)

    def extra_repr(self):
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """As :class:`CIFAR10`, with 100 classes."""

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta = {"filename": "meta", "key": "fine_label_names", "md5": "7973b15100ade9c7d40fb424638fde48"}
    _labels_key = "fine_labels"


class CIFAR10Sample(ImageArray):
    """5,000 training and 1,000 test images of CIFAR-10 that come with pycnn, through JPEG once: no network, no files.

    Parameters
    ----------
    root : optional
        Ignored.
    train : bool, default True
    transform, target_transform : callable, optional
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
