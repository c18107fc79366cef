"""ResNet, ResNeXt and Wide ResNet. He et al., arXiv:1512.03385; Xie et al., arXiv:1611.05431; Zagoruyko and Komodakis,
arXiv:1605.07146."""

from pycnn import nn
from pycnn.vision.models._api import (WeightsEnum, check_num_classes, load_weights, pretrained_means, register_model,
                                      set_param)
from pycnn.vision.models._meta import FROM_SCRATCH, NEW_RECIPE, REFERENCES, imagenet

__all__ = [
    "ResNet", "ResNet18_Weights", "ResNet34_Weights", "ResNet50_Weights", "ResNet101_Weights", "ResNet152_Weights",
    "ResNeXt50_32X4D_Weights", "ResNeXt101_32X8D_Weights", "ResNeXt101_64X4D_Weights", "Wide_ResNet50_2_Weights",
    "Wide_ResNet101_2_Weights", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d",
    "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2",
]


def conv3x3(in_planes, out_planes, stride=1, groups=1, dilation=1):
    """Return a 3x3 convolution that keeps the size, but for its stride.

    Parameters
    ----------
    in_planes : int
        Channels that come in.
    out_planes : int
        Channels that go out.
    stride : int, default 1
    groups : int, default 1
    dilation : int, default 1

    Returns
    -------
    Conv2d
    """
    return nn.Conv2d(in_planes, out_planes, kernel_size=3, stride=stride, padding=dilation, groups=groups, bias=False,
                     dilation=dilation)


def conv1x1(in_planes, out_planes, stride=1):
    """Return a 1x1 convolution.

    Parameters
    ----------
    in_planes : int
        Channels that come in.
    out_planes : int
        Channels that go out.
    stride : int, default 1

    Returns
    -------
    Conv2d
    """
    return nn.Conv2d(in_planes, out_planes, kernel_size=1, stride=stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut.

    Parameters
    ----------
    inplanes : int
        Channels that come in.
    planes : int
        Channels that go out.
    stride : int, default 1
        Of the first convolution.
    downsample : Module, optional
        The shortcut, where shapes differ.
    groups : int, default 1
        1.
    base_width : int, default 64
        64.
    dilation : int, default 1
        1.
    norm_layer : callable, optional
        Makes the normalisation of a number of channels; BatchNorm2d by default.

    Raises
    ------
    ValueError
        If `groups` or `base_width` is another one.
    NotImplementedError
        If `dilation` is another one.
    """

    expansion = 1

    def __init__(self, inplanes, planes, stride=1, downsample=None, groups=1, base_width=64, dilation=1,
                 norm_layer=None):
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        if groups != 1 or base_width != 64:
            raise ValueError("BasicBlock only supports groups=1 and base_width=64")
        if dilation > 1:
            raise NotImplementedError("Dilation > 1 not supported in BasicBlock")
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        """Return [N, planes, H / stride, W / stride]."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.conv2(out)  # what goes in is let go of before the next layer makes more
        out = self.bn2(out)
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """A 3x3 convolution between two 1x1 ones, beside a shortcut. The stride is the 3x3's: "ResNet v1.5".

    Parameters
    ----------
    inplanes : int
        Channels that come in.
    planes : int
        A quarter of the channels that go out.
    stride : int, default 1
    downsample : Module, optional
        The shortcut, where shapes differ.
    groups, base_width, dilation : int, default 1, 64, 1
        Of the 3x3: groups, and channels in a group where there are 64 planes.
    norm_layer : callable, default BatchNorm2d
        Makes the normalisation of a number of channels.
    """

    expansion = 4

    def __init__(self, inplanes, planes, stride=1, downsample=None, groups=1, base_width=64, dilation=1,
                 norm_layer=None):
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        """Return [N, 4 * planes, H / stride, W / stride]."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.conv2(out)  # what goes in is let go of before the next layer makes more
        out = self.relu(self.bn2(out))
        out = self.conv3(out)
        out = self.bn3(out)
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class ResNet(nn.Module):
    """Residual network of four stages.

    Parameters
    ----------
    block : type
        BasicBlock or Bottleneck.
    layers : list of int
        Blocks in each stage.
    num_classes : int, default 1000
    zero_init_residual : bool, default False
        Start with blocks that do nothing: the last normalisation of each scales by 0.
    groups, width_per_group : int, default 1, 64
        Of the 3x3 convolutions.
    replace_stride_with_dilation : list of bool, optional
        Of the last three stages: dilate instead of shrinking.
    norm_layer : callable, default BatchNorm2d

    Raises
    ------
    ValueError
        If `replace_stride_with_dilation` has another length than 3.

    See Also
    --------
    torchvision.models.ResNet : same modules, same initial weights for the same seed.
    """

    def __init__(self, block, layers, num_classes=1000, zero_init_residual=False, groups=1, width_per_group=64,
                 replace_stride_with_dilation=None, norm_layer=None):
        super().__init__()
        dilate = [False] * 3 if replace_stride_with_dilation is None else replace_stride_with_dilation
        if len(dilate) != 3:
            raise ValueError(f"replace_stride_with_dilation should be None or a 3-element tuple, got {dilate}")
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes, self.dilation = 64, 1
        self.groups, self.base_width = groups, width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], stride=2, dilate=dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], stride=2, dilate=dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], stride=2, dilate=dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self._init_weights(zero_init_residual)

    def _init_weights(self, zero_init_residual):
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)
        if zero_init_residual:
            for m in self.modules():
                last = m.bn3 if isinstance(m, Bottleneck) else m.bn2 if isinstance(m, BasicBlock) else None
                if last is not None and last.weight is not None:
                    nn.init.constant_(last.weight, 0)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        downsample, before, width = None, self.dilation, planes * block.expansion
        if dilate:
            self.dilation *= stride
            stride = 1
        if stride != 1 or self.inplanes != width:
            # built before the first block's own convolutions: their draws come in this order
            downsample = nn.Sequential(conv1x1(self.inplanes, width, stride), self._norm_layer(width))
        layers = [block(self.inplanes, planes, stride, downsample, self.groups, self.base_width, before,
                        self._norm_layer)]
        self.inplanes = width
        for _ in range(1, blocks):
            layers.append(block(width, planes, groups=self.groups, base_width=self.base_width, dilation=self.dilation,
                                norm_layer=self._norm_layer))
        return nn.Sequential(*layers)

    def forward(self, x):
        """Return the scores [N, num_classes] of images [N, 3, H, W]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
        return self.fc(self.avgpool(x).flatten(1))


def _resnet(block, layers, weights, progress, **kwargs):
    check_num_classes(weights, kwargs)
    model = ResNet(block, layers, **kwargs)
    load_weights(model, weights, progress)
    return model


# ---- weights

_ISSUE = "https://github.com/pytorch/vision/issues/3995"
_NEW = {"recipe": f"{_ISSUE}#new-recipe", "docs": NEW_RECIPE, "resize": 232}
_FIXRES = _NEW | {"recipe": f"{_ISSUE}#new-recipe-with-fixres"}
_RESNET, _RESNEXT = f"{REFERENCES}#resnet", f"{REFERENCES}#resnext"
_WIDE = "https://github.com/pytorch/vision/pull/912#issue-445437439"


class ResNet18_Weights(WeightsEnum):
    """Weights of :func:`resnet18`."""

    IMAGENET1K_V1 = imagenet("resnet18-f37072fd.pth", 11689512, 69.758, 89.078, 1.814, 44.661, _RESNET)
    DEFAULT = IMAGENET1K_V1


class ResNet34_Weights(WeightsEnum):
    """Weights of :func:`resnet34`."""

    IMAGENET1K_V1 = imagenet("resnet34-b627a593.pth", 21797672, 73.314, 91.420, 3.664, 83.275, _RESNET)
    DEFAULT = IMAGENET1K_V1


class ResNet50_Weights(WeightsEnum):
    """Weights of :func:`resnet50`."""

    IMAGENET1K_V1 = imagenet("resnet50-0676ba61.pth", 25557032, 76.130, 92.862, 4.089, 97.781, _RESNET)
    IMAGENET1K_V2 = imagenet("resnet50-11ad3fa6.pth", 25557032, 80.858, 95.434, 4.089, 97.79,
                             **_NEW | {"recipe": f"{_ISSUE}#issuecomment-1013906621"})
    DEFAULT = IMAGENET1K_V2


class ResNet101_Weights(WeightsEnum):
    """Weights of :func:`resnet101`."""

    IMAGENET1K_V1 = imagenet("resnet101-63fe2227.pth", 44549160, 77.374, 93.546, 7.801, 170.511, _RESNET)
    IMAGENET1K_V2 = imagenet("resnet101-cd907fc2.pth", 44549160, 81.886, 95.780, 7.801, 170.53, **_NEW)
    DEFAULT = IMAGENET1K_V2


class ResNet152_Weights(WeightsEnum):
    """Weights of :func:`resnet152`."""

    IMAGENET1K_V1 = imagenet("resnet152-394f9c45.pth", 60192808, 78.312, 94.046, 11.514, 230.434, _RESNET)
    IMAGENET1K_V2 = imagenet("resnet152-f82ba261.pth", 60192808, 82.284, 96.002, 11.514, 230.474, **_NEW)
    DEFAULT = IMAGENET1K_V2


class ResNeXt50_32X4D_Weights(WeightsEnum):
    """Weights of :func:`resnext50_32x4d`."""

    IMAGENET1K_V1 = imagenet("resnext50_32x4d-7cdf4587.pth", 25028904, 77.618, 93.698, 4.23, 95.789, _RESNEXT)
    IMAGENET1K_V2 = imagenet("resnext50_32x4d-1a0047aa.pth", 25028904, 81.198, 95.340, 4.23, 95.833, **_NEW)
    DEFAULT = IMAGENET1K_V2


class ResNeXt101_32X8D_Weights(WeightsEnum):
    """Weights of :func:`resnext101_32x8d`."""

    IMAGENET1K_V1 = imagenet("resnext101_32x8d-8ba56ff5.pth", 88791336, 79.312, 94.526, 16.414, 339.586, _RESNEXT)
    IMAGENET1K_V2 = imagenet("resnext101_32x8d-110c445d.pth", 88791336, 82.834, 96.228, 16.414, 339.673, **_FIXRES)
    DEFAULT = IMAGENET1K_V2


class ResNeXt101_64X4D_Weights(WeightsEnum):
    """Weights of :func:`resnext101_64x4d`."""

    IMAGENET1K_V1 = imagenet("resnext101_64x4d-173b62eb.pth", 83455272, 83.246, 96.454, 15.46, 319.318,
                             "https://github.com/pytorch/vision/pull/5935", FROM_SCRATCH, 232)
    DEFAULT = IMAGENET1K_V1


class Wide_ResNet50_2_Weights(WeightsEnum):
    """Weights of :func:`wide_resnet50_2`."""

    IMAGENET1K_V1 = imagenet("wide_resnet50_2-95faca4d.pth", 68883240, 78.468, 94.086, 11.398, 131.82, _WIDE)
    IMAGENET1K_V2 = imagenet("wide_resnet50_2-9ba9bcbe.pth", 68883240, 81.602, 95.758, 11.398, 263.124, **_FIXRES)
    DEFAULT = IMAGENET1K_V2


class Wide_ResNet101_2_Weights(WeightsEnum):
    """Weights of :func:`wide_resnet101_2`."""

    IMAGENET1K_V1 = imagenet("wide_resnet101_2-32ee1156.pth", 126886696, 78.848, 94.284, 22.753, 242.896, _WIDE)
    IMAGENET1K_V2 = imagenet("wide_resnet101_2-d733dc28.pth", 126886696, 82.510, 96.020, 22.753, 484.747, **_NEW)
    DEFAULT = IMAGENET1K_V2


# ---- models

@register_model()
@pretrained_means(ResNet18_Weights.IMAGENET1K_V1)
def resnet18(*, weights: ResNet18_Weights | None = None, progress: bool = True, **kwargs) -> ResNet:
    """Build ResNet-18.

    Parameters
    ----------
    weights : ResNet18_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs
        Parameters of :class:`ResNet`.

    Returns
    -------
    ResNet

    Raises
    ------
    KeyError, TypeError
        If there are no such weights, or they are another model's.
    urllib.error.URLError
        If weights are in no cache folder and cannot be downloaded; it says where to put the file.

    Notes
    -----
    ``pretrained=True`` means ``IMAGENET1K_V1``, as in torchvision, whose two warnings are one here. A path is accepted
    by pycnn alone.
    """
    return _resnet(BasicBlock, [2, 2, 2, 2], ResNet18_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(ResNet34_Weights.IMAGENET1K_V1)
def resnet34(*, weights: ResNet34_Weights | None = None, progress: bool = True, **kwargs) -> ResNet:
    """Build ResNet-34.

    Parameters
    ----------
    weights : ResNet34_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        Parameters of :class:`ResNet`.

    Returns
    -------
    ResNet

    See Also
    --------
    resnet18 : errors and the older spelling of `weights`.
    """
    return _resnet(BasicBlock, [3, 4, 6, 3], ResNet34_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(ResNet50_Weights.IMAGENET1K_V1)
def resnet50(*, weights: ResNet50_Weights | None = None, progress: bool = True, **kwargs) -> ResNet:
    """Build ResNet-50.

    Parameters
    ----------
    weights : ResNet50_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        Parameters of :class:`ResNet`.

    Returns
    -------
    ResNet

    See Also
    --------
    resnet18 : errors and the older spelling of `weights`.
    """
    return _resnet(Bottleneck, [3, 4, 6, 3], ResNet50_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(ResNet101_Weights.IMAGENET1K_V1)
def resnet101(*, weights: ResNet101_Weights | None = None, progress: bool = True, **kwargs) -> ResNet:
    """Build ResNet-101.

    Parameters
    ----------
    weights : ResNet101_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        Parameters of :class:`ResNet`.

    Returns
    -------
    ResNet

    See Also
    --------
    resnet18 : errors and the older spelling of `weights`.
    """
    return _resnet(Bottleneck, [3, 4, 23, 3], ResNet101_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(ResNet152_Weights.IMAGENET1K_V1)
def resnet152(*, weights: ResNet152_Weights | None = None, progress: bool = True, **kwargs) -> ResNet:
    """Build ResNet-152.

    Parameters
    ----------
    weights : ResNet152_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        Parameters of :class:`ResNet`.

    Returns
    -------
    ResNet

    See Also
    --------
    resnet18 : errors and the older spelling of `weights`.
    """
    return _resnet(Bottleneck, [3, 8, 36, 3], ResNet152_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(ResNeXt50_32X4D_Weights.IMAGENET1K_V1)
def resnext50_32x4d(*, weights: ResNeXt50_32X4D_Weights | None = None, progress: bool = True, **kwargs) -> ResNet:
    """Build ResNeXt-50 with 32 groups of 4 channels.

    Parameters
    ----------
    weights : ResNeXt50_32X4D_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        Parameters of :class:`ResNet`.

    Returns
    -------
    ResNet

    See Also
    --------
    resnet18 : errors and the older spelling of `weights`.
    """
    set_param(kwargs, "groups", 32)
    set_param(kwargs, "width_per_group", 4)
    return _resnet(Bottleneck, [3, 4, 6, 3], ResNeXt50_32X4D_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(ResNeXt101_32X8D_Weights.IMAGENET1K_V1)
def resnext101_32x8d(*, weights: ResNeXt101_32X8D_Weights | None = None, progress: bool = True, **kwargs) -> ResNet:
    """Build ResNeXt-101 with 32 groups of 8 channels.

    Parameters
    ----------
    weights : ResNeXt101_32X8D_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        Parameters of :class:`ResNet`.

    Returns
    -------
    ResNet

    See Also
    --------
    resnet18 : errors and the older spelling of `weights`.
    """
    set_param(kwargs, "groups", 32)
    set_param(kwargs, "width_per_group", 8)
    return _resnet(Bottleneck, [3, 4, 23, 3], ResNeXt101_32X8D_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(ResNeXt101_64X4D_Weights.IMAGENET1K_V1)
def resnext101_64x4d(*, weights: ResNeXt101_64X4D_Weights | None = None, progress: bool = True, **kwargs) -> ResNet:
    """Build ResNeXt-101 with 64 groups of 4 channels.

    Parameters
    ----------
    weights : ResNeXt101_64X4D_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        Parameters of :class:`ResNet`.

    Returns
    -------
    ResNet

    See Also
    --------
    resnet18 : errors and the older spelling of `weights`.
    """
    set_param(kwargs, "groups", 64)
    set_param(kwargs, "width_per_group", 4)
    return _resnet(Bottleneck, [3, 4, 23, 3], ResNeXt101_64X4D_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(Wide_ResNet50_2_Weights.IMAGENET1K_V1)
def wide_resnet50_2(*, weights: Wide_ResNet50_2_Weights | None = None, progress: bool = True, **kwargs) -> ResNet:
    """Build ResNet-50 with 3x3 convolutions twice as wide.

    Parameters
    ----------
    weights : Wide_ResNet50_2_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        Parameters of :class:`ResNet`.

    Returns
    -------
    ResNet

    See Also
    --------
    resnet18 : errors and the older spelling of `weights`.
    """
    set_param(kwargs, "width_per_group", 128)
    return _resnet(Bottleneck, [3, 4, 6, 3], Wide_ResNet50_2_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(Wide_ResNet101_2_Weights.IMAGENET1K_V1)
def wide_resnet101_2(*, weights: Wide_ResNet101_2_Weights | None = None, progress: bool = True, **kwargs) -> ResNet:
    """Build ResNet-101 with 3x3 convolutions twice as wide.

    Parameters
    ----------
    weights : Wide_ResNet101_2_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        Parameters of :class:`ResNet`.

    Returns
    -------
    ResNet

    See Also
    --------
    resnet18 : errors and the older spelling of `weights`.
    """
    set_param(kwargs, "width_per_group", 128)
    return _resnet(Bottleneck, [3, 4, 23, 3], Wide_ResNet101_2_Weights.verify(weights), progress, **kwargs)
