"""The committed stub is what the extension says, and mypy's stubtest finds no difference."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pycnn
from pycnn import _stubs

ROOT = Path(pycnn.__file__).parents[1]


def test_the_stub_is_current():
    committed = (ROOT / "pycnn" / "_C.pyi").read_text()
    assert committed == _stubs.generate(), "run `make stubs`"


@pytest.mark.slow
def test_stubtest():
    run = subprocess.run([sys.executable, "-m", "mypy.stubtest", "pycnn._C"], cwd=ROOT, capture_output=True, text=True,
                         env={**os.environ, "MYPY_CACHE_DIR": os.devnull})
    assert run.returncode == 0, run.stdout + run.stderr
