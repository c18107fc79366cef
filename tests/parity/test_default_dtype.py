"""float64 as the default dtype: what becomes of numbers, of tensors made without a dtype, of models, against torch."""

import numpy as np
import pytest
import torch

import pycnn
from both import same

pytestmark = pytest.mark.parity


@pytest.fixture(autouse=True)
def double():
    for m in (torch, pycnn):
        m.set_default_dtype(m.float64)
    yield
    for m in (torch, pycnn):
        m.set_default_dtype(m.float32)


MADE = [
    lambda m: m.tensor(1.5), lambda m: m.tensor([1, 2.5]), lambda m: m.tensor([1, 2]), lambda m: m.tensor(True),
    lambda m: m.tensor([]),
    lambda m: m.zeros(2), lambda m: m.ones(2), lambda m: m.empty(2).dtype == m.float64, lambda m: m.full((2,), 1.5),
    lambda m: m.full((2,), 1),
    lambda m: m.eye(2), lambda m: m.arange(3), lambda m: m.arange(0, 1, 0.3), lambda m: m.linspace(0, 1, 4),
    lambda m: m.rand(3),
    lambda m: m.randn(20), lambda m: m.randint(0, 5, (3,)), lambda m: m.normal(0.0, 1.0, (3,)), lambda m: m.randperm(4),
    lambda m: m.arange(3) + 1.5, lambda m: m.arange(3) / 2, lambda m: m.arange(3).sqrt(),
    lambda m: m.ones(2, dtype=m.float32) * 2.5,
    lambda m: m.arange(3) * 2, lambda m: m.arange(3).float() + m.tensor(1.0), lambda m: m.Tensor([1, 2]),
    lambda m: m.Tensor(2).dtype == m.float64,
    lambda m: m.as_tensor([1.0]), lambda m: m.zeros(2, dtype=m.float32), lambda m: m.ones(3).bernoulli(0.5),
    lambda m: m.zeros_like(m.arange(2)),
    lambda m: m.nn.init.kaiming_normal_(m.empty(4, 4)), lambda m: m.tensor(np.float32(1)),
    lambda m: m.where(m.tensor([True, False]), 1.5, 2.5),
    lambda m: repr(m.ones(2)), lambda m: repr(m.ones(2, dtype=m.float32)), lambda m: m.finfo().dtype,
    lambda m: m.arange(4).sin(), lambda m: m.bernoulli(m.full((5,), 0.5)), lambda m: m.get_default_dtype() == m.float64]


@pytest.mark.parametrize("k", range(len(MADE)))
def test_tensors(k):
    same(lambda m, v: MADE[k](m))


@pytest.mark.filterwarnings("ignore:torch.set_default_tensor_type")
def test_names_of_types():
    for m in (torch, pycnn):
        m.set_default_tensor_type("torch.FloatTensor")
        assert m.zeros(1).dtype == m.float32
        m.set_default_tensor_type(m.DoubleTensor)
        assert m.zeros(1).dtype == m.float64


def test_a_model():
    results = []
    for m in (torch, pycnn):
        m.manual_seed(2)
        model = m.nn.Sequential(m.nn.Conv2d(3, 4, 3), m.nn.BatchNorm2d(4), m.nn.ReLU(), m.nn.Flatten(),
                                m.nn.Linear(4 * 16, 3))
        optimizer = m.optim.Adam(model.parameters(), lr=0.01)
        losses = []
        for _ in range(4):
            loss = m.nn.CrossEntropyLoss(label_smoothing=0.1)(model(m.rand(5, 3, 6, 6)), m.arange(5) % 3)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert all(p.dtype == m.float64 for p in model.parameters())
        results.append(losses + [p.detach().numpy().sum() for p in model.parameters()])
    # batch norm leaves the bias before it nothing but rounding
    np.testing.assert_allclose(results[1], results[0], rtol=1e-6)


def test_images_become_doubles():
    from PIL import Image
    image = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    same(lambda m, v: v.transforms.Compose([v.transforms.ToTensor(), v.transforms.Normalize((0.5,), (0.25,))])(image))
