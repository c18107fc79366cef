"""Adam and AdamW."""

from pycnn.optim.optimizer import Optimizer, check, check_betas, check_flags, check_lr


class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980.

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
        L2 penalty (with `decoupled_weight_decay`: AdamW's).
    amsgrad : bool, default False
        Use the largest second moment so far (Reddi et al., arXiv:1904.09237).
    foreach, capturable, differentiable, fused : optional
        Accepted for torch's sake: every step is fused here.
    maximize : bool, default False
        Go up instead of down.
    decoupled_weight_decay : bool, default False
        Shrink the parameters, as AdamW, instead of an L2 penalty.

    Raises
    ------
    ValueError
        If an option is out of range.

    See Also
    --------
    torch.optim.Adam : same numbers, given the same gradients.
    """

    _GROUP_DEFAULTS = {"amsgrad": False, "maximize": False, "foreach": None, "capturable": False,
                       "differentiable": False, "decoupled_weight_decay": False, "fused": None}

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, *, foreach=None,
                 maximize=False, capturable=False, differentiable=False, fused=None, decoupled_weight_decay=False):
        check_lr(lr)
        check("epsilon value", eps, 0.0 <= eps)
        check_betas(betas)
        check("weight_decay value", weight_decay, 0.0 <= weight_decay)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad,
                                      maximize=maximize, foreach=foreach, capturable=capturable,
                                      differentiable=differentiable, fused=fused,
                                      decoupled_weight_decay=decoupled_weight_decay))
        check_flags(fused, foreach, differentiable)

    def _rule(self, group):
        beta1, beta2 = group["betas"]
        return "adam", ("exp_avg", "exp_avg_sq", "max_exp_avg_sq" if group["amsgrad"] else None), dict(
            lr=group["lr"], beta1=beta1, beta2=beta2, eps=group["eps"], weight_decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"], maximize=group["maximize"])


class AdamW(Adam):
    """Adam with decoupled weight decay: parameters shrink by ``lr * weight_decay`` before each step.

    Loshchilov and Hutter, "Decoupled Weight Decay Regularization", arXiv:1711.05101.

    Parameters
    ----------
    params : iterable
        Parameters, named parameters or groups.
    lr : float, default 1e-3
    betas : (float, float), default (0.9, 0.999)
    eps : float, default 1e-8
    weight_decay : float, default 1e-2
    amsgrad, maximize : bool, default False
    foreach, capturable, differentiable, fused : optional
        Accepted for torch's sake.

    See Also
    --------
    torch.optim.AdamW : same numbers, given the same gradients.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False, *,
                 maximize=False, foreach=None, capturable=False, differentiable=False, fused=None):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize,
                         capturable=capturable, differentiable=differentiable, fused=fused, decoupled_weight_decay=True)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
