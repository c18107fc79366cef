"""Convolutions and the linear map."""

from pycnn import _C
from pycnn.nn.functional._shape import pad

_nn = _C.nn


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
