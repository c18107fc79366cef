"""Mistakes that users make, one line a case: the call, the exception, torch's words for it, and what pycnn adds to
them.

`CASES` are run by test_bad_input.py with pycnn and by parity/test_bad_input.py with torch, whose exception must be one
that a handler of pycnn's would catch too, and in whose message the same words must stand.
"""

import io
import os
import pickle
import struct
import tarfile
import zlib
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from PIL import Image, UnidentifiedImageError

from pickles import archive, name
from pickles import text as text_item

ACCEPTED = object()  # torch takes it, or fails later and elsewhere


@dataclass
class Case:
    """A call that fails: ``call(t)`` with the library's modules and a folder.

    Attributes
    ----------
    name : str
    call : callable
    error : type
        pycnn's exception, exactly.
    words : str
        Regular expression found in both messages.
    adds : str
        Regular expression found in pycnn's message or notes.
    torch : object
        `ACCEPTED`, or (exception, words) where torch's are others.
    """

    name: str
    call: object
    error: object
    words: str
    adds: str = ""
    torch: object = None


def library(torch, vision, folder):
    """What cases are given: the library's modules under torch's names."""
    return SimpleNamespace(torch=torch, nn=torch.nn, F=torch.nn.functional, optim=torch.optim,
                           schedule=torch.optim.lr_scheduler,
                           data=torch.utils.data, transforms=vision.transforms, datasets=vision.datasets,
                           models=vision.models, folder=folder)


def text(error):
    """All that a traceback shows of an exception."""
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


# ---- what the cases share ---------------------------------------------------------------------------

class Items:
    """A data set of given items; exceptions are raised."""

    def __init__(self, *items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, k):
        if isinstance(self.items[k], Exception):
            raise self.items[k]
        return self.items[k]


class Killed(Items):
    """Whoever reads it dies."""

    def __getitem__(self, k):
        os.kill(os.getpid(), 9)


class Command:
    """A pickle that runs a program."""

    def __reduce__(self):
        return os.system, ("touch pwned",)


def program(t, size):
    """The program's network, up to the scores, on images of another size than it is made for."""
    class SimpleCNN(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.pool = t.nn.Conv2d(3, 4, 3, padding=1), t.nn.MaxPool2d(2, 2)
            self.fc1 = t.nn.Linear(4 * 16 * 16, 10)

        def forward(self, x):
            return self.fc1(self.pool(self.conv1(x)).view(-1, 4 * 16 * 16))

    return SimpleCNN()(t.torch.zeros(64, 3, size, size))


def flat(t):
    """A network that forgets what a flattened image has."""
    class Net(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.features, self.fc1 = t.nn.Sequential(t.nn.Conv2d(3, 8, 3), t.nn.MaxPool2d(2)), t.nn.Linear(4096, 512)

        def forward(self, x):
            return self.fc1(self.features(x).flatten(1))

    return t.nn.ModuleDict({"model": Net()})["model"](t.torch.zeros(2, 3, 42, 42))


def forgetful(t, forward=False):
    class Net(t.nn.Module):
        def __init__(self):
            if not forward:
                self.fc = t.nn.Linear(2, 2)

        def forward(self, x):
            return x

    return Net()(t.torch.zeros(2))


def leaf(t, n=3):
    return t.torch.ones(n, requires_grad=True)


def changed_in_place(t):
    x = leaf(t)
    y = x.exp()
    y.add_(1)
    y.sum().backward()


def twice(t):
    y = leaf(t).exp().sum()
    y.backward()
    y.backward()


def params(t):
    return t.nn.Linear(2, 2).parameters()


def sgd(t):
    return t.optim.SGD(params(t), lr=0.1)


def written(t, data, name="file.pth"):
    path = t.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def checkpoint(t, obj=None, **kwargs):
    file = io.BytesIO()
    t.torch.save({"a": t.torch.ones(1000)} if obj is None else obj, file, **kwargs)
    return file.getvalue()


def checkpoint_of_args(t):
    """As torch writes {"args": Namespace(lr=1)}."""
    body = b"}" + text_item("args") + name("argparse", "Namespace") + b")\x81}" + text_item("lr") + b"K\x01sbs"
    return archive(body)


def script(t):
    file = io.BytesIO()
    t.torch.jit.save(t.torch.jit.trace(t.nn.Linear(20, 20), t.torch.ones(1, 20)), file)
    return file.getvalue()


def loader(t, *items, **kwargs):
    return list(t.data.DataLoader(Items(*items), batch_size=len(items), **kwargs))


def picture(size=32, mode="RGB"):
    return Image.new(mode, (size, size))


def encoded(kind):
    file = io.BytesIO()
    Image.effect_noise((64, 64), 90).convert("RGB").save(file, kind)
    return file.getvalue()


def bomb():
    """The head of a picture of 60000 by 60000."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")


def from_folder(t, content, name, **kwargs):
    """The first sample of a folder of images with one file."""
    written(t, content, f"images/cat/{name}")
    images = t.datasets.ImageFolder(t.folder / "images", transform=t.transforms.ToTensor())
    return list(t.data.DataLoader(images, **kwargs)) if kwargs else images[0]


def empty_folder(t, name):
    (t.folder / "images" / name).mkdir(parents=True)
    return t.datasets.ImageFolder(t.folder / "images")


def mnist(t):
    """MNIST in files that end after 500 bytes of their images."""
    for file in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                 "t10k-labels-idx1-ubyte"):
        written(t, bytes([0, 0, 8, 3, 0, 0, 0, 100, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes(500), f"MNIST/raw/{file}")
    return t.datasets.MNIST(t.folder)


def broken_archive(t):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        archive.add(__file__, "x")
    t.datasets.utils.extract_archive(str(written(t, file.getvalue()[:500], "x.tar.gz")), str(t.folder / "out"))


def normalize(t, x, std=(0.5, 0.5, 0.5)):
    return t.transforms.Normalize((0.5, 0.5, 0.5), std)(x)


def ones(*shape):
    return lambda t: t.torch.ones(*shape)


def conv(t, channels=3, size=8, dtype=None, **kwargs):
    return t.nn.Conv2d(3, 8, kwargs.pop("kernel", 3), **kwargs)(t.torch.zeros(1, channels, size, size, dtype=dtype))


def cross_entropy(t, scores, targets, **kwargs):
    return t.F.cross_entropy(t.torch.zeros(*scores), t.torch.tensor(targets, **kwargs))


def state(t, **shapes):
    return {key: t.torch.ones(*shape) for key, shape in shapes.items()}


def fit(t, state):
    t.nn.Linear(2, 3).load_state_dict(state)


IN_FC1 = r"in module 'fc1': Linear\(in_features=4096, out_features=512, bias=True\)"
REFUSED = (pickle.UnpicklingError, "Weights only load failed")

# ---- the cases --------------------------------------------------------------------------------------

from pycnn import CheckpointError, OutOfMemoryError  # noqa: E402

CASES = [Case(*row) for row in [
    # layers
    ("linear: other features", flat, RuntimeError, r"mat1 and mat2 shapes cannot be multiplied \(2x3200 and 4096x512\)", IN_FC1),
    ("linear: says what the layer has", lambda t: t.nn.Linear(4, 5)(t.torch.ones(1, 3)), RuntimeError, "mat1 and mat2 shapes", "in_features=4, its input has 3"),
    ("linear: float64", lambda t: t.nn.Linear(3, 8)(t.torch.zeros(1, 3, dtype=t.torch.float64)), RuntimeError, "mat1 and mat2 must have the same dtype, but got Double and Float", r"\.float\(\)"),
    ("linear: an array", lambda t: t.nn.Linear(3, 3)(np.zeros((1, 3), np.float32)), TypeError, r"linear\(\): argument 'input' \(position 1\) must be Tensor, not numpy.ndarray", "in module Linear"),
    ("linear: a float as size", lambda t: t.nn.Linear(4096.0, 8), TypeError, 'failed to unpack the object at pos 2 with error "type must be tuple of ints,but got float"'),
    ("linear: a negative size", lambda t: t.nn.Linear(-1, 8), RuntimeError, r"Trying to create tensor with negative dimension -1: \[8, -1\]"),
    ("conv: one channel", lambda t: conv(t, 1), RuntimeError, r"Given groups=1, weight of size \[8, 3, 3, 3\], expected input\[1, 1, 8, 8\] to have 3 channels, but got 1 channels instead", r"Grayscale\(3\)"),
    ("conv: channels last", lambda t: t.nn.Conv2d(3, 8, 3)(t.torch.zeros(1, 8, 8, 3)), RuntimeError, r"expected input\[1, 8, 8, 3\] to have 3 channels", r"permute\(0, 3, 1, 2\)"),
    ("conv: transparency", lambda t: conv(t, 4), RuntimeError, r"expected input\[1, 4, 8, 8\] to have 3 channels", r"convert\('RGB'\)"),
    ("conv: a matrix", lambda t: t.nn.Conv2d(3, 8, 3)(t.torch.zeros(32, 32)), RuntimeError, r"Expected 3D \(unbatched\) or 4D \(batched\) input to conv2d, but got input of size: \[32, 32\]", "in module Conv2d"),
    ("conv: bytes", lambda t: conv(t, dtype=t.torch.uint8), RuntimeError, r"Input type \(unsigned char\) and bias type \(float\) should be the same", r"ToTensor\(\), or \.float\(\)"),
    ("conv: an array", lambda t: t.nn.Conv2d(3, 3, 1)(np.zeros((1, 3, 3, 3), np.float32)), TypeError, r"conv2d\(\)", "must be Tensor, not numpy.ndarray"),
    ("conv: kernel beyond input", lambda t: conv(t, size=5, kernel=7), RuntimeError, r"Calculated padded input size per channel: \(5 x 5\). Kernel size: \(7 x 7\). Kernel size can't be greater than actual input size", "in module Conv2d"),
    ("conv: kernel -3", lambda t: t.nn.Conv2d(3, 8, -3), RuntimeError, "", "kernel size should be greater than zero", (RuntimeError, "negative dimension -3")),
    ("conv: kernel 0", lambda t: t.nn.Conv2d(3, 8, 0), RuntimeError, "kernel size should be greater than zero", "", ACCEPTED),
    ("conv: kernel 0, in forward", lambda t: t.F.conv2d(t.torch.zeros(1, 3, 5, 5), t.torch.zeros(8, 3, 0, 0)), RuntimeError, "kernel size should be greater than zero"),
    ("conv: stride 0", lambda t: t.nn.Conv2d(3, 8, 3, stride=0), RuntimeError, "non-positive stride is not supported", "", ACCEPTED),
    ("conv: stride 0, in forward", lambda t: t.F.conv2d(t.torch.zeros(1, 3, 5, 5), t.torch.zeros(8, 3, 3, 3), stride=0), RuntimeError, "non-positive stride is not supported"),
    ("conv: padding -1", lambda t: t.nn.Conv2d(3, 8, 3, padding=-1), RuntimeError, "negative padding is not supported", "", ACCEPTED),
    ("conv: padding -1, in forward", lambda t: t.F.conv2d(t.torch.zeros(1, 3, 5, 5), t.torch.zeros(8, 3, 3, 3), padding=-1), RuntimeError, "negative padding is not supported"),
    ("conv: dilation 0", lambda t: t.nn.Conv2d(3, 8, 3, dilation=0), RuntimeError, "dilation should be greater than zero", "", ACCEPTED),
    ("conv: dilation 0, in forward", lambda t: t.F.conv2d(t.torch.zeros(1, 3, 5, 5), t.torch.zeros(8, 3, 3, 3), dilation=0), RuntimeError, r"dilation should be greater than zero, but got \[0, 0\]"),
    ("conv: a float as kernel", lambda t: t.nn.Conv2d(3, 8, 3.0), TypeError, "", "'kernel_size' must be int or tuple of 2 ints", (TypeError, "must be tuple of ints")),
    ("conv: None as kernel", lambda t: t.nn.Conv2d(3, 8, None), TypeError, "", "'kernel_size' must be int", (TypeError, "must be tuple of ints")),
    ("conv: groups", lambda t: t.nn.Conv2d(3, 8, 3, groups=2), ValueError, "in_channels must be divisible by groups"),
    ("pool: larger than its input", lambda t: t.nn.MaxPool2d(4)(t.torch.zeros(1, 3, 2, 2)), RuntimeError, r"Given input size: \(3x2x2\). Calculated output size: \(3x0x0\). Output size is too small", "in module MaxPool2d"),
    ("pool: 0", lambda t: t.nn.MaxPool2d(0)(t.torch.zeros(1, 3, 2, 2)), RuntimeError, "stride should not be zero", "in module MaxPool2d"),
    ("pool: padding", lambda t: t.nn.MaxPool2d(2, padding=2)(t.torch.zeros(1, 3, 4, 4)), RuntimeError, "pad should be at most half of effective kernel size, but got pad=2, kernel_size=2 and dilation=1"),
    ("unfold: kernel 0", lambda t: t.F.unfold(t.torch.zeros(1, 2, 5, 5), 0), RuntimeError, "kernel size should be greater than zero, but got kernel_height: 0 kernel_width: 0"),
    ("unfold: stride 0", lambda t: t.F.unfold(t.torch.zeros(1, 2, 5, 5), 2, stride=0), RuntimeError, "stride should be greater than zero, but got stride_height: 0 stride_width: 0"),
    ("fold: dilation 0", lambda t: t.F.fold(t.torch.zeros(1, 12, 4), 3, 2, dilation=0), RuntimeError, "dilation should be greater than zero, but got dilation_height: 0 dilation_width: 0"),
    ("fold: padding -1", lambda t: t.F.fold(t.torch.zeros(1, 12, 4), 3, 2, padding=-1), RuntimeError, "padding should be non-negative, but got pad_height: -1 pad_width: -1"),
    ("batch norm: one sample", lambda t: t.nn.BatchNorm1d(8)(t.torch.zeros(1, 8)), ValueError, r"Expected more than 1 value per channel when training, got input size torch.Size\(\[1, 8\]\)", r"drop_last=True in the loader, or eval\(\)"),
    ("batch norm: other channels", lambda t: t.nn.BatchNorm2d(8)(t.torch.zeros(4, 3, 2, 2)), RuntimeError, "running_mean should contain 3 elements not 8", "in module BatchNorm2d"),
    ("batch norm: a matrix", lambda t: t.nn.BatchNorm2d(8)(t.torch.zeros(4, 8)), ValueError, r"expected 4D input \(got 2D input\)"),
    ("dropout: 1.5", lambda t: t.nn.Dropout(1.5), ValueError, "dropout probability has to be between 0 and 1, but got 1.5"),
    ("embedding: beyond", lambda t: t.nn.Embedding(3, 2)(t.torch.tensor([5])), IndexError, "index out of range in self"),
    ("module: no super().__init__()", forgetful, AttributeError, r"cannot assign module before Module.__init__\(\) call"),
    ("module: no super().__init__(), no layers", lambda t: forgetful(t, True), AttributeError, "'Net' object has no attribute '_", r"let Net.__init__ begin with super\(\).__init__\(\)"),
    ("module: no forward", lambda t: type("Net", (t.nn.Module,), {})()(1), NotImplementedError, r'Module \[Net\] is missing the required "forward" function'),
    ("module: no such attribute", lambda t: t.nn.Linear(2, 2).weigth, AttributeError, "'Linear' object has no attribute 'weigth'"),
    ("module: train('yes')", lambda t: t.nn.Linear(2, 2).train("yes"), ValueError, "training mode is expected to be boolean"),
    # tensors
    ("view: of a permutation", lambda t: t.torch.ones(2, 3, 4).permute(2, 0, 1).view(-1), RuntimeError, r"view size is not compatible with input tensor's size and stride \(at least one dimension spans across two contiguous subspaces\). Use .reshape\(...\) instead."),
    ("view: other size", lambda t: t.torch.ones(6).view(4, 2), RuntimeError, r"shape '\[4, 2\]' is invalid for input of size 6"),
    ("add: shapes", lambda t: t.torch.ones(3) + t.torch.ones(4), RuntimeError, r"The size of tensor a \(3\) must match the size of tensor b \(4\) at non-singleton dimension 0"),
    ("matmul: shapes", lambda t: t.torch.ones(2, 3) @ t.torch.ones(4, 5), RuntimeError, r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 4x5\)"),
    ("cat: no tensor", lambda t: t.torch.cat([t.torch.ones(2, 3), None]), TypeError, "expected Tensor as element 1 in argument 0, but got NoneType"),
    ("cat: shapes", lambda t: t.torch.cat([t.torch.ones(2, 3), t.torch.ones(2, 4)]), RuntimeError, "Sizes of tensors must match except in dimension 0. Expected size 3 but got size 4 for tensor number 1 in the list."),
    ("index: beyond", lambda t: t.torch.ones(2)[5], IndexError, "index 5 is out of bounds for dimension 0 with size 2"),
    ("index: dimensions", lambda t: t.torch.ones(2)[0, 0], IndexError, "too many indices for tensor of dimension 1"),
    ("dimension: beyond", lambda t: t.torch.zeros(2, 3).softmax(2), IndexError, r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 2\)"),
    ("topk: beyond", lambda t: t.torch.ones(3).topk(5), RuntimeError, "selected index k out of range", "the dimension has 3 elements"),
    ("item: of two", lambda t: t.torch.ones(2).item(), RuntimeError, "a Tensor with 2 elements cannot be converted to Scalar"),
    ("bool: of two", lambda t: bool(t.torch.ones(2)), RuntimeError, "Boolean value of Tensor with more than one value is ambiguous"),
    ("numpy: of a leaf", lambda t: leaf(t).numpy(), RuntimeError, r"Can't call numpy\(\) on Tensor that requires grad. Use tensor.detach\(\).numpy\(\) instead."),
    ("tensor: rows of different length", lambda t: t.torch.tensor([[1, 2], [3]]), ValueError, r"expected sequence of length 2 at dim 1 \(got 1\)"),
    ("tensor: None", lambda t: t.torch.tensor(None), RuntimeError, "Could not infer dtype of NoneType"),
    ("tensor: None within", lambda t: t.torch.tensor([1.0, None]), RuntimeError, "Could not infer dtype of NoneType"),
    ("tensor: a string", lambda t: t.torch.tensor("3"), TypeError, r"new\(\): invalid data type 'str'"),
    ("tensor: strings", lambda t: t.torch.tensor(["3"]), ValueError, "too many dimensions 'str'"),
    ("tensor: beyond int64", lambda t: t.torch.tensor(2 ** 70), ValueError, "Overflow when unpacking long"),
    ("from_numpy: a list", lambda t: t.torch.from_numpy([1]), TypeError, r"expected np.ndarray \(got list\)"),
    ("from_numpy: objects", lambda t: t.torch.from_numpy(np.array([None, 1], dtype=object)), TypeError, "can't convert np.ndarray of type numpy.object_. The only supported types are: float64, float32", "rows of different length"),
    ("from_numpy: strings", lambda t: t.torch.from_numpy(np.array(["a"])), TypeError, "can't convert np.ndarray of type numpy.str_"),
    ("empty: 40 terabytes", lambda t: t.torch.empty(10 ** 13), OutOfMemoryError, "can't allocate memory: you tried to allocate 40000000000000 bytes", r"float32 tensor of size \[10000000000000\]"),
    ("empty: beyond 64 bits", lambda t: t.torch.empty(2 ** 40, 2 ** 40), RuntimeError, r"Storage size calculation overflowed with sizes=\[1099511627776, 1099511627776\]"),
    ("empty: a negative size", lambda t: t.torch.empty(-1), RuntimeError, "Trying to create tensor with negative dimension -1: "),
    ("zeros: a float as size", lambda t: t.torch.zeros(2.5), TypeError, r"zeros\(\): argument 'size' \(position 1\) must be tuple of ints, not float"),
    ("relu: an array", lambda t: t.F.relu(np.zeros(3, np.float32)), TypeError, r"relu\(\): argument 'input' \(position 1\) must be Tensor, not numpy.ndarray"),
    ("device: no such", lambda t: t.torch.device("gpu"), RuntimeError, "Expected one of cpu, cuda,.* device type at start of device string: gpu"),
    ("device: no GPU", lambda t: t.torch.ones(2).cuda(), AssertionError, "", "Torch not compiled with CUDA enabled", (RuntimeError, "Found no NVIDIA driver")),
    ("seed: a string", lambda t: t.torch.manual_seed("a"), ValueError, "invalid literal for int"),
    # gradients
    ("backward: twice", twice, RuntimeError, r"Trying to backward through the graph a second time.*Specify retain_graph=True"),
    ("backward: changed in place", changed_in_place, RuntimeError, r"one of the variables needed for gradient computation has been modified by an inplace operation: \[torch.FloatTensor \[3\]\], which is output 0 of [Ee]xp, is at version 1; expected version 0 instead", r"clone\(\)"),
    ("backward: no scalar", lambda t: (leaf(t) * 2).backward(), RuntimeError, "grad can be implicitly created only for scalar outputs", r"shape \[3\]: take its \.mean\(\)"),
    ("backward: no graph", lambda t: t.torch.ones(()).backward(), RuntimeError, "element 0 of tensors does not require grad and does not have a grad_fn", r"no_grad\(\).*frozen"),
    ("in place: on a leaf", lambda t: leaf(t).add_(1), RuntimeError, "a leaf Variable that requires grad is being used in an in-place operation.", r"no_grad\(\)"),
    # losses
    ("loss: view changed the batch", lambda t: t.nn.CrossEntropyLoss()(program(t, 28), t.torch.zeros(64, dtype=t.torch.int64)), ValueError, r"Expected input batch_size \(49\) to match target batch_size \(64\)", r"view\(\) in the model changed the batch"),
    ("loss: other batch", lambda t: cross_entropy(t, (4, 10), [1, 1, 1]), ValueError, r"Expected input batch_size \(4\) to match target batch_size \(3\).", r"shape \[4, 10\], the targets \[3\]"),
    ("loss: float labels", lambda t: cross_entropy(t, (2, 3), [0.0, 1.0]), RuntimeError, "expected target dtype to be Long or Byte, but got Float", r"\.long\(\)"),
    ("loss: label 10 of 10", lambda t: cross_entropy(t, (2, 10), [1, 10]), IndexError, "Target 10 is out of bounds.", "element 1 of the targets; there are 10 classes"),
    ("loss: label -1", lambda t: cross_entropy(t, (2, 10), [-1, 1]), IndexError, "Target -1 is out of bounds.", "element 0 of the targets"),
    ("loss: labels in a column", lambda t: cross_entropy(t, (4, 10), [[1], [1], [1], [1]]), RuntimeError, "0D or 1D target tensor expected, multi-target not supported", r"\.squeeze\(1\)"),
    ("loss: one-hot integers", lambda t: cross_entropy(t, (2, 2), [[1, 0], [0, 1]]), RuntimeError, "Expected floating point type for target with class probabilities, got Long", r"argmax\(1\)"),
    ("loss: nll beyond", lambda t: t.F.nll_loss(t.torch.ones(3, 4), t.torch.tensor([0, 1, 7])), IndexError, "Target 7 is out of bounds.", "element 2"),
    ("loss: no probabilities", lambda t: t.F.binary_cross_entropy(t.torch.full((3,), 2.0), t.torch.ones(3)), RuntimeError, "all elements of input should be between 0 and 1", "sigmoid"),
    # loaders
    ("loader: batch_size 0", lambda t: t.data.DataLoader(Items(1), batch_size=0), ValueError, "batch_size should be a positive integer value, but got batch_size=0"),
    ("loader: batch_size -1", lambda t: t.data.DataLoader(Items(1), batch_size=-1), ValueError, "batch_size should be a positive integer value, but got batch_size=-1"),
    ("loader: batch_size 2.0", lambda t: t.data.DataLoader(Items(1), batch_size=2.0), ValueError, r"batch_size should be a positive integer value, but got batch_size=2\.0"),
    ("loader: workers -1", lambda t: t.data.DataLoader(Items(1), num_workers=-1), ValueError, "num_workers option should be non-negative"),
    ("loader: empty and shuffled", lambda t: t.data.DataLoader(Items(), shuffle=True), ValueError, "num_samples should be a positive integer value, but got num_samples=0", "the data set is empty"),
    ("loader: no data set", lambda t: list(t.data.DataLoader(5)), TypeError, r"object of type 'int' has no len\(\)"),
    ("loader: images of different size", lambda t: loader(t, t.torch.ones(3, 4), t.torch.ones(3, 5)), RuntimeError, r"stack expects each tensor to be equal size, but got \[3, 4\] at entry 0 and \[3, 5\] at entry 1", "Resize, CenterCrop"),
    ("loader: no ToTensor", lambda t: loader(t, picture()), TypeError, "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found <class 'PIL.Image.Image'>", r"ToTensor\(\)"),
    ("loader: the data set raises", lambda t: loader(t, 1, KeyError("x")), KeyError, "x", "sample 1 of the data set"),
    ("loader: a worker raises", lambda t: loader(t, 1, KeyError("x"), num_workers=1), KeyError, "Caught KeyError in DataLoader worker process 0", "sample 1 of the data set"),
    ("loader: a worker is killed", lambda t: list(t.data.DataLoader(Killed(1), num_workers=1)), RuntimeError, r"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly", "killed by SIGKILL"),
    ("loader: split", lambda t: t.data.random_split(Items(1, 2, 3), [1, 1]), ValueError, "Sum of input lengths does not equal the length of the input dataset!"),
    # files
    ("load: no such file", lambda t: t.torch.load(t.folder / "none.pth"), FileNotFoundError, "No such file or directory: '.*none.pth'"),
    ("load: truncated", lambda t: t.torch.load(written(t, checkpoint(t)[:2000])), CheckpointError, "", r"file.pth \(2000 bytes\): truncated", (RuntimeError, "failed finding central directory")),
    ("load: truncated, legacy", lambda t: t.torch.load(written(t, checkpoint(t, _use_new_zipfile_serialization=False)[:2000])), CheckpointError, "", r"file.pth \(2000 bytes\): .*truncated", (Exception, "")),
    ("load: empty", lambda t: t.torch.load(written(t, b"")), CheckpointError, "", r"file.pth \(0 bytes\): the file is empty", (EOFError, "")),
    ("load: no checkpoint", lambda t: t.torch.load(written(t, bytes(range(256)))), CheckpointError, "", r"file.pth \(256 bytes\): not a checkpoint", REFUSED),
    ("load: code", lambda t: t.torch.load(written(t, pickle.dumps(Command()))), CheckpointError, "", r"file.pth \(\d+ bytes\)", REFUSED),
    ("load: a model in it", lambda t: t.torch.load(written(t, archive(name("__main__", "SimpleCNN") + b")\x81"))), CheckpointError, "Weights only load failed.*GLOBAL __main__.SimpleCNN was not an allowed global by default", r"torch.save\(torch.load\(f, weights_only=False\).state_dict\(\), f\)", (pickle.UnpicklingError, "Weights only load failed(?s:.*)__main__.SimpleCNN")),
    ("load: a namespace in it", lambda t: t.torch.load(written(t, checkpoint_of_args(t))), CheckpointError, "Weights only load failed.*argparse.Namespace", r"vars\(args\)", REFUSED),
    ("jit.load: truncated", lambda t: t.torch.jit.load(written(t, script(t)[:2000], "model.pt")), CheckpointError, "", r"model.pt \(2000 bytes\): truncated", (RuntimeError, "failed finding central directory")),
    ("save: a full device", lambda t: t.torch.save({"a": t.torch.ones(100000)}, "/dev/full"), CheckpointError, "", "No space left on device: '/dev/full'", (RuntimeError, "unexpected pos")),
    ("save: no such folder", lambda t: t.torch.save({}, t.folder / "none" / "x.pth"), CheckpointError, "Parent directory .*none does not exist."),
    ("save: a function", lambda t: t.torch.save({"a": lambda x: x}, t.folder / "x.pth"), TypeError, "", r"cannot save obj\['a'\], an object of type builtins.function", (AttributeError, "Can't pickle")),
    ("state_dict: missing", lambda t: fit(t, state(t, weight=(3, 2))), RuntimeError, r'Error\(s\) in loading state_dict for Linear:\n\tMissing key\(s\) in state_dict: "bias"'),
    ("state_dict: shape", lambda t: fit(t, state(t, weight=(5, 2), bias=(3,))), RuntimeError, r"size mismatch for weight: copying a param with shape torch.Size\(\[5, 2\]\) from checkpoint, the shape in current model is torch.Size\(\[3, 2\]\)."),
    ("state_dict: misspelt", lambda t: fit(t, state(t, wieght=(3, 2), bias=(3,))), RuntimeError, r'Missing key\(s\) in state_dict: "weight"(?s:.*)Unexpected key\(s\) in state_dict: "wieght"', 'Nearest: "weight" for "wieght"'),
    ("state_dict: a checkpoint", lambda t: fit(t, {"model": t.nn.Linear(2, 3).state_dict(), "epoch": 3}), RuntimeError, 'Unexpected key.*"model", "epoch"', r"use load_state_dict\(checkpoint\['model'\]\)"),
    ("state_dict: of a DataParallel", lambda t: fit(t, {"module.weight": t.torch.ones(3, 2), "module.bias": t.torch.ones(3)}), RuntimeError, 'Unexpected key.*"module.weight", "module.bias"', 'begin with "module."'),
    ("state_dict: a path", lambda t: fit(t, "model.pth"), TypeError, "Expected state_dict to be dict-like, got <class 'str'>", r"torch.load\(path\)"),
    ("CIFAR: missing", lambda t: t.datasets.CIFAR10(t.folder / "none"), RuntimeError, "Dataset not found or corrupted. You can use download=True to download it", "data_batch_1 is missing.*cifar-10-python.tar.gz"),
    ("CIFAR: a broken archive", broken_archive, RuntimeError, "Compressed file ended before the end-of-stream marker was reached", "x.tar.gz is damaged", (EOFError, "Compressed file ended")),
    ("MNIST: cut off", mnist, RuntimeError, r"shape '\[100, 28, 28\]' is invalid for input of size 500", "train-images-idx3-ubyte was cut off"),
    ("MNIST: missing", lambda t: t.datasets.MNIST(t.folder / "none"), RuntimeError, "Dataset not found. You can use download=True to download it", "train-images-idx3-ubyte is missing"),
    ("folder: none", lambda t: t.datasets.ImageFolder(t.folder / "none"), FileNotFoundError, "No such file or directory: '.*none'"),
    ("folder: without classes", lambda t: t.datasets.ImageFolder(t.folder), FileNotFoundError, "Couldn't find any class folder in", "a folder for each class"),
    ("folder: without images", lambda t: empty_folder(t, "cat"), FileNotFoundError, "Found no valid file for the classes cat. Supported extensions are: .jpg", ""),
    ("folder: a truncated PNG", lambda t: from_folder(t, encoded("PNG")[:3000], "x.png"), OSError, "image file is truncated", r"cat/x\.png"),
    ("folder: a truncated JPEG", lambda t: from_folder(t, encoded("JPEG")[:1500], "x.jpg"), OSError, r"image file is truncated \(\d+ bytes not processed\)", r"cat/x\.jpg"),
    ("folder: no image", lambda t: from_folder(t, b"garbage" * 30, "x.jpg"), UnidentifiedImageError, "cannot identify image file .*cat/x.jpg", "is_valid_file="),
    ("folder: no image, in a loader", lambda t: from_folder(t, b"garbage" * 30, "x.jpg", num_workers=0), UnidentifiedImageError, "cannot identify image file .*cat/x.jpg", "sample 0 of the data set"),
    ("folder: a bomb", lambda t: from_folder(t, bomb(), "x.png"), Image.DecompressionBombError, "Image size .3600000000 pixels. exceeds limit of 178956970 pixels"),
    # models
    ("model: no such weights", lambda t: t.models.resnet18(weights="IMAGENET1K_V9"), KeyError, "IMAGENET1K_V9", "weights may be IMAGENET1K_V1, DEFAULT.*path"),
    ("model: another's weights", lambda t: t.models.resnet18(weights=t.models.ResNet50_Weights.DEFAULT), TypeError, "Invalid Weight class provided; expected ResNet18_Weights but received ResNet50_Weights."),
    ("model: weights of other classes", lambda t: t.models.resnet18(weights="IMAGENET1K_V1", num_classes=10), ValueError, "The parameter 'num_classes' expected value 1000 but got 10 instead."),
    ("model: no such", lambda t: t.models.get_model("resnet19"), ValueError, "Unknown model resnet19", "resnet18"),
    ("model: one image", lambda t: t.models.resnet18()(t.torch.zeros(1, 3, 32, 32)), ValueError, r"Expected more than 1 value per channel when training, got input size torch.Size\(\[1, 512, 1, 1\]\)", r"eval\(\)\s*in module 'layer4.0.bn1': BatchNorm2d\(512"),
    # optimizers
    ("Adam: lr -1", lambda t: t.optim.Adam(params(t), lr=-1), ValueError, "Invalid learning rate: -1"),
    ("Adam: lr nan", lambda t: t.optim.Adam(params(t), lr=float("nan")), ValueError, "Invalid learning rate: nan"),
    ("SGD: lr nan", lambda t: t.optim.SGD(params(t), lr=float("nan")), ValueError, "Invalid learning rate: nan", "", ACCEPTED),
    ("SGD: momentum nan", lambda t: t.optim.SGD(params(t), lr=0.1, momentum=float("nan")), ValueError, "Invalid momentum value: nan", "", ACCEPTED),
    ("Adam: betas", lambda t: t.optim.Adam(params(t), betas=(1.0, 0.9)), ValueError, "Invalid beta parameter at index 0: 1.0"),
    ("Adam: no parameters", lambda t: t.optim.Adam([]), ValueError, "optimizer got an empty parameter list"),
    ("Adam: the model", lambda t: t.optim.Adam(t.nn.Linear(2, 2)), TypeError, "'Linear' object is not iterable"),
    ("Adam: no leaf", lambda t: t.optim.Adam([leaf(t) * 2]), ValueError, "can't optimize a non-leaf Tensor"),
    ("schedule: T_max 0", lambda t: t.schedule.CosineAnnealingLR(sgd(t), T_max=0), ValueError, "T_max must be a positive number", "", ACCEPTED),
    ("schedule: step_size 0", lambda t: t.schedule.StepLR(sgd(t), 0), ValueError, "step_size must be a positive integer", "", ACCEPTED),
    ("schedule: step_size_up 0", lambda t: t.schedule.CyclicLR(sgd(t), 0.1, 0.2, step_size_up=0), ValueError, "", "step_size_up must be positive", (ZeroDivisionError, "division by zero")),
    ("schedule: the model", lambda t: t.schedule.StepLR(t.nn.Linear(2, 2), 3), TypeError, "Linear is not an Optimizer"),
    # images
    ("Normalize: one channel", lambda t: normalize(t, t.torch.ones(1, 4, 4)), RuntimeError, r"output with shape \[1, 4, 4\] doesn't match the broadcast shape \[3, 4, 4\]"),
    ("Normalize: std 0", lambda t: normalize(t, t.torch.ones(3, 4, 4), (0.5, 0, 0.5)), ValueError, "std evaluated to zero after conversion to torch.float32, leading to division by zero."),
    ("Normalize: before ToTensor", lambda t: normalize(t, picture()), TypeError, "img should be Tensor Image. Got <class 'PIL.Image.Image'>"),
    ("Normalize: bytes", lambda t: normalize(t, t.torch.ones(3, 4, 4, dtype=t.torch.uint8)), TypeError, "Input tensor should be a float tensor. Got torch.uint8."),
    ("ToTensor: a tensor", lambda t: t.transforms.ToTensor()(t.torch.ones(3, 4, 4)), TypeError, "pic should be PIL Image or ndarray. Got <class '"),
    ("RandomCrop: beyond", lambda t: t.transforms.RandomCrop(40)(picture()), ValueError, r"Required crop size \(40, 40\) is larger than input image size \(32, 32\)"),
    ("flip: p 2", lambda t: t.transforms.RandomHorizontalFlip(p=2), ValueError, "p should be between 0 and 1, got 2", "", ACCEPTED),
    ("flip: p nan", lambda t: t.transforms.RandomVerticalFlip(p=float("nan")), ValueError, "p should be between 0 and 1, got nan", "", ACCEPTED),
    ("rotation: -1", lambda t: t.transforms.RandomRotation(-1), ValueError, "If degrees is a single number, it must be positive."),
    ("jitter: -1", lambda t: t.transforms.ColorJitter(brightness=-1), ValueError, "If brightness is a single number, it must be non negative."),
    ("jitter: hue", lambda t: t.transforms.ColorJitter(hue=0.7), ValueError, r"hue values should be between \(-0.5, 0.5\)"),
    ("erasing: p 2", lambda t: t.transforms.RandomErasing(p=2), ValueError, "Random erasing probability should be between 0 and 1"),
]]

# What torch refuses or says nothing of, and pycnn does with a warning: name, call, words of the warning, the result.
WARNED = [
    ("loss: all ignored", lambda t: cross_entropy(t, (2, 10), [-100, -100]), r"all 2 targets are ignored \(ignore_index=-100\)", float("nan")),
    ("loss: empty", lambda t: cross_entropy(t, (0, 10), [], dtype=t.torch.int64), "the loss of an empty batch is nan", float("nan")),
    ("loss: nan", lambda t: t.F.cross_entropy(t.torch.tensor([[0.0, 1.0], [0.0, float("nan")]]), t.torch.tensor([1, 1])), "the scores of sample 1 hold nan", float("nan")),
    ("from_numpy: flipped", lambda t: t.torch.from_numpy(np.arange(4.0)[::-1]), "has negative strides.*given a copy", [3, 2, 1, 0]),
    ("from_numpy: big-endian", lambda t: t.torch.from_numpy(np.arange(4, dtype=">f4")), "another byte order.*given a copy", [0, 1, 2, 3]),
    ("from_numpy: odd address", lambda t: t.torch.from_numpy(np.frombuffer(b"\0" + np.arange(4).tobytes(), np.int64, 4, 1)), "odd addresses.*given a copy", [0, 1, 2, 3]),
]


def empty_batch(t):
    """A batch of no images through a network and back."""
    model = t.nn.Sequential(t.nn.Conv2d(3, 8, 3), t.nn.ReLU(), t.nn.MaxPool2d(2), t.nn.Flatten(), t.nn.Linear(8 * 9, 4))
    model(t.torch.zeros(0, 3, 8, 8)).sum().backward()
    return [p.grad.abs().sum().item() for p in model.parameters()]


# What works in pycnn although it looks odd: name, call, the result. (torch takes labels of int64 and uint8 alone.)
FINE = [
    ("an empty batch", empty_batch, [0, 0, 0, 0]),
    *((f"loss: {name} labels",
       lambda t, name=name: round(cross_entropy(t, (2, 4), [3, 0], dtype=getattr(t.torch, name)).item(), 6), 1.386294)
      for name in ("int32", "int16", "int8", "uint8", "int64")),
]
