"""Names: those of torch that are missing say so and name the nearest; submodules come with the package."""

import importlib
import subprocess
import sys
from functools import reduce
from pathlib import Path

import pytest

import pycnn


@pytest.mark.parametrize("name, nearest", [
    ("maximun", "pycnn.maximum"), ("nn.Conv4d", "pycnn.nn.Conv2d"), ("optim.Adan", "pycnn.optim.Adam"),
    ("nn.functional.rellu", "pycnn.nn.functional.relu"), ("utils.data.DataLoadr", "pycnn.utils.data.DataLoader"),
    ("vision.transforms.RandomHorizontlFlip", "pycnn.vision.transforms.RandomHorizontalFlip"),
    ("vision.datasets.CIFAR11", "pycnn.vision.datasets.CIFAR10"), ("cuda.is_avaliable", "pycnn.cuda.is_available"),
    ("nn.init.kaiming_normal_x", "pycnn.nn.init.kaiming_normal_"), ("backends.cudn", "pycnn.backends.cudnn"),
    ("amp.GradScaller", "pycnn.amp.GradScaler"), ("distributed.get_rnk", "pycnn.distributed.get_rank")])
def test_a_missing_name_names_the_nearest(name, nearest):
    with pytest.raises(AttributeError, match=f"pycnn has no .*{name.rpartition('.')[2]}.*nearest name is {nearest}"):
        obj = pycnn
        for part in name.split("."):
            obj = getattr(obj, part)


NAMES = (Path(__file__).parent / "golden" / "names.txt").read_text().split()
MODULES = ["amp", "autograd", "backends.cudnn", "cuda.amp", "distributed", "distributions", "linalg",
           "multiprocessing", "nn.functional", "nn.init", "nn.parallel", "nn.utils.parametrizations",
           "nn.utils.parametrize", "nn.utils.prune", "optim.lr_scheduler", "optim.swa_utils", "utils.data.dataloader",
           "utils.data.dataset", "utils.data.distributed", "utils.data.sampler", "version", "vision.datasets.folder",
           "vision.datasets.mnist", "vision.models", "vision.models.feature_extraction", "vision.ops",
           "vision.transforms.functional", "vision.transforms.v2", "vision.transforms.v2.functional",
           "vision.tv_tensors"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_scripts_use_exists(name):
    reduce(getattr, name.split("."), pycnn)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_that_scripts_import_exists(name):
    importlib.import_module(f"pycnn.{name}")


def test_submodules_come_with_the_package():
    code = ("import pycnn as torch; torch.nn.Linear, torch.optim.lr_scheduler.StepLR, torch.utils.data.DataLoader, "
            "torch.autograd.grad, torch.cuda.is_available, torch.vision.transforms.Compose, torch.save, "
            "torch.Generator")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_default_dtype():
    assert pycnn.get_default_dtype() is pycnn.float32
    try:
        pycnn.set_default_dtype(pycnn.float64)
        assert pycnn.tensor(1.0).dtype is pycnn.zeros(2).dtype is pycnn.nn.Linear(1, 1).weight.dtype is pycnn.float64
    finally:
        pycnn.set_default_dtype(pycnn.float32)
    with pytest.raises(NotImplementedError, match="float16"):
        pycnn.set_default_dtype(pycnn.float16)
    with pytest.raises(TypeError):
        pycnn.set_default_dtype(pycnn.int64)


def test_a_layer_is_named_in_the_notes_of_its_error():
    model = pycnn.nn.Sequential(pycnn.nn.Flatten(), pycnn.nn.Linear(10, 2))
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied") as error:
        model(pycnn.zeros(2, 12))
    assert error.value.__notes__ == ["in module '1': Linear(in_features=10, out_features=2, bias=True)"]


def test_devices():
    assert str(pycnn.device("cuda:0")) == "cuda:0" and not pycnn.cuda.is_available()
    with pytest.raises(AssertionError, match="not compiled with CUDA"):
        pycnn.zeros(2).cuda()
    with pytest.raises(AssertionError, match="not compiled with CUDA"):
        pycnn.zeros(2, device="cuda")
    with pytest.raises(RuntimeError, match="not available"):
        pycnn.nn.Linear(1, 1).to("mps")
