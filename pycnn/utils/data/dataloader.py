"""DataLoader: batches of a data set, in torch's order of draws.

Three routes give the same batches. A data set of images in memory under this package's transforms is read by C, in the
calling thread or ahead of it in threads; a TensorDataset is gathered by C; any other runs in Python, in the calling thread
or in worker processes.
"""

import itertools
import multiprocessing
import queue
import threading
import warnings

import numpy as np

from pycnn import _C
from pycnn.utils.data import worker as _worker
from pycnn.utils.data.collate import default_collate, default_convert
from pycnn.utils.data.dataset import IterableDataset, Subset, TensorDataset
from pycnn.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, _seed64

# How long a wait may last before the workers are looked at and a Ctrl-C is seen.
_POLL_SECONDS = 0.05


class _InfiniteSampler(Sampler):
    """None for ever: an iterable data set has no indices."""

    def __iter__(self):
        return itertools.repeat(None)


class DataLoader:
    """Reads a data set in batches.

    Parameters
    ----------
    dataset : Dataset
    batch_size : int or None, default 1
        None: single samples.
    shuffle : bool, default False
        A new random order each epoch.
    sampler : iterable of int, optional
    batch_sampler : iterable of list of int, optional
    num_workers : int, default 0
        Threads (images in memory) or processes (any other data set) that read ahead.
    collate_fn : callable, optional
        From a list of samples to a batch.
    pin_memory : bool, default False
        Accepted; there is no GPU to pin for.
    drop_last : bool, default False
        Leave out an incomplete last batch.
    timeout : float, default 0
        Seconds to wait for a worker; 0: for ever.
    worker_init_fn : callable, optional
        Called with the worker's number in each worker process.
    multiprocessing_context : optional
        Name of a start method, or a context.
    generator : Generator, optional
        Draws the seeds and the order; default: the default generator.
    prefetch_factor : int, optional
        Batches that each worker reads ahead (2).
    persistent_workers : bool, default False
        Keep worker processes between epochs.

    Raises
    ------
    ValueError
        If options contradict each other or are out of range.

    Notes
    -----
    Batches are torch's for the same seed and the same `num_workers`.
    """

    def __init__(self, dataset, batch_size=1, shuffle=None, sampler=None, batch_sampler=None, num_workers=0, collate_fn=None,
                 pin_memory=False, drop_last=False, timeout=0, worker_init_fn=None, multiprocessing_context=None,
                 generator=None, *, prefetch_factor=None, persistent_workers=False, pin_memory_device="", in_order=True):
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError("prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
                             "multiprocessing, otherwise set prefetch_factor to None.")
        if prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        self.dataset, self.num_workers, self.pin_memory, self.timeout = dataset, num_workers, pin_memory, timeout
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.worker_init_fn, self.multiprocessing_context = worker_init_fn, multiprocessing_context
        self.persistent_workers = persistent_workers
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            if shuffle not in (False, None):
                raise ValueError(f"DataLoader with IterableDataset: expected unspecified shuffle option, but got "
                                 f"shuffle={shuffle}")
            if sampler is not None or batch_sampler is not None:
                raise ValueError("DataLoader with IterableDataset: expected unspecified sampler option, but got "
                                 f"sampler={sampler or batch_sampler}")
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if self._iterable:
                sampler = _InfiniteSampler()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last, self.sampler, self.batch_sampler = batch_size, drop_last, sampler, batch_sampler
        self.generator = generator
        self._default_collate = collate_fn is None or collate_fn is default_collate
        if collate_fn is None:
            collate_fn = default_collate if batch_sampler is not None else default_convert
        self.collate_fn = collate_fn
        self._persistent = None

    def __iter__(self):
        if self.num_workers == 0:
            return _SingleIterator(self)
        images = self._images()
        if images is not None:
            iterator = _ThreadedIterator(self, images, self._persistent)
            if self.persistent_workers:  # later epochs go on with the same generators
                self._persistent = (iterator._base_seed, iterator._generators)
            return iterator
        if not self.persistent_workers:
            return _ProcessIterator(self)
        if self._persistent is None:
            self._persistent = _ProcessIterator(self)
        else:
            self._persistent.restart(self)
        return self._persistent

    def __len__(self):
        if not self._iterable:
            return len(self._indices)
        n = len(self.dataset)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else (n + self.batch_size - 1) // self.batch_size

    @property
    def _indices(self):
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _base_seed(self):
        return _seed64(self.generator if self.generator is not None else _C.default_generator)

    def _fetcher(self):
        return _worker.Fetcher(self.dataset, self.collate_fn, self._iterable, self.drop_last, self.batch_sampler is not None)

    def _images(self):
        """An :class:`_Images` if C can read the data set, otherwise None."""
        if not self._default_collate or self.batch_sampler is None or self.worker_init_fn is not None:
            return None
        return _Images.of(self.dataset)


class _Images:
    """Images in memory and the compiled transform: batches of them are C's work."""

    def __init__(self, pixels, labels, pipeline, positions=None):
        self.pixels, self.labels, self.pipeline, self.positions = pixels, labels, pipeline, positions

    @classmethod
    def of(cls, dataset):
        """The images of a data set that offers them (or of a subset of one); None otherwise."""
        positions = None
        while type(dataset) is Subset:
            outer = dataset.indices
            positions = outer if positions is None else [outer[k] for k in positions]
            dataset = dataset.dataset
        offer = getattr(dataset, "_pipeline", None)
        offered = offer() if callable(offer) else None
        if offered is None or offered[2] is None:
            return None
        pixels, labels, pipeline = offered
        return cls(np.ascontiguousarray(pixels), np.ascontiguousarray(labels, dtype=np.int64), pipeline, positions)

    def load(self, index, generator):
        """The batch [images, labels] at a list of indices."""
        if self.positions is not None:
            index = [self.positions[k] for k in index]
        return list(_C.load_batch(self.pixels, self.labels, self.pipeline, index, generator))


class _SingleIterator:
    """Everything in the calling thread."""

    def __init__(self, loader):
        loader._base_seed()  # drawn by torch whether workers need it or not
        self._length = loader
        self._indices = iter(loader._indices)
        images = loader._images()
        if images is not None:
            self._fetch = lambda index: images.load(index, _C.default_generator)
        elif type(loader.dataset) is TensorDataset and loader._default_collate and loader.batch_sampler is not None:
            self._fetch = lambda index: _gather(loader.dataset.tensors, index)
        else:
            self._fetch = loader._fetcher().fetch

    def __iter__(self):
        return self

    def __len__(self):
        return len(self._length)

    def __next__(self):
        return self._fetch(next(self._indices))


def _gather(tensors, index):
    rows = _C.from_data(index)[0]
    return [t.index_select(0, rows) for t in tensors]


class _Ahead:
    """What the iterators with workers share: batch k is worker k mod W's; results are handed out in order."""

    def _start(self, loader, base_seed=None):
        self._loader = loader
        self._base_seed = loader._base_seed() if base_seed is None else base_seed
        self._indices = iter(loader._indices)
        self._sent = self._received = 0
        self._results = {}
        self._exhausted = False

    def _send_ahead(self, count):
        for _ in range(count):
            if self._exhausted:
                return
            index = next(self._indices, self)
            if index is self:
                self._exhausted = True
                return
            self._submit(self._sent, index)
            self._sent += 1

    def __iter__(self):
        return self

    def __len__(self):
        return len(self._loader)


class _ThreadedIterator(_Ahead):
    """Threads that read images in memory, each with the generator that torch's worker process would have."""

    def __init__(self, loader, images, persistent):
        base_seed, self._generators = persistent or (None, None)
        self._start(loader, base_seed)
        if self._generators is None:
            self._generators = [_C.Generator().manual_seed(self._base_seed + w) for w in range(loader.num_workers)]
        self._stop = threading.Event()
        self._done = queue.SimpleQueue()
        self._tasks = [queue.SimpleQueue() for _ in range(loader.num_workers)]
        self._threads = [threading.Thread(target=_run_thread, daemon=True, name=f"pycnn-loader-{w}",
                                          args=(images, generator, self._tasks[w], self._done, self._stop, w))
                         for w, generator in enumerate(self._generators)]
        for thread in self._threads:
            thread.start()
        self._send_ahead(loader.prefetch_factor * loader.num_workers)

    def _submit(self, number, index):
        self._tasks[number % len(self._tasks)].put((number, index))

    def __next__(self):
        if self._received == self._sent:
            self.close()
            raise StopIteration
        while self._received not in self._results:
            number, batch = self._done.get()
            self._results[number] = batch
        batch = self._results.pop(self._received)
        self._received += 1
        self._send_ahead(1)
        if isinstance(batch, _worker.ExceptionWrapper):
            self.close()
            batch.reraise()
        return batch

    def close(self):
        """End the threads; batches under way are dropped."""
        self._stop.set()
        for tasks in self._tasks:
            tasks.put(None)
        for thread in self._threads:
            thread.join(1.0)  # a batch under way is done in milliseconds
        self._threads = []

    def __del__(self):
        if getattr(self, "_threads", None):
            self.close()


def _run_thread(images, generator, tasks, done, stop, w):
    while (task := tasks.get()) is not None and not stop.is_set():
        number, index = task
        try:
            done.put((number, images.load(index, generator)))
        except Exception as error:
            done.put((number, _worker.ExceptionWrapper(error, f"in DataLoader worker thread {w}")))


class _ProcessIterator(_Ahead):
    """Worker processes, for data sets that are Python."""

    def __init__(self, loader):
        self._start(loader)
        context = loader.multiprocessing_context
        if not hasattr(context, "Process"):
            context = multiprocessing.get_context(context if context is not None else "fork")
        self._done = context.Queue()
        self._tasks = [context.Queue() for _ in range(loader.num_workers)]
        self._workers, self._ended = [], set()
        for w, tasks in enumerate(self._tasks):
            process = context.Process(target=_worker.run, daemon=True, args=(
                w, loader.num_workers, self._base_seed, loader._fetcher, loader.dataset, loader.worker_init_fn, tasks,
                self._done))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads: the pool is rebuilt in the child
                process.start()
            self._workers.append(process)
        self._send_ahead(loader.prefetch_factor * loader.num_workers)

    def restart(self, loader):
        """Begin another epoch with the same processes."""
        while self._received < self._sent:  # an epoch that was broken off
            self._wait()
            self._received += 1
        base_seed = self._base_seed
        self._loader, self._indices = loader, iter(loader._indices)
        self._base_seed, self._exhausted, self._ended = base_seed, False, set()
        self._results.clear()
        self._sent = self._received = 0
        for tasks in self._tasks:
            tasks.put((None, None))
        self._send_ahead(loader.prefetch_factor * loader.num_workers)

    def _submit(self, number, index):
        self._tasks[number % len(self._tasks)].put((number, index))

    def _wait(self):
        """The result of the batch that is next."""
        waited = 0.0
        while self._received not in self._results:
            try:
                number, _, result = self._done.get(timeout=_POLL_SECONDS)
                self._results[number] = result
            except queue.Empty:
                waited += _POLL_SECONDS
                dead = [str(p.pid) for p in self._workers if not p.is_alive()]
                if dead and self._done.empty():
                    self.close()
                    raise RuntimeError(f"DataLoader worker (pid(s) {', '.join(dead)}) exited unexpectedly") from None
                if self._loader.timeout and waited >= self._loader.timeout:
                    raise RuntimeError(f"DataLoader timed out after {self._loader.timeout} seconds") from None
        return self._results.pop(self._received)

    def __next__(self):
        while True:
            if self._received == self._sent:
                if not self._loader.persistent_workers:
                    self.close()
                raise StopIteration
            result = self._wait()
            self._received += 1
            if isinstance(result, _worker.EndOfStream):
                self._ended.add(result.worker_id)
                if len(self._ended) == len(self._workers):
                    self._exhausted = True
                continue
            if isinstance(result, _worker.ExceptionWrapper):
                self.close()
                result.reraise()
            self._send_ahead(1)
            return result

    def _send_ahead(self, count):
        for _ in range(count):
            while self._sent % len(self._tasks) in self._ended and len(self._ended) < len(self._tasks):
                self._results[self._sent] = _worker.EndOfStream(self._sent % len(self._tasks))
                self._sent += 1
            super()._send_ahead(1)

    def close(self):
        """End the processes."""
        for tasks in self._tasks:
            tasks.put(None)
        for process in self._workers:
            process.join(0.5)
            if process.is_alive():
                process.terminate()
                process.join()
        self._workers = []
        for q in (*self._tasks, self._done):
            q.cancel_join_thread()
            q.close()
        self._tasks = []

    def __del__(self):
        if getattr(self, "_workers", None):
            self.close()
