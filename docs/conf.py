"""Sphinx's settings. `make docs` builds the site into build/docs; nothing is fetched."""

import inspect
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE), str(HERE.parent / "tests")]

import generate  # noqa: E402
import pycnn  # noqa: E402

project, author, copyright = "pycnn", "the authors of pycnn", "the authors of pycnn"
release = version = pycnn.__version__
extensions = ["sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["performance_results.rst"]
default_role = "code"
nitpicky = False

html_theme = "furo"
html_title = f"pycnn {release}"
html_show_sourcelink = html_copy_source = False

numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"


SIGNATURES = re.compile(r"\A\w+\(.*\)\n\w+\(.*\)\n")


def keep_overloads(app, what, name, obj, options, signature, returns):
    """Sphinx has found one signature for each overload; numpydoc would make one line of them."""
    if SIGNATURES.match(inspect.getdoc(obj) or ""):
        return signature, returns


def setup(app):
    app.connect("autodoc-process-signature", keep_overloads, priority=1)
    generate.write(HERE / "generated")
