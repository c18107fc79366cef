"""ShuffleNet V2. Ma et al., arXiv:1807.11164."""

from pycnn import _C, nn
from pycnn.nn import functional as F
from pycnn.vision.models._api import WeightsEnum, check_num_classes, load_weights, pretrained_means, register_model
from pycnn.vision.models._meta import FROM_SCRATCH, imagenet

__all__ = ["ShuffleNetV2", "ShuffleNet_V2_X0_5_Weights", "ShuffleNet_V2_X1_0_Weights", "ShuffleNet_V2_X1_5_Weights",
           "ShuffleNet_V2_X2_0_Weights", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5",
           "shufflenet_v2_x2_0"]


class InvertedResidual(nn.Module):
    """Half of the channels pass, half are convolved; then they are mixed. With a stride, all are convolved, in two
    ways.

    Parameters
    ----------
    inp, oup : int
        Channels that come in and go out.
    stride : {1, 2, 3}

    Raises
    ------
    ValueError
        If `stride` is another, or with 1, channels differ.
    """

    def __init__(self, inp, oup, stride):
        super().__init__()
        if not 1 <= stride <= 3:
            raise ValueError("illegal stride value")
        self.stride, half = stride, oup // 2
        if stride == 1 and inp != half << 1:
            raise ValueError(f"Invalid combination of stride {stride}, inp {inp} and oup {oup} values. If stride == 1 "
                             f"then inp should be "
                             "equal to oup // 2 << 1.")
        self.branch1 = nn.Sequential()
        if stride > 1:
            self.branch1 = nn.Sequential(self.depthwise_conv(inp, inp, 3, stride, 1), nn.BatchNorm2d(inp),
                                         nn.Conv2d(inp, half, kernel_size=1, bias=False), nn.BatchNorm2d(half),
                                         nn.ReLU(inplace=True))
        self.branch2 = nn.Sequential(
            nn.Conv2d(inp if stride > 1 else half, half, kernel_size=1, bias=False), nn.BatchNorm2d(half),
            nn.ReLU(inplace=True), self.depthwise_conv(half, half, 3, stride, 1), nn.BatchNorm2d(half),
            nn.Conv2d(half, half, kernel_size=1, bias=False), nn.BatchNorm2d(half), nn.ReLU(inplace=True))

    @staticmethod
    def depthwise_conv(i, o, kernel_size, stride=1, padding=0, bias=False):
        """Return a convolution of each channel by itself.

        Parameters
        ----------
        i, o : int
            Channels that come in and go out.
        kernel_size, stride, padding : int
        bias : bool, default False

        Returns
        -------
        Conv2d
        """
        return nn.Conv2d(i, o, kernel_size, stride, padding, bias=bias, groups=i)

    def forward(self, x):
        """Return [N, oup, H / stride, W / stride]."""
        if self.stride == 1:
            x, other = x.chunk(2, dim=1)
            parts = x, self.branch2(other)
        else:
            parts = self.branch1(x), self.branch2(x)
        return F.channel_shuffle(_C.fn.cat(parts, 1), 2)


class ShuffleNetV2(nn.Module):
    """Three stages between two convolutions, and a linear layer.

    Parameters
    ----------
    stages_repeats : list of 3 ints
        Blocks of each stage.
    stages_out_channels : list of 5 ints
        Channels after the first convolution, each stage and the last convolution.
    num_classes : int, default 1000
    inverted_residual : callable, default InvertedResidual

    Raises
    ------
    ValueError
        If a list has another length.

    See Also
    --------
    torchvision.models.ShuffleNetV2 : same modules, same initial weights for the same seed.
    """

    def __init__(self, stages_repeats, stages_out_channels, num_classes=1000, inverted_residual=InvertedResidual):
        super().__init__()
        if len(stages_repeats) != 3:
            raise ValueError("expected stages_repeats as list of 3 positive ints")
        if len(stages_out_channels) != 5:
            raise ValueError("expected stages_out_channels as list of 5 positive ints")
        first, *stages, last = stages_out_channels
        self.conv1 = nn.Sequential(nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first),
                                   nn.ReLU(inplace=True))
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        channels = first
        for k, (blocks, width) in enumerate(zip(stages_repeats, stages), 2):
            setattr(self, f"stage{k}", nn.Sequential(inverted_residual(channels, width, 2),
                                                     *(inverted_residual(width, width, 1) for _ in range(blocks - 1))))
            channels = width
        self.conv5 = nn.Sequential(nn.Conv2d(channels, last, 1, 1, 0, bias=False), nn.BatchNorm2d(last),
                                   nn.ReLU(inplace=True))
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x):
        """Return the scores [N, num_classes] of images [N, 3, H, W]."""
        x = self.stage4(self.stage3(self.stage2(self.maxpool(self.conv1(x)))))
        return self.fc(self.conv5(x).mean([2, 3]))


def _shufflenetv2(weights, progress, channels, **kwargs):
    check_num_classes(weights, kwargs)
    model = ShuffleNetV2([4, 8, 4], channels, **kwargs)
    load_weights(model, weights, progress)
    return model


_OLD = {"recipe": "https://github.com/ericsun99/Shufflenet-v2-Pytorch",
        "docs": "These weights were trained from scratch to reproduce closely the results of the paper."}
_NEW = {"recipe": "https://github.com/pytorch/vision/pull/5906", "docs": FROM_SCRATCH, "resize": 232}


class ShuffleNet_V2_X0_5_Weights(WeightsEnum):
    """Weights of :func:`shufflenet_v2_x0_5`."""

    IMAGENET1K_V1 = imagenet("shufflenetv2_x0.5-f707e7126e.pth", 1366792, 60.552, 81.746, 0.04, 5.282, **_OLD)
    DEFAULT = IMAGENET1K_V1


class ShuffleNet_V2_X1_0_Weights(WeightsEnum):
    """Weights of :func:`shufflenet_v2_x1_0`."""

    IMAGENET1K_V1 = imagenet("shufflenetv2_x1-5666bf0f80.pth", 2278604, 69.362, 88.316, 0.145, 8.791, **_OLD)
    DEFAULT = IMAGENET1K_V1


class ShuffleNet_V2_X1_5_Weights(WeightsEnum):
    """Weights of :func:`shufflenet_v2_x1_5`."""

    IMAGENET1K_V1 = imagenet("shufflenetv2_x1_5-3c479a10.pth", 3503624, 72.996, 91.086, 0.296, 13.557, **_NEW)
    DEFAULT = IMAGENET1K_V1


class ShuffleNet_V2_X2_0_Weights(WeightsEnum):
    """Weights of :func:`shufflenet_v2_x2_0`."""

    IMAGENET1K_V1 = imagenet("shufflenetv2_x2_0-8be3c8ee.pth", 7393996, 76.23, 93.006, 0.583, 28.433, **_NEW)
    DEFAULT = IMAGENET1K_V1


@register_model()
@pretrained_means(ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1)
def shufflenet_v2_x0_5(*, weights: ShuffleNet_V2_X0_5_Weights | None = None, progress: bool = True,
                       **kwargs) -> ShuffleNetV2:
    """Build ShuffleNet V2 with half of the channels.

    Parameters
    ----------
    weights : ShuffleNet_V2_X0_5_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs
        Parameters of :class:`ShuffleNetV2`.

    Returns
    -------
    ShuffleNetV2
    """
    return _shufflenetv2(ShuffleNet_V2_X0_5_Weights.verify(weights), progress, [24, 48, 96, 192, 1024], **kwargs)


@register_model()
@pretrained_means(ShuffleNet_V2_X1_0_Weights.IMAGENET1K_V1)
def shufflenet_v2_x1_0(*, weights: ShuffleNet_V2_X1_0_Weights | None = None, progress: bool = True,
                       **kwargs) -> ShuffleNetV2:
    """Build ShuffleNet V2.

    Parameters
    ----------
    weights : ShuffleNet_V2_X1_0_Weights, str or path, optional
        As for :func:`shufflenet_v2_x0_5`.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs
        Parameters of :class:`ShuffleNetV2`.

    Returns
    -------
    ShuffleNetV2
    """
    return _shufflenetv2(ShuffleNet_V2_X1_0_Weights.verify(weights), progress, [24, 116, 232, 464, 1024], **kwargs)


@register_model()
@pretrained_means(ShuffleNet_V2_X1_5_Weights.IMAGENET1K_V1)
def shufflenet_v2_x1_5(*, weights: ShuffleNet_V2_X1_5_Weights | None = None, progress: bool = True,
                       **kwargs) -> ShuffleNetV2:
    """Build ShuffleNet V2 with half more channels.

    Parameters
    ----------
    weights : ShuffleNet_V2_X1_5_Weights, str or path, optional
        As for :func:`shufflenet_v2_x0_5`.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs
        Parameters of :class:`ShuffleNetV2`.

    Returns
    -------
    ShuffleNetV2
    """
    return _shufflenetv2(ShuffleNet_V2_X1_5_Weights.verify(weights), progress, [24, 176, 352, 704, 1024], **kwargs)


@register_model()
@pretrained_means(ShuffleNet_V2_X2_0_Weights.IMAGENET1K_V1)
def shufflenet_v2_x2_0(*, weights: ShuffleNet_V2_X2_0_Weights | None = None, progress: bool = True,
                       **kwargs) -> ShuffleNetV2:
    """Build ShuffleNet V2 with twice the channels.

    Parameters
    ----------
    weights : ShuffleNet_V2_X2_0_Weights, str or path, optional
        As for :func:`shufflenet_v2_x0_5`.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs
        Parameters of :class:`ShuffleNetV2`.

    Returns
    -------
    ShuffleNetV2
    """
    return _shufflenetv2(ShuffleNet_V2_X2_0_Weights.verify(weights), progress, [24, 244, 488, 976, 2048], **kwargs)
