"""How fast is the training loader alone (CIFAR-10, flip, rotation, colour jitter, to tensor, normalise), against
torch?"""

import time

from common import arguments, both, cifar10, report, require_quiet

args = arguments(__doc__, rounds=3, workers=0, batches=100)
other_load = require_quiet(args)
programs = both(args.threads)
root = cifar10()
loaders = {name: p.loader(p.dataset(root, True), True, args.workers) for name, p in programs.items()}


def rate(loader):
    start = seen = 0
    for k, (_, labels) in enumerate(loader):
        if k == 10:
            start, seen = time.perf_counter(), 0
        seen += len(labels)
        if k == 10 + args.batches:
            break
    return seen / (time.perf_counter() - start)


best = {name: 0.0 for name in loaders}
for _ in range(args.rounds):
    for name, loader in loaders.items():
        best[name] = max(best[name], rate(loader))
report(args, images_per_second={k: round(v) for k, v in best.items()}, other_load=other_load,
       ratios={"loader": round(best["pycnn"] / best["torch"], 2)})
