"""How fast is a training step of SimpleCNN (forward, loss, backward, Adam), data in memory, against torch?

torch as usually written, and its best float32 form (channels_last, fused Adam).
"""

from common import arguments, both, compare, peak, report, require_quiet

FLOP_PER_IMAGE = 3 * 2 * (32 * 32 * 32 * 27 + 16 * 16 * 64 * 288 + 4096 * 512 + 512 * 10) - 2 * 32 * 32 * 32 * 27


def case(program, batch, channels_last=False, fused=None):
    torch = program.torch
    torch.manual_seed(0)
    model, criterion, optimizer, _ = program.model(channels_last=channels_last, fused=fused)
    images = torch.randn(batch, 3, 32, 32)
    if channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (batch,))
    return lambda: program.step(model, criterion, optimizer, images, labels)


args = arguments(__doc__, batch=64)
other_load = require_quiet(args)
programs = both(args.threads)
times = compare({"pycnn": case(programs["pycnn"], args.batch), "torch": case(programs["torch"], args.batch),
                 "torch, channels_last, fused": case(programs["torch"], args.batch, True, True)}, args.rounds)
ours = times["pycnn"]["min_ms"]
limit = peak(args.threads)
gflops = FLOP_PER_IMAGE * args.batch / ours * 1e-6
report(args, times=times, other_load=other_load, peak=limit, gflops=round(gflops, 1),
       share_of_peak=round(gflops / limit["gflops"], 3),
       ratios={"as written": round(times["torch"]["min_ms"] / ours, 3),
               "as written, medians": round(times["torch"]["median_ms"] / times["pycnn"]["median_ms"], 3),
               "best": round(times["torch, channels_last, fused"]["min_ms"] / ours, 3)})
