"""A training that one library began and saved, gone on with by the other: the losses are those of the first, had it
gone on."""

import numpy as np
import pytest
import torch

import pycnn
from resume import OPTIMIZERS, SCHEDULES, Training

pytestmark = pytest.mark.parity


def make(lib, *args, **options):
    rng = np.random.default_rng(0)
    images, labels = rng.random((24, 3, 8, 8), dtype=np.float32), rng.integers(0, 10, 24)
    return Training(lib, lib.utils.data.TensorDataset(lib.from_numpy(images), lib.from_numpy(labels)), *args, **options)


def hand_over(first, second, path, *args, legacy=False):
    """Largest relative difference of the losses of six steps after the file; the order of the batches and dropout's
    masks come from the generators in it."""
    begun = make(first, *args)
    begun.run(2)
    first.save(begun.state(), path, _use_new_zipfile_serialization=not legacy)
    other = make(second, *args, seed=77)
    other.load(second.load(path, weights_only=True))
    expected, got = np.array(begun.run(2)), np.array(other.run(2))
    np.testing.assert_allclose([h["lr"] for h in other.history], [h["lr"] for h in begun.history], rtol=1e-12)
    difference = np.abs(got / expected - 1)
    print(difference)
    return difference


ways = pytest.mark.parametrize("first, second", [(torch, pycnn), (pycnn, torch)], ids=["from torch", "to torch"])


@ways
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer(first, second, optimizer, legacy, tmp_path):
    difference = hand_over(first, second, tmp_path / "run.pth", optimizer, legacy=legacy)
    assert difference[0] < 1e-6 and difference.max() < 1e-6, difference


@ways
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_kind_of_schedule(first, second, schedule, tmp_path):
    assert hand_over(first, second, tmp_path / "run.pth", "SGD", schedule).max() < 1e-6
