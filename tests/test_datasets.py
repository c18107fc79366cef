"""CIFAR data sets without torchvision: real files, hostile files, archives that climb out, no network."""

import hashlib
import io
import os
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import pycnn as torch
from pickles import call, document, group, name, number, text
from pycnn.utils.data import DataLoader
from pycnn.vision import datasets, transforms
from pycnn.vision.datasets import utils

NAMES = [f"class{k}" for k in range(10)]
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 3072), dtype=np.uint8)
LABELS = [k % 10 for k in range(20)]


def python2_string(s):
    return b"T" + struct.pack("<I", len(s)) + s


def python2_batch(data=PIXELS, labels=LABELS, dtype=b"u1"):
    """As CIFAR's authors pickled it: Python 2, str for keys, names and bytes."""
    array = (name("numpy.core.multiarray", "_reconstruct") + name("numpy", "ndarray") + b"K\0\x85" +
             python2_string(b"b") + b"\x87R"
             + group(number(1), number(data.shape[0]) + number(data.shape[1]) + b"\x86",
                     name("numpy", "dtype") + python2_string(dtype) + b"K\0K\1\x87R"
                     + group(number(3), python2_string(b"|"), b"NNN", number(-1), number(-1), number(0)) + b"b",
                     b"\x89", python2_string(data.tobytes())) + b"b")
    items = b"](" + b"".join(map(number, labels)) + b"e"
    return document(b"}(" + python2_string(b"data") + array + python2_string(b"labels") + items + b"u")


def meta(names=NAMES):
    return document(b"}" + python2_string(b"label_names") + b"](" +
                    b"".join(python2_string(n.encode()) for n in names) + b"es")


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def make(root, train=python2_batch(), test=python2_batch(PIXELS[:10], LABELS[:10]), classes=meta(),
         base=datasets.CIFAR10):
    """The files of a small CIFAR-10 and a class that expects their MD5 sums."""
    files = {"data_batch_1": train, "data_batch_2": train, "test_batch": test, "batches.meta": classes}
    folder = Path(root) / base.base_folder
    folder.mkdir(parents=True, exist_ok=True)
    for file, data in files.items():
        (folder / file).write_bytes(data)
    sums = {file: md5(data) for file, data in files.items()}
    return type(base.__name__, (base,), {
        "train_list": [[f, sums[f]] for f in ("data_batch_1", "data_batch_2")],
        "test_list": [["test_batch", sums["test_batch"]]],
        "meta": {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]}})


# ---- reading --------------------------------------------------------------------------------------

def check(small):
    images = PIXELS.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    assert small.data.dtype == np.uint8 and small.data.flags.c_contiguous and small.data.flags.writeable
    assert np.array_equal(small.data, np.concatenate([images, images])) and small.targets == LABELS * 2
    assert type(small.targets) is list and type(small.targets[0]) is int


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_batches_of_python_3(protocol, tmp_path):
    """Also with labels as arrays or NumPy's numbers, and keys as bytes."""
    for labels in (LABELS, tuple(LABELS), np.array(LABELS), np.array(LABELS, ">i2"), np.array(LABELS, np.uint8),
                   list(np.array(LABELS))):
        data = pickle.dumps({"data": PIXELS, "labels": labels, "filenames": ["a.png"] * 20,
                             "batch_label": b"training batch"}, protocol)
        check(make(tmp_path, data, classes=pickle.dumps({"label_names": NAMES, "num_vis": 3072}, protocol))(tmp_path))
    data = pickle.dumps({b"data": PIXELS, b"fine_labels": LABELS, b"coarse_labels": [0] * 20}, protocol)
    check(make(tmp_path, data)(tmp_path))


def test_a_small_cifar10(tmp_path):
    cifar10 = make(tmp_path)
    small = cifar10(tmp_path)
    check(small)
    assert small.classes == NAMES and small.class_to_idx == {n: k for k, n in enumerate(NAMES)} and len(small) == 40
    image, label = small[3]
    assert image.size == (32, 32) and image.mode == "RGB" and label == 3
    assert np.array_equal(np.asarray(image), PIXELS[3].reshape(3, 32, 32).transpose(1, 2, 0))
    test = cifar10(str(tmp_path), train=False, transform=transforms.ToTensor(), target_transform=lambda y: y + 100)
    image, label = test[3]
    assert len(test) == 10 and image.shape == (3, 32, 32) and label == 103
    assert image.tolist() == torch.from_numpy(PIXELS[3].reshape(3, 32, 32)).float().div(255).tolist()
    assert repr(test) \
           == (f"Dataset CIFAR10\n    Number of datapoints: 10\n    Root location: {tmp_path}\n    Split: Test\n"
                          "    StandardTransform\nTransform: ToTensor()\nTarget transform: " +
               repr(test.target_transform))


def test_attributes_are_those_of_the_published_files():
    assert datasets.CIFAR10.tgz_md5 == "c58f30108f718f92721af3b95e74349a"
    assert datasets.CIFAR10.url.endswith("/cifar-10-python.tar.gz") \
           and datasets.CIFAR10.base_folder == "cifar-10-batches-py"
    assert datasets.CIFAR10.train_list[4] == ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"]
    assert datasets.CIFAR100.meta["key"] == "fine_label_names" and datasets.CIFAR100.train_list[0][0] == "train"
    assert issubclass(datasets.CIFAR100, datasets.CIFAR10) and issubclass(datasets.CIFAR10, datasets.VisionDataset)
    assert issubclass(datasets.VisionDataset, torch.utils.data.Dataset)


def test_the_published_layout(cifar10_root):
    from program import Program, pycnn_modules
    program = Program(*pycnn_modules())
    for train, sizes in ((True, (50_000, 5000)), (False, (10_000, 1000))):
        images = program.dataset(cifar10_root, train)
        n = len(images)
        assert n in sizes and images.data.shape == (n, 32, 32, 3)
        assert np.bincount(images.targets).tolist() == [n // 10] * 10
        assert images.classes[:2] == ["airplane", "automobile"]


def test_the_sample_has_real_images_of_all_classes():
    path = Path(datasets.__file__).parents[2] / "data" / "cifar10-sample.tar.xz"
    assert path.stat().st_size <= 2_000_000
    for train, n in ((True, 5000), (False, 1000)):
        sample = datasets.CIFAR10Sample(train=train)
        assert sample.data.shape == (n, 32, 32, 3) and sample.data.dtype == np.uint8 and sample.data.flags.c_contiguous
        assert np.bincount(sample.targets).tolist() == [n // 10] * 10 and len(set(map(bytes, sample.data))) > n - 20
        assert f"Number of datapoints: {n}" in repr(sample) and sample.data.std() > 50
        image, label = sample[7]
        assert image.size == (32, 32) and sample.classes[label] == sample.classes[sample.targets[7]]


def test_the_sample_s_images_are_close_to_the_originals(cifar10_root):
    from program import Program, pycnn_modules
    real, sample = Program(*pycnn_modules()).dataset(cifar10_root, False), datasets.CIFAR10Sample(train=False)
    targets = np.array(real.targets)
    chosen = np.sort(np.concatenate([np.flatnonzero(targets == c)[:100] for c in range(10)]))
    assert targets[chosen].tolist() == sample.targets
    difference = real.data[chosen].astype(int) - sample.data
    assert np.abs(difference).mean() < 6 and np.abs(difference).mean((1, 2, 3)).max() < 20


# ---- the way past Python --------------------------------------------------------------------------

COMPILED = transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor(),
                               transforms.Normalize((0.5,) * 3, (0.5,) * 3)])


def test_what_the_loader_is_offered(tmp_path):
    cifar10 = make(tmp_path)
    images, labels, pipeline = cifar10(tmp_path, transform=COMPILED)._pipeline()
    assert images.shape == (40, 32, 32, 3) and labels.dtype == np.int64 and isinstance(pipeline, torch._C.Pipeline)
    assert isinstance(cifar10(tmp_path, transform=transforms.ToTensor())._pipeline()[2], torch._C.Pipeline)
    assert cifar10(tmp_path)._pipeline()[2] is None
    assert datasets.CIFAR10Sample(train=False, transform=COMPILED)._pipeline() is not None

    class Own(cifar10):
        def __getitem__(self, index):
            return super().__getitem__(index)

    assert Own(tmp_path, transform=COMPILED)._pipeline() is None
    assert cifar10(tmp_path, transform=lambda image: image)._pipeline() is None
    assert cifar10(tmp_path, transform=transforms.RandomHorizontalFlip())._pipeline() is None
    assert cifar10(tmp_path, transform=COMPILED, target_transform=int)._pipeline() is None
    changed = cifar10(tmp_path, transform=COMPILED)
    for targets in (["a"] * 40, [0.5] * 40, LABELS):
        changed.targets = targets
        assert changed._pipeline() is None
    changed.targets, changed.data = LABELS * 2, changed.data.astype(np.float32)
    assert changed._pipeline() is None


@pytest.mark.parametrize("transform", [transforms.ToTensor(), COMPILED])
def test_both_ways_give_the_same_batches(transform, tmp_path):
    cifar10 = make(tmp_path)

    class Slow(cifar10):
        def __getitem__(self, index):
            return super().__getitem__(index)

    batches = []
    for cls in (cifar10, Slow):
        images = cls(tmp_path, transform=transform)
        images.data, images.targets = images.data[5:], images.targets[5:]
        torch.manual_seed(3)
        batches.append(list(DataLoader(images, batch_size=8, shuffle=True)))
    for (x, y), (other_x, other_y) in zip(*batches, strict=True):
        assert x.dtype is torch.float32 and y.dtype is torch.int64
        assert y.tolist() == other_y.tolist() and (x == other_x).all()


# ---- files that are not what they should be -------------------------------------------------------

RUN = call(name("os", "system"), text("touch PWNED"))
BROKEN = {
    "code": (document(RUN), "GLOBAL os.system was not an allowed global"),
    "code in a value": (document(b"}(" + text("data") + RUN + b"u"), "GLOBAL os.system"),
    "code in a class": (document(name("subprocess", "Popen") + group(text("x")) + b"\x81"), "GLOBAL subprocess.Popen"),
    "an array that calls": (document(call(name("numpy.core.multiarray", "_reconstruct"), name("os", "system"),
                                          group(number(0)), text("b"))), "GLOBAL os.system"),
    "code in a NumPy name": (document(call(name("numpy.core.multiarray", "fromfile"), text("/etc/passwd"))),
                             "GLOBAL numpy.core.multiarray.fromfile"),
    "truncated": (python2_batch()[:30_000], "truncated pickle"),
    "empty": (b"", "truncated pickle"),
    "columns": (python2_batch(PIXELS[:, :3000]), "rows of 'data' have 3000 bytes, images of 32 x 32 pixels have 3072"),
    "a row too many": (python2_batch(np.zeros((21, 3072), np.uint8)), "21 images, but 20 labels"),
    "too few labels": (python2_batch(labels=LABELS[:7]), "20 images, but 7 labels"),
    "a label of 77": (python2_batch(labels=[77] + LABELS[1:]), "image 0 has the label 77, there are 10 classes"),
    "a label of -1": (python2_batch(labels=LABELS[:19] + [-1]), "image 19 has the label -1, there are 10 classes"),
    "another dtype": (python2_batch(dtype=b"i1"), "'data' must be a two-dimensional array of uint8"),
    "floats": (pickle.dumps({"data": PIXELS.astype(np.float32), "labels": LABELS}, 2),
               "'data' must be a two-dimensional array of uint8"),
    "Fortran order": (pickle.dumps({"data": np.asfortranarray(PIXELS), "labels": LABELS}, 2), "in C order"),
    "objects": (pickle.dumps({"data": np.array([None]), "labels": LABELS}, 2), "dtype O8 are not supported"),
    "strings as labels": (pickle.dumps({"data": PIXELS, "labels": ["a"] * 20}, 2), "the label of image 0 is a string"),
    "floats as labels": (pickle.dumps({"data": PIXELS, "labels": np.zeros(20)}, 2), "no list 'labels'"),
    "no labels": (pickle.dumps({"data": PIXELS}, 2), "no list 'labels' or 'fine_labels'"),
    "no data": (pickle.dumps({"labels": LABELS}, 2), "no array 'data'"),
    "a list": (pickle.dumps([PIXELS], 2), "a dict was expected, the file holds a list"),
    "bytes that are fewer": (python2_batch().replace(struct.pack("<I", PIXELS.size),
                                                     struct.pack("<I", PIXELS.size - 4), 1), ""),
    "a shape that overflows": (pickle.dumps({"data": PIXELS, "labels": LABELS},
                                            2).replace(b"M\x00\x0c", b"J\xff\xff\xff\x7f"), "NumPy array"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "opcode"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_batch_is_refused(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data, message = BROKEN[case]
    cifar10 = make(tmp_path, data)
    before = torch._C._alloc_stats()["live_blocks"]
    with pytest.raises(RuntimeError, match=message or None) as caught:
        cifar10(tmp_path)
    assert isinstance(caught.value, torch.CheckpointError) and caught.value.path.endswith("data_batch_1")
    del caught
    assert os.listdir() == ["cifar-10-batches-py"] and torch._C._alloc_stats()["live_blocks"] == before


@pytest.mark.parametrize("data", [document(RUN), document(b"}" + text("label_names") + RUN + b"s"), document(b"}"),
                                  meta(NAMES)[:-3], document(b"}" + text("label_names") + b"](K\1K\2es")])
def test_a_broken_list_of_classes_is_refused(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(torch.CheckpointError, match="batches.meta"):
        make(tmp_path, classes=data)(tmp_path)
    assert os.listdir() == ["cifar-10-batches-py"]


def test_a_second_file_that_is_broken(tmp_path):
    cifar10 = make(tmp_path)
    (tmp_path / "cifar-10-batches-py" / "data_batch_2").write_bytes(python2_batch(labels=[10] * 20))
    monkey = type("Unchecked", (cifar10,), {"_check_integrity": lambda self: True})
    with pytest.raises(torch.CheckpointError, match="data_batch_2: image 0 has the label 10"):
        monkey(tmp_path)


def test_missing_and_changed_files(tmp_path):
    with pytest.raises(RuntimeError,
                       match=r"^Dataset not found or corrupted. You can use download=True to download it: "
                             r".*data_batch_1 is "
                                           r"missing. Without a network, put https://.*tar.gz \(MD5 c58f.*\) into"):
        datasets.CIFAR10(tmp_path)
    cifar10 = make(tmp_path)
    cifar10(tmp_path)
    path = tmp_path / "cifar-10-batches-py" / "test_batch"
    expected = md5(path.read_bytes())
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(RuntimeError,
                       match=f"^Dataset not found or corrupted.*test_batch has the MD5 sum {md5(path.read_bytes())}, "
                             f"expected "
                                           f"is {expected}"):
        cifar10(tmp_path)
    cifar10 = make(tmp_path)
    (tmp_path / "cifar-10-batches-py" / "batches.meta").write_bytes(b"")
    with pytest.raises(RuntimeError,
                       match="^Dataset metadata file not found or corrupted. You can use download=True to "
                                               "download it: .*meta"):
        cifar10(tmp_path)


def test_transforms_exclude_each_other():
    with pytest.raises(ValueError, match="Only transforms or transform/target_transform can be passed as argument"):
        datasets.VisionDataset("x", transforms=int, transform=int)


# ---- downloading and unpacking --------------------------------------------------------------------

def tar_of(members, mode="w:gz"):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as tar:
        for member, value in members:
            info = tarfile.TarInfo(member)
            if isinstance(value, bytes):
                info.size = len(value)
                tar.addfile(info, io.BytesIO(value))
            else:
                info.type, info.linkname = value
                tar.addfile(info)
    return data.getvalue()


def served_cifar10(folder, address, root):
    cifar10 = make(root)
    files = [(f"cifar-10-batches-py/{p.name}", p.read_bytes())
             for p in sorted((root / "cifar-10-batches-py").iterdir())]
    data = tar_of(files)
    (folder / "cifar-10-python.tar.gz").write_bytes(data)
    cifar10.url, cifar10.tgz_md5 = address + "/cifar-10-python.tar.gz", md5(data)
    return cifar10


def test_download(server, tmp_path, tmp_path_factory, capsys):
    cifar10 = served_cifar10(*server, tmp_path_factory.mktemp("source"))
    check(cifar10(tmp_path / "new", download=True))
    assert sorted(os.listdir(tmp_path / "new")) == ["cifar-10-batches-py", "cifar-10-python.tar.gz"]
    (server[0] / "cifar-10-python.tar.gz").unlink()
    check(cifar10(tmp_path / "new", download=True))  # all is there
    (tmp_path / "new" / "cifar-10-batches-py" / "test_batch").unlink()
    check(cifar10(tmp_path / "new", download=True))  # the archive is there


def test_a_mirror(server, tmp_path, tmp_path_factory, monkeypatch):
    cifar10 = served_cifar10(*server, tmp_path_factory.mktemp("source"))
    cifar10.url = "http://127.0.0.1:1/none/cifar-10-python.tar.gz"
    monkeypatch.setenv("PYCNN_DATASET_MIRROR", server[1] + "/")
    check(cifar10(tmp_path, download=True))


def test_a_download_with_another_sum_is_thrown_away(server, tmp_path, tmp_path_factory):
    cifar10 = served_cifar10(*server, tmp_path_factory.mktemp("source"))
    cifar10.tgz_md5 = "0" * 32
    with pytest.raises(RuntimeError,
                       match="has the MD5 sum .*, expected is 0000.*put the file there by hand: "
                             ".*cifar-10-python.tar.gz"):
        cifar10(tmp_path, download=True)
    assert os.listdir(tmp_path) == []


def test_offline(offline, tmp_path):
    with pytest.raises(RuntimeError,
                       match=r"Cannot download https://www.cs.toronto.edu/.*Name or service not known.*Without a "
                             r"network, put the "
                                           r"file there by hand: .*/cifar-10-python.tar.gz \(MD5 "
                                           r"c58f30108f718f92721af3b95e74349a\)"):
        datasets.CIFAR10(tmp_path, download=True)
    assert os.listdir(tmp_path) == []


CLIMBING = {
    "..": [("good", b"1"), ("../evil", b"2")], "absolute": [("good", b"1"), ("/tmp/pycnn_evil", b"2")],
    "a link": [("good", b"1"), ("link", (tarfile.SYMTYPE, "/tmp")), ("link/pycnn_evil", b"2")],
    "a hard link": [("good", b"1"), ("link", (tarfile.LNKTYPE, "../../secret"))],
    "a device": [("good", b"1"), ("null", (tarfile.CHRTYPE, ""))],
    "a pipe": [("good", b"1"), ("pipe", (tarfile.FIFOTYPE, ""))],
    "deep ..": [("good", b"1"), ("a/b/../../../evil", b"2")],
}


@pytest.mark.parametrize("case", CLIMBING)
def test_a_tar_that_climbs_out_is_refused_before_anything_is_written(case, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "a.tar.gz").write_bytes(tar_of(CLIMBING[case]))
    with pytest.raises(RuntimeError, match="nothing was unpacked"):
        utils.extract_archive(tmp_path / "a.tar.gz", target)
    assert os.listdir(target) == [] and sorted(os.listdir(tmp_path)) == ["a.tar.gz", "target"]
    assert not os.path.exists("/tmp/pycnn_evil")


def test_a_link_that_is_there_already_leads_nowhere_else(tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "target" / "folder").symlink_to(tmp_path / "outside")
    (tmp_path / "a.tar").write_bytes(tar_of([("folder/evil", b"1")], "w"))
    with pytest.raises(RuntimeError, match="outside"):
        utils.extract_archive(tmp_path / "a.tar", tmp_path / "target")
    assert os.listdir(tmp_path / "outside") == []


def test_other_archives(tmp_path):
    import gzip
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as z:
        z.writestr("x/y", b"1")
    assert utils.extract_archive(tmp_path / "a.zip", tmp_path / "zip") and (tmp_path / "zip/x/y").read_bytes() == b"1"
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as z:
        z.writestr("good", b"1")
        z.writestr("../evil", b"1")
    with pytest.raises(RuntimeError, match="nothing was unpacked"):
        utils.extract_archive(tmp_path / "b.zip", tmp_path / "zip2")
    assert not (tmp_path / "zip2").exists()
    (tmp_path / "c.gz").write_bytes(gzip.compress(b"2"))
    utils.extract_archive(tmp_path / "c.gz", remove_finished=True)
    assert (tmp_path / "c").read_bytes() == b"2" and not (tmp_path / "c.gz").exists()
    (tmp_path / "d.tar.gz").write_bytes(tar_of([("x", bytes(100_000))])[:80])
    with pytest.raises(RuntimeError, match="damaged"):
        utils.extract_archive(tmp_path / "d.tar.gz")
    with pytest.raises(RuntimeError, match="Unknown compression or archive type: '.rar'"):
        utils.extract_archive(tmp_path / "d.rar")


def test_unpacked_files_are_the_user_s(tmp_path):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        info = tarfile.TarInfo("f")
        info.mode, info.uid, info.size = 0o6777, 12345, 1
        tar.addfile(info, io.BytesIO(b"1"))
    (tmp_path / "a.tar").write_bytes(data.getvalue())
    utils.extract_archive(tmp_path / "a.tar")
    info = (tmp_path / "f").stat()
    assert info.st_mode & 0o7777 == 0o755 and info.st_uid == os.getuid()


def test_a_missing_name_is_an_error_that_names_the_nearest():
    with pytest.raises(AttributeError, match="CIFAR10"):
        datasets.CIFAR11
