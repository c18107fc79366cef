"""SqueezeNet. Iandola et al., arXiv:1602.07360."""

from pycnn import _C, nn
from pycnn.vision.models._api import WeightsEnum, check_num_classes, load_weights, pretrained_means, register_model
from pycnn.vision.models._meta import imagenet

__all__ = ["SqueezeNet", "SqueezeNet1_0_Weights", "SqueezeNet1_1_Weights", "squeezenet1_0", "squeezenet1_1"]


class Fire(nn.Module):
    """A 1x1 convolution to few channels, then 1x1 and 3x3 ones side by side.

    Parameters
    ----------
    inplanes : int
        Channels that come in.
    squeeze_planes : int
        Channels of the first convolution.
    expand1x1_planes : int
        Channels of the 1x1 convolution.
    expand3x3_planes : int
        Channels of the 3x3 convolution.
    """

    def __init__(self, inplanes, squeeze_planes, expand1x1_planes, expand3x3_planes):
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, kernel_size=1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, kernel_size=1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, kernel_size=3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x):
        """Return [N, expand1x1_planes + expand3x3_planes, H, W]."""
        x = self.squeeze_activation(self.squeeze(x))
        return _C.fn.cat([self.expand1x1_activation(self.expand1x1(x)),
                          self.expand3x3_activation(self.expand3x3(x))], 1)


# The first convolution's channels and size; then squeeze and expand channels of the Fire modules; M: halve the size.
_LAYERS = {"1_0": (96, 7, ["M", (16, 64), (16, 64), (32, 128), "M", (32, 128), (48, 192), (48, 192), (64, 256), "M",
                           (64, 256)]),
           "1_1": (64, 3, ["M", (16, 64), (16, 64), "M", (32, 128), (32, 128), "M", (48, 192), (48, 192), (64, 256),
                           (64, 256)])}


class SqueezeNet(nn.Module):
    """A convolution, eight Fire modules and a convolution to the classes.

    Parameters
    ----------
    version : {"1_0", "1_1"}
    num_classes : int, default 1000
    dropout : float, default 0.5
        Before the last convolution.

    Raises
    ------
    ValueError
        If there is no such version.
    ValueError
        If there is no such version.

    See Also
    --------
    torchvision.models.SqueezeNet : same modules, same initial weights for the same seed.
    """

    def __init__(self, version="1_0", num_classes=1000, dropout=0.5):
        super().__init__()
        if version not in _LAYERS:
            raise ValueError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        self.num_classes = num_classes
        channels, size, plan = _LAYERS[version]
        layers = [nn.Conv2d(3, channels, kernel_size=size, stride=2), nn.ReLU(inplace=True)]
        for step in plan:
            if step == "M":
                layers.append(nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True))
            else:
                squeeze, expand = step
                layers.append(Fire(channels, squeeze, expand, expand))
                channels = 2 * expand
        self.features = nn.Sequential(*layers)
        last = nn.Conv2d(512, num_classes, kernel_size=1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), last, nn.ReLU(inplace=True),
                                        nn.AdaptiveAvgPool2d((1, 1)))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                if m is last:
                    nn.init.normal_(m.weight, mean=0.0, std=0.01)
                else:
                    nn.init.kaiming_uniform_(m.weight)
                nn.init.constant_(m.bias, 0)

    def forward(self, x):
        """Return the scores [N, num_classes] of images [N, 3, H, W]."""
        return self.classifier(self.features(x)).flatten(1)


def _squeezenet(version, weights, progress, **kwargs):
    check_num_classes(weights, kwargs)
    model = SqueezeNet(version, **kwargs)
    load_weights(model, weights, progress)
    return model


_RECIPE = "https://github.com/pytorch/vision/pull/49#issuecomment-277560717"


class SqueezeNet1_0_Weights(WeightsEnum):
    """Weights of :func:`squeezenet1_0`."""

    IMAGENET1K_V1 = imagenet("squeezenet1_0-b66bff10.pth", 1248424, 58.092, 80.42, 0.819, 4.778, _RECIPE,
                             min_size=(21, 21))
    DEFAULT = IMAGENET1K_V1


class SqueezeNet1_1_Weights(WeightsEnum):
    """Weights of :func:`squeezenet1_1`."""

    IMAGENET1K_V1 = imagenet("squeezenet1_1-b8a52dc0.pth", 1235496, 58.178, 80.624, 0.349, 4.729, _RECIPE,
                             min_size=(17, 17))
    DEFAULT = IMAGENET1K_V1


@register_model()
@pretrained_means(SqueezeNet1_0_Weights.IMAGENET1K_V1)
def squeezenet1_0(*, weights: SqueezeNet1_0_Weights | None = None, progress: bool = True, **kwargs) -> SqueezeNet:
    """Build SqueezeNet 1.0.

    Parameters
    ----------
    weights : SqueezeNet1_0_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs
        Parameters of :class:`SqueezeNet`.

    Returns
    -------
    SqueezeNet
    """
    return _squeezenet("1_0", SqueezeNet1_0_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(SqueezeNet1_1_Weights.IMAGENET1K_V1)
def squeezenet1_1(*, weights: SqueezeNet1_1_Weights | None = None, progress: bool = True, **kwargs) -> SqueezeNet:
    """Build SqueezeNet 1.1, which needs 2.4 times fewer operations.

    Parameters
    ----------
    weights : SqueezeNet1_1_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        As for :func:`squeezenet1_0`.

    Returns
    -------
    SqueezeNet

    See Also
    --------
    squeezenet1_0 : errors.
    """
    return _squeezenet("1_1", SqueezeNet1_1_Weights.verify(weights), progress, **kwargs)
