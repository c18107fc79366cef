"""DenseNet. Huang et al., arXiv:1608.06993."""

import re
from collections import OrderedDict

from pycnn import _C, nn
from pycnn.nn import functional as F
from pycnn.vision.models._api import WeightsEnum, check_num_classes, pretrained_means, register_model
from pycnn.vision.models._meta import imagenet

__all__ = ["DenseNet", "DenseNet121_Weights", "DenseNet161_Weights", "DenseNet169_Weights", "DenseNet201_Weights",
           "densenet121", "densenet161", "densenet169", "densenet201"]


class _DenseLayer(nn.Module):
    def __init__(self, num_input_features, growth_rate, bn_size, drop_rate):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, bn_size * growth_rate, kernel_size=1, stride=1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, kernel_size=3, stride=1, padding=1, bias=False)
        self.drop_rate = float(drop_rate)

    def forward(self, input):
        """Return [N, growth_rate, H, W] of a Tensor, or of several that are one along the channels."""
        x = _C.fn.cat(input, 1) if isinstance(input, (list, tuple)) else input
        x = self.conv1(self.relu1(self.norm1(x)))
        x = self.conv2(self.relu2(self.norm2(x)))
        return F.dropout(x, p=self.drop_rate, training=self.training) if self.drop_rate > 0 else x


class _DenseBlock(nn.ModuleDict):
    def __init__(self, num_layers, num_input_features, bn_size, growth_rate, drop_rate):
        super().__init__()
        for k in range(num_layers):
            self.add_module(f"denselayer{k + 1}",
                            _DenseLayer(num_input_features + k * growth_rate, growth_rate, bn_size, drop_rate))

    def forward(self, init_features):
        features = [init_features]
        for layer in self.values():
            features.append(layer(features))
        return _C.fn.cat(features, 1)


class _Transition(nn.Sequential):
    def __init__(self, num_input_features, num_output_features):
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, kernel_size=1, stride=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(nn.Module):
    """Blocks in which every layer reads what all layers before it have written.

    Parameters
    ----------
    growth_rate : int, default 32
        Channels that a layer adds.
    block_config : tuple of int, default (6, 12, 24, 16)
        Layers in each block.
    num_init_features : int, default 64
        Channels of the first convolution.
    bn_size : int, default 4
        A layer's inner channels are this times `growth_rate`.
    drop_rate : float, default 0
        Dropout after each layer.
    num_classes : int, default 1000
    memory_efficient : bool, default False
        Accepted: what layers read is kept for the backward pass whatever it is.

    See Also
    --------
    torchvision.models.DenseNet : same modules, same initial weights for the same seed.
    """

    def __init__(self, growth_rate=32, block_config=(6, 12, 24, 16), num_init_features=64, bn_size=4, drop_rate=0,
                 num_classes=1000, memory_efficient=False):
        super().__init__()
        self.features = nn.Sequential(OrderedDict([
            ("conv0", nn.Conv2d(3, num_init_features, kernel_size=7, stride=2, padding=3, bias=False)),
            ("norm0", nn.BatchNorm2d(num_init_features)), ("relu0", nn.ReLU(inplace=True)),
            ("pool0", nn.MaxPool2d(kernel_size=3, stride=2, padding=1))]))
        channels = num_init_features
        for k, layers in enumerate(block_config, 1):
            self.features.add_module(f"denseblock{k}", _DenseBlock(layers, channels, bn_size, growth_rate, drop_rate))
            channels += layers * growth_rate
            if k < len(block_config):
                self.features.add_module(f"transition{k}", _Transition(channels, channels // 2))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight)
            elif isinstance(m, nn.BatchNorm2d):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)
            elif isinstance(m, nn.Linear):
                nn.init.constant_(m.bias, 0)

    def forward(self, x):
        """Return the scores [N, num_classes] of images [N, 3, H, W]."""
        x = F.relu(self.features(x), inplace=True)
        return self.classifier(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))


# The published files say norm.1 where modules are now called norm1.
_OLD_KEY = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.(?:weight|bias|running_mean|running_var))$")


def _densenet(growth_rate, block_config, num_init_features, weights, progress, **kwargs):
    check_num_classes(weights, kwargs)
    model = DenseNet(growth_rate, block_config, num_init_features, **kwargs)
    if weights is not None:
        state = weights.get_state_dict(progress=progress, check_hash=True)
        model.load_state_dict({_OLD_KEY.sub(r"\1\2", key): value for key, value in state.items()})
    return model


_PORT = {"recipe": "https://github.com/pytorch/vision/pull/116", "docs": "These weights are ported from LuaTorch.",
         "min_size": (29, 29)}


class DenseNet121_Weights(WeightsEnum):
    """Weights of :func:`densenet121`."""

    IMAGENET1K_V1 = imagenet("densenet121-a639ec97.pth", 7978856, 74.434, 91.972, 2.834, 30.845, **_PORT)
    DEFAULT = IMAGENET1K_V1


class DenseNet161_Weights(WeightsEnum):
    """Weights of :func:`densenet161`."""

    IMAGENET1K_V1 = imagenet("densenet161-8d451a50.pth", 28681000, 77.138, 93.56, 7.728, 110.369, **_PORT)
    DEFAULT = IMAGENET1K_V1


class DenseNet169_Weights(WeightsEnum):
    """Weights of :func:`densenet169`."""

    IMAGENET1K_V1 = imagenet("densenet169-b2777c0a.pth", 14149480, 75.6, 92.806, 3.36, 54.708, **_PORT)
    DEFAULT = IMAGENET1K_V1


class DenseNet201_Weights(WeightsEnum):
    """Weights of :func:`densenet201`."""

    IMAGENET1K_V1 = imagenet("densenet201-c1103571.pth", 20013928, 76.896, 93.37, 4.291, 77.373, **_PORT)
    DEFAULT = IMAGENET1K_V1


@register_model()
@pretrained_means(DenseNet121_Weights.IMAGENET1K_V1)
def densenet121(*, weights: DenseNet121_Weights | None = None, progress: bool = True, **kwargs) -> DenseNet:
    """Build DenseNet-121.

    Parameters
    ----------
    weights : DenseNet121_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs
        Parameters of :class:`DenseNet`.

    Returns
    -------
    DenseNet
    """
    return _densenet(32, (6, 12, 24, 16), 64, DenseNet121_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(DenseNet161_Weights.IMAGENET1K_V1)
def densenet161(*, weights: DenseNet161_Weights | None = None, progress: bool = True, **kwargs) -> DenseNet:
    """Build DenseNet-161.

    Parameters
    ----------
    weights : DenseNet161_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        As for :func:`densenet121`.

    Returns
    -------
    DenseNet

    See Also
    --------
    densenet121 : errors.
    """
    return _densenet(48, (6, 12, 36, 24), 96, DenseNet161_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(DenseNet169_Weights.IMAGENET1K_V1)
def densenet169(*, weights: DenseNet169_Weights | None = None, progress: bool = True, **kwargs) -> DenseNet:
    """Build DenseNet-169.

    Parameters
    ----------
    weights : DenseNet169_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        As for :func:`densenet121`.

    Returns
    -------
    DenseNet

    See Also
    --------
    densenet121 : errors.
    """
    return _densenet(32, (6, 12, 32, 32), 64, DenseNet169_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(DenseNet201_Weights.IMAGENET1K_V1)
def densenet201(*, weights: DenseNet201_Weights | None = None, progress: bool = True, **kwargs) -> DenseNet:
    """Build DenseNet-201.

    Parameters
    ----------
    weights : DenseNet201_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        As for :func:`densenet121`.

    Returns
    -------
    DenseNet

    See Also
    --------
    densenet121 : errors.
    """
    return _densenet(32, (6, 12, 48, 32), 64, DenseNet201_Weights.verify(weights), progress, **kwargs)
