"""torch.amp: scripts for mixed precision run, in float32.

Nothing is cast here: float32 is the dtype that this library is fast in, and float16 and bfloat16 are for storage.
"""

import contextlib
import math
import warnings

from pycnn import _C
from pycnn._device import device
from pycnn._missing import getattr_of as _getattr_of
from pycnn._tensor import Tensor
from pycnn.autograd.grad_mode import no_grad

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]


class autocast(contextlib.ContextDecorator):
    """A context, or decorator, in which torch would compute in a narrower dtype. Here it computes as outside, in
    float32.

    Parameters
    ----------
    device_type : str
        "cpu" or "cuda"; for others than the CPU torch's warning says that it is disabled.
    dtype : dtype, optional
    enabled : bool, default True
    cache_enabled : bool, optional

    Raises
    ------
    ValueError
        If `device_type` is no str.

    Notes
    -----
    torch's autocast on the CPU computes convolutions and linear layers in bfloat16: its results have 8 significant bits
    there, these have 24. :func:`pycnn.is_autocast_enabled` returns False within.
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        device_type = device(device_type).type
        if enabled and device_type != "cpu":
            warnings.warn(f"{device_type.upper()} is not available. Disabling autocast.", stacklevel=2)
        self.device, self.fast_dtype = device_type, dtype

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None


def is_autocast_available(device_type):
    """Return False: nothing is cast.

    Parameters
    ----------
    device_type : str
        Any.

    Returns
    -------
    bool
    """
    return False


def custom_fwd(fwd=None, *, device_type, cast_inputs=None):
    """Decorate ``forward`` of an autograd function: returns it as it is.

    Parameters
    ----------
    fwd : callable, optional
    device_type : str
        Any.
    cast_inputs : dtype, optional
        Ignored.

    Returns
    -------
    callable
    """
    return fwd if fwd is not None else lambda function: function


def custom_bwd(bwd=None, *, device_type):
    """Decorate ``backward`` of an autograd function: returns it as it is.

    Parameters
    ----------
    bwd : callable, optional
    device_type : str
        Any.

    Returns
    -------
    callable
    """
    return bwd if bwd is not None else lambda function: function


class GradScaler:
    """Multiplies the loss, so that small gradients do not become zero in float16, and divides the gradients again.

    Parameters
    ----------
    device : str, default "cuda"
        "cpu" scales. "cuda" is disabled, with torch's warning: then everything passes through.
    init_scale : float, default 65536
    growth_factor, backoff_factor : float, default 2 and 0.5
        What the scale is multiplied by after `growth_interval` good steps, and after gradients that are not finite.
    growth_interval : int, default 2000
    enabled : bool, default True

    Raises
    ------
    AssertionError
        If the growth factor is not above 1, or the backoff factor not below.

    See Also
    --------
    torch.amp.GradScaler : same behaviour.
    """

    def __init__(self, device="cuda", init_scale=65536.0, growth_factor=2.0, backoff_factor=0.5, growth_interval=2000,
                 enabled=True):
        self._enabled = enabled
        if enabled and device != "cpu":
            warnings.warn(f"torch.{device}.amp.GradScaler is enabled, but {device.upper()} is not available.  "
                          "Disabling.",
                          stacklevel=2)
            self._enabled = False
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._scale, self._growth_factor, self._backoff_factor = float(init_scale), growth_factor, backoff_factor
        self._growth_interval, self._growth_tracker, self._scaled = growth_interval, 0, False
        self._found = {}    # whether an optimizer's gradients are finite, of those divided since the last update
        self._stepped = set()

    def scale(self, outputs):
        """Multiply a tensor, or those of an iterable, by the scale.

        Parameters
        ----------
        outputs : Tensor or iterable of Tensor

        Returns
        -------
        Tensor or iterable of Tensor

        Raises
        ------
        ValueError
            If `outputs` is something else.
        """
        if not self._enabled:
            return outputs
        self._scaled = True
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(o) for o in outputs)
        if hasattr(outputs, "__iter__"):
            return map(self.scale, outputs)
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    @no_grad()
    def unscale_(self, optimizer):
        """Divide the gradients of an optimizer's parameters by the scale: before clipping them, say.

        Parameters
        ----------
        optimizer : Optimizer

        Raises
        ------
        RuntimeError
            If that was done since the last update already, or the step was.
        ValueError
            If a gradient is float16.
        """
        if not self._enabled:
            return
        if id(optimizer) in self._stepped:
            raise RuntimeError("unscale_() is being called after step().")
        if id(optimizer) in self._found:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        factor, finite = 1.0 / self._scale, True
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    if p.grad.dtype is _C.float16:
                        raise ValueError("Attempting to unscale FP16 gradients.")
                    p.grad.mul_(factor)
                    finite = finite and bool(p.grad.isfinite().all())
        self._found[id(optimizer)] = finite

    def step(self, optimizer, *args, **kwargs):
        """Let the optimizer step if its gradients, divided by the scale, are finite; returns what it returns.

        Parameters
        ----------
        optimizer : Optimizer
        *args : object
            Passed on to the step.
        **kwargs : object
            Passed on to the step.

        Returns
        -------
        object
            None if the step was left out.

        Raises
        ------
        RuntimeError
            If there is a closure, or a step was made since the last update already.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        if id(optimizer) in self._stepped:
            raise RuntimeError("step() has already been called since the last update().")
        if id(optimizer) not in self._found:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        return optimizer.step(*args, **kwargs) if self._found[id(optimizer)] else None

    def update(self, new_scale=None):
        """Adapt the scale to how the steps since the last update went, or set it.

        Parameters
        ----------
        new_scale : float or Tensor, optional
            The scale, instead of an adaptation.

        Raises
        ------
        AssertionError
            If nothing was scaled or no step was made.
        """
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._scaled:
            raise AssertionError("Attempted update but _scale is None.  This may indicate your script did not use "
                                 "scaler.scale(loss or outputs) earlier in the iteration.")
        elif not self._found:
            raise AssertionError("No inf checks were recorded prior to update.")
        elif not all(self._found.values()):
            self._scale, self._growth_tracker = self._scale * self._backoff_factor, 0
        else:
            self._growth_tracker += 1
            if self._growth_tracker == self._growth_interval:
                grown = self._scale * self._growth_factor
                self._scale, self._growth_tracker = grown if math.isfinite(grown) else self._scale, 0
        self._found, self._stepped = {}, set()

    def get_scale(self):
        """Return the scale; 1 if disabled."""
        return self._scale if self._enabled else 1.0

    def is_enabled(self):
        """Return True if gradients are scaled."""
        return self._enabled

    def get_growth_factor(self):
        """Return what the scale grows by."""
        return self._growth_factor

    def set_growth_factor(self, new_factor):
        """Set what the scale grows by.

        Parameters
        ----------
        new_factor : float
        """
        self._growth_factor = new_factor

    def get_backoff_factor(self):
        """Return what the scale shrinks by."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor):
        """Set what the scale shrinks by.

        Parameters
        ----------
        new_factor : float
        """
        self._backoff_factor = new_factor

    def get_growth_interval(self):
        """Return after how many good steps the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval):
        """Set after how many good steps the scale grows.

        Parameters
        ----------
        new_interval : int
        """
        self._growth_interval = new_interval

    def state_dict(self):
        """Return scale, factors, interval and count of good steps; an empty dict if disabled."""
        if not self._enabled:
            return {}
        return {"scale": self._scale, "growth_factor": self._growth_factor, "backoff_factor": self._backoff_factor,
                "growth_interval": self._growth_interval, "_growth_tracker": self._growth_tracker}

    def load_state_dict(self, state_dict):
        """Go on from a state of :meth:`state_dict`, pycnn's or torch's.

        Parameters
        ----------
        state_dict : dict

        Raises
        ------
        RuntimeError
            If it is empty.
        """
        if not self._enabled:
            return
        if len(state_dict) == 0:
            raise RuntimeError("The source state dict is empty, possibly because it was saved from a disabled instance "
                               "of GradScaler.")
        self._scale, self._growth_factor = state_dict["scale"], state_dict["growth_factor"]
        self._backoff_factor, self._growth_interval = state_dict["backoff_factor"], state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]


__getattr__ = _getattr_of(__name__, globals())
