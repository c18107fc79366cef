"""Dropout layers."""

from pycnn.nn import functional as F
from pycnn.nn.modules.module import Module


class _Dropout(Module):
    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Zeroes elements with probability `p` in training, and divides the others by ``1 - p``.

    Parameters
    ----------
    p : float, default 0.5
        Probability of a zero.
    inplace : bool, default False
        Overwrite the input.

    Raises
    ------
    ValueError
        If `p` is no probability.

    Notes
    -----
    Masks are torch's bit for bit, for the same seed. Srivastava et al., JMLR 15 (2014).
    """

    def forward(self, input):
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """Zeroes whole channels with probability `p` in training, and divides the others by ``1 - p``.

    Parameters
    ----------
    p : float, default 0.5
        Probability that a channel is zeroed.
    inplace : bool, default False
        Overwrite the input.

    Raises
    ------
    ValueError
        If `p` is no probability.
    """

    def forward(self, input):
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """Zeroes whole channels of sequences with probability `p` in training, and divides the others by ``1 - p``.

    Parameters
    ----------
    p : float, default 0.5
        Probability that a channel is zeroed.
    inplace : bool, default False
        Overwrite the input.

    Raises
    ------
    ValueError
        If `p` is no probability.
    """

    def forward(self, input):
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """Zeroes whole channels of volumes with probability `p` in training, and divides the others by ``1 - p``.

    Parameters
    ----------
    p : float, default 0.5
        Probability that a channel is zeroed.
    inplace : bool, default False
        Overwrite the input.

    Raises
    ------
    ValueError
        If `p` is no probability.
    """

    def forward(self, input):
        return F.dropout3d(input, self.p, self.training, self.inplace)
