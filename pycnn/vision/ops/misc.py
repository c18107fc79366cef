"""Blocks that models are made of."""

from pycnn import _C, nn


class Conv2dNormActivation(nn.Sequential):
    """Convolution, normalisation, activation.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride : int, default 3, 1
    padding : int, optional
        Default: what keeps the size.
    groups : int, default 1
    norm_layer, activation_layer : callable or None, default BatchNorm2d, ReLU
        None: leave it out.
    dilation : int, default 1
    inplace : bool or None, default True
        Of the activation; None if it does not know the parameter.
    bias : bool, optional
        Of the convolution. Default: only where nothing normalises.
    """

    def __init__(self, in_channels, out_channels, kernel_size=3, stride=1, padding=None, groups=1,
                 norm_layer=nn.BatchNorm2d, activation_layer=nn.ReLU, dilation=1, inplace=True, bias=None):
        if padding is None:
            padding = (kernel_size - 1) // 2 * dilation
        layers = [nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation=dilation, groups=groups,
                            bias=norm_layer is None if bias is None else bias)]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**({} if inplace is None else {"inplace": inplace})))
        super().__init__(*layers)
        self.out_channels = out_channels


class SqueezeExcitation(nn.Module):
    """Scales channels by what the whole image holds. Hu et al., arXiv:1709.01507.

    Parameters
    ----------
    input_channels, squeeze_channels : int
    activation, scale_activation : callable, default ReLU, Sigmoid
    """

    def __init__(self, input_channels, squeeze_channels, activation=nn.ReLU, scale_activation=nn.Sigmoid):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation, self.scale_activation = activation(), scale_activation()

    def forward(self, input):
        """Return [N, C, H, W] of such images."""
        return self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(input))))) * input


class MLP(nn.Sequential):
    """Linear layers, each but the last with normalisation and activation, and dropout behind each.

    Parameters
    ----------
    in_channels : int
    hidden_channels : sequence of int
        Outputs of each layer.
    norm_layer : callable, optional
    activation_layer : callable, default ReLU
    inplace : bool, optional
        Of activation and dropout; None: as they are by default.
    bias : bool, default True
    dropout : float, default 0.0
    """

    def __init__(self, in_channels, hidden_channels, norm_layer=None, activation_layer=nn.ReLU, inplace=None, bias=True,
                 dropout=0.0):
        params = {} if inplace is None else {"inplace": inplace}
        layers = []
        for hidden in hidden_channels[:-1]:
            layers.append(nn.Linear(in_channels, hidden, bias=bias))
            if norm_layer is not None:
                layers.append(norm_layer(hidden))
            layers += [activation_layer(**params), nn.Dropout(dropout, **params)]
            in_channels = hidden
        super().__init__(*layers, nn.Linear(in_channels, hidden_channels[-1], bias=bias), nn.Dropout(dropout, **params))


class Permute(nn.Module):
    """Puts dimensions into another order.

    Parameters
    ----------
    dims : list of int
    """

    def __init__(self, dims):
        super().__init__()
        self.dims = dims

    def forward(self, x):
        """Return a view of x."""
        return x.permute(self.dims)


class FrozenBatchNorm2d(nn.Module):
    """Batch normalisation whose statistics and parameters are buffers: nothing of it is trained.

    Parameters
    ----------
    num_features : int
        Channels.
    eps : float, default 1e-5
    """

    def __init__(self, num_features, eps=1e-5):
        super().__init__()
        self.eps = eps
        for name, fill in (("weight", "ones"), ("bias", "zeros"), ("running_mean", "zeros"), ("running_var", "ones")):
            self.register_buffer(name, getattr(_C.fn, fill)((num_features,)))

    def _load_from_state_dict(self, state_dict, prefix, *args):
        state_dict.pop(prefix + "num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x):
        """Return [N, C, H, W] of such images."""
        shape = (1, -1, 1, 1)
        scale = self.weight.reshape(shape) * (self.running_var.reshape(shape) + self.eps).rsqrt()
        return x * scale + (self.bias.reshape(shape) - self.running_mean.reshape(shape) * scale)

    def __repr__(self):
        return f"{self.__class__.__name__}({self.weight.shape[0]}, eps={self.eps})"
