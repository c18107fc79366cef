"""Models that return what comes out of their inner modules."""

from pycnn.nn import Module

__all__ = ["create_feature_extractor", "get_graph_node_names"]


class _Done(Exception):
    """All that was asked for has been seen."""


class FeatureExtractor(Module):
    """A model up to the last of some modules; returns a dict of what they gave.

    Parameters
    ----------
    model : Module
        Whose modules it shares.
    return_nodes : dict of str to str
        {name of a module in the model: key of the result}.
    """

    def __init__(self, model, return_nodes):
        super().__init__()
        self._modules, self._parameters, self._buffers = model._modules, model._parameters, model._buffers
        self._non_persistent_buffers_set = model._non_persistent_buffers_set
        object.__setattr__(self, "_model", model)
        self.return_nodes = dict(return_nodes)

    def train(self, mode=True):
        """Set training mode, as of any module.

        Parameters
        ----------
        mode : bool, default True

        Returns
        -------
        FeatureExtractor
        """
        self._model.train(mode)
        return super().train(mode)

    def forward(self, *args, **kwargs):
        """Run the model and return {key: what the module gave}."""
        modules, found, calls = dict(self._model.named_modules()), {}, {}

        def watch(name, path, at):
            def hook(module, inputs, output):
                calls[name] = calls.get(name, 0) + 1
                if at is None or calls[name] == at + 1:
                    found[name] = output
                if at is not None and len(found) == len(self.return_nodes):
                    raise _Done
            return modules[path].register_forward_hook(hook)

        handles = [watch(name, *_place(name, modules)) for name in self.return_nodes]
        try:
            self._model(*args, **kwargs)
        except _Done:
            pass
        finally:
            for handle in handles:
                handle.remove()
        return {key: found[name] for name, key in self.return_nodes.items()}


def _place(name, modules):
    """A module's path and which of its calls is meant: "layer1.0.relu_1" is the second one."""
    if name in modules:
        return name, 0
    path, _, number = name.rpartition("_")
    if path in modules and number.isdigit():
        return path, int(number)
    raise ValueError(f"node: '{name}' is not present in model. Hint: use `get_graph_node_names` to make sure the "
                     "`return_nodes` you specified are present. pycnn finds modules, not operations between them")


def create_feature_extractor(model, return_nodes=None, train_return_nodes=None, eval_return_nodes=None,
                             tracer_kwargs=None, suppress_diff_warning=False, concrete_args=None):
    """Return a model that gives what inner modules of another give.

    Parameters
    ----------
    model : Module
    return_nodes : list of str, or dict of str to str
        Names of modules (``"layer2"``, ``"layer4.1.relu_1"``: the second call), or {name: key of the result}.
    train_return_nodes, eval_return_nodes : optional
        The same for each mode; here they have to be equal.
    tracer_kwargs, suppress_diff_warning, concrete_args : object
        Accepted: nothing is traced here.

    Returns
    -------
    FeatureExtractor
        It stops behind the last of these modules.

    Raises
    ------
    ValueError
        If no nodes are given, too many, or there is no such module.

    Notes
    -----
    torchvision also knows the operations between modules by name (``"flatten"``, ``"add"``); here modules alone are
    found.
    """
    if (return_nodes is None) == (train_return_nodes is None or eval_return_nodes is None):
        raise ValueError("Either `return_nodes` or `train_return_nodes` and `eval_return_nodes` together, should be "
                         "specified")
    if return_nodes is None:
        if train_return_nodes != eval_return_nodes:
            raise ValueError("train_return_nodes and eval_return_nodes have to be equal")
        return_nodes = train_return_nodes
    if not isinstance(return_nodes, dict):
        return_nodes = {name: name for name in return_nodes}
    return_nodes = {str(name): str(key) for name, key in return_nodes.items()}
    modules = dict(model.named_modules())
    for name in return_nodes:
        _place(name, modules)
    return FeatureExtractor(model, return_nodes)


def get_graph_node_names(model, tracer_kwargs=None, suppress_diff_warning=False, concrete_args=None):
    """Return the names that :func:`create_feature_extractor` takes, of training and of evaluation.

    Parameters
    ----------
    model : Module
    tracer_kwargs, suppress_diff_warning, concrete_args : object
        Accepted: nothing is traced here.

    Returns
    -------
    tuple of two lists of str
        The modules that hold no others, in the order of their registration; the lists are equal.
    """
    names = [name for name, module in model.named_modules() if name and not module._modules]
    return names, list(names)
