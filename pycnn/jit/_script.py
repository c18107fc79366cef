"""Modules that run a recorded graph, and their files."""

import io
import os

from pycnn import _C
from pycnn.nn.modules.module import Module
from pycnn.nn.parameter import Parameter


class ScriptModule(Module):
    """A network that is a graph: made by :func:`pycnn.jit.trace` or :func:`pycnn.jit.load`.

    It is called as the network was, has its parameters, buffers and children under the same names, can be trained, and
    is saved with :meth:`save`. What ``training`` was when the graph was made is part of the graph: :meth:`train` and
    :meth:`eval` set the flag alone, as in torch.

    Attributes
    ----------
    original_name : str
        Name of the class that was traced.

    See Also
    --------
    torch.jit.ScriptModule : same behaviour.
    """

    def __init__(self):
        super().__init__()
        self.__dict__.update(original_name=type(self).__name__, _graph=None, _root=None, _number=0, _script_modules=[],
                             _places=[])

    @classmethod
    def _build(cls, graph, modules, tensors, training, child_class=None):
        """Return the root of a tree for a graph.

        Parameters
        ----------
        graph : _C.Graph
        modules : list of (type, [(name, tensor number, is parameter), ...], [(child name, module number), ...])
            The root first.
        tensors : list of Tensor
        training : list of bool
        child_class : type, optional
            Of all others; default: that of the root.
        """
        made = [(cls if k == 0 else child_class or cls)() for k in range(len(modules))]
        places = [None] * len(tensors)
        for k, (module, flag, (qualified, attributes, children)) in enumerate(zip(made, training, modules)):
            module.training = flag
            module.__dict__.update(_root=made[0], _number=k)
            module.__dict__["original_name"] = qualified.rpartition(".")[2]
            for name, number, is_parameter in attributes:
                table = module._parameters if is_parameter else module._buffers
                table[name] = tensors[number]
                places[number] = places[number] or (table, name)
            for name, number in children:
                module._modules[name] = made[number]
        made[0].__dict__.update(_graph=graph, _script_modules=made, _places=places)
        return made[0]

    def _tensors(self):
        """What the graph calls its tensors, as they are now."""
        return [table[name] for table, name in self._places]

    def forward(self, *args, **kwargs):
        """Run the graph; of a part of a network, what its first call did."""
        graph = self._own_graph()
        return graph.run(self._root._tensors(), _bind(graph.input_names(), args, kwargs))

    @property
    def graph(self):
        """str : the operators of the graph, one a line."""
        return self._own_graph().text()

    @property
    def code(self):
        """str : the graph as TorchScript source."""
        return self._own_graph().code()

    def _own_graph(self):
        if self._graph is None:
            if self._root is None:
                raise NotImplementedError("a ScriptModule is made by jit.trace or jit.load")
            self.__dict__["_graph"] = self._root._graph.part(self._number)
        return self._graph

    def _whole(self):
        if self._root is not self:
            raise RuntimeError("a part of a traced model cannot be saved by itself: trace the part")
        return self._graph

    def save(self, f, _extra_files=None):
        """Write a TorchScript archive; see :func:`pycnn.jit.save`.

        Parameters
        ----------
        f : path or binary file
        _extra_files : dict of str to (str or bytes), optional
            Further records of the archive.
        """
        _save(self._whole(), self._tensors(), [m.training for m in self._script_modules], f, _extra_files)

    def extra_repr(self):
        return f"original_name={self.original_name}"


class RecursiveScriptModule(ScriptModule):
    """A module of a loaded archive."""


class ScriptFunction:
    """A traced function: called as the function was, saved with :meth:`save`.

    Parameters
    ----------
    graph : _C.Graph
    name : str
        The function's.

    See Also
    --------
    torch.jit.ScriptFunction : same behaviour.
    """

    def __init__(self, graph, name):
        self._graph, self.__name__ = graph, name
        self.name = name

    def __call__(self, *args, **kwargs):
        """Run the graph."""
        return self._graph.run([], _bind(self._graph.input_names(), args, kwargs))

    @property
    def graph(self):
        """str : the operators of the graph, one a line."""
        return self._graph.text()

    @property
    def code(self):
        """str : the graph as TorchScript source."""
        return self._graph.code()

    def save(self, f, _extra_files=None):
        """Write a TorchScript archive; see :func:`pycnn.jit.save`.

        Parameters
        ----------
        f : path or binary file
        _extra_files : dict of str to (str or bytes), optional
            Further records of the archive.
        """
        _save(self._graph, [], [True], f, _extra_files)


def _bind(names, args, kwargs):
    """Arguments in the order of the graph's inputs."""
    if len(args) > len(names):
        raise RuntimeError(f"forward() expected at most {len(names) + 1} argument(s) but received {len(args) + 1} "
                           f"argument(s). Declaration: forward(self, {', '.join(f'Tensor {n}' for n in names)})")
    if not kwargs and len(args) == len(names):
        return args
    for name in kwargs:
        if name not in names[len(args):]:
            raise RuntimeError(f"Unknown keyword argument '{name}' for operator 'forward'. Its arguments are: "
                               f"{', '.join(names)}")
    for name in names[len(args):]:
        if name not in kwargs:
            raise RuntimeError(f"forward() is missing value for argument '{name}'. Declaration: forward(self, "
                               f"{', '.join(f'Tensor {n}' for n in names)})")
    return [*args, *(kwargs[name] for name in names[len(args):])]


# ---- files


def _save(graph, tensors, training, f, extra_files):
    extra = {name: value.encode() if isinstance(value, str) else bytes(value)
             for name, value in (extra_files or {}).items()}
    if isinstance(f, (str, os.PathLike)):
        graph.save(os.fspath(f), tensors, training, extra)
        return
    if not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    graph.save(f.write, tensors, training, extra)
    if hasattr(f, "flush"):
        f.flush()


def save(m, f, _extra_files=None):
    """Write a traced model to a TorchScript archive, which ``torch.jit.load``, libtorch and :func:`load` read.

    Parameters
    ----------
    m : ScriptModule or ScriptFunction
        From :func:`trace` or :func:`load`.
    f : path or binary file
        A path is replaced as a whole, by a rename after the last byte is on the disk.
    _extra_files : dict of str to (str or bytes), optional
        Further records of the archive: class names, for instance.

    Raises
    ------
    CheckpointError
        If the file cannot be written: an OSError and a RuntimeError.
    """
    if not isinstance(m, (ScriptModule, ScriptFunction)):
        raise RuntimeError(f"jit.save: expected a traced model, got {type(m).__name__}: call jit.trace(model, "
                           "example_inputs) first")
    m.save(f, _extra_files)


def load(f, map_location=None, _extra_files=None, _restore_shapes=False):
    """Read a TorchScript archive of :func:`save` or of ``torch.jit.trace(...).save``.

    Parameters
    ----------
    f : path or binary file
        A file needs ``read``.
    map_location : optional
        Tensors come to the CPU, whatever it and the file say.
    _extra_files : dict, optional
        Its values are replaced by the bytes of the records that its keys name.
    _restore_shapes : bool, default False
        Accepted and ignored.

    Returns
    -------
    ScriptModule

    Raises
    ------
    ValueError
        If there is no such file.
    CheckpointError
        If it is damaged, is something else, or holds loops and branches: what ``torch.jit.script`` makes.
    NotImplementedError
        If the model uses an operator that pycnn does not have; the message names it.

    Notes
    -----
    The archive's source text is parsed as the straight-line code that a trace is. Nothing of it is run as Python, and
    nothing at all while it is loaded.
    """
    names = list(_extra_files or ())
    if isinstance(f, (str, os.PathLike)):
        path = os.fspath(f)
        if not os.path.exists(path):
            raise ValueError(f"The provided filename {path} does not exist")
        if os.path.isdir(path):
            raise ValueError(f"The provided filename {path} is a directory")
        result = _C.load_torchscript(path, names)
    else:
        data = f.getbuffer() if isinstance(f, io.BytesIO) and f.tell() == 0 else f.read()
        result = _C.load_torchscript_bytes(data, str(getattr(f, "name", "file")), names)
    graph, modules, tensors, training, extra = result
    parameters = {number for _, attributes, _ in modules for _, number, is_parameter in attributes if is_parameter}
    tensors = [Parameter(t, requires_grad=t.requires_grad) if k in parameters else t for k, t in enumerate(tensors)]
    for name, value in extra.items():
        _extra_files[name] = value
    return RecursiveScriptModule._build(graph, modules, tensors, training)
