"""RMSprop."""

from pycnn import _C
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
        return self._run(closure, self._update)

    step.__doc__ = Optimizer.step.__doc__

    def _update(self, group, params, grads):
        for p in params:
            state = self.state[p]
            if not state:
                state["step"] = _C.fn.zeros(())
                state["square_avg"] = _C.fn.zeros_like(p).detach()
                if group["momentum"] > 0:
                    state["momentum_buffer"] = _C.fn.zeros_like(p).detach()
                if group["centered"]:
                    state["grad_avg"] = _C.fn.zeros_like(p).detach()
            state["step"] += 1
        states = [self.state[p] for p in params]
        _C.rmsprop_step(params, grads, [s["square_avg"] for s in states],
                        [s["grad_avg"] for s in states] if group["centered"] else None,
                        [s["momentum_buffer"] for s in states] if group["momentum"] > 0 else None, float(group["lr"]),
                        group["alpha"], group["eps"], group["weight_decay"], group["momentum"], group["maximize"])
