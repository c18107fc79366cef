"""Run every benchmark, one process after the other, and write benchmarks/results.json and benchmarks/results.md."""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main():
    results = []
    for script in sorted(HERE.glob("bench_*.py")):
        print(script.stem, flush=True)
        done = subprocess.run([sys.executable, str(script), *sys.argv[1:]], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{script.name} failed:\n{done.stdout}{done.stderr}")
        results.append(json.loads(done.stdout.strip().splitlines()[-1]))
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    lines = [f"Measured on {results[0]['cpu']}, {results[0]['cpus']} CPUs, "
             f"{results[0]['args']['threads']} threads; ratios above 1: pycnn is ahead of torch.", "",
             "| question | figure | value |", "|---|---|---|"]
    for r in results:
        for name, value in r.get("ratios", {}).items():
            lines.append(f"| {r['benchmark']} | ratio, {name} | {value} |")
        for key in ("images_per_second", "resident_mb", "import_over_numpy_ms", "wheel_mb", "share_of_peak"):
            if key in r:
                lines.append(f"| {r['benchmark']} | {key} | {r[key]} |")
    (HERE / "results.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
