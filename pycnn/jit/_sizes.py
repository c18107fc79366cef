"""Sizes that a trace follows, and the warnings where it loses sight of a value."""

import sys
import warnings

from pycnn import _C


class TracerWarning(Warning):
    """Something happens while a function is traced that a trace cannot hold."""


_MESSAGES = {
    "length": "Using len to get tensor shape might cause the trace to be incorrect. Recommended usage would be "
              "tensor.shape[0]. Passing a tensor of different shape might lead to errors or silently give incorrect "
              "results.",
    "iteration": "Iterating over a tensor might cause the trace to be incorrect. Passing a tensor of different shape "
                 "won't change the number of iterations executed (and might lead to errors or silently give "
                 "incorrect results).",
}


def warn_untraceable(what):
    """Warn that a value leaves the trace as a `what`, unless the library itself looks at it to check arguments.

    Parameters
    ----------
    what : str
    """
    frame, level = sys._getframe(1), 2
    module = frame.f_globals.get("__name__", "")
    if module.startswith("pycnn.") and module not in ("pycnn._tensor", __name__):
        return
    while frame is not None and frame.f_globals.get("__name__", "").startswith("pycnn."):
        frame, level = frame.f_back, level + 1
        if frame is not None and module == __name__ and frame.f_globals.get("__name__", "").startswith("pycnn."):
            return
    warnings.warn(_MESSAGES.get(what) or f"Converting a tensor to a {what} might cause the trace to be incorrect. We "
                                         "can't record the data flow of Python values, so this value will be treated "
                                         "as a constant in the future. This means that the trace might not generalize "
                                         "to other inputs!", TracerWarning, stacklevel=level)


class TracedInt(int):
    """A size of a traced tensor: an int that the trace computes anew for other inputs.

    Sums, differences, products, ``//`` and ``%`` with ints stay such sizes. Comparing it or converting it to something
    else gives a plain value, with a :class:`TracerWarning`.

    Parameters
    ----------
    value : int
    var : object, default -1
        The graph's variable.
    trace : object, default -1
        The trace that is being made.
    """

    def __new__(cls, value, var=-1, trace=-1):
        self = int.__new__(cls, value)
        self._var, self._trace = var, trace
        return self

    def __reduce__(self):
        return int, (int.__int__(self),)

    def __neg__(self):
        return _C.trace_arithmetic(_NEGATE, self, 0, int.__neg__(self))

    def __pos__(self):
        return self

    def __int__(self):
        warn_untraceable("Python integer")
        return int.__int__(self)

    def __float__(self):
        warn_untraceable("Python float")
        return int.__float__(self)

    def __bool__(self):
        warn_untraceable("Python boolean")
        return int.__bool__(self)

    __hash__ = int.__hash__


_ADD, _SUBTRACT, _MULTIPLY, _FLOOR_DIVIDE, _MODULO, _NEGATE = range(6)


def _add_arithmetic(name, how):
    for reflected in (False, True):
        method_name = f"__{'r' if reflected else ''}{name}__"
        plain = getattr(int, method_name)

        def method(self, other, plain=plain, reflected=reflected):
            value = plain(self, other)
            if value is NotImplemented:
                return value
            a, b = (other, self) if reflected else (self, other)
            return _C.trace_arithmetic(how, a, b, value)
        method.__name__ = method_name
        setattr(TracedInt, method_name, method)


def _add_conversion(name, what):
    plain = getattr(int, name)

    def method(self, *args):
        value = plain(self, *args)
        if value is not NotImplemented:
            warn_untraceable(what)
        return value
    method.__name__ = name
    setattr(TracedInt, name, method)


for _name, _how in (("add", _ADD), ("sub", _SUBTRACT), ("mul", _MULTIPLY), ("floordiv", _FLOOR_DIVIDE),
                    ("mod", _MODULO)):
    _add_arithmetic(_name, _how)
for _name in ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"):
    _add_conversion(_name, "Python boolean")
for _name in ("__truediv__", "__rtruediv__", "__pow__", "__rpow__"):
    _add_conversion(_name, "Python number")
