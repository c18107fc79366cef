"""torch.version: what pycnn was built as."""

from pycnn import __version__  # noqa: F401

debug = False
cuda = hip = xpu = None
git_version = "unknown"
