"""Optimizer: parameter groups, state, hooks, and saving and loading in torch's format."""

import functools
import math
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from copy import deepcopy
from itertools import chain

from pycnn import _C
from pycnn._default_dtype import get_default_dtype
from pycnn._hooks import RemovableHandle
from pycnn.autograd.grad_mode import enable_grad

_global_pre_hooks, _global_post_hooks = OrderedDict(), OrderedDict()


class _Required:
    def __repr__(self):
        return "<required parameter>"


required = _Required()


def check(name, value, valid):
    """Raise ValueError("Invalid <name>: <value>") unless `valid`.

    Parameters
    ----------
    name : str
    value : object
    valid : bool

    Raises
    ------
    ValueError
        Unless `valid`.
    """
    if not valid:
        raise ValueError(f"Invalid {name}: {value}")


def check_lr(lr):
    """Refuse negative, infinite and NaN learning rates, and tensors of several.

    Parameters
    ----------
    lr : float or Tensor

    Raises
    ------
    ValueError
        If it is one of these.
    """
    if isinstance(lr, _C.TensorBase):
        if lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        lr = lr.item()
    check("learning rate", lr, 0.0 <= lr and math.isfinite(lr))


def check_betas(betas):
    """Refuse decay rates outside [0, 1).

    Parameters
    ----------
    betas : (float, float)

    Raises
    ------
    ValueError
        If one is.
    """
    for i, beta in enumerate(betas):
        check(f"beta parameter at index {i}", beta, 0.0 <= beta < 1.0)


def check_flags(fused, foreach, differentiable):
    """Refuse what torch refuses about the flags that choose between its implementations.

    Parameters
    ----------
    fused : bool or None
    foreach : bool or None
    differentiable : bool

    Raises
    ------
    RuntimeError
        If they contradict each other.
    """
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def number(value=0.0):
    """Return a 0-dim float tensor, as torch keeps counters of steps.

    Parameters
    ----------
    value : float, default 0.0

    Returns
    -------
    Tensor
    """
    return _C.fn.full((), float(value), dtype=_C.float64 if get_default_dtype() is _C.float64 else _C.float32)


def _hooked(step):
    """`step` with the hooks of the optimizer around it."""
    @functools.wraps(step)
    def wrapper(*args, **kwargs):
        self = args[0]
        for hook in (*_global_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()):
            result = hook(self, args, kwargs)
            if result is not None:
                if not (isinstance(result, tuple) and len(result) == 2):
                    raise RuntimeError(f"{step} must return None or a tuple of (new_args, new_kwargs), but got "
                                       f"{result}.")
                args, kwargs = result
        out = step(*args, **kwargs)
        for hook in (*self._optimizer_step_post_hooks.values(), *_global_post_hooks.values()):
            hook(self, args, kwargs)
        return out
    wrapper.hooked = True
    return wrapper


def _register(hooks, hook, prepend=False):
    key = object()
    hooks[key] = hook
    if prepend:
        hooks.move_to_end(key, last=False)
    return RemovableHandle(lambda: hooks.pop(key, None))


def register_optimizer_step_pre_hook(hook):
    """Call ``hook(optimizer, args, kwargs)`` before each step of every optimizer.

    Parameters
    ----------
    hook : callable

    Returns
    -------
    RemovableHandle
        Its ``remove()`` takes the hook away.
    """
    return _register(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook):
    """Call ``hook(optimizer, args, kwargs)`` after each step of every optimizer.

    Parameters
    ----------
    hook : callable

    Returns
    -------
    RemovableHandle
        Its ``remove()`` takes the hook away.
    """
    return _register(_global_post_hooks, hook)


class Optimizer:
    """Base of all optimizers.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor), or of dict
        What is optimized; a dict is a group with options of its own.
    defaults : dict
        Options of groups that do not give them.

    Attributes
    ----------
    param_groups : list of dict
        Each with ``params`` and its options.
    state : dict
        What an optimizer keeps for each parameter.

    Raises
    ------
    TypeError
        If `params` is a single tensor, or holds something else than tensors and dicts.
    ValueError
        If there are no parameters, or one is no leaf or comes twice.

    See Also
    --------
    torch.optim.Optimizer : same behaviour, same state_dict.
    """

    _HOOKS = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks", "_optimizer_state_dict_pre_hooks",
              "_optimizer_state_dict_post_hooks", "_optimizer_load_state_dict_pre_hooks",
              "_optimizer_load_state_dict_post_hooks")
    _GROUP_DEFAULTS = {}  # what groups in older files may lack

    def __init__(self, params, defaults):
        self.defaults = defaults
        self._prepare()
        if isinstance(params, _C.TensorBase):
            raise TypeError("params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                            + params.type())
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if len(groups) == 0:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _prepare(self):
        """Tables of hooks where there are none yet, and ``step`` of the class with hooks around it."""
        for name in self._HOOKS:
            self.__dict__.setdefault(name, OrderedDict())
        cls = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = _hooked(cls.step)

    def __getstate__(self):
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._prepare()
        for group in self.param_groups:
            for key, value in self._GROUP_DEFAULTS.items():
                group.setdefault(key, value)
            for p in group["params"]:  # older files count in plain numbers
                saved = self.state.get(p)
                for key in ("step", "mu_product"):
                    if saved and key in saved and isinstance(saved[key], (int, float)):
                        saved[key] = number(saved[key])

    def __repr__(self):
        text = type(self).__name__ + " ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            text += "".join(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
        return text + ")"

    def add_param_group(self, param_group):
        """Add a group of parameters: a dict with ``params`` and any options.

        Parameters
        ----------
        param_group : dict

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
            raise TypeError("optimizer parameters need to be organized in ordered collections, but the ordering of "
                            "tensors in sets will change between runs. Please use a list instead.")
        params = list(params)
        names = [p[0] for p in params if isinstance(p, tuple)]
        if names:
            if len(names) != len(params):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            params = [p[1] for p in params]
            param_group["param_names"] = names
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
            warnings.warn("optimizer contains a parameter group with duplicate parameters; in future, this will cause "
                          "an error; see github.com/pytorch/pytorch/issues/40967 for more information", stacklevel=3)
        known = set()
        for group in self.param_groups:
            known.update(id(p) for p in group["params"])
            if ("param_names" in param_group) != ("param_names" in group):
                what = "with names" if names else "without names"
                raise ValueError("all optimizer param groups should be with/without names. cannot add param group "
                                 f"{what} to the optimizer")
        if any(id(p) in known for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none=True):
        """Forget the gradients; with `set_to_none` False, fill them with zeros instead.

        Parameters
        ----------
        set_to_none : bool, default True
        """
        for group in self.param_groups:
            _C.zero_grad(group["params"], set_to_none)

    _COUNTERS = {"step": 0.0}  # 0-dim tensors in the state of a parameter: what they begin with

    def _rule(self, group):
        """Of an optimizer of this package: (its name in C, the keys of its state in C's order, numbers of the group).

        A key is None where the group's options leave that part of the state out.
        """
        raise NotImplementedError

    def _begin(self, p, state, keys):
        """Make the state of a parameter's first step: counters, and tensors like the parameter."""
        for key, value in self._COUNTERS.items():
            state[key] = number(value)
        for key in keys:
            if key is not None:
                state[key] = _C.fn.zeros_like(p.detach())

    def step(self, closure=None):
        """Update the parameters once: those of all groups or, after an error, of none.

        Parameters without a gradient take no part: no state is made for them.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss anew, with gradients, and returns it.

        Returns
        -------
        Tensor or None
            What `closure` returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        steps = []
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            name, keys, numbers = self._rule(group)
            states = [self.state[p] for p in params]
            first = [all(value is None for value in state.values()) for state in states]
            for p, state, new in zip(params, states, first):
                if new:
                    self._begin(p, state, keys)
            part = tuple(None if key is None else [state[key] for state in states] for key in keys)
            counters = [[state[key] for state in states] for key in self._COUNTERS] + [None, None]
            steps.append(((name, params, [p.grad for p in params], part, *counters[:2], first), numbers))
        _C.optim_step(steps)
        return loss

    # ---- hooks

    def register_step_pre_hook(self, hook):
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return other arguments.

        Parameters
        ----------
        hook : callable

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.
        """
        return _register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """Call ``hook(optimizer, args, kwargs)`` after each step.

        Parameters
        ----------
        hook : callable

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.
        """
        return _register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend=False):
        """Call ``hook(optimizer)`` before :meth:`state_dict`.

        Parameters
        ----------
        hook : callable
        prepend : bool, default False
            Run it before the hooks that are there already.

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.
        """
        return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend=False):
        """Call ``hook(optimizer, state_dict)`` after :meth:`state_dict`; it may return another one.

        Parameters
        ----------
        hook : callable
        prepend : bool, default False
            Run it before the hooks that are there already.

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.
        """
        return _register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend=False):
        """Call ``hook(optimizer, state_dict)`` before :meth:`load_state_dict`; it may return another one.

        Parameters
        ----------
        hook : callable
        prepend : bool, default False
            Run it before the hooks that are there already.

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.
        """
        return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend=False):
        """Call ``hook(optimizer)`` after :meth:`load_state_dict`.

        Parameters
        ----------
        hook : callable
        prepend : bool, default False
            Run it before the hooks that are there already.

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.
        """
        return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # ---- state

    def state_dict(self):
        """Return ``{"state": ..., "param_groups": ...}`` with parameters as numbers, as torch does."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers, groups, start = {}, [], 0
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            for i, p in enumerate(group["params"], start):
                numbers.setdefault(id(p), i)
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            start += len(packed["params"])
            groups.append(packed)
        state = {numbers[id(key)] if isinstance(key, _C.TensorBase) else key: value
                 for key, value in self.state.items()}
        result = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, result)
            if changed is not None:
                result = changed
        return result

    def load_state_dict(self, state_dict):
        """Take over what :meth:`state_dict` of this or of torch's optimizer returned.

        Parameters
        ----------
        state_dict : dict

        Raises
        ------
        ValueError
            If the groups differ in number or size.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        groups, saved = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(ours["params"]) != len(theirs["params"]) for ours, theirs in zip(groups, saved)):
            raise ValueError("loaded state dict contains a parameter group that doesn't match the size of optimizer's "
                             "group")
        by_number = dict(zip(chain.from_iterable(g["params"] for g in saved),
                             chain.from_iterable(g["params"] for g in groups)))
        state = defaultdict(dict)
        for key, value in state_dict["state"].items():
            p = by_number.get(key)
            if p is None:
                state[key] = value
            else:
                state[p] = _converted(value, p)
        for ours, theirs in zip(groups, saved):
            theirs["params"] = ours["params"]
            if "param_names" in ours:
                theirs.setdefault("param_names", ours["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)


def _converted(value, param, key=None):
    """A copy of saved state, in the dtype of its parameter (but for counters of steps)."""
    if isinstance(value, _C.TensorBase):
        if key == "step" or not param.is_floating_point():
            return value.detach().clone()
        return value.detach().to(param.dtype, copy=True)
    if isinstance(value, dict):
        return {k: _converted(v, param, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return type(value)(_converted(v, param) for v in value)
    return value
