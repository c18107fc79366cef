"""Pruning: parameters are multiplied by masks, ``name_orig`` by ``name_mask``, before each call of their module."""

import numbers

from pycnn import _C
from pycnn._missing import getattr_of as _getattr_of
from pycnn.nn.utils.convert_parameters import parameters_to_vector as _as_vector

__all__ = ["BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
           "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned",
           "l1_unstructured", "ln_structured", "random_structured", "random_unstructured", "remove"]


def _check_amount(amount):
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (not isinstance(amount, numbers.Integral) and float(amount) > 1.0):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _how_many(amount, size):
    if not isinstance(amount, numbers.Integral):
        return round(amount * size)
    if amount > size:
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={size}")
    return amount


class BasePruningMethod:
    """A way to choose what is zeroed, and the hook that zeroes it.

    Subclasses define `compute_mask`, which gets the scores of a tensor and the mask so far, and ``PRUNING_TYPE``:
    "unstructured", "structured" or "global".
    """

    _tensor_name = None

    def __call__(self, module, inputs):
        setattr(module, self._tensor_name, self.apply_mask(module))

    def compute_mask(self, t, default_mask):
        """Return the mask.

        Parameters
        ----------
        t : Tensor
            Scores: what is small goes.
        default_mask : Tensor
            What earlier methods have left.

        Returns
        -------
        Tensor

        Raises
        ------
        NotImplementedError
            Here: subclasses define it.
        """
        raise NotImplementedError

    def apply_mask(self, module):
        """Return the parameter times its mask.

        Parameters
        ----------
        module : Module

        Returns
        -------
        Tensor
        """
        original = getattr(module, self._tensor_name + "_orig")
        return getattr(module, self._tensor_name + "_mask").to(original.dtype) * original

    @classmethod
    def apply(cls, module, name, *args, importance_scores=None, **kwargs):
        """Prune a parameter of a module, on top of what has been pruned.

        Parameters
        ----------
        module : Module
        name : str
        *args : object
        **kwargs : object
            Of the method.
        importance_scores : Tensor, optional
            The parameter itself by default.

        Returns
        -------
        BasePruningMethod
            The hook.

        Raises
        ------
        AssertionError
            If the scores have another shape.
        """
        old = {k: h for k, h in module._forward_pre_hooks.items()
               if isinstance(h, BasePruningMethod) and h._tensor_name == name}
        for key in old:
            del module._forward_pre_hooks[key]
        method = cls(*args, **kwargs)
        method._tensor_name = name
        for hook in old.values():
            container = hook if isinstance(hook, PruningContainer) else PruningContainer(hook)
            container.add_pruning_method(method)
            method = container
        original = getattr(module, name)
        scores = original if importance_scores is None else importance_scores
        if scores.shape != original.shape:
            raise AssertionError(f"importance_scores should have the same shape as parameter {name} of {module}, got "
                                 f"{scores.shape} vs {original.shape}")
        mask = getattr(module, name + "_mask").detach().clone() if old else _C.fn.ones_like(original)
        mask = method.compute_mask(scores.detach(), default_mask=mask.detach())
        if not old:
            module.register_parameter(name + "_orig", original)
            del module._parameters[name]
        module.register_buffer(name + "_mask", mask.detach())
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t, default_mask=None, importance_scores=None):
        """Return a tensor with what is chosen zeroed.

        Parameters
        ----------
        t : Tensor
        default_mask : Tensor, optional
        importance_scores : Tensor, optional
            `t` by default.

        Returns
        -------
        Tensor
        """
        mask = _C.fn.ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(t if importance_scores is None else importance_scores, default_mask=mask)

    def remove(self, module):
        """Make a parameter of the masked one, for good.

        Parameters
        ----------
        module : Module
        """
        weight = self.apply_mask(module)
        delattr(module, self._tensor_name)
        original = module._parameters.pop(self._tensor_name + "_orig")
        original.data = weight.detach()
        del module._buffers[self._tensor_name + "_mask"]
        setattr(module, self._tensor_name, original)


class PruningContainer(BasePruningMethod):
    """Several methods one after the other.

    Parameters
    ----------
    *args : BasePruningMethod
    """

    def __init__(self, *args):
        self._pruning_methods = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method):
        """Add one.

        Parameters
        ----------
        method : BasePruningMethod

        Raises
        ------
        TypeError
            If it is none.
        ValueError
            If it is for another parameter.
        """
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if self._tensor_name != method._tensor_name:
            raise ValueError(f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to "
                             f"PruningContainer {self}. Found '{method._tensor_name}'")
        self._pruning_methods += (method,)

    def __len__(self):
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, idx):
        return self._pruning_methods[idx]

    def compute_mask(self, t, default_mask):
        """Return the mask of the last method, among what the others have left.

        Parameters
        ----------
        t : Tensor
        default_mask : Tensor

        Returns
        -------
        Tensor

        Raises
        ------
        ValueError
            If the method is of no known type.
        """
        method, mask = self._pruning_methods[-1], default_mask.to(t.dtype).clone()
        if method.PRUNING_TYPE == "unstructured":
            kept = default_mask == 1
        elif method.PRUNING_TYPE == "structured":
            dim = method.dim % t.dim()
            left = default_mask.sum([d for d in range(t.dim()) if d != dim]) != 0
            kept = (slice(None),) * dim + (left.nonzero().reshape(-1),)
        elif method.PRUNING_TYPE == "global":
            kept = (slice(None),) * t.dim()
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        mask[kept] = method.compute_mask(t[kept], default_mask=default_mask[kept]).to(mask.dtype)
        return mask


class Identity(BasePruningMethod):
    """Zero nothing, but have original and mask."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        return default_mask


class _ByAmount(BasePruningMethod):
    """What goes is an amount."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount):
        _check_amount(amount)
        self.amount = amount


class _Elements(_ByAmount):
    """Single elements go: those of `_chosen`."""

    def compute_mask(self, t, default_mask):
        k = _how_many(self.amount, t.numel())
        if k == 0:
            return default_mask.clone()
        mask = default_mask.reshape(-1).clone()
        mask[self._chosen(t, k)] = 0
        return mask.reshape(default_mask.shape)


class RandomUnstructured(_Elements):
    """Zero elements at random.

    Parameters
    ----------
    amount : int or float
        How many, or which part.
    """

    def _chosen(self, t, k):
        return _C.fn.rand_like(t).reshape(-1).topk(k).indices


class L1Unstructured(_Elements):
    """Zero the smallest elements.

    Parameters
    ----------
    amount : int or float
        How many, or which part.
    """

    def _chosen(self, t, k):
        return t.abs().reshape(-1).topk(k, largest=False).indices


class _Channels(_ByAmount):
    """Whole channels of a dimension go."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount, dim=-1):
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t, default_mask):
        """Return the mask.

        Parameters
        ----------
        t : Tensor
        default_mask : Tensor

        Returns
        -------
        Tensor

        Raises
        ------
        ValueError
            If the tensor has fewer than two dimensions.
        IndexError
            If the dimension is out of range.
        """
        if t.dim() <= 1:
            raise ValueError("Structured pruning can only be applied to multidimensional tensors. Found tensor of "
                             f"shape {t.shape} with {t.dim()} dims")
        if self.dim >= t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        size = t.shape[self.dim]
        k = _how_many(self.amount, size)
        if k == 0:
            return default_mask
        shape = [1] * t.dim()
        shape[self.dim] = size
        return default_mask.to(t.dtype) * self._kept(t, size, k).to(t.dtype).reshape(shape)


class RandomStructured(_Channels):
    """Zero channels at random.

    Parameters
    ----------
    amount : int or float
        How many, or which part.
    dim : int, default -1
        Of the channels.
    """

    def _kept(self, t, size, k):
        chances = _C.fn.rand(size)
        return chances > chances.kthvalue(k).values


class LnStructured(_Channels):
    """Zero the channels with the smallest norms.

    Parameters
    ----------
    amount : int or float
        How many, or which part.
    n : float or "fro"
        Of the norm.
    dim : int, default -1
        Of the channels.
    """

    def __init__(self, amount, n, dim=-1):
        super().__init__(amount, dim)
        self.n = n

    def _kept(self, t, size, k):
        others = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        norms = t.norm(2 if self.n == "fro" else self.n, others)
        return _C.fn.zeros(size, dtype=t.dtype).index_fill(0, norms.topk(size - k).indices, 1.0)


class CustomFromMask(BasePruningMethod):
    """Zero where a mask is zero.

    Parameters
    ----------
    mask : Tensor
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask):
        self.mask = mask

    def compute_mask(self, t, default_mask):
        return default_mask * self.mask.to(default_mask.dtype)


def identity(module, name):
    """Give a parameter an original and a mask of ones. In place.

    Parameters
    ----------
    module : Module
    name : str

    Returns
    -------
    Module
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module, name, amount):
    """Zero elements of a parameter at random. In place.

    Parameters
    ----------
    module : Module
    name : str
    amount : int or float
        How many, or which part.

    Returns
    -------
    Module
    """
    RandomUnstructured.apply(module, name, amount=amount)
    return module


def l1_unstructured(module, name, amount, importance_scores=None):
    """Zero the smallest elements of a parameter. In place.

    Parameters
    ----------
    module : Module
    name : str
    amount : int or float
        How many, or which part.
    importance_scores : Tensor, optional
        The parameter itself by default.

    Returns
    -------
    Module
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module, name, amount, dim):
    """Zero channels of a parameter at random. In place.

    Parameters
    ----------
    module : Module
    name : str
    amount : int or float
        How many, or which part.
    dim : int
        Of the channels.

    Returns
    -------
    Module
    """
    RandomStructured.apply(module, name, amount=amount, dim=dim)
    return module


def ln_structured(module, name, amount, n, dim, importance_scores=None):
    """Zero the channels of a parameter with the smallest norms. In place.

    Parameters
    ----------
    module : Module
    name : str
    amount : int or float
        How many, or which part.
    n : float or "fro"
        Of the norm.
    dim : int
        Of the channels.
    importance_scores : Tensor, optional
        The parameter itself by default.

    Returns
    -------
    Module
    """
    LnStructured.apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module, name, mask):
    """Zero a parameter where a mask is zero. In place.

    Parameters
    ----------
    module : Module
    name : str
    mask : Tensor

    Returns
    -------
    Module
    """
    CustomFromMask.apply(module, name, mask=mask)
    return module


def global_unstructured(parameters, pruning_method, importance_scores=None, **kwargs):
    """Zero elements of several parameters, chosen among all of them. In place.

    Parameters
    ----------
    parameters : iterable of (Module, str)
    pruning_method : type
        A BasePruningMethod of type "unstructured".
    importance_scores : dict, optional
        {(module, name): scores}; the parameters themselves by default.
    **kwargs : object
        Of the method.

    Raises
    ------
    TypeError
        If the method is of another type.
    """
    parameters, scores = list(parameters), importance_scores or {}
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError('Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
                        f"{pruning_method} of type {method.PRUNING_TYPE}")
    values = [getattr(module, name).detach() for module, name in parameters]
    masks = [getattr(module, name + "_mask", _C.fn.ones_like(v)) for (module, name), v in zip(parameters, values)]
    chosen = PruningContainer(method).compute_mask(
        _as_vector([scores.get(place, v) for place, v in zip(parameters, values)]), _as_vector(masks))
    at = 0
    for (module, name), value in zip(parameters, values):
        custom_from_mask(module, name, mask=chosen[at:at + value.numel()].reshape(value.shape))
        at += value.numel()


def remove(module, name):
    """Make pruning of a parameter permanent: the original goes. In place.

    Parameters
    ----------
    module : Module
    name : str

    Returns
    -------
    Module

    Raises
    ------
    ValueError
        If it is not pruned.
    """
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module):
    """Return True if a module, or one within it, is pruned.

    Parameters
    ----------
    module : Module

    Returns
    -------
    bool
    """
    return any(isinstance(hook, BasePruningMethod) for m in module.modules() for hook in m._forward_pre_hooks.values())


__getattr__ = _getattr_of(__name__, __all__)
