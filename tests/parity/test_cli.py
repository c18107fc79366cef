"""What the command line writes, read by torch and torchvision."""

import json

import numpy as np
import pytest
from PIL import Image

from pycnn import cli
from pycnn.vision.datasets import CIFAR10Sample

pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on 60 images of two classes."""
    root = tmp_path_factory.mktemp("cli")
    sample = CIFAR10Sample(train=False)
    for name in ("cat", "ship"):
        (root / "photos" / name).mkdir(parents=True)
        for k in np.flatnonzero(np.array(sample.targets) == sample.class_to_idx[name])[:30]:
            Image.fromarray(sample.data[k]).resize((40, 36)).save(root / "photos" / name / f"{k}.png")
    out = root / "run"
    assert cli.main(["train", str(root / "photos"), "--model", "resnet18", "--size", "32", "--epochs", "1", "--out",
                     str(out)]) == 0
    return out


@pytest.mark.filterwarnings("ignore:`torch.jit.load` is deprecated")
@pytest.mark.parametrize("file", ["model.pth", "model.pt"])
def test_torch_predicts_the_same_from_the_files(run, file, capsys):
    import torch
    import torchvision
    facts = json.loads((run / "metrics.json").read_text())
    view = facts["view"]
    if file == "model.pt":
        model = torch.jit.load(run / file)
    else:
        model = torchvision.models.resnet18(num_classes=2)
        model.load_state_dict(torch.load(run / file, weights_only=True))
    model.eval()
    t = torchvision.transforms
    transform = t.Compose([t.Resize(view["resize"]), t.CenterCrop(view["size"]), t.ToTensor(),
                           t.Normalize(view["mean"], view["std"])])
    paths = sorted((run.parent / "photos").rglob("*.png"))[::9]
    capsys.readouterr()
    assert cli.main(["predict", str(run), *map(str, paths)]) == 0
    lines = capsys.readouterr().out.splitlines()
    for k, path in enumerate(paths):
        with torch.no_grad():
            p = model(transform(Image.open(path).convert("RGB"))[None]).softmax(1)[0]
        said = {line.split()[2]: float(line.split()[0]) for line in lines[3 * k + 1:3 * k + 3]}
        assert [said[name] for name in facts["classes"]] == pytest.approx((100 * p).tolist(), abs=0.06)


def test_torch_can_go_on_from_the_checkpoint(run):
    import torch
    import torchvision
    state = torch.load(run / "checkpoint.pth", weights_only=True)
    model = torchvision.models.resnet18(num_classes=2)
    optimizer = torch.optim.Adam(model.parameters(), weight_decay=1e-5)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    scheduler.load_state_dict(state["scheduler"])
    torch.set_rng_state(state["generator"])
    assert scheduler.last_epoch == len(state["history"]) == 1
    model(torch.zeros(2, 3, 32, 32)).sum().backward()
    optimizer.step()
