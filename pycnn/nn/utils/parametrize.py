"""Parameters that are computed from others by modules."""

import copy

from pycnn._missing import getattr_of as _getattr_of
from pycnn._tensor import Tensor
from pycnn.autograd.grad_mode import no_grad
from pycnn.nn.modules.container import ModuleDict, ModuleList
from pycnn.nn.parameter import Parameter

__all__ = ["ParametrizationList", "is_parametrized", "register_parametrization", "remove_parametrizations"]


class ParametrizationList(ModuleList):
    """The modules that compute one parameter, and what they compute it from: ``original``, or ``original0`` and so on.

    Parameters
    ----------
    modules : list of Module
    original : Tensor
        What the parameter was.
    """

    def __init__(self, modules, original):
        super().__init__(modules)
        new = original
        with no_grad():
            for module in reversed(self):
                if hasattr(module, "right_inverse"):
                    new = module.right_inverse(new)
        self.is_tensor = isinstance(new, Tensor)
        if self.is_tensor:
            original.data = new
            self.original, self.ntensors = original, 1
        else:
            self.ntensors = len(new)
            for k, value in enumerate(new):
                value = Parameter(value.detach()) if isinstance(original, Parameter) else value
                setattr(self, f"original{k}", value)

    def forward(self):
        """Return the parameter."""
        if self.is_tensor:
            x = self[0](self.original)
        else:
            x = self[0](*(getattr(self, f"original{k}") for k in range(self.ntensors)))
        for k in range(1, len(self)):
            x = self[k](x)
        return x


def _computed(name):
    def get(self):
        return self.parametrizations[name]()

    def put(self, value):
        with no_grad():
            of = self.parametrizations[name]
            for module in reversed(of):
                value = module.right_inverse(value)
            for k, part in enumerate([value] if of.is_tensor else value):
                getattr(of, "original" if of.is_tensor else f"original{k}").copy_(part)
    return property(get, put)


def _copy(self, memo):
    cls = type(self)
    replica = cls.__new__(cls)
    memo[id(self)] = replica
    replica.__dict__ = copy.deepcopy(self.__dict__, memo)
    return replica


def register_parametrization(module, tensor_name, parametrization, *, unsafe=False):
    """Let a module compute a parameter or buffer of another from what it was. In place.

    Parameters
    ----------
    module : Module
        Becomes one of a class ``Parametrized...`` of its own.
    tensor_name : str
    parametrization : Module
        Called with the original; its ``right_inverse``, where it has one, makes the original of a value.
    unsafe : bool, default False
        Accepted: shapes are not compared.

    Returns
    -------
    Module

    Raises
    ------
    ValueError
        If there is no such tensor.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        module.parametrizations[tensor_name].append(parametrization)
        return module
    if tensor_name not in module._parameters and tensor_name not in module._buffers:
        raise ValueError(f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
                         f"'{tensor_name}'")
    original = getattr(module, tensor_name)
    parts = ParametrizationList([parametrization], original)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        cls = type(module)
        module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), {"__deepcopy__": _copy, "_unparametrized": cls})
        module.parametrizations = ModuleDict()
    setattr(type(module), tensor_name, _computed(tensor_name))
    module.parametrizations[tensor_name] = parts
    return module


def is_parametrized(module, tensor_name=None):
    """Return True if a module, or one tensor of it, is computed.

    Parameters
    ----------
    module : Module
    tensor_name : str, optional

    Returns
    -------
    bool
    """
    parts = getattr(module, "parametrizations", None)
    if not isinstance(parts, ModuleDict):
        return False
    return len(parts) > 0 if tensor_name is None else tensor_name in parts


def remove_parametrizations(module, tensor_name, leave_parametrized=True):
    """Make a tensor a parameter again. In place.

    Parameters
    ----------
    module : Module
    tensor_name : str
    leave_parametrized : bool, default True
        With the computed values; else with the original ones.

    Returns
    -------
    Module

    Raises
    ------
    ValueError
        If it is not computed, or its originals are several and wanted.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    parts = module.parametrizations[tensor_name]
    if not parts.is_tensor and not leave_parametrized:
        raise ValueError("Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in "
                         "terms of a sequence of tensors.")
    value = getattr(module, tensor_name).detach() if leave_parametrized else parts.original.detach()
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    module.register_parameter(tensor_name, Parameter(value))
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module)._unparametrized
    return module


__getattr__ = _getattr_of(__name__, __all__)
