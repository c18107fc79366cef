"""How fast are batch norm and ReLU in training, forward and backward, against torch in its better memory format?"""

from common import arguments, both, compare, report, require_quiet

SHAPES = [(128, 64, 32, 32), (128, 128, 16, 16), (128, 256, 8, 8), (128, 512, 4, 4)]


def case(torch, shape, channels_last=False):
    torch.manual_seed(0)
    norm = torch.nn.BatchNorm2d(shape[1])
    x = torch.randn(*shape, requires_grad=True)
    if channels_last:
        x = x.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    g = torch.randn(*shape)
    if channels_last:
        g = g.contiguous(memory_format=torch.channels_last)

    def run():
        x.grad = None
        torch.relu(norm(x)).backward(g)
    return run


args = arguments(__doc__)
other_load = require_quiet(args)
ours, torch = (p.torch for p in both(args.threads).values())
times, ratios = {}, {}
for shape in SHAPES:
    t = compare({"pycnn": case(ours, shape), "pycnn, channels_last": case(ours, shape, True),
                 "torch": case(torch, shape), "torch, channels_last": case(torch, shape, True)}, args.rounds, seconds=0.3)
    name = "x".join(map(str, shape))
    best = {library: min(v["min_ms"] for k, v in t.items() if k.startswith(library)) for library in ("pycnn", "torch")}
    times[name] = t
    ratios[f"{name}, as written"] = round(t["torch"]["min_ms"] / t["pycnn"]["min_ms"], 3)
    ratios[f"{name}, best of both"] = round(best["torch"] / best["pycnn"], 3)
report(args, times=times, other_load=other_load, ratios=ratios)
