"""NAdam and RAdam."""

from pycnn.optim.optimizer import Optimizer, check, check_betas, check_lr


class NAdam(Optimizer):
    """NAdam: Adam with Nesterov's momentum.

    Dozat, "Incorporating Nesterov Momentum into Adam", ICLR workshop 2016.

    Parameters
    ----------
    params : iterable
        Parameters, named parameters or groups.
    lr : float, default 2e-3
    betas : (float, float), default (0.9, 0.999)
        Decay of the two running means.
    eps : float, default 1e-8
        Added to the denominator.
    weight_decay : float, default 0
    momentum_decay : float, default 4e-3
        How fast the momentum grows to ``betas[0]``.
    decoupled_weight_decay : bool, default False
        Shrink the parameters, as AdamW, instead of an L2 penalty.
    foreach, capturable, differentiable : optional
        Accepted for torch's sake.
    maximize : bool, default False
        Go up instead of down.

    See Also
    --------
    torch.optim.NAdam : same numbers, given the same gradients and a correctly rounded square root.
    """

    _GROUP_DEFAULTS = {"maximize": False, "foreach": None, "capturable": False, "differentiable": False,
                       "decoupled_weight_decay": False}

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, momentum_decay=4e-3,
                 decoupled_weight_decay=False, *, foreach=None, maximize=False, capturable=False, differentiable=False):
        check_lr(lr)
        check("epsilon value", eps, 0.0 <= eps)
        check_betas(betas)
        check("weight_decay value", weight_decay, 0.0 <= weight_decay)
        check("momentum_decay value", momentum_decay, 0.0 <= momentum_decay)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay,
                                      momentum_decay=momentum_decay,
                                      decoupled_weight_decay=decoupled_weight_decay, maximize=maximize, foreach=foreach,
                                      capturable=capturable, differentiable=differentiable))

    _COUNTERS = {"step": 0.0, "mu_product": 1.0}

    def _rule(self, group):
        beta1, beta2 = group["betas"]
        return "nadam", ("exp_avg", "exp_avg_sq"), dict(
            lr=group["lr"], beta1=beta1, beta2=beta2, eps=group["eps"], weight_decay=group["weight_decay"],
            decay=group["momentum_decay"], decoupled=group["decoupled_weight_decay"], maximize=group["maximize"])


class RAdam(Optimizer):
    """RAdam: Adam without adaptive steps until the second moment is known well enough.

    Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", arXiv:1908.03265.

    Parameters
    ----------
    params : iterable
        Parameters, named parameters or groups.
    lr : float, default 1e-3
    betas : (float, float), default (0.9, 0.999)
        Decay of the two running means.
    eps : float, default 1e-8
        Added to the denominator.
    weight_decay : float, default 0
    decoupled_weight_decay : bool, default False
        Shrink the parameters, as AdamW, instead of an L2 penalty.
    foreach, capturable, differentiable : optional
        Accepted for torch's sake.
    maximize : bool, default False
        Go up instead of down.

    See Also
    --------
    torch.optim.RAdam : same numbers, given the same gradients and a correctly rounded square root.
    """

    _GROUP_DEFAULTS = {"foreach": None, "maximize": False, "differentiable": False, "decoupled_weight_decay": False,
                       "capturable": False}

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decoupled_weight_decay=False, *,
                 foreach=None, maximize=False, capturable=False, differentiable=False):
        check_lr(lr)
        check("epsilon value", eps, 0.0 <= eps)
        check_betas(betas)
        check("weight_decay value", weight_decay, 0.0 <= weight_decay)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize,
                                      foreach=foreach, capturable=capturable,
                                      decoupled_weight_decay=decoupled_weight_decay, differentiable=differentiable))

    def _rule(self, group):
        beta1, beta2 = group["betas"]
        return "radam", ("exp_avg", "exp_avg_sq"), dict(
            lr=group["lr"], beta1=beta1, beta2=beta2, eps=group["eps"], weight_decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"], maximize=group["maximize"])
