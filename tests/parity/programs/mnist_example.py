import argparse, os, time, random, json, copy, collections, torch, torch.nn as nn, torch.nn.functional as F, numpy as np
from torch.utils.data import Dataset, DataLoader, IterableDataset, get_worker_info
from torch.utils.data.dataloader import default_collate
from torchvision import transforms, datasets, models, utils as vutils
from torch.optim import lr_scheduler
from PIL import Image

parser = argparse.ArgumentParser(description="PyTorch MNIST Example")
parser.add_argument("--batch-size", type=int, default=8, metavar="N", help="input batch size")
parser.add_argument("--no-cuda", action="store_true", default=False)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--gamma", type=float, default=0.7)
args = parser.parse_args([])
use_cuda = not args.no_cuda and torch.cuda.is_available()
torch.manual_seed(args.seed)
device = torch.device("cuda" if use_cuda else "cpu")
kwargs = {"num_workers": 1, "pin_memory": True} if use_cuda else {}


class CSVDataset(Dataset):
    def __init__(self, csv_file, root, transform=None):
        self.rows = [l.strip().split(",") for l in open(csv_file)][1:]
        self.root = root
        self.transform = transform

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, idx):
        if torch.is_tensor(idx):
            idx = idx.tolist()
        img = Image.open(os.path.join(self.root, self.rows[idx][0])).convert("RGB")
        label = int(self.rows[idx][1])
        return {
            "image": self.transform(img) if self.transform else img,
            "label": label,
            "name": self.rows[idx][0],
            "box": np.array([1.0, 2.0, 3.0]),
            "meta": (idx, float(idx)),
        }


os.makedirs("imgs", exist_ok=True)
rng = np.random.default_rng(0)
with open("labels.csv", "w") as f:
    f.write("file,label\n")
    for i in range(12):
        Image.fromarray(rng.integers(0, 255, (30, 30 + i, 3), dtype=np.uint8)).save(f"imgs/{i}.png")
        f.write(f"{i}.png,{i % 3}\n")
tf = transforms.Compose(
    [
        transforms.Resize((28, 28)),
        transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
        transforms.RandomGrayscale(p=0.2),
        transforms.RandomRotation(10),
        transforms.RandomAffine(0, translate=(0.1, 0.1)),
        transforms.GaussianBlur(3),
        transforms.RandomPerspective(p=0.3),
        transforms.ToTensor(),
        transforms.Normalize([0.5] * 3, [0.5] * 3),
        transforms.RandomErasing(p=0.2),
        transforms.Lambda(lambda t: t * 1.0),
    ]
)


def seed_worker(worker_id):
    worker_seed = torch.initial_seed() % 2**32
    np.random.seed(worker_seed)
    random.seed(worker_seed)


g = torch.Generator()
g.manual_seed(0)
ds = CSVDataset("labels.csv", "imgs", tf)
for nw in (0, 2):
    for b in DataLoader(
        ds, batch_size=args.batch_size, shuffle=True, num_workers=nw, worker_init_fn=seed_worker, generator=g
    ):
        print(b["image"].mean().item(), b["label"], b["name"][:2], b["box"].dtype, b["meta"][1])
tencrop = transforms.Compose(
    [
        transforms.Resize(32),
        transforms.TenCrop(24),
        transforms.Lambda(lambda crops: torch.stack([transforms.ToTensor()(c) for c in crops])),
    ]
)
print(
    tencrop(Image.open("imgs/0.png")).shape,
    transforms.FiveCrop(20)(Image.open("imgs/1.png"))[4].size,
    transforms.ToPILImage()(torch.rand(3, 4, 4)).mode,
)


class Stream(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        lo, hi = (0, 8) if info is None else (info.id * 4, info.id * 4 + 4)
        for i in range(lo, hi):
            yield torch.tensor([i, i * i])


print([b.tolist() for b in DataLoader(Stream(), 3)], [b.tolist() for b in DataLoader(Stream(), 3, num_workers=2)])


def pad_collate(batch):
    m = max(len(b) for b in batch)
    return torch.stack([F.pad(b, (0, m - len(b))) for b in batch])


print(next(iter(DataLoader([torch.ones(k) for k in (1, 3, 2)], 3, collate_fn=pad_collate))))


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, 1)
        self.conv2 = nn.Conv2d(8, 16, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(2304, 32)
        self.fc2 = nn.Linear(32, 3)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.max_pool2d(x, 2)
        x = self.dropout1(x)
        x = torch.flatten(x, 1)
        x = self.dropout2(F.relu(self.fc1(x)))
        return F.log_softmax(self.fc2(x), dim=1)


model = Net().to(device)
optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
scheduler = lr_scheduler.StepLR(optimizer, step_size=1, gamma=args.gamma)
for epoch in range(1, 3):
    model.train()
    for batch_idx, batch in enumerate(DataLoader(ds, args.batch_size, shuffle=True, **kwargs)):
        data, target = batch["image"].to(device), batch["label"].to(device)
        optimizer.zero_grad()
        output = model(data)
        loss = F.nll_loss(output, target)
        loss.backward()
        optimizer.step()
        print(
            "Train Epoch: {} [{}/{} ({:.0f}%)]\tLoss: {:.6f}".format(
                epoch, batch_idx * len(data), len(ds), 100.0 * batch_idx / 2, loss.item()
            )
        )
    model.eval()
    test_loss = 0
    correct = 0
    with torch.no_grad():
        for batch in DataLoader(ds, 12):
            output = model(batch["image"])
            test_loss += F.nll_loss(output, batch["label"], reduction="sum").item()
            pred = output.argmax(dim=1, keepdim=True)
            correct += pred.eq(batch["label"].view_as(pred)).sum().item()
    print(
        "\nTest set: Average loss: {:.4f}, Accuracy: {}/{} ({:.0f}%)\n".format(
            test_loss / 12, correct, 12, 100.0 * correct / 12
        )
    )
    scheduler.step()


class EarlyStopping:
    def __init__(self, patience=2, delta=0):
        self.patience = patience
        self.counter = 0
        self.best_score = None
        self.early_stop = False
        self.val_loss_min = np.inf
        self.delta = delta

    def __call__(self, val_loss, model):
        score = -val_loss
        if self.best_score is None:
            self.best_score = score
            torch.save(model.state_dict(), "checkpoint.pt")
        elif score < self.best_score + self.delta:
            self.counter += 1
            print(f"EarlyStopping counter: {self.counter} out of {self.patience}")
            if self.counter >= self.patience:
                self.early_stop = True
        else:
            self.best_score = score
            self.counter = 0


es = EarlyStopping()
for v in (1.0, 0.9, 0.95, 0.97, 0.8):
    es(v, model)
    es.early_stop and print("stop")


class AverageMeter(object):
    def __init__(self, name, fmt=":f"):
        self.name = name
        self.fmt = fmt
        self.val = self.avg = self.sum = self.count = 0

    def update(self, val, n=1):
        self.val = val
        self.sum += val * n
        self.count += n
        self.avg = self.sum / self.count

    def __str__(self):
        return ("{name} {val" + self.fmt + "} ({avg" + self.fmt + "})").format(**self.__dict__)


m = AverageMeter("Loss", ":.4e")
m.update(torch.tensor(0.5))
m.update(torch.tensor(0.7), 3)
print(m)
p = model.fc2.weight
opt = torch.optim.AdamW(
    [{"params": model.conv1.parameters()}, {"params": [p], "lr": 1e-2, "weight_decay": 0}], lr=1e-3
)
[setattr(q, "requires_grad", False) for q in model.conv2.parameters()]
print(
    opt, [len(g["params"]) for g in opt.param_groups], sum(q.numel() for q in model.parameters() if q.requires_grad)
)
opt.add_param_group({"params": model.fc1.parameters()})
print(len(opt.param_groups))
lrs, losses = [], []
for k, lr in enumerate(np.geomspace(1e-4, 1e-1, 4)):
    for gr in opt.param_groups:
        gr["lr"] = lr
    opt.zero_grad(set_to_none=True)
    l = F.nll_loss(model(torch.ones(2, 3, 28, 28)), torch.tensor([0, 1]))
    l.backward()
    opt.step()
    losses.append(l.item())
print(
    ["%.4f" % l for l in losses],
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1),
    collections.Counter(torch.tensor([1, 1, 2]).tolist()),
)
from torch.utils.tensorboard import SummaryWriter

with SummaryWriter("runs/x") as w:
    w.add_scalar("Loss/train", 0.5, 1)
    w.add_image("im", torch.rand(3, 8, 8))
    w.add_histogram("w", p, 0)
    w.add_scalars("a", {"x": 1.0, "y": 2.0}, 0)
    w.add_graph(model, torch.ones(1, 3, 28, 28)) if False else None
print(len(os.listdir("runs/x")) > 0)
vutils.save_image(torch.rand(4, 3, 8, 8), "g.png", nrow=2)
print(Image.open("g.png").size)
torch.set_grad_enabled(False)
print((model(torch.ones(1, 3, 28, 28)) * 2).requires_grad)
torch.set_grad_enabled(True)
