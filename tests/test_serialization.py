"""save and load without torch: golden files that torch wrote, round trips, damaged and hostile files."""

import gc
import inspect
import io
import os
import pickle
import random
import resource
import stat
import struct
import tempfile
import zipfile
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest

import pycnn as torch
from pycnn import CheckpointError
from pycnn.nn.parameter import Parameter
from pickles import (FOUR, archive, call, directory_entry, document, group, legacy, legacy_tensor, mapping,
                     name, number, patched, storage, tensor, text)

GOLDEN = Path(__file__).parent / "golden"


def saved(obj, in_legacy=False):
    file = io.BytesIO()
    torch.save(obj, file, _use_new_zipfile_serialization=not in_legacy)
    return file.getvalue()


def loaded(data, **kwargs):
    return torch.load(io.BytesIO(data), **kwargs)


def round_trip(obj, in_legacy=False):
    return loaded(saved(obj, in_legacy))


def blocks():
    """Live blocks of the allocator, those in garbage aside."""
    gc.collect()
    return torch._C._alloc_stats()["live_blocks"]


# ---- files of torch -------------------------------------------------------------------------------

@pytest.mark.parametrize("file", ["torch_2_14.pth", "torch_legacy.pth"])
def test_a_file_of_torch(file):
    got = torch.load(GOLDEN / file)
    model = got["model"]
    assert type(got) is type(model) is OrderedDict and list(model) == ["conv.weight", "bn.num_batches_tracked", "类别"]
    assert model._metadata == OrderedDict([("", {"version": 1}), ("bn", {"version": 2})])
    assert model["conv.weight"].shape == (2, 3, 3,
                                          3) and model["conv.weight"].flatten().tolist() == [k / 8 for k in range(54)]
    assert model["bn.num_batches_tracked"].dtype is torch.int64 and model["bn.num_batches_tracked"].item() == 3
    whole, row, transposed, even = got["views"]
    assert whole.tolist() == [[6.0 * r + c for c in range(6)] for r in range(4)]
    assert row.tolist() == whole[1].tolist() and transposed.stride() == (1, 6) \
           and even.tolist() == whole[:, ::2].tolist()
    whole[1, 0] = 99
    assert row[0] == transposed[0, 1] == even[1, 0] == 99 and row._base is None
    assert type(got["parameter"]) is Parameter and got["parameter"].requires_grad \
           and got["parameter"].tolist() == [1, 2]
    for key, value in got["dtypes"].items():
        assert value.dtype is getattr(torch,
                                      key) and value.float().tolist() == ([0, 1, 1] if key == "bool" else [0, 1, 2])
    assert got["channels_last"].stride() == (24, 1, 8, 2) and got["channels_last"].flatten().tolist() == list(range(24))
    assert got["empty"].shape == (0, 3) and got["scalar"].shape == () and got["scalar"].item() == 2.5
    assert got["expanded"].stride() == (0, 0) or got["expanded"].stride() == (0, 1) or got["expanded"].tolist()
    assert got["expanded"].tolist() == [[7, 7]] * 3
    assert got["plain"] == {
        "none": None, "true": True, "int": 2 ** 70, "negative": -2 ** 63, "float": 0.1, "bytes": b"a\xff\0",
        "text": "模型",
        "tuple": (1, (2, 3), [4]), "set": {1, 2}, "complex": 1 - 2j, "size": torch.Size([2, 3]), "dtype": torch.float64,
        "device": torch.device("cpu"), 5: "five", (1, "a"): "key"}
    assert type(got["plain"]["size"]) is torch.Size


# ---- round trips ----------------------------------------------------------------------------------

PLAIN = [
    None, True, False, 0, 255, 256, 65535, 65536, -1, -2 ** 31, 2 ** 31, 2 ** 63, -2 ** 63, 10 ** 400, -10 ** 400, 0.1,
    float("inf"), 1 - 2j, "", "text", "模型", "\ud800", b"", b"\0\xff" * 200, (), (1,), (1, 2), (1, 2, 3),
    (1, 2, 3, 4), [], [[]],
    list(range(1000)), list(range(1001)), list(range(2001)), {}, {"a": {"b": [1, (2, {"c": None})]}},
    {k: str(k) for k in range(1000)}, {k: k for k in range(2001)},
    {None: 1, True: 2, 0.5: 3, b"x": 4, (1, "a"): 5}, set(),
    {1, 2}, frozenset({1}), OrderedDict(b=1, a=2), OrderedDict((k, k) for k in range(1001)), Counter("aab"),
    torch.float32, torch.bool, torch.Size([]), torch.Size([2, 3, 4, 5]), torch.device("cpu"), torch.device("cuda:1"),
]


@pytest.mark.parametrize("in_legacy", [False, True])
@pytest.mark.parametrize("obj", PLAIN, ids=lambda o: repr(o)[:30])
def test_plain_values(obj, in_legacy):
    got = round_trip(obj, in_legacy)
    assert got == obj and type(got) is type(obj)
    if isinstance(obj, dict):
        assert list(got) == list(obj)


def test_nan_and_negative_zero():
    nan, zero = round_trip([float("nan"), -0.0])
    assert nan != nan and str(zero) == "-0.0"


DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]


@pytest.mark.parametrize("in_legacy", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_of_every_dtype(dtype, in_legacy):
    t = torch.tensor([[0, 1, 2], [3, 4, 5]]).to(getattr(torch, dtype))
    got = round_trip(t, in_legacy)
    assert got.dtype is t.dtype and got.tolist() == t.tolist() and got.data_ptr() % 64 == 0


@pytest.mark.parametrize("in_legacy", [False, True])
def test_shapes_and_strides(in_legacy):
    base = torch.arange(24.0).reshape(1, 2, 3, 4)
    last = base.contiguous(memory_format=torch.channels_last)
    for t in (torch.tensor(1.5), torch.empty(0), torch.empty(2, 0, 3), base, last, base[:, 1], base.transpose(1, 3),
              base[..., ::2], torch.ones(1).expand(5, 5)):
        got = round_trip(t, in_legacy)
        assert got.shape == t.shape and got.stride() == t.stride() and got.storage_offset() == t.storage_offset()
        assert got.tolist() == t.tolist()


def test_values_that_an_operator_has_laid_out_privately():
    x = torch.rand(2, 3, 8, 8)
    y = torch.conv2d(x, torch.rand(4, 3, 3, 3))
    assert round_trip(torch.relu(y)).tolist() == torch.relu(y).tolist()


@pytest.mark.parametrize("in_legacy", [False, True])
def test_what_is_shared_stays_shared(in_legacy):
    t, words = torch.zeros(3), ["a"]
    got = round_trip({"t": t, "again": t, "view": t[1:], "list": words, "twice": (words, words)}, in_legacy)
    assert got["t"] is got["again"] and got["twice"][0] is got["twice"][1] is got["list"]
    got["t"][2] = 5
    assert got["view"].tolist() == [0, 5]
    assert len(saved({"t": torch.zeros(10_000),
                      "view": 0})) < len(saved([torch.zeros(10_000), torch.zeros(10_000)])) - 39_000


def test_things_that_hold_themselves():
    items = []
    items.append(items)
    pair = (1, [])
    pair[1].append(pair)
    many = (1, 2, 3, [])
    many[3].append(many)
    got = round_trip(items)
    assert got[0] is got
    got = round_trip(pair)
    assert got[1][0] is got and got[0] == 1
    got = round_trip(many)
    assert got[3][0] is got and got[:3] == (1, 2, 3)


def test_gradients_and_parameters():
    leaf = torch.ones(2, requires_grad=True)
    got = round_trip({"leaf": leaf, "made": leaf * 2, "p": Parameter(torch.ones(2)),
                      "frozen": Parameter(torch.ones(2), False)})
    assert got["leaf"].requires_grad and got["leaf"].is_leaf and got["made"].requires_grad and got["made"].is_leaf
    assert type(got["p"]) is type(got["frozen"]) is Parameter and got["p"].requires_grad \
           and not got["frozen"].requires_grad


def test_numpy():
    got = round_trip({"f": np.float32(0.5), "i": np.int64(3), "b": np.bool_(True), "s": np.str_("x"),
                      "loss": [np.float64(1.5)]})
    assert got == {"f": 0.5, "i": 3, "b": True, "s": "x", "loss": [1.5]}
    assert [type(v) for v in got.values()] == [float, int, bool, str, list]
    for a in (np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
              np.zeros((0, 3), np.uint8),
              np.array(2.5), np.array([1 + 2j], np.complex64), np.arange(3, dtype=">i4"), np.array([True, False])):
        b = round_trip({"a": a, "again": a})
        assert b["a"] is b["again"] and b["a"].dtype == a.dtype.newbyteorder("=") and b["a"].shape == a.shape \
               and (b["a"] == a).all()
        assert b["a"].flags.writeable and (not a.flags.fnc or b["a"].flags.fnc)
    state = np.random.default_rng(0).bit_generator.state
    assert round_trip(state) == state
    state = np.random.RandomState(0).get_state()
    assert all(np.array_equal(x, y) for x, y in zip(round_trip(state), state))


def test_a_whole_training_state():
    from pycnn import nn, optim
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    schedule = optim.lr_scheduler.MultiStepLR(optimizer, [2, 4])
    model(torch.rand(2, 3, 4, 4)).sum().backward()
    optimizer.step()
    schedule.step()
    state = {"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict(),
             "schedule": schedule.state_dict(),
             "rng": torch.get_rng_state(), "python": random.getstate(),
             "history": [{"loss": 0.5, "accuracy": np.float64(0.25)}]}
    got = round_trip(state)
    assert list(got["model"]) == list(state["model"]) and got["model"]._metadata == state["model"]._metadata
    assert all((got["model"][k] == v).all() for k, v in state["model"].items())
    assert got["optimizer"]["param_groups"] == state["optimizer"]["param_groups"]
    assert got["schedule"] == state["schedule"] and got["python"] == state["python"] and got["epoch"] == 3
    assert (got["rng"] == state["rng"]).all() and got["history"] == [{"loss": 0.5, "accuracy": 0.25}]
    other = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
    other.load_state_dict(got["model"])
    optimizer.load_state_dict(got["optimizer"])
    schedule.load_state_dict(got["schedule"])


def test_what_cannot_be_saved_is_named_with_its_place():
    class Config:
        pass

    for obj, place in (({"a": [0, Config()]}, r"obj\['a'\]\[1\].*Config"), ((lambda: 0), "obj, .*function")):
        with pytest.raises(TypeError, match=place):
            saved(obj)
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        saved(deep)
    while deep:
        deep = deep[0]
    assert round_trip(defaultdict(list, a=[1])) == {"a": [1]}


def test_objects_of_classes():
    model = torch.nn.Linear(2, 2)
    data = saved({"path": Path("x"), "model": model, "texts": np.array(["a"]), "day": np.datetime64("2020-01-01")})
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        loaded(data)
    got = loaded(data, weights_only=False)
    assert got["path"] == Path("x") and got["texts"].tolist() == ["a"] and got["day"] == np.datetime64("2020-01-01")
    assert (got["model"].weight == model.weight).all() and got["model"].weight.requires_grad


def test_signatures_are_torch_s():
    assert list(inspect.signature(torch.save).parameters) == [
        "obj", "f", "pickle_module", "pickle_protocol", "_use_new_zipfile_serialization", "_disable_byteorder_record"]
    assert str(inspect.signature(torch.load)) \
           == ("(f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, "
                                                  "**pickle_load_args)")


# ---- files and places -----------------------------------------------------------------------------

def test_paths_and_file_objects(tmp_path):
    t = {"w": torch.arange(5)}
    for path in (tmp_path / "a.pth", str(tmp_path / "b.pth.tar"), str(tmp_path / "类别.pth"), str(tmp_path / "noext")):
        torch.save(t, path)
        assert torch.load(path)["w"].tolist() == [0, 1, 2, 3, 4]
        with zipfile.ZipFile(path) as z:
            base = os.path.splitext(os.path.basename(path))[0]
            assert z.namelist()[0] == ("archive" if "类" in base else base) + "/data.pkl" and z.testzip() is None
    with open(tmp_path / "c.pth", "wb") as file:
        torch.save(t, file)
    with open(tmp_path / "c.pth", "rb") as file:
        assert torch.load(file)["w"].tolist() == [0, 1, 2, 3, 4]
    with open(tmp_path / "d.bin", "wb", buffering=0) as file:
        file.write(b"head")
        torch.save(t, file)
    for buffering in (-1, 0):
        with open(tmp_path / "d.bin", "rb", buffering=buffering) as file:
            file.seek(4)
            assert torch.load(file)["w"].tolist() == [0, 1, 2, 3, 4] and file.read() == b""
    with tempfile.TemporaryFile() as file:
        torch.save(t, file)
        file.seek(0)
        assert torch.load(file)["w"].tolist() == [0, 1, 2, 3, 4]
    assert sorted(os.listdir(tmp_path)) == ["a.pth", "b.pth.tar", "c.pth", "d.bin", "noext", "类别.pth"]


def test_legacy_files_in_a_row():
    data = legacy(mapping(w=legacy_tensor())) + legacy(mapping(v=legacy_tensor()))
    file = io.BytesIO(data)
    assert list(torch.load(file)) == ["w"] and list(torch.load(file)) == ["v"] and file.read() == b""


def test_a_large_legacy_file_is_read_in_parts(tmp_path):
    """Its pickles are longer than what is read first."""
    path = tmp_path / "large.pth"
    path.write_bytes(legacy(mapping(pad=text("x" * 3_000_000), w=legacy_tensor())))
    got = torch.load(path)
    assert got["w"].tolist() == [0, 1, 2, 3] and len(got["pad"]) == 3_000_000


def test_a_writer_that_takes_a_part_at_a_time():
    class Slow(io.RawIOBase):
        data = b""

        def write(self, b):
            self.data += bytes(b[:100])
            return min(len(b), 100)

    file = Slow()
    torch.save({"w": torch.arange(100)}, file)
    assert loaded(file.data)["w"].tolist() == list(range(100))


def test_links_modes_and_leftovers(tmp_path):
    real, link = tmp_path / "real.pth", tmp_path / "link.pth"
    torch.save(1, real)
    os.chmod(real, 0o600)
    link.symlink_to("real.pth")
    (tmp_path / f"real.pth.{os.getpid()}.tmp").write_bytes(b"of a process that was killed")
    torch.save(2, link)
    assert link.is_symlink() and torch.load(real) == 2 and stat.S_IMODE(real.stat().st_mode) == 0o600
    os.umask(umask := os.umask(0))
    torch.save(3, tmp_path / "fresh.pth")
    assert stat.S_IMODE((tmp_path / "fresh.pth").stat().st_mode) == 0o666 & ~umask
    torch.save(4, tmp_path / ("n" * 251 + ".pth"))
    assert torch.load(tmp_path / ("n" * 251 + ".pth")) == 4


def test_places_where_nothing_can_be_written(tmp_path):
    with pytest.raises(RuntimeError, match="Parent directory .*none does not exist"):
        torch.save(1, tmp_path / "none" / "a.pth")
    with pytest.raises(OSError, match="Is a directory"):
        torch.save(1, tmp_path)
    with pytest.raises(OSError, match="No space left on device: '/dev/full'") as caught:
        torch.save(1, "/dev/full")
    assert caught.value.errno == 28 and caught.value.filename == "/dev/full" and isinstance(caught.value, RuntimeError)
    with pytest.raises(AttributeError,
                       match="expected 'f' to be string, path, or a file-like object with a 'write' attribute"):
        torch.save(1, 3)

    class Broken:
        def write(self, data):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        torch.save(1, Broken())
    assert os.listdir(tmp_path) == []


def test_a_full_disk_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.pth"
    torch.save(1, path)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large: '.*a.pth'"):
            torch.save(torch.zeros(100_000), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.pth"]


def test_an_interrupt_keeps_the_old_file(tmp_path):
    """A failing object is noticed before anything is opened."""
    path = tmp_path / "a.pth"
    torch.save(1, path)
    with pytest.raises(TypeError):
        torch.save([torch.zeros(3), lambda: 0], path)
    assert torch.load(path) == 1 and os.listdir(tmp_path) == ["a.pth"]


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.pth") as caught:
        torch.load(tmp_path / "none.pth")
    assert caught.value.filename == str(tmp_path / "none.pth")
    with pytest.raises(IsADirectoryError):
        torch.load(tmp_path)
    with pytest.raises(AttributeError, match="You can only torch.load from a file that is seekable"):
        torch.load(3)
    reading, writing = os.pipe()
    os.close(writing)
    with open(reading, "rb") as file, pytest.raises(OSError):
        torch.load(file)


def test_arguments_of_load(tmp_path):
    data = saved(torch.ones(2))
    for location in ("cpu", torch.device("cpu"), lambda storage, location: storage, {"cuda:0": "cpu"}, None):
        assert loaded(data, map_location=location).tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        loaded(data, map_location="cuda")
    with pytest.raises(RuntimeError, match="don't know how to restore data location"):
        loaded(data, map_location="foo")
    with pytest.raises(RuntimeError, match="Can not safely load weights when explicit pickle_module"):
        loaded(data, pickle_module=pickle)
    assert loaded(data, pickle_module=pickle, weights_only=False, encoding="latin1").tolist() == [1, 1]
    with pytest.warns(UserWarning, match="pickle_load_args only works if"):
        loaded(data, encoding="latin1")
    with pytest.raises(ValueError, match="f must be a file path in order to use the mmap argument"):
        loaded(data, mmap=True)
    path = tmp_path / "a.pth"
    path.write_bytes(data)
    assert torch.load(path, mmap=True).tolist() == [1, 1]
    path.write_bytes(legacy(mapping(w=legacy_tensor())))
    with pytest.raises(RuntimeError, match="mmap can only be used with files saved with"):
        torch.load(path, mmap=True)


def test_other_pickles_than_torch_s():
    """Deflated and unaligned archives, Python 2 strings, protocol 4, NEWOBJ, big-endian data."""
    ok = mapping(w=tensor())
    assert loaded(archive(ok, compression=zipfile.ZIP_DEFLATED))["w"].tolist() == [0, 1, 2, 3]
    zeros = archive(mapping(w=tensor(numel=1 << 20, size=(1 << 20,))), [("data/0", bytes(4 << 20))],
                    zipfile.ZIP_DEFLATED)
    assert len(zeros) < 10_000 and loaded(zeros)["w"].numel() == 1 << 20
    assert loaded(archive(ok, [("data/0", struct.pack(">4f", 0, 1, 2, 3)), ("byteorder", b"big")]))["w"].tolist() \
           == [0, 1, 2, 3]
    assert loaded(archive(b"}U\x01aU\x03abcs")) == {"a": "abc"}
    assert loaded(archive(pickle.dumps({"a": [1, (2.5, "x"), {3}, frozenset({4}), b"\xff"]}, 4)[:-1])) \
        == {"a": [1, (2.5, "x"), {3}, frozenset({4}), b"\xff"]}
    got = loaded(archive(name("torch.nn.parameter", "Parameter") + group(tensor(), b"\x88") + b"\x81"))
    assert type(got) is Parameter and got.tolist() == [0, 1, 2, 3]
    of_type = call(name("torch._tensor", "_rebuild_from_type_v2"), name("torch._utils", "_rebuild_tensor_v2"),
                   name("torch", "Tensor"),
                   group(storage(), number(0), group(number(4)), group(number(1)), b"\x89",
                         name("collections", "OrderedDict") + b")R"),
                   mapping(note=number(3)))
    assert loaded(archive(of_type)).tolist() == [0, 1, 2, 3]
    assert loaded(archive(call(name("collections", "OrderedDict"), b"](" + b"](" + text("a") + number(1) + b"ee"))) \
           == {"a": 1}
    booleans = loaded(archive(mapping(w=tensor(kind="BoolStorage", numel=3, size=(3,))), [("data/0", b"\0\1\7")]))["w"]
    assert booleans.tolist() == [False, True, True] and (booleans == torch.tensor([False, True, True])).all()


# ---- damaged and hostile files --------------------------------------------------------------------

OK = archive(mapping(w=tensor()))
ENTRY = directory_entry(OK, b"archive/data/0")
RUN = group(text("touch PWNED"))

HOSTILE = {
    # the pickle: code
    "os.system": archive(name("os", "system") + RUN + b"R"),
    "posix.system": archive(name("posix", "system") + RUN + b"R"),
    "eval": archive(name("builtins", "eval") + group(text("1+1")) + b"R"),
    "a dotted name": archive(name("torch._utils", "os.system") + RUN + b"R"),
    "a name through the stack": archive(text("os") + text("system") + b"\x93" + RUN + b"R"),
    "NEWOBJ of a foreign class": archive(name("subprocess", "Popen") + RUN + b"\x81"),
    "INST": archive(b"(" + text("touch PWNED") + b"ios\nsystem\n"),
    "OBJ": archive(b"(" + name("os", "system") + text("touch PWNED") + b"o"),
    "EXT1": archive(b"\x82\x01"),
    "a whole model": archive(name("torch.nn.modules.linear", "Linear") + b")\x81}b"),
    "bytearray": archive(call(name("builtins", "bytearray"), number(1 << 36))),
    "a tensor constructor": archive(call(name("torch", "FloatTensor"), number(1 << 36))),
    "a class as a value": archive(mapping(a=name("collections", "OrderedDict"))),
    "a storage as a value": archive(mapping(a=storage())),
    "a state for a list": archive(b"]}b"),
    "a state for a tensor": archive(tensor() + mapping(item=number(3)) + b"b"),
    "a call of a string": archive(text("abc") + b")R"),
    "a call of a type": archive(name("builtins", "list") + b")R"),
    "metadata that is no dict": archive(name("collections", "OrderedDict") + b")R" +
                                        mapping(_metadata=number(3)) + b"b"),
    # the pickle: malformed
    "an empty stack": archive(b"R"), "no value": archive(b""), "two values": archive(b"NN"),
    "a mark at the end": archive(b"N("),
    "no mark": archive(b"Nt"), "append to a tuple": archive(b")Na"), "an odd dict": archive(b"}(Nu"),
    "no such memo": archive(b"h\x05"), "a memo of four billion": archive(b"Nr\xff\xff\xff\xff"),
    "a string of 4 GiB": archive(b"X\xff\xff\xff\xffabc"),
    "an integer of negative length": archive(b"\x8b\xff\xff\xff\xff"),
    "bytes of 2**63": archive(b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f"), "protocol 9": archive(b"\x80\x09N"),
    "no UTF-8": archive(b"X\1\0\0\0\xff"), "no ASCII name": archive("cos\nsystém\n".encode()),
    "an unknown opcode": archive(b"\xff"),
    "a key of a million tuples": archive(b"})" + b"\x85" * 1_000_000 + number(1) + b"s"),
    "a list as a key": archive(b"}]Ns"), "an array as a set's item": archive(call(name("builtins", "set"), b"](]e")),
    "encode of no string": archive(call(name("_codecs", "encode"), number(3))),
    "encode by another codec": archive(call(name("_codecs", "encode"), text("a"), text("rot13"))),
    "bytes beyond Latin-1": archive(call(name("_codecs", "encode"), text("模"), text("latin1"))),
    "a size of strings": archive(call(name("torch", "Size"), group(text("a")))),
    "an unknown device": archive(call(name("torch", "device"), text("toaster"))),
    "an array without a state": archive(call(name("numpy.core.multiarray", "_reconstruct"), name("numpy", "ndarray"),
                                             group(number(0)), text("b"))),
    "a dtype of objects": archive(call(name("numpy", "dtype"), text("O8"), number(0), number(1))),
    # tensors
    "an offset beyond": archive(mapping(w=tensor(offset=10))),
    "a size beyond": archive(mapping(w=tensor(size=(1_000_000,)))),
    "a stride beyond": archive(mapping(w=tensor(stride=(1_000_000,)))),
    "a negative stride": archive(mapping(w=tensor(stride=(-1,)))),
    "a negative size": archive(mapping(w=tensor(size=(-4,)))),
    "a negative offset": archive(mapping(w=tensor(offset=-3))),
    "an overflow": archive(mapping(w=tensor(size=(2 ** 62, 4), stride=(4, 1)))),
    "an overflow of strides": archive(mapping(w=tensor(size=(2, 2), stride=(2 ** 62, 2 ** 62)))),
    "sizes without strides": archive(mapping(w=tensor(stride=()))),
    "nine dimensions": archive(mapping(w=tensor(size=(1,) * 9, stride=(1,) * 9))),
    "a record too short": archive(mapping(w=tensor(numel=1 << 20, size=(1 << 20,)))),
    "a record far too short": archive(mapping(w=tensor(numel=1 << 40, size=(1 << 40,)))),
    "a negative count": archive(mapping(w=tensor(numel=-4))),
    "a huge count": archive(mapping(w=tensor(numel=2 ** 63 - 1))),
    "two dtypes": archive(mapping(a=tensor(), b=tensor(numel=2, size=(2,), kind="DoubleStorage"))),
    "a missing record": archive(mapping(w=tensor(key="7"))),
    "a key that climbs": archive(mapping(w=tensor(key="../data.pkl"))),
    "complex numbers": archive(mapping(w=tensor(kind="ComplexFloatStorage"))),
    "a conjugate view": archive(mapping(w=tensor(more=(mapping(conj=b"\x88"),)))),
    "a quantized tensor": archive(call(name("torch._utils", "_rebuild_qtensor"), storage())),
    "a pickled module": archive(group(text("module"), number(1), number(2), number(3), number(4)) + b"Q"),
    "an id that is a string": archive(text("storage") + b"Q"),
    # the archive
    "half": OK[:len(OK) // 2], "without its end": OK[:-10], "without its last byte": OK[:-1],
    "junk before": b"JUNK" * 16 + OK,
    "no data.pkl": archive(b"N", folder="archive/x"), "DATA.PKL": OK.replace(b"data.pkl", b"DATA.PKL"),
    "TorchScript": archive(b"N", [("constants.pkl", document(b")"))]),
    "a flipped bit in a tensor": OK.replace(FOUR, FOUR[:5] + b"\x40" + FOUR[6:]),
    "a flipped bit in the pickle": OK.replace(b"_rebuild_tensor_v2", b"^rebuild_tensor_v2"),
    "no folder": archive(mapping(w=tensor()), folder=""),
    "a name that climbs": archive(mapping(w=tensor()), [("data/0", FOUR), ("../../x", b"1")]),
    "a byte order of its own": archive(mapping(w=tensor()), [("data/0", FOUR), ("byteorder", b"weird")]),
    "another method": patched(OK, ENTRY + 10, struct.pack("<H", 12)),
    "encrypted": patched(OK, ENTRY + 8, struct.pack("<H", 1)),
    "a header beyond the file": patched(OK, ENTRY + 42, struct.pack("<I", 1 << 30)),
    "a size beyond the file": patched(OK, ENTRY + 20, struct.pack("<II", 1 << 30, 1 << 30)),
    "a forged length in a local header": patched(OK, struct.unpack_from("<I", OK, ENTRY + 42)[0] + 28, b"\x08\0"),
    "records that overlap": patched(OK, ENTRY + 42, OK[directory_entry(OK, b"archive/data.pkl") + 42:][:4]),
    "another local name": OK.replace(b"archive/data/0", b"archive/data/1", 1),
    "a directory beyond the file": patched(OK, len(OK) - 6, struct.pack("<I", 1 << 30)),
    "too many records": patched(OK, len(OK) - 14, b"\xff\xff\xff\xff"),
    "a part of several": patched(OK, len(OK) - 18, b"\1\0"),
    # legacy files
    "legacy: code": legacy(name("os", "system") + RUN + b"R"),
    "legacy: code in the magic number": legacy(mapping(w=legacy_tensor()),
                                               magic=document(name("os", "system") + RUN + b"R")),
    "legacy: truncated": legacy(mapping(w=legacy_tensor()), data=FOUR[:7]),
    "legacy: a huge count": legacy(mapping(w=legacy_tensor()), numel=1 << 40),
    "legacy: a negative count": legacy(mapping(w=legacy_tensor()), numel=-4),
    "legacy: another count": legacy(mapping(w=legacy_tensor(numel=1 << 20, size=(1 << 20,)))),
    "legacy: an offset beyond": legacy(mapping(w=legacy_tensor(offset=100))),
    "legacy: an unknown key": legacy(mapping(w=legacy_tensor()), keys=["9"]),
    "legacy: a missing key": legacy(mapping(w=legacy_tensor()), keys=[]),
    "legacy: a key twice": legacy(mapping(w=legacy_tensor()), keys=["0", "0"]),
    "legacy: a view of torch 0.3": legacy(mapping(w=tensor(extra=(group(text("1"), number(0), number(4)),)))),
    "legacy: a plain pickle": pickle.dumps({"a": 1}, 2),
    # other files
    "empty": b"", "a web page": b"<!DOCTYPE html><html>not found</html>", "gzip": b"\x1f\x8b\x08\x00" + bytes(50),
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "noise": bytes(range(256)),
    "safetensors": struct.pack("<Q", 2) + b"{}", "a pickle of protocol 4": pickle.dumps({}, 4),
    "tar": bytes(257) + b"ustar" + bytes(300),
}

EXPECTED = {  # words that a user needs
    "os.system": "GLOBAL os.system was not an allowed global", "a whole model": r"save\s*model.state_dict\(\)",
    "a flipped bit in a tensor": "tensor w: record data/0 is damaged: its CRC-32", "TorchScript": "use jit.load",
    "a pickled module": r"save model.state_dict\(\)", "empty": "empty", "a web page": "web page",
    "Git LFS": "git lfs pull",
    "tar": "tar archive", "gzip": "gzip", "half": "truncated", "legacy: truncated": "tensor w: truncated",
    "complex numbers": "complex",
    "legacy: a plain pickle": "Invalid magic number; corrupt file", "safetensors": "safetensors",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file.pth").write_bytes(HOSTILE[case])
    before = blocks()
    with pytest.raises(CheckpointError, match=EXPECTED.get(case)) as caught:
        torch.load("file.pth")
    error = caught.value
    assert error.path == "file.pth" and error.size == len(HOSTILE[case]) and str(error).endswith(error.reason)
    assert isinstance(error, RuntimeError) and isinstance(error, OSError) and isinstance(error, pickle.UnpicklingError)
    with pytest.raises(CheckpointError):
        loaded(HOSTILE[case])
    del caught, error
    assert os.listdir() == ["file.pth"] and blocks() == before


def test_archives_with_a_record_twice():
    for key in ("data/0", "data.pkl"):
        with pytest.warns(UserWarning, match="Duplicate name"):
            data = archive(mapping(w=tensor()), [("data/0", FOUR), (key, FOUR)])
        with pytest.raises(CheckpointError, match=f"two records {key}"):
            loaded(data)


def test_bombs():
    """What unpacks to a lot, or is nested deeply, costs neither memory nor stack."""
    with pytest.raises(CheckpointError, match="data.pkl is too large"):
        loaded(archive(b"N." + bytes(257 << 20), compression=zipfile.ZIP_DEFLATED, level=1))
    deep = loaded(archive(b"]" * 200_000 + b"a" * 199_999))
    depth = 0
    while deep:
        deep, depth = deep[0], depth + 1
    assert depth == 199_999
    laughs = archive(b"K\x01\x85" + b"".join(b"q" + bytes([k]) + b"h" + bytes([k]) + b"\x86" for k in range(100)))
    assert type(loaded(laughs)) is tuple
    itself = loaded(archive(b"]q\x00h\x00a"))
    assert itself[0] is itself
    huge = loaded(archive(mapping(w=tensor(size=(1 << 40,), stride=(0,)))))["w"]
    assert huge.shape == (1 << 40,)
    with pytest.raises(MemoryError):
        huge.contiguous()


def test_attributes_other_than_metadata_are_left_out():
    body = name("collections", "OrderedDict") + b")R" + mapping(items=number(3), _metadata=mapping(a=number(1))) + b"b"
    got = loaded(archive(body))
    assert list(got.items()) == [] and got._metadata == {"a": 1}


def test_mutated_files_are_loaded_or_refused():
    """Of each kind, also with right CRC-32s around a changed pickle; the C tests try many more, under sanitizers."""
    rng = random.Random(0)
    body = (b"}(" + text("w") + tensor() + text("v") + tensor(size=(2, 2), stride=(2, 1)) + text("n") +
            number(2 ** 40) + text("l")
            + b"](K\x01G@\x00\x00\x00\x00\x00\x00\x00N\x88e" + text("p") +
            call(name("torch._utils", "_rebuild_parameter"), tensor(), b"\x88",
                                                                             name("collections", "OrderedDict") +
                 b")R") + b"u")
    interesting = [b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"(", b"t", b"R", b"b", b"Q", b"u", b"e", b".", b"q",
                   b"h", b"X", b"c"]

    def mutated(data):
        data = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 4, 8])):
            at = rng.randrange(len(data))
            kind = rng.random()
            if kind < 0.5:
                data[at] = rng.randrange(256)
            elif kind < 0.75:
                value = rng.choice(interesting)
                data[at:at + len(value)] = value
            elif kind < 0.9:
                other = rng.randrange(len(data))
                data[at:at] = data[other:other + rng.randrange(32)]
            elif len(data) > 40:
                del data[at:at + rng.randrange(1, 9)]
        return bytes(data)

    whole, old = archive(body), legacy(body.replace(storage(), storage(extra=(b"N",))))
    assert len(loaded(whole)) == len(loaded(old)) == 5
    outcomes = Counter()
    for k in range(3000):
        data = (lambda: mutated(whole), lambda: archive(mutated(body)), lambda: mutated(old))[k % 3]()
        try:
            loaded(data)
            outcomes["loaded"] += 1
        except (CheckpointError, MemoryError):
            outcomes["refused"] += 1
    assert outcomes["refused"] > 1000 and outcomes["loaded"] > 30


@pytest.mark.slow
def test_every_allocation_may_fail():
    data, obj = saved({"w": torch.ones(3), "v": [1, "a"]}), {"w": torch.ones(3), "v": [1, "a"]}
    for work in (lambda: loaded(data), lambda: saved(obj), lambda: saved(obj, True), lambda: round_trip(obj, True)):
        before, n = blocks(), 0
        while True:
            torch._C._alloc_fail_after(n)
            try:
                result = work()
                break
            except MemoryError as error:
                assert str(error)
            finally:
                torch._C._alloc_fail_after(-1)
            assert blocks() == before, n
            n += 1
        assert n >= 5
        del result
        assert blocks() == before
