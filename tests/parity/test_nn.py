"""torch.nn and pycnn.nn side by side: signatures, texts, initial weights, state, and what layers compute."""

import copy
import inspect
import warnings

import numpy as np
import pytest
import torch

import pycnn
import pycnn.nn.utils

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")]

CLASSES = [name for name in pycnn.nn.__all__ if isinstance(getattr(pycnn.nn, name), type)]


def parameters(fn):
    """(name, kind, default) of each parameter; of a default that is a function, its name."""
    return [(p.name, p.kind, p.default.__name__ if inspect.isfunction(p.default) else p.default)
            for p in inspect.signature(fn).parameters.values()]


@pytest.mark.parametrize("name", CLASSES)
def test_class_signatures(name):
    ours, theirs = getattr(pycnn.nn, name), getattr(torch.nn, name)
    maker = "__new__" if name in ("Parameter", "Buffer") else "__init__"
    assert parameters(getattr(ours, maker)) == parameters(getattr(theirs, maker))
    own = {"forward", "compile", *{"DataParallel": ("replicate", "scatter", "parallel_apply", "gather"),
                                   "MultiheadAttention": ("merge_masks",)}.get(name, ())}
    for method, fn in vars(theirs).items():
        if not method.startswith("_") and inspect.isfunction(fn) and method not in own | {"ipu", "xpu", "mtia"}:
            assert parameters(getattr(ours, method)) == parameters(fn), method


def functions():
    from pycnn.nn import functional as F
    for name, fn in list(vars(F).items()):
        theirs = getattr(torch.nn.functional, name, None)
        if not name.startswith("_") and inspect.isfunction(fn) and fn.__module__.startswith(F.__name__) \
                and theirs is not None:
            yield name


FUNCTIONS = list(functions())
assert len(FUNCTIONS) > 60


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_signatures(name):
    try:
        theirs = parameters(getattr(torch.nn.functional, name))
    except ValueError:
        return  # torch's is one of its operators, and says nothing
    if [p[0] for p in theirs] == ["args", "kwargs"]:  # one of torch's dispatchers: its signature says nothing
        return
    ours = parameters(getattr(pycnn.nn.functional, name))
    assert [(n, d) for n, _, d in ours] == [(n, d) for n, _, d in theirs]


# ---- layers: how they are made, and on what they are tried

X2, X3, X4, X5 = (6, 8), (3, 8, 11), (2, 8, 9, 10), (2, 8, 3, 4, 5)
LAYERS = [
    ("Identity", (3, "x"), {"y": 1}, X2), ("Linear", (8, 5), {}, X2), ("Linear", (8, 5, False), {}, (2, 3, 8)),
    ("Linear", (8, 0), {}, X2),
    ("Conv1d", (8, 6, 3), {}, X3), ("Conv1d", (8, 6, 3), {"padding": "same", "dilation": 2, "groups": 2}, X3),
    ("Conv2d", (8, 6, 3), {}, X4), ("Conv2d", (8, 6, 3), {"padding": 1, "stride": 2, "bias": False}, X4),
    ("Conv2d", (8, 8, (3, 2)), {"padding": (1, 0), "groups": 8, "dilation": (1, 2)}, X4),
    ("Conv2d", (8, 6, 4), {"padding": "same"}, X4), ("Conv2d", (8, 6, 3), {"padding": "valid"}, X4),
    ("Conv2d", (8, 6, 3), {"padding": 2, "padding_mode": "reflect"}, X4),
    ("Conv2d", (8, 6, 3), {"padding": (1, 2), "padding_mode": "circular"}, X4),
    ("Conv2d", (8, 6, 4), {"padding": "same", "padding_mode": "replicate"}, X4),
    ("Conv2d", (8, 6, 3), {}, (8, 9, 10)),
    ("ConvTranspose2d", (8, 6, 3), {}, X4),
    ("ConvTranspose2d", (8, 6, 3), {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2, "bias": False}, X4),
    ("MaxPool1d", (3, 2), {}, X3), ("MaxPool1d", (3,), {"return_indices": True, "padding": 1, "stride": 2}, X3),
    ("MaxPool2d", (2, 2), {}, X4), ("MaxPool2d", (3,), {"stride": 2, "padding": 1}, X4),
    ("MaxPool2d", ((2, 3),), {"ceil_mode": True}, X4), ("MaxPool2d", (3, 1), {"return_indices": True}, X4),
    ("AvgPool1d", (3, 2), {"padding": 1}, X3), ("AvgPool2d", (2,), {}, X4),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "count_include_pad": False, "ceil_mode": True}, X4),
    ("AvgPool2d", (2,), {"divisor_override": 3}, X4),
    ("AdaptiveAvgPool1d", (4,), {}, X3), ("AdaptiveAvgPool2d", (1,), {}, X4),
    ("AdaptiveAvgPool2d", ((4, None),), {}, X4),
    ("AdaptiveMaxPool1d", (4,), {}, X3), ("AdaptiveMaxPool2d", ((3, 4),), {"return_indices": True}, X4),
    ("LPPool2d", (2, 3), {"stride": 2}, X4), ("LPPool2d", (float("inf"), 2), {}, X4),
    ("ReLU", (), {}, X4), ("ReLU", (True,), {}, X4), ("ReLU6", (), {"inplace": True}, X2),
    ("LeakyReLU", (0.2,), {}, X2),
    ("LeakyReLU", (), {"inplace": True}, X2), ("PReLU", (), {}, X4), ("PReLU", (8, 0.1), {}, X4),
    ("ELU", (0.5,), {}, X2),
    ("SELU", (), {}, X2), ("CELU", (0.7,), {}, X2), ("GELU", (), {}, X2), ("GELU", ("tanh",), {}, X2),
    ("SiLU", (), {}, X2),
    ("SiLU", (), {"inplace": True}, X2), ("Mish", (), {}, X2), ("Sigmoid", (), {}, X2), ("LogSigmoid", (), {}, X2),
    ("Tanh", (), {}, X2), ("Tanhshrink", (), {}, X2), ("Softsign", (), {}, X2), ("Softplus", (), {}, X2),
    ("Softplus", (2.0, 1.0), {}, X2), ("Hardswish", (), {}, X2), ("Hardsigmoid", (), {}, X2), ("Hardtanh", (), {}, X2),
    ("Hardtanh", (-0.5, 2.0, True), {}, X2), ("Hardshrink", (), {}, X2), ("Softshrink", (0.3,), {}, X2),
    ("Threshold", (0.1, 20.0), {}, X2), ("GLU", (1,), {}, X4), ("Softmax", (1,), {}, X4), ("LogSoftmax", (-1,), {}, X2),
    ("Softmin", (0,), {}, X2), ("Softmax2d", (), {}, X4),
    ("BatchNorm1d", (8,), {}, X2), ("BatchNorm1d", (8,), {"momentum": None}, X3), ("BatchNorm2d", (8,), {}, X4),
    ("BatchNorm2d", (8, 1e-3, 0.3), {"bias": False}, X4), ("BatchNorm2d", (8,), {"affine": False}, X4),
    ("BatchNorm2d", (8,), {"track_running_stats": False}, X4), ("BatchNorm3d", (8,), {}, X5),
    ("LayerNorm", (10,), {}, X4), ("LayerNorm", ((9, 10),), {"bias": False}, X4),
    ("LayerNorm", ((8, 9, 10), 1e-3, False), {}, X4), ("RMSNorm", (10,), {}, X4),
    ("RMSNorm", ((9, 10), 0.1, False), {}, X4),
    ("GroupNorm", (4, 8), {}, X4), ("GroupNorm", (2, 8), {"affine": False}, X3),
    ("GroupNorm", (2, 8), {"bias": False}, X3),
    ("InstanceNorm1d", (8,), {"affine": True}, X3), ("InstanceNorm2d", (8,), {}, X4),
    ("InstanceNorm2d", (8,), {"affine": True, "track_running_stats": True}, X4),
    ("InstanceNorm2d", (8,), {"track_running_stats": True, "momentum": 0.5}, (8, 9, 10)),
    ("InstanceNorm3d", (8,), {}, X5),
    ("LocalResponseNorm", (3,), {}, X4), ("LocalResponseNorm", (4, 0.1, 0.5, 2.0), {}, X3),
    ("Dropout", (), {}, X4), ("Dropout", (0.3, True), {}, X4), ("Dropout", (1.0,), {}, X2),
    ("Dropout1d", (0.4,), {}, X3),
    ("Dropout1d", (0.4,), {}, X2), ("Dropout2d", (0.4,), {}, X4), ("Dropout3d", (0.4,), {}, X5),
    ("Flatten", (), {}, X4), ("Flatten", (2, 3), {}, X4), ("Unflatten", (1, (2, 4)), {}, X4),
    ("Unflatten", (-1, (5, -1)), {}, X4),
    ("ZeroPad1d", ((1, 2),), {}, X3), ("ZeroPad2d", (2,), {}, X4), ("ZeroPad2d", ((1, -1, 2, 0),), {}, X4),
    ("ZeroPad3d", (1,), {}, X5),
    ("ConstantPad1d", (2, 3.5), {}, X3), ("ConstantPad2d", ((1, 2, 0, 3), 1.5), {}, X4),
    ("ConstantPad3d", (1, 2), {}, X5),
    ("ReflectionPad1d", (3,), {}, X3), ("ReflectionPad2d", ((1, 2, 3, 0),), {}, X4), ("ReflectionPad3d", (1,), {}, X5),
    ("ReplicationPad1d", ((3, 1),), {}, X3), ("ReplicationPad2d", (2,), {}, X4), ("ReplicationPad3d", (1,), {}, X5),
    ("CircularPad1d", (2,), {}, X3), ("CircularPad2d", ((1, 2, 3, 0),), {}, X4), ("CircularPad3d", (1,), {}, X5),
    ("PixelShuffle", (2,), {}, X4), ("PixelUnshuffle", (2,), {}, (2, 3, 4, 6)), ("ChannelShuffle", (4,), {}, X4),
]
IDS = [f"{n}-{i}" for i, (n, *_) in enumerate(LAYERS)]


def make(L, name, args, kwargs, seed=0):
    L.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a layer without elements
        return getattr(L.nn, name)(*args, **kwargs)


def array(t):
    return t.detach().numpy()


def check_state(ours, theirs, exact=True):
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert ours.state_dict()._metadata == theirs.state_dict()._metadata
    for (key, a), b in zip(ours.state_dict().items(), theirs.state_dict().values()):
        assert str(a.dtype) == str(b.dtype) and a.shape == b.shape, key
        if exact:
            assert np.array_equal(array(a), array(b)), key
        else:
            np.testing.assert_allclose(array(a), array(b), rtol=1e-5, atol=1e-6, err_msg=key)


@pytest.mark.parametrize("name, args, kwargs, shape", LAYERS, ids=IDS)
def test_made_alike(name, args, kwargs, shape):
    """Equal texts, equal initial weights for a seed, equal keys and metadata; the generator ends in the same state."""
    ours, theirs = make(pycnn, name, args, kwargs, 7), make(torch, name, args, kwargs, 7)
    assert repr(ours) == repr(theirs)
    check_state(ours, theirs)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert [n for n, _ in ours.named_buffers()] == [n for n, _ in theirs.named_buffers()]
    assert np.array_equal(pycnn.get_rng_state().numpy(), torch.get_rng_state().numpy())
    assert repr(copy.deepcopy(ours)) == repr(theirs)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name, args, kwargs, shape", LAYERS, ids=IDS)
def test_compute_alike(name, args, kwargs, shape, training):
    """Outputs, gradients of the input and of parameters, running statistics, over two calls."""
    rng = np.random.default_rng(1)
    results = []
    xs = [rng.standard_normal(shape).astype("f") for _ in range(2)]
    weights = None
    layers = [make(L, name, args, kwargs) for L in (pycnn, torch)]
    for L, layer in zip((pycnn, torch), layers):
        layer.train(training)
        L.manual_seed(3)
        out = []
        for x in xs:
            x = L.from_numpy(x.copy()).requires_grad_()
            y = layer(x * 1)  # not the leaf itself: some write into it
            y, *more = y if isinstance(y, tuple) else (y,)
            if weights is None:
                weights = rng.standard_normal(tuple(y.shape)).astype("f")
            (y * L.from_numpy(weights)).sum().backward()
            out += [array(y), array(x.grad), *map(array, more)]
        results.append(out + [array(p.grad) for p in layer.parameters()])
    check_state(*layers, exact=False)
    for k, (got, want) in enumerate(zip(*results)):
        assert got.shape == want.shape and got.dtype == want.dtype
        scale = max(1.0, np.abs(want).max(initial=0))
        assert np.abs(got.astype("d") - want).max(initial=0) <= 2e-5 * scale, k


PAIR = ((5, 7), (5, 7))
PROBABILITIES = "probabilities"
LOSSES = [
    ("CrossEntropyLoss", {}, (6, 4), "classes"), ("CrossEntropyLoss", {"label_smoothing": 0.1}, (6, 4), "classes"),
    ("CrossEntropyLoss", {"weight": [1.0, 2, 0.5, 3], "ignore_index": 1}, (6, 4, 3), "classes"),
    ("CrossEntropyLoss", {}, (6, 4), PROBABILITIES), ("NLLLoss", {"weight": [1.0, 2, 0.5, 3]}, (6, 4), "classes"),
    ("MSELoss", {}, *PAIR), ("L1Loss", {}, *PAIR), ("SmoothL1Loss", {}, *PAIR), ("SmoothL1Loss", {"beta": 0.3}, *PAIR),
    ("HuberLoss", {"delta": 0.4}, *PAIR), ("BCELoss", {}, PROBABILITIES, PROBABILITIES),
    ("BCELoss", {"weight": [0.5, 2, 1, 1]}, PROBABILITIES, PROBABILITIES),
    ("BCEWithLogitsLoss", {}, (6, 4), PROBABILITIES),
    ("BCEWithLogitsLoss", {"weight": [1.0, 2, 3, 4], "pos_weight": [3.0, 1, 2, 0.1]}, (6, 4), PROBABILITIES),
    ("KLDivLoss", {}, (6, 4), PROBABILITIES), ("KLDivLoss", {"log_target": True}, *PAIR),
    ("PoissonNLLLoss", {}, (6, 4), "counts"), ("PoissonNLLLoss", {"log_input": False, "full": True},
                                               PROBABILITIES, "counts"),
    ("HingeEmbeddingLoss", {"margin": 0.7}, (6, 4), "signs"), ("SoftMarginLoss", {}, (6, 4), "signs"),
    ("MultiLabelSoftMarginLoss", {}, (6, 4), PROBABILITIES), ("MultiMarginLoss", {}, (6, 4), "classes"),
    ("MultiMarginLoss", {"p": 2, "margin": 0.5, "weight": [1.0, 2, 3, 4]}, (6, 4), "classes"),
    ("GaussianNLLLoss", {"full": True}, (6, 4), (6, 4), PROBABILITIES), ("GaussianNLLLoss", {}, (6, 4), (6, 4), (6, 1)),
    ("MarginRankingLoss", {"margin": 0.2}, (6, 4), (6, 4), "signs"),
    ("CosineEmbeddingLoss", {"margin": 0.1}, (6, 4), (6, 4), "sign"), ("TripletMarginLoss", {}, (6, 4), (6, 4), (6, 4)),
    ("TripletMarginLoss", {"swap": True, "margin": 0.3, "p": 3.0}, (6, 4), (6, 4), (6, 4)),
]


def loss_argument(what, rng, classes_shape):
    if what == "classes":
        return rng.integers(0, 4, classes_shape)
    if what == PROBABILITIES:
        return rng.random((6, 4)).astype("f") * 0.9 + 0.05
    if what == "counts":
        return rng.integers(0, 6, (6, 4)).astype("f")
    if what == "signs":
        return rng.choice([-1.0, 1.0], (6, 4)).astype("f")
    if what == "sign":
        return rng.choice([-1.0, 1.0], 6).astype("f")
    x = rng.standard_normal(what).astype("f")
    return np.abs(x) if what == (6, 1) else x


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("case", LOSSES, ids=lambda c: c[0])
def test_losses(case, reduction):
    name, kwargs, *shapes = case
    rng = np.random.default_rng(5)
    arrays = [loss_argument(s, rng, shapes[0][:1] + shapes[0][2:]) for s in shapes]
    results = []
    for L in (pycnn, torch):
        extra = {k: L.tensor(v) if isinstance(v, list) else v for k, v in kwargs.items()}
        loss = getattr(L.nn, name)(**extra, reduction=reduction)
        inputs = [L.from_numpy(a.copy()) for a in arrays]
        floats = [t for t in inputs[:1 if name in ("BCELoss", "KLDivLoss") else 3] if t.is_floating_point()]
        if name in ("MarginRankingLoss", "CosineEmbeddingLoss", "HingeEmbeddingLoss", "SoftMarginLoss",
                    "PoissonNLLLoss", "CrossEntropyLoss"):
            floats = floats[:max(1, len(floats) - 1)]
        for t in floats:
            t.requires_grad_()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = loss(*inputs)
        value.sum().backward()
        results.append([array(value)] + [array(t.grad) for t in floats] + [repr(loss)])
    for got, want in zip(*results):
        if isinstance(want, str):
            assert got == want
        else:
            assert got.shape == want.shape
            np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)


def test_old_reduction_flags():
    x, y = np.arange(6, dtype="f"), np.ones(6, "f")
    for size_average, reduce in ((True, None), (False, None), (None, False), (True, False), (False, True),
                                 (None, True)):
        values = []
        for L in (pycnn, torch):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                mse, pair = L.nn.MSELoss(size_average, reduce), (L.from_numpy(x), L.from_numpy(y))
                l1 = L.nn.functional.l1_loss(*pair, size_average, reduce)
                values.append((array(mse(*pair)).tolist(), mse.reduction, array(l1).tolist()))
        assert values[0] == values[1]


# ---- functions without a layer

FUNCTIONS = {
    "normalize": lambda F, x: F.normalize(x), "normalize p": lambda F, x: F.normalize(x, 3.0, 0, 0.5),
    "one_hot": lambda F, x: F.one_hot((x * 2).long().abs() % 5, 5),
    "pad": lambda F, x: F.pad(x, (1, 2, 3, -1)), "pad value": lambda F, x: F.pad(x, (1, 0), value=2.5),
    "pad reflect": lambda F, x: F.pad(x[None], (2, 3), "reflect"), "relu_": lambda F, x: F.relu_(x * 1),
    "elu_": lambda F, x: F.elu_(x * 1), "celu_": lambda F, x: F.celu_(x * 1, 2.0), "selu_": lambda F, x: F.selu_(x * 1),
    "leaky_relu_": lambda F, x: F.leaky_relu_(x * 1, 0.3), "hardtanh_": lambda F, x: F.hardtanh_(x * 1, -0.5, 0.5),
    "threshold_": lambda F, x: F.threshold_(x * 1, 0.1, 0.2),
    "cosine_similarity": lambda F, x: F.cosine_similarity(x, x.flip(0)),
    "pairwise_distance": lambda F, x: F.pairwise_distance(x, x.flip(0), keepdim=True),
    "embedding": lambda F, x: F.embedding((x * 2).long().abs() % 6, x),
    "softmax dtype": lambda F, x: F.softmax(x.double(), 1, dtype=x.dtype),
    "instance_norm": lambda F, x: F.instance_norm(x[None]), "rms_norm": lambda F, x: F.rms_norm(x, (8,)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    x = np.random.default_rng(2).standard_normal(X2).astype("f")
    results = []
    for L in (pycnn, torch):
        t = L.from_numpy(x.copy()).requires_grad_()
        y = FUNCTIONS[name](L.nn.functional, t)
        if y.requires_grad:
            (y * y).sum().backward()
        results.append((array(y), None if t.grad is None else array(t.grad)))
    for got, want in zip(*results):
        assert (got is None) == (want is None)
        if want is not None:
            assert got.dtype == want.dtype and got.shape == want.shape
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=5e-6)


def test_gumbel_softmax_draws_torchs_noise():
    results = []
    for L in (pycnn, torch):
        L.manual_seed(0)
        x = L.zeros(3, 5).requires_grad_()
        y = L.nn.functional.gumbel_softmax(x, 0.7, hard=True)
        (y * L.arange(5.0)).sum().backward()
        results.append((array(y), array(x.grad)))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-4, atol=1e-6)


# ---- networks

def network(L):
    nn = L.nn

    class Block(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(n, n, 3, padding=1, bias=False), nn.BatchNorm2d(n),
                                      nn.ReLU(inplace=True))
            self.scale = nn.Parameter(L.ones(1))
            self.register_buffer("offset", L.zeros(1), persistent=False)
            self.register_buffer("seen", L.tensor(0))

        def forward(self, x):
            return x + self.scale * self.body(x) + self.offset

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 8, 3)
            self.blocks = nn.ModuleList([Block(8) for _ in range(3)])
            self.heads = nn.ModuleDict({"a": nn.Linear(8, 4), "b": nn.Sequential(nn.Dropout(0.5), nn.Linear(8, 2))})
            self.extra = nn.ParameterList([nn.Parameter(L.zeros(2)), L.ones(3)])
            self.table = nn.ParameterDict({"z": L.ones(2, 2), "k": nn.Parameter(L.zeros(1))})
            self.empty = nn.ModuleList()
            self.none = None
            self.register_module("gone", None)
            self.tied = self.stem

        def forward(self, x):
            x = self.stem(x)
            for block in self.blocks:
                x = block(x)
            x = x.mean((2, 3))
            return self.heads["a"](x), self.heads["b"](x)
    L.manual_seed(11)
    return Net()


def test_networks():
    ours, theirs = network(pycnn), network(torch)
    assert repr(ours) == repr(theirs)
    check_state(ours, theirs)
    for method in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [n for n, _ in getattr(ours, method)()] == [n for n, _ in getattr(theirs, method)()], method
    for method in ("named_parameters", "named_buffers", "named_modules"):
        kwargs = {"prefix": "p", "remove_duplicate": False}
        assert [n for n, _ in getattr(ours, method)(**kwargs)] \
               == [n for n, _ in getattr(theirs, method)(**kwargs)], method
    assert [n for n, _ in ours.named_parameters(recurse=False)] \
        == [n for n, _ in theirs.named_parameters(recurse=False)]
    assert len(list(ours.modules())) == len(list(theirs.modules()))
    public = [{n for n in set(dir(net)) - set(dir(cls)) if not n.startswith("_")}
              for net, cls in ((ours, pycnn.nn.Module), (theirs, torch.nn.Module))]
    assert public[0] == public[1]
    x = np.random.default_rng(0).standard_normal((4, 3, 10, 10)).astype("f")
    outputs = []
    for L, net in ((pycnn, ours), (torch, theirs)):
        L.manual_seed(5)
        a, b = net(L.from_numpy(x))
        (a.sum() + (b * b).sum()).backward()
        outputs.append([array(a), array(b)] + [None if p.grad is None else array(p.grad) for p in net.parameters()])
    for got, want in zip(*outputs):
        assert (got is None) == (want is None)
        if want is not None:
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    check_state(ours, theirs, exact=False)


def test_sequences_are_edited_alike():
    texts = []
    for L in (pycnn, torch):
        nn = L.nn
        s = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Identity(), nn.Sigmoid())
        del s[1]
        s.insert(1, nn.ELU())
        s.append(nn.SELU()).extend([nn.GELU()])
        s[-1] = nn.Mish()
        popped = s.pop(0)
        both = s + nn.Sequential(popped)
        both += nn.Sequential(nn.SiLU())
        both *= 2
        m = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()]) + [nn.ReLU()]
        m.insert(0, nn.Tanh())
        del m[1:3]
        m += [nn.Tanh()]
        texts.append([repr(v) for v in (s, both, s[1:], s * 2, m, m[1:], m[-1], nn.ModuleList())] +
                     [list(both._modules)])
    assert texts[0] == texts[1]


def error_of(fn):
    with pytest.raises(Exception) as info:
        fn()
    return type(info.value), str(info.value).replace("pycnn.", "torch.")


def bare(L):
    class NoInit(L.nn.Module):
        def __init__(self):
            pass
    return NoInit()


ERRORS = {
    "no forward": lambda L: L.nn.Module()(1),
    "parameter before init": lambda L: setattr(bare(L), "w", L.nn.Parameter(L.ones(1))),
    "module before init": lambda L: setattr(bare(L), "w", L.nn.ReLU()),
    "not a parameter": lambda L: setattr(L.nn.Linear(1, 1), "weight", L.ones(1, 1)),
    "not a parameter at all": lambda L: setattr(L.nn.Linear(1, 1), "weight", 3),
    "not a module": lambda L: setattr(L.nn.Sequential(L.nn.ReLU()), "0", "x"),
    "not a buffer": lambda L: setattr(L.nn.BatchNorm1d(1), "running_mean", "x"),
    "no such attribute": lambda L: L.nn.ReLU().weight,
    "name taken": lambda L: L.nn.Linear(1, 1).register_buffer("training", L.ones(1)),
    "name with dot": lambda L: L.nn.ReLU().register_parameter("a.b", None),
    "module name with dot": lambda L: L.nn.ReLU().add_module("a.b", None),
    "empty name": lambda L: L.nn.ReLU().register_buffer("", None),
    "name no string": lambda L: L.nn.ReLU().register_buffer(3, None),
    "register no parameter": lambda L: L.nn.ReLU().register_parameter("w", L.ones(1)),
    "register no buffer": lambda L: L.nn.ReLU().register_buffer("w", [1]),
    "register no module": lambda L: L.nn.ReLU().add_module("w", 3),
    "non-leaf": lambda L: L.nn.ReLU().register_parameter("w", L.nn.Parameter(L.ones(1)).requires_grad_() * 1),
    "unknown argument": lambda L: L.nn.ReLU(slope=3),
    "train": lambda L: L.nn.ReLU().train(3),
    "to int": lambda L: L.nn.Linear(1, 1).to(L.int64),
    "submodule": lambda L: L.nn.Sequential(L.nn.ReLU()).get_submodule("0.x"),
    "submodule of parameter": lambda L: L.nn.Linear(1, 1).get_submodule("weight"),
    "parameter": lambda L: L.nn.Linear(1, 1).get_parameter("x"),
    "buffer": lambda L: L.nn.Linear(1, 1).get_buffer("weight"),
    "set_submodule": lambda L: L.nn.Linear(1, 1).set_submodule("x", L.nn.ReLU(), strict=True),
    "sequential index": lambda L: L.nn.Sequential(L.nn.ReLU())[3],
    "sequential add": lambda L: L.nn.Sequential() + [1],
    "sequential mul": lambda L: L.nn.Sequential() * 0,
    "insert": lambda L: L.nn.Sequential().insert(2, L.nn.ReLU()),
    "list extend": lambda L: L.nn.ModuleList(3),
    "dict update": lambda L: L.nn.ModuleDict([(1, 2, 3)]),
    "parameter list": lambda L: L.nn.ParameterList(L.ones(2)),
    "groups": lambda L: L.nn.Conv2d(3, 4, 3, groups=2), "groups out": lambda L: L.nn.Conv2d(4, 3, 3, groups=2),
    "groups 0": lambda L: L.nn.Conv2d(4, 3, 3, groups=0), "padding": lambda L: L.nn.Conv2d(4, 4, 3, padding="full"),
    "same strided": lambda L: L.nn.Conv2d(4, 4, 3, padding="same", stride=2),
    "padding mode": lambda L: L.nn.Conv2d(4, 4, 3, padding_mode="none"),
    "transposed padding mode": lambda L: L.nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect"),
    "transposed size": lambda L: L.nn.ConvTranspose2d(4, 4, 3, stride=2)(L.ones(1, 4, 5, 5), output_size=(3, 3)),
    "linear": lambda L: L.nn.Linear(4096, 512)(L.ones(2, 3200)),
    "linear double": lambda L: L.nn.Linear(4, 4)(L.ones(2, 4).double()),
    "conv channels": lambda L: L.nn.Conv2d(3, 32, 3)(L.ones(2, 1, 32, 32)),
    "conv 2d": lambda L: L.nn.Conv2d(3, 32, 3)(L.ones(3, 3)),
    "conv uint8": lambda L: L.nn.Conv2d(3, 32, 3)(L.ones(2, 3, 8, 8).byte()),
    "conv kernel": lambda L: L.nn.Conv2d(1, 1, 7)(L.ones(1, 1, 5, 5)),
    "pool size": lambda L: L.nn.MaxPool2d(4)(L.ones(1, 3, 2, 2)),
    "not a tensor": lambda L: L.nn.Linear(2, 2)(np.ones((2, 2), "f")),
    "batch norm one": lambda L: L.nn.BatchNorm1d(8)(L.ones(1, 8)),
    "batch norm dims": lambda L: L.nn.BatchNorm2d(8)(L.ones(1, 8)),
    "batch norm 1d dims": lambda L: L.nn.BatchNorm1d(8)(L.ones(1, 8, 1, 1)),
    "batch norm channels": lambda L: L.nn.BatchNorm2d(8)(L.ones(2, 4, 3, 3)),
    "group norm": lambda L: L.nn.GroupNorm(3, 8), "layer norm": lambda L: L.nn.LayerNorm(5)(L.ones(2, 4)),
    "rms norm": lambda L: L.nn.RMSNorm(5)(L.ones(2, 4)),
    "instance norm": lambda L: L.nn.InstanceNorm2d(8)(L.ones(1, 8, 1, 1)),
    "instance norm dims": lambda L: L.nn.InstanceNorm2d(8)(L.ones(8)),
    "instance norm channels": lambda L: L.nn.InstanceNorm2d(8, affine=True)(L.ones(1, 4, 3, 3)),
    "dropout": lambda L: L.nn.Dropout(1.5), "F.dropout": lambda L: L.nn.functional.dropout(L.ones(2), -0.1),
    "dropout1d": lambda L: L.nn.Dropout1d()(L.ones(2)), "gelu": lambda L: L.nn.GELU("erf")(L.ones(2)),
    "glu": lambda L: L.nn.GLU()(L.ones(3)), "hardtanh": lambda L: L.nn.Hardtanh(1, 1),
    "softshrink": lambda L: L.nn.Softshrink(-1.0)(L.ones(2)), "softmax2d": lambda L: L.nn.Softmax2d()(L.ones(2)),
    "cross entropy batch": lambda L: L.nn.CrossEntropyLoss()(L.ones(4, 10), L.ones(3).long()),
    "cross entropy class": lambda L: L.nn.CrossEntropyLoss()(L.ones(1, 10), L.tensor([10])),
    "cross entropy float": lambda L: L.nn.CrossEntropyLoss()(L.ones(2, 10), L.ones(2)),
    "reduction": lambda L: L.nn.MSELoss(reduction="max")(L.ones(2), L.ones(2)),
    "bce": lambda L: L.nn.BCELoss()(L.ones(2), L.ones(3)),
    "bce logits": lambda L: L.nn.BCEWithLogitsLoss()(L.ones(2), L.ones(3)),
    "margin": lambda L: L.nn.TripletMarginLoss(margin=0), "multi margin": lambda L: L.nn.MultiMarginLoss(p=3),
    "pad mode": lambda L: L.nn.functional.pad(L.ones(2, 2), (1, 1), "mirror"),
    "pad value": lambda L: L.nn.functional.pad(L.ones(2, 2, 2), (1, 1), "reflect", 3.0),
    "channel shuffle": lambda L: L.nn.ChannelShuffle(3)(L.ones(1, 4, 2, 2)),
    "load no dict": lambda L: L.nn.Linear(1, 1).load_state_dict([1]),
    "load missing": lambda L: L.nn.Linear(2, 2).load_state_dict({"weight": L.ones(2, 2)}),
    "load unexpected": lambda L: L.nn.Linear(1, 1, False).load_state_dict({"weight": L.ones(1, 1), "b": L.ones(1)}),
    "load shape": lambda L: L.nn.Linear(2, 2).load_state_dict({"weight": L.ones(2, 5), "bias": L.ones(2)}),
    "load no tensor": lambda L: L.nn.Linear(1, 1, False).load_state_dict({"weight": [1.0]}),
    "parameter of int": lambda L: L.nn.Parameter(L.tensor([1])),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_torchs(name):
    (got, ours), (want, theirs) = (error_of(lambda: ERRORS[name](L)) for L in (pycnn, torch))
    assert got is want
    first = theirs.rstrip(". ").split("\n")
    for line in first:
        line = line.split(" should be one of {")[0].split(" must be one of {")[0]  # sets have no order
        assert line.rstrip(". ") in ours, f"ours: {ours}\ntorch: {theirs}"


# ---- hooks

def hook_log(L):
    nn, log = L.nn, []
    L.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 2)))

    def shapes(values):
        return [None if v is None else tuple(v.shape) for v in (values if isinstance(values, tuple) else (values,))]
    for name, m in net.named_modules():
        m.register_forward_pre_hook(lambda m, args, name=name: log.append(("pre", name, shapes(args))))
        m.register_forward_hook(lambda m, args, out, name=name: log.append(("post", name, shapes(args), shapes(out))))
        m.register_full_backward_pre_hook(lambda m, go, name=name: log.append(("back pre", name, shapes(go))))
        m.register_full_backward_hook(lambda m, gi, go, name=name: log.append(("back", name, shapes(gi), shapes(go))))
    first = net[0].register_forward_pre_hook(lambda m, args, kwargs: log.append(("first", sorted(kwargs)))
                                             or (args, {}), prepend=True, with_kwargs=True)
    net[1].register_forward_hook(lambda m, args, out: out * 2)
    net[1].register_full_backward_hook(lambda m, gi, go: (gi[0] * 3,))
    net[2].register_full_backward_pre_hook(lambda m, go: (go[0] * 5,))
    x = L.arange(6.0).reshape(2, 3).requires_grad_()
    net(x).sum().backward()
    first.remove()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net(x.detach()).sum().backward()
    with L.no_grad():
        net(x)
    return log, array(x.grad), [array(p.grad) for p in net.parameters()]


def test_hooks():
    (ours, gx, gp), (theirs, hx, hp) = hook_log(pycnn), hook_log(torch)
    assert ours == theirs
    np.testing.assert_allclose(gx, hx, rtol=1e-5)
    for a, b in zip(gp, hp):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_hooks_with_several_inputs_and_outputs():
    def run(L):
        log = []

        class Two(L.nn.Module):
            def forward(self, a, b, c=None):
                return a * b, a + b, 7
        m = Two()
        values = lambda grads: [None if g is None else g.tolist() for g in grads]
        m.register_full_backward_hook(lambda m, gi, go: log.append(values(gi + go)))
        m.register_full_backward_pre_hook(lambda m, go: log.append(values(go)))
        a, b = L.ones(2).requires_grad_(), L.full((2,), 3.0).requires_grad_()
        p, q, _ = m(a, b)
        (p + 2 * q).sum().backward()
        p, q, _ = m(a, b, c=3)
        p.sum().backward()
        return log, a.grad.tolist(), b.grad.tolist()
    assert run(pycnn) == run(torch)


def test_always_called_hooks():
    def run(L):
        log = []

        class Fails(L.nn.Module):
            def forward(self, x):
                raise KeyError("no")
        m = Fails()
        m.register_forward_hook(lambda m, args, out: log.append(("plain", out)))
        m.register_forward_hook(lambda m, args, out: log.append(("always", out)), always_call=True)
        with pytest.raises(KeyError):
            m(1)
        return log
    assert run(pycnn) == run(torch) == [("always", None)]


def test_state_dict_hooks():
    def run(L):
        log = []
        m = L.nn.Sequential(L.nn.Linear(1, 1))
        m[0].register_state_dict_pre_hook(lambda m, prefix, keep: log.append(("pre", prefix, keep)))
        m[0].register_state_dict_post_hook(lambda m, d, prefix, meta: d.update({prefix + "x": L.ones(1)}))
        m._register_state_dict_hook(lambda m, d, prefix, meta: {**d, "y": 1})
        m.register_load_state_dict_pre_hook(lambda m, d, *a: d.pop("y"))
        m[0]._register_load_state_dict_pre_hook(lambda d, prefix, *a: d.pop(prefix + "x"))
        m.register_load_state_dict_post_hook(lambda m, keys: log.append(("post", list(keys.missing_keys))))
        d = m.state_dict()
        log.append(list(d))
        log.append(str(m.load_state_dict(d)))
        return log
    assert run(pycnn) == run(torch)


def test_extra_state_and_versions():
    def run(L):
        class Extra(L.nn.Module):
            _version = 5

            def get_extra_state(self):
                return {"n": 3}

            def set_extra_state(self, state):
                self.got = state

            def _load_from_state_dict(self, d, prefix, meta, *args):
                self.meta = dict(meta)
                super()._load_from_state_dict(d, prefix, meta, *args)
        m = L.nn.Sequential(Extra())
        d = m.state_dict()
        m.load_state_dict(d)
        log = [list(d), dict(d._metadata), m[0].got, m[0].meta]
        try:
            L.nn.Sequential(L.nn.ReLU()).load_state_dict(d)
        except RuntimeError as error:
            log.append(str(error).split("(Nearest")[0].rstrip())
        return log
    assert run(pycnn) == run(torch)


def test_batch_norm_files_without_counter():
    for metadata in (None, 1, 2):
        outcomes = []
        for L in (pycnn, torch):
            m = L.nn.BatchNorm1d(2)
            d = m.state_dict()
            del d["num_batches_tracked"]
            if metadata is None:
                del d._metadata
            else:
                d._metadata[""]["version"] = metadata
            try:
                outcomes.append(str(m.load_state_dict(d)))
            except RuntimeError as error:
                outcomes.append(str(error).rstrip())
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("assign", [False, True])
def test_loading(assign):
    outcomes = []
    for L in (pycnn, torch):
        m = L.nn.Sequential(L.nn.Linear(2, 2), L.nn.BatchNorm1d(2))
        m[0].bias.requires_grad_(False)
        before = m[0].weight
        d = {"0.weight": L.full((2, 2), 2.0).double(), "0.bias": L.ones(2), "1.weight": L.nn.Parameter(L.ones(2)),
             "1.num_batches_tracked": L.tensor([4]), "z": L.ones(1)}
        keys = m.load_state_dict(d, strict=False, assign=assign)
        outcomes.append((list(keys.missing_keys), list(keys.unexpected_keys), m[0].weight is before,
                         str(m[0].weight.dtype),
                         m[0].weight.tolist(), m[0].bias.requires_grad, m[1].num_batches_tracked.item(),
                         m[1].weight is d["1.weight"], type(m[0].weight).__name__))
    assert outcomes[0] == outcomes[1]


def test_conversions():
    for convert in (lambda m, L: m.double(), lambda m, L: m.half(), lambda m, L: m.to(L.float64),
                    lambda m, L: m.bfloat16(),
                    lambda m, L: m.to(L.ones(1).double()), lambda m, L: m.to("cpu"), lambda m, L: m.type(L.float64),
                    lambda m, L: m.to(device="cpu", dtype=L.float64, non_blocking=True), lambda m, L: m.cpu(),
                    lambda m, L: m.to(memory_format=L.channels_last), lambda m, L: m.share_memory()):
        outcomes = []
        for L in (pycnn, torch):
            m = L.nn.Sequential(L.nn.Conv2d(2, 3, 3), L.nn.BatchNorm2d(3))
            m[0].weight.grad = L.ones(3, 2, 3, 3)
            before = m[0].weight
            assert convert(m, L) is m
            outcomes.append([(str(t.dtype), t.stride()) for t in m.state_dict().values()]
                            + [m[0].weight is before, str(m[0].weight.grad.dtype), m[0].weight.grad.stride()])
        assert outcomes[0] == outcomes[1]


def test_without_cuda():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    for L in (pycnn, torch):
        assert isinstance(L.nn.CrossEntropyLoss().cuda(), L.nn.Module)  # nothing to move
        if L is pycnn:
            with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
                L.nn.Linear(1, 1).cuda()
            with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
                L.nn.Linear(1, 1).to("cuda")
