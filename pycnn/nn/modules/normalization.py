"""Layer, group and other normalizations of single samples."""

from pycnn import _C
from pycnn.nn import functional as F
from pycnn.nn import init
from pycnn.nn.modules.module import Module
from pycnn.nn.parameter import Parameter


class _Affine(Module):
    """A layer that ends with a scale and a shift, either of which may be absent."""

    def _make_parameters(self, shape, weight, bias, device, dtype):
        for name, wanted in (("weight", weight), ("bias", bias)):
            value = Parameter(_C.fn.empty(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, value)

    def reset_parameters(self):
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(_Affine):
    """Normalization over the last dimensions. Ba et al., arXiv:1607.06450.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        Of the last dimensions.
    eps : float, default 1e-05
        Added to the variance.
    elementwise_affine : bool, default True
        Learn a factor and an offset for each element.
    bias : bool, default True
        With `elementwise_affine`: learn the offset too.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.
    """

    def __init__(self, normalized_shape, eps=1e-05, elementwise_affine=True, bias=True, device=None, dtype=None):
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._make_parameters(self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
                f"bias={self.bias is not None}")


class GroupNorm(_Affine):
    """Normalization of groups of channels. Wu and He, arXiv:1803.08494.

    Parameters
    ----------
    num_groups : int
        Divides the number of channels.
    num_channels : int
        C.
    eps : float, default 1e-05
        Added to the variance.
    affine : bool, default True
        Learn a factor and an offset for each channel.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.
    bias : bool, default True
        With `affine`: learn the offset too.

    Raises
    ------
    ValueError
        If `num_groups` does not divide `num_channels`.
    """

    def __init__(self, num_groups, num_channels, eps=1e-05, affine=True, device=None, dtype=None, *, bias=True):
        super().__init__()
        if num_groups <= 0 or num_channels % num_groups != 0:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._make_parameters((num_channels,), affine, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
                f"bias={self.bias is not None}")


class RMSNorm(Module):
    """Division by the root mean square over the last dimensions. Zhang and Sennrich, arXiv:1910.07467.

    Parameters
    ----------
    normalized_shape : int or sequence of int
    eps : float, optional
        Default: the distance from 1 to the next number of the input's dtype.
    elementwise_affine : bool, default True
        Learn a scale.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.
    """

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, device=None, dtype=None):
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        shape = self.normalized_shape
        value = Parameter(_C.fn.empty(shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", value)
        self.reset_parameters()

    def reset_parameters(self):
        """Weight 1."""
        if self.elementwise_affine:
            init.ones_(self.weight)

    def forward(self, x):
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LocalResponseNorm(Module):
    """Division by a power of the mean square over neighbouring channels. Krizhevsky et al., NIPS 2012.

    Parameters
    ----------
    size : int
        Number of channels.
    alpha : float, default 1e-4
    beta : float, default 0.75
    k : float, default 1.0
    """

    def __init__(self, size, alpha=0.0001, beta=0.75, k=1.0):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input):
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
