"""Cross entropy against golden values that torch 2.14.1 wrote (no torch needed here)."""

import json
from pathlib import Path

import numpy as np
import pytest

import pycnn as torch
from pycnn.nn import functional as F

CASES = json.loads((Path(__file__).parent / "golden" / "loss.json").read_text())["cases"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['reduction']}-{c['weight']}-{c['label_smoothing']}")
def test_cross_entropy(case, dtype, isa):
    i, j = np.mgrid[:4, :5]
    x = torch.from_numpy((((i * 31 + j * 17) % 23 - 11) / 4).astype(dtype))
    x.requires_grad = True
    weight = torch.tensor([0.5, 1, 2, 0.25, 1.5], dtype=x.dtype) if case["weight"] else None
    loss = F.cross_entropy(x, torch.tensor([0, 3, -100, 4]), weight, reduction=case["reduction"],
                           label_smoothing=case["label_smoothing"])
    np.testing.assert_allclose(loss.detach().numpy().ravel(), case["loss"], rtol=2e-6)
    loss.sum().backward()
    np.testing.assert_allclose(x.grad.numpy()[0], case["grad_row0"], rtol=2e-5, atol=1e-7)
    np.testing.assert_array_equal(x.grad.numpy()[2], case["grad_row2"])


def test_all_ignored():
    x, y = torch.zeros(3, 4), torch.full((3,), -100)
    with pytest.warns(UserWarning, match="all 3 targets are ignored"):
        assert np.isnan(F.cross_entropy(x, y).item())
    assert F.cross_entropy(x, y, reduction="sum").item() == 0


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8])
def test_targets_of_any_integer_dtype(dtype):
    assert F.cross_entropy(torch.zeros(4, 10), torch.zeros(4, dtype=dtype)).item() == pytest.approx(np.log(10))


def test_errors_say_where():
    with pytest.raises(IndexError,
                       match=r"^Target 10 is out of bounds\. It is element 1 of the targets; there are 10 classes"):
        F.cross_entropy(torch.zeros(4, 10), torch.tensor([0, 10, 1, 2]))
    with pytest.raises(ValueError, match=r"^Expected input batch_size \(4\) to match target batch_size \(3\)\."):
        F.cross_entropy(torch.zeros(4, 10), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(RuntimeError, match=r"Element 2 is 1\.5"):
        F.binary_cross_entropy(torch.tensor([0.0, 1.0, 1.5]), torch.zeros(3))


def test_large_scores(isa):
    """Neither overflow nor loss of small probabilities."""
    x = torch.tensor([[1e30, 0.0, -1e30], [80.0, -80.0, 0.0], [-float("inf"), 0.0, 1.0]])
    loss = F.cross_entropy(x, torch.tensor([0, 1, 1]), reduction="none")
    np.testing.assert_allclose(loss.numpy(), [0, 160, np.log1p(np.exp(1))], rtol=1e-6)
    assert torch.softmax(x, 1)[0].tolist() == [1, 0, 0]
