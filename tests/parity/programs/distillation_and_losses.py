import torch, torch.nn as nn, torch.nn.functional as F, numpy as np, random
from torch.utils.data import (
    TensorDataset,
    DataLoader,
    WeightedRandomSampler,
    Subset,
    random_split,
    ConcatDataset,
    SubsetRandomSampler,
)


def seed_everything(seed=42):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


seed_everything()
X = torch.randn(60, 3, 16, 16)
Y = torch.cat([torch.zeros(40), torch.ones(15), torch.full((5,), 2.0)]).long()
ds = TensorDataset(X, Y)
class_counts = torch.bincount(Y)
weights = 1.0 / class_counts.float()
sample_weights = weights[Y]
loader = DataLoader(
    ds, batch_size=10, sampler=WeightedRandomSampler(sample_weights, len(sample_weights), replacement=True)
)
for xb, yb in loader:
    print(torch.bincount(yb, minlength=3).tolist(), end=" ")
print()


class FocalLoss(nn.Module):
    def __init__(self, alpha=None, gamma=2.0, reduction="mean"):
        super().__init__()
        self.alpha, self.gamma, self.reduction = alpha, gamma, reduction

    def forward(self, inputs, targets):
        ce = F.cross_entropy(inputs, targets, reduction="none", weight=self.alpha)
        pt = torch.exp(-ce)
        fl = (1 - pt) ** self.gamma * ce
        return fl.mean() if self.reduction == "mean" else fl.sum() if self.reduction == "sum" else fl


class LabelSmoothing(nn.Module):
    def __init__(self, smoothing=0.1):
        super().__init__()
        self.confidence = 1.0 - smoothing
        self.smoothing = smoothing

    def forward(self, x, target):
        logprobs = F.log_softmax(x, dim=-1)
        nll = -logprobs.gather(dim=-1, index=target.unsqueeze(1)).squeeze(1)
        smooth = -logprobs.mean(dim=-1)
        return (self.confidence * nll + self.smoothing * smooth).mean()


def mixup_data(x, y, alpha=1.0):
    lam = np.random.beta(alpha, alpha) if alpha > 0 else 1
    index = torch.randperm(x.size(0))
    return lam * x + (1 - lam) * x[index, :], y, y[index], lam


def rand_bbox(size, lam):
    W, H = size[2], size[3]
    cut = np.sqrt(1.0 - lam)
    cw, ch = int(W * cut), int(H * cut)
    cx, cy = np.random.randint(W), np.random.randint(H)
    return (
        np.clip(cx - cw // 2, 0, W),
        np.clip(cy - ch // 2, 0, H),
        np.clip(cx + cw // 2, 0, W),
        np.clip(cy + ch // 2, 0, H),
    )


def make(w):
    return nn.Sequential(
        nn.Conv2d(3, w, 3, 2),
        nn.BatchNorm2d(w),
        nn.ReLU(),
        nn.Conv2d(w, w, 3, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(w * 9, 3),
    )


teacher, student = make(16), make(4)
opt = torch.optim.SGD(student.parameters(), 0.05, momentum=0.9, nesterov=True, weight_decay=1e-4)
kld = nn.KLDivLoss(reduction="batchmean")
T, alpha = 4.0, 0.7
accum = 2
scaler = torch.amp.GradScaler(enabled=False)
g = torch.Generator().manual_seed(3)
tr, va = random_split(ds, [0.8, 0.2], generator=g)
print(len(tr), len(va), va.indices[:5])
for epoch in range(2):
    for i, (x, y) in enumerate(DataLoader(tr, 8, shuffle=True, generator=g, drop_last=True)):
        with torch.no_grad():
            t = teacher(x)
        with torch.autocast(device_type="cpu", enabled=False):
            s = student(x)
            loss = (
                kld(F.log_softmax(s / T, 1), F.softmax(t / T, 1)) * (alpha * T * T)
                + F.cross_entropy(s, y) * (1 - alpha)
                + FocalLoss(weights)(s, y)
                + LabelSmoothing()(s, y)
            )
        scaler.scale(loss / accum).backward()
        if (i + 1) % accum == 0:
            scaler.unscale_(opt)
            torch.nn.utils.clip_grad_value_(student.parameters(), 0.5)
            scaler.step(opt)
            scaler.update()
            opt.zero_grad()
        mx, ya, yb, lam = mixup_data(x, y)
        l2 = lam * F.cross_entropy(student(mx), ya) + (1 - lam) * F.cross_entropy(student(mx), yb)
        x1, y1, x2, y2 = rand_bbox(x.size(), lam)
        xc = x.clone()
        xc[:, :, x1:x2, y1:y2] = x[torch.randperm(8), :, x1:x2, y1:y2]
        print(f"{loss.item():.4f} {l2:.4f} {xc.mean():.5f}")
conf = torch.zeros(3, 3, dtype=torch.int64)
with torch.inference_mode():
    preds = student(X).argmax(1)
    for t, p in zip(Y.view(-1), preds.view(-1)):
        conf[t.long(), p.long()] += 1
    c2 = torch.bincount(Y * 3 + preds, minlength=9).reshape(3, 3)
print(conf, torch.equal(conf, c2), (conf.diag() / conf.sum(1)).tolist())
idx = list(range(len(ds)))
np.random.shuffle(idx)
folds = np.array_split(idx, 3)
for k in range(3):
    train_idx = np.concatenate([folds[j] for j in range(3) if j != k])
    dl = DataLoader(ds, 10, sampler=SubsetRandomSampler(train_idx))
    print(k, sum(yb.sum().item() for _, yb in dl), len(dl), len(ConcatDataset([Subset(ds, folds[k]), ds])))
