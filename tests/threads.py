"""Two threads that train and two that load, for ThreadSanitizer (``make tsan``); also a check without it."""

import sys
import threading

import numpy as np

import pycnn as torch
import pycnn.nn.functional as F
from pycnn import nn
from pycnn.utils.data import DataLoader
from pycnn.vision import datasets, transforms


def train(seed):
    """Weights after some training steps, and what a shared model says of their inputs."""
    generator = torch.Generator()
    generator.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
                          nn.Dropout(0.0), nn.Flatten(), nn.Linear(16 * 64, 10))
    with torch.no_grad():
        for p in model.parameters():
            p.uniform_(-0.1, 0.1, generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-5)
    result = []
    for _ in range(6):
        x, y = torch.randn(24, 3, 16, 16, generator=generator), torch.randint(10, (24,), generator=generator)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        with torch.no_grad():
            result.append(SHARED(x).numpy().tobytes())
    leaf = SHARED[0].weight
    result.append(torch.autograd.grad(SHARED(x).sum(), leaf)[0].numpy().tobytes())
    return result + [p.detach().numpy().tobytes() for p in model.parameters()]


def load(workers):
    """The bytes of an epoch."""
    generator = torch.Generator()
    generator.manual_seed(workers)
    loader = DataLoader(IMAGES, batch_size=100, shuffle=True, num_workers=workers, generator=generator)
    return [(x.numpy().tobytes(), y.tolist()) for x, y in loader]


# Read by all threads at once: its values stand in a private layout until the first of them asks.
SHARED = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3))
IMAGES = torch.utils.data.Subset(datasets.CIFAR10Sample(train=False, transform=transforms.Compose([
    transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)])), range(300))
AUGMENTED = datasets.CIFAR10Sample(train=False, transform=transforms.Compose([
    transforms.RandomHorizontalFlip(), transforms.RandomRotation(15), transforms.ColorJitter(0.2, 0.2),
    transforms.ToTensor()]))


def augment(_):
    """Batches whose random numbers threads share: their order is open, that they come is not."""
    return [x.shape for x, _ in DataLoader(AUGMENTED, batch_size=250, num_workers=2)]


class Graph:
    """A graph of which threads want different gradients at once."""

    def __init__(self):
        net = nn.Sequential(*SHARED, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.x = torch.ones(4, 3, 16, 16).requires_grad_()
        self.inner = net[:4](self.x)
        self.end = net[4:](self.inner).sin().sum()

    def gradients(self, watch):
        """The gradient of the input, and of what a ReLU gave if `watch` is set."""
        wanted = [self.x, self.inner] if watch else [self.x]
        return [g.numpy().tobytes() for _ in range(5) for g in torch.autograd.grad(self.end, wanted, retain_graph=True)]


def settle(hidden):
    """What several threads see of one result that is not laid out yet."""
    return [hidden.numpy().tobytes(), hidden.sum().item().hex(), hidden.relu().numpy().tobytes()]


def together(jobs):
    """Run each (function, argument) in a thread of its own."""
    results, errors = [None] * len(jobs), []
    start = threading.Barrier(len(jobs))

    def run(k, function, argument):
        try:
            start.wait()
            results[k] = function(argument)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(k, *job)) for k, job in enumerate(jobs)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]
    return results


def main():
    torch.set_num_threads(3)
    jobs = [(train, 1), (train, 2), (load, 0), (load, 2)]
    expected = [function(argument) for function, argument in jobs]
    assert together(jobs) == expected, "other numbers together than alone"
    together([(augment, 0), (augment, 1), (train, 3)])
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((8, 3, 20, 20), dtype=np.float32))
    for _ in range(5):
        with torch.no_grad():
            hidden, again = F.relu(SHARED[0](x)), F.relu(SHARED[0](x))
        assert together([(settle, hidden)] * 3) == [settle(again)] * 3
    graph = Graph()
    jobs = [(graph.gradients, watch) for watch in (False, True, False)]
    expected = [function(argument) for function, argument in jobs]
    assert together(jobs) == expected, "other gradients together than alone"
    print("threads: ok")


if __name__ == "__main__":
    sys.exit(main())
