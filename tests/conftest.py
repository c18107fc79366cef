"""What all tests share: the real CIFAR-10, instruction sets, and a clean state between tests."""

import gc
import os
from pathlib import Path

import pytest

from pycnn import _C

ISAS = _C._isas()


def pytest_configure(config):
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)  # the machine may be shared: OpenMP waits long for a busy core


@pytest.fixture(autouse=True)
def clean_state():
    """Kernels, allocations and grad mode as at the start."""
    yield
    _C._alloc_fail_after(-1)
    _C._set_isa(None)
    _C.set_grad_enabled(True)


@pytest.fixture(params=ISAS)
def isa(request):
    """Run the test with the kernels of each instruction set that this processor has."""
    _C._set_isa(request.param)
    return request.param


@pytest.fixture
def live_blocks():
    """Return a function that counts the live blocks of the allocator, garbage collected."""
    def count():
        gc.collect()
        return _C._alloc_stats()["live_blocks"]
    return count


@pytest.fixture(scope="session")
def cifar10_root():
    """Folder of the real CIFAR-10; tests that cannot do without it ask for this fixture."""
    root = os.environ.get("PYCNN_CIFAR10")
    if not root or not (Path(root) / "cifar-10-batches-py").is_dir():
        pytest.skip("PYCNN_CIFAR10 does not name a folder with cifar-10-batches-py")
    return Path(root)
