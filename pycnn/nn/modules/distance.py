"""Distances and similarities of vectors."""

from pycnn.nn import functional as F
from pycnn.nn.modules.module import Module


class PairwiseDistance(Module):
    """The `p`-norm of the difference of vectors [N, D] or [D].

    Parameters
    ----------
    p : float, default 2.0
        The norm's power.
    eps : float, default 1e-06
        Added to each difference.
    keepdim : bool, default False
        Keep the last dimension, with size 1.
    """

    def __init__(self, p=2.0, eps=1e-6, keepdim=False):
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1, x2):
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """The cosine of the angle between vectors along `dim`.

    Parameters
    ----------
    dim : int, default 1
        Dimension, counted from the end if negative.
    eps : float, default 1e-08
        Smallest norm to divide by.
    """

    def __init__(self, dim=1, eps=1e-8):
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1, x2):
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
