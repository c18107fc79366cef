"""Weights as a direction and a length. Salimans and Kingma, arXiv:1602.07868."""

import warnings

from pycnn._missing import getattr_of as _getattr_of
from pycnn.nn.parameter import Parameter


def norm_except_dim(v, pow=2, dim=0):
    """Return the norms over all dimensions but one, which are kept with size 1.

    Parameters
    ----------
    v : Tensor
    pow : float, default 2
    dim : int, default 0
        -1: over all.

    Returns
    -------
    Tensor
    """
    if dim == -1:
        return v.norm(pow)
    return v.norm(pow, [d for d in range(v.dim()) if d != dim], keepdim=True) if v.dim() > 1 else v.abs()


def scaled(v, g, dim):
    """Return v with the norms g.

    Parameters
    ----------
    v, g : Tensor
    dim : int

    Returns
    -------
    Tensor
    """
    return v * (g / norm_except_dim(v, 2, dim))


class WeightNorm:
    """The hook that computes a weight before each call of its module.

    Parameters
    ----------
    name : str
        Of the weight.
    dim : int
    """

    def __init__(self, name, dim):
        self.name, self.dim = name, dim

    def compute_weight(self, module):
        """Return the weight.

        Parameters
        ----------
        module : Module

        Returns
        -------
        Tensor
        """
        return scaled(getattr(module, self.name + "_v"), getattr(module, self.name + "_g"), self.dim)

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module, name="weight", dim=0):
    """Split a parameter into ``name_g``, its norms, and ``name_v``, its direction. In place.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
    dim : int or None, default 0
        Norms are over all dimensions but this; None: over all.

    Returns
    -------
    Module

    Raises
    ------
    RuntimeError
        If this has been done.
    """
    warnings.warn("`torch.nn.utils.weight_norm` is deprecated in favor of "
                  "`torch.nn.utils.parametrizations.weight_norm`.", FutureWarning, stacklevel=2)
    if any(isinstance(hook, WeightNorm) and hook.name == name for hook in module._forward_pre_hooks.values()):
        raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    hook, weight = WeightNorm(name, -1 if dim is None else dim), getattr(module, name)
    del module._parameters[name]
    module.register_parameter(name + "_g", Parameter(norm_except_dim(weight.detach(), 2, hook.dim)))
    module.register_parameter(name + "_v", Parameter(weight.detach()))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module, name="weight"):
    """Make one parameter of the two again. In place.

    Parameters
    ----------
    module : Module
    name : str, default "weight"

    Returns
    -------
    Module

    Raises
    ------
    ValueError
        If :func:`weight_norm` was not called.
    """
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            weight = hook.compute_weight(module)
            delattr(module, name)
            del module._parameters[name + "_g"], module._parameters[name + "_v"], module._forward_pre_hooks[key]
            setattr(module, name, Parameter(weight.detach()))
            return module
    raise ValueError(f"weight_norm of '{name}' not found in {module}")


__getattr__ = _getattr_of(__name__, globals())
