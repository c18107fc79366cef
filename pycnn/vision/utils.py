"""Batches of images as pictures: torchvision.utils."""

import math
import os

from pycnn import _C
from pycnn._missing import getattr_of as _getattr_of
from pycnn._files import replacing as _replacing
from pycnn._tensor import Tensor
from pycnn.autograd.grad_mode import no_grad

__all__ = ["make_grid", "save_image"]


def _normalized(img, low, high):
    """Between 0 and 1, in place."""
    img.clamp_(low, high)
    img.sub_(low).div_(max(high - low, 1e-5))


@no_grad()
def make_grid(tensor, nrow=8, padding=2, normalize=False, value_range=None, scale_each=False, pad_value=0.0):
    """Put images side by side.

    Parameters
    ----------
    tensor : Tensor [B, C, H, W] or list of Tensor [C, H, W]
    nrow : int, default 8
        Images in a row.
    padding : int, default 2
        Pixels between them.
    normalize : bool, default False
        Stretch the values to 0 to 1.
    value_range : tuple of two numbers, optional
        The values that become 0 and 1; default: the smallest and the largest.
    scale_each : bool, default False
        Stretch each image by itself.
    pad_value : float, default 0
        Between the images.

    Returns
    -------
    Tensor [C, H, W]
        Of 3 channels where the images have one.

    Raises
    ------
    TypeError
        If something else is given.
    """
    if isinstance(tensor, list):
        for t in tensor:
            if not isinstance(t, Tensor):
                raise TypeError(f"tensor or list of tensors expected, got a list containing {type(t)}")
        tensor = _C.fn.stack(tensor)
    elif not isinstance(tensor, Tensor):
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    while tensor.dim() < 4:
        tensor = tensor.unsqueeze(0)
    if tensor.shape[1] == 1:
        tensor = _C.fn.cat([tensor] * 3, 1)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
        tensor = tensor.clone()
        for part in tensor if scale_each else [tensor]:
            _normalized(part, *(value_range or (part.min().item(), part.max().item())))
    n, c, h, w = tensor.shape
    if n == 1:
        return tensor.squeeze(0)
    columns = min(nrow, n)
    h, w = h + padding, w + padding
    grid = tensor.new_full((c, h * math.ceil(n / columns) + padding, w * columns + padding), pad_value)
    for k in range(n):
        top, left = k // columns * h + padding, k % columns * w + padding
        grid[:, top:top + h - padding, left:left + w - padding] = tensor[k]
    return grid


@no_grad()
def save_image(tensor, fp, format=None, **kwargs):
    """Write images, side by side, as one picture.

    Parameters
    ----------
    tensor : Tensor or list of Tensor
        As for :func:`make_grid`, with values from 0 to 1.
    fp : path or file
    format : str, optional
        Pillow's name; default: by the extension of `fp`.
    **kwargs
        Passed to :func:`make_grid`.

    Raises
    ------
    ValueError
        If the name's extension tells no format.
    """
    from PIL import Image
    grid = make_grid(tensor, **kwargs)
    image = Image.fromarray(grid.mul(255).add_(0.5).clamp_(0, 255).permute(1, 2, 0).to(_C.uint8).contiguous().numpy())
    if not isinstance(fp, (str, os.PathLike)):
        image.save(fp, format=format)
        return
    if format is None:
        extension = os.path.splitext(fp)[1].lower()
        format = Image.registered_extensions().get(extension)
        if format is None:
            raise ValueError(f"unknown file extension: {extension}")
    with _replacing(fp) as file:
        image.save(file, format=format)


__getattr__ = _getattr_of(__name__, __all__)
