"""What is left of the training step's speed when the machine is shared: a busy core, two processes, two threads?

Each figure is the share of its speed alone that a training run keeps, of pycnn and of torch.
"""

import multiprocessing
import subprocess
import sys
import threading
import time

from common import HERE, arguments, report, require_quiet

LIBRARIES = ("pycnn", "torch")
SPIN = [sys.executable, "-c", "while True: pass"]


def prepared(library, threads):
    """A function that runs one step of SimpleCNN, batch 64."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    import program
    p = program.Program(*getattr(program, library + "_modules")())
    p.torch.set_num_threads(threads)
    p.torch.manual_seed(0)
    model, criterion, optimizer, _ = p.model()
    images, labels = p.torch.randn(64, 3, 32, 32), p.torch.randint(0, 10, (64,))
    return lambda: p.step(model, criterion, optimizer, images, labels)


def rate(run, seconds):
    """Steps per second."""
    stop, n, start = time.perf_counter() + seconds, 0, time.perf_counter()
    while time.perf_counter() < stop:
        run()
        n += 1
    return n / (time.perf_counter() - start)


def worker(library, threads, seconds, ready, results):
    run = prepared(library, threads)
    for _ in range(5):
        run()
    ready.wait()
    results.put(rate(run, seconds))


def processes(library, count, threads, seconds):
    """Steps per second of each of `count` processes that run at once."""
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(count), context.Queue()
    running = [context.Process(target=worker, args=(library, threads, seconds, ready, results)) for _ in range(count)]
    for p in running:
        p.start()
    rates = [results.get() for _ in running]
    for p in running:
        p.join()
    return rates


def in_threads(runs, seconds):
    """Steps per second of each of `runs`, in a Python thread each."""
    rates = [0.0] * len(runs)

    def work(k):
        rates[k] = rate(runs[k], seconds)
    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(runs))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return rates


def main():
    args = arguments(__doc__, seconds=3.0)
    other_load = require_quiet(args)
    alone, kept = {}, {}
    for library in LIBRARIES:
        run = prepared(library, args.threads)
        for _ in range(5):
            run()
        alone[library] = rate(run, args.seconds)
        busy = subprocess.Popen(SPIN)
        try:
            kept[f"{library}, one core busy"] = rate(run, args.seconds) / alone[library]
        finally:
            busy.kill()
            busy.wait()
        kept[f"{library}, two threads, each"] = min(in_threads([run, prepared(library, args.threads)],
                                                              args.seconds)) / alone[library]
        kept[f"{library}, two processes, each"] = min(processes(library, 2, args.threads,
                                                                args.seconds)) / alone[library]
    report(args, other_load=other_load, steps_per_second={k: round(v, 1) for k, v in alone.items()},
           kept={k: round(v, 3) for k, v in kept.items()},
           ratios={case: round(kept[f"pycnn, {case}"] / kept[f"torch, {case}"], 2)
                   for case in ("one core busy", "two threads, each", "two processes, each")})


if __name__ == "__main__":
    main()
