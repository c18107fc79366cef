"""DataParallel: on a machine without GPUs, the module itself under torch's name."""

from pycnn._missing import getattr_of as _getattr_of
from pycnn.nn.modules.module import Module


class DataParallel(Module):
    """Runs `module`; its parameters have the prefix ``module.``, as in torch.

    Parameters
    ----------
    module : Module
    device_ids, output_device, dim : object
        Accepted: there is nothing to divide a batch among.

    Attributes
    ----------
    module : Module
    device_ids : list
        Empty.
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        self.module, self.device_ids = module, []

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)


class DistributedDataParallel(Module):
    """Raises torch's error: there is no process group, see :mod:`pycnn.distributed`.

    Parameters
    ----------
    module : Module
    device_ids : list, optional
        Any.
    output_device : int, optional
        Any.
    dim : int, default 0
        Any.
    **kwargs : object
        Any.
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0, **kwargs):
        from pycnn.distributed import get_world_size
        get_world_size()


__getattr__ = _getattr_of(__name__, globals())
