"""Losses as layers."""

from pycnn.nn import functional as F
from pycnn.nn.functional._loss import _reduction
from pycnn.nn.modules.module import Module


class _Loss(Module):
    def __init__(self, size_average=None, reduce=None, reduction="mean"):
        super().__init__()
        if size_average is not None or reduce is not None:
            reduction = {0: "none", 1: "mean", 2: "sum"}[_reduction(reduction, size_average, reduce)]
        self.reduction = reduction


class _WeightedLoss(_Loss):
    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class CrossEntropyLoss(_WeightedLoss):
    """Cross entropy of unnormalised scores [N, C, ...] and class indices [N, ...] or probabilities.

    Parameters
    ----------
    weight : Tensor [C], optional
        Of each class.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    ignore_index : int, default -100
        A target that does not count.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the sum of the targets' weights.
    label_smoothing : float, default 0.0
        Share of the target that is spread over all classes.

    See Also
    --------
    torch.nn.CrossEntropyLoss : same behaviour.
    pycnn.nn.functional.cross_entropy : shapes and errors.

    Examples
    --------
    >>> CrossEntropyLoss()(pycnn.zeros(2, 4), pycnn.tensor([3, 0]))
    tensor(1.3863)
    """

    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
                 label_smoothing=0.0):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input, target):
        return F.cross_entropy(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction,
                               label_smoothing=self.label_smoothing)


class NLLLoss(_WeightedLoss):
    """Negative log likelihood of class indices under log-probabilities.

    Parameters
    ----------
    weight : Tensor [C], optional
        Of each class.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    ignore_index : int, default -100
        A target that does not count.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the sum of the targets' weights.

    See Also
    --------
    pycnn.nn.functional.nll_loss : shapes and errors.
    """

    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input, target):
        return F.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class MSELoss(_Loss):
    """Squared difference.

    Parameters
    ----------
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    See Also
    --------
    pycnn.nn.functional.mse_loss : shapes and errors.
    """

    def forward(self, input, target):
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """Absolute difference.

    Parameters
    ----------
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    See Also
    --------
    pycnn.nn.functional.l1_loss : shapes and errors.
    """

    def forward(self, input, target):
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """Absolute difference, squared where it is below `beta`.

    Parameters
    ----------
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.
    beta : float, default 1.0
        Where the square takes over.

    See Also
    --------
    pycnn.nn.functional.smooth_l1_loss : the formula.
    """

    def __init__(self, size_average=None, reduce=None, reduction="mean", beta=1.0):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input, target):
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """Squared difference, absolute where it is above `delta`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.
    delta : float, default 1.0
        Where the absolute value takes over.

    See Also
    --------
    pycnn.nn.functional.huber_loss : the formula.
    """

    def __init__(self, reduction="mean", delta=1.0):
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input, target):
        return F.huber_loss(input, target, self.reduction, self.delta)


class BCELoss(_WeightedLoss):
    """Cross entropy of probabilities and targets in [0, 1].

    Parameters
    ----------
    weight : Tensor, optional
        Of each element; broadcast.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    See Also
    --------
    pycnn.nn.functional.binary_cross_entropy : shapes and errors.
    """

    def forward(self, input, target):
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Cross entropy of logits and targets in [0, 1].

    Parameters
    ----------
    weight : Tensor, optional
        Of each element; broadcast.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.
    pos_weight : Tensor, optional
        Of the positive part of each class; broadcast.

    See Also
    --------
    pycnn.nn.functional.binary_cross_entropy_with_logits : shapes and errors.
    """

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input, target):
        return F.binary_cross_entropy_with_logits(input, target, self.weight, pos_weight=self.pos_weight,
                                                  reduction=self.reduction)


class KLDivLoss(_Loss):
    """Kullback-Leibler divergence of a target distribution from log-probabilities.

    Parameters
    ----------
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "batchmean", "sum", "none"}, default "mean"
        "batchmean" divides the sum by the number of rows, as the definition does.
    log_target : bool, default False
        The target holds log-probabilities.
    """

    def __init__(self, size_average=None, reduce=None, reduction="mean", log_target=False):
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input, target):
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(_Loss):
    """Negative log likelihood of counts under Poisson distributions.

    Parameters
    ----------
    log_input : bool, default True
        The input holds logarithms of rates.
    full : bool, default False
        Add Stirling's approximation of the target's part.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    eps : float, default 1e-08
        Added to the rate within the logarithm.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.
    """

    def __init__(self, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, log_input, target):
        return F.poisson_nll_loss(log_input, target, self.log_input, self.full, eps=self.eps, reduction=self.reduction)


class GaussianNLLLoss(_Loss):
    """Negative log likelihood of targets under normal distributions.

    Parameters
    ----------
    full : bool, default False
        Add the constant part.
    eps : float, default 1e-06
        Smallest variance.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.
    """

    def __init__(self, *, full=False, eps=1e-6, reduction="mean"):
        super().__init__(reduction=reduction)
        self.full, self.eps = full, eps

    def forward(self, input, target, var):
        return F.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


class HingeEmbeddingLoss(_Loss):
    """The input where the target is 1, ``max(0, margin - input)`` where it is -1.

    Parameters
    ----------
    margin : float, default 1.0
        Distance from which dissimilar inputs cost nothing.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.
    """

    def __init__(self, margin=1.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input, target):
        return F.hinge_embedding_loss(input, target, self.margin, reduction=self.reduction)


class MarginRankingLoss(_Loss):
    """``max(0, -target * (input1 - input2) + margin)``.

    Parameters
    ----------
    margin : float, default 0.0
        By how much the one should be larger.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.
    """

    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        return F.margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    """``log(1 + exp(-target * input))``, for targets of 1 and -1.

    Parameters
    ----------
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    See Also
    --------
    pycnn.nn.functional.soft_margin_loss : shapes and errors.
    """

    def forward(self, input, target):
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """Cross entropy of each class by itself, averaged over the classes.

    Parameters
    ----------
    weight : Tensor [C], optional
        Of each class.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.
    """

    def forward(self, input, target):
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """Hinge loss of several classes.

    Parameters
    ----------
    p : {1, 2}, default 1
        The power.
    margin : float, default 1.0
        By how much the target's score should be ahead.
    weight : Tensor [C], optional
        Of each class.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Raises
    ------
    ValueError
        If `p` is neither 1 nor 2, or `weight` is no vector.
    """

    def __init__(self, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and weight.dim() != 1:
            raise ValueError(f"MultiMarginLoss: expected weight to be None or 1D tensor, got {weight.dim()}D instead")
        self.p, self.margin = p, margin

    def forward(self, input, target):
        return F.multi_margin_loss(input, target, self.p, self.margin, self.weight, reduction=self.reduction)


class CosineEmbeddingLoss(_Loss):
    """1 minus the cosine of vectors where the target is 1, ``max(0, cosine - margin)`` where it is -1.

    Parameters
    ----------
    margin : float, default 0.0
        Cosine up to which dissimilar vectors cost nothing.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.
    """

    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        return F.cosine_embedding_loss(input1, input2, target, self.margin, reduction=self.reduction)


class TripletMarginLoss(_Loss):
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` with the p-norm as distance d.

    Parameters
    ----------
    margin : float, default 1.0
        By how much farther the negative should be; positive.
    p : float, default 2.0
        The norm's power.
    eps : float, default 1e-06
        Added to the differences.
    swap : bool, default False
        Take the negative's distance from the positive where it is the smaller one.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Raises
    ------
    ValueError
        If `margin` is not positive.
    """

    def __init__(self, margin=1.0, p=2.0, eps=1e-6, swap=False, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: expected margin to be greater than 0, got {margin} instead")
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor, positive, negative):
        return F.triplet_margin_loss(anchor, positive, negative, self.margin, self.p, self.eps, self.swap,
                                     reduction=self.reduction)
