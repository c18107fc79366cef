"""Programs that import torch and torchvision, run by ``python -m pycnn run`` and by torch: the same lines come out."""

import os
import re
import subprocess
import sys

import pytest
import torch

from mnist_files import write_mnist

pytestmark = pytest.mark.parity

CLASSIFIER = '''
import argparse
import sys

import torch
import torch.backends.cudnn as cudnn
import torch.nn as nn
import torch.nn.functional as F
import torch.nn.init as init
import torch.optim as optim
import torch.optim.lr_scheduler as lr_scheduler
import torch.utils.data
import torchvision
from torch.autograd import Variable
from torch.utils.data import DataLoader, random_split
from torch.utils.data.sampler import SubsetRandomSampler
from torchvision import datasets, transforms

torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self, classes):
        super(Net, self).__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True),
                                      nn.MaxPool2d(2, 2))
        self.conv2 = nn.Conv2d(8, 16, kernel_size=3, stride=1, bias=False)
        self.dropout = nn.Dropout2d(0.25)
        self.fc1 = nn.Linear(16 * 6 * 6, 32)
        self.fc2 = nn.Linear(32, classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                init.kaiming_normal_(m.weight, mode="fan_out")
            elif isinstance(m, nn.BatchNorm2d):
                m.weight.data.fill_(1)
                m.bias.data.zero_()

    def forward(self, x):
        x = self.features(x)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = self.dropout(x)
        x = torch.flatten(x, 1)
        return F.log_softmax(self.fc2(F.relu(self.fc1(x))), dim=1)


def accuracy(output, target, topk=(1,)):
    maxk = max(topk)
    _, pred = output.topk(maxk, 1, True, True)
    correct = pred.t().eq(target.view(1, -1).expand_as(pred.t()))
    return [correct[:k].reshape(-1).float().sum(0, keepdim=True).mul_(100.0 / target.size(0)).item() for k in topk]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--epochs", type=int, default=2)
    args = parser.parse_args()
    use_cuda = torch.cuda.is_available()
    device = torch.device("cuda" if use_cuda else "cpu")
    torch.manual_seed(1)
    torch.cuda.manual_seed_all(1)
    cudnn.benchmark = True
    transform = transforms.Compose([transforms.RandomCrop(28, padding=2), transforms.RandomRotation(10),
                                    transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    train_set = datasets.MNIST(args.root, train=True, download=True, transform=transform)
    test_set = datasets.MNIST(args.root, train=False, transform=transforms.Compose(transform.transforms[2:]))
    train_loader = DataLoader(train_set, batch_size=8, shuffle=True, num_workers=1, pin_memory=True)
    test_loader = torch.utils.data.DataLoader(test_set, batch_size=100, shuffle=False)
    net = Net(10).to(device)
    net = nn.DataParallel(net)
    print(net)
    criterion = nn.NLLLoss()
    optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True)
    scheduler = lr_scheduler.MultiStepLR(optimizer, milestones=[1], gamma=0.1)
    for epoch in range(args.epochs):
        net.train()
        for batch_idx, (inputs, targets) in enumerate(train_loader):
            inputs, targets = Variable(inputs.to(device)), Variable(targets.to(device))
            optimizer.zero_grad()
            loss = criterion(net(inputs), targets)
            loss.backward()
            optimizer.step()
            print("Epoch: [%d][%d/%d] loss %.4f" % (epoch, batch_idx, len(train_loader), loss.item()))
        scheduler.step()
        net.eval()
        with torch.no_grad():
            for inputs, targets in test_loader:
                outputs = net(inputs)
                _, predicted = torch.max(outputs.data, 1)
                print(predicted.eq(targets.data).cpu().sum().item(),
              ["%.2f" % a for a in accuracy(outputs, targets, (1, 5))])
        print(scheduler.get_last_lr(), optimizer.param_groups[0]["lr"])
    torch.save({"net": net.state_dict(), "epoch": args.epochs, "optimizer": optimizer.state_dict()},
           args.root + "/ckpt.pth")
    checkpoint = torch.load(args.root + "/ckpt.pth", map_location=lambda storage, loc: storage)
    net.load_state_dict(checkpoint["net"])
    print(sorted(checkpoint["net"])[:3], checkpoint["epoch"], int(torch.__version__.split(".")[0]),
      torch.__version__ > "1.13")
    print(torchvision.__version__.split("+")[0], torch.version.hip, isinstance(loss, torch.Tensor),
      isinstance(loss, torch.FloatTensor))


if __name__ == "__main__":
    main()
'''

MODELS = '''
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
import torch.nn.parallel
import torch.utils.data.distributed
import torchvision.datasets as datasets
import torchvision.models as models
import torchvision.transforms as transforms
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import Subset

torch.set_num_threads(1)
names = sorted(name for name in models.__dict__
               if name.islower() and not name.startswith("__") and callable(models.__dict__[name]))
assert "resnet18" in names and "vgg16" in names
torch.manual_seed(3)
model = models.__dict__["squeezenet1_1"](num_classes=7)
transform = transforms.Compose([transforms.RandomResizedCrop(32), transforms.RandomHorizontalFlip(),
                                transforms.ToTensor()])
data = datasets.FakeData(6, (3, 40, 40), 7, transform)
sampler = torch.utils.data.distributed.DistributedSampler(data, num_replicas=2, rank=1)
loader = torch.utils.data.DataLoader(data, batch_size=2, sampler=sampler, num_workers=1)
optimizer = torch.optim.Adam([{"params": model.features.parameters()},
                              {"params": model.classifier.parameters(), "lr": 1e-2}], lr=1e-3)
scheduler = StepLR(optimizer, step_size=1, gamma=0.5)
for epoch in range(2):
    sampler.set_epoch(epoch)
    for images, target in loader:
        loss = nn.CrossEntropyLoss(label_smoothing=0.1)(model(images), target)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        print("%.4f" % loss.item(), target.tolist())
    scheduler.step()
model.eval()
with torch.inference_mode():
    print(["%.3f" % v for v in model(torch.ones(1, 3, 32, 32)).softmax(1)[0].tolist()])
print(len(Subset(data, [0, 2])), dist.is_initialized(), mp.get_start_method(), torch.accelerator.is_available())
'''


def lines(command, text, folder, *args):
    (folder / "program.py").write_text(text)
    done = subprocess.run([sys.executable, "-W", "ignore", *command, "program.py", *args], cwd=folder,
                          capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)})
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def same_lines(got, want, digits):
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        assert re.sub(r"\d+\.\d+", "#", g) == re.sub(r"\d+\.\d+", "#", w)
        for a, b in zip(re.findall(r"\d+\.\d+", g), re.findall(r"\d+\.\d+", w), strict=True):
            assert abs(float(a) - float(b)) <= digits * max(1, abs(float(b))), (g, w)


@pytest.mark.parametrize("text, root", [(CLASSIFIER, True), (MODELS, False)], ids=["classifier", "models"])
def test_a_program(text, root, tmp_path):
    results = []
    for name, command in (("torch", []), ("pycnn", ["-m", "pycnn", "run"])):
        folder = tmp_path / name
        folder.mkdir()
        if root:
            write_mnist(folder / "MNIST" / "raw")
        results.append(lines(command, text, folder, *([str(folder)] if root else [])))
    same_lines(results[1], results[0], 2e-3)
    if root:
        state = torch.load(tmp_path / "pycnn" / "ckpt.pth")["net"]
        assert state["module.fc1.weight"].shape == (32, 576)


def test_modules_are_the_same_objects(tmp_path):
    text = """
import pycnn
pycnn.install_as_torch()
pycnn.install_as_torch()
import torch.nn.modules.conv, torch.utils.data.dataloader, torchvision.transforms.functional as TF
from torch import nn, Tensor
from torch.utils.tensorboard import SummaryWriter
assert torch.nn is pycnn.nn is nn and Tensor is pycnn.Tensor and TF is pycnn.vision.transforms.functional
assert torch.utils.data.DataLoader is pycnn.utils.data.DataLoader and pycnn.__version__ in torch.__version__
torch.answer = 42
assert pycnn.answer == 42 and 'zeros' in dir(torch)
for name in ('torch.fx', 'torch.nn.nowhere', 'torchvision.prototype'):
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        assert str(error) == 'pycnn has no module ' + name and error.name == name
    else:
        raise AssertionError(name)
try:
    torch.nn.Conv4d
except AttributeError as error:
    assert 'pycnn has no torch.nn.Conv4d' in str(error)
print('done')
"""
    assert lines([], text, tmp_path) == ["done"]


def test_processes_that_a_script_spawns(tmp_path):
    text = """
import torch, torch.multiprocessing as mp

def work(rank, queue):
    queue.put((rank, torch.ones(2).sum().item(), torch.__version__))

if __name__ == "__main__":
    context = mp.get_context("spawn")
    queue = context.SimpleQueue()
    mp.spawn(work, (queue,), nprocs=2)
    print(sorted(queue.get() for _ in range(2)))
"""
    (line,) = lines(["-m", "pycnn", "run"], text, tmp_path)
    assert line.count("pycnn") == 2 and line.startswith("[(0, 2.0, '2.14.1+pycnn")


def test_too_late(tmp_path):
    text = "import torch, pycnn\ntry:\n    pycnn.install_as_torch()\nexcept RuntimeError as error:\n    print(error)"
    assert lines([], text,
                 tmp_path) == ["torch is imported already: call install_as_torch() before anything imports it"]


def test_scripts_see_their_arguments_and_fail_as_they_would(tmp_path):
    assert lines(["-m", "pycnn", "run"], "import sys, torch\nprint(sys.argv, __name__, sys.path[0])", tmp_path, "-x",
                 "--lr", "1") == [
        f"['program.py', '-x', '--lr', '1'] __main__ {tmp_path}"]
    assert lines(["-m", "pycnn", "run", "-m", "json.tool", "-h"], "", tmp_path)[0].startswith("usage:")
    (tmp_path / "program.py").write_text("import torch, sys\nif len(sys.argv) > 1: sys.exit(3)\ntorch.ones(2) @ "
                                         "torch.ones(3)")
    run = lambda *args: subprocess.run([sys.executable, "-m", "pycnn", "run", "program.py", *args], cwd=tmp_path,
                                       capture_output=True, text=True,
                                       env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)})
    assert run("3").returncode == 3
    failed = run()
    assert failed.returncode == 1 and 'File "program.py", line 3' in failed.stderr \
           and "RuntimeError: inconsistent tensor size" in failed.stderr
