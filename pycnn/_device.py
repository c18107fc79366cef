"""device, Size, memory formats and layouts: the small objects of torch's namespace."""

import os


class device:
    """A place to compute on: the CPU.

    ``device('cuda')`` can be made, as in torch, so that scripts which ask for it conditionally run; using it raises.

    Parameters
    ----------
    type : str, int or device
        "cpu", "cuda:0", ...; a number is a GPU's.
    index : int, optional
        Of the GPU.

    Raises
    ------
    RuntimeError
        If no such type is known.
    """

    __slots__ = ("type", "index")

    def __init__(self, type, index=None):
        if isinstance(type, device):
            type, index = type.type, type.index
        if isinstance(type, int):
            type, index = "cuda", type
        name, _, number = type.partition(":")
        if name not in ("cpu", "cuda", "mps", "xpu", "meta"):
            raise RuntimeError("Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, "
                               "maia, xla, lazy, vulkan, mps, meta, hpu, mtia, privateuseone device type at start of "
                               f"device string: {name}")
        self.type = name
        self.index = int(number) if number else index

    def __repr__(self):
        index = f", index={self.index}" if self.index is not None else ""
        return f"device(type='{self.type}'{index})"

    def __str__(self):
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other):
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self):
        return hash((self.type, self.index))

    def __reduce__(self):
        return device, (str(self),)


def check_device(d):
    """Raise torch's error if `d` is another device than the CPU (None stands for it, and with $PYCNN_CUDA_AS_CPU
    "cuda").
    """
    if d is None:
        return
    d = device(d)
    if d.type == "cuda":
        if os.environ.get("PYCNN_CUDA_AS_CPU", "0") in ("", "0"):
            raise AssertionError("Torch not compiled with CUDA enabled (pycnn computes on the CPU: ask "
                                 "torch.cuda.is_available(), or set PYCNN_CUDA_AS_CPU=1 to let 'cuda' mean the CPU)")
        return
    if d.type != "cpu":
        raise RuntimeError(f"pycnn computes on the CPU: device '{d}' is not available")


class Size(tuple):
    """A shape: a tuple of ints."""

    __slots__ = ()

    def __repr__(self):
        return f"torch.Size([{', '.join(map(str, self))}])"

    __str__ = __repr__

    def numel(self):
        """Return the number of elements of a tensor of this shape."""
        n = 1
        for size in self:
            n *= size
        return n

    def __getitem__(self, index):
        item = tuple.__getitem__(self, index)
        return Size(item) if isinstance(index, slice) else item

    def __add__(self, other):
        return Size(tuple.__add__(self, tuple(other)))

    def __mul__(self, n):
        return Size(tuple.__mul__(self, n))

    __rmul__ = __mul__

    def __reduce__(self):
        return Size, (tuple(self),)


class memory_format:
    """How a tensor's elements lie in memory: ``contiguous_format``, ``preserve_format`` or ``channels_last``.

    Parameters
    ----------
    name : str
    number : int
    """

    __slots__ = ("_name", "_number")

    def __init__(self, name, number):
        self._name, self._number = name, number

    def __index__(self):
        return self._number

    def __repr__(self):
        return f"torch.{self._name}"

    def __reduce__(self):
        return self._name


class layout:
    """How a tensor stores its elements: ``strided``, the only one here."""

    __slots__ = ()

    def __repr__(self):
        return "torch.strided"

    def __reduce__(self):
        return "strided"


contiguous_format = memory_format("contiguous_format", 0)
preserve_format = memory_format("preserve_format", 1)
channels_last = memory_format("channels_last", 2)
strided = layout()
