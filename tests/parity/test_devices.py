"""What scripts ask and set about devices, precision and processes: the same answers as torch's, on a machine without a
GPU."""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.multiprocessing
import torch.nn.utils
import torch.utils.data.distributed

import pycnn
import pycnn.backends.cudnn
import pycnn.cuda.amp
import pycnn.multiprocessing
from both import same

pytestmark = pytest.mark.parity

NO_CUDA = "Torch not compiled with CUDA enabled"


def raises_alike(call, own=None):
    """Both raise; pycnn the same type in words that begin alike, or `own` where torch was built with CUDA."""
    errors = []
    for m in (torch, pycnn):
        with pytest.raises(Exception) as caught:
            call(m)
        errors.append(caught.value)
    want, got = errors
    if own is not None:
        assert isinstance(got, AssertionError) and str(got).startswith(own)
    else:
        assert type(got) is type(want) and str(got)[:50] == str(want)[:50], f"{want!r} against {got!r}"


@pytest.mark.parametrize("ask", [
    lambda m: m.cuda.is_available(), lambda m: m.cuda.device_count(), lambda m: m.cuda.is_initialized(),
    lambda m: m.cuda.manual_seed(3), lambda m: m.cuda.manual_seed_all(3), lambda m: m.cuda.empty_cache(),
    lambda m: m.cuda.memory_allocated(), lambda m: m.cuda.max_memory_allocated(), lambda m: m.cuda.get_rng_state_all(),
    lambda m: m.cuda.set_rng_state_all([]), lambda m: m.cuda.seed_all(), lambda m: m.cuda.set_device(-1),
    lambda m: m.cuda.is_bf16_supported(), lambda m: m.backends.cudnn.benchmark,
    lambda m: m.backends.cudnn.deterministic,
    lambda m: m.backends.cudnn.enabled, lambda m: m.backends.cudnn.allow_tf32,
    lambda m: m.backends.cuda.matmul.allow_tf32,
    lambda m: m.backends.mps.is_available(), lambda m: m.backends.mps.is_built(),
    lambda m: m.accelerator.is_available(),
    lambda m: m.accelerator.device_count(), lambda m: m.accelerator.empty_cache(), lambda m: m.is_autocast_enabled(),
    lambda m: m.distributed.is_initialized(), lambda m: str(m.get_default_device()), lambda m: m.zeros(2).get_device(),
    lambda m: (m.zeros(2).is_cuda, m.zeros(2).is_mps, m.zeros(2).device.type), lambda m: m.version.hip,
    lambda m: m.cuda.Event(enable_timing=True) is None, lambda m: m.set_default_device("cpu"),
    lambda m: m.device("cuda" if m.cuda.is_available() else "cpu").type,
    lambda m: (m.set_float32_matmul_precision("high"), m.get_float32_matmul_precision(),
               m.set_float32_matmul_precision("highest")),
    lambda m: (m.use_deterministic_algorithms(True, warn_only=True), m.are_deterministic_algorithms_enabled(),
               m.is_deterministic_algorithms_warn_only_enabled(), m.use_deterministic_algorithms(False),
               m.are_deterministic_algorithms_enabled()),
])
def test_answers(ask):
    same(lambda m, v: ask(m))


def test_cudnn_s_switches_are_kept():
    def call(m, v):
        cudnn = m.backends.cudnn
        before = cudnn.benchmark, cudnn.deterministic
        cudnn.benchmark, cudnn.deterministic = True, True
        with cudnn.flags(enabled=True, benchmark=False):
            within = cudnn.benchmark, cudnn.deterministic
        after = cudnn.benchmark, cudnn.deterministic
        cudnn.benchmark, cudnn.deterministic = before
        return [within, after]
    same(call)


@pytest.mark.parametrize("call", [
    lambda m: m.zeros(2).cuda(), lambda m: m.nn.Linear(1, 1).cuda(), lambda m: m.zeros(2).to("cuda"),
    lambda m: m.zeros(2, device="cuda"),
    lambda m: m.tensor([1.0], device="cuda:0"), lambda m: m.nn.Linear(1, 1).to("cuda"), lambda m: m.cuda.synchronize(),
    lambda m: m.cuda.set_device(0), lambda m: m.cuda.current_device(), lambda m: m.cuda.get_device_name(0),
    lambda m: m.cuda.get_device_properties(0), lambda m: m.cuda.init(), lambda m: m.cuda.FloatTensor(2),
    lambda m: m.zeros(2).type("torch.cuda.FloatTensor"), lambda m: m.zeros(2).type(m.cuda.FloatTensor),
    lambda m: m.set_default_device("cuda") or m.zeros(2)])
def test_cuda_is_refused_where_it_is_used(call):
    try:
        raises_alike(call, NO_CUDA)
    finally:
        torch.set_default_device(None)


@pytest.mark.parametrize("call", [
    lambda m: m.distributed.get_rank(), lambda m: m.distributed.get_world_size(), lambda m: m.distributed.barrier(),
    lambda m: m.nn.parallel.DistributedDataParallel(m.nn.Linear(1, 1)), lambda m: m.set_float32_matmul_precision("low"),
    lambda m: m.amp.autocast("abacus"), lambda m: m.amp.autocast(3),
    lambda m: m.utils.data.DistributedSampler(range(3), 2, 2),
    lambda m: m.finfo(m.int32), lambda m: m.iinfo(m.float32),
    lambda m: m.amp.GradScaler("cpu", growth_factor=1.0), lambda m: m.amp.GradScaler("cpu").update(),
    lambda m: m.amp.GradScaler("cpu").load_state_dict({}), lambda m: m.zeros(2).type("torch.FloatTenso")])
def test_other_refusals(call):
    raises_alike(call)


def test_cuda_as_cpu_runs_a_script_that_never_asks():
    code = """
import pycnn as torch, pycnn.backends.cudnn as cudnn
cudnn.benchmark = True
torch.cuda.set_device(0)
start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
start.record()
model = torch.nn.DataParallel(torch.nn.Linear(3, 2).cuda()).to("cuda:0")
x = torch.randn(4, 3, device="cuda").cuda(non_blocking=True)
y = torch.cuda.LongTensor([0, 1, 1, 0])
torch.nn.CrossEntropyLoss().cuda()(model(x), y).backward()
torch.cuda.synchronize()
end.record()
assert start.elapsed_time(end) > 0 and x.device.type == "cpu" and not torch.cuda.is_available()
print(sorted(model.state_dict()))
"""
    run = lambda value: subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYCNN_CUDA_AS_CPU": value},
                                       capture_output=True, text=True)
    done = run("1")
    assert done.returncode == 0 and done.stdout == "['module.bias', 'module.weight']\n", done.stderr
    assert NO_CUDA in run("0").stderr


# ---- types by name --------------------------------------------------------------------------------

KINDS = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")


@pytest.mark.parametrize("kind", KINDS)
def test_tensor_types(kind):
    def call(m, v):
        T = getattr(m, f"{kind}Tensor")
        x = T([[1, 0], [1, 1]])
        other = m.zeros(2, dtype=m.int16 if kind != "Short" else m.int32)
        return [x, T(2, 3).shape, T().shape, T(m.Size([4])).shape, T(x), T((1, 0)), T(np.array([1.0, 0.0])), x.type(),
                T.dtype == x.dtype,
                isinstance(x, T), isinstance(other, T), isinstance([], T), other.type(T),
                other.type(f"torch.{kind}Tensor"),
                other.type(x.dtype), x.new([1, 0]), x.new(2, 1).shape, x.new().dtype == x.dtype, repr(T), T.is_cuda,
                m.typename(x), m.nn.Linear(1, 1).type(m.DoubleTensor).weight.type(),
                getattr(m.cuda, f"{kind}Tensor") is T]
    same(call)


def test_tensor_types_can_be_pickled():
    for T in (pycnn.LongTensor, pycnn.cuda.HalfTensor):
        twin = pickle.loads(pickle.dumps(copy.deepcopy(T)))
        assert repr(twin) == repr(T) and twin.dtype is T.dtype


@pytest.mark.parametrize("name", ["float32", "float64", "float16", "bfloat16"])
def test_finfo(name):
    def call(m, v):
        info = m.finfo(getattr(m, name))
        return [info.bits, info.eps, info.max, info.min, info.tiny, info.smallest_normal, info.resolution,
                info.dtype, repr(info), m.finfo().dtype]
    same(call)


@pytest.mark.parametrize("name", ["int64", "int32", "int16", "int8", "uint8"])
def test_iinfo(name):
    def call(m, v):
        info = m.iinfo(getattr(m, name))
        return [info.bits, info.max, info.min, info.dtype, repr(info)]
    same(call)


def test_typename():
    same(lambda m, v: [m.typename(3), m.typename([]), m.typename(dict), m.typename(np.zeros(2))])


def test_variable():
    def call(m, v):
        w = m.ones(3, requires_grad=True)
        x = m.autograd.Variable(w * 2)
        y = m.autograd.Variable(m.arange(3.0), requires_grad=True)
        (y * y).sum().backward()
        z = m.zeros(2)
        m.autograd.Variable(z).fill_(3)
        Variable = m.autograd.Variable
        return [x, x.requires_grad, y.grad, z, isinstance(x, Variable), isinstance(3, Variable), y.is_leaf]
    same(call)


# ---- mixed precision ------------------------------------------------------------------------------

def train(m, scaler, clip=False, spoil=None):
    m.manual_seed(0)
    model = m.nn.Sequential(m.nn.Linear(5, 4), m.nn.ReLU(), m.nn.Linear(4, 2))
    optimizer = m.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    history = []
    for step in range(6):
        optimizer.zero_grad()
        x = m.from_numpy(np.random.default_rng(step).standard_normal((8, 5)).astype("f"))
        if step == spoil:
            x[0, 0] = float("inf")
        with m.amp.autocast("cpu", enabled=False):
            loss = m.nn.functional.cross_entropy(model(x), m.arange(8) % 2)
        scaler.scale(loss).backward()
        if clip:
            scaler.unscale_(optimizer)
            history.append(float(m.nn.utils.clip_grad_norm_(model.parameters(), 0.5)))
        scaler.step(optimizer)
        scaler.update()
        history.append(scaler.get_scale())
    return [p.detach().numpy() for p in model.parameters()], history, scaler.state_dict()


@pytest.mark.filterwarnings("ignore:the loss is nan")
@pytest.mark.parametrize("clip, spoil", [(False, None), (True, None), (False, 2)])
def test_gradient_scaler(clip, spoil):
    results = [train(m, m.amp.GradScaler("cpu", growth_interval=3), clip, spoil) for m in (torch, pycnn)]
    (want, scales, state), (got, own_scales, own_state) = results
    for w, g in zip(want, got):
        np.testing.assert_allclose(g, w, atol=1e-6)
    np.testing.assert_allclose(own_scales, scales, rtol=1e-5)
    assert own_state == state
    again = pycnn.amp.GradScaler("cpu")
    again.load_state_dict(state)
    assert again.state_dict() == state


def test_scaling_several_losses():
    def call(m, v):
        scaler = m.amp.GradScaler("cpu", init_scale=4.0)
        scaled = scaler.scale([m.ones(1), (m.ones(2), m.zeros(1))])
        scaler.update(8.0)
        return [scaled, scaler.get_scale(), scaler.get_growth_factor(), scaler.get_backoff_factor(),
                scaler.get_growth_interval()]
    same(call)


def test_order_of_calls_of_a_scaler():
    def first(m):
        model = m.nn.Linear(2, 2)
        optimizer, scaler = m.optim.SGD(model.parameters(), 0.1), m.amp.GradScaler("cpu")
        scaler.scale(model(m.ones(1, 2)).sum()).backward()
        return optimizer, scaler

    def twice(m):
        optimizer, scaler = first(m)
        scaler.unscale_(optimizer)
        scaler.unscale_(optimizer)

    def late(m):
        optimizer, scaler = first(m)
        scaler.step(optimizer)
        scaler.unscale_(optimizer)

    def again(m):
        optimizer, scaler = first(m)
        scaler.step(optimizer)
        scaler.step(optimizer)

    for call in (twice, late, again):
        raises_alike(call)


def test_without_a_gpu_mixed_precision_is_off():
    for m in (torch, pycnn):
        with pytest.warns(UserWarning, match="GradScaler is enabled, but CUDA is not available.  Disabling"):
            scaler = m.amp.GradScaler("cuda")
        with pytest.warns(UserWarning, match="CUDA is not available.* Disabling autocast."):
            m.amp.autocast("cuda")
        assert not scaler.is_enabled() and scaler.state_dict() == {} and scaler.get_scale() == 1.0
        loss = m.ones(1)
        assert scaler.scale(loss) is loss
    weights = [train(pycnn, s)[0] for s in (scaler, pycnn.cuda.amp.GradScaler(enabled=False),
                                            pycnn.amp.GradScaler("cpu"))]
    for other in weights[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(weights[0], other))  # powers of two change no bit
    with pycnn.cuda.amp.autocast(enabled=False), pycnn.autocast("cpu", dtype=pycnn.bfloat16):
        assert (pycnn.ones(2, 2) @ pycnn.ones(2, 2)).dtype is pycnn.float32

    @pycnn.amp.autocast("cpu")
    def function(x):
        return x + 1
    assert function(1) == 2


# ---- one process ----------------------------------------------------------------------------------

@pytest.mark.parametrize("n", [1, 7, 12])
@pytest.mark.parametrize("replicas", [1, 2, 5])
@pytest.mark.parametrize("shuffle, drop_last", [(True, False), (False, False), (True, True)])
def test_distributed_sampler(n, replicas, shuffle, drop_last):
    def call(m, v):
        found = []
        for rank in range(replicas):
            sampler = m.utils.data.distributed.DistributedSampler(range(n), replicas, rank, shuffle, 3, drop_last)
            for epoch in range(2):
                sampler.set_epoch(epoch)
                found.append((list(sampler), len(sampler)))
        return found
    same(call)


def test_data_parallel_is_the_module_with_a_prefix():
    def call(m, v):
        m.manual_seed(1)
        model = m.nn.DataParallel(m.nn.Sequential(m.nn.Linear(3, 2), m.nn.BatchNorm1d(2)))
        return [list(model.state_dict()), model(m.ones(4, 3)).shape, repr(model), model.device_ids,
                isinstance(model.module, m.nn.Sequential)]
    same(call)


def test_compile_returns_what_it_is_given():
    model = pycnn.nn.Linear(2, 2)
    assert pycnn.compile(model) is model and pycnn.compile(model, mode="max-autotune") is model

    @pycnn.compile(fullgraph=True)
    def double(x):
        return 2 * x
    assert double(2) == 4


def report(rank, path, number):
    (path / str(rank)).write_text(str(pycnn.zeros(number).sum().item()))


def fail(rank):
    raise ValueError(f"rank {rank} fails")


def test_spawn(tmp_path):
    pycnn.multiprocessing.spawn(report, (tmp_path, 3), nprocs=2, start_method="fork")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0", "1"]
    with pytest.raises(pycnn.multiprocessing.ProcessRaisedException,
                       match="Process 0 terminated with the following error:(.|\n)*rank 0 fails"):
        pycnn.multiprocessing.spawn(fail, nprocs=1, start_method="fork")
    queue = pycnn.multiprocessing.get_context("fork").SimpleQueue()
    queue.put(pycnn.arange(3))
    assert queue.get().tolist() == [0, 1, 2] \
           and pycnn.multiprocessing.get_sharing_strategy() == torch.multiprocessing.get_sharing_strategy()


def add_one(tensor):
    tensor += 1


def test_shared_memory():
    def call(m, v):
        x = m.zeros(3, 2)
        before = x.is_shared()
        shared = x.share_memory_()
        model = m.nn.Linear(2, 2).share_memory()
        process = m.multiprocessing.get_context("fork").Process(target=add_one, args=(x[1],))
        process.start()
        process.join()
        x[0] = 5
        return [before, x.is_shared(), shared is x, x.clone(), x.clone().is_shared(),
                all(p.is_shared() for p in model.parameters())]
    same(call)
    with pytest.raises(RuntimeError, match="not started by fork"):
        context = pycnn.multiprocessing.get_context("spawn")
        context.Process(target=add_one, args=(pycnn.ones(2).share_memory_(),)).start()
