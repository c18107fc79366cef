"""Weight and spectral norm as parametrizations."""

from pycnn import _C
from pycnn._missing import getattr_of as _getattr_of
from pycnn.autograd.grad_mode import no_grad
from pycnn.nn.functional import normalize
from pycnn.nn.modules.conv import ConvTranspose2d
from pycnn.nn.modules.module import Module
from pycnn.nn.utils.parametrize import register_parametrization as _register
from pycnn.nn.utils.spectral_norm import as_matrix as _as_matrix
from pycnn.nn.utils.weight_norm import norm_except_dim as _norm_except_dim
from pycnn.nn.utils.weight_norm import scaled as _scaled

__all__ = ["spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    def __init__(self, dim=0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return _scaled(weight_v, weight_g, self.dim)

    def right_inverse(self, weight):
        return _norm_except_dim(weight, 2, self.dim), weight


class _SpectralNorm(Module):
    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12):
        super().__init__()
        if not -weight.dim() <= dim < weight.dim():
            raise IndexError(f"Dimension out of range (expected to be in range of [-{weight.dim()}, {weight.dim() - 1}]"
                             f" but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError("Expected n_power_iterations to be positive, but got n_power_iterations="
                             f"{n_power_iterations}")
        self.dim, self.eps, self.n_power_iterations = dim % weight.dim(), eps, n_power_iterations
        if weight.dim() > 1:
            matrix = _as_matrix(weight, self.dim)
            u = matrix.new_empty(matrix.shape[0]).normal_(0, 1)
            v = matrix.new_empty(matrix.shape[1]).normal_(0, 1)
            self.register_buffer("_u", normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", normalize(v, dim=0, eps=eps))
            self._power_method(matrix, 15)

    @no_grad()
    def _power_method(self, matrix, times):
        for _ in range(times):
            self._u.copy_(normalize(matrix.mv(self._v), dim=0, eps=self.eps))
            self._v.copy_(normalize(matrix.t().mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight):
        if weight.dim() == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = _as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        return weight / _C.fn.dot(self._u.clone(), matrix.mv(self._v.clone()))

    def right_inverse(self, value):
        return value


def weight_norm(module, name="weight", dim=0):
    """Compute a parameter from its norms, ``original0``, and its direction, ``original1``. In place.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
    dim : int or None, default 0
        Norms are over all dimensions but this; None: over all.

    Returns
    -------
    Module
    """
    return _register(module, name, _WeightNorm(dim), unsafe=True)


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Divide a parameter by its largest singular value. In place.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
    n_power_iterations : int, default 1
        In each use in training mode.
    eps : float, default 1e-12
    dim : int, optional
        Of the outputs: 0, but 1 for transposed convolutions.

    Returns
    -------
    Module

    Raises
    ------
    ValueError
        If there is no such tensor.
    """
    weight = getattr(module, name, None)
    if weight is None:
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    dim = (1 if isinstance(module, ConvTranspose2d) else 0) if dim is None else dim
    return _register(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))


__getattr__ = _getattr_of(__name__, __all__)
