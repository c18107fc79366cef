"""Inception v3. Szegedy et al., arXiv:1512.00567."""

import warnings
from collections import namedtuple

from pycnn import _C, nn
from pycnn.nn import functional as F
from pycnn.vision.models._api import WeightsEnum, load_weights, pretrained_means, register_model
from pycnn.vision.models._blocks import BasicConv2d, inception_as_published, inception_input, will_change
from pycnn.vision.models._meta import PORTED, REFERENCES, imagenet

__all__ = ["Inception3", "InceptionOutputs", "Inception_V3_Weights", "inception_v3"]

InceptionOutputs = namedtuple("InceptionOutputs", ["logits", "aux_logits"])
InceptionOutputs.__doc__ = "What Inception v3 returns in train mode: its scores and those of the further classifier."


class InceptionA(nn.Module):
    """1x1, 5x5, twice 3x3, and a pooling, side by side.

    Parameters
    ----------
    in_channels : int
        Channels that come in.
    pool_features : int
        Channels behind the pooling.
    conv_block : callable, optional
        BasicConv2d by default.
    """

    def __init__(self, in_channels, pool_features, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1x1 = conv(in_channels, 64, kernel_size=1)
        self.branch5x5_1 = conv(in_channels, 48, kernel_size=1)
        self.branch5x5_2 = conv(48, 64, kernel_size=5, padding=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, kernel_size=3, padding=1)
        self.branch_pool = conv(in_channels, pool_features, kernel_size=1)

    def forward(self, x):
        """Return [N, 224 + pool_features, H, W]."""
        pooled = F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)
        return _C.fn.cat([self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)),
                          self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))), self.branch_pool(pooled)],
                         1)


class InceptionB(nn.Module):
    """3x3, twice 3x3, and a pooling, each of which halves the size, side by side.

    Parameters
    ----------
    in_channels : int
        Channels that come in.
    conv_block : callable, optional
        BasicConv2d by default.
    """

    def __init__(self, in_channels, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch3x3 = conv(in_channels, 384, kernel_size=3, stride=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, kernel_size=3, stride=2)

    def forward(self, x):
        """Return [N, 480 + in_channels, H / 2, W / 2]."""
        return _C.fn.cat([self.branch3x3(x), self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
                          F.max_pool2d(x, kernel_size=3, stride=2)], 1)


class InceptionC(nn.Module):
    """1x1, 7x7, twice 7x7, and a pooling, side by side; 7x7 as a row and a column.

    Parameters
    ----------
    in_channels : int
        Channels that come in.
    channels_7x7 : int
        Channels between a row and a column.
    conv_block : callable, optional
        BasicConv2d by default.
    """

    def __init__(self, in_channels, channels_7x7, conv_block=None):
        super().__init__()
        conv, c7 = conv_block or BasicConv2d, channels_7x7
        row, column = {"kernel_size": (1, 7), "padding": (0, 3)}, {"kernel_size": (7, 1), "padding": (3, 0)}
        self.branch1x1 = conv(in_channels, 192, kernel_size=1)
        self.branch7x7_1 = conv(in_channels, c7, kernel_size=1)
        self.branch7x7_2 = conv(c7, c7, **row)
        self.branch7x7_3 = conv(c7, 192, **column)
        self.branch7x7dbl_1 = conv(in_channels, c7, kernel_size=1)
        self.branch7x7dbl_2 = conv(c7, c7, **column)
        self.branch7x7dbl_3 = conv(c7, c7, **row)
        self.branch7x7dbl_4 = conv(c7, c7, **column)
        self.branch7x7dbl_5 = conv(c7, 192, **row)
        self.branch_pool = conv(in_channels, 192, kernel_size=1)

    def forward(self, x):
        """Return [N, 768, H, W]."""
        long = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        pooled = F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)
        return _C.fn.cat([self.branch1x1(x), self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x))),
                          self.branch7x7dbl_5(self.branch7x7dbl_4(long)), self.branch_pool(pooled)], 1)


class InceptionD(nn.Module):
    """3x3, 7x7 with 3x3, and a pooling, each of which halves the size, side by side.

    Parameters
    ----------
    in_channels : int
        Channels that come in.
    conv_block : callable, optional
        BasicConv2d by default.
    """

    def __init__(self, in_channels, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch3x3_1 = conv(in_channels, 192, kernel_size=1)
        self.branch3x3_2 = conv(192, 320, kernel_size=3, stride=2)
        self.branch7x7x3_1 = conv(in_channels, 192, kernel_size=1)
        self.branch7x7x3_2 = conv(192, 192, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7x3_3 = conv(192, 192, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7x3_4 = conv(192, 192, kernel_size=3, stride=2)

    def forward(self, x):
        """Return [N, 512 + in_channels, H / 2, W / 2]."""
        long = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return _C.fn.cat([self.branch3x3_2(self.branch3x3_1(x)), long, F.max_pool2d(x, kernel_size=3, stride=2)], 1)


class InceptionE(nn.Module):
    """1x1, a row and a column, 3x3 with both, and a pooling, side by side.

    Parameters
    ----------
    in_channels : int
        Channels that come in.
    conv_block : callable, optional
        BasicConv2d by default.
    """

    def __init__(self, in_channels, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        row, column = {"kernel_size": (1, 3), "padding": (0, 1)}, {"kernel_size": (3, 1), "padding": (1, 0)}
        self.branch1x1 = conv(in_channels, 320, kernel_size=1)
        self.branch3x3_1 = conv(in_channels, 384, kernel_size=1)
        self.branch3x3_2a = conv(384, 384, **row)
        self.branch3x3_2b = conv(384, 384, **column)
        self.branch3x3dbl_1 = conv(in_channels, 448, kernel_size=1)
        self.branch3x3dbl_2 = conv(448, 384, kernel_size=3, padding=1)
        self.branch3x3dbl_3a = conv(384, 384, **row)
        self.branch3x3dbl_3b = conv(384, 384, **column)
        self.branch_pool = conv(in_channels, 192, kernel_size=1)

    def forward(self, x):
        """Return [N, 2048, H, W]."""
        short, long = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)
        return _C.fn.cat([self.branch1x1(x), self.branch3x3_2a(short), self.branch3x3_2b(short),
                          self.branch3x3dbl_3a(long), self.branch3x3dbl_3b(long), self.branch_pool(pooled)], 1)


class InceptionAux(nn.Module):
    """A classifier on the way, for training.

    Parameters
    ----------
    in_channels : int
        Channels that come in.
    num_classes : int
    conv_block : callable, optional
        BasicConv2d by default.
    """

    def __init__(self, in_channels, num_classes, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        self.conv0 = conv(in_channels, 128, kernel_size=1)
        self.conv1 = conv(128, 768, kernel_size=5)
        self.fc = nn.Linear(768, num_classes)
        self.fc.stddev = 0.001

    def forward(self, x):
        """Return [N, num_classes]."""
        x = self.conv1(self.conv0(F.avg_pool2d(x, kernel_size=5, stride=3)))
        return self.fc(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))


class Inception3(nn.Module):
    """Inception v3, with a further classifier in training. Images should have 299 x 299 pixels.

    Parameters
    ----------
    num_classes : int, default 1000
    aux_logits : bool, default True
        Have the further classifier; in train mode the result is then an InceptionOutputs.
    transform_input : bool, default False
        Take images that are normalised as for torchvision's other models.
    inception_blocks : list of seven callables, optional
    init_weights : bool, optional
        Draw initial weights from a truncated normal distribution. Not given, they are, with torchvision's warning.
    dropout : float, default 0.5

    Raises
    ------
    ValueError
        If there are other than seven blocks.

    See Also
    --------
    torchvision.models.Inception3 : same modules, same initial weights for the same seed.
    """

    def __init__(self, num_classes=1000, aux_logits=True, transform_input=False, inception_blocks=None,
                 init_weights=None, dropout=0.5):
        super().__init__()
        blocks = inception_blocks or [BasicConv2d, InceptionA, InceptionB, InceptionC, InceptionD, InceptionE,
                                      InceptionAux]
        if init_weights is None:
            warnings.warn(will_change("inception_v3"), FutureWarning, stacklevel=2)
            init_weights = True
        if len(blocks) != 7:
            raise ValueError(f"length of inception_blocks should be 7 instead of {len(blocks)}")
        conv, a, b, c, d, e, aux = blocks
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.Conv2d_1a_3x3 = conv(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = conv(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = conv(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Conv2d_3b_1x1 = conv(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = conv(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Mixed_5b = a(192, pool_features=32)
        self.Mixed_5c = a(256, pool_features=64)
        self.Mixed_5d = a(288, pool_features=64)
        self.Mixed_6a = b(288)
        self.Mixed_6b = c(768, channels_7x7=128)
        self.Mixed_6c = c(768, channels_7x7=160)
        self.Mixed_6d = c(768, channels_7x7=160)
        self.Mixed_6e = c(768, channels_7x7=192)
        self.AuxLogits = aux(768, num_classes) if aux_logits else None
        self.Mixed_7a = d(768)
        self.Mixed_7b = e(1280)
        self.Mixed_7c = e(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_weights:
            for m in self.modules():
                if isinstance(m, (nn.Conv2d, nn.Linear)):
                    nn.init.trunc_normal_(m.weight, mean=0.0, std=float(getattr(m, "stddev", 0.1)), a=-2, b=2)
                elif isinstance(m, nn.BatchNorm2d):
                    nn.init.constant_(m.weight, 1)
                    nn.init.constant_(m.bias, 0)

    def forward(self, x):
        """Return the scores [N, num_classes] of images [N, 3, 299, 299]; two of them in train mode with
        `aux_logits`."""
        x = inception_input(x) if self.transform_input else x
        x = self.maxpool1(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = self.maxpool2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        aux = self.AuxLogits(x) if self.AuxLogits is not None and self.training else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        x = self.fc(self.dropout(self.avgpool(x)).flatten(1))
        return InceptionOutputs(x, aux) if self.training and self.aux_logits else x


class Inception_V3_Weights(WeightsEnum):
    """Weights of :func:`inception_v3`."""

    IMAGENET1K_V1 = imagenet("inception_v3_google-0cc3c7bd.pth", 27161264, 77.294, 93.45, 5.713, 103.903,
                             f"{REFERENCES}#inception-v3", PORTED, 342, 299, min_size=(75, 75))
    DEFAULT = IMAGENET1K_V1


@register_model()
@pretrained_means(Inception_V3_Weights.IMAGENET1K_V1)
def inception_v3(*, weights: Inception_V3_Weights | None = None, progress: bool = True, **kwargs) -> Inception3:
    """Build Inception v3.

    Parameters
    ----------
    weights : Inception_V3_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn. With weights, ``transform_input`` is True.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs
        Parameters of :class:`Inception3`.

    Returns
    -------
    Inception3
    """
    weights = Inception_V3_Weights.verify(weights)
    inception_as_published(weights, kwargs)
    model = Inception3(**kwargs)
    load_weights(model, weights, progress)
    return model
