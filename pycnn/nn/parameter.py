"""Parameter and Buffer: tensors that a Module registers when they are assigned to it."""

from pycnn import _C
from pycnn._missing import getattr_of as _getattr_of
from pycnn._tensor import Tensor


class Parameter(Tensor):
    """A tensor that is a parameter of the module it is assigned to.

    Parameters
    ----------
    data : Tensor, optional
        The values, shared.
    requires_grad : bool, default True

    See Also
    --------
    torch.nn.Parameter : same behaviour.
    """

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = _C.fn.empty(0)
        return _C.TensorBase._make_subclass(cls, data, requires_grad)

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__().replace("Parameter(", "tensor(", 1)


class Buffer(Tensor):
    """A tensor that is a buffer of the module it is assigned to.

    Parameters
    ----------
    data : Tensor, optional
    persistent : bool, default True
        Is it part of the module's state_dict?
    """

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = _C.fn.empty(0)
        self = _C.TensorBase._make_subclass(cls, data, data.requires_grad)
        self.persistent = persistent
        return self


class UninitializedParameter(Parameter):
    """A parameter of a lazy layer, whose shape is not known yet.

    Parameters
    ----------
    requires_grad : bool, default True
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
    """

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        return _C.TensorBase._make_subclass(cls, _C.fn.empty(0, device=device, dtype=dtype), requires_grad)

    def materialize(self, shape, device=None, dtype=None):
        """Become a Parameter of a shape, its values not set.

        Parameters
        ----------
        shape : tuple of int
        device : device or str, optional
        dtype : dtype, optional
        """
        self.data = _C.fn.empty(tuple(shape), device=device, dtype=dtype or self.data.dtype)
        self.__class__ = Parameter

    @property
    def shape(self):
        """There is none yet.

        Raises
        ------
        RuntimeError
            Always.
        """
        raise RuntimeError("Can't access the shape of an uninitialized parameter or buffer. This error usually happens "
                           "in `load_state_dict` when trying to load an uninitialized parameter into an initialized "
                           "one. Call `forward` to initialize the parameters before accessing their attributes.")

    def __repr__(self):
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo):
        memo[id(self)] = result = type(self)(self.requires_grad)
        return result


def is_lazy(param):
    """Return True if a parameter has no shape yet.

    Parameters
    ----------
    param : object

    Returns
    -------
    bool
    """
    return isinstance(param, UninitializedParameter)


__getattr__ = _getattr_of(__name__, globals())
