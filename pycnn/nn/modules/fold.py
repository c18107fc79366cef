"""Layers that take images apart into windows and put them together again."""

from pycnn.nn import functional as F
from pycnn.nn.modules.module import Module


class Unfold(Module):
    """Lays the windows of images out as columns: [N, C, H, W] to [N, C kh kw, windows].

    Parameters
    ----------
    kernel_size, dilation, padding, stride : int or (int, int)
        Default 1, 0 and 1 but for the first.
    """

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input):
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Adds columns up to images: [N, C kh kw, windows] to [N, C, H, W].

    Parameters
    ----------
    output_size : int or (int, int)
        H and W.
    kernel_size, dilation, padding, stride : int or (int, int)
        As of :class:`Unfold`.
    """

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.output_size, self.kernel_size, self.dilation = output_size, kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input):
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return (f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
                f"padding={self.padding}, stride={self.stride}")
