"""MobileNet V3. Howard et al., arXiv:1905.02244."""

from functools import partial

from pycnn import nn
from pycnn.vision.models._api import WeightsEnum, check_num_classes, load_weights, pretrained_means, register_model
from pycnn.vision.models._blocks import init_mobile_weights, make_divisible
from pycnn.vision.models._meta import REFERENCES, imagenet
from pycnn.vision.ops.misc import Conv2dNormActivation, SqueezeExcitation

__all__ = ["MobileNetV3", "MobileNet_V3_Large_Weights", "MobileNet_V3_Small_Weights", "mobilenet_v3_large",
           "mobilenet_v3_small"]


class InvertedResidualConfig:
    """One block: channels in, kernel, channels within and out, squeeze-excitation?, "RE" or "HS", stride, dilation,
    width.

    Parameters
    ----------
    input_channels : int
    kernel : int
    expanded_channels : int
        Within the block.
    out_channels : int
    use_se : bool
        Have a squeeze-excitation.
    activation : {"RE", "HS"}
        ReLU or hard swish.
    stride : int
    dilation : int
    width_mult : float
        Of all channels.
    """
    def __init__(self, input_channels, kernel, expanded_channels, out_channels, use_se, activation, stride, dilation,
                 width_mult):
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.kernel, self.use_se, self.use_hs = kernel, use_se, activation == "HS"
        self.stride, self.dilation = stride, dilation

    @staticmethod
    def adjust_channels(channels, width_mult):
        """Return the multiple of 8 nearest to the product.

        Parameters
        ----------
        channels : int
        width_mult : float

        Returns
        -------
        int
        """
        return make_divisible(channels * width_mult, 8)


class InvertedResidual(nn.Module):
    """As MobileNet V2's block, with a squeeze-excitation and hard swish.

    Parameters
    ----------
    cnf : InvertedResidualConfig
    norm_layer : callable
    se_layer : callable, default SqueezeExcitation with Hardsigmoid

    Raises
    ------
    ValueError
        If the stride is neither 1 nor 2.
    ValueError
        If the stride is neither 1 nor 2.
    """

    def __init__(self, cnf, norm_layer, se_layer=partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)):
        super().__init__()
        if not 1 <= cnf.stride <= 2:
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        make = partial(Conv2dNormActivation, norm_layer=norm_layer,
                       activation_layer=nn.Hardswish if cnf.use_hs else nn.ReLU)
        layers = []
        if cnf.expanded_channels != cnf.input_channels:
            layers.append(make(cnf.input_channels, cnf.expanded_channels, kernel_size=1))
        layers.append(make(cnf.expanded_channels, cnf.expanded_channels, kernel_size=cnf.kernel,
                           stride=1 if cnf.dilation > 1 else cnf.stride, dilation=cnf.dilation,
                           groups=cnf.expanded_channels))
        if cnf.use_se:
            layers.append(se_layer(cnf.expanded_channels, make_divisible(cnf.expanded_channels // 4, 8)))
        layers.append(Conv2dNormActivation(cnf.expanded_channels, cnf.out_channels, kernel_size=1,
                                           norm_layer=norm_layer, activation_layer=None))
        self.block = nn.Sequential(*layers)
        self.out_channels = cnf.out_channels

    def forward(self, input):
        """Return [N, out_channels, H / stride, W / stride]."""
        result = self.block(input)
        if self.use_res_connect:
            result += input
        return result


class MobileNetV3(nn.Module):
    """Inverted residuals between two convolutions, and two linear layers.

    Parameters
    ----------
    inverted_residual_setting : list of InvertedResidualConfig
    last_channel : int
        Between the linear layers.
    num_classes : int, default 1000
    block, norm_layer : callable, optional
        InvertedResidual, and BatchNorm2d with eps 0.001 and momentum 0.01.
    dropout : float, default 0.2
    **kwargs : object
        Ignored.

    Raises
    ------
    ValueError
        If there are no blocks.
    TypeError
        If they are something else than InvertedResidualConfig.

    See Also
    --------
    torchvision.models.MobileNetV3 : same modules, same initial weights for the same seed.
    """

    def __init__(self, inverted_residual_setting, last_channel, num_classes=1000, block=None, norm_layer=None,
                 dropout=0.2, **kwargs):
        super().__init__()
        stages = inverted_residual_setting
        if not stages:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not (isinstance(stages, (list, tuple)) and all(isinstance(s, InvertedResidualConfig) for s in stages)):
            raise TypeError("The inverted_residual_setting should be List[InvertedResidualConfig]")
        block, norm_layer = block or InvertedResidual, norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        make = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.Hardswish)
        last = stages[-1].out_channels
        self.features = nn.Sequential(make(3, stages[0].input_channels, kernel_size=3, stride=2),
                                      *(block(s, norm_layer) for s in stages), make(last, 6 * last, kernel_size=1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Linear(6 * last, last_channel), nn.Hardswish(inplace=True),
                                        nn.Dropout(p=dropout, inplace=True), nn.Linear(last_channel, num_classes))
        init_mobile_weights(self)

    def forward(self, x):
        """Return the scores [N, num_classes] of images [N, 3, H, W]."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _large(width_mult=1.0, reduced_tail=False, dilated=False, **kwargs):
    tail, dilation = 2 if reduced_tail else 1, 2 if dilated else 1
    rows = [(16, 3, 16, 16, False, "RE", 1, 1), (16, 3, 64, 24, False, "RE", 2, 1), (24, 3, 72, 24, False, "RE", 1, 1),
            (24, 5, 72, 40, True, "RE", 2, 1), (40, 5, 120, 40, True, "RE", 1, 1), (40, 5, 120, 40, True, "RE", 1, 1),
            (40, 3, 240, 80, False, "HS", 2, 1), (80, 3, 200, 80, False, "HS", 1, 1),
            (80, 3, 184, 80, False, "HS", 1, 1),
            (80, 3, 184, 80, False, "HS", 1, 1), (80, 3, 480, 112, True, "HS", 1, 1),
            (112, 3, 672, 112, True, "HS", 1, 1),
            (112, 5, 672, 160 // tail, True, "HS", 2, dilation),
            *[(160 // tail, 5, 960 // tail, 160 // tail, True, "HS", 1, dilation)] * 2]
    return [InvertedResidualConfig(*row, width_mult) for row in rows], make_divisible(1280 // tail * width_mult, 8)


def _small(width_mult=1.0, reduced_tail=False, dilated=False, **kwargs):
    tail, dilation = 2 if reduced_tail else 1, 2 if dilated else 1
    rows = [(16, 3, 16, 16, True, "RE", 2, 1), (16, 3, 72, 24, False, "RE", 2, 1), (24, 3, 88, 24, False, "RE", 1, 1),
            (24, 5, 96, 40, True, "HS", 2, 1), (40, 5, 240, 40, True, "HS", 1, 1), (40, 5, 240, 40, True, "HS", 1, 1),
            (40, 5, 120, 48, True, "HS", 1, 1), (48, 5, 144, 48, True, "HS", 1, 1),
            (48, 5, 288, 96 // tail, True, "HS", 2, dilation)
        ] + [(96 // tail, 5, 576 // tail, 96 // tail, True, "HS", 1, dilation)] * 2
    return [InvertedResidualConfig(*row, width_mult) for row in rows], make_divisible(1024 // tail * width_mult, 8)


def _mobilenet_v3(make, weights, progress, **kwargs):
    check_num_classes(weights, kwargs)
    model = MobileNetV3(*make(**kwargs), **kwargs)
    load_weights(model, weights, progress)
    return model


_RECIPE = f"{REFERENCES}#mobilenetv3-large--small"


class MobileNet_V3_Large_Weights(WeightsEnum):
    """Weights of :func:`mobilenet_v3_large`."""

    IMAGENET1K_V1 = imagenet("mobilenet_v3_large-8738ca79.pth", 5483032, 74.042, 91.34, 0.217, 21.114, _RECIPE,
                             "These weights were trained from scratch by using a simple training recipe.")
    IMAGENET1K_V2 = imagenet(
        "mobilenet_v3_large-5c1a4163.pth", 5483032, 75.274, 92.566, 0.217, 21.107,
        "https://github.com/pytorch/vision/issues/3995#new-recipe-with-reg-tuning",
        "These weights improve marginally upon the results of the original paper by using a modified version of\n"
        "TorchVision's `new training recipe\n"
        "<https://pytorch.org/blog/how-to-train-state-of-the-art-models-using-torchvision-latest-primitives/>`_.", 232)
    DEFAULT = IMAGENET1K_V2


class MobileNet_V3_Small_Weights(WeightsEnum):
    """Weights of :func:`mobilenet_v3_small`."""

    IMAGENET1K_V1 = imagenet("mobilenet_v3_small-047dcff4.pth", 2542856, 67.668, 87.402, 0.057, 9.829, _RECIPE,
                             "These weights improve upon the results of the original paper by using a simple training "
                             "recipe.")
    DEFAULT = IMAGENET1K_V1


@register_model()
@pretrained_means(MobileNet_V3_Large_Weights.IMAGENET1K_V1)
def mobilenet_v3_large(*, weights: MobileNet_V3_Large_Weights | None = None, progress: bool = True,
                       **kwargs) -> MobileNetV3:
    """Build the large MobileNet V3.

    Parameters
    ----------
    weights : MobileNet_V3_Large_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs
        Parameters of :class:`MobileNetV3`; and ``width_mult``, ``reduced_tail`` (half the last channels), ``dilated``.

    Returns
    -------
    MobileNetV3
    """
    return _mobilenet_v3(_large, MobileNet_V3_Large_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(MobileNet_V3_Small_Weights.IMAGENET1K_V1)
def mobilenet_v3_small(*, weights: MobileNet_V3_Small_Weights | None = None, progress: bool = True,
                       **kwargs) -> MobileNetV3:
    """Build the small MobileNet V3.

    Parameters
    ----------
    weights : MobileNet_V3_Small_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        As for :func:`mobilenet_v3_large`.

    Returns
    -------
    MobileNetV3

    See Also
    --------
    mobilenet_v3_large : errors.
    """
    return _mobilenet_v3(_small, MobileNet_V3_Small_Weights.verify(weights), progress, **kwargs)
