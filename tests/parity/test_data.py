"""Loaders and samplers against torch: batches and the generators' states, bit for bit."""

import collections
import functools
import random

import numpy as np
import pytest
import torch
import torchvision.transforms.v2
from both import check_same, same
from PIL import Image
from program import Program, pycnn_modules, torch_modules

import pycnn
import pycnn.vision.transforms.v2
from pycnn import vision
from pycnn.utils.data.memory import source_of

pytestmark = pytest.mark.parity


def numbers(m, n):
    class Numbers(m.utils.data.Dataset):
        def __getitem__(self, k):
            return k

        def __len__(self):
            return n
    return Numbers()


def drawing(m, n):
    class Drawing(m.utils.data.Dataset):
        def __getitem__(self, k):
            return {"k": k, "torch": m.rand(2), "random": random.random(), "numpy": np.random.rand(3)}

        def __len__(self):
            return n
    return Drawing()


# ---- orders

@pytest.mark.parametrize("n", [1, 2, 7, 12, 33, 100])
@pytest.mark.parametrize("batch", [1, 4, 33])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("own", [False, True])
def test_shuffled(n, batch, drop_last, own):
    def call(m, v):
        g = m.Generator().manual_seed(3) if own else None
        loader = m.utils.data.DataLoader(numbers(m, n), batch_size=batch, shuffle=True, drop_last=drop_last,
                                         generator=g)
        epochs = [list(loader) for _ in range(3)]
        broken = next(iter(loader), None)
        return [epochs, broken, g.get_state() if own else None, len(loader)]
    same(call)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("make", [
    lambda d, g: d.RandomSampler(range(7), generator=g),
    lambda d, g: d.RandomSampler(range(7), num_samples=3, generator=g),
    lambda d, g: d.RandomSampler(range(7), num_samples=14, generator=g),
    lambda d, g: d.RandomSampler(range(7), num_samples=20, generator=g),
    lambda d, g: d.RandomSampler(range(7), True, generator=g),
    lambda d, g: d.RandomSampler(range(7), True, 64, generator=g),
    lambda d, g: d.RandomSampler(range(7), True, 100, generator=g),
    lambda d, g: d.SequentialSampler(range(7)),
    lambda d, g: d.SubsetRandomSampler([5, 3, 9, 1], generator=g),
    lambda d, g: d.SubsetRandomSampler([], generator=g),
    lambda d, g: d.WeightedRandomSampler([0.1, 0.0, 3, 2], 9, generator=g),
    lambda d, g: d.WeightedRandomSampler([0.1, 0.5, 3, 2], 3, False, generator=g),
    lambda d, g: d.BatchSampler(d.RandomSampler(range(10), generator=g), 4, False),
    lambda d, g: d.BatchSampler(d.RandomSampler(range(12), generator=g), 4, False),
    lambda d, g: d.BatchSampler(d.RandomSampler(range(10), generator=g), 4, True),
    lambda d, g: d.BatchSampler(d.SubsetRandomSampler(range(10), generator=g), 4, True),
    lambda d, g: d.BatchSampler(d.WeightedRandomSampler([1.0, 2.0], 5, generator=g), 4, False),
])
def test_samplers(make, own):
    def call(m, v):
        g = m.Generator().manual_seed(3) if own else None
        sampler = make(m.utils.data, g)
        first = list(sampler)
        some = []
        for k, index in enumerate(sampler):
            some.append(index)
            if k == 1:
                break
        return [first, some, list(sampler), len(sampler), g.get_state() if own else None]
    same(call)


def test_samplers_of_the_user():
    def call(m, v):
        class Eager(m.utils.data.Sampler):
            def __iter__(self):  # draws when it is called, not when it is read
                return iter(m.randperm(9).tolist())

            def __len__(self):
                return 9

        d = m.utils.data
        loaders = [d.DataLoader(drawing(m, 9), sampler=Eager(), batch_size=4),
                   d.DataLoader(drawing(m, 9), sampler=Eager(),
                                                                                            batch_size=None),
                   d.DataLoader(drawing(m, 9), batch_sampler=[[1, 2], (3,), [0, 5, 8]]),
                   d.DataLoader(drawing(m, 9), batch_sampler=d.BatchSampler(Eager(), 4, True))]
        return [list(loader) for loader in loaders]
    same(call)


@pytest.mark.parametrize("lengths", [[7, 3], [10], [0.5, 0.5], [0.3, 0.3, 0.4], [0.33, 0.33, 0.34]])
def test_random_split(lengths):
    same(lambda m, v: [list(p.indices) for p in m.utils.data.random_split(range(10), lengths)])
    same(lambda m, v: [list(p.indices)
                       for p in m.utils.data.random_split(range(10), lengths, m.Generator().manual_seed(1))])


# ---- batches

@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_streams_of_workers(workers):
    same(lambda m, v: [list(m.utils.data.DataLoader(drawing(m, 17), batch_size=3, shuffle=True, num_workers=workers))
                       for _ in range(2)])


@pytest.mark.parametrize("workers", [1, 2])
def test_persistent_workers(workers):
    def call(m, v):
        loader = m.utils.data.DataLoader(drawing(m, 17), batch_size=3, shuffle=True, num_workers=workers,
                                         persistent_workers=True)
        epochs = [list(loader) for _ in range(2)]
        for _ in loader:
            break
        return epochs + [list(loader)]
    same(call)


@pytest.mark.parametrize("workers", [0, 2])
def test_tensor_datasets(workers):
    def call(m, v):
        x, y = m.arange(60).float().view(10, 2, 3), m.arange(10)
        d = m.utils.data
        sets = [d.TensorDataset(x, y), d.TensorDataset(x.transpose(1, 2), y.to(m.uint8)),
                d.Subset(d.TensorDataset(x), [3, 1, 2])]
        return [list(d.DataLoader(s, batch_size=4, shuffle=True, num_workers=workers)) for s in sets]
    same(call)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_streams(workers):
    def call(m, v):
        class Stream(m.utils.data.IterableDataset):
            def __iter__(self):
                info = m.utils.data.get_worker_info()
                w, count = (info.id, info.num_workers) if info else (0, 1)
                for k in range(w, 12, count):
                    yield k, m.rand(2)
        d = m.utils.data
        return [list(d.DataLoader(Stream(), batch_size=2, num_workers=workers)),
                list(d.DataLoader(Stream(), batch_size=4, num_workers=workers, drop_last=True)),
                list(d.DataLoader(Stream(), batch_size=None, num_workers=workers))]
    same(call)


Point = collections.namedtuple("Point", "x y")


def test_collate():
    samples = [[1, 2], [1.5, 2.5], [True, False], ["a", "b"], [b"a", b"b"], [np.float32(1), np.float32(2)],
               [np.int16(1), np.int16(2)], [np.bool_(True), np.bool_(False)], [np.arange(3), np.arange(3)],
               [np.array(1.5), np.array(2.5)], [(1, 2.0), (3, 4.0)], [[1, "x"], [2, "y"]],
               [Point(1, "a"), Point(2, "b")],
               [{"a": 1, "b": (2, 3)}, {"a": 4, "b": (5, 6)}],
               [collections.OrderedDict(a=1), collections.OrderedDict(a=2)],
               [collections.UserDict(a=1), collections.UserDict(a=2)], [range(2), range(2)]]
    for batch in samples:
        same(lambda m, v: m.utils.data.default_collate(batch))
        same(lambda m, v: m.utils.data.default_convert(batch))
    same(lambda m, v: m.utils.data.default_collate([m.arange(3), m.arange(3)]))


# ---- images

def _images(v, transform, n):
    """A data set in torchvision's form, of drawn bytes."""
    class Pictures(v.datasets.CIFAR10):
        def __init__(self):
            rng = np.random.default_rng(1)
            self.data = rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
            self.targets = rng.integers(0, 10, n).tolist()
            self.transform, self.target_transform = transform, None
    return Pictures()


CHAINS = {
    "program": lambda t: [t.RandomHorizontalFlip(p=0.5), t.RandomRotation(15),
                          t.ColorJitter(brightness=0.2, contrast=0.2),
                          t.ToTensor(), t.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))],
    "crop": lambda t: [t.RandomCrop(32, padding=4), t.RandomHorizontalFlip(), t.ToTensor()],
    "resized crop": lambda t: [t.RandomResizedCrop(24), t.ColorJitter(0.2, 0.2, 0.2, 0.1), t.ToTensor()],
    "erasing": lambda t: [t.ToTensor(), t.RandomErasing(value="random")],
    "plain": lambda t: [t.ToTensor()],
    "bytes": lambda t: [t.RandomVerticalFlip(), t.PILToTensor()],
}


MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)

# Of the second version, and of torch for dtypes.
CHAINS_V2 = {
    "plain": lambda t, m: [t.ToImage(), t.ToDtype(m.float32, scale=True), t.Normalize(MEAN, STD)],
    "crop": lambda t, m: [t.ToImage(), t.RandomCrop(32, padding=4), t.RandomHorizontalFlip(),
                          t.ToDtype(m.float32, scale=True), t.Normalize(MEAN, STD)],
    "pictures": lambda t, m: [t.RandomCrop(32, padding=4), t.RandomHorizontalFlip(), t.ColorJitter(0.2, 0.2, 0.2, 0.1),
                              t.RandomRotation(15), t.ToImage(), t.ToDtype(m.float32, scale=True),
                              t.Normalize(MEAN, STD)],
    "one side": lambda t, m: [t.RandomCrop((32, 20)), t.RandomCrop((40, 20), padding=(0, 1), pad_if_needed=True),
                              t.PILToTensor()],
    "mirrored": lambda t, m: [t.ToImage(), t.RandomCrop(36, 4, padding_mode="reflect"),
                              t.Pad(3, padding_mode="symmetric"), t.ConvertImageDtype(m.float32)],
    "resized crop": lambda t, m: [t.RandomResizedCrop(24), t.RandomAffine(20, (0.1, 0.2), (0.8, 1.2), 10), t.ToImage(),
                                  t.ToDtype(m.float32)],
    "documented": lambda t, m: [t.ToImage(), t.RandomResizedCrop(24, antialias=True), t.RandomHorizontalFlip(0.5),
                                t.ToDtype(m.float32, scale=True), t.Normalize(MEAN, STD)],
    "bytes resized": lambda t, m: [t.ToImage(), t.Resize(40, "bicubic"), t.RandomResizedCrop((30, 9), (0.3, 1)),
                                   t.Resize((9, 50)), t.Resize([20], max_size=30), t.Resize((20, 20), "bicubic"),
                                   t.RandomResizedCrop(32, interpolation="bicubic")],
    "colours of bytes": lambda t, m: [t.ToImage(), t.RandomHorizontalFlip(), t.ColorJitter(0.4, 0.4, 0.4, 0.1),
                                      t.RandomGrayscale(0.3), t.ColorJitter((0, 3), (0.2, 4), (0, 5), (-0.5, 0.5)),
                                      t.ToDtype(m.float32, scale=True), t.Normalize(MEAN, STD)],
    "grey bytes": lambda t, m: [t.RGB(), t.PILToTensor(), t.RandomApply([t.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.7),
                                t.Grayscale(), t.ColorJitter(0.4, 0.4, 0.4, 0.1), t.RGB()],
    "sizes": lambda t, m: [t.Resize(24, "bicubic"), t.CenterCrop((30, 20)), t.RandomGrayscale(), t.ToImage(),
                           t.ToDtype({m.Tensor: None, "others": m.float32}, scale=True), t.ToPureTensor()],
    "chances": lambda t, m: [t.RandomSolarize(99.5), t.RandomAdjustSharpness(1.7, 0.7), t.RandomAutocontrast(0.3),
                             t.RandomApply([t.RandomVerticalFlip(0.7), t.Grayscale(3)], 0.3), t.ToImage(),
                             t.RandomPosterize(3), t.RandomEqualize(), t.RandomInvert(), t.RandomSolarize(7)],
    "erasing": lambda t, m: [t.ToImage(), t.ToDtype(m.float32, scale=True), t.RandomErasing(0.7, value=(1, 2, 3)),
                             t.Normalize(MEAN, STD), t.RandomErasing(0.7, value="random")],
    "auto": lambda t, m: [t.AutoAugment(), t.AutoAugment(t.AutoAugmentPolicy.CIFAR10, "bilinear", 7),
                          t.AutoAugment(t.AutoAugmentPolicy.SVHN), t.ToImage()],
    "rand": lambda t, m: [t.RandAugment(), t.TrivialAugmentWide(), t.TrivialAugmentWide(5), t.ToImage()],
    "mixed": lambda t, m: [t.Compose([t.Identity(), t.PILToTensor()]), t.ToPureTensor(), t.RandomHorizontalFlip(),
                           t.ToDtype(m.float32, scale=True), t.Normalize([0.5], [0.25])],
}


def batches_of(chain, workers):
    """Both libraries' batches of a chain of transforms: chain(m, v)."""
    def call(m, v):
        dataset = _images(v, chain(m, v), 25)
        loader = m.utils.data.DataLoader(dataset, batch_size=8, shuffle=True, num_workers=workers)
        return [list(loader), m.rand(3), list(loader)]
    same(call)


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("chain", CHAINS)
def test_images(chain, workers):
    batches_of(lambda m, v: v.transforms.Compose(CHAINS[chain](v.transforms)), workers)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("chain", CHAINS_V2)
def test_images_of_the_second_version(chain, workers):
    make = lambda m, v: v.transforms.v2.Compose(CHAINS_V2[chain](v.transforms.v2, m))
    assert source_of(_images(vision, make(pycnn, vision), 1)) is not None, "C reads them"
    batches_of(make, workers)


@pytest.mark.parametrize("chain", CHAINS_V2)
def test_images_of_the_second_version_one_by_one(chain):
    """The same draws and bytes by C in one pass, by C in a pass each and by Python, which a second part asks for."""
    t = vision.transforms.v2
    ours = t.Compose(CHAINS_V2[chain](t, pycnn))
    theirs = torchvision.transforms.v2.Compose(CHAINS_V2[chain](torchvision.transforms.v2, torch))
    routes = {"one pass": ours, "parts": lambda image: ours(image, 0)[0],
              "one by one": lambda image: functools.reduce(lambda x, change: change(x), ours.transforms, image)}
    images = [Image.fromarray(a) for a in _images(vision, None, 20).data]
    torch.manual_seed(5)
    want = [theirs(image) for image in images]
    for name, route in routes.items():
        pycnn.manual_seed(5)
        for got, expected in zip(map(route, images), want):
            assert type(got).__name__ == type(expected).__name__, name
            check_same(got, expected.as_subclass(torch.Tensor))
        assert pycnn.get_rng_state().numpy().tobytes() == torch.get_rng_state().numpy().tobytes()


@pytest.mark.parametrize("workers", [0, 2])
def test_parts_of_images(workers):
    def call(m, v):
        dataset = _images(v, v.transforms.Compose(CHAINS["program"](v.transforms)), 25)
        parts = m.utils.data.random_split(dataset, [0.6, 0.4])
        return [list(m.utils.data.DataLoader(p, batch_size=4, shuffle=True, num_workers=workers)) for p in parts]
    same(call)


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.filterwarnings("ignore::numpy.exceptions.VisibleDeprecationWarning")
def test_batches_of_the_program(cifar10_root, workers):
    """The augmented and normalised batches of real CIFAR-10, for several seeds."""
    programs = [Program(*torch_modules()), Program(*pycnn_modules())]
    sets = [p.dataset(cifar10_root, True) for p in programs]
    for seed in (0, 1, 42):
        iterators = []
        for p, s in zip(programs, sets):
            p.torch.manual_seed(seed)
            iterators.append(iter(p.loader(s, True, workers)))
        for _ in range(4):
            check_same(*reversed([next(i) for i in iterators]))
        states = [p.torch.get_rng_state().numpy().tobytes() for p in programs]
        assert states[0] == states[1]
