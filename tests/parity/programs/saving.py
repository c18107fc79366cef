import torch, torch.nn as nn, torchvision, copy, pickle, io, os
from collections import OrderedDict

torch.manual_seed(0)


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict([("conv", nn.Conv2d(1, 6, 5)), ("relu", nn.ReLU()), ("pool", nn.MaxPool2d(2))])
        )
        self.fc = nn.Linear(6 * 12 * 12, 10)
        self.register_buffer("mean", torch.tensor([0.13]))
        self.hist = [1, 2, {"a": "b"}]

    def forward(self, x):
        return self.fc(torch.flatten(self.features(x - self.mean), 1))


m = LeNet()
x = torch.randn(2, 1, 28, 28)
torch.save(m, "model.pt")
m2 = torch.load("model.pt", weights_only=False)
m2.eval()
print(torch.equal(m(x), m2(x)), m2.hist, list(m2.state_dict()))
s = pickle.dumps(m.state_dict())
print(pickle.loads(s)["mean"])
m3 = pickle.loads(pickle.dumps(m))
print(torch.equal(m3(x), m(x)))
m4 = copy.deepcopy(m)
print(torch.equal(m4(x), m(x)))
buf = io.BytesIO()
torch.save(m.state_dict(), buf)
buf.seek(0)
print(m4.load_state_dict(torch.load(buf)))
# state dict surgery
sd = m.state_dict()
sd = {("module." + k): v for k, v in sd.items()}
new = OrderedDict((k[7:] if k.startswith("module.") else k, v) for k, v in sd.items())
m5 = LeNet()
m5.fc = nn.Linear(6 * 12 * 12, 3)
filtered = {k: v for k, v in new.items() if k in m5.state_dict() and v.shape == m5.state_dict()[k].shape}
res = m5.load_state_dict(filtered, strict=False)
print(res, res.missing_keys, res.unexpected_keys)
try:
    m5.load_state_dict(new)
except RuntimeError as e:
    print(e)
opt = torch.optim.Adam(m.parameters(), lr=1e-3)
sch = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, "min", patience=1)
for e in range(4):
    loss = m(x).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    sch.step(loss + e)
torch.save(
    {
        "epoch": 4,
        "model_state_dict": m.state_dict(),
        "optimizer_state_dict": opt.state_dict(),
        "scheduler": sch.state_dict(),
        "loss": loss,
    },
    "ck.tar",
)
ck = torch.load("ck.tar", weights_only=False)
m.load_state_dict(ck["model_state_dict"])
opt.load_state_dict(ck["optimizer_state_dict"])
sch.load_state_dict(ck["scheduler"])
print(
    ck["epoch"],
    ck["loss"],
    opt.param_groups[0]["lr"],
    sch.state_dict()["num_bad_epochs"],
    sorted(opt.state_dict()["state"][0]),
)
try:
    torch.load("model.pt")
except pickle.UnpicklingError as e:
    print("refused", "Weights only load failed" in str(e))
for n, mod in m.named_modules():
    print(n, type(mod).__name__)
for n, c in m.named_children():
    print(n)
print(m.features[0].weight.shape, m.features.conv is m.features[0], dict(m.named_buffers()))
