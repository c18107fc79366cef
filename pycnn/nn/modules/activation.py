"""Activation layers."""

from pycnn import _C
from pycnn.nn import functional as F
from pycnn.nn import init as _init
from pycnn.nn.modules.module import Module
from pycnn.nn.parameter import Parameter


class ReLU(Module):
    """``max(0, x)``.

    Parameters
    ----------
    inplace : bool, default False
        Overwrite the input.
    """

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.relu(input, self.inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class SELU(Module):
    """The self-normalising ELU of Klambauer et al., arXiv:1706.02515.

    Parameters
    ----------
    inplace : bool, default False
        Overwrite the input.

    See Also
    --------
    pycnn.nn.functional.selu : the function.
    """

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.selu(input, self.inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class SiLU(Module):
    """``x * sigmoid(x)``.

    Parameters
    ----------
    inplace : bool, default False
        Overwrite the input.

    See Also
    --------
    pycnn.nn.functional.silu : the function.
    """

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.silu(input, self.inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class Mish(Module):
    """``x * tanh(softplus(x))``. Misra, arXiv:1908.08681.

    Parameters
    ----------
    inplace : bool, default False
        Overwrite the input.

    See Also
    --------
    pycnn.nn.functional.mish : the function.
    """

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.mish(input, self.inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class Hardswish(Module):
    """``x * relu6(x + 3) / 6``. Howard et al., arXiv:1905.02244.

    Parameters
    ----------
    inplace : bool, default False
        Overwrite the input.

    See Also
    --------
    pycnn.nn.functional.hardswish : the function.
    """

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.hardswish(input, self.inplace)


class Hardsigmoid(Module):
    """``relu6(x + 3) / 6``.

    Parameters
    ----------
    inplace : bool, default False
        Overwrite the input.

    See Also
    --------
    pycnn.nn.functional.hardsigmoid : the function.
    """

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.hardsigmoid(input, self.inplace)


class Hardtanh(Module):
    """Clamps to [min_val, max_val].

    Parameters
    ----------
    min_val : float, default -1.0
        Lower bound.
    max_val : float, default 1.0
        Upper bound.
    inplace : bool, default False
        Overwrite the input.
    min_value : float, optional
        torch's old spelling of `min_val`.
    max_value : float, optional
        torch's old spelling of `max_val`.

    Raises
    ------
    AssertionError
        If the upper bound is not above the lower one.
    """

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False, min_value=None, max_value=None):
        super().__init__()
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        self.inplace = inplace
        if not self.max_val > self.min_val:
            raise AssertionError(f"max_val ({self.max_val}) must be greater than min_val ({self.min_val})")

    def forward(self, input):
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self):
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    """``min(max(0, x), 6)``.

    Parameters
    ----------
    inplace : bool, default False
        Overwrite the input.

    See Also
    --------
    pycnn.nn.functional.relu6 : the function.
    """

    def __init__(self, inplace=False):
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class LeakyReLU(Module):
    """x where it is positive, ``negative_slope * x`` elsewhere.

    Parameters
    ----------
    negative_slope : float, default 0.01
        Slope where the input is negative.
    inplace : bool, default False
        Overwrite the input.
    """

    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input):
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self):
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class PReLU(Module):
    """Leaky ReLU with a learned slope, one or one for each channel.

    Parameters
    ----------
    num_parameters : int, default 1
        1, or the number of channels.
    init : float, default 0.25
        Initial slope.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.

    Notes
    -----
    He et al., arXiv:1502.01852.
    """

    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(_C.fn.empty((num_parameters,), device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self):
        """Set the slopes to their initial value."""
        _init.constant_(self.weight, self.init)

    def forward(self, input):
        return F.prelu(input, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"


class ELU(Module):
    """x where it is positive, ``alpha * (exp(x) - 1)`` elsewhere.

    Parameters
    ----------
    alpha : float, default 1.0
        Minus the limit towards minus infinity.
    inplace : bool, default False
        Overwrite the input.

    Notes
    -----
    Clevert et al., arXiv:1511.07289.
    """

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input):
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self):
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class GELU(Module):
    """x times the normal distribution function of x. Hendrycks and Gimpel, arXiv:1606.08415.

    Parameters
    ----------
    approximate : {"none", "tanh"}, default "none"
        "tanh": the usual approximation of the distribution function.
    """

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        return F.gelu(input, self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """``log(1 + exp(beta * x)) / beta``, linear above `threshold`.

    Parameters
    ----------
    beta : float, default 1.0
        Sharpness of the bend.
    threshold : float, default 20.0
        Above ``beta * input`` of that size, the input itself is returned.
    """

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input):
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self):
        return f"beta={self.beta}, threshold={self.threshold}"


class Sigmoid(Module):
    """``1 / (1 + exp(-x))``."""

    def forward(self, input):
        return F.sigmoid(input)


class LogSigmoid(Module):
    """``log(sigmoid(x))``."""

    def forward(self, input):
        return F.logsigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, input):
        return F.tanh(input)


class Softsign(Module):
    """``x / (1 + abs(x))``."""

    def forward(self, input):
        return F.softsign(input)


class _AlongDim(Module):
    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """Exponentials along `dim` divided by their sum.

    Parameters
    ----------
    dim : int, optional
        Along which the results add up to 1.
    """

    def forward(self, input):
        return F.softmax(input, self.dim)


class LogSoftmax(_AlongDim):
    """Logarithm of the softmax along `dim`.

    Parameters
    ----------
    dim : int, optional
        Along which the exponentials of the results add up to 1.
    """

    def forward(self, input):
        return F.log_softmax(input, self.dim)


class Softmin(_AlongDim):
    """The softmax of the negated input along `dim`.

    Parameters
    ----------
    dim : int, optional
        Along which the results add up to 1.
    """

    def forward(self, input):
        return F.softmin(input, self.dim)


class Softmax2d(Module):
    """The softmax over the channels of images [N, C, H, W] or [C, H, W]."""

    def forward(self, input):
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return F.softmax(input, -3)


class CELU(Module):
    """The continuously differentiable ELU of Barron, arXiv:1704.07483.

    Parameters
    ----------
    alpha : float, default 1.0
        Minus the limit towards minus infinity.
    inplace : bool, default False
        Overwrite the input.
    """

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input):
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self):
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class GLU(Module):
    """The first half along `dim` times the sigmoid of the second. Dauphin et al., arXiv:1612.08083.

    Parameters
    ----------
    dim : int, default -1
        Its length has to be even.
    """

    def __init__(self, dim=-1):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.glu(input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class _Shrink(Module):
    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd

    def extra_repr(self):
        return str(self.lambd)


class Hardshrink(_Shrink):
    """x where its absolute value exceeds `lambd`, 0 elsewhere.

    Parameters
    ----------
    lambd : float, default 0.5
        Half of the width that is set to 0.
    """

    def forward(self, input):
        return F.hardshrink(input, self.lambd)


class Softshrink(_Shrink):
    """x moved by `lambd` towards 0, but not beyond.

    Parameters
    ----------
    lambd : float, default 0.5
        How far; not negative.
    """

    def forward(self, input):
        return F.softshrink(input, self.lambd)


class Tanhshrink(Module):
    """``x - tanh(x)``."""

    def forward(self, input):
        return F.tanhshrink(input)


class Threshold(Module):
    """x where it exceeds `threshold`, `value` elsewhere.

    Parameters
    ----------
    threshold : float
        Bound above which the input is kept.
    value : float
        What stands elsewhere.
    inplace : bool, default False
        Overwrite the input.
    """

    def __init__(self, threshold, value, inplace=False):
        super().__init__()
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def forward(self, input):
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self):
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")
