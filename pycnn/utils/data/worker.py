"""What runs in a worker process of a loader, and the channel to it."""

import io
import mmap
import os
import pickle
import random
import signal
import socket
import struct
import traceback
import weakref
from dataclasses import dataclass

from pycnn import _C
from pycnn._from_data import from_numpy
from pycnn._tensor import Tensor
from pycnn.utils.data.collate import default_collate
from pycnn.utils.data.memory import source_of

_info = None


@dataclass
class WorkerInfo:
    """The worker that the present code runs in.

    Attributes
    ----------
    id, num_workers : int
    seed : int
        What this worker's generators were seeded with.
    dataset : Dataset
        This process's copy.
    """

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
    a, b = 0x43B0D7E5, 0x8B51F9DD

    def hash32(value):
        nonlocal a
        value ^= a
        a = a * 0x931E8875 & mask
        value = value * a & mask
        return value ^ value >> 16

    def mix(x, y):
        result = 0xCA01F9DD * x - 0x4973F715 * y & mask
        return result ^ result >> 16

    pool = [hash32(e) for e in (worker_id, base_seed & mask, base_seed >> 32, 0)]
    for source in range(4):
        for target in range(4):
            if source != target:
                pool[target] = mix(pool[target], hash32(pool[source]))
    words = []
    for value in pool:
        value ^= b
        b = b * 0x58F38DED & mask
        value = value * b & mask
        words.append(value ^ value >> 16)
    return words


class _Message(str):
    """A message that KeyError shows as it is."""

    __slots__ = ()

    def __repr__(self):
        return str(self)


class ExceptionWrapper:
    """An exception of a worker, with its traceback as text, to be raised in the main process."""

    def __init__(self, error, where):
        self.type, self.where = type(error), where
        self.text = "".join(traceback.format_exception(error))

    def reraise(self):
        """Raise an exception of the same type if that takes a message, else RuntimeError."""
        message = _Message(f"Caught {self.type.__name__} {self.where}.\nOriginal {self.text}")
        try:
            error = self.type(message=message) if getattr(self.type, "message", None) else self.type(message)
        except Exception:
            error = RuntimeError(message)
        raise error from None


@dataclass
class EndOfStream:
    """A worker whose part of an iterable data set is exhausted."""

    worker_id: int


class Resumed:
    """Asks a worker to begin another epoch, and its answer."""


# ---- reading

class Fetcher:
    """Reads the samples of a batch and collates them.

    Parameters
    ----------
    dataset : Dataset
    collate_fn : callable
    iterable : bool
        The data set is a stream.
    drop_last : bool
    batched : bool
        False: samples stay single.
    """

    def __init__(self, dataset, collate_fn, iterable, drop_last, batched):
        self.dataset, self.collate_fn, self.drop_last, self.batched = dataset, collate_fn, drop_last, batched
        self.iterator = iter(dataset) if iterable else None
        self.ended = False
        self.source = source_of(dataset) if batched and not iterable and collate_fn is default_collate else None

    def fetch(self, index):
        """Return the batch at `index`: a list of indices, or a single one without batching."""
        if self.source is not None:
            return self.source.load(index, _C.default_generator)
        if self.iterator is not None:
            return self._fetch_next(index)
        if not self.batched:
            return self.collate_fn(self._sample(index))
        if hasattr(self.dataset, "__getitems__") and self.dataset.__getitems__:
            return self.collate_fn(self.dataset.__getitems__(index))
        return self.collate_fn([self._sample(k) for k in index])

    def _sample(self, k):
        try:
            return self.dataset[k]
        except Exception as error:
            error.add_note(f"This is about sample {k} of the data set.")
            raise

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


# ---- the channel

_INLINE = 2048     # bytes that go through the socket; more go through shared memory
_ALIGN = 64
_HEADER = struct.Struct("<II")  # number of parts; 1: they are in the file that comes with this header

# The main process's ends. A child closes them, so that a worker sees the end of its parent whoever else was forked.
_ends = weakref.WeakSet()


def _close_ends():
    for end in list(_ends):
        end.socket.close()


os.register_at_fork(after_in_child=_close_ends)


def _shared_tensor(array, requires_grad):
    return from_numpy(array).requires_grad_(requires_grad)


class _Pickler(pickle.Pickler):
    """Hands a tensor's memory over as a buffer beside the pickle."""

    def reducer_override(self, obj):
        if type(obj) is Tensor and obj.dtype is not _C.bfloat16 and obj.grad_fn is None:
            return _shared_tensor, (obj.detach().numpy(), obj.requires_grad)
        return NotImplemented


def _offsets(sizes):
    at = 0
    for size in sizes:
        yield at
        at += -(-size // _ALIGN) * _ALIGN


class Channel:
    """One end of a connection between the main process and a worker. Batches go through memory that both share.

    Parameters
    ----------
    socket : socket.socket
    """

    def __init__(self, socket):
        self.socket = socket

    @classmethod
    def pair(cls):
        """Return the main process's end and the worker's."""
        here, there = (cls(s) for s in socket.socketpair())
        _ends.add(here)
        return here, there

    def fileno(self):
        """Return the descriptor, for poll()."""
        return self.socket.fileno()

    def send(self, obj):
        """Send an object."""
        written, buffers = io.BytesIO(), []
        _Pickler(written, protocol=5, buffer_callback=buffers.append).dump(obj)
        parts = [written.getbuffer(), *(b.raw() for b in buffers)]
        sizes = [len(p) for p in parts]
        table = struct.pack(f"<{len(sizes)}Q", *sizes)
        if sum(sizes) <= _INLINE:
            self.socket.sendall(b"".join([_HEADER.pack(len(sizes), 0), table, *parts]))
            return
        fd = os.memfd_create("pycnn-batch", os.MFD_CLOEXEC)
        try:
            for part, at in zip(parts, _offsets(sizes)):
                done = 0
                while done < len(part):
                    done += os.pwrite(fd, part[done:], at + done)
            socket.send_fds(self.socket, [_HEADER.pack(len(sizes), 1)], [fd])
        finally:
            os.close(fd)
        self.socket.sendall(table)

    def receive(self):
        """Return the next object. EOFError: the other side is gone."""
        header, fds, _, _ = socket.recv_fds(self.socket, _HEADER.size, 1)
        while header and len(header) < _HEADER.size:
            header += self._exactly(_HEADER.size - len(header))
        if not header:
            raise EOFError
        count, shared = _HEADER.unpack(header)
        sizes = struct.unpack(f"<{count}Q", self._exactly(8 * count))
        if not shared:
            parts = [self._exactly(size) for size in sizes]  # each in memory of its own, aligned as malloc does
        else:
            if not fds:
                raise RuntimeError("Too many open files. Communication with the workers is no longer possible. Please "
                                   "increase the limit using `ulimit -n` in the shell")
            try:
                memory = memoryview(mmap.mmap(fds[0], 0))
            finally:
                os.close(fds[0])
            parts = [memory[at:at + size] for at, size in zip(_offsets(sizes), sizes)]
        return pickle.loads(parts[0], buffers=parts[1:])

    def _exactly(self, n):
        data = bytearray()
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def close(self):
        """Close this end; the other side sees the end of the stream."""
        self.socket.close()


# ---- the process

def run(worker_id, num_workers, base_seed, channel, dataset, make_fetcher, init_fn):
    """The life of a worker process: seeds as torch's, then batches until the main process closes the channel."""
    global _info
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends its workers
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    _C.set_num_threads(1)
    seed = base_seed + worker_id
    random.seed(seed)
    _C.default_generator.manual_seed(seed)
    import numpy as np
    np.random.seed(numpy_seed(base_seed, worker_id))
    _info = WorkerInfo(worker_id, num_workers, seed, dataset)
    try:
        _serve(channel, make_fetcher, init_fn, worker_id)
    except (EOFError, ConnectionError):
        pass


def _serve(channel, make_fetcher, init_fn, worker_id):
    where = f"in DataLoader worker process {worker_id}"
    failure = fetcher = None
    try:
        if init_fn is not None:
            init_fn(worker_id)
        fetcher = make_fetcher()
    except Exception as error:
        failure = ExceptionWrapper(error, where)
    while True:
        number, index = channel.receive()
        result = failure
        if isinstance(index, Resumed):
            result, failure = index, None
            try:
                fetcher = make_fetcher()
            except Exception as error:
                failure = ExceptionWrapper(error, where)
        elif failure is None:
            try:
                result = fetcher.fetch(index)
            except Exception as error:
                ended = isinstance(error, StopIteration) and fetcher.iterator is not None
                result = EndOfStream(worker_id) if ended else ExceptionWrapper(error, where)
        try:
            channel.send((number, result))
        except (EOFError, ConnectionError):
            raise
        except Exception as error:  # a batch that cannot be pickled
            channel.send((number, ExceptionWrapper(error, where)))
