"""The same bits for any number of threads and from run to run: outputs, gradients and weights of whole training runs.

Nine steps, a hundred in `make deep` (PYCNN_SAME_BITS_STEPS).
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pycnn as torch
import pycnn.nn.functional as F
from program import Program, pycnn_modules
from pycnn import nn
from pycnn.utils.data import DataLoader
from pycnn.vision import datasets, models

STEPS = int(os.environ.get("PYCNN_SAME_BITS_STEPS", 9))


class Everything(nn.Module):
    """Each layer that sums over something, at sizes that no vector or task divides."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 18, 5, stride=2, padding=2, padding_mode="reflect"), nn.GroupNorm(3, 18), nn.ReLU(),
            nn.Conv2d(18, 27, 3, padding=2, dilation=2, groups=9), nn.BatchNorm2d(27), nn.GELU(),
            nn.Conv2d(27, 27, 3, padding=1, groups=27), nn.Dropout(0.2), nn.Conv2d(27, 33, 1),
            nn.LayerNorm([33, 17, 15]),
            nn.AvgPool2d(3, 2, 1), nn.ConvTranspose2d(33, 19, 4, stride=2, padding=1),
            nn.Upsample(scale_factor=1.5, mode="bilinear"),
            nn.InstanceNorm2d(19, affine=True), nn.MaxPool2d(2), nn.Conv2d(19, 21, (3, 1), stride=(1, 2)),
            nn.AdaptiveAvgPool2d(3), nn.Flatten())
        self.embedding, self.head = nn.Embedding(7, 21 * 9), nn.Linear(21 * 9, 10)

    def forward(self, x):
        return self.head(self.body(x) * self.embedding(torch.arange(len(x)) % 7).softmax(1))


def simple_cnn(steps):
    """Batches of the program itself, augmented; the last one of an epoch is smaller."""
    program = Program(*pycnn_modules())
    data = datasets.CIFAR10Sample(transform=program.transform(train=True))
    loader = DataLoader(torch.utils.data.Subset(data, range(100)), batch_size=37, shuffle=True)
    model, criterion, optimizer, _ = program.model()
    while True:
        for images, labels in loader:
            yield images, criterion(model(images), labels), model, optimizer
            steps -= 1
            if steps == 0:
                return


def resnet18(steps):
    """With a stem for small images; batches of 7, 6, ..."""
    model = models.resnet18(num_classes=10)
    model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    for k in range(max(steps // 4, 1)):
        x = torch.randn(7 - k % 4, 3, 17, 15)
        yield x, F.cross_entropy(model(x), torch.arange(len(x)) % 10, label_smoothing=0.1), model, optimizer


def everything(steps):
    model = Everything()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001)
    for k in range(steps):
        x = torch.randn(3 + k % 5, 3, 33, 29)
        yield x, F.cross_entropy(model(x), torch.arange(len(x)) % 10), model, optimizer


RUNS = {run.__name__: run for run in (simple_cnn, resnet18, everything)}


def train(name, steps):
    """A digest for each step: of its input, loss and gradients, and of all that the step before has left."""
    torch.manual_seed(3)
    digests = []
    for x, loss, model, optimizer in RUNS[name](steps):
        optimizer.zero_grad()
        loss.backward()
        sums = hashlib.sha256()
        for t in (x, loss, *(p.grad for p in model.parameters()), *model.state_dict().values()):
            sums.update(t.detach().numpy().tobytes())
        digests.append(sums.hexdigest())
        optimizer.step()
    return digests


@pytest.fixture(autouse=True)
def keep_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_any_number_of_threads(name, isa):
    torch.set_num_threads(1)
    steps = STEPS if isa != "base" else max(STEPS // 3, 2)
    want = train(name, steps)
    assert len(set(want)) == len(want)
    for threads in (2, 3, 8):
        torch.set_num_threads(threads)
        assert train(name, steps) == want, f"{threads} threads"
    assert train(name, steps) == want, "the second time"


@pytest.mark.slow
def test_another_process(isa):
    """Where memory lies elsewhere."""
    torch.set_num_threads(1)
    want = {name: train(name, 3) for name in RUNS}
    code = ("import sys, test_same_bits as t; from pycnn import _C; _C._set_isa(sys.argv[1]); held = "
            "t.torch.zeros(1001);"
            "print({name: t.train(name, 3) for name in t.RUNS})")
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(torch.__file__).parents[1])])
    done = subprocess.run([sys.executable, "-c", code, isa], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": path, "PYCNN_NUM_THREADS": "3"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(want)
