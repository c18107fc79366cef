"""Between pictures, arrays and Tensors, and normalisation."""

from pycnn import _C
from pycnn._default_dtype import get_default_dtype
from pycnn.nn import Module
from pycnn.vision.transforms import _pipeline
from pycnn.vision.transforms import functional as F
from pycnn.vision.transforms._base import DIVIDED, Step, takes_floats


class ToTensor:
    """Convert an image to a Tensor; bytes become floats from 0 to 1.

    See Also
    --------
    pycnn.vision.transforms.functional.to_tensor : shapes and dtypes.
    """

    def __call__(self, pic):
        """Convert one PIL Image or array of shape (H, W, C)."""
        return F.to_tensor(pic)

    def _steps_in(self, domain):
        fits = domain == _pipeline.PICTURE and get_default_dtype() == _C.float32
        return ((("to_tensor", DIVIDED),), _pipeline.FLOATS) if fits else None

    def __repr__(self):
        return f"{type(self).__name__}()"


class PILToTensor:
    """Convert a PIL Image to a Tensor of the same type, unscaled."""

    def __call__(self, pic):
        """Convert one PIL Image."""
        return F.pil_to_tensor(pic)

    def _steps_in(self, domain):
        return ((), _pipeline.BYTES) if domain == _pipeline.PICTURE else None

    def __repr__(self):
        return f"{type(self).__name__}()"


class ConvertImageDtype(Module):
    """Convert a Tensor image to a dtype, scaling values to its range.

    Parameters
    ----------
    dtype : dtype

    See Also
    --------
    pycnn.vision.transforms.functional.convert_image_dtype : what raises.
    """

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def forward(self, image):
        """Convert one Tensor."""
        return F.convert_image_dtype(image, self.dtype)

    def _steps_in(self, domain):
        if self.dtype != _C.float32 or domain not in (_pipeline.BYTES, _pipeline.FLOATS):
            return None
        return ((("to_tensor", DIVIDED),) if domain == _pipeline.BYTES else ()), _pipeline.FLOATS


class ToPILImage:
    """Convert a Tensor of shape (C, H, W) or an array of shape (H, W, C) to a PIL Image.

    Parameters
    ----------
    mode : str, optional
        Pillow's name of the colour space; by default the first that fits.
    """

    def __init__(self, mode=None):
        self.mode = mode

    def __call__(self, pic):
        """Convert one Tensor or array."""
        return F.to_pil_image(pic, self.mode)

    def __repr__(self):
        return f"{type(self).__name__}({f'mode={self.mode}' if self.mode is not None else ''})"


class Normalize(Step):
    """Subtract a mean from every channel and divide by a deviation.

    Parameters
    ----------
    mean, std : sequence of float
        One value per channel.
    inplace : bool, default False
        Change the given Tensor.

    Raises
    ------
    ValueError
        When called: a deviation is 0.
    TypeError
        When called: the image is no float Tensor.
    """

    _shown = ("mean", "std")
    _takes = takes_floats

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def _steps(self):
        mean, std = ([float(v) for v in (x if hasattr(x, "__len__") else [x])] for x in (self.mean, self.std))
        fits = len(mean) == len(std) and len(mean) in (1, 3)
        return (("normalize", *mean, *std),) if fits else None

    def forward(self, tensor):
        """Normalise one Tensor of shape (..., C, H, W)."""
        return F.normalize(tensor, self.mean, self.std, self.inplace)
