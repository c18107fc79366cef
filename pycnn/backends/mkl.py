"""torch.backends.mkl: MKL is not used here."""


def is_available():
    """Return False."""
    return False
