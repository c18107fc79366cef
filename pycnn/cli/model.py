"""The models of the command line."""

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
        If there is no such model, or its weights cannot be had.
    """
    if name == "simple_cnn":
        if pretrained:
            raise Mistake("simple_cnn has no published weights: leave out --pretrained, or choose a --model that has")
        if size < 4:
            raise Mistake("simple_cnn takes images of at least 4 x 4 pixels")
        model = SimpleCNN(num_classes, size)
    elif name not in models.list_models():
        raise Mistake(f"there is no model {name!r}. Models are simple_cnn, {', '.join(models.list_models())}")
    elif pretrained:
        try:
            model = models.get_model(name, weights=pretrained)
        except (RuntimeError, KeyError) as error:
            raise Mistake(f"{pretrained}: {error.args[0]}") from error
        path, last = last_linear(model)
        parent = model.get_submodule(path.rpartition(".")[0])
        setattr(parent, path.rpartition(".")[2], nn.Linear(last.in_features, num_classes))  # model.fc = nn.Linear(...)
    else:
        model = models.get_model(name, num_classes=num_classes)
    if freeze:
        for parameter in model.parameters():
            parameter.requires_grad = False
        for parameter in last_linear(model)[1].parameters():
            parameter.requires_grad = True
    return model


def last_linear(model):
    """Return the path and the module of the last Linear layer.

    Raises
    ------
    Mistake
        If there is none.
    """
    found = [(path, module) for path, module in model.named_modules() if isinstance(module, nn.Linear)]
    if not found:
        raise Mistake(f"{type(model).__name__} has no Linear layer that could be trained alone")
    return found[-1]
