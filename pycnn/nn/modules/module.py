"""Module: the tree of layers, its parameters, buffers, hooks and state."""

import difflib
import functools
import itertools
from collections import OrderedDict, namedtuple

from pycnn import _C
from pycnn._device import check_device
from pycnn._tensor import RemovableHandle, Tensor
from pycnn.autograd.grad_mode import no_grad
from pycnn.nn.parameter import Buffer, Parameter


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    def __repr__(self):
        return "<All keys matched successfully>" if not self.missing_keys and not self.unexpected_keys else super().__repr__()

    __str__ = __repr__


def _indent(text):
    first, *rest = text.split("\n")
    return "\n".join([first] + ["  " + line for line in rest])


class Module:
    """Base of all layers and networks: subclasses define ``__init__`` and ``forward``.

    Attributes
    ----------
    training : bool
        Set by :meth:`train` and :meth:`eval`.

    See Also
    --------
    torch.nn.Module : same behaviour, same state_dict.
    """

    dump_patches = False
    _version = 1
    call_super_init = False

    def __init__(self, *args, **kwargs):
        set_attribute = super().__setattr__
        set_attribute("training", True)
        set_attribute("_parameters", {})
        set_attribute("_buffers", {})
        set_attribute("_non_persistent_buffers_set", set())
        set_attribute("_backward_hooks", OrderedDict())
        set_attribute("_backward_pre_hooks", OrderedDict())
        set_attribute("_forward_hooks", OrderedDict())
        set_attribute("_forward_pre_hooks", OrderedDict())
        set_attribute("_state_dict_hooks", OrderedDict())
        set_attribute("_state_dict_pre_hooks", OrderedDict())
        set_attribute("_load_state_dict_pre_hooks", OrderedDict())
        set_attribute("_load_state_dict_post_hooks", OrderedDict())
        set_attribute("_modules", {})

    def forward(self, *input):
        """Compute the output; every subclass defines its own."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    # ---- attributes

    def __getattr__(self, name):
        for kind in ("_parameters", "_buffers", "_modules"):
            values = self.__dict__.get(kind)
            if values is not None and name in values:
                return values[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name, value):
        own = self.__dict__
        parameters, modules, buffers = own.get("_parameters"), own.get("_modules"), own.get("_buffers")
        if isinstance(value, Parameter):
            if parameters is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name)
            self.register_parameter(name, value)
        elif parameters is not None and name in parameters:
            if value is not None:
                raise TypeError(f"cannot assign '{type(value).__name__}' as parameter '{name}' (torch.nn.Parameter or None "
                                "expected)")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            if modules is None:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name)
            modules[name] = value
        elif modules is not None and name in modules:
            if value is not None:
                raise TypeError(f"cannot assign '{type(value).__name__}' as child module '{name}' (torch.nn.Module or None "
                                "expected)")
            modules[name] = value
        elif isinstance(value, Buffer) or (buffers is not None and name in buffers):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(f"cannot assign '{type(value).__name__}' object to buffer '{name}' (torch Tensor or None "
                                "required)")
            if isinstance(value, Buffer):
                self._forget(name)
                self.register_buffer(name, value, value.persistent)
            else:
                buffers[name] = value
        else:
            super().__setattr__(name, value)

    def _forget(self, name):
        """Take a name out of wherever it is, before it is registered anew."""
        for kind in ("_parameters", "_buffers", "_modules"):
            self.__dict__.get(kind, {}).pop(name, None)
        self.__dict__.pop(name, None)
        self.__dict__.get("_non_persistent_buffers_set", set()).discard(name)

    def __delattr__(self, name):
        for kind in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__.get(kind, {}):
                del self.__dict__[kind][name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self):
        names = set(dir(type(self))) | set(self.__dict__) | set(self._parameters) | set(self._modules) | set(self._buffers)
        return sorted(name for name in names if not name[0].isdigit())

    def __setstate__(self, state):
        self.__dict__.update(state)

    def register_parameter(self, name, param):
        """Add a Parameter (or None) under `name`.

        Raises
        ------
        TypeError
            If `param` is something else.
        KeyError
            If the name is taken, empty or has a dot.
        """
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"cannot assign '{type(param).__name__}' object to parameter '{name}' (torch.nn.Parameter or "
                            "None required)")
        if param is not None and param.grad_fn is not None:
            raise ValueError(f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                             "explicitly.")
        self._parameters[name] = param

    def register_buffer(self, name, tensor, persistent=True):
        """Add a tensor (or None) that is state but no parameter; if `persistent`, it is part of the state_dict."""
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"cannot assign '{type(tensor).__name__}' object to buffer '{name}' (torch Tensor or None "
                            "required)")
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def _check_name(self, what, name, values):
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {type(name).__name__}")
        if "." in name:
            raise KeyError(f"{what} name can't contain \".\"")
        if name == "":
            raise KeyError(f"{what} name can't be empty string \"\"")
        if hasattr(self, name) and name not in values:
            raise KeyError(f"attribute '{name}' already exists")

    def add_module(self, name, module):
        """Add a child module (or None) under `name`."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        self._check_name("module", name, self._modules)
        self._modules[name] = module

    def register_module(self, name, module):
        """Add a child module (or None) under `name`."""
        self.add_module(name, module)

    def get_submodule(self, target):
        """Return the module at a dotted path; "" is this module."""
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def _at(self, target, kind, what):
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if name not in getattr(module, kind):
            raise AttributeError(f"{type(module).__name__} has no {what} `{name}`")
        return getattr(module, kind)[name]

    def get_parameter(self, target):
        """Return the parameter at a dotted path."""
        return self._at(target, "_parameters", "parameter")

    def get_buffer(self, target):
        """Return the buffer at a dotted path."""
        return self._at(target, "_buffers", "buffer")

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
        """Let an error from a layer say which one it was: its path grows on the way out, in a note."""
        notes = getattr(error, "__notes__", None)
        path = getattr(error, "_pycnn_path", None)
        if path is None:
            error._pycnn_path, error._pycnn_module, error._pycnn_line = [], self, len(notes) if notes else 0
            error.add_note("")
        elif error._pycnn_module is not self:
            name = next((n for n, m in self._modules.items() if m is error._pycnn_module), None)
            if name is not None:
                path.insert(0, name)
                error._pycnn_module = self
        if getattr(error, "_pycnn_leaf", None) is None:
            error._pycnn_leaf = repr(self) if not self._modules else type(self).__name__
        path = error._pycnn_path
        error.__notes__[error._pycnn_line] = (f"in module '{'.'.join(path)}': {error._pycnn_leaf}" if path
                                              else f"in module {error._pycnn_leaf}")

    def _call_with_hooks(self, args, kwargs):
        for hook, with_kwargs in list(self._forward_pre_hooks.values()):
            if with_kwargs:
                result = hook(self, args, kwargs)
                if result is not None:
                    if not (isinstance(result, tuple) and len(result) == 2):
                        raise RuntimeError("forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
                                           f"{result}.")
                    args, kwargs = result
            else:
                result = hook(self, args)
                if result is not None:
                    args = result if isinstance(result, tuple) else (result,)
        watch = _BackwardWatch(self) if self._backward_hooks or self._backward_pre_hooks else None
        if watch is not None:
            args = watch.inputs(args)
        result = self.forward(*args, **kwargs)
        for hook, with_kwargs in list(self._forward_hooks.values()):
            changed = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            if changed is not None:
                result = changed
        return watch.outputs(result) if watch is not None else result

    # ---- hooks

    @staticmethod
    def _add(hooks, value, prepend=False):
        key = object()
        hooks[key] = value
        if prepend:
            hooks.move_to_end(key, last=False)
        return RemovableHandle(lambda: hooks.pop(key, None))

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call ``hook(module, args)`` before each forward; it may return other arguments."""
        return self._add(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Call ``hook(module, args, output)`` after each forward; it may return another output."""
        return self._add(self._forward_hooks, (hook, with_kwargs), prepend)

    def register_full_backward_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the module's inputs are computed."""
        return self._add(self._backward_hooks, hook, prepend)

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_output)`` before the module's gradients are computed."""
        return self._add(self._backward_pre_hooks, hook, prepend)

    register_backward_hook = register_full_backward_hook

    def register_state_dict_pre_hook(self, hook):
        """Call ``hook(module, prefix, keep_vars)`` before :meth:`state_dict` is filled."""
        return self._add(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook):
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after :meth:`state_dict` is filled."""
        return self._add(self._state_dict_hooks, hook)

    _register_state_dict_hook = register_state_dict_post_hook

    def register_load_state_dict_pre_hook(self, hook):
        """Call ``hook(module, state_dict, prefix, metadata, strict, missing, unexpected, errors)`` before loading."""
        return self._add(self._load_state_dict_pre_hooks, functools.partial(hook, self))

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        return self._add(self._load_state_dict_pre_hooks, functools.partial(hook, self) if with_module else hook)

    def register_load_state_dict_post_hook(self, hook):
        """Call ``hook(module, incompatible_keys)`` after loading."""
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
        """Iterate over the parameters."""
        for _, p in self.named_parameters(recurse=recurse):
            yield p

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """Iterate over (dotted path, parameter)."""
        return self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        """Iterate over the buffers."""
        for _, b in self.named_buffers(recurse=recurse):
            yield b

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """Iterate over (dotted path, buffer)."""
        return self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def children(self):
        """Iterate over the direct children."""
        for _, m in self.named_children():
            yield m

    def named_children(self):
        """Iterate over (name, direct child)."""
        seen = set()
        for name, m in self._modules.items():
            if m is not None and id(m) not in seen:
                seen.add(id(m))
                yield name, m

    def modules(self):
        """Iterate over this module and all below it."""
        for _, m in self.named_modules():
            yield m

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """Iterate over (dotted path, module) of this module and all below it."""
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
        """Set training mode here and below; returns the module."""
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
        """Set ``requires_grad`` of all parameters; returns the module."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Forget the gradients of all parameters; with `set_to_none` False, fill them with zeros."""
        for p in self.parameters():
            if set_to_none:
                p.grad = None
            elif p.grad is not None:
                with no_grad():
                    p.grad.zero_()

    def apply(self, fn):
        """Call ``fn(module)`` for every module, children first; returns the module."""
        for m in self.children():
            m.apply(fn)
        fn(self)
        return self

    def _apply(self, fn, recurse=True):
        if recurse:
            for m in self.children():
                m._apply(fn)
        with no_grad():
            for p in self._parameters.values():
                if p is not None:
                    p.data = fn(p.data)
                    if p.grad is not None:
                        p.grad = fn(p.grad)
            for name, b in self._buffers.items():
                if b is not None:
                    self._buffers[name] = fn(b)
        return self

    def to(self, *args, dtype=None, device=None, non_blocking=False, memory_format=None):
        """Convert floating-point parameters and buffers to a dtype or memory format; returns the module."""
        for arg in args:
            if isinstance(arg, _C.dtype):
                dtype = arg
            elif isinstance(arg, Tensor):
                dtype = arg.dtype
            elif arg is not None and not isinstance(arg, bool):
                device = arg
        check_device(device)
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}")

        def convert(t):
            if dtype is not None and t.is_floating_point():
                t = t.to(dtype)
            return t.to(memory_format=memory_format) if memory_format is not None and t.dim() == 4 else t
        return self._apply(convert)

    def type(self, dst_type):
        """Convert all parameters and buffers to a dtype; returns the module."""
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
        """Raise AssertionError, as torch does without CUDA."""
        raise AssertionError("Torch not compiled with CUDA enabled")

    def share_memory(self):
        """Return the module."""
        return self

    # ---- state

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """Return an OrderedDict of all parameters and persistent buffers by dotted path, sharing memory.

        Parameters
        ----------
        prefix : str, default ""
        keep_vars : bool, default False
            Give the parameters themselves instead of detached tensors.
        """
        if args:
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 else prefix
            keep_vars = args[2] if len(args) > 2 else keep_vars
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
        """Return further state to save; subclasses may define it, with :meth:`set_extra_state`."""
        raise RuntimeError("Reached a code path in Module.get_extra_state() that should never be called.")

    def set_extra_state(self, state):
        """Take over what :meth:`get_extra_state` returned."""
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
        """
        if not hasattr(state_dict, "items"):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing, unexpected, errors = [], [], []
        metadata = getattr(state_dict, "_metadata", None)
        state_dict = OrderedDict(state_dict)

        def load(module, local, prefix=""):
            local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                local_metadata = {**local_metadata, "assign_to_params_buffers": True}
            module._load_from_state_dict(local, prefix, local_metadata, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    start = prefix + name + "."
                    load(child, {k: v for k, v in local.items() if k.startswith(start)}, start)
            incompatible = _IncompatibleKeys(missing, unexpected)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, incompatible) is not None:
                    raise AssertionError("Hooks registered with ``register_load_state_dict_post_hook`` are not expected to "
                                         "return new values, if incompatible_keys need to be modified, it should be done "
                                         "inplace.")

        with no_grad():
            load(self, state_dict)
        if strict:
            if unexpected:
                errors.insert(0, "Unexpected key(s) in state_dict: " + ", ".join(f'"{k}"' for k in unexpected) + ". "
                              + _nearest(unexpected, list(self.state_dict())))
            if missing:
                errors.insert(0, "Missing key(s) in state_dict: " + ", ".join(f'"{k}"' for k in missing) + ". "
                              + _nearest(missing, unexpected))
        if errors:
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(errors))
        return _IncompatibleKeys(missing, unexpected)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
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
                error_msgs.append(f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object '
                                  f"from checkpoint but received {type(theirs)}")
                continue
            if theirs.shape != mine.shape:
                if mine.dim() == 0 and tuple(theirs.shape) == (1,):
                    theirs = theirs[0]
                else:
                    error_msgs.append(f"size mismatch for {key}: copying a param with shape {theirs.shape} from checkpoint, "
                                      f"the shape in current model is {mine.shape}.")
                    continue
            if assign:
                if isinstance(mine, Parameter):
                    theirs = theirs if isinstance(theirs, Parameter) else Parameter(theirs, mine.requires_grad)
                setattr(self, name, theirs)
            else:
                mine.copy_(theirs)
        extra = prefix + "_extra_state"
        if type(self).set_extra_state is not Module.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            else:
                missing_keys.append(extra)
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


def _nearest(names, candidates):
    """A hint of which of `candidates` the first few `names` may have been meant to be."""
    hints = [f'"{n}" for "{close[0]}"' for n in names[:3] if (close := difflib.get_close_matches(n, candidates, 1, 0.6))
             and close[0] != n]
    return f"(Nearest: {', '.join(hints)}.)" if hints else ""


class _BackwardWatch:
    """Runs a module's backward hooks: the gradients of its inputs are awaited behind those of its outputs."""

    def __init__(self, module):
        self.module = module
        self.grad_output = None
        self.grad_input = None

    def inputs(self, args):
        watched = tuple(a.view_as(a) if isinstance(a, Tensor) and a.requires_grad else a for a in args)
        self.grad_input = [None] * len(args)
        waiting = {k for k, a in enumerate(watched) if isinstance(a, Tensor) and a.requires_grad}
        self.has_inputs = bool(waiting)
        for k in sorted(waiting):
            watched[k].register_hook(functools.partial(self._input_arrived, k, waiting))
        return watched

    def outputs(self, result):
        outputs = result if isinstance(result, tuple) else (result,)
        self.grad_output = [None] * len(outputs)
        watched = tuple(o.view_as(o) if isinstance(o, Tensor) and o.requires_grad else o for o in outputs)
        for k, o in enumerate(watched):
            if isinstance(o, Tensor) and o.requires_grad:
                o.register_hook(functools.partial(self._output_arrived, k))
        return watched if isinstance(result, tuple) else watched[0]

    def _output_arrived(self, k, grad):
        self.grad_output[k] = grad
        changed = None
        for hook in list(self.module._backward_pre_hooks.values()):
            result = hook(self.module, tuple(self.grad_output))
            if result is not None:
                changed = result[k] if isinstance(result, tuple) else result
                self.grad_output[k] = changed
        if not self.has_inputs:
            for hook in list(self.module._backward_hooks.values()):
                hook(self.module, (None,) * len(self.grad_input), tuple(self.grad_output))
        return changed

    def _input_arrived(self, k, waiting, grad):
        self.grad_input[k] = grad
        waiting.discard(k)
        if waiting:
            return None
        changed = None
        for hook in list(self.module._backward_hooks.values()):
            result = hook(self.module, tuple(self.grad_input), tuple(self.grad_output))
            if result is not None:
                result = result if isinstance(result, tuple) else (result,)
                self.grad_input = list(result)
                changed = result[k]
        return changed
