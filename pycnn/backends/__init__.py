"""torch.backends: switches that scripts set; those of other hardware are accepted and change nothing."""

from pycnn._missing import getattr_of as _getattr_of
from pycnn.backends import cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]


__getattr__ = _getattr_of(__name__, globals())
