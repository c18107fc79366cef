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


__getattr__ = _getattr_of(__name__, globals())
