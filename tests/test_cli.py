"""The command line: what it writes, stopping and going on, mistakes."""

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics as sklearn_metrics

import pycnn
from pycnn import cli
from pycnn.cli import data as cli_data
from pycnn.cli import train as cli_train
from pycnn.cli.model import SimpleCNN, build
from pycnn.vision import transforms
from pycnn.vision.datasets import CIFAR10Sample

SMALL = ["--size", "16", "--batch-size", "32"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of 150 images in three classes, of several sizes."""
    root = tmp_path_factory.mktemp("photos")
    sample = CIFAR10Sample(train=False)
    for name in ("airplane", "cat", "ship"):
        (root / name).mkdir()
        for k in np.flatnonzero(np.array(sample.targets) == sample.class_to_idx[name])[:50]:
            Image.fromarray(sample.data[k]).resize((20 + int(k) % 5, 20)).save(root / name / f"{k}.png")
    return root


@pytest.fixture
def pictures():
    """Asked for by tests whose runs shall draw."""


@pytest.fixture(autouse=True)
def no_pictures(request, monkeypatch):
    """Other runs draw nothing: it would take longer than all the rest."""
    if "pictures" not in request.fixturenames:
        monkeypatch.setattr(cli_train, "_draw", lambda *facts: [])


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """MNIST's files with noise in them: 200 images to train with, 60 to test."""
    root = tmp_path_factory.mktemp("digits")
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, n in (("train", 200), ("t10k", 60)):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(np.array([0x803, n, 28, 28], ">i4").tobytes() +
                                                        rng.bytes(n * 784))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(np.array([0x801, n], ">i4").tobytes() +
                                                        bytes(range(10)) * (n // 10))
    return root


def run(*words):
    """Exit status of one command, run in this process."""
    return cli.main([str(w) for w in words])


def results(out):
    """All that a run has written but its times: weights by name, metrics."""
    facts = json.loads((out / "metrics.json").read_text())
    for row in facts["epochs"]:
        del row["seconds"], row["images_per_second"]
    states = [pycnn.load(out / "model.pth"), pycnn.load(out / "checkpoint.pth")["model"]]
    return facts, [{k: v.numpy().tobytes() for k, v in state.items()} for state in states]


# ---- train and predict --------------------------------------------------------------------------------------------


def test_train_and_predict(photos, tmp_path, capsys, pictures):
    out = tmp_path / "run"
    assert run("train", photos, "--epochs", 3, "--out", out, *SMALL) == 0
    assert {p.name for p in out.iterdir()} == {"model.pth", "model.pt", "metrics.json", "confusion.png", "curves.png",
                                                 "checkpoint.pth"}
    for name in ("confusion.png", "curves.png"):
        Image.open(out / name).verify()
    text = capsys.readouterr().out
    assert "3 classes: 120 images to train with, 30 others" in text and "epoch  3/3" in text and "macro avg" in text

    facts = json.loads((out / "metrics.json").read_text())
    assert [row["epoch"] for row in facts["epochs"]] == [1, 2, 3]
    assert facts["epochs"][2]["loss"] < facts["epochs"][0]["loss"]
    assert facts["classes"] == ["airplane", "cat", "ship"] and np.sum(facts["confusion_matrix"]) == 30
    assert facts["accuracy"] == facts["epochs"][2]["accuracy"] == np.trace(facts["confusion_matrix"]) / 30

    # As one would do it by hand: the same model, the same transform.
    model = SimpleCNN(3, 16)
    model.load_state_dict(pycnn.load(out / "model.pth"))
    model.eval()
    view = transforms.Compose([transforms.Resize(19), transforms.CenterCrop(16), transforms.ToTensor(),
                               transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
    data = cli_data.load(str(photos), None, "simple_cnn", 16, "none", None, 0)
    with pycnn.no_grad():
        predicted = [model(image[None]).argmax(1).item() for image, _ in data.test]
    labels = [label for _, label in data.test]
    assert facts["confusion_matrix"] == sklearn_metrics.confusion_matrix(labels, predicted).tolist()

    paths = sorted((photos / "cat").iterdir())[:3]
    assert run("predict", out, *paths, "--top", 2) == 0
    lines = capsys.readouterr().out.splitlines()
    for k, path in enumerate(paths):
        with pycnn.no_grad():
            p = model(view(Image.open(path))[None]).softmax(1)[0]
        best = np.argsort(-p.numpy())[:2]
        assert lines[3 * k] == str(path)
        assert lines[3 * k + 1:3 * k + 3] == [f"  {100 * p[j].item():5.1f} %  {facts['classes'][j]}" for j in best]


def test_predict_takes_images_of_any_kind(photos, tmp_path, capsys):
    out = tmp_path / "run"
    assert run("train", photos, "--epochs", 1, "--out", out, *SMALL) == 0
    capsys.readouterr()
    kinds = {"grey.png": "L", "palette.gif": "P", "alpha.png": "RGBA", "tall.jpg": "RGB", "cmyk.jpg": "CMYK",
             "deep.png": "I;16"}
    for name, mode in kinds.items():
        Image.new(mode, (90, 130)).save(tmp_path / name)
    (tmp_path / "text.png").write_text("no image")
    names = [tmp_path / name for name in [*kinds, "text.png", "missing.png"]]
    assert run("predict", out, *names, "--top", 99) == 1
    said = capsys.readouterr()
    assert len(re.findall(r"\.(?:png|gif|jpg)\n(?:  +[\d.]+ %  \w+\n){3}", said.out)) == len(kinds)
    assert "text.png cannot be read as an image" in said.err and "missing.png" in said.err


def test_of_sixteen_bits_the_upper_eight_are_taken(tmp_path):
    values = np.arange(0, 65536, 13, dtype=np.uint16)[:5000].reshape(50, 100)
    Image.fromarray(values).save(tmp_path / "deep.png")
    Image.fromarray(values.astype(np.float32)).save(tmp_path / "floats.tif")
    image = cli_data.open_image(tmp_path / "deep.png")
    assert image.mode == "RGB"
    for colour in image.split():
        np.testing.assert_array_equal(np.asarray(colour), values >> 8)
    with pytest.raises(OSError, match="32-bit numbers.*floats.tif"):
        cli_data.open_image(tmp_path / "floats.tif")


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unreadable_image_in_the_folder_is_named_in_one_line(workers, photos, tmp_path, capsys):
    root = tmp_path / "photos"
    shutil.copytree(photos, root)
    whole = next((root / "cat").iterdir()).read_bytes()
    (root / "cat" / "broken.png").write_bytes(whole[:len(whole) // 2])
    assert run("train", root, "--epochs", 1, "--workers", workers, "--out", tmp_path / "run", *SMALL) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(r"error: .*truncated \(.*broken.png\)\n", said), said


def test_a_folder_with_too_few_images(tmp_path, capsys):
    (tmp_path / "cat").mkdir()
    for k in range(4):
        Image.new("RGB", (32, 32)).save(tmp_path / "cat" / f"{k}.png")
    assert run("train", tmp_path) == 1
    assert capsys.readouterr().err == f"error: {tmp_path} holds too few images to test one in five: 4\n"


def test_only_the_last_layer_is_trained(photos, tmp_path, capsys):
    out = tmp_path / "run"
    assert run("train", photos, "--model", "resnet18", "--freeze", "--epochs", 1, "--out", out, *SMALL) == 0
    pycnn.manual_seed(0)
    start = pycnn.vision.models.resnet18(num_classes=3).state_dict()
    end = pycnn.load(out / "model.pth")
    changed = {name for name in start if start[name].numpy().tobytes() != end[name].numpy().tobytes()}
    assert {name for name in changed if "running" not in name and "num_batches" not in name} == {"fc.weight", "fc.bias"}


def test_pretrained_weights_from_a_file(photos, tmp_path):
    pycnn.manual_seed(5)
    body = pycnn.vision.models.resnet18()
    pycnn.save(body.state_dict(), tmp_path / "body.pth")
    out = tmp_path / "run"
    assert run("train", photos, "--model", "resnet18", "--pretrained", tmp_path / "body.pth", "--freeze", "--epochs", 1,
               "--out", out, *SMALL) == 0
    end = pycnn.load(out / "model.pth")
    assert end["fc.weight"].shape == (3, 512)
    assert end["layer4.1.conv2.weight"].numpy().tobytes() == body.layer4[1].conv2.weight.detach().numpy().tobytes()


@pytest.mark.parametrize("name, last", [("squeezenet1_1", "classifier.1"), ("mobilenet_v3_small", "classifier.3")])
def test_the_last_layer_of_any_family_is_made_anew(name, last, tmp_path):
    pycnn.save(pycnn.vision.models.get_model(name).state_dict(), tmp_path / "body.pth")
    model = build(name, 7, 64, str(tmp_path / "body.pth"), freeze=True)
    assert [n for n, p in model.named_parameters() if p.requires_grad] == [f"{last}.weight", f"{last}.bias"]
    assert model(pycnn.zeros(2, 3, 64, 64)).shape == (2, 7)


# ---- stopping and going on ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("options", [
    pytest.param([], id="simple_cnn"),
    pytest.param(["mnist", "--size", "28"], id="images in memory"),
    pytest.param(["--workers", "2", "--augment", "rand"], id="two workers", marks=pytest.mark.slow),
    pytest.param(["--model", "resnet18", "--freeze", "--augment", "trivial"], id="batch norm, frozen",
                 marks=pytest.mark.slow)])
def test_resumed_is_bit_for_bit_uninterrupted(photos, digits, tmp_path, options, monkeypatch, capsys):
    data = ["--root", digits] if "mnist" in options else [photos]
    command = ["train", *data, *SMALL, *options]
    assert run(*command, "--epochs", 2, "--out", tmp_path / "straight") == 0

    out = tmp_path / "longer"
    assert run(*command, "--epochs", 1, "--out", out) == 0
    assert run(*command, "--epochs", 2, "--out", out, "--resume", "--threads", 1) == 0
    assert results(out) == results(tmp_path / "straight")

    def interrupted(loader, text):
        for k, batch in enumerate(loader):
            if text == "epoch 2/2" and k == 2:
                signal.raise_signal(signal.SIGINT)
            yield batch
    out = tmp_path / "interrupted"
    with monkeypatch.context() as patch:
        patch.setattr(cli_train, "_progress", interrupted)
        assert run(*command, "--epochs", 2, "--out", out) == 130
    assert f"{out} keeps 1 of 2 epochs" in capsys.readouterr().err and not (out / "model.pth").exists()
    assert run(*command, "--epochs", 2, "--out", out, "--resume") == 0
    assert results(out) == results(tmp_path / "straight")


def test_ctrl_c_stops_without_a_traceback(photos, tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "pycnn", "train", str(photos), "--epochs", "100000", "--out", str(out), *SMALL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("epoch  2"):
                break
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said
    assert f"--out {out} --size 16 --batch-size 32 --resume" in said
    kept = int(re.search(r"keeps (\d+) of", said).group(1))
    assert len(pycnn.load(out / "checkpoint.pth")["history"]) == kept >= 1


def test_going_on_with_a_finished_run_writes_its_results(photos, tmp_path):
    out = tmp_path / "run"
    command = ["train", photos, "--epochs", 1, "--out", out, *SMALL]
    assert run(*command) == 0
    before = results(out)
    (out / "model.pth").unlink()
    assert run(*command, "--resume") == 0
    assert results(out) == before


# ---- data ---------------------------------------------------------------------------------------------------------


def test_cifar10_is_read_as_a_user_would(cifar10_root):
    data = cli_data.load("cifar10", str(cifar10_root), "simple_cnn", None, "standard", None, 0)
    assert repr(data.train.transform) == repr(transforms.Compose([
        transforms.RandomHorizontalFlip(p=0.5), transforms.RandomRotation(15),
        transforms.ColorJitter(brightness=0.2, contrast=0.2),
        transforms.ToTensor(), transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))]))
    assert repr(data.test.transform) == repr(transforms.Compose([
        transforms.ToTensor(), transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))]))
    assert data.train._pipeline() is not None and data.test._pipeline() is not None, "Python would read the images"
    assert data.classes == CIFAR10Sample.classes


@pytest.mark.parametrize("augment", ["none", "standard", "crop", "auto", "rand", "trivial"])
def test_every_augmentation(photos, augment):
    for name, size, want in (("sample", None, 32), ("sample", 48, 48), (str(photos), None, 32)):
        data = cli_data.load(name, None, "simple_cnn", size, augment, None, 0)
        for split in (data.train, data.test):
            image, _ = split[0]
            assert image.shape == (3, want, want) and image.dtype == pycnn.float32


def test_grey_images(digits, tmp_path, capsys):
    out = tmp_path / "run"
    assert run("train", "mnist", "--root", digits, "--epochs", 1, "--out", out) == 0
    Image.new("RGB", (50, 50), "red").save(tmp_path / "red.png")
    assert run("predict", out, tmp_path / "red.png") == 0
    data = cli_data.load("mnist", str(digits), "simple_cnn", None, "standard", None, 0)
    assert not any(isinstance(t, transforms.RandomHorizontalFlip) for t in data.train.transform.transforms)
    assert data.train[0][0].shape == (3, 28, 28) and data.train._pipeline() is not None
    assert run("train", "fashion_mnist", "--root", tmp_path) == 1
    assert "train-images-idx3-ubyte" in capsys.readouterr().err


def test_folders_of_their_own_for_training_and_testing(photos, tmp_path, capsys):
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        for name in ("cat", "ship"):
            os.symlink(photos / name, tmp_path / split / name)
    data = cli_data.load(str(tmp_path), None, "simple_cnn", None, "none", None, 0)
    assert (len(data.train), len(data.test), data.classes) == (100, 100, ["cat", "ship"])
    os.symlink(photos / "airplane", tmp_path / "val" / "airplane")
    assert run("train", tmp_path) == 1
    assert "hold different classes: airplane only in one" in capsys.readouterr().err


def test_the_split_follows_from_the_seed(photos):
    parts = [cli_data.load(str(photos), None, "simple_cnn", None, "none", None, seed) for seed in (0, 0, 1)]
    indices = [set(p.test.indices) for p in parts]
    assert indices[0] == indices[1] != indices[2]
    assert not indices[0] & set(parts[0].train.indices)


# ---- mistakes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words, said", [
    (["train", "nowhere"], "'nowhere' is neither a folder nor the name of a data set: cifar10, sample"),
    (["train", "."], "should hold a folder of images for each class.*Couldn't find any class folder"),
    (["train", "cifar10", "--root", "."], "cifar-10-batches-py.* put .*|Cannot download"),
    (["train", "sample", "--model", "resnet19"], "there is no model 'resnet19'. Models are simple_cnn, .*resnet50"),
    (["train", "sample", "--pretrained"], "simple_cnn has no published weights"),
    (["train", "sample", "--model", "resnet18", "--pretrained", "./none.pth"], "none.pth"),
    (["train", "sample", "--model", "resnet18", "--pretrained", "V9"],
     "^error: V9: weights may be .*IMAGENET1K_V1"),
    (["train", "sample", "--model", "resnet18", "--size", "64", "--pretrained"],
     "^error: .*Without a network, put the file of .* there by hand: .*resnet18-f37072fd.pth"),
    (["train", "sample", "--size", "3"], "at least 4 x 4"),
    (["train", "sample", "--model", "alexnet"], "alexnet cannot take images of 32 x 32 pixels .*: give --size"),
    (["train", "sample", "--resume", "--out", "."], "no run to go on with: checkpoint.pth is missing"),
    (["predict", "nowhere", "x.png"], "nowhere holds no finished run: .*metrics.json"),
])
def test_mistakes_are_explained(words, said, tmp_path, capsys, monkeypatch, offline):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYCNN_DATASET_MIRROR", f"file://{tmp_path}")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert run(*words) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and re.search(said, error), error


@pytest.mark.parametrize("words", [["train", "--epochs", "0"], ["train", "--augment", "much"],
                                   ["train", "--lr", "fast"], ["train", "--lr", "nan"], ["train", "--workers", "-1"],
                                   ["train", "--seed", str(2**64)], [], ["test"], ["predict", "run"]])
def test_wrong_options_print_the_usage(words, capsys):
    with pytest.raises(SystemExit) as status:
        run(*words)
    assert status.value.code == 2 and "usage: python -m pycnn" in capsys.readouterr().err


def test_a_checkpoint_of_another_run_is_refused(photos, tmp_path, capsys):
    out = tmp_path / "run"
    command = ["train", photos, "--epochs", 1, "--out", out, *SMALL]
    assert run(*command) == 0
    assert run(*command, "--lr", 0.5, "--seed", 3, "--resume") == 1
    assert "lr was 0.001, now 0.5; seed was 0, now 3" in capsys.readouterr().err
    pycnn.save({"epoch": 3}, out / "checkpoint.pth")
    assert run(*command, "--resume") == 1
    (out / "checkpoint.pth").write_bytes(b"PK\x03\x04 nonsense")
    assert run(*command, "--resume") == 1
    assert capsys.readouterr().err.count("checkpoint.pth is no checkpoint of this run") == 2
    (out / "metrics.json").write_text("{}")
    assert run("predict", out, "x.png") == 1
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:the loss is")
def test_a_loss_that_is_no_number_ends_the_run(photos, tmp_path, capsys):
    assert run("train", photos, "--lr", "1e30", "--epochs", 9, "--out", tmp_path / "run", *SMALL) == 1
    assert "A smaller --lr may help" in capsys.readouterr().err
    assert all(math.isfinite(row["loss"]) for row in pycnn.load(tmp_path / "run" / "checkpoint.pth")["history"])


def test_without_matplotlib_the_pictures_are_left_out(photos, tmp_path, capsys, monkeypatch, pictures):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run("train", photos, "--epochs", 1, "--out", tmp_path / "run", *SMALL) == 0
    assert "pip install pycnn[plot]" in capsys.readouterr().out
    assert not list((tmp_path / "run").glob("*.png")) and (tmp_path / "run" / "model.pth").exists()


def test_a_script_that_is_not_there(capsys):
    assert run("run", "nowhere.py") == 2
    assert capsys.readouterr().err == "error: there is no script nowhere.py\n"


def test_config(capsys):
    assert run("config") == 0
    assert pycnn.__version__ in capsys.readouterr().out
