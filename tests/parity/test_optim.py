"""Optimizers bit for bit, given the same gradients; schedules as the same doubles; state dicts that both load;
clipping."""

import inspect
import math
import types
import warnings

import numpy as np
import pytest
import torch

import pycnn
import pycnn.optim.lr_scheduler

pytestmark = pytest.mark.parity

CASES = [("SGD", dict(lr=0.1)), ("SGD", dict(lr=0.1, momentum=0.9, weight_decay=1e-3)),
         ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)),
         ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.1, maximize=True)),
         ("Adam", {}), ("Adam", dict(lr=0.001, weight_decay=1e-5)), ("Adam", dict(amsgrad=True, betas=(0.8, 0.99))),
         ("Adam", dict(betas=(0.3, 0.9), weight_decay=0.1, maximize=True)), ("AdamW", {}),
         ("AdamW", dict(weight_decay=0.1, amsgrad=True)), ("RMSprop", {}),
         ("RMSprop", dict(momentum=0.9, centered=True, weight_decay=0.01)), ("RMSprop", dict(centered=True)),
         ("Adagrad", {}), ("Adagrad", dict(lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.5,
                                           maximize=True)),
         ("Adadelta", {}), ("Adadelta", dict(rho=0.3, weight_decay=0.1, maximize=True)), ("Adamax", {}),
         ("Adamax", dict(betas=(0.2, 0.9), weight_decay=0.1)), ("NAdam", {}),
         ("NAdam", dict(weight_decay=0.1, momentum_decay=0.1, betas=(0.4, 0.9))),
         ("NAdam", dict(weight_decay=0.1, decoupled_weight_decay=True)), ("RAdam", {}),
         ("RAdam", dict(weight_decay=0.1, betas=(0.9, 0.8))),
         ("RAdam", dict(weight_decay=0.1, decoupled_weight_decay=True))]


@pytest.fixture
def correct_sqrt(monkeypatch):
    """Tensor.sqrt correctly rounded: on AMD processors MKL's, which torch calls, is off in the last bit now and
    then."""
    def sqrt(t):
        with np.errstate(invalid="ignore"):
            return torch.from_numpy(np.asarray(np.sqrt(t.detach().numpy())))
    monkeypatch.setattr(torch.Tensor, "sqrt", sqrt)
    monkeypatch.setattr(torch.Tensor, "sqrt_", lambda t: t.copy_(sqrt(t)))


def pair(start):
    return pycnn.from_numpy(start.copy()).requires_grad_(), torch.from_numpy(start.copy()).requires_grad_()


def bits(t):
    values = t.detach().numpy().copy()
    values[np.isnan(values)] = np.nan  # of one kind
    return values.tobytes()


@pytest.mark.parametrize("n", [1, 17, 1003, 40_003])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, kwargs", CASES, ids=str)
def test_steps(name, kwargs, dtype, n, correct_sqrt, isa):
    rng = np.random.default_rng(n)
    ours, theirs = pair(rng.standard_normal(n).astype(dtype))
    a, b = getattr(pycnn.optim, name)([ours], **kwargs), getattr(torch.optim, name)([theirs], **kwargs)
    for _ in range(9):  # RAdam turns adaptive at the sixth step
        g = rng.standard_normal(n).astype(dtype)
        ours.grad, theirs.grad = pycnn.from_numpy(g.copy()), torch.from_numpy(g.copy())
        a.step()
        b.step()
    assert bits(ours) == bits(theirs)
    for key, value in b.state[theirs].items():
        assert bits(a.state[ours][key]) == bits(value), key


def test_several_parameters_groups_and_missing_gradients():
    def run(L):
        ps = [L.ones(3, 2).requires_grad_(), L.ones(5).requires_grad_(), L.ones(2).requires_grad_()]
        o = L.optim.SGD([{"params": ps[:1], "lr": 0.5}, {"params": ps[1:]}], lr=0.1, momentum=0.9)
        for k in range(3):
            ps[0].grad = L.full((3, 2), 1.0 + k)
            ps[2].grad = L.full((2,), 2.0)
            o.step()
        return [p.detach().numpy() for p in ps], o
    ours, a = run(pycnn)
    theirs, b = run(torch)
    assert all(np.array_equal(x, y) for x, y in zip(ours, theirs))
    assert a.state_dict()["state"].keys() == b.state_dict()["state"].keys()


def test_a_layout_of_its_own():
    w = np.random.default_rng(0).standard_normal((4, 5, 3, 3)).astype("f")
    g = np.random.default_rng(1).standard_normal((4, 5, 3, 3)).astype("f")
    ours = pycnn.from_numpy(w).contiguous(memory_format=pycnn.channels_last).requires_grad_()
    theirs = torch.from_numpy(w).contiguous(memory_format=torch.channels_last).requires_grad_()
    ours.grad, theirs.grad = pycnn.from_numpy(g), torch.from_numpy(g)
    for L, p in ((pycnn, ours), (torch, theirs)):
        L.optim.SGD([p], lr=0.1, momentum=0.9).step()
    assert np.array_equal(ours.detach().numpy(), theirs.detach().numpy())


@pytest.mark.parametrize("dtype, exponents", [("float32", 60), ("float64", 500)])
def test_gradients_of_any_size(dtype, exponents, correct_sqrt, isa):
    """Adam's quotients by the root of 1 - beta2^t, rounded as divisions are, whatever their size."""
    rng = np.random.default_rng(7)
    start = rng.standard_normal(60_000).astype(dtype)
    ours, theirs = pair(start)
    a, b = (L.optim.Adam([t], lr=0.1, eps=1e-30) for L, t in ((pycnn, ours), (torch, theirs)))
    for _ in range(4):
        g = np.ldexp(rng.standard_normal(start.size), rng.integers(-exponents, exponents, start.size)).astype(dtype)
        ours.grad, theirs.grad = pycnn.from_numpy(g.copy()), torch.from_numpy(g.copy())
        a.step()
        b.step()
        assert bits(ours) == bits(theirs)


SPECIAL = [0.0, -0.0, 1.0, -1.5, math.inf, -math.inf, math.nan, 1e-45, 1e-38, 3e38, -3e38, 1e-20]


@pytest.mark.parametrize("name, kwargs", CASES, ids=str)
def test_special_values(name, kwargs, correct_sqrt, isa):
    """Zeros of both signs, infinities, NaN and the limits of float32 as parameters and gradients."""
    p, g = (np.asarray(v, "f").ravel() for v in np.meshgrid(SPECIAL, SPECIAL))
    ours, theirs = pair(p)
    a, b = (getattr(L.optim, name)([t], **{"lr": 0.1, **kwargs}) for L, t in ((pycnn, ours), (torch, theirs)))
    for k in range(4):
        grad = np.roll(g, k * 5)
        ours.grad, theirs.grad = pycnn.from_numpy(grad), torch.from_numpy(grad)
        a.step()
        b.step()
        assert bits(ours) == bits(theirs)


@pytest.mark.parametrize("name, kwargs", CASES, ids=str)
def test_states_are_exchanged(name, kwargs, correct_sqrt):
    """After 3 steps each library goes on from the other's state_dict."""
    rng = np.random.default_rng(0)
    start, grads = rng.standard_normal(50).astype("f"), rng.standard_normal((6, 50)).astype("f")

    def state_for(L, state):
        def convert(v):
            if isinstance(v, dict):
                return {k: convert(x) for k, x in v.items()}
            if isinstance(v, list):
                return [convert(x) for x in v]
            return L.from_numpy(v.detach().numpy().copy()) if isinstance(v, (torch.Tensor, pycnn.Tensor)) else v
        return convert(state)

    results = []
    for first, second in ((pycnn, torch), (torch, pycnn), (torch, torch)):
        w = first.from_numpy(start.copy()).requires_grad_()
        o = getattr(first.optim, name)([w], **kwargs)
        for g in grads[:3]:
            w.grad = first.from_numpy(g)
            o.step()
        w2 = second.from_numpy(w.detach().numpy().copy()).requires_grad_()
        o2 = getattr(second.optim, name)([w2], lr=7.0)
        o2.load_state_dict(state_for(second, o.state_dict()))
        for g in grads[3:]:
            w2.grad = second.from_numpy(g)
            o2.step()
        results.append(bits(w2))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("name, kwargs", CASES, ids=str)
def test_state_dict_has_torchs_keys(name, kwargs):
    def run(L):
        p = L.ones(3).requires_grad_()
        o = getattr(L.optim, name)([p], **kwargs)
        p.grad = L.ones(3)
        o.step()
        return o.state_dict(), repr(o)
    (ours, our_text), (theirs, their_text) = run(pycnn), run(torch)
    assert list(ours["param_groups"][0].items()) == list(theirs["param_groups"][0].items())
    assert our_text == their_text
    ours, theirs = ({k: v for k, v in d["state"].get(0, {}).items() if v is not None} for d in (ours, theirs))
    assert list(ours) == list(theirs)
    for key, value in theirs.items():
        assert str(ours[key].dtype) == str(value.dtype) and ours[key].shape == value.shape


def test_old_checkpoint():
    """Plain numbers of steps and missing options are completed as torch completes them."""
    dicts = []
    for L in (pycnn, torch):
        p = L.ones(2).requires_grad_()
        o = L.optim.Adam([p])
        o.load_state_dict({"state": {0: {"step": 3, "exp_avg": L.ones(2), "exp_avg_sq": L.ones(2)}}, "param_groups": [
            {"lr": 0.1, "betas": (0.9, 0.9), "eps": 1e-8, "weight_decay": 0, "params": [0]}]})
        dicts.append(o.state_dict())
        assert str(o.state[p]["step"].dtype) == "torch.float32" and o.state[p]["step"].item() == 3
    ours, theirs = ({k: v for k, v in d["param_groups"][0].items()} for d in dicts)
    assert ours == theirs


# ---- schedules

def plain(v):
    """State as plain values, functions left out."""
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items() if not isinstance(x, types.FunctionType)}
    return [plain(x) for x in v] if isinstance(v, list) else v


class Decay:
    """A function that is an object: its attributes are saved."""

    def __init__(self, base):
        self.base = base

    def __call__(self, epoch):
        return self.base ** epoch


SCHEDULES = {
    "StepLR": lambda S, o: S.StepLR(o, 3), "MultiStepLR": lambda S, o: S.MultiStepLR(o, [2, 2, 7]),
    "StepLR gamma": lambda S, o: S.StepLR(o, 4, 0.3),
    "MultiStepLR gamma": lambda S, o: S.MultiStepLR(o, [3, 5, 5, 9], 0.2),
    "ExponentialLR": lambda S, o: S.ExponentialLR(o, 0.8), "LambdaLR": lambda S, o: S.LambdaLR(o, [Decay(0.9)] * 2),
    "LambdaLR function": lambda S, o: S.LambdaLR(o, lambda e: 1 / (e + 1)),
    "MultiplicativeLR": lambda S, o: S.MultiplicativeLR(o, Decay(0.9)), "ConstantLR": lambda S, o: S.ConstantLR(o),
    "LinearLR up": lambda S, o: S.LinearLR(o, 0.1, 0.7, 12), "ConstantLR longer": lambda S, o: S.ConstantLR(o, 0.25, 6),
    "CosineAnnealingLR long": lambda S, o: S.CosineAnnealingLR(o, 50, eta_min=1e-6),
    "CosineAnnealingWarmRestarts low": lambda S, o: S.CosineAnnealingWarmRestarts(o, 4, 2, 1e-4),
    "LinearLR": lambda S, o: S.LinearLR(o), "PolynomialLR": lambda S, o: S.PolynomialLR(o, 8, 2.0),
    "CosineAnnealingLR": lambda S, o: S.CosineAnnealingLR(o, 7, 1e-3),
    "CosineAnnealingWarmRestarts": lambda S, o: S.CosineAnnealingWarmRestarts(o, 3, 2),
    "OneCycleLR": lambda S, o: S.OneCycleLR(o, [0.5, 0.6], epochs=4, steps_per_epoch=8, pct_start=0.25),
    "OneCycleLR linear": lambda S, o: S.OneCycleLR(o, 0.5, 40, anneal_strategy="linear", three_phase=True,
                                                   cycle_momentum=False),
    "CyclicLR": lambda S, o: S.CyclicLR(o, 0.01, [0.1, 0.2], 4, 3),
    "CyclicLR triangular2": lambda S, o: S.CyclicLR(o, 0.01, 0.1, 4, mode="triangular2"),
    "CyclicLR exp_range": lambda S, o: S.CyclicLR(o, 0.01, 0.1, 4, mode="exp_range", gamma=0.95, cycle_momentum=False),
    "CyclicLR own": lambda S, o: S.CyclicLR(o, 0.01, 0.1, 4, scale_fn=Decay(0.5), scale_mode="iterations"),
    "SequentialLR": lambda S, o: S.SequentialLR(o, [S.LinearLR(o, 0.1, 1, 4), S.CosineAnnealingLR(o, 6),
                                                    S.StepLR(o, 2)],
                                                [4, 12]),
    "SequentialLR nested": lambda S, o: S.SequentialLR(o, [
        S.ChainedScheduler([S.ConstantLR(o, 0.5, 3), S.ExponentialLR(o, 0.9)]),
        S.CosineAnnealingWarmRestarts(o, 4)], [5]),
    "ChainedScheduler": lambda S, o: S.ChainedScheduler([S.ExponentialLR(o, 0.9), S.LinearLR(o, 0.1, 1, 4)]),
}


def groups(L, kind):
    ps = [L.ones(1).requires_grad_() for _ in range(2)]
    kwargs = {"momentum": 0.9} if kind == "SGD" else {}
    return getattr(L.optim, kind)([{"params": ps[:1]}, {"params": ps[1:], "lr": 0.03}], lr=0.3, **kwargs)


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_and_their_state(name, kind):
    pairs = []
    for L in (pycnn, torch):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of its own doing in nested schedules
            o = groups(L, kind)
            pairs.append((o, SCHEDULES[name](L.optim.lr_scheduler, o)))
    for epoch in range(30):
        (ours, a), (theirs, b) = pairs
        for mine, yours in zip(ours.param_groups, theirs.param_groups):
            assert {k: v for k, v in mine.items() if k != "params"} == {k: v for k, v in yours.items() if k != "params"}
        if not name.startswith("SequentialLR nested") or epoch < 5:
            assert plain(a.state_dict()) == plain(b.state_dict()), epoch
        for o, s in pairs:
            o.step()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                s.step()


@pytest.mark.parametrize("name", ["StepLR", "MultiStepLR", "ExponentialLR", "ConstantLR", "LinearLR", "PolynomialLR",
                                  "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "LambdaLR"])
def test_schedules_jump(name):
    rates = []
    for L in (pycnn, torch):
        o = groups(L, "SGD")
        s, run = SCHEDULES[name](L.optim.lr_scheduler, o), []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for epoch in (5, 2, 11, 0):
                s.step(epoch)
                run.append(s.get_last_lr())
        rates.append(run)
    assert rates[0] == rates[1]


@pytest.mark.parametrize("kwargs", [{}, {"mode": "max"}, {"threshold_mode": "abs", "threshold": 0.1},
                                    {"min_lr": [0.1, 0.01]}, {"mode": "max", "threshold_mode": "abs", "cooldown": 2},
                                    {"patience": 1, "cooldown": 1, "min_lr": 1e-3}], ids=str)
def test_plateau(kwargs):
    metrics = np.random.default_rng(0).random(60)
    runs = []
    for L in (pycnn, torch):
        o = groups(L, "SGD")
        s = L.optim.lr_scheduler.ReduceLROnPlateau(o, **{"patience": 2, **kwargs})
        run = []
        for m in metrics:
            s.step(m)
            run.append(plain(s.state_dict()))
        runs.append(run)
    assert runs[0] == runs[1]


# ---- clipping

@pytest.mark.parametrize("order", [0.5, 1, 2, 3, math.inf])
@pytest.mark.parametrize("max_norm", [0.1, 1e9])
def test_clip_grad_norm(order, max_norm, isa):
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(s).astype("f") for s in ((3, 4, 5), (1,), (20_001,))]
    grads, totals = [], []
    for L in (pycnn, torch):
        ps = [L.zeros(a.shape).requires_grad_() for a in arrays]
        for p, a in zip(ps, arrays):
            p.grad = L.from_numpy(a.copy())
        totals.append(L.nn.utils.clip_grad_norm_(ps, max_norm, order))
        grads.append(np.concatenate([p.grad.numpy().ravel() for p in ps]))
    assert abs(totals[0].item() / totals[1].item() - 1) < 1e-5 and totals[0].shape == totals[1].shape
    np.testing.assert_allclose(grads[0], grads[1], rtol=1e-5)


def test_scaling_is_torchs_given_the_norm(isa):
    """The order of operations: max_norm / (total + 1e-6), at most 1, times each gradient."""
    a = np.random.default_rng(3).standard_normal(1000).astype("f")
    for max_norm in (0.1, 0.37, 2.0, 31.0):
        results = []
        for L in (pycnn, torch):
            p = L.zeros(1000).requires_grad_()
            p.grad = L.from_numpy(a.copy())
            L.nn.utils.clip_grads_with_norm_([p], max_norm, L.tensor(30.9000015258789))
            results.append(p.grad.numpy().tobytes())
        assert results[0] == results[1]


# ---- signatures

@pytest.mark.parametrize("name", ["Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "Optimizer",
                                  "RAdam", "RMSprop", "SGD", *(n for n in torch.optim.lr_scheduler.__all__)])
def test_signatures(name):
    ours, theirs = ((getattr(L.optim, name, None) or getattr(L.optim.lr_scheduler, name)) for L in (pycnn, torch))

    def parameters(fn):
        return [(p.name, p.kind, p.default) for p in inspect.signature(fn).parameters.values()]
    assert parameters(ours.__init__) == parameters(theirs.__init__)
    public = {m for m in vars(theirs) if not m.startswith("_") and callable(getattr(theirs, m))}
    public -= {"profile_hook_step", "OptimizerPreHook", "OptimizerPostHook", "recursive_undo"}
    for method in public:
        assert parameters(getattr(ours, method)) == parameters(getattr(theirs, method)), method


# ---- bad input

@pytest.mark.parametrize("make, error, text", [
    (lambda: pycnn.optim.Adam([], lr=1), ValueError, "empty parameter list"),
    (lambda: pycnn.optim.Adam([pycnn.ones(1)], lr=-1), ValueError, "Invalid learning rate: -1"),
    (lambda: pycnn.optim.SGD([pycnn.ones(1)], lr=float("nan")), ValueError, "Invalid learning rate"),
    (lambda: pycnn.optim.Adam([pycnn.ones(1)], betas=(1.0, 0.9)), ValueError, "Invalid beta parameter at index 0"),
    (lambda: pycnn.optim.SGD(pycnn.ones(1)), TypeError, "iterable of Tensors"),
    (lambda: pycnn.optim.SGD([3]), TypeError, "can only optimize Tensors"),
    (lambda: pycnn.optim.SGD([pycnn.ones(1)], nesterov=True), ValueError, "Nesterov momentum requires"),
    (lambda: pycnn.optim.lr_scheduler.CosineAnnealingLR(pycnn.optim.SGD([pycnn.ones(1)]), 0), ValueError, "T_max"),
    (lambda: pycnn.optim.lr_scheduler.StepLR(3, 1), TypeError, "not an Optimizer"),
])
def test_bad_input(make, error, text):
    with pytest.raises(error, match=text):
        make()
