"""pycnn: the torch and torchvision workflow for image classification on CPUs, as a small C extension.

``import pycnn as torch`` and ``from pycnn import vision as torchvision``: what torch calls X is ``pycnn.X``.
"""

import importlib as _importlib
from math import e, inf, nan, pi

from pycnn import _C
from pycnn._C import (CheckpointError, OutOfMemoryError, bfloat16, bool, dtype, float16, float32, float64,
                      get_num_threads, int8, int16, int32, int64, is_grad_enabled, set_num_threads, uint8)
from pycnn._device import (Size, channels_last, contiguous_format, device, layout, memory_format, preserve_format,
                           strided)
from pycnn._default_dtype import get_default_dtype, set_default_dtype, set_default_tensor_type
from pycnn._tensor import Tensor
from pycnn._tensor_str import set_printoptions
from pycnn._types import (BFloat16Tensor, BoolTensor, ByteTensor, CharTensor, DoubleTensor, FloatTensor, HalfTensor,
                          IntTensor, LongTensor, ShortTensor, finfo, iinfo, typename)
from pycnn.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__version__ = "0.1.0"

# Every operator row with the function flag is a function of this module; some stand behind a Python function.
globals().update({name: fn for name, fn in vars(_C.fn).items() if not name.startswith("_")})
from pycnn._from_data import as_tensor, asarray, from_dlpack, from_numpy, is_tensor, tensor  # noqa: E402
from pycnn._einsum import einsum  # noqa: E402
from pycnn.functional import (  # noqa: E402
    allclose, argwhere, atleast_1d, atleast_2d, atleast_3d, block_diag, broadcast_shapes, broadcast_tensors,
    cartesian_prod, cdist, column_stack, diag, div, divide, dstack, equal, is_nonzero, isin, meshgrid, nan_to_num, norm,
    promote_types, result_type, split, tensor_split, trace, unique, unique_consecutive)
from pycnn import _compound  # noqa: E402

globals().update({name: getattr(_compound, name) for name in _compound.FUNCTIONS})

half, float, double = float16, float32, float64
short, int, long = int16, int32, int64

# Loaded when first used: torch.nn after `import pycnn as torch`, and nothing that a script does not need.
_SUBMODULES = {"accelerator", "amp", "autograd", "backends", "cuda", "distributed", "distributions", "functional",
               "hub", "jit", "linalg", "metrics", "multiprocessing", "nn", "optim", "plot", "random", "serialization",
               "utils", "version", "vision"}
_LAZY = {name: module for module, names in {
    "_alias": ["install_as_torch"], "_config": ["show_config"], "amp": ["GradScaler", "autocast"],
    "linalg": ["det", "inverse", "matrix_power", "pinverse", "slogdet"],
    "nn.functional": ["cosine_similarity", "pairwise_distance"], "serialization": ["load", "save"],
    "random": ["Generator", "default_generator", "get_rng_state", "initial_seed", "manual_seed", "seed",
               "set_rng_state"],
    "_switches": ["are_deterministic_algorithms_enabled", "compile", "get_default_device",
                  "get_float32_matmul_precision",
                  "get_num_interop_threads", "is_autocast_enabled", "is_deterministic_algorithms_warn_only_enabled",
                  "set_default_device", "set_float32_matmul_precision", "set_num_interop_threads",
                  "use_deterministic_algorithms"]}.items() for name in names}


def is_floating_point(input):
    """Return True if the dtype of `input` is a float.

    Parameters
    ----------
    input : Tensor

    Returns
    -------
    bool
    """
    return input.is_floating_point()


def is_complex(input):
    """Return False: there are no complex tensors here.

    Parameters
    ----------
    input : Tensor

    Returns
    -------
    bool
    """
    return input.is_complex()


def numel(input):
    """Return the number of elements of `input`.

    Parameters
    ----------
    input : Tensor

    Returns
    -------
    int
    """
    return input.numel()


def __getattr__(name):
    if name in _SUBMODULES:
        return _importlib.import_module(f"pycnn.{name}")
    if name in _LAZY:
        value = getattr(_importlib.import_module(f"pycnn.{_LAZY[name]}"), name)
        globals()[name] = value
        return value
    if name.startswith("__"):
        raise AttributeError(f"module 'pycnn' has no attribute '{name}'")
    from pycnn._missing import missing_attribute
    raise missing_attribute("pycnn", name, __dir__())


def __dir__():
    return sorted({name for name in globals() if not name.startswith("_")} | _SUBMODULES | set(_LAZY))
