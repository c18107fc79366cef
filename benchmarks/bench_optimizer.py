"""How fast is one step of an optimizer over 2 and 25 million parameters, against torch's default and fused forms?"""

import math

import work
from common import arguments, both, compare, peak, report, require_quiet, speed

SHAPES = {"2M": [(32, 3, 3, 3), (32,), (64, 32, 3, 3), (64,), (512, 4096), (512,), (10, 512), (10,)],
          "25M": [(512, 512, 3, 3)] * 10 + [(2048, 512)] + [(512,)] * 40}


def case(torch, optimizer, shapes, **options):
    torch.manual_seed(0)
    parameters = [torch.nn.Parameter(torch.randn(*shape)) for shape in shapes]
    for p in parameters:
        p.grad = torch.randn(*p.shape)
    step = getattr(torch.optim, optimizer)(parameters, lr=1e-3, weight_decay=1e-5, **options).step
    return step


args = arguments(__doc__, rounds=3)
other_load = require_quiet(args)
ours, torch = (p.torch for p in both(args.threads).values())
times, ratios, speeds, limit = {}, {}, {}, peak(args.threads)
for size, shapes in SHAPES.items():
    for name, options in (("Adam", {}), ("AdamW", {}), ("SGD", {"momentum": 0.9})):
        t = compare({"pycnn": case(ours, name, shapes, **options), "torch": case(torch, name, shapes, **options),
                     "torch, fused": case(torch, name, shapes, fused=True, **options)}, args.rounds, seconds=0.3)
        times[f"{name} {size}"] = t
        passes, n = work.SGD_MOMENTUM if name == "SGD" else work.ADAM, sum(map(math.prod, shapes))
        speeds[f"{name} {size}"] = speed(t["pycnn"], (None, passes * work.FLOAT * n), limit)
        ratios[f"{name} {size}, default"] = round(t["torch"]["min_ms"] / t["pycnn"]["min_ms"], 3)
        ratios[f"{name} {size}, fused"] = round(t["torch, fused"]["min_ms"] / t["pycnn"]["min_ms"], 3)
report(args, times=times, other_load=other_load, speeds=speeds, ratios=ratios)
