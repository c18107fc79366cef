"""Random programs on pycnn and on torch: views, writes in place, aliases, NumPy arrays held, checkpoints.

Layouts that differ from what strides say, and ReLUs that are still to be applied, must never show. A program is a list
of instructions on numbered tensors; after each of them both libraries report the same shapes, strides and flags, and in
the end the same values and gradients. Nothing looks at values on the way unless the program itself does.
"""

import io
import os

import numpy as np
import pytest
import torch

import pycnn

pytestmark = pytest.mark.parity

PROGRAMS = int(os.environ.get("PYCNN_RANDOM_PROGRAMS", 1500))
LENGTH = 14
EPS = 0.1  # of norms: with less, channels of nearly equal values come out as little but rounding
SHAPES = [(2, 3, 6, 6), (2, 4, 8, 6), (1, 8, 5, 5), (3, 4, 4, 4)]


class State:
    """Tensors, parameters and arrays of one run in library L. `noise` disturbs the inputs by that much."""

    def __init__(self, L, seed, noise=0.0):
        self.L, self.rng, self.noise = L, np.random.default_rng(seed), noise
        self.other = np.random.default_rng(seed + 1)  # of the noise alone
        self.tensors, self.leaves, self.arrays, self.norms = [], [], [], {}

    def numbers(self, *shape):
        values = self.rng.standard_normal(shape)
        return (values * (1 + self.noise * self.other.standard_normal(shape))).astype("f")

    def leaf(self, *shape):
        t = self.L.tensor(self.numbers(*shape), requires_grad=True)
        self.leaves.append(t)
        return t

    def norm(self, channels):
        if channels not in self.norms:
            self.norms[channels] = norm = self.L.nn.BatchNorm2d(channels, eps=EPS)
            self.L.nn.init.constant_(norm.bias, 0.1)  # equal values do not come out as 0, where a ReLU turns
        return self.norms[channels]


def like(s, x):
    return s.L.tensor(s.numbers(*x.shape))


def conv(s, x, out, kernel, stride, padding):
    w = s.leaf(out, x.shape[1], kernel, kernel)
    return s.L.nn.functional.conv2d(x, w, s.leaf(out), stride=stride, padding=padding)


def grouped(s, x, stride, dilation):
    """Each channel convolved on its own, then each half of them."""
    F, c = s.L.nn.functional, x.shape[1]
    y = F.conv2d(x, s.leaf(c, 1, 3, 3), s.leaf(c), stride=stride, padding=1, dilation=dilation, groups=c)
    return F.conv2d(y, s.leaf(6, c // 2, 1, 1), groups=2) if c % 2 == 0 else y


def transposed(s, x, stride):
    return s.L.nn.functional.conv_transpose2d(x, s.leaf(x.shape[1], 3, 2, 2), s.leaf(3), stride=stride)


def affine(s, x, name, groups):
    """A norm with parameters."""
    F, c = s.L.nn.functional, x.shape[1]
    if name == "group":
        return F.group_norm(x, groups if c % groups == 0 else 1, s.leaf(c), s.leaf(c), EPS)
    if name == "instance":
        return F.instance_norm(x, weight=s.leaf(c), bias=s.leaf(c), eps=EPS)
    return F.layer_norm(x, x.shape[groups:], s.leaf(*x.shape[groups:]), s.leaf(*x.shape[groups:]), EPS)


def evaluated(s, x):
    """Batch norm by running statistics. torch's own gradient is wrong where a side of 1 lets strides look like another
    order of dimensions than the gradient's."""
    c, x = x.shape[1], plain(x) if 1 in x.shape else x
    mean, variance = s.L.tensor(s.numbers(c)), s.L.tensor(s.numbers(c) ** 2)
    return s.L.nn.functional.batch_norm(x, mean, variance, s.leaf(c), s.leaf(c), eps=EPS)


def embedding(s, x):
    at = s.L.tensor(s.rng.integers(0, 5, (2, 3)))
    return s.L.nn.functional.embedding(at, s.leaf(5, 4))


def plain(x):
    """x in the order of its dimensions: some of torch's operators leave results in their input's order."""
    return x.new_empty(x.shape).copy_(x)


def take(s, x):
    return plain(x[s.L.tensor(s.rng.integers(0, x.shape[0], 3))])


def pieces(s, x, how):
    """The last piece of several; the views of one operator."""
    return getattr(x, how)(2, dim=-1)[-1]


def linear(s, x):
    return s.L.nn.functional.linear(x, s.leaf(5, x.shape[-1]), s.leaf(5))


def write(s, x, index, value):
    x[index] = value
    return None


def write_tensor(s, x, index):
    x[index] = like(s, x[index])
    return None


def hold(s, x):
    """Keep the NumPy view."""
    s.arrays.append(x.detach().numpy())


def write_array(s, x):
    """Write to the tensor's memory through NumPy."""
    x.detach().numpy()[...] *= np.float32(0.75)


def look(s, x):
    """Ask for the NumPy view: refused where a gradient is recorded."""
    x.numpy()


def from_held(s, x):
    return s.L.from_numpy(s.arrays[-1]) if s.arrays and s.arrays[-1].size else None


def checkpoint(s, x):
    file = io.BytesIO()
    s.L.save({"x": x, "n": 3}, file)
    file.seek(0)
    return s.L.load(file)["x"]


def backward(s, x, retain):
    (x * like(s, x)).sum().backward(retain_graph=retain)


def without_grad(s, x):
    with s.L.no_grad():
        return s.L.relu(x) * 0.5


def data_write(s, x):
    x.data.mul_(0.9)


def channels_last(s, x):
    return x.contiguous(memory_format=s.L.channels_last)


def residual(s, x):
    """conv, batch norm and ReLU, with what went in added to it."""
    F = s.L.nn.functional
    y = F.conv2d(x, s.leaf(x.shape[1], x.shape[1], 3, 3), None, padding=1)
    y = s.norm(x.shape[1])(y)
    y += x
    return s.L.relu_(y)


def residual_apart(s, x):
    """The same out of place, with a convolution behind it."""
    y = s.L.relu(s.norm(x.shape[1])(conv(s, x, x.shape[1], 3, 1, 1)) + x)
    return conv(s, y, 4, 1, 1, 0)


def activation_first(s, x):
    """Batch norm and ReLU before a convolution."""
    return conv(s, s.L.nn.functional.relu(s.norm(x.shape[1])(x), inplace=True), 6, 3, 1, 1)


def forget(s, x):
    """Let go of a tensor: backward alone may have it now."""
    s.tensors = [s.tensors[0] if t is x else t for t in s.tensors]


def expression(text):
    """A function of the state, a tensor x and further numbers k."""
    fn = eval("lambda s, x, *k: " + text)
    fn.__name__ = text
    return fn


IMAGES = [(conv, [(4, 3, 1, 1), (8, 3, 1, 1), (3, 1, 1, 0), (4, 3, 2, 1), (6, 2, 1, 0), (16, 3, 1, 1), (5, 1, 2, 0)]),
          (residual, [()]), (residual_apart, [()]), (activation_first, [()]), (forget, [()]),
          (grouped, [(1, 1), (2, 1), (1, 2)]), (transposed, [(1,), (2,)]), (evaluated, [()]),
          (affine, [("group", 2), ("instance", 1), ("layer", 1), ("layer", 3)]),
          (channels_last, [()])] + [(expression(text), variants) for text, variants in [
    ("s.L.relu(x)", [()]), ("s.L.nn.functional.relu(x, inplace=True)", [()]), ("s.norm(x.shape[1])(x)", [()]),
    ("s.L.nn.functional.max_pool2d(x, k[0])", [(2,)]), ("s.L.nn.functional.max_pool2d(x, 3, k[0], 1)", [(2,), (1,)]),
    ("s.L.nn.functional.avg_pool2d(x, 2)", [()]), ("s.L.nn.functional.adaptive_avg_pool2d(x, 1)", [()]),
    ("x.permute(0, 2, 3, 1)", [()]), ("x[:, :, 1:, :-1]", [()]), ("x[:, 1:]", [()]), ("x.flatten(1)", [()]),
    ("s.L.cat([x, x], 1)", [()]), ("s.L.nn.functional.adaptive_max_pool2d(x, k)", [(2, 3)]),
    ("s.L.nn.functional.adaptive_avg_pool2d(x, k)", [(3, 2), (1, 1)]),
    ("s.L.nn.functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False)", [()]),
    ("plain(s.L.nn.functional.interpolate(x, scale_factor=k[0], mode=k[1]))", [(2, "nearest"), (1.5, "bilinear")]),
    ("plain(s.L.nn.functional.pad(x, (1, 0, 2, 1), mode=k[0]))",
     [("constant",), ("reflect",), ("replicate",), ("circular",)]),
    ("plain(s.L.nn.functional.pixel_shuffle(x, 2)) if x.shape[1] % 4 == 0 else x", [()]),
    ("s.L.nn.functional.unfold(x, 2)", [()]), ("s.L.nn.functional.dropout2d(x, 0.0)", [()]),
    ("x[:0]", [()]), ("x[:, :, :, :0]", [()]), ("x[:1].expand(3, -1, -1, -1)", [()]), ("plain(x.flip(3))", [()]),
    ("s.L.nn.functional.max_pool2d(x, 2, return_indices=True)[0]", [()])]]
ANY = [(linear, [()]), (embedding, [()]), (take, [()]), (pieces, [("chunk",), ("split",)]),
       (write, [(0, 0.25), ((..., 0), -0.5)]), (write_tensor, [(0,), ((..., slice(None, None, 2)),)]),
       (hold, [()]), (look, [()]), (write_array, [()]), (from_held, [()]), (checkpoint, [()]), (without_grad, [()]),
       (data_write, [()]), (backward, [(True,), (False,)])] + [(expression(text), [()]) for text in [
    "s.L.relu(x)", "s.L.nn.functional.relu(x, inplace=True)", "x * 2 + 1", "x + like(s, x)", "x - x.mean()",
    "x.mul_(0.5)", "x.add_(like(s, x))", "x.mul_(s.leaf(1))", "x.clamp_(min=-1)", "x.view(-1)",
    "x.view(x.shape[0], -1)", "x.reshape(-1)", "x.detach()",
    "x.clone()", "x.contiguous()", "x[0]", "x.transpose(0, -1)", "x[..., ::2]", "x.sigmoid()", "x.sum(-1)",
    "x.T if x.dim() == 2 else x", "s.L.softmax(x, -1)", "x.expand(2, *x.shape)", "x.copy_(like(s, x))", "x.zero_()",
    "x.unsqueeze(0)", "x.detach().requires_grad_()", "plain(s.L.stack([x, x * 2]))", "s.L.cat([x, like(s, x)], -1)",
    "s.L.nn.functional.dropout(x, 0.0)", "s.L.nn.functional.gelu(x)", "s.L.nn.functional.silu(x, inplace=True)",
    "s.L.nn.functional.leaky_relu(x, 0.1)", "s.L.log_softmax(x + like(s, x), 0)", "(x.abs() + 0.1).sqrt()",
    "x.max(-1)[0]", "x.amax(0) if x.dim() else x", "x.var(-1, correction=0) if x.numel() else x",
    "x.std(0, correction=0, keepdim=True) if x.numel() else x", "plain(x.cumsum(-1))", "plain(x.sort(-1)[0])",
    "plain(x.topk(1)[0])", "plain(s.L.where(x > 0, x, -x))", "plain(x.masked_fill(x > 1, 0.5))", "x[x > 0.123]",
    "x.double().float()", "x.half().float()", "x.norm()", "x.square_()",
    "x.sub_(x.mean())", "x.T.contiguous() if x.dim() == 2 else x", "x.flatten() @ x.flatten()",
    "x.reshape(-1, x.shape[-1]) @ s.leaf(x.shape[-1], 2)", "plain(x.roll(1, -1))", "x.diagonal()",
    "x.unfold(-1, 2, 1)", "x.narrow(-1, 0, 1)", "x.swapaxes(0, -1)", "x.permute(*range(x.dim())[::-1])",
    "x.fill_(0.5).add_(like(s, x))", "x.div_(2)", "x.exp().log1p()", "x.clamp(-1, 1)", "x.tanh_()", "x.pow(2)",
    "plain(x.lerp(like(s, x), 0.3))", "plain(x.addcmul(like(s, x), like(s, x), value=0.1))", "x.view_as(x)"]]


def facts(t):
    """What a program can ask of a tensor without looking at its values; a step that is never taken may be any."""
    steps = tuple(step for size, step in zip(t.shape, t.stride()) if size != 1)
    return tuple(t.shape), steps, t.storage_offset(), t.requires_grad, t.is_leaf, t.is_contiguous()


def apply(s, instruction):
    """Run one instruction; returns what it reports, and whether the program may go on."""
    fn, at, args = instruction
    try:
        result = fn(s, s.tensors[at], *args)
        report = facts(s.tensors[at] if result is None else result)
    except Exception as error:
        return error, fn is not backward
    if result is not None:
        s.tensors.append(result)
    return report, True


def start(L, seed, noise=0.0):
    s = State(L, seed, noise)
    shape = SHAPES[seed % len(SHAPES)]
    s.tensors = [L.tensor(s.numbers(*shape)), s.leaf(*shape) * 1.5]
    return s


def generate(seed):
    """(instructions, reports, state): a program, as torch runs it."""
    rng = np.random.default_rng(seed + 77)
    s, program, reports = start(torch, seed), [], []
    for _ in range(LENGTH):
        at = len(s.tensors) - 1 if rng.random() < 0.7 else int(rng.integers(len(s.tensors)))
        x = s.tensors[at]
        choices = IMAGES if x.dim() == 4 and x.numel() > 1 and rng.random() < 0.6 else ANY
        fn, variants = choices[rng.integers(len(choices))]
        if (x.numel() > 4000 or x.dim() > 6) and fn is not backward:
            continue
        program.append((fn, at, variants[rng.integers(len(variants))]))
        report, more = apply(s, program[-1])
        reports.append(report)
        if not more:
            break
    return program, reports, s


def replay(L, seed, program, noise=0.0):
    s, reports = start(L, seed, noise), []
    for instruction in program:
        report, more = apply(s, instruction)
        reports.append(report)
        if not more:
            break
    return reports, s


def results(s):
    """All values that a run leaves: tensors, gradients, held arrays, running statistics."""
    values = [t.detach().numpy() for t in s.tensors] + s.arrays
    values += [t.grad.numpy() if t.grad is not None else np.zeros(0, "f") for t in s.leaves]
    for n in s.norms.values():
        values += [n.running_mean.numpy(), n.running_var.numpy()]
    return values


def same_error(ours, theirs):
    return isinstance(ours, Exception) and isinstance(theirs, Exception) and (
        isinstance(ours, type(theirs)) or isinstance(theirs, type(ours)))


def keeps_less(ours, theirs):
    """torch keeps an input that a write has changed since, or cannot fill what it expanded, or write to one of several
    views that an operator returned, or takes a view for a leaf: pycnn need not refuse, or not for that reason."""
    return any(text in str(theirs) and text not in str(ours) for text in (
        "modified by an inplace operation", "more than one element of the written-to tensor",
        "is a view and is being modified inplace", "is a view and its base or another view",
        "created in no_grad mode and is being modified",
        "a leaf Variable that requires grad is being used"))


def keeps_a_shape(program, ours, theirs):
    """Of the input of average pooling and of padding, torch keeps the values and frees them; pycnn keeps the shape."""
    return "through the graph a second time" in str(theirs) and not isinstance(ours, Exception) and any(
        text in fn.__name__ for fn, _, _ in program for text in ("avg_pool2d", "functional.pad("))


def differences(got, want, slack):
    """Numbers of the results that differ by more than rounding and `slack` allow."""
    bad = []
    for k, (a, b) in enumerate(zip(got, want, strict=True)):
        if a.shape != b.shape:
            bad.append(k)
            continue
        finite = np.isfinite(b)
        scale = np.abs(b[finite]).max(initial=1e-6)
        if not np.array_equal(finite, np.isfinite(a)) or np.abs(a[finite] - b[finite]).max(initial=0) > (
                3e-5 * scale + 5e-5 + slack[k]):
            bad.append(k)
    return bad


def sensitivity(seed, program, want):
    """How far each result moves in torch itself when inputs move by a few roundings: a ReLU may tip over."""
    slack = np.zeros(len(want))
    for noise in (1e-6, -1e-6, 3e-6, -3e-6):
        moved = results(replay(torch, seed, program, noise)[1])
        for k, (a, b) in enumerate(zip(moved, want, strict=True)):
            if a.shape == b.shape:
                slack[k] = max(slack[k], 30 * np.abs(np.nan_to_num(a) - np.nan_to_num(b)).max(initial=0))
    return slack


def describe(program, reports):
    return "\n".join(f"{k}: {fn.__name__} of tensor {at} {args} -> {report}"
                     for k, ((fn, at, args), report) in enumerate(zip(program, reports)))


def complaint(seed):
    """What differs in a program, or None."""
    program, expected, theirs = generate(seed)
    reports, ours = replay(pycnn, seed, program)
    for k, (a, b) in enumerate(zip(reports, expected)):
        if keeps_less(a, b) or keeps_a_shape(program, a, b):  # from here on the two are different programs
            return None
        if a == b or same_error(a, b):
            continue
        return f"seed {seed}, instruction {k}: {a}, torch: {b}\n{describe(program, expected)}"
    if isinstance(expected[-1], Exception):  # what a failed backward has added so far is nobody's promise
        return None
    want, got = results(theirs), results(ours)
    slack = np.zeros(len(want))
    if differences(got, want, slack):
        slack = sensitivity(seed, program, want)
    bad = differences(got, want, slack)
    return f"seed {seed}: results {bad} differ\n{describe(program, expected)}" if bad else None


@pytest.mark.parametrize("part", range(6))
def test_random_programs(part):
    for seed in range(part, PROGRAMS, 6):
        wrong = complaint(seed)
        assert wrong is None, wrong
