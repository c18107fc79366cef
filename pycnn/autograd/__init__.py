"""Automatic differentiation: backward, grad, grad modes and custom functions."""

from pycnn import _C
from pycnn._missing import getattr_of as _getattr_of
from pycnn.autograd.function import Function
from pycnn.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["Function", "Variable", "backward", "enable_grad", "grad", "inference_mode", "no_grad", "set_grad_enabled"]


def _tuple(x):
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None):
    """Add the gradients of `tensors` to the ``.grad`` of the leaves they were made from.

    Parameters
    ----------
    tensors : Tensor or sequence of Tensor
    grad_tensors : Tensor or sequence of Tensor, optional
        Their gradients; may be left out for single elements.
    retain_graph : bool, optional
        Keep the graph for another call; default `create_graph`.
    create_graph : bool, default False
        Not supported: True raises NotImplementedError.
    grad_variables : Tensor or sequence of Tensor, optional
        torch's old spelling of `grad_tensors`.
    inputs : Tensor or sequence of Tensor, optional
        Accumulate into these leaves alone.

    Raises
    ------
    RuntimeError
        If `inputs` is empty, a tensor has no graph, or is no scalar and has no gradient given.
    """
    _refuse_create_graph(create_graph)
    tensors = _tuple(tensors)
    if grad_tensors is None:
        grad_tensors = grad_variables
    grads = None if grad_tensors is None else _tuple(grad_tensors)
    if inputs is None:
        _C.run_backward(tensors, grads, bool(retain_graph), None)
        return
    inputs = _tuple(inputs)
    if not inputs:
        raise RuntimeError("'inputs' argument to backward() cannot be empty.")
    with no_grad():
        for leaf, g in zip(inputs, _C.run_backward(tensors, grads, bool(retain_graph), inputs)):
            if g is not None:
                leaf.grad = g.clone() if leaf.grad is None else leaf.grad.add_(g)


def grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, only_inputs=True, allow_unused=None,
         is_grads_batched=False, materialize_grads=False):
    """Return the gradients of `outputs` with respect to `inputs`, touching no ``.grad``.

    Parameters
    ----------
    outputs : Tensor or sequence of Tensor
    inputs : Tensor or sequence of Tensor
    grad_outputs : Tensor or sequence of Tensor, optional
        Gradients of the outputs; may be left out for single elements.
    retain_graph : bool, optional
        Keep the graph for another call; default `create_graph`.
    create_graph : bool, default False
        Not supported: True raises NotImplementedError.
    only_inputs : bool, default True
        Accepted and ignored.
    allow_unused : bool, optional
        Return None for inputs that the outputs do not depend on.
    is_grads_batched : bool, default False
        Not supported: True raises NotImplementedError.
    materialize_grads : bool, default False
        Return zeros instead of None.

    Returns
    -------
    tuple of Tensor
        One for each input; None for one that the outputs do not depend on, if `allow_unused`.

    Raises
    ------
    RuntimeError
        If an input was not used and `allow_unused` is not True.
    NotImplementedError
        If `create_graph` or `is_grads_batched` is True.
    """
    _refuse_create_graph(create_graph)
    if is_grads_batched:
        raise NotImplementedError("is_grads_batched=True: batches of gradients are not supported by pycnn; call grad() "
                                  "for each")
    outputs, inputs = _tuple(outputs), _tuple(inputs)
    for x in inputs:
        if not x.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    grads = None if grad_outputs is None else _tuple(grad_outputs)
    result = _C.run_backward(outputs, grads, bool(retain_graph), inputs)
    if materialize_grads:
        return tuple(x.new_zeros(x.shape) if g is None else g for x, g in zip(inputs, result))
    missing = next((k for k, g in enumerate(result) if g is None), None)
    if missing is not None and not allow_unused:
        raise RuntimeError(f"The differentiated Tensor at index {missing} appears to not have been used in the graph. "
                           "Set allow_unused=True if this is the desired behavior.")
    return result


def _refuse_create_graph(create_graph):
    if create_graph:
        raise NotImplementedError("create_graph=True: gradients of gradients are not supported by pycnn")


class set_detect_anomaly:
    """Accept a bool, also as a context: nothing more is checked. A gradient that cannot be computed names its operator
    anyway.

    Parameters
    ----------
    mode : bool
    check_nan : bool, default True
        Accepted: backward does not look for NaN.
    """

    def __init__(self, mode, check_nan=True):
        self.mode = mode

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None


class detect_anomaly(set_detect_anomaly):
    """The context of :class:`set_detect_anomaly`.

    Parameters
    ----------
    check_nan : bool, default True
        Accepted: backward does not look for NaN.
    """

    def __init__(self, check_nan=True):
        super().__init__(True, check_nan)


class _VariableMeta(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, _C.TensorBase)


class Variable(metaclass=_VariableMeta):
    """What is left of torch's old Variable: ``Variable(data)`` is a tensor without a graph that shares the memory of
    `data`.

    Parameters
    ----------
    data : Tensor
    requires_grad : bool, default False
    volatile : optional
        Accepted: use :class:`pycnn.no_grad`.
    """

    def __new__(cls, data, requires_grad=False, volatile=False):
        return data.detach().requires_grad_(requires_grad)


__getattr__ = _getattr_of(__name__, globals())
