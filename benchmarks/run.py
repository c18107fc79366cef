"""Run every benchmark, one process after the other, and write benchmarks/results.json and the site's figures,
docs/performance_results.rst. With --render, write them from the results that are there."""

import ast
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "results.json", HERE.parent / "docs" / "performance_results.rst"
FACTS = {"images_per_second": "images per second", "resident_mb": "resident memory, MB", "wheel_mb": "the wheel, MB",
         "import_over_numpy_ms": "``import pycnn`` over ``import numpy``, ms",
         "share_of_peak": "share of the processor's peak, nominal arithmetic (Winograd's algorithm does with less)",
         "kept": "share of its speed alone"}


def question(benchmark):
    """The first sentence of a benchmark's docstring."""
    doc = ast.get_docstring(ast.parse((HERE / f"{benchmark}.py").read_text()))
    return " ".join(doc.split("\n\n")[0].split())


def table(header, rows):
    """A list-table of rows of text."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 70 30", ""]
    for row in [header, *rows]:
        lines += [f"   {'* -' if k == 0 else '  -'} {cell}" for k, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def plain(value):
    """A figure, or one for each library, as text."""
    return ", ".join(f"{name} {v}" for name, v in value.items()) if isinstance(value, dict) else str(value)


def page(results):
    """The page's text: the machine, then a table for each question."""
    first = results[0]
    text = (f".. Written by benchmarks/run.py.\n\nOn {first['cpu']}, {first['cpus']} CPUs, {first['args']['threads']} "
            "threads. Ratios above 1: pycnn is ahead.\n")
    for r in results:
        rows = [(f"{name}", f"{value}") for name, value in r.get("ratios", {}).items()]
        rows += [(text_of, plain(r[key])) for key, text_of in FACTS.items() if key in r]
        if rows:
            text += f"\n**{question(r['benchmark'])}**\n\n" + table(("figure", "value"), rows)
    return text


def main():
    if "--render" not in sys.argv:
        results = []
        for script in sorted(HERE.glob("bench_*.py")):
            print(script.stem, flush=True)
            done = subprocess.run([sys.executable, str(script), *sys.argv[1:]], capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(f"{script.name} failed:\n{done.stdout}{done.stderr}")
            results.append(json.loads(done.stdout.strip().splitlines()[-1]))
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    PAGE.write_text(page(json.loads(RESULTS.read_text())))
    print(PAGE.read_text())


if __name__ == "__main__":
    main()
