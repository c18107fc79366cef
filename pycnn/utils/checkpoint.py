"""Trading time for memory: what a part of a model computes is not kept for the backward pass, but computed again in
it."""

from pycnn import _C, autograd
from pycnn._missing import getattr_of as _getattr_of
from pycnn._tensor import Tensor
from pycnn.autograd.grad_mode import enable_grad, no_grad
from pycnn.random import get_rng_state, set_rng_state

__all__ = ["checkpoint", "checkpoint_sequential"]


class _Checkpoint(autograd.Function):
    @staticmethod
    def forward(ctx, asks, call, state, *args):
        ctx.call, ctx.state, ctx.args = call, state, args
        with no_grad():
            out = call(*args)
        return out

    @staticmethod
    def backward(ctx, *grads):
        args = [a.detach().requires_grad_(a.requires_grad) if isinstance(a, Tensor) else a for a in ctx.args]
        now = get_rng_state()
        if ctx.state is not None:
            set_rng_state(ctx.state)
        try:
            with enable_grad():
                out = ctx.call(*args)
        finally:
            set_rng_state(now)
        pairs = [(o, g) for o, g in zip(out if isinstance(out, tuple) else (out,), grads)
                 if isinstance(o, Tensor) and o.requires_grad and g is not None]
        if pairs:
            autograd.backward([o for o, _ in pairs], [g for _, g in pairs])
        return None, None, None, *(a.grad if isinstance(a, Tensor) else None for a in args)


def checkpoint(function, *args, use_reentrant=None, preserve_rng_state=True, **kwargs):
    """Call a function without keeping what its backward pass needs; it is called again there.

    Parameters
    ----------
    function : callable
        A part of a model, as ``lambda x: model.layer3(x)``.
    *args
        Its arguments.
    use_reentrant : bool, optional
        Accepted: there is one way here.
    preserve_rng_state : bool, default True
        Let dropout draw the same again.
    **kwargs
        Further arguments of the function.

    Returns
    -------
    Tensor or tuple of Tensor
        What the function returns.

    Notes
    -----
    A batch norm within it sees its batch twice: its running statistics move twice, as in torch.
    """
    kwargs.pop("determinism_check", None), kwargs.pop("debug", None)
    if not _C.is_grad_enabled():
        return function(*args, **kwargs)
    asks = _C.fn.empty(0).requires_grad_()  # gradients of the function's own parameters are wanted, whatever args are
    state = get_rng_state() if preserve_rng_state else None
    return _Checkpoint.apply(asks, lambda *a: function(*a, **kwargs), state, *args)


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """Run a Sequential in segments, each but the last by :func:`checkpoint`.

    Parameters
    ----------
    functions : Sequential or list of callable
    segments : int
        How many.
    input : Tensor
    use_reentrant : bool, optional
        Accepted.
    **kwargs
        ``preserve_rng_state``.

    Returns
    -------
    Tensor
    """
    functions = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(functions) // segments

    def run(part):
        def call(x):
            for function in part:
                x = function(x)
            return x
        return call

    for k in range(segments - 1):
        input = checkpoint(run(functions[k * size:(k + 1) * size]), input, **kwargs)
    return run(functions[(segments - 1) * size:])(input)


__getattr__ = _getattr_of(__name__, __all__)
