"""VGG. Simonyan and Zisserman, arXiv:1409.1556."""

from pycnn import nn
from pycnn.vision.models._api import WeightsEnum, check_num_classes, load_weights, pretrained_means, register_model
from pycnn.vision.models._meta import REFERENCES, imagenet

__all__ = ["VGG", "VGG11_BN_Weights", "VGG11_Weights", "VGG13_BN_Weights", "VGG13_Weights", "VGG16_BN_Weights",
           "VGG16_Weights",
           "VGG19_BN_Weights", "VGG19_Weights", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn",
           "vgg19", "vgg19_bn"]


class VGG(nn.Module):
    """3x3 convolutions and three linear layers.

    Parameters
    ----------
    features : Module
        The convolutions: [N, 3, H, W] to [N, 512, H / 32, W / 32].
    num_classes : int, default 1000
    init_weights : bool, default True
        Draw initial weights by He et al.'s rule; False: as the layers do by themselves.
    dropout : float, default 0.5
        After the first two linear layers.

    See Also
    --------
    torchvision.models.VGG : same modules, same initial weights for the same seed.
    """

    def __init__(self, features, num_classes=1000, init_weights=True, dropout=0.5):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096), nn.ReLU(True), nn.Dropout(p=dropout),
            nn.Linear(4096, 4096), nn.ReLU(True), nn.Dropout(p=dropout), nn.Linear(4096, num_classes))
        if init_weights:
            self._init_weights()

    def _init_weights(self):
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
                nn.init.constant_(m.bias, 0)
            elif isinstance(m, nn.BatchNorm2d):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)
            elif isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, 0, 0.01)
                nn.init.constant_(m.bias, 0)

    def forward(self, x):
        """Return the scores [N, num_classes] of images [N, 3, H, W]."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


# Channels of the convolutions; M: halve the size.
_CONFIGURATIONS = {
    11: [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    13: [64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    16: [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"],
    19: [64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512, 512, 512, 512, "M"],
}


def make_layers(cfg, batch_norm=False):
    """Return the convolutions of a list of channels, in which "M" halves the size.

    Parameters
    ----------
    cfg : list of int or "M"
    batch_norm : bool, default False
        Normalise behind each.

    Returns
    -------
    Sequential
    """
    layers, channels = [], 3
    for width in cfg:
        if width == "M":
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        layers.append(nn.Conv2d(channels, width, kernel_size=3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU(inplace=True))
        channels = width
    return nn.Sequential(*layers)


def _vgg(depth, batch_norm, weights, progress, **kwargs):
    if weights is not None:
        kwargs["init_weights"] = False
        if weights.meta.get("categories") is not None:
            check_num_classes(weights, kwargs)
    model = VGG(make_layers(_CONFIGURATIONS[depth], batch_norm), **kwargs)
    load_weights(model, weights, progress)
    return model


# ---- weights

def _weights(file, num_params, top1, top5, ops, file_size, recipe=f"{REFERENCES}#alexnet-and-vgg",
             docs="These weights were trained from scratch by using a simplified training recipe.", **more):
    return imagenet(file, num_params, top1, top5, ops, file_size, recipe, docs, min_size=(32, 32), **more)


class VGG11_Weights(WeightsEnum):
    """Weights of :func:`vgg11`."""

    IMAGENET1K_V1 = _weights("vgg11-8a719046.pth", 132863336, 69.02, 88.628, 7.609, 506.84)
    DEFAULT = IMAGENET1K_V1


class VGG11_BN_Weights(WeightsEnum):
    """Weights of :func:`vgg11_bn`."""

    IMAGENET1K_V1 = _weights("vgg11_bn-6002323d.pth", 132868840, 70.37, 89.81, 7.609, 506.881)
    DEFAULT = IMAGENET1K_V1


class VGG13_Weights(WeightsEnum):
    """Weights of :func:`vgg13`."""

    IMAGENET1K_V1 = _weights("vgg13-19584684.pth", 133047848, 69.928, 89.246, 11.308, 507.545)
    DEFAULT = IMAGENET1K_V1


class VGG13_BN_Weights(WeightsEnum):
    """Weights of :func:`vgg13_bn`."""

    IMAGENET1K_V1 = _weights("vgg13_bn-abd245e5.pth", 133053736, 71.586, 90.374, 11.308, 507.59)
    DEFAULT = IMAGENET1K_V1


class VGG16_Weights(WeightsEnum):
    """Weights of :func:`vgg16`."""

    IMAGENET1K_V1 = _weights("vgg16-397923af.pth", 138357544, 71.592, 90.382, 15.47, 527.796)
    IMAGENET1K_FEATURES = _weights(
        "vgg16_features-amdegroot-88682ab5.pth", 138357544, float("nan"), float("nan"), 15.47, 527.802,
        "https://github.com/amdegroot/ssd.pytorch#training-ssd",
        "These weights can't be used for classification because they are missing values in the `classifier`\n"
        "module. Only the `features` module has valid values and can be used for feature extraction. The weights\n"
        "were trained using the original input standardization method as described in the paper.",
        preset={"mean": (0.48235, 0.45882, 0.40784), "std": (1.0 / 255.0,) * 3}, categories=None)
    DEFAULT = IMAGENET1K_V1


class VGG16_BN_Weights(WeightsEnum):
    """Weights of :func:`vgg16_bn`."""

    IMAGENET1K_V1 = _weights("vgg16_bn-6c64b313.pth", 138365992, 73.36, 91.516, 15.47, 527.866)
    DEFAULT = IMAGENET1K_V1


class VGG19_Weights(WeightsEnum):
    """Weights of :func:`vgg19`."""

    IMAGENET1K_V1 = _weights("vgg19-dcbb9e9d.pth", 143667240, 72.376, 90.876, 19.632, 548.051)
    DEFAULT = IMAGENET1K_V1


class VGG19_BN_Weights(WeightsEnum):
    """Weights of :func:`vgg19_bn`."""

    IMAGENET1K_V1 = _weights("vgg19_bn-c79401a0.pth", 143678248, 74.218, 91.842, 19.632, 548.143)
    DEFAULT = IMAGENET1K_V1


# ---- models

@register_model()
@pretrained_means(VGG11_Weights.IMAGENET1K_V1)
def vgg11(*, weights: VGG11_Weights | None = None, progress: bool = True, **kwargs) -> VGG:
    """Build VGG-11.

    Parameters
    ----------
    weights : VGG11_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs
        Parameters of :class:`VGG`.

    Returns
    -------
    VGG
    """
    return _vgg(11, False, VGG11_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(VGG11_BN_Weights.IMAGENET1K_V1)
def vgg11_bn(*, weights: VGG11_BN_Weights | None = None, progress: bool = True, **kwargs) -> VGG:
    """Build VGG-11 with batch normalisation.

    Parameters
    ----------
    weights : VGG11_BN_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        As for :func:`vgg11`.

    Returns
    -------
    VGG

    See Also
    --------
    vgg11 : errors.
    """
    return _vgg(11, True, VGG11_BN_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(VGG13_Weights.IMAGENET1K_V1)
def vgg13(*, weights: VGG13_Weights | None = None, progress: bool = True, **kwargs) -> VGG:
    """Build VGG-13.

    Parameters
    ----------
    weights : VGG13_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        As for :func:`vgg11`.

    Returns
    -------
    VGG

    See Also
    --------
    vgg11 : errors.
    """
    return _vgg(13, False, VGG13_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(VGG13_BN_Weights.IMAGENET1K_V1)
def vgg13_bn(*, weights: VGG13_BN_Weights | None = None, progress: bool = True, **kwargs) -> VGG:
    """Build VGG-13 with batch normalisation.

    Parameters
    ----------
    weights : VGG13_BN_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        As for :func:`vgg11`.

    Returns
    -------
    VGG

    See Also
    --------
    vgg11 : errors.
    """
    return _vgg(13, True, VGG13_BN_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(VGG16_Weights.IMAGENET1K_V1)
def vgg16(*, weights: VGG16_Weights | None = None, progress: bool = True, **kwargs) -> VGG:
    """Build VGG-16.

    Parameters
    ----------
    weights : VGG16_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        As for :func:`vgg11`.

    Returns
    -------
    VGG

    See Also
    --------
    vgg11 : errors.
    """
    return _vgg(16, False, VGG16_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(VGG16_BN_Weights.IMAGENET1K_V1)
def vgg16_bn(*, weights: VGG16_BN_Weights | None = None, progress: bool = True, **kwargs) -> VGG:
    """Build VGG-16 with batch normalisation.

    Parameters
    ----------
    weights : VGG16_BN_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        As for :func:`vgg11`.

    Returns
    -------
    VGG

    See Also
    --------
    vgg11 : errors.
    """
    return _vgg(16, True, VGG16_BN_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(VGG19_Weights.IMAGENET1K_V1)
def vgg19(*, weights: VGG19_Weights | None = None, progress: bool = True, **kwargs) -> VGG:
    """Build VGG-19.

    Parameters
    ----------
    weights : VGG19_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        As for :func:`vgg11`.

    Returns
    -------
    VGG

    See Also
    --------
    vgg11 : errors.
    """
    return _vgg(19, False, VGG19_Weights.verify(weights), progress, **kwargs)


@register_model()
@pretrained_means(VGG19_BN_Weights.IMAGENET1K_V1)
def vgg19_bn(*, weights: VGG19_BN_Weights | None = None, progress: bool = True, **kwargs) -> VGG:
    """Build VGG-19 with batch normalisation.

    Parameters
    ----------
    weights : VGG19_BN_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
        initial weights are drawn.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs : object
        As for :func:`vgg11`.

    Returns
    -------
    VGG

    See Also
    --------
    vgg11 : errors.
    """
    return _vgg(19, True, VGG19_BN_Weights.verify(weights), progress, **kwargs)
