"""What all tests share: the real CIFAR-10, instruction sets, and a clean state between tests."""

import gc
import hashlib
import json
import os
import pickle
import threading
import urllib.error
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from pycnn import _C

ISAS = _C._isas()


def pytest_collection_finish(session):
    gc.collect()
    gc.freeze()  # what pytest has made is not looked at again: tests that collect garbage do it often


@pytest.fixture(autouse=True)
def clean_state():
    """Kernels, allocations and grad mode as at the start."""
    yield
    _C._alloc_fail_after(-1)
    _C._set_isa(None)
    _C._force_convolution(None)
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
def cifar10_root(tmp_path_factory):
    """Folder of CIFAR-10 in its published layout: the full set at $PYCNN_CIFAR10, otherwise one made of the sample."""
    root = os.environ.get("PYCNN_CIFAR10")
    if root and (Path(root) / "cifar-10-batches-py").is_dir():
        return Path(root)
    return write_cifar10(tmp_path_factory.mktemp("cifar10"))


def write_cifar10(root):
    """Write the sample as CIFAR-10's files, with their MD5 sums in md5.json."""
    from pycnn.vision.datasets import CIFAR10Sample
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    train, test = CIFAR10Sample(train=True), CIFAR10Sample(train=False)
    parts = {f"data_batch_{k + 1}": (train.data[k::5], train.targets[k::5]) for k in range(5)}
    parts["test_batch"] = (test.data, test.targets)
    files = {name: {"data": np.ascontiguousarray(d.transpose(0, 3, 1, 2)).reshape(len(d), -1), "labels": list(t)}
             for name, (d, t) in parts.items()}
    files["batches.meta"] = {"label_names": train.classes}
    sums = {}
    for name, value in files.items():
        data = pickle.dumps(value, protocol=2)
        (folder / name).write_bytes(data)
        sums[name] = hashlib.md5(data).hexdigest()
    (root / "md5.json").write_text(json.dumps(sums))
    return root


@pytest.fixture
def server(tmp_path_factory):
    """(folder, address) of an HTTP server."""
    folder = tmp_path_factory.mktemp("served")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        yield folder, f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.fixture
def offline(monkeypatch):
    """No network: no address can be resolved."""
    def refuse(request, *args, **kwargs):
        raise urllib.error.URLError(OSError(-2, "Name or service not known"))
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
