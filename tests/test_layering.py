"""Rules that the sources keep to, read off their text: who may include whom in csrc, and the form of all files."""

import re
from pathlib import Path

import pytest

CSRC = Path(__file__).parents[1] / "csrc"
MAY_INCLUDE = {
    "core": {"core"},
    "kernels": {"kernels"},
    "blas": {"blas", "core"},
    "image": {"image", "core"},
    "io": {"io", "core"},
    "ops": {"ops", "core", "kernels", "blas", "image", "autograd/autograd.h"},
    "autograd": {"autograd", "core", "ops/op.h", "ops/copy.h"},
    "optim": {"optim", "core", "kernels", "blas", "ops/copy.h", "ops/op.h"},
    "graph": {"graph", "core", "ops", "io"},
    "data": {"data", "core", "kernels", "blas", "image", "io", "ops/copy.h", "ops/op.h"},
}
SOURCES = sorted(p for p in CSRC.rglob("*") if p.suffix in (".c", ".h", ".def"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(CSRC)))
def test_includes(path):
    layer = path.relative_to(CSRC).parts[0]
    text = path.read_text()
    allowed = MAY_INCLUDE.get(layer)
    for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, re.M):
        target = (path.parent / name).resolve()
        assert CSRC.resolve() in target.parents, f"{path}: {name} is not of this library"
        inner = target.relative_to(CSRC.resolve())
        if allowed is not None:
            assert inner.parts[0] in allowed or str(inner) in allowed, f"{layer} may not include {inner}"
    assert layer == "python" or not re.search(r'#\s*include\s+[<"]Python\.h', text), "Python.h outside of python/"
    assert layer == "blas" or not re.search(r'#\s*include\s+[<"]blis\.h', text), "blis.h outside of blas/"
    assert path.name == "numpy_bridge.c" or not re.search(r"#\s*include\s+<numpy/", text)


def test_no_abort_or_exit():
    for path in SOURCES:
        if path.relative_to(CSRC).parts[0] == "tests":
            continue
        code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
        assert not re.search(r"\b(abort|exit|_exit)\s*\(", code), path


def test_file_names_are_unique():
    names = [p.name for p in SOURCES if p.suffix == ".c"]
    assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)


ROOT = CSRC.parent
TEXTS = sorted(p for folder in ("benchmarks", "csrc", "docs", "pycnn", "tests") for p in (ROOT / folder).rglob("*")
               if p.suffix in (".c", ".h", ".def", ".py", ".pyi", ".rst", ".md")) + [
    ROOT / "setup.py", ROOT / "Makefile", ROOT / "CONTRIBUTING.md"]
# A row of a table that says a case a line: ("what: which", ...), of tests/bad_input.py.
TABLE_ROW = re.compile(r'    \("[^"]+: .*\),$')
# Written by programs.
GENERATED = {"pycnn/_C.pyi", "docs/performance_results.rst"}


def test_lines_end_at_column_120():
    long = [f"{path.relative_to(ROOT)}:{number}" for path in TEXTS if str(path.relative_to(ROOT)) not in GENERATED
            for number, line in enumerate(path.read_text().split("\n"), 1)
            if len(line) > 120 and not (path.name == "bad_input.py" and TABLE_ROW.match(line))]
    assert not long, "wrap these lines: " + " ".join(long)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(CSRC)))
def test_c_files_say_what_they_hold(path):
    first = path.read_text().split("\n", 1)[0]
    assert first.startswith(f"/* {path.name} -- "), f"{path}: begin with /* {path.name} -- what it holds. */"


def test_one_version():
    import pycnn
    pyproject = (CSRC.parent / "pyproject.toml").read_text()
    assert f'#define PC_VERSION "{pycnn.__version__}"' in (CSRC / "pycnn.h").read_text()
    assert f'version = "{pycnn.__version__}"' in pyproject


def test_every_kernel_is_measured():
    """By make -C csrc bench, whose macros add the type to most names."""
    kernels = re.findall(r"^KERNEL\([^,]*, (\w+)", (CSRC / "kernels" / "kernels.def").read_text(), re.M)
    measured = set(re.findall(r"\w+", (CSRC / "tests" / "bench_kernels.c").read_text()))
    assert not [k for k in kernels if k not in measured and re.sub(r"^f\d+_", "", k) not in measured]
