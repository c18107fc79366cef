"""Padding layers: amounts are (before, after) of the last dimension, then of the one before, or one for all sides."""

from pycnn.nn import functional as F
from pycnn.nn.modules.module import Module


class _Pad(Module):
    """Pads the last `_dims` dimensions."""

    _dims, _mode = 2, "constant"

    def __init__(self, padding):
        super().__init__()
        self.padding = (padding,) * (2 * self._dims) if isinstance(padding, int) else tuple(padding)
        if len(self.padding) != 2 * self._dims:
            raise ValueError(f"padding must be an int or {2 * self._dims} ints, got {padding}")

    def forward(self, input):
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self):
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Pads sequences [N, C, L] with `value`.

    Parameters
    ----------
    padding : int or (int, int)
        Left and right; negative amounts cut.
    value : float
        Of what is added.

    Raises
    ------
    ValueError
        If `padding` has another length.
    """

    _dims = 1


class ConstantPad2d(_ConstantPad):
    """Pads images [N, C, H, W] with `value`.

    Parameters
    ----------
    padding : int or (int, int, int, int)
        Left, right, top, bottom; negative amounts cut.
    value : float
        Of what is added.

    Raises
    ------
    ValueError
        If `padding` has another length.
    """

    _dims = 2


class ConstantPad3d(_ConstantPad):
    """Pads volumes [N, C, D, H, W] with `value`.

    Parameters
    ----------
    padding : int or 6 ints
        Left, right, top, bottom, front, back; negative amounts cut.
    value : float
        Of what is added.

    Raises
    ------
    ValueError
        If `padding` has another length.
    """

    _dims = 3


class ZeroPad1d(_ConstantPad):
    """Pads sequences [N, C, L] with zeros.

    Parameters
    ----------
    padding : int or (int, int)
        Left and right; negative amounts cut.
    """

    _dims = 1

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad2d(_ConstantPad):
    """Pads images [N, C, H, W] with zeros.

    Parameters
    ----------
    padding : int or (int, int, int, int)
        Left, right, top, bottom; negative amounts cut.
    """

    _dims = 2

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad3d(_ConstantPad):
    """Pads volumes [N, C, D, H, W] with zeros.

    Parameters
    ----------
    padding : int or 6 ints
        Left, right, top, bottom, front, back; negative amounts cut.
    """

    _dims = 3

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ReflectionPad1d(_Pad):
    """Pads sequences [N, C, L] with their mirror image at the edge, the edge not repeated.

    Parameters
    ----------
    padding : int or (int, int)
        Left and right; less than the sequence is long.
    """

    _dims, _mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """Pads images [N, C, H, W] with their mirror image at the edge, the edge not repeated.

    Parameters
    ----------
    padding : int or (int, int, int, int)
        Left, right, top, bottom; less than the image is wide or high.
    """

    _dims, _mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """Pads volumes [N, C, D, H, W] with their mirror image at the edge, the edge not repeated.

    Parameters
    ----------
    padding : int or 6 ints
        Left, right, top, bottom, front, back; less than the volume's sides.
    """

    _dims, _mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """Pads sequences [N, C, L] with the edge repeated.

    Parameters
    ----------
    padding : int or (int, int)
        Left and right.
    """

    _dims, _mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """Pads images [N, C, H, W] with the edge repeated.

    Parameters
    ----------
    padding : int or (int, int, int, int)
        Left, right, top, bottom.
    """

    _dims, _mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """Pads volumes [N, C, D, H, W] with the edge repeated.

    Parameters
    ----------
    padding : int or 6 ints
        Left, right, top, bottom, front, back.
    """

    _dims, _mode = 3, "replicate"


class CircularPad1d(_Pad):
    """Pads sequences [N, C, L] with the opposite side.

    Parameters
    ----------
    padding : int or (int, int)
        Left and right; at most the length of the sequence.
    """

    _dims, _mode = 1, "circular"


class CircularPad2d(_Pad):
    """Pads images [N, C, H, W] with the opposite side.

    Parameters
    ----------
    padding : int or (int, int, int, int)
        Left, right, top, bottom; at most the width or height.
    """

    _dims, _mode = 2, "circular"


class CircularPad3d(_Pad):
    """Pads volumes [N, C, D, H, W] with the opposite side.

    Parameters
    ----------
    padding : int or 6 ints
        Left, right, top, bottom, front, back; at most the volume's sides.
    """

    _dims, _mode = 3, "circular"
