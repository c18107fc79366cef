"""torch.backends.cuda: there is none; what a script sets is kept and changes nothing."""

from types import SimpleNamespace as _Namespace

matmul = _Namespace(allow_tf32=False, allow_fp16_reduced_precision_reduction=True)


def is_built():
    """Return False."""
    return False
