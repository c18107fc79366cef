"""The README's example runs as it stands."""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_example(tmp_path):
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S).group(1)
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        names = {}
        exec(compile(code, "README.md", "exec"), names)
    finally:
        os.chdir(before)
    assert names["loss"].item() < 2.2
    assert (tmp_path / "model.pth").stat().st_size > 8_000_000
