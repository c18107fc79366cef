"""How fast are ResNet-50's convolutions at 224 x 224, forward and without gradients, for one image and for 32?

One after the other, each with weights of its own, as the network runs them, and nothing between. torch in the better of
its memory formats. --batches 1,32: images.
"""

import time

import work
from common import arguments, compare, peak, report, require_quiet, speed

# input channels, size, output channels, filter, stride; how often
LAYERS = [
    (3, 224, 64, 7, 2, 1),
    (64, 56, 64, 1, 1, 1), (64, 56, 64, 3, 1, 3), (64, 56, 256, 1, 1, 4), (256, 56, 64, 1, 1, 2),
    (256, 56, 128, 1, 1, 1), (128, 56, 128, 3, 2, 1), (256, 56, 512, 1, 2, 1),
    (128, 28, 512, 1, 1, 4), (512, 28, 128, 1, 1, 3), (128, 28, 128, 3, 1, 3),
    (512, 28, 256, 1, 1, 1), (256, 28, 256, 3, 2, 1), (512, 28, 1024, 1, 2, 1),
    (256, 14, 1024, 1, 1, 6), (1024, 14, 256, 1, 1, 5), (256, 14, 256, 3, 1, 5),
    (1024, 14, 512, 1, 1, 1), (512, 14, 512, 3, 2, 1), (1024, 14, 2048, 1, 2, 1),
    (512, 7, 2048, 1, 1, 3), (2048, 7, 512, 1, 1, 2), (512, 7, 512, 3, 1, 2),
]


def case(torch, batch, channels_last):
    """A function that computes all convolutions."""
    calls = []
    for c, size, k, filter, stride, times in LAYERS:
        x, weights = torch.randn(batch, c, size, size), [torch.randn(k, c, filter, filter) for _ in range(times)]
        if channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
            if torch.__name__ == "torch":  # pycnn's weights are plain always
                weights = [w.contiguous(memory_format=torch.channels_last) for w in weights]
        calls += [(x, w, stride, filter // 2) for w in weights]

    def run():
        with torch.no_grad():
            for x, w, stride, padding in calls:
                torch.conv2d(x, w, stride=stride, padding=padding)
    return run


def amount(batch):
    """What there is to do: (operations, bytes)."""
    each = [work.convolution((batch, *layer[:5], 1)) for layer in LAYERS]
    return tuple(sum(w[i] * layer[5] for w, layer in zip(each, LAYERS)) for i in range(2))


args = arguments(__doc__, rounds=3, batches="1,32")
other_load = require_quiet(args)
import torch  # noqa: E402

import pycnn  # noqa: E402

for library in (pycnn, torch):
    library.set_num_threads(args.threads)
limit = peak(args.threads)
clock = time.thread_time if args.threads == 1 else time.perf_counter  # one thread: not disturbed by others
times, ratios, speeds = {}, {}, {}
for batch in map(int, args.batches.split(",")):
    name = f"batch {batch}"
    times[name] = compare({"pycnn": case(pycnn, batch, True), "torch": case(torch, batch, False),
                           "torch, channels_last": case(torch, batch, True)}, args.rounds, warm=1, clock=clock)
    least = {who: t["min_ms"] for who, t in times[name].items()}
    ratios[name] = round(min(least["torch"], least["torch, channels_last"]) / least["pycnn"], 3)
    speeds[name] = speed(times[name]["pycnn"], amount(batch), limit)
report(args, times=times, other_load=other_load, peak=limit, speeds=speeds, ratios=ratios)
