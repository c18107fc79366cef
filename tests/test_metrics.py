"""Figures of a classifier against scikit-learn's."""

import math
import re
import warnings

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

import pycnn
from pycnn import metrics

RNG = np.random.default_rng(4)
TRUE, PRED = RNG.integers(0, 10, 500), RNG.integers(0, 10, 500)
NAMES = np.array(["cat", "dog", "frog", "horse"])
CASES = {
    "ten classes": (TRUE, PRED),
    "classes that are never right": ([0, 1, 2, 2, 5], [1, 0, 3, 3, 3]),
    "negative and far apart": ([-3, 7, 10**12, 7], [7, 7, 10**12, -3]),
    "names": (NAMES[TRUE % 4], NAMES[PRED % 3]),
    "names in a list": (["b", "a", "b"], ["b", "b", "a"]),
    "two classes": (TRUE % 2, PRED % 2),
    "bools": (TRUE > 4, PRED > 4),
    "bytes": (TRUE.astype(np.uint8), PRED.astype(np.int32)),
    "whole floats": (TRUE.astype(np.float32), PRED),
    "one image": ([3], [4]),
}
each_case = pytest.mark.parametrize("y_true, y_pred", CASES.values(), ids=CASES)


def same(ours, theirs):
    """Equal values and shapes, NaN included; the last bit of a mean is free."""
    assert (ours is None) == (theirs is None)
    if ours is not None:
        assert np.shape(ours) == np.shape(theirs)
        np.testing.assert_allclose(ours, theirs, rtol=1e-14, atol=0)


def both(name, *args, **kwargs):
    """The function of both libraries: results, and first warnings if there are any."""
    results = []
    for module in (metrics, sklearn_metrics):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            value = getattr(module, name)(*args, **kwargs)
        results.append((value, [str(w.message) for w in caught]))
    return results


@each_case
@pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
def test_confusion_matrix(y_true, y_pred, normalize):
    ours = metrics.confusion_matrix(y_true, y_pred, normalize=normalize)
    theirs = sklearn_metrics.confusion_matrix(y_true, y_pred, normalize=normalize)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("labels", [[3, 1], [0, 99, 2], list(range(10)), np.arange(20), [9]])
@pytest.mark.filterwarnings("ignore:A single label")
def test_labels_choose_and_order(labels):
    np.testing.assert_array_equal(metrics.confusion_matrix(TRUE, PRED, labels=labels),
                                  sklearn_metrics.confusion_matrix(TRUE, PRED, labels=labels))
    for average in (None, "micro", "macro", "weighted"):
        (ours, w), (theirs, v) = both("precision_recall_fscore_support", TRUE, PRED, labels=labels, average=average)
        assert w == v
        for a, b in zip(ours, theirs):
            same(a, b)


def test_whatever_holds_classes_is_taken():
    want = sklearn_metrics.confusion_matrix(TRUE, PRED)
    pairs = [(pycnn.from_numpy(TRUE), pycnn.from_numpy(PRED)), (TRUE.tolist(), pycnn.from_numpy(PRED)),
             (list(pycnn.from_numpy(TRUE)), tuple(PRED)), (np.repeat(TRUE, 2)[::2], PRED[::-1][::-1])]
    for y_true, y_pred in pairs:
        assert np.array_equal(metrics.confusion_matrix(y_true, y_pred), want)
    scores = np.eye(10, dtype=np.float32)[PRED]
    assert np.array_equal(metrics.confusion_matrix(TRUE, pycnn.from_numpy(scores).argmax(1)), want)


def test_num_classes():
    np.testing.assert_array_equal(metrics.confusion_matrix([0, 1, 1], [1, 1, 1], num_classes=4),
                                  sklearn_metrics.confusion_matrix([0, 1, 1], [1, 1, 1], labels=range(4)))
    assert metrics.confusion_matrix([], [], num_classes=3).tolist() == [[0] * 3] * 3
    assert metrics.confusion_matrix([], []).shape == (0, 0)
    for y in (4, -1):
        with pytest.raises(ValueError, match=rf"y_pred\[1\] is class {y}, but with 4 classes only 0 to 3 exist"):
            metrics.confusion_matrix([0, 1], [0, y], num_classes=4)


@each_case
@pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
@pytest.mark.parametrize("zero_division", ["warn", 0, 1.0, math.nan])
def test_precision_recall_f1(y_true, y_pred, average, zero_division):
    options = {"average": average, "zero_division": zero_division}
    (ours, w), (theirs, v) = both("precision_recall_fscore_support", y_true, y_pred, **options)
    assert w == v
    for a, b in zip(ours, theirs):
        same(a, b)
    for name in ("precision_score", "recall_score", "f1_score"):
        (a, w), (b, v) = both(name, y_true, y_pred, **options)
        assert w == v
        same(a, b)
    same(*(r[0][2] for r in both("precision_recall_fscore_support", y_true, y_pred, beta=2, **options)))


def test_binary():
    for options in ({}, {"pos_label": 0}):
        for name in ("precision_score", "recall_score", "f1_score"):
            same(*(r[0] for r in both(name, TRUE % 2, PRED % 2, **options)))
    for module in (metrics, sklearn_metrics):
        with pytest.raises(ValueError, match="Target is multiclass but average='binary'"):
            module.f1_score(TRUE, PRED)
        with pytest.raises(ValueError, match="pos_label=7 is not a valid label"):
            module.f1_score(TRUE % 2, PRED % 2, pos_label=7)


@each_case
def test_accuracy(y_true, y_pred):
    assert metrics.accuracy_score(y_true, y_pred) == sklearn_metrics.accuracy_score(y_true, y_pred)
    assert metrics.accuracy_score(y_true, y_pred, normalize=False) == \
        sklearn_metrics.accuracy_score(y_true, y_pred, normalize=False)


@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_top_k(k):
    few = RNG.integers(0, 3, (500, 10)).astype(np.float32)  # many ties
    for scores in (RNG.standard_normal((500, 10)).astype(np.float32), few):
        want = sklearn_metrics.top_k_accuracy_score(TRUE, scores, k=k)
        assert metrics.top_k_accuracy_score(pycnn.from_numpy(TRUE), pycnn.from_numpy(scores), k=k) == want
        assert metrics.top_k_accuracy_score(TRUE, scores.tolist(), k=k, normalize=False) == round(want * 500)
    assert metrics.top_k_accuracy_score([0, 1], [[math.nan, 1], [0, 1]], k=2) == 0.5


@each_case
def test_report(y_true, y_pred):
    for options in ({}, {"digits": 4}, {"zero_division": 1}):
        (ours, w), (theirs, v) = both("classification_report", y_true, y_pred, **options)
        # Where no image is right, scikit-learn prints counts as floats.
        assert ours == re.sub(r"(\d+)\.0\n", r"  \1\n", theirs)
        assert w == v
    (ours, _), (theirs, _) = both("classification_report", y_true, y_pred, output_dict=True)
    assert ours.keys() == theirs.keys()
    for name in ours:
        same(*([*r[name].values()] if isinstance(r[name], dict) else r[name] for r in (ours, theirs)))


@each_case
@pytest.mark.parametrize("kind", [float, int, bool])
@pytest.mark.filterwarnings("ignore:A single label was found")
def test_weights(y_true, y_pred, kind):
    weights = np.random.default_rng(6).integers(1, 9, len(y_true)).astype(kind) * kind(1.25)
    chosen = list(np.unique(np.asarray(y_true)))[::-1][:3]
    for labels in (None, chosen):
        for normalize in (None, "true", "all"):
            ours, theirs = (
                m.confusion_matrix(y_true, y_pred, labels=labels, sample_weight=weights, normalize=normalize)
                for m in (metrics, sklearn_metrics))
            assert ours.dtype == theirs.dtype
            same(ours, theirs)
        for average in (None, "micro", "macro", "weighted"):
            ours, theirs = (m.precision_recall_fscore_support(
                y_true, y_pred, labels=labels, sample_weight=weights, average=average, zero_division=1)
                for m in (metrics, sklearn_metrics))
            for a, b in zip(ours, theirs):
                same(a, b)
        for name in ("precision_score", "recall_score", "f1_score"):
            same(*(getattr(m, name)(y_true, y_pred, labels=labels, average="macro", sample_weight=weights,
                                    zero_division=0) for m in (metrics, sklearn_metrics)))
        ours, theirs = (m.classification_report(y_true, y_pred, labels=labels, sample_weight=weights, output_dict=True,
                                                zero_division=0) for m in (metrics, sklearn_metrics))
        assert ours.keys() == theirs.keys() and ours["macro avg"] == pytest.approx(theirs["macro avg"], rel=1e-14)
    for normalize in (True, False):
        same(*(m.accuracy_score(y_true, y_pred, sample_weight=weights, normalize=normalize)
               for m in (metrics, sklearn_metrics)))


@pytest.mark.parametrize("normalize", [True, False])
def test_top_k_of_weighted_images(normalize):
    rng = np.random.default_rng(0)
    scores, weights = rng.random((500, 10)), rng.random(500)
    same(*(m.top_k_accuracy_score(TRUE, scores, k=3, normalize=normalize, sample_weight=weights)
           for m in (metrics, sklearn_metrics)))


def test_wrong_weights():
    for weights, words in (([1, 2], r"inconsistent numbers of samples: \[3, 3, 2\]"),
                           ([[1], [2], [3]], "one number for each")):
        with pytest.raises(ValueError, match=words):
            metrics.confusion_matrix([0, 1, 2], [0, 1, 2], sample_weight=weights)


def test_report_of_chosen_classes():
    for options in ({"labels": range(3), "target_names": ["a", "b", "a long name of a class"]},
                    {"labels": range(10), "target_names": [f"class {k}" for k in range(10)]}):
        (ours, _), (theirs, _) = both("classification_report", TRUE, PRED, **options)
        assert ours == theirs
    for module in (metrics, sklearn_metrics):
        with pytest.raises(ValueError, match="Number of classes, 10, does not match size of target_names, 2"):
            module.classification_report(TRUE, PRED, target_names=["a", "b"])


@pytest.mark.parametrize("call, words", [
    (lambda: metrics.confusion_matrix([0, 1], [0]), r"inconsistent numbers of samples: \[2, 1\]"),
    (lambda: metrics.confusion_matrix([0, 1], np.zeros((2, 3))),
     r"got the shape \[2, 3\]. Of scores take y_pred.argmax\(1\)"),
    (lambda: metrics.confusion_matrix([0, 1], [0.5, 1]), "y_pred holds continuous numbers"),
    (lambda: metrics.confusion_matrix([0.0, math.nan], [0, 1]), "y_true holds continuous numbers"),
    (lambda: metrics.confusion_matrix([0, 1], ["a", "b"]), "Mix of label input types"),
    (lambda: metrics.confusion_matrix([0, 1], [0, 1j]), "holds complex128"),
    (lambda: metrics.confusion_matrix([0], [0], normalize="rows"), "normalize should be"),
    (lambda: metrics.confusion_matrix([0], [0], labels=[]), "at least one label"),
    (lambda: metrics.confusion_matrix([0], [0], labels=[5]), "At least one label specified must be in y_true"),
    (lambda: metrics.confusion_matrix([0], [0], labels=[0], num_classes=1), "either labels or num_classes"),
    (lambda: metrics.confusion_matrix(["a"], ["a"], num_classes=1), "give labels"),
    (lambda: metrics.confusion_matrix([0], [0], num_classes=2**40), "tensor|size|overflow"),
    (lambda: metrics.accuracy_score([], []), "y_true is empty"),
    (lambda: metrics.top_k_accuracy_score([], np.zeros((0, 3))), "y_true is empty"),
    (lambda: metrics.top_k_accuracy_score([0], [1.0]), "scores have two dimensions"),
    (lambda: metrics.top_k_accuracy_score([0, 1], [[1.0, 2]]), "scores of 1 images need as many integer labels"),
    (lambda: metrics.top_k_accuracy_score([2], [[1.0, 2]]), r"y_true\[0\] is class 2, but with 2 classes"),
    (lambda: metrics.top_k_accuracy_score([0], [[1.0, 2]], k=0), "k should be at least 1"),
    (lambda: metrics.f1_score([0], [0], average="mean"), "average has to be one of"),
    (lambda: metrics.f1_score([0], [0], zero_division=3), "zero_division should be"),
])
def test_mistakes_are_explained(call, words):
    with pytest.raises((ValueError, RuntimeError, MemoryError), match=words):
        call()
