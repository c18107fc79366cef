"""Every public name has a docstring in numpydoc's form that lists its parameters, results and errors."""

import ast
import enum
import functools
import importlib
import inspect
import pkgutil
import re
import textwrap

import pytest

import pycnn
from pycnn import _C

SECTIONS = ["Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns", "See Also", "Notes", "References",
            "Examples"]
TITLE = re.compile(r"^(%s)\n(-+)$" % "|".join(SECTIONS), re.M)
INTERNAL = ("pycnn.cli", "pycnn.data.make_sample", "pycnn.utils.data.worker", "pycnn.utils.data.memory",
            "pycnn.utils.tensorboard.proto")  # what no user imports
KINDS_OF_OSERROR = {"UnidentifiedImageError", "ContentTooShortError"}
# A layer's forward is what its class says, and so are the parts of a transform.
INHERITED = {"forward", "extra_repr", "transform", "make_params", "check_inputs"}


def modules():
    yield pycnn
    for found in pkgutil.walk_packages(pycnn.__path__, "pycnn."):
        if not any(part.startswith("_") for part in found.name.split(".")) and not found.name.startswith(INTERNAL):
            yield importlib.import_module(found.name)


def function_of(member):
    if isinstance(member, (staticmethod, classmethod)):
        return member.__func__
    return member.fget if isinstance(member, property) else member


@functools.cache
def public():
    """{dotted name: object} of every public function, class, method and property, by the name nearest the root."""
    found, seen = {}, set()

    def add(name, thing):
        if id(thing) not in seen:
            seen.add(id(thing))
            found[name] = thing

    for module in sorted(modules(), key=lambda m: m.__name__.count(".")):
        members = {name: getattr(module, name) for name in sorted(dir(module))}
        bases_first = sorted(members.items(), key=lambda m: len(m[1].__mro__) if inspect.isclass(m[1]) else 0)
        for name, thing in bases_first:
            home = getattr(thing, "__module__", None) or "pycnn"
            if name.startswith("_") or inspect.ismodule(thing) or not callable(thing) or not home.startswith("pycnn") \
                    or home.startswith(INTERNAL):
                continue
            add(f"{module.__name__}.{name}", thing)
            if inspect.isclass(thing):
                for cls in (c for c in thing.__mro__ if c.__module__.startswith("pycnn")):
                    for attribute, member in sorted(vars(cls).items()):
                        member = function_of(member)
                        if not attribute.startswith("_") and callable(member) and attribute not in INHERITED:
                            add(f"{module.__name__}.{name}.{attribute}", member)
    return found


def sections(doc):
    """The text before the first section, and {title: body}."""
    parts = TITLE.split(doc)
    return parts[0], dict(zip(parts[1::3], parts[3::3]))


def entries(body):
    """Names before the colons of a section's entries."""
    lines = [line for line in body.split("\n") if line and not line.startswith(" ")]
    return [name.strip().lstrip("*") for line in lines for name in line.split(" : ")[0].split(",")]


def tree_of(thing):
    """The syntax tree of a Python function, or of the ``__init__`` of a class that has its own; None for C."""
    if inspect.isclass(thing):
        thing = vars(thing).get("__init__")
    thing = inspect.unwrap(thing) if thing is not None else None
    if not inspect.isfunction(thing):
        return None
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]
    except (OSError, SyntaxError):  # made by namedtuple and the like
        return None


def own_nodes(tree):
    """Nodes of a function, without those of functions inside it."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            yield node
            yield from own_nodes(node)


def faults(name, thing):
    doc = inspect.getdoc(thing)
    if not doc:
        return ["no docstring"]
    found = []
    head, parts = sections(doc)
    head = re.sub(r"\A([\w.]+\(.*\)\n)+\n", "", head)
    summary = head.split("\n\n")[0].strip()
    if not re.search(r"[.?:]$", summary):
        found.append(f"the summary is no sentence: {summary!r}")
    titles = [t for t, _ in TITLE.findall(doc)]
    if titles != sorted(titles, key=SECTIONS.index) or any(len(t) != len(line) for t, line in TITLE.findall(doc)):
        found.append(f"sections are not in numpydoc's form and order: {titles}")
    try:
        parameters = [p for p in inspect.signature(thing).parameters if p not in ("self", "cls", "mcs")]
    except (ValueError, TypeError):
        parameters = None
    if inspect.isclass(thing) and issubclass(thing, (enum.Enum, tuple, BaseException)):
        parameters = None  # made by their base's rules
    if parameters == ["args", "kwargs"] and inspect.isclass(thing) and "__init__" not in vars(thing):
        parameters = []  # Module's, which refuses all of them
    listed = entries(parts.get("Parameters", ""))
    if parameters is not None and [p for p in parameters if p not in listed]:
        found.append(f"parameters without a word: {[p for p in parameters if p not in listed]}")
    if parameters is not None and [p for p in listed if p not in parameters] and "kwargs" not in parameters:
        found.append(f"no such parameters: {[p for p in listed if p not in parameters]}")
    tree = tree_of(thing)
    if tree is None:
        if parameters and not inspect.isclass(thing) and "Returns" not in parts:
            found.append("no Returns")
        return found
    nodes = list(own_nodes(tree))
    gives = any(isinstance(n, ast.Return) and n.value is not None for n in nodes) and not inspect.isclass(thing)
    yields = any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in nodes)
    if parameters and gives and "Returns" not in parts and not yields:
        found.append("no Returns")
    if yields and "Yields" not in parts:
        found.append("no Yields")
    raised = {ast.unparse(n.exc.func) for n in nodes if isinstance(n, ast.Raise) and isinstance(n.exc, ast.Call)
              and ast.unparse(n.exc.func).endswith("Error")}
    told = parts.get("Raises", "") + parts.get("Notes", "")
    names = {e.rpartition(".")[2] for e in raised}
    if "OSError" in told:
        names -= KINDS_OF_OSERROR
    if any(name not in told for name in names):
        found.append(f"does not say that it raises {sorted(raised)}")
    return found


def test_every_public_name_is_documented():
    wrong = {name: faults(name, thing) for name, thing in public().items()}
    lines = [f"{name}: {'; '.join(f)}" for name, f in sorted(wrong.items()) if f]
    assert not lines, "\n" + "\n".join(lines)


def test_the_lines_of_a_row_are_about_its_parameters():
    for schema, _, doc, _ in _C.rows():
        summary, *lines = doc.split("\n")
        names = re.findall(r"(\w+)(?=[=,)])", schema.partition("->")[0])
        assert re.search(r"[.?]$", summary), schema
        assert all(line.partition(": ")[0] in (*names, "returns", "note") for line in lines), schema


def test_the_check_sees_what_is_missing():
    def bad(x, y=1):
        """No sentence

        Parameters
        ----------
        z : int
        """
        if y:
            raise ValueError("y")
        return x
    assert len(faults("bad", bad)) == 5


@pytest.mark.parametrize("name", ["pycnn.relu", "pycnn.Tensor.sum", "pycnn.nn.Linear", "pycnn.optim.Optimizer.step"])
def test_what_is_walked(name):
    assert name in public()
