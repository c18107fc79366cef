"""From a list of samples to a batch."""

import collections.abc
import copy

import numpy as np

from pycnn import _C
from pycnn._from_data import as_tensor, tensor
from pycnn._tensor import Tensor

_ERROR = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def _like_mapping(original, values):
    """A mapping of original's type with other values: a plain dict where that type cannot be made so."""
    try:
        if isinstance(original, collections.abc.MutableMapping):
            clone = copy.copy(original)  # it may have further properties
            clone.update(values)
            return clone
        return type(original)(values)
    except TypeError:
        return values


def _like_sequence(original, values):
    """The same for sequences."""
    try:
        if isinstance(original, collections.abc.MutableSequence):
            clone = copy.copy(original)
            for k, value in enumerate(values):
                clone[k] = value
            return clone
        return type(original)(values)
    except TypeError:
        return values


def default_convert(data):
    """Turn arrays within a sample into tensors that share their memory; what a loader without batches does.

    Parameters
    ----------
    data : object
        A tensor, an array, or (nested) dicts, tuples and lists of them; anything else is returned as it is.

    Returns
    -------
    object
        The same structure.
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SaUO" else as_tensor(data)
    if isinstance(data, collections.abc.Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple):
        values = [default_convert(d) for d in data]
        return type(data)(*values) if hasattr(data, "_fields") else values
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes)):
        return _like_sequence(data, [default_convert(d) for d in data])
    return data


def _stack(batch):
    try:
        return _C.fn.stack(batch, 0)
    except RuntimeError:
        for k, t in enumerate(batch):
            if t.shape != batch[0].shape:
                raise RuntimeError(
                    f"stack expects each tensor to be equal size, but got {list(batch[0].shape)} at entry 0 and "
                    f"{list(t.shape)} at entry {k}. Bring images to one size first, with Resize, CenterCrop or "
                    "RandomCrop") from None
        raise


def default_collate(batch):
    """Make a batch of samples: tensors and arrays are stacked along a new first dimension, numbers become a tensor.

    Parameters
    ----------
    batch : list
        Samples of one structure: tensors, arrays, numbers, strings, or (nested) tuples, lists, dicts of them.

    Returns
    -------
    object
        The same structure; tuples become lists, strings stay a list of strings.

    Raises
    ------
    RuntimeError
        If tensors differ in shape, or lists in length.
    TypeError
        If samples are something else (images without ToTensor).
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return _stack(list(batch))
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "SaUO":
            raise TypeError(_ERROR.format(first.dtype))
        return _stack([as_tensor(b) for b in batch])
    if isinstance(first, (np.bool_, np.number)):
        return as_tensor(np.asarray(batch))
    if isinstance(first, float):
        return tensor(batch, dtype=_C.float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, collections.abc.Mapping):
        return _like_mapping(first, {key: default_collate([d[key] for d in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(samples) for samples in zip(*batch)))
    if isinstance(first, collections.abc.Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        values = [default_collate(samples) for samples in zip(*batch)]
        return values if isinstance(first, tuple) else _like_sequence(first, values)
    hint = ": add ToTensor() to the data set's transform" if type(first).__module__.startswith("PIL.") else ""
    raise TypeError(_ERROR.format(type(first)) + hint)
