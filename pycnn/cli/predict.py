"""``python -m pycnn predict``: the most probable classes of images."""

import json
import sys
from pathlib import Path

import pycnn as torch
from pycnn.cli import Mistake
from pycnn.cli.data import open_image, plain
from pycnn.cli.model import build


def predict(args):
    """Print classes and probabilities as `args` of the command line say; returns the exit status."""
    model, transform, classes = load_run(Path(args.run))
    failed = False
    for path in args.images:
        try:
            image = transform(open_image(path))
        except (OSError, ValueError) as error:
            print(f"error: {path} cannot be read as an image: {error}", file=sys.stderr)
            failed = True
            continue
        with torch.no_grad():
            values, indices = model(image.unsqueeze(0)).softmax(1).topk(min(args.top, len(classes)))
        print(path)
        for value, index in zip(values[0].tolist(), indices[0].tolist()):
            print(f"  {100 * value:5.1f} %  {classes[index]}")
    return int(failed)


def load_run(run):
    """Return the model of a run, in eval mode, the transform that its images need, and its classes.

    Parameters
    ----------
    run : Path
        Folder that ``python -m pycnn train`` has written.

    Raises
    ------
    Mistake
        If it holds no finished run.
    """
    missing = [str(run / name) for name in ("metrics.json", "model.pth") if not (run / name).exists()]
    if missing:
        raise Mistake(f"{run} holds no finished run: {' and '.join(missing)} missing. python -m pycnn train writes one")
    try:
        facts = json.loads((run / "metrics.json").read_text())
        classes = [str(name) for name in facts["classes"]]
        transform = plain(**facts["view"])
        model = build(facts["model"], len(classes), facts["view"]["size"])
        model.load_state_dict(torch.load(run / "model.pth"))
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise Mistake(f"{run} is damaged: {error}") from error
    return model.eval(), transform, classes
