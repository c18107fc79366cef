import torch, torch.nn as nn, torch.nn.functional as F, torchvision, numpy as np, copy, math
from torch.utils.checkpoint import checkpoint, checkpoint_sequential
from torchvision import transforms, models, datasets
from torch.cuda.amp import GradScaler, autocast

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
print(device, torch.cuda.device_count(), torch.backends.cudnn.enabled is not None)


class STN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.conv2_drop = nn.Dropout2d()
        self.fc1 = nn.Linear(1440, 10)
        self.localization = nn.Sequential(
            nn.Conv2d(1, 8, kernel_size=7),
            nn.MaxPool2d(2, stride=2),
            nn.ReLU(True),
            nn.Conv2d(8, 10, kernel_size=5),
            nn.MaxPool2d(2, stride=2),
            nn.ReLU(True),
        )
        self.fc_loc = nn.Sequential(nn.Linear(10 * 3 * 3, 32), nn.ReLU(True), nn.Linear(32, 3 * 2))
        self.fc_loc[2].weight.data.zero_()
        self.fc_loc[2].bias.data.copy_(torch.tensor([1, 0, 0, 0, 1, 0], dtype=torch.float))

    def stn(self, x):
        xs = self.localization(x)
        xs = xs.view(-1, 10 * 3 * 3)
        theta = self.fc_loc(xs).view(-1, 2, 3)
        grid = F.affine_grid(theta, x.size(), align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)

    def forward(self, x):
        x = self.stn(x)
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv1(x)), 2))
        return F.log_softmax(self.fc1(x.view(-1, 1440)), dim=1)


m = STN()
x, y = torch.randn(4, 1, 28, 28), torch.tensor([1, 2, 3, 4])
opt = torch.optim.SGD(m.parameters(), 0.01)
for _ in range(2):
    opt.zero_grad()
    l = F.nll_loss(m(x), y)
    l.backward()
    opt.step()
    print(f"{l.item():.4f}")
net = torch.compile(nn.Sequential(nn.Linear(4, 3)), backend="eager") if False else nn.Sequential(nn.Linear(4, 3))
dp = nn.DataParallel(net)
print(list(dp.state_dict()), dp.module[0].weight.shape)
with torch.autocast("cpu", dtype=torch.bfloat16, enabled=False):
    print(net(torch.ones(1, 4)))
with autocast(enabled=False):
    pass
scaler = GradScaler(enabled=False)
print(scaler.is_enabled(), scaler.get_scale())
model = models.resnet18(num_classes=4).to(memory_format=torch.channels_last)
print(model.conv1.weight.is_contiguous(memory_format=torch.channels_last))
xi = torch.randn(2, 3, 64, 64).to(memory_format=torch.channels_last)
model.eval()
print(model(xi).sum().item())
seq = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
xc = torch.ones(2, 4, requires_grad=True)
o = checkpoint(seq, xc, use_reentrant=False)
o.sum().backward()
print(xc.grad)
print(checkpoint_sequential(seq, 2, xc, use_reentrant=False).sum())
with torch.autograd.set_detect_anomaly(True):
    (xc * 2).sum().backward()
u = F.unfold(torch.arange(16.0).view(1, 1, 4, 4), 2, stride=2)
print(
    u.shape,
    F.fold(u, (4, 4), 2, stride=2).sum(),
    F.pixel_shuffle(torch.ones(1, 4, 2, 2), 2).shape,
    F.interpolate(torch.ones(1, 1, 2, 2), scale_factor=2, mode="nearest").shape,
)
patches = (
    torch.randn(2, 3, 8, 8).unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5).contiguous().view(2, 4, -1)
)
print(patches.shape)
print(
    sum(p.numel() for p in model.parameters()),
    [n for n, _ in model.named_parameters()][:2],
    len(list(model.modules())),
    model.get_submodule("layer1.0").conv1.weight.shape,
    model.layer4[0].downsample,
)
for name, child in model.named_children():
    if name not in ["layer4", "fc"]:
        for p in child.parameters():
            p.requires_grad = False
print(sum(p.requires_grad for p in model.parameters()))
model.requires_grad_(True)


def set_bn_eval(mod):
    if isinstance(mod, nn.modules.batchnorm._BatchNorm):
        mod.eval()


model.train()
model.apply(set_bn_eval)
print(model.bn1.training, model.training)


class Params(nn.Module):
    def __init__(self):
        super().__init__()
        self.ps = nn.ParameterList([nn.Parameter(torch.ones(2)) for _ in range(2)])
        self.pd = nn.ParameterDict({"a": nn.Parameter(torch.zeros(1))})
        self.acts = nn.ModuleDict({"relu": nn.ReLU(), "gelu": nn.GELU()})
        self.register_buffer("b", torch.ones(1), persistent=False)
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, x, act="relu"):
        return self.acts[act](sum(p * x for p in self.ps)) * self.scale


print(Params(), list(Params().state_dict()), Params()(torch.tensor([1.0, -1.0]), "gelu"))
dist = torch.distributions.Normal(torch.zeros(2), torch.ones(2))
print(
    dist.sample(),
    dist.log_prob(torch.tensor([0.0, 1.0])),
    torch.distributions.Beta(0.4, 0.4).sample(),
    torch.distributions.Categorical(logits=torch.zeros(3)).sample(),
)
print(
    torch.distributions.kl_divergence(torch.distributions.Normal(0.0, 1.0), torch.distributions.Normal(1.0, 2.0)),
    torch.distributions.Uniform(0.0, 1.0).sample((2,)),
    torch.distributions.Bernoulli(torch.tensor(0.3)).sample(),
    torch.distributions.Categorical(torch.tensor([0.2, 0.8])).entropy(),
)
im = transforms.ToPILImage()(torch.rand(3, 20, 20))
print(
    transforms.functional.to_tensor(im).mean(),
    transforms.AutoAugment(transforms.AutoAugmentPolicy.CIFAR10)(im).size,
    transforms.functional.rotate(im, 30).size,
    np.transpose(torch.ones(3, 2, 4), (1, 2, 0)).shape,
)
pos = torch.arange(4).unsqueeze(1)
div = torch.exp(torch.arange(0, 6, 2) * (-math.log(10000.0) / 6))
pe = torch.zeros(4, 6)
pe[:, 0::2] = torch.sin(pos * div)
pe[:, 1::2] = torch.cos(pos * div)
print(pe)
print(
    torch.hub.get_dir() is not None,
    torchvision.ops.StochasticDepth(0.1, "row"),
    torchvision.__version__ > "0.1",
    torch.get_num_threads(),
)
