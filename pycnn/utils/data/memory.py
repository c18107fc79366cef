"""Data sets in memory that C can read by itself, without entering Python for each sample."""

import numpy as np

from pycnn import _C
from pycnn.utils.data.dataset import Subset, TensorDataset


def source_of(dataset):
    """Return the `_C.Source` of a data set, or None if its samples have to come from Python.

    C reads a TensorDataset of contiguous tensors, and data sets that offer themselves by a method ``_pipeline()``,
    which returns ``(images uint8 [n, h, w, c], labels int64 [n], compiled transform)``, or None where a subclass or a
    user's transform stands in the way. A Subset of either is read too.
    """
    positions = None
    while type(dataset) is Subset:
        outer = np.asarray(dataset.indices)
        if outer.ndim != 1 or outer.dtype.kind not in "iu" and len(outer) > 0:
            return None
        outer = outer.astype(np.int64)
        try:
            positions = outer if positions is None else outer[positions]
        except IndexError:
            return None  # Python's own error names the sample
        dataset = dataset.dataset
    if type(dataset) is TensorDataset:
        fits = all(t.dim() > 0 and t.is_contiguous() and not t.requires_grad for t in dataset.tensors)
        return _C.tensor_source(dataset.tensors, positions) if fits and dataset.tensors else None
    offer = getattr(dataset, "_pipeline", None)
    offered = offer() if callable(offer) else None
    if offered is None or offered[2] is None:
        return None
    images, labels, pipeline = offered
    if len(images) == 0 or images.shape[3] not in (1, 3):
        return None
    try:
        pipeline.output(*images.shape[1:])
    except ValueError:
        return None  # the transform refuses such images, or gives them no common shape: Python says so sample by sample
    return _C.image_source(np.ascontiguousarray(images), np.ascontiguousarray(labels, dtype=np.int64), pipeline,
                           positions)
