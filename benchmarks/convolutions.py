"""What the benchmarks of convolutions share: the passes of one shape on pycnn and on torch in each memory format."""

import math
import time

import work
from common import compare, peak, speed

PASSES = ("forward", "input gradient", "weight gradient")


def passes(torch, shape, channels_last):
    """Functions that compute one pass each, as training does: what depends on the weights is made anew each time."""
    n, c, size, k, filter, stride, groups = shape
    padding = filter // 2
    out = (size + 2 * padding - filter) // stride + 1
    x, g = torch.randn(n, c, size, size), torch.randn(n, k, out, out)
    w, b = torch.randn(k, c // groups, filter, filter), torch.randn(k)
    if channels_last:
        x, g = (t.contiguous(memory_format=torch.channels_last) for t in (x, g))
        if torch.__name__ == "torch":  # pycnn's weights are plain always
            w = w.contiguous(memory_format=torch.channels_last)
    wanted_x, wanted_w = x.detach().requires_grad_(), w.detach().requires_grad_()

    def convolve(x, w, b=None):
        return torch.conv2d(x, w, b, stride=stride, padding=padding, groups=groups)

    from_x, from_w = convolve(wanted_x, w), convolve(x, wanted_w)
    return (lambda: convolve(x, wanted_w, b), lambda: torch.autograd.grad(from_x, wanted_x, g, retain_graph=True),
            lambda: torch.autograd.grad(from_w, wanted_w, g, retain_graph=True))


def measure(shapes, args, seconds):
    """Each pass of each shape [n, c, size, k, filter, stride, groups], interleaved; torch in the better of its formats.

    Rounds go on, to four times args.rounds, while a case still becomes faster: a disturbed one decides no ratio.

    Returns
    -------
    list of dict
        "shape", "pass", "pycnn_ms", "torch_ms", "ratio", "speed" (of pycnn)
    """
    import pycnn
    import torch
    for t in (pycnn, torch):
        t.set_num_threads(args.threads)
    clock = time.thread_time if args.threads == 1 else time.perf_counter  # one thread: not disturbed by others
    rows, limit = [], peak(args.threads)
    for shape in shapes:
        run = {"pycnn": passes(pycnn, shape, True), "torch": passes(torch, shape, False),
               "torch, channels_last": passes(torch, shape, True)}
        for k, name in enumerate(PASSES):
            times = compare({who: functions[k] for who, functions in run.items()}, args.rounds, seconds, warm=1,
                            clock=clock, most=4 * args.rounds)
            ours = times["pycnn"]["min_ms"]
            theirs = min(t["min_ms"] for who, t in times.items() if who != "pycnn")
            rows.append({"shape": list(shape), "pass": name, "pycnn_ms": ours, "torch_ms": theirs,
                         "ratio": round(theirs / ours, 2),
                         "speed": speed(times["pycnn"], work.convolution(shape), limit)})
            if args.table:
                print(f"{str(shape):38} {name:16} {ours:9.3f} {theirs:9.3f}  {theirs / ours:5.2f}  "
                      f"{rows[-1]['speed']['gflops']:6.1f}", flush=True)
    return rows


def geometric_mean(values):
    return round(math.exp(sum(map(math.log, values)) / len(values)), 3)
