"""How fast is the file of ResNet-50's weights (a 100 MB .pth) written and read, against torch?"""

import os
import tempfile
import time

from common import arguments, report, require_quiet

args = arguments(__doc__)
other_load = require_quiet(args)

import torch  # noqa: E402

import pycnn  # noqa: E402
from pycnn.vision import models  # noqa: E402

state = {"pycnn": models.resnet50().state_dict()}
state["torch"] = {name: torch.from_numpy(value.numpy().copy()) for name, value in state["pycnn"].items()}
library = {"pycnn": pycnn, "torch": torch}


def milliseconds(run, *args):
    start = time.perf_counter()
    run(*args)
    return 1e3 * (time.perf_counter() - start)


best = {}
with tempfile.TemporaryDirectory() as folder:
    path = {name: os.path.join(folder, f"{name}.pth") for name in library}
    for k in range(2 * args.rounds + 1):
        for name, t in library.items():
            times = {"save": milliseconds(t.save, state[name], path[name]), "load": milliseconds(t.load, path[name])}
            for what, value in times.items() if k > 0 else ():
                best[f"{what} {name}"] = min(best.get(f"{what} {name}", 1e9), value)
    megabytes = os.path.getsize(path["pycnn"]) / 1e6
report(args, milliseconds={k: round(v, 1) for k, v in best.items()}, megabytes=round(megabytes, 1),
       other_load=other_load,
       ratios={what: round(best[f"{what} torch"] / best[f"{what} pycnn"], 2) for what in ("save", "load")})
