"""Adamax."""

from pycnn.optim.optimizer import Optimizer, check, check_betas, check_lr


class Adamax(Optimizer):
    """Adamax: Adam with a decaying maximum in the place of the second moment.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980, section 7.

    Parameters
    ----------
    params : iterable
        Parameters, named parameters or groups.
    lr : float, default 2e-3
    betas : (float, float), default (0.9, 0.999)
        Decay of the running mean and of the maximum.
    eps : float, default 1e-8
        Added to the gradient's absolute value.
    weight_decay : float, default 0
        L2 penalty.
    foreach, differentiable, capturable : optional
        Accepted for torch's sake.
    maximize : bool, default False
        Go up instead of down.

    See Also
    --------
    torch.optim.Adamax : same numbers, given the same gradients.
    """

    _GROUP_DEFAULTS = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, foreach=None, *, maximize=False,
                 differentiable=False, capturable=False):
        check_lr(lr)
        check("epsilon value", eps, 0.0 <= eps)
        check_betas(betas)
        check("weight_decay value", weight_decay, 0.0 <= weight_decay)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, foreach=foreach,
                                      maximize=maximize, differentiable=differentiable, capturable=capturable))

    def _rule(self, group):
        beta1, beta2 = group["betas"]
        return "adamax", ("exp_avg", "exp_inf"), dict(lr=group["lr"], beta1=beta1, beta2=beta2, eps=group["eps"],
                                                      weight_decay=group["weight_decay"], maximize=group["maximize"])
