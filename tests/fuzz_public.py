"""Calls that nobody would write: public functions, operators, layers, transforms, loaders and readers of files with odd
shapes, dtypes, strides, NaNs, huge sizes, wrong types and damaged bytes.

    python tests/fuzz_public.py SECONDS [SEED]

Hypothesis draws short programs; each runs in a child process, which must neither die nor hang nor raise what only a
mistake of ours could (`SystemError`, `NameError`, ...), and in which a training step must give the same numbers at the
end as at the beginning. A failing seed is printed; the same seed draws the same programs.
"""

import argparse
import faulthandler
import gc
import inspect
import io
import os
import pickle
import random
import resource
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed as fixed_seed, settings
from hypothesis import strategies as st
from PIL import Image

import opinfo
import opsample
import pycnn
from pycnn import _C, nn, optim, vision
from pycnn.utils import data
from pycnn.vision import transforms

EXPECTED = (TypeError, ValueError, RuntimeError, LookupError, AttributeError, OSError, MemoryError, OverflowError,
            AssertionError, BufferError, EOFError, StopIteration, pickle.UnpicklingError, tarfile.TarError)
MISTAKES = (SystemError, NameError, ImportError, SyntaxError, ZeroDivisionError)
SLOW = 4    # s after which a call is interrupted, as by Ctrl-C
HUNG = 40   # s after which it counts as hanging
ROOM = 1 << 30  # bytes that a program may take
PROGRAMS = 100  # of one seed


class TooSlow(Exception):
    """A call takes long, but lets itself be interrupted."""


# ---- values -----------------------------------------------------------------------------------------

SIZES = [0, 1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 16, 17, 33]
INTS = [0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 8, 16, -1, -1, -2, -3, 100, 2 ** 31 - 1, 2 ** 31, -2 ** 31, 2 ** 33, 2 ** 62,
        2 ** 63 - 1, -2 ** 63, 2 ** 63, 2 ** 64, 10 ** 30]
FLOATS = [0.0, -0.0, 0.1, 0.5, 1.0, 2.0, -1.0, float("nan"), float("inf"), float("-inf"), 1e-45, 1e308, -1e308, 3.5]
DTYPES = [pycnn.float32, pycnn.float32, pycnn.float32, pycnn.float64, pycnn.int64, pycnn.int32, pycnn.uint8, pycnn.bool,
          pycnn.float16, pycnn.bfloat16, pycnn.int8, pycnn.int16]
WORDS = ["", "x", "mean", "sum", "none", "reflect", "circular", "replicate", "constant", "same", "valid",
         "bilinear", "nearest",
         "cpu", "cuda", "relu", "linear", "RGB", "L", "\ud800", "a.b", "weight", "max", "floor", "%s%n", "\0"]


def recursive():
    values = []
    values.append(values)
    return values


JUNK = [lambda: None, lambda: "x", lambda: b"\0x", lambda: object(), lambda: Ellipsis,
        lambda: slice(None, None, -1), recursive,
        lambda: {}, lambda: {"a": 1}, lambda: {1, 2}, lambda: iter(()), lambda: type, lambda: len, lambda: 1j,
        lambda: np.float64(2),
        lambda: np.zeros((2, 3)), lambda: np.array(["a"]), lambda: np.array([None]), lambda: np.zeros((0, 2), ">f4"),
        lambda: np.zeros(3, "V0"), lambda: np.zeros(3, "M8[s]"), lambda: np.zeros((2, 2))[::-1, ::-1],
        lambda: np.zeros((1,) * 20),
        lambda: Image.new("RGB", (4, 4)), lambda: Image.new("L", (0, 0)), lambda: memoryview(b"abc"), lambda: range(3),
        lambda: pycnn.Generator(), lambda: pycnn.Size([2, 3]), lambda: pycnn.device("cpu"), lambda: nn.Linear(2, 2),
        lambda: nn.Parameter(pycnn.ones(2, 2)), lambda: lambda *args: args[0], lambda: NotImplemented]


class Made:
    """A tensor to be made when the program runs: of its own, or an earlier result."""

    def __init__(self, shape=(), dtype=None, kind="normal", how="plain", seed=0, earlier=None):
        self.shape, self.dtype, self.kind, self.how = tuple(shape), dtype, kind, how
        self.seed, self.earlier = seed, earlier

    def __repr__(self):
        if self.earlier is not None:
            return f"result[{self.earlier}]"
        return f"{self.how}({list(self.shape)}, {self.dtype}, {self.kind}, {self.seed})"

    def make(self, results):
        if self.earlier is not None and results:
            return results[self.earlier % len(results)]
        dtype = self.dtype or pycnn.float32
        t = pycnn.from_numpy(array(self.shape, dtype, self.kind, self.seed)).to(dtype)
        how = self.how
        if how == "transposed" and t.dim() > 1:
            t = t.transpose(0, -1)
        elif how == "strided" and t.dim() and t.shape[-1] > 1:
            t = t[..., ::2]
        elif how == "offset" and t.dim() and t.shape[0] > 1:
            t = t[1:]
        elif how == "expanded" and t.dim() < 8:
            t = t.expand(3, *t.shape)
        elif how == "channels_last" and t.dim() == 4:
            t = t.contiguous(memory_format=pycnn.channels_last)
        elif how == "private" and t.dim() == 4 and dtype is pycnn.float32 and t.shape[1] > 0:
            t = nn.functional.relu(nn.functional.conv2d(t, pycnn.ones(4, t.shape[1], 1, 1)))
        elif how == "grad" and dtype.is_floating_point:
            t = t.detach().clone().requires_grad_()
        return t


def array(shape, dtype, kind, seed):
    """An array that becomes a tensor of a dtype."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if kind == "small":
        x = rng.integers(0, 4, shape)
    elif kind == "zero":
        x = np.zeros(shape)
    elif kind == "special":
        x = np.where(rng.random(shape) < 0.3, rng.choice([np.nan, np.inf, -np.inf, -0.0, 1e-40], shape), x)
    elif kind == "huge":
        x = x * 10.0 ** rng.integers(0, 30)
    with np.errstate(all="ignore"):
        return np.asarray(x).astype("f4" if dtype is pycnn.bfloat16 else dtype.name.rpartition(".")[2])


class Program:
    """What the calls of a short program are drawn from. Nothing runs while they are drawn: Hypothesis has to see the
    same choices each time."""

    def __init__(self, rng):
        self.rng = rng

    def choose(self, values):
        return values[self.rng.randrange(len(values))]

    def chance(self, p):
        return self.rng.randrange(100) < 100 * p

    def shape(self):
        shape = [self.choose(SIZES) for _ in range(self.choose([0, 1, 1, 2, 2, 3, 4, 4, 4, 5, 8]))]
        while np.prod(shape, dtype=float) > 50000:
            shape.pop()
        return shape

    def tensor(self, shape=None, dtype=None):
        if shape is None and self.chance(0.4):
            return Made(earlier=self.rng.randrange(6))
        return Made(self.shape() if shape is None else shape, dtype or self.choose(DTYPES),
                    self.choose(["normal", "normal", "normal", "small", "zero", "special", "huge"]),
                    self.choose(["plain"] * 5 + ["transposed", "strided", "offset", "expanded", "channels_last",
                                                 "private", "grad", "grad"]),
                    self.rng.randrange(1 << 20))

    def ints(self):
        return [self.choose(INTS[:13] if self.chance(0.8) else INTS)
                for _ in range(self.choose([0, 1, 2, 2, 2, 3, 4, 9]))]

    def value(self, kind=None):
        """A value for a parameter of a kind of schema, or of any."""
        if kind is None or self.chance(0.06):
            kind = self.choose(["Tensor", "Tensor", "Tensor", "Tensor[]", "int", "int[2]", "float", "bool", "str",
                                "ScalarType", "junk", "junk", "image"])
        base = kind.rstrip("?")
        if kind.endswith("?") and self.chance(0.3):
            return None
        if base in ("Tensor", "Operand"):
            return self.tensor() if base == "Tensor" or self.chance(0.7) else self.value("Scalar")
        if base == "Tensor[]":
            first = self.tensor()
            return [first if self.chance(0.6) else self.tensor() for _ in range(self.choose([0, 1, 2, 2, 3, 9]))]
        if base.startswith("int["):
            return self.choose([tuple, list])(self.ints()) if self.chance(0.7) else self.choose(INTS)
        if base in ("int", "Scalar"):
            return self.choose(FLOATS) if base == "Scalar" \
                and self.chance(0.5) else self.choose(INTS[:16] if self.chance(0.7) else INTS)
        if base == "float":
            return self.choose(FLOATS)
        if base == "bool":
            return self.chance(0.5)
        if base == "str":
            return self.choose(WORDS)
        if base == "ScalarType":
            return self.choose(DTYPES)
        if base == "Generator":
            return pycnn.Generator()
        if base == "image":
            return picture(self)
        return self.choose(JUNK)()

    def index(self):
        part = lambda: self.choose([None, Ellipsis, True, slice(None), slice(1, None), slice(None, None, 2),
                                    slice(self.choose(INTS), self.choose(INTS)),
                                    self.choose(INTS), self.choose(INTS[:16]),
                                    self.tensor(dtype=self.choose([pycnn.int64, pycnn.bool])),
                                    [0, 1], [True, False], np.array([0, 1]), np.array([True])])
        return part() if self.chance(0.5) else tuple(part() for _ in range(self.choose([0, 1, 2, 2, 3, 9])))


def picture(p):
    size = p.choose([1, 2, 3, 8, 31, 32, 40]), p.choose([1, 2, 3, 8, 31, 32, 40])
    mode = p.choose(["RGB", "RGB", "L", "RGBA", "1", "P", "I", "F", "LA", "CMYK", "I;16"])
    image = Image.frombytes("RGB", size, np.random.default_rng(p.rng.randrange(99)).bytes(3 * size[0] * size[1]))
    return image.convert(mode) if mode != "I;16" else Image.new(mode, size)


# ---- what is called -----------------------------------------------------------------------------------

SCHEMAS = {}
for _schema, _flags, _, _ in _C.rows():
    _name, _, _rest = _schema.partition("(")
    _parts = _rest.rpartition(") ->")[0].split(", ")
    SCHEMAS.setdefault(_name.split(".")[0], []).append([(part.split()[1].split("=")[0], part.split()[0])
                                                        for part in _parts
                                                        if " " in part and part[0] != "*"])

# These end or change the process, wait for a network, or write where they are told to.
FORBIDDEN = {"set_num_threads", "set_printoptions", "save", "set_default_dtype", "set_default_tensor_type",
             "set_default_device", "download_url", "download_and_extract_archive",
             "download_file_from_google_drive", "load_state_dict_from_url", "download_url_to_file", "show_config",
             "hub", "set_dir",
             "kill", "exit", "annotations", "get_worker_info", "set_num_interop_threads", "set_grad_enabled",
             "seed", "list"}


def members(module, deep=True):
    """Public functions and classes of a module."""
    return [value for name, value in sorted(vars(module).items()) if not name.startswith("_") and name not in FORBIDDEN
            and callable(value) and str(getattr(value, "__module__", "")).startswith(("pycnn", "None", "builtins"))
            and not (isinstance(value, type) and issubclass(value, BaseException))]


SPECIAL = {
    "__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__truediv__", "__floordiv__", "__mod__", "__pow__",
    "__rpow__", "__matmul__", "__eq__", "__lt__", "__and__", "__or__", "__xor__", "__invert__", "__neg__", "__len__",
    "__iter__", "__repr__", "__format__", "__array__", "__contains__", "__iadd__", "__imul__", "__itruediv__",
    "__bool__", "__int__", "__float__", "__index__", "__deepcopy__", "__reduce_ex__", "__dlpack__", "__copy__"}
METHODS = sorted(name for name in dir(pycnn.Tensor)
                 if callable(getattr(pycnn.Tensor, name, None)) and name not in FORBIDDEN
                 and (not name.startswith("_") or name in SPECIAL))

LAYERS = [c for c in members(nn) if isinstance(c, type) and issubclass(c, nn.Module)]
FUNCTIONS = [f for module in (pycnn, nn.functional, nn.init, nn.utils, pycnn.autograd, pycnn.functional,
                              transforms.functional, pycnn.random, data, pycnn.metrics)
             for f in members(module) if not isinstance(f, type)]
OPTIMIZERS = [c for c in members(optim) if isinstance(c, type)]
SCHEDULES = [c for c in members(optim.lr_scheduler) if isinstance(c, type)]
TRANSFORMS = [c for c in members(transforms) if isinstance(c, type)]


def arguments(p, function):
    """Arguments for a function, guided by what its parameters are called."""
    try:
        parameters = [q for q in inspect.signature(function).parameters.values() if q.name != "self"]
    except (TypeError, ValueError):
        return [p.value() for _ in range(p.choose([0, 1, 1, 2, 2, 3]))], {}
    args, kwargs = [], {}
    for q in parameters:
        if q.kind in (q.VAR_POSITIONAL, q.VAR_KEYWORD):
            continue
        if q.default is not q.empty and p.chance(0.6):
            if args and len(args) == parameters.index(q) and p.chance(0.3):
                args.append(q.default)
            continue
        value = p.value(kind_of(q))
        if q.kind is q.KEYWORD_ONLY or len(args) != parameters.index(q):
            kwargs[q.name] = value
        else:
            args.append(value)
    return args, kwargs


def kind_of(q):
    if isinstance(q.default, bool):
        return "bool"
    if isinstance(q.default, int):
        return "int[2]" if any(w in q.name for w in ("size", "stride", "padding", "dilation")) else "int"
    if isinstance(q.default, float):
        return "float"
    if isinstance(q.default, str):
        return "str"
    names = {"img": "image", "pic": "image", "image": "image", "input": "Tensor", "tensor": "Tensor",
             "target": "Tensor", "weight": "Tensor",
             "size": "int[2]", "kernel_size": "int[2]", "output_size": "int[2]", "padding": "int[2]",
             "tensors": "Tensor[]", "p": "float",
             "num_features": "int", "in_features": "int", "out_features": "int", "in_channels": "int",
             "out_channels": "int"}
    return names.get(q.name)


# Each draws a call and returns a function of `real`, which makes the tensors in the arguments.

def call_operator(p):
    name = p.choose(sorted(SCHEMAS))
    parameters = p.choose(SCHEMAS[name])
    args = [p.value(kind) for _, kind in parameters]
    first = next((a for a in args if isinstance(a, Made)), None)
    if first is not None and first.earlier is None and p.chance(0.5):  # of one shape: what can be computed at all
        args = [p.tensor(first.shape, first.dtype) if isinstance(a, Made) and a is not first else a for a in args]
    where = _C.fn if hasattr(_C.fn, name) else _C.nn if hasattr(_C.nn, name) else None
    split, inplace = p.rng.randrange(len(args) + 1), "_" if p.chance(0.3) else ""
    if where is None or (args and first is args[0] and p.chance(0.3)):
        return lambda real: getattr(real(args[0]), name + inplace)(*real(args[1:]))
    return lambda real: getattr(where, name)(*real(args[:split]),
                                             **{n: real(a) for (n, _), a in zip(parameters[split:], args[split:])})


def call_sample(p):
    """A call from the table of operators, with an argument or two changed."""
    op = opinfo.OPS[p.choose(sorted(opinfo.OPS))]
    sample, layout = p.choose(op.samples), p.choose(["contiguous", "strided", "transposed"])
    changes = [(p.rng.randrange(8), p.value("Tensor"), p.value("int[2]"), p.value())
               for _ in range(p.choose([0, 1, 1, 2]))]

    def run(real):
        args, kwargs = opsample.build_pycnn(sample, layout, "float32")
        args = list(args)
        for k, tensor, ints, other in changes:
            if args:
                k %= len(args)
                args[k] = real(tensor if isinstance(args[k], pycnn.Tensor) else ints
                               if isinstance(args[k], (tuple, list)) else other)
        return op.call(*args, **kwargs)
    return run


def call_method(p):
    t, name = p.tensor(), p.choose(METHODS)
    if name.rstrip("_") in SCHEMAS and p.chance(0.8):
        args = [p.value(kind) for _, kind in p.choose(SCHEMAS[name.rstrip("_")])[1:]]
    else:
        args = [p.value() for _ in range(p.choose([0, 0, 1, 1, 2]))]
    return lambda real: getattr(real(t), name)(*real(args))


def call_index(p):
    t, index, value, assign = p.tensor(), p.index(), p.value(p.choose(["Tensor", "Scalar", None])), p.chance(0.5)

    def run(real):
        it = real(t)
        if not assign:
            return it[real(index)]
        it[real(index)] = real(value)
        return it
    return run


def call_attribute(p):
    t, value, assign = p.tensor(), p.value(p.choose(["Tensor", "bool", None])), p.chance(0.6)
    name = p.choose(["data", "grad", "requires_grad", "shape", "T", "mT", "H", "real", "grad_fn", "names",
                     "device", "is_leaf"])

    def run(real):
        it = real(t)
        if not assign or name not in ("data", "grad", "requires_grad"):
            return getattr(it, name)
        setattr(it, name, real(value))
        return it
    return run


def call_function(p):
    function = p.choose(FUNCTIONS)
    args, kwargs = arguments(p, function)
    return lambda real: function(*real(args), **real(kwargs))


def call_layer(p, trace=False):
    cls = p.choose(LAYERS)
    args, kwargs = arguments(p, cls.__init__)
    given = [a for a in args if isinstance(a, int) and 0 <= a < 40]
    shape = [p.choose([0, 1, 2, 4])] + [p.choose(given) if given and p.chance(0.5) else p.choose(SIZES)
                                        for _ in range(p.choose([1, 1, 2, 3, 3, 3, 4]))]
    x = p.tensor(shape if np.prod(shape, dtype=float) < 50000 else None, pycnn.float32 if p.chance(0.8) else None)
    more = [p.tensor()] if cls.__name__.endswith("Loss") or p.chance(0.1) else []
    evaluate = p.chance(0.3)

    def run(real):
        layer = cls(*real(args), **real(kwargs))
        if sum(q.numel() for q in layer.parameters()) > 1 << 20:
            return None
        if evaluate:
            layer.eval()
        if trace:
            layer = pycnn.jit.trace(layer, (real(x), *real(more)))
            layer.save("traced.pt")
        result = layer(real(x), *real(more))
        repr(layer)
        layer.state_dict()
        return result
    return run


def call_trace(p):
    return call_layer(p, trace=True)


def call_function_class(p):
    """An autograd.Function whose forward and backward return anything."""
    inputs = [p.tensor() for _ in range(p.choose([0, 1, 2]))] + [p.value() for _ in range(p.choose([0, 0, 1]))]
    outputs, gradients = (p.value(p.choose(["Tensor", "Tensor[]", None])) for _ in range(2))
    keep = p.value("Tensor[]")
    same = p.chance(0.5)

    def run(real):
        class Odd(pycnn.autograd.Function):
            @staticmethod
            def forward(ctx, *args):
                ctx.save_for_backward(*real(keep))
                return args[0] * 2 if same and args else real(outputs)

            @staticmethod
            def backward(ctx, *grads):
                ctx.saved_tensors
                return grads if same else real(gradients)

        result = Odd.apply(*real(inputs))
        for t in result if isinstance(result, (tuple, list)) else [result]:
            t.sum().backward()
        return result
    return run


def call_hook(p):
    t, result, kind = p.tensor([p.choose(SIZES)],
                               pycnn.float32), p.value(), p.choose(["register_hook", "retain_grad", "post"])

    def run(real):
        x = real(t).detach().clone().requires_grad_()
        y = x * 2
        if kind == "post":
            x.register_post_accumulate_grad_hook(lambda it: real(result))
        elif kind == "retain_grad":
            y.retain_grad()
        else:
            y.register_hook(lambda g: real(result))
        y.sum().backward()
        return x.grad
    return run


def call_backward(p):
    t, other, gradient = p.tensor(), p.tensor(), [p.value("Tensor?")] if p.chance(0.3) else []
    outputs, inputs, by_name = p.value("Tensor[]"), p.value("Tensor[]"), p.chance(0.3)
    unused, retain, total = p.chance(0.5), p.chance(0.5), p.chance(0.7)

    def run(real):
        if by_name:
            return pycnn.autograd.grad(real(outputs), real(inputs), allow_unused=unused, retain_graph=retain)
        it = real(t)
        it = it if it.requires_grad else it * real(other)
        (it.sum() if total else it).backward(*real(gradient), retain_graph=retain)
        return it.grad if it.is_leaf else None
    return run


def call_optimizer(p):
    cls, schedule_class = p.choose(OPTIMIZERS), p.choose(SCHEDULES) if p.chance(0.4) else None
    shapes = [p.shape() for _ in range(2)]
    params, junk = [p.tensor(s, pycnn.float32) for s in shapes], p.value() if p.chance(0.1) else None
    kwargs = arguments(p, cls.__init__)[1]
    if p.chance(0.7):
        kwargs = {k: v for k, v in kwargs.items() if isinstance(v, (int, float, bool))}
    kwargs.pop("params", None)
    more, others = arguments(p, schedule_class.__init__) if schedule_class else ([], {})
    grads = [p.tensor(s if p.chance(0.9) else None, pycnn.float32 if p.chance(0.9) else None) for s in shapes * 2]
    changed, value = p.choose(["state", "param_groups", None, None]), p.value()

    def run(real):
        parameters = [nn.Parameter(real(t).detach().clone()) for t in params]
        optimizer = cls(real(junk) if junk is not None else parameters, **real(kwargs))
        schedule = schedule_class(optimizer, *real(more)[1:], **real(others)) if schedule_class else None
        for k, g in enumerate(grads):
            parameters[k % 2].grad = real(g)
            optimizer.step()
            if schedule is not None:
                schedule.step()
        state = optimizer.state_dict()
        if changed is not None:
            state[changed] = real(value)
        optimizer.load_state_dict(state)
        optimizer.step()
    return run


def call_transform(p):
    cls = p.choose(TRANSFORMS)
    args, kwargs = arguments(p, cls.__init__)
    x = picture(p) if p.chance(0.6) else p.tensor([p.choose([1, 2, 3, 4]), p.choose(SIZES), p.choose(SIZES)],
                                                  p.choose([pycnn.uint8, pycnn.float32]))
    return lambda real: cls(*real(args), **real(kwargs))(real(x))


class Images(vision.datasets.vision.ImageArray):
    """Images in memory, of which anything may be wrong."""

    classes = []

    def __init__(self, images, targets, transform):
        super().__init__(None, transform=transform)
        self.data, self.targets = images, targets


def call_loader(p):
    n, kind = p.choose([0, 1, 5, 20]), p.choose(["tensors", "images", "python"])
    images = p.choose([np.zeros((n, 8, 8, 3), np.uint8), np.zeros((n, 8, 8), np.uint8), np.zeros((n, 8, 8, 3)),
                       np.zeros((n, 8, 8, 3), np.uint8)[:, ::-1], None])
    targets = p.choose([[0] * n, list(range(n)), [-1] * n, ["x"] * n, [0] * (n + 1), np.arange(n), [2 ** 70] * n, None])
    parts = [(cls, arguments(p, cls.__init__)[0]) for cls in [p.choose(TRANSFORMS) for _ in range(p.choose([0, 1, 2]))]]
    tensors, items = [p.tensor([n, 3]), p.tensor([n], pycnn.int64)], [p.value() for _ in range(n)]
    indices = [p.choose(INTS[:16]) for _ in range(4)]
    subset = p.choose([indices, range(n), np.arange(n), p.value()]) if p.chance(0.3) else None
    options = {"batch_size": p.choose([1, 2, 3, 7, 100, None, 0, -1]), "shuffle": p.choose([True, False, None]),
               "drop_last": p.chance(0.2)}
    if p.chance(0.2):
        options = {"batch_sampler": p.choose([[indices], [[]], [[0, 1]], [indices, 3], p.value()])}
    elif p.chance(0.2):
        options["sampler"], options["shuffle"] = p.choose([indices, range(n), p.value()]), None
    if kind == "images" and p.chance(0.3):
        options["num_workers"] = p.choose([1, 2])

    def run(real):
        if kind == "tensors":
            source = data.TensorDataset(*real(tensors))
        elif kind == "images":
            source = Images(images, targets,
                            transforms.Compose([cls(*real(args)) for cls, args in parts] + [transforms.ToTensor()]))
        else:
            source = real(items)
        if subset is not None:
            source = data.Subset(source, real(subset))
        batches = iter(data.DataLoader(source, **real(options)))
        for _ in range(3):
            next(batches)
    return run


def call_state(p):
    changes = [(p.choose(["0.weight", "0.bias", "1.running_mean", "1.num_batches_tracked", "x", "0", "0.", ".",
                          "0.weight.x", 3]), p.value())
               for _ in range(2)]
    strict, assign, x = p.chance(0.5), p.chance(0.3), p.tensor([2, 3], pycnn.float32)

    def run(real):
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        model.load_state_dict({**model.state_dict(), **{key: real(value) for key, value in changes}}, strict=strict,
                              assign=assign)
        return model(real(x))
    return run


def call_generator(p):
    name = p.choose(["manual_seed", "set_state", "get_state", "initial_seed", "seed"])
    seed, other = p.value("int"), p.tensor() if p.chance(0.4) else None
    bytes_ = [(p.rng.randrange(5000), p.rng.randrange(256)) for _ in range(3)]

    def run(real):
        g = pycnn.Generator()
        if name == "set_state":
            state = g.get_state()
            for at, byte in bytes_:
                state[at] = byte
            g.set_state(state if other is None else real(other))
        else:
            getattr(g, name)(*([seed] if name == "manual_seed" else []))
        return (pycnn.randn(3, generator=g), pycnn.randperm(20, generator=g),
                pycnn.bernoulli(pycnn.full((9,), 0.5), generator=g))
    return run


# ---- readers of files ---------------------------------------------------------------------------------

def damaged(p, content):
    """Bytes with some of them changed, left out, doubled or cut off."""
    content = bytearray(content)
    for _ in range(p.choose([1, 1, 2, 5])):
        at = p.rng.randrange(len(content) + 1)
        how = p.choose(["flip", "flip", "number", "cut", "drop", "double", "insert"])
        if how == "flip" and at < len(content):
            content[at] = p.rng.randrange(256)
        elif how == "number":
            content[at:at + 4] = p.choose([0, 1, 0x7fffffff, 0xffffffff, 0x80000000,
                                           16]).to_bytes(4, p.choose(["little", "big"]))
        elif how == "cut":
            del content[at:]
        elif how == "drop":
            del content[at:at + p.choose([1, 4, 30])]
        elif how == "double":
            content[at:at] = content[at:at + p.choose([1, 8, 60])]
        else:
            content[at:at] = p.choose([b"R", b"(", b".", b"0", b"\x80\x02", b"PK\3\4", b"c__builtin__\neval\n", b"}",
                                       b"]", b"u", b"a", b"h\0", b"b"])
    return bytes(content)


def _files():
    """name -> (content, how it is read), made once."""
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    state = {"model": net.state_dict(), "epoch": 3, "names": ["a", ("b", 1.5, None, True)],
             "rng": pycnn.get_rng_state()[:50].clone()}
    checkpoint = io.BytesIO()
    pycnn.save(state, checkpoint)
    script = io.BytesIO()
    pycnn.jit.save(pycnn.jit.trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten()), pycnn.ones(1, 3, 4, 4)),
                   script)
    objects = io.BytesIO()
    pycnn.save({"args": argparse.Namespace(lr=0.1, names=["a", ("b", 1)]), "w": pycnn.ones(2, 3), **state}, objects)
    golden = Path(__file__).parent / "golden"
    made = {"objects": objects.getvalue(), "zip": checkpoint.getvalue(), "script": script.getvalue(),
            "cifar": pickle.dumps({"data": np.zeros((3, 3072), np.uint8), "labels": [0, 1, 2]}, 2),
            "names": pickle.dumps({"label_names": ["a", "b"]}, 2)}
    for path in golden.glob("*.pth"):
        made[path.name] = path.read_bytes()
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as archive:
        archive.add(__file__, "a/b.py")
    made["tar"] = tar.getvalue()
    for kind in ("PNG", "JPEG"):
        file = io.BytesIO()
        Image.new("RGB", (9, 9), (1, 2, 3)).save(file, kind)
        made[kind] = file.getvalue()
    made["idx"] = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3]) + bytes(18)
    return made


def read(kind, content):
    path = Path("file." + kind)
    if kind == "zip" or kind.endswith(".pth"):
        pycnn.load(io.BytesIO(content))
        path.write_bytes(content)
        return pycnn.load(path)
    path.write_bytes(content)
    if kind == "objects":
        with pycnn.serialization.safe_globals([argparse.Namespace]):
            return pycnn.load(path)
    if kind == "script":
        return pycnn.jit.load(path)(pycnn.ones(2, 3, 4, 4))
    if kind == "cifar":
        return _C.read_cifar([str(path)], 10)
    if kind == "names":
        return _C.read_cifar_names(str(path), "label_names")
    if kind == "tar":
        return vision.datasets.utils.extract_archive(str(path), "extracted")
    if kind in ("PNG", "JPEG"):
        return transforms.ToTensor()(vision.datasets.folder.default_loader(path))
    from pycnn.vision.datasets.mnist import read_sn3_pascalvincent_tensor
    return read_sn3_pascalvincent_tensor(str(path))


FILES = _files()


def call_reader(p):
    kind = p.choose(sorted(FILES))
    content = damaged(p, FILES[kind])
    return lambda real: read(kind, content)


CALLS = [
    *[call_operator] * 6, *[call_sample] * 4, *[call_method] * 4, *[call_index] * 2, *[call_function] * 4,
    *[call_layer] * 4, call_trace, call_function_class, call_hook, *[call_backward] * 3, *[call_transform] * 3,
    call_attribute, call_optimizer, call_optimizer, call_loader, call_state, call_generator, call_reader, call_reader]


# ---- running ------------------------------------------------------------------------------------------

def training_step():
    """Numbers that must not change, whatever was called."""
    state = pycnn.get_rng_state()
    pycnn.manual_seed(0)
    with pycnn.enable_grad():
        model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                              nn.Linear(8 * 16, 10))
        loss = nn.functional.cross_entropy(model(pycnn.randn(8, 3, 8, 8)), pycnn.arange(8))
        loss.backward()
    pycnn.set_rng_state(state)
    return loss.item().hex(), [q.grad.numpy().tobytes().hex()[:32] for q in model.parameters()]


def interrupt(*_):
    raise TooSlow


def text(call):
    """What a drawn call holds."""
    cells = zip(call.__code__.co_freevars, call.__closure__ or ())
    arguments = ", ".join(f"{name}={cell.cell_contents!r:.300}" for name, cell in cells)
    return f"{call.__qualname__.split('.')[0]}({arguments})"


def run_program(rng, number):
    """One program; raises what must not be raised."""
    p, results = Program(rng), []
    calls = [p.choose(CALLS)(p) for _ in range(p.choose([1, 1, 2, 3, 4]))]

    def real(x):
        if isinstance(x, Made):
            return x.make(results)
        if type(x) in (list, tuple) and len(x) < 100 and not (x and x[0] is x):
            return type(x)(map(real, x))
        return {k: real(v) for k, v in x.items()} if type(x) is dict else x

    # should it be the last
    Path("program").write_text(f"seed {number}:\n" + "\n".join(map(text, calls)), errors="replace")
    for call in calls:
        signal.setitimer(signal.ITIMER_REAL, SLOW)
        faulthandler.dump_traceback_later(HUNG, exit=True)
        try:
            result = call(real)
            results += [t for t in (result if isinstance(result, (tuple, list)) else (result,))
                        if isinstance(t, pycnn.Tensor) and t.numel() <= 1 << 20]
            del results[:-6]
        except TooSlow:
            pass
        except MISTAKES:
            raise
        except EXPECTED as error:
            message = str(error)
            if "internal" in message and "internal miniz" not in message:
                raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            _C.set_grad_enabled(True)


def child(seconds, number):
    """Programs of one seed, for a while; the exit status says how it went."""
    sys.setrecursionlimit(2000)
    warnings.simplefilter("ignore")
    if "san.so" not in os.environ.get("LD_PRELOAD", ""):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, interrupt)
    pycnn.set_num_threads(2)
    end, count, before = time.monotonic() + seconds, 0, training_step()
    try:
        while time.monotonic() < end:
            some_programs(number)
            number, count = number + 1, count + PROGRAMS
            gc.collect()
            assert training_step() == before, "a training step gives other numbers"
    except BaseException:
        traceback.print_exc()
        return 1
    print(count)
    return 0


def some_programs(number):
    """The programs of a seed."""
    @fixed_seed(number)
    @settings(max_examples=PROGRAMS, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(st.randoms(use_true_random=False))
    def programs(rng):
        run_program(rng, number)
    programs()


def fuzz(seconds, first_seed=0, processes_of=60):
    """Run programs for about `seconds`; returns how many, raises AssertionError with the seed and what happened."""
    end, number, total = time.monotonic() + seconds, first_seed, 0
    with tempfile.TemporaryDirectory() as folder:
        while (left := end - time.monotonic()) > 0:
            span = min(left, processes_of)
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, Path(__file__).resolve().parents[:2]),
                                                                        os.environ.get("PYTHONPATH", "")])}
            done = subprocess.run([sys.executable, "-X", "faulthandler", __file__, "--child", str(span),
                                   str(number)], cwd=folder,
                                  capture_output=True, text=True, errors="replace", env=environment, timeout=span + 120)
            if done.returncode != 0:
                program = Path(folder, "program")
                raise AssertionError(f"a child ends with status "
                                     f"{done.returncode}\n{program.read_text() if program.exists() else ''}\n"
                                     f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}")
            total += int(done.stdout.split()[-1])
            number += 1000
    return total


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        sys.exit(child(float(sys.argv[2]), int(sys.argv[3])))
    start = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10 ** 6)
    print(f"from seed {start}: {fuzz(float(sys.argv[1]), start)} programs")
