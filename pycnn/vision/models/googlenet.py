"""GoogLeNet, Inception v1. Szegedy et al., arXiv:1409.4842."""

import warnings
from collections import namedtuple

from pycnn import _C, nn
from pycnn.nn import functional as F
from pycnn.vision.models._api import WeightsEnum, load_weights, pretrained_means, register_model
from pycnn.vision.models._blocks import BasicConv2d, inception_as_published, inception_input, will_change
from pycnn.vision.models._meta import PORTED, REFERENCES, imagenet

__all__ = ["GoogLeNet", "GoogLeNetOutputs", "GoogLeNet_Weights", "googlenet"]

GoogLeNetOutputs = namedtuple("GoogLeNetOutputs", ["logits", "aux_logits2", "aux_logits1"])
GoogLeNetOutputs.__doc__ = "What GoogLeNet returns in train mode: its scores and those of the further classifiers."


class Inception(nn.Module):
    """Convolutions of three sizes and a pooling, side by side.

    Parameters
    ----------
    in_channels : int
        Channels that come in.
    ch1x1 : int
        Channels of the 1x1 convolution.
    ch3x3red : int
        Channels before the 3x3 convolution.
    ch3x3 : int
        Channels of the 3x3 convolution.
    ch5x5red : int
        Channels before the convolution that the paper calls 5x5.
    ch5x5 : int
        Its channels.
    pool_proj : int
        Channels behind the pooling.
    conv_block : callable, optional
        BasicConv2d by default.
    """

    def __init__(self, in_channels, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1 = conv(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(conv(in_channels, ch3x3red, kernel_size=1),
                                     conv(ch3x3red, ch3x3, kernel_size=3, padding=1))
        # 3x3 where the paper has 5x5: the published weights were trained so
        self.branch3 = nn.Sequential(conv(in_channels, ch5x5red, kernel_size=1),
                                     conv(ch5x5red, ch5x5, kernel_size=3, padding=1))
        self.branch4 = nn.Sequential(nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True),
                                     conv(in_channels, pool_proj, kernel_size=1))

    def forward(self, x):
        """Return [N, ch1x1 + ch3x3 + ch5x5 + pool_proj, H, W]."""
        return _C.fn.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    """A classifier on the way, for training.

    Parameters
    ----------
    in_channels : int
        Channels that come in.
    num_classes : int
    conv_block : callable, optional
        BasicConv2d by default.
    dropout : float, default 0.7
    """

    def __init__(self, in_channels, num_classes, conv_block=None, dropout=0.7):
        super().__init__()
        self.conv = (conv_block or BasicConv2d)(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(p=dropout)

    def forward(self, x):
        """Return [N, num_classes]."""
        x = self.conv(F.adaptive_avg_pool2d(x, (4, 4))).flatten(1)
        return self.fc2(self.dropout(F.relu(self.fc1(x), inplace=True)))


# Of each module: its input's channels, then Inception's parameters.
_PLAN = {"3a": (192, 64, 96, 128, 16, 32, 32), "3b": (256, 128, 128, 192, 32, 96, 64),
         "4a": (480, 192, 96, 208, 16, 48, 64),
         "4b": (512, 160, 112, 224, 24, 64, 64), "4c": (512, 128, 128, 256, 24, 64, 64),
         "4d": (512, 112, 144, 288, 32, 64, 64),
         "4e": (528, 256, 160, 320, 32, 128, 128), "5a": (832, 256, 160, 320, 32, 128, 128),
         "5b": (832, 384, 192, 384, 48, 128, 128)}


class GoogLeNet(nn.Module):
    """Nine Inception modules, with two further classifiers in training.

    Parameters
    ----------
    num_classes : int, default 1000
    aux_logits : bool, default True
        Have the further classifiers; in train mode the result is then a GoogLeNetOutputs.
    transform_input : bool, default False
        Take images that are normalised as for torchvision's other models.
    init_weights : bool, optional
        Draw initial weights from a truncated normal distribution. Not given, they are, with torchvision's warning.
    blocks : list of three callables, optional
    dropout, dropout_aux : float, default 0.2, 0.7

    Raises
    ------
    ValueError
        If there are other than three blocks.

    See Also
    --------
    torchvision.models.GoogLeNet : same modules, same initial weights for the same seed.
    """

    def __init__(self, num_classes=1000, aux_logits=True, transform_input=False, init_weights=None, blocks=None,
                 dropout=0.2, dropout_aux=0.7):
        super().__init__()
        blocks = blocks or [BasicConv2d, Inception, InceptionAux]
        if init_weights is None:
            warnings.warn(will_change("GoogleNet"), FutureWarning, stacklevel=2)
            init_weights = True
        if len(blocks) != 3:
            raise ValueError(f"blocks length should be 3 instead of {len(blocks)}")
        conv, inception, aux = blocks
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.conv1 = conv(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = conv(64, 64, kernel_size=1)
        self.conv3 = conv(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        for name, channels in _PLAN.items():
            setattr(self, f"inception{name}", inception(*channels))
            if name == "3b":
                self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
            if name == "4e":
                self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.aux1 = aux(512, num_classes, dropout=dropout_aux) if aux_logits else None
        self.aux2 = aux(528, num_classes, dropout=dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(1024, num_classes)
        if init_weights:
            for m in self.modules():
                if isinstance(m, (nn.Conv2d, nn.Linear)):
                    nn.init.trunc_normal_(m.weight, mean=0.0, std=0.01, a=-2, b=2)
                elif isinstance(m, nn.BatchNorm2d):
                    nn.init.constant_(m.weight, 1)
                    nn.init.constant_(m.bias, 0)

    def forward(self, x):
        """Return the scores [N, num_classes] of images [N, 3, H, W]; three of them in train mode with `aux_logits`."""
        x = inception_input(x) if self.transform_input else x
        x = self.maxpool2(self.conv3(self.conv2(self.maxpool1(self.conv1(x)))))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4a(x)
        aux1 = self.aux1(x) if self.aux1 is not None and self.training else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        aux2 = self.aux2(x) if self.aux2 is not None and self.training else None
        x = self.inception5b(self.inception5a(self.maxpool4(self.inception4e(x))))
        x = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return GoogLeNetOutputs(x, aux2, aux1) if self.training and self.aux_logits else x


class GoogLeNet_Weights(WeightsEnum):
    """Weights of :func:`googlenet`."""

    IMAGENET1K_V1 = imagenet("googlenet-1378be20.pth", 6624904, 69.778, 89.53, 1.498, 49.731, f"{REFERENCES}#googlenet",
                             PORTED, min_size=(15, 15))
    DEFAULT = IMAGENET1K_V1


@register_model()
@pretrained_means(GoogLeNet_Weights.IMAGENET1K_V1)
def googlenet(*, weights: GoogLeNet_Weights | None = None, progress: bool = True, **kwargs) -> GoogLeNet:
    """Build GoogLeNet.

    Parameters
    ----------
    weights : GoogLeNet_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn. With weights, ``transform_input`` is True, and the further classifiers, which have
        none, are left out unless ``aux_logits=True``.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs
        Parameters of :class:`GoogLeNet`.

    Returns
    -------
    GoogLeNet
    """
    weights = GoogLeNet_Weights.verify(weights)
    aux_logits = kwargs.get("aux_logits", False)
    inception_as_published(weights, kwargs)
    model = GoogLeNet(**kwargs)
    load_weights(model, weights, progress)
    if weights is not None and not aux_logits:
        model.aux_logits, model.aux1, model.aux2 = False, None, None
    elif weights is not None:
        warnings.warn("auxiliary heads in the pretrained googlenet model are NOT pretrained, so make sure to train "
                      "them", stacklevel=2)
    return model
