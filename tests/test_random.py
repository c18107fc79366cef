"""Random numbers against golden values that torch 2.14.1 wrote (no torch needed here)."""

import hashlib
import json
import multiprocessing
import threading
from pathlib import Path

import numpy as np
import pytest

import pycnn as torch
from pycnn import nn
from pycnn.nn import functional as F

GOLDEN = json.loads((Path(__file__).parent / "golden" / "random.json").read_text())


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:32]


def state_digest(generator=torch.default_generator):
    return digest(generator.get_state().numpy())


def bits(array):
    """Floats as the golden file writes them."""
    array = np.ascontiguousarray(array).ravel()
    return [f"{v:0{2 * array.itemsize}x}" for v in array.view(f"u{array.itemsize}").tolist()]


# ---- generator

@pytest.mark.parametrize("case", GOLDEN["generator"], ids=lambda c: str(c["seed"]))
def test_generator(case):
    g = torch.Generator()
    assert g.manual_seed(case["seed"]) is g
    assert g.initial_seed() == case["initial_seed"]
    assert state_digest(g) == case["state0"]
    draws = [torch.empty((), dtype=torch.int64).random_(generator=g).item() for _ in range(5)]
    assert draws == case["random_int64"]
    assert torch.randint(0, 2 ** 28 - 1, (5,), generator=g).tolist() == case["then randint(0,2^28-1)"]
    assert state_digest(g) == case["state"]


def test_default_generator_is_seeded_by_manual_seed():
    assert torch.manual_seed(42) is torch.default_generator
    assert torch.initial_seed() == 42
    first = torch.rand(3)
    torch.manual_seed(42)
    assert torch.equal(torch.rand(3), first)


def test_fresh_generators_start_from_the_same_seed():
    assert torch.Generator().initial_seed() == GOLDEN["Generator() initial_seed"]
    assert torch.Generator("cpu").device == torch.device("cpu")


def test_state_layout():
    layout = GOLDEN["state_layout"]
    torch.manual_seed(0)
    state = bytes(torch.get_rng_state().numpy())
    assert len(state) == 5056
    assert state[:40].hex() == layout["seed0 first 40 bytes"]
    assert state[-48:].hex() == layout["last 48 bytes"][-96:]
    torch.randn(3)
    state = bytes(torch.get_rng_state().numpy())
    assert state[:24].hex() == layout["seed0 after randn(3): first 24 bytes"]
    assert state[-48:].hex() == layout["after randn(3): last 48 bytes"][-96:]


@pytest.mark.parametrize("used", [0, 1, 5, 623, 624, 625, 1247])
def test_state_goes_on_where_it_was_saved(used):
    g = torch.Generator().manual_seed(7)
    torch.randint(0, 10, (used,), generator=g)
    torch.randn(1, generator=g)
    state = g.get_state()
    expected = torch.rand(700, generator=g), torch.randn(3, generator=g)
    other = torch.Generator()
    other.set_state(state)
    assert other.initial_seed() == 7
    assert torch.equal(torch.rand(700, generator=other), expected[0])
    assert torch.equal(torch.randn(3, generator=other), expected[1])


def _state_with(g, left, next):
    state = g.get_state().numpy().copy()
    state[8:12].view(np.int32)[:] = left
    state[16:24].view(np.uint64)[:] = next
    return state


@pytest.mark.parametrize("spoil, words", [
    (lambda g: g.get_state().numpy()[:-1], "RNG state is wrong size"),
    (lambda g: np.zeros(5057, np.uint8), "RNG state is wrong size"),
    (lambda g: _state_with(g, 0, 5), "Invalid mt19937 state"),
    (lambda g: _state_with(g, -1, 5), "Invalid mt19937 state"),
    (lambda g: _state_with(g, 625, 0), "Invalid mt19937 state"),
    (lambda g: _state_with(g, 1, 625), "Invalid mt19937 state"),
    (lambda g: _state_with(g, 100, 600), "Invalid mt19937 state"),  # torch accepts it and reads beyond its words
])
def test_bad_states_are_refused_and_change_nothing(spoil, words):
    g = torch.Generator().manual_seed(3)
    torch.rand(5, generator=g)
    before = state_digest(g)
    with pytest.raises(RuntimeError, match=words):
        g.set_state(torch.from_numpy(spoil(g)))
    assert state_digest(g) == before


def test_set_state_wants_bytes():
    with pytest.raises(TypeError, match="RNG state must be a torch.ByteTensor"):
        torch.Generator().set_state(torch.zeros(5056))
    with pytest.raises(TypeError):
        torch.Generator().set_state(None)


@pytest.mark.parametrize("seed", [-2 ** 63 - 1, 2 ** 64])
def test_seeds_that_do_not_fit(seed):
    with pytest.raises(RuntimeError, match="Overflow when unpacking long"):
        torch.Generator().manual_seed(seed)


def test_seed_reseeds_from_the_system():
    g = torch.Generator()
    assert g.seed() == g.initial_seed()
    assert g.initial_seed() != g.seed()
    assert torch.seed() == torch.initial_seed()


def test_fork_rng_restores_the_state():
    torch.manual_seed(5)
    before = state_digest()
    with torch.random.fork_rng():
        torch.manual_seed(6)
        torch.rand(10)
    assert state_digest() == before
    with torch.random.fork_rng(enabled=False):
        torch.rand(10)
    assert state_digest() != before


def test_other_devices_are_refused():
    with pytest.raises(RuntimeError, match="cuda"):
        torch.Generator("cuda")


def test_threads_share_the_default_generator():
    torch.manual_seed(0)
    parts = []

    def draw():
        for _ in range(200):
            parts.append(torch.rand(10).tolist())

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    torch.manual_seed(0)
    whole = torch.rand(8000).tolist()
    assert sorted(sum(parts, [])) == sorted(whole)  # every draw happened once, call by call
    assert sorted(map(tuple, parts)) == sorted(tuple(whole[k:k + 10]) for k in range(0, 8000, 10))


def _draw_in_child(results):
    results.put(torch.rand(3).tolist())


def test_a_forked_child_goes_on_from_the_state():
    context = multiprocessing.get_context("fork")
    torch.manual_seed(11)
    results = context.Queue()
    child = context.Process(target=_draw_in_child, args=(results,))
    child.start()
    assert results.get(timeout=20) == torch.rand(3).tolist()
    child.join(20)


# ---- fills

def _in_a_row(*parts):
    return torch.cat([p.flatten() for p in parts])


def _weights():
    return torch.arange(1, 11, dtype=torch.float64)


CALLS = {
    "rand(8)": lambda: torch.rand(8),
    "rand(100000)": lambda: torch.rand(100000),
    "empty(1000).uniform_(-0.19245009,0.19245009)": lambda: torch.empty(1000).uniform_(-0.19245009, 0.19245009),
    "empty(1000).uniform_(3,7.3)": lambda: torch.empty(1000).uniform_(3, 7.3),
    "rand(8,float64)": lambda: torch.rand(8, dtype=torch.float64),
    "rand(())": lambda: torch.rand(()),
    **{f"randn({n})": lambda n=n: torch.randn(n) for n in (1, 2, 3, 15, 16, 17, 31, 32, 40, 100003)},
    "empty(100).normal_(0.3,1.7)": lambda: torch.empty(100).normal_(0.3, 1.7),
    "empty(7).normal_(0.3,1.7)": lambda: torch.empty(7).normal_(0.3, 1.7),
    "randn(15,float64)": lambda: torch.randn(15, dtype=torch.float64),
    "randn(33,float64)": lambda: torch.randn(33, dtype=torch.float64),
    "randn(5).then rand(3).then randn(2)": lambda: _in_a_row(torch.randn(5), torch.rand(3), torch.randn(2)),
    "empty(6,5).t().normal_() (memory order)": lambda: torch.empty(6, 5).t().normal_().t(),
    **{f"randint({a},{b},(50,))": lambda a=a, b=b: torch.randint(a, b, (50,)) for a, b in (
        (0, 10), (-5, 5), (0, 2 ** 28 - 1), (0, 2 ** 28), (0, 2 ** 31), (-2 ** 40, 2 ** 40))},
    "empty(20).random_()": lambda: torch.empty(20).random_(),
    "empty(20,int32).random_()": lambda: torch.empty(20, dtype=torch.int32).random_(),
    "empty(20,int64).random_()": lambda: torch.empty(20, dtype=torch.int64).random_(),
    **{f"randperm({n})": lambda n=n: torch.randperm(n) for n in (1, 2, 4, 10, 50, 50000)},
    **{f"empty(64).bernoulli_({p})": lambda p=p: torch.empty(64).bernoulli_(p) for p in (0.1, 0.5, 0.7)},
    **{f"bernoulli(full(64,{p}))": lambda p=p: torch.bernoulli(torch.full((64,), p)) for p in (0.1, 0.5, 0.7)},
    "dropout(ones(64),0.3)": lambda: F.dropout(torch.ones(64), 0.3),
    "dropout2d(ones(2,8,2,2),0.5)": lambda: F.dropout2d(torch.ones(2, 8, 2, 2), 0.5),
    "dropout(ones(2,3,4,5) channels_last,0.5)":
        lambda: F.dropout(torch.ones(2, 3, 4, 5).contiguous(memory_format=torch.channels_last), 0.5),
    "multinomial(1..10 f64,20,replacement)": lambda: torch.multinomial(_weights(), 20, True),
    "multinomial(1..10 f64,6)": lambda: torch.multinomial(_weights(), 6),
    "empty(8).exponential_()": lambda: torch.empty(8).exponential_(),
}


@pytest.mark.parametrize("case", GOLDEN["fills"], ids=lambda c: c["call"])
def test_fills(case, isa):
    torch.manual_seed(case["seed"])
    values = CALLS[case["call"]]().numpy()
    shown = case.get("values", [])
    got = bits(values) if shown and isinstance(shown[0], str) else values.ravel().tolist()
    assert got[:len(shown)] == shown
    assert digest(values) == case["sha"]
    assert state_digest() == case["state"]


def test_threads_share_a_generator_in_long_draws():
    """Whatever the order in which they get at it, no number is drawn twice and none is lost."""
    g, parts = torch.Generator().manual_seed(5), []
    threads = [threading.Thread(target=lambda: parts.append(torch.rand(3_000_000, generator=g))) for _ in range(2)]
    for t in threads:
        t.start()
    for _ in range(50):
        g.get_state()
    for t in threads:
        t.join()
    together = torch.rand(6_000_000, generator=torch.Generator().manual_seed(5))
    assert np.array_equal(np.sort(torch.cat(parts).numpy()), np.sort(together.numpy()))


@pytest.mark.parametrize("threads", [1, 2])
def test_fills_do_not_depend_on_threads(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        torch.manual_seed(0)
        y = F.dropout(torch.ones(300, 1000), 0.5)
        assert digest(y.numpy()) == "bda5743edb3f23220dd19a3241745d20"  # torch's
    finally:
        torch.set_num_threads(before)


# ---- bad input

@pytest.mark.parametrize("call, error, words", [
    (lambda: torch.randint(5, 5, (3,)), RuntimeError,
     "random_ expects 'from' to be less than 'to', but got from=5 >= to=5"),
    (lambda: torch.randint(0, 300, (3,), dtype=torch.uint8), RuntimeError, "to - 1 is out of bounds for unsigned char"),
    (lambda: torch.empty(3, dtype=torch.bool).random_(-1, 1), RuntimeError, "from is out of bounds for bool"),
    (lambda: torch.empty(3).uniform_(2, 1), RuntimeError, r"uniform_ expects to return a \[from, to\) range"),
    (lambda: torch.empty(3).uniform_(0, 1e39), RuntimeError, "to is out of bounds for float"),
    (lambda: torch.empty(3).normal_(0, -1), RuntimeError, "normal expects std >= 0.0, but found std -1"),
    (lambda: torch.normal(torch.zeros(2), -torch.ones(2)), RuntimeError, "normal expects all elements of std >= 0.0"),
    (lambda: torch.empty(3).exponential_(0), RuntimeError, "exponential_ expects lambda > 0.0"),
    (lambda: torch.empty(3).bernoulli_(1.5), RuntimeError, r"bernoulli_ expects p to be in \[0, 1\], but got p=1.5"),
    (lambda: torch.bernoulli(torch.tensor([2.0])), RuntimeError, "Expected p_in >= 0 && p_in <= 1 to be true"),
    (lambda: torch.randperm(300, dtype=torch.uint8), RuntimeError, "value cannot be converted to type"),
    (lambda: torch.randn(3, dtype=torch.int64), NotImplementedError,
     "\"normal_kernel_cpu\" not implemented for 'Long'"),
    (lambda: torch.rand(3, dtype=torch.int64), NotImplementedError,
     "\"check_uniform_bounds\" not implemented for 'Long'"),
    (lambda: torch.multinomial(torch.ones(3), 5), RuntimeError, "cannot sample n_sample > prob_dist.size"),
    (lambda: torch.multinomial(torch.ones(3), 0), RuntimeError, "cannot sample n_sample <= 0 samples"),
    (lambda: torch.multinomial(-torch.ones(3), 1), RuntimeError, "probability tensor contains either `inf`, `nan`"),
    (lambda: torch.multinomial(torch.zeros(3), 1), RuntimeError, "invalid multinomial distribution"),
    (lambda: torch.multinomial(torch.ones(1, 1, 1), 1), RuntimeError, "prob_dist must be 1 or 2 dim"),
    (lambda: torch.rand(3, generator=5), TypeError, "generator"),
    (lambda: F.dropout(torch.ones(3), 1.5), ValueError, "dropout probability has to be between 0 and 1, but got 1.5"),
    (lambda: torch.dropout(torch.ones(3), 1.5, True), RuntimeError, "dropout probability has to be between 0 and 1"),
    (lambda: F.dropout(torch.ones(3, dtype=torch.int64)), RuntimeError, "result type Float can't be cast"),
    (lambda: torch.ones(3, requires_grad=True).normal_(), RuntimeError, "a leaf Variable that requires grad"),
])
def test_bad_input(call, error, words):
    before = state_digest()
    with pytest.raises(error, match=words):
        call()
    assert state_digest() == before


# ---- dropout

def test_dropout_out_of_training_is_the_input_itself():
    x = torch.ones(3, requires_grad=True) * 2
    before = state_digest()
    assert F.dropout(x, 0.5, training=False) is x
    assert F.dropout(x, 0.0) is x
    assert F.dropout2d(torch.ones(1, 2, 1, 1), 0.0).tolist() == [[[[1.0]], [[1.0]]]]
    assert state_digest() == before


def test_dropout_of_everything_draws_nothing():
    before = state_digest()
    x = torch.ones(2, 3, requires_grad=True)
    y = F.dropout(x, 1.0)
    y.sum().backward()
    assert y.tolist() == [[0.0] * 3] * 2 and x.grad.tolist() == y.tolist()
    assert state_digest() == before


@pytest.mark.parametrize("drop", [F.dropout, F.dropout2d])
@pytest.mark.parametrize("inplace", [False, True])
def test_dropout_passes_the_gradient_where_it_passed_the_value(drop, inplace):
    leaf = torch.ones(4, 5, 3, 2, requires_grad=True)
    y = drop(leaf * 1, 0.5, inplace=inplace)
    (y * 3).sum().backward()
    assert torch.equal(leaf.grad, y.detach() * 3)
    assert sorted(set(y.flatten().tolist())) == [0.0, 2.0]


# ---- initial values

def _tensors(module):
    return [p.detach() for p in module.parameters()]


INIT = {
    "Linear(10,5)": lambda: _tensors(nn.Linear(10, 5)),
    "Linear(784,128)": lambda: _tensors(nn.Linear(784, 128)),
    "Linear(3,7,bias=False)": lambda: _tensors(nn.Linear(3, 7, bias=False)),
    "Conv2d(3,32,3)": lambda: _tensors(nn.Conv2d(3, 32, 3)),
    "Conv2d(32,64,5,groups=4)": lambda: _tensors(nn.Conv2d(32, 64, 5, groups=4)),
    "kaiming_normal_(64,3,7,7 fan_out relu)":
        lambda: [nn.init.kaiming_normal_(torch.empty(64, 3, 7, 7), mode="fan_out", nonlinearity="relu")],
    "kaiming_uniform_(64,3,3,3)": lambda: [nn.init.kaiming_uniform_(torch.empty(64, 3, 3, 3))],
    "xavier_uniform_(20,30)": lambda: [nn.init.xavier_uniform_(torch.empty(20, 30))],
    "xavier_normal_(20,30,gain=1.5)": lambda: [nn.init.xavier_normal_(torch.empty(20, 30), gain=1.5)],
    "trunc_normal_(50,7,std=.02)": lambda: [nn.init.trunc_normal_(torch.empty(50, 7), std=0.02)],
    "trunc_normal_(1000) default": lambda: [nn.init.trunc_normal_(torch.empty(1000))],
    "SimpleCNN Sequential": lambda: _tensors(nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(4096, 128), nn.ReLU(), nn.Dropout(), nn.Linear(128, 10))),
}


@pytest.mark.parametrize("case", [c for c in GOLDEN["init"] if not c["call"].startswith("Embedding")],
                         ids=lambda c: c["call"].split("(Conv")[0])
def test_initial_values(case):
    torch.manual_seed(case["seed"])
    tensors = [t.numpy() for t in INIT[case["call"].split("(Conv(")[0]]()]
    assert [bits(t)[:4] for t in tensors] == case["first4"]
    assert [digest(t) for t in tensors] == case["sha"]
    assert state_digest() == case["state"]
