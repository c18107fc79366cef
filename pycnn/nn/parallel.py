"""DataParallel: on a machine without GPUs, the module itself under torch's name."""

from pycnn.nn.modules.module import Module


class DataParallel(Module):
    """Runs `module`; its parameters have the prefix ``module.``, as in torch.

    Parameters
    ----------
    module : Module
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        self.module = module

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)
