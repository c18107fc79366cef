"""Stochastic depth. Huang et al., arXiv:1603.09382."""

from pycnn import _C, nn


def stochastic_depth(input, p, mode, training=True):
    """Zero whole samples with probability `p` and divide the others by ``1 - p``, if `training`.

    Parameters
    ----------
    input : Tensor [N, ...]
    p : float
        Probability of a zero.
    mode : {"row", "batch"}
        Decide for each sample, or once for the batch.
    training : bool, default True
        False returns the input.

    Returns
    -------
    Tensor [N, ...]

    Raises
    ------
    ValueError
        If `p` is no probability or `mode` something else.

    Notes
    -----
    What is drawn is torchvision's bit for bit, for the same seed.
    """
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    survival = 1.0 - p
    noise = _C.fn.empty((input.shape[0] if mode == "row" else 1, *[1] * (input.dim() - 1)), dtype=input.dtype)
    noise.bernoulli_(survival)
    if survival > 0.0:
        noise.div_(survival)
    return input * noise


class StochasticDepth(nn.Module):
    """:func:`stochastic_depth` as a layer.

    Parameters
    ----------
    p : float
    mode : {"row", "batch"}
    """

    def __init__(self, p, mode):
        super().__init__()
        self.p, self.mode = p, mode

    def forward(self, input):
        """Return the input, or some of its samples zeroed."""
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self):
        return f"{self.__class__.__name__}(p={self.p}, mode={self.mode})"
