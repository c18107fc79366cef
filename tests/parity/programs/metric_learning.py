"""Heads and losses of metric learning: ArcFace, SupCon, SimCLR, BYOL, center loss, prototypes."""

import copy, math, torch, torch.nn as nn, torch.nn.functional as F

torch.manual_seed(0)


class ArcMarginProduct(nn.Module):
    def __init__(self, i, o, s=30.0, m=0.50, easy_margin=False):
        super().__init__()
        self.s, self.m, self.easy_margin = s, m, easy_margin
        self.weight = nn.Parameter(torch.FloatTensor(o, i))
        nn.init.xavier_uniform_(self.weight)
        self.cos_m, self.sin_m, self.th, self.mm = (
            math.cos(m),
            math.sin(m),
            math.cos(math.pi - m),
            math.sin(math.pi - m) * m,
        )

    def forward(self, input, label):
        cosine = F.linear(F.normalize(input), F.normalize(self.weight))
        sine = torch.sqrt((1.0 - torch.pow(cosine, 2)).clamp(0, 1))
        phi = cosine * self.cos_m - sine * self.sin_m
        phi = torch.where(cosine > self.th, phi, cosine - self.mm)
        one_hot = torch.zeros(cosine.size(), device=input.device)
        one_hot.scatter_(1, label.view(-1, 1).long(), 1)
        return ((one_hot * phi) + ((1.0 - one_hot) * cosine)) * self.s


def gem(x, p=3, eps=1e-6):
    return F.avg_pool2d(x.clamp(min=eps).pow(p), (x.size(-2), x.size(-1))).pow(1.0 / p)


class SupConLoss(nn.Module):
    def __init__(self, t=0.07):
        super().__init__()
        self.t = t

    def forward(self, features, labels):
        mask = torch.eq(labels.view(-1, 1), labels.view(-1, 1).T).float()
        n = features.shape[1]
        contrast = torch.cat(torch.unbind(features, dim=1), dim=0)
        dot = torch.div(torch.matmul(contrast, contrast.T), self.t)
        logits = dot - torch.max(dot, dim=1, keepdim=True)[0].detach()
        mask = mask.repeat(n, n)
        lm = torch.scatter(torch.ones_like(mask), 1, torch.arange(mask.shape[0]).view(-1, 1), 0)
        mask = mask * lm
        exp = torch.exp(logits) * lm
        log_prob = logits - torch.log(exp.sum(1, keepdim=True))
        return -((mask * log_prob).sum(1) / mask.sum(1)).view(n, -1).mean()


class CenterLoss(nn.Module):
    def __init__(self, c, d):
        super().__init__()
        self.centers = nn.Parameter(torch.randn(c, d))

    def forward(self, x, labels):
        b = x.size(0)
        dist = (
            torch.pow(x, 2).sum(dim=1, keepdim=True).expand(b, 3)
            + torch.pow(self.centers, 2).sum(dim=1, keepdim=True).expand(3, b).t()
        )
        dist = torch.addmm(dist, x, self.centers.t(), beta=1, alpha=-2)
        mask = labels.unsqueeze(1).expand(b, 3).eq(torch.arange(3).expand(b, 3))
        return (dist * mask.float()).clamp(min=1e-12, max=1e12).sum() / b


body = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU())
proj = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU(inplace=True), nn.Linear(16, 8))
pred = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
arc, sup, cen = ArcMarginProduct(16, 3), SupConLoss(), CenterLoss(3, 16)
target = copy.deepcopy(nn.ModuleList([body, proj]))
[p.requires_grad_(False) for p in target.parameters()]
params = [p for m in (body, proj, pred, arc, cen) for p in m.parameters()]
opt = torch.optim.SGD(params, lr=0.02, momentum=0.9)
x, y = torch.randn(12, 3, 20, 20), torch.arange(12) % 3
for step in range(3):
    v1, v2 = x + 0.1 * torch.randn_like(x), torch.flip(x, [3])
    f1, f2 = gem(body(v1)).flatten(1), gem(body(v2)).flatten(1)
    z1, z2 = F.normalize(proj(f1), dim=1), F.normalize(proj(f2), dim=1)
    la = F.cross_entropy(arc(f1, y), y)
    ls = sup(torch.stack([z1, z2], dim=1), y)
    lc = cen(f1, y)
    with torch.no_grad():
        t2 = F.normalize(target[1](gem(target[0](v2)).flatten(1)), dim=-1)
    lb = (2 - 2 * (F.normalize(pred(z1), dim=-1) * t2).sum(dim=-1)).mean()
    sim = F.cosine_similarity(z1[:, None], z2[None], dim=-1) / 0.5
    lclr = F.cross_entropy(sim, torch.arange(12))
    loss = 0.1 * la + ls + 0.01 * lc + lb + lclr
    opt.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(params, 1.0)
    opt.step()
    for a, b in zip(nn.ModuleList([body, proj]).parameters(), target.parameters()):
        b.data.mul_(0.99).add_(a.data, alpha=1 - 0.99)
    print(f"{la:.3f} {ls:.3f} {lc:.3f} {lb:.3f} {lclr:.3f}")
protos = torch.stack([f1[y == c].mean(0) for c in range(3)]).detach()
d = torch.cdist(f2.detach(), protos)
print((d.argmin(1) == y).float().mean(), torch.softmax(-d, 1)[0])
e = F.normalize(f1.detach(), dim=1)
s = e @ e.t()
s.fill_diagonal_(-1)
top = s.topk(3, dim=1).indices
print(
    (y[top] == y[:, None]).any(1).float().mean(), torch.unique(y, return_counts=True), torch.cov(e.T).diagonal().sum()
)
hard = torch.where(y[:, None] == y[None], torch.full_like(d[:, :1].expand(12, 12), -1.0), torch.cdist(e, e)).max(1)[0]
print(hard.mean())
