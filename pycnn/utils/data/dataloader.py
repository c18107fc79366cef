"""DataLoader: batches of a data set, in torch's order of draws.

Two routes give the same batches. A data set in memory (a TensorDataset, or images under this package's transforms) is
read by C: in the calling thread, or ahead of it by threads. Any other is read in Python: in the calling thread, or
ahead of it by worker processes.
"""

import functools
import itertools
import math
import multiprocessing
import os
import select
import signal
import time
import warnings

from pycnn import _C
from pycnn.utils.data import worker as _worker
from pycnn.utils.data.collate import default_collate, default_convert
from pycnn.utils.data.dataset import IterableDataset
from pycnn.utils.data.memory import source_of
from pycnn.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler


class _InfiniteSampler(Sampler):
    """None for ever: a stream has no indices."""

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
    pin_memory_device : str, default ""
        Accepted and ignored.
    in_order : bool, default True
        Accepted: batches always come in order.

    Raises
    ------
    ValueError
        If options contradict each other or are out of range.

    Notes
    -----
    Batches are torch's for the same seed and the same `num_workers`.

    Examples
    --------
    >>> from pycnn.utils.data import TensorDataset
    >>> data = TensorDataset(pycnn.arange(6.0), pycnn.arange(6))
    >>> for x, y in DataLoader(data, batch_size=4):
    ...     print(x, y)
    tensor([0., 1., 2., 3.]) tensor([0, 1, 2, 3])
    tensor([4., 5.]) tensor([4, 5])
    """

    def __init__(self, dataset, batch_size=1, shuffle=None, sampler=None, batch_sampler=None, num_workers=0,
                 collate_fn=None, pin_memory=False, drop_last=False, timeout=0, worker_init_fn=None,
                 multiprocessing_context=None, generator=None, *, prefetch_factor=None, persistent_workers=False,
                 pin_memory_device="", in_order=True):
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError("prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to "
                             "enable multiprocessing, otherwise set prefetch_factor to None.")
        if prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        self.dataset, self.num_workers, self.pin_memory, self.timeout = dataset, num_workers, pin_memory, timeout
        self.pin_memory_device, self.in_order = pin_memory_device, in_order
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.worker_init_fn, self.persistent_workers = worker_init_fn, persistent_workers
        self.multiprocessing_context = multiprocessing_context
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            if shuffle not in (False, None):
                raise ValueError(f"DataLoader with IterableDataset: expected unspecified shuffle option, but got "
                                 f"shuffle={shuffle}")
            for name, given in (("sampler", sampler), ("batch_sampler", batch_sampler)):
                if given is not None:
                    raise ValueError(f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                                     f"{name}={given}")
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and "
                                 "drop_last")
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
        self.batch_size, self.drop_last = batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_collate if batch_sampler is not None else default_convert
        self.collate_fn = collate_fn
        self._iterator = self._told_length = None
        self._made = True

    def __setattr__(self, name, value):
        if name in _FIXED and "_made" in vars(self):
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self):
        """The context that worker processes are started from; None: fork."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context):
        if context is not None:
            if self.num_workers == 0:
                raise ValueError("multiprocessing_context can only be used with multi-process loading (num_workers > "
                                 f"0), but got num_workers={self.num_workers}")
            if isinstance(context, str):
                methods = multiprocessing.get_all_start_methods()
                if context not in methods:
                    raise ValueError("multiprocessing_context option should specify a valid start method in "
                                     f"{methods!r}, but got multiprocessing_context={context!r}")
                context = multiprocessing.get_context(context)
            if not isinstance(context, multiprocessing.context.BaseContext):
                raise TypeError("multiprocessing_context option should be a valid context object or a string "
                                f"specifying the start method, but got multiprocessing_context={context}")
        self._context = context

    def __iter__(self):
        if self.num_workers == 0:
            return _SingleIterator(self)
        if self._iterator is not None and not self._iterator.closed:
            self._iterator.restart(self)
            return self._iterator
        source = None
        if self._batched and self.collate_fn is default_collate and self.worker_init_fn is None:
            source = source_of(self.dataset)
        iterator = _ThreadedIterator(self, source) if source is not None else _ProcessIterator(self)
        if self.persistent_workers:
            self._iterator = iterator
        return iterator

    def __len__(self):
        if not self._iterable:
            return len(self._index_sampler)
        n = self._told_length = len(self.dataset)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else math.ceil(n / self.batch_size)

    @property
    def _batched(self):
        return self.batch_sampler is not None

    @property
    def _index_sampler(self):
        return self.batch_sampler if self._batched else self.sampler

    def _fetcher(self):
        """What makes a Fetcher, in any process."""
        return functools.partial(_worker.Fetcher, self.dataset, self.collate_fn, self._iterable, self.drop_last,
                                 self._batched)


_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class _Iterator:
    """What all iterators share. The order of the first two draws is torch's."""

    def __init__(self, loader):
        self._loader = loader
        self._indices = iter(loader._index_sampler)
        generator = loader.generator if loader.generator is not None else _C.default_generator
        self._base_seed = _C.fn.empty((), dtype=_C.int64).random_(generator=generator).item()
        self._yielded = 0

    def __iter__(self):
        return self

    def __len__(self):
        return len(self._loader._index_sampler)

    def __next__(self):
        batch = self._next()
        self._yielded += 1
        told = self._loader._told_length
        if told is not None and self._yielded > told:
            warnings.warn(f"Length of IterableDataset {self._loader.dataset} was reported to be {told}(when accessing "
                          f"len(dataloader)), but {self._yielded} samples have been fetched. ", stacklevel=2)
        return batch


class _SingleIterator(_Iterator):
    """Everything in the calling thread, when it is asked for: nobody else's draws come in between."""

    def __init__(self, loader):
        if loader.timeout != 0:
            raise AssertionError("timeout needs num_workers > 0")
        super().__init__(loader)
        self._fetch = loader._fetcher()().fetch

    def _next(self):
        return self._fetch(next(self._indices))


class _Ahead(_Iterator):
    """What the iterators with workers share."""

    def __init__(self, loader):
        if loader.prefetch_factor == 0:
            raise AssertionError("prefetch_factor must be greater than 0 for workers")
        super().__init__(loader)
        self.closed = False

    def restart(self, loader):
        """Begin another epoch with the same workers, whose generators go on."""
        self._wait_for_workers()
        self._indices, self._yielded = iter(loader._index_sampler), 0
        self._begin()

    def _end(self):
        if not self._loader.persistent_workers:
            self.close()
        raise StopIteration


class _ThreadedIterator(_Ahead):
    """Threads that read a data set in memory, each with the generator that torch's worker process would have."""

    def __init__(self, loader, source):
        super().__init__(loader)
        self._threads = _C.Loader(source, loader.num_workers, self._base_seed)
        self._begin()

    def _begin(self):
        self._taken = 0
        self._send(self._loader.prefetch_factor * self._loader.num_workers)

    def _wait_for_workers(self):
        self._threads.reset()

    def _send(self, count):
        for index in itertools.islice(self._indices, count):
            self._threads.submit(index)

    def _next(self):
        pending = 0 if self.closed else self._threads.pending
        if pending == 0:
            self._end()
        failure = None
        try:
            batch = self._threads.next(self._loader.timeout)
        except Exception as error:
            if self._threads.pending == pending:  # no batch has come
                raise
            failure = error
        self._taken += 1
        self._send(1)
        if failure is not None:
            where = f"in DataLoader worker thread {(self._taken - 1) % self._loader.num_workers}"
            _worker.ExceptionWrapper(failure, where).reraise()
        return batch

    def close(self):
        """End the threads."""
        self.closed = True
        self._threads.close()


class _ProcessIterator(_Ahead):
    """Worker processes, for data sets that are Python. Batch k is told to the k-th of the workers in turn that have not
    come to the end of their stream; batches are handed out in order."""

    def __init__(self, loader):
        import multiprocessing.connection  # noqa: F401  what joining a process imports, at a time when imports are safe
        super().__init__(loader)
        self._pid = os.getpid()
        self._workers, self._channels = [], []
        context = loader.multiprocessing_context or multiprocessing.get_context("fork")
        old = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # until the child has set it aside
        try:
            for w in range(loader.num_workers):
                self._start(context, w)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)
        self._begin()

    def _start(self, context, w):
        loader = self._loader
        here, there = _worker.Channel.pair()
        process = context.Process(target=_worker.run, daemon=True, name=f"pycnn-loader-{w}", args=(
            w, loader.num_workers, self._base_seed, there, loader.dataset, loader._fetcher(), loader.worker_init_fn))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads: the pool is made anew in the child
            process.start()
        there.close()
        self._workers.append(process)
        self._channels.append(here)

    def _begin(self):
        workers = self._loader.num_workers
        self._sent = self._next_number = 0  # numbers of batches: of the next to send and to hand out
        self._worker_of = {}                # those under way or not yet handed out
        self._results = {}
        self._active = [True] * workers
        self._turns = itertools.cycle(range(workers))
        for _ in range(self._loader.prefetch_factor * workers):
            self._send_next()

    def _wait_for_workers(self):
        self._indices = iter(())  # nothing more of an epoch that was broken off
        for channel in self._channels:
            self._send(channel, (None, _worker.Resumed()))
        answers = 0
        while answers < len(self._channels):
            answers += sum(isinstance(result, _worker.Resumed) for _, result in self._receive())

    def _send(self, channel, message):
        """Send, reading what comes meanwhile: the worker may be waiting for us to read."""
        poll = select.poll()
        poll.register(channel, select.POLLOUT)
        while not poll.poll(0):
            self._accept(self._receive(wait=0.001))
        try:
            channel.send(message)
        except OSError:
            self._fail(channel)

    def _send_next(self):
        index = next(self._indices, self)
        if index is self:
            return
        for w in itertools.islice(self._turns, len(self._active)):
            if self._active[w]:
                self._worker_of[self._sent] = w
                self._sent += 1
                self._send(self._channels[w], (self._sent - 1, index))
                return

    def _accept(self, messages):
        for number, result in messages:
            if isinstance(result, _worker.EndOfStream):
                self._active[result.worker_id] = False
                self._send_next()
            else:
                self._results[number] = result

    def _receive(self, wait=None):
        """Return what has come: a list of (number, result), empty after `wait` seconds."""
        poll = select.poll()
        for channel in self._channels:
            poll.register(channel, select.POLLIN)
        ready = {fd for fd, _ in poll.poll(None if wait is None else max(wait, 0) * 1000)}
        messages = []
        for channel in self._channels:
            if channel.fileno() in ready:
                try:
                    messages.append(channel.receive())
                except (EOFError, ConnectionError):
                    self._fail(channel)
                except BaseException:  # Ctrl-C within a message: what follows cannot be read
                    self.close()
                    raise
        return messages

    def _fail(self, channel):
        process = self._workers[self._channels.index(channel)]
        process.join(1)
        pid, code = process.pid, process.exitcode
        self.close()
        how = f": killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f": exit code {code}"
        raise RuntimeError(f"DataLoader worker (pid(s) {pid}) exited unexpectedly{how}")

    def _next(self):
        timeout = self._loader.timeout
        deadline = time.monotonic() + timeout
        while True:
            while self._next_number < self._sent:  # the end of a worker's stream has made its batches void
                w = self._worker_of.get(self._next_number)
                if self._next_number in self._results or self._active[w]:
                    break
                del self._worker_of[self._next_number]
                self._next_number += 1
            else:
                self._end()
            if self._next_number in self._results:
                break
            messages = self._receive(deadline - time.monotonic() if timeout else None)
            if not messages:
                raise RuntimeError(f"DataLoader timed out after {timeout} seconds")
            self._accept(messages)
        result = self._results.pop(self._next_number)
        del self._worker_of[self._next_number]
        self._next_number += 1
        self._send_next()
        if isinstance(result, _worker.ExceptionWrapper):
            result.reraise()
        return result

    def _end(self):
        if not self._loader.persistent_workers:
            self.close(_IDLE_SECONDS)
        raise StopIteration

    def close(self, seconds=0.02):
        """End the processes: they see the end of their channels; what has not ended after `seconds` is killed."""
        if os.getpid() != self._pid:
            return
        self.closed = True
        workers, self._workers = self._workers, []
        for channel in self._channels:
            channel.close()
        self._channels, self._sent = [], self._next_number
        until = time.monotonic() + seconds
        for process in workers:
            process.join(max(until - time.monotonic(), 0))
        for process in workers:
            if process.is_alive():
                process.kill()
                process.join()
            process.close()

    def __del__(self):
        if getattr(self, "_workers", None):
            self.close()


# How long workers may take to end that have nothing left to do.
_IDLE_SECONDS = 5
