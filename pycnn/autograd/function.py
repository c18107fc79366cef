"""autograd.Function: operations with a gradient of the user's own."""

from pycnn import _C
from pycnn.autograd.grad_mode import no_grad


class FunctionCtx:
    """What ``forward`` leaves for ``backward``: saved tensors, and any attribute set on it.

    Parameters
    ----------
    needs_input_grad : tuple of bool
        For each argument: is its gradient wanted?
    """

    def __init__(self, needs_input_grad):
        self.needs_input_grad = needs_input_grad
        self._saved = ()
        self._non_differentiable = ()
        self._dirty = ()
        self._materialize = True

    def save_for_backward(self, *tensors):
        """Keep tensors (or None) for backward; writing to one in place before backward is an error.

        Parameters
        ----------
        *tensors : Tensor or None
        """
        self._saved = tuple((t, None if t is None else t._version) for t in tensors)

    @property
    def saved_tensors(self):
        """The tensors kept by :meth:`save_for_backward`.

        Raises
        ------
        RuntimeError
            If one was changed in place.
        """
        for t, version in self._saved:
            if t is not None and t._version != version:
                raise RuntimeError("one of the variables needed for gradient computation has been modified by an "
                                   f"inplace operation: it is at version {t._version}; expected version {version} "
                                   "instead.")
        return tuple(t for t, _ in self._saved)

    def mark_non_differentiable(self, *tensors):
        """Declare outputs that have no gradient.

        Parameters
        ----------
        *tensors : Tensor
        """
        self._non_differentiable = tensors

    def mark_dirty(self, *tensors):
        """Declare inputs that forward has written to in place.

        Parameters
        ----------
        *tensors : Tensor
        """
        self._dirty = tensors

    def set_materialize_grads(self, value):
        """Whether missing gradients reach backward as zeros (the default) or as None.

        Parameters
        ----------
        value : bool
        """
        self._materialize = value


class Function:
    """An operation with its own gradient: subclasses define static ``forward(ctx, ...)`` and ``backward(ctx, ...)``.

    ``forward(ctx, *args)`` runs unrecorded; ``backward(ctx, *grads)`` returns one gradient (or None) for each argument
    of forward. ``setup_context(ctx, inputs, output)`` may be defined instead of taking ctx in forward.

    See Also
    --------
    torch.autograd.Function : same behaviour, without double backward.

    Examples
    --------
    >>> class Square(pycnn.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         x, = ctx.saved_tensors
    ...         return 2 * x * grad
    >>> x = pycnn.tensor([3.0], requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor([6.])
    """

    @staticmethod
    def forward(*args, **kwargs):
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(ctx, *grads):
        """Compute the gradients of forward's arguments; every subclass defines its own.

        Parameters
        ----------
        ctx : FunctionCtx
            As forward left it.
        *grads : Tensor
            Gradients of the outputs.

        Raises
        ------
        NotImplementedError
            Unless a subclass defines it.
        """
        raise NotImplementedError("You must implement the backward method for your custom autograd.Function to use it "
                                  "with backward mode AD.")

    setup_context = None

    @classmethod
    def apply(cls, *args):
        """Run forward on `args` and record the operation.

        Parameters
        ----------
        *args : object

        Returns
        -------
        Tensor or tuple of Tensor
            What forward returns.

        Raises
        ------
        RuntimeError
            In backward, if the number of gradients is not that of the arguments.
        """
        tensors = [(k, a) for k, a in enumerate(args) if isinstance(a, _C.TensorBase)]
        needs = tuple(isinstance(a, _C.TensorBase) and a.requires_grad for a in args)
        ctx = FunctionCtx(needs)
        with no_grad():
            if cls.setup_context is not None:
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args)
        outputs = result if isinstance(result, tuple) else (result,)
        if not (any(needs) and _C.is_grad_enabled()):
            return result
        made = tuple(o.detach() if any(o is a for _, a in tensors) and not any(o is d for d in ctx._dirty) else o
                     for o in outputs)
        differentiable = tuple(o for o, original in zip(made, outputs) if isinstance(o, _C.TensorBase)
                               and not any(original is n for n in ctx._non_differentiable))
        shapes = [o.shape for o in differentiable]

        def backward(*grads):
            if ctx._materialize:
                example = next(g for g in grads if g is not None)
                grads = tuple(example.new_zeros(shape) if g is None else g for g, shape in zip(grads, shapes))
            by_output = iter(grads)
            full = tuple(next(by_output) if any(o is d for d in differentiable) else None for o in made)
            gradients = cls.backward(ctx, *full)
            if not isinstance(gradients, tuple):
                gradients = (gradients,)
            if len(gradients) < len(args) or any(g is not None for g in gradients[len(args):]):
                raise RuntimeError(f"function {cls.__name__}Backward returned an incorrect number of gradients "
                                   f"(expected {len(args)}, got {len(gradients)})")
            return tuple(gradients[k] for k, _ in tensors)

        _C.record_function(backward, tuple(a for _, a in tensors), differentiable)
        return made if isinstance(result, tuple) else made[0]


def once_differentiable(fn):
    """Mark a backward as not differentiable itself; here every one is, so it is returned unchanged.

    Parameters
    ----------
    fn : callable

    Returns
    -------
    callable
    """
    return fn
