"""torch.cuda on a machine without one: the questions that scripts ask first, answered."""


def is_available():
    """Return False."""
    return False


def device_count():
    """Return 0."""
    return 0


def manual_seed(seed):
    """Do nothing: there is no GPU generator."""


def manual_seed_all(seed):
    """Do nothing: there is no GPU generator."""


def empty_cache():
    """Do nothing."""


def synchronize(device=None):
    """Raise AssertionError, as torch does without CUDA."""
    raise AssertionError("Torch not compiled with CUDA enabled")
