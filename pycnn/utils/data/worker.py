"""What runs in a worker process of a loader."""

import os
import random
import traceback
from dataclasses import dataclass

from pycnn import _C

_info = None


@dataclass
class WorkerInfo:
    """The worker that the present code runs in: its number, their number, its seed and its copy of the data set."""

    id: int
    num_workers: int
    seed: int
    dataset: object


def get_worker_info():
    """Return the :class:`WorkerInfo` of this worker process, or None in the main process."""
    return _info


def numpy_seed(base_seed, worker_id):
    """Return the four words that torch seeds NumPy with in a worker."""
    mask = 0xFFFFFFFF
    entropy = [worker_id, base_seed & mask, base_seed >> 32 & mask, 0]
    a = 0x43B0D7E5

    def hash32(value):
        nonlocal a
        value = (value ^ a) & mask
        a = a * 0x931E8875 & mask
        value = value * a & mask
        return value ^ value >> 16

    def mix(x, y):
        result = (0xCA01F9DD * x & mask) - (0x4973F715 * y & mask) & mask
        return result ^ result >> 16

    pool = [hash32(e) for e in entropy]
    for source in range(4):
        for target in range(4):
            if source != target:
                pool[target] = mix(pool[target], hash32(pool[source]))
    b, words = 0x8B51F9DD, []
    for value in pool:
        value ^= b
        b = b * 0x58F38DED & mask
        value = value * b & mask
        words.append(value ^ value >> 16)
    return words


class ExceptionWrapper:
    """An exception of a worker, with its traceback as text, to be raised in the main process."""

    def __init__(self, error, where):
        self.type, self.where = type(error), where
        self.text = "".join(traceback.format_exception(error))

    def reraise(self):
        """Raise the exception, of its own type where that takes a message."""
        message = f"Caught {self.type.__name__} {self.where}.\nOriginal {self.text}"
        if self.type is KeyError:
            raise KeyError(_Raw(message))
        try:
            error = self.type(message)
        except Exception:
            raise RuntimeError(message) from None
        raise error


class _Raw(str):
    """A message that KeyError shows as it is."""

    def __repr__(self):
        return str(self)


class Fetcher:
    """Reads the samples of a batch and collates them."""

    def __init__(self, dataset, collate_fn, iterable, drop_last, batched):
        self.dataset, self.collate_fn, self.drop_last, self.batched = dataset, collate_fn, drop_last, batched
        self.iterator = iter(dataset) if iterable else None
        self.ended = False

    def fetch(self, index):
        """Return the batch at `index`: a list of indices, or a single one without batching."""
        if self.iterator is not None:
            return self._fetch_next(index)
        if not self.batched:
            return self.collate_fn(self.dataset[index])
        if hasattr(self.dataset, "__getitems__") and self.dataset.__getitems__:
            return self.collate_fn(self.dataset.__getitems__(index))
        return self.collate_fn([self.dataset[k] for k in index])

    def _fetch_next(self, index):
        if self.ended:
            raise StopIteration
        if not self.batched:
            return self.collate_fn(next(self.iterator))
        samples = []
        for _ in index:
            try:
                samples.append(next(self.iterator))
            except StopIteration:
                self.ended = True
                break
        if not samples or (self.drop_last and len(samples) < len(index)):
            raise StopIteration
        return self.collate_fn(samples)


def run(worker_id, num_workers, base_seed, make_fetcher, dataset, init_fn, tasks, results):
    """The life of a worker process: seeds as torch's, then batches until None comes."""
    global _info
    import signal
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends its workers
    _C.set_num_threads(1)
    seed = base_seed + worker_id
    random.seed(seed)
    _C.default_generator.manual_seed(seed)
    import numpy as np
    np.random.seed(numpy_seed(base_seed, worker_id))
    _info = WorkerInfo(worker_id, num_workers, seed, dataset)
    failure = fetcher = None
    where = f"in DataLoader worker process {worker_id}"
    try:
        if init_fn is not None:
            init_fn(worker_id)
        fetcher = make_fetcher()
    except Exception as error:
        failure = ExceptionWrapper(error, where)
    while (task := tasks.get()) is not None:
        number, index = task
        if index is None:  # a new epoch of persistent workers
            try:
                fetcher = make_fetcher()
            except Exception as error:
                failure = ExceptionWrapper(error, where)
            continue
        if failure is not None:
            results.put((number, worker_id, failure))
            continue
        try:
            results.put((number, worker_id, fetcher.fetch(index)))
        except StopIteration:
            results.put((number, worker_id, EndOfStream(worker_id)))
        except Exception as error:
            results.put((number, worker_id, ExceptionWrapper(error, where)))
    results.close()
    results.join_thread()
    os._exit(0)


class EndOfStream:
    """A worker whose part of an iterable data set is exhausted."""

    def __init__(self, worker_id):
        self.worker_id = worker_id
