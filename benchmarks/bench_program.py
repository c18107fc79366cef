"""How fast is the whole program (loading, augmentation, SimpleCNN, Adam) and its test pass, end to end, against torch?"""

import time

from common import arguments, both, cifar10, report, require_quiet

args = arguments(__doc__, workers=0, batches=80)
other_load = require_quiet(args)
programs = both(args.threads)
root = cifar10()


def prepare(p):
    p.torch.manual_seed(0)
    return (p, p.loader(p.dataset(root, True), True, args.workers), p.loader(p.dataset(root, False), False, args.workers),
            p.model())


def train_rate(p, loader, test_loader, parts):
    model, criterion, optimizer, scheduler = parts
    start = seen = 0
    for k, (images, labels) in enumerate(loader):
        if k == 5:
            start, seen = time.perf_counter(), 0
        p.step(model, criterion, optimizer, images, labels).item()
        seen += len(labels)
        if k == 5 + args.batches:
            break
    return seen / (time.perf_counter() - start)


def test_rate(p, loader, test_loader, parts):
    start = time.perf_counter()
    p.accuracy(parts[0], test_loader)
    return len(test_loader.dataset) / (time.perf_counter() - start)


prepared = {name: prepare(p) for name, p in programs.items()}
best = {f"{what} {name}": 0.0 for what in ("train", "test") for name in prepared}
for _ in range(args.rounds):
    for what, fn in (("train", train_rate), ("test", test_rate)):
        for name, parts in prepared.items():
            time.sleep(0.05)
            best[f"{what} {name}"] = max(best[f"{what} {name}"], fn(*parts))
report(args, images_per_second={k: round(v) for k, v in best.items()}, other_load=other_load,
       ratios={what: round(best[f"{what} pycnn"] / best[f"{what} torch"], 2) for what in ("train", "test")})
