"""Files between torch and pycnn: byte for byte what torch.save writes, and read on either side."""

import argparse
import dataclasses
import inspect
import io
import os
import pathlib
import pickle
import random
import sys
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

import pycnn
from pycnn import vision
from pycnn.nn.parameter import Parameter

sys.path.insert(0, str(Path(__file__).parents[1]))
from program import Program, pycnn_modules, torch_modules  # noqa: E402

pytestmark = pytest.mark.parity

BOTH = (torch, pycnn)
DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]


def to_ours(o):
    """An object of torch with its tensors and small types exchanged for pycnn's, sharing kept within a dict or list."""
    if isinstance(o, torch.nn.Parameter):
        return Parameter(to_ours(o.data), o.requires_grad)
    if isinstance(o, torch.Tensor):
        t = pycnn.tensor(o.detach().double().tolist(), dtype=getattr(pycnn, str(o.dtype)[6:])).reshape(o.shape)
        if o.dim() == 4 and not o.is_contiguous():
            t = t.contiguous(memory_format=pycnn.channels_last)
        return t.requires_grad_() if o.requires_grad else t
    if isinstance(o, torch.Size):
        return pycnn.Size(o)
    if isinstance(o, torch.dtype):
        return getattr(pycnn, str(o)[6:])
    if isinstance(o, torch.device):
        return pycnn.device(o.type, o.index)
    if type(o) is dict:
        return {k: to_ours(v) for k, v in o.items()}
    if type(o) in (list, tuple):
        return type(o)(map(to_ours, o))
    if type(o) is OrderedDict:
        new = OrderedDict((k, to_ours(v)) for k, v in o.items())
        new.__dict__.update(o.__dict__)
        return new
    return o


def check_equal(ours, theirs, where="obj"):
    """The same values in both libraries' types."""
    if isinstance(theirs, torch.Tensor):
        assert type(ours).__name__ == type(theirs).__name__, where
        assert str(ours.dtype) == str(theirs.dtype) and tuple(ours.shape) == tuple(theirs.shape), where
        assert tuple(ours.stride()) == tuple(theirs.stride()) \
               and ours.storage_offset() == theirs.storage_offset(), where
        assert ours.requires_grad == theirs.requires_grad, where
        assert np.array_equal(ours.detach().double().numpy(), theirs.detach().double().numpy()), where
    elif isinstance(theirs, dict):
        assert type(ours) is type(theirs) and list(ours) == list(theirs), where
        for k in theirs:
            check_equal(ours[k], theirs[k], f"{where}[{k!r}]")
        assert getattr(ours, "__dict__", None) == getattr(theirs, "__dict__", None), where
    elif type(theirs) in (list, tuple):
        assert type(ours) is type(theirs) and len(ours) == len(theirs), where
        for k, (a, b) in enumerate(zip(ours, theirs)):
            check_equal(a, b, f"{where}[{k}]")
    else:
        assert ours == to_ours(theirs) and type(ours).__name__ == type(theirs).__name__, where


def save_both(ours, theirs, tmp_path):
    """Bytes of the two files of one name."""
    data = []
    for lib, obj, folder in ((pycnn, ours, "ours"), (torch, theirs, "theirs")):
        (tmp_path / folder).mkdir(exist_ok=True)
        lib.save(obj, tmp_path / folder / "model.pth")
        data.append((tmp_path / folder / "model.pth").read_bytes())
    return data


def check_same_bytes(ours, theirs):
    """Equal but for the serialization id and its CRC-32, which stands behind it and in the directory."""
    files = [zipfile.ZipFile(io.BytesIO(data)) for data in (ours, theirs)]
    assert files[0].namelist() == files[1].namelist()
    for record in files[0].namelist():
        if not record.endswith("serialization_id"):
            assert files[0].read(record) == files[1].read(record), record
    for data, file in zip((ours, theirs), files):
        assert len(file.read(file.namelist()[-1])) == 40 and file.read(file.namelist()[-1]).isdigit()
    a, b = bytearray(ours), bytearray(theirs)
    for data, file in zip((a, b), files):
        crc = file.infolist()[-1].CRC.to_bytes(4, "little")
        for old in (file.read(file.namelist()[-1]), crc):
            while (at := data.find(old)) >= 0:
                data[at:at + len(old)] = bytes(b"\xee" * len(old))
    assert a == b


# ---- what is written ------------------------------------------------------------------------------

def objects():
    """name -> an object in torch's types."""
    base = torch.arange(24.0).reshape(4, 6)
    yield "tensor", base
    yield "dtypes", {d: torch.tensor([0, 1, 3]).to(getattr(torch, d)) for d in DTYPES}
    yield "shapes", [torch.tensor(1.5), torch.empty(0), torch.empty(2, 0, 3), torch.ones(1, 1, 1, 1),
                     torch.ones(2, 3, 4, 5, 6)]
    yield "channels_last", torch.arange(120.0).reshape(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    yield "gradients", [torch.ones(2, requires_grad=True), torch.nn.Parameter(torch.ones(3)),
                        torch.nn.Parameter(torch.ones(3), False)]
    yield "small types", {"a": torch.float32, "b": torch.Size([1, 2]), "c": torch.device("cpu"),
                          "d": torch.device("cuda:1"),
                          "e": torch.Size([]), "f": torch.Size([1, 2, 3, 4]), "g": torch.float32,
                          "h": torch.device("cpu")}
    yield "bytes", [b"", b"a\xff\0", "latin1", b"a\xff\0", "", "模型", "\ud800"]
    yield "numbers", [True, None, 0, 255, 256, 65535, 65536, -1, -129, 2 ** 31, -2 ** 31, 2 ** 63, -2 ** 63, 2 ** 70,
                      10 ** 400, 0.1, 1j]
    for n in (0, 1, 2, 3, 4, 999, 1000, 1001, 2000, 2001):
        yield f"{n} items", [list(range(n)), dict.fromkeys(range(n)), OrderedDict.fromkeys(range(n)), set(range(n)),
                             tuple(range(n)), frozenset(range(n)), Counter(range(n))]
    yield "many tensors", {f"layer{k}.weight": torch.full((k % 5,), float(k)) for k in range(1500)}


@pytest.mark.parametrize("name,theirs", [pytest.param(*o, id=o[0]) for o in objects()])
def test_bytes_are_torch_s(name, theirs, tmp_path):
    ours, expected = save_both(to_ours(theirs), theirs, tmp_path)
    check_same_bytes(ours, expected)
    check_equal(pycnn.load(tmp_path / "theirs" / "model.pth"),
                torch.load(tmp_path / "theirs" / "model.pth", weights_only=False))


def test_views_of_one_storage(tmp_path):
    objs = []
    for lib in BOTH:
        base = lib.arange(24.0).reshape(4, 6)
        objs.append([base, base[1], base[:, ::2], base.transpose(0, 1), base[1:3, 2:4], base, base[0].expand(3, 6)])
    check_same_bytes(*save_both(objs[1], objs[0], tmp_path))
    check_equal(pycnn.load(tmp_path / "theirs" / "model.pth"), torch.load(tmp_path / "theirs" / "model.pth"))


@pytest.mark.parametrize("seed", range(30))
def test_random_nested_values(seed, tmp_path):
    """Shared objects, strings that are equal but not the same, batches: the memo of CPython's pickler, number by
    number."""
    rng = random.Random(seed)
    shared = [["s"], {"k": 1}, ("t", 2, ["u"]), "word", "模", b"b", (1, 2), frozenset({1})]

    def value(depth):
        kind = rng.randrange(14 if depth < 5 else 8)
        if kind == 0:
            return rng.choice([None, True, False, rng.random(), 1j * rng.random()])
        if kind == 1:
            return rng.randrange(-2 ** rng.randrange(1, 80), 2 ** rng.randrange(1, 80))
        if kind in (2, 3):
            return "".join(rng.choice("abcé模") for _ in range(rng.randrange(4)))
        if kind == 4:
            return rng.randbytes(rng.randrange(4))
        if kind in (5, 6):
            return rng.choice(shared)
        if kind == 7:
            return tuple(rng.randrange(9) for _ in range(rng.randrange(6)))
        n = rng.choice([0, 1, 2, 3, 4, 5, rng.choice([1, 7, 1000 if depth > 3 else 6])])
        if kind in (8, 9):
            return [value(depth + 1) for _ in range(n)]
        if kind == 10:
            return tuple(value(depth + 1) for _ in range(n))
        keys = [rng.choice(["a", "b", "key", rng.randrange(99), 0.5, None, (1, "x"), b"y"]) for _ in range(n)]
        if kind == 11:
            return {k: value(depth + 1) for k in keys}
        if kind == 12:
            new = OrderedDict((k, value(depth + 1)) for k in keys)
            if rng.random() < 0.5:
                new._metadata = OrderedDict(a=1)
            return new
        return rng.choice([set(keys), Counter(str(k) for k in keys)])

    obj = [value(0) for _ in range(4)]
    check_same_bytes(*save_both(obj, obj, tmp_path))
    check_equal(pycnn.load(tmp_path / "theirs" / "model.pth", weights_only=False),
                torch.load(tmp_path / "theirs" / "model.pth", weights_only=False))


def test_file_objects_and_names(tmp_path):
    state = {"w": torch.arange(5)}
    ours, theirs = io.BytesIO(), io.BytesIO()
    pycnn.save(to_ours(state), ours)
    torch.save(state, theirs)
    check_same_bytes(ours.getvalue(), theirs.getvalue())
    for name in ("model.pth.tar", "noext", "模型.pth", "a.b.c", "spaces in it.pth"):
        data = []
        for lib, obj, folder in ((pycnn, to_ours(state), "ours"), (torch, state, "theirs")):
            (tmp_path / folder).mkdir(exist_ok=True)
            lib.save(obj, str(tmp_path / folder / name))
            data.append((tmp_path / folder / name).read_bytes())
        check_same_bytes(*data)


# ---- models and optimizers ------------------------------------------------------------------------

def nets(lib):
    nn = lib.nn
    lib.manual_seed(3)
    yield "simple", Program(*(pycnn_modules() if lib is pycnn else torch_modules())).SimpleCNN()
    yield "bn", nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Sequential(
        nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8)), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
    layer = nn.Linear(4, 4)
    yield "shared", nn.Sequential(layer, nn.ReLU(), layer)


@pytest.mark.parametrize("net", ["simple", "bn", "shared"])
def test_a_state_dict(net, tmp_path):
    theirs, ours = (dict(nets(lib))[net] for lib in BOTH)
    check_same_bytes(*save_both(ours.state_dict(), theirs.state_dict(), tmp_path))
    torch.nn.Module.load_state_dict(theirs, torch.load(tmp_path / "ours" / "model.pth"))
    ours.load_state_dict(pycnn.load(tmp_path / "theirs" / "model.pth"))
    check_equal(ours.state_dict(), theirs.state_dict())
    check_equal(pycnn.load(tmp_path / "theirs" / "model.pth"), torch.load(tmp_path / "ours" / "model.pth"))


def test_torch_maps_our_file(tmp_path):
    """mmap, also with offsets that are computed from the layout instead of read."""
    from torch.utils.serialization import config
    ours = dict(nets(pycnn))["simple"]
    path = tmp_path / "model.pth"
    pycnn.save(ours.state_dict(), path)
    for computed in (False, True):
        config.load.calculate_storage_offsets = computed
        try:
            got = torch.load(path, mmap=True, weights_only=True)
        finally:
            config.load.calculate_storage_offsets = False
        check_equal(ours.state_dict(), got)


OPTIMIZERS = {"SGD": {"momentum": 0.9, "weight_decay": 1e-4}, "Adam": {"weight_decay": 1e-5}, "AdamW": {},
              "RMSprop": {"momentum": 0.9}}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_whole_training_state(name, tmp_path):
    """Model, optimizer and schedule after three steps: written here, read there, and the other way."""
    states, parts = [], []
    rng = np.random.default_rng(0)
    x, y = rng.random((4, 3, 8, 8), dtype=np.float32), rng.integers(0, 3, 4)
    for lib in BOTH:
        model = dict(nets(lib))["bn"]
        optimizer = getattr(lib.optim, name)(model.parameters(), lr=0.01, **OPTIMIZERS[name])
        schedule = lib.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
        for _ in range(3):
            optimizer.zero_grad()
            lib.nn.functional.cross_entropy(model(lib.from_numpy(x)), lib.from_numpy(y)).backward()
            optimizer.step()
            schedule.step()
        parts.append((model, optimizer, schedule))
        states.append({"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict(),
                       "schedule": schedule.state_dict(),
                       "best": 0.5, "history": [{"loss": 1.5}], "args": {"lr": 0.01, "name": "run"}})
    save_both(states[1], states[0], tmp_path)
    there = torch.load(tmp_path / "ours" / "model.pth", weights_only=True)
    here = pycnn.load(tmp_path / "theirs" / "model.pth")
    check_equal(here, states[0])
    check_equal(pycnn.load(tmp_path / "ours" / "model.pth"), there)
    for (model, optimizer, schedule), state in zip(parts, (there, here)):
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
    check_equal(parts[1][0].state_dict(), torch.load(tmp_path / "theirs" / "model.pth")["model"])
    assert list(there["optimizer"]["state"][0]) == list(here["optimizer"]["state"][0])


# ---- what is read ---------------------------------------------------------------------------------

@pytest.mark.parametrize("name,theirs", [pytest.param(*o, id=o[0]) for o in objects() if "items" not in o[0]])
def test_legacy_files_of_torch(name, theirs, tmp_path):
    path = tmp_path / "model.pth"
    torch.save(theirs, path, _use_new_zipfile_serialization=False)
    check_equal(pycnn.load(path), torch.load(path, weights_only=False))


@pytest.mark.parametrize("name,theirs", [pytest.param(*o, id=o[0]) for o in objects() if "items" not in o[0]])
def test_legacy_files_for_torch(name, theirs, tmp_path):
    """One storage written in torch's own bytes, but for the key, which there is an address."""
    path = tmp_path / "model.pth"
    pycnn.save(to_ours(theirs), path, _use_new_zipfile_serialization=False)
    check_equal(pycnn.load(path), torch.load(path, weights_only=False))
    check_equal(to_ours(theirs), torch.load(path, weights_only=False))


def test_legacy_bytes_are_torch_s(tmp_path):
    t = torch.arange(6.0).reshape(2, 3)
    torch.save({"w": t}, tmp_path / "theirs", _use_new_zipfile_serialization=False)
    pycnn.save({"w": to_ours(t)}, tmp_path / "ours", _use_new_zipfile_serialization=False)
    ours, theirs = ((tmp_path / name).read_bytes() for name in ("ours", "theirs"))
    key = str(t.untyped_storage()._cdata).encode()
    assert theirs.count(key) == 2
    for old, new in ((key, b"0"), (len(key).to_bytes(4, "little") + b"0", (1).to_bytes(4, "little") + b"0")):
        theirs = theirs.replace(old, new)
    assert ours == theirs


def test_legacy_files_in_a_row(tmp_path):
    path = tmp_path / "model.pth"
    with open(path, "wb") as file:
        for k in range(3):
            torch.save({"w": torch.full((100,), float(k))}, file, _use_new_zipfile_serialization=False)
    with open(path, "rb") as file:
        assert [pycnn.load(file)["w"][0].item() for _ in range(3)] == [0, 1, 2] and file.read() == b""


def test_numpy_s_objects(tmp_path):
    path = tmp_path / "model.pth"
    obj = {"f8": np.float64(0.5), "i4": np.int32(3), "a": np.arange(6, dtype=np.float32).reshape(2, 3),
           "f": np.asfortranarray(np.eye(3)), "bool": np.array([True, False]), "big": np.arange(3, dtype=">i8")}
    torch.save(obj, path)
    ours = pycnn.load(path)
    pycnn.save(obj, tmp_path / "ours.pth")
    theirs = torch.load(tmp_path / "ours.pth", weights_only=False)
    for got, arrays in ((ours, obj), (theirs, {k: v for k, v in obj.items() if isinstance(v, np.ndarray)})):
        for k, v in arrays.items():
            assert type(got[k]) is type(v) and got[k].dtype == v.dtype.newbyteorder('=') \
                and np.array_equal(got[k], v), k


@pytest.mark.parametrize("make,words", [
    (lambda: torch.complex(torch.ones(2), torch.ones(2)), "complex"),
    (lambda: torch.ones(2, 2).to_sparse(), "not supported"),
    (lambda: torch.ones(2).to(torch.float8_e4m3fn), "not supported"),
    (lambda: torch.nn.Linear(2, 2), r"save model.state_dict\(\)"),
    (lambda: np.dtype("f4"), None), (lambda: Path("x"), "pathlib")])
def test_what_only_torch_reads(make, words, tmp_path):
    path = tmp_path / "model.pth"
    torch.save(make(), path)
    with pytest.raises(pycnn.CheckpointError, match=words):
        pycnn.load(path)


def test_attributes_of_tensors_are_left_out(tmp_path):
    t = torch.nn.Parameter(torch.ones(2))
    t.note, u = "x", torch.ones(3)
    u.note = "y"
    torch.save([t, u], tmp_path / "model.pth")
    ours = pycnn.load(tmp_path / "model.pth")
    assert type(ours[0]) is Parameter and ours[0].requires_grad and ours[1].tolist() == [1, 1, 1] \
           and not hasattr(ours[1], "note")


def test_torchscript_is_named(tmp_path):
    path = tmp_path / "model.pt"
    with pytest.warns(Warning):
        torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)).save(str(path))
    with pytest.raises(pycnn.CheckpointError, match="TorchScript archive: use jit.load"):
        pycnn.load(path)


def sizes_beyond_32_bits(big, tmp_path):
    """An archive of more than 4 GiB, sparse on the disk: zip64 in offsets, and in sizes where one record is as
    large."""
    n = (1 << 32) + 10
    state = {"a": torch.zeros(n if big else n // 2, dtype=torch.uint8), "b": torch.ones(n // 2 + 5, dtype=torch.uint8),
             "c": torch.ones(3)}
    path = tmp_path / "model.pth"
    torch.save(state, path)
    theirs = path.stat().st_size
    got = pycnn.load(path)
    assert all(np.array_equal(got[k].numpy(), v.numpy()) for k, v in state.items())
    pycnn.save(got, path)
    assert path.stat().st_size == theirs
    assert all(torch.equal(v, state[k]) for k, v in torch.load(path).items())


if os.environ.get("PYCNN_BIG_TESTS"):  # they write 10 GB: `make deep` asks for them
    test_sizes_beyond_32_bits = pytest.mark.parametrize("big", [False, True])(sizes_beyond_32_bits)


@pytest.mark.parametrize("name, kwargs", [("resnet18", {}), ("efficientnet_b0", {}), ("squeezenet1_1", {}),
                                          ("vit_b_32", {"image_size": 32})])
def test_whole_models_go_both_ways(name, kwargs, tmp_path):
    x = np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype("f")
    models = []
    for t, v, file in ((pycnn, vision, "ours.pt"), (torch, torchvision, "theirs.pt")):
        model = getattr(v.models, name)(num_classes=3, **kwargs).eval()
        t.save({"model": model, "args": argparse.Namespace(lr=0.1), "dtype": t.float64, "more": [t.ones(2), 3]},
               tmp_path / file)
        models.append(model)
    want = [m(t.from_numpy(x)).detach().numpy() for m, t in zip(models, (pycnn, torch))]
    for t in (pycnn, torch):
        for file, scores in zip(("ours.pt", "theirs.pt"), want):
            loaded = t.load(tmp_path / file, weights_only=False)
            assert loaded["args"].lr == 0.1 and loaded["dtype"] is t.float64 and loaded["more"][0].tolist() == [1, 1]
            got = loaded["model"](t.from_numpy(x)).detach().numpy()
            np.testing.assert_allclose(got, scores, rtol=1e-4, atol=1e-5 * max(1, np.abs(scores).max()))
    for t in (pycnn, torch):
        with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
            t.load(tmp_path / "ours.pt")
    with open(tmp_path / "theirs.pt", "rb") as file:
        assert type(pycnn.load(file, weights_only=False)["model"]) is type(models[0])
    pycnn.save(pycnn.nn.Linear(2, 2).to(pycnn.bfloat16), buffer := io.BytesIO())
    buffer.seek(0)
    assert torch.load(buffer, weights_only=False).weight.dtype is torch.bfloat16


@dataclasses.dataclass
class Settings:
    lr: float
    layers: list


def test_safe_globals_go_both_ways(tmp_path):
    for writer in (pycnn, torch):
        path = tmp_path / f"{writer.__name__}.pth"
        writer.save({"settings": Settings(0.1, [1, (2,)]), "args": argparse.Namespace(w=writer.arange(3)),
                     "size": writer.Size([1, 2]), "dtype": writer.int32, "path": pathlib.PurePosixPath("a/b"),
                     "parameter": writer.nn.Parameter(writer.ones(2))}, path)
        for reader in (pycnn, torch):
            names = [Settings, argparse.Namespace, pathlib.PurePosixPath]
            unsafe = sorted(f"{c.__module__}.{c.__qualname__}" for c in names)
            assert sorted(reader.serialization.get_unsafe_globals_in_checkpoint(str(path))) == unsafe
            with pytest.raises(pickle.UnpicklingError, match="was not an allowed global"):
                reader.load(path)
            with reader.serialization.safe_globals(names):
                got = reader.load(path)
            assert got["settings"] == Settings(0.1, [1, (2,)]) and got["args"].w.tolist() == [0, 1, 2]
            assert got["size"] == reader.Size([1, 2]) and got["dtype"] is reader.int32
            assert type(got["parameter"]) is reader.nn.Parameter and got["path"] == names[2]("a/b")


def test_safe_globals_signatures():
    for name in ("add_safe_globals", "get_safe_globals", "clear_safe_globals", "get_unsafe_globals_in_checkpoint"):
        ours, theirs = (inspect.signature(getattr(t.serialization, name)).parameters for t in (pycnn, torch))
        assert list(ours) == list(theirs)


def test_names_of_classes_and_functions_are_torchs():
    """Also where pycnn keeps them in modules that torch does not have."""
    def named(t, v):
        return [t.nn.Linear, t.nn.functional.relu, t.optim.lr_scheduler.StepLR, t.optim.lr_scheduler.CyclicLR,
                v.transforms.Resize, v.transforms.functional.hflip, v.transforms.InterpolationMode.BILINEAR]
    pycnn.save(named(pycnn, vision), buffer := io.BytesIO())
    for t, v in ((torch, torchvision), (pycnn, vision)):
        buffer.seek(0)
        assert t.load(buffer, weights_only=False) == named(t, v)
