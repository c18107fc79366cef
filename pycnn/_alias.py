"""install_as_torch: ``import torch`` and ``import torchvision`` give pycnn."""

import importlib
import importlib.machinery
import importlib.util
import sys
import types

_REAL = {"torch": "pycnn", "torchvision": "pycnn.vision"}
# Whose names and behaviour pycnn follows; scripts compare them with what they need.
_VERSIONS = {"torch": "2.14.1", "torchvision": "0.29.1"}


class _Alias(types.ModuleType):
    """A top module under torch's name: everything but the version is the real one's."""

    def __init__(self, name):
        super().__init__(name, f"{_REAL[name]} under the name {name}.")
        real = importlib.import_module(_REAL[name])
        vars(self).update(_real=real, __version__=f"{_VERSIONS[name]}+pycnn{real.__version__}", __path__=[],
                          __spec__=importlib.machinery.ModuleSpec(name, None, is_package=True))

    def __getattr__(self, name):
        return dir(self._real) if name == "__all__" else getattr(self._real, name)

    def __setattr__(self, name, value):
        setattr(self._real, name, value)

    def __dir__(self):
        return dir(self._real)


class _Finder:
    """Finds ``torch.nn`` as ``pycnn.nn``: the same module object."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        head, _, rest = fullname.partition(".")
        if head not in _REAL or not rest:
            return None
        real = f"{_REAL[head]}.{rest}"
        try:
            known = importlib.util.find_spec(real) is not None
        except ModuleNotFoundError:
            known = False
        if not known:
            raise ModuleNotFoundError(f"pycnn has no module {fullname}", name=fullname)
        return importlib.machinery.ModuleSpec(fullname, _Loader(real))


class _Loader:
    def __init__(self, real):
        self._real = real

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        sys.modules[module.__name__] = importlib.import_module(self._real)


class _InChild:
    """Unpickled by a process that multiprocessing has spawned, before it imports the script."""

    def __reduce__(self):
        return install_as_torch, ()


def _tell_children():
    """Let processes started by spawn or forkserver begin with install_as_torch too."""
    from multiprocessing import spawn
    prepare = spawn.get_preparation_data
    spawn.get_preparation_data = lambda name: {"pycnn": _InChild(), **prepare(name)}


def install_as_torch():
    """Let ``import torch`` and ``import torchvision``, in this process, give pycnn and pycnn.vision.

    A script that knows nothing of pycnn then runs on it; ``python -m pycnn run script.py`` does this from outside. The
    modules are pycnn's own under other names; ``torch.__version__`` is that of the torch whose names pycnn follows,
    with pycnn's behind it.

    Raises
    ------
    RuntimeError
        If torch itself has been imported already.
    """
    for name in _REAL:
        if name in sys.modules and not isinstance(sys.modules[name], _Alias):
            raise RuntimeError(f"{name} is imported already: call install_as_torch() before anything imports it")
    if _Finder not in sys.meta_path:
        sys.modules.update({name: _Alias(name) for name in _REAL})
        sys.meta_path.insert(0, _Finder)
        _tell_children()
