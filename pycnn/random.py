"""The default generator: seeding it, saving and restoring its state."""

import contextlib

from pycnn._C import Generator, default_generator
from pycnn._missing import getattr_of as _getattr_of

__all__ = ["Generator", "default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed",
           "set_rng_state"]


def manual_seed(seed):
    """Seed the default generator.

    Parameters
    ----------
    seed : int
        In [-2**63, 2**64 - 1]; negative ones count from 2**64.

    Returns
    -------
    Generator
        The default generator.
    """
    return default_generator.manual_seed(int(seed))


def seed():
    """Seed the default generator from the operating system and return the seed."""
    return default_generator.seed()


def initial_seed():
    """Return the seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state():
    """Return the state of the default generator: a uint8 tensor of 5056 elements, torch's own format."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Let the default generator go on from a state of :func:`get_rng_state`, pycnn's or torch's.

    Parameters
    ----------
    new_state : Tensor [5056] of uint8
    """
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices=None, enabled=True, device_type="cpu"):
    """Restore the default generator's state at the end of the block.

    Parameters
    ----------
    devices, device_type : object
        Accepted; there is one device.
    enabled : bool, default True
        False: do nothing.

    Yields
    ------
    None
    """
    state = get_rng_state() if enabled else None
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)


__getattr__ = _getattr_of(__name__, globals())
