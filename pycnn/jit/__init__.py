"""torch.jit: networks as files that run without their Python code, in pycnn, PyTorch, C++ and Java.

:func:`trace` writes down the operators that a network calls for an example; the result is called like the network and
saved as a TorchScript archive (``model.pt``), which ``torch.jit.load`` and libtorch read. :func:`load` reads such
archives, also those of ``torch.jit.trace``; what is in them is parsed, never run as Python.
"""

from pycnn import _C
from pycnn.jit._sizes import TracedInt, TracerWarning, warn_untraceable
from pycnn.jit._script import ScriptFunction, ScriptModule, load, save
from pycnn.jit._trace import TopLevelTracedModule, TracedModule, trace

__all__ = ["ScriptFunction", "ScriptModule", "TopLevelTracedModule", "TracedModule", "TracerWarning",
           "export", "ignore", "is_scripting", "is_tracing", "load", "save", "script", "trace", "unused"]

_C._set_trace_classes(TracedInt, warn_untraceable)


def script(obj, optimize=None, _frames_up=0, _rcb=None, example_inputs=None):
    """Raise NotImplementedError: there is no compiler of Python here.

    Parameters
    ----------
    obj : object
        Any.
    optimize : object, optional
        Any.
    _frames_up : object, default 0
        Any.
    _rcb : object, optional
        Any.
    example_inputs : object, optional
        Any.

    Raises
    ------
    NotImplementedError
        In any case.

    See Also
    --------
    trace : records what a network does for an example; enough where no ``if`` or loop depends on the values of tensors.
    """
    raise NotImplementedError("pycnn has no compiler for torch.jit.script: use torch.jit.trace(model, example_inputs), "
                              "which records what the model does for an example. Where a branch or loop depends on the "
                              "values of tensors, trace the parts between and save them one by one")


def is_tracing():
    """Return True within a function that :func:`trace` runs."""
    return _C.is_tracing()


def is_scripting():
    """Return False: nothing is compiled here."""
    return False


def ignore(drop=False, **kwargs):
    """Return the function itself: torch's mark for what :func:`script` should leave to Python.

    Parameters
    ----------
    drop : bool or callable, default False
        The function, where ``@ignore`` stands without parentheses.
    **kwargs : object
        Ignored.

    Returns
    -------
    callable
    """
    return drop if callable(drop) else lambda fn: fn


def unused(fn):
    """Return `fn`: torch's mark for what :func:`script` should leave out.

    Parameters
    ----------
    fn : callable

    Returns
    -------
    callable
    """
    return fn


def export(fn):
    """Return `fn`: torch's mark for methods that :func:`script` should compile too.

    Parameters
    ----------
    fn : callable

    Returns
    -------
    callable
    """
    return fn
