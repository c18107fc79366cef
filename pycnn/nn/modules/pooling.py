"""Pooling layers."""

from pycnn.nn import functional as F
from pycnn.nn.modules.module import Module


class _MaxPoolNd(Module):
    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def extra_repr(self):
        return (f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
                f"dilation={self.dilation}, ceil_mode={self.ceil_mode}")


class MaxPool1d(_MaxPoolNd):
    """Maximum over windows of sequences [N, C, L].

    Parameters
    ----------
    kernel_size : int
        Size of a window.
    stride : int, optional
        Step between windows; `kernel_size` by default.
    padding : int, default 0
        Added on both sides; at most half of `kernel_size`.
    dilation : int, default 1
        Distance of neighbouring elements of a window.
    return_indices : bool, default False
        Return where each maximum stands, too.
    ceil_mode : bool, default False
        Keep a last window that reaches over the edge.
    """

    def forward(self, input):
        return F.max_pool1d(input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
                            self.return_indices)


class MaxPool2d(_MaxPoolNd):
    """Maximum over windows of images [N, C, H, W].

    Input [N, C, H, W] or [C, H, W], output [N, C, OH, OW] or [C, OH, OW] with ``OH = floor((H + 2 * padding - dilation
    * (kernel_size - 1) - 1) / stride) + 1`` and OW likewise; rounded up with `ceil_mode`.

    Parameters
    ----------
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        Default: `kernel_size`.
    padding : int or (int, int), default 0
        Added on both sides, never the maximum; at most half of `kernel_size`.
    dilation : int or (int, int), default 1
        Distance of neighbouring elements of a window.
    return_indices : bool, default False
        Return where in its plane each maximum stands, too.
    ceil_mode : bool, default False
        Keep a last window that reaches over the edge.

    Examples
    --------
    >>> MaxPool2d(2)(pycnn.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[4.]]])
    """

    def forward(self, input):
        return F.max_pool2d(input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
                            self.return_indices)


class AvgPool1d(Module):
    """Mean over windows of sequences [N, C, L].

    Parameters
    ----------
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
    """

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        super().__init__()
        one = lambda x: (x,) if isinstance(x, int) else tuple(x)
        self.kernel_size = one(kernel_size)
        self.stride = one(stride if stride is not None else kernel_size)
        self.padding, self.ceil_mode, self.count_include_pad = one(padding), ceil_mode, count_include_pad

    def forward(self, input):
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
    """Mean over windows of images [N, C, H, W].

    Input [N, C, H, W] or [C, H, W], output [N, C, OH, OW] or [C, OH, OW] with ``OH = floor((H + 2 * padding -
    kernel_size) / stride) + 1`` and OW likewise; rounded up with `ceil_mode`.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Size of a window.
    stride : int or (int, int), optional
        Default: `kernel_size`.
    padding : int or (int, int), default 0
        Added on both sides; at most half of `kernel_size`.
    ceil_mode : bool, default False
        Keep a last window that reaches over the edge.
    count_include_pad : bool, default True
        Count padding in the mean.
    divisor_override : int, optional
        Divide by this instead of the window's size.
    """

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
                 divisor_override=None):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding, self.ceil_mode, self.count_include_pad = padding, ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input):
        return F.avg_pool2d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
                            self.divisor_override)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AdaptivePool(Module):
    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptivePool):
    """Mean over windows chosen so that the output has length `output_size`.

    Parameters
    ----------
    output_size : int
        Length of the output.
    """

    def forward(self, input):
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptivePool):
    """Mean over windows chosen so that the output has `output_size`.

    Parameters
    ----------
    output_size : int or (int or None, int or None)
        Height and width; None keeps a dimension.
    """

    def forward(self, input):
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveMaxPool2d(_AdaptivePool):
    """Maximum over windows chosen so that the output has `output_size`.

    Parameters
    ----------
    output_size : int or (int or None, int or None)
        Height and width; None keeps a dimension.
    return_indices : bool, default False
        Return where in its plane each maximum stands, too.
    """

    def __init__(self, output_size, return_indices=False):
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input):
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptivePool):
    """Maximum over windows chosen so that the output has length `output_size`.

    Parameters
    ----------
    output_size : int
        Length of the output.
    return_indices : bool, default False
        Return where each maximum stands, too.
    """

    def __init__(self, output_size, return_indices=False):
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input):
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class LPPool2d(Module):
    """The `norm_type`-norm of each window of images [N, C, H, W].

    Parameters
    ----------
    norm_type : float
        The power; an infinity takes the maximum.
    kernel_size : int or (int, int)
        Size of a window.
    stride : int or (int, int), optional
        Step between windows; `kernel_size` by default.
    ceil_mode : bool, default False
        Keep a last window that reaches over the edge.
    """

    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False):
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input):
        return F.lp_pool2d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self):
        return (f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
                f"ceil_mode={self.ceil_mode}")
