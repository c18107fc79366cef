"""Functions and methods that no operator row describes, against torch: values, gradients, errors."""

import numpy as np
import pytest
import torch

import pycnn
from both import compare, numbers, same

pytestmark = pytest.mark.parity

rng = np.random.default_rng(0)
A, B, C = numbers(rng, (3, 4)), numbers(rng, (4, 5)), numbers(rng, (2, 3, 4))
REPEATED = np.array([[1, 2, 2], [1, 2, 2], [0, 1, 1], [1, 2, 2]])


@pytest.mark.parametrize("equation, arrays", [
    ("ij,jk->ik", [A, B]), ("ij,jk", [A, B]), ("ij->ji", [A]), ("ij->", [A]), ("ij->j", [A]), ("ii->i", [A[:3, :3]]),
    ("ii", [A[:3, :3]]),
    ("bij,jk->bik", [C, B]), ("bij,bij->b", [C, C]), ("i,j->ij", [A[0], A[1]]),
    ("ij,kj,kl->il", [A, numbers(rng, (6, 4)), numbers(rng, (6, 2))]),
    ("...ij,jk->...ik", [C, B]), ("...,...->...", [C, A]), ("b...->b", [C]),
    ("bchw,bkhw->bck", [numbers(rng, (2, 3, 4, 5)), numbers(rng, (2, 6, 4, 5))]),
    ("i,i", [A[0], A[1]]), ("ij,ij->ij", [A, A]), ("abc,cd,de->abe", [C, B, numbers(rng, (5, 3))]),
    ("bnd,bmd->bnm", [C, C]), ("a b, b c -> a c", [A, B]), ("iij->j", [numbers(rng, (3, 3, 2))])], ids=str)
def test_einsum(equation, arrays):
    compare(lambda m, *x: m.einsum(equation, *x), arrays, limit=5e-6, grad_limit=5e-6)
    compare(lambda m, *x: m.einsum(equation, list(x)), arrays, limit=5e-6, grad_limit=5e-6)


@pytest.mark.parametrize("equation, arrays", [("ij,jk->ik", [A]), ("ij->ij", [A, B]), ("ijk->i", [A]), ("i->i", [A]),
                                              ("ij,jk->ik", [A, A]),
                                              ("ij->ii", [A]), ("ij->k", [A]), ("i1->i", [A])], ids=str)
def test_refused_einsums(equation, arrays):
    errors = []
    for m in (torch, pycnn):
        with pytest.raises(RuntimeError) as caught:
            m.einsum(equation, *(m.from_numpy(a) for a in arrays))
        errors.append(str(caught.value))
    assert errors[0].startswith("einsum()") and errors[1][:24] == errors[0][:24]


CALLS = {
    "where": lambda m, x: x.where(x > 0, x * 2), "where number": lambda m, x: x.where(x > 0, 1.5),
    "diag": lambda m, x: m.diag(x[0]),
    "diag above": lambda m, x: x[0].diag(2), "diag below": lambda m, x: m.diag(x[0], -1),
    "diag of a matrix": lambda m, x: m.diag(x, 1),
    "trace": lambda m, x: x.trace(), "trace function": lambda m, x: m.trace(x),
    "nan_to_num": lambda m, x: m.nan_to_num(x / (x > 0)),
    "nan_to_num given": lambda m, x: (x / (x > 0)).nan_to_num(1.0, 2.0, 3.0),
    "argwhere": lambda m, x: m.argwhere(x > 0),
    "isin": lambda m, x: m.isin(x.round(), m.tensor([0.0, 1.0])),
    "isin inverted": lambda m, x: m.isin(x.round(), 1.0, invert=True),
    "fill_diagonal_": lambda m, x: (x * 1).fill_diagonal_(7.0),
    "index_put_": lambda m, x: (x * 1).index_put_((m.tensor([0, 2]), m.tensor([1, -1])), m.tensor([5.0, 6.0])),
    "index_put rows": lambda m, x: x.index_put((m.tensor([0, 0]),), x[0] * 3, accumulate=True),
    "index_put added": lambda m, x: x.index_put((m.tensor([0, 0, -1]), m.tensor([1, 1, 2])), m.tensor(2.0),
                                                accumulate=True),
    "index_put mask": lambda m, x: x.index_put((x > 0,), m.tensor(1.0), accumulate=True),
    "index_put columns": lambda m, x: (x * 1).T.index_put((m.tensor([0, 0, -1]), m.tensor([1, 1, 2])), x[0, 1:],
                                                          accumulate=True),
    "fill_diagonal_ of a cube": lambda m, x: (x * 1)[:, :3].expand(3, 3, 3).clone().fill_diagonal_(7.0),
    "fill_diagonal_ of a view": lambda m, x: m.cat([x] * 3)[1:, 1:].fill_diagonal_(7.0),
    "fill_diagonal_, wrapped": lambda m, x: m.cat([x] * 4)[1:].fill_diagonal_(7.0, wrap=True),
    "fill_diagonal_, wrapped, wide": lambda m, x: m.cat([x] * 3).T.fill_diagonal_(7.0, wrap=True),
    "fill_diagonal_, wrapped columns": lambda m, x: m.cat([x] * 4).T.contiguous().T.fill_diagonal_(7.0, True),
    "tensor_split many": lambda m, x: list(m.cat([x] * 3, 1).tensor_split([1, 1, 2, 4, 3, 5, 6, 9, -2, 40], -1)),
    "tensor_split parts": lambda m, x: list(m.tensor_split(m.cat([x] * 3, 1), 10, dim=1)),
    "tensor_split by tensors": lambda m, x: [*x.tensor_split(m.tensor([1, 2]), 1), *x.tensor_split(m.tensor(2))],
    "unfold of one window": lambda m, x: m.nn.functional.unfold(x[None, None], (3, 4)).mul_(2) + x.sum(),
    "embedding": lambda m, x: m.nn.functional.embedding(m.tensor([[0, 2], [1, 1]]), x, padding_idx=1),
    "embedding from the end": lambda m, x: m.nn.functional.embedding(m.tensor([2, 1]), x, padding_idx=-1),
    "split many": lambda m, x: list(m.cat([x] * 3, 1).split([1, 0, 2, 1, 1, 2, 1, 1, 1, 2], 1)),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls(name):
    compare(CALLS[name], [A], what=name)


@pytest.mark.parametrize("index", [(None, [0, 0]), ([0, 1, 0], None, [1, 1, -1]), (None, None, [3, 3])], ids=str)
def test_added_where_dimensions_stay_whole(index):
    """torch's Python takes no None; NumPy's slices mean the same."""
    want, got = np.zeros((2, 3, 4), "f"), pycnn.zeros(2, 3, 4)
    where = tuple(slice(None) if i is None else np.array(i) for i in index)
    values = np.arange(want[where].size, dtype="f").reshape(want[where].shape)
    np.add.at(want, where, values)
    got.index_put_([None if i is None else pycnn.tensor(i) for i in index], pycnn.from_numpy(values), accumulate=True)
    assert np.array_equal(got.numpy(), want)


# What trivial arguments leave as it is: a view of the input, or a copy, as in torch.
TRIVIAL = {
    "unfold": lambda m, x: m.nn.functional.unfold(x, (4, 5)), "unfold 1x1": lambda m, x: m.nn.functional.unfold(x, 1),
    "fold": lambda m, x: m.nn.functional.fold(x.reshape(2, 60, 1), (4, 5), (4, 5)),
    "pixel_shuffle": lambda m, x: m.nn.functional.pixel_shuffle(x, 1),
    "pixel_unshuffle": lambda m, x: m.nn.functional.pixel_unshuffle(x, 1),
    "channel_shuffle": lambda m, x: m.nn.functional.channel_shuffle(x, 1),
    "nearest": lambda m, x: m.nn.functional.interpolate(x, scale_factor=1),
    "bilinear": lambda m, x: m.nn.functional.interpolate(x, scale_factor=1, mode="bilinear"),
    "adaptive_avg_pool2d": lambda m, x: m.nn.functional.adaptive_avg_pool2d(x, (4, 5)),
    "adaptive_max_pool2d": lambda m, x: m.nn.functional.adaptive_max_pool2d(x, (4, 5)),
    "avg_pool2d": lambda m, x: m.nn.functional.avg_pool2d(x, 1),
    "max_pool2d": lambda m, x: m.nn.functional.max_pool2d(x, 1),
    **{f"pad {mode}": lambda m, x, mode=mode: m.nn.functional.pad(x, (0, 0, 0, 0), mode=mode)
       for mode in ("constant", "reflect", "replicate", "circular")},
    "dropout": lambda m, x: m.nn.functional.dropout(x, 0.0),
    "evaluated": lambda m, x: m.nn.functional.dropout(x, 0.5, False),
    "dropout2d": lambda m, x: m.nn.functional.dropout2d(x, 0.0),
    "roll": lambda m, x: x.roll(0, 0), "flip": lambda m, x: x.flip(()), "repeat": lambda m, x: x.repeat(1, 1, 1, 1),
    "tile": lambda m, x: x.tile((1,)), "cat": lambda m, x: m.cat([x]), "rot90": lambda m, x: x.rot90(0),
    "sum": lambda m, x: x[:1].sum(0), "mean": lambda m, x: x[:1].mean(0), "amax": lambda m, x: x[:1].amax(0),
    "max": lambda m, x: x[:1].max(0)[0], "cumsum": lambda m, x: x[:1].cumsum(0), "sort": lambda m, x: x[:1].sort(0)[0],
    "clamp": lambda m, x: x.clamp(-100, 100), "tril": lambda m, x: x.tril(100), "index": lambda m, x: x[[0, 1]],
    "index_select": lambda m, x: x.index_select(0, m.tensor([0, 1])), "where": lambda m, x: m.where(x == x, x, 0.0),
    "round": lambda m, x: x.round(), "nan_to_num": lambda m, x: x.nan_to_num(),
    "to": lambda m, x: x.to(m.float32), "to copy": lambda m, x: x.to(m.float32, copy=True),
    "float": lambda m, x: x.float(),
    "type": lambda m, x: x.type(m.float32), "contiguous": lambda m, x: x.contiguous(),
    "reshape": lambda m, x: x.reshape(6, 20),
    "flatten": lambda m, x: x.flatten(1), "ravel": lambda m, x: x.ravel(), "expand": lambda m, x: x.expand(2, 3, 4, 5),
    "squeeze": lambda m, x: x.squeeze(), "movedim": lambda m, x: x.movedim(0, 0), "cpu": lambda m, x: x.cpu(),
    "data": lambda m, x: x.data, "narrow": lambda m, x: x.narrow(0, 0, 2), "split": lambda m, x: x.split(2)[0],
    "chunk": lambda m, x: x.chunk(1)[0], "repeat_interleave": lambda m, x: x.repeat_interleave(1, 0),
    "take_along_dim": lambda m, x: x.take_along_dim(m.zeros(1, 3, 4, 5, dtype=m.int64), 0),
    "diagonal": lambda m, x: x.diagonal(),
    "masked_select": lambda m, x: x.masked_select(x == x),
    "broadcast_to": lambda m, x: m.broadcast_to(x, (2, 3, 4, 5)), "detach": lambda m, x: x.detach(),
    "requires_grad_": lambda m, x: x.requires_grad_(), "softmax": lambda m, x: x[:1].softmax(0),
    "pow": lambda m, x: x.pow(1),
    "add": lambda m, x: x + 0, "mul": lambda m, x: x * 1, "einsum": lambda m, x: m.einsum("abcd->abcd", x),
    "stack": lambda m, x: m.stack([x]), "vstack": lambda m, x: m.vstack([x]),
    "upsampled": lambda m, x: m.nn.Upsample(scale_factor=1)(x), "identity": lambda m, x: m.nn.Identity()(x),
    "relu": lambda m, x: m.relu(x), "normalize": lambda m, x: m.nn.functional.normalize(x),
    "flatten all": lambda m, x: m.nn.Flatten()(x), "unflatten": lambda m, x: x.unflatten(0, (2, 1)),
}


@pytest.mark.parametrize("name", TRIVIAL)
def test_views_and_copies(name):
    shares = []
    for m in (torch, pycnn):
        x = m.ones(2, 3, 4, 5)
        y = TRIVIAL[name](m, x)
        y.detach().fill_(7.0)
        shares.append(bool((x == 7).any()))
    assert shares[0] == shares[1], f"a view in torch: {shares[0]}"


@pytest.mark.parametrize("call", [
    lambda m, x: m.diag(x.sum()), lambda m, x: m.trace(x[0]), lambda m, x: m.is_nonzero(x),
    lambda m, x: m.is_nonzero(x[:0]),
    lambda m, x: m.broadcast_shapes((2,), (3,)),
    lambda m, x: m.nn.functional.embedding(m.tensor([0]), x, padding_idx=3),
    lambda m, x: m.nn.Embedding(3, 2, padding_idx=3), lambda m, x: m.nn.Embedding(3, 2, _weight=m.ones(2, 2))])
def test_refusals(call):
    compare(call, [A], grads=False)


@pytest.mark.parametrize("options", [{}, {"return_inverse": True}, {"return_counts": True},
                                     {"return_inverse": True, "return_counts": True}])
def test_distinct(options):
    for array in (REPEATED, REPEATED.astype("f") - 1, np.array([3, 3, 1, 1, 1, 2, 3]), np.zeros((0, 2), "f"),
                  numbers(rng, (5, 3, 2), few=True)):
        for dim in (None, *range(array.ndim)):
            if array.size:
                same(lambda m, v: m.unique(m.from_numpy(array), dim=dim, **options))
                same(lambda m, v: m.from_numpy(array).unique(dim=dim, **options))
            if array.size or dim is None:
                same(lambda m, v: m.unique_consecutive(m.from_numpy(array), dim=dim, **options))


def test_shapes_and_types():
    names = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]

    def call(m, v):
        types = [str(m.promote_types(getattr(m, a), getattr(m, b))) for a in names for b in names]
        x, i = m.ones(2, 3), m.ones(4, dtype=m.int64)
        mixed = [m.result_type(x, 1), m.result_type(i, 1.5), m.result_type(i, x),
                 m.result_type(i, m.tensor(1.5, dtype=m.float64)),
                 m.result_type(x.half(), m.tensor(1.0)), m.result_type(1, 2.5), m.result_type(m.tensor(True), 1)]
        flags = [x.is_sparse, x.is_quantized, x.is_meta, m.is_complex(x), m.is_nonzero(m.tensor([2])),
                 m.tensor(0).is_nonzero()]
        return [types, [str(t) for t in mixed], flags, list(m.broadcast_shapes((2, 1), (3,), 1, (5, 1, 3))),
                list(m.broadcast_shapes())]
    same(call)


def test_resizing():
    def call(m, v):
        x = m.arange(6.0)
        y = x.resize_(2, 3)
        z = m.arange(4).resize_([2])
        w = m.arange(3).resize_as_(m.zeros(3, 1))
        grown = m.ones(2).resize_(2, 2)
        return [x, y is x, z, w, grown.shape, grown[0], m.zeros(2, 3).t().resize_(6)]
    same(call)


def test_embeddings():
    def call(m, v):
        m.manual_seed(4)
        table = m.nn.Embedding(5, 3, padding_idx=-2)
        given = m.nn.Embedding.from_pretrained(m.arange(6.0).view(3, 2), padding_idx=0)
        table(m.tensor([[3, 1], [3, 0]])).square().sum().backward()
        return [table.weight.detach(), table.weight.grad, repr(table), given(m.tensor([1, 0])).detach(),
                given.weight.requires_grad, table.padding_idx]
    same(call)


def test_targets_of_cross_entropy_get_gradients():
    scores, target = numbers(rng, (4, 5)), np.abs(numbers(rng, (4, 5)))
    weight = np.abs(numbers(rng, (5,)))
    for options in ({}, {"label_smoothing": 0.2}, {"reduction": "sum"}, {"reduction": "none"}):
        compare(lambda m, s, t: m.nn.functional.cross_entropy(s, t, **options), [scores, target])
        compare(lambda m, s, t: m.nn.functional.cross_entropy(s, t, weight=m.from_numpy(weight), **options),
                [scores, target])


IMAGES = numbers(rng, (2, 3, 7, 6))
WINDOWS = [dict(kernel_size=3), dict(kernel_size=(2, 3), stride=2), dict(kernel_size=2, dilation=(2, 1), padding=1),
           dict(kernel_size=1)]


@pytest.mark.parametrize("options", WINDOWS, ids=str)
def test_windows_as_columns(options):
    compare(lambda m, x: [m.nn.functional.unfold(x, **options), repr(m.nn.Unfold(**options))], [IMAGES])
    compare(lambda m, x: m.nn.Unfold(**options)(x), [IMAGES[0]])
    columns = torch.nn.functional.unfold(torch.from_numpy(IMAGES), **options).numpy()
    compare(lambda m, x: [m.nn.functional.fold(x, (7, 6), **options), repr(m.nn.Fold((7, 6), **options))], [columns])
    compare(lambda m, x: m.nn.Fold((7, 6), **options)(x), [columns[1]])


def test_refused_windows():
    for call in (lambda F, x: F.unfold(x, 9), lambda F, x: F.fold(x[0], 4, 2), lambda F, x: F.fold(x[0][:, :4], 4, 2)):
        compare(lambda m, x: call(m.nn.functional, x), [IMAGES])


@pytest.mark.parametrize("grad", [False, True])
def test_checkpoints_in_time(grad):
    """The same gradients, dropout included, from a function that runs twice."""
    import pycnn.utils.checkpoint  # noqa: F401
    import torch.utils.checkpoint  # noqa: F401
    calls = []

    def run(m, x):
        m.manual_seed(1)
        model = m.nn.Sequential(m.nn.Linear(4, 6), m.nn.ReLU(), m.nn.Dropout(0.5), m.nn.Linear(6, 6), m.nn.Tanh(),
                                m.nn.Linear(6, 2))

        def first(x, factor=1):
            calls.append(m.__name__)
            return model[:4](x) * factor
        x = x.detach().requires_grad_(grad)
        y = m.utils.checkpoint.checkpoint(first, x, use_reentrant=False, factor=2)
        y = m.utils.checkpoint.checkpoint_sequential(model[4:], 2, y, use_reentrant=False)
        y.square().sum().backward()
        with m.no_grad():
            again = m.utils.checkpoint.checkpoint(first, x, use_reentrant=False)
        return [y.detach(), again.requires_grad, m.rand(2), *(p.grad for p in model.parameters()),
                *([x.grad] if grad else [])]
    compare(run, [A], grads=False)
    assert calls == ["torch"] * 3 + ["pycnn"] * 3


@pytest.mark.parametrize("call", [
    lambda m, x: x.floor(), lambda m, x: x.round(), lambda m, x: x.sign(),
    lambda m, x: m.div(x, 2, rounding_mode="floor"),
    lambda m, x: m.cat([x[:0].reshape(-1), m.ones(3)]), lambda m, x: x.zero_(), lambda m, x: x.fill_(1)])
def test_slopes_of_zero_are_gradients(call):
    """An optimizer steps where there is a gradient, of zeros too."""
    grads = []
    for m in (torch, pycnn):
        x = m.ones(3, 4, requires_grad=True)
        call(m, x * 1.5).sum().backward()
        grads.append(x.grad.tolist())
    assert grads[0] == grads[1] == [[0.0] * 4] * 3
