"""torch beside pycnn in one process."""

try:
    import torch
except ImportError:
    pass  # every test of this folder imports it and fails
else:
    torch.set_num_threads(1)  # the machine may be shared: OpenMP waits long for a busy core
