"""The program, line for line on both libraries: the same batches, the same losses, files that both read."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from program import Program, pycnn_modules, torch_modules  # noqa: E402

pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def programs():
    return Program(*pycnn_modules()), Program(*torch_modules())


@pytest.fixture(scope="module")
def datasets(programs, cifar10_root):
    return [p.dataset(cifar10_root, True) for p in programs]


def test_dataset(programs, datasets):
    ours, theirs = datasets
    assert np.array_equal(ours.data, theirs.data) and ours.targets == theirs.targets
    assert ours.classes == theirs.classes and ours.class_to_idx == theirs.class_to_idx
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("seed", [0, 1, 42])
def test_augmented_batches_are_equal_bit_for_bit(programs, datasets, workers, seed):
    streams = []
    for p, d in zip(programs, datasets):
        p.torch.manual_seed(seed)
        batches = []
        for k, (images, labels) in enumerate(p.loader(d, True, workers)):
            batches.append((images.numpy().copy(), labels.numpy().copy()))
            if k == 4:
                break
        streams.append((batches, p.torch.get_rng_state().numpy().copy()))
    (ours, our_state), (theirs, their_state) = streams
    for (x, y), (u, v) in zip(ours, theirs):
        assert x.shape == u.shape == (64, 3, 32, 32) and x.tobytes() == u.tobytes()
        assert np.array_equal(y, v) and y.dtype == v.dtype
    assert np.array_equal(our_state, their_state)


def test_every_batch_of_an_epoch_and_the_test_loader(programs, cifar10_root):
    from pycnn.utils.data import Subset
    from torch.utils.data import Subset as TorchSubset
    sums = []
    for p, subset in zip(programs, (Subset, TorchSubset)):
        p.torch.manual_seed(3)
        d = subset(p.dataset(cifar10_root, True), list(range(0, 1000, 3)))
        total = [float(x.numpy().astype("d").sum()) for _ in range(2) for x, y in p.loader(d, True)]
        test = next(iter(p.loader(p.dataset(cifar10_root, False), False)))[0].numpy()
        sums.append((total, test.tobytes(), p.torch.get_rng_state().numpy().tobytes()))
    assert sums[0] == sums[1]


def test_persistent_workers_go_on_with_their_streams(programs, cifar10_root):
    from pycnn.utils.data import Subset
    from torch.utils.data import Subset as TorchSubset
    epochs = []
    for p, subset in zip(programs, (Subset, TorchSubset)):
        p.torch.manual_seed(8)
        d = subset(p.dataset(cifar10_root, True), list(range(300)))
        loader = p.torch.utils.data.DataLoader(d, batch_size=64, shuffle=True, num_workers=2, persistent_workers=True)
        epochs.append(([x.numpy().tobytes() for _ in range(2) for x, y in loader],
                       p.torch.get_rng_state().numpy().tobytes()))
    assert epochs[0] == epochs[1]


def losses(p, dataset, optimizer, lr, steps):
    p.torch.manual_seed(0)
    loader = p.loader(dataset, True)
    model, criterion, optimizer, scheduler = p.model(optimizer, lr)
    values = []
    for images, labels in loader:
        values.append(p.step(model, criterion, optimizer, images, labels).item())
        if len(values) == steps:
            return np.array(values), model, optimizer


def test_initial_weights(programs):
    states = []
    for p in programs:
        p.torch.manual_seed(11)
        states.append({k: v.detach().numpy() for k, v in p.SimpleCNN().state_dict().items()})
    assert list(states[0]) == list(states[1])
    assert all(states[0][k].tobytes() == states[1][k].tobytes() for k in states[0])


@pytest.mark.parametrize("optimizer, lr, steps, bound", [("adam", 1e-3, 10, 1e-4), ("sgd", 1e-3, 32, 5e-5)])
def test_losses(programs, datasets, optimizer, lr, steps, bound):
    (ours, _, _), (theirs, _, _) = (losses(p, d, optimizer, lr, steps) for p, d in zip(programs, datasets))
    difference = np.abs(ours - theirs) / theirs
    assert difference[0] <= 1e-6 and difference.max() <= bound, difference


@pytest.mark.parametrize("isa_name", ["base", "v3", "v4"])
def test_losses_of_every_instruction_set(programs, datasets, isa_name):
    from pycnn import _C
    if isa_name not in _C._isas():
        with pytest.raises(ValueError, match="does not support"):
            _C._set_isa(isa_name)
        return
    _C._set_isa(isa_name)
    (ours, _, _), (theirs, _, _) = (losses(p, d, "adam", 1e-3, 3) for p, d in zip(programs, datasets))
    assert (np.abs(ours - theirs) / theirs).max() <= 1e-5


def test_files_go_both_ways(programs, datasets, tmp_path):
    (_, ours, our_optimizer), (_, theirs, their_optimizer) = (
        losses(p, d, "adam", 1e-3, 2) for p, d in zip(programs, datasets))
    pycnn, torch = (p.torch for p in programs)
    pycnn.save({"model": ours.state_dict(), "optimizer": our_optimizer.state_dict()}, tmp_path / "ours.pth")
    torch.save({"model": theirs.state_dict(), "optimizer": their_optimizer.state_dict()}, tmp_path / "theirs.pth")
    a, b = torch.load(tmp_path / "ours.pth"), pycnn.load(tmp_path / "theirs.pth")
    theirs.load_state_dict(a["model"])
    their_optimizer.load_state_dict(a["optimizer"])
    ours.load_state_dict(b["model"])
    our_optimizer.load_state_dict(b["optimizer"])
    for k, v in ours.state_dict().items():
        assert np.array_equal(v.numpy(), b["model"][k].numpy())
    assert their_optimizer.state_dict()["param_groups"][0].keys() \
        == our_optimizer.state_dict()["param_groups"][0].keys()
    assert all(np.array_equal(v.numpy(), a["model"][k].numpy()) for k, v in theirs.state_dict().items())


def one_epoch(p, root):
    """Top-1 of the test images and mean loss of the last 50 steps after an epoch with seed 0."""
    p.torch.manual_seed(0)
    train, test = (p.loader(p.dataset(root, split), split) for split in (True, False))
    model, criterion, optimizer, scheduler = p.model()
    values = [p.step(model, criterion, optimizer, images, labels).item() for images, labels in train]
    return p.accuracy(model, test), float(np.mean(values[-50:]))


def test_one_epoch_learns_what_torch_learns(programs, cifar10_root):
    if "PYCNN_CIFAR10" in os.environ:
        # The full set: torch's seeds 0, 1 and 2 reach 61.88, 60.05 and 60.47 %, a spread of two points.
        accuracy, _ = one_epoch(programs[0], cifar10_root)
        assert 0.59 < accuracy < 0.63, accuracy
    else:
        (ours, our_loss), (theirs, their_loss) = (one_epoch(p, cifar10_root) for p in programs)
        assert abs(ours - theirs) < 0.04 and abs(our_loss - their_loss) < 0.03 * their_loss
