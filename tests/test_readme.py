"""The README's example runs as it stands; the Chinese README says the same."""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = ((ROOT / name).read_text() for name in ("README.md", "README.zh.md"))


@pytest.mark.slow
def test_example(tmp_path):
    code = re.search(r"```python\n(.*?)```", ENGLISH, re.S).group(1)
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        names = {}
        exec(compile(code, "README.md", "exec"), names)
    finally:
        os.chdir(before)
    assert names["loss"].item() < 2.2
    assert (tmp_path / "model.pth").stat().st_size > 8_000_000


def test_both_languages_agree():
    for pattern in (r"```python\n.*?```", r"^(?:make|python -m) \S+[^#\n]*", r"\| ([\d.]+) \|$", r"`[^`\n]+`",
                    r"\b1e-\d\b"):
        flags = re.S | re.M if "python\\n" in pattern else re.M
        there, here = (re.findall(pattern, text, flags) for text in (ENGLISH, CHINESE))
        assert there and sorted({x.strip() for x in there}) == sorted({x.strip() for x in here}), pattern
    assert len(re.findall("^## ", ENGLISH, re.M)) == len(re.findall("^## ", CHINESE, re.M))


def test_links_lead_somewhere():
    for text in (ENGLISH, CHINESE, (ROOT / "CONTRIBUTING.md").read_text()):
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (ROOT / target).exists(), target


def test_paths_exist():
    """Of CONTRIBUTING.md, what stands as code and begins with a folder of the project, examples apart."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:csrc|pycnn|tests|docs|benchmarks)/[^`\s]*)`", text)
    paths = [path for path in named if not re.search("[<*]", path)]
    assert len(paths) > 30
    assert not [p for p in paths if not (ROOT / p).exists()]
