"""Pooling: maximum, average, adaptive, power average."""

from pycnn import _C
from pycnn.nn.functional._activation import relu

_nn = _C.nn


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
        Return where each maximum stands, too.

    Returns
    -------
    Tensor [N, C, OL], or (Tensor, Tensor)
    """
    stride = kernel_size if stride is None or stride == () or stride == [] else stride
    if not return_indices:
        return _nn.max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode)
    k, s, p, d = (v if isinstance(v, int) else v[0] for v in (kernel_size, stride, padding, dilation))
    result = _nn.max_pool2d_with_indices(input.unsqueeze(-2), (1, k), (1, s), (0, p), (1, d), ceil_mode)
    return tuple(t.squeeze(-2) for t in result)


def avg_pool2d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
               divisor_override=None):
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
