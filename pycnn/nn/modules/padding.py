"""Padding layers for images [N, C, H, W]; amounts are (left, right, top, bottom) or one for all sides."""

from pycnn.nn import functional as F
from pycnn.nn.modules.module import Module


class _Pad2d(Module):
    mode = "constant"

    def __init__(self, padding):
        super().__init__()
        self.padding = (padding,) * 4 if isinstance(padding, int) else tuple(padding)

    def forward(self, input):
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad2d(_Pad2d):
    """Pads with zeros."""


class ReflectionPad2d(_Pad2d):
    """Pads with the image mirrored at its edge, the edge not repeated."""

    mode = "reflect"


class ReplicationPad2d(_Pad2d):
    """Pads with the edge repeated."""

    mode = "replicate"


class ConstantPad2d(_Pad2d):
    """Pads with `value`."""

    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"
