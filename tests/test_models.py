"""Models: initial weights against torchvision's sums, the list of models, weights by name and by file."""

import copy
import hashlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pycnn as torch
from pycnn import nn
from pycnn.vision import models, transforms
from pycnn.vision.models import ResNet18_Weights, ResNet50_Weights

GOLDEN = json.loads((Path(__file__).parent / "golden" / "models.json").read_text())


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnext50_32x4d", "densenet121", "googlenet",
                                  "mobilenet_v2", "mobilenet_v3_large", "shufflenet_v2_x1_0", "squeezenet1_1"])
def test_initial_weights_are_torchvisions(name):
    torch.manual_seed(0)
    model = models.__dict__[name](**GOLDEN[name]["args"])
    state = model.state_dict()
    digest = hashlib.sha256(b"".join(v.numpy().tobytes() for v in state.values() if v.dtype == torch.float32))
    assert digest.hexdigest()[:32] == GOLDEN[name]["sha256"] and len(state) == GOLDEN[name]["tensors"]
    drawn = hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest()[:32]
    assert drawn == GOLDEN[name]["rng_state"], "another number of draws"


@pytest.fixture
def small():
    """The smallest ResNet: one block a stage."""
    return models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=4)


# ---- weights

def test_weights_know_what_they_are():
    weights = ResNet50_Weights.DEFAULT
    assert weights is ResNet50_Weights.IMAGENET1K_V2 \
           and repr(weights) == str(weights) == "ResNet50_Weights.IMAGENET1K_V2"
    assert weights.url == "https://download.pytorch.org/models/resnet50-11ad3fa6.pth"
    assert weights.meta["num_params"] == 25557032
    assert weights.meta["categories"][0] == "tench" and weights.meta["categories"][999] == "toilet tissue"
    assert models.get_weight("ResNet50_Weights.DEFAULT") is weights
    assert models.get_model_weights("resnet50") is models.get_model_weights(models.resnet50) is ResNet50_Weights
    assert copy.deepcopy(weights) is weights and pickle.loads(pickle.dumps(weights)) is weights


def test_preset_transform():
    preset = ResNet50_Weights.DEFAULT.transforms()
    assert (preset.crop_size, preset.resize_size) == ([224], [232])
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 260, 3), dtype=np.uint8))
    same = transforms.Compose([transforms.Resize(232), transforms.CenterCrop(224), transforms.ToTensor(),
                               transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
    np.testing.assert_array_equal(preset(image).numpy(), same(image).numpy())


@pytest.mark.parametrize("given, error, words", [
    ("IMAGENET1K_V9", KeyError,
     "weights may be IMAGENET1K_V1, DEFAULT of ResNet18_Weights, or the path of a .pth file"),
    (ResNet50_Weights.DEFAULT, TypeError,
     r"Invalid Weight class provided; expected ResNet18_Weights but received ResNet50_Weights\."),
    ("no/such/file.pth", FileNotFoundError, "no/such/file.pth")])
def test_wrong_weights(given, error, words):
    with pytest.raises(error, match=words):
        models.resnet18(weights=given)


def test_number_of_classes_is_the_weights():
    with pytest.raises(ValueError, match="The parameter 'num_classes' expected value 1000 but got 10 instead."):
        models.resnet18(weights="DEFAULT", num_classes=10)
    with pytest.raises(ValueError, match="The parameter 'groups' expected value 32 but got 1 instead."):
        models.resnext50_32x4d(groups=1)


def test_weights_of_a_file(tmp_path, small):
    torch.save(small.state_dict(), tmp_path / "small.pth")
    # the builder's way, without the megabytes
    weights = ResNet18_Weights.verify(str(tmp_path / "small.pth"))
    other = models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=4)
    models._api.load_weights(other, weights, progress=False)
    for name, value in small.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[name].numpy(), value.numpy())
    with pytest.raises(RuntimeError, match="size mismatch for fc.weight|Missing key"):
        models.resnet18(weights=tmp_path / "small.pth")


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A cache folder that holds the file of ResNet18_Weights.IMAGENET1K_V1, with weights of our own."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    state = models.resnet18().state_dict()
    torch.save(state, tmp_path / "hub/checkpoints/resnet18-f37072fd.pth")
    return state


@pytest.mark.parametrize("how", [{"weights": "DEFAULT"}, {"weights": "ResNet18_Weights.IMAGENET1K_V1"},
                                 {"weights": ResNet18_Weights.DEFAULT}], ids=str)
def test_weights_of_the_cache_folder(published, how):
    model = models.get_model("ResNet18", **how)
    for name, value in published.items():
        np.testing.assert_array_equal(model.state_dict()[name].numpy(), value.numpy())


@pytest.mark.parametrize("args, kwargs, words", [
    ((), {"pretrained": True}, "'pretrained' is deprecated"), ((True,), {}, "'weights' as positional"),
    ((), {"weights": True}, "Arguments other than a weight enum")], ids=str)
def test_pretrained_warns_once(published, args, kwargs, words):
    with pytest.warns(UserWarning, match=words) as said:
        model = models.resnet18(*args, **kwargs)
    np.testing.assert_array_equal(model.fc.weight.detach().numpy(), published["fc.weight"].numpy())
    assert len(said) == 1 and said[0].filename == __file__
    assert "equivalent to passing `weights=ResNet18_Weights.IMAGENET1K_V1`" in str(said[0].message)


def test_pretrained_false():
    torch.manual_seed(0)
    expected = models.resnet18().fc.weight
    torch.manual_seed(0)
    with pytest.warns(UserWarning, match="equivalent to passing `weights=None`"):
        model = models.resnet18(pretrained=False)
    assert torch.equal(model.fc.weight, expected)


# ---- the list

def test_list_of_models():
    assert models.list_models(include="*resnet50*") == ["resnet50", "wide_resnet50_2"]
    assert models.list_models(models, include=["resnet*"], exclude="*1*") == ["resnet34", "resnet50"]
    with pytest.raises(ValueError, match="Unknown model resnet51"):
        models.get_model("resnet51")
    with pytest.raises(ValueError, match="already registered under the name 'resnet18'"):
        models._api.register_model("resnet18")(None)
    with pytest.raises(ValueError, match="Invalid weight name provided: 'ResNet50'"):
        models.get_weight("ResNet50")
    with pytest.raises(ValueError, match="'ResNet9_Weights' for the specific method couldn't be retrieved"):
        models.get_weight("ResNet9_Weights.DEFAULT")
    with pytest.raises(AttributeError, match="nearest name is pycnn.vision.models.resnet50"):
        models.resnet60


def test_wrong_parameters():
    block = models.resnet.BasicBlock
    with pytest.raises(ValueError, match="BasicBlock only supports groups=1 and base_width=64"):
        block(8, 8, groups=2)
    with pytest.raises(NotImplementedError, match="Dilation > 1 not supported in BasicBlock"):
        block(8, 8, dilation=2)
    with pytest.raises(ValueError, match="replace_stride_with_dilation should be None or a 3-element tuple"):
        models.ResNet(block, [1, 1, 1, 1], replace_stride_with_dilation=[True])


def test_vision_is_loaded_only_when_used():
    code = "import sys, pycnn; assert 'pycnn.vision' not in sys.modules; pycnn.vision.models.resnet18"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)


# ---- a frozen body

def test_a_frozen_body_records_nothing(small):
    for p in small.parameters():
        p.requires_grad = False
    small.fc = nn.Linear(small.fc.in_features, 3)
    seen = {}
    for name, module in small.named_modules():
        module.register_forward_hook(lambda m, args, out, name=name: seen.update({name: out.grad_fn}))
    loss = small(torch.rand(2, 3, 32, 32)).sum()
    assert {name for name, node in seen.items() if node is not None} == {"", "fc"}
    loss.backward()
    assert [n for n, p in small.named_parameters() if p.grad is not None] == ["fc.weight", "fc.bias"]


def test_a_frozen_body_keeps_no_activation(small, live_blocks):
    for p in small.parameters():
        p.requires_grad = False
    small.fc = nn.Linear(small.fc.in_features, 3)
    x = torch.rand(2, 3, 64, 64)
    small(x)
    before = torch._C._alloc_stats()["live_bytes"]
    out = small(x)
    kept = torch._C._alloc_stats()["live_bytes"] - before
    assert kept < 3 * 2 * 512 * 4, f"{kept} bytes live after the forward pass: fc keeps its input, [2, 512], alone"
    del out
