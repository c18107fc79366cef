"""Switches of torch's that have nothing to switch here: accepted, remembered where they can be read again."""

import warnings

from pycnn._device import check_device, device as _device

_precision = "highest"
_deterministic = _warn_only = False


def compile(model=None, *, fullgraph=False, dynamic=None, backend=None, mode=None, options=None, name=None,
            disable=False, recompile_limit=None, isolate_recompiles=False, dynamic_shapes=None):
    """Return `model` as it is: a module, or a function. Without it, a decorator that does the same.

    Parameters
    ----------
    model : Module or callable, optional
    fullgraph, disable, isolate_recompiles : bool, default False
        Ignored.
    dynamic, backend, mode, options, name, recompile_limit, dynamic_shapes : optional
        Ignored.

    Returns
    -------
    Module or callable

    Notes
    -----
    There is nothing to compile: the kernels are compiled already. torch returns a wrapper, whose ``state_dict`` has the
    prefix ``_orig_mod.``; the module itself has none.
    """
    return model if model is not None else lambda function: function


def set_float32_matmul_precision(precision):
    """Accept "highest", "high" or "medium"; products of float32 are computed in float32 whatever it is.

    Parameters
    ----------
    precision : {"highest", "high", "medium"}
        Others are warned of.
    """
    global _precision
    if precision in ("highest", "high", "medium"):
        _precision = precision
    else:
        warnings.warn(f"{precision} is not one of 'highest', 'high', or 'medium'; the current "
                      "setFloat32MatmulPrecision call has no effect.", stacklevel=2)


def get_float32_matmul_precision():
    """Return what was set by :func:`set_float32_matmul_precision`."""
    return _precision


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Accept a bool; results are the same from run to run whatever it is.

    Parameters
    ----------
    mode : bool
    warn_only : bool, default False
    """
    global _deterministic, _warn_only
    _deterministic, _warn_only = bool(mode), bool(warn_only)


def are_deterministic_algorithms_enabled():
    """Return what was set by :func:`use_deterministic_algorithms`."""
    return _deterministic


def is_deterministic_algorithms_warn_only_enabled():
    """Return the `warn_only` that was set by :func:`use_deterministic_algorithms`."""
    return _deterministic and _warn_only


def set_num_interop_threads(threads):
    """Accept a positive number: there is one pool of threads, see :func:`pycnn.set_num_threads`.

    Parameters
    ----------
    threads : int

    Raises
    ------
    RuntimeError
        If it is less than 1.
    """
    if threads < 1:
        raise RuntimeError("set_num_interop_threads expects a positive integer")


def get_num_interop_threads():
    """Return 1: operators run one after the other."""
    return 1


def set_default_device(device):
    """Accept the CPU; others are refused as where they are used.

    Parameters
    ----------
    device : device or str
        "cpu".
    """
    check_device(device)


def get_default_device():
    """Return the CPU."""
    return _device("cpu")


def is_autocast_enabled(device_type=None):
    """Return False: nothing is cast, see :class:`pycnn.amp.autocast`.

    Parameters
    ----------
    device_type : str, optional
        Any.

    Returns
    -------
    bool
    """
    return False
