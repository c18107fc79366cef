"""The program that this library is for, as a torch user writes it, for either library: ``Program(torch, torchvision)``.

Everything that follows is written once; only the modules differ.
"""

import json
from pathlib import Path

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def pycnn_modules():
    """pycnn in torch's place."""
    import pycnn
    from pycnn import vision
    import pycnn.optim.lr_scheduler
    import pycnn.utils.data
    import pycnn.vision.datasets
    import pycnn.vision.transforms
    return pycnn, vision


def torch_modules():
    """The original."""
    import torch
    import torchvision
    import torchvision.transforms
    return torch, torchvision


class Program:
    """CIFAR-10, augmentation, SimpleCNN, cross entropy, Adam with weight decay, cosine annealing."""

    def __init__(self, torch, vision):
        self.torch, self.vision = torch, vision
        nn, F = torch.nn, torch.nn.functional

        class SimpleCNN(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
                self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
                self.pool = nn.MaxPool2d(2, 2)
                self.fc1 = nn.Linear(64 * 8 * 8, 512)
                self.fc2 = nn.Linear(512, 10)

            def forward(self, x):
                x = self.pool(F.relu(self.conv1(x)))
                x = self.pool(F.relu(self.conv2(x)))
                x = self.flat(x)
                x = F.relu(self.fc1(x))
                return self.fc2(x)

            def flat(self, x):
                return x.view(-1, 64 * 8 * 8)

        self.SimpleCNN = SimpleCNN

    def transform(self, train):
        """Training: flip, rotation, colour jitter; always: to tensor, normalised."""
        t = self.vision.transforms
        augment = [t.RandomHorizontalFlip(p=0.5), t.RandomRotation(15), t.ColorJitter(brightness=0.2, contrast=0.2)]
        return t.Compose((augment if train else []) + [t.ToTensor(), t.Normalize(MEAN, STD)])

    def dataset(self, root, train):
        """CIFAR-10 at `root`, whose md5.json (if there is one) lists the sums of its files."""
        base = self.vision.datasets.CIFAR10
        sums = Path(root) / "md5.json"
        if sums.exists():
            md5 = json.loads(sums.read_text())
            base = type("CIFAR10", (base,), {
                "train_list": [[name, md5[name]] for name, _ in base.train_list],
                "test_list": [[name, md5[name]] for name, _ in base.test_list],
                "meta": {**base.meta, "md5": md5[base.meta["filename"]]}})
        return base(root, train=train, transform=self.transform(train))

    def loader(self, dataset, train, workers=0):
        """Batches of 64, shuffled, or of 1000."""
        return self.torch.utils.data.DataLoader(dataset, batch_size=64 if train else 1000, shuffle=train,
                                                num_workers=workers)

    def model(self, optimizer="adam", lr=0.001, channels_last=False, fused=None):
        """(model, criterion, optimizer, scheduler)"""
        torch = self.torch
        model = self.SimpleCNN()
        if channels_last:  # torch cannot view such activations as rows
            model = model.to(memory_format=torch.channels_last)
            model.flat = lambda x: x.flatten(1)
        if optimizer == "adam":
            kwargs = {} if fused is None else {"fused": fused}
            optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=1e-5, **kwargs)
        else:
            optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50, eta_min=1e-6)
        return model, torch.nn.CrossEntropyLoss(), optimizer, scheduler

    def step(self, model, criterion, optimizer, images, labels):
        """One training step; returns the loss tensor."""
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    def accuracy(self, model, loader):
        """Top-1 over a loader."""
        model.eval()
        correct = total = 0
        with self.torch.no_grad():
            for images, labels in loader:
                correct += (model(images).argmax(1) == labels).sum().item()
                total += labels.size(0)
        model.train()
        return correct / total
