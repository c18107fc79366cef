"""Module: the tree of layers, its parameters, buffers, hooks and state."""

import functools
import itertools
import warnings
from collections import OrderedDict
from collections.abc import Mapping

from pycnn import _C
from pycnn._device import device as _device
from pycnn._hooks import RemovableHandle
from pycnn._tensor import Tensor
from pycnn._types import typename
from pycnn.autograd.grad_mode import no_grad
from pycnn.nn.modules import _backward_watch, _incompatible_keys
from pycnn.nn.parameter import Buffer, Parameter


_hook_keys = itertools.count()  # of all modules, so that two tables never share one


def _indent(text):
    first, *rest = text.split("\n")
    return "\n".join([first] + ["  " + line for line in rest])


class Module:
    """Base of all layers and networks: subclasses define ``__init__`` and ``forward``.

    Parameters
    ----------
    *args : object
        Refused, unless a subclass sets ``call_super_init``.
    **kwargs : object
        Refused likewise.

    Attributes
    ----------
    training : bool
        Set by :meth:`train` and :meth:`eval`.

    Raises
    ------
    TypeError
        If there are arguments.

    See Also
    --------
    torch.nn.Module : same behaviour, same state_dict.

    Examples
    --------
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.fc = nn.Linear(4, 2)
    ...
    ...     def forward(self, x):
    ...         return self.fc(x).relu()
    >>> net = Net()
    >>> [name for name, _ in net.named_parameters()]
    ['fc.weight', 'fc.bias']
    """

    dump_patches = False
    _version = 1
    call_super_init = False

    def __init__(self, *args, **kwargs):
        if not self.call_super_init and kwargs:
            raise TypeError(f"{type(self).__name__}.__init__() got an unexpected keyword argument "
                            f"'{next(iter(kwargs))}'")
        if not self.call_super_init and args:
            raise TypeError(f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were "
                            "given")
        # past __setattr__, which looks for parameters, buffers and modules
        self.__dict__.update(training=True, _parameters={}, _buffers={}, _non_persistent_buffers_set=set(), _modules={})
        for name in self._HOOKS:
            self.__dict__[name] = OrderedDict()
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    _HOOKS = ("_backward_pre_hooks", "_backward_hooks", "_forward_hooks", "_forward_hooks_with_kwargs",
              "_forward_hooks_always_called", "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs",
              "_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks")

    def forward(self, *input):
        """Compute the output; every subclass defines its own."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    # ---- attributes

    def __getattr__(self, name):
        for kind in ("_parameters", "_buffers", "_modules"):
            values = self.__dict__.get(kind)
            if values is not None and name in values:
                return values[name]
        kind, hint = type(self).__name__, ""
        if "_modules" not in self.__dict__:
            hint = (": cannot use a module before Module.__init__() call: "
                    f"let {kind}.__init__ begin with super().__init__()")
        raise AttributeError(f"'{kind}' object has no attribute '{name}'{hint}")

    def __setattr__(self, name, value):
        own = self.__dict__
        parameters, modules, buffers = own.get("_parameters"), own.get("_modules"), own.get("_buffers")
        if isinstance(value, Parameter):
            if parameters is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, own, buffers, modules)
            self.register_parameter(name, value)
        elif parameters is not None and name in parameters:
            if value is not None:
                raise TypeError(f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or None "
                                "expected)")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            if modules is None:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, own, parameters, buffers)
            modules[name] = value
        elif modules is not None and name in modules:
            if value is not None:
                raise TypeError(f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module or None "
                                "expected)")
            modules[name] = value
        elif isinstance(value, Buffer) or (buffers is not None and name in buffers):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(f"cannot assign '{typename(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor "
                                "or None expected)")
            if buffers is None:
                raise AttributeError("cannot assign buffer before Module.__init__() call")
            persistent = value.persistent if isinstance(value, Buffer) else name not in self._non_persistent_buffers_set
            self.register_buffer(name, value, persistent)
        else:
            super().__setattr__(name, value)

    def _forget(self, name, *tables):
        """Take a name out of wherever else it is, before it is registered anew."""
        for table in tables:
            table.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name):
        for kind in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__.get(kind, {}):
                del self.__dict__[kind][name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self):
        names = {*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers}
        return sorted(name for name in names if not name[0].isdigit())

    def __setstate__(self, state):
        self.__dict__.update(state)
        for name in self._HOOKS:
            self.__dict__.setdefault(name, OrderedDict())

    def register_parameter(self, name, param):
        """Add a Parameter (or None) under `name`.

        Parameters
        ----------
        name : str
            Without a dot.
        param : Parameter or None

        Raises
        ------
        TypeError
            If `param` is something else.
        KeyError
            If the name is taken, empty or has a dot.
        AttributeError
            If ``Module.__init__`` has not run.
        ValueError
            If the parameter was computed from other tensors.
        """
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"cannot assign '{typename(param)}' object to parameter '{name}' (torch.nn.Parameter or "
                            "None required)")
        if param is not None and param.grad_fn is not None:
            raise ValueError(f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                             f"explicitly. To express '{name}' as a function of another Tensor, compute the value in "
                             "the forward() method.")
        self._parameters[name] = param

    def register_buffer(self, name, tensor, persistent=True):
        """Add a tensor (or None) that is state but no parameter; if `persistent`, it is part of the state_dict.

        Parameters
        ----------
        name : str
            Without a dot.
        tensor : Tensor or None
        persistent : bool, default True
            Save it with the parameters.

        Raises
        ------
        AttributeError
            If ``Module.__init__`` has not run.
        TypeError
            If `tensor` is something else.
        KeyError
            If the name is taken, empty or has a dot.
        """
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None "
                            "required)")
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def _check_name(self, what, name, values):
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {typename(name)}")
        if "." in name:
            raise KeyError(f"{what} name can't contain \".\"" + (f", got: {name}" if what == "module" else ""))
        if name == "":
            raise KeyError(f"{what} name can't be empty string \"\"")
        if hasattr(self, name) and name not in values:
            raise KeyError(f"attribute '{name}' already exists")

    def add_module(self, name, module):
        """Add a child module (or None) under `name`.

        Parameters
        ----------
        name : str
            Without a dot.
        module : Module or None

        Raises
        ------
        TypeError
            If `module` is something else.
        KeyError
            If the name is taken, empty or has a dot.
        """
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._check_name("module", name, self._modules)
        self._modules[name] = module

    def register_module(self, name, module):
        """Add a child module (or None) under `name`.

        Parameters
        ----------
        name : str
            Without a dot.
        module : Module or None
        """
        self.add_module(name, module)

    def get_submodule(self, target):
        """Return the module at a dotted path; "" is this module.

        Parameters
        ----------
        target : str
            As ``named_modules()`` has it: ``"layer4.0.conv1"``.

        Returns
        -------
        Module

        Raises
        ------
        AttributeError
            If there is no module at that path.
        """
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target, module, strict=False):
        """Put a module at a dotted path, in the place of another; if `strict`, there has to be one.

        Parameters
        ----------
        target : str
            As ``named_modules()`` has it.
        module : Module
            The new one.
        strict : bool, default False
            Refuse a path at which there is no module yet.

        Raises
        ------
        ValueError
            If `target` is empty or `module` is no module.
        AttributeError
            If there is something else at that path.
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def _at(self, target):
        """(module, name, value) of an attribute at a dotted path."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        return module, name, getattr(module, name)

    def get_parameter(self, target):
        """Return the parameter at a dotted path.

        Parameters
        ----------
        target : str
            As ``named_parameters()`` has it: ``"fc.weight"``.

        Returns
        -------
        Parameter

        Raises
        ------
        AttributeError
            If there is no parameter at that path.
        """
        _, name, value = self._at(target)
        if not isinstance(value, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return value

    def get_buffer(self, target):
        """Return the buffer at a dotted path.

        Parameters
        ----------
        target : str
            As ``named_buffers()`` has it: ``"bn1.running_mean"``.

        Returns
        -------
        Tensor

        Raises
        ------
        AttributeError
            If there is no buffer at that path.
        """
        module, name, value = self._at(target)
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return value

    # ---- calling

    def __call__(self, *args, **kwargs):
        """Run ``forward``, with its hooks around it."""
        try:
            if not (self._forward_hooks or self._forward_pre_hooks or self._backward_hooks or self._backward_pre_hooks):
                return self.forward(*args, **kwargs)
            return self._call_with_hooks(args, kwargs)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            self._name_in(error)
            raise

    def _name_in(self, error):
        """Let an error from a layer say which one it was: its path grows on the way out, in a note of the exception."""
        seen = error.__dict__.get("_pycnn_module")
        if seen is None:
            try:
                leaf = type(self).__name__ if self._modules else repr(self)
            except Exception:  # of a subclass: what went wrong before counts
                leaf = type(self).__name__
            error.add_note("")
            seen = error._pycnn_module = [self, "", leaf, len(error.__notes__) - 1]
        elif seen[0] is not self:
            name = next((name for name, m in self._modules.items() if m is seen[0]), None)
            if name is not None:
                seen[0], seen[1] = self, name + ("." if seen[1] else "") + seen[1]
        _, path, leaf, line = seen
        if line < len(error.__notes__):
            error.__notes__[line] = f"in module '{path}': {leaf}" if path else f"in module {leaf}"

    def _call_with_hooks(self, args, kwargs):
        called = set()
        result = None
        try:
            for key, hook in list(self._forward_pre_hooks.items()):
                if key in self._forward_pre_hooks_with_kwargs:
                    changed = hook(self, args, kwargs)
                    if changed is not None:
                        if not (isinstance(changed, tuple) and len(changed) == 2):
                            raise RuntimeError("forward pre-hook must return None or a tuple of (new_args, "
                                               f"new_kwargs), but got {changed}.")
                        args, kwargs = changed
                else:
                    changed = hook(self, args)
                    if changed is not None:
                        args = changed if isinstance(changed, tuple) else (changed,)
            watch = _backward_watch.BackwardWatch(self) if self._backward_hooks or self._backward_pre_hooks else None
            if watch is not None:
                args = watch.inputs(args)
            result = self.forward(*args, **kwargs)
            for key, hook in list(self._forward_hooks.items()):
                called.add(key)
                changed = self._run_forward_hook(key, hook, args, kwargs, result)
                if changed is not None:
                    result = changed
            return watch.outputs(result) if watch is not None else result
        except Exception:
            for key, hook in list(self._forward_hooks.items()):
                if key in self._forward_hooks_always_called and key not in called:
                    try:
                        self._run_forward_hook(key, hook, args, kwargs, result)
                    except Exception as error:
                        warnings.warn("module forward hook with ``always_call=True`` raised an exception that was "
                                      f"silenced as another error was raised in forward: {error}", stacklevel=3)
            raise

    def _run_forward_hook(self, key, hook, args, kwargs, result):
        if key in self._forward_hooks_with_kwargs:
            return hook(self, args, kwargs, result)
        return hook(self, args, result)

    # ---- hooks

    @staticmethod
    def _add(hooks, value, prepend=False, **flags):
        """Enter a hook; each flag is a table in which its key is noted if the flag is set."""
        key = next(_hook_keys)
        hooks[key] = value
        if prepend:
            hooks.move_to_end(key, last=False)
        tables = [hooks]
        for table, wanted in flags.values():
            if wanted:
                table[key] = True
                tables.append(table)

        def remove():
            for table in tables:
                table.pop(key, None)
        return RemovableHandle(remove)

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call ``hook(module, args)`` before each forward; it may return other arguments.

        With `with_kwargs`, ``hook(module, args, kwargs)``, which may return both.

        Parameters
        ----------
        hook : callable
            A value that is no tuple stands for one argument.
        prepend : bool, default False
            Run it before the hooks that are there already.
        with_kwargs : bool, default False
            Pass keyword arguments, too.

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.
        """
        return self._add(self._forward_pre_hooks, hook, prepend,
                         kwargs=(self._forward_pre_hooks_with_kwargs, with_kwargs))

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Call ``hook(module, args, output)`` after each forward; it may return another output.

        With `with_kwargs`, ``hook(module, args, kwargs, output)``; with `always_call`, also after an error.

        Parameters
        ----------
        hook : callable
        prepend : bool, default False
            Run it before the hooks that are there already.
        with_kwargs : bool, default False
            Pass keyword arguments, too.
        always_call : bool, default False
            Run it even if ``forward`` raises an error.

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.

        Examples
        --------
        >>> layer = nn.Linear(4, 2)
        >>> handle = layer.register_forward_hook(lambda module, args, output: print(output.shape))
        >>> result = layer(pycnn.zeros(3, 4))
        torch.Size([3, 2])
        >>> handle.remove()
        """
        return self._add(self._forward_hooks, hook, prepend, kwargs=(self._forward_hooks_with_kwargs, with_kwargs),
                         always=(self._forward_hooks_always_called, always_call))

    def register_full_backward_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the module's inputs are computed.

        Parameters
        ----------
        hook : callable
            It may return other gradients of the inputs, as a tuple.
        prepend : bool, default False
            Run it before the hooks that are there already.

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.
        """
        return self._add(self._backward_hooks, hook, prepend)

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_output)`` before the module's gradients are computed.

        Parameters
        ----------
        hook : callable
            It may return other gradients of the outputs, as a tuple.
        prepend : bool, default False
            Run it before the hooks that are there already.

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.
        """
        return self._add(self._backward_pre_hooks, hook, prepend)

    def register_backward_hook(self, hook):
        """Call :meth:`register_full_backward_hook`, which torch recommends in the place of this.

        Parameters
        ----------
        hook : callable
            ``hook(module, grad_input, grad_output)``.

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.
        """
        return self.register_full_backward_hook(hook)

    def register_state_dict_pre_hook(self, hook):
        """Call ``hook(module, prefix, keep_vars)`` before :meth:`state_dict` is filled.

        Parameters
        ----------
        hook : callable

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.
        """
        return self._add(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook):
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after :meth:`state_dict` is filled, to change it.

        Parameters
        ----------
        hook : callable
            It returns None.

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.
        """
        hook._from_public_api = True
        return self._add(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook):
        """As the public one, but the hook may return another dict."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError("Cannot register the same function as the state dict post hook that was previously "
                               "registered via register_state_dict_post_hook")
        return self._add(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook):
        """Call ``hook(module, state_dict, prefix, metadata, strict, missing, unexpected, errors)`` before loading.

        Parameters
        ----------
        hook : callable
            It may change the dict and append to the lists.

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        return self._add(self._load_state_dict_pre_hooks, functools.partial(hook, self) if with_module else hook)

    def register_load_state_dict_post_hook(self, hook):
        """Call ``hook(module, incompatible_keys)`` after loading.

        Parameters
        ----------
        hook : callable
            It may change the lists ``missing_keys`` and ``unexpected_keys``.

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.
        """
        return self._add(self._load_state_dict_post_hooks, hook)

    # ---- the tree

    def _named_members(self, members, prefix="", recurse=True, remove_duplicate=True):
        seen = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in members(module):
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield path + ("." if path else "") + name, value

    def parameters(self, recurse=True):
        """Iterate over the parameters.

        Parameters
        ----------
        recurse : bool, default True
            Those of all modules below, too.

        Yields
        ------
        Parameter
            Each once.
        """
        for _, p in self.named_parameters(recurse=recurse):
            yield p

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """Iterate over (dotted path, parameter).

        Parameters
        ----------
        prefix : str, default ""
            Put before each path.
        recurse : bool, default True
            Those of all modules below, too.
        remove_duplicate : bool, default True
            Give each once.

        Returns
        -------
        iterator of (str, Parameter)
        """
        return self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        """Iterate over the buffers.

        Parameters
        ----------
        recurse : bool, default True
            Those of all modules below, too.

        Yields
        ------
        Tensor
            Each once.
        """
        for _, b in self.named_buffers(recurse=recurse):
            yield b

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """Iterate over (dotted path, buffer).

        Parameters
        ----------
        prefix : str, default ""
            Put before each path.
        recurse : bool, default True
            Those of all modules below, too.
        remove_duplicate : bool, default True
            Give each once.

        Returns
        -------
        iterator of (str, Tensor)
        """
        return self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def children(self):
        """Iterate over the direct children.

        Yields
        ------
        Module
        """
        for _, m in self.named_children():
            yield m

    def named_children(self):
        """Iterate over (name, direct child).

        Yields
        ------
        (str, Module)
        """
        seen = set()
        for name, m in self._modules.items():
            if m is not None and id(m) not in seen:
                seen.add(id(m))
                yield name, m

    def modules(self, remove_duplicate=True):
        """Iterate over this module and all below it.

        Parameters
        ----------
        remove_duplicate : bool, default True
            Give each once.

        Yields
        ------
        Module
        """
        for _, m in self.named_modules(remove_duplicate=remove_duplicate):
            yield m

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """Iterate over (dotted path, module) of this module and all below it.

        Parameters
        ----------
        memo : set, optional
            Modules that are passed over; it grows.
        prefix : str, default ""
            Put before each path.
        remove_duplicate : bool, default True
            Give each once.

        Yields
        ------
        (str, Module)
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, m in self._modules.items():
            if m is not None:
                yield from m.named_modules(memo, prefix + ("." if prefix else "") + name, remove_duplicate)

    # ---- modes and conversion

    def train(self, mode=True):
        """Set training mode here and below; returns the module.

        Parameters
        ----------
        mode : bool, default True
            False is the same as :meth:`eval`.

        Returns
        -------
        Module
            This one.

        Raises
        ------
        ValueError
            If `mode` is no bool.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for m in self.children():
            m.train(mode)
        return self

    def eval(self):
        """Set evaluation mode here and below; returns the module."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Set ``requires_grad`` of all parameters; returns the module.

        Parameters
        ----------
        requires_grad : bool, default True
            False freezes the module: its backward computes no gradients of parameters and keeps nothing for them.

        Returns
        -------
        Module
            This one.
        """
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Forget the gradients of all parameters; with `set_to_none` False, fill them with zeros.

        Parameters
        ----------
        set_to_none : bool, default True
        """
        _C.zero_grad(list(self.parameters()), set_to_none)

    def apply(self, fn):
        """Call ``fn(module)`` for every module, children first; returns the module.

        Parameters
        ----------
        fn : callable

        Returns
        -------
        Module
            This one.
        """
        for m in self.children():
            m.apply(fn)
        fn(self)
        return self

    def _apply(self, fn, recurse=True):
        if recurse:
            for m in self.children():
                m._apply(fn)
        for p in self._parameters.values():
            if p is not None:
                grad = p.grad
                with no_grad():
                    p.data = fn(p)
                    if grad is not None:
                        p.grad = fn(grad)
        for name, b in self._buffers.items():
            if b is not None:
                self._buffers[name] = fn(b)
        return self

    def to(self, *args, **kwargs):
        """Convert floating-point parameters and buffers to a dtype or memory format; returns the module.

        Parameters
        ----------
        *args : object
            A device, a dtype, or a tensor that has them, in any order.
        **kwargs : object
            ``device``, ``dtype``, ``non_blocking``, ``memory_format``.

        Returns
        -------
        Module
            This one; parameters stay the same objects.

        Raises
        ------
        TypeError
            If a keyword is another one, or the dtype is no float.

        Notes
        -----
        ``device`` may only be the CPU; ``non_blocking`` is accepted and ignored; ``memory_format`` is for parameters
        with four dimensions.
        """
        dtype, device, memory_format = (kwargs.pop(name, None) for name in ("dtype", "device", "memory_format"))
        kwargs.pop("non_blocking", None)
        if kwargs:
            raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
        for arg in args:
            if isinstance(arg, _C.dtype):
                dtype = arg
            elif isinstance(arg, Tensor):
                dtype = arg.dtype
            elif arg is not None and not isinstance(arg, bool):
                device = arg
        device = None if device is None else _device(device)
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError("nn.Module.to only accepts floating point or complex dtypes, but got desired "
                            f"dtype={dtype}")

        def convert(t):
            t = t.to(device=device, dtype=dtype if t.is_floating_point() else None)
            return t.to(memory_format=memory_format) if memory_format is not None and t.dim() == 4 else t
        return self._apply(convert)

    def to_empty(self, *, device, recurse=True):
        """Give parameters and buffers new memory, with undefined contents; returns the module.

        Parameters
        ----------
        device : device or str
            "cpu".
        recurse : bool, default True
            In all modules below, too.

        Returns
        -------
        Module
            This one.
        """
        return self._apply(lambda t: _C.fn.empty_like(t, device=device), recurse=recurse)

    def type(self, dst_type):
        """Convert all parameters and buffers to a dtype; returns the module.

        Parameters
        ----------
        dst_type : dtype or str
            A dtype, or a name as ``"torch.DoubleTensor"``.

        Returns
        -------
        Module
            This one.
        """
        return self._apply(lambda t: t.type(dst_type))

    def float(self):
        """Convert to float32; returns the module."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self):
        """Convert to float64; returns the module."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self):
        """Convert to float16; returns the module."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self):
        """Convert to bfloat16; returns the module."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def cpu(self):
        """Return the module."""
        return self

    def cuda(self, device=None):
        """Raise AssertionError, as torch does without CUDA, if there is anything to move; returns the module.

        Parameters
        ----------
        device : int or device, optional
            Any.

        Returns
        -------
        Module
            This one, if it has neither parameters nor buffers.
        """
        return self._apply(lambda t: t.cuda(device))

    def compile(self, *args, **kwargs):
        """Do nothing: there is no compiler behind ``forward``.

        Parameters
        ----------
        *args : object
            Ignored.
        **kwargs : object
            Ignored.
        """

    def share_memory(self):
        """Move parameters and buffers to shared memory; see :meth:`pycnn.Tensor.share_memory_`.

        Returns
        -------
        Module
            This module.
        """
        for t in [*self.parameters(), *self.buffers()]:
            t.share_memory_()
        return self

    # ---- state

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """Return an OrderedDict of all parameters and persistent buffers by dotted path, sharing memory.

        Parameters
        ----------
        *args : object
            `destination`, `prefix` and `keep_vars` by position, torch's old way.
        destination : dict, optional
            Receives the entries.
        prefix : str, default ""
            Put before each path.
        keep_vars : bool, default False
            Give the parameters themselves instead of detached tensors.

        Returns
        -------
        OrderedDict

        Raises
        ------
        RuntimeError
            If a hook returns something.
        """
        if args:
            warnings.warn("Positional args are being deprecated, use kwargs instead. Refer to "
                          "https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.state_dict for "
                          "details.", FutureWarning,
                          stacklevel=2)
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, m in self._modules.items():
            if m is not None:
                m.state_dict(destination=destination, prefix=prefix + name + ".", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            result = hook(self, destination, prefix, metadata)
            if result is not None:
                if getattr(hook, "_from_public_api", False):
                    raise RuntimeError("state_dict post-hook must return None")
                destination = result
        return destination

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        for name, p in self._parameters.items():
            if p is not None:
                destination[prefix + name] = p if keep_vars else p.detach()
        for name, b in self._buffers.items():
            if b is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = b if keep_vars else b.detach()
        if type(self).get_extra_state is not Module.get_extra_state:
            destination[prefix + "_extra_state"] = self.get_extra_state()

    def get_extra_state(self):
        """Return further state to save; subclasses may define it, with :meth:`set_extra_state`.

        Raises
        ------
        RuntimeError
            Unless a subclass defines it.
        """
        raise RuntimeError("Reached a code path in Module.get_extra_state() that should never be called.")

    def set_extra_state(self, state):
        """Take over what :meth:`get_extra_state` returned.

        Parameters
        ----------
        state : object

        Raises
        ------
        RuntimeError
            Unless a subclass defines it.
        """
        raise RuntimeError("Reached a code path in Module.set_extra_state() that should never be called.")

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copy parameters and buffers from `state_dict`.

        Parameters
        ----------
        state_dict : mapping of str to Tensor
            Of this module or of torch's counterpart.
        strict : bool, default True
            Refuse missing and unexpected keys.
        assign : bool, default False
            Take the tensors themselves instead of copying.

        Returns
        -------
        named tuple
            ``missing_keys`` and ``unexpected_keys``.

        Raises
        ------
        RuntimeError
            If keys or shapes do not fit; the message lists them and the nearest names.
        TypeError
            If `state_dict` is no mapping.
        AssertionError
            If a hook returns something.
        """
        if not isinstance(state_dict, Mapping):
            hint = " Read the file first: load_state_dict(torch.load(path))." if isinstance(state_dict, str) else \
                " Give it the other module's .state_dict()." if isinstance(state_dict, Module) else ""
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.{hint}")
        missing, unexpected, errors = [], [], []
        metadata = getattr(state_dict, "_metadata", None)
        state_dict = OrderedDict(state_dict)
        if metadata is not None:
            state_dict._metadata = metadata

        def load(module, local, prefix=""):
            local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                local_metadata = {**local_metadata, "assign_to_params_buffers": True}
            module._load_from_state_dict(local, prefix, local_metadata, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    start = prefix + name + "."
                    load(child, {k: v for k, v in local.items() if k.startswith(start)}, start)
            incompatible = _incompatible_keys._IncompatibleKeys(missing, unexpected)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, incompatible) is not None:
                    raise AssertionError("Hooks registered with ``register_load_state_dict_post_hook`` are not "
                                         "expected to return new values, if incompatible_keys need to be modified, it "
                                         "should be done inplace.")

        load(self, state_dict)
        if strict:
            if unexpected:
                errors.insert(0, "Unexpected key(s) in state_dict: " + ", ".join(f'"{k}"' for k in unexpected) + ". "
                              + _incompatible_keys.nearest(unexpected, list(self.state_dict())))
            if missing:
                errors.insert(0, "Missing key(s) in state_dict: " + ", ".join(f'"{k}"' for k in missing) + ". "
                              + _incompatible_keys.nearest(missing, unexpected))
        if strict and missing and unexpected:
            errors.extend(_incompatible_keys.misplaced(state_dict, missing))
        if errors:
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(errors))
        return _incompatible_keys._IncompatibleKeys(missing, unexpected)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
                              error_msgs):
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        buffers = {k: v for k, v in self._buffers.items() if k not in self._non_persistent_buffers_set}
        own = {k: v for k, v in itertools.chain(self._parameters.items(), buffers.items()) if v is not None}
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, mine in own.items():
            key = prefix + name
            if key not in state_dict:
                missing_keys.append(key)
                continue
            theirs = state_dict[key]
            if not isinstance(theirs, Tensor):
                error_msgs.append(f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
                                  f'object '
                                  f"from checkpoint but received {type(theirs)}")
                continue
            if mine.dim() == 0 and tuple(theirs.shape) == (1,):
                theirs = theirs[0]  # from before there were tensors without dimensions
            if theirs.shape != mine.shape:
                error_msgs.append(f"size mismatch for {key}: copying a param with shape {theirs.shape} from "
                                  f"checkpoint, the shape in current model is {mine.shape}.")
                continue
            try:
                if not assign:
                    with no_grad():
                        mine.copy_(theirs)
                    continue
                if isinstance(mine, Parameter):
                    theirs = Parameter(theirs, mine.requires_grad) if not isinstance(theirs, Parameter) else theirs
                    theirs.requires_grad_(mine.requires_grad)
                setattr(self, name, theirs)
            except Exception as error:
                error_msgs.append(f'While copying the parameter named "{key}", whose dimensions in the model are '
                                  f"{mine.size()} and whose dimensions in the checkpoint are {theirs.size()}, an "
                                  f"exception "
                                  f"occurred : {error.args}.")
        extra = prefix + "_extra_state"
        if type(self).set_extra_state is not Module.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            else:
                missing_keys.append(extra)
        elif extra in state_dict:
            unexpected_keys.append(extra)
        for key in state_dict:
            if key.startswith(prefix) and key != extra:
                rest = key[len(prefix):].split(".", 1)
                known = rest[0] in self._modules if len(rest) > 1 else rest[0] in own
                if not known:
                    unexpected_keys.append(key)

    # ---- text

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self):
        """Return what ``repr`` shows between the parentheses; subclasses define it."""
        return ""

    def __repr__(self):
        extra = self.extra_repr().split("\n") if self.extra_repr() else []
        children = [f"({name}): {_indent(repr(m))}" for name, m in self._modules.items()]
        lines = extra + children
        text = self._get_name() + "("
        if lines:
            text += extra[0] if len(extra) == 1 and not children else "\n  " + "\n  ".join(lines) + "\n"
        return text + ")"
