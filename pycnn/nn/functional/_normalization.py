"""Batch, layer, group and instance normalisation, and scaling to unit norm."""

from pycnn import _C
from pycnn.nn.functional._pooling import avg_pool2d
from pycnn.nn.functional._shape import pad

_nn = _C.nn


def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-05):
    """Normalise each channel over the batch. Ioffe and Szegedy, arXiv:1502.03167.

    Parameters
    ----------
    input : Tensor [N, C, ...]
    running_mean, running_var : Tensor [C] or None
        Updated if `training`; used if not.
    weight, bias : Tensor [C], optional
    training : bool, default False
        Use the batch's own statistics.
    momentum : float, default 0.1
    eps : float, default 1e-5

    Returns
    -------
    Tensor
        Of the input's shape.

    Raises
    ------
    ValueError
        If there is a single value per channel when training, or `eps` is negative.
    """
    if training and eps <= 0.0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if eps < 0.0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    return _nn.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-05):
    """Normalise over the last dimensions, which have the shape `normalized_shape`.

    Parameters
    ----------
    input : Tensor
        Its last dimensions have the shape `normalized_shape`.
    normalized_shape : int or sequence of int
    weight : Tensor, optional
        Factor, of shape `normalized_shape`.
    bias : Tensor, optional
        Offset, of shape `normalized_shape`.
    eps : float, default 1e-05
        Added to the variance.

    Returns
    -------
    Tensor
        Of the input's shape.

    Notes
    -----
    Ba et al., arXiv:1607.06450.
    """
    return _nn.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-05):
    """Normalise each of `num_groups` groups of channels of each image.

    Parameters
    ----------
    input : Tensor [N, C, ...]
    num_groups : int
        Divides the number of channels.
    weight : Tensor [C], optional
        Factor.
    bias : Tensor [C], optional
        Offset.
    eps : float, default 1e-05
        Added to the variance.

    Returns
    -------
    Tensor
        Of the input's shape.

    Notes
    -----
    Wu and He, arXiv:1803.08494.
    """
    return _nn.group_norm(input, num_groups, weight, bias, eps)


def instance_norm(input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True,
                  momentum=0.1, eps=1e-05):
    """Normalise each channel of each image. Ulyanov et al., arXiv:1607.08022.

    Parameters
    ----------
    input : Tensor [N, C, ...]
    running_mean, running_var : Tensor [C], optional
        Updated if `use_input_stats`; used if not.
    weight, bias : Tensor [C], optional
    use_input_stats : bool, default True
        Use the statistics of the input itself.
    momentum : float, default 0.1
    eps : float, default 1e-5

    Returns
    -------
    Tensor
        Of the input's shape.

    Raises
    ------
    ValueError
        If there is a single value per channel and image when `use_input_stats`.
    RuntimeError
        If neither the input's statistics nor running ones are there to be used.
    """
    n, c = input.shape[:2]
    if use_input_stats and input.shape[2:].numel() == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.size()}")
    if running_mean is None:
        if not use_input_stats:
            raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
        return _nn.group_norm(input, c, weight, bias, eps).contiguous()
    means, variances, weight, bias = (None if t is None else t.repeat(n)
                                      for t in (running_mean, running_var, weight, bias))
    out = _nn.batch_norm(input.reshape(1, n * c, *input.shape[2:]), means, variances, weight, bias,
                         use_input_stats, momentum, eps)
    if use_input_stats:
        running_mean.detach().copy_(means.view(n, c).mean(0))
        running_var.detach().copy_(variances.view(n, c).mean(0))
    return out.view(input.shape)


def rms_norm(input, normalized_shape, weight=None, eps=None):
    """Divide by the root of the mean square over the last dimensions, which have the shape `normalized_shape`.

    Zhang and Sennrich, arXiv:1910.07467. `eps` is by default the distance from 1 to the next number of the dtype.

    Parameters
    ----------
    input : Tensor
    normalized_shape : int or sequence of int
    weight : Tensor, optional
        Factor, of shape `normalized_shape`.
    eps : float, optional
        Added to the mean square.

    Returns
    -------
    Tensor
        Of the input's shape.

    Raises
    ------
    RuntimeError
        If the input does not end in `normalized_shape`.
    """
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if tuple(input.shape[input.dim() - len(shape):]) != shape:
        raise RuntimeError(f"Given normalized_shape={list(shape)}, expected input with shape [*"
                           + ", ".join(map(str, shape)) + f"], but got input of size{list(input.shape)}")
    if eps is None:
        eps = {_C.float64: 2.0 ** -52, _C.float32: 2.0 ** -23, _C.float16: 2.0 ** -10}.get(input.dtype, 2.0 ** -7)
    dims = tuple(range(input.dim() - len(shape), input.dim()))
    result = input * (input * input).mean(dims, keepdim=True).add(eps).rsqrt()
    return result if weight is None else result * weight


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """Divide by a power of the mean square over `size` neighbouring channels. Krizhevsky et al., NIPS 2012.

    Parameters
    ----------
    input : Tensor [N, C, ...]
    size : int
        Number of neighbouring channels.
    alpha : float, default 0.0001
        Factor of the mean square.
    beta : float, default 0.75
        The power.
    k : float, default 1.0
        Added to the mean square.

    Returns
    -------
    Tensor
        Of the input's shape.

    Raises
    ------
    ValueError
        If the input has fewer than three dimensions.
    """
    if input.dim() < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.dim()} dimensions)")
    if input.numel() == 0:
        return input
    squares = pad((input * input).flatten(2).unsqueeze(1), (0, 0, size // 2, (size - 1) // 2))
    means = avg_pool2d(squares, (size, 1), stride=1).squeeze(1).view(input.shape)
    return input / (means * alpha + k).pow(beta)


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """Divide by the p-norm along `dim`.

    Parameters
    ----------
    input : Tensor
    p : float, default 2.0
        The norm's power.
    dim : int, default 1
        Dimension, counted from the end if negative.
    eps : float, default 1e-12
        Smallest norm to divide by.
    out : Tensor, optional
        Receives the result.

    Returns
    -------
    Tensor
        Of the input's shape.
    """
    result = input / input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    return result if out is None else out.copy_(result)
