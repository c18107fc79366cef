"""Data sets in files of their own making, against torchvision: samples, batches, text, errors."""

import os
import pickle

import numpy as np
import pytest
import torch
import torchvision.transforms.v2
from PIL import Image

from both import BOTH, same
from mnist_files import idx, write_mnist
import pycnn.vision.transforms.v2  # noqa: F401
from pycnn import vision

pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def mnist_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("mnist")
    for name in ("MNIST", "FashionMNIST", "KMNIST"):
        write_mnist(root / name / "raw")
    write_mnist(root / "EMNIST" / "raw", {"train": 20, "test": 5}, "emnist-letters-{}-{}")
    return root


TRANSFORMS = {
    "to tensor": lambda T: T.ToTensor(),
    "normalized": lambda T: T.Compose([T.ToTensor(), T.Normalize((0.1307,), (0.3081,))]),
    "augmented": lambda T: T.Compose([T.RandomCrop(28, padding=4), T.RandomRotation(15), T.RandomHorizontalFlip(),
                                      T.ColorJitter(0.2, 0.2), T.ToTensor(), T.Normalize((0.5,), (0.25,))]),
    "affine": lambda T: T.Compose([T.RandomAffine(10, (0.1, 0.1), (0.9, 1.1), fill=3), T.Resize(20), T.ToTensor(),
                                   T.RandomErasing(0.5)]),
    "three channels": lambda T: T.Compose([T.Grayscale(3), T.RandomResizedCrop(24), T.ToTensor(),
                                           T.Normalize((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))]),
    "second version": lambda T: T.v2.Compose([T.v2.RandomCrop(28, padding=4), T.v2.RandomRotation(15), T.v2.ToImage(),
                                              T.v2.ColorJitter(0.2, 0.2, 0.2, 0.1), T.v2.RandomResizedCrop(24),
                                              T.v2.ConvertImageDtype(), T.v2.Normalize([0.1307], [0.3081])]),
    "its three channels": lambda T: T.v2.Compose([T.v2.RGB(), T.v2.PILToTensor(), T.v2.RGB(), T.v2.ConvertImageDtype(),
                                                  T.v2.Normalize((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))]),
    "of my own": lambda T: T.Compose([T.Lambda(lambda image: image.rotate(90)), T.RandomCrop(20), T.ToTensor()]),
}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_batches_of_mnist(mnist_root, name, workers):
    def call(m, v):
        images = v.datasets.MNIST(mnist_root, train=True, transform=TRANSFORMS[name](v.transforms))
        return list(m.utils.data.DataLoader(images, batch_size=16, shuffle=True, num_workers=workers))
    same(call)


def test_mnist_under_one_channel_pipelines_needs_no_python(mnist_root):
    for name, transform in TRANSFORMS.items():
        images = vision.datasets.MNIST(mnist_root, transform=transform(vision.transforms))
        assert (images._pipeline() is None) == (name == "of my own")


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST", "EMNIST letters"])
@pytest.mark.parametrize("train", [True, False])
def test_what_mnist_is_like(mnist_root, name, train):
    name, *split = name.split()
    def call(m, v):
        images = getattr(v.datasets, name)(mnist_root, *split, train=train)
        picture, label = images[3]
        assert picture.mode == "L" and type(label) is int and isinstance(images, v.datasets.MNIST)
        with pytest.warns(UserWarning, match="train_data has been renamed data"):
            assert images.train_data is images.data
        with pytest.warns(UserWarning, match="test_labels has been renamed targets"):
            assert images.test_labels is images.targets
        return [images.data, images.targets, len(images), images.classes, images.class_to_idx, repr(images),
                picture.tobytes(), label, images.raw_folder, images.resources, images.mirrors]
    same(call)


def test_files_of_old_torchvision(tmp_path):
    folder = tmp_path / "MNIST" / "processed"
    folder.mkdir(parents=True)
    for name, n in (("training.pt", 5), ("test.pt", 3)):
        torch.save((torch.arange(n * 784).remainder(255).byte().view(n, 28, 28), torch.arange(n)), folder / name)
    same(lambda m, v: [list(v.datasets.MNIST(tmp_path, train, v.transforms.ToTensor())) for train in (True, False)])


@pytest.mark.parametrize("break_it, message", [
    (lambda d: d[:500], "shape '\\[40, 28, 28\\]' is invalid for input of size 484.*"
                    "train-images-idx3-ubyte was cut off"),
    (lambda d: b"<html>" + d, "train-images-idx3-ubyte is no IDX file: it begins with 3c 68 74 6d"),
    (lambda d: b"", "is no IDX file: it begins with nothing"),
    (lambda d: d[:4] + b"\xff" * 12 + d[16:], "is invalid for input of size 31360"),
])
def test_a_broken_idx_file_is_named(tmp_path, break_it, message):
    write_mnist(tmp_path / "MNIST" / "raw")
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(break_it(path.read_bytes()))
    with pytest.raises(RuntimeError, match=message):
        vision.datasets.MNIST(tmp_path)


def test_idx_files_of_other_kinds(tmp_path):
    arrays = [(np.arange(6, dtype=">i4").reshape(2, 3), 12), (np.arange(-3, 5, dtype=">i2"), 11),
              (np.arange(3, dtype=">f4"), 13),
              (np.arange(-2, 3, dtype="i1"), 9), (np.arange(8, dtype=">f8").reshape(2, 2, 2), 14)]
    for array, code in arrays:
        (tmp_path / "x").write_bytes(idx(array, code))
        want = torchvision.datasets.mnist.read_sn3_pascalvincent_tensor(str(tmp_path / "x"))
        got = vision.datasets.mnist.read_sn3_pascalvincent_tensor(tmp_path / "x")
        assert str(got.dtype) == str(want.dtype) and got.tolist() == want.tolist()
        with pytest.raises(TypeError, match="x should be of dtype torch.uint8 instead of"):
            vision.datasets.mnist.read_label_file(tmp_path / "x")


def test_missing_mnist(tmp_path):
    with pytest.raises(RuntimeError,
                       match="^Dataset not found. You can use download=True to download it: .*train-images-idx3-ubyte "
                                           "is missing"):
        vision.datasets.MNIST(tmp_path)
    write_mnist(tmp_path / "MNIST" / "raw", {"train": 4, "t10k": 4})
    (tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(3, np.uint8)))
    with pytest.raises(RuntimeError, match="has 4 images, but .* has 3 labels"):
        vision.datasets.MNIST(tmp_path)
    with pytest.raises(ValueError, match="Unknown value 'x' for argument split"):
        vision.datasets.EMNIST(tmp_path, "x")


def test_svhn(tmp_path, monkeypatch):
    """In a file of its own format, which SciPy writes."""
    import hashlib

    from scipy.io import savemat
    rng = np.random.default_rng(3)
    savemat(tmp_path / "test_32x32.mat", {"X": rng.integers(0, 256, (32, 32, 3, 12), dtype=np.uint8),
                                          "y": rng.integers(1, 11, (12, 1), dtype=np.uint8)})
    md5 = hashlib.md5((tmp_path / "test_32x32.mat").read_bytes()).hexdigest()
    for _, v in BOTH:
        monkeypatch.setitem(v.datasets.SVHN.split_list, "test", [*v.datasets.SVHN.split_list["test"][:2], md5])

    def call(m, v):
        T = v.transforms
        plain = v.datasets.SVHN(tmp_path, "test")
        images = v.datasets.SVHN(tmp_path, "test",
                                 T.Compose([T.RandomCrop(32, 4), T.ToTensor(), T.Normalize((0.5,) * 3, (0.2,) * 3)]))
        loader = m.utils.data.DataLoader(images, batch_size=5, shuffle=True)
        return [plain.data.tobytes(), plain.data.shape, plain.labels.tolist(), plain[3][0].tobytes(), plain[3][1],
                repr(plain), list(loader)]
    same(call)
    images = vision.datasets.SVHN(tmp_path, "test", vision.transforms.ToTensor())
    pixels, labels, _ = images._pipeline()
    assert pixels.flags.c_contiguous and pixels.base is not None and len(labels) == 12
    with pytest.raises(RuntimeError, match="Dataset not found or corrupted.*train_32x32.mat .MD5 e26"):
        vision.datasets.SVHN(tmp_path)
    with pytest.raises(ValueError, match="Unknown value 'x' for argument split"):
        vision.datasets.SVHN(tmp_path, "x")


# ---- folders --------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("folders")
    rng = np.random.default_rng(2)
    for k, path in enumerate(["dog/b.png", "dog/a.JPG", "cat/sub/c.jpeg", "cat/d.bmp", "cat/e.gif", "cat/notes.txt",
                              "ant/f.webp", "ant/z/y/g.png", "ant/h.ppm"]):
        path = root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("no image")
            continue
        image = Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)).resize((40 + 3 * k, 50 - 2 * k), 3)
        image = image.convert({1: "L", 0: "RGBA", 7: "P"}.get(k, "RGB") if path.suffix in (".png", ".JPG") else "RGB")
        image.save(path)
    return root


def folder_transform(T):
    return T.Compose([T.Resize(36), T.RandomResizedCrop(24), T.RandomHorizontalFlip(), T.ToTensor(),
                      T.Normalize((0.5,) * 3, (0.25,) * 3)])


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_of_an_image_folder(folders, workers):
    def call(m, v):
        images = v.datasets.ImageFolder(folders, transform=folder_transform(v.transforms))
        return list(m.utils.data.DataLoader(images, batch_size=3, shuffle=True, num_workers=workers))
    same(call)


def test_what_image_folders_are_like(folders):
    def ten_more(y):  # one object: its text holds an address
        return y + 10

    def call(m, v):
        D = v.datasets
        images = D.ImageFolder(str(folders), target_transform=ten_more)
        assert images.imgs is images.samples and isinstance(images, D.DatasetFolder) \
               and images.loader is D.folder.default_loader
        pictures = [(im.mode, im.size, im.tobytes(), y) for im, y in images]
        texts = D.DatasetFolder(folders, lambda path: os.path.basename(path), (".txt", ".gif"), allow_empty=True)
        png = D.ImageFolder(folders, is_valid_file=lambda path: path.endswith("png"), allow_empty=True)
        return [images.classes, images.class_to_idx, images.samples, images.targets, images.extensions,
                repr(images), pictures,
                list(texts), repr(texts), png.samples, png.extensions, D.folder.is_image_file("A.PNG"),
                D.folder.has_file_allowed_extension("x.txt", ".txt"), D.folder.IMG_EXTENSIONS,
                D.folder.make_dataset(folders, {"cat": 4}, extensions="bmp")]
    same(call)


def test_a_folder_s_classes_may_be_chosen(folders):
    def call(m, v):
        class Two(v.datasets.ImageFolder):
            def find_classes(self, directory):
                return ["dog", "ant"], {"dog": 0, "ant": 1}
        return [Two(folders).samples, Two(folders).classes, Two(folders).targets]
    same(call)


@pytest.mark.parametrize("make", [
    lambda D, root: D.ImageFolder(root / "nowhere"),
    lambda D, root: D.ImageFolder(root / "dog"),
    lambda D, root: D.ImageFolder(root, is_valid_file=lambda path: path.endswith("gif")),
    lambda D, root: D.DatasetFolder(root, open),
    lambda D, root: D.DatasetFolder(root, open, extensions=(".gif", ".xyz")),
    lambda D, root: D.DatasetFolder(root, open, extensions=(".gif",), is_valid_file=len),
    lambda D, root: D.folder.make_dataset(root, {}, extensions=(".gif",)),
    lambda D, root: D.DatasetFolder.make_dataset(root, None, extensions=(".gif",)),
])
def test_refused_folders(folders, make):
    errors = []
    for _, v in BOTH:
        with pytest.raises(Exception) as caught:
            make(v.datasets, folders)
        errors.append(caught.value)
    want, got = errors
    assert type(got) is type(want) and str(got).startswith(str(want))


@pytest.mark.parametrize("damage, message", [(lambda d: d[:len(d) // 2], "image file is truncated.*one.png"),
                                             (lambda d: b"no image at all", "cannot identify image file '.*one.png'"),
                                             (lambda d: b"", "cannot identify image file '.*one.png'")])
def test_a_broken_image_is_named(tmp_path, damage, message):
    (tmp_path / "x").mkdir()
    path = tmp_path / "x" / "one.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)).save(path)
    path.write_bytes(damage(path.read_bytes()))
    errors = []
    for _, v in BOTH:
        with pytest.raises(OSError) as caught:
            v.datasets.ImageFolder(tmp_path)[0]
        errors.append(caught.value)
    assert type(errors[1]) is type(errors[0])
    with pytest.raises(OSError, match=message):
        raise errors[1]


def test_image_folders_can_be_pickled(folders):
    images = vision.datasets.ImageFolder(folders, transform=folder_transform(vision.transforms))
    images = pickle.loads(pickle.dumps(images))
    assert len(images) == 7 and images[0][0].shape == (3, 24, 24)


# ---- noise ----------------------------------------------------------------------------------------

def test_fake_data():
    def call(m, v):
        images = v.datasets.FakeData(12, (3, 8, 9), 5, v.transforms.ToTensor(), random_offset=3)
        m.rand(2)
        grey = v.datasets.FakeData(4, (1, 4, 4), target_transform=lambda y: y + 1)
        with pytest.raises(IndexError, match="FakeData index out of range"):
            grey[4]
        return [list(m.utils.data.DataLoader(images, 5)), [(im.mode, im.tobytes(), y) for im, y in grey], len(images),
                repr(images), v.datasets.FakeData().image_size]
    same(call)
