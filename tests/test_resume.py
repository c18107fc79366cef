"""Training that goes on from a file gives, bit for bit, what it would have given without a stop."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pycnn
from pycnn.utils.data import Subset
from pycnn.vision import datasets, transforms
from resume import OPTIMIZERS, SCHEDULES, Training


@pytest.fixture(scope="module")
def images():
    """Some images of the sample under every kind of augmentation."""
    augment = transforms.Compose([transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(),
                                  transforms.RandomRotation(15),
                                  transforms.ColorJitter(0.2, 0.2), transforms.ToTensor(),
                                  transforms.Normalize((0.5,) * 3, (0.25,) * 3)])
    return Subset(datasets.CIFAR10Sample(transform=augment), range(24))


def stopped(path, *args, legacy=False, **options):
    """Train two epochs, save, go on in other objects with other seeds; losses and weights, of this and without the
    stop."""
    whole = Training(pycnn, *args, **options)
    losses = whole.run(4)
    expected = losses, whole.history, whole.weights()

    first = Training(pycnn, *args, **options)
    losses = first.run(2)
    pycnn.save(first.state(), path, _use_new_zipfile_serialization=not legacy)
    del first
    second = Training(pycnn, *args, seed=77, **options)
    second.run(1)
    second.load(pycnn.load(path))
    losses += second.run(2)
    return expected, (losses, second.history, second.weights())


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer(optimizer, legacy, images, tmp_path):
    expected, got = stopped(tmp_path / "run.pth", images, optimizer, legacy=legacy)
    assert got == expected


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_kind_of_schedule(schedule, images, tmp_path):
    expected, got = stopped(tmp_path / "run.pth", images, "SGD", schedule)
    assert got == expected


@pytest.mark.parametrize("workers", [1, 2])
def test_loaders_with_workers(workers, images, tmp_path):
    expected, got = stopped(tmp_path / "run.pth", images, workers=workers)
    assert got == expected


def test_in_another_process(images, tmp_path):
    whole = Training(pycnn, images)
    whole.run(2)
    pycnn.save(whole.state(), tmp_path / "run.pth")
    whole.run(1)
    code = """
        import sys
        import pycnn
        from resume import Training
        from test_resume import images
        training = Training(pycnn, images.__wrapped__(), seed=5)
        training.load(pycnn.load(sys.argv[1]))
        training.run(1)
        pycnn.save(training.state(), sys.argv[1])
        """
    tests = Path(__file__).parent
    environment = {**os.environ,
                   "PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent), os.environ.get("PYTHONPATH", "")])}
    subprocess.run([sys.executable, "-c", "\n".join(line.strip() for line in code.split("\n")),
                    str(tmp_path / "run.pth")], check=True,
                   env=environment)
    other = Training(pycnn, images, seed=9)
    other.load(pycnn.load(tmp_path / "run.pth"))
    assert other.history == whole.history and other.weights() == whole.weights()
    assert pycnn.equal(other.generator.get_state(), whole.generator.get_state())
