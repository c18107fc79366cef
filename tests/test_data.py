"""Samplers, splits, loaders and collation against golden values that torch 2.14.1 wrote (no torch needed here)."""

import collections
import contextlib
import gc
import hashlib
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import pycnn as torch
from pycnn import _C
from pycnn.utils import data
from pycnn.utils.data import worker as worker_module
from pycnn.vision import transforms

# Seconds to a KeyboardInterrupt: 0.05 on a machine that does nothing else, and without sanitizers.
LATE = 3.0 if "san.so" in os.environ.get("LD_PRELOAD", "") else 0.5

GOLDEN = json.loads((Path(__file__).parent / "golden" / "random.json").read_text())["dataloader"]


def state_digest(generator=torch.default_generator):
    return hashlib.sha256(generator.get_state().numpy().tobytes()).hexdigest()[:32]


class Numbers(data.Dataset):
    """0, 1, .. n - 1, read in Python."""

    def __init__(self, n):
        self.n = n

    def __getitem__(self, k):
        return k

    def __len__(self):
        return self.n


class Drawing(Numbers):
    """Each sample with a number of each of the three generators."""

    def __getitem__(self, k):
        return np.array([k, torch.rand(()).item(), random.random(), np.random.rand()])


class Images(data.Dataset):
    """Images in memory that C may read: the offer that the loader asks for."""

    def __init__(self, n, transform, size=(8, 6)):
        rng = np.random.default_rng(0)
        self.data = rng.integers(0, 256, (n, *size, 3), dtype=np.uint8)
        self.targets = rng.integers(0, 10, n)
        self.transform = transform

    def __getitem__(self, k):
        from PIL import Image
        return self.transform(Image.fromarray(self.data[k])), int(self.targets[k])

    def __len__(self):
        return len(self.data)

    def _pipeline(self):
        from pycnn.vision.transforms._pipeline import compile
        return self.data, self.targets, compile(self.transform)


def augmentation():
    return transforms.Compose([transforms.RandomHorizontalFlip(), transforms.RandomRotation(15),
                               transforms.ColorJitter(0.2, 0.2), transforms.ToTensor(),
                               transforms.Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))])


class InPython(Images):
    """The same images without the offer."""

    _pipeline = None


def batches(loader):
    return [[t.numpy().copy() for t in batch] for batch in loader]


def assert_same(a, b):
    assert len(a) == len(b)
    for x, y in zip(a, b):
        assert len(x) == len(y)
        for t, u in zip(x, y):
            np.testing.assert_array_equal(t, u)


# ---- golden orders

def test_shuffled_epochs():
    torch.manual_seed(0)
    loader = data.DataLoader(Numbers(20), batch_size=6, shuffle=True)
    epochs = [[batch.tolist() for batch in loader] for _ in range(2)]
    assert epochs == GOLDEN["n=20 bs=6 shuffle seed0, 2 epochs"]
    assert state_digest() == GOLDEN["  state"]


def test_shuffled_epochs_with_a_generator():
    g = torch.Generator().manual_seed(42)
    loader = data.DataLoader(Numbers(20), batch_size=6, shuffle=True, generator=g)
    epochs = [[batch.tolist() for batch in loader] for _ in range(2)]
    assert epochs == GOLDEN["generator=manual_seed(42), 2 epochs"]
    assert state_digest(g) == GOLDEN["  generator state"]


def test_an_epoch_in_order_draws_one_seed():
    torch.manual_seed(0)
    assert torch.cat(list(data.DataLoader(Numbers(20), batch_size=6))).tolist() == list(range(20))
    assert state_digest() == GOLDEN["shuffle=False state after one epoch"]


@pytest.mark.parametrize("name, make", [
    ("RandomSampler(range(10),replacement,num_samples=40) seed0",
     lambda: data.RandomSampler(range(10), replacement=True, num_samples=40)),
    ("RandomSampler(range(10),num_samples=25) seed0", lambda: data.RandomSampler(range(10), num_samples=25)),
    ("SubsetRandomSampler(range(10)) seed0", lambda: data.SubsetRandomSampler(range(10))),
    ("WeightedRandomSampler(1..10,20) seed0", lambda: data.WeightedRandomSampler(range(1, 11), 20)),
    ("WeightedRandomSampler(1..10,6,False) seed0", lambda: data.WeightedRandomSampler(range(1, 11), 6, False)),
])
def test_samplers(name, make):
    torch.manual_seed(0)
    assert list(make()) == GOLDEN[name]


def test_random_split():
    torch.manual_seed(0)
    parts = data.random_split(range(20), [15, 5])
    assert [p.indices for p in parts] == GOLDEN["random_split(20,[15,5]) seed0"]
    g = torch.Generator().manual_seed(42)
    parts = data.random_split(range(20), [0.5, 0.3, 0.2], generator=g)
    assert [p.indices for p in parts] == GOLDEN["random_split(20,[.5,.3,.2],gen 42)"]


def test_numpy_seeds_of_workers():
    base = 900450186894289455
    want = GOLDEN["worker numpy seed state(base=900450186894289455,worker 0..2)"]
    assert [worker_module.numpy_seed(base, w) for w in range(3)] == want


def test_streams_of_two_workers():
    torch.manual_seed(7)
    loader = data.DataLoader(Drawing(8), batch_size=2, shuffle=True, num_workers=2)
    want = GOLDEN["workers=2 bs=2 shuffle seed7: index, torch.rand, random.random, np.random.rand (f64 hex)"]
    got = [batch.numpy().view(np.uint64) for batch in loader]
    assert [[[f"{v:016x}" for v in row] for row in batch.tolist()] for batch in got] == want


# ---- routes

@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("drop_last", [False, True])
def test_c_and_python_read_images_alike(workers, drop_last):
    results, states = [], []
    for kind in (Images, InPython):
        torch.manual_seed(3)
        loader = data.DataLoader(kind(11, augmentation()), batch_size=4, shuffle=True, num_workers=workers,
                                 drop_last=drop_last)
        results.append(batches(loader) + batches(loader))
        states.append(state_digest())
    assert_same(*results)
    assert states[0] == states[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_pictures_as_bytes(workers):
    results = []
    for kind in (Images, InPython):
        torch.manual_seed(3)
        transform = transforms.Compose([transforms.RandomCrop(5), transforms.PILToTensor()])
        results.append(batches(data.DataLoader(kind(11, transform), batch_size=4, num_workers=workers)))
    assert_same(*results)
    assert results[0][0][0].dtype == np.uint8 and results[0][0][0].shape == (4, 3, 5, 5)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_subsets_of_images(workers):
    results = []
    for kind in (Images, InPython):
        torch.manual_seed(3)
        part = data.Subset(data.Subset(kind(20, augmentation()), [3, 5, 7, -1, 0, 19]), [1, 4, 2, -2])
        results.append(batches(data.DataLoader(part, batch_size=3, shuffle=True, num_workers=workers)))
    assert_same(*results)


@pytest.mark.parametrize("workers", [0, 2])
def test_tensor_datasets(workers):
    x = torch.arange(60, dtype=torch.float32).view(10, 2, 3)
    y = torch.arange(10)
    got = batches(data.DataLoader(data.TensorDataset(x, y, y.to(torch.uint8)), batch_size=4, num_workers=workers))
    want = [[x[k:k + 4].numpy(), y[k:k + 4].numpy(), y[k:k + 4].numpy().astype(np.uint8)] for k in (0, 4, 8)]
    assert_same(got, want)
    rows = data.DataLoader(data.TensorDataset(x.transpose(1, 2), y), batch_size=4, num_workers=workers)
    assert_same(batches(rows), [[x[k:k + 4].transpose(1, 2).numpy(), y[k:k + 4].numpy()] for k in (0, 4, 8)])


def test_tensors_that_require_gradients_keep_them():
    x = torch.ones(4, 2, requires_grad=True)
    (batch,) = next(iter(data.DataLoader(data.TensorDataset(x), batch_size=3)))
    batch.sum().backward()
    assert x.grad.tolist() == [[1, 1], [1, 1], [1, 1], [0, 0]]


@pytest.mark.parametrize("kind", [Images, InPython])
def test_draws_of_the_program_come_in_between(kind):
    """With num_workers=0 a batch's draws happen when it is asked for."""
    torch.manual_seed(5)
    seen = []
    for x, _ in data.DataLoader(kind(12, augmentation()), batch_size=4, shuffle=True):
        seen += [x.sum().item(), torch.rand(()).item()]
    torch.manual_seed(5)
    again = []
    iterator = iter(data.DataLoader(InPython(12, augmentation()), batch_size=4, shuffle=True))
    for x, _ in iterator:
        again += [x.sum().item(), torch.rand(()).item()]
    assert seen == again


@pytest.mark.parametrize("kind", [Images, InPython])
def test_persistent_workers_go_on_with_their_generators(kind):
    torch.manual_seed(9)
    loader = data.DataLoader(kind(9, augmentation()), batch_size=2, num_workers=2, persistent_workers=True)
    first, second = batches(loader), batches(loader)
    assert not np.array_equal(first[0][0], second[0][0])
    for _ in loader:  # broken off: what was asked for ahead is drawn all the same
        break
    fourth = batches(loader)
    loader._iterator.close()
    torch.manual_seed(9)
    other = data.DataLoader((InPython if kind is Images else Images)(9, augmentation()), batch_size=2, num_workers=2,
                            persistent_workers=True)
    assert_same(first + second, batches(other) + batches(other))
    for _ in other:
        break
    assert_same(fourth, batches(other))
    other._iterator.close()


def test_the_loader_does_not_depend_on_threads():
    results = []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        torch.manual_seed(1)
        results.append(batches(data.DataLoader(Images(200, augmentation(), (32, 32)), batch_size=64, shuffle=True)))
    torch.set_num_threads(before)
    assert_same(*results)


def test_images_come_without_a_transposition():
    x, _ = next(iter(data.DataLoader(Images(4, augmentation()), batch_size=4)))
    assert x.shape == (4, 3, 8, 6) and x.is_contiguous() and x.dtype == torch.float32


# ---- streams

class Stream(data.IterableDataset):
    """Numbers, shared out to the workers."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = data.get_worker_info()
        return iter(range(self.n)) if info is None else iter(range(info.id, self.n, info.num_workers))


@pytest.mark.parametrize("drop_last", [False, True])
def test_streams(drop_last):
    loader = data.DataLoader(Stream(7), batch_size=3, drop_last=drop_last)
    assert [b.tolist() for b in loader] == [[0, 1, 2], [3, 4, 5], [6]][:2 if drop_last else 3]
    assert list(data.DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]


def test_streams_in_workers():
    loader = data.DataLoader(Stream(7), batch_size=2, num_workers=2, persistent_workers=True)
    for _ in range(2):
        got = [b.tolist() for b in loader]
        assert sorted(sum(got, [])) == list(range(7))
        assert got[:2] == [[0, 2], [1, 3]]
    loader._iterator.close()


def test_chains_and_sums():
    assert list(Stream(2) + Stream(3)) == [0, 1, 0, 1, 2]
    both = Numbers(2) + Numbers(3)
    assert len(both) == 5 and [both[k] for k in (0, 1, 2, 4, -1)] == [0, 1, 0, 2, 2]
    with pytest.raises(ValueError, match="absolute value of index"):
        both[-6]
    stacked = data.StackDataset(Numbers(3), Numbers(3))
    assert stacked[1] == (1, 1) and stacked.__getitems__([0, 2]) == [(0, 0), (2, 2)]
    assert data.StackDataset(a=Numbers(3))[2] == {"a": 2}
    with pytest.raises(ValueError, match="Size mismatch"):
        data.StackDataset(Numbers(3), Numbers(2))


def test_no_worker_in_the_main_process():
    assert data.get_worker_info() is None


def _remember(w):
    info = data.get_worker_info()
    info.dataset.label = (w, info.id, info.num_workers, info.seed)


class Labelled(Numbers):
    label = None

    def __getitem__(self, k):
        return torch.tensor(self.label)


def test_worker_init_fn():
    torch.manual_seed(0)
    loader = data.DataLoader(Labelled(2), num_workers=2, worker_init_fn=_remember)
    assert torch.cat(list(loader)).tolist() == [[0, 0, 2, 900450186894289455], [1, 1, 2, 900450186894289456]]


def _seed_again(w):
    torch.manual_seed(100 + w)


def test_worker_init_fn_reaches_images_that_c_reads():
    results = []
    for kind in (Images, InPython):
        loader = data.DataLoader(kind(8, augmentation()), batch_size=2, num_workers=2, worker_init_fn=_seed_again)
        results.append(batches(loader))
    assert_same(*results)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_start_methods(method):
    loader = data.DataLoader(data.Subset(range(5), [4, 3, 2]), num_workers=1, multiprocessing_context=method)
    assert [b.tolist() for b in loader] == [[4], [3], [2]]


class Big(Numbers):
    def __getitem__(self, k):
        return {"image": torch.full((300, 300), float(k)), "name": f"n{k}", "array": np.full(5000, k),
                "empty": torch.zeros(0), "half": torch.full((3,), k, dtype=torch.bfloat16)}


def test_what_travels_through_shared_memory():
    for k, batch in enumerate(data.DataLoader(Big(5), num_workers=2, collate_fn=lambda samples: samples[0])):
        assert batch["image"].shape == (300, 300) and batch["image"][7, 9] == k and batch["name"] == f"n{k}"
        assert batch["array"].sum() == 5000 * k and batch["empty"].numel() == 0 and batch["half"].tolist() == [k] * 3
        batch["image"].add_(1)  # it is ours to write
        batch["array"] += 1


def test_many_small_batches_and_much_prefetching():
    loader = data.DataLoader(Numbers(3000), num_workers=2, prefetch_factor=1000)
    assert torch.cat(list(loader)).tolist() == list(range(3000))


def test_huge_index_lists():
    loader = data.DataLoader(Numbers(200000), batch_size=100000, num_workers=1, collate_fn=len)
    assert list(loader) == [100000, 100000]


# ---- collation

Point = collections.namedtuple("Point", "x y")


def test_default_collate():
    c = data.default_collate
    assert c([1, 2]).dtype == torch.int64 and c([1.0, 2.0]).dtype == torch.float64 \
           and c([True, False]).dtype == torch.bool
    assert c(["a", "b"]) == ["a", "b"]
    assert c([np.float32(1), np.float32(2)]).dtype == torch.float32
    assert c([np.zeros((2, 3), np.uint8)] * 4).shape == (4, 2, 3)
    point = c([Point(1, (2.0, "a")), Point(3, (4.0, "b"))])
    assert point.x.tolist() == [1, 3] and point.y[0].tolist() == [2, 4] and point.y[1] == ("a", "b")
    ordered = c([collections.OrderedDict(a=1, b=2)] * 2)
    assert type(ordered) is collections.OrderedDict and ordered["b"].tolist() == [2, 2]
    assert type(c([[1, 2], [3, 4]])) is list
    assert type(c([(1, 2), (3, 4)])) is list


def test_default_convert():
    c = data.default_convert
    assert c(np.arange(3)).tolist() == [0, 1, 2] and c("x") == "x" and c(5) == 5
    assert c({"a": np.ones(2)})["a"].tolist() == [1, 1]
    assert c(Point(np.array(1), 2)).x.item() == 1
    assert [t.item() for t in c([np.array(1), np.array(2)])] == [1, 2]


def test_collation_of_what_cannot_be():
    from PIL import Image
    with pytest.raises(TypeError,
                       match=r"default_collate: batch must contain tensors.*PIL\.Image\.Image.*add ToTensor"):
        data.default_collate([Image.new("RGB", (2, 2))])
    with pytest.raises(RuntimeError,
                       match=r"stack expects each tensor to be equal size, but got \[3, 4\] at entry 0 and "
                                           r"\[3, 5\] at entry 1.*Resize"):
        data.default_collate([torch.zeros(3, 4), torch.zeros(3, 5)])
    with pytest.raises(RuntimeError, match="each element in list of batch should be of equal size"):
        data.default_collate([[1, 2], [3]])
    with pytest.raises(TypeError, match="default_collate"):
        data.default_collate([np.array(["a"])])
    with pytest.raises(TypeError, match="default_collate.*object"):
        data.default_collate([object()])


# ---- bad input

@pytest.mark.parametrize("options, error, words", [
    ({"batch_size": 0}, ValueError, "batch_size should be a positive integer value, but got batch_size=0"),
    ({"batch_size": -1}, ValueError, "batch_size should be a positive integer value, but got batch_size=-1"),
    ({"batch_size": 2.0}, ValueError, "batch_size should be a positive integer value, but got batch_size=2.0"),
    ({"num_workers": -1}, ValueError, "num_workers option should be non-negative"),
    ({"timeout": -1}, ValueError, "timeout option should be non-negative"),
    ({"prefetch_factor": 2}, ValueError, "prefetch_factor option could only be specified in multiprocessing"),
    ({"prefetch_factor": -2, "num_workers": 1}, ValueError, "prefetch_factor option should be non-negative"),
    ({"persistent_workers": True}, ValueError, "persistent_workers option needs num_workers > 0"),
    ({"sampler": [1], "shuffle": True}, ValueError, "sampler option is mutually exclusive with shuffle"),
    ({"batch_sampler": [[1]], "shuffle": True}, ValueError, "batch_sampler option is mutually exclusive"),
    ({"batch_size": None, "drop_last": True}, ValueError, "batch_size=None option disables auto-batching"),
    ({"multiprocessing_context": "fork"}, ValueError,
     "multiprocessing_context can only be used with multi-process loading"),
    ({"multiprocessing_context": "x", "num_workers": 1}, ValueError, "should specify a valid start method"),
    ({"multiprocessing_context": 3, "num_workers": 1}, TypeError, "should be a valid context object or a string"),
])
def test_options(options, error, words):
    with pytest.raises(error, match=words):
        data.DataLoader(Numbers(4), **options)


def test_options_of_streams():
    with pytest.raises(ValueError, match="expected unspecified shuffle option, but got shuffle=True"):
        data.DataLoader(Stream(3), shuffle=True)
    with pytest.raises(ValueError, match="expected unspecified sampler option"):
        data.DataLoader(Stream(3), sampler=[1])
    with pytest.raises(ValueError, match="expected unspecified batch_sampler option"):
        data.DataLoader(Stream(3), batch_sampler=[[1]])


def test_attributes_are_fixed():
    loader = data.DataLoader(Numbers(4))
    with pytest.raises(ValueError, match="batch_size attribute should not be set after DataLoader is initialized"):
        loader.batch_size = 3
    loader.num_workers = 0


def test_an_empty_data_set():
    with pytest.raises(ValueError,
                       match="num_samples should be a positive integer value, but got num_samples=0.*empty"):
        data.DataLoader(Numbers(0), shuffle=True)
    assert list(data.DataLoader(Numbers(0))) == [] and len(data.DataLoader(Numbers(0))) == 0
    assert list(data.DataLoader(data.TensorDataset(torch.zeros(0, 3)), num_workers=1)) == []


@pytest.mark.parametrize("make, error", [
    (lambda: data.RandomSampler([1], replacement=1), TypeError),
    (lambda: data.RandomSampler([1], num_samples=0), ValueError),
    (lambda: data.WeightedRandomSampler([1.0], 0), ValueError),
    (lambda: data.WeightedRandomSampler([1.0], True), ValueError),
    (lambda: data.WeightedRandomSampler([1.0], 1, 2), ValueError),
    (lambda: data.WeightedRandomSampler([[1.0]], 1), ValueError),
    (lambda: data.BatchSampler([1], True, False), ValueError), (lambda: data.BatchSampler([1], 1, 2), ValueError),
    (lambda: list(data.RandomSampler([1, 2], generator=3)), TypeError),
    (lambda: data.random_split(range(5), [2, 2]), ValueError),
    (lambda: data.random_split(range(5), [1.5, -0.5]), ValueError),
])
def test_samplers_refuse(make, error):
    with pytest.raises(error):
        make()


@pytest.mark.parametrize("workers", [0, 2])
def test_indices_out_of_bounds(workers):
    images = Images(5, augmentation())
    loader = data.DataLoader(images, sampler=[1, 7, 2], batch_size=1, num_workers=workers)
    iterator = iter(loader)
    assert len(next(iterator)[1]) == 1
    with pytest.raises(IndexError, match="index 7 is out of bounds"):
        next(iterator)
    if workers:
        assert len(next(iterator)[1]) == 1


def test_c_checks_what_it_is_given():
    pixels, labels = np.zeros((3, 4, 4, 3), np.uint8), np.zeros(3, np.int64)
    pipeline = _C.Pipeline((("to_tensor", 0),))
    for bad in ((pixels[0], labels), (pixels.astype(np.float32), labels), (pixels, labels[:2]),
                (pixels[:, ::2], labels), (pixels, labels.astype(np.int32)), (pixels[:, :0], labels)):
        with pytest.raises((ValueError, BufferError)):
            _C.image_source(*bad, pipeline)
    with pytest.raises(TypeError):
        _C.image_source(pixels, labels, None)
    with pytest.raises(ValueError):
        _C.tensor_source((torch.zeros(3, 2), torch.zeros(2)))
    with pytest.raises(ValueError):
        _C.tensor_source((torch.zeros(3, 2).t(),))
    source = _C.image_source(pixels, labels, pipeline)
    with pytest.raises(IndexError):
        source.load([-4], torch.default_generator)
    with pytest.raises(TypeError):
        source.load(["a"], torch.default_generator)
    assert source.load([-1], torch.default_generator)[0].shape == (1, 3, 4, 4)
    with pytest.raises(ValueError):
        _C.Loader(source, 0, 0)
    threads = _C.Loader(source, 2, 0)
    with pytest.raises(RuntimeError, match="no batch to wait for"):
        threads.next()
    threads.submit([0])
    threads.close()
    threads.close()
    with pytest.raises(RuntimeError, match="closed"):
        threads.submit([0])


# ---- workers that fail

def workers_alive():
    gc.collect()  # an exception's traceback may hold an iterator
    return multiprocessing.active_children()


class Failing(Numbers):
    def __getitem__(self, k):
        if k == 3:
            raise KeyError("three")
        return k


@pytest.mark.parametrize("workers", [0, 1])
def test_errors_name_the_sample(workers):
    iterator = iter(data.DataLoader(Failing(5), num_workers=workers))
    assert [next(iterator).item() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError) as caught:
        next(iterator)
    if workers:
        text = str(caught.value)
        assert text.startswith("Caught KeyError in DataLoader worker process 0.\n"
                           "Original Traceback (most recent call last):")
        assert "KeyError: 'three'\nThis is about sample 3 of the data set." in text
        assert next(iterator).item() == 4
    else:
        assert caught.value.__notes__ == ["This is about sample 3 of the data set."]


class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


class FailingOddly(Numbers):
    def __getitem__(self, k):
        raise Odd(1, 2)


def test_exceptions_that_take_no_message():
    with pytest.raises(RuntimeError, match="Caught Odd in DataLoader worker process 0"):
        next(iter(data.DataLoader(FailingOddly(2), num_workers=1)))


class Unpicklable(Numbers):
    def __getitem__(self, k):
        return lambda: k


def test_batches_that_cannot_be_sent():
    loader = data.DataLoader(Unpicklable(2), num_workers=1, collate_fn=list)
    with pytest.raises(Exception, match="Caught .* in DataLoader worker process 0"):
        next(iter(loader))


class Dying(Numbers):
    def __getitem__(self, k):
        os.kill(os.getpid(), signal.SIGKILL)


class Leaving(Numbers):
    def __getitem__(self, k):
        os._exit(3)


@pytest.mark.parametrize("kind, how", [(Dying, "killed by SIGKILL"), (Leaving, "exit code 3")])
def test_workers_that_die(kind, how):
    begin = time.monotonic()
    with pytest.raises(RuntimeError, match=rf"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly: {how}"):
        next(iter(data.DataLoader(kind(4), num_workers=2)))
    assert time.monotonic() - begin < 5
    assert workers_alive() == []


class Slow(Numbers):
    def __getitem__(self, k):
        time.sleep(30)


def test_timeout():
    iterator = iter(data.DataLoader(Slow(4), num_workers=1, timeout=0.2))
    with pytest.raises(RuntimeError, match="DataLoader timed out after 0.2 seconds"):
        next(iterator)
    del iterator
    assert workers_alive() == []


def _fail_init(w):
    raise ValueError("no init")


def test_worker_init_fn_that_fails():
    with pytest.raises(ValueError, match="Caught ValueError in DataLoader worker process 0[^$]*no init"):
        next(iter(data.DataLoader(Numbers(4), num_workers=1, worker_init_fn=_fail_init)))


@pytest.mark.parametrize("kind", [Numbers, Images])
def test_loops_that_are_broken_off_leave_nothing(kind):
    for _ in range(3):
        dataset = Numbers(100) if kind is Numbers else Images(100, augmentation())
        for _ in data.DataLoader(dataset, num_workers=2):
            break
    assert workers_alive() == []
    assert "pycnn-batch" not in Path("/proc/self/maps").read_text()


def _in_child(iterator, results):
    try:
        next(iterator)
    except RuntimeError as error:
        results.put(str(error))


def test_threads_of_a_loader_stay_with_their_process():
    iterator = iter(data.DataLoader(Images(20, augmentation()), num_workers=2))
    next(iterator)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_in_child, args=(iterator, results))
    child.start()
    assert "iterate over the DataLoader anew after fork" in results.get(timeout=20)
    child.join(20)
    assert child.exitcode == 0
    assert len(list(iterator)) == 19


def test_two_threads_with_one_loader_each():
    torch.manual_seed(0)
    want = batches(data.DataLoader(Images(40, augmentation()), batch_size=8, num_workers=2))
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    results = [None, None]

    def read(k):
        results[k] = batches(data.DataLoader(Images(40, augmentation()), batch_size=8, num_workers=2,
                                             generator=generators[k]))

    threads = [threading.Thread(target=read, args=(k,)) for k in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert_same(results[0], want)
    assert_same(results[1], want)


def test_memory_is_flat(live_blocks):
    dataset = Images(40, augmentation())

    def epoch():
        for workers in (0, 2):
            for _ in data.DataLoader(dataset, batch_size=8, num_workers=workers, shuffle=True):
                pass

    epoch()
    before = live_blocks()
    for _ in range(5):
        epoch()
    assert live_blocks() == before


@pytest.mark.parametrize("workers", [0, 1])
def test_failing_allocations(workers, live_blocks):
    dataset = Images(8, augmentation())
    before = live_blocks()
    n, failed = 0, 0
    while True:
        _C._alloc_fail_after(n)
        try:
            collections.deque(data.DataLoader(dataset, batch_size=4, num_workers=workers, shuffle=True), maxlen=0)
            done = True
        except MemoryError:
            done, failed = False, failed + 1
        finally:
            _C._alloc_fail_after(-1)
        if done and n > 30:
            break
        n += 1
        assert n < 500
    assert failed > 5
    assert live_blocks() == before


# ---- Ctrl-C and the end of the main process

@contextlib.contextmanager
def _script(body):
    """A Python process of its own group."""
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(body)], stdout=subprocess.PIPE, text=True,
                          cwd=Path(torch.__file__).parents[1], start_new_session=True) as p:
        try:
            yield p
        finally:
            if p.poll() is None:
                os.killpg(p.pid, signal.SIGKILL)


_SLOW = """
    import os, sys, time
    from pycnn.utils import data
    class Slow(data.Dataset):
        def __len__(self): return 100
        def __getitem__(self, k):
            if k > 3: time.sleep(60)
            return k
"""


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ctrl_c_in_a_loader_with_processes():
    with _script(_SLOW + """
    iterator = iter(data.DataLoader(Slow(), num_workers=2))
    print(*[w.pid for w in iterator._workers], flush=True)
    try:
        for x in iterator:
            pass
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
    del iterator
    print(list(data.DataLoader(range(3), num_workers=1))[2].item(), flush=True)
    """) as p:
        workers = [int(w) for w in p.stdout.readline().split()]
        time.sleep(0.7)
        sent = time.monotonic()
        os.killpg(p.pid, signal.SIGINT)
        assert float(p.stdout.readline()) - sent < LATE
        assert p.stdout.readline() == "2\n"
        assert p.wait(20) == 0
        assert not any(_alive(w) for w in workers)


def test_no_orphans_when_the_main_process_is_killed():
    with _script(_SLOW + """
    iterators = [iter(data.DataLoader(range(100), num_workers=2)) for _ in range(2)]
    print(*[w.pid for i in iterators for w in i._workers], flush=True)
    time.sleep(60)
    """) as p:
        workers = [int(w) for w in p.stdout.readline().split()]
        assert len(workers) == 4 and all(_alive(w) for w in workers)
        p.kill()
        p.wait()
        deadline = time.monotonic() + 10
        while any(_alive(w) for w in workers) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not any(_alive(w) for w in workers)


@pytest.mark.parametrize("workers", [0, 1])
def test_ctrl_c_in_a_loader_with_threads(workers):
    with _script(f"""
    import time, numpy as np
    from pycnn.utils import data
    from pycnn.vision import transforms
    class Images(data.Dataset):
        def _pipeline(self):
            from pycnn.vision.transforms._pipeline import compile
            t = transforms.Compose([transforms.RandomRotation(15), transforms.Resize(500), transforms.ToTensor()])
            return np.zeros((600, 64, 64, 3), np.uint8), np.zeros(600, np.int64), compile(t)
        def __len__(self): return 600
    iterator = iter(data.DataLoader(Images(), batch_size=600, num_workers={workers}))
    print("ready", flush=True)
    try:
        next(iterator)
        print("was too fast", flush=True)
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
    del iterator
    """) as p:
        assert p.stdout.readline() == "ready\n"
        time.sleep(0.3)
        sent = time.monotonic()
        p.send_signal(signal.SIGINT)
        assert float(p.stdout.readline()) - sent < LATE
        assert p.wait(20) == 0
