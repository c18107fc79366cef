"""torch.nn.functional: the layers' operations as functions, with torch's names and signatures."""

import math as _math
import warnings as _warnings

from pycnn import _C
from pycnn._missing import missing_attribute as _missing_attribute
from pycnn.nn._interpolate import interpolate, upsample, upsample_bilinear, upsample_nearest

_nn, _fn = _C.nn, _C.fn

_REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}


def _reduction(name, size_average=None, reduce=None):
    """torch's number of a reduction; the old flags are understood."""
    if size_average is not None or reduce is not None:
        size_average = True if size_average is None else size_average
        reduce = True if reduce is None else reduce
        name = "mean" if size_average and reduce else "sum" if reduce else "none"
    if name not in _REDUCTIONS:
        raise ValueError(f"{name} is not a valid value for reduction")
    return _REDUCTIONS[name]


# ---- convolution and linear

def linear(input, weight, bias=None):
    """Apply a linear map: ``input @ weight.T + bias``.

    Parameters
    ----------
    input : Tensor [..., in_features]
    weight : Tensor [out_features, in_features]
    bias : Tensor [out_features], optional

    Returns
    -------
    Tensor [..., out_features]

    Raises
    ------
    RuntimeError
        If shapes or dtypes do not fit.
    """
    _require_tensor("linear", "input", 1, input)
    return _nn.linear(input, weight, bias)


def _require_tensor(function, argument, position, value):
    if not isinstance(value, _C.TensorBase):
        cls = type(value)
        name = f"numpy.{cls.__name__}" if cls.__module__ == "numpy" else cls.__name__
        raise TypeError(f"{function}(): argument '{argument}' (position {position}) must be Tensor, not {name}")


def _same_padding(weight, dilation, stride):
    """Amounts before and after each spatial dimension that keep its size."""
    kernel = weight.shape[2:]
    n = len(kernel)
    dilation = (dilation,) * n if isinstance(dilation, int) else tuple(dilation)
    stride = (stride,) * n if isinstance(stride, int) else tuple(stride)
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [d * (k - 1) for d, k in zip(dilation, kernel)]
    return [t // 2 for t in total], [t - t // 2 for t in total]


def _string_padding(input, weight, padding, dilation, stride):
    """(input, padding) with 'valid' and 'same' turned into numbers; an odd total pads the input at its end."""
    if padding == "valid":
        return input, 0
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    before, after = _same_padding(weight, dilation, stride)
    if before != after:
        extra = [v for b, a in zip(reversed(before), reversed(after)) for v in (0, a - b)]
        input = pad(input, extra)
    return input, before


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolve sequences.

    Parameters
    ----------
    input : Tensor [N, C, L] or [C, L]
    weight : Tensor [K, C / groups, S]
    bias : Tensor [K], optional
    stride, padding, dilation : int, default 1, 0, 1
        `padding` may be "valid" or "same".
    groups : int, default 1

    Returns
    -------
    Tensor [N, K, OL]
    """
    if isinstance(padding, str):
        input, padding = _string_padding(input, weight, padding, dilation, stride)
    return _nn.conv1d(input, weight, bias, stride, padding, dilation, groups)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolve images (as in all such libraries: cross-correlate).

    Parameters
    ----------
    input : Tensor [N, C, H, W] or [C, H, W]
    weight : Tensor [K, C / groups, R, S]
    bias : Tensor [K], optional
    stride, padding, dilation : int or (int, int), default 1, 0, 1
        `padding` may be "valid" or "same".
    groups : int, default 1

    Returns
    -------
    Tensor [N, K, OH, OW]

    Raises
    ------
    RuntimeError
        If shapes or dtypes do not fit.
    """
    _require_tensor("conv2d", "input", 1, input)
    if isinstance(padding, str):
        input, padding = _string_padding(input, weight, padding, dilation, stride)
    return _nn.conv2d(input, weight, bias, stride, padding, dilation, groups)


def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The gradient of :func:`conv2d` with respect to its input, as an operation.

    Parameters
    ----------
    input : Tensor [N, C, H, W]
    weight : Tensor [C, K / groups, R, S]
    bias : Tensor [K], optional
    stride, padding, output_padding, dilation : int or (int, int)
    groups : int, default 1

    Returns
    -------
    Tensor [N, K, OH, OW]
    """
    return _nn.conv_transpose2d(input, weight, bias, stride, padding, output_padding, groups, dilation)


# ---- pooling

def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Take the maximum of each window.

    Parameters
    ----------
    input : Tensor [N, C, H, W] or [C, H, W]
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        Default: `kernel_size`.
    padding, dilation : int or (int, int), default 0, 1
    ceil_mode : bool, default False
        Let windows reach over the edge.
    return_indices : bool, default False
        Return the positions of the maxima too.

    Returns
    -------
    Tensor, or (Tensor, Tensor)
    """
    stride = kernel_size if stride is None or stride == () or stride == [] else stride
    if return_indices:
        return tuple(_nn.max_pool2d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode))
    return _nn.max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Take the maximum of each window of sequences [N, C, L].

    Parameters
    ----------
    input : Tensor [N, C, L] or [C, L]
    kernel_size : int
        Size of a window.
    stride : int, optional
        Step between windows; `kernel_size` by default.
    padding : int, default 0
        Added on both sides; at most half of `kernel_size`.
    dilation : int, default 1
        Distance of neighbouring elements of a window.
    ceil_mode : bool, default False
        Keep a last window that reaches over the edge.
    return_indices : bool, default False
        True is not supported.

    Returns
    -------
    Tensor [N, C, OL]

    Raises
    ------
    NotImplementedError
        If `return_indices` is True: torch returns the positions here, pycnn only in :func:`max_pool2d`.
    """
    if return_indices:
        raise NotImplementedError("max_pool1d: return_indices=True is not supported; use max_pool2d on [N, C, 1, L]")
    return _nn.max_pool1d(input, kernel_size, kernel_size if stride is None else stride, padding, dilation, ceil_mode)


def avg_pool2d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    """Take the mean of each window.

    Parameters
    ----------
    input : Tensor [N, C, H, W] or [C, H, W]
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        Default: `kernel_size`.
    padding : int or (int, int), default 0
    ceil_mode : bool, default False
    count_include_pad : bool, default True
        Count padding in the mean.
    divisor_override : int, optional
        Divide by this instead of the window's size.

    Returns
    -------
    Tensor [N, C, OH, OW]
    """
    return _nn.avg_pool2d(input, kernel_size, kernel_size if stride is None else stride, padding, ceil_mode,
                          count_include_pad, divisor_override)


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """Take the mean of each window of sequences [N, C, L].

    Parameters
    ----------
    input : Tensor [N, C, L] or [C, L]
    kernel_size : int
        Size of a window.
    stride : int, optional
        Step between windows; `kernel_size` by default.
    padding : int, default 0
        Added on both sides; at most half of `kernel_size`.
    ceil_mode : bool, default False
        Keep a last window that reaches over the edge.
    count_include_pad : bool, default True
        Count padding in the mean.

    Returns
    -------
    Tensor [N, C, OL]
    """
    return _nn.avg_pool1d(input, kernel_size, kernel_size if stride is None else stride, padding, ceil_mode,
                          count_include_pad)


def _output_size(size, input):
    """None in an output size keeps the input's."""
    if isinstance(size, int):
        return (size, size)
    return tuple(input.shape[k - len(size)] if s is None else s for k, s in enumerate(size))


def adaptive_avg_pool2d(input, output_size):
    """Take means over windows chosen so that the output has `output_size` (None keeps a dimension).

    Parameters
    ----------
    input : Tensor [N, C, H, W] or [C, H, W]
    output_size : int or (int or None, int or None)

    Returns
    -------
    Tensor [N, C, OH, OW]
    """
    return _nn.adaptive_avg_pool2d(input, _output_size(output_size, input))


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """Take maxima over windows chosen so that the output has `output_size`.

    Parameters
    ----------
    input : Tensor [N, C, H, W] or [C, H, W]
    output_size : int or (int or None, int or None)
        Height and width of the output; None keeps the input's.
    return_indices : bool, default False
        Return where in its plane each maximum stands, too.

    Returns
    -------
    Tensor, or (Tensor, Tensor)
        Of shape [N, C, OH, OW].
    """
    size = _output_size(output_size, input)
    if return_indices:
        return tuple(_nn.adaptive_max_pool2d_with_indices(input, size))
    return _nn.adaptive_max_pool2d(input, size)


def adaptive_max_pool1d(input, output_size, return_indices=False):
    """Take maxima over windows of sequences [N, C, L], chosen so that the output has length `output_size`.

    Parameters
    ----------
    input : Tensor [N, C, L] or [C, L]
    output_size : int
        Length of the output.
    return_indices : bool, default False
        Return where each maximum stands, too.

    Returns
    -------
    Tensor, or (Tensor, Tensor)
        Of shape [N, C, output_size].
    """
    size = output_size if isinstance(output_size, int) else output_size[0]
    result = adaptive_max_pool2d(input.unsqueeze(-2), (1, size), return_indices)
    return tuple(t.squeeze(-2) for t in result) if return_indices else result.squeeze(-2)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Take the p-norm of each window: the root of the sum of powers.

    Parameters
    ----------
    input : Tensor [N, C, H, W] or [C, H, W]
    norm_type : float
        The power p; an infinity takes the maximum.
    kernel_size : int or (int, int)
        Size of a window.
    stride : int or (int, int), optional
        Step between windows; `kernel_size` by default.
    ceil_mode : bool, default False
        Keep a last window that reaches over the edge.

    Returns
    -------
    Tensor [N, C, OH, OW]

    Raises
    ------
    ValueError
        If `norm_type` is 0.
    """
    if norm_type == 0:
        raise ValueError(f"norm_type must be a non-zero value, but got {norm_type}")
    if norm_type in (float("inf"), -float("inf")):
        sign = 1 if norm_type > 0 else -1
        return max_pool2d(input.abs() * sign, kernel_size, stride, 0, 1, ceil_mode) * sign
    h, w = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    mean = avg_pool2d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return (mean.sign() * relu(mean.abs()) * (h * w)).pow(1.0 / norm_type)


def adaptive_avg_pool1d(input, output_size):
    """Take means over windows of sequences [N, C, L], chosen so that the output has length `output_size`.

    Parameters
    ----------
    input : Tensor [N, C, L] or [C, L]
    output_size : int
        Length of the output.

    Returns
    -------
    Tensor [N, C, output_size]
    """
    return _nn.adaptive_avg_pool1d(input, output_size)


# ---- activations

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
        raise RuntimeError(f"lambda must be in range [0, {limit}] for input dtype {input.type()[6:-6]}, but found {lambd:g}")
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
    _warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
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
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim % input.dim()} is size {input.shape[dim]}")
    a, b = input.chunk(2, dim)
    return a * b.sigmoid()


# ---- dropout

def _check_p(p):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input, p=0.5, training=True, inplace=False):
    """Zero elements with probability `p` and divide the others by ``1 - p``, if `training`.

    Parameters
    ----------
    input : Tensor
    p : float, default 0.5
        Probability of a zero.
    training : bool, default True
        False returns the input.
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ValueError
        If `p` is no probability.

    Notes
    -----
    Masks are torch's bit for bit, for the same seed. Srivastava et al., JMLR 15 (2014).
    """
    _check_p(p)
    return _fn.dropout_(input, p, training) if inplace else _fn.dropout(input, p, training)


def _feature_dropout(input, p, training, inplace):
    return _fn.feature_dropout_(input, p, training) if inplace else _fn.feature_dropout(input, p, training)


def dropout1d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of sequences [N, C, L] or [C, L] with probability `p`, if `training`.

    Parameters
    ----------
    input : Tensor [N, C, L] or [C, L]
    p : float, default 0.5
        Probability that a channel is zeroed.
    training : bool, default True
        False returns the input.
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    RuntimeError
        If the input has another number of dimensions.
    ValueError
        If `p` is no probability.
    """
    _check_p(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. Note that dropout1d "
                           "exists to provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, "
                           "and an optional batch dimension (i.e. 2D or 3D inputs).")
    if input.dim() == 3:
        return _feature_dropout(input, p, training, inplace)
    result = _feature_dropout(input.unsqueeze(0), p, training, inplace)
    return input if inplace else result.squeeze(0)


def dropout2d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of images [N, C, H, W] with probability `p` and divide the others by ``1 - p``, if `training`.

    Parameters
    ----------
    input : Tensor [N, C, H, W]
    p : float, default 0.5
        Probability that a channel is zeroed.
    training : bool, default True
        False returns the input.
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ValueError
        If `p` is no probability.

    Notes
    -----
    As in torch, three dimensions are read as [N, C, L], and a warning says so.
    """
    _check_p(p)
    if input.dim() not in (3, 4):
        _warnings.warn(f"dropout2d: Received a {input.dim()}-D input to dropout2d, which is deprecated and will result in an "
                       "error in a future release. To retain the behavior and silence this warning, please use dropout "
                       "instead. Note that dropout2d exists to provide channel-wise dropout on inputs with 2 spatial "
                       "dimensions, a channel dimension, and an optional batch dimension (i.e. 3D or 4D inputs).",
                       stacklevel=2)
    if input.dim() == 3:
        _warnings.warn("dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is "
                       "desired - input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will "
                       "change in a future release to interpret the input as one without a batch dimension, i.e. shape "
                       "(C, H, W). To maintain the 1D channel-wise dropout behavior, please switch to using dropout1d "
                       "instead.", stacklevel=2)
    return _feature_dropout(input, p, training, inplace)


def dropout3d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of volumes [N, C, D, H, W] with probability `p`, if `training`.

    Parameters
    ----------
    input : Tensor [N, C, D, H, W]
    p : float, default 0.5
        Probability that a channel is zeroed.
    training : bool, default True
        False returns the input.
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ValueError
        If `p` is no probability.
    """
    _check_p(p)
    return _feature_dropout(input, p, training, inplace)


# ---- normalization

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
    input : Tensor [..., *normalized_shape]
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


def instance_norm(input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1,
                  eps=1e-05):
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
        return _nn.group_norm(input, c, weight, bias, eps)
    means, variances, weight, bias = (None if t is None else t.repeat(n) for t in (running_mean, running_var, weight, bias))
    out = _nn.batch_norm(input.reshape(1, n * c, *input.shape[2:]), means, variances, weight, bias, use_input_stats, momentum,
                         eps)
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


# ---- losses

def cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
                  label_smoothing=0.0):
    """Cross entropy of unnormalised scores and class indices or probabilities.

    Parameters
    ----------
    input : Tensor [N, C, ...] or [C]
    target : Tensor
        Class indices [N, ...] of any integer dtype, or probabilities in the shape of `input`.
    weight : Tensor [C], optional
        Of each class.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    ignore_index : int, default -100
        A target that does not count.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the sum of the targets' weights.
    label_smoothing : float, default 0.0

    Returns
    -------
    Tensor
        A scalar, or one loss for each target.

    Raises
    ------
    IndexError
        If a target is no class.
    ValueError
        If the batch sizes differ.
    """
    _require_tensor("cross_entropy_loss", "input", 1, input)
    _require_tensor("cross_entropy_loss", "target", 2, target)
    return _nn.cross_entropy_loss(input, target, weight, _reduction(reduction, size_average, reduce), ignore_index,
                                  label_smoothing)


def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """Negative log likelihood of class indices under log-probabilities; as :func:`cross_entropy` otherwise.

    Parameters
    ----------
    input : Tensor [N, C, ...] or [C]
        Log-probabilities.
    target : Tensor [N, ...] or []
        Classes, of any integer dtype.
    weight : Tensor [C], optional
        Of each class.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    ignore_index : int, default -100
        A target that does not count.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the sum of the targets' weights.

    Returns
    -------
    Tensor
        A scalar, or one loss for each target.

    Raises
    ------
    IndexError
        If a target is no class.
    ValueError
        If the batch sizes differ.
    """
    return _nn.nll_loss(input, target, weight, _reduction(reduction, size_average, reduce), ignore_index)


def _warn_of_sizes(input, target):
    if input.shape != target.shape:
        _warnings.warn(f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). This "
                       "will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
                       stacklevel=3)


def _reduce(loss, reduction, size_average=None, reduce=None):
    """The loss, its mean or its sum, of losses made of other operations."""
    kind = _reduction(reduction, size_average, reduce)
    return loss if kind == 0 else loss.mean() if kind == 1 else loss.sum()


def _check_weight(weight, input):
    if weight.shape != input.shape:
        raise ValueError("Weights and input must have the same size.")


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Squared difference.

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
    weight : Tensor, optional
        Of each element; the mean divides by their sum.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.
    """
    _warn_of_sizes(input, target)
    kind = _reduction(reduction, size_average, reduce)
    if weight is None:
        return _nn.mse_loss(input, target, kind)
    _check_weight(weight, input)
    loss = _nn.mse_loss(input, target, 0) * weight
    return loss if kind == 0 else loss.sum() / weight.sum() if kind == 1 else loss.sum()


def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Absolute difference.

    Parameters
    ----------
    input : Tensor
    target : Tensor
        Of the input's shape.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.
    weight : Tensor, optional
        Of each element; the mean divides by their sum.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.
    """
    _warn_of_sizes(input, target)
    kind = _reduction(reduction, size_average, reduce)
    if weight is None:
        return _nn.l1_loss(input, target, kind)
    _check_weight(weight, input)
    loss = _nn.l1_loss(input, target, 0) * weight
    return loss if kind == 0 else loss.sum() / weight.sum() if kind == 1 else loss.sum()


def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """Absolute difference, squared where it is below `beta`.

    Parameters
    ----------
    input : Tensor
    target : Tensor
        Of the input's shape.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.
    beta : float, default 1.0
        Where the square takes over; 0 for :func:`l1_loss`.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.

    Notes
    -----
    ``0.5 d^2 / beta`` below `beta`, ``d - 0.5 beta`` above. Girshick, arXiv:1504.08083.
    """
    _warn_of_sizes(input, target)
    kind = _reduction(reduction, size_average, reduce)
    return _nn.l1_loss(input, target, kind) if beta == 0.0 else _nn.smooth_l1_loss(input, target, kind, beta)


def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """Squared difference, absolute where it is above `delta`.

    Parameters
    ----------
    input : Tensor
    target : Tensor
        Of the input's shape.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.
    delta : float, default 1.0
        Where the absolute value takes over.
    weight : Tensor, optional
        Of each element.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.

    Notes
    -----
    ``0.5 d^2`` below `delta`, ``delta (d - 0.5 delta)`` above.
    """
    _warn_of_sizes(input, target)
    if weight is None:
        return _nn.huber_loss(input, target, _reduction(reduction), delta)
    _check_weight(weight, input)
    return _reduce(_nn.huber_loss(input, target, 0, delta) * weight, reduction)


def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Cross entropy of probabilities and targets in [0, 1].

    Parameters
    ----------
    input : Tensor
    target : Tensor
        Probabilities, of the input's shape.
    weight : Tensor, optional
        Of each element; broadcast.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.

    Raises
    ------
    ValueError
        If the shapes differ.
    RuntimeError
        If an input is no probability.
    """
    return _nn.binary_cross_entropy(input, target, weight, _reduction(reduction, size_average, reduce))


def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction="mean",
                                     pos_weight=None):
    """Cross entropy of logits and targets in [0, 1]; `pos_weight` multiplies the losses of targets of 1.

    Parameters
    ----------
    input : Tensor
    target : Tensor
        Probabilities, of the input's shape.
    weight : Tensor, optional
        Of each element; broadcast.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.
    pos_weight : Tensor, optional
        Of the positive part of each class; broadcast.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    return _nn.binary_cross_entropy_with_logits(input, target, weight, pos_weight,
                                                _reduction(reduction, size_average, reduce))


def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """Kullback-Leibler divergence of a target distribution from log-probabilities.

    Parameters
    ----------
    input : Tensor
        Log-probabilities.
    target : Tensor
        Probabilities, or with `log_target` their logarithms.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "batchmean", "sum", "none"}, default "mean"
        "batchmean" divides the sum by the number of rows, as the definition does.
    log_target : bool, default False
        The target holds log-probabilities.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.
    """
    if size_average is not None or reduce is not None:
        return _nn.kl_div(input, target, _reduction(reduction, size_average, reduce), log_target)
    if reduction == "mean":
        _warnings.warn("reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' "
                       "divides only by the batch size, and aligns with the KL div math definition.'mean' will be changed "
                       "to behave the same as 'batchmean' in the next major release.", stacklevel=2)
    loss = _nn.kl_div(input, target, 2 if reduction == "batchmean" else _reduction(reduction), log_target)
    return loss / input.shape[0] if reduction == "batchmean" and input.dim() != 0 else loss


def poisson_nll_loss(input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"):
    """Negative log likelihood of counts under Poisson distributions with the (logarithms of the) given rates.

    Parameters
    ----------
    input : Tensor
        Rates, or their logarithms.
    target : Tensor
        Counts, of the input's shape.
    log_input : bool, default True
        The input holds logarithms of rates.
    full : bool, default False
        Add Stirling's approximation of the target's part.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    eps : float, default 1e-08
        Added to the rate within the logarithm.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.
    """
    _reduction(reduction, size_average, reduce)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:  # Stirling's formula, for counts above 1
        stirling = target * target.log() - target + 0.5 * (2 * _math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return _reduce(loss, reduction, size_average, reduce)


def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """Negative log likelihood of targets under normal distributions with the given means and variances.

    Parameters
    ----------
    input : Tensor
        Means.
    target : Tensor
        Of the input's shape.
    var : Tensor or float
        Variances: of the input's shape, or one for each row.
    full : bool, default False
        Add the constant part.
    eps : float, default 1e-06
        Smallest variance.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.

    Raises
    ------
    ValueError
        If a variance is negative or of another shape, or `reduction` is none of the three.
    """
    if isinstance(var, float):
        var = _fn.full_like(input.detach(), var)
    if (var < 0).any():
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)
        elif not (input.dim() == var.dim() and sum(b for a, b in zip(input.shape, var.shape) if a != b) == 1):
            raise ValueError("var is of incorrect size")
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{reduction} is not valid")
    var = var + (var.detach().clamp_min(eps) - var.detach())  # at least eps, with the gradient of var
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    return _reduce(loss + 0.5 * _math.log(2 * _math.pi) if full else loss, reduction)


def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """The input where the target is 1, ``max(0, margin - input)`` where it is -1.

    Parameters
    ----------
    input : Tensor
    target : Tensor
        1 or -1, in the input's shape.
    margin : float, default 1.0
        Distance from which dissimilar inputs cost nothing.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.
    """
    zeros = _fn.zeros_like(input.detach())
    loss = _fn.where(target != 1, (margin - input).clamp_min(0), zeros) + _fn.where(target != -1, input, zeros)
    return _reduce(loss, reduction, size_average, reduce)


def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """``max(0, -target * (input1 - input2) + margin)``: input1 shall be larger where the target is 1.

    Parameters
    ----------
    input1 : Tensor
    input2 : Tensor
        Of the shape of `input1`.
    target : Tensor
        1 where `input1` should be larger, -1 elsewhere.
    margin : float, default 0
        By how much.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or of the inputs' shape.

    Raises
    ------
    RuntimeError
        If the numbers of dimensions differ.
    """
    if input1.dim() != input2.dim() or input1.dim() != target.dim():
        raise RuntimeError("margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
                           f"{input1.size()}, input2: {input2.size()}, target: {target.size()} ")
    return _reduce((-target * (input1 - input2) + margin).clamp_min(0), reduction, size_average, reduce)


def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """``log(1 + exp(-target * input))``, for targets of 1 and -1.

    Parameters
    ----------
    input : Tensor
    target : Tensor
        1 or -1, in the input's shape.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.
    """
    return _reduce((-target * input).exp().log1p(), reduction, size_average, reduce)


def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Cross entropy of each class by itself, averaged over the classes.

    Parameters
    ----------
    input : Tensor [N, C]
        Unnormalised scores.
    target : Tensor [N, C]
        0 or 1.
    weight : Tensor [C], optional
        Of each class.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or one loss for each row.
    """
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return _reduce(loss.sum(-1) / input.shape[-1], reduction, size_average, reduce)


def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Hinge loss of several classes: how far each other score reaches into the margin below the target's, to the power `p`.

    Parameters
    ----------
    input : Tensor [N, C] or [C]
        Scores.
    target : Tensor [N] or []
        Classes, of int64.
    p : {1, 2}, default 1
        The power.
    margin : float, default 1.0
        By how much the target's score should be ahead.
    weight : Tensor [C], optional
        Of each class.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or one loss for each row.

    Raises
    ------
    ValueError
        If `p` is neither 1 nor 2, or `weight` is no vector.
    """
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    rows, index = (input.unsqueeze(0), target.reshape(1, 1)) if input.dim() == 1 else (input, target.unsqueeze(1))
    loss = (margin - rows.gather(1, index) + rows).clamp_min(0) ** p
    if weight is not None:
        loss = loss * weight[index]
    loss = loss.scatter(1, index, 0.0).sum(1) / rows.shape[1]
    return _reduce(loss if input.dim() > 1 else loss.squeeze(0), reduction, size_average, reduce)


def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """1 minus the cosine of vectors where the target is 1, ``max(0, cosine - margin)`` where it is -1.

    Parameters
    ----------
    input1 : Tensor [N, D] or [D]
    input2 : Tensor [N, D] or [D]
    target : Tensor [N] or []
        1 or -1.
    margin : float, default 0
        Cosine up to which dissimilar vectors cost nothing.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or one loss for each row.
    """
    eps = 1e-12
    products = (input1 * input2).sum(-1)
    cosine = products / (((input1 * input1).sum(-1) + eps) * ((input2 * input2).sum(-1) + eps)).sqrt()
    zeros = _fn.zeros_like(cosine.detach())
    loss = _fn.where(target == 1, 1 - cosine, zeros) + _fn.where(target == -1, (cosine - margin).clamp_min(0), zeros)
    return _reduce(loss, reduction, size_average, reduce)


def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None, reduce=None,
                        reduction="mean"):
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` with the p-norm as distance d.

    With `swap`, the negative's distance from the positive counts if it is smaller than that from the anchor.

    Parameters
    ----------
    anchor : Tensor [N, D] or [D]
    positive : Tensor [N, D] or [D]
        What should be near the anchor.
    negative : Tensor [N, D] or [D]
        What should be far from it.
    margin : float, default 1.0
        By how much farther; positive.
    p : float, default 2
        The norm's power.
    eps : float, default 1e-06
        Added to the differences.
    swap : bool, default False
        See above.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or one loss for each row.

    Raises
    ------
    ValueError
        If `margin` is not positive.

    Notes
    -----
    Balntas et al., BMVC 2016.
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    near, far = pairwise_distance(anchor, positive, p, eps), pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = _fn.minimum(far, pairwise_distance(positive, negative, p, eps))
    return _reduce((margin + near - far).clamp_min(0), reduction, size_average, reduce)


# ---- shapes

def one_hot(tensor, num_classes=-1):
    """Turn class indices [...] into rows of zeros with a one, [..., num_classes].

    Parameters
    ----------
    tensor : Tensor
        Classes, of int64.
    num_classes : int, default -1
        -1 for one more than the largest class.

    Returns
    -------
    Tensor
        Of int64.

    Raises
    ------
    RuntimeError
        If a class is negative, or not below `num_classes`.
    """
    return _nn.one_hot(tensor, num_classes)


def pad(input, pad, mode="constant", value=None):
    """Pad the last dimensions.

    Parameters
    ----------
    input : Tensor
    pad : sequence of int
        (before, after) of the last dimension, then of the one before it, ...; negative amounts cut.
    mode : {"constant", "reflect", "replicate", "circular"}, default "constant"
    value : float, default 0
        For "constant".

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If the number of amounts is odd or too large, or a value is given where none is used.
    NotImplementedError
        If the mode is another one, or does not pad that many dimensions.
    """
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) > 2 * input.dim():
        raise RuntimeError("Padding length should be less than or equal to two times the input dimension but got padding "
                           f"length {len(pad)} and input of dimension {input.dim()}")
    if mode == "constant":
        return _fn.constant_pad_nd(input, list(pad), 0.0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    kinds = {"reflect": "reflection", "replicate": "replication", "circular": ""}
    if mode not in kinds:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if input.dim() not in (len(pad) // 2 + 1, len(pad) // 2 + 2) or len(pad) > 6:
        raise NotImplementedError(f"Padding size {len(pad)} is not supported for {input.dim()}D input tensor.\n"
                                  "Supported combinations for non-constant padding:\n"
                                  "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
                                  "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
                                  "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)")
    if mode == "circular":
        return _nn._pad_circular(input, list(pad))
    return getattr(_nn, f"{kinds[mode]}_pad{len(pad) // 2}d")(input, list(pad))


def pixel_shuffle(input, upscale_factor):
    """Turn [*, C r^2, H, W] into [*, C, H r, W r] with r = `upscale_factor`.

    Parameters
    ----------
    input : Tensor [..., C r^2, H, W]
    upscale_factor : int
        r, by how much the image grows.

    Returns
    -------
    Tensor [..., C, H r, W r]

    Notes
    -----
    Shi et al., arXiv:1609.05158.
    """
    return _nn.pixel_shuffle(input, upscale_factor)


def pixel_unshuffle(input, downscale_factor):
    """Turn [*, C, H r, W r] into [*, C r^2, H, W] with r = `downscale_factor`.

    Parameters
    ----------
    input : Tensor [..., C, H r, W r]
    downscale_factor : int
        r, by how much the image shrinks.

    Returns
    -------
    Tensor [..., C r^2, H, W]
    """
    return _nn.pixel_unshuffle(input, downscale_factor)


def channel_shuffle(input, groups):
    """Interleave the channels of `groups` groups of [N, C, ...]. Zhang et al., arXiv:1707.01083.

    Parameters
    ----------
    input : Tensor [N, C, ...]
    groups : int
        Divides the number of channels.

    Returns
    -------
    Tensor
        Of the input's shape.

    Raises
    ------
    RuntimeError
        If `groups` does not divide the number of channels.
    """
    n, c = input.shape[:2]
    if groups <= 0 or c % groups != 0:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups.")
    return input.reshape(n, groups, c // groups, *input.shape[2:]).transpose(1, 2).reshape(input.shape)


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """Look rows of `weight` up by integer indices.

    Parameters
    ----------
    input : Tensor
        Of int64 or int32.
    weight : Tensor [rows, features]
    padding_idx : int, optional
        Accepted; the row's gradient is not left out.
    max_norm : None, optional
        Not supported.
    norm_type : float, default 2.0
        Of `max_norm`.
    scale_grad_by_freq : bool, default False
        True is not supported.
    sparse : bool, default False
        True is not supported.

    Returns
    -------
    Tensor [..., features]

    Raises
    ------
    NotImplementedError
        If `max_norm`, `scale_grad_by_freq` or `sparse` is given.
    IndexError
        If an index is no row.
    """
    if max_norm is not None or scale_grad_by_freq or sparse:
        raise NotImplementedError("embedding: max_norm, scale_grad_by_freq and sparse are not supported")
    return weight.index_select(0, input.reshape(-1)).reshape(*input.shape, weight.shape[1])


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """Return the cosine of the angle between vectors along `dim`.

    Parameters
    ----------
    x1 : Tensor
    x2 : Tensor
        Broadcast with `x1`.
    dim : int, default 1
        Dimension, counted from the end if negative.
    eps : float, default 1e-08
        Smallest norm to divide by.

    Returns
    -------
    Tensor
        Without the dimension `dim`.
    """
    return (x1 * x2).sum(dim) / ((x1 * x1).sum(dim).sqrt().clamp_min(eps) * (x2 * x2).sum(dim).sqrt().clamp_min(eps))


def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """Return the p-norm of ``x1 - x2 + eps`` along the last dimension.

    Parameters
    ----------
    x1 : Tensor [..., D]
    x2 : Tensor [..., D]
        Broadcast with `x1`.
    p : float, default 2.0
        The norm's power.
    eps : float, default 1e-06
        Added to each difference.
    keepdim : bool, default False
        Keep the last dimension, with size 1.

    Returns
    -------
    Tensor [...]
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def __getattr__(name):
    raise _missing_attribute("pycnn.nn.functional", name, [n for n in globals() if not n.startswith("_")])
