"""torch.utils: data sets and loaders are in ``pycnn.utils.data``."""
