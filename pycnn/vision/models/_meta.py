"""What is known about weights trained on ImageNet-1K, in torchvision's form."""

from functools import partial
from pathlib import Path

import pycnn
from pycnn.vision.models._api import Weights
from pycnn.vision.transforms._presets import ImageClassification
from pycnn.vision.transforms.functional import InterpolationMode

IMAGENET_CATEGORIES = (Path(pycnn.__file__).parent / "data/imagenet_categories.txt").read_text("utf-8").splitlines()

REFERENCES = "https://github.com/pytorch/vision/tree/main/references/classification"
RECIPES = "https://github.com/pytorch/vision/issues/3995"
PAPER = "These weights reproduce closely the results of the paper using a simple training recipe."
_BLOG = "https://pytorch.org/blog/how-to-train-state-of-the-art-models-using-torchvision-latest-primitives/"
TUNED_RECIPE = ("These weights improve upon the results of the original paper by using a modified version of "
                f"TorchVision's\n`new training recipe\n<{_BLOG}>`_.")
NEW_RECIPE = ("These weights improve upon the results of the original paper by using TorchVision's `new training "
              f"recipe\n<{_BLOG}>`_.")
PORTED = "These weights are ported from the original paper."
FROM_SCRATCH = f"These weights were trained from scratch by using TorchVision's `new training recipe\n<{_BLOG}>`_."
BICUBIC = {"interpolation": InterpolationMode.BICUBIC}
_LICENSE = "https://github.com/facebookresearch/SWAG/blob/main/LICENSE"
SWAG_E2E = {"recipe": "https://github.com/facebookresearch/SWAG", "preset": BICUBIC, "license": _LICENSE,
            "docs": "These weights are learnt via transfer learning by end-to-end fine-tuning the original `SWAG "
                    "<https://arxiv.org/abs/2201.08371>`_ weights on ImageNet-1K data."}
SWAG_LINEAR = {"recipe": "https://github.com/pytorch/vision/pull/5793", "resize": 224, "preset": BICUBIC,
               "license": _LICENSE,
               "docs": "These weights are composed of the original frozen `SWAG <https://arxiv.org/abs/2201.08371>`_ "
                       "trunk weights and a linear classifier learnt on top of them trained on ImageNet-1K data."}


def imagenet(file, num_params, top1, top5, ops, file_size, recipe, docs=PAPER, resize=256, crop=224, preset=None,
             **more):
    """Return the Weights of one file.

    Parameters
    ----------
    file : str
        Its name; the part after the last dash starts the SHA-256.
    num_params : int
    top1, top5 : float
        Accuracy on ImageNet-1K's validation images, in per cent.
    ops, file_size : float
        Giga multiply-adds of an image; megabytes.
    recipe, docs : str
        Where the training is described; a sentence about it.
    resize, crop : int, default 256, 224
        Of the preset transform.
    preset : dict, optional
        Other parameters of it.
    **more
        Other entries of the meta dict, in torchvision's names.

    Returns
    -------
    Weights
    """
    meta = {"min_size": (1, 1), "categories": IMAGENET_CATEGORIES, "num_params": num_params, "recipe": recipe,
            "_metrics": {"ImageNet-1K": {"acc@1": top1, "acc@5": top5}}, "_ops": ops, "_file_size": file_size,
            "_docs": docs, **more}
    options = ({} if resize == 256 else {"resize_size": resize}) | (preset or {})
    transforms = partial(ImageClassification, crop_size=crop, **options)
    return Weights(f"https://download.pytorch.org/models/{file}", transforms, meta)
