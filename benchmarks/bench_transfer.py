"""Transfer learning: how fast is a step of ResNet-50 with a frozen body, and how much memory does it take, against
torch?

Eight images of 224 pixels, train mode, Adam on the last layer alone. Memory is that of a process of its own: what its
peak grows by over the model and the images.
"""

import json
import sys

from common import alone, arguments, compare, report, require_quiet, resident_mb


def make(t, models, batch):
    """One step as a function."""
    t.manual_seed(0)
    model = models.resnet50()
    for p in model.parameters():
        p.requires_grad = False
    model.fc = t.nn.Linear(model.fc.in_features, 10)
    optimizer = t.optim.Adam(model.fc.parameters())
    criterion = t.nn.CrossEntropyLoss()
    images, labels = t.rand(batch, 3, 224, 224), t.arange(batch) % 10

    def step():
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()
    return step


def load(name):
    if name == "torch":
        import torch
        from torchvision import models
        return torch, models
    import pycnn
    from pycnn.vision import models
    return pycnn, models


args = arguments(__doc__, rounds=2, batch=8, only="")
if args.only:
    t, models = load(args.only)
    t.set_num_threads(args.threads)
    step = make(t, models, args.batch)
    before = resident_mb("VmRSS")
    for _ in range(3):
        step()
    print(json.dumps({"step": round(resident_mb("VmHWM") - before), "process": round(resident_mb("VmHWM"))}))
    sys.exit()

other_load = require_quiet(args)
megabytes = {name: alone(name, args) for name in ("pycnn", "torch")}
steps = {}
for name in ("pycnn", "torch"):
    t, models = load(name)
    t.set_num_threads(args.threads)
    steps[name] = make(t, models, args.batch)
times = compare(steps, args.rounds, seconds=2.0, warm=2)
best = {name: value["min_ms"] for name, value in times.items()}
report(args, milliseconds=times, megabytes=megabytes, other_load=other_load,
       ratios={"frozen step": round(best["torch"] / best["pycnn"], 2),
               "memory, growth over three steps": round(megabytes["torch"]["step"] / megabytes["pycnn"]["step"], 2),
               "memory, peak of the process": round(megabytes["torch"]["process"] / megabytes["pycnn"]["process"], 2)})
