"""torch.backends.cudnn: there is none; what a script sets is kept and changes nothing."""

import contextlib as _contextlib
import sys as _sys

from pycnn._missing import getattr_of as _getattr_of

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True


def is_available():
    """Return False."""
    return False


def version():
    """Return None."""


@_contextlib.contextmanager
def flags(enabled=False, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True):
    """Set the switches for the duration of a block.

    Parameters
    ----------
    enabled : bool, default False
    benchmark : bool, default False
    benchmark_limit : int, default 10
    deterministic : bool, default False
    allow_tf32 : bool, default True

    Yields
    ------
    None
    """
    module, new = _sys.modules[__name__], dict(locals())
    old = {name: getattr(module, name) for name in new}
    vars(module).update(new)
    try:
        yield
    finally:
        vars(module).update(old)


__getattr__ = _getattr_of(__name__, globals())
