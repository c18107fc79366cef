"""torch.backends.openmp: OpenMP is not used here."""


def is_available():
    """Return False."""
    return False
