"""A training script as Kaggle's notebooks have it."""

import torch, torch.nn as nn, torch.nn.functional as F, time, os, random, numpy as np
from collections import defaultdict
from torch.utils.data import DataLoader, random_split, Dataset, TensorDataset
import torchvision.transforms as tt
from torchvision.datasets import ImageFolder
from torchvision.utils import make_grid
from PIL import Image
from tqdm import tqdm

torch.manual_seed(42)
np.random.seed(42)
random.seed(42)
for c in ("cat", "dog", "fish"):
    os.makedirs(f"data/{c}", exist_ok=True)
    for k in range(8):
        Image.fromarray(np.random.randint(0, 255, (36, 40, 3), dtype=np.uint8)).save(f"data/{c}/{k}.png")
stats = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
train_tfms = tt.Compose(
    [
        tt.RandomCrop(32, padding=4, padding_mode="reflect"),
        tt.RandomHorizontalFlip(),
        tt.ToTensor(),
        tt.Normalize(*stats, inplace=True),
    ]
)
ds = ImageFolder("data", train_tfms)
print(ds, ds.class_to_idx, ds.samples[0], len(ds.targets))
train_ds, valid_ds = random_split(ds, [18, 6])
train_dl = DataLoader(train_ds, 6, shuffle=True, num_workers=2, pin_memory=True)
valid_dl = DataLoader(valid_ds, 12, num_workers=2, pin_memory=True)


def get_default_device():
    return torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")


def to_device(data, device):
    return (
        [to_device(x, device) for x in data]
        if isinstance(data, (list, tuple))
        else data.to(device, non_blocking=True)
    )


class DeviceDataLoader:
    def __init__(self, dl, device):
        self.dl = dl
        self.device = device

    def __iter__(self):
        for b in self.dl:
            yield to_device(b, self.device)

    def __len__(self):
        return len(self.dl)


device = get_default_device()
train_dl = DeviceDataLoader(train_dl, device)
valid_dl = DeviceDataLoader(valid_dl, device)


def accuracy(outputs, labels):
    _, preds = torch.max(outputs, dim=1)
    return torch.tensor(torch.sum(preds == labels).item() / len(preds))


class ImageClassificationBase(nn.Module):
    def training_step(self, batch):
        images, labels = batch
        out = self(images)
        return F.cross_entropy(out, labels)

    def validation_step(self, batch):
        images, labels = batch
        out = self(images)
        return {"val_loss": F.cross_entropy(out, labels).detach(), "val_acc": accuracy(out, labels)}

    def validation_epoch_end(self, outputs):
        return {
            "val_loss": torch.stack([x["val_loss"] for x in outputs]).mean().item(),
            "val_acc": torch.stack([x["val_acc"] for x in outputs]).mean().item(),
        }

    def epoch_end(self, epoch, result):
        print(
            "Epoch [{}], last_lr: {:.5f}, train_loss: {:.4f}, val_loss: {:.4f}, val_acc: {:.4f}".format(
                epoch, result["lrs"][-1], result["train_loss"], result["val_loss"], result["val_acc"]
            )
        )


def conv_block(i, o, pool=False):
    layers = [nn.Conv2d(i, o, kernel_size=3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True)]
    if pool:
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


class ResNet9(ImageClassificationBase):
    def __init__(self, i, n):
        super().__init__()
        self.conv1 = conv_block(i, 8)
        self.conv2 = conv_block(8, 16, pool=True)
        self.res1 = nn.Sequential(conv_block(16, 16), conv_block(16, 16))
        self.conv3 = conv_block(16, 16, pool=True)
        self.classifier = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(16, n))

    def forward(self, xb):
        out = self.conv2(self.conv1(xb))
        out = self.res1(out) + out
        return self.classifier(self.conv3(out))


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    return model.validation_epoch_end([model.validation_step(b) for b in loader])


def fit_one_cycle(
    epochs, max_lr, model, train_loader, val_loader, weight_decay=0, grad_clip=None, opt_func=torch.optim.SGD
):
    history = []
    optimizer = opt_func(model.parameters(), max_lr, weight_decay=weight_decay)
    sched = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr, epochs=epochs, steps_per_epoch=len(train_loader))
    for epoch in range(epochs):
        model.train()
        train_losses, lrs = [], []
        for batch in tqdm(train_loader, disable=True):
            loss = model.training_step(batch)
            train_losses.append(loss)
            loss.backward()
            if grad_clip:
                nn.utils.clip_grad_value_(model.parameters(), grad_clip)
            optimizer.step()
            optimizer.zero_grad()
            lrs.append(optimizer.param_groups[0]["lr"])
            sched.step()
        result = evaluate(model, val_loader)
        result["train_loss"] = torch.stack(train_losses).mean().item()
        result["lrs"] = lrs
        model.epoch_end(epoch, result)
        history.append(result)
    return history


model = to_device(ResNet9(3, 3), device)
print(evaluate(model, valid_dl))
history = fit_one_cycle(
    3, 0.01, model, train_dl, valid_dl, weight_decay=1e-4, grad_clip=0.1, opt_func=torch.optim.Adam
)


def predict_image(img, model):
    xb = to_device(img.unsqueeze(0), device)
    yb = model(xb)
    _, preds = torch.max(yb, dim=1)
    return ds.classes[preds[0].item()]


print(predict_image(valid_ds[0][0], model), [round(h["val_loss"], 3) for h in history])
probs = F.softmax(model(torch.stack([valid_ds[k][0] for k in range(6)])), dim=1)
top_p, top_c = probs.topk(2, dim=1)
print(top_p.shape, top_c.shape, [ds.classes[c] for c in top_c[:, 0]])
per_class = defaultdict(list)
for p, k in zip(probs.argmax(1), valid_ds.indices):
    per_class[ds.classes[ds.targets[k]]].append(int(p == ds.targets[k]))
print({k: sum(v) / len(v) for k, v in sorted(per_class.items())})
mean = torch.zeros(3)
std = torch.zeros(3)
for i, _ in DataLoader(ImageFolder("data", tt.ToTensor()), batch_size=8):
    b = i.size(0)
    i = i.view(b, i.size(1), -1)
    mean += i.mean(2).sum(0)
    std += i.std(2).sum(0)
print(mean / 24, std / 24)
