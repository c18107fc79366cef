"""Modules: registration, state, hooks, copies, and errors that say where they come from."""

import copy
import pickle
import struct
from collections import OrderedDict

import numpy as np
import pytest

import pycnn
from pycnn import nn
from pycnn.nn import functional as F


class Net(nn.Module):
    """At module level, so that it can be pickled."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 4, 3), norm=nn.BatchNorm2d(4), act=nn.ReLU()))
        self.fc = nn.Linear(4 * 36, 10)

    def forward(self, x):
        return self.fc(self.features(x).flatten(1))


def bits(t):
    return [struct.pack(">f", v).hex() for v in t.flatten().tolist()]


# ---- initial values

def test_golden_initial_weights():
    """The first values that PyTorch 2.14.1 draws for seed 0, weights before biases, in the order of construction."""
    pycnn.manual_seed(0)
    assert bits(nn.Linear(10, 5).weight)[:4] == ["bb1b28bd", "3e2db5ad", "be854213", "be6e4f4b"]
    pycnn.manual_seed(0)
    assert bits(nn.Conv2d(3, 32, 3).weight)[:4] == ["babcda8b", "3dd36ec5", "be223254", "be1107db"]
    pycnn.manual_seed(0)
    state = pycnn.get_rng_state()
    nn.BatchNorm2d(8), nn.MaxPool2d(2), nn.LayerNorm(3)
    assert pycnn.equal(state, pycnn.get_rng_state()), "these draw nothing"


# ---- registration

def test_what_is_assigned_is_registered():
    m = nn.Module()
    m.weight = nn.Parameter(pycnn.ones(2))
    m.child = nn.ReLU()
    m.stat = nn.Buffer(pycnn.zeros(1), persistent=False)
    m.register_buffer("count", pycnn.tensor(3))
    m.plain, m.tensor = 5, pycnn.ones(1)
    assert [n for n, _ in m.named_parameters()] == ["weight"] and [n for n, _ in m.named_children()] == ["child"]
    assert [n for n, _ in m.named_buffers()] == ["stat", "count"] and list(m.state_dict()) == ["weight", "count"]
    m.child = nn.Parameter(pycnn.zeros(1))  # from one kind to another
    assert not list(m.children()) and [n for n, _ in m.named_parameters()] == ["weight", "child"]
    m.plain = nn.Parameter(pycnn.zeros(1))
    m.plain = None
    assert m.plain is None
    m.count = pycnn.tensor(4)
    m.child = None
    assert m.state_dict()["count"].item() == 4 and m.child is None and list(m.children()) == []
    del m.weight, m.count, m.plain
    assert list(m.state_dict()) == [] and not hasattr(m, "plain") and not hasattr(m, "weight")
    with pytest.raises(AttributeError, match="'Module' object has no attribute 'weight'"):
        m.weight


def test_parameters_are_views_of_what_they_are_made_of():
    data = pycnn.zeros(2, 3)
    p = nn.Parameter(data)
    data[0, 0] = 7
    assert p[0, 0].item() == 7 and p.is_leaf and p.requires_grad and isinstance(p, pycnn.Tensor)
    assert repr(p).startswith("Parameter containing:\ntensor([[7., 0., 0.],") \
           and repr(p).endswith("requires_grad=True)")
    assert type(p * 2) is pycnn.Tensor and type(p.data) is pycnn.Tensor and type(p.detach()) is pycnn.Tensor
    assert not nn.Parameter(pycnn.ones(1), requires_grad=False).requires_grad and nn.Parameter().numel() == 0
    q = copy.deepcopy(p)
    assert type(q) is nn.Parameter and q.requires_grad and q.tolist() == p.tolist() and q.data_ptr() != p.data_ptr()
    r = pickle.loads(pickle.dumps(p))
    assert type(r) is nn.Parameter and r.requires_grad and r.tolist() == p.tolist()


def test_modes_and_functions_reach_every_module():
    net = Net().eval()
    assert not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())
    seen = []
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Conv2d", "BatchNorm2d", "ReLU", "Sequential", "Linear", "Net"]
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())


def test_zero_grad():
    net = nn.Linear(2, 1)
    net(pycnn.ones(3, 2)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert net.weight.grad.tolist() == [[0, 0]]
    net.zero_grad()
    assert net.weight.grad is None and net.bias.grad is None


def test_super_init_is_called_where_wanted():
    calls = []

    class Base:
        def __init__(self, x):
            calls.append(x)

    class Both(nn.Module, Base):
        call_super_init = True

    Both(x=3)
    assert calls == [3]
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        nn.Module(1)


# ---- copies and files

def test_copies_are_independent(tmp_path):
    net = Net()
    x = pycnn.randn(2, 1, 8, 8)
    net(x)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        net.eval(), other.eval()
        assert pycnn.equal(other(x), net(x)) and repr(other) == repr(net)
        with pycnn.no_grad():
            other.fc.weight.fill_(0)
        assert not pycnn.equal(other(x), net(x))
    pycnn.save(net.state_dict(), tmp_path / "net.pth")
    fresh = Net().eval()
    assert str(fresh.load_state_dict(pycnn.load(tmp_path / "net.pth"))) == "<All keys matched successfully>"
    assert pycnn.equal(fresh(x), net(x))


def test_state_dict_shares_memory():
    net = nn.Linear(2, 2)
    state = net.state_dict()
    assert not state["weight"].requires_grad and net.state_dict(keep_vars=True)["weight"] is net.weight
    with pycnn.no_grad():
        net.weight.fill_(3)
    assert state["weight"].tolist() == [[3, 3], [3, 3]]
    assert list(net.state_dict(prefix="a.")) == ["a.weight", "a.bias"]
    with pytest.warns(FutureWarning, match="Positional args are being deprecated"):
        net.state_dict(OrderedDict(), "b.")


def test_loading_names_the_nearest_key():
    with pytest.raises(RuntimeError) as info:
        nn.Sequential(nn.Linear(1, 1)).load_state_dict({"0.wieght": pycnn.ones(1, 1), "0.bias": pycnn.ones(1)})
    text = str(info.value)
    assert text.startswith("Error(s) in loading state_dict for Sequential:\n\tMissing key(s) in state_dict: "
                           "\"0.weight\". ")
    assert 'Unexpected key(s) in state_dict: "0.wieght". ' in text
    assert '"0.weight" for "0.wieght"' in text or '"0.wieght" for "0.weight"' in text


def test_a_failed_load_leaves_what_does_not_fit():
    net = nn.Linear(2, 2)
    before = net.weight.tolist()
    with pytest.raises(RuntimeError,
                       match=r"size mismatch for weight: copying a param with shape torch.Size\(\[3, 3\]\)"):
        net.load_state_dict({"weight": pycnn.ones(3, 3), "bias": pycnn.ones(2)})
    assert net.weight.tolist() == before and net.bias.tolist() == [1, 1]


def test_prefixes_are_taken_away():
    from pycnn.nn.modules.utils import consume_prefix_in_state_dict_if_present
    wrapped = nn.DataParallel(Net())
    state = wrapped.state_dict()
    assert all(key.startswith("module.") for key in state) \
           and wrapped.module.fc.weight is dict(wrapped.named_parameters())[
        "module.fc.weight"]
    consume_prefix_in_state_dict_if_present(state, "module.")
    Net().load_state_dict(state)
    assert list(state) == list(Net().state_dict()) and state._metadata == Net().state_dict()._metadata
    x = pycnn.randn(2, 1, 8, 8)
    wrapped.eval()
    assert pycnn.equal(wrapped(x), wrapped.module(x))


# ---- calls

def test_errors_name_the_module():
    net = nn.Sequential(Net(), nn.ReLU())
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied") as info:
        net(pycnn.ones(2, 1, 9, 9))
    assert info.value.__notes__ == ["in module '0.fc': Linear(in_features=144, out_features=10, bias=True)"]
    with pytest.raises(RuntimeError) as info:
        net(pycnn.ones(2, 3, 8, 8))
    assert info.value.__notes__ == ["in module '0.features.conv': Conv2d(1, 4, kernel_size=(3, 3), stride=(1, 1))"]
    with pytest.raises(ValueError) as info:
        nn.BatchNorm1d(3)(pycnn.ones(1, 3))
    assert info.value.__notes__ == ["in module BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, "
                                    "track_running_stats=True)"]


def test_errors_of_a_layer_that_is_caught_and_tried_again():
    class Tries(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(3, 1), nn.Linear(4, 1)

        def forward(self, x):
            try:
                return self.first(x)
            except RuntimeError:
                return self.second(x)

    class BadText(nn.Module):
        def forward(self, x):
            raise ValueError("mine")

        def extra_repr(self):
            raise KeyError("no text")

    assert Tries()(pycnn.ones(2, 4)).shape == (2, 1)
    with pytest.raises(RuntimeError) as info:
        Tries()(pycnn.ones(2, 5))
    assert info.value.__notes__ == ["in module 'second': Linear(in_features=4, out_features=1, bias=True)"]
    with pytest.raises(ValueError, match="mine") as info:
        nn.Sequential(BadText())(1)
    assert info.value.__notes__ == ["in module '0': BadText"]


def test_forward_hooks():
    net, seen = nn.Linear(2, 1), []
    with net.register_forward_pre_hook(lambda m, args: (args[0] * 0,)):
        assert pycnn.equal(net(pycnn.ones(1, 2)), net.bias.detach().unsqueeze(0))
    handle = net.register_forward_hook(lambda m, args, kwargs, out: seen.append(sorted(kwargs)), with_kwargs=True)
    net(input=pycnn.ones(1, 2))
    handle.remove()
    handle.remove()
    net(pycnn.ones(1, 2))
    assert seen == [["input"]]
    with pytest.raises(RuntimeError, match="forward pre-hook must return None or a tuple"):
        net.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
        net(pycnn.ones(1, 2))


def test_backward_hooks_see_and_change_gradients():
    layer, seen = nn.Linear(2, 2, bias=False), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi[0].tolist(), go[0].tolist())) or (gi[0] * 10,))
    with pycnn.no_grad():
        layer.weight.copy_(pycnn.tensor([[1.0, 2], [3, 4]]))
    x = pycnn.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    assert seen == [([[4, 6]], [[1, 1]])] and x.grad.tolist() == [[40, 60]]
    layer.register_full_backward_pre_hook(lambda m, go: (go[0] * 0, 1))
    with pytest.raises(RuntimeError, match="invalid number of grad_output, got 2, but expected 1"):
        layer(x).sum().backward()


def test_modules_in_a_row_on_one_input_in_place():
    x = pycnn.tensor([-1.0, 2.0])
    y = nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))(x)
    assert y is x and x.tolist() == [0, 2]


# ---- layers whose behaviour is not a formula

def test_running_statistics():
    norm = nn.BatchNorm1d(1, momentum=0.5, affine=False)
    x = pycnn.tensor([[1.0], [3.0]])
    assert norm(x).flatten().tolist() == pytest.approx([-1, 1], abs=1e-4)
    assert norm.running_mean.item() == 1.0 and norm.running_var.item() == 1.5 and norm.num_batches_tracked.item() == 1
    norm.eval()
    assert norm(x).flatten().tolist() == pytest.approx([0, 2 / 1.5 ** 0.5], abs=1e-4)
    assert norm.num_batches_tracked.item() == 1
    norm.reset_running_stats()
    assert norm.running_mean.item() == 0.0 and norm.running_var.item() == 1.0 and norm.num_batches_tracked.item() == 0


def test_dropout_does_nothing_in_evaluation():
    x = pycnn.ones(100)
    drop = nn.Dropout(0.5)
    assert set(drop(x).tolist()) == {0.0, 2.0}
    assert drop.eval()(x).tolist() == x.tolist() and F.dropout(x, training=False).tolist() == x.tolist()


def test_containers_of_parameters():
    values = nn.ParameterList([pycnn.ones(1), nn.Parameter(pycnn.zeros(2)), "text"])
    assert [type(v).__name__ for v in values] == ["Parameter", "Parameter", "str"] and len(values) == 3
    values[-1] = pycnn.ones(3)
    assert len(list(values.parameters())) == 3 and len(values[1:]) == 2
    with pytest.raises(RuntimeError, match="ParameterList should not be called."):
        values(1)
    table = nn.ParameterDict({"b": pycnn.ones(1), "a": pycnn.ones(2)})
    assert list(table) == ["a", "b"] and "a" in table and table.pop("a").shape == (2,) and len(table) == 1
    assert table.popitem()[0] == "b" and table.setdefault("c", pycnn.ones(1)) is table["c"] and table.get("d") is None
    assert list((table | nn.ParameterDict({"e": pycnn.ones(1)})).state_dict()) == ["c", "e"]
    with pytest.raises(TypeError, match="cannot be used as a key as it is not a string"):
        table[3] = pycnn.ones(1)


def test_vectors_of_one_class_and_their_distance():
    x, y = pycnn.tensor([[3.0, 4.0]]), pycnn.tensor([[4.0, 3.0]])
    assert nn.CosineSimilarity()(x, y).item() == pytest.approx(24 / 25)
    assert nn.PairwiseDistance(eps=0.0)(x, y).item() == pytest.approx(2 ** 0.5)
    assert F.normalize(x).tolist()[0] == pytest.approx([0.6, 0.8])


# ---- names

def test_missing_names_say_so():
    with pytest.raises(AttributeError, match=r"pycnn has no torch.nn.Conv2D. The nearest name is pycnn.nn.Conv2d"):
        nn.Conv2D
    with pytest.raises(AttributeError, match=r"pycnn has no torch.nn.functional.rellu"):
        F.rellu
    from pycnn.nn.modules.utils import _pair, _single
    assert _pair(3) == (3, 3) and _pair((1, 2)) == (1, 2) and _single(4) == (4,)


@pytest.mark.parametrize("make, text", [
    (lambda: nn.Conv2d(3, 8, 0), "kernel size should be greater than zero"),
    (lambda: nn.Conv2d(3, 8, 3, stride=0), "non-positive stride is not supported"),
    (lambda: nn.Conv2d(3, 8, 3, padding=-1), "negative padding is not supported"),
    (lambda: nn.Conv2d(3, 8, 3, dilation=0), "dilation should be greater than zero"),
    (lambda: nn.Conv1d(3, 8, -3), "kernel size should be greater than zero"),
])
def test_layers_that_cannot_work_are_refused_at_once(make, text):
    with pytest.raises(RuntimeError, match=text):
        make()


def test_unsupported_options_say_so():
    with pytest.raises(NotImplementedError, match="are not supported"):
        nn.Embedding(3, 2, sparse=True)


def test_blocks_are_flat(live_blocks):
    """Training steps with hooks, errors and copies leave nothing behind."""
    net = Net()
    net.features.register_full_backward_hook(lambda m, gi, go: None)
    x = pycnn.randn(2, 1, 8, 8, requires_grad=True)

    def step():
        net.zero_grad()
        x.grad = None
        F.cross_entropy(net(x), pycnn.tensor([1, 2])).backward()
        try:
            net(pycnn.ones(1, 2, 8, 8))
        except RuntimeError:
            pass
        copy.deepcopy(net)
    step()
    before = live_blocks()
    for _ in range(5):
        step()
    assert live_blocks() == before


def test_channels_last_parameters():
    net = nn.Conv2d(3, 4, 3).to(memory_format=pycnn.channels_last)
    x = pycnn.randn(2, 3, 6, 6)
    assert net.weight.is_contiguous(memory_format=pycnn.channels_last)
    plain = copy.deepcopy(net).to(memory_format=pycnn.contiguous_format)
    np.testing.assert_allclose(net(x).detach().numpy(), plain(x).detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("keep", [True, False])
def test_a_relu_that_was_written_to_stays_so(keep):
    conv = nn.Conv2d(3, 8, 3, padding=1)
    with pycnn.no_grad():
        image = pycnn.rand(1, 3, 8, 8)
        before, total = conv(image), conv(image)
        y = F.relu(before)
        if not keep:
            del before
        y.numpy()[:] = 5
        want = total.numpy() + 5
        total = conv(image)
        total += y
    np.testing.assert_array_equal(total.numpy(), want)


def test_batch_norm_takes_the_mask_of_the_relu_behind_it():
    x = pycnn.randn(2, 16, 8, 8)
    grad, norm = pycnn.randn(2, 16, 8, 8), nn.BatchNorm2d(16)
    results = []
    for keep in (False, True):
        leaf = x.clone().requires_grad_()
        y = norm(leaf)
        z = F.relu(y)
        if not keep:  # somebody else could want the gradient of y
            del y
        calls = pycnn._C._alloc_stats()["calls"]
        z.backward(grad)
        results.append((leaf.grad.numpy(), norm.weight.grad.numpy(), pycnn._C._alloc_stats()["calls"] - calls))
        norm.zero_grad()
    (a, wa, fewer), (b, wb, more) = results
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(wa, wb)
    assert fewer < more
