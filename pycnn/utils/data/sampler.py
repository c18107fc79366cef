"""Samplers: the order in which a loader reads. The orders are drawn in C, each as torch draws it, when torch does."""

import itertools

from pycnn import _C


class Sampler:
    """Base of samplers: subclasses define ``__iter__`` and usually ``__len__``."""

    def __iter__(self):
        raise NotImplementedError

    def __class_getitem__(cls, item):
        return cls


class SequentialSampler(Sampler):
    """0, 1, 2, ...

    Parameters
    ----------
    data_source : sized
    """

    def __init__(self, data_source):
        self.data_source = data_source

    def __iter__(self):
        return _C.Indices("sequential", len(self.data_source))

    def __len__(self):
        return len(self.data_source)


class RandomSampler(Sampler):
    """A random order, with or without replacement.

    Parameters
    ----------
    data_source : sized
    replacement : bool, default False
    num_samples : int, optional
        Default: the size of `data_source`.
    generator : Generator, optional
        Default: a new one, seeded from the default generator at each iteration.

    Raises
    ------
    ValueError
        If there would be nothing to draw.
    TypeError
        If `replacement` is no bool.
    """

    def __init__(self, data_source, replacement=False, num_samples=None, generator=None):
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self._num_samples = num_samples
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            hint = ": the data set is empty" if num_samples is None and self.num_samples == 0 else ""
            raise ValueError("num_samples should be a positive integer value, but got "
                             f"num_samples={self.num_samples}{hint}")

    @property
    def num_samples(self):
        """The number of samples of an iteration."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self):
        order = "replacement" if self.replacement else "shuffled"
        return _C.Indices(order, len(self.data_source), self.num_samples, self.generator)

    def __len__(self):
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """Given indices in a random order.

    Parameters
    ----------
    indices : sequence of int
    generator : Generator, optional
        Default: the default generator.
    """

    def __init__(self, indices, generator=None):
        self.indices, self.generator = indices, generator

    def __iter__(self):
        for k in _C.Indices("permutation", len(self.indices), generator=self.generator):
            yield self.indices[k]

    def __len__(self):
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """Indices drawn with given weights.

    Parameters
    ----------
    weights : sequence of float
        Any positive numbers; they need not sum to 1.
    num_samples : int
    replacement : bool, default True
    generator : Generator, optional
        Default: the default generator.

    Raises
    ------
    ValueError
        If `num_samples` is not positive, `replacement` is no bool or the weights are no vector.
    """

    def __init__(self, weights, num_samples, replacement=True, generator=None):
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        from pycnn._from_data import as_tensor
        weights = as_tensor(weights, dtype=_C.float64)
        if weights.dim() != 1:
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {tuple(weights.shape)}")
        self.weights, self.num_samples, self.replacement, self.generator = weights, num_samples, replacement, generator

    def __iter__(self):
        yield from _C.fn.multinomial(self.weights, self.num_samples, self.replacement,
                                     generator=self.generator).tolist()

    def __len__(self):
        return self.num_samples


class BatchSampler(Sampler):
    """Groups of indices of another sampler.

    Parameters
    ----------
    sampler : iterable of int
    batch_size : int
    drop_last : bool
        Leave out an incomplete last group.

    Raises
    ------
    ValueError
        If `batch_size` is not positive or `drop_last` is no bool.
    """

    def __init__(self, sampler, batch_size, drop_last):
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self):
        if type(self.sampler) in (SequentialSampler, RandomSampler):
            return iter(self.sampler).batches(self.batch_size, self.drop_last)
        return self._groups()

    def _groups(self):
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self):
        n = len(self.sampler)
        return n // self.batch_size if self.drop_last else (n + self.batch_size - 1) // self.batch_size
