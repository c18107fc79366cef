"""Export by tracing, integrated gradients, occlusion, test-time augmentation, an ensemble."""

import io, torch, torch.nn as nn, torch.nn.functional as F, numpy as np
from torchvision import models

torch.manual_seed(0)
model = models.squeezenet1_1(num_classes=5).eval()
x = torch.rand(2, 3, 64, 64)
traced = torch.jit.trace(model, x)
buf = io.BytesIO()
torch.jit.save(traced, buf)
buf.seek(0)
loaded = torch.jit.load(buf)
print(torch.allclose(loaded(x), model(x), atol=1e-5), type(loaded).__name__.endswith("ScriptModule"))


def integrated_gradients(model, x, target, steps=8):
    base = torch.zeros_like(x)
    total = torch.zeros_like(x)
    for a in torch.linspace(0, 1, steps):
        xi = (base + a * (x - base)).requires_grad_(True)
        out = F.softmax(model(xi), dim=1)[:, target].sum()
        total += torch.autograd.grad(out, xi)[0]
    return (x - base) * total / steps


ig = integrated_gradients(model, x, 1)
print(ig.shape, "%.4e" % ig.abs().sum().item())


def occlusion(model, img, target, size=32):
    heat = torch.zeros(2, 2)
    with torch.no_grad():
        for i in range(2):
            for j in range(2):
                o = img.clone()
                o[:, :, i * size : (i + 1) * size, j * size : (j + 1) * size] = 0.5
                heat[i, j] = F.softmax(model(o), 1)[0, target]
    return heat


print(occlusion(model, x[:1], 2))
with torch.inference_mode():
    tta = torch.stack(
        [
            F.softmax(model(f(x)), 1)
            for f in (
                lambda t: t,
                lambda t: torch.flip(t, [3]),
                lambda t: torch.rot90(t, 1, (2, 3)),
                lambda t: t.roll(4, dims=-1),
            )
        ]
    ).mean(0)
    print(tta, tta.argmax(1))
    ens = torch.mean(
        torch.stack([m.eval()(x) for m in [models.mobilenet_v3_small(num_classes=5) for _ in range(2)]]), dim=0
    )
    print(ens.shape)


def mc_dropout(model, x, n=3):
    for m in model.modules():
        if m.__class__.__name__.startswith("Dropout"):
            m.train()
    with torch.no_grad():
        p = torch.stack([F.softmax(model(x), -1) for _ in range(n)])
    return p.mean(0), p.var(0)


mean, var = mc_dropout(model, x)
print(mean, (var * 1e3).sum())


def ece(conf, correct, bins=5):
    edges = torch.linspace(0, 1, bins + 1)
    e = torch.zeros(1)
    for lo, hi in zip(edges[:-1], edges[1:]):
        inb = conf.gt(lo.item()) * conf.le(hi.item())
        prop = inb.float().mean()
        if prop.item() > 0:
            e += torch.abs(conf[inb].mean() - correct[inb].float().mean()) * prop
    return e.item()


g = torch.Generator().manual_seed(1)
print("%.4f" % ece(torch.rand(50, generator=g), torch.rand(50, generator=g) > 0.4))


class Temperature(nn.Module):
    def __init__(self):
        super().__init__()
        self.t = nn.Parameter(torch.ones(1) * 1.5)

    def forward(self, logits):
        return logits / self.t.unsqueeze(1).expand(logits.size(0), logits.size(1))


logits, labels = torch.randn(40, 5, generator=g) * 3, torch.randint(0, 5, (40,), generator=g)
t = Temperature()
opt = torch.optim.Adam(t.parameters(), 0.1)
for _ in range(20):
    opt.zero_grad()
    l = F.cross_entropy(t(logits), labels)
    l.backward()
    opt.step()
print("%.4f %.4f" % (t.t.item(), l.item()))
