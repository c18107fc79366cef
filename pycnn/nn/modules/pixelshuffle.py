"""Layers that move channels into space and back."""

from pycnn.nn import functional as F
from pycnn.nn.modules.module import Module


class PixelShuffle(Module):
    """Turns [N, C r^2, H, W] into [N, C, H r, W r] with r = `upscale_factor`. Shi et al., arXiv:1609.05158.

    Parameters
    ----------
    upscale_factor : int
        By how much the image grows.
    """

    def __init__(self, upscale_factor):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input):
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self):
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Turns [N, C, H r, W r] into [N, C r^2, H, W] with r = `downscale_factor`.

    Parameters
    ----------
    downscale_factor : int
        By how much the image shrinks.
    """

    def __init__(self, downscale_factor):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input):
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self):
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Interleaves the channels of `groups` groups. Zhang et al., arXiv:1707.01083.

    Parameters
    ----------
    groups : int
        Divides the number of channels.
    """

    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, input):
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self):
        return f"groups={self.groups}"
