"""Weights divided by their largest singular value. Miyato et al., arXiv:1802.05957."""

from pycnn import _C
from pycnn._missing import getattr_of as _getattr_of
from pycnn.autograd.grad_mode import no_grad
from pycnn.nn.functional import normalize
from pycnn.nn.parameter import Parameter


def as_matrix(weight, dim):
    """Return a weight as rows of one dimension.

    Parameters
    ----------
    weight : Tensor
    dim : int

    Returns
    -------
    Tensor [n, m]
    """
    return weight.movedim(dim, 0).flatten(1)


class SpectralNorm:
    """The hook that computes a weight before each call of its module.

    Parameters
    ----------
    name : str
    n_power_iterations : int
    dim : int
    eps : float

    Raises
    ------
    ValueError
        If there are no iterations.
    """

    def __init__(self, name="weight", n_power_iterations=1, dim=0, eps=1e-12):
        if n_power_iterations <= 0:
            raise ValueError("Expected n_power_iterations to be positive, but got n_power_iterations="
                             f"{n_power_iterations}")
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def compute_weight(self, module, do_power_iteration):
        """Return the weight over its norm.

        Parameters
        ----------
        module : Module
        do_power_iteration : bool
            Improve the estimate of the norm first.

        Returns
        -------
        Tensor
        """
        weight, u, v = (getattr(module, self.name + end) for end in ("_orig", "_u", "_v"))
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(normalize(matrix.t().mv(u), dim=0, eps=self.eps))
                    u.copy_(normalize(matrix.mv(v), dim=0, eps=self.eps))
                u, v = u.clone(), v.clone()
        return weight / _C.fn.dot(u, matrix.mv(v))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Divide a parameter by its largest singular value before each call. In place.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
        What it was goes to ``name_orig``.
    n_power_iterations : int, default 1
        In each call in training mode.
    eps : float, default 1e-12
    dim : int, optional
        Of the outputs: 0, but 1 for transposed convolutions.

    Returns
    -------
    Module

    Raises
    ------
    RuntimeError
        If this has been done.
    """
    from pycnn.nn.modules.conv import ConvTranspose2d

    dim = (1 if isinstance(module, ConvTranspose2d) else 0) if dim is None else dim
    if any(isinstance(hook, SpectralNorm) and hook.name == name for hook in module._forward_pre_hooks.values()):
        raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
    hook, weight = SpectralNorm(name, n_power_iterations, dim, eps), module._parameters[name]
    with no_grad():
        h, w = as_matrix(weight, dim).shape
        u = normalize(weight.new_empty(h).normal_(0, 1), dim=0, eps=eps)
        v = normalize(weight.new_empty(w).normal_(0, 1), dim=0, eps=eps)
    delattr(module, name)
    module.register_parameter(name + "_orig", weight)
    setattr(module, name, weight.detach())
    module.register_buffer(name + "_u", u)
    module.register_buffer(name + "_v", v)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module, name="weight"):
    """Make the divided weight the parameter again. In place.

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
        If :func:`spectral_norm` was not called.
    """
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            with no_grad():
                weight = hook.compute_weight(module, do_power_iteration=False)
            for attribute in (name, name + "_u", name + "_v", name + "_orig"):
                delattr(module, attribute)
            module.register_parameter(name, Parameter(weight.detach()))
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"spectral_norm of '{name}' not found in {module}")


__getattr__ = _getattr_of(__name__, globals())
