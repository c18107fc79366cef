"""TorchScript: archives of pycnn in torch.jit.load and libtorch, archives of torch in pycnn.jit.load."""

import io
import warnings

import numpy as np
import pytest

import opinfo
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
        np.testing.assert_allclose(q.grad.numpy(), p.grad.numpy(), 1e-2, 1e-4 * max(1, float(p.grad.abs().max())), err_msg=key)
    for (key, b), q in zip(model.named_buffers(), loaded.buffers()):
        np.testing.assert_allclose(q.numpy(), b.numpy(), 1e-4, 1e-5, err_msg=key)
