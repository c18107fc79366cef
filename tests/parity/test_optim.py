"""Optimizers bit for bit, given the same gradients; schedules as the same doubles; state dicts that both load."""

import numpy as np
import pytest
import torch

import pycnn
from pycnn.optim import lr_scheduler

pytestmark = pytest.mark.parity

CASES = [("SGD", dict(lr=0.1)), ("SGD", dict(lr=0.1, momentum=0.9, weight_decay=1e-3)),
         ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)),
         ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.1, maximize=True)),
         ("Adam", {}), ("Adam", dict(lr=0.001, weight_decay=1e-5)), ("Adam", dict(amsgrad=True, betas=(0.8, 0.99))),
         ("Adam", dict(betas=(0.3, 0.9), maximize=True)), ("AdamW", {}), ("AdamW", dict(weight_decay=0.1, amsgrad=True)),
         ("RMSprop", {}), ("RMSprop", dict(momentum=0.9, centered=True, weight_decay=0.01))]


@pytest.fixture
def correct_sqrt(monkeypatch):
    """Tensor.sqrt correctly rounded: on AMD processors MKL's, which torch calls, is off in the last bit now and then."""
    def sqrt(t):
        return torch.from_numpy(np.sqrt(t.detach().numpy()))
    monkeypatch.setattr(torch.Tensor, "sqrt", sqrt)
    monkeypatch.setattr(torch.Tensor, "sqrt_", lambda t: t.copy_(sqrt(t)))


@pytest.mark.parametrize("n", [1, 15, 17, 1000, 100_003])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, kwargs", CASES, ids=lambda v: str(v))
def test_steps(name, kwargs, dtype, n, correct_sqrt, isa):
    rng = np.random.default_rng(n)
    start = rng.standard_normal(n).astype(dtype)
    ours = pycnn.from_numpy(start.copy()).requires_grad_()
    theirs = torch.from_numpy(start.copy()).requires_grad_()
    a, b = getattr(pycnn.optim, name)([ours], **kwargs), getattr(torch.optim, name)([theirs], **kwargs)
    for _ in range(6):
        g = rng.standard_normal(n).astype(dtype)
        ours.grad, theirs.grad = pycnn.from_numpy(g.copy()), torch.from_numpy(g.copy())
        a.step()
        b.step()
    assert np.array_equal(ours.detach().numpy(), theirs.detach().numpy())


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


@pytest.mark.parametrize("name, kwargs", CASES, ids=lambda v: str(v))
def test_state_dict_has_torchs_keys(name, kwargs):
    def run(L):
        p = L.ones(3).requires_grad_()
        o = getattr(L.optim, name)([p], **kwargs)
        p.grad = L.ones(3)
        o.step()
        return o.state_dict()
    ours, theirs = run(pycnn), run(torch)
    assert list(ours["param_groups"][0]) == list(theirs["param_groups"][0])
    assert {k: v for k, v in ours["param_groups"][0].items()} == {k: v for k, v in theirs["param_groups"][0].items()}
    ours, theirs = ours["state"].get(0, {}), theirs["state"].get(0, {})
    assert {k for k, v in ours.items() if v is not None} == {k for k, v in theirs.items() if v is not None}
    for key, value in ours.items():
        value = theirs[key]
        assert str(ours[key].dtype) == str(value.dtype) and ours[key].shape == value.shape


def test_a_layout_of_its_own():
    w = np.random.default_rng(0).standard_normal((4, 5, 3, 3)).astype("f")
    g = np.random.default_rng(1).standard_normal((4, 5, 3, 3)).astype("f")
    ours = pycnn.from_numpy(w).contiguous(memory_format=pycnn.channels_last).requires_grad_()
    theirs = torch.from_numpy(w).contiguous(memory_format=torch.channels_last).requires_grad_()
    ours.grad, theirs.grad = pycnn.from_numpy(g), torch.from_numpy(g)
    for L, p in ((pycnn, ours), (torch, theirs)):
        L.optim.SGD([p], lr=0.1, momentum=0.9).step()
    assert np.array_equal(ours.detach().numpy(), theirs.detach().numpy())


SCHEDULES = [("StepLR", (4, 0.3), {}), ("MultiStepLR", ([3, 5, 5, 9], 0.2), {}), ("ExponentialLR", (0.97,), {}),
             ("LambdaLR", (lambda e: 0.95 ** e,), {}), ("MultiplicativeLR", (lambda e: 0.95,), {}), ("LinearLR", (), {}),
             ("LinearLR", (0.1, 0.7, 12), {}), ("ConstantLR", (0.25, 6), {}), ("PolynomialLR", (10, 0.9), {}),
             ("CosineAnnealingLR", (10,), {}), ("CosineAnnealingLR", (50,), dict(eta_min=1e-6)),
             ("CosineAnnealingWarmRestarts", (4, 2, 1e-4), {}), ("OneCycleLR", (0.4,), dict(total_steps=60)),
             ("OneCycleLR", (0.4,), dict(total_steps=60, three_phase=True, anneal_strategy="linear")),
             ("CyclicLR", (0.01, 0.1), dict(step_size_up=5, mode="triangular2"))]


@pytest.mark.parametrize("name, args, kwargs", SCHEDULES, ids=lambda v: str(v)[:30])
def test_schedules(name, args, kwargs):
    rates = []
    for L in (pycnn, torch):
        o = L.optim.SGD([L.ones(1).requires_grad_()], lr=0.3, momentum=0.9)
        s = getattr(L.optim.lr_scheduler, name)(o, *args, **kwargs)
        run = [o.param_groups[0]["lr"]]
        for _ in range(55):
            o.step()
            s.step()
            run.append(o.param_groups[0]["lr"])
        rates.append((run, s.get_last_lr(), set(s.state_dict())))
    assert rates[0][0] == rates[1][0] and rates[0][1] == rates[1][1]
    if name not in ("CyclicLR",):
        assert rates[0][2] == rates[1][2]


def test_sequential_and_plateau():
    rates = []
    for L in (pycnn, torch):
        o = L.optim.SGD([L.ones(1).requires_grad_()], lr=0.3)
        S = L.optim.lr_scheduler
        s = S.SequentialLR(o, [S.LinearLR(o, 0.1, 1.0, 5), S.CosineAnnealingLR(o, 20), S.ExponentialLR(o, 0.9)], [5, 15])
        run = []
        for _ in range(30):
            o.step()
            s.step()
            run.append(o.param_groups[0]["lr"])
        q = L.optim.SGD([L.ones(1).requires_grad_()], lr=0.3)
        plateau = S.ReduceLROnPlateau(q, patience=1, cooldown=1, min_lr=1e-3)
        for metric in (1, 0.9, 0.9, 0.9, 0.9, 0.95, 1, 1, 1, 0.5, 0.6, 0.6, 0.6):
            plateau.step(metric)
            run.append(q.param_groups[0]["lr"])
        rates.append(run)
    assert rates[0] == rates[1]


@pytest.mark.parametrize("make, error, text", [
    (lambda: pycnn.optim.Adam([], lr=1), ValueError, "empty parameter list"),
    (lambda: pycnn.optim.Adam([pycnn.ones(1)], lr=-1), ValueError, "Invalid learning rate: -1"),
    (lambda: pycnn.optim.SGD([pycnn.ones(1)], lr=float("nan")), ValueError, "Invalid learning rate"),
    (lambda: pycnn.optim.Adam([pycnn.ones(1)], betas=(1.0, 0.9)), ValueError, "Invalid beta parameter at index 0"),
    (lambda: pycnn.optim.SGD(pycnn.ones(1)), TypeError, "iterable of Tensors"),
    (lambda: pycnn.optim.SGD([3]), TypeError, "can only optimize Tensors"),
    (lambda: pycnn.optim.SGD([pycnn.ones(1)], nesterov=True), ValueError, "Nesterov momentum requires"),
    (lambda: lr_scheduler.CosineAnnealingLR(pycnn.optim.SGD([pycnn.ones(1)]), 0), ValueError, "T_max"),
    (lambda: lr_scheduler.StepLR(3, 1), TypeError, "not an Optimizer"),
])
def test_bad_input(make, error, text):
    with pytest.raises(error, match=text):
        make()
