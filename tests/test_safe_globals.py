"""Classes that the user calls safe: what a file may then do, and what it still may not."""

import argparse
import collections
import dataclasses
import enum
import io
import os
import struct

import pytest

import pycnn as torch
from pickles import archive, call, group, legacy, legacy_tensor, mapping, name, number, tensor, text
from pycnn import CheckpointError, serialization


class Kind(enum.Enum):
    ONE = 1
    TWO = 2

    def __reduce_ex__(self, protocol):  # of some Pythons: by getattr, which is not safe
        return Kind, (self.value,)


@dataclasses.dataclass
class Settings:
    lr: float
    layers: list
    kind: Kind = Kind.ONE


class Slots:
    __slots__ = ("a",)


class Stateful:
    def __setstate__(self, state):
        self.seen = state


SAFE = [argparse.Namespace, Settings, Kind, Slots, Stateful]
HERE = __name__


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    serialization.clear_safe_globals()


def saved(obj):
    file = io.BytesIO()
    torch.save(obj, file)
    return file.getvalue()


def loaded(data, safe=SAFE):
    with serialization.safe_globals(safe):
        return torch.load(io.BytesIO(data))


def test_the_list():
    assert serialization.get_safe_globals() == []
    serialization.add_safe_globals([Kind])
    with serialization.safe_globals([Settings, Kind]):
        assert set(serialization.get_safe_globals()) == {Kind, Settings}
    assert serialization.get_safe_globals() == []  # as in torch: what the block adds, it takes back
    serialization.add_safe_globals([Kind])
    serialization.clear_safe_globals()
    assert serialization.get_safe_globals() == []


def test_objects(tmp_path):
    slots = Slots()
    slots.a = [1]
    state = {"args": argparse.Namespace(lr=0.1, parts=[{"w": torch.arange(3)}]), "slots": slots,
             "settings": Settings(0.5, [1, (2, 3)], Kind.TWO), "weights": torch.ones(2, 2).t(), "dtype": torch.int32,
             "parameter": torch.nn.Parameter(torch.zeros(2)), "size": torch.Size([1, 2]), "set": {1, 2},
             "counter": collections.Counter(a=2), "device": torch.device("cpu"), "bytes": b"\xff\x00",
             "array": bytearray(b"\xfe\x01"), "ordered": collections.OrderedDict(a=1)}
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"add_safe_globals\(\[argparse.Namespace\]\)"):
        torch.load(tmp_path / "a.pth")
    assert set(serialization.get_unsafe_globals_in_checkpoint(tmp_path / "a.pth")) == {
        "argparse.Namespace", f"{HERE}.Slots", f"{HERE}.Settings", f"{HERE}.Kind"}
    with serialization.safe_globals(SAFE):
        assert serialization.get_unsafe_globals_in_checkpoint(tmp_path / "a.pth") == []
        got = torch.load(tmp_path / "a.pth")
    assert got["args"].lr == 0.1 and got["args"].parts[0]["w"].tolist() == [0, 1, 2]
    assert got["settings"] == state["settings"] and got["slots"].a == [1] and got["weights"].tolist() == [[1, 1]] * 2
    assert type(got["parameter"]) is torch.nn.Parameter and got["parameter"].requires_grad
    for key in ("dtype", "size", "set", "counter", "device", "bytes", "array", "ordered"):
        assert got[key] == state[key] and type(got[key]) is type(state[key])


def test_a_name_of_its_own():
    data = archive(call(name("old.module", "make"), number(3)))
    assert loaded(data, [(abs, "old.module.make")]) == 3
    for pair, error in (((abs, "a", "b"), ValueError), ((abs, 3), TypeError)):
        with pytest.raises(error, match="Expected"):
            loaded(data, [pair])


def new(member, state):
    return name(HERE, member) + b")\x81" + state + b"b"


def test_state():
    assert loaded(archive(new("Stateful", number(7)))).seen == 7
    assert loaded(archive(b"]" + new("Settings", mapping(lr=number(1))) + b"a"))[0].lr == 1


OBJECT = new("Slots", b"N") + b"0"  # one that is allowed comes first: the reader of plain data has given up
SETTINGS = new("Settings", mapping(lr=number(1)))
NESTED = b")" + 200_000 * b"\x85"
HOSTILE = {
    "another name": (OBJECT + call(name("os", "system"), text("echo")), "GLOBAL os.system"),
    "a member through a dot": (name(HERE, "Kind.mro"), "GLOBAL .*Kind.mro"),
    "a call of a result": (call(new("Stateful", number(1))), "unrecognized function"),
    "a call of a dtype": (OBJECT + call(name("torch", "float32")), "unrecognized function"),
    "a new object of a known class": (OBJECT + name("builtins", "set") + b")\x81", "Can only create new object"),
    "state of a class": (name(HERE, "Settings") + group(b"N", mapping(lr=number(1))) + b"b", "Can only build"),
    "state of a set": (OBJECT + call(name("builtins", "set")) + mapping(a=number(1)) + b"b", "Can only build"),
    "entries of an object": (SETTINGS + text("lr") + number(2) + b"s", "entries are added"),
    "values appended to an object": (SETTINGS + number(2) + b"a", "values are appended"),
    "a bomb of tuples as key": (OBJECT + b"}" + NESTED + number(1) + b"s", "tuple of tuples"),
    "a bomb of tuples in a set": (OBJECT + call(name("builtins", "set"), b"]" + NESTED + b"a"), "tuple of tuples"),
    "a bomb of tuples in pairs": (
        OBJECT + call(name("collections", "OrderedDict"), b"](" + NESTED + number(1) + b"ta"), "tuple of tuples"),
    "a bomb of tuples counted": (OBJECT + call(name("collections", "Counter"), b"]" + NESTED + b"a"), "of a dict"),
    "64 GB of zeros": (OBJECT + call(name("builtins", "bytearray"), number(1 << 36)), "made of bytes"),
    "a tensor beyond its storage": (OBJECT + tensor(size=(99,)), "out of bounds"),
    "a storage of another size": (OBJECT + tensor(numel=3), "elements"),
    "a missing record": (OBJECT + tensor(key="7"), "data/7"),
    "an instruction of protocol 0": (OBJECT + b"(i" + f"{HERE}\nKind\n".encode(), "malformed"),
    "an extension": (OBJECT + b"\x82\x01", "malformed"),
    "an empty stack": (OBJECT + b"00", "malformed"),
    "no such memo": (OBJECT + b"h\x09", "Memo value"),
    "a long text": (OBJECT + b"X" + struct.pack("<I", 2**31), "EOFError"),
    "state that a class does not take": (new("Slots", mapping(b=number(1))), "malformed"),
}


@pytest.mark.parametrize("body, words", HOSTILE.values(), ids=HOSTILE)
def test_what_a_file_still_may_not_do(body, words):
    with pytest.raises(CheckpointError, match=words):
        loaded(archive(body))


def test_methods_of_a_dict_stay():
    body = OBJECT + call(name("collections", "OrderedDict")) + mapping(items=number(1), _metadata=b"}") + b"b"
    result = loaded(archive(body))
    assert list(result.items()) == [] and result._metadata == {}


def test_other_formats(tmp_path):
    old = legacy(mapping(w=legacy_tensor(), a=new("Slots", b"N")))
    with pytest.raises(CheckpointError, match="GLOBAL .*Slots was not an allowed global"):
        loaded(old)
    with pytest.raises(ValueError, match="Expected input to be a checkpoint returned by torch.save"):
        serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(old))


def test_an_interrupted_save_of_an_object_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.pth"
    torch.save(1, path)

    def fail(*args):
        raise OSError("no space")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        torch.save(argparse.Namespace(a=1), path)
    assert torch.load(path) == 1 and os.listdir(tmp_path) == ["a.pth"]
