"""Focal loss. Lin et al., arXiv:1708.02002."""

from pycnn.nn import functional as F


def sigmoid_focal_loss(inputs, targets, alpha=0.25, gamma=2, reduction="none"):
    """Return binary cross entropy that counts what is classified well for little.

    Parameters
    ----------
    inputs : Tensor
        Scores before the sigmoid.
    targets : Tensor
        0 or 1 for each, as floats.
    alpha : float, default 0.25
        Weight of the positives, 1 - alpha of the negatives; negative: none.
    gamma : float, default 2
        Power of ``1 - p``.
    reduction : {"none", "mean", "sum"}, default "none"

    Returns
    -------
    Tensor
        Of the inputs' shape, or a scalar.

    Raises
    ------
    ValueError
        If `alpha` is above 1 or `reduction` something else.
    """
    if not (0 <= alpha <= 1) and alpha != -1:
        raise ValueError(f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1 for ignore.")
    p = inputs.sigmoid()
    loss = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    loss = loss * (1 - (p * targets + (1 - p) * (1 - targets))) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"Invalid Value for arg 'reduction': '{reduction} \n Supported reduction modes: 'none', "
                         f"'mean', 'sum'")
    return loss if reduction == "none" else getattr(loss, reduction)()
