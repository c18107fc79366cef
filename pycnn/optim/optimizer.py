"""Optimizer: parameter groups, state, and their saving and loading in torch's format."""

import math
from collections import OrderedDict, defaultdict
from copy import deepcopy
from itertools import chain

from pycnn import _C
from pycnn._tensor import RemovableHandle
from pycnn.autograd.grad_mode import enable_grad, no_grad


class _Required:
    def __repr__(self):
        return "<required parameter>"


required = _Required()


def check(name, value, valid):
    """Raise ValueError("Invalid <name>: <value>") unless `valid`."""
    if not valid:
        raise ValueError(f"Invalid {name}: {value}")


def check_lr(lr):
    """Refuse negative, infinite and NaN learning rates."""
    if isinstance(lr, _C.TensorBase):
        lr = lr.item()
    check("learning rate", lr, 0.0 <= lr and math.isfinite(lr))


class Optimizer:
    """Base of all optimizers.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor), or of dict
        What is optimized; a dict is a group with options of its own.
    defaults : dict
        Options of groups that do not give them.

    See Also
    --------
    torch.optim.Optimizer : same behaviour, same state_dict.
    """

    def __init__(self, params, defaults):
        if isinstance(params, _C.TensorBase):
            raise TypeError("params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                            + type(params).__name__)
        self.defaults = defaults
        self._pre_hooks, self._post_hooks = OrderedDict(), OrderedDict()
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __repr__(self):
        text = type(self).__name__ + " ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            text += "".join(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
        return text + ")"

    def __getstate__(self):
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.__dict__.setdefault("_pre_hooks", OrderedDict())
        self.__dict__.setdefault("_post_hooks", OrderedDict())

    def add_param_group(self, param_group):
        """Add a group of parameters: a dict with ``params`` and any options.

        Raises
        ------
        TypeError
            If something in it is no Tensor.
        ValueError
            If a parameter is no leaf, or is in another group already.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, _C.TensorBase):
            params = [params]
        elif isinstance(params, set):
            raise TypeError("optimizer parameters need to be organized in ordered collections, but the ordering of tensors "
                            "in sets will change between runs. Please use a list instead.")
        params = list(params)
        named = bool(params) and isinstance(params[0], tuple)
        if named:
            param_group["param_names"] = [name for name, _ in params]
            params = [p for _, p in params]
        param_group["params"] = params
        for p in params:
            if not isinstance(p, _C.TensorBase):
                raise TypeError("optimizer can only optimize Tensors, but one of the params is " + type(p).__name__)
            if not (self.defaults.get("differentiable") or p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        if len({id(p) for p in params}) != len(params):
            raise ValueError("optimizer contains a parameter group with duplicate parameters")
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in known for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none=True):
        """Forget the gradients; with `set_to_none` False, fill them with zeros instead."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    with no_grad():
                        p.grad.zero_()

    def step(self, closure=None):
        """Update the parameters once.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss anew, with gradients, and returns it.

        Returns
        -------
        Tensor or None
            What `closure` returned.
        """
        raise NotImplementedError

    def _run(self, closure, update):
        """One step of an optimizer of this package: hooks, closure, `update` for each group."""
        for hook in self._pre_hooks.values():
            hook(self, (), {})
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                params = [p for p in group["params"] if p.grad is not None]
                if params:
                    update(group, params, [p.grad for p in params])
        for hook in self._post_hooks.values():
            hook(self, (), {})
        return loss

    def register_step_pre_hook(self, hook):
        """Call ``hook(optimizer, args, kwargs)`` before each step."""
        return _register(self._pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return _register(self._post_hooks, hook)

    def state_dict(self):
        """Return ``{"state": ..., "param_groups": ...}`` with parameters as numbers, as torch does."""
        numbers, groups, start = {}, [], 0
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            for i, p in enumerate(group["params"], start):
                numbers.setdefault(id(p), i)
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            start += len(packed["params"])
            groups.append(packed)
        state = {numbers[id(key)] if isinstance(key, _C.TensorBase) else key: value for key, value in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict):
        """Take over what :meth:`state_dict` of this or torch's optimizer returned.

        Raises
        ------
        ValueError
            If the groups differ in number or size.
        """
        saved, groups = state_dict["param_groups"], self.param_groups
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(groups, saved)):
            raise ValueError("loaded state dict contains a parameter group that doesn't match the size of optimizer's group")
        by_number = dict(zip(chain.from_iterable(g["params"] for g in saved),
                             chain.from_iterable(g["params"] for g in groups)))
        state = defaultdict(dict)
        for key, value in state_dict["state"].items():
            p = by_number.get(key)
            state[key if p is None else p] = _convert(value, p)
        new_groups = [{**deepcopy({k: v for k, v in theirs.items() if k != "params"}), "params": ours["params"]}
                      for ours, theirs in zip(groups, saved)]
        self.state = state
        self.param_groups = new_groups


def _register(hooks, hook):
    key = object()
    hooks[key] = hook
    return RemovableHandle(lambda: hooks.pop(key, None))


def _convert(value, param, key=None):
    """A copy of saved state, in the dtype of its parameter (but for step counters)."""
    if isinstance(value, _C.TensorBase):
        if param is None or key == "step" or not param.is_floating_point():
            return value.detach().clone()
        return value.detach().to(param.dtype, copy=True)
    if isinstance(value, dict):
        return {k: _convert(v, param, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_convert(v, param) for v in value)
    return value
