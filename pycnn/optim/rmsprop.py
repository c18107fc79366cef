"""RMSprop."""

from pycnn import _C
from pycnn.optim.optimizer import Optimizer, check, check_lr, number, zeros_like


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

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False, capturable=False,
                 foreach=None, maximize=False, differentiable=False):
        check_lr(lr)
        check("epsilon value", eps, 0.0 <= eps)
        check("momentum value", momentum, 0.0 <= momentum)
        check("weight_decay value", weight_decay, 0.0 <= weight_decay)
        check("alpha value", alpha, 0.0 <= alpha)
        super().__init__(params, dict(lr=lr, momentum=momentum, alpha=alpha, eps=eps, centered=centered,
                                      weight_decay=weight_decay, capturable=capturable, foreach=foreach, maximize=maximize,
                                      differentiable=differentiable))

    def step(self, closure=None):
        return self._step(closure)

    step.__doc__ = Optimizer.step.__doc__

    def _update(self, group, params, grads, states):
        momentum, centered = group["momentum"] > 0, group["centered"]
        for p, state in zip(params, states):
            if not state:
                state["step"] = number()
                state["square_avg"] = zeros_like(p)
                if momentum:
                    state["momentum_buffer"] = zeros_like(p)
                if centered:
                    state["grad_avg"] = zeros_like(p)
        _C.optim_step("rmsprop", params, grads,
                      ([s["square_avg"] for s in states], [s["grad_avg"] for s in states] if centered else None,
                       [s["momentum_buffer"] for s in states] if momentum else None), [s["step"] for s in states],
                      lr=group["lr"], alpha=group["alpha"], eps=group["eps"], weight_decay=group["weight_decay"],
                      momentum=group["momentum"], maximize=group["maximize"])
