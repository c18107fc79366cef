"""What the benchmarks share: interleaved timing in one process, a look at the machine, results as JSON."""

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
PEERS = ("numpy", "torch", "torchvision", "onnxruntime", "openvino")
BUSY = 75  # the status with which a benchmark ends on a machine that is not quiet
sys.path.insert(0, str(HERE.parent / "tests"))


def arguments(doc, rounds=6, **defaults):
    """Command line of a benchmark: threads, rounds, and `defaults` as further options."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--noisy", action="store_true", help="report even if the machine is not quiet")
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    return args


def both(threads):
    """The program on pycnn and on torch, with that many threads each."""
    from program import Program, pycnn_modules, torch_modules
    programs = {"pycnn": Program(*pycnn_modules()), "torch": Program(*torch_modules())}
    for p in programs.values():
        p.torch.set_num_threads(threads)
    return programs


def compare(cases, rounds, seconds=0.7, warm=3, clock=time.perf_counter, most=0):
    """Milliseconds of each of `cases` (name -> function): rounds go A B C, A B C, so that a slow moment hits all.

    most: go on, to so many rounds, until two in a row have brought nobody's minimum down by more than 2 %.

    Returns
    -------
    dict
        name -> {"min_ms", "median_ms", "calls", "page_faults"}; the last per call
    """
    for run in cases.values():
        for _ in range(warm):
            run()
    times, faults = {name: [] for name in cases}, dict.fromkeys(cases, 0)
    least, done, calm = dict.fromkeys(cases, math.inf), 0, 0
    while done < rounds or (done < most and calm < 2):
        for name, run in cases.items():
            time.sleep(0.02)  # the other library's threads stop spinning
            run()
            faults[name] -= resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            stop = time.perf_counter() + seconds
            while True:
                start = clock()
                run()
                times[name].append(1e3 * (clock() - start))
                if time.perf_counter() >= stop:
                    break
            faults[name] += resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        before, least = least, {name: min(t) for name, t in times.items()}
        calm = calm + 1 if all(least[name] > 0.98 * before[name] for name in cases) else 0
        done += 1
    return {name: {"min_ms": round(least[name], 4), "median_ms": round(statistics.median(t), 4), "calls": len(t),
                   "page_faults": round(faults[name] / len(t), 1)} for name, t in times.items()}


def resident_mb(key):
    """Megabytes of this process's memory: VmRSS now, VmHWM at most so far."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(key))


def quiet():
    """Share of the CPUs' time that other processes take, sampled over a second in which this one sleeps."""
    def busy():
        fields = [int(x) for x in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
        return sum(fields) - fields[3] - fields[4], sum(fields)
    b0, t0 = busy()
    time.sleep(1.0)
    b1, t1 = busy()
    return (b1 - b0) / max(1, t1 - t0)


def require_quiet(args):
    """Stop unless the machine is quiet: ratios with two threads on two busy cores mean nothing."""
    share = quiet()
    if share > 0.1 and not args.noisy:
        print(f"The machine is not quiet: {100 * share:.0f} % of its processors is busy with something else.",
              file=sys.stderr)
        sys.exit(BUSY)
    return share


def peak(threads):
    """{"gflops", "gbytes"}: multiply-adds and traffic that the machine reaches at most, by benchmarks/peak.c."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "peak"
        subprocess.run(["gcc", "-O2", "-march=native", "-pthread", HERE / "peak.c", "-o", program], check=True)
        return json.loads(subprocess.run([str(program), str(threads)], check=True, capture_output=True).stdout)


def speed(measured, work, limit):
    """What a time of `compare` comes to, given the work's (operations or None, bytes) and the machine's `peak`."""
    flop, size = work
    seconds = 1e-3 * measured["min_ms"]
    gbytes = 1e-9 * size / seconds
    result = {"ms": measured["min_ms"], "megabytes": round(1e-6 * size, 1), "gbytes": round(gbytes, 1),
              "share_of_memory": round(gbytes / limit["gbytes"], 3), "page_faults": measured["page_faults"]}
    if flop is not None:
        gflops = 1e-9 * flop / seconds
        result |= {"gflops": round(gflops, 1), "share_of_arithmetic": round(gflops / limit["gflops"], 3)}
    return result


def alone(name, args):
    """What the calling benchmark prints about library `name` with --only: measured in a process of its own."""
    done = subprocess.run([sys.executable, sys.argv[0], "--noisy", "--only", name, "--batch", str(args.batch),
                           "--threads", str(args.threads)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def cifar10():
    """Folder of the real CIFAR-10: $PYCNN_CIFAR10."""
    root = os.environ.get("PYCNN_CIFAR10")
    if not root or not (Path(root) / "cifar-10-batches-py").is_dir():
        sys.exit("Set PYCNN_CIFAR10 to the folder that holds cifar-10-batches-py.")
    return root


def report(args, **results):
    """Print the results, what was measured on, and how, as one JSON object.

    Among the results: "ratios" (name -> torch's time over pycnn's) and "speeds" (name -> what `speed` returns).
    """
    cpu = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().split("\n")
                if line.startswith("model name")), "unknown")
    from pycnn import _C
    print(json.dumps({"benchmark": Path(sys.argv[0]).stem, "args": vars(args), "cpu": cpu, "cpus": os.cpu_count(),
                      "isa": _C._config()["isa"], "versions": {p: version(p) for p in PEERS if p in sys.modules},
                      "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()), "load": round(os.getloadavg()[0], 2),
                      **results}))
