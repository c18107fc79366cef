"""ConvNeXt. Liu et al., arXiv:2201.03545."""

from functools import partial

from pycnn import _C, nn
from pycnn.nn import functional as F
from pycnn.vision.models._api import WeightsEnum, check_num_classes, load_weights, make_builder
from pycnn.vision.models._meta import REFERENCES, TUNED_RECIPE, imagenet
from pycnn.vision.ops.misc import Conv2dNormActivation, Permute
from pycnn.vision.ops.stochastic_depth import StochasticDepth

_SIZES = ["tiny", "small", "base", "large"]
__all__ = ["ConvNeXt", *(f"ConvNeXt_{size.title()}_Weights" for size in _SIZES),
           *(f"convnext_{size}" for size in _SIZES)]


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of images [N, C, H, W].

    Parameters
    ----------
    normalized_shape, eps, elementwise_affine, bias, device, dtype : object
        As :class:`LayerNorm`'s.
    """

    def forward(self, x):
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """Depthwise convolution, norm and two linear layers, scaled and added to their input.

    Parameters
    ----------
    dim : int
        Channels.
    layer_scale : float
        Of the block at first.
    stochastic_depth_prob : float
    norm_layer : callable, default LayerNorm with eps 1e-6
    """

    def __init__(self, dim, layer_scale, stochastic_depth_prob, norm_layer=None):
        super().__init__()
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.block = nn.Sequential(nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim, bias=True),
                                   Permute([0, 2, 3, 1]), norm_layer(dim), nn.Linear(dim, 4 * dim), nn.GELU(),
                                   nn.Linear(4 * dim, dim), Permute([0, 3, 1, 2]))
        self.layer_scale = nn.Parameter(_C.fn.ones((dim, 1, 1)) * layer_scale)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input):
        """Return [N, dim, H, W] of such images."""
        result = self.stochastic_depth(self.layer_scale * self.block(input))
        result += input
        return result


class CNBlockConfig:
    """A stage: channels within it, channels behind it, how many blocks.

    Parameters
    ----------
    input_channels : int
    out_channels : int or None
        None: nothing is halved behind it.
    num_layers : int
    """

    def __init__(self, input_channels, out_channels, num_layers):
        self.input_channels, self.out_channels, self.num_layers = input_channels, out_channels, num_layers

    def __repr__(self):
        return (f"{self.__class__.__name__}(input_channels={self.input_channels}, out_channels={self.out_channels}, "
                f"num_layers={self.num_layers})")


class ConvNeXt(nn.Module):
    """Stages of depthwise convolutions with linear layers.

    Parameters
    ----------
    block_setting : list of CNBlockConfig
    stochastic_depth_prob : float, default 0.0
        Of the last block; it grows with depth.
    layer_scale : float, default 1e-6
    num_classes : int, default 1000
    block, norm_layer : callable, optional
        CNBlock, and LayerNorm2d with eps 1e-6.
    **kwargs : object
        Ignored.

    Raises
    ------
    ValueError
        If there are no stages.
    TypeError
        If they are something else.

    See Also
    --------
    torchvision.models.ConvNeXt : same modules, same initial weights for the same seed.
    """

    def __init__(self, block_setting, stochastic_depth_prob=0.0, layer_scale=1e-6, num_classes=1000, block=None,
                 norm_layer=None, **kwargs):
        super().__init__()
        if not block_setting:
            raise ValueError("The block_setting should not be empty")
        if not (isinstance(block_setting, (list, tuple)) and all(isinstance(s, CNBlockConfig) for s in block_setting)):
            raise TypeError("The block_setting should be List[CNBlockConfig]")
        block, norm_layer = block or CNBlock, norm_layer or partial(LayerNorm2d, eps=1e-6)
        layers = [Conv2dNormActivation(3, block_setting[0].input_channels, kernel_size=4, stride=4, padding=0,
                                       norm_layer=norm_layer, activation_layer=None, bias=True)]
        total, built = sum(cnf.num_layers for cnf in block_setting), 0
        for cnf in block_setting:
            blocks = []
            for _ in range(cnf.num_layers):
                blocks.append(block(cnf.input_channels, layer_scale, stochastic_depth_prob * built / (total - 1.0)))
                built += 1
            layers.append(nn.Sequential(*blocks))
            if cnf.out_channels is not None:
                layers.append(nn.Sequential(norm_layer(cnf.input_channels),
                                            nn.Conv2d(cnf.input_channels, cnf.out_channels, kernel_size=2, stride=2)))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        last = block_setting[-1]
        channels = last.input_channels if last.out_channels is None else last.out_channels
        self.classifier = nn.Sequential(norm_layer(channels), nn.Flatten(1), nn.Linear(channels, num_classes))
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(m.weight, std=0.02)
                if m.bias is not None:
                    nn.init.zeros_(m.bias)

    def forward(self, x):
        """Return the scores [N, num_classes] of images [N, 3, H, W]."""
        return self.classifier(self.avgpool(self.features(x)))


def _builder(widths, depths, stochastic_depth_prob):
    def build(weights, progress, **kwargs):
        check_num_classes(weights, kwargs)
        stages = [CNBlockConfig(*row) for row in zip(widths, (*widths[1:], None), depths)]
        model = ConvNeXt(stages, kwargs.pop("stochastic_depth_prob", stochastic_depth_prob), **kwargs)
        load_weights(model, weights, progress)
        return model
    return build


class ConvNeXt_Tiny_Weights(WeightsEnum):
    """Weights of :func:`convnext_tiny`."""

    IMAGENET1K_V1 = imagenet("convnext_tiny-983f1562.pth", 28589128, 82.52, 96.146, 4.456, 109.119,
                             f"{REFERENCES}#convnext", TUNED_RECIPE, resize=236, min_size=(32, 32))
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Small_Weights(WeightsEnum):
    """Weights of :func:`convnext_small`."""

    IMAGENET1K_V1 = imagenet("convnext_small-0c510722.pth", 50223688, 83.616, 96.65, 8.684, 191.703,
                             f"{REFERENCES}#convnext", TUNED_RECIPE, resize=230, min_size=(32, 32))
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Base_Weights(WeightsEnum):
    """Weights of :func:`convnext_base`."""

    IMAGENET1K_V1 = imagenet("convnext_base-6075fbad.pth", 88591464, 84.062, 96.87, 15.355, 338.064,
                             f"{REFERENCES}#convnext", TUNED_RECIPE, resize=232, min_size=(32, 32))
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Large_Weights(WeightsEnum):
    """Weights of :func:`convnext_large`."""

    IMAGENET1K_V1 = imagenet("convnext_large-ea097f82.pth", 197767336, 84.414, 96.976, 34.361, 754.537,
                             f"{REFERENCES}#convnext", TUNED_RECIPE, resize=232, min_size=(32, 32))
    DEFAULT = IMAGENET1K_V1


convnext_tiny = make_builder("convnext_tiny", "ConvNeXt Tiny", ConvNeXt, ConvNeXt_Tiny_Weights,
                             _builder((96, 192, 384, 768), (3, 3, 9, 3), 0.1))
convnext_small = make_builder("convnext_small", "ConvNeXt Small", ConvNeXt, ConvNeXt_Small_Weights,
                              _builder((96, 192, 384, 768), (3, 3, 27, 3), 0.4))
convnext_base = make_builder("convnext_base", "ConvNeXt Base", ConvNeXt, ConvNeXt_Base_Weights,
                             _builder((128, 256, 512, 1024), (3, 3, 27, 3), 0.5))
convnext_large = make_builder("convnext_large", "ConvNeXt Large", ConvNeXt, ConvNeXt_Large_Weights,
                              _builder((192, 384, 768, 1536), (3, 3, 27, 3), 0.5))
