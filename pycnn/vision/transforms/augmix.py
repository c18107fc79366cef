"""AugMix of the first version: that of the second with other draws, and the first version's arithmetic on Tensors."""

from pycnn import _C
from pycnn.vision.transforms import functional as F
from pycnn.vision.transforms._parameters import InterpolationMode
from pycnn.vision.transforms.v2 import _auto_augment


class AugMix(_auto_augment.AugMix):
    """Several chains of operations, mixed with the image. Hendrycks et al., arXiv:1912.02781.

    Parameters
    ----------
    severity : int, default 3
        Greatest strength, of ten.
    mixture_width : int, default 3
        Chains.
    chain_depth : int, default -1
        Operations of each; -1: one to three.
    alpha : float, default 1.0
        Of the distributions of the shares.
    all_ops : bool, default True
        Brightness, colour, contrast and sharpness too.
    interpolation : InterpolationMode, default BILINEAR
    fill : number or sequence, optional

    See Also
    --------
    torchvision.transforms.AugMix : same draws.
    """

    _functional = F

    def __init__(self, severity=3, mixture_width=3, chain_depth=-1, alpha=1.0, all_ops=True,
                 interpolation=InterpolationMode.BILINEAR, fill=None):
        super().__init__(severity, mixture_width, chain_depth, alpha, all_ops, interpolation, fill)

    @staticmethod
    def _draw_sign():
        return bool(_C.fn.randint(0, 2, (1,)))

    def __repr__(self):
        names = ("severity", "mixture_width", "chain_depth", "alpha", "all_ops", "interpolation", "fill")
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)}' for name in names)})"
