import torch, torch.nn as nn, copy, math
from torch.optim.swa_utils import AveragedModel, SWALR, update_bn, get_ema_multi_avg_fn
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LambdaLR,
    SequentialLR,
    LinearLR,
    OneCycleLR,
    CosineAnnealingWarmRestarts,
    ChainedScheduler,
    ExponentialLR,
)

torch.manual_seed(0)


def net():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )


model = net()
swa_model = AveragedModel(model)
ema_model = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
ema2 = AveragedModel(model, avg_fn=lambda averaged, p, n: 0.1 * averaged + 0.9 * p)
data = [(torch.randn(8, 1, 8, 8), torch.randint(0, 3, (8,))) for _ in range(4)]
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scheduler = CosineAnnealingLR(opt, T_max=10)
swa_scheduler = SWALR(opt, swa_lr=0.05, anneal_epochs=3)
for epoch in range(6):
    for x, y in data:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        ema_model.update_parameters(model)
    if epoch > 2:
        swa_model.update_parameters(model)
        ema2.update_parameters(model)
        swa_scheduler.step()
    else:
        scheduler.step()
    print(epoch, loss.item(), opt.param_groups[0]["lr"])
update_bn(data, swa_model)
with torch.no_grad():
    print(
        swa_model(data[0][0]).sum().item(),
        ema_model(data[0][0]).sum().item(),
        ema2(data[0][0]).sum().item(),
        swa_model.n_averaged,
        list(swa_model.state_dict())[:3],
    )


class EMA:
    def __init__(self, model, decay=0.99):
        self.ema = copy.deepcopy(model).eval()
        self.decay = decay
        [p.requires_grad_(False) for p in self.ema.parameters()]

    @torch.no_grad()
    def update(self, model):
        msd = model.state_dict()
        for k, v in self.ema.state_dict().items():
            if v.dtype.is_floating_point:
                v *= self.decay
                v += (1.0 - self.decay) * msd[k].detach()


e = EMA(model)
e.update(model)
print(sum(p.sum().item() for p in e.ema.parameters()))


def lrs(make, n=12):
    o = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    s = make(o)
    out = []
    for _ in range(n):
        o.step()
        out.append(round(o.param_groups[0]["lr"], 6))
        s.step()
    return out


print(lrs(lambda o: LambdaLR(o, lambda ep: min(1.0, (ep + 1) / 5) * 0.5 * (1 + math.cos(math.pi * ep / 12)))))
print(lrs(lambda o: SequentialLR(o, [LinearLR(o, 0.1, total_iters=4), CosineAnnealingLR(o, 8)], milestones=[4])))
print(lrs(lambda o: OneCycleLR(o, max_lr=0.5, steps_per_epoch=3, epochs=5)))
print(lrs(lambda o: CosineAnnealingWarmRestarts(o, T_0=3, T_mult=2)))
print(lrs(lambda o: ChainedScheduler([ExponentialLR(o, 0.9), LinearLR(o, 0.5, total_iters=3)])))
print(lrs(lambda o: torch.optim.lr_scheduler.CyclicLR(o, 0.01, 0.1, step_size_up=3, cycle_momentum=False)))
print(
    lrs(lambda o: torch.optim.lr_scheduler.PolynomialLR(o, 10, 0.9)),
    lrs(lambda o: torch.optim.lr_scheduler.MultiplicativeLR(o, lambda e: 0.9), 4),
)
