"""How fast is a training step of ResNet-18 for CIFAR-10 (3x3 stem, no first pooling; SGD with momentum), against torch?

torch as usually written, and channels_last. What three steps add to a process's memory, and
its peak, are measured in processes of their own.
"""

import json
import sys

import work
from common import alone, arguments, compare, peak, report, require_quiet, resident_mb, speed


def load(name):
    if name == "torch":
        import torch
        from torchvision import models
        return torch, models
    import pycnn
    from pycnn.vision import models
    return pycnn, models


def step_of(t, models, batch, channels_last=False):
    """(one step as a function, what `work.step` asks for)"""
    t.manual_seed(0)
    model = models.resnet18(num_classes=10)
    model.conv1, model.maxpool = t.nn.Conv2d(3, 64, 3, padding=1, bias=False), t.nn.Identity()
    images, labels = t.randn(batch, 3, 32, 32), t.randint(0, 10, (batch,))
    if channels_last:
        model = model.to(memory_format=t.channels_last)
        images = images.contiguous(memory_format=t.channels_last)
    optimizer, criterion = t.optim.SGD(model.parameters(), lr=0.1, momentum=0.9,
                                       weight_decay=5e-4), t.nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()
    return step, (model, images, work.SGD_MOMENTUM)


args = arguments(__doc__, rounds=2, batch=128, only="")
if args.only:
    t, models = load(args.only)
    t.set_num_threads(args.threads)
    before = resident_mb("VmRSS")
    step, _ = step_of(t, models, args.batch)
    for _ in range(3):
        step()
    peak_mb = resident_mb("VmHWM")
    print(json.dumps([round(peak_mb - before), round(peak_mb)]))
    sys.exit()
other_load = require_quiet(args)
cases, amount = {}, {}
for name in ("pycnn", "torch"):
    t, models = load(name)
    t.set_num_threads(args.threads)
    cases[name], amount[name] = step_of(t, models, args.batch)
cases["torch, channels_last"], _ = step_of(t, models, args.batch, True)
times = compare(cases, args.rounds, seconds=1.0, warm=1)
grown, resident = {}, {}
for name in ("pycnn", "torch"):
    grown[name], resident[name] = alone(name, args)
least = {name: v["min_ms"] for name, v in times.items()}
report(args, times=times, other_load=other_load, grown_mb=grown, resident_mb=resident,
       speeds={f"batch {args.batch}": speed(times["pycnn"], work.step(*amount["pycnn"]), peak(args.threads))},
       ratios={"as written": round(least["torch"] / least["pycnn"], 3),
               "best": round(min(least["torch"], least["torch, channels_last"]) / least["pycnn"], 3),
               "memory, growth over three steps": round(grown["torch"] / grown["pycnn"], 2),
               "memory, peak of the process": round(resident["torch"] / resident["pycnn"], 2)})
