"""The program behind ``python -m pycnn train``: what a torch user writes, with pycnn in torch's place."""

import json
import os
import time
from pathlib import Path

import pycnn as torch
import pycnn.nn.functional as F
from pycnn import nn, optim
from pycnn.utils.data import DataLoader
from pycnn.vision import datasets, transforms

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


class SimpleCNN(nn.Module):
    """Two 3x3 convolutions of 32 and 64 channels with ReLU and 2x2 max pooling, then 4096-512-10 fully connected."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(64 * 8 * 8, 512)
        self.fc2 = nn.Linear(512, 10)

    def forward(self, x):
        """Return the logits [N, 10] of images [N, 3, 32, 32]."""
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(-1, 64 * 8 * 8)
        x = F.relu(self.fc1(x))
        return self.fc2(x)


def _data(args):
    """The two splits and a line that says what they are."""
    augment = transforms.Compose([
        transforms.RandomHorizontalFlip(p=0.5), transforms.RandomRotation(15),
        transforms.ColorJitter(brightness=0.2, contrast=0.2), transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    plain = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    root = args.data or os.environ.get("PYCNN_CIFAR10")
    if not args.sample and root:
        cls = _as_written(Path(root))
        return (cls(root, train=True, transform=augment), cls(root, train=False, transform=plain),
                f"CIFAR-10 in {root}: 50,000 training and 10,000 test images")
    if not args.sample:
        try:
            return (datasets.CIFAR10("data", train=True, download=True, transform=augment),
                    datasets.CIFAR10("data", train=False, download=True, transform=plain),
                    "CIFAR-10 in data: 50,000 training and 10,000 test images")
        except (OSError, RuntimeError) as error:
            print(f"CIFAR-10 cannot be downloaded ({str(error).splitlines()[0]})")
    return (datasets.CIFAR10Sample(train=True, transform=augment), datasets.CIFAR10Sample(train=False, transform=plain),
            "the sample of CIFAR-10 that comes with pycnn: 5,000 training and 1,000 test images")


def _as_written(root):
    """CIFAR10 with the MD5 sums of a copy that lists its own in md5.json."""
    sums = root / "md5.json"
    if not sums.exists():
        return datasets.CIFAR10
    md5 = json.loads(sums.read_text())
    return type("CIFAR10", (datasets.CIFAR10,), {
        "train_list": [[name, md5[name]] for name, _ in datasets.CIFAR10.train_list],
        "test_list": [[name, md5[name]] for name, _ in datasets.CIFAR10.test_list],
        "meta": {**datasets.CIFAR10.meta, "md5": md5[datasets.CIFAR10.meta["filename"]]}})


def _progress(loader, text):
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return loader
    return tqdm(loader, desc=text, leave=False, disable=None)


def _accuracy(model, loader):
    """Share of the images whose highest logit is the label's."""
    model.eval()
    correct = total = 0
    with torch.no_grad():
        for images, labels in loader:
            correct += (model(images).argmax(1) == labels).sum().item()
            total += labels.size(0)
    return correct / total


def train(args):
    """Train as `args` of the command line say; writes model.pth and metrics.json into ``args.out``."""
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    train_set, test_set, which = _data(args)
    epochs = args.epochs or (10 if len(train_set) <= 5000 else 3)
    print(f"Data: {which}")
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True, num_workers=args.workers)
    test_loader = DataLoader(test_set, batch_size=1000, shuffle=False, num_workers=args.workers)
    model = SimpleCNN()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50, eta_min=1e-6)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    history = []
    for epoch in range(1, epochs + 1):
        model.train()
        start, total = time.perf_counter(), 0.0
        for images, labels in _progress(train_loader, f"epoch {epoch}/{epochs}"):
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * labels.size(0)
        scheduler.step()
        seconds = time.perf_counter() - start
        accuracy = _accuracy(model, test_loader)
        history.append({"epoch": epoch, "loss": total / len(train_set), "accuracy": accuracy, "seconds": seconds,
                        "images_per_second": len(train_set) / seconds})
        print(f"epoch {epoch:2d}/{epochs}  loss {history[-1]['loss']:.4f}  test accuracy {100 * accuracy:.2f} %  "
              f"{history[-1]['images_per_second']:,.0f} images/s", flush=True)
        _write_json(out / "metrics.json", {"data": which, "seed": args.seed, "epochs": history})
    torch.save(model.state_dict(), out / "model.pth")
    print(f"Results: {out / 'metrics.json'}, {out / 'model.pth'}")


def _write_json(path, value):
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=1) + "\n")
    temporary.replace(path)
