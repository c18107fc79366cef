"""Batch normalization layers."""

from pycnn import _C
from pycnn.nn import functional as F
from pycnn.nn.modules.normalization import _Affine


class _NormBase(_Affine):
    """What batch and instance norms share: parameters, running statistics, their loading from old files."""

    _version = 2

    def __init__(self, num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, device=None,
                 dtype=None, *, bias=True):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._make_parameters((num_features,), affine, affine and bias, device, dtype)
        if track_running_stats:
            self.register_buffer("running_mean", _C.fn.zeros((num_features,), device=device, dtype=dtype))
            self.register_buffer("running_var", _C.fn.ones((num_features,), device=device, dtype=dtype))
            self.register_buffer("num_batches_tracked", _C.fn.zeros((), dtype=_C.int64))
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)
        self.reset_parameters()

    def reset_running_stats(self):
        """Forget the running statistics."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self):
        """Forget the running statistics; weight 1, bias 0."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input_dim(self, input):
        raise NotImplementedError

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        version = local_metadata.get("version", None)
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            # files older than the counter
            known = self.num_batches_tracked is not None
            state_dict[key] = self.num_batches_tracked if known else _C.fn.zeros((), dtype=_C.int64)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def extra_repr(self):
        return (f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
                f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}")


class _BatchNorm(_NormBase):
    """What the batch norms share."""

    def forward(self, input):
        self._check_input_dim(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        counts = self.training and self.track_running_stats and self.num_batches_tracked is not None
        if counts and self.momentum is None:
            momentum = 1.0 / (float(self.num_batches_tracked) + 1)
        training = self.training or (self.running_mean is None and self.running_var is None)
        use_running = not self.training or self.track_running_stats
        result = F.batch_norm(input, self.running_mean if use_running else None,
                              self.running_var if use_running else None, self.weight, self.bias, training, momentum,
                              self.eps)
        if counts:  # a batch that is refused does not
            self.num_batches_tracked.add_(1)
        return result


def _expected(dims, input):
    if input.dim() not in dims:
        raise ValueError(f"expected {' or '.join(f'{d}D' for d in dims)} input (got {input.dim()}D input)")


class BatchNorm1d(_BatchNorm):
    """Batch normalization of [N, C] or [N, C, L]. Ioffe and Szegedy, arXiv:1502.03167.

    Parameters
    ----------
    num_features : int
        C.
    eps : float, default 1e-05
        Added to the variance.
    momentum : float or None, default 0.1
        Weight of the newest batch in the running statistics; None: a plain mean.
    affine : bool, default True
        Learn a scale and a shift.
    track_running_stats : bool, default True
        Keep running means and variances, for evaluation.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.
    bias : bool, default True
        With `affine`: learn the shift too.
    """

    def _check_input_dim(self, input):
        _expected((2, 3), input)


class BatchNorm2d(_BatchNorm):
    """Batch normalization of images [N, C, H, W]. Ioffe and Szegedy, arXiv:1502.03167.

    In training, each channel's mean and variance are those of the batch, and the running ones follow them: ``running =
    (1 - momentum) * running + momentum * batch``, with the unbiased variance. In evaluation, the running ones are used.

    Parameters
    ----------
    num_features : int
        C.
    eps : float, default 1e-05
        Added to the variance.
    momentum : float or None, default 0.1
        Weight of the newest batch in the running statistics; None: a plain mean.
    affine : bool, default True
        Learn a scale and a shift.
    track_running_stats : bool, default True
        Keep running means and variances and use them in evaluation.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.
    bias : bool, default True
        With `affine`: learn the shift too.

    Raises
    ------
    ValueError
        In forward, if the input has another number of dimensions, or in training a single value per channel.

    See Also
    --------
    torch.nn.BatchNorm2d : same behaviour, same state_dict.
    """

    def _check_input_dim(self, input):
        _expected((4,), input)


class BatchNorm3d(_BatchNorm):
    """Batch normalization of volumes [N, C, D, H, W]. Ioffe and Szegedy, arXiv:1502.03167.

    Parameters
    ----------
    num_features : int
        C.
    eps : float, default 1e-05
        Added to the variance.
    momentum : float or None, default 0.1
        Weight of the newest batch in the running statistics; None: a plain mean.
    affine : bool, default True
        Learn a scale and a shift.
    track_running_stats : bool, default True
        Keep running means and variances, for evaluation.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.
    bias : bool, default True
        With `affine`: learn the shift too.
    """

    def _check_input_dim(self, input):
        _expected((5,), input)


class SyncBatchNorm(_BatchNorm):
    """Batch normalization over all processes; with one process, over the batch.

    Parameters
    ----------
    num_features : int
        The number of channels.
    eps : float, default 1e-05
        Added to the variance.
    momentum : float or None, default 0.1
        Weight of the newest batch in the running statistics; None: a plain mean.
    affine : bool, default True
        Learn a scale and a shift.
    track_running_stats : bool, default True
        Keep running means and variances, for evaluation.
    process_group : None, optional
        Accepted and ignored: there is one process.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.
    bias : bool, default True
        With `affine`: learn the shift too.
    """

    def __init__(self, num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, process_group=None,
                 device=None, dtype=None, *, bias=True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input):
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module, process_group=None):
        """Return the module: with one process there is nothing to convert.

        Parameters
        ----------
        module : Module
            Any.
        process_group : None, optional
            Accepted and ignored: there is one process.

        Returns
        -------
        Module
            The same.
        """
        return module
