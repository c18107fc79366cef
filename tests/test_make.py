"""What `make` asks of a machine, and how large the wheel becomes."""

import os
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

import pycnn

ROOT = Path(pycnn.__file__).parents[1]
SANITIZED = "san.so" in os.environ.get("LD_PRELOAD", "")


@pytest.mark.parametrize("user, sudo, wanted", [
    ("1000", 1, "Packages are missing. Please run:  sudo apt-get install libblis-serial-dev"),
    ("1000", 0, "run: apt-get install -qy --no-install-recommends libblis-serial-dev"),
    ("0", 1, "run: apt-get install -qy --no-install-recommends libblis-serial-dev")])
def test_a_missing_system_package(tmp_path, user, sudo, wanted):
    """On a machine without BLIS, made up of commands that say what they would do."""
    scripts = {"ls": "exit 2", "id": f"echo {user}", "apt-get": 'echo "run: apt-get $*"',
               "sudo": f'[ {sudo} = 0 ] || exit 1; [ "$1" = -n ] && exit 0; "$@"'}
    for name, text in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    env = {k: v for k, v in os.environ.items() if k not in ("PYCNN_BLIS", "LD_PRELOAD", "MAKEFLAGS", "MAKELEVEL")}
    run = subprocess.run([shutil.which("make"), "-s", "-C", ROOT, "system"], capture_output=True, text=True,
                         env={**env, "PATH": f"{tmp_path}:{env['PATH']}"})
    assert wanted in run.stdout
    assert (run.returncode == 0) == (user == "0" or sudo == 0)


def test_a_python_without_headers_or_venv(tmp_path):
    """Debian's python3 alone."""
    for name, text in {"ls": "exit 0", "id": "echo 1000", "sudo": "exit 1", "python": "exit 1"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "MAKEFLAGS", "MAKELEVEL")}
    run = subprocess.run([shutil.which("make"), "-s", "-C", ROOT, "system", f"PYTHON={tmp_path / 'python'}"],
                         capture_output=True, text=True, env={**env, "PATH": f"{tmp_path}:{env['PATH']}"})
    assert run.returncode != 0
    assert run.stdout.splitlines() == [
        "Packages are missing. Please run:  sudo apt-get install python3-venv python3-dev"]


@pytest.mark.skipif(SANITIZED, reason="sanitizers make the library several times as large")
def test_the_wheel_stays_small():
    """At most 4 MB, data included; compressed as a wheel is."""
    files = [p for p in (ROOT / "pycnn").rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sum(len(zlib.compress(p.read_bytes(), 6)) + 2 * len(str(p)) for p in files) < 3.9e6
