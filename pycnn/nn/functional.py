"""torch.nn.functional: the layers' operations as functions, with torch's names and signatures."""

import warnings as _warnings

from pycnn import _C
from pycnn._missing import missing_attribute as _missing_attribute

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
        raise TypeError(f"{function}(): argument '{argument}' (position {position}) must be Tensor, not "
                        f"{type(value).__name__}")


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
    """Take the maximum of each window of sequences [N, C, L]."""
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
    """
    return _nn.avg_pool2d(input, kernel_size, kernel_size if stride is None else stride, padding, ceil_mode,
                          count_include_pad, divisor_override)


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """Take the mean of each window of sequences [N, C, L]."""
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
    """
    return _nn.adaptive_avg_pool2d(input, _output_size(output_size, input))


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """Take maxima over windows chosen so that the output has `output_size`."""
    size = _output_size(output_size, input)
    if return_indices:
        return tuple(_nn.adaptive_max_pool2d_with_indices(input, size))
    return _nn.adaptive_max_pool2d(input, size)


def adaptive_avg_pool1d(input, output_size):
    """Take means over windows of sequences [N, C, L], chosen so that the output has length `output_size`."""
    return _nn.adaptive_avg_pool1d(input, output_size)


# ---- activations

def relu(input, inplace=False):
    """Return ``max(0, input)``; with `inplace`, in the input itself."""
    return _nn.relu_(input) if inplace else _nn.relu(input)


def relu_(input):
    """ReLU in place."""
    return _nn.relu_(input)


def relu6(input, inplace=False):
    """Return ``min(max(0, input), 6)``."""
    return _nn.relu6_(input) if inplace else _nn.relu6(input)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """Return the input where it is positive, `negative_slope` times it elsewhere."""
    return _nn.leaky_relu_(input, negative_slope) if inplace else _nn.leaky_relu(input, negative_slope)


def prelu(input, weight):
    """Leaky ReLU with a learned slope, one or one for each channel."""
    return _nn.prelu(input, weight)


def elu(input, alpha=1.0, inplace=False):
    """Return the input where it is positive, ``alpha * (exp(input) - 1)`` elsewhere."""
    return _nn.elu_(input, alpha) if inplace else _nn.elu(input, alpha)


def selu(input, inplace=False):
    """The self-normalising ELU of Klambauer et al., arXiv:1706.02515."""
    return _fn.selu_(input) if inplace else _fn.selu(input)


def celu(input, alpha=1.0, inplace=False):
    """The continuously differentiable ELU of Barron, arXiv:1704.07483."""
    return _fn.celu_(input, alpha) if inplace else _fn.celu(input, alpha)


def gelu(input, approximate="none"):
    """The input times the normal distribution function of it; `approximate` "tanh" for the usual approximation."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return _nn.gelu(input, approximate=int(approximate == "tanh"))


def silu(input, inplace=False):
    """Return ``input * sigmoid(input)``."""
    return _nn.silu_(input) if inplace else _nn.silu(input)


def mish(input, inplace=False):
    """Return ``input * tanh(softplus(input))``."""
    return _nn.mish_(input) if inplace else _nn.mish(input)


def softplus(input, beta=1.0, threshold=20.0):
    """Return ``log(1 + exp(beta * input)) / beta``, linear above `threshold`."""
    return _nn.softplus(input, beta, threshold)


def hardswish(input, inplace=False):
    """Return ``input * relu6(input + 3) / 6``."""
    return _nn.hardswish_(input) if inplace else _nn.hardswish(input)


def hardsigmoid(input, inplace=False):
    """Return ``relu6(input + 3) / 6``."""
    return _nn.hardsigmoid_(input) if inplace else _nn.hardsigmoid(input)


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """Clamp the input to [min_val, max_val]."""
    return _nn.hardtanh_(input, min_val, max_val) if inplace else _nn.hardtanh(input, min_val, max_val)


def threshold(input, threshold, value, inplace=False):
    """Return the input where it exceeds `threshold`, `value` elsewhere."""
    return _fn.threshold_(input, threshold, value) if inplace else _fn.threshold(input, threshold, value)


def logsigmoid(input):
    """Return ``log(sigmoid(input))``."""
    return _nn.logsigmoid(input)


def sigmoid(input):
    """Return ``1 / (1 + exp(-input))``."""
    return _fn.sigmoid(input)


def tanh(input):
    """Return the hyperbolic tangent."""
    return _fn.tanh(input)


def softsign(input):
    """Return ``input / (1 + abs(input))``."""
    return input / (input.abs() + 1)


def tanhshrink(input):
    """Return ``input - tanh(input)``."""
    return input - input.tanh()


def _softmax_dim(name, ndim):
    _warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
                   "argument.", stacklevel=3)
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """Return the exponentials along `dim` divided by their sum."""
    return _fn.softmax(input, _softmax_dim("softmax", input.dim()) if dim is None else dim, dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """Return the logarithm of the softmax along `dim`."""
    return _fn.log_softmax(input, _softmax_dim("log_softmax", input.dim()) if dim is None else dim, dtype)


def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """Return the softmax of the negated input."""
    return softmax(-input, dim, dtype=dtype)


def glu(input, dim=-1):
    """Return the first half along `dim` times the sigmoid of the second."""
    if input.shape[dim] % 2 != 0:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {input.shape[dim]}")
    a, b = input.chunk(2, dim)
    return a * b.sigmoid()


# ---- dropout

def _check_p(p):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input, p=0.5, training=True, inplace=False):
    """Zero elements with probability `p` and divide the others by ``1 - p``, if `training`."""
    _check_p(p)
    return _fn.dropout_(input, p, training) if inplace else _fn.dropout(input, p, training)


def dropout2d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels with probability `p` and divide the others by ``1 - p``, if `training`."""
    _check_p(p)
    return _fn.feature_dropout_(input, p, training) if inplace else _fn.feature_dropout(input, p, training)


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

    Raises
    ------
    ValueError
        If there is a single value per channel when training.
    """
    if training:
        count = input.numel() // max(1, input.shape[1])
        if count == 1 and input.numel() > 0:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.size()}")
    return _nn.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-05):
    """Normalise over the last dimensions, which have the shape `normalized_shape`."""
    return _nn.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-05):
    """Normalise each of `num_groups` groups of channels of each image."""
    return _nn.group_norm(input, num_groups, weight, bias, eps)


def instance_norm(input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1,
                  eps=1e-05):
    """Normalise each channel of each image."""
    if running_mean is not None:
        raise NotImplementedError("instance_norm: running statistics are not supported")
    return _nn.group_norm(input, input.shape[1], weight, bias, eps)


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """Divide by the p-norm along `dim`."""
    return input / input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)


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
    ignore_index : int, default -100
        A target that does not count.
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
    """Negative log likelihood of class indices under log-probabilities; as :func:`cross_entropy` otherwise."""
    return _nn.nll_loss(input, target, weight, _reduction(reduction, size_average, reduce), ignore_index)


def _warn_of_sizes(input, target):
    if input.shape != target.shape:
        _warnings.warn(f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). This "
                       "will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
                       stacklevel=3)


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Squared difference."""
    _warn_of_sizes(input, target)
    if weight is not None:
        loss = _nn.mse_loss(input, target, 0) * weight
        return loss.sum() / weight.sum() if reduction == "mean" else loss.sum() if reduction == "sum" else loss
    return _nn.mse_loss(input, target, _reduction(reduction, size_average, reduce))


def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Absolute difference."""
    _warn_of_sizes(input, target)
    if weight is not None:
        loss = _nn.l1_loss(input, target, 0) * weight
        return loss.sum() / weight.sum() if reduction == "mean" else loss.sum() if reduction == "sum" else loss
    return _nn.l1_loss(input, target, _reduction(reduction, size_average, reduce))


def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """Absolute difference, squared where it is below `beta`."""
    _warn_of_sizes(input, target)
    return _nn.smooth_l1_loss(input, target, _reduction(reduction, size_average, reduce), beta)


def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """Squared difference, absolute where it is above `delta`."""
    _warn_of_sizes(input, target)
    if weight is not None:
        loss = _nn.huber_loss(input, target, 0, delta) * weight
        return loss.mean() if reduction == "mean" else loss.sum() if reduction == "sum" else loss
    return _nn.huber_loss(input, target, _reduction(reduction), delta)


def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Cross entropy of probabilities and targets in [0, 1]."""
    return _nn.binary_cross_entropy(input, target, weight, _reduction(reduction, size_average, reduce))


def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction="mean",
                                     pos_weight=None):
    """Cross entropy of logits and targets in [0, 1]."""
    return _nn.binary_cross_entropy_with_logits(input, target, weight, pos_weight,
                                                _reduction(reduction, size_average, reduce))


def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """Kullback-Leibler divergence of a target distribution from log-probabilities."""
    if reduction == "mean":
        _warnings.warn("reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' "
                       "divides only by the batch size, and aligns with the KL div math definition.'mean' will be changed "
                       "to behave the same as 'batchmean' in the next major release.", stacklevel=2)
    if reduction == "batchmean":
        return _nn.kl_div(input, target, 2, log_target) / input.shape[0]
    return _nn.kl_div(input, target, _reduction(reduction, size_average, reduce), log_target)


# ---- shapes

def one_hot(tensor, num_classes=-1):
    """Turn class indices [...] into rows of zeros with a one, [..., num_classes]."""
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
    """
    if mode == "constant":
        return _fn.constant_pad_nd(input, list(pad), 0.0 if value is None else value)
    if value is not None and value != 0:
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode == "circular":
        return _nn._pad_circular(input, list(pad))
    kinds = {"reflect": "reflection", "replicate": "replication"}
    if mode not in kinds:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    return getattr(_nn, f"{kinds[mode]}_pad{len(pad) // 2}d")(input, list(pad))


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """Look rows of `weight` up by integer indices."""
    if max_norm is not None or scale_grad_by_freq or sparse:
        raise NotImplementedError("embedding: max_norm, scale_grad_by_freq and sparse are not supported")
    return weight.index_select(0, input.reshape(-1)).reshape(*input.shape, weight.shape[1])


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """Return the cosine of the angle between vectors along `dim`."""
    return (x1 * x2).sum(dim) / ((x1 * x1).sum(dim).sqrt().clamp_min(eps) * (x2 * x2).sum(dim).sqrt().clamp_min(eps))


def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """Return the p-norm of ``x1 - x2 + eps`` along the last dimension."""
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def __getattr__(name):
    raise _missing_attribute("pycnn.nn.functional", name, [n for n in globals() if not n.startswith("_")])
