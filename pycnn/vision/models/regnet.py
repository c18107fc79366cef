"""RegNet. Radosavovic et al., arXiv:2003.13678."""

import math
from collections import OrderedDict
from functools import partial

from pycnn import nn
from pycnn.vision.models._api import WeightsEnum, check_num_classes, load_weights, make_builder
from pycnn.vision.models._blocks import make_divisible
from pycnn.vision.models._meta import RECIPES, REFERENCES, SWAG_E2E, SWAG_LINEAR, TUNED_RECIPE, imagenet
from pycnn.vision.ops.misc import Conv2dNormActivation, SqueezeExcitation

_SIZES = ["y_400mf", "y_800mf", "y_1_6gf", "y_3_2gf", "y_8gf", "y_16gf", "y_32gf", "y_128gf", "x_400mf", "x_800mf",
          "x_1_6gf", "x_3_2gf", "x_8gf", "x_16gf", "x_32gf"]
__all__ = ["RegNet", *(f"RegNet_{size.upper()}_Weights" for size in _SIZES), *(f"regnet_{size}" for size in _SIZES)]


class SimpleStemIN(Conv2dNormActivation):
    """A convolution that halves the image.

    Parameters
    ----------
    width_in, width_out : int
    norm_layer, activation_layer : callable
    """

    def __init__(self, width_in, width_out, norm_layer, activation_layer):
        super().__init__(width_in, width_out, kernel_size=3, stride=2, norm_layer=norm_layer,
                         activation_layer=activation_layer)


class BottleneckTransform(nn.Sequential):
    """Convolutions of 1x1, of 3x3 in groups, squeeze-excitation if asked for, and 1x1.

    Parameters
    ----------
    width_in, width_out, stride : int
    norm_layer, activation_layer : callable
    group_width : int
        Channels of a group.
    bottleneck_multiplier : float
        Width within, to that behind it.
    se_ratio : float or None
        Squeezed channels, to `width_in`.
    """

    def __init__(self, width_in, width_out, stride, norm_layer, activation_layer, group_width, bottleneck_multiplier,
                 se_ratio):
        make = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=activation_layer)
        width = round(width_out * bottleneck_multiplier)
        layers = OrderedDict(a=make(width_in, width, kernel_size=1, stride=1),
                             b=make(width, width, kernel_size=3, stride=stride, groups=width // group_width))
        if se_ratio:
            layers["se"] = SqueezeExcitation(width, round(se_ratio * width_in), activation=activation_layer)
        layers["c"] = make(width, width_out, kernel_size=1, stride=1, activation_layer=None)
        super().__init__(layers)


class ResBottleneckBlock(nn.Module):
    """A bottleneck, added to its input or a projection of it.

    Parameters
    ----------
    width_in, width_out, stride : int
    norm_layer, activation_layer : callable
    group_width : int, default 1
    bottleneck_multiplier : float, default 1.0
    se_ratio : float, optional
    """

    def __init__(self, width_in, width_out, stride, norm_layer, activation_layer, group_width=1,
                 bottleneck_multiplier=1.0,
                 se_ratio=None):
        super().__init__()
        self.proj = None
        if width_in != width_out or stride != 1:
            self.proj = Conv2dNormActivation(width_in, width_out, kernel_size=1, stride=stride, norm_layer=norm_layer,
                                             activation_layer=None)
        self.f = BottleneckTransform(width_in, width_out, stride, norm_layer, activation_layer, group_width,
                                     bottleneck_multiplier, se_ratio)
        self.activation = activation_layer(inplace=True)

    def forward(self, x):
        """Return [N, width_out, H / stride, W / stride]."""
        return self.activation((x if self.proj is None else self.proj(x)) + self.f(x))


class AnyStage(nn.Sequential):
    """Blocks of one width.

    Parameters
    ----------
    width_in, width_out, stride, depth : int
        The first block alone has the stride.
    block_constructor, norm_layer, activation_layer : callable
    group_width : int
    bottleneck_multiplier : float
    se_ratio : float, optional
    stage_index : int, default 0
        In the blocks' names.
    """

    def __init__(self, width_in, width_out, stride, depth, block_constructor, norm_layer, activation_layer, group_width,
                 bottleneck_multiplier, se_ratio=None, stage_index=0):
        super().__init__()
        for k in range(depth):
            self.add_module(f"block{stage_index}-{k}", block_constructor(
                width_out if k else width_in, width_out, 1 if k else stride, norm_layer, activation_layer, group_width,
                bottleneck_multiplier, se_ratio))


class BlockParams:
    """What the stages are made of, a list with an entry for each.

    Parameters
    ----------
    depths, widths, group_widths, strides : list of int
    bottleneck_multipliers : list of float
    se_ratio : float, optional
    """

    def __init__(self, depths, widths, group_widths, bottleneck_multipliers, strides, se_ratio=None):
        self.depths, self.widths, self.group_widths = depths, widths, group_widths
        self.bottleneck_multipliers, self.strides, self.se_ratio = bottleneck_multipliers, strides, se_ratio

    @classmethod
    def from_init_params(cls, depth, w_0, w_a, w_m, group_width, bottleneck_multiplier=1.0, se_ratio=None, **kwargs):
        """Return the stages that follow from a few numbers: widths that grow linearly, on a grid of powers and of
        eights.

        Parameters
        ----------
        depth : int
            Blocks in all.
        w_0 : int
            Width of the first.
        w_a, w_m : float
            Slope of the widths; ratio of a stage's to that before it.
        group_width : int
        bottleneck_multiplier : float, default 1.0
        se_ratio : float, optional
        **kwargs : object
            Ignored.

        Returns
        -------
        BlockParams

        Raises
        ------
        ValueError
            If the numbers describe no network.
        """
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8 != 0:
            raise ValueError("Invalid RegNet settings")
        powers = [round(math.log((k * w_a + w_0) / w_0) / math.log(w_m)) for k in range(depth)]
        of_blocks = [8 * round(w_0 * w_m ** p / 8) for p in powers]
        widths = list(OrderedDict.fromkeys(of_blocks))
        depths = [of_blocks.count(w) for w in widths]
        within = [int(w * bottleneck_multiplier) for w in widths]
        groups = [min(group_width, w) for w in within]
        widths = [int(make_divisible(w, g) / bottleneck_multiplier) for w, g in zip(within, groups)]
        n = len(widths)
        return cls(depths, widths, groups, [bottleneck_multiplier] * n, [2] * n, se_ratio)

    def _get_expanded_params(self):
        return zip(self.widths, self.strides, self.depths, self.group_widths, self.bottleneck_multipliers)


class RegNet(nn.Module):
    """A stem, stages of bottlenecks, a linear layer.

    Parameters
    ----------
    block_params : BlockParams
    num_classes : int, default 1000
    stem_width : int, default 32
    stem_type, block_type, norm_layer, activation : callable, optional
        SimpleStemIN, ResBottleneckBlock, BatchNorm2d and ReLU.

    See Also
    --------
    torchvision.models.RegNet : same modules, same initial weights for the same seed.
    """

    def __init__(self, block_params, num_classes=1000, stem_width=32, stem_type=None, block_type=None, norm_layer=None,
                 activation=None):
        super().__init__()
        norm_layer, activation = norm_layer or nn.BatchNorm2d, activation or nn.ReLU
        self.stem = (stem_type or SimpleStemIN)(3, stem_width, norm_layer, activation)
        stages, width = OrderedDict(), stem_width
        for k, (width_out, stride, depth, group_width, multiplier) in enumerate(block_params._get_expanded_params(), 1):
            stages[f"block{k}"] = AnyStage(width, width_out, stride, depth, block_type or ResBottleneckBlock,
                                           norm_layer,
                                           activation, group_width, multiplier, block_params.se_ratio, stage_index=k)
            width = width_out
        self.trunk_output = nn.Sequential(stages)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.normal_(m.weight, mean=0.0, std=math.sqrt(2.0 / (math.prod(m.kernel_size) * m.out_channels)))
            elif isinstance(m, nn.BatchNorm2d):
                nn.init.ones_(m.weight)
                nn.init.zeros_(m.bias)
            elif isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, mean=0.0, std=0.01)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        """Return the scores [N, num_classes] of images [N, 3, H, W]."""
        return self.fc(self.avgpool(self.trunk_output(self.stem(x))).flatten(1))


def _builder(depth, w_0, w_a, w_m, group_width, se_ratio=None):
    def build(weights, progress, **kwargs):
        check_num_classes(weights, kwargs)
        norm_layer = kwargs.pop("norm_layer", partial(nn.BatchNorm2d, eps=1e-05, momentum=0.1))
        model = RegNet(BlockParams.from_init_params(depth, w_0, w_a, w_m, group_width, se_ratio=se_ratio),
                       norm_layer=norm_layer, **kwargs)
        load_weights(model, weights, progress)
        return model
    return build


class RegNet_Y_400MF_Weights(WeightsEnum):
    """Weights of :func:`regnet_y_400mf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_400mf-c65dace8.pth", 4344144, 74.046, 91.716, 0.402, 16.806,
                             f"{REFERENCES}#small-models")
    IMAGENET1K_V2 = imagenet("regnet_y_400mf-e6988f5f.pth", 4344144, 75.804, 92.742, 0.402, 16.806,
                             f"{RECIPES}#new-recipe", TUNED_RECIPE, resize=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_800MF_Weights(WeightsEnum):
    """Weights of :func:`regnet_y_800mf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_800mf-1b27b58c.pth", 6432512, 76.42, 93.136, 0.834, 24.774,
                             f"{REFERENCES}#small-models")
    IMAGENET1K_V2 = imagenet("regnet_y_800mf-58fc7688.pth", 6432512, 78.828, 94.502, 0.834, 24.774,
                             f"{RECIPES}#new-recipe", TUNED_RECIPE, resize=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_1_6GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_y_1_6gf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_1_6gf-b11a554e.pth", 11202430, 77.95, 93.966, 1.612, 43.152,
                             f"{REFERENCES}#small-models")
    IMAGENET1K_V2 = imagenet("regnet_y_1_6gf-0d7bc02a.pth", 11202430, 80.876, 95.444, 1.612, 43.152,
                             f"{RECIPES}#new-recipe", TUNED_RECIPE, resize=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_3_2GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_y_3_2gf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_3_2gf-b5a9779c.pth", 19436338, 78.948, 94.576, 3.176, 74.567,
                             f"{REFERENCES}#medium-models")
    IMAGENET1K_V2 = imagenet("regnet_y_3_2gf-9180c971.pth", 19436338, 81.982, 95.972, 3.176, 74.567,
                             f"{RECIPES}#new-recipe", TUNED_RECIPE, resize=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_8GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_y_8gf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_8gf-d0d0e4a8.pth", 39381472, 80.032, 95.048, 8.473, 150.701,
                             f"{REFERENCES}#medium-models")
    IMAGENET1K_V2 = imagenet("regnet_y_8gf-dc2b1b54.pth", 39381472, 82.828, 96.33, 8.473, 150.701,
                             f"{RECIPES}#new-recipe", TUNED_RECIPE, resize=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_16GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_y_16gf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_16gf-9e6ed7dd.pth", 83590140, 80.424, 95.24, 15.912, 319.49,
                             f"{REFERENCES}#large-models")
    IMAGENET1K_V2 = imagenet("regnet_y_16gf-3e4a00f9.pth", 83590140, 82.886, 96.328, 15.912, 319.49,
                             f"{RECIPES}#new-recipe", TUNED_RECIPE, resize=232)
    IMAGENET1K_SWAG_E2E_V1 = imagenet("regnet_y_16gf_swag-43afe44d.pth", 83590140, 86.012, 98.054, 46.735, 319.49,
                                      resize=384, crop=384, **SWAG_E2E)
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet("regnet_y_16gf_lc_swag-f3ec0043.pth", 83590140, 83.976, 97.244, 15.912,
                                         319.49, **SWAG_LINEAR)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_32GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_y_32gf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_32gf-4dee3f7a.pth", 145046770, 80.878, 95.34, 32.28, 554.076,
                             f"{REFERENCES}#large-models")
    IMAGENET1K_V2 = imagenet("regnet_y_32gf-8db6d4b5.pth", 145046770, 83.368, 96.498, 32.28, 554.076,
                             f"{RECIPES}#new-recipe", TUNED_RECIPE, resize=232)
    IMAGENET1K_SWAG_E2E_V1 = imagenet("regnet_y_32gf_swag-04fdfa75.pth", 145046770, 86.838, 98.362, 94.826, 554.076,
                                      resize=384, crop=384, **SWAG_E2E)
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet("regnet_y_32gf_lc_swag-e1583746.pth", 145046770, 84.622, 97.48, 32.28,
                                         554.076, **SWAG_LINEAR)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_128GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_y_128gf`."""

    IMAGENET1K_SWAG_E2E_V1 = imagenet("regnet_y_128gf_swag-c8ce3e52.pth", 644812894, 88.228, 98.682, 374.57, 2461.564,
                                      resize=384, crop=384, **SWAG_E2E)
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet("regnet_y_128gf_lc_swag-cbe8ce12.pth", 644812894, 86.068, 97.844, 127.518,
                                         2461.564, **SWAG_LINEAR)
    DEFAULT = IMAGENET1K_SWAG_E2E_V1


class RegNet_X_400MF_Weights(WeightsEnum):
    """Weights of :func:`regnet_x_400mf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_400mf-adf1edd5.pth", 5495976, 72.834, 90.95, 0.414, 21.258,
                             f"{REFERENCES}#small-models")
    IMAGENET1K_V2 = imagenet("regnet_x_400mf-62229a5f.pth", 5495976, 74.864, 92.322, 0.414, 21.257,
                             f"{RECIPES}#new-recipe-with-fixres", TUNED_RECIPE, resize=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_800MF_Weights(WeightsEnum):
    """Weights of :func:`regnet_x_800mf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_800mf-ad17e45c.pth", 7259656, 75.212, 92.348, 0.8, 27.945,
                             f"{REFERENCES}#small-models")
    IMAGENET1K_V2 = imagenet("regnet_x_800mf-94a99ebd.pth", 7259656, 77.522, 93.826, 0.8, 27.945,
                             f"{RECIPES}#new-recipe-with-fixres", TUNED_RECIPE, resize=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_1_6GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_x_1_6gf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_1_6gf-e3633e7f.pth", 9190136, 77.04, 93.44, 1.603, 35.339,
                             f"{REFERENCES}#small-models")
    IMAGENET1K_V2 = imagenet("regnet_x_1_6gf-a12f2b72.pth", 9190136, 79.668, 94.922, 1.603, 35.339,
                             f"{RECIPES}#new-recipe-with-fixres", TUNED_RECIPE, resize=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_3_2GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_x_3_2gf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_3_2gf-f342aeae.pth", 15296552, 78.364, 93.992, 3.177, 58.756,
                             f"{REFERENCES}#medium-models")
    IMAGENET1K_V2 = imagenet("regnet_x_3_2gf-7071aa85.pth", 15296552, 81.196, 95.43, 3.177, 58.756,
                             f"{RECIPES}#new-recipe", TUNED_RECIPE, resize=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_8GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_x_8gf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_8gf-03ceed89.pth", 39572648, 79.344, 94.686, 7.995, 151.456,
                             f"{REFERENCES}#medium-models")
    IMAGENET1K_V2 = imagenet("regnet_x_8gf-2b70d774.pth", 39572648, 81.682, 95.678, 7.995, 151.456,
                             f"{RECIPES}#new-recipe", TUNED_RECIPE, resize=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_16GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_x_16gf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_16gf-2007eb11.pth", 54278536, 80.058, 94.944, 15.941, 207.627,
                             f"{REFERENCES}#medium-models")
    IMAGENET1K_V2 = imagenet("regnet_x_16gf-ba3796d7.pth", 54278536, 82.716, 96.196, 15.941, 207.627,
                             f"{RECIPES}#new-recipe", TUNED_RECIPE, resize=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_32GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_x_32gf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_32gf-9d47f8d0.pth", 107811560, 80.622, 95.248, 31.736, 412.039,
                             f"{REFERENCES}#large-models")
    IMAGENET1K_V2 = imagenet("regnet_x_32gf-6eb8fdc6.pth", 107811560, 83.014, 96.288, 31.736, 412.039,
                             f"{RECIPES}#new-recipe", TUNED_RECIPE, resize=232)
    DEFAULT = IMAGENET1K_V2


regnet_y_400mf = make_builder("regnet_y_400mf", "RegNet Y 400MF", RegNet, RegNet_Y_400MF_Weights,
                              _builder(16, 48, 27.89, 2.09, 8, 0.25))
regnet_y_800mf = make_builder("regnet_y_800mf", "RegNet Y 800MF", RegNet, RegNet_Y_800MF_Weights,
                              _builder(14, 56, 38.84, 2.4, 16, 0.25))
regnet_y_1_6gf = make_builder("regnet_y_1_6gf", "RegNet Y 1.6GF", RegNet, RegNet_Y_1_6GF_Weights,
                              _builder(27, 48, 20.71, 2.65, 24, 0.25))
regnet_y_3_2gf = make_builder("regnet_y_3_2gf", "RegNet Y 3.2GF", RegNet, RegNet_Y_3_2GF_Weights,
                              _builder(21, 80, 42.63, 2.66, 24, 0.25))
regnet_y_8gf = make_builder("regnet_y_8gf", "RegNet Y 8GF", RegNet, RegNet_Y_8GF_Weights,
                            _builder(17, 192, 76.82, 2.19, 56, 0.25))
regnet_y_16gf = make_builder("regnet_y_16gf", "RegNet Y 16GF", RegNet, RegNet_Y_16GF_Weights,
                             _builder(18, 200, 106.23, 2.48, 112, 0.25))
regnet_y_32gf = make_builder("regnet_y_32gf", "RegNet Y 32GF", RegNet, RegNet_Y_32GF_Weights,
                             _builder(20, 232, 115.89, 2.53, 232, 0.25))
regnet_y_128gf = make_builder("regnet_y_128gf", "RegNet Y 128GF", RegNet, RegNet_Y_128GF_Weights,
                              _builder(27, 456, 160.83, 2.52, 264, 0.25))
regnet_x_400mf = make_builder("regnet_x_400mf", "RegNet X 400MF", RegNet, RegNet_X_400MF_Weights,
                              _builder(22, 24, 24.48, 2.54, 16))
regnet_x_800mf = make_builder("regnet_x_800mf", "RegNet X 800MF", RegNet, RegNet_X_800MF_Weights,
                              _builder(16, 56, 35.73, 2.28, 16))
regnet_x_1_6gf = make_builder("regnet_x_1_6gf", "RegNet X 1.6GF", RegNet, RegNet_X_1_6GF_Weights,
                              _builder(18, 80, 34.01, 2.25, 24))
regnet_x_3_2gf = make_builder("regnet_x_3_2gf", "RegNet X 3.2GF", RegNet, RegNet_X_3_2GF_Weights,
                              _builder(25, 88, 26.31, 2.25, 48))
regnet_x_8gf = make_builder("regnet_x_8gf", "RegNet X 8GF", RegNet, RegNet_X_8GF_Weights,
                            _builder(23, 80, 49.56, 2.88, 120))
regnet_x_16gf = make_builder("regnet_x_16gf", "RegNet X 16GF", RegNet, RegNet_X_16GF_Weights,
                             _builder(22, 216, 55.59, 2.1, 128))
regnet_x_32gf = make_builder("regnet_x_32gf", "RegNet X 32GF", RegNet, RegNet_X_32GF_Weights,
                             _builder(23, 320, 69.86, 2.0, 168))
