"""torch.backends.mkldnn: oneDNN is not used here."""


def is_available():
    """Return False."""
    return False
