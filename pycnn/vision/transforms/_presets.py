"""Transforms that published weights were validated with: what ``weights.transforms()`` returns."""

from pycnn import _C
from pycnn._tensor import Tensor
from pycnn.nn import Module
from pycnn.vision.transforms import functional as F
from pycnn.vision.transforms._parameters import InterpolationMode


class ImageClassification(Module):
    """Resize, cut out the middle, scale to [0, 1] and normalise.

    Parameters
    ----------
    crop_size : int
        Side of the result.
    resize_size : int, default 256
        What the shorter side becomes first.
    mean, std : tuple of float
        By channel; ImageNet's by default.
    interpolation : InterpolationMode, default BILINEAR
    antialias : bool, default True
    """

    def __init__(self, *, crop_size, resize_size=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
                 interpolation=InterpolationMode.BILINEAR, antialias=True):
        super().__init__()
        self.crop_size, self.resize_size = [crop_size], [resize_size]
        self.mean, self.std = list(mean), list(std)
        self.interpolation, self.antialias = interpolation, antialias

    def forward(self, img):
        """Return the float32 Tensor [C, crop_size, crop_size] of one image."""
        img = F.resize(img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias)
        img = F.center_crop(img, self.crop_size)
        if not isinstance(img, Tensor):
            img = F.pil_to_tensor(img)
        return F.normalize(F.convert_image_dtype(img, _C.float32), self.mean, self.std)

    def __repr__(self):
        fields = ("crop_size", "resize_size", "mean", "std", "interpolation")
        return "ImageClassification(" + "".join(f"\n    {name}={getattr(self, name)}" for name in fields) + "\n)"

    def describe(self):
        """Return what it does, in words."""
        return ("Accepts ``PIL.Image`` and single ``(C, H, W)`` image ``torch.Tensor`` objects. The images are resized "
                f"to ``resize_size={self.resize_size}`` using ``interpolation={self.interpolation}``, followed by a "
                f"central crop of ``crop_size={self.crop_size}``. Finally the values are first rescaled to ``[0.0, "
                f"1.0]`` and then normalized using ``mean={self.mean}`` and ``std={self.std}``.")
