"""Initial values of parameters: torch.nn.init, the same numbers for the same seed."""

import functools
import math
import warnings

import numpy as np

from pycnn import _C
from pycnn._missing import getattr_of as _getattr_of
from pycnn._from_data import from_numpy
from pycnn.autograd.grad_mode import no_grad

_LINEAR = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
           "sigmoid")


def calculate_gain(nonlinearity, param=None):
    """Return the factor by which a nonlinearity shrinks a standard deviation, as torch defines it.

    Parameters
    ----------
    nonlinearity : str
        "linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu", ...
    param : float, optional
        The slope of "leaky_relu" (0.01).

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the nonlinearity is unknown or its slope is no number.
    """
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        if param is None:
            slope = 0.01
        elif isinstance(param, (int, float)) and not isinstance(param, bool):
            slope = param
        else:
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope ** 2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


def _calculate_fan_in_and_fan_out(tensor):
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    area = 1
    for size in tensor.shape[2:]:
        area *= size
    return tensor.shape[1] * area, tensor.shape[0] * area


def _fan(tensor, mode):
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]


@no_grad()
def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Fill with uniform numbers in [a, b).

    Parameters
    ----------
    tensor : Tensor
        Of floats.
    a : float, default 0.0
        Lower bound.
    b : float, default 1.0
        Upper bound.
    generator : Generator, optional
        Source of random numbers; ``default_generator`` by default.

    Returns
    -------
    Tensor
        The same.
    """
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Fill with normal numbers.

    Parameters
    ----------
    tensor : Tensor
        Of floats.
    mean : float, default 0.0
    std : float, default 1.0
        Standard deviation.
    generator : Generator, optional
        Source of random numbers; ``default_generator`` by default.

    Returns
    -------
    Tensor
        The same.
    """
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def constant_(tensor, val):
    """Fill with `val`.

    Parameters
    ----------
    tensor : Tensor
    val : float

    Returns
    -------
    Tensor
        The same.
    """
    return tensor.fill_(val)


@no_grad()
def ones_(tensor):
    """Fill with 1.

    Parameters
    ----------
    tensor : Tensor

    Returns
    -------
    Tensor
        The same.
    """
    return tensor.fill_(1.0)


@no_grad()
def zeros_(tensor):
    """Fill with 0.

    Parameters
    ----------
    tensor : Tensor

    Returns
    -------
    Tensor
        The same.
    """
    return tensor.zero_()


@no_grad()
def eye_(tensor):
    """Fill a matrix with the identity.

    Parameters
    ----------
    tensor : Tensor [rows, cols]

    Returns
    -------
    Tensor
        The same.

    Raises
    ------
    ValueError
        If the tensor is no matrix.
    """
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    tensor.zero_()
    for k in range(min(tensor.shape)):
        tensor[k, k] = 1
    return tensor


@no_grad()
def dirac_(tensor, groups=1):
    """Fill a convolution's weight so that it passes its input through.

    Parameters
    ----------
    tensor : Tensor [K, C, ...]
        With 3 to 5 dimensions.
    groups : int, default 1
        Of the convolution.

    Returns
    -------
    Tensor
        The same.

    Raises
    ------
    ValueError
        If the tensor has another number of dimensions, or `groups` does not divide the first.
    """
    if tensor.dim() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if groups < 1 or tensor.shape[0] % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    out = tensor.shape[0] // groups
    middle = tuple(size // 2 for size in tensor.shape[2:])
    tensor.zero_()
    for g in range(groups):
        for d in range(min(out, tensor.shape[1])):
            tensor[(g * out + d, d, *middle)] = 1
    return tensor


@no_grad()
def sparse_(tensor, sparsity, std=0.01, generator=None):
    """Fill a matrix with normal numbers and zero a fraction of each column, as Martens (2010) does.

    Parameters
    ----------
    tensor : Tensor [rows, cols]
    sparsity : float
        The fraction of a column that becomes 0, rounded up to whole elements.
    std : float, default 0.01
    generator : Generator, optional

    Returns
    -------
    Tensor
        The same.

    Raises
    ------
    ValueError
        If the tensor is no matrix.
    """
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, cols = tensor.shape
    tensor.normal_(0, std, generator=generator)
    for col in range(cols):
        # torch draws the columns' order from the default generator, whatever `generator` is
        tensor[_C.fn.randperm(rows)[:math.ceil(sparsity * rows)], col] = 0
    return tensor


@no_grad()
def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """Fill with normal numbers, drawn again until they lie in [a, b].

    Parameters
    ----------
    tensor : Tensor
    mean, std : float
    a, b : float
        Where 30 % of the distribution or less lies between them, uniform numbers are drawn, and accepted by its
        density.
    generator : Generator, optional

    Returns
    -------
    Tensor
        The same.

    Raises
    ------
    ValueError
        If `std` is 0.
    """
    if std == 0:
        raise ValueError("trunc_normal_ expects a standard deviation other than 0: use constant_")

    def below(x):
        return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0

    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn("mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be "
                      "incorrect.", stacklevel=3)
    fn = _C.fn
    if below((b - mean) / std) - below((a - mean) / std) > 0.3:
        result = tensor.normal_(mean, std, generator=generator)
        while (outside := (result < a).logical_or_(result > b)).any():
            result = fn.where(outside, fn.empty_like(result).normal_(mean, std, generator=generator), result)
    else:
        mode = max(a, min(mean, b))
        peak = -0.5 * ((mode - mean) / std) ** 2

        def refused(candidates):
            density = candidates.sub(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak)
            return fn.empty_like(tensor).uniform_(generator=generator).log_() > density

        result = tensor.uniform_(a, b, generator=generator)
        pending = refused(result)
        while pending.any():
            candidates = fn.empty_like(tensor).uniform_(a, b, generator=generator)
            result = fn.where(pending, candidates, result)
            pending = fn.where(pending, refused(candidates), pending)
    if result is not tensor:
        tensor.copy_(result)
    return tensor


def _xavier_std(tensor, gain):
    fans = sum(_calculate_fan_in_and_fan_out(tensor))
    return gain * math.sqrt(2.0 / float(fans)) if fans else 0.0  # a tensor without elements


@no_grad()
def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Glorot and Bengio's uniform numbers (2010): variance ``2 gain^2 / (fan_in + fan_out)``.

    Parameters
    ----------
    tensor : Tensor [fan_out, fan_in, ...]
    gain : float, default 1.0
        As from :func:`calculate_gain`.
    generator : Generator, optional
        Source of random numbers; ``default_generator`` by default.

    Returns
    -------
    Tensor
        The same.

    Raises
    ------
    ValueError
        If the tensor has fewer than two dimensions.
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return tensor.uniform_(-bound, bound, generator=generator)


@no_grad()
def xavier_normal_(tensor, gain=1.0, generator=None):
    """Glorot and Bengio's normal numbers (2010): variance ``2 gain^2 / (fan_in + fan_out)``.

    Parameters
    ----------
    tensor : Tensor [fan_out, fan_in, ...]
    gain : float, default 1.0
        As from :func:`calculate_gain`.
    generator : Generator, optional
        Source of random numbers; ``default_generator`` by default.

    Returns
    -------
    Tensor
        The same.

    Raises
    ------
    ValueError
        If the tensor has fewer than two dimensions.
    """
    return tensor.normal_(0.0, _xavier_std(tensor, gain), generator=generator)


def _kaiming_std(tensor, a, mode, nonlinearity):
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return 0.0
    return calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))


@no_grad()
def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """He et al.'s uniform numbers, arXiv:1502.01852: variance ``gain^2 / fan``.

    Parameters
    ----------
    tensor : Tensor
    a : float, default 0
        Slope of the leaky ReLU that follows.
    mode : {"fan_in", "fan_out"}, default "fan_in"
        Keep the variance forwards, or backwards.
    nonlinearity : str, default "leaky_relu"
        That follows; see :func:`calculate_gain`.
    generator : Generator, optional

    Returns
    -------
    Tensor
        The same.

    Raises
    ------
    ValueError
        If the tensor has fewer than two dimensions, or an option is unknown.
    """
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor.uniform_(-bound, bound, generator=generator)


@no_grad()
def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """He et al.'s normal numbers, arXiv:1502.01852: variance ``gain^2 / fan``.

    Parameters
    ----------
    tensor : Tensor [fan_out, fan_in, ...]
    a : float, default 0
        Slope of the leaky ReLU that follows.
    mode : {"fan_in", "fan_out"}, default "fan_in"
        Keep the variance forwards, or backwards.
    nonlinearity : str, default "leaky_relu"
        That follows; see :func:`calculate_gain`.
    generator : Generator, optional
        Source of random numbers; ``default_generator`` by default.

    Returns
    -------
    Tensor
        The same.

    Raises
    ------
    ValueError
        If the tensor has fewer than two dimensions, or an option is unknown.
    """
    return tensor.normal_(0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator=generator)


@no_grad()
def orthogonal_(tensor, gain=1, generator=None):
    """Fill with a matrix of orthonormal rows or columns times `gain` (Saxe et al., arXiv:1312.6120); trailing
    dimensions count as one.

    Parameters
    ----------
    tensor : Tensor [rows, ...]
    gain : float, default 1
        Factor.
    generator : Generator, optional
        Source of random numbers; ``default_generator`` by default.

    Returns
    -------
    Tensor
        The same.

    Raises
    ------
    ValueError
        If the tensor has fewer than two dimensions.
    """
    if tensor.dim() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    drawn = tensor.new_empty((rows, tensor.numel() // rows)).normal_(0, 1, generator=generator)
    wide = rows < drawn.shape[1]
    q, r = np.linalg.qr((drawn.t() if wide else drawn).numpy())
    q = from_numpy(q * np.sign(np.diag(r)))  # makes the distribution uniform: Mezzadri, arXiv:math-ph/0609050
    tensor.view(drawn.shape).copy_(q.t() if wide else q)
    return tensor.mul_(gain)


def _deprecated(function):
    new, old = function.__name__, function.__name__[:-1]

    @functools.wraps(function)
    def call(*args, **kwargs):
        warnings.warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)
    call.__name__ = call.__qualname__ = old
    call.__doc__ = f"Old name of :func:`{new}`; a warning says so.\n\n    {function.__doc__}"
    return call


(uniform, normal, constant, eye, dirac, sparse, orthogonal,
 xavier_uniform, xavier_normal, kaiming_uniform, kaiming_normal) = map(
    _deprecated, (uniform_, normal_, constant_, eye_, dirac_, sparse_, orthogonal_, xavier_uniform_, xavier_normal_,
                  kaiming_uniform_, kaiming_normal_))

__getattr__ = _getattr_of(__name__, globals())
