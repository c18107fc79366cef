"""IntermediateLayerGetter, under torchvision's private name, which many scripts import."""

from collections import OrderedDict

from pycnn.nn import ModuleDict


class IntermediateLayerGetter(ModuleDict):
    """The first layers of a model, one after the other; returns what some of them gave.

    Parameters
    ----------
    model : Module
        Whose direct children are run in the order of their registration.
    return_layers : dict of str to str
        {name of a child: key of the result}.

    Raises
    ------
    ValueError
        If there is no such child.
    """

    def __init__(self, model, return_layers):
        if not set(return_layers) <= {name for name, _ in model.named_children()}:
            raise ValueError("return_layers are not present in model")
        layers, missing = OrderedDict(), {str(name) for name in return_layers}
        for name, module in model.named_children():
            layers[name] = module
            missing.discard(name)
            if not missing:
                break
        super().__init__(layers)
        self.return_layers = return_layers

    def forward(self, x):
        """Return an OrderedDict of {key: what the layer gave}."""
        out = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                out[self.return_layers[name]] = x
        return out
