"""Layers that resize images."""

from pycnn.nn import functional as F
from pycnn.nn.modules.module import Module


class Upsample(Module):
    """Resizes images [N, C, H, W] or signals [N, C, L], as :func:`pycnn.nn.functional.interpolate`.

    Parameters
    ----------
    size : int or tuple of int, optional
        Of the result. Either this or `scale_factor`.
    scale_factor : float or tuple of float, optional
    mode : {"nearest", "nearest-exact", "linear", "bilinear", "bicubic", "area"}, default "nearest"
    align_corners, recompute_scale_factor : bool, optional
    """

    def __init__(self, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None):
        super().__init__()
        self.name, self.size, self.mode = type(self).__name__, size, mode
        if isinstance(scale_factor, tuple):
            self.scale_factor = tuple(float(f) for f in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.align_corners, self.recompute_scale_factor = align_corners, recompute_scale_factor

    def forward(self, input):
        return F.interpolate(input, self.size, self.scale_factor, self.mode, self.align_corners,
                             recompute_scale_factor=self.recompute_scale_factor)

    def extra_repr(self):
        what = f"size={self.size!r}" if self.scale_factor is None else f"scale_factor={self.scale_factor!r}"
        return f"{what}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Resizes images by the nearest pixel.

    Parameters
    ----------
    size : int or (int, int), optional
        Height and width of the result. Either this or `scale_factor`.
    scale_factor : float or (float, float), optional
        By how much the image grows.
    """

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Resizes images linearly, with ``align_corners=True``.

    Parameters
    ----------
    size : int or (int, int), optional
        Height and width of the result. Either this or `scale_factor`.
    scale_factor : float or (float, float), optional
        By how much the image grows.
    """

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
