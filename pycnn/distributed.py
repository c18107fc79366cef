"""torch.distributed, without it: the questions that a script asks first, and torch's error for the rest."""

import enum

from pycnn._missing import getattr_of as _getattr_of

__all__ = ["ReduceOp", "all_gather", "all_reduce", "barrier", "broadcast", "destroy_process_group",
           "get_backend", "get_rank",
           "get_world_size", "init_process_group", "is_available", "is_gloo_available", "is_initialized",
           "is_mpi_available", "is_nccl_available", "is_torchelastic_launched", "reduce"]


class ReduceOp(enum.Enum):
    """How values of several processes become one."""

    SUM, AVG, PRODUCT, MIN, MAX = range(5)


def is_available():
    """Return False: pycnn trains in one process."""
    return False


def is_initialized():
    """Return False."""
    return False


def is_nccl_available():
    """Return False."""
    return False


is_gloo_available = is_mpi_available = is_torchelastic_launched = is_nccl_available


def init_process_group(backend=None, init_method=None, timeout=None, world_size=-1, rank=-1, store=None, group_name="",
                       pg_options=None, device_id=None):
    """Raise RuntimeError: pycnn trains in one process.

    Parameters
    ----------
    backend : str, optional
        Any.
    init_method : str, optional
        Any.
    timeout : timedelta, optional
        Any.
    world_size : int, default -1
        Any.
    rank : int, default -1
        Any.
    store : object, optional
        Any.
    group_name : str, default ""
        Any.
    pg_options : object, optional
        Any.
    device_id : object, optional
        Any.

    Raises
    ------
    RuntimeError
        In any case.
    """
    raise RuntimeError("Distributed package doesn't have NCCL, GLOO or MPI built in: pycnn trains in one process, with "
                       "all of its threads; run the script without its distributed option")


def _no_group(*args, **kwargs):
    """Raise ValueError: there is no process group.

    Parameters
    ----------
    *args : object
        Any.
    **kwargs : object
        Any.

    Raises
    ------
    ValueError
        In any case, with torch's words.
    """
    raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")


get_rank = get_world_size = get_backend = destroy_process_group = _no_group
barrier = all_reduce = all_gather = broadcast = reduce = _no_group


__getattr__ = _getattr_of(__name__, globals())
