"""Activations, softmax and their in-place forms."""

import warnings

from pycnn import _C

_nn, _fn = _C.nn, _C.fn


def relu(input, inplace=False):
    """Return ``max(0, input)``; with `inplace`, in the input itself.

    Parameters
    ----------
    input : Tensor
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    The gradient at 0 is 0. Where nobody else can see the result, the maximum is taken by the operation that reads it,
    in the same pass over memory; values and gradients are the same.
    """
    return _nn.relu_(input) if inplace else _nn.relu(input)


def relu_(input):
    """ReLU in place.

    Parameters
    ----------
    input : Tensor

    Returns
    -------
    Tensor
        The input itself.
    """
    return _nn.relu_(input)


def relu6(input, inplace=False):
    """Return ``min(max(0, input), 6)``.

    Parameters
    ----------
    input : Tensor
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.
    """
    return _nn.relu6_(input) if inplace else _nn.relu6(input)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """Return the input where it is positive, `negative_slope` times it elsewhere.

    Parameters
    ----------
    input : Tensor
    negative_slope : float, default 0.01
        Slope where the input is negative.
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.
    """
    return _nn.leaky_relu_(input, negative_slope) if inplace else _nn.leaky_relu(input, negative_slope)


def prelu(input, weight):
    """Leaky ReLU with a learned slope, one or one for each channel.

    Parameters
    ----------
    input : Tensor [N, C, ...]
    weight : Tensor [C] or [1]
        The slopes where the input is negative.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    He et al., arXiv:1502.01852.
    """
    return _nn.prelu(input, weight)


def elu(input, alpha=1.0, inplace=False):
    """Return the input where it is positive, ``alpha * (exp(input) - 1)`` elsewhere.

    Parameters
    ----------
    input : Tensor
    alpha : float, default 1.0
        Minus the limit towards minus infinity.
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    Clevert et al., arXiv:1511.07289.
    """
    return _nn.elu_(input, alpha) if inplace else _nn.elu(input, alpha)


def selu(input, inplace=False):
    """The self-normalising ELU of Klambauer et al., arXiv:1706.02515.

    Parameters
    ----------
    input : Tensor
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.
    """
    return _fn.selu_(input) if inplace else _fn.selu(input)


def celu(input, alpha=1.0, inplace=False):
    """The continuously differentiable ELU of Barron, arXiv:1704.07483.

    Parameters
    ----------
    input : Tensor
    alpha : float, default 1.0
        Minus the limit towards minus infinity.
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.
    """
    return _fn.celu_(input, alpha) if inplace else _fn.celu(input, alpha)


def gelu(input, approximate="none"):
    """The input times the normal distribution function of it; `approximate` "tanh" for the usual approximation.

    Parameters
    ----------
    input : Tensor
    approximate : {"none", "tanh"}, default "none"
        "tanh": the usual approximation of the distribution function.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    RuntimeError
        If `approximate` is something else.

    Notes
    -----
    Hendrycks and Gimpel, arXiv:1606.08415.
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return _nn.gelu(input, approximate=int(approximate == "tanh"))


def silu(input, inplace=False):
    """Return ``input * sigmoid(input)``.

    Parameters
    ----------
    input : Tensor
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.
    """
    return _nn.silu_(input) if inplace else _nn.silu(input)


def mish(input, inplace=False):
    """Return ``input * tanh(softplus(input))``.

    Parameters
    ----------
    input : Tensor
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    Misra, arXiv:1908.08681.
    """
    return _nn.mish_(input) if inplace else _nn.mish(input)


def softplus(input, beta=1.0, threshold=20.0):
    """Return ``log(1 + exp(beta * input)) / beta``, linear above `threshold`.

    Parameters
    ----------
    input : Tensor
    beta : float, default 1.0
        Sharpness of the bend.
    threshold : float, default 20.0
        Above ``beta * input`` of that size, the input itself is returned.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.
    """
    return _nn.softplus(input, beta, threshold)


def hardswish(input, inplace=False):
    """Return ``input * relu6(input + 3) / 6``.

    Parameters
    ----------
    input : Tensor
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    Howard et al., arXiv:1905.02244.
    """
    return _nn.hardswish_(input) if inplace else _nn.hardswish(input)


def hardsigmoid(input, inplace=False):
    """Return ``relu6(input + 3) / 6``.

    Parameters
    ----------
    input : Tensor
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.
    """
    return _nn.hardsigmoid_(input) if inplace else _nn.hardsigmoid(input)


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """Clamp the input to [min_val, max_val].

    Parameters
    ----------
    input : Tensor
    min_val : float, default -1.0
        Lower bound.
    max_val : float, default 1.0
        Upper bound.
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.
    """
    return _nn.hardtanh_(input, min_val, max_val) if inplace else _nn.hardtanh(input, min_val, max_val)


def threshold(input, threshold, value, inplace=False):
    """Return the input where it exceeds `threshold`, `value` elsewhere.

    Parameters
    ----------
    input : Tensor
    threshold : float
        Bound above which the input is kept.
    value : float
        What stands elsewhere.
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.
    """
    return _fn.threshold_(input, threshold, value) if inplace else _fn.threshold(input, threshold, value)


def logsigmoid(input):
    """Return ``log(sigmoid(input))``.

    Parameters
    ----------
    input : Tensor

    Returns
    -------
    Tensor
        Of the input's shape and dtype.
    """
    return _nn.logsigmoid(input)


def sigmoid(input):
    """Return ``1 / (1 + exp(-input))``.

    Parameters
    ----------
    input : Tensor

    Returns
    -------
    Tensor
        Of the input's shape; integers become float32.
    """
    return _fn.sigmoid(input)


def tanh(input):
    """Return the hyperbolic tangent.

    Parameters
    ----------
    input : Tensor

    Returns
    -------
    Tensor
        Of the input's shape; integers become float32.
    """
    return _fn.tanh(input)


# the in-place forms under the names that torch gives them

def celu_(input, alpha=1.0):
    """CELU in place.

    Parameters
    ----------
    input : Tensor
    alpha : float, default 1.0
        Minus the limit towards minus infinity.

    Returns
    -------
    Tensor
        The input itself.
    """
    return celu(input, alpha, True)


def elu_(input, alpha=1.0):
    """ELU in place.

    Parameters
    ----------
    input : Tensor
    alpha : float, default 1.0
        Minus the limit towards minus infinity.

    Returns
    -------
    Tensor
        The input itself.
    """
    return elu(input, alpha, True)


def selu_(input):
    """SELU in place.

    Parameters
    ----------
    input : Tensor

    Returns
    -------
    Tensor
        The input itself.
    """
    return selu(input, True)


def leaky_relu_(input, negative_slope=0.01):
    """Leaky ReLU in place.

    Parameters
    ----------
    input : Tensor
    negative_slope : float, default 0.01
        Slope where the input is negative.

    Returns
    -------
    Tensor
        The input itself.
    """
    return leaky_relu(input, negative_slope, True)


def hardtanh_(input, min_val=-1.0, max_val=1.0):
    """Clamp in place.

    Parameters
    ----------
    input : Tensor
    min_val : float, default -1.0
        Lower bound.
    max_val : float, default 1.0
        Upper bound.

    Returns
    -------
    Tensor
        The input itself.
    """
    return hardtanh(input, min_val, max_val, True)


def threshold_(input, threshold, value):
    """:func:`threshold` in place.

    Parameters
    ----------
    input : Tensor
    threshold : float
        Bound above which the input is kept.
    value : float
        What stands elsewhere.

    Returns
    -------
    Tensor
        The input itself.
    """
    return _fn.threshold_(input, threshold, value)


def hardshrink(input, lambd=0.5):
    """Return the input where its absolute value exceeds `lambd`, 0 elsewhere.

    Parameters
    ----------
    input : Tensor
    lambd : float, default 0.5
        Half of the width that is set to 0.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.
    """
    return input.masked_fill(input.abs() <= lambd, 0)


def softshrink(input, lambd=0.5):
    """Move the input by `lambd` towards 0, but not beyond.

    Parameters
    ----------
    input : Tensor
    lambd : float, default 0.5
        How far; not negative.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    RuntimeError
        If `lambd` is negative.
    """
    if lambd < 0:
        limit = {_C.float64: "1.79769e+308"}.get(input.dtype, "3.40282e+38")
        raise RuntimeError(f"lambda must be in range [0, {limit}] for input dtype {input.type()[6:-6]}, but found "
                           f"{lambd:g}")
    return input - input.clamp(-lambd, lambd)


def softsign(input):
    """Return ``input / (1 + abs(input))``.

    Parameters
    ----------
    input : Tensor

    Returns
    -------
    Tensor
        Of the input's shape and dtype.
    """
    return input / (input.abs() + 1)


def tanhshrink(input):
    """Return ``input - tanh(input)``.

    Parameters
    ----------
    input : Tensor

    Returns
    -------
    Tensor
        Of the input's shape and dtype.
    """
    return input - input.tanh()


def _softmax_dim(name, ndim):
    warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
                   "argument.", stacklevel=3)
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """Return the exponentials along `dim` divided by their sum.

    Parameters
    ----------
    input : Tensor
    dim : int, optional
        Along which the results add up to 1. Without it, torch's old choice is made, with its warning.
    _stacklevel : int, default 3
        Accepted and ignored.
    dtype : dtype, optional
        Convert the input to it first.

    Returns
    -------
    Tensor
        Of the input's shape.
    """
    return _fn.softmax(input, _softmax_dim("softmax", input.dim()) if dim is None else dim, dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """Return the logarithm of the softmax along `dim`.

    Parameters
    ----------
    input : Tensor
    dim : int, optional
        Along which the exponentials of the results add up to 1. Without it, torch's old choice is made, with its
        warning.
    _stacklevel : int, default 3
        Accepted and ignored.
    dtype : dtype, optional
        Convert the input to it first.

    Returns
    -------
    Tensor
        Of the input's shape.
    """
    return _fn.log_softmax(input, _softmax_dim("log_softmax", input.dim()) if dim is None else dim, dtype)


def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """Return the softmax of the negated input.

    Parameters
    ----------
    input : Tensor
    dim : int, optional
        Along which the results add up to 1. Without it, torch's old choice is made, with its warning.
    _stacklevel : int, default 3
        Accepted and ignored.
    dtype : dtype, optional
        Convert the input to it first.

    Returns
    -------
    Tensor
        Of the input's shape.
    """
    return softmax(-input, dim, dtype=dtype)


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """Sample from the Gumbel-softmax distribution; if `hard`, one-hot samples with the gradients of soft ones.

    Parameters
    ----------
    logits : Tensor
        Unnormalised log-probabilities.
    tau : float, default 1
        Temperature: the smaller, the nearer to one-hot.
    hard : bool, default False
        Return one-hot samples.
    eps : float, default 1e-10
        Accepted and ignored, as in torch.
    dim : int, default -1
        Along which the results add up to 1.

    Returns
    -------
    Tensor
        Of the shape of `logits`.

    Notes
    -----
    Jang et al., arXiv:1611.01144. Random numbers come from the default generator.
    """
    noise = -_fn.empty_like(logits.detach()).exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    index = soft.detach().argmax(dim, keepdim=True)
    return _fn.zeros_like(logits.detach()).scatter_(dim, index, 1.0) - soft.detach() + soft


def glu(input, dim=-1):
    """Return the first half along `dim` times the sigmoid of the second.

    Parameters
    ----------
    input : Tensor
    dim : int, default -1
        Dimension, counted from the end if negative.

    Returns
    -------
    Tensor
        Of the input's shape, but half as long along `dim`.

    Raises
    ------
    RuntimeError
        If the input is a scalar, or its length along `dim` is odd.

    Notes
    -----
    Dauphin et al., arXiv:1612.08083.
    """
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    if input.shape[dim] % 2 != 0:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim % input.dim()} is size "
                           f"{input.shape[dim]}")
    a, b = input.chunk(2, dim)
    return a * b.sigmoid()
