"""Fully connected layers."""

import math

from pycnn import _C
from pycnn.nn import functional as F
from pycnn.nn import init
from pycnn.nn.modules.module import Module
from pycnn.nn.parameter import Parameter


class Identity(Module):
    """Returns its input; accepts and ignores any arguments.

    Parameters
    ----------
    *args : object
        Ignored.
    **kwargs : object
        Ignored.
    """

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        return input


class Linear(Module):
    """Fully connected layer: ``y = x @ weight.T + bias``.

    Input [..., in_features], output [..., out_features], of the weight's dtype.

    Parameters
    ----------
    in_features : int
        Columns of the weight.
    out_features : int
        Rows of the weight.
    bias : bool, default True
        Learn a number that is added to each output.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.

    See Also
    --------
    torch.nn.Linear : same initial weights for the same seed.

    Examples
    --------
    >>> layer = Linear(4, 2)
    >>> layer(pycnn.zeros(8, 4)).shape
    torch.Size([8, 2])
    """

    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(_C.fn.empty((out_features, in_features), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(_C.fn.empty((out_features,), device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw the initial weight and bias: uniform, bounded by the root of the fan-in."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input):
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class NonDynamicallyQuantizableLinear(Linear):
    """Linear, under the name that torch prints for the last layer of a :class:`MultiheadAttention`.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool, default True
    device : device or str, optional
    dtype : dtype, optional
        As :class:`Linear`'s.
    """
