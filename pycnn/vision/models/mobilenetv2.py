"""MobileNet V2. Sandler et al., arXiv:1801.04381."""

from pycnn import nn
from pycnn.vision.models._api import WeightsEnum, check_num_classes, load_weights, pretrained_means, register_model
from pycnn.vision.models._blocks import init_mobile_weights, make_divisible
from pycnn.vision.models._meta import REFERENCES, TUNED_RECIPE, imagenet
from pycnn.vision.ops.misc import Conv2dNormActivation

__all__ = ["MobileNetV2", "MobileNet_V2_Weights", "mobilenet_v2"]


class InvertedResidual(nn.Module):
    """A 1x1 convolution to many channels, one of each channel by itself, a 1x1 to few; beside a shortcut where shapes
    agree.

    Parameters
    ----------
    inp, oup : int
        Channels that come in and go out.
    stride : {1, 2}
    expand_ratio : int
        How many times as many there are in between.
    norm_layer : callable, default BatchNorm2d

    Raises
    ------
    ValueError
        If `stride` is neither 1 nor 2.
    """

    def __init__(self, inp, oup, stride, expand_ratio, norm_layer=None):
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        norm_layer = norm_layer or nn.BatchNorm2d
        self.stride = stride
        hidden = int(round(inp * expand_ratio))
        self.use_res_connect = stride == 1 and inp == oup
        layers = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, hidden, kernel_size=1, norm_layer=norm_layer,
                                               activation_layer=nn.ReLU6))
        layers += [Conv2dNormActivation(hidden, hidden, stride=stride, groups=hidden, norm_layer=norm_layer,
                                        activation_layer=nn.ReLU6),
                   nn.Conv2d(hidden, oup, 1, 1, 0, bias=False), norm_layer(oup)]
        self.conv = nn.Sequential(*layers)
        self.out_channels = oup

    def forward(self, x):
        """Return [N, oup, H / stride, W / stride]."""
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """Inverted residuals between two convolutions, and a linear layer.

    Parameters
    ----------
    num_classes : int, default 1000
    width_mult : float, default 1.0
        Of all channels.
    inverted_residual_setting : list of [t, c, n, s], optional
        Stages: expansion, channels, blocks, stride of the first.
    round_nearest : int, default 8
        Channels are multiples of it.
    block, norm_layer : callable, optional
        InvertedResidual and BatchNorm2d.
    dropout : float, default 0.2

    Raises
    ------
    ValueError
        If the stages are no lists of four numbers.

    See Also
    --------
    torchvision.models.MobileNetV2 : same modules, same initial weights for the same seed.
    """

    def __init__(self, num_classes=1000, width_mult=1.0, inverted_residual_setting=None, round_nearest=8, block=None,
                 norm_layer=None, dropout=0.2):
        super().__init__()
        block, norm_layer = block or InvertedResidual, norm_layer or nn.BatchNorm2d
        stages = inverted_residual_setting
        if stages is None:
            stages = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2],
                      [6, 320, 1, 1]]
        if len(stages) == 0 or len(stages[0]) != 4:
            raise ValueError(f"inverted_residual_setting should be non-empty or a 4-element list, got {stages}")
        channels = make_divisible(32 * width_mult, round_nearest)
        self.last_channel = make_divisible(1280 * max(1.0, width_mult), round_nearest)
        features = [Conv2dNormActivation(3, channels, stride=2, norm_layer=norm_layer, activation_layer=nn.ReLU6)]
        for t, c, n, s in stages:
            width = make_divisible(c * width_mult, round_nearest)
            for k in range(n):
                features.append(block(channels, width, s if k == 0 else 1, expand_ratio=t, norm_layer=norm_layer))
                channels = width
        features.append(Conv2dNormActivation(channels, self.last_channel, kernel_size=1, norm_layer=norm_layer,
                                             activation_layer=nn.ReLU6))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes))
        init_mobile_weights(self)

    def forward(self, x):
        """Return the scores [N, num_classes] of images [N, 3, H, W]."""
        x = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(x.flatten(1))


class MobileNet_V2_Weights(WeightsEnum):
    """Weights of :func:`mobilenet_v2`."""

    IMAGENET1K_V1 = imagenet("mobilenet_v2-b0353104.pth", 3504872, 71.878, 90.286, 0.301, 13.555,
                             f"{REFERENCES}#mobilenetv2")
    IMAGENET1K_V2 = imagenet("mobilenet_v2-7ebf99e0.pth", 3504872, 72.154, 90.822, 0.301, 13.598,
                             "https://github.com/pytorch/vision/issues/3995#new-recipe-with-reg-tuning", TUNED_RECIPE,
                             232)
    DEFAULT = IMAGENET1K_V2


@register_model()
@pretrained_means(MobileNet_V2_Weights.IMAGENET1K_V1)
def mobilenet_v2(*, weights: MobileNet_V2_Weights | None = None, progress: bool = True, **kwargs) -> MobileNetV2:
    """Build MobileNet V2.

    Parameters
    ----------
    weights : MobileNet_V2_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs
        Parameters of :class:`MobileNetV2`.

    Returns
    -------
    MobileNetV2
    """
    weights = MobileNet_V2_Weights.verify(weights)
    check_num_classes(weights, kwargs)
    model = MobileNetV2(**kwargs)
    load_weights(model, weights, progress)
    return model
