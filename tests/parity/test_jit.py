"""TorchScript: archives of pycnn in torch.jit.load and libtorch, archives of torch in pycnn.jit.load."""

import hashlib
import io
import os
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest

import opsample
import pycnn
from opinfo import OPS
from program import Program, pycnn_modules
from pycnn import nn, vision

pytestmark = pytest.mark.parity


@pytest.fixture(autouse=True)
def quiet():
    """torch 2.14 calls all of torch.jit deprecated."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, message=".*torch.jit.*")
        yield


def images(n, size, seed=0):
    return np.random.default_rng(seed).random((n, 3, size, size), np.float32)


def theirs(saved):
    """The archive of a traced model, loaded by torch."""
    import torch
    file = io.BytesIO()
    saved.save(file)
    file.seek(0)
    return torch.jit.load(file)


def simple_cnn():
    pycnn.manual_seed(0)
    return Program(*pycnn_modules()).SimpleCNN()


def with_statistics(model):
    """Give batch norms running statistics other than 0 and 1."""
    rng = np.random.default_rng(1)
    for name, b in model.named_buffers():
        if name.endswith("running_mean"):
            b.copy_(pycnn.from_numpy(rng.normal(0, 0.1, tuple(b.shape)).astype("f")))
        if name.endswith("running_var"):
            b.copy_(pycnn.from_numpy(rng.uniform(0.5, 1.5, tuple(b.shape)).astype("f")))
    return model


def resnet18():
    pycnn.manual_seed(0)
    return with_statistics(vision.models.resnet18())


def resnet50():
    pycnn.manual_seed(0)
    return with_statistics(vision.models.resnet50())


MODELS = {"simple": (simple_cnn, 32), "resnet18": (resnet18, 64), "resnet50": (resnet50, 64)}
each_model = pytest.mark.parametrize("name", MODELS)


@each_model
def test_torch_loads_what_pycnn_traced(name):
    import torch
    make, size = MODELS[name]
    model = make().eval()
    traced = pycnn.jit.trace(model, pycnn.from_numpy(images(1, size)))
    loaded = theirs(traced)
    assert list(loaded.state_dict()) == list(model.state_dict()) == list(traced.state_dict())
    for key, value in model.state_dict().items():
        assert np.array_equal(loaded.state_dict()[key].numpy(), value.numpy()), key
    assert loaded.original_name == type(model).__name__ and not loaded.training
    for batch in (1, 4, 7):
        x = images(batch, size, batch)
        with torch.no_grad(), pycnn.no_grad():
            want, got = model(pycnn.from_numpy(x)).numpy(), loaded(torch.from_numpy(x)).numpy()
            np.testing.assert_allclose(got, want, 1e-4, 1e-5 * max(1, np.abs(want).max()))
            np.testing.assert_array_equal(traced(pycnn.from_numpy(x)).numpy(), want)


@pytest.mark.parametrize("name", ["simple", "resnet18"])
def test_training_mode(name):
    """Batch statistics, updates of the running ones and gradients."""
    import torch
    make, size = MODELS[name]
    model = make().train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pycnn.jit.TracerWarning)
        traced = pycnn.jit.trace(model, pycnn.from_numpy(images(4, size)))
    loaded = theirs(traced)
    assert loaded.training
    x = images(4, size, 5)
    want, got = model(pycnn.from_numpy(x)), loaded(torch.from_numpy(x))
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), 1e-4, 1e-4)
    (want * want).sum().backward()
    (got * got).sum().backward()
    for (key, p), q in zip(model.named_parameters(), loaded.parameters()):
        np.testing.assert_allclose(q.grad.numpy(), p.grad.numpy(), 1e-2, 1e-4 * max(1, float(p.grad.abs().max())),
                                   err_msg=key)
    for (key, b), q in zip(model.named_buffers(), loaded.buffers()):
        np.testing.assert_allclose(q.numpy(), b.numpy(), 1e-4, 1e-5, err_msg=key)


@pytest.fixture(scope="session")
def libtorch():
    """A C++ program that runs archives with libtorch; ten seconds to compile, so it is kept for later sessions."""
    import torch
    source, home = Path(__file__).with_name("run_torchscript.cpp"), Path(torch.__file__).parent
    key = hashlib.sha256(source.read_bytes() + torch.__version__.encode() + str(home).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"pycnn-tests-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    program = folder / f"run_torchscript-{key}"
    if not program.exists():
        fresh = folder / f"{program.name}.{os.getpid()}"
        subprocess.run(["g++", "-std=c++20", "-O0", f"-I{home}/include", f"-I{home}/include/torch/csrc/api/include",
                        source, "-o",
                        fresh, f"-L{home}/lib", f"-Wl,-rpath,{home}/lib", "-ltorch_cpu", "-lc10"], check=True)
        fresh.rename(program)
    return program


@pytest.mark.parametrize("name", ["simple", "resnet50"])
def test_libtorch_runs_what_pycnn_traced(name, libtorch, tmp_path):
    make, size = MODELS[name]
    model = make().eval()
    pycnn.jit.trace(model, pycnn.from_numpy(images(1, size)), check_trace=False).save(tmp_path / "model.pt")
    batches = [images(n, size, n) for n in (1, 4, 7)]
    run = subprocess.run([libtorch, tmp_path / "model.pt", str(size), "1", "4", "7"],
                         input=b"".join(x.tobytes() for x in batches),
                         capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert run.returncode == 0, run.stderr.decode()
    with pycnn.no_grad():
        want = np.concatenate([model(pycnn.from_numpy(x)).numpy() for x in batches])
    got = np.frombuffer(run.stdout, np.float32).reshape(want.shape)
    np.testing.assert_allclose(got, want, 1e-4, 1e-5 * max(1, np.abs(want).max()))


# ---- every operator


def split_arguments(args, kwargs):
    """(tensors, function that puts tensors back into (args, kwargs))"""
    found = []

    def take(a):
        if isinstance(a, pycnn.Tensor):
            found.append(a.detach())
            return lambda it: next(it)
        if isinstance(a, (list, tuple)):
            parts = [take(x) for x in a]
            return lambda it: type(a)(part(it) for part in parts)
        return lambda it: a
    parts, named = [take(a) for a in args], {k: take(a) for k, a in kwargs.items()}

    def put(values):
        it = iter(values)
        return [part(it) for part in parts], {k: part(it) for k, part in named.items()}
    return found, put


def check_operator(op, sample, inplace):
    """A call of the operator as an archive, in torch and in pycnn."""
    import torch
    tensors, put = split_arguments(*opsample.build_pycnn(sample))

    def call(*values):
        args, kwargs = put(values)
        if inplace or op.row[0] & opsample.WRITES:
            args[0] = args[0].clone()
        return tuple(opsample.tensors(op.call(*args, inplace=inplace, **kwargs)))

    pycnn.manual_seed(3)
    try:
        want = call(*tensors)
    except (RuntimeError, AttributeError):
        return  # shapes and dtypes that have no such form in place
    if not tensors or not all(isinstance(w, pycnn.Tensor) for w in want):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pycnn.jit.TracerWarning)
        traced = pycnn.jit.trace(call, tuple(tensors), check_trace=False)
    file = io.BytesIO()
    traced.save(file)
    results = {}
    for module in (torch, pycnn):
        file.seek(0)
        loaded = module.jit.load(file)
        module.manual_seed(3)
        results[module.__name__] = loaded(*(module.from_numpy(t.numpy().copy()) for t in tensors))
    pycnn.manual_seed(3)
    results["traced"] = traced(*tensors)
    for name, got in results.items():
        assert len(got) == len(want)
        for g, w in zip(got, want):
            g, w = g.detach().numpy(), w.detach().numpy()
            assert (g.shape, g.dtype) == (w.shape, w.dtype), name
            if not op.values:
                continue
            if name == "torch":
                np.testing.assert_allclose(g, w, max(op.rtol, 1e-5), max(op.atol, 1e-5))
            else:
                np.testing.assert_array_equal(g, w, name)


@pytest.mark.parametrize("op", OPS.values(), ids=str)
def test_every_operator(op):
    """Names, argument order and defaults of torch's operators; what torch lacks is refused by name."""
    samples = [op.samples[k] for k in sorted({0, 1, len(op.samples) // 2, len(op.samples) - 1}) if k < len(op.samples)]
    for sample in samples:
        try:
            check_operator(op, sample, False)
            if op.row[0] & opsample.INPLACE and op.inplace:
                check_operator(op, sample, True)
        except NotImplementedError as error:
            assert op.base.startswith("_") and f"operator {op.base} has no counterpart in TorchScript" in str(error)


# ---- archives of torch


def torch_archive(model, size, batch=1):
    import torch
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(model, torch.from_numpy(images(batch, size)), check_trace=False), file)
    return file.getvalue()


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v3_small", "shufflenet_v2_x1_0"])
def test_pycnn_loads_what_torch_traced(name):
    import torch
    import torchvision
    torch.manual_seed(0)
    model = getattr(torchvision.models, name)().eval()
    loaded = pycnn.jit.load(io.BytesIO(torch_archive(model, 64)))
    assert list(loaded.state_dict()) == list(model.state_dict())
    assert loaded.original_name == type(model).__name__ and not loaded.training
    for batch in (1, 4):
        x = images(batch, 64, batch)
        with torch.no_grad(), pycnn.no_grad():
            want, got = model(torch.from_numpy(x)).numpy(), loaded(pycnn.from_numpy(x)).numpy()
        np.testing.assert_allclose(got, want, 1e-3, 1e-5 * np.abs(want).max())
    again = theirs(loaded)  # written once more by pycnn
    assert list(again.state_dict()) == list(model.state_dict())
    with torch.no_grad():
        np.testing.assert_allclose(again(torch.from_numpy(x)).numpy(), want, 1e-4, 1e-5 * np.abs(want).max())


def test_a_loaded_model_trains():
    """Batch statistics, running ones, dropout from one seed and gradients of an archive that torch traced in train
    mode."""
    import torch
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.Flatten(),
                                torch.nn.Dropout(0.3), torch.nn.Linear(8 * 36, 5)).train()
    loaded = pycnn.jit.load(io.BytesIO(torch_archive(model, 8, batch=2)))
    x = images(6, 8)
    torch.manual_seed(7)
    pycnn.manual_seed(7)
    want, got = model(torch.from_numpy(x)), loaded(pycnn.from_numpy(x))
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), 1e-4, 1e-5)
    want.square().sum().backward()
    got.square().sum().backward()
    for p, q in zip(model.parameters(), loaded.parameters()):
        np.testing.assert_allclose(q.grad.numpy(), p.grad.numpy(), 1e-3, 1e-4)
    assert int(loaded.get_buffer("1.num_batches_tracked")) == int(model[1].num_batches_tracked)


def test_sizes_of_torch_traces():
    """aten::size, NumToTensor, arithmetic on 0-dim tensors, int()."""
    import torch

    class Shuffle(torch.nn.Module):
        def forward(self, x):
            n, c, h, w = x.size()
            y = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, -1, h, w)
            z = x.new_zeros(n, c * 2 - c, h, w, dtype=torch.float32)
            return torch.cat([y, z], 1).view(x.shape[0], -1)[:, 1:7:2], y.mean((2, 3)), x.chunk(3, 1)[1]

    model = Shuffle()
    file = io.BytesIO()
    x = np.random.default_rng(0).random((2, 6, 5, 4), np.float32)
    torch.jit.save(torch.jit.trace(model, torch.from_numpy(x)), file)
    file.seek(0)
    loaded = pycnn.jit.load(file)
    x = np.random.default_rng(1).random((5, 6, 3, 2), np.float32)
    for want, got in zip(model(torch.from_numpy(x)), loaded(pycnn.from_numpy(x))):
        np.testing.assert_allclose(got.numpy(), want.numpy(), 1e-5, 1e-6)


def test_what_is_no_trace_is_refused():
    import torch

    class Scripted(torch.nn.Module):
        def forward(self, x):
            if bool(x.sum() > 0):
                return x
            return -x

    class Foreign(torch.nn.Module):
        def forward(self, x):
            return torch.fft.fft(x).real

    file = io.BytesIO()
    torch.jit.save(torch.jit.script(Scripted()), file)
    with pytest.raises(NotImplementedError, match="branch or a loop .*torch.jit.trace"):
        pycnn.jit.load(io.BytesIO(file.getvalue()))
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(Foreign(), torch.rand(4)), file)
    with pytest.raises(NotImplementedError, match="fft_fft"):
        pycnn.jit.load(io.BytesIO(file.getvalue()))


# ---- the same behaviour


def both_warn(make, shape):
    """Messages of the TracerWarnings of both libraries, for a function that is traced."""
    import torch
    messages = []
    for module in (torch, pycnn):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            module.jit.trace(make(module), module.rand(*shape), check_trace=False)
        caught = [w for w in caught if w.category is module.jit.TracerWarning]
        messages.append([str(w.message) for w in caught])
    assert all(w.filename == __file__ for w in caught)
    return messages


@pytest.mark.parametrize("make", [
    lambda m: lambda x: x * 2 if x.sum() > 0 else x,
    lambda m: lambda x: x * int(x.sum()),
    lambda m: lambda x: x * float(x.sum()),
    lambda m: lambda x: x * x.sum().item(),
    lambda m: lambda x: x + len(x),
    lambda m: lambda x: sum(row for row in x),
    lambda m: lambda x: x * 2 if x.size(0) > 1 else x,
    lambda m: lambda x: x.view(int(x.size(0)), -1),
    lambda m: lambda x: x + len(x.tolist()),
    lambda m: lambda x: [x, x],
], ids=["bool", "int", "float", "item", "len", "iter", "size", "int size", "tolist", "list"])
def test_warnings(make):
    theirs, ours = both_warn(make, (3, 4))
    assert ours and set(ours) == set(theirs)


def test_interface():
    """Signatures, text and errors."""
    import inspect
    import torch
    for name in ("trace", "save", "load", "script"):
        assert list(inspect.signature(getattr(pycnn.jit, name)).parameters) == \
            list(inspect.signature(getattr(torch.jit, name)).parameters), name
    traces = []
    for module in (torch, pycnn):
        model = module.nn.Sequential(module.nn.Linear(3, 4), module.nn.ReLU()).eval()
        traced = module.jit.trace(model, module.rand(2, 3))
        assert isinstance(traced, module.jit.ScriptModule) and isinstance(traced, module.nn.Module)
        with pytest.raises(RuntimeError, match=r"forward\(\) is missing value for argument 'input'"):
            traced()
        with pytest.raises(RuntimeError, match="forward.. expected at most 2 argument"):
            traced(1, 2)
        with pytest.raises(RuntimeError, match="Encountering a dict at the output of the tracer"):
            module.jit.trace(lambda x: {"a": x}, module.rand(2))
        with pytest.raises(RuntimeError, match="The traced function didn't return any values!"):
            module.jit.trace(lambda x: None, module.rand(2))
        with pytest.raises(RuntimeError,
                           match="Only tensors, lists, tuples of tensors, or dictionary of tensors can be output"):
            module.jit.trace(lambda x: (x, 3), module.rand(2))
        with pytest.raises(RuntimeError, match="cannot be traced. Only Tensors and"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module.jit.trace(lambda x: x, "a")
        traces.append((repr(traced), list(traced.state_dict()), traced.original_name, type(traced).__name__))
        weight = module.rand(3, 3).requires_grad_()
        with pytest.raises(RuntimeError, match="Cannot insert a Tensor that requires grad as a constant"):
            module.jit.trace(lambda x: x @ weight, module.rand(2, 3))
    assert traces[0] == traces[1]


def test_extra_files(tmp_path):
    import torch
    model = pycnn.jit.trace(nn.Linear(2, 2), pycnn.rand(1, 2))
    pycnn.jit.save(model, tmp_path / "model.pt", _extra_files={"classes.txt": "cat\ndog", "b": b"\0\1"})
    for module in (torch, pycnn):
        files = {"classes.txt": "", "b": ""}
        module.jit.load(tmp_path / "model.pt", _extra_files=files)
        assert files == {"classes.txt": b"cat\ndog", "b": b"\0\1"}
