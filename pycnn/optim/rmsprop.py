"""RMSprop."""

from pycnn.optim.optimizer import Optimizer, check, check_lr


class RMSprop(Optimizer):
    """RMSprop: steps divided by the root of a running mean of squared gradients.

    Tieleman and Hinton, "Lecture 6.5", Coursera 2012; the centered form: Graves, arXiv:1308.0850.

    Parameters
    ----------
    params : iterable
        Parameters, named parameters or groups.
    lr : float, default 1e-2
    alpha : float, default 0.99
        Decay of the running mean.
    eps : float, default 1e-8
    weight_decay : float, default 0
    momentum : float, default 0
    centered : bool, default False
        Divide by the standard deviation instead.
    capturable, foreach, differentiable : optional
        Accepted for torch's sake.
    maximize : bool, default False

    See Also
    --------
    torch.optim.RMSprop : same numbers, given the same gradients and a correctly rounded square root.
    """

    _GROUP_DEFAULTS = {"momentum": 0, "centered": False, "foreach": None, "maximize": False, "differentiable": False,
                       "capturable": False}

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False,
                 capturable=False, foreach=None, maximize=False, differentiable=False):
        check_lr(lr)
        check("epsilon value", eps, 0.0 <= eps)
        check("momentum value", momentum, 0.0 <= momentum)
        check("weight_decay value", weight_decay, 0.0 <= weight_decay)
        check("alpha value", alpha, 0.0 <= alpha)
        super().__init__(params, dict(lr=lr, momentum=momentum, alpha=alpha, eps=eps, centered=centered,
                                      weight_decay=weight_decay, capturable=capturable, foreach=foreach,
                                      maximize=maximize, differentiable=differentiable))

    def _rule(self, group):
        keys = ("square_avg", "momentum_buffer" if group["momentum"] > 0 else None,
                "grad_avg" if group["centered"] else None)
        return "rmsprop", keys, dict(lr=group["lr"], alpha=group["alpha"], eps=group["eps"], momentum=group["momentum"],
                                     weight_decay=group["weight_decay"], maximize=group["maximize"])
