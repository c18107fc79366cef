"""torch.backends: switches that scripts set; those of other hardware are accepted and change nothing."""

from types import SimpleNamespace as _Namespace

cudnn = _Namespace(benchmark=False, deterministic=False, enabled=False, allow_tf32=False, is_available=lambda: False)
mps = _Namespace(is_available=lambda: False, is_built=lambda: False)
cuda = _Namespace(matmul=_Namespace(allow_tf32=False), is_built=lambda: False)
