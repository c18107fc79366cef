"""MNIST's files, of noise."""

import numpy as np


def idx(array, code=8):
    return bytes([0, 0, code, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def write_mnist(folder, sizes={"train": 40, "t10k": 15}, names="{}-{}"):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(5)
    for split, n in sizes.items():
        images = rng.integers(0, 256, (n, 7, 7, 1, 1),
                              dtype=np.uint8).repeat(4, 3).repeat(4, 4).transpose(0, 1, 3, 2, 4)
        (folder / names.format(split, "images-idx3-ubyte")).write_bytes(idx(images.reshape(n, 28, 28)))
        (folder / names.format(split, "labels-idx1-ubyte")).write_bytes(idx(rng.integers(0, 10, n, dtype=np.uint8)))
