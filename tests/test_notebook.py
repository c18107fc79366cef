"""The notebook runs from a clean kernel without a word on stderr; what is committed is the outcome of such a run."""

import base64
import io
import os
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
PATH = ROOT / "notebooks" / "cifar10.ipynb"
PICTURES = 5  # sample images, augmented ones, curves, confusion matrix, mistakes


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def pictures(notebook):
    data = [output.get("data", {}).get("image/png") for output in outputs(notebook)]
    return [Image.open(io.BytesIO(base64.b64decode(d))).convert("RGB") for d in data if d]


def text(notebook):
    return "\n".join(o.get("text", "") + str(o.get("data", {}).get("text/plain", "")) for o in outputs(notebook))


def check(notebook):
    """What must hold of the notebook's outputs, fresh or committed."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [o for o in outputs(notebook) if o.output_type == "error" or o.get("name") == "stderr"]
    drawn = pictures(notebook)
    assert len(drawn) == PICTURES
    for picture in drawn:
        pixels = np.asarray(picture).reshape(-1, 3)
        assert picture.width > 400 and len(np.unique(pixels, axis=0)) > 50
    assert float(re.search(r"top 1: ([\d.]+)%", text(notebook)).group(1)) > 40
    assert float(re.search(r"largest difference of the outputs: (\S+)", text(notebook)).group(1)) < 1e-5
    states = [model["state"]
              for model in notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"].values()]
    bars = [state for state in states if state["_model_name"] == "FloatProgressModel"]
    assert len(bars) == 3
    assert all(bar["value"] == bar["max"] > 0 and bar["bar_style"] == "success"
               for bar in bars), "a bar has not come to its end"


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of Jupyter's own modules; the notebook's warnings are on its stderr
def test_runs_from_a_clean_kernel(tmp_path, monkeypatch):
    from nbclient import NotebookClient
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    notebook = nbformat.read(PATH, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata.pop("widgets")
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    check(notebook)
    assert {"model.pth", "model.pt"} <= {p.name for p in tmp_path.iterdir()}


def test_what_is_committed():
    notebook = nbformat.read(PATH, 4)
    nbformat.validate(notebook)
    check(notebook)
    assert PATH.stat().st_size < 1_500_000
    assert not re.search(r"/(root|home|tmp|work)/", PATH.read_text()), "a path of somebody's machine"
