"""Figures of a classifier, with scikit-learn's names, arguments and numbers; the counting is C's.

Classes are given as Tensors, arrays or lists of integers or names, one for each image.
"""

import warnings

import numpy as np

from pycnn import _C

__all__ = ["accuracy_score", "classification_report", "confusion_matrix", "f1_score", "precision_recall_fscore_support",
           "precision_score", "recall_score", "top_k_accuracy_score"]


class UndefinedMetricWarning(UserWarning):
    """A figure is a quotient by zero."""


# ---- classes as indices -------------------------------------------------------------------------------------------


def _classes(values, name):
    """The classes as an array of one dimension."""
    array = np.asarray(values)
    if array.ndim != 1:
        hint = f" Of scores take {name}.argmax(1)." if array.ndim == 2 else ""
        raise ValueError(f"{name} should be one class for each image, got the shape {list(array.shape)}.{hint}")
    if array.dtype.kind == "f" and not (np.array_equal(array, np.trunc(array)) and np.isfinite(array).all()):
        raise ValueError(f"{name} holds continuous numbers; classes are integers or names")
    if array.dtype.kind == "O":
        array = array.astype(str)
    if array.dtype.kind not in "biufUS":
        raise ValueError(f"{name} holds {array.dtype}; classes are integers or names")
    return array


def _pair(y_true, y_pred):
    """Both as arrays of one length and kind."""
    y_true, y_pred = _classes(y_true, "y_true"), _classes(y_pred, "y_pred")
    if len(y_true) != len(y_pred):
        raise ValueError("Found input variables with inconsistent numbers of samples: "
                         f"[{len(y_true)}, {len(y_pred)}]")
    if len(y_true) and (y_true.dtype.kind in "US") != (y_pred.dtype.kind in "US"):
        raise ValueError("Mix of label input types: y_true and y_pred should both hold integers or both names, got "
                         f"{y_true.dtype} and {y_pred.dtype}")
    return y_true, y_pred


def _occurring(y_true, y_pred):
    """The classes that occur, in order."""
    return np.unique(np.concatenate([np.unique(y_true), np.unique(y_pred)]))


def _places(values, labels):
    """Where in `labels` each value stands; -1: nowhere."""
    order = np.argsort(labels, kind="stable")
    at = order[np.minimum(np.searchsorted(labels, values, sorter=order), len(labels) - 1)]
    return np.where(labels[at] == values, at, -1)


def _weights(values, n):
    """One number for each of `n` images; None for None."""
    if values is None:
        return None
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"sample_weight should be one number for each image, got the shape {list(array.shape)}")
    if len(array) != n:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: [{n}, {n}, {len(array)}]")
    return array if array.dtype.kind in "biu" else array.astype(np.float64)


def _count(rows, columns, size, weights=None):
    """The matrix of counts, or of sums of weights, by C."""
    rows, columns = (_C.from_numpy(np.array(a, np.int64)) for a in (rows, columns))
    if weights is None:
        return _C.fn._confusion(rows, columns, size).numpy()
    sums = _C.fn._confusion(rows, columns, size, _C.from_numpy(np.array(weights, np.float64))).numpy()
    return sums if weights.dtype.kind == "f" else sums.astype(np.int64)


def _share(right, normalize, weights):
    """The weighted share of the images that are right, or their weighted number."""
    if not normalize:
        return float(right.sum() if weights is None else np.dot(right, weights))
    if len(right) == 0:
        raise ValueError("y_true is empty: there is no accuracy of no images")
    return float(np.average(right, weights=weights))


# ---- the matrix ---------------------------------------------------------------------------------------------------


def confusion_matrix(y_true, y_pred, *, labels=None, sample_weight=None, num_classes=None, normalize=None):
    """Count how often an image of class i was taken for class j.

    Parameters
    ----------
    y_true, y_pred : Tensor, array or list [n] of integers or names
        The right and the predicted classes.
    labels : list, optional
        Classes of the rows and columns, in this order; images of others are left out. Default: those that occur,
        sorted.
    sample_weight : Tensor, array or list [n] of numbers, optional
        What each image counts for. Default: one.
    num_classes : int, optional
        Instead of `labels`: the classes are 0, 1, ..., `num_classes` - 1, whether they occur or not.
    normalize : {None, "true", "pred", "all"}
        Shares of a row, a column or all instead of counts.

    Returns
    -------
    ndarray [classes, classes] of int64, float64 if normalized or weighted by floats
        Rows are right classes, columns predicted ones.

    Raises
    ------
    ValueError
        If the lengths differ, a class lies outside of `num_classes`, or the inputs are scores instead of classes.

    See Also
    --------
    sklearn.metrics.confusion_matrix : the same numbers; `num_classes` is ours.

    Examples
    --------
    >>> confusion_matrix([0, 1, 2, 2], [0, 2, 2, 2])
    array([[1, 0, 0],
           [0, 0, 1],
           [0, 0, 2]])
    """
    if normalize not in (None, "true", "pred", "all"):
        raise ValueError(f"normalize should be None, 'true', 'pred' or 'all', got {normalize!r}")
    y_true, y_pred = _pair(y_true, y_pred)
    weights = _weights(sample_weight, len(y_true))
    if num_classes is not None:
        if labels is not None:
            raise ValueError("give either labels or num_classes")
        if len(y_true) and y_true.dtype.kind in "US":
            raise ValueError(f"num_classes counts integers, but the classes are names as {str(y_true[0])!r}: give "
                             "labels")
        matrix = _count(y_true, y_pred, int(num_classes), weights)
    else:
        if labels is None:
            labels = _occurring(y_true, y_pred)
        else:
            labels = np.asarray(labels)
            if labels.size == 0:
                raise ValueError("'labels' should contain at least one label.")
            if len(y_true) and not np.isin(labels, y_true).any():
                raise ValueError("At least one label specified must be in y_true")
        rows, columns = (_places(y, labels) if len(y) else y for y in (y_true, y_pred))
        known = (rows >= 0) & (columns >= 0)
        matrix = _count(rows[known], columns[known], len(labels), None if weights is None else weights[known])
    if normalize is None:
        return matrix
    total = matrix.sum(axis={"true": 1, "pred": 0, "all": None}[normalize], keepdims=True)
    return matrix / np.where(total == 0, 1, total)


# ---- accuracy -----------------------------------------------------------------------------------------------------


def accuracy_score(y_true, y_pred, *, normalize=True, sample_weight=None):
    """Return the share of images whose class was predicted.

    Parameters
    ----------
    y_true, y_pred : Tensor, array or list [n] of integers or names
    normalize : bool, default True
        False: their number.
    sample_weight : Tensor, array or list [n] of numbers, optional
        What each image counts for. Default: one.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there are no images, the lengths differ or the inputs are no classes.

    Examples
    --------
    >>> accuracy_score([0, 1, 2, 2], [0, 2, 2, 2])
    0.75
    """
    y_true, y_pred = _pair(y_true, y_pred)
    return _share(y_true == y_pred, normalize, _weights(sample_weight, len(y_true)))


def top_k_accuracy_score(y_true, y_score, *, k=2, normalize=True, sample_weight=None):
    """Return the share of images whose class is among the `k` of the highest scores.

    Parameters
    ----------
    y_true : Tensor, array or list [n] of int
        Right classes: columns of `y_score`.
    y_score : Tensor or array [n, classes] of float
        Logits or probabilities. Of equal scores the later class counts as the higher; NaN is never right.
    k : int, default 2
    normalize : bool, default True
        False: their number.
    sample_weight : Tensor, array or list [n] of numbers, optional
        What each image counts for. Default: one.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there are no images, the lengths differ or `k` is less than 1.

    See Also
    --------
    sklearn.metrics.top_k_accuracy_score : the same numbers; there, two classes need scores of one dimension.
    """
    if k < 1:
        raise ValueError(f"k should be at least 1, got {k}")
    labels = _C.from_numpy(np.array(_classes(y_true, "y_true"), np.int64))
    scores = y_score if isinstance(y_score, _C.TensorBase) else _C.from_numpy(np.array(y_score))
    places = _C.fn._places(scores, labels)
    return _share(places.numpy() < k, normalize, _weights(sample_weight, len(labels)))


# ---- precision, recall, F ----------------------------------------------------------------------------------------

_AVERAGES = (None, "micro", "macro", "weighted", "binary")
_ALL = ("Precision", "Recall", "F-score")


def _divide(numerator, denominator, zero_division, name, what):
    """Quotients, `zero_division` where the denominator is zero; "warn" warns of the figure `name`, if there is one."""
    zero = denominator == 0
    if name and zero_division == "warn" and zero.any():
        where = "due to" if len(zero) == 1 else "in labels with"
        warnings.warn(f"{name} is ill-defined and being set to 0.0 {where} no {what} samples. Use `zero_division` "
                      "parameter to control this behavior.", UndefinedMetricWarning, stacklevel=6)
    value = 0.0 if zero_division == "warn" else float(zero_division)
    return np.where(zero, value, numerator / np.where(zero, 1, denominator))


def _mean(values, weights=None):
    """The mean of what is no NaN, as a float; weights that are all zero count as none."""
    defined = ~np.isnan(values)
    if not defined.any():
        return float("nan")
    weights = weights[defined] if weights is not None and weights[defined].any() else None
    return float(np.average(values[defined], weights=weights))


def _counts(y_true, y_pred, labels, occurring, weights):
    """Of each label: how many images were taken for it rightly, how many at all, how many there are."""
    every = np.union1d(labels, occurring)  # a wrong class counts for its column though its row is not asked for
    matrix = _count(_places(y_true, every), _places(y_pred, every), len(every), weights)
    chosen = _places(labels, every)
    return matrix.diagonal()[chosen], matrix.sum(0)[chosen], matrix.sum(1)[chosen]


def _figures(counts, average, zero_division, warn_for, beta=1.0):
    """(precision, recall, F, support); warnings for those of `warn_for` alone."""
    if zero_division != "warn" and not (zero_division in (0, 1) or np.isnan(zero_division)):
        raise ValueError(f"zero_division should be 'warn', 0, 1 or nan, got {zero_division!r}")
    right, predicted, support = (v.sum(keepdims=True) for v in counts) if average == "micro" else counts

    def divide(a, b, name, what):
        return _divide(a, b, zero_division, name if name in warn_for else None, what)
    precision = divide(right, predicted, "Precision", "predicted")
    recall = divide(right, support, "Recall", "true")
    f = divide((1 + beta**2) * right, beta**2 * support + predicted, "F-score", "true nor predicted")
    if average is None:
        return precision, recall, f, support
    weights = support if average == "weighted" else None
    return _mean(precision, weights), _mean(recall, weights), _mean(f, weights), None


def _scores(y_true, y_pred, labels, pos_label, average, sample_weight, zero_division, warn_for, beta=1.0):
    """The figures of two lists of classes."""
    if average not in _AVERAGES:
        raise ValueError(f"average has to be one of {_AVERAGES}, got {average!r}")
    y_true, y_pred = _pair(y_true, y_pred)
    occurring = _occurring(y_true, y_pred)
    if average == "binary":
        if len(occurring) > 2:
            raise ValueError("Target is multiclass but average='binary'. Please choose another average setting, one of "
                             "[None, 'micro', 'macro', 'weighted'].")
        if len(occurring) == 2 and pos_label not in occurring:
            raise ValueError(f"pos_label={pos_label} is not a valid label. It should be one of {occurring}")
        labels = [pos_label]
    labels = occurring if labels is None else np.asarray(labels)
    counts = _counts(y_true, y_pred, labels, occurring, _weights(sample_weight, len(y_true)))
    return _figures(counts, average, zero_division, warn_for, beta)


def precision_recall_fscore_support(y_true, y_pred, *, beta=1.0, labels=None, pos_label=1, average=None,
                                    sample_weight=None, zero_division="warn"):
    """Return precision, recall, F and the number of images, of each class or averaged.

    Of a class with tp images found, fp others taken for it and fn missed: precision is tp / (tp + fp), recall
    tp / (tp + fn), F their harmonic mean, in which recall weighs `beta` times.

    Parameters
    ----------
    y_true, y_pred : Tensor, array or list [n] of integers or names
    beta : float, default 1
    labels : list, optional
        The classes to report, in this order. Default: those that occur, sorted.
    pos_label : int or str, default 1
        The class that is meant with ``average="binary"``.
    average : {None, "binary", "micro", "macro", "weighted"}
        None: an array of each. "binary": of `pos_label` alone. "micro": of all images together. "macro": the mean over
        classes. "weighted": the mean weighted by the number of images.
    sample_weight : Tensor, array or list [n] of numbers, optional
        What each image counts for. Default: one.
    zero_division : {"warn", 0, 1, nan}
        Value of a quotient by zero; "warn": 0, with a warning; nan: left out of averages.

    Returns
    -------
    precision, recall, f : float, or ndarray [classes] of float64
    support : ndarray [classes] of int64, float64 if weighted by floats, or None where averaged

    Raises
    ------
    ValueError
        If there are more than two classes with ``average="binary"``, or the inputs are no classes.

    See Also
    --------
    sklearn.metrics.precision_recall_fscore_support : the same numbers.
    """
    return _scores(y_true, y_pred, labels, pos_label, average, sample_weight, zero_division, _ALL, beta)


def precision_score(y_true, y_pred, *, labels=None, pos_label=1, average="binary", sample_weight=None,
                    zero_division="warn"):
    """Return which share of the images that were taken for a class belong to it.

    Parameters
    ----------
    y_true : Tensor, array or list [n] of integers or names
        Right classes.
    y_pred : Tensor, array or list [n] of integers or names
        Predicted classes.
    labels : list, optional
        The classes to report, in this order.
    pos_label : int or str, default 1
        The class that is meant with ``average="binary"``.
    average : {None, "binary", "micro", "macro", "weighted"}, default "binary"
        As in :func:`precision_recall_fscore_support`; has to be given for more than two classes.
    sample_weight : Tensor, array or list [n] of numbers, optional
        What each image counts for. Default: one.
    zero_division : {"warn", 0, 1, nan}, default "warn"
        Value of a quotient by zero.

    Returns
    -------
    float, or ndarray [classes] of float64 with ``average=None``
    """
    return _scores(y_true, y_pred, labels, pos_label, average, sample_weight, zero_division, ("Precision",))[0]


def recall_score(y_true, y_pred, *, labels=None, pos_label=1, average="binary", sample_weight=None,
                 zero_division="warn"):
    """Return which share of the images of a class was found.

    Parameters
    ----------
    y_true : Tensor, array or list [n] of integers or names
        Right classes.
    y_pred : Tensor, array or list [n] of integers or names
        Predicted classes.
    labels : list, optional
        The classes to report, in this order.
    pos_label : int or str, default 1
        The class that is meant with ``average="binary"``.
    average : {None, "binary", "micro", "macro", "weighted"}, default "binary"
        As in :func:`precision_recall_fscore_support`; has to be given for more than two classes.
    sample_weight : Tensor, array or list [n] of numbers, optional
        What each image counts for. Default: one.
    zero_division : {"warn", 0, 1, nan}, default "warn"
        Value of a quotient by zero.

    Returns
    -------
    float, or ndarray [classes] of float64 with ``average=None``
    """
    return _scores(y_true, y_pred, labels, pos_label, average, sample_weight, zero_division, ("Recall",))[1]


def f1_score(y_true, y_pred, *, labels=None, pos_label=1, average="binary", sample_weight=None,
             zero_division="warn"):
    """Return the harmonic mean of precision and recall.

    Parameters
    ----------
    y_true : Tensor, array or list [n] of integers or names
        Right classes.
    y_pred : Tensor, array or list [n] of integers or names
        Predicted classes.
    labels : list, optional
        The classes to report, in this order.
    pos_label : int or str, default 1
        The class that is meant with ``average="binary"``.
    average : {None, "binary", "micro", "macro", "weighted"}, default "binary"
        As in :func:`precision_recall_fscore_support`; has to be given for more than two classes.
    sample_weight : Tensor, array or list [n] of numbers, optional
        What each image counts for. Default: one.
    zero_division : {"warn", 0, 1, nan}, default "warn"
        Value of a quotient by zero.

    Returns
    -------
    float, or ndarray [classes] of float64 with ``average=None``
    """
    return _scores(y_true, y_pred, labels, pos_label, average, sample_weight, zero_division, ("F-score",))[2]


# ---- report -------------------------------------------------------------------------------------------------------


def classification_report(y_true, y_pred, *, labels=None, target_names=None, sample_weight=None, digits=2,
                          output_dict=False, zero_division="warn"):
    """Return a table of precision, recall, F1 and number of images of each class, with their averages.

    Parameters
    ----------
    y_true, y_pred : Tensor, array or list [n] of integers or names
    labels : list, optional
        The classes to report, in this order. Default: those that occur, sorted.
    target_names : list of str, optional
        Their names: ``dataset.classes``, together with ``labels=range(len(dataset.classes))`` if some class may not
        occur.
    sample_weight : Tensor, array or list [n] of numbers, optional
        What each image counts for. Default: one.
    digits : int, default 2
    output_dict : bool, default False
        Return dicts of numbers instead of text.
    zero_division : {"warn", 0, 1, nan}
        As in :func:`precision_recall_fscore_support`.

    Returns
    -------
    str or dict

    Raises
    ------
    ValueError
        If there are more or fewer names than classes.

    See Also
    --------
    sklearn.metrics.classification_report : the same text.
    """
    y_true, y_pred = _pair(y_true, y_pred)
    occurring = _occurring(y_true, y_pred)
    labels = occurring if labels is None else np.asarray(labels)
    # The share of right images is one number only if no class that occurs is left out.
    micro = "accuracy" if np.isin(occurring, labels).all() else "micro avg"
    names = [str(label) for label in labels] if target_names is None else [str(name) for name in target_names]
    if len(names) != len(labels):
        raise ValueError(f"Number of classes, {len(labels)}, does not match size of target_names, {len(names)}. "
                         "Try specifying the labels parameter")
    counts = _counts(y_true, y_pred, labels, occurring, _weights(sample_weight, len(y_true)))
    each = _figures(counts, None, zero_division, _ALL)
    rows = {name: values for name, *values in zip(names, *each)}
    for average, name in (("micro", micro), ("macro", "macro avg"), ("weighted", "weighted avg")):
        rows[name] = [*_figures(counts, average, zero_division, _ALL)[:3], each[3].sum()]
    headers = ("precision", "recall", "f1-score", "support")
    if output_dict:
        report = {name: dict(zip(headers, map(float, values))) for name, values in rows.items()}
        if micro == "accuracy":
            report["accuracy"] = report["accuracy"]["precision"]
        return report
    width = max(*map(len, names), len("weighted avg"), digits)
    lines = [f"{'':>{width}} " + "".join(f" {h:>9}" for h in headers), ""]
    for name, (*values, support) in rows.items():
        if name == micro:
            lines.append("")
        figures = ["", "", f"{values[2]:.{digits}f}"] if name == "accuracy" else [f"{v:.{digits}f}" for v in values]
        lines.append(f"{name:>{width}} " + "".join(f" {text:>9}" for text in figures) + f" {support:>9}")
    return "\n".join(lines) + "\n"
