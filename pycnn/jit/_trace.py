"""trace: run a network once and write down what it does."""

import inspect
import keyword
import re
import warnings

from pycnn import _C
from pycnn._tensor import Tensor
from pycnn.autograd.grad_mode import no_grad
from pycnn.jit._script import ScriptFunction, ScriptModule
from pycnn.jit._sizes import TracerWarning
from pycnn.nn.modules.module import Module


class TracedModule(ScriptModule):
    """A part of a traced network."""


class TopLevelTracedModule(TracedModule):
    """What :func:`trace` makes of a Module."""

    def _get_name(self):
        return self.original_name


TracedModule._get_name = TopLevelTracedModule._get_name


def trace(func, example_inputs=None, optimize=None, check_trace=True, check_inputs=None, check_tolerance=1e-05,
          strict=True, _force_outplace=False, _module_class=None, _compilation_unit=None, example_kwarg_inputs=None,
          _store_inputs=True):
    """Run a network or function on an example and return what it did, as a graph that runs without its Python code.

    Parameters
    ----------
    func : Module or callable
        Takes tensors; returns a tensor, or a tuple of tensors.
    example_inputs : Tensor or tuple of Tensor
        Values do not matter, shapes do a little: a size that is asked for with ``x.size(0)`` or ``x.shape[0]`` and used
        in ``view`` or the like stays open, ``x.view(-1, 4096)`` keeps the batch open.
    optimize, _force_outplace, _module_class, _compilation_unit, _store_inputs : object
        Accepted.
    check_trace : bool, default True
        Compare the graph with `func` on the example, and on a larger batch where `func` takes one.
    check_inputs : list of (Tensor or tuple of Tensor), optional
        Further examples to compare.
    check_tolerance : float, default 1e-5
        Relative and absolute, in these comparisons.
    strict : bool, default True
        Refuse a dict as the result, warn of a list.
    example_kwarg_inputs : dict of str to Tensor, optional
        In the place of `example_inputs`.

    Returns
    -------
    ScriptModule, or ScriptFunction
        With the parameters of `func` itself, not copies.

    Raises
    ------
    RuntimeError
        If `func` returns something other than tensors.
    TypeError
        If `func` is neither a module nor a function.

    Warns
    -----
    TracerWarning
        Where a value leaves the graph (``if x.sum() > 0``, ``int(x)``, ``x.size(0) == 1``) and so becomes a constant,
        where a check fails, and where the graph draws random numbers (dropout: did you forget ``model.eval()``?).

    See Also
    --------
    torch.jit.trace : same behaviour; checks no other batch.

    Examples
    --------
    >>> model = pycnn.nn.Sequential(pycnn.nn.Conv2d(3, 4, 3), pycnn.nn.ReLU())
    >>> traced = pycnn.jit.trace(model.eval(), pycnn.rand(1, 3, 8, 8))
    >>> traced(pycnn.rand(5, 3, 8, 8)).shape
    torch.Size([5, 4, 6, 6])
    """
    if isinstance(func, ScriptModule):
        return func
    if inspect.ismethod(func) and isinstance(func.__self__, Module) and func.__name__ == "forward":
        func = func.__self__
    if not callable(func):
        raise TypeError(f"jit.trace: expected a Module or a function, got {type(func).__name__}")
    if (example_inputs is None) == (example_kwarg_inputs is None):
        raise RuntimeError("example_kwarg_inputs or example_inputs: exactly one of them should be given")
    names, inputs = _named_inputs(func, example_inputs, example_kwarg_inputs)
    if example_kwarg_inputs is None:
        def call(values):
            return func(*values)
    else:
        def call(values):
            return func(**dict(zip(names, values)))
    is_module = isinstance(func, Module)
    modules, tensors, index = _describe(func) if is_module else ([("__torch__.PlaceholderModule", [], [])], [], {})
    graph = _record(call, modules, tensors, index, inputs, names, strict)
    if is_module:
        flags = [m.training for m in index.values()]
        traced = TopLevelTracedModule._build(graph, modules, tensors, flags, TracedModule)
    else:
        traced = ScriptFunction(graph, getattr(func, "__name__", type(func).__name__))
    _warn_of_randomness(graph)
    if check_trace:
        buffers = list(func.buffers()) if is_module else []
        _check(call, traced, inputs, buffers, check_tolerance)
        for more in check_inputs or ():
            _compare(call, traced, _tensors_of(more), buffers, check_tolerance, "")
    return traced


# ---- arguments


def _tensors_of(inputs):
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    for value in inputs:
        if isinstance(value, (tuple, list, dict)):
            raise NotImplementedError("jit.trace: pycnn traces functions of tensors; pass the tensors of a tuple, list "
                                      "or dict as arguments of their own")
        if not isinstance(value, Tensor):
            raise RuntimeError(f"Type '{type(value).__name__}' cannot be traced. Only Tensors and (possibly nested) "
                               "Lists, Dicts, and Tuples of Tensors can be traced")
    return inputs


def _named_inputs(func, example_inputs, example_kwarg_inputs):
    """(names, copies of the tensors)"""
    if example_kwarg_inputs is not None:
        names, inputs = list(example_kwarg_inputs), _tensors_of(example_kwarg_inputs.values())
    else:
        inputs = _tensors_of(example_inputs)
        try:
            parameters = inspect.signature(func.forward if isinstance(func, Module) else func).parameters.values()
        except (TypeError, ValueError):
            parameters = ()
        named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        names = [named[k] if k < len(named) else f"input_{k + 1}" for k in range(len(inputs))]
    return names, tuple(_copy(x) for x in inputs)


def _copy(x):
    with no_grad():
        return x.detach().clone().requires_grad_(x.requires_grad)


def _qualified(cls):
    """Name of a class in the archive: as torch names its own, in ASCII."""
    module = "" if cls.__module__ == "__main__" else re.sub(r"^pycnn\.vision\b", "torchvision", cls.__module__)
    module = re.sub(r"^pycnn\b", "torch", module)
    parts = [re.sub(r"[^A-Za-z0-9_]", "_", part) for part in [*module.split("."), cls.__name__] if part]
    parts = [f"_{part}" if part[0].isdigit() or keyword.iskeyword(part) else part for part in parts]
    return ".".join(["__torch__", *parts])


def _describe(root):
    """(modules as Graph takes them, their tensors, {id: module} in that order)"""
    found = {id(m): m for m in root.modules()}
    number = {key: k for k, key in enumerate(found)}
    tensors, tensor_number, modules = [], {}, []
    for module in found.values():
        attributes = []
        for table, is_parameter in ((module._parameters, True), (module._buffers, False)):
            for name, t in table.items():
                if t is None:
                    continue
                if id(t) not in tensor_number:
                    tensor_number[id(t)] = len(tensors)
                    tensors.append(t)
                attributes.append((name, tensor_number[id(t)], is_parameter))
        children = [(name, number[id(m)]) for name, m in module._modules.items() if m is not None]
        modules.append((_qualified(type(module)), attributes, children))
    return modules, tensors, found


# ---- recording


def _record(call, modules, tensors, index, inputs, names, strict):
    """Return the graph of ``call(inputs)``; hooks tell it which module is at work."""
    handles = []
    graph = _C.trace_begin(modules, tensors, inputs, names)
    try:
        for number, module in enumerate(list(index.values())):
            if number > 0:  # the root's call is the graph itself
                handles.append(module.register_forward_pre_hook(lambda m, args, number=number: _C.trace_enter(number),
                                                                prepend=True))
                handles.append(module.register_forward_hook(lambda m, args, result: _C.trace_leave(), always_call=True))
        output = call(inputs)
        _check_output(output, strict)
        _C.trace_finish(output)
    finally:
        _C.trace_abort()
        for handle in handles:
            handle.remove()
    return graph


def _check_output(output, strict):
    """Refuse and warn of what torch refuses and warns of; the rest is up to the graph."""
    if output is None:
        raise RuntimeError("The traced function didn't return any values! Side-effects are not captured in traces, so "
                           "it would be a no-op.")
    if strict and isinstance(output, (list, dict)):
        kind = "list" if isinstance(output, list) else "dict"
        message = (f"Encountering a {kind} at the output of the tracer might cause the trace to be incorrect, this is "
                   "only valid if the container structure does not change based on the module's inputs. Consider using "
                   "a constant container instead (e.g. for `list`, use a `tuple` instead. for `dict`, use a "
                   "`NamedTuple` instead). If you absolutely need this and know the side effects, pass strict=False to "
                   "trace() to allow this behavior.")
        if kind == "dict":
            raise RuntimeError(message)
        warnings.warn(message, TracerWarning, stacklevel=4)


# ---- checks


_RANDOM = re.compile(r"aten::(?:(?:feature_)?dropout_?\(.*, True\)|(?:rand|randn|randint|randperm|rand_like|randn_like|"
                     r"randint_like|normal_?|uniform_|bernoulli_?|multinomial|random_|exponential_)\()")


def _warn_of_randomness(graph):
    nodes = [line.strip() for line in graph.text().splitlines() if _RANDOM.search(line)]
    if nodes:
        warnings.warn("Trace had nondeterministic nodes. Did you forget call .eval() on your model? Nodes:\n\t" +
                      "\n\t".join(nodes), TracerWarning, stacklevel=3)


def _check(call, traced, inputs, buffers, tolerance):
    _compare(call, traced, inputs, buffers, tolerance, "")
    sizes = {x.shape[0] for x in inputs if x.dim() > 0}
    if len(sizes) != 1 or any(x.dim() == 0 for x in inputs) or 0 in sizes:
        return
    size = sizes.pop()
    with no_grad():
        larger = tuple(_C.fn.cat([x, x[:1]]) for x in inputs)
    _compare(call, traced, larger, buffers, tolerance, f" for a batch of {size + 1} instead of {size}")


def _compare(call, traced, inputs, buffers, tolerance, where):
    """Warn if the graph does something else than the function; neither changes buffers or the random numbers to
    come."""
    from pycnn import random
    state = random.get_rng_state()
    kept = [(b, b.detach().clone()) for b in buffers]

    def run(f, *args):
        with no_grad():
            random.set_rng_state(state)
            result = f(*args)
            for buffer, values in kept:
                buffer.copy_(values)
        return result

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = run(call, tuple(_copy(x) for x in inputs))
    except Exception as error:
        if not where:
            raise
        expected = error  # such a batch is not for this function
    if not isinstance(expected, Exception):
        try:
            problem = _difference(expected, run(traced, *(_copy(x) for x in inputs)), tolerance)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            problem = f"the traced function fails: {error}"
        if problem:
            hint = "" if not where else (" A size or a decision of the example has become a constant of the trace: use "
                                         "x.size(0) "
                                         "or -1 in view() and the like, and no Python numbers made from tensors.")
            warnings.warn("Output of the traced function does not match the corresponding output of the Python "
                          f"function{where}. Detailed error:\n{problem}{hint}", TracerWarning, stacklevel=4)
    random.set_rng_state(state)
    with no_grad():
        for buffer, values in kept:
            buffer.copy_(values)


def _difference(expected, got, tolerance):
    """How two results differ, or ""."""
    if isinstance(expected, Tensor) and isinstance(got, Tensor):
        if expected.shape != got.shape:
            return f"shapes {tuple(expected.shape)} and {tuple(got.shape)}"
        if expected.dtype is not got.dtype:
            return f"dtypes {expected.dtype} and {got.dtype}"
        if expected.dtype.is_floating_point and not expected.allclose(got, tolerance, tolerance, True):
            largest = (expected - got).abs().max().item()
            return f"Tensor-likes are not close: the greatest absolute difference is {largest:g}"
        if not expected.dtype.is_floating_point and not expected.equal(got):
            return "Tensor-likes are not equal"
        return ""
    if isinstance(expected, dict):
        expected, got = list(expected.values()), list(got.values())
    if len(expected) != len(got):
        return f"{len(expected)} and {len(got)} results"
    return next((problem for e, g in zip(expected, got) if (problem := _difference(e, g, tolerance))), "")
