"""How fast is the training loader alone (CIFAR-10, flip, rotation, colour jitter, to tensor, normalise), against
torch?

The second ratio is that of transforms.v2: to image, crop, flip, to float, normalise.
"""

import importlib
import time

from common import arguments, both, cifar10, report, require_quiet

args = arguments(__doc__, rounds=3, workers=0, batches=100)
other_load = require_quiet(args)
root = cifar10()


def second_version(program):
    """The usual chain of torchvision's second version."""
    from program import MEAN, STD

    t = importlib.import_module(f"{program.vision.__name__}.transforms.v2")
    return t.Compose([t.ToImage(), t.RandomCrop(32, padding=4), t.RandomHorizontalFlip(),
                      t.ToDtype(program.torch.float32, scale=True), t.Normalize(MEAN, STD)])


loaders = {}
for name, p in both(args.threads).items():
    for case in ("loader", "loader, transforms.v2"):
        dataset = p.dataset(root, True)
        if case != "loader":
            dataset.transform = second_version(p)
        loaders[name, case] = p.loader(dataset, True, args.workers)


def rate(loader):
    start = seen = 0
    for k, (_, labels) in enumerate(loader):
        if k == 10:
            start, seen = time.perf_counter(), 0
        seen += len(labels)
        if k == 10 + args.batches:
            break
    return seen / (time.perf_counter() - start)


best = dict.fromkeys(loaders, 0.0)
for _ in range(args.rounds):
    for key, loader in loaders.items():
        best[key] = max(best[key], rate(loader))
report(args, images_per_second={f"{name}, {case}": round(v) for (name, case), v in best.items()},
       other_load=other_load, ratios={case: round(best["pycnn", case] / best["torch", case], 2)
                                      for case in ("loader", "loader, transforms.v2")})
