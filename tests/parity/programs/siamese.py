import torch, torch.nn as nn, torch.nn.functional as F, numpy as np, random
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(0)
random.seed(0)
np.random.seed(0)


class TripletDataset(Dataset):
    def __init__(self, n=24):
        self.labels = torch.arange(n) % 4
        self.data = torch.rand(n, 1, 28, 28)
        self.labels_set = set(self.labels.numpy())
        self.label_to_indices = {label: np.where(self.labels.numpy() == label)[0] for label in self.labels_set}

    def __getitem__(self, index):
        img1, label1 = self.data[index], self.labels[index].item()
        positive_index = index
        while positive_index == index:
            positive_index = np.random.choice(self.label_to_indices[label1])
        negative_label = np.random.choice(list(self.labels_set - set([label1])))
        negative_index = np.random.choice(self.label_to_indices[negative_label])
        return (img1, self.data[positive_index], self.data[negative_index]), []

    def __len__(self):
        return len(self.data)


class EmbeddingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.convnet = nn.Sequential(
            nn.Conv2d(1, 32, 5),
            nn.PReLU(),
            nn.MaxPool2d(2, stride=2),
            nn.Conv2d(32, 64, 5),
            nn.PReLU(),
            nn.MaxPool2d(2, stride=2),
        )
        self.fc = nn.Sequential(nn.Linear(64 * 4 * 4, 64), nn.PReLU(), nn.Linear(64, 2))

    def forward(self, x):
        o = self.convnet(x)
        o = o.view(o.size()[0], -1)
        return F.normalize(self.fc(o), p=2, dim=1)


class ContrastiveLoss(nn.Module):
    def __init__(self, margin):
        super().__init__()
        self.margin = margin
        self.eps = 1e-9

    def forward(self, o1, o2, target, size_average=True):
        distances = (o2 - o1).pow(2).sum(1)
        losses = 0.5 * (
            target.float() * distances
            + (1 + -1 * target).float() * F.relu(self.margin - (distances + self.eps).sqrt()).pow(2)
        )
        return losses.mean() if size_average else losses.sum()


net = EmbeddingNet()
opt = torch.optim.Adam(net.parameters(), 1e-3)
triplet = nn.TripletMarginLoss(margin=1.0, p=2)
cos_emb = nn.CosineEmbeddingLoss()
mr = nn.MarginRankingLoss(margin=0.3)
for (a, p, n), _ in DataLoader(TripletDataset(), batch_size=6, shuffle=True):
    ea, ep, en = net(a), net(p), net(n)
    l1 = triplet(ea, ep, en)
    l2 = ContrastiveLoss(1.0)(ea, ep, torch.ones(len(a)))
    l3 = cos_emb(ea, en, -torch.ones(6))
    l4 = mr(F.pairwise_distance(ea, en), F.pairwise_distance(ea, ep), torch.ones(6))
    loss = l1 + l2 + l3 + l4
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(f"{l1:.4f} {l2:.4f} {l3:.4f} {l4:.4f}")
emb = net(torch.rand(5, 1, 28, 28)).detach()
print(torch.cdist(emb, emb), torch.cdist(emb[None], emb[None], p=1).shape)
dist = torch.pow(emb, 2).sum(dim=1, keepdim=True).expand(5, 5)
dist = dist + dist.t()
dist.addmm_(emb, emb.t(), beta=1, alpha=-2)
dist = dist.clamp(min=1e-2).sqrt()
print(dist.shape)
sim = F.cosine_similarity(emb.unsqueeze(1), emb.unsqueeze(0), dim=-1)
print(sim)


def nt_xent(z1, z2, t=0.5):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    s = z @ z.T / t
    s.masked_fill_(torch.eye(len(z), dtype=torch.bool), float("-inf"))
    targets = torch.cat([torch.arange(len(z1)) + len(z1), torch.arange(len(z1))])
    return F.cross_entropy(s, targets)


print(nt_xent(emb, emb + 0.1))
m = torch.triu(torch.ones(5, 5), diagonal=1).bool()
print(sim[m].mean(), torch.tril_indices(3, 3), torch.triu_indices(3, 3, 1).tolist())
