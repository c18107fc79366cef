"""Schedules that follow a function of the epoch: given ones, steps, lines, powers."""

import types
from bisect import bisect_right
from collections import Counter

from pycnn.optim.lr_scheduler._base import LRScheduler


class LambdaLR(LRScheduler):
    """The initial rate times ``lr_lambda(epoch)``; a list gives one function for each group.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    lr_lambda : callable or list of callable
        From the epoch's number to a factor.
    last_epoch : int, default -1
        The epoch to go on from; -1: the start.

    Raises
    ------
    TypeError
        If something else is given.
    ValueError
        If a list is not as long as there are groups.
    """

    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        self.optimizer = optimizer
        if not isinstance(lr_lambda, (list, tuple)):
            self.lr_lambdas = [lr_lambda] * len(optimizer.param_groups)
        elif len(lr_lambda) != len(optimizer.param_groups):
            raise ValueError(f"Expected {len(optimizer.param_groups)} lr_lambdas, but got {len(lr_lambda)}")
        else:
            self.lr_lambdas = list(lr_lambda)
        for fn in self.lr_lambdas:
            if not callable(fn):
                raise TypeError(f"lr_lambda should be a function, but got {type(fn).__name__}")
        super().__init__(optimizer, last_epoch)

    def state_dict(self):
        """Return everything but the optimizer; functions that are objects are saved by their attributes."""
        state = {key: value for key, value in self.__dict__.items() if key not in ("optimizer", "lr_lambdas")}
        state["lr_lambdas"] = [None if isinstance(fn, types.FunctionType) else fn.__dict__.copy()
                               for fn in self.lr_lambdas]
        return state

    def load_state_dict(self, state_dict):
        """Take over what :meth:`state_dict` returned; the functions stay.

        Parameters
        ----------
        state_dict : dict
        """
        self.__dict__.update({key: value for key, value in state_dict.items() if key != "lr_lambdas"})
        for fn, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"]):
            if attributes is not None:
                fn.__dict__.update(attributes)

    def get_lr(self):
        self._lrs()  # for its warning alone
        return [base * fn(self.last_epoch) for fn, base in zip(self.lr_lambdas, self.base_lrs, strict=True)]


class MultiplicativeLR(LambdaLR):
    """The present rate times ``lr_lambda(epoch)``.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    lr_lambda : callable or list of callable
        From the epoch's number to a factor.
    last_epoch : int, default -1
        The epoch to go on from; -1: the start.
    """

    def get_lr(self):
        if self._is_initial:
            return self._lrs()
        return [lr * fn(self.last_epoch) for fn, lr in zip(self.lr_lambdas, self._lrs(), strict=True)]


class StepLR(LRScheduler):
    """The rate times `gamma` every `step_size` epochs.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    step_size : int
        Epochs between two changes.
    gamma : float, default 0.1
        Factor.
    last_epoch : int, default -1
        The epoch to go on from; -1: the start.

    Raises
    ------
    ValueError
        If `step_size` is not positive.
    """

    def __init__(self, optimizer, step_size, gamma=0.1, last_epoch=-1):
        if step_size <= 0:
            raise ValueError(f"step_size must be a positive integer, got {step_size}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return self._lrs()
        return [lr * self.gamma for lr in self._lrs()]

    def _get_closed_form_lr(self):
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """The rate times `gamma` at each of `milestones`.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    milestones : iterable of int
        Epochs of the changes.
    gamma : float, default 0.1
        Factor.
    last_epoch : int, default -1
        The epoch to go on from; -1: the start.
    """

    def __init__(self, optimizer, milestones, gamma=0.1, last_epoch=-1):
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if self.last_epoch not in self.milestones:
            return self._lrs()
        return [lr * self.gamma ** self.milestones[self.last_epoch] for lr in self._lrs()]

    def _get_closed_form_lr(self):
        milestones = sorted(self.milestones.elements())
        return [base * self.gamma ** bisect_right(milestones, self.last_epoch) for base in self.base_lrs]


class ConstantLR(LRScheduler):
    """The rate times `factor` until epoch `total_iters`.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    factor : float, default 1.0 / 3
        In [0, 1].
    total_iters : int, default 5
        Epochs until the rate is itself again.
    last_epoch : int, default -1
        The epoch to go on from; -1: the start.

    Raises
    ------
    ValueError
        If `factor` is out of range.
    """

    def __init__(self, optimizer, factor=1.0 / 3, total_iters=5, last_epoch=-1):
        if factor > 1.0 or factor < 0:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if self.last_epoch == 0:
            return [lr * self.factor for lr in self._lrs()]
        if self.last_epoch != self.total_iters:
            return self._lrs()
        return [lr * (1.0 / self.factor) for lr in self._lrs()]

    def _get_closed_form_lr(self):
        return [base * (self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor))
                for base in self.base_lrs]


class LinearLR(LRScheduler):
    """The rate times a factor that goes from `start_factor` to `end_factor` over `total_iters` epochs.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    start_factor : float, default 1.0 / 3
        In (0, 1].
    end_factor : float, default 1.0
        In [0, 1].
    total_iters : int, default 5
        Epochs from one to the other.
    last_epoch : int, default -1
        The epoch to go on from; -1: the start.

    Raises
    ------
    ValueError
        If a factor is out of range.
    """

    def __init__(self, optimizer, start_factor=1.0 / 3, end_factor=1.0, total_iters=5, last_epoch=-1):
        if start_factor > 1.0 or start_factor <= 0:
            raise ValueError("Starting multiplicative factor expected to be greater than 0 and less or equal to 1.")
        if end_factor > 1.0 or end_factor < 0:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if self.last_epoch == 0:
            return [lr * self.start_factor for lr in self._lrs()]
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._lrs()
        return [lr * (1.0 + (self.end_factor - self.start_factor)
                      / (self.total_iters * self.start_factor
                         + (self.last_epoch - 1) * (self.end_factor - self.start_factor))) for lr in self._lrs()]

    def _get_closed_form_lr(self):
        return [base * (self.start_factor + (self.end_factor - self.start_factor)
                        * min(self.total_iters, self.last_epoch) / self.total_iters) for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """The rate times `gamma` every epoch.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    gamma : float
        Factor.
    last_epoch : int, default -1
        The epoch to go on from; -1: the start.
    """

    def __init__(self, optimizer, gamma, last_epoch=-1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if self._is_initial:
            return self._lrs()
        return [lr * self.gamma for lr in self._lrs()]

    def _get_closed_form_lr(self):
        return [base * self.gamma ** self.last_epoch for base in self.base_lrs]


class PolynomialLR(LRScheduler):
    """The rate times ``(1 - epoch / total_iters) ** power``, down to zero.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    total_iters : int, default 5
        Epochs until the rate is zero.
    power : float, default 1.0
    last_epoch : int, default -1
        The epoch to go on from; -1: the start.
    """

    def __init__(self, optimizer, total_iters=5, power=1.0, last_epoch=-1):
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        """Return the rates of this epoch.

        Returns
        -------
        list of float

        Raises
        ------
        ValueError
            When `total_iters` is reached with a negative power.
        """
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._lrs()
        left, before = (1.0 - epoch / self.total_iters for epoch in (self.last_epoch, self.last_epoch - 1))
        if left == 0 and self.power < 0:
            raise ValueError(f"PolynomialLR: with power {self.power} the rate has no end: it grows without bound at "
                             f"epoch {self.last_epoch}; give a positive power")
        factor = (left / before) ** self.power
        return [lr * factor for lr in self._lrs()]

    def _get_closed_form_lr(self):
        return [base * (1.0 - min(self.total_iters, self.last_epoch) / self.total_iters) ** self.power
                for base in self.base_lrs]
