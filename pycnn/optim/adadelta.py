"""Adadelta."""

from pycnn.optim.optimizer import Optimizer, check, check_lr


class Adadelta(Optimizer):
    """Adadelta: steps scaled by the ratio of running means of squared updates and squared gradients.

    Zeiler, "ADADELTA: An Adaptive Learning Rate Method", arXiv:1212.5701.

    Parameters
    ----------
    params : iterable
        Parameters, named parameters or groups.
    lr : float, default 1.0
    rho : float, default 0.9
        Decay of the running means.
    eps : float, default 1e-6
        Added under the roots.
    weight_decay : float, default 0
        L2 penalty.
    foreach, capturable, differentiable : optional
        Accepted for torch's sake.
    maximize : bool, default False
        Go up instead of down.

    See Also
    --------
    torch.optim.Adadelta : same numbers, given the same gradients and a correctly rounded square root.
    """

    _GROUP_DEFAULTS = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, foreach=None, *, capturable=False,
                 maximize=False, differentiable=False):
        check_lr(lr)
        check("rho value", rho, 0.0 <= rho <= 1.0)
        check("epsilon value", eps, 0.0 <= eps)
        check("weight_decay value", weight_decay, 0.0 <= weight_decay)
        super().__init__(params, dict(lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize,
                                      capturable=capturable, foreach=foreach, differentiable=differentiable))

    def _rule(self, group):
        return "adadelta", ("square_avg", "acc_delta"), dict(
            lr=group["lr"], alpha=group["rho"], eps=group["eps"], weight_decay=group["weight_decay"],
            maximize=group["maximize"])
