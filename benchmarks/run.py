"""Run the benchmarks, one process after the other, and write what they print: benchmarks/results.json, the site's
figures (docs/performance_results.rst), and those that the READMEs quote.

With --only step,norm just these, and what is known of the others stays; with --render none. Other options are handed to
the benchmarks (--noisy, --rounds, --threads). A machine that is not quiet is given two minutes to become so; then the
run stops, keeps the results so far, and says how to go on.
"""

import argparse
import ast
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from common import BUSY, cifar10  # noqa: E402

RESULTS, PAGE = HERE / "results.json", HERE.parent / "docs" / "performance_results.rst"
READMES = [HERE.parent / name for name in ("README.md", "README.zh.md")]
# In the order of the page; others follow.
ORDER = ("step", "inference", "conv", "conv_shapes", "resnet_convs", "resnet", "norm", "optimizer", "transfer", "small",
         "loader", "program", "start", "shared", "export", "checkpoint")
FACTS = {"images_per_second": "images per second", "resident_mb": "resident memory, MB", "wheel_mb": "the wheel, MB",
         "grown_mb": "what a step's peak adds to resident memory, MB",
         "import_over_numpy_ms": "``import pycnn`` over ``import numpy``, ms",
         "slowest": "the lowest (images, channels, size, filters, filter size, stride, groups)",
         "share_of_peak": "share of the machine's arithmetic peak, geometric mean", "kept": "share of its speed alone"}
SPEEDS = {"ms": "ms", "gflops": "GFLOP/s", "share_of_arithmetic": "share of peak", "megabytes": "MB", "gbytes": "GB/s",
          "share_of_memory": "share of peak", "page_faults": "page faults"}
# What the READMEs quote: the ratios of their table, row by row, and the numbers of the sentence below it.
QUOTED = [("program", "train"), ("program", "test"), ("step", "batch 64, as written"), ("step", "batch 64, best"),
          ("resnet", "as written"), ("conv", "geometric mean"), ("inference", "batch 1000, torch best"),
          ("inference", "batch 1000, onnxruntime")]
QUOTED_FACTS = [(r"(?<=`import pycnn` takes )\d+(?= ms over `import numpy`)", "import_over_numpy_ms"),
                (r"(?<=`import pycnn` 比 `import numpy` 多用 )\d+(?= 毫秒)", "import_over_numpy_ms"),
                (r"(?<=resident memory is )\d+(?= MB)", "resident_mb"),
                (r"(?<=程序常驻内存 )\d+(?= MB)", "resident_mb")]


def scripts():
    """The benchmarks' names, in the order of the page."""
    names = [path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py")]
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def question(benchmark):
    """The first sentence of a benchmark's docstring."""
    doc = ast.get_docstring(ast.parse((HERE / f"{benchmark}.py").read_text()))
    return " ".join(doc.split("\n\n")[0].split())


def table(header, rows, widths):
    """A list-table of rows of text."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {' '.join(map(str, widths))}", ""]
    for row in [header, *rows]:
        lines += [f"   {'* -' if k == 0 else '  -'} {cell}" for k, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def plain(value):
    """A figure, or one for each library, as text."""
    return ", ".join(f"{name} {v}" for name, v in value.items()) if isinstance(value, dict) else str(value)


def page(results):
    """The page's text: the machine, then for each question a table of ratios and one of pycnn's own speed."""
    first, dates = results[0], sorted(r["date"][:10] for r in results)
    versions = {name: v for r in results for name, v in r["versions"].items()}
    text = (f".. Written by benchmarks/run.py.\n\nOn {first['cpu']}, {first['cpus']} CPUs, {first['args']['threads']} "
            f"threads, kernels for {first['isa']}; {plain(versions)}; {' to '.join(sorted({dates[0], dates[-1]}))}. "
            "Ratios above 1: pycnn is ahead.\n\nOf pycnn's own speed: operations are those of the plain algorithm "
            "(Winograd's does with less), bytes those that have to move at least, peaks what a loop of multiply-adds "
            "and one over large arrays reached in the same run (caches are faster than the latter), page faults those "
            "of a call.\n")
    for r in results:
        rows = [(name, str(value)) for name, value in r.get("ratios", {}).items()]
        rows += [(text_of, plain(r[key])) for key, text_of in FACTS.items() if key in r]
        if rows:
            text += f"\n**{question(r['benchmark'])}**\n\n" + table(("figure", "value"), rows, (70, 30))
        if "speeds" in r:
            rows = [(name, *(str(s.get(key, "")) for key in SPEEDS)) for name, s in r["speeds"].items()]
            text += "\n" + table(("pycnn's own speed", *SPEEDS.values()), rows, (30, *(10 for _ in SPEEDS)))
    return text


def quoted(text, results):
    """A README's text with the figures of `results` in it."""
    known = {r["benchmark"].removeprefix("bench_"): r for r in results}
    ratios = iter([known[name]["ratios"][figure] for name, figure in QUOTED])
    text = re.sub(r"(?<=\| )[\d.]+(?= \|$)", lambda _: f"{next(ratios):.1f}", text, flags=re.M)
    for pattern, key in QUOTED_FACTS:
        value = known["start"][key]
        text = re.sub(pattern, f"{value['pycnn'] if isinstance(value, dict) else value:.0f}", text)
    return text


def replace(path, text):
    """Write a file in one move: a run that is stopped leaves the old one."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(text)
    os.replace(beside, path)


def write(known):
    """Results, page and READMEs from what is known: name -> result."""
    results = [known[name] for name in scripts() if name in known]
    replace(RESULTS, json.dumps(results, indent=1) + "\n")
    replace(PAGE, page(results))
    for path in READMES:
        replace(path, quoted(path.read_text(), results))


def measured(name, options):
    """What one benchmark printed; None: it failed, or the machine is not quiet, and why is printed."""
    for attempt in range(7):
        time.sleep(20 if attempt else 0)
        start = time.monotonic()
        done = subprocess.run([sys.executable, HERE / f"bench_{name}.py", *options], capture_output=True, text=True)
        if done.returncode == 0:
            return json.loads(done.stdout.strip().splitlines()[-1]) | {"seconds": round(time.monotonic() - start, 1)}
        print(f"  {done.stdout}{done.stderr.strip()}", flush=True)
        if done.returncode != BUSY:
            break
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(scripts()), help="names, as in bench_NAME.py, with commas between")
    parser.add_argument("--render", action="store_true", help="write page and READMEs from the results")
    args, options = parser.parse_known_args()
    names = [] if args.render else args.only.split(",")
    if set(names) - set(scripts()):
        parser.error(f"--only: choose from {', '.join(scripts())}")
    known = {r["benchmark"].removeprefix("bench_"): r for r in json.loads(RESULTS.read_text())}
    if {"loader", "program", "start"} & set(names):
        cifar10()  # stops now rather than in the middle if there is none
    begin = time.monotonic()
    for k, name in enumerate(names):
        print(f"{k + 1}/{len(names)} {name}: {question('bench_' + name)}", flush=True)
        result = measured(name, options)
        if result is None:
            sys.exit(f"Stopped. To go on: {' '.join([sys.executable, sys.argv[0], *options])} "
                     f"--only {','.join(names[k:])}")
        known[name] = result
        write(known)
        print(f"  {plain(result['ratios'])}; {result['seconds']} s", flush=True)
    write(known)
    print(f"{time.monotonic() - begin:.0f} s; written: {', '.join(p.name for p in (RESULTS, PAGE, *READMES))}")


if __name__ == "__main__":
    main()
