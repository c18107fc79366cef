"""What several models share."""

from pycnn import nn
from pycnn.vision.models._api import check_num_classes, set_param


def make_divisible(v, divisor, min_value=None):
    """Return the multiple of `divisor` nearest to v, never a tenth below it.

    Parameters
    ----------
    v : float
    divisor : int
    min_value : int, optional
        `divisor` by default.

    Returns
    -------
    int
    """
    rounded = max(divisor if min_value is None else min_value, int(v + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * v else rounded


def init_mobile_weights(model, init_linear=lambda weight: nn.init.normal_(weight, 0, 0.01)):
    """Draw the initial weights of the MobileNets.

    Parameters
    ----------
    model : Module
    init_linear : callable, optional
        Draws those of a linear layer.
    """
    for m in model.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out")
            if m.bias is not None:
                nn.init.zeros_(m.bias)
        elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
            nn.init.ones_(m.weight)
            nn.init.zeros_(m.bias)
        elif isinstance(m, nn.Linear):
            init_linear(m.weight)
            nn.init.zeros_(m.bias)


class BasicConv2d(nn.Module):
    """Convolution, batch norm, ReLU, under the Inception models' names.

    Parameters
    ----------
    in_channels : int
        Channels that come in.
    out_channels : int
        Channels that go out.
    **kwargs : object
        Of :class:`Conv2d`.
    """

    def __init__(self, in_channels, out_channels, **kwargs):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x):
        """Return [N, out_channels, ...]."""
        return nn.functional.relu(self.bn(self.conv(x)), inplace=True)


def inception_as_published(weights, kwargs):
    """Set what an Inception model has to be built with so that published weights fit.

    Parameters
    ----------
    weights : WeightsEnum or None
    kwargs : dict
        Parameters of the model, changed.
    """
    if weights is not None:
        kwargs.setdefault("transform_input", True)
        set_param(kwargs, "aux_logits", True)
        set_param(kwargs, "init_weights", False)
        check_num_classes(weights, kwargs)


def inception_input(x):
    """Images normalised as torchvision's other models want them, as the Inception models' authors wanted them.

    Parameters
    ----------
    x : Tensor [N, 3, H, W]

    Returns
    -------
    Tensor [N, 3, H, W]
    """
    scale = x.new_tensor([s / 0.5 for s in (0.229, 0.224, 0.225)])[:, None, None]
    return x * scale + x.new_tensor([(m - 0.5) / 0.5 for m in (0.485, 0.456, 0.406)])[:, None, None]


def will_change(name):
    """The warning of the Inception models, whose initial weights are to change one day.

    Parameters
    ----------
    name : str
        Of the model.

    Returns
    -------
    str
    """
    return (f"The default weight initialization of {name} will be changed in future releases of torchvision. If you "
            "wish to keep the old behavior (which leads to long initialization times due to scipy/scipy#11299), please "
            "set init_weights=True.")
