"""Pictures of a classifier with matplotlib, which is imported when the first one is asked for: ``pip install
pycnn[plot]``.

Figures that are made here have no background, and a grey for text that can be read on white and on black. On an Axes
that is given, colours and background are the caller's.
"""

import numpy as np

__all__ = ["confusion_matrix", "curves", "images"]

_GREY = "#7b7b7b"  # contrast to white and to black: 4.2 and 4.9
_WRITTEN = 40  # so many classes: with more, counts in the cells cannot be read


def _subplots(*args, **kwargs):
    """A new figure, transparent, and its Axes, in grey."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError("pycnn.plot needs matplotlib, which is not installed: pip install pycnn[plot]") from None
    figure, axes = pyplot.subplots(*args, layout="constrained", **kwargs)
    figure.patch.set_alpha(0)
    for ax in np.ravel(axes):
        ax.patch.set_alpha(0)
        ax.tick_params(colors=_GREY)
        for part in (*ax.spines.values(), ax.title, ax.xaxis.label, ax.yaxis.label):
            part.set_color(_GREY)
    return figure, axes


def confusion_matrix(matrix, classes=None, ax=None, normalize=None, cmap="Blues"):
    """Draw a confusion matrix, the counts written in its cells.

    Parameters
    ----------
    matrix : array or Tensor [classes, classes]
        From :func:`pycnn.metrics.confusion_matrix` or scikit-learn's: counts, or shares.
    classes : list of str, optional
        Names of rows and columns. Default: 0, 1, ...
    ax : matplotlib Axes, optional
        Where to draw. Default: a new figure.
    normalize : {None, "true", "pred", "all"}
        Draw and write shares of a row, a column or all instead of counts.
    cmap : str or Colormap, default "Blues"

    Returns
    -------
    Axes
        ``ax.figure.savefig("confusion.png")`` writes it.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If the matrix is not square, or there are more or fewer names.

    Notes
    -----
    Beyond 40 classes cells are too small for numbers: a colour bar stands in their place.

    Examples
    --------
    >>> from pycnn import metrics
    >>> ax = confusion_matrix(metrics.confusion_matrix([0, 1, 1], [0, 1, 0]), ["cat", "dog"])
    >>> ax.figure.savefig("confusion.png")
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ValueError(f"a confusion matrix is square, got the shape {list(matrix.shape)}")
    if matrix.dtype.kind not in "biuf":
        raise ValueError(f"a confusion matrix holds numbers, got {matrix.dtype}")
    size = len(matrix)
    classes = [str(k) for k in (range(size) if classes is None else classes)]
    if len(classes) != size:
        raise ValueError(f"the matrix has {size} classes, but {len(classes)} names are given")
    if normalize not in (None, "true", "pred", "all"):
        raise ValueError(f"normalize should be None, 'true', 'pred' or 'all', got {normalize!r}")
    if normalize is not None:
        total = matrix.sum(axis={"true": 1, "pred": 0, "all": None}[normalize], keepdims=True)
        matrix = matrix / np.where(total == 0, 1, total)
    written = size <= _WRITTEN
    own = ax is None
    if own:
        side = min(max(2.5 + 0.45 * size, 4), 22) if written else 12
        _, ax = _subplots(figsize=(side, side))
    picture = ax.imshow(matrix, cmap=cmap, vmin=0)
    places = range(0, size, -(-size // 100))
    names = [classes[k] for k in places]
    tilt = 0 if max(map(len, names)) <= 3 and written else 45 if written else 90
    options = {"fontsize": 10 if written else 5}
    ax.set_yticks(places, names, **options)
    ax.set_xticks(places, names, rotation=tilt, ha="right" if tilt == 45 else "center",
                  rotation_mode="anchor" if tilt == 45 else "default", **options)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    if not written:
        bar = ax.figure.colorbar(picture, ax=ax, shrink=0.6)
        if own:
            bar.ax.tick_params(colors=_GREY)
            bar.outline.set_edgecolor(_GREY)
        return ax
    texts = [[_cell(v) for v in row] for row in matrix.tolist()]
    box = ax.get_window_extent()
    width = 72 * min(box.width, box.height) / ax.figure.dpi / size  # of a cell, in points
    options = {"ha": "center", "va": "center",
               "fontsize": min(10, 1.5 * width / (1 + max(len(t) for row in texts for t in row)))}
    for i in range(size):
        for j in range(size):
            red, green, blue, _ = picture.cmap(picture.norm(matrix[i, j]))
            light = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2  # luminance; seen as half-way at 0.18
            ax.text(j, i, texts[i][j], color="black" if light > 0.18 else "white", **options)
    return ax


def _cell(value):
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def curves(history, ax=None, names=None):
    """Draw what was noted for each epoch: losses, accuracies.

    Parameters
    ----------
    history : list of dict, or dict of list
        As ``metrics.json`` has it, ``[{"epoch": 1, "loss": 1.2, "accuracy": 0.5}, ...]``, or
        ``{"loss": [1.2, ...], "accuracy": [0.5, ...]}``. What an epoch has no value of is left out.
    ax : matplotlib Axes, optional
        Where to draw all of them. Default: a new figure with one Axes for each kind.
    names : list of str, optional
        Which ones. Default: those whose name ends in loss, accuracy or acc.

    Returns
    -------
    ndarray of Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If there is nothing to draw.
    """
    if not isinstance(history, dict):
        rows = list(history)
        history = {name: [row.get(name, float("nan")) for row in rows]
                   for name in dict.fromkeys(k for row in rows for k in row)}
    if names is None:
        names = [name for name in history if name.lower().endswith(("loss", "accuracy", "acc"))]
    missing = [name for name in names if name not in history]
    if missing or not names:
        raise ValueError(f"nothing is known of {', '.join(missing)}" if missing else
                         f"the history has neither a loss nor an accuracy: {', '.join(history) or 'it is empty'}. Give "
                         "names=")
    kinds = {}
    for name in names:
        kinds.setdefault(name.rpartition("_")[2], []).append(name)
    own = ax is None
    if own:
        _, axes = _subplots(1, len(kinds), figsize=(5 * len(kinds), 3.5), squeeze=False)
        axes = axes[0]
    else:
        axes = np.array([ax] * len(kinds))
    for ax, (kind, group) in zip(axes, kinds.items()):
        for name in group:
            values = [float(v) for v in history[name]]
            ax.plot(history.get("epoch", range(1, len(values) + 1)), values, marker="o", markersize=3, label=name)
        ax.set_xlabel("epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(alpha=0.3)
        if own:
            ax.set_ylabel(kind if len(group) > 1 else group[0])
        if len(group) > 1 or not own:
            ax.legend(frameon=False, labelcolor=_GREY if own else None)
    return axes if own else axes[:1]


def images(batch, labels=None, classes=None, predictions=None, mean=None, std=None, columns=8):
    """Draw images side by side, with their classes above.

    Parameters
    ----------
    batch : Tensor or array [n, channels, height, width], uint8 array [n, height, width, channels], list of PIL images
        Floats from 0 to 1; of others, give `mean` and `std`, otherwise the whole range of the batch is shown.
    labels : Tensor, array or list [n], optional
        Classes, or any texts.
    classes : list of str, optional
        Names of the classes.
    predictions : Tensor, array or list [n], optional
        Predicted classes, written beside the right ones, in red where they differ.
    mean, std : sequence of float, optional
        Of each channel, as :class:`~pycnn.vision.transforms.Normalize` was given them: undone.
    columns : int, default 8

    Returns
    -------
    ndarray [n] of Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If the batch holds no images of 1 or 3 channels, or there are more or fewer labels.
    """
    pictures = _pixels(batch, mean, std)
    for what, given in (("labels", labels), ("predictions", predictions)):
        if given is not None and len(given) != len(pictures):
            raise ValueError(f"{len(pictures)} images, but {len(given)} {what}")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    titled = labels is not None or predictions is not None
    _, axes = _subplots(rows, columns, figsize=(1.25 * columns, (1.55 if titled else 1.25) * rows), squeeze=False)
    axes = axes.ravel()
    for ax in axes:
        ax.set_axis_off()

    def name(k):
        k = k.item() if hasattr(k, "item") else k
        if classes is None or not isinstance(k, int):
            return str(k)
        if not 0 <= k < len(classes):
            raise ValueError(f"there is a class {k}, but only {len(classes)} names")
        return str(classes[k])
    for k, (ax, picture) in enumerate(zip(axes, pictures)):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
        right = None if labels is None else name(labels[k])
        guess = None if predictions is None else name(predictions[k])
        if titled:
            wrong = None not in (right, guess) and right != guess
            ax.set_title(f"{right}\n\N{RIGHTWARDS ARROW} "
                         f"{guess}" if wrong else right if right is not None else guess, fontsize=8,
                         color="#e0483e" if wrong else _GREY)
    return axes[:len(pictures)]


def _pixels(batch, mean, std):
    """The images as uint8 arrays [height, width(, 3)]."""
    import pycnn
    if isinstance(batch, (list, tuple)) and batch and not hasattr(batch[0], "shape"):
        return [np.asarray(image) for image in batch]
    if isinstance(batch, (list, tuple)):
        batch = np.stack([np.asarray(image) for image in batch]) if batch else np.zeros(0)
    if isinstance(batch, np.ndarray) and batch.dtype == np.uint8 and batch.ndim == 4 and batch.shape[3] in (1, 3):
        return list(batch.squeeze(3) if batch.shape[3] == 1 else batch)
    x = batch.detach() if isinstance(batch, pycnn.Tensor) else pycnn.as_tensor(np.asarray(batch))
    x = x.float() if x.dtype == pycnn.bool else x
    x = x[None] if x.dim() == 3 else x
    if x.dim() != 4 or x.size(1) not in (1, 3) or x.numel() == 0:
        raise ValueError(f"images are [n, 1 or 3 channels, height, width], got the shape {list(x.shape)}")
    if x.is_floating_point():
        if std is not None:
            x = x * pycnn.tensor(std).view(-1, 1, 1)
        if mean is not None:
            x = x + pycnn.tensor(mean).view(-1, 1, 1)
        low, high = x.min(), x.max()
        if mean is None and std is None and (low.item() < 0 or high.item() > 1):
            x = (x - low) / (high - low)
        x = (x.clamp(0, 1) * 255).round()
    x = x.clamp(0, 255).to(pycnn.uint8).permute(0, 2, 3, 1).numpy()
    return list(x.squeeze(3) if x.shape[3] == 1 else x)
