"""SummaryWriter: event files that TensorBoard shows, written without it."""

from pycnn._missing import getattr_of as _getattr_of
from pycnn.utils.tensorboard.writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "SummaryWriter"]

__getattr__ = _getattr_of(__name__, __all__)
