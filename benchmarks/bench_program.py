"""How fast is the whole program (loading, augmentation, SimpleCNN, Adam) and its test pass, end to end, against
torch?"""

import resource
import time

import work
from common import arguments, both, cifar10, peak, report, require_quiet, speed

args = arguments(__doc__, rounds=3, workers=0, batches=80)
other_load = require_quiet(args)
programs = both(args.threads)
root = cifar10()


def prepare(p):
    p.torch.manual_seed(0)
    train, test = (p.loader(p.dataset(root, training), training, args.workers) for training in (True, False))
    return p, train, test, p.model()


def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


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
p, _, _, parts = prepared["pycnn"]
before = faults()
train_rate(*prepared["pycnn"])
batch = {"min_ms": round(64e3 / best["train pycnn"], 2), "page_faults": round((faults() - before) / args.batches, 1)}
amount = work.step(parts[0], p.torch.zeros(64, 3, 32, 32), work.ADAM)
report(args, speeds={"a batch of 64": speed(batch, amount, peak(args.threads))}, other_load=other_load,
       images_per_second={k: round(v) for k, v in best.items()},
       ratios={what: round(best[f"{what} pycnn"] / best[f"{what} torch"], 2) for what in ("train", "test")})
