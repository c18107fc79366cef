"""Ctrl-C, fork, threads, memory that runs short, files that break: what must never crash, hang, leak or change a
number."""

import gc
import io
import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import pycnn as torch
import pycnn.nn.functional as F
from pycnn import _C, nn

# What the processes that these tests start have in common.
PRELUDE = '''
import gc, os, resource, signal, sys, threading, time
import numpy as np
import pycnn as torch
import pycnn.nn.functional as F
from pycnn import nn
from pycnn.utils.data import DataLoader, Dataset
from pycnn.vision import datasets, transforms


def check():
    "A small training step, as text: the same whenever the library is whole."
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                          nn.Linear(8 * 64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    x, y = torch.randn(16, 3, 16, 16), torch.arange(16) % 10
    for _ in range(3):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return [loss.item().hex()] + [p.detach().numpy().tobytes().hex()[-16:] for p in model.parameters()]


def user_time():
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def interrupted(work, after=0.2, own=False):
    """Seconds from a Ctrl-C that comes while `work` runs to the KeyboardInterrupt: a timer's, which needs no thread.

    own: of this process's own time, whatever else the machine does meanwhile."""
    clock = user_time if own else time.monotonic
    number, timer = (signal.SIGVTALRM, signal.ITIMER_VIRTUAL) if own else (signal.SIGALRM, signal.ITIMER_REAL)
    before = check()
    signal.signal(number, signal.default_int_handler)
    start = clock()
    signal.setitimer(timer, after)
    try:
        work()
    except KeyboardInterrupt:
        latency = clock() - start - after
    else:
        sys.exit("the work ended before it was interrupted")
    assert check() == before, "other numbers after an interrupt"
    print(f"latency {latency:.6f}", flush=True)
'''


def run_python(code, *args, timeout=60, **environment):
    """Output of a Python process that must end well."""
    done = subprocess.run([sys.executable, "-c", PRELUDE + textwrap.dedent(code), *map(str, args)], capture_output=True,
                          text=True, timeout=timeout, env={**os.environ, "PYTHONFAULTHANDLER": "1", **environment})
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr[-4000:]}"
    return done.stdout


# ---- Ctrl-C ---------------------------------------------------------------------------------------

LONG = {
    "conv2d": """
        x, w = torch.ones(4, 512, 64, 64), torch.ones(512, 512, 7, 7)
        interrupted(lambda: [F.conv2d(x, w, padding=3) for _ in range(9)])
        """,
    "one conv2d": """
        x, w = torch.ones(8, 512, 64, 64), torch.ones(512, 512, 9, 9)
        interrupted(lambda: F.conv2d(x, w, padding=4))
        """,
    "matmul": """
        a = torch.ones(8192, 8192)
        interrupted(lambda: [a @ a for _ in range(9)])
        """,
    "elementwise": """
        x = torch.ones(5_000_000)
        interrupted(lambda: [x.exp().sum() for _ in range(10_000)])
        """,
    "sort": """
        x = torch.rand(5_000_000)
        interrupted(lambda: [x.sort() for _ in range(80)], after=0.5)
        """,
    "backward": """
        x, w = torch.ones(4, 256, 24, 24, requires_grad=True), torch.ones(256, 256, 7, 7, requires_grad=True)
        y = F.conv2d(x, w).sum()
        interrupted(lambda: [y.backward(retain_graph=True) for _ in range(1000)])
        assert x.grad is None or x.grad.shape == x.shape
        """,
    "training": """
        model = nn.Sequential(*(m for _ in range(6)
                            for m in (nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU())))
        optimizer = torch.optim.Adam(model.parameters())
        x = torch.rand(32, 64, 32, 32)

        def train():
            for _ in range(10_000):
                optimizer.zero_grad()
                model(x).mean().backward()
                optimizer.step()

        interrupted(train)
        assert torch.isfinite(model(x)).all()
        """,
    "loader, images": """
        transform = transforms.Compose([transforms.RandomRotation(15), transforms.ColorJitter(0.2, 0.2),
                                    transforms.ToTensor()])
        images = datasets.CIFAR10Sample(transform=transform)

        def epochs():
            for _ in range(1000):
                for x, y in DataLoader(images, batch_size=batch_size, shuffle=True, num_workers=workers):
                    pass

        interrupted(epochs)
        x, y = next(iter(DataLoader(images, batch_size=64, num_workers=workers)))
        assert x.shape == (64, 3, 32, 32) and threading.active_count() < 10
        """,
    "loader, Python": """
        class Slow(Dataset):
            def __len__(self):
                return 10_000

            def __getitem__(self, k):
                time.sleep(0.002)
                return np.full((3, 32, 32), k, np.float32), k

        def epochs():
            for x, y in DataLoader(Slow(), batch_size=batch_size // 10, num_workers=workers):
                pass

        interrupted(epochs)
        import multiprocessing
        assert not multiprocessing.active_children()
        x, y = next(iter(DataLoader(Slow(), batch_size=64, num_workers=workers)))
        assert y.tolist() == list(range(64))
        """,
}


SANITIZED = "san.so" in os.environ.get("LD_PRELOAD", "")
LIMIT = 3.0 if SANITIZED else 0.5  # s; the aim is 0.05, on a machine that is not busy
OWN_LIMIT = 1.0 if SANITIZED else 0.1  # of the process's own time


def interrupt_all(code, count, limit=LIMIT, **environment):
    """Run code that prints "name latency seconds" for each of so many works; none may be late."""
    output = run_python(code, **environment)
    print(output)
    late = [line for line in output.splitlines() if float(line.split("latency ")[1]) > limit]
    assert len(output.splitlines()) == count and not late


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_in_a_computation(threads):
    works = {name: textwrap.dedent(code) for name, code in LONG.items() if not name.startswith("loader")}
    interrupt_all(f"""
        works = {works!r}
        """ """
        for name, code in works.items():
            print(name, end=" ")
            exec(compile(code, name, "exec"), dict(globals()))
        """, len(works), PYCNN_NUM_THREADS=str(threads))


@pytest.mark.parametrize("kind", ["images", "Python"])
def test_ctrl_c_in_a_loader(kind):
    interrupt_all(f"""
        code = {textwrap.dedent(LONG["loader, " + kind])!r}
        """ """
        for workers in 0, 2:
            for batch_size in 100, 5000:
                print(workers, batch_size, end=" ")
                exec(compile(code, "loader", "exec"), {**globals(), "workers": workers, "batch_size": batch_size})
        """, 4)


# One operator, a second of work: what is run, after a setting up.
LONG_CALLS = {
    "randperm": ("", "torch.randperm(40_000_000)"),
    "exponential_": ("x = torch.empty(40_000_000)", "x.exponential_()"),
    "random_": ("x = torch.empty(100_000_000, dtype=torch.int64)", "x.random_()"),
    "bernoulli": ("x = torch.full((50_000_000,), 0.5)", "x.bernoulli()"),
    "multinomial": ("x = torch.rand(1_000_000)", "x.multinomial(1_000_000)"),
    "multinomial with replacement": ("x = torch.rand(1_000_000)", "x.multinomial(4_000_000, replacement=True)"),
    "tolist": ("x = torch.rand(30_000_000)", "x.tolist()"),  # what it has made so far takes time to free
    "max_pool2d": ("x = torch.rand(1, 1, 4000, 4000)", "F.max_pool2d(x, 2500, stride=100)"),
    "batch_norm": ("x = torch.rand(2, 2_000_000, requires_grad=True)",
                   "[F.batch_norm(x, None, None, training=True).sum().backward() for _ in range(50)]"),
    "group_norm": ("x = torch.rand(2, 2_000_000, requires_grad=True)",
                   "[F.group_norm(x, 500_000).sum().backward() for _ in range(50)]"),
    "linear, narrow rows": ("x, w = torch.rand(2_000_000, 3, requires_grad=True), torch.rand(2, 3, requires_grad=True)",
                            "[F.linear(x, w).sum().backward() for _ in range(50)]"),
    "linear, many features": ("x, w = torch.rand(2, 3, requires_grad=True), torch.rand(2_000_000, 3, "
                              "requires_grad=True)",
                              "[F.linear(x, w).sum().backward() for _ in range(50)]"),
    "matmul, one long sum": ("x = torch.rand(128, 200_000)", "[x @ x.T.contiguous() for _ in range(50)]"),
    "conv2d, many channels": ("x, w = torch.rand(1, 300_000, 3, 3, requires_grad=True), torch.rand(4, 300_000, 3, 3)",
                              "[F.conv2d(x, w, padding=1).sum().backward() for _ in range(50)]"),
    "conv2d, single channels": ("x, w = torch.rand(1, 300_000, 3, 3, requires_grad=True), torch.rand(300_000, 1, 3, 3)",
                                "[F.conv2d(x, w, padding=1, groups=300_000).sum().backward() for _ in range(50)]"),
}


def test_ctrl_c_in_one_call():
    """In one process: each is interrupted after 0.1 s of its own time."""
    interrupt_all(f"""
        calls = {LONG_CALLS!r}
        """ """
        for name, (setup, call) in calls.items():
            names, code = dict(globals()), compile(call, name, "eval")
            exec(setup, names)
            print(name, end=" ")
            after = 0.03 if name == "tolist" else 0.1  # what has been made by then is freed first
            interrupted(lambda: eval(code, names), after=after, own=True)
        """, len(LONG_CALLS), OWN_LIMIT, PYCNN_NUM_THREADS="1")


# Each makes millions of tensors.
LONG_VIEWS = ["x.unbind()", "x.split(1)", "x.tensor_split(len(x))"]


@pytest.mark.parametrize("calls, recorded, after", [(LONG_VIEWS, True, 0.03),  # while they are made
                                                    (LONG_VIEWS[:1], False, 0.5)])  # while they become Python's
def test_ctrl_c_among_millions_of_views(calls, recorded, after):
    """What has been made by then is freed first, which takes no longer than making it: all of it."""
    interrupt_all(f"""
        from pycnn import _C
        x, calls, after = torch.rand(4_000_000, requires_grad={recorded}), {calls!r}, {after}
        """ """
        check()
        for call in calls:
            print(call, end=" ")
            blocks = _C._alloc_stats()["live_blocks"]
            code = compile(call, call, "eval")
            interrupted(lambda: eval(code), after=after, own=True)
            gc.collect()
            assert _C._alloc_stats()["live_blocks"] == blocks
        """, len(calls), OWN_LIMIT + after, PYCNN_NUM_THREADS="1")


# ---- fork and threads -----------------------------------------------------------------------------

def test_a_forked_child_computes_and_trains():
    """After a forward with threads, from the main thread and while another thread is computing."""
    run_python("""
        before = check()
        x, w = torch.ones(8, 64, 64, 64), torch.ones(64, 64, 3, 3)
        y = F.conv2d(x, w)

        def child():
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                ok = bool((F.conv2d(x, w) == y).all()) and check() == before
                os._exit(0 if ok else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

        child()
        stop = threading.Event()

        def busy():
            while not stop.is_set():
                F.conv2d(x, w)

        other = threading.Thread(target=busy)
        other.start()
        for _ in range(10):
            child()
        stop.set()
        other.join()
        assert check() == before
        """, PYCNN_NUM_THREADS="2")


def small_net(seed, dtype=torch.float32):
    generator = torch.Generator()
    generator.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                          nn.Linear(8 * 64, 10))
    with torch.no_grad():
        for p in model.parameters():
            p.uniform_(-0.1, 0.1, generator=generator)
    data = torch.randn(32, 3, 16, 16, generator=generator), torch.randint(10, (32,), generator=generator)
    return model.to(dtype), (data[0].to(dtype), data[1])


def train(seed, steps):
    """Bytes of the outputs, the gradients and the weights of some training steps."""
    model, (x, y) = small_net(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-5)
    result = []
    for _ in range(steps):
        optimizer.zero_grad()
        logits = model(x)
        F.cross_entropy(logits, y).backward()
        optimizer.step()
        result.append(logits.detach().numpy().tobytes())
        result += [t.detach().numpy().tobytes() for p in model.parameters() for t in (p.grad, p)]
    return result


def test_threads_that_train_get_the_sequential_numbers():
    expected, results = [train(seed, 20) for seed in range(3)], {}
    threads = [threading.Thread(target=lambda seed=seed: results.update({seed: train(seed, 20)})) for seed in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [results[seed] for seed in range(3)] == expected


@pytest.fixture
def keep_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_any_number_of_threads_gives_the_same_bits(keep_threads):
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    x, w = (torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
            for shape in ((5, 24, 33, 35), (40, 24, 3, 3)))
    a, b = (torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)) for shape in ((301, 517), (517, 203)))

    def compute():
        leaves = [t.detach().clone().requires_grad_() for t in (x, w, a, b)]
        y = F.conv2d(leaves[0], leaves[1], padding=1)
        z = F.batch_norm(F.relu(y), None, None, training=True)
        outputs = [y, F.max_pool2d(z, 2), F.avg_pool2d(z, 3), z.softmax(1), z.sum((0, 2, 3)), z.var(), z.exp(),
                   z.sort()[0],
                   leaves[2] @ leaves[3], leaves[2].cumsum(1), leaves[2].T.contiguous(), leaves[2].log_softmax(0)]
        sum(o.sin().sum() for o in outputs).backward()
        return [t.detach().numpy().tobytes() for t in (*outputs, *(leaf.grad for leaf in leaves))] + train(0, 20)

    expected = compute()
    for threads in (2, 3, 8):
        torch.set_num_threads(threads)
        assert compute() == expected, f"{threads} threads"


# ---- time -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["split", "tensor_split", "unbind"])
def test_many_pieces_take_their_time_once(how):
    """A hundred thousand: if each looked at all those before it, their gradients would take ten seconds."""
    x = torch.rand(100_000, requires_grad=True)
    weights = torch.rand(100_000)
    pieces = {"split": lambda: x.split(1), "tensor_split": lambda: x.tensor_split(100_000), "unbind": x.unbind}[how]()
    start = time.process_time()
    (torch.stack(pieces).flatten() * weights).sum().backward()
    assert time.process_time() - start < (9 if SANITIZED else 2)
    assert x.grad.equal(weights)


# ---- memory ---------------------------------------------------------------------------------------

class Step:
    """A training step of a small net that can be broken off anywhere and begun again."""

    def __init__(self, optimizer="Adam"):
        self.model, (self.x, self.y) = small_net(0)
        self.optimizer = getattr(torch.optim, optimizer)(self.model.parameters(), lr=0.001)

    def __call__(self):
        self.optimizer.zero_grad()
        x = self.model[2](F.relu(self.model[0](self.x)))
        loss = F.cross_entropy(self.model[4](x.view(-1, 8 * 64)), self.y)
        loss.backward()
        self.optimizer.step()
        return loss.item()


@pytest.fixture
def quick_gc():
    """Collections look at what comes from now on alone."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def fail_everywhere(step, optimizer, live_blocks):
    """Let each allocation of a training step fail in turn, without and with the optimizer's state: the number of them.

    Few may be done without: what would only have saved time or memory."""
    for first in (True, False):
        optimizer.zero_grad()
        before, n, done_without = live_blocks(), 0, 0
        while True:
            failed, calls = False, _C._alloc_stats()["calls"]
            _C._alloc_fail_after(n)
            try:
                step()
            except MemoryError as error:
                failed = True
                assert str(error), n
            finally:
                _C._alloc_fail_after(-1)
            if not failed and _C._alloc_stats()["calls"] - calls <= n:
                break
            optimizer.zero_grad()
            if first:
                optimizer.state.clear()
            assert live_blocks() == before or not failed, f"allocation {n}"
            before = live_blocks()  # a step that has done without holds what it has come to
            done_without += not failed
            n += 1
        assert done_without < n / 10
    optimizer.zero_grad()
    assert live_blocks() == before
    assert np.isfinite(step())
    return n


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("optimizer", ["Adam", "SGD", "RMSprop"])
def test_every_allocation_of_a_training_step_may_fail(optimizer, threads, live_blocks, keep_threads, quick_gc):
    torch.set_num_threads(threads)
    step = Step(optimizer)
    assert fail_everywhere(step, step.optimizer, live_blocks) > 50


DEEPER = {
    "convolutions": (lambda: nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 24, 3, padding=1, bias=False),
        nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(24, 24, 3, groups=24), nn.Conv2d(24, 33, 1),
        nn.ReLU6(), nn.Conv2d(33, 16, 1, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))),
    "other layers": (lambda: nn.Sequential(
        nn.Conv2d(3, 12, 3, stride=2, padding=1, padding_mode="reflect"), nn.GroupNorm(3, 12), nn.GELU(),
        nn.Dropout(0.1), nn.ConvTranspose2d(12, 6, 2, stride=2), nn.InstanceNorm2d(6, affine=True),
        nn.LeakyReLU(0.1, inplace=True), nn.Upsample(scale_factor=0.5, mode="bilinear"), nn.AvgPool2d(2), nn.Flatten(),
        nn.LayerNorm(96), nn.Linear(96, 10))),
}
FAILURES = [("convolutions", "SGD", {"momentum": 0.9, "nesterov": True}, algorithm)
            for algorithm in (None, "winograd F(4x4)", "winograd F(2x2)", "direct")]
FAILURES += [("other layers", name, {}, None) for name in ("AdamW", "NAdam", "Adamax", "Adadelta")]


@pytest.mark.slow
@pytest.mark.parametrize("layers, optimizer, options, algorithm", FAILURES)
def test_every_allocation_of_deeper_models_may_fail(layers, optimizer, options, algorithm, live_blocks, keep_threads,
                                                    quick_gc):
    torch.set_num_threads(2)
    _C._force_convolution(algorithm)
    torch.manual_seed(0)
    model, x, y = DEEPER[layers](), torch.randn(3, 3, 16, 16), torch.tensor([1, 2, 3])
    optimizer = getattr(torch.optim, optimizer)(model.parameters(), lr=0.001, **options)

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    assert fail_everywhere(step, optimizer, live_blocks) > 100


def test_nothing_grows_over_ten_thousand_steps(live_blocks):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(model.parameters())
    x, y = torch.rand(2, 1, 6, 6), torch.tensor([0, 2])

    def steps(n):
        for _ in range(n):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        return live_blocks(), sys.getallocatedblocks(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    steps(500)
    blocks, objects, kilobytes = steps(500)
    after = steps(10_000)
    assert after[0] == blocks
    assert after[1] - objects < 100
    assert SANITIZED or after[2] - kilobytes < 2000


# ---- indices --------------------------------------------------------------------------------------

BEYOND = {
    "gather": lambda x, i: x.gather(0, i),
    "scatter": lambda x, i: x.scatter(0, i, 1.0),
    "scatter_add": lambda x, i: x.scatter_add(0, i, torch.ones(1)),
    "index_select": lambda x, i: x.index_select(0, i),
    "index_add": lambda x, i: x.index_add(0, i, torch.ones(1)),
    "index_copy": lambda x, i: x.index_copy(0, i, torch.ones(1)),
    "index_fill": lambda x, i: x.index_fill(0, i, 1.0),
    "take": lambda x, i: x.take(i),
    "index": lambda x, i: x[i],
    "setitem": lambda x, i: x.clone().__setitem__(i, 1.0),
    "embedding": lambda x, i: F.embedding(i, x.view(-1, 1)),
    "cross_entropy": lambda x, i: F.cross_entropy(x.view(1, -1), i),
}


@pytest.mark.parametrize("name", BEYOND)
@pytest.mark.parametrize("index", [10, 11, -11, 2**62, -2**63])
def test_an_index_past_the_end_is_refused(name, index):
    with pytest.raises((IndexError, RuntimeError), match="out of (bounds|range)"):
        BEYOND[name](torch.arange(10.0), torch.tensor([index]))


# ---- files ----------------------------------------------------------------------------------------

def state(value):
    return {"weight": torch.full((300, 257), float(value)), "name": "n" * value, "steps": [value] * 10}


def is_state(loaded, value):
    return (loaded["name"] == "n" * value and loaded["steps"] == [value] * 10
            and loaded["weight"].shape == (300, 257) and bool((loaded["weight"] == value).all()))


def test_a_kill_while_saving_leaves_the_old_file_or_the_new_one(tmp_path):
    """Children of one process, so that no other is started anew, are killed at 20 moments."""
    path = tmp_path / "model.pth"
    torch.save(state(1), path)
    code = PRELUDE + textwrap.dedent("""
        for value in range(2, 22):
            pid = os.fork()
            if pid == 0:
                new = {"weight": torch.full((300, 257), float(value)), "name": "n" * value, "steps": [value] * 10}
                print(os.getpid(), flush=True)
                while True:
                    torch.save(new, sys.argv[1])
            os.waitpid(pid, 0)
        """)
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as process:
        seen = 1
        for k, pid in enumerate(process.stdout):
            time.sleep((0.05 if SANITIZED else 0.0007) * k)
            os.kill(int(pid), signal.SIGKILL)
            loaded = torch.load(path)
            seen = k + 2 if loaded["steps"][0] != seen else seen
            assert is_state(loaded, seen)
    assert k == 19 and seen > 1


def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.pth"
    torch.save(state(1), path)
    run_python("""
        import resource
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            torch.save({"weight": torch.zeros(300, 257)}, sys.argv[1])
        except OSError as error:
            assert sys.argv[1] in str(error), error
        else:
            sys.exit("no error")
        """, path)
    assert is_state(torch.load(path), 1)
    assert os.listdir(tmp_path) == ["model.pth"]


def test_a_device_that_is_full_is_an_error_and_stays():
    with pytest.raises(OSError, match="/dev/full"):
        torch.save(state(1), "/dev/full")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)
    with pytest.raises(OSError, match="No space left"), open("/dev/full", "wb") as file:
        torch.save(state(1), file)
        file.flush()


def test_any_flipped_byte_of_a_checkpoint_is_noticed():
    file = io.BytesIO()
    torch.save({"weight": torch.arange(64.0).reshape(8, 8), "bias": torch.ones(3), "epoch": 4}, file)
    whole = file.getvalue()
    silent = []
    for at in range(len(whole)):
        for bit in (0x01, 0x80):
            flipped = whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1:]
            try:
                loaded = torch.load(io.BytesIO(flipped))
            except torch.CheckpointError:
                continue
            same = (loaded.keys() == {"weight", "bias", "epoch"} and loaded["epoch"] == 4
                    and loaded["weight"].tolist() == torch.arange(64.0).reshape(8, 8).tolist()
                    and loaded["bias"].tolist() == [1, 1, 1])
            if not same:
                silent.append(at)
    assert not silent


@pytest.mark.parametrize("keep", [0, 1, 30, 0.3, 0.5, 0.9, -1])
def test_a_truncated_checkpoint_is_an_error(keep, tmp_path):
    path = tmp_path / "model.pth"
    torch.save(state(3), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(torch.CheckpointError, match="model.pth"):
        torch.load(path)
