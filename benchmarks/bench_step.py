"""How fast is a training step of SimpleCNN (forward, loss, backward, Adam), data in memory, against torch?

torch as usually written, and its best float32 form (channels_last, fused Adam). 64 images, also on one thread; 8
and 512.
"""

import work
from common import arguments, both, compare, peak, report, require_quiet, speed


def case(program, batch, channels_last=False, fused=None):
    """(one step as a function, its work)"""
    torch = program.torch
    torch.manual_seed(0)
    model, criterion, optimizer, _ = program.model(channels_last=channels_last, fused=fused)
    images = torch.randn(batch, 3, 32, 32)
    if channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (batch,))
    return (lambda: program.step(model, criterion, optimizer, images, labels)), work.step(model, images, work.ADAM)


args = arguments(__doc__, rounds=4)
other_load = require_quiet(args)
programs = both(args.threads)
limits, times, speeds, ratios = {t: peak(t) for t in (args.threads, 1)}, {}, {}, {}
many = args.threads
for batch, threads, seconds in ((64, many, 0.7), (64, 1, 0.7), (8, many, 0.5), (512, many, 1.0)):
    for p in programs.values():
        p.torch.set_num_threads(threads)
    name = f"batch {batch}" + (", 1 thread" if threads == 1 else "")
    run, amount = case(programs["pycnn"], batch)
    t = compare({"pycnn": run, "torch": case(programs["torch"], batch)[0],
                 "torch, channels_last, fused": case(programs["torch"], batch, True, True)[0]}, args.rounds, seconds)
    times[name] = t
    speeds[name] = speed(t["pycnn"], amount, limits[threads])
    ours, written, best = (t[who]["min_ms"] for who in ("pycnn", "torch", "torch, channels_last, fused"))
    ratios |= {f"{name}, as written": round(written / ours, 3),
               f"{name}, as written, medians": round(t["torch"]["median_ms"] / t["pycnn"]["median_ms"], 3),
               f"{name}, best": round(min(written, best) / ours, 3)}
report(args, times=times, other_load=other_load, peak=limits, speeds=speeds, ratios=ratios)
