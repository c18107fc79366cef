"""Writes the pages of the site that are made from the package itself: docs/generated.

    python docs/generate.py

The reference lists what the modules hold, the table of names too; the catalogue of errors makes every mistake of
tests/bad_input.py and shows what pycnn answers.
"""

import contextlib
import inspect
import io
import os
import re
import sys
import tempfile
import unittest.mock
import warnings
from pathlib import Path

import pycnn
from pycnn import _C, vision

MODULES = {  # page -> (title, modules)
    "functions": ("pycnn: functions on tensors", ["pycnn"]),
    "tensor": ("Tensor", []),
    "nn": ("pycnn.nn: layers", [
        "pycnn.nn", "pycnn.nn.parameter", "pycnn.nn.utils", "pycnn.nn.utils.prune", "pycnn.nn.utils.parametrize",
        "pycnn.nn.utils.parametrizations"]),
    "functional": ("pycnn.nn.functional", ["pycnn.nn.functional"]),
    "init": ("pycnn.nn.init: initial values", ["pycnn.nn.init"]),
    "optim": ("pycnn.optim: optimizers and schedules", ["pycnn.optim", "pycnn.optim.lr_scheduler",
                                                          "pycnn.optim.swa_utils"]),
    "autograd": ("pycnn.autograd and gradients", ["pycnn.autograd", "pycnn.autograd.function"]),
    "data": ("pycnn.utils.data: data sets and loaders", ["pycnn.utils.data"]),
    "datasets": ("pycnn.vision.datasets", ["pycnn.vision.datasets"]),
    "transforms": ("pycnn.vision.transforms", ["pycnn.vision.transforms", "pycnn.vision.transforms.functional"]),
    "transforms_v2": ("pycnn.vision.transforms.v2", [
        "pycnn.vision.transforms.v2", "pycnn.vision.transforms.v2.functional", "pycnn.vision.tv_tensors"]),
    "models": ("pycnn.vision.models and ops", [
        "pycnn.vision.models", "pycnn.vision.models.feature_extraction", "pycnn.vision.ops"]),
    "images": ("pycnn.vision.io and utils: image files", ["pycnn.vision.io", "pycnn.vision.utils"]),
    "linalg": ("pycnn.linalg and distributions", ["pycnn.linalg", "pycnn.distributions"]),
    "metrics": ("pycnn.metrics and pycnn.plot", ["pycnn.metrics", "pycnn.plot"]),
    "jit": ("pycnn.jit: export", ["pycnn.jit"]),
    "tools": ("Random numbers, files and the rest", [
        "pycnn.random", "pycnn.serialization", "pycnn.hub", "pycnn.utils.tensorboard", "pycnn.amp",
        "pycnn.multiprocessing", "pycnn.backends", "pycnn.cuda", "pycnn.accelerator", "pycnn.distributed"]),
}


def members(module):
    """(name, object) of what a module offers and pycnn made; each object under the first of its names."""
    seen = set()
    for name in sorted(dir(module), key=lambda n: (n.lower(), n)):
        thing = getattr(module, name)
        home = getattr(thing, "__module__", None) or "pycnn"
        if name.startswith("_") or inspect.ismodule(thing) or not home.startswith("pycnn") or not callable(thing):
            continue
        if id(thing) not in seen:
            seen.add(id(thing))
            yield name, thing


def heading(text, mark="="):
    return f"{text}\n{mark * len(text)}\n\n"


def directive(module, name, thing):
    """The autodoc directive of one name."""
    if inspect.isclass(thing):
        own = "   :members:\n   :exclude-members: forward, extra_repr\n" if not issubclass(thing, BaseException) else ""
        return f".. autoclass:: {module}.{name}\n{own}\n"
    return f".. autofunction:: {module}.{name}\n\n"


def reference():
    """{page: text} of the reference; each object stands on one page, under the first of its names."""
    pages, seen = {}, {id(pycnn.Tensor)}
    for page, (title, modules) in MODULES.items():
        text = heading(title)
        if page == "tensor":
            pages[page] = text + ".. autoclass:: pycnn.Tensor\n   :members:\n   :inherited-members:\n"
            continue
        for module_name in modules:
            module = sys.modules.get(module_name) or __import__(module_name, fromlist=["_"])
            if len(modules) > 1:
                text += heading(module_name, "-")
            text += f".. automodule:: {module_name}\n\n.. currentmodule:: {module_name}\n\n"
            for name, thing in members(module):
                if id(thing) not in seen:
                    seen.add(id(thing))
                    text += directive(module_name, name, thing)
        pages[page] = text
    toctree = heading("Reference") + ".. toctree::\n   :maxdepth: 1\n\n" + "".join(f"   {page}\n" for page in pages)
    return {**pages, "index": toctree}


NAMESPACES = [("torch", "pycnn"), ("torch.nn", "pycnn.nn"), ("torch.nn.functional", "pycnn.nn.functional"),
              ("torch.nn.init", "pycnn.nn.init"), ("torch.optim", "pycnn.optim"),
              ("torch.optim.lr_scheduler", "pycnn.optim.lr_scheduler"), ("torch.autograd", "pycnn.autograd"),
              ("torch.utils.data", "pycnn.utils.data"), ("torch.jit", "pycnn.jit"),
              ("torchvision.datasets", "pycnn.vision.datasets"), ("torchvision.transforms", "pycnn.vision.transforms"),
              ("torchvision.transforms.functional", "pycnn.vision.transforms.functional"),
              ("torchvision.transforms.v2", "pycnn.vision.transforms.v2"), ("torchvision.ops", "pycnn.vision.ops"),
              ("torch.linalg", "pycnn.linalg"), ("torch.distributions", "pycnn.distributions"),
              ("torchvision.models", "pycnn.vision.models"), ("torchvision.io", "pycnn.vision.io"),
              ("torchvision.utils", "pycnn.vision.utils")]


def names():
    """The table of names: for each of torch's namespaces what of it is here."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 22 22 56", "",
             "   * - torch", "     - here", "     - names"]
    rows = [(theirs, ours, sorted({n for n in dir(sys.modules.get(ours) or __import__(ours, fromlist=["_"]))
                                   if not n.startswith("_")}, key=str.lower)) for theirs, ours in NAMESPACES]
    rows.insert(1, ("torch.Tensor", "pycnn.Tensor", [n for n in dir(pycnn.Tensor) if not n.startswith("_")]))
    for theirs, ours, found in rows:
        listed = ", ".join(f"``{name}``" for name in found)
        lines += [f"   * - ``{theirs}``", f"     - ``{ours}``", f"     - {len(found)}: {listed}"]
    return "\n".join(lines) + "\n"


def said(error, folder):
    """What a user sees of an exception: its type, message and notes, without the folder it happened in."""
    message = "\n".join([str(error), *(note for note in getattr(error, "__notes__", ()) if note)])
    message = re.sub(r"pid\(s\) \d+", "pid(s) 4242", message.replace(str(folder), "/home/me"))
    return f"{type(error).__name__}: {message}"


def errors():
    """The catalogue of errors: every mistake of tests/bad_input.py and the answer to it."""
    import bad_input
    text, topic = "", None
    with tempfile.TemporaryDirectory() as folder:
        t = bad_input.library(pycnn, vision, Path(folder))
        for case in bad_input.CASES:
            head, _, what = case.name.partition(": ")
            if head != topic:
                topic, text = head, text + heading(head, "-")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    case.call(t)
                except Exception as error:
                    answer = said(error, folder)
                else:
                    raise AssertionError(f"tests/bad_input.py: '{case.name}' raises nothing")
            shown = "".join(f"   {line}\n" for line in answer.split("\n"))
            text += f"**{what}**\n\n.. code-block:: text\n\n{shown}\n"
    return text


def help_of(command):
    """What ``python -m pycnn COMMAND --help`` prints."""
    from pycnn.cli import main
    out = io.StringIO()
    wide = unittest.mock.patch.dict(os.environ, COLUMNS="100")
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit), wide:
        main([command, "--help"])
    return ".. code-block:: text\n\n" + "".join(f"   {line}".rstrip() + "\n" for line in out.getvalue().split("\n"))


def write(folder):
    """Write all generated pages below `folder`; files that would not change are left alone.

    Parameters
    ----------
    folder : Path
    """
    pages = {f"reference/{name}.rst": text for name, text in reference().items()}
    pages |= {f"{command}.txt": help_of(command) for command in ("train", "predict", "run")}
    pages |= {"names.txt": names(), "errors.txt": errors(), "operators.txt": f"There are {len(_C.rows())} rows.\n"}
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


if __name__ == "__main__":
    here = Path(__file__).parent
    sys.path.insert(0, str(here.parent / "tests"))
    write(here / "generated")
