"""torch.version: what pycnn was built as."""

from pycnn import __version__

debug = False
cuda = hip = xpu = None
git_version = "unknown"
