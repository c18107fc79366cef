"""torch.backends.mps: there is none."""


def is_available():
    """Return False."""
    return False


def is_built():
    """Return False."""
    return False
