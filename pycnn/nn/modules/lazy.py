"""Layers that learn their number of inputs from the first batch, and then are ordinary ones."""

from pycnn import _C
from pycnn.nn import parameter
from pycnn.nn.modules.batchnorm import BatchNorm1d, BatchNorm2d
from pycnn.nn.modules.conv import Conv1d, Conv2d, ConvTranspose2d
from pycnn.nn.modules.linear import Linear
from pycnn.nn.parameter import UninitializedParameter

_SIZES = {"Linear": ("in_features", -1), "Conv1d": ("in_channels", -2), "Conv2d": ("in_channels", -3),
          "ConvTranspose2d": ("in_channels", -3), "BatchNorm1d": ("num_features", 1),
          "BatchNorm2d": ("num_features", 1)}


class _Lazy:
    """What they share; the class behind it is what a layer becomes."""

    def _become_lazy(self, bias, affine=True):
        """Called where the ordinary layer has been made for no inputs."""
        if affine:
            self.weight = UninitializedParameter()
        if bias:
            self.bias = UninitializedParameter()
        self._initialize_hook = self.register_forward_pre_hook(lambda module, inputs: module._meet(inputs[0]))

    @property
    def cls_to_become(self):
        """The class that the layer has after its first batch."""
        return type(self).__mro__[2]

    def has_uninitialized_params(self):
        """Return True before the first batch."""
        return any(parameter.is_lazy(p) for p in self._parameters.values())

    def reset_parameters(self):
        """Draw the initial values, if the number of inputs is known."""
        if not self.has_uninitialized_params() and getattr(self, _SIZES[self.cls_to_become.__name__][0]) != 0:
            super().reset_parameters()

    def _shapes(self, size):
        """Of the weight and the bias."""
        if isinstance(self, Linear):
            return (self.out_features, size), (self.out_features,)
        if isinstance(self, (BatchNorm1d, BatchNorm2d)):
            return (size,), (size,)
        k = self.out_channels
        first = (size, k // self.groups) if self.transposed else (k, size // self.groups)
        return (*first, *self.kernel_size), (self.out_channels,)

    def initialize_parameters(self, input):
        """Give the parameters their shapes and values.

        Parameters
        ----------
        input : Tensor
            The first batch.
        """
        name, dim = _SIZES[self.cls_to_become.__name__]
        size = input.shape[dim]
        if self.has_uninitialized_params() or getattr(self, name) == 0:
            setattr(self, name, size)
            for values, shape in zip((self.weight, self.bias), self._shapes(size)):
                if parameter.is_lazy(values):
                    values.materialize(shape)
            for key in ("running_mean", "running_var"):
                if self._buffers.get(key) is not None:
                    setattr(self, key, _C.fn.empty((size,), dtype=self._buffers[key].dtype))
            self.reset_parameters()

    def _meet(self, input):
        self.initialize_parameters(input)
        self._initialize_hook.remove()
        del self._initialize_hook
        self.__class__ = self.cls_to_become

    def _load_from_state_dict(self, state_dict, prefix, *args):
        for key, values in self._parameters.items():
            if parameter.is_lazy(values) and prefix + key in state_dict:
                values.materialize(state_dict[prefix + key].shape)
        super()._load_from_state_dict(state_dict, prefix, *args)


class LazyLinear(_Lazy, Linear):
    """:class:`Linear` that learns `in_features` from the first batch.

    Parameters
    ----------
    out_features : int
    bias : bool, default True
    device : device or str, optional
    dtype : dtype, optional
        As :class:`Linear`'s.
    """

    def __init__(self, out_features, bias=True, device=None, dtype=None):
        super().__init__(0, 0, False, device, dtype)
        self.out_features = out_features
        self._become_lazy(bias)


class LazyConv1d(_Lazy, Conv1d):
    """:class:`Conv1d` that learns `in_channels` from the first batch.

    Parameters
    ----------
    out_channels, kernel_size, stride, padding, dilation, groups : int
    bias : bool, default True
    padding_mode : str, default "zeros"
    device : device or str, optional
    dtype : dtype, optional
        As :class:`Conv1d`'s.
    """

    def __init__(self, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 padding_mode="zeros", device=None, dtype=None):
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device, dtype)
        self.out_channels = out_channels
        self._become_lazy(bias)


class LazyConv2d(_Lazy, Conv2d):
    """:class:`Conv2d` that learns `in_channels` from the first batch.

    Parameters
    ----------
    out_channels, kernel_size, stride, padding, dilation, groups : int
    bias : bool, default True
    padding_mode : str, default "zeros"
    device : device or str, optional
    dtype : dtype, optional
        As :class:`Conv2d`'s.

    Examples
    --------
    >>> layer = LazyConv2d(8, 3)
    >>> layer(pycnn.zeros(1, 3, 8, 8)).shape, layer
    (torch.Size([1, 8, 6, 6]), Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1)))
    """

    def __init__(self, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 padding_mode="zeros", device=None, dtype=None):
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device, dtype)
        self.out_channels = out_channels
        self._become_lazy(bias)


class LazyConvTranspose2d(_Lazy, ConvTranspose2d):
    """:class:`ConvTranspose2d` that learns `in_channels` from the first batch.

    Parameters
    ----------
    out_channels, kernel_size, stride, padding, output_padding, groups : int
    bias : bool, default True
    dilation : int, default 1
    padding_mode : str, default "zeros"
    device : device or str, optional
    dtype : dtype, optional
        As :class:`ConvTranspose2d`'s.
    """

    def __init__(self, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True,
                 dilation=1, padding_mode="zeros", device=None, dtype=None):
        super().__init__(0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode,
                         device, dtype)
        self.out_channels = out_channels
        self._become_lazy(bias)


class LazyBatchNorm1d(_Lazy, BatchNorm1d):
    """:class:`BatchNorm1d` that learns `num_features` from the first batch.

    Parameters
    ----------
    eps, momentum, affine, track_running_stats, device, dtype, bias : object
        As :class:`BatchNorm1d`'s.
    """

    def __init__(self, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, device=None, dtype=None, *,
                 bias=True):
        super().__init__(0, eps, momentum, False, track_running_stats, device, dtype)
        self.affine = affine
        self._become_lazy(affine and bias, affine)


class LazyBatchNorm2d(_Lazy, BatchNorm2d):
    """:class:`BatchNorm2d` that learns `num_features` from the first batch.

    Parameters
    ----------
    eps, momentum, affine, track_running_stats, device, dtype, bias : object
        As :class:`BatchNorm2d`'s.
    """

    def __init__(self, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, device=None, dtype=None, *,
                 bias=True):
        super().__init__(0, eps, momentum, False, track_running_stats, device, dtype)
        self.affine = affine
        self._become_lazy(affine and bias, affine)
