"""Modules that hold modules or parameters."""

import operator
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import chain, islice

from pycnn._tensor import Tensor
from pycnn.nn.modules.module import Module, _indent
from pycnn.nn.parameter import Parameter


def _position(index, size):
    """An index from the start."""
    index = operator.index(index)
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of range")
    return index % size


class _Numbered(Module):
    """Children under the names "0", "1", ..."""

    def _name_at(self, index):
        return next(islice(self._modules, _position(index, len(self)), None))

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def __getitem__(self, index):
        return self._modules[self._name_at(index)]

    def __setitem__(self, index, module):
        setattr(self, self._name_at(index), module)

    def __delitem__(self, index):
        for name in list(self._modules)[index] if isinstance(index, slice) else [self._name_at(index)]:
            delattr(self, name)
        self._modules = OrderedDict((str(k), m) for k, m in enumerate(self._modules.values()))

    def append(self, module):
        """Add a module at the end; returns the container.

        Parameters
        ----------
        module : Module

        Returns
        -------
        Module
            The container.
        """
        self.add_module(str(len(self)), module)
        return self

    def _insert(self, index, module):
        for k in range(len(self._modules), index, -1):
            self._modules[str(k)] = self._modules[str(k - 1)]
        self._modules[str(index)] = module

    def pop(self, key):
        """Remove a module (or a slice of them) and return it.

        Parameters
        ----------
        key : int or slice

        Returns
        -------
        Module
            What was there; of a slice, a container.
        """
        module = self[key]
        del self[key]
        return module


class Sequential(_Numbered):
    """Runs modules one after the other.

    Parameters
    ----------
    *args : Module, or one OrderedDict of str to Module

    See Also
    --------
    torch.nn.Sequential : same behaviour.

    Examples
    --------
    >>> model = Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten())
    >>> model(pycnn.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 288])
    >>> model[0].weight.shape
    torch.Size([8, 3, 3, 3])
    """

    def __init__(self, *args):
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], OrderedDict) else enumerate(args)
        for name, module in named:
            self.add_module(str(name) if isinstance(name, int) else name, module)

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(OrderedDict(list(self._modules.items())[idx]))
        return super().__getitem__(idx)

    def _check_other(self, other):
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")

    def __add__(self, other):
        self._check_other(other)
        return Sequential(*self, *other)

    def __iadd__(self, other):
        self._check_other(other)
        return self.extend(list(other))

    def _check_factor(self, n):
        if not isinstance(n, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(n)}")
        if n <= 0:
            raise ValueError(f"Non-positive multiplication factor {n} for {type(self)}")

    def __mul__(self, other):
        self._check_factor(other)
        return Sequential(*list(self) * other)

    __rmul__ = __mul__

    def __imul__(self, other):
        self._check_factor(other)
        return self.extend(list(self) * (other - 1))

    def forward(self, input):
        for module in self._modules.values():
            input = module(input)
        return input

    def insert(self, index, module):
        """Put a module before position `index`; returns the container.

        Parameters
        ----------
        index : int
            From the end if negative.
        module : Module

        Returns
        -------
        Sequential
            This one.

        Raises
        ------
        AssertionError
            If `module` is no module.
        IndexError
            If `index` is out of range.
        """
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        n = len(self._modules)
        if not -n <= index <= n:
            raise IndexError(f"Index out of range: {index}")
        self._insert(index + n if index < 0 else index, module)
        return self

    def extend(self, sequential):
        """Add modules at the end; returns the container.

        Parameters
        ----------
        sequential : iterable of Module

        Returns
        -------
        Sequential
            This one.
        """
        for module in sequential:
            self.append(module)
        return self


class ModuleList(_Numbered):
    """A list of modules.

    Parameters
    ----------
    modules : iterable of Module, optional

    See Also
    --------
    torch.nn.ModuleList : same behaviour.
    """

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self += modules

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(list(self._modules.values())[idx])
        return super().__getitem__(idx)

    def __iadd__(self, modules):
        return self.extend(modules)

    def __add__(self, other):
        return ModuleList(chain(self, other))

    def insert(self, index, module):
        """Put a module before position `index`.

        Parameters
        ----------
        index : int
            From the end if negative.
        module : Module
        """
        self._insert(index, module)

    def extend(self, modules):
        """Add modules at the end; returns the container.

        Parameters
        ----------
        modules : iterable of Module

        Returns
        -------
        ModuleList
            This one.

        Raises
        ------
        TypeError
            If `modules` is not iterable.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def __repr__(self):
        runs = []  # [first, last, text] of equal neighbours
        for k, text in enumerate(map(repr, self)):
            if runs and runs[-1][2] == text:
                runs[-1][1] = k
            else:
                runs.append([k, k, text])
        if not runs:
            return self._get_name() + "()"
        lines = [_indent(f"({a}): {text}" if a == b else f"({a}-{b}): {b - a + 1} x {text}") for a, b, text in runs]
        return self._get_name() + "(\n  " + "\n  ".join(lines) + "\n)"


def _pairs(what, values, mapping_in_order):
    """(key, value) pairs of a mapping or of an iterable of pairs."""
    if not isinstance(values, Iterable):
        raise TypeError(f"{what}.update should be called with an iterable of key/value pairs, but got "
                        + type(values).__name__)
    if isinstance(values, (OrderedDict, ModuleDict, ParameterDict)):
        return values.items()
    if isinstance(values, Mapping):
        return values.items() if mapping_in_order else sorted(values.items())
    pairs = []
    for k, pair in enumerate(values):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{what} update sequence element #{k} should be Iterable; is{type(pair).__name__}")
        if len(pair) != 2:
            raise ValueError(f"{what} update sequence element #{k} has length {len(pair)}; 2 is required")
        pairs.append(pair)
    return pairs


class ModuleDict(Module):
    """A dict of modules.

    Parameters
    ----------
    modules : mapping or iterable of (str, Module), optional

    See Also
    --------
    torch.nn.ModuleDict : same behaviour.
    """

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key):
        return self._modules[key]

    def __setitem__(self, key, module):
        self.add_module(key, module)

    def __delitem__(self, key):
        del self._modules[key]

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def __contains__(self, key):
        return key in self._modules

    def clear(self):
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key):
        """Remove a module and return it.

        Parameters
        ----------
        key : str

        Returns
        -------
        Module
        """
        return self._modules.pop(key)

    def keys(self):
        """Return the names."""
        return self._modules.keys()

    def items(self):
        """Return (name, module) pairs."""
        return self._modules.items()

    def values(self):
        """Return the modules."""
        return self._modules.values()

    def update(self, modules):
        """Add modules from a mapping or an iterable of pairs.

        Parameters
        ----------
        modules : mapping or iterable of (str, Module)
        """
        for name, module in _pairs("ModuleDict", modules, True):
            self[name] = module


def _parameter(value):
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _describe(key, value, type_of):
    """The line of one value in a container's text."""
    if not isinstance(value, Tensor):
        return f"  ({key}): Object of type: {type(value).__name__}"
    what = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"  ({key}): {what} containing: [{type_of(value)} of size {'x'.join(map(str, value.shape))}]"


class ParameterList(Module):
    """A list of parameters; tensors become parameters, other values are kept as they are.

    Parameters
    ----------
    values : iterable, optional

    See Also
    --------
    torch.nn.ParameterList : same behaviour.
    """

    def __init__(self, values=None):
        super().__init__()
        self._size = 0
        if values is not None:
            self += values

    def __len__(self):
        return self._size

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(self[k] for k in range(*idx.indices(len(self))))
        return getattr(self, str(_position(idx, len(self))))

    def __setitem__(self, idx, param):
        setattr(self, str(_position(idx, len(self))), _parameter(param))

    def __iter__(self):
        return (self[k] for k in range(len(self)))

    def __iadd__(self, parameters):
        return self.extend(parameters)

    def append(self, value):
        """Add a value at the end; returns the list.

        Parameters
        ----------
        value : Tensor or object

        Returns
        -------
        ParameterList
            This one.
        """
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values):
        """Add values at the end; returns the list.

        Parameters
        ----------
        values : iterable

        Returns
        -------
        ParameterList
            This one.

        Raises
        ------
        TypeError
            If `values` is not iterable.
        """
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        for value in values:
            self.append(value)
        return self

    def extra_repr(self):
        return "\n".join(_describe(k, p, lambda t: t.dtype) for k, p in enumerate(self))

    def __call__(self, *args, **kwargs):
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dict of parameters; tensors become parameters, other values are kept as they are.

    Parameters
    ----------
    parameters : mapping or iterable of (str, value), optional

    See Also
    --------
    torch.nn.ParameterDict : same behaviour.
    """

    def __init__(self, parameters=None):
        super().__init__()
        self._keys = {}
        if parameters is not None:
            self.update(parameters)

    @staticmethod
    def _check_key(key):
        if not isinstance(key, str):
            raise TypeError("Index given to ParameterDict cannot be used as a key as it is not a string (type is "
                            f"'{type(key).__name__}'). Open an issue on github if you need non-string keys.")

    def __getitem__(self, key):
        self._check_key(key)
        return getattr(self, key)

    def __setitem__(self, key, value):
        self._check_key(key)
        self._keys[key] = None
        setattr(self, key, _parameter(value))

    def __delitem__(self, key):
        self._check_key(key)
        del self._keys[key]
        delattr(self, key)

    def __len__(self):
        return len(self._keys)

    def __iter__(self):
        return iter(self._keys)

    def __reversed__(self):
        return reversed(self._keys)

    def __contains__(self, key):
        return key in self._keys

    def copy(self):
        """Return a dict of the same parameters."""
        return ParameterDict(OrderedDict(self.items()))

    def setdefault(self, key, default=None):
        """Return the value of `key`, which is set to `default` if there is none.

        Parameters
        ----------
        key : str
        default : object, optional

        Returns
        -------
        object
            The value.
        """
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self):
        """Remove all values."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key):
        """Remove a value and return it.

        Parameters
        ----------
        key : str

        Returns
        -------
        object
            The value.
        """
        value = self[key]
        del self[key]
        return value

    def popitem(self):
        """Remove the last (key, value) pair and return it."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key, default=None):
        """Return the value of `key`, or `default`.

        Parameters
        ----------
        key : str
        default : object, optional

        Returns
        -------
        object
            The value.
        """
        return self[key] if key in self else default

    def fromkeys(self, keys, default=None):
        """Return a dict with one value for all of `keys`.

        Parameters
        ----------
        keys : iterable of str
        default : object, optional
            Value of all.

        Returns
        -------
        ParameterDict
        """
        return ParameterDict((key, default) for key in keys)

    def keys(self):
        """Return the keys."""
        return self._keys.keys()

    def items(self):
        """Iterate over (key, value) pairs."""
        return ((key, self[key]) for key in self._keys)

    def values(self):
        """Iterate over the values."""
        return (self[key] for key in self._keys)

    def update(self, parameters):
        """Add values from a mapping (plain dicts in the order of their sorted keys) or an iterable of pairs.

        Parameters
        ----------
        parameters : mapping or iterable of (str, value)
        """
        for key, value in _pairs("ParameterDict", parameters, False):
            self[key] = value

    def extra_repr(self):
        return "\n".join(_describe(key, p, lambda t: t.type()) for key, p in self.items())

    def __call__(self, input):
        raise RuntimeError("ParameterDict should not be called.")

    def __or__(self, other):
        copy = self.copy()
        copy.update(other)
        return copy

    def __ror__(self, other):
        copy = other.copy()
        copy.update(self)
        return copy

    def __ior__(self, other):
        self.update(other)
        return self
