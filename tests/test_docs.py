"""The examples of the site's pages and of the docstrings run, and show what they say."""

import doctest
import inspect
import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import pycnn
from test_docstrings import public

DOCS = Path(pycnn.__file__).parents[1] / "docs"
PAGES = sorted(p.name for p in DOCS.glob("*.rst"))
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
BLOCK = re.compile(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", re.M)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Examples write files: not here. Threads and generator are as before afterwards."""
    monkeypatch.chdir(tmp_path)
    threads, state = pycnn.get_num_threads(), pycnn.get_rng_state()
    yield
    pycnn.set_num_threads(threads)
    pycnn.set_rng_state(state)


def run_examples(text, names, where):
    """Run the ``>>>`` examples of a text; `names` is changed by them."""
    test = doctest.DocTestParser().get_doctest(text, names, where, where, 0)
    test.globs = names
    report = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append, clear_globs=False)
    assert not report, "".join(report)
    return len(test.examples)


@pytest.mark.parametrize("page", PAGES)
def test_a_page(page):
    text, names, at = (DOCS / page).read_text(), {}, 0
    for block in BLOCK.finditer(text):
        run_examples(text[at:block.start()], names, page)
        exec(compile(inspect.cleandoc("   \n" + block.group(1)), page, "exec"), names)
        at = block.end()
    run_examples(text[at:], names, page)


WITH_EXAMPLES = {name: thing for name, thing in public().items() if ">>>" in (inspect.getdoc(thing) or "")}


@pytest.mark.parametrize("name", sorted(WITH_EXAMPLES))
def test_a_docstring(name):
    thing = WITH_EXAMPLES[name]
    pycnn.manual_seed(0)
    names = {"pycnn": pycnn, "nn": pycnn.nn, "F": pycnn.nn.functional, "np": np, thing.__name__: thing}
    assert run_examples(inspect.getdoc(thing), names, name) > 0


def test_the_pages_made_from_the_package():
    generate = runpy.run_path(str(DOCS / "generate.py"))
    pages = generate["reference"]()
    text = "".join(pages.values())
    functions = {name for name, thing in public().items() if name.count(".") == 1 and not inspect.isclass(thing)}
    assert not [name for name in functions if f".. autofunction:: {name}\n" not in text]
    for name in ("pycnn.nn.Conv2d", "pycnn.optim.Adam", "pycnn.utils.data.DataLoader", "pycnn.vision.models.resnet50"):
        assert text.count(f":: {name}\n") == 1
    assert "``conv2d``" in generate["names"]() and "usage: python -m pycnn train" in generate["help_of"]("train")
    assert "Given groups=1, weight of size [8, 3, 3, 3]" in generate["errors"]()


RUN = runpy.run_path(str(DOCS.parent / "benchmarks" / "run.py"))


def test_the_page_of_figures():
    machine = {"args": {"threads": 2}, "cpu": "a processor", "cpus": 2, "isa": "v3", "versions": {"torch": "2.14.1"},
               "date": "2026-01-02 03:04"}
    speeds = {"batch 8": {"ms": 2.0, "megabytes": 94.0, "gbytes": 47.0, "share_of_memory": 0.9, "page_faults": 0.0}}
    text = RUN["page"]([{"benchmark": "bench_step", **machine, "ratios": {"as written": 2.5}, "speeds": speeds},
                        {"benchmark": "bench_start", **machine, "resident_mb": {"pycnn": 300.0, "torch": 900.0}}])
    assert "a training step of SimpleCNN" in text and "* - as written\n     - 2.5\n" in text
    assert "* - batch 8\n     - 2.0\n     - \n     - \n     - 94.0\n     - 47.0\n     - 0.9\n     - 0.0\n" in text
    assert "* - resident memory, MB\n     - pycnn 300.0, torch 900.0\n" in text


def test_figures_are_those_that_were_measured():
    results = json.loads(RUN["RESULTS"].read_text())
    assert RUN["PAGE"].read_text() == RUN["page"](results), "python benchmarks/run.py --render"
    both = "".join(path.read_text() for path in RUN["READMES"])
    assert all(len(re.findall(pattern, both)) == 1 for pattern, _ in RUN["QUOTED_FACTS"])
    for path in RUN["READMES"]:
        assert path.read_text() == RUN["quoted"](path.read_text(), results), f"{path.name}: run.py --render"
        altered = re.sub(r"(?<=\| )[\d.]+(?= \|$)", "99", path.read_text(), flags=re.M)
        assert altered.count("| 99 |") == len(RUN["QUOTED"]) and RUN["quoted"](altered, results) == path.read_text()


@pytest.mark.parametrize("name", RUN["scripts"]())
def test_a_benchmark_asks_one_question(name):
    asked = RUN["question"](f"bench_{name}")
    assert asked.endswith("?") and asked.count("?") == 1
