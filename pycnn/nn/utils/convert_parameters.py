"""Parameters as one vector."""

from pycnn import _C


def parameters_to_vector(parameters):
    """Return all parameters, flattened, as one vector.

    Parameters
    ----------
    parameters : iterable of Tensor

    Returns
    -------
    Tensor [n]
        A copy.
    """
    return _C.fn.cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec, parameters):
    """Let the parameters view consecutive parts of `vec`.

    Parameters
    ----------
    vec : Tensor [n]
    parameters : iterable of Tensor
        With n elements together.

    Raises
    ------
    TypeError
        If `vec` is no tensor.
    """
    if not isinstance(vec, _C.TensorBase):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec)}")
    start = 0
    for p in parameters:
        p.data = vec[start:start + p.numel()].view_as(p).data
        start += p.numel()
