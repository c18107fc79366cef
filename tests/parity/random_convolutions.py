"""Random convolutions against float64, each algorithm of each pass forced in turn, on each instruction set.

    python tests/parity/random_convolutions.py CASES [SEED]

Prints, for each instruction set, pass and algorithm, how often it ran, the worst error of its results and the case that
has it: what ran is read from what PYCNN_VERBOSE=1 prints. Fails where an error is beyond the limit or an algorithm was
not run.
"""

import os
import random
import re
import sys
import tempfile

os.environ["PYCNN_VERBOSE"] = "1"  # before the first convolution

import numpy as np
import torch

import pycnn
from pycnn import _C

LIMIT = 3e-6  # of the relative error in the L2 norm
TIMES_TORCH = 3  # without Winograd: of torch's own error, or of float32's step in sums that do not cancel
STEP = np.finfo(np.float32).eps
CHANNELS = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 40, 47, 64, 70]
MODES = ["zeros", "zeros", "zeros", "zeros", "reflect", "replicate", "circular"]
LINE = re.compile(r"pycnn: convolution (.+?) \d+x.* groups \d+: ([^;\n]+)(.*)")
REFUSED = re.compile(r"; not ([^:]+):")


def draw(rng):
    """Arguments of Conv2d or ConvTranspose2d, the input's shape and the values of it: kinds that
    an algorithm is made for."""
    kind = rng.choice(["3x3", "3x3", "1x1", "depthwise", "any", "any", "transposed"])
    n, h, w = rng.randint(1, 9), rng.randint(1, 19), rng.randint(1, 19)
    inner, outer, groups = rng.choice(CHANNELS), rng.choice(CHANNELS), 1
    kernel, stride, padding, dilation = (3, 3), (1, 1), (rng.randint(0, 2), rng.randint(0, 2)), (1, 1)
    if kind == "3x3":
        stride = rng.choice([(1, 1), (1, 1), (2, 2)])
    if kind == "3x3" and rng.random() < 0.15:  # filters that no cache holds: steps shared between tasks
        inner, outer, n, h, w = rng.choice([200, 300]), rng.choice([190, 333]), rng.randint(1, 2), rng.randint(3, 6), 5
    elif kind == "3x3" and rng.random() < 0.1:  # many pixels: slots of the weights' gradient
        inner, outer, n, h, w = rng.choice([1, 3, 8,
                                            9]), rng.choice([1, 5, 8, 16]), rng.randint(5, 9), 60, rng.randint(30, 62)
    elif kind == "1x1":
        kernel, padding = (1, 1), (0, 0)
        stride = rng.choice([(1, 1), (1, 1), (2, 2), (1, 3)])
        if rng.random() < 0.2:
            inner, outer = rng.choice([256, 520, 1030]), rng.choice([128, 250])
    elif kind == "depthwise":
        inner, outer, groups = 1, rng.choice([1, 1, 1, 2]), rng.choice(CHANNELS[3:])
        kernel, stride = rng.choice([(3, 3), (3, 3), (5, 5), (7, 3)]), rng.choice([(1, 1), (2, 2), (2, 1)])
        padding, dilation = (rng.randint(0, 3), rng.randint(0, 3)), rng.choice([(1, 1), (1, 1), (2, 2)])
    elif kind in ("any", "transposed"):
        groups = rng.choice([1, 1, 1, 2, 3])
        inner, outer = min(inner, 40), min(outer, 40)
        kernel, stride = (rng.randint(1, 7), rng.randint(1, 7)), (rng.randint(1, 3), rng.randint(1, 3))
        padding, dilation = (rng.randint(0, 3), rng.randint(0, 3)), (rng.choice([1, 1, 2, 3]), rng.choice([1, 1, 2]))
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    kwargs = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "bias": rng.random() < 0.7}
    if kind == "transposed":
        kwargs["output_padding"] = tuple(rng.randrange(max(s, d)) for s, d in zip(stride, dilation))
        h, w = max(h, 2 * padding[0] + 1), max(w, 2 * padding[1] + 1)
    else:
        kwargs["padding_mode"] = mode = rng.choice(MODES)
        h, w = (max(size, e - 2 * p, p + 1) for size, e, p in zip((h, w), extent, padding))
        if mode == "zeros" and stride == (1, 1) and rng.random() < 0.1:
            kwargs["padding"] = "same"
    return {"transposed": kind == "transposed", "channels": (groups * inner, groups * outer), "kernel": kernel,
            "kwargs": kwargs, "shape": (n, groups * inner, h, w), "seed": rng.randrange(2**31),
            "values": rng.choice(["normal", "normal", "relu", "pixels"]), "channels_last": rng.random() < 0.3}


def work(case):
    """Multiplications of the forward pass, about."""
    n, c, h, w = case["shape"]
    area = h * w * (1 if case["transposed"] else 1 / np.prod(case["kwargs"]["stride"]))
    return n * area * c * case["channels"][1] // case["kwargs"]["groups"] * np.prod(case["kernel"])


def compute(L, case, arrays, dtype, squares=False):
    """(output, gradient of the input, of the weight, of the bias) in library L. squares: of all values' squares."""
    name = "ConvTranspose2d" if case["transposed"] else "Conv2d"
    layer = getattr(L.nn, name)(*case["channels"], case["kernel"], **case["kwargs"])
    x, w, b, g = (L.from_numpy(a * a if squares else a).to(dtype) for a in arrays)
    with L.no_grad():
        layer.weight = L.nn.Parameter(w)
        if layer.bias is not None:
            layer.bias = L.nn.Parameter(b)
    x.requires_grad_()
    inside = x
    if L is pycnn and case["values"] == "relu":  # an operator's result: the ReLU is pending
        inside = L.relu(L.max_pool2d(x, 1))
    elif case["values"] == "relu":
        inside = L.relu(x)
    if L is pycnn and case["channels_last"]:
        inside = inside.contiguous(memory_format=L.channels_last)
    y = layer(inside)
    if g.numel() == 0:  # only the shape is asked for
        return y.shape
    y.backward(g.reshape(y.shape))
    results = {"output": y, "input": x.grad, "weight": layer.weight.grad, "bias": b if layer.bias is None
               else layer.bias.grad}
    return {k: v.detach().numpy().astype("d") for k, v in results.items() if k != "bias" or layer.bias is not None}


def arrays_of(case):
    values = np.random.default_rng(case["seed"])
    (c, k), groups = case["channels"], case["kwargs"]["groups"]
    weight = (c, k // groups, *case["kernel"]) if case["transposed"] else (k, c // groups, *case["kernel"])
    x = values.random(case["shape"]) if case["values"] == "pixels" else values.standard_normal(case["shape"])
    arrays = [x.astype("f"), values.standard_normal(weight).astype("f"), values.standard_normal(k).astype("f")]
    with torch.no_grad():
        shape = compute(torch, case, [*arrays, np.zeros(0, "f")], torch.float32)
    return [*arrays, values.standard_normal(shape).astype("f")]


def errors(got, want, norms):
    return {k: np.linalg.norm(got[k] - want[k]) / norms[k] for k in want}


PASS_OF = {"forward": "output", "transposed": "output", "input gradient": "input", "transposed input gradient": "input",
           "weight gradient": "weight"}


class Verbose:
    """What the library prints to stderr, caught in a file."""

    def __enter__(self):
        self.file, self.stderr = tempfile.TemporaryFile("w+b"), os.dup(2)
        os.dup2(self.file.fileno(), 2)
        return self

    def __exit__(self, *error):
        os.dup2(self.stderr, 2)
        self.file.close()

    def take(self):
        """[(result, algorithm that ran, those that did not)] since the last call."""
        self.file.seek(0)
        lines = LINE.findall(self.file.read().decode())
        self.file.seek(0)
        self.file.truncate()
        return [(PASS_OF[p], ran, REFUSED.findall(others)) for p, ran, others in lines]


def algorithms(verbose):
    """{result: names of its algorithms}, from a convolution that is none but the last one's."""
    verbose.take()
    x, w = pycnn.zeros(1, 6, 9, 9, requires_grad=True), pycnn.zeros(6, 3, 3, 3, requires_grad=True)
    pycnn.conv2d(x, w, stride=2, dilation=2, groups=2).sum().backward()
    return {result: [*others, ran] for result, ran, others in verbose.take()}


def run(cases, seed):
    """{(instruction set, result, algorithm): [runs, worst error, worst case]}, and complaints."""
    rng, found, complaints = random.Random(seed), {}, []
    threads = pycnn.get_num_threads()
    with Verbose() as verbose:
        names = algorithms(verbose)
        every = list(dict.fromkeys(name for known in names.values() for name in known))
        for isa in _C._isas():
            for result, known in names.items():
                found.update({(isa, result, name): [0, 0, None] for name in known})
        done = 0
        while done < cases:
            case = draw(rng)
            if work(case) > 3e7:
                continue
            arrays = arrays_of(case)
            want = compute(torch, case, arrays, torch.float64)
            # Sums of squares have the variance of sums of as many random terms.
            typical = {k: np.sqrt(v.sum()) for k, v in compute(torch, case, arrays, torch.float64, True).items()}
            norms = {k: max(np.linalg.norm(v), typical[k] if v.size < 64 else 1e-30) for k, v in want.items()}
            steps = {k: STEP * typical[k] / norms[k] for k in want}
            theirs = errors(compute(torch, case, arrays, torch.float32), want, norms)
            for isa in _C._isas():
                _C._set_isa(isa)
                pairs = [(result, name) for result, known in names.items() for name in known]
                _, rarest = min(pairs, key=lambda pair: (found[isa, *pair][0], rng.random()))
                forced = rng.choice([None, "off", "off", rng.choice(every), rarest, rarest, rarest])
                _C._force_convolution(forced if forced in every else None)
                pycnn.backends.winograd = "off" if forced == "off" else "f4"
                pycnn.set_num_threads(rng.randint(1, 3))
                got = errors(compute(pycnn, case, arrays, pycnn.float32), want, norms)
                ran = {result: name for result, name, _ in verbose.take()}
                assert ran.keys() == {"output", "input", "weight"}, f"nothing was said about {case}: {ran}"
                for result, name in {**ran, "bias": ran["weight"]}.items():
                    if result not in got:
                        continue
                    seen = found.setdefault((isa, result, name), [0, 0, None])
                    seen[0] += 1
                    if got[result] >= seen[1]:
                        seen[1:] = got[result], case
                    if not got[result] <= LIMIT:
                        complaints.append(f"{isa}, {name}, {result}: error {got[result]:.2e} of {case}")
                    enough = want[result].size >= 64  # of fewer numbers the errors are chance
                    if forced == "off" and enough \
                            and not got[result] <= TIMES_TORCH * max(theirs[result], steps[result]):
                        complaints.append(f"{isa}, {name}, {result}: error {got[result]:.2e}, torch's "
                                          f"{theirs[result]:.2e}, "
                                          f"of {case}")
            done += 1
    _C._set_isa(None)
    _C._force_convolution(None)
    pycnn.backends.winograd = "f4"
    pycnn.set_num_threads(threads)
    complaints += [f"{' '.join(key)} was not run" for key, (runs, _, _) in found.items() if runs == 0]
    return found, complaints


def main(cases, seed=0):
    torch.set_num_threads(1)
    found, complaints = run(int(cases), int(seed))
    for (isa, result, name), (runs, worst, case) in sorted(found.items()):
        print(f"{isa:5} {result:7} {name:16} {runs:6} {worst:.2e}  "
              f"{case and (case['shape'], case['channels'], case['kernel'])}")
    print(*complaints, sep="\n")
    return len(complaints) > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
