"""How fast is ResNet-50 traced, exported to a TorchScript archive, loaded and run from it, against torch?

Saved and loaded are the same archives' 100 MB; traced is an image of 224 pixels, with the checks that both make by
default.
"""

import os
import tempfile
import time
import warnings

from common import arguments, report, require_quiet

args = arguments(__doc__)
other_load = require_quiet(args)

import torch  # noqa: E402
import torchvision  # noqa: E402

import pycnn  # noqa: E402
from pycnn import vision  # noqa: E402

warnings.simplefilter("ignore")  # torch.jit is deprecated in torch
torch.set_num_threads(args.threads)
pycnn.set_num_threads(args.threads)
library = {"pycnn": (pycnn, vision), "torch": (torch, torchvision)}
models = {name: v.models.resnet50().eval() for name, (_, v) in library.items()}
image = {name: t.rand(1, 3, 224, 224) for name, (t, _) in library.items()}


def timed(run, *values):
    """(milliseconds, result)"""
    start = time.perf_counter()
    result = run(*values)
    return 1e3 * (time.perf_counter() - start), result


best = {}
with tempfile.TemporaryDirectory() as folder:
    path = {name: os.path.join(folder, f"{name}.pt") for name in library}
    for k in range(args.rounds + 1):
        for name, (t, _) in library.items():
            times = {}
            times["trace"], traced = timed(t.jit.trace, models[name], image[name])
            times["save"], _ = timed(traced.save, path[name])
            times["load"], loaded = timed(t.jit.load, path[name])
            times["export"] = times["trace"] + times["save"]
            with t.no_grad():
                for _ in range(2):  # torch's first calls optimise
                    loaded(image[name])
                times["run"], _ = timed(loaded, image[name])
            for what, value in times.items() if k > 0 else ():
                best[f"{what} {name}"] = min(best.get(f"{what} {name}", 1e9), value)
    megabytes = os.path.getsize(path["pycnn"]) / 1e6
report(args, milliseconds={k: round(v, 1) for k, v in best.items()}, megabytes=round(megabytes, 1),
       other_load=other_load,
       ratios={what: round(best[f"{what} torch"] / best[f"{what} pycnn"], 2)
               for what in ("trace", "save", "export", "load", "run")})
