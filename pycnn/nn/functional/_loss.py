"""Losses."""

import math
import warnings

from pycnn import _C
from pycnn.nn.functional._activation import logsigmoid
from pycnn.nn.functional._convolution import _require_tensor
from pycnn.nn.functional._shape import pairwise_distance

_nn, _fn = _C.nn, _C.fn


_REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}


def _reduction(name, size_average=None, reduce=None):
    """torch's number of a reduction; the old flags are understood."""
    if size_average is not None or reduce is not None:
        size_average = True if size_average is None else size_average
        reduce = True if reduce is None else reduce
        name = "mean" if size_average and reduce else "sum" if reduce else "none"
    if name not in _REDUCTIONS:
        raise ValueError(f"{name} is not a valid value for reduction")
    return _REDUCTIONS[name]


def cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
                  label_smoothing=0.0):
    """Cross entropy of unnormalised scores and class indices or probabilities.

    Parameters
    ----------
    input : Tensor [N, C, ...] or [C]
    target : Tensor
        Class indices [N, ...] of any integer dtype, or probabilities in the shape of `input`.
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

    Returns
    -------
    Tensor
        A scalar, or one loss for each target.

    Raises
    ------
    IndexError
        If a target is no class.
    ValueError
        If the batch sizes differ.
    """
    _require_tensor("cross_entropy_loss", "input", 1, input)
    _require_tensor("cross_entropy_loss", "target", 2, target)
    return _nn.cross_entropy_loss(input, target, weight, _reduction(reduction, size_average, reduce), ignore_index,
                                  label_smoothing)


def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """Negative log likelihood of class indices under log-probabilities; as :func:`cross_entropy` otherwise.

    Parameters
    ----------
    input : Tensor [N, C, ...] or [C]
        Log-probabilities.
    target : Tensor [N, ...] or []
        Classes, of any integer dtype.
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

    Returns
    -------
    Tensor
        A scalar, or one loss for each target.

    Raises
    ------
    IndexError
        If a target is no class.
    ValueError
        If the batch sizes differ.
    """
    return _nn.nll_loss(input, target, weight, _reduction(reduction, size_average, reduce), ignore_index)


def _warn_of_sizes(input, target):
    if input.shape != target.shape:
        warnings.warn(f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). "
                      "This will likely lead to incorrect results due to broadcasting. Please ensure they have the "
                      "same size.",
                       stacklevel=3)


def _reduce(loss, reduction, size_average=None, reduce=None):
    """The loss, its mean or its sum, of losses made of other operations."""
    kind = _reduction(reduction, size_average, reduce)
    return loss if kind == 0 else loss.mean() if kind == 1 else loss.sum()


def _check_weight(weight, input):
    if weight.shape != input.shape:
        raise ValueError("Weights and input must have the same size.")


def _weighted(row, input, target, kind, weight):
    """The loss of a row, of each element as its weight says; the mean divides by their sum."""
    if weight is None:
        return row(input, target, kind)
    _check_weight(weight, input)
    loss = row(input, target, 0) * weight
    return loss if kind == 0 else loss.sum() / weight.sum() if kind == 1 else loss.sum()


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Squared difference.

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
    weight : Tensor, optional
        Of each element; the mean divides by their sum.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.
    """
    _warn_of_sizes(input, target)
    return _weighted(_nn.mse_loss, input, target, _reduction(reduction, size_average, reduce), weight)


def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Absolute difference.

    Parameters
    ----------
    input : Tensor
    target : Tensor
        Of the input's shape.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.
    weight : Tensor, optional
        Of each element; the mean divides by their sum.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.
    """
    _warn_of_sizes(input, target)
    return _weighted(_nn.l1_loss, input, target, _reduction(reduction, size_average, reduce), weight)


def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """Absolute difference, squared where it is below `beta`.

    Parameters
    ----------
    input : Tensor
    target : Tensor
        Of the input's shape.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.
    beta : float, default 1.0
        Where the square takes over; 0 for :func:`l1_loss`.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.

    Notes
    -----
    ``0.5 d^2 / beta`` below `beta`, ``d - 0.5 beta`` above. Girshick, arXiv:1504.08083.
    """
    _warn_of_sizes(input, target)
    kind = _reduction(reduction, size_average, reduce)
    return _nn.l1_loss(input, target, kind) if beta == 0.0 else _nn.smooth_l1_loss(input, target, kind, beta)


def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """Squared difference, absolute where it is above `delta`.

    Parameters
    ----------
    input : Tensor
    target : Tensor
        Of the input's shape.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.
    delta : float, default 1.0
        Where the absolute value takes over.
    weight : Tensor, optional
        Of each element.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.

    Notes
    -----
    ``0.5 d^2`` below `delta`, ``delta (d - 0.5 delta)`` above.
    """
    _warn_of_sizes(input, target)
    if weight is None:
        return _nn.huber_loss(input, target, _reduction(reduction), delta)
    _check_weight(weight, input)
    return _reduce(_nn.huber_loss(input, target, 0, delta) * weight, reduction)


def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Cross entropy of probabilities and targets in [0, 1].

    Parameters
    ----------
    input : Tensor
    target : Tensor
        Probabilities, of the input's shape.
    weight : Tensor, optional
        Of each element; broadcast.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.

    Raises
    ------
    ValueError
        If the shapes differ.
    RuntimeError
        If an input is no probability.
    """
    return _nn.binary_cross_entropy(input, target, weight, _reduction(reduction, size_average, reduce))


def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction="mean",
                                     pos_weight=None):
    """Cross entropy of logits and targets in [0, 1]; `pos_weight` multiplies the losses of targets of 1.

    Parameters
    ----------
    input : Tensor
    target : Tensor
        Probabilities, of the input's shape.
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

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    return _nn.binary_cross_entropy_with_logits(input, target, weight, pos_weight,
                                                _reduction(reduction, size_average, reduce))


def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """Kullback-Leibler divergence of a target distribution from log-probabilities.

    Parameters
    ----------
    input : Tensor
        Log-probabilities.
    target : Tensor
        Probabilities, or with `log_target` their logarithms.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "batchmean", "sum", "none"}, default "mean"
        "batchmean" divides the sum by the number of rows, as the definition does.
    log_target : bool, default False
        The target holds log-probabilities.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.
    """
    if size_average is not None or reduce is not None:
        return _nn.kl_div(input, target, _reduction(reduction, size_average, reduce), log_target)
    if reduction == "mean":
        warnings.warn("reduction: 'mean' divides the total loss by both the batch size and the support "
                      "size.'batchmean' divides only by the batch size, and aligns with the KL div math "
                      "definition.'mean' will be changed to behave the same as 'batchmean' in the next major "
                      "release.", stacklevel=2)
    loss = _nn.kl_div(input, target, 2 if reduction == "batchmean" else _reduction(reduction), log_target)
    return loss / input.shape[0] if reduction == "batchmean" and input.dim() != 0 else loss


def poisson_nll_loss(input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None,
                     reduction="mean"):
    """Negative log likelihood of counts under Poisson distributions with the (logarithms of the) given rates.

    Parameters
    ----------
    input : Tensor
        Rates, or their logarithms.
    target : Tensor
        Counts, of the input's shape.
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

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.
    """
    _reduction(reduction, size_average, reduce)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:  # Stirling's formula, for counts above 1
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return _reduce(loss, reduction, size_average, reduce)


def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """Negative log likelihood of targets under normal distributions with the given means and variances.

    Parameters
    ----------
    input : Tensor
        Means.
    target : Tensor
        Of the input's shape.
    var : Tensor or float
        Variances: of the input's shape, or one for each row.
    full : bool, default False
        Add the constant part.
    eps : float, default 1e-06
        Smallest variance.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.

    Raises
    ------
    ValueError
        If a variance is negative or of another shape, or `reduction` is none of the three.
    """
    if isinstance(var, float):
        var = _fn.full_like(input.detach(), var)
    if (var < 0).any():
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)
        elif not (input.dim() == var.dim() and sum(b for a, b in zip(input.shape, var.shape) if a != b) == 1):
            raise ValueError("var is of incorrect size")
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{reduction} is not valid")
    var = var + (var.detach().clamp_min(eps) - var.detach())  # at least eps, with the gradient of var
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    return _reduce(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """The input where the target is 1, ``max(0, margin - input)`` where it is -1.

    Parameters
    ----------
    input : Tensor
    target : Tensor
        1 or -1, in the input's shape.
    margin : float, default 1.0
        Distance from which dissimilar inputs cost nothing.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.
    """
    zeros = _fn.zeros_like(input.detach())
    loss = _fn.where(target != 1, (margin - input).clamp_min(0), zeros) + _fn.where(target != -1, input, zeros)
    return _reduce(loss, reduction, size_average, reduce)


def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """``max(0, -target * (input1 - input2) + margin)``: input1 shall be larger where the target is 1.

    Parameters
    ----------
    input1 : Tensor
    input2 : Tensor
        Of the shape of `input1`.
    target : Tensor
        1 where `input1` should be larger, -1 elsewhere.
    margin : float, default 0
        By how much.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or of the inputs' shape.

    Raises
    ------
    RuntimeError
        If the numbers of dimensions differ.
    """
    if input1.dim() != input2.dim() or input1.dim() != target.dim():
        raise RuntimeError("margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
                           f"{input1.size()}, input2: {input2.size()}, target: {target.size()} ")
    return _reduce((-target * (input1 - input2) + margin).clamp_min(0), reduction, size_average, reduce)


def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """``log(1 + exp(-target * input))``, for targets of 1 and -1.

    Parameters
    ----------
    input : Tensor
    target : Tensor
        1 or -1, in the input's shape.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or of the input's shape.
    """
    return _reduce((-target * input).exp().log1p(), reduction, size_average, reduce)


def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Cross entropy of each class by itself, averaged over the classes.

    Parameters
    ----------
    input : Tensor [N, C]
        Unnormalised scores.
    target : Tensor [N, C]
        0 or 1.
    weight : Tensor [C], optional
        Of each class.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or one loss for each row.
    """
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return _reduce(loss.sum(-1) / input.shape[-1], reduction, size_average, reduce)


def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Hinge loss of several classes: how far each other score reaches into the margin below the target's, to the power
    `p`.

    Parameters
    ----------
    input : Tensor [N, C] or [C]
        Scores.
    target : Tensor [N] or []
        Classes, of int64.
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

    Returns
    -------
    Tensor
        A scalar, or one loss for each row.

    Raises
    ------
    ValueError
        If `p` is neither 1 nor 2, or `weight` is no vector.
    """
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    rows, index = (input.unsqueeze(0), target.reshape(1, 1)) if input.dim() == 1 else (input, target.unsqueeze(1))
    loss = (margin - rows.gather(1, index) + rows).clamp_min(0) ** p
    if weight is not None:
        loss = loss * weight[index]
    loss = loss.scatter(1, index, 0.0).sum(1) / rows.shape[1]
    return _reduce(loss if input.dim() > 1 else loss.squeeze(0), reduction, size_average, reduce)


def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """1 minus the cosine of vectors where the target is 1, ``max(0, cosine - margin)`` where it is -1.

    Parameters
    ----------
    input1 : Tensor [N, D] or [D]
    input2 : Tensor [N, D] or [D]
    target : Tensor [N] or []
        1 or -1.
    margin : float, default 0
        Cosine up to which dissimilar vectors cost nothing.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or one loss for each row.
    """
    eps = 1e-12
    products = (input1 * input2).sum(-1)
    cosine = products / (((input1 * input1).sum(-1) + eps) * ((input2 * input2).sum(-1) + eps)).sqrt()
    zeros = _fn.zeros_like(cosine.detach())
    loss = _fn.where(target == 1, 1 - cosine, zeros) + _fn.where(target == -1, (cosine - margin).clamp_min(0), zeros)
    return _reduce(loss, reduction, size_average, reduce)


def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None,
                        reduce=None, reduction="mean"):
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` with the p-norm as distance d.

    With `swap`, the negative's distance from the positive counts if it is smaller than that from the anchor.

    Parameters
    ----------
    anchor : Tensor [N, D] or [D]
    positive : Tensor [N, D] or [D]
        What should be near the anchor.
    negative : Tensor [N, D] or [D]
        What should be far from it.
    margin : float, default 1.0
        By how much farther; positive.
    p : float, default 2
        The norm's power.
    eps : float, default 1e-06
        Added to the differences.
    swap : bool, default False
        See above.
    size_average : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduce : bool, optional
        torch's old spelling of `reduction`: give that instead.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the losses: their mean, their sum, or one each.

    Returns
    -------
    Tensor
        A scalar, or one loss for each row.

    Raises
    ------
    ValueError
        If `margin` is not positive.

    Notes
    -----
    Balntas et al., BMVC 2016.
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    near, far = pairwise_distance(anchor, positive, p, eps), pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = _fn.minimum(far, pairwise_distance(positive, negative, p, eps))
    return _reduce((margin + near - far).clamp_min(0), reduction, size_average, reduce)
