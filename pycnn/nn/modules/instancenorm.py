"""Instance normalization layers."""

import warnings

from pycnn.nn import functional as F
from pycnn.nn.modules.batchnorm import _NormBase


class _InstanceNorm(_NormBase):
    """What the instance norms share; `_spatial` is the number of dimensions behind the channels."""

    _spatial = 2

    def __init__(self, num_features, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False, device=None,
                 dtype=None, *, bias=True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _check_input_dim(self, input):
        d = self._spatial
        if input.dim() not in (d + 1, d + 2):
            raise ValueError(f"expected {d + 1}D or {d + 2}D input (got {input.dim()}D input)")

    def forward(self, input):
        self._check_input_dim(input)
        batched = input.dim() == self._spatial + 2
        dim = 1 if batched else 0
        if input.shape[dim] != self.num_features:
            if self.affine:
                raise ValueError(f"expected input's size at dim={dim} to match num_features ({self.num_features}), but "
                                 f"got: {input.shape[dim]}.")
            warnings.warn(f"input's size at dim={dim} does not match num_features. You can silence this warning by not "
                          "passing in num_features, which is not used because affine=False", stacklevel=2)
        out = F.instance_norm(input if batched else input.unsqueeze(0), self.running_mean, self.running_var,
                              self.weight, self.bias, self.training or not self.track_running_stats,
                              0.0 if self.momentum is None else self.momentum, self.eps)
        return out if batched else out.squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    """Instance normalization of sequences [N, C, L] or [C, L]. Ulyanov et al., arXiv:1607.08022.

    Parameters
    ----------
    num_features : int
        C.
    eps : float, default 1e-05
        Added to the variance.
    momentum : float or None, default 0.1
        Weight of the newest batch in the running statistics.
    affine : bool, default False
        Learn a factor and an offset.
    track_running_stats : bool, default False
        Keep running means and variances, for evaluation.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.
    bias : bool, default True
        With `affine`: learn the shift too.
    """

    _spatial = 1


class InstanceNorm2d(_InstanceNorm):
    """Normalization of each channel of each image [N, C, H, W] or [C, H, W]. Ulyanov et al., arXiv:1607.08022.

    Parameters
    ----------
    num_features : int
        C.
    eps : float, default 1e-5
    momentum : float or None, default 0.1
    affine : bool, default False
        Learn a scale and a shift.
    track_running_stats : bool, default False
        Keep running statistics and use them in evaluation.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.
    bias : bool, default True
        With `affine`: learn the shift too.
    """


class InstanceNorm3d(_InstanceNorm):
    """Instance normalization of volumes [N, C, D, H, W] or [C, D, H, W]. Ulyanov et al., arXiv:1607.08022.

    Parameters
    ----------
    num_features : int
        C.
    eps : float, default 1e-05
        Added to the variance.
    momentum : float or None, default 0.1
        Weight of the newest batch in the running statistics.
    affine : bool, default False
        Learn a factor and an offset.
    track_running_stats : bool, default False
        Keep running means and variances, for evaluation.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.
    bias : bool, default True
        With `affine`: learn the shift too.
    """

    _spatial = 3
