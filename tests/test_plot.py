"""Pictures: what is written in them, whether it can be read on white and on black, and the way without pycnn.plot."""

import subprocess
import sys

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_rgb
from PIL import Image
from sklearn import metrics as sklearn_metrics

import pycnn
from pycnn import metrics, plot
from pycnn.vision.datasets import CIFAR10Sample

RNG = np.random.default_rng(0)
TRUE, PRED = RNG.integers(0, 10, 300), RNG.integers(0, 10, 300)
PRED[:200] = TRUE[:200]
MATRIX = metrics.confusion_matrix(TRUE, PRED)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def luminance(color):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    """Of two colours, as WCAG 2 defines it: 4.5 is good for text, 3 for large parts."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def rendered(ax, tmp_path):
    """The figure as an RGBA array."""
    ax.figure.savefig(tmp_path / "x.png", dpi=50)
    return np.asarray(Image.open(tmp_path / "x.png").convert("RGBA"))


def cells(ax):
    return {(round(t.get_position()[1]), round(t.get_position()[0])): t for t in ax.texts}


@pytest.mark.parametrize("cmap", ["Blues", "viridis", "gray"])
def test_counts_are_in_the_cells_and_can_be_read(cmap):
    ax = plot.confusion_matrix(MATRIX, CIFAR10Sample.classes, cmap=cmap)
    shown = {k: int(t.get_text()) for k, t in cells(ax).items()}
    assert shown == {(i, j): MATRIX[i, j] for i in range(10) for j in range(10)}
    assert [t.get_text() for t in ax.get_yticklabels()] == [t.get_text() for t in ax.get_xticklabels()] \
           == CIFAR10Sample.classes
    picture = ax.images[0]
    for (i, j), text in cells(ax).items():
        assert contrast(text.get_color(), picture.cmap(picture.norm(MATRIX[i, j]))[:3]) > 4.4


def test_everything_can_be_read_on_white_and_on_black(tmp_path):
    matrix = plot.confusion_matrix(MATRIX)
    curves = plot.curves({"train_loss": [2, 1], "test_loss": [2, 1.5], "accuracy": [0.1, 0.2]})
    for ax in (matrix, *curves):
        texts = [*ax.get_xticklabels(), *ax.get_yticklabels(), ax.xaxis.label, ax.yaxis.label]
        texts += ax.get_legend().get_texts() if ax.get_legend() else []
        for part in texts:
            assert min(contrast(part.get_color(), "white"), contrast(part.get_color(), "black")) > 4.1
        pixels = rendered(ax, tmp_path)
        assert not pixels[[0, 0, -1, -1], [0, -1, 0, -1], 3].any(), "the background is not transparent"


def test_normalized():
    for normalize in ("true", "pred", "all"):
        want = sklearn_metrics.confusion_matrix(TRUE, PRED, normalize=normalize)
        for ax in (plot.confusion_matrix(MATRIX, normalize=normalize), plot.confusion_matrix(want)):
            assert {k: t.get_text() for k, t in cells(ax).items()} == {k: f"{v:.2f}" for k, v in np.ndenumerate(want)}


def test_an_axes_of_the_callers_own():
    figure, (left, right) = pyplot.subplots(1, 2)
    assert plot.confusion_matrix(pycnn.from_numpy(MATRIX), ax=left) is left
    assert len(left.texts) == 100 and figure.patch.get_alpha() is None
    axes = plot.curves({"loss": [2, 1], "accuracy": [0, 1]}, ax=right)
    assert axes.tolist() == [right] and len(right.lines) == 2
    assert pyplot.get_fignums() == [figure.number]


def test_many_classes(tmp_path):
    ax = plot.confusion_matrix(RNG.integers(0, 9, (130, 130)), [f"class {k}" for k in range(130)])
    assert not ax.texts and len(ax.figure.axes) == 2 and len(ax.get_xticklabels()) == 65
    texts = cells(plot.confusion_matrix(RNG.integers(10**7, 10**8, (3, 3))))
    assert all(t.get_fontsize() >= 8 for t in texts.values())


def test_curves():
    rows = [{"epoch": k, "train_loss": 2 / k, "loss": 1 / k, "accuracy": 1 - 1 / k, "seconds": 3.0} for k in (3, 4, 5)]
    losses, accuracies = plot.curves(rows)
    assert [line.get_label() for line in losses.lines] == ["train_loss", "loss"]
    assert accuracies.lines[0].get_xydata().tolist() == [[k, 1 - 1 / k] for k in (3, 4, 5)]
    (ax,) = plot.curves({"seconds": [pycnn.tensor(1.0), 2], "loss": [1, 2]}, names=["seconds"])
    assert ax.lines[0].get_ydata().tolist() == [1, 2] and ax.get_ylabel() == "seconds"
    losses, _ = plot.curves([{"loss": 1}, {"loss": 0.5, "accuracy": 0.5}])
    assert losses.lines[0].get_ydata().tolist() == [1, 0.5]


def test_images():
    data = CIFAR10Sample(train=False)
    floats = pycnn.from_numpy(data.data[:9]).permute(0, 3, 1, 2) / 255
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    normalized = (floats - pycnn.tensor(mean).view(3, 1, 1)) / pycnn.tensor(std).view(3, 1, 1)
    for axes in (plot.images(floats), plot.images(normalized, mean=mean, std=std), plot.images(data.data[:9]),
                 plot.images([data[k][0] for k in range(9)]), plot.images(list(floats))):
        assert len(axes) == 9
        for ax, image in zip(axes, data.data):
            np.testing.assert_array_equal(ax.images[0].get_array(), image)
    assert len(plot.images(floats[0].requires_grad_())) == 1
    mask = plot.images(np.eye(8, dtype=bool)[None, None])[0].images[0].get_array()
    np.testing.assert_array_equal(mask, np.eye(8, dtype=np.uint8) * 255)
    assert plot.images(floats[:, :1])[0].images[0].get_array().shape == (32, 32)
    spread = plot.images(normalized)
    assert min(ax.images[0].get_array().min() for ax in spread) == 0
    assert max(ax.images[0].get_array().max() for ax in spread) == 255


def test_titles_of_images():
    batch = np.zeros((3, 3, 8, 8), np.float32)
    axes = plot.images(batch, pycnn.tensor([0, 1, 1]), ["cat", "dog"], predictions=pycnn.tensor([0, 1, 0]))
    assert [ax.get_title() for ax in axes] == ["cat", "dog", "dog\n\u2192 cat"]
    assert len({ax.title.get_color() for ax in axes}) == 2
    assert [ax.get_title() for ax in plot.images(batch, ["x", "y", "z"])] == ["x", "y", "z"]
    assert [ax.get_title() for ax in plot.images(batch, predictions=[1, 0, 1], classes=["a", "b"])] == ["b", "a", "b"]


@pytest.mark.parametrize("call, words", [
    (lambda: plot.confusion_matrix(np.zeros((2, 3))), r"square, got the shape \[2, 3\]"),
    (lambda: plot.confusion_matrix(MATRIX, ["a"]), "10 classes, but 1 names"),
    (lambda: plot.confusion_matrix(MATRIX, normalize="rows"), "normalize should be"),
    (lambda: plot.confusion_matrix([["a", "b"], ["c", "d"]]), "holds numbers"),
    (lambda: plot.images(np.zeros((2, 3, 8, 8)), [0]), "2 images, but 1 labels"),
    (lambda: plot.images(np.zeros((1, 3, 8, 8)), [2], ["a", "b"]), "there is a class 2, but only 2 names"),
    (lambda: plot.curves([]), "neither a loss nor an accuracy"),
    (lambda: plot.curves({"seconds": [1]}), "Give names="),
    (lambda: plot.curves({"loss": [1]}, names=["los"]), "nothing is known of los"),
    (lambda: plot.images(np.zeros((2, 5, 8, 8))), r"got the shape \[2, 5, 8, 8\]"),
    (lambda: plot.images([]), "got the shape"),
])
def test_mistakes_are_explained(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_matplotlib_is_imported_only_when_drawing(monkeypatch):
    code = "import sys, pycnn; pycnn.plot, pycnn.metrics; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install pycnn\[plot\]"):
        plot.confusion_matrix(MATRIX)


def test_the_way_without_pycnn_plot(tmp_path):
    """scikit-learn and pyplot take Tensors as they take torch's."""
    labels, predicted = pycnn.from_numpy(TRUE), pycnn.from_numpy(PRED)
    cm = sklearn_metrics.confusion_matrix(labels, predicted)
    np.testing.assert_array_equal(cm, MATRIX)
    assert sklearn_metrics.accuracy_score(labels, predicted) == metrics.accuracy_score(labels, predicted)
    figure, axes = pyplot.subplots(2, 3)
    axes[0, 0].imshow(cm, interpolation="nearest", cmap=pyplot.cm.Blues)
    axes[0, 1].imshow(pycnn.from_numpy(MATRIX))
    image = pycnn.rand(3, 8, 8)
    axes[1, 0].imshow(image.permute(1, 2, 0))
    np.testing.assert_array_equal(axes[1, 0].images[0].get_array(), image.numpy().transpose(1, 2, 0))
    axes[1, 1].plot(pycnn.arange(3), pycnn.rand(3))
    axes[1, 2].bar(["a", "b"], pycnn.rand(2))
    sklearn_metrics.ConfusionMatrixDisplay.from_predictions(labels, predicted, ax=axes[0, 2])
    figure.savefig(tmp_path / "x.png")
