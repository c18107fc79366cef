"""torch.cuda on a machine without one: the questions that scripts ask first are answered, the rest raises torch's
error.

With ``PYCNN_CUDA_AS_CPU=1`` in the environment, what would raise does nothing instead: ``.cuda()`` returns the tensor
or module itself and ``device="cuda"`` means the CPU, so that a script which never asks :func:`is_available` runs as it
is.
"""

import importlib as _importlib
import platform as _platform
import time as _time
from contextlib import nullcontext as _nullcontext

from pycnn._device import check_device as _check_device
from pycnn._missing import getattr_of as _getattr_of
from pycnn._types import tensortype as _tensortype

_TYPES = {name: _tensortype(name, "cuda") for name in _tensortype.NAMES}
globals().update({f"{name}Tensor": kind for name, kind in _TYPES.items()})


def is_available():
    """Return False."""
    return False


def is_initialized():
    """Return False."""
    return False


def is_bf16_supported(including_emulation=True):
    """Return False.

    Parameters
    ----------
    including_emulation : bool, default True
        Ignored.

    Returns
    -------
    bool
    """
    return False


def device_count():
    """Return 0."""
    return 0


def manual_seed(seed):
    """Do nothing: there is no GPU generator.

    Parameters
    ----------
    seed : int
        Any.
    """


def manual_seed_all(seed):
    """Do nothing: there is no GPU generator.

    Parameters
    ----------
    seed : int
        Any.
    """


def seed():
    """Do nothing: there is no GPU generator."""


def seed_all():
    """Do nothing: there is no GPU generator."""


def get_rng_state_all():
    """Return an empty list: there is no GPU generator."""
    return []


def set_rng_state_all(new_states):
    """Accept an empty list: there is no GPU generator.

    Parameters
    ----------
    new_states : list of Tensor
    """


def empty_cache():
    """Do nothing."""


def memory_allocated(device=None):
    """Return 0: bytes of tensors on a GPU.

    Parameters
    ----------
    device : device or int, optional
        Any.

    Returns
    -------
    int
    """
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def init():
    """Raise AssertionError, as torch does without CUDA."""
    _check_device("cuda")


def synchronize(device=None):
    """Raise AssertionError, as torch does without CUDA.

    Parameters
    ----------
    device : device or int, optional
        Any.
    """
    _check_device("cuda")


def reset_peak_memory_stats(device=None):
    """Raise AssertionError, as torch does without CUDA.

    Parameters
    ----------
    device : device or int, optional
        Any.
    """
    _check_device("cuda")


def set_device(device):
    """Raise AssertionError, as torch does without CUDA, unless `device` is negative.

    Parameters
    ----------
    device : device or int
        A negative number stands for none.
    """
    if not (isinstance(device, int) and device < 0):
        _check_device("cuda")


def current_device():
    """Raise AssertionError, as torch does without CUDA."""
    _check_device("cuda")
    return 0


def get_device_name(device=None):
    """Raise AssertionError, as torch does without CUDA.

    Parameters
    ----------
    device : device or int, optional
        Any.

    Returns
    -------
    str
        With ``PYCNN_CUDA_AS_CPU=1``, the processor's.
    """
    _check_device("cuda")
    return _platform.processor() or _platform.machine()


def get_device_properties(device=None):
    """Raise AssertionError, as torch does without CUDA: there are none, with $PYCNN_CUDA_AS_CPU neither.

    Parameters
    ----------
    device : device or int, optional
        Any.

    Raises
    ------
    AssertionError
        In any case.
    """
    raise AssertionError("Torch not compiled with CUDA enabled")


def get_device_capability(device=None):
    """Raise AssertionError, as torch does without CUDA: there is none, with $PYCNN_CUDA_AS_CPU neither.

    Parameters
    ----------
    device : device or int, optional
        Any.

    Raises
    ------
    AssertionError
        In any case.
    """
    raise AssertionError("Torch not compiled with CUDA enabled")


class device(_nullcontext):
    """A context in which nothing changes: there is no other device to choose.

    Parameters
    ----------
    device : device or int
    """

    def __init__(self, device):
        super().__init__()
        self.idx = device


class stream(_nullcontext):
    """A context in which nothing changes: there are no streams.

    Parameters
    ----------
    stream : optional
    """

    def __init__(self, stream):
        super().__init__()
        self.stream = stream


class Stream:
    """Raises AssertionError, as torch does without CUDA; with $PYCNN_CUDA_AS_CPU, a queue that is always empty.

    Parameters
    ----------
    device, priority : optional
        Accepted.
    """

    def __init__(self, device=None, priority=0):
        _check_device("cuda")

    def synchronize(self):
        """Do nothing: what came before is done."""

    def wait_stream(self, stream):
        """Do nothing: what came before is done.

        Parameters
        ----------
        stream : Stream
        """

    def wait_event(self, event):
        """Do nothing: what came before is done.

        Parameters
        ----------
        event : Event
        """

    def query(self):
        """Return True: what came before is done.

        Returns
        -------
        bool
        """
        return True


def current_stream(device=None):
    """Raise AssertionError, as torch does without CUDA; with $PYCNN_CUDA_AS_CPU, return a :class:`Stream`.

    Parameters
    ----------
    device : optional

    Returns
    -------
    Stream
    """
    return Stream(device)


class Event:
    """A point in time. Without ``PYCNN_CUDA_AS_CPU=1``, recording it raises AssertionError.

    Parameters
    ----------
    enable_timing, blocking, interprocess : bool, default False
        `enable_timing` is needed for :meth:`elapsed_time`.
    external : bool, default False
        Accepted and ignored.
    """

    def __init__(self, enable_timing=False, blocking=False, interprocess=False, external=False):
        self._timing, self._time = enable_timing, None

    def record(self, stream=None):
        """Take the time.

        Parameters
        ----------
        stream : object, optional
            Ignored.
        """
        _check_device("cuda")
        self._time = _time.perf_counter()

    def synchronize(self):
        """Do nothing: what came before is done."""

    def query(self):
        """Return True: what came before is done."""
        return True

    def elapsed_time(self, end_event):
        """Return the milliseconds from this event to another.

        Parameters
        ----------
        end_event : Event

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If one of them was not recorded, or not made with ``enable_timing=True``.
        """
        if not (self._timing and end_event._timing) or self._time is None or end_event._time is None:
            raise ValueError("Both events must be created with argument 'enable_timing=True' and recorded before "
                             "calculating elapsed time.")
        return (end_event._time - self._time) * 1e3


def __getattr__(name):
    if name == "amp":
        return _importlib.import_module("pycnn.cuda.amp")
    return _missing(name)


_missing = _getattr_of(__name__, globals())
