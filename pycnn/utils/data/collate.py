"""From a list of samples to a batch."""

import collections.abc
import re

import numpy as np

from pycnn import _C
from pycnn._tensor import Tensor, as_tensor, tensor

_ERROR = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def default_convert(data):
    """Turn arrays within `data` into tensors, sharing memory; samples stay single."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SaUO" else as_tensor(data)
    if isinstance(data, collections.abc.Mapping):
        return {key: default_convert(value) for key, value in data.items()}
    if isinstance(data, tuple):
        values = [default_convert(d) for d in data]
        return type(data)(*values) if hasattr(data, "_fields") else values
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes)):
        return [default_convert(d) for d in data]
    return data


def default_collate(batch):
    """Stack samples into a batch: tensors and arrays along a new first dimension, numbers into a tensor.

    Parameters
    ----------
    batch : list
        Samples of one structure: tensors, arrays, numbers, strings, or (nested) tuples, lists, dicts of them.

    Raises
    ------
    RuntimeError
        If tensors differ in shape.
    TypeError
        If samples are something else (images without ToTensor).
    """
    first = batch[0]
    if isinstance(first, Tensor):
        for k, t in enumerate(batch):
            if isinstance(t, Tensor) and t.shape != first.shape:
                raise RuntimeError(f"stack expects each tensor to be equal size, but got {list(first.shape)} at entry 0 and "
                                   f"{list(t.shape)} at entry {k}. Bring the images to one size first, with Resize, "
                                   "CenterCrop or RandomCrop")
        return _C.fn.stack(list(batch), 0)
    if isinstance(first, np.ndarray):
        if re.search("[SaUO]", first.dtype.str) is not None:
            raise TypeError(_ERROR.format(first.dtype))
        return default_collate([as_tensor(b) for b in batch])
    if isinstance(first, np.generic) and first.dtype.kind in "biuf":
        return as_tensor(np.asarray(batch))
    if isinstance(first, bool) or isinstance(first, int):
        return tensor(batch)
    if isinstance(first, float):
        return tensor(batch, dtype=_C.float64)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, collections.abc.Mapping):
        values = {key: default_collate([d[key] for d in batch]) for key in first}
        return type(first)(values) if type(first) is not dict else values
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(samples) for samples in zip(*batch)))
    if isinstance(first, collections.abc.Sequence):
        size = len(first)
        if any(len(sample) != size for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        return [default_collate(samples) for samples in zip(*batch)]
    hint = ": add ToTensor() to the data set's transform" if type(first).__module__.startswith("PIL.") else ""
    raise TypeError(_ERROR.format(type(first)) + hint)
