"""torch.backends: switches that scripts set. Those of other hardware are accepted and change nothing.

Attributes
----------
winograd : {"f4", "f2", "off"}
    Which of Winograd's algorithms 3x3 convolutions in float32 may use, where they pay: with stride 1 F(4x4) and F(2x2),
    F(2x2) alone, or none; with stride 2 F(4, 2), or none if ``"off"``. ``"f4"`` unless the environment variable
    ``PYCNN_WINOGRAD`` says otherwise. Errors relative to exact sums are about 1e-6 with F(4x4), and 3e-7 with the
    others and with none.
"""

import sys as _sys
from types import ModuleType as _ModuleType

from pycnn import _C
from pycnn._missing import getattr_of as _getattr_of
from pycnn.backends import cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]


class _Backends(_ModuleType):
    @property
    def winograd(self):
        return _C._get_winograd()

    @winograd.setter
    def winograd(self, mode):
        _C._set_winograd(mode)


_sys.modules[__name__].__class__ = _Backends
__getattr__ = _getattr_of(__name__, globals())
