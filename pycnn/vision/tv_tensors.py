"""Tensors that say what they hold: torchvision.tv_tensors, of which image classification uses Image alone."""

from pycnn import _C
from pycnn._missing import getattr_of as _getattr_of
from pycnn._from_data import as_tensor
from pycnn._tensor import Tensor

__all__ = ["Image", "TVTensor", "is_tv_tensor", "wrap"]


class TVTensor(Tensor):
    """What all such tensors are.

    Operations on one give plain Tensors; ``to``, ``clone``, ``detach`` and ``requires_grad_`` keep the class.

    Parameters
    ----------
    *args : object
        As a subclass says.
    """

    def to(self, *args, **kwargs):
        """As :meth:`Tensor.to`, of this class.

        Parameters
        ----------
        *args : object
        **kwargs : object
            Of :meth:`Tensor.to`.

        Returns
        -------
        TVTensor
        """
        return wrap(super().to(*args, **kwargs), like=self)

    def clone(self, *args, **kwargs):
        """As :meth:`Tensor.clone`, of this class.

        Parameters
        ----------
        *args : object
        **kwargs : object
            Of :meth:`Tensor.clone`.

        Returns
        -------
        TVTensor
        """
        return wrap(super().clone(*args, **kwargs), like=self)

    def detach(self):
        """As :meth:`Tensor.detach`, of this class."""
        return wrap(super().detach(), like=self)

    def __repr__(self):
        return super().__repr__()[:-1] + ", )"


class Image(TVTensor):
    """An image [..., C, H, W], or a batch of them.

    Parameters
    ----------
    data : Tensor, PIL Image or array
        Two dimensions become three.
    dtype : dtype, optional
    device : device or str, optional
        "cpu"; any other is refused.
    requires_grad : bool, optional
        Of `data` by default.

    Raises
    ------
    ValueError
        If there are fewer than two dimensions.
    """

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        from pycnn.vision.transforms._images import is_pil
        from pycnn.vision.transforms.functional import pil_to_tensor

        data = as_tensor(pil_to_tensor(data) if is_pil(data) else data, dtype=dtype, device=device)
        if data.ndim < 2:
            raise ValueError(f"Tensor with less than 2 dimensions is not a valid image: got {data.ndim}")
        if requires_grad is None:
            requires_grad = data.requires_grad
        data = data.detach() if isinstance(data, TVTensor) else data
        return _C.TensorBase._make_subclass(cls, data.unsqueeze(0) if data.ndim == 2 else data, requires_grad)


def wrap(wrappee, *, like):
    """Return a tensor as one of the class of another, without a copy.

    Parameters
    ----------
    wrappee : Tensor
    like : TVTensor

    Returns
    -------
    TVTensor
    """
    return wrappee if type(wrappee) is type(like) else _C.TensorBase._make_subclass(type(like), wrappee,
                                                                                   wrappee.requires_grad)


def is_tv_tensor(obj):
    """Return True if `obj` is a TVTensor.

    Parameters
    ----------
    obj : object

    Returns
    -------
    bool
    """
    return isinstance(obj, TVTensor)


__getattr__ = _getattr_of(__name__, __all__)
