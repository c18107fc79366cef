"""AlexNet, with one tower. Krizhevsky, arXiv:1404.5997."""

from pycnn import nn
from pycnn.vision.models._api import WeightsEnum, check_num_classes, load_weights, pretrained_means, register_model
from pycnn.vision.models._meta import REFERENCES, imagenet

__all__ = ["AlexNet", "AlexNet_Weights", "alexnet"]


class AlexNet(nn.Module):
    """Five convolutions and three linear layers.

    Parameters
    ----------
    num_classes : int, default 1000
    dropout : float, default 0.5
        Before the first two linear layers.

    See Also
    --------
    torchvision.models.AlexNet : same modules, same initial weights for the same seed.
    """

    def __init__(self, num_classes=1000, dropout=0.5):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2), nn.ReLU(inplace=True),
                                      nn.MaxPool2d(kernel_size=3, stride=2),
                                      nn.Conv2d(64, 192, kernel_size=5, padding=2), nn.ReLU(inplace=True),
                                      nn.MaxPool2d(kernel_size=3, stride=2),
                                      nn.Conv2d(192, 384, kernel_size=3, padding=1), nn.ReLU(inplace=True),
                                      nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(inplace=True),
                                      nn.Conv2d(256, 256, kernel_size=3, padding=1), nn.ReLU(inplace=True),
                                      nn.MaxPool2d(kernel_size=3, stride=2))
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(inplace=True),
            nn.Dropout(p=dropout), nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Linear(4096, num_classes))

    def forward(self, x):
        """Return the scores [N, num_classes] of images [N, 3, H, W]."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class AlexNet_Weights(WeightsEnum):
    """Weights of :func:`alexnet`."""

    IMAGENET1K_V1 = imagenet("alexnet-owt-7be5be79.pth", 61100840, 56.522, 79.066, 0.714, 233.087,
                             f"{REFERENCES}#alexnet-and-vgg",
                             "These weights reproduce closely the results of the paper using a simplified training "
                             "recipe.",
                             min_size=(63, 63))
    DEFAULT = IMAGENET1K_V1


@register_model()
@pretrained_means(AlexNet_Weights.IMAGENET1K_V1)
def alexnet(*, weights: AlexNet_Weights | None = None, progress: bool = True, **kwargs) -> AlexNet:
    """Build AlexNet.

    Parameters
    ----------
    weights : AlexNet_Weights, str or path, optional
        Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none.
    progress : bool, default True
        Show a bar while weights are downloaded.
    **kwargs
        Parameters of :class:`AlexNet`.

    Returns
    -------
    AlexNet
    """
    weights = AlexNet_Weights.verify(weights)
    check_num_classes(weights, kwargs)
    model = AlexNet(**kwargs)
    load_weights(model, weights, progress)
    return model
