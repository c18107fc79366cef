"""torch.multiprocessing: Python's module, and ``spawn``. A tensor that is sent to another process is copied."""

import multiprocessing as _multiprocessing
from multiprocessing import *  # noqa: F403

from pycnn._missing import getattr_of as _getattr_of

__all__ = [*_multiprocessing.__all__, "ProcessExitedException", "ProcessRaisedException", "get_all_sharing_strategies",
           "get_sharing_strategy", "set_sharing_strategy", "spawn"]

_strategy = "file_descriptor"


def get_all_sharing_strategies():
    """Return the names that :func:`set_sharing_strategy` accepts."""
    return {"file_descriptor", "file_system"}


def set_sharing_strategy(new_strategy):
    """Accept a name; tensors are copied, not shared, whatever it is.

    Parameters
    ----------
    new_strategy : str

    Raises
    ------
    AssertionError
        If it is no such name.
    """
    global _strategy
    if new_strategy not in get_all_sharing_strategies():
        raise AssertionError(f"invalid sharing strategy {new_strategy!r}, expected one of "
                             f"{get_all_sharing_strategies()}")
    _strategy = new_strategy


def get_sharing_strategy():
    """Return what was set by :func:`set_sharing_strategy`."""
    return _strategy


class ProcessExitedException(Exception):
    """A process of :func:`spawn` ended with a signal or another exit code than 0."""


class ProcessRaisedException(Exception):
    """The function of :func:`spawn` raised in a process; the message holds the traceback."""


def _call(fn, rank, args, errors):
    import traceback
    try:
        fn(rank, *args)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception:
        errors.put(traceback.format_exc())
        raise SystemExit(1) from None


class _Spawned:
    def __init__(self, processes, errors):
        self.processes, self._errors = processes, errors

    def join(self, timeout=None, grace_period=None):
        """Wait for all, and return True once they have ended.

        When one fails the others are ended and its error is raised.
        """
        from multiprocessing.connection import wait
        alive = {p.sentinel: p for p in self.processes if p.exitcode is None}
        ended = [alive[s] for s in wait(list(alive), timeout)] if alive else []
        for p in ended:
            p.join()
        failed = next((k for k, p in enumerate(self.processes) if p.exitcode not in (None, 0)), None)
        if failed is None:
            return all(p.exitcode == 0 for p in self.processes)
        for p in self.processes:
            if p.exitcode is None:
                p.terminate()
                p.join()
        code = self.processes[failed].exitcode
        if code == 1 and not self._errors[failed].empty():
            raise ProcessRaisedException(f"\n\n-- Process {failed} terminated with the following "
                                         f"error:\n{self._errors[failed].get()}")
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise ProcessExitedException(f"process {failed} terminated with {how}")


def spawn(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """Run ``fn(rank, *args)`` in processes of their own.

    Parameters
    ----------
    fn : callable
        At the top of a module, so that the new process can import it.
    args : tuple
    nprocs : int, default 1
    join : bool, default True
        Wait for all of them. False: return an object whose ``join()`` does.
    daemon : bool, default False
    start_method : str, default "spawn"

    Returns
    -------
    object or None
        None with `join`.

    Raises
    ------
    ProcessRaisedException, ProcessExitedException
        If one fails; the others are ended.
    """
    context = _multiprocessing.get_context(start_method)
    errors = [context.SimpleQueue() for _ in range(nprocs)]
    processes = [context.Process(target=_call, args=(fn, rank, args, errors[rank]), daemon=daemon)
                 for rank in range(nprocs)]
    for p in processes:
        p.start()
    spawned = _Spawned(processes, errors)
    if not join:
        return spawned
    while not spawned.join():
        pass
    return None


__getattr__ = _getattr_of(__name__, globals())
