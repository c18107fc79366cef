"""Makes cifar10-sample.tar.xz, the sample of CIFAR-10 that comes with the package, from the full set.

    python make_sample.py FOLDER      FOLDER holds cifar-10-batches-py

500 training and 100 test images of each class, the first of each, in the set's order. Contact sheets of 50 x 20 images
in JPEG: one file for each image would spend more bytes on headers than on pixels. labels.json lists the classes.
"""

import io
import json
import pickle
import sys
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

COLUMNS, ROWS = 50, 20
SHEET = COLUMNS * ROWS


def read(folder, names):
    """Pixels [n, 32, 32, 3] and labels of batches of the full set, which is trusted here."""
    batches = [pickle.loads((folder / name).read_bytes(), encoding="latin1") for name in names]
    pixels = np.concatenate([b["data"] for b in batches]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return pixels, np.concatenate([b["labels"] for b in batches])


def choose(labels, each):
    """Positions of the first `each` images of every class, in order."""
    return np.sort(np.concatenate([np.flatnonzero(labels == c)[:each] for c in range(10)]))


def main():
    folder = Path(sys.argv[1]) / "cifar-10-batches-py"
    labels = {}
    with tarfile.open(Path(__file__).with_name("cifar10-sample.tar.xz"), "w:xz", preset=9) as archive:
        def add(name, data):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))

        for split, names, each in (("train", [f"data_batch_{k}" for k in range(1, 6)], 500),
                                   ("test", ["test_batch"], 100)):
            pixels, classes = read(folder, names)
            chosen = choose(classes, each)
            labels[split] = classes[chosen].tolist()
            for k in range(0, len(chosen), SHEET):
                sheet = pixels[chosen[k:k + SHEET]].reshape(ROWS, COLUMNS, 32, 32, 3)
                sheet = sheet.transpose(0, 2, 1, 3, 4).reshape(ROWS * 32, COLUMNS * 32, 3)
                data = io.BytesIO()
                Image.fromarray(sheet).save(data, "JPEG", quality=70, subsampling=2, optimize=True, progressive=True)
                add(f"{split}_{k // SHEET}.jpg", data.getvalue())
        add("labels.json", json.dumps(labels, separators=(",", ":")).encode())


if __name__ == "__main__":
    main()
