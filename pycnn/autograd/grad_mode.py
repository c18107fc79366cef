"""Switching the recording of operations off and on: context managers that also decorate functions."""

import functools
import inspect

from pycnn import _C


class _Mode:
    """A grad mode as a context manager and as a decorator."""

    mode = False

    def __enter__(self):
        self._previous = _C.set_grad_enabled(self.mode)
        return self

    def __exit__(self, *exc):
        _C.set_grad_enabled(self._previous)

    def clone(self):
        """Return a manager for another, nested use."""
        return type(self)()

    def __call__(self, fn):
        if inspect.isgeneratorfunction(fn):
            @functools.wraps(fn)
            def generator(*args, **kwargs):
                with self.clone():
                    g = fn(*args, **kwargs)
                    value = None
                    while True:
                        try:
                            item = g.send(value)
                        except StopIteration as stop:
                            return stop.value
                        previous = _C.set_grad_enabled(self._previous_or(True))
                        try:
                            value = yield item
                        finally:
                            _C.set_grad_enabled(previous)
            return generator

        @functools.wraps(fn)
        def wrapper(*args, **kwargs):
            with self.clone():
                return fn(*args, **kwargs)
        return wrapper

    def _previous_or(self, default):
        return getattr(self, "_previous", default)


class no_grad(_Mode):
    """Record nothing inside of the ``with`` block or the decorated function.

    Parameters
    ----------
    orig_func : callable, optional
        What is decorated, where ``@no_grad`` stands without parentheses.

    See Also
    --------
    torch.no_grad : same behaviour.

    Examples
    --------
    >>> x = pycnn.ones(2, requires_grad=True)
    >>> with no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __new__(cls, orig_func=None):
        self = object.__new__(cls)
        return self if orig_func is None else self(orig_func)


class enable_grad(no_grad):
    """Record inside of the block, even within :class:`no_grad`.

    Parameters
    ----------
    orig_func : callable, optional
        What is decorated, where ``@enable_grad`` stands without parentheses.
    """

    mode = True


class inference_mode(_Mode):
    """As :class:`no_grad`; ``inference_mode(False)`` changes nothing.

    Parameters
    ----------
    mode : bool, default True
        False changes nothing.

    Raises
    ------
    TypeError
        If it decorates without parentheses.
    """

    def __init__(self, mode=True):
        if callable(mode):
            raise TypeError("inference_mode: use it as @inference_mode()")
        self._on = mode

    def __enter__(self):
        self._previous = _C.set_grad_enabled(False if self._on else _C.is_grad_enabled())
        return self

    def clone(self):
        return inference_mode(self._on)


class set_grad_enabled(_Mode):
    """Switch recording on or off, at once; as a context manager, until the end of the block.

    Parameters
    ----------
    mode : bool
    """

    def __init__(self, mode):
        self.mode = bool(mode)
        self._previous = _C.set_grad_enabled(self.mode)

    def __enter__(self):
        _C.set_grad_enabled(self.mode)
        return self

    def clone(self):
        return set_grad_enabled(self.mode)

    def __call__(self, fn):
        _C.set_grad_enabled(self._previous)
        return super().__call__(fn)
