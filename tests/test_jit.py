"""Tracing, and TorchScript archives between pycnn and itself; tests/parity/test_jit.py has torch at the other end."""

import copy
import io
import random
import struct
import threading
import warnings
import zipfile

import numpy as np
import pytest

import pycnn
from pycnn import nn

TracerWarning = pycnn.jit.TracerWarning


class Block(nn.Module):
    """Batch norm, a residual, dropout, a buffer, a shared layer, names that are no identifiers."""

    def __init__(self):
        super().__init__()
        self.add_module("class", nn.Conv2d(3, 4, 3, padding=1))
        self.norm = nn.BatchNorm2d(4)
        self.twice = nn.Conv2d(4, 4, 1, bias=False)
        self.again = self.twice
        self.register_buffer("scale", pycnn.tensor([0.5, 1, 2, 3]).view(4, 1, 1))
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(4 * 36, 5))

    def forward(self, x):
        y = self.norm(getattr(self, "class")(x))
        out = self.again(pycnn.relu(self.twice(y)))
        out += y * self.scale
        return self.head(pycnn.relu(out))


def block():
    pycnn.manual_seed(0)
    return Block()


def rand(*shape):
    return pycnn.from_numpy(np.random.default_rng(0).random(shape, np.float32))


def saved(traced, **kwargs):
    file = io.BytesIO()
    pycnn.jit.save(traced, file, **kwargs)
    return file.getvalue()


def loaded(data):
    return pycnn.jit.load(io.BytesIO(data))


def same(a, b):
    np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


# ---- traces


def test_round_trip():
    model = block().eval()
    traced = pycnn.jit.trace(model, rand(2, 3, 6, 6))
    again = loaded(saved(traced))
    assert list(again.state_dict()) == list(model.state_dict())
    assert again.original_name == "Block" and not any(m.training for m in again.modules())
    x = rand(5, 3, 6, 6)
    for made in (traced, again, loaded(saved(again)), copy.deepcopy(traced)):
        same(made(x), model(x))
        same(made(x=x), model(x))
    assert again.get_submodule("twice") is again.get_submodule("again")
    assert "aten::conv2d" in again.graph and "getattr(self, \"class\")" in again.code


def test_a_traced_model_shares_its_parameters():
    model = block().eval()
    traced = pycnn.jit.trace(model, rand(2, 3, 6, 6))
    assert all(a is b for a, b in zip(model.parameters(), traced.parameters()))
    optimizer = pycnn.optim.SGD(traced.parameters(), lr=0.1)
    traced(rand(4, 3, 6, 6)).square().sum().backward()
    optimizer.step()
    same(traced(rand(3, 3, 6, 6)), model(rand(3, 3, 6, 6)))
    other = block()
    traced.load_state_dict(other.state_dict())
    same(traced(rand(3, 3, 6, 6)), other.eval()(rand(3, 3, 6, 6)))
    same(traced.double()(rand(1, 3, 6, 6).double()), model.double()(rand(1, 3, 6, 6).double()))


def test_parts_can_be_called():
    model = block().eval()
    traced = pycnn.jit.trace(model, rand(2, 3, 6, 6))
    for whole in (traced, loaded(saved(traced)), copy.deepcopy(traced)):
        same(getattr(whole, "class")(rand(5, 3, 6, 6)), getattr(model, "class")(rand(5, 3, 6, 6)))
        same(whole.head(rand(3, 4, 6, 6)), model.head(rand(3, 4, 6, 6)))
        same(whole.get_submodule("head.2")(rand(3, 144)), model.head[2](rand(3, 144)))
        assert "self.weight" in whole.get_submodule("twice").code and "aten::linear" in whole.head.graph
    with pytest.raises(RuntimeError, match="cannot be saved by itself"):
        traced.head.save(io.BytesIO())
    model.add_module("idle", nn.Linear(1, 1))
    with pytest.raises(RuntimeError, match="was not called"):
        pycnn.jit.trace(model, rand(2, 3, 6, 6)).idle(rand(1))


def test_training_mode_is_part_of_the_trace():
    model = block().train()
    with pytest.warns(TracerWarning, match="nondeterministic nodes. Did you forget call .eval"):
        traced = pycnn.jit.trace(model, rand(4, 3, 6, 6))
    assert int(model.norm.num_batches_tracked) == 1
    again = loaded(saved(traced))
    x, results = rand(4, 3, 6, 6), []
    for f in (model, again.eval()):  # eval() changes the flag alone, as in torch
        pycnn.manual_seed(5)
        results.append(f(x))
    same(*results)
    same(model.norm.running_mean, again.get_buffer("norm.running_mean"))
    assert int(again.get_buffer("norm.num_batches_tracked")) == 2


def test_sizes_stay_open():
    def f(x):
        n, c = x.shape[0], x.size(1)
        pieces = x.view(n, 2, c // 2, -1)
        y = pieces.flatten(2)[:, 0]
        half = x[:, : c // 2, -x.size(2):][:, c // 2 - 1]
        return half, pieces.reshape(-1, x.size(-1)), pycnn.zeros(n * 2, c % 3 + 1) + n, y.expand(x.size(0), -1), y * c

    traced = pycnn.jit.trace(f, rand(3, 4, 5))
    for shape in ((3, 4, 5), (7, 6, 2), (1, 10, 9)):
        for want, got in zip(f(rand(*shape)), traced(rand(*shape))):
            same(want, got)
        for want, got in zip(f(rand(*shape)), loaded(saved(traced))(rand(*shape))):
            same(want, got)


@pytest.mark.parametrize("f, message", [
    (lambda x: x * 2 if x.mean() > 0 else x, "Python boolean"),
    (lambda x: x * int(x.sum()), "Python integer"),
    (lambda x: x.view(int(x.size(0)), -1), "Python integer"),
    (lambda x: x + len(x), "Using len"),
    (lambda x: x + pycnn.tensor(float(x.sum())), "Python float"),
    (lambda x: x if x.size(0) == 3 else -x, "Python boolean"),
    (lambda x: sum(row for row in x), "Iterating over a tensor"),
    (lambda x: x[x.argmax() % 3], "Python index"),
])
def test_what_a_trace_loses_is_warned_of(f, message):
    with pytest.warns(TracerWarning, match=message) as caught:
        pycnn.jit.trace(f, rand(3, 4), check_trace=False)
    assert {w.filename for w in caught} == {__file__}


def test_other_batches_are_checked():
    for f in (lambda x: x.view(*range(x.size(0), x.size(0) + 1), -1), lambda x: pycnn.from_numpy(x.numpy() * 2)):
        with pytest.warns(TracerWarning, match="for a batch of 4 instead of 3"):
            pycnn.jit.trace(f, rand(3, 4))
    pycnn.jit.trace(lambda x: x @ rand(3, 3), rand(3, 3))  # nothing is wrong here: 4 x 3 works


def test_constants_that_are_written_to():
    mask = pycnn.zeros(3)

    def f(x):
        m = pycnn.tensor([0.0, 1.0, 2.0])
        m[1] = 5.0
        m += x.sum(0)
        return m, x[:, [2, 0]], x + mask

    traced = pycnn.jit.trace(f, rand(2, 3))
    for _ in range(2):
        for want, got in zip(f(rand(4, 3)), traced(rand(4, 3))):
            same(want, got)


def test_functions_and_keywords():
    def f(a, b, scale):
        return {"sum": (a + b) * scale, "parts": (a, [b, 1 / a])}

    a, b, s = rand(2, 3), rand(2, 3), rand(1)
    traced = pycnn.jit.trace(f, example_kwarg_inputs={"a": a, "b": b, "scale": s}, strict=False)
    want, got = f(a, b, s), loaded(saved(traced))(a, scale=s, b=b)
    same(want["sum"], got["sum"])
    same(want["parts"][1][1], got["parts"][1][1])
    with pytest.raises(RuntimeError, match="Unknown keyword argument 'c'"):
        traced(a, b, c=s)
    with pytest.raises(RuntimeError, match="exactly one"):
        pycnn.jit.trace(f)


def test_a_failed_trace_leaves_nothing_behind():
    model = block().eval()
    before = {name: len(hooks) for m in model.modules() for name, hooks in vars(m).items() if name.endswith("_hooks")}

    def broken(x):
        raise ValueError("mine")
    model.head.forward = broken
    with pytest.raises(ValueError, match="mine"):
        pycnn.jit.trace(model, rand(1, 3, 6, 6))
    del model.head.forward
    assert not pycnn.jit.is_tracing()
    assert before == {name: len(hooks) for m in model.modules() for name, hooks in vars(m).items()
                      if name.endswith("_hooks")}
    assert type(rand(2, 3).shape[0]) is int
    pycnn.jit.trace(model, rand(1, 3, 6, 6))


def test_one_trace_at_a_time_and_per_thread():
    seen = []

    def f(x):
        def other():
            seen.append((pycnn.jit.is_tracing(), type((x + 1).shape[0])))
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert pycnn.jit.is_tracing() and not pycnn.jit.is_scripting()
        with pytest.raises(RuntimeError, match="one at a time"):
            pycnn.jit.trace(lambda y: y, x)
        return x * 2

    traced = pycnn.jit.trace(f, rand(2), check_trace=False)
    assert seen == [(False, int)] and traced.graph.count("aten::") == 1


def test_memory_is_given_back(live_blocks):
    model = block().eval()

    def once():
        traced = pycnn.jit.trace(model, rand(1, 3, 6, 6))
        again = loaded(saved(traced))
        again(rand(1, 3, 6, 6)), again.graph, again.code
    once()
    count = live_blocks()
    once()
    assert live_blocks() == count


def test_short_memory_is_an_error():
    """Every allocation of tracing, saving, loading and running fails once."""
    model = block().eval()
    x = rand(1, 3, 6, 6)
    data = saved(pycnn.jit.trace(model, x))
    for work in (lambda: saved(pycnn.jit.trace(model, x, check_trace=False)), lambda: loaded(data)(x)):
        n = 0
        while True:
            pycnn._C._alloc_fail_after(n)
            try:
                work()
                break
            except (MemoryError, RuntimeError):
                n += 1 + n // 40
            finally:
                pycnn._C._alloc_fail_after(-1)
        assert n > 20
    same(loaded(data)(x), model(x))


def test_script_says_what_to_do():
    with pytest.raises(NotImplementedError, match="use torch.jit.trace"):
        pycnn.jit.script(block())
    assert pycnn.jit.ignore(len) is len and pycnn.jit.unused(len) is len and pycnn.jit.export(len) is len


# ---- files


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    traced = pycnn.jit.trace(nn.Linear(2, 2), rand(1, 2))
    traced.save(path)
    old = path.read_bytes()
    with pytest.raises(OSError):
        traced.save("/dev/full")

    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        traced.save(Full())
    pycnn._C._alloc_fail_after(30)
    with pytest.raises(MemoryError):
        traced.save(path)
    pycnn._C._alloc_fail_after(-1)
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]
    with pytest.raises(pycnn.CheckpointError, match="No such file"):
        traced.save(tmp_path / "no" / "model.pt")
    same(pycnn.jit.load(path)(rand(3, 2)), traced(rand(3, 2)))
    with pytest.raises(ValueError, match="does not exist"):
        pycnn.jit.load(tmp_path / "none.pt")
    with pytest.raises(pycnn.CheckpointError, match="TorchScript archive: use jit.load"):
        pycnn.load(path)
    pycnn.save({"a": rand(2)}, path)
    with pytest.raises(pycnn.CheckpointError, match="file of torch.save: use load"):
        pycnn.jit.load(path)
    with pytest.raises(RuntimeError, match="expected a traced model"):
        pycnn.jit.save(nn.Linear(2, 2), path)


CODE = "code/__torch__/torch/nn/modules/linear.py"


def records():
    """Records of a small archive."""
    pycnn.manual_seed(0)
    data = saved(pycnn.jit.trace(nn.Linear(3, 2), rand(1, 3)))
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        return {name.partition("/")[2]: z.read(name) for name in z.namelist()}


def archive(changes):
    """The small archive with some records replaced, or left out (None)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        for name, content in {**records(), **changes}.items():
            if content is not None:
                z.writestr(f"m/{name}", content)
    return file.getvalue()


def with_body(*lines, head=""):
    """The small archive with another forward."""
    text = ('class Linear(Module):\n  __parameters__ = ["weight", "bias", ]\n  __buffers__ = []\n  weight : Tensor\n'
            f"  bias : Tensor\n  training : bool\n  _is_full_backward_hook : Optional[bool]\n{head}"
            "  def forward(self: __torch__.torch.nn.modules.linear.Linear,\n    x: Tensor) -> Tensor:\n")
    return archive({CODE: text + "".join(f"    {line}\n" for line in lines)})


HOSTILE = {
    "no code": (archive, {CODE: None}, "missing"),
    "no constants": (archive, {"constants.pkl": None}, "file of torch.save"),
    "no data": (archive, {"data.pkl": None, "constants.pkl": None}, "missing"),
    "no storage": (archive, {"data/0": None}, "missing"),
    "short storage": (archive, {"data/0": b"\0" * 4}, "needed"),
    "no version": (archive, {"version": None}, "no version"),
    "version 11": (archive, {"version": b"11\n"}, "3 to 10"),
    "version abc": (archive, {"version": b"abc"}, "3 to 10"),
    "big endian?": (archive, {"byteorder": b"middle"}, "endianness"),
    "os.system": (archive, {"data.pkl": b"\x80\x02cos\nsystem\nX\x02\0\0\0id\x85R."}, "os"),
    "no module": (archive, {"data.pkl": b"\x80\x02K\x01."}, "no module"),
    "no state": (archive, {"data.pkl": b"\x80\x02c__torch__.torch.nn.modules.linear\nLinear\n)\x81."}, "state"),
    "state is a number": (archive, {"data.pkl": b"\x80\x02c__torch__.a\nL\n)\x81K\x01b."}, "state"),
    "holds itself": (archive, {"data.pkl": b"\x80\x02c__torch__.a\nL\n)\x81q\0}(X\x01\0\0\0mh\0ub.",
                               "code/__torch__/a.py": "class L(Module):\n  m : __torch__.a.L\n"}, "contains itself"),
    "wrong type": (archive, {"data.pkl": b"\x80\x02c__torch__.a\nL\n)\x81}(X\x01\0\0\0mX\x01\0\0\0xub.",
                             "code/__torch__/a.py": "class L(Module):\n  m : Tensor\n"}, "no tensor"),
    "missing attribute": (archive, {"data.pkl": b"\x80\x02c__torch__.a\nL\n)\x81}b.",
                                    "code/__torch__/a.py": "class L(Module):\n  m : Tensor\n"}, "missing"),
    "class in another place": (archive, {"data.pkl": b"\x80\x02c__torch__.../../x\nL\n)\x81}b."}, "no name of a class"),
    "binary source": (archive, {CODE: bytes(range(256))}, "no TorchScript"),
    "parentheses": (archive, {CODE: "(" * 200000}, "too many nested"),
    "empty source": (archive, {CODE: ""}, "not in the archive"),
    "setstate": (with_body, ["return x", "  "], None,
                 "  def __setstate__(self: a, s: int) -> NoneType:\n    return None\n", "runs while a model is loaded"),
}

LINES = {
    "syntax": (["return torch.add(x, "], "not closed|expected"),
    "unknown operator": (["return torch.from_file(\"x\", True, 4)"], "torch.from_file, which pycnn does not have"),
    "wrong arguments": (["return torch.relu(x, 2, 3)"], "arguments that pycnn's relu does not take"),
    "recursion": (["return (self).forward(x, )"], "nested too deep"),
    "loop": (["while True:", "  x = torch.add(x, 1)", "return x"], "branch or a loop"),
    "unknown name": (["return y"], "'y'"),
    "unknown constant": (["return CONSTANTS.c7"], "constant"),
    "unknown attribute": (["return self.nothing"], "attribute 'nothing'"),
    "unknown method": (["return (self).nothing(x, )"], "nothing"),
    "unpacking": (["a, b = (x, x, x)", "return a"], "another number of values"),
    "huge number": (["return torch.add(x, 99999999999999999999)"], "64 bits"),
    "long name": (["return torch." + "a" * 500 + "(x)"], "nothing that pycnn has"),
    "long list": (["return torch.view(x, [" + "1, " * 9 + "])"], "arguments"),
    "string": (["return torch.add(x, \"abc"], "string without its end|not closed"),
    "list of modules": (["return torch.cat([self], 0)"], "unknown length"),
    "returns itself": (["return self"], "a module"),
    "dunder": (["return x.__class__"], "expected"),
    "doubling": (["a = (x, x)"] + ["a = (a, a)"] * 3 + ["return torch.add(a, 1)"], "does not take"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives(name):
    make, changes, *rest = HOSTILE[name]
    data = make(changes) if make is archive else with_body(*changes, head=rest[1])
    with pytest.raises(pycnn.CheckpointError, match=rest[-1]):
        loaded(data)


@pytest.mark.parametrize("name", LINES)
def test_hostile_source(name):
    lines, message = LINES[name]
    with pytest.raises((pycnn.CheckpointError, NotImplementedError), match=message):
        loaded(with_body(*lines))


def test_source_that_grows_without_end():
    """2 ** 40 calls in forty lines."""
    head = "  def f0(self: a, x: Tensor) -> Tensor:\n    return x\n"
    for k in range(1, 41):
        head += f"  def f{k}(self: a, x: Tensor) -> Tensor:\n    return (self).f{k - 1}((self).f{k - 1}(x, ), )\n"
    with pytest.raises(pycnn.CheckpointError, match="does not come to an end"):
        loaded(with_body("return (self).f40(x, )", head=head))


def test_source_that_is_nested_without_end():
    """A long chain in one expression is fine; chains in methods that call each other use up the levels."""
    def chain(x):
        return "torch.relu(" * 400 + x + ")" * 400
    same(loaded(with_body(f"return {chain('x')}"))(rand(1, 3)), rand(1, 3))
    head = f"  def f0(self: a, x: Tensor) -> Tensor:\n    return {chain('x')}\n"
    for k in range(1, 5):
        head += f"  def f{k}(self: a, x: Tensor) -> Tensor:\n    return {chain(f'(self).f{k - 1}(x, )')}\n"
    with pytest.raises(pycnn.CheckpointError, match="nested too deep"):
        loaded(with_body("return (self).f4(x, )", head=head))


def test_absurd_sizes():
    """Loaded, since nothing runs while loading; refused when they are asked for."""
    for line in ("return torch.zeros([1099511627776, 1048576, 64])", "return torch.zeros([-1])",
                 "return torch.as_strided(x, [100, 100], [1000, 1000])", "return torch.view(x, [7, 7])",
                 "return torch.select(x, 5, 100)", "return torch.view(x, [torch.size(x, 9), -1])",
                 "return torch.view(x, [torch.floordiv(1, torch.sub(1, 1)), -1])",
                 "return torch.view(x, [torch.mul(torch.mul(4611686018427387904, 2), 2), -1])",
                 "return torch.reshape(x, [int(self.weight), -1])"):
        model = loaded(with_body(line))
        with pytest.raises((RuntimeError, IndexError, MemoryError, ValueError)):
            model(rand(1, 3))


def test_broken_bytes():
    """Truncated anywhere, or with a few bytes changed: an error, or a model that may still run, never a crash."""
    data = saved(pycnn.jit.trace(block().eval(), rand(1, 3, 6, 6), check_trace=False))
    rng = random.Random(0)
    errors = (RuntimeError, NotImplementedError, IndexError, ValueError, TypeError, MemoryError)
    for k in range(300):
        broken = bytearray(data)
        if k % 3 == 0:
            del broken[rng.randrange(len(broken)):]
        for _ in range(rng.randrange(1, 6)):
            if broken:
                broken[rng.randrange(len(broken))] = rng.randrange(256)
        with pytest.raises(pycnn.CheckpointError):
            loaded(bytes(broken))
            raise pycnn.CheckpointError("unharmed: the bytes did not matter")
    parts = records()
    for k in range(600):  # behind the archive's checksums
        name = rng.choice([CODE, CODE, "data.pkl", "constants.pkl"])
        content = bytearray(parts[name])
        for _ in range(rng.randrange(1, 4)):
            content[rng.randrange(len(content))] = rng.choice([rng.randrange(256), *b"()[].,=:0123456789xself\n "])
        try:
            loaded(archive({name: bytes(content)}))(rand(2, 3))
        except errors:
            pass


def test_numbers_in_the_source():
    for text, value in (("1e-05", 1e-5), ("2.", 2.0), ("-3", -3), (".5", 0.5), ("inf", float("inf")),
                        ("-1.5e3", -1500.0)):
        same(loaded(with_body(f"return torch.add(torch.zeros([2]), {text})"))(rand(1, 3)), pycnn.zeros(2) + value)


def test_division_of_integers_before_version_4():
    body = with_body("return torch.div(torch.sub(torch.zeros([3], dtype=4), 7), 2)")
    same(loaded(body)(rand(1, 3)), pycnn.tensor([-3, -3, -3]))
    same(loaded(saved(loaded(body)))(rand(1, 3)), pycnn.tensor([-3, -3, -3]))
    with zipfile.ZipFile(io.BytesIO(body)) as z:
        code = z.read(f"m/{CODE}")
    same(loaded(archive({CODE: code, "version": b"4\n"}))(rand(1, 3)), pycnn.tensor([-3.5] * 3))
    same(loaded(with_body("return torch.div(x, 2)"))(rand(2, 3)), rand(2, 3) / 2)


def test_both_places_of_the_version():
    assert struct.unpack("<I", archive({})[:4]) == (0x04034b50,)
    model = loaded(archive({"version": None, ".data/version": b"10\n"}))
    same(model(rand(4, 3)), loaded(archive({}))(rand(4, 3)))


def test_a_loaded_model_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded(archive({}))(rand(4, 3))
