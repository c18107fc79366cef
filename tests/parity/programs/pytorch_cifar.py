"""Models of pytorch-cifar."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import math

cfg = {"VGG11": [8, "M", 16, "M", 16, 16, "M", 32, 32, "M", 32, 32, "M"]}


class VGG(nn.Module):
    def __init__(self, vgg_name):
        super(VGG, self).__init__()
        self.features = self._make_layers(cfg[vgg_name])
        self.classifier = nn.Linear(32, 10)

    def forward(self, x):
        out = self.features(x)
        out = out.view(out.size(0), -1)
        out = self.classifier(out)
        return out

    def _make_layers(self, cfg):
        layers = []
        in_channels = 3
        for x in cfg:
            if x == "M":
                layers += [nn.MaxPool2d(kernel_size=2, stride=2)]
            else:
                layers += [
                    nn.Conv2d(in_channels, x, kernel_size=3, padding=1),
                    nn.BatchNorm2d(x),
                    nn.ReLU(inplace=True),
                ]
                in_channels = x
        layers += [nn.AvgPool2d(kernel_size=1, stride=1)]
        return nn.Sequential(*layers)


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, in_planes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != self.expansion * planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_planes, self.expansion * planes, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(self.expansion * planes),
            )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class ResNet(nn.Module):
    def __init__(self, block, num_blocks, num_classes=10):
        super().__init__()
        self.in_planes = 8
        self.conv1 = nn.Conv2d(3, 8, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.layer1 = self._make_layer(block, 8, num_blocks[0], stride=1)
        self.layer2 = self._make_layer(block, 16, num_blocks[1], stride=2)
        self.linear = nn.Linear(16 * block.expansion, num_classes)

    def _make_layer(self, block, planes, num_blocks, stride):
        strides = [stride] + [1] * (num_blocks - 1)
        layers = []
        for stride in strides:
            layers.append(block(self.in_planes, planes, stride))
            self.in_planes = planes * block.expansion
        return nn.Sequential(*layers)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer2(self.layer1(out))
        out = F.avg_pool2d(out, 16)
        return self.linear(out.view(out.size(0), -1))


class PreActBlock(nn.Module):
    expansion = 1

    def __init__(self, in_planes, planes, stride=1):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_planes)
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        if stride != 1 or in_planes != planes:
            self.shortcut = nn.Sequential(nn.Conv2d(in_planes, planes, 1, stride, bias=False))
        self.fc1 = nn.Conv2d(planes, planes // 4, kernel_size=1)
        self.fc2 = nn.Conv2d(planes // 4, planes, kernel_size=1)

    def forward(self, x):
        out = F.relu(self.bn1(x))
        shortcut = self.shortcut(out) if hasattr(self, "shortcut") else x
        out = self.conv1(out)
        out = self.conv2(F.relu(self.bn2(out)))
        w = F.avg_pool2d(out, out.size(2))
        w = F.relu(self.fc1(w))
        w = torch.sigmoid(self.fc2(w))
        out = out * w
        out += shortcut
        return out


class DenseNet(nn.Module):
    def __init__(self, growth=4):
        super().__init__()
        self.c = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bns = nn.ModuleList()
        self.cs = nn.ModuleList()
        n = 8
        for i in range(4):
            self.bns.append(nn.BatchNorm2d(n))
            self.cs.append(nn.Conv2d(n, growth, 3, padding=1, bias=False))
            n += growth
        self.linear = nn.Linear(n, 10)

    def forward(self, x):
        x = self.c(x)
        for b, c in zip(self.bns, self.cs):
            x = torch.cat([c(F.relu(b(x))), x], 1)
        return self.linear(F.adaptive_avg_pool2d(x, 1).view(x.size(0), -1))


class ShuffleBlock(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, x):
        N, C, H, W = x.size()
        g = self.groups
        return x.view(N, g, C // g, H, W).permute(0, 2, 1, 3, 4).reshape(N, C, H, W)


class ShuffleNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c0 = nn.Conv2d(3, 12, 1)
        self.c1 = nn.Conv2d(12, 12, 1, groups=3, bias=False)
        self.b1 = nn.BatchNorm2d(12)
        self.sh = ShuffleBlock(3)
        self.c2 = nn.Conv2d(12, 12, 3, 2, 1, groups=12, bias=False)
        self.b2 = nn.BatchNorm2d(12)
        self.l = nn.Linear(24, 10)

    def forward(self, x):
        x = self.c0(x)
        out = F.relu(self.b1(self.sh(self.c1(x))))
        out = self.b2(self.c2(out))
        res = F.avg_pool2d(x, 3, stride=2, padding=1)
        out = F.relu(torch.cat([out, res], 1))
        return self.l(out.mean([2, 3]))


def swish(x):
    return x * x.sigmoid()


def drop_connect(x, drop_ratio):
    keep_ratio = 1.0 - drop_ratio
    mask = torch.empty([x.shape[0], 1, 1, 1], dtype=x.dtype, device=x.device)
    mask.bernoulli_(keep_ratio)
    x.div_(keep_ratio)
    x.mul_(mask)
    return x


class MBBlock(nn.Module):
    def __init__(self, i, o, k=3, s=1, e=2):
        super().__init__()
        c = e * i
        self.conv1 = nn.Conv2d(i, c, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c)
        self.conv2 = nn.Conv2d(c, c, k, s, padding=(1 if k == 3 else 2), groups=c, bias=False)
        self.bn2 = nn.BatchNorm2d(c)
        self.se1 = nn.Conv2d(c, max(1, i // 4), 1)
        self.se2 = nn.Conv2d(max(1, i // 4), c, 1)
        self.conv3 = nn.Conv2d(c, o, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(o)
        self.has_skip = s == 1 and i == o

    def forward(self, x):
        out = swish(self.bn1(self.conv1(x)))
        out = swish(self.bn2(self.conv2(out)))
        w = swish(self.se1(F.adaptive_avg_pool2d(out, (1, 1))))
        out = out * self.se2(w).sigmoid()
        out = self.bn3(self.conv3(out))
        if self.has_skip:
            if self.training:
                out = drop_connect(out, 0.2)
            out = out + x
        return out


class Head(nn.Module):
    def __init__(self, body, c):
        super().__init__()
        self.body = body
        self.l = nn.Linear(c, 10)

    def forward(self, x):
        return self.l(F.adaptive_avg_pool2d(self.body(x), 1).flatten(1))


class CBAM(nn.Module):
    def __init__(self, c, r=4):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(c, c // r), nn.ReLU(), nn.Linear(c // r, c))
        self.sp = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.bn = nn.BatchNorm2d(1, eps=1e-5, momentum=0.01, affine=True)

    def forward(self, x):
        a = self.mlp(F.avg_pool2d(x, (x.size(2), x.size(3)), stride=(x.size(2), x.size(3))).flatten(1))
        m = self.mlp(F.max_pool2d(x, (x.size(2), x.size(3))).flatten(1))
        x = x * torch.sigmoid(a + m).unsqueeze(2).unsqueeze(3).expand_as(x)
        s = torch.cat((torch.max(x, 1)[0].unsqueeze(1), torch.mean(x, 1).unsqueeze(1)), dim=1)
        return x * torch.sigmoid(self.bn(self.sp(s)))


class Inception(nn.Module):
    def __init__(self, i, a, r3, n3, r5, n5, p):
        super().__init__()
        self.b1 = nn.Sequential(nn.Conv2d(i, a, 1), nn.BatchNorm2d(a), nn.ReLU(True))
        self.b2 = nn.Sequential(nn.Conv2d(i, r3, 1), nn.ReLU(True), nn.Conv2d(r3, n3, 3, padding=1), nn.ReLU(True))
        self.b3 = nn.Sequential(nn.Conv2d(i, r5, 1), nn.ReLU(True), nn.Conv2d(r5, n5, 5, padding=2), nn.ReLU(True))
        self.b4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(i, p, 1), nn.ReLU(True))

    def forward(self, x):
        return torch.cat([self.b1(x), self.b2(x), self.b3(x), self.b4(x)], 1)


def conv_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.xavier_uniform_(m.weight, gain=math.sqrt(2))
        m.bias is not None and nn.init.constant_(m.bias, 0)
    elif classname.find("BatchNorm") != -1:
        nn.init.constant_(m.weight, 1)
        nn.init.constant_(m.bias, 0)


makers = {
    "vgg": lambda: VGG("VGG11"),
    "resnet": lambda: ResNet(BasicBlock, [1, 2]),
    "preact-se": lambda: Head(nn.Sequential(nn.Conv2d(3, 8, 3), PreActBlock(8, 16, 2), PreActBlock(16, 16)), 16),
    "dense": DenseNet,
    "shuffle": ShuffleNet,
    "mb": lambda: Head(nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), MBBlock(8, 8), MBBlock(8, 16, 5, 2)), 16),
    "cbam": lambda: Head(nn.Sequential(nn.Conv2d(3, 8, 3), CBAM(8), nn.Conv2d(8, 8, 3, dilation=2, groups=2)), 8),
    "inception": lambda: Head(Inception(3, 4, 4, 8, 2, 4, 4), 20),
}
for name, make in makers.items():
    torch.manual_seed(0)
    net = make()
    net.apply(conv_init) if name == "inception" else None
    opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=200)
    crit = nn.CrossEntropyLoss()
    x, y = torch.randn(8, 3, 32, 32), torch.randint(0, 10, (8,))
    out = []
    for _ in range(2):
        opt.zero_grad()
        loss = crit(net(x), y)
        loss.backward()
        opt.step()
        sched.step()
        out.append(loss.item())
    net.eval()
    print(
        name, sum(p.numel() for p in net.parameters()), ["%.4f" % v for v in out], "%.4f" % net(x).abs().mean().item()
    )
