"""Schedules that rise and fall, momentum against them."""

import math
import types

from pycnn.optim.lr_scheduler._base import LRScheduler, check_optimizer, for_groups, set_value


class OneCycleLR(LRScheduler):
    """Up to `max_lr` and down far below the start in one cycle; momentum goes the other way.

    Smith and Topin, "Super-Convergence", arXiv:1708.07120. Step it after every batch.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    max_lr : float or list of float
        The highest rate, of each group.
    total_steps : int, optional
        Length of the cycle; or give `epochs` and `steps_per_epoch`.
    epochs : int, optional
    steps_per_epoch : int, optional
        Batches of an epoch.
    pct_start : float, default 0.3
        Share of the cycle in which the rate grows.
    anneal_strategy : {"cos", "linear"}, default "cos"
    cycle_momentum : bool, default True
        Let the momentum (of Adam: the first beta) go the other way.
    base_momentum : float or list of float, default 0.85
        The lowest momentum.
    max_momentum : float or list of float, default 0.95
        The highest.
    div_factor : float, default 25.0
        The first rate is `max_lr` divided by it.
    final_div_factor : float, default 10000.0
        The last rate is the first one divided by it.
    three_phase : bool, default False
        Come back to the first rate, and then go down.
    last_epoch : int, default -1
        The epoch to go on from; -1: the start.

    Raises
    ------
    ValueError
        If an option is out of range, or the optimizer has no momentum to cycle.
    """

    def __init__(self, optimizer, max_lr, total_steps=None, epochs=None, steps_per_epoch=None, pct_start=0.3,
                 anneal_strategy="cos", cycle_momentum=True, base_momentum=0.85, max_momentum=0.95, div_factor=25.0,
                 final_div_factor=1e4, three_phase=False, last_epoch=-1):
        check_optimizer(optimizer)
        self.optimizer = optimizer
        if total_steps is not None:
            if total_steps <= 0 or not isinstance(total_steps, int):
                raise ValueError(f"Expected positive integer total_steps, but got {total_steps}")
            self.total_steps = total_steps
        elif epochs is not None and steps_per_epoch is not None:
            if not isinstance(epochs, int) or epochs <= 0:
                raise ValueError(f"Expected positive integer epochs, but got {epochs}")
            if not isinstance(steps_per_epoch, int) or steps_per_epoch <= 0:
                raise ValueError(f"Expected positive integer steps_per_epoch, but got {steps_per_epoch}")
            self.total_steps = epochs * steps_per_epoch
        else:
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type = anneal_strategy
        end, lr, momentum = self.total_steps - 1, ("initial_lr", "max_lr", "min_lr"), ("base_momentum", "max_momentum")
        up = float(pct_start * self.total_steps) - 1
        phases = [(up, lr[0], lr[1], momentum[1], momentum[0])]
        if three_phase:
            phases += [(float(2 * pct_start * self.total_steps) - 2, lr[1], lr[0], momentum[0], momentum[1]),
                       (end, lr[0], lr[2], momentum[1], momentum[1])]
        else:
            phases += [(end, lr[1], lr[2], momentum[0], momentum[1])]
        self._schedule_phases = [{"end_step": p[0], "start_lr": p[1], "end_lr": p[2], "start_momentum": p[3],
                                  "end_momentum": p[4]} for p in phases]
        max_lrs = for_groups("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, max_lrs):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
                raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
            self.use_beta1 = "betas" in optimizer.defaults
            highs = for_groups("max_momentum", optimizer, max_momentum)
            lows = for_groups("base_momentum", optimizer, base_momentum)
            if last_epoch == -1:
                for high, low, group in zip(highs, lows, optimizer.param_groups):
                    if self.use_beta1:
                        group["betas"] = (high, *group["betas"][1:])
                    else:
                        group["momentum"] = high
                    group["max_momentum"], group["base_momentum"] = high, low
        super().__init__(optimizer, last_epoch)

    def _anneal(self, start, end, pct):
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * pct) + 1)
        return (end - start) * pct + start

    def get_lr(self):
        """Return the rates of the next step, computed from the number of steps.

        Raises
        ------
        ValueError
            After more than `total_steps`.
        """
        self._lrs()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(f"Tried to step {step} times. The specified number of total steps is {self.total_steps}")
        lrs = []
        for group in self.optimizer.param_groups:
            start = 0.0
            for i, phase in enumerate(self._schedule_phases):
                end = phase["end_step"]
                if step <= end or i == len(self._schedule_phases) - 1:
                    pct = (step - start) / (end - start)
                    lr = self._anneal(group[phase["start_lr"]], group[phase["end_lr"]], pct)
                    if self.cycle_momentum:
                        momentum = self._anneal(group[phase["start_momentum"]], group[phase["end_momentum"]], pct)
                    break
                start = phase["end_step"]
            lrs.append(lr)
            if self.cycle_momentum and self.use_beta1:
                group["betas"] = (momentum, *group["betas"][1:])
            elif self.cycle_momentum:
                group["momentum"] = momentum
        return lrs


class CyclicLR(LRScheduler):
    """Up and down between `base_lr` and `max_lr`. Smith, arXiv:1506.01186. Step it after every batch.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    base_lr : float or list of float
        The lowest rate, of each group.
    max_lr : float or list of float
        The highest.
    step_size_up : int, default 2000
        Steps up.
    step_size_down : int, optional
        Steps down; as many as up by default.
    mode : {"triangular", "triangular2", "exp_range"}, default "triangular"
        Keep the height of the cycles, halve it each time, or multiply it by `gamma` each step.
    gamma : float, default 1.0
    scale_fn : callable, optional
        The height of a cycle, instead of `mode`.
    scale_mode : {"cycle", "iterations"}, default "cycle"
        What `scale_fn` is given.
    cycle_momentum : bool, default True
        Let the momentum (of Adam: the first beta) go the other way.
    base_momentum : float or list of float, default 0.8
        The lowest momentum.
    max_momentum : float or list of float, default 0.9
        The highest.
    last_epoch : int, default -1
        The epoch to go on from; -1: the start.

    Raises
    ------
    ValueError
        If `mode` is unknown, or the optimizer has no momentum to cycle.
    """

    def __init__(self, optimizer, base_lr, max_lr, step_size_up=2000, step_size_down=None, mode="triangular", gamma=1.0,
                 scale_fn=None, scale_mode="cycle", cycle_momentum=True, base_momentum=0.8, max_momentum=0.9,
                 last_epoch=-1):
        check_optimizer(optimizer)
        self.optimizer = optimizer
        lows = for_groups("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for low, group in zip(lows, optimizer.param_groups):
                set_value(group, "lr", low)
        self.max_lrs = for_groups("max_lr", optimizer, max_lr)
        step_size_up = float(step_size_up)
        step_size_down = float(step_size_down) if step_size_down is not None else step_size_up
        self.total_size = step_size_up + step_size_down
        if not step_size_up > 0 or not step_size_down >= 0:
            raise ValueError(f"step_size_up must be positive and step_size_down not negative, got {step_size_up} and "
                             f"{step_size_down}")
        self.step_ratio = step_size_up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        self.mode, self.gamma, self._scale_fn_custom, self.scale_mode = mode, gamma, scale_fn, scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
                raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
            self.use_beta1 = "betas" in optimizer.defaults
            self.base_momentums = for_groups("base_momentum", optimizer, base_momentum)
            self.max_momentums = for_groups("max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                for high, low, group in zip(self.max_momentums, self.base_momentums, optimizer.param_groups):
                    self._set_momentum(group, high)
                    group["max_momentum"], group["base_momentum"] = high, low
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lows

    def _set_momentum(self, group, value):
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value

    def scale_fn(self, x):
        """Return the height of a cycle: `x` is the cycle's number, or the number of steps.

        Parameters
        ----------
        x : int

        Returns
        -------
        float
        """
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return 1 / (2.0 ** (x - 1)) if self.mode == "triangular2" else self.gamma ** x

    def state_dict(self):
        """Return everything but the optimizer; a scale function that is an object is saved by its attributes."""
        state = super().state_dict()
        fn = state.pop("_scale_fn_custom")
        state["_scale_fn_custom"] = None if fn is None or isinstance(fn, types.FunctionType) else fn.__dict__.copy()
        return state

    def load_state_dict(self, state_dict):
        """Take over what :meth:`state_dict` returned; the scale function stays.

        Parameters
        ----------
        state_dict : dict
        """
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_scale_fn_custom"})
        if state_dict["_scale_fn_custom"] is not None:
            self._scale_fn_custom.__dict__.update(state_dict["_scale_fn_custom"])

    def get_lr(self):
        self._lrs()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        factor = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        lrs = [low + (high - low) * factor * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]
        if self.cycle_momentum:
            for low, high, group in zip(self.base_momentums, self.max_momentums, self.optimizer.param_groups):
                self._set_momentum(group, high - (high - low) * factor * scale)
        return lrs
