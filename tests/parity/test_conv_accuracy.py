"""Some hundred cases of random_convolutions.py; thousands in `make deep`, from another seed each time."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.parity
SCRIPT = Path(__file__).with_name("random_convolutions.py")


def test_every_algorithm_is_as_exact_as_promised():
    """In a process of its own, which says from the first convolution on what ran."""
    cases = os.environ.get("PYCNN_RANDOM_CONVOLUTIONS")
    seed = random.randrange(10**6) if cases else 1
    path = os.pathsep.join([str(SCRIPT.parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run([sys.executable, str(SCRIPT), cases or "240", str(seed)], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": path})
    print(f"seed {seed}\n{done.stdout}")
    assert done.returncode == 0, f"seed {seed}\n{done.stdout}\n{done.stderr[-4000:]}"
