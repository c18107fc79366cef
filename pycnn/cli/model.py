"""The models of the command line."""

import pycnn as torch
import pycnn.nn.functional as F
from pycnn import nn
from pycnn.cli import Mistake
from pycnn.vision import models


class SimpleCNN(nn.Module):
    """Two 3x3 convolutions of 32 and 64 channels with ReLU and 2x2 max pooling, then two fully connected layers.

    Parameters
    ----------
    num_classes : int, default 10
    size : int, default 32
        Side of the images.
    """

    def __init__(self, num_classes=10, size=32):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.features = 64 * (size // 4) ** 2
        self.fc1 = nn.Linear(self.features, 512)
        self.fc2 = nn.Linear(512, num_classes)

    def forward(self, x):
        """Return the logits [N, num_classes] of images [N, 3, size, size]."""
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(-1, self.features)
        x = F.relu(self.fc1(x))
        return self.fc2(x)


def build(name, num_classes, size, pretrained=None, freeze=False):
    """Return a new model.

    Parameters
    ----------
    name : str
        simple_cnn, or one of :func:`pycnn.vision.models.list_models`.
    num_classes, size : int
    pretrained : str, optional
        Name of published weights, or a file of such. The last layer is made anew.
    freeze : bool, default False
        Only the last layer wants gradients.

    Raises
    ------
    Mistake
        If there is no such model, its weights cannot be had, or it does not take images of this size.
    """
    if name == "simple_cnn":
        if pretrained:
            raise Mistake("simple_cnn has no published weights: leave out --pretrained, or choose a --model that has")
        if size < 4:
            raise Mistake("simple_cnn takes images of at least 4 x 4 pixels")
        model = SimpleCNN(num_classes, size)
    elif name not in models.list_models():
        raise Mistake(f"there is no model {name!r}. Models are simple_cnn, {', '.join(models.list_models())}")
    else:
        model = _published(name, num_classes, pretrained)
        try:
            with torch.no_grad():
                model.eval()(torch.zeros(1, 3, size, size))
        except (RuntimeError, ValueError) as error:
            raise Mistake(f"{name} cannot take images of {size} x {size} pixels ({error}): give --size, as "
                          "224") from error
    if freeze:
        for parameter in model.parameters():
            parameter.requires_grad = False
        for parameter in model.get_submodule(_last_layer(model)).parameters():
            parameter.requires_grad = True
    return model


def _published(name, num_classes, pretrained):
    """A model of pycnn.vision.models, without the second heads that some have for training."""
    if not pretrained:
        options = {"aux_logits": False, "init_weights": True} if name in ("googlenet", "inception_v3") else {}
        return models.get_model(name, num_classes=num_classes, **options)
    try:
        model = models.get_model(name, weights=pretrained)
    except (RuntimeError, KeyError) as error:
        raise Mistake(error.args[0]) from error
    if name == "inception_v3":
        model.aux_logits, model.AuxLogits = False, None
    path = _last_layer(model)
    last = model.get_submodule(path)
    if isinstance(last, nn.Linear):
        new = nn.Linear(last.in_features, num_classes)
    else:
        new = nn.Conv2d(last.in_channels, num_classes, last.kernel_size)
    parent, _, child = path.rpartition(".")
    setattr(model.get_submodule(parent), child, new)  # as model.fc = nn.Linear(model.fc.in_features, num_classes)
    return model


def _last_layer(model):
    """The path of the layer whose outputs are the classes."""
    return [path for path, module in model.named_modules() if isinstance(module, (nn.Linear, nn.Conv2d))][-1]
