"""Programs as users write them, run by torch and by ``install_as_torch``: what they print is equal, up to rounding."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.parity

HERE = Path(__file__).parent
PROGRAMS = sorted((HERE / "programs").glob("*.py"))
NUMBER = re.compile(r"[-+]?\d+\.\d*(?:e[-+]?\d+)?|[-+]?\d+e[-+]?\d+|0x[0-9a-f]+")


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """{library: the folder with what each program printed}."""
    folders = {library: tmp_path_factory.mktemp(library) for library in ("torch", "pycnn")}
    env = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    runs = [subprocess.Popen([sys.executable, HERE / "run_programs.py", library, folder, *PROGRAMS], env=env)
            for library, folder in folders.items()]
    assert [run.wait(timeout=600) for run in runs] == [0, 0]
    return folders


def close(a, b):
    if a.startswith("0x"):
        return True  # addresses
    return abs(float(a) - float(b)) <= max(2e-4, 1e-3 * abs(float(b)))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_program(program, printed):
    ours, theirs = ((printed[library] / f"{program.stem}.out").read_text() for library in ("pycnn", "torch"))
    assert "Traceback" not in theirs, theirs
    assert "Traceback" not in ours, ours
    ours, theirs = ours.splitlines(), theirs.splitlines()
    for got, want in zip(ours, theirs):
        numbers = NUMBER.findall(got), NUMBER.findall(want)
        assert NUMBER.sub("#", got).split() == NUMBER.sub("#", want).split(), (got, want)
        assert len(numbers[0]) == len(numbers[1]) and all(map(close, *numbers)), (got, want)
    assert len(ours) == len(theirs) > 0
