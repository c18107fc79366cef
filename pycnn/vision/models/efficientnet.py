"""EfficientNet and EfficientNet V2. Tan and Le, arXiv:1905.11946 and arXiv:2104.00298."""

import copy
import math
from functools import partial

from pycnn import nn
from pycnn.vision.models._api import WeightsEnum, check_num_classes, load_weights, make_builder
from pycnn.vision.models._blocks import init_mobile_weights, make_divisible
from pycnn.vision.models._meta import BICUBIC, PORTED, RECIPES, REFERENCES, TUNED_RECIPE, imagenet
from pycnn.vision.ops.misc import Conv2dNormActivation, SqueezeExcitation
from pycnn.vision.ops.stochastic_depth import StochasticDepth
from pycnn.vision.transforms.functional import InterpolationMode

_SIZES = [f"b{k}" for k in range(8)] + ["v2_s", "v2_m", "v2_l"]
__all__ = ["EfficientNet", *(f"EfficientNet_{size.upper()}_Weights" for size in _SIZES),
           *(f"efficientnet_{size}" for size in _SIZES)]


class _Stage:
    """Blocks of one width: expansion, kernel, stride of the first, channels in and out, how many, of which kind."""

    def __init__(self, expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block):
        self.expand_ratio, self.kernel, self.stride = expand_ratio, kernel, stride
        self.input_channels, self.out_channels = input_channels, out_channels
        self.num_layers, self.block = num_layers, block

    @staticmethod
    def adjust_channels(channels, width_mult, min_value=None):
        """Return the multiple of 8 nearest to the product.

        Parameters
        ----------
        channels : int
        width_mult : float
        min_value : int, optional

        Returns
        -------
        int
        """
        return make_divisible(channels * width_mult, 8, min_value)


class MBConvConfig(_Stage):
    """A stage of inverted residuals.

    Parameters
    ----------
    expand_ratio : float
        Of the channels within a block.
    kernel, stride : int
    input_channels, out_channels, num_layers : int
        Before they are multiplied.
    width_mult, depth_mult : float, default 1.0
        Of the channels, of the layers.
    block : callable, default MBConv
    """

    def __init__(self, expand_ratio, kernel, stride, input_channels, out_channels, num_layers, width_mult=1.0,
                 depth_mult=1.0, block=None):
        super().__init__(expand_ratio, kernel, stride, self.adjust_channels(input_channels, width_mult),
                         self.adjust_channels(out_channels, width_mult), self.adjust_depth(num_layers, depth_mult),
                         block or MBConv)

    @staticmethod
    def adjust_depth(num_layers, depth_mult):
        """Return the product, rounded up.

        Parameters
        ----------
        num_layers : int
        depth_mult : float

        Returns
        -------
        int
        """
        return math.ceil(num_layers * depth_mult)


class FusedMBConvConfig(_Stage):
    """A stage of blocks whose first two convolutions are one.

    Parameters
    ----------
    expand_ratio : float
    kernel, stride, input_channels, out_channels, num_layers : int
    block : callable, default FusedMBConv
    """

    def __init__(self, expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block=None):
        super().__init__(expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block or FusedMBConv)


class _Residual(nn.Module):
    """Layers, added to their input where it has their output's shape."""

    def __init__(self, cnf, stochastic_depth_prob, layers):
        super().__init__()
        if not 1 <= cnf.stride <= 2:
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input):
        result = self.block(input)
        if self.use_res_connect:
            result = self.stochastic_depth(result)
            result += input
        return result


class MBConv(_Residual):
    """Inverted residual with squeeze-excitation.

    Parameters
    ----------
    cnf : MBConvConfig
    stochastic_depth_prob : float
    norm_layer : callable
    se_layer : callable, default SqueezeExcitation
    """

    def __init__(self, cnf, stochastic_depth_prob, norm_layer, se_layer=SqueezeExcitation):
        make = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        expanded = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        layers = [make(cnf.input_channels, expanded, kernel_size=1)] if expanded != cnf.input_channels else []
        layers += [make(expanded, expanded, kernel_size=cnf.kernel, stride=cnf.stride, groups=expanded),
                   se_layer(expanded, max(1, cnf.input_channels // 4), activation=partial(nn.SiLU, inplace=True)),
                   make(expanded, cnf.out_channels, kernel_size=1, activation_layer=None)]
        super().__init__(cnf, stochastic_depth_prob, layers)


class FusedMBConv(_Residual):
    """Inverted residual with one full convolution for the depthwise one and that before it.

    Parameters
    ----------
    cnf : FusedMBConvConfig
    stochastic_depth_prob : float
    norm_layer : callable
    """

    def __init__(self, cnf, stochastic_depth_prob, norm_layer):
        make = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        expanded = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        if expanded != cnf.input_channels:
            layers = [make(cnf.input_channels, expanded, kernel_size=cnf.kernel, stride=cnf.stride),
                      make(expanded, cnf.out_channels, kernel_size=1, activation_layer=None)]
        else:
            layers = [make(cnf.input_channels, cnf.out_channels, kernel_size=cnf.kernel, stride=cnf.stride)]
        super().__init__(cnf, stochastic_depth_prob, layers)


class EfficientNet(nn.Module):
    """Stages of inverted residuals between two convolutions, and a linear layer.

    Parameters
    ----------
    inverted_residual_setting : sequence of MBConvConfig and FusedMBConvConfig
    dropout : float
    stochastic_depth_prob : float, default 0.2
        Of the last block; it grows with depth.
    num_classes : int, default 1000
    norm_layer : callable, default BatchNorm2d
    last_channel : int, optional
        Of the last convolution; four times its input's by default.

    Raises
    ------
    ValueError
        If there are no stages.
    TypeError
        If they are something else.

    See Also
    --------
    torchvision.models.EfficientNet : same modules, same initial weights for the same seed.
    """

    def __init__(self, inverted_residual_setting, dropout, stochastic_depth_prob=0.2, num_classes=1000, norm_layer=None,
                 last_channel=None):
        super().__init__()
        stages = inverted_residual_setting
        if not stages:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not (isinstance(stages, (list, tuple)) and all(isinstance(s, _Stage) for s in stages)):
            raise TypeError("The inverted_residual_setting should be List[MBConvConfig]")
        norm_layer = norm_layer or nn.BatchNorm2d
        make = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        layers = [make(3, stages[0].input_channels, kernel_size=3, stride=2)]
        total, built = sum(s.num_layers for s in stages), 0
        for stage in stages:
            blocks = []
            for k in range(stage.num_layers):
                cnf = copy.copy(stage)
                if k > 0:
                    cnf.input_channels, cnf.stride = cnf.out_channels, 1
                blocks.append(cnf.block(cnf, stochastic_depth_prob * built / total, norm_layer))
                built += 1
            layers.append(nn.Sequential(*blocks))
        channels = stages[-1].out_channels
        last_channel = 4 * channels if last_channel is None else last_channel
        layers.append(make(channels, last_channel, kernel_size=1))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(last_channel, num_classes))
        bound = 1.0 / math.sqrt(num_classes)
        init_mobile_weights(self, lambda weight: nn.init.uniform_(weight, -bound, bound))

    def forward(self, x):
        """Return the scores [N, num_classes] of images [N, 3, H, W]."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


_SLOW_NORM = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
_FUSED, _PLAIN = FusedMBConvConfig, MBConvConfig
_V1 = [(1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3), (6, 5, 1, 80, 112, 3),
       (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1)]
_V2 = {"s": [(_FUSED, 1, 3, 1, 24, 24, 2), (_FUSED, 4, 3, 2, 24, 48, 4), (_FUSED, 4, 3, 2, 48, 64, 4),
             (_PLAIN, 4, 3, 2, 64, 128, 6),
             (_PLAIN, 6, 3, 1, 128, 160, 9), (_PLAIN, 6, 3, 2, 160, 256, 15)],
       "m": [(_FUSED, 1, 3, 1, 24, 24, 3), (_FUSED, 4, 3, 2, 24, 48, 5), (_FUSED, 4, 3, 2, 48, 80, 5),
             (_PLAIN, 4, 3, 2, 80, 160, 7),
             (_PLAIN, 6, 3, 1, 160, 176, 14), (_PLAIN, 6, 3, 2, 176, 304, 18), (_PLAIN, 6, 3, 1, 304, 512, 5)],
       "l": [(_FUSED, 1, 3, 1, 32, 32, 4), (_FUSED, 4, 3, 2, 32, 64, 7), (_FUSED, 4, 3, 2, 64, 96, 7),
             (_PLAIN, 4, 3, 2, 96, 192, 10),
             (_PLAIN, 6, 3, 1, 192, 224, 19), (_PLAIN, 6, 3, 2, 224, 384, 25), (_PLAIN, 6, 3, 1, 384, 640, 7)]}


def _build(stages, dropout, last_channel, norm_layer, weights, progress, **kwargs):
    check_num_classes(weights, kwargs)
    model = EfficientNet(stages, kwargs.pop("dropout", dropout), last_channel=last_channel,
                         norm_layer=kwargs.pop("norm_layer", norm_layer), **kwargs)
    load_weights(model, weights, progress)
    return model


def _v1(width_mult, depth_mult, dropout, norm_layer=None):
    stages = [MBConvConfig(*row, width_mult, depth_mult) for row in _V1]
    return partial(_build, stages, dropout, None, norm_layer)


def _v2(rows, dropout):
    return partial(_build, [kind(*row) for kind, *row in rows], dropout, 1280, partial(nn.BatchNorm2d, eps=1e-3))


class EfficientNet_B0_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b0`."""

    IMAGENET1K_V1 = imagenet("efficientnet_b0_rwightman-7f5810bc.pth", 5288548, 77.692, 93.532, 0.386, 20.451,
                             f"{REFERENCES}#efficientnet-v1", PORTED, preset=BICUBIC)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B1_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b1`."""

    IMAGENET1K_V1 = imagenet("efficientnet_b1_rwightman-bac287d4.pth", 7794184, 78.642, 94.186, 0.687, 30.134,
                             f"{REFERENCES}#efficientnet-v1", PORTED, crop=240, preset=BICUBIC)
    IMAGENET1K_V2 = imagenet("efficientnet_b1-c27df63c.pth", 7794184, 79.838, 94.934, 0.687, 30.136,
                             f"{RECIPES}#new-recipe-with-lr-wd-crop-tuning", TUNED_RECIPE, resize=255, crop=240)
    DEFAULT = IMAGENET1K_V2


class EfficientNet_B2_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b2`."""

    IMAGENET1K_V1 = imagenet("efficientnet_b2_rwightman-c35c1473.pth", 9109994, 80.608, 95.31, 1.088, 35.174,
                             f"{REFERENCES}#efficientnet-v1", PORTED, resize=288, crop=288, preset=BICUBIC)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B3_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b3`."""

    IMAGENET1K_V1 = imagenet("efficientnet_b3_rwightman-b3899882.pth", 12233232, 82.008, 96.054, 1.827, 47.184,
                             f"{REFERENCES}#efficientnet-v1", PORTED, resize=320, crop=300, preset=BICUBIC)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B4_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b4`."""

    IMAGENET1K_V1 = imagenet("efficientnet_b4_rwightman-23ab8bcd.pth", 19341616, 83.384, 96.594, 4.394, 74.489,
                             f"{REFERENCES}#efficientnet-v1", PORTED, resize=384, crop=380, preset=BICUBIC)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B5_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b5`."""

    IMAGENET1K_V1 = imagenet("efficientnet_b5_lukemelas-1a07897c.pth", 30389784, 83.444, 96.628, 10.266, 116.864,
                             f"{REFERENCES}#efficientnet-v1", PORTED, resize=456, crop=456, preset=BICUBIC)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B6_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b6`."""

    IMAGENET1K_V1 = imagenet("efficientnet_b6_lukemelas-24a108a5.pth", 43040704, 84.008, 96.916, 19.068, 165.362,
                             f"{REFERENCES}#efficientnet-v1", PORTED, resize=528, crop=528, preset=BICUBIC)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B7_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b7`."""

    IMAGENET1K_V1 = imagenet("efficientnet_b7_lukemelas-c5b4e57e.pth", 66347960, 84.122, 96.908, 37.746, 254.675,
                             f"{REFERENCES}#efficientnet-v1", PORTED, resize=600, crop=600, preset=BICUBIC)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_S_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_v2_s`."""

    IMAGENET1K_V1 = imagenet("efficientnet_v2_s-dd5fe13b.pth", 21458488, 84.228, 96.878, 8.366, 82.704,
                             f"{REFERENCES}#efficientnet-v2", TUNED_RECIPE, resize=384, crop=384, min_size=(33, 33))
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_M_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_v2_m`."""

    IMAGENET1K_V1 = imagenet("efficientnet_v2_m-dc08266a.pth", 54139356, 85.112, 97.156, 24.582, 208.01,
                             f"{REFERENCES}#efficientnet-v2", TUNED_RECIPE, resize=480, crop=480, min_size=(33, 33))
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_L_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_v2_l`."""

    IMAGENET1K_V1 = imagenet("efficientnet_v2_l-59c71312.pth", 118515272, 85.808, 97.788, 56.08, 454.573,
                             f"{REFERENCES}#efficientnet-v2", PORTED, resize=480, crop=480, preset={"interpolation":
                             InterpolationMode.BICUBIC, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
                             min_size=(33, 33))
    DEFAULT = IMAGENET1K_V1


efficientnet_b0 = make_builder("efficientnet_b0", "EfficientNet B0", EfficientNet, EfficientNet_B0_Weights,
                               _v1(1.0, 1.0, 0.2))
efficientnet_b1 = make_builder("efficientnet_b1", "EfficientNet B1", EfficientNet, EfficientNet_B1_Weights,
                               _v1(1.0, 1.1, 0.2))
efficientnet_b2 = make_builder("efficientnet_b2", "EfficientNet B2", EfficientNet, EfficientNet_B2_Weights,
                               _v1(1.1, 1.2, 0.3))
efficientnet_b3 = make_builder("efficientnet_b3", "EfficientNet B3", EfficientNet, EfficientNet_B3_Weights,
                               _v1(1.2, 1.4, 0.3))
efficientnet_b4 = make_builder("efficientnet_b4", "EfficientNet B4", EfficientNet, EfficientNet_B4_Weights,
                               _v1(1.4, 1.8, 0.4))
efficientnet_b5 = make_builder("efficientnet_b5", "EfficientNet B5", EfficientNet, EfficientNet_B5_Weights,
                               _v1(1.6, 2.2, 0.4, _SLOW_NORM))
efficientnet_b6 = make_builder("efficientnet_b6", "EfficientNet B6", EfficientNet, EfficientNet_B6_Weights,
                               _v1(1.8, 2.6, 0.5, _SLOW_NORM))
efficientnet_b7 = make_builder("efficientnet_b7", "EfficientNet B7", EfficientNet, EfficientNet_B7_Weights,
                               _v1(2.0, 3.1, 0.5, _SLOW_NORM))
efficientnet_v2_s = make_builder("efficientnet_v2_s", "EfficientNet V2 S", EfficientNet, EfficientNet_V2_S_Weights,
                                 _v2(_V2["s"], 0.2))
efficientnet_v2_m = make_builder("efficientnet_v2_m", "EfficientNet V2 M", EfficientNet, EfficientNet_V2_M_Weights,
                                 _v2(_V2["m"], 0.3))
efficientnet_v2_l = make_builder("efficientnet_v2_l", "EfficientNet V2 L", EfficientNet, EfficientNet_V2_L_Weights,
                                 _v2(_V2["l"], 0.4))
