"""How fast is batch norm with a ReLU behind it, training, forward and backward, against torch's faster memory format?

On the activations of ResNet-18 for CIFAR (batch 128) and of ResNet-50 (batch 8), as convolutions leave them.
"""

import math

import work
from common import arguments, compare, peak, report, require_quiet, speed

SHAPES = [(128, 64, 32, 32), (128, 128, 16, 16), (128, 256, 8, 8), (128, 512, 4, 4), (8, 64, 112, 112),
          (8, 256, 56, 56), (8, 512, 28, 28), (8, 1024, 14, 14), (8, 2048, 7, 7)]


def case(t, shape, channels_last=False):
    """Batch norm, ReLU and back, as a function."""
    relu, norm = t.nn.functional.relu, t.nn.BatchNorm2d(shape[1])
    x, grad = t.randn(shape), t.randn(shape)
    if channels_last:
        x, grad = (v.contiguous(memory_format=t.channels_last) for v in (x, grad))
    elif t is pycnn:  # in private layout, without pooling anything
        x, grad = (t.nn.functional.max_pool2d(v, 1) for v in (x, grad))
    x.requires_grad_()

    def run():
        relu(norm(x)).backward(grad)
        x.grad = norm.weight.grad = norm.bias.grad = None
    return run


args = arguments(__doc__, rounds=3)
other_load = require_quiet(args)

import torch  # noqa: E402

import pycnn  # noqa: E402

for t in (torch, pycnn):
    t.set_num_threads(args.threads)
times, ratio, speeds, limit = {}, {}, {}, peak(args.threads)
for shape in SHAPES:
    cases = {"pycnn": case(pycnn, shape), "torch": case(torch, shape), "torch, channels_last": case(torch, shape, True)}
    measured = compare(cases, args.rounds, seconds=0.1)
    ms = {name: value["min_ms"] for name, value in measured.items()}
    name = "x".join(map(str, shape))
    n = math.prod(shape)  # forward: x, y; backward: the gradient, x and its gradient
    speeds[name] = speed(measured["pycnn"], (None, 5 * work.FLOAT * n), limit)
    times[name] = ms
    ratio[name] = min(ms["torch"], ms["torch, channels_last"]) / ms["pycnn"]
mean = math.exp(sum(map(math.log, ratio.values())) / len(ratio))
report(args, milliseconds=times, speeds=speeds, other_load=other_load,
       by_shape={k: round(v, 2) for k, v in ratio.items()},
       ratios={"geometric mean": round(mean, 2), "lowest": round(min(ratio.values()), 2)})
