"""torch.cuda.amp: the older names of :mod:`pycnn.amp`."""

from pycnn import amp as _amp
from pycnn._C import float16 as _float16

__all__ = ["GradScaler", "autocast"]


class autocast(_amp.autocast):
    """As :class:`pycnn.amp.autocast` for "cuda": there is none, so nothing changes.

    Parameters
    ----------
    enabled : bool, default True
    dtype : dtype, default _float16
    cache_enabled : bool, default True
    """

    def __init__(self, enabled=True, dtype=_float16, cache_enabled=True):
        super().__init__("cuda", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


class GradScaler(_amp.GradScaler):
    """As :class:`pycnn.amp.GradScaler` for "cuda": there is none, so it is disabled.

    Parameters
    ----------
    init_scale : float, default 65536.0
    growth_factor : float, default 2.0
    backoff_factor : float, default 0.5
    growth_interval : int, default 2000
    enabled : bool, default True
    """

    def __init__(self, init_scale=65536.0, growth_factor=2.0, backoff_factor=0.5, growth_interval=2000, enabled=True):
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
