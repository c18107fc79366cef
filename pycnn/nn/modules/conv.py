"""Convolution layers."""

import math

from pycnn import _C
from pycnn.nn import functional as F
from pycnn.nn import init
from pycnn.nn.modules.module import Module
from pycnn.nn.modules.utils import _ntuple, _reverse_repeat_tuple
from pycnn.nn.parameter import Parameter


class _ConvNd(Module):
    """What the convolutions share: checks, parameters, initial values, text."""

    def __init__(self, n, transposed, in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding,
                 groups, bias, padding_mode, device, dtype):
        super().__init__()
        tuple_of = _ntuple(n, "tuple_of")
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of ('valid', 'same')")
            if padding == "same" and any(s != 1 for s in tuple_of(stride)):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError("padding_mode must be one of ('zeros', 'reflect', 'replicate', 'circular'), but got "
                             f"padding_mode='{padding_mode}'")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride = tuple_of(kernel_size), tuple_of(stride)
        self.padding = padding if isinstance(padding, str) else tuple_of(padding)
        self.dilation, self.transposed = tuple_of(dilation), transposed
        self.output_padding, self.groups, self.padding_mode = tuple_of(output_padding), groups, padding_mode
        for name, least, error in (("kernel_size", 1, "kernel size should be greater than zero"),
                                   ("stride", 1, "non-positive stride is not supported"),
                                   ("dilation", 1, "dilation should be greater than zero"),
                                   ("padding", 0, "negative padding is not supported")):
            values = getattr(self, name)
            if isinstance(values, str):
                continue
            if len(values) not in (n, 1
                                   if name != "kernel_size" else n) or not all(hasattr(v, "__index__") for v in values):
                raise TypeError(f"{type(self).__name__}(): argument '{name}' must be int or tuple of {n} ints, but got "
                                f"{values}")
            if any(v < least for v in values):
                raise RuntimeError(f"{error}, but got {values}")
        if padding == "same":
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size)]
            self._reversed_padding_repeated_twice = [v for t in reversed(total) for v in (t // 2, t - t // 2)]
        elif padding == "valid":
            self._reversed_padding_repeated_twice = [0, 0] * n
        else:
            self._reversed_padding_repeated_twice = _reverse_repeat_tuple(self.padding, 2)
        first = (in_channels, out_channels // groups) if transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(_C.fn.empty((*first, *self.kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(_C.fn.empty((out_channels,), device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw the initial weight and bias: uniform, bounded by the root of the fan-in."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self):
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        n = len(self.kernel_size)
        if self.padding != (0,) * n:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * n:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * n:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text

    def _conv_forward(self, input, weight, bias):
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode), 0
        return self._function(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input):
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_ConvNd):
    """Convolution over sequences [N, C, L].

    Input [N, C, L] or [C, L], output [N, K, OL] or [K, OL] with ``OL = floor((L + 2 * padding - dilation * (kernel_size
    - 1) - 1) / stride) + 1``, of the weight's dtype.

    Parameters
    ----------
    in_channels : int
        C.
    out_channels : int
        K.
    kernel_size : int
        Size of a window.
    stride : int, default 1
        Step between windows.
    padding : int or {"valid", "same"}, default 0
        Added on both sides; "same" keeps the length where the stride is 1.
    dilation : int, default 1
        Distance of neighbouring elements of a window.
    groups : int, default 1
        Groups of channels that are convolved separately; divides both channel counts.
    bias : bool, default True
        Learn a number that is added to each output channel.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}, default "zeros"
        What is added.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.

    See Also
    --------
    torch.nn.Conv1d : same initial weights for the same seed.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 padding_mode="zeros", device=None, dtype=None):
        super().__init__(1, False, in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, bias,
                         padding_mode, device, dtype)

    _function = staticmethod(F.conv1d)


class Conv2d(_ConvNd):
    """Convolution over images [N, C, H, W].

    Input [N, C, H, W] or [C, H, W], output [N, K, OH, OW] or [K, OH, OW] with ``OH = floor((H + 2 * padding - dilation
    * (kernel_size - 1) - 1) / stride) + 1`` and OW likewise, of the weight's dtype.

    Parameters
    ----------
    in_channels : int
        C.
    out_channels : int
        K.
    kernel_size : int or (int, int)
        Size of a window.
    stride : int or (int, int), default 1
        Step between windows.
    padding : int, (int, int) or {"valid", "same"}, default 0
        Added on both sides; "same" keeps the size where the stride is 1.
    dilation : int or (int, int), default 1
        Distance of neighbouring elements of a window.
    groups : int, default 1
        Groups of channels that are convolved separately; divides both channel counts. `in_channels` of them make a
        depthwise convolution.
    bias : bool, default True
        Learn a number that is added to each output channel.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}, default "zeros"
        What is added.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.

    Raises
    ------
    ValueError
        If `groups` does not divide the channels.
    RuntimeError
        If a size, stride, padding or dilation is out of range; in forward, if the input does not fit.

    See Also
    --------
    torch.nn.Conv2d : same initial weights for the same seed.

    Examples
    --------
    >>> Conv2d(3, 16, 3, stride=2, padding=1)(pycnn.zeros(8, 3, 32, 32)).shape
    torch.Size([8, 16, 16, 16])
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 padding_mode="zeros", device=None, dtype=None):
        super().__init__(2, False, in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, bias,
                         padding_mode, device, dtype)

    _function = staticmethod(F.conv2d)


class ConvTranspose2d(_ConvNd):
    """Transposed convolution over images [N, C, H, W].

    Input [N, C, H, W], output [N, K, OH, OW] with ``OH = (H - 1) * stride - 2 * padding + dilation * (kernel_size - 1)
    + output_padding + 1`` and OW likewise.

    Parameters
    ----------
    in_channels : int
        C.
    out_channels : int
        K.
    kernel_size : int or (int, int)
        Size of a window.
    stride : int or (int, int), default 1
        Step between windows of the output.
    padding : int or (int, int), default 0
        Cut from both sides of the output.
    output_padding : int or (int, int), default 0
        Rows and columns added at its end: one of several sizes that the stride leads to.
    groups : int, default 1
        Divides both channel counts.
    bias : bool, default True
        Learn a number that is added to each output channel.
    dilation : int or (int, int), default 1
        Distance of neighbouring elements of a window.
    padding_mode : {"zeros"}, default "zeros"
        There is no other.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.

    Raises
    ------
    ValueError
        If `padding_mode` is another one, or `groups` does not divide the channels.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1,
                 bias=True, dilation=1, padding_mode="zeros", device=None, dtype=None):
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(2, True, in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding,
                         groups, bias, padding_mode, device, dtype)

    def forward(self, input, output_size=None):
        """Convolve; `output_size` chooses among the sizes that the stride leaves open."""
        padding = self.output_padding if output_size is None else self._output_padding(input, output_size)
        return F.conv_transpose2d(input, self.weight, self.bias, self.stride, self.padding, padding, self.groups,
                                  self.dilation)

    def _output_padding(self, input, size):
        n = len(self.kernel_size)
        if len(size) == n + 2 or (input.dim() == n + 1 and len(size) == n + 1):
            size = size[-n:]
        if len(size) != n:
            raise ValueError(f"ConvTranspose{n}D: for {input.dim()}D input, output_size must have {n} or {input.dim()} "
                             f"elements (got {len(size)})")
        least = [(x - 1) * s - 2 * p + d * (k - 1) + 1 for x, s, p, d, k in
                 zip(input.shape[-n:], self.stride, self.padding, self.dilation, self.kernel_size)]
        most = [m + s - 1 for m, s in zip(least, self.stride)]
        if any(not low <= wanted <= high for low, wanted, high in zip(least, size, most)):
            raise ValueError(f"requested an output size of {size}, but valid sizes range from {least} to {most} (for "
                             f"an input of {input.size()[2:]})")
        return tuple(wanted - low for wanted, low in zip(size, least))
