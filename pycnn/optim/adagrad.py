"""Adagrad."""

from pycnn.optim.optimizer import Optimizer, check, check_flags, check_lr


class Adagrad(Optimizer):
    """Adagrad: steps divided by the root of the sum of all squared gradients so far.

    Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning", JMLR 12, 2011.

    Parameters
    ----------
    params : iterable
        Parameters, named parameters or groups.
    lr : float, default 1e-2
    lr_decay : float, default 0
        The rate is divided by ``1 + (steps - 1) * lr_decay``.
    weight_decay : float, default 0
        L2 penalty.
    initial_accumulator_value : float, default 0
        What the sum begins with.
    eps : float, default 1e-10
        Added to the denominator.
    foreach, differentiable, fused : optional
        Accepted for torch's sake: every step is fused here.
    maximize : bool, default False
        Go up instead of down.

    See Also
    --------
    torch.optim.Adagrad : same numbers, given the same gradients and a correctly rounded square root.
    """

    _GROUP_DEFAULTS = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}

    def __init__(self, params, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10,
                 foreach=None, *, maximize=False, differentiable=False, fused=None):
        check_lr(lr)
        check("lr_decay value", lr_decay, 0.0 <= lr_decay)
        check("weight_decay value", weight_decay, 0.0 <= weight_decay)
        check("initial_accumulator_value value", initial_accumulator_value, 0.0 <= initial_accumulator_value)
        check("epsilon value", eps, 0.0 <= eps)
        super().__init__(params, dict(lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay,
                                      initial_accumulator_value=initial_accumulator_value, foreach=foreach,
                                      maximize=maximize, differentiable=differentiable, fused=fused))
        check_flags(fused, foreach, differentiable)
        for group in self.param_groups:
            for p in group["params"]:
                self._begin(p, self.state[p], ("sum",))

    def _begin(self, p, state, keys):
        super()._begin(p, state, keys)
        state["sum"].fill_(self.defaults["initial_accumulator_value"])

    def share_memory(self):
        """Do nothing: the state is shared between threads as it is."""

    def _rule(self, group):
        return "adagrad", ("sum",), dict(lr=group["lr"], decay=group["lr_decay"], eps=group["eps"],
                                         weight_decay=group["weight_decay"], maximize=group["maximize"])
