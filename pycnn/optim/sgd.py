"""Stochastic gradient descent, with momentum."""

from pycnn.optim.optimizer import Optimizer, check, check_flags, check_lr


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with (Nesterov) momentum.

    Parameters
    ----------
    params : iterable
        Parameters, named parameters or groups.
    lr : float, default 1e-3
    momentum : float, default 0
    dampening : float, default 0
    weight_decay : float, default 0
        L2 penalty.
    nesterov : bool, default False
    maximize : bool, default False
        Go up instead of down.
    foreach, differentiable, fused : optional
        Accepted for torch's sake: every step is fused here.

    Raises
    ------
    ValueError
        If an option is out of range, or `nesterov` comes without momentum or with dampening.

    See Also
    --------
    torch.optim.SGD : same numbers, given the same gradients.

    Examples
    --------
    >>> w = pycnn.tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8000], requires_grad=True)
    """

    _GROUP_DEFAULTS = {"nesterov": False, "maximize": False, "foreach": None, "differentiable": False, "fused": None}

    def __init__(self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, *, maximize=False,
                 foreach=None, differentiable=False, fused=None):
        check_lr(lr)
        check("momentum value", momentum, momentum >= 0.0)
        check("weight_decay value", weight_decay, weight_decay >= 0.0)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, dict(lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay,
                                      nesterov=nesterov, maximize=maximize, foreach=foreach,
                                      differentiable=differentiable, fused=fused))
        check_flags(fused, foreach, differentiable)

    _COUNTERS = {}

    def _rule(self, group):
        return "sgd", ("momentum_buffer",) if group["momentum"] != 0 else (), dict(
            lr=group["lr"], momentum=group["momentum"], dampening=group["dampening"],
            weight_decay=group["weight_decay"], nesterov=group["nesterov"], maximize=group["maximize"])
